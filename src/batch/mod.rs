//! Batches: sequences packed end to end, and the plan that says which sequences share one.

mod packed;
mod planner;

pub use packed::PackedBatch;
pub use planner::plan;
