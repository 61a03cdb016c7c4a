//! Weights in the layout that every kernel of narrow numbers reads.

use super::{Format, LANE_BYTES, Line, PANEL_WIDTH};
use crate::model::Linear;

/// A linear map in narrow numbers: panels of 16 output columns, each the lines of AMX tiles and the vectors of AVX-512.
///
/// Line `g` of a panel holds, for each of its 16 columns in turn, the weights of the `g`-th group of inputs. Inputs are
/// filled up with zeros to whole lines of inputs, columns to whole panels.
#[derive(Debug, Default)]
pub struct NarrowLinear<F: Format> {
    inputs: usize,
    outputs: usize,
    /// `[panel, group of inputs]`; there may be more than are in use.
    lines: Vec<Line>,
    columns: Vec<F::Columns>,
}

impl<F: Format> NarrowLinear<F> {
    /// Packs several maps of the same input side by side, so that one call computes all their outputs.
    pub fn side_by_side<const N: usize>(maps: [Linear; N]) -> Self {
        let inputs = maps[0].weight.columns();
        let outputs: usize = maps.iter().map(|map| map.weight.rows()).sum();
        let panels = outputs.div_ceil(PANEL_WIDTH);
        let groups = inputs.div_ceil(F::LINE_INPUTS) * PANEL_WIDTH;
        let mut lines = vec![Line::ZERO; panels * groups];
        let mut columns = vec![F::Columns::default(); panels];
        let mut weights = vec![F::Weight::default(); inputs];
        let outputs_of_all = maps.iter().flat_map(|map| (0..map.weight.rows()).map(move |output| (map, output)));
        for (place, (map, output)) in outputs_of_all.enumerate() {
            let (panel, column) = (place / PANEL_WIDTH, place % PANEL_WIDTH);
            F::column(map, output, &mut weights, &mut columns[panel], column);
            let lines = &mut lines[panel * groups..][..groups];
            for (line, group) in lines.iter_mut().zip(weights.chunks(F::GROUP)) {
                line.0.as_chunks_mut::<LANE_BYTES>().0[column] = F::lane(group);
            }
        }
        Self { inputs, outputs, lines, columns }
    }

    /// Makes this a map of other sizes, with neutral columns. The lines that it returns, as many as are in use, hold
    /// anything.
    #[cfg(target_arch = "x86_64")]
    pub fn resize(&mut self, inputs: usize, outputs: usize) -> &mut [Line] {
        (self.inputs, self.outputs) = (inputs, outputs);
        let lines = self.panels() * self.panel_lines();
        if self.lines.len() < lines {
            self.lines.resize(lines, Line::ZERO);
        }
        if self.columns.len() < self.panels() {
            self.columns.resize(self.panels(), F::Columns::default());
        }
        &mut self.lines[..lines]
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
        self.inputs.div_ceil(F::LINE_INPUTS)
    }

    /// Number of panels.
    pub fn panels(&self) -> usize {
        self.outputs.div_ceil(PANEL_WIDTH)
    }

    /// The lines of panel `panel`.
    pub fn panel(&self, panel: usize) -> &[Line] {
        &self.lines[panel * self.panel_lines()..][..self.panel_lines()]
    }

    /// What follows the sums of panel `panel`, and of those after it.
    #[cfg(target_arch = "x86_64")]
    pub fn columns_from(&self, panel: usize) -> &[F::Columns] {
        &self.columns[panel..]
    }

    /// Lines of a panel.
    fn panel_lines(&self) -> usize {
        self.lines_per_column() * PANEL_WIDTH
    }

    /// What follows the sums of panel `panel`.
    pub fn columns(&self, panel: usize) -> &F::Columns {
        &self.columns[panel]
    }
}
