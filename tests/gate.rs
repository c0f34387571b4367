//! `fathom gate` and `fathom trace` on the embedded lab, in virtual time; and probers that are none.

#![expect(clippy::unwrap_used, reason = "a test may fail")]

use std::net::SocketAddr;
use std::time::Duration;

use fathom::config::{self, Overrides};
use fathom::lab::{Incident, Lab, Software, Stage};
use fathom::survey::{Answer, Asked, Own, Survey};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::time::{Instant, sleep};

const CLUSTER: &str = "dc1-internal";

fn asked(before: Option<&str>, after: Option<&str>) -> Asked {
    let name = |name: &str| name.to_owned();
    Asked { cluster: CLUSTER.to_owned(), rebuild: before.map(name), rebuilt: after.map(name) }
}

fn first_reason(answer: &Answer) -> String {
    answer.decision.refusals.first().map_or_else(|| "passes".to_owned(), ToString::to_string)
}

/// Asks until the first reason is the expected one.
async fn until(survey: &Survey, asked: &Asked, expected: &str) {
    let deadline = Instant::now() + Duration::from_secs(120);
    loop {
        let reason = first_reason(&survey.gate(asked, Duration::ZERO).await.unwrap());
        if reason == expected {
            return;
        }
        assert!(Instant::now() < deadline, "{asked:?}: {reason}\ninstead of: {expected}");
        sleep(Duration::from_millis(500)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_rolling_rebuild_is_stopped_at_its_first_mistake() {
    let loaded = config::parse(include_str!("../probes.toml"), "probes.toml", &Overrides::default()).unwrap();
    let (lab, mut estate) = Lab::on_free_ports(&loaded.estate, Software::Bind).await.unwrap();
    // Without tracers and beacon: caches alone tell.
    (estate.beacon, estate.path.canary_zone) = (None, None);
    let incident = Incident::of(&lab, CLUSTER).unwrap();
    let own = Own::start(estate, None).await;
    own.first_rounds().await;
    let survey = Survey::Own(Box::new(own));
    let passes = async |asked: Asked| {
        let answer = survey.gate(&asked, Duration::from_secs(300)).await.unwrap();
        assert!(answer.decision.passes(), "{asked:?}: {:?}", answer.decision);
    };

    passes(asked(Some("ns1"), None)).await;
    incident.enter(Stage::FirstRebuilt);
    let forwards = "ns1 forwards to its sibling ns2: give it a way out of its own first";
    until(&survey, &asked(None, Some("ns1")), forwards).await;
    until(&survey, &asked(Some("ns3"), None), forwards).await;
    until(&survey, &asked(Some("ns2"), None), "ns1 has no way out but through ns2").await;
    passes(asked(None, Some("ns3"))).await;
    incident.enter(Stage::LastExit);
    let last = "ns4 is the last exit: without it no query leaves the cluster";
    until(&survey, &asked(Some("ns4"), None), last).await;
    incident.enter(Stage::Healthy);
    passes(asked(None, Some("ns1"))).await;
    passes(asked(None, None)).await;

    let wrong = survey.gate(&asked(Some("ns9"), None), Duration::from_secs(300)).await.unwrap_err().to_string();
    assert_eq!(wrong, "there is no resolver ns9 in cluster dc1-internal; there are: ns1, ns2, ns3, ns4");
}

/// What a look at a server says that answers everybody like this and then holds the connection.
async fn look_at(answer: Vec<u8>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address: SocketAddr = listener.local_addr().unwrap();
    let serve = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut request = vec![0; 1000];
        assert!(stream.read(&mut request).await.unwrap() > 0);
        // A reader who has heard enough hangs up.
        drop(stream.write_all(&answer).await);
        std::future::pending::<()>().await;
    };
    let survey = Survey::Prober(address);
    tokio::select! {
        () = serve => unreachable!("it holds the connection"),
        looked = survey.look() => looked.unwrap_err().to_string().replace(&address.to_string(), "SERVER"),
    }
}

#[tokio::test(start_paused = true)]
async fn a_prober_that_is_none_is_told_apart() {
    let page = |status: &str, body: &str| {
        format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\n\r\n{body}", body.len()).into_bytes()
    };
    let what = "http://SERVER/api/v1/paths";
    let silence = format!("the prober cannot be asked: {what}: no whole answer within 5000 ms");
    assert_eq!(look_at(Vec::new()).await, silence);
    let missing = format!("{what} answers with status 404; is it a Fathom prober?");
    assert_eq!(look_at(page("404 Not Found", "nothing")).await, missing);
    let huge = look_at(page("200 OK", &" ".repeat(17 << 20))).await;
    assert_eq!(huge, format!("the prober cannot be asked: {what}: length limit exceeded"));
    let garbage = look_at(page("200 OK", "<html>hello</html>")).await;
    let beginning = format!("{what}: what came is not what this version of Fathom answers there: ");
    assert!(garbage.starts_with(&beginning), "{garbage}");
    let ssh = look_at(b"SSH-2.0-OpenSSH_9.2\r\n".to_vec()).await;
    assert_eq!(ssh, format!("the prober cannot be asked: {what}: invalid HTTP version parsed"));
}
