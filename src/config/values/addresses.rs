//! Addresses and networks: never host names.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use ipnet::IpNet;

use super::Text;
use crate::estate::DomainName;

/// The port of DNS.
const DNS_PORT: u16 = 53;

/// An address with its port, to listen at or to call.
#[derive(Debug, Clone, Copy)]
pub(in crate::config) struct FullAddress(pub(in crate::config) SocketAddr);

/// The address of a DNS server; port 53 unless given.
#[derive(Debug, Clone, Copy)]
pub(in crate::config) struct ServerAddress(pub(in crate::config) SocketAddr);

/// An IPv4 address of this machine.
#[derive(Debug, Clone, Copy)]
pub(in crate::config) struct Host4(pub(in crate::config) IpAddr);

/// An IPv6 address of this machine.
#[derive(Debug, Clone, Copy)]
pub(in crate::config) struct Host6(pub(in crate::config) IpAddr);

/// A network.
#[derive(Debug, Clone, Copy)]
pub(in crate::config) struct Network(pub(in crate::config) IpNet);

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
