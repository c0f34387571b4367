//! Runs beside the probing: takes what changes, gives it to the store, and tells those who listen.
//!
//! The store is written on a thread for things that block, one batch at a time, by nobody else; while a batch is under way
//! the next one gathers. What cannot be written is held and tried again.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::sync::{broadcast, mpsc, oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use super::entry::{Configuration, Entry, Event, Mark, Place, ProberChange, ProberState};
use super::history::{BarRow, Span, Tally};
use super::incident::{Ledger, REOPENED_WITHIN};
use super::observer::{Draft, Observer};
use super::shared::Shared;
use super::store::{Batch, is_damage};
use crate::board::{Board, Change};
use crate::estate::Estate;
use crate::report::ClusterReport;

/// How often it is looked whether something is due.
const TICK: Duration = Duration::from_secs(1);

/// Ticks from one look at who resolvers say they are to the next.
const IDENTITY_TICKS: u32 = 5;

/// Ticks from one look at the board's counters to the next.
const COUNT_TICKS: u32 = 15;

/// Ticks from one writing of bars, and of the fact that the prober runs, to the next.
const WRITE_TICKS: u32 = 60;

/// How long a disk that cannot be written is left alone.
const RETRY: Duration = Duration::from_secs(5);

/// The most entries of one batch.
const LARGEST_BATCH: usize = 1000;

/// The longest text about a configuration that is kept, in characters.
const LONGEST_DETAIL: usize = 2000;

/// What the recorder is asked for.
#[derive(Debug)]
pub(super) enum Request {
    /// Write down what a person did or saw.
    Mark { mark: Mark, done: oneshot::Sender<Arc<Entry>> },
    /// Write down what came of loading the configuration, and watch another estate.
    Configured { what: Configuration, estate: Option<Arc<Estate>> },
    /// Write down what is held back, and end.
    Stop { done: oneshot::Sender<()> },
}

/// The recorder.
#[derive(Debug)]
pub(super) struct Recorder {
    shared: Arc<Shared>,
    board: Arc<Board>,
    changes: broadcast::Receiver<Change>,
    reports: watch::Receiver<Vec<Arc<ClusterReport>>>,
    requests: mpsc::Receiver<Request>,
    closed: CancellationToken,
    observer: Observer,
    tally: Tally,
    counted_at: Instant,
    /// The batch under way.
    writing: Option<JoinHandle<Written>>,
    /// Entries up to this number were told to those who listen.
    told: i64,
    /// Those who wait until their entry is written.
    waiting: Vec<(i64, oneshot::Sender<Arc<Entry>>)>,
    /// Since when the disk cannot be written, and when it is tried again.
    failing: Option<Instant>,
    /// Bars and the fact that the prober runs are to be written.
    count_due: bool,
}

/// What came of a batch.
#[derive(Debug)]
struct Written {
    batch: Batch,
    result: Result<(), String>,
    /// What happened to the file, if it was damaged.
    note: Option<String>,
}

impl Recorder {
    pub(super) fn new(
        shared: Arc<Shared>,
        board: Arc<Board>,
        estate: &Arc<Estate>,
        requests: mpsc::Receiver<Request>,
        closed: CancellationToken,
    ) -> Self {
        let now = shared.clock.now();
        let past = Past::read(&shared, now);
        let (last_entry, last_incident) = past.last_ids;
        let observer = shared.book(|book| {
            book.ledger = Ledger::resume(past.incidents, last_incident);
            book.last_entry = last_entry;
            Observer::new(estate, &board.cells(), &book.ledger)
        });
        let recorder = Self {
            changes: board.changes(),
            reports: board.reports(),
            requests,
            closed,
            observer,
            tally: past.tally,
            counted_at: Instant::now(),
            writing: None,
            told: last_entry,
            waiting: Vec::new(),
            failing: None,
            count_due: true,
            shared,
            board,
        };
        recorder.forget_unwatched(now);
        let change = ProberChange {
            state: ProberState::Started,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            ran_until: past.ran_until,
        };
        recorder.enter(now, Place::PROBER, Event::Prober(change));
        recorder
    }

    /// Runs until it is asked to stop, or nobody can ask it any more.
    pub(super) async fn run(mut self) {
        let mut tick = interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut ticks = 0_u32;
        loop {
            self.write();
            tokio::select! {
                _ = tick.tick() => {
                    ticks = ticks.wrapping_add(1);
                    self.look(ticks);
                }
                change = self.changes.recv() => self.changed(change),
                changed = self.reports.changed() => {
                    // The board lives as long as this.
                    drop(changed);
                    self.reported();
                }
                written = finished(&mut self.writing) => self.written(written),
                request = self.requests.recv() => match request {
                    Some(Request::Mark { mark, done }) => {
                        let id = self.enter(self.shared.clock.now(), Place::PROBER, Event::Mark(mark));
                        self.waiting.push((id, done));
                    }
                    Some(Request::Configured { what, estate }) => self.configured(what, estate),
                    Some(Request::Stop { done }) => {
                        self.stop().await;
                        // Whoever asked may have given up.
                        let _ = done.send(());
                        return;
                    }
                    None => return,
                },
            }
        }
    }

    /// What is to be done now and then.
    fn look(&mut self, ticks: u32) {
        let (now, at) = (Instant::now(), self.shared.clock.now());
        if ticks.is_multiple_of(IDENTITY_TICKS) {
            self.observer.identify(&self.board, now, at);
        }
        if ticks.is_multiple_of(COUNT_TICKS) {
            self.count(at);
        }
        self.count_due |= ticks.is_multiple_of(WRITE_TICKS);
        self.enter_due(false);
    }

    fn count(&mut self, at: SystemTime) {
        let ran = self.counted_at.elapsed();
        self.counted_at = Instant::now();
        self.tally.look(&self.board.cells(), at, ran);
    }

    fn changed(&mut self, change: Result<Change, broadcast::error::RecvError>) {
        let (now, at) = (Instant::now(), self.shared.clock.now());
        match change {
            Ok(change) => self.observer.changed(&change, now, at),
            Err(_) => self.observer.look_at_all(&self.board.cells(), now, at),
        }
    }

    fn reported(&mut self) {
        let reports = self.reports.borrow_and_update().clone();
        self.observer.reports(&reports, Instant::now(), self.shared.clock.now());
        self.enter_due(false);
    }

    fn configured(&mut self, mut what: Configuration, estate: Option<Arc<Estate>>) {
        let at = self.shared.clock.now();
        what.detail = what.detail.chars().take(LONGEST_DETAIL).collect();
        self.enter(at, Place::PROBER, Event::Configuration(what));
        if let Some(estate) = estate {
            self.observer.replace(&estate, &self.board.cells());
            self.forget_unwatched(at);
        }
    }

    /// Incidents of what is watched no longer end.
    fn forget_unwatched(&self, at: SystemTime) {
        let watches = |cluster: &str, resolver: Option<&str>, class: Option<&str>| {
            self.observer.watches(cluster, resolver, class)
        };
        self.shared.book(|book| {
            for incident in book.ledger.keep(at, watches) {
                book.changed.insert(incident.id, incident);
            }
        });
    }

    fn enter_due(&mut self, all: bool) {
        for draft in self.observer.due(Instant::now(), all) {
            self.shared.enter(draft);
        }
    }

    fn enter(&self, at: SystemTime, place: Place, event: Event) -> i64 {
        self.shared.enter(Draft { at, place, changes: 1, event })
    }

    /// Gives the store what it does not have yet, unless it is busy or out of order.
    fn write(&mut self) {
        let out_of_order = self.failing.is_some_and(|retry| Instant::now() < retry);
        if self.writing.is_some() || out_of_order {
            self.tell_all_the_same(out_of_order);
            return;
        }
        let batch = self.batch();
        if batch.entries.is_empty() && batch.incidents.is_empty() && batch.alive.is_none() {
            return;
        }
        let shared = Arc::clone(&self.shared);
        let prune = batch.alive;
        self.writing = Some(tokio::task::spawn_blocking(move || Written::of(&shared, batch, prune)));
    }

    fn batch(&mut self) -> Batch {
        let count_due = std::mem::take(&mut self.count_due);
        let (series, bars) = if count_due { self.tally.unwritten() } else { Default::default() };
        self.shared.book(|book| Batch {
            entries: book.unsaved.iter().take(LARGEST_BATCH).cloned().collect(),
            incidents: book.changed.values().cloned().collect(),
            series,
            bars,
            alive: count_due.then(|| self.shared.clock.now()),
            last_ids: (book.last_entry, book.ledger.last_id()),
        })
    }

    fn written(&mut self, written: Written) {
        let Written { batch, result, note } = written;
        if let Some(note) = note {
            tracing::warn!("The journal: {note}.");
            self.shared.note(Some(note));
        }
        self.shared.count_write(result.is_err());
        match result {
            Ok(()) => {
                if self.failing.take().is_some() {
                    tracing::info!("The journal can be written again; nothing that is held was lost.");
                    self.shared.note(None);
                }
                self.tally.written(&batch.series, &batch.bars);
                let saved = batch.entries.last().map_or(0, |entry| entry.id);
                self.shared.book(|book| {
                    while book.unsaved.front().is_some_and(|entry| entry.id <= saved) {
                        book.unsaved.pop_front();
                    }
                    for incident in &batch.incidents {
                        if book.changed.get(&incident.id) == Some(incident) {
                            book.changed.remove(&incident.id);
                        }
                    }
                });
                self.tell(&batch.entries);
            }
            Err(why) => {
                self.count_due |= batch.alive.is_some();
                let note = format!("it cannot be written now ({why}); what happens meanwhile is held in memory");
                if self.failing.is_none() {
                    tracing::error!("The journal: {note}.");
                }
                self.shared.note(Some(note));
                self.failing = Some(Instant::now() + RETRY);
                self.tell_all_the_same(true);
            }
        }
    }

    /// While the disk is out of order, those who listen learn of everything at once.
    fn tell_all_the_same(&mut self, out_of_order: bool) {
        if out_of_order {
            let told = self.told;
            let news: Vec<Arc<Entry>> =
                self.shared.book(|book| book.unsaved.iter().filter(|entry| entry.id > told).cloned().collect());
            self.tell(&news);
        }
    }

    fn tell(&mut self, entries: &[Arc<Entry>]) {
        for entry in entries.iter().filter(|entry| entry.id > self.told) {
            // Nobody has to listen.
            drop(self.shared.entries.send(Arc::clone(entry)));
            for (_, done) in self.waiting.extract_if(.., |(id, _)| *id == entry.id) {
                drop(done.send(Arc::clone(entry)));
            }
        }
        self.told = entries.last().map_or(self.told, |entry| self.told.max(entry.id));
    }

    async fn stop(&mut self) {
        while let Ok(change) = self.changes.try_recv() {
            self.changed(Ok(change));
        }
        let at = self.shared.clock.now();
        self.count(at);
        self.count_due = true;
        self.enter_due(true);
        let version = env!("CARGO_PKG_VERSION").to_owned();
        let change = ProberChange { state: ProberState::Stopped, version, ran_until: None };
        self.enter(at, Place::PROBER, Event::Prober(change));
        loop {
            self.write();
            if self.writing.is_none() {
                break;
            }
            let written = finished(&mut self.writing).await;
            self.written(written);
        }
        self.closed.cancel();
    }
}

/// Waits for the batch under way; forever where there is none.
async fn finished(writing: &mut Option<JoinHandle<Written>>) -> Written {
    let Some(handle) = writing.as_mut() else { return std::future::pending().await };
    let written = handle.await;
    *writing = None;
    written.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()))
}

impl Written {
    /// Writes a batch. A file that turns out to be damaged is moved aside, and the batch goes into a fresh one.
    fn of(shared: &Shared, batch: Batch, prune: Option<SystemTime>) -> Self {
        let write = || shared.store.write(&batch).and_then(|()| prune.map_or(Ok(()), |now| shared.store.prune(now)));
        let mut note = None;
        let result = match write() {
            Err(error) if is_damage(&error) => match shared.store.begin_afresh() {
                Ok(aside) => {
                    note = Some(format!("it was damaged ({error}) and is kept as {aside}; a fresh one was begun"));
                    write().map_err(|error| error.to_string())
                }
                Err(error) => Err(error.to_string()),
            },
            result => result.map_err(|error| error.to_string()),
        };
        Self { batch, result, note }
    }
}

/// What a prober before this one left behind.
#[derive(Debug)]
struct Past {
    incidents: Vec<super::incident::Incident>,
    last_ids: (i64, i64),
    ran_until: Option<SystemTime>,
    tally: Tally,
}

impl Past {
    fn read(shared: &Shared, now: SystemTime) -> Self {
        shared.store.reading(|reading| {
            let fact = |fact| reading.fact(fact).ok().flatten().unwrap_or_default();
            let recent = now.checked_sub(REOPENED_WITHIN).unwrap_or(SystemTime::UNIX_EPOCH);
            let growing = |span: Span| -> Vec<BarRow> { reading.bars(span, span.start_of(now)).unwrap_or_default() };
            Self {
                incidents: reading.incidents_since(recent).unwrap_or_default(),
                last_ids: (fact("last_entry"), fact("last_incident")),
                ran_until: reading.alive().ok().flatten(),
                tally: Tally::resume(
                    reading.series().unwrap_or_default(),
                    Span::ALL.into_iter().flat_map(growing).collect(),
                ),
            }
        })
    }
}
