//! What the pages show, as data: every page is a view of one of these documents, and each of them can be had as JSON.
//! Documented in docs/api.md.

mod cell;
pub(super) mod detail;
mod journal;
pub(super) mod runway;
pub(super) mod status;
pub(super) mod summary;
mod target;

pub(super) use cell::Cell;
pub(super) use detail::{NameDetail, ResolverDetail};
pub(super) use journal::{History, JournalStatus};
pub(super) use status::{ClusterStatus, ResolverStatus, Status};
pub(super) use summary::{IsItDns, Summary};
pub(super) use target::{NameStatus, Shown};

use serde::Serialize;

/// A document as JSON, with a line end.
pub(super) fn json(document: &impl Serialize) -> String {
    serde_json::to_string(document).expect("plain data") + "\n"
}
