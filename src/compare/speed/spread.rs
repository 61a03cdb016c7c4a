//! Figures of several runs.

use serde::{Deserialize, Serialize};

/// The median of a figure over runs, and how far they lie apart.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Spread {
    /// The middle one; of an even number the mean of the two in the middle.
    pub median: f64,
    /// The least.
    pub least: f64,
    /// The greatest.
    pub greatest: f64,
    /// How many runs.
    pub runs: usize,
}

impl Spread {
    /// Of the figures of all runs; `None` without one.
    pub fn of(values: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut values: Vec<f64> = values.into_iter().collect();
        values.sort_by(f64::total_cmp);
        let (least, greatest) = (*values.first()?, *values.last()?);
        let middle = values.len() / 2;
        let median = if values.len() % 2 == 1 { values[middle] } else { (values[middle - 1] + values[middle]) / 2.0 };
        Some(Self { median, least, greatest, runs: values.len() })
    }

    /// Whether the runs of one lie all on one side of the runs of the other. Only then a difference may be called real; of
    /// a single run each, never.
    pub fn is_apart_from(&self, other: &Self) -> bool {
        self.runs > 1 && other.runs > 1 && (self.greatest < other.least || other.greatest < self.least)
    }
}

/// The least value that at least a `share` of the values does not exceed (nearest rank); `None` of nothing.
pub(super) fn quantile(values: &[f64], share: f64) -> Option<f64> {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    let rank = (share * values.len() as f64).ceil() as usize;
    values.get(rank.max(1) - 1).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians_and_ranges() {
        let spread = Spread::of([3.0, 1.0, 2.0, 9.0]).unwrap();
        assert_eq!(spread, Spread { median: 2.5, least: 1.0, greatest: 9.0, runs: 4 });
        assert_eq!(Spread::of([]), None);
        let of = |values: &[f64]| Spread::of(values.iter().copied()).unwrap();
        assert!(of(&[1.0, 2.0]).is_apart_from(&of(&[2.1, 3.0])));
        assert!(of(&[2.1, 3.0]).is_apart_from(&of(&[1.0, 2.0])));
        assert!(!of(&[1.0, 2.2]).is_apart_from(&of(&[2.1, 3.0])));
        assert!(!of(&[1.0]).is_apart_from(&of(&[2.0])));
    }

    #[test]
    fn quantiles_are_values_that_were_seen() {
        let values: Vec<f64> = (1..=100).rev().map(f64::from).collect();
        let found = [0.5, 0.9, 0.99, 1.0].map(|share| quantile(&values, share));
        assert_eq!(found, [Some(50.0), Some(90.0), Some(99.0), Some(100.0)]);
        assert_eq!((quantile(&[7.0], 0.01), quantile(&[], 0.5)), (Some(7.0), None));
    }
}
