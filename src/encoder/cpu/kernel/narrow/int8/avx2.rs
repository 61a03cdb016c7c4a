//! AVX2 without VNNI: bytes are widened to 16 bits and multiplied in pairs, which cannot saturate as the byte-wise
//! instruction would. Tiles of 6 rows by 1 panel in two passes, in each of which 12 of the 16 registers hold sums.

use std::arch::x86_64::{
    __m256i, _mm_load_si128, _mm256_add_epi32, _mm256_cvtepi8_epi16, _mm256_cvtepu8_epi16, _mm256_hadd_epi32,
    _mm256_madd_epi16, _mm256_permute4x64_epi64, _mm256_set1_epi64x, _mm256_setzero_si256, _mm256_store_si256,
    _mm256_storeu_si256,
};

use super::super::tile::{Sums, Tile, by_sums};
use super::{Int8, Line, NarrowMatMul, PANEL_WIDTH};

/// Rows of a full tile.
const ROWS: usize = 6;
/// A line of weights in 16 bits is four vectors, each 4 columns of 4 inputs: two passes of two.
const PASSES: usize = 2;
const VECTORS: usize = 2;
/// Groups of inputs that are widened at a time.
const GROUPS: usize = 8 * PANEL_WIDTH;

/// Groups of 4 inputs of a row, in 16 bits each.
#[derive(Clone, Copy)]
#[repr(C, align(32))]
struct Wide([i64; GROUPS]);

/// See [`NarrowMatMul`].
#[target_feature(enable = "avx2,fma")]
pub fn matmul(task: NarrowMatMul<'_, Int8>) {
    let mut wide = [Wide([0; GROUPS]); ROWS];
    by_sums::<_, true, ROWS, 1>(task, |tile, sums| match tile.size.0 {
        1 => sum::<1>(tile, &mut wide, sums),
        2 => sum::<2>(tile, &mut wide, sums),
        3 => sum::<3>(tile, &mut wide, sums),
        4 => sum::<4>(tile, &mut wide, sums),
        5 => sum::<5>(tile, &mut wide, sums),
        _ => sum::<ROWS>(tile, &mut wide, sums),
    });
}

#[target_feature(enable = "avx2")]
fn sum<const R: usize>(tile: &Tile<'_, 1>, wide: &mut [Wide; ROWS], sums: &mut Sums<i32, ROWS, 1>) {
    // Lane pairs 2c and 2c + 1 of vector v in pass p hold two parts of column 4 (2p + v) + c.
    let mut totals = [[[_mm256_setzero_si256(); VECTORS]; R]; PASSES];
    for (part, lines) in tile.panels[0].chunks(GROUPS).enumerate() {
        let first = part * (GROUPS / PANEL_WIDTH);
        for (r, wide) in wide.iter_mut().enumerate().take(R) {
            widen(&tile.a[r * tile.lines_per_row + first..][..lines.len() / PANEL_WIDTH], wide);
        }
        add_products::<R, 0>(wide, lines, &mut totals[0]);
        add_products::<R, 1>(wide, lines, &mut totals[1]);
    }
    for (pass, totals) in totals.iter().enumerate() {
        for (sums, totals) in sums.iter_mut().zip(totals) {
            // Columns 0 1 4 5 2 3 6 7, then in order.
            let pairs = _mm256_hadd_epi32(totals[0], totals[1]);
            let ordered = _mm256_permute4x64_epi64::<0b11_01_10_00>(pairs);
            // SAFETY: 8 of the 16 sums of 32 bits.
            unsafe { _mm256_storeu_si256(sums[0].as_mut_ptr().add(8 * pass).cast(), ordered) };
        }
    }
}

/// Widens a row's lines, of which there are at most as many as `wide` has room for.
#[inline]
#[target_feature(enable = "avx2")]
fn widen(lines: &[Line], wide: &mut Wide) {
    assert!(lines.len() * PANEL_WIDTH <= GROUPS);
    for (index, line) in lines.iter().enumerate() {
        for quarter in 0..4 {
            // SAFETY: 16 of the line's 64 bytes, widened to 32 of the 128 that `wide` has for each line, by the assertion
            // above for this one, too; a line is aligned to 64, `Wide` to 32.
            unsafe {
                let bytes = _mm_load_si128(line.0.as_ptr().add(16 * quarter).cast());
                let to = wide.0.as_mut_ptr().add(PANEL_WIDTH * index + 4 * quarter);
                _mm256_store_si256(to.cast(), _mm256_cvtepu8_epi16(bytes));
            }
        }
    }
}

/// Adds to `totals` the products of the first `R` rows with half of each line of weights.
#[inline]
#[target_feature(enable = "avx2")]
fn add_products<const R: usize, const PASS: usize>(
    wide: &[Wide; ROWS],
    lines: &[Line],
    totals: &mut [[__m256i; VECTORS]; R],
) {
    assert!(lines.len() <= GROUPS);
    // A copy, or the sums would not stay in registers.
    let mut sums = *totals;
    for (group, line) in lines.iter().enumerate() {
        // SAFETY: each 16 of the line's 64 bytes, aligned to 16.
        let weights = unsafe {
            let half = line.0.as_ptr().add(32 * PASS).cast();
            [_mm256_cvtepi8_epi16(_mm_load_si128(half)), _mm256_cvtepi8_epi16(_mm_load_si128(half.add(1)))]
        };
        for r in 0..R {
            // SAFETY: `group` is below the number of lines, which is that of groups at most.
            let inputs = _mm256_set1_epi64x(unsafe { *wide[r].0.get_unchecked(group) });
            for v in 0..VECTORS {
                sums[r][v] = _mm256_add_epi32(sums[r][v], _mm256_madd_epi16(inputs, weights[v]));
            }
        }
    }
    *totals = sums;
}
