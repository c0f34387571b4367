//! How many probes failed when: sixty bars for the last hour, day and ninety days, for each resolver and name.
//!
//! The board counts; here its counters are looked at a few times a minute, and what they have grown by is added to the
//! bar of that minute, of those 24 minutes and of those 36 hours. A bar of the whole estate is one row of the database
//! with twelve bytes for each name of a resolver, so that all of them together are never more than 183 rows.

mod counts;
mod tally;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::estate::{Label, Transport};
use crate::rfc3339;

pub use counts::Counts;
pub(super) use tally::Tally;

/// Bars of a span.
pub const BARS: u32 = 60;

/// The time that sixty bars cover.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
pub enum Span {
    /// One hour, a minute a bar.
    #[serde(rename = "1h")]
    Hour,
    /// One day, 24 minutes a bar.
    #[serde(rename = "24h")]
    Day,
    /// Ninety days, 36 hours a bar.
    #[serde(rename = "90d")]
    Quarter,
}

impl Span {
    /// Every span, shortest first.
    pub const ALL: [Self; 3] = [Self::Hour, Self::Day, Self::Quarter];

    /// The word used in URLs and JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Hour => "1h",
            Self::Day => "24h",
            Self::Quarter => "90d",
        }
    }

    /// The time that one bar covers.
    pub const fn bar(self) -> Duration {
        match self {
            Self::Hour => Duration::from_secs(60),
            Self::Day => Duration::from_secs(24 * 60),
            Self::Quarter => Duration::from_secs(36 * 60 * 60),
        }
    }

    /// The time that all bars cover, and one more.
    pub const fn length(self) -> Duration {
        self.bar().saturating_mul(BARS + 1)
    }

    /// Its number in the database.
    pub(super) const fn number(self) -> i64 {
        self as i64
    }

    /// The start of the bar that a time belongs to.
    pub fn start_of(self, time: SystemTime) -> SystemTime {
        let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
        UNIX_EPOCH + Duration::from_secs(since.as_secs() - since.as_secs() % self.bar().as_secs())
    }
}

/// One bar of one resolver or name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Bar {
    /// When it begins.
    #[serde(with = "rfc3339")]
    #[schema(value_type = String, format = DateTime)]
    pub start: SystemTime,
    /// Probes that ended in it, without those that failed by the prober's own fault.
    pub probes: u64,
    /// Those of them that were not `ok`.
    pub failed: u64,
    /// Whether the prober ran at least part of the time.
    pub ran: bool,
}

/// One name asked of one resolver over one transport, under a short number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Series {
    /// The number, by which bars count it.
    pub id: u32,
    /// The cluster.
    pub cluster: Label,
    /// The resolver.
    pub resolver: Label,
    /// The name's id.
    pub name: Label,
    /// The transport.
    pub transport: Transport,
}

/// One bar of the whole estate, as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BarRow {
    /// Of which span it is one.
    pub span: Span,
    /// When it begins.
    pub start: SystemTime,
    /// How long of it the prober ran.
    pub ran: Duration,
    /// Probes and failures of each series.
    pub counts: Counts,
}

/// The bars of these series, oldest first: the last sixty, the one of this moment included.
pub(super) fn bars(rows: &[BarRow], series: &[u32], span: Span, now: SystemTime) -> Vec<Bar> {
    let current = span.start_of(now);
    let starts = (0..BARS).rev().map(|ago| current.checked_sub(span.bar() * ago).unwrap_or(UNIX_EPOCH));
    let bar = |start| {
        let row = rows.iter().find(|row| row.start == start);
        let counts = row.map(|row| row.counts.sum(series)).unwrap_or_default();
        Bar { start, probes: counts.0, failed: counts.1, ran: row.is_some_and(|row| !row.ran.is_zero()) }
    };
    starts.map(bar).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_cover_what_they_say_and_gaps_are_seen() {
        for (span, length) in [(Span::Hour, 3600), (Span::Day, 86_400), (Span::Quarter, 90 * 86_400)] {
            assert_eq!((span.bar() * BARS).as_secs(), length);
        }
        let now = UNIX_EPOCH + Duration::from_secs(1_753_099_230);
        let current = Span::Hour.start_of(now);
        assert_eq!(now.duration_since(current).unwrap().as_secs(), 30);
        let row = |ago: u64, counts: &[(u32, (u32, u32))]| BarRow {
            span: Span::Hour,
            start: current - Duration::from_secs(60 * ago),
            ran: Duration::from_secs(60),
            counts: counts.iter().copied().collect(),
        };
        let rows = [row(61, &[(1, (9, 9))]), row(59, &[(1, (6, 1)), (2, (6, 6))]), row(0, &[(1, (3, 0))])];
        let bars = bars(&rows, &[1], Span::Hour, now);
        assert_eq!(bars.len(), 60);
        assert_eq!((bars[0].probes, bars[0].failed, bars[0].ran), (6, 1, true));
        assert_eq!((bars[1].probes, bars[1].ran), (0, false), "the prober did not run");
        assert_eq!((bars[59].probes, bars[59].failed), (3, 0));
        assert_eq!(super::bars(&rows, &[1, 2], Span::Hour, now)[0].failed, 7);
    }
}
