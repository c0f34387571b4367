//! What is known of clusters and forwarding paths, as metrics.

use std::time::SystemTime;

use super::Moment;
use super::families::{Samples, and, approximate, seconds, yes};
use crate::board::ResolverView;
use crate::estate::Cluster;
use crate::report::{Assessment, ClusterReport};
use crate::runway;
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

/// What the count is compared with, so that alerts need no copy of the setting.
pub(super) fn min_independent_exits(moment: &Moment, samples: &mut Samples<'_>) {
    let estate = &moment.board.estate;
    for cluster in estate.clusters.iter().filter(|cluster| cluster.recursive) {
        samples.gauge(of_cluster(cluster), estate.path.min_independent_exits.into());
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
    for shortest in runway::of(&moment.board, SystemTime::now()) {
        let [datacenter, cluster] = of_cluster(&shortest.cluster);
        samples.gauge([datacenter, cluster, shortest.class.as_str()], shortest.runway.left.as_secs_f64());
    }
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
