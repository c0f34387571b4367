//! Bytes from anybody become a question for the beacon, or a reason not to look further.

use hickory_proto::op::{Edns, Message, MessageType, OpCode, Query};
use hickory_proto::rr::rdata::opt::EdnsCode;
use hickory_proto::rr::{DNSClass, RecordType};

use crate::canary::{Flag, Flags};
use crate::estate::DomainName;
use crate::wire::counts_can_fit;

/// A question that can be answered.
#[derive(Debug)]
pub(super) struct Question {
    pub(super) id: u16,
    /// As it came: a reply repeats it letter for letter.
    pub(super) query: Query,
    /// The name in lower case; nothing when it holds characters that no name of the zone has.
    pub(super) name: Option<DomainName>,
    pub(super) flags: Flags,
    /// EDNS, when it was used.
    pub(super) edns: Option<Edns>,
}

/// Why a message is not a question that can be answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unreadable {
    /// Not to be answered: a response, a fragment, a question about the server itself.
    Ignored,
    /// FORMERR.
    Malformed(Envelope),
    /// NOTIMP.
    NotImplemented(Envelope),
}

/// As much of a message as an error needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Envelope {
    pub(super) id: u16,
    pub(super) op_code: OpCode,
    pub(super) recursion_desired: bool,
}

impl Question {
    /// Reads a message. Responses are never answered, so no two servers can be set to answer each other.
    pub(super) fn read(packet: &[u8]) -> Result<Self, Unreadable> {
        let header = packet.first_chunk::<12>().ok_or(Unreadable::Ignored)?;
        if header[2] & 0x80 != 0 {
            return Err(Unreadable::Ignored);
        }
        let envelope = Envelope {
            id: u16::from_be_bytes([header[0], header[1]]),
            op_code: OpCode::from_u8(header[2] >> 3 & 0x0f),
            recursion_desired: header[2] & 1 == 1,
        };
        if envelope.op_code != OpCode::Query {
            return Err(Unreadable::NotImplemented(envelope));
        }
        // Looked at before the codec does: it sets memory aside for as many records as the header promises.
        if !counts_can_fit(header, packet.len()) {
            return Err(Unreadable::Malformed(envelope));
        }
        let mut message = Message::from_vec(packet).map_err(|_| Unreadable::Malformed(envelope))?;
        let query = message.queries.pop().filter(|_| message.queries.is_empty());
        let query = query.ok_or(Unreadable::Malformed(envelope))?;
        if message.metadata.message_type != MessageType::Query {
            return Err(Unreadable::Ignored);
        }
        if query.query_class() == DNSClass::CH {
            return Err(Unreadable::Ignored);
        }
        let edns = message.edns;
        let mixed_case = query.name().iter().flatten().any(u8::is_ascii_uppercase);
        let flags = Flags::default()
            .with(Flag::RecursionDesired, message.metadata.recursion_desired)
            .with(Flag::CheckingDisabled, message.metadata.checking_disabled)
            .with(Flag::DnssecOk, edns.as_ref().is_some_and(|edns| edns.flags().dnssec_ok))
            .with(Flag::MixedCase, mixed_case);
        Ok(Self { id: envelope.id, name: name_of(&query), query, flags, edns })
    }

    pub(super) fn qtype(&self) -> RecordType {
        self.query.query_type()
    }

    /// The largest datagram that the asker takes (RFC 6891, section 6.2.3), and that crosses any network.
    pub(super) fn largest_datagram(&self) -> usize {
        let announced = self.edns.as_ref().map_or(512, Edns::max_payload);
        usize::from(announced.max(512)).min(crate::wire::UDP_PAYLOAD)
    }

    /// The codes of its EDNS options, in the order of their numbers.
    pub(super) fn option_codes(&self) -> Vec<u16> {
        let options = self.edns.as_ref().map(|edns| edns.options().options.as_slice()).unwrap_or_default();
        let mut codes: Vec<u16> = options.iter().map(|(code, _): &(EdnsCode, _)| u16::from(*code)).collect();
        codes.sort_unstable();
        codes.dedup();
        codes
    }
}

/// The name in lower case, when it is made of letters, digits, hyphens and underscores.
fn name_of(query: &Query) -> Option<DomainName> {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    if !query.name().iter().flatten().all(plain) {
        return None;
    }
    let labels: Vec<_> = query.name().iter().map(String::from_utf8_lossy).collect();
    DomainName::parse(&format!("{}.", labels.join(".")))
}
