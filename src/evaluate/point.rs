//! What the measures of a head need to know of a text.

use super::head::Head;
use super::score::Scored;
use crate::assessment::{Sentiment, SentimentLabel, UrgencyLevel};

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Point {
    /// Number of the class that the text has.
    pub gold: usize,
    /// Number of the class that it was given.
    pub predicted: usize,
    /// A number in `[0, 1]` that foretells `outcome`. Complaint and urgency rank texts by it.
    pub forecast: f64,
    /// What came of it, in `[0, 1]`.
    pub outcome: f64,
    /// Squared error of the probabilities, or of the urgency score.
    pub squared_error: f64,
}

impl Point {
    /// `None` if the text has no label for the head. With `two_class`, sentiment is asked for negative or positive only.
    pub fn new(head: Head, scored: &Scored<'_>, two_class: bool) -> Option<Self> {
        let (labels, assessment) = (&scored.example.labels, &scored.assessment);
        Some(match head {
            Head::Complaint => {
                let gold = labels.complaint?;
                let (forecast, outcome) = (assessment.complaint.get().into(), f64::from(u8::from(gold)));
                let predicted = usize::from(assessment.is_complaint);
                Self { gold: gold.into(), predicted, forecast, outcome, squared_error: (forecast - outcome).powi(2) }
            }
            Head::Sentiment => Self::sentiment(labels.sentiment?, &assessment.sentiment, two_class),
            Head::Urgency => {
                let (gold, predicted) = (labels.urgency? as usize, assessment.urgency.level as usize);
                let outcome = gold as f64 / (UrgencyLevel::ALL.len() - 1) as f64;
                let forecast = f64::from(assessment.urgency.score.get());
                Self { gold, predicted, forecast, outcome, squared_error: (forecast - outcome).powi(2) }
            }
        })
    }

    fn sentiment(gold: SentimentLabel, scored: &Sentiment, two_class: bool) -> Self {
        let mut probabilities = [scored.negative, scored.neutral, scored.positive].map(|p| f64::from(p.get()));
        let mut predicted = scored.label;
        if two_class {
            let [negative, _, positive] = probabilities;
            predicted = if positive > negative { SentimentLabel::Positive } else { SentimentLabel::Negative };
            let both = negative + positive;
            probabilities = if both > 0.0 { [negative / both, 0.0, positive / both] } else { [0.5, 0.0, 0.5] };
        }
        let (gold, predicted) = (gold as usize, predicted as usize);
        let errors = (0..).zip(probabilities).map(|(class, p)| (p - f64::from(u8::from(class == gold))).powi(2));
        Self {
            gold,
            predicted,
            forecast: probabilities[predicted],
            outcome: f64::from(u8::from(gold == predicted)),
            squared_error: errors.sum(),
        }
    }

    /// Whether the text is one that the head's ranking should put first: a complaint, or high or critical urgency.
    pub fn is_positive(&self, head: Head) -> bool {
        match head {
            Head::Complaint | Head::Sentiment => self.gold == 1,
            Head::Urgency => self.gold >= UrgencyLevel::High as usize,
        }
    }
}
