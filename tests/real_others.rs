//! Every product, healthy and with nobody behind it.

#![expect(clippy::print_stdout, reason = "the test harness shows it when a test fails")]

mod support;

use std::net::IpAddr;
use std::time::Duration;

use hickory_proto::op::ResponseCode;
use support::{
    Authority, BLACK_HOLE, Behind, CLOSED_PORT, EXTERNAL, Fathom, INTERNAL, PATIENCE, RD, Setup, Software, World, ask,
    datagrams, ending, isolated, name, probes,
};

const NODES: [(&str, Software); 5] = [
    ("bind", Software::Bind),
    ("unbound", Software::Unbound),
    ("pdns", Software::Pdns),
    ("knot", Software::Knot),
    ("dnsmasq", Software::Dnsmasq),
];

/// What Fathom waits in these tests.
const TIMEOUT: Duration = Duration::from_secs(5);

#[test]
fn healthy_ones_answer_for_themselves_and_for_others() {
    isolated(async {
        let mut world = all_healthy().await;
        for (node, software) in NODES {
            let address = world.address(node);
            for (name, expected) in [
                (EXTERNAL, "198.51.100.1".to_owned()),
                (INTERNAL.0, INTERNAL.1.to_owned()),
                ("anything.w.ctlog.example.", "198.51.100.2".to_owned()),
                (&format!("anything.{node}.t.canary.example.net."), address.to_string()),
            ] {
                let answer = ask(address, name, RD, PATIENCE).await.expect("an answer");
                assert_eq!(answer.rcode(), ResponseCode::NoError, "{node} {name}");
                assert_eq!(answer.addresses(), [expected.parse::<IpAddr>().expect("an address")], "{node} {name}");
            }
            // And without anybody's help, those who can.
            if software != Software::Dnsmasq {
                world.build(node, Setup::new(software)).await;
                let answer = ask(address, "another.w.example.com.", RD, PATIENCE).await.expect("an answer");
                assert_eq!(answer.rcode(), ResponseCode::NoError, "{node} iterating");
            }
        }
    });
}

/// Every product, forwarding to one that has a way out.
async fn all_healthy() -> World {
    let mut world = World::new(&["upstream", "bind", "unbound", "pdns", "knot", "dnsmasq"]).await;
    world.build("upstream", Setup::new(Software::Bind)).await;
    let upstream = world.address("upstream");
    for (node, software) in NODES {
        world.build(node, Setup::new(software).forward_only(&[upstream]).with_tracer()).await;
    }
    world
}

#[test]
fn a_closed_forwarder_port() {
    isolated(async { all_end_as_told(Behind::ClosedPort).await });
}

#[test]
fn a_forwarder_that_is_a_black_hole() {
    isolated(async { all_end_as_told(Behind::BlackHole).await });
}

#[test]
fn a_forwarder_that_refuses() {
    isolated(async { all_end_as_told(Behind::Refusal).await });
}

#[test]
fn a_ring_of_two() {
    isolated(async {
        let before = datagrams();
        all_end_as_told(Behind::Ring).await;
        // dnsmasq relays what it gets, round and round, if anybody asks the same again: nobody did.
        let sent = datagrams() - before;
        assert!(sent < 1_000, "{sent} datagrams for five questions");
    });
}

/// Every product with the same behind it: asks each for a name from the outside, and for its own, which it answers all
/// the while.
async fn all_end_as_told(behind: Behind) {
    let world = all_with(behind).await;
    let asked = NODES.map(|(node, software)| {
        let address = world.address(node);
        (node, software, address, tokio::spawn(ask(address, "anything.w.ctlog.example.", RD, PATIENCE)))
    });
    for (node, software, address, cold) in asked {
        let own = ask(address, INTERNAL.0, RD, PATIENCE).await.expect("an answer for its own name");
        assert_eq!(own.rcode(), ResponseCode::NoError, "{node}");
        let seen = cold.await.expect("no panic").map(|answer| (answer.rcode(), answer.after));
        println!("{behind:?}: {node}: {seen:?}; its own name after {:?}", own.after);
        let told = ending(software, behind);
        assert!(told.is(seen), "{behind:?}: {node}: {seen:?} instead of {told:?}");
    }
}

/// Every product, and what it forwards to.
async fn all_with(behind: Behind) -> World {
    let others = ["bind-2", "unbound-2", "pdns-2", "knot-2", "dnsmasq-2"];
    let names: Vec<_> = NODES.iter().map(|(node, _)| *node).chain(others).collect();
    let mut world = World::new(&names).await;
    for ((node, software), other) in NODES.into_iter().zip(others) {
        let forwarder = match behind {
            Behind::Ring => {
                let back = Setup::new(software).forward_only(&[world.address(node)]);
                world.build(other, back).await;
                world.address(other)
            }
            Behind::BlackHole => BLACK_HOLE,
            Behind::ClosedPort => CLOSED_PORT,
            // It serves one zone and knows nothing of the others.
            Behind::Refusal => Authority::External.address(),
        };
        world.build(node, Setup::new(software).forward_only(&[forwarder])).await;
    }
    world
}

#[test]
fn fathom_counts_healthy_ones_as_ok() {
    isolated(async {
        let world = all_healthy().await;
        fathom_counts(&world, |_| vec!["ok"]).await;
    });
}

#[test]
fn fathom_counts_what_a_closed_forwarder_port_leads_to() {
    isolated(async {
        let world = all_with(Behind::ClosedPort).await;
        fathom_counts(&world, |software| ending(software, Behind::ClosedPort).outcomes(TIMEOUT)).await;
    });
}

#[test]
fn fathom_counts_what_a_black_hole_leads_to() {
    isolated(async {
        let world = all_with(Behind::BlackHole).await;
        let fathom = fathom_counts(&world, |software| ending(software, Behind::BlackHole).outcomes(TIMEOUT)).await;
        // The one whose patience lies between that of clients and that of Fathom.
        let late = [("resolver", "bind"), ("rcode", "SERVFAIL")];
        fathom.metrics_when("a late SERVFAIL", |now| now.sum("dns_probe_late_replies_total", &late) > 0.0).await;
    });
}

/// Runs Fathom until every name was asked of every product once, and holds it to what it may count.
async fn fathom_counts(world: &World, allowed: impl Fn(Software) -> Vec<&'static str>) -> Fathom {
    let nodes = NODES.map(|(node, _)| node);
    let names = name("external", "{nonce}.w.example.com.", "198.51.100.2") + &name("internal", INTERNAL.0, INTERNAL.1);
    let defaults = "interval = \"10s\"\ntimeout = \"5s\"\npatience = \"14s\"";
    let fathom = Fathom::run(world.directory(), &probes(world, &nodes, defaults, &names)).await;
    let metrics = fathom.metrics().await;
    for (node, software) in NODES {
        for (class, allowed) in [("internal", vec!["ok"]), ("external", allowed(software))] {
            let labels = [("resolver", node), ("class", class)];
            let mut counted = metrics.sum_by("dns_probe_results_total", &labels, "result");
            counted.retain(|_, count| *count > 0.0);
            println!("{node}, {class}: {counted:?}");
            assert!(!counted.is_empty(), "{node}, {class}: nothing counted");
            let as_told = counted.keys().all(|outcome| allowed.contains(&outcome.as_str()));
            assert!(as_told, "{node}, {class}: {counted:?} instead of {allowed:?}");
        }
    }
    fathom
}
