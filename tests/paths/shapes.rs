//! Circles, tails and chains of every product.

use std::time::Duration;

use fathom::lab::Software::{self, Bind, Dnsmasq, Knot, Pdns, Unbound};
use fathom::report::ClusterReport;
use fathom::verdict::{ClusterState, Confidence, Verdict};
use tokio::time::sleep;

use crate::support::{Simulated, Told};
use crate::{LIMIT, four};

/// Waits for the verdicts of a cluster with these resolvers.
async fn told(nodes: &[(&str, Software, &str)], verdicts: &[Verdict], at_least: Confidence) -> (Simulated, u64) {
    let world = Simulated::start(nodes, true).await;
    let watched = world.watch(Told { authoritative: false, ..Told::every(10) }).await;
    let as_due = |report: &ClusterReport| {
        let pairs = report.resolvers.iter().zip(verdicts);
        pairs.clone().all(|(seen, due)| seen.verdict == *due && seen.confidence >= at_least)
    };
    watched.until(&format!("{verdicts:?} of {nodes:?}"), LIMIT, as_due).await;
    // And so it stays, while ever more is asked.
    let received = |world: &Simulated| world.lab.nodes().iter().map(fathom::lab::Node::received).sum::<u64>();
    let before = received(&world);
    sleep(Duration::from_secs(120)).await;
    let report = watched.report().expect("a report");
    assert!(as_due(&report), "two minutes later: {}", watched.in_words());
    let after = received(&world);
    (world, after - before)
}

const LOOPS: [Verdict; 4] = [Verdict::LoopSuspected; 4];

#[tokio::test(start_paused = true)]
async fn a_ring_of_every_product() {
    for software in Software::ALL {
        let nodes = [("a1", software, "a2"), ("a2", software, "a3"), ("a3", software, "a1")];
        told(&nodes, &LOOPS[..3], Confidence::Confirmed).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_ring_of_four_products() {
    let nodes =
        [("bind", Bind, "unbound"), ("unbound", Unbound, "pdns"), ("pdns", Pdns, "knot"), ("knot", Knot, "bind")];
    told(&nodes, &LOOPS, Confidence::Confirmed).await;
}

#[tokio::test(start_paused = true)]
async fn a_tail_into_a_ring() {
    let nodes = [("a1", Bind, "a2"), ("a2", Bind, "a3"), ("a3", Bind, "a4"), ("a4", Bind, "a3")];
    told(&nodes, &LOOPS, Confidence::Confirmed).await;
}

#[tokio::test(start_paused = true)]
async fn two_rings() {
    let nodes = [("b1", Pdns, "b2"), ("b2", Pdns, "b1"), ("b3", Bind, "b4"), ("b4", Bind, "b3")];
    told(&nodes, &LOOPS, Confidence::Confirmed).await;
}

#[tokio::test(start_paused = true)]
async fn chains_that_end() {
    for end in ["closed", "hole"] {
        let nodes = [("c1", Bind, "c2"), ("c2", Bind, end), ("c3", Bind, "upstream")];
        told(&nodes, &[Verdict::DeadEnd, Verdict::DeadEnd, Verdict::Ok], Confidence::Probable).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_ring_with_a_way_out_for_those_who_forward_first() {
    let (world, watched) = four("upstream", true).await;
    watched.until_state(ClusterState::Healthy, LIMIT).await;
    world.rebuild_first("ns1", "ns2");
    world.rebuild_first("ns2", "ns1");
    let as_it_is = |report: &ClusterReport| {
        report.resolvers[..2].iter().all(|seen| seen.verdict == Verdict::CycleWithExit)
            && report.resolvers[2..].iter().all(|seen| seen.verdict == Verdict::Ok)
    };
    let (report, _) = watched.until("a cycle with a way out", LIMIT, as_it_is).await;
    assert_eq!(report.state, ClusterState::Latent, "{}", watched.in_words());
    assert!(watched.surest_loop() <= Confidence::Suspected, "{}", watched.in_words());
}

#[tokio::test(start_paused = true)]
async fn dnsmasq_in_a_ring_is_asked_about_once_a_minute() {
    let nodes = [("d1", Dnsmasq, "d2"), ("d2", Dnsmasq, "d1")];
    let (world, packets) = told(&nodes, &LOOPS[..2], Confidence::Confirmed).await;
    let dropped: u64 = world.lab.nodes().iter().map(fathom::lab::Node::dropped).sum();
    assert_eq!(dropped, 0, "nothing became a storm");
    // Two minutes: two rounds of some twenty questions, each of which makes a few laps at the most.
    assert!(packets < 1_000, "{packets} packets in two minutes");
}
