//! Weights of the three heads, as checkpoints hold them.

use super::weights::{Checkpoint, tensor_error};
use crate::assessment::{SentimentLabel, UrgencyLevel};
use crate::error::LoadError;

/// Number of sentiment labels.
pub(crate) const SENTIMENTS: usize = SentimentLabel::ALL.len();
/// Number of cuts between urgency levels.
pub(crate) const CUTS: usize = UrgencyLevel::ALL.len() - 1;

const COMPLAINT_WEIGHT: &str = "heads.complaint.weight";
const URGENCY_BIAS: &str = "heads.urgency.bias";

/// Weights of the three heads, uncalibrated: `[outputs, hidden]` row-major and one bias an output.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct HeadWeights {
    pub complaint_weight: Vec<f32>,
    pub complaint_bias: [f32; 1],
    pub sentiment_weight: Vec<f32>,
    pub sentiment_bias: [f32; SENTIMENTS],
    /// One row for all cuts.
    pub urgency_weight: Vec<f32>,
    /// Strictly falling.
    pub urgency_bias: [f32; CUTS],
}

impl HeadWeights {
    /// Reads and checks the heads of a checkpoint.
    pub(super) fn read(checkpoint: &Checkpoint<'_>, hidden: usize) -> Result<Self, LoadError> {
        let root = checkpoint.root();
        let weight = |name: &str, rows| root.matrix(name, rows, hidden).map(|matrix| matrix.to_f32());
        let bias = |name: &str, size| root.vector(name, size);
        let urgency_bias: [f32; CUTS] = to_array(bias(URGENCY_BIAS, CUTS)?);
        if !urgency_bias.is_sorted_by(|a, b| a > b) {
            let expected = "strictly falling numbers: each level is rarer than the one below it";
            return Err(tensor_error(URGENCY_BIAS, format!("{urgency_bias:?}"), expected));
        }
        Ok(Self {
            complaint_weight: weight(COMPLAINT_WEIGHT, 1)?,
            complaint_bias: to_array(bias("heads.complaint.bias", 1)?),
            sentiment_weight: weight("heads.sentiment.weight", SENTIMENTS)?,
            sentiment_bias: to_array(bias("heads.sentiment.bias", SENTIMENTS)?),
            urgency_weight: weight("heads.urgency.weight", 1)?,
            urgency_bias,
        })
    }
}

#[cfg(feature = "train")]
impl HeadWeights {
    /// Whether a checkpoint has heads.
    pub(super) fn are_in(checkpoint: &Checkpoint<'_>) -> bool {
        checkpoint.root().contains(COMPLAINT_WEIGHT)
    }

    /// Heads that say nothing yet: weights of zero, levels of urgency equally likely.
    pub(crate) fn fresh(hidden: usize) -> Self {
        let odds = |above: f32| (above / (1.0 - above)).ln();
        Self {
            complaint_weight: vec![0.0; hidden],
            complaint_bias: [0.0],
            sentiment_weight: vec![0.0; hidden * SENTIMENTS],
            sentiment_bias: [0.0; SENTIMENTS],
            urgency_weight: vec![0.0; hidden],
            urgency_bias: [0.8, 0.6, 0.4, 0.2].map(odds),
        }
    }
}

/// `values` has been checked to hold `N` numbers.
fn to_array<const N: usize>(values: Vec<f32>) -> [f32; N] {
    let mut array = [0.0; N];
    array.copy_from_slice(&values);
    array
}
