//! The journal of a real process: killed in the middle of writing, on a disk that is full, and read by commands. In real
//! time, as these are processes of their own.

#![expect(clippy::unwrap_used, reason = "a test fails where it unwraps")]

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use fathom::fetch::basic;
use fathom::journal::store::{FILE_NAME, Reading, open_to_read};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tokio::time::Instant;

const TOKEN: &str = "correct-horse-battery-staple";

/// How long anything that is waited for may take, on a machine that is busy with other tests.
const PATIENCE: Duration = Duration::from_secs(60);

/// A folder with a configuration: one resolver that nobody is, a state directory, a token.
struct Place(PathBuf);

impl Place {
    fn new(test: &str) -> Self {
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("journal-process-{test}"));
        drop(fs::remove_dir_all(&folder));
        fs::create_dir_all(folder.join("state")).unwrap();
        let mut owner_alone = fs::OpenOptions::new();
        owner_alone.write(true).create(true).truncate(true).mode(0o600);
        owner_alone.open(folder.join("operator.token")).unwrap().write_all(TOKEN.as_bytes()).unwrap();
        let configuration = r#"
            [prober]
            environment = "test"
            datacenter = "dc1"
            listen = "127.0.0.1:0"
            operator_token_file = "operator.token"
            state_dir = "state"
            [[cluster]]
            name = "c"
            datacenter = "dc1"
            roles = ["authoritative"]
            [[cluster.resolver]]
            name = "ns1"
            address = "127.0.0.1:1"
            [[name]]
            id = "www"
            class = "internal"
            qname = "www.example."
            qtype = "A"
            recursion_desired = false
            interval = "1s"
            timeout = "1s"
            "#;
        fs::write(folder.join("probes.toml"), configuration).unwrap();
        Self(folder)
    }

    fn state(&self) -> PathBuf {
        self.0.join("state")
    }

    fn command(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_fathom"));
        command.arg("--config").arg(self.0.join("probes.toml")).args(arguments).env("USER", "ada").output().unwrap()
    }

    /// Starts the daemon: by itself, or as the last command of a shell script.
    fn start(&self, script: Option<&str>) -> Prober {
        let mut command = match script {
            None => Command::new(env!("CARGO_BIN_EXE_fathom")),
            Some(script) => {
                let mut command = Command::new("unshare");
                command.args(["-rm", "sh", "-ec", script, env!("CARGO_BIN_EXE_fathom")]);
                command
            }
        };
        command.arg("--config").arg(self.0.join("probes.toml")).arg("run");
        Prober::start(command)
    }
}

/// A running daemon; killed when dropped.
struct Prober {
    child: Child,
    address: SocketAddr,
}

impl Prober {
    fn start(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let mut log = BufReader::new(child.stderr.take().unwrap());
        let (mut line, mut said) = (String::new(), String::new());
        while !line.contains("http://") {
            line.clear();
            assert!(log.read_line(&mut line).unwrap() > 0, "it ended: {said}");
            said.push_str(&line);
        }
        // Whoever writes a log that nobody reads waits in the end.
        std::thread::spawn(move || std::io::copy(&mut log, &mut std::io::sink()));
        let address = line.split("http://").nth(1).unwrap().split('/').next().unwrap().parse().unwrap();
        Self { child, address }
    }

    /// Status and body; nothing where nobody answers any more.
    fn ask(&self, request: &str) -> Option<(u16, String)> {
        ask(self.address, request)
    }

    fn get(&self, path: &str) -> String {
        let (status, body) = self.ask(&format!("GET {path} HTTP/1.0\r\n\r\n")).unwrap();
        assert_eq!(status, 200, "{body}");
        body
    }

    fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(i32::try_from(self.child.id()).unwrap()).unwrap();
        kill_process(pid, signal).unwrap();
    }

    fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Prober {
    fn drop(&mut self) {
        // It may have ended by itself.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn ask(address: SocketAddr, request: &str) -> Option<(u16, String)> {
    let mut stream = TcpStream::connect(address).ok()?;
    stream.write_all(request.as_bytes()).ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    Some((head.split(' ').nth(1)?.parse().ok()?, body.to_owned()))
}

/// Writes a mark; whether that was acknowledged.
fn mark(address: SocketAddr, text: &str) -> bool {
    let (authorization, length) = (basic("ada", TOKEN), text.len());
    let request = format!(
        "POST /api/v1/marks HTTP/1.0\r\nauthorization: {authorization}\r\ncontent-type: text/plain\r\n\
         content-length: {length}\r\n\r\n{text}"
    );
    // Half an answer is none: the body has to be whole.
    ask(address, &request).is_some_and(|(status, body)| status == 201 && body.ends_with('\n'))
}

/// Waits until it is so.
fn until(what: &str, is_so: impl Fn() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < deadline, "waited in vain: {what}");
        std::thread::park_timeout(Duration::from_millis(20));
    }
}

/// The marks in a journal, and the numbers of all its entries.
fn written(state_dir: &Path) -> (BTreeSet<String>, BTreeSet<i64>) {
    let database = open_to_read(state_dir).unwrap();
    let health: String = database.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(health, "ok");
    let entries = Reading::of(&database).after(0, usize::MAX).unwrap();
    let texts = entries.iter().map(|entry| serde_json::to_value(entry).unwrap());
    let marks = texts.filter(|entry| entry["kind"] == "mark").map(|entry| entry["text"].as_str().unwrap().to_owned());
    (marks.collect(), entries.iter().map(|entry| entry.id).collect())
}

#[test]
fn killed_a_hundred_times_it_holds_all_that_was_acknowledged() {
    let place = Place::new("killed");
    let (mut acknowledged, mut announced) = (BTreeSet::new(), BTreeSet::new());
    for round in 0..100_u32 {
        let mut prober = place.start(None);
        let address = prober.address;
        let killed = Arc::new(AtomicBool::new(false));
        let writers: Vec<_> = (0..3)
            .map(|writer| {
                let killed = Arc::clone(&killed);
                std::thread::spawn(move || {
                    let texts = (0..).map(|n| format!("{round}-{writer}-{n}"));
                    let marks = texts.take_while(|_| !killed.load(Ordering::Relaxed));
                    marks.take_while(|text| mark(address, text)).collect::<Vec<_>>()
                })
            })
            .collect();
        let listener = std::thread::spawn(move || {
            // The kill may come first: then there is nothing to hear.
            let Ok(mut stream) = TcpStream::connect(address) else { return Vec::new() };
            if stream.write_all(b"GET /api/v1/events?after=0 HTTP/1.0\r\n\r\n").is_err() {
                return Vec::new();
            }
            let lines = BufReader::new(stream).lines().map_while(Result::ok);
            lines.filter_map(|line| line.strip_prefix("id: ").and_then(|id| id.parse::<i64>().ok())).collect::<Vec<_>>()
        });
        // From before the first mark to some dozens later, another moment every time.
        std::thread::park_timeout(Duration::from_millis(u64::from(round * 7 % 60)));
        prober.kill();
        killed.store(true, Ordering::Relaxed);
        acknowledged.extend(writers.into_iter().flat_map(|writer| writer.join().unwrap()));
        announced.extend(listener.join().unwrap());
        if round % 10 == 9 {
            let (marks, ids) = written(&place.state());
            let lost: Vec<_> = acknowledged.difference(&marks).collect();
            assert!(lost.is_empty(), "round {round}: acknowledged and lost: {lost:?}");
            let lost: Vec<_> = announced.difference(&ids).collect();
            assert!(lost.is_empty(), "round {round}: announced and lost: {lost:?}");
        }
    }
    assert!(acknowledged.len() > 100, "{} marks were acknowledged", acknowledged.len());
    println!("{} marks acknowledged, {} entries announced, none lost", acknowledged.len(), announced.len());
    let incidents = place.command(&["incidents", "--json"]);
    let incidents: Value = serde_json::from_slice(&incidents.stdout).unwrap();
    assert!(incidents["incidents"].as_array().unwrap().len() <= 1, "one incident, however often it was killed");
}

#[test]
fn a_full_disk_stops_nothing_and_what_it_cost_is_written_later() {
    let place = Place::new("full");
    let state = place.state().display().to_string();
    // A disk of its own, nearly full from the start.
    let script = format!(
        "mount -t tmpfs -o size=2m none '{state}'; head -c 1500000 /dev/zero > '{state}/filler'; exec \"$0\" \"$@\""
    );
    let prober = place.start(Some(&script));
    let kept = || serde_json::from_str::<Value>(&prober.get("/api/v1/incidents")).unwrap()["kept"].clone();
    assert_eq!(kept()["in"], "file");
    let mut texts = BTreeSet::new();
    let note = |kept: Value| kept["note"].as_str().unwrap_or_default().to_owned();
    while note(kept()).is_empty() {
        let text = format!("{:500}", texts.len()).replace(' ', ".");
        assert!(mark(prober.address, &text), "a mark is taken on a full disk too");
        texts.insert(text);
        assert!(texts.len() < 10_000, "the disk is never full");
    }
    assert!(note(kept()).contains("cannot be written now") && note(kept()).contains("held in memory"), "{}", kept());
    assert!(mark(prober.address, "on the full disk"));
    texts.insert("on the full disk".to_owned());
    let metrics = prober.get("/metrics");
    let value = |metrics: &str, name: &str| {
        let line = metrics.lines().find(|line| line.starts_with(name)).unwrap();
        line.rsplit_once(' ').unwrap().1.parse::<f64>().unwrap()
    };
    assert!(value(&metrics, "fathom_journal_on_disk{") < 0.5);
    assert!(value(&metrics, "fathom_journal_writes_failed_total{") > 0.5);
    let finished = || {
        let lines = prober.get("/metrics");
        let lines = lines.lines().filter(|line| line.starts_with("dns_probe_results_total{")).map(str::to_owned);
        lines.map(|line| line.rsplit_once(' ').unwrap().1.parse::<f64>().unwrap()).sum::<f64>()
    };
    let before = finished();
    until("probing goes on", || finished() > before);

    // The test is outside of the mount namespace; this is the way in.
    let inside = PathBuf::from(format!("/proc/{}/root{state}", prober.child.id()));
    fs::remove_file(inside.join("filler")).unwrap();
    until("it is written again", || note(kept()).is_empty());
    // What is on the disk then, as it stands: not what the prober holds in memory.
    let copy = place.0.join("copy");
    fs::create_dir(&copy).unwrap();
    prober.signal(Signal::STOP);
    for companion in ["", "-wal"] {
        let name = format!("{FILE_NAME}{companion}");
        fs::copy(inside.join(&name), copy.join(&name)).unwrap();
    }
    prober.signal(Signal::CONT);
    let (marks, _) = written(&copy);
    assert_eq!(texts.difference(&marks).count(), 0, "nothing of it was lost");
    assert!(value(&prober.get("/metrics"), "fathom_journal_on_disk{") > 0.5);
}

#[test]
fn commands_read_a_journal_while_its_prober_runs_and_after_it_has_died() {
    let place = Place::new("commands");
    let text = |output: &Output| String::from_utf8(output.stdout.clone()).unwrap();
    let complaint = |output: &Output| String::from_utf8(output.stderr.clone()).unwrap();
    let none = place.command(&["incidents"]);
    assert_eq!(none.status.code(), Some(2));
    assert!(complaint(&none).contains("no prober has kept a journal there yet"), "{}", complaint(&none));

    let mut prober = place.start(None);
    let from = format!("http://{}", prober.address);
    until("the incident", || text(&place.command(&["incidents"])).contains("internal"));
    let marked = place.command(&["mark", "restored | <forwarders> on ns1", "--from", &from]);
    assert!(text(&marked).starts_with("marked at 2"), "{}", complaint(&marked));
    let port_zero = place.command(&["mark", "a"]);
    assert!(complaint(&port_zero).contains("prober.listen has port 0"), "{}", complaint(&port_zero));
    for bad in ["", " ", "two\nlines", &"x".repeat(501)] {
        let refused = place.command(&["mark", bad, "--from", &from]);
        assert_eq!(refused.status.code(), Some(2), "{bad:?}");
        assert!(complaint(&refused).contains("1 to 500 printable characters"), "{}", complaint(&refused));
    }

    let listed = text(&place.command(&["incidents", "--from", &from]));
    let row = listed.lines().nth(1).unwrap();
    assert!(row.contains(" open ") && row.ends_with("  internal"), "{listed}");
    let json: Value = serde_json::from_str(&text(&place.command(&["incidents", "--json"]))).unwrap();
    let id = json["incidents"][0]["id"].to_string();
    let told = text(&place.command(&["incident", &id]));
    assert!(told.contains("goes on since") && told.contains("ada: restored | <forwarders> on ns1"), "{told}");
    let over_http = text(&place.command(&["incident", &id, "--markdown", "--from", &from]));
    prober.kill();
    let from_file = text(&place.command(&["incident", &id, "--markdown"]));
    for markdown in [over_http, from_file] {
        assert!(markdown.starts_with(&format!("# Incident {id} in c\n\nc ")), "{markdown}");
        assert!(markdown.contains(r"**ada: restored \| \<forwarders\> on ns1**"), "{markdown}");
        assert!(markdown.contains("ns1: `unreachable` (www)"), "{markdown}");
    }
    let unknown = place.command(&["incident", "99"]);
    assert!(complaint(&unknown).contains("there is no incident 99"), "{}", complaint(&unknown));
    let nobody = place.command(&["incidents", "--from", &from]);
    assert!(nobody.status.code() == Some(2) && complaint(&nobody).contains("the prober cannot be asked"));

    let damaged = place.state().join(FILE_NAME);
    fs::write(&damaged, vec![0x5a; 50_000]).unwrap();
    fs::remove_file(place.state().join(format!("{FILE_NAME}-wal"))).unwrap();
    let unreadable = place.command(&["incidents"]);
    assert!(unreadable.status.code() == Some(2) && complaint(&unreadable).contains("cannot be opened"));
}
