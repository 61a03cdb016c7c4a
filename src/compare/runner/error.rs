//! What can go wrong with a program. No message quotes what it printed.

use std::fmt;

use crate::error::OneLine;
use crate::evaluate::Head;

/// A program could not be started, or did not do as [`runner`](super) says.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunnerError {
    /// There is no such program, or it may not be run.
    #[error("{}: cannot start: {source}", OneLine(program))]
    Start {
        /// The program.
        program: String,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// It did not answer in time and was ended.
    #[error("timed out: found {found} of {expected} answers in the time that it has (`timeout_s`)")]
    TimedOut {
        /// Answers until then.
        found: usize,
        /// Answers that it owed.
        expected: usize,
    },
    /// It ended with a status that is not 0.
    #[error("ended with {status}: found {found} of {expected} answers")]
    Failed {
        /// Its status, or the signal that ended it.
        status: String,
        /// Answers until then.
        found: usize,
        /// Answers that it owed.
        expected: usize,
        /// The end of what it wrote on stderr; not for reports.
        stderr: String,
    },
    /// It ended well, but with fewer answers than texts.
    #[error("found {found} answers, expected {expected}: one a text")]
    TooFew {
        /// Answers.
        found: usize,
        /// Texts.
        expected: usize,
    },
    /// It printed a line for which there was no text.
    #[error("found a line after the last answer, expected {expected}: one a text")]
    TooMany {
        /// Texts.
        expected: usize,
    },
    /// A line is not a score.
    #[error("answer {line}: {error}")]
    Answer {
        /// 1-based number of the line.
        line: usize,
        /// What is wrong with it.
        error: AnswerError,
    },
}

impl RunnerError {
    /// Of an error of one answer, how many came before it and how many were owed.
    pub(crate) fn after(mut self, answers: usize, owed: usize) -> Self {
        match &mut self {
            Self::TimedOut { found, expected }
            | Self::Failed { found, expected, .. }
            | Self::TooFew { found, expected } => {
                (*found, *expected) = (answers, owed);
            }
            Self::TooMany { expected } => *expected = owed,
            Self::Start { .. } | Self::Answer { .. } => {}
        }
        self
    }

    /// What the program wrote on stderr before it failed: for the terminal, since it may quote a text.
    pub fn stderr(&self) -> Option<&str> {
        match self {
            Self::Failed { stderr, .. } if !stderr.is_empty() => Some(stderr),
            _ => None,
        }
    }
}

/// A line is not a score.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}found {found}, expected {expected}", Field(field))]
pub struct AnswerError {
    /// The field, or `None` if the line is no object at all.
    pub field: Option<String>,
    /// What kind of thing stands there.
    pub found: String,
    /// What should stand there.
    pub expected: &'static str,
}

struct Field<'a>(&'a Option<String>);

impl fmt::Display for Field<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(field) => write!(f, "field `{}`: ", OneLine(field)),
            None => Ok(()),
        }
    }
}

impl AnswerError {
    pub(super) fn heads(first: &[Head], here: &[Head]) -> Self {
        let names = |heads: &[Head]| heads.iter().map(|head| head.as_str()).collect::<Vec<_>>().join(", ");
        let found = format!("the heads {} after {}", names(here), names(first));
        Self { field: None, found, expected: "the same heads in all answers" }
    }
}
