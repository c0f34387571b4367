//! The rolling rebuild, and its repair.

use std::time::Duration;

use fathom::report::ClusterReport;
use fathom::verdict::{ClusterState, Confidence, Verdict};

use crate::{LIMIT, four};

/// Replays the incident; `sure` is how sure the loop has to become.
async fn replay(to: &str, tracers: bool, sure: Confidence) {
    let (world, watched) = four(to, tracers).await;
    let (report, _) = watched.until_state(ClusterState::Healthy, LIMIT).await;
    assert_eq!((report.independent_exits, report.last_exit), (Some(4), None), "{}", watched.in_words());

    for (stage, exits) in [(1, 3), (2, 2), (3, 1)] {
        world.rebuild(&format!("ns{stage}"), &format!("ns{}", stage + 1));
        let as_it_is = |report: &ClusterReport| {
            let seen = &report.resolvers[stage - 1];
            report.independent_exits == Some(exits)
                && seen.verdict == Verdict::ForwardsToSibling
                && seen.confidence == Confidence::Confirmed
        };
        // Without tracers a path is believed after its second sight.
        let rounds = Duration::from_secs(if tracers { 11 } else { 25 });
        let (report, _) = watched.until(&format!("stage {stage}"), rounds, as_it_is).await;
        let state = if exits == 1 { ClusterState::Fragile } else { ClusterState::Latent };
        assert_eq!(report.state, state, "stage {stage}: {}", watched.in_words());
        assert_eq!(report.last_exit, (exits == 1).then_some(3), "stage {stage}");
    }
    assert_eq!(watched.surest_loop(), Confidence::None, "nothing goes in circles yet");

    world.rebuild("ns4", "ns1");
    watched.until_all(Verdict::LoopSuspected, sure, Duration::from_secs(60)).await;
    let (report, _) = watched.until_state(ClusterState::Outage, LIMIT).await;
    assert_eq!((report.independent_exits, report.last_exit), (Some(0), None));

    for end in ["closed", "hole"] {
        world.rebuild("ns4", end);
        watched.until_all(Verdict::DeadEnd, Confidence::Probable, Duration::from_secs(90)).await;
    }

    for node in ["ns1", "ns2", "ns3", "ns4"] {
        world.rebuild(node, to);
    }
    // Three good rounds, five seconds apart at the most while something fails, and names that time out first.
    let (report, after) = watched.until_state(ClusterState::Healthy, Duration::from_secs(45)).await;
    assert_eq!(report.independent_exits, Some(4), "after {after:?}: {}", watched.in_words());
}

#[tokio::test(start_paused = true)]
async fn with_tracers_and_a_shared_upstream() {
    replay("upstream", true, Confidence::Confirmed).await;
}

#[tokio::test(start_paused = true)]
async fn with_tracers_each_iterating() {
    replay("itself", true, Confidence::Confirmed).await;
}

#[tokio::test(start_paused = true)]
async fn without_tracers_and_a_shared_upstream() {
    replay("upstream", false, Confidence::Probable).await;
}

#[tokio::test(start_paused = true)]
async fn without_tracers_each_iterating() {
    replay("itself", false, Confidence::Probable).await;
}
