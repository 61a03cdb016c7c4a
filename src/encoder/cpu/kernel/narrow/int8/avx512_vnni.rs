//! AVX-512 VNNI.

use std::arch::x86_64::{
    __m512i, _mm512_dpbusd_epi32, _mm512_load_si512, _mm512_set1_epi32, _mm512_setzero_si512, _mm512_storeu_si512,
};

use super::super::avx512::{FullSums, FullTile, PANELS, ROWS, matmul_by_lines};
use super::super::tile::{by_tiles, with_size};
use super::super::{Format, NarrowMatMul, PANEL_WIDTH};
use super::Int8;

matmul_by_lines! {
    format: Int8,
    features: "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni",
    zero: _mm512_setzero_si512,
    dot: _mm512_dpbusd_epi32,
    store: _mm512_storeu_si512
}
