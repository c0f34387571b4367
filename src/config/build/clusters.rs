//! `[[cluster]]` and `[[cluster.resolver]]`.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use super::super::given::List;
use super::super::given::{At, Given};
use super::super::problem::{Place, Report};
use super::super::spec::{ClusterSpec, FileSpec, ResolverSpec};
use super::super::values::{Role, ServerAddress, TracerChoice, ZoneName};
use super::asking::Defaults;
use crate::estate::{Cluster, DomainName, Label, Resolver};

/// Every cluster of the file.
pub(super) struct Clusters<'a> {
    file: &'a FileSpec,
    /// Those that could be built.
    pub(super) built: Vec<Built>,
}

/// A cluster, and where in the file it stands.
pub(super) struct Built {
    pub(super) cluster: Arc<Cluster>,
    pub(super) place: Place,
    /// Where each resolver's packet budget is set, or would be.
    pub(super) budget_places: Vec<Place>,
}

impl Clusters<'_> {
    fn specs(&self) -> impl Iterator<Item = &At<ClusterSpec>> {
        self.file.cluster.entries()
    }

    /// Whether every cluster of the file could be built.
    pub(super) fn is_whole(&self) -> bool {
        self.file.cluster.given().is_some_and(|list| list.is_good()) && self.built.len() == self.specs().count()
    }

    /// The name of every cluster, also of those that could not be built.
    pub(super) fn names(&self) -> Vec<Label> {
        self.specs().filter_map(|spec| spec.name.value()).collect()
    }

    /// The datacenter and name of every cluster, also of those that could not be built.
    pub(super) fn datacenters(&self) -> Vec<(&Label, &Label)> {
        self.specs().filter_map(|spec| Some((&spec.datacenter.given()?.value, &spec.name.given()?.value))).collect()
    }
}

pub(super) fn all<'a>(
    file: &'a FileSpec,
    defaults: &Defaults,
    canary_zone: &Given<ZoneName>,
    report: &Report,
) -> Clusters<'a> {
    let canary = canary_zone.given().map(|at| &at.value.0);
    let mut clusters = Clusters { file, built: Vec::new() };
    if file.cluster.given().is_none_or(|list| list.is_empty()) && !matches!(file.cluster, Given::Wrong) {
        report.mistake(&Place::nowhere("cluster"), "missing", "at least one table headed [[cluster]]");
    }
    let mut seen: BTreeMap<&Label, &Place> = BTreeMap::new();
    let specs: Vec<_> = file.cluster.entries().collect();
    for &spec in &specs {
        if let Some(name) = spec.name.given()
            && seen.insert(&name.value, &name.place).is_some()
        {
            report.mistake(&name.place, format!("found {} a second time", name.value), "a name of its own");
        }
        clusters.built.extend(cluster(spec, defaults, canary, report));
    }
    check_addresses(&specs, report);
    if canary.is_some() || !canary_zone.is_present() {
        check_tracers(&specs, canary, report);
    }
    clusters
}

fn cluster(spec: &At<ClusterSpec>, defaults: &Defaults, canary: Option<&DomainName>, report: &Report) -> Option<Built> {
    let name = spec.name.required(report, &spec.place, "name", Label::ALLOWED);
    let datacenter = spec.datacenter.required(report, &spec.place, "datacenter", "the datacenter it stands in");
    let roles = roles(&spec.roles, report);
    let has = |role| roles.as_ref().is_some_and(|roles| roles.contains(&role));
    let zones = unique(&spec.zones, |zone: &ZoneName| zone.0.clone(), report);
    if let Some(at) = spec.zones.given()
        && !at.is_empty()
        && roles.is_some()
        && !has(Role::Authoritative)
    {
        report.mistake(
            &at.place,
            "found zones of a cluster that is not authoritative",
            "with \"authoritative\" in roles",
        );
    }
    if let (Some(canary), Some(at)) = (canary, spec.zones.given())
        && let Some(zone) = at.good().find(|zone| canary.is_under(&zone.0))
    {
        let found = format!("{} holds path.canary_zone, so every resolver would answer for it", zone.0);
        report.mistake(&zone.place, found, "a canary zone outside it");
    }
    let rate = spec.packets_per_second.value().map_or(defaults.packets_per_second, |rate| rate.0);
    let resolvers = resolvers(spec, rate, canary, report)?;
    let budget_place = |resolver: &At<ResolverSpec>| {
        let own = resolver.packets_per_second.given().map(|at| at.place.clone());
        own.unwrap_or_else(|| spec.packets_per_second.place_in(&spec.place, "packets_per_second"))
    };
    let resolver_specs = spec.resolver.entries();
    roles.as_ref()?;
    let cluster = Cluster {
        name: name?.value,
        datacenter: datacenter?.value,
        authoritative: has(Role::Authoritative),
        recursive: has(Role::Recursive),
        zones,
        upstreams: unique(&spec.upstreams, |address: &ServerAddress| address.0, report),
        resolvers,
    };
    Some(Built {
        cluster: Arc::new(cluster),
        place: spec.place.clone(),
        budget_places: resolver_specs.map(budget_place).collect(),
    })
}

/// What the cluster does for its clients, or nothing when that is wrong.
fn roles(given: &Given<List<Role>>, report: &Report) -> Option<Vec<Role>> {
    if !given.is_present() {
        return Some(vec![Role::Recursive]);
    }
    let roles = given.given()?;
    if roles.is_empty() {
        report.mistake(&roles.place, "found an empty list", "\"authoritative\", \"recursive\" or both");
    }
    (roles.is_good() && !roles.is_empty()).then(|| roles.good().map(|role| role.value).collect())
}

/// The entries of a list; notes those that stand in it twice.
pub(super) fn unique<T, U: PartialEq + std::fmt::Display>(
    given: &Given<List<T>>,
    value_of: impl Fn(&T) -> U,
    report: &Report,
) -> Vec<U> {
    let mut values: Vec<U> = Vec::new();
    for entry in given.entries() {
        let value = value_of(&entry.value);
        if values.contains(&value) {
            report.mistake(&entry.place, format!("found {value} twice"), "once");
        } else {
            values.push(value);
        }
    }
    values
}

/// The resolvers of a cluster, or nothing when one is wrong.
fn resolvers(
    cluster: &At<ClusterSpec>,
    rate: u32,
    canary: Option<&DomainName>,
    report: &Report,
) -> Option<Vec<Arc<Resolver>>> {
    let allowed = "at least one table headed [[cluster.resolver]]";
    let list = cluster.resolver.required(report, &cluster.place, "resolver", allowed)?;
    if list.is_empty() {
        report.mistake(&list.place, "found an empty list", allowed);
    }
    let mut names: Vec<Label> = Vec::new();
    let mut built = Vec::new();
    for spec in list.good() {
        let name = spec.name.required(report, &spec.place, "name", Label::ALLOWED);
        let address =
            spec.address.required(report, &spec.place, "address", "an IP address, with a port unless it is 53");
        if let Some(name) = &name {
            if names.contains(&name.value) {
                let found = format!("found {} a second time in its cluster", name.value);
                report.mistake(&name.place, found, "a name of its own");
            }
            names.push(name.value.clone());
        }
        let tracer = tracer(spec, canary).map(|(zone, _)| zone);
        if let (Some(name), Some(address)) = (name, address) {
            built.push(Arc::new(Resolver {
                name: name.value,
                address: address.0,
                tracer,
                packets_per_second: spec.packets_per_second.value().map_or(rate, |rate| rate.0),
            }));
        }
    }
    (list.is_good() && built.len() == list.good().count()).then_some(built)
}

/// A resolver's tracer zone, and whether it was written out.
fn tracer(spec: &ResolverSpec, canary: Option<&DomainName>) -> Option<(DomainName, bool)> {
    match &spec.tracer {
        Given::Is(at) => match &at.value {
            TracerChoice::None => None,
            TracerChoice::Zone(zone) => Some((zone.clone(), true)),
        },
        Given::Absent => {
            let zone = format!("{}.t.{}", spec.name.given()?.value, canary?);
            DomainName::parse(&zone).map(|zone| (zone, false))
        }
        Given::Wrong => None,
    }
}

/// One address is one resolver, unless it serves two clusters and its tracer says so.
fn check_addresses(clusters: &[&At<ClusterSpec>], report: &Report) {
    let mut seen: BTreeMap<SocketAddr, (&Place, Option<&DomainName>, &Place)> = BTreeMap::new();
    for &cluster in clusters {
        for resolver in cluster.resolver.entries() {
            let Some(address) = resolver.address.given() else { continue };
            let tracer = resolver.tracer.given().and_then(|at| match &at.value {
                TracerChoice::None => None,
                TracerChoice::Zone(zone) => Some(zone),
            });
            let Some((first, first_tracer, first_cluster)) =
                seen.insert(address.0, (&resolver.place, tracer, &cluster.place))
            else {
                continue;
            };
            let found = format!("found {}, which is also the address of {}", address.0, first.key);
            if first_cluster == &cluster.place {
                report.mistake(&address.place, found, "each address once in a cluster");
            } else if tracer.is_none() || tracer != first_tracer {
                let allowed = "an address of its own, or the same tracer written out for both";
                report.mistake(&address.place, found, allowed);
            }
        }
    }
    for &cluster in clusters {
        for upstream in cluster.upstreams.entries() {
            if let Some((resolver, ..)) = seen.get(&upstream.0) {
                let found = format!("found {}, which is {} of this file", upstream.0, resolver.key);
                report.mistake(&upstream.place, found, "servers outside the estate");
            }
        }
    }
}

/// One tracer is one server: the same zone twice has to be meant.
fn check_tracers(clusters: &[&At<ClusterSpec>], canary: Option<&DomainName>, report: &Report) {
    let marker = canary.and_then(|canary| DomainName::parse(&format!("t.{canary}")));
    let mut seen: BTreeMap<DomainName, (&Place, bool)> = BTreeMap::new();
    for resolver in clusters.iter().flat_map(|cluster| cluster.resolver.entries()) {
        let Some((zone, written)) = tracer(resolver, canary) else { continue };
        let place = resolver.tracer.place_in(&resolver.place, "tracer");
        if written {
            let under = marker.as_ref().is_some_and(|marker| zone.is_under(marker) && zone != *marker);
            if canary.is_none() {
                report.mistake(&place, format!("found {zone} without path.canary_zone"), "with a canary zone");
            } else if let (Some(marker), false) = (&marker, under) {
                report.mistake(&place, format!("found {zone}"), format!("a zone below {marker}"));
            }
        }
        match seen.get(&zone) {
            Some((first, first_written)) if !(written && *first_written) => {
                let found = format!("{zone} is the tracer of {} too", first.key);
                let allowed = "a tracer of its own, false, or the same one written out for two addresses of one server";
                report.mistake(&place, found, allowed);
            }
            Some(_) => {}
            None => drop(seen.insert(zone, (&resolver.place, written))),
        }
    }
}
