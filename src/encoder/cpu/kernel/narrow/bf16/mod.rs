//! bf16 (brain floating point): the upper half of an f32, so 8 bits of precision and the range of f32. Products are summed
//! in f32.
//!
//! A row's sums run through the inputs in an order of the kernel's own, whatever tile the row is in.

#[cfg(target_arch = "x86_64")]
mod avx512;
#[cfg(target_arch = "x86_64")]
mod avx512_bf16;
#[cfg(target_arch = "x86_64")]
mod avx512_bias;
#[cfg(target_arch = "x86_64")]
mod avx512_heads;
mod heads;
mod widened;

use half::bf16;

#[cfg(target_arch = "x86_64")]
use super::amx;
use super::{Format, LANE_BYTES, Line, NarrowMatMul, PANEL_WIDTH};
use crate::encoder::cpu::kernel::{Kernel, elementwise};
use crate::model::Linear;
pub use heads::{HeadLines, HeadRows};

/// The format.
#[derive(Debug, Default)]
pub struct Bf16;

/// Bytes of a number.
const BYTES: usize = 2;

impl Format for Bf16 {
    const GROUP: usize = LANE_BYTES / BYTES;

    type Weight = bf16;
    type Sum = f32;
    type Row = ();
    /// The bias of each column.
    type Columns = [f32; PANEL_WIDTH];

    fn column(map: &Linear, output: usize, weights: &mut [bf16], bias: &mut [f32; PANEL_WIDTH], column: usize) {
        for (weight, &value) in weights.iter_mut().zip(&*map.weight.row(output)) {
            *weight = bf16::from_f32(value);
        }
        bias[column] = map.bias[output];
    }

    fn lane(group: &[bf16]) -> [u8; LANE_BYTES] {
        let mut lane = [0; LANE_BYTES];
        for (bytes, weight) in lane.as_chunks_mut().0.iter_mut().zip(group) {
            *bytes = weight.to_le_bytes();
        }
        lane
    }

    #[inline(always)]
    fn round(values: &mut [f32], lines: &mut [Line], (): &mut ()) {
        const INPUTS: usize = Bf16::LINE_INPUTS;
        let (full, rest) = values.as_chunks::<INPUTS>();
        for (line, values) in lines.iter_mut().zip(full) {
            round(line, values);
        }
        if let Some(last) = lines.get_mut(full.len()) {
            // What an earlier use left there may be infinite.
            *last = Line::ZERO;
            round(last, rest);
        }
    }

    #[inline(always)]
    fn values<const FMA: bool>(
        sums: &[f32; PANEL_WIDTH],
        (): &(),
        _: &[Line],
        bias: &[f32; PANEL_WIDTH],
    ) -> [f32; PANEL_WIDTH] {
        std::array::from_fn(|i| sums[i] + bias[i])
    }

    #[inline(always)]
    fn gelu<const FMA: bool>(values: &mut [f32]) {
        elementwise::gelu::<FMA>(values);
    }

    fn matmul(kernel: Kernel, task: NarrowMatMul<'_, Self>) {
        match kernel {
            // SAFETY: a kernel other than `Portable` is only made by `detect` or after `is_available`, which find that
            // this CPU has the instructions, and for AMX that the system lets this process use the tiles.
            #[cfg(target_arch = "x86_64")]
            Kernel::Amx => unsafe { amx::matmul(task) },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            Kernel::Avx512Bf16 => unsafe { avx512_bf16::matmul(task) },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            Kernel::Avx512Vnni | Kernel::Avx512 => unsafe { avx512::matmul(task) },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            Kernel::AvxVnni | Kernel::Avx2 => unsafe { widened::avx2(task) },
            Kernel::Portable => widened::portable(task),
        }
    }
}

/// Rounds to nearest, ties to even; NaN stays NaN.
#[inline(always)]
fn round(line: &mut Line, values: &[f32]) {
    for (bytes, &value) in line.0.as_chunks_mut().0.iter_mut().zip(values) {
        *bytes = bf16::from_f32(value).to_le_bytes();
    }
}

#[cfg(test)]
mod tests;
