//! Element-wise operations in plain Rust, written so that the compiler vectorises them. Each instruction set compiles
//! its own copy: the functions are inlined into callers that have its target features. `FMA` says whether multiplying and
//! adding is one instruction there; where it is not, the library function that stands in would be slow.

/// `a * b + c`.
#[inline(always)]
pub fn multiply_add<const FMA: bool>(a: f32, b: f32, c: f32) -> f32 {
    if FMA { a.mul_add(b, c) } else { a * b + c }
}

/// 1.5 · 2²³: added to a small number it leaves the nearest integer in the low bits; subtracted again, that number.
pub const ROUND: f32 = 12_582_912.0;

/// Independent partial sums, so that a sum vectorises; its order is fixed by the length of the row alone.
const LANES: usize = 16;

#[inline(always)]
pub fn layer_norm<const FMA: bool>(x: &mut [f32], weight: &[f32], bias: &[f32], eps: f32) {
    let size = weight.len();
    for row in x.chunks_exact_mut(size) {
        let mean = sum(row, |value| value) / size as f32;
        let variance = sum(row, |value| (value - mean) * (value - mean)) / size as f32;
        let scale = 1.0 / (variance + eps).sqrt();
        for ((value, weight), bias) in row.iter_mut().zip(weight).zip(bias) {
            *value = multiply_add::<FMA>((*value - mean) * scale, *weight, *bias);
        }
    }
}

#[inline(always)]
pub fn softmax<const FMA: bool>(x: &mut [f32], stride: usize, columns: usize, scale: f32, factors: &mut [f32]) {
    for (row, factor) in x.chunks_exact_mut(stride).zip(factors) {
        row[columns..].fill(f32::NEG_INFINITY);
        let max = max(row);
        let exp = |value: &mut f32| *value = exp::<FMA>((*value - max) * scale);
        // Chunks of constant size: the rest of a row would be computed value by value.
        let (chunks, rest) = row.as_chunks_mut::<LANES>();
        chunks.iter_mut().for_each(|chunk| chunk.iter_mut().for_each(exp));
        rest.iter_mut().for_each(exp);
        *factor = 1.0 / sum(row, |value| value);
    }
}

#[inline(always)]
pub fn gelu<const FMA: bool>(x: &mut [f32]) {
    for value in x {
        *value = 0.5 * *value * (1.0 + erf::<FMA>(*value * std::f32::consts::FRAC_1_SQRT_2));
    }
}

#[inline(always)]
pub fn gelu_tanh<const FMA: bool>(x: &mut [f32]) {
    const SQRT_2_OVER_PI: f32 = 0.797_884_6;
    for value in x {
        let inner = SQRT_2_OVER_PI * (*value + 0.044_715 * *value * *value * *value);
        // (1 + tanh(y)) / 2 = 1 / (1 + exp(-2y))
        *value /= 1.0 + exp::<FMA>(-2.0 * inner);
    }
}

/// GELU within 1.7e-4: less than rounding its result to 8 bits takes away, and half the work of [`gelu`].
///
/// `x (1/2 + t q(t²))` with `t` = `x` cut off at ±3.95 and a polynomial `q` fitted by least squares, reweighted towards the
/// greatest error, under the condition that both tails are exact.
#[inline(always)]
pub fn gelu_for_int8<const FMA: bool>(x: &mut [f32]) {
    for value in x {
        let t = value.clamp(-3.95, 3.95);
        let s = t * t;
        let mut q = 2.443_653_6e-8;
        q = multiply_add::<FMA>(q, s, -1.681_188_8e-6);
        q = multiply_add::<FMA>(q, s, 4.955_259_3e-5);
        q = multiply_add::<FMA>(q, s, -8.290_447_5e-4);
        q = multiply_add::<FMA>(q, s, 8.842_937e-3);
        q = multiply_add::<FMA>(q, s, -6.472_277e-2);
        q = multiply_add::<FMA>(q, s, 3.979_866_8e-1);
        *value *= multiply_add::<FMA>(t, q, 0.5);
    }
}

#[inline(always)]
pub fn relu(x: &mut [f32]) {
    for value in x {
        *value = value.max(0.0);
    }
}

/// The smaller of two numbers, in the one comparison that the compiler vectorises: `f32::min` also looks for NaN.
#[inline(always)]
fn smaller(a: f32, b: f32) -> f32 {
    if b < a { b } else { a }
}

/// The larger of two numbers; see [`smaller`].
#[inline(always)]
fn larger(a: f32, b: f32) -> f32 {
    if b > a { b } else { a }
}

/// Combines the values of a row, lane by lane: the one loop that the compiler vectorises whatever stands around it.
#[inline(always)]
fn lanes(row: &[f32], start: f32, combine: impl Fn(f32, f32) -> f32) -> [f32; LANES] {
    let (chunks, rest) = row.as_chunks::<LANES>();
    let mut lanes = [start; LANES];
    for chunk in chunks {
        for (lane, &value) in lanes.iter_mut().zip(chunk) {
            *lane = combine(*lane, value);
        }
    }
    for (lane, &value) in lanes.iter_mut().zip(rest) {
        *lane = combine(*lane, value);
    }
    lanes
}

/// Combines all lanes, one half with the other: one after another, each would wait for the one before.
#[inline(always)]
fn across(mut lanes: [f32; LANES], combine: impl Fn(f32, f32) -> f32) -> f32 {
    let mut half = LANES / 2;
    while half > 0 {
        for lane in 0..half {
            lanes[lane] = combine(lanes[lane], lanes[lane + half]);
        }
        half /= 2;
    }
    lanes[0]
}

/// Least and greatest value of a row, both as if it also held a zero.
#[inline(always)]
pub fn range(row: &[f32]) -> (f32, f32) {
    (across(lanes(row, 0.0, smaller), smaller), across(lanes(row, 0.0, larger), larger))
}

/// Where a value first stands in a row.
#[inline(always)]
pub fn position(row: &[f32], value: f32) -> Option<usize> {
    // Whole chunks are looked through without a branch.
    let holds = |chunk: &[f32]| chunk.iter().fold(false, |holds, &other| holds | (other == value));
    let chunk = row.chunks(LANES).position(holds)?;
    let start = chunk * LANES;
    row[start..].iter().position(|&other| other == value).map(|index| start + index)
}

#[inline(always)]
pub fn sum(row: &[f32], map: impl Fn(f32) -> f32) -> f32 {
    across(lanes(row, 0.0, |lane, value| lane + map(value)), |a, b| a + b)
}

#[inline(always)]
fn max(row: &[f32]) -> f32 {
    across(lanes(row, f32::NEG_INFINITY, larger), larger)
}

/// `exp(x)` within 2 ulp on the range of normal results; 0 below it, about 2.4e38 above it.
///
/// `x = n ln 2 + r`, `exp(x) = 2ⁿ exp(r)`, with the polynomial of Cephes' `expf` for `exp(r)`.
#[inline(always)]
fn exp<const FMA: bool>(x: f32) -> f32 {
    const LN2_HIGH: f32 = 0.693_359_4;
    const LN2_LOW: f32 = -2.121_944_4e-4;
    let clamped = x.clamp(-87.0, 88.3);
    let shifted = multiply_add::<FMA>(clamped, std::f32::consts::LOG2_E, ROUND);
    let n = shifted - ROUND;
    let r = multiply_add::<FMA>(n, -LN2_LOW, multiply_add::<FMA>(n, -LN2_HIGH, clamped));
    let mut p = 1.987_569_2e-4;
    p = multiply_add::<FMA>(p, r, 1.398_199_9e-3);
    p = multiply_add::<FMA>(p, r, 8.333_452e-3);
    p = multiply_add::<FMA>(p, r, 4.166_579_6e-2);
    p = multiply_add::<FMA>(p, r, 1.666_666_6e-1);
    p = multiply_add::<FMA>(p, r, 5.000_000_3e-1);
    p = multiply_add::<FMA>(p * r, r, r) + 1.0;
    // The low bits of `shifted` hold n as an integer; move it into the exponent.
    let power = f32::from_bits(shifted.to_bits().wrapping_sub(ROUND.to_bits()).wrapping_add(127) << 23);
    if x < -87.0 { 0.0 } else { p * power }
}

/// `erf(x)` within 5e-7: the rational approximation that Eigen and XLA use for f32.
#[inline(always)]
fn erf<const FMA: bool>(x: f32) -> f32 {
    let x = x.clamp(-4.0, 4.0);
    let s = x * x;
    let mut p = -2.726_142e-10;
    p = multiply_add::<FMA>(p, s, 2.770_681_4e-8);
    p = multiply_add::<FMA>(p, s, -2.101_024e-6);
    p = multiply_add::<FMA>(p, s, -5.692_506_4e-5);
    p = multiply_add::<FMA>(p, s, -7.349_906e-4);
    p = multiply_add::<FMA>(p, s, -2.954_6e-3);
    p = multiply_add::<FMA>(p, s, -1.609_603_3e-2);
    let mut q = -1.456_607_2e-5;
    q = multiply_add::<FMA>(q, s, -2.133_740_6e-4);
    q = multiply_add::<FMA>(q, s, -1.682_827e-3);
    q = multiply_add::<FMA>(q, s, -7.373_329e-3);
    q = multiply_add::<FMA>(q, s, -1.426_473_9e-2);
    x * p / q
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sweep(from: f32, to: f32) -> impl Iterator<Item = f32> {
        let steps = 200_000;
        (0..=steps).map(move |i| from + (to - from) * i as f32 / steps as f32)
    }

    #[test]
    fn exp_is_as_exact_as_it_claims() {
        for x in sweep(-86.9, 88.2) {
            let exact = f64::from(x).exp();
            for found in [exp::<false>(x), exp::<true>(x)] {
                assert!(((f64::from(found) - exact) / exact).abs() < 2.4e-7, "exp({x}) = {found}, not {exact}");
            }
        }
        assert_eq!((exp::<true>(0.0), exp::<true>(-1e30), exp::<true>(f32::NEG_INFINITY)), (1.0, 0.0, 0.0));
        assert!(exp::<true>(f32::INFINITY).is_finite());
        assert!(exp::<true>(f32::NAN).is_nan());
    }

    #[test]
    fn erf_is_as_exact_as_it_claims() {
        for x in sweep(-6.0, 6.0) {
            for found in [erf::<false>(x), erf::<true>(x)] {
                assert!((found - libm::erff(x)).abs() < 5e-7, "erf({x}) = {found}, not {}", libm::erff(x));
            }
        }
    }

    #[test]
    fn gelu_for_int8_is_as_exact_as_it_claims() {
        for x in sweep(-30.0, 30.0) {
            let expected = 0.5 * x * (1.0 + libm::erff(x * std::f32::consts::FRAC_1_SQRT_2));
            let mut found = [x, x];
            gelu_for_int8::<false>(&mut found[..1]);
            gelu_for_int8::<true>(&mut found[1..]);
            assert!(
                found.iter().all(|found| (found - expected).abs() < 1.7e-4),
                "gelu({x}) = {found:?}, not {expected}"
            );
        }
    }

    #[test]
    fn sums_and_maxima_take_every_element() {
        for size in 1..70 {
            let row: Vec<f32> = (0..size).map(|i| ((i * 7919) % 101) as f32 - 50.0).collect();
            assert_eq!(sum(&row, |value| value), row.iter().sum::<f32>());
            assert_eq!(max(&row), row.iter().copied().fold(f32::MIN, f32::max));
            for &value in &row {
                assert_eq!(position(&row, value), row.iter().position(|&other| other == value));
            }
            assert_eq!(position(&row, 0.5), None);
        }
    }
}
