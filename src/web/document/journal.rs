//! What the journal says lately: incidents that go on, those that ended, and the last changes.

use std::time::{Duration, SystemTime};

use serde::Serialize;
use utoipa::ToSchema;

use crate::journal::history::{BARS, Bar, Span};
use crate::journal::incident::Incident;
use crate::journal::json::{ToldEntry, ToldIncident};
use crate::journal::{Journal, Kept};

/// Incidents that are looked through for open ones; each cluster has one at most.
const INCIDENTS: usize = 200;

/// How long an incident that ended is still told of.
const LATELY: Duration = Duration::from_secs(24 * 60 * 60);

/// The most incidents that ended which are told of.
const MOST_ENDED: usize = 5;

/// The last changes that are told.
const CHANGES: usize = 60;

/// The journal in a status document.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::web) struct JournalStatus {
    /// Where it is kept, in words.
    pub(in crate::web) kept: String,
    pub(in crate::web) on_disk: bool,
    /// Those that go on, then those that ended lately; newest first.
    pub(in crate::web) incidents: Vec<ToldIncident>,
    /// Newest first.
    pub(in crate::web) changes: Vec<ToldEntry>,
}

/// Sixty bars.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::web) struct History {
    pub(in crate::web) span: Span,
    pub(in crate::web) bar_seconds: u64,
    pub(in crate::web) bars: Vec<Bar>,
}

impl JournalStatus {
    pub(super) fn of(journal: &Journal, now: SystemTime) -> Self {
        let kept = journal.kept();
        let (mut incidents, ended): (Vec<_>, Vec<_>) =
            journal.incidents(INCIDENTS).into_iter().partition(Incident::is_open);
        let is_late = |at: SystemTime| now.duration_since(at).unwrap_or_default() < LATELY;
        incidents.extend(ended.into_iter().filter(|one| one.ended.is_some_and(is_late)).take(MOST_ENDED));
        // Changes that come thick are written down when they have settled, with the time at which they began.
        let mut changes = journal.recent(CHANGES);
        changes.sort_by_key(|entry| std::cmp::Reverse(entry.at));
        Self {
            on_disk: matches!(kept, Kept::OnDisk { .. }),
            kept: kept.to_string(),
            incidents: incidents.into_iter().map(ToldIncident::from).collect(),
            changes: changes.into_iter().map(ToldEntry::from).collect(),
        }
    }
}

/// The bars of every span, shortest first.
pub(super) fn histories(bars: impl Fn(Span) -> Vec<Bar>) -> Vec<History> {
    let of = |span: Span| History { span, bar_seconds: span.bar().as_secs(), bars: bars(span) };
    Span::ALL.into_iter().map(of).collect()
}

impl History {
    /// Probes, and those of them that failed.
    pub(in crate::web) fn total(&self) -> (u64, u64) {
        self.bars.iter().fold((0, 0), |(probes, failed), bar| (probes + bar.probes, failed + bar.failed))
    }

    /// How many bars there are at most.
    pub(in crate::web) const fn most() -> u32 {
        BARS
    }
}
