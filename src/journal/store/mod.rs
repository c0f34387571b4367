//! Where the journal is kept: an SQLite database, in a file of the state directory or in memory. Every function here
//! blocks for as long as the disk takes.
//!
//! What is committed is on the disk (WAL with `synchronous = FULL`): a process that is killed and a machine that loses
//! power lose nothing of it.

mod file;
mod prune;
mod read;
mod schema;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use parking_lot::Mutex;
use rusqlite::{Connection, ErrorCode, params};

use super::entry::Entry;
use super::history::{BarRow, Series};
use super::incident::Incident;

pub use file::{FILE_NAME, OpenError, open_to_read};
pub use prune::Limits;
pub use read::Reading;

/// What is written at once: all of it or nothing.
#[derive(Debug, Default)]
pub(super) struct Batch {
    /// New entries, in the order of their numbers.
    pub entries: Vec<Arc<Entry>>,
    /// Incidents that are new or have changed.
    pub incidents: Vec<Incident>,
    /// Whose probes the bars count.
    pub series: Vec<Series>,
    /// Bars that have grown.
    pub bars: Vec<BarRow>,
    /// When this was made: the prober runs.
    pub alive: Option<SystemTime>,
    /// The greatest numbers given so far, of entries and of incidents.
    pub last_ids: (i64, i64),
}

/// The database.
#[derive(Debug)]
pub(super) struct Store {
    connections: Mutex<Connections>,
    /// Where its file is, if it has one.
    path: Option<PathBuf>,
    limits: Limits,
    /// Held while the process lives: two probers cannot share a journal.
    _lock: Option<file::Lock>,
}

/// Readers of a file do not wait for its writer.
#[derive(Debug)]
struct Connections {
    reader: Arc<Mutex<Connection>>,
    /// Closed after the reader, and so able to leave one file without a write-ahead log behind.
    writer: Arc<Mutex<Connection>>,
}

impl Connections {
    /// A database in memory has one connection alone.
    fn one(connection: Connection) -> Self {
        let connection = Arc::new(Mutex::new(connection));
        Self { writer: Arc::clone(&connection), reader: connection }
    }
}

/// How a store came to be.
#[derive(Debug)]
pub(super) struct Opened {
    /// The store.
    pub store: Store,
    /// What a person should know about it.
    pub note: Option<String>,
}

impl Store {
    /// A database in memory.
    ///
    /// # Panics
    /// Never, short of memory.
    pub(super) fn in_memory(limits: Limits) -> Self {
        let connection = Connection::open_in_memory().and_then(|mut connection| {
            schema::prepare(&mut connection)?;
            Ok(connection)
        });
        let connection = connection.expect("a database in memory");
        Self { connections: Mutex::new(Connections::one(connection)), path: None, limits, _lock: None }
    }

    /// The database in the state directory, which is made where it is missing. A damaged file is moved aside, and a fresh
    /// one begun.
    ///
    /// # Errors
    /// Why it cannot be kept there.
    pub(super) fn on_disk(state_dir: &Path, limits: Limits) -> Result<Opened, OpenError> {
        let lock = file::lock(state_dir)?;
        let path = state_dir.join(FILE_NAME);
        let (connections, note) = file::open_or_begin(&path)?;
        let store = Self { connections: Mutex::new(connections), path: Some(path), limits, _lock: Some(lock) };
        Ok(Opened { store, note })
    }

    /// Its file, if it has one.
    pub(super) fn path(&self) -> Option<&Path> {
        self.path.as_deref()
    }

    /// For reading.
    pub(super) fn reading<T>(&self, read: impl FnOnce(Reading<'_>) -> T) -> T {
        let reader = Arc::clone(&self.connections.lock().reader);
        let reader = reader.lock();
        read(Reading(&reader))
    }

    /// Writes a batch. When this returns without an error, it is on the disk.
    ///
    /// # Errors
    /// When nothing of it was written.
    pub(super) fn write(&self, batch: &Batch) -> rusqlite::Result<()> {
        let writer = Arc::clone(&self.connections.lock().writer);
        let mut writer = writer.lock();
        let transaction = writer.transaction()?;
        {
            let mut insert = transaction
                .prepare("INSERT OR REPLACE INTO entries (id, at, cluster, body) VALUES (?1, ?2, ?3, ?4)")?;
            for entry in &batch.entries {
                insert.execute(params![entry.id, millis(entry.at), entry.place.cluster, json(&**entry)])?;
            }
            let mut insert = transaction
                .prepare("INSERT OR REPLACE INTO incidents (id, started, ended, body) VALUES (?1, ?2, ?3, ?4)")?;
            for incident in &batch.incidents {
                let ended = incident.ended.map(millis);
                insert.execute(params![incident.id, millis(incident.started), ended, json(incident)])?;
            }
            let mut insert = transaction.prepare(
                "INSERT OR REPLACE INTO series (id, cluster, resolver, name, transport, seen)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            )?;
            for series in &batch.series {
                let (cluster, resolver, name) =
                    (series.cluster.as_str(), series.resolver.as_str(), series.name.as_str());
                let seen = batch.alive.map(millis);
                insert.execute(params![series.id, cluster, resolver, name, series.transport.as_str(), seen])?;
            }
            let mut insert = transaction
                .prepare("INSERT OR REPLACE INTO bars (span, start, ran, counts) VALUES (?1, ?2, ?3, ?4)")?;
            for bar in &batch.bars {
                let ran = i64::try_from(bar.ran.as_millis()).unwrap_or(i64::MAX);
                insert.execute(params![bar.span.number(), millis(bar.start), ran, bar.counts.to_bytes()])?;
            }
            let mut note = transaction.prepare("INSERT OR REPLACE INTO facts (fact, value) VALUES (?1, ?2)")?;
            note.execute(params!["last_entry", batch.last_ids.0])?;
            note.execute(params!["last_incident", batch.last_ids.1])?;
            if let Some(alive) = batch.alive {
                note.execute(params!["alive", millis(alive)])?;
            }
        }
        transaction.commit()
    }

    /// Takes away what is too old or too much.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub(super) fn prune(&self, now: SystemTime) -> rusqlite::Result<()> {
        let writer = Arc::clone(&self.connections.lock().writer);
        let mut writer = writer.lock();
        prune::prune(&mut writer, &self.limits, now)
    }

    /// Moves a file that turned out to be damaged aside and begins a fresh one. Returns where the old one is now.
    ///
    /// # Errors
    /// When that cannot be done.
    pub(super) fn begin_afresh(&self) -> Result<String, OpenError> {
        let Some(path) = &self.path else { return Ok("memory".to_owned()) };
        // The old connections are closed first: they hold the file.
        let mut connections = self.connections.lock();
        *connections =
            Connections::one(Connection::open_in_memory().map_err(|error| OpenError::database(path, &error))?);
        let aside = file::move_aside(path)?;
        *connections = file::begin(path)?;
        Ok(aside.display().to_string())
    }

    /// Bytes on the disk, or in memory.
    pub(super) fn size(&self) -> u64 {
        match &self.path {
            Some(path) => file::size(path),
            None => self.reading(|reading| reading.size().unwrap_or_default()),
        }
    }
}

/// Whether the file is damaged, and not just unable to be written now.
pub(super) fn is_damage(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase))
}

/// Milliseconds since 1970.
pub(in crate::journal) fn millis(time: SystemTime) -> i64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// The time of so many milliseconds since 1970.
pub(in crate::journal) fn time_of(millis: i64) -> SystemTime {
    UNIX_EPOCH + Duration::from_millis(u64::try_from(millis).unwrap_or_default())
}

fn json<T: serde::Serialize>(value: &T) -> String {
    serde_json::to_string(value).expect("plain data")
}
