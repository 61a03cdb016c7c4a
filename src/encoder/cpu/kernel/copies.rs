//! What instruction sets have in common: each has a copy of its own of the operations in plain Rust, and those of vectors
//! one product, in which only the width of a vector and the rows of a tile differ.

/// Compiles [`elementwise`](super::elementwise) and rounding for an instruction set.
macro_rules! plain_operations {
    ($(features: $features:literal,)? fma: $fma:literal) => {
        $(#[target_feature(enable = $features)])?
        pub fn layer_norm(x: &mut [f32], weight: &[f32], bias: &[f32], eps: f32) {
            super::elementwise::layer_norm::<$fma>(x, weight, bias, eps);
        }

        $(#[target_feature(enable = $features)])?
        pub fn softmax(x: &mut [f32], stride: usize, columns: usize, scale: f32, factors: &mut [f32]) {
            super::elementwise::softmax::<$fma>(x, stride, columns, scale, factors);
        }

        $(#[target_feature(enable = $features)])?
        pub fn gelu(x: &mut [f32]) {
            super::elementwise::gelu::<$fma>(x);
        }

        $(#[target_feature(enable = $features)])?
        pub fn gelu_tanh(x: &mut [f32]) {
            super::elementwise::gelu_tanh::<$fma>(x);
        }

        $(#[target_feature(enable = $features)])?
        pub fn round_rows<'a, F: super::narrow::Format + 'a>(
            activation: Option<crate::model::Activation>,
            values: &mut [f32],
            inputs: usize,
            rows: impl Iterator<Item = (&'a mut [super::narrow::Line], &'a mut F::Row)>,
        ) {
            super::narrow::round_rows::<F, $fma>(activation, values, inputs, rows);
        }
    };
}
pub(super) use plain_operations;

/// Defines `matmul` for vectors that are multiplied and added in one instruction; a panel is two of them wide.
#[cfg(target_arch = "x86_64")]
macro_rules! vector_matmul {
    (
        features: $features:literal, vector: $vector:ty, rows: [$($rows:literal),+] up to $tile_rows:literal,
        set: $set:path, load: $load:path, store: $store:path, multiply_add: $multiply_add:path
    ) => {
        /// Lanes of a vector.
        const LANES: usize = size_of::<$vector>() / size_of::<f32>();
        /// Vectors of a panel.
        const VECTORS: usize = 2;
        /// Columns of a panel.
        pub const PANEL_WIDTH: usize = VECTORS * LANES;

        /// See [`MatMul`].
        #[target_feature(enable = $features)]
        pub fn matmul(task: MatMul<'_>) {
            by_tiles::<PANEL_WIDTH, $tile_rows>(task, |rows, tile, c| {
                with_rows!(rows, [$($rows),+], accumulate(tile, c));
            });
        }

        #[target_feature(enable = $features)]
        fn accumulate<const ROWS: usize>(tile: &Tile<'_>, c: &mut [f32]) {
            let depth = tile.panel.len() / PANEL_WIDTH;
            assert!(tile.a.len() >= (ROWS - 1) * tile.a_stride + depth);
            assert!(c.len() >= (ROWS - 1) * tile.c_stride + PANEL_WIDTH);
            let (a, panel, c) = (tile.a.as_ptr(), tile.panel.as_ptr(), c.as_mut_ptr());

            let mut sums = [[$set(0.0); VECTORS]; ROWS];
            for (r, sums) in sums.iter_mut().enumerate() {
                for (v, sum) in sums.iter_mut().enumerate() {
                    // SAFETY: PANEL_WIDTH values of row r < ROWS; asserted above to lie in `c`.
                    *sum = unsafe { $load(c.add(r * tile.c_stride + v * LANES)) };
                }
            }
            for k in 0..depth {
                let mut weights: [$vector; VECTORS] = [$set(0.0); VECTORS];
                for (v, weights) in weights.iter_mut().enumerate() {
                    // SAFETY: k < depth, and the panel holds depth * PANEL_WIDTH values.
                    *weights = unsafe { $load(panel.add(k * PANEL_WIDTH + v * LANES)) };
                }
                for (r, sums) in sums.iter_mut().enumerate() {
                    // SAFETY: value k < depth of row r < ROWS; asserted above to lie in `a`.
                    let value = $set(unsafe { *a.add(r * tile.a_stride + k) });
                    for (sum, &weights) in sums.iter_mut().zip(&weights) {
                        *sum = $multiply_add(value, weights, *sum);
                    }
                }
            }
            for (r, sums) in sums.iter().enumerate() {
                for (v, &sum) in sums.iter().enumerate() {
                    // SAFETY: as for the loads; `c` is borrowed mutably.
                    unsafe { $store(c.add(r * tile.c_stride + v * LANES), sum) };
                }
            }
        }
    };
}
#[cfg(target_arch = "x86_64")]
pub(super) use vector_matmul;
