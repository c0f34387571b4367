//! The Internet in small: a signed root, top-level domains, and authorities, each one an NSD process at its own address.

use std::collections::BTreeMap;
use std::fs;
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};
use std::process::Command;

use super::network;
use super::server::Server;

/// A name whose answer caches may keep: address 198.51.100.1, for [`TTL`] seconds. Everything below `w.example.com.`
/// exists too.
pub const EXTERNAL: &str = "www.example.com.";
/// The parent of names that nobody has asked before, with no relation to the canary zone.
pub const COLD: &str = "w.example.org.";
/// Where a certificate transparency log lives. Everything below `w.ctlog.example.` exists too.
pub const CT_LOG: &str = "www.ctlog.example.";
/// Where an MPIC server lives. Everything below `w.mpic.example.` exists too.
pub const MPIC: &str = "www.mpic.example.";
/// A name whose chain of trust is broken: bogus to those who validate.
pub const BROKEN: &str = "www.broken.";
/// The zone that is delegated, without signatures, to whoever listens at [`BEACON`].
pub const CANARY: &str = "canary.example.net.";
/// The address of the canary zone's server. It exists; nothing listens there until a test starts something.
pub const BEACON: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 53));

/// How long caches may keep what the authorities say of their names, in seconds.
pub const TTL: u32 = 20;

/// The servers of the outside, by what they answer for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Authority {
    /// The root.
    Root,
    /// `com.`, `net.`, `org.`, `example.`, `broken.`, and `example.net.` with the canary zone's delegation.
    TopLevel,
    /// [`EXTERNAL`] and its siblings.
    External,
    /// [`COLD`].
    Cold,
    /// [`CT_LOG`] and its siblings.
    CtLog,
    /// [`MPIC`] and its siblings.
    Mpic,
}

impl Authority {
    /// All of them.
    pub const ALL: [Self; 6] = [Self::Root, Self::TopLevel, Self::External, Self::Cold, Self::CtLog, Self::Mpic];

    /// Where it listens.
    pub const fn address(self) -> IpAddr {
        let host = match self {
            Self::Root => 1,
            Self::TopLevel => 2,
            Self::External => 10,
            Self::Cold => 20,
            Self::CtLog => 30,
            Self::Mpic => 40,
        };
        IpAddr::V4(Ipv4Addr::new(192, 0, 2, host))
    }

    /// The zones it serves.
    const fn zones(self) -> &'static [&'static str] {
        match self {
            Self::Root => &["."],
            Self::TopLevel => &["com.", "net.", "org.", "example.", "broken.", "example.net."],
            Self::External => &["example.com."],
            Self::Cold => &["example.org."],
            Self::CtLog => &["ctlog.example."],
            Self::Mpic => &["mpic.example."],
        }
    }
}

/// Lets every packet to every authority vanish, as when the uplink is gone; inside, all goes on.
pub fn cut_outside() {
    for authority in Authority::ALL {
        network::remove(authority.address());
    }
}

/// Undoes [`cut_outside`].
pub fn mend_outside() {
    for authority in Authority::ALL {
        network::add(authority.address());
    }
}

/// The running servers of the outside.
#[derive(Debug)]
pub struct Outside {
    directory: PathBuf,
    servers: BTreeMap<Authority, Server>,
    /// The root's key, as the data of its DNSKEY record.
    pub trust_anchor: String,
}

impl Outside {
    /// Starts all authorities and waits until each answers.
    pub async fn start(directory: PathBuf) -> Self {
        fs::create_dir_all(&directory).expect("a directory");
        for zone in Authority::ALL.iter().flat_map(|authority| authority.zones()) {
            fs::write(directory.join(zone_file(zone)), zone_text(zone)).expect("a zone file");
        }
        let trust_anchor = sign_root(&directory);
        let mut outside = Self { directory, servers: BTreeMap::new(), trust_anchor };
        network::add(BEACON);
        for authority in Authority::ALL {
            outside.revive(authority).await;
        }
        outside
    }

    /// Ends an authority. Its address stays, so that those who ask it hear at once that the port is closed.
    pub fn kill(&mut self, authority: Authority) {
        // NSD is several processes: gently, so that the first one takes the others along.
        if let Some(server) = self.servers.remove(&authority) {
            server.terminate();
        }
    }

    /// Starts an authority, again if it was ended.
    pub async fn revive(&mut self, authority: Authority) {
        let (address, name) = (authority.address(), format!("{authority:?}"));
        network::add(address);
        let directory = self.directory.join(&name);
        let files = [("nsd.conf", nsd_conf(authority))];
        let mut server = Server::start(&name, &directory, &files, "nsd", ["-d", "-c", "nsd.conf"]);
        let zone = authority.zones()[0];
        server.answers_at(address, &format!("ns.{}", below(zone))).await;
        self.servers.insert(authority, server);
    }
}

impl Drop for Outside {
    fn drop(&mut self) {
        for authority in Authority::ALL {
            self.kill(authority);
        }
    }
}

/// The hints that lead to the root.
pub fn root_hints() -> String {
    format!(". 3600000 NS ns.\nns. 3600000 A {}\n", Authority::Root.address())
}

fn nsd_conf(authority: Authority) -> String {
    let mut conf = format!(
        r#"server:
    ip-address: {}
    username: ""
    chroot: ""
    zonesdir: ".."
    database: ""
    zonelistfile: "zone.list"
    xfrdfile: ""
    pidfile: ""
    server-count: 1
    rrl-size: 1000
    rrl-ratelimit: 0
remote-control:
    control-enable: no
"#,
        authority.address()
    );
    for zone in authority.zones() {
        let file = if *zone == "." { "root.signed".to_owned() } else { zone_file(zone) };
        conf += &format!("zone:\n    name: \"{zone}\"\n    zonefile: \"{file}\"\n");
    }
    conf
}

fn zone_file(zone: &str) -> String {
    if zone == "." { "root.zone".to_owned() } else { format!("{zone}zone") }
}

/// What names in the zone end with.
fn below(zone: &str) -> &str {
    if zone == "." { "" } else { zone }
}

/// The zone's own records, those of its names if it has any, and its delegations.
fn zone_text(zone: &str) -> String {
    let served_by = |zone: &str| Authority::ALL.into_iter().find(|authority| authority.zones().contains(&zone));
    let own = served_by(zone).expect("a zone of the outside").address();
    let below = below(zone);
    let mut text = format!(
        "$ORIGIN {zone}\n$TTL {TTL}\n@ SOA ns.{below} hostmaster.{below} 1 3600 600 86400 5\n@ NS ns.{below}\nns.{below} A {own}\n"
    );
    for child in Authority::ALL.iter().flat_map(|authority| authority.zones()) {
        if *child != "." && parent(child) == zone {
            let address = served_by(child).expect("a zone of the outside").address();
            text += &format!("{child} NS ns.{child}\nns.{child} A {address}\n");
        }
    }
    let canary = format!("{CANARY} NS ns1.{CANARY}\nns1.{CANARY} A {BEACON}\n");
    text += match zone {
        // Whatever this is the digest of, it is no key of that zone.
        "." => "broken. DS 12345 13 2 0000000000000000000000000000000000000000000000000000000000000000\n",
        "com." | "net." | "org." | "example." => "",
        "broken." => "www A 198.51.100.1\n",
        "example.net." => &canary,
        _ => "www A 198.51.100.1\n*.w A 198.51.100.2\n",
    };
    text
}

/// The zone of the outside that delegates `zone`: the longest one above it.
fn parent(zone: &str) -> &str {
    let zones = || Authority::ALL.into_iter().flat_map(|authority| authority.zones().iter().copied());
    let above = zones().filter(|other| *other != zone && (*other == "." || zone.ends_with(&format!(".{other}"))));
    above.max_by_key(|other| other.len()).unwrap_or(".")
}

/// Signs the root, whose delegations stay unsigned, and returns its key.
fn sign_root(directory: &Path) -> String {
    let run = |program: &str, arguments: &[&str]| {
        let output = Command::new(program).args(arguments).current_dir(directory).output();
        let output = output.expect("bind9-utils has to be installed: see tests/run");
        assert!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("text")
    };
    let key = run("dnssec-keygen", &["-q", "-a", "ECDSAP256SHA256", "-f", "KSK", "."]);
    let key_file = format!("{}.key", key.trim());
    let zone = format!("{}$INCLUDE {key_file}\n", zone_text("."));
    fs::write(directory.join("root.zone"), zone).expect("a zone file");
    run("dnssec-signzone", &["-q", "-z", "-o", ".", "-f", "root.signed", "root.zone"]);
    let record = fs::read_to_string(directory.join(key_file)).expect("a public key");
    let data = record.lines().find_map(|line| line.split_once(" DNSKEY ")).expect("a DNSKEY record").1;
    data.to_owned()
}
