//! How each resolver software behaves: its timers, and its way with loops, dead forwarders, RD=0 and questions about
//! itself. Measured on the real servers, on loopback, with names never asked before.

use std::fmt;
use std::time::Duration;

/// The software a simulated resolver behaves like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Software {
    /// BIND 9.18 without DNSSEC validation.
    #[default]
    Bind,
    /// BIND 9.18 that validates.
    BindValidating,
    /// Unbound 1.17.
    Unbound,
    /// PowerDNS Recursor 4.8.
    Pdns,
    /// Knot Resolver 5.6 with a FORWARD policy.
    Knot,
    /// dnsmasq 2.90.
    Dnsmasq,
}

impl Software {
    /// Every software, in the order of tables.
    pub const ALL: [Self; 6] = [Self::Bind, Self::BindValidating, Self::Unbound, Self::Pdns, Self::Knot, Self::Dnsmasq];

    /// The word used on the command line.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Bind => "bind",
            Self::BindValidating => "bind-validating",
            Self::Unbound => "unbound",
            Self::Pdns => "pdns",
            Self::Knot => "knot",
            Self::Dnsmasq => "dnsmasq",
        }
    }

    /// The software of a word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|software| software.as_str() == word)
    }

    /// What it says when asked for its version.
    pub(super) const fn version(self) -> &'static str {
        match self {
            Self::Bind | Self::BindValidating => "9.18.49-Debian",
            Self::Unbound => "unbound 1.17.1",
            Self::Pdns => "PowerDNS Recursor 4.8.8",
            Self::Knot => "Knot Resolver 5.6.0",
            Self::Dnsmasq => "dnsmasq-2.90",
        }
    }

    pub(super) const fn profile(self) -> Profile {
        match self {
            Self::Bind => BIND,
            Self::BindValidating => Profile { validates: true, ..BIND },
            Self::Unbound => UNBOUND,
            Self::Pdns => PDNS,
            Self::Knot => KNOT,
            Self::Dnsmasq => DNSMASQ,
        }
    }
}

impl fmt::Display for Software {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// The behaviour of one software, as far as a client can see it.
#[derive(Debug, Clone, Copy)]
#[expect(clippy::struct_excessive_bools, reason = "each is a property that one software has and another has not")]
pub(super) struct Profile {
    /// How long each question to upstream servers waits for its answer, in milliseconds, in turn; the last repeats.
    pub(super) waits: &'static [u64],
    /// The turn is that of the server's timeouts in a row, whoever asked, and not that of the fetch.
    pub(super) backs_off_per_server: bool,
    /// The most time a fetch takes.
    pub(super) gives_up_after: Duration,
    /// Questions to one server in one fetch.
    pub(super) tries_per_server: usize,
    /// The same for a forwarder that need not be used, before the resolver iterates itself.
    pub(super) tries_when_first: usize,
    /// After so many timeouts in a row a server is not asked for so long.
    pub(super) dead_after: Option<(usize, Duration)>,
    /// An ICMP error ends the wait for an answer.
    pub(super) heeds_icmp: bool,
    /// What a client gets when the fetch fails: SERVFAIL, or nothing.
    pub(super) answers_failures: bool,
    /// The extended error that goes with the SERVFAIL.
    pub(super) failure_error: Option<(u16, &'static str)>,
    /// Failures are remembered for so long.
    pub(super) remembers_failures_for: Option<Duration>,
    /// A remembered failure with CD answers questions without CD, and not the other way round.
    pub(super) failures_respect_cd: bool,
    /// Answers that took longer are not sent over UDP.
    pub(super) udp_answers_within: Option<Duration>,
    /// A TCP connection without an answer is closed after so long.
    pub(super) tcp_closes_after: Option<Duration>,
    /// What becomes of questions without RD that its own zones do not answer.
    pub(super) without_rd: WithoutRd,
    /// Clients that one fetch serves; further ones get nothing.
    pub(super) clients_per_fetch: usize,
    /// Questions with and without CD are different fetches.
    pub(super) fetches_respect_cd: bool,
    /// The case of letters is kept in questions to upstream servers.
    pub(super) keeps_case: bool,
    /// Relays options and errors as they are.
    pub(super) transparent: bool,
    /// Validates DNSSEC.
    pub(super) validates: bool,
    /// How stale answers come into play, where they are switched on.
    pub(super) stale: Stale,
}

/// What becomes of a question without RD.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum WithoutRd {
    /// Answered from cache, or with a referral.
    FromCache,
    /// Refused, cached or not.
    Refused,
    /// Refused, with extended error 20 (Not Authoritative).
    RefusedNotAuthoritative,
    /// Forwarded, without RD, where there are forwarders.
    Forwarded,
}

/// How stale answers come into play.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stale {
    /// A client waits so long for a fresh answer; without it, until the fetch failed.
    pub(super) after: Option<Duration>,
    /// Extended error 3 (Stale Answer) says so.
    pub(super) says_so: bool,
}

/// Time to live of a stale answer, in seconds (RFC 8767, section 5).
pub(super) const STALE_TTL: u32 = 30;

/// For so long after a failed refresh, stale answers are given at once.
pub(super) const STALE_WINDOW: Duration = Duration::from_secs(30);

const BIND: Profile = Profile {
    // Sends at 0, 1.2, 2.4, 3.6, 5.2 and 8.4 s; resolver-query-timeout is 10 s.
    waits: &[1200, 1200, 1200, 1600, 3200],
    backs_off_per_server: false,
    gives_up_after: Duration::from_secs(10),
    tries_per_server: usize::MAX,
    // A ring of two with `forward first` answered after 2.41 s.
    tries_when_first: 2,
    dead_after: None,
    heeds_icmp: true,
    answers_failures: true,
    failure_error: None,
    // servfail-ttl
    remembers_failures_for: Some(Duration::from_secs(1)),
    failures_respect_cd: true,
    udp_answers_within: None,
    tcp_closes_after: None,
    without_rd: WithoutRd::FromCache,
    // clients-per-query
    clients_per_fetch: 10,
    fetches_respect_cd: true,
    keeps_case: true,
    transparent: false,
    validates: false,
    stale: Stale { after: None, says_so: true },
};

const UNBOUND: Profile = Profile {
    // Nine sends, backing off from 0.4 to 11 s; the forwarder counts as dead after about 28 s.
    waits: &[400, 400, 800, 800, 1500, 3000, 6000, 11_000, 4000],
    backs_off_per_server: true,
    gives_up_after: Duration::from_secs(60),
    tries_per_server: usize::MAX,
    tries_when_first: 2,
    // infra-host-ttl
    dead_after: Some((9, Duration::from_secs(900))),
    heeds_icmp: false,
    answers_failures: true,
    failure_error: None,
    // NORR_TTL
    remembers_failures_for: Some(Duration::from_secs(5)),
    failures_respect_cd: false,
    // discard-timeout
    udp_answers_within: Some(Duration::from_millis(1900)),
    tcp_closes_after: Some(Duration::from_secs(17)),
    without_rd: WithoutRd::Refused,
    clients_per_fetch: usize::MAX,
    fetches_respect_cd: false,
    keeps_case: true,
    transparent: false,
    validates: false,
    stale: Stale { after: Some(Duration::from_millis(1800)), says_so: false },
};

const PDNS: Profile = Profile {
    // network-timeout
    waits: &[1500],
    backs_off_per_server: false,
    // max-total-msec
    gives_up_after: Duration::from_secs(7),
    tries_per_server: 1,
    tries_when_first: 1,
    dead_after: None,
    heeds_icmp: true,
    answers_failures: true,
    failure_error: None,
    // The packet cache keeps SERVFAIL for a minute.
    remembers_failures_for: Some(Duration::from_secs(60)),
    failures_respect_cd: false,
    udp_answers_within: None,
    tcp_closes_after: None,
    without_rd: WithoutRd::Forwarded,
    clients_per_fetch: usize::MAX,
    fetches_respect_cd: false,
    keeps_case: true,
    transparent: false,
    validates: false,
    stale: Stale { after: None, says_so: false },
};

const KNOT: Profile = Profile {
    // Four timeouts make a forwarder dead: SERVFAIL after 4.0 s, then at once, with a new try now and then.
    waits: &[1000],
    backs_off_per_server: false,
    gives_up_after: Duration::from_secs(10),
    tries_per_server: usize::MAX,
    tries_when_first: 2,
    dead_after: Some((4, Duration::from_secs(5))),
    heeds_icmp: false,
    answers_failures: true,
    failure_error: Some((22, "RRPF")),
    remembers_failures_for: None,
    failures_respect_cd: false,
    udp_answers_within: None,
    tcp_closes_after: None,
    without_rd: WithoutRd::RefusedNotAuthoritative,
    clients_per_fetch: usize::MAX,
    fetches_respect_cd: false,
    keeps_case: false,
    transparent: false,
    validates: false,
    stale: Stale { after: None, says_so: true },
};

const DNSMASQ: Profile = Profile {
    // One send for each question of a client, and no answer of its own, ever.
    waits: &[10_000],
    backs_off_per_server: false,
    gives_up_after: Duration::from_secs(10),
    tries_per_server: 1,
    tries_when_first: 1,
    dead_after: None,
    heeds_icmp: false,
    answers_failures: false,
    failure_error: None,
    remembers_failures_for: None,
    failures_respect_cd: false,
    udp_answers_within: None,
    tcp_closes_after: Some(Duration::from_secs(20)),
    without_rd: WithoutRd::Forwarded,
    clients_per_fetch: usize::MAX,
    fetches_respect_cd: false,
    keeps_case: true,
    transparent: true,
    validates: false,
    stale: Stale { after: None, says_so: false },
};
