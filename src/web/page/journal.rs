//! What the journal says: incidents, and the last changes.

use std::collections::BTreeMap;
use std::time::SystemTime;

use humantime::format_rfc3339_seconds;
use maud::{Markup, html};

use super::cluster::word;
use super::matrix::path;
use super::shape;
use crate::journal::LONGEST_MARK;
use crate::journal::entry::{Entry, Event, Place};
use crate::journal::incident::{ClassImpact, Incident};
use crate::outcome::Outcome;
use crate::web::document::{JournalStatus, Told};
use crate::web::time::{clock, moment, span};

/// So many changes in a row are folded.
const LEAST_FOLDED: usize = 4;

/// Incidents that go on; and folded, those that ended lately.
pub(super) fn incidents(journal: &JournalStatus, now: SystemTime) -> Markup {
    let (open, ended): (Vec<_>, Vec<_>) = journal.incidents.iter().partition(|told| told.of.is_open());
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

fn incident(told: &Told<Incident>, now: SystemTime) -> Markup {
    let incident = &told.of;
    html! {
        article data-incident=(incident.id) {
            h3 { "#" (incident.id) " " (incident.cluster) " " (word(incident.worst)) }
            p { (told.sentence) }
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
        @for (place, hit) in class.resolvers.iter().enumerate() {
            @if place > 0 { ", " }
            (hit.resolver) " " (hit.outcome)
        }
    }
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

/// Changes of outcomes that follow each other in one cluster belong together; all else stands by itself.
fn runs(changes: &[Told<Entry>]) -> impl Iterator<Item = &[Told<Entry>]> {
    let is_outcome = |told: &Told<Entry>| matches!(told.of.event, Event::Outcome(_));
    changes.chunk_by(move |a, b| is_outcome(a) && is_outcome(b) && a.of.place.cluster == b.of.place.cluster)
}

/// A few changes as they are; more of them folded, lest they hide what else happened.
fn run(run: &[Told<Entry>], now: SystemTime) -> Markup {
    let (Some(newest), Some(oldest)) = (run.first(), run.last()) else { return html! {} };
    if run.len() < LEAST_FOLDED {
        return html! { @for told in run { (change(told, now)) } };
    }
    let mut counts: BTreeMap<Outcome, usize> = BTreeMap::new();
    for told in run {
        if let Event::Outcome(change) = &told.of.event {
            *counts.entry(change.to).or_default() += 1;
        }
    }
    html! {
        li data-kind="outcomes" {
            details #{ "changes-" (oldest.of.id) } {
                summary {
                    time datetime=(format_rfc3339_seconds(newest.of.at)) { (clock(newest.of.at, now)) }
                    " " @if let Some(cluster) = &newest.of.place.cluster { (cluster) } ": " (run.len())
                    " changes of outcomes since " (clock(oldest.of.at, now)) ":"
                    @for (outcome, count) in &counts { " " (count) " " (shape::word(Some(*outcome))) }
                }
                ol.changes { @for told in run { (change(told, now)) } }
            }
        }
    }
}

fn change(told: &Told<Entry>, now: SystemTime) -> Markup {
    let entry = &told.of;
    html! {
        li data-kind=(entry.event.kind().as_str()) {
            time datetime=(format_rfc3339_seconds(entry.at)) { (clock(entry.at, now)) }
            " " (place(&entry.place)) " "
            @match &entry.event {
                Event::Outcome(change) => { (shape::shape(change.to)) " " (told.sentence) }
                Event::Mark(_) => strong { "Mark by " (told.sentence) },
                Event::Verdict(_) | Event::Edge(_) | Event::Identity(_) | Event::Cluster(_) | Event::Configuration(_)
                    | Event::Prober(_) => (told.sentence),
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
