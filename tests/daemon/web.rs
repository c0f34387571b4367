//! What is served over HTTP, and what clients cannot do to it.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::http::{Method, Request, StatusCode, header};
use fathom::config::{ConfigFile, Overrides};
use fathom::daemon::Daemon;
use fathom::web;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use crate::estate::Plan;
use crate::responder::{Responder, Say};

/// A prober of an estate made by hand, so without a file.
async fn daemon() -> (Responder, Arc<Daemon>) {
    let server = Responder::start(|_| Say::Address(Duration::ZERO)).await;
    let estate = Plan::new(&[server.address], 3).estate();
    (server, Arc::new(Daemon::start(Arc::unwrap_or_clone(estate), None)))
}

/// A prober with a configuration file of its own.
async fn daemon_with_file(test: &str) -> (Responder, Arc<Daemon>, PathBuf) {
    let server = Responder::start(|_| Say::Address(Duration::ZERO)).await;
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{test}.toml"));
    std::fs::write(&path, configuration(server.address, "ns1", "127.0.0.1:9953")).unwrap();
    let file = ConfigFile { path: path.clone(), overrides: Overrides::default() };
    let daemon = Daemon::start(file.load().unwrap().estate, Some(file));
    (server, Arc::new(daemon), path)
}

fn configuration(address: SocketAddr, resolver: &str, listen: &str) -> String {
    format!(
        r#"
        [prober]
        environment = "test"
        datacenter = "dc1"
        listen = "{listen}"

        [[cluster]]
        name = "c"
        datacenter = "dc1"
        roles = ["recursive"]

        [[cluster.resolver]]
        name = "{resolver}"
        address = "{address}"

        [[name]]
        id = "www"
        class = "external"
        qname = "www.example."
        qtype = "A"
        "#
    )
}

async fn request(daemon: &Arc<Daemon>, method: Method, path: &str) -> (StatusCode, String) {
    let request = Request::builder().method(method).uri(path).body(Body::empty()).unwrap();
    let response = web::app(Arc::clone(daemon)).oneshot(request).await.unwrap();
    let policy = response.headers()[header::CONTENT_SECURITY_POLICY].to_str().unwrap();
    assert!(policy.starts_with("default-src 'none'"), "on every response");
    let status = response.status();
    let body = to_bytes(response.into_body(), usize::MAX).await.unwrap();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

async fn get(daemon: &Arc<Daemon>, path: &str) -> (StatusCode, String) {
    request(daemon, Method::GET, path).await
}

/// Serves on a free port until the token is cancelled.
async fn serve(daemon: &Arc<Daemon>) -> (SocketAddr, CancellationToken, tokio::task::JoinHandle<()>) {
    let listener = web::listen("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let (address, shutdown) = (listener.local_addr().unwrap(), CancellationToken::new());
    let server = tokio::spawn(web::serve(listener, web::app(Arc::clone(daemon)), shutdown.clone()));
    (address, shutdown, server)
}

/// Sends bytes and returns everything that comes until the server closes.
async fn converse(address: SocketAddr, sent: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    // The server may have had enough before it has read everything.
    drop(stream.write_all(sent).await);
    let mut answer = Vec::new();
    drop(stream.read_to_end(&mut answer).await);
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test(start_paused = true)]
async fn it_is_ready_once_everything_was_probed() {
    let (_server, daemon) = daemon().await;
    assert_eq!(get(&daemon, "/-/ready").await.0, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(get(&daemon, "/-/healthy").await.0, StatusCode::OK);
    sleep(Duration::from_secs(12)).await;
    assert_eq!(get(&daemon, "/-/ready").await.0, StatusCode::OK);
}

#[tokio::test(start_paused = true)]
async fn pages_are_served_and_nothing_else_is() {
    let (server, daemon) = daemon().await;
    sleep(Duration::from_secs(12)).await;
    let (status, metrics) = get(&daemon, "/metrics").await;
    assert!(status == StatusCode::OK && metrics.contains("dns_probe_results_total{"));
    let (status, page) = get(&daemon, "/").await;
    let summary = "No sign that it is DNS: all 3 targets at the one resolver answer as expected.";
    assert!(status == StatusCode::OK && page.contains(summary), "{page}");
    let (status, page) = get(&daemon, "/resolvers/c/r0").await;
    assert!(status == StatusCode::OK && page.contains(&format!("<dd>{}</dd>", server.address)), "{page}");
    for nothing in ["/metrics/", "/api", "/-/quit", "/%00", "/../etc/passwd"] {
        assert_eq!(get(&daemon, nothing).await.0, StatusCode::NOT_FOUND, "{nothing}");
    }
    for (method, path) in [(Method::POST, "/metrics"), (Method::DELETE, "/"), (Method::GET, "/-/reload")] {
        assert_eq!(request(&daemon, method, path).await.0, StatusCode::METHOD_NOT_ALLOWED, "{path}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_page_holds_still_for_those_who_ask_and_brings_its_own_style() {
    let (_server, daemon) = daemon().await;
    for (path, refreshes) in [("/", true), ("/?", true), ("/?hold", false), ("/?%3Cscript%3E", true)] {
        let (status, page) = get(&daemon, path).await;
        let noscript = "<noscript><meta http-equiv=\"refresh\" content=\"10\"></noscript>";
        assert_eq!((status, page.contains(noscript)), (StatusCode::OK, refreshes), "{path}");
        assert_eq!(page.contains("<script src=\"/live.js\" defer></script>"), refreshes, "{path}");
    }
    let kinds = [("/style.css", "text/css"), ("/live.js", "text/javascript")];
    for (path, kind) in kinds {
        let request = Request::get(path).body(Body::empty()).unwrap();
        let response = web::app(Arc::clone(&daemon)).oneshot(request).await.unwrap();
        assert_eq!(response.headers()[header::CONTENT_TYPE], format!("{kind}; charset=utf-8"));
    }
}

#[tokio::test(start_paused = true)]
async fn the_status_document_says_everything() {
    let (server, daemon) = daemon().await;
    sleep(Duration::from_secs(12)).await;
    let (_, document) = get(&daemon, "/api/v1/status").await;
    let document: serde_json::Value = serde_json::from_str(&document).unwrap();
    let resolver = &document["resolvers"][0];
    assert_eq!(resolver["address"], server.address.to_string());
    assert_eq!(resolver["names"].as_array().unwrap().len(), 3);
    let name = &resolver["names"][2];
    assert_eq!((&name["name"], &name["result"]), (&"n2".into(), &"ok".into()));
    assert_eq!(name["results"]["ok"], 1);
    assert_eq!((&resolver["classes"][0]["outcome"], &resolver["classes"][0]["count"]), (&"ok".into(), &3.into()));
    assert_eq!(
        (&document["clusters"][0]["state"], &document["summary"]["is_it_dns"]),
        (&"unknown".into(), &"no".into())
    );
}

#[tokio::test(start_paused = true)]
async fn a_reload_takes_a_good_file_and_keeps_the_old_estate_when_it_is_bad() {
    let (server, daemon, path) = daemon_with_file("reload").await;
    sleep(Duration::from_secs(60)).await;
    let reload = async || request(&daemon, Method::POST, "/-/reload").await;

    std::fs::write(&path, "[prober]\nenvironment = 7\nnonsense = true\n").unwrap();
    let (status, why) = reload().await;
    assert_eq!(status, StatusCode::INTERNAL_SERVER_ERROR);
    assert!(why.contains("the old configuration is still used") && why.contains("reload.toml:2:"), "{why}");
    assert!(why.contains("nonsense"), "every mistake: {why}");
    let (_, metrics) = get(&daemon, "/metrics").await;
    assert!(metrics.contains("fathom_config_last_reload_successful{environment=\"test\",vantage=\"dc1\"} 0"));
    assert!(metrics.contains("resolver=\"ns1\""));

    std::fs::write(&path, configuration(server.address, "ns2", "127.0.0.1:9954")).unwrap();
    let (status, what) = reload().await;
    assert_eq!(status, StatusCode::OK, "{what}");
    assert!(
        what.contains("prober.listen has changed, which takes effect when this process is started again"),
        "{what}"
    );
    let (_, metrics) = get(&daemon, "/metrics").await;
    assert!(metrics.contains("fathom_config_last_reload_successful{environment=\"test\",vantage=\"dc1\"} 1"));
    assert!(metrics.contains("resolver=\"ns2\"") && !metrics.contains("resolver=\"ns1\""));

    std::fs::remove_file(&path).unwrap();
    let (status, why) = reload().await;
    assert!(status == StatusCode::INTERNAL_SERVER_ERROR && why.contains("cannot be read"), "{why}");
}

#[tokio::test(start_paused = true)]
async fn without_a_file_there_is_nothing_to_reload() {
    let (_server, daemon) = daemon().await;
    assert_eq!(request(&daemon, Method::POST, "/-/reload").await.0, StatusCode::CONFLICT);
}

#[tokio::test(start_paused = true)]
async fn bad_requests_end_without_harm() {
    let (_server, daemon) = daemon().await;
    let (address, _shutdown, _server) = serve(&daemon).await;
    let endless = [b"GET /".as_slice(), &vec![b'a'; 100_000], b" HTTP/1.1\r\n\r\n"].concat();
    let many = format!("GET / HTTP/1.1\r\n{}\r\n", "a: b\r\n".repeat(1000));
    let bad: [&[u8]; 6] = [
        &endless,
        many.as_bytes(),
        b"\0\x01\x02\xff\xfe\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"POST /-/reload HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        b"GET http://[::1 HTTP/1.1\r\n\r\n",
    ];
    for bytes in bad {
        let answer = converse(address, bytes).await;
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 4"), "{answer}");
    }
    let fine = converse(address, b"GET /-/healthy HTTP/1.0\r\n\r\n").await;
    assert!(fine.starts_with("HTTP/1.0 200 OK"), "{fine}");
}

#[tokio::test(start_paused = true)]
async fn a_silent_client_is_dropped_and_others_wait_no_longer_than_that() {
    let (_server, daemon) = daemon().await;
    let (address, _shutdown, _server) = serve(&daemon).await;
    let started = Instant::now();
    assert_eq!(converse(address, b"GET / HTTP/1.1\r\nHost:").await, "", "half a head, then silence");
    assert_eq!(started.elapsed().as_secs(), 30);

    let mut silent = Vec::new();
    for _ in 0..200 {
        silent.push(TcpStream::connect(address).await.unwrap());
    }
    let started = Instant::now();
    let answer = converse(address, b"GET /-/healthy HTTP/1.0\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.0 200"), "{answer}");
    assert!(started.elapsed() <= Duration::from_secs(61), "{:?}", started.elapsed());
}

#[tokio::test(start_paused = true)]
async fn it_stops_within_a_second_whatever_clients_do() {
    let (_server, daemon) = daemon().await;
    let (address, shutdown, server) = serve(&daemon).await;
    let _idle = TcpStream::connect(address).await.unwrap();
    let mut half = TcpStream::connect(address).await.unwrap();
    half.write_all(b"GET / HTTP/1.1\r\n").await.unwrap();
    let mut kept_alive = TcpStream::connect(address).await.unwrap();
    kept_alive.write_all(b"GET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    assert!(kept_alive.read(&mut [0; 1024]).await.unwrap() > 0);
    let stopping = Instant::now();
    shutdown.cancel();
    daemon.stop().await;
    server.await.unwrap();
    assert!(stopping.elapsed() <= Duration::from_secs(1), "{:?}", stopping.elapsed());
    assert!(TcpStream::connect(address).await.is_err());
}

#[tokio::test]
async fn a_port_in_use_is_named() {
    let taken = web::listen("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let address = taken.local_addr().unwrap();
    let error = web::listen(address).await.unwrap_err().to_string();
    let expected = format!("cannot listen on {address} (prober.listen): ");
    assert!(error.starts_with(&expected) && error.ends_with("another process, perhaps another fathom, listens there"));
    let error = web::listen("192.0.2.1:9953".parse().unwrap()).await.unwrap_err().to_string();
    assert!(error.ends_with("this machine has no such address"), "{error}");
}
