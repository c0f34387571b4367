//! The embedded lab behaves like the real servers: their timers, their way with loops and dead ends, in virtual time.
//!
//! The figures are those measured on BIND 9.18, Unbound 1.17, PowerDNS Recursor 4.8, Knot Resolver 5.6 and dnsmasq 2.90.

#![expect(clippy::unwrap_used, reason = "a test may fail")]

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use fathom::canary::tracer_address;
use fathom::estate::{DomainName, QueryClass, QueryType, Question};
use fathom::lab::{Authority, Fault, Lab, Node, PACKETS_PER_SECOND, Policy, Security, Software, Spec, Zone};
use fathom::transport::{Failure, Tcp, Udp};
use fathom::wire::{CaseMemory, Encoded, QueryTemplate, Rcode, Record, Reply};
use tokio::time::Instant;

/// Longer than any timer of any software here.
const PATIENCE: Duration = Duration::from_secs(120);

//----------- Asking ----------------------------------------------------------

fn question(qname: &str) -> Question {
    Question {
        qname: DomainName::parse(qname).unwrap(),
        qtype: QueryType::A,
        qclass: QueryClass::In,
        recursion_desired: true,
        checking_disabled: false,
        dnssec_ok: false,
    }
}

async fn ask_question(server: SocketAddr, question: Question) -> Result<(Reply, Duration), Failure> {
    let asked = QueryTemplate::new(&question).fresh(false);
    ask_encoded(server, &asked).await
}

async fn ask_encoded(server: SocketAddr, asked: &Encoded) -> Result<(Reply, Duration), Failure> {
    let started = Instant::now();
    let mut udp = Udp::connect(server, None)?;
    udp.send(&asked.bytes).await?;
    let reply =
        udp.receive(started + PATIENCE, |packet| Reply::decode(packet, asked, &CaseMemory::default()).ok()).await?;
    Ok((reply, started.elapsed()))
}

async fn ask(node: &Node, qname: &str) -> Result<(Reply, Duration), Failure> {
    ask_question(node.address(), question(qname)).await
}

/// The response code and the time to the answer in milliseconds, or nothing for silence.
async fn timed(node: &Node, qname: &str) -> Option<(Rcode, u128)> {
    match ask(node, qname).await {
        Ok((reply, after)) => Some((reply.rcode, after.as_millis())),
        Err(Failure::Silence) => None,
        Err(failure) => panic!("{qname}: {failure}"),
    }
}

fn addresses(reply: &Reply) -> Vec<String> {
    reply.answers.iter().filter_map(Record::address).map(|address| address.to_string()).collect()
}

//----------- Labs ------------------------------------------------------------

const SERVFAIL: Rcode = Rcode::SERVFAIL;

/// A lab whose outside answers for every name below `cold.example.`, 5 ms away, and keeps `www.example.org.` for 10 s.
async fn lab() -> Lab {
    let lab = Lab::start().await.unwrap();
    let latency = Duration::from_millis(5);
    lab.outside().add(Zone::new("cold.example.").with("*.cold.example.", 60, "A", "192.0.2.1"), latency);
    lab.outside().add(Zone::new("example.org.").with("www.example.org.", 10, "A", "192.0.2.2"), latency);
    lab
}

fn tracer(place: u8) -> DomainName {
    DomainName::parse(&format!("ns{place}.t.canary.example.")).unwrap()
}

async fn nodes(lab: &mut Lab, software: &[Software]) -> Vec<Node> {
    let mut nodes = Vec::new();
    for (place, software) in (1_u8..).zip(software) {
        let spec = Spec::new(&format!("ns{place}"), Ipv4Addr::new(127, 7, 0, place)).software(*software);
        let internal = Zone::new("int.example.").with("db1.int.example.", 300, "A", "10.1.0.5");
        nodes.push(lab.add(spec.zone(internal).tracer(&tracer(place))).await.unwrap());
    }
    nodes
}

/// Each forwards to the next, the last to the first.
fn close_ring(nodes: &[Node], policy: Policy) {
    for (node, next) in nodes.iter().zip(nodes.iter().cycle().skip(1)) {
        node.rebuild(&[next.address()], policy);
    }
}

async fn ring(lab: &mut Lab, software: &[Software]) -> Vec<Node> {
    let nodes = nodes(lab, software).await;
    close_ring(&nodes, Policy::Only);
    nodes
}

async fn one(lab: &mut Lab, software: Software, forwarder: SocketAddr) -> Node {
    let node = nodes(lab, &[software]).await.remove(0);
    node.set_forwarders(&[forwarder], Policy::Only);
    node
}

//----------- Timers of each software -----------------------------------------

#[tokio::test(start_paused = true)]
async fn a_bind_ring_fails_after_ten_seconds_on_binds_rhythm() {
    let mut lab = lab().await;
    let nodes = ring(&mut lab, &[Software::Bind; 3]).await;
    let started = Instant::now();
    let (rcode, after) = timed(&nodes[0], "n1.cold.example.").await.unwrap();
    assert_eq!(rcode, SERVFAIL);
    assert!((10_000..10_050).contains(&after), "{after} ms");
    for node in &nodes {
        let sent: Vec<u128> = node.sent().iter().map(|sent| (sent.at - started).as_millis() / 100 * 100).collect();
        assert_eq!(sent, [0, 1200, 2400, 3600, 5200, 8400], "{}", node.name());
    }
}

#[tokio::test(start_paused = true)]
async fn the_other_rings_fail_on_their_own_timers_or_never_answer() {
    for (software, expected) in [
        (Software::BindValidating, Some(10_000)),
        (Software::Unbound, None),
        (Software::Pdns, Some(1_500)),
        (Software::Knot, Some(4_000)),
        (Software::Dnsmasq, None),
    ] {
        for size in [1, 2, 3] {
            let mut lab = lab().await;
            let nodes = ring(&mut lab, &vec![software; size]).await;
            let got = timed(&nodes[0], "n1.cold.example.").await;
            match (got, expected) {
                (None, None) => {}
                (Some((rcode, after)), Some(at)) => {
                    assert_eq!(rcode, SERVFAIL, "{software}");
                    assert!((at..at + 50).contains(&after), "{software}, ring of {size}: {after} ms");
                }
                other => panic!("{software}, ring of {size}: {other:?}"),
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_mixed_ring_fails_on_its_shortest_timer() {
    let mut lab = lab().await;
    let nodes = ring(&mut lab, &[Software::Bind, Software::Unbound, Software::Pdns]).await;
    for node in &nodes {
        let (rcode, after) = timed(node, &format!("{}.cold.example.", node.name())).await.unwrap();
        assert_eq!(rcode, SERVFAIL, "{}", node.name());
        assert!((1_500..2_400).contains(&after), "{}: {after} ms", node.name());
    }
}

#[tokio::test(start_paused = true)]
async fn black_holes_and_closed_ports_look_as_each_software_makes_them_look() {
    for (software, black_hole, closed_port) in [
        (Software::Bind, Some(10_000), Some(0)),
        (Software::BindValidating, Some(10_000), Some(0)),
        (Software::Unbound, None, None),
        (Software::Pdns, Some(1_500), Some(0)),
        (Software::Knot, Some(4_000), Some(4_000)),
        (Software::Dnsmasq, None, None),
    ] {
        let mut lab = lab().await;
        let (black, closed) = (lab.black_hole(), lab.dead_end());
        for (forwarder, expected) in [(black, black_hole), (closed, closed_port)] {
            let node = one(&mut lab, software, forwarder).await;
            match (timed(&node, "n1.cold.example.").await, expected) {
                (None, None) => {}
                (Some((SERVFAIL, after)), Some(at)) => {
                    assert!((at..at + 5).contains(&after), "{software} to {forwarder}: {after} ms");
                }
                other => panic!("{software} to {forwarder}: {other:?}"),
            }
            node.inject(Fault::ClosedPort).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn unbound_and_knot_give_up_a_forwarder_that_does_not_answer() {
    let mut lab = lab().await;
    let black_hole = lab.black_hole();
    let unbound = one(&mut lab, Software::Unbound, black_hole).await;
    assert_eq!(timed(&unbound, "n1.cold.example.").await, None);
    assert_eq!(unbound.sent().len(), 9, "it backs off, and then gives the server up");
    assert_eq!(timed(&unbound, "n2.cold.example.").await, Some((SERVFAIL, 0)), "any other name fails at once");
    unbound.restart();
    assert_eq!(timed(&unbound, "n3.cold.example.").await, None, "a restart forgets");

    unbound.inject(Fault::ClosedPort).await;
    let knot = one(&mut lab, Software::Knot, black_hole).await;
    let (_, after) = timed(&knot, "n1.cold.example.").await.unwrap();
    assert!((4_000..4_005).contains(&after));
    assert_eq!(timed(&knot, "n2.cold.example.").await, Some((SERVFAIL, 0)));
    tokio::time::advance(Duration::from_secs(5)).await;
    let (_, after) = timed(&knot, "n3.cold.example.").await.unwrap();
    assert!((4_000..4_005).contains(&after), "now and then it tries again");
}

#[tokio::test(start_paused = true)]
async fn errors_of_a_forwarder_are_passed_on_at_once() {
    for software in Software::ALL {
        for (fault, relayed) in [(Fault::Refused, Rcode::REFUSED), (Fault::Servfail, SERVFAIL)] {
            let mut lab = lab().await;
            let nodes = nodes(&mut lab, &[software, Software::Bind]).await;
            nodes[0].set_forwarders(&[nodes[1].address()], Policy::Only);
            nodes[1].inject(fault).await;
            let (rcode, after) = timed(&nodes[0], "n1.cold.example.").await.unwrap();
            let expected = if software == Software::Dnsmasq { relayed } else { SERVFAIL };
            assert_eq!(rcode, expected, "{software}, {fault}");
            assert!(after < 5, "{software}: {after} ms");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn own_zones_tracers_and_identity_answer_at_once_while_a_ring_is_stuck() {
    for software in Software::ALL {
        let mut lab = lab().await;
        let nodes = ring(&mut lab, &[software; 2]).await;
        let stuck = ask(&nodes[0], "n1.cold.example.");
        let lively = async {
            let (reply, after) = ask(&nodes[0], "db1.int.example.").await.unwrap();
            assert!(reply.authoritative && after < Duration::from_millis(3), "{software}: {after:?}");
            assert_eq!(addresses(&reply), ["10.1.0.5"]);
            let (reply, after) = ask(&nodes[0], "x.ns2.t.canary.example.").await.unwrap();
            let expected = tracer_address(&tracer(2)).to_string();
            assert_eq!(addresses(&reply), [expected], "{software}: the tracer of the other, through the loop");
            assert!(after < Duration::from_millis(5), "{software}: {after:?}");
            assert_eq!(reply.smallest_ttl(), Some(0));
        };
        let (stuck, ()) = tokio::join!(stuck, lively);
        assert!(!stuck.is_ok_and(|(reply, _)| reply.rcode == Rcode::NOERROR), "{software}");
    }
}

//----------- Ways out of a ring ----------------------------------------------

#[tokio::test(start_paused = true)]
async fn forward_first_finds_its_own_way_after_two_timeouts() {
    let mut lab = lab().await;
    let nodes = nodes(&mut lab, &[Software::Bind; 2]).await;
    close_ring(&nodes, Policy::First);
    let (rcode, after) = timed(&nodes[0], "n1.cold.example.").await.unwrap();
    assert_eq!(rcode, Rcode::NOERROR);
    assert!((2_400..2_450).contains(&after), "{after} ms");
}

#[tokio::test(start_paused = true)]
async fn a_second_good_forwarder_hides_a_ring() {
    let mut lab = lab().await;
    let nodes = nodes(&mut lab, &[Software::Bind; 3]).await;
    nodes[0].set_forwarders(&[nodes[1].address(), nodes[2].address()], Policy::Only);
    nodes[1].set_forwarders(&[nodes[0].address()], Policy::Only);
    let (rcode, after) = timed(&nodes[0], "n1.cold.example.").await.unwrap();
    assert_eq!(rcode, Rcode::NOERROR);
    assert!((1_200..1_250).contains(&after), "one retry later: {after} ms");
}

//----------- Caches ----------------------------------------------------------

#[tokio::test(start_paused = true)]
async fn a_cache_counts_down_is_seen_without_rd_and_forgets() {
    let mut lab = lab().await;
    let node = nodes(&mut lab, &[Software::Bind]).await.remove(0);
    let without_rd = || Question { recursion_desired: false, ..question("www.example.org.") };
    let (reply, _) = ask_question(node.address(), without_rd()).await.unwrap();
    assert!(reply.answers.is_empty() && !reply.authorities.is_empty(), "a referral");
    assert_eq!(ask(&node, "www.example.org.").await.unwrap().0.smallest_ttl(), Some(10));
    tokio::time::advance(Duration::from_millis(4_100)).await;
    let (reply, _) = ask_question(node.address(), without_rd()).await.unwrap();
    assert_eq!((reply.smallest_ttl(), reply.authoritative), (Some(6), false));
    lab.outside().set_cut(true);
    assert_eq!(timed(&node, "www.example.org.").await, Some((Rcode::NOERROR, 0)), "the cache hides the outage");
    tokio::time::advance(Duration::from_secs(6)).await;
    let (rcode, after) = timed(&node, "www.example.org.").await.unwrap();
    assert_eq!(rcode, SERVFAIL, "and then no longer");
    assert!((10_000..10_010).contains(&after));
}

#[tokio::test(start_paused = true)]
async fn questions_without_rd_are_treated_as_each_software_does() {
    for (software, uncached) in [
        (Software::Bind, Rcode::NOERROR),
        (Software::Unbound, Rcode::REFUSED),
        (Software::Knot, Rcode::REFUSED),
        (Software::Pdns, Rcode::NOERROR),
        (Software::Dnsmasq, Rcode::NOERROR),
    ] {
        let mut lab = lab().await;
        let nodes = nodes(&mut lab, &[software, Software::Bind]).await;
        nodes[0].set_forwarders(&[nodes[1].address()], Policy::Only);
        let without_rd = Question { recursion_desired: false, ..question("www.example.org.") };
        let (reply, _) = ask_question(nodes[0].address(), without_rd.clone()).await.unwrap();
        assert_eq!((reply.rcode, reply.answers.len()), (uncached, 0), "{software}");
        let forwarded = !nodes[0].sent().is_empty();
        assert_eq!(forwarded, matches!(software, Software::Pdns | Software::Dnsmasq), "{software}");
        if software == Software::Pdns {
            let (reply, _) = ask(&nodes[0], "www.example.org.").await.unwrap();
            assert!(reply.answers.is_empty(), "the empty answer sits in the packet cache");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn bind_remembers_a_failure_for_a_second_and_tells_cd_apart() {
    let mut lab = lab().await;
    let dead_end = lab.dead_end();
    let node = one(&mut lab, Software::BindValidating, dead_end).await;
    let with_cd = |qname: &str| Question { checking_disabled: true, ..question(qname) };
    let sent = || node.sent().len();
    ask(&node, "n1.cold.example.").await.unwrap();
    ask(&node, "n1.cold.example.").await.unwrap();
    assert_eq!(sent(), 1, "remembered");
    ask_question(node.address(), with_cd("n1.cold.example.")).await.unwrap();
    assert_eq!(sent(), 2, "a failure without CD says nothing about a question with CD");
    tokio::time::advance(Duration::from_millis(1_001)).await;
    ask(&node, "n1.cold.example.").await.unwrap();
    assert_eq!(sent(), 3, "forgotten");
    ask_question(node.address(), with_cd("n2.cold.example.")).await.unwrap();
    ask(&node, "n2.cold.example.").await.unwrap();
    assert_eq!(sent(), 4, "a failure with CD is one without, too");
}

#[tokio::test(start_paused = true)]
async fn stale_answers_hide_an_outage_as_binds_and_unbounds_do() {
    for (software, first) in [(Software::Bind, 10_000), (Software::Unbound, 1_800)] {
        let mut lab = lab().await;
        let node = nodes(&mut lab, &[software]).await.remove(0);
        node.set_serve_stale(true);
        ask(&node, "www.example.org.").await.unwrap();
        lab.outside().set_cut(true);
        tokio::time::advance(Duration::from_secs(11)).await;
        let (reply, after) = ask(&node, "www.example.org.").await.unwrap();
        assert_eq!((reply.rcode, reply.smallest_ttl()), (Rcode::NOERROR, Some(30)), "{software}");
        assert!((first..first + 10).contains(&after.as_millis()), "{software}: {after:?}");
        assert_eq!(reply.extended_errors.iter().any(|error| error.code == 3), software == Software::Bind);
        let (_, after) = ask(&node, "www.example.org.").await.unwrap();
        assert_eq!(after, Duration::ZERO, "{software}: within the window at once");
    }
}

//----------- Joined fetches --------------------------------------------------

#[tokio::test(start_paused = true)]
async fn clients_join_a_fetch_and_those_beyond_ten_get_nothing() {
    let mut lab = lab().await;
    let black_hole = lab.black_hole();
    let node = one(&mut lab, Software::Bind, black_hole).await;
    let first = Instant::now();
    let mut clients = tokio::task::JoinSet::new();
    for _ in 0..12 {
        let (node, started) = (node.clone(), Instant::now());
        clients.spawn(async move {
            let asked = QueryTemplate::new(&question("n1.cold.example.")).fresh(false);
            let mut udp = Udp::connect(node.address(), None).unwrap();
            udp.send(&asked.bytes).await.unwrap();
            let accept = |packet: &[u8]| Reply::decode(packet, &asked, &CaseMemory::default()).ok();
            udp.receive(started + Duration::from_secs(30), accept).await.is_ok()
        });
        tokio::time::advance(Duration::from_millis(100)).await;
    }
    let answered = clients.join_all().await.into_iter().filter(|answered| *answered).count();
    assert_eq!(answered, 10, "clients-per-query");
    assert_eq!(node.sent().len(), 6, "one fetch for all");
    assert!(first.elapsed() < Duration::from_secs(32));
}

//----------- DNSSEC, transparency, identity ----------------------------------

#[tokio::test(start_paused = true)]
async fn a_broken_chain_of_trust_fails_only_where_it_is_checked() {
    let mut lab = lab().await;
    let nodes = nodes(&mut lab, &[Software::BindValidating, Software::Bind]).await;
    assert!(lab.outside().set_security("cold.example.", Security::Bogus));
    assert_eq!(ask(&nodes[0], "n1.cold.example.").await.unwrap().0.rcode, SERVFAIL);
    assert_eq!(ask(&nodes[1], "n1.cold.example.").await.unwrap().0.rcode, Rcode::NOERROR);
    let with_cd = Question { checking_disabled: true, ..question("n1.cold.example.") };
    assert_eq!(ask_question(nodes[0].address(), with_cd).await.unwrap().0.rcode, Rcode::NOERROR);
    lab.outside().set_security("cold.example.", Security::Secure);
    let with_do = Question { dnssec_ok: true, ..question("n2.cold.example.") };
    assert!(ask_question(nodes[0].address(), with_do).await.unwrap().0.authenticated);
}

#[tokio::test(start_paused = true)]
async fn servers_say_who_they_are_as_far_as_their_software_does() {
    for (software, id, version, nsid) in [
        (Software::Bind, true, true, Some("ns1")),
        (Software::Unbound, true, true, None),
        (Software::Pdns, true, true, Some("ns1")),
        (Software::Knot, false, false, Some("ns1")),
        // The next hop's name: dnsmasq relays the option.
        (Software::Dnsmasq, false, true, Some("ns2")),
    ] {
        let mut lab = lab().await;
        let nodes = nodes(&mut lab, &[software, Software::Bind]).await;
        nodes[0].set_forwarders(&[nodes[1].address()], Policy::Only);
        let chaos = |qname| Question {
            qname: DomainName::parse(qname).unwrap(),
            qtype: QueryType::Txt,
            qclass: QueryClass::Ch,
            ..question(".")
        };
        let (reply, _) = ask_question(nodes[0].address(), chaos("id.server.")).await.unwrap();
        assert_eq!(reply.answers.len(), usize::from(id), "{software}");
        let (reply, _) = ask_question(nodes[0].address(), chaos("version.bind.")).await.unwrap();
        assert_eq!(reply.answers.len(), usize::from(version), "{software}");
        let (reply, _) = ask(&nodes[0], "n1.cold.example.").await.unwrap();
        assert_eq!(reply.nsid.as_deref(), nsid, "{software}");
    }
}

//----------- Limits ----------------------------------------------------------

#[tokio::test(start_paused = true)]
async fn a_dnsmasq_ring_takes_two_packets_and_a_storm_is_capped() {
    let mut lab = lab().await;
    let nodes = ring(&mut lab, &[Software::Dnsmasq; 2]).await;
    let asked = QueryTemplate::new(&question("n1.cold.example.")).fresh(false);
    let udp = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
    udp.connect(nodes[0].address()).await.unwrap();
    udp.send(&asked.bytes).await.unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(nodes[0].received() + nodes[1].received(), 3, "the question, and one lap");
    // The one thing a prober must never do: the same question from the same port.
    udp.send(&asked.bytes).await.unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    let after_a_second = nodes[0].received() + nodes[1].received();
    assert!(after_a_second > 100, "a storm: {after_a_second}");
    assert!(after_a_second <= 4 * u64::from(PACKETS_PER_SECOND) + 4, "and its cap: {after_a_second}");
}

#[tokio::test(start_paused = true)]
async fn a_dead_authority_fails_its_own_zone_alone() {
    let mut lab = lab().await;
    let node = nodes(&mut lab, &[Software::Bind]).await.remove(0);
    assert!(lab.outside().set_authority("cold.example.", Authority::Dead));
    assert!(!lab.outside().set_authority("no-such-zone.example.", Authority::Dead));
    let (rcode, after) = timed(&node, "n1.cold.example.").await.unwrap();
    assert_eq!((rcode, after / 10), (SERVFAIL, 1_000));
    assert_eq!(ask(&node, "www.example.org.").await.unwrap().0.rcode, Rcode::NOERROR);
    lab.outside().set_authority("cold.example.", Authority::Refused);
    assert_eq!(ask(&node, "n2.cold.example.").await.unwrap().0.rcode, SERVFAIL);
    assert_eq!(ask(&node, "nothing.invalid.").await.unwrap().0.rcode, Rcode::NXDOMAIN);
}

#[tokio::test(start_paused = true)]
async fn a_restart_forgets_everything_and_leaves_clients_without_an_answer() {
    let mut lab = lab().await;
    let black_hole = lab.black_hole();
    let node = one(&mut lab, Software::Bind, black_hole).await;
    let stuck = ask(&node, "n1.cold.example.");
    let restart = async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        node.restart();
    };
    let (stuck, ()) = tokio::join!(stuck, restart);
    assert!(matches!(stuck, Err(Failure::Silence)));
}

#[tokio::test(start_paused = true)]
async fn tcp_answers_too_and_closes_when_the_software_does() {
    for (software, closes_after) in [(Software::Unbound, 17_000), (Software::Dnsmasq, 20_000)] {
        let mut lab = lab().await;
        let black_hole = lab.black_hole();
        let node = one(&mut lab, software, black_hole).await;
        for (qname, silent) in [("db1.int.example.", false), ("n1.cold.example.", true)] {
            let asked = QueryTemplate::new(&question(qname)).fresh(false);
            let (started, deadline) = (Instant::now(), Instant::now() + PATIENCE);
            let mut tcp = Tcp::connect(node.address(), None, deadline).await.unwrap();
            tcp.send(&asked.bytes, deadline).await.unwrap();
            let accept = |packet: &[u8]| Reply::decode(packet, &asked, &CaseMemory::default()).ok();
            let heard = tcp.receive(deadline, accept).await;
            if silent {
                assert!(matches!(heard, Err(Failure::ConnectionFailed(_))), "{software}: {heard:?}");
                assert_eq!(started.elapsed().as_millis() / 10, closes_after / 10, "{software}");
            } else {
                assert!(heard.unwrap().authoritative);
            }
        }
    }
}
