//! A checkpoint to train from: Hugging Face's three files, with heads if it is a model of ours.

use std::path::Path;

use super::config::BertConfig;
use super::files::{CONFIG_FILE, TOKENIZER_FILE, WEIGHTS_FILE};
use super::head_weights::HeadWeights;
use super::weights::{BertWeights, Checkpoint};
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
        let heads = if HeadWeights::are_in(&checkpoint) {
            HeadWeights::read(&checkpoint, config.hidden_size)?
        } else {
            HeadWeights::fresh(config.hidden_size)
        };
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
