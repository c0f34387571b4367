//! How many series an estate makes, counted from the catalogue before anything was asked.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::catalogue::{Family, Kind, Metric, PROCESS};
use crate::beacon::QueryResult;
use crate::board::MOST_INFO_CODES;
use crate::estate::Estate;
use crate::histogram::{ANSWER_BOUNDS, LAG_BOUNDS};
use crate::journal::entry::Kind as EntryKind;
use crate::outcome::Outcome;
use crate::plan::{Purpose, Target};
use crate::runway::is_cached;
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
    let own = Metric::ALL.iter().map(|metric| (metric.family(), of_metric(*metric, estate, targets)));
    own.chain(PROCESS.map(|family| (family, Series { healthy: 1, most: 1 }))).collect()
}

fn of_metric(metric: Metric, estate: &Estate, targets: &[Arc<Target>]) -> Series {
    let family = metric.family();
    let subjects = if metric == Metric::ClusterTtlRunway {
        cached_classes(targets)
    } else {
        subjects(family.labels, estate, targets)
    };
    let buckets = match family.kind {
        Kind::Counter | Kind::Gauge => 1,
        Kind::Histogram if family.labels.is_empty() => LAG_BOUNDS.len() + BESIDE_BOUNDS,
        Kind::Histogram => ANSWER_BOUNDS.len() + BESIDE_BOUNDS,
    };
    let (healthy, most) = states(metric, estate);
    Series { healthy: subjects * buckets * healthy, most: subjects * buckets * most }
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

/// Classes of names that are answered from caches, cluster by cluster.
fn cached_classes(targets: &[Arc<Target>]) -> usize {
    let cached = targets.iter().filter(|target| is_cached(target));
    cached.map(|target| told_apart(&["cluster", "class"], target)).collect::<BTreeSet<_>>().len()
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

/// How many series one subject has beside each other: when all is well, and at most.
fn states(metric: Metric, estate: &Estate) -> (usize, usize) {
    let always = |count| (count, count);
    match metric {
        Metric::ProbeResults => {
            (Outcome::ALL.iter().filter(|outcome| outcome.counted_from_start()).count(), Outcome::ALL.len())
        }
        // Every rcode with a name, and `other`.
        Metric::ProbeLateReplies => (0, Rcode::names().count() + 1),
        Metric::ProbeExtendedErrors => (0, MOST_INFO_CODES),
        Metric::ProbeStrayPackets => always(Stray::ALL.len()),
        Metric::ResolverVerdict => always(Verdict::ALL.len()),
        Metric::BeaconQueries => always(if estate.beacon.is_some() { QueryResult::ALL.len() } else { 0 }),
        Metric::ProbesSkipped => always(Skip::ALL.len()),
        Metric::JournalEntries => always(EntryKind::ALL.len()),
        Metric::ClusterState => always(ClusterState::ALL.len()),
        // A pair is known by its strongest evidence alone.
        Metric::PathEdge => (0, 1),
        Metric::ProbeSuccess
        | Metric::ProbeDuration
        | Metric::ProbeLastSuccess
        | Metric::ProbeAnswerTtl
        | Metric::ProbeInfo
        | Metric::ResolverInfo
        | Metric::ResolverZoneSerial
        | Metric::ResolverVerdictConfidence
        | Metric::ResolverIsExit
        | Metric::ResolverIsLastExit
        | Metric::ClusterIndependentExits
        | Metric::ClusterMinIndependentExits
        | Metric::ClusterTtlRunway
        | Metric::PathCycle
        | Metric::PathTraced
        | Metric::ScheduleLag
        | Metric::ProbesInFlight
        | Metric::JournalWritesFailed
        | Metric::JournalEntriesLost
        | Metric::JournalSize
        | Metric::JournalOnDisk
        | Metric::BuildInfo
        | Metric::ConfigReloadSuccessful
        | Metric::ConfigReloadTime => always(1),
    }
}
