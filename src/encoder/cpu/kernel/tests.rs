//! Every kernel of this machine against plain loops, and row independence bit by bit.

use super::super::pack::PackedLinear;
use super::*;
use crate::encoder::reference;
use crate::model::{Linear, Matrix};

/// Small deterministic numbers of both signs.
fn noise(length: usize, seed: u32) -> Vec<f32> {
    let mut state = seed.wrapping_mul(0x9E37_79B9) | 1;
    (0..length)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 17;
            state ^= state << 5;
            (state >> 8) as f32 / (1 << 23) as f32 - 1.0
        })
        .collect()
}

fn multiply(kernel: Kernel, rows: usize, a: &[f32], map: &PackedLinear) -> Vec<f32> {
    let panels = &map.panels;
    let mut c = vec![f32::NAN; rows * panels.outputs];
    kernel.matmul(MatMul {
        rows,
        a,
        a_stride: panels.inputs,
        b: panels.into(),
        c: &mut c,
        c_stride: panels.outputs,
        start: Start::Bias(&map.bias),
    });
    c
}

#[test]
fn products_equal_plain_loops_for_every_shape() {
    for kernel in Kernel::available() {
        for (rows, inputs, outputs) in
            [(1, 1, 1), (1, 384, 384), (3, 5, 7), (11, 400, 33), (12, 32, 64), (13, 769, 65), (37, 64, 31)]
        {
            let (a, weights, bias) = (noise(rows * inputs, 1), noise(outputs * inputs, 2), noise(outputs, 3));
            let linear = Linear { weight: Matrix::from_f32(outputs, inputs, weights.clone()), bias: bias.clone() };
            let c = multiply(kernel, rows, &a, &PackedLinear::side_by_side([linear], kernel));
            for row in 0..rows {
                for output in 0..outputs {
                    let products =
                        (0..inputs).map(|k| f64::from(a[row * inputs + k]) * f64::from(weights[output * inputs + k]));
                    let expected = f64::from(bias[output]) + products.sum::<f64>();
                    let found = f64::from(c[row * outputs + output]);
                    assert!((found - expected).abs() < 1e-4, "{kernel} {rows}x{inputs}x{outputs}: {found} {expected}");
                }
            }
        }
    }
}

#[test]
fn a_row_has_the_same_bits_in_every_block() {
    let (inputs, outputs, rows) = (400, 70, 29);
    let a = noise(rows * inputs, 4);
    for kernel in Kernel::available() {
        let linear =
            Linear { weight: Matrix::from_f32(outputs, inputs, noise(inputs * outputs, 5)), bias: noise(outputs, 6) };
        let map = PackedLinear::side_by_side([linear], kernel);
        let together = multiply(kernel, rows, &a, &map);
        for from in 0..rows {
            for to in from + 1..=rows {
                let part = multiply(kernel, to - from, &a[from * inputs..to * inputs], &map);
                assert_eq!(part, together[from * outputs..to * outputs], "{kernel}: rows {from}..{to}");
            }
        }
    }
}

#[test]
fn elementwise_operations_equal_plain_formulas() {
    for kernel in Kernel::available() {
        for size in [1, 3, 16, 47, 384] {
            let x = noise(3 * size, 7);
            let (weight, bias) = (noise(size, 8), noise(size, 9));

            let mut normed = x.clone();
            kernel.layer_norm(&mut normed, &LayerNorm { weight: weight.clone(), bias: bias.clone() }, 1e-5);
            let mut soft = x.clone();
            let columns = size.div_ceil(2);
            let mut factors = [f32::NAN; 3];
            kernel.softmax(&mut soft, size, columns, 3.0, &mut factors);
            for (r, row) in x.chunks(size).enumerate() {
                let mean = row.iter().sum::<f32>() / size as f32;
                let variance = row.iter().map(|value| (value - mean).powi(2)).sum::<f32>() / size as f32;
                let exps: Vec<f32> = row[..columns].iter().map(|value| (3.0 * value).exp()).collect();
                for i in 0..size {
                    let expected = (row[i] - mean) / (variance + 1e-5).sqrt() * weight[i] + bias[i];
                    assert!((normed[r * size + i] - expected).abs() < 1e-5, "{kernel} layer norm of {size}");
                }
                for i in 0..columns {
                    let expected = exps[i] / exps.iter().sum::<f32>();
                    assert!((soft[r * size + i] * factors[r] - expected).abs() < 1e-6, "{kernel} softmax of {columns}");
                }
            }
            for activation in [Activation::Gelu, Activation::GeluTanh, Activation::Relu] {
                let mut active: Vec<f32> = x.iter().map(|value| value * 8.0).collect();
                let before = active.clone();
                kernel.activate(activation, &mut active);
                for (found, x) in active.iter().zip(before) {
                    let expected = reference::activate(activation, x);
                    assert!((found - expected).abs() < 2e-6, "{kernel} {activation:?}({x}) = {found}, not {expected}");
                }
            }
        }
    }
}
