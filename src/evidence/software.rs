//! What software a resolver says it is, as far as it matters for how to ask it and what its answers tell.

use crate::wire::{ExtendedError, Rcode};

/// Not Authoritative (RFC 8914, section 4.21).
const NOT_AUTHORITATIVE: u16 = 20;

/// A resolver's software.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Software {
    /// It does not say.
    #[default]
    Unknown,
    /// BIND 9.
    Bind,
    /// Unbound.
    Unbound,
    /// Knot Resolver.
    Knot,
    /// PowerDNS Recursor.
    PowerDns,
    /// dnsmasq.
    Dnsmasq,
}

impl Software {
    /// What the answer to CHAOS TXT `version.bind` says.
    pub fn of_version(version: &str) -> Self {
        let version = version.trim_matches('"').to_ascii_lowercase();
        let like_bind = version.strip_prefix("9.").is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
        if version.contains("dnsmasq") {
            Self::Dnsmasq
        } else if version.contains("powerdns") {
            Self::PowerDns
        } else if version.contains("unbound") {
            Self::Unbound
        } else if version.contains("knot") {
            Self::Knot
        } else if like_bind || version.contains("bind") {
            Self::Bind
        } else {
            Self::Unknown
        }
    }

    /// What it is by the way in which it refuses to say what it is: Knot Resolver refuses whatever comes without RD, with a
    /// code of its own in the extended error.
    pub fn of_refusal(rcode: Rcode, errors: &[ExtendedError]) -> Option<Self> {
        let of_knot = |error: &ExtendedError| {
            let code = error.text.as_bytes();
            error.code == NOT_AUTHORITATIVE
                && code.len() == 4
                && code.iter().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit())
        };
        (rcode == Rcode::REFUSED && errors.iter().any(of_knot)).then_some(Self::Knot)
    }

    /// Whether it passes questions with RD=0 on to its forwarders, so that they tell of another cache than its own.
    pub const fn passes_on(self) -> bool {
        matches!(self, Self::PowerDns | Self::Dnsmasq)
    }

    /// Whether a failure at once means that what it forwards to refused, failed, or is not there. The others fail at once
    /// also when they have given up on a forwarder earlier.
    pub const fn fast_failure_tells(self) -> bool {
        matches!(self, Self::Bind | Self::PowerDns)
    }

    /// Whether it fails at once when it has given up on a forwarder that failed it slowly before: then how soon it fails
    /// tells nothing.
    pub const fn fails_fast_later(self) -> bool {
        matches!(self, Self::Unbound | Self::Knot)
    }

    /// Whether it may stop asking a forwarder for a while, after that failed it.
    pub const fn gives_up_on_forwarders(self) -> bool {
        !matches!(self, Self::Bind)
    }

    /// Whether it remembers failures, so that they can be asked for again.
    pub const fn remembers_failures(self) -> bool {
        matches!(self, Self::Unknown | Self::Bind | Self::PowerDns)
    }

    /// Whether it is known to remember failures, so that it has not heard of a question whose failure it does not remember.
    pub const fn never_forgets_failures(self) -> bool {
        matches!(self, Self::Bind | Self::PowerDns)
    }

    /// Whether it answers a remembered failure sooner than another server could, however it came to remember it. PowerDNS
    /// works nearly as long on the first answer as a way to another server and back takes.
    pub const fn shows_detours(self) -> bool {
        matches!(self, Self::Bind)
    }

    /// Whether failures are remembered apart for questions with validation off: what CD=1 finds there came from another
    /// server, or back to itself.
    pub const fn remembers_unchecked_apart(self) -> bool {
        matches!(self, Self::Bind)
    }

    /// Whether every question may go round a circle of its kind without end: it is asked as little as possible.
    pub const fn feeds_storms(self) -> bool {
        matches!(self, Self::Dnsmasq)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knot_is_known_by_the_way_it_refuses() {
        let error = |code, text: &str| [ExtendedError { code, text: text.to_owned() }];
        assert_eq!(Software::of_refusal(Rcode::REFUSED, &error(20, "ABC4")), Some(Software::Knot));
        assert_eq!(Software::of_refusal(Rcode::REFUSED, &error(20, "")), None);
        assert_eq!(Software::of_refusal(Rcode::REFUSED, &error(18, "ABC4")), None);
        assert_eq!(Software::of_refusal(Rcode::SERVFAIL, &error(20, "ABC4")), None);
    }

    #[test]
    fn versions_as_the_products_give_them() {
        let cases = [
            ("9.18.49-1~deb12u1-Debian", Software::Bind),
            ("\"9.20.1\"", Software::Bind),
            ("unbound 1.17.1", Software::Unbound),
            ("PowerDNS Recursor 4.8.8 (built ...)", Software::PowerDns),
            ("dnsmasq-2.90", Software::Dnsmasq),
            ("none of your business", Software::Unknown),
            ("", Software::Unknown),
        ];
        for (version, software) in cases {
            assert_eq!(Software::of_version(version), software, "{version}");
        }
    }
}
