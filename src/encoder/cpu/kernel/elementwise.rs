//! Element-wise operations in plain Rust, written so that the compiler vectorises them. Each instruction set compiles
//! its own copy: the functions are inlined into callers that have its target features.

/// Independent partial sums, so that a sum vectorises; its order is fixed by the length of the row alone.
const LANES: usize = 16;

#[inline(always)]
pub fn layer_norm(x: &mut [f32], weight: &[f32], bias: &[f32], eps: f32) {
    let size = weight.len();
    for row in x.chunks_exact_mut(size) {
        let mean = sum(row, |value| value) / size as f32;
        let variance = sum(row, |value| (value - mean) * (value - mean)) / size as f32;
        let scale = 1.0 / (variance + eps).sqrt();
        for ((value, weight), bias) in row.iter_mut().zip(weight).zip(bias) {
            *value = (*value - mean) * scale * weight + bias;
        }
    }
}

#[inline(always)]
pub fn softmax(x: &mut [f32], stride: usize, columns: usize, scale: f32) {
    for row in x.chunks_exact_mut(stride) {
        let row = &mut row[..columns];
        let max = max(row);
        for value in row.iter_mut() {
            *value = exp((*value - max) * scale);
        }
        let factor = 1.0 / sum(row, |value| value);
        for value in row {
            *value *= factor;
        }
    }
}

#[inline(always)]
pub fn gelu(x: &mut [f32]) {
    for value in x {
        *value = 0.5 * *value * (1.0 + erf(*value * std::f32::consts::FRAC_1_SQRT_2));
    }
}

#[inline(always)]
pub fn gelu_tanh(x: &mut [f32]) {
    const SQRT_2_OVER_PI: f32 = 0.797_884_6;
    for value in x {
        let inner = SQRT_2_OVER_PI * (*value + 0.044_715 * *value * *value * *value);
        // (1 + tanh(y)) / 2 = 1 / (1 + exp(-2y))
        *value /= 1.0 + exp(-2.0 * inner);
    }
}

#[inline(always)]
fn sum(row: &[f32], map: impl Fn(f32) -> f32) -> f32 {
    let (chunks, rest) = row.as_chunks::<LANES>();
    let mut lanes = [0.0; LANES];
    for chunk in chunks {
        for (lane, &value) in lanes.iter_mut().zip(chunk) {
            *lane += map(value);
        }
    }
    for (lane, &value) in lanes.iter_mut().zip(rest) {
        *lane += map(value);
    }
    lanes.iter().sum()
}

#[inline(always)]
fn max(row: &[f32]) -> f32 {
    let larger = |a: f32, b: f32| if b > a { b } else { a };
    let (chunks, rest) = row.as_chunks::<LANES>();
    let mut lanes = [f32::NEG_INFINITY; LANES];
    for chunk in chunks {
        for (lane, &value) in lanes.iter_mut().zip(chunk) {
            *lane = larger(*lane, value);
        }
    }
    for (lane, &value) in lanes.iter_mut().zip(rest) {
        *lane = larger(*lane, value);
    }
    lanes.into_iter().fold(f32::NEG_INFINITY, larger)
}

/// `exp(x)` within 2 ulp on the range of normal results; 0 below it, about 2.4e38 above it.
///
/// `x = n ln 2 + r`, `exp(x) = 2ⁿ exp(r)`, with the polynomial of Cephes' `expf` for `exp(r)`.
#[inline(always)]
fn exp(x: f32) -> f32 {
    const LN2_HIGH: f32 = 0.693_359_4;
    const LN2_LOW: f32 = -2.121_944_4e-4;
    /// Adding and subtracting 1.5 · 2²³ rounds to the nearest integer.
    const ROUND: f32 = 12_582_912.0;
    let clamped = x.clamp(-87.0, 88.3);
    let shifted = clamped * std::f32::consts::LOG2_E + ROUND;
    let n = shifted - ROUND;
    let r = clamped - n * LN2_HIGH - n * LN2_LOW;
    let mut p = 1.987_569_2e-4;
    p = p * r + 1.398_199_9e-3;
    p = p * r + 8.333_452e-3;
    p = p * r + 4.166_579_6e-2;
    p = p * r + 1.666_666_6e-1;
    p = p * r + 5.000_000_3e-1;
    p = p * r * r + r + 1.0;
    // The low bits of `shifted` hold n as an integer; move it into the exponent.
    let power = f32::from_bits(shifted.to_bits().wrapping_sub(ROUND.to_bits()).wrapping_add(127) << 23);
    if x < -87.0 { 0.0 } else { p * power }
}

/// `erf(x)` within 5e-7: the rational approximation that Eigen and XLA use for f32.
#[inline(always)]
fn erf(x: f32) -> f32 {
    let x = x.clamp(-4.0, 4.0);
    let s = x * x;
    let mut p = -2.726_142e-10;
    p = p * s + 2.770_681_4e-8;
    p = p * s - 2.101_024e-6;
    p = p * s - 5.692_506_4e-5;
    p = p * s - 7.349_906e-4;
    p = p * s - 2.954_6e-3;
    p = p * s - 1.609_603_3e-2;
    let mut q = -1.456_607_2e-5;
    q = q * s - 2.133_740_6e-4;
    q = q * s - 1.682_827e-3;
    q = q * s - 7.373_329e-3;
    q = q * s - 1.426_473_9e-2;
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
            assert!(((f64::from(exp(x)) - exact) / exact).abs() < 2.4e-7, "exp({x}) = {}, not {exact}", exp(x));
        }
        assert_eq!((exp(0.0), exp(-1e30), exp(f32::NEG_INFINITY)), (1.0, 0.0, 0.0));
        assert!(exp(f32::INFINITY).is_finite());
        assert!(exp(f32::NAN).is_nan());
    }

    #[test]
    fn erf_is_as_exact_as_it_claims() {
        for x in sweep(-6.0, 6.0) {
            assert!((erf(x) - libm::erff(x)).abs() < 5e-7, "erf({x}) = {}, not {}", erf(x), libm::erff(x));
        }
    }

    #[test]
    fn sums_and_maxima_take_every_element() {
        for size in 1..70 {
            let row: Vec<f32> = (0..size).map(|i| ((i * 7919) % 101) as f32 - 50.0).collect();
            assert_eq!(sum(&row, |value| value), row.iter().sum::<f32>());
            assert_eq!(max(&row), row.iter().copied().fold(f32::MIN, f32::max));
        }
    }
}
