//! Numbers widened to f32 in plain Rust, of which AVX2 has a copy of its own.
//!
//! A product of two numbers is exact in f32, and sums run in the order of AVX-512 BF16: so they come out as there, to the
//! bit, unless numbers are too small for a normal f32.

use super::super::super::elementwise::multiply_add;
use super::super::tile::{Sums, Tile, by_tiles, with_size};
use super::super::{LANE_BYTES, Line, NarrowMatMul, PANEL_WIDTH};
use super::Bf16;

/// Rows of a full tile of AVX2: 10 of 16 registers hold sums, 4 weights.
#[cfg(target_arch = "x86_64")]
const AVX2_ROWS: usize = 5;
/// Rows of a full tile for any CPU.
const ROWS: usize = 2;

/// See [`NarrowMatMul`].
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
pub fn avx2(task: NarrowMatMul<'_, Bf16>) {
    by_tiles::<_, true, AVX2_ROWS, 1>(task, |size, tile, sums| {
        with_size!(size, [1, 2, 3, 4, 5] by [1], sum_avx2(tile, sums));
    });
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn sum_avx2<const R: usize, const P: usize>(tile: &Tile<'_, P>, sums: &mut Sums<f32, AVX2_ROWS, P>) {
    sum::<true, R, P>(tile, sums);
}

/// See [`NarrowMatMul`].
pub fn portable(task: NarrowMatMul<'_, Bf16>) {
    by_tiles::<_, false, ROWS, 1>(task, |size, tile, sums| {
        with_size!(size, [1, 2] by [1], sum_portable(tile, sums));
    });
}

fn sum_portable<const R: usize, const P: usize>(tile: &Tile<'_, P>, sums: &mut Sums<f32, ROWS, P>) {
    sum::<false, R, P>(tile, sums);
}

#[inline(always)]
fn sum<const FMA: bool, const R: usize, const P: usize>(tile: &Tile<'_, P>, sums: &mut [[[f32; PANEL_WIDTH]; P]]) {
    let mut totals = [[[0.0; PANEL_WIDTH]; P]; R];
    let panels = tile.panels.map(|panel| panel.as_chunks::<PANEL_WIDTH>().0);
    for block in 0..tile.lines_per_row {
        let inputs: [_; R] = std::array::from_fn(|r| &tile.a[r * tile.lines_per_row + block]);
        let blocks = panels.map(|panel| &panel[block]);
        for group in 0..PANEL_WIDTH {
            for p in 0..P {
                let weights: [_; PANEL_WIDTH] = std::array::from_fn(|column| pair(&blocks[p][group], column));
                let (firsts, seconds) = (weights.map(first), weights.map(second));
                for (totals, inputs) in totals.iter_mut().zip(inputs) {
                    let input = pair(inputs, group);
                    for ((total, weight), next_weight) in totals[p].iter_mut().zip(firsts).zip(seconds) {
                        *total = multiply_add::<FMA>(second(input), next_weight, *total);
                        *total = multiply_add::<FMA>(first(input), weight, *total);
                    }
                }
            }
        }
    }
    sums[..R].copy_from_slice(&totals);
}

/// Pair `lane` of a line.
#[inline(always)]
fn pair(line: &Line, lane: usize) -> u32 {
    u32::from_le_bytes(line.0.as_chunks::<LANE_BYTES>().0[lane])
}

#[inline(always)]
fn first(pair: u32) -> f32 {
    f32::from_bits(pair << 16)
}

#[inline(always)]
fn second(pair: u32) -> f32 {
    f32::from_bits(pair & 0xFFFF_0000)
}
