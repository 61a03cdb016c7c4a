//! Broken model files: a typed error in one line that names the file, the field or tensor, what was found and what was
//! expected; never a panic, never an allocation of a size that only a broken file claims.

mod common;

use std::fs;

use common::folder::Folder;
use common::tiny_model::{Naming, Noise, Parts, Tensor, TinyModel, with_checksums};
use plaint::model::{CONFIG_FILE, MANIFEST_FILE, ModelFiles, TOKENIZER_FILE, WEIGHTS_FILE};
use plaint::{Engine, LoadError};
use safetensors::Dtype;
use serde_json::{Value, json};

/// The error that a case must end in, and the field or tensor that it must name.
#[derive(Debug, Clone, Copy)]
enum Expected {
    Field(&'static str, &'static str),
    Format(&'static str),
    Tensor(&'static str),
    Checksum(&'static str, &'static str),
}
use Expected::{Checksum, Field, Format};

impl Expected {
    fn is(self, error: &LoadError) -> bool {
        match (self, error) {
            (Field(file, name), LoadError::Field { file: found, field, .. }) => (file, name) == (*found, field),
            (Format(file), LoadError::Format { file: found, .. }) => file == *found,
            (Expected::Tensor(name), LoadError::Tensor { file, tensor, .. }) => *file == WEIGHTS_FILE && tensor == name,
            (Checksum(file, kind), LoadError::Checksum { file: found, what, .. }) => (file, kind) == (*found, *what),
            _ => false,
        }
    }

    /// What its message must name.
    fn names(self) -> [&'static str; 2] {
        match self {
            Field(file, name) | Checksum(file, name) => [file, name],
            Format(file) => [file, "not a valid"],
            Expected::Tensor(name) => [WEIGHTS_FILE, name],
        }
    }
}

/// A message for people: one line, not endless, and it says what is expected.
fn assert_readable(case: &str, error: &LoadError) {
    let message = error.to_string();
    assert!(!message.contains(char::is_control), "{case}: a control character in {message:?}");
    assert!(message.len() < 1000, "{case}: {} bytes of message: {message:.200}…", message.len());
    assert!(
        matches!(error, LoadError::Io { .. } | LoadError::Format { .. })
            || ["expected ", "expects "].iter().any(|word| message.contains(word)),
        "{case}: {message}"
    );
}

fn assert_error(case: &str, files: &ModelFiles, expected: Expected, words: &[&str]) {
    let error = Engine::builder().threads(1).from_files(files).expect_err(case);
    assert!(expected.is(&error), "{case}: {error:?}, expected {expected:?}");
    assert_readable(case, &error);
    let message = error.to_string();
    for word in expected.names().iter().chain(words) {
        assert!(message.contains(&word.replace('\n', "\\n")), "{case}: no `{word}` in: {message}");
    }
}

/// Opens the model; if that works, it must also score. Neither may panic.
fn open_and_score(case: &str, files: &ModelFiles) {
    match Engine::builder().threads(1).from_files(files) {
        Ok(engine) => {
            // A result or a typed error: extreme weights may give scores that are not finite.
            if let Err(error) = engine.score("Seit drei Wochen kein Internet!") {
                assert!(!matches!(error, plaint::ScoreError::Panicked { .. }), "{case}: {error}");
            }
        }
        Err(error) => assert_readable(case, &error),
    }
}

fn tiny() -> TinyModel {
    TinyModel { hidden: 16, heads: 2, intermediate: 24, layers: 1, ..TinyModel::default() }
}

/// A change to a good model, the error that it must cause, and words of its message.
type Case = (&'static str, fn(&mut Parts), Expected, &'static [&'static str]);

fn run(cases: &[Case]) {
    for (name, change, expected, words) in cases {
        let mut parts = tiny().parts();
        change(&mut parts);
        assert_error(name, &parts.files(), *expected, words);
    }
}

#[test]
fn the_model_that_the_cases_break_is_whole() {
    Engine::from_files(&tiny().files()).unwrap().score("kein Internet").unwrap();
}

#[test]
fn manifests() {
    let head = |field| Field(MANIFEST_FILE, field);
    run(&[
        ("format 2", |p| p.manifest["format"] = json!(2), head("format"), &["found 2", "expected 1"]),
        (
            "format 2 with other fields",
            |p| p.manifest = json!({ "format": 2, "all": "different" }),
            head("format"),
            &["found 2"],
        ),
        ("format of text", |p| p.manifest["format"] = json!("1"), head("format"), &["string", "u32"]),
        ("unknown field", |p| p.manifest["surprise"] = json!(1), head("surprise"), &["unknown field"]),
        (
            "unknown field of a head",
            |p| p.manifest["heads"]["urgency"]["surprise"] = json!(1),
            head("heads.urgency.surprise"),
            &["unknown field"],
        ),
        (
            "no complaint head",
            |p| remove(&mut p.manifest["heads"], "complaint"),
            head("heads"),
            &["missing field `complaint`"],
        ),
        ("no urgency head", |p| remove(&mut p.manifest["heads"], "urgency"), head("heads"), &["`urgency`"]),
        (
            "a fourth head",
            |p| p.manifest["heads"]["irony"] = p.manifest["heads"]["complaint"].clone(),
            head("heads.irony"),
            &["unknown field"],
        ),
        (
            "wrong kind",
            |p| p.manifest["heads"]["complaint"]["kind"] = json!("ordinal"),
            head("heads.complaint.kind"),
            &["found ordinal", "expected binary"],
        ),
        (
            "unknown kind",
            |p| p.manifest["heads"]["complaint"]["kind"] = json!("quantum"),
            head("heads.complaint.kind"),
            &["quantum", "binary"],
        ),
        (
            "labels in another order",
            |p| p.manifest["heads"]["sentiment"]["labels"] = json!(["positive", "neutral", "negative"]),
            head("heads.sentiment.labels"),
            &["found positive, neutral, negative", "expected negative, neutral, positive"],
        ),
        (
            "no threshold",
            |p| p.manifest["heads"]["complaint"]["thresholds"] = json!([]),
            head("heads.complaint.thresholds"),
            &["found []", "expected 1 "],
        ),
        (
            "a threshold for sentiment",
            |p| p.manifest["heads"]["sentiment"]["thresholds"] = json!([0.5]),
            head("heads.sentiment.thresholds"),
            &["found [0.5]", "expected 0 "],
        ),
        (
            "thresholds unsorted",
            |p| p.manifest["heads"]["urgency"]["thresholds"] = json!([0.2, 0.6, 0.4, 0.8]),
            head("heads.urgency.thresholds"),
            &["[0.2, 0.6, 0.4, 0.8]", "4 ascending"],
        ),
        (
            "thresholds equal",
            |p| p.manifest["heads"]["urgency"]["thresholds"] = json!([0.2, 0.4, 0.4, 0.8]),
            head("heads.urgency.thresholds"),
            &["4 ascending"],
        ),
        (
            "thresholds out of range",
            |p| p.manifest["heads"]["urgency"]["thresholds"] = json!([0.2, 0.4, 0.6, 1.5]),
            head("heads.urgency.thresholds"),
            &["1.5", "[0, 1]"],
        ),
        (
            "a threshold of text",
            |p| p.manifest["heads"]["urgency"]["thresholds"][2] = json!("high"),
            head("heads.urgency.thresholds[2]"),
            &["string \"high\"", "f32"],
        ),
        (
            "temperature 0",
            |p| p.manifest["heads"]["sentiment"]["calibration"]["temperature"] = json!(0.0),
            head("heads.sentiment.calibration.temperature"),
            &["found 0", "a positive number"],
        ),
        (
            "temperature beyond f32",
            |p| p.manifest["heads"]["sentiment"]["calibration"]["temperature"] = json!(1e300),
            head("heads.sentiment.calibration.temperature"),
            &["found inf", "a positive number"],
        ),
        (
            "scale that turns the order around",
            |p| p.manifest["heads"]["complaint"]["calibration"]["scale"] = json!(-1.0),
            head("heads.complaint.calibration.scale"),
            &["found -1", "a positive number"],
        ),
        (
            "offset beyond f32",
            |p| p.manifest["heads"]["complaint"]["calibration"]["offset"] = json!(-1e300),
            head("heads.complaint.calibration.offset"),
            &["found -inf", "a finite number"],
        ),
        (
            "platt for three classes",
            |p| {
                let platt = p.manifest["heads"]["complaint"]["calibration"].clone();
                p.manifest["heads"]["sentiment"]["calibration"] = platt;
            },
            head("heads.sentiment.calibration.kind"),
            &["found platt", "temperature or none"],
        ),
        (
            "unknown calibration",
            |p| p.manifest["heads"]["urgency"]["calibration"]["kind"] = json!("isotonic"),
            head("heads.urgency.calibration.kind"),
            &["isotonic", "temperature"],
        ),
        (
            "overlap too large",
            |p| p.manifest["windows"]["overlap"] = json!(32),
            head("windows.overlap"),
            &["found 32", "at most 31"],
        ),
        (
            "negative overlap",
            |p| p.manifest["windows"]["overlap"] = json!(-1),
            head("windows.overlap"),
            &["-1", "usize"],
        ),
        (
            "window of special tokens alone",
            |p| p.manifest["windows"]["tokens"] = json!(2),
            head("windows.tokens"),
            &["found 2", "more than its 2"],
        ),
        (
            "window larger than the positions",
            |p| p.manifest["windows"]["tokens"] = json!(129),
            head("windows.tokens"),
            &["found 129", "at most the 128 positions"],
        ),
        (
            "endless window",
            |p| p.manifest["windows"]["tokens"] = json!(u64::MAX),
            head("windows.tokens"),
            &["at most the 128"],
        ),
        (
            "nothing may be read",
            |p| p.manifest["windows"]["max_bytes"] = json!(0),
            head("windows.max_bytes"),
            &["found 0", "1 to "],
        ),
        (
            "everything may be read",
            |p| p.manifest["windows"]["max_bytes"] = json!(u64::MAX),
            head("windows.max_bytes"),
            &["1 to "],
        ),
        ("unknown recipe", |p| p.manifest["cleaning"] = json!("social-v9"), head("cleaning"), &["social-v9"]),
        ("unknown pooling", |p| p.manifest["pooling"] = json!("max"), head("pooling"), &["`max`", "mean"]),
        ("not an object", |p| p.manifest = json!({ "format": 1 }), head("."), &["missing field `name`"]),
    ]);
}

#[test]
fn configurations() {
    let field = |name| Field(CONFIG_FILE, name);
    run(&[
        (
            "hidden_size 1e18",
            |p| p.config["hidden_size"] = json!(1_000_000_000_000_000_000_u64),
            field("hidden_size"),
            &["found 1000000000000000000", "1 to "],
        ),
        (
            "hidden_size 1e18 as a float",
            |p| p.config["hidden_size"] = json!(1e18),
            field("hidden_size"),
            &["1e+18", "usize"],
        ),
        ("hidden_size 0", |p| p.config["hidden_size"] = json!(0), field("hidden_size"), &["found 0", "1 to "]),
        (
            "vocab_size 1e15",
            |p| p.config["vocab_size"] = json!(1_000_000_000_000_000_u64),
            field("vocab_size"),
            &["found 1000000000000000", "1 to "],
        ),
        (
            "1e9 layers",
            |p| p.config["num_hidden_layers"] = json!(1_000_000_000),
            field("num_hidden_layers"),
            &["found 1000000000"],
        ),
        (
            "1e7 layers",
            |p| p.config["num_hidden_layers"] = json!(10_000_000),
            Expected::Tensor("encoder.layer.1.attention.self.query.weight"),
            &["no tensor of this name", "[16, 16]"],
        ),
        (
            "no attention head",
            |p| p.config["num_attention_heads"] = json!(0),
            field("num_attention_heads"),
            &["found 0"],
        ),
        (
            "heads that do not divide",
            |p| p.config["num_attention_heads"] = json!(3),
            field("num_attention_heads"),
            &["found 3", "a divisor of hidden_size, 16"],
        ),
        (
            "an intermediate size of 2^64 - 1",
            |p| p.config["intermediate_size"] = json!(u64::MAX),
            field("intermediate_size"),
            &["1 to "],
        ),
        (
            "sizes at the limit",
            |p| {
                p.config["hidden_size"] = json!(1 << 24);
                p.config["vocab_size"] = json!(1 << 24);
            },
            Expected::Tensor("embeddings.word_embeddings.weight"),
            &["expected shape [16777216, 16777216]"],
        ),
        ("unknown activation", |p| p.config["hidden_act"] = json!("swish"), field("hidden_act"), &["swish", "gelu"]),
        (
            "unknown model",
            |p| p.config["model_type"] = json!("llama"),
            field("model_type"),
            &["found llama", "xlm-roberta"],
        ),
        (
            "XLM-R without a padding token",
            |p| {
                p.config["model_type"] = json!("xlm-roberta");
                remove(&mut p.config, "pad_token_id");
            },
            field("pad_token_id"),
            &["None", "positions start after it"],
        ),
        (
            "no position after the padding",
            |p| {
                p.config["model_type"] = json!("roberta");
                p.config["pad_token_id"] = json!(127);
            },
            field("max_position_embeddings"),
            &["found 128"],
        ),
        (
            "relative positions",
            |p| p.config["position_embedding_type"] = json!("relative_key"),
            field("position_embedding_type"),
            &["relative_key", "absolute"],
        ),
        ("a decoder", |p| p.config["is_decoder"] = json!(true), field("is_decoder"), &["found true"]),
        ("eps 0", |p| p.config["layer_norm_eps"] = json!(0.0), field("layer_norm_eps"), &["found 0", "positive"]),
        ("eps 1e300", |p| p.config["layer_norm_eps"] = json!(1e300), field("layer_norm_eps"), &["found inf"]),
        (
            "eps below f32",
            |p| p.config["layer_norm_eps"] = json!(1e-300),
            field("layer_norm_eps"),
            &["found 0", "positive"],
        ),
        ("no hidden_size", |p| remove(&mut p.config, "hidden_size"), field("."), &["missing field `hidden_size`"]),
        ("hidden_size of text", |p| p.config["hidden_size"] = json!("16"), field("hidden_size"), &["string", "usize"]),
        (
            "other sizes than the weights",
            |p| p.config["hidden_size"] = json!(32),
            Expected::Tensor("embeddings.word_embeddings.weight"),
            &["found shape [", "16]", "32]"],
        ),
        (
            "more positions than weights",
            |p| p.config["max_position_embeddings"] = json!(129),
            Expected::Tensor("embeddings.position_embeddings.weight"),
            &["found shape [128, 16]", "expected shape [129, 16]"],
        ),
    ]);
}

#[test]
fn tokenizers() {
    let template = Field(TOKENIZER_FILE, "post_processor");
    run(&[
        (
            "a larger vocabulary than the weights",
            |p| p.tokenizer["model"]["vocab"].as_array_mut().unwrap().push(json!(["kaputt", -1.0])),
            Field(TOKENIZER_FILE, "model.vocab"),
            &["found token ids up to", "rows of the word embeddings"],
        ),
        (
            "no template",
            |p| p.tokenizer["post_processor"] = Value::Null,
            template,
            &["0 special tokens", "one before and one after"],
        ),
        (
            "the template of a pair",
            |p| p.tokenizer["post_processor"]["single"] = p.tokenizer["post_processor"]["pair"].clone(),
            Format(TOKENIZER_FILE),
            &[],
        ),
        (
            "two tokens after the text",
            |p| {
                let end = p.tokenizer["post_processor"]["single"][2].clone();
                p.tokenizer["post_processor"]["single"].as_array_mut().unwrap().push(end);
            },
            template,
            &["found", "one before and one after"],
        ),
        (
            "both tokens before the text",
            |p| p.tokenizer["post_processor"]["single"].as_array_mut().unwrap().swap(1, 2),
            template,
            &["found", "one before and one after"],
        ),
        (
            "a template of tokens beyond the weights",
            |p| p.tokenizer["post_processor"]["special_tokens"]["<s>"]["ids"] = json!([4_000_000_000_u32]),
            Field(TOKENIZER_FILE, "model.vocab"),
            &["4000000000"],
        ),
        ("no model", |p| remove(&mut p.tokenizer, "model"), Format(TOKENIZER_FILE), &[]),
        ("an empty object", |p| p.tokenizer = json!({}), Format(TOKENIZER_FILE), &[]),
        ("a list", |p| p.tokenizer = json!([]), Format(TOKENIZER_FILE), &[]),
        (
            "an unknown model",
            |p| p.tokenizer["model"] = json!({ "type": "Oracle", "vocab": {} }),
            Format(TOKENIZER_FILE),
            &[],
        ),
        (
            "an unknown token beyond the vocabulary",
            |p| p.tokenizer["model"]["unk_id"] = json!(1_000_000),
            Format(TOKENIZER_FILE),
            &[],
        ),
        (
            "a broken character map",
            |p| p.tokenizer["normalizer"] = json!({ "type": "Precompiled", "precompiled_charsmap": "AAAA" }),
            Format(TOKENIZER_FILE),
            &[],
        ),
    ]);
}

const QUERY: &str = "encoder.layer.0.attention.self.query.weight";
const NORM: &str = "encoder.layer.0.output.LayerNorm.weight";
const BIAS: &str = "encoder.layer.0.intermediate.dense.bias";
const WORDS: &str = "embeddings.word_embeddings.weight";

#[test]
fn weights() {
    let tensor = Expected::Tensor;
    run(&[
        ("missing matrix", |p| drop(p.tensors.remove(QUERY)), tensor(QUERY), &["no tensor of this name", "[16, 16]"]),
        ("missing bias", |p| drop(p.tensors.remove(BIAS)), tensor(BIAS), &["no tensor of this name", "[24]"]),
        ("missing norm", |p| drop(p.tensors.remove(NORM)), tensor(NORM), &["no tensor of this name", "[16]"]),
        ("no embeddings", |p| drop(p.tensors.remove(WORDS)), tensor(WORDS), &["prefix"]),
        ("no tensor at all", |p| p.tensors.clear(), tensor(WORDS), &["prefix"]),
        (
            "missing head",
            |p| drop(p.tensors.remove("heads.urgency.weight")),
            tensor("heads.urgency.weight"),
            &["no tensor of this name"],
        ),
        (
            "missing bias of a head",
            |p| drop(p.tensors.remove("heads.complaint.bias")),
            tensor("heads.complaint.bias"),
            &["no tensor of this name"],
        ),
        ("[1] into [H]", |p| put(p, NORM, &[1]), tensor(NORM), &["found shape [1]", "expected shape [16]"]),
        ("[1, H] into [H]", |p| put(p, NORM, &[1, 16]), tensor(NORM), &["found shape [1, 16]"]),
        ("[] into [H]", |p| put(p, NORM, &[]), tensor(NORM), &["found shape []"]),
        ("[0] into [H]", |p| put(p, NORM, &[0]), tensor(NORM), &["found shape [0]"]),
        ("[1, H] into [V, H]", |p| put(p, WORDS, &[1, 16]), tensor(WORDS), &["found shape [1, 16]"]),
        ("[1] into a bias", |p| put(p, BIAS, &[1]), tensor(BIAS), &["found shape [1]", "expected shape [24]"]),
        ("transposed", |p| transpose(p, "encoder.layer.0.intermediate.dense.weight"), TRANSPOSED, &["[16, 24]"]),
        (
            "urgency with a row a level",
            |p| put(p, "heads.urgency.weight", &[4, 16]),
            tensor("heads.urgency.weight"),
            &["found shape [4, 16]", "expected shape [1, 16]"],
        ),
        (
            "a complaint head of two classes",
            |p| put(p, "heads.complaint.bias", &[2]),
            tensor("heads.complaint.bias"),
            &["found shape [2]"],
        ),
        (
            "urgency biases that rise",
            |p| set(p, "heads.urgency.bias", 0, -9.0),
            tensor("heads.urgency.bias"),
            &["-9.0", "strictly falling"],
        ),
        ("NaN in a matrix", |p| set(p, QUERY, 7, f32::NAN), tensor(QUERY), &["NaN at index 7", "finite"]),
        ("NaN in an embedding", |p| set(p, WORDS, 100, f32::NAN), tensor(WORDS), &["NaN at index 100"]),
        ("infinity in a norm", |p| set(p, NORM, 15, f32::INFINITY), tensor(NORM), &["inf at index 15"]),
        ("infinity in a bias", |p| set(p, BIAS, 0, f32::NEG_INFINITY), tensor(BIAS), &["-inf at index 0"]),
        (
            "NaN in a head",
            |p| set(p, "heads.sentiment.weight", 20, f32::NAN),
            tensor("heads.sentiment.weight"),
            &["NaN at index 20"],
        ),
        (
            "NaN in a head's bias",
            |p| set(p, "heads.urgency.bias", 3, f32::NAN),
            tensor("heads.urgency.bias"),
            &["NaN at index 3"],
        ),
        (
            "infinity in f16",
            |p| {
                let shape = p.tensors[BIAS].shape.clone();
                p.tensors.insert(BIAS.into(), Tensor::of(Dtype::F16, &shape, &[1e6; 24]));
            },
            tensor(BIAS),
            &["inf at index 0"],
        ),
        ("f64", |p| retype(p, QUERY, Dtype::F64, 8), tensor(QUERY), &["found type F64", "F32, F16 or BF16"]),
        ("i64", |p| retype(p, NORM, Dtype::I64, 8), tensor(NORM), &["found type I64"]),
        ("bool", |p| retype(p, BIAS, Dtype::BOOL, 1), tensor(BIAS), &["found type BOOL"]),
        ("an int8 vector", |p| retype(p, BIAS, Dtype::I8, 1), tensor(BIAS), &["found type I8"]),
        ("int8 without scales", |p| retype(p, QUERY, Dtype::I8, 1), SCALES, &["no tensor of this name", "[16]"]),
        ("one scale for all rows", |p| int8(p, &[1.0]), SCALES, &["found shape [1]"]),
        ("a scale that is not a number", |p| int8(p, &[f32::NAN; 16]), SCALES, &["NaN at index 0"]),
        ("an infinite scale", |p| int8(p, &[f32::INFINITY; 16]), SCALES, &["inf at index 0"]),
    ]);
}

const TRANSPOSED: Expected = Expected::Tensor("encoder.layer.0.intermediate.dense.weight");
const SCALES: Expected = Expected::Tensor("encoder.layer.0.attention.self.query.weight.scale");

fn remove(object: &mut Value, key: &str) {
    object.as_object_mut().unwrap().remove(key).unwrap();
}

/// Zeros of another shape.
fn put(parts: &mut Parts, name: &str, shape: &[usize]) {
    assert!(parts.tensors.contains_key(name));
    parts.tensors.insert(name.into(), Tensor::f32(shape, &vec![0.0; shape.iter().product()]));
}

fn set(parts: &mut Parts, name: &str, index: usize, value: f32) {
    parts.tensors.get_mut(name).unwrap().bytes[4 * index..][..4].copy_from_slice(&value.to_le_bytes());
}

fn transpose(parts: &mut Parts, name: &str) {
    parts.tensors.get_mut(name).unwrap().shape.reverse();
}

/// Zeros of the same shape and another type.
fn retype(parts: &mut Parts, name: &str, dtype: Dtype, bytes: usize) {
    let tensor = parts.tensors.get_mut(name).unwrap();
    let count: usize = tensor.shape.iter().product();
    *tensor = Tensor { dtype, shape: tensor.shape.clone(), bytes: vec![0; count * bytes] };
}

fn int8(parts: &mut Parts, scales: &[f32]) {
    retype(parts, QUERY, Dtype::I8, 1);
    parts.tensors.insert(format!("{QUERY}.scale"), Tensor::f32(&[scales.len()], scales));
}

#[test]
fn weights_that_are_finite_but_extreme_give_a_typed_error_for_the_text() {
    let mut parts = tiny().parts();
    int8(&mut parts, &[f32::MAX; 16]);
    parts.tensors.get_mut(QUERY).unwrap().bytes.fill(127);
    set(&mut parts, "embeddings.LayerNorm.weight", 3, f32::MAX);
    let engine = Engine::from_files(&parts.files()).unwrap();
    let error = engine.score("kein Internet").unwrap_err();
    assert!(matches!(error, plaint::ScoreError::NotFinite { head: "complaint" }), "{error:?}");
    open_and_score("extreme", &parts.files());
}

const FILES: [&str; 4] = [MANIFEST_FILE, CONFIG_FILE, TOKENIZER_FILE, WEIGHTS_FILE];

fn bytes_of<'a>(files: &'a mut ModelFiles, name: &str) -> &'a mut Vec<u8> {
    match name {
        MANIFEST_FILE => files.manifest.to_mut(),
        CONFIG_FILE => files.config.to_mut(),
        TOKENIZER_FILE => files.tokenizer.to_mut(),
        _ => files.weights.to_mut(),
    }
}

/// The files with correct checksums, whatever they hold.
fn sealed(files: &ModelFiles) -> ModelFiles {
    let [config, tokenizer, weights] = [&files.config, &files.tokenizer, &files.weights].map(|file| file.to_vec());
    with_checksums(&tiny().parts().manifest, config, tokenizer, weights)
}

#[test]
fn wrong_checksums_and_lengths() {
    let good = tiny().files();
    let manifest: Value = serde_json::from_slice(&good.manifest).unwrap();
    for file in &FILES[1..] {
        for (name, field, value, expected) in [
            ("wrong checksum", "sha256", json!("0".repeat(64)), Checksum(file, "sha256")),
            ("empty checksum", "sha256", json!(""), Checksum(file, "sha256")),
            ("endless checksum", "sha256", json!("0".repeat(1 << 20)), Checksum(file, "sha256")),
            ("wrong length", "bytes", json!(7), Checksum(file, "length")),
            ("endless length", "bytes", json!(u64::MAX), Checksum(file, "length")),
        ] {
            let mut manifest = manifest.clone();
            manifest["files"][file][field] = value;
            let files = ModelFiles { manifest: manifest.to_string().into_bytes().into(), ..good.clone() };
            assert_error(name, &files, expected, &["manifest expects"]);
        }
        let mut manifest = manifest.clone();
        remove(&mut manifest["files"], file);
        let files = ModelFiles { manifest: manifest.to_string().into_bytes().into(), ..good.clone() };
        let error = Engine::from_files(&files).unwrap_err();
        assert!(matches!(&error, LoadError::Field { field, .. } if *field == format!("files.{file}")), "{error}");
    }
}

#[test]
fn truncated_files() {
    let good = tiny().files();
    for file in FILES {
        let length = bytes_of(&mut good.clone(), file).len();
        for keep in [0, 1, 7, 8, 9, length / 4, length / 2, length - 100, length - 1] {
            let case = format!("{keep} of {length} bytes of {file}");
            let mut files = good.clone();
            bytes_of(&mut files, file).truncate(keep);
            if file == MANIFEST_FILE {
                assert_error(&case, &files, Format(file), &[]);
                assert_error_on_disk(&case, &files, Format(file));
            } else {
                assert_error(&case, &files, Checksum(file, "length"), &[&format!("{keep} bytes")]);
                assert_error_on_disk(&case, &files, Checksum(file, "length"));
                assert_error(&case, &sealed(&files), Format(file), &[]);
            }
        }
    }
}

fn assert_error_on_disk(case: &str, files: &ModelFiles, expected: Expected) {
    let folder = Folder::with(files);
    let error = Engine::open(folder.path()).expect_err(case);
    assert!(expected.is(&error), "{case}: {error:?}, expected {expected:?}");
    assert_readable(case, &error);
}

#[test]
fn flipped_bits() {
    let good = tiny().files();
    let mut noise = Noise::new(5);
    for file in FILES {
        let length = bytes_of(&mut good.clone(), file).len();
        // Every bit of the first bytes, where formats keep their lengths, and bits from everywhere.
        let header = 0..128;
        let anywhere = (0..400).map(|_| noise.below(8 * length));
        for bit in header.chain(anywhere).collect::<Vec<_>>() {
            let case = format!("bit {bit} of {file}");
            let mut files = good.clone();
            bytes_of(&mut files, file)[bit / 8] ^= 1 << (bit % 8);
            if file == MANIFEST_FILE {
                open_and_score(&case, &files);
            } else {
                assert_error(&case, &files, Checksum(file, "sha256"), &["manifest expects"]);
                open_and_score(&case, &sealed(&files));
            }
        }
    }
}

#[test]
fn garbage() {
    let good = tiny().files();
    for file in FILES {
        for garbage in
            [&b""[..], b"garbage", b"{", b"\0\0\0\0\0\0\0\0", b"\xff\xfe\xfd", b"null", b"12", b"\"\n\"", b"{}x"]
        {
            let case = format!("{file} of {:?}", String::from_utf8_lossy(garbage));
            let mut files = good.clone();
            *bytes_of(&mut files, file) = garbage.to_vec();
            let files = if file == MANIFEST_FILE { files } else { sealed(&files) };
            let error = Engine::from_files(&files).expect_err(&case);
            assert_readable(&case, &error);
            assert!(error.to_string().starts_with(file), "{case}: {error}");
        }
    }
    // Nested too deep for a parser that recurses.
    let deep = "[".repeat(1 << 20);
    for file in FILES {
        let mut files = good.clone();
        *bytes_of(&mut files, file) = deep.clone().into_bytes();
        open_and_score(file, &if file == MANIFEST_FILE { files } else { sealed(&files) });
    }
}

#[test]
fn a_checkpoint_that_claims_more_than_it_holds() {
    let good = tiny().files();
    let checkpoint =
        |header: &str, data: usize| [&(header.len() as u64).to_le_bytes(), header.as_bytes(), &vec![0; data]].concat();
    for header in [
        r#"{"embeddings.word_embeddings.weight":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,8]}}"#,
        r#"{"embeddings.word_embeddings.weight":{"dtype":"F32","shape":[18446744073709551615],"data_offsets":[0,8]}}"#,
        r#"{"embeddings.word_embeddings.weight":{"dtype":"F32","shape":[2],"data_offsets":[0,18446744073709551615]}}"#,
        r#"{"embeddings.word_embeddings.weight":{"dtype":"F32","shape":[2],"data_offsets":[8,0]}}"#,
        r#"{"embeddings.word_embeddings.weight":{"dtype":"Q3","shape":[2],"data_offsets":[0,8]}}"#,
    ] {
        let files = ModelFiles { weights: checkpoint(header, 8).into(), ..good.clone() };
        assert_error(header, &sealed(&files), Format(WEIGHTS_FILE), &[]);
    }
    let claims_a_long_header = [u64::MAX.to_le_bytes(), [0; 8]].concat();
    let files = ModelFiles { weights: claims_a_long_header.into(), ..good.clone() };
    assert_error("header of 2^64 - 1 bytes", &sealed(&files), Format(WEIGHTS_FILE), &[]);
    // Well-formed, and the tensor is there, but nothing like the configuration says.
    let header = r#"{"embeddings.word_embeddings.weight":{"dtype":"F32","shape":[0,16],"data_offsets":[0,0]}}"#;
    let files = ModelFiles { weights: checkpoint(header, 0).into(), ..good };
    assert_error("no row", &sealed(&files), Expected::Tensor(WORDS), &["found shape [0, 16]"]);
}

#[test]
fn text_of_the_model_cannot_break_the_message_into_lines() {
    run(&[
        (
            "a label of several lines",
            |p| p.manifest["heads"]["complaint"]["labels"] = json!(["one\ntwo\r\u{1b}[31mthree\u{7f}"]),
            Field(MANIFEST_FILE, "heads.complaint.labels"),
            &["one\\ntwo"],
        ),
        (
            "an endless label",
            |p| p.manifest["heads"]["complaint"]["labels"] = json!(["é".repeat(1 << 20)]),
            Field(MANIFEST_FILE, "heads.complaint.labels"),
            &["expected complaint"],
        ),
        (
            "a million labels",
            |p| p.manifest["heads"]["complaint"]["labels"] = json!(vec!["complaint"; 1_000_000]),
            Field(MANIFEST_FILE, "heads.complaint.labels"),
            &["expected complaint"],
        ),
        (
            "a million thresholds",
            |p| p.manifest["heads"]["urgency"]["thresholds"] = json!(vec![0.5; 1_000_000]),
            Field(MANIFEST_FILE, "heads.urgency.thresholds"),
            &["expected 4 ascending"],
        ),
        (
            "a model type of several lines",
            |p| p.config["model_type"] = json!("bert\n\nroberta"),
            Field(CONFIG_FILE, "model_type"),
            &["bert\\n\\nroberta"],
        ),
        (
            "an unknown field of several lines",
            |p| p.manifest["one\ntwo"] = json!(1),
            Field(MANIFEST_FILE, "one\ntwo"),
            &[],
        ),
        (
            "an unknown tokenizer model of several lines",
            |p| p.tokenizer["model"] = json!({ "type": "Ora\ncle" }),
            Format(TOKENIZER_FILE),
            &[],
        ),
    ]);
    let error = Engine::open("no\nsuch\nfolder").unwrap_err();
    assert_readable("a folder of several lines", &error);
}

#[test]
fn a_million_languages() {
    let mut parts = tiny().parts();
    parts.manifest["languages"] = json!(vec!["de"; 1_000_000]);
    let files = parts.files();
    Engine::from_files(&files).unwrap();
    assert_error_on_disk("a manifest of megabytes", &files, Format(MANIFEST_FILE));
}

#[test]
fn missing_files_and_folders() {
    let good = tiny().files();
    let io_error = |case: &str, path: &std::path::Path, name: &str| {
        let error = Engine::open(path).expect_err(case);
        assert!(matches!(&error, LoadError::Io { path, .. } if path.ends_with(name)), "{case}: {error:?}");
        assert_readable(case, &error);
        assert!(error.to_string().contains(name), "{case}: {error}");
        assert!(std::error::Error::source(&error).is_some(), "{case}: the cause is kept");
    };
    for file in FILES {
        let folder = Folder::with(&good);
        fs::remove_file(folder.file(file)).unwrap();
        io_error(&format!("no {file}"), folder.path(), file);
    }
    let folder = Folder::with(&good);
    io_error("no such folder", &folder.file("missing"), MANIFEST_FILE);
    io_error("a folder that is a file", &folder.file(CONFIG_FILE), MANIFEST_FILE);
    for file in FILES {
        let folder = Folder::with(&good);
        fs::remove_file(folder.file(file)).unwrap();
        fs::create_dir(folder.file(file)).unwrap();
        let error = Engine::open(folder.path()).unwrap_err();
        assert_readable(file, &error);
        assert!(error.to_string().contains(file), "{error}");
    }
}

#[test]
fn every_naming_reports_the_name_that_the_file_uses() {
    for (naming, name) in [
        (Naming::EarlyBert, "bert.encoder.layer.0.output.LayerNorm.gamma"),
        (Naming::XlmR, "roberta.encoder.layer.0.attention.self.key.bias"),
    ] {
        let mut parts = TinyModel { naming, ..tiny() }.parts();
        parts.tensors.insert(name.into(), Tensor::f32(&[1], &[1.0]));
        assert_error("[1] into [H]", &parts.files(), Expected::Tensor(name), &["found shape [1]"]);
    }
}

#[test]
fn options_that_cannot_be_had() {
    use plaint::{EncoderKind, Precision};
    let files = tiny().files();
    let mut builders = vec![
        Engine::builder().threads(0),
        Engine::builder().precision(Precision::Int8),
        Engine::builder().precision(Precision::Bf16),
    ];
    if cfg!(not(feature = "torch")) {
        builders.push(Engine::builder().encoder(EncoderKind::Torch));
    }
    for builder in builders {
        let case = format!("{builder:?}");
        let error = builder.from_files(&files).expect_err(&case);
        assert!(matches!(error, LoadError::Unavailable { .. }), "{case}: {error:?}");
        assert!(error.to_string().contains(" is not available: ") && !error.to_string().contains('\n'), "{error}");
    }
}
