//! Resolvers: what can be set up, and how each product is told.

mod bind;
mod dnsmasq;
mod knot;
mod pdns;
mod unbound;

use std::net::IpAddr;
use std::path::Path;

use super::outside::{CANARY, root_hints};
use super::server::Server;

/// The zone every resolver is authoritative for.
pub const INTERNAL_ZONE: &str = "int.example.";
/// A name in it, with its address.
pub const INTERNAL: (&str, &str) = ("db1.int.example.", "10.1.9.5");

/// The products.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Software {
    /// BIND 9.
    Bind,
    /// Unbound.
    Unbound,
    /// PowerDNS Recursor.
    Pdns,
    /// Knot Resolver.
    Knot,
    /// dnsmasq, which can only forward.
    Dnsmasq,
}

impl Software {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Bind, Self::Unbound, Self::Pdns, Self::Knot, Self::Dnsmasq];
}

/// Where a resolver turns for names it is not authoritative for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Forward {
    /// To the authorities themselves, from the root on.
    Never,
    /// To these servers, and nowhere else.
    Only(Vec<IpAddr>),
    /// To these servers, then to the authorities. BIND and Unbound.
    First(Vec<IpAddr>),
}

/// How a resolver is set up. Every one of them answers for [`INTERNAL_ZONE`] and recurses for everybody.
#[derive(Debug, Clone)]
#[expect(clippy::struct_excessive_bools, reason = "independent switches, as in the products' own configuration")]
pub struct Setup {
    /// The product.
    pub software: Software,
    /// Where it turns.
    pub forward: Forward,
    /// Validates with the root's key. BIND and Unbound.
    pub validating: bool,
    /// Serves its tracer zone, `<name>.t.canary.example.net.`, with its own address.
    pub tracer: bool,
    /// Serves expired answers when it cannot get better ones. BIND and Unbound.
    pub serve_stale: bool,
    /// Limits the rate of like responses to five a second. BIND.
    pub rate_limit: bool,
    /// Refuses recursion to everybody. BIND and Unbound.
    pub refuse_recursion: bool,
    /// Answers from its cache without recursion too, as BIND does. Unbound.
    pub snooping: bool,
    /// It names itself by how often it was rebuilt, too. BIND.
    pub generation: u8,
}

impl Setup {
    /// Asks the authorities itself, with nothing else out of the ordinary.
    pub const fn new(software: Software) -> Self {
        Self {
            software,
            forward: Forward::Never,
            validating: false,
            tracer: false,
            serve_stale: false,
            rate_limit: false,
            refuse_recursion: false,
            snooping: false,
            generation: 0,
        }
    }

    /// Forwards to these servers only.
    #[must_use]
    pub fn forward_only(mut self, to: &[IpAddr]) -> Self {
        self.forward = Forward::Only(to.to_vec());
        self
    }

    /// Forwards to these servers first.
    #[must_use]
    pub fn forward_first(mut self, to: &[IpAddr]) -> Self {
        self.forward = Forward::First(to.to_vec());
        self
    }

    /// Validates.
    #[must_use]
    pub const fn validating(mut self) -> Self {
        self.validating = true;
        self
    }

    /// Answers from its cache without recursion too.
    #[must_use]
    pub const fn snooping(mut self) -> Self {
        self.snooping = true;
        self
    }

    /// Has a tracer zone.
    #[must_use]
    pub const fn with_tracer(mut self) -> Self {
        self.tracer = true;
        self
    }

    /// Starts the resolver.
    ///
    /// # Panics
    /// When the product cannot do what is asked of it.
    pub(super) fn start(&self, name: &str, address: IpAddr, directory: &Path, trust_anchor: &str) -> Server {
        assert!(self.is_possible(), "{:?} cannot be set up like this: {self:?}", self.software);
        let node = NodeSetup { setup: self, name, address, trust_anchor, tracer: format!("{name}.t.{CANARY}") };
        let Invocation { program, arguments, mut files } = match self.software {
            Software::Bind => bind::invocation(&node),
            Software::Unbound => unbound::invocation(&node),
            Software::Pdns => pdns::invocation(&node),
            Software::Knot => knot::invocation(&node),
            Software::Dnsmasq => dnsmasq::invocation(&node),
        };
        files.extend([
            ("root.hints", root_hints()),
            ("internal.zone", internal_zone()),
            ("tracer.zone", tracer_zone(address)),
        ]);
        Server::start(name, directory, &files, program, arguments)
    }

    fn is_possible(&self) -> bool {
        let plain = !self.validating && !self.serve_stale && !self.refuse_recursion;
        let never_both = !matches!(self.forward, Forward::First(_));
        match self.software {
            Software::Bind => true,
            Software::Unbound => !self.rate_limit,
            Software::Pdns | Software::Knot => plain && never_both && !self.rate_limit,
            Software::Dnsmasq => plain && matches!(self.forward, Forward::Only(_)) && !self.rate_limit,
        }
    }
}

/// A setup with all that a configuration file names.
struct NodeSetup<'a> {
    setup: &'a Setup,
    name: &'a str,
    address: IpAddr,
    trust_anchor: &'a str,
    /// The apex of its tracer zone.
    tracer: String,
}

/// How a product is started in a directory with its files.
struct Invocation {
    program: &'static str,
    arguments: &'static [&'static str],
    files: Vec<(&'static str, String)>,
}

fn internal_zone() -> String {
    let (name, address) = INTERNAL;
    format!(
        "$ORIGIN {INTERNAL_ZONE}\n$TTL 300\n@ SOA ns hostmaster 1 3600 600 86400 60\n@ NS ns\nns A 10.1.0.1\n{name} A {address}\n"
    )
}

/// Not to be cached: who gets this answer was led here just now.
fn tracer_zone(address: IpAddr) -> String {
    format!("$TTL 0\n@ SOA ns hostmaster 1 3600 600 86400 0\n@ NS ns\nns A {address}\n* A {address}\n")
}

fn words(addresses: &[IpAddr], each: impl Fn(&IpAddr) -> String) -> String {
    addresses.iter().map(each).collect()
}
