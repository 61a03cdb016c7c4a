//! One engine, many threads; and scoring an endless stream in bounded memory.

mod common;

use std::panic::{RefUnwindSafe, UnwindSafe};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use common::texts;
use common::tiny_model::TinyModel;
use plaint::{Assessment, Engine, ScoreError, ScoreIter};
use rayon::prelude::*;
use static_assertions::assert_impl_all;

mod everything_can_be_shared {
    use super::*;
    use plaint::{batch, encoder, model, service, text};

    macro_rules! shared {
        ($($type:ty),+ $(,)?) => { $(assert_impl_all!($type: Send, Sync, UnwindSafe, RefUnwindSafe);)+ };
    }
    shared!(
        Engine,
        plaint::EngineBuilder,
        ScoreIter<std::vec::IntoIter<String>>,
        Assessment,
        plaint::Coverage,
        plaint::Probability,
        plaint::Sentiment,
        plaint::SentimentLabel,
        plaint::Urgency,
        plaint::UrgencyLevel,
        plaint::EncoderKind,
        plaint::Precision,
        plaint::LongText,
        plaint::Threads,
        plaint::LoadError,
        ScoreError,
        plaint::EncodeError,
        batch::PackedBatch,
        encoder::CpuEncoder,
        encoder::ReferenceEncoder,
        encoder::Kernel,
        Box<dyn encoder::Encoder>,
        model::Model,
        model::ModelId,
        model::ModelFiles,
        model::Manifest,
        model::BertConfig,
        model::BertWeights,
        model::Heads,
        model::Matrix,
        model::WindowScores,
        text::TextReader,
        text::Tokenizer,
        text::ReadText,
        text::CleaningRecipe,
        service::Service,
        service::Pending,
        service::Admission,
        service::Answer,
        service::Request,
        service::ServiceError,
        service::ModelRefused,
        service::Stats,
    );
    #[cfg(feature = "torch")]
    shared!(encoder::TorchEncoder);
}

static FILES: LazyLock<plaint::model::ModelFiles> = LazyLock::new(|| TinyModel::default().files());

fn engine(threads: usize) -> Engine {
    Engine::builder().threads(threads).batch_tokens(700).from_files(&FILES).unwrap()
}

type Results = Vec<Result<Assessment, ScoreError>>;

/// Texts with one that cannot be scored, and what one thread makes of them.
static EXPECTED: LazyLock<(Vec<String>, Results)> = LazyLock::new(|| {
    let mut texts = texts::all();
    texts.insert(5, "\n".into());
    let engine = engine(1);
    let results = texts.iter().map(|text| engine.score(text)).collect();
    (texts, results)
});

#[test]
fn sixteen_threads_get_the_scores_of_one() {
    let (texts, expected) = &*EXPECTED;
    for threads in [1, 2, 3] {
        let engine = engine(threads);
        thread::scope(|scope| {
            for worker in 0..16 {
                let engine = &engine;
                scope.spawn(move || {
                    for round in 0..4 {
                        match (worker + round) % 3 {
                            0 => assert_eq!(&engine.score_batch(texts), expected),
                            1 => {
                                let index = (7 * worker + round) % texts.len();
                                assert_eq!(engine.score(&texts[index]), expected[index]);
                            }
                            _ => assert_eq!(&engine.score_iter(texts).collect::<Results>(), expected),
                        }
                    }
                });
            }
        });
    }
}

#[test]
fn clones_outlive_each_other_in_any_order() {
    let (texts, expected) = &*EXPECTED;
    let first = engine(2);
    let (second, third) = (first.clone(), first.clone());
    let mut stream = third.score_iter(texts.clone());
    let head = stream.next();
    drop(first);
    assert_eq!(&second.score_batch(texts), expected);
    let worker = thread::spawn(move || second.score_batch(&EXPECTED.0));
    drop(third);
    assert_eq!(&worker.join().unwrap(), expected);
    assert_eq!(&head.into_iter().chain(stream).collect::<Results>(), expected);
}

#[test]
fn scoring_inside_a_pool_of_the_caller() {
    let (texts, expected) = &*EXPECTED;
    for threads in [1, 2] {
        let engine = engine(threads);
        for callers in [1, 4] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(callers).build().unwrap();
            let one_by_one: Results = pool.install(|| texts.par_iter().map(|text| engine.score(text)).collect());
            assert_eq!(&one_by_one, expected);
            let batches: Vec<Results> =
                pool.install(|| (0..8).into_par_iter().map(|_| engine.score_batch(texts)).collect());
            assert!(batches.iter().all(|results| results == expected));
        }
    }
}

#[test]
fn a_panic_of_the_caller_leaves_the_engine_whole() {
    struct Broken;
    impl AsRef<str> for Broken {
        fn as_ref(&self) -> &str {
            panic!("the caller's own")
        }
    }
    let (texts, expected) = &*EXPECTED;
    let engine = engine(2);
    for count in [1, 100] {
        let broken: Vec<Broken> = std::iter::repeat_with(|| Broken).take(count).collect();
        assert!(std::panic::catch_unwind(|| engine.score_batch(&broken)).is_err());
        assert_eq!(&engine.score_batch(texts), expected);
    }
}

/// Counts what is pulled from it.
fn counted<'a>(pulled: &'a AtomicUsize, texts: impl Iterator<Item = String> + 'a) -> impl Iterator<Item = String> + 'a {
    texts.inspect(|_| {
        pulled.fetch_add(1, Ordering::Relaxed);
    })
}

#[test]
fn a_stream_is_lazy_and_reads_ahead_no_further_than_it_says() {
    let engine = engine(2);
    let pulled = AtomicUsize::new(0);
    let count = || pulled.load(Ordering::Relaxed);
    let endless = counted(&pulled, (0..).map(|number: u64| format!("text {number}")));
    let mut stream = engine.score_iter(endless);
    assert_eq!(count(), 0, "nothing is read before a result is asked for");
    let limit = ScoreIter::<std::vec::IntoIter<String>>::MAX_TEXTS;
    for taken in 1..=3 * limit {
        assert_eq!(stream.next().unwrap(), engine.score(&format!("text {}", taken - 1)));
        assert!((taken..taken + limit).contains(&count()), "{} texts read for {taken} results", count());
    }
}

#[test]
fn a_stream_of_long_texts_reads_few_ahead() {
    let pulled = AtomicUsize::new(0);
    let engine = Engine::builder().max_bytes(100).from_files(&FILES).unwrap();
    let limit = ScoreIter::<std::vec::IntoIter<String>>::MAX_BYTES;
    let long = || "x".repeat(limit / 3);
    let mut stream = engine.score_iter(counted(&pulled, std::iter::repeat_with(long)));
    assert!(stream.next().unwrap().is_ok());
    // Three thirds of the limit, rounded down, are just below it.
    assert_eq!(pulled.load(Ordering::Relaxed), 4);
    let pulled = AtomicUsize::new(0);
    let longer = || "x".repeat(limit + 1);
    let mut stream = engine.score_iter(counted(&pulled, std::iter::repeat_with(longer)));
    assert!(!stream.next().unwrap().unwrap().coverage.complete);
    assert_eq!(pulled.load(Ordering::Relaxed), 1);
}

#[test]
fn a_stream_keeps_the_order_and_survives_bad_texts() {
    let (texts, expected) = &*EXPECTED;
    let engine = engine(2);
    let rounds = 40;
    let endless = texts.iter().cycle();
    let results: Results = engine.score_iter(endless).take(rounds * texts.len()).collect();
    assert_eq!(results.len(), rounds * texts.len());
    for round in results.chunks(texts.len()) {
        assert_eq!(round, expected);
    }
    assert!(results.contains(&Err(ScoreError::Empty)));
}

#[test]
fn a_stream_knows_its_length() {
    let engine = engine(1);
    let mut stream = engine.score_iter(vec!["a"; 300]);
    assert_eq!(stream.size_hint(), (300, Some(300)));
    stream.next();
    assert_eq!(stream.size_hint(), (299, Some(299)));
    assert_eq!(stream.count(), 299);
    let mut nothing = engine.score_iter(Vec::<String>::new());
    assert!(nothing.next().is_none() && nothing.next().is_none());
    assert!(engine.score_batch::<&str>(&[]).is_empty());
}

#[test]
fn a_stream_that_has_ended_stays_so() {
    // A channel that is empty for a moment says so, and goes on later.
    let mut parts = [Some("Hallo"), None, Some("Danke")].into_iter();
    let mut stream = engine(1).score_iter(std::iter::from_fn(move || parts.next().flatten()));
    assert!(stream.next().is_some() && stream.next().is_none() && stream.next().is_none());
}
