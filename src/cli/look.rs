//! A look of a few seconds at clusters, for commands that end with what they saw.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;

use crate::board::Board;
use crate::canary::Keys;
use crate::estate::Estate;
use crate::fleet::Fleet;
use crate::path::Tracing;
use crate::plan;
use crate::probe::Observation;
use crate::report::ClusterReport;

/// From one round of questions to the next: whoever waits for the end shall not wait for `path.interval`.
const INTERVAL: Duration = Duration::from_secs(2);

/// Probing and tracing for as long as this is kept.
#[derive(Debug)]
pub(super) struct Look {
    board: Arc<Board>,
    fleet: Arc<Fleet>,
    _tracing: Tracing,
}

impl Look {
    /// Begins to look at every cluster of the estate. Without the keys of its beacon less can be seen, not nothing: who
    /// may not read them is told so. Has to be called within a runtime.
    pub(super) fn start(mut estate: Estate) -> Self {
        estate.path.interval = estate.path.interval.min(INTERVAL);
        let estate = &Arc::new(estate);
        let keys = Keys::load(&estate.path.key_files).unwrap_or_else(|error| {
            tracing::warn!("{error}; names of the canary zone are left out.");
            None
        });
        let board = Arc::new(Board::new(estate, &plan::targets(estate)));
        let fleet = Arc::new(Fleet::start(Arc::clone(&board), estate));
        let tracing = Tracing::start(Arc::clone(&board), Arc::clone(&fleet), estate, keys);
        Self { board, fleet, _tracing: tracing }
    }

    /// What probes of a resolver share: whoever asks beside this look spends from the same budget.
    pub(super) fn fleet(&self) -> &Fleet {
        &self.fleet
    }

    /// Takes what a probe beside this look saw, as evidence like any other.
    pub(super) fn note(&self, seen: &Observation) {
        let key = seen.target.key();
        if let Some(cell) = self.board.cells().iter().find(|cell| cell.target().key() == key) {
            self.board.record(cell, seen);
        }
    }

    /// Waits until the reports are `enough`, or for as long as `patience`.
    pub(super) async fn until(&self, enough: impl Fn(&[Arc<ClusterReport>]) -> bool, patience: Duration) {
        let mut reports = self.board.reports();
        // Either way what is known then is known.
        drop(timeout(patience, reports.wait_for(|reports| enough(reports))).await);
    }

    /// What is known of each cluster by now.
    pub(super) fn reports(&self) -> Vec<Arc<ClusterReport>> {
        self.board.snapshot().reports
    }
}
