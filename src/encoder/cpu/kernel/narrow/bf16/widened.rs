//! For CPUs without instructions for bf16: numbers are widened to f32, which is a shift, in plain Rust that each
//! instruction set compiles a copy of.
//!
//! A product of two is exact in f32, and sums run in the order of AVX-512 BF16; so all of them give its sums to the bit,
//! unless numbers are too small for a normal f32.

use super::super::super::elementwise::multiply_add;
use super::super::tile::{Sums, Tile, by_tiles, with_size};
use super::super::{LANE_BYTES, NarrowMatMul, PANEL_WIDTH};
use super::Bf16;

/// See [`NarrowMatMul`]. Tiles of 8 rows by 2 panels: 16 of 32 registers hold sums, 4 weights.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq")]
pub fn avx512(task: NarrowMatMul<'_, Bf16>) {
    by_tiles::<_, true, 8, 2>(task, |size, tile, sums| {
        with_size!(size, [1, 2, 3, 4, 5, 6, 7, 8] by [1, 2], sum_avx512(tile, sums));
    });
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq")]
fn sum_avx512<const R: usize, const P: usize>(tile: &Tile<'_, 2>, sums: &mut Sums<f32, 8, 2>) {
    sum::<true, R, P, 2>(tile, sums);
}

/// See [`NarrowMatMul`]. Tiles of 5 rows by 1 panel: 10 of 16 registers hold sums, 4 weights.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
pub fn avx2(task: NarrowMatMul<'_, Bf16>) {
    by_tiles::<_, true, 5, 1>(task, |size, tile, sums| {
        with_size!(size, [1, 2, 3, 4, 5] by [1], sum_avx2(tile, sums));
    });
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn sum_avx2<const R: usize, const P: usize>(tile: &Tile<'_, 1>, sums: &mut Sums<f32, 5, 1>) {
    sum::<true, R, P, 1>(tile, sums);
}

/// See [`NarrowMatMul`].
pub fn portable(task: NarrowMatMul<'_, Bf16>) {
    by_tiles::<_, false, 2, 1>(task, |size, tile, sums: &mut Sums<f32, 2, 1>| {
        with_size!(size, [1, 2] by [1], sum_portable(tile, sums));
    });
}

fn sum_portable<const R: usize, const P: usize>(tile: &Tile<'_, 1>, sums: &mut Sums<f32, 2, 1>) {
    sum::<false, R, P, 1>(tile, sums);
}

#[inline(always)]
fn sum<const FMA: bool, const R: usize, const P: usize, const PANELS: usize>(
    tile: &Tile<'_, PANELS>,
    sums: &mut [[[f32; PANEL_WIDTH]; PANELS]],
) {
    let mut totals = [[[0.0f32; PANEL_WIDTH]; P]; R];
    let panels: [&[[_; PANEL_WIDTH]]; P] = std::array::from_fn(|p| tile.panels[p].as_chunks::<PANEL_WIDTH>().0);
    for block in 0..tile.lines_per_row {
        let inputs: [_; R] = std::array::from_fn(|r| &tile.a[r * tile.lines_per_row + block]);
        let blocks: [_; P] = std::array::from_fn(|p| &panels[p][block]);
        for group in 0..PANEL_WIDTH {
            for p in 0..P {
                let lanes = blocks[p][group].0.as_chunks::<LANE_BYTES>().0;
                let weights: [_; PANEL_WIDTH] = std::array::from_fn(|column| widen(lanes[column]));
                for (totals, inputs) in totals.iter_mut().zip(inputs) {
                    let (first, second) = widen(inputs.0.as_chunks::<LANE_BYTES>().0[group]);
                    for (total, weights) in totals[p].iter_mut().zip(weights) {
                        *total = multiply_add::<FMA>(second, weights.1, *total);
                        *total = multiply_add::<FMA>(first, weights.0, *total);
                    }
                }
            }
        }
    }
    for (sums, totals) in sums.iter_mut().zip(totals) {
        for (sums, totals) in sums.iter_mut().zip(totals) {
            *sums = totals;
        }
    }
}

/// Both numbers of a lane.
#[inline(always)]
fn widen(lane: [u8; LANE_BYTES]) -> (f32, f32) {
    let lane = u32::from_le_bytes(lane);
    (f32::from_bits(lane << 16), f32::from_bits(lane & 0xFFFF_0000))
}
