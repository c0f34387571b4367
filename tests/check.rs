//! `fathom check`, as a process: what it prints, and how it ends.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::process::{Command, Output};

use serde_json::Value;

fn check(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_fathom"));
    command.current_dir(env!("CARGO_MANIFEST_DIR")).env_remove("FATHOM_CONFIG").env_remove("FATHOM_DATACENTER");
    command.arg("check").args(arguments).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn the_shipped_file_is_planned_readably() {
    let output = check(&[]);
    let plan = text(&output.stdout);
    assert!(output.status.success() && output.stderr.is_empty(), "{}", text(&output.stderr));
    assert!(
        plan.starts_with("No mistakes. production, seen from dc1: 1 cluster, 4 resolvers, 56 questions.\n"),
        "{plan}"
    );
    for line in [
        "  ns4       127.1.0.4:5300       1.45      50  ns4.t.canary.example.net.",
        "  db-primary       database  5s     udp tcp  db1.int.example. A, no recursion",
        "  -                -         1m     udp      int.example. SOA, no recursion",
        "  dns_probe_info                                            44       44",
    ] {
        assert!(plan.lines().any(|printed| printed == line), "{line}\nis not in\n{plan}");
    }
    for line in plan.lines() {
        assert!(line.chars().count() <= 100, "{line}");
    }
}

#[test]
fn the_datacenter_of_the_command_line_decides_what_is_planned() {
    let plan = text(&check(&["--datacenter", "dc2"]).stdout);
    assert!(plan.contains("seen from dc2") && plan.contains("ns8") && !plan.contains("ns1 "), "{plan}");
}

#[test]
fn mistakes_end_in_exit_code_2_with_nothing_planned() {
    let output = check(&["--config", "tests/config/bad/unknown-key.toml"]);
    assert_eq!((output.status.code(), output.stdout.len()), (Some(2), 0));
    let told = text(&output.stderr);
    assert!(told.contains("unknown-key.toml:4:1: prober.lisen: unknown key (did you mean listen?)"), "{told}");
}

#[test]
fn warnings_come_with_the_plan() {
    let output = check(&["--config", "tests/config/odd/one-resolver.toml"]);
    let plan = text(&output.stdout);
    assert!(output.status.success());
    assert!(plan.starts_with("warning: tests/config/odd/one-resolver.toml:5:1: cluster[dc1-internal]: "), "{plan}");
    assert!(plan.contains("\nNo mistakes. "), "{plan}");
}

#[test]
fn a_key_that_is_not_there_is_a_warning() {
    let file = std::env::temp_dir().join(format!("fathom-check-{}.toml", std::process::id()));
    let text = include_str!("../probes.toml").replace("#key_files = ", "key_files = ");
    std::fs::write(&file, text).unwrap();
    let output = check(&["--config", file.to_str().unwrap()]);
    std::fs::remove_file(&file).unwrap();
    assert!(output.status.success(), "{}", text_of(&output));
    assert!(text_of(&output).contains(": path.key_files: ") && text_of(&output).contains("canary.key"));
}

fn text_of(output: &Output) -> String {
    text(&output.stdout) + &text(&output.stderr)
}

#[test]
fn programs_read_the_same_as_json() {
    let read = |arguments: &[&str]| -> Value { serde_json::from_slice(&check(arguments).stdout).unwrap() };
    let good = read(&["--json"]);
    assert_eq!(good["plan"]["clusters"][0]["resolvers"][3]["address"], "127.1.0.4:5300");
    assert_eq!(good["plan"]["clusters"][0]["questions"][2]["transports"], serde_json::json!(["udp", "tcp"]));
    let families = good["plan"]["series"]["families"].as_array().unwrap();
    let sum: u64 = families.iter().map(|family| family["healthy"].as_u64().unwrap()).sum();
    assert_eq!(good["plan"]["series"]["healthy"], sum);
    assert_eq!(good["mistakes"], serde_json::json!([]));

    let bad = check(&["--json", "--config", "tests/config/bad/many-at-once.toml"]);
    assert_eq!(bad.status.code(), Some(2));
    let told: Value = serde_json::from_slice(&bad.stdout).unwrap();
    assert_eq!(told["plan"], Value::Null);
    assert!(told["mistakes"].as_array().unwrap().len() > 5);
    assert_eq!((&told["mistakes"][1]["line"], &told["mistakes"][1]["key"]), (&3.into(), &"prober.listen".into()));
}
