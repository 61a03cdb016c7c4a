//! Attention in bf16, with scores and their softmax in f32: where the CPU has instructions for it, and the model's linear
//! maps are computed in narrow numbers anyway.

use super::super::kernel::After;
use super::super::kernel::narrow::bf16::{Bf16, HeadLines};
use super::super::kernel::narrow::{NarrowLinear, NarrowMatMul, NarrowRows, PANEL_WIDTH};
use super::super::scratch::sized;
use super::{Head, HeadBuffers};

/// Working memory.
#[derive(Default)]
pub struct Buffers {
    queries: NarrowRows<Bf16>,
    keys: NarrowLinear<Bf16>,
    /// Softmax of the scores.
    weights: NarrowRows<Bf16>,
    values: NarrowLinear<Bf16>,
}

impl Head<'_> {
    /// Writes the head's columns of rows of `context`.
    pub fn attend_in_bf16(&self, lines: HeadLines, context: &mut [f32], buffers: &mut HeadBuffers) {
        let kernel = self.shape.kernel;
        let (rows, tokens) = (self.queries.len(), self.tokens());
        let padded = tokens.next_multiple_of(PANEL_WIDTH);
        let HeadBuffers { bf16: Buffers { queries, keys, weights, values }, scores, .. } = buffers;
        let scores = sized(scores, rows * padded);

        // Scores to base 2, whose exponential takes less work.
        lines.round(self.queries(), self.scale() * std::f32::consts::LOG2_E, queries);
        lines.pack_keys(self.keys(), keys);
        kernel.narrow_matmul(NarrowMatMul { a: queries, b: keys, c: scores, c_stride: padded, after: After::Store });
        lines.softmax2(scores, padded, tokens, weights);

        lines.pack_values(self.values(), values);
        let (c, c_stride) = (&mut context[self.column()..], self.shape.config.hidden_size);
        kernel.narrow_matmul(NarrowMatMul { a: weights, b: values, c, c_stride, after: After::Store });
    }
}
