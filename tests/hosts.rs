//! `fathom hosts`, as a process: what it says when there is nothing, or too much, to print.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const CONFIGURATION: &str = r#"
[prober]
environment = "test"
datacenter = "dc1"
STATE
[[cluster]]
name = "c"
datacenter = "dc1"
[[cluster.resolver]]
name = "ns1"
address = "192.0.2.1"
[[name]]
id = "db"
class = "database"
qname = "db.example."
expect = { networks = ["10.0.0.0/8"] }
"#;

/// A book of one name, which ns1 answered long ago.
const BOOK: &str = r#"{ "form": 1, "environment": "test", "vantage": "dc1", "written_at": "2026-01-01T00:00:00.000Z",
  "kept": "Kept in a file.", "names": [ { "name": "db", "class": "database", "qname": "db.example.", "qtype": "A",
    "left_out": null, "answers": [ { "datacenter": "dc1", "cluster": "c", "resolver": "ns1", "address": "192.0.2.1:53",
      "at": "2026-01-01T00:00:00.000Z", "proof": "networks", "addresses": ["10.0.0.5"] } ] } ] }"#;

/// A folder with a configuration, and a book in its state folder.
fn folder(name: &str, state: &str, book: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("hosts-{name}"));
    fs::create_dir_all(folder.join("state")).unwrap();
    fs::write(folder.join("probes.toml"), CONFIGURATION.replace("STATE", state)).unwrap();
    fs::write(folder.join("state/break-glass.json"), book).unwrap();
    folder
}

/// Exit code, standard output and standard error.
fn hosts(folder: &Path, arguments: &[&str]) -> (Option<i32>, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_fathom"));
    command.current_dir(folder).env_remove("FATHOM_CONFIG").env_remove("FATHOM_DATACENTER");
    let output = command.arg("hosts").args(arguments).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

const STATE: &str = "state_dir = \"state\"";
const FOR_EVER: [&str; 2] = ["--max-age", "100years"];

#[test]
fn the_file_is_read_without_a_prober_and_its_age_counts() {
    let folder = folder("age", STATE, BOOK);
    let (code, out, _) = hosts(&folder, &FOR_EVER);
    assert!(code == Some(0) && out.contains("\n10.0.0.5\tdb.example\n"), "{out}");
    let (code, out, error) = hosts(&folder, &[]);
    assert_eq!(code, Some(1), "nothing to go on with is a failure");
    assert!(!out.contains("10.0.0.5") && out.contains("db.example. A (db): last verified "), "{out}");
    assert!(error.contains("There is no verified address among what was asked for."), "{error}");
    // Elsewhere, without a configuration.
    let file = folder.join("state/break-glass.json");
    let elsewhere = std::env::temp_dir();
    let (code, out, _) = hosts(&elsewhere, &["--file", file.to_str().unwrap(), "--max-age", "100years"]);
    assert!(code == Some(0) && out.contains("\n10.0.0.5\tdb.example\n"), "{out}");
    let (code, out, _) = hosts(&folder, &["--format", "json", "--max-age", "100years"]);
    assert!(code == Some(0) && out.contains("\"10.0.0.5\""), "{out}");
}

#[test]
fn what_the_configuration_would_not_verify_any_more_stays_out() {
    let folder = folder("changed", STATE, &BOOK.replace("10.0.0.5", "203.0.113.5"));
    let (code, out, _) = hosts(&folder, &FOR_EVER);
    assert!(code == Some(1) && !out.contains("203.0.113.5"), "{out}");
}

#[test]
fn what_is_wrong_is_said() {
    let cases: [(&str, &str, &str, &[&str], &str); 4] = [
        (
            "none",
            "",
            BOOK,
            &[],
            "prober.state_dir is not given, so there is no file to read; a running prober can be asked",
        ),
        ("class", STATE, BOOK, &["--class", "mail"], "no name with addresses is of class mail; there are: database"),
        ("bad", STATE, "{", &[], "break-glass.json: not what this version of Fathom writes: EOF while parsing"),
        ("name", STATE, BOOK, &["--from", "http://prober.example:9953"], "a host name takes DNS to find"),
    ];
    for (name, state, book, arguments, why) in cases {
        let (code, out, error) = hosts(&folder(name, state, book), arguments);
        assert!(code == Some(2) && out.is_empty() && error.contains(why), "{name}: {error}");
    }
}
