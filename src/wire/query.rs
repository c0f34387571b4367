//! A question, encoded once and made unique for every probe.

use hickory_proto::op::{DEFAULT_MAX_PAYLOAD_LEN, Edns, Message, MessageType, OpCode, Query};
use hickory_proto::rr::rdata::opt::EdnsOption;
use hickory_proto::rr::{DNSClass, Name, RecordType};
use rand::RngExt;

use crate::estate::{DomainName, QueryClass, Question};

/// Offset of the question in a message (RFC 1035, section 4.1.1).
const HEADER_LENGTH: usize = 12;

/// The encoded question of a name: every probe is a copy with a fresh ID, nonce and letter case.
#[derive(Debug, Clone)]
pub struct QueryTemplate {
    bytes: Box<[u8]>,
    /// Where in `bytes` the name ends: letters before it may change case.
    qname_end: usize,
    /// Where in `bytes` the nonce is written, for names that have one.
    nonce_at: Option<usize>,
}

/// One probe's question as it is sent.
#[derive(Debug, Clone)]
pub struct Encoded {
    /// The whole message.
    pub bytes: Vec<u8>,
    /// Whether some letter of the name is upper case, so that a reply can show whether it keeps case.
    pub mixed_case: bool,
    qname_end: usize,
}

impl QueryTemplate {
    /// Encodes the question with EDNS (RFC 6891): 1232 bytes, NSID asked for (RFC 5001), DO where wanted.
    ///
    /// # Panics
    /// Never for a [`DomainName`]: it was checked to fit a message.
    pub fn new(question: &Question) -> Self {
        let placeholder = "x".repeat(DomainName::NONCE_LENGTH);
        let presentation = question.qname.as_str().replacen(DomainName::NONCE, &placeholder, 1);
        let name = Name::from_ascii(&presentation).expect("a DomainName was checked to fit a message");
        let mut query = Query::query(name, RecordType::from(question.qtype.code()));
        query.set_query_class(match question.qclass {
            QueryClass::In => DNSClass::IN,
            QueryClass::Ch => DNSClass::CH,
        });
        let mut edns = Edns::new();
        edns.set_max_payload(DEFAULT_MAX_PAYLOAD_LEN).set_dnssec_ok(question.dnssec_ok);
        edns.options_mut().insert(EdnsOption::Unknown(3, Vec::new()));
        let mut message = Message::new(0, MessageType::Query, OpCode::Query);
        message.metadata.recursion_desired = question.recursion_desired;
        message.metadata.checking_disabled = question.checking_disabled;
        message.add_query(query);
        message.set_edns(edns);
        let bytes = message.to_vec().expect("one checked question always fits").into_boxed_slice();

        let wire_nonce_at = question.qname.as_str().find(DomainName::NONCE);
        // In wire form a length byte stands before each label, so a character's place is one to the right of its
        // place in the presentation form.
        let nonce_at = wire_nonce_at.map(|at| HEADER_LENGTH + 1 + at);
        let qname_end = HEADER_LENGTH + if presentation == "." { 1 } else { presentation.len() + 1 };
        Self { bytes, qname_end, nonce_at }
    }

    /// A question to send: fresh random ID, fresh nonce, and random letter case when `mixed_case` is set.
    pub fn fresh(&self, mixed_case: bool) -> Encoded {
        const NONCE_ALPHABET: &[u8; 32] = b"0123456789abcdefghijklmnopqrstuv";
        let mut rng = rand::rng();
        let mut bytes = self.bytes.to_vec();
        bytes[..2].copy_from_slice(&rng.random::<[u8; 2]>());
        if let Some(at) = self.nonce_at {
            let random: [u8; DomainName::NONCE_LENGTH] = rng.random();
            for (byte, random) in bytes[at..].iter_mut().zip(random) {
                *byte = NONCE_ALPHABET[usize::from(random % 32)];
            }
        }
        let mut any_upper_case = false;
        if mixed_case {
            let mut coins = 0_u64;
            for (place, byte) in bytes[HEADER_LENGTH..self.qname_end].iter_mut().enumerate() {
                if place % 64 == 0 {
                    coins = rng.random();
                }
                // Length bytes are below 64 and so never letters.
                if byte.is_ascii_alphabetic() && (coins >> (place % 64)) & 1 == 1 {
                    *byte ^= 0x20;
                    any_upper_case = true;
                }
            }
        }
        Encoded { bytes, mixed_case: any_upper_case, qname_end: self.qname_end }
    }
}

impl Encoded {
    /// The message ID.
    pub fn id(&self) -> u16 {
        u16::from_be_bytes([self.bytes[0], self.bytes[1]])
    }

    /// The name in wire form, in the letter case it was sent in.
    pub fn wire_name(&self) -> &[u8] {
        &self.bytes[HEADER_LENGTH..self.qname_end]
    }

    /// Name, type and class in wire form: what a reply has to repeat.
    pub fn wire_question(&self) -> &[u8] {
        &self.bytes[HEADER_LENGTH..self.qname_end + 4]
    }

    /// The name in presentation form, in lower case: what was really asked, nonce and all.
    pub fn qname(&self) -> String {
        let mut text = String::with_capacity(self.qname_end);
        let mut rest = self.wire_name();
        while let [length, tail @ ..] = rest
            && *length > 0
        {
            let (label, after) = tail.split_at(usize::from(*length));
            text.extend(label.iter().map(|byte| char::from(byte.to_ascii_lowercase())));
            text.push('.');
            rest = after;
        }
        if text.is_empty() { ".".to_owned() } else { text }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::estate::QueryType;

    fn question(qname: &str) -> Question {
        Question {
            qname: DomainName::parse(qname).unwrap(),
            qtype: QueryType::A,
            qclass: QueryClass::In,
            recursion_desired: true,
            checking_disabled: false,
            dnssec_ok: true,
        }
    }

    #[test]
    fn a_template_encodes_what_was_asked_for() {
        let message = Message::from_vec(&QueryTemplate::new(&question("db1.int.example.")).fresh(false).bytes).unwrap();
        assert!(message.metadata.recursion_desired && !message.metadata.checking_disabled);
        assert_eq!(message.queries[0].to_string(), "db1.int.example. IN A");
        let edns = message.edns.unwrap();
        assert_eq!((edns.max_payload(), edns.flags().dnssec_ok), (1232, true));
        assert_eq!(edns.options().options.len(), 1, "NSID and nothing else");
    }

    #[test]
    fn every_probe_is_fresh_in_id_nonce_and_case() {
        let template = QueryTemplate::new(&question("a.{nonce}.p.a-rather-long-name.example."));
        let (one, two) = (template.fresh(true), template.fresh(true));
        assert_ne!(one.qname(), two.qname(), "nonces differ");
        assert_ne!(one.wire_name().to_ascii_lowercase(), one.wire_name(), "some letter is upper case");
        let ids: std::collections::HashSet<u16> = (0..64).map(|_| template.fresh(true).id()).collect();
        assert!(ids.len() > 56, "64 random IDs are nearly all different: {}", ids.len());
        let qname = one.qname();
        assert!(qname.starts_with("a.") && qname.ends_with(".p.a-rather-long-name.example."), "{qname}");
        let decoded = Message::from_vec(&one.bytes).unwrap();
        assert_eq!(decoded.queries[0].name().to_lowercase().to_ascii(), qname);
    }

    #[test]
    fn the_root_can_be_asked_for() {
        let encoded = QueryTemplate::new(&question(".")).fresh(true);
        assert_eq!((encoded.qname().as_str(), encoded.wire_question().len()), (".", 5));
    }
}
