//! How many series an estate makes, counted from the catalogue before anything was asked.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::catalogue::{Family, Kind, catalogue};
use crate::board::MOST_INFO_CODES;
use crate::estate::Estate;
use crate::histogram::{ANSWER_BOUNDS, LAG_BOUNDS};
use crate::outcome::Outcome;
use crate::plan::{Purpose, Target};
use crate::schedule::Skip;
use crate::verdict::{ClusterState, Verdict};
use crate::wire::{Rcode, Stray};

/// A histogram has a series for every bound, and for `+Inf`, `_sum` and `_count`.
const BESIDE_BOUNDS: usize = 3;

/// How many series one metric has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Series {
    /// When every name was asked and all is well.
    pub healthy: usize,
    /// When everything that can be seen was seen.
    pub most: usize,
}

/// The series of every metric of the catalogue.
pub fn expected(estate: &Estate, targets: &[Arc<Target>]) -> Vec<(Family, Series)> {
    catalogue().map(|family| (family, of_family(&family, estate, targets))).collect()
}

fn of_family(family: &Family, estate: &Estate, targets: &[Arc<Target>]) -> Series {
    let subjects = subjects(family.labels, estate, targets);
    let buckets = match family.kind {
        Kind::Counter | Kind::Gauge => 1,
        Kind::Histogram if family.labels.is_empty() => LAG_BOUNDS.len() + BESIDE_BOUNDS,
        Kind::Histogram => ANSWER_BOUNDS.len() + BESIDE_BOUNDS,
    };
    let mut series = Series { healthy: subjects * buckets, most: subjects * buckets };
    for label in family.labels {
        let (healthy, most) = values(label, family.labels.len() == 1);
        series = Series { healthy: series.healthy * healthy, most: series.most * most };
    }
    series
}

/// How many different things the labels tell apart: targets, resolvers, zones of resolvers, pairs of resolvers …
fn subjects(labels: &[&str], estate: &Estate, targets: &[Arc<Target>]) -> usize {
    let has = |label| labels.contains(&label);
    let resolvers = estate.clusters.iter().map(|cluster| cluster.resolvers.len());
    if has("class") || has("name") || has("transport") {
        let named = targets.iter().filter(|target| target.purpose == Purpose::Name);
        return named.map(|target| told_apart(labels, target)).collect::<BTreeSet<_>>().len();
    }
    if has("zone") {
        return estate.clusters.iter().map(|cluster| cluster.resolvers.len() * cluster.zones.len()).sum();
    }
    if has("from") && has("to") {
        return resolvers.map(|count| count * count).sum();
    }
    if has("resolver") {
        return resolvers.sum();
    }
    if has("cluster") { estate.clusters.len() } else { 1 }
}

/// The values of those of the labels that say which target it is.
fn told_apart<'t>(labels: &[&str], target: &'t Target) -> Vec<&'t str> {
    let all = [
        ("cluster", target.cluster.name.as_str()),
        ("resolver", target.resolver.name.as_str()),
        ("class", target.name.class.as_str()),
        ("name", target.name.id.as_str()),
        ("transport", target.transport.as_str()),
    ];
    all.into_iter().filter(|(label, _)| labels.contains(label)).map(|(_, value)| value).collect()
}

/// How many values a label has for one subject: when all is well, and at most.
fn values(label: &str, of_the_process: bool) -> (usize, usize) {
    match label {
        "result" => (Outcome::ALL.iter().filter(|outcome| outcome.counted_from_start()).count(), Outcome::ALL.len()),
        // Late answers, and extended errors, are what is not well. The rcodes are those with a name, and `other`.
        "rcode" => (0, Rcode::names().count() + 1),
        "info_code" => (0, MOST_INFO_CODES),
        "reason" if of_the_process => (Skip::ALL.len(), Skip::ALL.len()),
        "reason" => (Stray::ALL.len(), Stray::ALL.len()),
        "verdict" => (Verdict::ALL.len(), Verdict::ALL.len()),
        "state" => (ClusterState::ALL.len(), ClusterState::ALL.len()),
        // Nobody forwards to anybody while all is well.
        "from" => (0, 1),
        _ => (1, 1),
    }
}
