//! What can be had over HTTP: metrics, the status page and its JSON, health, reload.
//!
//! Whatever takes longer than a moment to render is rendered away from the threads that time probes, one at a time.

mod operator;
mod page;
mod paths;
pub mod runbooks;
mod serve;
mod status;

use std::panic::resume_unwind;
use std::sync::Arc;
use std::time::SystemTime;

use axum::Router;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::map_response;
use axum::response::{Html, IntoResponse, Response};
use axum::routing::{get, post};
use tokio::sync::Semaphore;

use crate::beacon;
use crate::daemon::{Daemon, NotReloaded};
use crate::metrics::CONTENT_TYPE;
use operator::By;

pub use serve::{ListenError, listen, serve};

/// How every page looks. Served by itself, so that no page may hold styles of its own.
const STYLE: &str = include_str!("style.css");

/// What the handlers work with.
#[derive(Debug, Clone)]
struct Site {
    daemon: Arc<Daemon>,
    /// The right to render: a flood of requests may take one core, and the memory of one page, but no more.
    rendering: Arc<Semaphore>,
}

/// The routes of a prober.
pub fn app(daemon: Arc<Daemon>) -> Router {
    let arrivals = daemon.beacon().cloned().map(beacon::router).unwrap_or_default();
    Router::new()
        .route("/", get(page))
        .route("/style.css", get(async || ([(header::CONTENT_TYPE, "text/css; charset=utf-8")], STYLE)))
        .route("/metrics", get(metrics))
        .route("/api/v1/status", get(status))
        .route("/api/v1/paths", get(paths))
        .route("/api/v1/operator", post(whoami))
        .route("/-/healthy", get(async || "Fathom is healthy.\n"))
        .route("/-/ready", get(ready))
        .route("/-/reload", post(reload))
        .merge(arrivals)
        .merge(runbooks::routes())
        .fallback(async || (StatusCode::NOT_FOUND, "There is nothing at this path.\n"))
        .layer(map_response(guarded))
        .with_state(Site { daemon, rendering: Arc::new(Semaphore::new(1)) })
}

impl Site {
    async fn render(self, render: impl FnOnce(&Daemon) -> String + Send + 'static) -> String {
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

/// `/?hold` is the same page, standing still.
async fn page(State(site): State<Site>, RawQuery(query): RawQuery) -> Html<String> {
    let refresh = if query.as_deref() == Some("hold") { page::Refresh::Never } else { page::Refresh::Soon };
    Html(site.render(move |daemon| page::render(&daemon.board().snapshot(), refresh, SystemTime::now())).await)
}

async fn metrics(State(site): State<Site>) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, CONTENT_TYPE)], site.render(|daemon| daemon.exporter().render()).await)
}

async fn status(State(site): State<Site>) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "application/json")], site.render(status::render).await)
}

async fn paths(State(site): State<Site>) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "application/json")], site.render(paths::render).await)
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

/// Nothing here may be framed, sniffed, cached, or load anything from anywhere.
async fn guarded(mut response: Response) -> Response {
    let headers: &mut HeaderMap = response.headers_mut();
    let policy = "default-src 'none'; style-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'";
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(policy));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
