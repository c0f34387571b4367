//! Circles, tails and chains of every product.

use std::time::Duration;

use fathom::lab::Software::{self, Bind, Dnsmasq, Knot, Pdns, Unbound};
use fathom::report::{Assessment, ClusterReport};
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
    for (tracers, sure) in [(true, Confidence::Confirmed), (false, Confidence::Probable)] {
        let (world, watched) = four("upstream", tracers).await;
        watched.until_state(ClusterState::Healthy, LIMIT).await;
        world.rebuild_first("ns1", "ns2");
        world.rebuild_first("ns2", "ns1");
        let in_circle = |seen: &Assessment| seen.verdict == Verdict::CycleWithExit && seen.confidence == sure;
        let as_it_is = |report: &ClusterReport| {
            report.resolvers[..2].iter().all(in_circle)
                && report.resolvers[2..].iter().all(|seen| seen.verdict == Verdict::Ok)
        };
        let (report, _) = watched.until("a cycle with a way out", LIMIT, as_it_is).await;
        assert_eq!(report.state, ClusterState::Latent, "{}", watched.in_words());
        assert!(watched.surest_loop() <= Confidence::Suspected, "{}", watched.in_words());
    }
}

#[tokio::test(start_paused = true)]
async fn one_that_forwards_to_itself() {
    for software in [Bind, Pdns] {
        let nodes = [("d1", software, "d1"), ("d2", software, "upstream")];
        let world = Simulated::start(&nodes, true).await;
        let watched = world.watch(Told { authoritative: false, ..Told::every(10) }).await;
        // Its own tracer says nothing of its forwarder, so that the end of its way is as good a word as the circle.
        let allowed = [Verdict::LoopSuspected, Verdict::DeadEnd];
        let as_due = |report: &ClusterReport| {
            allowed.contains(&report.resolvers[0].verdict)
                && report.resolvers[0].confidence >= Confidence::Probable
                && report.resolvers[1].verdict == Verdict::Ok
        };
        let (report, _) = watched.until("d1 alone fails", LIMIT, as_due).await;
        assert_eq!(
            (report.state, report.independent_exits),
            (ClusterState::Partial, Some(1)),
            "{}",
            watched.in_words()
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_ring_with_a_second_and_good_forwarder() {
    let nodes = [("c1", Bind, "c2 upstream"), ("c2", Bind, "c1 upstream"), ("c3", Bind, "upstream")];
    let world = Simulated::start(&nodes, true).await;
    let watched = world.watch(Told::every(10)).await;
    let as_due = |report: &ClusterReport| {
        report.resolvers[..2].iter().all(|seen| seen.verdict == Verdict::CycleWithExit)
            && report.resolvers[2].verdict == Verdict::Ok
    };
    watched.until("a cycle with a way out", LIMIT, as_due).await;
    sleep(Duration::from_secs(120)).await;
    assert!(watched.surest_loop() <= Confidence::Suspected, "{}", watched.in_words());
}

#[tokio::test(start_paused = true)]
async fn twelve_resolvers_stay_within_their_budgets() {
    let names: Vec<String> = (1..=12).map(|number| format!("ns{number}")).collect();
    let nodes: Vec<(&str, Software, &str)> = names.iter().map(|name| (name.as_str(), Bind, "itself")).collect();
    let world = Simulated::start(&nodes, true).await;
    let watched = world.watch(Told::every(10)).await;
    watched.until_state(ClusterState::Healthy, LIMIT).await;
    busiest_second(&world, &names).await;
    for name in &names {
        world.rebuild(name, "hole");
    }
    busiest_second(&world, &names).await;
    let fail = |report: &ClusterReport| {
        // None has a sibling on its way, so that one cause in common is as good a word as a dead end each.
        let allowed = [Verdict::DeadEnd, Verdict::UpstreamFailing];
        report.resolvers.iter().all(|seen| allowed.contains(&seen.verdict))
    };
    watched.until("all fail", LIMIT, fail).await;
}

/// Watches every second of a minute and a half: to no resolver may go more packets than the default budget of 50.
async fn busiest_second(world: &Simulated, names: &[String]) {
    let received = || names.iter().map(|name| world.node(name).received()).collect::<Vec<_>>();
    let mut before = received();
    let mut most = 0;
    for _ in 0..90 {
        sleep(Duration::from_secs(1)).await;
        let now = received();
        most = now.iter().zip(&before).map(|(now, before)| now - before).max().unwrap_or(0).max(most);
        before = now;
    }
    assert!((1..=50).contains(&most), "{most} packets in a second");
}

#[tokio::test(start_paused = true)]
async fn dnsmasq_in_a_ring_is_asked_about_once_a_minute() {
    let nodes = [("d1", Dnsmasq, "d2"), ("d2", Dnsmasq, "d1")];
    let (world, packets) = told(&nodes, &LOOPS[..2], Confidence::Confirmed).await;
    let dropped: u64 = world.lab.nodes().iter().map(fathom::lab::Node::dropped).sum();
    assert_eq!(dropped, 0, "nothing became a storm");
    // Two minutes: two rounds of some twenty questions, each of which makes a few laps at the most.
    assert!(packets < 300, "{packets} packets in two minutes");
}
