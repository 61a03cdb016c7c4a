//! Sequences of token ids laid end to end, without padding.

/// Sequences packed end to end: no padding, and so no compute spent on it.
///
/// Sequence `i` takes the tokens `cumulative_lengths()[i]..cumulative_lengths()[i + 1]`.
///
/// ```
/// let mut batch = plaint::batch::PackedBatch::new();
/// batch.push([0, 11, 12, 2]);
/// batch.push([0, 21, 2]);
/// assert_eq!(batch.token_ids(), [0, 11, 12, 2, 0, 21, 2]);
/// assert_eq!(batch.cumulative_lengths(), [0, 4, 7]);
/// assert_eq!(batch.sequence(1), [0, 21, 2]);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PackedBatch {
    token_ids: Vec<u32>,
    cumulative_lengths: Vec<usize>,
}

impl Default for PackedBatch {
    fn default() -> Self {
        Self::new()
    }
}

impl PackedBatch {
    /// A batch of no sequences.
    pub fn new() -> Self {
        Self { token_ids: Vec::new(), cumulative_lengths: vec![0] }
    }

    /// Appends one sequence.
    pub fn push(&mut self, ids: impl IntoIterator<Item = u32>) {
        self.token_ids.extend(ids);
        self.cumulative_lengths.push(self.token_ids.len());
    }

    /// Number of sequences.
    pub fn len(&self) -> usize {
        self.cumulative_lengths.len() - 1
    }

    /// Whether there is no sequence.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// All token ids.
    pub fn token_ids(&self) -> &[u32] {
        &self.token_ids
    }

    /// `len() + 1` ascending offsets into [`token_ids`](Self::token_ids), the first 0, the last its length.
    pub fn cumulative_lengths(&self) -> &[usize] {
        &self.cumulative_lengths
    }

    /// Token ids of sequence `index`.
    ///
    /// # Panics
    /// If `index >= len()`.
    pub fn sequence(&self, index: usize) -> &[u32] {
        &self.token_ids[self.cumulative_lengths[index]..self.cumulative_lengths[index + 1]]
    }

    /// The sequences, in order.
    pub fn sequences(&self) -> impl ExactSizeIterator<Item = &[u32]> {
        (0..self.len()).map(|index| self.sequence(index))
    }
}
