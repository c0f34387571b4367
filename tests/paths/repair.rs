//! Repairs by a reload, which keeps the caches: what was still on its way when the forwarders changed comes home
//! afterwards, and tells nothing of how things are now.

use std::time::Duration;

use fathom::lab::Policy;
use fathom::report::ClusterReport;
use fathom::verdict::{ClusterState, Confidence, Verdict};
use tokio::time::{Instant, sleep, timeout};

use crate::{LIMIT, four};

/// Closes a circle, opens it again so long after it was found, and holds all that is said from then on to the truth.
async fn repair(tracers: bool, wait: Duration) {
    let (world, watched) = four("upstream", tracers).await;
    watched.until_state(ClusterState::Healthy, LIMIT).await;
    for (node, to) in [("ns1", "ns2"), ("ns2", "ns3"), ("ns3", "ns4"), ("ns4", "ns1")] {
        world.rebuild(node, to);
    }
    watched.until_all(Verdict::LoopSuspected, Confidence::Probable, Duration::from_secs(60)).await;
    sleep(wait).await;

    let upstream = world.node("upstream").address();
    for node in ["ns1", "ns2", "ns3", "ns4"] {
        world.node(node).set_forwarders(&[upstream], Policy::Only);
    }
    let possible = |report: &ClusterReport| {
        let verdicts = report.resolvers.iter().map(|seen| seen.verdict);
        verdicts.into_iter().all(|verdict| matches!(verdict, Verdict::LoopSuspected | Verdict::Ok))
    };
    let (repaired, mut reports) = (Instant::now(), watched.board().reports());
    while let Ok(changed) = timeout(Duration::from_secs(60), reports.changed()).await {
        changed.expect("the board outlives this");
        let after = repaired.elapsed();
        let report = watched.report().expect("a report");
        assert!(possible(&report), "waited {wait:?}, {after:?} after the repair: {}", watched.in_words());
        if after > Duration::from_secs(60) {
            break;
        }
    }
    assert_eq!(watched.report().expect("a report").state, ClusterState::Healthy, "{}", watched.in_words());
}

#[tokio::test(start_paused = true)]
async fn with_tracers() {
    for moment in 0..6 {
        repair(true, Duration::from_millis(1900 * moment)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn without_tracers() {
    for moment in 0..6 {
        repair(false, Duration::from_millis(1900 * moment)).await;
    }
}
