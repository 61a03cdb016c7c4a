//! Panics: of the encoder, and of an observer.

use std::sync::atomic::{AtomicUsize, Ordering};

use plaint::ScoreError;
use plaint::service::observer::{BatchReport, Settled, Stage};
use plaint::service::{Observer, Pending, Priority, Service, ServiceError};

use super::gate::{Gate, POISON};
use super::{assert_settled, engine, eventually};

#[test]
fn a_poisonous_text_takes_only_itself_down() {
    let (gate, engine) = Gate::new();
    let service = Service::start(engine).unwrap();
    let before = gate.arrived().len();
    gate.close();
    let first = service.score("danke");
    eventually("the first text is at the gate", || gate.arrived().len() == before + 1);
    let texts = ["kein Internet", POISON, "seit Wochen", POISON, "danke"];
    let pending = texts.map(|text| service.score(text));
    eventually("all are in hand", || service.waiting(Priority::Interactive).texts == 0);
    gate.open();
    assert!(first.wait().is_ok());
    let plain = super::engine();
    for (text, result) in texts.into_iter().zip(pending.map(Pending::wait)) {
        if text == POISON {
            let error = ScoreError::Panicked { stage: "encode", message: "poison".into() };
            assert_eq!(result, Err(ServiceError::Score(error)));
        } else {
            assert_eq!(result.unwrap().assessment, plain.score(text).unwrap());
        }
    }
    assert!(gate.arrived()[before..].starts_with(&[1, 5, 1]), "together, then alone: {:?}", gate.arrived());
    assert!(service.score_blocking("danke").is_ok(), "the worker came back");
    assert_settled(&service);
    assert_eq!((service.stats().scored, service.stats().failed), (5, 2));
}

/// Panics in every method.
#[derive(Default)]
struct Clumsy(AtomicUsize);

impl Clumsy {
    fn fall(&self) -> ! {
        self.0.fetch_add(1, Ordering::Relaxed);
        panic!("an observer's own")
    }
}

impl Observer for Clumsy {
    fn accepted(&self, _: Priority) {
        self.fall()
    }
    fn rejected(&self, _: Priority, _: &ServiceError) {
        self.fall()
    }
    fn settled(&self, _: &Settled) {
        self.fall()
    }
    fn stage(&self, stage: Stage, work: &mut dyn FnMut()) {
        match stage {
            Stage::Tokenize { .. } => self.fall(),
            _ => {
                work();
                self.fall()
            }
        }
    }
    fn batch(&self, _: &BatchReport<'_>) {
        self.fall()
    }
    fn swapped(&self, _: &plaint::model::ModelId) {
        self.fall()
    }
}

#[test]
fn an_observer_that_panics_harms_nobody() {
    let service = Service::builder(engine()).observer(Clumsy::default()).start().unwrap();
    for _ in 0..3 {
        let answer = service.score_blocking("kein Internet").unwrap();
        assert_eq!(answer.assessment, engine().score("kein Internet").unwrap());
    }
    assert_settled(&service);
    assert_eq!((service.stats().scored, service.stats().batches), (3, 3));
}

/// Does not do the work that it is to enclose.
struct Lazy;

impl Observer for Lazy {
    fn stage(&self, _: Stage, _: &mut dyn FnMut()) {}
}

#[test]
fn an_observer_cannot_keep_the_work_from_being_done() {
    let service = Service::builder(engine()).observer(Lazy).start().unwrap();
    assert!(service.score_blocking("kein Internet").is_ok());
}
