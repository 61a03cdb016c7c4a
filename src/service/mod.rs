//! Scoring inside a service: single texts from many tasks become full batches, under bounds, deadlines and faults.
//!
//! ```
//! # #[cfg(feature = "embedded-model")] {
//! use std::time::Duration;
//! use plaint::Engine;
//! use plaint::service::{Request, Service, ServiceError};
//!
//! let service = Service::start(Engine::embedded()?)?; // Clone + Send + Sync, needs no async runtime
//!
//! // In an async handler: `service.score(text).await`. In a thread:
//! let answer = service.score_blocking("Seit drei Wochen kein Internet!")?;
//! assert!(answer.assessment.is_complaint);
//! println!("{} by {}", answer.assessment.complaint, answer.model);
//!
//! // Refused at once if the queue is full, given up if not begun within a second:
//! let request = Request::new("Wo bleibt mein Paket?").deadline(Duration::from_secs(1));
//! match service.try_score(request).and_then(|pending| pending.wait()) {
//!     Ok(answer) => println!("{:?}", answer.assessment),
//!     Err(ServiceError::Overloaded { .. }) => println!("try later"), // HTTP 429
//!     Err(ServiceError::Expired { .. }) => println!("too late"),     // HTTP 504
//!     Err(error) => println!("{error}"),
//! }
//! # } Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Four ways in
//!
//! | | waits for room in the queue | refuses when the queue is full |
//! | --- | --- | --- |
//! | **async** | [`score`](Service::score)`.await` | [`try_score`](Service::try_score)`?.await` |
//! | **blocking** | [`score_blocking`](Service::score_blocking) | [`try_score`](Service::try_score)`?.`[`wait`](Pending::wait)`()` |
//!
//! A consumer that has many texts in flight calls [`submit`](Service::submit), which waits for room, and collects the
//! [`Pending`] scores later.
//!
//! # What it promises
//!
//! * The scores are those of [`Engine::score`], bit for bit.
//! * Every accepted request ends once: with a score, with a typed error, or because its caller dropped it. [`Stats`]
//!   keeps the books.
//! * A text whose deadline has passed, or whose caller has gone, is not encoded. One that is being encoded is answered.
//! * A text on which the engine fails or panics takes no other down.
//! * A lone text waits for no timer.
//!
//! # Rooms
//!
//! `waiting` holds the queue's rules, without threads; `dispatch` the lock around them and the workers' roles; `batch` and
//! `worker` do the work; `entry` and `ledger` see to it that every request is settled once and booked.

mod answer;
mod batch;
mod builder;
mod dispatch;
mod entry;
mod error;
mod ledger;
pub mod observer;
mod oneshot;
mod request;
mod sync;
mod waiting;
mod worker;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;
use std::thread::JoinHandle;
use std::time::Instant;

pub use answer::{Admission, Answer, Pending};
pub use builder::ServiceBuilder;
use dispatch::{Dispatch, Refusal};
use entry::Entry;
pub use error::{ModelRefused, ServiceError, StartError};
use ledger::Ledger;
pub use ledger::Stats;
pub use observer::Observer;
pub use request::{Priority, Request};
pub use waiting::Load;

use crate::engine::Engine;
use crate::model::ModelId;

/// A queue and workers around an [`Engine`]. Cloning is cheap and shares everything.
///
/// When the last clone is dropped, what waits is still scored, in the background; [`shutdown`](Self::shutdown) waits for
/// that.
#[derive(Debug, Clone)]
pub struct Service {
    owner: Arc<Owner>,
}

/// Closes the queue when the last handle goes.
#[derive(Debug)]
struct Owner {
    shared: Arc<Shared>,
    workers: Mutex<Vec<JoinHandle<()>>>,
}

/// What handles and workers share.
#[derive(Debug)]
struct Shared {
    dispatch: Dispatch<Entry>,
    ledger: Arc<Ledger>,
    engine: Mutex<Engine>,
    canary: String,
    batch_tokens: usize,
}

/// What becomes of requests that wait when a service is shut down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shutdown {
    /// They are scored.
    Drain,
    /// They end with [`ServiceError::Cancelled`]. A batch that is being encoded is finished.
    Cancel,
}

impl Service {
    /// A service with default options.
    ///
    /// # Errors
    /// As [`ServiceBuilder::start`].
    pub fn start(engine: Engine) -> Result<Self, StartError> {
        Self::builder(engine).start()
    }

    /// Options first, then the workers.
    pub fn builder(engine: Engine) -> ServiceBuilder {
        ServiceBuilder::new(engine)
    }

    /// Submits a text and returns its score as a future. It waits for room if the queue is full: callers that do not
    /// await it before they submit more should use [`submit`](Self::submit).
    ///
    /// # Errors
    /// The future yields a [`ServiceError`] if there is no score; never `Overloaded`.
    pub fn score(&self, request: impl Into<Request>) -> Pending {
        self.offer(request.into(), true).unwrap_or_else(Pending::refused)
    }

    /// Submits a text and blocks the calling thread until its score is there. It waits for room if the queue is full. Not
    /// for the threads of an async executor.
    ///
    /// # Errors
    /// [`ServiceError`] if there is no score; never `Overloaded`.
    pub fn score_blocking(&self, request: impl Into<Request>) -> Result<Answer, ServiceError> {
        self.score(request).wait()
    }

    /// Submits a text if there is room.
    ///
    /// # Errors
    /// [`ServiceError::Overloaded`] at once if the queue is full, [`ServiceError::Closed`] after a shutdown.
    pub fn try_score(&self, request: impl Into<Request>) -> Result<Pending, ServiceError> {
        self.offer(request.into(), false)
    }

    /// Submits a text and returns a future (or, by [`Admission::wait`], blocks) that is ready as soon as there is room.
    /// What it yields is the score to come.
    ///
    /// # Errors
    /// The future yields [`ServiceError::Closed`] after a shutdown.
    pub fn submit(&self, request: impl Into<Request>) -> Admission {
        Admission::new(self.offer(request.into(), true))
    }

    /// Puts a new model in. From now on every text that is not being encoded yet is scored by it; batches that are, are
    /// finished by the old one. Returns the old one.
    ///
    /// ```no_run
    /// # fn reload(service: &plaint::service::Service) -> Result<(), Box<dyn std::error::Error>> {
    /// service.swap(plaint::Engine::open("models/new")?)?; // on either error the old model stays
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// [`ModelRefused`] if it cannot score the canary text: the old one stays.
    pub fn swap(&self, engine: Engine) -> Result<Engine, ModelRefused> {
        builder::check(&engine, &self.shared().canary)?;
        let model = Arc::clone(engine.model_id());
        let old = std::mem::replace(&mut *self.shared().lock_engine(), engine);
        self.shared().ledger.tell(|observer| observer.swapped(&model));
        Ok(old)
    }

    /// The model that serves.
    pub fn model(&self) -> Arc<ModelId> {
        Arc::clone(self.shared().lock_engine().model_id())
    }

    /// What was done so far.
    pub fn stats(&self) -> Stats {
        self.shared().ledger.stats()
    }

    /// The engine that serves now.
    pub fn engine(&self) -> Engine {
        self.shared().engine()
    }

    /// What waits in the queue. Requests of callers that wait for room are not in it.
    pub fn waiting(&self, priority: Priority) -> Load {
        self.shared().dispatch.depth(priority).0
    }

    /// Takes no more requests, and waits until all that were accepted are settled and the workers have ended. A second
    /// call waits as well; with [`Shutdown::Cancel`] it shortens the first.
    pub fn shutdown(&self, shutdown: Shutdown) {
        self.shared().close(shutdown);
        // A worker (an observer calls this, say) cannot wait for itself.
        if !worker::is_worker_of(self.shared()) {
            for worker in self.owner.workers().drain(..) {
                // A worker's panics are caught inside.
                let _ = worker.join();
            }
        }
    }

    fn shared(&self) -> &Arc<Shared> {
        &self.owner.shared
    }

    fn offer(&self, request: Request, may_wait: bool) -> Result<Pending, ServiceError> {
        let shared = self.shared();
        let now = Instant::now();
        let tokens = shared.lock_engine().estimate_tokens(request.text.len());
        let priority = request.priority;
        let (sender, receiver) = oneshot::channel();
        let entry = Entry::new(request, tokens, now, sender, Arc::clone(&shared.ledger));
        let offered = shared.dispatch.offer(entry, may_wait, now);
        // Booked before foreign code runs: a waker may panic.
        if offered.refused.is_none() {
            shared.ledger.accept(priority);
        }
        offered.dead.into_iter().for_each(Entry::bury);
        offered.admitted.into_iter().for_each(Waker::wake);
        let Some((entry, refusal)) = offered.refused else {
            return Ok(Pending::new(receiver, Arc::clone(shared)));
        };
        entry.refuse();
        let error = match refusal {
            Refusal::Full { waiting: Load { texts, tokens } } => ServiceError::Overloaded { texts, tokens },
            Refusal::Closed => ServiceError::Closed,
        };
        shared.ledger.reject(priority, &error);
        Err(error)
    }
}

impl Shared {
    /// The engine that serves.
    fn engine(&self) -> Engine {
        self.lock_engine().clone()
    }

    // A panic elsewhere leaves an engine: it is replaced in one go.
    fn lock_engine(&self) -> MutexGuard<'_, Engine> {
        self.engine.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn close(&self, shutdown: Shutdown) {
        for entry in self.dispatch.close(shutdown == Shutdown::Cancel) {
            entry.settle(Err(ServiceError::Cancelled));
        }
    }
}

impl Owner {
    // A panic elsewhere leaves a list of threads.
    fn workers(&self) -> MutexGuard<'_, Vec<JoinHandle<()>>> {
        self.workers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        self.shared.close(Shutdown::Drain);
    }
}
