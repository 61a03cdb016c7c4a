//! What observers are told.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use plaint::model::ModelId;
use plaint::service::observer::{BatchReport, Settled, Stage};
use plaint::service::{Observer, Priority, Request, Service, ServiceError};

use super::eventually;
use super::gate::Gate;

#[derive(Clone, Default)]
struct Notes(Arc<Mutex<BTreeMap<String, usize>>>);

impl Notes {
    fn add(&self, what: impl Into<String>, count: usize) {
        *self.0.lock().unwrap().entry(what.into()).or_default() += count;
    }

    fn get(&self, what: &str) -> usize {
        self.0.lock().unwrap().get(what).copied().unwrap_or_default()
    }
}

impl Observer for Notes {
    fn accepted(&self, priority: Priority) {
        self.add(format!("accepted {}", priority.as_str()), 1);
    }
    fn rejected(&self, priority: Priority, error: &ServiceError) {
        assert!(matches!(error, ServiceError::Overloaded { texts: 1, .. }));
        self.add(format!("rejected {}", priority.as_str()), 1);
    }
    fn settled(&self, request: &Settled) {
        assert!(request.queued <= request.total);
        self.add(request.outcome.as_str(), 1);
    }
    fn stage(&self, stage: Stage, work: &mut dyn FnMut()) {
        work();
        match stage {
            Stage::Tokenize { texts } => self.add("tokenize: texts", texts),
            Stage::Encode { texts, tokens } => {
                self.add("encode: texts", texts);
                self.add("encode: tokens", tokens);
            }
            other => panic!("{other:?}"),
        }
    }
    fn batch(&self, batch: &BatchReport<'_>) {
        assert!(batch.fill > 0.0 && batch.encode > Duration::ZERO && batch.tokenize > Duration::ZERO);
        self.add(format!("batches of {}", batch.texts), 1);
        self.add("batch: tokens", batch.tokens);
    }
    fn swapped(&self, model: &ModelId) {
        assert_eq!(model.name, "tiny");
        self.add("models", 1);
    }
}

#[test]
fn an_observer_is_told_of_everything_once() {
    let (gate, engine) = Gate::new();
    let notes = Notes::default();
    let service = Service::builder(engine).batch_tokens(1).queue_texts(1).observer(notes.clone()).start().unwrap();
    gate.close();
    let before = gate.arrived().len();
    let first = service.score("danke");
    eventually("the first text is at the gate", || gate.arrived().len() == before + 1);
    let second = service.score(Request::new("danke").bulk());
    eventually("the second is in hand", || service.waiting(Priority::Bulk).texts == 0);
    let left = service.score("danke");
    assert!(service.try_score("danke").is_err());
    drop(left);
    let late = service.score(Request::new("danke").deadline(Duration::from_millis(1)));
    assert!(late.wait().is_err());
    gate.open();
    assert!(first.wait().is_ok() && second.wait().is_ok());
    assert!(service.score_blocking("").is_err());
    service.swap(super::engine()).unwrap();
    service.shutdown(plaint::service::Shutdown::Drain);
    for (what, expected) in [
        ("accepted interactive", 4),
        ("accepted bulk", 1),
        ("rejected interactive", 1),
        ("scored", 2),
        ("failed", 1),
        ("expired", 1),
        ("abandoned", 1),
        ("tokenize: texts", 3),
        ("encode: texts", 2),
        ("batches of 1", 2),
        ("models", 2),
    ] {
        assert_eq!(notes.get(what), expected, "{what}");
    }
    assert_eq!(notes.get("encode: tokens"), notes.get("batch: tokens"));
}

#[cfg(feature = "metrics")]
#[test]
fn the_adapter_for_metrics_names_all_its_figures() {
    use plaint::service::observer::Metrics;

    let recorder = metrics_exporter_prometheus::PrometheusBuilder::new().build_recorder();
    let handle = recorder.handle();
    metrics::with_local_recorder(&recorder, || {
        // A local recorder sees this thread only, so the observer is called here.
        let observer = Metrics::new();
        let model = super::engine().model_id().clone();
        observer.swapped(&model);
        observer.accepted(Priority::Bulk);
        observer.rejected(Priority::Bulk, &ServiceError::Overloaded { texts: 1, tokens: 9 });
        observer.rejected(Priority::Bulk, &ServiceError::Closed);
        observer.swapped(&model);
    });
    let text = handle.render();
    for line in [
        r#"plaint_accepted_total{priority="bulk"} 1"#,
        r#"plaint_rejected_total{priority="bulk",reason="overloaded"} 1"#,
        r#"plaint_rejected_total{priority="bulk",reason="closed"} 1"#,
        "plaint_swaps_total 1",
    ] {
        assert!(text.lines().any(|found| found == line), "{line} is not in:\n{text}");
    }
}

#[cfg(feature = "tracing")]
#[test]
fn the_adapter_for_tracing_encloses_the_work() {
    use std::sync::atomic::{AtomicU64, Ordering};

    use plaint::service::observer::Tracing;
    use tracing::field::{Field, Visit};
    use tracing::span::{Attributes, Id, Record};
    use tracing::{Event, Metadata, Subscriber};

    /// Notes spans and events as lines.
    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<String>>>, Arc<AtomicU64>);
    struct Fields<'a>(&'a mut String);
    impl Visit for Fields<'_> {
        fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
            self.0.push_str(&format!(" {field}={value:?}"));
        }
    }
    impl Lines {
        fn note(&self, line: String) {
            self.0.lock().unwrap().push(line);
        }
    }
    impl Subscriber for Lines {
        fn enabled(&self, metadata: &Metadata<'_>) -> bool {
            metadata.target() == "plaint::service"
        }
        fn new_span(&self, span: &Attributes<'_>) -> Id {
            let mut line = format!("span {}", span.metadata().name());
            span.record(&mut Fields(&mut line));
            self.note(line);
            Id::from_u64(self.1.fetch_add(1, Ordering::Relaxed) + 1)
        }
        fn event(&self, event: &Event<'_>) {
            let mut line = String::from("event");
            event.record(&mut Fields(&mut line));
            self.note(line);
        }
        fn record(&self, _: &Id, _: &Record<'_>) {}
        fn record_follows_from(&self, _: &Id, _: &Id) {}
        fn enter(&self, _: &Id) {
            self.note("enter".into());
        }
        fn exit(&self, _: &Id) {
            self.note("exit".into());
        }
    }

    let lines = Lines::default();
    tracing::subscriber::with_default(lines.clone(), || {
        Tracing.stage(Stage::Encode { texts: 3, tokens: 40 }, &mut || lines.note("work".into()));
        Tracing.rejected(Priority::Bulk, &ServiceError::Closed);
    });
    let lines = lines.0.lock().unwrap();
    assert_eq!(lines[..4], ["span encode texts=3 tokens=40", "enter", "work", "exit"]);
    assert!(lines[4].contains("priority=\"bulk\"") && lines[4].contains("shut down"), "{}", lines[4]);
    let mut worked = false;
    Tracing.stage(Stage::Tokenize { texts: 1 }, &mut || worked = true);
    assert!(worked, "without a subscriber the work is done all the same");
}
