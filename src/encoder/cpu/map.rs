//! A linear map of a layer, packed for the precision that the encoder computes in.

use std::fmt;

use super::kernel::narrow::bf16::Bf16;
use super::kernel::narrow::int8::{Int8, MAX_INPUTS};
use super::kernel::narrow::{Format, NarrowLinear, NarrowMatMul, NarrowRows};
use super::kernel::{After, Kernel, MatMul, Start};
use super::pack::PackedLinear;
use crate::encoder::Precision;
use crate::error::LoadError;
use crate::model::{Activation, BertConfig, BertWeights, Linear};

/// One or more linear maps of the same input, side by side.
pub enum PackedMap {
    /// In IEEE single precision.
    F32(PackedLinear),
    /// In brain floating point; activations are rounded number by number.
    Bf16(NarrowLinear<Bf16>),
    /// In integers of 8 bits; activations are rounded row by row.
    Int8(NarrowLinear<Int8>),
}

/// Inputs of a map, rounded: working memory, of which one encoder uses one part.
#[derive(Default)]
pub struct RoundedRows {
    bf16: NarrowRows<Bf16>,
    int8: NarrowRows<Int8>,
}

/// In which numbers linear maps are computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arithmetic {
    F32,
    Bf16,
    Int8,
}

impl Arithmetic {
    /// What to compute in. [`Precision::Auto`] takes integers where the model's maker did: weights that are stored in int8
    /// were measured so, and rounding activations as well moves nearly every probability by less than 0.02.
    ///
    /// # Errors
    /// [`LoadError::Unavailable`] if the kernel or the model does not allow it.
    pub fn choose(
        precision: Precision,
        kernel: Kernel,
        config: &BertConfig,
        weights: &BertWeights,
    ) -> Result<Self, LoadError> {
        let unavailable = |reason| {
            let what = format!("precision {precision} with kernel {kernel}");
            Err(LoadError::Unavailable { what, reason })
        };
        let inputs = config.hidden_size.max(config.intermediate_size);
        match precision {
            Precision::Auto if weights.is_int8() && inputs <= MAX_INPUTS => Ok(Self::Int8),
            Precision::Auto | Precision::F32 => Ok(Self::F32),
            Precision::Int8 if inputs <= MAX_INPUTS => Ok(Self::Int8),
            Precision::Int8 => unavailable(format!("a map has {inputs} inputs, expected at most {MAX_INPUTS}")),
            Precision::Bf16 => Ok(Self::Bf16),
        }
    }
}

impl fmt::Display for Arithmetic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::F32 => "f32",
            Self::Bf16 => "bf16",
            Self::Int8 => "int8",
        })
    }
}

impl PackedMap {
    /// Packs several maps of the same input side by side, so that one call computes all their outputs.
    pub fn side_by_side<const N: usize>(maps: [Linear; N], arithmetic: Arithmetic, kernel: Kernel) -> Self {
        match arithmetic {
            Arithmetic::F32 => Self::F32(PackedLinear::side_by_side(maps, kernel)),
            Arithmetic::Bf16 => Self::Bf16(NarrowLinear::side_by_side(maps)),
            Arithmetic::Int8 => Self::Int8(NarrowLinear::side_by_side(maps)),
        }
    }

    /// Packs one map.
    pub fn new(map: Linear, arithmetic: Arithmetic, kernel: Kernel) -> Self {
        Self::side_by_side([map], arithmetic, kernel)
    }

    /// Maps rows of `input`, of their activation if there is one, to rows of `output`; `input` holds its activation
    /// thereafter. `rounded` is working memory.
    pub fn apply(
        &self,
        kernel: Kernel,
        activation: Option<Activation>,
        input: &mut [f32],
        output: &mut [f32],
        after: After,
        rounded: &mut RoundedRows,
    ) {
        match self {
            Self::F32(map) => {
                let panels = &map.panels;
                if let Some(activation) = activation {
                    kernel.activate(activation, input);
                }
                kernel.matmul(MatMul {
                    rows: input.len() / panels.inputs,
                    a: input,
                    a_stride: panels.inputs,
                    b: panels.into(),
                    c: output,
                    c_stride: panels.outputs,
                    start: if after == After::Add { Start::Add(&map.bias) } else { Start::Bias(&map.bias) },
                });
            }
            Self::Bf16(map) => apply_narrow(map, kernel, activation, input, output, after, &mut rounded.bf16),
            Self::Int8(map) => apply_narrow(map, kernel, activation, input, output, after, &mut rounded.int8),
        }
    }
}

fn apply_narrow<F: Format>(
    map: &NarrowLinear<F>,
    kernel: Kernel,
    activation: Option<Activation>,
    input: &mut [f32],
    output: &mut [f32],
    after: After,
    rounded: &mut NarrowRows<F>,
) {
    rounded.round(kernel, activation, input, map.inputs());
    kernel.narrow_matmul(NarrowMatMul { a: rounded, b: map, c: output, c_stride: map.outputs(), after });
}
