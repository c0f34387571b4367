//! Clusters that real servers and the embedded lab both play, with the truth about them.

use fathom::verdict::Confidence;
use fathom::verdict::Verdict::{self, CycleWithExit, DeadEnd, ForwardsToSibling, LoopSuspected, Ok, RecursionFailing};

use super::resolvers::Software::{self, Bind, Dnsmasq, Knot, Pdns, Unbound};

/// One cluster.
#[derive(Debug)]
pub struct Case {
    /// What it is, for the table.
    pub what: &'static str,
    /// Its resolvers: a name, the product, and what it forwards to: `upstream`, `closed`, `hole` or another of them.
    pub nodes: &'static [(&'static str, Software, &'static str)],
    /// They have tracers.
    pub tracers: bool,
    /// They turn to the authorities themselves where that fails. BIND.
    pub first: bool,
    /// The verdict that is due, of each.
    pub due: &'static [Verdict],
    /// And how surely at least.
    pub at_least: Confidence,
}

impl Case {
    const fn new(
        what: &'static str,
        nodes: &'static [(&'static str, Software, &'static str)],
        due: &'static [Verdict],
    ) -> Self {
        Self { what, nodes, tracers: true, first: false, due, at_least: Confidence::Probable }
    }

    const fn unmarked(self) -> Self {
        Self { tracers: false, ..self }
    }

    /// Nothing tells the cause.
    const fn untold(self) -> Self {
        Self { tracers: false, at_least: Confidence::Suspected, ..self }
    }

    const fn first(self) -> Self {
        Self { first: true, ..self }
    }
}

/// All cases, without those that answer times alone tell: many servers side by side leave no time to compare, and
/// `real_paths` and `real_speed` have them. Every resolver has a name of its own, so that one world holds them all.
pub const CASES: &[Case] = &[
    Case::new("BIND, ring of two", &[("a1", Bind, "a2"), ("a2", Bind, "a1")], &[LoopSuspected, LoopSuspected]),
    Case::new("Unbound, ring of two", &[("b1", Unbound, "b2"), ("b2", Unbound, "b1")], &[LoopSuspected, LoopSuspected]),
    Case::new("PowerDNS, ring of two", &[("c1", Pdns, "c2"), ("c2", Pdns, "c1")], &[LoopSuspected, LoopSuspected]),
    Case::new("Knot, ring of two", &[("d1", Knot, "d2"), ("d2", Knot, "d1")], &[LoopSuspected, LoopSuspected]),
    Case::new("dnsmasq, ring of two", &[("e1", Dnsmasq, "e2"), ("e2", Dnsmasq, "e1")], &[LoopSuspected, LoopSuspected]),
    Case::new(
        "BIND, a tail into a ring",
        &[("f1", Bind, "f2"), ("f2", Bind, "f3"), ("f3", Bind, "f2")],
        &[LoopSuspected, LoopSuspected, LoopSuspected],
    ),
    Case::new("PowerDNS, chain to a closed port", &[("g1", Pdns, "g2"), ("g2", Pdns, "closed")], &[DeadEnd, DeadEnd]),
    Case::new("BIND, chain to a black hole", &[("h1", Bind, "h2"), ("h2", Bind, "hole")], &[DeadEnd, DeadEnd]),
    Case::new(
        "BIND, the first of three forwards to its sibling",
        &[("i1", Bind, "i2"), ("i2", Bind, "upstream"), ("i3", Bind, "upstream")],
        &[ForwardsToSibling, Ok, Ok],
    ),
    Case::new(
        "all products, healthy",
        &[
            ("j1", Bind, "upstream"),
            ("j2", Unbound, "upstream"),
            ("j3", Pdns, "upstream"),
            ("j4", Knot, "upstream"),
            ("j5", Dnsmasq, "upstream"),
        ],
        &[Ok, Ok, Ok, Ok, Ok],
    ),
    Case::new(
        "four products in a ring",
        &[("k1", Bind, "k2"), ("k2", Unbound, "k3"), ("k3", Pdns, "k4"), ("k4", Knot, "k1")],
        &[LoopSuspected; 4],
    ),
    Case::new(
        "PowerDNS, two rings of two",
        &[("l1", Pdns, "l2"), ("l2", Pdns, "l1"), ("l3", Pdns, "l4"), ("l4", Pdns, "l3")],
        &[LoopSuspected; 4],
    ),
    Case::new(
        "dnsmasq, chain to a closed port",
        &[("m1", Dnsmasq, "m2"), ("m2", Dnsmasq, "closed")],
        &[DeadEnd, DeadEnd],
    ),
    Case::new("Unbound, chain to a black hole", &[("n1", Unbound, "n2"), ("n2", Unbound, "hole")], &[DeadEnd, DeadEnd]),
    Case::new(
        "BIND, forward first, ring of two",
        &[("o1", Bind, "o2"), ("o2", Bind, "o1")],
        &[CycleWithExit, CycleWithExit],
    )
    .first(),
    Case::new("the same without tracers", &[("p1", Bind, "p2"), ("p2", Bind, "p1")], &[CycleWithExit, CycleWithExit])
        .first()
        .unmarked(),
    Case::new(
        "BIND, the first of three forwards to its sibling, no tracers",
        &[("q1", Bind, "q2"), ("q2", Bind, "upstream"), ("q3", Bind, "upstream")],
        &[ForwardsToSibling, Ok, Ok],
    )
    .unmarked(),
    Case::new(
        "BIND, chain to a closed port, no tracers",
        &[("t1", Bind, "t2"), ("t2", Bind, "closed")],
        &[DeadEnd, DeadEnd],
    )
    .unmarked(),
    Case::new(
        "PowerDNS, chain to a closed port, no tracers",
        &[("u1", Pdns, "u2"), ("u2", Pdns, "closed")],
        &[DeadEnd, DeadEnd],
    )
    .unmarked(),
    Case::new(
        "Unbound, ring of two, no tracers",
        &[("v1", Unbound, "v2"), ("v2", Unbound, "v1")],
        &[RecursionFailing, RecursionFailing],
    )
    .untold(),
    Case::new(
        "Knot, ring of two, no tracers",
        &[("w1", Knot, "w2"), ("w2", Knot, "w1")],
        &[RecursionFailing, RecursionFailing],
    )
    .untold(),
    Case::new(
        "dnsmasq, ring of two, no tracers",
        &[("x1", Dnsmasq, "x2"), ("x2", Dnsmasq, "x1")],
        &[RecursionFailing, RecursionFailing],
    )
    .untold(),
];
