//! Every product, healthy and with nobody behind it.

#![expect(clippy::print_stdout, reason = "the test harness shows it when a test fails")]

mod support;

use std::net::IpAddr;
use std::ops::Range;
use std::time::Duration;

use hickory_proto::op::ResponseCode;
use support::{BLACK_HOLE, CLOSED_PORT, EXTERNAL, INTERNAL, Setup, Software, World, ask, isolated};

/// Longer than any answer of BIND's takes, which is the most patient of those that answer at all.
const PATIENCE: Duration = Duration::from_secs(12);

const NODES: [(&str, Software); 5] = [
    ("bind", Software::Bind),
    ("unbound", Software::Unbound),
    ("pdns", Software::Pdns),
    ("knot", Software::Knot),
    ("dnsmasq", Software::Dnsmasq),
];

/// All five products, forwarding to `forwarder`.
async fn all_forwarding_to(forwarder: impl Fn(&World) -> IpAddr) -> World {
    let mut world = World::new(&["upstream", "bind", "unbound", "pdns", "knot", "dnsmasq"]).await;
    world.build("upstream", Setup::new(Software::Bind)).await;
    let forwarder = forwarder(&world);
    for (node, software) in NODES {
        world.build(node, Setup::new(software).forward_only(&[forwarder]).with_tracer()).await;
    }
    world
}

#[test]
fn healthy_ones_answer_for_themselves_and_for_others() {
    isolated(async {
        let mut world = all_forwarding_to(|world| world.address("upstream")).await;
        for (node, software) in NODES {
            let address = world.address(node);
            for (name, expected) in [
                (EXTERNAL, "198.51.100.1".to_owned()),
                (INTERNAL.0, INTERNAL.1.to_owned()),
                ("anything.w.ctlog.example.", "198.51.100.2".to_owned()),
                (&format!("anything.{node}.t.canary.example.net."), address.to_string()),
            ] {
                let answer = ask(address, name, true, PATIENCE).await.expect("an answer");
                assert_eq!(answer.rcode(), ResponseCode::NoError, "{node} {name}");
                assert_eq!(answer.addresses(), [expected.parse::<IpAddr>().unwrap()], "{node} {name}");
            }
            // And without anybody's help, those who can.
            if software != Software::Dnsmasq {
                world.build(node, Setup::new(software)).await;
                let answer = ask(address, "another.w.example.com.", true, PATIENCE).await.expect("an answer");
                assert_eq!(answer.rcode(), ResponseCode::NoError, "{node} iterating");
            }
        }
    });
}

/// What a client sees of a name that nobody behind the resolver can tell.
#[derive(Debug)]
enum Ending {
    /// SERVFAIL after so many milliseconds.
    Servfail(Range<u128>),
    /// Nothing within [`PATIENCE`].
    Silence,
}

#[test]
fn a_closed_forwarder_port_fails_at_once_or_in_silence() {
    isolated(async {
        let world = all_forwarding_to(|_| CLOSED_PORT).await;
        let endings = [
            ("bind", Ending::Servfail(0..500)),
            ("unbound", Ending::Silence),
            ("pdns", Ending::Servfail(0..500)),
            ("knot", Ending::Servfail(0..5_000)),
            ("dnsmasq", Ending::Silence),
        ];
        all_end(&world, endings).await;
    });
}

#[test]
fn a_black_hole_fails_when_each_product_loses_patience() {
    isolated(async {
        let world = all_forwarding_to(|_| BLACK_HOLE).await;
        let endings = [
            ("bind", Ending::Servfail(9_900..10_500)),
            ("unbound", Ending::Silence),
            ("pdns", Ending::Servfail(1_400..2_500)),
            ("knot", Ending::Servfail(2_000..12_000)),
            ("dnsmasq", Ending::Silence),
        ];
        all_end(&world, endings).await;
    });
}

/// Asks every node for a name from the outside, and holds it to its ending; its own names it answers all the while.
async fn all_end(world: &World, endings: [(&str, Ending); 5]) {
    let asked = endings.map(|(node, ending)| {
        let address = world.address(node);
        let cold = tokio::spawn(ask(address, "anything.w.example.com.", true, PATIENCE));
        (node, address, ending, cold)
    });
    for (node, address, ending, cold) in asked {
        let own = ask(address, INTERNAL.0, true, PATIENCE).await.expect("an answer for its own name");
        assert_eq!(own.rcode(), ResponseCode::NoError, "{node}");
        let cold = cold.await.expect("no panic").map(|answer| (answer.rcode(), answer.after));
        println!("{node}: {cold:?}; its own name after {:?}", own.after);
        match ending {
            Ending::Servfail(milliseconds) => {
                let (rcode, after) = cold.expect("an answer");
                assert_eq!(rcode, ResponseCode::ServFail, "{node}");
                assert!(milliseconds.contains(&after.as_millis()), "{node}: {after:?}");
            }
            Ending::Silence => assert_eq!(cold, None, "{node}"),
        }
    }
}
