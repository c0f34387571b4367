//! The OpenAPI document says what is really there: every route, and every key of every answer, in the middle of an incident.

#![expect(clippy::unwrap_used, reason = "a test fails where it unwraps")]

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::http::{Method, Request};
use fathom::beacon::Beacon;
use fathom::canary::Keys;
use fathom::daemon::Daemon;
use fathom::estate::Name;
use fathom::lab::Software;
use fathom::operator::Token;
use fathom::web;
use regex::Regex;
use serde_json::Value;
use support::{CANARY, INTERNAL, Simulated, Told};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

/// A prober of four simulated resolvers, with a beacon.
async fn prober() -> (Simulated, Arc<Daemon>) {
    let nodes = ["ns1", "ns2", "ns3", "ns4"].map(|name| (name, Software::Bind, "itself"));
    let world = Simulated::start(&nodes, true).await;
    let mut estate = world.estate(Told::every(10));
    let mut verified = Name::clone(&estate.names[0]);
    verified.expect.answers = vec![INTERNAL.1.to_owned()];
    estate.names[0] = Arc::new(verified);
    estate.beacon.as_mut().unwrap().listen = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let keys = Keys::for_this_process();
    let beacon = Beacon::of(&estate, Arc::new(keys.clone())).await.unwrap().unwrap();
    world.lab.outside().delegate(CANARY, beacon.address());
    let token = Token::new("correct-horse-battery-staple");
    let daemon = Daemon::start(estate, None).with_operator(token).with_beacon(beacon.handle()).with_tracing(Some(keys));
    tokio::spawn(beacon.run(CancellationToken::new()));
    (world, Arc::new(daemon))
}

async fn ask(daemon: &Arc<Daemon>, method: Method, path: &str) -> (u16, String) {
    let request = Request::builder().method(method).uri(path).body(Body::empty()).unwrap();
    let response = web::app(Arc::clone(daemon)).oneshot(request).await.unwrap();
    let status = response.status().as_u16();
    // A stream of events has no end: its head is enough.
    let is_stream = response.headers()["content-type"].to_str().unwrap().starts_with("text/event-stream");
    let body = if is_stream { Vec::new() } else { to_bytes(response.into_body(), usize::MAX).await.unwrap().to_vec() };
    (status, String::from_utf8(body).unwrap())
}

async fn document(daemon: &Arc<Daemon>) -> Value {
    serde_json::from_str(&ask(daemon, Method::GET, "/api/v1/openapi.json").await.1).unwrap()
}

/// The path with something that there is in place of each parameter.
fn filled(path: &str) -> String {
    let file = path.replace("{file}", "c1.svg").replace("{cluster}", "c1").replace("{resolver}", "ns1");
    file.replace("{name}", "DNSDeadEnd").replace("/names/{id}", "/names/www").replace("{id}", "1")
}

#[tokio::test(start_paused = true)]
async fn every_key_of_every_answer_is_described_throughout_an_incident() {
    let (world, daemon) = prober().await;
    let document = document(&daemon).await;
    let answers: Vec<(String, Value)> = document["paths"]
        .as_object()
        .unwrap()
        .iter()
        .filter_map(|(path, item)| {
            let schema = &item["get"]["responses"]["200"]["content"]["application/json"]["schema"];
            (schema.is_object() && !path.contains("arrivals") && !path.contains("openapi"))
                .then(|| (path.clone(), schema.clone()))
        })
        .collect();
    assert!(answers.len() >= 5, "{answers:?}");
    let mut seen = BTreeMap::new();
    let mut look = async |when: &str| {
        for (path, schema) in &answers {
            let (status, body) = ask(&daemon, Method::GET, &filled(path)).await;
            if status == 404 && path.contains("incidents") {
                continue;
            }
            assert_eq!(status, 200, "{when}: {path}: {body}");
            let value: Value = serde_json::from_str(&body).unwrap();
            let errors = check(&document, schema, &value, "");
            assert!(errors.is_empty(), "{when}: {path}: {errors:#?}\n{body}");
            *seen.entry(path.clone()).or_insert(0) += 1;
        }
    };
    look("before anything was asked").await;
    sleep(Duration::from_secs(40)).await;
    look("while all is well").await;
    world.rebuild("ns1", "ns2");
    world.rebuild("ns2", "ns1");
    sleep(Duration::from_secs(60)).await;
    look("with a circle of two").await;
    world.rebuild("ns3", "hole");
    world.rebuild("ns4", "closed");
    sleep(Duration::from_secs(120)).await;
    look("with no way out").await;
    let status: Value = serde_json::from_str(&ask(&daemon, Method::GET, "/api/v1/status").await.1).unwrap();
    assert!(!status["clusters"][0]["circles"][0].as_array().unwrap().is_empty(), "the incident was there: {status}");
    assert_eq!(seen.len(), answers.len(), "each was answered at some time: {seen:?}");
}

#[tokio::test(start_paused = true)]
async fn every_route_is_described_and_whatever_is_described_is_there() {
    let (_world, daemon) = prober().await;
    sleep(Duration::from_secs(12)).await;
    let document = document(&daemon).await;
    let mut described = BTreeSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            described.insert((method.to_uppercase(), path.clone()));
            let (status, body) = ask(&daemon, method.to_uppercase().parse().unwrap(), &filled(path)).await;
            assert_ne!(body, "There is nothing at this path.\n", "{method} {path}");
            let responses = operation["responses"].as_object().unwrap();
            let is_told = responses.contains_key(&status.to_string());
            assert!(status != 405 && is_told, "{method} {path} answers {status}, which is not described: {body}");
            if operation["security"].is_array() {
                assert_eq!(status, 401, "{method} {path} takes the token");
            }
        }
    }
    assert_eq!(described, routes(), "in the document, and in the source of the router");
}

#[tokio::test(start_paused = true)]
async fn whatever_the_document_refers_to_is_in_it() {
    let (_world, daemon) = prober().await;
    let text = ask(&daemon, Method::GET, "/api/v1/openapi.json").await.1;
    let document: Value = serde_json::from_str(&text).unwrap();
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"), "{}", document["openapi"]);
    let references = Regex::new(r##""\$ref":"#([^"]+)""##).unwrap();
    let mut count = 0;
    for reference in references.captures_iter(&text) {
        assert!(document.pointer(&reference[1]).is_some(), "{}", &reference[1]);
        count += 1;
    }
    assert!(count > 20, "{count}");
}

//----------- The router's source ---------------------------------------------

/// Every route that the source of the router names: the router itself tells nobody.
fn routes() -> BTreeSet<(String, String)> {
    let mut routes = BTreeSet::new();
    let mut files = vec!["src/beacon/feed.rs".to_owned()];
    for file in fs::read_dir("src/web").unwrap() {
        let path = file.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path.display().to_string());
        }
    }
    let route = Regex::new(r#"\.route\(\s*("[^"]+"|[A-Za-z_:]+),\s*(\w+)\("#).unwrap();
    let of_table = Regex::new(r#"(?m)^\s+\("(/[\w.]+)", "#).unwrap();
    for file in files {
        let text = fs::read_to_string(&file).unwrap();
        // Tests make routers of their own.
        let text = text.split("#[cfg(test)]").next().unwrap_or_default();
        for found in route.captures_iter(text) {
            let method = if &found[2] == "post" { "POST" } else { "GET" };
            match found[1].strip_prefix('"') {
                Some(literal) => drop(routes.insert((method.to_owned(), literal.trim_end_matches('"').to_owned()))),
                // The files of pages, from a table.
                None if &found[1] == "path" => {
                    routes.extend(of_table.captures_iter(text).map(|file| (method.to_owned(), file[1].to_owned())));
                }
                None => drop(routes.insert((method.to_owned(), constant(&file, &found[1])))),
            }
        }
    }
    assert!(routes.len() > 15, "{routes:?}");
    routes
}

/// The value of `PATH` in this file, or of `module::PATH`.
fn constant(file: &str, name: &str) -> String {
    let place = match name.rsplit_once("::") {
        Some((module, _)) => {
            let folder = Path::new(file).parent().unwrap().join(module);
            if folder.is_dir() { folder.join("mod.rs") } else { folder.with_extension("rs") }
        }
        None => file.into(),
    };
    let text = fs::read_to_string(&place).unwrap();
    let pattern = format!(r#"const {}: &str = "([^"]+)""#, name.rsplit(':').next().unwrap());
    let found = Regex::new(&pattern).unwrap().captures(&text).map(|found| found[1].to_owned());
    found.unwrap_or_else(|| panic!("{name} in {}", place.display()))
}

//----------- JSON Schema -----------------------------------------------------

/// How a value differs from its schema: stricter than JSON Schema, in that every key has to be described.
fn check(document: &Value, schema: &Value, value: &Value, place: &str) -> Vec<String> {
    let mut errors = check_known(document, schema, value, place);
    if let Some(object) = value.as_object() {
        let known = keys(document, schema, value);
        if let Some(known) = known {
            let strange = object.keys().filter(|key| !known.contains(*key));
            errors.extend(strange.map(|key| format!("{place}/{key} is not described")));
        }
    }
    errors
}

fn check_known(document: &Value, schema: &Value, value: &Value, place: &str) -> Vec<String> {
    let schema = resolved(document, schema);
    let mut errors = Vec::new();
    for part in parts(schema, "allOf") {
        errors.extend(check_known(document, part, value, place));
    }
    let choices: Vec<&Value> = parts(schema, "oneOf").collect();
    if !choices.is_empty() && choices.iter().all(|choice| !check_known(document, choice, value, place).is_empty()) {
        errors.push(format!("{place}: {value} is none of {schema}"));
    }
    let types = match &schema["type"] {
        Value::Array(types) => types.clone(),
        one @ Value::String(_) => vec![one.clone()],
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => Vec::new(),
    };
    if !types.is_empty() && !types.iter().any(|kind| is_of(value, kind.as_str().unwrap())) {
        errors.push(format!("{place}: {value} is no {}", schema["type"]));
    }
    if let Some(allowed) = schema["enum"].as_array()
        && !allowed.contains(value)
    {
        errors.push(format!("{place}: {value} is none of {}", schema["enum"]));
    }
    if schema["format"] == "date-time"
        && let Some(text) = value.as_str()
        && humantime::parse_rfc3339(text).is_err()
    {
        errors.push(format!("{place}: {value} is no time"));
    }
    if let Some(object) = value.as_object() {
        for key in schema["required"].as_array().into_iter().flatten() {
            if !object.contains_key(key.as_str().unwrap()) {
                errors.push(format!("{place}: {key} is missing"));
            }
        }
        for (key, value) in object {
            let of_key = &schema["properties"][key];
            let of_key = if of_key.is_null() { &schema["additionalProperties"] } else { of_key };
            if of_key.is_object() {
                errors.extend(check(document, of_key, value, &format!("{place}/{key}")));
            }
        }
    }
    for (at, item) in value.as_array().into_iter().flatten().enumerate() {
        errors.extend(check(document, &schema["items"], item, &format!("{place}/{at}")));
    }
    errors
}

/// The keys that an object may have; nothing where any will do.
fn keys(document: &Value, schema: &Value, value: &Value) -> Option<BTreeSet<String>> {
    let schema = resolved(document, schema);
    if schema["additionalProperties"].is_object() {
        return None;
    }
    let own = schema["properties"].as_object().into_iter().flat_map(|properties| properties.keys().cloned());
    let mut known: BTreeSet<String> = own.collect();
    let fits = |choice: &&Value| check_known(document, choice, value, "").is_empty();
    for part in parts(schema, "allOf").chain(parts(schema, "oneOf").filter(fits)) {
        known.extend(keys(document, part, value)?);
    }
    Some(known)
}

fn parts<'a>(schema: &'a Value, of: &str) -> impl Iterator<Item = &'a Value> {
    schema[of].as_array().into_iter().flatten()
}

fn resolved<'a>(document: &'a Value, schema: &'a Value) -> &'a Value {
    match schema["$ref"].as_str() {
        Some(reference) => document.pointer(reference.trim_start_matches('#')).unwrap(),
        None => schema,
    }
}

fn is_of(value: &Value, kind: &str) -> bool {
    match kind {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        other => panic!("{other} is no type"),
    }
}

#[test]
fn the_check_finds_what_is_wrong() {
    let document = serde_json::json!({ "x": { "type": "object", "required": ["a"], "properties": {
        "a": { "type": ["integer", "null"] }, "b": { "type": "array", "items": { "enum": ["ok"] } } } } });
    let schema =
        serde_json::json!({ "allOf": [{ "$ref": "#/x" }, { "properties": { "c": { "format": "date-time" } } }] });
    let errors = |value: Value| check(&document, &schema, &value, "");
    assert!(errors(serde_json::json!({ "a": null, "b": ["ok"], "c": "2026-11-25T00:00:00.000Z" })).is_empty());
    for wrong in [
        serde_json::json!({}),
        serde_json::json!({ "a": "1" }),
        serde_json::json!({ "a": 1, "b": ["no"] }),
        serde_json::json!({ "a": 1, "c": "noon" }),
        serde_json::json!({ "a": 1, "d": 1 }),
        serde_json::json!([]),
    ] {
        assert_eq!(errors(wrong.clone()).len(), 1, "{wrong}: {:?}", errors(wrong.clone()));
    }
}
