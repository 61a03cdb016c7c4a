//! Deadlines and callers that leave.

use std::time::{Duration, Instant};

use plaint::service::{Priority, Request, Service, ServiceError};

use super::gate::Gate;
use super::{PATIENCE, assert_settled, eventually};

const SHORT: Duration = Duration::from_millis(30);

#[test]
fn an_expired_text_is_never_encoded_and_its_caller_learns_in_time() {
    let (gate, engine) = Gate::new();
    let service = Service::builder(engine).batch_tokens(8).start().unwrap();
    gate.close();
    let before = gate.arrived().len();
    let first = service.score("danke");
    eventually("the first text is at the gate", || gate.arrived().len() == before + 1);
    // One is held by the leader as the next batch, the others wait in the queue.
    let start = Instant::now();
    let late: Vec<_> = (0..4).map(|_| service.score(Request::new("kein Internet").deadline(SHORT))).collect();
    for pending in late {
        assert_eq!(pending.wait(), Err(ServiceError::Expired { deadline: SHORT }));
    }
    assert!((SHORT..PATIENCE).contains(&start.elapsed()), "told while the encoder is busy: {:?}", start.elapsed());
    gate.open();
    assert!(first.wait().is_ok());
    assert!(service.score_blocking("danke").is_ok());
    assert_eq!(gate.arrived()[before..], [1, 1], "none of the expired was encoded");
    assert_eq!(service.stats().expired, 4);
    assert_settled(&service);
}

#[test]
fn a_text_that_is_being_encoded_when_its_deadline_passes_is_answered() {
    let (gate, engine) = Gate::new();
    let service = Service::start(engine).unwrap();
    gate.close();
    let before = gate.arrived().len();
    let pending = service.score(Request::new("danke").deadline(2 * SHORT));
    eventually("the text is at the gate", || gate.arrived().len() == before + 1 || service.stats().expired == 1);
    if service.stats().expired == 1 {
        // A machine so slow that it had no time to begin: nothing to see here.
        return;
    }
    std::thread::sleep(3 * SHORT);
    gate.open();
    assert!(pending.wait().is_ok());
}

#[test]
fn a_deadline_of_nothing_has_passed() {
    let (gate, engine) = Gate::new();
    let service = Service::start(engine).unwrap();
    let before = gate.arrived().len();
    let deadline = Duration::ZERO;
    assert_eq!(
        service.score_blocking(Request::new("danke").deadline(deadline)),
        Err(ServiceError::Expired { deadline })
    );
    let forever = Request::new("danke").deadline(Duration::MAX);
    assert!(service.score_blocking(forever).is_ok(), "a deadline beyond time is none");
    assert_eq!(gate.arrived().len(), before + 1);
}

#[test]
fn who_has_left_is_not_served() {
    let (gate, engine) = Gate::new();
    let service = Service::builder(engine).batch_tokens(8).start().unwrap();
    gate.close();
    let before = gate.arrived().len();
    let first = service.score("danke");
    eventually("the first text is at the gate", || gate.arrived().len() == before + 1);
    let mut left: Vec<_> = (0..4).map(|_| service.score("kein Internet")).collect();
    eventually("one is in hand", || service.waiting(Priority::Interactive).texts == 3);
    let stays = left.pop().unwrap();
    drop(left);
    gate.open();
    assert!(first.wait().is_ok() && stays.wait().is_ok());
    assert_eq!(gate.arrived()[before..], [1, 1]);
    eventually("the books are closed", || service.stats().in_flight() == 0);
    assert_eq!(service.stats().abandoned, 3);
}

#[test]
fn a_future_that_times_out_leaves_the_queue() {
    let (gate, engine) = Gate::new();
    let service = Service::start(engine).unwrap();
    gate.close();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(async {
        let first = tokio::spawn(service.score("danke"));
        for _ in 0..3 {
            assert!(tokio::time::timeout(SHORT, service.score("kein Internet")).await.is_err());
        }
        gate.open();
        assert!(first.await.unwrap().is_ok());
    });
    assert!(service.score_blocking("danke").is_ok());
    eventually("the books are closed", || service.stats().in_flight() == 0);
    // The first may not have been at the gate yet: then one of the others shared its batch.
    assert!(service.stats().abandoned >= 2, "{:?}", service.stats());
}
