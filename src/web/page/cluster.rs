//! A cluster: its state, its ways out, its resolvers by class, and where they forward to.

use std::time::Duration;

use maud::{Markup, html};

use super::graph::graph;
use super::look_closer::at_cluster;
use super::matrix::matrix;
use crate::outcome::Outcome;
use crate::verdict::ClusterState;
use crate::web::document::{ClusterStatus, Status};
use crate::web::time::{moment, span};

/// The whole section. It is folded where there is nothing to see.
pub(super) fn cluster(status: &Status<'_>, cluster: &ClusterStatus<'_>) -> Markup {
    let paths = &cluster.paths;
    let (name, state) = (&paths.cluster, paths.state);
    html! {
        section.cluster #{ "cluster-" (name) } data-cluster=(name) data-state=(state.as_str()) aria-label=(name) {
            details #{ "details-" (name) } open[!is_well(status, cluster)] {
                summary {
                    h2 { (name) " " (word(state)) }
                    " " span.exits { (exits(cluster)) }
                }
                @if status.summary.why.as_ref() != Some(&paths.sentence) { p { (paths.sentence) } }
                div.beside { (facts(status, cluster)) (graph(paths)) }
                (matrix(status, cluster))
                (at_cluster(status, cluster))
            }
        }
    }
}

/// Nothing is wrong with it, and every name is answered.
fn is_well(status: &Status<'_>, cluster: &ClusterStatus<'_>) -> bool {
    let mut cells = status.resolvers_of(&cluster.paths.cluster).flat_map(|resolver| &resolver.classes);
    cluster.paths.state == ClusterState::Healthy && cells.all(|cell| cell.outcome == Some(Outcome::Ok))
}

/// "3 of 4 exits".
fn exits(cluster: &ClusterStatus<'_>) -> String {
    let total = cluster.paths.resolvers.len();
    match cluster.paths.independent_exits {
        Some(exits) if cluster.paths.traced_at.is_some() => format!("{exits} of {total} exits"),
        Some(_) | None => format!("{total} resolvers"),
    }
}

fn facts(status: &Status<'_>, cluster: &ClusterStatus<'_>) -> Markup {
    let paths = &cluster.paths;
    let now = status.now;
    html! {
        dl {
            dt { "since" } dd { (moment(paths.since, now)) }
            dt { "datacenter" } dd { (paths.datacenter) }
            @if let Some(exits) = paths.independent_exits {
                dt { "independent exits" }
                dd { (exits) " of " (paths.resolvers.len()) " (at least " (paths.min_independent_exits) " are wanted)" }
                dt { "last exit" }
                dd { @match &paths.last_exit { Some(last) => { strong { (last) } ": do not touch it" }, None => "–" } }
            }
            @if !cluster.runway.is_empty() {
                dt { "runway" }
                dd {
                    @for (place, runway) in cluster.runway.iter().enumerate() {
                        @if place > 0 { ", " }
                        (runway.class) " " strong { (span(Duration::try_from_secs_f64(runway.seconds).unwrap_or_default())) }
                    }
                    " until the first cached name is gone, without an exit"
                }
            }
            dt { "paths traced" }
            dd { @match paths.traced_at { Some(at) => (moment(at, now)), None => "not yet" } }
        }
    }
}

/// The state of a cluster as a word.
pub(super) fn word(state: ClusterState) -> Markup {
    html! { span.word.(state_class(state)) { (state.as_str()) } }
}

const fn state_class(state: ClusterState) -> &'static str {
    match state {
        ClusterState::Unknown => "unknown",
        ClusterState::Healthy => "good",
        ClusterState::Latent | ClusterState::Blind => "warn",
        ClusterState::Fragile | ClusterState::Critical | ClusterState::Outage | ClusterState::Partial => "bad",
    }
}
