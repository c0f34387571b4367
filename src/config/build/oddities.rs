//! What works, but hardly as it was meant: warnings.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::super::problem::{Place, Report};
use super::super::spec::FileSpec;
use super::clusters::{Built, Clusters};
use crate::estate::{Cluster, Estate, Label, Name, QueryClass};

pub(super) fn warn(estate: &Estate, file: &FileSpec, clusters: &Clusters<'_>, report: &Report) {
    let asked: HashSet<&Label> = estate.names.iter().flat_map(|name| &name.clusters).collect();
    for built in &clusters.built {
        of_cluster(built, estate, asked.contains(&built.cluster.name), report);
    }
    let places: HashMap<&Label, &Place> =
        file.name.entries().filter_map(|spec| Some((&spec.id.given()?.value, &spec.place))).collect();
    let clusters: HashMap<&Label, &Cluster> =
        clusters.built.iter().map(|built| (&built.cluster.name, &*built.cluster)).collect();
    for name in &estate.names {
        if let Some(place) = places.get(&name.id) {
            of_name(name, place, estate, report);
            for cluster in name.clusters.iter().filter_map(|cluster| clusters.get(cluster)) {
                of_name_in_cluster(name, cluster, place, report);
            }
        }
    }
    of_classes(estate, &places, report);
    of_path(estate, file, report);
}

fn of_cluster(built: &Built, estate: &Estate, is_asked: bool, report: &Report) {
    let cluster = &built.cluster;
    if !is_asked {
        report.warning(&built.place, "no name is asked of it, so nothing is known of its answers");
    }
    if cluster.authoritative && cluster.zones.is_empty() {
        report.warning(&built.place, "is authoritative and lists no zones, so no serials are compared");
    }
    let (has, wanted) = (cluster.resolvers.len(), estate.path.min_independent_exits as usize);
    if cluster.recursive && has < wanted {
        let message = format!("has {has} of the {wanted} independent exits that path.min_independent_exits asks for");
        report.warning(&built.place, format!("{message}, even when all is well"));
    }
}

fn of_name(name: &Name, place: &Place, estate: &Estate, report: &Report) {
    let qname = &name.question.qname;
    if let Some(zone) = estate.path.canary_zone.as_ref().filter(|zone| qname.is_under(zone))
        && !qname.has_nonce()
    {
        let message = format!("lies in path.canary_zone {zone} without {{nonce}}: caches will answer for the beacon");
        report.warning(&place.below("qname"), message);
    }
}

fn of_name_in_cluster(name: &Name, cluster: &Cluster, place: &Place, report: &Report) {
    let question = &name.question;
    if question.qclass == QueryClass::Ch || cluster.is_authoritative_for(&question.qname) {
        return;
    }
    let cluster_name = &cluster.name;
    if name.expect.authoritative == Some(true) && !cluster.zones.is_empty() {
        let message = format!("is expected to be authoritative, and lies in none of the zones of {cluster_name}");
        report.warning(place, message);
    }
    if question.recursion_desired && !cluster.recursive {
        report.warning(place, format!("needs recursion, and {cluster_name} is not recursive"));
    }
    if !question.recursion_desired && !cluster.authoritative {
        let message = format!("is asked without recursion of {cluster_name}, which can only answer it from cache");
        report.warning(place, message);
    }
}

fn of_classes(estate: &Estate, places: &HashMap<&Label, &Place>, report: &Report) {
    let mut classes: BTreeMap<&Label, Vec<&Name>> = BTreeMap::new();
    for name in &estate.names {
        classes.entry(&name.class).or_default().push(name);
    }
    for (class, names) in classes {
        if let [only] = names[..]
            && let Some(place) = places.get(&only.id)
        {
            let message = format!("{} is the only name of class {class}", only.id);
            let message = format!("{message}: a broken name cannot be told from a broken class");
            report.warning(&place.below("class"), message);
        }
    }
}

fn of_path(estate: &Estate, file: &FileSpec, report: &Report) {
    if !estate.clusters.iter().any(|cluster| cluster.recursive) {
        return;
    }
    let spec = file.path.or_empty("path");
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
        let message = "neither a [beacon] here nor key_files: a beacon elsewhere will refuse this prober's questions";
        report.warning(&zone.place, message);
    }
}
