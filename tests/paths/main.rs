//! Path tracing on the embedded lab, in virtual time: what is said of every stage of the incident, of every shape of
//! forwarding, and of what only looks like a loop.

#[path = "../support/mod.rs"]
mod support;

mod innocents;
mod repair;
mod runway;
mod shapes;
mod speed;
mod stages;
mod trust;

use std::time::Duration;

use fathom::lab::Software;
use support::{Simulated, Told, Watched};

/// A verdict that is due, in virtual time.
const LIMIT: Duration = Duration::from_secs(180);

/// Four BIND that all forward to the upstream, or each iterate, watched.
async fn four(to: &str, tracers: bool) -> (Simulated, Watched) {
    let nodes = ["ns1", "ns2", "ns3", "ns4"].map(|name| (name, Software::Bind, to));
    let world = Simulated::start(&nodes, tracers).await;
    let watched = world.watch(Told::every(10)).await;
    (world, watched)
}
