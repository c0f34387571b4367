//! `fathom run` as an init system runs it: signals, exit codes, what it says. In real time, as it is a process of its own.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tokio::time::Instant;

/// How long anything that is waited for may take, on a machine that is busy with other tests.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);

/// A running daemon; killed when dropped.
pub(super) struct Daemon {
    pub(super) child: Child,
    log: Receiver<String>,
    address: SocketAddr,
}

impl Daemon {
    fn start(config: &Path) -> Self {
        Self::start_in(config, &[])
    }

    /// The same with more in its environment.
    pub(super) fn start_in(config: &Path, environment: &[(&str, &str)]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_fathom"))
            .arg("--config")
            .arg(config)
            .arg("run")
            .envs(environment.iter().copied())
            .stderr(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let (sender, log) = channel();
        let lines = BufReader::new(child.stderr.take().unwrap()).lines();
        std::thread::spawn(move || lines.map_while(Result::ok).try_for_each(|line| sender.send(line)));
        let mut daemon = Self { child, log, address: SocketAddr::from(([0; 4], 0)) };
        let line = daemon.says("http://");
        let url = line.split("http://").nth(1).unwrap();
        daemon.address = url.split('/').next().unwrap().parse().unwrap();
        daemon
    }

    /// Waits for a line of the log.
    pub(super) fn says(&self, wanted: &str) -> String {
        let deadline = Instant::now() + PATIENCE;
        let mut said = Vec::new();
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let Ok(line) = self.log.recv_timeout(left) else { panic!("{wanted:?} was not said: {said:#?}") };
            if line.contains(wanted) {
                return line;
            }
            said.push(line);
        }
    }

    pub(super) fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(i32::try_from(self.child.id()).unwrap()).unwrap();
        kill_process(pid, signal).unwrap();
    }

    pub(super) fn get(&self, path: &str) -> String {
        self.request("GET", path)
    }

    pub(super) fn request(&self, method: &str, path: &str) -> String {
        let mut stream = TcpStream::connect(self.address).unwrap();
        write!(stream, "{method} {path} HTTP/1.0\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // It may have ended by itself, as it should.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// A configuration file that watches nobody's port.
pub(super) fn write_config(test: &str, listen: &str, environment: &str) -> PathBuf {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{test}.toml"));
    let configuration = format!(
        r#"
        [prober]
        environment = "{environment}"
        datacenter = "dc1"
        listen = "{listen}"
        [[cluster]]
        name = "c"
        datacenter = "dc1"
        roles = ["recursive"]
        [[cluster.resolver]]
        name = "ns1"
        address = "127.0.0.1:1"
        [[name]]
        id = "www"
        class = "external"
        qname = "www.example."
        qtype = "A"
        interval = "1s"
        timeout = "1s"
        "#
    );
    std::fs::write(&path, configuration).unwrap();
    path
}

#[test]
fn a_hangup_reloads_and_a_bad_file_changes_nothing() {
    let config = write_config("run-reload", "127.0.0.1:0", "before");
    let daemon = Daemon::start(&config);
    daemon.says("The result has changed");
    write_config("run-reload", "127.0.0.1:0", "not a word");
    daemon.signal(Signal::HUP);
    daemon.says("the old configuration is still used");
    let metrics = daemon.get("/metrics");
    assert!(metrics.contains("fathom_config_last_reload_successful{environment=\"before\",vantage=\"dc1\"} 0"));
    write_config("run-reload", "127.0.0.1:0", "after");
    daemon.signal(Signal::HUP);
    daemon.says("the configuration was loaded again");
    let metrics = daemon.get("/metrics");
    assert!(metrics.contains("fathom_config_last_reload_successful{environment=\"after\",vantage=\"dc1\"} 1"));
    assert!(metrics.contains("result=\"unreachable\"") && !metrics.contains("before"), "counters go on: {metrics}");
}

#[test]
fn it_stops_cleanly_within_two_seconds() {
    for signal in [Signal::TERM, Signal::INT] {
        let mut daemon = Daemon::start(&write_config("run-stop", "127.0.0.1:0", "test"));
        let _idle = TcpStream::connect(daemon.address).unwrap();
        let asked = Instant::now();
        daemon.signal(signal);
        let status = daemon.child.wait().unwrap();
        assert_eq!(status.code(), Some(0));
        assert!(asked.elapsed() < Duration::from_secs(2), "{:?}", asked.elapsed());
    }
}

#[test]
fn a_port_in_use_and_a_bad_file_are_configuration_errors() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    for (environment, says) in [("test", "another fathom, listens there"), ("a b", "prober.environment")] {
        let config = write_config("run-errors", &address, environment);
        let output =
            Command::new(env!("CARGO_BIN_EXE_fathom")).arg("--config").arg(config).arg("run").output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.code() == Some(2) && said.contains(says), "{said}");
    }
}
