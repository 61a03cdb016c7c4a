//! Calibration: from logits to probabilities that can be taken at their word.

use serde::{Deserialize, Serialize};

use super::manifest::HeadKind;

/// How a head's logits are corrected before they become probabilities. Fitted on development data.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase", deny_unknown_fields)]
#[non_exhaustive]
pub enum Calibration {
    /// The logits as they are.
    None,
    /// `scale * logit + offset` (Platt, *Probabilistic outputs for support vector machines*, 1999). For binary and
    /// ordinal heads.
    Platt {
        /// Positive: calibration never changes an order.
        scale: f32,
        /// Shift of the logit.
        offset: f32,
    },
    /// `logit / temperature` (Guo et al., *On calibration of modern neural networks*, ICML 2017).
    Temperature {
        /// Positive; above 1 it makes the model less sure of itself.
        temperature: f32,
    },
}

impl Calibration {
    /// The corrected logit.
    pub fn apply(self, logit: f32) -> f32 {
        match self {
            Self::None => logit,
            Self::Platt { scale, offset } => scale * logit + offset,
            Self::Temperature { temperature } => logit / temperature,
        }
    }

    /// Whether the numbers are usable for a head of this kind; if not: field, found, expected.
    pub(super) fn check(self, kind: HeadKind) -> Result<(), (&'static str, String, &'static str)> {
        let positive = |field, value: f32| {
            if value > 0.0 && value.is_finite() { Ok(()) } else { Err((field, value.to_string(), "a positive number")) }
        };
        match self {
            Self::None => Ok(()),
            Self::Platt { .. } if kind == HeadKind::Multinomial => {
                Err(("kind", "platt".into(), "temperature or none, for a multinomial head"))
            }
            Self::Platt { scale, offset } => {
                positive("scale", scale)?;
                if offset.is_finite() { Ok(()) } else { Err(("offset", offset.to_string(), "a finite number")) }
            }
            Self::Temperature { temperature } => positive("temperature", temperature),
        }
    }
}

/// `1 / (1 + exp(-x))`, exact at both ends.
pub(super) fn sigmoid(x: f32) -> f32 {
    if x >= 0.0 {
        1.0 / (1.0 + (-x).exp())
    } else {
        let e = x.exp();
        e / (1.0 + e)
    }
}

/// Softmax in place, shifted by the maximum so that it cannot overflow.
pub(super) fn softmax(logits: &mut [f32]) {
    let max = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let mut sum = 0.0;
    for logit in logits.iter_mut() {
        *logit = (*logit - max).exp();
        sum += *logit;
    }
    for value in logits {
        *value /= sum;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sigmoid_by_hand() {
        assert_eq!(sigmoid(0.0), 0.5);
        assert!((sigmoid(2.0) - 0.880_797).abs() < 1e-6);
        assert!((sigmoid(-2.0) - 0.119_203).abs() < 1e-6);
        assert_eq!((sigmoid(200.0), sigmoid(-200.0)), (1.0, 0.0));
    }

    #[test]
    fn softmax_by_hand_and_without_overflow() {
        let mut logits = [1000.0, 1000.0 + 2f32.ln(), -1000.0];
        softmax(&mut logits);
        for (found, expected) in logits.into_iter().zip([1.0 / 3.0, 2.0 / 3.0, 0.0]) {
            assert!((found - expected).abs() < 1e-4, "{logits:?}");
        }
    }

    #[test]
    fn calibrations_by_hand() {
        assert_eq!(Calibration::None.apply(3.0), 3.0);
        assert_eq!(Calibration::Platt { scale: 2.0, offset: -1.0 }.apply(3.0), 5.0);
        assert_eq!(Calibration::Temperature { temperature: 2.0 }.apply(3.0), 1.5);
    }
}
