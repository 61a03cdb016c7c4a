//! One transformer layer on the packed rows of a shard.

use rayon::prelude::*;

use super::attention::attend;
use super::kernel::{After, Kernel};
use super::map::{Arithmetic, PackedMap};
use super::scratch::{BlockBuffers, BufferPool, sized};
use super::{Shape, Split};
use crate::model::{Layer, LayerNorm};

/// Rows that go through a layer together: their activations stay in the L2 cache.
const BLOCK_ROWS: usize = 96;

/// A layer's weights, packed.
pub struct PackedLayer {
    /// Queries, keys and values in one map.
    qkv: PackedMap,
    attention_output: PackedMap,
    attention_norm: LayerNorm,
    intermediate: PackedMap,
    output: PackedMap,
    output_norm: LayerNorm,
}

impl PackedLayer {
    pub fn new(layer: Layer, arithmetic: Arithmetic, kernel: Kernel) -> Self {
        Self {
            qkv: PackedMap::side_by_side([layer.query, layer.key, layer.value], arithmetic, kernel),
            attention_output: PackedMap::new(layer.attention_output, arithmetic, kernel),
            attention_norm: layer.attention_norm,
            intermediate: PackedMap::new(layer.intermediate, arithmetic, kernel),
            output: PackedMap::new(layer.output, arithmetic, kernel),
            output_norm: layer.output_norm,
        }
    }
}

/// One layer at work on one shard.
pub struct Step<'a> {
    pub shape: &'a Shape,
    pub layer: &'a PackedLayer,
    /// Cumulative lengths of the shard's sequences; the first need not be 0.
    pub offsets: &'a [usize],
    pub buffers: &'a BufferPool,
}

impl Step<'_> {
    /// Replaces `x`, `[rows, hidden]`, by the layer's output; `qkv` is `[rows, 3 * hidden]` of working memory.
    ///
    /// First all rows get queries, keys and values; then each block of rows attends to its sequences and goes through
    /// the rest of the layer. Threads, if any, meet between the two.
    pub fn run(&self, x: &mut [f32], qkv: &mut [f32], split: Split) {
        let hidden = self.shape.config.hidden_size;
        match split {
            Split::Whole => {
                for (x, qkv) in x.chunks_mut(BLOCK_ROWS * hidden).zip(qkv.chunks_mut(BLOCK_ROWS * 3 * hidden)) {
                    self.project(x, qkv);
                }
                for (block, x) in x.chunks_mut(BLOCK_ROWS * hidden).enumerate() {
                    self.finish(block * BLOCK_ROWS, x, qkv);
                }
            }
            Split::Rows { threads } => {
                let rows = x.len() / hidden;
                let blocks = rows.div_ceil(threads * BLOCK_ROWS) * threads;
                let rows = rows.div_ceil(blocks);
                x.par_chunks_mut(rows * hidden)
                    .zip(qkv.par_chunks_mut(rows * 3 * hidden))
                    .with_max_len(1)
                    .for_each(|(x, qkv)| self.project(x, qkv));
                let qkv = &*qkv;
                x.par_chunks_mut(rows * hidden)
                    .enumerate()
                    .with_max_len(1)
                    .for_each(|(block, x)| self.finish(block * rows, x, qkv));
            }
        }
    }

    /// Queries, keys and values of a block of rows.
    fn project(&self, x: &mut [f32], qkv: &mut [f32]) {
        let mut block = self.buffers.take_block();
        self.layer.qkv.apply(self.shape.kernel, None, x, qkv, After::Store, &mut block.rounded);
        self.buffers.put_block(block);
    }

    /// Attention of a block of rows to their sequences, then the token-wise rest of the layer, in place.
    fn finish(&self, first_row: usize, x: &mut [f32], qkv: &[f32]) {
        let Shape { config, kernel, .. } = self.shape;
        let (layer, kernel) = (self.layer, *kernel);
        let hidden = config.hidden_size;
        let rows = x.len() / hidden;
        let mut block = self.buffers.take_block();
        let BlockBuffers { context, inner, heads, rounded } = &mut block;
        let context = sized(context, rows * hidden);
        let inner = sized(inner, rows * config.intermediate_size);

        attend(self.shape, self.offsets, first_row..first_row + rows, qkv, context, heads);
        layer.attention_output.apply(kernel, None, context, x, After::Add, rounded);
        kernel.layer_norm(x, &layer.attention_norm, config.layer_norm_eps);

        layer.intermediate.apply(kernel, None, x, inner, After::Store, rounded);
        layer.output.apply(kernel, Some(config.activation), inner, x, After::Add, rounded);
        kernel.layer_norm(x, &layer.output_norm, config.layer_norm_eps);
        self.buffers.put_block(block);
    }
}
