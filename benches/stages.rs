//! Each stage of the way of a text, and the whole way, on the shipped model.
//!
//! `cargo bench --bench stages` runs all; `cargo bench --bench stages -- encode` one. Throughput is in texts a second
//! in groups named `texts/…` and in tokens a second in groups named `tokens/…`.

#[path = "../src/compare/texts.rs"]
mod texts;

use std::hint::black_box;
use std::time::Duration;

use criterion::{BenchmarkId, Criterion, SamplingMode, Throughput, criterion_group, criterion_main};
use plaint::batch::{PackedBatch, plan};
use plaint::encoder::{CpuEncoder, Encoder};
use plaint::model::{Model, ModelFiles};
use plaint::text::{LongText, ReadingLimits, TextReader};
use plaint::{Engine, Precision, Threads};

const TEXTS: usize = 256;
const BATCH_TOKENS: usize = 8192;

fn stages(criterion: &mut Criterion) {
    let model = Model::load(&ModelFiles::embedded()).expect("the shipped model loads");
    let messages = texts::messages(TEXTS);
    let limits = ReadingLimits {
        max_bytes: model.manifest.windows.max_bytes,
        window_tokens: model.manifest.windows.tokens,
        overlap_tokens: model.manifest.windows.overlap,
        long_text: LongText::AllWindows,
    };
    let recipe = model.manifest.cleaning;
    let reader = TextReader { recipe, tokenizer: model.tokenizer, limits };
    let batch_of = |texts: &[String]| {
        let mut batch = PackedBatch::new();
        for text in texts {
            let read = reader.read(text).expect("not empty");
            for window in read.windows {
                batch.push(read.ids[window].iter().copied());
            }
        }
        batch
    };
    let batch = batch_of(&messages);
    let lengths: Vec<usize> = batch.sequences().map(<[u32]>::len).collect();
    let hidden = model.config.hidden_size;
    let vectors = vec![0.1; TEXTS * hidden];

    let mut group = criterion.benchmark_group("texts");
    group.throughput(Throughput::Elements(TEXTS as u64));
    group.bench_function("clean", |b| {
        b.iter(|| messages.iter().map(|text| recipe.apply(black_box(text)).len()).sum::<usize>());
    });
    group.bench_function("tokenize", |b| {
        b.iter(|| {
            messages.iter().map(|text| reader.read(black_box(text)).map_or(0, |read| read.ids.len())).sum::<usize>()
        });
    });
    group.bench_function("plan", |b| b.iter(|| plan(black_box(&lengths), BATCH_TOKENS)));
    group.bench_function("heads", |b| {
        b.iter(|| black_box(&vectors).chunks_exact(hidden).filter(|vector| model.heads.score(vector).is_ok()).count());
    });
    group.finish();

    let mut group = criterion.benchmark_group("tokens/encode");
    group.sampling_mode(SamplingMode::Flat).sample_size(10).measurement_time(Duration::from_secs(8));
    let long = texts::long_posts(16);
    let posts = batch_of(&long);
    let encoder = |threads, precision| {
        let weights = Model::load(&ModelFiles::embedded()).expect("the shipped model loads").weights;
        let threads = Threads::new(threads).expect("threads");
        CpuEncoder::new(model.config.clone(), model.manifest.pooling, weights, precision, threads).expect("cpu")
    };
    let available = std::thread::available_parallelism().map_or(1, usize::from);
    let auto = Precision::Auto;
    for (threads, precision) in
        [(1, auto), (available, auto), (available, Precision::Bf16), (available, Precision::F32)]
    {
        let encoder = encoder(threads, precision);
        let mut single = PackedBatch::new();
        single.push(batch.sequence(0).iter().copied());
        for (name, batch) in [("messages", &batch), ("posts", &posts), ("one", &single)] {
            let mut vectors = vec![0.0; batch.len() * hidden];
            group.throughput(Throughput::Elements(batch.token_ids().len() as u64));
            group.bench_function(BenchmarkId::new(name, format!("{precision}, threads={threads}")), |b| {
                b.iter(|| encoder.encode(black_box(batch), &mut vectors));
            });
        }
    }
    group.finish();

    let engine = Engine::embedded().expect("the shipped model loads");
    for (name, texts, batch) in [("messages", &messages, &batch), ("posts", &long, &posts)] {
        for (unit, elements) in [("texts", texts.len()), ("tokens", batch.token_ids().len())] {
            let mut group = criterion.benchmark_group(unit);
            group.sampling_mode(SamplingMode::Flat).sample_size(10).measurement_time(Duration::from_secs(8));
            group.throughput(Throughput::Elements(elements as u64));
            group.bench_function(BenchmarkId::new("end_to_end", name), |b| {
                b.iter(|| engine.score_batch(black_box(texts)));
            });
            group.finish();
        }
    }
}

/// From nothing to the first score.
fn start(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("start");
    group.sampling_mode(SamplingMode::Flat).sample_size(20).measurement_time(Duration::from_secs(8));
    group.bench_function("embedded", |b| {
        b.iter_with_large_drop(|| {
            let engine = Engine::embedded().expect("the shipped model loads");
            engine.score(black_box("Where is my parcel?")).expect("a text");
            engine
        });
    });
    group.finish();
}

criterion_group!(benches, stages, start);
criterion_main!(benches);
