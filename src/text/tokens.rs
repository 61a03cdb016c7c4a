//! Tokenization by the `tokenizers` crate, with user text kept apart from special tokens.

use crate::error::{LoadError, ScoreError};
use crate::guard::guard;
use crate::model::TOKENIZER_FILE;

/// A model's tokenizer. Text never yields a special token: a literal `</s>` or `<mask>` is encoded as characters.
pub struct Tokenizer {
    inner: tokenizers::Tokenizer,
    start: u32,
    end: u32,
    vocab_size: usize,
}

impl Tokenizer {
    /// Special tokens around every window: one before, one after.
    pub const SPECIAL_TOKENS: usize = 2;

    /// Parses a `tokenizer.json`. Truncation and padding settings in it are ignored.
    ///
    /// # Errors
    /// [`LoadError::Format`] if it does not parse, [`LoadError::Field`] if its post-processor does not put exactly one
    /// special token before a text and one after it (as `[CLS] … [SEP]` and `<s> … </s>` do).
    pub fn from_bytes(json: &[u8]) -> Result<Self, LoadError> {
        let format_error =
            |message: String| LoadError::Format { file: TOKENIZER_FILE, format: "tokenizer.json", message };
        let mut inner = guard(|| tokenizers::Tokenizer::from_bytes(json))
            .map_err(|panic| format_error(format!("its parser panicked: {panic}")))?
            .map_err(|error| format_error(error.to_string()))?;
        inner.set_encode_special_tokens(true);
        inner.with_padding(None);
        inner.with_truncation(None).map_err(|error| format_error(error.to_string()))?;

        let framed = guard(|| inner.encode_fast("", true).map(|encoding| encoding.get_ids().to_vec()))
            .map_err(|panic| format_error(format!("encoding an empty text panicked: {panic}")))?
            .map_err(|error| format_error(error.to_string()))?;
        let &[start, end] = framed.as_slice() else {
            return Err(LoadError::Field {
                file: TOKENIZER_FILE,
                field: "post_processor".into(),
                found: format!("a template that adds {} special tokens to a text", framed.len()),
                expected: "a template that adds one before and one after it".into(),
            });
        };
        let highest = inner.get_vocab(true).into_values().max().unwrap_or(0).max(start).max(end);
        Ok(Self { inner, start, end, vocab_size: highest as usize + 1 })
    }

    /// One more than the highest token id.
    pub fn vocab_size(&self) -> usize {
        self.vocab_size
    }

    /// The special token before each window.
    pub fn start_token(&self) -> u32 {
        self.start
    }

    /// The special token after each window.
    pub fn end_token(&self) -> u32 {
        self.end
    }

    /// Token ids of `text`, without special tokens.
    ///
    /// # Errors
    /// [`ScoreError::Tokenize`] if the tokenizer fails.
    pub fn encode(&self, text: &str) -> Result<Vec<u32>, ScoreError> {
        let encoding = guard(|| self.inner.encode_fast(text, false))
            .map_err(|message| ScoreError::Panicked { stage: "tokenize", message })?
            .map_err(|error| ScoreError::Tokenize { message: error.to_string() })?;
        Ok(encoding.get_ids().to_vec())
    }
}

impl std::fmt::Debug for Tokenizer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tokenizer")
            .field("start", &self.start)
            .field("end", &self.end)
            .field("vocab_size", &self.vocab_size)
            .finish_non_exhaustive()
    }
}
