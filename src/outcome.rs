//! What one probe saw: the closed set of outcomes, and how a reply becomes one.

use std::fmt;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::estate::Name;
use crate::expect::Mismatch;
use crate::transport::Failure;
use crate::verdict::Verdict;
use crate::wire::{Rcode, Reply};

/// What one probe saw. Closed; every probe has exactly one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// An answer as expected, in time.
    Ok,
    /// The resolver could not resolve the name (rcode 2).
    Servfail,
    /// No answer within the timeout.
    Timeout,
    /// SERVFAIL or no answer for a name that needs recursion, at a resolver that is part of a suspected loop.
    LoopSuspected,
    /// The resolver does not serve us, or not this name (rcode 5).
    Refused,
    /// The name is said not to exist (rcode 3).
    Nxdomain,
    /// The name exists, but has no record of the type asked for (RFC 2308, section 2.2).
    Nodata,
    /// An answer, but not the expected one.
    WrongAnswer,
    /// The answer lacks the AA bit that was expected.
    NotAuthoritative,
    /// The answer did not fit UDP (TC), and TCP failed.
    Truncated,
    /// Any other response code.
    BadRcode,
    /// Something came, but nothing that could be read as a DNS message.
    Malformed,
    /// An answer past its time (RFC 8767): extended error 3 or 19, or a time to live that stands still.
    Stale,
    /// The network said that nobody is there: port closed, or no route.
    Unreachable,
    /// TCP could not be set up, or was closed without an answer.
    ConnectionFailed,
    /// The prober's own fault: no socket, no descriptor, no processor time. Never held against a resolver.
    InternalError,
}

impl Outcome {
    /// Every outcome, in the order of metrics and tables.
    pub const ALL: [Self; 16] = [
        Self::Ok,
        Self::Servfail,
        Self::Timeout,
        Self::LoopSuspected,
        Self::Refused,
        Self::Nxdomain,
        Self::Nodata,
        Self::WrongAnswer,
        Self::NotAuthoritative,
        Self::Truncated,
        Self::BadRcode,
        Self::Malformed,
        Self::Stale,
        Self::Unreachable,
        Self::ConnectionFailed,
        Self::InternalError,
    ];

    /// The word used in labels, tables and JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Servfail => "servfail",
            Self::Timeout => "timeout",
            Self::LoopSuspected => "loop_suspected",
            Self::Refused => "refused",
            Self::Nxdomain => "nxdomain",
            Self::Nodata => "nodata",
            Self::WrongAnswer => "wrong_answer",
            Self::NotAuthoritative => "not_authoritative",
            Self::Truncated => "truncated",
            Self::BadRcode => "bad_rcode",
            Self::Malformed => "malformed",
            Self::Stale => "stale",
            Self::Unreachable => "unreachable",
            Self::ConnectionFailed => "connection_failed",
            Self::InternalError => "internal_error",
        }
    }

    /// One sentence for a person who sees the word for the first time.
    pub const fn help(self) -> &'static str {
        match self {
            Self::Ok => "The answer met every expectation, in time.",
            Self::Servfail => {
                "The resolver gave up on the name (SERVFAIL): its way to the authority, or validation, failed."
            }
            Self::Timeout => "No answer came within the timeout; a late one is recorded as evidence.",
            Self::LoopSuspected => {
                "SERVFAIL or silence for a name that needs recursion, at a resolver that is part of a suspected loop."
            }
            Self::Refused => "The resolver refused to answer (REFUSED): an access list, or not its zone.",
            Self::Nxdomain => "The resolver says the name does not exist (NXDOMAIN).",
            Self::Nodata => "The name exists, but has no record of the type asked for (NODATA).",
            Self::WrongAnswer => "An answer came, but not the expected one.",
            Self::NotAuthoritative => "The answer was expected to be authoritative and lacks the AA bit.",
            Self::Truncated => "The answer did not fit UDP (TC), and asking again over TCP failed.",
            Self::BadRcode => "The answer carries a response code that is neither expected nor one of the others here.",
            Self::Malformed => "Something came back, but nothing that can be read as a DNS message.",
            Self::Stale => "The answer is past its time: served from cache because it could not be refreshed.",
            Self::Unreachable => "The network reported that nobody is there: the port is closed, or there is no route.",
            Self::ConnectionFailed => "TCP could not be set up, or was closed before an answer came.",
            Self::InternalError => {
                "The prober itself failed, for want of a socket or of time; says nothing of the resolver."
            }
        }
    }

    /// Its place in [`Outcome::ALL`], for tables indexed by outcome.
    pub const fn index(self) -> usize {
        self as usize
    }

    /// The outcomes whose counters exist, at zero, before the first probe.
    pub const fn counted_from_start(self) -> bool {
        matches!(self, Self::Ok | Self::Servfail | Self::Timeout | Self::LoopSuspected)
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

//----------- Classification --------------------------------------------------

/// What was heard in answer to one question, and what is known around it.
#[derive(Debug, Clone, Copy)]
pub struct Heard<'a> {
    /// The reply in time, or why there is none.
    pub reply: Result<&'a Reply, &'a Failure>,
    /// A reply over UDP was truncated, so the rest is TCP's.
    pub truncated: bool,
    /// Something came over UDP that could not be read.
    pub undecodable: bool,
    /// The answer's time to live stands still.
    pub ttl_stands_still: bool,
    /// What is known of the resolver at this moment, for names outside its own zones, which it has to ask others for.
    pub recursion: Option<Verdict>,
}

/// What one probe saw, and how its answer fell short where that is the reason.
pub fn classify(name: &Name, heard: Heard<'_>) -> (Outcome, Option<Mismatch>) {
    let (outcome, mismatch) = match heard.reply {
        Ok(reply) => of_reply(name, reply, heard.ttl_stands_still),
        Err(failure) => (of_failure(failure, heard), None),
    };
    let failed = matches!(outcome, Outcome::Servfail | Outcome::Timeout);
    if failed && heard.recursion == Some(Verdict::LoopSuspected) {
        return (Outcome::LoopSuspected, mismatch);
    }
    (outcome, mismatch)
}

fn of_failure(failure: &Failure, heard: Heard<'_>) -> Outcome {
    match failure {
        Failure::Local(_) | Failure::Stalled(_) => Outcome::InternalError,
        _ if heard.truncated => Outcome::Truncated,
        Failure::Silence if heard.undecodable => Outcome::Malformed,
        Failure::Silence => Outcome::Timeout,
        Failure::Unreachable(_) => Outcome::Unreachable,
        Failure::ConnectionFailed(_) => Outcome::ConnectionFailed,
        Failure::HalfMessage { .. } => Outcome::Malformed,
    }
}

fn of_reply(name: &Name, reply: &Reply, ttl_stands_still: bool) -> (Outcome, Option<Mismatch>) {
    if reply.rcode != name.expect.rcode {
        return (of_rcode(reply.rcode), None);
    }
    if ttl_stands_still || reply.extended_errors.iter().any(crate::wire::ExtendedError::is_stale) {
        return (Outcome::Stale, None);
    }
    match name.expect.mismatch(name.question.qtype, reply) {
        None => (Outcome::Ok, None),
        Some(Mismatch::NotAuthoritative) => (Outcome::NotAuthoritative, Some(Mismatch::NotAuthoritative)),
        Some(Mismatch::TooFew { got: 0, least }) if reply.rcode == Rcode::NOERROR => {
            (Outcome::Nodata, Some(Mismatch::TooFew { got: 0, least }))
        }
        Some(mismatch) => (Outcome::WrongAnswer, Some(mismatch)),
    }
}

/// What a response code means that is not the expected one. NOERROR, where an error was expected, is a wrong answer.
const fn of_rcode(rcode: Rcode) -> Outcome {
    match rcode {
        Rcode::NOERROR => Outcome::WrongAnswer,
        Rcode::SERVFAIL => Outcome::Servfail,
        Rcode::NXDOMAIN => Outcome::Nxdomain,
        Rcode::REFUSED => Outcome::Refused,
        Rcode(_) => Outcome::BadRcode,
    }
}
