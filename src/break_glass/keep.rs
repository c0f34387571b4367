//! Keeps the book on disk, so that it is there when everything is down and the prober was just started.
//!
//! The file is written beside its place and then moved there, so that it is always whole. It is written soon after an
//! address has changed, and now and then otherwise, for the times.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use parking_lot::Mutex;
use tokio::task::spawn_blocking;
use tokio::time::{Instant, MissedTickBehavior, interval};

use super::collect::{self, empty};
use super::{Book, Entry, Unreadable};
use crate::board::Board;

/// The name of the file within `prober.state_dir`.
pub const FILE_NAME: &str = "break-glass.json";

/// How often it is looked whether an address has changed.
const LOOK: Duration = Duration::from_secs(10);

/// The longest that the file's times may lag behind while nothing else changes.
const LAG: Duration = Duration::from_secs(300);

/// The largest file that is read, in bytes.
pub const LARGEST: usize = 64 << 20;

/// What one process keeps.
#[derive(Debug)]
pub struct Keeper {
    file: Option<PathBuf>,
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    /// What was known when it was last looked.
    book: Book,
    /// What stands in the file, as far as this process wrote it.
    saved: Option<(Instant, Vec<Entry>)>,
    /// Why it could not be written last time.
    trouble: Option<String>,
}

/// Why the file is of no use.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// It cannot be read.
    #[error("{}: {error}", path.display())]
    Io {
        /// Which file.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// What it holds is no book.
    #[error("{}: {error}", path.display())]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// Why.
        error: Unreadable,
    },
}

/// Reads a file that a prober has written.
///
/// # Errors
/// When it cannot be read, or is not such a file.
pub fn read(path: &Path) -> Result<Book, ReadError> {
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|file| file.take(LARGEST as u64).read_to_end(&mut bytes));
    read.map_err(|error| ReadError::Io { path: path.to_owned(), error })?;
    Book::read(&bytes).map_err(|error| ReadError::Unreadable { path: path.to_owned(), error })
}

impl Keeper {
    /// Goes on with what was kept in this folder; without one, everything is in memory.
    pub fn open(state_dir: Option<&Path>) -> Self {
        let file = state_dir.map(|folder| folder.join(FILE_NAME));
        let book = file.as_deref().and_then(before).unwrap_or_else(|| empty(SystemTime::now()));
        Self { file, inner: Mutex::new(Inner { book, saved: None, trouble: None }) }
    }

    /// What is known now. Takes a moment where there are many names: not for threads that time probes.
    pub fn book(&self, board: &Board) -> Book {
        let (estate, cells) = (board.estate(), board.cells());
        let mut inner = self.inner.lock();
        inner.book = collect::book(&estate, &cells, &inner.book, SystemTime::now());
        inner.book.kept = match (&self.file, &inner.trouble) {
            (None, _) => "Kept in memory alone, because prober.state_dir is not given.".to_owned(),
            (Some(file), None) => format!("Kept in {}.", printable(&file.display().to_string())),
            (Some(_), Some(trouble)) => format!("Kept in memory alone: {}.", printable(trouble)),
        };
        inner.book.clone()
    }

    /// Keeps what is known in the file, for as long as this is not dropped. Without a file there is nothing to do.
    pub async fn run(self: Arc<Self>, board: Arc<Board>) {
        let mut ticks = interval(LOOK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while self.file.is_some() {
            ticks.tick().await;
            self.save(&board, false).await;
        }
    }

    /// Writes the file, if there is one and anything has changed; of times alone only when it is time, or `at_once`.
    pub async fn save(self: &Arc<Self>, board: &Arc<Board>, at_once: bool) {
        let (keeper, board) = (Arc::clone(self), Arc::clone(board));
        // A disk may be slow; probes are timed on this thread. Whatever fails in there is in the log.
        drop(spawn_blocking(move || keeper.save_now(&board, at_once)).await);
    }

    fn save_now(&self, board: &Board, at_once: bool) {
        let Some(file) = &self.file else { return };
        let book = self.book(board);
        let is_due = self.inner.lock().saved.as_ref().is_none_or(|(at, saved)| {
            facts(saved) != facts(&book.names) || ((at_once || at.elapsed() >= LAG) && *saved != book.names)
        });
        // An empty book is no news, and must not take the place of one that could not be read.
        if !is_due || book.names.iter().all(|entry| entry.answers.is_empty()) {
            return;
        }
        let written = write(file, book.to_json().as_bytes());
        let mut inner = self.inner.lock();
        match written {
            Ok(()) => {
                inner.saved = Some((Instant::now(), book.names));
                inner.trouble = None;
            }
            Err(error) => {
                let trouble = format!("{} cannot be written: {error}", file.display());
                if inner.trouble.as_ref() != Some(&trouble) {
                    tracing::warn!("{trouble}. Last verified addresses are kept in memory alone.");
                }
                inner.trouble = Some(trouble);
            }
        }
    }
}

/// What an earlier process kept. A file of no use is put aside, for those who want to see why.
fn before(file: &Path) -> Option<Book> {
    match read(file) {
        Ok(book) => Some(book),
        Err(ReadError::Io { error, .. }) if error.kind() == io::ErrorKind::NotFound => None,
        Err(why @ ReadError::Io { .. }) => {
            tracing::warn!("The last verified addresses cannot be read: {why}.");
            None
        }
        Err(why @ ReadError::Unreadable { .. }) => {
            let aside = file.with_extension("json.unreadable");
            tracing::warn!("The last verified addresses cannot be used, and are put aside: {why}.");
            if let Err(error) = fs::rename(file, &aside) {
                tracing::warn!("{} cannot be made: {error}.", aside.display());
            }
            None
        }
    }
}

/// What is known, without when.
fn facts(names: &[Entry]) -> Vec<Entry> {
    let mut names = names.to_vec();
    for answer in names.iter_mut().flat_map(|entry| &mut entry.answers) {
        answer.at = SystemTime::UNIX_EPOCH;
    }
    names
}

fn beside(file: &Path) -> PathBuf {
    file.with_extension(format!("json.new.{}", std::process::id()))
}

/// Writes a whole file in place of the one that is there, or leaves that one as it is.
fn write(file: &Path, contents: &[u8]) -> io::Result<()> {
    let folder = file.parent().unwrap_or_else(|| Path::new("."));
    DirBuilder::new().recursive(true).mode(0o750).create(folder)?;
    // Of this process alone, lest two of them write into one.
    let beside = beside(file);
    let mut new = OpenOptions::new().write(true).create(true).truncate(true).mode(0o640).open(&beside)?;
    new.write_all(contents)?;
    new.sync_all()?;
    drop(new);
    fs::rename(&beside, file)?;
    // The new name is on disk once the folder is.
    File::open(folder)?.sync_all()
}

fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '?' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{MetadataExt, PermissionsExt};

    use super::super::tests::book;
    use super::*;

    /// A folder of this test's own, gone when it is dropped.
    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> Self {
            let path = std::env::temp_dir().join(format!("fathom-break-glass-{name}-{}", std::process::id()));
            fs::create_dir_all(&path).unwrap();
            Self(path)
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            drop(fs::set_permissions(&self.0, fs::Permissions::from_mode(0o700)));
            drop(fs::remove_dir_all(&self.0));
        }
    }

    #[test]
    fn the_file_is_whole_at_every_moment() {
        let folder = Folder::new("whole");
        let file = folder.0.join("state").join(FILE_NAME);
        write(&file, book().to_json().as_bytes()).unwrap();
        assert_eq!(read(&file).unwrap(), book());
        assert_eq!(fs::metadata(&file).unwrap().mode() & 0o777, 0o640);
        // What a process leaves behind that is killed while it writes.
        fs::write(beside(&file), &book().to_json()[..100]).unwrap();
        assert_eq!(read(&file).unwrap(), book());
        assert_eq!(before(&file).unwrap(), book());
        let mut other = book();
        other.names.truncate(1);
        write(&file, other.to_json().as_bytes()).unwrap();
        assert_eq!(read(&file).unwrap(), other, "a longer one that was left does not show through");
        assert!(!beside(&file).exists());
    }

    #[test]
    fn a_file_of_no_use_is_put_aside_and_an_absent_one_is_nothing() {
        let folder = Folder::new("aside");
        let file = folder.0.join(FILE_NAME);
        assert!(before(&file).is_none());
        for contents in ["", "{\"form\":1", "[]", &book().to_json().replace("\"form\": 1", "\"form\": 2")] {
            fs::write(&file, contents).unwrap();
            assert!(before(&file).is_none(), "{contents}");
            assert!(!file.exists());
            assert_eq!(fs::read_to_string(file.with_extension("json.unreadable")).unwrap(), contents);
        }
    }

    #[test]
    fn a_folder_where_nothing_can_be_written_is_told_and_nothing_else_happens() {
        let folder = Folder::new("full");
        let file = folder.0.join(FILE_NAME);
        write(&file, book().to_json().as_bytes()).unwrap();
        // In the way of the new file, whoever the test runs as.
        fs::create_dir(beside(&file)).unwrap();
        let error = write(&file, b"{}").unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::IsADirectory);
        assert_eq!(read(&file).unwrap(), book());
    }
}
