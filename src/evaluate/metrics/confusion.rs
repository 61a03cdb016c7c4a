//! Measures of decisions: how often which class was taken for which.

use serde::Serialize;

/// Counts of texts by gold and predicted class; classes are `0..classes`.
///
/// ```
/// use plaint::evaluate::metrics::Confusion;
/// let confusion = Confusion::new(2, [(0, 0), (0, 1), (1, 1), (1, 1)]);
/// assert_eq!(confusion.count(0, 1), 1);
/// assert_eq!((confusion.precision(1), confusion.recall(1)), (Some(2.0 / 3.0), Some(1.0)));
/// assert_eq!(confusion.accuracy(), Some(0.75));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Confusion {
    /// `rows[gold][predicted]`.
    rows: Vec<Vec<u64>>,
}

impl Confusion {
    /// Counts pairs of gold and predicted class.
    ///
    /// # Panics
    /// If a class is not below `classes`.
    pub fn new(classes: usize, pairs: impl IntoIterator<Item = (usize, usize)>) -> Self {
        let mut rows = vec![vec![0; classes]; classes];
        for (gold, predicted) in pairs {
            rows[gold][predicted] += 1;
        }
        Self { rows }
    }

    /// Number of classes.
    pub fn classes(&self) -> usize {
        self.rows.len()
    }

    /// Texts of class `gold` that were taken for `predicted`.
    pub fn count(&self, gold: usize, predicted: usize) -> u64 {
        self.rows[gold][predicted]
    }

    /// Number of texts.
    pub fn total(&self) -> u64 {
        self.rows.iter().flatten().sum()
    }

    /// Texts whose gold class is `class`.
    pub fn support(&self, class: usize) -> u64 {
        self.rows[class].iter().sum()
    }

    /// Texts that were taken for `class`.
    pub fn predicted(&self, class: usize) -> u64 {
        self.rows.iter().map(|row| row[class]).sum()
    }

    /// Share of the texts taken for `class` that are of it; `None` if there are none.
    pub fn precision(&self, class: usize) -> Option<f64> {
        ratio(self.count(class, class), self.predicted(class))
    }

    /// Share of the texts of `class` that were taken for it; `None` if there are none.
    pub fn recall(&self, class: usize) -> Option<f64> {
        ratio(self.count(class, class), self.support(class))
    }

    /// Harmonic mean of precision and recall, `2 tp / (2 tp + fp + fn)`; `None` if `class` is neither gold nor predicted
    /// anywhere.
    pub fn f1(&self, class: usize) -> Option<f64> {
        ratio(2 * self.count(class, class), self.support(class) + self.predicted(class))
    }

    /// Mean F1 over the classes that are gold or predicted somewhere, as scikit-learn's `f1_score(average="macro")`.
    pub fn macro_f1(&self) -> Option<f64> {
        self.mean_over_classes(|class| self.f1(class))
    }

    /// Mean recall over the classes that are gold somewhere: TweetEval's measure of sentiment, and scikit-learn's
    /// `balanced_accuracy_score`.
    pub fn macro_recall(&self) -> Option<f64> {
        self.mean_over_classes(|class| self.recall(class))
    }

    /// Share of texts whose class was found. For texts of one label this is micro-F1 too.
    pub fn accuracy(&self) -> Option<f64> {
        ratio((0..self.classes()).map(|class| self.count(class, class)).sum(), self.total())
    }

    /// Cohen's kappa with quadratic weights, for ordered classes: `1 - sum(w O) / sum(w E)` with `w = (i - j)^2`,
    /// observed counts `O` and the counts `E` expected of independent raters with the same margins (Cohen 1968). 1 is
    /// perfect, 0 as good as chance; `None` if gold and prediction are one and the same class throughout.
    pub fn quadratic_kappa(&self) -> Option<f64> {
        let (mut observed, mut expected) = (0.0, 0.0);
        let total = self.total() as f64;
        for gold in 0..self.classes() {
            for predicted in 0..self.classes() {
                let weight = gold.abs_diff(predicted).pow(2) as f64;
                observed += weight * self.count(gold, predicted) as f64;
                expected += weight * self.support(gold) as f64 * self.predicted(predicted) as f64 / total;
            }
        }
        (expected > 0.0).then(|| 1.0 - observed / expected)
    }

    /// Ordered classes made two: 0 below `class`, 1 from there on.
    pub fn at_least(&self, class: usize) -> Self {
        let mut rows = vec![vec![0; 2]; 2];
        for (gold, row) in self.rows.iter().enumerate() {
            for (predicted, count) in row.iter().enumerate() {
                rows[usize::from(gold >= class)][usize::from(predicted >= class)] += count;
            }
        }
        Self { rows }
    }

    fn mean_over_classes(&self, measure: impl Fn(usize) -> Option<f64>) -> Option<f64> {
        super::mean((0..self.classes()).filter_map(measure))
    }
}

fn ratio(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_case_worked_by_hand() {
        // gold\predicted  0 1 2
        //              0  2 1 0
        //              1  0 1 1
        //              2  1 0 4
        let pairs = [(0, 0), (0, 0), (0, 1), (1, 1), (1, 2), (2, 0), (2, 2), (2, 2), (2, 2), (2, 2)];
        let confusion = Confusion::new(3, pairs);
        assert_eq!((confusion.total(), confusion.support(0), confusion.predicted(2)), (10, 3, 5));
        assert_eq!(
            (confusion.precision(0), confusion.recall(0), confusion.f1(0)),
            (Some(2.0 / 3.0), Some(2.0 / 3.0), Some(4.0 / 6.0))
        );
        assert_eq!((confusion.precision(2), confusion.recall(2), confusion.f1(2)), (Some(0.8), Some(0.8), Some(0.8)));
        assert_eq!(confusion.accuracy(), Some(0.7));
        assert_eq!(confusion.macro_recall(), Some((2.0 / 3.0 + 0.5 + 0.8) / 3.0));
        assert_eq!(confusion.macro_f1(), Some((2.0 / 3.0 + 0.5 + 0.8) / 3.0));
        // Observed: 1 + 1 + 4 = 6. Expected, with gold margins 3 2 5 and predicted margins 3 2 5:
        // (2 * 3 * 2 + 2 * 2 * 5) / 10 + 4 * (2 * 3 * 5) / 10 = 3.2 + 12.
        assert!((confusion.quadratic_kappa().unwrap() - (1.0 - 6.0 / 15.2)).abs() < 1e-12);
        assert_eq!(confusion.at_least(1), Confusion { rows: vec![vec![2, 1], vec![1, 6]] });
    }

    #[test]
    fn what_is_undefined_is_none_and_leaves_the_means() {
        let empty = Confusion::new(2, []);
        assert_eq!((empty.macro_f1(), empty.accuracy(), empty.quadratic_kappa()), (None, None, None));
        let confusion = Confusion::new(3, [(0, 0), (0, 1)]);
        assert_eq!((confusion.recall(1), confusion.precision(1), confusion.f1(1)), (None, Some(0.0), Some(0.0)));
        assert_eq!((confusion.precision(2), confusion.f1(2)), (None, None));
        assert_eq!(confusion.macro_f1(), Some((2.0 / 3.0) / 2.0));
        assert_eq!(confusion.macro_recall(), Some(0.5));
        assert_eq!(Confusion::new(2, [(1, 1)]).quadratic_kappa(), None);
    }
}
