//! Complete models of random weights, a few kilobytes each: same seed, same numbers, whatever the names and types in
//! which they are stored.

use std::collections::BTreeMap;

use half::{bf16, f16};
use plaint::model::{CONFIG_FILE, ModelFiles, Pooling, TOKENIZER_FILE, WEIGHTS_FILE, WindowPooling};
use safetensors::Dtype;
use safetensors::tensor::TensorView;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// How a model is built.
#[derive(Debug, Clone)]
pub struct TinyModel {
    pub seed: u64,
    pub hidden: usize,
    pub layers: usize,
    pub heads: usize,
    pub intermediate: usize,
    /// Tokens of the longest sequence.
    pub max_tokens: usize,
    pub window_tokens: usize,
    pub overlap: usize,
    pub max_bytes: usize,
    pub activation: &'static str,
    pub pooling: Pooling,
    /// For complaint, sentiment and urgency.
    pub window_pooling: [WindowPooling; 3],
    pub naming: Naming,
    pub storage: Storage,
    pub cleaning: &'static str,
}

/// How a checkpoint names its tensors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Naming {
    /// BERT without a prefix.
    Bare,
    /// `bert.`, with `gamma` and `beta`: the first BERT checkpoints.
    EarlyBert,
    /// `roberta.`, positions from 2: XLM-R.
    XlmR,
}

/// The type in which weights are stored. Biases, norms and scales stay f32 beside int8.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Storage {
    F32,
    F16,
    Bf16,
    Int8,
}

/// A model that can still be changed, file by file.
#[derive(Debug, Clone)]
pub struct Parts {
    /// Without `files`, which [`files`](Self::files) adds.
    pub manifest: Value,
    pub config: Value,
    pub tokenizer: Value,
    pub tensors: BTreeMap<String, Tensor>,
}

/// A tensor as a checkpoint holds it.
#[derive(Debug, Clone)]
pub struct Tensor {
    pub dtype: Dtype,
    pub shape: Vec<usize>,
    pub bytes: Vec<u8>,
}

/// XLM-R's: the position of the first token is one more.
pub const PAD: usize = 1;
/// `<s>` and `</s>`.
pub const START: u32 = 0;
pub const END: u32 = 2;
/// Ids that no text may yield. `<unk>` is not among them: any character without a piece may yield it.
pub const CONTROL: [&str; 4] = ["<s>", "<pad>", "</s>", "<mask>"];

impl Default for TinyModel {
    fn default() -> Self {
        Self {
            seed: 1,
            hidden: 32,
            layers: 2,
            heads: 4,
            intermediate: 64,
            max_tokens: 128,
            window_tokens: 64,
            overlap: 8,
            max_bytes: 1 << 17,
            activation: "gelu",
            pooling: Pooling::Mean,
            window_pooling: [WindowPooling::Max, WindowPooling::Mean, WindowPooling::Max],
            naming: Naming::Bare,
            storage: Storage::F32,
            cleaning: "none",
        }
    }
}

impl TinyModel {
    pub fn files(&self) -> ModelFiles {
        self.parts().files()
    }

    pub fn parts(&self) -> Parts {
        let pieces = pieces();
        Parts {
            manifest: self.manifest(),
            config: self.config(pieces.len()),
            tokenizer: tokenizer(&pieces),
            tensors: self.tensors(pieces.len()),
        }
    }

    fn position_offset(&self) -> usize {
        if self.naming == Naming::XlmR { PAD + 1 } else { 0 }
    }

    fn manifest(&self) -> Value {
        let [complaint, sentiment, urgency] = self.window_pooling;
        json!({
            "format": 1, "name": "tiny", "version": "0", "description": "random weights", "languages": ["de"],
            "licence": "none", "cleaning": self.cleaning, "pooling": self.pooling,
            "windows": { "tokens": self.window_tokens, "overlap": self.overlap, "max_bytes": self.max_bytes },
            "heads": {
                "complaint": {
                    "kind": "binary", "labels": ["complaint"], "thresholds": [0.5], "windows": complaint,
                    "calibration": { "kind": "platt", "scale": 1.25, "offset": -0.125 },
                },
                "sentiment": {
                    "kind": "multinomial", "labels": ["negative", "neutral", "positive"], "thresholds": [],
                    "windows": sentiment, "calibration": { "kind": "temperature", "temperature": 1.5 },
                },
                "urgency": {
                    "kind": "ordinal", "labels": ["none", "low", "normal", "high", "critical"],
                    "thresholds": [0.2, 0.4, 0.6, 0.8], "windows": urgency, "calibration": { "kind": "none" },
                },
            },
            "provenance": { "base": "a random number generator", "seed": self.seed },
        })
    }

    fn config(&self, vocab_size: usize) -> Value {
        json!({
            "model_type": if self.naming == Naming::XlmR { "xlm-roberta" } else { "bert" },
            "hidden_size": self.hidden, "num_hidden_layers": self.layers, "num_attention_heads": self.heads,
            "intermediate_size": self.intermediate, "hidden_act": self.activation,
            // The one that rust-bert can compute.
            "layer_norm_eps": 1e-12,
            "max_position_embeddings": self.max_tokens + self.position_offset(),
            "type_vocab_size": 2, "vocab_size": vocab_size, "pad_token_id": PAD,
        })
    }

    fn tensors(&self, vocab_size: usize) -> BTreeMap<String, Tensor> {
        let mut writer = Writer { model: self, noise: Noise::new(self.seed), tensors: BTreeMap::new() };
        let (hidden, inner) = (self.hidden, self.intermediate);
        writer.matrix("embeddings.word_embeddings.weight", vocab_size, hidden, 1.0);
        // The rows before the first position come last from the generator: so the others are the same as BERT's.
        let mut positions = writer.noise.take(self.max_tokens * hidden, 0.5);
        let unused = writer.noise.take(2 * hidden, 0.5);
        positions.splice(..0, unused[..self.position_offset() * hidden].iter().copied());
        let rows = self.max_tokens + self.position_offset();
        writer.put_matrix("embeddings.position_embeddings.weight", rows, hidden, &positions);
        writer.matrix("embeddings.token_type_embeddings.weight", 2, hidden, 0.1);
        writer.norm("embeddings.LayerNorm");
        for layer in 0..self.layers {
            let at = |name: &str| format!("encoder.layer.{layer}.{name}");
            // Sharp attention, so that a word changes what the others make of the text.
            writer.linear(&at("attention.self.query"), hidden, hidden, 2.0);
            writer.linear(&at("attention.self.key"), hidden, hidden, 2.0);
            writer.linear(&at("attention.self.value"), hidden, hidden, 1.0);
            writer.linear(&at("attention.output.dense"), hidden, hidden, 1.0);
            writer.norm(&at("attention.output.LayerNorm"));
            writer.linear(&at("intermediate.dense"), inner, hidden, 1.0);
            writer.linear(&at("output.dense"), hidden, inner, 1.0);
            writer.norm(&at("output.LayerNorm"));
        }
        for (head, rows) in [("complaint", 1), ("sentiment", 3), ("urgency", 1)] {
            let weight = writer.noise.take(rows * hidden, 4.0 / (hidden as f32).sqrt());
            let bias = if head == "urgency" { vec![1.5, 0.5, -0.5, -1.5] } else { writer.noise.take(rows, 0.2) };
            writer.put(&format!("heads.{head}.weight"), Tensor::f32(&[rows, hidden], &weight));
            writer.put(&format!("heads.{head}.bias"), Tensor::f32(&[bias.len()], &bias));
        }
        writer.tensors
    }
}

impl Parts {
    /// The four files, with correct lengths and checksums.
    pub fn files(&self) -> ModelFiles {
        let [config, tokenizer] = [&self.config, &self.tokenizer].map(|json| json.to_string().into_bytes());
        let views = self.tensors.iter().map(|(name, tensor)| {
            (name, TensorView::new(tensor.dtype, tensor.shape.clone(), &tensor.bytes).expect("bytes of the shape"))
        });
        let weights = safetensors::serialize(views, None).expect("a valid checkpoint");
        with_checksums(&self.manifest, config, tokenizer, weights)
    }
}

/// Files with a manifest that states their lengths and checksums.
pub fn with_checksums(manifest: &Value, config: Vec<u8>, tokenizer: Vec<u8>, weights: Vec<u8>) -> ModelFiles {
    let mut manifest = manifest.clone();
    for (name, bytes) in [(CONFIG_FILE, &config), (TOKENIZER_FILE, &tokenizer), (WEIGHTS_FILE, &weights)] {
        let sha256: String = Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
        manifest["files"][name] = json!({ "sha256": sha256, "bytes": bytes.len() });
    }
    ModelFiles {
        manifest: manifest.to_string().into_bytes().into(),
        config: config.into(),
        tokenizer: tokenizer.into(),
        weights: weights.into(),
    }
}

impl Tensor {
    pub fn f32(shape: &[usize], values: &[f32]) -> Self {
        Self::of(Dtype::F32, shape, values)
    }

    /// `values` rounded to `dtype`.
    pub fn of(dtype: Dtype, shape: &[usize], values: &[f32]) -> Self {
        let bytes = match dtype {
            Dtype::F16 => values.iter().flat_map(|&value| f16::from_f32(value).to_le_bytes()).collect(),
            Dtype::BF16 => values.iter().flat_map(|&value| bf16::from_f32(value).to_le_bytes()).collect(),
            Dtype::F32 => values.iter().flat_map(|value| value.to_le_bytes()).collect(),
            other => panic!("no tiny model stores {other:?}"),
        };
        Self { dtype, shape: shape.to_vec(), bytes }
    }

    /// What a loader should make of it, without the scales of an int8 tensor.
    pub fn to_f32(&self) -> Vec<f32> {
        match self.dtype {
            Dtype::F32 => self.bytes.as_chunks().0.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect(),
            Dtype::F16 => self.bytes.as_chunks().0.iter().map(|&bytes| f16::from_le_bytes(bytes).to_f32()).collect(),
            Dtype::BF16 => self.bytes.as_chunks().0.iter().map(|&bytes| bf16::from_le_bytes(bytes).to_f32()).collect(),
            Dtype::I8 => self.bytes.iter().map(|&byte| f32::from(byte.cast_signed())).collect(),
            other => panic!("no tiny model stores {other:?}"),
        }
    }
}

/// Names tensors and converts them.
struct Writer<'a> {
    model: &'a TinyModel,
    noise: Noise,
    tensors: BTreeMap<String, Tensor>,
}

impl Writer<'_> {
    fn put(&mut self, name: &str, tensor: Tensor) {
        self.tensors.insert(name.to_owned(), tensor);
    }

    fn name(&self, name: &str) -> String {
        match self.model.naming {
            Naming::Bare => name.to_owned(),
            Naming::EarlyBert => {
                format!("bert.{name}").replace("LayerNorm.weight", "LayerNorm.gamma").replace("Norm.bias", "Norm.beta")
            }
            Naming::XlmR => format!("roberta.{name}"),
        }
    }

    fn put_vector(&mut self, name: &str, values: &[f32]) {
        let dtype = match self.model.storage {
            Storage::F16 => Dtype::F16,
            Storage::Bf16 => Dtype::BF16,
            Storage::F32 | Storage::Int8 => Dtype::F32,
        };
        self.put(&self.name(name), Tensor::of(dtype, &[values.len()], values));
    }

    fn put_matrix(&mut self, name: &str, rows: usize, columns: usize, values: &[f32]) {
        let (name, shape) = (self.name(name), [rows, columns]);
        let dtype = match self.model.storage {
            Storage::F16 => Dtype::F16,
            Storage::Bf16 => Dtype::BF16,
            Storage::F32 => Dtype::F32,
            Storage::Int8 => {
                let row_scale = |row: &[f32]| row.iter().fold(0.0, |max: f32, value| max.max(value.abs())) / 127.0;
                let scales: Vec<f32> = values.chunks(columns).map(row_scale).collect();
                let quantise = |(row, scale): (&[f32], &f32)| -> Vec<u8> {
                    row.iter().map(|value| ((value / scale).round() as i8).cast_unsigned()).collect()
                };
                let bytes = values.chunks(columns).zip(&scales).flat_map(quantise).collect();
                self.put(&format!("{name}.scale"), Tensor::f32(&[rows], &scales));
                self.put(&name, Tensor { dtype: Dtype::I8, shape: shape.to_vec(), bytes });
                return;
            }
        };
        self.put(&name, Tensor::of(dtype, &shape, values));
    }

    fn matrix(&mut self, name: &str, rows: usize, columns: usize, amplitude: f32) {
        let values = self.noise.take(rows * columns, amplitude);
        self.put_matrix(name, rows, columns, &values);
    }

    /// Outputs of about `gain` times the size of the inputs.
    fn linear(&mut self, name: &str, outputs: usize, inputs: usize, gain: f32) {
        self.matrix(&format!("{name}.weight"), outputs, inputs, gain * (3.0 / inputs as f32).sqrt());
        let bias = self.noise.take(outputs, 0.1);
        self.put_vector(&format!("{name}.bias"), &bias);
    }

    fn norm(&mut self, name: &str) {
        let weight: Vec<f32> = self.noise.take(self.model.hidden, 0.2).iter().map(|value| 1.0 + value).collect();
        let bias = self.noise.take(self.model.hidden, 0.1);
        self.put_vector(&format!("{name}.weight"), &weight);
        self.put_vector(&format!("{name}.bias"), &bias);
    }
}

/// SplitMix64 (Steele, Lea & Flood, *Fast splittable pseudorandom number generators*, 2014).
#[derive(Debug, Clone)]
pub struct Noise(u64);

impl Noise {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit as u64) as usize
    }

    /// Numbers spread evenly over `[-amplitude, amplitude)`.
    pub fn take(&mut self, count: usize, amplitude: f32) -> Vec<f32> {
        (0..count).map(|_| ((self.next() >> 40) as f32 / (1 << 23) as f32 - 1.0) * amplitude).collect()
    }
}

/// Pieces and scores in XLM-R's layout: control tokens first with the best score of all, `<mask>` last, and a piece for
/// every byte, so that any text can be read.
fn pieces() -> Vec<(String, f64)> {
    let control = ["<s>", "<pad>", "</s>", "<unk>"].map(|piece| (piece.to_owned(), 0.0));
    let bytes = (0..=u8::MAX).map(|byte| (format!("<0x{byte:02X}>"), -20.0));
    let letters = ('a'..='z').chain("ABDEHKMNSTWäöüß.,!?-'0123456789".chars()).map(|letter| (letter.into(), -6.0));
    let words =
        "▁ ▁die ▁ist ▁nicht ▁kein ▁seit ▁Wochen ▁Internet ▁the ▁is ▁not ▁no ▁and ▁please ▁danke ▁help en er ch ing";
    let words = words.split(' ').map(|word| (word.to_owned(), -3.0));
    let mask = ("<mask>".to_owned(), 0.0);
    control.into_iter().chain(bytes).chain(letters).chain(words).chain([mask]).collect()
}

fn tokenizer(pieces: &[(String, f64)]) -> Value {
    let added: Vec<Value> = pieces
        .iter()
        .enumerate()
        .filter(|(_, (piece, score))| *score == 0.0 && piece.starts_with('<'))
        .map(|(id, (piece, _))| {
            json!({
                "id": id, "content": piece, "single_word": false, "lstrip": piece == "<mask>", "rstrip": false,
                "normalized": false, "special": true,
            })
        })
        .collect();
    let special = |token: &str| json!({ "SpecialToken": { "id": token, "type_id": 0 } });
    let sequence = |id: &str| json!({ "Sequence": { "id": id, "type_id": 0 } });
    let [start, end] = ["<s>", "</s>"].map(special);
    json!({
        "version": "1.0", "truncation": null, "padding": null, "added_tokens": added, "normalizer": null,
        "pre_tokenizer": {
            "type": "Sequence",
            "pretokenizers": [
                { "type": "WhitespaceSplit" },
                { "type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": true },
            ],
        },
        "post_processor": {
            "type": "TemplateProcessing",
            "single": [start, sequence("A"), end],
            "pair": [start, sequence("A"), end, end, sequence("B"), end],
            "special_tokens": {
                "<s>": { "id": "<s>", "ids": [START], "tokens": ["<s>"] },
                "</s>": { "id": "</s>", "ids": [END], "tokens": ["</s>"] },
            },
        },
        "decoder": null,
        "model": { "type": "Unigram", "unk_id": 3, "byte_fallback": true, "vocab": pieces },
    })
}
