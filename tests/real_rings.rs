//! Rings and dead ends of every product, as Fathom sees them by their tracers.

#![expect(clippy::print_stdout, reason = "the test harness shows it")]

mod support;

use std::net::IpAddr;
use std::time::Duration;

use fathom::report::{Assessment, ClusterReport};
use fathom::verdict::{Confidence, Verdict};
use support::{BLACK_HOLE, CLOSED_PORT, Setup, Software, Told, Watched, World, datagrams, isolated};
use tokio::time::{Instant, sleep_until};

/// A verdict that is due: a round or two, of resolvers that take up to ten seconds to fail.
const LIMIT: Duration = Duration::from_secs(75);

/// What the rings, chains and black holes of one product may receive in all: questions and answers of the prober and of
/// the servers. A storm is ten thousand in a second.
const MOST_DATAGRAMS: u64 = 5_000;

/// For how long dnsmasq is watched: names that were not answered are asked again after a minute.
const UNDER_WATCH: Duration = Duration::from_secs(100);

/// A cluster of one world: its resolvers, each with what it forwards to.
struct Layout<'a> {
    what: &'a str,
    truth: &'a str,
    nodes: &'a [(&'a str, Software, &'a str)],
    /// What may be said of every resolver, and how surely at least.
    allowed: &'a [Verdict],
    at_least: Confidence,
}

/// Builds all layouts in one world, watches each, and waits for what is due.
async fn all_are_told(layouts: &[Layout<'_>]) {
    let before = datagrams();
    let names: Vec<&str> = layouts.iter().flat_map(|layout| layout.nodes.iter().map(|node| node.0)).collect();
    let names: Vec<&str> = names.into_iter().chain(["upstream"]).collect();
    let mut world = World::new(&names).await;
    world.build("upstream", Setup::new(Software::Bind)).await;
    for (name, software, to) in layouts.iter().flat_map(|layout| layout.nodes) {
        let to: Vec<IpAddr> = to.split(' ').map(|to| place(&world, to)).collect();
        world.build(name, Setup::new(*software).forward_only(&to).with_tracer()).await;
    }
    let (started, mut watched) = (Instant::now(), Vec::new());
    for (place, layout) in layouts.iter().enumerate() {
        let told = Told { tracers: true, authoritative: false, shares_beacon: place > 0, ..Told::every(10) };
        let names: Vec<&str> = layout.nodes.iter().map(|node| node.0).collect();
        watched.push(Watched::start(&world, &names, told).await);
    }
    for (layout, watched) in layouts.iter().zip(&watched) {
        let as_due = |report: &ClusterReport| {
            let due = |seen: &Assessment| layout.allowed.contains(&seen.verdict) && seen.confidence >= layout.at_least;
            report.resolvers.iter().all(due)
        };
        watched.until(layout.truth, LIMIT, as_due).await;
        println!("{}: after {:.1?}", layout.what, started.elapsed());
    }
    for (layout, watched) in layouts.iter().zip(&watched) {
        watched.record(layout.what, layout.truth);
    }
    if layouts.iter().any(|layout| layout.nodes.iter().any(|node| node.1 == Software::Dnsmasq)) {
        // Time enough for every name to be asked again, of everybody.
        sleep_until(started + UNDER_WATCH).await;
    }
    let sent = datagrams() - before;
    println!("{sent} datagrams in all");
    assert!(sent < MOST_DATAGRAMS, "a storm: {sent} datagrams");
}

fn place(world: &World, name: &str) -> IpAddr {
    match name {
        "closed" => CLOSED_PORT,
        "hole" => BLACK_HOLE,
        name => world.address(name),
    }
}

/// Two rings and two chains of one product.
async fn product(software: Software) {
    let what = |shape: &str| format!("{software:?}, {shape}");
    let (two, three) = (what("ring of two"), what("ring of three"));
    let (closed, hole) = (what("chain to a closed port"), what("chain to a black hole"));
    let ring = |what, nodes| Layout {
        what,
        truth: "loop",
        nodes,
        allowed: &[Verdict::LoopSuspected],
        at_least: Confidence::Confirmed,
    };
    let chain = |what, nodes| Layout {
        what,
        truth: "dead_end",
        nodes,
        allowed: &[Verdict::DeadEnd],
        at_least: Confidence::Probable,
    };
    all_are_told(&[
        ring(&two, &[("a1", software, "a2"), ("a2", software, "a1")]),
        ring(&three, &[("b1", software, "b2"), ("b2", software, "b3"), ("b3", software, "b1")]),
        chain(&closed, &[("c1", software, "c2"), ("c2", software, "closed")]),
        chain(&hole, &[("d1", software, "d2"), ("d2", software, "hole")]),
    ])
    .await;
}

#[test]
fn unbound() {
    isolated(async { product(Software::Unbound).await });
}

#[test]
fn powerdns() {
    isolated(async { product(Software::Pdns).await });
}

#[test]
fn knot() {
    isolated(async { product(Software::Knot).await });
}

#[test]
fn dnsmasq_without_a_storm() {
    isolated(async { product(Software::Dnsmasq).await });
}

#[test]
fn a_ring_of_four_products() {
    isolated(async {
        all_are_told(&[Layout {
            what: "mixed, BIND > Unbound > PowerDNS > Knot > BIND",
            truth: "loop",
            nodes: &[
                ("bind", Software::Bind, "unbound"),
                ("unbound", Software::Unbound, "pdns"),
                ("pdns", Software::Pdns, "knot"),
                ("knot", Software::Knot, "bind"),
            ],
            allowed: &[Verdict::LoopSuspected],
            at_least: Confidence::Confirmed,
        }])
        .await;
    });
}

#[test]
fn other_shapes() {
    isolated(async {
        let (bind, pdns) = (Software::Bind, Software::Pdns);
        all_are_told(&[
            Layout {
                what: "BIND, a tail of two into a ring of two",
                truth: "loop",
                nodes: &[("a1", bind, "a2"), ("a2", bind, "a3"), ("a3", bind, "a4"), ("a4", bind, "a3")],
                allowed: &[Verdict::LoopSuspected],
                at_least: Confidence::Confirmed,
            },
            Layout {
                what: "PowerDNS, two separate rings of two",
                truth: "loop",
                nodes: &[("b1", pdns, "b2"), ("b2", pdns, "b1"), ("b3", pdns, "b4"), ("b4", pdns, "b3")],
                allowed: &[Verdict::LoopSuspected],
                at_least: Confidence::Confirmed,
            },
            Layout {
                what: "BIND, a ring of two with a second, good forwarder",
                truth: "ring with a way out",
                nodes: &[("c1", bind, "c2 upstream"), ("c2", bind, "c1 upstream")],
                // BIND keeps to the forwarder that answers soonest, and then nothing leads to the sibling any more.
                allowed: &[Verdict::Ok, Verdict::ForwardsToSibling, Verdict::CycleWithExit],
                at_least: Confidence::Probable,
            },
            Layout {
                what: "BIND, one that forwards to itself beside a healthy one",
                truth: "loop (itself)",
                nodes: &[("d1", bind, "d1"), ("d2", bind, "upstream")],
                allowed: &[Verdict::LoopSuspected, Verdict::DeadEnd, Verdict::Ok],
                at_least: Confidence::Probable,
            },
        ])
        .await;
    });
}
