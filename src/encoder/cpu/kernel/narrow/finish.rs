//! From sums to values: what follows is applied to 16 sums at a time while they are in the first cache.

use super::super::After;
use super::{Format, NarrowMatMul, PANEL_WIDTH};

/// Finishes the sums of a tile that starts at a row and a panel: `sums` holds them by row and panel, and of these the
/// first `rows` and `panels` are meant.
#[inline(always)]
pub fn finish_tile<F: Format, const FMA: bool, const PANELS: usize>(
    task: &mut NarrowMatMul<'_, F>,
    (first_row, first_panel): (usize, usize),
    (rows, panels): (usize, usize),
    sums: &[[[F::Sum; PANEL_WIDTH]; PANELS]],
) {
    let NarrowMatMul { a, b, after, .. } = *task;
    for (row, sums) in (first_row..first_row + rows).zip(sums) {
        let out = task.part(row, first_panel, panels).chunks_mut(PANEL_WIDTH);
        for ((panel, sums), out) in (first_panel..first_panel + panels).zip(sums).zip(out) {
            write(F::values::<FMA>(sums, a.about(row), b.panel(panel), b.columns(panel)), after, out);
        }
    }
}

/// Writes to `out`, which is shorter than the panel where the last one is not full.
#[inline(always)]
fn write(values: [f32; PANEL_WIDTH], after: After, out: &mut [f32]) {
    let write = |out: &mut [f32], values: &[f32]| match after {
        After::Store => out.copy_from_slice(values),
        After::Add => super::super::add(out, values),
    };
    // Of constant size where it can be.
    match out.first_chunk_mut::<PANEL_WIDTH>() {
        Some(out) => write(out, &values),
        None => write(out, &values[..out.len()]),
    }
}
