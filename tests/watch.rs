//! `fathom watch` and the commands beside it: on the embedded lab in virtual time, against a prober that runs, and as a
//! user meets them, in a terminal and without one.

#![expect(clippy::unwrap_used, reason = "a test may fail")]

mod support;

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::sync::Arc;
use std::time::Duration;

use fathom::config::{self, Overrides};
use fathom::daemon::Daemon;
use fathom::estate::Label;
use fathom::lab::{Incident, Lab, Software, Stage};
use fathom::operator::Token;
use fathom::survey::Own;
use fathom::verdict::ClusterState;
use fathom::watch::source::{PERIOD, Prober, Source};
use fathom::watch::{Degree, Model};
use fathom::web;
use serde_json::Value;
use support::isolated;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

const CLUSTER: &str = "dc1-internal";
const TOKEN: &str = "correct-horse-battery-staple";

/// The shipped estate on a lab of its own, without tracers and beacon: caches alone tell.
async fn estate() -> (Lab, fathom::estate::Estate) {
    let loaded = config::parse(include_str!("../probes.toml"), "probes.toml", &Overrides::default()).unwrap();
    let (lab, mut estate) = Lab::on_free_ports(&loaded.estate, Software::Bind).await.unwrap();
    (estate.beacon, estate.path.canary_zone) = (None, None);
    (lab, estate)
}

/// Looks once a second until it is as wanted, and says how long that took.
async fn until(source: &Source, model: &mut Model, what: &str, wanted: impl Fn(&Model) -> bool) -> Duration {
    let started = Instant::now();
    while !wanted(model) {
        assert!(started.elapsed() < Duration::from_secs(180), "waited in vain until {what}");
        sleep(PERIOD).await;
        model.fold(source.look().await.unwrap());
    }
    started.elapsed()
}

/// Whether the cells of cold names, or those of all others, are as wanted at every resolver.
fn all_cells(model: &Model, cold: bool, degree: Degree) -> bool {
    let mut cells = model.cells().filter(|(whose, ..)| whose.column.cold == cold).peekable();
    cells.peek().is_some() && cells.all(|(_, cell, _)| cell.degree() == degree)
}

fn state(model: &Model) -> Option<ClusterState> {
    model.look()?.clusters.first().map(|paths| paths.state)
}

#[tokio::test(start_paused = true)]
async fn a_repair_shows_at_cold_names_within_seconds() {
    let (lab, estate) = estate().await;
    let incident = Incident::of(&lab, CLUSTER).unwrap();
    let source = Source::Own(Box::new(Own::start(estate, None).await));
    let mut model = Model::default();
    until(&source, &mut model, "all is well", Model::is_well).await;

    incident.enter(Stage::Loop);
    let cold = until(&source, &mut model, "cold names fail", |model| all_cells(model, true, Degree::All)).await;
    assert!(cold <= Duration::from_secs(6), "a timeout of two seconds, at one probe a second: {cold:?}");
    until(&source, &mut model, "an outage", |model| state(model) == Some(ClusterState::Outage)).await;
    assert!(!model.is_well());

    model.mark("restored forwarders everywhere".to_owned(), std::time::SystemTime::now());
    incident.enter(Stage::Healthy);
    // Questions that are on their way round still have to time out.
    let good = until(&source, &mut model, "cold names are good", |model| all_cells(model, true, Degree::None)).await;
    assert!(good <= Duration::from_secs(6), "{good:?}");
    until(&source, &mut model, "all is well again", Model::is_well).await;
    let turned = model.cells().filter(|(whose, ..)| whose.column.cold).map(|(_, _, turned)| *turned);
    assert!(turned.into_iter().all(|turned| turned.first_good_at.is_some() && turned.good_since.is_some()));
    let told: Vec<String> = model.events().0.map(|event| event.news.to_string()).collect();
    let place = |begin: &str, end: &str| {
        let found = told.iter().rposition(|told| told.starts_with(begin) && told.ends_with(end));
        found.unwrap_or_else(|| panic!("{begin} … {end}: {told:#?}"))
    };
    let mark = place("Mark: restored forwarders everywhere", "");
    assert!(mark < place("dc1-internal ns", "external (cold)."), "what is good again comes after what was done");
    assert!(mark < place("dc1-internal is healthy, independent exits: 4 (2 wanted). ", ""));
    let Source::Own(own) = &source else { unreachable!("it is this process") };
    own.stop().await;
}

/// A file with the operator's token that nobody else can read.
fn token_file(name: &str, token: &str) -> PathBuf {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::write(&path, token).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    path
}

#[tokio::test(start_paused = true)]
async fn a_prober_that_runs_is_watched_and_looks_closer_as_long_as_it_is() {
    let (_lab, estate) = estate().await;
    let daemon = Arc::new(Daemon::start(estate, None).with_operator(Token::new(TOKEN)).with_tracing(None));
    let listener = web::listen("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let (address, shutdown) = (listener.local_addr().unwrap(), CancellationToken::new());
    let server = tokio::spawn(web::serve(listener, web::app(Arc::clone(&daemon)), shutdown.clone()));
    let file = token_file("watch-token", TOKEN);
    let closely = || {
        let label = |text| Label::parse(text).unwrap();
        daemon.fleet().looked_at_closely(&label(CLUSTER), &label("ns4"))
    };

    let prober = Prober::new(address, Some(CLUSTER), Some(&file), "alice").unwrap();
    let source = Source::Prober(prober.clone());
    let mut model = Model::default();
    until(&source, &mut model, "all is well", Model::is_well).await;
    assert_eq!(closely(), None);
    prober.look_closer(&[CLUSTER]).await.unwrap();
    assert!(closely().is_some_and(|left| left <= Duration::from_secs(30)));
    model.fold(source.look().await.unwrap());
    let look = model.look().unwrap();
    assert!(look.resolvers.iter().all(|resolver| resolver.looked_at_closely_until > Some(look.now)), "{look:?}");
    assert!(!look.runway(CLUSTER).is_empty(), "{look:?}");
    // Its paths are traced once a minute otherwise.
    let traced = || daemon.board().snapshot().reports[0].traced_at;
    let before = traced();
    sleep(Duration::from_secs(12)).await;
    assert_ne!(traced(), before, "somebody wants to see soon what has become of its paths");
    sleep(Duration::from_secs(19)).await;
    assert_eq!(closely(), None, "it ends by itself");
    let before = traced();
    sleep(Duration::from_secs(12)).await;
    assert_eq!(traced(), before, "and so does the closer tracing");

    let nameless = Prober::new(address, None, None, "").unwrap();
    let why = nameless.look_closer(&[CLUSTER]).await.unwrap_err();
    assert_eq!(why, "it takes the operator's token: --token-file names the file that holds it");
    let guessing = Prober::new(address, None, Some(&token_file("watch-guess", "a-guess-of-the-token")), "").unwrap();
    let why = guessing.mark("x").await.unwrap_err();
    assert!(why.ends_with("answers with status 401: That is not the operator's token."), "{why}");
    prober.mark("restored forwarders on ns2").await.unwrap();
    let marked = format!("{:?}", daemon.journal().recent(10));
    assert!(marked.contains("restored forwarders on ns2") && marked.contains("alice"), "{marked}");
    let news = model.fold(source.look().await.unwrap());
    let marks: Vec<String> =
        news.iter().map(|event| event.news.to_string()).filter(|n| n.starts_with("Mark")).collect();
    assert_eq!(marks, ["Mark by alice: restored forwarders on ns2"], "as others see it too");
    let lost =
        Source::Prober(Prober::new(address, Some("dc9"), None, "").unwrap()).look().await.unwrap_err().to_string();
    assert_eq!(lost, "there is no cluster dc9 there; there are: dc1-internal");

    shutdown.cancel();
    server.await.unwrap();
    let gone = source.look().await.unwrap_err().to_string();
    assert!(gone.starts_with("the prober cannot be asked: http://127.0.0.1:"), "{gone}");
    daemon.stop().await;
}

/// The program with the shipped configuration, in a process that does not outlive the test or a minute.
fn fathom(args: &[&str]) -> Command {
    let mut command = Command::new("timeout");
    command.args(["--kill-after=1", "60", "setpriv", "--pdeathsig", "KILL", "--", env!("CARGO_BIN_EXE_fathom")]);
    command.args(args).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.current_dir(env!("CARGO_MANIFEST_DIR")).env_remove("FATHOM_CONFIG").env_remove("FATHOM_DATACENTER");
    command
        .env_remove("NO_COLOR")
        .env("TERM", "xterm-256color")
        .env("FATHOM_LOG", "warn")
        .env_remove("FATHOM_TOKEN_FILE");
    command
}

fn text(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// The embedded lab in the stage, in which it stays until this is dropped.
struct Played(std::process::Child);

impl Played {
    fn stage(stage: &str) -> Self {
        use std::io::{BufRead, BufReader};
        let mut child = fathom(&["lab", "--stage", stage]).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        assert!(lines.any(|line| line.unwrap().contains("Ask: dig")), "the lab does not start");
        Self(child)
    }
}

impl Drop for Played {
    fn drop(&mut self) {
        // `timeout` passes it on.
        drop(Command::new("kill").arg(self.0.id().to_string()).status());
        drop(self.0.wait());
    }
}

/// Whether docs/json.md, or docs/api.md for what is the same there, has every key of the document.
fn every_key_is_documented(document: &Value) {
    const DOCS: &str = concat!(include_str!("../docs/json.md"), include_str!("../docs/api.md"));
    match document {
        Value::Object(members) => {
            for (key, value) in members {
                assert!(DOCS.contains(&format!("`{key}`")), "{key} is not documented");
                every_key_is_documented(value);
            }
        }
        Value::Array(items) => items.iter().for_each(every_key_is_documented),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[test]
fn a_healthy_estate_passes_in_every_form() {
    isolated(async {
        let _lab = Played::stage("0");
        let watching = fathom(&["watch", "--for", "12s"]).spawn().unwrap();
        let gate =
            fathom(&["gate", "--cluster", CLUSTER, "--rebuild", "ns1", "--wait", "30s", "--json"]).output().unwrap();
        let answer: Value = serde_json::from_str(&text(&gate)).unwrap();
        assert_eq!(gate.status.code(), Some(0), "{answer}");
        let keys = ["cluster", "passed", "paths", "reason", "refusals", "resolver", "step"];
        assert_eq!(answer.as_object().unwrap().keys().collect::<Vec<_>>(), keys);
        assert_eq!(
            (&answer["passed"], &answer["step"], &answer["resolver"]),
            (&true.into(), &"rebuild".into(), &"ns1".into())
        );
        assert_eq!(answer["paths"]["independent_exits"], 4);

        let trace = fathom(&["trace", "--json"]).output().unwrap();
        let paths: Value = serde_json::from_str(&text(&trace)).unwrap();
        assert_eq!((trace.status.code(), &paths["clusters"][0]["state"]), (Some(0), &"healthy".into()), "{paths}");

        let probe = fathom(&["probe", "--resolver", "ns1", "--json"]).output().unwrap();
        let probed: Value = serde_json::from_str(&text(&probe)).unwrap();
        assert_eq!((probe.status.code(), &probed["probes"][0]["result"]), (Some(0), &"ok".into()), "{probed}");
        assert_eq!(probed["verdicts"][0]["verdict"], "ok", "{probed}");
        every_key_is_documented(&answer);
        every_key_is_documented(&probed);

        let watched = watching.wait_with_output().unwrap();
        let told = text(&watched);
        assert_eq!(watched.status.code(), Some(0), "{told}{}", String::from_utf8_lossy(&watched.stderr));
        assert!(told.contains(" dc1-internal is healthy, independent exits: 4 (2 wanted). "), "{told}");
        assert!(told.contains("\nWatched for 12s.\ndc1-internal is healthy at the end. "), "{told}");
    });
}

#[test]
fn a_loop_is_refused_in_every_form() {
    isolated(async {
        let _lab = Played::stage("4");
        let gate = fathom(&["gate", "--cluster", CLUSTER, "--json"]).output().unwrap();
        let answer: Value = serde_json::from_str(&text(&gate)).unwrap();
        assert_eq!((gate.status.code(), &answer["passed"], &answer["step"]), (Some(1), &false.into(), &"done".into()));
        let refusal = answer["refusals"][0].as_object().unwrap();
        assert!(refusal["text"].is_string() && refusal["reason"].is_string(), "{answer}");
        assert_eq!(answer["reason"], refusal["text"]);
        every_key_is_documented(&answer);

        let trace = fathom(&["trace", "--cluster", CLUSTER]).output().unwrap();
        let tree = text(&trace);
        assert_eq!(trace.status.code(), Some(1), "{tree}");
        assert!(tree.starts_with("dc1-internal (dc1): "), "{tree}");
        assert!(tree.contains("\n  circle: ns1 > ns2 > ns3 > ns4 > ns1\n"), "{tree}");
        assert!(tree.contains("\n      ns3 forwards to ns4 (tracer"), "{tree}");
    });
}

/// Runs the command in a terminal of its own, types the keys once it is drawn, and returns its exit code and all that
/// came to the terminal.
fn in_a_terminal(arguments: &str, size: (u16, u16), keys: &[&str]) -> (Option<i32>, String) {
    use std::io::Read;
    let (columns, rows) = size;
    let program = env!("CARGO_BIN_EXE_fathom");
    let command = format!("stty cols {columns} rows {rows}; exec {program} {arguments}");
    let mut script = Command::new("timeout");
    script.args(["--kill-after=1", "60", "setpriv", "--pdeathsig", "KILL", "--", "script", "--quiet", "--return"]);
    script.args(["--command", &command, "/dev/null"]).current_dir(env!("CARGO_MANIFEST_DIR"));
    script.env("TERM", "xterm-256color").stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = script.spawn().unwrap();
    let (mut input, mut output) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
    let mut seen = Vec::new();
    let mut keys = keys.iter();
    let mut buffer = [0; 4096];
    let mut drawn = 0;
    loop {
        let length = output.read(&mut buffer).unwrap_or(0);
        if length == 0 {
            break;
        }
        seen.extend_from_slice(&buffer[..length]);
        // One key for each picture, so that each is seen. The first picture has a clock.
        let text = String::from_utf8_lossy(&seen);
        if text.contains("Fathom") && text.len() > drawn {
            drawn = text.len();
            if let Some(key) = keys.next() {
                input.write_all(key.as_bytes()).unwrap();
            }
        }
    }
    (child.wait().unwrap().code(), String::from_utf8_lossy(&seen).into_owned())
}

const ENTER_CANVAS: &str = "\u{1b}[?1049h";
const LEAVE_CANVAS: &str = "\u{1b}[?1049l";

/// What stands after the terminal was given back.
fn after_the_canvas(seen: &str) -> &str {
    assert_eq!((seen.matches(ENTER_CANVAS).count(), seen.matches(LEAVE_CANVAS).count()), (1, 1), "{seen:?}");
    seen.split_once(LEAVE_CANVAS).unwrap().1
}

#[test]
fn a_terminal_is_drawn_on_and_given_back() {
    isolated(async {
        let _lab = Played::stage("4");
        let (code, seen) = in_a_terminal("watch", (100, 30), &["?", "?", "m", "it is me\r", "\u{1b}[B", "q"]);
        let after = after_the_canvas(&seen);
        assert_eq!(code, Some(1), "{after}");
        assert!(
            after.contains("Watched for ") && after.contains("Marks:\r\n") && after.contains("Z it is me\r\n"),
            "{after}"
        );
        assert!(!after.contains("q end"), "nothing is drawn any more: {after}");

        // Far too small, ended by a signal from outside.
        let (code, seen) = in_a_terminal("watch --for 3s", (20, 4), &[]);
        assert!(code == Some(1) && after_the_canvas(&seen).contains("Watched for 3s."), "{seen}");
        let (code, seen) = in_a_terminal("watch", (100, 30), &["\u{3}"]);
        assert!(code == Some(1) && after_the_canvas(&seen).contains("Watched for "), "{seen}");
    });
}

#[test]
fn what_cannot_be_watched_is_said() {
    isolated(async {
        for (args, code, expected) in [
            (&["watch", "--cluster", "dc9"][..], 2, "this process probes no cluster dc9; there are: dc1-internal"),
            (
                &["watch", "--from", "http://127.0.0.1:9"],
                2,
                "the prober cannot be asked: http://127.0.0.1:9/api/v1/status: ",
            ),
            (&["watch", "--from", "http://fathom.example:9953"], 2, "a host name takes DNS to find"),
            (&["watch", "--from", "http://127.0.0.1:9", "--token-file", "/nowhere"], 2, "/nowhere"),
        ] {
            let output = fathom(args).output().unwrap();
            let error = String::from_utf8_lossy(&output.stderr).into_owned();
            assert_eq!(output.status.code(), Some(code), "{error}");
            assert!(error.contains(expected), "{error}");
        }
    });
}
