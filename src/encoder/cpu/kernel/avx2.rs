//! AVX2 with FMA: tiles of 6 rows by 2 vectors of 8 columns, 12 of the 16 registers holding sums.

use std::arch::x86_64::{__m256, _mm256_fmadd_ps, _mm256_loadu_ps, _mm256_set1_ps, _mm256_storeu_ps};

use super::MatMul;
use super::elementwise;
use super::narrow::{self, Format, Line};
use super::tile::{Tile, by_tiles, with_rows};
use crate::model::Activation;

/// Lanes of a vector.
const LANES: usize = 8;
/// Vectors of a panel.
const VECTORS: usize = 2;
/// Columns of a panel.
pub const PANEL_WIDTH: usize = VECTORS * LANES;
/// Rows of a full tile.
const TILE_ROWS: usize = 6;

#[target_feature(enable = "avx2,fma")]
pub fn layer_norm(x: &mut [f32], weight: &[f32], bias: &[f32], eps: f32) {
    elementwise::layer_norm::<true>(x, weight, bias, eps);
}

#[target_feature(enable = "avx2,fma")]
pub fn softmax(x: &mut [f32], stride: usize, columns: usize, scale: f32, factors: &mut [f32]) {
    elementwise::softmax::<true>(x, stride, columns, scale, factors);
}

#[target_feature(enable = "avx2,fma")]
pub fn gelu(x: &mut [f32]) {
    elementwise::gelu::<true>(x);
}

#[target_feature(enable = "avx2,fma")]
pub fn gelu_tanh(x: &mut [f32]) {
    elementwise::gelu_tanh::<true>(x);
}

#[target_feature(enable = "avx2,fma")]
pub fn round_rows<'a, F: Format + 'a>(
    activation: Option<Activation>,
    values: &mut [f32],
    inputs: usize,
    rows: impl Iterator<Item = (&'a mut [Line], &'a mut F::Row)>,
) {
    narrow::round_rows::<F, true>(activation, values, inputs, rows);
}

/// See [`MatMul`].
#[target_feature(enable = "avx2,fma")]
pub fn matmul(task: MatMul<'_>) {
    by_tiles::<PANEL_WIDTH, TILE_ROWS>(task, |rows, tile, c| with_rows!(rows, [1, 2, 3, 4, 5, 6], accumulate(tile, c)));
}

#[target_feature(enable = "avx2,fma")]
fn accumulate<const ROWS: usize>(tile: &Tile<'_>, c: &mut [f32]) {
    let depth = tile.panel.len() / PANEL_WIDTH;
    assert!(tile.a.len() >= (ROWS - 1) * tile.a_stride + depth);
    assert!(c.len() >= (ROWS - 1) * tile.c_stride + PANEL_WIDTH);
    let (a, panel, c) = (tile.a.as_ptr(), tile.panel.as_ptr(), c.as_mut_ptr());

    let mut sums = [[_mm256_set1_ps(0.0); VECTORS]; ROWS];
    for (r, sums) in sums.iter_mut().enumerate() {
        for (v, sum) in sums.iter_mut().enumerate() {
            // SAFETY: PANEL_WIDTH values of row r < ROWS; asserted above to lie in `c`.
            *sum = unsafe { _mm256_loadu_ps(c.add(r * tile.c_stride + v * LANES)) };
        }
    }
    for k in 0..depth {
        let mut weights: [__m256; VECTORS] = [_mm256_set1_ps(0.0); VECTORS];
        for (v, weights) in weights.iter_mut().enumerate() {
            // SAFETY: k < depth, and the panel holds depth * PANEL_WIDTH values.
            *weights = unsafe { _mm256_loadu_ps(panel.add(k * PANEL_WIDTH + v * LANES)) };
        }
        for (r, sums) in sums.iter_mut().enumerate() {
            // SAFETY: value k < depth of row r < ROWS; asserted above to lie in `a`.
            let value = _mm256_set1_ps(unsafe { *a.add(r * tile.a_stride + k) });
            for (sum, &weights) in sums.iter_mut().zip(&weights) {
                *sum = _mm256_fmadd_ps(value, weights, *sum);
            }
        }
    }
    for (r, sums) in sums.iter().enumerate() {
        for (v, &sum) in sums.iter().enumerate() {
            // SAFETY: as for the loads; `c` is borrowed mutably.
            unsafe { _mm256_storeu_ps(c.add(r * tile.c_stride + v * LANES), sum) };
        }
    }
}
