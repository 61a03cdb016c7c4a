//! AVX2 without VNNI: bytes are widened to 16 bits and multiplied in pairs, which cannot saturate as the byte-wise
//! instruction would. Tiles of 3 rows by 1 panel, 12 of the 16 registers holding sums.

use std::arch::x86_64::{
    __m256i, _mm_load_si128, _mm256_add_epi32, _mm256_cvtepi8_epi16, _mm256_cvtepu8_epi16, _mm256_hadd_epi32,
    _mm256_madd_epi16, _mm256_permute4x64_epi64, _mm256_set1_epi64x, _mm256_setzero_si256, _mm256_store_si256,
    _mm256_storeu_si256,
};

use super::super::tile::{Sums, Tile, by_sums};
use super::{Int8, NarrowMatMul, PANEL_WIDTH};

/// Rows of a full tile.
const ROWS: usize = 3;
/// Vectors that hold a line of weights in 16 bits: 4 columns of 4 inputs each.
const QUARTERS: usize = 4;

/// See [`NarrowMatMul`].
#[target_feature(enable = "avx2,fma")]
pub fn matmul(task: NarrowMatMul<'_, Int8>) {
    by_sums::<_, true, ROWS, 1>(task, |tile, sums| match tile.size.0 {
        1 => sum::<1>(tile, sums),
        2 => sum::<2>(tile, sums),
        _ => sum::<ROWS>(tile, sums),
    });
}

/// One line of inputs in 16 bits: 16 groups of 4.
#[derive(Clone, Copy)]
#[repr(C, align(32))]
struct Wide([i64; PANEL_WIDTH]);

#[target_feature(enable = "avx2")]
fn sum<const R: usize>(tile: &Tile<'_, 1>, sums: &mut Sums<i32, ROWS, 1>) {
    // Lane pairs 2c and 2c + 1 of quarter q hold two parts of column 4q + c.
    let mut totals = [[_mm256_setzero_si256(); QUARTERS]; R];
    for (block, lines) in tile.panels[0].as_chunks::<PANEL_WIDTH>().0.iter().enumerate() {
        let mut inputs = [Wide([0; PANEL_WIDTH]); R];
        for (r, inputs) in inputs.iter_mut().enumerate() {
            let line = tile.a[r * tile.lines_per_row + block].0.as_ptr();
            for quarter in 0..QUARTERS {
                // SAFETY: 16 of the line's 64 bytes, widened to 32 of the 128 bytes of `inputs`; a line is aligned to
                // 64, `Wide` to 32.
                unsafe {
                    let bytes = _mm_load_si128(line.add(16 * quarter).cast());
                    let to = inputs.0.as_mut_ptr().cast::<__m256i>().add(quarter);
                    _mm256_store_si256(to, _mm256_cvtepu8_epi16(bytes));
                }
            }
        }
        for (group, line) in lines.iter().enumerate() {
            let inputs: [__m256i; R] = std::array::from_fn(|r| _mm256_set1_epi64x(inputs[r].0[group]));
            for quarter in 0..QUARTERS {
                // SAFETY: 16 of the line's 64 bytes, aligned to 16.
                let weights = unsafe { _mm_load_si128(line.0.as_ptr().add(16 * quarter).cast()) };
                let weights = _mm256_cvtepi8_epi16(weights);
                for (totals, &inputs) in totals.iter_mut().zip(&inputs) {
                    totals[quarter] = _mm256_add_epi32(totals[quarter], _mm256_madd_epi16(inputs, weights));
                }
            }
        }
    }
    for (sums, totals) in sums.iter_mut().zip(totals) {
        for half in 0..2 {
            // Columns 0 1 4 5 2 3 6 7, then in order.
            let pairs = _mm256_hadd_epi32(totals[2 * half], totals[2 * half + 1]);
            let ordered = _mm256_permute4x64_epi64::<0b11_01_10_00>(pairs);
            // SAFETY: 8 of the 16 sums of 32 bits.
            unsafe { _mm256_storeu_si256(sums[0].as_mut_ptr().add(8 * half).cast(), ordered) };
        }
    }
}
