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
        kernel.narrow_matmul(NarrowMatMul { a: &a, b: &b, c: &mut c, after: After::Store });
        c
    };
    let expected = run(Kernel::Portable);
    for kernel in Kernel::available().filter(|kernel| kernel.to_string() != "amx") {
        assert!(run(kernel) == expected, "{kernel}");
    }
}
