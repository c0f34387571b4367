//! How the probing itself goes: what is in flight, what is skipped, how late probes start.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use parking_lot::Mutex;

use crate::histogram::{Histogram, LAG_BOUNDS};
use crate::schedule::Skip;

/// How the probing goes, at one moment.
#[derive(Debug, Clone, PartialEq)]
pub struct Stats {
    /// How late probes started.
    pub lag: Histogram<{ LAG_BOUNDS.len() }>,
    /// Questions whose answer, in time or late, is being waited for.
    pub in_flight: usize,
    /// Probes that were due and not made, by [`Skip`].
    pub skipped: [u64; Skip::ALL.len()],
}

/// The counters behind [`Stats`], shared by all tasks.
#[derive(Debug)]
pub(super) struct Gauges {
    lag: Mutex<Histogram<{ LAG_BOUNDS.len() }>>,
    in_flight: AtomicUsize,
    max_in_flight: AtomicUsize,
    skipped: [AtomicU64; Skip::ALL.len()],
}

/// The right to have one question in flight. Ends when dropped.
#[derive(Debug)]
pub(super) struct Seat(Arc<Gauges>);

impl Gauges {
    pub(super) fn new(max_in_flight: usize) -> Self {
        Self {
            lag: Mutex::default(),
            in_flight: AtomicUsize::new(0),
            max_in_flight: AtomicUsize::new(max_in_flight),
            skipped: Default::default(),
        }
    }

    pub(super) fn set_max_in_flight(&self, max_in_flight: usize) {
        self.max_in_flight.store(max_in_flight, Ordering::Relaxed);
    }

    /// A seat for one question, if one is free.
    pub(super) fn seat(self: &Arc<Self>) -> Option<Seat> {
        let max = self.max_in_flight.load(Ordering::Relaxed);
        let one_more = |taken: usize| (taken < max).then_some(taken + 1);
        let taken = self.in_flight.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more);
        taken.is_ok().then(|| Seat(Arc::clone(self)))
    }

    /// Whether there is room to go on listening for late answers: evidence gives way to probes, and uses no more than
    /// half of the seats.
    pub(super) fn has_room_to_listen(&self) -> bool {
        self.in_flight.load(Ordering::Relaxed) <= self.max_in_flight.load(Ordering::Relaxed) / 2
    }

    pub(super) fn observe_lag(&self, lag: Duration) {
        self.lag.lock().observe(&LAG_BOUNDS, lag);
    }

    pub(super) fn skip(&self, why: Skip, probes: u64) {
        self.skipped[why as usize].fetch_add(probes, Ordering::Relaxed);
    }

    pub(super) fn stats(&self) -> Stats {
        Stats {
            lag: self.lag.lock().clone(),
            in_flight: self.in_flight.load(Ordering::Relaxed),
            skipped: std::array::from_fn(|reason| self.skipped[reason].load(Ordering::Relaxed)),
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}
