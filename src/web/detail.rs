//! The pages of one resolver and of one name, and the same as JSON.

use std::time::SystemTime;

use axum::extract::{Path, RawQuery, State};
use axum::http::{StatusCode, header};
use axum::response::{Html, IntoResponse, Response};

use super::document::{NameDetail, ResolverDetail, detail, json};
use super::page::{self, Refresh};
use super::{JSON, Site};
use crate::daemon::Daemon;

/// What is made of a resolver, or of nothing.
type Made = (StatusCode, String);

pub(super) async fn resolver(
    State(site): State<Site>,
    Path(names): Path<(String, String)>,
    RawQuery(query): RawQuery,
) -> Response {
    let refresh = Refresh::of_query(query.as_deref());
    let made = of_resolver(site, names, move |detail| page::resolver(detail, refresh), no_resolver).await;
    (made.0, Html(made.1)).into_response()
}

pub(super) async fn resolver_document(State(site): State<Site>, Path(names): Path<(String, String)>) -> Response {
    document(of_resolver(site, names, |detail| json(detail), |_, _| no_document("resolver")).await)
}

pub(super) async fn name(State(site): State<Site>, Path(id): Path<String>, RawQuery(query): RawQuery) -> Response {
    let refresh = Refresh::of_query(query.as_deref());
    let made = of_name(site, id, move |detail| page::name(detail, refresh), no_name).await;
    (made.0, Html(made.1)).into_response()
}

pub(super) async fn name_document(State(site): State<Site>, Path(id): Path<String>) -> Response {
    document(of_name(site, id, |detail| json(detail), |_, _| no_document("name")).await)
}

fn document((status, text): Made) -> Response {
    (status, [(header::CONTENT_TYPE, JSON)], text).into_response()
}

async fn of_resolver(
    site: Site,
    (cluster, resolver): (String, String),
    make: impl FnOnce(&ResolverDetail<'_>) -> String + Send + 'static,
    otherwise: impl FnOnce(&Daemon, &str) -> String + Send + 'static,
) -> Made {
    site.make(move |daemon| {
        let (snapshot, cells) = (daemon.board().snapshot(), daemon.board().cells());
        match detail::resolver(daemon, &snapshot, &cells, (&cluster, &resolver), SystemTime::now()) {
            Some(detail) => (StatusCode::OK, make(&detail)),
            None => (StatusCode::NOT_FOUND, otherwise(daemon, &cluster)),
        }
    })
    .await
}

async fn of_name(
    site: Site,
    id: String,
    make: impl FnOnce(&NameDetail<'_>) -> String + Send + 'static,
    otherwise: impl FnOnce(&Daemon, &str) -> String + Send + 'static,
) -> Made {
    site.make(move |daemon| {
        let (snapshot, cells) = (daemon.board().snapshot(), daemon.board().cells());
        match detail::name(daemon, &snapshot, &cells, &id, SystemTime::now()) {
            Some(detail) => (StatusCode::OK, make(&detail)),
            None => (StatusCode::NOT_FOUND, otherwise(daemon, &id)),
        }
    })
    .await
}

fn no_document(what: &str) -> String {
    json(&serde_json::json!({ "error": format!("there is no such {what}; GET /api/v1/status names all there are") }))
}

/// What resolvers there are: those of the cluster, if that exists at least.
fn no_resolver(daemon: &Daemon, cluster: &str) -> String {
    let estate = daemon.board().snapshot().estate;
    let all = || estate.clusters.iter().flat_map(|one| one.resolvers.iter().map(move |resolver| (one, resolver)));
    let known = estate.clusters.iter().any(|one| one.name.as_str() == cluster);
    let near = all().filter(|(one, _)| !known || one.name.as_str() == cluster);
    let links = near.map(|(one, resolver)| {
        (format!("/resolvers/{}/{}", one.name, resolver.name), format!("{} of {}", resolver.name, one.name))
    });
    page::not_found("There is no such resolver in the configuration.", &links.collect::<Vec<_>>(), SystemTime::now())
}

fn no_name(daemon: &Daemon, _: &str) -> String {
    let estate = daemon.board().snapshot().estate;
    let links =
        estate.names.iter().map(|name| (format!("/names/{}", name.id), format!("{} ({})", name.id, name.class)));
    page::not_found("There is no such name in the configuration.", &links.collect::<Vec<_>>(), SystemTime::now())
}
