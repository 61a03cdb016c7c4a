//! The end of a service: drained or cancelled, nothing lost.

use std::thread;

use plaint::service::{Pending, Service, ServiceError, Shutdown, StartError};

use super::gate::{Gate, POISON};
use super::{assert_settled, engine, eventually};

/// A service with one text at the gate, one in hand, two in the queue and two that wait for room.
fn busy() -> (Gate, Service, Vec<Pending>) {
    let (gate, engine) = Gate::new();
    let service = Service::builder(engine).batch_tokens(1).queue_texts(2).start().unwrap();
    gate.close();
    let before = gate.arrived().len();
    let mut pending = vec![service.score("danke")];
    eventually("the first text is at the gate", || gate.arrived().len() == before + 1);
    pending.extend((0..5).map(|_| service.score("kein Internet")));
    (gate, service, pending)
}

fn shut_down_meanwhile(gate: &Gate, service: &Service, shutdown: Shutdown) {
    thread::scope(|scope| {
        let ending = scope.spawn(|| service.shutdown(shutdown));
        eventually("no more requests are taken", || match service.try_score("danke") {
            Err(error) => error == ServiceError::Closed,
            Ok(_) => false,
        });
        assert!(!ending.is_finished(), "a batch is being encoded");
        gate.open();
    });
}

#[test]
fn a_drained_service_scores_what_it_accepted() {
    let (gate, service, pending) = busy();
    shut_down_meanwhile(&gate, &service, Shutdown::Drain);
    assert!(pending.into_iter().all(|pending| pending.wait().is_ok()));
    assert_settled(&service);
    assert_eq!(service.score_blocking("danke"), Err(ServiceError::Closed));
    assert_eq!(service.submit("danke").wait().unwrap_err(), ServiceError::Closed);
    service.shutdown(Shutdown::Cancel);
}

#[test]
fn a_cancelled_service_finishes_what_runs_and_says_so_to_the_others() {
    let (gate, service, pending) = busy();
    shut_down_meanwhile(&gate, &service, Shutdown::Cancel);
    let results: Vec<_> = pending.into_iter().map(Pending::wait).collect();
    assert!(results[0].is_ok());
    assert!(results[1..].iter().all(|result| *result == Err(ServiceError::Cancelled)), "{results:?}");
    assert_settled(&service);
    assert_eq!((service.stats().scored, service.stats().cancelled), (1, 5));
}

#[test]
fn a_cancel_shortens_a_drain() {
    let (gate, service, pending) = busy();
    thread::scope(|scope| {
        scope.spawn(|| service.shutdown(Shutdown::Drain));
        eventually("no more requests are taken", || {
            service.try_score("danke").is_err_and(|e| e == ServiceError::Closed)
        });
        scope.spawn(|| service.shutdown(Shutdown::Cancel));
        eventually("the others are cancelled", || service.stats().cancelled == 5);
        gate.open();
    });
    assert_eq!(pending.into_iter().map(Pending::wait).filter(Result::is_ok).count(), 1);
    assert_settled(&service);
}

#[test]
fn dropping_the_last_handle_scores_what_waits() {
    let (gate, service, pending) = busy();
    let clone = service.clone();
    drop(service);
    assert!(
        clone.try_score("danke").is_err_and(|error| matches!(error, ServiceError::Overloaded { .. })),
        "one is left"
    );
    drop(clone);
    gate.open();
    assert!(pending.into_iter().all(|pending| pending.wait().is_ok()));
}

#[test]
fn options_and_models_that_cannot_work_are_refused() {
    for (name, builder) in [
        ("encoders", Service::builder(engine()).encoders(0)),
        ("queue_texts", Service::builder(engine()).queue_texts(0)),
        ("queue_tokens", Service::builder(engine()).queue_tokens(0)),
        ("batch_tokens", Service::builder(engine()).batch_tokens(0)),
    ] {
        assert!(matches!(builder.start(), Err(StartError::Option { option }) if option == name), "{name}");
    }
    let (_, engine) = Gate::new();
    let error = Service::builder(engine).canary(POISON).start().unwrap_err();
    assert!(matches!(error, StartError::Model(_)), "{error}");
    assert!(error.to_string().contains("poison"), "{error}");
}
