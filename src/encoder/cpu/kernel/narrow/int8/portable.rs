//! Plain Rust for any CPU. Tiles have constant sizes, so that the compiler keeps them in registers and vectorises.

use super::super::tile::{Sums, Tile, by_sums};
use super::{GROUP, Int8, LINE_BYTES, NarrowMatMul, PANEL_WIDTH};

/// Rows of a full tile.
const ROWS: usize = 2;

/// See [`NarrowMatMul`].
pub fn matmul(task: NarrowMatMul<'_, Int8>) {
    by_sums::<_, false, ROWS, 1>(task, |tile, sums| match tile.size.0 {
        1 => sum::<1>(tile, sums),
        _ => sum::<ROWS>(tile, sums),
    });
}

fn sum<const R: usize>(tile: &Tile<'_, 1>, sums: &mut Sums<i32, ROWS, 1>) {
    let mut totals = [[0i32; PANEL_WIDTH]; R];
    for (block, lines) in tile.panels[0].as_chunks::<PANEL_WIDTH>().0.iter().enumerate() {
        for (group, line) in lines.iter().enumerate() {
            for (r, totals) in totals.iter_mut().enumerate() {
                let inputs: &[u8; LINE_BYTES] = &tile.a[r * tile.lines_per_row + block].0;
                let inputs: [i16; GROUP] = std::array::from_fn(|i| i16::from(inputs[group * GROUP + i]));
                for (total, weights) in totals.iter_mut().zip(line.0.as_chunks::<GROUP>().0) {
                    let product = |i: usize| i32::from(inputs[i]) * i32::from(weights[i].cast_signed());
                    *total += (product(0) + product(1)) + (product(2) + product(3));
                }
            }
        }
    }
    for (sums, totals) in sums.iter_mut().zip(totals) {
        sums[0] = totals;
    }
}
