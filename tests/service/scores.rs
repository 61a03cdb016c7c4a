//! Scores are those of the engine, whoever asks and however.

use std::sync::LazyLock;
use std::thread;
use std::time::Duration;

use plaint::service::{Request, Service, ServiceError, Shutdown};
use plaint::{Assessment, ScoreError};
use proptest::prelude::*;

use super::common::texts;
use super::{assert_settled, engine};

type Expected = Vec<(String, Result<Assessment, ServiceError>)>;

/// Texts with what the engine makes of each alone; one cannot be scored.
static EXPECTED: LazyLock<Expected> = LazyLock::new(|| {
    let engine = engine();
    let mut texts = texts::all();
    texts.insert(3, " ".into());
    let score = |text: String| (text.clone(), engine.score(&text).map_err(ServiceError::from));
    texts.into_iter().map(score).collect()
});

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn scores_are_the_engines_bit_for_bit(
        encoders in 1usize..4,
        batch_tokens in 1usize..400,
        queue in (1usize..8, 1usize..400),
        linger in 0u64..3,
        callers in 1usize..5,
        picks in prop::collection::vec((0..EXPECTED.len(), any::<bool>(), 0..3), 1..60),
    ) {
        let service = Service::builder(engine())
            .encoders(encoders)
            .batch_tokens(batch_tokens)
            .queue_texts(queue.0)
            .queue_tokens(queue.1)
            .linger(Duration::from_millis(linger))
            .start()
            .unwrap();
        thread::scope(|scope| {
            for picks in picks.chunks(picks.len().div_ceil(callers)) {
                let service = &service;
                scope.spawn(move || {
                    let pending: Vec<_> = picks
                        .iter()
                        .map(|&(index, bulk, how)| {
                            let request = Request::from(EXPECTED[index].0.as_str());
                            let request = if bulk { request.bulk() } else { request };
                            let pending = match how {
                                0 => service.score(request),
                                1 => service.submit(request).wait().unwrap(),
                                _ => service.try_score(request.clone()).unwrap_or_else(|error| {
                                    assert!(matches!(error, ServiceError::Overloaded { .. }));
                                    service.score(request)
                                }),
                            };
                            (index, pending)
                        })
                        .collect();
                    for (index, pending) in pending {
                        assert_eq!(pending.wait().map(|answer| answer.assessment), EXPECTED[index].1);
                    }
                });
            }
        });
        service.shutdown(Shutdown::Drain);
        assert_settled(&service);
        let stats = service.stats();
        prop_assert_eq!(stats.scored + stats.failed, picks.len() as u64);
    }
}

#[test]
fn tasks_of_an_executor_get_the_same_scores() {
    let service = Service::start(engine()).unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(3).build().unwrap();
    runtime.block_on(async {
        let tasks: Vec<_> = (0..200)
            .map(|number| {
                let service = service.clone();
                tokio::spawn(async move {
                    let (text, expected) = &EXPECTED[number % EXPECTED.len()];
                    let found = match number % 2 {
                        0 => service.score(text.as_str()).await,
                        _ => service.submit(text.as_str()).await.unwrap().await,
                    };
                    assert_eq!(&found.map(|answer| answer.assessment), expected);
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
    });
    assert_settled(&service);
}

#[test]
fn what_cannot_be_read_fails_alone() {
    let service = Service::start(engine()).unwrap();
    let pending = ["", "Wo bleibt mein Paket?", "\u{200b}"].map(|text| service.score(text));
    let results = pending.map(plaint::service::Pending::wait);
    assert_eq!(results[0], Err(ServiceError::Score(ScoreError::Empty)));
    assert!(results[1].is_ok());
    assert_eq!(results[2].clone().map(|answer| answer.assessment), engine().score("\u{200b}").map_err(Into::into));
}
