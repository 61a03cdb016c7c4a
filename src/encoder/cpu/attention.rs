//! Scaled dot-product attention on packed rows: each row attends to its own sequence, and to nothing else.

use std::ops::Range;

use super::Shape;
use super::kernel::{MatMul, PanelView, Start};
use super::scratch::{HeadBuffers, sized};

/// Attention output of the rows `block` into `context`, `[block rows, hidden]`.
///
/// `offsets` are the cumulative lengths of the shard's sequences, `qkv` is `[shard rows, 3 * hidden]`. Per head:
/// softmax(Q·Kᵀ / √d)·V (Vaswani et al., *Attention is all you need*, 2017), with Kᵀ and V packed as a weight matrix
/// is, so that the same kernel serves.
pub fn attend(
    shape: &Shape,
    offsets: &[usize],
    block: Range<usize>,
    qkv: &[f32],
    context: &mut [f32],
    buffers: &mut HeadBuffers,
) {
    let (heads, hidden) = (shape.config.num_attention_heads, shape.config.hidden_size);
    for pair in offsets.windows(2) {
        let sequence = pair[0] - offsets[0]..pair[1] - offsets[0];
        let queries = sequence.start.max(block.start)..sequence.end.min(block.end);
        if queries.is_empty() {
            continue;
        }
        let context = &mut context[(queries.start - block.start) * hidden..];
        for head in 0..heads {
            let part = Part { shape, head, sequence: sequence.clone(), queries: queries.clone(), qkv };
            part.attend(context, buffers);
        }
    }
}

/// One head of the queries of one sequence that lie in a block.
struct Part<'a> {
    shape: &'a Shape,
    head: usize,
    sequence: Range<usize>,
    queries: Range<usize>,
    qkv: &'a [f32],
}

impl Part<'_> {
    fn attend(&self, context: &mut [f32], buffers: &mut HeadBuffers) {
        let Shape { config, kernel, .. } = self.shape;
        let (hidden, size) = (config.hidden_size, config.head_size());
        let width = kernel.panel_width();
        let (rows, tokens) = (self.queries.len(), self.sequence.len());
        let padded = tokens.next_multiple_of(width);
        let keys = sized(&mut buffers.keys, padded * size);
        let values = sized(&mut buffers.values, size.next_multiple_of(width) * tokens);
        let scores = sized(&mut buffers.scores, rows * padded);
        let factors = sized(&mut buffers.factors, rows);
        self.pack(width, keys, values);

        let stride = 3 * hidden;
        kernel.matmul(MatMul {
            rows,
            a: &self.qkv[self.queries.start * stride + self.head * size..],
            a_stride: stride,
            // All columns of the last panel: those beyond `tokens` hold anything, and softmax does not read them.
            b: PanelView { inputs: size, outputs: padded, values: keys },
            c: scores,
            c_stride: padded,
            start: Start::Zero,
        });
        kernel.softmax(scores, padded, tokens, 1.0 / (size as f32).sqrt(), factors);
        kernel.matmul(MatMul {
            rows,
            a: scores,
            a_stride: padded,
            b: PanelView { inputs: tokens, outputs: size, values },
            c: &mut context[self.head * size..],
            c_stride: hidden,
            start: Start::Zero,
        });
        // Dividing a row of values is less work than dividing a row of scores.
        for (row, &factor) in context.chunks_mut(hidden).zip(&*factors) {
            for value in &mut row[self.head * size..][..size] {
                *value *= factor;
            }
        }
    }

    /// Keys as `[panel of tokens, dimension, token]`, values as `[panel of dimensions, token, dimension]`.
    fn pack(&self, width: usize, keys: &mut [f32], values: &mut [f32]) {
        let hidden = self.shape.config.hidden_size;
        let size = self.shape.config.head_size();
        let (tokens, stride) = (self.sequence.len(), 3 * hidden);
        let rows = &self.qkv[self.sequence.start * stride..self.sequence.end * stride];
        for (token, row) in rows.chunks_exact(stride).enumerate() {
            let [key, value] = [hidden, 2 * hidden].map(|part| &row[part + self.head * size..][..size]);
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
