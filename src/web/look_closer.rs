//! `POST /api/v1/look-closer`: for a while, probes of a cluster or of one resolver follow each other closely. Documented in
//! docs/api.md.

use std::time::{Duration, SystemTime};

use axum::Router;
use axum::extract::{DefaultBodyLimit, Form, FromRequest, Json, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::post;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Site;
use super::operator::By;
use crate::daemon::Daemon;
use crate::estate::{Cluster, Label};
use crate::rfc3339;

/// How long a closer look lasts, unless a shorter one is asked for.
const LONGEST: Duration = Duration::from_secs(10 * 60);

/// The shortest one: below that nothing would be seen.
const SHORTEST: Duration = Duration::from_secs(1);

/// The largest request body, in bytes.
const LARGEST_BODY: usize = 4 << 10;

/// What is asked for, as JSON or as a form.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct LookCloser {
    /// The cluster.
    cluster: String,
    /// One resolver of it; without it, all of them.
    #[serde(default)]
    resolver: Option<String>,
    /// For how long, such as `30s`: from one second to ten minutes, which is what it is without.
    #[serde(default, rename = "for")]
    how_long: Option<String>,
}

/// Until when who is looked at closely.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct LookedCloser {
    cluster: String,
    resolvers: Vec<ResolverLookedCloser>,
}

/// Until when a resolver is looked at closely.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ResolverLookedCloser {
    resolver: String,
    #[serde(with = "rfc3339::option")]
    #[schema(value_type = Option<String>, format = DateTime)]
    looked_at_closely_until: Option<SystemTime>,
}

/// The routes of this file.
pub(super) fn routes() -> Router<Site> {
    Router::new().route("/api/v1/look-closer", post(look_closer).layer(DefaultBodyLimit::max(LARGEST_BODY)))
}

/// Until when a resolver is looked at closely, if it is.
pub(in crate::web) fn closely_until(
    daemon: &Daemon,
    cluster: &Label,
    resolver: &Label,
    now: SystemTime,
) -> Option<SystemTime> {
    Some(now + daemon.fleet().looked_at_closely(cluster, resolver)?)
}

/// A program is told until when; a browser goes back to where its button was.
async fn look_closer(State(site): State<Site>, by: By, request: Request) -> Response {
    let is_form = is_form(request.headers());
    let asked = if is_form {
        Form::<LookCloser>::from_request(request, &())
            .await
            .map(|Form(asked)| asked)
            .map_err(IntoResponse::into_response)
    } else {
        Json::<LookCloser>::from_request(request, &())
            .await
            .map(|Json(asked)| asked)
            .map_err(IntoResponse::into_response)
    };
    let asked = match asked {
        Ok(asked) => asked,
        Err(refused) => return refused,
    };
    match begin(&site.daemon, &asked, &by) {
        Ok(looked) if is_form => Redirect::to(&back(&looked, &asked)).into_response(),
        Ok(looked) => Json(looked).into_response(),
        Err((status, why)) => (status, why + "\n").into_response(),
    }
}

fn is_form(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    kind.split(';').next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/x-www-form-urlencoded"))
}

/// The page of the resolver that was asked for, or the cluster's place on the status page. Both names were found in the
/// configuration, so they are safe in a path.
fn back(looked: &LookedCloser, asked: &LookCloser) -> String {
    match (chosen(asked), looked.resolvers.first()) {
        (Some(_), Some(only)) => format!("/resolvers/{}/{}", looked.cluster, only.resolver),
        (_, _) => format!("/#cluster-{}", looked.cluster),
    }
}

/// The resolver that was asked for. A form sends an empty field for none.
fn chosen(asked: &LookCloser) -> Option<&str> {
    asked.resolver.as_deref().filter(|resolver| !resolver.is_empty())
}

/// Begins the closer look, or goes on with it for longer.
fn begin(daemon: &Daemon, asked: &LookCloser, by: &By) -> Result<LookedCloser, (StatusCode, String)> {
    let how_long = how_long(asked).map_err(|why| (StatusCode::BAD_REQUEST, why))?;
    let estate = daemon.board().snapshot().estate;
    let cluster = estate.clusters.iter().find(|cluster| cluster.name.as_str() == asked.cluster);
    let cluster = cluster.ok_or_else(|| {
        let there_are = estate.clusters.iter().map(|cluster| cluster.name.as_str()).collect::<Vec<_>>().join(", ");
        (StatusCode::NOT_FOUND, format!("There is no cluster of this name here; there are: {there_are}."))
    })?;
    let resolvers = resolvers(cluster, chosen(asked)).map_err(|why| (StatusCode::NOT_FOUND, why))?;
    let (fleet, now) = (daemon.fleet(), SystemTime::now());
    let is_new = resolvers.iter().all(|resolver| fleet.looked_at_closely(&cluster.name, resolver).is_none());
    for resolver in &resolvers {
        fleet.look_closer(&cluster.name, resolver, how_long);
    }
    if is_new {
        let names = resolvers.iter().map(|resolver| resolver.as_str()).collect::<Vec<_>>().join(", ");
        let (by, seconds) = (by.as_str(), how_long.as_secs());
        tracing::info!(by, cluster = cluster.name.as_str(), "A closer look at {names} begins, for {seconds} s.");
    }
    let looked = resolvers.into_iter().map(|resolver| ResolverLookedCloser {
        resolver: resolver.to_string(),
        looked_at_closely_until: closely_until(daemon, &cluster.name, resolver, now),
    });
    Ok(LookedCloser { cluster: cluster.name.to_string(), resolvers: looked.collect() })
}

fn how_long(asked: &LookCloser) -> Result<Duration, String> {
    let Some(text) = asked.how_long.as_deref().filter(|text| !text.is_empty()) else { return Ok(LONGEST) };
    let time = humantime::parse_duration(text).ok().filter(|time| (SHORTEST..=LONGEST).contains(time));
    time.ok_or_else(|| "for: allowed is a time from 1s to 10m.".to_owned())
}

fn resolvers<'a>(cluster: &'a Cluster, chosen: Option<&str>) -> Result<Vec<&'a Label>, String> {
    let all = cluster.resolvers.iter().map(|resolver| &resolver.name);
    let Some(chosen) = chosen else { return Ok(all.collect()) };
    let found = all.clone().find(|name| name.as_str() == chosen).map(|name| vec![name]);
    found.ok_or_else(|| {
        let there_are = all.map(Label::as_str).collect::<Vec<_>>().join(", ");
        format!("There is no resolver of this name in {}; there are: {there_are}.", cluster.name)
    })
}
