//! Resolvers by classes: what the last probes saw.

use std::time::SystemTime;

use maud::{Markup, html};

use super::shape;
use crate::outcome::Outcome;
use crate::report::json::ResolverPaths;
use crate::verdict::Verdict;
use crate::web::document::{Cell, ClusterStatus, Status};
use crate::web::time::{age, clock};

/// The table of one cluster.
pub(super) fn matrix(status: &Status<'_>, cluster: &ClusterStatus<'_>) -> Markup {
    let now = status.now;
    let judged = |resolver: &str| cluster.paths.resolvers.iter().find(|judged| judged.resolver == resolver);
    let name = &cluster.paths.cluster;
    html! {
        div.scroll tabindex="0" role="region" aria-label={ "What the resolvers of " (name) " answer, by class" } {
            table.matrix {
                thead {
                    tr {
                        th scope="col" { "resolver" }
                        th scope="col" { "verdict" }
                        @for class in &cluster.classes { th scope="col" { (class) } }
                    }
                }
                tbody {
                    @for resolver in status.resolvers_of(name) {
                        tr data-resolver=(resolver.resolver) {
                            th scope="row" { a href=(path(name, resolver.resolver)) { (resolver.resolver) } }
                            td { @if let Some(judged) = judged(resolver.resolver) { (verdict(judged, now)) } }
                            @for one in &resolver.classes { (cell(one, now)) }
                        }
                    }
                }
            }
        }
    }
}

/// The page of a resolver.
pub(super) fn path(cluster: &str, resolver: &str) -> String {
    format!("/resolvers/{cluster}/{resolver}")
}

/// A verdict in a word, how sure it is, and since when.
pub(super) fn verdict(judged: &ResolverPaths, now: SystemTime) -> Markup {
    html! {
        span.word.(verdict_class(judged.verdict)) { (judged.verdict.as_str()) }
        @if judged.verdict != Verdict::Unknown {
            " " small { (judged.confidence.as_str()) ", " (age(judged.since, now)) }
        }
    }
}

fn cell(cell: &Cell<'_>, now: SystemTime) -> Markup {
    let fine = cell.outcome == Some(Outcome::Ok);
    html! {
        td.cell.(shape::class(cell.outcome)) data-outcome=(cell.outcome.map_or("none", Outcome::as_str)) {
            (shape::word(cell.outcome))
            @if cell.count < cell.targets && cell.count > 0 { " " (cell.count) " of " (cell.targets) }
            @if let Some(since) = cell.since { br; small { "since " (clock(since, now)) } }
            @if !fine {
                @if let Some(good) = cell.last_success { br; small { "last good " (clock(good, now)) } }
                @else if cell.outcome.is_some() { br; small { "never good" } }
            }
        }
    }
}

pub(super) const fn verdict_class(verdict: Verdict) -> &'static str {
    if verdict.is_failing() {
        "bad"
    } else if matches!(verdict, Verdict::Ok) {
        "good"
    } else if matches!(verdict, Verdict::Unknown) {
        "unknown"
    } else {
        "warn"
    }
}
