//! A request on its way through the service.

use std::sync::Arc;
use std::task::Waker;
use std::time::{Duration, Instant};

use super::answer::Answer;
use super::error::ServiceError;
use super::ledger::Ledger;
use super::observer::{Outcome, Settled};
use super::oneshot::Sender;
use super::request::{Priority, Request};
use super::waiting::Item;
use crate::error::ScoreError;

/// An accepted request. It is settled once, whatever happens: dropped unanswered, as by a panic, it answers so.
#[derive(Debug)]
pub struct Entry {
    text: String,
    priority: Priority,
    tokens: usize,
    submitted: Instant,
    deadline: Option<Duration>,
    /// When a worker took it from the queue.
    taken: Option<Instant>,
    /// Until it is settled.
    reply: Option<Sender<Result<Answer, ServiceError>>>,
    ledger: Arc<Ledger>,
}

impl Entry {
    pub fn new(
        request: Request,
        tokens: usize,
        submitted: Instant,
        reply: Sender<Result<Answer, ServiceError>>,
        ledger: Arc<Ledger>,
    ) -> Self {
        let Request { text, priority, deadline } = request;
        Self { text, priority, tokens, submitted, deadline, taken: None, reply: Some(reply), ledger }
    }

    pub fn text(&self) -> &str {
        &self.text
    }

    pub fn submitted(&self) -> Instant {
        self.submitted
    }

    pub fn take(&mut self, now: Instant) {
        self.taken = Some(now);
    }

    /// It was never accepted: nobody is told anything here.
    pub fn refuse(mut self) {
        self.reply = None;
    }

    /// Its caller has gone, or its deadline has passed.
    pub fn bury(self) {
        let deadline = self.deadline.unwrap_or_default();
        self.settle(Err(ServiceError::Expired { deadline }));
    }

    /// Answers the caller.
    pub fn settle(mut self, result: Result<Answer, ServiceError>) {
        self.answer(result);
    }

    /// Answers the caller with an error of the engine.
    pub fn fail(self, error: ScoreError) {
        self.settle(Err(error.into()));
    }

    fn answer(&mut self, result: Result<Answer, ServiceError>) {
        let Some(reply) = self.reply.take() else { return };
        let outcome = match &result {
            _ if reply.is_abandoned() => Outcome::Abandoned,
            Ok(_) => Outcome::Scored,
            Err(ServiceError::Expired { .. }) => Outcome::Expired,
            Err(ServiceError::Cancelled) => Outcome::Cancelled,
            Err(_) => Outcome::Failed,
        };
        let now = Instant::now();
        let queued = self.taken.unwrap_or(now).duration_since(self.submitted);
        let total = now.duration_since(self.submitted);
        // Booked first: whoever has the answer finds it in the books.
        self.ledger.settle(&Settled { priority: self.priority, outcome, queued, total });
        reply.send(result);
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.answer(Err(ServiceError::WorkerPanicked));
    }
}

impl Item for Entry {
    fn priority(&self) -> Priority {
        self.priority
    }

    fn tokens(&self) -> usize {
        self.tokens
    }

    fn deadline(&self) -> Option<Instant> {
        self.submitted.checked_add(self.deadline?)
    }

    fn is_abandoned(&self) -> bool {
        self.reply.as_ref().is_none_or(Sender::is_abandoned)
    }

    fn admit(&self) -> Option<Waker> {
        self.reply.as_ref()?.admit()
    }
}
