//! `fathom run` as systemd runs it: the test is the service manager, at the other end of `NOTIFY_SOCKET`.

use std::fs;
use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;
use std::time::Duration;

use rustix::process::Signal;
use tokio::time::Instant;

use super::run::{Daemon, PATIENCE, write_config};

/// A service manager; its socket is removed when it is dropped.
struct Manager {
    socket: UnixDatagram,
    path: PathBuf,
}

impl Manager {
    fn new(test: &str) -> Self {
        // Not below `target`: the path of a socket has to be short.
        let path = std::env::temp_dir().join(format!("fathom-{test}-{}", std::process::id()));
        let socket = UnixDatagram::bind(&path).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        Self { socket, path }
    }

    fn starts(&self, config: &str, watchdog: Option<Duration>) -> Daemon {
        let config = write_config(config, "127.0.0.1:0", "test");
        let period = watchdog.map(|period| period.as_micros().to_string());
        let mut environment = vec![("NOTIFY_SOCKET", self.path.to_str().unwrap())];
        environment.extend(period.as_deref().map(|period| ("WATCHDOG_USEC", period)));
        Daemon::start_in(&config, &environment)
    }

    /// The next message: lines of `KEY=value`.
    fn hears(&self) -> Vec<String> {
        let mut buffer = [0; 4096];
        let length = self.socket.recv(&mut buffer).expect("a message in time");
        String::from_utf8(buffer[..length].to_vec()).unwrap().lines().map(str::to_owned).collect()
    }
}

impl Drop for Manager {
    fn drop(&mut self) {
        // Another test run has another name.
        drop(fs::remove_file(&self.path));
    }
}

#[test]
fn a_service_manager_is_told_of_start_reloads_and_end_in_order() {
    const TEST: &str = "supervised-phases";
    let manager = Manager::new(TEST);
    let mut daemon = manager.starts(TEST, None);
    assert_eq!(manager.hears(), ["READY=1", "STATUS=Watches 1 resolvers."]);
    assert!(daemon.get("/-/healthy").contains(" 200 "), "ready, so it listens");

    let by_signal: fn(&Daemon) = |daemon| daemon.signal(Signal::HUP);
    let by_post: fn(&Daemon) = |daemon| drop(daemon.request("POST", "/-/reload"));
    for (ask, environment, outcome) in [
        (by_signal, "a b", "The last reload failed"),
        (by_post, "a c", "The last reload failed"),
        (by_signal, "after", "The configuration was loaded again"),
        (by_post, "finally", "The configuration was loaded again"),
    ] {
        write_config(TEST, "127.0.0.1:0", environment);
        ask(&daemon);
        let reloading = manager.hears();
        // systemd holds a reload to have begun after it asked for it by this clock.
        let begun = reloading[1].strip_prefix("MONOTONIC_USEC=").and_then(|time| time.parse::<u64>().ok());
        assert!(reloading[0] == "RELOADING=1" && begun > Some(0), "{reloading:?}");
        let ready = manager.hears();
        assert!(ready[0] == "READY=1" && ready[1].contains(outcome), "{ready:?}");
    }

    daemon.signal(Signal::TERM);
    assert_eq!(manager.hears(), ["STOPPING=1"]);
    assert_eq!(daemon.child.wait().unwrap().code(), Some(0));
}

#[test]
fn the_watchdog_is_fed_twice_in_a_period() {
    const PERIOD: Duration = Duration::from_secs(2);
    let manager = Manager::new("watchdog");
    let _daemon = manager.starts("supervised-watchdog", Some(PERIOD));
    let mut heard = Vec::new();
    while heard.len() < 4 {
        if manager.hears() == ["WATCHDOG=1"] {
            heard.push(Instant::now());
        }
    }
    let took = heard[3] - heard[0];
    // Three halves of a period, less what the first one may have come late; and never as late as would be fatal.
    assert!(took > PERIOD / 2 && took < PERIOD * 3, "{took:?}");
}

#[test]
fn a_service_manager_that_is_gone_is_logged_and_nothing_else_comes_of_it() {
    let manager = Manager::new("gone");
    fs::remove_file(&manager.path).unwrap();
    let daemon = manager.starts("supervised-gone", None);
    daemon.says("The service manager (NOTIFY_SOCKET) cannot be told");
    daemon.signal(Signal::HUP);
    daemon.says("the configuration was loaded again");
}
