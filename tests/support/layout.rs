//! Clusters of real servers side by side in one world: rings, chains and what ends them, each under Fathom's eyes.

use std::net::IpAddr;
use std::time::Duration;

use fathom::report::{Assessment, ClusterReport};
use fathom::verdict::{Confidence, Verdict};
use tokio::time::{Instant, sleep_until};

use super::network::{BLACK_HOLE, CLOSED_PORT, datagrams};
use super::resolvers::{Setup, Software};
use super::watched::{Told, Watched};
use super::world::World;

/// A verdict that is due: a round or two, of resolvers that take up to ten seconds to fail.
const LIMIT: Duration = Duration::from_secs(75);

/// What the clusters of one world may receive in a second: questions and answers of the prober and of the servers, which
/// ask several times. A storm is ten thousand and more.
const MOST_DATAGRAMS: u64 = 500;

/// For how long datagrams are counted at least: at the start everything is asked for the first time, at once.
const COUNTED: Duration = Duration::from_secs(6);

/// For how long dnsmasq is watched: names that were not answered are asked again after a minute.
const UNDER_WATCH: Duration = Duration::from_secs(100);

/// A resolver: its name, the product, and where it forwards to: `upstream`, `closed`, `hole` or others, parted by spaces.
pub type Node = (&'static str, Software, &'static str);

/// A cluster, and what may be said of its resolvers.
#[derive(Debug, Clone)]
pub struct Layout {
    /// What it is, for the table.
    pub what: String,
    /// What is true of it.
    pub truth: &'static str,
    /// Its resolvers.
    pub nodes: Vec<Node>,
    /// Its resolvers have tracers.
    pub tracers: bool,
    /// Fathom knows of the upstream, and may ask it directly.
    pub upstream_known: bool,
    /// What may be said of every resolver.
    pub allowed: Vec<Verdict>,
    /// And how surely at least.
    pub at_least: Confidence,
    /// How surely a loop may be claimed at the most, at any moment.
    pub loop_at_most: Confidence,
}

impl Layout {
    /// Resolvers with tracers that go round in circles: a loop is due, beyond doubt.
    pub fn ring(what: impl Into<String>, nodes: &[Node]) -> Self {
        Self {
            what: what.into(),
            truth: "loop",
            nodes: nodes.to_vec(),
            tracers: true,
            upstream_known: false,
            allowed: vec![Verdict::LoopSuspected],
            at_least: Confidence::Confirmed,
            loop_at_most: Confidence::Confirmed,
        }
    }

    /// Resolvers with tracers whose way ends.
    pub fn chain(what: impl Into<String>, nodes: &[Node]) -> Self {
        Self {
            truth: "dead_end",
            allowed: vec![Verdict::DeadEnd],
            at_least: Confidence::Probable,
            loop_at_most: Confidence::Suspected,
            ..Self::ring(what, nodes)
        }
    }

    /// The same without tracers, and what may be said then.
    #[must_use]
    pub fn unmarked(self, allowed: &[Verdict], at_least: Confidence, loop_at_most: Confidence) -> Self {
        Self { tracers: false, allowed: allowed.to_vec(), at_least, loop_at_most, ..self }
    }

    fn is_as_due(&self, report: &ClusterReport) -> bool {
        let due = |seen: &Assessment| self.allowed.contains(&seen.verdict) && seen.confidence >= self.at_least;
        report.resolvers.iter().all(due)
    }
}

/// Builds all layouts in one world, watches each, waits for what is due, and holds what is said then to it for so long.
pub async fn all_are_told(layouts: &[Layout], hold: Duration) {
    let before = datagrams();
    let names: Vec<&str> = layouts.iter().flat_map(|layout| layout.nodes.iter().map(|node| node.0)).collect();
    let names: Vec<&str> = names.into_iter().chain(["upstream"]).collect();
    let mut world = World::new(&names).await;
    world.build("upstream", Setup::new(Software::Bind)).await;
    for layout in layouts {
        for (name, software, to) in &layout.nodes {
            let to: Vec<IpAddr> = to.split(' ').map(|to| place(&world, to)).collect();
            let mut setup = Setup::new(*software).forward_only(&to);
            setup.tracer = layout.tracers;
            world.build(name, setup).await;
        }
    }
    let (started, mut watched, mut beacons) = (Instant::now(), Vec::new(), 0);
    for layout in layouts {
        let upstream = layout.upstream_known.then(|| world.address("upstream"));
        let told = Told { authoritative: false, upstream, ..Told::every(10) };
        let told = Told { tracers: layout.tracers, shares_beacon: layout.tracers && beacons > 0, ..told };
        beacons += usize::from(layout.tracers);
        let names: Vec<&str> = layout.nodes.iter().map(|node| node.0).collect();
        watched.push(Watched::start(&world, &names, told).await);
    }
    for (layout, watched) in layouts.iter().zip(&watched) {
        watched.until(layout.truth, LIMIT, |report| layout.is_as_due(report)).await;
        println!("{}: after {:.1?}", layout.what, started.elapsed());
    }
    sleep_until(Instant::now() + hold).await;
    for (layout, watched) in layouts.iter().zip(&watched) {
        println!("{}\n{}", layout.what, watched.in_words());
        let report = watched.report().expect("a report");
        assert!(layout.is_as_due(&report), "{}, later: {}", layout.what, watched.in_words());
        assert!(watched.surest_loop() <= layout.loop_at_most, "{}: {}", layout.what, watched.in_words());
        watched.record(&layout.what, layout.truth);
    }
    // Of dnsmasq, every name has to have been asked again, at everybody.
    let with_dnsmasq = layouts.iter().any(|layout| layout.nodes.iter().any(|node| node.1 == Software::Dnsmasq));
    sleep_until(started + if with_dnsmasq { UNDER_WATCH } else { COUNTED }).await;
    let sent = datagrams() - before;
    let seconds = started.elapsed().as_secs();
    println!("{sent} datagrams in {seconds} s");
    assert!(sent < MOST_DATAGRAMS * seconds, "a storm: {sent} datagrams in {seconds} s");
}

fn place(world: &World, name: &str) -> IpAddr {
    match name {
        "closed" => CLOSED_PORT,
        "hole" => BLACK_HOLE,
        name => world.address(name),
    }
}
