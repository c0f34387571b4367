//! The estate: environment, datacenters, clusters, resolvers and names, as this prober process sees them.
//!
//! Everything here was checked when it was made: a [`Label`] is safe in a metric, a page and a URL, a
//! [`DomainName`] fits into a DNS message, an address is a literal. Nothing downstream checks again.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::expect::Expect;

/// All that one prober process knows about what it watches.
#[derive(Debug, Clone)]
pub struct Estate {
    /// Production, staging …: a constant label on every series.
    pub environment: Label,
    /// The datacenter this process runs in: a constant label on every series.
    pub vantage: Label,
    /// How this process itself runs.
    pub prober: Prober,
    /// How forwarding paths are traced.
    pub path: PathTracing,
    /// The canary zone's authoritative server, where this process is to run it.
    pub beacon: Option<BeaconSettings>,
    /// The clusters this process probes, in the order of the file.
    pub clusters: Vec<Arc<Cluster>>,
    /// The names it asks about, in the order of the file.
    pub names: Vec<Arc<Name>>,
}

/// How the process itself runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prober {
    /// Where metrics and pages are served.
    pub listen: SocketAddr,
    /// Source address of probes to IPv4 resolvers; the system chooses when absent.
    pub source_ipv4: Option<IpAddr>,
    /// Source address of probes to IPv6 resolvers; the system chooses when absent.
    pub source_ipv6: Option<IpAddr>,
    /// Sockets that may be open for probes at any moment; more probes than that are skipped and counted.
    pub max_in_flight: usize,
    /// The file with the token by which operators may change something; without one, nobody may.
    pub operator_token_file: Option<PathBuf>,
    /// Where this process keeps what shall outlive it; nothing where it keeps all in memory.
    pub state_dir: Option<PathBuf>,
    /// How long entries of the journal are kept.
    pub journal_max_age: Duration,
    /// How large the journal may grow, in bytes.
    pub journal_max_size: u64,
}

/// How forwarding paths are traced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathTracing {
    /// From the start of one trace of a cluster to the start of the next, while nothing is wrong.
    pub interval: Duration,
    /// The zone that a beacon serves: the parent of nonces (`p.`) and tracers (`t.`). Without it there are no tracers.
    pub canary_zone: Option<DomainName>,
    /// Names with a `{nonce}` under parents unrelated to the canary zone: a dead authority alone shall not look like a
    /// dead resolver. Any answer from the outside counts, NXDOMAIN too.
    pub cold_names: Vec<DomainName>,
    /// Fewer independent exits than this are too few for a cluster.
    pub min_independent_exits: u32,
    /// The most packets a second that tracing sends to all resolvers together.
    pub packets_per_second: u32,
    /// Files with the keys that sign canary names: the first one signs, all are accepted. At most two.
    pub key_files: Vec<PathBuf>,
    /// The HTTP address of the Fathom process that runs the beacon, when it is another one.
    pub arrivals: Option<SocketAddr>,
}

/// How the canary zone's authoritative server runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BeaconSettings {
    /// Where it listens, UDP and TCP.
    pub listen: SocketAddr,
    /// Names of the zone's servers, for its NS records.
    pub name_servers: Vec<DomainName>,
    /// Queries a second that are answered in all.
    pub queries_per_second: u32,
    /// Queries a second that are answered to one source prefix (IPv4 /24, IPv6 /56).
    pub queries_per_second_per_prefix: u32,
}

/// Resolvers that serve the same clients.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cluster {
    /// Unique in the estate.
    pub name: Label,
    /// Where it stands.
    pub datacenter: Label,
    /// Answers for zones of its own.
    pub authoritative: bool,
    /// Resolves everything else for its clients.
    pub recursive: bool,
    /// Zones it is authoritative for; their SOA serials are compared across resolvers.
    pub zones: Vec<DomainName>,
    /// Servers outside the estate that its resolvers may forward to, where they are known: asked directly when recursion
    /// fails.
    pub upstreams: Vec<SocketAddr>,
    /// Its members, in the order of the file; never empty.
    pub resolvers: Vec<Arc<Resolver>>,
}

/// One resolver: one server instance at one address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolver {
    /// Unique in its cluster.
    pub name: Label,
    /// An address literal and a port; never resolved.
    pub address: SocketAddr,
    /// The zone that this resolver alone serves from its own configuration, by which a path to it is recognised.
    pub tracer: Option<DomainName>,
    /// The most packets a second that may be sent to it, whatever happens.
    pub packets_per_second: u32,
}

/// One DNS question with what is expected of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Name {
    /// Unique in the estate.
    pub id: Label,
    /// Why the name matters: `external`, `internal`, `database`, `mpic`, `ct_log`, or the user's own word.
    pub class: Label,
    /// What is asked.
    pub question: Question,
    /// What a good answer looks like.
    pub expect: Expect,
    /// When and how it is asked.
    pub asking: Asking,
    /// The clusters it is asked in: those that list it, or whose roles fit.
    pub clusters: Vec<Label>,
}

/// What is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// The name, perhaps with a `{nonce}` label.
    pub qname: DomainName,
    /// The record type.
    pub qtype: QueryType,
    /// `IN`, or `CH` for questions about the server itself.
    pub qclass: QueryClass,
    /// The RD bit.
    pub recursion_desired: bool,
    /// The CD bit: a validator shall not validate.
    pub checking_disabled: bool,
    /// The DO bit: DNSSEC records are welcome.
    pub dnssec_ok: bool,
}

/// When and how a name is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asking {
    /// From the start of one probe to the start of the next.
    pub interval: Duration,
    /// What a client would wait; never longer than the interval.
    pub timeout: Duration,
    /// How long a late answer is still listened for, counted from the question; never shorter than the timeout.
    pub patience: Duration,
    /// Over which transports; each is a probe of its own.
    pub transports: Vec<Transport>,
    /// Random letter case in the question (DNS 0x20), where the server keeps it.
    pub mixed_case: bool,
}

/// How a question travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Transport {
    /// UDP, then TCP when the answer is truncated.
    Udp,
    /// TCP at once.
    Tcp,
}

impl Transport {
    /// Every transport, in the order of metrics and tables.
    pub const ALL: [Self; 2] = [Self::Udp, Self::Tcp];

    /// The word used in configuration and labels.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Udp => "udp",
            Self::Tcp => "tcp",
        }
    }
}

/// The class of a question (RFC 1035, section 3.2.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QueryClass {
    /// The Internet.
    In,
    /// CHAOS: questions about the server itself, such as `id.server` (RFC 4892).
    Ch,
}

impl QueryClass {
    /// Every class that can be asked.
    pub const ALL: [Self; 2] = [Self::In, Self::Ch];

    /// The word used in configuration and in `dig`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::In => "IN",
            Self::Ch => "CH",
        }
    }
}

macro_rules! query_types {
    ($($variant:ident $word:literal $code:literal $doc:literal),+ $(,)?) => {
        /// The record types that can be asked for.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum QueryType { $(#[doc = $doc] $variant),+ }

        impl QueryType {
            /// Every type that can be asked for.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// The mnemonic, as in a zone file.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }

            /// The number on the wire.
            pub const fn code(self) -> u16 {
                match self { $(Self::$variant => $code),+ }
            }
        }
    };
}

query_types! {
    A "A" 1 "IPv4 address (RFC 1035).",
    Ns "NS" 2 "Name server (RFC 1035).",
    Cname "CNAME" 5 "Alias (RFC 1035).",
    Soa "SOA" 6 "Start of authority (RFC 1035).",
    Ptr "PTR" 12 "Pointer (RFC 1035).",
    Mx "MX" 15 "Mail exchange (RFC 1035).",
    Txt "TXT" 16 "Text (RFC 1035).",
    Aaaa "AAAA" 28 "IPv6 address (RFC 3596).",
    Srv "SRV" 33 "Service location (RFC 2782).",
    Naptr "NAPTR" 35 "Naming authority pointer (RFC 3403).",
    Ds "DS" 43 "Delegation signer (RFC 4034).",
    Dnskey "DNSKEY" 48 "Zone key (RFC 4034).",
    Tlsa "TLSA" 52 "TLS certificate association (RFC 6698).",
    Svcb "SVCB" 64 "Service binding (RFC 9460).",
    Https "HTTPS" 65 "Service binding for HTTPS (RFC 9460).",
    Caa "CAA" 257 "Certification authority authorization (RFC 8659).",
}

impl Cluster {
    /// Whether the cluster answers `qname` from a zone of its own.
    pub fn is_authoritative_for(&self, qname: &DomainName) -> bool {
        self.authoritative && self.zones.iter().any(|zone| qname.is_under(zone))
    }

    /// Whether the cluster's roles fit the name: the default when a name lists no clusters.
    ///
    /// Recursion is asked of recursive clusters, and of the authority for the name; everything else of
    /// authoritative clusters, of those with zones only below their zones. Questions about the server itself fit all.
    pub fn fits(&self, question: &Question) -> bool {
        match question.qclass {
            QueryClass::Ch => true,
            QueryClass::In if self.is_authoritative_for(&question.qname) => true,
            QueryClass::In if question.recursion_desired => self.recursive,
            QueryClass::In => self.authoritative && self.zones.is_empty(),
        }
    }

    /// Whether an answer to the question has to come from beyond the cluster's own zones.
    pub fn needs_recursion(&self, question: &Question) -> bool {
        question.qclass == QueryClass::In
            && question.recursion_desired
            && self.recursive
            && !self.is_authoritative_for(&question.qname)
    }
}

impl Cluster {
    /// For each resolver, the first one that is the same server: those with the same tracer are its addresses.
    pub fn servers(&self) -> Vec<usize> {
        let same = |a: &Resolver, b: &Resolver| a.tracer.is_some() && a.tracer == b.tracer;
        let first = |(place, resolver): (usize, &Arc<Resolver>)| {
            self.resolvers.iter().position(|other| same(other, resolver)).unwrap_or(place)
        };
        self.resolvers.iter().enumerate().map(first).collect()
    }
}

impl Prober {
    /// The source address for probes to `destination`, if one is configured for its family.
    pub fn source_for(&self, destination: SocketAddr) -> Option<IpAddr> {
        if destination.is_ipv4() { self.source_ipv4 } else { self.source_ipv6 }
    }
}

//----------- Label -----------------------------------------------------------

/// A word that is safe as a label value, in a page and in a URL: 1 to 63 of `a-z A-Z 0-9 . _ -`, a letter or digit first.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Label(Arc<str>);

impl Label {
    /// The longest label, in characters.
    pub const MAX_LENGTH: usize = 63;

    /// What [`Label::parse`] takes, for error messages.
    pub const ALLOWED: &str = "1 to 63 letters, digits, '.', '_' or '-', beginning with a letter or digit";

    /// The label, or nothing when the text is not one.
    pub fn parse(text: &str) -> Option<Self> {
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        let fits = (1..=Self::MAX_LENGTH).contains(&text.len())
            && text.starts_with(|c: char| c.is_ascii_alphanumeric())
            && text.chars().all(allowed);
        fits.then(|| Self(text.into()))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

//----------- DomainName ------------------------------------------------------

/// A fully qualified domain name in lower case with its final dot, perhaps with `{nonce}` in one of its labels.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DomainName(Arc<str>);

impl DomainName {
    /// The place in a name that is filled with fresh characters on every probe.
    pub const NONCE: &str = "{nonce}";

    /// Characters that take the place of `{nonce}`.
    pub const NONCE_LENGTH: usize = 16;

    /// The longest name in presentation form, with its final dot (RFC 1035, section 2.3.4).
    pub const MAX_LENGTH: usize = 254;

    /// What [`DomainName::parse`] takes, for error messages.
    pub const ALLOWED: &str =
        "a domain name: labels of 1 to 63 letters, digits, '-', '_', '*' or '/', at most 253 characters in all";

    /// The name, made absolute, or nothing when the text is not one.
    pub fn parse(text: &str) -> Option<Self> {
        if text == "." {
            return Some(Self(text.into()));
        }
        let relative = text.strip_suffix('.').unwrap_or(text);
        let filled = relative.replacen(Self::NONCE, &"x".repeat(Self::NONCE_LENGTH), 1);
        let allowed = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'-' | b'_' | b'*' | b'/');
        let label_fits = |label: &str| (1..=63).contains(&label.len()) && label.bytes().all(allowed);
        let fits = filled.len() < Self::MAX_LENGTH && filled.split('.').all(label_fits);
        fits.then(|| Self(format!("{}.", relative.to_ascii_lowercase()).into()))
    }

    /// The text, with its final dot and, where it has one, its `{nonce}`.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether every probe asks a name never asked before.
    pub fn has_nonce(&self) -> bool {
        self.0.contains(Self::NONCE)
    }

    /// Whether this name is `zone` or lies below it.
    pub fn is_under(&self, zone: &Self) -> bool {
        zone.as_str() == "."
            || self.0.strip_suffix(zone.as_str()).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    }
}

impl fmt::Display for DomainName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_safe_words() {
        for good in ["dc1", "ns1.dc1", "ct_log", "9-lives", &"x".repeat(63)] {
            assert!(Label::parse(good).is_some(), "{good}");
        }
        for bad in ["", "-x", ".x", "a b", "a\"b", "ä", "a\n", &"x".repeat(64)] {
            assert!(Label::parse(bad).is_none(), "{bad:?}");
        }
    }

    #[test]
    fn names_are_absolute_lower_case_and_fit_a_message() {
        assert_eq!(DomainName::parse("DB1.int.Example").unwrap().as_str(), "db1.int.example.");
        assert_eq!(DomainName::parse(".").unwrap().as_str(), ".");
        assert!(DomainName::parse("{nonce}.p.example.").unwrap().has_nonce());
        for bad in
            ["", "..", "a..b", "a b.example", &"x".repeat(64), &vec!["x".repeat(63); 4].join("."), "{nonce}.{nonce}.a"]
        {
            assert!(DomainName::parse(bad).is_none(), "{bad:?}");
        }
        let longest = [&"x".repeat(63)[..], &"x".repeat(63), &"x".repeat(63), &"x".repeat(61)].join(".");
        assert!(DomainName::parse(&longest).is_some());
        assert!(DomainName::parse(&format!("{longest}x")).is_none());
    }

    #[test]
    fn a_name_is_under_its_zone_by_whole_labels() {
        let zone = DomainName::parse("int.example.").unwrap();
        let under = |name: &str| DomainName::parse(name).unwrap().is_under(&zone);
        assert!(under("int.example.") && under("db1.INT.example"));
        assert!(!under("print.example.") && !under("example."));
        assert!(DomainName::parse("anything.test").unwrap().is_under(&DomainName::parse(".").unwrap()));
    }
}
