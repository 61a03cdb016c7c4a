//! Products of numbers narrower than f32: `c = after(a · b + bias)`, rows of `a` rounded on the way in.
//!
//! Whatever the format, numbers lie in lines of 64 bytes: a row of inputs fills lines one after another, and a line of
//! weights holds one group of inputs for each of 16 output columns. So a line is at once a row of an AMX tile and a vector
//! of AVX-512, and formats differ only in what a 32-bit lane holds ([`Format`]). A row of `c` depends on its row of `a`
//! alone.

#[cfg(target_arch = "x86_64")]
pub mod amx;
#[cfg(target_arch = "x86_64")]
mod avx512;
pub mod bf16;
mod finish;
pub mod int8;
mod linear;
mod rows;
mod tile;

use std::fmt;

use super::{After, Kernel};
use crate::model::Linear;
pub use linear::NarrowLinear;
pub use rows::{NarrowRows, round_rows};

/// Bytes of a vector of AVX-512 and of a row of an AMX tile.
const LINE_BYTES: usize = 64;
/// Bytes of a group of inputs, and of a sum of products.
const LANE_BYTES: usize = 4;
/// Output columns of a panel: lanes of a line.
pub const PANEL_WIDTH: usize = LINE_BYTES / LANE_BYTES;

/// Narrow numbers, aligned so that a vector of 64 bytes never straddles two cache lines.
#[derive(Debug, Clone, Copy)]
#[repr(C, align(64))]
pub struct Line(pub [u8; LINE_BYTES]);

impl Line {
    pub const ZERO: Self = Self([0; LINE_BYTES]);
}

/// A narrow number, and what becomes of its products. Everything but [`matmul`](Self::matmul) and packing is inlined into
/// the kernels.
pub trait Format: Default + fmt::Debug {
    /// Inputs that one 32-bit lane multiplies and adds at once.
    const GROUP: usize;
    /// Inputs that a line holds.
    const LINE_INPUTS: usize = Self::GROUP * PANEL_WIDTH;

    /// One weight.
    type Weight: Copy + Default;
    /// A sum of products, of 32 bits.
    type Sum: Copy + Default;
    /// What has to be known of a row of inputs besides its numbers.
    type Row: Copy + Default + fmt::Debug;
    /// What the sums of a panel's columns are multiplied by and added to.
    type Columns: Clone + Default + fmt::Debug;

    /// Rounds the weights of output `output` of `map` into `weights`, and notes the rest in column `column` of `columns`.
    fn column(map: &Linear, output: usize, weights: &mut [Self::Weight], columns: &mut Self::Columns, column: usize);

    /// At most [`GROUP`](Self::GROUP) weights in the order of their inputs, filled up with zeros.
    fn lane(group: &[Self::Weight]) -> [u8; LANE_BYTES];

    /// Rounds the values of a row, and leaves them as they were. What is left of the last line must do no harm to sums
    /// with weights of 0.
    fn round(values: &mut [f32], lines: &mut [Line], row: &mut Self::Row);

    /// The values of one row and one panel from their sums. `FMA` as in [`elementwise`](super::elementwise).
    fn values<const FMA: bool>(
        sums: &[Self::Sum; PANEL_WIDTH],
        row: &Self::Row,
        panel: &[Line],
        columns: &Self::Columns,
    ) -> [f32; PANEL_WIDTH];

    /// GELU, as exact as the format needs it.
    fn gelu<const FMA: bool>(values: &mut [f32]);

    /// Computes `task`, which [`Kernel::narrow_matmul`] has checked, by the instructions that `kernel` stands for.
    fn matmul(kernel: Kernel, task: NarrowMatMul<'_, Self>);
}

/// One product.
pub struct NarrowMatMul<'a, F: Format> {
    pub a: &'a NarrowRows<F>,
    pub b: &'a NarrowLinear<F>,
    /// Row `r` starts at `r * c_stride` and gets `b.outputs()` values.
    pub c: &'a mut [f32],
    pub c_stride: usize,
    pub after: After,
}

impl<F: Format> NarrowMatMul<'_, F> {
    /// The part of row `row` of `c` that `panels` panels from `first_panel` on compute.
    #[inline(always)]
    fn part(&mut self, row: usize, first_panel: usize, panels: usize) -> &mut [f32] {
        let columns = first_panel * PANEL_WIDTH..self.b.outputs().min((first_panel + panels) * PANEL_WIDTH);
        &mut self.c[row * self.c_stride..][columns]
    }
}

impl Kernel {
    /// See [`NarrowMatMul`].
    pub(in super::super) fn narrow_matmul<F: Format>(self, task: NarrowMatMul<'_, F>) {
        assert_eq!(task.a.lines_per_row(), task.b.lines_per_column(), "inputs");
        let (rows, outputs) = (task.a.rows(), task.b.outputs());
        assert!(task.c_stride >= outputs, "rows of c overlap");
        assert!(rows == 0 || task.c.len() >= (rows - 1) * task.c_stride + outputs, "rows of c");
        F::matmul(self, task);
    }
}

#[cfg(test)]
mod tests;
