//! AVX-512: tiles of 12 rows by 2 vectors of 16 columns, 24 of the 32 registers holding sums.

use std::arch::x86_64::{__m512, _mm512_fmadd_ps, _mm512_loadu_ps, _mm512_set1_ps, _mm512_storeu_ps};

use super::MatMul;
use super::copies::{plain_operations, vector_matmul};
use super::tile::{Tile, by_tiles, with_rows};

plain_operations! { features: "avx512f,avx512bw,avx512dq,avx512vl", fma: true }

vector_matmul! {
    features: "avx512f,avx512bw,avx512dq,avx512vl",
    vector: __m512,
    rows: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12] up to 12,
    set: _mm512_set1_ps,
    load: _mm512_loadu_ps,
    store: _mm512_storeu_ps,
    multiply_add: _mm512_fmadd_ps
}
