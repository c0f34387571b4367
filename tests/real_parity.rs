//! The embedded lab is held to the real servers: of every cluster that both can play, Fathom says the same.

#![expect(clippy::print_stdout, reason = "the test harness shows it")]

mod support;

use std::net::IpAddr;
use std::thread;
use std::time::Duration;

use fathom::lab::{self, Fault};
use fathom::report::ClusterReport;
use fathom::verdict::{ClusterState, Confidence, Verdict};
use support::{
    Authority, BLACK_HOLE, CASES, CLOSED_PORT, Case, Setup, Simulated, Software, Told, Watched, World, cut_outside,
    isolated, played,
};

/// A verdict that is due: a round or two, of resolvers that take up to ten seconds to fail. Without tracers answer times
/// are compared, which a busy machine may put off by another attempt or two.
const LIMIT: Duration = Duration::from_secs(200);

const TOLD: Told = Told { authoritative: false, ..Told::every(10) };

/// What is said of each resolver.
type Said = Vec<(Verdict, Confidence)>;

/// What is said once it is as due.
async fn said(watched: &Watched, case: &Case) -> Said {
    let as_due = |report: &ClusterReport| {
        let pairs = report.resolvers.iter().zip(case.due);
        pairs.clone().all(|(seen, due)| seen.verdict == *due && seen.confidence >= case.at_least)
    };
    let (report, _) = watched.until(case.what, LIMIT, as_due).await;
    report.resolvers.iter().map(|seen| (seen.verdict, seen.confidence)).collect()
}

/// What the lab plays has a clock of its own, and so a thread.
fn on_a_paused_clock<T>(play: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build();
    runtime.expect("a runtime").block_on(play)
}

/// All cases in the lab.
fn in_the_lab(tracers: bool) -> Vec<Said> {
    on_a_paused_clock(async {
        let mut all = Vec::new();
        for case in cases(tracers) {
            let nodes: Vec<_> = case.nodes.iter().map(|(name, software, to)| (*name, played(*software), *to)).collect();
            let world = Simulated::start(&nodes, case.tracers).await;
            for (name, _, to) in case.nodes.iter().filter(|_| case.first) {
                world.rebuild_first(name, to);
            }
            all.push(said(&world.watch(TOLD).await, case).await);
        }
        all
    })
}

/// All cases with real servers, at the same time.
async fn for_real(tracers: bool) -> Vec<Said> {
    let nodes = || cases(tracers).flat_map(|case| case.nodes);
    let names: Vec<&str> = nodes().map(|node| node.0).chain(["upstream"]).collect();
    let mut world = World::new(&names).await;
    world.build("upstream", Setup::new(Software::Bind)).await;
    for (case, (name, software, to)) in cases(tracers).flat_map(|case| case.nodes.iter().map(move |node| (case, node)))
    {
        let to: IpAddr = match *to {
            "closed" => CLOSED_PORT,
            "hole" => BLACK_HOLE,
            name => world.address(name),
        };
        let setup = Setup { tracer: case.tracers, ..Setup::new(*software) };
        let setup = if case.first { setup.forward_first(&[to]) } else { setup.forward_only(&[to]) };
        world.build(name, setup).await;
    }
    let (mut watched, mut has_beacon) = (Vec::new(), false);
    for case in cases(tracers) {
        let names: Vec<&str> = case.nodes.iter().map(|node| node.0).collect();
        let told = Told { tracers: case.tracers, shares_beacon: case.tracers && has_beacon, ..TOLD };
        has_beacon |= case.tracers;
        watched.push(Watched::start(&world, &names, told).await);
    }
    let mut all = Vec::new();
    for (case, watched) in cases(tracers).zip(&watched) {
        all.push(said(watched, case).await);
    }
    all
}

/// What befalls three BIND that iterate, healthy until then.
#[derive(Debug, Clone, Copy)]
enum Event {
    /// The last one ends.
    OneDown,
    /// Nothing outside can be reached any more.
    OutsideGone,
    /// One of two authorities of names never asked before ends.
    AuthorityDead,
    /// They refuse recursion.
    RecursionRefused,
}

const THREE: [&str; 3] = ["ns1", "ns2", "ns3"];

impl Event {
    const fn due(self) -> [Verdict; 3] {
        match self {
            Self::OneDown => [Verdict::Ok, Verdict::Ok, Verdict::Down],
            Self::OutsideGone | Self::AuthorityDead => [Verdict::UpstreamFailing; 3],
            Self::RecursionRefused => [Verdict::RecursionRefused; 3],
        }
    }

    async fn befalls_real_servers(self) -> Said {
        let mut world = World::new(&THREE).await;
        for name in THREE {
            world.build(name, Setup::new(Software::Bind)).await;
        }
        let watched = Watched::start(&world, &THREE, Told::every(5)).await;
        watched.until_state(ClusterState::Healthy, LIMIT).await;
        match self {
            Self::OneDown => world.stop("ns3"),
            Self::OutsideGone => cut_outside(),
            Self::AuthorityDead => world.kill(Authority::Cold),
            Self::RecursionRefused => {
                for name in THREE {
                    world.build(name, Setup { refuse_recursion: true, ..Setup::new(Software::Bind) }).await;
                }
            }
        }
        self.is_told(&watched).await
    }

    async fn befalls_the_lab(self) -> Said {
        let world = Simulated::start(&THREE.map(|name| (name, lab::Software::Bind, "itself")), false).await;
        let watched = world.watch(Told::every(5)).await;
        watched.until_state(ClusterState::Healthy, LIMIT).await;
        match self {
            Self::OneDown => world.node("ns3").inject(Fault::ClosedPort).await,
            Self::OutsideGone => world.lab.outside().set_cut(true),
            Self::AuthorityDead => assert!(world.lab.outside().set_authority("example.org.", lab::Authority::Dead)),
            Self::RecursionRefused => {
                for name in THREE {
                    world.node(name).inject(Fault::RecursionRefused).await;
                }
            }
        }
        self.is_told(&watched).await
    }

    async fn is_told(self, watched: &Watched) -> Said {
        let as_due = |report: &ClusterReport| report.resolvers.iter().map(|seen| seen.verdict).eq(self.due());
        let (report, _) = watched.until(&format!("{self:?}"), LIMIT, as_due).await;
        report.resolvers.iter().map(|seen| (seen.verdict, seen.confidence)).collect()
    }

    /// The same verdicts, as surely.
    async fn is_the_same_in_both(self) {
        let lab = thread::spawn(move || on_a_paused_clock(self.befalls_the_lab()));
        let real = self.befalls_real_servers().await;
        assert_eq!(real, lab.join().expect("the lab says it too"), "{self:?}");
    }
}

#[test]
fn of_one_that_is_down() {
    isolated(async { Event::OneDown.is_the_same_in_both().await });
}

#[test]
fn of_the_outside_gone() {
    isolated(async { Event::OutsideGone.is_the_same_in_both().await });
}

#[test]
fn of_a_dead_authority() {
    isolated(async { Event::AuthorityDead.is_the_same_in_both().await });
}

#[test]
fn of_recursion_refused() {
    isolated(async { Event::RecursionRefused.is_the_same_in_both().await });
}

/// The cases with tracers, or those without.
fn cases(tracers: bool) -> impl Iterator<Item = &'static Case> + Clone {
    CASES.iter().filter(move |case| case.tracers == tracers)
}

#[test]
fn of_every_cluster_with_tracers() {
    isolated(async { are_the_same_in_both(true).await });
}

#[test]
fn of_every_cluster_without_tracers() {
    isolated(async { are_the_same_in_both(false).await });
}

async fn are_the_same_in_both(tracers: bool) {
    let lab = thread::spawn(move || in_the_lab(tracers));
    let real = for_real(tracers).await;
    let lab = lab.join().expect("the lab says it too");
    let words = |said: &Said| {
        let each: Vec<String> =
            said.iter().map(|(verdict, sure)| format!("{} {}", verdict.as_str(), sure.as_str())).collect();
        each.join(", ")
    };
    println!("| case | real servers | embedded lab |\n|---|---|---|");
    for ((case, real), lab) in cases(tracers).zip(&real).zip(&lab) {
        println!("| {} | {} | {} |", case.what, words(real), words(lab));
        let verdicts = |said: &Said| said.iter().map(|(verdict, _)| *verdict).collect::<Vec<_>>();
        assert_eq!(verdicts(real), verdicts(lab), "{}", case.what);
    }
}
