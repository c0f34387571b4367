//! What every page has around it.

use std::time::SystemTime;

use humantime::format_rfc3339_seconds;
use maud::{DOCTYPE, Markup, html};

use super::shape::sprite;

/// Whether a page follows what happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::web) enum Refresh {
    /// With every event where scripts run, and every ten seconds.
    Soon,
    /// Not at all: who reads evidence shall not lose the place.
    Never,
}

impl Refresh {
    /// `?hold` is the same page, standing still.
    pub(in crate::web) fn of_query(query: Option<&str>) -> Self {
        if query == Some("hold") { Self::Never } else { Self::Soon }
    }
}

/// What makes a page this one.
pub(super) struct Frame<'a> {
    pub(super) title: &'a str,
    pub(super) heading: Markup,
    pub(super) refresh: Refresh,
    /// Its own path, of safe characters.
    pub(super) path: &'a str,
    pub(super) now: SystemTime,
}

/// The whole page around its main part.
pub(super) fn frame(frame: &Frame<'_>, main: &Markup) -> String {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (frame.title) " · Fathom" }
                link rel="stylesheet" href="/style.css";
                link rel="icon" type="image/svg+xml" href="/icon.svg";
                @if frame.refresh == Refresh::Soon {
                    noscript { meta http-equiv="refresh" content="10"; }
                    script src="/live.js" defer {}
                }
            }
            body {
                a.skip href="#main" { "Skip to what is known" }
                (sprite())
                header {
                    h1 { (frame.heading) }
                    nav aria-label="Pages" {
                        a href="/" aria-current=[(frame.path == "/").then_some("page")] { "Status" }
                        a href="/runbooks" { "Runbooks" }
                        a href="/break-glass/hosts" { "Break glass" }
                        a href="/metrics" { "Metrics" }
                        a href="/api/v1/status" { "JSON" }
                    }
                    p #live role="status" { (follow(frame)) }
                }
                main #main tabindex="-1" {
                    p.as-of {
                        "As of " time #as-of datetime=(format_rfc3339_seconds(frame.now)) {
                            (format_rfc3339_seconds(frame.now).to_string().replace('T', " ").replace('Z', " UTC"))
                        }
                    }
                    (main)
                }
                p #announce.unseen aria-live="polite" {}
            }
        }
    };
    page.into_string() + "\n"
}

/// How the page is kept up to date, and how to change that. A script puts its own words here.
fn follow(frame: &Frame<'_>) -> Markup {
    match frame.refresh {
        Refresh::Soon => html! {
            span.how { "Loaded again every 10 s." } " " a href={ (frame.path) "?hold" } { "Hold it still" }
        },
        Refresh::Never => html! { span.how { "Held still." } " " a href=(frame.path) { "Follow" } },
    }
}

/// A page that says that there is nothing, and what there is instead.
pub(in crate::web) fn not_found(sentence: &str, there_is: &[(String, String)], now: SystemTime) -> String {
    let main = html! {
        p #summary.unknown { (sentence) }
        @if !there_is.is_empty() {
            p { "There is:" }
            ul { @for (path, name) in there_is { li { a href=(path) { (name) } } } }
        }
    };
    alone("Not found", &main, now)
}

/// A page that says what came of a form.
pub(in crate::web) fn notice(title: &str, sentence: &str, now: SystemTime) -> String {
    alone(title, &html! { p #summary.unknown { (sentence) } p { a href="/" { "Back to the status page" } } }, now)
}

/// A page that follows nothing.
fn alone(title: &str, main: &Markup, now: SystemTime) -> String {
    let heading = html! { (title) };
    frame(&Frame { title, heading, refresh: Refresh::Never, path: "/", now }, main)
}
