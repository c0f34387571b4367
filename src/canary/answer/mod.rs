//! The beacon's signed answer: what it saw of the question, and that nobody else said so.
//!
//! As TXT: `v1 s=192.0.2.9 p=40000 n=1 f=rd,do u=1232 o=3,10 b=1f2e3d4c m=<MAC>`. As A, for paths on which only addresses
//! survive: 198.18.x.y, computed from the name. Both are bound to the name by HMAC, so that neither a portal that answers
//! everything, nor a server that copies answers, is taken for the beacon.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::str::FromStr;

use sha2::{Digest, Sha256};

use super::label::base32hex;
use super::{Key, Keys};
use crate::estate::{DomainName, Resolver};
use crate::wire::{Rcode, Reply};

/// The length of the MAC in an answer, in bytes.
const MAC_LENGTH: usize = 10;

/// The most EDNS option codes that an answer repeats.
const OPTIONS_LIMIT: usize = 8;

/// What the beacon saw of a question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BeaconSaw {
    /// The address that asked the beacon: the way out of the resolver that was asked.
    pub source: IpAddr,
    /// Its port.
    pub port: u16,
    /// How often this question, nonce and type, has come, this time included; counted for two minutes.
    pub arrivals: u32,
    /// How it was asked.
    pub flags: Flags,
    /// The announced UDP payload size; nothing without EDNS.
    pub udp_payload: Option<u16>,
    /// Codes of the EDNS options that came along, at most eight.
    pub options: Vec<u16>,
    /// The beacon process that answered.
    pub beacon: BeaconId,
}

/// One beacon process, from its start to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct BeaconId(pub u32);

impl fmt::Display for BeaconId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}", self.0)
    }
}

impl FromStr for BeaconId {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        u32::from_str_radix(text, 16).map(Self)
    }
}

/// One property of a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Flag {
    /// RD: recursion desired. Set by forwarders, rarely by a resolver that iterates.
    RecursionDesired,
    /// CD: checking disabled.
    CheckingDisabled,
    /// DO: DNSSEC records welcome.
    DnssecOk,
    /// It came over TCP.
    Tcp,
    /// Some letter of the name was upper case (DNS 0x20).
    MixedCase,
}

impl Flag {
    /// Every flag, in the order in which an answer names them.
    pub const ALL: [Self; 5] =
        [Self::RecursionDesired, Self::CheckingDisabled, Self::DnssecOk, Self::Tcp, Self::MixedCase];

    /// The word used in answers and JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::RecursionDesired => "rd",
            Self::CheckingDisabled => "cd",
            Self::DnssecOk => "do",
            Self::Tcp => "tcp",
            Self::MixedCase => "0x20",
        }
    }
}

/// A set of flags.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Flags(u8);

impl Flags {
    /// The set with `flag` in it where `present` holds.
    #[must_use]
    pub const fn with(self, flag: Flag, present: bool) -> Self {
        Self(self.0 | (present as u8) << flag as u8)
    }

    /// Whether `flag` is in it.
    pub const fn has(self, flag: Flag) -> bool {
        self.0 >> flag as u8 & 1 == 1
    }

    /// Those in it.
    pub fn iter(self) -> impl Iterator<Item = Flag> {
        Flag::ALL.into_iter().filter(move |flag| self.has(*flag))
    }

    /// The set of that text.
    pub fn parse(text: &str) -> Option<Self> {
        let mut flags = Self::default();
        for word in text.split(',').filter(|word| *word != "-") {
            flags = flags.with(Flag::ALL.into_iter().find(|flag| flag.as_str() == word)?, true);
        }
        Some(flags)
    }
}

impl fmt::Display for Flags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        list(f, self.iter().map(Flag::as_str))
    }
}

impl BeaconSaw {
    /// The text of the TXT record for `name`, signed with `key`; at most 255 characters.
    pub fn sign(&self, name: &DomainName, key: &Key) -> String {
        let facts = self.to_string();
        let mac = key.sign(&signed_parts(name, facts.as_bytes()));
        format!("{facts} m={}", base32hex().encode(&mac[..MAC_LENGTH]))
    }

    /// Reads the text of a TXT record for `name`; nothing when it is not one that a holder of the keys signed.
    fn verify(text: &[u8], name: &DomainName, keys: &Keys) -> Option<Self> {
        let text = std::str::from_utf8(text).ok()?;
        let (facts, mac) = text.rsplit_once(" m=")?;
        let mac = base32hex().decode(mac.as_bytes()).ok().filter(|mac| mac.len() == MAC_LENGTH)?;
        keys.which_verifies(&signed_parts(name, facts.as_bytes()), &mac)?;
        Self::parse(facts)
    }

    fn parse(facts: &str) -> Option<Self> {
        let mut words = facts.split(' ');
        let mut field = |name: &str| words.next()?.strip_prefix(name);
        field("v1")?;
        let source = field("s=")?.parse().ok()?;
        let port = field("p=")?.parse().ok()?;
        let arrivals = field("n=")?.parse().ok()?;
        let flags = Flags::parse(field("f=")?)?;
        let udp_payload = match field("u=")? {
            "-" => None,
            size => Some(size.parse().ok()?),
        };
        let codes = field("o=")?.split(',').filter(|code| *code != "-");
        let options = codes.map(|code| code.parse().ok()).collect::<Option<_>>()?;
        let beacon = field("b=")?.parse().ok()?;
        Some(Self { source, port, arrivals, flags, udp_payload, options, beacon })
    }
}

impl fmt::Display for BeaconSaw {
    /// The facts as they are signed.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { source, port, arrivals, flags, udp_payload, options, beacon } = self;
        write!(f, "v1 s={source} p={port} n={arrivals} f={flags} u=")?;
        list(f, udp_payload)?;
        write!(f, " o=")?;
        list(f, options.iter().take(OPTIONS_LIMIT))?;
        write!(f, " b={beacon}")
    }
}

/// `a,b,c`, or `-` for nothing.
fn list(f: &mut fmt::Formatter<'_>, items: impl IntoIterator<Item = impl fmt::Display>) -> fmt::Result {
    let mut items = items.into_iter();
    match items.next() {
        None => f.write_str("-"),
        Some(first) => {
            write!(f, "{first}")?;
            items.try_for_each(|item| write!(f, ",{item}"))
        }
    }
}

fn signed_parts<'a>(name: &'a DomainName, facts: &'a [u8]) -> [&'a [u8]; 4] {
    [b"fathom answer ", name.as_str().as_bytes(), b" ", facts]
}

/// The beacon's address for `name`: within 198.18.1.0 to 198.18.255.255 (RFC 2544: never a real host).
pub fn address(name: &DomainName, key: &Key) -> Ipv4Addr {
    let mac = key.sign(&[b"fathom address ", name.as_str().as_bytes()]);
    Ipv4Addr::new(198, 18, 1 + mac[0] % 255, mac[1])
}

/// The address that a resolver's tracer zone answers with: within 198.18.0.0/24, where the beacon never answers, and the
/// same in every version of Fathom.
///
/// It is not the resolver's own address, because filters against DNS rebinding strip private addresses from answers that
/// come from a sibling.
pub fn tracer_address(tracer: &DomainName) -> Ipv4Addr {
    let digest = Sha256::digest(tracer.as_str().as_bytes());
    Ipv4Addr::new(198, 18, 0, 1 + digest[0] % 254)
}

/// Who answered for a canary name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answered {
    /// The beacon: the question left the estate. What it saw, when it was asked for TXT.
    Beacon(Option<BeaconSaw>),
    /// The tracer zone of the resolver it names: the question got there.
    Tracer,
}

/// Why an answer proves nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotGenuine {
    /// An error, where the beacon never gives one.
    #[error("{0}, which the beacon never says of this name")]
    Error(Rcode),
    /// No answer, where the beacon always has one.
    #[error("no answer, where the beacon always has one")]
    Empty,
    /// An answer that the holders of the keys did not give: a portal, a filter, a forger, or another key.
    #[error("an answer that was not signed with our keys: {0}")]
    Forged(String),
}

/// Reads the answer to a question for the canary name `asked`, TXT or A.
///
/// `tracer_of` is the resolver below whose tracer zone the name lies. Its tracer zone may answer with
/// [`tracer_address`] or, set up by hand, with the resolver's own address.
pub fn read_answer(
    reply: &Reply,
    asked: &DomainName,
    tracer_of: Option<&Resolver>,
    keys: &Keys,
) -> Result<Answered, NotGenuine> {
    if reply.rcode != Rcode::NOERROR {
        return Err(NotGenuine::Error(reply.rcode));
    }
    // The beacon and the tracers give one record. Where there are more, somebody else had a hand in it.
    let [record] = reply.answers.as_slice() else {
        let all: Vec<_> = reply.answers.iter().take(4).map(ToString::to_string).collect();
        return Err(if all.is_empty() { NotGenuine::Empty } else { NotGenuine::Forged(all.join(", ")) });
    };
    let forged = || NotGenuine::Forged(record.to_string());
    if let Some(text) = record.text() {
        let saw = BeaconSaw::verify(&text, asked, keys).ok_or_else(forged)?;
        return Ok(Answered::Beacon(Some(saw)));
    }
    match record.address() {
        Some(IpAddr::V4(ip)) if keys.all().any(|key| address(asked, key) == ip) => Ok(Answered::Beacon(None)),
        Some(ip) if tracer_of.is_some_and(|resolver| is_tracer_of(ip, resolver)) => Ok(Answered::Tracer),
        _ => Err(forged()),
    }
}

fn is_tracer_of(ip: IpAddr, resolver: &Resolver) -> bool {
    ip == resolver.address.ip() || resolver.tracer.as_ref().is_some_and(|tracer| ip == tracer_address(tracer))
}

#[cfg(test)]
mod tests;
