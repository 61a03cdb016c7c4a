//! How good a model is: labelled data in, measures with 95 % intervals out.
//!
//! | step | item | in | out |
//! | --- | --- | --- | --- |
//! | read | [`Dataset`] | JSON Lines | [`Example`]s and bad rows |
//! | score | [`score`] | examples and an [`Engine`](crate::Engine) | [`Scores`] |
//! | measure | [`Report`] | scores | measures by head and slice |
//!
//! [`evaluate`] does the last two; [`compare`] holds the scores of two models against each other, [`sweep`] tries all
//! thresholds of one. [`metrics`] needs neither engine nor data set, and [`suite`] holds a model against
//! single sentences: does a negation move the score, does a brand's name leave it alone?
//!
//! ```
//! # #[cfg(feature = "embedded-model")] {
//! use plaint::evaluate::{self, Example, Head, Labels, Measure};
//!
//! let example = |text: &str, complaint| Example {
//!     id: text.into(),
//!     text: text.into(),
//!     labels: Labels { complaint: Some(complaint), ..Labels::default() },
//!     ..Example::default()
//! };
//! let examples = [
//!     example("Seit drei Wochen kein Internet, und niemand ruft zurück!", true),
//!     example("Danke, läuft wieder, super Service!", false),
//! ];
//! let report = evaluate::evaluate(&plaint::Engine::embedded()?, &examples, &Default::default());
//! let complaint = report.overall(Head::Complaint).unwrap();
//! assert_eq!(complaint.measures[&Measure::MacroF1].value, 1.0);
//! # } Ok::<(), plaint::LoadError>(())
//! ```

mod bootstrap;
mod dataset;
mod head;
mod jsonl;
mod measure;
pub mod metrics;
mod paired;
mod point;
mod report;
mod score;
pub mod suite;
mod thresholds;

pub use bootstrap::bootstrap;
pub use dataset::{Dataset, Example, Labels};
pub use head::Head;
pub use jsonl::{ReadError, RowError};
pub use measure::Measure;
pub use paired::{Difference, HeadComparison, compare};
pub use report::{ClassReport, Dimension, Estimate, HeadReport, Options, Report, evaluate};
pub use score::{Failure, Scored, Scores, score};
pub use thresholds::sweep;
