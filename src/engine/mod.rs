//! [`Engine`]: the handle that users hold.

mod builder;
mod iter;
mod score;

use std::path::Path;
use std::sync::Arc;

pub use builder::EngineBuilder;
pub use iter::ScoreIter;

use crate::assessment::Assessment;
use crate::encoder::Encoder;
use crate::error::{LoadError, ScoreError};
use crate::model::{Heads, Manifest, ModelFiles};
use crate::text::TextReader;
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
        self.inner.score_batch(texts)
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

    /// Number of parameters, encoder and heads.
    pub fn parameters(&self) -> usize {
        self.inner.parameters
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
