//! A score does not depend on the company a text keeps, and encoders agree: one table of cases, every encoder.
//!
//! `cpu` (every kernel of this machine, 1 to 4 threads) and `reference` must give the same bits alone and in any batch;
//! `torch` the same numbers within `TOLERANCE`.

mod common;

use std::sync::LazyLock;

use common::texts;
use common::tiny_model::{Noise, TinyModel};
use plaint::batch::PackedBatch;
use plaint::encoder::{CpuEncoder, Encoder, Kernel, ReferenceEncoder};
use plaint::model::{Model, ModelFiles, Pooling, WindowPooling, WindowScores};
use plaint::{Assessment, EncoderKind, Engine, Precision, Threads};
use proptest::prelude::*;

/// Between encoders, on every probability.
const TOLERANCE: f32 = 1e-4;
/// The same in bf16.
const BF16_TOLERANCE: f32 = 0.02;
/// The same in int8 on models of random weights; the bound for a trained one is in `shipped_model.rs`.
const INT8_TOLERANCE: f32 = 0.05;

macro_rules! shapes {
    ($($name:ident: $model:expr;)+) => {
        mod every_encoder_on {
            use super::*;
            $(#[test] fn $name() { check(&$model); })+
        }
    };
}

fn model() -> TinyModel {
    TinyModel::default()
}

shapes! {
    a_round_shape: model();
    odd_widths: TinyModel { hidden: 24, heads: 2, intermediate: 40, max_tokens: 97, ..model() };
    prime_widths: TinyModel { hidden: 17, heads: 1, intermediate: 31, ..model() };
    heads_of_one_value: TinyModel { hidden: 19, heads: 19, intermediate: 3, layers: 1, ..model() };
    the_first_token: TinyModel { hidden: 48, heads: 3, intermediate: 96, pooling: Pooling::Cls, ..model() };
    tanh: TinyModel { activation: "gelu_new", heads: 2, ..model() };
    relu: TinyModel { activation: "relu", heads: 8, ..model() };
    // Beyond 384 inputs, products are summed in two parts.
    deep_products: TinyModel { hidden: 40, heads: 5, intermediate: 400, ..model() };
    long_sequences: TinyModel { hidden: 16, heads: 2, intermediate: 32, max_tokens: 600, ..model() };
    one_layer_in_int8: TinyModel { layers: 1, storage: common::tiny_model::Storage::Int8, ..model() };
}

/// An encoder and what is asked of it.
struct Subject {
    name: String,
    encoder: Box<dyn Encoder>,
    bitwise: bool,
    /// Distance from the reference, on every probability.
    tolerance: f32,
}

fn subjects(files: &ModelFiles) -> Vec<Subject> {
    let load = || Model::load(files).unwrap();
    let mut subjects = Vec::new();
    for kernel in Kernel::available() {
        for (precision, tolerance) in
            [(Precision::F32, TOLERANCE), (Precision::Bf16, BF16_TOLERANCE), (Precision::Int8, INT8_TOLERANCE)]
        {
            // The spread over threads knows nothing of the kernel.
            let counts: &[usize] = if kernel == Kernel::detect() { &[1, 2, 3, 4] } else { &[1, 3] };
            for &threads in counts {
                let Model { config, manifest, weights, .. } = load();
                let threads = Threads::new(threads).unwrap();
                let name = format!("cpu, {precision}, {kernel}, {threads:?}");
                let encoder = CpuEncoder::with_kernel(config, manifest.pooling, weights, precision, threads, kernel);
                subjects.push(Subject { name, encoder: Box::new(encoder.unwrap()), bitwise: true, tolerance });
            }
        }
    }
    let Model { config, manifest, weights, .. } = load();
    let encoder = Box::new(ReferenceEncoder::new(config, manifest.pooling, weights));
    subjects.push(Subject { name: "reference".into(), encoder, bitwise: true, tolerance: TOLERANCE });
    #[cfg(feature = "torch")]
    {
        let Model { config, manifest, weights, .. } = load();
        let encoder = plaint::encoder::TorchEncoder::new(config, manifest.pooling, weights, 1).unwrap();
        subjects.push(Subject {
            name: "torch".into(),
            encoder: Box::new(encoder),
            bitwise: false,
            tolerance: TOLERANCE,
        });
    }
    subjects
}

fn encode(encoder: &dyn Encoder, sequences: &[&[u32]], hidden: usize) -> Vec<Vec<f32>> {
    let mut batch = PackedBatch::new();
    for sequence in sequences {
        batch.push(sequence.iter().copied());
    }
    let mut vectors = vec![f32::NAN; sequences.len() * hidden];
    encoder.encode(&batch, &mut vectors).unwrap();
    vectors.chunks(hidden).map(<[f32]>::to_vec).collect()
}

/// One sequence of each short length, and of each around every border of the implementation: tiles, panels, blocks of 96 rows, shards of
/// 512 tokens.
fn sequences(max_tokens: usize, vocab_size: usize) -> Vec<Vec<u32>> {
    let borders = [32, 48, 64, 96, 128, 192, 384, 512, 600].into_iter();
    let mut lengths: Vec<usize> = (1..=24).chain(borders.flat_map(|border| [border - 1, border, border + 1])).collect();
    lengths.push(max_tokens);
    lengths.retain(|length| (1..=max_tokens).contains(length));
    lengths.dedup();
    let mut noise = Noise::new(7);
    lengths.iter().map(|&length| (0..length).map(|_| noise.below(vocab_size) as u32).collect()).collect()
}

/// Batches, as indices of sequences: all of them in several orders, and packings that end at, before and after the
/// borders of blocks and shards.
fn batches(sequences: &[Vec<u32>]) -> Vec<Vec<usize>> {
    let ascending: Vec<usize> = (0..sequences.len()).collect();
    let descending = ascending.iter().rev().copied().collect();
    let mut noise = Noise::new(11);
    let mut random = ascending.clone();
    random.sort_by_cached_key(|_| noise.next());
    let mut batches = vec![vec![], ascending, descending, random];
    for (length, count) in [(1, 97), (1, 513), (32, 3), (32, 16), (48, 2), (64, 8), (64, 9), (96, 6), (512, 2)] {
        if let Some(index) = sequences.iter().position(|sequence| sequence.len() == length) {
            batches.push(vec![index; count]);
            batches.push([vec![0], vec![index; count]].concat());
        }
    }
    batches
}

fn check(model: &TinyModel) {
    let files = model.files();
    let Model { config, heads, .. } = Model::load(&files).unwrap();
    let sequences = sequences(config.max_tokens(), config.vocab_size);
    let batches = batches(&sequences);
    let subjects = subjects(&files);
    let alone = |subject: &Subject| -> Vec<Vec<f32>> {
        sequences.iter().flat_map(|ids| encode(&*subject.encoder, &[ids], model.hidden)).collect()
    };
    let oracle = subjects.iter().find(|subject| subject.name == "reference").map(alone).unwrap();
    let scores = |vector: &[f32]| heads.score(vector).unwrap();

    for subject in &subjects {
        let name = &subject.name;
        let alone = alone(subject);
        for ((found, expected), ids) in alone.iter().zip(&oracle).zip(&sequences) {
            let difference = difference(scores(found), scores(expected));
            assert!(difference < subject.tolerance, "{name}, {} tokens: {difference} from the reference", ids.len());
        }
        // The reference takes its time, and one sequence at a time: the orders are enough.
        let batches = if name == "reference" { &batches[..4] } else { &batches };
        for batch in batches {
            let ids: Vec<&[u32]> = batch.iter().map(|&index| &sequences[index][..]).collect();
            let together = encode(&*subject.encoder, &ids, model.hidden);
            for (place, (found, &index)) in together.iter().zip(batch).enumerate() {
                let expected = &alone[index];
                let same = if subject.bitwise {
                    found.iter().zip(expected).all(|(a, b)| a.to_bits() == b.to_bits())
                } else {
                    difference(scores(found), scores(expected)) < TOLERANCE
                };
                let (tokens, size) = (sequences[index].len(), batch.len());
                assert!(same, "{name}: {tokens} tokens at place {place} of {size} differ from the same tokens alone");
            }
        }
    }
}

fn difference(a: WindowScores, b: WindowScores) -> f32 {
    let list = |scores: WindowScores| {
        let [negative, neutral, positive] = scores.sentiment;
        [scores.complaint, negative, neutral, positive, scores.urgency]
    };
    list(a).iter().zip(list(b)).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

fn assessment_difference(a: &Assessment, b: &Assessment) -> f32 {
    let scores = |assessment: &Assessment| WindowScores {
        complaint: assessment.complaint.get(),
        sentiment: [assessment.sentiment.negative, assessment.sentiment.neutral, assessment.sentiment.positive]
            .map(|probability| probability.get()),
        urgency: assessment.urgency.score.get(),
    };
    difference(scores(a), scores(b))
}

/// Engines of one model that differ in everything that must not matter.
static ENGINES: LazyLock<Vec<Engine>> = LazyLock::new(|| {
    let files = engine_model().files();
    let mut engines = Vec::new();
    for threads in 1..=4 {
        for batch_tokens in [0, 1, 65, 300, 8192] {
            engines.push(Engine::builder().threads(threads).batch_tokens(batch_tokens).from_files(&files).unwrap());
        }
    }
    engines
});

fn engine_model() -> TinyModel {
    let window_pooling = [WindowPooling::Max, WindowPooling::Mean, WindowPooling::Mean];
    TinyModel { window_pooling, ..TinyModel::default() }
}

/// The texts of the table, each scored alone by the first engine.
static ALONE: LazyLock<Vec<(String, Assessment)>> =
    LazyLock::new(|| texts::all().into_iter().map(|text| (text.clone(), ENGINES[0].score(&text).unwrap())).collect());

#[test]
fn texts_differ_in_their_scores() {
    for (i, (text, assessment)) in ALONE.iter().enumerate() {
        for (other, other_assessment) in &ALONE[..i] {
            let difference = assessment_difference(assessment, other_assessment);
            assert!(difference > 10.0 * TOLERANCE, "{text:.40?} and {other:.40?} differ by {difference} only");
        }
    }
}

#[test]
fn an_engine_scores_every_text_as_it_does_alone() {
    for kind in EncoderKind::ALL {
        let builder = Engine::builder().encoder(*kind).threads(2).batch_tokens(500);
        let engine = match builder.from_files(&engine_model().files()) {
            Err(plaint::LoadError::Unavailable { .. }) if !cfg!(feature = "torch") && *kind == EncoderKind::Torch => {
                continue;
            }
            engine => engine.unwrap(),
        };
        let bitwise = *kind != EncoderKind::Torch;
        let together = engine.score_batch(&texts::all());
        for ((name, text), together) in texts::table().iter().zip(together) {
            let (alone, together) = (engine.score(text).unwrap(), together.unwrap());
            assert!(!bitwise || alone == together, "{kind}: {name} alone {alone:?}, in company {together:?}");
            assert!(assessment_difference(&alone, &together) < TOLERANCE, "{kind}: {name}");
            let (_, cpu) = ALONE.iter().find(|(other, _)| other == text).unwrap();
            assert!(assessment_difference(&alone, cpu) < TOLERANCE, "{kind}: {name} {alone:?}, cpu {cpu:?}");
            assert_eq!(alone.coverage, cpu.coverage, "{kind}: {name}");
        }
    }
}

#[test]
fn no_engine_of_the_same_model_scores_otherwise() {
    let texts: Vec<&str> = ALONE.iter().map(|(text, _)| text.as_str()).collect();
    for engine in &*ENGINES {
        for (result, (text, alone)) in engine.score_batch(&texts).into_iter().zip(&*ALONE) {
            assert_eq!(result.as_ref(), Ok(alone), "{text:.40?} by {engine:?}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_batch_in_any_order_gives_the_same_bits(
        chosen in prop::collection::vec(any::<prop::sample::Index>(), 1..40),
        engine in any::<prop::sample::Index>(),
    ) {
        let chosen: Vec<&(String, Assessment)> = chosen.iter().map(|index| index.get(&ALONE)).collect();
        let texts: Vec<&str> = chosen.iter().map(|(text, _)| text.as_str()).collect();
        for (result, (_, alone)) in engine.get(&ENGINES).score_batch(&texts).iter().zip(&chosen) {
            prop_assert_eq!(result.as_ref(), Ok(alone));
        }
    }
}

#[cfg(feature = "embedded-model")]
#[test]
fn the_shipped_model_scores_alike_on_every_encoder() {
    let texts: Vec<String> = texts::all().into_iter().filter(|text| text.len() < 200).collect();
    let with = |precision| Engine::builder().precision(precision).embedded().unwrap();
    let reference = Engine::builder().encoder(EncoderKind::Reference).embedded().unwrap();
    for (precision, tolerance) in
        [(Precision::F32, TOLERANCE), (Precision::Bf16, BF16_TOLERANCE), (Precision::Auto, INT8_TOLERANCE)]
    {
        let cpu = with(precision);
        let together = cpu.score_batch(&texts);
        for (text, together) in texts.iter().zip(together) {
            let (alone, together, oracle) =
                (cpu.score(text).unwrap(), together.unwrap(), reference.score(text).unwrap());
            assert_eq!(alone, together, "{text:?}");
            let difference = assessment_difference(&alone, &oracle);
            assert!(difference < tolerance, "{precision}: {text:?}: {alone:?}, reference {oracle:?}");
        }
    }
}
