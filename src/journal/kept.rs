//! Where the journal is kept, and why not elsewhere.

use std::fmt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Settings;
use super::store::Store;

/// Where the journal is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "in")]
pub enum Kept {
    /// In a file.
    #[serde(rename = "file")]
    OnDisk {
        /// Which.
        #[schema(value_type = String)]
        path: PathBuf,
        /// What a person should know: that an older one was damaged, or that it cannot be written now.
        note: Option<String>,
    },
    /// In memory: it ends with the process.
    #[serde(rename = "memory")]
    InMemory {
        /// Why.
        why: String,
    },
}

impl fmt::Display for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OnDisk { path, note: None } => write!(f, "kept in {}", path.display()),
            Self::OnDisk { path, note: Some(note) } => write!(f, "kept in {}; {note}", path.display()),
            Self::InMemory { why } => write!(f, "kept in memory, and lost when the prober stops: {why}"),
        }
    }
}

/// Opens the journal where it is to be kept, or else in memory. Says in the log what is not as it should be.
pub(super) fn open(settings: &Settings) -> (Store, Kept) {
    let in_memory = |why: String| (Store::in_memory(settings.limits), Kept::InMemory { why });
    let Some(state_dir) = &settings.state_dir else { return in_memory("prober.state_dir is not given".to_owned()) };
    match Store::on_disk(state_dir, settings.limits) {
        Ok(opened) => {
            if let Some(note) = &opened.note {
                tracing::warn!("The journal: {note}.");
            }
            let path = opened.store.path().map(PathBuf::from).unwrap_or_default();
            (opened.store, Kept::OnDisk { path, note: opened.note })
        }
        Err(error) => {
            tracing::error!("The journal is kept in memory, and lost when this process stops: {error}.");
            in_memory(error.to_string())
        }
    }
}
