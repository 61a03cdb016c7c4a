//! AVX-512 VNNI.

use std::arch::x86_64::{
    __m512i, _mm512_dpbusd_epi32, _mm512_load_si512, _mm512_set1_epi32, _mm512_setzero_si512, _mm512_storeu_si512,
};

use super::super::avx512::{FullSums, FullTile, PANELS, ROWS, sum_by_lines};
use super::super::tile::{by_tiles, with_size};
use super::super::{NarrowMatMul, PANEL_WIDTH};
use super::Int8;

/// See [`NarrowMatMul`].
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")]
pub fn matmul(task: NarrowMatMul<'_, Int8>) {
    by_tiles::<_, true, ROWS, PANELS>(task, |size, tile, sums| {
        with_size!(size, [1, 2, 3, 4, 5, 6] by [1, 2, 3, 4], sum(tile, sums));
    });
}

sum_by_lines! {
    features: "avx512f,avx512vnni",
    sum: i32,
    zero: _mm512_setzero_si512,
    dot: _mm512_dpbusd_epi32,
    store: _mm512_storeu_si512
}
