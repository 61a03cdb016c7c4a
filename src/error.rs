//! What can go wrong, split by phase: [`LoadError`] when a model is opened, [`ScoreError`] when a text is scored.

use std::fmt::{self, Write};
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::path::PathBuf;

/// A model could not be opened. The message is one line: which file, which field, what was found, what was expected.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// A file of the model folder could not be read.
    #[error("{}: cannot read: {source}", OneLine(path.display()))]
    Io {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// A field of a JSON file is missing, of the wrong type, or has a value that plaint cannot use.
    #[error("{file}: field `{}`: found {}, expected {}", OneLine(field), OneLine(found), OneLine(expected))]
    Field {
        /// File name within the model folder.
        file: &'static str,
        /// Path of the field, such as `heads.urgency.thresholds`.
        field: String,
        /// What stands there.
        found: String,
        /// What should stand there.
        expected: String,
    },
    /// A file is not of its format at all (not JSON, not safetensors, not a tokenizer).
    #[error("{file}: not a valid {format}: {}", OneLine(message))]
    Format {
        /// File name within the model folder.
        file: &'static str,
        /// The format it should have.
        format: &'static str,
        /// What its parser said.
        message: String,
    },
    /// The bytes of a file are not those that the manifest describes.
    #[error("{file}: {what} is {found}, but the manifest expects {}", OneLine(expected))]
    Checksum {
        /// File name within the model folder.
        file: &'static str,
        /// `sha256` or `length`.
        what: &'static str,
        /// Of the bytes read.
        found: String,
        /// As the manifest states it.
        expected: String,
    },
    /// A tensor is missing, or its shape, type or values are not usable.
    #[error("{file}: tensor `{tensor}`: found {}, expected {}", OneLine(found), OneLine(expected))]
    Tensor {
        /// File name within the model folder.
        file: &'static str,
        /// Name of the tensor in the file.
        tensor: String,
        /// What stands there.
        found: String,
        /// What should stand there.
        expected: String,
    },
    /// The asked-for combination of encoder, precision and options does not exist in this build or on this machine.
    #[error("{what} is not available: {reason}")]
    Unavailable {
        /// What was asked for.
        what: String,
        /// Why it cannot be had, and what to do.
        reason: String,
    },
}

// Only its `io::Error` is in doubt, because it may box an error of any type; nothing here changes one after it is made.
impl UnwindSafe for LoadError {}
impl RefUnwindSafe for LoadError {}

/// One text could not be scored. The other texts of its batch are not affected.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ScoreError {
    /// Nothing is left to read: the text is empty, or holds only white space and characters that the tokenizer drops.
    #[error("text is empty: found no readable character, expected at least one")]
    Empty,
    /// The tokenizer refused the text.
    #[error("tokenizer failed on the text: {message}")]
    Tokenize {
        /// What the tokenizer said.
        message: String,
    },
    /// The encoder failed on the text.
    #[error("encoder failed on the text: {0}")]
    Encode(#[from] EncodeError),
    /// A head gave a value that is not a number. The weights are finite, so they must be extreme.
    #[error("head `{head}`: found a score that is not finite, expected a probability")]
    NotFinite {
        /// Name of the head.
        head: &'static str,
    },
    /// A stage panicked. This is a bug in plaint or in a library below it; the engine remains usable.
    #[error("stage `{stage}` panicked: {message}")]
    Panicked {
        /// `tokenize` or `encode`.
        stage: &'static str,
        /// The panic's message.
        message: String,
    },
}

/// An encoder could not encode a batch.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EncodeError {
    /// A token id has no row in the embedding table.
    #[error("sequence {sequence}: found token id {id}, expected an id below {vocab_size}")]
    TokenId {
        /// Index of the sequence in the batch.
        sequence: usize,
        /// The id found.
        id: u32,
        /// Rows of the embedding table.
        vocab_size: usize,
    },
    /// A sequence is empty, or longer than the position table.
    #[error("sequence {sequence}: found {tokens} tokens, expected 1 to {max_tokens}")]
    SequenceLength {
        /// Index of the sequence in the batch.
        sequence: usize,
        /// Its length.
        tokens: usize,
        /// Longest sequence that the encoder has positions for.
        max_tokens: usize,
    },
    /// The output slice does not hold one vector a sequence.
    #[error("output: found {found} values, expected {expected}")]
    OutputSize {
        /// Length of the slice.
        found: usize,
        /// Sequences times hidden size.
        expected: usize,
    },
    /// The library below the encoder failed.
    #[error("{encoder}: {message}")]
    Backend {
        /// Name of the encoder.
        encoder: &'static str,
        /// First line of what the library said.
        message: String,
    },
}

/// Text that may come from a model file, on one line and of bounded length: control characters escaped, the rest of a
/// long text left out.
pub(crate) struct OneLine<T>(pub(crate) T);

impl<T: fmt::Display> fmt::Display for OneLine<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const MAX_CHARS: usize = 200;
        let text = self.0.to_string();
        let mut characters = text.chars();
        for character in characters.by_ref().take(MAX_CHARS) {
            if character.is_control() { write!(f, "{}", character.escape_default())? } else { f.write_char(character)? }
        }
        if characters.next().is_some() { f.write_char('…') } else { Ok(()) }
    }
}
