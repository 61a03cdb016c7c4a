//! Checkpoints come under several names and in several types; the numbers decide, not the way they are stored.

mod common;

use std::collections::BTreeMap;

use common::tiny_model::{Naming, Noise, PAD, Parts, Storage, Tensor, TinyModel};
use plaint::batch::PackedBatch;
use plaint::encoder::{CpuEncoder, Encoder};
use plaint::model::{Model, Pooling};
use plaint::{Engine, Precision, Threads};
use safetensors::Dtype;

/// Bits of the vectors of some sequences.
fn vectors(parts: &Parts) -> Vec<u32> {
    let Model { manifest, config, weights, .. } = Model::load(&parts.files()).unwrap();
    let (hidden, vocab_size) = (config.hidden_size, config.vocab_size);
    let mut batch = PackedBatch::new();
    let mut noise = Noise::new(3);
    for length in [1, 2, 33, config.max_tokens()] {
        batch.push((0..length).map(|_| noise.below(vocab_size) as u32));
    }
    let mut vectors = vec![f32::NAN; batch.len() * hidden];
    let encoder = CpuEncoder::new(config, manifest.pooling, weights, Precision::F32, Threads::caller()).unwrap();
    encoder.encode(&batch, &mut vectors).unwrap();
    vectors.iter().map(|value| value.to_bits()).collect()
}

fn named(naming: Naming) -> Parts {
    TinyModel { naming, ..TinyModel::default() }.parts()
}

/// The same numbers in f32.
fn dequantised(parts: &Parts) -> Parts {
    let is_scale = |name: &str| name.ends_with(".scale");
    let tensors = parts.tensors.iter().filter(|(name, _)| !is_scale(name)).map(|(name, tensor)| {
        let mut values = tensor.to_f32();
        if let Some(scales) = parts.tensors.get(&format!("{name}.scale")) {
            let columns = tensor.shape[1];
            for (row, scale) in values.chunks_mut(columns).zip(scales.to_f32()) {
                row.iter_mut().for_each(|value| *value *= scale);
            }
        }
        (name.clone(), Tensor::f32(&tensor.shape, &values))
    });
    Parts { tensors: tensors.collect(), ..parts.clone() }
}

#[test]
fn prefixes_and_old_names_do_not_matter() {
    let bare = named(Naming::Bare);
    let early = named(Naming::EarlyBert);
    assert!(early.tensors.contains_key("bert.encoder.layer.0.output.LayerNorm.gamma"), "{:?}", early.tensors.keys());
    let prefixed = |prefix: &str| {
        let rename = |name: &String| if name.starts_with("heads.") { name.clone() } else { format!("{prefix}{name}") };
        let tensors: BTreeMap<_, _> =
            bare.tensors.iter().map(|(name, tensor)| (rename(name), tensor.clone())).collect();
        Parts { tensors, ..bare.clone() }
    };
    let expected = vectors(&bare);
    assert_eq!(vectors(&early), expected);
    for prefix in ["bert.", "roberta.", "model."] {
        assert_eq!(vectors(&prefixed(prefix)), expected, "{prefix}");
    }
}

#[test]
fn xlm_r_counts_positions_from_after_its_padding() {
    let (bert, mut xlm_r) = (named(Naming::Bare), named(Naming::XlmR));
    let hidden = 32;
    let [bert_table, xlm_r_table] = [
        bert.tensors["embeddings.position_embeddings.weight"].to_f32(),
        xlm_r.tensors["roberta.embeddings.position_embeddings.weight"].to_f32(),
    ];
    assert_eq!(bert_table, xlm_r_table[(PAD + 1) * hidden..], "the twins differ by the shift alone");
    let expected = vectors(&bert);
    assert_eq!(vectors(&xlm_r), expected);
    for kind in ["roberta", "camembert"] {
        xlm_r.config["model_type"] = kind.into();
        assert_eq!(vectors(&xlm_r), expected, "{kind}");
    }

    let mut with_row = |row: usize| {
        let mut table = xlm_r_table.clone();
        table[row * hidden] += 1.0;
        let tensor = Tensor::f32(&[table.len() / hidden, hidden], &table);
        xlm_r.tensors.insert("roberta.embeddings.position_embeddings.weight".into(), tensor);
        vectors(&xlm_r)
    };
    assert_eq!(with_row(PAD), expected, "a row before the first position has no say");
    assert_ne!(with_row(PAD + 1), expected, "the first position has");
}

/// `auto` would compute in int8 where the matrices are stored so.
fn in_f32(parts: &Parts) -> Engine {
    Engine::builder().precision(Precision::F32).from_files(&parts.files()).unwrap()
}

#[test]
fn every_storage_type_equals_its_numbers_in_f32() {
    for storage in [Storage::F32, Storage::F16, Storage::Bf16, Storage::Int8] {
        for naming in [Naming::Bare, Naming::EarlyBert, Naming::XlmR] {
            let stored = TinyModel { storage, naming, ..TinyModel::default() }.parts();
            let plain = dequantised(&stored);
            assert!(plain.tensors.values().all(|tensor| tensor.dtype == Dtype::F32));
            assert_eq!(vectors(&stored), vectors(&plain), "{storage:?} {naming:?}");
            let [stored, plain] = [stored, plain].map(|parts| in_f32(&parts));
            for text in common::texts::all() {
                assert_eq!(stored.score(&text), plain.score(&text), "{storage:?} {naming:?}");
            }
        }
    }
}

#[test]
fn heads_may_be_stored_in_every_type() {
    let mut parts = TinyModel::default().parts();
    for (name, dtype) in [("complaint", Dtype::F16), ("sentiment", Dtype::BF16)] {
        let name = format!("heads.{name}.weight");
        let tensor = &parts.tensors[&name];
        parts.tensors.insert(name, Tensor::of(dtype, &tensor.shape, &tensor.to_f32()));
    }
    let urgency = parts.tensors.get_mut("heads.urgency.weight").unwrap();
    let bytes = urgency.to_f32().iter().map(|value| ((value * 100.0) as i8).cast_unsigned()).collect();
    *urgency = Tensor { dtype: Dtype::I8, shape: urgency.shape.clone(), bytes };
    parts.tensors.insert("heads.urgency.weight.scale".into(), Tensor::f32(&[1], &[0.01]));
    let [stored, plain] = [parts.clone(), dequantised(&parts)].map(|parts| in_f32(&parts));
    for text in common::texts::all() {
        assert_eq!(stored.score(&text), plain.score(&text));
    }
}

#[test]
fn tensors_that_inference_does_not_need_are_ignored() {
    let plain = named(Naming::EarlyBert);
    let mut crowded = plain.clone();
    let mut add = |name: &str, tensor: Tensor| crowded.tensors.insert(name.into(), tensor);
    add("bert.pooler.dense.weight", Tensor::f32(&[32, 32], &[0.5; 32 * 32]));
    add("bert.pooler.dense.bias", Tensor::f32(&[32], &[f32::NAN; 32]));
    add("cls.predictions.bias", Tensor::f32(&[3], &[1.0; 3]));
    add("classifier.weight", Tensor::f32(&[0, 32], &[]));
    let positions = (0..128i64).flat_map(i64::to_le_bytes).collect();
    let position_ids = Tensor { dtype: Dtype::I64, shape: vec![1, 128], bytes: positions };
    add("bert.embeddings.position_ids", position_ids);
    assert_eq!(vectors(&crowded), vectors(&plain));
}

#[test]
fn the_configuration_has_its_say() {
    let with = |change: &dyn Fn(&mut TinyModel)| {
        let mut model = TinyModel::default();
        change(&mut model);
        vectors(&model.parts())
    };
    let plain = with(&|_| ());
    assert_ne!(with(&|model| model.activation = "relu"), plain);
    assert_ne!(with(&|model| model.heads = 2), plain);
    let tanh = with(&|model| model.activation = "gelu_new");
    assert_ne!(tanh, plain);
    assert_eq!(with(&|model| model.activation = "gelu_pytorch_tanh"), tanh);
    let first = with(&|model| model.pooling = Pooling::Cls);
    assert_eq!(first[..32], plain[..32], "of one token, the first vector is the mean");
    assert_ne!(first[32..], plain[32..]);
}
