//! Plain Rust for any CPU. Tiles have constant sizes, so that the compiler keeps them in registers and vectorises.

use super::MatMul;
use super::elementwise;
use super::narrow::{self, Format, Line};
use super::tile::{Tile, by_tiles, with_rows};
use crate::model::Activation;

/// Columns of a panel.
pub const PANEL_WIDTH: usize = 8;
/// Rows of a full tile.
const TILE_ROWS: usize = 4;

pub fn layer_norm(x: &mut [f32], weight: &[f32], bias: &[f32], eps: f32) {
    elementwise::layer_norm::<false>(x, weight, bias, eps);
}

pub fn softmax(x: &mut [f32], stride: usize, columns: usize, scale: f32, factors: &mut [f32]) {
    elementwise::softmax::<false>(x, stride, columns, scale, factors);
}

pub fn gelu(x: &mut [f32]) {
    elementwise::gelu::<false>(x);
}

pub fn gelu_tanh(x: &mut [f32]) {
    elementwise::gelu_tanh::<false>(x);
}

pub fn round_rows<'a, F: Format + 'a>(
    activation: Option<Activation>,
    values: &mut [f32],
    inputs: usize,
    rows: impl Iterator<Item = (&'a mut [Line], &'a mut F::Row)>,
) {
    narrow::round_rows::<F, false>(activation, values, inputs, rows);
}

/// See [`MatMul`].
pub fn matmul(task: MatMul<'_>) {
    by_tiles::<PANEL_WIDTH, TILE_ROWS>(task, |rows, tile, c| with_rows!(rows, [1, 2, 3, 4], accumulate(tile, c)));
}

fn accumulate<const ROWS: usize>(tile: &Tile<'_>, c: &mut [f32]) {
    let (weights, _) = tile.panel.as_chunks::<PANEL_WIDTH>();
    let a: [&[f32]; ROWS] = std::array::from_fn(|r| &tile.a[r * tile.a_stride..][..weights.len()]);
    let mut sums = [[0.0; PANEL_WIDTH]; ROWS];
    for (r, sums) in sums.iter_mut().enumerate() {
        sums.copy_from_slice(&c[r * tile.c_stride..][..PANEL_WIDTH]);
    }
    for (k, weights) in weights.iter().enumerate() {
        for (sums, a) in sums.iter_mut().zip(a) {
            for (sum, weight) in sums.iter_mut().zip(weights) {
                *sum += a[k] * weight;
            }
        }
    }
    for (r, sums) in sums.iter().enumerate() {
        c[r * tile.c_stride..][..PANEL_WIDTH].copy_from_slice(sums);
    }
}
