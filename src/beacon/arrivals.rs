//! Which signed names reached the beacon, from whom and how often: kept for two minutes.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::str::FromStr;
use std::time::{Duration, SystemTime};

use parking_lot::Mutex;
use tokio::time::Instant;

use crate::canary::{BeaconId, BeaconSaw, Nonce};
use crate::estate::DomainName;

/// One question for a signed name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arrival {
    /// When it came.
    pub at: SystemTime,
    /// The name, in lower case.
    pub name: DomainName,
    /// The record type that was asked for, by number.
    pub qtype: u16,
    /// What its signed label says.
    pub nonce: Nonce,
    /// Who asked the beacon, and how; `arrivals` counts those of the same nonce and type up to this one.
    pub saw: BeaconSaw,
}

/// How far a reader has come: the beacon process, and the number of the next arrival.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor {
    beacon: BeaconId,
    next: u64,
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.beacon, self.next)
    }
}

impl FromStr for Cursor {
    type Err = NotACursor;

    fn from_str(text: &str) -> Result<Self, NotACursor> {
        let (beacon, next) = text.split_once('.').ok_or(NotACursor)?;
        let beacon = beacon.parse().map_err(|_| NotACursor)?;
        Ok(Self { beacon, next: next.parse().map_err(|_| NotACursor)? })
    }
}

/// The text is not one that a beacon gave out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a position in the arrivals: take the one of the last answer, or none")]
pub struct NotACursor;

/// Some arrivals, oldest first, and where to go on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// At most [`Arrivals::PAGE`] of them; as many as that mean that there may be more.
    pub arrivals: Vec<Arrival>,
    /// To be given to the next call.
    pub next: Cursor,
}

/// The arrivals of the last two minutes, in bounded memory.
#[derive(Debug)]
pub struct Arrivals {
    beacon: BeaconId,
    ring: Mutex<Ring>,
}

#[derive(Debug, Default)]
struct Ring {
    /// With the time each is dropped at, oldest first.
    kept: VecDeque<(Instant, Arrival)>,
    /// The number of the first one kept, counted from the start of the process.
    first: u64,
    /// By nonce and type: a resolver that minimises names may ask for A before it asks for what it wants (RFC 9156,
    /// section 2.1), and that is no repetition.
    of_question: HashMap<(Nonce, u16), Seen>,
}

#[derive(Debug, Default, Clone, Copy)]
struct Seen {
    came: u32,
    kept: u32,
}

impl Arrivals {
    /// How long an arrival is kept.
    pub const KEPT_FOR: Duration = Duration::from_secs(120);

    /// The most arrivals that are kept; the oldest go first.
    pub const CAPACITY: usize = 65_536;

    /// The most arrivals of one nonce and type that are kept; more are only counted.
    pub const PER_QUESTION: u32 = 64;

    /// The most arrivals on a page.
    pub const PAGE: usize = 1024;

    /// No arrivals yet.
    pub(super) fn new(beacon: BeaconId) -> Self {
        Self { beacon, ring: Mutex::default() }
    }

    /// The beacon process whose arrivals these are.
    pub fn beacon(&self) -> BeaconId {
        self.beacon
    }

    /// Takes in an arrival and writes into it how often its question has come.
    pub(super) fn record(&self, mut arrival: Arrival) -> BeaconSaw {
        let mut ring = self.ring.lock();
        ring.drop_old();
        let seen = ring.of_question.entry((arrival.nonce, arrival.qtype)).or_default();
        seen.came = seen.came.saturating_add(1);
        arrival.saw.arrivals = seen.came;
        let saw = arrival.saw.clone();
        if seen.kept < Self::PER_QUESTION {
            seen.kept += 1;
            if ring.kept.len() >= Self::CAPACITY {
                ring.drop_oldest();
            }
            ring.kept.push_back((Instant::now() + Self::KEPT_FOR, arrival));
        }
        saw
    }

    /// The arrivals since `cursor`, or from the oldest one kept: without a cursor, or when it is another process's.
    pub fn since(&self, cursor: Option<Cursor>) -> Page {
        let mut ring = self.ring.lock();
        ring.drop_old();
        let position = cursor.filter(|cursor| cursor.beacon == self.beacon).map_or(0, |cursor| cursor.next);
        let skipped = usize::try_from(position.saturating_sub(ring.first)).unwrap_or(usize::MAX);
        let page = ring.kept.iter().skip(skipped).take(Self::PAGE);
        let arrivals: Vec<_> = page.map(|(_, arrival)| arrival.clone()).collect();
        let next = ring.first + (skipped.min(ring.kept.len()) + arrivals.len()) as u64;
        Page { arrivals, next: Cursor { beacon: self.beacon, next } }
    }
}

impl Ring {
    fn drop_old(&mut self) {
        let now = Instant::now();
        while self.kept.front().is_some_and(|(until, _)| *until <= now) {
            self.drop_oldest();
        }
    }

    fn drop_oldest(&mut self) {
        let Some((_, arrival)) = self.kept.pop_front() else { return };
        self.first += 1;
        let question = (arrival.nonce, arrival.qtype);
        if let Some(seen) = self.of_question.get_mut(&question) {
            seen.kept -= 1;
            if seen.kept == 0 {
                self.of_question.remove(&question);
            }
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::canary::{Flags, Kind};

    pub(in crate::beacon) fn arrival(target: u16) -> Arrival {
        let nonce = Nonce::new(Kind::Nonce, 7, target, SystemTime::now());
        arrival_of(nonce)
    }

    fn arrival_of(nonce: Nonce) -> Arrival {
        let saw = BeaconSaw {
            source: "192.0.2.9".parse().unwrap(),
            port: 40_000,
            arrivals: 0,
            flags: Flags::default(),
            udp_payload: None,
            options: Vec::new(),
            beacon: BeaconId(1),
        };
        let name = DomainName::parse("n.p.canary.example.").unwrap();
        Arrival { at: SystemTime::now(), name, qtype: 16, nonce, saw }
    }

    #[tokio::test(start_paused = true)]
    async fn readers_go_on_where_they_stopped_and_start_over_with_another_process() {
        let arrivals = Arrivals::new(BeaconId(1));
        let (first, rest) = (arrivals.since(None), |page: &Page| arrivals.since(Some(page.next)));
        assert!(first.arrivals.is_empty());
        (0..1500).for_each(|target| drop(arrivals.record(arrival(target))));
        let targets = |page: &Page| page.arrivals.iter().map(|arrival| arrival.nonce.target).collect::<Vec<_>>();
        let second = rest(&first);
        assert_eq!(targets(&second), (0..1024).collect::<Vec<_>>());
        let third = rest(&second);
        assert_eq!(targets(&third), (1024..1500).collect::<Vec<_>>());
        assert!(rest(&third).arrivals.is_empty());
        assert_eq!(rest(&third).next, third.next);

        let elsewhere = Arrivals::new(BeaconId(2));
        elsewhere.record(arrival(9));
        assert_eq!(targets(&elsewhere.since(Some(third.next))), [9]);
        assert_eq!(third.next.to_string().parse(), Ok(third.next));
        for bad in ["", "1", ".", "1.-1", "x.1", "1.99999999999999999999"] {
            assert_eq!(bad.parse::<Cursor>(), Err(NotACursor), "{bad}");
        }
        let far = Cursor { beacon: BeaconId(1), next: u64::MAX };
        assert!(arrivals.since(Some(far)).arrivals.is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn repetitions_are_counted_and_only_some_kept() {
        let arrivals = Arrivals::new(BeaconId(1));
        let nonce = arrival(0).nonce;
        let counts: Vec<u32> = (0..1000).map(|_| arrivals.record(arrival_of(nonce)).arrivals).collect();
        assert_eq!(counts, (1..=1000).collect::<Vec<_>>());
        assert_eq!(arrivals.since(None).arrivals.len(), 64);
    }

    #[tokio::test(start_paused = true)]
    async fn memory_is_bounded_in_number_and_in_time() {
        let arrivals = Arrivals::new(BeaconId(1));
        for _ in 0..Arrivals::CAPACITY + 10 {
            arrivals.record(arrival(1));
        }
        {
            let ring = arrivals.ring.lock();
            assert_eq!((ring.kept.len(), ring.of_question.len(), ring.first), (65_536, 65_536, 10));
        }
        tokio::time::advance(Arrivals::KEPT_FOR).await;
        assert!(arrivals.since(None).arrivals.is_empty());
        let ring = arrivals.ring.lock();
        assert_eq!((ring.kept.len(), ring.of_question.len()), (0, 0), "nothing is left behind");
    }
}
