//! The page of a name: what every resolver answers to it.

use maud::html;

use super::bars::histories;
use super::frame::{Frame, Refresh, frame};
use super::matrix::path;
use super::reply::{last_probe, last_probe_heads, replies};
use crate::outcome::Outcome;
use crate::web::document::NameDetail;
use crate::web::time::span;
use std::time::Duration;

pub(in crate::web) fn name(detail: &NameDetail<'_>, refresh: Refresh) -> String {
    let now = detail.now;
    let asked = detail.resolvers.iter().filter(|asked| asked.status.result.is_some()).count();
    let good = detail.resolvers.iter().filter(|asked| asked.status.result == Some(Outcome::Ok)).count();
    let (class, sentence) = match (asked, asked - good) {
        (0, _) => ("unknown", "It was not asked yet.".to_owned()),
        (_, 0) => ("good", format!("All {asked} last probes were answered as expected.")),
        (_, failed) => ("bad", format!("{failed} of {asked} last probes failed.")),
    };
    let seconds = |seconds: f64| span(Duration::try_from_secs_f64(seconds).unwrap_or_default());
    let main = html! {
        p #summary.(class) { (sentence) }
        section.panel aria-labelledby="question" {
            h2 #question { "Question" }
            dl {
                dt { "asked" } dd { (detail.qname) " " (detail.qtype) @if !detail.recursion_desired { ", without RD" } }
                dt { "class" } dd { (detail.class) }
                dt { "expected" } dd { (detail.expect) }
                dt { "every" } dd { (seconds(detail.interval_seconds)) ", within " (seconds(detail.timeout_seconds)) }
            }
        }
        section.panel aria-labelledby="resolvers" {
            h2 #resolvers { "Resolvers" }
            div.scroll tabindex="0" role="region" aria-label="Every resolver with its last outcome" {
                table {
                    thead { tr { th scope="col" { "resolver" } th scope="col" { "address" } (last_probe_heads()) } }
                    tbody {
                        @for asked in &detail.resolvers {
                            tr {
                                th scope="row" {
                                    a href=(path(asked.cluster, asked.resolver)) { (asked.resolver) } " of " (asked.cluster)
                                }
                                td { (asked.address) ", " (asked.status.transport) }
                                (last_probe(&asked.status, now))
                            }
                        }
                    }
                }
            }
        }
        section.panel aria-labelledby="history" {
            h2 #history { "History" }
            (histories(&detail.history, now))
        }
        section.panel aria-labelledby="replies" {
            h2 #replies { "Last replies" }
            @for (place, asked) in detail.resolvers.iter().enumerate() {
                @let about = html! { (asked.resolver) " of " (asked.cluster) " (" (asked.status.transport) ")" };
                (replies(&format!("reply-{place}"), &about, &asked.status, now))
            }
        }
    };
    let title = format!("{} ({})", detail.name, detail.class);
    let heading = html! { (detail.name) " (" (detail.class) ")" };
    frame(&Frame { title: &title, heading, refresh, path: &format!("/names/{}", detail.name), now }, &main)
}
