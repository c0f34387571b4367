//! Small estates, made by hand.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use fathom::estate::{
    Asking, Cluster, DomainName, Estate, Label, Name, PathTracing, Prober, QueryClass, QueryType, Question, Resolver,
    Transport,
};
use fathom::expect::Expect;

pub(crate) const INTERVAL: Duration = Duration::from_secs(10);
pub(crate) const TIMEOUT: Duration = Duration::from_secs(2);
pub(crate) const PATIENCE: Duration = Duration::from_secs(12);

pub(crate) fn label(text: &str) -> Label {
    Label::parse(text).unwrap()
}

/// One cluster `c` of resolvers `r0`, `r1` …, each asked about `n0.example.`, `n1.example.` …
pub(crate) struct Plan {
    pub(crate) resolvers: Vec<SocketAddr>,
    pub(crate) names: Vec<String>,
    pub(crate) packets_per_second: u32,
    pub(crate) max_in_flight: usize,
    pub(crate) interval: Duration,
    pub(crate) zones: Vec<&'static str>,
}

impl Plan {
    pub(crate) fn new(resolvers: &[SocketAddr], names: usize) -> Self {
        Self {
            resolvers: resolvers.to_vec(),
            names: (0..names).map(|n| format!("n{n}")).collect(),
            packets_per_second: 1000,
            max_in_flight: 4096,
            interval: INTERVAL,
            zones: Vec::new(),
        }
    }

    pub(crate) fn estate(&self) -> Arc<Estate> {
        let resolver = |(place, address): (usize, &SocketAddr)| {
            Arc::new(Resolver {
                name: label(&format!("r{place}")),
                address: *address,
                tracer: None,
                packets_per_second: self.packets_per_second,
            })
        };
        let name = |id: &String| {
            Arc::new(Name {
                id: label(id),
                class: label("external"),
                question: Question {
                    qname: DomainName::parse(&format!("{id}.example.")).unwrap(),
                    qtype: QueryType::A,
                    qclass: QueryClass::In,
                    recursion_desired: true,
                    checking_disabled: false,
                    dnssec_ok: false,
                },
                expect: Expect::default(),
                asking: Asking {
                    interval: self.interval,
                    timeout: TIMEOUT.min(self.interval),
                    patience: PATIENCE,
                    transports: vec![Transport::Udp],
                    mixed_case: true,
                },
                clusters: vec![label("c")],
            })
        };
        Arc::new(Estate {
            environment: label("test"),
            vantage: label("dc1"),
            prober: Prober {
                listen: "127.0.0.1:0".parse().unwrap(),
                source_ipv4: None,
                source_ipv6: None,
                max_in_flight: self.max_in_flight,
                operator_token_file: None,
                state_dir: None,
                journal_max_age: Duration::from_secs(90 * 86_400),
                journal_max_size: 256 << 20,
            },
            path: PathTracing {
                interval: Duration::from_secs(60),
                canary_zone: None,
                cold_names: Vec::new(),
                min_independent_exits: 2,
                packets_per_second: 20,
                key_files: Vec::new(),
                arrivals: None,
            },
            beacon: None,
            clusters: vec![Arc::new(Cluster {
                name: label("c"),
                datacenter: label("dc1"),
                authoritative: !self.zones.is_empty(),
                recursive: true,
                zones: self.zones.iter().map(|zone| DomainName::parse(zone).unwrap()).collect(),
                upstreams: Vec::new(),
                resolvers: self.resolvers.iter().enumerate().map(resolver).collect(),
            })],
            names: self.names.iter().map(name).collect(),
        })
    }
}
