//! The heads by name, and their classes by number.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::assessment::{SentimentLabel, UrgencyLevel};

/// One of the three scores of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Head {
    /// Two classes: no complaint, complaint.
    Complaint,
    /// Three classes: negative, neutral, positive.
    Sentiment,
    /// Five ordered classes: none, low, normal, high, critical.
    Urgency,
}

impl Head {
    /// All heads.
    pub const ALL: [Self; 3] = [Self::Complaint, Self::Sentiment, Self::Urgency];

    /// Its name in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Complaint => "complaint",
            Self::Sentiment => "sentiment",
            Self::Urgency => "urgency",
        }
    }

    /// Names of its classes, in the order of their numbers.
    pub fn labels(self) -> Vec<&'static str> {
        match self {
            Self::Complaint => vec!["no_complaint", "complaint"],
            Self::Sentiment => SentimentLabel::ALL.iter().map(|label| label.as_str()).collect(),
            Self::Urgency => UrgencyLevel::ALL.iter().map(|level| level.as_str()).collect(),
        }
    }
}

impl fmt::Display for Head {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
