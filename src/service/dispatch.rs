//! Where callers and workers meet: one lock around the queue and the two roles that workers play.
//!
//! Workers take turns as leader and followers. The one *leader* takes requests from the queue and reads them; when one of
//! the places at the encoder is free, it passes the lead on and encodes what it has. So there is one worker more than
//! places: while batches are encoded, the next one is read and filled up to the last moment. A lone request on an idle
//! service is read and encoded by the thread that it wakes: nothing is handed over and no timer is waited for.

use std::sync::PoisonError;
use std::task::Waker;
use std::time::{Duration, Instant};

use super::sync::{AtomicUsize, Condvar, Mutex, MutexGuard, Ordering};
use super::waiting::{Item, Left, Load, Waiting};

/// Bounds of a [`Dispatch`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// What may wait in each lane.
    pub queue: Load,
    /// What a batch holds at most.
    pub batch: Load,
    /// Batches that are encoded at a time.
    pub encoders: usize,
    /// How long a batch that is not full waits for company.
    pub linger: Duration,
}

/// The meeting point.
#[derive(Debug)]
pub struct Dispatch<T> {
    limits: Limits,
    state: Mutex<State<T>>,
    /// For the leader: a request came, a place at the encoder is free, or the phase changed.
    work: Condvar,
    /// For followers: the lead is free.
    lead: Condvar,
    /// Callers that went away since the queue was last swept.
    departed: AtomicUsize,
}

#[derive(Debug)]
struct State<T> {
    waiting: Waiting<T>,
    phase: Phase,
    led: bool,
    encoding: usize,
    /// Texts of the batch that was encoded last.
    last_texts: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Open,
    /// No more requests; those that wait are scored.
    Draining,
    /// No more requests, and none that is not being encoded is scored.
    Cancelled,
}

/// Why a request was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// The queue is full.
    Full {
        /// What waits.
        waiting: Load,
    },
    /// The service is shutting down.
    Closed,
}

/// What came of an offer.
#[derive(Debug)]
pub struct Offered<T> {
    /// The request comes back if it was refused.
    pub refused: Option<(T, Refusal)>,
    /// Dead requests that were found on the way.
    pub dead: Vec<T>,
    /// Of callers whose requests were admitted: to be woken outside of locks.
    pub admitted: Vec<Waker>,
}

/// What the leader holds.
#[derive(Debug, Clone, Copy, Default)]
pub struct Held {
    /// Texts and tokens, as read.
    pub load: Load,
    /// When the first was submitted.
    pub oldest: Option<Instant>,
    /// When the first of them expires.
    pub next_expiry: Option<Instant>,
}

/// What the leader is to do.
#[derive(Debug)]
pub enum Step<'a, T> {
    /// Read these, drop what is dead of those held, and ask again.
    Read(Left<T>),
    /// Encode what is held.
    Encode(Place<'a, T>),
    /// Cancel what is held, and ask no more.
    Stop,
}

impl<T: Item> Dispatch<T> {
    /// A meeting point where nobody waits.
    pub fn new(limits: Limits) -> Self {
        let waiting = Waiting::new(limits.queue);
        let state = State { waiting, phase: Phase::Open, led: false, encoding: 0, last_texts: 0 };
        Self {
            limits,
            state: Mutex::new(state),
            work: Condvar::new(),
            lead: Condvar::new(),
            departed: AtomicUsize::new(0),
        }
    }

    /// Puts a request into the queue. If there is no room, it is refused, or waits for room if it `may_wait`.
    pub fn offer(&self, request: T, may_wait: bool, now: Instant) -> Offered<T> {
        let mut offered = Offered { refused: None, dead: Vec::new(), admitted: Vec::new() };
        let mut state = self.lock();
        if state.phase != Phase::Open {
            offered.refused = Some((request, Refusal::Closed));
            return offered;
        }
        if !state.waiting.has_room_for(&request) && self.is_sweep_due(&state, now) {
            let left = state.waiting.sweep(now);
            (offered.dead, offered.admitted) = (left.dead, left.admitted);
        }
        if !may_wait && !state.waiting.has_room_for(&request) {
            let waiting = state.waiting.admitted(request.priority());
            offered.refused = Some((request, Refusal::Full { waiting }));
            return offered;
        }
        offered.admitted.extend(state.waiting.push(request));
        drop(state);
        self.work.notify_one();
        offered
    }

    /// Tells that a caller went away before its answer came.
    pub fn depart(&self) {
        self.departed.fetch_add(1, Ordering::Relaxed);
    }

    /// What waits in a lane, and how many callers wait for room in it.
    pub fn depth(&self, priority: super::request::Priority) -> (Load, usize) {
        let state = self.lock();
        (state.waiting.admitted(priority), state.waiting.waiting_for_room(priority))
    }

    /// Takes no more requests. What waits is scored, or, with `cancel`, returned.
    pub fn close(&self, cancel: bool) -> Vec<T> {
        let mut state = self.lock();
        let mut cancelled = Vec::new();
        if cancel {
            state.phase = Phase::Cancelled;
            cancelled = state.waiting.clear();
        } else if state.phase == Phase::Open {
            state.phase = Phase::Draining;
        }
        drop(state);
        self.work.notify_one();
        cancelled
    }

    /// Waits until nobody leads, and leads.
    pub fn lead(&self) -> Lead<'_, T> {
        let mut state = self.lock();
        while state.led {
            state = self.lead.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.led = true;
        Lead(self)
    }

    fn is_sweep_due(&self, state: &State<T>, now: Instant) -> bool {
        let expired = state.waiting.next_expiry().is_some_and(|expiry| expiry <= now);
        self.departed.swap(0, Ordering::Relaxed) > 0 || expired
    }

    // A panic elsewhere leaves the state as it was: no method can stop half-way.
    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The lead, passed on when dropped.
#[derive(Debug)]
pub struct Lead<'a, T>(&'a Dispatch<T>);

impl<'a, T: Item> Lead<'a, T> {
    /// Waits for something to do, with `held` in hand.
    pub fn next(&self, held: &Held) -> Step<'a, T> {
        let Self(dispatch) = self;
        let limits = &dispatch.limits;
        let room = Load {
            texts: limits.batch.texts.saturating_sub(held.load.texts),
            tokens: limits.batch.tokens.saturating_sub(held.load.tokens),
        };
        let idle = held.load.texts == 0;
        let mut state = dispatch.lock();
        loop {
            if state.phase == Phase::Cancelled {
                return Step::Stop;
            }
            let now = Instant::now();
            let is_due = |moment: Option<Instant>| moment.is_some_and(|moment| moment <= now);
            let mut left = state.waiting.take(room, idle, now);
            if is_due(state.waiting.next_expiry()) {
                let swept = state.waiting.sweep(now);
                left.dead.extend(swept.dead);
                left.admitted.extend(swept.admitted);
            }
            if !left.live.is_empty() || !left.dead.is_empty() || is_due(held.next_expiry) {
                return Step::Read(left);
            }
            let mut linger_end = None;
            if idle {
                if state.phase == Phase::Draining {
                    return Step::Stop;
                }
            } else if state.encoding < limits.encoders {
                linger_end = dispatch.linger_end(&state, held, &room);
                if linger_end.is_none_or(|end| end <= now) {
                    state.encoding += 1;
                    state.last_texts = held.load.texts;
                    return Step::Encode(Place(dispatch));
                }
            }
            let until = [state.waiting.next_expiry(), held.next_expiry, linger_end].into_iter().flatten().min();
            state = match until {
                None => dispatch.work.wait(state).unwrap_or_else(PoisonError::into_inner),
                Some(until) => {
                    let timeout = until.saturating_duration_since(now);
                    dispatch.work.wait_timeout(state, timeout).unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
    }
}

impl<T: Item> Dispatch<T> {
    /// Until when a batch waits for company: not at all if it is full, if nobody else can come, or if the batch before
    /// had but one text, since then none is to be expected.
    fn linger_end(&self, state: &State<T>, held: &Held, room: &Load) -> Option<Instant> {
        let is_full = room.texts == 0 || room.tokens == 0 || !state.waiting.is_empty();
        let alone = state.last_texts <= 1 || state.phase != Phase::Open;
        if is_full || alone || self.limits.linger.is_zero() { None } else { Some(held.oldest? + self.limits.linger) }
    }
}

impl<T> Drop for Lead<'_, T> {
    fn drop(&mut self) {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner).led = false;
        self.0.lead.notify_one();
    }
}

/// A place at the encoder, given back when dropped.
#[derive(Debug)]
pub struct Place<'a, T>(&'a Dispatch<T>);

impl<T> Drop for Place<'_, T> {
    fn drop(&mut self) {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner).encoding -= 1;
        self.0.work.notify_one();
    }
}
