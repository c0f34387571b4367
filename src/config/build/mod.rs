//! The one bridge from what the user wrote to the estate: defaults, and what fits together.

mod asking;
mod clusters;
mod expect;
mod limits;
mod names;
mod oddities;
mod path;

use std::collections::HashSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use super::Overrides;
use super::given::{At, Given};
use super::problem::{Place, Report, one_of, with_hint};
use super::read::quoted;
use super::spec::{FileSpec, ProberSpec};
use super::values::{ClusterChoice, joined};
use crate::estate::{Estate, Label, Prober};

/// The estate, or nothing when something essential is missing; what is wrong is in the report.
pub(super) fn estate(file: &FileSpec, overrides: &Overrides, report: &Report) -> Option<Estate> {
    let prober = file.prober.or_empty("prober");
    let defaults = asking::defaults(&file.defaults.or_empty("defaults"), report);
    let path_spec = file.path.or_empty("path");
    let path = path::tracing(&path_spec, report);

    let clusters = clusters::all(file, &defaults, &path_spec.canary_zone, report);
    let names = names::all(file, &defaults, &clusters, report);
    if matches!(file.prober, Given::Wrong) {
        return None;
    }
    let environment = prober.environment.required(report, &prober.place, "environment", ENVIRONMENT);
    let vantage = vantage(&prober, overrides, report);
    let beacon = file.beacon.given().map(|beacon| path::beacon(beacon, &path_spec.canary_zone, report));

    let (environment, vantage) = (environment?.value, vantage?);
    let chosen = if overrides.all_clusters {
        clusters.names()
    } else {
        choice(&prober, &vantage, &clusters.names(), &clusters.datacenters(), report)
    };
    // A file with mistakes so far is not held to what only a whole estate can be held to.
    if !report.is_clean() {
        return None;
    }
    let whole = Estate {
        environment,
        vantage: vantage.clone(),
        prober: prober_settings(&prober),
        path,
        beacon: beacon.flatten().filter(|beacon| beacon.runs_in(&vantage)).map(|beacon| beacon.settings),
        clusters: clusters.built.iter().map(|built| Arc::clone(&built.cluster)).collect(),
        names: names.into_iter().map(Arc::new).collect(),
    };
    limits::check(&whole, file, &clusters, report);
    oddities::warn(&whole, file, &clusters, report);
    Some(narrowed(whole, &chosen))
}

/// As many clusters are named in a message.
const CLUSTERS_NAMED: usize = 12;

const ENVIRONMENT: &str = "a word such as \"production\" or \"staging\", which becomes a label of every series";

/// The datacenter this process runs in.
fn vantage(prober: &At<ProberSpec>, overrides: &Overrides, report: &Report) -> Option<Label> {
    let Some(given) = &overrides.datacenter else {
        let allowed = "the datacenter this process runs in, here, with --datacenter or as FATHOM_DATACENTER";
        return prober.datacenter.required(report, &prober.place, "datacenter", allowed).map(|at| at.value);
    };
    let label = Label::parse(given);
    if label.is_none() {
        let place = Place::nowhere("--datacenter or FATHOM_DATACENTER");
        report.mistake(&place, format!("found {}", quoted(given)), Label::ALLOWED);
    }
    label
}

fn prober_settings(prober: &ProberSpec) -> Prober {
    Prober {
        listen: prober.listen.value().map_or_else(|| SocketAddr::from(([127, 0, 0, 1], 9953)), |listen| listen.0),
        source_ipv4: prober.source_ipv4.value().map(|host| host.0),
        source_ipv6: prober.source_ipv6.value().map(|host| host.0),
        max_in_flight: prober.max_in_flight.value().map_or(4096, |most| most.0 as usize),
        operator_token_file: prober.operator_token_file.value().map(|file| file.0),
        state_dir: prober.state_dir.value().map(|folder| folder.0),
        journal_max_age: prober.journal_max_age.value().map_or(Duration::from_secs(90 * 86_400), |age| age.0),
        journal_max_size: prober.journal_max_size.value().map_or(256 << 20, |size| size.0),
    }
}

/// Which clusters this process probes: those of its own datacenter, unless it is told otherwise.
fn choice(
    prober: &At<ProberSpec>,
    vantage: &Label,
    known: &[Label],
    datacenters: &[(&Label, &Label)],
    report: &Report,
) -> Vec<Label> {
    let Some(given) = prober.clusters.given() else {
        let own = datacenters.iter().filter(|(datacenter, _)| *datacenter == vantage).map(|(_, name)| (*name).clone());
        let own: Vec<Label> = own.collect();
        if own.is_empty() && !datacenters.is_empty() {
            let mut others: Vec<&Label> = datacenters.iter().map(|(datacenter, _)| *datacenter).collect();
            others.sort();
            others.dedup();
            let place = prober.datacenter.place_in(&prober.place, "datacenter");
            report.mistake(
                &place,
                format!("no cluster stands in {vantage}"),
                format!("{}, or any with prober.clusters = \"all\" or a list", joined(others)),
            );
        }
        return own;
    };
    let named = match &given.value {
        ClusterChoice::All => return known.to_vec(),
        ClusterChoice::Named(named) => named,
    };
    if named.is_empty() {
        report.mistake(&given.place, "found an empty list", "\"all\", or a list of cluster names");
    }
    for name in named.good() {
        known_cluster(name, known, report);
    }
    named.good().map(|name| name.value.clone()).collect()
}

/// Notes a reference to a cluster that is not in the file.
fn known_cluster(name: &At<Label>, known: &[Label], report: &Report) {
    if !known.contains(&name.value) {
        let words = || known.iter().map(Label::as_str);
        let found = format!("found {}, which no [[cluster]] is named", quoted(name.as_str()));
        let some = one_of(words().take(CLUSTERS_NAMED));
        let allowed =
            if known.len() > CLUSTERS_NAMED { format!("{some}, one of {} in all", known.len()) } else { some };
        report.mistake(&name.place, with_hint(found, name.as_str(), words()), allowed);
    }
}

/// The estate as this process sees it: the chosen clusters, and the names asked there.
fn narrowed(mut estate: Estate, chosen: &[Label]) -> Estate {
    let chosen: HashSet<&Label> = chosen.iter().collect();
    estate.clusters.retain(|cluster| chosen.contains(&cluster.name));
    for name in &mut estate.names {
        Arc::make_mut(name).clusters.retain(|cluster| chosen.contains(cluster));
    }
    estate.names.retain(|name| !name.clusters.is_empty());
    estate
}
