//! The page of a resolver: who it is, what it answers, and why it is judged as it is.

use maud::{Markup, html};

use super::bars::histories;
use super::frame::{Frame, Refresh, frame};
use super::look_closer::at_resolver;
use super::matrix::{path, verdict, verdict_class};
use super::reply::{last_probe, last_probe_heads, replies};
use crate::evidence::clues::Bearing;
use crate::report::json::ResolverPaths;
use crate::web::document::{ResolverDetail, ResolverStatus};
use crate::web::time::moment;

pub(in crate::web) fn resolver(detail: &ResolverDetail<'_>, refresh: Refresh) -> String {
    let ResolverDetail { status, judged, now, .. } = detail;
    let title = format!("{} {} of {}", status.verdict, status.resolver, status.cluster);
    let main = html! {
        @if let Some(judged) = judged {
            p #summary.(verdict_class(judged.verdict)) { (judged.sentence) }
            p { (verdict(judged, *now)) }
        } @else {
            p #summary.unknown { "Nothing is known of " (status.resolver) " yet: its paths were not traced." }
        }
        section.panel aria-labelledby="identity" {
            h2 #identity { "Identity" }
            (identity(status, judged.as_ref(), *now))
            (at_resolver(detail))
        }
        section.panel aria-labelledby="names" {
            h2 #names { "Names" }
            (names(status, *now))
        }
        section.panel aria-labelledby="history" {
            h2 #history { "History" }
            (histories(&detail.history, *now))
        }
        @if let Some(judged) = judged {
            section.panel aria-labelledby="evidence" {
                h2 #evidence { "Evidence" }
                (evidence(judged))
            }
        }
        section.panel aria-labelledby="replies" {
            h2 #replies { "Last replies" }
            @for (place, name) in status.names.iter().enumerate() {
                @let about = html! { (name.name) " (" (name.qname) " " (name.qtype) ", " (name.transport) ")" };
                (replies(&format!("reply-{place}"), &about, name, *now))
            }
        }
    };
    let heading = html! {
        (status.resolver) " of " a href={ "/#cluster-" (status.cluster) } { (status.cluster) }
    };
    let path = path(status.cluster, status.resolver);
    frame(&Frame { title: &title, heading, refresh, path: &path, now: *now }, &main)
}

fn identity(status: &ResolverStatus<'_>, judged: Option<&ResolverPaths>, now: std::time::SystemTime) -> Markup {
    let said = [("NSID", status.nsid), ("id.server", status.server_id), ("version.bind", status.version)];
    html! {
        dl {
            dt { "address" } dd { (status.address) }
            dt { "datacenter" } dd { (status.datacenter) }
            @for (what, value) in said { dt { (what) } dd { @match value { Some(value) => (value), None => "does not say" } } }
            @for (zone, serial) in &status.zone_serials { dt { "serial of " (zone) } dd { (serial) } }
            @if let Some(judged) = judged {
                dt { "way out" }
                dd {
                    @if judged.is_exit && judged.path_known { "of its own" }
                    @else if judged.is_exit { "of its own, as it seems: a step to a sibling could not have been seen" }
                    @else if judged.resolves { "through a sibling" }
                    @else { "none" }
                }
                dt { "paths traced" }
                dd { @match judged.traced_at { Some(at) => (moment(at, now)), None => "not yet" } }
            }
        }
    }
}

fn names(status: &ResolverStatus<'_>, now: std::time::SystemTime) -> Markup {
    html! {
        div.scroll tabindex="0" role="region" aria-label="Every name with its last outcome" {
            table {
                thead { tr { th scope="col" { "name" } th scope="col" { "class" } th scope="col" { "question" } (last_probe_heads()) } }
                tbody {
                    @for name in &status.names {
                        tr {
                            th scope="row" { a href={ "/names/" (name.name) } { (name.name) } }
                            td { (name.class) }
                            td { (name.qname) " " (name.qtype) ", " (name.transport) @if !name.recursion_desired { ", without RD" } }
                            (last_probe(name, now))
                        }
                    }
                }
            }
        }
    }
}

/// What speaks for the verdict, what against it, and what was looked at and does not decide.
fn evidence(judged: &ResolverPaths) -> Markup {
    let heads = [
        (Bearing::For, "For the verdict"),
        (Bearing::Against, "Against it"),
        (Bearing::Aside, "Looked at, and does not decide"),
    ];
    html! {
        @if judged.clues.is_empty() { p { "None yet." } }
        @for (bearing, head) in heads {
            @if judged.clues.iter().any(|clue| clue.bearing == bearing) {
                h3 { (head) }
                ul data-bearing=(bearing.as_str()) {
                    @for clue in judged.clues.iter().filter(|clue| clue.bearing == bearing) { li { (clue.text) } }
                }
            }
        }
    }
}
