//! What padding costs an encoder that pads.

use crate::batch::{padded_groups, plan};
use crate::engine::BATCH_TOKENS;
use crate::model::{Manifest, ModelFiles};
use crate::text::{LongText, TextReader, Tokenizer};
use crate::{LoadError, ScoreIter};

/// Texts that an engine reads ahead.
const TEXTS: usize = ScoreIter::<std::iter::Empty<&str>>::MAX_TEXTS;

/// Padding by tokens, special tokens included, when the texts are scored in bulk by an encoder that pads as the torch encoder
/// does. Texts that cannot be read are left out; 0 without texts.
pub(super) fn padding(files: &ModelFiles, texts: &[String]) -> Result<f64, LoadError> {
    let manifest = Manifest::parse(&files.manifest)?;
    let tokenizer = Tokenizer::from_bytes(&files.tokenizer)?;
    let limits = manifest.windows.limits(LongText::AllWindows);
    let reader = TextReader { recipe: manifest.cleaning, tokenizer, limits };
    let (mut tokens, mut padded) = (0, 0);
    for texts in texts.chunks(TEXTS) {
        let read = texts.iter().filter_map(|text| reader.read(text).ok());
        let windows = read.flat_map(|read| read.windows);
        let lengths: Vec<usize> = windows.map(|window| window.len() + Tokenizer::SPECIAL_TOKENS).collect();
        let (real, with_padding) = count(&lengths);
        tokens += real;
        padded += with_padding;
    }
    Ok(if tokens == 0 { 0.0 } else { (padded - tokens) as f64 / tokens as f64 })
}

/// Tokens of windows of `lengths`, without and with padding.
fn count(lengths: &[usize]) -> (usize, usize) {
    let mut padded = 0;
    for batch in plan(lengths, BATCH_TOKENS) {
        let of_batch: Vec<usize> = batch.iter().map(|&index| lengths[index]).collect();
        let groups = padded_groups(&of_batch);
        padded += groups.iter().map(|group| group.len() * of_batch[group[0]]).sum::<usize>();
    }
    (lengths.iter().sum(), padded)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn padding_is_what_rows_lack_to_the_longest_of_their_group() {
        assert_eq!(count(&[40, 3, 32, 9]), (84, 80 + 18));
        assert_eq!(count(&[]), (0, 0));
    }
}
