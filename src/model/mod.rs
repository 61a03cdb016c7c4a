//! A model as it lies on disk and as the engine holds it: manifest, configuration, tokenizer, weights, heads.

#[cfg(feature = "train")]
mod base;
mod calibration;
mod config;
mod files;
mod head_weights;
mod heads;
mod id;
mod json;
mod manifest;
mod matrix;
mod weights;

#[cfg(feature = "train")]
pub(crate) use base::BaseModel;
pub use calibration::Calibration;
#[cfg(feature = "train")]
pub(crate) use calibration::is_zero;
pub use config::{Activation, BertConfig};
#[cfg(any(feature = "compare", feature = "train"))]
pub(crate) use files::sha256_hex;
pub use files::{CONFIG_FILE, MANIFEST_FILE, ModelFiles, TOKENIZER_FILE, WEIGHTS_FILE};
pub(crate) use head_weights::HeadWeights;
#[cfg(feature = "train")]
pub(crate) use head_weights::{CUTS, SENTIMENTS};
pub(crate) use heads::probability;
pub use heads::{Heads, WindowScores};
pub use id::ModelId;
pub use manifest::{
    FileEntry, HeadKind, HeadSpec, HeadSpecs, Manifest, Pooling, Provenance, WindowPooling, WindowSpec,
};
pub use matrix::Matrix;
pub use weights::{BertWeights, Embeddings, Layer, LayerNorm, Linear};

use std::borrow::Cow;

use crate::error::LoadError;
use crate::text::Tokenizer;
use crate::threads::Threads;

/// A verified model: every file matches its checksum, every tensor its shape, every number is finite. `W` is what became of
/// the encoder's weights, see [`load_with`](Self::load_with).
#[derive(Debug)]
pub struct Model<W = BertWeights> {
    /// What the model says of itself.
    pub manifest: Manifest,
    /// Shape of the encoder.
    pub config: BertConfig,
    /// Text to token ids.
    pub tokenizer: Tokenizer,
    /// Weights of the encoder.
    pub weights: W,
    /// Weights of the heads, with calibration and thresholds.
    pub heads: Heads,
}

impl Model {
    /// Parses and checks the files of a model.
    ///
    /// # Errors
    /// The first thing found wrong, as a [`LoadError`].
    pub fn load(files: &ModelFiles) -> Result<Self, LoadError> {
        Self::load_with(&Threads::caller(), files, |_, _, weights| Ok(weights))
    }
}

impl<W: Send> Model<W> {
    /// The same on `threads`, with weights that `make` turns into something else. If there are several threads, the
    /// tokenizer, which takes longest, is parsed beside all that.
    ///
    /// # Errors
    /// As [`load`](Model::load), and those of `make`.
    pub fn load_with(
        threads: &Threads,
        files: &ModelFiles,
        make: impl FnOnce(&Manifest, &BertConfig, BertWeights) -> Result<W, LoadError> + Send,
    ) -> Result<Self, LoadError> {
        let manifest = Manifest::parse(&files.manifest)?;
        files.verify(&manifest, CONFIG_FILE)?;
        let config = BertConfig::parse(&files.config)?;
        manifest.check_against(&config)?;
        let (tokenizer, weights) = threads.join(
            || {
                files.verify(&manifest, TOKENIZER_FILE)?;
                read_tokenizer(files, &config)
            },
            || {
                files.verify(&manifest, WEIGHTS_FILE)?;
                let (weights, heads) = read_weights(files, &config, &manifest)?;
                Ok((make(&manifest, &config, weights)?, heads))
            },
        );
        let (tokenizer, (weights, heads)) = (tokenizer?, weights?);
        Ok(Self { manifest, config, tokenizer, weights, heads })
    }
}

fn read_tokenizer(files: &ModelFiles, config: &BertConfig) -> Result<Tokenizer, LoadError> {
    let tokenizer = Tokenizer::from_bytes(&files.tokenizer)?;
    if tokenizer.vocab_size() > config.vocab_size {
        return Err(LoadError::Field {
            file: TOKENIZER_FILE,
            field: "model.vocab".into(),
            found: format!("token ids up to {}", tokenizer.vocab_size() - 1),
            expected: format!("ids below the {} rows of the word embeddings", config.vocab_size),
        });
    }
    Ok(tokenizer)
}

fn read_weights(
    files: &ModelFiles,
    config: &BertConfig,
    manifest: &Manifest,
) -> Result<(BertWeights, Heads), LoadError> {
    let embedded = match &files.weights {
        Cow::Borrowed(bytes) => Some(*bytes),
        Cow::Owned(_) => None,
    };
    let checkpoint = weights::Checkpoint::parse(&files.weights, embedded)?;
    let weights = BertWeights::read(&checkpoint, config)?;
    let heads = Heads::new(HeadWeights::read(&checkpoint, config.hidden_size)?, &manifest.heads);
    Ok((weights, heads))
}
