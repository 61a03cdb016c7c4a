//! Plain Rust for any CPU. Tiles have constant sizes, so that the compiler keeps them in registers and vectorises.

use super::MatMul;
use super::copies::plain_operations;
use super::tile::{Tile, by_tiles, with_rows};

/// Columns of a panel.
pub const PANEL_WIDTH: usize = 8;
/// Rows of a full tile.
const TILE_ROWS: usize = 4;

plain_operations! { fma: false }

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
