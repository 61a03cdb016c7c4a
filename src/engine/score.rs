//! The way of a batch of texts: read, plan, encode, score windows, pool windows, restore order.

use rayon::prelude::*;

use super::Inner;
use crate::assessment::{Assessment, Coverage};
use crate::batch::{PackedBatch, plan};
use crate::error::ScoreError;
use crate::guard::guard;
use crate::model::{WindowScores, probability};
use crate::text::{ReadText, Tokenizer};

/// Fewer texts than this are read on the calling thread: waking another costs more.
const PARALLEL_READING: usize = 8;

/// One window of one text.
struct Window<'a> {
    /// Index of the text.
    text: usize,
    /// Token ids, without special tokens.
    ids: &'a [u32],
}

impl Inner {
    /// Reads texts, in their order.
    pub(super) fn read<T: AsRef<str> + Sync>(&self, texts: &[T]) -> Vec<Result<ReadText, ScoreError>> {
        let read = |text: &T| self.reader.read(text.as_ref());
        if self.threads.count() > 1 && texts.len() >= PARALLEL_READING {
            self.threads.run(|| texts.par_iter().map(read).collect())
        } else {
            texts.iter().map(read).collect()
        }
    }

    /// Scores texts that were read, in their order.
    pub(super) fn score(&self, texts: &[&ReadText]) -> Vec<Result<Assessment, ScoreError>> {
        let windows: Vec<Window<'_>> = texts
            .iter()
            .enumerate()
            .flat_map(|(text, read)| read.window_ids().map(move |ids| Window { text, ids }))
            .collect();
        let mut by_text = self.score_windows(&windows).into_iter().zip(&windows).peekable();

        texts
            .iter()
            .enumerate()
            .map(|(text, read)| {
                let mut scores = Vec::with_capacity(read.windows.len());
                let mut failed = None;
                while let Some((result, window)) = by_text.next_if(|(_, window)| window.text == text) {
                    match result {
                        Ok(score) => scores.push((score, window.ids.len())),
                        Err(error) => failed = failed.or(Some(error)),
                    }
                }
                failed.map_or_else(|| Ok(self.assess(read, &scores)), Err)
            })
            .collect()
    }

    /// Scores windows in batches of the token budget; results in the order of `windows`.
    fn score_windows(&self, windows: &[Window<'_>]) -> Vec<Result<WindowScores, ScoreError>> {
        let lengths: Vec<usize> = windows.iter().map(|window| window.ids.len() + Tokenizer::SPECIAL_TOKENS).collect();
        let mut results: Vec<Option<_>> = windows.iter().map(|_| None).collect();
        for indices in plan(&lengths, self.batch_tokens) {
            let batch: Vec<&[u32]> = indices.iter().map(|&index| windows[index].ids).collect();
            for (index, result) in indices.into_iter().zip(self.score_packed(&batch)) {
                results[index] = Some(result);
            }
        }
        results.into_iter().map(|result| result.expect("the plan holds every window once")).collect()
    }

    /// Encodes and scores one batch. If the encoder fails on it, each window is tried alone, so that one which cannot
    /// be encoded takes no other down.
    fn score_packed(&self, windows: &[&[u32]]) -> Vec<Result<WindowScores, ScoreError>> {
        match self.encode(windows) {
            Ok(vectors) => vectors.chunks_exact(self.hidden_size).map(|vector| self.heads.score(vector)).collect(),
            Err(error) if windows.len() == 1 => vec![Err(error)],
            Err(_) => windows.chunks(1).flat_map(|window| self.score_packed(window)).collect(),
        }
    }

    /// One vector a window, `[windows, hidden]`.
    fn encode(&self, windows: &[&[u32]]) -> Result<Vec<f32>, ScoreError> {
        let mut batch = PackedBatch::new();
        for ids in windows {
            batch.push(self.reader.tokenizer.frame(ids));
        }
        let mut vectors = vec![0.0; batch.len() * self.hidden_size];
        guard(|| self.encoder.encode(&batch, &mut vectors))
            .map_err(|message| ScoreError::Panicked { stage: "encode", message })??;
        Ok(vectors)
    }

    fn assess(&self, read: &ReadText, windows: &[(WindowScores, usize)]) -> Assessment {
        let scores = self.heads.pool(windows);
        Assessment {
            complaint: probability(scores.complaint),
            is_complaint: self.heads.is_complaint(scores.complaint),
            sentiment: self.heads.sentiment(scores.sentiment),
            urgency: self.heads.urgency(scores.urgency),
            coverage: Coverage { tokens: read.tokens_read(), windows: read.windows.len(), complete: read.complete },
        }
    }
}
