//! Options of a service.

use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use super::dispatch::{Dispatch, Limits};
use super::error::{ModelRefused, StartError};
use super::ledger::Ledger;
use super::observer::Observer;
use super::waiting::Load;
use super::{Owner, Service, Shared, worker};
use crate::engine::Engine;
use crate::error::ScoreError;
use crate::guard::guard;

/// Options of a service; [`Service::builder`] makes one with the defaults.
#[must_use = "options do nothing until a service is started with them"]
pub struct ServiceBuilder {
    engine: Engine,
    encoders: usize,
    queue: Load,
    batch_tokens: usize,
    linger: Duration,
    canary: String,
    observer: Option<Arc<dyn Observer>>,
}

/// What the engine's threads need to be busy in a batch. Larger batches bring little more, and every request waits for
/// the batches before its own.
const BATCH_TOKENS_PER_THREAD: usize = 1024;

impl ServiceBuilder {
    pub(super) fn new(engine: Engine) -> Self {
        let batch_tokens = engine.batch_tokens().min(engine.threads().saturating_mul(BATCH_TOKENS_PER_THREAD));
        Self {
            engine,
            encoders: 1,
            queue: Load { texts: 1024, tokens: 1 << 15 },
            batch_tokens,
            linger: Duration::ZERO,
            canary: "Seit drei Wochen kein Internet. Can you help me, please?".to_owned(),
            observer: None,
        }
    }

    /// Batches that are encoded at a time. Default: 1, on all threads of the engine: the shortest answers while little is to
    /// do. An engine of one thread and as many batches as there are cores bring the most throughput; batches should be small
    /// then (see [`batch_tokens`](Self::batch_tokens)), or one takes all that waits while the other cores have nothing to do.
    pub fn encoders(mut self, batches: usize) -> Self {
        self.encoders = batches;
        self
    }

    /// Texts of each priority that may wait in the queue. Default: 1024.
    pub fn queue_texts(mut self, texts: usize) -> Self {
        self.queue.texts = texts;
        self
    }

    /// Tokens of each priority that may wait in the queue, estimated from the lengths of the texts. Default: 32,768.
    pub fn queue_tokens(mut self, tokens: usize) -> Self {
        self.queue.tokens = tokens;
        self
    }

    /// Tokens of a batch; a longer text makes a batch of its own. Default: 1024 a thread of the engine, or the engine's
    /// own limit if that is less.
    pub fn batch_tokens(mut self, tokens: usize) -> Self {
        self.batch_tokens = tokens;
        self
    }

    /// How long, from the submission of its first text, a batch that is not full waits for company while the encoder is
    /// idle. Default: not at all. A text after a batch of one text never waits.
    pub fn linger(mut self, linger: Duration) -> Self {
        self.linger = linger;
        self
    }

    /// The text that a model must score before it serves. Default: a sentence in German and English.
    pub fn canary(mut self, text: impl Into<String>) -> Self {
        self.canary = text.into();
        self
    }

    /// Who is told what the service does. Default: nobody.
    pub fn observer(mut self, observer: impl Observer + 'static) -> Self {
        self.observer = Some(Arc::new(observer));
        self
    }

    /// Starts the workers: one more than [`encoders`](Self::encoders), to read the next batch meanwhile.
    ///
    /// # Errors
    /// [`StartError`] if an option is 0, the engine cannot score the canary text, or the system gives no threads.
    pub fn start(self) -> Result<Service, StartError> {
        let Self { engine, encoders, queue, batch_tokens, linger, canary, observer } = self;
        let options = [
            ("encoders", encoders),
            ("queue_texts", queue.texts),
            ("queue_tokens", queue.tokens),
            ("batch_tokens", batch_tokens),
        ];
        if let Some(&(option, _)) = options.iter().find(|(_, value)| *value == 0) {
            return Err(StartError::Option { option });
        }
        check(&engine, &canary)?;
        let batch = Load { texts: usize::MAX, tokens: batch_tokens };
        let ledger = Arc::new(Ledger::new(observer));
        ledger.tell(|observer| observer.swapped(engine.model_id()));
        let shared = Arc::new(Shared {
            dispatch: Dispatch::new(Limits { queue, batch, encoders, linger }),
            ledger,
            engine: Mutex::new(engine),
            canary,
            batch_tokens,
        });
        // Made first: if a thread cannot be had, dropping it ends those that were started.
        let owner = Owner { shared: Arc::clone(&shared), workers: Mutex::default() };
        for worker in 0..=encoders {
            let shared = Arc::clone(&shared);
            let thread = thread::Builder::new()
                .name(format!("plaint-service-{worker}"))
                .spawn(move || worker::run(&shared))
                .map_err(|source| StartError::Thread { worker, source })?;
            owner.workers().push(thread);
        }
        Ok(Service { owner: Arc::new(owner) })
    }
}

/// Lets `engine` score the canary text.
pub(super) fn check(engine: &Engine, canary: &str) -> Result<(), ModelRefused> {
    let scored = guard(|| engine.score(canary).map(drop));
    let refused = |error| ModelRefused { model: engine.model_id().to_string(), canary: canary.to_owned(), error };
    scored.unwrap_or_else(|message| Err(ScoreError::Panicked { stage: "encode", message })).map_err(refused)
}

impl std::fmt::Debug for ServiceBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ServiceBuilder")
            .field("encoders", &self.encoders)
            .field("queue", &self.queue)
            .field("batch_tokens", &self.batch_tokens)
            .field("linger", &self.linger)
            .finish_non_exhaustive()
    }
}
