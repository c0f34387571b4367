//! How soon four BIND are told on, from the moment at which there was something to see.

#![expect(clippy::print_stdout, reason = "the delays are shown by the test harness")]

mod support;

use std::time::Duration;

use fathom::report::ClusterReport;
use fathom::verdict::{ClusterState, Confidence, Verdict};
use support::{BLACK_HOLE, Setup, Software, Told, Watched, World, isolated};
use tokio::time::{Instant, sleep};

const NODES: [&str; 4] = ["ns1", "ns2", "ns3", "ns4"];

/// For what is due within seconds, on a machine that has a lot else to do. What is due is held to the second in virtual
/// time, by the lab.
const LIMIT: Duration = Duration::from_secs(60);

/// Healthy resolvers behind a shared upstream, whose rounds are as far apart as they are by default.
async fn healthy(tracers: bool) -> (World, Watched) {
    let mut world = World::new(&["ns1", "ns2", "ns3", "ns4", "upstream"]).await;
    world.build("upstream", Setup::new(Software::Bind)).await;
    for node in NODES {
        let setup = rebuilt(&world, "upstream", tracers, 0);
        world.build(node, setup).await;
    }
    let watched = Watched::start(&world, &NODES, Told { tracers, ..Told::every(60) }).await;
    watched.until_state(ClusterState::Healthy, LIMIT).await;
    (world, watched)
}

fn rebuilt(world: &World, to: &str, tracers: bool, generation: u8) -> Setup {
    let to = if to == "hole" { BLACK_HOLE } else { world.address(to) };
    Setup { tracer: tracers, generation, ..Setup::new(Software::Bind).forward_only(&[to]) }
}

fn tell(what: &str, from: &str, since: Option<Instant>, after: Duration) {
    let since = since.map_or_else(|| "before it".to_owned(), |since| format!("{:.1}", since.elapsed().as_secs_f64()));
    println!("speed | {what} | {from} | {since} | {:.1} |", after.as_secs_f64());
}

#[test]
fn with_tracers() {
    isolated(async {
        let (mut world, watched) = healthy(true).await;
        for (place, (node, sibling)) in [("ns1", "ns2"), ("ns2", "ns3"), ("ns3", "ns4")].into_iter().enumerate() {
            watched.start_clock();
            // It comes back under another name for itself, by which the rebuild is noticed.
            let setup = rebuilt(&world, sibling, true, 1);
            world.build(node, setup).await;
            let named = |report: &ClusterReport| report.resolvers[place].verdict == Verdict::ForwardsToSibling;
            let (_, after) = watched.until("the sibling is named", LIMIT, named).await;
            let what = format!("{node} rebuilt to forward to {sibling}: named");
            tell(&what, "its new identity", watched.moments().new_identity, after);
        }
        watched.until_calm().await;
        watched.start_clock();
        // Nothing tells that it was rebuilt, so that the first sign is a name that fails.
        let setup = rebuilt(&world, "ns1", true, 0);
        world.build("ns4", setup).await;
        let after = watched.until_all(Verdict::LoopSuspected, Confidence::Confirmed, LIMIT).await;
        tell("a circle closes, tracers: proven", "the first failed probe", watched.moments().first_failure, after);
    });
}

/// The same without tracers, all rebuilt at once.
async fn without_tracers(what: &str, end: &str, verdict: Verdict) {
    let (mut world, watched) = healthy(false).await;
    watched.start_clock();
    for (node, to) in [("ns1", "ns2"), ("ns2", "ns3"), ("ns3", "ns4"), ("ns4", end)] {
        let setup = rebuilt(&world, to, false, 0);
        world.build(node, setup).await;
    }
    let after = watched.until_all(verdict, Confidence::Probable, 7 * LIMIT).await;
    tell(what, "the first failed probe", watched.moments().first_failure, after);
    if verdict == Verdict::DeadEnd {
        // Until every resolver's failures were asked for again.
        sleep(Duration::from_secs(40)).await;
        assert!(watched.surest_loop() <= Confidence::Suspected, "{}", watched.in_words());
    }
}

#[test]
fn a_circle_without_tracers() {
    isolated(async {
        without_tracers("a circle, no tracers: probable", "ns1", Verdict::LoopSuspected).await;
    });
}

#[test]
fn a_black_hole_without_tracers() {
    isolated(async {
        without_tracers("a way into a black hole, no tracers: probable", "hole", Verdict::DeadEnd).await;
    });
}
