//! What can go wrong between a caller and the engine.

use std::time::Duration;

use crate::error::ScoreError;

/// A request got no score.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ServiceError {
    /// The queue is full, and the caller did not want to wait for room.
    #[error("the queue is full: {texts} texts with about {tokens} tokens wait")]
    Overloaded {
        /// Texts that wait, of the request's priority.
        texts: usize,
        /// Their tokens, nearly.
        tokens: usize,
    },
    /// The deadline passed before the text's turn came.
    #[error("the text waited for longer than its deadline of {} ms", deadline.as_millis())]
    Expired {
        /// As the request stated it.
        deadline: Duration,
    },
    /// The service shut down before the text's turn came.
    #[error("the service was shut down before the text was scored")]
    Cancelled,
    /// The service takes no more requests: it has shut down, or is about to.
    #[error("the service is shut down")]
    Closed,
    /// The engine could not score the text.
    #[error(transparent)]
    Score(#[from] ScoreError),
    /// The worker that held the text panicked outside of the engine. This is a bug; the service remains usable.
    #[error("the worker that held the text panicked")]
    WorkerPanicked,
}

/// A model could not score the canary text, and so must not serve.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("model {model} cannot score the canary text {canary:?}: {error}")]
pub struct ModelRefused {
    /// Name, version and checksum of the model.
    pub model: String,
    /// The text.
    pub canary: String,
    /// What happened.
    #[source]
    pub error: ScoreError,
}

/// A service could not be started.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// An option has a value with which nothing could ever be scored.
    #[error("option `{option}`: found 0, expected at least 1")]
    Option {
        /// Name of the builder's method.
        option: &'static str,
    },
    /// The system gives no thread.
    #[error("cannot start worker {worker}: {source}")]
    Thread {
        /// Number of the worker.
        worker: usize,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// The engine cannot score the canary text.
    #[error(transparent)]
    Model(#[from] ModelRefused),
}
