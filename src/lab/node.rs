//! One simulated resolver, and the handle by which tests and the demo change it while it runs.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use hickory_proto::rr::Name;
use parking_lot::{Mutex, RwLock};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::LabError;
use super::fault::Fault;
use super::memory::Memory;
use super::outside::Outside;
use super::serve::Listeners;
use super::software::Software;
use super::traffic::{Sent, Traffic};
use super::zone::{Zone, name};
use crate::budget::Budget;
use crate::canary::tracer_address;
use crate::estate::DomainName;

/// What a resolver does when its forwarders do not answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Policy {
    /// It gives up: BIND's `forward only`.
    #[default]
    Only,
    /// It asks the authorities itself: BIND's `forward first`.
    First,
}

/// A resolver to be started.
#[derive(Debug, Clone)]
pub struct Spec {
    /// Its name: what it answers to `id.server`.
    pub name: String,
    /// Resolvers of one cluster are siblings.
    pub cluster: String,
    /// Where it listens, UDP and TCP; port 0 for a free one.
    pub listen: SocketAddr,
    /// What it behaves like.
    pub software: Software,
    /// Whether it resolves names outside its own zones.
    pub recursive: bool,
    /// Its own zones.
    pub zones: Vec<Zone>,
    /// Where it forwards names outside its own zones; nowhere: it asks the authorities itself.
    pub forwarders: Vec<SocketAddr>,
    /// What it does when they do not answer.
    pub policy: Policy,
}

impl Spec {
    /// A recursive resolver of the cluster `lab`, like BIND, without zones and forwarders, on a free port of `address`.
    pub fn new(name: &str, address: impl Into<IpAddr>) -> Self {
        Self {
            name: name.to_owned(),
            cluster: "lab".to_owned(),
            listen: SocketAddr::new(address.into(), 0),
            software: Software::Bind,
            recursive: true,
            zones: Vec::new(),
            forwarders: Vec::new(),
            policy: Policy::Only,
        }
    }

    /// The same with other software.
    #[must_use]
    pub fn software(mut self, software: Software) -> Self {
        self.software = software;
        self
    }

    /// The same with one more zone of its own.
    #[must_use]
    pub fn zone(mut self, zone: Zone) -> Self {
        self.zones.push(zone);
        self
    }

    /// The same with a tracer zone, as `fathom tracer-config` writes it: every name below `apex` is the tracer's address,
    /// with a TTL of 0.
    #[must_use]
    pub fn tracer(self, apex: &DomainName) -> Self {
        let owner = format!("*.{apex}");
        let address = tracer_address(apex).to_string();
        self.zone(Zone::new(apex.as_str()).negative_ttl(0).with(&owner, 0, "A", &address))
    }
}

/// What surrounds all resolvers of a lab.
#[derive(Debug)]
pub(super) struct Surroundings {
    pub(super) outside: Outside,
    /// Somebody listens there and never answers.
    pub(super) black_hole: SocketAddr,
    /// Nobody listens there.
    pub(super) dead_end: SocketAddr,
    /// From one resolver to another.
    pub(super) hop: Duration,
    /// When the clock of all caches began.
    pub(super) began: Instant,
    /// Every resolver with its cluster, in the order in which they were started.
    pub(super) members: RwLock<Vec<(String, SocketAddr)>>,
    /// Stops everything.
    pub(super) stop: CancellationToken,
}

impl Surroundings {
    /// The time of all caches, in whole seconds.
    pub(super) fn second(&self) -> u64 {
        self.began.elapsed().as_secs()
    }
}

/// A running simulated resolver. Clones are handles to the same one.
#[derive(Debug, Clone)]
pub struct Node(pub(super) Arc<Inner>);

#[derive(Debug)]
pub(super) struct Inner {
    pub(super) name: String,
    pub(super) cluster: String,
    pub(super) address: SocketAddr,
    pub(super) software: Software,
    pub(super) surroundings: Arc<Surroundings>,
    pub(super) setup: RwLock<Setup>,
    pub(super) memory: Mutex<Memory>,
    pub(super) traffic: Traffic,
    listeners: tokio::sync::Mutex<Option<Listeners>>,
}

/// What can be changed while it runs.
#[derive(Debug)]
pub(super) struct Setup {
    pub(super) recursive: bool,
    pub(super) zones: Vec<Zone>,
    pub(super) forwarders: Vec<SocketAddr>,
    pub(super) policy: Policy,
    pub(super) serve_stale: bool,
    pub(super) faults: Vec<Arc<Injected>>,
}

/// A fault with the names it is about.
#[derive(Debug)]
pub(super) struct Injected {
    under: Name,
    pub(super) fault: Fault,
    limit: Option<Budget>,
    slipped: AtomicBool,
}

impl Injected {
    /// What rate limiting makes of one more answer: nothing, or truncation, or silence.
    pub(super) fn limit(&self) -> Limited {
        match &self.limit {
            Some(budget) if !budget.try_take() => {
                if self.slipped.fetch_xor(true, Ordering::Relaxed) {
                    Limited::Truncated
                } else {
                    Limited::Dropped
                }
            }
            _ => Limited::Not,
        }
    }
}

/// What rate limiting makes of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Limited {
    Not,
    Truncated,
    Dropped,
}

impl Node {
    pub(super) async fn start(spec: Spec, surroundings: &Arc<Surroundings>) -> Result<Self, LabError> {
        let failed = |error| LabError::Listen { name: spec.name.clone(), address: spec.listen, error };
        let (listeners, ready) = Listeners::bind(spec.listen).await.map_err(failed)?;
        let node = Self(Arc::new(Inner {
            name: spec.name,
            cluster: spec.cluster.clone(),
            address: ready.address,
            software: spec.software,
            surroundings: Arc::clone(surroundings),
            setup: RwLock::new(Setup {
                recursive: spec.recursive,
                zones: spec.zones,
                forwarders: spec.forwarders,
                policy: spec.policy,
                serve_stale: false,
                faults: Vec::new(),
            }),
            memory: Mutex::default(),
            traffic: Traffic::default(),
            listeners: tokio::sync::Mutex::new(None),
        }));
        surroundings.members.write().push((spec.cluster, ready.address));
        *node.0.listeners.lock().await = Some(listeners.run(&node, ready));
        Ok(node)
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// Its cluster.
    pub fn cluster(&self) -> &str {
        &self.0.cluster
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.0.address
    }

    /// What it behaves like.
    pub fn software(&self) -> Software {
        self.0.software
    }

    /// Forwards names outside its own zones from now on; with no forwarders it asks the authorities itself. What it
    /// remembers stays, as with a reload.
    pub fn set_forwarders(&self, forwarders: &[SocketAddr], policy: Policy) {
        let mut setup = self.0.setup.write();
        setup.forwarders = forwarders.to_vec();
        setup.policy = policy;
    }

    /// Where it forwards names outside its own zones.
    pub fn forwarders(&self) -> Vec<SocketAddr> {
        self.0.setup.read().forwarders.clone()
    }

    /// Restarts the process: all it remembers is lost, questions under way get no answer.
    pub fn restart(&self) {
        let old = std::mem::take(&mut *self.0.memory.lock());
        old.life.cancel();
    }

    /// Rebuilds it, as the rolling rebuild of the incident does: other forwarders, and a restart.
    pub fn rebuild(&self, forwarders: &[SocketAddr], policy: Policy) {
        self.set_forwarders(forwarders, policy);
        self.restart();
    }

    /// Offers recursion, or not.
    pub fn set_recursive(&self, recursive: bool) {
        self.0.setup.write().recursive = recursive;
    }

    /// Serves stale answers when it cannot refresh them (RFC 8767), or not.
    pub fn set_serve_stale(&self, serve_stale: bool) {
        self.0.setup.write().serve_stale = serve_stale;
    }

    /// Adds a zone of its own, in the place of one with the same apex.
    pub fn add_zone(&self, zone: Zone) {
        let mut setup = self.0.setup.write();
        setup.zones.retain(|old| old.apex() != zone.apex());
        setup.zones.push(zone);
    }

    /// Drops a zone of its own, as a rebuild that forgot it does.
    pub fn remove_zone(&self, apex: &str) {
        let apex = name(apex);
        self.0.setup.write().zones.retain(|zone| *zone.apex() != apex);
    }

    /// Changes the SOA serial of a zone of its own. Says whether there is such a zone.
    pub fn set_serial(&self, apex: &str, serial: u32) -> bool {
        let (apex, mut setup) = (name(apex), self.0.setup.write());
        let zone = setup.zones.iter_mut().find(|zone| *zone.apex() == apex);
        zone.map(|zone| zone.set_serial(serial)).is_some()
    }

    /// Makes something go wrong, for every name. Faults add up until [`Node::heal`].
    pub async fn inject(&self, fault: Fault) {
        self.inject_under(".", fault).await;
    }

    /// Makes something go wrong for the names in one zone.
    pub async fn inject_under(&self, zone: &str, fault: Fault) {
        let limit = if let Fault::RateLimit(answers) = fault { Some(Budget::new(answers)) } else { None };
        let injected = Injected { under: name(zone), fault, limit, slipped: AtomicBool::new(false) };
        self.0.setup.write().faults.push(Arc::new(injected));
        if fault == Fault::ClosedPort {
            self.stop().await;
        }
    }

    /// Takes all faults away; a stopped process is started.
    pub async fn heal(&self) -> Result<(), LabError> {
        self.0.setup.write().faults.clear();
        let mut listeners = self.0.listeners.lock().await;
        if listeners.is_none() {
            let address = self.0.address;
            let failed = |error| LabError::Listen { name: self.0.name.clone(), address, error };
            let (bound, ready) = Listeners::bind(address).await.map_err(failed)?;
            *listeners = Some(bound.run(self, ready));
        }
        Ok(())
    }

    /// Stops the process: its port is closed when this returns, and all it remembers is lost.
    async fn stop(&self) {
        let listeners = self.0.listeners.lock().await.take();
        if let Some(listeners) = listeners {
            listeners.close().await;
        }
        self.restart();
    }

    /// The questions it sent to upstream servers, the oldest first; the last few thousand.
    pub fn sent(&self) -> Vec<Sent> {
        self.0.traffic.sent()
    }

    /// Packets it received.
    pub fn received(&self) -> u64 {
        self.0.traffic.received()
    }

    /// Packets it did not send, or did not take, because there were too many.
    pub fn dropped(&self) -> u64 {
        self.0.traffic.dropped()
    }

    /// The faults that are about a name.
    pub(super) fn faults_for(&self, qname: &Name) -> Vec<Arc<Injected>> {
        let setup = self.0.setup.read();
        let about = |injected: &&Arc<Injected>| injected.under.zone_of(qname) || injected.fault.is_of_the_network();
        setup.faults.iter().filter(about).cloned().collect()
    }

    /// Where a name is forwarded to, faults considered.
    pub(super) fn forwarders_for(&self, qname: &Name) -> (Vec<SocketAddr>, Policy) {
        let surroundings = &self.0.surroundings;
        let detours = [
            (Fault::ForwardToSibling, self.next_sibling()),
            (Fault::BlackHole, surroundings.black_hole),
            (Fault::DeadEnd, surroundings.dead_end),
            (Fault::Loop, self.0.address),
        ];
        let faults = self.faults_for(qname);
        let detour = |fault| detours.iter().find(|(of, _)| *of == fault).map(|(_, to)| *to);
        let detour = faults.iter().rev().find_map(|injected| detour(injected.fault));
        if let Some(detour) = detour {
            return (vec![detour], Policy::Only);
        }
        let setup = self.0.setup.read();
        (setup.forwarders.clone(), setup.policy)
    }

    /// The next resolver of the same cluster, in a circle; itself when it is alone.
    fn next_sibling(&self) -> SocketAddr {
        let members = self.0.surroundings.members.read();
        let cluster: Vec<SocketAddr> =
            members.iter().filter(|(cluster, _)| *cluster == self.0.cluster).map(|(_, address)| *address).collect();
        let place = cluster.iter().position(|address| *address == self.0.address).unwrap_or(0);
        cluster.get((place + 1) % cluster.len().max(1)).copied().unwrap_or(self.0.address)
    }
}
