//! Rows of activations, rounded.

use super::super::{Kernel, elementwise};
use super::{Format, Line};
use crate::model::Activation;

/// Rows of inputs in narrow numbers. What a row is rounded to depends on that row alone.
#[derive(Debug, Default)]
pub struct NarrowRows<F: Format> {
    rows: usize,
    lines_per_row: usize,
    /// Whole tiles of rows, so that a kernel may load (and ignore) rows beyond the last.
    lines: Vec<Line>,
    about: Vec<F::Row>,
}

/// Rows are loaded by tiles of this many at most.
const ROW_MULTIPLE: usize = 32;

impl<F: Format> NarrowRows<F> {
    /// Replaces the content by `values`, rows of `inputs`, after an activation that is applied to them in place.
    pub fn round(&mut self, kernel: Kernel, activation: Option<Activation>, values: &mut [f32], inputs: usize) {
        let rows = self.resize(values.len() / inputs, inputs);
        kernel.round_rows::<F>(activation, values, inputs, rows);
    }

    /// Makes these other rows. The lines of each, which it returns with what has to be known besides, hold anything.
    pub fn resize(&mut self, rows: usize, inputs: usize) -> impl Iterator<Item = (&mut [Line], &mut F::Row)> {
        self.rows = rows;
        self.lines_per_row = inputs.div_ceil(F::LINE_INPUTS);
        let lines = rows.next_multiple_of(ROW_MULTIPLE) * self.lines_per_row;
        if self.lines.len() < lines {
            self.lines.resize(lines, Line::ZERO);
        }
        if self.about.len() < rows {
            self.about.resize(rows, F::Row::default());
        }
        self.lines.chunks_exact_mut(self.lines_per_row).zip(&mut self.about).take(rows)
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Lines that hold one row; numbers beyond its values meet zero weights.
    pub fn lines_per_row(&self) -> usize {
        self.lines_per_row
    }

    /// The lines from row `row` on: at least those of the rows up to the next multiple of 32.
    pub fn lines_from(&self, row: usize) -> &[Line] {
        &self.lines[row * self.lines_per_row..]
    }

    /// What has to be known of row `row` besides its numbers.
    pub fn about(&self, row: usize) -> &F::Row {
        &self.about[row]
    }
}

/// Rounds rows of `inputs` values; a row is in the first cache when its activation is rounded.
#[inline(always)]
pub fn round_rows<'a, F: Format + 'a, const FMA: bool>(
    activation: Option<Activation>,
    values: &mut [f32],
    inputs: usize,
    rows: impl Iterator<Item = (&'a mut [Line], &'a mut F::Row)>,
) {
    for (values, (lines, row)) in values.chunks_exact_mut(inputs).zip(rows) {
        match activation {
            None => {}
            Some(Activation::Gelu) => F::gelu::<FMA>(values),
            Some(Activation::GeluTanh) => elementwise::gelu_tanh::<FMA>(values),
            Some(Activation::Relu) => elementwise::relu(values),
        }
        F::round(values, lines, row);
    }
}
