//! Weights in the layout that the kernels read: panels of adjacent output columns.

use super::kernel::Kernel;
use crate::model::Linear;

/// A `[inputs, outputs]` matrix cut into panels of as many output columns as the kernel's panels are wide; a panel holds
/// its columns row by row, so that a kernel reads it from front to back. The last panel is filled up with zeros.
#[derive(Debug)]
pub struct Panels {
    pub inputs: usize,
    pub outputs: usize,
    /// `[panel, input, column within the panel]`.
    pub values: Vec<f32>,
}

/// A linear map ready for the kernels.
#[derive(Debug)]
pub struct PackedLinear {
    pub panels: Panels,
    pub bias: Vec<f32>,
}

impl PackedLinear {
    /// Packs several maps of the same input side by side, so that one call computes all their outputs.
    pub fn side_by_side<const N: usize>(maps: [Linear; N], kernel: Kernel) -> Self {
        let inputs = maps[0].weight.columns();
        let outputs = maps.iter().map(|map| map.weight.rows()).sum();
        let width = kernel.panel_width();
        let mut values = vec![0.0; usize::div_ceil(outputs, width) * inputs * width];
        let mut bias = Vec::with_capacity(outputs);
        let mut row = vec![0.0; inputs];
        let mut output = 0;
        for map in maps {
            for index in 0..map.weight.rows() {
                map.weight.row_into(index, &mut row);
                let (panel, column) = (output / width, output % width);
                let panel = &mut values[panel * inputs * width..(panel + 1) * inputs * width];
                for (slot, &weight) in panel.iter_mut().skip(column).step_by(width).zip(&row) {
                    *slot = weight;
                }
                output += 1;
            }
            bias.extend(map.bias);
        }
        Self { panels: Panels { inputs, outputs, values }, bias }
    }
}
