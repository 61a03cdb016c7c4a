//! Attention in f32.

use super::super::kernel::{MatMul, PanelView, Start};
use super::super::scratch::sized;
use super::{Head, HeadBuffers};

/// Working memory.
#[derive(Default)]
pub struct Buffers {
    /// `[panel of tokens, dimension, token]`.
    keys: Vec<f32>,
    /// `[panel of dimensions, token, dimension]`.
    values: Vec<f32>,
    /// One over the sum of each row of scores.
    factors: Vec<f32>,
}

impl Head<'_> {
    /// Writes the head's columns of rows of `context`.
    pub fn attend_in_f32(&self, context: &mut [f32], buffers: &mut HeadBuffers) {
        let kernel = self.shape.kernel;
        let (hidden, size, width) = (self.shape.config.hidden_size, self.size(), kernel.panel_width());
        let (rows, tokens) = (self.queries.len(), self.tokens());
        let padded = tokens.next_multiple_of(width);
        let HeadBuffers { f32: Buffers { keys, values, factors }, scores, .. } = buffers;
        let keys = sized(keys, padded * size);
        let values = sized(values, size.next_multiple_of(width) * tokens);
        let scores = sized(scores, rows * padded);
        let factors = sized(factors, rows);
        self.pack(width, keys, values);

        let queries = self.queries();
        kernel.matmul(MatMul {
            rows,
            a: queries.values,
            a_stride: queries.stride,
            // All columns of the last panel: those beyond `tokens` hold anything, and softmax makes zeros of them.
            b: PanelView { inputs: size, outputs: padded, values: keys },
            c: scores,
            c_stride: padded,
            start: Start::Zero,
        });
        kernel.softmax(scores, padded, tokens, self.scale(), factors);
        let context = &mut context[self.column()..];
        kernel.matmul(MatMul {
            rows,
            a: scores,
            a_stride: padded,
            b: PanelView { inputs: tokens, outputs: size, values },
            c: context,
            c_stride: hidden,
            start: Start::Zero,
        });
        // Dividing a row of values is less work than dividing a row of scores.
        for (row, &factor) in context.chunks_mut(hidden).zip(&*factors) {
            for value in &mut row[..size] {
                *value *= factor;
            }
        }
    }

    fn pack(&self, width: usize, keys: &mut [f32], values: &mut [f32]) {
        let (size, tokens) = (self.size(), self.tokens());
        for (token, (key, value)) in self.keys().iter().zip(self.values().iter()).enumerate() {
            let panel = &mut keys[token / width * size * width..];
            let lane = token % width;
            for (dimension, &key) in panel.chunks_exact_mut(width).zip(key) {
                dimension[lane] = key;
            }
            for (panel, value) in value.chunks(width).enumerate() {
                copy(value, &mut values[(panel * tokens + token) * width..][..value.len()]);
            }
        }
    }
}

/// Copies a few values; a call of the library's function takes longer than copying them.
fn copy(from: &[f32], to: &mut [f32]) {
    let ((from, from_rest), (to, to_rest)) = (from.as_chunks::<8>(), to.as_chunks_mut::<8>());
    for (from, to) in from.iter().zip(to) {
        *to = *from;
    }
    to_rest.copy_from_slice(from_rest);
}
