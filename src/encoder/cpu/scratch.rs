//! Buffers that are allocated once and reused: after warm-up, encoding allocates nothing that grows with the batch.

use std::sync::{Mutex, PoisonError};

use super::attention::HeadBuffers;
use super::map::RoundedRows;

/// Activations of a shard.
#[derive(Default)]
pub struct Buffers {
    /// Token vectors, `[rows, hidden]`.
    pub x: Vec<f32>,
    /// Queries, keys and values side by side, `[rows, 3 * hidden]`.
    pub qkv: Vec<f32>,
    /// One row to be added, `[hidden]`.
    pub addend: Vec<f32>,
}

/// Working memory for one block of rows.
#[derive(Default)]
pub struct BlockBuffers {
    /// Output of attention, `[rows, hidden]`.
    pub context: Vec<f32>,
    /// Output of the first feed-forward map, `[rows, intermediate]`.
    pub inner: Vec<f32>,
    /// For attention.
    pub heads: HeadBuffers,
    /// Inputs of a map in a narrower format.
    pub rounded: RoundedRows,
}

/// Idle buffers. A thread takes what it needs and puts it back; there are never more than were in use at one time.
#[derive(Default)]
pub struct BufferPool {
    shards: Mutex<Vec<Buffers>>,
    blocks: Mutex<Vec<BlockBuffers>>,
}

impl BufferPool {
    pub fn take(&self) -> Buffers {
        pop(&self.shards)
    }

    pub fn put(&self, buffers: Buffers) {
        push(&self.shards, buffers);
    }

    pub fn take_block(&self) -> BlockBuffers {
        pop(&self.blocks)
    }

    pub fn put_block(&self, buffers: BlockBuffers) {
        push(&self.blocks, buffers);
    }
}

// A panic while the lock is held leaves a list of buffers in which any content is valid.
fn pop<T: Default>(idle: &Mutex<Vec<T>>) -> T {
    idle.lock().unwrap_or_else(PoisonError::into_inner).pop().unwrap_or_default()
}

fn push<T>(idle: &Mutex<Vec<T>>, buffers: T) {
    idle.lock().unwrap_or_else(PoisonError::into_inner).push(buffers);
}

/// The first `length` values of a buffer that grows but never shrinks; their content is whatever was there.
pub fn sized(buffer: &mut Vec<f32>, length: usize) -> &mut [f32] {
    if buffer.len() < length {
        buffer.resize(length, 0.0);
    }
    &mut buffer[..length]
}
