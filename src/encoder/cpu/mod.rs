//! The CPU encoder. Tokens are packed end to end and never padded; every kernel computes a row from that row alone, in
//! a fixed order, so a sequence's vector does not depend on its batch, its place in it, or the number of threads.
//!
//! * `kernel/` — the inner loops, one file an instruction set
//! * `map` — a linear map in the numbers that the encoder computes in
//! * `pack` — f32 weights in the layout that the kernels read (`kernel/narrow/linear` for narrower numbers)
//! * `attention`, `layer` — the transformer on blocks of packed rows
//! * `scratch` — buffers that are allocated once and reused
//! * `steps` — single steps, for `benches/kernels`
//! * `taps` — hidden states between layers, for training

mod attention;
mod kernel;
mod layer;
mod map;
mod pack;
mod scratch;
#[cfg(feature = "bench-internals")]
pub mod steps;
mod taps;

use std::fmt;
use std::ops::Range;

use rayon::prelude::*;

pub use kernel::Kernel;
use layer::PackedLayer;
use map::Arithmetic;
use scratch::{BufferPool, sized};
use taps::Taps;

use super::{Encoder, Precision, check_batch};
use crate::batch::PackedBatch;
use crate::error::{EncodeError, LoadError};
use crate::model::{BertConfig, BertWeights, Embeddings, Pooling};
use crate::threads::Threads;

/// Sequences are handed to threads in shards of at most about this many tokens: enough to use a layer's weights well
/// while they are in cache, few enough for threads to finish together.
const MAX_SHARD_TOKENS: usize = 128;
/// Below this, fetching the weights costs more than an even load brings.
const MIN_SHARD_TOKENS: usize = 64;
/// Shards a thread, if there are tokens enough.
const SHARDS_PER_THREAD: usize = 4;

/// plaint's own encoder.
pub struct CpuEncoder {
    shape: Shape,
    embeddings: Embeddings,
    layers: Vec<PackedLayer>,
    threads: Threads,
    buffers: BufferPool,
}

/// What every step needs to know.
struct Shape {
    config: BertConfig,
    pooling: Pooling,
    kernel: Kernel,
    arithmetic: Arithmetic,
}

impl CpuEncoder {
    /// An encoder over `weights`, which must have the shapes of `config`, with the best kernel of this CPU.
    ///
    /// # Errors
    /// [`LoadError::Unavailable`] if there is no such `precision` here.
    pub fn new(
        config: BertConfig,
        pooling: Pooling,
        weights: BertWeights,
        precision: Precision,
        threads: Threads,
    ) -> Result<Self, LoadError> {
        Self::with_kernel(config, pooling, weights, precision, threads, Kernel::detect())
    }

    /// The same with a given kernel, for tests and comparisons.
    ///
    /// # Errors
    /// As [`new`](Self::new), and if this CPU does not have the kernel.
    pub fn with_kernel(
        config: BertConfig,
        pooling: Pooling,
        weights: BertWeights,
        precision: Precision,
        threads: Threads,
        kernel: Kernel,
    ) -> Result<Self, LoadError> {
        if !kernel.is_available() {
            return Err(LoadError::Unavailable {
                what: format!("kernel {kernel}"),
                reason: "this CPU lacks its instructions, or the system does not let plaint use them".into(),
            });
        }
        let arithmetic = Arithmetic::choose(precision, kernel, &config, &weights)?;
        let layers = weights.layers;
        let pack = |layer| PackedLayer::new(layer, arithmetic, kernel);
        let layers = match threads.count() {
            1 => layers.into_iter().map(pack).collect(),
            _ => threads.run(|| layers.into_par_iter().map(pack).collect()),
        };
        let shape = Shape { config, pooling, kernel, arithmetic };
        Ok(Self { shape, embeddings: weights.embeddings, layers, threads, buffers: BufferPool::default() })
    }

    /// Encodes a batch as [`Encoder::encode`] does, and returns the hidden states after each of `layers`, counted from 0:
    /// `[tokens, hidden]` each.
    ///
    /// # Errors
    /// As [`Encoder::encode`].
    #[cfg(feature = "train")]
    pub(crate) fn encode_with_states(
        &self,
        batch: &PackedBatch,
        vectors: &mut [f32],
        layers: &[usize],
    ) -> Result<Vec<Vec<f32>>, EncodeError> {
        let values = batch.token_ids().len() * self.shape.config.hidden_size;
        let mut states = vec![vec![0.0; values]; layers.len()];
        self.encode_tapped(batch, vectors, Taps::new(layers, &mut states))?;
        Ok(states)
    }

    fn encode_tapped(&self, batch: &PackedBatch, vectors: &mut [f32], mut taps: Taps<'_>) -> Result<(), EncodeError> {
        check_batch(&self.shape.config, batch, vectors)?;
        let threads = self.threads.count();
        let even = batch.token_ids().len() / (threads * SHARDS_PER_THREAD);
        let tokens = if threads == 1 { MAX_SHARD_TOKENS } else { even.clamp(MIN_SHARD_TOKENS, MAX_SHARD_TOKENS) };

        let hidden = self.shape.config.hidden_size;
        let offsets = batch.cumulative_lengths();
        let mut rest = vectors;
        let mut work = Vec::with_capacity(shards(batch, tokens).count());
        for shard in shards(batch, tokens) {
            let (out, tail) = rest.split_at_mut(shard.len() * hidden);
            rest = tail;
            let taps = taps.split_front((offsets[shard.end] - offsets[shard.start]) * hidden);
            work.push((shard, out, taps));
        }
        if threads == 1 {
            for (shard, out, taps) in work {
                self.encode_shard(batch, shard, out, taps, Split::Whole);
            }
        } else if work.len() < threads {
            self.threads.run(|| {
                for (shard, out, taps) in work {
                    self.encode_shard(batch, shard, out, taps, Split::Rows { threads });
                }
            });
        } else {
            self.threads.run(|| {
                work.into_par_iter()
                    .with_max_len(1)
                    .for_each(|(shard, out, taps)| self.encode_shard(batch, shard, out, taps, Split::Whole));
            });
        }
        Ok(())
    }

    /// Encodes the sequences of `shard` on this thread, or, with `split`, on all threads of the current pool.
    fn encode_shard(
        &self,
        batch: &PackedBatch,
        shard: Range<usize>,
        vectors: &mut [f32],
        mut taps: Taps<'_>,
        split: Split,
    ) {
        let hidden = self.shape.config.hidden_size;
        let offsets = &batch.cumulative_lengths()[shard.start..=shard.end];
        let rows = offsets[offsets.len() - 1] - offsets[0];
        let mut buffers = self.buffers.take();
        let x = sized(&mut buffers.x, rows * hidden);
        let qkv = sized(&mut buffers.qkv, rows * 3 * hidden);

        self.embed(batch, shard, x, sized(&mut buffers.addend, hidden));
        for (index, layer) in self.layers.iter().enumerate() {
            let step = layer::Step { shape: &self.shape, layer, offsets, buffers: &self.buffers };
            step.run(x, qkv, split);
            taps.take(index, x);
        }
        for (pair, vector) in offsets.windows(2).zip(vectors.chunks_exact_mut(hidden)) {
            let rows = &x[(pair[0] - offsets[0]) * hidden..(pair[1] - offsets[0]) * hidden];
            pool_rows(self.shape.pooling, rows, vector);
        }
        self.buffers.put(buffers);
    }

    /// Sum of word, position and token type embeddings, normalised.
    fn embed(&self, batch: &PackedBatch, shard: Range<usize>, x: &mut [f32], addend: &mut [f32]) {
        let Shape { config, kernel, .. } = &self.shape;
        let hidden = config.hidden_size;
        let tables = &self.embeddings;
        let mut rows = x.chunks_exact_mut(hidden);
        for index in shard {
            for (position, (&id, row)) in batch.sequence(index).iter().zip(&mut rows).enumerate() {
                tables.word.row_into(id as usize, row);
                tables.position.row_into(position + config.position_offset, addend);
                kernel::add(row, addend);
                tables.token_type.row_into(0, addend);
                kernel::add(row, addend);
            }
        }
        kernel.layer_norm(x, &tables.norm, config.layer_norm_eps);
    }
}

/// How the rows of a shard are computed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Split {
    /// All on the calling thread: no thread waits for another.
    Whole,
    /// Spread over the threads of the current pool, with one meeting point a layer: for a batch that has too few
    /// sequences to give every thread its own.
    Rows {
        /// Number of threads.
        threads: usize,
    },
}

impl Encoder for CpuEncoder {
    fn encode(&self, batch: &PackedBatch, vectors: &mut [f32]) -> Result<(), EncodeError> {
        self.encode_tapped(batch, vectors, Taps::default())
    }

    fn describe(&self) -> String {
        let Shape { kernel, arithmetic, .. } = &self.shape;
        format!("cpu: {arithmetic}, kernel {kernel} ({}), threads: {}", kernel.why(), self.threads.count())
    }
}

impl fmt::Debug for CpuEncoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CpuEncoder").field("runs", &self.describe()).finish_non_exhaustive()
    }
}

/// Cuts a batch into runs of whole sequences of at most `tokens` tokens, or one longer sequence.
fn shards(batch: &PackedBatch, tokens: usize) -> impl Iterator<Item = Range<usize>> {
    let offsets = batch.cumulative_lengths();
    let mut start = 0;
    std::iter::from_fn(move || {
        (start < batch.len()).then(|| {
            let limit = offsets[start] + tokens;
            let mut end = start + 1;
            while end < batch.len() && offsets[end + 1] <= limit {
                end += 1;
            }
            let shard = start..end;
            start = end;
            shard
        })
    })
}

/// One vector from the rows of a sequence, `[tokens, hidden]`.
fn pool_rows(pooling: Pooling, rows: &[f32], vector: &mut [f32]) {
    let hidden = vector.len();
    vector.copy_from_slice(&rows[..hidden]);
    if pooling == Pooling::Mean {
        for row in rows.chunks_exact(hidden).skip(1) {
            kernel::add(vector, row);
        }
        let tokens = (rows.len() / hidden) as f32;
        for value in vector {
            *value /= tokens;
        }
    }
}
