//! What one probe saw: the closed set of outcomes, and how a reply becomes one.

use std::fmt;

/// What one probe saw. Closed; every probe has exactly one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
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
