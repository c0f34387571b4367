//! `fathom probe` as a user runs it: words, JSON, exit codes. In real time, as it is a process of its own.

use std::path::PathBuf;
use std::process::{Command, Output};
use std::time::Duration;

use crate::responder::{Responder, Say};

/// A server that answers, fails, or fails too late, and a configuration that asks it for all three.
async fn three_names(test: &str) -> (Responder, PathBuf) {
    let server = Responder::start(|asked| match asked.qname.as_str() {
        "failing.example." => Say::Servfail(Duration::ZERO),
        "late.example." => Say::Servfail(Duration::from_millis(600)),
        "silent.example." => Say::Nothing,
        _ => Say::Address(Duration::ZERO),
    })
    .await;
    let name =
        |id: &str| format!("[[name]]\nid = \"{id}\"\nclass = \"c-{id}\"\nqname = \"{id}.example.\"\nqtype = \"A\"\n");
    let names: String = ["fine", "failing", "late", "silent"].map(name).concat();
    let configuration = format!(
        r#"
        [prober]
        environment = "test"
        datacenter = "dc1"
        [defaults]
        timeout = "300ms"
        patience = "1s"
        [[cluster]]
        name = "c"
        datacenter = "dc1"
        roles = ["recursive"]
        [[cluster.resolver]]
        name = "ns1"
        address = "{}"
        {names}"#,
        server.address
    );
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{test}.toml"));
    std::fs::write(&path, configuration).unwrap();
    (server, path)
}

async fn fathom(config: &std::path::Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_fathom"));
    command.arg("--config").arg(config).arg("probe").args(arguments);
    tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap()
}

#[tokio::test]
async fn it_says_what_was_asked_what_came_and_what_it_means() {
    let (server, config) = three_names("probe-text").await;
    let output = fathom(&config, &["--no-trace"]).await;
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8(output.stdout).unwrap();
    let lines: Vec<&str> = said.lines().collect();
    let expected = [
        (format!("ns1 of c at {}", server.address), ""),
        ("  ok                fine (c-fine): fine.example. A over udp".to_owned(), ""),
        ("                    NOERROR after ".to_owned(), " ms: 192.0.2.1 (TTL 300 s)"),
        ("  servfail          failing (c-failing): failing.example. A over udp".to_owned(), ""),
        ("                    SERVFAIL after ".to_owned(), " ms, EDE 22 (No Reachable Authority)"),
        ("                    The resolver gave up on the name (SERVFAIL): ".to_owned(), "failed."),
        ("  timeout           late (c-late): late.example. A over udp".to_owned(), ""),
        (
            "                    nothing within 0.3 s; SERVFAIL came after 0.6".to_owned(),
            " s, when a client has long given up",
        ),
        ("                    No answer came within the timeout; ".to_owned(), "evidence."),
        ("  timeout           silent (c-silent): silent.example. A over udp".to_owned(), ""),
        ("                    nothing, not even within 1 s".to_owned(), ""),
        ("                    No answer came within the timeout; ".to_owned(), "evidence."),
        ("3 of 4 probes failed.".to_owned(), ""),
    ];
    assert_eq!(lines.len(), expected.len(), "{said}");
    for (line, (start, end)) in lines.iter().zip(expected) {
        assert!(line.starts_with(&start) && line.ends_with(end), "{line:?} is not {start:?} … {end:?}");
    }
}

#[tokio::test]
async fn one_good_name_is_a_success_and_json_says_the_same() {
    let (_server, config) = three_names("probe-json").await;
    let output = fathom(&config, &["--name", "fine", "--resolver", "c/ns1", "--no-trace", "--json"]).await;
    assert_eq!(output.status.code(), Some(0));
    let document: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(document["verdicts"].as_array().unwrap().len(), 0, "nothing was traced");
    let findings = &document["probes"];
    let [finding] = findings.as_array().unwrap().as_slice() else { panic!("one probe: {findings}") };
    assert_eq!((&finding["result"], &finding["answer"]["rcode"]), (&"ok".into(), &"NOERROR".into()));

    let output = fathom(&config, &["--class", "c-late", "--no-trace", "--json"]).await;
    assert_eq!(output.status.code(), Some(1));
    let document: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let findings = &document["probes"];
    assert_eq!((&findings[0]["result"], &findings[0]["answer"]), (&"timeout".into(), &serde_json::Value::Null));
    assert_eq!(findings[0]["late_answer"]["rcode"], "SERVFAIL");
}

#[tokio::test]
async fn it_traces_meanwhile_and_gives_a_verdict_with_its_evidence() {
    let (_server, config) = three_names("probe-verdict").await;
    let output = fathom(&config, &["--name", "fine"]).await;
    let said = String::from_utf8(output.stdout).unwrap();
    let (probe, verdict) = said.split_once("The probe was ok.\n").unwrap_or_else(|| panic!("{said}"));
    assert!(probe.starts_with("ns1 of c at "), "{said}");
    assert!(verdict.starts_with("\nns1 of c: ok ("), "{said}");
    assert!(verdict.contains("its own answers: "), "the evidence: {said}");
    assert!(verdict.contains("\nc: healthy\n"), "{said}");
    assert_eq!(output.status.code(), Some(0));

    let output = fathom(&config, &["--name", "fine", "--json"]).await;
    let document: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let verdict = &document["verdicts"][0];
    assert_eq!((&verdict["resolver"], &verdict["verdict"]), (&"ns1".into(), &"ok".into()), "{document}");
    assert!(verdict["clues"].as_array().is_some_and(|clues| !clues.is_empty()), "{document}");
}

#[tokio::test]
async fn a_resolver_that_fails_has_a_verdict_before_anybody_stops_waiting() {
    let server = Responder::start(|asked| match asked.qname.as_str() {
        "version.bind." => Say::Address(Duration::ZERO),
        _ => Say::Servfail(Duration::ZERO),
    })
    .await;
    let (_other, config) = three_names("probe-failing").await;
    let text = std::fs::read_to_string(&config).unwrap();
    let address = text.lines().find(|line| line.trim_start().starts_with("address")).unwrap();
    std::fs::write(&config, text.replace(address, &format!("address = \"{}\"", server.address))).unwrap();
    let output = fathom(&config, &["--json"]).await;
    assert_eq!(output.status.code(), Some(1));
    let document: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let verdict = &document["verdicts"][0];
    assert!(verdict["verdict"] != "unknown" && verdict["verdict"] != "ok", "{document}");
    assert_ne!(verdict["sentence"], "", "{document}");
}

#[tokio::test]
async fn words_that_fit_nothing_are_usage_errors_that_say_which_would() {
    let (server, config) = three_names("probe-usage").await;
    for (arguments, says) in [
        (["--resolver", "ns9"], "nothing is asked with resolver ns9; there are: c/ns1"),
        (["--name", "www"], "nothing is asked with name www; there are: failing, fine, late, silent"),
        (["--class", "x"], "nothing is asked with class x; there are: c-failing, c-fine, c-late, c-silent"),
    ] {
        let output = fathom(&config, &arguments).await;
        assert_eq!((output.status.code(), output.stdout.as_slice()), (Some(2), b"".as_slice()));
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(said.contains(says), "{said}");
    }
    assert!(server.asked().is_empty());
}
