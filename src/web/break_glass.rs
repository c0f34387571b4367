//! `/break-glass/…`: the last verified addresses, for hosts files and servers; and as JSON.

use std::time::SystemTime;

use axum::Router;
use axum::extract::{Query, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde::Deserialize;

use super::Site;
use crate::break_glass::write::{Form, Wanted, write};
use crate::break_glass::{Book, MAX_AGE};

/// Where the book is served as JSON.
pub const PATH: &str = "/api/v1/break-glass";

/// The routes.
pub(super) fn routes() -> Router<Site> {
    let form = |form| {
        get(async move |State(site): State<Site>, Query(query): Query<Narrowed>| written(site, query, form).await)
    };
    Router::new()
        .route(PATH, get(book))
        .route("/break-glass/hosts", form(Form::Hosts))
        .route("/break-glass/unbound.conf", form(Form::Unbound))
        .route("/break-glass/bind", form(Form::Bind))
}

/// What of it is wanted.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Narrowed {
    class: Option<String>,
    max_age: Option<String>,
}

async fn book(State(site): State<Site>) -> impl IntoResponse {
    let book = site.render(|daemon| daemon.break_glass().book(daemon.board()).to_json()).await;
    ([(header::CONTENT_TYPE, "application/json")], book)
}

async fn written(site: Site, query: Narrowed, form: Form) -> Response {
    let max_age = match query.max_age.as_deref().map(humantime::parse_duration).transpose() {
        Ok(max_age) => max_age.unwrap_or(MAX_AGE),
        Err(error) => return refused(&format!("max_age: {error}; allowed is a duration such as 12h or 7d")),
    };
    let class = query.class.clone();
    let known = site.daemon.board().estate();
    if let Some(class) = &class
        && !known.names.iter().any(|name| name.class.as_str() == class)
    {
        return refused("there is no such class among the names");
    }
    let text = site.render(move |daemon| {
        let book: Book = daemon.break_glass().book(daemon.board()).of_class(class.as_deref());
        write(&book, Wanted { form, max_age, now: SystemTime::now() }).text
    });
    let plain = HeaderValue::from_static("text/plain; charset=utf-8");
    ([(header::CONTENT_TYPE, plain)], text.await).into_response()
}

fn refused(why: &str) -> Response {
    (StatusCode::BAD_REQUEST, format!("{why}\n")).into_response()
}
