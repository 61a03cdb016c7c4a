//! Scaled dot-product attention on packed rows: each row attends to its own sequence, and to nothing else.
//!
//! Per head: softmax(Q·Kᵀ / √d)·V (Vaswani et al., *Attention is all you need*, 2017), with Kᵀ and V packed as weights are,
//! so that the same kernels serve.

mod bf16;
mod f32;

use std::ops::Range;

use super::Shape;
use super::kernel::narrow::bf16::HeadRows;
use super::map::Arithmetic;

/// Working memory, one head at a time.
#[derive(Default)]
pub struct HeadBuffers {
    f32: f32::Buffers,
    bf16: bf16::Buffers,
    /// Of each query with each key, `[rows, tokens rounded up to a panel]`.
    scores: Vec<f32>,
}

/// Attention output of the rows `block` into `context`, `[block rows, hidden]`.
///
/// `offsets` are the cumulative lengths of the shard's sequences, `qkv` is `[shard rows, 3 * hidden]`.
pub fn attend(
    shape: &Shape,
    offsets: &[usize],
    block: Range<usize>,
    qkv: &[f32],
    context: &mut [f32],
    buffers: &mut HeadBuffers,
) {
    let (heads, hidden) = (shape.config.num_attention_heads, shape.config.hidden_size);
    let lines = match shape.arithmetic {
        Arithmetic::F32 => None,
        Arithmetic::Bf16 | Arithmetic::Int8 => shape.kernel.head_lines(),
    };
    for pair in offsets.windows(2) {
        let sequence = pair[0] - offsets[0]..pair[1] - offsets[0];
        let queries = sequence.start.max(block.start)..sequence.end.min(block.end);
        if queries.is_empty() {
            continue;
        }
        let context = &mut context[(queries.start - block.start) * hidden..];
        for head in 0..heads {
            let head = Head { shape, head, sequence: sequence.clone(), queries: queries.clone(), qkv };
            match lines {
                Some(lines) => head.attend_in_bf16(lines, context, buffers),
                None => head.attend_in_f32(context, buffers),
            }
        }
    }
}

/// One head of the queries of one sequence that lie in a block.
struct Head<'a> {
    shape: &'a Shape,
    head: usize,
    sequence: Range<usize>,
    queries: Range<usize>,
    qkv: &'a [f32],
}

impl<'a> Head<'a> {
    /// Values of a query, a key or a value.
    fn size(&self) -> usize {
        self.shape.config.head_size()
    }

    /// Number of keys.
    fn tokens(&self) -> usize {
        self.sequence.len()
    }

    /// Where the head's values start in a row of `context`.
    fn column(&self) -> usize {
        self.head * self.size()
    }

    fn queries(&self) -> HeadRows<'a> {
        self.rows(&self.queries, 0)
    }

    fn keys(&self) -> HeadRows<'a> {
        self.rows(&self.sequence, 1)
    }

    fn values(&self) -> HeadRows<'a> {
        self.rows(&self.sequence, 2)
    }

    /// Queries, keys or values (`part` 0, 1 or 2) of some rows.
    fn rows(&self, rows: &Range<usize>, part: usize) -> HeadRows<'a> {
        let hidden = self.shape.config.hidden_size;
        let stride = 3 * hidden;
        let first = rows.start * stride + part * hidden + self.column();
        let values = &self.qkv[first..first + (rows.len() - 1) * stride + self.size()];
        HeadRows { values, stride, size: self.size(), count: rows.len() }
    }

    /// What scores are multiplied by.
    fn scale(&self) -> f32 {
        1.0 / (self.size() as f32).sqrt()
    }
}
