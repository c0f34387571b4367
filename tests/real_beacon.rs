//! The beacon under real resolvers: each product finds it by delegation, and its answers come through unchanged.

mod support;

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use fathom::beacon::{Beacon, BeaconHandle, QueryResult};
use fathom::canary::{Answered, BeaconSaw, Flag, Keys, Kind, NonceFactory, read_answer};
use fathom::estate::{BeaconSettings, DomainName, QueryClass, QueryType, Question};
use fathom::transport::Udp;
use fathom::wire::{CaseMemory, QueryTemplate, Rcode, Reply};
use support::{BEACON, CANARY, Setup, Software, World, isolated};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

fn name(text: &str) -> DomainName {
    DomainName::parse(text).expect("a domain name")
}

/// The canary zone's server, at the address it is delegated to.
async fn start_beacon(keys: &Arc<Keys>) -> BeaconHandle {
    let settings = BeaconSettings {
        listen: SocketAddr::new(BEACON, 53),
        name_servers: vec![name(&format!("ns.{CANARY}"))],
        queries_per_second: 500,
        queries_per_second_per_prefix: 100,
    };
    let beacon = Beacon::bind(&settings, &name(CANARY), Arc::clone(keys)).await.expect("nobody else listens there");
    let handle = beacon.handle();
    tokio::spawn(beacon.run(CancellationToken::new()));
    handle
}

/// How a question is asked.
#[derive(Debug, Clone, Copy)]
struct How {
    recursion_desired: bool,
    checking_disabled: bool,
    dnssec_ok: bool,
}

const PLAIN: How = How { recursion_desired: true, checking_disabled: false, dnssec_ok: false };

/// Asks in mixed case, and takes a reply whatever its case.
async fn ask(server: IpAddr, qname: &DomainName, qtype: QueryType, how: How) -> Reply {
    let question = Question {
        qname: qname.clone(),
        qtype,
        qclass: QueryClass::In,
        recursion_desired: how.recursion_desired,
        checking_disabled: how.checking_disabled,
        dnssec_ok: how.dnssec_ok,
    };
    let asked = QueryTemplate::new(&question).fresh(true);
    let mut udp = Udp::connect(SocketAddr::new(server, 53), None).expect("a socket");
    udp.send(&asked.bytes).await.expect("it is sent");
    let deadline = Instant::now() + Duration::from_secs(10);
    let accept = |packet: &[u8]| Reply::decode(packet, &asked, &CaseMemory::default()).ok();
    udp.receive(deadline, accept).await.unwrap_or_else(|failure| panic!("{qname} at {server} {how:?}: {failure}"))
}

/// What the beacon saw of a question for this name that went through `server`.
async fn seen_through(server: IpAddr, asked: &DomainName, how: How, factory: &NonceFactory) -> BeaconSaw {
    let reply = ask(server, asked, QueryType::Txt, how).await;
    match read_answer(&reply, asked, None, factory.keys()) {
        Ok(Answered::Beacon(Some(saw))) => saw,
        other => panic!("{asked} at {server} {how:?}: {other:?} {reply:?}"),
    }
}

/// The product asks the beacon, from its own address, and passes on what it says.
async fn finds_the_beacon(world: &mut World, setup: Setup) {
    let software = setup.software;
    let keys = Arc::new(Keys::for_this_process());
    let beacon = start_beacon(&keys).await;
    let factory = NonceFactory::new(keys, name(CANARY));
    world.build("ns1", setup).await;
    let ns1 = world.address("ns1");

    for (place, checking_disabled, dnssec_ok) in
        [(0, false, false), (1, true, false), (2, false, true), (3, true, true), (4, false, false)]
    {
        let how = How { checking_disabled, dnssec_ok, ..PLAIN };
        let cold = factory.cold_name(Kind::Nonce, place).expect("a short name");
        let saw = seen_through(ns1, &cold, how, &factory).await;
        assert_eq!(saw.source, ns1, "{software:?} {how:?}: it left by itself");
        assert_eq!(saw.arrivals, 1, "{software:?} {how:?}: asked once");
        assert!(!saw.flags.has(Flag::Tcp), "{software:?} {how:?}: a datagram was enough");
        // What is cached stays what the beacon said, MAC and all.
        assert_eq!(seen_through(ns1, &cold, how, &factory).await.arrivals, 1, "{software:?}: from its cache");

        let tracer = factory.tracer_zone("zz").expect("a short name");
        let control = factory.tracer_name(&tracer, place).expect("a short name");
        let reply = ask(ns1, &control, QueryType::A, how).await;
        let answered = read_answer(&reply, &control, None, factory.keys());
        assert_eq!(answered, Ok(Answered::Beacon(None)), "{software:?} {how:?}: {reply:?}");
    }

    // Neighbours of what does not exist stay alive: nothing is denied.
    let unheard = ask(ns1, &name(&format!("{}.p.{CANARY}", "0".repeat(40))), QueryType::Txt, PLAIN).await;
    assert_eq!(unheard.rcode, Rcode::SERVFAIL, "{software:?}: refused by the beacon, so it failed");
    let between = ask(ns1, &name(&format!("p.{CANARY}")), QueryType::Txt, PLAIN).await;
    assert_eq!((between.rcode, between.answers.len()), (Rcode::NOERROR, 0), "{software:?}");
    let cold = factory.cold_name(Kind::Nonce, 9).expect("a short name");
    seen_through(ns1, &cold, PLAIN, &factory).await;

    let tally = beacon.tally();
    assert_eq!(tally.get(QueryResult::Malformed) + tally.get(QueryResult::NotImplemented), 0, "{software:?}");
    let arrivals = beacon.arrivals().since(None).arrivals;
    let sources: BTreeSet<IpAddr> = arrivals.iter().map(|came| came.saw.source).collect();
    assert_eq!(sources, [ns1].into(), "{software:?}");
    let names: BTreeSet<&DomainName> = arrivals.iter().map(|came| &came.name).collect();
    assert_eq!(names.len(), 11, "{software:?}: six cold names and five controls");
    assert!(arrivals.iter().all(|came| came.saw.arrivals == 1), "{software:?}: nothing was asked twice: {arrivals:?}");
}

#[test]
fn bind() {
    isolated(async {
        let mut world = World::new(&["ns1"]).await;
        finds_the_beacon(&mut world, Setup::new(Software::Bind)).await;
    });
}

#[test]
fn validating_bind() {
    isolated(async {
        let mut world = World::new(&["ns1"]).await;
        finds_the_beacon(&mut world, Setup::new(Software::Bind).validating()).await;
    });
}

#[test]
fn unbound() {
    isolated(async {
        let mut world = World::new(&["ns1"]).await;
        finds_the_beacon(&mut world, Setup::new(Software::Unbound)).await;
    });
}

#[test]
fn validating_unbound() {
    isolated(async {
        let mut world = World::new(&["ns1"]).await;
        finds_the_beacon(&mut world, Setup::new(Software::Unbound).validating()).await;
    });
}

#[test]
fn pdns() {
    isolated(async {
        let mut world = World::new(&["ns1"]).await;
        finds_the_beacon(&mut world, Setup::new(Software::Pdns)).await;
    });
}

#[test]
fn knot() {
    isolated(async {
        let mut world = World::new(&["ns1"]).await;
        finds_the_beacon(&mut world, Setup::new(Software::Knot)).await;
    });
}

/// dnsmasq cannot ask authorities itself: the beacon sees whom it forwards to, and the answer comes through all the same.
#[test]
fn dnsmasq_behind_bind() {
    isolated(async {
        let mut world = World::new(&["ns1", "ns2"]).await;
        let keys = Arc::new(Keys::for_this_process());
        let beacon = start_beacon(&keys).await;
        let factory = NonceFactory::new(keys, name(CANARY));
        world.build("ns2", Setup::new(Software::Bind)).await;
        let ns2 = world.address("ns2");
        world.build("ns1", Setup::new(Software::Dnsmasq).forward_only(&[ns2])).await;
        let cold = factory.cold_name(Kind::Nonce, 0).expect("a short name");
        let saw = seen_through(world.address("ns1"), &cold, PLAIN, &factory).await;
        assert_eq!((saw.source, saw.arrivals), (ns2, 1));
        assert_eq!(beacon.arrivals().since(None).arrivals.len(), 1);
    });
}
