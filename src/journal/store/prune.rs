//! What is taken away: what is too old, and of the rest the oldest where it is too much.

use std::time::{Duration, SystemTime};

use rusqlite::{Connection, Transaction, params};

use super::super::history::Span;
use super::millis;

/// How much is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Entries older than this, and incidents that ended earlier, are deleted.
    pub max_age: Duration,
    /// The size of the database in bytes. Its write-ahead log comes on top, for at most some megabytes.
    pub max_size: u64,
}

/// Deletes what is too old or too much, and gives the room back to the file system.
pub(super) fn prune(connection: &mut Connection, limits: &Limits, now: SystemTime) -> rusqlite::Result<()> {
    let before = |age: Duration| millis(now.checked_sub(age).unwrap_or(SystemTime::UNIX_EPOCH));
    let oldest = before(limits.max_age);
    let transaction = connection.transaction()?;
    transaction.execute("DELETE FROM entries WHERE at < ?1", [oldest])?;
    transaction.execute("DELETE FROM incidents WHERE ended < ?1", [oldest])?;
    for span in Span::ALL {
        transaction.execute(
            "DELETE FROM bars WHERE span = ?1 AND start < ?2",
            params![span.number(), before(span.length())],
        )?;
    }
    // By then all their bars are gone.
    transaction.execute("DELETE FROM series WHERE seen < ?1", [before(Span::Quarter.length() * 2)])?;
    while used(&transaction)? > limits.max_size && delete_oldest(&transaction)? {}
    transaction.commit()?;
    // Each row of the answer is a page that was given back.
    let mut vacuum = connection.prepare("PRAGMA incremental_vacuum")?;
    let mut pages = vacuum.query([])?;
    while pages.next()?.is_some() {}
    Ok(())
}

/// Bytes in use, without pages that are free already.
pub(super) fn used(connection: &Connection) -> rusqlite::Result<u64> {
    let number = |pragma: &str| connection.query_row(&format!("PRAGMA {pragma}"), [], |row| row.get::<_, i64>(0));
    let pages = number("page_count")? - number("freelist_count")?;
    Ok(u64::try_from(pages * number("page_size")?).unwrap_or_default())
}

/// Deletes the oldest tenth of the entries; of incidents that are over, once no entries are left. Says whether there was
/// anything to delete.
fn delete_oldest(transaction: &Transaction<'_>) -> rusqlite::Result<bool> {
    for (table, over) in [("entries", ""), ("incidents", "WHERE ended IS NOT NULL")] {
        let count: i64 =
            transaction.query_row(&format!("SELECT count(*) FROM {table} {over}"), [], |row| row.get(0))?;
        if count > 0 {
            let some = count / 10 + 1;
            let oldest =
                format!("DELETE FROM {table} WHERE id IN (SELECT id FROM {table} {over} ORDER BY id LIMIT ?1)");
            transaction.execute(&oldest, params![some])?;
            return Ok(true);
        }
    }
    Ok(false)
}
