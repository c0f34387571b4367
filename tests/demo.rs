//! The embedded estate as a stranger meets it: `fathom demo` and `fathom lab`, the real program in real time.

mod support;

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Output, Stdio};
use std::thread;
use std::time::Duration;

use support::isolated;
use tokio::time::Instant;

/// The program, with the embedded probes.toml: its folder has none.
fn fathom(args: &[&str]) -> Command {
    // Should it hang, or the test die, it does not outlive either.
    let mut command = Command::new("timeout");
    command.args(["--kill-after=1", "120", "setpriv", "--pdeathsig", "KILL", "--", env!("CARGO_BIN_EXE_fathom")]);
    command.args(args).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.current_dir(env!("CARGO_TARGET_TMPDIR")).env_remove("FATHOM_CONFIG").env_remove("FATHOM_DATACENTER");
    command
}

fn ended(args: &[&str]) -> (Output, Duration) {
    let started = Instant::now();
    let output = fathom(args).output().expect("it runs");
    (output, started.elapsed())
}

/// Starts it, and waits for the line that holds `word`.
fn started(args: &[&str], word: &str) -> Child {
    let mut child = fathom(args).spawn().expect("it starts");
    let mut lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
    assert!(lines.any(|line| line.expect("text").contains(word)), "{args:?} ended without a word of {word}");
    // What it says from now on is read and dropped, so that it can go on.
    thread::spawn(move || lines.count());
    child
}

/// Sends it a signal, which `timeout` passes on, and says how it ended and how long that took.
fn stopped(mut child: Child, signal: &str) -> (Option<i32>, Duration) {
    let told_at = Instant::now();
    let sent = Command::new("kill").args([signal, &child.id().to_string()]).status().expect("kill runs");
    assert!(sent.success());
    let status = child.wait().expect("it was started here");
    (status.code(), told_at.elapsed())
}

#[test]
fn the_demo_tells_the_whole_incident_in_less_than_a_minute() {
    isolated(async {
        let (output, took) = ended(&["demo", "--once"]);
        let told = String::from_utf8(output.stdout).expect("text");
        assert_eq!(output.status.code(), Some(0), "{told}\n{}", String::from_utf8_lossy(&output.stderr));
        assert!(took < Duration::from_secs(60), "{took:?}");

        let table: Vec<Vec<&str>> = told
            .lines()
            .skip_while(|line| !line.starts_with("stage "))
            .map(|line| line.split_whitespace().collect())
            .collect();
        let row = |stage: &str| table.iter().find(|row| row[0] == stage).expect("a row for every stage").join(" ");
        let all_ok = "ok 8 ok 12 ok 8 ok 8 ok 8";
        assert_eq!(table[0].join(" "), "stage cluster exits ct_log database external internal mpic", "{told}");
        assert_eq!(row("0"), format!("0 healthy 4 {all_ok}"), "{told}");
        assert_eq!(row("1"), format!("1 latent 3 {all_ok}"), "{told}");
        assert_eq!(row("2"), format!("2 latent 2 {all_ok}"), "{told}");
        assert_eq!(row("3"), format!("3 fragile 1 {all_ok}"), "{told}");
        assert!(row("4").starts_with("4 outage 0 loop_suspected 8 ok 8 loop_suspected 8 ok 8 loop"), "{told}");
        assert_eq!(row("fix"), format!("fix healthy 4 {all_ok}"), "{told}");
        assert!(told.contains("ns1 forwards_to_sibling (confirmed): ns1 forwards to ns2."), "{told}");
        assert!(told.contains("ns4 is the last exit"), "{told}");
        assert!(told.contains("loop_suspected (confirmed)"), "{told}");
    });
}

#[test]
fn demo_and_lab_stop_when_told_to_and_say_when_they_cannot_start() {
    isolated(async {
        let demo = started(&["demo"], "dc1-internal is healthy");
        let (output, _) = ended(&["lab"]);
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2));
        let expected = "fathom: the lab's resolver ns1 cannot listen on 127.1.0.1:5300: Address already in use";
        assert!(error.starts_with(expected) && error.contains("is another lab running?"), "{error}");
        let (code, took) = stopped(demo, "-INT");
        assert!(code == Some(0) && took < Duration::from_secs(2), "{code:?} after {took:?}");

        let lab = started(&["lab", "--stage", "4b", "--fault", "ns8=refused"], "Ask: dig");
        let (code, took) = stopped(lab, "-TERM");
        assert!(code == Some(0) && took < Duration::from_secs(2), "{code:?} after {took:?}");
    });
}

#[test]
fn what_the_lab_does_not_know_is_said_with_what_it_knows() {
    for (args, expected) in [
        (["lab", "--stage", "5"], "allowed: 0, 1, 2, 3, 4, 4b, 4c"),
        (["lab", "--software", "djbdns"], "allowed: bind, bind-validating, unbound, pdns, knot, dnsmasq"),
        (["lab", "--fault", "ns1=loss=300"], "`loss=300`: write it like `loss=30`"),
        (["lab", "--fault", "drop"], "allowed: RESOLVER=FAULT, such as ns1=servfail"),
    ] {
        let (output, _) = ended(&args);
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2));
        assert!(error.contains(expected), "{error}");
    }
}
