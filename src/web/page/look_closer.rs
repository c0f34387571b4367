//! The button by which somebody looks closer, which needs no script; and until when somebody does.

use std::time::SystemTime;

use maud::{Markup, html};

use crate::web::document::{ClusterStatus, ResolverDetail, ResolverStatus, Status};
use crate::web::time::clock;

/// For all resolvers of a cluster.
pub(super) fn at_cluster(status: &Status<'_>, cluster: &ClusterStatus<'_>) -> Markup {
    let (name, now) = (&cluster.paths.cluster, status.now);
    let closely = |resolver: &ResolverStatus<'_>| Some((resolver.resolver.to_owned(), closely(resolver, now)?));
    let closely: Vec<(String, SystemTime)> = status.resolvers_of(name).filter_map(closely).collect();
    let all = status.resolvers_of(name).count();
    let said = html! {
        @if let Some(until) = closely.iter().map(|(_, until)| *until).max() {
            @let who = closely.iter().map(|(who, _)| who.as_str()).collect::<Vec<_>>().join(", ");
            @if closely.len() == all { "All resolvers" } @else { (who) }
            " probed about once a second until " (clock(until, now)) " UTC. "
        }
    };
    form(status.config.operator_token, (name, None), &said, !closely.is_empty())
}

/// For one resolver.
pub(super) fn at_resolver(detail: &ResolverDetail<'_>) -> Markup {
    let (status, now) = (&detail.status, detail.now);
    let closely = closely(status, now);
    let said =
        html! { @if let Some(until) = closely { "Probed about once a second until " (clock(until, now)) " UTC. " } };
    form(detail.operator_token, (status.cluster, Some(status.resolver)), &said, closely.is_some())
}

/// Until when, if it is so now.
fn closely(resolver: &ResolverStatus<'_>, now: SystemTime) -> Option<SystemTime> {
    resolver.looked_at_closely_until.filter(|until| *until > now)
}

/// What there is to say, and the button where operators can use it.
fn form(usable: bool, (cluster, resolver): (&str, Option<&str>), said: &Markup, closely: bool) -> Markup {
    let whom = resolver.unwrap_or(cluster);
    html! {
        @if usable {
            form.look-closer method="post" action="/api/v1/look-closer" data-closely=(closely) aria-label={ "Look closer at " (whom) } {
                (said)
                input type="hidden" name="cluster" value=(cluster);
                @if let Some(resolver) = resolver { input type="hidden" name="resolver" value=(resolver); }
                button { "Look closer for 10 minutes" }
                " " small { "About one probe a second, within the packet budget. Takes the operator's token." }
            }
        } @else if closely {
            p { (said) }
        }
    }
}
