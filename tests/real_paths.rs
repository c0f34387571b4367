//! Forwarding paths of four BIND, as Fathom sees them through the rolling rebuild.

#![expect(clippy::print_stdout, reason = "the table and the delays are shown by the test harness")]

mod support;

use std::net::IpAddr;
use std::time::Duration;

use fathom::verdict::{ClusterState, Confidence, Verdict};
use support::{BLACK_HOLE, CLOSED_PORT, Setup, Software, Told, Watched, World, isolated};

const NODES: [&str; 4] = ["ns1", "ns2", "ns3", "ns4"];

/// How the replicas of one replay are set up.
#[derive(Debug, Clone, Copy)]
#[expect(clippy::struct_excessive_bools, reason = "independent switches: every combination is a replay of its own")]
struct Replay {
    tracers: bool,
    validating: bool,
    shared_upstream: bool,
    /// A rebuilt replica turns to its sibling first, and to the authorities when that fails; else to its sibling only.
    forward_first: bool,
}

impl Replay {
    fn setup(self) -> Setup {
        let mut setup = Setup::new(Software::Bind);
        setup.tracer = self.tracers;
        setup.validating = self.validating;
        setup
    }

    /// As it was before the first rebuild.
    fn healthy(self, world: &World) -> Setup {
        if self.shared_upstream { self.setup().forward_only(&[world.address("upstream")]) } else { self.setup() }
    }

    async fn run(self) {
        let mut world = World::new(&["ns1", "ns2", "ns3", "ns4", "upstream"]).await;
        world.build("upstream", Setup::new(Software::Bind)).await;
        for node in NODES {
            let setup = self.healthy(&world);
            world.build(node, setup).await;
        }
        let upstream = self.shared_upstream.then(|| world.address("upstream"));
        let told = Told { tracers: self.tracers, upstream, ..Told::every(10) };
        let watched = Watched::start(&world, &NODES, told).await;
        println!("{self:?}");

        let (report, after) = watched.until_state(ClusterState::Healthy, Duration::from_secs(20)).await;
        assert_eq!((report.independent_exits, report.last_exit), (Some(4), None));
        println!("stage 0 healthy after {after:.1?}: {}", report.sentence);

        for (stage, exits) in [(1, 3), (2, 2), (3, 1)] {
            self.rebuild(&mut world, stage - 1, NODES.get(stage).copied()).await;
            let what = format!("{exits} exits");
            let limit = Duration::from_secs(25);
            let (_, after) = watched.until(&what, limit, |report| report.independent_exits == Some(exits)).await;
            let (report, _) = watched
                .until("the sibling named", limit, |report| {
                    let seen = &report.resolvers[stage - 1];
                    seen.verdict == Verdict::ForwardsToSibling && seen.confidence == Confidence::Confirmed
                })
                .await;
            let expected = if exits == 1 { ClusterState::Fragile } else { ClusterState::Latent };
            assert_eq!(report.state, expected, "{}", watched.in_words());
            println!("stage {stage} {} after {after:.1?}: {}", report.state.as_str(), report.sentence);
            let truth = format!("forwards_to_sibling ({}), the others ok", NODES[..stage].join(" "));
            watched.record(&self.case(&stage.to_string()), &truth);
        }
        assert_eq!(watched.report().and_then(|report| report.last_exit), Some(3), "{}", watched.in_words());

        self.rebuild(&mut world, 3, Some("ns1")).await;
        if self.forward_first {
            let sure = if self.tracers { Confidence::Confirmed } else { Confidence::Probable };
            let after = watched.until_all(Verdict::CycleWithExit, sure, Duration::from_secs(60)).await;
            println!("stage 4 circle with a way out after {after:.1?}:\n{}", watched.in_words());
            watched.record(&self.case("4"), "cycle_with_exit");
            return self.mend(&mut world, &watched).await;
        }
        let sure = if self.tracers { Confidence::Confirmed } else { Confidence::Probable };
        // Without tracers answer times are compared, which a busy machine may put off by one more attempt.
        let after = watched.until_all(Verdict::LoopSuspected, sure, Duration::from_secs(150)).await;
        println!("stage 4 loop everywhere after {after:.1?}:\n{}", watched.in_words());
        watched.record(&self.case("4"), "loop");
        let (report, _) = watched.until_state(ClusterState::Outage, Duration::from_secs(60)).await;
        assert_eq!((report.independent_exits, report.last_exit), (Some(0), None));

        for (name, end) in [("4b", CLOSED_PORT), ("4c", BLACK_HOLE)] {
            let setup = self.setup().forward_only(&[end]);
            world.build("ns4", setup).await;
            let after = watched.until_all(Verdict::DeadEnd, Confidence::Probable, Duration::from_secs(150)).await;
            println!("stage {name} dead end everywhere after {after:.1?}:\n{}", watched.in_words());
            watched.forget_claims();
            watched.record(&self.case(name), "dead_end");
        }

        self.mend(&mut world, &watched).await;
    }

    /// Everybody gets the way out back.
    async fn mend(self, world: &mut World, watched: &Watched) {
        for node in NODES {
            let setup = self.healthy(world);
            world.build(node, setup).await;
        }
        let (report, after) = watched.until_state(ClusterState::Healthy, Duration::from_secs(90)).await;
        assert_eq!(report.independent_exits, Some(4), "{}", watched.in_words());
        println!("fixed: healthy after {after:.1?}");
    }

    fn case(self, stage: &str) -> String {
        let word = |yes: bool, word: &'static str| if yes { word } else { "" };
        format!(
            "stage {stage}, BIND{}{}{}{}",
            if self.tracers { ", tracers" } else { ", no tracers" },
            word(self.validating, ", validating"),
            word(self.forward_first, ", forward first"),
            if self.shared_upstream { ", shared upstream" } else { ", iterating" }
        )
    }

    async fn rebuild(self, world: &mut World, place: usize, forwarder: Option<&str>) {
        let to: Vec<IpAddr> = forwarder.map(|name| world.address(name)).into_iter().collect();
        let setup = self.setup();
        let setup = if self.forward_first { setup.forward_first(&to) } else { setup.forward_only(&to) };
        world.build(NODES[place], setup).await;
    }
}

/// Tracers, validating, behind a shared upstream, forward first.
const fn replay([tracers, validating, shared_upstream, forward_first]: [bool; 4]) -> Replay {
    Replay { tracers, validating, shared_upstream, forward_first }
}

#[test]
fn with_tracers_and_a_shared_upstream() {
    isolated(async { replay([true, false, true, false]).run().await });
}

#[test]
fn with_tracers_each_iterating_itself() {
    isolated(async { replay([true, false, false, false]).run().await });
}

#[test]
fn with_tracers_validating_behind_a_shared_upstream() {
    isolated(async { replay([true, true, true, false]).run().await });
}

#[test]
fn with_tracers_validating_each_iterating_itself() {
    isolated(async { replay([true, true, false, false]).run().await });
}

#[test]
fn without_tracers_and_a_shared_upstream() {
    isolated(async { replay([false, false, true, false]).run().await });
}

#[test]
fn without_tracers_each_iterating_itself() {
    isolated(async { replay([false, false, false, false]).run().await });
}

#[test]
fn without_tracers_validating_behind_a_shared_upstream() {
    isolated(async { replay([false, true, true, false]).run().await });
}

#[test]
fn without_tracers_validating_each_iterating_itself() {
    isolated(async { replay([false, true, false, false]).run().await });
}

#[test]
fn forward_first_behind_a_shared_upstream() {
    isolated(async { replay([true, false, true, true]).run().await });
}

#[test]
fn forward_first_validating_each_iterating_itself() {
    isolated(async { replay([true, true, false, true]).run().await });
}

#[test]
fn forward_first_without_tracers_behind_a_shared_upstream() {
    isolated(async { replay([false, false, true, true]).run().await });
}

#[test]
fn forward_first_without_tracers_validating_each_iterating_itself() {
    isolated(async { replay([false, true, false, true]).run().await });
}

#[test]
fn forward_first_in_a_ring_works_through_luck() {
    isolated(async {
        let mut world = World::new(&["ns1", "ns2"]).await;
        for (node, sibling) in [("ns1", "ns2"), ("ns2", "ns1")] {
            let setup = Setup::new(Software::Bind).forward_first(&[world.address(sibling)]).with_tracer();
            world.build(node, setup).await;
        }
        let watched = Watched::start(&world, &["ns1", "ns2"], Told { tracers: true, ..Told::every(10) }).await;
        let after = watched.until_all(Verdict::CycleWithExit, Confidence::Confirmed, Duration::from_secs(60)).await;
        println!("after {after:.1?}:\n{}", watched.in_words());
        watched.record("BIND, forward first, ring of two", "cycle_with_exit");
    });
}
