//! Rings and dead ends of every product, as Fathom sees them by their tracers.

mod support;

use std::time::Duration;

use fathom::report::ClusterReport;
use fathom::verdict::{Confidence, Verdict};
use support::{Layout, Setup, Software, Told, Watched, World, all_are_told, isolated};

/// With tracers, what is said stays: no time needs to pass.
const HOLD: Duration = Duration::ZERO;

/// Two rings and two chains of one product.
async fn product(software: Software) {
    let what = |shape: &str| format!("{software:?}, {shape}");
    let (two, three) = (what("ring of two"), what("ring of three"));
    let (closed, hole) = (what("chain to a closed port"), what("chain to a black hole"));
    all_are_told(
        &[
            Layout::ring(two, &[("a1", software, "a2"), ("a2", software, "a1")]),
            Layout::ring(three, &[("b1", software, "b2"), ("b2", software, "b3"), ("b3", software, "b1")]),
            Layout::chain(closed, &[("c1", software, "c2"), ("c2", software, "closed")]),
            Layout::chain(hole, &[("d1", software, "d2"), ("d2", software, "hole")]),
        ],
        HOLD,
    )
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
        let nodes = [
            ("bind", Software::Bind, "unbound"),
            ("unbound", Software::Unbound, "pdns"),
            ("pdns", Software::Pdns, "knot"),
            ("knot", Software::Knot, "bind"),
        ];
        all_are_told(&[Layout::ring("mixed, BIND > Unbound > PowerDNS > Knot > BIND", &nodes)], HOLD).await;
    });
}

#[test]
fn other_shapes() {
    isolated(async {
        let (bind, pdns) = (Software::Bind, Software::Pdns);
        let layouts = [
            Layout::ring(
                "BIND, a tail of two into a ring of two",
                &[("a1", bind, "a2"), ("a2", bind, "a3"), ("a3", bind, "a4"), ("a4", bind, "a3")],
            ),
            Layout::ring(
                "PowerDNS, two separate rings of two",
                &[("b1", pdns, "b2"), ("b2", pdns, "b1"), ("b3", pdns, "b4"), ("b4", pdns, "b3")],
            ),
            Layout {
                truth: "ring with a way out",
                // BIND keeps to the forwarder that answers soonest, and then nothing leads to the sibling any more.
                allowed: vec![Verdict::Ok, Verdict::ForwardsToSibling, Verdict::CycleWithExit],
                at_least: Confidence::Probable,
                loop_at_most: Confidence::Suspected,
                ..Layout::ring(
                    "BIND, a ring of two with a second, good forwarder",
                    &[("c1", bind, "c2 upstream"), ("c2", bind, "c1 upstream")],
                )
            },
        ];
        all_are_told(&layouts, HOLD).await;
    });
}

#[test]
fn one_that_forwards_to_itself() {
    isolated(async {
        let mut world = World::new(&["d1", "d2", "v1", "v2", "upstream"]).await;
        world.build("upstream", Setup::new(Software::Bind)).await;
        for (itself, healthy) in [("d1", "d2"), ("v1", "v2")] {
            let mut setup = Setup::new(Software::Bind).forward_only(&[world.address(itself)]).with_tracer();
            setup.validating = itself == "v1";
            world.build(itself, setup).await;
            let upstream = world.address("upstream");
            world.build(healthy, Setup::new(Software::Bind).forward_only(&[upstream]).with_tracer()).await;
        }
        let told = Told { tracers: true, authoritative: false, ..Told::every(10) };
        let plain = Watched::start(&world, &["d1", "d2"], told).await;
        let validating = Watched::start(&world, &["v1", "v2"], Told { shares_beacon: true, ..told }).await;
        for (watched, what) in [(&plain, "BIND"), (&validating, "BIND, validating")] {
            // Its own tracer says nothing of its forwarder: only the times of failures show the circle, which a busy machine
            // does not tell every time. Without them the end of its way is as good a word, as long as it says what that may be.
            let as_due = |report: &ClusterReport| {
                let [itself, healthy] = &report.resolvers[..] else { return false };
                let in_words = "forwards to something that does not answer, or to itself";
                let named = itself.verdict == Verdict::LoopSuspected
                    || (itself.verdict == Verdict::DeadEnd && itself.sentence.contains(in_words));
                let measured = itself.clues.iter().any(|clue| clue.text.starts_with("failure cache of "));
                named && measured && itself.confidence == Confidence::Probable && healthy.verdict == Verdict::Ok
            };
            let (report, after) = watched.until("a circle of one", Duration::from_secs(150), as_due).await;
            println!("{what}: after {after:.1?}: {}", report.resolvers[0].sentence);
            watched.record(&format!("{what}, one that forwards to itself beside a healthy one"), "loop (itself)");
        }
    });
}
