//! Bytes from the network become the facts of a reply, or a stranger that does not belong to our question.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use hickory_proto::op::{Message, MessageType};
use hickory_proto::rr::rdata::opt::{EdnsCode, EdnsOption};
use hickory_proto::rr::{Name, RData, Record as WireRecord};

use super::{CaseMemory, Encoded, printable};
use crate::estate::{DomainName, QueryType};

/// A response code, extended ones included (RFC 6895, section 2.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Rcode(pub u16);

impl Rcode {
    /// No error.
    pub const NOERROR: Self = Self(0);
    /// The server failed.
    pub const SERVFAIL: Self = Self(2);
    /// The name does not exist.
    pub const NXDOMAIN: Self = Self(3);
    /// Refused by policy.
    pub const REFUSED: Self = Self(5);

    const NAMED: [(&'static str, u16); 12] = [
        ("NOERROR", 0),
        ("FORMERR", 1),
        ("SERVFAIL", 2),
        ("NXDOMAIN", 3),
        ("NOTIMP", 4),
        ("REFUSED", 5),
        ("YXDOMAIN", 6),
        ("YXRRSET", 7),
        ("NXRRSET", 8),
        ("NOTAUTH", 9),
        ("NOTZONE", 10),
        ("BADVERS", 16),
    ];

    /// The code of a mnemonic such as `SERVFAIL`, in any case.
    pub fn parse(text: &str) -> Option<Self> {
        let named = Self::NAMED.iter().find(|(name, _)| name.eq_ignore_ascii_case(text));
        named.map(|(_, code)| Self(*code))
    }

    /// The mnemonics that [`Rcode::parse`] takes.
    pub fn names() -> impl Iterator<Item = &'static str> {
        Self::NAMED.into_iter().map(|(name, _)| name)
    }

    /// The mnemonic, or `other`: a bounded set, for labels.
    pub fn as_label(self) -> &'static str {
        let named = Self::NAMED.iter().find(|(_, code)| *code == self.0);
        named.map_or("other", |(name, _)| name)
    }
}

impl fmt::Display for Rcode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.as_label() {
            "other" => write!(f, "RCODE{}", self.0),
            name => f.pad(name),
        }
    }
}

/// An extended DNS error (RFC 8914).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExtendedError {
    /// The INFO-CODE.
    pub code: u16,
    /// The EXTRA-TEXT, printable and at most 64 characters.
    pub text: String,
}

impl ExtendedError {
    /// The name of the INFO-CODE in the IANA registry, where it is one that resolvers send.
    pub fn name(&self) -> &'static str {
        const NAMES: [&str; 25] = [
            "Other",
            "Unsupported DNSKEY Algorithm",
            "Unsupported DS Digest Type",
            "Stale Answer",
            "Forged Answer",
            "DNSSEC Indeterminate",
            "DNSSEC Bogus",
            "Signature Expired",
            "Signature Not Yet Valid",
            "DNSKEY Missing",
            "RRSIGs Missing",
            "No Zone Key Bit Set",
            "NSEC Missing",
            "Cached Error",
            "Not Ready",
            "Blocked",
            "Censored",
            "Filtered",
            "Prohibited",
            "Stale NXDOMAIN Answer",
            "Not Authoritative",
            "Not Supported",
            "No Reachable Authority",
            "Network Error",
            "Invalid Data",
        ];
        NAMES.get(usize::from(self.code)).copied().unwrap_or("unknown")
    }

    /// Whether the answer is past its time: Stale Answer or Stale NXDOMAIN Answer.
    pub const fn is_stale(&self) -> bool {
        matches!(self.code, 3 | 19)
    }
}

impl fmt::Display for ExtendedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EDE {} ({})", self.code, self.name())?;
        if self.text.is_empty() { Ok(()) } else { write!(f, ": {}", self.text) }
    }
}

/// A record of a reply.
#[derive(Debug, Clone, PartialEq)]
pub struct Record(WireRecord);

impl Record {
    /// Its type, by number.
    pub fn rtype(&self) -> u16 {
        self.0.record_type().into()
    }

    /// Time to live, in seconds. A value with the top bit set counts as zero (RFC 2181, section 8).
    pub fn ttl(&self) -> u32 {
        if self.0.ttl > i32::MAX.unsigned_abs() { 0 } else { self.0.ttl }
    }

    /// The address, for A and AAAA.
    pub fn address(&self) -> Option<IpAddr> {
        if let RData::A(a) = &self.0.data {
            Some(IpAddr::V4(a.0))
        } else if let RData::AAAA(aaaa) = &self.0.data {
            Some(IpAddr::V6(aaaa.0))
        } else {
            None
        }
    }

    /// The serial, for SOA.
    pub fn serial(&self) -> Option<u32> {
        if let RData::SOA(soa) = &self.0.data { Some(soa.serial) } else { None }
    }

    /// The strings, one after another, for TXT.
    pub fn text(&self) -> Option<Vec<u8>> {
        if let RData::TXT(txt) = &self.0.data { Some(txt.txt_data.concat()) } else { None }
    }

    /// The data in presentation form, printable, however hostile.
    pub fn rdata(&self) -> String {
        printable(self.0.data.to_string().as_bytes(), usize::from(u16::MAX))
    }
}

impl From<WireRecord> for Record {
    fn from(record: WireRecord) -> Self {
        Self(record)
    }
}

impl fmt::Display for Record {
    /// The record as a line of a zone file, with tabs between its fields in the alternate form.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let owner = printable(self.0.name.to_ascii().as_bytes(), 255 * 4);
        let gap = if f.alternate() { '\t' } else { ' ' };
        let (ttl, class, rtype) = (self.ttl(), self.0.dns_class, self.0.record_type());
        write!(f, "{owner}{gap}{ttl}{gap}{class}{gap}{rtype}{gap}{}", self.rdata())
    }
}

/// The facts of a reply to one of our questions.
#[derive(Debug, Clone, PartialEq)]
#[expect(clippy::struct_excessive_bools, reason = "they are the flag bits of the header")]
pub struct Reply {
    /// The response code, extended by EDNS.
    pub rcode: Rcode,
    /// AA: the server is an authority for the name.
    pub authoritative: bool,
    /// TC: the rest did not fit.
    pub truncated: bool,
    /// RA: the server offers recursion.
    pub recursion_available: bool,
    /// AD: the server validated the answer.
    pub authenticated: bool,
    /// The answer section, aliases included.
    pub answers: Vec<Record>,
    /// The authority section.
    pub authorities: Vec<Record>,
    /// The server's name for itself (RFC 5001), printable and at most 64 characters.
    pub nsid: Option<String>,
    /// Extended errors, at most eight.
    pub extended_errors: Vec<ExtendedError>,
    /// The message as it came.
    pub packet: Arc<[u8]>,
}

/// Why a packet does not belong to our question.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Stray {
    /// Another message ID.
    WrongId,
    /// Our ID, but another question.
    WrongQuestion,
    /// Not a DNS message.
    Undecodable,
}

impl Stray {
    /// Every reason, in the order of metrics.
    pub const ALL: [Self; 3] = [Self::WrongId, Self::WrongQuestion, Self::Undecodable];

    /// The word used in labels.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::WrongId => "wrong_id",
            Self::WrongQuestion => "wrong_question",
            Self::Undecodable => "undecodable",
        }
    }
}

/// The longest text kept of an NSID or an extended error, in characters.
const TEXT_LIMIT: usize = 64;

/// The most extended errors kept of one reply.
const EXTENDED_ERRORS_LIMIT: usize = 8;

impl Reply {
    /// Reads a packet as the reply to `question`, or says why it is none.
    ///
    /// ID and counts are looked at first, so that a forger's packet costs next to nothing. A reply without a question
    /// is taken only with an error code: some servers drop it when they report one.
    pub fn decode(packet: &[u8], question: &Encoded, case: &CaseMemory) -> Result<Self, Stray> {
        let header = packet.first_chunk::<12>().ok_or(Stray::Undecodable)?;
        if !counts_can_fit(header, packet.len()) {
            return Err(Stray::Undecodable);
        }
        if header[..2] != question.bytes[..2] {
            return Err(Stray::WrongId);
        }
        let message = Message::from_vec(packet).map_err(|_| Stray::Undecodable)?;
        if message.metadata.message_type == MessageType::Response && belongs(packet, &message, question, case) {
            Ok(Self::from_message(message, packet))
        } else {
            Err(Stray::WrongQuestion)
        }
    }

    /// Reads a packet that was accepted as a reply before, such as one that was kept.
    pub fn read_again(packet: &[u8]) -> Option<Self> {
        Some(Self::from_message(Message::from_vec(packet).ok()?, packet))
    }

    fn from_message(message: Message, packet: &[u8]) -> Self {
        let rcode = Rcode(u16::from(message.metadata.response_code));
        let edns = message.edns.as_ref();
        let nsid = edns.and_then(|edns| match edns.option(EdnsCode::NSID) {
            Some(EdnsOption::NSID(payload)) => Some(printable(payload.as_ref(), TEXT_LIMIT)),
            Some(EdnsOption::Unknown(_, bytes)) if !bytes.is_empty() => Some(printable(bytes, TEXT_LIMIT)),
            _ => None,
        });
        let options = edns.map(|edns| edns.options().options.as_slice()).unwrap_or_default();
        let extended_errors = options.iter().filter_map(|(_, option)| extended_error(option));
        Self {
            rcode,
            authoritative: message.metadata.authoritative,
            truncated: message.metadata.truncation,
            recursion_available: message.metadata.recursion_available,
            authenticated: message.metadata.authentic_data,
            nsid: nsid.filter(|nsid| !nsid.is_empty()),
            extended_errors: extended_errors.take(EXTENDED_ERRORS_LIMIT).collect(),
            answers: message.answers.into_iter().map(Record).collect(),
            authorities: message.authorities.into_iter().map(Record).collect(),
            packet: Arc::from(packet),
        }
    }

    /// Whether the message repeats this question.
    pub fn is_about(&self, qname: &DomainName, qtype: QueryType) -> bool {
        let Ok(message) = Message::from_vec(&self.packet) else { return false };
        let Ok(name) = Name::from_ascii(qname.as_str()) else { return false };
        let [query] = message.queries.as_slice() else { return false };
        u16::from(query.query_type()) == qtype.code() && *query.name() == name
    }

    /// The answers of the type that was asked for, without the aliases on the way to them.
    pub fn answers_of(&self, rtype: u16) -> impl Iterator<Item = &Record> {
        self.answers.iter().filter(move |record| record.rtype() == rtype)
    }

    /// The smallest time to live among the answers, aliases included, in seconds.
    pub fn smallest_ttl(&self) -> Option<u32> {
        self.answers.iter().map(Record::ttl).min()
    }
}

/// Whether the packet is long enough for the records its header promises: a question takes at least five bytes, a
/// record eleven. A header that lies is not worth decoding.
pub(crate) fn counts_can_fit(header: &[u8; 12], length: usize) -> bool {
    let count = |at: usize| usize::from(u16::from_be_bytes([header[at], header[at + 1]]));
    12 + count(4) * 5 + (count(6) + count(8) + count(10)) * 11 <= length
}

/// Whether the reply repeats our question, letter for letter where the server is known to keep case.
fn belongs(packet: &[u8], message: &Message, asked: &Encoded, case: &CaseMemory) -> bool {
    if message.queries.is_empty() {
        return u16::from(message.metadata.response_code) != 0 && message.answers.is_empty();
    }
    let question = asked.wire_question();
    // The first name of a message has nothing before it to point to, so the question can be compared as it stands.
    let same = |got: &[u8]| got.eq_ignore_ascii_case(question) && (!asked.mixed_case || case.admits(got == question));
    message.queries.len() == 1 && packet.get(12..12 + question.len()).is_some_and(same)
}

/// The EDE option (15): the codec hands it over as bytes.
fn extended_error(option: &EdnsOption) -> Option<ExtendedError> {
    if let EdnsOption::Unknown(15, bytes) = option
        && let [high, low, text @ ..] = bytes.as_slice()
    {
        Some(ExtendedError { code: u16::from_be_bytes([*high, *low]), text: printable(text, TEXT_LIMIT) })
    } else {
        None
    }
}
