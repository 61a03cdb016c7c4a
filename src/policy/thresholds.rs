//! Decisions by thresholds, with a band of doubt.

use serde::{Deserialize, Serialize};

use super::Decision;
use crate::assessment::{Assessment, UrgencyLevel};
use crate::model::Manifest;

/// A threshold for each score. All numbers lie in `[0, 1]`.
///
/// * **escalate** if the urgency score reaches `escalate`, complaint or not: danger need not complain.
/// * else **answer** if it is a complaint, or the urgency score reaches `answer`.
/// * else **watch** if the probability of a negative attitude reaches `negative`.
/// * else **ignore**.
///
/// The decision is **unsure** if the text would be answered (or escalated) were all scores higher by `margin`, and not if
/// they were lower. Between the two ways of answering, and the two of not answering, the thresholds decide.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Unchecked")]
pub struct Thresholds {
    /// On the probability of a complaint.
    pub complaint: f32,
    /// On the probability of a negative attitude.
    pub negative: f32,
    /// On the urgency score, for an answer.
    pub answer: f32,
    /// On the urgency score, for escalation; at least `answer`.
    pub escalate: f32,
    /// Half the width of the band of doubt around each threshold; 0 for none.
    pub margin: f32,
}

/// The same before it is checked.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Unchecked {
    complaint: f32,
    negative: f32,
    answer: f32,
    escalate: f32,
    margin: f32,
}

impl Default for Thresholds {
    /// Middling thresholds, for a model of which nothing is known.
    fn default() -> Self {
        Self { complaint: 0.5, negative: 0.5, answer: 0.375, escalate: 0.625, margin: 0.05 }
    }
}

impl Thresholds {
    /// Those of the model's manifest: its threshold for complaints, an answer from urgency `normal`, escalation from
    /// `high`. The rest as by default.
    pub fn of_model(manifest: &Manifest) -> Self {
        let complaint = &manifest.heads.complaint.thresholds;
        let urgency = &manifest.heads.urgency.thresholds;
        // The threshold of a level stands at the place of the level below it. The manifest's loader sees to their number.
        let level = |level: UrgencyLevel| urgency.get(level as usize - 1).copied();
        let default = Self::default();
        Self {
            complaint: complaint.first().copied().unwrap_or(default.complaint),
            answer: level(UrgencyLevel::Normal).unwrap_or(default.answer),
            escalate: level(UrgencyLevel::High).unwrap_or(default.escalate),
            ..default
        }
    }

    /// What to do.
    pub fn decide(&self, assessment: &Assessment) -> Decision {
        let at = |shift: f32| self.decide_at(assessment, shift);
        let is_answered = |shift| matches!(at(shift), Decision::Escalate | Decision::Answer);
        // Higher scores never make a decision less pressing: if both ends of the band agree, so does all between.
        if is_answered(-self.margin) == is_answered(self.margin) { at(0.0) } else { Decision::Unsure }
    }

    /// The decision if all scores were higher by `shift`.
    fn decide_at(&self, assessment: &Assessment, shift: f32) -> Decision {
        let urgency = assessment.urgency.score.get() + shift;
        if urgency >= self.escalate {
            Decision::Escalate
        } else if assessment.complaint.get() + shift >= self.complaint || urgency >= self.answer {
            Decision::Answer
        } else if assessment.sentiment.negative.get() + shift >= self.negative {
            Decision::Watch
        } else {
            Decision::Ignore
        }
    }
}

impl TryFrom<Unchecked> for Thresholds {
    type Error = String;

    fn try_from(Unchecked { complaint, negative, answer, escalate, margin }: Unchecked) -> Result<Self, String> {
        let fields = [
            ("complaint", complaint),
            ("negative", negative),
            ("answer", answer),
            ("escalate", escalate),
            ("margin", margin),
        ];
        if let Some((name, value)) = fields.into_iter().find(|(_, value)| !(0.0..=1.0).contains(value)) {
            return Err(format!("field `{name}`: found {value}, expected a number in [0, 1]"));
        }
        if answer > escalate {
            return Err(format!("field `answer`: found {answer}, expected at most `escalate`, {escalate}"));
        }
        Ok(Self { complaint, negative, answer, escalate, margin })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::tests::assessment;
    use super::*;
    use Decision::{Answer, Escalate, Ignore, Unsure, Watch};

    #[test]
    fn decisions_by_hand() {
        let policy = Thresholds { complaint: 0.5, negative: 0.6, answer: 0.4, escalate: 0.7, margin: 0.05 };
        for (complaint, negative, urgency, expected) in [
            (0.9, 0.9, 0.9, Escalate),
            (0.1, 0.1, 0.9, Escalate),
            (0.9, 0.9, 0.1, Answer),
            (0.1, 0.1, 0.5, Answer),
            (0.1, 0.9, 0.1, Watch),
            (0.1, 0.1, 0.1, Ignore),
            // In a band, from either side.
            (0.52, 0.1, 0.1, Unsure),
            (0.48, 0.9, 0.1, Unsure),
            (0.1, 0.1, 0.38, Unsure),
            (0.1, 0.1, 0.42, Unsure),
            // In a band that does not matter: it is answered in any case, or not answered in any case.
            (0.9, 0.9, 0.68, Answer),
            (0.1, 0.1, 0.72, Escalate),
            (0.52, 0.9, 0.5, Answer),
            (0.9, 0.9, 0.38, Answer),
            (0.52, 0.9, 0.9, Escalate),
            (0.1, 0.62, 0.1, Watch),
            (0.1, 0.58, 0.1, Ignore),
        ] {
            assert_eq!(
                policy.decide(&assessment(complaint, negative, urgency)),
                expected,
                "complaint {complaint}, negative {negative}, urgency {urgency}"
            );
        }
    }

    proptest! {
        #[test]
        fn without_a_margin_nothing_is_unsure_and_with_one_doubt_never_changes_a_decision(
            scores in (0f32..=1.0, 0f32..=1.0, 0f32..=1.0),
            margin in 0f32..0.5,
        ) {
            let assessment = assessment(scores.0, scores.1, scores.2);
            let sure = Thresholds { margin: 0.0, ..Thresholds::default() }.decide(&assessment);
            prop_assert_ne!(sure, Unsure);
            let decision = Thresholds { margin, ..Thresholds::default() }.decide(&assessment);
            prop_assert!(decision == sure || decision == Unsure);
        }
    }

    #[cfg(feature = "embedded-model")]
    #[test]
    fn the_shipped_model_brings_its_thresholds() {
        let files = crate::model::ModelFiles::embedded();
        let manifest = Manifest::parse(&files.manifest).unwrap();
        let policy = Thresholds::of_model(&manifest);
        assert_eq!(policy.complaint, manifest.heads.complaint.thresholds[0]);
        let [_, normal, high, _] = manifest.heads.urgency.thresholds[..] else { panic!("four thresholds") };
        assert_eq!((policy.answer, policy.escalate), (normal, high));
    }
}
