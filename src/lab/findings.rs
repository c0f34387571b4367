//! What a resolver has found out about a question.

use hickory_proto::op::ResponseCode;
use hickory_proto::rr::rdata::opt::EdnsOption;
use hickory_proto::rr::{RData, Record};

use super::zone::Found;

/// A response code with its records, wherever they came from.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Findings {
    pub(super) rcode: ResponseCode,
    pub(super) answers: Vec<Record>,
    pub(super) authorities: Vec<Record>,
    /// An extended error to answer with (RFC 8914): its code and text.
    pub(super) extended_error: Option<(u16, &'static str)>,
    /// EDNS options of an upstream that a transparent forwarder passes on.
    pub(super) passed_on: Vec<EdnsOption>,
}

impl Findings {
    pub(super) fn new(rcode: ResponseCode, answers: Vec<Record>, authorities: Vec<Record>) -> Self {
        Self { rcode, answers, authorities, extended_error: None, passed_on: Vec::new() }
    }

    pub(super) fn error(rcode: ResponseCode) -> Self {
        Self::new(rcode, Vec::new(), Vec::new())
    }

    pub(super) fn with_extended_error(mut self, code: u16, text: &'static str) -> Self {
        self.extended_error = Some((code, text));
        self
    }

    pub(super) fn from_zone(found: Found) -> Self {
        match found {
            Found::Answers(records) => Self::new(ResponseCode::NoError, records, Vec::new()),
            Found::Nodata(soa) => Self::new(ResponseCode::NoError, Vec::new(), vec![*soa]),
            Found::Nxdomain(soa) => Self::new(ResponseCode::NXDomain, Vec::new(), vec![*soa]),
        }
    }

    /// Whether this is an answer to the question, a negative one included, and not a failure to have one.
    pub(super) fn is_answer(&self) -> bool {
        matches!(self.rcode, ResponseCode::NoError | ResponseCode::NXDomain)
    }

    /// How long a cache may keep it, in seconds: not at all when nothing says so.
    pub(super) fn ttl(&self) -> u32 {
        let negative = || {
            self.authorities.iter().find_map(|record| {
                if let RData::SOA(soa) = &record.data { Some(record.ttl.min(soa.minimum)) } else { None }
            })
        };
        self.answers.iter().map(|record| record.ttl).min().or_else(negative).unwrap_or(0)
    }

    /// The same records, `seconds` later.
    pub(super) fn aged(&self, seconds: u32) -> Self {
        let mut aged = self.clone();
        for record in aged.answers.iter_mut().chain(&mut aged.authorities) {
            record.ttl = record.ttl.saturating_sub(seconds);
        }
        aged
    }

    /// The same records with one time to live.
    pub(super) fn with_ttl(mut self, ttl: u32) -> Self {
        for record in self.answers.iter_mut().chain(&mut self.authorities) {
            record.ttl = ttl;
        }
        self
    }
}
