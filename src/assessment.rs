//! What comes out: one [`Assessment`] a text.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A number in `[0, 1]`; 0 by default.
#[derive(Debug, Clone, Copy, Default, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(try_from = "f32", into = "f32")]
pub struct Probability(f32);

impl Probability {
    /// Wraps `value`; `None` unless it lies in `[0, 1]` (NaN does not).
    ///
    /// ```
    /// use plaint::Probability;
    /// assert_eq!(Probability::new(0.25).unwrap().get(), 0.25);
    /// assert!(Probability::new(f32::NAN).is_none());
    /// ```
    pub fn new(value: f32) -> Option<Self> {
        (0.0..=1.0).contains(&value).then_some(Self(value))
    }

    /// The number.
    pub fn get(self) -> f32 {
        self.0
    }
}

impl TryFrom<f32> for Probability {
    type Error = String;

    fn try_from(value: f32) -> Result<Self, String> {
        Self::new(value).ok_or_else(|| format!("found {value}, expected a probability in [0, 1]"))
    }
}

impl From<Probability> for f32 {
    fn from(probability: Probability) -> f32 {
        probability.0
    }
}

impl fmt::Display for Probability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Everything that plaint says of one text.
///
/// The three scores come from three heads and never from each other: a complaint may be friendly, an insult need not
/// complain, and neither says how soon somebody must act. Serialises to the object that `plaint score` prints.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Assessment {
    /// Calibrated probability that the text states a breach of expectations (the speech act "complaint").
    pub complaint: Probability,
    /// Whether `complaint` reaches the threshold of the model's manifest.
    pub is_complaint: bool,
    /// The overall attitude of the text.
    pub sentiment: Sentiment,
    /// How soon the addressed company or body must act.
    pub urgency: Urgency,
    /// How much of the text was read.
    pub coverage: Coverage,
}

/// A distribution over three attitudes, and the likeliest.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Sentiment {
    /// The likeliest attitude; on a tie the more negative one.
    pub label: SentimentLabel,
    /// Calibrated probability of a negative attitude.
    pub negative: Probability,
    /// Calibrated probability of a neutral or balanced attitude.
    pub neutral: Probability,
    /// Calibrated probability of a positive attitude.
    pub positive: Probability,
}

impl Sentiment {
    /// Expected attitude in `[-1, 1]`: probability of positive minus probability of negative.
    pub fn polarity(&self) -> f32 {
        self.positive.get() - self.negative.get()
    }
}

/// An ordinal score and the level that the manifest's thresholds make of it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Urgency {
    /// Expected level divided by 4, in `[0, 1]`.
    pub score: Probability,
    /// The level.
    pub level: UrgencyLevel,
}

/// How much of a text was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Coverage {
    /// Tokens of the text that the encoder read, each counted once, special tokens not counted.
    pub tokens: usize,
    /// Windows in which it read them.
    pub windows: usize,
    /// `false` if the text was longer than the limit of bytes or windows and its end was not read.
    pub complete: bool,
}

macro_rules! label_enum {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $text:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "lowercase")]
        pub enum $name { $($(#[$variant_doc])* $variant),+ }

        impl $name {
            /// All labels, in ascending order.
            pub const ALL: &[$name] = &[$($name::$variant),+];

            /// The label as it stands in JSON.
            pub fn as_str(self) -> &'static str {
                match self { $($name::$variant => $text),+ }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl FromStr for $name {
            type Err = String;

            fn from_str(text: &str) -> Result<Self, String> {
                Self::ALL.iter().copied().find(|label| label.as_str() == text).ok_or_else(|| {
                    let known: Vec<_> = Self::ALL.iter().map(|label| label.as_str()).collect();
                    format!("found `{text}`, expected one of {}", known.join(", "))
                })
            }
        }
    };
}

label_enum! {
    /// An attitude, ordered from negative to positive.
    SentimentLabel {
        /// Displeased.
        Negative = "negative",
        /// Factual or balanced.
        Neutral = "neutral",
        /// Pleased.
        Positive = "positive",
    }
}

label_enum! {
    /// How soon somebody must act, in ascending order.
    UrgencyLevel {
        /// Nothing to act on.
        None = "none",
        /// May be answered some day.
        Low = "low",
        /// A concrete problem or request for the usual service time.
        Normal = "normal",
        /// Today.
        High = "high",
        /// At once: danger to health or safety, fraud in progress.
        Critical = "critical",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn serialises_to_the_object_of_the_command_line_contract() {
        let p = |value| Probability::new(value).unwrap();
        let assessment = Assessment {
            complaint: p(0.75),
            is_complaint: true,
            sentiment: Sentiment {
                label: SentimentLabel::Negative,
                negative: p(0.5),
                neutral: p(0.25),
                positive: p(0.25),
            },
            urgency: Urgency { score: p(0.5), level: UrgencyLevel::High },
            coverage: Coverage { tokens: 23, windows: 1, complete: true },
        };
        let json = serde_json::to_string(&assessment).unwrap();
        assert_eq!(
            json,
            concat!(
                r#"{"complaint":0.75,"is_complaint":true,"#,
                r#""sentiment":{"label":"negative","negative":0.5,"neutral":0.25,"positive":0.25},"#,
                r#""urgency":{"score":0.5,"level":"high"},"#,
                r#""coverage":{"tokens":23,"windows":1,"complete":true}}"#
            )
        );
        assert_eq!(serde_json::from_str::<Assessment>(&json).unwrap(), assessment);
        assert_eq!(assessment.sentiment.polarity(), -0.25);
    }

    #[test]
    fn a_probability_outside_its_range_does_not_deserialise() {
        assert!(serde_json::from_str::<Probability>("1.5").is_err());
        assert!(serde_json::from_str::<Probability>("-0.1").is_err());
    }

    #[test]
    fn labels_parse_what_they_print() {
        for &level in UrgencyLevel::ALL {
            assert_eq!(level.as_str().parse(), Ok(level));
            assert_eq!(serde_json::to_value(level).unwrap(), level.as_str());
        }
        assert!("urgent".parse::<UrgencyLevel>().unwrap_err().contains("critical"));
        assert!(UrgencyLevel::Low < UrgencyLevel::High);
    }
}
