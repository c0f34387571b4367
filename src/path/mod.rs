//! Where resolvers forward to: found while everything works, and told as the cause when it does not.
//!
//! Each cluster has a task of its own that asks in rounds, judges after every answer, and hands its report to the board.

mod caches;
mod judgement;
mod pairs;
mod watcher;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use parking_lot::Mutex;
use tokio::sync::mpsc;
use tokio_util::task::AbortOnDropHandle;

use crate::beacon::{BeaconHandle, Reader};
use crate::board::{Board, TargetCell};
use crate::budget::Budget;
use crate::canary::{Keys, NonceFactory};
use crate::estate::{Cluster, Estate, Label, PathTracing, Resolver};
use crate::evidence::{Asker, Inquiry, Parent};
use crate::exchange::Contact;
use crate::fleet::Fleet;
use caches::Caches;
use judgement::Judgement;
use watcher::Watcher;

/// Seconds' worth of packets that tracing may send at once after a quiet time: an outage is when it has most to ask.
const BURST_SECONDS: u32 = 30;

/// Of so many packets that tracing may send, one may be a look into a cache.
const LOOKS_SHARE: u32 = 4;

/// All tracing of one process. It ends when this is dropped.
#[derive(Debug)]
pub struct Tracing {
    board: Arc<Board>,
    fleet: Arc<Fleet>,
    running: Mutex<HashMap<Label, Running>>,
    keys: Mutex<Option<Keys>>,
    beacon: Option<BeaconHandle>,
}

#[derive(Debug)]
struct Running {
    cluster: Arc<Cluster>,
    path: PathTracing,
    _tasks: [AbortOnDropHandle<()>; 2],
}

impl Tracing {
    /// Begins to trace every cluster of the estate, with questions that the fleet's packet budgets pay for. `keys` are
    /// those of `path.key_files`. What arrives at the beacon is seen where this process runs it; elsewhere it is asked for
    /// over HTTP, where `path.arrivals` says so. Has to be called within a runtime.
    pub fn start(
        beacon: Option<BeaconHandle>,
        board: Arc<Board>,
        fleet: Arc<Fleet>,
        estate: &Estate,
        keys: Option<Keys>,
    ) -> Self {
        let tracing = Self { board, fleet, running: Mutex::default(), keys: Mutex::new(keys), beacon };
        tracing.adopt(estate);
        tracing
    }

    /// Goes over to another configuration, which the fleet has gone over to already. Clusters that stay what they are
    /// are traced on; with new keys, all begin anew. Without `keys` those in use stay.
    pub fn reload(&self, estate: &Estate, keys: Option<Keys>) {
        if let Some(keys) = keys {
            let before = self.keys.lock().replace(keys.clone());
            if before.is_none_or(|before| !before.are_the_same_as(&keys)) {
                self.stop();
            }
        }
        self.adopt(estate);
    }

    /// Ends all tracing.
    pub fn stop(&self) {
        self.running.lock().clear();
    }

    fn adopt(&self, estate: &Estate) {
        let mut running = self.running.lock();
        running.retain(|name, running| {
            let stays = |cluster: &Arc<Cluster>| cluster.name == *name && *cluster == running.cluster;
            running.path == estate.path && estate.clusters.iter().any(stays)
        });
        let budget = Arc::new(Budget::with_burst(
            estate.path.packets_per_second,
            estate.path.packets_per_second.saturating_mul(BURST_SECONDS),
        ));
        // Without keys nobody's answers can be told from the beacon's, but tracers can still be told from everybody's.
        let keys = self.keys.lock().clone();
        let has_keys = keys.is_some();
        let keys = Arc::new(keys.unwrap_or_else(Keys::for_this_process));
        for cluster in &estate.clusters {
            if !running.contains_key(&cluster.name)
                && let Some(watcher) = self.watcher(estate, cluster, &keys, has_keys, &budget)
            {
                let rate = estate.path.packets_per_second.max(1);
                let caches = Caches {
                    cluster: Arc::clone(cluster),
                    board: Arc::clone(&self.board),
                    asker: watcher.inquiry.asker.clone(),
                    interval: estate.path.interval,
                    shortest_gap: Duration::from_secs(1) * LOOKS_SHARE / rate,
                };
                let tasks = [tokio::spawn(watcher.run()), tokio::spawn(caches.run())].map(AbortOnDropHandle::new);
                let (cluster, path) = (Arc::clone(cluster), estate.path.clone());
                let running_cluster = Running { cluster: Arc::clone(&cluster), path, _tasks: tasks };
                running.insert(cluster.name.clone(), running_cluster);
            }
        }
    }

    fn watcher(
        &self,
        estate: &Estate,
        cluster: &Arc<Cluster>,
        keys: &Arc<Keys>,
        has_keys: bool,
        budget: &Arc<Budget>,
    ) -> Option<Watcher> {
        let contact =
            |resolver: &Arc<Resolver>| Some((Arc::clone(resolver), self.fleet.contact(&cluster.name, &resolver.name)?));
        let members = cluster.resolvers.iter().map(contact).collect::<Option<Vec<_>>>()?;
        let nonces = estate.path.canary_zone.as_ref().map(|zone| NonceFactory::new(Arc::clone(keys), zone.clone()));
        let canary = (nonces.is_some() && has_keys).then_some(Parent::Canary);
        let others = estate.path.cold_names.iter().cloned().map(Parent::Other);
        let parents: Vec<Parent> = canary.into_iter().chain(others).collect();
        let (sender, findings) = mpsc::unbounded_channel();
        let min_exits = usize::try_from(estate.path.min_independent_exits).unwrap_or(usize::MAX);
        let source = |address: SocketAddr| estate.prober.source_for(address);
        let here = self.beacon.as_ref().map(BeaconHandle::reader);
        let there = || estate.path.arrivals.map(|address| Reader::there(address, Arc::clone(keys)));
        let reader = here.or_else(there).filter(|_| has_keys);
        let cells = cells(&self.board, cluster);
        let needs_recursion = |cell: &Arc<TargetCell>| cell.target().needs_recursion;
        let asks_outside = cluster.recursive && (!parents.is_empty() || cells.iter().flatten().any(needs_recursion));
        Some(Watcher {
            reader: reader.map(|reader| Arc::new(tokio::sync::Mutex::new(reader))),
            cells,
            board: Arc::clone(&self.board),
            fleet: Arc::clone(&self.fleet),
            judgement: Judgement::new(Arc::clone(cluster), parents.len(), asks_outside, min_exits, SystemTime::now()),
            inquiry: Arc::new(Inquiry::new(Asker::new(members, Arc::clone(budget)), nonces, parents, sender)),
            findings,
            upstreams: cluster
                .upstreams
                .iter()
                .map(|address| {
                    let rate = cluster.resolvers[0].packets_per_second;
                    (*address, Arc::new(Contact::with_rate(rate, source(*address))))
                })
                .collect(),
            interval: estate.path.interval,
            cluster: Arc::clone(cluster),
        })
    }
}

/// The board's cells of a cluster, resolver by resolver.
fn cells(board: &Board, cluster: &Cluster) -> Vec<Vec<Arc<TargetCell>>> {
    let all = board.cells();
    let of = |resolver: &Arc<Resolver>| {
        let mine = |cell: &&Arc<TargetCell>| {
            cell.target().cluster.name == cluster.name && cell.target().resolver.name == resolver.name
        };
        all.iter().filter(mine).cloned().collect()
    };
    cluster.resolvers.iter().map(of).collect()
}
