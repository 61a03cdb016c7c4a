//! Integers of 8 bits, summed in 32.
//!
//! Integer sums are exact, so every kernel gives the same sums, whatever its tiles; what follows them is computed value
//! by value.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512_vnni;
#[cfg(target_arch = "x86_64")]
mod avx_vnni;
mod portable;
mod round;

#[cfg(target_arch = "x86_64")]
use super::amx;
use super::{Format, LANE_BYTES, LINE_BYTES, Line, NarrowMatMul, PANEL_WIDTH};
use crate::encoder::cpu::kernel::{Kernel, elementwise};
use crate::model::Linear;
pub use round::Scale;

/// Inputs are summed in 32 bits, which hold 65,536 products of 255 and 127.
pub const MAX_INPUTS: usize = 1 << 16;

/// The format: inputs are unsigned, with a scale and a zero point a row, weights signed, with a scale a column.
#[derive(Debug, Default)]
pub struct Int8;

/// Inputs of a group.
const GROUP: usize = LANE_BYTES;

/// What the sums of a panel's columns are multiplied by and added to.
#[derive(Debug, Clone, Default)]
pub struct Columns {
    /// Value of one unit of each column's weights.
    scales: [f32; PANEL_WIDTH],
    /// Sum of each column's integers: what a zero point of 1 adds to the sums.
    totals: [i32; PANEL_WIDTH],
    bias: [f32; PANEL_WIDTH],
}

impl Format for Int8 {
    const GROUP: usize = GROUP;

    type Weight = i8;
    type Sum = i32;
    type Row = Scale;
    type Columns = Columns;

    fn column(map: &Linear, output: usize, weights: &mut [i8], columns: &mut Columns, column: usize) {
        columns.scales[column] = map.weight.int8_row_into(output, weights);
        columns.totals[column] = weights.iter().copied().map(i32::from).sum();
        columns.bias[column] = map.bias[output];
    }

    fn lane(group: &[i8]) -> [u8; LANE_BYTES] {
        let mut lane = [0; LANE_BYTES];
        for (byte, weight) in lane.iter_mut().zip(group) {
            *byte = weight.cast_unsigned();
        }
        lane
    }

    #[inline(always)]
    fn round(values: &mut [f32], lines: &mut [Line], scale: &mut Scale) {
        round::round(values, lines, scale);
    }

    /// value = scale of the column · (step of the row · (sum − zero point · total of the column) + outliers · weights) + bias
    #[inline(always)]
    fn values<const FMA: bool>(
        sums: &[i32; PANEL_WIDTH],
        row: &Scale,
        panel: &[Line],
        columns: &Columns,
    ) -> [f32; PANEL_WIDTH] {
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
        values
    }

    #[inline(always)]
    fn gelu<const FMA: bool>(values: &mut [f32]) {
        elementwise::gelu_for_int8::<FMA>(values);
    }

    fn matmul(kernel: Kernel, task: NarrowMatMul<'_, Self>) {
        match kernel {
            // SAFETY: a kernel other than `Portable` is only made by `detect` or after `is_available`, which find that
            // this CPU has the instructions, and for AMX that the system lets this process use the tiles.
            #[cfg(target_arch = "x86_64")]
            Kernel::Amx => unsafe { amx::matmul(task) },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            Kernel::Avx512Bf16 | Kernel::Avx512Vnni => unsafe { avx512_vnni::matmul(task) },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            Kernel::AvxVnni => unsafe { avx_vnni::matmul(task) },
            // SAFETY: as above; CPUs with AVX-512 have AVX2.
            #[cfg(target_arch = "x86_64")]
            Kernel::Avx512 | Kernel::Avx2 => unsafe { avx2::matmul(task) },
            Kernel::Portable => portable::matmul(task),
        }
    }
}

#[cfg(test)]
mod tests;
