//! Packets to try on the decoder: random ones, ones made of plausible parts, and good ones that were damaged.

use fathom::estate::{DomainName, QueryClass, QueryType, Question};
use fathom::wire::{Encoded, QueryTemplate};
use hickory_proto::op::{Edns, Message, MessageType, OpCode};
use hickory_proto::rr::rdata::opt::EdnsOption;
use hickory_proto::rr::{RData, Record, RecordType};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;

/// The question that all packets answer, or fail to.
pub(crate) fn question() -> Encoded {
    let question = Question {
        qname: DomainName::parse("a.{nonce}.example.").unwrap(),
        qtype: QueryType::A,
        qclass: QueryClass::In,
        recursion_desired: true,
        checking_disabled: false,
        dnssec_ok: true,
    };
    QueryTemplate::new(&question).fresh(true)
}

/// Record data in presentation form, one of every type that Fathom can ask for.
const RECORDS: [(RecordType, &str); 14] = [
    (RecordType::A, "192.0.2.1"),
    (RecordType::NS, "ns1.example."),
    (RecordType::CNAME, "www.example."),
    (RecordType::SOA, "ns1.example. root.example. 2026 3600 600 86400 60"),
    (RecordType::PTR, "host.example."),
    (RecordType::MX, "10 mail.example."),
    (RecordType::TXT, "\"v=1\" \"\\000\\255\""),
    (RecordType::AAAA, "2001:db8::1"),
    (RecordType::SRV, "1 2 53 ns1.example."),
    (RecordType::NAPTR, "1 2 \"u\" \"E2U+sip\" \"!^.*$!sip:x@example.com!\" ."),
    (RecordType::TLSA, "3 1 1 d2abde240d7cd3ee6b4b28c54df034b97983a1d16e8a410e4561cb106618e971"),
    (RecordType::SVCB, "1 svc.example. alpn=h2 port=443"),
    (RecordType::HTTPS, "1 . alpn=h2,h3 ipv4hint=192.0.2.1 ech=AEX+DQBB"),
    (RecordType::CAA, "0 issue \"letsencrypt.org\""),
];

/// A good reply with a record of every type, NSID and an extended error.
pub(crate) fn good(question: &Encoded) -> Vec<u8> {
    let asked = Message::from_vec(&question.bytes).unwrap();
    let mut reply = Message::new(asked.metadata.id, MessageType::Response, OpCode::Query);
    reply.add_query(asked.queries[0].clone());
    for (rtype, data) in RECORDS {
        let data = RData::try_from_str(rtype, data).unwrap();
        reply.add_answer(Record::from_rdata(asked.queries[0].name().clone(), 300, data));
    }
    let mut edns = Edns::new();
    edns.options_mut().insert(EdnsOption::Unknown(3, b"ns1.example".to_vec()));
    edns.options_mut().insert(EdnsOption::Unknown(15, b"\x00\x16no way out".to_vec()));
    reply.set_edns(edns);
    reply.to_vec().unwrap()
}

/// A good reply with some bytes changed, and perhaps cut short or made longer.
pub(crate) fn damaged(question: &Encoded) -> impl Strategy<Value = Vec<u8>> + use<> {
    let (good, id) = (good(question), question.id().to_be_bytes());
    let changes = vec((any::<Index>(), any::<u8>()), 0..6);
    let cut = proptest::option::weighted(0.3, any::<Index>());
    let more = prop_oneof![2 => Just(Vec::new()), 1 => vec(any::<u8>(), 0..40)];
    (changes, cut, more, any::<bool>()).prop_map(move |(changes, cut, more, keep_id)| {
        let mut packet = good.clone();
        for (place, byte) in changes {
            let place = place.index(packet.len());
            packet[place] = byte;
        }
        if let Some(cut) = cut {
            packet.truncate(cut.index(packet.len()));
        }
        packet.extend(more);
        if keep_id && packet.len() > 2 {
            packet[..2].copy_from_slice(&id);
        }
        packet
    })
}

/// Our question, then records made of plausible parts: pointers anywhere, true and false lengths, any type.
pub(crate) fn assembled(question: &Encoded, longest: usize) -> impl Strategy<Value = Vec<u8>> + use<> {
    let owner = prop_oneof![
        Just(vec![0xc0, 12]),
        Just(vec![0]),
        any::<u16>().prop_map(|to| (to | 0xc000).to_be_bytes().to_vec()),
        vec(any::<u8>(), 1..64),
    ];
    let known = RECORDS.map(|(rtype, _)| u16::from(rtype)).to_vec();
    let rtype = prop_oneof![4 => proptest::sample::select(known), 1 => Just(41_u16), 1 => any::<u16>()];
    let data = prop_oneof![
        vec(any::<u8>(), 0..64),
        vec(proptest::sample::select(vec![0, 1, 2, 12, 63, 0xc0]), 0..64),
        Just(vec![0xc0, 12]),
    ];
    let length = proptest::option::weighted(0.2, any::<u16>());
    let wild = (owner, rtype, any::<u16>(), any::<u32>(), data, length).boxed();
    let content = prop_oneof![
        any::<[u8; 4]>().prop_map(|address| (1, address.to_vec())),
        any::<[u8; 8]>().prop_map(|text| (16, [[8].as_slice(), &text].concat())),
        vec(any::<u8>(), 0..64).prop_map(|data| (0xfff0, data)),
        Just((2, vec![0xc0, 12])),
    ];
    let tame = (Just(vec![0xc0, 12]), content, any::<u32>());
    let tame = tame.prop_map(|(owner, (rtype, data), ttl)| (owner, rtype, 1, ttl, data, None)).boxed();
    let mixed = prop_oneof![20 => tame.clone(), 1 => wild.clone()];
    let records = prop_oneof![vec(tame, 0..200), vec(mixed, 0..60), vec(wild, 0..200)];
    let start = question.bytes[..12 + question.wire_question().len()].to_vec();
    (records, any::<[u8; 2]>(), any::<bool>()).prop_map(move |(records, flags, honest)| {
        let mut packet = start.clone();
        packet[2..4].copy_from_slice(&[flags[0] | 0x80, flags[1]]);
        let mut count = 0_u16;
        for (owner, rtype, class, ttl, data, length) in records {
            if packet.len() + 200 > longest {
                break;
            }
            let length = length.unwrap_or_else(|| u16::try_from(data.len()).unwrap());
            packet.extend(owner);
            packet.extend([rtype.to_be_bytes(), class.to_be_bytes()].concat());
            packet.extend(ttl.to_be_bytes());
            packet.extend(length.to_be_bytes());
            packet.extend(data);
            count += 1;
        }
        let counts = if honest { [1, count, 0, 0] } else { [1, count / 3, count / 3, count / 3 + 1] };
        packet[4..12].copy_from_slice(&counts.map(u16::to_be_bytes).concat());
        packet
    })
}

/// The worst that fits into a message: the smallest records there are, with the longest names there are.
pub(crate) fn bombs(question: &Encoded) -> Vec<Vec<u8>> {
    let start = &question.bytes[..12 + question.wire_question().len()];
    let longest_name = [[63].as_slice(), &[b'x'; 63]].concat().repeat(3);
    let bomb = |rtype: u16, data: &[u8]| {
        let mut packet = start.to_vec();
        let name_at = packet.len() + 10 + 1;
        // The first record is of an unknown type and holds a name to point to.
        let name = [&longest_name, [50].as_slice(), &[b'y'; 50], &[0]].concat();
        packet.extend([0, 0xff, 0xf0, 0, 1, 0, 0, 0, 0]);
        packet.extend(u16::try_from(name.len()).unwrap().to_be_bytes());
        packet.extend(name);
        let pointer = (0xc000 | u16::try_from(name_at).unwrap()).to_be_bytes();
        let data: Vec<u8> = if data == b"name" { pointer.to_vec() } else { data.to_vec() };
        let mut count = 1_u16;
        while packet.len() + 12 + data.len() < usize::from(u16::MAX) {
            packet.extend(pointer);
            packet.extend([rtype.to_be_bytes(), [0, 1]].concat());
            packet.extend([0, 0, 0, 60]);
            packet.extend(u16::try_from(data.len()).unwrap().to_be_bytes());
            packet.extend(&data);
            count += 1;
        }
        packet[2..12].copy_from_slice(&[&[0x81, 0x80, 0, 1], count.to_be_bytes().as_slice(), &[0, 0, 0, 0]].concat());
        packet
    };
    vec![
        bomb(1, &[192, 0, 2, 1]),
        bomb(2, b"name"),
        bomb(5, b"name"),
        bomb(16, &[0]),
        bomb(16, &[0; 200]),
        bomb(65, &[0, 0, 0]),
        bomb(0xfff1, &[]),
    ]
}
