//! What only the whole estate can be held to: packet budgets, and what works but hardly as it was meant.

use std::collections::{BTreeMap, BTreeSet};

use super::super::problem::{Place, Report};
use super::super::spec::FileSpec;
use super::clusters::Clusters;
use crate::estate::{Estate, Label, Name};
use crate::plan::{self, Target};

/// The share of a resolver's budget from which on tracing and confirming probes hardly find room.
const NEARLY_USED: f64 = 0.8;

pub(super) fn check(estate: &Estate, file: &FileSpec, clusters: &Clusters<'_>, report: &Report) {
    let targets = plan::targets(estate);
    check_budgets(&targets, clusters, report);
    check_sockets(estate, &targets, file, report);
    check_addresses(estate, file, report);
    warn_of_clusters(estate, clusters, report);
    warn_of_names(estate, file, report);
    warn_of_path(estate, file, report);
}

/// No resolver is planned to be sent more than its budget.
fn check_budgets(targets: &[std::sync::Arc<Target>], clusters: &Clusters<'_>, report: &Report) {
    let mut of_resolver: BTreeMap<(&Label, &Label), Vec<&Target>> = BTreeMap::new();
    for target in targets {
        of_resolver.entry((&target.cluster.name, &target.resolver.name)).or_default().push(target);
    }
    for built in &clusters.built {
        for (resolver, place) in built.cluster.resolvers.iter().zip(&built.budget_places) {
            let asked = of_resolver.remove(&(&built.cluster.name, &resolver.name)).unwrap_or_default();
            let needed: f64 = asked.iter().map(|target| target.packets_per_second()).sum();
            let budget = f64::from(resolver.packets_per_second);
            if needed <= budget * NEARLY_USED {
                continue;
            }
            let sum = format!("{} = {needed:.1} packets a second", arithmetic(&asked));
            if needed > budget {
                report.mistake(
                    place,
                    format!("the names need {sum} of each resolver"),
                    format!("at most {budget} (packets_per_second)"),
                );
            } else {
                report.warning(
                    place,
                    format!("the names need {sum} of each resolver, of {budget}: little is left to find causes with"),
                );
            }
        }
    }
}

/// `12 / 10s + 3 / 1m`: how many questions at which intervals.
fn arithmetic(targets: &[&Target]) -> String {
    let mut counts: BTreeMap<_, usize> = BTreeMap::new();
    for target in targets {
        *counts.entry(target.name.asking.interval).or_default() += 1;
    }
    let terms =
        counts.iter().map(|(interval, count)| format!("{count} every {}", humantime::format_duration(*interval)));
    terms.collect::<Vec<_>>().join(" + ")
}

/// In an outage every probe waits for the whole of its patience.
fn check_sockets(estate: &Estate, targets: &[std::sync::Arc<Target>], file: &FileSpec, report: &Report) {
    let waiting: f64 =
        targets.iter().map(|t| (t.name.asking.patience.as_secs_f64() * t.packets_per_second()).min(1.0)).sum();
    let prober = file.prober.or_empty("prober");
    #[expect(clippy::cast_precision_loss, reason = "at most a million")]
    if waiting > estate.prober.max_in_flight as f64 {
        let place = prober.max_in_flight.place_in(&prober.place, "max_in_flight");
        let most = estate.prober.max_in_flight;
        report.warning(&place, format!("in an outage of everything {waiting:.0} probes wait at once, and {most} may"));
    }
}

/// What listens and what is asked are different things.
fn check_addresses(estate: &Estate, file: &FileSpec, report: &Report) {
    let Some(beacon) = file.beacon.given() else { return };
    let Some(listen) = beacon.listen.given() else { return };
    if listen.0 == estate.prober.listen {
        report.mistake(
            &listen.place,
            format!("found {}, which is also prober.listen", listen.0),
            "an address or port of its own",
        );
    }
    for cluster in &estate.clusters {
        for resolver in cluster.resolvers.iter().filter(|resolver| resolver.address == listen.0) {
            let found = format!("found {}, which is resolver {} of {}", listen.0, resolver.name, cluster.name);
            report.mistake(&listen.place, found, "an address or port of its own");
        }
    }
}

fn warn_of_clusters(estate: &Estate, clusters: &Clusters<'_>, report: &Report) {
    for built in &clusters.built {
        let cluster = &built.cluster;
        if !estate.names.iter().any(|name| name.clusters.contains(&cluster.name)) {
            report.warning(&built.place, "no name is asked of it, so nothing is known of its answers");
        }
        if cluster.authoritative && cluster.zones.is_empty() {
            report.warning(&built.place, "is authoritative and lists no zones, so no serials are compared");
        }
        let wanted = estate.path.min_independent_exits as usize;
        if cluster.recursive && cluster.resolvers.len() < wanted {
            let has = cluster.resolvers.len();
            let message = format!(
                "can never have {wanted} independent exits (path.min_independent_exits): it has {has} resolvers"
            );
            report.warning(&built.place, message);
        }
    }
}

fn warn_of_names(estate: &Estate, file: &FileSpec, report: &Report) {
    let specs: BTreeMap<&Label, &Place> =
        file.name.entries().filter_map(|spec| Some((&spec.id.given()?.value, &spec.place))).collect();
    let mut classes: BTreeMap<&Label, Vec<&Name>> = BTreeMap::new();
    for name in &estate.names {
        let Some(place) = specs.get(&name.id) else { continue };
        classes.entry(&name.class).or_default().push(name);
        if let Some(zone) = estate.path.canary_zone.as_ref().filter(|zone| name.question.qname.is_under(zone))
            && !name.question.qname.has_nonce()
        {
            let place = place.below("qname");
            report.warning(
                &place,
                format!("lies in path.canary_zone {zone} without {{nonce}}: caches will answer for the beacon"),
            );
        }
        let asked_in = |cluster: &&std::sync::Arc<crate::estate::Cluster>| name.clusters.contains(&cluster.name);
        for cluster in estate.clusters.iter().filter(asked_in) {
            let own = cluster.is_authoritative_for(&name.question.qname);
            let chaos = name.question.qclass == crate::estate::QueryClass::Ch;
            if name.expect.authoritative == Some(true) && !own && !cluster.zones.is_empty() && !chaos {
                let message =
                    format!("is expected to be authoritative, and lies in none of the zones of {}", cluster.name);
                report.warning(place, message);
            }
            if !name.question.recursion_desired && !own && !cluster.authoritative && !chaos {
                let message =
                    format!("is asked without recursion of {}, which can only answer it from cache", cluster.name);
                report.warning(place, message);
            }
            if name.question.recursion_desired && !own && !cluster.recursive && !chaos {
                let message = format!("needs recursion, and {} is not recursive", cluster.name);
                report.warning(place, message);
            }
        }
    }
    for (class, names) in classes {
        if let ([only], Some(place)) = (&names[..], names.first().and_then(|name| specs.get(&name.id))) {
            let message = format!(
                "{} is the only name of class {class}: a broken name cannot be told from a broken class",
                only.id
            );
            report.warning(&place.below("class"), message);
        }
    }
}

fn warn_of_path(estate: &Estate, file: &FileSpec, report: &Report) {
    let spec = file.path.or_empty("path");
    let recursive: BTreeSet<&Label> = estate.clusters.iter().filter(|c| c.recursive).map(|c| &c.name).collect();
    if recursive.is_empty() {
        return;
    }
    let cold = estate.path.canary_zone.is_some()
        || !estate.path.cold_names.is_empty()
        || estate.names.iter().any(|name| name.question.recursion_desired && name.question.qname.has_nonce());
    if !cold {
        let message = "nothing is ever asked that no cache knows, so caches hide an outage until they run out; \
                       set canary_zone or cold_names, or ask a name with {nonce}";
        report.warning(&spec.place, message);
    }
    if let Some(zone) = spec.canary_zone.given()
        && !file.beacon.is_present()
        && estate.path.key_files.is_empty()
    {
        report.warning(
            &zone.place,
            "neither a [beacon] here nor key_files: a beacon elsewhere will refuse this prober's questions",
        );
    }
}
