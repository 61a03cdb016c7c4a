//! One transformer layer on the packed rows of a shard.

use rayon::prelude::*;

use super::attention::attend;
use super::kernel::{self, MatMul, Start};
use super::pack::PackedLinear;
use super::scratch::{BlockBuffers, BufferPool, sized};
use super::{Shape, Split};
use crate::model::{Layer, LayerNorm};

/// Rows that go through a layer together: their activations stay in the L2 cache.
const BLOCK_ROWS: usize = 96;

/// A layer's weights, packed.
pub struct PackedLayer {
    /// Queries, keys and values in one map.
    qkv: PackedLinear,
    attention_output: PackedLinear,
    attention_norm: LayerNorm,
    intermediate: PackedLinear,
    output: PackedLinear,
    output_norm: LayerNorm,
}

impl PackedLayer {
    pub fn new(layer: Layer, kernel: kernel::Kernel) -> Self {
        Self {
            qkv: PackedLinear::side_by_side([layer.query, layer.key, layer.value], kernel),
            attention_output: PackedLinear::new(layer.attention_output, kernel),
            attention_norm: layer.attention_norm,
            intermediate: PackedLinear::new(layer.intermediate, kernel),
            output: PackedLinear::new(layer.output, kernel),
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
                for (x, qkv) in x.chunks(BLOCK_ROWS * hidden).zip(qkv.chunks_mut(BLOCK_ROWS * 3 * hidden)) {
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
                x.par_chunks(rows * hidden)
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
    fn project(&self, x: &[f32], qkv: &mut [f32]) {
        self.linear(&self.layer.qkv, x, qkv);
    }

    /// Attention of a block of rows to their sequences, then the token-wise rest of the layer, in place.
    fn finish(&self, first_row: usize, x: &mut [f32], qkv: &[f32]) {
        let Shape { config, kernel, .. } = self.shape;
        let hidden = config.hidden_size;
        let rows = x.len() / hidden;
        let mut block = self.buffers.take_block();
        let BlockBuffers { context, projected, inner, heads } = &mut block;
        let context = sized(context, rows * hidden);
        let projected = sized(projected, rows * hidden);
        let inner = sized(inner, rows * config.intermediate_size);

        attend(self.shape, self.offsets, first_row..first_row + rows, qkv, context, heads);
        self.linear(&self.layer.attention_output, context, projected);
        kernel::add(x, projected);
        kernel.layer_norm(x, &self.layer.attention_norm, config.layer_norm_eps);

        self.linear(&self.layer.intermediate, x, inner);
        kernel.activate(config.activation, inner);
        self.linear(&self.layer.output, inner, projected);
        kernel::add(x, projected);
        kernel.layer_norm(x, &self.layer.output_norm, config.layer_norm_eps);
        self.buffers.put_block(block);
    }

    fn linear(&self, map: &PackedLinear, input: &[f32], output: &mut [f32]) {
        let panels = &map.panels;
        self.shape.kernel.matmul(MatMul {
            rows: input.len() / panels.inputs,
            a: input,
            a_stride: panels.inputs,
            b: panels.into(),
            c: output,
            c_stride: panels.outputs,
            start: Start::Bias(&map.bias),
        });
    }
}
