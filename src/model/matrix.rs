//! A matrix of weights in the type in which it is stored.

use std::borrow::Cow;

/// Row-major weights, kept as they are stored: an embedding table in int8 takes a quarter of what it takes in f32.
///
/// All encoders see the same f32 values through [`row_into`](Self::row_into).
#[derive(Debug, Clone, PartialEq)]
pub struct Matrix {
    rows: usize,
    columns: usize,
    values: Values,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Values {
    F32(Vec<f32>),
    /// Symmetric: value = integer × the scale of its row.
    Int8 {
        integers: Vec<i8>,
        scales: Vec<f32>,
    },
}

impl Matrix {
    /// `values` must hold `rows * columns` numbers, and one scale a row if they are integers.
    pub(super) fn new(rows: usize, columns: usize, values: Values) -> Self {
        match &values {
            Values::F32(floats) => debug_assert_eq!(floats.len(), rows * columns),
            Values::Int8 { integers, scales } => {
                debug_assert_eq!((integers.len(), scales.len()), (rows * columns, rows));
            }
        }
        Self { rows, columns, values }
    }

    /// A matrix of f32 values in row-major order.
    ///
    /// # Panics
    /// If `values` does not hold `rows * columns` numbers.
    pub fn from_f32(rows: usize, columns: usize, values: Vec<f32>) -> Self {
        assert_eq!(values.len(), rows * columns, "values of a {rows} x {columns} matrix");
        Self { rows, columns, values: Values::F32(values) }
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Number of columns.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// Writes row `row` to `out` as f32.
    ///
    /// # Panics
    /// If `row >= rows()` or `out.len() != columns()`.
    pub fn row_into(&self, row: usize, out: &mut [f32]) {
        let range = row * self.columns..(row + 1) * self.columns;
        match &self.values {
            Values::F32(floats) => out.copy_from_slice(&floats[range]),
            Values::Int8 { integers, scales } => {
                assert_eq!(out.len(), self.columns);
                let scale = scales[row];
                for (out, &integer) in out.iter_mut().zip(&integers[range]) {
                    *out = f32::from(integer) * scale;
                }
            }
        }
    }

    /// Row `row` as f32: borrowed if it is stored so.
    ///
    /// # Panics
    /// If `row >= rows()`.
    pub fn row(&self, row: usize) -> Cow<'_, [f32]> {
        match &self.values {
            Values::F32(floats) => Cow::Borrowed(&floats[row * self.columns..(row + 1) * self.columns]),
            Values::Int8 { .. } => {
                let mut out = vec![0.0; self.columns];
                self.row_into(row, &mut out);
                Cow::Owned(out)
            }
        }
    }

    /// All values as f32, row-major.
    pub fn to_f32(&self) -> Vec<f32> {
        let mut all = vec![0.0; self.rows * self.columns];
        for (row, out) in all.chunks_exact_mut(self.columns).enumerate() {
            self.row_into(row, out);
        }
        all
    }

    /// Name of the stored type.
    pub fn type_name(&self) -> &'static str {
        match self.values {
            Values::F32(_) => "f32",
            Values::Int8 { .. } => "int8",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn int8_rows_are_scaled_by_their_own_scale() {
        let matrix = Matrix::new(2, 3, Values::Int8 { integers: vec![1, -2, 127, 0, 4, -127], scales: vec![0.5, 2.0] });
        assert_eq!(matrix.to_f32(), [0.5, -1.0, 63.5, 0.0, 8.0, -254.0]);
    }
}
