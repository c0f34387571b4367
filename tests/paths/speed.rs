//! How soon a cause is named, from the first probe that failed, in virtual time to the second.

use std::time::Duration;

use fathom::lab::Software;
use fathom::verdict::{ClusterState, Confidence, Verdict};

use crate::LIMIT;
use crate::support::{Simulated, Told};

/// Four BIND with rounds a minute apart, in which the last of four rebuilds closes a circle, or ends the way. Returns how
/// long after the first failed probe that was told of all of them.
async fn told_after(tracers: bool, end: &str, verdict: Verdict, sure: Confidence) -> Duration {
    let nodes = ["ns1", "ns2", "ns3", "ns4"].map(|name| (name, Software::Bind, "upstream"));
    let world = Simulated::start(&nodes, tracers).await;
    let watched = world.watch(Told::every(60)).await;
    watched.until_state(ClusterState::Healthy, LIMIT).await;
    for (node, sibling) in [("ns1", "ns2"), ("ns2", "ns3"), ("ns3", "ns4")] {
        world.rebuild(node, sibling);
        watched.until_calm().await;
    }
    watched.until_state(ClusterState::Fragile, LIMIT).await;
    watched.until_calm().await;
    watched.start_clock();
    world.rebuild("ns4", end);
    watched.until_all(verdict, sure, LIMIT).await;
    watched.moments().first_failure.expect("a probe that failed first").elapsed()
}

#[tokio::test(start_paused = true)]
async fn a_circle_is_proven_by_tracers_within_five_seconds() {
    let after = told_after(true, "ns1", Verdict::LoopSuspected, Confidence::Confirmed).await;
    assert!(after <= Duration::from_secs(5), "{after:?}");
}

#[tokio::test(start_paused = true)]
async fn without_tracers_the_cause_is_named_within_thirty_seconds() {
    for (end, verdict) in [("ns1", Verdict::LoopSuspected), ("hole", Verdict::DeadEnd), ("closed", Verdict::DeadEnd)] {
        let after = told_after(false, end, verdict, Confidence::Probable).await;
        assert!(after <= Duration::from_secs(30), "{end}: {after:?}");
    }
}
