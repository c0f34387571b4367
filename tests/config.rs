//! probes.toml, and the mistakes that can be made in it.
//!
//! Every file in tests/config/bad holds one mistake (or shows how several are told at once), beside the exact text that
//! a user reads; those in tests/config/odd work, but hardly as they were meant, and bring warnings. After a change of
//! wording, `FATHOM_REWRITE=1 cargo test --test config` writes the texts anew: read them before you keep them.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::BTreeMap;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use fathom::config::{self, Loaded, Overrides, Problems};
use fathom::estate::Estate;
use proptest::prelude::*;

const SHIPPED: &str = include_str!("../probes.toml");

fn parse(text: &str) -> Result<Loaded, Problems> {
    config::parse(text, "probes.toml", &Overrides::default())
}

fn good(text: &str) -> Loaded {
    parse(text).unwrap_or_else(|problems| panic!("{problems}"))
}

fn shipped_for(datacenter: &str) -> Loaded {
    let overrides = Overrides { datacenter: Some(datacenter.to_owned()), ..Overrides::default() };
    config::parse(SHIPPED, "probes.toml", &overrides).unwrap_or_else(|problems| panic!("{problems}"))
}

fn cluster_names(estate: &Estate) -> Vec<&str> {
    estate.clusters.iter().map(|cluster| cluster.name.as_str()).collect()
}

//----------- Mistakes and oddities -------------------------------------------

/// Reads every file of a folder, and compares what `told` makes of it with the text beside it.
fn hold_to_texts(folder: &str, at_least: usize, told: impl Fn(Result<Loaded, Problems>) -> String) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/config").join(folder);
    let mut files: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    let texts = files.iter().filter(|file| file.extension().is_some_and(|extension| extension == "txt")).count();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "toml"));
    files.sort();
    assert!(files.len() >= at_least && files.len() == texts, "{} files, {texts} texts", files.len());
    for file in files {
        let name = file.file_name().unwrap().to_string_lossy();
        let text = told(config::parse(&fs::read_to_string(&file).unwrap(), &name, &Overrides::default()));
        assert!(!text.trim().is_empty(), "{name}: nothing was told");
        let beside = file.with_extension("txt");
        if std::env::var_os("FATHOM_REWRITE").is_some() {
            fs::write(beside, text).unwrap();
        } else {
            let expected = fs::read_to_string(&beside).unwrap_or_else(|error| panic!("{}: {error}", beside.display()));
            assert_eq!(text, expected, "{name} is told in other words than {}", beside.display());
        }
    }
}

#[test]
fn every_mistake_is_told_in_the_words_beside_it() {
    hold_to_texts("bad", 100, |result| match result {
        Err(problems) => format!("{problems}\n"),
        Ok(_) => String::new(),
    });
}

#[test]
fn every_oddity_is_told_in_the_words_beside_it() {
    hold_to_texts("odd", 10, |result| {
        let loaded = result.unwrap_or_else(|problems| panic!("odd, but not wrong: {problems}"));
        loaded.warnings.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n") + "\n"
    });
}

#[test]
fn a_problem_fits_one_line_of_a_log() {
    let problems = parse(&SHIPPED.replace("listen = \"127.0.0.1:9953\"", "listen = \"localhost:9953\"")).unwrap_err();
    let [problem] = &problems.0[..] else { panic!("{problems}") };
    assert_eq!(problem.key, "prober.listen");
    let line = problem.in_one_line();
    assert!(line.starts_with("probes.toml:") && line.contains("; allowed: an IP address with a port"), "{line}");
    assert!(!line.contains('\n'), "{line}");
}

#[test]
fn files_that_cannot_be_read_are_told() {
    let folder = std::env::temp_dir().join(format!("fathom-config-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    let not_utf8 = folder.join("latin1.toml");
    fs::write(&not_utf8, b"# caf\xe9\n").unwrap();
    let told = |path: &Path| config::load(path, &Overrides::default()).unwrap_err().to_string();
    for (path, reason) in [
        (folder.join("missing.toml"), "No such file"),
        (folder.clone(), "directory"),
        (not_utf8, "valid UTF-8"),
        (PathBuf::from("/dev/zero"), "bytes are allowed"),
    ] {
        let text = told(&path);
        assert!(text.contains(&format!("{}: cannot be read: ", path.display())) && text.contains(reason), "{text}");
    }
    fs::remove_dir_all(folder).unwrap();
}

//----------- The shipped file ------------------------------------------------

#[test]
fn the_shipped_file_is_a_complete_estate_without_warnings() {
    for (datacenter, network) in [("dc1", "127.1.0"), ("dc2", "127.2.0")] {
        let Loaded { estate, warnings } = shipped_for(datacenter);
        assert!(warnings.is_empty(), "{warnings:#?}");
        let [cluster] = &estate.clusters[..] else { panic!("one cluster in {datacenter}") };
        let addresses: Vec<SocketAddr> = cluster.resolvers.iter().map(|resolver| resolver.address).collect();
        let expected =
            (1..=4).map(|last| format!("{network}.{last}:5300").parse().unwrap()).collect::<Vec<SocketAddr>>();
        assert_eq!(addresses, expected);
        assert!(cluster.resolvers.iter().all(|resolver| resolver.tracer.is_some()));

        let mut classes: BTreeMap<&str, usize> = BTreeMap::new();
        for name in &estate.names {
            *classes.entry(name.class.as_str()).or_default() += 1;
        }
        assert_eq!(classes.keys().copied().collect::<Vec<_>>(), ["ct_log", "database", "external", "internal", "mpic"]);
        assert!(classes.values().all(|count| *count >= 2), "{classes:?}");
        assert_eq!(estate.beacon.is_some(), datacenter == "dc1", "one prober runs the beacon");
    }
}

#[test]
fn what_the_shipped_file_shows_as_default_is_the_default() {
    let shown = format!("{:?}", good(SHIPPED).estate);

    let (before, rest) = SHIPPED.split_once("[defaults]\n").unwrap();
    let (_, after) = rest.split_once("\n\n").unwrap();
    assert_eq!(format!("{:?}", good(&format!("{before}{after}")).estate), shown, "without [defaults]");

    for key in ["max_in_flight", "name_servers", "queries_per_second", "packets_per_second", "tracer"] {
        let commented = format!("\n#{key} = ");
        assert!(SHIPPED.contains(&commented), "{key} is shown");
        let written = SHIPPED.replace(&commented, &commented.replace('#', ""));
        assert_eq!(format!("{:?}", good(&written).estate), shown, "with {key} written out");
    }
    for (key, value) in [("min_independent_exits", "2"), ("interval", "\"1m\""), ("packets_per_second", "20")] {
        let line = SHIPPED.lines().find(|line| line.starts_with(&format!("{key} = {value}"))).unwrap();
        assert_eq!(format!("{:?}", good(&SHIPPED.replace(line, "")).estate), shown, "without {line}");
    }
}

/// Every key that each table of the file may hold: what is said of a key that none knows.
fn every_key() -> Vec<String> {
    let text = "z9 = 1\n[prober]\nz9 = 1\n[defaults]\nz9 = 1\n[path]\nz9 = 1\n[beacon]\nz9 = 1\n[[cluster]]\nz9 = 1\n\
                [[cluster.resolver]]\nz9 = 1\n[[name]]\nz9 = 1\nexpect = { z9 = 1 }\n";
    let problems = parse(text).unwrap_err();
    let unknown: Vec<_> = problems.0.iter().filter(|problem| problem.found == "unknown key").collect();
    assert_eq!(unknown.len(), 9, "{problems}");
    let mut keys = Vec::new();
    for problem in unknown {
        let table = problem.key.trim_end_matches("z9").replace("[#1]", "");
        let allowed = problem.allowed.as_ref().unwrap().replace(" or ", ", ");
        keys.extend(allowed.split(", ").map(|key| format!("{table}{key}")));
    }
    keys
}

#[test]
fn the_shipped_file_shows_every_key() {
    for key in every_key() {
        let (table, word) = key.rsplit_once('.').unwrap_or(("", &key));
        let is_table =
            ["prober", "defaults", "path", "beacon", "cluster", "name", "resolver", "expect"].contains(&word);
        let shown = SHIPPED.contains(&format!("\n{word} = "))
            || SHIPPED.contains(&format!("\n#{word} = "))
            || table == "name.expect"
                && (SHIPPED.contains(&format!("{{ {word} = ")) || SHIPPED.contains(&format!(", {word} = ")));
        assert!(shown || is_table, "{key} is not shown in probes.toml");
    }
}

#[test]
fn every_key_is_documented_in_its_table() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/configuration.md");
    let document = fs::read_to_string(path).unwrap();
    let section = |heading: &str| {
        let (_, after) = document.split_once(&format!("\n## {heading}\n")).unwrap_or_else(|| panic!("no {heading}"));
        after.split("\n## ").next().unwrap()
    };
    let mut documented = 0;
    for key in every_key() {
        let (table, word) = key.rsplit_once('.').unwrap_or(("", &key));
        let heading = match table {
            "" => continue,
            "cluster" | "name" | "cluster.resolver" => format!("[[{table}]]"),
            "name.expect" => "expect".to_owned(),
            _ => format!("[{table}]"),
        };
        assert!(section(&heading).contains(&format!("\n| `{word}` | ")), "{key} is not documented under {heading}");
        documented += 1;
    }
    assert_eq!(document.matches("\n| `").count(), documented, "a key is documented that is none");
}

//----------- What a process is told ------------------------------------------

#[test]
fn a_process_sees_its_own_datacenter_unless_it_is_told_otherwise() {
    assert_eq!(cluster_names(&good(SHIPPED).estate), ["dc1-internal"]);
    let elsewhere = shipped_for("dc2").estate;
    assert_eq!((cluster_names(&elsewhere), elsewhere.vantage.as_str()), (vec!["dc2-internal"], "dc2"));
    let with = |clusters: &str| SHIPPED.replace("#clusters = \"all\" ", &format!("clusters = {clusters} "));
    assert_eq!(cluster_names(&good(&with("\"all\"")).estate), ["dc1-internal", "dc2-internal"]);
    assert_eq!(cluster_names(&good(&with("[\"dc2-internal\"]")).estate), ["dc2-internal"]);

    let pinned = SHIPPED.replacen("id = \"portal\"", "id = \"portal\"\nclusters = [\"dc2-internal\"]", 1);
    assert_eq!(good(&pinned).estate.names.len() + 1, good(SHIPPED).estate.names.len(), "not asked in dc1");
}

#[test]
fn a_datacenter_on_the_command_line_is_checked_as_well() {
    let told = |name: &str| {
        let overrides = Overrides { datacenter: Some(name.to_owned()), ..Overrides::default() };
        config::parse(SHIPPED, "probes.toml", &overrides).unwrap_err().to_string()
    };
    assert!(told("dc one").starts_with("probes.toml: --datacenter or FATHOM_DATACENTER: found \"dc one\""));
    assert!(told("dc3").contains("no cluster stands in dc3"), "{}", told("dc3"));
}

#[test]
fn key_files_lie_beside_the_configuration() {
    let folder = std::env::temp_dir().join(format!("fathom-keys-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    let file = folder.join("probes.toml");
    fs::write(
        &file,
        SHIPPED.replace("#key_files = [\"canary.key\"]", "key_files = [\"canary.key\", \"/etc/old.key\"]"),
    )
    .unwrap();
    let loaded = config::load(&file, &Overrides::default()).unwrap();
    assert_eq!(loaded.estate.path.key_files, [folder.join("canary.key"), PathBuf::from("/etc/old.key")]);
    fs::remove_dir_all(folder).unwrap();
}

//----------- Anything at all -------------------------------------------------

/// Whatever the text, there is an estate, or a text for a person with every place inside the file.
fn survives(text: &str) {
    if let Err(problems) = parse(text) {
        assert!(!problems.0.is_empty());
        let lines = text.split('\n').count();
        for problem in &problems.0 {
            assert!(problem.position.is_none_or(|(line, column)| (1..=lines).contains(&line) && column >= 1));
            assert!(!problem.in_one_line().chars().any(char::is_control), "{problem:?}");
        }
        assert!(problems.to_string().contains("mistake"));
    }
}

proptest! {
    #[test]
    fn random_bytes_do_no_harm(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        survives(&String::from_utf8_lossy(&bytes));
    }

    #[test]
    fn random_toml_does_no_harm(lines in proptest::collection::vec(
        "(\\[?\\[(prober|path|beacon|defaults|cluster|cluster\\.resolver|name)\\]\\]?|(name|id|address|interval|expect|zones|qname|tracer|listen|roles|clusters) = (\\[.{0,8}\\]|\".{0,12}\"|\\{ .{0,8} \\}|-?[0-9]{1,20}|true|.{0,6}))",
        0..30,
    )) {
        survives(&lines.join("\n"));
    }

    #[test]
    fn a_mutated_file_does_no_harm(
        cuts in proptest::collection::vec((any::<prop::sample::Index>(), 0_usize..12, ".{0,6}"), 1..6),
    ) {
        let mut characters: Vec<char> = SHIPPED.chars().collect();
        for (at, length, insert) in cuts {
            let start = at.index(characters.len());
            let end = (start + length).min(characters.len());
            characters.splice(start..end, insert.chars());
        }
        survives(&characters.into_iter().collect::<String>());
    }
}
