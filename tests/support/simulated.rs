//! A cluster of the embedded lab under Fathom's path tracing, as [`super::Watched`] watches real resolvers: the same
//! outside, the same configuration. Run it on a paused clock.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use fathom::beacon::Beacon;
use fathom::canary::Keys;
use fathom::estate::{DomainName, Estate};
use fathom::lab::{Lab, Node, Policy, Software, Spec, Zone};

use super::outside::{CANARY, COLD, EXTERNAL, TTL};
use super::resolvers::{self, INTERNAL, INTERNAL_ZONE};
use super::watched::{Told, Watched, estate};

/// How the lab plays a product.
pub const fn played(software: resolvers::Software) -> Software {
    match software {
        resolvers::Software::Bind => Software::Bind,
        resolvers::Software::Unbound => Software::Unbound,
        resolvers::Software::Pdns => Software::Pdns,
        resolvers::Software::Knot => Software::Knot,
        resolvers::Software::Dnsmasq => Software::Dnsmasq,
    }
}

/// A lab with one cluster in it, and an upstream beside it.
#[derive(Debug)]
pub struct Simulated {
    pub lab: Lab,
    tracers: bool,
}

impl Simulated {
    /// Resolvers by name and software, and what each forwards to, in the words of [`Simulated::place`].
    pub async fn start(nodes: &[(&str, Software, &str)], tracers: bool) -> Self {
        static WORLDS: AtomicU8 = AtomicU8::new(1);
        let third = WORLDS.fetch_add(1, Ordering::Relaxed);
        let mut lab = Lab::start().await.expect("a lab");
        let com = Zone::new("example.com.").with(EXTERNAL, TTL, "A", "198.51.100.1");
        lab.outside().add(com.with("*.w.example.com.", TTL, "A", "198.51.100.2"), Duration::from_millis(5));
        let cold = Zone::new("example.org.").with(&format!("*.{COLD}"), TTL, "A", "198.51.100.3");
        lab.outside().add(cold, Duration::from_millis(7));
        lab.add(Spec::new("upstream", Ipv4Addr::new(127, 30, third, 250))).await.expect("an upstream");
        for ((name, software, _), host) in nodes.iter().zip(1..) {
            let mut spec = Spec::new(name, Ipv4Addr::new(127, 30, third, host))
                .software(*software)
                .zone(Zone::new(INTERNAL_ZONE).with(INTERNAL.0, 300, "A", INTERNAL.1));
            if tracers {
                spec = spec.tracer(&DomainName::parse(&format!("{name}.t.{CANARY}")).expect("a domain name"));
            }
            lab.add(Spec { cluster: "c1".to_owned(), ..spec }).await.expect("a resolver");
        }
        let simulated = Self { lab, tracers };
        for (name, _, to) in nodes {
            simulated.node(name).set_forwarders(&simulated.places(to), Policy::Only);
        }
        simulated
    }

    /// A resolver by its name.
    pub fn node(&self, name: &str) -> &Node {
        self.lab.node(name).expect("a resolver of this lab")
    }

    /// Rebuilds a resolver to forward to other places only, as a set-up run does.
    pub fn rebuild(&self, name: &str, to: &str) {
        self.node(name).rebuild(&self.places(to), Policy::Only);
    }

    /// Rebuilds it to forward there first.
    pub fn rebuild_first(&self, name: &str, to: &str) {
        self.node(name).rebuild(&self.places(to), Policy::First);
    }

    /// `itself`: no forwarder; `closed`, `hole`; `upstream`, or another resolver. Several are parted by spaces.
    fn places(&self, to: &str) -> Vec<SocketAddr> {
        let place = |word: &str| match word {
            "closed" => self.lab.dead_end(),
            "hole" => self.lab.black_hole(),
            name => self.node(name).address(),
        };
        to.split(' ').filter(|word| *word != "itself").map(place).collect()
    }

    /// The estate that Fathom is told of: the resolvers of the cluster.
    pub fn estate(&self, told: Told) -> Estate {
        let members = self.lab.nodes().iter().filter(|node| node.cluster() == "c1");
        let resolvers: Vec<(String, SocketAddr)> =
            members.map(|node| (node.name().to_owned(), node.address())).collect();
        let mut estate = estate(&resolvers, Told { tracers: self.tracers, upstream: None, ..told }, "canary.key");
        if told.upstream.is_some() {
            let cluster = Arc::make_mut(&mut estate.clusters[0]);
            cluster.upstreams = vec![self.node("upstream").address()];
        }
        estate
    }

    /// Starts to watch it, with a beacon where there are tracers.
    pub async fn watch(&self, told: Told) -> Watched {
        let mut estate = self.estate(told);
        let keys = Keys::for_this_process();
        if let Some(settings) = &mut estate.beacon {
            settings.listen = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        }
        let beacon = Beacon::of(&estate, Arc::new(keys.clone())).await.expect("the beacon's port");
        if let Some(beacon) = &beacon {
            self.lab.outside().delegate(CANARY, beacon.address());
        }
        Watched::over(estate, self.tracers.then_some(keys), beacon)
    }
}
