//! Weights in the layout that every integer kernel reads.

use super::{GROUP, LINE_BYTES, Line, PANEL_WIDTH};
use crate::model::Linear;

/// A linear map in integers: panels of 16 output columns, each the lines of a tile of AMX and the vectors of VNNI.
///
/// Line `g` of a panel holds, for each of its 16 columns in turn, the weights of the inputs `4g..4g + 4`. Inputs are
/// filled up with zeros to whole lines of 64, columns to whole panels.
#[derive(Debug)]
pub struct Int8Linear {
    inputs: usize,
    outputs: usize,
    /// `[panel, group of inputs]`, signed bytes.
    lines: Vec<Line>,
    columns: Vec<Columns>,
}

/// What the sums of a panel's columns are multiplied by and added to.
#[derive(Debug, Clone)]
pub struct Columns {
    /// Value of one unit of each column's weights.
    pub scales: [f32; PANEL_WIDTH],
    /// Sum of each column's integers: what a zero point of 1 adds to the sums.
    pub totals: [i32; PANEL_WIDTH],
    pub bias: [f32; PANEL_WIDTH],
}

impl Int8Linear {
    /// Packs several maps of the same input side by side, so that one call computes all their outputs.
    pub fn side_by_side<const N: usize>(maps: [Linear; N]) -> Self {
        let inputs = maps[0].weight.columns();
        let outputs: usize = maps.iter().map(|map| map.weight.rows()).sum();
        let panels = outputs.div_ceil(PANEL_WIDTH);
        let groups = inputs.div_ceil(LINE_BYTES) * LINE_BYTES / GROUP;
        let mut lines = vec![Line::ZERO; panels * groups];
        let empty = Columns { scales: [0.0; PANEL_WIDTH], totals: [0; PANEL_WIDTH], bias: [0.0; PANEL_WIDTH] };
        let mut columns = vec![empty; panels];
        let mut integers = vec![0; inputs];
        let mut output = 0;
        for map in &maps {
            for row in 0..map.weight.rows() {
                let scale = map.weight.int8_row_into(row, &mut integers);
                let (panel, column) = (output / PANEL_WIDTH, output % PANEL_WIDTH);
                let lines = &mut lines[panel * groups..][..groups];
                for (line, group) in lines.iter_mut().zip(integers.chunks(GROUP)) {
                    for (slot, &weight) in line.0[column * GROUP..].iter_mut().zip(group) {
                        *slot = weight.cast_unsigned();
                    }
                }
                let columns = &mut columns[panel];
                columns.scales[column] = scale;
                columns.totals[column] = integers.iter().copied().map(i32::from).sum();
                columns.bias[column] = map.bias[row];
                output += 1;
            }
        }
        Self { inputs, outputs, lines, columns }
    }

    /// Inputs of the map.
    pub fn inputs(&self) -> usize {
        self.inputs
    }

    /// Outputs of the map.
    pub fn outputs(&self) -> usize {
        self.outputs
    }

    /// Lines that hold one row of inputs.
    pub fn lines_per_column(&self) -> usize {
        self.inputs.div_ceil(LINE_BYTES)
    }

    /// Number of panels.
    pub fn panels(&self) -> usize {
        self.columns.len()
    }

    /// The lines of panel `panel`.
    pub fn panel(&self, panel: usize) -> &[Line] {
        let groups = self.lines_per_column() * PANEL_WIDTH;
        &self.lines[panel * groups..][..groups]
    }

    /// What follows the sums of panel `panel`.
    pub fn columns(&self, panel: usize) -> &Columns {
        &self.columns[panel]
    }
}
