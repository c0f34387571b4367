//! From a question to its answer: own zones first, then what is remembered, then a fetch.

use std::net::SocketAddr;

use hickory_proto::op::{Edns, Message, MessageType, Metadata, OpCode, Query, ResponseCode};
use hickory_proto::rr::rdata::NS;
use hickory_proto::rr::rdata::opt::{EdnsCode, EdnsOption};
use hickory_proto::rr::{DNSClass, Name, RData, Record, RecordType};
use tokio::time::{Instant, sleep};

use super::findings::Findings;
use super::identity;
use super::memory::Key;
use super::node::Node;
use super::software::{STALE_TTL, STALE_WINDOW, WithoutRd};
use super::tamper;
use super::zone::{Security, Zone};
use crate::estate::Transport;

/// The largest answer over UDP to a question without EDNS (RFC 1035, section 4.2.1).
const SMALL_PAYLOAD: u16 = 512;

/// The UDP payload size that simulated resolvers announce.
const PAYLOAD: u16 = 1232;

/// A question that came in.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) message: Message,
    query: Query,
    pub(super) from: SocketAddr,
    pub(super) via: Transport,
    pub(super) at: Instant,
}

impl Asked {
    /// The question, or nothing when the packet is none: a response is never answered.
    pub(super) fn decode(packet: &[u8], from: SocketAddr, via: Transport) -> Option<Self> {
        let message = Message::from_vec(packet).ok()?;
        let [query] = message.queries.as_slice() else { return None };
        let is_question = message.metadata.message_type == MessageType::Query;
        let query = query.clone();
        is_question.then(|| Self { message, query, from, via, at: Instant::now() })
    }

    pub(super) fn qname(&self) -> &Name {
        self.query.name()
    }

    pub(super) fn qtype(&self) -> RecordType {
        self.query.query_type()
    }

    pub(super) fn key(&self) -> Key {
        (self.qname().to_lowercase(), self.qtype())
    }

    pub(super) fn recursion_desired(&self) -> bool {
        self.message.metadata.recursion_desired
    }

    pub(super) fn checking_disabled(&self) -> bool {
        self.message.metadata.checking_disabled
    }
}

/// Findings, and what the header says of them.
struct Answer {
    findings: Findings,
    authoritative: bool,
    authenticated: bool,
}

impl From<Findings> for Answer {
    fn from(findings: Findings) -> Self {
        Self { findings, authoritative: false, authenticated: false }
    }
}

impl Node {
    /// The answer in wire form; nothing where the resolver stays silent.
    pub(super) async fn answer(&self, asked: Asked) -> Option<Vec<u8>> {
        let faults = self.faults_for(asked.qname());
        if tamper::loses(&faults, asked.via) {
            return None;
        }
        let answer = match tamper::instead(&faults) {
            Some(findings) if asked.query.query_class() == DNSClass::IN => findings.into(),
            _ => self.find(&asked, tamper::refuses_recursion(&faults)).await?,
        };
        sleep(tamper::delay(&faults)).await;
        let too_late = self.0.software.profile().udp_answers_within.is_some_and(|limit| asked.at.elapsed() > limit);
        if asked.via == Transport::Udp && too_late {
            return None;
        }
        let message = tamper::alter(&faults, self.compose(&asked, answer), asked.via)?;
        let mut bytes = message.to_vec().ok()?;
        let payload = asked.message.edns.as_ref().map_or(SMALL_PAYLOAD, |edns| edns.max_payload().max(SMALL_PAYLOAD));
        if asked.via == Transport::Udp && bytes.len() > usize::from(payload) {
            bytes = message.truncate().to_vec().ok()?;
        }
        tamper::garble(&faults, &mut bytes);
        Some(bytes)
    }

    async fn find(&self, asked: &Asked, refuses_recursion: bool) -> Option<Answer> {
        if asked.message.metadata.op_code != OpCode::Query {
            return Some(Findings::error(ResponseCode::NotImp).into());
        }
        if !asked.recursion_desired()
            && self.0.software.profile().without_rd == WithoutRd::RefusedNotAuthoritative
            && self.own_zone(asked).is_none()
        {
            return Some(refused_not_authoritative().into());
        }
        if asked.query.query_class() == DNSClass::CH {
            let findings = identity::chaos(self.0.software, &self.0.name, asked.qname(), asked.qtype());
            return Some(Answer { findings, authoritative: true, authenticated: false });
        }
        if let Some(findings) = self.own_zone(asked) {
            return Some(Answer { findings, authoritative: true, authenticated: false });
        }
        if asked.query.query_class() != DNSClass::IN || !self.0.setup.read().recursive || refuses_recursion {
            return Some(Findings::error(ResponseCode::Refused).into());
        }
        let findings = self.recurse(asked).await?;
        Some(self.validate(asked, findings))
    }

    fn own_zone(&self, asked: &Asked) -> Option<Findings> {
        let setup = self.0.setup.read();
        let holding = setup.zones.iter().filter(|zone| zone.holds(asked.qname()));
        let zone = holding.max_by_key(|zone: &&Zone| zone.apex().num_labels())?;
        let findings = Findings::from_zone(zone.lookup(asked.qname(), asked.qtype()));
        // Knot refuses every question without RD, with the answer in its hands.
        let refuses = self.0.software.profile().without_rd == WithoutRd::RefusedNotAuthoritative;
        let rcode = if refuses && !asked.recursion_desired() { ResponseCode::Refused } else { findings.rcode };
        Some(Findings { rcode, ..findings })
    }

    /// What is remembered, or else what a fetch finds.
    async fn recurse(&self, asked: &Asked) -> Option<Findings> {
        let profile = self.0.software.profile();
        let (key, now) = (asked.key(), Instant::now());
        let (rd, cd) = (asked.recursion_desired(), asked.checking_disabled());
        match profile.without_rd {
            WithoutRd::Refused if !rd => return Some(Findings::error(ResponseCode::Refused)),
            WithoutRd::Refused | WithoutRd::RefusedNotAuthoritative | WithoutRd::FromCache | WithoutRd::Forwarded => {}
        }
        let forwards_without_rd = profile.without_rd == WithoutRd::Forwarded;
        {
            let memory = self.0.memory.lock();
            // BIND looks at remembered failures only when recursion is asked for; a packet cache does not look at RD.
            if (rd || forwards_without_rd)
                && let Some(failed) = memory.failures.get(&key)
                && failed.until > now
                && (!profile.failures_respect_cd || failed.checking_disabled || !cd)
            {
                return Some((*failed.findings).clone());
            }
            if let Some(findings) = memory.fresh(&key, self.0.surroundings.second()) {
                return Some(findings);
            }
            if !rd && (!forwards_without_rd || self.forwarders_for(asked.qname()).0.is_empty()) {
                return Some(root_referral());
            }
            if self.0.setup.read().serve_stale && memory.is_within_stale_window(&key, now) {
                let stale = memory.stale(&key).map(|findings| findings.with_ttl(STALE_TTL));
                let text = "query within stale refresh time window";
                return stale.map(|findings| self.declare_stale(findings, text));
            }
        }
        self.fetch_or_serve_stale(asked).await
    }

    /// Fetches; where that fails or takes too long and stale answers are switched on, gives the stale answer.
    async fn fetch_or_serve_stale(&self, asked: &Asked) -> Option<Findings> {
        let stale = self.0.setup.read().serve_stale.then(|| self.0.memory.lock().stale(&asked.key())).flatten();
        let Some(stale) = stale else {
            return self.fetched(asked).await.map(|findings| (*findings).clone());
        };
        let profile = self.0.software.profile();
        let fetched = match profile.stale.after {
            Some(after) => tokio::time::timeout(after, self.fetched(asked)).await.ok().flatten(),
            None => self.fetched(asked).await,
        };
        if let Some(findings) = fetched
            && findings.is_answer()
        {
            return Some((*findings).clone());
        }
        self.0.memory.lock().open_stale_window(&asked.key(), Instant::now() + STALE_WINDOW);
        Some(self.declare_stale(stale.with_ttl(STALE_TTL), "resolver failure"))
    }

    fn declare_stale(&self, findings: Findings, text: &'static str) -> Findings {
        if self.0.software.profile().stale.says_so { findings.with_extended_error(3, text) } else { findings }
    }

    /// What a validator makes of the findings. The chain of trust is looked up in the outside itself: the lab signs
    /// nothing.
    fn validate(&self, asked: &Asked, findings: Findings) -> Answer {
        if !self.0.software.profile().validates || !findings.is_answer() {
            return findings.into();
        }
        let wants_ad = asked.message.metadata.authentic_data
            || asked.message.edns.as_ref().is_some_and(|edns| edns.flags().dnssec_ok);
        match self.0.surroundings.outside.security_of(asked.qname()) {
            Security::Insecure => findings.into(),
            Security::Bogus if asked.checking_disabled() => findings.into(),
            Security::Bogus => Findings::error(ResponseCode::ServFail).into(),
            Security::Secure => Answer { findings, authoritative: false, authenticated: wants_ad },
        }
    }

    fn compose(&self, asked: &Asked, answer: Answer) -> Message {
        let Answer { findings, authoritative, authenticated } = answer;
        let mut message = Message::response(asked.message.metadata.id, asked.message.metadata.op_code);
        message.metadata = Metadata::response_from_request(&asked.message.metadata);
        message.metadata.authoritative = authoritative;
        message.metadata.authentic_data = authenticated;
        message.metadata.recursion_available = self.0.setup.read().recursive;
        message.metadata.response_code = findings.rcode;
        message.add_query(asked.query.clone());
        message.insert_answers(findings.answers);
        message.insert_authorities(findings.authorities);
        if let Some(asked_edns) = &asked.message.edns {
            let mut edns = Edns::new();
            edns.set_max_payload(PAYLOAD).set_dnssec_ok(asked_edns.flags().dnssec_ok);
            if asked_edns.option(EdnsCode::NSID).is_some() && identity::has_nsid(self.0.software) {
                edns.options_mut().insert(EdnsOption::Unknown(3, self.0.name.clone().into_bytes()));
            }
            for option in findings.passed_on {
                edns.options_mut().insert(option);
            }
            if let Some((code, text)) = findings.extended_error {
                tamper::add_extended_error(&mut edns, code, text);
            }
            message.set_edns(edns);
        }
        message
    }
}

/// How Knot refuses: with a code of its own in the extended error.
fn refused_not_authoritative() -> Findings {
    Findings::error(ResponseCode::Refused).with_extended_error(20, "ABC4")
}

/// What a resolver answers without RD when it has nothing: the name servers of the root, and no answer.
fn root_referral() -> Findings {
    let server = Name::from_ascii("a.root-servers.net.").unwrap_or_else(|_| Name::root());
    let record = Record::from_rdata(Name::root(), 518_400, RData::NS(NS(server)));
    Findings::new(ResponseCode::NoError, Vec::new(), vec![record])
}
