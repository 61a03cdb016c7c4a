//! What is read: lines of files, each a text to score or a reason why not.

mod bad_line;
mod csv;
mod jsonl;
mod lines;
mod queue;
mod source;

use std::sync::Arc;

use plaint::ScoreError;
use serde::Serialize;
use serde_json::value::RawValue;

pub use bad_line::BadLine;
pub use queue::{Receiver, Sender, queue};
pub use source::{Format, Source, open};

/// One input: a line of a file, a record of a CSV file, or a `--text`.
#[derive(Debug)]
pub struct Line {
    pub origin: Arc<Origin>,
    /// The 1-based number of its (first) line in its file, or of the `--text`.
    pub number: u64,
    /// Its length in the file, line end included.
    pub bytes: u64,
    pub content: Result<Input, BadLine>,
}

/// A text and what it is called.
#[derive(Debug)]
pub struct Input {
    /// `None` if the input does not say: then the line's number is its id.
    pub id: Option<Id>,
    pub text: String,
}

/// The id of an input, echoed as it stands there.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub enum Id {
    Json(Box<RawValue>),
    Text(String),
}

/// Where a line comes from, as errors tell it.
#[derive(Debug, Default)]
pub struct Origin {
    /// Only if there are several files: with one, the line's number says it all.
    pub file: Option<String>,
    /// Field or column of the text, if the format has any.
    pub field: Option<String>,
}

impl Origin {
    pub fn describe(&self, error: &BadLine) -> String {
        self.file.as_ref().map_or_else(|| error.to_string(), |file| format!("{file}: {error}"))
    }

    pub fn describe_score_error(&self, error: &ScoreError) -> String {
        let parts = [self.file.clone(), self.field.as_ref().map(|field| format!("field `{field}`"))];
        let parts: Vec<String> = parts.into_iter().flatten().chain([error.to_string()]).collect();
        parts.join(": ")
    }
}
