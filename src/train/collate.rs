//! Texts as the network takes them: windows of token ids, of similar length, padded together.

use fastrand::Rng;

use super::target::Target;
use crate::error::ScoreError;
use crate::text::TextReader;

/// One text, ready for the network.
#[derive(Debug, Clone)]
pub(super) struct Sample {
    /// Its windows with their special tokens.
    pub windows: Vec<Vec<u32>>,
    /// The windows that a teacher reads, where its text differs.
    pub original: Option<Vec<Vec<u32>>>,
    pub target: Target,
}

/// Samples that go through the network together.
#[derive(Debug, Default)]
pub(super) struct Batch {
    pub samples: Vec<Sample>,
}

impl Sample {
    pub(super) fn read(reader: &TextReader, text: &str, target: Target) -> Result<Self, ScoreError> {
        Ok(Self { windows: read_windows(reader, text)?, original: None, target })
    }

    /// Has a teacher read `text` in place of the sample's own.
    pub(super) fn with_original(mut self, reader: &TextReader, text: &str) -> Self {
        self.original = read_windows(reader, text).ok().filter(|windows| *windows != self.windows);
        self
    }

    fn longest(&self) -> usize {
        self.windows.iter().map(Vec::len).max().unwrap_or(0)
    }
}

fn read_windows(reader: &TextReader, text: &str) -> Result<Vec<Vec<u32>>, ScoreError> {
    let read = reader.read(text)?;
    Ok(read.window_ids().map(|ids| reader.tokenizer.frame(ids).collect()).collect())
}

impl Batch {
    /// The same texts as a teacher reads them.
    pub(super) fn original(&self) -> Self {
        let original = |sample: &Sample| Sample {
            windows: sample.original.as_ref().unwrap_or(&sample.windows).clone(),
            original: None,
            target: sample.target,
        };
        Self { samples: self.samples.iter().map(original).collect() }
    }

    /// Windows of all samples, in order.
    pub(super) fn windows(&self) -> impl Iterator<Item = &[u32]> {
        self.samples.iter().flat_map(|sample| sample.windows.iter().map(Vec::as_slice))
    }

    /// Tokens of the longest window: what all are padded to.
    pub(super) fn width(&self) -> usize {
        self.windows().map(<[u32]>::len).max().unwrap_or(0)
    }

    /// Tokens, padding not included.
    pub(super) fn tokens(&self) -> usize {
        self.windows().map(<[u32]>::len).sum()
    }
}

/// Batches of at most `tokens` padded tokens each, but of one text at least. With `rng` they come in random order, else by
/// length.
pub(super) fn collate(mut samples: Vec<Sample>, tokens: usize, rng: Option<&mut Rng>) -> Vec<Batch> {
    samples.sort_by_key(Sample::longest);
    let mut batches: Vec<Batch> = Vec::new();
    let mut rows = 0;
    for sample in samples {
        let fits = (rows + sample.windows.len()) * sample.longest() <= tokens;
        if !fits || batches.is_empty() {
            batches.push(Batch::default());
            rows = 0;
        }
        rows += sample.windows.len();
        if let Some(batch) = batches.last_mut() {
            batch.samples.push(sample);
        }
    }
    if let Some(rng) = rng {
        rng.shuffle(&mut batches);
    }
    batches
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_sample_is_lost_and_no_batch_is_too_wide() {
        let sample =
            |length: usize| Sample { windows: vec![vec![0; length]], original: None, target: Target::default() };
        let samples: Vec<Sample> = (1..100).map(sample).collect();
        let batches = collate(samples, 256, Some(&mut Rng::with_seed(3)));
        assert_eq!(batches.iter().map(|batch| batch.samples.len()).sum::<usize>(), 99);
        for batch in &batches {
            assert!(batch.width() * batch.samples.len() <= 256);
        }
        let alone = collate(vec![sample(500)], 256, None);
        assert_eq!((alone.len(), alone[0].tokens()), (1, 500));
    }
}
