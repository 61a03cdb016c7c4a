//! From integer sums to values.

use super::super::{After, elementwise};
use super::pack::Columns;
use super::{GROUP, Int8MatMul, Line, PANEL_WIDTH, Scale};
use crate::model::Activation;

/// Finishes the sums of a tile that starts at a row and a panel: `sums` holds them by row and panel, and of these the
/// first `rows` and `panels` are meant.
#[inline(always)]
pub fn finish_tile<const FMA: bool, const PANELS: usize>(
    task: &mut Int8MatMul<'_>,
    (first_row, first_panel): (usize, usize),
    (rows, panels): (usize, usize),
    sums: &[[[i32; PANEL_WIDTH]; PANELS]],
) {
    let Int8MatMul { a, b, c, after } = task;
    let outputs = b.outputs();
    for (row, sums) in (first_row..first_row + rows).zip(sums) {
        let out = &mut c[row * outputs..(row + 1) * outputs];
        for (panel, sums) in (first_panel..first_panel + panels).zip(sums) {
            let out = &mut out[panel * PANEL_WIDTH..outputs.min((panel + 1) * PANEL_WIDTH)];
            let (panel, columns) = (b.panel(panel), b.columns(panel));
            Finish { sums, row: a.scale(row), panel, columns, after: *after }.write::<FMA>(out);
        }
    }
}

/// One row of one panel on its way from sums to values.
///
/// value = scale of the column · (step of the row · (sum − zero point · total of the column) + outliers · weights) + bias
struct Finish<'a> {
    sums: &'a [i32; PANEL_WIDTH],
    row: &'a Scale,
    panel: &'a [Line],
    columns: &'a Columns,
    after: After,
}

impl Finish<'_> {
    /// Writes to `out`, which is shorter than the panel where the last one is not full.
    #[inline(always)]
    fn write<const FMA: bool>(&self, out: &mut [f32]) {
        if let Some(out) = out.first_chunk_mut() {
            self.write_full::<FMA>(out);
        } else {
            let mut full = [0.0; PANEL_WIDTH];
            full[..out.len()].copy_from_slice(out);
            self.write_full::<FMA>(&mut full);
            out.copy_from_slice(&full[..out.len()]);
        }
    }

    #[inline(always)]
    fn write_full<const FMA: bool>(&self, out: &mut [f32; PANEL_WIDTH]) {
        let Self { sums, row, panel, columns, after } = *self;
        let mut values: [f32; PANEL_WIDTH] = std::array::from_fn(|i| {
            let sum = sums[i].wrapping_sub(row.zero_point.wrapping_mul(columns.totals[i]));
            row.step * sum as f32
        });
        for outlier in row.outliers() {
            let input = outlier.input as usize;
            let weights = panel[input / GROUP].0.as_chunks::<GROUP>().0;
            // The byte of that input in each column's group, moved to the top and back with its sign.
            let shift = 8 * (GROUP - 1 - input % GROUP) as u32;
            for (value, group) in values.iter_mut().zip(weights) {
                let weight = (i32::from_le_bytes(*group) << shift) >> (8 * (GROUP - 1));
                *value = elementwise::multiply_add::<FMA>(outlier.value, weight as f32, *value);
            }
        }
        for ((value, &scale), &bias) in values.iter_mut().zip(&columns.scales).zip(&columns.bias) {
            *value = elementwise::multiply_add::<FMA>(*value, scale, bias);
        }
        match after {
            After::Store => *out = values,
            After::Add => {
                for (out, value) in out.iter_mut().zip(values) {
                    *out += value;
                }
            }
            After::Activate(activation) => {
                match activation {
                    Activation::Gelu => elementwise::gelu_for_int8::<FMA>(&mut values),
                    Activation::GeluTanh => elementwise::gelu_tanh::<FMA>(&mut values),
                    Activation::Relu => elementwise::relu(&mut values),
                }
                *out = values;
            }
        }
    }
}
