//! Answers read back, genuine and forged.

use std::sync::Arc;

use hickory_proto::op::{Message, MessageType, ResponseCode};
use hickory_proto::rr::rdata::{A, TXT};
use hickory_proto::rr::{RData, Record};
use proptest::prelude::*;

use super::super::{Kind, NonceFactory};
use super::*;
use crate::estate::{Label, QueryClass, QueryType, Question};
use crate::wire::{CaseMemory, QueryTemplate};

fn key(byte: u8) -> Key {
    Key::new(&[byte; 32]).unwrap()
}

fn saw() -> BeaconSaw {
    BeaconSaw {
        source: "192.0.2.9".parse().unwrap(),
        port: 40_000,
        arrivals: 1,
        flags: Flags::default().with(Flag::RecursionDesired, true).with(Flag::DnssecOk, true),
        udp_payload: Some(1232),
        options: vec![3, 10],
        beacon: BeaconId(0x1f2e_3d4c),
    }
}

fn name(text: &str) -> DomainName {
    DomainName::parse(text).unwrap()
}

/// A reply to a question for `name` with these answers, through the codec both ways.
fn reply(name: &DomainName, code: ResponseCode, answers: Vec<RData>) -> Reply {
    let question = Question {
        qname: name.clone(),
        qtype: QueryType::Txt,
        qclass: QueryClass::In,
        recursion_desired: true,
        checking_disabled: false,
        dnssec_ok: false,
    };
    let asked = QueryTemplate::new(&question).fresh(false);
    let mut message = Message::from_vec(&asked.bytes).unwrap();
    message.metadata.message_type = MessageType::Response;
    message.metadata.response_code = code;
    let owner = message.queries[0].name().clone();
    message.add_answers(answers.into_iter().map(|data| Record::from_rdata(owner.clone(), 300, data)));
    Reply::decode(&message.to_vec().unwrap(), &asked, &CaseMemory::default()).unwrap()
}

fn txt(text: &str) -> RData {
    RData::TXT(TXT::new(vec![text.to_owned()]))
}

fn a(ip: Ipv4Addr) -> RData {
    RData::A(A(ip))
}

#[test]
fn the_answer_reads_as_written() {
    let name = name("n.p.canary.example.");
    let text = saw().sign(&name, &key(1));
    let (facts, mac) = text.rsplit_once(" m=").unwrap();
    assert_eq!(facts, "v1 s=192.0.2.9 p=40000 n=1 f=rd,do u=1232 o=3,10 b=1f2e3d4c");
    assert_eq!(mac.len(), 16);
    let bare = BeaconSaw { flags: Flags::default(), udp_payload: None, options: vec![], ..saw() };
    assert_eq!(bare.to_string(), "v1 s=192.0.2.9 p=40000 n=1 f=- u=- o=- b=1f2e3d4c");
}

#[test]
fn only_a_holder_of_the_keys_answers_for_the_beacon() {
    let keys = Keys::new(key(2), Some(key(1)));
    let asked = name("n.p.canary.example.");
    let other = name("m.p.canary.example.");
    let good = saw().sign(&asked, &key(1));
    let read = |answers| read_answer(&reply(&asked, ResponseCode::NoError, answers), &asked, None, &keys);
    assert_eq!(read(vec![txt(&good)]), Ok(Answered::Beacon(Some(saw()))));
    assert_eq!(read(vec![a(address(&asked, &key(1)))]), Ok(Answered::Beacon(None)));
    assert_eq!(read(vec![]), Err(NotGenuine::Empty));
    let forged = [
        vec![txt(&saw().sign(&other, &key(1)))],
        vec![txt(&saw().sign(&asked, &key(3)))],
        vec![txt(&good.replace("n=1", "n=2"))],
        vec![txt(good.rsplit_once(" m=").unwrap().0)],
        vec![txt("v=spf1 -all")],
        vec![txt("")],
        vec![txt(&good), txt(&good)],
        vec![a(address(&other, &key(1)))],
        vec![a(address(&asked, &key(3)))],
        vec![a(Ipv4Addr::new(203, 0, 113, 80))],
    ];
    for answers in forged {
        assert!(matches!(read(answers.clone()), Err(NotGenuine::Forged(_))), "{answers:?}");
    }
    let refused = reply(&asked, ResponseCode::NXDomain, vec![]);
    assert_eq!(read_answer(&refused, &asked, None, &keys), Err(NotGenuine::Error(Rcode::NXDOMAIN)));
    assert_eq!(NotGenuine::Error(Rcode::NXDOMAIN).to_string(), "NXDOMAIN, which the beacon never says of this name");
}

#[test]
fn a_tracer_is_told_from_the_beacon_and_from_a_stranger() {
    let factory = NonceFactory::new(Arc::new(Keys::new(key(1), None)), name("canary.example."));
    let tracer = factory.tracer_zone("ns1").unwrap();
    let resolver = Resolver {
        name: Label::parse("ns1").unwrap(),
        address: "10.1.0.53:53".parse().unwrap(),
        tracer: Some(tracer.clone()),
        packets_per_second: 50,
    };
    let asked = factory.tracer_name(&tracer, 1).unwrap();
    let read = |ip| {
        let reply = reply(&asked, ResponseCode::NoError, vec![a(ip)]);
        read_answer(&reply, &asked, Some(&resolver), factory.keys())
    };
    assert_eq!(read(tracer_address(&tracer)), Ok(Answered::Tracer));
    assert_eq!(read(Ipv4Addr::new(10, 1, 0, 53)), Ok(Answered::Tracer), "set up by hand");
    assert_eq!(read(address(&asked, &key(1))), Ok(Answered::Beacon(None)));
    assert!(matches!(read(Ipv4Addr::new(203, 0, 113, 80)), Err(NotGenuine::Forged(_))), "a portal");
    let without = Resolver { tracer: None, ..resolver.clone() };
    let reply = reply(&asked, ResponseCode::NoError, vec![a(tracer_address(&tracer))]);
    assert!(read_answer(&reply, &asked, Some(&without), factory.keys()).is_err());
    assert!(read_answer(&reply, &asked, None, factory.keys()).is_err());
}

#[test]
fn beacon_and_tracers_have_addresses_apart() {
    let factory = NonceFactory::new(Arc::new(Keys::new(key(1), None)), name("canary.example."));
    for target in 0..500 {
        let ip = address(&factory.cold_name(Kind::Nonce, target).unwrap(), &key(1));
        assert!(ip.octets()[..2] == [198, 18] && ip.octets()[2] != 0, "{ip}");
        let ip = tracer_address(&factory.tracer_zone(&format!("ns{target}")).unwrap());
        assert!(ip.octets()[..3] == [198, 18, 0] && !matches!(ip.octets()[3], 0 | 255), "{ip}");
    }
    let tracer = name("ns1.t.canary.example.net.");
    assert_eq!(tracer_address(&tracer), Ipv4Addr::new(198, 18, 0, 145), "written into resolvers: it must not change");
}

fn facts() -> impl Strategy<Value = BeaconSaw> {
    let numbers = (any::<u16>(), any::<u32>(), 0_u8..32, any::<Option<u16>>(), any::<u32>());
    (any::<IpAddr>(), numbers, prop::collection::vec(any::<u16>(), 0..=OPTIONS_LIMIT)).prop_map(
        |(source, (port, arrivals, flags, udp_payload, beacon), options)| BeaconSaw {
            source,
            port,
            arrivals,
            flags: Flags(flags),
            udp_payload,
            options,
            beacon: BeaconId(beacon),
        },
    )
}

proptest! {
    #[test]
    fn every_answer_is_read_back_and_fits_one_string(facts in facts()) {
        let name = name("n.p.canary.example.");
        let text = facts.sign(&name, &key(1));
        prop_assert!(text.len() <= 255, "{}", text.len());
        let read = BeaconSaw::verify(text.as_bytes(), &name, &Keys::new(key(1), None));
        prop_assert_eq!(read, Some(facts));
    }

    #[test]
    fn no_text_panics_even_if_it_were_signed(facts in "v1 s=[0-9.:a-f]{0,9} p=[0-9-]{0,6} n=.{0,3} f=.{0,9}( u=.{0,6})?( o=.{0,9} b=.{0,9})?") {
        let _ = BeaconSaw::parse(&facts);
    }
}
