//! Every route of a prober, as the OpenAPI document describes it. A test holds this table to the router.

use utoipa::openapi::{RefOr, Schema};

use super::{PATH, Schemas, of};
use crate::beacon::{ARRIVALS_PATH, PageText};
use crate::break_glass::Book;
use crate::journal::json::{Incidents, OneIncident, ToldEntry};
use crate::report::json::Paths;
use crate::web::break_glass::PATH as BREAK_GLASS_PATH;
use crate::web::document::{NameDetail, ResolverDetail, Status};
use crate::web::journal::MarkBody;
use crate::web::look_closer::{LookCloser, LookedCloser};
use crate::web::marks::Fields;

/// Adds the schema of a type, and refers to it.
type Of = fn(&mut Schemas) -> RefOr<Schema>;

/// What is done to a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Method {
    Get,
    Post,
}

/// A parameter of path or query: its name, and what it is.
#[derive(Debug)]
pub(super) struct Parameter(pub(super) &'static str, pub(super) &'static str);

/// What may be sent.
#[derive(Debug)]
pub(super) enum Body {
    Json(Of),
    Form(Of),
    Text,
}

/// What is answered.
#[derive(Debug)]
pub(super) enum Answer {
    Json(Of),
    /// Text of this media type.
    Text(&'static str),
}

/// One route.
#[derive(Debug)]
pub(super) struct Route {
    pub(super) method: Method,
    pub(super) path: &'static str,
    /// In a line.
    pub(super) what: &'static str,
    pub(super) parameters: &'static [Parameter],
    pub(super) bodies: &'static [Body],
    /// The status of a good answer.
    pub(super) status: &'static str,
    pub(super) answer: Answer,
    /// Other statuses, whose answers are a sentence.
    pub(super) others: &'static [(&'static str, &'static str)],
    /// It changes something, which takes the operator's token.
    pub(super) takes_token: bool,
}

const HTML: &str = "text/html; charset=utf-8";
const TEXT: &str = "text/plain; charset=utf-8";
const SVG: &str = "image/svg+xml";

const HOLD: Parameter = Parameter("hold", "The page stands still, and does not load itself again.");
const CLUSTER: Parameter = Parameter("cluster", "The name of a cluster.");
const RESOLVER: Parameter = Parameter("resolver", "The name of a resolver of the cluster.");
const NAME: Parameter = Parameter("id", "The id of a name.");
const NARROWED: &[Parameter] = &[
    Parameter("class", "Only names of this class."),
    Parameter("max_age", "No answer that is older, such as 12h; 7d unless it is given."),
];
const NO_SUCH: (&str, &str) = ("404", "There is no such thing here; the answer says what there is.");
const BAD: (&str, &str) = ("400", "The request is wrong; the answer says what is allowed.");

const fn get(path: &'static str, what: &'static str, answer: Answer) -> Route {
    let (parameters, bodies, others): (&[_], &[_], &[_]) = (&[], &[], &[]);
    Route { method: Method::Get, path, what, parameters, bodies, status: "200", answer, others, takes_token: false }
}

impl Route {
    const fn with(self, parameters: &'static [Parameter]) -> Self {
        Self { parameters, ..self }
    }

    const fn or(self, others: &'static [(&'static str, &'static str)]) -> Self {
        Self { others, ..self }
    }
}

/// All of them.
pub(super) const ROUTES: &[Route] = &[
    get("/", "The status page.", Answer::Text(HTML)).with(&[HOLD]),
    get("/resolvers/{cluster}/{resolver}", "The page of a resolver.", Answer::Text(HTML))
        .with(&[CLUSTER, RESOLVER, HOLD])
        .or(&[NO_SUCH]),
    get("/names/{id}", "The page of a name.", Answer::Text(HTML)).with(&[NAME, HOLD]).or(&[NO_SUCH]),
    get("/badge/{file}", "The state of a cluster as a small picture.", Answer::Text(SVG))
        .with(&[Parameter("file", "CLUSTER.svg")])
        .or(&[NO_SUCH]),
    get("/runbooks", "All runbooks.", Answer::Text(HTML)),
    get("/runbooks/{name}", "The runbook of an alert.", Answer::Text(HTML))
        .with(&[Parameter("name", "The name of the alert.")])
        .or(&[NO_SUCH]),
    get("/metrics", "Metrics for Prometheus.", Answer::Text("text/plain; version=0.0.4; charset=utf-8")),
    get("/api/v1/status", "Everything that is known.", Answer::Json(of::<Status<'static>>)),
    get("/api/v1/resolvers/{cluster}/{resolver}", "A resolver in detail.", Answer::Json(of::<ResolverDetail<'static>>))
        .with(&[CLUSTER, RESOLVER])
        .or(&[NO_SUCH]),
    get("/api/v1/names/{id}", "A name in detail.", Answer::Json(of::<NameDetail<'static>>))
        .with(&[NAME])
        .or(&[NO_SUCH]),
    get("/api/v1/paths", "Where resolvers forward to, and what that means.", Answer::Json(of::<Paths>)),
    get("/api/v1/incidents", "Incidents, newest first.", Answer::Json(of::<Incidents>))
        .with(&[Parameter("limit", "At most so many, from 1 to 1000; 50 unless it is given.")])
        .or(&[BAD]),
    get("/api/v1/incidents/{id}", "An incident with its timeline.", Answer::Json(of::<OneIncident>))
        .with(&[Parameter("id", "The number of an incident.")])
        .or(&[NO_SUCH]),
    get(
        "/api/v1/events",
        "Entries of the journal as they are written, as server-sent events; the data of each is a ToldEntry.",
        Answer::Text("text/event-stream"),
    )
    .with(&[Parameter("after", "Begin after the entry with this number; the header Last-Event-ID says the same.")])
    .or(&[BAD, ("503", "Too many listen already, or the prober is stopping.")]),
    Route {
        method: Method::Post,
        bodies: &[Body::Json(of::<MarkBody>), Body::Text],
        status: "201",
        takes_token: true,
        ..get("/api/v1/marks", "What was recorded.", Answer::Json(of::<ToldEntry>))
    }
    .or(&[
        BAD,
        ("413", "The body is too large."),
        ("415", "The body is neither JSON nor text."),
        ("503", "The prober is stopping."),
    ]),
    Route {
        method: Method::Post,
        bodies: &[Body::Form(of::<Fields>)],
        status: "303",
        takes_token: true,
        ..get("/marks", "The form of the status page for marks leads back to it.", Answer::Text(HTML))
    }
    .or(&[
        BAD,
        ("415", "The body is no form."),
        ("422", "The form has other fields."),
        ("503", "The prober is stopping."),
    ]),
    get(BREAK_GLASS_PATH, "The last verified addresses, every resolver's.", Answer::Json(of::<Book>)),
    get("/break-glass/hosts", "The last verified addresses as a hosts file.", Answer::Text(TEXT))
        .with(NARROWED)
        .or(&[BAD]),
    get("/break-glass/unbound.conf", "The same as lines for Unbound.", Answer::Text(TEXT)).with(NARROWED).or(&[BAD]),
    get("/break-glass/bind", "The same as a response policy zone.", Answer::Text(TEXT)).with(NARROWED).or(&[BAD]),
    get(ARRIVALS_PATH, "What reached the beacon in this process.", Answer::Json(of::<PageText>))
        .with(&[Parameter("since", "The cursor `next` of the last answer.")])
        .or(&[BAD, ("401", "The request is not signed with a key of the beacon."), ("404", "No beacon runs here.")]),
    Route {
        method: Method::Post,
        bodies: &[Body::Json(of::<LookCloser>), Body::Form(of::<LookCloser>)],
        takes_token: true,
        ..get(
            "/api/v1/look-closer",
            "Until when probes follow each other closely; a form is led back to its page.",
            Answer::Json(of::<LookedCloser>),
        )
    }
    .or(&[
        ("303", "A form is led back to the page that it came from."),
        BAD,
        NO_SUCH,
        ("413", "The body is too large."),
        ("415", "The body is neither JSON nor a form."),
        ("422", "The body has other fields."),
    ]),
    Route {
        method: Method::Post,
        takes_token: true,
        ..get("/api/v1/operator", "Whether the operator's token is right.", Answer::Text(TEXT))
    },
    get(PATH, "This document.", Answer::Text("application/json")),
    get("/style.css", "How pages look.", Answer::Text("text/css; charset=utf-8")),
    get("/live.js", "What keeps pages up to date.", Answer::Text("text/javascript; charset=utf-8")),
    get("/icon.svg", "The icon of all pages.", Answer::Text(SVG)),
    get("/-/healthy", "The process runs.", Answer::Text(TEXT)),
    get("/-/ready", "Everything was probed at least once.", Answer::Text(TEXT))
        .or(&[("503", "Not everything was probed yet.")]),
    Route { method: Method::Post, ..get("/-/reload", "The configuration was loaded again.", Answer::Text(TEXT)) }.or(
        &[
            ("409", "There is no file to load."),
            ("500", "It is wrong, and the old one is still used; with every mistake."),
        ],
    ),
];
