//! Triage: what to do with a text, once it has its scores.
//!
//! ```
//! # #[cfg(feature = "embedded-model")] {
//! use plaint::Engine;
//! use plaint::policy::{Decision, Policy};
//!
//! let engine = Engine::embedded()?;
//! let policy = Policy::of_model(engine.manifest());
//! let assessment = engine.score("Danke, läuft wieder, super Service!")?;
//! assert_eq!(policy.decide(&assessment), Decision::Ignore);
//! # } Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! A policy is data: keep it in a file beside the model and read it with serde.
//!
//! ```
//! use plaint::policy::Policy;
//!
//! let policy: Policy = serde_json::from_str(
//!     r#"{"kind": "costs", "missed": 10.0, "needless": 1.0, "delay": 20.0, "escalation": 5.0, "mood": 0.5, "watching": 0.2, "review": 0.6}"#,
//! )?;
//! assert!(matches!(policy, Policy::Costs(_)));
//! # Ok::<(), serde_json::Error>(())
//! ```

mod costs;
mod thresholds;

use std::fmt;

use serde::{Deserialize, Serialize};

pub use costs::Costs;
pub use thresholds::Thresholds;

use crate::assessment::Assessment;
use crate::model::Manifest;

/// What to do with a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Decision {
    /// Somebody must act before the usual time.
    Escalate,
    /// It wants an answer, in the usual time.
    Answer,
    /// It wants no answer, but its mood is worth keeping in view.
    Watch,
    /// Nothing is to be done.
    Ignore,
    /// The scores do not decide: a person should read it.
    Unsure,
}

impl Decision {
    /// All decisions, the most pressing first.
    pub const ALL: [Self; 5] = [Self::Escalate, Self::Answer, Self::Watch, Self::Ignore, Self::Unsure];

    /// The decision as it stands in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Escalate => "escalate",
            Self::Answer => "answer",
            Self::Watch => "watch",
            Self::Ignore => "ignore",
            Self::Unsure => "unsure",
        }
    }
}

impl fmt::Display for Decision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// How scores become a decision.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
#[non_exhaustive]
pub enum Policy {
    /// By thresholds on each score, with a band around them in which nothing is decided.
    Thresholds(Thresholds),
    /// By the least expected cost.
    Costs(Costs),
}

impl Policy {
    /// Thresholds as the model's manifest states them.
    pub fn of_model(manifest: &Manifest) -> Self {
        Self::Thresholds(Thresholds::of_model(manifest))
    }

    /// What to do.
    pub fn decide(&self, assessment: &Assessment) -> Decision {
        match self {
            Self::Thresholds(thresholds) => thresholds.decide(assessment),
            Self::Costs(costs) => costs.decide(assessment),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::assessment::{Coverage, Probability, Sentiment, SentimentLabel, Urgency, UrgencyLevel};

    /// An assessment of which a policy reads three numbers.
    pub fn assessment(complaint: f32, negative: f32, urgency: f32) -> Assessment {
        let p = |value| Probability::new(value).unwrap();
        let (neutral, positive) = (p(1.0 - negative), p(0.0));
        let sentiment = Sentiment { label: SentimentLabel::Neutral, negative: p(negative), neutral, positive };
        Assessment {
            complaint: p(complaint),
            is_complaint: false,
            sentiment,
            urgency: Urgency { score: p(urgency), level: UrgencyLevel::None },
            coverage: Coverage { tokens: 1, windows: 1, complete: true },
        }
    }

    #[test]
    fn policies_survive_serialisation() {
        let thresholds = Thresholds { margin: 0.125, ..Thresholds::default() };
        for policy in [Policy::Thresholds(thresholds), Policy::Costs(Costs::default())] {
            let json = serde_json::to_string(&policy).unwrap();
            assert_eq!(serde_json::from_str::<Policy>(&json).unwrap(), policy, "{json}");
        }
    }

    #[test]
    fn a_policy_with_impossible_numbers_does_not_deserialise() {
        for (json, part) in [
            (
                r#"{"kind":"thresholds","complaint":1.5,"negative":0.5,"answer":0.4,"escalate":0.6,"margin":0.05}"#,
                "1.5",
            ),
            (
                r#"{"kind":"thresholds","complaint":0.5,"negative":0.5,"answer":0.7,"escalate":0.6,"margin":0.05}"#,
                "answer",
            ),
            (
                r#"{"kind":"thresholds","complaint":0.5,"negative":0.5,"answer":0.4,"escalate":0.6,"margin":0.05,"x":1}"#,
                "x",
            ),
            (
                r#"{"kind":"costs","missed":-1,"needless":1,"delay":1,"escalation":1,"mood":1,"watching":1,"review":1}"#,
                "missed",
            ),
            (r#"{"kind":"dice"}"#, "dice"),
        ] {
            let error = serde_json::from_str::<Policy>(json).unwrap_err().to_string();
            assert!(error.contains(part), "`{part}` is not in: {error}");
        }
    }

    #[test]
    fn decisions_print_as_they_serialise() {
        for decision in Decision::ALL {
            assert_eq!(serde_json::to_value(decision).unwrap(), decision.to_string());
        }
    }
}
