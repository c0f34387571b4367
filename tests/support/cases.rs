//! Clusters that real servers and the embedded lab both play, with the truth about them.

use fathom::verdict::Verdict::{self, DeadEnd, ForwardsToSibling, LoopSuspected, Ok};

use super::resolvers::Software::{self, Bind, Dnsmasq, Knot, Pdns, Unbound};

/// One cluster. Its resolvers have tracers.
#[derive(Debug)]
pub struct Case {
    /// What it is, for the table.
    pub what: &'static str,
    /// Its resolvers: a name, the product, and what it forwards to: `upstream`, `closed`, `hole` or another of them.
    pub nodes: &'static [(&'static str, Software, &'static str)],
    /// The verdict that is due, of each.
    pub due: &'static [Verdict],
}

/// All cases. Every resolver has a name of its own, so that one world holds them all.
pub const CASES: &[Case] = &[
    Case {
        what: "BIND, ring of two",
        nodes: &[("a1", Bind, "a2"), ("a2", Bind, "a1")],
        due: &[LoopSuspected, LoopSuspected],
    },
    Case {
        what: "Unbound, ring of two",
        nodes: &[("b1", Unbound, "b2"), ("b2", Unbound, "b1")],
        due: &[LoopSuspected, LoopSuspected],
    },
    Case {
        what: "PowerDNS, ring of two",
        nodes: &[("c1", Pdns, "c2"), ("c2", Pdns, "c1")],
        due: &[LoopSuspected, LoopSuspected],
    },
    Case {
        what: "Knot, ring of two",
        nodes: &[("d1", Knot, "d2"), ("d2", Knot, "d1")],
        due: &[LoopSuspected, LoopSuspected],
    },
    Case {
        what: "dnsmasq, ring of two",
        nodes: &[("e1", Dnsmasq, "e2"), ("e2", Dnsmasq, "e1")],
        due: &[LoopSuspected, LoopSuspected],
    },
    Case {
        what: "BIND, a tail into a ring",
        nodes: &[("f1", Bind, "f2"), ("f2", Bind, "f3"), ("f3", Bind, "f2")],
        due: &[LoopSuspected, LoopSuspected, LoopSuspected],
    },
    Case {
        what: "PowerDNS, chain to a closed port",
        nodes: &[("g1", Pdns, "g2"), ("g2", Pdns, "closed")],
        due: &[DeadEnd, DeadEnd],
    },
    Case {
        what: "BIND, chain to a black hole",
        nodes: &[("h1", Bind, "h2"), ("h2", Bind, "hole")],
        due: &[DeadEnd, DeadEnd],
    },
    Case {
        what: "BIND, the first of three forwards to its sibling",
        nodes: &[("i1", Bind, "i2"), ("i2", Bind, "upstream"), ("i3", Bind, "upstream")],
        due: &[ForwardsToSibling, Ok, Ok],
    },
    Case {
        what: "all products, healthy",
        nodes: &[
            ("j1", Bind, "upstream"),
            ("j2", Unbound, "upstream"),
            ("j3", Pdns, "upstream"),
            ("j4", Knot, "upstream"),
            ("j5", Dnsmasq, "upstream"),
        ],
        due: &[Ok, Ok, Ok, Ok, Ok],
    },
];
