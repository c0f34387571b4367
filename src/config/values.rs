//! How single values are written: each type knows what it allows, and says so when something else is found.

use std::fmt::{self, Display};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;
use regex::Regex;
use serde::de::value::SeqAccessDeserializer;
use serde::de::{self, Deserialize, Deserializer, SeqAccess, Unexpected, Visitor};

use super::problem::one_of;
use super::read::{List, quoted};
use crate::estate::{DomainName, Label, QueryClass, QueryType, Transport};
use crate::expect::canonical;
use crate::wire::Rcode;

/// The port of DNS.
const DNS_PORT: u16 = 53;

//----------- Text ------------------------------------------------------------

/// A value that is written as text.
trait Text: Sized {
    /// What is allowed, for messages.
    fn allowed() -> String;

    /// The value, or why the text is none; empty where that is plain to see.
    fn parse(text: &str) -> Result<Self, String>;
}

fn read_text<'de, T: Text, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
    struct OfText<T>(std::marker::PhantomData<T>);

    impl<T: Text> Visitor<'_> for OfText<T> {
        type Value = T;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str(&T::allowed())
        }

        fn visit_str<E: de::Error>(self, text: &str) -> Result<T, E> {
            T::parse(text).map_err(|why| {
                if why.is_empty() {
                    E::invalid_value(Unexpected::Str(text), &self)
                } else {
                    E::invalid_value(Unexpected::Other(&format!("{}, {why}", quoted(text))), &self)
                }
            })
        }
    }

    deserializer.deserialize_str(OfText(std::marker::PhantomData))
}

macro_rules! read_as_text {
    ($($type:ty),+ $(,)?) => {
        $(impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                read_text(deserializer)
            }
        })+
    };
}

read_as_text!(
    Label,
    DomainName,
    ZoneName,
    Interval,
    Timeout,
    Patience,
    FullAddress,
    ServerAddress,
    Host4,
    Host6,
    Network,
    Pattern,
    AnswerText,
    KeyFile,
    Role,
    Transport,
    QueryType,
    QueryClass,
    Rcode,
);

//----------- Names -----------------------------------------------------------

/// A domain name without `{nonce}`.
#[derive(Debug, Clone)]
pub(super) struct ZoneName(pub(super) DomainName);

/// Record data as it is compared.
#[derive(Debug, Clone)]
pub(super) struct AnswerText(pub(super) String);

/// A pattern over record data.
#[derive(Debug, Clone)]
pub(super) struct Pattern(pub(super) Regex);

/// The path of a file with a key.
#[derive(Debug, Clone)]
pub(super) struct KeyFile(pub(super) PathBuf);

impl Text for Label {
    fn allowed() -> String {
        Self::ALLOWED.to_owned()
    }

    fn parse(text: &str) -> Result<Self, String> {
        Self::parse(text).ok_or_else(String::new)
    }
}

impl Text for DomainName {
    fn allowed() -> String {
        format!("{}; {} may stand in it once", Self::ALLOWED, Self::NONCE)
    }

    fn parse(text: &str) -> Result<Self, String> {
        Self::parse(text).ok_or_else(|| if text.is_ascii() { String::new() } else { NOT_ASCII.to_owned() })
    }
}

const NOT_ASCII: &str = "which has letters beyond ASCII (write its xn-- form)";

impl Text for ZoneName {
    fn allowed() -> String {
        DomainName::ALLOWED.to_owned()
    }

    fn parse(text: &str) -> Result<Self, String> {
        let name = <DomainName as Text>::parse(text)?;
        if name.has_nonce() { Err("which holds a nonce".to_owned()) } else { Ok(Self(name)) }
    }
}

impl Text for AnswerText {
    fn allowed() -> String {
        "one record's data as dig prints it, such as \"192.0.2.1\" or \"10 mail.example.\"".to_owned()
    }

    fn parse(text: &str) -> Result<Self, String> {
        let data = canonical(text);
        if data.is_empty() { Err(String::new()) } else { Ok(Self(data)) }
    }
}

impl Text for Pattern {
    fn allowed() -> String {
        "a regular expression in the syntax of the Rust regex crate, found anywhere in an answer".to_owned()
    }

    fn parse(text: &str) -> Result<Self, String> {
        let because = |error: regex::Error| {
            let text = error.to_string();
            let last = text.lines().last().unwrap_or_default();
            format!("which cannot be used ({})", last.trim_start_matches("error: "))
        };
        if text.is_empty() {
            return Err("which matches anything".to_owned());
        }
        Regex::new(text).map(Self).map_err(because)
    }
}

impl Text for KeyFile {
    fn allowed() -> String {
        "the path of a file, relative to this file's folder".to_owned()
    }

    fn parse(text: &str) -> Result<Self, String> {
        if text.is_empty() || text.contains('\0') { Err(String::new()) } else { Ok(Self(text.into())) }
    }
}

//----------- Durations -------------------------------------------------------

macro_rules! durations {
    ($($(#[$doc:meta])* $name:ident $shortest:literal $longest:literal $example:literal),+ $(,)?) => {
        $($(#[$doc])*
        #[derive(Debug, Clone, Copy)]
        pub(super) struct $name(pub(super) Duration);

        impl Text for $name {
            fn allowed() -> String {
                concat!("a duration from ", $shortest, " to ", $longest, ", such as \"", $example, "\"").to_owned()
            }

            fn parse(text: &str) -> Result<Self, String> {
                let limit = |text| humantime::parse_duration(text).unwrap_or_default();
                match humantime::parse_duration(text) {
                    Ok(duration) if duration < limit($shortest) => Err("which is too short".to_owned()),
                    Ok(duration) if duration > limit($longest) => Err("which is too long".to_owned()),
                    Ok(duration) => Ok(Self(duration)),
                    Err(humantime::DurationError::UnknownUnit { unit, .. }) if unit.is_empty() => {
                        Err("which has no unit".to_owned())
                    }
                    Err(_) => Err(String::new()),
                }
            }
        })+
    };
}

durations! {
    /// From the start of something to its next start.
    Interval "100ms" "1day" "10s",
    /// What a client would wait.
    Timeout "10ms" "1m" "2s",
    /// How long a late answer is listened for.
    Patience "10ms" "2m" "12s",
}

//----------- Addresses -------------------------------------------------------

/// An address with its port, to listen at or to call.
#[derive(Debug, Clone, Copy)]
pub(super) struct FullAddress(pub(super) SocketAddr);

/// The address of a DNS server; port 53 unless given.
#[derive(Debug, Clone, Copy)]
pub(super) struct ServerAddress(pub(super) SocketAddr);

/// An IPv4 address of this machine.
#[derive(Debug, Clone, Copy)]
pub(super) struct Host4(pub(super) IpAddr);

/// An IPv6 address of this machine.
#[derive(Debug, Clone, Copy)]
pub(super) struct Host6(pub(super) IpAddr);

/// A network.
#[derive(Debug, Clone, Copy)]
pub(super) struct Network(pub(super) IpNet);

/// Why a text is no address: most often because it is a host name.
fn not_an_address(text: &str) -> String {
    let host = text.rsplit_once(':').map_or(text, |(host, _)| host);
    if !text.is_empty() && host.chars().any(|c| c.is_ascii_alphabetic()) && DomainName::parse(host).is_some() {
        "a host name, which takes DNS to find, and Fathom has to work when DNS does not".to_owned()
    } else {
        String::new()
    }
}

impl Text for FullAddress {
    fn allowed() -> String {
        "an IP address with a port, such as \"127.0.0.1:9953\" or \"[::1]:9953\"".to_owned()
    }

    fn parse(text: &str) -> Result<Self, String> {
        match (text.parse::<SocketAddr>(), text.parse::<IpAddr>()) {
            (Ok(address), _) => Ok(Self(address)),
            (Err(_), Ok(_)) => Err("which lacks a port".to_owned()),
            (Err(_), Err(_)) => Err(not_an_address(text)),
        }
    }
}

impl Text for ServerAddress {
    fn allowed() -> String {
        "an IP address, with a port unless it is 53, such as \"192.0.2.53\", \"192.0.2.53:5300\" or \"[2001:db8::53]:5300\""
            .to_owned()
    }

    fn parse(text: &str) -> Result<Self, String> {
        let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
        let with_default_port = || bare.parse::<IpAddr>().map(|ip| SocketAddr::new(ip, DNS_PORT));
        let address = text.parse::<SocketAddr>().or_else(|_| with_default_port()).map_err(|_| not_an_address(text))?;
        let ip = address.ip();
        if ip.is_unspecified() {
            Err("which stands for every address and cannot be asked".to_owned())
        } else if ip.is_multicast() || ip == IpAddr::V4(Ipv4Addr::BROADCAST) {
            Err("which is not the address of one server".to_owned())
        } else if address.port() == 0 {
            Err("whose port is 0".to_owned())
        } else {
            Ok(Self(address))
        }
    }
}

impl Text for Host4 {
    fn allowed() -> String {
        "an IPv4 address of this machine, without a port".to_owned()
    }

    fn parse(text: &str) -> Result<Self, String> {
        text.parse::<Ipv4Addr>().map(|ip| Self(ip.into())).map_err(|_| not_an_address(text))
    }
}

impl Text for Host6 {
    fn allowed() -> String {
        "an IPv6 address of this machine, without a port or brackets".to_owned()
    }

    fn parse(text: &str) -> Result<Self, String> {
        text.parse::<Ipv6Addr>().map(|ip| Self(ip.into())).map_err(|_| not_an_address(text))
    }
}

impl Text for Network {
    fn allowed() -> String {
        "a network such as \"10.1.0.0/16\" or \"2001:db8::/32\", or a single address".to_owned()
    }

    fn parse(text: &str) -> Result<Self, String> {
        if let Ok(ip) = text.parse::<IpAddr>() {
            return Ok(Self(ip.into()));
        }
        let network = text.parse::<IpNet>().map_err(|_| not_an_address(text))?;
        if network.addr() == network.network() {
            Ok(Self(network))
        } else {
            Err(format!("an address within {} rather than a network", network.trunc()))
        }
    }
}

//----------- Words -----------------------------------------------------------

/// What a cluster does for its clients.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    Authoritative,
    Recursive,
}

impl Role {
    const ALL: [Self; 2] = [Self::Authoritative, Self::Recursive];

    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Authoritative => "authoritative",
            Self::Recursive => "recursive",
        }
    }
}

macro_rules! words {
    ($($type:ty),+) => {
        $(impl Text for $type {
            fn allowed() -> String {
                one_of(Self::ALL.iter().map(|word| word.as_str()))
            }

            fn parse(text: &str) -> Result<Self, String> {
                let meant = Self::ALL.iter().find(|word| word.as_str().eq_ignore_ascii_case(text));
                meant.copied().ok_or_else(String::new)
            }
        })+
    };
}

words!(Role, Transport, QueryType, QueryClass);

impl Text for Rcode {
    fn allowed() -> String {
        one_of(Self::names())
    }

    fn parse(text: &str) -> Result<Self, String> {
        Self::parse(text).ok_or_else(String::new)
    }
}

//----------- Numbers and flags -----------------------------------------------

/// A whole number within bounds.
#[derive(Debug, Clone, Copy)]
pub(super) struct Whole<const LEAST: u32, const MOST: u32>(pub(super) u32);

impl<'de, const LEAST: u32, const MOST: u32> Deserialize<'de> for Whole<LEAST, MOST> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct WithinBounds<const LEAST: u32, const MOST: u32>;

        impl<const LEAST: u32, const MOST: u32> Visitor<'_> for WithinBounds<LEAST, MOST> {
            type Value = Whole<LEAST, MOST>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "a whole number from {LEAST} to {MOST}")
            }

            fn visit_i64<E: de::Error>(self, number: i64) -> Result<Self::Value, E> {
                let bounded = u32::try_from(number).ok().filter(|number| (LEAST..=MOST).contains(number));
                bounded.map(Whole).ok_or_else(|| E::invalid_value(Unexpected::Signed(number), &self))
            }
        }

        deserializer.deserialize_u32(WithinBounds)
    }
}

/// Yes or no.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Flag(pub(super) bool);

impl<'de> Deserialize<'de> for Flag {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct YesOrNo;

        impl Visitor<'_> for YesOrNo {
            type Value = Flag;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("true or false, without quotes")
            }

            fn visit_bool<E: de::Error>(self, yes: bool) -> Result<Flag, E> {
                Ok(Flag(yes))
            }
        }

        deserializer.deserialize_bool(YesOrNo)
    }
}

//----------- Choices ---------------------------------------------------------

/// Which clusters a process probes.
#[derive(Debug, Clone)]
pub(super) enum ClusterChoice {
    /// Every cluster of the file.
    All,
    /// These.
    Named(List<Label>),
}

impl<'de> Deserialize<'de> for ClusterChoice {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct AllOrNamed;

        impl<'de> Visitor<'de> for AllOrNamed {
            type Value = ClusterChoice;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("\"all\", or a list of cluster names")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<ClusterChoice, E> {
                if text == "all" { Ok(ClusterChoice::All) } else { Err(E::invalid_value(Unexpected::Str(text), &self)) }
            }

            fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<ClusterChoice, A::Error> {
                List::deserialize(SeqAccessDeserializer::new(seq)).map(ClusterChoice::Named)
            }
        }

        deserializer.deserialize_any(AllOrNamed)
    }
}

/// Which tracer zone a resolver serves.
#[derive(Debug, Clone)]
pub(super) enum TracerChoice {
    /// None.
    None,
    /// This one.
    Zone(DomainName),
}

impl<'de> Deserialize<'de> for TracerChoice {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ZoneOrFalse;

        impl Visitor<'_> for ZoneOrFalse {
            type Value = TracerChoice;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the name of the zone that this resolver alone serves, or false when it has none")
            }

            fn visit_bool<E: de::Error>(self, yes: bool) -> Result<TracerChoice, E> {
                if yes { Err(E::invalid_value(Unexpected::Bool(yes), &self)) } else { Ok(TracerChoice::None) }
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<TracerChoice, E> {
                let zone = <ZoneName as Text>::parse(text);
                zone.map(|zone| TracerChoice::Zone(zone.0)).map_err(|_| E::invalid_value(Unexpected::Str(text), &self))
            }
        }

        deserializer.deserialize_any(ZoneOrFalse)
    }
}

/// For messages: values one after the other.
pub(super) fn joined<T: Display>(values: impl IntoIterator<Item = T>) -> String {
    values.into_iter().map(|value| value.to_string()).collect::<Vec<_>>().join(", ")
}
