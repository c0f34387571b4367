//! A closer look, asked for over HTTP: within the budget, for ten minutes, and then as before.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::http::{Request, header};
use fathom::daemon::Daemon;
use fathom::fetch::basic;
use fathom::operator::Token;
use fathom::web;
use serde_json::Value;
use tokio::time::{Instant, sleep};
use tower::ServiceExt;

use crate::estate::{Plan, label};
use crate::responder::{Asked, Responder, Say};

const TOKEN: &str = "correct-horse-battery-staple";
const TEN_MINUTES: Duration = Duration::from_secs(600);

async fn daemon(names: usize, packets_per_second: u32) -> (Responder, Arc<Daemon>) {
    let server = Responder::start(|_| Say::Address(Duration::ZERO)).await;
    let plan = Plan { packets_per_second, ..Plan::new(&[server.address, server.address], names) };
    let daemon = Daemon::start(Arc::unwrap_or_clone(plan.estate()), None).with_operator(Token::new(TOKEN));
    (server, Arc::new(daemon))
}

/// Status, place to go to, and body of what comes of a POST of this body by an operator.
async fn post(daemon: &Arc<Daemon>, kind: &str, body: &str) -> (u16, Option<String>, String) {
    let request = Request::post("/api/v1/look-closer")
        .header(header::AUTHORIZATION, basic("alice", TOKEN))
        .header(header::CONTENT_TYPE, kind)
        .body(Body::from(body.to_owned()))
        .unwrap();
    let response = web::app(Arc::clone(daemon)).oneshot(request).await.unwrap();
    let location = response.headers().get(header::LOCATION).map(|place| place.to_str().unwrap().to_owned());
    let status = response.status().as_u16();
    let body = to_bytes(response.into_body(), 10_000).await.unwrap();
    (status, location, String::from_utf8(body.to_vec()).unwrap())
}

/// The referrer policy and the body of a page.
async fn get(daemon: &Arc<Daemon>, path: &str) -> (String, String) {
    let request = Request::get(path).body(Body::empty()).unwrap();
    let response = web::app(Arc::clone(daemon)).oneshot(request).await.unwrap();
    let policy = response.headers()[header::REFERRER_POLICY].to_str().unwrap().to_owned();
    let body = to_bytes(response.into_body(), usize::MAX).await.unwrap();
    (policy, String::from_utf8(body.to_vec()).unwrap())
}

async fn json(daemon: &Arc<Daemon>, body: &str) -> (u16, String) {
    let (status, _, body) = post(daemon, "application/json", body).await;
    (status, body)
}

/// How long `resolver` is still looked at closely.
fn left(daemon: &Daemon, resolver: &str) -> Option<Duration> {
    daemon.fleet().looked_at_closely(&label("c"), &label(resolver))
}

/// The most packets within any time as long as this.
fn most_within(asked: &[Asked], time: Duration) -> usize {
    let within = |place: usize| asked[place..].iter().take_while(|later| later.at - asked[place].at < time).count();
    (0..asked.len()).map(within).max().unwrap_or(0)
}

#[tokio::test(start_paused = true)]
async fn for_ten_minutes_about_one_probe_a_second_and_then_as_before() {
    let (server, daemon) = daemon(4, 1000).await;
    sleep(Duration::from_secs(60)).await;
    let before = server.asked().len();
    let (status, body) = json(&daemon, r#"{"cluster": "c", "resolver": "r0"}"#).await;
    let answer: Value = serde_json::from_str(&body).unwrap();
    assert_eq!((status, &answer["cluster"], &answer["resolvers"][0]["resolver"]), (200, &"c".into(), &"r0".into()));
    assert!(
        answer["resolvers"][0]["looked_at_closely_until"].is_string() && answer["resolvers"][1].is_null(),
        "{body}"
    );
    sleep(TEN_MINUTES).await;
    let during = server.asked();
    // Four names every ten seconds at the one that is not looked at; at the other, and its identity, about once a second.
    let expected = 260 + 6 * 600..=260 + 6 * 900;
    let packets = during.len() - before;
    assert!(expected.contains(&packets), "{packets} packets in ten minutes");
    assert_eq!((left(&daemon, "r0"), left(&daemon, "r1")), (None, None), "it is over");
    sleep(TEN_MINUTES).await;
    let after = server.asked().len() - during.len();
    assert!(after.abs_diff(2 * 4 * 60 + 2 * 2 * 10) <= 20, "{after} packets in ten minutes");
    daemon.stop().await;
}

#[tokio::test(start_paused = true)]
async fn the_packet_budget_holds_however_often_it_is_asked_for() {
    let (server, daemon) = daemon(50, 6).await;
    let started = Instant::now();
    while started.elapsed() < TEN_MINUTES {
        assert_eq!(json(&daemon, r#"{"cluster": "c"}"#).await.0, 200);
        assert!(left(&daemon, "r0").is_some_and(|left| left <= TEN_MINUTES), "it extends, and does not stack");
        sleep(Duration::from_secs(7)).await;
    }
    let asked = server.asked();
    // Two resolvers share the address here: each may be sent six a second, and has six in reserve.
    let in_ten_seconds = most_within(&asked, Duration::from_secs(10));
    assert!(in_ten_seconds <= 2 * (6 + 60 + 1), "{in_ten_seconds} packets within ten seconds");
    let all = asked.len();
    assert!(all <= 2 * (6 + 6 * 607), "{all} packets in ten minutes");
    // Half is kept for what cannot wait: 50 names every ten seconds, five a second.
    assert!(all >= 2 * 5 * 590, "{all} packets: nobody's own slot is lost to a closer look");
    daemon.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_button_leads_back_to_where_it_was() {
    let (_server, daemon) = daemon(1, 1000).await;
    let form = "application/x-www-form-urlencoded; charset=utf-8";
    let go = async |body: &str| {
        let (status, place, _) = post(&daemon, form, body).await;
        (status, place.unwrap_or_default())
    };
    assert_eq!(go("cluster=c&resolver=").await, (303, "/#cluster-c".to_owned()));
    assert!(left(&daemon, "r0").is_some() && left(&daemon, "r1").is_some());
    assert_eq!(go("cluster=c&resolver=r1").await, (303, "/resolvers/c/r1".to_owned()));
    assert_eq!(go("cluster=c&resolver=//evil.example").await.0, 404);
    // A browser tells where a form came from only when the page lets it, and without that it is refused.
    let (_, page) = get(&daemon, "/").await;
    let button = "<form class=\"look-closer\" method=\"post\" action=\"/api/v1/look-closer\" data-closely=\"true\"";
    assert!(page.contains(button) && page.contains("All resolvers probed about once a second until "), "{page}");
    let (referrer, page) = get(&daemon, "/resolvers/c/r1").await;
    assert!(page.contains("<input type=\"hidden\" name=\"resolver\" value=\"r1\">"), "{page}");
    assert_eq!(referrer, "same-origin");
    let (_, status) = get(&daemon, "/api/v1/status").await;
    let status: Value = serde_json::from_str(&status).unwrap();
    assert!(status["resolvers"][0]["looked_at_closely_until"].is_string(), "{status}");
    sleep(TEN_MINUTES).await;
    let (_, page) = get(&daemon, "/resolvers/c/r1").await;
    assert!(page.contains("data-closely=\"false\"") && !page.contains("Probed about once a second"), "{page}");
    daemon.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_shorter_look_ends_sooner_and_shortens_no_longer_one() {
    let (_server, daemon) = daemon(1, 1000).await;
    json(&daemon, r#"{"cluster": "c", "resolver": "r0", "for": "30s"}"#).await;
    sleep(Duration::from_secs(31)).await;
    assert_eq!(left(&daemon, "r0"), None);
    json(&daemon, r#"{"cluster": "c", "for": "5m"}"#).await;
    json(&daemon, r#"{"cluster": "c", "for": "1s"}"#).await;
    assert!(left(&daemon, "r1") > Some(Duration::from_secs(200)));
    daemon.stop().await;
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_done_is_refused_in_words() {
    let (_server, daemon) = daemon(1, 1000).await;
    let allowed = "for: allowed is a time from 1s to 10m.\n";
    let cases = [
        (r#"{"cluster": "d"}"#, 404, "There is no cluster of this name here; there are: c.\n"),
        (r#"{"cluster": "c", "resolver": "r9"}"#, 404, "There is no resolver of this name in c; there are: r0, r1.\n"),
        (r#"{"cluster": "c", "for": "11m"}"#, 400, allowed),
        (r#"{"cluster": "c", "for": "0s"}"#, 400, allowed),
        (r#"{"cluster": "c", "for": "soon"}"#, 400, allowed),
    ];
    for (body, status, why) in cases {
        assert_eq!(json(&daemon, body).await, (status, why.to_owned()), "{body}");
    }
    for (kind, body, status) in [
        ("application/json", "{", 400),
        ("application/json", r#"{"cluster": "c", "speed": 9}"#, 422),
        ("application/json", &format!("{{\"cluster\": \"{}\"}}", "x".repeat(5000)), 413),
        ("text/plain", "c", 415),
        ("application/x-www-form-urlencoded", "resolver=r0", 422),
    ] {
        assert_eq!(post(&daemon, kind, body).await.0, status, "{kind} {body:.60}");
    }
    let request = Request::post("/api/v1/look-closer").body(Body::empty()).unwrap();
    let response = web::app(Arc::clone(&daemon)).oneshot(request).await.unwrap();
    assert_eq!(response.status().as_u16(), 401, "not without the token");
    assert_eq!((left(&daemon, "r0"), left(&daemon, "r1")), (None, None));
    daemon.stop().await;
}
