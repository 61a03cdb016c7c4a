//! Walks a product of narrow numbers tile by tile; an instruction set only has to supply the innermost one.

use super::finish::finish_tile;
use super::{Format, Line, NarrowMatMul, PANEL_WIDTH};

/// The factors of one tile.
pub struct Tile<'a, const PANELS: usize> {
    /// Row `r` starts at line `r * lines_per_row`.
    pub a: &'a [Line],
    pub lines_per_row: usize,
    /// `16 * lines_per_row` lines each; those beyond the tile's panels repeat the first.
    pub panels: [&'a [Line]; PANELS],
}

/// Sums of a tile.
pub type Sums<Sum, const ROWS: usize, const PANELS: usize> = [[[Sum; PANEL_WIDTH]; PANELS]; ROWS];

/// Computes `task` by tiles of at most `ROWS` rows and `PANELS` panels; `sum` gets the number of both, and the factors.
/// A panel's lines stay in the first cache while all rows pass by.
#[inline(always)]
pub fn by_tiles<F: Format, const FMA: bool, const ROWS: usize, const PANELS: usize>(
    mut task: NarrowMatMul<'_, F>,
    mut sum: impl FnMut((usize, usize), &Tile<'_, PANELS>, &mut Sums<F::Sum, ROWS, PANELS>),
) {
    let NarrowMatMul { a, b, .. } = task;
    let rows = a.rows();
    // Ten rows are better cut into five and five than into six and four.
    let step = rows.div_ceil(rows.div_ceil(ROWS).max(1)).max(1);
    let mut sums = [[[F::Sum::default(); PANEL_WIDTH]; PANELS]; ROWS];
    for first_panel in (0..b.panels()).step_by(PANELS) {
        let panels = PANELS.min(b.panels() - first_panel);
        let lines = std::array::from_fn(|p| b.panel(first_panel + if p < panels { p } else { 0 }));
        for first_row in (0..rows).step_by(step) {
            let tile_rows = step.min(rows - first_row);
            let tile = Tile { a: a.lines_from(first_row), lines_per_row: a.lines_per_row(), panels: lines };
            sum((tile_rows, panels), &tile, &mut sums);
            finish_tile::<F, FMA, PANELS>(&mut task, (first_row, first_panel), (tile_rows, panels), &sums);
        }
    }
}

/// Calls `$function::<ROWS, PANELS>` for the number of both at hand, so that every tile is of constant size.
#[cfg(target_arch = "x86_64")]
macro_rules! with_size {
    ($size:expr, [$($rows:literal),+] by $panels:tt, $function:ident($tile:expr, $sums:expr)) => {
        with_size!(@ $size, [$($rows by $panels),+], $function($tile, $sums))
    };
    (@ $size:expr, [$($rows:literal by [$($panels:literal),+]),+], $function:ident($tile:expr, $sums:expr)) => {
        match $size {
            $($(($rows, $panels) => $function::<$rows, $panels>($tile, $sums),)+)+
            (rows, panels) => unreachable!("a tile of {rows} rows and {panels} panels"),
        }
    };
}
#[cfg(target_arch = "x86_64")]
pub(super) use with_size;
