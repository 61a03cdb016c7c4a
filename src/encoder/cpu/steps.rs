//! Single steps of the encoder on made-up numbers, for `benches/kernels` (feature `bench-internals`): no part of the
//! public interface. Each function prepares a step and returns what runs it once.

use std::hint::black_box;

use super::Shape;
use super::attention::{HeadBuffers, attend};
use super::kernel::narrow::bf16::Bf16;
use super::kernel::narrow::int8::Int8;
use super::kernel::narrow::{Format, NarrowLinear, NarrowMatMul, NarrowRows};
use super::kernel::{After, Kernel, MatMul, Start};
use super::map::Arithmetic;
use super::pack::PackedLinear;
use crate::encoder::Precision;
use crate::model::{Activation, BertConfig, LayerNorm, Linear, Matrix, Pooling};

/// A step that is ready to run.
pub type Step = Box<dyn FnMut()>;

/// The product of `rows` of `inputs` values with a map to `outputs`, inputs already rounded, bias added; `auto` is f32.
pub fn product(kernel: Kernel, precision: Precision, [rows, inputs, outputs]: [usize; 3]) -> Step {
    let weight = Matrix::from_f32(outputs, inputs, numbers(inputs * outputs));
    let map = Linear { weight, bias: numbers(outputs) };
    let mut values = numbers(rows * inputs);
    let mut c = vec![0.0; rows * outputs];
    match precision {
        Precision::Int8 => narrow_product::<Int8>(kernel, map, &mut values, c),
        Precision::Bf16 => narrow_product::<Bf16>(kernel, map, &mut values, c),
        Precision::Auto | Precision::F32 => {
            let map = PackedLinear::side_by_side([map], kernel);
            Box::new(move || {
                let (b, start) = ((&map.panels).into(), Start::Bias(&map.bias));
                kernel.matmul(MatMul { rows, a: &values, a_stride: inputs, b, c: &mut c, c_stride: outputs, start });
                black_box(&mut c);
            })
        }
    }
}

fn narrow_product<F: Format + 'static>(kernel: Kernel, map: Linear, values: &mut [f32], mut c: Vec<f32>) -> Step {
    let map = NarrowLinear::<F>::side_by_side([map]);
    let mut rows = NarrowRows::default();
    rows.round(kernel, None, values, map.inputs());
    Box::new(move || {
        kernel.narrow_matmul(NarrowMatMul {
            a: &rows,
            b: &map,
            c: &mut c,
            c_stride: map.outputs(),
            after: After::Store,
        });
        black_box(&mut c);
    })
}

/// Rounds `rows` of `inputs` values; `None` where nothing is rounded.
pub fn rounding(kernel: Kernel, precision: Precision, rows: usize, inputs: usize) -> Option<Step> {
    fn round<F: Format + 'static>(kernel: Kernel, mut values: Vec<f32>, inputs: usize) -> Step {
        let mut rows = NarrowRows::<F>::default();
        Box::new(move || {
            rows.round(kernel, None, black_box(&mut values), inputs);
            black_box(rows.lines_from(0));
        })
    }
    match precision {
        Precision::Int8 => Some(round::<Int8>(kernel, numbers(rows * inputs), inputs)),
        Precision::Bf16 => Some(round::<Bf16>(kernel, numbers(rows * inputs), inputs)),
        Precision::Auto | Precision::F32 => None,
    }
}

/// Attention of all tokens of one sequence, as an encoder of that precision computes it; `auto` is f32.
pub fn attention(kernel: Kernel, precision: Precision, heads: usize, head_size: usize, tokens: usize) -> Step {
    let hidden = heads * head_size;
    let config = BertConfig {
        hidden_size: hidden,
        num_hidden_layers: 1,
        num_attention_heads: heads,
        intermediate_size: hidden,
        activation: Activation::Gelu,
        layer_norm_eps: EPS,
        max_position_embeddings: tokens,
        position_offset: 0,
        type_vocab_size: 1,
        vocab_size: 1,
    };
    let arithmetic = match precision {
        Precision::Auto | Precision::F32 => Arithmetic::F32,
        Precision::Bf16 => Arithmetic::Bf16,
        Precision::Int8 => Arithmetic::Int8,
    };
    let shape = Shape { config, pooling: Pooling::Mean, kernel, arithmetic };
    let (qkv, mut context) = (numbers(tokens * 3 * hidden), vec![0.0; tokens * hidden]);
    let mut buffers = HeadBuffers::default();
    Box::new(move || {
        attend(&shape, &[0, tokens], 0..tokens, black_box(&qkv), &mut context, &mut buffers);
        black_box(&mut context);
    })
}

/// Layer norm of `rows` of `size` values.
pub fn layer_norm(kernel: Kernel, rows: usize, size: usize) -> Step {
    let norm = LayerNorm { weight: vec![1.0; size], bias: vec![0.0; size] };
    let mut x = numbers(rows * size);
    Box::new(move || {
        kernel.layer_norm(&mut x, &norm, EPS);
        black_box(&mut x);
    })
}

/// GELU of `count` values, and a copy of them: applied again and again it would end at 0.
pub fn gelu(kernel: Kernel, count: usize) -> Step {
    let values = numbers(count);
    let mut x = values.clone();
    Box::new(move || {
        x.copy_from_slice(&values);
        kernel.activate(Activation::Gelu, &mut x);
        black_box(&mut x);
    })
}

/// As in BERT.
const EPS: f32 = 1e-12;

/// Numbers of both signs.
fn numbers(count: usize) -> Vec<f32> {
    (0..count).map(|i| ((i * 7919) % 1009) as f32 / 500.0 - 1.0).collect()
}
