//! What can be had over HTTP: metrics, the status page and its JSON, health, reload.
//!
//! Whatever takes longer than a moment to render is rendered away from the threads that time probes, one at a time.

mod badge;
mod break_glass;
mod detail;
mod document;
mod events;
mod journal;
mod look_closer;
mod marks;
mod openapi;
mod operator;
mod page;
mod paths;
pub mod runbooks;
mod serve;
mod squeeze;
mod time;

use std::panic::resume_unwind;
use std::sync::Arc;
use std::time::SystemTime;

use axum::Router;
use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::{from_fn, map_response};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::{get, post};
use tokio::sync::Semaphore;

use crate::beacon;
use crate::daemon::{Daemon, NotReloaded};
use crate::metrics::CONTENT_TYPE;
use operator::By;

use document::Status;
use page::Refresh;

pub use break_glass::PATH as BREAK_GLASS_PATH;
pub use serve::{ListenError, listen, serve};

/// What pages need beside themselves. Served as files of their own, so that no page may hold styles or scripts.
const FILES: [(&str, &str, &str); 3] = [
    ("/style.css", "text/css; charset=utf-8", include_str!("style.css")),
    ("/live.js", "text/javascript; charset=utf-8", include_str!("live.js")),
    ("/icon.svg", SVG, include_str!("icon.svg")),
];

const SVG: &str = "image/svg+xml";

const JSON: &str = "application/json";

/// What the handlers work with.
#[derive(Debug, Clone)]
struct Site {
    daemon: Arc<Daemon>,
    /// The right to render: a flood of requests may take one core, and the memory of one page, but no more.
    rendering: Arc<Semaphore>,
    /// The right to listen to events.
    listeners: Arc<Semaphore>,
}

/// The routes of a prober.
pub fn app(daemon: Arc<Daemon>) -> Router {
    let arrivals = daemon.beacon().cloned().map(beacon::router).unwrap_or_default();
    let files = FILES.into_iter().fold(Router::new(), |router, (path, kind, content)| {
        router.route(path, get(async move || ([(header::CONTENT_TYPE, kind)], content)))
    });
    Router::new()
        .route("/", get(estate))
        .route("/resolvers/{cluster}/{resolver}", get(detail::resolver))
        .route("/names/{id}", get(detail::name))
        .route("/badge/{file}", get(badge))
        .route("/metrics", get(metrics))
        .route("/api/v1/status", get(status))
        .route("/api/v1/resolvers/{cluster}/{resolver}", get(detail::resolver_document))
        .route("/api/v1/names/{id}", get(detail::name_document))
        .route("/api/v1/paths", get(paths))
        .route("/marks", post(marks::mark))
        .route(openapi::PATH, get(async || ([(header::CONTENT_TYPE, JSON)], openapi::document())))
        .route("/api/v1/operator", post(whoami))
        .route("/-/healthy", get(async || "Fathom is healthy.\n"))
        .route("/-/ready", get(ready))
        .route("/-/reload", post(reload))
        .merge(files)
        .merge(break_glass::routes())
        .merge(look_closer::routes())
        .merge(journal::routes())
        .merge(events::routes())
        .merge(arrivals)
        .merge(runbooks::routes())
        .fallback(async || (StatusCode::NOT_FOUND, "There is nothing at this path.\n"))
        .layer(map_response(guarded))
        .layer(from_fn(squeeze::squeezed))
        .with_state(Site { daemon, rendering: Arc::new(Semaphore::new(1)), listeners: events::seats() })
}

impl Site {
    async fn render(self, render: impl FnOnce(&Daemon) -> String + Send + 'static) -> String {
        self.make(render).await
    }

    async fn make<T: Send + 'static>(self, render: impl FnOnce(&Daemon) -> T + Send + 'static) -> T {
        let turn = self.rendering.acquire_owned().await.expect("never closed");
        let rendered = tokio::task::spawn_blocking(move || {
            let rendered = render(&self.daemon);
            // Held until here even when the client is gone by now.
            drop(turn);
            rendered
        });
        rendered.await.unwrap_or_else(|panic| resume_unwind(panic.into_panic()))
    }
}

async fn estate(State(site): State<Site>, RawQuery(query): RawQuery) -> Html<String> {
    let refresh = Refresh::of_query(query.as_deref());
    Html(site.render(move |daemon| with_status(daemon, |status| page::estate(status, refresh))).await)
}

/// Makes something of the one status document, which `/api/v1/status` shows as it is.
fn with_status(daemon: &Daemon, make: impl FnOnce(&Status<'_>) -> String) -> String {
    let snapshot = daemon.board().snapshot();
    make(&Status::of(daemon, &snapshot, SystemTime::now()))
}

/// The state of a cluster as a small picture.
async fn badge(State(site): State<Site>, Path(file): Path<String>) -> Response {
    let estate = site.daemon.board().snapshot();
    let cluster = file.strip_suffix(".svg").and_then(|name| estate.cluster_state(name));
    match cluster {
        Some((name, state)) => ([(header::CONTENT_TYPE, SVG)], badge::badge(name.as_str(), state)).into_response(),
        None => (StatusCode::NOT_FOUND, "There is no such cluster: it is /badge/CLUSTER.svg, see /.\n").into_response(),
    }
}

async fn metrics(State(site): State<Site>) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, CONTENT_TYPE)], site.render(|daemon| daemon.exporter().render()).await)
}

async fn status(State(site): State<Site>) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, JSON)], site.render(|daemon| with_status(daemon, |status| document::json(status))).await)
}

async fn paths(State(site): State<Site>) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, JSON)], site.render(paths::render).await)
}

/// Whether the operator's token is right, without changing anything.
async fn whoami(by: By) -> String {
    format!("The token is right, {}.\n", by.as_str())
}

async fn ready(State(site): State<Site>) -> (StatusCode, &'static str) {
    if site.daemon.board().is_ready() {
        (StatusCode::OK, "Fathom is ready: everything was probed at least once.\n")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "Fathom is not ready: not everything was probed yet.\n")
    }
}

async fn reload(State(site): State<Site>) -> (StatusCode, String) {
    // In a task of its own: a client that hangs up leaves nothing half done.
    let reloading = tokio::spawn(async move { site.daemon.reload().await }).await;
    let result = reloading.unwrap_or_else(|panic| resume_unwind(panic.into_panic()));
    log_reload(&result);
    match result {
        Ok(reloaded) => (StatusCode::OK, format!("{reloaded}\n")),
        Err(why @ (NotReloaded::Wrong(_) | NotReloaded::Key(_) | NotReloaded::Token(_))) => {
            (StatusCode::INTERNAL_SERVER_ERROR, format!("{why}\n"))
        }
        Err(why @ NotReloaded::NoFile) => (StatusCode::CONFLICT, format!("{why}\n")),
    }
}

/// Says in the log what came of a reload, however it was asked for.
pub fn log_reload(result: &Result<crate::daemon::Reloaded, NotReloaded>) {
    match result {
        Ok(reloaded) => tracing::info!("{reloaded}"),
        Err(why) => tracing::error!("{why}"),
    }
}

/// Nothing here may be framed, sniffed, cached, or load anything from anywhere. Other sites learn nothing of where somebody
/// came from; a form of these pages has to say so, since that is how it is told from another site's (RFC 6454).
async fn guarded(mut response: Response) -> Response {
    let headers: &mut HeaderMap = response.headers_mut();
    let policy = "default-src 'none'; script-src 'self'; connect-src 'self'; style-src 'self'; img-src 'self'; \
        form-action 'self'; frame-ancestors 'none'; base-uri 'none'";
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(policy));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
