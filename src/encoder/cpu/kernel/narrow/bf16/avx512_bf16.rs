//! AVX-512 BF16.

use std::arch::x86_64::{__m512, __m512bh, __m512i, _mm512_dpbf16_ps, _mm512_load_si512, _mm512_set1_epi32};

use super::super::avx512::{FullTile, ROWS, matmul_by_lines, write};
use super::super::tile::{walk, with_size};
use super::super::{NarrowMatMul, PANEL_WIDTH};
use super::{Bf16, avx512_bias::add_bias};

matmul_by_lines! {
    format: Bf16,
    features: "avx512f,avx512bw,avx512vl,avx512dq,avx512bf16",
    sums: __m512,
    dot: dot,
    finish: add_bias
}

/// Adds the products of 16 pairs, the second of each pair first. Numbers too small for a normal f32 count as 0.
#[inline]
#[target_feature(enable = "avx512f,avx512bf16")]
fn dot(sums: __m512, inputs: __m512i, weights: __m512i) -> __m512 {
    // SAFETY: all three are 512 bits of any content.
    let pairs = |lanes| unsafe { std::mem::transmute::<__m512i, __m512bh>(lanes) };
    _mm512_dpbf16_ps(sums, pairs(inputs), pairs(weights))
}
