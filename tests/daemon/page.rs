//! The pages as a browser gets them: what they say, that nothing in them can do harm, and that they are whole.

use std::collections::{BTreeSet, VecDeque};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode, header};
use fathom::config::{Overrides, parse};
use fathom::daemon::Daemon;
use fathom::estate::{Asking, Cluster, Estate, Name, Resolver, Transport};
use fathom::evidence::clues::{Bearing, Clue};
use fathom::expect::Expect;
use fathom::fetch::basic;
use fathom::graph::{Edge, Method};
use fathom::operator::Token;
use fathom::outcome::Outcome;
use fathom::report::ClusterReport;
use fathom::verdict::{ClusterState, Confidence, Verdict};
use fathom::web;
use serde_json::Value;
use tokio::time::sleep;
use tower::ServiceExt;

use crate::estate::Plan;
use crate::responder::{Responder, Say};

/// Markup, as a server could send it in any text of its own.
const HOSTILE: &str = "</td></pre><script>alert('1')</script>\"&";

/// All that may be in a page, with its styles and its script, in bytes.
const LARGEST: usize = 100_000;

async fn get(daemon: &Arc<Daemon>, path: &str) -> (StatusCode, String, String) {
    let request = Request::get(path).body(Body::empty()).unwrap();
    let response = web::app(Arc::clone(daemon)).oneshot(request).await.unwrap();
    let kind = response.headers()[header::CONTENT_TYPE].to_str().unwrap().to_owned();
    let policy = response.headers()[header::CONTENT_SECURITY_POLICY].to_str().unwrap();
    assert_eq!(
        policy,
        "default-src 'none'; script-src 'self'; connect-src 'self'; style-src 'self'; img-src 'self'; form-action 'self'; \
         frame-ancestors 'none'; base-uri 'none'"
    );
    let status = response.status();
    let body = to_bytes(response.into_body(), usize::MAX).await.unwrap();
    (status, kind, String::from_utf8(body.to_vec()).unwrap())
}

/// A page that has to be there.
async fn page(daemon: &Arc<Daemon>, path: &str) -> String {
    let (status, kind, page) = get(daemon, path).await;
    assert_eq!((status, kind.as_str()), (StatusCode::OK, "text/html; charset=utf-8"), "{path}: {page}");
    hold_to_rules(path, &page);
    page
}

async fn document(daemon: &Arc<Daemon>, path: &str) -> Value {
    let (status, kind, document) = get(daemon, path).await;
    assert_eq!((status, kind.as_str()), (StatusCode::OK, "application/json"), "{path}: {document}");
    serde_json::from_str(&document).unwrap()
}

/// The estate of the shipped probes.toml, with its resolvers at another address.
fn shipped_estate(address: SocketAddr) -> Estate {
    let mut estate = parse(include_str!("../../probes.toml"), "probes.toml", &Overrides::default()).unwrap().estate;
    estate.beacon = None;
    // The responder is an authority for nothing, and all that it has is an address.
    for name in estate.names.iter_mut().filter(|name| !name.question.recursion_desired) {
        let expect = Expect { min_answers: 0, ..Expect::default() };
        let asking = Asking { transports: vec![Transport::Udp], ..name.asking.clone() };
        *name = Arc::new(Name { expect, asking, ..Name::clone(name) });
    }
    for cluster in &mut estate.clusters {
        let mut moved = Cluster::clone(cluster);
        for resolver in &mut moved.resolvers {
            *resolver = Arc::new(Resolver { address, packets_per_second: 1000, ..Resolver::clone(resolver) });
        }
        *cluster = Arc::new(moved);
    }
    estate
}

/// The four of the incident, in a ring.
fn ring(estate: &Estate) -> ClusterReport {
    let size = estate.clusters[0].resolvers.len();
    let step = |from| Edge { from, to: (from + 1) % size, method: Method::Tracer, twice: true, rtt: None };
    let mut report = Arc::unwrap_or_clone(crate::metrics::report(estate, (0..size).map(step)));
    report.state = ClusterState::Outage;
    (report.independent_exits, report.last_exit) = (Some(0), None);
    "ns1, ns2, ns3 and ns4 forward in a circle.".clone_into(&mut report.sentence);
    for (place, resolver) in report.resolvers.iter_mut().enumerate() {
        (resolver.verdict, resolver.confidence) = (Verdict::LoopSuspected, Confidence::Confirmed);
        (resolver.resolves, resolver.is_exit) = (false, false);
        resolver.sentence = format!("{place} is in a circle.");
        resolver.clues = [Bearing::For, Bearing::Against, Bearing::Aside]
            .map(|bearing| Clue { bearing, text: format!("{} what it says", bearing.as_str()) })
            .to_vec();
    }
    report
}

/// The shipped estate during the incident: names from outside get no answer.
async fn incident() -> (Responder, Arc<Daemon>) {
    let inside = |qname: &str| qname.ends_with("int.example.");
    let server = Responder::start(move |asked| {
        if inside(&asked.qname) { Say::Address(Duration::ZERO) } else { Say::Servfail(Duration::from_millis(5)) }
    })
    .await;
    let daemon = Arc::new(Daemon::start(shipped_estate(server.address), None));
    let estate = daemon.board().snapshot().estate;
    daemon.board().report(Arc::new(ring(&estate)));
    sleep(Duration::from_secs(25)).await;
    (server, daemon)
}

/// Elements that have no end (HTML, section 13.1.2).
const VOID: [&str; 5] = ["meta", "link", "br", "input", "hr"];

/// Every tag is closed where it has to be, no id is there twice, and nothing is in it that the policy forbids.
fn hold_to_rules(path: &str, page: &str) {
    let (mut open, mut ids): (Vec<&str>, BTreeSet<&str>) = (Vec::new(), BTreeSet::new());
    for tag in page.split('<').skip(1).map(|rest| rest.split_once('>').expect("every < ends with >").0) {
        if let Some(name) = tag.strip_prefix('/') {
            assert_eq!(open.pop(), Some(name), "{path}");
            continue;
        }
        let name = tag.split([' ', '/']).next().unwrap();
        if tag.starts_with('!') || VOID.contains(&name) || tag.ends_with('/') {
            continue;
        }
        open.push(name);
        for attribute in [" style=", " onclick=", " onload=", "javascript:"] {
            assert!(!tag.contains(attribute), "{path}: <{tag}>");
        }
        assert!(name != "style" && (name != "script" || tag == "script src=\"/live.js\" defer"), "{path}: <{tag}>");
        if let Some(id) = tag.split(" id=\"").nth(1).and_then(|rest| rest.split('"').next()) {
            assert!(ids.insert(id), "{path}: the id {id} is there twice");
        }
    }
    assert!(open.is_empty(), "{path}: {open:?} stays open");
    for (_, target) in
        attributes(page, "aria-labelledby").chain(attributes(page, "href").filter(|(_, to)| to.starts_with('#')))
    {
        assert!(ids.contains(target.trim_start_matches('#')), "{path}: nothing has the id {target}");
    }
}

/// Every value of an attribute, and the tag it is in.
fn attributes<'p>(page: &'p str, attribute: &str) -> impl Iterator<Item = (&'p str, &'p str)> {
    let start = format!(" {attribute}=\"");
    page.split('<').filter_map(move |tag| Some((tag, tag.split_once(&start)?.1.split('"').next()?)))
}

#[tokio::test(start_paused = true)]
async fn the_first_words_say_what_where_why_and_what_next() {
    let (_server, daemon) = incident().await;
    let page = page(&daemon, "/").await;
    for shown in [
        "Yes, it is DNS: names from outside (database, mpic, ct_log and external) fail at all 4 resolvers of dc1-internal since ",
        "<strong>Why: </strong>ns1, ns2, ns3 and ns4 forward in a circle.</p>",
        "Give one of ns1, ns2, ns3, ns4 its own forwarders again; the others recover through it.",
        "<a href=\"/runbooks/DNSForwardingLoop\">",
        "data-cluster=\"dc1-internal\" data-state=\"outage\"",
        "0 of 4 exits",
        "No way out is left.",
        "Circles: ns1 &gt; ns2 &gt; ns3 &gt; ns4 &gt; ns1.",
    ] {
        assert!(page.contains(shown), "{shown} is not in {page}");
    }
    assert_eq!(page.matches("data-outcome=\"loop_suspected\"").count(), 16, "four classes at four resolvers: {page}");
    assert_eq!(page.matches("data-outcome=\"ok\"").count(), 4, "names of their own zones: {page}");
    assert_eq!(page.matches("class=\"circle\"").count() - 1, 4, "and the tip of the arrow: {page}");

    let status = document(&daemon, "/api/v1/status").await;
    assert_eq!(status["summary"]["is_it_dns"], "yes");
    assert_eq!(status["clusters"][0]["circles"][0].as_array().unwrap().len(), 4);
}

#[tokio::test(start_paused = true)]
async fn what_is_well_is_folded_and_what_is_not_is_open() {
    let server = Responder::start(|_| Say::Address(Duration::ZERO)).await;
    let estate = Plan::new(&[server.address, server.address], 3).estate();
    let daemon = Arc::new(Daemon::start(Arc::unwrap_or_clone(estate), None));
    let details = "<details id=\"details-c\"";
    let before = page(&daemon, "/").await;
    assert!(before.contains("Whether it is DNS is not known yet") && before.contains(&format!("{details} open>")));
    sleep(Duration::from_secs(12)).await;
    let untraced = page(&daemon, "/").await;
    assert!(
        untraced.contains("No sign that it is DNS: all 6 targets at all 2 resolvers answer as expected."),
        "{untraced}"
    );

    let estate = daemon.board().snapshot().estate;
    let mut report = Arc::unwrap_or_clone(crate::metrics::report(&estate, []));
    report.state = ClusterState::Healthy;
    report.resolvers.iter_mut().for_each(|resolver| resolver.verdict = Verdict::Ok);
    daemon.board().report(Arc::new(report.clone()));
    assert!(page(&daemon, "/").await.contains(&format!("{details}>")), "folded");

    report.state = ClusterState::Fragile;
    daemon.board().report(Arc::new(report));
    let fragile = page(&daemon, "/").await;
    assert!(fragile.contains(&format!("{details} open>")), "{fragile}");
    assert!(
        fragile.contains("DNS answers, but is at risk: there is 1 independent way out of c left since"),
        "{fragile}"
    );
    assert!(fragile.contains("Do not touch r1. "), "{fragile}");
}

#[tokio::test(start_paused = true)]
async fn names_that_fail_without_a_verdict_are_told() {
    let server =
        Responder::start(
            |asked| if asked.qname == "n1.example." { Say::Nothing } else { Say::Address(Duration::ZERO) },
        )
        .await;
    let estate = Plan::new(&[server.address, server.address], 3).estate();
    let daemon = Arc::new(Daemon::start(Arc::unwrap_or_clone(estate), None));
    sleep(Duration::from_secs(15)).await;
    let page = page(&daemon, "/").await;
    assert!(
        page.contains("Yes, it is DNS: some names from outside (external) fail at all 2 resolvers of c since "),
        "{page}"
    );
    assert!(page.contains("The last probes of 2 of 6 targets failed: 2 timeout."), "{page}");
    assert!(page.contains("href=\"/runbooks/DNSClassFailing\""), "{page}");
    assert!(page.contains("<b>timeout</b> 1 of 3"), "{page}");
}

#[tokio::test(start_paused = true)]
async fn everything_a_page_links_to_is_there_and_all_of_it_is_small() {
    let (_server, daemon) = incident().await;
    let (mut seen, mut todo) = (BTreeSet::new(), VecDeque::from(["/".to_owned()]));
    while let Some(path) = todo.pop_front() {
        if !seen.insert(path.clone()) {
            continue;
        }
        let (status, kind, body) = get(&daemon, &path).await;
        assert_eq!(status, StatusCode::OK, "{path}");
        // Runbooks are held to their own rules, and link to each other by their own names.
        if !kind.starts_with("text/html") || path.starts_with("/runbooks") {
            continue;
        }
        hold_to_rules(&path, &body);
        assert!(body.len() < LARGEST, "{path} has {} bytes", body.len());
        let links = attributes(&body, "href").chain(attributes(&body, "src"));
        let links = links.map(|(_, to)| to.split('#').next().unwrap_or_default().to_owned());
        todo.extend(links.filter(|to| !to.is_empty()));
    }
    for page in ["/resolvers/dc1-internal/ns4", "/names/external-cold", "/?hold", "/live.js", "/style.css", "/icon.svg"]
    {
        assert!(seen.contains(page), "nothing leads to {page}: {seen:?}");
    }
    let mut first = 0;
    for part in ["/", "/style.css", "/live.js", "/icon.svg"] {
        first += get(&daemon, part).await.2.len();
    }
    assert!(first < LARGEST / 2, "{first} bytes to see the status of the shipped estate");
}

#[tokio::test(start_paused = true)]
async fn the_page_of_a_resolver_shows_replies_as_dig_does_and_what_speaks_against_the_verdict() {
    let (server, daemon) = incident().await;
    let page = page(&daemon, "/resolvers/dc1-internal/ns2").await;
    let address = server.address.to_string().replace(':', "#");
    for shown in [
        "1 is in a circle.".to_owned(),
        "<h3>For the verdict</h3><ul data-bearing=\"for\"><li>for what it says</li></ul>".to_owned(),
        "<h3>Against it</h3><ul data-bearing=\"against\"><li>against what it says</li></ul>".to_owned(),
        ";; -&gt;&gt;HEADER&lt;&lt;- opcode: QUERY, status: SERVFAIL, id: ".to_owned(),
        "; EDE 22 (No Reachable Authority)\n".to_owned(),
        ";www.example.com.\tIN\tA\n".to_owned(),
        format!(";; Query time: 5 msec\n;; SERVER: {address} (UDP)\n;; WHEN: "),
        "<a href=\"/names/db-primary\">db-primary</a>".to_owned(),
    ] {
        assert!(page.to_lowercase().contains(&shown.to_lowercase()), "{shown} is not in {page}");
    }
    let document = document(&daemon, "/api/v1/resolvers/dc1-internal/ns2").await;
    assert_eq!(document["judged"]["verdict"], "loop_suspected");
    let names = document["names"].as_array().unwrap();
    let cached = names.iter().find(|name| name["name"] == "external-cached").unwrap();
    assert_eq!((&cached["last_reply"]["result"], &cached["last_good_reply"]), (&"loop_suspected".into(), &Value::Null));
}

#[tokio::test(start_paused = true)]
async fn the_page_of_a_name_shows_every_resolver() {
    let (_server, daemon) = incident().await;
    let fails = page(&daemon, "/names/db-replica").await;
    for shown in ["4 of 4 last probes failed.", "ns4</a> of dc1-internal", "<dd>NOERROR, exactly 198.51.100.21</dd>"] {
        assert!(fails.contains(shown), "{shown} is not in {fails}");
    }
    let works = page(&daemon, "/names/db-primary").await;
    assert!(works.contains("All 4 last probes were answered as expected."), "{works}");
    let document = document(&daemon, "/api/v1/names/db-primary").await;
    assert_eq!(document["resolvers"].as_array().unwrap().len(), 4);
}

#[tokio::test(start_paused = true)]
async fn what_does_not_exist_is_not_found_and_there_is_a_way_on() {
    let (_server, daemon) = incident().await;
    for (path, sentence, link) in [
        ("/resolvers/dc1-internal/ns9", "There is no such resolver", "/resolvers/dc1-internal/ns1"),
        ("/resolvers/%3Cscript%3E/ns1", "There is no such resolver", "/resolvers/dc1-internal/ns1"),
        ("/names/nothing", "There is no such name", "/names/db-primary"),
    ] {
        let (status, kind, page) = get(&daemon, path).await;
        assert_eq!((status, kind.as_str()), (StatusCode::NOT_FOUND, "text/html; charset=utf-8"), "{path}");
        hold_to_rules(path, &page);
        assert!(page.contains(sentence) && page.contains(&format!("href=\"{link}\"")), "{page}");
    }
    for path in ["/api/v1/resolvers/dc1-internal/ns9", "/api/v1/names/nothing"] {
        let (status, kind, error) = get(&daemon, path).await;
        assert_eq!((status, kind.as_str()), (StatusCode::NOT_FOUND, "application/json"), "{path}");
        assert!(error.starts_with("{\"error\":\"there is no such "), "{error}");
    }
}

/// What comes of a mark by this operator.
async fn mark(daemon: &Arc<Daemon>, body: &'static str, token: &str) -> (StatusCode, Option<String>, String) {
    let request = Request::post("/marks")
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .header(header::AUTHORIZATION, basic("alice", token));
    let response = web::app(Arc::clone(daemon)).oneshot(request.body(Body::from(body)).unwrap()).await.unwrap();
    let location = response.headers().get(header::LOCATION).map(|to| to.to_str().unwrap().to_owned());
    let status = response.status();
    let body = to_bytes(response.into_body(), usize::MAX).await.unwrap();
    (status, location, String::from_utf8(body.to_vec()).unwrap())
}

#[tokio::test(start_paused = true)]
async fn a_mark_is_made_by_operators_alone_and_told_among_the_changes() {
    let server = Responder::start(|_| Say::Address(Duration::ZERO)).await;
    let estate = Arc::unwrap_or_clone(Plan::new(&[server.address], 1).estate());
    let token = "correct-horse-battery-staple";
    let daemon = Arc::new(Daemon::start(estate.clone(), None).with_operator(Token::new(token)));
    assert!(page(&daemon, "/").await.contains("<form method=\"post\" action=\"/marks\">"));
    let (status, to, _) = mark(&daemon, "text=restored+%3Cb%3Ens2%3C%2Fb%3E", token).await;
    assert_eq!((status, to.as_deref()), (StatusCode::SEE_OTHER, Some("/#changes")));
    let shown = page(&daemon, "/").await;
    assert!(shown.contains("<strong>Mark by alice: restored &lt;b&gt;ns2&lt;/b&gt;</strong>"), "{shown}");

    for (body, token, expected) in [
        ("text=", token, StatusCode::BAD_REQUEST),
        ("text=%0Atwo%0Alines", token, StatusCode::BAD_REQUEST),
        ("words=fine", token, StatusCode::UNPROCESSABLE_ENTITY),
        ("text=fine", "wrong", StatusCode::UNAUTHORIZED),
    ] {
        assert_eq!(mark(&daemon, body, token).await.0, expected, "{body}");
    }
    assert_eq!(document(&daemon, "/api/v1/status").await["journal"]["changes"].as_array().unwrap().len(), 2);

    let without = Arc::new(Daemon::start(estate, None));
    assert!(!page(&without, "/").await.contains("action=\"/marks\""), "nobody could use it");
    assert_eq!(mark(&without, "text=fine", token).await.0, StatusCode::FORBIDDEN);
}

#[tokio::test(start_paused = true)]
async fn the_page_tells_incidents_and_changes_and_where_they_are_kept() {
    let (_server, daemon) = incident().await;
    let page = page(&daemon, "/").await;
    for shown in [
        "<article data-incident=\"1\"><h3><a href=\"/api/v1/incidents/1\">#1</a> dc1-internal <span class=\"word bad\">outage</span></h3>",
        "<li data-kind=\"cluster\">",
        " changes of outcomes since ",
        "ns1, ns2, ns3 and ns4 forward in a circle.</li>",
        "The journal is kept in memory, and lost when the prober stops: prober.state_dir is not given.",
    ] {
        assert!(page.contains(shown), "{shown} is not in {page}");
    }
}

#[tokio::test(start_paused = true)]
async fn history_is_drawn_and_told() {
    let (_server, daemon) = incident().await;
    sleep(Duration::from_secs(60)).await;
    for path in ["/resolvers/dc1-internal/ns1", "/names/mpic-asia"] {
        let shown = page(&daemon, path).await;
        assert_eq!(shown.matches("<figure class=\"history\"").count(), 3, "{shown}");
        assert!(shown.contains("class=\"some\"") && shown.contains(" probes failed ("), "{shown}");
        let document = document(&daemon, &format!("/api/v1{path}")).await;
        let bars = document["history"][0]["bars"].as_array().unwrap();
        let failed: u64 = bars.iter().map(|bar| bar["failed"].as_u64().unwrap()).sum();
        assert!(bars.len() == 60 && failed > 0, "{document}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_badge_of_a_cluster_is_its_state() {
    let (_server, daemon) = incident().await;
    let (status, kind, badge) = get(&daemon, "/badge/dc1-internal.svg").await;
    assert_eq!((status, kind.as_str()), (StatusCode::OK, "image/svg+xml"));
    assert!(badge.contains("<title>dc1-internal: outage</title>"), "{badge}");
    for path in ["/badge/dc9.svg", "/badge/dc1-internal", "/badge/%3Cscript%3E.svg"] {
        let (status, _, why) = get(&daemon, path).await;
        assert!(status == StatusCode::NOT_FOUND && why.starts_with("There is no such cluster"), "{why}");
    }
}

#[tokio::test(start_paused = true)]
async fn no_text_from_outside_becomes_markup() {
    let server = Responder::start(|_| Say::Hostile(HOSTILE)).await;
    let estate = Plan::new(&[server.address], 2).estate();
    let daemon = Arc::new(Daemon::start(Arc::unwrap_or_clone(estate), None));
    sleep(Duration::from_secs(70)).await;
    let estate = daemon.board().snapshot().estate;
    let itself = Edge { from: 0, to: 0, method: Method::Tracer, twice: true, rtt: None };
    let mut report = Arc::unwrap_or_clone(crate::metrics::report(&estate, [itself]));
    HOSTILE.clone_into(&mut report.sentence);
    HOSTILE.clone_into(&mut report.resolvers[0].sentence);
    report.resolvers[0].clues = vec![Clue { bearing: Bearing::For, text: HOSTILE.to_owned() }];
    daemon.board().report(Arc::new(report));
    let escaped = "&lt;/td&gt;&lt;/pre&gt;&lt;script&gt;alert('1')&lt;/script&gt;";
    for (path, least) in [("/", 1), ("/resolvers/c/r0", 6), ("/names/n0", 1)] {
        let page = page(&daemon, path).await;
        assert!(page.matches(escaped).count() >= least, "{path}: {page}");
        assert!(!page.contains("<script>"), "{path}");
    }
    let document = document(&daemon, "/api/v1/resolvers/c/r0").await;
    for key in ["nsid", "server_id", "version"] {
        assert!(document[key].as_str().unwrap().starts_with("</td></pre><script>"), "{key} came: {document}");
    }
}

#[tokio::test(start_paused = true)]
async fn every_key_of_every_document_is_documented() {
    let (_server, daemon) = incident().await;
    let documentation = include_str!("../../docs/api.md");
    for path in ["/api/v1/status", "/api/v1/resolvers/dc1-internal/ns1", "/api/v1/names/db-replica"] {
        assert!(
            documentation.contains(&path.replace("dc1-internal/ns1", "CLUSTER/RESOLVER").replace("db-replica", "ID"))
        );
        let mut todo = vec![document(&daemon, path).await];
        while let Some(value) = todo.pop() {
            match value {
                Value::Array(values) => todo.extend(values),
                Value::Object(object) => {
                    for (key, value) in object {
                        // Outcomes, reasons and zones are data and no keys of ours.
                        // Incidents and changes are documented with the journal.
                        let apart = ["results", "probes_skipped", "zone_serials", "incidents", "changes"];
                        if !apart.contains(&key.as_str()) {
                            todo.push(value);
                        }
                        assert!(documentation.contains(&format!("`{key}`")), "{key} of {path} is not in docs/api.md");
                    }
                }
                Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
            }
        }
    }
    assert!(Outcome::ALL.len() == 16, "the words of outcomes are documented with the metrics");
}
