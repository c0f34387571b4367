//! Who may change something in a running prober.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode, header};
use fathom::config::{ConfigFile, Overrides};
use fathom::daemon::Daemon;
use fathom::fetch::{Bounds, basic, get, post};
use fathom::operator::Token;
use fathom::web;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use crate::estate::Plan;
use crate::responder::{Responder, Say};

const TOKEN: &str = "correct-horse-battery-staple";
const PATH: &str = "/api/v1/operator";

async fn daemon(token: Option<Token>) -> (Responder, Arc<Daemon>) {
    let server = Responder::start(|_| Say::Address(Duration::ZERO)).await;
    let estate = Plan::new(&[server.address], 1).estate();
    (server, Arc::new(Daemon::start(Arc::unwrap_or_clone(estate), None).with_operator(token)))
}

/// Status, challenge and body of what comes of a POST with these headers.
async fn asked(daemon: &Arc<Daemon>, headers: &[(&str, &str)]) -> (u16, bool, String) {
    let request =
        headers.iter().fold(Request::post(PATH).header("host", "192.0.2.9:9953"), |r, (k, v)| r.header(*k, *v));
    let response = web::app(Arc::clone(daemon)).oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
    let (status, challenged) = (response.status().as_u16(), response.headers().contains_key(header::WWW_AUTHENTICATE));
    let body = to_bytes(response.into_body(), 10_000).await.unwrap();
    (status, challenged, String::from_utf8(body.to_vec()).unwrap())
}

#[tokio::test(start_paused = true)]
async fn whoever_knows_the_token_may_and_is_known_by_name() {
    let (_server, daemon) = daemon(Token::new(TOKEN)).await;
    let right = |name: &str| basic(name, TOKEN);
    let bearer = format!("Bearer {TOKEN}");
    for (authorization, name) in [
        (right("alice"), "alice"),
        (right("Ålice"), "Ålice"),
        (right(""), "operator"),
        (right("a\u{1b}[31m\nb"), "a[31mb"),
        (right(&"x".repeat(100)), &"x".repeat(64)),
        (bearer.clone(), "operator"),
        (bearer.replace("Bearer", "bearer"), "operator"),
    ] {
        let (status, _, body) = asked(&daemon, &[("authorization", &authorization)]).await;
        assert_eq!((status, body), (200, format!("The token is right, {name}.\n")));
    }
    for wrong in [basic("alice", "wrong"), basic(TOKEN, ""), format!("Bearer {TOKEN}x")] {
        let answer = asked(&daemon, &[("authorization", &wrong)]).await;
        assert_eq!(answer, (401, true, "That is not the operator's token.\n".to_owned()), "{wrong}");
    }
    let bad = ["Basic", "Basic ???", "Basic YWxpY2U=", "Digest a", "Basic /////w==", ""];
    for nothing in bad {
        let (status, challenged, body) = asked(&daemon, &[("authorization", nothing)]).await;
        assert!(
            status == 401 && challenged && body.starts_with("This changes something, which takes"),
            "{nothing}: {body}"
        );
    }
    assert_eq!(asked(&daemon, &[]).await.0, 401);
}

#[tokio::test(start_paused = true)]
async fn a_page_of_another_site_may_not_even_with_the_token() {
    let (_server, daemon) = daemon(Token::new(TOKEN)).await;
    let right = basic("alice", TOKEN);
    let status = async |name, value| asked(&daemon, &[("authorization", &right), (name, value)]).await.0;
    for (name, value) in [
        ("sec-fetch-site", "same-origin"),
        ("sec-fetch-site", "none"),
        ("origin", "http://192.0.2.9:9953"),
        ("origin", "https://192.0.2.9:9953"),
    ] {
        assert_eq!(status(name, value).await, 200, "{name}: {value}");
    }
    for (name, value) in [
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
        ("origin", "null"),
        ("origin", "http://192.0.2.9"),
        ("origin", "http://evil.example"),
        ("origin", "\u{e4}"),
    ] {
        assert_eq!(status(name, value).await, 403, "{name}: {value}");
    }
}

#[tokio::test(start_paused = true)]
async fn without_a_token_nobody_may_and_the_answer_says_how_to_allow_it() {
    let (_server, daemon) = daemon(None).await;
    for headers in [vec![], vec![("authorization", basic("alice", TOKEN))]] {
        let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let (status, challenged, body) = asked(&daemon, &headers).await;
        assert!(status == 403 && !challenged && body.contains("prober.operator_token_file"), "{body}");
    }
}

#[tokio::test(start_paused = true)]
async fn wrong_tokens_are_counted_by_the_address_that_they_come_from() {
    let bounds = Bounds { time: Duration::from_secs(5), body: 10_000 };
    let (_server, daemon) = daemon(Token::new(TOKEN)).await;
    let listener = web::listen("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let (address, shutdown) = (listener.local_addr().unwrap(), CancellationToken::new());
    let serving = tokio::spawn(web::serve(listener, web::app(Arc::clone(&daemon)), shutdown.clone()));
    let ask = async |token| {
        let authorization = basic("alice", token);
        post(address, PATH, Some(&authorization), "{}".to_owned(), bounds).await.unwrap()
    };
    assert_eq!(ask(TOKEN).await.status, StatusCode::OK);
    for _ in 0..10 {
        assert_eq!(ask("a wrong one").await.status, StatusCode::UNAUTHORIZED);
    }
    let refused = ask(TOKEN).await;
    assert_eq!(
        (refused.status, &refused.headers["retry-after"]),
        (StatusCode::TOO_MANY_REQUESTS, &"10".parse().unwrap())
    );
    assert_eq!(get(address, "/-/healthy", None, bounds).await.unwrap().status, StatusCode::OK, "others read on");
    tokio::time::sleep(Duration::from_secs(10)).await;
    assert_eq!(ask(TOKEN).await.status, StatusCode::OK);
    shutdown.cancel();
    serving.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn the_token_is_read_again_with_the_configuration() {
    use std::os::unix::fs::PermissionsExt;
    let server = Responder::start(|_| Say::Address(Duration::ZERO)).await;
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("operator");
    std::fs::create_dir_all(&folder).unwrap();
    let (path, token) = (folder.join("probes.toml"), folder.join("operator.token"));
    let text = format!(
        "[prober]\nenvironment = \"test\"\ndatacenter = \"dc1\"\noperator_token_file = \"operator.token\"\n\
         [[cluster]]\nname = \"c\"\ndatacenter = \"dc1\"\n[[cluster.resolver]]\nname = \"ns1\"\naddress = \"{}\"\n\
         [[name]]\nid = \"www\"\nclass = \"external\"\nqname = \"www.example.\"\n",
        server.address
    );
    std::fs::write(&path, text).unwrap();
    std::fs::write(&token, format!("{TOKEN}\n")).unwrap();
    std::fs::set_permissions(&token, std::fs::Permissions::from_mode(0o600)).unwrap();
    let file = ConfigFile { path, overrides: Overrides::default() };
    let estate = file.load().unwrap().estate;
    let first = Token::of(&estate).unwrap();
    let daemon = Arc::new(Daemon::start(estate, Some(file)).with_operator(first));
    let status = async |token| asked(&daemon, &[("authorization", &basic("alice", token))]).await.0;
    assert_eq!(status(TOKEN).await, 200);

    let next = "the-next-token-of-the-operator";
    std::fs::write(&token, next).unwrap();
    daemon.reload().await.unwrap();
    assert_eq!((status(TOKEN).await, status(next).await), (401, 200));

    std::fs::set_permissions(&token, std::fs::Permissions::from_mode(0o644)).unwrap();
    let error = daemon.reload().await.unwrap_err().to_string();
    assert!(error.starts_with("the old configuration is still used: operator token file "), "{error}");
    assert!(error.ends_with("(mode 644); allow its owner alone: chmod 600"), "{error}");
    assert_eq!(status(next).await, 200, "the old one is still used");
}
