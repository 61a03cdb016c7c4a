//! Heads of attention by AVX-512 BF16; see [`HeadLines`](super::HeadLines). Numbers are rounded to nearest, ties to even.

use std::arch::x86_64::{
    __m512, __m512bh, __m512i, _MM_FROUND_NO_EXC, _MM_FROUND_TO_NEAREST_INT, _mm512_add_ps, _mm512_cvtne2ps_pbh,
    _mm512_fmadd_ps, _mm512_load_si512, _mm512_loadu_ps, _mm512_mask_loadu_ps, _mm512_maskz_loadu_ps,
    _mm512_maskz_mov_ps, _mm512_max_ps, _mm512_mul_ps, _mm512_permutex2var_epi32, _mm512_permutexvar_epi16,
    _mm512_reduce_add_ps, _mm512_reduce_max_ps, _mm512_roundscale_ps, _mm512_scalef_ps, _mm512_set1_ps,
    _mm512_setzero_ps, _mm512_setzero_si512, _mm512_store_si512, _mm512_storeu_ps, _mm512_sub_ps,
};

use super::super::{Format, Line, NarrowLinear, NarrowRows, PANEL_WIDTH};
use super::{Bf16, HeadRows};

/// Values that a vector of f32 holds.
const LANES: usize = 16;

/// See [`HeadLines::round`](super::HeadLines::round).
#[target_feature(enable = "avx512f,avx512bw,avx512bf16")]
pub fn round(rows: HeadRows<'_>, factor: f32, to: &mut NarrowRows<Bf16>) {
    let factor = _mm512_set1_ps(factor);
    for (row, (lines, ())) in to.resize(rows.count, rows.size).enumerate() {
        for (index, line) in lines.iter_mut().enumerate() {
            // SAFETY: this function has the features of all that it calls; so have the next three.
            unsafe {
                let [low, high] = halves(rows, row, index * Bf16::LINE_INPUTS);
                store(line, rounded(_mm512_mul_ps(low, factor), _mm512_mul_ps(high, factor)));
            }
        }
    }
}

/// See [`HeadLines::softmax2`](super::HeadLines::softmax2).
#[target_feature(enable = "avx512f,avx512bw,avx512bf16")]
pub fn softmax2(scores: &mut [f32], stride: usize, columns: usize, to: &mut NarrowRows<Bf16>) {
    let count = scores.len() / stride;
    let rows = scores.chunks_exact_mut(stride);
    let vectors = columns.div_ceil(LANES);
    let mask = u16::MAX >> (vectors * LANES - columns);
    for (row, (lines, ())) in rows.zip(to.resize(count, columns)) {
        let row = &mut row.as_chunks_mut::<LANES>().0[..vectors];
        let Some((last, others)) = row.split_last_mut() else { continue };
        // SAFETY: as above; loads and stores are of 16 values each.
        let factor = unsafe {
            let last_scores = _mm512_mask_loadu_ps(_mm512_set1_ps(f32::NEG_INFINITY), mask, last.as_ptr());
            let mut max = last_scores;
            for other in &*others {
                max = _mm512_max_ps(max, _mm512_loadu_ps(other.as_ptr()));
            }
            let max = _mm512_set1_ps(_mm512_reduce_max_ps(max));
            let mut sum = _mm512_setzero_ps();
            for other in others {
                let power = exp2(_mm512_sub_ps(_mm512_loadu_ps(other.as_ptr()), max));
                _mm512_storeu_ps(other.as_mut_ptr(), power);
                sum = _mm512_add_ps(sum, power);
            }
            let power = _mm512_maskz_mov_ps(mask, exp2(_mm512_sub_ps(last_scores, max)));
            _mm512_storeu_ps(last.as_mut_ptr(), power);
            _mm512_set1_ps(1.0 / _mm512_reduce_add_ps(_mm512_add_ps(sum, power)))
        };
        for (line, pair) in lines.iter_mut().zip(row.chunks(2)) {
            // SAFETY: as above.
            unsafe {
                let low = _mm512_mul_ps(_mm512_loadu_ps(pair[0].as_ptr()), factor);
                let high = match pair.get(1) {
                    Some(high) => _mm512_mul_ps(_mm512_loadu_ps(high.as_ptr()), factor),
                    None => _mm512_setzero_ps(),
                };
                store(line, rounded(low, high));
            }
        }
    }
}

/// 2 to the power of `x` ≤ 0, within 4e-5 of its size, a hundredth of what rounding to bf16 takes away; 2⁻¹²⁷ below that.
///
/// `x = n + r`, and the Taylor polynomial of 2ʳ for |r| ≤ 1/2.
///
/// # Safety
/// The CPU must have AVX-512 F.
#[inline(always)]
unsafe fn exp2(x: __m512) -> __m512 {
    // ln(2)ⁱ / i!
    const TERMS: [f32; 4] = [9.618_129e-3, 5.550_411e-2, 2.402_265e-1, 6.931_472e-1];
    // SAFETY: no memory is touched.
    unsafe {
        let x = _mm512_max_ps(x, _mm512_set1_ps(-127.0));
        let n = _mm512_roundscale_ps::<{ _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC }>(x);
        let r = _mm512_sub_ps(x, n);
        let mut power = _mm512_set1_ps(TERMS[0]);
        for term in [TERMS[1], TERMS[2], TERMS[3], 1.0] {
            power = _mm512_fmadd_ps(power, r, _mm512_set1_ps(term));
        }
        _mm512_scalef_ps(power, n)
    }
}

/// See [`HeadLines::pack_keys`](super::HeadLines::pack_keys).
#[target_feature(enable = "avx512f,avx512bw,avx512bf16")]
pub fn pack_keys(keys: HeadRows<'_>, to: &mut NarrowLinear<Bf16>) {
    let lines = to.resize(keys.size, keys.count.next_multiple_of(PANEL_WIDTH));
    let blocks = keys.size.div_ceil(Bf16::LINE_INPUTS);
    for (index, lines) in lines.as_chunks_mut::<PANEL_WIDTH>().0.iter_mut().enumerate() {
        let (panel, block) = (index / blocks, index % blocks);
        let mut vectors = [_mm512_setzero_si512(); PANEL_WIDTH];
        for (lane, vector) in vectors.iter_mut().enumerate() {
            // SAFETY: as above.
            unsafe {
                let [low, high] = halves(keys, panel * PANEL_WIDTH + lane, block * Bf16::LINE_INPUTS);
                *vector = rounded(low, high);
            }
        }
        transpose(&mut vectors);
        for (line, vector) in lines.iter_mut().zip(vectors) {
            // SAFETY: as above.
            unsafe { store(line, vector) };
        }
    }
}

/// See [`HeadLines::pack_values`](super::HeadLines::pack_values).
#[target_feature(enable = "avx512f,avx512bw,avx512bf16")]
pub fn pack_values(values: HeadRows<'_>, to: &mut NarrowLinear<Bf16>) {
    /// Number `i` of 16 pairs from two vectors of 16 numbers.
    const PAIRS: Indices<u16, 32> = Indices({
        let mut indices = [0; 32];
        let mut i = 0;
        while i < 32 {
            indices[i] = (i / 2 + 16 * (i % 2)) as u16;
            i += 1;
        }
        indices
    });
    let lines = to.resize(values.count, values.size);
    let pairs = values.count.div_ceil(Bf16::LINE_INPUTS) * PANEL_WIDTH;
    let order = PAIRS.load();
    for (panel, lines) in lines.chunks_exact_mut(pairs).enumerate() {
        for (pair, line) in lines.iter_mut().enumerate() {
            let row = |row| values.part(row, panel * LANES, LANES);
            // SAFETY: as above.
            unsafe {
                let (first, second) = (load(row(2 * pair)), load(row(2 * pair + 1)));
                store(line, _mm512_permutexvar_epi16(order, rounded(first, second)));
            }
        }
    }
}

/// The values of a line of row `row` from value `from` on, filled up with zeros.
///
/// # Safety
/// The CPU must have AVX-512 F; so for the next three.
#[inline(always)]
unsafe fn halves(rows: HeadRows<'_>, row: usize, from: usize) -> [__m512; 2] {
    let values = rows.part(row, from, 2 * LANES);
    // SAFETY: as above.
    match values.as_chunks::<LANES>().0 {
        [low, high] => unsafe { [_mm512_loadu_ps(low.as_ptr()), _mm512_loadu_ps(high.as_ptr())] },
        _ => {
            let (low, high) = values.split_at(values.len().min(LANES));
            unsafe { [load(low), load(high)] }
        }
    }
}

/// At most 16 values, filled up with zeros.
#[inline(always)]
unsafe fn load(values: &[f32]) -> __m512 {
    // SAFETY: reads no more values than there are.
    unsafe {
        if values.is_empty() {
            // A load of nothing from an address that means nothing is slow.
            return _mm512_setzero_ps();
        }
        let mask = ((1_u32 << values.len().min(LANES)) - 1) as u16;
        _mm512_maskz_loadu_ps(mask, values.as_ptr())
    }
}

/// 32 values as bf16, in order.
#[inline(always)]
unsafe fn rounded(low: __m512, high: __m512) -> __m512i {
    // SAFETY: both are 512 bits of any content.
    unsafe { std::mem::transmute::<__m512bh, __m512i>(_mm512_cvtne2ps_pbh(high, low)) }
}

#[inline(always)]
unsafe fn store(line: &mut Line, vector: __m512i) {
    // SAFETY: a line is 64 bytes, aligned to 64.
    unsafe { _mm512_store_si512(line.0.as_mut_ptr().cast(), vector) };
}

/// Indices of a permutation.
#[repr(C, align(64))]
struct Indices<T, const N: usize>([T; N]);

impl<T, const N: usize> Indices<T, N> {
    #[inline]
    #[target_feature(enable = "avx512f")]
    fn load(&self) -> __m512i {
        const { assert!(size_of::<[T; N]>() == size_of::<__m512i>()) };
        // SAFETY: 64 bytes, aligned to 64.
        unsafe { _mm512_load_si512(self.0.as_ptr().cast()) }
    }
}

/// Transposes 16 rows of 16 lanes: swaps the off-diagonal quarters of ever smaller squares.
#[inline]
#[target_feature(enable = "avx512f")]
fn transpose(rows: &mut [__m512i; LANES]) {
    /// For squares of `2 * size` rows, which lanes of two rows `size` apart become the upper, and which the lower one;
    /// those of the lower row count from 16.
    const fn swaps(size: usize) -> [Indices<u32, LANES>; 2] {
        let mut swaps = [Indices([0; LANES]), Indices([0; LANES])];
        let mut lane = 0;
        while lane < LANES {
            let left = lane & size == 0;
            swaps[0].0[lane] = if left { lane } else { LANES + (lane ^ size) } as u32;
            swaps[1].0[lane] = if left { lane ^ size } else { LANES + lane } as u32;
            lane += 1;
        }
        swaps
    }
    const SWAPS: [[Indices<u32, LANES>; 2]; 4] = [swaps(8), swaps(4), swaps(2), swaps(1)];
    for (stage, [upper, lower]) in SWAPS.iter().enumerate() {
        let size = 8 >> stage;
        let (upper, lower) = (upper.load(), lower.load());
        for row in (0..LANES).filter(|row| row & size == 0) {
            let pair = (rows[row], rows[row + size]);
            rows[row] = _mm512_permutex2var_epi32(pair.0, upper, pair.1);
            rows[row + size] = _mm512_permutex2var_epi32(pair.0, lower, pair.1);
        }
    }
}
