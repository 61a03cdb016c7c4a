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
    /// Symmetric: value = integer × the scale of its row. Integers are two's complement bytes; those of a model that was
    /// compiled in stay where they are.
    Int8 {
        integers: Cow<'static, [u8]>,
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
                    *out = f32::from(integer.cast_signed()) * scale;
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

    /// Writes row `row` to `out` as integers and returns the value of one unit: as they are stored, or rounded to 127 steps
    /// on either side of 0.
    ///
    /// # Panics
    /// If `row >= rows()` or `out.len() != columns()`.
    pub fn int8_row_into(&self, row: usize, out: &mut [i8]) -> f32 {
        assert_eq!(out.len(), self.columns);
        let range = row * self.columns..(row + 1) * self.columns;
        match &self.values {
            Values::F32(floats) => {
                let floats = &floats[range];
                let scale = floats.iter().fold(0.0f32, |max, value| max.max(value.abs())) / 127.0;
                let inverse = if scale > 0.0 { 1.0 / scale } else { 0.0 };
                for (out, value) in out.iter_mut().zip(floats) {
                    *out = (value * inverse).round() as i8;
                }
                scale
            }
            Values::Int8 { integers, scales } => {
                for (out, byte) in out.iter_mut().zip(&integers[range]) {
                    *out = byte.cast_signed();
                }
                scales[row]
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

    /// Whether the values are stored as integers with a scale a row.
    pub fn is_int8(&self) -> bool {
        matches!(self.values, Values::Int8 { .. })
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
        let integers: Vec<u8> = [1i8, -2, 127, 0, 4, -127].into_iter().map(i8::cast_unsigned).collect();
        let matrix = Matrix::new(2, 3, Values::Int8 { integers: integers.into(), scales: vec![0.5, 2.0] });
        assert_eq!(matrix.to_f32(), [0.5, -1.0, 63.5, 0.0, 8.0, -254.0]);
        let mut row = [0; 3];
        assert_eq!((matrix.int8_row_into(1, &mut row), row), (2.0, [0, 4, -127]));
    }

    #[test]
    fn floats_are_rounded_to_127_steps() {
        let matrix = Matrix::from_f32(2, 3, vec![-2.54, 0.01, 1.0, 0.0, 0.0, 0.0]);
        let mut row = [9; 3];
        assert_eq!((matrix.int8_row_into(0, &mut row), row), (0.02, [-127, 1, 50]));
        assert_eq!((matrix.int8_row_into(1, &mut row), row), (0.0, [0, 0, 0]));
    }
}
