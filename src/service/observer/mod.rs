//! Who watches a service: a trait of events and timings, with adapters for the crates `metrics` and `tracing`.

#[cfg(feature = "metrics")]
mod metrics;
#[cfg(feature = "tracing")]
mod tracing;

use std::time::Duration;

#[cfg(feature = "metrics")]
pub use self::metrics::Metrics;
#[cfg(feature = "tracing")]
pub use self::tracing::Tracing;
use super::error::ServiceError;
use super::request::Priority;
use super::waiting::Load;
use crate::model::ModelId;

/// Is told what a service does. Every method does nothing unless it is written.
///
/// Methods are called by the threads of callers and workers, as things happen; they should be quick. One that panics
/// harms nobody. Events of one request may arrive out of order if different threads cause them.
pub trait Observer: Send + Sync {
    /// A request was accepted: it will be [`settled`](Self::settled) once.
    fn accepted(&self, priority: Priority) {
        let _ = priority;
    }

    /// A request was not accepted: `Overloaded` or `Closed`.
    fn rejected(&self, priority: Priority, error: &ServiceError) {
        let _ = (priority, error);
    }

    /// An accepted request came to its end.
    fn settled(&self, request: &Settled) {
        let _ = request;
    }

    /// A stage of a batch. It must call `work`, once, on this thread; what it does before and after encloses the work.
    fn stage(&self, stage: Stage, work: &mut dyn FnMut()) {
        let _ = stage;
        work();
    }

    /// A batch was encoded.
    fn batch(&self, batch: &BatchReport<'_>) {
        let _ = batch;
    }

    /// A new model serves.
    fn swapped(&self, model: &ModelId) {
        let _ = model;
    }
}

/// How a request ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Outcome {
    /// With a score.
    Scored,
    /// With an error of the engine or of a worker.
    Failed,
    /// Its deadline passed before it was encoded.
    Expired,
    /// Its caller went away before it was encoded.
    Abandoned,
    /// The service shut down before it was encoded.
    Cancelled,
}

impl Outcome {
    /// All outcomes.
    pub const ALL: [Self; 5] = [Self::Scored, Self::Failed, Self::Expired, Self::Abandoned, Self::Cancelled];

    /// The name in lower case.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Scored => "scored",
            Self::Failed => "failed",
            Self::Expired => "expired",
            Self::Abandoned => "abandoned",
            Self::Cancelled => "cancelled",
        }
    }
}

/// The end of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Settled {
    /// Who waited.
    pub priority: Priority,
    /// How it ended.
    pub outcome: Outcome,
    /// From submission until a worker took it, or until it ended without.
    pub queued: Duration,
    /// From submission until its end.
    pub total: Duration,
}

/// A part of a batch's way that takes time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Stage {
    /// Texts are cleaned and tokenized. A batch that is filled up while it waits has several of these.
    Tokenize {
        /// Texts.
        texts: usize,
    },
    /// All texts of the batch are encoded and scored.
    Encode {
        /// Texts.
        texts: usize,
        /// Tokens that the encoder gets.
        tokens: usize,
    },
}

/// What a batch held and how long it took.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct BatchReport<'a> {
    /// The model that scored it.
    pub model: &'a ModelId,
    /// Texts.
    pub texts: usize,
    /// Tokens that the encoder got.
    pub tokens: usize,
    /// Share of the batch's token budget that was used; above 1 if a single text was longer.
    pub fill: f64,
    /// Time for cleaning and tokenization.
    pub tokenize: Duration,
    /// Time for encoder and heads.
    pub encode: Duration,
    /// What waits in the queue, by [`Priority::ALL`].
    pub waiting: [Load; Priority::ALL.len()],
}
