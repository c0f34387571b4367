//! When: the rhythm in which one target is asked. Pure: time and chance come in as arguments.
//!
//! Every target has slots, one an interval, and is asked once in each. First slots are spread over the interval, so that
//! neither the prober nor a resolver ever sees all targets at once; within its slot a probe starts at a random moment,
//! so that it never falls into step with something else that is periodic, such as a cache's expiry. Slots that passed
//! while the prober could not run are lost, not made up for: after a suspend there is no burst.

use std::time::Duration;

use tokio::time::Instant;

use crate::estate::Asking;

/// How many quick probes confirm a changed outcome.
pub const CONFIRMATIONS: u8 = 3;

/// A quick probe starts at most this long after the end of the one before it, and at least half as long.
pub const QUICK_PAUSE: Duration = Duration::from_secs(1);

/// A probe that could not start for longer than this, or for an interval, is lost.
const TOO_LATE: Duration = Duration::from_secs(1);

/// The random part of a slot, as a part of the interval: a tenth.
const JITTER_DIVISOR: u32 = 10;

/// Why a probe that was due was not made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Skip {
    /// The resolver's packets a second were used up.
    Budget,
    /// All sockets were in use.
    InFlight,
    /// The prober itself could not run when it was time: too busy, stopped, or suspended.
    Overload,
    /// A circle of dnsmasq could have made a storm of it.
    Storm,
}

impl Skip {
    /// Every reason, in the order of metrics.
    pub const ALL: [Self; 4] = [Self::Budget, Self::InFlight, Self::Overload, Self::Storm];

    /// The word used in labels.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Budget => "budget",
            Self::InFlight => "in_flight",
            Self::Overload => "overload",
            Self::Storm => "storm",
        }
    }
}

/// What makes a probe due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The target's own slot.
    Regular,
    /// A closer look between two slots. Nothing is missed when it cannot be had.
    Quick,
}

/// The next probe of a target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Turn {
    /// When it is due.
    pub at: Instant,
    /// When it can be had: not before the probe before it has ended.
    ready: Instant,
    /// What makes it due.
    pub kind: Kind,
}

/// The rhythm of one target.
#[derive(Debug, Clone)]
pub struct Schedule {
    /// Start of the next slot.
    slot: Instant,
    interval: Duration,
    /// A probe starts at most this long after the start of its slot, and so always ends before the next one starts.
    jitter: Duration,
    confirmations: u8,
}

impl Schedule {
    /// The rhythm of the target at `place` in the plan, beginning at `start`.
    ///
    /// Places that follow each other, as those of one resolver do, lie apart by the golden ratio: any number of them in
    /// a row is spread evenly.
    pub fn new(asking: &Asking, start: Instant, place: usize) -> Self {
        const GOLDEN_RATIO: u32 = 0x9E37_79B9;
        let place = u32::try_from(place & 0xFFFF_FFFF).unwrap_or_default();
        let phase = f64::from(place.wrapping_mul(GOLDEN_RATIO)) / f64::from(u32::MAX);
        Self {
            slot: start + asking.interval.mul_f64(phase),
            interval: asking.interval,
            jitter: (asking.interval / JITTER_DIVISOR).min(asking.interval.saturating_sub(asking.timeout)),
            confirmations: 0,
        }
    }

    /// The next turn, `now` that the last one is over. `closer` asks for quick probes; `chance` lies between 0 and 1.
    pub fn next(&self, now: Instant, closer: bool, chance: f64) -> Turn {
        let regular = self.slot + self.jitter.mul_f64(chance);
        let quick = now + QUICK_PAUSE.mul_f64(f64::midpoint(1.0, chance));
        if (closer || self.confirmations > 0) && quick < regular {
            Turn { at: quick, ready: quick, kind: Kind::Quick }
        } else {
            Turn { at: regular, ready: regular.max(now), kind: Kind::Regular }
        }
    }

    /// The turn has come: returns how late the prober is, or, when the turn is past, how many slots are lost. A timeout
    /// that ended after the start of the slot is no lateness of the prober's.
    pub fn begin(&mut self, turn: Turn, now: Instant) -> Result<Duration, u64> {
        let on_time = now.saturating_duration_since(turn.at) <= TOO_LATE.min(self.interval);
        match turn.kind {
            Kind::Regular => self.slot += self.interval,
            Kind::Quick => self.confirmations = self.confirmations.saturating_sub(1),
        }
        if on_time {
            return Ok(now.saturating_duration_since(turn.ready));
        }
        Err(u64::from(turn.kind == Kind::Regular) + self.lose_slots_before(now))
    }

    /// The probe of this turn saw something else than the one before it: three quick ones are to confirm that. Only a
    /// slot's own probe asks for them, so that a resolver that flaps is not asked without end.
    pub fn confirm(&mut self, turn: Turn) {
        if turn.kind == Kind::Regular {
            self.confirmations = CONFIRMATIONS;
        }
    }

    /// Leaves out the slots that are over, and says how many.
    fn lose_slots_before(&mut self, now: Instant) -> u64 {
        let behind = now.saturating_duration_since(self.slot);
        let lost = behind.as_nanos().div_ceil(self.interval.as_nanos().max(1));
        let lost = u32::try_from(lost).unwrap_or(u32::MAX);
        self.slot += self.interval * lost;
        lost.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::estate::Transport;

    fn asking(interval: Duration, timeout: Duration) -> Asking {
        Asking { interval, timeout, patience: timeout, transports: vec![Transport::Udp], mixed_case: true }
    }

    fn every_ten_seconds(start: Instant) -> Schedule {
        Schedule::new(&asking(Duration::from_secs(10), Duration::from_secs(2)), start, 0)
    }

    #[test]
    fn first_slots_are_spread_evenly_however_many_there_are() {
        let start = Instant::now();
        let asking = asking(Duration::from_secs(10), Duration::from_secs(2));
        for (from, count) in [(0, 10), (7, 10), (0, 1000), (123_456, 1000)] {
            let mut tenths = [0_u32; 10];
            for place in from..from + count {
                let phase = Schedule::new(&asking, start, place).slot - start;
                assert!(phase <= asking.interval);
                tenths[usize::try_from(phase.as_millis() / 1000).unwrap().min(9)] += 1;
            }
            let fair = u32::try_from(count / 10).unwrap();
            assert!(tenths.iter().all(|n| n.abs_diff(fair) <= 2), "{count} from {from}: {tenths:?}");
        }
    }

    #[test]
    fn slots_do_not_drift_and_jitter_stays_within_a_tenth() {
        let start = Instant::now();
        let mut schedule = every_ten_seconds(start);
        let mut now = start;
        for slot in 0..360_u32 {
            let chance = f64::from(slot % 11) / 10.0;
            let turn = schedule.next(now, false, chance);
            let offset = turn.at - (start + Duration::from_secs(10) * slot);
            assert_eq!((turn.kind, offset), (Kind::Regular, Duration::from_secs(1).mul_f64(chance)));
            assert_eq!(schedule.begin(turn, turn.at), Ok(Duration::ZERO));
            now = turn.at;
        }
    }

    #[test]
    fn a_probe_always_ends_before_the_next_slot_even_with_a_timeout_as_long_as_the_interval() {
        let start = Instant::now();
        for timeout in [Duration::from_secs(2), Duration::from_millis(9500), Duration::from_secs(10)] {
            let schedule = Schedule::new(&asking(Duration::from_secs(10), timeout), start, 0);
            let latest_end = schedule.next(start, false, 1.0).at + timeout;
            assert!(latest_end <= start + Duration::from_secs(10));
        }
    }

    #[test]
    fn a_change_is_confirmed_three_times_and_a_flapping_resolver_no_more_than_that() {
        let start = Instant::now();
        let mut schedule = every_ten_seconds(start);
        let mut now = start;
        let mut kinds = Vec::new();
        for _ in 0..8 {
            let turn = schedule.next(now, false, 0.5);
            if turn.kind == Kind::Quick {
                assert_eq!(turn.at - now, Duration::from_millis(750));
            }
            schedule.begin(turn, turn.at).unwrap();
            schedule.confirm(turn);
            kinds.push(turn.kind);
            now = turn.at;
        }
        let round = [Kind::Regular, Kind::Quick, Kind::Quick, Kind::Quick];
        assert_eq!(kinds, [round, round].concat());
    }

    #[test]
    fn a_closer_look_leaves_the_slots_where_they_are() {
        let start = Instant::now();
        let mut schedule = every_ten_seconds(start);
        let first = schedule.next(start, true, 0.0);
        assert_eq!((first.at, first.kind), (start, Kind::Regular));
        schedule.begin(first, start).unwrap();
        let mut now = start;
        let quick = std::iter::from_fn(|| {
            let turn = schedule.next(now, true, 1.0);
            schedule.begin(turn, turn.at).unwrap();
            now = turn.at;
            (turn.kind == Kind::Quick).then_some(())
        });
        assert_eq!(quick.count(), 10);
        assert_eq!(now, start + Duration::from_secs(11), "the second slot, at the end of its jitter");
    }

    #[test]
    fn slots_slept_through_are_lost_and_the_rhythm_stays() {
        let start = Instant::now();
        let mut schedule = every_ten_seconds(start);
        let turn = schedule.next(start, false, 0.0);
        let woken = start + Duration::from_secs(3605);
        assert_eq!(schedule.begin(turn, woken), Err(361), "the slots at 0, 10, … 3600");
        let next = schedule.next(woken, false, 0.0);
        assert_eq!((next.at, next.kind), (start + Duration::from_secs(3610), Kind::Regular));
        assert_eq!(schedule.begin(next, next.at), Ok(Duration::ZERO));
    }

    #[test]
    fn a_timeout_as_long_as_the_interval_does_not_count_as_lateness() {
        let start = Instant::now();
        let second = Duration::from_secs(1);
        let mut schedule = Schedule::new(&asking(second, second), start, 0);
        let mut now = start;
        for _ in 0..100 {
            let turn = schedule.next(now, false, 1.0);
            assert_eq!(schedule.begin(turn, now), Ok(Duration::ZERO));
            // Timers are a little late, and that adds up.
            now += second + Duration::from_millis(1);
        }
    }

    #[test]
    fn a_second_late_is_late_and_more_is_lost() {
        let start = Instant::now();
        let turn = every_ten_seconds(start).next(start, false, 0.0);
        let after = |millis| every_ten_seconds(start).begin(turn, start + Duration::from_millis(millis));
        assert_eq!(after(1000), Ok(Duration::from_secs(1)));
        assert_eq!(after(1001), Err(1));
    }
}
