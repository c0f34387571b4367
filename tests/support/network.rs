//! The network inside a namespace: addresses that exist, and everything else, which swallows packets without a word.

use std::fs;
use std::net::{IpAddr, Ipv4Addr};
use std::process::Command;

/// An address where every packet vanishes, TCP's too. So does every other address that was not [added](add).
pub const BLACK_HOLE: IpAddr = IpAddr::V4(Ipv4Addr::new(203, 0, 113, 254));

/// An address of a host on which no port is open: ICMP says so at once.
pub const CLOSED_PORT: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// Makes the fresh namespace's network: loopback, and a default route into a pair of interfaces that lead nowhere.
pub fn raise() {
    for command in [
        "link set lo up",
        "link add hole type veth peer name hole-end",
        "link set hole arp off up",
        "link set hole-end up",
        "route add default dev hole",
    ] {
        ip(command);
    }
}

/// Lets an address exist.
pub fn add(address: IpAddr) {
    ip(&format!("address add {address}/32 dev lo"));
}

/// Takes an address away: from now on packets to it vanish.
pub(super) fn remove(address: IpAddr) {
    ip(&format!("address delete {address}/32 dev lo"));
}

/// UDP datagrams received so far by all programs of this namespace.
pub fn datagrams() -> u64 {
    let counters = fs::read_to_string("/proc/self/net/snmp").expect("the kernel's counters");
    let mut lines = counters.lines().filter_map(|line| line.strip_prefix("Udp: "));
    let (names, values) = (lines.next().expect("names"), lines.next().expect("values"));
    let place = names.split(' ').position(|name| name == "InDatagrams").expect("InDatagrams");
    values.split(' ').nth(place).expect("a value").parse().expect("a number")
}

fn ip(arguments: &str) {
    let output = Command::new("ip").args(arguments.split(' ')).output().expect("iproute2 has to be installed");
    assert!(output.status.success(), "ip {arguments}: {}", String::from_utf8_lossy(&output.stderr));
}
