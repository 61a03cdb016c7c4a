//! Walks an integer product tile by tile; an instruction set only has to supply the innermost one.

use super::finish::finish_tile;
use super::{Int8MatMul, Line, PANEL_WIDTH};

/// The factors of one tile.
pub struct Tile<'a, const PANELS: usize> {
    /// Row `r` starts at line `r * lines_per_row`.
    pub a: &'a [Line],
    pub lines_per_row: usize,
    /// `16 * lines_per_row` lines each; those beyond the tile's panels repeat the first.
    pub panels: [&'a [Line]; PANELS],
}

/// Sums of a tile.
pub type Sums<const ROWS: usize, const PANELS: usize> = [[[i32; PANEL_WIDTH]; PANELS]; ROWS];

/// Computes `task` by tiles of at most `ROWS` rows and `PANELS` panels; `sum` gets the number of both, and the factors.
/// A panel's lines stay in the first cache while all rows pass by.
#[inline(always)]
pub fn by_tiles<const FMA: bool, const ROWS: usize, const PANELS: usize>(
    mut task: Int8MatMul<'_>,
    mut sum: impl FnMut((usize, usize), &Tile<'_, PANELS>, &mut Sums<ROWS, PANELS>),
) {
    let Int8MatMul { a, b, .. } = task;
    let rows = a.rows();
    // Ten rows are better cut into five and five than into six and four.
    let step = rows.div_ceil(rows.div_ceil(ROWS).max(1)).max(1);
    for first_panel in (0..b.panels()).step_by(PANELS) {
        let panels = PANELS.min(b.panels() - first_panel);
        let lines = std::array::from_fn(|p| b.panel(first_panel + if p < panels { p } else { 0 }));
        for first_row in (0..rows).step_by(step) {
            let tile_rows = step.min(rows - first_row);
            let tile = Tile { a: a.lines_from(first_row), lines_per_row: a.lines_per_row(), panels: lines };
            let mut sums = [[[0; PANEL_WIDTH]; PANELS]; ROWS];
            sum((tile_rows, panels), &tile, &mut sums);
            finish_tile::<FMA, PANELS>(&mut task, (first_row, first_panel), (tile_rows, panels), &sums);
        }
    }
}
