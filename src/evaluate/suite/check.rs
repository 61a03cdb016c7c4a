//! Whether a case holds.

use super::case::{Case, Check};
use crate::assessment::Assessment;
use crate::evaluate::head::Head;

/// Probabilities are f32, and a difference of exactly the tolerance is allowed.
const ROUNDING: f64 = 1e-6;

impl Case {
    /// `Ok` if the case holds of `scores`, one a text; else what was found and expected.
    pub(super) fn verdict(&self, scores: &[Assessment]) -> Result<(), String> {
        match &self.check {
            Check::Invariance { tolerance } => {
                let apart = spread(self.head, scores);
                holds(apart <= tolerance + ROUNDING, || {
                    format!("found scores {apart:.3} apart, expected at most {tolerance}")
                })
            }
            Check::Direction { margin } => {
                let values: Vec<f64> = scores.iter().map(|scores| value(self.head, scores)).collect();
                let rise = values[1] - values[0];
                holds(rise >= margin - ROUNDING, || format!("found a rise of {rise:.3}, expected at least {margin}"))
            }
            Check::Label { expect } => {
                let wrong = scores
                    .iter()
                    .map(|scores| label(self.head, scores))
                    .find(|found| !expect.iter().any(|label| label == found));
                wrong.map_or(Ok(()), |found| Err(format!("found {found}, expected {}", expect.join(" or "))))
            }
        }
    }
}

fn holds(holds: bool, message: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(message()) }
}

/// The largest difference of a probability between two of the texts.
fn spread(head: Head, scores: &[Assessment]) -> f64 {
    let probabilities = |scores: &Assessment| match head {
        Head::Complaint => vec![scores.complaint],
        Head::Sentiment => vec![scores.sentiment.negative, scores.sentiment.neutral, scores.sentiment.positive],
        Head::Urgency => vec![scores.urgency.score],
    };
    let rows: Vec<Vec<f64>> = scores
        .iter()
        .map(|scores| probabilities(scores).into_iter().map(|probability| probability.get().into()).collect())
        .collect();
    let ranges = (0..rows[0].len()).map(|column| {
        let values = rows.iter().map(|row| row[column]);
        values.clone().fold(f64::MIN, f64::max) - values.fold(f64::MAX, f64::min)
    });
    ranges.fold(0.0, f64::max)
}

/// The number that a direction is about.
fn value(head: Head, scores: &Assessment) -> f64 {
    f64::from(match head {
        Head::Complaint => scores.complaint.get(),
        Head::Sentiment => scores.sentiment.polarity(),
        Head::Urgency => scores.urgency.score.get(),
    })
}

fn label(head: Head, scores: &Assessment) -> &'static str {
    match head {
        Head::Complaint => Head::Complaint.labels()[usize::from(scores.is_complaint)],
        Head::Sentiment => scores.sentiment.label.as_str(),
        Head::Urgency => scores.urgency.level.as_str(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::assessment::{Coverage, Probability, Sentiment, SentimentLabel, Urgency, UrgencyLevel};

    fn scores(complaint: f32, negative: f32) -> Assessment {
        let p = |value| Probability::new(value).unwrap();
        Assessment {
            complaint: p(complaint),
            is_complaint: complaint >= 0.5,
            sentiment: Sentiment {
                label: SentimentLabel::Negative,
                negative: p(negative),
                neutral: p(0.2),
                positive: p(0.8 - negative),
            },
            urgency: Urgency { score: p(0.5), level: UrgencyLevel::Normal },
            coverage: Coverage { tokens: 1, windows: 1, complete: true },
        }
    }

    fn verdict(head: Head, check: Check, scores: &[Assessment]) -> Result<(), String> {
        let (id, phenomenon, texts) = (String::new(), String::new(), vec![String::new(); scores.len()]);
        Case { id, phenomenon, lang: None, head, texts, check }.verdict(scores)
    }

    #[test]
    fn invariance_bounds_the_largest_difference_of_any_two_texts() {
        let three = [scores(0.5, 0.5), scores(0.4, 0.6), scores(0.6, 0.7)];
        let check = |tolerance| Check::Invariance { tolerance };
        assert_eq!(verdict(Head::Complaint, check(0.2), &three), Ok(()));
        let message = "found scores 0.200 apart, expected at most 0.1".to_owned();
        assert_eq!(verdict(Head::Complaint, check(0.1), &three), Err(message));
        assert_eq!(verdict(Head::Sentiment, check(0.2), &three), Ok(()));
        assert!(verdict(Head::Sentiment, check(0.19), &three).is_err());
        assert_eq!(verdict(Head::Urgency, check(0.0), &three), Ok(()));
    }

    #[test]
    fn direction_asks_the_second_to_be_higher() {
        let (low, high) = (scores(0.2, 0.7), scores(0.5, 0.3));
        let check = |margin| Check::Direction { margin };
        assert_eq!(verdict(Head::Complaint, check(0.3), &[low, high]), Ok(()));
        assert!(verdict(Head::Complaint, check(0.1), &[high, low]).is_err());
        assert_eq!(verdict(Head::Sentiment, check(0.8), &[low, high]), Ok(())); // polarity -0.6 and 0.2
    }

    #[test]
    fn every_text_must_have_one_of_the_labels() {
        let check = |labels: &[&str]| Check::Label { expect: labels.iter().map(|&label| label.into()).collect() };
        let two = [scores(0.9, 0.5), scores(0.1, 0.5)];
        assert_eq!(verdict(Head::Complaint, check(&["complaint"]), &two[..1]), Ok(()));
        let message = "found no_complaint, expected complaint".to_owned();
        assert_eq!(verdict(Head::Complaint, check(&["complaint"]), &two), Err(message));
        assert_eq!(verdict(Head::Urgency, check(&["normal", "high"]), &two), Ok(()));
        assert!(verdict(Head::Sentiment, check(&["neutral", "positive"]), &two).is_err());
    }
}
