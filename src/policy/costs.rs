//! Decisions by the least expected cost.

use serde::{Deserialize, Serialize};

use super::Decision;
use crate::assessment::Assessment;

/// What mistakes and efforts cost, in any one unit. All are finite and at least 0.
///
/// With `p` the probability of a complaint, `n` that of a negative attitude and `u` the urgency score, the expected cost is
///
/// | decision | cost |
/// | --- | --- |
/// | escalate | `escalation + (1 - p) needless` |
/// | answer | `(1 - p) needless + u delay` |
/// | watch | `p missed + u delay + watching` |
/// | ignore | `p missed + u delay + n mood` |
/// | unsure | `review + u delay` |
///
/// and the cheapest is chosen, on a tie the first. That a person is asked when no decision is cheaper is Chow's rule (*On
/// optimum recognition error and reject tradeoff*, 1970). Costs are sums of one term a score, so no independence of the
/// scores is assumed; that of delay grows in proportion with the level, so the expected level, which `u` is, suffices.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Unchecked")]
pub struct Costs {
    /// A complaint that nobody answers.
    pub missed: f32,
    /// An answer to a text that is no complaint.
    pub needless: f32,
    /// A text of urgency `critical` that is handled in the usual time or not at all; proportionally less for lower levels.
    pub delay: f32,
    /// Handling a text before the usual time.
    pub escalation: f32,
    /// A negative text that nobody takes notice of.
    pub mood: f32,
    /// Keeping a text in view.
    pub watching: f32,
    /// A person who reads the text and decides.
    pub review: f32,
}

/// The same before it is checked.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Unchecked {
    missed: f32,
    needless: f32,
    delay: f32,
    escalation: f32,
    mood: f32,
    watching: f32,
    review: f32,
}

impl Default for Costs {
    /// In units of a needless answer: a missed complaint costs four, a critical text that waits sixteen.
    fn default() -> Self {
        Self { missed: 4.0, needless: 1.0, delay: 16.0, escalation: 8.0, mood: 0.5, watching: 0.25, review: 0.6 }
    }
}

impl Costs {
    /// Expected cost of a decision.
    pub fn expected(&self, decision: Decision, assessment: &Assessment) -> f32 {
        let p = assessment.complaint.get();
        let n = assessment.sentiment.negative.get();
        let u = assessment.urgency.score.get();
        match decision {
            Decision::Escalate => self.escalation + (1.0 - p) * self.needless,
            Decision::Answer => (1.0 - p) * self.needless + u * self.delay,
            Decision::Watch => p * self.missed + u * self.delay + self.watching,
            Decision::Ignore => p * self.missed + u * self.delay + n * self.mood,
            Decision::Unsure => self.review + u * self.delay,
        }
    }

    /// What to do.
    pub fn decide(&self, assessment: &Assessment) -> Decision {
        let cost = |decision| self.expected(decision, assessment);
        Decision::ALL.into_iter().min_by(|&a, &b| cost(a).total_cmp(&cost(b))).unwrap_or(Decision::Unsure)
    }
}

impl TryFrom<Unchecked> for Costs {
    type Error = String;

    fn try_from(costs: Unchecked) -> Result<Self, String> {
        let Unchecked { missed, needless, delay, escalation, mood, watching, review } = costs;
        let fields = [
            ("missed", missed),
            ("needless", needless),
            ("delay", delay),
            ("escalation", escalation),
            ("mood", mood),
            ("watching", watching),
            ("review", review),
        ];
        match fields.into_iter().find(|(_, value)| !(value.is_finite() && *value >= 0.0)) {
            Some((name, value)) => Err(format!("field `{name}`: found {value}, expected a number of at least 0")),
            None => Ok(Self { missed, needless, delay, escalation, mood, watching, review }),
        }
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
        for (complaint, negative, urgency, expected) in [
            // An answer costs 0.1 and a delay of 14.4; escalation 8.1.
            (0.9, 0.9, 0.9, Escalate),
            (0.0, 0.0, 0.6, Escalate),
            (0.9, 0.9, 0.4, Answer),
            // Not answering costs 0.04, and to overlook the mood 0.45; to watch 0.25.
            (0.01, 0.9, 0.1, Watch),
            (0.01, 0.1, 0.1, Ignore),
            // An answer costs 0.7, ignoring 1.25, reading it 0.6.
            (0.3, 0.1, 0.1, Unsure),
        ] {
            assert_eq!(
                Costs::default().decide(&assessment(complaint, negative, urgency)),
                expected,
                "complaint {complaint}, negative {negative}, urgency {urgency}"
            );
        }
    }

    #[test]
    fn a_review_that_costs_more_than_a_mistake_is_never_asked_for() {
        let costs = Costs { review: 100.0, ..Costs::default() };
        for step in 0..=100 {
            assert_ne!(costs.decide(&assessment(step as f32 / 100.0, 0.5, 0.3)), Unsure);
        }
    }

    proptest! {
        #[test]
        fn no_decision_is_cheaper_than_the_one_taken(scores in (0f32..=1.0, 0f32..=1.0, 0f32..=1.0)) {
            let (costs, assessment) = (Costs::default(), assessment(scores.0, scores.1, scores.2));
            let taken = costs.expected(costs.decide(&assessment), &assessment);
            for decision in Decision::ALL {
                prop_assert!(costs.expected(decision, &assessment) >= taken);
            }
        }
    }
}
