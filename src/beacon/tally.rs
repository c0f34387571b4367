//! What became of every message that reached the beacon.

use std::sync::atomic::{AtomicU64, Ordering};

/// What became of one message. Every message is counted exactly once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum QueryResult {
    /// A signed name: answered with what was seen.
    Answered,
    /// A question about the zone itself (SOA, NS, its servers, names in between): answered.
    Zone,
    /// A name in the zone that no prober signed: refused.
    Unsigned,
    /// A signed name whose time is not now: refused. Many of these mean that a clock is wrong.
    Expired,
    /// A name of another zone: refused.
    OutOfZone,
    /// Not a question that can be read: FORMERR or BADVERS.
    Malformed,
    /// An operation other than a query: NOTIMP.
    NotImplemented,
    /// Beyond the limits: truncated, so that an honest asker comes back over TCP, or not answered.
    Limited,
    /// Answers, fragments and questions about the server (CHAOS): not answered.
    Ignored,
}

impl QueryResult {
    /// Every result, in the order of metrics and tables.
    pub const ALL: [Self; 9] = [
        Self::Answered,
        Self::Zone,
        Self::Unsigned,
        Self::Expired,
        Self::OutOfZone,
        Self::Malformed,
        Self::NotImplemented,
        Self::Limited,
        Self::Ignored,
    ];

    /// The word used in labels.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::Zone => "zone",
            Self::Unsigned => "unsigned",
            Self::Expired => "expired",
            Self::OutOfZone => "out_of_zone",
            Self::Malformed => "malformed",
            Self::NotImplemented => "not_implemented",
            Self::Limited => "limited",
            Self::Ignored => "ignored",
        }
    }
}

/// How often each result was seen since the beacon started.
#[derive(Debug, Default)]
pub struct Tally([AtomicU64; QueryResult::ALL.len()]);

impl Tally {
    /// Messages with that result.
    pub fn get(&self, result: QueryResult) -> u64 {
        self.0[result as usize].load(Ordering::Relaxed)
    }

    pub(super) fn count(&self, result: QueryResult) {
        self.0[result as usize].fetch_add(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_stand_in_the_order_of_their_counters() {
        let tally = Tally::default();
        for (place, result) in QueryResult::ALL.into_iter().enumerate() {
            assert_eq!(result as usize, place);
            tally.count(result);
            assert_eq!(tally.get(result), 1);
        }
    }
}
