//! What the journal says: incidents, and the last changes.

use std::collections::BTreeMap;
use std::time::SystemTime;

use humantime::format_rfc3339_seconds;
use maud::{Markup, html};

use super::cluster::word;
use super::matrix::path;
use super::shape;
use crate::journal::LONGEST_MARK;
use crate::journal::entry::{Entry, Event, Kind, Place};
use crate::journal::incident::ClassImpact;
use crate::journal::json::{ToldEntry, ToldIncident};
use crate::outcome::Outcome;
use crate::web::document::JournalStatus;
use crate::web::time::{clock, moment, span};

/// So many changes in a row are folded.
const LEAST_FOLDED: usize = 4;

/// Incidents that go on; and folded, those that ended lately.
pub(super) fn incidents(journal: &JournalStatus, now: SystemTime) -> Markup {
    let (open, ended): (Vec<_>, Vec<_>) = journal.incidents.iter().partition(|told| told.incident.is_open());
    html! {
        section.panel aria-labelledby="incidents" {
            h2 #incidents { "Open incidents" }
            @if open.is_empty() { p { "None." } }
            @for told in open { (incident(told, now)) }
            @if !ended.is_empty() {
                details #ended { summary { (ended.len()) " ended within a day" } @for told in ended { (incident(told, now)) } }
            }
        }
    }
}

fn incident(told: &ToldIncident, now: SystemTime) -> Markup {
    let incident = &told.incident;
    html! {
        article data-incident=(incident.id) {
            h3 { a href={ "/api/v1/incidents/" (incident.id) } { "#" (incident.id) } " " (incident.cluster) " " (word(incident.worst)) }
            p { (told.summary) }
            dl {
                dt { "began" } dd { (moment(incident.started, now)) }
                @if let Some(ended) = incident.ended {
                    dt { "ended" } dd { (moment(ended, now)) ", after " (span(incident.duration(now))) }
                }
                @for class in &incident.impact { dt { (class.class) } dd { (impact(class, now)) } }
            }
        }
    }
}

fn impact(class: &ClassImpact, now: SystemTime) -> Markup {
    html! {
        "failed from " (clock(class.since, now))
        @match class.until { Some(until) => { " to " (clock(until, now)) }, None => " on" }
        " UTC: "
        @for (place, (outcome, resolvers)) in by_outcome(class).into_iter().enumerate() {
            @if place > 0 { "; " }
            (shape::word(Some(outcome))) " at " (resolvers.join(", "))
        }
    }
}

/// Where which failure was the last one.
fn by_outcome(class: &ClassImpact) -> BTreeMap<Outcome, Vec<&str>> {
    let mut hits: BTreeMap<Outcome, Vec<&str>> = BTreeMap::new();
    for hit in &class.resolvers {
        hits.entry(hit.outcome).or_default().push(&hit.resolver);
    }
    hits
}

/// The last changes, newest first, and the form for a mark where operators can make one.
pub(super) fn changes(journal: &JournalStatus, can_mark: bool, now: SystemTime) -> Markup {
    html! {
        section.panel aria-labelledby="changes" {
            h2 #changes { "Recent changes" }
            @if can_mark {
                form method="post" action="/marks" {
                    label for="mark" { "Mark what you did: " }
                    input #mark type="text" name="text" maxlength=(LONGEST_MARK) required placeholder="restored forwarders on ns2";
                    " " button type="submit" { "Mark" }
                }
            }
            @if journal.changes.is_empty() { p { "None yet." } }
            ol.changes { @for run in runs(&journal.changes) { (self::run(run, now)) } }
            p.how { "The journal is " (journal.kept) "." }
        }
    }
}

/// Changes of one kind that follow each other in one cluster belong together, where there can be many at once.
fn runs(changes: &[ToldEntry]) -> impl Iterator<Item = &[ToldEntry]> {
    let alike = |a: &Entry, b: &Entry| {
        let kind = a.event.kind();
        many(kind).is_some() && kind == b.event.kind() && a.place.cluster == b.place.cluster
    };
    changes.chunk_by(move |a, b| alike(&a.entry, &b.entry))
}

/// What many entries of a kind are called, for kinds of which there can be many at once.
const fn many(kind: Kind) -> Option<&'static str> {
    match kind {
        Kind::Outcome => Some("changes of outcomes"),
        Kind::Verdict => Some("changes of verdicts"),
        Kind::Edge => Some("changes of paths"),
        Kind::Identity => Some("changes of identities"),
        Kind::Cluster | Kind::Configuration | Kind::Prober | Kind::Mark => None,
    }
}

/// A few changes as they are; more of them folded, lest they hide what else happened.
fn run(run: &[ToldEntry], now: SystemTime) -> Markup {
    let (Some(newest), Some(oldest)) = (run.first(), run.last()) else { return html! {} };
    let kind = newest.entry.event.kind();
    let Some(many) = many(kind).filter(|_| run.len() >= LEAST_FOLDED) else {
        return html! { @for told in run { (change(told, now)) } };
    };
    html! {
        li data-kind=(kind.as_str()) {
            details #{ "changes-" (oldest.entry.id) } {
                summary {
                    time datetime=(format_rfc3339_seconds(newest.entry.at)) { (clock(newest.entry.at, now)) }
                    " " @if let Some(cluster) = &newest.entry.place.cluster { (cluster) } ": " (run.len()) " " (many)
                    " since " (clock(oldest.entry.at, now)) (came_to(run))
                }
                ol.changes { @for told in run { (change(told, now)) } }
            }
        }
    }
}

/// What the changes of a run came to, and how many of them.
fn came_to(run: &[ToldEntry]) -> Markup {
    let mut outcomes: BTreeMap<Outcome, usize> = BTreeMap::new();
    let mut verdicts: BTreeMap<&str, usize> = BTreeMap::new();
    for told in run {
        match &told.entry.event {
            Event::Outcome(change) => *outcomes.entry(change.to).or_default() += 1,
            Event::Verdict(change) => *verdicts.entry(change.to.as_str()).or_default() += 1,
            Event::Edge(_)
            | Event::Identity(_)
            | Event::Cluster(_)
            | Event::Configuration(_)
            | Event::Prober(_)
            | Event::Mark(_) => {}
        }
    }
    html! {
        @if !outcomes.is_empty() || !verdicts.is_empty() { ":" }
        @for (outcome, count) in &outcomes { " " (count) " " (shape::word(Some(*outcome))) }
        @for (verdict, count) in &verdicts { " " (count) " " b { (verdict) } }
    }
}

fn change(told: &ToldEntry, now: SystemTime) -> Markup {
    let entry = &told.entry;
    html! {
        li data-kind=(entry.event.kind().as_str()) {
            time datetime=(format_rfc3339_seconds(entry.at)) { (clock(entry.at, now)) }
            " " (place(&entry.place)) " "
            @match &entry.event {
                Event::Outcome(change) => { (shape::shape(change.to)) " " (told.summary) }
                Event::Mark(_) => strong { "Mark by " (told.summary) },
                Event::Verdict(_) | Event::Edge(_) | Event::Identity(_) | Event::Cluster(_) | Event::Configuration(_)
                    | Event::Prober(_) => (told.summary),
            }
        }
    }
}

/// Where it was, with a link to more.
fn place(place: &Place) -> Markup {
    html! {
        @match (&place.cluster, &place.resolver) {
            (Some(cluster), Some(resolver)) => a href=(path(cluster, resolver)) { (cluster) "/" (resolver) },
            (Some(cluster), None) => a href={ "/#cluster-" (cluster) } { (cluster) },
            (None, _) => "prober",
        }
    }
}
