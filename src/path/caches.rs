//! Looks into the caches of one cluster, name by name, without keeping anything warm: how long each name would still be
//! there. Never in a hurry, and only with packets that nobody else needs.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::time::{Instant, sleep, sleep_until};

use super::cells;
use crate::board::{Board, Look, TargetCell};
use crate::estate::{Cluster, Label};
use crate::evidence::Asker;
use crate::evidence::cached::{Cached, can_be_asked, look};
use crate::runway::is_cached;

/// The caches of one cluster.
#[derive(Debug)]
pub(super) struct Caches {
    pub(super) cluster: Arc<Cluster>,
    pub(super) board: Arc<Board>,
    pub(super) asker: Asker,
    /// From the start of one round to the start of the next, where there are not too many names for that.
    pub(super) interval: Duration,
    /// The shortest time from one question to the next.
    pub(super) shortest_gap: Duration,
}

impl Caches {
    /// Runs until it is dropped.
    pub(super) async fn run(self) {
        // A resolver that never told of a name may answer like that whatever is in its cache.
        let mut has_told = vec![false; self.cluster.resolvers.len()];
        loop {
            let started = Instant::now();
            self.round(&mut has_told).await;
            sleep_until(started + self.interval).await;
        }
    }

    /// Asks once for every name that was answered well by a resolver that can be asked, spread over the interval.
    async fn round(&self, has_told: &mut [bool]) {
        let entries = self.entries();
        let count = u32::try_from(entries.len()).unwrap_or(u32::MAX).max(1);
        let gap = (self.interval / count).max(self.shortest_gap);
        let mut keeps_silent = vec![false; has_told.len()];
        for ((_, resolver), cells) in &entries {
            sleep(gap).await;
            let (resolver, cell) = (*resolver, &cells[0]);
            let answered = cells.iter().any(|cell| cell.state().answer_ttl.is_some());
            if keeps_silent[resolver] || !answered || !can_be_asked(cell.software()) {
                continue;
            }
            let at = SystemTime::now();
            let ttl = match look(&self.asker, resolver, &cell.target().name.question).await {
                Cached::For(ttl) => {
                    has_told[resolver] = true;
                    Some(ttl)
                }
                Cached::Not if has_told[resolver] => None,
                Cached::Not | Cached::NotAsked => continue,
                Cached::Untold => {
                    keeps_silent[resolver] = true;
                    continue;
                }
            };
            for cell in cells {
                cell.record_look(Look { at, ttl });
            }
        }
    }

    /// Every name at every resolver, over however many transports it is probed; resolvers in turn, so that none is asked
    /// twice in a row.
    fn entries(&self) -> BTreeMap<(Label, usize), Vec<Arc<TargetCell>>> {
        let mut entries: BTreeMap<(Label, usize), Vec<Arc<TargetCell>>> = BTreeMap::new();
        for (resolver, cells) in cells(&self.board, &self.cluster).into_iter().enumerate() {
            for cell in cells.into_iter().filter(|cell| is_cached(cell.target())) {
                entries.entry((cell.target().name.id.clone(), resolver)).or_default().push(cell);
            }
        }
        entries
    }
}
