//! The file in the state directory: its lock, its health, and what becomes of one that is damaged.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use parking_lot::Mutex;
use rusqlite::{Connection, OpenFlags};
use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

use super::{Connections, is_damage, schema};

/// The name of the database in the state directory.
pub const FILE_NAME: &str = "journal.sqlite";

/// The file whose lock says that a prober uses the directory.
const LOCK_NAME: &str = "journal.lock";

/// SQLite's companions of a database file.
const COMPANIONS: [&str; 2] = ["-wal", "-shm"];

/// Damaged files that are kept; older ones are deleted.
const MOST_ASIDE: usize = 3;

/// How long a command that reads waits for the prober to finish what it is at.
const PATIENCE: Duration = Duration::from_secs(5);

/// Why the journal cannot be kept in the state directory.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The directory cannot be made or used.
    #[error("{} cannot be used: {}", .0.display(), .1)]
    Directory(PathBuf, io::Error),
    /// Another prober keeps its journal there.
    #[error("{} is used by another prober; each needs a prober.state_dir of its own", .0.display())]
    InUse(PathBuf),
    /// The database cannot be opened.
    #[error("{} cannot be opened: {}", .0.display(), .1)]
    Database(PathBuf, String),
    /// There is none.
    #[error("{} does not exist: no prober has kept a journal there yet", .0.display())]
    Missing(PathBuf),
    /// A newer Fathom wrote it.
    #[error("{} was written by a newer Fathom (version {found} of its tables, this one knows {known})", path.display())]
    Newer {
        /// Its file.
        path: PathBuf,
        /// The version of its tables.
        found: i64,
        /// The newest version that this program knows.
        known: i64,
    },
}

impl OpenError {
    pub(super) fn database(path: &Path, error: &rusqlite::Error) -> Self {
        Self::Database(path.to_owned(), error.to_string())
    }
}

/// The right to write there; ends with the process, however that ends.
#[derive(Debug)]
pub(super) struct Lock(#[expect(dead_code, reason = "the lock is held by the open file")] File);

/// Takes the directory for this process; makes it where it is missing.
pub(super) fn lock(state_dir: &Path) -> Result<Lock, OpenError> {
    let unusable = |error| OpenError::Directory(state_dir.to_owned(), error);
    DirBuilder::new().recursive(true).mode(0o750).create(state_dir).map_err(unusable)?;
    let path = state_dir.join(LOCK_NAME);
    let file = OpenOptions::new().create(true).append(true).mode(0o640).open(path).map_err(unusable)?;
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(Lock(file)),
        Err(Errno::WOULDBLOCK) => Err(OpenError::InUse(state_dir.to_owned())),
        Err(error) => Err(unusable(error.into())),
    }
}

/// Opens the database, or begins one. A damaged one is moved aside; the note says where to.
pub(super) fn open_or_begin(path: &Path) -> Result<(Connections, Option<String>), OpenError> {
    match open(path) {
        Ok(connections) => Ok((connections, None)),
        Err(Unusable::Damaged(why)) => {
            let aside = move_aside(path)?;
            let note = format!(
                "the journal before this one was damaged ({why}) and is kept as {}; a fresh one was begun",
                aside.display()
            );
            Ok((begin(path)?, Some(note)))
        }
        Err(Unusable::Other(error)) => Err(error),
    }
}

/// Begins a database where there is none.
pub(super) fn begin(path: &Path) -> Result<Connections, OpenError> {
    open(path).map_err(|unusable| match unusable {
        Unusable::Damaged(why) => OpenError::Database(path.to_owned(), why),
        Unusable::Other(error) => error,
    })
}

enum Unusable {
    Damaged(String),
    Other(OpenError),
}

fn open(path: &Path) -> Result<Connections, Unusable> {
    let failed = |error: rusqlite::Error| {
        if is_damage(&error) {
            Unusable::Damaged(error.to_string())
        } else {
            Unusable::Other(OpenError::database(path, &error))
        }
    };
    let mut writer = Connection::open(path).map_err(failed)?;
    writer.busy_timeout(PATIENCE).map_err(failed)?;
    check_version(&writer, path).map_err(|error| error.map_or_else(failed, Unusable::Other))?;
    schema::prepare(&mut writer).map_err(failed)?;
    let health: String = writer.query_row("PRAGMA quick_check(1)", [], |row| row.get(0)).map_err(failed)?;
    if health != "ok" {
        return Err(Unusable::Damaged(health.lines().next().unwrap_or_default().to_owned()));
    }
    // The whole file went through its cache.
    writer.execute_batch("PRAGMA shrink_memory").map_err(failed)?;
    let reader = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY).map_err(failed)?;
    reader.busy_timeout(PATIENCE).map_err(failed)?;
    Ok(Connections { writer: Arc::new(Mutex::new(writer)), reader: Arc::new(Mutex::new(reader)) })
}

/// `Err(Ok(_))` where the database itself fails.
fn check_version(connection: &Connection, path: &Path) -> Result<(), Result<OpenError, rusqlite::Error>> {
    let found = schema::version(connection).map_err(Err)?;
    let known = schema::VERSION;
    if found > known { Err(Ok(OpenError::Newer { path: path.to_owned(), found, known })) } else { Ok(()) }
}

/// Moves a damaged database aside, companions included. Returns where it is now.
pub(super) fn move_aside(path: &Path) -> Result<PathBuf, OpenError> {
    let failed = |error| OpenError::Directory(path.to_owned(), error);
    let stamp: String =
        humantime::format_rfc3339_millis(SystemTime::now()).to_string().replace([':', '-'], "").replace('.', "");
    let aside = with_suffix(path, &format!(".damaged-{stamp}"));
    fs::rename(path, &aside).map_err(failed)?;
    for companion in COMPANIONS {
        match fs::rename(with_suffix(path, companion), with_suffix(&aside, companion)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
            _ => {}
        }
    }
    forget_older(path);
    Ok(aside)
}

/// Deletes all but the newest of what was moved aside: a disk that damages files shall not be filled with them.
fn forget_older(path: &Path) {
    let prefix = format!("{FILE_NAME}.damaged-");
    let Some(entries) = path.parent().and_then(|folder| fs::read_dir(folder).ok()) else { return };
    let mut aside: Vec<PathBuf> = entries
        .filter_map(Result::ok)
        .filter(|entry| entry.file_name().to_string_lossy().starts_with(&prefix))
        .map(|entry| entry.path())
        .filter(|path| !COMPANIONS.iter().any(|companion| path.to_string_lossy().ends_with(companion)))
        .collect();
    aside.sort();
    for old in aside.iter().rev().skip(MOST_ASIDE) {
        for suffix in ["", COMPANIONS[0], COMPANIONS[1]] {
            // What cannot be deleted stays; nothing depends on it.
            drop(fs::remove_file(with_suffix(old, suffix)));
        }
    }
}

/// Bytes of the file and its companions.
pub(super) fn size(path: &Path) -> u64 {
    let length = |path: &Path| fs::metadata(path).map_or(0, |metadata| metadata.len());
    length(path) + COMPANIONS.iter().map(|companion| length(&with_suffix(path, companion))).sum::<u64>()
}

/// Opens a journal to read it, whether a prober writes it now or none runs any more.
///
/// # Errors
/// Why it cannot be read.
pub fn open_to_read(state_dir: &Path) -> Result<Connection, OpenError> {
    let path = state_dir.join(FILE_NAME);
    let metadata = fs::metadata(&path);
    if metadata.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::NotFound) {
        return Err(OpenError::Missing(path));
    }
    metadata.map_err(|error| OpenError::Directory(path.clone(), error))?;
    let attempt = |uri: &str| {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI;
        let connection = Connection::open_with_flags(uri, flags)?;
        connection.busy_timeout(PATIENCE)?;
        schema::version(&connection).map(|_| connection)
    };
    let uri = format!("file:{}", escaped(&path));
    let connection = attempt(&uri).or_else(|error| {
        // Somebody who may not write in the folder cannot share the write-ahead log; without one, the file is all.
        let log = fs::metadata(with_suffix(&path, COMPANIONS[0])).map_or(0, |metadata| metadata.len());
        if log == 0 { attempt(&format!("{uri}?immutable=1")) } else { Err(error) }
    });
    let connection = connection.map_err(|error| OpenError::database(&path, &error))?;
    check_version(&connection, &path).map_err(|error| error.unwrap_or_else(|e| OpenError::database(&path, &e)))?;
    Ok(connection)
}

/// A path within a URI: what would end it is written as its code.
fn escaped(path: &Path) -> String {
    let mut text = String::new();
    for c in path.to_string_lossy().chars() {
        match c {
            '%' => text.push_str("%25"),
            '?' => text.push_str("%3f"),
            '#' => text.push_str("%23"),
            other => text.push(other),
        }
    }
    text
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}
