//! A new model while requests run.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use plaint::Engine;
use plaint::service::{Priority, Service};

use super::common::tiny_model::TinyModel;
use super::gate::{Gate, POISON};
use super::{assert_settled, engine, eventually};

/// A model that scores otherwise than [`engine`].
fn other() -> Engine {
    Engine::builder().threads(1).from_files(&TinyModel { seed: 2, ..TinyModel::default() }.files()).unwrap()
}

#[test]
fn what_is_not_being_encoded_gets_the_new_model() {
    let (gate, old) = Gate::new();
    let new = other();
    let [by_old, by_new] = [&old, &new].map(|engine| engine.score("kein Internet").unwrap());
    assert_ne!(by_old, by_new);
    let service = Service::start(old.clone()).unwrap();
    assert_eq!(service.model(), *old.model_id());
    let before = gate.arrived().len();
    gate.close();
    let first = service.score("kein Internet");
    eventually("the first text is at the gate", || gate.arrived().len() == before + 1);
    // The leader has read this one with the old model. It is read anew with the next that comes.
    let held = service.score("kein Internet");
    eventually("the second is in hand", || service.waiting(Priority::Interactive).texts == 0);
    let returned = service.swap(new.clone()).unwrap();
    assert_eq!(returned.model_id(), old.model_id());
    let later = service.score("kein Internet");
    eventually("the third is in hand", || service.waiting(Priority::Interactive).texts == 0);
    gate.open();
    let first = first.wait().unwrap();
    assert_eq!((first.assessment, &first.model), (by_old, old.model_id()));
    for pending in [held, later] {
        let answer = pending.wait().unwrap();
        assert_eq!((answer.assessment, &answer.model), (by_new, new.model_id()));
    }
    assert_ne!(old.model_id().checksum, new.model_id().checksum);
}

#[test]
fn a_model_that_fails_the_canary_is_refused() {
    let service = Service::builder(engine()).canary(POISON).start().unwrap();
    let (_, poisoned) = Gate::new();
    let refused = service.swap(poisoned).unwrap_err();
    assert!(refused.to_string().contains(POISON) && refused.to_string().contains("poison"), "{refused}");
    assert_eq!(service.model(), *engine().model_id());
    assert!(service.score_blocking("danke").is_ok());
}

#[test]
fn every_answer_is_of_the_model_that_it_names_while_models_change() {
    let engines = [engine(), other()];
    let expected = engines.each_ref().map(|engine| engine.score("kein Internet").unwrap());
    let service = Service::start(engines[0].clone()).unwrap();
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    let answer = service.score_blocking("kein Internet").unwrap();
                    let whose = engines.iter().position(|engine| engine.model_id() == &answer.model).unwrap();
                    assert_eq!(answer.assessment, expected[whose]);
                }
            });
        }
        for round in 1..100 {
            let engine = &engines[round % 2];
            service.swap(engine.clone()).unwrap();
            let answer = service.score_blocking("kein Internet").unwrap();
            assert_eq!(&answer.model, engine.model_id(), "a text that comes after a swap gets the new model");
        }
        done.store(true, Ordering::Relaxed);
    });
    assert_settled(&service);
}
