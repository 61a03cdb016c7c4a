//! What can go wrong in training.

use std::io;
use std::path::{Path, PathBuf};

use crate::error::{EncodeError, LoadError};
use crate::evaluate::ReadError;

/// A model could not be trained.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrainError {
    /// The recipe is not TOML, or a field is missing, unknown or unusable.
    #[error("{}: {message}", path.display())]
    Recipe {
        /// The recipe.
        path: PathBuf,
        /// Which field, what was found, what was expected.
        message: String,
    },
    /// A pattern of the recipe names no file.
    #[error("no data file matches `{pattern}`")]
    NoFile {
        /// As it stands in the recipe.
        pattern: String,
    },
    /// A data file cannot be read to its end.
    #[error(transparent)]
    Data(#[from] ReadError),
    /// Nothing is left to train on.
    #[error("found no row with a usable label for {what}, expected at least one")]
    NoRows {
        /// Training, development or test.
        what: &'static str,
    },
    /// The base checkpoint or the finished model does not load.
    #[error("{}: {source}", path.display())]
    Model {
        /// The folder.
        path: PathBuf,
        /// Why.
        source: LoadError,
    },
    /// A file of the run cannot be read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// A checkpoint, or the scores of a fold, are not of this run.
    #[error("{}: {message}", path.display())]
    Checkpoint {
        /// The file.
        path: PathBuf,
        /// What was found and expected.
        message: String,
    },
    /// The teacher failed on a text.
    #[error("{}: as a teacher: {source}", path.display())]
    Teacher {
        /// Its folder.
        path: PathBuf,
        /// Why.
        source: EncodeError,
    },
    /// libtorch failed, or the loss is no longer a number.
    #[error("training failed at step {step}: {message}")]
    Diverged {
        /// Optimizer steps done.
        step: usize,
        /// What happened.
        message: String,
    },
}

impl TrainError {
    /// What the operating system said of `path`.
    pub(super) fn io(path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { path: path.into(), source }
    }
}
