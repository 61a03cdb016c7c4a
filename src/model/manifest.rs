//! `manifest.json`: what a model says of itself, and all that the engine needs beside weights and tokenizer.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::calibration::Calibration;
use super::config::BertConfig;
use super::files::MANIFEST_FILE;
use super::json::{self, field_error};
use crate::assessment::{SentimentLabel, UrgencyLevel};
use crate::error::LoadError;
use crate::text::{CleaningRecipe, LongText, ReadingLimits, Tokenizer};

/// The manifest. DESIGN.md describes the format field by field.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Version of this format: 1.
    pub format: u32,
    /// Name of the model.
    pub name: String,
    /// Version of the model.
    pub version: String,
    /// One line on what it is.
    pub description: String,
    /// ISO 639-1 codes of the languages that it was made for.
    pub languages: Vec<String>,
    /// Licence of the weights.
    pub licence: String,
    /// How texts are cleaned before they are tokenized.
    pub cleaning: CleaningRecipe,
    /// How the token vectors of a window become one vector.
    pub pooling: Pooling,
    /// How long texts are cut.
    pub windows: WindowSpec,
    /// The three heads.
    pub heads: HeadSpecs,
    /// Length and checksum of each other file, by file name.
    pub files: BTreeMap<String, FileEntry>,
    /// Where the weights come from.
    pub provenance: Provenance,
}

/// How the token vectors of a window become one vector.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Pooling {
    /// The mean over all tokens, special tokens included.
    Mean,
    /// The vector of the first token.
    Cls,
}

/// How long texts are cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WindowSpec {
    /// Tokens of a window, its two special tokens included.
    pub tokens: usize,
    /// Tokens that neighbouring windows share at least.
    pub overlap: usize,
    /// Bytes of a text that are read at most, unless the caller sets another limit.
    pub max_bytes: usize,
}

impl WindowSpec {
    /// The same for a [`TextReader`](crate::text::TextReader).
    pub fn limits(&self, long_text: LongText) -> ReadingLimits {
        let Self { tokens, overlap, max_bytes } = *self;
        ReadingLimits { max_bytes, window_tokens: tokens, overlap_tokens: overlap, long_text }
    }
}

/// The three heads. All are required: an `Assessment` holds all three scores.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HeadSpecs {
    /// Binary; one threshold.
    pub complaint: HeadSpec,
    /// Multinomial over negative, neutral, positive; no threshold.
    pub sentiment: HeadSpec,
    /// Ordinal over none, low, normal, high, critical; four ascending thresholds on the score.
    pub urgency: HeadSpec,
}

/// One head: what it predicts and how its logits become a score.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HeadSpec {
    /// What kind of prediction it makes.
    pub kind: HeadKind,
    /// Its labels, in the order of its logits.
    pub labels: Vec<String>,
    /// How its logits become probabilities.
    pub calibration: Calibration,
    /// Where the score tips over into the next label.
    pub thresholds: Vec<f32>,
    /// How the scores of a text's windows become the text's score.
    pub windows: WindowPooling,
}

/// What kind of prediction a head makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum HeadKind {
    /// One logit; its sigmoid is a probability.
    Binary,
    /// One logit a label; their softmax is a distribution.
    Multinomial,
    /// Cumulative logits over ordered labels: the sigmoid of logit `k` is the probability of a label above `k`.
    Ordinal,
}

/// How the scores of a text's windows become the text's score.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum WindowPooling {
    /// The highest score of any window: one complaining paragraph makes a complaint.
    Max,
    /// The mean, each window weighted by its tokens.
    Mean,
}

/// Length and checksum of a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileEntry {
    /// SHA-256 in hexadecimal.
    pub sha256: String,
    /// Length.
    pub bytes: u64,
}

/// Where the weights come from. Free text for people; the engine does not read it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Provenance {
    /// The checkpoint that training started from.
    pub base: String,
    /// Anything else: data with counts, recipe, seed, date.
    #[serde(flatten)]
    pub details: BTreeMap<String, serde_json::Value>,
}

/// The only version of the format so far.
const FORMAT: u32 = 1;
/// Far above any text that people write; keeps byte arithmetic and memory within bounds.
const MAX_MAX_BYTES: usize = 1 << 30;

impl Manifest {
    /// Parses and checks a manifest by itself.
    ///
    /// # Errors
    /// [`LoadError::Format`] or [`LoadError::Field`].
    pub fn parse(bytes: &[u8]) -> Result<Self, LoadError> {
        // The version first: a later format may have other fields, and must not be called malformed.
        #[derive(Deserialize)]
        struct Version {
            format: u32,
        }
        let Version { format } = json::parse(MANIFEST_FILE, bytes)?;
        if format != FORMAT {
            return Err(field_error(MANIFEST_FILE, "format", format, FORMAT));
        }
        let manifest: Self = json::parse(MANIFEST_FILE, bytes)?;
        manifest.check()?;
        Ok(manifest)
    }

    fn check(&self) -> Result<(), LoadError> {
        let WindowSpec { tokens, overlap, max_bytes } = self.windows;
        if tokens <= Tokenizer::SPECIAL_TOKENS {
            let expected = format!("more than its {} special tokens", Tokenizer::SPECIAL_TOKENS);
            return Err(field_error(MANIFEST_FILE, "windows.tokens", tokens, expected));
        }
        let content = tokens - Tokenizer::SPECIAL_TOKENS;
        if overlap > content / 2 {
            let expected = format!("at most {}, half of a window", content / 2);
            return Err(field_error(MANIFEST_FILE, "windows.overlap", overlap, expected));
        }
        if !(1..=MAX_MAX_BYTES).contains(&max_bytes) {
            return Err(field_error(MANIFEST_FILE, "windows.max_bytes", max_bytes, format!("1 to {MAX_MAX_BYTES}")));
        }
        let names = |labels: &[&str]| labels.iter().map(|&label| label.to_owned()).collect::<Vec<_>>();
        let sentiment: Vec<_> = SentimentLabel::ALL.iter().map(|label| label.as_str()).collect();
        let urgency: Vec<_> = UrgencyLevel::ALL.iter().map(|level| level.as_str()).collect();
        self.heads.complaint.check("complaint", HeadKind::Binary, names(&["complaint"]), 1)?;
        self.heads.sentiment.check("sentiment", HeadKind::Multinomial, names(&sentiment), 0)?;
        self.heads.urgency.check("urgency", HeadKind::Ordinal, names(&urgency), urgency.len() - 1)
    }

    /// Checks what depends on the encoder's configuration.
    pub(super) fn check_against(&self, config: &BertConfig) -> Result<(), LoadError> {
        if self.windows.tokens > config.max_tokens() {
            let expected = format!("at most the {} positions of the encoder", config.max_tokens());
            return Err(field_error(MANIFEST_FILE, "windows.tokens", self.windows.tokens, expected));
        }
        Ok(())
    }
}

impl HeadSpec {
    fn check(&self, head: &str, kind: HeadKind, labels: Vec<String>, thresholds: usize) -> Result<(), LoadError> {
        let at = |field: &str| format!("heads.{head}.{field}");
        if self.kind != kind {
            return Err(field_error(
                MANIFEST_FILE,
                at("kind"),
                format!("{:?}", self.kind).to_lowercase(),
                format!("{kind:?}").to_lowercase(),
            ));
        }
        if self.labels != labels {
            return Err(field_error(MANIFEST_FILE, at("labels"), self.labels.join(", "), labels.join(", ")));
        }
        let ascending = self.thresholds.is_sorted_by(|a, b| a < b);
        let in_range = self.thresholds.iter().all(|threshold| (0.0..=1.0).contains(threshold));
        if self.thresholds.len() != thresholds || !ascending || !in_range {
            let expected = format!("{thresholds} ascending numbers in [0, 1]");
            return Err(field_error(MANIFEST_FILE, at("thresholds"), format!("{:?}", self.thresholds), expected));
        }
        self.calibration.check(kind).map_err(|(field, found, expected)| {
            field_error(MANIFEST_FILE, at(&format!("calibration.{field}")), found, expected)
        })
    }
}
