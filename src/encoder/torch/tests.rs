use static_assertions::assert_impl_all;

use super::*;
use crate::encoder::ReferenceEncoder;
use crate::model::{Embeddings, Layer, LayerNorm, Linear, Matrix};

assert_impl_all!(TorchEncoder: Encoder);

const HIDDEN: usize = 24;

pub(crate) fn config() -> BertConfig {
    BertConfig {
        hidden_size: HIDDEN,
        num_hidden_layers: 2,
        num_attention_heads: 3,
        intermediate_size: 40,
        activation: Activation::Gelu,
        layer_norm_eps: LAYER_NORM_EPS,
        max_position_embeddings: 34,
        position_offset: 0,
        type_vocab_size: 2,
        vocab_size: 50,
    }
}

/// Numbers in -1..1 without a pattern (a linear congruential generator).
pub(crate) fn weights(config: &BertConfig) -> BertWeights {
    let mut state = 7_u64;
    let mut vector = |size: usize| -> Vec<f32> {
        let mut next = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 40) as f32 / (1 << 23) as f32 - 1.0
        };
        (0..size).map(|_| next()).collect()
    };
    let mut matrix = |rows, columns| Matrix::from_f32(rows, columns, vector(rows * columns));
    let (hidden, inner) = (config.hidden_size, config.intermediate_size);
    let [word, position, token_type] =
        [config.vocab_size, config.max_position_embeddings, config.type_vocab_size].map(|rows| matrix(rows, hidden));
    let mut linear = |outputs, inputs| Linear { weight: matrix(outputs, inputs), bias: matrix(1, outputs).to_f32() };
    let linears: Vec<[Linear; 6]> = (0..config.num_hidden_layers)
        .map(|_| {
            let [query, key, value, attention_output] = [(); 4].map(|()| linear(hidden, hidden));
            [query, key, value, attention_output, linear(inner, hidden), linear(hidden, inner)]
        })
        .collect();
    let mut norm = || LayerNorm { weight: vector(hidden), bias: vector(hidden) };
    let layers = linears.into_iter().map(|[query, key, value, attention_output, intermediate, output]| Layer {
        query,
        key,
        value,
        attention_output,
        attention_norm: norm(),
        intermediate,
        output,
        output_norm: norm(),
    });
    let layers = layers.collect();
    BertWeights { embeddings: Embeddings { word, position, token_type, norm: norm() }, layers }
}

fn torch(config: &BertConfig, pooling: Pooling) -> TorchEncoder {
    TorchEncoder::new(config.clone(), pooling, weights(config), 1).unwrap()
}

/// Lengths from 1 to the longest that fits, so that a batch falls into several groups and most rows are padded.
pub(crate) fn batch(config: &BertConfig) -> PackedBatch {
    let mut batch = PackedBatch::new();
    for (index, length) in [3, 1, config.max_tokens(), 17, 4, 20, 9].into_iter().enumerate() {
        batch.push((0..length).map(|i| ((index * 13 + i * 7) % config.vocab_size) as u32));
    }
    batch
}

fn encode(encoder: &dyn Encoder, batch: &PackedBatch) -> Vec<f32> {
    let mut vectors = vec![f32::NAN; batch.len() * HIDDEN];
    encoder.encode(batch, &mut vectors).unwrap();
    vectors
}

/// Largest difference; NaN counts as infinite.
fn distance(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, |max, d| if d.is_nan() { f32::INFINITY } else { d.max(max) })
}

#[test]
fn agrees_with_the_reference() {
    for activation in [Activation::Gelu, Activation::GeluTanh, Activation::Relu] {
        for (position_offset, type_vocab_size) in [(0, 2), (2, 1)] {
            for pooling in [Pooling::Mean, Pooling::Cls] {
                let config = BertConfig { activation, position_offset, type_vocab_size, ..config() };
                let reference = ReferenceEncoder::new(config.clone(), pooling, weights(&config));
                let batch = batch(&config);
                let distance = distance(&encode(&torch(&config, pooling), &batch), &encode(&reference, &batch));
                assert!(distance < 1e-4, "{config:?} {pooling:?}: {distance}");
            }
        }
    }
}

#[test]
fn a_sequence_gets_the_same_vector_alone() {
    let (config, encoder) = (config(), torch(&config(), Pooling::Mean));
    let batch = batch(&config);
    let together = encode(&encoder, &batch);
    for (sequence, vector) in batch.sequences().zip(together.chunks_exact(HIDDEN)) {
        let mut alone = PackedBatch::new();
        alone.push(sequence.iter().copied());
        assert!(distance(&encode(&encoder, &alone), vector) < 1e-4);
    }
}

#[test]
fn without_the_mask_padding_would_count() {
    let config = config();
    let weights = weights(&config);
    let model = Model::load(&config, Pooling::Cls, &weights, Device::Cpu).unwrap();
    let _no_grad = tch::no_grad_guard();
    let first_vector = |ids: &[i64], mask: &[i64]| -> Vec<f32> {
        let [ids, mask] = [ids, mask].map(|values| Tensor::from_slice(values).unsqueeze(0));
        model.hidden_states(&ids, &mask).unwrap().select(1, 0).view([-1]).try_into().unwrap()
    };
    let alone = first_vector(&[5, 6], &[1, 1]);
    assert!(distance(&alone, &first_vector(&[5, 6, 0, 0], &[1, 1, 0, 0])) < 1e-4);
    assert!(distance(&alone, &first_vector(&[5, 6, 0, 0], &[1, 1, 1, 1])) > 1e-2);
}

#[test]
fn a_bad_batch_is_an_error_and_the_next_one_works() {
    let config = config();
    let encoder = torch(&config, Pooling::Mean);
    let [mut unknown, mut long] = [PackedBatch::new(), PackedBatch::new()];
    unknown.push([1, 50]);
    long.push(vec![1; config.max_tokens() + 1]);
    let mut vector = vec![0.0; HIDDEN];
    assert_eq!(
        encoder.encode(&unknown, &mut vector),
        Err(EncodeError::TokenId { sequence: 0, id: 50, vocab_size: 50 })
    );
    assert!(matches!(encoder.encode(&long, &mut vector), Err(EncodeError::SequenceLength { .. })));
    // Past our own checks, libtorch's come as panics.
    for bad in [unknown, long] {
        let error = encoder.request(bad).unwrap_err();
        assert_eq!(error, backend("index out of range in self".into()));
    }
    assert_eq!(encode(&encoder, &batch(&config)).len(), 7 * HIDDEN);
    assert!(encode(&encoder, &PackedBatch::new()).is_empty());
}

#[test]
fn many_callers_at_once() {
    let encoder = torch(&config(), Pooling::Mean);
    let expected = encode(&encoder, &batch(&config()));
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| (0..10).for_each(|_| assert_eq!(encode(&encoder, &batch(&config())), expected)));
        }
    });
}

#[test]
fn weights_that_do_not_fit_are_named() {
    let load = |change: fn(&mut BertWeights)| {
        let mut weights = weights(&config());
        change(&mut weights);
        TorchEncoder::new(config(), Pooling::Mean, weights, 1).err().map(|error| error.to_string())
    };
    assert_eq!(load(|_| ()), None);
    for (change, expected) in [
        (
            // A shape that libtorch would have broadcast.
            (|weights| weights.layers[1].output.bias = vec![1.0]) as fn(&mut BertWeights),
            "tensor `encoder.layer.1.output.dense.bias`: found shape [1], expected shape [24]",
        ),
        (
            |weights| weights.embeddings.word = Matrix::from_f32(1, HIDDEN, vec![0.0; HIDDEN]),
            "tensor `embeddings.word_embeddings.weight`: found shape [1, 24], expected shape [50, 24]",
        ),
        (|weights| drop(weights.layers.pop()), "found no tensor of this name, expected shape"),
        (
            |weights| {
                let BertWeights { layers, .. } = self::weights(&config());
                weights.layers.extend(layers);
            },
            "tensor `encoder.layer.2.attention.output.LayerNorm.bias`: found a tensor, expected none",
        ),
    ] {
        let message = load(change).unwrap();
        assert!(message.contains(expected), "{message}");
    }
}

#[test]
fn a_model_that_rust_bert_cannot_compute_is_refused() {
    for config in [
        BertConfig { layer_norm_eps: 1e-5, ..config() },
        BertConfig { num_attention_heads: 5, ..config() }, // rust-bert panics
    ] {
        let error = TorchEncoder::new(config.clone(), Pooling::Mean, weights(&config), 1).err();
        assert!(matches!(error, Some(LoadError::Unavailable { .. })), "{error:?}");
    }
}

#[test]
fn only_the_first_line_of_a_message_is_kept() {
    for message in
        ["a\nException raised from b", "called `Result::unwrap()` on an `Err` value: Torch(\"a\\nException\")"]
    {
        assert_eq!(first_line(message), "a");
    }
}
