//! Forwarding paths of four BIND, as Fathom sees them through the rolling rebuild.

#![expect(clippy::print_stdout, reason = "the table and the delays are shown by the test harness")]

mod support;

use std::net::IpAddr;
use std::time::Duration;

use fathom::report::ClusterReport;
use fathom::verdict::{Confidence, Verdict};
use support::table::{self, Line};
use support::{BLACK_HOLE, CLOSED_PORT, Setup, Software, Told, Watched, World, isolated};

/// For what is due within a round or two. Without tracers answer times are compared, which a busy machine may put off
/// to the next attempt, five minutes later.
const LIMIT: Duration = Duration::from_secs(400);

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
        println!("{self:?}\n\n{}", table::HEAD);

        self.is_told(&watched, "0", &Line::due(0, None)).await;
        for stage in 1..=3 {
            self.rebuild(&mut world, stage - 1, NODES.get(stage).copied()).await;
            self.is_told(&watched, &stage.to_string(), &Line::due(stage, None)).await;
            let truth = format!("forwards_to_sibling ({}), the others ok", NODES[..stage].join(" "));
            watched.record(&self.case(&stage.to_string()), &truth);
        }

        self.rebuild(&mut world, 3, Some("ns1")).await;
        if self.forward_first {
            self.is_told(&watched, "4", &Line::due(4, Some("cycle_with_exit"))).await;
            watched.record(&self.case("4"), "cycle_with_exit");
            return self.mend(&mut world, &watched).await;
        }
        self.is_told(&watched, "4", &Line::due(4, Some("loop_suspected"))).await;
        watched.record(&self.case("4"), "loop");

        let mut ends = [("4b", CLOSED_PORT), ("4c", BLACK_HOLE)];
        if self.validating {
            // So that either is seen to follow on the loop.
            ends.reverse();
        }
        for ((name, end), generation) in ends.into_iter().zip(1..) {
            // A rebuild takes longer than a restart: it is noticed, here by another name for itself.
            let setup = Setup { generation, ..self.setup().forward_only(&[end]) };
            world.build("ns4", setup).await;
            self.is_told(&watched, name, &Line::due(3, Some("dead_end"))).await;
            if generation == 1 {
                watched.forget_claims();
            }
            watched.record(&self.case(name), "dead_end");
        }

        self.mend(&mut world, &watched).await;
    }

    /// Waits until this is said of everybody, and as surely as can be said; shows it as a line of the table.
    async fn is_told(self, watched: &Watched, stage: &str, due: &Line) {
        let sure = match due.verdicts[0] {
            "ok" | "forwards_to_sibling" => Confidence::Confirmed,
            // What fails late may also forward to itself, which tracers do not show.
            "dead_end" if stage == "4c" => Confidence::Probable,
            _ if self.tracers => Confidence::Confirmed,
            _ => Confidence::Probable,
        };
        let as_due = |report: &ClusterReport| {
            let seen = Line::of(report);
            // Caches and failures do not show every pair.
            let edges = !self.tracers || seen.edges == due.edges;
            // Of dead ends only these tell the one from the other.
            let ends_so = match stage {
                "4b" => table::fails_at_once(report),
                "4c" => !table::fails_at_once(report),
                _ => true,
            };
            seen.says_as(due) && edges && ends_so && report.resolvers.iter().all(|seen| seen.confidence >= sure)
        };
        let (report, after) = watched.until(&format!("stage {stage}: {due:?}"), LIMIT, as_due).await;
        println!("{}", table::line(stage, &report));
        println!("stage {stage} after {after:.1?}: {}", report.sentence);
    }

    /// Everybody gets the way out back.
    async fn mend(self, world: &mut World, watched: &Watched) {
        for node in NODES {
            let setup = self.healthy(world);
            world.build(node, setup).await;
        }
        self.is_told(watched, "fixed", &Line::due(0, None)).await;
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
