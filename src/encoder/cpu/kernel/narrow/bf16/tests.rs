//! What rows are rounded to, and in which order products are added.

use super::*;
use crate::encoder::cpu::kernel::After;
use crate::encoder::cpu::kernel::narrow::{NarrowLinear, NarrowRows};
use crate::model::Matrix;

#[test]
fn rows_are_rounded_to_nearest_even() {
    // 1 + 2⁻⁷ is the next number after 1.
    let (half, step) = (2f32.powi(-8), 2f32.powi(-7));
    let cases = [
        (1.0, 1.0),
        (1.0 + half, 1.0),
        (1.0 + half + 2f32.powi(-23), 1.0 + step),
        (1.0 + step + half, 1.0 + 2.0 * step),
        (-1.0 - step - half, -1.0 - 2.0 * step),
        (-0.0, -0.0),
        (1e-40, f32::from_bits(0x0001_0000)),
        (f32::MAX, f32::INFINITY),
        (f32::NEG_INFINITY, f32::NEG_INFINITY),
        (f32::from_bits(0x7FFF_FFFF), f32::NAN),
        (f32::from_bits(0xFF80_0001), f32::NAN),
    ];
    // As many rows as a row has places, so that each case is in each place of a line.
    let inputs = 50;
    let values: Vec<f32> = (0..inputs * inputs).map(|i| cases[(i + i / inputs) % cases.len()].0).collect();
    for kernel in Kernel::available() {
        let mut rows = NarrowRows::<Bf16>::default();
        rows.round(kernel, None, &mut values.clone(), inputs);
        for (i, value) in values.iter().enumerate() {
            let expected = cases[(i + i / inputs) % cases.len()].1;
            let line = &rows.lines_from(i / inputs)[i % inputs / Bf16::LINE_INPUTS];
            let bytes = line.0.as_chunks().0[i % inputs % Bf16::LINE_INPUTS];
            let found = bf16::from_le_bytes(bytes).to_f32();
            let same = found.to_bits() == expected.to_bits() || found.is_nan() && expected.is_nan();
            assert!(same, "{kernel}: {value} became {found}, not {expected}");
        }
    }
}

/// Whether a CPU has the instruction or not makes no difference to a sum.
#[test]
fn kernels_without_tiles_give_the_same_bits() {
    let (rows, inputs, outputs) = (23, 391, 77);
    let noise = crate::encoder::cpu::kernel::narrow::tests::noise;
    let linear =
        || Linear { weight: Matrix::from_f32(outputs, inputs, noise(inputs * outputs, 4)), bias: noise(outputs, 5) };
    let run = |kernel: Kernel| {
        let mut a = NarrowRows::<Bf16>::default();
        a.round(kernel, None, &mut noise(rows * inputs, 6), inputs);
        let mut c = vec![0.0; rows * outputs];
        let b = NarrowLinear::side_by_side([linear()]);
        kernel.narrow_matmul(NarrowMatMul { a: &a, b: &b, c: &mut c, c_stride: outputs, after: After::Store });
        c
    };
    let expected = run(Kernel::Portable);
    for kernel in Kernel::available().filter(|kernel| kernel.to_string() != "amx") {
        assert!(run(kernel) == expected, "{kernel}");
    }
}

/// Rows of one head among others: `size` values of every `stride`.
fn head(values: &[f32], stride: usize, size: usize, count: usize) -> HeadRows<'_> {
    HeadRows { values: &values[..(count - 1) * stride + size], stride, size, count }
}

fn narrow(value: f32) -> f64 {
    bf16::from_f32(value).to_f64()
}

/// Scores, their softmax, and sums of values, each against plain loops over numbers that are rounded likewise.
#[test]
fn steps_of_attention_equal_plain_loops() {
    let noise = crate::encoder::cpu::kernel::narrow::tests::noise;
    let (stride, factor) = (90, 0.3);
    for (kernel, lines) in Kernel::available().filter_map(|kernel| Some((kernel, kernel.head_lines()?))) {
        let (mut queries, mut weights) = (NarrowRows::default(), NarrowRows::default());
        let (mut keys, mut values) = (NarrowLinear::default(), NarrowLinear::default());
        for (tokens, size) in [(1, 1), (70, 70), (16, 32), (15, 33), (33, 16), (48, 64), (2, 90), (31, 32), (65, 8)] {
            let all = [7, 8, 9].map(|seed| noise(tokens * stride, seed));
            let [q, k, v] = all.each_ref().map(|values| head(values, stride, size, tokens));
            let padded = tokens.next_multiple_of(PANEL_WIDTH);
            let about = format!("{kernel}: {tokens} tokens of {size} values");

            lines.round(q, factor, &mut queries);
            lines.pack_keys(k, &mut keys);
            let mut scores = vec![f32::NAN; tokens * padded];
            let (a, b) = (&queries, &keys);
            kernel.narrow_matmul(NarrowMatMul { a, b, c: &mut scores, c_stride: padded, after: After::Store });
            for (query, scores) in q.iter().zip(scores.chunks(padded)) {
                for (key, score) in k.iter().zip(scores) {
                    let products = query.iter().zip(key).map(|(q, k)| narrow(q * factor) * narrow(*k));
                    assert!((products.sum::<f64>() - f64::from(*score)).abs() < 1e-4, "{about}");
                }
                assert!(scores[tokens..].iter().all(|&score| score == 0.0), "{about}");
            }

            // Far apart, so that the least vanish.
            scores.iter_mut().for_each(|score| *score *= 20.0);
            let expected: Vec<Vec<f64>> = scores
                .chunks(padded)
                .map(|row| {
                    let max = row[..tokens].iter().copied().fold(f32::MIN, f32::max);
                    let powers: Vec<f64> = row[..tokens].iter().map(|score| f64::from(score - max).exp2()).collect();
                    powers.iter().map(|power| power / powers.iter().sum::<f64>()).collect()
                })
                .collect();
            lines.softmax2(&mut scores, padded, tokens, &mut weights);
            lines.pack_values(v, &mut values);
            let mut context = vec![0.25; tokens * stride];
            let (a, b) = (&weights, &values);
            kernel.narrow_matmul(NarrowMatMul { a, b, c: &mut context, c_stride: stride, after: After::Store });
            for (weights, row) in expected.iter().zip(context.chunks(stride)) {
                for (dimension, found) in row[..size].iter().enumerate() {
                    let products =
                        weights.iter().zip(v.iter()).map(|(weight, value)| weight * narrow(value[dimension]));
                    // Weights are rounded to 8 bits.
                    assert!((products.sum::<f64>() - f64::from(*found)).abs() < 4e-3, "{about}");
                }
                assert!(row[size..].iter().all(|&value| value == 0.25), "{about}");
            }
        }
    }
}
