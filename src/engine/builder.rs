//! Options of an engine.

use std::path::Path;
use std::sync::Arc;

use super::{Engine, Inner};
use crate::encoder::{self, Encoder, EncoderKind, Precision};
use crate::error::LoadError;
use crate::model::{Model, ModelFiles, ModelId};
use crate::text::{LongText, TextReader};
use crate::threads::Threads;

/// Tokens of a batch unless told otherwise.
pub(crate) const BATCH_TOKENS: usize = 8192;

/// Options of an engine; [`Engine::builder`] makes one with the defaults.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use = "options do nothing until a model is opened with them"]
pub struct EngineBuilder {
    encoder: EncoderKind,
    precision: Precision,
    threads: Option<usize>,
    batch_tokens: usize,
    long_text: LongText,
    max_bytes: Option<usize>,
}

impl Default for EngineBuilder {
    fn default() -> Self {
        Self {
            encoder: EncoderKind::default(),
            precision: Precision::default(),
            threads: None,
            batch_tokens: BATCH_TOKENS,
            long_text: LongText::default(),
            max_bytes: None,
        }
    }
}

impl EngineBuilder {
    /// Which encoder runs. Default: `cpu`.
    pub fn encoder(mut self, encoder: EncoderKind) -> Self {
        self.encoder = encoder;
        self
    }

    /// In which precision. Default: `auto`.
    pub fn precision(mut self, precision: Precision) -> Self {
        self.precision = precision;
        self
    }

    /// How many threads work on a batch. Default: as many as the system says are available. With 1 all work is done on the calling thread.
    pub fn threads(mut self, threads: usize) -> Self {
        self.threads = Some(threads);
        self
    }

    /// Tokens that are encoded in one batch: bounds memory. Default: 8192.
    pub fn batch_tokens(mut self, tokens: usize) -> Self {
        self.batch_tokens = tokens;
        self
    }

    /// What to do with a text that is longer than one window. Default: read it to its end.
    pub fn long_text(mut self, policy: LongText) -> Self {
        self.long_text = policy;
        self
    }

    /// Bytes of a text that are read at most; [`Coverage`](crate::Coverage) tells of a text that was longer. Default: the
    /// manifest's limit.
    pub fn max_bytes(mut self, bytes: usize) -> Self {
        self.max_bytes = Some(bytes);
        self
    }

    /// Opens the model that was compiled in.
    ///
    /// # Errors
    /// As [`open`](Self::open), though nothing is wrong with its files.
    #[cfg(feature = "embedded-model")]
    pub fn embedded(self) -> Result<Engine, LoadError> {
        self.from_files(&ModelFiles::embedded())
    }

    /// Opens the model of a folder.
    ///
    /// # Errors
    /// [`LoadError`] says in one line what is wrong with which file or option.
    pub fn open(self, folder: impl AsRef<Path>) -> Result<Engine, LoadError> {
        self.from_files(&ModelFiles::read(folder.as_ref())?)
    }

    /// Opens a model from bytes.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn from_files(self, files: &ModelFiles) -> Result<Engine, LoadError> {
        self.from_files_with(files, |encoder| encoder)
    }

    /// Opens a model from bytes and lets the caller put something around its encoder: to count, to delay, to inject
    /// faults in tests.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn from_files_with(
        self,
        files: &ModelFiles,
        wrap: impl FnOnce(Box<dyn Encoder>) -> Box<dyn Encoder>,
    ) -> Result<Engine, LoadError> {
        let threads = Threads::new(match self.threads {
            Some(count) => count,
            None => std::thread::available_parallelism().map_or(1, usize::from),
        })?;
        let model = Model::load_with(&threads, files, |manifest, config, weights| {
            let parameters = weights.parameters();
            let (config, threads) = (config.clone(), threads.clone());
            let encoder = encoder::build(self.encoder, self.precision, config, manifest.pooling, weights, threads)?;
            Ok((encoder, parameters))
        })?;
        let Model { manifest, config, tokenizer, weights: (encoder, parameters), heads } = model;
        let parameters = parameters + heads.parameters();
        let hidden_size = config.hidden_size;
        let id = Arc::new(ModelId::of(&manifest, files));
        let mut limits = manifest.windows.limits(self.long_text);
        limits.max_bytes = self.max_bytes.unwrap_or(limits.max_bytes);
        let reader = TextReader { recipe: manifest.cleaning, tokenizer, limits };
        let batch_tokens = self.batch_tokens;
        let encoder = wrap(encoder);
        let inner = Inner { id, manifest, parameters, reader, encoder, hidden_size, heads, threads, batch_tokens };
        Ok(Engine { inner: Arc::new(inner) })
    }
}
