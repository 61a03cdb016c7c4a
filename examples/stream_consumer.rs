//! A bulk consumer: JSONL in, JSONL out, in order, with back-pressure all the way.
//!
//! ```sh
//! cargo run --release --example stream_consumer < examples/messages.jsonl
//! ```
//!
//! The reader stops reading while the queue is full, so that a source of any length is scored in bounded memory, and a
//! message broker sees that its consumer is busy. Several consumers, and interactive callers beside them, could share the
//! service.

use std::error::Error;
use std::io::{self, BufRead, Write};
use std::process::ExitCode;
use std::sync::mpsc;
use std::thread;

use plaint::Engine;
use plaint::service::{Pending, Request, Service, Shutdown};
use serde::Deserialize;
use serde_json::{Value, json};

/// Scores that may be in flight.
const IN_FLIGHT: usize = 1024;

#[derive(Deserialize)]
struct Message {
    id: Value,
    text: String,
}

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let service = Service::start(Engine::embedded()?)?;
    let (sender, receiver) = mpsc::sync_channel(IN_FLIGHT);
    let writer = thread::spawn(move || write(&receiver));
    for line in io::stdin().lock().lines() {
        let submitted = submit(&service, &line?);
        if sender.send(submitted).is_err() {
            break; // Nobody reads what we write.
        }
    }
    drop(sender);
    let failed = writer.join().map_err(|_| "the writer panicked")??;
    service.shutdown(Shutdown::Drain);
    eprintln!("{} scored, {failed} failed", service.stats().scored);
    Ok(if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// A message's id and its score to come; or what is wrong with it.
type Submitted = Result<(Value, Pending), String>;

/// Waits for room in the queue, not for the score.
fn submit(service: &Service, line: &str) -> Submitted {
    let Message { id, text } = serde_json::from_str(line).map_err(|error| error.to_string())?;
    let pending = service.submit(Request::new(text).bulk()).wait().map_err(|error| error.to_string())?;
    Ok((id, pending))
}

/// Writes scores in the order of their messages; returns how many there are not.
fn write(submitted: &mpsc::Receiver<Submitted>) -> io::Result<usize> {
    let mut out = io::stdout().lock();
    let mut failed = 0;
    for (index, submitted) in submitted.iter().enumerate() {
        let line = index + 1;
        let object = match submitted {
            Ok((id, pending)) => match pending.wait() {
                Ok(answer) => {
                    json!({ "id": id, "complaint": answer.assessment.complaint, "model": answer.model.to_string() })
                }
                Err(error) => json!({ "id": id, "line": line, "error": error.to_string() }),
            },
            Err(error) => json!({ "line": line, "error": error }),
        };
        failed += usize::from(object.get("error").is_some());
        writeln!(out, "{object}")?;
    }
    Ok(failed)
}
