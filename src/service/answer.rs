//! What a caller gets, and what it waits on until then.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};

use super::Shared;
use super::error::ServiceError;
use super::oneshot::Receiver;
use crate::assessment::Assessment;
use crate::model::ModelId;

/// A score, and whose it is.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// The score.
    pub assessment: Assessment,
    /// The model that made it.
    pub model: Arc<ModelId>,
}

/// A score to come. As a future it works on any executor; a thread calls [`wait`](Self::wait).
///
/// Dropping it tells the service that nobody wants the score any more.
#[derive(Debug)]
#[must_use = "the score is not computed if nobody waits for it"]
pub struct Pending(State);

#[derive(Debug)]
enum State {
    Waiting { receiver: Receiver<Result<Answer, ServiceError>>, shared: Arc<Shared> },
    Refused(ServiceError),
}

impl Pending {
    pub(super) fn new(receiver: Receiver<Result<Answer, ServiceError>>, shared: Arc<Shared>) -> Self {
        Self(State::Waiting { receiver, shared })
    }

    pub(super) fn refused(error: ServiceError) -> Self {
        Self(State::Refused(error))
    }

    /// Blocks the calling thread until the score is there. Not for the threads of an async executor.
    ///
    /// # Errors
    /// [`ServiceError`] says why there is none.
    pub fn wait(self) -> Result<Answer, ServiceError> {
        block_on(self)
    }

    fn poll_admitted(&self, context: &mut Context<'_>) -> Poll<()> {
        match &self.0 {
            State::Waiting { receiver, .. } => receiver.poll_admitted(context),
            State::Refused(_) => Poll::Ready(()),
        }
    }
}

impl Future for Pending {
    type Output = Result<Answer, ServiceError>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match &self.0 {
            State::Waiting { receiver, .. } => receiver.poll(context).map(|result| match result {
                Ok(result) => result,
                Err(_) => Err(ServiceError::WorkerPanicked),
            }),
            State::Refused(error) => Poll::Ready(Err(error.clone())),
        }
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        if let State::Waiting { receiver, shared } = &self.0
            && !receiver.is_answered()
        {
            shared.dispatch.depart();
        }
    }
}

/// A place in the queue to come: a future that yields a [`Pending`] score once there is room.
#[derive(Debug)]
#[must_use = "nothing is submitted if nobody waits for room"]
pub struct Admission(Option<Result<Pending, ServiceError>>);

impl Admission {
    pub(super) fn new(submitted: Result<Pending, ServiceError>) -> Self {
        Self(Some(submitted))
    }

    /// Blocks the calling thread until there is room. Not for the threads of an async executor.
    ///
    /// # Errors
    /// [`ServiceError::Closed`] if the service takes no more requests.
    pub fn wait(self) -> Result<Pending, ServiceError> {
        block_on(self)
    }
}

impl Future for Admission {
    type Output = Result<Pending, ServiceError>;

    /// # Panics
    /// If polled again after it was ready, as futures may.
    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        if let Some(Ok(pending)) = &self.0
            && pending.poll_admitted(context).is_pending()
        {
            return Poll::Pending;
        }
        Poll::Ready(self.0.take().expect("polled once it was ready"))
    }
}

/// Runs a future on the calling thread.
fn block_on<F: Future + Unpin>(mut future: F) -> F::Output {
    struct Unpark(Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut context = Context::from_waker(&waker);
    loop {
        match Pin::new(&mut future).poll(&mut context) {
            Poll::Ready(output) => return output,
            Poll::Pending => thread::park(),
        }
    }
}
