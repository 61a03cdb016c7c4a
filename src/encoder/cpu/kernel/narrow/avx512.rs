//! AVX-512 on narrow numbers: tiles of 6 rows by 4 panels, 24 of the 32 registers holding sums.

use super::tile::{Sums, Tile};

/// Rows of a full tile.
pub const ROWS: usize = 6;
/// Panels of a full tile.
pub const PANELS: usize = 4;
/// The panels of a full tile, and its rows.
pub type FullTile<'a> = Tile<'a, PANELS>;
/// Sums of a full tile.
pub type FullSums<Sum> = Sums<Sum, ROWS, PANELS>;

/// Defines `matmul` with instructions that take a whole line: `zero()` is a vector of sums, `dot(sums, inputs, weights)` adds
/// the products of a line to it, `store(pointer, sums)` writes it.
macro_rules! matmul_by_lines {
    (format: $format:ty, features: $features:literal, zero: $zero:path, dot: $dot:path, store: $store:path) => {
        /// See [`NarrowMatMul`].
        #[target_feature(enable = $features)]
        pub fn matmul(task: NarrowMatMul<'_, $format>) {
            by_tiles::<_, true, ROWS, PANELS>(task, |size, tile, sums| {
                with_size!(size, [1, 2, 3, 4, 5, 6] by [1, 2, 3, 4], sum(tile, sums));
            });
        }

        #[target_feature(enable = $features)]
        fn sum<const R: usize, const P: usize>(tile: &FullTile<'_>, sums: &mut FullSums<<$format as Format>::Sum>) {
            let groups = tile.lines_per_row * PANEL_WIDTH;
            assert!(tile.a.len() >= R * tile.lines_per_row);
            assert!(tile.panels.iter().all(|panel| panel.len() == groups));
            let a: [*const i32; R] = std::array::from_fn(|r| tile.a[r * tile.lines_per_row..].as_ptr().cast());
            let panels: [*const __m512i; P] = std::array::from_fn(|p| tile.panels[p].as_ptr().cast());

            let mut totals = [[$zero(); P]; R];
            for group in 0..groups {
                // SAFETY: `group` is less than the number of lines of each panel; a line is 64 bytes, aligned to 64.
                let weights: [__m512i; P] = std::array::from_fn(|p| unsafe { _mm512_load_si512(panels[p].add(group)) });
                for (totals, a) in totals.iter_mut().zip(a) {
                    // SAFETY: a row holds `lines_per_row` lines, each 16 groups of 4 bytes; asserted above for all R.
                    let inputs = _mm512_set1_epi32(unsafe { *a.add(group) });
                    for (total, weights) in totals.iter_mut().zip(weights) {
                        *total = $dot(*total, inputs, weights);
                    }
                }
            }
            const { assert!(size_of::<[<$format as Format>::Sum; PANEL_WIDTH]>() == size_of::<__m512i>()) };
            for (sums, totals) in sums.iter_mut().zip(totals) {
                for (sums, total) in sums.iter_mut().zip(totals) {
                    // SAFETY: 16 sums of 32 bits are 64 bytes.
                    unsafe { $store(sums.as_mut_ptr().cast(), total) };
                }
            }
        }
    };
}
pub(super) use matmul_by_lines;
