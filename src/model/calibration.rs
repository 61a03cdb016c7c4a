//! Calibration: from logits to probabilities that can be taken at their word.

use serde::{Deserialize, Serialize};

use super::head_weights::SENTIMENTS;
use super::manifest::HeadKind;

/// How a head's logits are corrected before they become probabilities. Fitted on development data.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase", deny_unknown_fields)]
#[non_exhaustive]
pub enum Calibration {
    /// The logits as they are.
    None,
    /// `scale * logit + offset + cubic * logit^3` (Platt, *Probabilistic outputs for support vector machines*, 1999, with a
    /// cubic term). For binary and ordinal heads.
    Platt {
        /// Positive: calibration never changes an order.
        scale: f32,
        /// Shift of the logit.
        offset: f32,
        /// Not negative, for the same reason. It stretches the ends, which label smoothing has pressed together.
        #[serde(default, skip_serializing_if = "is_zero")]
        cubic: f32,
    },
    /// `logit / temperature + offset of the class` (bias-corrected temperature scaling; Alexandari et al., *Maximum
    /// likelihood with bias-corrected calibration is hard-to-beat at label shift adaptation*, ICML 2020). For
    /// multinomial heads; without offsets for the others, too.
    Temperature {
        /// Positive; above 1 it makes the model less sure of itself.
        temperature: f32,
        /// Of each class. They correct for how often the classes came in training.
        #[serde(default)]
        offsets: [f32; SENTIMENTS],
    },
}

/// For fields that are left out at 0.
pub(crate) fn is_zero(value: &f32) -> bool {
    *value == 0.0
}

impl Calibration {
    /// The corrected logit of an output; for a multinomial head that is the class.
    pub fn apply(self, output: usize, logit: f32) -> f32 {
        match self {
            Self::None => logit,
            // In this order a term of 0 stays 0, however large the logit.
            Self::Platt { scale, offset, cubic } => logit * (scale + cubic * logit * logit) + offset,
            Self::Temperature { temperature, offsets } => {
                logit / temperature + offsets.get(output).copied().unwrap_or(0.0)
            }
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
            Self::Platt { scale, offset, cubic } => {
                positive("scale", scale)?;
                if !offset.is_finite() {
                    return Err(("offset", offset.to_string(), "a finite number"));
                }
                match cubic >= 0.0 && cubic.is_finite() {
                    true => Ok(()),
                    false => Err(("cubic", cubic.to_string(), "zero or a positive number")),
                }
            }
            Self::Temperature { temperature, offsets } => {
                positive("temperature", temperature)?;
                match offsets.into_iter().find(|offset| !offset.is_finite()) {
                    Some(offset) => Err(("offsets", offset.to_string(), "finite numbers")),
                    None if kind != HeadKind::Multinomial && offsets != [0.0; SENTIMENTS] => {
                        Err(("offsets", format!("{offsets:?}"), "none, for a head that is not multinomial"))
                    }
                    None => Ok(()),
                }
            }
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
        assert_eq!(Calibration::None.apply(0, 3.0), 3.0);
        assert_eq!(Calibration::Platt { scale: 2.0, offset: -1.0, cubic: 0.0 }.apply(0, 3.0), 5.0);
        assert_eq!(Calibration::Platt { scale: 2.0, offset: -1.0, cubic: 0.5 }.apply(0, -2.0), -9.0);
        assert_eq!(Calibration::Platt { scale: 1.0, offset: 0.0, cubic: 0.0 }.apply(0, 1e30), 1e30);
        assert_eq!(Calibration::Platt { scale: 1.0, offset: 0.0, cubic: 0.1 }.apply(0, -1e30), f32::NEG_INFINITY);
        let temperature = Calibration::Temperature { temperature: 2.0, offsets: [0.5, 0.0, -1.0] };
        assert_eq!([0, 1, 2].map(|class| temperature.apply(class, 3.0)), [2.0, 1.5, 0.5]);
    }

    #[test]
    fn no_calibration_may_change_an_order() {
        let platt = |scale, cubic| Calibration::Platt { scale, offset: 0.0, cubic }.check(HeadKind::Binary);
        assert_eq!(platt(1.0, 0.1), Ok(()));
        assert_eq!(platt(0.0, 0.1).unwrap_err().0, "scale");
        assert_eq!(platt(1.0, -0.1).unwrap_err().0, "cubic");
        assert_eq!(platt(1.0, f32::INFINITY).unwrap_err().0, "cubic");
    }

    #[test]
    fn offsets_are_for_classes() {
        let offsets = |offsets| Calibration::Temperature { temperature: 1.0, offsets };
        assert_eq!(offsets([0.1, 0.0, 0.2]).check(HeadKind::Multinomial), Ok(()));
        assert_eq!(offsets([0.0; 3]).check(HeadKind::Binary), Ok(()));
        assert_eq!(offsets([0.1, 0.0, 0.2]).check(HeadKind::Binary).unwrap_err().0, "offsets");
        assert_eq!(offsets([f32::NAN, 0.0, 0.0]).check(HeadKind::Multinomial).unwrap_err().0, "offsets");
    }
}
