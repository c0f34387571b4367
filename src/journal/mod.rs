//! The journal: every change, with its time and its evidence, and the incidents they make.
//!
//! - [`entry`] is what is written down, `observer` finds it in what the board says, and `paced` bounds how often;
//! - [`incident`] makes incidents of entries;
//! - [`history`] counts probes into bars;
//! - `recorder` runs all that beside the probing, and `store` keeps it: in an SQLite database under `prober.state_dir`,
//!   or in memory where there is none. Whatever becomes of the disk, probing goes on.
//!
//! Described for people in docs/journal.md.

pub mod archive;
pub mod clock;
pub mod entry;
pub mod history;
pub mod incident;
pub mod json;
mod kept;
mod markdown;
mod observer;
mod paced;
mod recorder;
mod shared;
pub mod store;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::sync::{broadcast, mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use crate::board::Board;
use crate::estate::{Estate, Label, Prober};
use clock::Clock;
use entry::{Configuration, Entry, Kind};
use history::{Bar, Span};
use incident::Incident;
use recorder::{Recorder, Request};
use shared::Shared;
use store::Limits;

pub use kept::Kept;

/// The most names that one entry lists.
pub(crate) const MOST_NAMES: usize = 20;

/// The most entries of one incident's timeline that are read.
pub const LONGEST_TIMELINE: usize = 5000;

/// The longest mark, in characters.
pub const LONGEST_MARK: usize = 500;

/// What led up to an incident and what followed it belong to its timeline, for as long as this.
pub const AROUND: Duration = Duration::from_secs(2 * 60);

/// Entries that a slow subscriber may fall behind before it loses the oldest.
const ENTRIES_KEPT: usize = 1024;

/// Requests that wait for the recorder.
const REQUESTS: usize = 64;

/// How long the end of the process waits for the disk.
const LAST_WRITE: Duration = Duration::from_millis(800);

/// Where and how much is kept.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The state directory; without one the journal is in memory.
    pub state_dir: Option<PathBuf>,
    /// How much is kept.
    pub limits: Limits,
    /// What time it is.
    pub clock: Clock,
}

impl Settings {
    /// As the configuration says.
    pub fn of(prober: &Prober) -> Self {
        let limits = Limits { max_age: prober.journal_max_age, max_size: prober.journal_max_size };
        Self { state_dir: prober.state_dir.clone(), limits, clock: Clock::wall() }
    }
}

/// The journal of one prober. A handle: clones are the same journal. Functions that read block for as long as the disk
/// takes, which is a few milliseconds: not for a thread that times probes.
#[derive(Debug, Clone)]
pub struct Journal {
    shared: Arc<Shared>,
    requests: mpsc::Sender<Request>,
    closed: CancellationToken,
}

/// Why a mark was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotMarked {
    /// It is empty, too long, or holds what cannot be printed.
    #[error("a mark is 1 to {LONGEST_MARK} printable characters in one line")]
    Text,
    /// The prober is about to stop.
    #[error("the prober is stopping")]
    Stopped,
}

/// How the journal itself does, for metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stats {
    /// Entries since the start, by [`Kind`].
    pub entries: [u64; Kind::ALL.len()],
    /// Attempts to write to the disk that failed.
    pub writes_failed: u64,
    /// Entries that were given up, because the disk could not be written for long.
    pub entries_lost: u64,
    /// Bytes on the disk, or in memory.
    pub size: u64,
    /// Whether it is on a disk that can be written.
    pub on_disk: bool,
}

impl Journal {
    /// Opens the journal and begins to record what this board says from now on. Where it cannot be kept on the disk it is
    /// kept in memory, and [`Journal::kept`] says why. Blocks while the disk is read. Has to be called within a runtime,
    /// and before anything is probed, lest changes be missed.
    pub fn start(settings: &Settings, board: &Arc<Board>, estate: &Arc<Estate>) -> Self {
        let (store, kept) = kept::open(settings);
        let shared = Arc::new(Shared::new(store, kept, settings.clock, broadcast::Sender::new(ENTRIES_KEPT)));
        let (requests, received) = mpsc::channel(REQUESTS);
        let closed = CancellationToken::new();
        let recorder = Recorder::new(Arc::clone(&shared), Arc::clone(board), estate, received, closed.clone());
        tokio::spawn(recorder.run());
        Self { shared, requests, closed }
    }

    /// The number of the newest entry; 0 where there is none.
    pub fn last_id(&self) -> i64 {
        self.shared.book(|book| book.last_entry)
    }

    /// Where it is kept, and what a person should know about that.
    pub fn kept(&self) -> Kept {
        self.shared.kept()
    }

    /// What time it is by the clock of its entries.
    pub fn now(&self) -> SystemTime {
        self.shared.clock.now()
    }

    /// The last entries, newest first.
    pub fn recent(&self, limit: usize) -> Vec<Entry> {
        self.shared.recent(limit)
    }

    /// The entries after the one with this number, oldest first.
    pub fn after(&self, id: i64, limit: usize) -> Vec<Entry> {
        self.shared.after(id, limit)
    }

    /// Incidents, newest first.
    pub fn incidents(&self, limit: usize) -> Vec<Incident> {
        self.shared.incidents(limit)
    }

    /// The incident with this number.
    pub fn incident(&self, id: i64) -> Option<Incident> {
        self.shared.incident(id)
    }

    /// What happened in the cluster and to the prober from shortly before an incident until shortly after it, in the order
    /// of time.
    pub fn timeline(&self, incident: &Incident) -> Vec<Entry> {
        self.shared.timeline(incident)
    }

    /// Sixty bars of probes of one name of a resolver, or of all its names, over the last hour, day or ninety days.
    pub fn history(&self, cluster: &str, resolver: &str, name: Option<&str>, span: Span) -> Vec<Bar> {
        let wanted = |label: &Label, text: &str| label.as_str() == text;
        self.shared.history(span, |series| {
            wanted(&series.cluster, cluster)
                && wanted(&series.resolver, resolver)
                && name.is_none_or(|name| wanted(&series.name, name))
        })
    }

    /// The same of one name at all resolvers together.
    pub fn history_of_name(&self, name: &str, span: Span) -> Vec<Bar> {
        self.shared.history(span, |series| series.name.as_str() == name)
    }

    /// Every entry from now on, each once it is on the disk; while the disk cannot be written, at once.
    pub fn subscribe(&self) -> broadcast::Receiver<Arc<Entry>> {
        self.shared.entries.subscribe()
    }

    /// Cancelled once nothing more will be recorded.
    pub fn closed(&self) -> &CancellationToken {
        &self.closed
    }

    /// How it does.
    pub fn stats(&self) -> Stats {
        self.shared.stats()
    }

    /// Writes down what a person did or saw. When this returns, it is on the disk, as far as the disk can be written.
    ///
    /// # Errors
    /// When the text is no mark, or the prober is stopping.
    pub async fn mark(&self, text: &str, by: &str) -> Result<Arc<Entry>, NotMarked> {
        let text = mark_text(text).ok_or(NotMarked::Text)?.to_owned();
        let (done, taken) = oneshot::channel();
        let request = Request::Mark { mark: entry::Mark { text, by: by.to_owned() }, done };
        self.requests.send(request).await.map_err(|_| NotMarked::Stopped)?;
        taken.await.map_err(|_| NotMarked::Stopped)
    }

    /// Takes what came of loading the configuration; with the estate that is watched from now on.
    pub(crate) async fn configured(&self, what: Configuration, estate: Option<Arc<Estate>>) {
        // After the end nothing is recorded.
        drop(self.requests.send(Request::Configured { what, estate }).await);
    }

    /// Writes down what is held back and that the prober stops. Waits for the disk, but not for long.
    pub(crate) async fn stop(&self) {
        let (done, stopped) = oneshot::channel();
        let stop = async {
            if self.requests.send(Request::Stop { done }).await.is_ok() {
                drop(stopped.await);
            }
        };
        if tokio::time::timeout(LAST_WRITE, stop).await.is_err() {
            tracing::warn!("The journal could not be written to its end in time.");
        }
        self.closed.cancel();
    }
}

/// The text of a mark without space around it, if it can be one.
pub fn mark_text(text: &str) -> Option<&str> {
    let text = text.trim();
    let fits = (1..=LONGEST_MARK).contains(&text.chars().count()) && !text.chars().any(is_unprintable);
    fits.then_some(text)
}

/// What could disguise what is shown: controls, line breaks, and characters that turn the direction of writing.
pub(crate) fn is_unprintable(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}
