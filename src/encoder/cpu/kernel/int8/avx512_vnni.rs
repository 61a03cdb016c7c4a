//! AVX-512 VNNI: tiles of 6 rows by 4 panels, 24 of the 32 registers holding sums.

use std::arch::x86_64::{
    __m512i, _mm512_dpbusd_epi32, _mm512_load_si512, _mm512_set1_epi32, _mm512_setzero_si512, _mm512_storeu_si512,
};

use super::tile::{Sums, Tile, by_tiles};
use super::{GROUP, Int8MatMul, PANEL_WIDTH};

/// Rows of a full tile.
const ROWS: usize = 6;
/// Panels of a full tile.
const PANELS: usize = 4;

/// See [`Int8MatMul`].
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")]
pub fn matmul(task: Int8MatMul<'_>) {
    by_tiles::<true, ROWS, PANELS>(task, |size, tile, sums| {
        macro_rules! sizes {
            ($($rows:literal)+ by $panels:tt) => { sizes!(@ $([$rows $panels])+) };
            (@ $([$rows:literal ($($panels:literal)+)])+) => {
                match size {
                    $($(($rows, $panels) => sum::<$rows, $panels>(tile, sums),)+)+
                    (rows, panels) => unreachable!("a tile of {rows} rows and {panels} panels"),
                }
            };
        }
        sizes!(1 2 3 4 5 6 by (1 2 3 4));
    });
}

#[target_feature(enable = "avx512f,avx512vnni")]
fn sum<const R: usize, const P: usize>(tile: &Tile<'_, PANELS>, sums: &mut Sums<ROWS, PANELS>) {
    let groups = tile.lines_per_row * PANEL_WIDTH;
    assert!(tile.a.len() >= R * tile.lines_per_row);
    assert!(tile.panels.iter().all(|panel| panel.len() == groups));
    let a: [*const i32; R] = std::array::from_fn(|r| tile.a[r * tile.lines_per_row..].as_ptr().cast());
    let panels: [*const __m512i; P] = std::array::from_fn(|p| tile.panels[p].as_ptr().cast());

    let mut totals = [[_mm512_setzero_si512(); P]; R];
    for group in 0..groups {
        // SAFETY: `group` is less than the number of lines of each panel; a line is 64 bytes, aligned to 64.
        let weights: [__m512i; P] = std::array::from_fn(|p| unsafe { _mm512_load_si512(panels[p].add(group)) });
        for (totals, a) in totals.iter_mut().zip(a) {
            // SAFETY: a row holds `lines_per_row` lines, each 16 groups of 4 bytes; asserted above for all R rows.
            let inputs = _mm512_set1_epi32(unsafe { *a.add(group) });
            for (total, weights) in totals.iter_mut().zip(weights) {
                *total = _mm512_dpbusd_epi32(*total, inputs, weights);
            }
        }
    }
    const { assert!(PANEL_WIDTH * size_of::<i32>() == size_of::<__m512i>() && GROUP == size_of::<i32>()) };
    for (sums, totals) in sums.iter_mut().zip(totals) {
        for (sums, total) in sums.iter_mut().zip(totals) {
            // SAFETY: 16 sums of 32 bits are 64 bytes.
            unsafe { _mm512_storeu_si512(sums.as_mut_ptr().cast(), total) };
        }
    }
}
