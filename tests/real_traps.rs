//! What hides an outage, and what looks like one: that the servers really do it, seen without Fathom.

mod support;

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use hickory_proto::op::ResponseCode;
use support::{
    Authority, BROKEN, CLOSED_PORT, EXTERNAL, INTERNAL, NO_RD, PATIENCE, RD, RD_CD, Relay, Setup, Software, TTL,
    Weather, World, ask, cut_outside, isolated, mend_outside,
};
use tokio::time::{Instant, sleep};

#[test]
fn validators_fail_a_broken_chain_and_nothing_else() {
    isolated(async {
        let mut world = World::new(&["bind", "unbound"]).await;
        for (node, software) in [("bind", Software::Bind), ("unbound", Software::Unbound)] {
            world.build(node, Setup::new(software).validating()).await;
            let rcode = async |name: &'static str, flags| {
                ask(world.address(node), name, flags, PATIENCE).await.expect("an answer").rcode()
            };
            assert_eq!(rcode(EXTERNAL, RD).await, ResponseCode::NoError, "{node}");
            assert_eq!(rcode(BROKEN, RD).await, ResponseCode::ServFail, "{node}");
            assert_eq!(rcode(BROKEN, RD_CD).await, ResponseCode::NoError, "{node}");
        }
    });
}

#[test]
fn forward_first_hides_a_ring() {
    isolated(async {
        let mut world = World::new(&["ns1", "ns2"]).await;
        let (ns1, ns2) = (world.address("ns1"), world.address("ns2"));
        world.build("ns1", Setup::new(Software::Bind).forward_first(&[ns2])).await;
        world.build("ns2", Setup::new(Software::Bind).forward_first(&[ns1])).await;
        let answer = ask(ns1, "masked.w.example.com.", RD, PATIENCE).await.expect("an answer");
        println!("forward first, ring of two: {} after {:?}", answer.rcode(), answer.after);
        assert_eq!(answer.rcode(), ResponseCode::NoError);
        assert!(answer.after > Duration::from_secs(1), "{:?}", answer.after);
    });
}

#[test]
fn stale_answers_hide_an_outage() {
    isolated(async {
        let mut world = World::new(&["ns1"]).await;
        let ns1 = world.address("ns1");
        let mut setup = Setup::new(Software::Bind);
        setup.serve_stale = true;
        world.build("ns1", setup).await;
        assert_eq!(ask(ns1, EXTERNAL, RD, PATIENCE).await.expect("an answer").rcode(), ResponseCode::NoError);
        world.kill(Authority::External);
        // The cache lets go of it when its time is over, and only then.
        let cached = Instant::now();
        while ask(ns1, EXTERNAL, NO_RD, PATIENCE).await.is_some_and(|answer| !answer.addresses().is_empty()) {
            assert!(cached.elapsed() < Duration::from_secs(u64::from(TTL) + 10), "it never expires");
            sleep(Duration::from_millis(200)).await;
        }
        let answer = ask(ns1, EXTERNAL, RD, PATIENCE).await.expect("an answer");
        println!("stale after {:?}: {} after {:?}", cached.elapsed(), answer.rcode(), answer.after);
        assert_eq!(answer.rcode(), ResponseCode::NoError);
        assert_eq!(answer.message.answers[0].ttl, 30);
        // A name it does not know it cannot help with.
        let cold = ask(ns1, "cold.w.example.com.", RD, PATIENCE).await.expect("an answer");
        assert_eq!(cold.rcode(), ResponseCode::ServFail);
    });
}

#[test]
fn refused_recursion_leaves_own_names_alone() {
    isolated(async {
        let mut world = World::new(&["bind", "unbound"]).await;
        for (node, software) in [("bind", Software::Bind), ("unbound", Software::Unbound)] {
            let mut setup = Setup::new(software);
            setup.refuse_recursion = true;
            world.build(node, setup).await;
            let address = world.address(node);
            let answer = ask(address, EXTERNAL, RD, PATIENCE).await.expect("an answer");
            assert_eq!(answer.rcode(), ResponseCode::Refused, "{node}");
            let answer = ask(address, INTERNAL.0, RD, PATIENCE).await.expect("an answer");
            assert_eq!(answer.rcode(), ResponseCode::NoError, "{node}");
        }
    });
}

#[test]
fn rate_limited_responses_go_missing() {
    isolated(async {
        let mut world = World::new(&["ns1"]).await;
        let mut setup = Setup::new(Software::Bind);
        setup.rate_limit = true;
        world.build("ns1", setup).await;
        let mut answered = 0;
        for _ in 0..60 {
            let answer = ask(world.address("ns1"), INTERNAL.0, RD, Duration::from_millis(50)).await;
            answered += u32::from(answer.is_some_and(|answer| !answer.addresses().is_empty()));
        }
        assert!((1..60).contains(&answered), "{answered} of 60 answered");
    });
}

#[test]
fn an_uplink_that_is_gone_and_back_again() {
    isolated(async {
        let mut world = World::new(&["ns1"]).await;
        world.build("ns1", Setup::new(Software::Bind)).await;
        let ns1 = world.address("ns1");
        cut_outside();
        // With nothing in its cache it waits for the root, and ends later than with a forwarder that is a black hole.
        let answer = ask(ns1, "gone.w.example.com.", RD, PATIENCE).await.expect("an answer");
        println!("iterating, cold, uplink gone: {} after {:?}", answer.rcode(), answer.after);
        assert_eq!(answer.rcode(), ResponseCode::ServFail);
        mend_outside();
        let answer = ask(ns1, "back.w.example.com.", RD, PATIENCE).await.expect("an answer");
        assert_eq!(answer.rcode(), ResponseCode::NoError);
        cut_outside();
        let answer = ask(ns1, "gone-again.w.example.com.", RD, PATIENCE).await.expect("an answer");
        println!("iterating, warm, uplink gone: {} after {:?}", answer.rcode(), answer.after);
        assert_eq!(answer.rcode(), ResponseCode::ServFail);
        // The resolver itself, cut off and back again.
        world.cut("ns1");
        assert!(ask(ns1, INTERNAL.0, RD, Duration::from_millis(300)).await.is_none());
        world.mend("ns1");
        assert!(ask(ns1, INTERNAL.0, RD, PATIENCE).await.is_some());
        world.stop("ns1");
        let asked = Instant::now();
        assert!(ask(ns1, INTERNAL.0, RD, PATIENCE).await.is_none() && asked.elapsed() < Duration::from_secs(1));
    });
}

#[test]
fn a_bad_line_loses_and_delays() {
    isolated(async {
        let mut world = World::new(&["ns1", "ns2"]).await;
        world.build("ns1", Setup::new(Software::Bind)).await;
        let line = IpAddr::V4(Ipv4Addr::new(10, 9, 0, 1));
        let weather = Weather { loss_percent: 30, delay: Duration::from_millis(20) };
        let relay = Relay::start(line, world.address("ns1"), weather).await;
        let mut answered = 0;
        for _ in 0..100 {
            if let Some(answer) = ask(line, INTERNAL.0, RD, Duration::from_millis(200)).await {
                assert!(answer.after >= Duration::from_millis(40), "{:?}", answer.after);
                answered += 1;
            }
        }
        // Nearly half of them lose the query or the answer.
        assert!((30..70).contains(&answered), "{answered} of 100 answered");
        assert_eq!(relay.queries(), 100);
        // And a resolver can have the bad line between itself and its forwarder.
        world.build("ns2", Setup::new(Software::Bind).forward_only(&[line, CLOSED_PORT])).await;
        let answer = ask(world.address("ns2"), EXTERNAL, RD, PATIENCE).await.expect("an answer");
        assert!(answer.after >= Duration::from_millis(40) || answer.rcode() == ResponseCode::ServFail);
    });
}
