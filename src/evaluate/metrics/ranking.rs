//! Measures of an order: how well a score puts positives above negatives, whatever the threshold.

/// Texts in descending order of their scores. Texts of equal scores share a place.
///
/// ```
/// use plaint::evaluate::metrics::Ranking;
/// let ranking = Ranking::new([(0.9, true), (0.6, false), (0.6, true), (0.1, false)]);
/// assert_eq!(ranking.roc_auc(), Some(0.875)); // 3 of 4 pairs are in order, and one is tied
/// ```
#[derive(Debug, Clone)]
pub struct Ranking {
    /// One a distinct score, in descending order.
    steps: Vec<Step>,
}

/// Texts whose score is at least that of the step.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Step {
    pub score: f64,
    pub positives: u64,
    pub negatives: u64,
}

impl Step {
    fn precision(self) -> f64 {
        self.positives as f64 / (self.positives + self.negatives) as f64
    }
}

impl Ranking {
    /// Sorts pairs of score and whether the text is positive.
    pub fn new(scored: impl IntoIterator<Item = (f64, bool)>) -> Self {
        let mut scored: Vec<(f64, bool)> = scored.into_iter().collect();
        scored.sort_by(|(a, _), (b, _)| b.total_cmp(a));
        let mut reached = Step::default();
        let steps = scored
            .chunk_by(|(a, _), (b, _)| a == b)
            .map(|tied| {
                reached.score = tied[0].0;
                let positives = tied.iter().filter(|(_, positive)| *positive).count() as u64;
                reached.positives += positives;
                reached.negatives += tied.len() as u64 - positives;
                reached
            })
            .collect();
        Self { steps }
    }

    pub(super) fn steps(&self) -> &[Step] {
        &self.steps
    }

    pub(super) fn end(&self) -> Step {
        self.steps.last().copied().unwrap_or_default()
    }

    /// Each step with the one above it.
    fn pairs(&self) -> impl Iterator<Item = (Step, Step)> {
        std::iter::once(Step::default()).chain(self.steps.iter().copied()).zip(self.steps.iter().copied())
    }

    /// Area under the receiver operating characteristic: the probability that a positive scores above a negative, a tie
    /// counting half (Mann-Whitney U with mid-ranks). `None` without a positive or without a negative.
    pub fn roc_auc(&self) -> Option<f64> {
        let end = self.end();
        let area: f64 = self
            .pairs()
            .map(|(above, here)| {
                (here.negatives - above.negatives) as f64 * (here.positives + above.positives) as f64 / 2.0
            })
            .sum();
        let pairs = end.positives as f64 * end.negatives as f64;
        (pairs > 0.0).then(|| area / pairs)
    }

    /// Average precision, `sum((R_n - R_(n-1)) P_n)` over the distinct scores in descending order, without interpolation,
    /// as scikit-learn's `average_precision_score`. `None` without a positive.
    pub fn average_precision(&self) -> Option<f64> {
        let end = self.end();
        let sum: f64 =
            self.pairs().map(|(above, here)| (here.positives - above.positives) as f64 * here.precision()).sum();
        (end.positives > 0).then(|| sum / end.positives as f64)
    }

    /// The highest recall that some threshold reaches at a precision of at least `precision`; 0 if none does, `None`
    /// without a positive. The threshold is chosen on the very texts, so this is what an ideal choice would give.
    pub fn recall_at_precision(&self, precision: f64) -> Option<f64> {
        let end = self.end();
        let reached = self.steps.iter().filter(|step| step.precision() >= precision).map(|step| step.positives).max();
        (end.positives > 0).then(|| reached.unwrap_or(0) as f64 / end.positives as f64)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn cases_worked_by_hand() {
        let ranking = Ranking::new([(0.9, true), (0.8, false), (0.7, true), (0.7, false), (0.2, true)]);
        // Of 6 pairs: the best positive wins 2, the tied one loses 1 and draws 1, the last loses 2.
        assert_eq!(ranking.roc_auc(), Some(2.5 / 6.0));
        let third = 1.0 / 3.0;
        assert!((ranking.average_precision().unwrap() - (third + third * 2.0 / 4.0 + third * 3.0 / 5.0)).abs() < 1e-12);
        assert_eq!(ranking.recall_at_precision(0.5), Some(1.0));
        assert_eq!(ranking.recall_at_precision(0.7), Some(third));
        assert_eq!(Ranking::new([(0.9, false), (0.1, true)]).recall_at_precision(0.8), Some(0.0));
    }

    #[test]
    fn one_class_alone_cannot_be_ranked() {
        let (none, negatives, positives) =
            (Ranking::new([]), Ranking::new([(0.5, false)]), Ranking::new([(0.5, true)]));
        assert_eq!((none.roc_auc(), none.average_precision(), none.recall_at_precision(0.5)), (None, None, None));
        assert_eq!((negatives.roc_auc(), negatives.average_precision()), (None, None));
        assert_eq!((positives.roc_auc(), positives.average_precision()), (None, Some(1.0)));
    }

    proptest! {
        #[test]
        fn only_the_order_counts(scored in prop::collection::vec((0_u8..20, any::<bool>()), 1..60)) {
            let ranking = |map: fn(f64) -> f64| Ranking::new(scored.iter().map(|&(score, positive)| (map(score.into()), positive)));
            let (plain, mapped) = (ranking(|score| score), ranking(|score| (score / 3.0).exp() - 5.0));
            prop_assert_eq!(plain.roc_auc(), mapped.roc_auc());
            prop_assert_eq!(plain.average_precision(), mapped.average_precision());
            prop_assert_eq!(plain.recall_at_precision(0.8), mapped.recall_at_precision(0.8));
        }

        #[test]
        fn the_opposite_order_has_the_opposite_area(scored in prop::collection::vec((0_u8..20, any::<bool>()), 1..60)) {
            let area = |sign: f64| Ranking::new(scored.iter().map(|&(score, positive)| (sign * f64::from(score), positive))).roc_auc();
            match (area(1.0), area(-1.0)) {
                (Some(up), Some(down)) => prop_assert!((up + down - 1.0).abs() < 1e-12),
                (up, down) => prop_assert_eq!(up, down),
            }
        }
    }
}
