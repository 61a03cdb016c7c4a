//! Walks a matrix product tile by tile; an instruction set only has to supply the innermost one.

use super::{MatMul, PanelView, Start};

/// Inputs that are summed before a tile is stored: a panel's part of that depth stays in cache while rows pass by.
const DEPTH: usize = 384;

/// The factors of one tile, `c += a · panel`.
pub struct Tile<'a> {
    /// Row `r` starts at `r * a_stride` and holds `depth` values.
    pub a: &'a [f32],
    pub a_stride: usize,
    /// `[depth, WIDTH]`.
    pub panel: &'a [f32],
    /// Row `r` of `c` starts at `r * c_stride`, and `WIDTH` values of it are written.
    pub c_stride: usize,
}

/// Computes `task` by tiles of at most `ROWS` rows and exactly `WIDTH` columns; `accumulate` gets the number of rows,
/// the factors, and the part of `c` to add to.
///
/// A sum starts from its start value and runs through the inputs in order, whatever the number of rows.
#[inline(always)]
pub fn by_tiles<const WIDTH: usize, const ROWS: usize>(
    task: MatMul<'_>,
    mut accumulate: impl FnMut(usize, &Tile<'_>, &mut [f32]),
) {
    let MatMul { rows, a, a_stride, b: PanelView { inputs, outputs, values }, c, c_stride, start } = task;
    for row in 0..rows {
        let c = &mut c[row * c_stride..][..outputs];
        match start {
            Start::Zero => c.fill(0.0),
            Start::Bias(bias) => c.copy_from_slice(&bias[..outputs]),
            Start::Add(bias) => super::add(c, &bias[..outputs]),
        }
    }
    for from in (0..inputs).step_by(DEPTH) {
        let depth = DEPTH.min(inputs - from);
        for column in (0..outputs).step_by(WIDTH) {
            let panel = &values[column * inputs + from * WIDTH..][..depth * WIDTH];
            let columns = WIDTH.min(outputs - column);
            for row in (0..rows).step_by(ROWS) {
                let tile_rows = ROWS.min(rows - row);
                let a = &a[row * a_stride + from..];
                let c = &mut c[row * c_stride + column..];
                if columns == WIDTH {
                    accumulate(tile_rows, &Tile { a, a_stride, panel, c_stride }, c);
                } else {
                    // The last panel is wider than what is left of `c`: compute it aside.
                    let mut aside = [[0.0; WIDTH]; ROWS];
                    for (aside, c) in aside.iter_mut().zip(c.chunks(c_stride)).take(tile_rows) {
                        aside[..columns].copy_from_slice(&c[..columns]);
                    }
                    accumulate(tile_rows, &Tile { a, a_stride, panel, c_stride: WIDTH }, aside.as_flattened_mut());
                    for (aside, c) in aside.iter().zip(c.chunks_mut(c_stride)).take(tile_rows) {
                        c[..columns].copy_from_slice(&aside[..columns]);
                    }
                }
            }
        }
    }
}

/// Calls `$function::<ROWS>` for the number of rows at hand, so that every tile is of constant size.
macro_rules! with_rows {
    ($rows:expr, [$($n:literal),+], $function:ident($tile:expr, $c:expr)) => {
        match $rows {
            $($n => $function::<$n>($tile, $c),)+
            rows => unreachable!("a tile of {rows} rows"),
        }
    };
}
pub(super) use with_rows;
