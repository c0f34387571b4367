//! Everything that can be made to go wrong with a simulated resolver.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use crate::outcome::Outcome;

/// One thing that is wrong with a resolver. Closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Every question is dropped.
    Drop,
    /// So many percent of the questions over UDP are dropped; TCP sends them again.
    Loss(u8),
    /// Every answer comes so much later.
    Delay(Duration),
    /// SERVFAIL for everything.
    Servfail,
    /// REFUSED for everything.
    Refused,
    /// NXDOMAIN for everything.
    Nxdomain,
    /// NOERROR without an answer for everything.
    Nodata,
    /// Answers of the right type with the wrong data.
    WrongAnswer,
    /// Answers with another message ID.
    WrongId,
    /// Answers to another question.
    WrongQuestion,
    /// Every answer over UDP is truncated, and TCP is closed without an answer.
    Truncation,
    /// Bytes that are no DNS message.
    Garbage,
    /// TCP is closed in the middle of the message; UDP works.
    HalfMessage,
    /// Answers from cache whose time to live stands still at 30 s.
    StaleTtl,
    /// Answers that say they are stale (extended error 3).
    StaleError,
    /// The process is down: nobody listens at the port.
    ClosedPort,
    /// NOTIMP for everything.
    BadRcode,
    /// Answers from its own zones lack the AA bit.
    NotAuthoritative,
    /// Recursion is refused.
    RecursionRefused,
    /// Response rate limiting: no more than so many answers a second; of the others every second one is truncated,
    /// the rest dropped.
    RateLimit(u32),
    /// Names outside its own zones are forwarded to the next resolver of the same cluster.
    ForwardToSibling,
    /// They are forwarded to an address where nothing ever answers.
    BlackHole,
    /// They are forwarded to a port where nobody listens.
    DeadEnd,
    /// They are forwarded to the resolver itself.
    Loop,
}

impl Fault {
    /// One of each kind, those with a number with a telling one.
    pub const ALL: [Self; 24] = [
        Self::Drop,
        Self::Loss(30),
        Self::Delay(Duration::from_millis(500)),
        Self::Servfail,
        Self::Refused,
        Self::Nxdomain,
        Self::Nodata,
        Self::WrongAnswer,
        Self::WrongId,
        Self::WrongQuestion,
        Self::Truncation,
        Self::Garbage,
        Self::HalfMessage,
        Self::StaleTtl,
        Self::StaleError,
        Self::ClosedPort,
        Self::BadRcode,
        Self::NotAuthoritative,
        Self::RecursionRefused,
        Self::RateLimit(2),
        Self::ForwardToSibling,
        Self::BlackHole,
        Self::DeadEnd,
        Self::Loop,
    ];

    /// The word used on the command line, without its number.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Drop => "drop",
            Self::Loss(_) => "loss",
            Self::Delay(_) => "delay",
            Self::Servfail => "servfail",
            Self::Refused => "refused",
            Self::Nxdomain => "nxdomain",
            Self::Nodata => "nodata",
            Self::WrongAnswer => "wrong_answer",
            Self::WrongId => "wrong_id",
            Self::WrongQuestion => "wrong_question",
            Self::Truncation => "truncation",
            Self::Garbage => "garbage",
            Self::HalfMessage => "half_message",
            Self::StaleTtl => "stale_ttl",
            Self::StaleError => "stale_error",
            Self::ClosedPort => "closed_port",
            Self::BadRcode => "bad_rcode",
            Self::NotAuthoritative => "not_authoritative",
            Self::RecursionRefused => "recursion_refused",
            Self::RateLimit(_) => "rate_limit",
            Self::ForwardToSibling => "forward_to_sibling",
            Self::BlackHole => "black_hole",
            Self::DeadEnd => "dead_end",
            Self::Loop => "loop",
        }
    }

    /// One sentence for a person who chooses.
    pub const fn help(self) -> &'static str {
        match self {
            Self::Drop => "Every question is dropped.",
            Self::Loss(_) => "So many percent of the questions are dropped: loss=30.",
            Self::Delay(_) => "Every answer comes so much later: delay=500ms.",
            Self::Servfail => "SERVFAIL for everything.",
            Self::Refused => "REFUSED for everything, as with a wrong access list.",
            Self::Nxdomain => "NXDOMAIN for everything.",
            Self::Nodata => "NOERROR without an answer for everything.",
            Self::WrongAnswer => "Answers of the right type with the wrong data.",
            Self::WrongId => "Answers with another message ID, as a forger would guess.",
            Self::WrongQuestion => "Answers to another question.",
            Self::Truncation => "Every answer over UDP is truncated (TC), and TCP is closed without an answer.",
            Self::Garbage => "Bytes that are no DNS message.",
            Self::HalfMessage => "TCP is closed in the middle of the message; UDP works.",
            Self::StaleTtl => "Answers from cache whose time to live stands still at 30 s.",
            Self::StaleError => "Answers that say they are stale (extended error 3).",
            Self::ClosedPort => "The process is down: nobody listens at the port.",
            Self::BadRcode => "NOTIMP for everything.",
            Self::NotAuthoritative => "Answers from its own zones lack the AA bit.",
            Self::RecursionRefused => "Recursion is refused, own zones are answered.",
            Self::RateLimit(_) => "No more than so many answers a second, the rest truncated or dropped: rate_limit=2.",
            Self::ForwardToSibling => "Names outside its own zones are forwarded to the next resolver of its cluster.",
            Self::BlackHole => "Names outside its own zones are forwarded to an address where nothing ever answers.",
            Self::DeadEnd => "Names outside its own zones are forwarded to a port where nobody listens.",
            Self::Loop => "Names outside its own zones are forwarded to the resolver itself.",
        }
    }

    /// The fault that makes a probe see the outcome. `ok` needs none; the prober's own fault is none of a resolver.
    pub const fn provoking(outcome: Outcome) -> Option<Self> {
        match outcome {
            Outcome::Ok | Outcome::InternalError => None,
            Outcome::Servfail => Some(Self::Servfail),
            Outcome::Timeout => Some(Self::Drop),
            Outcome::LoopSuspected => Some(Self::Loop),
            Outcome::Refused => Some(Self::Refused),
            Outcome::Nxdomain => Some(Self::Nxdomain),
            Outcome::Nodata => Some(Self::Nodata),
            Outcome::WrongAnswer => Some(Self::WrongAnswer),
            Outcome::NotAuthoritative => Some(Self::NotAuthoritative),
            Outcome::Truncated => Some(Self::Truncation),
            Outcome::BadRcode => Some(Self::BadRcode),
            Outcome::Malformed => Some(Self::Garbage),
            Outcome::Stale => Some(Self::StaleError),
            Outcome::Unreachable | Outcome::ConnectionFailed => Some(Self::ClosedPort),
        }
    }

    /// Whether it is about the way to the resolver, and so hits every question, whatever its name.
    pub(super) const fn is_of_the_network(self) -> bool {
        matches!(self, Self::Drop | Self::Loss(_) | Self::Delay(_) | Self::ClosedPort | Self::RateLimit(_))
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())?;
        match self {
            Self::Loss(percent) => write!(f, "={percent}"),
            Self::Delay(delay) => write!(f, "={}", humantime::format_duration(*delay)),
            Self::RateLimit(answers) => write!(f, "={answers}"),
            Self::Drop
            | Self::Servfail
            | Self::Refused
            | Self::Nxdomain
            | Self::Nodata
            | Self::WrongAnswer
            | Self::WrongId
            | Self::WrongQuestion
            | Self::Truncation
            | Self::Garbage
            | Self::HalfMessage
            | Self::StaleTtl
            | Self::StaleError
            | Self::ClosedPort
            | Self::BadRcode
            | Self::NotAuthoritative
            | Self::RecursionRefused
            | Self::ForwardToSibling
            | Self::BlackHole
            | Self::DeadEnd
            | Self::Loop => Ok(()),
        }
    }
}

/// A word that is no fault.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoFault {
    /// The word is unknown.
    #[error("`{0}` is no fault; allowed are: {list}", list = Fault::ALL.map(|fault| fault.to_string()).join(", "))]
    Unknown(String),
    /// The number is missing, wrong, or one too many.
    #[error("`{got}`: write it like `{like}`")]
    Number {
        /// What was given.
        got: String,
        /// An example.
        like: Fault,
    },
}

impl FromStr for Fault {
    type Err = NoFault;

    fn from_str(text: &str) -> Result<Self, NoFault> {
        let (word, number) = text.split_once('=').map_or((text, None), |(word, number)| (word, Some(number)));
        let kind = Self::ALL.into_iter().find(|fault| fault.as_str() == word);
        let kind = kind.ok_or_else(|| NoFault::Unknown(text.to_owned()))?;
        let wrong = || NoFault::Number { got: text.to_owned(), like: kind };
        match (kind, number) {
            (Self::Loss(_), Some(number)) => {
                let percent = number.parse().ok().filter(|percent| *percent <= 100);
                percent.map(Self::Loss).ok_or_else(wrong)
            }
            (Self::RateLimit(_), Some(number)) => number.parse().map(Self::RateLimit).map_err(|_| wrong()),
            (Self::Delay(_), Some(number)) => humantime::parse_duration(number).map(Self::Delay).map_err(|_| wrong()),
            (kind, None) => Ok(kind),
            (_, Some(_)) => Err(wrong()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fault_is_read_as_it_is_written() {
        for fault in Fault::ALL {
            assert_eq!(fault.to_string().parse(), Ok(fault));
            assert!(fault.help().ends_with('.'), "{fault}");
        }
        for bad in ["", "nothing", "loss=101", "delay=soon", "servfail=1"] {
            assert!(bad.parse::<Fault>().is_err(), "{bad}");
        }
    }
}
