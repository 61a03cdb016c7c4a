//! What each threshold of a score would give.

use serde::Serialize;

use super::Ranking;

/// A ranking, cut at one threshold after the other.
///
/// ```
/// use plaint::evaluate::metrics::{Ranking, Sweep};
/// let sweep = Sweep::new(Ranking::new([(0.9, true), (0.6, false), (0.5, true), (0.1, false)]));
/// let cut = sweep.at(0.55);
/// assert_eq!((cut.precision(), cut.recall()), (Some(0.5), Some(0.5)));
/// // Who misses one in twenty must look at more: a missed text costs three times a false alarm.
/// assert_eq!(sweep.cheapest(3.0).threshold, 0.5);
/// ```
#[derive(Debug, Clone)]
pub struct Sweep {
    ranking: Ranking,
}

/// Texts by what a threshold makes of them: those with a score of at least `threshold` are called positive.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Cut {
    /// The threshold; infinite, `null` in JSON, if nothing is called positive.
    pub threshold: f64,
    /// Positives that are called so.
    pub found: u64,
    /// Positives that are not.
    pub missed: u64,
    /// Negatives that are called positive.
    pub false_alarms: u64,
    /// Negatives that are not.
    pub rejected: u64,
}

impl Cut {
    /// Share of the texts called positive that are; `None` if none is called so.
    pub fn precision(&self) -> Option<f64> {
        let called = self.found + self.false_alarms;
        (called > 0).then(|| self.found as f64 / called as f64)
    }

    /// Share of the positives that are called so; `None` without a positive.
    pub fn recall(&self) -> Option<f64> {
        let positives = self.found + self.missed;
        (positives > 0).then(|| self.found as f64 / positives as f64)
    }

    /// What its errors cost a text on average, in false alarms, if a missed positive costs `miss` of them; `None` without a
    /// text.
    pub fn cost(&self, miss: f64) -> Option<f64> {
        let texts = self.found + self.missed + self.false_alarms + self.rejected;
        (texts > 0).then(|| (self.false_alarms as f64 + miss * self.missed as f64) / texts as f64)
    }
}

impl Sweep {
    /// Cuts of `ranking`.
    pub fn new(ranking: Ranking) -> Self {
        Self { ranking }
    }

    /// What `threshold` makes of the texts.
    pub fn at(&self, threshold: f64) -> Cut {
        let reached = self.ranking.steps().partition_point(|step| step.score >= threshold);
        self.cut(reached, threshold)
    }

    /// What each of `steps + 1` thresholds gives, spread evenly from 0 to 1.
    pub fn grid(&self, steps: u32) -> Vec<Cut> {
        (0..=steps).map(|step| self.at(f64::from(step) / f64::from(steps))).collect()
    }

    /// The threshold of the least cost if a missed positive costs `miss` false alarms; of several the highest. It is chosen
    /// on the very texts, so it is what an ideal choice would give: choose yours on other texts (Elkan, *The foundations of
    /// cost-sensitive learning*, 2001: of calibrated probabilities it is `1 / (1 + miss)`).
    pub fn cheapest(&self, miss: f64) -> Cut {
        let cost = |cut: &Cut| cut.false_alarms as f64 + miss * cut.missed as f64;
        let nothing = self.cut(0, f64::INFINITY);
        let steps = self.ranking.steps().iter().zip(1..).map(|(step, reached)| self.cut(reached, step.score));
        steps.fold(nothing, |best, cut| if cost(&cut) < cost(&best) { cut } else { best })
    }

    /// With the first `reached` distinct scores called positive.
    fn cut(&self, reached: usize, threshold: f64) -> Cut {
        let here = reached.checked_sub(1).map_or_else(Default::default, |last| self.ranking.steps()[last]);
        let end = self.ranking.end();
        Cut {
            threshold,
            found: here.positives,
            missed: end.positives - here.positives,
            false_alarms: here.negatives,
            rejected: end.negatives - here.negatives,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn sweep() -> Sweep {
        Sweep::new(Ranking::new([(0.9, true), (0.8, false), (0.7, true), (0.7, false), (0.2, true)]))
    }

    #[test]
    fn a_threshold_includes_its_own_score() {
        let counts = |threshold| {
            let cut = sweep().at(threshold);
            (cut.found, cut.missed, cut.false_alarms, cut.rejected)
        };
        assert_eq!(counts(0.9), (1, 2, 0, 2));
        assert_eq!(counts(0.7), (2, 1, 2, 0));
        assert_eq!(counts(0.71), (1, 2, 1, 1));
        assert_eq!(counts(0.0), (3, 0, 2, 0));
        assert_eq!(sweep().at(1.0).precision(), None);
        assert_eq!(sweep().grid(4).iter().map(|cut| cut.found).collect::<Vec<_>>(), [3, 2, 2, 1, 0]);
    }

    #[test]
    fn the_dearer_a_miss_the_lower_the_threshold() {
        assert_eq!(sweep().cheapest(0.5).threshold, 0.9); // 2 * 0.5
        assert_eq!(sweep().cheapest(1.0).threshold, 0.9); // 2 misses; below it 1 + 2, 2 + 1 and 2 + 0, a tie
        assert_eq!(sweep().cheapest(10.0).threshold, 0.2); // 2 false alarms
        assert_eq!(Sweep::new(Ranking::new([(0.9, false)])).cheapest(9.0).threshold, f64::INFINITY);
        assert_eq!(Sweep::new(Ranking::new([])).cheapest(1.0).cost(1.0), None);
    }

    proptest! {
        #[test]
        fn no_threshold_is_cheaper_than_the_cheapest(
            scored in prop::collection::vec((0_u32..20, any::<bool>()), 1..40),
            miss in 0.1..20.0,
        ) {
            let scored: Vec<(f64, bool)> = scored.into_iter().map(|(score, positive)| (f64::from(score) / 20.0, positive)).collect();
            let sweep = Sweep::new(Ranking::new(scored.clone()));
            let best = sweep.cheapest(miss).cost(miss);
            for cut in sweep.grid(40) {
                prop_assert!(cut.cost(miss) >= best);
                let called = scored.iter().filter(|(score, _)| *score >= cut.threshold).count() as u64;
                prop_assert_eq!(cut.found + cut.false_alarms, called);
            }
        }
    }
}
