//! From a trained network to a model folder: int8 weights, configuration, tokenizer, manifest.

use std::collections::BTreeMap;

use safetensors::tensor::{Dtype, TensorView};
use serde_json::{Value, json};

use super::calibrate::Decisions;
use super::error::TrainError;
use super::recipe::Recipe;
use crate::assessment::{SentimentLabel, UrgencyLevel};
use crate::model::{
    CONFIG_FILE, Calibration, FileEntry, HeadKind, HeadSpec, HeadSpecs, MANIFEST_FILE, Manifest, Pooling, Provenance,
    TOKENIZER_FILE, WEIGHTS_FILE, WindowPooling, sha256_hex,
};

/// A tensor: name, shape, values.
pub(super) type NamedTensor = (String, Vec<i64>, Vec<f32>);

/// What goes into a model folder beside the weights.
pub(super) struct Parts<'a> {
    pub config_json: &'a [u8],
    pub tokenizer_json: &'a [u8],
    pub layers: usize,
    pub decisions: &'a Decisions,
    /// For the manifest's provenance.
    pub details: BTreeMap<String, Value>,
}

/// Writes the folder. Files of an earlier model in it are replaced.
pub(super) fn export(recipe: &Recipe, tensors: &[NamedTensor], parts: Parts<'_>) -> Result<(), TrainError> {
    let folder = &recipe.output;
    std::fs::create_dir_all(folder).map_err(TrainError::io(folder))?;
    let files = [
        (CONFIG_FILE, config(parts.config_json, parts.layers)),
        (TOKENIZER_FILE, parts.tokenizer_json.to_vec()),
        (WEIGHTS_FILE, weights(tensors)),
    ];
    let mut entries = BTreeMap::new();
    for (name, bytes) in files {
        let path = folder.join(name);
        std::fs::write(&path, &bytes).map_err(TrainError::io(&path))?;
        entries.insert(name.to_owned(), FileEntry { sha256: sha256_hex(&bytes), bytes: bytes.len() as u64 });
    }
    let manifest = Manifest {
        format: 1,
        name: recipe.model.name.clone(),
        version: recipe.model.version.clone(),
        description: recipe.model.description.clone(),
        languages: recipe.model.languages.clone(),
        licence: recipe.model.licence.clone(),
        cleaning: recipe.cleaning,
        pooling: Pooling::Mean,
        windows: recipe.windows,
        heads: heads(parts.decisions),
        files: entries,
        provenance: Provenance { base: recipe.base.description.clone(), details: parts.details },
    };
    let path = folder.join(MANIFEST_FILE);
    let mut text = serde_json::to_string_pretty(&manifest).expect("plain data");
    text.push('\n');
    std::fs::write(&path, text).map_err(TrainError::io(&path))
}

fn heads(decisions: &Decisions) -> HeadSpecs {
    let names = |labels: &[&str]| labels.iter().map(|&label| label.to_owned()).collect();
    let spec = |kind, labels, calibration: Calibration, thresholds: &[f32], windows| HeadSpec {
        kind,
        labels,
        calibration,
        thresholds: thresholds.to_vec(),
        windows,
    };
    HeadSpecs {
        complaint: spec(
            HeadKind::Binary,
            names(&["complaint"]),
            decisions.complaint,
            &[decisions.complaint_threshold],
            WindowPooling::Max,
        ),
        sentiment: spec(
            HeadKind::Multinomial,
            SentimentLabel::ALL.iter().map(|label| label.as_str().to_owned()).collect(),
            decisions.sentiment,
            &[],
            WindowPooling::Mean,
        ),
        urgency: spec(
            HeadKind::Ordinal,
            UrgencyLevel::ALL.iter().map(|level| level.as_str().to_owned()).collect(),
            decisions.urgency,
            &decisions.urgency_thresholds,
            WindowPooling::Max,
        ),
    }
}

/// The base's configuration with the layers that were kept.
fn config(base: &[u8], layers: usize) -> Vec<u8> {
    let mut config: Value = serde_json::from_slice(base).expect("parsed before");
    config["num_hidden_layers"] = json!(layers);
    let mut text = serde_json::to_string_pretty(&config).expect("it was JSON");
    text.push('\n');
    text.into_bytes()
}

/// Matrices of the encoder in int8 with one scale a row, all else in f32.
fn weights(tensors: &[NamedTensor]) -> Vec<u8> {
    serialise(tensors, |name| !name.starts_with("heads."))
}

/// The file of weights with all in f32.
pub(super) fn unrounded(tensors: &[NamedTensor]) -> Vec<u8> {
    serialise(tensors, |_| false)
}

/// Matrices that `rounded` tells by their name in int8, all else in f32.
fn serialise(tensors: &[NamedTensor], rounded: impl Fn(&str) -> bool) -> Vec<u8> {
    let mut stored: Vec<(String, Dtype, Vec<usize>, Vec<u8>)> = Vec::new();
    let bytes = |values: &[f32]| values.iter().flat_map(|value| value.to_le_bytes()).collect();
    for (name, shape, values) in tensors {
        let shape: Vec<usize> = shape.iter().map(|&size| size as usize).collect();
        if let &[rows, columns] = shape.as_slice()
            && rounded(name)
        {
            let (integers, scales) = quantise(values, columns);
            stored.push((format!("{name}.scale"), Dtype::F32, vec![rows], bytes(&scales)));
            stored.push((name.clone(), Dtype::I8, shape, integers));
        } else {
            stored.push((name.clone(), Dtype::F32, shape, bytes(values)));
        }
    }
    let views = stored.iter().map(|(name, dtype, shape, bytes)| {
        (name, TensorView::new(*dtype, shape.clone(), bytes).expect("as many bytes as the shape needs"))
    });
    safetensors::serialize(views, None).expect("distinct names")
}

/// Symmetric int8 with one scale a row: value = integer × scale.
fn quantise(values: &[f32], columns: usize) -> (Vec<u8>, Vec<f32>) {
    let (mut integers, mut scales) = (Vec::with_capacity(values.len()), Vec::new());
    for row in values.chunks_exact(columns) {
        let largest = row.iter().fold(0.0f32, |largest, value| largest.max(value.abs()));
        let scale = if largest > 0.0 { largest / 127.0 } else { 1.0 };
        scales.push(scale);
        integers.extend(row.iter().map(|value| ((value / scale).round() as i8).cast_unsigned()));
    }
    (integers, scales)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rounded_value_is_within_half_a_scale() {
        let values = [0.5, -1.0, 0.003, 0.0, 0.0, 0.0, 127.0, -126.6, 1.4];
        let (integers, scales) = quantise(&values, 3);
        assert_eq!(scales[1..], [1.0, 1.0]);
        for ((value, integer), scale) in values.iter().zip(&integers).zip(scales.iter().flat_map(|s| [s; 3])) {
            let back = f32::from(integer.cast_signed()) * scale;
            assert!((back - value).abs() <= scale / 2.0 + 1e-6, "{value} {back}");
        }
    }
}
