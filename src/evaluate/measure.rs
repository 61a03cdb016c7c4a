//! What is measured of each head.

use std::cell::LazyCell;

use serde::{Deserialize, Serialize};

use super::head::Head;
use super::metrics::{Confusion, Ranking, Reliability, mean};
use super::point::Point;
use crate::assessment::UrgencyLevel;

/// Bins of a forecast in reliability diagrams and calibration errors.
const BINS: usize = 15;
/// Precision at which the recall of urgent texts is asked for.
const URGENT_PRECISION: f64 = 0.8;

/// A figure of quality. Names in JSON are the variants in snake case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Measure {
    /// Mean F1 of the classes.
    MacroF1,
    /// F1 over all decisions; with one label a text it is the accuracy.
    MicroF1,
    /// Mean recall of the classes.
    MacroRecall,
    /// Quadratic weighted kappa of the levels (urgency).
    QuadraticKappa,
    /// Area under the ROC curve (complaint).
    RocAuc,
    /// Average precision (complaint).
    AveragePrecision,
    /// Share of the texts judged high or critical that are (urgency).
    UrgentPrecision,
    /// Share of the high and critical texts that were judged so (urgency).
    UrgentRecall,
    /// Recall of high and critical texts at the threshold of the score that is best of those with a precision of at least
    /// 0.8 (urgency).
    #[serde(rename = "urgent_recall_at_precision_0.8")]
    UrgentRecallAtPrecision,
    /// Expected calibration error in 15 bins of equal width. Complaint: probability of a complaint against its frequency.
    /// Sentiment: probability of the predicted class against its accuracy. Urgency: the score against the mean level / 4.
    Ece,
    /// Brier score: squared error of the probabilities, summed over classes (complaint: of the probability of a complaint).
    Brier,
    /// Mean squared error of the score against the level / 4 (urgency).
    SquaredError,
}

impl Measure {
    /// The measures of a head, in ascending order.
    pub fn of(head: Head) -> &'static [Self] {
        use Measure::{
            AveragePrecision, Brier, Ece, MacroF1, MacroRecall, MicroF1, QuadraticKappa, RocAuc, SquaredError,
            UrgentPrecision, UrgentRecall, UrgentRecallAtPrecision,
        };
        match head {
            Head::Complaint => &[MacroF1, MicroF1, MacroRecall, RocAuc, AveragePrecision, Ece, Brier],
            Head::Sentiment => &[MacroF1, MicroF1, MacroRecall, Ece, Brier],
            Head::Urgency => &[
                MacroF1,
                MicroF1,
                MacroRecall,
                QuadraticKappa,
                UrgentPrecision,
                UrgentRecall,
                UrgentRecallAtPrecision,
                Ece,
                SquaredError,
            ],
        }
    }

    /// The measure that a model is chosen by, where one figure a head has to do.
    pub fn main(head: Head) -> Self {
        match head {
            Head::Complaint | Head::Sentiment => Self::MacroF1,
            Head::Urgency => Self::QuadraticKappa,
        }
    }

    /// Whether less is better: errors.
    pub fn is_error(self) -> bool {
        matches!(self, Self::Ece | Self::Brier | Self::SquaredError)
    }

    /// A short name for a column.
    pub fn title(self) -> &'static str {
        match self {
            Self::MacroF1 => "macro-F1",
            Self::MicroF1 => "micro-F1",
            Self::MacroRecall => "macro-recall",
            Self::QuadraticKappa => "kappa",
            Self::RocAuc => "AUC",
            Self::AveragePrecision => "avg. precision",
            Self::UrgentPrecision => "urgent prec.",
            Self::UrgentRecall => "urgent recall",
            Self::UrgentRecallAtPrecision => "recall at p=.8",
            Self::Ece => "ECE",
            Self::Brier => "Brier",
            Self::SquaredError => "sq. error",
        }
    }
}

pub(super) fn confusion(head: Head, points: &[Point]) -> Confusion {
    Confusion::new(head.labels().len(), points.iter().map(|point| (point.gold, point.predicted)))
}

pub(super) fn reliability(points: &[Point]) -> Reliability {
    Reliability::new(BINS, points.iter().map(|point| (point.forecast, point.outcome)))
}

/// Values of [`Measure::of`] the head, in its order, then precision, recall and F1 of each class.
pub(super) fn values(head: Head, points: &[Point]) -> Vec<Option<f64>> {
    let confusion = confusion(head, points);
    let mut values = figures(head, Measure::of(head), points, &confusion);
    for class in 0..confusion.classes() {
        values.extend([confusion.precision(class), confusion.recall(class), confusion.f1(class)]);
    }
    values
}

/// Values of `measures`, in their order.
pub(super) fn figures(head: Head, measures: &[Measure], points: &[Point], confusion: &Confusion) -> Vec<Option<f64>> {
    let urgent = confusion.at_least(UrgencyLevel::High as usize);
    // Sorts, so it is made only if somebody asks for it.
    let ranking = LazyCell::new(|| Ranking::new(points.iter().map(|point| (point.forecast, point.is_positive(head)))));
    let value = |measure: &Measure| match measure {
        Measure::MacroF1 => confusion.macro_f1(),
        Measure::MicroF1 => confusion.accuracy(),
        Measure::MacroRecall => confusion.macro_recall(),
        Measure::QuadraticKappa => confusion.quadratic_kappa(),
        Measure::RocAuc => ranking.roc_auc(),
        Measure::AveragePrecision => ranking.average_precision(),
        Measure::UrgentPrecision => urgent.precision(1),
        Measure::UrgentRecall => urgent.recall(1),
        Measure::UrgentRecallAtPrecision => ranking.recall_at_precision(URGENT_PRECISION),
        Measure::Ece => reliability(points).ece(),
        Measure::Brier | Measure::SquaredError => mean(points.iter().map(|point| point.squared_error)),
    };
    measures.iter().map(value).collect()
}
