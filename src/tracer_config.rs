//! The lines that give a resolver its tracer zone, for each product. Pure: text in, text out.
//!
//! A tracer zone is answered by one resolver alone, from its own configuration, whatever it forwards to. Whoever else
//! gives its answer has asked that resolver, directly or through others.

use std::fmt::Write;
use std::net::Ipv4Addr;

use crate::canary::tracer_address;
use crate::estate::{Cluster, DomainName, Resolver};

/// The products whose configuration can be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Software {
    /// BIND 9, alone or under FreeIPA
    Bind,
    /// Unbound
    Unbound,
    /// PowerDNS Recursor
    Pdns,
    /// Knot Resolver 5
    Knot,
    /// dnsmasq
    Dnsmasq,
}

impl Software {
    /// Every product.
    pub const ALL: [Self; 5] = [Self::Bind, Self::Unbound, Self::Pdns, Self::Knot, Self::Dnsmasq];

    /// The word used on the command line.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Bind => "bind",
            Self::Unbound => "unbound",
            Self::Pdns => "pdns",
            Self::Knot => "knot",
            Self::Dnsmasq => "dnsmasq",
        }
    }

    /// How a comment begins in its configuration.
    const fn comment(self) -> &'static str {
        match self {
            Self::Bind => "//",
            Self::Knot => "--",
            Self::Unbound | Self::Pdns | Self::Dnsmasq => "#",
        }
    }

    /// The file for the lines, and where they belong.
    const fn place(self) -> (&'static str, &'static str) {
        match self {
            Self::Bind => (
                "fathom-tracer.conf",
                "Include this file from named.conf, inside every view that clients use; with FreeIPA, from \
                 /etc/named/ipa-ext.conf.",
            ),
            Self::Unbound => (
                "fathom-tracer.conf",
                "Put this file where unbound.conf includes files from, such as /etc/unbound/unbound.conf.d/.",
            ),
            Self::Pdns => (
                "fathom-tracer.conf",
                "Put this file into the include-dir of recursor.conf, such as /etc/powerdns/recursor.d/. Where settings \
                 are YAML (5.0 and later), add zone and file to recursor.auth_zones instead.",
            ),
            Self::Knot => (
                "fathom-tracer.conf",
                "Load this file from kresd.conf with dofile('/etc/knot-resolver/fathom-tracer.conf'), before any \
                 policy.FORWARD or policy.STUB: the first rule that fits is the one that counts.",
            ),
            Self::Dnsmasq => ("fathom-tracer.conf", "Put this file into /etc/dnsmasq.d/."),
        }
    }

    /// Where the zone file goes, for products that take one.
    const fn zone_file(self) -> Option<&'static str> {
        match self {
            Self::Bind => Some("/etc/bind/fathom-tracer.zone"),
            Self::Pdns => Some("/etc/powerdns/fathom-tracer.zone"),
            Self::Unbound | Self::Knot | Self::Dnsmasq => None,
        }
    }
}

/// One file to be put onto a resolver.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// Its name, without a folder.
    pub name: &'static str,
    /// All of it.
    pub text: String,
}

/// The files that give `resolver` its tracer zone. `zone_folder` is where its zone file will lie, for products that take
/// one; the usual place when absent.
pub fn files(
    software: Software,
    cluster: &Cluster,
    resolver: &Resolver,
    tracer: &DomainName,
    zone_folder: Option<&str>,
) -> Vec<File> {
    const ZONE_FILE: &str = "fathom-tracer.zone";
    let ip = tracer_address(tracer);
    let usual = software.zone_file();
    let zone_file = usual.map(|usual| zone_folder.map_or_else(|| usual.to_owned(), |to| format!("{to}/{ZONE_FILE}")));
    let lines = lines(software, tracer, ip, zone_file.as_deref().unwrap_or_default());
    let (name, place) = software.place();
    let mut text = comments(software.comment(), cluster, resolver, ip, &[place]);
    text.push_str(&lines);
    let mut files = vec![File { name, text }];
    if let Some(path) = zone_file {
        let mut text = comments(";", cluster, resolver, ip, &[&format!("Put this file at {path}.")]);
        text.push_str(&zone_text(tracer, ip));
        files.push(File { name: ZONE_FILE, text });
    }
    files
}

fn lines(software: Software, tracer: &DomainName, ip: Ipv4Addr, zone_file: &str) -> String {
    let name = tracer.as_str().trim_end_matches('.');
    match software {
        Software::Bind => format!("zone \"{name}\" {{\n    type primary;\n    file \"{zone_file}\";\n}};\n"),
        Software::Unbound => {
            format!("server:\n    local-zone: \"{tracer}\" redirect\n    local-data: \"{tracer} 0 IN A {ip}\"\n")
        }
        // `+=` adds to what recursor.conf says; `=` would replace it.
        Software::Pdns => format!("auth-zones+={name}={zone_file}\n"),
        // `true`: other types are answered too, with nothing, and go nowhere.
        Software::Knot => format!(
            "policy.add(policy.suffix(\n    policy.ANSWER({{ [kres.type.A] = {{ rdata = kres.str2ip('{ip}'), ttl = 0 }} }}, true),\n    \
             {{ todname('{tracer}') }}))\n"
        ),
        // `local`: as `true` above.
        Software::Dnsmasq => format!("address=/{name}/{ip}\nlocal=/{name}/\n"),
    }
}

/// Nothing in it may be cached: who gets this answer was led here just now.
fn zone_text(tracer: &DomainName, ip: Ipv4Addr) -> String {
    format!(
        "$ORIGIN {tracer}\n$TTL 0\n@ IN SOA ns hostmaster 1 3600 600 86400 0\n@ IN NS ns\nns IN A {ip}\n* IN A {ip}\n"
    )
}

fn comments(mark: &str, cluster: &Cluster, resolver: &Resolver, ip: Ipv4Addr, more: &[&str]) -> String {
    let who = format!(
        "Fathom's tracer zone of resolver {} ({}) in {}. No other resolver may have it.",
        resolver.name, resolver.address, cluster.name
    );
    let why = format!(
        "{ip} stands for this resolver. It is nobody's address (RFC 2544), not the resolver's own: filters against DNS \
         rebinding take private addresses out of answers that come from another resolver."
    );
    let mut text = String::new();
    for paragraph in [who.as_str()].into_iter().chain(more.iter().copied()).chain([why.as_str()]) {
        for line in wrapped(paragraph, 100) {
            writeln!(text, "{mark} {line}").expect("a string takes everything");
        }
    }
    text
}

/// Lines of at most `width` characters, broken between words.
fn wrapped(paragraph: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in paragraph.split(' ') {
        let line = lines.last_mut().expect("there is one from the start");
        if line.is_empty() {
            line.push_str(word);
        } else if line.len() + 1 + word.len() <= width {
            line.push(' ');
            line.push_str(word);
        } else {
            lines.push(word.to_owned());
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::estate::Label;

    fn example() -> (Cluster, Resolver, DomainName) {
        let tracer = DomainName::parse("ns1.t.canary.example.net.").unwrap();
        let resolver = Resolver {
            name: Label::parse("ns1").unwrap(),
            address: "10.1.0.53:53".parse().unwrap(),
            tracer: Some(tracer.clone()),
            packets_per_second: 50,
        };
        let cluster = Cluster {
            name: Label::parse("dc1-internal").unwrap(),
            datacenter: Label::parse("dc1").unwrap(),
            authoritative: true,
            recursive: true,
            zones: Vec::new(),
            upstreams: Vec::new(),
            resolvers: Vec::new(),
        };
        (cluster, resolver, tracer)
    }

    #[test]
    fn a_person_reads_who_it_is_for_where_it_goes_and_why() {
        let (cluster, resolver, tracer) = example();
        let files = files(Software::Bind, &cluster, &resolver, &tracer, None);
        let expected = "\
// Fathom's tracer zone of resolver ns1 (10.1.0.53:53) in dc1-internal. No other resolver may have it.
// Include this file from named.conf, inside every view that clients use; with FreeIPA, from
// /etc/named/ipa-ext.conf.
// 198.18.0.145 stands for this resolver. It is nobody's address (RFC 2544), not the resolver's own:
// filters against DNS rebinding take private addresses out of answers that come from another resolver.
zone \"ns1.t.canary.example.net\" {
    type primary;
    file \"/etc/bind/fathom-tracer.zone\";
};
";
        assert_eq!((files[0].name, files[0].text.as_str()), ("fathom-tracer.conf", expected));
        assert_eq!(files[1].name, "fathom-tracer.zone");
        assert!(files[1].text.contains("; Put this file at /etc/bind/fathom-tracer.zone.\n"), "{}", files[1].text);
        assert!(files[1].text.ends_with("\n* IN A 198.18.0.145\n"), "{}", files[1].text);
    }

    #[test]
    fn every_product_gets_lines_with_its_zone_and_address_behind_comments_that_fit_a_screen() {
        let (cluster, resolver, tracer) = example();
        for software in Software::ALL {
            let files = files(software, &cluster, &resolver, &tracer, Some("/srv/named"));
            let whole: String = files.iter().map(|file| file.text.as_str()).collect();
            assert!(whole.contains("ns1.t.canary.example.net") && whole.contains("198.18.0.145"), "{whole}");
            assert_eq!(whole.contains("/srv/named/fathom-tracer.zone"), software.zone_file().is_some(), "{whole}");
            for line in whole.lines() {
                assert!(line.len() <= 110, "{line}");
            }
        }
    }
}
