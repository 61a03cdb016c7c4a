//! AVX2 with FMA: tiles of 6 rows by 2 vectors of 8 columns, 12 of the 16 registers holding sums.

use std::arch::x86_64::{__m256, _mm256_fmadd_ps, _mm256_loadu_ps, _mm256_set1_ps, _mm256_storeu_ps};

use super::MatMul;
use super::copies::{plain_operations, vector_matmul};
use super::tile::{Tile, by_tiles, with_rows};

plain_operations! { features: "avx2,fma", fma: true }

vector_matmul! {
    features: "avx2,fma",
    vector: __m256,
    rows: [1, 2, 3, 4, 5, 6] up to 6,
    set: _mm256_set1_ps,
    load: _mm256_loadu_ps,
    store: _mm256_storeu_ps,
    multiply_add: _mm256_fmadd_ps
}
