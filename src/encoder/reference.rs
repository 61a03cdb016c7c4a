//! The reference encoder: BERT as the paper writes it, one sequence and one number at a time. Slow on purpose.

use super::{Encoder, check_batch};
use crate::batch::PackedBatch;
use crate::error::EncodeError;
use crate::model::{Activation, BertConfig, BertWeights, Layer, LayerNorm, Linear, Matrix, Pooling};

/// The oracle that faster encoders are tested against (Devlin et al., *BERT*, NAACL 2019).
#[derive(Debug)]
pub struct ReferenceEncoder {
    config: BertConfig,
    pooling: Pooling,
    weights: BertWeights,
}

/// One vector a token.
type Vectors = Vec<Vec<f32>>;

impl ReferenceEncoder {
    /// An encoder over `weights`, which must have the shapes of `config`.
    pub fn new(config: BertConfig, pooling: Pooling, weights: BertWeights) -> Self {
        // Integers to f32 once, not at every use.
        let plain = |matrix: Matrix| Matrix::from_f32(matrix.rows(), matrix.columns(), matrix.to_f32());
        let linear = |linear: Linear| Linear { weight: plain(linear.weight), bias: linear.bias };
        let layers = weights.layers.into_iter().map(|layer| Layer {
            query: linear(layer.query),
            key: linear(layer.key),
            value: linear(layer.value),
            attention_output: linear(layer.attention_output),
            intermediate: linear(layer.intermediate),
            output: linear(layer.output),
            ..layer
        });
        let weights = BertWeights { layers: layers.collect(), ..weights };
        Self { config, pooling, weights }
    }

    fn encode_sequence(&self, ids: &[u32]) -> Vec<f32> {
        let mut x: Vectors = ids.iter().enumerate().map(|(position, &id)| self.embed(id, position)).collect();
        for layer in &self.weights.layers {
            x = self.layer(layer, &x);
        }
        match self.pooling {
            Pooling::Cls => x.swap_remove(0),
            Pooling::Mean => {
                (0..self.config.hidden_size).map(|j| x.iter().map(|row| row[j]).sum::<f32>() / x.len() as f32).collect()
            }
        }
    }

    fn embed(&self, id: u32, position: usize) -> Vec<f32> {
        let tables = &self.weights.embeddings;
        let word = tables.word.row(id as usize);
        let position = tables.position.row(position + self.config.position_offset);
        let token_type = tables.token_type.row(0);
        self.norm(&tables.norm, &add(&add(&word, &position), &token_type))
    }

    fn layer(&self, layer: &Layer, x: &Vectors) -> Vectors {
        let attended = self.attention(layer, x);
        attended
            .iter()
            .zip(x)
            .map(|(attended, x)| {
                let x = self.norm(&layer.attention_norm, &add(x, &apply(&layer.attention_output, attended)));
                let mut inner = apply(&layer.intermediate, &x);
                for value in &mut inner {
                    *value = activate(self.config.activation, *value);
                }
                self.norm(&layer.output_norm, &add(&x, &apply(&layer.output, &inner)))
            })
            .collect()
    }

    /// Scaled dot-product attention, every token to every token of its sequence.
    fn attention(&self, layer: &Layer, x: &Vectors) -> Vectors {
        let project = |linear: &Linear| -> Vectors { x.iter().map(|x| apply(linear, x)).collect() };
        let (queries, keys, values) = (project(&layer.query), project(&layer.key), project(&layer.value));
        let size = self.config.head_size();
        let mut out = vec![vec![0.0; self.config.hidden_size]; x.len()];
        for head in 0..self.config.num_attention_heads {
            let columns = head * size..(head + 1) * size;
            for (query, out) in queries.iter().zip(&mut out) {
                let scores: Vec<f32> = keys
                    .iter()
                    .map(|key| dot(&query[columns.clone()], &key[columns.clone()]) / (size as f32).sqrt())
                    .collect();
                let max = scores.iter().copied().fold(f32::NEG_INFINITY, f32::max);
                let weights: Vec<f32> = scores.iter().map(|score| (score - max).exp()).collect();
                let sum: f32 = weights.iter().sum();
                for (weight, value) in weights.iter().zip(&values) {
                    for j in columns.clone() {
                        out[j] += weight / sum * value[j];
                    }
                }
            }
        }
        out
    }

    fn norm(&self, norm: &LayerNorm, x: &[f32]) -> Vec<f32> {
        let mean = x.iter().sum::<f32>() / x.len() as f32;
        let variance = x.iter().map(|x| (x - mean).powi(2)).sum::<f32>() / x.len() as f32;
        let scale = 1.0 / (variance + self.config.layer_norm_eps).sqrt();
        x.iter().zip(&norm.weight).zip(&norm.bias).map(|((x, w), b)| (x - mean) * scale * w + b).collect()
    }
}

impl Encoder for ReferenceEncoder {
    fn encode(&self, batch: &PackedBatch, vectors: &mut [f32]) -> Result<(), EncodeError> {
        check_batch(&self.config, batch, vectors)?;
        for (ids, out) in batch.sequences().zip(vectors.chunks_exact_mut(self.config.hidden_size)) {
            out.copy_from_slice(&self.encode_sequence(ids));
        }
        Ok(())
    }

    fn describe(&self) -> String {
        "reference: plain loops in f32, one thread".into()
    }
}

pub(super) fn activate(activation: Activation, x: f32) -> f32 {
    match activation {
        Activation::Gelu => 0.5 * x * (1.0 + libm::erff(x / std::f32::consts::SQRT_2)),
        Activation::GeluTanh => {
            let inner = (2.0 / std::f32::consts::PI).sqrt() * (x + 0.044_715 * x.powi(3));
            0.5 * x * (1.0 + inner.tanh())
        }
        Activation::Relu => x.max(0.0),
    }
}

fn apply(linear: &Linear, x: &[f32]) -> Vec<f32> {
    linear.bias.iter().enumerate().map(|(output, bias)| bias + dot(&linear.weight.row(output), x)).collect()
}

fn add(a: &[f32], b: &[f32]) -> Vec<f32> {
    a.iter().zip(b).map(|(a, b)| a + b).collect()
}

fn dot(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}
