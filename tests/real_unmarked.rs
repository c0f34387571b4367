//! Rings and dead ends of every product without tracers: what can be said then, and what must not be.

mod support;

use std::time::Duration;

use fathom::verdict::{Confidence, Verdict};
use support::{Layout, Node, Software, all_are_told, isolated};

/// Whoever is going to claim too much has to do so within this.
const HOLD: Duration = Duration::from_secs(40);

/// Of servers that neither show their cache nor remember failures: that they fail, and no cause.
const UNTOLD: [Verdict; 2] = [Verdict::RecursionFailing, Verdict::LoopSuspected];

/// Of those whose failures tell more.
const OR_AN_END: [Verdict; 3] = [Verdict::RecursionFailing, Verdict::LoopSuspected, Verdict::DeadEnd];

/// Two rings and two chains of one product, and what may be said of each. A circle is probable at the most, since no way is
/// seen; where nothing is, it may be suspected while a known upstream is well.
async fn product(software: Software, of_rings: &[Verdict], of_chains: &[Verdict], loop_at_most: Confidence) {
    use Confidence::Suspected;
    let what = |shape: &str| format!("{software:?}, no tracers, {shape}");
    let two = [("a1", software, "a2"), ("a2", software, "a1")];
    let three = [("b1", software, "b2"), ("b2", software, "b3"), ("b3", software, "b1")];
    let closed = [("c1", software, "c2"), ("c2", software, "closed")];
    let hole = [("d1", software, "d2"), ("d2", software, "hole")];
    let ring = |shape, nodes: &[Node]| Layout::ring(what(shape), nodes).unmarked(of_rings, Suspected, loop_at_most);
    let chain = |shape, nodes: &[Node]| Layout::chain(what(shape), nodes).unmarked(of_chains, Suspected, Suspected);
    let layouts = [
        Layout { upstream_known: true, ..ring("ring of two, upstream known", &two) },
        ring("ring of three", &three),
        chain("chain to a closed port", &closed),
        Layout { upstream_known: true, ..chain("chain to a black hole, upstream known", &hole) },
    ];
    all_are_told(&layouts, HOLD).await;
}

#[test]
fn unbound() {
    isolated(async { product(Software::Unbound, &UNTOLD, &UNTOLD, Confidence::Suspected).await });
}

#[test]
fn powerdns() {
    isolated(async { product(Software::Pdns, &UNTOLD, &OR_AN_END, Confidence::Probable).await });
}

#[test]
fn knot() {
    isolated(async { product(Software::Knot, &UNTOLD, &UNTOLD, Confidence::Suspected).await });
}

#[test]
fn dnsmasq_without_a_storm() {
    isolated(async { product(Software::Dnsmasq, &UNTOLD, &UNTOLD, Confidence::Suspected).await });
}
