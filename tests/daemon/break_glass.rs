//! The last verified addresses, from probes to hosts files, and over the end of the process.

use std::net::SocketAddr;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode};
use fathom::break_glass::{Book, LeftOut};
use fathom::config::{Overrides, parse};
use fathom::daemon::Daemon;
use fathom::web;
use tokio::time::sleep;
use tower::ServiceExt;

use crate::responder::{Responder, Say};

/// Every answer of the responder is 192.0.2.1.
const NAMES: &[(&str, &str, &str)] = &[
    ("db", "db1.example.", "answers = [\"192.0.2.1\"]"),
    ("portal", "portal.example.", "networks = [\"192.0.2.0/24\"]"),
    ("wiki", "wiki.example.", "matches = '^192\\.'"),
    ("plain", "plain.example.", "min_answers = 1"),
    ("wrong", "wrong.example.", "answers = [\"192.0.2.9\"]"),
    ("ldap", "_ldap.example.", "networks = [\"192.0.2.0/24\"]"),
    ("cold", "{nonce}.example.", "networks = [\"192.0.2.0/24\"]"),
];

fn probes(resolver: SocketAddr, state_dir: Option<&Path>, names: &[(&str, &str, &str)]) -> String {
    let state_dir = state_dir.map(|folder| format!("state_dir = \"{}\"\n", folder.display())).unwrap_or_default();
    let names = names.iter().map(|(id, qname, expect)| {
        let class = if *id == "db" { "database" } else { "internal" };
        format!("[[name]]\nid = \"{id}\"\nclass = \"{class}\"\nqname = \"{qname}\"\nexpect = {{ {expect} }}\n")
    });
    format!(
        "[prober]\nenvironment = \"test\"\ndatacenter = \"dc1\"\n{state_dir}\n[[cluster]]\nname = \"c\"\ndatacenter = \"dc1\"\n\
         [[cluster.resolver]]\nname = \"ns1\"\naddress = \"{resolver}\"\n{}",
        names.collect::<String>()
    )
}

fn daemon(text: &str) -> Arc<Daemon> {
    let estate =
        parse(text, "probes.toml", &Overrides::default()).unwrap_or_else(|problems| panic!("{problems}")).estate;
    Arc::new(Daemon::start(estate, None))
}

async fn get(daemon: &Arc<Daemon>, path: &str) -> (StatusCode, String) {
    let response = web::app(Arc::clone(daemon)).oneshot(Request::get(path).body(Body::empty()).unwrap()).await.unwrap();
    let status = response.status();
    let body = to_bytes(response.into_body(), usize::MAX).await.unwrap();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

/// What a hosts file says, as a strict reader of hosts(5) sees it: address and names.
async fn hosts(daemon: &Arc<Daemon>, query: &str) -> Vec<(String, String)> {
    let (status, text) = get(daemon, &format!("/break-glass/hosts{query}")).await;
    assert_eq!(status, StatusCode::OK, "{text}");
    let lines =
        text.lines().map(|line| line.split('#').next().unwrap_or_default().trim()).filter(|line| !line.is_empty());
    let entry = |line: &str| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let [address, name] = words[..] else { panic!("{line}") };
        assert!(address.parse::<std::net::IpAddr>().is_ok(), "{line}");
        (address.to_owned(), name.to_owned())
    };
    lines.map(entry).collect()
}

fn folder(name: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    drop(std::fs::remove_dir_all(&folder));
    folder
}

fn pairs(names: &[&str]) -> Vec<(String, String)> {
    names.iter().map(|name| ("192.0.2.1".to_owned(), (*name).to_owned())).collect()
}

#[tokio::test(start_paused = true)]
async fn only_what_was_verified_is_written_and_what_is_not_is_said() {
    let server = Responder::start(|_| Say::Address(Duration::ZERO)).await;
    let daemon = daemon(&probes(server.address, None, NAMES));
    assert_eq!(hosts(&daemon, "").await, [], "nothing was asked yet");
    sleep(Duration::from_secs(12)).await;
    assert_eq!(hosts(&daemon, "").await, pairs(&["db1.example", "portal.example", "wiki.example"]));
    assert_eq!(hosts(&daemon, "?class=database&max_age=1h").await, pairs(&["db1.example"]));
    let (_, text) = get(&daemon, "/break-glass/hosts").await;
    for said in [
        "# Kept in memory alone, because prober.state_dir is not given.\n",
        &format!("from ns1 of c ({})\n", server.address),
        "#   plain.example. A (plain): nothing verifies its answers: give it expect.answers, networks, matches or",
        "#   wrong.example. A (wrong): not verified yet\n",
        "#   _ldap.example. A (ldap): it cannot stand in a hosts file\n",
        "#   {nonce}.example. A (cold): it is another name with every probe\n",
    ] {
        assert!(text.contains(said), "{said} is not in {text}");
    }
    let (_, json) = get(&daemon, "/api/v1/break-glass").await;
    let book = Book::read(json.as_bytes()).unwrap();
    assert_eq!(book.names[3].left_out, Some(LeftOut::Unverified));
    assert_eq!(book.names[0].answers[0].resolver, "ns1");
    for path in ["/break-glass/unbound.conf", "/break-glass/bind"] {
        assert!(get(&daemon, path).await.1.contains("192.0.2.1"), "{path}");
    }
    for (query, why) in [
        ("?class=nonsense", "there is no such class among the names\n"),
        ("?max_age=soon", "max_age: expected number at 0; allowed is a duration such as 12h or 7d\n"),
    ] {
        assert_eq!(
            get(&daemon, &format!("/break-glass/hosts{query}")).await,
            (StatusCode::BAD_REQUEST, why.to_owned())
        );
    }
    assert_eq!(get(&daemon, "/break-glass/hosts?klass=database").await.0, StatusCode::BAD_REQUEST);
}

#[tokio::test(start_paused = true)]
async fn a_prober_that_is_started_when_everything_is_down_still_knows() {
    let (server, folder) = (Responder::start(|_| Say::Address(Duration::ZERO)).await, folder("break-glass"));
    let first = daemon(&probes(server.address, Some(&folder), NAMES));
    sleep(Duration::from_secs(12)).await;
    first.stop().await;
    drop(first);

    server.say(|_| Say::Nothing);
    let second = daemon(&probes(server.address, Some(&folder), NAMES));
    sleep(Duration::from_secs(120)).await;
    assert_eq!(hosts(&second, "").await, pairs(&["db1.example", "portal.example", "wiki.example"]));
    let (_, text) = get(&second, "/break-glass/hosts").await;
    assert!(text.contains(&format!("# Kept in {}/break-glass.json.\n", folder.display())), "{text}");
    second.stop().await;
    drop(second);

    // What the configuration says now is what counts: another address, another name, another resolver.
    let names =
        [("db", "db1.example.", "answers = [\"192.0.2.7\"]"), ("portal", "other.example.", NAMES[1].2), NAMES[2]];
    let third = daemon(&probes(server.address, Some(&folder), &names));
    assert_eq!(hosts(&third, "").await, pairs(&["wiki.example"]));
    third.stop().await;
    let fourth = daemon(&probes("127.0.0.1:1".parse().unwrap(), Some(&folder), NAMES));
    assert_eq!(hosts(&fourth, "").await, []);
    fourth.stop().await;
    std::fs::remove_dir_all(&folder).unwrap();
}

#[tokio::test(start_paused = true)]
async fn what_a_reload_changes_is_verified_anew() {
    let server = Responder::start(|_| Say::Address(Duration::ZERO)).await;
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("break-glass.toml");
    let write = |names: &[(&str, &str, &str)]| std::fs::write(&path, probes(server.address, None, names)).unwrap();
    write(NAMES);
    let file = fathom::config::ConfigFile { path: path.clone(), overrides: Overrides::default() };
    let daemon = Arc::new(Daemon::start(file.load().unwrap().estate, Some(file)));
    sleep(Duration::from_secs(12)).await;
    server.say(|_| Say::Nothing);
    // The same ids: one asks for another name now, of one another address is expected, one is verified only now.
    write(&[
        ("db", "db2.example.", NAMES[0].2),
        ("portal", NAMES[1].1, "answers = [\"192.0.2.7\"]"),
        ("plain", NAMES[3].1, NAMES[1].2),
    ]);
    daemon.reload().await.unwrap();
    assert_eq!(hosts(&daemon, "").await, pairs(&["plain.example"]));
}

#[tokio::test(start_paused = true)]
async fn the_file_is_written_seldom_while_nothing_changes() {
    let (server, folder) = (Responder::start(|_| Say::Address(Duration::ZERO)).await, folder("break-glass-seldom"));
    let daemon = daemon(&probes(server.address, Some(&folder), &NAMES[..2]));
    let mut files = Vec::new();
    for _ in 0..120 {
        sleep(Duration::from_secs(10)).await;
        // A new file takes the place of the old one every time.
        files.extend(std::fs::metadata(folder.join("break-glass.json")).map(|file| (file.ino(), file.mtime_nsec())));
    }
    files.dedup();
    assert!((4..=5).contains(&files.len()), "in twenty minutes: {files:?}");
    daemon.stop().await;
    std::fs::remove_dir_all(&folder).unwrap();
}
