//! What rows are rounded to.

use proptest::prelude::*;

use super::*;
use crate::encoder::cpu::kernel::narrow::NarrowRows;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

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
            let mut rows = NarrowRows::<Int8>::default();
            rows.round(kernel, None, &mut row.clone(), row.len());
            let scale = rows.about(0);
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
fn a_few_large_values_do_not_take_the_resolution_of_the_rest() {
    let mut row: Vec<f32> = (0..384).map(|i| ((i * 37) % 101) as f32 / 50.0 - 1.0).collect();
    row[5] = 40.0;
    row[383] = -31.0;
    for kernel in Kernel::available() {
        let mut rows = NarrowRows::<Int8>::default();
        let mut values = row.clone();
        rows.round(kernel, None, &mut values, row.len());
        assert_eq!(values, row);
        let outliers: Vec<_> = rows.about(0).outliers().iter().map(|o| (o.input, o.value)).collect();
        assert_eq!(outliers, [(5, 40.0), (383, -31.0)], "{kernel}");
        assert!(rows.about(0).step <= 2.0 / 254.0, "{kernel}: {:?}", rows.about(0));
    }
}
