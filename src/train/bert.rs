//! BERT in libtorch's fused operations.
//!
//! rust-bert's `BertModel` spells GELU and attention out in eager element-wise operations, each a pass over memory: on a
//! CPU they take half of a training step. The same network from `gelu`, `layer_norm`, `softmax` and `baddbmm`
//! trains markedly faster; a test holds it against `BertModel`.

use tch::{Kind, Tensor};

use crate::model::{self, Activation, BertConfig, BertWeights, Matrix};

/// The encoder without its table of word embeddings.
pub(super) struct Bert {
    position: Tensor,
    token_type: Tensor,
    norm: LayerNorm,
    layers: Vec<Layer>,
    heads: i64,
    position_offset: i64,
    activation: Activation,
}

struct Layer {
    query: Linear,
    key: Linear,
    value: Linear,
    attention_output: Linear,
    attention_norm: LayerNorm,
    intermediate: Linear,
    output: Linear,
    output_norm: LayerNorm,
}

struct Linear {
    weight: Tensor,
    bias: Tensor,
}

struct LayerNorm {
    weight: Tensor,
    bias: Tensor,
    eps: f64,
}

impl Bert {
    /// Copies the weights into leaf tensors of `kind` that want gradients.
    pub(super) fn new(config: &BertConfig, weights: &BertWeights, kind: Kind) -> Self {
        let norm = |norm: &model::LayerNorm| LayerNorm::new(norm, f64::from(config.layer_norm_eps), kind);
        let linear = |linear: &model::Linear| Linear::new(linear, kind);
        let layers = weights.layers.iter().map(|layer| Layer {
            query: linear(&layer.query),
            key: linear(&layer.key),
            value: linear(&layer.value),
            attention_output: linear(&layer.attention_output),
            attention_norm: norm(&layer.attention_norm),
            intermediate: linear(&layer.intermediate),
            output: linear(&layer.output),
            output_norm: norm(&layer.output_norm),
        });
        Self {
            position: matrix(&weights.embeddings.position, kind),
            token_type: matrix(&weights.embeddings.token_type, kind),
            norm: norm(&weights.embeddings.norm),
            layers: layers.collect(),
            heads: config.num_attention_heads as i64,
            position_offset: config.position_offset as i64,
            activation: config.activation,
        }
    }

    /// Hidden states `[rows, width, hidden]` after each layer, of word embeddings of that shape; `mask` `[rows, width]` is
    /// true at tokens and false at padding.
    pub(super) fn forward(&self, words: &Tensor, mask: &Tensor) -> Vec<Tensor> {
        let width = words.size()[1];
        let positions = self.position.narrow(0, self.position_offset, width);
        let mut hidden = self.norm.forward(&(words + positions + self.token_type.select(0, 0)));
        // Added to attention's scores.
        let mask = mask.logical_not().to_kind(hidden.kind()) * -1e4;
        let rows = mask.size()[0];
        let mask = mask.view([rows, 1, 1, width]).expand([rows, self.heads, 1, width], false).reshape([-1, 1, width]);
        let mut states = Vec::with_capacity(self.layers.len());
        for layer in &self.layers {
            hidden = layer.forward(&hidden, &mask, self.heads, self.activation);
            states.push(hidden.shallow_clone());
        }
        states
    }

    /// Every tensor with the name that checkpoints give it.
    pub(super) fn named(&self) -> Vec<(String, &Tensor)> {
        let mut all = vec![
            ("embeddings.position_embeddings.weight".to_owned(), &self.position),
            ("embeddings.token_type_embeddings.weight".to_owned(), &self.token_type),
        ];
        let mut add = |name: String, weight, bias| {
            all.push((format!("{name}.weight"), weight));
            all.push((format!("{name}.bias"), bias));
        };
        add("embeddings.LayerNorm".to_owned(), &self.norm.weight, &self.norm.bias);
        for (index, layer) in self.layers.iter().enumerate() {
            for (name, linear) in [
                ("attention.self.query", &layer.query),
                ("attention.self.key", &layer.key),
                ("attention.self.value", &layer.value),
                ("attention.output.dense", &layer.attention_output),
                ("intermediate.dense", &layer.intermediate),
                ("output.dense", &layer.output),
            ] {
                add(format!("encoder.layer.{index}.{name}"), &linear.weight, &linear.bias);
            }
            for (name, norm) in [("attention.output", &layer.attention_norm), ("output", &layer.output_norm)] {
                add(format!("encoder.layer.{index}.{name}.LayerNorm"), &norm.weight, &norm.bias);
            }
        }
        all
    }
}

impl Layer {
    fn forward(&self, hidden: &Tensor, mask: &Tensor, heads: i64, activation: Activation) -> Tensor {
        let (rows, width, size) = hidden.size3().expect("three dimensions");
        let head_size = size / heads;
        let split = |linear: &Linear| {
            let heads = linear.forward(hidden).view([rows, width, heads, head_size]).transpose(1, 2);
            heads.reshape([-1, width, head_size])
        };
        // Not `scaled_dot_product_attention`: on a CPU it multiplies head by head, in calls too small to pay.
        let scores =
            mask.baddbmm(&split(&self.query), &split(&self.key).transpose(1, 2), 1.0, (head_size as f64).powf(-0.5));
        let context = scores.softmax(-1, None).bmm(&split(&self.value));
        let context = context.view([rows, heads, width, head_size]).transpose(1, 2).reshape([rows, width, size]);
        let hidden = self.attention_norm.forward(&(hidden + self.attention_output.forward(&context)));
        let wide = self.intermediate.forward(&hidden);
        let wide = match activation {
            Activation::Gelu => wide.gelu("none"),
            Activation::GeluTanh => wide.gelu("tanh"),
            Activation::Relu => wide.relu(),
        };
        self.output_norm.forward(&(hidden + self.output.forward(&wide)))
    }
}

impl Linear {
    fn new(linear: &model::Linear, kind: Kind) -> Self {
        Self { weight: matrix(&linear.weight, kind), bias: leaf(&linear.bias, &[-1], kind) }
    }

    fn forward(&self, input: &Tensor) -> Tensor {
        input.linear(&self.weight, Some(&self.bias))
    }
}

impl LayerNorm {
    fn new(norm: &model::LayerNorm, eps: f64, kind: Kind) -> Self {
        Self { weight: leaf(&norm.weight, &[-1], kind), bias: leaf(&norm.bias, &[-1], kind), eps }
    }

    fn forward(&self, input: &Tensor) -> Tensor {
        input.layer_norm(self.weight.size(), Some(&self.weight), Some(&self.bias), self.eps, false)
    }
}

fn matrix(matrix: &Matrix, kind: Kind) -> Tensor {
    leaf(&matrix.to_f32(), &[matrix.rows() as i64, matrix.columns() as i64], kind)
}

/// A tensor that wants gradients.
pub(super) fn leaf(values: &[f32], shape: &[i64], kind: Kind) -> Tensor {
    Tensor::from_slice(values).view(shape).to_kind(kind).set_requires_grad(true)
}
