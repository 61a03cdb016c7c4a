//! Every format on every kernel of this machine, and the walk of AMX on emulated tiles, against plain loops.

use half::bf16;
use proptest::prelude::*;

use super::bf16::Bf16;
use super::int8::Int8;
use super::*;
use crate::model::{Activation, Matrix};

/// A format by its definition.
#[cfg(target_arch = "x86_64")]
trait Tested: amx::TileFormat<Sum: std::ops::Add<Output = Self::Sum>> + Reference {}
#[cfg(target_arch = "x86_64")]
impl<F: amx::TileFormat<Sum: std::ops::Add<Output = F::Sum>> + Reference> Tested for F {}
#[cfg(not(target_arch = "x86_64"))]
use Reference as Tested;

trait Reference: Format {
    /// Greatest error of GELU.
    const GELU_ERROR: f64;

    /// The values that are multiplied, in order of `case.values`.
    fn inputs(case: &Case) -> Vec<f64>;

    /// The weights that they are multiplied by, in order of `case.weights`.
    fn weights(case: &Case) -> Vec<f64>;
}

impl Reference for Int8 {
    const GELU_ERROR: f64 = 2e-4;

    fn inputs(case: &Case) -> Vec<f64> {
        let rows = case.round::<Int8>(Kernel::Portable);
        let value = |row: usize, input: usize| {
            let scale = rows.about(row);
            let byte = rows.lines_from(row)[input / LINE_BYTES].0[input % LINE_BYTES];
            let outlier = scale.outliers().iter().find(|outlier| outlier.input as usize == input);
            let steps = f64::from(i32::from(byte) - scale.zero_point);
            steps * f64::from(scale.step) + outlier.map_or(0.0, |outlier| outlier.value.into())
        };
        (0..case.rows)
            .flat_map(|row| (0..case.inputs).map(move |input| (row, input)))
            .map(|(r, i)| value(r, i))
            .collect()
    }

    fn weights(case: &Case) -> Vec<f64> {
        let weight = case.linear().weight;
        let mut integers = vec![0; case.inputs];
        let mut all = Vec::new();
        for output in 0..case.outputs {
            let scale = weight.int8_row_into(output, &mut integers);
            all.extend(integers.iter().map(|&integer| f64::from(integer) * f64::from(scale)));
        }
        all
    }
}

impl Reference for Bf16 {
    const GELU_ERROR: f64 = 1e-5;

    fn inputs(case: &Case) -> Vec<f64> {
        case.values.iter().map(|&value| bf16::from_f32(value).to_f64()).collect()
    }

    fn weights(case: &Case) -> Vec<f64> {
        case.weights.iter().map(|&weight| bf16::from_f32(weight).to_f64()).collect()
    }
}

/// A product's inputs.
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
    fn linear(&self) -> Linear {
        let weight = Matrix::from_f32(self.outputs, self.inputs, self.weights.clone());
        Linear { weight, bias: self.bias.clone() }
    }

    fn round<F: Format>(&self, kernel: Kernel) -> NarrowRows<F> {
        let mut rows = NarrowRows::default();
        // What an earlier use left behind must not matter.
        rows.round(kernel, None, &mut vec![f32::INFINITY; 33 * (self.inputs + 70)], self.inputs + 70);
        rows.round(kernel, None, &mut self.values.clone(), self.inputs);
        rows
    }

    fn run<F: Format>(&self, kernel: Kernel, after: After, matmul: impl Fn(NarrowMatMul<'_, F>)) -> Vec<f32> {
        let (rows, map) = (self.round(kernel), NarrowLinear::side_by_side([self.linear()]));
        let mut c = vec![0.5; self.rows * self.outputs];
        matmul(NarrowMatMul { a: &rows, b: &map, c: &mut c, c_stride: self.outputs, after });
        c
    }

    /// For each value what should come out, and the sum of the sizes of what is added up to it, which its rounding is
    /// proportional to.
    fn expected<F: Reference>(&self, after: After) -> Vec<(f64, f64)> {
        let (inputs, weights) = (F::inputs(self), F::weights(self));
        let finish = |value: f64| match after {
            After::Store => value,
            After::Add => value + 0.5,
        };
        let rows = inputs.chunks(self.inputs);
        rows.flat_map(|row| {
            let columns = weights.chunks(self.inputs).zip(&self.bias);
            columns.map(|(weights, &bias)| {
                let products = || row.iter().zip(weights).map(|(a, b)| a * b);
                let size = products().map(f64::abs).sum::<f64>() + f64::from(bias.abs());
                (finish(products().sum::<f64>() + f64::from(bias)), size)
            })
        })
        .collect()
    }

    fn check<F: Tested>(&self) -> Result<(), TestCaseError> {
        for after in [After::Store, After::Add] {
            let expected = self.expected::<F>(after);
            let check = |name: &str, found: Vec<f32>| {
                prop_assert_eq!(found.len(), expected.len());
                for (found, (expected, size)) in found.iter().zip(&expected) {
                    let error = (f64::from(*found) - expected).abs();
                    let tolerance = 1e-6 + 2e-6 * size;
                    prop_assert!(error <= tolerance, "{:?} {name}: {found}, not {expected}", F::default());
                }
                Ok(())
            };
            for kernel in Kernel::available() {
                check(&kernel.to_string(), self.run::<F>(kernel, after, |task| kernel.narrow_matmul(task)))?;
            }
            #[cfg(target_arch = "x86_64")]
            check("emulated amx", self.run::<F>(Kernel::Portable, after, amx::emulated::matmul))?;
        }
        Ok(())
    }

    /// An activation is applied to the values in place, and then they are rounded as any others.
    fn check_activations<F: Reference>(&self) -> Result<(), TestCaseError> {
        let gelu = |value: f64| 0.5 * value * (1.0 + libm::erf(value / std::f64::consts::SQRT_2));
        let relu = |value: f64| value.max(0.0);
        let activations: [(_, &dyn Fn(f64) -> f64); 2] = [(Activation::Gelu, &gelu), (Activation::Relu, &relu)];
        for (kernel, (activation, exact)) in Kernel::available().flat_map(|kernel| activations.map(|a| (kernel, a))) {
            let mut values = self.values.clone();
            let mut rows = NarrowRows::<F>::default();
            rows.round(kernel, Some(activation), &mut values, self.inputs);
            for (found, value) in values.iter().zip(&self.values) {
                let expected = exact((*value).into());
                let error = (f64::from(*found) - expected).abs();
                // That of erf is multiplied by the value.
                let tolerance = F::GELU_ERROR + 1e-6 * f64::from(value.abs());
                prop_assert!(error <= tolerance, "{kernel}: {found}, not {expected}");
            }
            let plain = Case { values, ..self.clone() }.round::<F>(kernel);
            for row in 0..self.rows {
                // What is left of the last line may differ.
                let bytes = |rows: &NarrowRows<F>| -> Vec<u8> {
                    let bytes = rows.lines_from(row).iter().flat_map(|line| line.0);
                    bytes.take(self.inputs * LANE_BYTES / F::GROUP).collect()
                };
                prop_assert_eq!(bytes(&rows), bytes(&plain));
            }
        }
        Ok(())
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_kernel_equals_plain_loops(case in cases()) {
        case.check::<Int8>()?;
        case.check::<Bf16>()?;
    }

    #[test]
    fn activations_come_before_rounding(case in cases()) {
        case.check_activations::<Int8>()?;
        case.check_activations::<Bf16>()?;
    }
}

/// Numbers of both signs that are no multiples of each other.
pub fn noise(length: usize, seed: usize) -> Vec<f32> {
    (0..length).map(|i| ((i * 7919 + seed) % 1009) as f32 / 500.0 - 1.0).collect()
}

fn check_rows<F: Tested>() {
    let (rows, inputs, outputs) = (37, 130, 70);
    let case = Case {
        rows,
        inputs,
        outputs,
        values: noise(rows * inputs, 1),
        weights: noise(outputs * inputs, 2),
        bias: noise(outputs, 3),
    };
    let check = |name: &str, kernel, matmul: &dyn Fn(NarrowMatMul<'_, F>)| {
        let together = case.run(kernel, After::Store, matmul);
        let parts = (0..rows).flat_map(|from| (from + 1..=rows).map(move |to| (from, to)));
        for (from, to) in parts.filter(|(from, to)| to - from < 8 || (from + to) % 5 == 0) {
            let values = case.values[from * inputs..to * inputs].to_vec();
            let part = Case { rows: to - from, values, ..case.clone() };
            let part = part.run(kernel, After::Store, matmul);
            assert_eq!(part, together[from * outputs..to * outputs], "{:?} {name}: rows {from}..{to}", F::default());
        }
    };
    for kernel in Kernel::available() {
        check(&kernel.to_string(), kernel, &|task| kernel.narrow_matmul(task));
    }
    #[cfg(target_arch = "x86_64")]
    check("emulated amx", Kernel::Portable, &amx::emulated::matmul);
}

#[test]
fn a_row_has_the_same_bits_in_every_block() {
    check_rows::<Int8>();
    check_rows::<Bf16>();
}
