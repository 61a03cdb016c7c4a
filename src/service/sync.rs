//! The primitives that [`dispatch`](super::dispatch) and [`oneshot`](super::oneshot) stand on. `tests/interleavings.rs`
//! compiles those files a second time, with loom's in place of these.

pub use std::sync::atomic::{AtomicUsize, Ordering};
pub use std::sync::{Arc, Condvar, Mutex, MutexGuard};
