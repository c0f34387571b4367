//! The embedded lab: resolvers, and an Internet for them, inside this process.
//!
//! Real sockets on loopback, UDP and TCP; forwarded questions travel between resolvers as packets, from each one's own
//! address, so that loops really happen. Everything runs in the current tokio runtime and on its clock: under a paused
//! clock an hour of faults passes in a moment.
//!
//! - [`Lab`] starts resolvers from a [`Spec`] and hands out a [`Node`] for each, which changes it while it runs;
//! - [`Software`] says which product a resolver behaves like, timers and all;
//! - [`Fault`] is all that can go wrong with it;
//! - [`Outside`] holds the authorities beyond the estate, each of which can die.

mod answer;
mod estate;
mod fault;
mod fetch;
mod findings;
mod identity;
mod incident;
mod memory;
mod node;
mod outside;
mod sample;
mod serve;
mod software;
mod tamper;
mod traffic;
mod zone;

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, UdpSocket};
use tokio::time::Instant;
use tokio_util::sync::{CancellationToken, DropGuard};

pub use fault::{Fault, NoFault};
pub use incident::{Incident, Stage};
pub use node::{Node, Policy, Spec};
pub use outside::{Authority, Outside};
pub use software::Software;
pub use traffic::{PACKETS_PER_SECOND, Sent};
pub use zone::{Security, Zone};

use node::Surroundings;

/// From one resolver to another: long enough to tell a neighbour's answer from one's own, in virtual time too.
const HOP: Duration = Duration::from_millis(1);

/// The address of the black hole, on a free port.
const BLACK_HOLE: Ipv4Addr = Ipv4Addr::new(127, 0, 53, 253);

/// An address and port at which nobody listens.
const DEAD_END: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::new(127, 0, 53, 254)), 1);

/// A running lab. Everything stops when it is dropped.
#[derive(Debug)]
pub struct Lab {
    surroundings: Arc<Surroundings>,
    nodes: Vec<Node>,
    /// Held open and never read.
    _black_hole: (UdpSocket, TcpListener),
    _stop: DropGuard,
}

/// Why the lab could not be started.
#[derive(Debug, thiserror::Error)]
pub enum LabError {
    /// A resolver cannot listen.
    #[error("the lab's resolver {name} cannot listen on {address}: {error}{}", hint(.error))]
    Listen {
        /// Which resolver.
        name: String,
        /// Where it was to listen.
        address: SocketAddr,
        /// What the system says.
        error: io::Error,
    },
    /// No record data meets the expectations of a name.
    #[error("the lab has no answer for the name {name}: no record meets all its expectations at once")]
    NoAnswer {
        /// The name's id.
        name: String,
    },
    /// There is no socket for the black hole.
    #[error("the lab cannot open a socket on {BLACK_HOLE}: {0}")]
    BlackHole(io::Error),
}

fn hint(error: &io::Error) -> &'static str {
    if error.kind() == io::ErrorKind::AddrInUse {
        "; is another lab running?"
    } else if error.kind() == io::ErrorKind::AddrNotAvailable {
        "; the lab needs addresses of this machine, such as 127.x.y.z"
    } else {
        ""
    }
}

impl Lab {
    /// An empty lab with an empty outside.
    pub async fn start() -> Result<Self, LabError> {
        let udp = UdpSocket::bind((BLACK_HOLE, 0)).await.map_err(LabError::BlackHole)?;
        let black_hole = udp.local_addr().map_err(LabError::BlackHole)?;
        let tcp = TcpListener::bind(black_hole).await.map_err(LabError::BlackHole)?;
        let stop = CancellationToken::new();
        let surroundings = Arc::new(Surroundings {
            outside: Outside::default(),
            black_hole,
            dead_end: DEAD_END,
            hop: HOP,
            began: Instant::now(),
            members: parking_lot::RwLock::default(),
            stop: stop.clone(),
        });
        Ok(Self { surroundings, nodes: Vec::new(), _black_hole: (udp, tcp), _stop: stop.drop_guard() })
    }

    /// Starts one more resolver.
    pub async fn add(&mut self, spec: Spec) -> Result<Node, LabError> {
        let node = Node::start(spec, &self.surroundings).await?;
        self.nodes.push(node.clone());
        Ok(node)
    }

    /// Every resolver, in the order in which they were added.
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// The first resolver of that name.
    pub fn node(&self, name: &str) -> Option<&Node> {
        self.nodes.iter().find(|node| node.name() == name)
    }

    /// The resolver of that name in that cluster.
    pub fn node_in(&self, cluster: &str, name: &str) -> Option<&Node> {
        self.nodes.iter().find(|node| node.cluster() == cluster && node.name() == name)
    }

    /// The authorities beyond the estate.
    pub fn outside(&self) -> &Outside {
        &self.surroundings.outside
    }

    /// An address that takes every question and never answers.
    pub fn black_hole(&self) -> SocketAddr {
        self.surroundings.black_hole
    }

    /// An address at which nobody listens.
    pub fn dead_end(&self) -> SocketAddr {
        self.surroundings.dead_end
    }
}
