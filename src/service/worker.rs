//! What a worker does all day.

use std::cell::Cell;
use std::ptr;

use super::Shared;
use super::batch::Batch;
use super::dispatch::Step;
use crate::guard::guard;

thread_local! {
    /// The service that this thread works for; only compared.
    static SERVES: Cell<*const Shared> = const { Cell::new(ptr::null()) };
}

/// Whether the calling thread is a worker of this service, as within an observer or a waker.
pub fn is_worker_of(shared: &Shared) -> bool {
    ptr::eq(SERVES.get(), shared)
}

/// Works until the service is shut down. A panic costs the batch in hand, whose callers are told as it is dropped, and no
/// more.
pub fn run(shared: &Shared) {
    SERVES.set(shared);
    while guard(|| work(shared)).is_err() {}
}

fn work(shared: &Shared) {
    loop {
        let lead = shared.dispatch.lead();
        let mut batch = Batch::default();
        let place = loop {
            match lead.next(&batch.held()) {
                Step::Read(left) => batch.fill(left, shared),
                Step::Encode(place) => break place,
                Step::Stop => return batch.cancel(),
            }
        };
        drop(lead);
        batch.encode(place, shared);
    }
}
