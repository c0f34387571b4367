//! What is asked of the database.

use std::time::SystemTime;

use rusqlite::{Connection, OptionalExtension, Row, params};
use serde::de::DeserializeOwned;

use super::super::entry::Entry;
use super::super::history::{BarRow, Counts, Series, Span};
use super::super::incident::Incident;
use super::{millis, prune, time_of};
use crate::estate::{Label, Transport};

/// A database that can be read.
#[derive(Debug, Clone, Copy)]
pub struct Reading<'a>(pub(super) &'a Connection);

impl<'a> Reading<'a> {
    /// Reads from a connection of one's own.
    pub fn of(connection: &'a Connection) -> Self {
        Self(connection)
    }

    /// The last entries, newest first.
    pub fn recent(self, limit: usize) -> rusqlite::Result<Vec<Entry>> {
        self.bodies("SELECT body FROM entries ORDER BY id DESC LIMIT ?1", [number(limit)])
    }

    /// The entries after the one with this number, oldest first.
    pub fn after(self, id: i64, limit: usize) -> rusqlite::Result<Vec<Entry>> {
        self.bodies("SELECT body FROM entries WHERE id > ?1 ORDER BY id LIMIT ?2", params![id, number(limit)])
    }

    /// The entries of a cluster and of the prober itself between two times, both included, in the order of their times.
    /// Of more than `limit` the newest.
    pub fn between(
        self,
        cluster: &str,
        from: SystemTime,
        to: SystemTime,
        limit: usize,
    ) -> rusqlite::Result<Vec<Entry>> {
        let mut entries: Vec<Entry> = self.bodies(
            "SELECT body FROM entries WHERE at BETWEEN ?2 AND ?3 AND (cluster = ?1 OR cluster IS NULL)
             ORDER BY at DESC, id DESC LIMIT ?4",
            params![cluster, millis(from), millis(to), number(limit)],
        )?;
        entries.reverse();
        Ok(entries)
    }

    /// Incidents, newest first.
    pub fn incidents(self, limit: usize) -> rusqlite::Result<Vec<Incident>> {
        self.bodies("SELECT body FROM incidents ORDER BY id DESC LIMIT ?1", [number(limit)])
    }

    /// Incidents that go on, or ended no earlier than this.
    pub(in crate::journal) fn incidents_since(self, time: SystemTime) -> rusqlite::Result<Vec<Incident>> {
        self.bodies("SELECT body FROM incidents WHERE ended IS NULL OR ended >= ?1 ORDER BY id", [millis(time)])
    }

    /// The incident with this number.
    pub fn incident(self, id: i64) -> rusqlite::Result<Option<Incident>> {
        Ok(self.bodies("SELECT body FROM incidents WHERE id = ?1", [id])?.pop())
    }

    /// What was noted under this word.
    pub(in crate::journal) fn fact(self, fact: &str) -> rusqlite::Result<Option<i64>> {
        let query = "SELECT value FROM facts WHERE fact = ?1";
        self.0.query_row(query, [fact], |row| row.get(0)).optional()
    }

    /// Until when a prober is known to have run.
    pub(in crate::journal) fn alive(self) -> rusqlite::Result<Option<SystemTime>> {
        Ok(self.fact("alive")?.map(time_of))
    }

    /// Every series that bars may count.
    pub(in crate::journal) fn series(self) -> rusqlite::Result<Vec<Series>> {
        let mut query = self.0.prepare("SELECT id, cluster, resolver, name, transport FROM series")?;
        let rows = query.query_map([], |row| Ok(series(row)))?;
        // A row that another program wrote is nobody's series.
        Ok(rows.collect::<rusqlite::Result<Vec<_>>>()?.into_iter().flatten().collect())
    }

    /// The bars of a span that begin no earlier than this, in the order of time.
    pub(in crate::journal) fn bars(self, span: Span, from: SystemTime) -> rusqlite::Result<Vec<BarRow>> {
        let mut query =
            self.0.prepare("SELECT start, ran, counts FROM bars WHERE span = ?1 AND start >= ?2 ORDER BY start")?;
        let rows = query.query_map(params![span.number(), millis(from)], |row| {
            let ran = std::time::Duration::from_millis(u64::try_from(row.get::<_, i64>(1)?).unwrap_or_default());
            let counts = Counts::from_bytes(&row.get::<_, Vec<u8>>(2)?);
            Ok(BarRow { span, start: time_of(row.get(0)?), ran, counts })
        })?;
        rows.collect()
    }

    /// Bytes in use.
    pub(super) fn size(self) -> rusqlite::Result<u64> {
        prune::used(self.0)
    }

    /// Bodies as what they are; those that this version cannot read, because another one wrote them, are left out.
    fn bodies<T: DeserializeOwned>(self, query: &str, with: impl rusqlite::Params) -> rusqlite::Result<Vec<T>> {
        let mut query = self.0.prepare(query)?;
        let rows = query.query_map(with, |row| row.get::<_, String>(0))?;
        let bodies: Vec<String> = rows.collect::<rusqlite::Result<_>>()?;
        Ok(bodies.iter().filter_map(|body| serde_json::from_str(body).ok()).collect())
    }
}

fn series(row: &Row<'_>) -> Option<Series> {
    let label = |column| Label::parse(&row.get::<_, String>(column).ok()?);
    let transport: String = row.get(4).ok()?;
    let transport = Transport::ALL.into_iter().find(|known| known.as_str() == transport)?;
    let id = u32::try_from(row.get::<_, i64>(0).ok()?).ok()?;
    Some(Series { id, cluster: label(1)?, resolver: label(2)?, name: label(3)?, transport })
}

fn number(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}
