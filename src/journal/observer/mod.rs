//! From what the board says to what is written down. Does no I/O; time is an argument.

mod classes;
mod paths;

use std::collections::HashSet;
use std::sync::Arc;
use std::time::SystemTime;

use tokio::time::Instant;

use super::entry::{Event, Identity, IdentityChange, Place};
use super::incident::Ledger;
use super::paced::Paced;
use crate::board::{Board, Change, TargetCell};
use crate::estate::{Estate, Label};
use crate::report::ClusterReport;
use classes::Classes;
use paths::Paths;

/// An entry without its number.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Draft {
    pub at: SystemTime,
    pub place: Place,
    pub changes: u32,
    pub event: Event,
}

/// What is known to be written down, and what has changed since.
#[derive(Debug)]
pub(super) struct Observer {
    classes: Classes,
    paths: Paths,
    identities: Paced<(Label, Label, Identity), String>,
    /// Where each cluster stands.
    estate: Arc<Estate>,
}

impl Observer {
    /// Watches an estate. What is wrong by the open incidents of a prober before this one is not news.
    pub(super) fn new(estate: &Arc<Estate>, cells: &[Arc<TargetCell>], ledger: &Ledger) -> Self {
        let mut classes = Classes::default();
        classes.adopt(cells);
        classes.recall(ledger);
        let mut paths = Paths::default();
        paths.recall(ledger);
        let identities = Paced::new(std::time::Duration::ZERO);
        Self { classes, paths, identities, estate: Arc::clone(estate) }
    }

    /// Goes over to another configuration.
    pub(super) fn replace(&mut self, estate: &Arc<Estate>, cells: &[Arc<TargetCell>]) {
        self.estate = Arc::clone(estate);
        self.classes.adopt(cells);
        let known: HashSet<(&Label, &Label)> = members(estate).collect();
        let clusters: HashSet<&Label> = estate.clusters.iter().map(|cluster| &cluster.name).collect();
        self.paths.retain(&clusters, &known);
        self.identities.retain(|(cluster, resolver, _)| known.contains(&(cluster, resolver)));
    }

    /// A probe saw something else than the one before it.
    pub(super) fn changed(&mut self, change: &Change, now: Instant, at: SystemTime) {
        self.classes.changed(&change.target, change.to, &change.detail, now, at);
    }

    /// Changes were missed: looks at everything.
    pub(super) fn look_at_all(&mut self, cells: &[Arc<TargetCell>], now: Instant, at: SystemTime) {
        for cell in cells {
            if let Some(last) = cell.last() {
                self.classes.changed(cell.target(), last.outcome, "seen when changes came too fast", now, at);
            }
        }
    }

    /// Takes what tracing says.
    pub(super) fn reports(&mut self, reports: &[Arc<ClusterReport>], now: Instant, at: SystemTime) {
        for report in reports {
            self.paths.report(report, now, at);
        }
    }

    /// Takes who resolvers say they are. The first time is no news.
    pub(super) fn identify(&mut self, board: &Board, now: Instant, at: SystemTime) {
        for (cluster, resolver, said) in board.identities() {
            for (of, said) in Identity::ALL.into_iter().zip(said) {
                let Some(said) = said else { continue };
                let key = (cluster.clone(), resolver.clone(), of);
                if self.identities.get(&key).is_none() {
                    self.identities.begin(key, said);
                } else {
                    self.identities.set(key, said, now, at);
                }
            }
        }
    }

    /// What is to be written now; with `all`, whatever is held back as well.
    pub(super) fn due(&mut self, now: Instant, all: bool) -> Vec<Draft> {
        let datacenters = self.estate.clusters.iter().map(|cluster| (&cluster.name, &cluster.datacenter)).collect();
        let mut drafts = self.classes.due(now, all, &datacenters);
        drafts.extend(self.paths.due(now, all, &datacenters));
        for step in self.identities.due(now, all) {
            let (cluster, resolver, of) = &step.key;
            let Some(datacenter) = datacenters.get(cluster) else { continue };
            drafts.push(Draft {
                at: step.at,
                place: Place::resolver(datacenter.as_str(), cluster.as_str(), resolver.as_str()),
                changes: step.changes,
                event: Event::Identity(IdentityChange { of: *of, from: step.from.unwrap_or_default(), to: step.to }),
            });
        }
        // The cause of a change is written before what follows from it.
        drafts.sort_by_key(|draft| draft.at);
        drafts
    }

    /// Whether this is watched: a cluster, a resolver in it, a class of names there.
    pub(super) fn watches(&self, cluster: &str, resolver: Option<&str>, class: Option<&str>) -> bool {
        let Some(known) = self.estate.clusters.iter().find(|known| known.name.as_str() == cluster) else {
            return false;
        };
        let Some(resolver) = resolver else { return true };
        let there = known.resolvers.iter().any(|known| known.name.as_str() == resolver);
        there && class.is_none_or(|class| self.classes.watches(cluster, resolver, class))
    }
}

fn members(estate: &Estate) -> impl Iterator<Item = (&Label, &Label)> {
    estate.clusters.iter().flat_map(|cluster| cluster.resolvers.iter().map(|resolver| (&cluster.name, &resolver.name)))
}
