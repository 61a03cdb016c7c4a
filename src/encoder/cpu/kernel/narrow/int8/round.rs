//! Activations as 8-bit integers, each row with a scale and a zero point of its own.
//!
//! Value = step · (byte − zero point). A few values of a BERT's activations are many times larger than the rest of their
//! row, and would take the resolution of all of it. They are left out of the bytes and kept as they are (Dettmers et al.,
//! *LLM.int8()*, 2022, who do so by column).

use super::{LINE_BYTES, Line};
use crate::encoder::cpu::kernel::elementwise::{self, ROUND};

/// How the bytes of a row are read.
#[derive(Debug, Clone, Copy, Default)]
pub struct Scale {
    /// Value of one step.
    pub step: f32,
    /// The byte that stands for 0.
    pub zero_point: i32,
    /// Number of `outliers`.
    outlier_count: u32,
    outliers: [Outlier; MAX_OUTLIERS],
}

/// A value that is not among the bytes.
#[derive(Debug, Clone, Copy, Default)]
pub struct Outlier {
    /// Index of the input.
    pub input: u32,
    pub value: f32,
}

impl Scale {
    /// Values that are not among the bytes, which hold zeros in their place.
    #[inline(always)]
    pub fn outliers(&self) -> &[Outlier] {
        &self.outliers[..self.outlier_count as usize]
    }
}

/// Values of a row that may be left out of its bytes.
const MAX_OUTLIERS: usize = 4;
/// Values are left out while a row spans more than this many times the root of its mean square. Found on development
/// texts: the pooled vectors are then off by 1.4 %, without it by 3.4 %, and 0.3 to 2 values a row are left out.
const MAX_SPAN: f32 = 10.0;

/// Rounds a row to 254 steps between its least and greatest value, zero included.
#[inline(always)]
pub fn round(row: &mut [f32], lines: &mut [Line], scale: &mut Scale) {
    /// One step less than a byte has: rounding the zero point may shift both ends by half a step.
    const STEPS: f32 = 254.0;
    let (least, greatest) = set_outliers_aside(row, scale);
    scale.step = (greatest - least) / STEPS;
    let inverse = if scale.step > 0.0 { 1.0 / scale.step } else { 0.0 };
    let shifted = ROUND - least * inverse;
    scale.zero_point = (shifted - ROUND) as i32;
    let round = |line: &mut Line, values: &[f32]| {
        for (byte, &value) in line.0.iter_mut().zip(values) {
            *byte = (value * inverse + shifted).to_bits() as u8;
        }
    };
    let (full, rest) = row.as_chunks::<LINE_BYTES>();
    for (line, values) in lines.iter_mut().zip(full) {
        round(line, values);
    }
    if let Some(last) = lines.get_mut(full.len()) {
        round(last, rest);
    }
    for outlier in scale.outliers() {
        row[outlier.input as usize] = outlier.value;
    }
}

/// Notes a row's outliers, puts zeros in their place, and returns the range of the rest.
#[inline(always)]
fn set_outliers_aside(row: &mut [f32], scale: &mut Scale) -> (f32, f32) {
    let (mut least, mut greatest) = elementwise::range(row);
    let mut squares = elementwise::sum(row, |value| value * value);
    let mut count = 0;
    while greatest - least > MAX_SPAN * (squares / row.len() as f32).sqrt() && count < MAX_OUTLIERS {
        let value = if greatest > -least { greatest } else { least };
        let Some(input) = elementwise::position(row, value) else { break };
        scale.outliers[count] = Outlier { input: input as u32, value };
        row[input] = 0.0;
        count += 1;
        squares = (squares - value * value).max(0.0);
        (least, greatest) = elementwise::range(row);
    }
    scale.outlier_count = count as u32;
    (least, greatest)
}
