//! From a string to token windows: clip, clean, tokenize, cut into windows.
//!
//! [`TextReader`] walks the whole way; each step has a file of its own.

mod capitals;
mod clean;
mod clip;
mod tokens;
mod windows;

use std::ops::Range;

pub use clean::CleaningRecipe;
pub use clip::clip;
pub use tokens::Tokenizer;
pub use windows::windows;

use crate::error::ScoreError;

/// What to do with a text that is longer than one window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum LongText {
    /// Read it to its end in overlapping windows.
    #[default]
    AllWindows,
    /// Read the first window only, and say so in [`Coverage`](crate::Coverage): cheaper, and deaf to a complaint in the
    /// last lines.
    FirstWindow,
}

/// How much of a text is read, and in what portions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReadingLimits {
    /// Bytes of the text that are read at most; the rest is clipped at a character boundary.
    pub max_bytes: usize,
    /// Tokens of one window, the special tokens included.
    pub window_tokens: usize,
    /// Tokens that two neighbouring windows share at least.
    pub overlap_tokens: usize,
    /// Whether all windows are read.
    pub long_text: LongText,
}

/// A text as the encoder reads it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadText {
    /// Token ids of the text, without special tokens.
    pub ids: Vec<u32>,
    /// Ranges of `ids`, in order; together they cover all of it unless `complete` is false.
    pub windows: Vec<Range<usize>>,
    /// Whether the whole text lies in the windows.
    pub complete: bool,
}

/// Turns strings into token windows by the rules of one model.
#[derive(Debug)]
pub struct TextReader {
    /// The model's cleaning recipe.
    pub recipe: CleaningRecipe,
    /// The model's tokenizer.
    pub tokenizer: Tokenizer,
    /// Clipping and windows.
    pub limits: ReadingLimits,
}

impl TextReader {
    /// Reads one text.
    ///
    /// # Errors
    /// [`ScoreError::Empty`] if no token is left, [`ScoreError::Tokenize`] if the tokenizer fails.
    pub fn read(&self, text: &str) -> Result<ReadText, ScoreError> {
        let (clipped, mut complete) = clip(text, self.limits.max_bytes);
        let ids = self.tokenizer.encode(&self.recipe.apply(clipped))?;
        if ids.is_empty() {
            return Err(ScoreError::Empty);
        }
        let content = self.limits.window_tokens - Tokenizer::SPECIAL_TOKENS;
        let mut windows = windows(ids.len(), content, self.limits.overlap_tokens);
        if self.limits.long_text == LongText::FirstWindow && windows.len() > 1 {
            windows.truncate(1);
            complete = false;
        }
        Ok(ReadText { ids, windows, complete })
    }

    /// [`ReadText::encoded_tokens`] of a text of `bytes` bytes, nearly, without reading it: European languages take four
    /// to six bytes a token.
    pub fn estimate_tokens(&self, bytes: usize) -> usize {
        const BYTES_PER_TOKEN: usize = 4;
        let tokens = bytes.min(self.limits.max_bytes) / BYTES_PER_TOKEN + Tokenizer::SPECIAL_TOKENS;
        if self.limits.long_text == LongText::FirstWindow { tokens.min(self.limits.window_tokens) } else { tokens }
    }
}

impl ReadText {
    /// Token ids of each window, without special tokens.
    pub fn window_ids(&self) -> impl Iterator<Item = &[u32]> {
        self.windows.iter().map(|window| &self.ids[window.clone()])
    }

    /// Tokens that an encoder gets: those of all windows, and the special tokens around each.
    pub fn encoded_tokens(&self) -> usize {
        self.windows.iter().map(|window| window.len() + Tokenizer::SPECIAL_TOKENS).sum()
    }

    /// Tokens that lie in a window, each counted once.
    pub fn tokens_read(&self) -> usize {
        self.windows.last().map_or(0, |window| window.end)
    }
}
