//! The pages, rendered on the server: complete without scripts, and with nothing from anywhere else.
//!
//! Each is a view of a document (`web::document`), so that a page can show nothing that the API does not hold.

mod bars;
mod cluster;
mod frame;
mod graph;
mod journal;
mod look_closer;
mod matrix;
mod name;
mod reply;
mod resolver;
mod shape;

use maud::{Markup, html};

use super::document::{IsItDns, Status, Summary};
use super::time::moment;
use cluster::cluster;
use frame::{Frame, frame};

pub(super) use frame::{Refresh, not_found, notice};
pub(super) use name::name;
pub(super) use resolver::resolver;

/// The status page.
pub(super) fn estate(status: &Status<'_>, refresh: Refresh) -> String {
    let title = format!("{} · {}, seen from {}", answer(status.summary.is_it_dns), status.environment, status.vantage);
    let main = html! {
        (summary(&status.summary))
        @if !status.config.last_reload_successful {
            p.note {
                (shape::WARNING) " The configuration file is wrong: the one of "
                (moment(status.config.loaded_at, status.now)) " is still used. "
                a href="/runbooks/FathomConfigReloadFailed" { "Runbook" }
            }
        }
        @for one in &status.clusters { (cluster(status, one)) }
        (journal::incidents(&status.journal, status.now))
        (journal::changes(&status.journal, status.config.operator_token, status.now))
    };
    let heading = html! { (status.environment) ", seen from " (status.vantage) };
    frame(&Frame { title: &title, heading, refresh, path: "/", now: status.now }, &main)
}

/// The answer to the first question of whoever opens the page.
fn summary(summary: &Summary) -> Markup {
    html! {
        section aria-label="Summary" {
            p #summary.(class(summary.is_it_dns)) data-dns=(answer(summary.is_it_dns)) { (summary.sentence) }
            @if let Some(why) = &summary.why { p #why { strong { "Why: " } (why) } }
            @if let Some(next) = &summary.next {
                p #next {
                    strong { "What next: " } (next)
                    @if let Some(runbook) = summary.runbook {
                        " " a href={ "/runbooks/" (runbook) } { "Runbook " (runbook) }
                    }
                }
            }
        }
    }
}

const fn answer(answer: IsItDns) -> &'static str {
    match answer {
        IsItDns::Unknown => "unknown",
        IsItDns::No => "well",
        IsItDns::AtRisk => "at risk",
        IsItDns::Yes => "failing",
    }
}

const fn class(answer: IsItDns) -> &'static str {
    match answer {
        IsItDns::Unknown => "unknown",
        IsItDns::No => "good",
        IsItDns::AtRisk => "warn",
        IsItDns::Yes => "bad",
    }
}
