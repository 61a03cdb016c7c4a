//! AVX-512 on narrow numbers: tiles of 6 rows by 4 panels, 24 of the 32 registers holding sums, and then values.

use std::arch::x86_64::{
    __m512, _mm512_add_ps, _mm512_loadu_ps, _mm512_mask_storeu_ps, _mm512_maskz_loadu_ps, _mm512_storeu_ps,
};

use super::PANEL_WIDTH;
use super::tile::Tile;
use crate::encoder::cpu::kernel::After;

/// Rows of a full tile.
pub const ROWS: usize = 6;
/// Panels of a full tile.
pub const PANELS: usize = 4;
/// The panels of a full tile, and its rows.
pub type FullTile<'a> = Tile<'a, PANELS>;

/// Defines `matmul` with instructions that take a whole line: `sums` is a vector of sums, `dot(sums, inputs, weights)` adds
/// the products of a line to it, and `finish` is [`Format::values`].
macro_rules! matmul_by_lines {
    (format: $format:ty, features: $features:literal, sums: $sums:ty, dot: $dot:path, finish: $finish:path) => {
        /// See [`NarrowMatMul`].
        #[target_feature(enable = $features)]
        pub fn matmul(task: NarrowMatMul<'_, $format>) {
            walk(task, ROWS, |task, tile: &FullTile<'_>| {
                with_size!(tile.size, [1, 2, 3, 4, 5, 6] by [1, 2, 3, 4], compute(task, tile));
            });
        }

        #[target_feature(enable = $features)]
        fn compute<const R: usize, const P: usize>(task: &mut NarrowMatMul<'_, $format>, tile: &FullTile<'_>) {
            let groups = tile.lines_per_row * PANEL_WIDTH;
            assert!(tile.a.len() >= R * tile.lines_per_row);
            assert!(tile.panels.iter().all(|panel| panel.len() == groups));
            let a: [*const i32; R] = std::array::from_fn(|r| tile.a[r * tile.lines_per_row..].as_ptr().cast());
            let panels: [*const __m512i; P] = std::array::from_fn(|p| tile.panels[p].as_ptr().cast());

            // SAFETY: a vector of zero bits is one of zeros; so below.
            let mut totals: [[$sums; P]; R] = unsafe { std::mem::zeroed() };
            for group in 0..groups {
                // SAFETY: `group` is less than the number of lines of each panel; a line is 64 bytes, aligned to 64.
                let weights: [__m512i; P] = std::array::from_fn(|p| unsafe { _mm512_load_si512(panels[p].add(group)) });
                for r in 0..R {
                    // SAFETY: a row holds `lines_per_row` lines, each 16 groups of 4 bytes; asserted above for all R.
                    let inputs = _mm512_set1_epi32(unsafe { *a[r].add(group) });
                    for p in 0..P {
                        totals[r][p] = $dot(totals[r][p], inputs, weights[p]);
                    }
                }
            }
            // A place of their own for what is read row by row: the compiler keeps in registers what it knows the places of.
            let mut sums: [[$sums; P]; R] = unsafe { std::mem::zeroed() };
            for r in 0..R {
                for p in 0..P {
                    sums[r][p] = totals[r][p];
                }
            }
            let (after, rows) = (task.after, task.a);
            let columns: &[_; P] = task.b.columns_from(tile.first_panel).first_chunk().expect("a tile's panels");
            for (row, sums) in (tile.first_row..).zip(&sums) {
                let about = rows.about(row);
                let (full, rest) = task.part(row, tile.first_panel, P).as_chunks_mut::<PANEL_WIDTH>();
                if let Some(full) = full.first_chunk_mut::<P>() {
                    for p in 0..P {
                        // SAFETY: this function has the features of both.
                        unsafe { write($finish(sums[p], about, tile.panels[p], &columns[p]), after, &mut full[p]) };
                    }
                } else {
                    let parts = full.iter_mut().map(|full| full.as_mut_slice()).chain([rest]);
                    for (p, part) in parts.enumerate() {
                        // SAFETY: as above.
                        unsafe { write($finish(sums[p], about, tile.panels[p], &columns[p]), after, part) };
                    }
                }
            }
        }
    };
}
pub(super) use matmul_by_lines;

/// Writes as many of `values` as `out` takes.
///
/// # Safety
/// The CPU must have AVX-512 F.
#[inline(always)]
pub unsafe fn write(values: __m512, after: After, out: &mut [f32]) {
    // SAFETY: as many values are read and written as there are.
    unsafe {
        if out.len() >= PANEL_WIDTH {
            let values = match after {
                After::Store => values,
                After::Add => _mm512_add_ps(values, _mm512_loadu_ps(out.as_ptr())),
            };
            _mm512_storeu_ps(out.as_mut_ptr(), values);
        } else {
            let mask = (1_u16 << out.len()) - 1;
            let values = match after {
                After::Store => values,
                After::Add => _mm512_add_ps(values, _mm512_maskz_loadu_ps(mask, out.as_ptr())),
            };
            _mm512_mask_storeu_ps(out.as_mut_ptr(), mask, values);
        }
    }
}
