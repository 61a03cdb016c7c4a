//! A full queue: refusal or back-pressure, and room for the interactive.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use plaint::service::{Load, Pending, Priority, Request, Service, ServiceError, Shutdown};

use super::gate::Gate;
use super::{PATIENCE, assert_settled, eventually};

/// A service of which one batch waits at the gate and the next is held by the leader, full.
fn held_up(queue_texts: usize) -> (Gate, Service, Vec<Pending>) {
    let (gate, engine) = Gate::new();
    let service = Service::builder(engine).batch_tokens(1).queue_texts(queue_texts).start().unwrap();
    gate.close();
    let before = gate.arrived().len();
    let pending = vec![service.score("danke"), service.score("danke")];
    eventually("one text is at the gate and one in hand", || {
        gate.arrived().len() > before && service.waiting(Priority::Interactive).texts == 0
    });
    (gate, service, pending)
}

#[test]
fn a_full_queue_refuses_at_once_or_lets_wait() {
    let (gate, service, mut pending) = held_up(2);
    pending.extend((0..2).map(|_| service.try_score("kein Internet").unwrap()));
    let refused = service.try_score("kein Internet").unwrap_err();
    let Load { texts, tokens } = service.waiting(Priority::Interactive);
    assert_eq!(texts, 2);
    assert_eq!(refused, ServiceError::Overloaded { texts, tokens });
    let submitted = AtomicUsize::new(0);
    thread::scope(|scope| {
        scope.spawn(|| {
            for _ in 0..3 {
                let pending = service.submit("seit Wochen").wait().unwrap();
                submitted.fetch_add(1, Ordering::SeqCst);
                pending.wait().unwrap();
            }
        });
        thread::sleep(Duration::from_millis(20));
        assert_eq!(submitted.load(Ordering::SeqCst), 0, "no room, no submission");
        assert_eq!(service.waiting(Priority::Interactive).texts, 2);
        gate.open();
    });
    assert_eq!(submitted.load(Ordering::SeqCst), 3);
    assert!(pending.into_iter().all(|pending| pending.wait().is_ok()));
    assert_settled(&service);
    assert_eq!((service.stats().overloaded, service.stats().scored), (1, 7));
}

#[test]
fn bulk_that_fills_its_queue_keeps_nobody_else_out() {
    let (gate, service, mut pending) = held_up(2);
    let bulk = || Request::new("seit Wochen").bulk();
    pending.extend((0..2).map(|_| service.try_score(bulk()).unwrap()));
    assert!(matches!(service.try_score(bulk()), Err(ServiceError::Overloaded { .. })));
    pending.push(service.try_score("kein Internet").unwrap());
    gate.open();
    assert!(pending.into_iter().all(|pending| pending.wait().is_ok()));
}

#[test]
fn the_interactive_go_first_and_bulk_gets_its_turn() {
    let (gate, engine) = Gate::new();
    let service = Service::builder(engine).batch_tokens(1).start().unwrap();
    gate.close();
    let before = gate.arrived().len();
    let mut pending: Vec<_> = (0..2).map(|_| service.score("die die")).collect();
    eventually("one is at the gate and one in hand", || service.waiting(Priority::Interactive).texts == 0);
    // Each is a batch of its own, and all are taken for equally long.
    for request in [Request::new("the the").bulk(), Request::new("die die")] {
        pending.extend((0..10).map(|_| service.score(request.clone())));
    }
    gate.open();
    assert!(pending.into_iter().all(|pending| pending.wait().is_ok()));
    let batches = &gate.token_ids()[before..];
    let bulk: Vec<usize> = (2..22).filter(|&index| batches[index] != batches[0]).collect();
    assert_eq!(bulk, [6, 11, 14, 15, 16, 17, 18, 19, 20, 21], "one in five, then the rest");
}

#[test]
fn a_caller_that_left_makes_room() {
    let (gate, service, mut pending) = held_up(1);
    let left = service.try_score("kein Internet").unwrap();
    assert!(service.try_score("kein Internet").is_err());
    drop(left);
    pending.push(service.try_score("kein Internet").unwrap());
    gate.open();
    assert!(pending.into_iter().all(|pending| pending.wait().is_ok()));
    assert_eq!(service.stats().abandoned, 1);
    assert_settled(&service);
}

#[test]
fn one_batch_is_filled_up_while_one_runs() {
    let (gate, engine) = Gate::new();
    let service = Service::start(engine).unwrap();
    let before = gate.arrived().len();
    gate.close();
    let mut pending = vec![service.score("danke")];
    eventually("one text is at the gate", || gate.arrived().len() == before + 1);
    for wave in 1..=3 {
        pending.extend((0..5).map(|_| service.score("kein Internet")));
        eventually("the wave is in hand", || service.waiting(Priority::Interactive).texts == 0);
        assert_eq!(gate.arrived().len(), before + 1, "wave {wave} waits");
    }
    gate.open();
    assert!(pending.into_iter().all(|pending| pending.wait().is_ok()));
    assert_eq!(gate.arrived()[before..], [1, 15], "fifteen texts that came one by one make one batch");
}

#[test]
fn a_text_larger_than_every_bound_is_scored() {
    let (_, engine) = Gate::new();
    let service = Service::builder(engine).batch_tokens(1).queue_texts(1).queue_tokens(1).start().unwrap();
    let answer = service.try_score("kein Internet ".repeat(500)).unwrap().wait().unwrap();
    assert!(answer.assessment.coverage.windows > 5);
}

#[test]
fn only_texts_that_had_company_linger() {
    let (gate, engine) = Gate::new();
    let service = Service::builder(engine).linger(100 * PATIENCE).start().unwrap();
    for _ in 0..3 {
        service.score_blocking("danke").unwrap();
    }
    let before = gate.arrived().len();
    gate.close();
    let first = service.score("danke");
    eventually("one text is at the gate", || gate.arrived().len() == before + 1);
    let company: Vec<_> = (0..3).map(|_| service.score("danke")).collect();
    eventually("three are in hand", || service.waiting(Priority::Interactive).texts == 0);
    gate.open();
    assert!(first.wait().is_ok() && company.into_iter().all(|pending| pending.wait().is_ok()));
    let lingering: Vec<_> = (0..2).map(|_| service.score("danke")).collect();
    thread::sleep(Duration::from_millis(20));
    assert_eq!(gate.arrived()[before..], [1, 3], "the next two wait for more");
    // Nobody else can come any more.
    service.shutdown(Shutdown::Drain);
    assert!(lingering.into_iter().all(|pending| pending.wait().is_ok()));
    assert_eq!(gate.arrived()[before..], [1, 3, 2]);
}
