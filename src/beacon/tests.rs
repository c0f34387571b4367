//! The whole beacon: on real sockets in virtual time, and as a function of hostile bytes.

use std::collections::HashSet;
use std::net::IpAddr;
use std::time::Duration;

use hickory_proto::op::{Edns, MessageType, OpCode, Query};
use hickory_proto::rr::Name;
use proptest::prelude::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::Instant;

use super::*;
use crate::canary::{Answered, Kind, NonceFactory, read_answer};
use crate::estate::{QueryClass, QueryType};
use crate::transport::{Tcp, Udp};
use crate::wire::{CaseMemory, QueryTemplate, Reply};

fn name(text: &str) -> DomainName {
    DomainName::parse(text).unwrap()
}

fn keys() -> Arc<Keys> {
    Arc::new(Keys::new(Key::new(&[1; 32]).unwrap(), None))
}

fn settings(rate: u32) -> BeaconSettings {
    BeaconSettings {
        listen: "127.0.0.1:0".parse().unwrap(),
        name_servers: vec![name("ns1.canary.example."), name("ns2.example.")],
        queries_per_second: 25 * rate,
        queries_per_second_per_prefix: rate,
    }
}

fn zone() -> DomainName {
    name("canary.example.")
}

fn factory() -> NonceFactory {
    NonceFactory::new(keys(), zone())
}

/// A beacon that answers until the test ends.
struct Running {
    address: SocketAddr,
    handle: BeaconHandle,
    shutdown: CancellationToken,
    task: tokio::task::JoinHandle<()>,
}

async fn start(rate: u32) -> Running {
    let beacon = Beacon::bind(&settings(rate), &zone(), keys()).await.unwrap();
    let (address, handle, shutdown) = (beacon.address(), beacon.handle(), CancellationToken::new());
    let task = tokio::spawn(beacon.run(shutdown.clone()));
    Running { address, handle, shutdown, task }
}

fn question(qname: &DomainName, qtype: QueryType) -> crate::estate::Question {
    crate::estate::Question {
        qname: qname.clone(),
        qtype,
        qclass: QueryClass::In,
        recursion_desired: false,
        checking_disabled: true,
        dnssec_ok: true,
    }
}

/// Asks as a prober does, in mixed case, and insists on the question coming back letter for letter.
async fn ask(running: &Running, qname: &DomainName, qtype: QueryType, over: Transport) -> Option<Reply> {
    let asked = QueryTemplate::new(&question(qname, qtype)).fresh(true);
    let case = CaseMemory::default();
    assert!(case.admits(true), "from now on the beacon is held to the case of the question");
    let deadline = Instant::now() + Duration::from_secs(2);
    let accept = |packet: &[u8]| Reply::decode(packet, &asked, &case).ok();
    match over {
        Transport::Udp => {
            let mut udp = Udp::connect(running.address, None).unwrap();
            udp.send(&asked.bytes).await.unwrap();
            udp.receive(deadline, accept).await.ok()
        }
        Transport::Tcp => {
            let mut tcp = Tcp::connect(running.address, None, deadline).await.unwrap();
            tcp.send(&asked.bytes, deadline).await.unwrap();
            tcp.receive(deadline, accept).await.ok()
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_prober_learns_what_the_beacon_saw() {
    let running = start(20).await;
    let factory = factory();
    let cold = factory.cold_name(Kind::Nonce, 4).unwrap();
    for (count, over) in [(1, Transport::Udp), (2, Transport::Tcp)] {
        let reply = ask(&running, &cold, QueryType::Txt, over).await.unwrap();
        assert!(reply.authoritative && !reply.recursion_available && reply.packet.len() <= 400, "{reply:?}");
        assert_eq!(reply.smallest_ttl(), Some(300));
        let Ok(Answered::Beacon(Some(saw))) = read_answer(&reply, &cold, None, factory.keys()) else {
            panic!("{reply:?}")
        };
        assert_eq!((saw.source, saw.arrivals), ("127.0.0.1".parse::<IpAddr>().unwrap(), count));
        let expected = [Flag::CheckingDisabled, Flag::DnssecOk, Flag::Tcp, Flag::MixedCase];
        let expected: Vec<_> =
            expected.into_iter().filter(|flag| *flag != Flag::Tcp || over == Transport::Tcp).collect();
        assert_eq!(saw.flags.iter().collect::<Vec<_>>(), expected);
        assert_eq!((saw.udp_payload, saw.options), (Some(1232), vec![3]));
    }
    let tracer = factory.tracer_zone("ns1").unwrap();
    let probed = factory.tracer_name(&tracer, 1).unwrap();
    let reply = ask(&running, &probed, QueryType::A, Transport::Udp).await.unwrap();
    assert_eq!(read_answer(&reply, &probed, None, factory.keys()), Ok(Answered::Beacon(None)));
    assert_eq!(reply.smallest_ttl(), Some(0));

    let page = running.handle.arrivals().since(None);
    let came: Vec<_> = page.arrivals.iter().map(|arrival| (&arrival.name, arrival.qtype, arrival.nonce.kind)).collect();
    assert_eq!(came, [(&cold, 16, Kind::Nonce), (&cold, 16, Kind::Nonce), (&probed, 1, Kind::Tracer)]);
    assert_eq!(running.handle.tally().get(QueryResult::Answered), 3);
    running.shutdown.cancel();
    running.task.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn the_zone_itself_is_sound() {
    let running = start(100).await;
    let ask = async |qname: &str, qtype| ask(&running, &name(qname), qtype, Transport::Udp).await.unwrap();
    let line = |record: &crate::wire::Record| record.to_string().to_ascii_lowercase();
    let soa = ask("canary.example.", QueryType::Soa).await;
    assert_eq!(
        line(&soa.answers[0]),
        "canary.example. 1 in soa ns1.canary.example. hostmaster.canary.example. 1 3600 600 86400 1"
    );
    let ns = ask("canary.example.", QueryType::Ns).await;
    let servers: Vec<_> = ns.answers.iter().map(line).collect();
    assert_eq!(
        servers,
        ["canary.example. 86400 in ns ns1.canary.example.", "canary.example. 86400 in ns ns2.example."]
    );
    let glue = ask("ns1.canary.example.", QueryType::A).await;
    assert_eq!(line(&glue.answers[0]), "ns1.canary.example. 86400 in a 127.0.0.1");

    let cold = factory().cold_name(Kind::Nonce, 0).unwrap();
    for (qname, qtype) in [
        ("canary.example.", QueryType::Dnskey),
        ("canary.example.", QueryType::A),
        ("ns1.canary.example.", QueryType::Aaaa),
        ("p.canary.example.", QueryType::Ns),
        ("t.canary.example.", QueryType::A),
        ("ns1.t.canary.example.", QueryType::Ns),
        ("_.p.canary.example.", QueryType::A),
        (cold.as_str(), QueryType::Aaaa),
        (cold.as_str(), QueryType::Ds),
    ] {
        let reply = ask(qname, qtype).await;
        let case = format!("{qname} {}", qtype.as_str());
        assert!(reply.authoritative && reply.rcode.0 == 0 && reply.answers.is_empty(), "{case}: {reply:?}");
        assert_eq!(reply.authorities.iter().map(crate::wire::Record::rtype).collect::<Vec<_>>(), [6], "{case}");
        assert!(reply.packet.len() <= 400, "{case}: {}", reply.packet.len());
    }
    assert_eq!(running.handle.tally().get(QueryResult::Zone), 10, "all but the signed name");
}

#[tokio::test(start_paused = true)]
async fn strangers_are_refused_then_met_with_silence_and_a_prober_is_still_heard() {
    let running = start(20).await;
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let guess = name(&format!("{}.p.canary.example.", "0".repeat(40)));
    for _ in 0..8 {
        let guess = QueryTemplate::new(&question(&guess, QueryType::Txt)).fresh(true);
        socket.send_to(&guess.bytes, running.address).await.unwrap();
    }
    let mut rcodes = Vec::new();
    let mut buffer = [0; 512];
    let end = Instant::now() + Duration::from_secs(1);
    while let Ok(received) = tokio::time::timeout_at(end, socket.recv(&mut buffer)).await {
        rcodes.push(Message::from_vec(&buffer[..received.unwrap()]).unwrap().metadata.response_code);
        let cold = factory().cold_name(Kind::Nonce, 0).unwrap();
        assert!(ask(&running, &cold, QueryType::Txt, Transport::Udp).await.is_some());
    }
    assert_eq!(rcodes, [ResponseCode::Refused; 5]);
    let tally = running.handle.tally();
    assert_eq!((tally.get(QueryResult::Unsigned), tally.get(QueryResult::Limited)), (5, 3));
}

/// A message in the beacon's own words, for cases that no template makes.
fn raw(change: impl FnOnce(&mut Message)) -> Vec<u8> {
    let mut message = Message::new(0x1234, MessageType::Query, OpCode::Query);
    message.add_query(Query::query(Name::from_ascii("canary.example.").unwrap(), RecordType::SOA));
    change(&mut message);
    message.to_vec().unwrap()
}

async fn bound() -> Beacon {
    Beacon::bind(&settings(1_000_000), &zone(), keys()).await.unwrap()
}

#[tokio::test(start_paused = true)]
async fn every_kind_of_message_has_its_answer_or_none() {
    let beacon = bound().await;
    let state = &beacon.handle.0;
    let outside = Query::query(Name::from_ascii("example.org.").unwrap(), RecordType::A);
    let chaos = || {
        let mut query = Query::query(Name::from_ascii("version.bind.").unwrap(), RecordType::TXT);
        query.set_query_class(DNSClass::CH);
        query
    };
    let with_version = |version| {
        let mut edns = Edns::new();
        edns.set_version(version);
        edns
    };
    let cases = [
        ("soa", raw(|_| {}), Some(ResponseCode::NoError), QueryResult::Zone),
        ("response", raw(|m| m.metadata.message_type = MessageType::Response), None, QueryResult::Ignored),
        (
            "notify",
            raw(|m| m.metadata.op_code = OpCode::Notify),
            Some(ResponseCode::NotImp),
            QueryResult::NotImplemented,
        ),
        (
            "update",
            raw(|m| m.metadata.op_code = OpCode::Update),
            Some(ResponseCode::NotImp),
            QueryResult::NotImplemented,
        ),
        ("no question", raw(|m| m.queries.clear()), Some(ResponseCode::FormErr), QueryResult::Malformed),
        (
            "two questions",
            raw(|m| m.queries.push(outside.clone())),
            Some(ResponseCode::FormErr),
            QueryResult::Malformed,
        ),
        ("chaos", raw(|m| m.queries = vec![chaos()]), None, QueryResult::Ignored),
        ("outside", raw(|m| m.queries = vec![outside.clone()]), Some(ResponseCode::Refused), QueryResult::OutOfZone),
        (
            "transfer",
            raw(|m| m.queries[0].query_type = RecordType::AXFR),
            Some(ResponseCode::Refused),
            QueryResult::OutOfZone,
        ),
        (
            "any class",
            raw(|m| m.queries[0].query_class = DNSClass::ANY),
            Some(ResponseCode::Refused),
            QueryResult::OutOfZone,
        ),
        ("edns 1", raw(|m| m.edns = Some(with_version(1))), Some(ResponseCode::BADVERS), QueryResult::Malformed),
        ("half a question", raw(|_| {})[..20].to_vec(), Some(ResponseCode::FormErr), QueryResult::Malformed),
        ("half a header", raw(|_| {})[..11].to_vec(), None, QueryResult::Ignored),
        ("nothing", Vec::new(), None, QueryResult::Ignored),
    ];
    let source = "192.0.2.7:53".parse().unwrap();
    for (case, packet, code, result) in cases {
        let (reply, got) = state.reply_to(&packet, source, Transport::Udp);
        let reply = reply.map(|bytes| Message::from_vec(&bytes).unwrap());
        let got_code = reply.as_ref().map(|reply| u16::from(reply.metadata.response_code));
        assert_eq!((got_code, got), (code.map(u16::from), result), "{case}");
        if let Some(reply) = reply {
            assert_eq!((reply.metadata.id, reply.metadata.message_type), (0x1234, MessageType::Response), "{case}");
        }
    }
    let (reply, result) = state.reply_to(&raw(|_| {}), "192.0.2.7:0".parse().unwrap(), Transport::Udp);
    assert_eq!((reply, result), (None, QueryResult::Ignored), "nobody is at port 0");
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_does_not_fit_a_datagram_goes_over_tcp() {
    let name_servers =
        (0..40).map(|server| name(&format!("ns{server}.a-rather-long-name-for-a-server.example."))).collect();
    let settings = BeaconSettings { name_servers, ..settings(1000) };
    let beacon = Beacon::bind(&settings, &zone(), keys()).await.unwrap();
    let source = "192.0.2.7:9".parse().unwrap();
    let answer = |packet: &[u8], over| {
        let (reply, _) = beacon.handle.0.reply_to(packet, source, over);
        let reply = reply.unwrap();
        (Message::from_vec(&reply).unwrap().metadata.truncation, reply.len())
    };
    let servers = raw(|message| message.queries[0].query_type = RecordType::NS);
    let (truncated, whole) = answer(&servers, Transport::Tcp);
    assert!(!truncated && whole > 512, "{whole}");
    assert_eq!(answer(&servers, Transport::Udp), (true, servers.len()), "a truncated answer is the question");
}

#[tokio::test(start_paused = true)]
async fn the_longest_answer_to_a_signed_name_fits_any_datagram() {
    let longest = name(&format!("{0}.{0}.{0}.{1}.", "x".repeat(63), "y".repeat(18)));
    let factory = NonceFactory::new(keys(), longest.clone());
    let cold = factory.cold_name(Kind::Nonce, 0).unwrap();
    assert_eq!(cold.as_str().len(), DomainName::MAX_LENGTH);
    let settings = BeaconSettings { name_servers: vec![name("ns.example.")], ..settings(1000) };
    let beacon = Beacon::bind(&settings, &longest, keys()).await.unwrap();
    let packet = raw(|message| {
        message.queries = vec![Query::query(Name::from_ascii(cold.as_str()).unwrap(), RecordType::TXT)];
    });
    let source = "[2001:db8:1111:2222:3333:4444:5555:6666]:65535".parse().unwrap();
    let (reply, result) = beacon.handle.0.reply_to(&packet, source, Transport::Udp);
    let reply = reply.unwrap();
    assert!(result == QueryResult::Answered && reply.len() <= 512, "{}", reply.len());
    assert!(!Message::from_vec(&reply).unwrap().metadata.truncation);
}

#[tokio::test(start_paused = true)]
async fn answers_are_signed_with_the_key_that_asked_and_keys_can_be_changed() {
    let running = start(100).await;
    let old = factory();
    let new_key = || Key::new(&[2; 32]).unwrap();
    running.handle.set_keys(Arc::new(Keys::new(new_key(), Some(Key::new(&[1; 32]).unwrap()))));
    let new = NonceFactory::new(Arc::new(Keys::new(new_key(), None)), zone());
    for factory in [&old, &new] {
        let cold = factory.cold_name(Kind::Nonce, 0).unwrap();
        let reply = ask(&running, &cold, QueryType::Txt, Transport::Udp).await.unwrap();
        assert!(matches!(read_answer(&reply, &cold, None, factory.keys()), Ok(Answered::Beacon(Some(_)))));
    }
    running.handle.set_keys(Arc::new(Keys::new(new_key(), None)));
    let cold = old.cold_name(Kind::Nonce, 0).unwrap();
    let reply = ask(&running, &cold, QueryType::Txt, Transport::Udp).await.unwrap();
    assert_eq!(reply.rcode.as_label(), "REFUSED", "the former key is gone");
}

#[tokio::test(start_paused = true)]
async fn connections_are_few_short_and_never_idle_for_long() {
    let running = start(100).await;
    let mut connections = Vec::new();
    for _ in 0..serve::CONNECTIONS_PER_PREFIX {
        connections.push(TcpStream::connect(running.address).await.unwrap());
    }
    // Half a question each: they are all inside, and waiting.
    for connection in &mut connections {
        connection.write_all(&[0, 40, 1]).await.unwrap();
    }
    let mut one_more = TcpStream::connect(running.address).await.unwrap();
    assert_eq!(one_more.read(&mut [0; 1]).await.ok().unwrap_or_default(), 0, "closed at once");
    let began = Instant::now();
    for mut connection in connections {
        assert_eq!(connection.read(&mut [0; 1]).await.ok().unwrap_or_default(), 0);
    }
    assert_eq!(began.elapsed().as_secs(), 5, "closed after five seconds of waiting for the rest");
    let soa = ask(&running, &zone(), QueryType::Soa, Transport::Tcp).await;
    assert!(soa.is_some(), "there is room again");

    let began = Instant::now();
    let mut connection = TcpStream::connect(running.address).await.unwrap();
    let packet = raw(|_| {});
    let framed = [&u16::try_from(packet.len()).unwrap().to_be_bytes(), packet.as_slice()].concat();
    let mut answered = 0;
    while connection.write_all(&framed).await.is_ok() {
        let Ok(length) = connection.read_u16().await else { break };
        connection.read_exact(&mut vec![0; usize::from(length)]).await.unwrap();
        answered += 1;
        tokio::time::sleep(Duration::from_secs(4)).await;
    }
    assert_eq!((answered, began.elapsed().as_secs() / 10), (15, 6), "a minute is enough for anybody");
}

#[tokio::test(start_paused = true)]
async fn a_beacon_that_cannot_start_says_why() {
    let bind = async |listen: &str, servers: &[&str]| {
        let servers = servers.iter().map(|server| name(server)).collect();
        let settings = BeaconSettings { listen: listen.parse().unwrap(), name_servers: servers, ..settings(20) };
        Beacon::bind(&settings, &zone(), keys()).await.err().map(|error| error.to_string())
    };
    assert_eq!(bind("0.0.0.0:0", &["ns.example."]).await, None);
    assert_eq!(
        bind("0.0.0.0:0", &["ns.canary.example."]).await.unwrap(),
        "a server of beacon.name_servers lies within canary.example., but beacon.listen = 0.0.0.0 is no address that \
         could be told; listen on one address, or give the server a name outside canary.example."
    );
    assert_eq!(
        bind("127.0.0.1:0", &["ns1.canary.example.", "ns2.canary.example."]).await.unwrap(),
        "several servers of beacon.name_servers lie within canary.example.; a beacon knows no address but its own, so \
         give them names outside canary.example."
    );
    assert_eq!(bind("127.0.0.1:0", &[]).await.unwrap(), "beacon.name_servers is empty; a zone has at least one server");
    let beacon = bound().await;
    let taken = beacon.address().to_string();
    assert_eq!(
        bind(&taken, &["ns.example."]).await.unwrap(),
        format!("the beacon cannot listen on {taken} (UDP): Address already in use (os error 98)")
    );
}

/// A good question for a signed name, to be spoiled.
fn signed_question() -> Vec<u8> {
    let cold = factory().cold_name(Kind::Nonce, 0).unwrap();
    QueryTemplate::new(&question(&cold, QueryType::Txt)).fresh(true).bytes
}

/// What has to hold for any packet at all.
fn check_hostile(packet: &[u8], port: u16) -> Result<(), TestCaseError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let beacon = bound().await;
        let source = SocketAddr::new("192.0.2.7".parse().unwrap(), port);
        let (reply, result) = beacon.handle.0.reply_to(packet, source, Transport::Udp);
        let counted: u64 = QueryResult::ALL.into_iter().map(|result| beacon.handle.tally().get(result)).sum();
        prop_assert_eq!(counted, 1);
        let Some(reply) = reply else { return Ok(()) };
        prop_assert!(port != 0 && packet.len() >= 12 && packet[2] & 0x80 == 0, "responses are never answered");
        prop_assert!(reply[2] & 0x80 != 0, "a reply is a response");
        prop_assert_eq!(&reply[..2], &packet[..2]);
        prop_assert!(reply.len() <= 512);
        if !matches!(result, QueryResult::Answered | QueryResult::Zone) {
            prop_assert!(reply.len() <= packet.len(), "strangers get no more than they sent");
        }
        // The reply of a beacon to the reply of a beacon: none.
        let (again, _) = beacon.handle.0.reply_to(&reply, source, Transport::Udp);
        prop_assert_eq!(again, None);
        Ok(())
    })
}

proptest! {
    #[test]
    fn random_packets_do_no_harm(packet in prop::collection::vec(any::<u8>(), 0..600), port: u16) {
        check_hostile(&packet, port)?;
    }

    #[test]
    fn spoiled_questions_do_no_harm(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        cut in prop::option::of(any::<prop::sample::Index>()),
        tail in prop::collection::vec(any::<u8>(), 0..64),
        port: u16,
    ) {
        let mut packet = signed_question();
        for (place, byte) in changes {
            let place = place.index(packet.len());
            packet[place] = byte;
        }
        if let Some(cut) = cut {
            packet.truncate(cut.index(packet.len()));
        }
        packet.extend(tail);
        check_hostile(&packet, port)?;
    }
}

#[test]
fn every_single_bit_of_a_question_can_be_wrong() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let beacon = bound().await;
        let packet = signed_question();
        let mut results = HashSet::new();
        for bit in 0..packet.len() * 8 {
            let mut packet = packet.clone();
            packet[bit / 8] ^= 1 << (bit % 8);
            let (_, result) = beacon.handle.0.reply_to(&packet, "192.0.2.7:9".parse().unwrap(), Transport::Udp);
            results.insert(result);
        }
        for result in [QueryResult::Answered, QueryResult::Unsigned, QueryResult::OutOfZone, QueryResult::Malformed] {
            assert!(results.contains(&result), "{result:?} never came about");
        }
    });
}

#[tokio::test(start_paused = true)]
async fn the_reply_of_any_data_type_is_what_was_asked_for() {
    let beacon = bound().await;
    let cold = factory().cold_name(Kind::Nonce, 0).unwrap();
    let types = |qtype| {
        let packet = raw(|m| m.queries = vec![Query::query(Name::from_ascii(cold.as_str()).unwrap(), qtype)]);
        let (reply, _) = beacon.handle.0.reply_to(&packet, "192.0.2.7:9".parse().unwrap(), Transport::Udp);
        let reply = Message::from_vec(&reply.unwrap()).unwrap();
        assert!(reply.edns.is_none(), "no EDNS in the question, none in the reply");
        reply.answers.iter().map(|record| record.data.record_type()).collect::<Vec<_>>()
    };
    assert_eq!(types(RecordType::TXT), [RecordType::TXT]);
    assert_eq!(types(RecordType::A), [RecordType::A]);
    assert_eq!(types(RecordType::ANY), [RecordType::A]);
    assert_eq!(types(RecordType::MX), []);
}
