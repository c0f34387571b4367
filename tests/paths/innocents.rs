//! What looks like a loop and is none: at no moment may one be claimed beyond suspicion.

use std::time::Duration;

use fathom::lab::{Authority, Fault, Security, Software};
use fathom::report::ClusterReport;
use fathom::verdict::{ClusterState, Confidence, Verdict};
use tokio::time::sleep;

use crate::support::{Simulated, Told, Watched};
use crate::{LIMIT, four};

/// Waits until all have one of these verdicts, and looks on for two minutes whether a loop is claimed.
async fn settles(watched: &Watched, what: &str, allowed: &[Verdict]) {
    let all = |report: &ClusterReport| {
        report.resolvers.iter().all(|seen| allowed.contains(&seen.verdict) && seen.confidence > Confidence::None)
    };
    watched.until(what, LIMIT, all).await;
    sleep(Duration::from_secs(120)).await;
    assert!(watched.surest_loop() <= Confidence::Suspected, "{what}: {}", watched.in_words());
    assert!(all(&watched.report().expect("a report")), "{what}, later: {}", watched.in_words());
}

/// Four healthy BIND, with tracers and without.
async fn healthy(to: &str, tracers: bool) -> (Simulated, Watched) {
    let (world, watched) = four(to, tracers).await;
    watched.until_state(ClusterState::Healthy, LIMIT).await;
    (world, watched)
}

#[tokio::test(start_paused = true)]
async fn one_dead_authority() {
    for tracers in [true, false] {
        let (world, watched) = healthy("itself", tracers).await;
        assert!(world.lab.outside().set_authority("example.org.", Authority::Dead));
        let allowed: &[Verdict] =
            if tracers { &[Verdict::UpstreamFailing, Verdict::Ok] } else { &[Verdict::UpstreamFailing] };
        settles(&watched, "one dead authority", allowed).await;
        let report = watched.report().expect("a report");
        assert_ne!(report.state, ClusterState::Outage, "{}", watched.in_words());
    }
}

#[tokio::test(start_paused = true)]
async fn a_dead_shared_upstream() {
    for tracers in [true, false] {
        let (world, watched) = healthy("upstream", tracers).await;
        world.node("upstream").inject(Fault::Drop).await;
        settles(&watched, "a silent shared upstream", &[Verdict::UpstreamFailing, Verdict::DeadEnd]).await;
    }
}

#[tokio::test(start_paused = true)]
async fn all_of_the_outside_gone() {
    for tracers in [true, false] {
        let (world, watched) = healthy("itself", tracers).await;
        world.lab.outside().set_cut(true);
        settles(&watched, "the outside gone", &[Verdict::UpstreamFailing]).await;
        world.lab.outside().set_cut(false);
        watched.until_state(ClusterState::Healthy, Duration::from_secs(60)).await;
    }
}

/// Three that iterate, with the same fault each, from the beginning.
async fn each(fault: Fault, allowed: &[Verdict]) {
    let nodes = ["ns1", "ns2", "ns3"].map(|name| (name, Software::Bind, "itself"));
    let world = Simulated::start(&nodes, true).await;
    for (name, ..) in nodes {
        world.node(name).inject(fault).await;
    }
    let watched = world.watch(Told::every(10)).await;
    settles(&watched, &fault.to_string(), allowed).await;
}

#[tokio::test(start_paused = true)]
async fn lost_packets_delay_and_refusal() {
    for loss in [10, 30] {
        let nodes = ["ns1", "ns2", "ns3"].map(|name| (name, Software::Bind, "itself"));
        let world = Simulated::start(&nodes, true).await;
        for (name, ..) in nodes {
            world.node(name).inject(Fault::Loss(loss)).await;
        }
        let watched = world.watch(Told::every(10)).await;
        // Which verdict chance brings is open; that it is no loop is not.
        sleep(Duration::from_secs(600)).await;
        assert!(watched.surest_loop() <= Confidence::Suspected, "{loss} %: {}", watched.in_words());
        let report = watched.report().expect("a report");
        let known = [Verdict::Ok, Verdict::Lossy, Verdict::RecursionFailing, Verdict::UpstreamFailing];
        assert!(report.resolvers.iter().all(|seen| known.contains(&seen.verdict)), "{}", watched.in_words());
    }
    each(Fault::Delay(Duration::from_millis(500)), &[Verdict::Ok, Verdict::Slow]).await;
    each(Fault::RecursionRefused, &[Verdict::RecursionRefused]).await;
}

#[tokio::test(start_paused = true)]
async fn stale_answers_hide_that_the_outside_is_gone() {
    let (world, watched) = healthy("itself", true).await;
    for node in ["ns1", "ns2", "ns3", "ns4"] {
        world.node(node).set_serve_stale(true);
    }
    world.lab.outside().set_cut(true);
    settles(&watched, "serve-stale", &[Verdict::UpstreamFailing, Verdict::StaleMasking]).await;
}

#[tokio::test(start_paused = true)]
async fn a_broken_chain_of_trust() {
    let nodes = ["ns1", "ns2", "ns3"].map(|name| (name, Software::BindValidating, "itself"));
    let world = Simulated::start(&nodes, true).await;
    let watched = world.watch(Told::every(10)).await;
    watched.until_state(ClusterState::Healthy, LIMIT).await;
    assert!(world.lab.outside().set_security("example.com.", Security::Bogus));
    settles(&watched, "bogus", &[Verdict::DnssecFailing]).await;
}

#[tokio::test(start_paused = true)]
async fn one_of_four_down_and_back() {
    let (world, watched) = healthy("itself", true).await;
    world.node("ns4").inject(Fault::ClosedPort).await;
    let alone = |report: &ClusterReport| {
        report.resolvers[3].verdict == Verdict::Down
            && report.resolvers[..3].iter().all(|seen| seen.verdict == Verdict::Ok)
            && report.independent_exits == Some(3)
    };
    let (report, _) = watched.until("ns4 down alone", LIMIT, alone).await;
    assert_eq!(report.state, ClusterState::Partial, "{}", watched.in_words());
    world.node("ns4").heal().await.expect("its port");
    let (report, _) = watched.until_state(ClusterState::Healthy, Duration::from_secs(60)).await;
    assert_eq!(report.independent_exits, Some(4));
    assert_eq!(watched.surest_loop(), Confidence::None);
}

#[tokio::test(start_paused = true)]
async fn what_is_lost_in_a_moment_changes_nothing() {
    let (world, watched) = healthy("itself", true).await;
    let node = world.node("ns2");
    for moment in 0..60 {
        // Every question that comes in half a second, each time at another place of a round.
        node.inject(Fault::Drop).await;
        sleep(Duration::from_millis(500)).await;
        node.heal().await.expect("its port");
        sleep(Duration::from_millis(40_100 + moment * 170)).await;
        let said = watched.report().expect("a report");
        assert_eq!((said.state, said.independent_exits), (ClusterState::Healthy, Some(4)), "{}", watched.in_words());
    }
    assert_eq!(watched.surest_loop(), Confidence::None);
}
