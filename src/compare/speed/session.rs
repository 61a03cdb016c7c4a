//! A contestant at work: a process that answers texts.

use std::time::{Duration, Instant};

use super::Subject;
use crate::Coverage;
use crate::compare::machine;
use crate::compare::runner::{Answer, Process, Question, Received, RunnerError};

/// A process that is asked one text after another, or many.
pub(super) struct Session<'a> {
    process: Process,
    timeout: Duration,
    texts: &'a [String],
    /// Texts sent and answers received.
    sent: usize,
    answered: usize,
    failed: bool,
}

impl<'a> Session<'a> {
    /// Starts the process without asking it anything.
    pub fn start(subject: &Subject, texts: &'a [String]) -> Result<Self, RunnerError> {
        let process = Process::start(&subject.command)?;
        Ok(Self { process, timeout: subject.timeout, texts, sent: 0, answered: 0, failed: false })
    }

    /// Sends the next text; after the last comes the first.
    pub fn send(&mut self) {
        let text = &self.texts[self.sent % self.texts.len()];
        self.sent += 1;
        self.process.send(Question { id: self.sent, text, lang: None }.to_line());
    }

    /// Waits for the next line, but does not look at it.
    pub fn receive(&mut self) -> Result<Received, RunnerError> {
        let deadline = Instant::now() + self.timeout;
        self.process.receive(deadline).map_err(|error| error.after(self.answered, self.sent))
    }

    /// The next line if it comes before `moment`.
    pub fn receive_before(&mut self, moment: Instant) -> Result<Option<Received>, RunnerError> {
        match self.process.receive(moment) {
            Ok(received) => Ok(Some(received)),
            Err(RunnerError::TimedOut { .. }) => Ok(None),
            Err(error) => Err(error.after(self.answered, self.sent)),
        }
    }

    /// Reads what a line says, in the order of the lines.
    pub fn check(&mut self, received: &Received) -> Result<Option<Coverage>, RunnerError> {
        self.answered += 1;
        let line = self.answered;
        let answer = Answer::parse(&received.line, line).map_err(|error| RunnerError::Answer { line, error })?;
        self.failed |= answer.scores().is_none();
        Ok(answer.coverage())
    }

    /// Seconds from sending a text to its answer.
    pub fn ask(&mut self) -> Result<f64, RunnerError> {
        let start = Instant::now();
        self.send();
        let received = self.receive()?;
        self.check(&received)?;
        Ok((received.at - start).as_secs_f64())
    }

    pub fn close_input(&mut self) {
        self.process.close_input();
    }

    pub fn peak_memory(&self) -> Option<u64> {
        machine::peak_memory(self.process.id())
    }

    /// Ends the process in good order.
    pub fn finish(self) -> Result<(), RunnerError> {
        let (answered, sent) = (self.answered, self.sent);
        let deadline = Instant::now() + self.timeout;
        self.process.finish(deadline, self.failed).map_err(|error| error.after(answered, sent))
    }
}
