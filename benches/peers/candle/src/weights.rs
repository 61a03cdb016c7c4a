//! plaint's weights under the names that candle asks for.

use std::collections::HashMap;

use candle_core::{DType, Device, Result, Tensor};
use candle_nn::VarBuilder;
use plaint::model::{BertWeights, LayerNorm, Linear, Matrix};

pub fn of(weights: &BertWeights) -> Result<VarBuilder<'static>> {
    let mut named = Named(HashMap::new());
    let embeddings = &weights.embeddings;
    for (name, table) in
        [("word", &embeddings.word), ("position", &embeddings.position), ("token_type", &embeddings.token_type)]
    {
        named.matrix(format!("embeddings.{name}_embeddings.weight"), table)?;
    }
    named.norm("embeddings.LayerNorm".to_owned(), &embeddings.norm)?;
    for (index, layer) in weights.layers.iter().enumerate() {
        let at = |name: &str| format!("encoder.layer.{index}.{name}");
        for (name, linear) in [
            ("attention.self.query", &layer.query),
            ("attention.self.key", &layer.key),
            ("attention.self.value", &layer.value),
            ("attention.output.dense", &layer.attention_output),
            ("intermediate.dense", &layer.intermediate),
            ("output.dense", &layer.output),
        ] {
            named.linear(at(name), linear)?;
        }
        named.norm(at("attention.output.LayerNorm"), &layer.attention_norm)?;
        named.norm(at("output.LayerNorm"), &layer.output_norm)?;
    }
    Ok(VarBuilder::from_tensors(named.0, DType::F32, &Device::Cpu))
}

struct Named(HashMap<String, Tensor>);

impl Named {
    fn matrix(&mut self, name: String, matrix: &Matrix) -> Result<()> {
        let shape = (matrix.rows(), matrix.columns());
        self.0.insert(name, Tensor::from_vec(matrix.to_f32(), shape, &Device::Cpu)?);
        Ok(())
    }

    fn vector(&mut self, name: String, values: &[f32]) -> Result<()> {
        self.0.insert(name, Tensor::from_slice(values, values.len(), &Device::Cpu)?);
        Ok(())
    }

    fn linear(&mut self, name: String, linear: &Linear) -> Result<()> {
        self.matrix(format!("{name}.weight"), &linear.weight)?;
        self.vector(format!("{name}.bias"), &linear.bias)
    }

    fn norm(&mut self, name: String, norm: &LayerNorm) -> Result<()> {
        self.vector(format!("{name}.weight"), &norm.weight)?;
        self.vector(format!("{name}.bias"), &norm.bias)
    }
}
