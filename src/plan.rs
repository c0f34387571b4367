//! What is asked of whom: every probe that an estate makes necessary, and what that costs.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use crate::estate::{
    Asking, Cluster, DomainName, Estate, Label, Name, QueryClass, QueryType, Question, Resolver, Transport,
};
use crate::expect::Expect;
use crate::wire::QueryTemplate;

/// How often each resolver is asked who it is and which serials it holds.
const HOUSEKEEPING_INTERVAL: Duration = Duration::from_secs(60);

/// Why something is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Purpose {
    /// A configured name: the only purpose whose outcomes are counted.
    Name,
    /// The serial of a zone the cluster is authoritative for.
    ZoneSerial,
    /// The server's name for itself: CHAOS TXT `id.server` (RFC 4892).
    ServerId,
    /// The server's software: CHAOS TXT `version.bind`.
    Version,
}

/// One name asked of one resolver over one transport, again and again.
#[derive(Debug, Clone)]
pub struct Target {
    /// Why it is asked.
    pub purpose: Purpose,
    /// The resolver's cluster.
    pub cluster: Arc<Cluster>,
    /// Who is asked.
    pub resolver: Arc<Resolver>,
    /// What is asked.
    pub name: Arc<Name>,
    /// How the question travels.
    pub transport: Transport,
    /// The question, ready to be sent.
    pub template: Arc<QueryTemplate>,
    /// Whether the answer has to come from beyond the cluster's own zones.
    pub needs_recursion: bool,
}

/// What makes a target the same one after a reload.
pub type TargetKey = (Label, Label, Purpose, Label, Transport);

impl Target {
    /// What makes it the same target after a reload, with its counters.
    pub fn key(&self) -> TargetKey {
        let labels = (self.cluster.name.clone(), self.resolver.name.clone(), self.name.id.clone());
        (labels.0, labels.1, self.purpose, labels.2, self.transport)
    }

    /// Whether asking this target is asking the same question, in the same way, as asking the other.
    pub fn asks_like(&self, other: &Self) -> bool {
        self.resolver == other.resolver && self.name == other.name && self.needs_recursion == other.needs_recursion
    }

    /// Packets a second that it sends while nothing is wrong.
    pub fn packets_per_second(&self) -> f64 {
        1.0 / self.name.asking.interval.as_secs_f64()
    }
}

/// Every target of the estate, resolver by resolver, in the order of the file.
pub fn targets(estate: &Estate) -> Vec<Arc<Target>> {
    let templates: BTreeMap<&Label, Arc<QueryTemplate>> =
        estate.names.iter().map(|name| (&name.id, Arc::new(QueryTemplate::new(&name.question)))).collect();
    let mut names_of: HashMap<&Label, Vec<&Arc<Name>>> = HashMap::new();
    for name in &estate.names {
        for cluster in &name.clusters {
            names_of.entry(cluster).or_default().push(name);
        }
    }
    let mut targets = Vec::new();
    for cluster in &estate.clusters {
        let housekeeping = housekeeping(cluster);
        let names = names_of.remove(&cluster.name).unwrap_or_default();
        for resolver in &cluster.resolvers {
            let mut add = |purpose, name: &Arc<Name>, template: &Arc<QueryTemplate>| {
                targets.extend(name.asking.transports.iter().map(|transport| {
                    Arc::new(Target {
                        purpose,
                        cluster: Arc::clone(cluster),
                        resolver: Arc::clone(resolver),
                        name: Arc::clone(name),
                        transport: *transport,
                        template: Arc::clone(template),
                        needs_recursion: cluster.needs_recursion(&name.question),
                    })
                }));
            };
            for &name in &names {
                add(Purpose::Name, name, &templates[&name.id]);
            }
            for (purpose, name, template) in &housekeeping {
                add(*purpose, name, template);
            }
        }
    }
    targets
}

/// What every resolver of the cluster is asked beside the configured names.
fn housekeeping(cluster: &Cluster) -> Vec<(Purpose, Arc<Name>, Arc<QueryTemplate>)> {
    let question = |qname: DomainName, qtype, qclass| Question {
        qname,
        qtype,
        qclass,
        recursion_desired: false,
        checking_disabled: false,
        dnssec_ok: false,
    };
    let chaos = |qname| {
        let qname = DomainName::parse(qname).expect("a fixed name");
        question(qname, QueryType::Txt, QueryClass::Ch)
    };
    let serials = cluster.zones.iter().enumerate().map(|(place, zone)| {
        (Purpose::ZoneSerial, format!("soa-{place}"), question(zone.clone(), QueryType::Soa, QueryClass::In))
    });
    let identity = [
        (Purpose::ServerId, "id-server".to_owned(), chaos("id.server.")),
        (Purpose::Version, "version-bind".to_owned(), chaos("version.bind.")),
    ];
    let as_name = |(purpose, id, question): (Purpose, String, Question)| {
        let template = Arc::new(QueryTemplate::new(&question));
        let name = Name {
            id: Label::parse(&id).expect("a fixed word"),
            class: Label::parse("housekeeping").expect("a fixed word"),
            question,
            expect: Expect::default(),
            asking: Asking {
                interval: HOUSEKEEPING_INTERVAL,
                timeout: Duration::from_secs(2),
                patience: Duration::from_secs(2),
                transports: vec![Transport::Udp],
                mixed_case: true,
            },
            clusters: vec![cluster.name.clone()],
        };
        (purpose, Arc::new(name), template)
    };
    serials.chain(identity).map(as_name).collect()
}

/// Packets a second that the targets send to each resolver while nothing is wrong, in the order of the targets.
pub fn packets_per_second(targets: &[Arc<Target>]) -> Vec<(Arc<Cluster>, Arc<Resolver>, f64)> {
    let mut rates: Vec<(Arc<Cluster>, Arc<Resolver>, f64)> = Vec::new();
    for target in targets {
        match rates.last_mut() {
            Some((cluster, resolver, rate))
                if cluster.name == target.cluster.name && resolver.name == target.resolver.name =>
            {
                *rate += target.packets_per_second();
            }
            _ => {
                rates.push((Arc::clone(&target.cluster), Arc::clone(&target.resolver), target.packets_per_second()));
            }
        }
    }
    rates
}
