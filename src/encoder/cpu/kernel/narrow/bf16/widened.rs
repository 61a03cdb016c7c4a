//! Numbers widened to f32 in plain Rust, of which AVX2 has a copy of its own.
//!
//! A product of two numbers is exact in f32, and sums run in the order of AVX-512 BF16: so they come out as there, to the
//! bit, unless numbers are too small for a normal f32.

use super::super::super::elementwise::multiply_add;
use super::super::tile::{Tile, by_sums};
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
    by_sums::<_, true, AVX2_ROWS, 1>(task, |tile, sums| match tile.size.0 {
        1 => sum_avx2::<1>(tile, sums),
        2 => sum_avx2::<2>(tile, sums),
        3 => sum_avx2::<3>(tile, sums),
        4 => sum_avx2::<4>(tile, sums),
        _ => sum_avx2::<AVX2_ROWS>(tile, sums),
    });
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn sum_avx2<const R: usize>(tile: &Tile<'_, 1>, sums: &mut [[[f32; PANEL_WIDTH]; 1]]) {
    sum::<true, R>(tile, sums);
}

/// See [`NarrowMatMul`].
pub fn portable(task: NarrowMatMul<'_, Bf16>) {
    by_sums::<_, false, ROWS, 1>(task, |tile, sums| match tile.size.0 {
        1 => sum::<false, 1>(tile, sums),
        _ => sum::<false, ROWS>(tile, sums),
    });
}

#[inline(always)]
fn sum<const FMA: bool, const R: usize>(tile: &Tile<'_, 1>, sums: &mut [[[f32; PANEL_WIDTH]; 1]]) {
    let mut totals = [[0.0; PANEL_WIDTH]; R];
    for (block, lines) in tile.panels[0].as_chunks::<PANEL_WIDTH>().0.iter().enumerate() {
        let inputs: [_; R] = std::array::from_fn(|r| &tile.a[r * tile.lines_per_row + block]);
        for (group, line) in lines.iter().enumerate() {
            let weights: [_; PANEL_WIDTH] = std::array::from_fn(|column| pair(line, column));
            let (firsts, seconds) = (weights.map(first), weights.map(second));
            for (totals, inputs) in totals.iter_mut().zip(inputs) {
                let input = pair(inputs, group);
                for ((total, weight), next_weight) in totals.iter_mut().zip(firsts).zip(seconds) {
                    *total = multiply_add::<FMA>(second(input), next_weight, *total);
                    *total = multiply_add::<FMA>(first(input), weight, *total);
                }
            }
        }
    }
    for (sums, totals) in sums.iter_mut().zip(totals) {
        sums[0] = totals;
    }
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
