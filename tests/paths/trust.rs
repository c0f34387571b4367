//! What is not believed: forged answers, canary zones that nobody set up, and what a reload must not forget.

use std::sync::Arc;
use std::time::Duration;

use fathom::lab::{Authority, Fault};
use fathom::report::ClusterReport;
use fathom::verdict::{ClusterState, Confidence, Verdict};
use tokio::time::sleep;

use crate::support::{CANARY, Told};
use crate::{LIMIT, four};

#[tokio::test(start_paused = true)]
async fn a_resolver_that_forges_every_answer_is_no_loop() {
    let (world, watched) = four("itself", true).await;
    watched.until_state(ClusterState::Healthy, LIMIT).await;
    world.node("ns2").inject(Fault::WrongAnswer).await;
    let forged = |report: &ClusterReport| report.resolvers[1].verdict == Verdict::WrongAnswers;
    watched.until("ns2 answers wrongly", LIMIT, forged).await;
    sleep(Duration::from_secs(60)).await;
    assert!(watched.surest_loop() <= Confidence::None, "{}", watched.in_words());
    let report = watched.report().expect("a report");
    assert!(report.circles().is_empty(), "{}", watched.in_words());
}

#[tokio::test(start_paused = true)]
async fn a_dead_beacon_alone_is_no_outage() {
    let (world, watched) = four("itself", true).await;
    watched.until_state(ClusterState::Healthy, LIMIT).await;
    assert!(world.lab.outside().set_authority(CANARY, Authority::Dead));
    for _ in 0..30 {
        sleep(Duration::from_secs(5)).await;
        let report = watched.report().expect("a report");
        assert!(
            !matches!(report.state, ClusterState::Outage | ClusterState::Critical | ClusterState::Unknown),
            "{}",
            watched.in_words()
        );
        assert_eq!(report.independent_exits, Some(4), "{}", watched.in_words());
    }
    assert_eq!(watched.surest_loop(), Confidence::None);
}

#[tokio::test(start_paused = true)]
async fn a_reload_keeps_what_was_found() {
    let (world, watched) = four("upstream", true).await;
    watched.until_state(ClusterState::Healthy, LIMIT).await;
    world.rebuild("ns1", "ns2");
    watched.until_state(ClusterState::Latent, LIMIT).await;
    let estate = Arc::new(world.estate(Told::every(10)));
    watched.fleet.reload(&estate).await;
    watched.tracing.reload(&estate, None);
    let report = watched.report().expect("a report");
    assert_eq!((report.state, report.independent_exits), (ClusterState::Latent, Some(3)), "{}", watched.in_words());
    // And it goes on.
    world.rebuild("ns1", "upstream");
    watched.until_state(ClusterState::Healthy, LIMIT).await;
}

#[tokio::test(start_paused = true)]
async fn a_canary_zone_that_nobody_set_up_says_nothing() {
    let (world, watched) = four("itself", true).await;
    assert!(world.lab.outside().set_authority(CANARY, Authority::Refused));
    sleep(Duration::from_secs(120)).await;
    let report = watched.report().expect("a report");
    assert!(report.resolvers.iter().all(|seen| !seen.verdict.is_failing()), "{}", watched.in_words());
    assert_eq!(watched.surest_loop(), Confidence::None);
}
