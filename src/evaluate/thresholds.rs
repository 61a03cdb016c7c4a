//! The sweep over thresholds of a head.

use super::head::Head;
use super::metrics::{Ranking, Sweep};
use super::report::two_class_sources;
use super::score::Scores;

/// What each threshold of a head would give: of the probability of a complaint, or of the urgency score for telling high and
/// critical from the rest. `None` for sentiment, which has no threshold, and where no text has a label.
pub fn sweep(head: Head, scores: &Scores<'_>) -> Option<Sweep> {
    let points = scores.points(head, &two_class_sources(&scores.scored));
    let ranking = || Ranking::new(points.iter().map(|(_, point)| (point.forecast, point.is_positive(head))));
    (head != Head::Sentiment && !points.is_empty()).then(|| Sweep::new(ranking()))
}
