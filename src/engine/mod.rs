//! [`Engine`]: the handle that users hold.

mod builder;
mod iter;
mod score;

use std::path::Path;
use std::sync::Arc;

#[cfg(feature = "compare")]
pub(crate) use builder::BATCH_TOKENS;
pub use builder::EngineBuilder;
pub use iter::ScoreIter;

use crate::assessment::Assessment;
use crate::encoder::Encoder;
use crate::error::{LoadError, ScoreError};
use crate::model::{Heads, Manifest, ModelFiles, ModelId};
use crate::text::{ReadText, TextReader};
use crate::threads::Threads;

/// A loaded model, ready to score. Cloning is cheap and shares everything; any number of threads may score at once.
///
/// ```
/// # #[cfg(feature = "embedded-model")] {
/// let engine = plaint::Engine::embedded()?;
/// let assessment = engine.score("Seit drei Wochen kein Internet, und niemand ruft zurück!")?;
/// assert!(assessment.is_complaint);
/// # } Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Engine {
    inner: Arc<Inner>,
}

struct Inner {
    id: Arc<ModelId>,
    manifest: Manifest,
    parameters: usize,
    reader: TextReader,
    encoder: Box<dyn Encoder>,
    hidden_size: usize,
    heads: Heads,
    threads: Threads,
    batch_tokens: usize,
}

impl Engine {
    /// The model that was compiled in, with default options.
    ///
    /// # Errors
    /// [`LoadError`], if the system gives no threads.
    #[cfg(feature = "embedded-model")]
    pub fn embedded() -> Result<Self, LoadError> {
        Self::builder().embedded()
    }

    /// The model of a folder, with default options.
    ///
    /// # Errors
    /// [`LoadError`] says in one line what is wrong with which file.
    ///
    /// ```no_run
    /// let engine = plaint::Engine::open("models/plaint-base")?;
    /// # Ok::<(), plaint::LoadError>(())
    /// ```
    pub fn open(folder: impl AsRef<Path>) -> Result<Self, LoadError> {
        Self::builder().open(folder)
    }

    /// A model from bytes, with default options.
    ///
    /// # Errors
    /// [`LoadError`] says in one line what is wrong with which file.
    pub fn from_files(files: &ModelFiles) -> Result<Self, LoadError> {
        Self::builder().from_files(files)
    }

    /// Options first, then the model.
    ///
    /// ```
    /// # #[cfg(feature = "embedded-model")] {
    /// use plaint::{EncoderKind, Engine};
    /// let engine = Engine::builder().encoder(EncoderKind::Cpu).threads(1).embedded()?;
    /// # } Ok::<(), plaint::LoadError>(())
    /// ```
    pub fn builder() -> EngineBuilder {
        EngineBuilder::default()
    }

    /// Scores one text.
    ///
    /// # Errors
    /// [`ScoreError::Empty`] for a text without a readable character; other variants tell of a failure below.
    pub fn score(&self, text: &str) -> Result<Assessment, ScoreError> {
        let mut scores = self.score_batch(&[text]);
        scores.pop().expect("one text in, one result out")
    }

    /// Scores texts, in their order. One that fails does not affect the others.
    ///
    /// A text's scores are the same bits alone and in any batch (on the `cpu` and `reference` encoders).
    ///
    /// ```
    /// # #[cfg(feature = "embedded-model")] {
    /// let engine = plaint::Engine::embedded()?;
    /// let results = engine.score_batch(&["Danke, läuft wieder!", ""]);
    /// assert!(results[0].is_ok());
    /// assert_eq!(results[1], Err(plaint::ScoreError::Empty));
    /// # } Ok::<(), plaint::LoadError>(())
    /// ```
    pub fn score_batch<T: AsRef<str> + Sync>(&self, texts: &[T]) -> Vec<Result<Assessment, ScoreError>> {
        let read = self.inner.read(texts);
        let readable: Vec<&ReadText> = read.iter().filter_map(|read| read.as_ref().ok()).collect();
        let mut scores = self.inner.score(&readable).into_iter();
        let score = |read: &Result<_, ScoreError>| match read {
            Ok(_) => scores.next().expect("one result a text that was read"),
            Err(error) => Err(error.clone()),
        };
        read.iter().map(score).collect()
    }

    /// Whether both are clones of one engine.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.inner, &other.inner)
    }

    /// The first half of scoring, on the calling thread: it may go on while another batch is encoded.
    pub(crate) fn read(&self, text: &str) -> Result<ReadText, ScoreError> {
        self.inner.reader.read(text)
    }

    /// The second half of scoring, for texts that this engine has read; results in their order.
    pub(crate) fn score_read(&self, texts: &[&ReadText]) -> Vec<Result<Assessment, ScoreError>> {
        self.inner.score(texts)
    }

    /// Tokens that the encoder will get for a text of `bytes` bytes, nearly: known before the text is read.
    pub(crate) fn estimate_tokens(&self, bytes: usize) -> usize {
        self.inner.reader.estimate_tokens(bytes)
    }

    /// Scores whatever an iterator yields, in its order and in bounded memory: it is read ahead by at most
    /// [`ScoreIter::MAX_TEXTS`] texts, or fewer if they are long.
    ///
    /// ```
    /// # #[cfg(feature = "embedded-model")] {
    /// let engine = plaint::Engine::embedded()?;
    /// let lines = "Wo bleibt mein Paket?\nMerci beaucoup !".lines();
    /// assert_eq!(engine.score_iter(lines).filter(Result::is_ok).count(), 2);
    /// # } Ok::<(), plaint::LoadError>(())
    /// ```
    pub fn score_iter<I>(&self, texts: I) -> ScoreIter<I::IntoIter>
    where
        I: IntoIterator,
        I::Item: AsRef<str> + Sync,
    {
        ScoreIter::new(self.clone(), texts.into_iter())
    }

    /// What the model says of itself.
    pub fn manifest(&self) -> &Manifest {
        &self.inner.manifest
    }

    /// Which model this is, down to the last bit.
    pub fn model_id(&self) -> &Arc<ModelId> {
        &self.inner.id
    }

    /// Number of parameters, encoder and heads.
    pub fn parameters(&self) -> usize {
        self.inner.parameters
    }

    /// Threads that work on a batch.
    pub fn threads(&self) -> usize {
        self.inner.threads.count()
    }

    /// Tokens that are encoded in one batch at most.
    pub fn batch_tokens(&self) -> usize {
        self.inner.batch_tokens
    }

    /// One line on the encoder that runs and why, for people.
    pub fn describe_encoder(&self) -> String {
        self.inner.encoder.describe()
    }
}

impl std::fmt::Debug for Inner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine")
            .field("model", &self.manifest.name)
            .field("version", &self.manifest.version)
            .field("encoder", &self.encoder.describe())
            .finish_non_exhaustive()
    }
}
