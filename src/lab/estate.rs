//! The simulated counterpart of an estate: every resolver at its address, and for every name an answer that meets its
//! expectations, in its cluster's own zone or outside.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use hickory_proto::rr::{RData, RecordType};

use super::node::{Policy, Spec};
use super::sample;
use super::software::Software;
use super::zone::{Security, Zone, name};
use super::{Lab, LabError};
use crate::estate::{Cluster, DomainName, Estate, Name, QueryClass, Resolver};
use crate::wire::Rcode;

/// Time to live of records in own zones, in seconds.
const INTERNAL_TTL: u32 = 300;

/// The cluster that upstream servers of the estate belong to in the lab.
const UPSTREAMS: &str = "upstreams";

impl Lab {
    /// Starts the simulated counterpart of an estate on the addresses that it names.
    pub async fn from_estate(estate: &Estate, software: Software) -> Result<Self, LabError> {
        Self::build(estate, software, |address| address).await
    }

    /// Starts it on free ports of the same hosts, and returns the estate as it is then.
    pub async fn on_free_ports(estate: &Estate, software: Software) -> Result<(Self, Estate), LabError> {
        let lab = Self::build(estate, software, |address| SocketAddr::new(address.ip(), 0)).await?;
        let mut moved = estate.clone();
        let address_of = |cluster: &Cluster, resolver: &Resolver| {
            let node = lab.node_in(cluster.name.as_str(), resolver.name.as_str());
            node.map_or(resolver.address, super::Node::address)
        };
        for cluster in &mut moved.clusters {
            let mut changed = (**cluster).clone();
            for resolver in &mut changed.resolvers {
                *resolver = Arc::new(Resolver { address: address_of(cluster, resolver), ..(**resolver).clone() });
            }
            *cluster = Arc::new(changed);
        }
        Ok((lab, moved))
    }

    async fn build(
        estate: &Estate,
        software: Software,
        listen: impl Fn(SocketAddr) -> SocketAddr,
    ) -> Result<Self, LabError> {
        let mut lab = Self::start().await?;
        lab.fill_outside(estate)?;
        for cluster in &estate.clusters {
            let mut forwarders = Vec::new();
            // Only the machine's own loopback addresses can be played; other upstreams are left out.
            for upstream in cluster.upstreams.iter().filter(|upstream| upstream.ip().is_loopback()) {
                let spec = Spec {
                    cluster: UPSTREAMS.to_owned(),
                    listen: listen(*upstream),
                    ..Spec::new(&upstream.ip().to_string(), upstream.ip())
                };
                forwarders.push(lab.add(spec).await?.address());
            }
            let zones = own_zones(estate, cluster)?;
            for resolver in &cluster.resolvers {
                let mut spec = Spec {
                    name: resolver.name.to_string(),
                    cluster: cluster.name.to_string(),
                    listen: listen(resolver.address),
                    software: if validates(estate, cluster) { Software::BindValidating } else { software },
                    recursive: cluster.recursive,
                    zones: zones.clone(),
                    forwarders: forwarders.clone(),
                    policy: Policy::Only,
                };
                if let Some(tracer) = &resolver.tracer {
                    spec = spec.tracer(tracer);
                }
                lab.add(spec).await?;
            }
        }
        Ok(lab)
    }

    /// Everything the estate asks for that none of its clusters answers by itself.
    fn fill_outside(&self, estate: &Estate) -> Result<(), LabError> {
        let mut zones: Vec<Zone> = Vec::new();
        let mut zone_of = |qname: &str| {
            let apex = apex(qname);
            if !zones.iter().any(|zone| *zone.apex() == name(&apex)) {
                zones.push(Zone::new(&apex));
            }
            let place = zones.iter().position(|zone| *zone.apex() == name(&apex));
            place.map(|place| (place, zones[place].clone()))
        };
        let mut filled: Vec<(usize, Zone)> = Vec::new();
        let wanted = estate.names.iter().filter(|name| is_outside(estate, name));
        for (place, wanted) in wanted.enumerate() {
            let Some((at, zone)) = zone_of(wanted.question.qname.as_str()) else { continue };
            let zone = filled.iter().find(|(filled_at, _)| *filled_at == at).map_or(zone, |(_, zone)| zone.clone());
            // Times to live between 5 and 20 s: what is cached fades within a demonstration.
            let ttl = 5 + u32::try_from(place).unwrap_or(0) * 5 % 16;
            let zone = with_answers(zone, wanted, ttl)?;
            filled.retain(|(filled_at, _)| *filled_at != at);
            filled.push((at, zone));
        }
        for cold in &estate.path.cold_names {
            if let Some((at, zone)) = zone_of(cold.as_str())
                && !filled.iter().any(|(filled_at, _)| *filled_at == at)
            {
                filled.push((at, zone));
            }
        }
        for (at, zone) in filled {
            let latency = Duration::from_millis(6 + u64::try_from(at).unwrap_or(0) * 7 % 40);
            self.outside().add(zone, latency);
        }
        if let Some(canary) = &estate.path.canary_zone {
            match &estate.beacon {
                Some(beacon) => self.outside().delegate(canary.as_str(), beacon.listen),
                None => self.outside().add(Zone::new(canary.as_str()), Duration::from_millis(6)),
            }
        }
        Ok(())
    }
}

/// Whether some cluster has to ask others for the name, and it is not the canary zone's.
fn is_outside(estate: &Estate, name: &Name) -> bool {
    let canary = estate.path.canary_zone.as_ref().is_some_and(|canary| name.question.qname.is_under(canary));
    let clusters = estate.clusters.iter().filter(|cluster| name.clusters.contains(&cluster.name));
    !canary && clusters.into_iter().any(|cluster| cluster.needs_recursion(&name.question))
}

/// Whether some name is expected to be validated by the cluster.
fn validates(estate: &Estate, cluster: &Cluster) -> bool {
    let asked = estate.names.iter().filter(|name| name.clusters.contains(&cluster.name));
    asked.into_iter().any(|name| name.expect.authenticated == Some(true))
}

fn own_zones(estate: &Estate, cluster: &Cluster) -> Result<Vec<Zone>, LabError> {
    let mut zones = Vec::new();
    for apex in cluster.zones.iter().filter(|_| cluster.authoritative) {
        let mut zone = Zone::new(apex.as_str());
        let inside = |name: &&Arc<Name>| closest_zone(cluster, &name.question.qname) == Some(apex);
        let asked = estate.names.iter().filter(|name| name.clusters.contains(&cluster.name));
        for name in asked.filter(|name| name.question.qclass == QueryClass::In).filter(inside) {
            zone = with_answers(zone, name, INTERNAL_TTL)?;
        }
        zones.push(zone);
    }
    Ok(zones)
}

fn closest_zone<'a>(cluster: &'a Cluster, qname: &DomainName) -> Option<&'a DomainName> {
    cluster.zones.iter().filter(|zone| qname.is_under(zone)).max_by_key(|zone| zone.as_str().len())
}

/// The zone of the outside that a name belongs to: its last two labels.
fn apex(qname: &str) -> String {
    let parent = parent_of_nonce(qname);
    let labels: Vec<&str> = parent.trim_end_matches('.').split('.').collect();
    format!("{}.", labels[labels.len().saturating_sub(2)..].join("."))
}

/// What follows the label with the nonce; the whole name when it has none.
fn parent_of_nonce(qname: &str) -> &str {
    let Some(nonce) = qname.find(DomainName::NONCE) else { return qname };
    qname[nonce..].split_once('.').map_or(".", |(_, parent)| parent)
}

/// The zone with records that make a probe of the name `ok`.
fn with_answers(mut zone: Zone, wanted: &Name, ttl: u32) -> Result<Zone, LabError> {
    let expect = &wanted.expect;
    let qname = wanted.question.qname.as_str();
    let owner =
        if wanted.question.qname.has_nonce() { format!("*.{}", parent_of_nonce(qname)) } else { qname.to_owned() };
    let ttl = ttl.max(expect.min_ttl.unwrap_or(0));
    let rtype = RecordType::from(wanted.question.qtype.code());
    if expect.rcode != Rcode::NOERROR {
        return Ok(zone);
    }
    if expect.authenticated == Some(true) {
        zone.set_security(Security::Secure);
    }
    if expect.max_answers == Some(0) {
        let other = if rtype == RecordType::TXT { RecordType::A } else { RecordType::TXT };
        return Ok(match sample::rdata(other, 1) {
            Some(data) => zone.with_rdata(name(&owner), ttl, data),
            None => zone,
        });
    }
    // The apex has an SOA record of its own.
    if rtype == RecordType::SOA && *zone.apex() == name(&owner) {
        return Ok(zone);
    }
    let answers = answers(wanted, rtype).ok_or_else(|| LabError::NoAnswer { name: wanted.id.to_string() })?;
    for data in answers {
        zone = zone.with_rdata(name(&owner), ttl, data);
    }
    Ok(zone)
}

/// Record data that meets the expectations.
fn answers(wanted: &Name, rtype: RecordType) -> Option<Vec<RData>> {
    let expect = &wanted.expect;
    if !expect.answers.is_empty() {
        let quoted = |text: &String| if rtype == RecordType::TXT { format!("\"{text}\"") } else { text.clone() };
        return expect.answers.iter().map(|text| RData::try_from_str(rtype, &quoted(text)).ok()).collect();
    }
    let count = expect.min_answers.max(1);
    let variants = (1..=u8::MAX).take(usize::from(count));
    let data: Vec<RData> = match (&expect.matches, expect.networks.as_slice()) {
        (Some(pattern), _) => vec![sample::matching(rtype, pattern)?],
        (None, []) => variants.filter_map(|variant| sample::rdata(rtype, variant)).collect(),
        (None, networks) => {
            let fits = |address: &IpAddr| address.is_ipv4() == (rtype == RecordType::A);
            let hosts = networks.iter().flat_map(ipnet::IpNet::hosts).filter(fits).skip(4).take(usize::from(count));
            hosts.map(|host| RData::try_from_str(rtype, &host.to_string()).ok()).collect::<Option<_>>()?
        }
    };
    (data.len() >= usize::from(count)).then_some(data)
}
