//! From sums to values: what follows is applied to 16 sums at a time while they are in the first cache.

use super::super::{After, elementwise};
use super::{Format, NarrowMatMul, PANEL_WIDTH};
use crate::model::Activation;

/// Finishes the sums of a tile that starts at a row and a panel: `sums` holds them by row and panel, and of these the
/// first `rows` and `panels` are meant.
#[inline(always)]
pub fn finish_tile<F: Format, const FMA: bool, const PANELS: usize>(
    task: &mut NarrowMatMul<'_, F>,
    (first_row, first_panel): (usize, usize),
    (rows, panels): (usize, usize),
    sums: &[[[F::Sum; PANEL_WIDTH]; PANELS]],
) {
    let NarrowMatMul { a, b, c, after } = task;
    let outputs = b.outputs();
    for (row, sums) in (first_row..first_row + rows).zip(sums) {
        let out = &mut c[row * outputs..(row + 1) * outputs];
        for (panel, sums) in (first_panel..first_panel + panels).zip(sums) {
            let out = &mut out[panel * PANEL_WIDTH..outputs.min((panel + 1) * PANEL_WIDTH)];
            let values = F::values::<FMA>(sums, a.about(row), b.panel(panel), b.columns(panel));
            write::<F, FMA>(values, *after, out);
        }
    }
}

/// Writes to `out`, which is shorter than the panel where the last one is not full.
#[inline(always)]
fn write<F: Format, const FMA: bool>(values: [f32; PANEL_WIDTH], after: After, out: &mut [f32]) {
    if let Some(out) = out.first_chunk_mut() {
        write_full::<F, FMA>(values, after, out);
    } else {
        let mut full = [0.0; PANEL_WIDTH];
        full[..out.len()].copy_from_slice(out);
        write_full::<F, FMA>(values, after, &mut full);
        out.copy_from_slice(&full[..out.len()]);
    }
}

#[inline(always)]
fn write_full<F: Format, const FMA: bool>(mut values: [f32; PANEL_WIDTH], after: After, out: &mut [f32; PANEL_WIDTH]) {
    match after {
        After::Store => *out = values,
        After::Add => {
            for (out, value) in out.iter_mut().zip(values) {
                *out += value;
            }
        }
        After::Activate(activation) => {
            match activation {
                Activation::Gelu => F::gelu::<FMA>(&mut values),
                Activation::GeluTanh => elementwise::gelu_tanh::<FMA>(&mut values),
                Activation::Relu => elementwise::relu(&mut values),
            }
            *out = values;
        }
    }
}
