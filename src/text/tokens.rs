//! Tokenization by the `tokenizers` crate, with user text kept apart from special tokens.

use tokenizers::models::unigram::Unigram;
use tokenizers::{
    DecoderWrapper, Model, ModelWrapper, NormalizerWrapper, PostProcessorWrapper, PreTokenizerWrapper, TokenizerImpl,
};

use crate::error::{LoadError, ScoreError};
use crate::guard::guard;
use crate::model::TOKENIZER_FILE;

/// A model's tokenizer. Text never yields a special token, other than that for unknown characters: a literal `</s>` or
/// `<mask>` is encoded as characters.
pub struct Tokenizer {
    inner: tokenizers::Tokenizer,
    start: u32,
    end: u32,
    /// Special tokens, each with the ids of the characters of its literal. Vocabularies in the way of XLM-R list special
    /// tokens among the pieces of text, so the tokenizer finds them there.
    special: Vec<(u32, Vec<u32>)>,
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
        let mut inner = guard(|| parse(json))
            .map_err(|panic| format_error(format!("its parser panicked: {panic}")))?
            .map_err(|error| format_error(error.to_string()))?;
        inner.set_encode_special_tokens(true);
        inner.with_padding(None);
        inner.with_truncation(None).map_err(|error| format_error(error.to_string()))?;

        let encode = |text: &str, with_special_tokens: bool| {
            guard(|| inner.encode_fast(text, with_special_tokens).map(|encoding| encoding.get_ids().to_vec()))
                .map_err(|panic| format_error(format!("encoding {text:?} panicked: {panic}")))?
                .map_err(|error| format_error(error.to_string()))
        };
        let template_error = |found: String| LoadError::Field {
            file: TOKENIZER_FILE,
            field: "post_processor".into(),
            found,
            expected: "a template that adds one before and one after it".into(),
        };
        let framed = encode("", true)?;
        let &[start, end] = framed.as_slice() else {
            return Err(template_error(format!("a template that adds {} special tokens to a text", framed.len())));
        };
        if encode("a", true)? != [&[start], encode("a", false)?.as_slice(), &[end]].concat() {
            return Err(template_error("a template that puts special tokens elsewhere".into()));
        }
        let special = guard(|| special_tokens(&inner, [start, end]))
            .map_err(|panic| format_error(format!("encoding a character panicked: {panic}")))?;
        let highest = highest_id(&inner).max(start).max(end);
        Ok(Self { inner, start, end, special, vocab_size: highest as usize + 1 })
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

    /// A window as an encoder takes it: its ids between the two special tokens.
    pub fn frame(&self, ids: &[u32]) -> impl Iterator<Item = u32> {
        std::iter::once(self.start).chain(ids.iter().copied()).chain(std::iter::once(self.end))
    }

    /// Token ids of `text`, without special tokens.
    ///
    /// # Errors
    /// [`ScoreError::Tokenize`] if the tokenizer fails.
    pub fn encode(&self, text: &str) -> Result<Vec<u32>, ScoreError> {
        let encoding = guard(|| self.inner.encode_fast(text, false))
            .map_err(|message| ScoreError::Panicked { stage: "tokenize", message })?
            .map_err(|error| ScoreError::Tokenize { message: error.to_string() })?;
        let ids = encoding.get_ids();
        let characters = |id: u32| self.special.iter().find_map(|(special, ids)| (*special == id).then_some(ids));
        if ids.iter().all(|&id| characters(id).is_none()) {
            return Ok(ids.to_vec());
        }
        let as_text = ids.iter().flat_map(|id| characters(*id).map_or(std::slice::from_ref(id), Vec::as_slice));
        Ok(as_text.copied().collect())
    }
}

/// Parses a `tokenizer.json`. The general parser copies the vocabulary twice to find out what kind of model it belongs to;
/// the kind of multilingual encoders is tried first, without that: a fifth of what it takes to open a model.
fn parse(json: &[u8]) -> tokenizers::Result<tokenizers::Tokenizer> {
    type OfUnigram =
        TokenizerImpl<Unigram, NormalizerWrapper, PreTokenizerWrapper, PostProcessorWrapper, DecoderWrapper>;
    match serde_json::from_slice::<OfUnigram>(json) {
        Ok(tokenizer) => Ok(tokenizer.into()),
        Err(_) => tokenizers::Tokenizer::from_bytes(json),
    }
}

/// The highest id of pieces and added tokens.
fn highest_id(tokenizer: &tokenizers::Tokenizer) -> u32 {
    let of_model = match tokenizer.get_model() {
        // Its pieces are numbered as they are listed; asking for them would copy all.
        ModelWrapper::Unigram(model) => model.get_vocab_size().saturating_sub(1) as u32,
        model => model.get_vocab().into_values().max().unwrap_or(0),
    };
    tokenizer.get_added_tokens_decoder().into_keys().max().unwrap_or(0).max(of_model)
}

/// See [`Tokenizer::special`].
fn special_tokens(tokenizer: &tokenizers::Tokenizer, frame: [u32; 2]) -> Vec<(u32, Vec<u32>)> {
    let model = tokenizer.get_model();
    let ids = |text: &str| -> Vec<u32> {
        model.tokenize(text).unwrap_or_default().into_iter().map(|token| token.id).collect()
    };
    let unknown = ids("\u{10FFFF}");
    let added = tokenizer.get_added_tokens_decoder();
    let mut special: Vec<u32> = added.iter().filter(|(_, token)| token.special).map(|(&id, _)| id).collect();
    special.extend(frame);
    special.sort_unstable();
    special.dedup();
    special.retain(|id| !unknown.contains(id));
    let characters = |id: &u32| {
        let literal = tokenizer.id_to_token(*id).unwrap_or_default();
        let ids = literal.chars().flat_map(|character| ids(character.encode_utf8(&mut [0; 4])));
        ids.filter(|id| !special.contains(id)).collect()
    };
    special.iter().map(|id| (*id, characters(id))).collect()
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
