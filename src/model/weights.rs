//! `model.safetensors`: every tensor is checked for name, shape, type and finiteness before anything uses it.

use std::borrow::Cow;

use half::{bf16, f16};
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};

use super::config::BertConfig;
use super::files::WEIGHTS_FILE;
use super::matrix::{Matrix, Values};
use crate::error::LoadError;

/// Weights of the encoder.
#[derive(Debug)]
pub struct BertWeights {
    /// What turns token ids into vectors.
    pub embeddings: Embeddings,
    /// Transformer layers, first to last.
    pub layers: Vec<Layer>,
}

/// What turns token ids into vectors. Each table has one row of `hidden_size` an id.
#[derive(Debug)]
pub struct Embeddings {
    /// By token id.
    pub word: Matrix,
    /// By position.
    pub position: Matrix,
    /// By token type.
    pub token_type: Matrix,
    /// Applied to the sum of the three.
    pub norm: LayerNorm,
}

/// One transformer layer.
#[derive(Debug)]
pub struct Layer {
    /// Hidden to queries.
    pub query: Linear,
    /// Hidden to keys.
    pub key: Linear,
    /// Hidden to values.
    pub value: Linear,
    /// Attention's output projection.
    pub attention_output: Linear,
    /// After attention and its residual.
    pub attention_norm: LayerNorm,
    /// Hidden to intermediate.
    pub intermediate: Linear,
    /// Intermediate to hidden.
    pub output: Linear,
    /// After the feed-forward layer and its residual.
    pub output_norm: LayerNorm,
}

/// `y = x · weightᵀ + bias`.
#[derive(Debug)]
pub struct Linear {
    /// `[outputs, inputs]`.
    pub weight: Matrix,
    /// `[outputs]`.
    pub bias: Vec<f32>,
}

/// `y = (x - mean) / sqrt(variance + eps) · weight + bias`.
#[derive(Debug)]
pub struct LayerNorm {
    /// `[hidden_size]`.
    pub weight: Vec<f32>,
    /// `[hidden_size]`.
    pub bias: Vec<f32>,
}

impl BertWeights {
    /// Reads the encoder's tensors, whatever prefix (`bert.`, `roberta.` or none) the checkpoint gives them.
    pub(super) fn read(checkpoint: &Checkpoint<'_>, config: &BertConfig) -> Result<Self, LoadError> {
        let names = checkpoint.encoder_scope()?;
        let (hidden, intermediate) = (config.hidden_size, config.intermediate_size);
        let tables = names.child("embeddings");
        let embeddings = Embeddings {
            word: tables.matrix("word_embeddings.weight", config.vocab_size, hidden)?,
            position: tables.matrix("position_embeddings.weight", config.max_position_embeddings, hidden)?,
            token_type: tables.matrix("token_type_embeddings.weight", config.type_vocab_size, hidden)?,
            norm: tables.layer_norm("LayerNorm", hidden)?,
        };
        let layers = (0..config.num_hidden_layers)
            .map(|index| {
                let layer = names.child(&format!("encoder.layer.{index}"));
                let attention = layer.child("attention");
                Ok(Layer {
                    query: attention.linear("self.query", hidden, hidden)?,
                    key: attention.linear("self.key", hidden, hidden)?,
                    value: attention.linear("self.value", hidden, hidden)?,
                    attention_output: attention.linear("output.dense", hidden, hidden)?,
                    attention_norm: attention.layer_norm("output.LayerNorm", hidden)?,
                    intermediate: layer.linear("intermediate.dense", intermediate, hidden)?,
                    output: layer.linear("output.dense", hidden, intermediate)?,
                    output_norm: layer.layer_norm("output.LayerNorm", hidden)?,
                })
            })
            .collect::<Result<_, LoadError>>()?;
        Ok(Self { embeddings, layers })
    }

    /// Whether all matrices of the layers are stored in integers.
    pub fn is_int8(&self) -> bool {
        self.layers.iter().all(|layer| {
            let Layer { query, key, value, attention_output, intermediate, output, .. } = layer;
            let maps = [query, key, value, attention_output, intermediate, output];
            maps.iter().all(|map| map.weight.is_int8())
        })
    }

    /// Number of parameters.
    pub fn parameters(&self) -> usize {
        let matrix = |matrix: &Matrix| matrix.rows() * matrix.columns();
        let linear = |linear: &Linear| matrix(&linear.weight) + linear.bias.len();
        let norm = |norm: &LayerNorm| norm.weight.len() + norm.bias.len();
        let Embeddings { word, position, token_type, norm: embedding_norm } = &self.embeddings;
        let embeddings = matrix(word) + matrix(position) + matrix(token_type) + norm(embedding_norm);
        let layers = self.layers.iter().map(|layer| {
            let linears =
                [&layer.query, &layer.key, &layer.value, &layer.attention_output, &layer.intermediate, &layer.output];
            linears.into_iter().map(linear).sum::<usize>() + norm(&layer.attention_norm) + norm(&layer.output_norm)
        });
        embeddings + layers.sum::<usize>()
    }
}

/// An opened `model.safetensors`.
pub(super) struct Checkpoint<'a> {
    tensors: SafeTensors<'a>,
    /// The whole file, if it lives as long as the program.
    embedded: Option<&'static [u8]>,
}

/// A place in the tree of tensor names.
#[derive(Clone)]
pub(super) struct Scope<'a> {
    checkpoint: &'a Checkpoint<'a>,
    prefix: String,
}

impl<'a> Checkpoint<'a> {
    /// `embedded` is the file again if it was compiled in.
    pub(super) fn parse(bytes: &'a [u8], embedded: Option<&'static [u8]>) -> Result<Self, LoadError> {
        let tensors = SafeTensors::deserialize(bytes).map_err(|error| LoadError::Format {
            file: WEIGHTS_FILE,
            format: "safetensors file",
            message: error.to_string(),
        })?;
        Ok(Self { tensors, embedded })
    }

    /// `part` of the file for good: as it is if the file was compiled in, else a copy.
    fn keep(&self, part: &[u8]) -> Cow<'static, [u8]> {
        let borrowed = self.embedded.and_then(|file| {
            let start = part.as_ptr().addr().checked_sub(file.as_ptr().addr())?;
            file.get(start..start + part.len())
        });
        borrowed.map_or_else(|| Cow::Owned(part.to_vec()), Cow::Borrowed)
    }

    pub(super) fn root(&'a self) -> Scope<'a> {
        Scope { checkpoint: self, prefix: String::new() }
    }

    /// Where the encoder's tensors stand.
    fn encoder_scope(&'a self) -> Result<Scope<'a>, LoadError> {
        const MARK: &str = "embeddings.word_embeddings.weight";
        let prefix = ["", "bert.", "roberta.", "model."]
            .into_iter()
            .find(|prefix| self.tensors.tensor(&format!("{prefix}{MARK}")).is_ok())
            .ok_or_else(|| {
                tensor_error(MARK, "no tensor of this name", "one, with the prefix `bert.`, `roberta.` or none")
            })?;
        Ok(Scope { checkpoint: self, prefix: prefix.to_owned() })
    }
}

impl Scope<'_> {
    fn child(&self, name: &str) -> Self {
        Self { checkpoint: self.checkpoint, prefix: format!("{}{name}.", self.prefix) }
    }

    fn linear(&self, name: &str, outputs: usize, inputs: usize) -> Result<Linear, LoadError> {
        let scope = self.child(name);
        Ok(Linear { weight: scope.matrix("weight", outputs, inputs)?, bias: scope.vector("bias", outputs)? })
    }

    /// Early BERT checkpoints call the two vectors `gamma` and `beta`.
    fn layer_norm(&self, name: &str, size: usize) -> Result<LayerNorm, LoadError> {
        let scope = self.child(name);
        let has_legacy_names = scope.find("weight").is_none() && scope.find("gamma").is_some();
        let [weight, bias] = if has_legacy_names { ["gamma", "beta"] } else { ["weight", "bias"] };
        Ok(LayerNorm { weight: scope.vector(weight, size)?, bias: scope.vector(bias, size)? })
    }

    pub(super) fn vector(&self, name: &str, size: usize) -> Result<Vec<f32>, LoadError> {
        let (name, view) = self.get(name, &[size])?;
        floats(&name, &view)
    }

    pub(super) fn matrix(&self, name: &str, rows: usize, columns: usize) -> Result<Matrix, LoadError> {
        let scale_name = format!("{name}.scale");
        let (name, view) = self.get(name, &[rows, columns])?;
        let values = if view.dtype() == Dtype::I8 {
            let scales = self.vector(&scale_name, rows)?;
            let integers = self.checkpoint.keep(view.data());
            Values::Int8 { integers, scales }
        } else {
            Values::F32(floats(&name, &view)?)
        };
        Ok(Matrix::new(rows, columns, values))
    }

    #[cfg(feature = "train")]
    pub(super) fn contains(&self, name: &str) -> bool {
        self.find(name).is_some()
    }

    fn find(&self, name: &str) -> Option<TensorView<'_>> {
        self.checkpoint.tensors.tensor(&format!("{}{name}", self.prefix)).ok()
    }

    /// The tensor with its full name; its shape must be exactly `shape`, not one that broadcasts to it.
    fn get(&self, name: &str, shape: &[usize]) -> Result<(String, TensorView<'_>), LoadError> {
        let full = format!("{}{name}", self.prefix);
        let view = self
            .find(name)
            .ok_or_else(|| tensor_error(&full, "no tensor of this name", format!("one of shape {shape:?}")))?;
        if view.shape() != shape {
            return Err(tensor_error(&full, format!("shape {:?}", view.shape()), format!("shape {shape:?}")));
        }
        Ok((full, view))
    }
}

fn floats(name: &str, view: &TensorView<'_>) -> Result<Vec<f32>, LoadError> {
    let bytes = view.data();
    let values: Vec<f32> = match view.dtype() {
        Dtype::F32 => bytes.as_chunks().0.iter().map(|&b| f32::from_le_bytes(b)).collect(),
        Dtype::F16 => bytes.as_chunks().0.iter().map(|&b| f16::from_le_bytes(b).to_f32()).collect(),
        Dtype::BF16 => bytes.as_chunks().0.iter().map(|&b| bf16::from_le_bytes(b).to_f32()).collect(),
        other => {
            let expected = "F32, F16 or BF16 (or, for a matrix, I8 with a tensor `….scale` beside it)";
            return Err(tensor_error(name, format!("type {other:?}"), expected));
        }
    };
    match values.iter().position(|value| !value.is_finite()) {
        Some(index) => Err(tensor_error(name, format!("{} at index {index}", values[index]), "finite numbers")),
        None => Ok(values),
    }
}

pub(super) fn tensor_error(tensor: &str, found: impl ToString, expected: impl ToString) -> LoadError {
    LoadError::Tensor {
        file: WEIGHTS_FILE,
        tensor: tensor.to_owned(),
        found: found.to_string(),
        expected: expected.to_string(),
    }
}
