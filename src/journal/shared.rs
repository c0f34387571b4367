//! What the recorder and everybody who reads share: the store, and what is not in it yet.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use parking_lot::Mutex;
use tokio::sync::broadcast;

use super::clock::Clock;
use super::entry::{Entry, Kind};
use super::history::{Bar, Series, Span, bars};
use super::incident::{Incident, Ledger};
use super::observer::Draft;
use super::store::{Reading, Store};
use super::{AROUND, Kept, LONGEST_TIMELINE, Stats};

/// Entries that are held while the disk cannot be written; of more the oldest are given up.
const MOST_UNSAVED: usize = 10_000;

/// What everybody shares.
#[derive(Debug)]
pub(super) struct Shared {
    pub store: Store,
    pub clock: Clock,
    pub entries: broadcast::Sender<Arc<Entry>>,
    kept: Mutex<Kept>,
    book: Mutex<Book>,
    counts: Counts,
}

/// What is newer than the store.
#[derive(Debug, Default)]
pub(super) struct Book {
    pub ledger: Ledger,
    /// Entries that are not in the store yet, oldest first.
    pub unsaved: VecDeque<Arc<Entry>>,
    /// Incidents that the store knows otherwise.
    pub changed: BTreeMap<i64, Incident>,
    pub last_entry: i64,
}

#[derive(Debug, Default)]
struct Counts {
    entries: [AtomicU64; Kind::ALL.len()],
    writes_failed: AtomicU64,
    /// 1 while the disk cannot be written.
    failing: AtomicU64,
    entries_lost: AtomicU64,
}

impl Shared {
    pub(super) fn new(store: Store, kept: Kept, clock: Clock, entries: broadcast::Sender<Arc<Entry>>) -> Self {
        let (book, counts) = (Mutex::default(), Counts::default());
        Self { store, clock, entries, kept: Mutex::new(kept), book, counts }
    }

    pub(super) fn kept(&self) -> Kept {
        self.kept.lock().clone()
    }

    /// Notes what a person should know about the file; nothing where all is well.
    pub(super) fn note(&self, news: Option<String>) {
        match &mut *self.kept.lock() {
            Kept::OnDisk { note, .. } => *note = news,
            Kept::InMemory { .. } => {}
        }
    }

    pub(super) fn book<T>(&self, look: impl FnOnce(&mut Book) -> T) -> T {
        look(&mut self.book.lock())
    }

    /// Gives a draft its number, and makes it part of an incident if it is one.
    pub(super) fn enter(&self, draft: Draft) -> i64 {
        self.counts.entries[draft.event.kind() as usize].fetch_add(1, Ordering::Relaxed);
        self.book(|book| {
            book.last_entry += 1;
            let Draft { at, place, changes, event } = draft;
            let entry = Arc::new(Entry { id: book.last_entry, at, place, changes, event });
            if let Some(incident) = book.ledger.take(&entry) {
                book.changed.insert(incident.id, incident.clone());
            }
            book.unsaved.push_back(entry);
            while book.unsaved.len() > MOST_UNSAVED {
                book.unsaved.pop_front();
                self.counts.entries_lost.fetch_add(1, Ordering::Relaxed);
            }
            book.last_entry
        })
    }

    /// Counts an attempt to write.
    pub(super) fn count_write(&self, failed: bool) {
        self.counts.writes_failed.fetch_add(u64::from(failed), Ordering::Relaxed);
        self.counts.failing.store(u64::from(failed), Ordering::Relaxed);
    }

    pub(super) fn stats(&self) -> Stats {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let writable = count(&self.counts.failing) == 0;
        Stats {
            entries: std::array::from_fn(|kind| count(&self.counts.entries[kind])),
            writes_failed: count(&self.counts.writes_failed),
            entries_lost: count(&self.counts.entries_lost),
            size: self.store.size(),
            on_disk: writable && matches!(*self.kept.lock(), Kept::OnDisk { .. }),
        }
    }

    //------- Reading ---------------------------------------------------------

    pub(super) fn recent(&self, limit: usize) -> Vec<Entry> {
        let unsaved = self.unsaved(|_| true);
        let mut entries: Vec<Entry> = merged(self.read(|reading| reading.recent(limit)), unsaved);
        entries.reverse();
        entries.truncate(limit);
        entries
    }

    pub(super) fn after(&self, id: i64, limit: usize) -> Vec<Entry> {
        let unsaved = self.unsaved(|entry| entry.id > id);
        let mut entries = merged(self.read(|reading| reading.after(id, limit)), unsaved);
        entries.truncate(limit);
        entries
    }

    pub(super) fn incidents(&self, limit: usize) -> Vec<Incident> {
        let mut incidents: BTreeMap<i64, Incident> =
            self.read(|reading| reading.incidents(limit)).into_iter().map(|incident| (incident.id, incident)).collect();
        self.book(|book| incidents.extend(book.newer().map(|incident| (incident.id, incident.clone()))));
        incidents.into_values().rev().take(limit).collect()
    }

    pub(super) fn incident(&self, id: i64) -> Option<Incident> {
        let newer = self.book(|book| book.newer().find(|incident| incident.id == id).cloned());
        newer.or_else(|| self.read(|reading| reading.incident(id).map(|found| found.into_iter().collect())).pop())
    }

    pub(super) fn timeline(&self, incident: &Incident) -> Vec<Entry> {
        let (from, to) = around(incident, self.clock.now());
        let place = |entry: &Entry| entry.place.cluster.as_ref().is_none_or(|cluster| *cluster == incident.cluster);
        let unsaved = self.unsaved(|entry| (from..=to).contains(&entry.at) && place(entry));
        let written = self.read(|reading| reading.between(&incident.cluster, from, to, LONGEST_TIMELINE));
        let mut entries = merged(written, unsaved);
        entries.sort_by_key(|entry| (entry.at, entry.id));
        entries
    }

    pub(super) fn history(&self, span: Span, wanted: impl Fn(&Series) -> bool) -> Vec<Bar> {
        let now = self.clock.now();
        let series: Vec<u32> = self
            .read(|reading| -> rusqlite::Result<Vec<_>> { reading.series() })
            .into_iter()
            .filter(wanted)
            .map(|series| series.id)
            .collect();
        let from = now.checked_sub(span.length()).unwrap_or(SystemTime::UNIX_EPOCH);
        bars(&self.read(|reading| reading.bars(span, from)), &series, span, now)
    }

    /// What cannot be read is missing, and the log says why.
    fn read<T>(&self, read: impl FnOnce(Reading<'_>) -> rusqlite::Result<Vec<T>>) -> Vec<T> {
        self.store.reading(read).unwrap_or_else(|error| {
            tracing::warn!("The journal cannot be read: {error}.");
            Vec::new()
        })
    }

    fn unsaved(&self, wanted: impl Fn(&Entry) -> bool) -> Vec<Entry> {
        self.book(|book| book.unsaved.iter().filter(|entry| wanted(entry)).map(|entry| Entry::clone(entry)).collect())
    }
}

impl Book {
    /// Incidents that are newer here than in the store.
    fn newer(&self) -> impl Iterator<Item = &Incident> {
        self.changed.values().chain(self.ledger.incidents())
    }
}

/// The time that an incident's timeline covers.
pub(crate) fn around(incident: &Incident, now: SystemTime) -> (SystemTime, SystemTime) {
    let from = incident.started.checked_sub(AROUND).unwrap_or(SystemTime::UNIX_EPOCH);
    (from, incident.ended.unwrap_or(now) + AROUND)
}

/// Each entry once, in the order of numbers: one may have been written between two looks.
fn merged(written: Vec<Entry>, unsaved: Vec<Entry>) -> Vec<Entry> {
    let all = written.into_iter().chain(unsaved).map(|entry| (entry.id, entry));
    all.collect::<BTreeMap<_, _>>().into_values().collect()
}
