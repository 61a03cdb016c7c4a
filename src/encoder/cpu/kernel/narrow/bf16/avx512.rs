//! AVX-512 without BF16: a line of pairs is widened to two vectors of f32.

use std::arch::x86_64::{
    __m512, __m512i, _mm512_and_si512, _mm512_castsi512_ps, _mm512_fmadd_ps, _mm512_load_si512, _mm512_set1_epi32,
    _mm512_slli_epi32,
};

use super::super::avx512::{FullTile, ROWS, matmul_by_lines, write};
use super::super::tile::{walk, with_size};
use super::super::{NarrowMatMul, PANEL_WIDTH};
use super::{Bf16, avx512_bias::add_bias};

matmul_by_lines! {
    format: Bf16,
    features: "avx512f,avx512bw,avx512vl,avx512dq",
    sums: __m512,
    dot: dot,
    finish: add_bias
}

/// Adds the products of 16 pairs, the second of each pair first.
#[inline]
#[target_feature(enable = "avx512f")]
fn dot(sums: __m512, inputs: __m512i, weights: __m512i) -> __m512 {
    let first = |pairs| _mm512_castsi512_ps(_mm512_slli_epi32::<16>(pairs));
    let second = |pairs| _mm512_castsi512_ps(_mm512_and_si512(pairs, _mm512_set1_epi32(0xFFFF_0000_u32.cast_signed())));
    _mm512_fmadd_ps(first(inputs), first(weights), _mm512_fmadd_ps(second(inputs), second(weights), sums))
}
