//! Lines that wait to be scored: bounded in number and bytes, and taken as many at a time as are there.
//!
//! So batches are full while input is plentiful, and a lone line from a pipe is answered at once.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use super::{Id, Line};

/// Lines of a batch at most: enough for the engine to sort by length.
const BATCH_LINES: usize = 256;
/// Bytes after which a batch takes no further line, so that long texts do not delay all answers.
const BATCH_BYTES: usize = 1 << 20;
/// Batches that wait while one is scored.
const BATCHES: usize = 2;

/// A queue for one reader and one scorer.
pub fn queue() -> (Sender, Receiver) {
    let shared = Arc::new(Shared::default());
    (Sender(Arc::clone(&shared)), Receiver(shared))
}

pub struct Sender(Arc<Shared>);
pub struct Receiver(Arc<Shared>);

#[derive(Default)]
struct Shared {
    waiting: Mutex<Waiting>,
    changed: Condvar,
}

#[derive(Default)]
struct Waiting {
    lines: VecDeque<Line>,
    bytes: usize,
    closed: bool,
}

impl Sender {
    /// Waits for room; `false` if the receiver is gone.
    pub fn send(&self, line: Line) -> bool {
        let full = |waiting: &mut Waiting| {
            !waiting.closed && (waiting.lines.len() >= BATCHES * BATCH_LINES || waiting.bytes >= BATCHES * BATCH_BYTES)
        };
        let mut waiting = self.0.changed.wait_while(self.0.lock(), full).unwrap_or_else(PoisonError::into_inner);
        if waiting.closed {
            return false;
        }
        waiting.bytes += held(&line);
        waiting.lines.push_back(line);
        self.0.changed.notify_one();
        true
    }
}

impl Receiver {
    /// Waits for a line and takes what else is there, up to a batch; `None` when the sender is gone and all is taken.
    pub fn batch(&self) -> Option<Vec<Line>> {
        let idle = |waiting: &mut Waiting| waiting.lines.is_empty() && !waiting.closed;
        let mut waiting = self.0.changed.wait_while(self.0.lock(), idle).unwrap_or_else(PoisonError::into_inner);
        let (mut batch, mut bytes) = (Vec::new(), 0);
        while batch.len() < BATCH_LINES && bytes < BATCH_BYTES {
            let Some(line) = waiting.lines.pop_front() else { break };
            bytes += held(&line);
            batch.push(line);
        }
        waiting.bytes -= bytes;
        self.0.changed.notify_one();
        (!batch.is_empty()).then_some(batch)
    }
}

impl Shared {
    // A panic elsewhere leaves the queue as it was: no method can stop half-way.
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn close(&self) {
        self.lock().closed = true;
        self.changed.notify_all();
    }
}

impl Drop for Sender {
    fn drop(&mut self) {
        self.0.close();
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.0.close();
    }
}

/// Bytes that a line holds, nearly.
fn held(line: &Line) -> usize {
    let content = line.content.as_ref().map_or(0, |input| {
        let id = match &input.id {
            Some(Id::Json(id)) => id.get().len(),
            Some(Id::Text(id)) => id.len(),
            None => 0,
        };
        input.text.len() + id
    });
    size_of::<Line>() + content
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;
    use crate::input::Input;

    fn line(number: u64, text: &str) -> Line {
        Line { origin: Arc::default(), number, bytes: 0, content: Ok(Input { id: None, text: text.to_owned() }) }
    }

    #[test]
    fn lines_arrive_in_order_in_bounded_batches() {
        let (sender, receiver) = queue();
        let sending = thread::spawn(move || (0..2000).all(|number| sender.send(line(number, "x"))));
        let mut numbers = Vec::new();
        while let Some(batch) = receiver.batch() {
            assert!((1..=BATCH_LINES).contains(&batch.len()));
            numbers.extend(batch.iter().map(|line| line.number));
        }
        assert_eq!(numbers, (0..2000).collect::<Vec<_>>());
        assert!(sending.join().unwrap());
    }

    #[test]
    fn long_lines_make_small_batches_and_few_wait() {
        let (sender, receiver) = queue();
        let text = "x".repeat(BATCH_BYTES);
        assert!(sender.send(line(1, &text)) && sender.send(line(2, &text)));
        let sending = thread::spawn(move || sender.send(line(3, &text)));
        thread::sleep(std::time::Duration::from_millis(20));
        assert!(!sending.is_finished(), "two long lines fill the queue");
        for number in 1..=3 {
            let batch = receiver.batch().unwrap();
            assert_eq!(batch.iter().map(|line| line.number).collect::<Vec<_>>(), [number]);
        }
        assert!(sending.join().unwrap());
        assert!(receiver.batch().is_none());
    }

    #[test]
    fn a_sender_learns_that_nobody_receives() {
        let (sender, receiver) = queue();
        drop(receiver);
        assert!(!sender.send(line(1, "x")));
    }
}
