//! Runbooks, one for each alert. They are part of the program: in a DNS outage nothing else may load.

use std::fmt::Write;

use axum::Router;
use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::Html;
use axum::routing::get;
use pulldown_cmark::{Parser, html};

macro_rules! runbooks {
    ($($name:literal)+) => {
        /// The alert's name, and what to do about it, in Markdown.
        const RUNBOOKS: &[(&str, &str)] =
            &[$(($name, include_str!(concat!("../../docs/runbooks/", $name, ".md")))),+];
    };
}

runbooks! {
    "DNSForwardingLoop" "DNSDeadEnd" "DNSUpstreamFailing" "DNSRecursionFailing" "DNSResolverDown" "DNSStaleAnswers"
    "DNSLastExit" "DNSExitsBelowMinimum" "DNSForwardsToSibling" "DNSRunwayShort"
    "DNSClassFailing" "DNSAuthorityFailing" "DNSWrongAnswers" "DNSZoneSerialsApart"
    "DNSResolverSlow" "DNSResolverLossy" "DNSErrorBudgetBurn"
    "FathomProberAbsent" "FathomProberBlind" "FathomProberOverloaded" "FathomPathTraceStale" "FathomConfigReloadFailed"
    "FathomBeaconAbused" "FathomCanaryRefused" "FathomWatchdog"
}

const HEAD: &str = "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"><title>Fathom: runbooks</title>\
<link rel=\"stylesheet\" href=\"/style.css\"><link rel=\"icon\" type=\"image/svg+xml\" href=\"/icon.svg\"></head><body class=\"text\">\n\
<nav aria-label=\"Pages\"><a href=\"/\">Status</a> <a href=\"/runbooks\">All runbooks</a></nav>\n<main>\n";

const FOOT: &str = "</main></body></html>\n";

/// `/runbooks` and `/runbooks/NAME`.
pub(super) fn routes<S: Clone + Send + Sync + 'static>() -> Router<S> {
    Router::new().route("/runbooks", get(async || Html(index()))).route("/runbooks/{name}", get(runbook))
}

/// The names of all alerts that have a runbook.
pub fn names() -> impl Iterator<Item = &'static str> {
    RUNBOOKS.iter().map(|(name, _)| *name)
}

async fn runbook(Path(name): Path<String>) -> Result<Html<String>, (StatusCode, &'static str)> {
    // The files link to each other by their own names, which also works where they are shown as files.
    let name = name.strip_suffix(".md").unwrap_or(&name);
    let found = RUNBOOKS.iter().find(|(known, _)| *known == name);
    let (_, text) = found.ok_or((StatusCode::NOT_FOUND, "There is no such runbook: see /runbooks.\n"))?;
    let mut page = HEAD.to_owned();
    html::push_html(&mut page, Parser::new(text));
    // Where a command is wider than the page, the keyboard has to get at the rest of it.
    Ok(Html(page.replace("<pre>", "<pre tabindex=\"0\">") + FOOT))
}

fn index() -> String {
    let mut page = format!("{HEAD}<h1>Runbooks</h1>\n<ul>\n");
    for (name, text) in RUNBOOKS {
        // The paragraph after the heading: how severe, and what it is.
        let about = text.split("\n\n").nth(1).unwrap_or_default();
        let about = Parser::new(about);
        let _ = write!(page, "<li><a href=\"/runbooks/{name}\">{name}</a>");
        html::push_html(&mut page, about);
        page.push_str("</li>\n");
    }
    page + "</ul>\n" + FOOT
}

#[cfg(test)]
mod tests {
    use axum::body::{Body, to_bytes};
    use axum::http::Request;
    use tower::ServiceExt;

    use super::*;

    async fn get(path: &str) -> (StatusCode, String) {
        let request = Request::get(path).body(Body::empty()).unwrap();
        let response = routes::<()>().with_state(()).oneshot(request).await.unwrap();
        let status = response.status();
        (status, String::from_utf8(to_bytes(response.into_body(), usize::MAX).await.unwrap().to_vec()).unwrap())
    }

    #[tokio::test]
    async fn every_runbook_is_served_and_listed_and_every_link_between_them_leads_somewhere() {
        let (status, index) = get("/runbooks").await;
        assert_eq!(status, StatusCode::OK);
        for name in names() {
            assert!(index.contains(&format!("href=\"/runbooks/{name}\"")), "{name}");
            let (status, page) = get(&format!("/runbooks/{name}")).await;
            assert_eq!(status, StatusCode::OK);
            assert!(page.contains(&format!("<h1>{name}</h1>")), "{page}");
            for link in page.split("<a href=\"").skip(1).filter_map(|rest| rest.split('"').next()) {
                let known =
                    ["/", "/runbooks"].contains(&link) || get(&format!("/runbooks/{link}")).await.0.is_success();
                assert!(known, "{name} links to {link}");
            }
        }
    }

    #[tokio::test]
    async fn what_is_not_a_runbook_is_not_found() {
        for path in ["/runbooks/NoSuchAlert", "/runbooks/..%2f..%2fCargo.toml", "/runbooks/%3Cscript%3E"] {
            let (status, body) = get(path).await;
            assert_eq!((status, body.as_str()), (StatusCode::NOT_FOUND, "There is no such runbook: see /runbooks.\n"));
        }
    }
}
