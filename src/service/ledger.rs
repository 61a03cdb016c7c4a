//! The service's books: every accepted request is entered once and settled once.

use std::panic::{RefUnwindSafe, UnwindSafe};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::error::ServiceError;
use super::observer::{Observer, Outcome, Settled};
use super::request::Priority;
use crate::guard::guard;

/// What a service has done since it was started. When nothing is in flight,
/// `accepted == scored + failed + expired + abandoned + cancelled`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Stats {
    /// Requests taken, those that waited for room included.
    pub accepted: u64,
    /// Requests refused because the queue was full.
    pub overloaded: u64,
    /// Requests refused because the service was shut down.
    pub closed: u64,
    /// Accepted requests that got a score.
    pub scored: u64,
    /// Accepted requests that got an error of the engine or of a worker.
    pub failed: u64,
    /// Accepted requests whose deadline passed before they were encoded.
    pub expired: u64,
    /// Accepted requests whose caller had gone before they were encoded.
    pub abandoned: u64,
    /// Accepted requests that a shutdown cancelled.
    pub cancelled: u64,
    /// Batches encoded.
    pub batches: u64,
}

impl Stats {
    /// Accepted requests that came to an end.
    pub fn settled(&self) -> u64 {
        self.scored + self.failed + self.expired + self.abandoned + self.cancelled
    }

    /// Accepted requests that wait or are being scored.
    pub fn in_flight(&self) -> u64 {
        self.accepted.saturating_sub(self.settled())
    }
}

/// Counters, and whoever else wants to know.
#[derive(Default)]
pub struct Ledger {
    accepted: AtomicU64,
    overloaded: AtomicU64,
    closed: AtomicU64,
    /// By [`Outcome::ALL`].
    settled: [AtomicU64; Outcome::ALL.len()],
    batches: AtomicU64,
    observer: Option<Arc<dyn Observer>>,
}

// Only the observer is in doubt, and its panics are caught.
impl UnwindSafe for Ledger {}
impl RefUnwindSafe for Ledger {}

impl Ledger {
    pub fn new(observer: Option<Arc<dyn Observer>>) -> Self {
        Self { observer, ..Self::default() }
    }

    pub fn accept(&self, priority: Priority) {
        self.accepted.fetch_add(1, Ordering::Relaxed);
        self.tell(|observer| observer.accepted(priority));
    }

    pub fn reject(&self, priority: Priority, error: &ServiceError) {
        let counter = if matches!(error, ServiceError::Closed) { &self.closed } else { &self.overloaded };
        counter.fetch_add(1, Ordering::Relaxed);
        self.tell(|observer| observer.rejected(priority, error));
    }

    pub fn settle(&self, request: &Settled) {
        self.settled[request.outcome as usize].fetch_add(1, Ordering::Relaxed);
        self.tell(|observer| observer.settled(request));
    }

    pub fn batch(&self) {
        self.batches.fetch_add(1, Ordering::Relaxed);
    }

    pub fn stats(&self) -> Stats {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let settled = |outcome: Outcome| read(&self.settled[outcome as usize]);
        Stats {
            scored: settled(Outcome::Scored),
            failed: settled(Outcome::Failed),
            expired: settled(Outcome::Expired),
            abandoned: settled(Outcome::Abandoned),
            cancelled: settled(Outcome::Cancelled),
            accepted: read(&self.accepted),
            overloaded: read(&self.overloaded),
            closed: read(&self.closed),
            batches: read(&self.batches),
        }
    }

    /// Tells the observer, if there is one. Its panics are its own.
    pub fn tell(&self, event: impl FnOnce(&dyn Observer)) {
        if let Some(observer) = &self.observer {
            let _ = guard(|| event(observer.as_ref()));
        }
    }

    /// Does `work` inside of the observer's [`stage`](Observer::stage), if there is one; in any case once.
    pub fn stage<T>(&self, stage: super::observer::Stage, mut work: impl FnMut() -> T) -> T {
        let mut done = None;
        self.tell(|observer| {
            observer.stage(stage, &mut || {
                if done.is_none() {
                    done = Some(work());
                }
            });
        });
        done.unwrap_or_else(work)
    }
}

impl std::fmt::Debug for Ledger {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ledger").field("stats", &self.stats()).finish_non_exhaustive()
    }
}
