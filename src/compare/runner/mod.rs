//! Programs behind pipes: a text a line on stdin, a score a line on stdout.
//!
//! A program is started once and reads lines such as
//!
//! ```text
//! {"id":7,"text":"Wo bleibt mein Paket?","lang":"de"}
//! ```
//!
//! with the ids 1, 2, 3 ...; `lang` is left out where it is not known. It answers each with a line in the format of
//! `plaint score`, in the same order, and ends with status 0 when its input ends:
//!
//! ```text
//! {"id":7,"complaint":0.4,"sentiment":{"label":"neutral","negative":0.2,"neutral":0.7,"positive":0.1},
//!  "urgency":{"score":0.5,"level":"normal"}}
//! ```
//!
//! on one line. Heads that it does not have are left out, in all lines the same ones. `is_complaint` is the probability of
//! at least 0.5 unless given; of sentiment the label or the three probabilities are enough, and of urgency the level or the
//! score. A text that it cannot score gets `{"line":7,"error":"..."}`. `coverage.tokens`, if given, counts its tokens.
//!
//! Nothing that such a program prints is ever quoted in a report, because it may be a text; errors say where it went
//! wrong.

mod answer;
mod error;
mod process;

use std::time::{Duration, Instant};

pub use answer::Answer;
pub use error::{AnswerError, RunnerError};
pub use process::{Process, Received};
use serde::Serialize;

/// A text as it is sent.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Question<'a> {
    /// 1-based number.
    pub id: usize,
    /// What was written.
    pub text: &'a str,
    /// ISO 639-1 code of its language.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lang: Option<&'a str>,
}

impl Question<'_> {
    /// The line, with its end.
    pub fn to_line(&self) -> Vec<u8> {
        let mut line = serde_json::to_vec(self).expect("strings and numbers");
        line.push(b'\n');
        line
    }
}

/// Has a program score all texts: one answer a text, in their order. `done` is called after each.
///
/// # Errors
/// [`RunnerError`] if it cannot be started, ends too early or too late, or answers with anything but scores.
pub fn score_all<'a>(
    command: &[String],
    texts: impl ExactSizeIterator<Item = (&'a str, Option<&'a str>)>,
    timeout: Duration,
    mut done: impl FnMut(usize),
) -> Result<Vec<Answer>, RunnerError> {
    let deadline = Instant::now() + timeout;
    let expected = texts.len();
    let mut process = Process::start(command)?;
    for (id, (text, lang)) in (1..).zip(texts) {
        process.send(Question { id, text, lang }.to_line());
    }
    process.close_input();
    let mut answers: Vec<Answer> = Vec::with_capacity(expected);
    while answers.len() < expected {
        let id = answers.len() + 1;
        let answer = match process.receive(deadline) {
            Ok(received) => {
                Answer::parse(&received.line, id).map_err(|error| RunnerError::Answer { line: id, error })?
            }
            Err(error) => return Err(error.after(id - 1, expected)),
        };
        if let (Some(first), Some(heads)) = (answers.iter().find_map(Answer::heads), answer.heads())
            && first != heads
        {
            return Err(RunnerError::Answer { line: id, error: AnswerError::heads(&first, &heads) });
        }
        answers.push(answer);
        done(id);
    }
    let failed = answers.iter().any(|answer| answer.scores().is_none());
    process.finish(deadline, failed).map_err(|error| error.after(expected, expected))?;
    Ok(answers)
}
