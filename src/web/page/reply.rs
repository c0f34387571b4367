//! The last reply to a name, as dig would show it, and how the last probe went.

use std::time::SystemTime;

use maud::{Markup, html};

use super::shape;
use crate::outcome::Outcome;
use crate::web::document::{NameStatus, Shown};
use crate::web::time::{age, clock, milliseconds, moment};

/// The cells of a table that say how the last probe of a name went.
pub(super) fn last_probe(name: &NameStatus<'_>, now: SystemTime) -> Markup {
    html! {
        td.cell.(shape::class(name.result)) data-outcome=(name.result.map_or("none", Outcome::as_str)) {
            (shape::word(name.result))
            @if let Some(since) = name.since { br; small { "since " (clock(since, now)) " (" (age(since, now)) ")" } }
        }
        td.short {
            @if let Some(asked) = name.last_probe { (age(asked, now)) " ago" }
            @if let Some(seconds) = name.duration_seconds { ", " (milliseconds(seconds)) }
        }
        td.short { @match name.last_success { Some(good) => (clock(good, now)), None => "never" } }
        td.short { @match name.answer_ttl_seconds { Some(ttl) => { (ttl) " s" }, None => "–" } }
        td { @for (place, (outcome, count)) in name.results.iter().enumerate() { @if place > 0 { ", " } (count) " " (outcome) } }
    }
}

/// The heads of those cells.
pub(super) fn last_probe_heads() -> Markup {
    html! {
        @for head in ["last outcome", "last asked", "last good answer", "TTL", "probes so far"] { th scope="col" { (head) } }
    }
}

/// The last replies to one name, folded.
pub(super) fn replies(id: &str, about: &Markup, name: &NameStatus<'_>, now: SystemTime) -> Markup {
    let shown = |what: &str, reply: &Shown| {
        html! {
            p { (what) ": " (shape::word(Some(reply.result))) ", asked " (moment(reply.at, now)) }
            pre tabindex="0" { (reply.text) }
        }
    };
    html! {
        @if let Some(replies) = &name.replies {
            details.reply #(id) {
                summary { (about) }
                @match &replies.last_reply {
                    Some(reply) => (shown("Last reply", reply)),
                    None => p { "No reply that could be kept came in time." },
                }
                @if let Some(reply) = &replies.last_good_reply { (shown("Last good reply", reply)) }
            }
        }
    }
}
