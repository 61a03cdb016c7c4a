//! Losses of the three heads, masked: a text teaches only the heads that it has targets for.

use tch::{Kind, Reduction, Tensor};

use super::network::Logits;
use super::target::{CUTS, SENTIMENTS, Target};

/// In place of a logit that must not win.
const EXCLUDED: f64 = -1e4;

/// Sums over a batch, as scalars in f32 with their gradients.
pub(super) struct Losses {
    /// Cross-entropy of the complaint head.
    pub complaint: Tensor,
    /// Cross-entropy of the sentiment head.
    pub sentiment: Tensor,
    /// Mean over the cuts of the binary cross-entropies "above the cut" (Cao, Mirjalili & Raschka, *Rank consistent
    /// ordinal regression*, 2020).
    pub urgency: Tensor,
}

impl Losses {
    pub(super) fn new(logits: &Logits, targets: &[Target]) -> Self {
        let column =
            |value: &dyn Fn(&Target) -> f32| Tensor::from_slice(&targets.iter().map(value).collect::<Vec<_>>());
        let matrix = |values: Vec<f32>, columns: usize| Tensor::from_slice(&values).view([-1, columns as i64]);

        let complaint = binary(&logits.complaint, &column(&|target| target.complaint));
        let urgency = binary(&logits.urgency, &matrix(targets.iter().flat_map(|t| t.urgency).collect(), CUTS));
        // Where annotators could not choose neutral, it takes no part in the softmax.
        let excluded =
            matrix(targets.iter().flat_map(|t| [0.0, f32::from(u8::from(!t.has_neutral)), 0.0]).collect(), SENTIMENTS);
        let log_probabilities = (logits.sentiment_of(targets) + excluded * EXCLUDED).log_softmax(-1, Kind::Float);
        let sentiment = log_probabilities * matrix(targets.iter().flat_map(|t| t.sentiment).collect(), SENTIMENTS);

        let sum = |losses: Tensor, weight: Tensor| (losses * weight).sum(Kind::Float);
        Self {
            complaint: sum(complaint, column(&|target| target.complaint_weight)),
            sentiment: sum(
                -sentiment.sum_dim_intlist(-1, false, Kind::Float),
                column(&|target| target.sentiment_weight),
            ),
            urgency: sum(urgency.mean_dim(-1, false, Kind::Float), column(&|target| target.urgency_weight)),
        }
    }

    pub(super) fn total(&self) -> Tensor {
        &self.complaint + &self.sentiment + &self.urgency
    }
}

fn binary(logits: &Tensor, targets: &Tensor) -> Tensor {
    logits.binary_cross_entropy_with_logits::<Tensor>(targets, None, None, Reduction::None)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn logits(complaint: f32, sentiment: [f32; 3], urgency: [f32; 4]) -> Logits {
        Logits {
            complaint: Tensor::from_slice(&[complaint]),
            sentiment: Tensor::from_slice(&sentiment).view([1, 3]),
            guide: None,
            urgency: Tensor::from_slice(&urgency).view([1, 4]),
        }
    }

    fn value(tensor: &Tensor) -> f32 {
        tensor.try_into().unwrap()
    }

    #[test]
    fn losses_by_hand() {
        let target = Target {
            complaint: 1.0,
            complaint_weight: 2.0,
            sentiment: [1.0, 0.0, 0.0],
            sentiment_weight: 1.0,
            has_neutral: true,
            by_guide: false,
            urgency: [1.0, 0.0, 0.0, 0.0],
            urgency_weight: 1.0,
        };
        let losses = Losses::new(&logits(0.0, [0.0; 3], [0.0; 4]), &[target]);
        assert!((value(&losses.complaint) - 2.0 * 2f32.ln()).abs() < 1e-6);
        assert!((value(&losses.sentiment) - 3f32.ln()).abs() < 1e-6);
        assert!((value(&losses.urgency) - 2f32.ln()).abs() < 1e-6);
        let two_class = Target { has_neutral: false, ..target };
        let losses = Losses::new(&logits(0.0, [0.0, 50.0, 0.0], [0.0; 4]), &[two_class]);
        assert!((value(&losses.sentiment) - 2f32.ln()).abs() < 1e-6);
    }

    #[test]
    fn what_is_labelled_by_the_guide_teaches_its_head_alone() {
        let target = Target {
            sentiment: [1.0, 0.0, 0.0],
            sentiment_weight: 1.0,
            has_neutral: true,
            by_guide: true,
            ..Target::default()
        };
        let guide = Tensor::from_slice(&[50.0f32, 0.0, 0.0, 50.0, 0.0, 0.0]).view([2, 3]);
        let sentiment = Tensor::from_slice(&[0.0f32; 6]).view([2, 3]);
        let logits = Logits { sentiment, guide: Some(guide), ..logits(0.0, [0.0; 3], [0.0; 4]) };
        let public = Target { by_guide: false, ..target };
        assert!((value(&Losses::new(&logits, &[target, public]).sentiment) - 3f32.ln()).abs() < 1e-6);
    }

    #[test]
    fn a_text_without_labels_teaches_nothing() {
        let unlabelled = Target { has_neutral: true, ..Target::default() };
        assert_eq!(value(&Losses::new(&logits(3.0, [1.0, 2.0, 3.0], [1.0; 4]), &[unlabelled]).total()), 0.0);
    }
}
