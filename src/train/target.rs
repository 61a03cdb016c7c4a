//! What a head should say of a text: label or teacher, as numbers with a weight.

use super::recipe::SentimentLabels;
use crate::assessment::SentimentLabel;
use crate::evaluate::Labels;
pub(super) use crate::model::{CUTS, SENTIMENTS};

/// Targets of the three heads; a head of weight 0 learns nothing from the text.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Target {
    /// Probability of a complaint.
    pub complaint: f32,
    pub complaint_weight: f32,
    /// Distribution over the labels.
    pub sentiment: [f32; SENTIMENTS],
    pub sentiment_weight: f32,
    /// Whether annotators could choose neutral.
    pub has_neutral: bool,
    /// Whether the sentiment is by the guide that has a head of its own.
    pub by_guide: bool,
    /// Probability of a level above each cut.
    pub urgency: [f32; CUTS],
    pub urgency_weight: f32,
}

impl Target {
    /// From labels: all probability on the label, but for what `smoothing` spreads.
    pub(super) fn from_labels(labels: Labels, reading: SentimentLabels, weight: f32) -> Self {
        let mut target = Self {
            has_neutral: reading != SentimentLabels::TwoClass,
            by_guide: reading == SentimentLabels::Guide,
            ..Self::default()
        };
        if let Some(complaint) = labels.complaint {
            target.complaint = f32::from(u8::from(complaint));
            target.complaint_weight = weight;
        }
        if let Some(label) = labels.sentiment
            && (target.has_neutral || label != SentimentLabel::Neutral)
        {
            target.sentiment[label as usize] = 1.0;
            target.sentiment_weight = weight;
        }
        if let Some(level) = labels.urgency {
            target.urgency = std::array::from_fn(|cut| f32::from(u8::from(level as usize > cut)));
            target.urgency_weight = weight;
        }
        target
    }

    /// Whether any head learns from it.
    pub(super) fn is_used(&self) -> bool {
        self.complaint_weight > 0.0 || self.sentiment_weight > 0.0 || self.urgency_weight > 0.0
    }

    /// Spreads `share` of the probability evenly over all labels (Szegedy et al., *Rethinking the Inception
    /// architecture*, 2016).
    pub(super) fn smoothed(mut self, share: f32) -> Self {
        let spread = |value: f32, labels: usize| value * (1.0 - share) + share / labels as f32;
        self.complaint = spread(self.complaint, 2);
        let (labels, neutral) = if self.has_neutral { (SENTIMENTS, true) } else { (SENTIMENTS - 1, false) };
        for (label, value) in self.sentiment.iter_mut().enumerate() {
            if neutral || label != SentimentLabel::Neutral as usize {
                *value = spread(*value, labels);
            }
        }
        self.urgency = self.urgency.map(|value| spread(value, 2));
        self
    }

    /// Of a post that contains this text and another: a complaint if either is, as urgent as the more urgent. What its
    /// sentiment is nobody knows.
    pub(super) fn joined(self, other: &Self) -> Self {
        Self {
            complaint: self.complaint.max(other.complaint),
            complaint_weight: self.complaint_weight.min(other.complaint_weight),
            sentiment_weight: 0.0,
            urgency: std::array::from_fn(|cut| self.urgency[cut].max(other.urgency[cut])),
            urgency_weight: self.urgency_weight.min(other.urgency_weight),
            ..self
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::assessment::UrgencyLevel;

    fn labels(complaint: bool, sentiment: SentimentLabel, urgency: UrgencyLevel) -> Labels {
        Labels { complaint: Some(complaint), sentiment: Some(sentiment), urgency: Some(urgency) }
    }

    #[test]
    fn labels_as_numbers() {
        let target = Target::from_labels(
            labels(true, SentimentLabel::Neutral, UrgencyLevel::Normal),
            SentimentLabels::ThreeClass,
            2.0,
        );
        assert_eq!((target.complaint, target.complaint_weight), (1.0, 2.0));
        assert_eq!(target.sentiment, [0.0, 1.0, 0.0]);
        assert_eq!(target.urgency, [1.0, 1.0, 0.0, 0.0]);
    }

    #[test]
    fn a_head_without_a_label_learns_nothing() {
        let complaint = Labels { complaint: Some(true), ..Labels::default() };
        let target = Target::from_labels(complaint, SentimentLabels::ThreeClass, 1.0);
        assert_eq!((target.sentiment_weight, target.urgency_weight), (0.0, 0.0));
        assert!(target.is_used());
    }

    #[test]
    fn neutral_has_no_place_in_two_classes() {
        let two = |label| Target::from_labels(labels(false, label, UrgencyLevel::None), SentimentLabels::TwoClass, 1.0);
        assert_eq!(two(SentimentLabel::Neutral).sentiment_weight, 0.0);
        let positive = two(SentimentLabel::Positive).smoothed(0.2);
        assert!((positive.sentiment[0] - 0.1).abs() < 1e-6 && positive.sentiment[1] == 0.0, "{positive:?}");
    }

    #[test]
    fn a_joined_post_complains_if_a_part_does() {
        let target = |complaint, level| {
            Target::from_labels(labels(complaint, SentimentLabel::Negative, level), SentimentLabels::ThreeClass, 1.0)
        };
        let post = target(true, UrgencyLevel::Low).joined(&target(false, UrgencyLevel::High));
        assert_eq!((post.complaint, post.sentiment_weight, post.urgency), (1.0, 0.0, [1.0, 1.0, 1.0, 0.0]));
    }
}
