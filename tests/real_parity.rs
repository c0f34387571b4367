//! The embedded lab is held to the real servers: of every cluster that both can play, Fathom says the same.

mod support;

use std::net::IpAddr;
use std::thread;
use std::time::Duration;

use fathom::report::ClusterReport;
use fathom::verdict::{Confidence, Verdict};
use support::{
    BLACK_HOLE, CASES, CLOSED_PORT, Case, Setup, Simulated, Software, Told, Watched, World, isolated, played,
};

/// A verdict that is due: a round or two, of resolvers that take up to ten seconds to fail.
const LIMIT: Duration = Duration::from_secs(80);

const TOLD: Told = Told { tracers: true, authoritative: false, ..Told::every(10) };

/// What is said of each resolver.
type Said = Vec<(Verdict, Confidence)>;

/// What is said once it is as due.
async fn said(watched: &Watched, case: &Case) -> Said {
    let as_due = |report: &ClusterReport| {
        let pairs = report.resolvers.iter().zip(case.due);
        pairs.clone().all(|(seen, due)| seen.verdict == *due && seen.confidence >= Confidence::Probable)
    };
    let (report, _) = watched.until(case.what, LIMIT, as_due).await;
    report.resolvers.iter().map(|seen| (seen.verdict, seen.confidence)).collect()
}

/// All cases in the lab, on a thread and a clock of their own.
fn in_the_lab() -> Vec<Said> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build();
    runtime.expect("a runtime").block_on(async {
        let mut all = Vec::new();
        for case in CASES {
            let nodes: Vec<_> = case.nodes.iter().map(|(name, software, to)| (*name, played(*software), *to)).collect();
            let world = Simulated::start(&nodes, true).await;
            all.push(said(&world.watch(TOLD).await, case).await);
        }
        all
    })
}

/// All cases with real servers, at the same time.
async fn for_real() -> Vec<Said> {
    let nodes = || CASES.iter().flat_map(|case| case.nodes);
    let names: Vec<&str> = nodes().map(|node| node.0).chain(["upstream"]).collect();
    let mut world = World::new(&names).await;
    world.build("upstream", Setup::new(Software::Bind)).await;
    for (name, software, to) in nodes() {
        let to: IpAddr = match *to {
            "closed" => CLOSED_PORT,
            "hole" => BLACK_HOLE,
            name => world.address(name),
        };
        world.build(name, Setup::new(*software).forward_only(&[to]).with_tracer()).await;
    }
    let mut watched = Vec::new();
    for (place, case) in CASES.iter().enumerate() {
        let names: Vec<&str> = case.nodes.iter().map(|node| node.0).collect();
        watched.push(Watched::start(&world, &names, Told { shares_beacon: place > 0, ..TOLD }).await);
    }
    let mut all = Vec::new();
    for (case, watched) in CASES.iter().zip(&watched) {
        all.push(said(watched, case).await);
    }
    all
}

#[test]
fn of_every_cluster_that_both_can_play() {
    isolated(async {
        let lab = thread::spawn(in_the_lab);
        let real = for_real().await;
        let lab = lab.join().expect("the lab says it too");
        let words = |said: &Said| {
            let each: Vec<String> =
                said.iter().map(|(verdict, sure)| format!("{} {}", verdict.as_str(), sure.as_str())).collect();
            each.join(", ")
        };
        println!("| case | real servers | embedded lab |\n|---|---|---|");
        for ((case, real), lab) in CASES.iter().zip(&real).zip(&lab) {
            println!("| {} | {} | {} |", case.what, words(real), words(lab));
            let verdicts = |said: &Said| said.iter().map(|(verdict, _)| *verdict).collect::<Vec<_>>();
            assert_eq!(verdicts(real), verdicts(lab), "{}", case.what);
        }
    });
}
