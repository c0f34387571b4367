//! `/api/v1/incidents` and `/api/v1/marks`. Documented in docs/api.md.

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Site;
use super::operator::By;
use crate::journal::json::{Incidents, OneIncident, ToldEntry};
use crate::journal::{LONGEST_MARK, NotMarked};

/// Incidents that are answered unless more or fewer are asked for, and at most.
const INCIDENTS: (usize, usize) = (50, 1000);

/// The largest request body: a mark of four-byte characters, each escaped, and room to spare.
const LARGEST_BODY: usize = 16 << 10;

const JSON: [(header::HeaderName, &str); 1] = [(header::CONTENT_TYPE, "application/json")];

/// The routes of this file.
pub(super) fn routes() -> Router<Site> {
    Router::new()
        .route("/api/v1/incidents", get(incidents))
        .route("/api/v1/incidents/{id}", get(incident))
        .route("/api/v1/marks", post(mark).layer(DefaultBodyLimit::max(LARGEST_BODY)))
}

#[derive(Debug, Deserialize)]
struct Asked {
    limit: Option<String>,
}

async fn incidents(State(site): State<Site>, Query(asked): Query<Asked>) -> Response {
    let limit = match asked.limit.as_deref().map(str::parse) {
        None => INCIDENTS.0,
        Some(Ok(limit)) if (1..=INCIDENTS.1).contains(&limit) => limit,
        Some(_) => {
            let allowed = format!("limit has to be a number from 1 to {}.\n", INCIDENTS.1);
            return (StatusCode::BAD_REQUEST, allowed).into_response();
        }
    };
    let render = site.render(move |daemon| {
        let journal = daemon.journal();
        document(&Incidents::new(journal.now(), journal.kept(), journal.incidents(limit)))
    });
    (JSON, render.await).into_response()
}

async fn incident(State(site): State<Site>, Path(id): Path<String>) -> Response {
    let none = || (StatusCode::NOT_FOUND, "There is no incident with this number.\n").into_response();
    let Ok(id) = id.parse() else { return none() };
    let rendered = site.render(move |daemon| {
        let journal = daemon.journal();
        let found = journal.incident(id).map(|incident| {
            let timeline = journal.timeline(&incident);
            document(&OneIncident::new(journal.now(), incident, timeline))
        });
        found.unwrap_or_default()
    });
    let rendered = rendered.await;
    if rendered.is_empty() { none() } else { (JSON, rendered).into_response() }
}

/// What an operator did or saw.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct MarkBody {
    /// In one line of 1 to 500 printable characters.
    text: String,
}

/// A mark comes as JSON, or as plain text.
async fn mark(State(site): State<Site>, by: By, headers: HeaderMap, body: Bytes) -> Response {
    let bad = |why: String| (StatusCode::BAD_REQUEST, why).into_response();
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or("text/plain");
    let text = match kind.split(';').next().unwrap_or_default().trim() {
        "application/json" => match serde_json::from_slice::<MarkBody>(&body) {
            Ok(body) => body.text,
            Err(error) => return bad(format!("The body has to be {{\"text\": \"…\"}}: {error}.\n")),
        },
        "text/plain" => match String::from_utf8(body.to_vec()) {
            Ok(text) => text,
            Err(_) => return bad("The body has to be UTF-8.\n".to_owned()),
        },
        _ => {
            let allowed = "A mark is sent as application/json or text/plain.\n";
            return (StatusCode::UNSUPPORTED_MEDIA_TYPE, allowed).into_response();
        }
    };
    match site.daemon.journal().mark(&text, by.as_str()).await {
        Ok(entry) => (StatusCode::CREATED, JSON, document(&ToldEntry::from((*entry).clone()))).into_response(),
        Err(NotMarked::Text) => bad(format!("A mark is 1 to {LONGEST_MARK} printable characters in one line.\n")),
        Err(NotMarked::Stopped) => {
            (StatusCode::SERVICE_UNAVAILABLE, "The prober is stopping; nothing was recorded.\n").into_response()
        }
    }
}

fn document<T: Serialize>(value: &T) -> String {
    serde_json::to_string(value).expect("plain data") + "\n"
}
