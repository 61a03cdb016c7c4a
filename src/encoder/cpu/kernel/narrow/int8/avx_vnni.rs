//! AVX-VNNI: VNNI on vectors of 256 bits, for CPUs without AVX-512. Tiles of 3 rows by 2 panels, 12 of the 16 registers
//! holding sums.

use std::arch::x86_64::{
    __m256i, _mm256_dpbusd_avx_epi32, _mm256_load_si256, _mm256_set1_epi32, _mm256_setzero_si256, _mm256_storeu_si256,
};

use super::super::tile::{Sums, Tile, by_sums, with_size};
use super::{Int8, NarrowMatMul, PANEL_WIDTH};

/// Rows of a full tile.
const ROWS: usize = 3;
/// Panels of a full tile.
const PANELS: usize = 2;
/// Vectors of a line.
const HALVES: usize = 2;

/// See [`NarrowMatMul`].
#[target_feature(enable = "avx2,fma,avxvnni")]
pub fn matmul(task: NarrowMatMul<'_, Int8>) {
    by_sums::<_, true, ROWS, PANELS>(task, |tile, sums| {
        with_size!(tile.size, [1, 2, 3] by [1, 2], sum(tile, sums));
    });
}

#[target_feature(enable = "avx2,avxvnni")]
fn sum<const R: usize, const P: usize>(tile: &Tile<'_, PANELS>, sums: &mut Sums<i32, ROWS, PANELS>) {
    let groups = tile.lines_per_row * PANEL_WIDTH;
    assert!(tile.a.len() >= R * tile.lines_per_row);
    assert!(tile.panels.iter().all(|panel| panel.len() == groups));
    let a: [*const i32; R] = std::array::from_fn(|r| tile.a[r * tile.lines_per_row..].as_ptr().cast());

    let mut totals = [[[_mm256_setzero_si256(); HALVES]; P]; R];
    for group in 0..groups {
        // SAFETY: a row holds `lines_per_row` lines, each 16 groups of 4 bytes; asserted above for all R rows.
        let inputs: [__m256i; R] = std::array::from_fn(|r| _mm256_set1_epi32(unsafe { *a[r].add(group) }));
        for (p, panel) in tile.panels.iter().enumerate().take(P) {
            for half in 0..HALVES {
                // SAFETY: half of a line of 64 bytes, aligned to 32.
                let weights = unsafe { _mm256_load_si256(panel[group].0.as_ptr().cast::<__m256i>().add(half)) };
                for (totals, &inputs) in totals.iter_mut().zip(&inputs) {
                    totals[p][half] = _mm256_dpbusd_avx_epi32(totals[p][half], inputs, weights);
                }
            }
        }
    }
    for (sums, totals) in sums.iter_mut().zip(totals) {
        for (sums, totals) in sums.iter_mut().zip(totals) {
            for (half, total) in totals.into_iter().enumerate() {
                // SAFETY: 8 of the 16 sums of 32 bits.
                unsafe { _mm256_storeu_si256(sums.as_mut_ptr().add(8 * half).cast(), total) };
            }
        }
    }
}
