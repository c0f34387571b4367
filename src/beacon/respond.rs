//! Places become replies. Pure: no clock, no socket.

use std::net::IpAddr;
use std::str::FromStr;

use hickory_proto::ProtoError;
use hickory_proto::op::{DEFAULT_MAX_PAYLOAD_LEN, Edns, Message, OpCode, ResponseCode};
use hickory_proto::rr::rdata::{A, AAAA, NS, SOA, TXT};
use hickory_proto::rr::{Name, RData, Record, RecordType};

use super::question::{Envelope, Question};
use super::zone::Zone;
use crate::canary::{BeaconSaw, Flag, Key, address};
use crate::estate::DomainName;

/// How long the zone's servers and their addresses may be cached, in seconds.
const SERVERS_TTL: u32 = 86_400;

/// How long an answer for a cold name may be cached, in seconds: long enough to be asked for again elsewhere.
pub(super) const COLD_TTL: u32 = 300;

/// How long an answer for a tracer name may be cached: not at all.
pub(super) const TRACER_TTL: u32 = 0;

/// How long "no such record" may be cached, in seconds: what a resolver learned before a change must not outlive it.
const NEGATIVE_TTL: u32 = 1;

/// The records of the zone itself, made once.
#[derive(Debug)]
pub(super) struct Records {
    soa: Record,
    servers: Vec<Record>,
    glue: Vec<Record>,
}

impl Records {
    pub(super) fn new(zone: &Zone) -> Result<Self, ProtoError> {
        let apex = Name::from_str(zone.name.as_str())?;
        let hostmaster = Name::from_str("hostmaster")?.append_domain(&apex)?;
        let mut servers = Vec::new();
        let mut glue = Vec::new();
        for server in &zone.servers {
            let name = Name::from_str(server.name.as_str())?;
            glue.extend(server.address.map(|ip| address_record(name.clone(), SERVERS_TTL, ip)));
            servers.push(Record::from_rdata(apex.clone(), SERVERS_TTL, RData::NS(NS(name))));
        }
        let first =
            zone.servers.first().map_or_else(|| Ok(apex.clone()), |server| Name::from_str(server.name.as_str()))?;
        let soa = SOA::new(first, hostmaster, 1, 3600, 600, 86_400, NEGATIVE_TTL);
        Ok(Self { soa: Record::from_rdata(apex, NEGATIVE_TTL, RData::SOA(soa)), servers, glue })
    }

    /// The zone itself.
    pub(super) fn of_apex(&self, question: &Question) -> Message {
        let mut reply = authoritative(question);
        let wanted = question.qtype();
        if wanted == RecordType::SOA {
            reply.add_answer(self.soa.clone());
        } else if wanted == RecordType::NS || wanted == RecordType::ANY {
            reply.add_answers(self.servers.iter().cloned());
            reply.add_additionals(self.glue.iter().cloned());
        } else {
            return self.no_data(question);
        }
        reply
    }

    /// A server of the zone, at `ip`.
    pub(super) fn of_server(&self, question: &Question, ip: IpAddr) -> Message {
        let record = address_record(question.query.name().clone(), SERVERS_TTL, ip);
        self.with(question, record)
    }

    /// What the beacon saw of a question for a signed name.
    pub(super) fn of_signed(
        &self,
        question: &Question,
        name: &DomainName,
        key: &Key,
        saw: &BeaconSaw,
        ttl: u32,
    ) -> Message {
        // Addresses are enough for ANY (RFC 8482, section 4.1).
        let data = if question.qtype() == RecordType::TXT {
            RData::TXT(TXT::new(vec![saw.sign(name, key)]))
        } else {
            RData::A(A(address(name, key)))
        };
        self.with(question, Record::from_rdata(question.query.name().clone(), ttl, data))
    }

    /// The name is there, but holds nothing of the kind (RFC 2308, section 2.2).
    pub(super) fn no_data(&self, question: &Question) -> Message {
        let mut reply = authoritative(question);
        reply.add_authority(self.soa.clone());
        reply
    }

    /// The record, where it is of the kind that was asked for.
    fn with(&self, question: &Question, record: Record) -> Message {
        let wanted = question.qtype();
        if record.record_type() != wanted && wanted != RecordType::ANY {
            return self.no_data(question);
        }
        let mut reply = authoritative(question);
        reply.add_answer(record);
        reply
    }
}

/// An authoritative reply without records so far.
fn authoritative(question: &Question) -> Message {
    let mut reply = bare(question, ResponseCode::NoError);
    reply.metadata.authoritative = true;
    reply
}

fn address_record(name: Name, ttl: u32, ip: IpAddr) -> Record {
    let data = match ip {
        IpAddr::V4(ip) => RData::A(A(ip)),
        IpAddr::V6(ip) => RData::AAAA(AAAA(ip)),
    };
    Record::from_rdata(name, ttl, data)
}

/// A reply with nothing but its question and code.
pub(super) fn bare(question: &Question, code: ResponseCode) -> Message {
    let mut reply = Message::response(question.id, OpCode::Query);
    reply.metadata.recursion_desired = question.flags.has(Flag::RecursionDesired);
    reply.metadata.checking_disabled = question.flags.has(Flag::CheckingDisabled);
    reply.metadata.response_code = code;
    reply.add_query(question.query.clone());
    if let Some(asked) = &question.edns {
        let mut edns = Edns::new();
        edns.set_max_payload(DEFAULT_MAX_PAYLOAD_LEN).set_dnssec_ok(asked.flags().dnssec_ok);
        reply.set_edns(edns);
    }
    reply
}

/// Come back over TCP.
pub(super) fn truncated(question: &Question) -> Message {
    let mut reply = bare(question, ResponseCode::NoError);
    reply.metadata.truncation = true;
    reply
}

/// An error about a message of which no question could be read.
pub(super) fn about(envelope: Envelope, code: ResponseCode) -> Message {
    let mut reply = Message::error_msg(envelope.id, envelope.op_code, code);
    reply.metadata.recursion_desired = envelope.recursion_desired;
    reply
}
