//! Walks a product of narrow numbers tile by tile; an instruction set only has to supply the innermost one.

use super::finish::finish_tile;
use super::{Format, Line, NarrowMatMul, PANEL_WIDTH};

/// A tile of a product.
pub struct Tile<'a, const PANELS: usize> {
    pub first_row: usize,
    pub first_panel: usize,
    /// Numbers of its rows and of its panels.
    pub size: (usize, usize),
    /// Row `r` of the tile starts at line `r * lines_per_row`.
    pub a: &'a [Line],
    pub lines_per_row: usize,
    /// `16 * lines_per_row` lines each; those beyond the tile's panels repeat the first.
    pub panels: [&'a [Line]; PANELS],
}

/// Sums of a tile.
pub type Sums<Sum, const ROWS: usize, const PANELS: usize> = [[[Sum; PANEL_WIDTH]; PANELS]; ROWS];

/// Cuts `task` into tiles of at most `rows` rows and `PANELS` panels, each of which `compute` computes. A panel's lines stay
/// in the first cache while all rows pass by.
#[inline(always)]
pub fn walk<F: Format, const PANELS: usize>(
    mut task: NarrowMatMul<'_, F>,
    rows: usize,
    mut compute: impl FnMut(&mut NarrowMatMul<'_, F>, &Tile<'_, PANELS>),
) {
    let NarrowMatMul { a, b, .. } = task;
    // Ten rows are better cut into five and five than into six and four.
    let step = a.rows().div_ceil(a.rows().div_ceil(rows).max(1)).max(1);
    for first_panel in (0..b.panels()).step_by(PANELS) {
        let panels = PANELS.min(b.panels() - first_panel);
        let lines = std::array::from_fn(|p| b.panel(first_panel + if p < panels { p } else { 0 }));
        for first_row in (0..a.rows()).step_by(step) {
            let size = (step.min(a.rows() - first_row), panels);
            let (a, lines_per_row) = (a.lines_from(first_row), a.lines_per_row());
            compute(&mut task, &Tile { first_row, first_panel, size, a, lines_per_row, panels: lines });
        }
    }
}

/// Computes `task` by tiles of at most `ROWS` rows and `PANELS` panels, of which `sum` gets the sums.
#[inline(always)]
pub fn by_sums<F: Format, const FMA: bool, const ROWS: usize, const PANELS: usize>(
    task: NarrowMatMul<'_, F>,
    mut sum: impl FnMut(&Tile<'_, PANELS>, &mut Sums<F::Sum, ROWS, PANELS>),
) {
    let mut sums = [[[F::Sum::default(); PANEL_WIDTH]; PANELS]; ROWS];
    walk(task, ROWS, |task, tile| {
        sum(tile, &mut sums);
        finish_tile::<F, FMA, PANELS>(task, (tile.first_row, tile.first_panel), tile.size, &sums);
    });
}

/// Calls `$function::<ROWS, PANELS>` for the number of both at hand, so that every tile is of constant size.
#[cfg(target_arch = "x86_64")]
macro_rules! with_size {
    ($size:expr, [$($rows:literal),+] by $panels:tt, $function:ident($($argument:expr),+)) => {
        with_size!(@ $size, [$($rows by $panels),+], $function, ($($argument),+))
    };
    (@ $size:expr, [$($rows:literal by [$($panels:literal),+]),+], $function:ident, $arguments:tt) => {
        match $size {
            $($(($rows, $panels) => with_size!(@@ $function, $rows, $panels, $arguments),)+)+
            (rows, panels) => unreachable!("a tile of {rows} rows and {panels} panels"),
        }
    };
    (@@ $function:ident, $rows:literal, $panels:literal, ($($argument:expr),+)) => {
        $function::<$rows, $panels>($($argument),+)
    };
}
#[cfg(target_arch = "x86_64")]
pub(super) use with_size;
