//! A channel for one value, from a worker to a caller that may be a thread or a task of any executor.
//!
//! It knows one thing more than others of its kind: whether the request has been *admitted* to the queue, for callers that
//! want to wait for that alone.

use std::sync::PoisonError;
use std::task::{Context, Poll, Waker};

use super::sync::{Arc, Mutex, MutexGuard};

/// The worker's end.
#[derive(Debug)]
pub struct Sender<T>(Arc<Shared<T>>);

/// The caller's end.
#[derive(Debug)]
pub struct Receiver<T>(Arc<Shared<T>>);

/// The sender went away without a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dropped;

#[derive(Debug)]
struct Shared<T>(Mutex<State<T>>);

#[derive(Debug)]
struct State<T> {
    admitted: bool,
    sender_gone: bool,
    receiver_gone: bool,
    value: Option<T>,
    /// Of the task that waits, if one does.
    waker: Option<Waker>,
}

/// A new channel.
pub fn channel<T>() -> (Sender<T>, Receiver<T>) {
    let state = State { admitted: false, sender_gone: false, receiver_gone: false, value: None, waker: None };
    let shared = Arc::new(Shared(Mutex::new(state)));
    (Sender(Arc::clone(&shared)), Receiver(shared))
}

impl<T> Sender<T> {
    /// Hands over the value; it is lost if nobody waits for it any more.
    pub fn send(self, value: T) {
        let mut state = self.0.lock();
        if !state.receiver_gone {
            state.value = Some(value);
        }
        // Dropping `self` wakes the receiver.
    }

    /// Notes that the request is in the queue. The caller wakes what is returned, outside of its own locks.
    #[must_use = "the receiver waits for it"]
    pub fn admit(&self) -> Option<Waker> {
        let mut state = self.0.lock();
        state.admitted = true;
        state.waker.take()
    }

    /// Whether nobody waits for the value any more.
    pub fn is_abandoned(&self) -> bool {
        self.0.lock().receiver_gone
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.sender_gone = true;
        let waker = state.waker.take();
        drop(state);
        // A waker runs code of an executor: never under a lock.
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

impl<T> Receiver<T> {
    /// The value, once it is there.
    pub fn poll(&self, context: &mut Context<'_>) -> Poll<Result<T, Dropped>> {
        let mut state = self.0.lock();
        match state.value.take() {
            Some(value) => Poll::Ready(Ok(value)),
            None if state.sender_gone => Poll::Ready(Err(Dropped)),
            None => state.wait(context),
        }
    }

    /// Ready when the request is in the queue, or was answered without.
    pub fn poll_admitted(&self, context: &mut Context<'_>) -> Poll<()> {
        let mut state = self.0.lock();
        if state.admitted || state.sender_gone { Poll::Ready(()) } else { state.wait(context) }
    }

    /// Whether the sender has sent a value, or gone away.
    pub fn is_answered(&self) -> bool {
        self.0.lock().sender_gone
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.receiver_gone = true;
        let unread = (state.value.take(), state.waker.take());
        drop(state);
        // Both may run foreign code when dropped.
        drop(unread);
    }
}

impl<T> Shared<T> {
    // A panic elsewhere leaves the state as it was: no method can stop half-way.
    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> State<T> {
    fn wait<R>(&mut self, context: &mut Context<'_>) -> Poll<R> {
        match &mut self.waker {
            Some(waker) => waker.clone_from(context.waker()),
            none => *none = Some(context.waker().clone()),
        }
        Poll::Pending
    }
}
