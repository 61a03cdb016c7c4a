//! The threads that an engine computes on.

use std::fmt;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::sync::Arc;

use crate::error::LoadError;

/// A pool of threads, or none: then all work is done on the calling thread. Cloning shares the pool.
#[derive(Clone)]
pub struct Threads {
    pool: Option<Arc<rayon::ThreadPool>>,
}

// A pool's only unchecked part is its optional hooks, and this one has none; a panic in a job leaves the pool whole.
impl UnwindSafe for Threads {}
impl RefUnwindSafe for Threads {}

impl Threads {
    /// No pool: the calling thread does the work.
    pub fn caller() -> Self {
        Self { pool: None }
    }

    /// `count` threads, or the calling thread alone for 1.
    ///
    /// # Errors
    /// [`LoadError::Unavailable`] if `count` is 0 or the system gives no threads.
    pub fn new(count: usize) -> Result<Self, LoadError> {
        let unavailable =
            |reason: String| LoadError::Unavailable { what: format!("a pool of {count} threads"), reason };
        match count {
            0 => Err(unavailable("at least one thread is needed".into())),
            1 => Ok(Self::caller()),
            _ => rayon::ThreadPoolBuilder::new()
                .num_threads(count)
                .thread_name(|index| format!("plaint-{index}"))
                .build()
                .map(|pool| Self { pool: Some(Arc::new(pool)) })
                .map_err(|error| unavailable(error.to_string())),
        }
    }

    /// Number of threads that work at a time.
    pub fn count(&self) -> usize {
        self.pool.as_ref().map_or(1, |pool| pool.current_num_threads())
    }

    /// Runs `work` where rayon's parallel iterators use the threads of the pool. Without a pool it runs as it is: then
    /// it must not use parallel iterators, or they would use rayon's global pool.
    pub(crate) fn run<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        match &self.pool {
            Some(pool) => pool.install(work),
            None => work(),
        }
    }

    /// Does both, side by side if there are several threads, else one after the other.
    pub(crate) fn join<A: Send, B: Send>(&self, a: impl FnOnce() -> A + Send, b: impl FnOnce() -> B + Send) -> (A, B) {
        match &self.pool {
            Some(pool) => pool.join(a, b),
            None => (a(), b()),
        }
    }
}

impl fmt::Debug for Threads {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Threads({})", self.count())
    }
}
