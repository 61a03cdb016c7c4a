//! Who waits, and who is next: the queue's rules, without threads or clocks.
//!
//! Each priority has a lane of its own. In a lane, requests are served in the order in which they came. The first of
//! them, up to the bound, are *admitted*; any behind are of callers that wait for room. Between lanes,
//! interactive requests go first, but of the tokens that are taken while both lanes hold any, bulk gets one share in
//! [`BULK_SHARE`]: so it never starves.

use std::collections::VecDeque;
use std::task::Waker;
use std::time::Instant;

use super::request::Priority;

/// Of this many tokens that are taken while both lanes hold requests, one belongs to bulk requests.
pub const BULK_SHARE: usize = 5;

/// What the rules need to know of a request.
pub trait Item {
    /// Which lane it waits in.
    fn priority(&self) -> Priority;
    /// Tokens that it will bring, nearly.
    fn tokens(&self) -> usize;
    /// When it expires.
    fn deadline(&self) -> Option<Instant>;
    /// Whether its caller has gone.
    fn is_abandoned(&self) -> bool;
    /// Notes that it was admitted; the waker of a caller that waited for it is to be woken outside of locks.
    fn admit(&self) -> Option<Waker>;

    /// Whether nobody wants it any more.
    fn is_dead(&self, now: Instant) -> bool {
        self.deadline().is_some_and(|deadline| deadline <= now) || self.is_abandoned()
    }
}

/// A number of texts and of tokens: what waits, or what may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Load {
    /// Texts.
    pub texts: usize,
    /// Tokens, nearly.
    pub tokens: usize,
}

impl Load {
    fn add(&mut self, tokens: usize) {
        self.texts += 1;
        self.tokens += tokens;
    }

    fn remove(&mut self, tokens: usize) {
        self.texts -= 1;
        self.tokens -= tokens;
    }

    /// Whether a request of `tokens` tokens fits under `bound`. One that is larger than the bound fits when nothing else
    /// is there, or it would wait for ever.
    fn has_room(&self, tokens: usize, bound: &Load) -> bool {
        self.texts == 0 || (self.texts < bound.texts && self.tokens.saturating_add(tokens) <= bound.tokens)
    }
}

/// What leaves the queue, and whom that lets in.
#[derive(Debug)]
pub struct Left<T> {
    /// To be scored, in the order of service.
    pub live: Vec<T>,
    /// Expired, or abandoned by their callers.
    pub dead: Vec<T>,
    /// Of callers whose requests were admitted: to be woken outside of locks.
    pub admitted: Vec<Waker>,
}

impl<T> Default for Left<T> {
    fn default() -> Self {
        Self { live: Vec::new(), dead: Vec::new(), admitted: Vec::new() }
    }
}

/// All requests that wait.
#[derive(Debug)]
pub struct Waiting<T> {
    interactive: Lane<T>,
    bulk: Lane<T>,
    /// Tokens that bulk requests are owed, times `BULK_SHARE - 1`.
    owed: usize,
    /// No request expires before.
    next_expiry: Option<Instant>,
}

#[derive(Debug)]
struct Lane<T> {
    bound: Load,
    requests: VecDeque<T>,
    /// How many of the first `requests` are admitted, and their tokens.
    admitted: Load,
}

impl<T: Item> Waiting<T> {
    /// An empty queue that admits at most `bound` to each lane.
    pub fn new(bound: Load) -> Self {
        let lane = || Lane { bound, requests: VecDeque::new(), admitted: Load::default() };
        Self { interactive: lane(), bulk: lane(), owed: 0, next_expiry: None }
    }

    /// Whether nobody waits.
    pub fn is_empty(&self) -> bool {
        self.interactive.requests.is_empty() && self.bulk.requests.is_empty()
    }

    /// What is admitted to a lane.
    pub fn admitted(&self, priority: Priority) -> Load {
        self.lane(priority).admitted
    }

    /// Callers that wait for room in a lane.
    pub fn waiting_for_room(&self, priority: Priority) -> usize {
        let lane = self.lane(priority);
        lane.requests.len() - lane.admitted.texts
    }

    /// The earliest moment at which a request may expire.
    pub fn next_expiry(&self) -> Option<Instant> {
        self.next_expiry
    }

    /// Whether `request` would be admitted at once.
    pub fn has_room_for(&self, request: &T) -> bool {
        let lane = self.lane(request.priority());
        lane.requests.len() == lane.admitted.texts && lane.admitted.has_room(request.tokens(), &lane.bound)
    }

    /// Puts a request behind all others of its lane.
    pub fn push(&mut self, request: T) -> Vec<Waker> {
        self.next_expiry = [self.next_expiry, request.deadline()].into_iter().flatten().min();
        let lane = self.lane_mut(request.priority());
        lane.requests.push_back(request);
        let mut admitted = Vec::new();
        lane.admit(&mut admitted);
        admitted
    }

    /// Takes whom it is next to serve, as long as there is `room`. Dead requests on the way are taken out beside.
    ///
    /// With `any`, the first one is taken even if it is larger than the room.
    pub fn take(&mut self, mut room: Load, mut any: bool, now: Instant) -> Left<T> {
        let mut left = Left::default();
        while room.texts > 0 {
            let Some((lane, owed)) = self.next_lane() else { break };
            let lane = self.lane_mut(lane);
            let Some(next) = lane.requests.front() else { break };
            let tokens = next.tokens();
            if next.is_dead(now) {
                left.dead.extend(lane.pop(&mut left.admitted));
            } else if tokens <= room.tokens || any {
                left.live.extend(lane.pop(&mut left.admitted));
                any = false;
                self.owed = owed;
                room = Load { texts: room.texts - 1, tokens: room.tokens.saturating_sub(tokens) };
            } else {
                break;
            }
        }
        self.interactive.admit(&mut left.admitted);
        self.bulk.admit(&mut left.admitted);
        if self.is_empty() {
            self.next_expiry = None;
        }
        left
    }

    /// Takes out all dead requests.
    pub fn sweep(&mut self, now: Instant) -> Left<T> {
        let mut left = Left::default();
        for lane in [&mut self.interactive, &mut self.bulk] {
            lane.sweep(now, &mut left);
        }
        let deadlines = self.interactive.requests.iter().chain(&self.bulk.requests).filter_map(Item::deadline);
        self.next_expiry = deadlines.min();
        left
    }

    /// Takes out everything.
    pub fn clear(&mut self) -> Vec<T> {
        self.next_expiry = None;
        [&mut self.interactive, &mut self.bulk]
            .into_iter()
            .flat_map(|lane| {
                lane.admitted = Load::default();
                lane.requests.drain(..)
            })
            .collect()
    }

    /// The lane whose turn it is, and what bulk requests are owed once its first request is taken.
    fn next_lane(&self) -> Option<(Priority, usize)> {
        match (self.interactive.requests.front(), self.bulk.requests.front()) {
            (None, None) => None,
            (Some(_), None) => Some((Priority::Interactive, 0)),
            (None, Some(_)) => Some((Priority::Bulk, 0)),
            (Some(interactive), Some(bulk)) => Some(match self.owed.checked_sub((BULK_SHARE - 1) * bulk.tokens()) {
                Some(rest) => (Priority::Bulk, rest),
                None => (Priority::Interactive, self.owed + interactive.tokens()),
            }),
        }
    }

    fn lane(&self, priority: Priority) -> &Lane<T> {
        match priority {
            Priority::Interactive => &self.interactive,
            Priority::Bulk => &self.bulk,
        }
    }

    fn lane_mut(&mut self, priority: Priority) -> &mut Lane<T> {
        match priority {
            Priority::Interactive => &mut self.interactive,
            Priority::Bulk => &mut self.bulk,
        }
    }
}

impl<T: Item> Lane<T> {
    fn pop(&mut self, wakers: &mut Vec<Waker>) -> Option<T> {
        self.admit(wakers);
        let request = self.requests.pop_front()?;
        self.admitted.remove(request.tokens());
        Some(request)
    }

    /// Admits the next requests as far as there is room; the first in any case.
    fn admit(&mut self, wakers: &mut Vec<Waker>) {
        while let Some(next) = self.requests.get(self.admitted.texts) {
            if !self.admitted.has_room(next.tokens(), &self.bound) {
                break;
            }
            self.admitted.add(next.tokens());
            wakers.extend(next.admit());
        }
    }

    fn sweep(&mut self, now: Instant, left: &mut Left<T>) {
        let admitted = std::mem::take(&mut self.admitted).texts;
        for index in 0..self.requests.len() {
            let Some(request) = self.requests.pop_front() else { break };
            if request.is_dead(now) {
                left.dead.push(request);
            } else {
                if index < admitted {
                    self.admitted.add(request.tokens());
                }
                self.requests.push_back(request);
            }
        }
        self.admit(&mut left.admitted);
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;
    use Priority::{Bulk, Interactive};

    #[derive(Debug, Clone)]
    struct Text {
        id: usize,
        priority: Priority,
        tokens: usize,
        deadline: Option<Instant>,
        abandoned: bool,
        admitted: Cell<bool>,
    }

    impl Item for Text {
        fn priority(&self) -> Priority {
            self.priority
        }
        fn tokens(&self) -> usize {
            self.tokens
        }
        fn deadline(&self) -> Option<Instant> {
            self.deadline
        }
        fn is_abandoned(&self) -> bool {
            self.abandoned
        }
        fn admit(&self) -> Option<Waker> {
            assert!(!self.admitted.replace(true), "text {} is admitted twice", self.id);
            None
        }
    }

    fn text(id: usize, priority: Priority, tokens: usize) -> Text {
        Text { id, priority, tokens, deadline: None, abandoned: false, admitted: Cell::new(false) }
    }

    fn queue(texts: usize, tokens: usize) -> Waiting<Text> {
        Waiting::new(Load { texts, tokens })
    }

    fn room(tokens: usize) -> Load {
        Load { texts: usize::MAX, tokens }
    }

    fn ids(texts: &[Text]) -> Vec<usize> {
        texts.iter().map(|text| text.id).collect()
    }

    #[test]
    fn texts_leave_in_order_up_to_the_room() {
        let mut queue = queue(100, 1000);
        for id in 0..5 {
            queue.push(text(id, Interactive, 10));
        }
        let now = Instant::now();
        assert_eq!(ids(&queue.take(room(25), true, now).live), [0, 1]);
        assert!(queue.take(room(9), false, now).live.is_empty(), "the next is too large");
        assert_eq!(ids(&queue.take(room(9), true, now).live), [2], "but not for an empty batch");
        assert_eq!(ids(&queue.take(Load { texts: 1, tokens: 100 }, true, now).live), [3]);
        assert_eq!(queue.admitted(Interactive), Load { texts: 1, tokens: 10 });
    }

    #[test]
    fn room_is_bounded_by_texts_and_by_tokens_in_each_lane() {
        let mut by_texts = queue(2, 1000);
        by_texts.push(text(0, Bulk, 1));
        assert!(by_texts.has_room_for(&text(1, Bulk, 1)));
        by_texts.push(text(1, Bulk, 1));
        assert!(!by_texts.has_room_for(&text(2, Bulk, 1)));
        assert!(by_texts.has_room_for(&text(2, Interactive, 1)), "bulk takes no room from interactive");
        let mut by_tokens = queue(100, 20);
        by_tokens.push(text(0, Interactive, 15));
        assert!(by_tokens.has_room_for(&text(1, Interactive, 5)) && !by_tokens.has_room_for(&text(1, Interactive, 6)));
        assert!(queue(100, 20).has_room_for(&text(0, Interactive, 1000)), "or it would never be scored");
    }

    #[test]
    fn who_waits_for_room_is_admitted_in_order_and_nobody_passes() {
        let mut queue = queue(2, 1000);
        for id in 0..4 {
            queue.push(text(id, Bulk, 10));
        }
        assert_eq!((queue.admitted(Bulk).texts, queue.waiting_for_room(Bulk)), (2, 2));
        let now = Instant::now();
        queue.take(room(10), true, now);
        assert_eq!((queue.admitted(Bulk).texts, queue.waiting_for_room(Bulk)), (2, 1));
        queue.take(room(20), true, now);
        assert_eq!((queue.admitted(Bulk).texts, queue.waiting_for_room(Bulk)), (1, 0));
        // A large text that waits for room keeps small ones from passing it.
        let mut queue = self::queue(100, 20);
        queue.push(text(0, Bulk, 15));
        queue.push(text(1, Bulk, 10));
        assert!(!queue.has_room_for(&text(2, Bulk, 1)));
    }

    #[test]
    fn the_dead_are_told_apart_and_make_room() {
        let now = Instant::now();
        let mut queue = queue(3, 1000);
        queue.push(Text { abandoned: true, ..text(0, Interactive, 10) });
        queue.push(text(1, Interactive, 10));
        queue.push(Text { deadline: Some(now + Duration::from_secs(1)), ..text(2, Interactive, 10) });
        queue.push(text(3, Interactive, 10));
        assert_eq!(queue.next_expiry(), Some(now + Duration::from_secs(1)));
        assert_eq!(queue.waiting_for_room(Interactive), 1);
        let left = queue.sweep(now);
        assert_eq!((ids(&left.live), ids(&left.dead)), (vec![], vec![0]));
        assert_eq!(queue.waiting_for_room(Interactive), 0);
        let left = queue.take(room(100), true, now + Duration::from_secs(1));
        assert_eq!(
            (ids(&left.live), ids(&left.dead)),
            (vec![1, 3], vec![2]),
            "a deadline counts from its first moment"
        );
        assert!(queue.is_empty() && queue.next_expiry().is_none());
    }

    #[test]
    fn bulk_gets_its_share_and_no_more() {
        let now = Instant::now();
        let mut queue = queue(1 << 20, 1 << 20);
        for id in 0..1000 {
            queue.push(text(id, Interactive, 30));
            queue.push(text(1000 + id, Bulk, 20));
        }
        let taken = queue.take(room(10_000), true, now).live;
        let bulk: usize = taken.iter().filter(|text| text.priority == Bulk).map(|text| text.tokens).sum();
        let all: usize = taken.iter().map(|text| text.tokens).sum();
        assert!((bulk * BULK_SHARE).abs_diff(all) <= 200, "{bulk} of {all} tokens are bulk");
        assert_eq!(taken[0].priority, Interactive);
    }

    #[test]
    fn alone_a_lane_has_all_and_saves_up_nothing() {
        let now = Instant::now();
        let mut queue = queue(1000, 1 << 20);
        for id in 0..100 {
            queue.push(text(id, Interactive, 10));
        }
        assert_eq!(queue.take(room(500), true, now).live.len(), 50);
        queue.push(text(1000, Bulk, 10));
        assert_eq!(queue.take(room(10), true, now).live[0].priority, Interactive, "nothing was owed to absent bulk");
    }

    fn texts() -> impl Strategy<Value = Vec<(bool, usize, bool, bool)>> {
        prop::collection::vec((any::<bool>(), 1usize..40, prop::bool::weighted(0.1), prop::bool::weighted(0.1)), 0..80)
    }

    proptest! {
        #[test]
        fn every_text_leaves_once_after_it_was_admitted_and_bounds_hold(
            texts in texts(),
            bound in (1usize..10, 1usize..200),
            takes in prop::collection::vec((1usize..100, any::<bool>()), 1..100),
        ) {
            let now = Instant::now();
            let mut queue = queue(bound.0, bound.1);
            let mut gone = Vec::new();
            let mut coming = texts.iter().enumerate();
            let mut last = [None, None];
            for round in 0.. {
                for (id, &(bulk, tokens, abandoned, expired)) in coming.by_ref().take(3) {
                    let priority = if bulk { Bulk } else { Interactive };
                    queue.push(Text { deadline: expired.then_some(now), abandoned, ..text(id, priority, tokens) });
                }
                let (tokens, sweep) = takes[round % takes.len()];
                let left = if sweep && coming.len() > 0 { queue.sweep(now) } else { queue.take(room(tokens), true, now) };
                let taken: usize = left.live.iter().map(|text| text.tokens).sum();
                prop_assert!(taken <= tokens || left.live.len() == 1);
                for text in &left.live {
                    prop_assert!(text.admitted.get() && !text.is_dead(now));
                    let last = last[text.priority as usize].replace(text.id);
                    prop_assert!(last < Some(text.id), "{} after {last:?}", text.id);
                }
                prop_assert!(left.dead.iter().all(|text| text.is_dead(now)));
                gone.extend(left.live.into_iter().chain(left.dead).map(|text| text.id));
                for lane in [&queue.interactive, &queue.bulk] {
                    let admitted: Vec<&Text> = lane.requests.iter().filter(|text| text.admitted.get()).collect();
                    let tokens: usize = admitted.iter().map(|text| text.tokens).sum();
                    prop_assert_eq!(lane.admitted, Load { texts: admitted.len(), tokens });
                    prop_assert!(admitted.len() <= bound.0 && (tokens <= bound.1 || admitted.len() == 1));
                }
                if queue.is_empty() && coming.len() == 0 {
                    break;
                }
            }
            gone.sort_unstable();
            prop_assert!(gone.into_iter().eq(0..texts.len()));
        }
    }
}
