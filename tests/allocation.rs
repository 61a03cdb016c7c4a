//! After warm-up, encoding on one thread allocates nothing that grows with tokens, sequences or layers.

mod common;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use common::tiny_model::{Noise, TinyModel};
use plaint::batch::PackedBatch;
use plaint::encoder::{CpuEncoder, Encoder, Kernel};
use plaint::model::Model;
use plaint::{Precision, Threads};

/// The system's allocator, with a count of the calls of each thread.
struct Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

thread_local! {
    /// Allocations and their bytes.
    static COUNT: Cell<(usize, usize)> = const { Cell::new((0, 0)) };
}

fn count(bytes: usize) {
    // The thread's storage may be gone while it ends.
    let _ = COUNT.try_with(|count| count.set((count.get().0 + 1, count.get().1 + bytes)));
}

// SAFETY: every call is passed on to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size());
        // SAFETY: the caller's promise.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(layout.size());
        // SAFETY: the caller's promise.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(size);
        // SAFETY: the caller's promise.
        unsafe { System.realloc(pointer, layout, size) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise.
        unsafe { System.dealloc(pointer, layout) }
    }
}

/// What a call may allocate: the list of shards, once.
const MAX_ALLOCATIONS: usize = 1;

/// Allocations and bytes of the second encoding of `lengths`, after one of a larger batch.
fn cost(encoder: &CpuEncoder, hidden: usize, lengths: &[usize]) -> (usize, usize) {
    let mut noise = Noise::new(9);
    let mut batch = PackedBatch::new();
    for &length in lengths {
        batch.push((0..length).map(|_| noise.below(300) as u32));
    }
    let mut vectors = vec![0.0; lengths.len() * hidden];
    let before = COUNT.get();
    encoder.encode(&batch, &mut vectors).unwrap();
    let after = COUNT.get();
    (after.0 - before.0, after.1 - before.1)
}

#[test]
fn a_warm_encoder_allocates_a_list_of_shards_and_nothing_else() {
    let precisions = [Precision::F32, Precision::Bf16, Precision::Int8];
    for (kernel, precision) in Kernel::available().flat_map(|kernel| precisions.map(|precision| (kernel, precision))) {
        let mut costs = Vec::new();
        for layers in [1, 6] {
            let model = TinyModel { layers, ..TinyModel::default() };
            let Model { manifest, config, weights, .. } = Model::load(&model.files()).unwrap();
            let encoder =
                CpuEncoder::with_kernel(config, manifest.pooling, weights, precision, Threads::caller(), kernel)
                    .unwrap();
            // The largest shard, longest sequence and largest block that are to come.
            cost(&encoder, model.hidden, &[128; 4]);
            costs.push([
                cost(&encoder, model.hidden, &[5, 7]),
                cost(&encoder, model.hidden, &[60, 68]),
                cost(&encoder, model.hidden, &[128; 40]),
            ]);
            let again = cost(&encoder, model.hidden, &[128; 40]);
            assert_eq!(again, costs[costs.len() - 1][2], "{kernel}, {precision}: the third time is as the second");
        }
        assert_eq!(costs[0], costs[1], "{kernel}, {precision}: layers cost nothing");
        let [few_tokens, many_tokens, many_shards] = costs[0];
        assert_eq!(few_tokens, many_tokens, "{kernel}, {precision}: tokens cost nothing");
        assert!(many_shards.0 <= MAX_ALLOCATIONS, "{kernel}, {precision}: {many_shards:?}");
        // A fraction of one row block's activations: the list of 40 shards.
        assert!(few_tokens.0 <= 2 && many_shards.1 < 4096, "{kernel}, {precision}: {costs:?}");
    }
}
