//! The journal in a state directory, read by a command: while a prober writes it, and after it has died.

use std::path::Path;
use std::time::SystemTime;

use rusqlite::Connection;

use super::json::{Incidents, OneIncident};
use super::shared::around;
use super::store::{FILE_NAME, OpenError, Reading, open_to_read};
use super::{Kept, LONGEST_TIMELINE};

/// A journal that is read from its file.
#[derive(Debug)]
pub struct Archive {
    connection: Connection,
    kept: Kept,
}

/// Why nothing can be read from it.
#[derive(Debug, thiserror::Error)]
#[error("{kept}: {error}")]
pub struct Unreadable {
    kept: String,
    error: rusqlite::Error,
}

impl Archive {
    /// Opens it for reading alone.
    ///
    /// # Errors
    /// Why it cannot be read.
    pub fn open(state_dir: &Path) -> Result<Self, OpenError> {
        let kept = Kept::OnDisk { path: state_dir.join(FILE_NAME), note: None };
        open_to_read(state_dir).map(|connection| Self { connection, kept })
    }

    /// The last incidents, newest first.
    ///
    /// # Errors
    /// When the file cannot be read to its end.
    pub fn incidents(&self, limit: usize) -> Result<Incidents, Unreadable> {
        let incidents = Reading::of(&self.connection).incidents(limit).map_err(|error| self.unreadable(error))?;
        Ok(Incidents::new(SystemTime::now(), self.kept.clone(), incidents))
    }

    /// An incident with its timeline, if there is one with this number.
    ///
    /// # Errors
    /// When the file cannot be read to its end.
    pub fn incident(&self, id: i64) -> Result<Option<OneIncident>, Unreadable> {
        let (reading, now) = (Reading::of(&self.connection), SystemTime::now());
        let found = reading.incident(id).and_then(|incident| {
            let Some(incident) = incident else { return Ok(None) };
            let (from, to) = around(&incident, now);
            let timeline = reading.between(&incident.cluster, from, to, LONGEST_TIMELINE)?;
            Ok(Some(OneIncident::new(now, incident, timeline)))
        });
        found.map_err(|error| self.unreadable(error))
    }

    fn unreadable(&self, error: rusqlite::Error) -> Unreadable {
        Unreadable { kept: self.kept.to_string(), error }
    }
}
