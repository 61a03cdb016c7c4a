//! Tensors.

use super::*;

const QUERY: &str = "encoder.layer.0.attention.self.query.weight";
const NORM: &str = "encoder.layer.0.output.LayerNorm.weight";
const BIAS: &str = "encoder.layer.0.intermediate.dense.bias";
pub const WORDS: &str = "embeddings.word_embeddings.weight";

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
