//! Scoring an iterator in bounded memory.

use std::iter::{Fuse, FusedIterator};
use std::vec;

use super::Engine;
use crate::assessment::Assessment;
use crate::error::ScoreError;

/// Results for the texts of an iterator, in its order; [`Engine::score_iter`] makes one.
#[derive(Debug)]
#[must_use = "iterators are lazy: texts are scored as results are taken"]
pub struct ScoreIter<I: Iterator> {
    engine: Engine,
    /// After its first end it is asked no more, whatever it would say.
    texts: Fuse<I>,
    ready: vec::IntoIter<Result<Assessment, ScoreError>>,
}

impl<I: Iterator> ScoreIter<I> {
    /// Texts that are read ahead at most.
    pub const MAX_TEXTS: usize = 256;
    /// Bytes of text after which no further text is read ahead.
    pub const MAX_BYTES: usize = 1 << 20;

    pub(super) fn new(engine: Engine, texts: I) -> Self {
        Self { engine, texts: texts.fuse(), ready: Vec::new().into_iter() }
    }
}

impl<I: Iterator> Iterator for ScoreIter<I>
where
    I::Item: AsRef<str> + Sync,
{
    type Item = Result<Assessment, ScoreError>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(result) = self.ready.next() {
            return Some(result);
        }
        let mut texts = Vec::new();
        let mut bytes = 0;
        while texts.len() < Self::MAX_TEXTS && bytes < Self::MAX_BYTES {
            let Some(text) = self.texts.next() else { break };
            bytes += text.as_ref().len();
            texts.push(text);
        }
        self.ready = self.engine.score_batch(&texts).into_iter();
        self.ready.next()
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let ready = self.ready.len();
        let (low, high) = self.texts.size_hint();
        (low.saturating_add(ready), high.and_then(|high| high.checked_add(ready)))
    }
}

impl<I: Iterator> FusedIterator for ScoreIter<I> where I::Item: AsRef<str> + Sync {}
