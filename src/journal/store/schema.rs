//! The tables, and how an older database becomes one of today.

use rusqlite::Connection;

/// One step for each version: version n is what the first n steps make.
const STEPS: [&str; 1] = ["
    CREATE TABLE entries (
        id INTEGER PRIMARY KEY,
        at INTEGER NOT NULL,
        cluster TEXT,
        body TEXT NOT NULL
    ) STRICT;
    CREATE INDEX entries_by_time ON entries (at);
    CREATE TABLE incidents (
        id INTEGER PRIMARY KEY,
        started INTEGER NOT NULL,
        ended INTEGER,
        body TEXT NOT NULL
    ) STRICT;
    CREATE TABLE series (
        id INTEGER PRIMARY KEY,
        cluster TEXT NOT NULL,
        resolver TEXT NOT NULL,
        name TEXT NOT NULL,
        transport TEXT NOT NULL,
        seen INTEGER
    ) STRICT;
    CREATE TABLE bars (
        span INTEGER NOT NULL,
        start INTEGER NOT NULL,
        ran INTEGER NOT NULL,
        counts BLOB NOT NULL,
        PRIMARY KEY (span, start)
    ) STRICT;
    CREATE TABLE facts (
        fact TEXT PRIMARY KEY,
        value INTEGER NOT NULL
    ) STRICT;
"];

/// The version of databases that this program writes.
pub(super) const VERSION: i64 = 1;

const _: () = assert!(STEPS.len() as u64 == VERSION as u64, "a step is missing, or its version");

/// The version of a database; 0 is an empty one.
pub(super) fn version(connection: &Connection) -> rusqlite::Result<i64> {
    connection.query_row("PRAGMA user_version", [], |row| row.get(0))
}

/// Sets a connection up for writing, and brings its tables up to date. Each step is made whole or not at all.
pub(super) fn prepare(connection: &mut Connection) -> rusqlite::Result<()> {
    if version(connection)? == 0 {
        // Takes effect only before the first table.
        connection.pragma_update(None, "auto_vacuum", "INCREMENTAL")?;
    }
    connection.pragma_update(None, "journal_mode", "WAL")?;
    // What is acknowledged is on the disk, whatever becomes of the machine. There is one commit a second at most.
    connection.pragma_update(None, "synchronous", "FULL")?;
    // After a burst the write-ahead log is cut back to this.
    connection.pragma_update(None, "journal_size_limit", 4 << 20)?;
    let from = usize::try_from(version(connection)?).unwrap_or_default();
    for (step, to) in STEPS.iter().zip(1_i64..).skip(from) {
        let transaction = connection.transaction()?;
        transaction.execute_batch(step)?;
        transaction.pragma_update(None, "user_version", to)?;
        transaction.commit()?;
    }
    Ok(())
}
