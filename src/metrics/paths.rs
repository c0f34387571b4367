//! What is known of clusters and forwarding paths, as metrics.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use super::Moment;
use super::families::{Samples, and, approximate, seconds, yes};
use crate::board::{ResolverView, TargetState};
use crate::estate::{Cluster, Label};
use crate::plan::{Purpose, Target};
use crate::report::{Assessment, ClusterReport};
use crate::verdict::ClusterState;

/// Complete from the start: a cluster that was not looked at is `unknown`.
pub(super) fn states(moment: &Moment, samples: &mut Samples<'_>) {
    for cluster in &moment.board.estate.clusters {
        let report = moment.board.reports.iter().find(|report| report.cluster.name == cluster.name);
        let holds = report.map_or(ClusterState::Unknown, |report| report.state);
        for state in ClusterState::ALL {
            samples.gauge(and(of_cluster(cluster), [state.as_str()]), yes(state == holds));
        }
    }
}

pub(super) fn independent_exits(report: &ClusterReport, samples: &mut Samples<'_>) {
    if let Some(exits) = traced_exits(report) {
        samples.gauge(of_cluster(&report.cluster), approximate(exits as u64));
    }
}

pub(super) fn is_exit(report: &ClusterReport, samples: &mut Samples<'_>) {
    if traced_exits(report).is_some() {
        each(report, |_, who, assessed| {
            // Where a step to a sibling could not have been seen, an exit is an assumption and no observation.
            if assessed.path_known || !assessed.is_exit {
                samples.gauge(who, yes(assessed.is_exit));
            }
        });
    }
}

pub(super) fn is_last_exit(report: &ClusterReport, samples: &mut Samples<'_>) {
    if traced_exits(report).is_some() {
        each(report, |place, who, _| samples.gauge(who, yes(report.last_exit == Some(place))));
    }
}

pub(super) fn traced(report: &ClusterReport, samples: &mut Samples<'_>) {
    each(report, |_, who, assessed| {
        if let Some(at) = assessed.traced_at {
            samples.gauge(who, seconds(at));
        }
    });
}

/// What was seen once may be an accident, and is in the JSON alone.
pub(super) fn edges(report: &ClusterReport, samples: &mut Samples<'_>) {
    for edge in report.graph.edges().iter().filter(|edge| edge.twice) {
        let ends = [report.name(edge.from).as_str(), report.name(edge.to).as_str(), edge.method.as_str()];
        samples.gauge(and(of_cluster(&report.cluster), ends), 1.0);
    }
}

/// As with edges, a step that was seen once closes no circle.
pub(super) fn cycle(report: &ClusterReport, samples: &mut Samples<'_>) {
    let seen = report.graph.cycles().iter().any(|members| report.graph.cycle_seen_twice(members[0]));
    if seen || report.traced_at.is_some() {
        samples.gauge(of_cluster(&report.cluster), yes(seen));
    }
}

/// What was made of a resolver when its cluster was last looked at.
pub(super) fn assessment<'m>(moment: &'m Moment, resolver: &ResolverView) -> Option<&'m Assessment> {
    let report = moment.board.reports.iter().find(|report| report.cluster.name == resolver.cluster)?;
    report.resolvers.get(report.place(resolver.resolver.name.as_str())?)
}

/// For each class of names that come from outside: when the first of them is gone from the first cache.
pub(super) fn runway(moment: &Moment, samples: &mut Samples<'_>) {
    let now = SystemTime::now();
    let mut shortest: BTreeMap<(&Label, &Label, &Label), Duration> = BTreeMap::new();
    for (target, state) in moment.board.targets.iter().filter(|(target, _)| is_cached(target)) {
        if let Some(left) = left(state, now) {
            let Cluster { datacenter, name, .. } = &*target.cluster;
            let least = shortest.entry((datacenter, name, &target.name.class)).or_insert(left);
            *least = left.min(*least);
        }
    }
    for ((datacenter, cluster, class), left) in shortest {
        samples.gauge([datacenter.as_str(), cluster.as_str(), class.as_str()], left.as_secs_f64());
    }
}

/// Whether the name comes from outside, and out of a cache as long as its time to live lasts.
pub(super) fn is_cached(target: &Target) -> bool {
    target.purpose == Purpose::Name && target.needs_recursion && !target.name.question.qname.has_nonce()
}

/// What is left of the time to live of the last good answer.
fn left(state: &TargetState, now: SystemTime) -> Option<Duration> {
    let lives = Duration::from_secs(state.answer_ttl?.into());
    let age = now.duration_since(state.last_success?).unwrap_or_default();
    Some(lives.saturating_sub(age))
}

/// How many exits the cluster has, once that was looked at. Nothing is known before.
fn traced_exits(report: &ClusterReport) -> Option<usize> {
    report.independent_exits.filter(|_| report.traced_at.is_some())
}

/// The labels that say which cluster it is.
fn of_cluster(cluster: &Cluster) -> [&str; 2] {
    [cluster.datacenter.as_str(), cluster.name.as_str()]
}

/// Visits every resolver of the cluster, with the labels that say which one it is.
fn each(report: &ClusterReport, mut show: impl FnMut(usize, [&str; 3], &Assessment)) {
    let [datacenter, cluster] = of_cluster(&report.cluster);
    for (place, assessed) in report.resolvers.iter().enumerate() {
        show(place, [datacenter, cluster, report.name(place).as_str()], assessed);
    }
}
