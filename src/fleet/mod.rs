//! Runs every target of the estate in its rhythm: one task a target, which waits, asks, and records on the board.

mod calm;
mod gauges;
mod runner;

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::task::AbortOnDropHandle;

use crate::board::{Board, TargetCell};
use crate::estate::{Estate, Label, Resolver};
use crate::exchange::Contact;
use crate::plan::{self, Target, TargetKey};
use crate::schedule::Schedule;
use calm::Calm;
use gauges::Gauges;
use runner::Runner;

pub use gauges::Stats;

/// All probing of one process. Probing ends when it is dropped.
#[derive(Debug)]
pub struct Fleet {
    board: Arc<Board>,
    gauges: Arc<Gauges>,
    calm: Arc<Calm>,
    /// Held over an await by [`Fleet::reload`] and [`Fleet::stop`] alone, which exclude each other.
    changing: tokio::sync::Mutex<()>,
    roster: Mutex<Roster>,
}

/// Who is asked, and by whom.
#[derive(Debug, Default)]
struct Roster {
    circuits: HashMap<(Label, Label), Arc<Circuit>>,
    runners: HashMap<TargetKey, Running>,
}

/// What all targets of one resolver share.
#[derive(Debug)]
struct Circuit {
    resolver: Arc<Resolver>,
    source: Option<IpAddr>,
    contact: Arc<Contact>,
    /// Until when the resolver is looked at closely.
    closer: watch::Sender<Option<Instant>>,
}

/// One target that is being probed.
#[derive(Debug)]
struct Running {
    /// Where its task records; another cell after a reload.
    cell: Arc<Mutex<Arc<TargetCell>>>,
    task: AbortOnDropHandle<()>,
}

impl Fleet {
    /// Begins to probe every target on the board, which holds those of the estate. Has to be called within a runtime.
    pub fn start(board: Arc<Board>, estate: &Arc<Estate>) -> Self {
        let gauges = Arc::new(Gauges::new(estate.prober.max_in_flight));
        let (changing, roster) = (tokio::sync::Mutex::default(), Mutex::default());
        let fleet = Self { board, gauges, calm: Arc::default(), changing, roster };
        fleet.adopt(estate);
        fleet
    }

    /// Goes over to another configuration, board included. Targets that stay what they are keep their rhythm and what is
    /// still to come of their probes; the probes of those that went or changed end at once, uncounted.
    pub async fn reload(&self, estate: &Arc<Estate>) {
        let _changing = self.changing.lock().await;
        let targets = plan::targets(estate);
        let dismissed = self.roster.lock().dismiss(estate, &targets);
        end(dismissed).await;
        self.board.replace(estate, &targets);
        self.gauges.set_max_in_flight(estate.prober.max_in_flight);
        self.adopt(estate);
    }

    /// Asks every target of a resolver about once a second for a while, as far as its packet budget leaves room. Returns
    /// whether there is such a resolver.
    pub fn look_closer(&self, cluster: &Label, resolver: &Label, how_long: Duration) -> bool {
        let roster = self.roster.lock();
        let Some(circuit) = roster.circuits.get(&(cluster.clone(), resolver.clone())) else { return false };
        let until = Some(Instant::now() + how_long);
        circuit.closer.send_if_modified(|current| {
            let later = *current < until;
            if later {
                *current = until;
            }
            later
        });
        true
    }

    /// For how long from now on a resolver is still looked at closely, if it is.
    pub fn looked_at_closely(&self, cluster: &Label, resolver: &Label) -> Option<Duration> {
        let roster = self.roster.lock();
        let until = (*roster.circuits.get(&(cluster.clone(), resolver.clone()))?.closer.borrow())?;
        until.checked_duration_since(Instant::now()).filter(|left| !left.is_zero())
    }

    /// What all probes of a resolver share: whoever else asks it spends from the same packet budget.
    pub fn contact(&self, cluster: &Label, resolver: &Label) -> Option<Arc<Contact>> {
        let roster = self.roster.lock();
        roster.circuits.get(&(cluster.clone(), resolver.clone())).map(|circuit| Arc::clone(&circuit.contact))
    }

    /// How the probing itself goes.
    pub fn stats(&self) -> Stats {
        self.gauges.stats()
    }

    /// Ends all probing; when this returns, nothing is recorded any more.
    pub async fn stop(&self) {
        let _changing = self.changing.lock().await;
        let running: Vec<Running> = self.roster.lock().runners.drain().map(|(_, running)| running).collect();
        end(running).await;
    }

    /// Starts what the board holds and nobody probes yet, and tells the others where to record from now on.
    fn adopt(&self, estate: &Estate) {
        let now = Instant::now();
        let mut roster = self.roster.lock();
        roster.connect(estate);
        for (place, cell) in self.board.cells().into_iter().enumerate() {
            let key = cell.target().key();
            if let Some(running) = roster.runners.get(&key) {
                *running.cell.lock() = cell;
                continue;
            }
            let circuit = Arc::clone(&roster.circuits[&(key.0.clone(), key.1.clone())]);
            let schedule = Schedule::new(&cell.target().name.asking, now, place);
            let cell = Arc::new(Mutex::new(cell));
            let runner = Runner {
                board: Arc::clone(&self.board),
                gauges: Arc::clone(&self.gauges),
                calm: Arc::clone(&self.calm),
                circuit,
                cell: Arc::clone(&cell),
            };
            let task = AbortOnDropHandle::new(tokio::spawn(runner.run(schedule)));
            roster.runners.insert(key, Running { cell, task });
        }
    }
}

impl Roster {
    /// Takes out every target that is not asked in the same way any more.
    fn dismiss(&mut self, estate: &Estate, targets: &[Arc<Target>]) -> Vec<Running> {
        let new: HashMap<TargetKey, &Arc<Target>> = targets.iter().map(|target| (target.key(), target)).collect();
        let stays = |key: &TargetKey, running: &mut Running| {
            let circuit = &self.circuits[&(key.0.clone(), key.1.clone())];
            new.get(key).is_some_and(|target| {
                circuit.serves(&target.resolver, estate) && running.cell.lock().target().asks_like(target)
            })
        };
        self.runners.extract_if(|key, running| !stays(key, running)).map(|(_, running)| running).collect()
    }

    /// A circuit for every resolver of the estate, the old one where it still serves.
    fn connect(&mut self, estate: &Estate) {
        let mut wanted = HashSet::new();
        for cluster in &estate.clusters {
            for resolver in &cluster.resolvers {
                let key = (cluster.name.clone(), resolver.name.clone());
                wanted.insert(key.clone());
                if !self.circuits.get(&key).is_some_and(|circuit| circuit.serves(resolver, estate)) {
                    self.circuits.insert(key, Arc::new(Circuit::new(resolver, estate)));
                }
            }
        }
        self.circuits.retain(|key, _| wanted.contains(key));
    }
}

impl Circuit {
    fn new(resolver: &Arc<Resolver>, estate: &Estate) -> Self {
        let source = estate.prober.source_for(resolver.address);
        Self {
            resolver: Arc::clone(resolver),
            source,
            contact: Arc::new(Contact::new(resolver, source)),
            closer: watch::Sender::new(None),
        }
    }

    /// Whether the resolver is reached as before and within the same budget.
    fn serves(&self, resolver: &Resolver, estate: &Estate) -> bool {
        *self.resolver == *resolver && self.source == estate.prober.source_for(resolver.address)
    }
}

/// Ends tasks and waits until they are gone.
async fn end(running: Vec<Running>) {
    for running in &running {
        running.task.abort();
    }
    for running in running {
        // A task that was aborted reports just that.
        drop(running.task.await);
    }
}
