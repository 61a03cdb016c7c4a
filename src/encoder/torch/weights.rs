//! Our weights into rust-bert's variables.

use std::collections::HashMap;

use tch::nn::VarStore;
use tch::{TchError, Tensor};

use super::first_line;
use crate::error::LoadError;
use crate::model::{BertWeights, LayerNorm, Linear, Matrix, WEIGHTS_FILE};

/// Fills every variable of `store`, which must be frozen.
pub(super) fn copy(weights: &BertWeights, store: &VarStore) -> Result<(), LoadError> {
    let mut sources = named(weights);
    for (name, mut variable) in store.variables() {
        let shape = variable.size();
        let error = |found| tensor_error(&name, found, format!("shape {shape:?}"));
        let source = sources.remove(&name).ok_or_else(|| error("no tensor of this name".to_owned()))?;
        // libtorch would copy any shape that broadcasts, without a word.
        if source.shape() != shape {
            return Err(error(format!("shape {:?}", source.shape())));
        }
        source.copy_to(&mut variable).map_err(|failure| error(first_line(&failure.to_string())))?;
    }
    match sources.into_keys().min() {
        Some(name) => Err(tensor_error(&name, "a tensor".into(), "none: the model has no place for it".into())),
        None => Ok(()),
    }
}

/// A weight of ours.
enum Source<'a> {
    Matrix(&'a Matrix),
    Vector(&'a [f32]),
}

impl Source<'_> {
    fn shape(&self) -> Vec<i64> {
        match self {
            Self::Matrix(matrix) => vec![matrix.rows() as i64, matrix.columns() as i64],
            Self::Vector(vector) => vec![vector.len() as i64],
        }
    }

    /// Matrices go block by block: a multilingual embedding table takes 384 MB in f32, and need not exist once more.
    fn copy_to(&self, variable: &mut Tensor) -> Result<(), TchError> {
        const ROWS: usize = 4096;
        match self {
            Self::Vector(vector) => variable.f_copy_(&Tensor::f_from_slice(vector)?),
            Self::Matrix(matrix) => {
                let columns = matrix.columns();
                let mut block = vec![0.0; matrix.rows().min(ROWS) * columns];
                for start in (0..matrix.rows()).step_by(ROWS) {
                    let rows = (matrix.rows() - start).min(ROWS);
                    let block = &mut block[..rows * columns];
                    for (row, out) in block.chunks_exact_mut(columns).enumerate() {
                        matrix.row_into(start + row, out);
                    }
                    let block = Tensor::f_from_slice(block)?.f_view([rows as i64, columns as i64])?;
                    variable.f_narrow(0, start as i64, rows as i64)?.f_copy_(&block)?;
                }
                Ok(())
            }
        }
    }
}

/// Our weights under the names of rust-bert's variables.
fn named(weights: &BertWeights) -> HashMap<String, Source<'_>> {
    fn add_linear<'a>(all: &mut HashMap<String, Source<'a>>, name: &str, linear: &'a Linear) {
        all.insert(format!("{name}.weight"), Source::Matrix(&linear.weight));
        all.insert(format!("{name}.bias"), Source::Vector(&linear.bias));
    }
    fn add_norm<'a>(all: &mut HashMap<String, Source<'a>>, name: &str, norm: &'a LayerNorm) {
        all.insert(format!("{name}.LayerNorm.weight"), Source::Vector(&norm.weight));
        all.insert(format!("{name}.LayerNorm.bias"), Source::Vector(&norm.bias));
    }
    let mut all = HashMap::new();
    let tables = &weights.embeddings;
    for (name, table) in [("word", &tables.word), ("position", &tables.position), ("token_type", &tables.token_type)] {
        all.insert(format!("embeddings.{name}_embeddings.weight"), Source::Matrix(table));
    }
    add_norm(&mut all, "embeddings", &tables.norm);
    for (index, layer) in weights.layers.iter().enumerate() {
        let name = |part: &str| format!("encoder.layer.{index}.{part}");
        add_linear(&mut all, &name("attention.self.query"), &layer.query);
        add_linear(&mut all, &name("attention.self.key"), &layer.key);
        add_linear(&mut all, &name("attention.self.value"), &layer.value);
        add_linear(&mut all, &name("attention.output.dense"), &layer.attention_output);
        add_norm(&mut all, &name("attention.output"), &layer.attention_norm);
        add_linear(&mut all, &name("intermediate.dense"), &layer.intermediate);
        add_linear(&mut all, &name("output.dense"), &layer.output);
        add_norm(&mut all, &name("output"), &layer.output_norm);
    }
    all
}

fn tensor_error(tensor: &str, found: String, expected: String) -> LoadError {
    LoadError::Tensor { file: WEIGHTS_FILE, tensor: tensor.to_owned(), found, expected }
}
