//! The journal in virtual time: what it writes down, what it makes of it, and what it does when the disk fails it.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode};
use fathom::board::Board;
use fathom::daemon::Daemon;
use fathom::estate::Estate;
use fathom::fetch::basic;
use fathom::fleet::Fleet;
use fathom::journal::archive::Archive;
use fathom::journal::clock::Clock;
use fathom::journal::entry::{Entry, Event, ProberState};
use fathom::journal::history::Span;
use fathom::journal::store::{FILE_NAME, Limits};
use fathom::journal::{Journal, Kept, Settings};
use fathom::operator::Token;
use fathom::outcome::Outcome;
use fathom::{plan, web};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use crate::estate::Plan;
use crate::responder::{Responder, Say};

const TOKEN: &str = "correct-horse-battery-staple";
const AT_ONCE: Say = Say::Address(Duration::ZERO);

/// A folder that is not there yet.
fn folder(test: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("journal-{test}"));
    drop(std::fs::remove_dir_all(&folder));
    folder
}

fn settings(state_dir: Option<&Path>) -> Settings {
    let limits = Limits { max_age: Duration::from_secs(90 * 86_400), max_size: 256 << 20 };
    Settings { state_dir: state_dir.map(Path::to_owned), limits, clock: Clock::of_runtime() }
}

/// Probes an estate with a journal whose clock is that of the runtime.
fn watch(estate: &Arc<Estate>, settings: &Settings) -> (Arc<Board>, Journal, Fleet) {
    let board = Arc::new(Board::new(estate, &plan::targets(estate)));
    let journal = Journal::start(settings, &board, estate);
    let fleet = Fleet::start(Arc::clone(&board), estate);
    (board, journal, fleet)
}

fn outcomes(entries: &[Entry]) -> Vec<(Option<Outcome>, Outcome, u32)> {
    let changes = entries.iter().filter_map(|entry| match &entry.event {
        Event::Outcome(change) => Some((change.from, change.to, change.failing)),
        Event::Verdict(_)
        | Event::Edge(_)
        | Event::Identity(_)
        | Event::Cluster(_)
        | Event::Configuration(_)
        | Event::Prober(_)
        | Event::Mark(_) => None,
    });
    changes.collect()
}

#[tokio::test(start_paused = true)]
async fn an_outage_is_one_incident_with_impact_marks_and_an_end() {
    let server = Responder::start(|_| AT_ONCE).await;
    let (_board, journal, fleet) = watch(&Plan::new(&[server.address], 3).estate(), &settings(None));
    sleep(Duration::from_secs(60)).await;
    assert_eq!(journal.incidents(10).len(), 0);
    assert_eq!(journal.recent(10).len(), 1, "that it began, and nothing else");

    server.say(|_| Say::Servfail(Duration::ZERO));
    sleep(Duration::from_secs(120)).await;
    let [incident] = &journal.incidents(10)[..] else { panic!("one incident") };
    assert!(incident.is_open());
    journal.mark("restored forwarders on r0", "ada").await.unwrap();
    server.say(|_| AT_ONCE);
    sleep(Duration::from_secs(120)).await;

    let [incident] = &journal.incidents(10)[..] else { panic!("one incident") };
    assert_eq!((incident.impact[0].class.as_str(), incident.impact[0].until), ("external", incident.ended));
    assert_eq!(incident.impact[0].resolvers[0].names, ["n0", "n1", "n2"]);
    let lasted = incident.duration(journal.now());
    assert!(lasted.abs_diff(Duration::from_secs(120)) < Duration::from_secs(12), "{lasted:?}");
    let timeline = journal.timeline(incident);
    let changes = outcomes(&timeline);
    assert_eq!(changes.first().map(|change| (change.0, change.1)), Some((Some(Outcome::Ok), Outcome::Servfail)));
    assert_eq!(changes.last().map(|change| (change.1, change.2)), Some((Outcome::Ok, 0)));
    assert!(changes.len() <= 5, "a burst is a few lines: {changes:?}");
    let place = timeline.iter().position(|entry| matches!(entry.event, Event::Mark(_))).unwrap();
    assert!(0 < place && place < timeline.len() - 1, "the mark stands between cause and effect");

    let bars = journal.history("c", "r0", None, Span::Hour);
    let (probes, failed) = bars.iter().fold((0, 0), |sum, bar| (sum.0 + bar.probes, sum.1 + bar.failed));
    assert!((80..=120).contains(&probes) && (36..=60).contains(&failed), "{probes} probes, {failed} failed");
    let ran = bars.iter().filter(|bar| bar.ran).count();
    assert!((5..=6).contains(&ran), "it ran for five minutes, wherever those begin: {ran}");
    assert_eq!(journal.history("c", "r0", Some("n9"), Span::Day).iter().map(|bar| bar.probes).sum::<u64>(), 0);
    let of_one = journal.history("c", "r0", Some("n1"), Span::Quarter);
    assert!(of_one.last().unwrap().probes.abs_diff(probes / 3) <= 5);
    fleet.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_packet_that_is_lost_is_a_line_and_no_incident() {
    let mut asked = 0;
    let server = Responder::start(move |question| {
        asked += u32::from(question.qname == "n0.example.");
        if asked == 30 { Say::Nothing } else { AT_ONCE }
    })
    .await;
    let (_board, journal, fleet) = watch(&Plan::new(&[server.address], 1).estate(), &settings(None));
    sleep(Duration::from_secs(600)).await;
    fleet.stop().await;
    assert_eq!(journal.incidents(10).len(), 0);
    assert_eq!(outcomes(&journal.recent(100)), [(Some(Outcome::Ok), Outcome::Ok, 0)]);
    assert!(journal.recent(100)[0].sentence().starts_with("external names of r0 failed for a moment"));
}

#[tokio::test(start_paused = true)]
async fn what_is_open_goes_on_after_a_restart_and_the_gap_is_seen() {
    let folder = folder("restart");
    let server = Responder::start(|_| Say::Servfail(Duration::ZERO)).await;
    let estate = Plan::new(&[server.address], 2).estate();
    let settings = settings(Some(&folder));
    let (_board, journal, fleet) = watch(&estate, &settings);
    sleep(Duration::from_secs(90)).await;
    assert_eq!(journal.kept(), Kept::OnDisk { path: folder.join(FILE_NAME), note: None });
    let first = journal.incidents(1).pop().unwrap();
    fleet.stop().await;
    // It ends without being asked to, as a process that is killed.
    drop(journal);
    sleep(Duration::from_secs(2)).await;

    let (_board, journal, fleet) = watch(&estate, &settings);
    sleep(Duration::from_secs(60)).await;
    let Event::Prober(start) =
        journal.after(0, 100).into_iter().rev().map(|e| e.event).find(|e| matches!(e, Event::Prober(_))).unwrap()
    else {
        panic!("a start")
    };
    assert!(start.state == ProberState::Started && start.ran_until.is_some(), "{start:?}");
    let again = journal.incidents(10);
    assert_eq!((again.len(), again[0].id, again[0].started, again[0].reopened), (1, first.id, first.started, 0));
    server.say(|_| AT_ONCE);
    sleep(Duration::from_secs(60)).await;
    assert!(!journal.incidents(1)[0].is_open(), "and ends when all is well");
    let read = Archive::open(&folder).unwrap().incidents(5).unwrap();
    assert_eq!(read.incidents[0].incident, journal.incidents(1)[0], "a command reads the same meanwhile");
    fleet.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_damaged_file_is_moved_aside_and_a_fresh_one_begun() {
    let folder = folder("damaged");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join(FILE_NAME), vec![0x5a; 100_000]).unwrap();
    let server = Responder::start(|_| AT_ONCE).await;
    let estate = Plan::new(&[server.address], 1).estate();
    let (_board, journal, fleet) = watch(&estate, &settings(Some(&folder)));
    let kept = journal.kept().to_string();
    assert!(kept.contains("the journal before this one was damaged") && kept.contains(".damaged-"), "{kept}");
    journal.mark("it goes on", "ada").await.unwrap();

    fleet.stop().await;
    drop(journal);
    sleep(Duration::from_secs(2)).await;

    // And while it runs: what is written next finds out.
    let (_board, journal, fleet) = watch(&estate, &settings(Some(&folder)));
    assert!(matches!(journal.kept(), Kept::OnDisk { note: None, .. }), "{}", journal.kept());
    let size = usize::try_from(std::fs::metadata(folder.join(FILE_NAME)).unwrap().len()).unwrap();
    let file = std::fs::OpenOptions::new().write(true).open(folder.join(FILE_NAME)).unwrap();
    std::os::unix::fs::FileExt::write_all_at(&file, &vec![0x5a; size], 0).unwrap();
    journal.mark("and on", "ada").await.unwrap();
    let kept = journal.kept().to_string();
    assert!(kept.contains("it was damaged") && kept.contains("a fresh one was begun"), "{kept}");
    let read = Archive::open(&folder).unwrap();
    assert!(read.incidents(1).unwrap().incidents.is_empty());
    assert!(journal.recent(1)[0].sentence().contains("and on"));
    let aside = std::fs::read_dir(&folder).unwrap().filter(|entry| {
        let name = entry.as_ref().unwrap().file_name().into_string().unwrap();
        name.contains(".damaged-") && !name.ends_with("-wal") && !name.ends_with("-shm")
    });
    assert_eq!(aside.count(), 2);
    fleet.stop().await;
}

#[tokio::test(start_paused = true)]
async fn where_it_cannot_be_kept_it_is_in_memory_and_says_why() {
    let server = Responder::start(|_| AT_ONCE).await;
    let estate = Plan::new(&[server.address], 1).estate();
    let why = |state_dir: Option<&Path>| {
        let (_board, journal, _fleet) = watch(&estate, &settings(state_dir));
        let Kept::InMemory { why } = journal.kept() else { panic!("{}", journal.kept()) };
        assert!(!journal.stats().on_disk);
        why
    };
    assert_eq!(why(None), "prober.state_dir is not given");

    let taken = folder("taken");
    let (_board, first, _fleet) = watch(&estate, &settings(Some(&taken)));
    assert!(matches!(first.kept(), Kept::OnDisk { .. }));
    let expected = format!("{} is used by another prober; each needs a prober.state_dir of its own", taken.display());
    assert_eq!(why(Some(&taken)), expected);

    let file = folder("file");
    std::fs::write(&file, "").unwrap();
    assert!(why(Some(&file)).contains("cannot be used"), "{}", why(Some(&file)));
    std::fs::remove_file(&file).unwrap();
    assert!(why(Some(Path::new("/proc/none/of/this"))).contains("cannot be used"));

    let newer = folder("newer");
    let (_board, journal, _fleet) = watch(&estate, &settings(Some(&newer)));
    journal.mark("of today", "ada").await.unwrap();
    drop(journal);
    sleep(Duration::from_secs(2)).await;
    let database = rusqlite::Connection::open(newer.join(FILE_NAME)).unwrap();
    database.pragma_update(None, "user_version", 99).unwrap();
    drop(database);
    assert!(why(Some(&newer)).contains("was written by a newer Fathom (version 99 of its tables, this one knows 1)"));
    let error = Archive::open(&newer).unwrap_err().to_string();
    assert!(error.contains("newer Fathom"), "{error}");
    assert!(Archive::open(&folder("nothing")).unwrap_err().to_string().contains("no prober has kept a journal there"));
}

//----------- Over HTTP -------------------------------------------------------

async fn daemon() -> (Responder, Arc<Daemon>) {
    let server = Responder::start(|_| AT_ONCE).await;
    let estate = Plan::new(&[server.address], 2).estate();
    let daemon = Daemon::start(Arc::unwrap_or_clone(estate), None).with_operator(Token::new(TOKEN));
    (server, Arc::new(daemon))
}

async fn asked(daemon: &Arc<Daemon>, request: Request<Body>) -> (StatusCode, String) {
    let response = web::app(Arc::clone(daemon)).oneshot(request).await.unwrap();
    let status = response.status();
    let body = to_bytes(response.into_body(), 1 << 20).await.unwrap();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

async fn get(daemon: &Arc<Daemon>, path: &str) -> (StatusCode, Value) {
    let (status, body) = asked(daemon, Request::get(path).body(Body::empty()).unwrap()).await;
    (status, serde_json::from_str(&body).unwrap_or(Value::String(body)))
}

async fn mark(daemon: &Arc<Daemon>, kind: &str, body: impl Into<Body>) -> (StatusCode, String) {
    let request =
        Request::post("/api/v1/marks").header("authorization", basic("ada", TOKEN)).header("content-type", kind);
    asked(daemon, request.body(body.into()).unwrap()).await
}

#[tokio::test(start_paused = true)]
async fn incidents_and_marks_over_http() {
    let (server, daemon) = daemon().await;
    sleep(Duration::from_secs(30)).await;
    server.say(|_| Say::Servfail(Duration::ZERO));
    sleep(Duration::from_secs(30)).await;
    let (status, taken) = mark(&daemon, "application/json; charset=utf-8", r#"{"text": " <b>rebuilt</b> ns2 "}"#).await;
    let taken: Value = serde_json::from_str(&taken).unwrap();
    assert_eq!(
        (status, &taken["text"], &taken["by"]),
        (StatusCode::CREATED, &"<b>rebuilt</b> ns2".into(), &"ada".into())
    );
    assert_eq!(mark(&daemon, "text/plain", "restarted").await.0, StatusCode::CREATED);

    let (status, all) = get(&daemon, "/api/v1/incidents").await;
    assert_eq!((status, &all["kept"]["in"]), (StatusCode::OK, &"memory".into()));
    let id = &all["incidents"][0]["id"];
    let (_, one) = get(&daemon, &format!("/api/v1/incidents/{id}")).await;
    assert_eq!(one["incident"], all["incidents"][0]);
    let marks = one["timeline"].as_array().unwrap().iter().filter(|entry| entry["kind"] == "mark");
    assert_eq!(marks.count(), 2);

    let documentation = include_str!("../../docs/api.md");
    let objects =
        [&all, &all["incidents"][0], &one["timeline"][0], &one["timeline"][1], &all["incidents"][0]["impact"][0]];
    let keys = objects.into_iter().flat_map(|object| object.as_object().unwrap().keys());
    keys.for_each(|key| assert!(documentation.contains(&format!("`{key}`")), "{key} is not in docs/api.md"));

    for path in ["/api/v1/incidents/99", "/api/v1/incidents/x", "/api/v1/incidents/-1"] {
        assert_eq!(get(&daemon, path).await.0, StatusCode::NOT_FOUND, "{path}");
    }
    for limit in ["0", "1001", "-1", "x", ""] {
        assert_eq!(get(&daemon, &format!("/api/v1/incidents?limit={limit}")).await.0, StatusCode::BAD_REQUEST);
    }
    let long = "x".repeat(501);
    for (kind, body, expected) in [
        ("text/plain", "", 400),
        ("text/plain", "two\nlines", 400),
        ("text/plain", "\u{202e}turned", 400),
        ("text/plain", &long, 400),
        ("text/plain", &"ä".repeat(500), 201),
        ("application/json", "{}", 400),
        ("application/json", r#"{"text": "a", "by": "somebody else"}"#, 400),
        ("application/json", "[", 400),
        ("application/x-www-form-urlencoded", "text=a", 415),
        ("text/plain", &"x".repeat(20_000), 413),
    ] {
        assert_eq!(mark(&daemon, kind, body.to_owned()).await.0, expected, "{kind} {body:.20}");
    }
    let stranger = Request::post("/api/v1/marks").body(Body::from("a")).unwrap();
    assert_eq!(asked(&daemon, stranger).await.0, StatusCode::UNAUTHORIZED);
    daemon.stop().await;
    assert_eq!(mark(&daemon, "text/plain", "too late").await.0, StatusCode::SERVICE_UNAVAILABLE);
}

/// A listener on a real connection, and what it has heard so far.
struct Listener {
    stream: TcpStream,
    heard: String,
}

impl Listener {
    async fn connect(address: std::net::SocketAddr, headers: &str) -> Self {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let request = format!("GET /api/v1/events HTTP/1.1\r\nhost: x\r\n{headers}\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        Self { stream, heard: String::new() }
    }

    /// Reads until it has heard this, or the stream has ended; returns whether it has.
    async fn hears(&mut self, wanted: &str) -> bool {
        let mut buffer = [0; 4096];
        while !self.heard.contains(wanted) {
            match self.stream.read(&mut buffer).await {
                Ok(0) | Err(_) => return false,
                Ok(length) => self.heard.push_str(&String::from_utf8_lossy(&buffer[..length])),
            }
        }
        true
    }
}

#[tokio::test(start_paused = true)]
async fn events_are_streamed_resumed_bounded_and_end_with_the_process() {
    let (_server, daemon) = daemon().await;
    let listener = web::listen("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let address = listener.local_addr().unwrap();
    let shutdown = CancellationToken::new();
    let server = tokio::spawn(web::serve(listener, web::app(Arc::clone(&daemon)), shutdown.clone()));
    sleep(Duration::from_secs(5)).await;

    let mut live = Listener::connect(address, "").await;
    assert!(live.hears("retry: 2000").await && live.heard.contains("content-type: text/event-stream"));
    let first = daemon.journal().mark("one", "ada").await.unwrap();
    assert!(live.hears(&format!("id: {}\ndata: {{", first.id)).await, "{}", live.heard);
    assert!(live.hears("\"text\":\"one\"").await);
    assert!(!live.heard.contains("\"kind\":\"prober\""), "from now on alone");
    daemon.journal().mark("two", "ada").await.unwrap();

    let mut back = Listener::connect(address, &format!("last-event-id: {}\r\n", first.id)).await;
    assert!(back.hears("\"text\":\"two\"").await);
    assert!(!back.heard.contains("\"text\":\"one\""));
    let mut of_another_journal = Listener::connect(address, "last-event-id: 99999\r\n").await;
    assert!(
        of_another_journal.hears("\"text\":\"two\"").await && of_another_journal.heard.contains("\"kind\":\"prober\"")
    );
    let mut nonsense = Listener::connect(address, "last-event-id: x\r\n").await;
    assert!(nonsense.hears("400 Bad Request").await);
    assert!(live.hears(": the prober is there").await, "heartbeats");

    let mut many = Vec::new();
    for _ in 0..70 {
        many.push(Listener::connect(address, "").await);
    }
    let mut refused = 0;
    for listener in &mut many {
        assert!(listener.hears("\r\n\r\n").await);
        refused += usize::from(listener.heard.starts_with("HTTP/1.1 503"));
    }
    assert_eq!(refused, 70 + 3 - 64);
    drop(many);

    let stopping = tokio::time::Instant::now();
    shutdown.cancel();
    daemon.stop().await;
    server.await.unwrap();
    assert!(!live.hears("never said").await, "the stream has ended");
    assert!(live.heard.contains("\"state\":\"stopped\""), "with its last entry: {}", live.heard);
    assert!(stopping.elapsed() < Duration::from_secs(2), "{:?}", stopping.elapsed());
}
