//! AVX-512 VNNI.

use std::arch::x86_64::{
    __m512, __m512i, _mm_cvtsi32_si128, _mm512_cvtepi32_ps, _mm512_dpbusd_epi32, _mm512_fmadd_ps, _mm512_load_si512,
    _mm512_loadu_ps, _mm512_loadu_si512, _mm512_mul_ps, _mm512_mullo_epi32, _mm512_set1_epi32, _mm512_set1_ps,
    _mm512_sll_epi32, _mm512_srai_epi32, _mm512_sub_epi32,
};

use super::super::avx512::{FullTile, ROWS, matmul_by_lines, write};
use super::super::tile::{walk, with_size};
use super::super::{Line, NarrowMatMul, PANEL_WIDTH};
use super::{Columns, GROUP, Int8, Scale};

matmul_by_lines! {
    format: Int8,
    features: "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni",
    sums: __m512i,
    dot: _mm512_dpbusd_epi32,
    finish: finish
}

/// As [`Int8::values`](super::Format::values), in the same order.
///
/// # Safety
/// The CPU must have AVX-512 F.
#[inline(always)]
unsafe fn finish(sums: __m512i, row: &Scale, panel: &[Line], columns: &Columns) -> __m512 {
    // SAFETY: columns have 16 totals, scales and biases of 32 bits; a line is 64 bytes, aligned to 64.
    unsafe {
        let totals = _mm512_loadu_si512(columns.totals.as_ptr().cast());
        let sums = _mm512_sub_epi32(sums, _mm512_mullo_epi32(_mm512_set1_epi32(row.zero_point), totals));
        let mut values = _mm512_mul_ps(_mm512_set1_ps(row.step), _mm512_cvtepi32_ps(sums));
        for outlier in row.outliers() {
            let input = outlier.input as usize;
            let groups = _mm512_load_si512(panel[input / GROUP].0.as_ptr().cast());
            // The byte of that input in each column's group, moved to the top and back with its sign.
            let shift = _mm_cvtsi32_si128(8 * (GROUP - 1 - input % GROUP) as i32);
            let weights = _mm512_srai_epi32::<{ 8 * (GROUP as u32 - 1) }>(_mm512_sll_epi32(groups, shift));
            values = _mm512_fmadd_ps(_mm512_set1_ps(outlier.value), _mm512_cvtepi32_ps(weights), values);
        }
        _mm512_fmadd_ps(values, _mm512_loadu_ps(columns.scales.as_ptr()), _mm512_loadu_ps(columns.bias.as_ptr()))
    }
}
