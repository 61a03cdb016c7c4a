//! Broken model files: a typed error in one line that names the file, the field or tensor, what was found and what was
//! expected; never a panic, never an allocation of a size that only a broken file claims.

#[path = "../common/mod.rs"]
mod common;
mod configs;
mod files;
mod manifests;
mod weights;

use std::fs;

use common::folder::Folder;
use common::tiny_model::{Naming, Noise, Parts, Tensor, TinyModel, with_checksums};
use plaint::model::{CONFIG_FILE, MANIFEST_FILE, ModelFiles, TOKENIZER_FILE, WEIGHTS_FILE};
use plaint::{Engine, LoadError};
use safetensors::Dtype;
use serde_json::{Value, json};

const FILES: [&str; 4] = [MANIFEST_FILE, CONFIG_FILE, TOKENIZER_FILE, WEIGHTS_FILE];

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

fn assert_error_on_disk(case: &str, files: &ModelFiles, expected: Expected) {
    let folder = Folder::with(files);
    let error = Engine::open(folder.path()).expect_err(case);
    assert!(expected.is(&error), "{case}: {error:?}, expected {expected:?}");
    assert_readable(case, &error);
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

/// Removes a field of a JSON object.
fn remove(object: &mut Value, key: &str) {
    object.as_object_mut().unwrap().remove(key).unwrap();
}

#[test]
fn the_model_that_the_cases_break_is_whole() {
    Engine::from_files(&tiny().files()).unwrap().score("kein Internet").unwrap();
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
        Engine::builder().encoder(EncoderKind::Reference).precision(Precision::Int8),
        Engine::builder().encoder(EncoderKind::Reference).precision(Precision::Bf16),
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
