//! Batches: sequences packed end to end, and the plan that says which sequences share one.

mod packed;
mod padded;
mod planner;

pub use packed::PackedBatch;
pub use padded::padded_groups;
pub use planner::plan;
