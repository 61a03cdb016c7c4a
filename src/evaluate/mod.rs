//! How good a model is: labelled data in, measures with intervals out.

mod dataset;
mod jsonl;
pub mod metrics;

pub use dataset::{Dataset, Example, Labels};
pub use jsonl::{ReadError, RowError};
