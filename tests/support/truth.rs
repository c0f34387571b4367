//! What each product does when nobody behind it can answer: the table that real servers and the embedded lab are both
//! held to.

use std::time::Duration;

use hickory_proto::op::ResponseCode;

use super::resolvers::Software;

/// Longer than any product takes that answers at all.
pub const PATIENCE: Duration = Duration::from_secs(14);

/// What a resolver that only forwards has behind it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Behind {
    /// Itself, by way of one more resolver of the same product.
    Ring,
    /// An address where every packet vanishes.
    BlackHole,
    /// A host with no server on it.
    ClosedPort,
    /// A server that refuses.
    Refusal,
}

/// What a client sees of a name never asked before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// An error after so many milliseconds.
    Error(ResponseCode, u128, u128),
    /// Nothing within [`PATIENCE`].
    Silence,
    /// An error after so many milliseconds, or nothing: it varies from run to run.
    ErrorOrSilence(ResponseCode, u128, u128),
}

/// The table.
pub const fn ending(software: Software, behind: Behind) -> Ending {
    use Ending::{Error, ErrorOrSilence, Silence};
    use ResponseCode::{Refused, ServFail};
    match (software, behind) {
        // A ring is closed by joining the query that is already under way, so it ends as a black hole does.
        (Software::Bind, Behind::Ring | Behind::BlackHole) => Error(ServFail, 9_900, 11_000),
        (Software::Pdns, Behind::Ring | Behind::BlackHole) => Error(ServFail, 1_400, 3_000),
        // It may count attempts, give up on the server, or, one time in ten, forget to answer.
        (Software::Knot, Behind::Ring | Behind::BlackHole) => ErrorOrSilence(ServFail, 1_500, 13_500),
        (Software::Knot, Behind::ClosedPort) => Error(ServFail, 0, 5_000),
        (Software::Bind | Software::Pdns, Behind::ClosedPort)
        | (Software::Bind | Software::Pdns | Software::Knot | Software::Unbound, Behind::Refusal) => {
            Error(ServFail, 0, 1_000)
        }
        // Unbound goes on trying, but never answers UDP clients after `discard-timeout`, 1.9 s; dnsmasq relays what it
        // gets, and nothing else.
        (Software::Unbound | Software::Dnsmasq, Behind::Ring | Behind::BlackHole | Behind::ClosedPort) => Silence,
        (Software::Dnsmasq, Behind::Refusal) => Error(Refused, 0, 1_000),
    }
}

impl Ending {
    /// Whether this is what was seen: the response code and when it came, or nothing.
    pub fn is(self, seen: Option<(ResponseCode, Duration)>) -> bool {
        match (self, seen) {
            (Self::Error(rcode, least, most) | Self::ErrorOrSilence(rcode, least, most), Some((seen, after))) => {
                rcode == seen && (least..most).contains(&after.as_millis())
            }
            (Self::Silence | Self::ErrorOrSilence(..), None) => true,
            (Self::Error(..), None) | (Self::Silence, Some(_)) => false,
        }
    }

    /// What Fathom may call it, when it waits no longer than `timeout`.
    pub fn outcomes(self, timeout: Duration) -> Vec<&'static str> {
        let timeout = timeout.as_millis();
        let mut outcomes = match self {
            Self::Error(rcode, least, most) | Self::ErrorOrSilence(rcode, least, most) => {
                let error = if rcode == ResponseCode::Refused { "refused" } else { "servfail" };
                [(least < timeout).then_some(error), (most > timeout).then_some("timeout")]
            }
            Self::Silence => [Some("timeout"), None],
        };
        outcomes.sort_unstable();
        outcomes.into_iter().flatten().chain(["loop_suspected"]).collect()
    }
}
