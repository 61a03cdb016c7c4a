//! Every kernel of this machine, and the walk of AMX on emulated tiles, against plain loops.

use proptest::prelude::*;

use super::*;
use crate::model::{Activation, Linear, Matrix};

/// A product's inputs in integers and what should come out.
#[derive(Debug, Clone)]
struct Case {
    rows: usize,
    inputs: usize,
    outputs: usize,
    values: Vec<f32>,
    weights: Vec<f32>,
    bias: Vec<f32>,
}

fn cases() -> impl Strategy<Value = Case> {
    (0usize..40, 1usize..200, 1usize..100, 0u32..3).prop_flat_map(|(rows, inputs, outputs, kind)| {
        // Small, ordinary, and saturating: every value at one of the two ends.
        let value = move || match kind {
            0 => prop_oneof![Just(0.0f32), -1e-30f32..1e-30].boxed(),
            1 => prop_oneof![60 => -3.0f32..3.0, 1 => -300.0f32..300.0].boxed(),
            _ => prop_oneof![Just(-2.0f32), Just(2.0f32)].boxed(),
        };
        let vector = |length: usize| prop::collection::vec(value(), length);
        (vector(rows * inputs), vector(inputs * outputs), vector(outputs))
            .prop_map(move |(values, weights, bias)| Case { rows, inputs, outputs, values, weights, bias })
    })
}

impl Case {
    fn map(&self) -> Int8Linear {
        let weight = Matrix::from_f32(self.outputs, self.inputs, self.weights.clone());
        Int8Linear::side_by_side([Linear { weight, bias: self.bias.clone() }])
    }

    fn run(&self, kernel: Kernel, after: After, matmul: impl Fn(Int8MatMul<'_>)) -> Vec<f32> {
        let map = self.map();
        let mut rows = QuantizedRows::default();
        rows.quantize(kernel, &self.values, self.inputs);
        let mut c = vec![0.5; self.rows * self.outputs];
        matmul(Int8MatMul { a: &rows, b: &map, c: &mut c, after });
        c
    }

    /// For each value the sum of the sizes of what is added up to it, which its rounding is proportional to.
    fn sizes(&self) -> Vec<f64> {
        let product = |(a, b): (&f32, &f32)| (f64::from(*a) * f64::from(*b)).abs();
        let rows = self.values.chunks(self.inputs);
        rows.flat_map(|row| {
            let columns = self.weights.chunks(self.inputs).zip(&self.bias);
            columns.map(|(weights, bias)| row.iter().zip(weights).map(product).sum::<f64>() + f64::from(bias.abs()))
        })
        .collect()
    }

    /// The same product from the same integers by plain loops.
    fn expected(&self, after: After) -> Vec<f64> {
        let map = self.map();
        let mut rows = QuantizedRows::default();
        rows.quantize(Kernel::Portable, &self.values, self.inputs);
        let weight = Matrix::from_f32(self.outputs, self.inputs, self.weights.clone());
        let mut out = Vec::new();
        for row in 0..self.rows {
            let scale = rows.scale(row);
            for output in 0..self.outputs {
                let mut integers = vec![0; self.inputs];
                let weight_scale = weight.int8_row_into(output, &mut integers);
                let sum: i64 = (0..self.inputs)
                    .map(|k| {
                        let byte = rows.lines_from(row)[k / LINE_BYTES].0[k % LINE_BYTES];
                        (i64::from(byte) - i64::from(scale.zero_point)) * i64::from(integers[k])
                    })
                    .sum();
                let outliers = scale.outliers().iter();
                let aside: f64 = outliers.map(|o| f64::from(o.value) * f64::from(integers[o.input as usize])).sum();
                let value = (sum as f64 * f64::from(scale.step) + aside) * f64::from(weight_scale)
                    + f64::from(self.bias[output]);
                out.push(match after {
                    After::Store => value,
                    After::Add => value + 0.5,
                    After::Activate(Activation::Relu) => value.max(0.0),
                    After::Activate(_) => 0.5 * value * (1.0 + libm::erf(value / std::f64::consts::SQRT_2)),
                });
            }
        }
        assert_eq!(map.outputs() * self.rows, out.len());
        out
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn every_kernel_equals_plain_loops(case in cases()) {
        for after in [After::Store, After::Add, After::Activate(Activation::Gelu), After::Activate(Activation::Relu)] {
            let expected = case.expected(after);
            let sizes = case.sizes();
            let gelu = after == After::Activate(Activation::Gelu);
            let check = |name: &str, found: Vec<f32>| {
                for ((found, expected), size) in found.iter().zip(&expected).zip(&sizes) {
                    let error = (f64::from(*found) - expected).abs();
                    let tolerance = 1e-6 + 2e-6 * size + if gelu { 2e-4 } else { 0.0 };
                    prop_assert!(error <= tolerance, "{name}: {found}, not {expected}");
                }
                Ok(())
            };
            for kernel in Kernel::available() {
                check(&kernel.to_string(), case.run(kernel, after, |task| kernel.int8_matmul(task)))?;
            }
            #[cfg(target_arch = "x86_64")]
            check("emulated amx", case.run(Kernel::Portable, after, amx::emulated::matmul))?;
        }
    }

    #[test]
    fn rounding_is_off_by_half_a_step_at_most(
        row in prop_oneof![
            prop::collection::vec(-4.0f32..4.0, 1..150),
            prop::collection::vec(0.0f32..1e6, 1..150),
            prop::collection::vec(-1e-3f32..0.0, 1..150),
            prop::collection::vec(prop_oneof![Just(-1.0f32), Just(1.0f32)], 1..150),
            prop::collection::vec(prop_oneof![20 => -1.0f32..1.0, 1 => Just(50.0f32), 1 => -90.0f32..90.0], 1..150),
        ],
    ) {
        for kernel in Kernel::available() {
            let mut rows = QuantizedRows::default();
            rows.quantize(kernel, &row, row.len());
            let scale = rows.scale(0);
            let span = row.iter().fold(0.0, |max: f32, value| max.max(value.abs()));
            prop_assert!(scale.step <= 2.0 * span / 254.0);
            for (k, value) in row.iter().enumerate() {
                let byte = rows.lines_from(0)[k / LINE_BYTES].0[k % LINE_BYTES];
                let outlier = scale.outliers().iter().find(|outlier| outlier.input as usize == k);
                let restored = scale.step * (i32::from(byte) - scale.zero_point) as f32;
                let restored = restored + outlier.map_or(0.0, |outlier| outlier.value);
                let error = (restored - value).abs();
                prop_assert!(error <= 0.501 * scale.step, "{kernel}: {value} became {restored}");
            }
        }
    }
}

#[test]
fn a_row_has_the_same_bits_in_every_block() {
    let (rows, inputs, outputs) = (37, 130, 70);
    let noise = |length: usize, seed: usize| (0..length).map(move |i| ((i * 7919 + seed) % 1009) as f32 / 500.0 - 1.0);
    let case = Case {
        rows,
        inputs,
        outputs,
        values: noise(rows * inputs, 1).collect(),
        weights: noise(outputs * inputs, 2).collect(),
        bias: noise(outputs, 3).collect(),
    };
    for kernel in Kernel::available() {
        let together = case.run(kernel, After::Store, |task| kernel.int8_matmul(task));
        for (from, to) in [(0, 1), (1, 2), (5, 11), (12, 37), (16, 33), (36, 37)] {
            let values = case.values[from * inputs..to * inputs].to_vec();
            let part = Case { rows: to - from, values, ..case.clone() };
            let part = part.run(kernel, After::Store, |task| kernel.int8_matmul(task));
            assert_eq!(part, together[from * outputs..to * outputs], "{kernel}: rows {from}..{to}");
        }
    }
}

#[test]
fn a_few_large_values_do_not_take_the_resolution_of_the_rest() {
    let mut row: Vec<f32> = (0..384).map(|i| ((i * 37) % 101) as f32 / 50.0 - 1.0).collect();
    row[5] = 40.0;
    row[383] = -31.0;
    for kernel in Kernel::available() {
        let mut rows = QuantizedRows::default();
        rows.quantize(kernel, &row, row.len());
        let outliers: Vec<_> = rows.scale(0).outliers().iter().map(|o| (o.input, o.value)).collect();
        assert_eq!(outliers, [(5, 40.0), (383, -31.0)], "{kernel}");
        assert!(rows.scale(0).step <= 2.0 / 254.0, "{kernel}: {:?}", rows.scale(0));
    }
}
