//! Every interleaving of callers, workers and shutdown, by loom: the files that hold the service's locks are compiled
//! here a second time, on loom's primitives in place of the standard library's.
//!
//! A deadlock, a lost wake-up or a lost request fails a test, in whatever order of steps it hides. Preemptions are
//! bounded, as loom's documentation advises: nearly all such faults need two or fewer.
#![allow(dead_code, reason = "each model uses a part of the files")]

#[path = "../src/service/dispatch.rs"]
mod dispatch;
#[path = "../src/service/oneshot.rs"]
mod oneshot;
#[path = "../src/service/request.rs"]
#[allow(clippy::doc_markdown)]
mod request;
#[path = "../src/service/waiting.rs"]
mod waiting;

mod sync {
    pub use loom::sync::atomic::{AtomicUsize, Ordering};
    pub use loom::sync::{Arc, Condvar, Mutex, MutexGuard};
}

use std::future::poll_fn;
use std::task::{Poll, Waker};
use std::time::{Duration, Instant};

use dispatch::{Dispatch, Held, Limits, Offered, Step};
use loom::future::block_on;
use loom::thread;
use oneshot::{Dropped, Receiver, Sender};
use request::Priority;
use sync::Arc;
use waiting::{Item, Load};

/// A request of one token; its answer is its number.
#[derive(Debug)]
struct Text {
    number: usize,
    reply: Sender<usize>,
}

impl Item for Text {
    fn priority(&self) -> Priority {
        Priority::Interactive
    }
    fn tokens(&self) -> usize {
        1
    }
    fn deadline(&self) -> Option<Instant> {
        None
    }
    fn is_abandoned(&self) -> bool {
        self.reply.is_abandoned()
    }
    fn admit(&self) -> Option<Waker> {
        self.reply.admit()
    }
}

/// Runs `model` in every interleaving with at most `preemptions` switches that no thread asked for.
fn check(preemptions: usize, model: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(preemptions);
    builder.check(model);
}

fn meeting_point(queue_texts: usize, batch_texts: usize) -> Arc<Dispatch<Text>> {
    Arc::new(Dispatch::new(Limits {
        queue: Load { texts: queue_texts, tokens: 100 },
        batch: Load { texts: batch_texts, tokens: 100 },
        encoders: 1,
        linger: Duration::ZERO,
    }))
}

/// A worker as `src/service/worker.rs` has it, with nothing to read and nothing to encode. Returns how many it answered.
fn work(dispatch: &Dispatch<Text>) -> usize {
    let mut answered = 0;
    loop {
        let lead = dispatch.lead();
        let mut batch: Vec<Text> = Vec::new();
        let place = loop {
            let load = Load { texts: batch.len(), tokens: batch.len() };
            match lead.next(&Held { load, ..Held::default() }) {
                Step::Read(left) => {
                    left.admitted.into_iter().for_each(Waker::wake);
                    batch.extend(left.live);
                }
                Step::Encode(place) => break place,
                // What is held is dropped: its callers see that.
                Step::Stop => return answered,
            }
        };
        drop(lead);
        drop(place);
        answered += batch.len();
        batch.into_iter().for_each(|text| text.reply.send(text.number));
    }
}

/// Offers a request; `None` if it was refused.
fn offer(dispatch: &Dispatch<Text>, number: usize, may_wait: bool) -> Option<Receiver<usize>> {
    let (reply, receiver) = oneshot::channel();
    let Offered { refused, dead, admitted } = dispatch.offer(Text { number, reply }, may_wait, Instant::now());
    admitted.into_iter().for_each(Waker::wake);
    drop(dead);
    refused.is_none().then_some(receiver)
}

fn wait(receiver: &Receiver<usize>) -> Result<usize, Dropped> {
    block_on(poll_fn(|context| receiver.poll(context)))
}

fn wait_for_room(receiver: &Receiver<usize>) {
    block_on(poll_fn(|context| receiver.poll_admitted(context)));
}

#[test]
fn an_answer_reaches_who_waits() {
    check(3, || {
        let (sender, receiver) = oneshot::channel();
        let worker = thread::spawn(move || {
            sender.admit().into_iter().for_each(Waker::wake);
            sender.send(7);
        });
        wait_for_room(&receiver);
        assert_eq!(wait(&receiver), Ok(7));
        worker.join().unwrap();
    });
}

#[test]
fn who_waits_learns_that_no_answer_will_come() {
    check(3, || {
        let (sender, receiver) = oneshot::channel::<usize>();
        let worker = thread::spawn(move || drop(sender));
        assert_eq!(wait(&receiver), Err(Dropped));
        worker.join().unwrap();
    });
}

#[test]
fn a_caller_may_leave_at_any_moment() {
    check(3, || {
        let (sender, receiver) = oneshot::channel();
        let worker = thread::spawn(move || {
            let _ = sender.is_abandoned();
            sender.send(7);
        });
        let polled = block_on(poll_fn(|context| Poll::Ready(receiver.poll(context))));
        assert!(polled.is_pending() || polled == Poll::Ready(Ok(7)));
        drop(receiver);
        worker.join().unwrap();
    });
}

#[test]
fn a_drained_service_answers_every_request() {
    check(2, || {
        let dispatch = meeting_point(8, 8);
        let workers = [(); 2].map(|()| {
            let dispatch = Arc::clone(&dispatch);
            thread::spawn(move || work(&dispatch))
        });
        let receivers: Vec<_> = (0..2).map(|number| offer(&dispatch, number, true).unwrap()).collect();
        assert!(dispatch.close(false).is_empty());
        for (number, receiver) in receivers.iter().enumerate() {
            assert_eq!(wait(receiver), Ok(number));
        }
        let answered: usize = workers.into_iter().map(|worker| worker.join().unwrap()).sum();
        assert_eq!(answered, 2);
    });
}

#[test]
fn a_request_meets_a_shutdown_and_is_answered_or_refused() {
    check(2, || {
        let dispatch = meeting_point(8, 8);
        let [worker, caller] = [work, |dispatch: &Dispatch<Text>| match offer(dispatch, 5, true) {
            Some(receiver) => wait(&receiver).unwrap(),
            None => 0,
        }]
        .map(|role| {
            let dispatch = Arc::clone(&dispatch);
            thread::spawn(move || role(&dispatch))
        });
        dispatch.close(false);
        let answered = worker.join().unwrap();
        assert_eq!(caller.join().unwrap(), answered * 5);
    });
}

#[test]
fn a_cancelled_service_answers_or_returns_every_request() {
    check(2, || {
        let dispatch = meeting_point(1, 1);
        let worker = {
            let dispatch = Arc::clone(&dispatch);
            thread::spawn(move || work(&dispatch))
        };
        let receivers: Vec<_> = (0..3).map(|number| offer(&dispatch, number, true).unwrap()).collect();
        let cancelled = dispatch.close(true);
        let (returned, answered) = (cancelled.len(), worker.join().unwrap());
        drop(cancelled);
        let got = receivers.iter().filter(|receiver| wait(receiver).is_ok()).count();
        assert_eq!(got, answered);
        // One may have been in the worker's hands: it was told as well, by the drop.
        assert!((2..=3).contains(&(answered + returned)), "{answered} + {returned}");
        assert!(offer(&dispatch, 9, true).is_none());
    });
}

#[test]
fn who_waits_for_room_gets_it() {
    check(2, || {
        let dispatch = meeting_point(1, 1);
        let worker = {
            let dispatch = Arc::clone(&dispatch);
            thread::spawn(move || work(&dispatch))
        };
        let caller = {
            let dispatch = Arc::clone(&dispatch);
            thread::spawn(move || {
                let receiver = offer(&dispatch, 1, true).unwrap();
                wait_for_room(&receiver);
                assert_eq!(wait(&receiver), Ok(1));
            })
        };
        let receiver = offer(&dispatch, 2, true).unwrap();
        wait_for_room(&receiver);
        assert_eq!(wait(&receiver), Ok(2));
        caller.join().unwrap();
        dispatch.close(false);
        assert_eq!(worker.join().unwrap(), 2);
    });
}

#[test]
fn callers_that_leave_a_full_queue_make_room_for_one_that_does_not_wait() {
    check(2, || {
        let dispatch = meeting_point(1, 1);
        let leaver = {
            let dispatch = Arc::clone(&dispatch);
            thread::spawn(move || {
                if let Some(receiver) = offer(&dispatch, 1, false) {
                    drop(receiver);
                    dispatch.depart();
                }
            })
        };
        let first = offer(&dispatch, 2, false);
        leaver.join().unwrap();
        let second = offer(&dispatch, 3, false);
        assert!(first.is_some() != second.is_some(), "the queue holds one, and who left takes no room");
        dispatch.close(false);
        let answered = work(&dispatch);
        assert_eq!(answered, 1);
        assert!([first, second].into_iter().flatten().all(|receiver| wait(&receiver).is_ok()));
    });
}
