//! A checkpoint to train from: Hugging Face's three files, with heads if it is a model of ours.

use std::path::Path;

use super::config::BertConfig;
use super::files::{CONFIG_FILE, TOKENIZER_FILE, WEIGHTS_FILE};
use super::weights::{BertWeights, Checkpoint};
use crate::assessment::{SentimentLabel, UrgencyLevel};
use crate::error::LoadError;

/// An encoder with heads, as training starts from it.
#[derive(Debug)]
pub(crate) struct BaseModel {
    pub config: BertConfig,
    /// `config.json` as it stands.
    pub config_json: Vec<u8>,
    /// `tokenizer.json` as it stands.
    pub tokenizer_json: Vec<u8>,
    pub weights: BertWeights,
    /// Of the checkpoint, or fresh ones.
    pub heads: HeadWeights,
}

/// Weights of the three heads, uncalibrated: `[outputs, hidden]` row-major and one bias an output.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct HeadWeights {
    pub complaint_weight: Vec<f32>,
    pub complaint_bias: Vec<f32>,
    pub sentiment_weight: Vec<f32>,
    pub sentiment_bias: Vec<f32>,
    /// One row for all cuts.
    pub urgency_weight: Vec<f32>,
    /// Strictly falling.
    pub urgency_bias: Vec<f32>,
}

impl BaseModel {
    /// Reads a folder. A manifest in it is not read: checksums are for use, training changes the files.
    pub(crate) fn read(folder: &Path) -> Result<Self, LoadError> {
        let read = |file: &str| {
            let path = folder.join(file);
            std::fs::read(&path).map_err(|source| LoadError::Io { path, source })
        };
        Self::parse(read(CONFIG_FILE)?, read(TOKENIZER_FILE)?, &read(WEIGHTS_FILE)?)
    }

    /// The same model with the weights of another file.
    pub(crate) fn with_weights(self, weights: &[u8]) -> Result<Self, LoadError> {
        Self::parse(self.config_json, self.tokenizer_json, weights)
    }

    fn parse(config_json: Vec<u8>, tokenizer_json: Vec<u8>, weights: &[u8]) -> Result<Self, LoadError> {
        let config = BertConfig::parse(&config_json)?;
        let checkpoint = Checkpoint::parse(weights, None)?;
        let weights = BertWeights::read(&checkpoint, &config)?;
        let heads = HeadWeights::read(&checkpoint, config.hidden_size)?;
        Ok(Self { config, config_json, tokenizer_json, weights, heads })
    }

    /// Keeps the layers at `indices` only, in that order.
    ///
    /// # Errors
    /// The first index that names no layer, or names it twice.
    pub(crate) fn keep_layers(&mut self, indices: &[usize]) -> Result<(), usize> {
        let mut all: Vec<_> = self.weights.layers.drain(..).map(Some).collect();
        for &index in indices {
            let layer = all.get_mut(index).and_then(Option::take).ok_or(index)?;
            self.weights.layers.push(layer);
        }
        self.config.num_hidden_layers = indices.len();
        Ok(())
    }
}

impl HeadWeights {
    fn read(checkpoint: &Checkpoint<'_>, hidden: usize) -> Result<Self, LoadError> {
        let root = checkpoint.root();
        if !root.contains("heads.complaint.weight") {
            return Ok(Self::fresh(hidden));
        }
        let weight =
            |head: &str, rows| root.matrix(&format!("heads.{head}.weight"), rows, hidden).map(|matrix| matrix.to_f32());
        let bias = |head: &str, size| root.vector(&format!("heads.{head}.bias"), size);
        Ok(Self {
            complaint_weight: weight("complaint", 1)?,
            complaint_bias: bias("complaint", 1)?,
            sentiment_weight: weight("sentiment", SentimentLabel::ALL.len())?,
            sentiment_bias: bias("sentiment", SentimentLabel::ALL.len())?,
            urgency_weight: weight("urgency", 1)?,
            urgency_bias: bias("urgency", UrgencyLevel::ALL.len() - 1)?,
        })
    }

    /// Heads that say nothing yet: weights of zero, levels of urgency equally likely.
    pub(crate) fn fresh(hidden: usize) -> Self {
        let odds = |above: f32| (above / (1.0 - above)).ln();
        Self {
            complaint_weight: vec![0.0; hidden],
            complaint_bias: vec![0.0],
            sentiment_weight: vec![0.0; hidden * SentimentLabel::ALL.len()],
            sentiment_bias: vec![0.0; SentimentLabel::ALL.len()],
            urgency_weight: vec![0.0; hidden],
            urgency_bias: [0.8, 0.6, 0.4, 0.2].map(odds).to_vec(),
        }
    }
}
