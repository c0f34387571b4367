//! The beacon inside the prober, and alone as a command.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Arc;

use fathom::beacon::{Beacon, ReadError, Reader};
use fathom::canary::{Key, Keys};
use fathom::config::{ConfigFile, Overrides};
use fathom::daemon::Daemon;
use fathom::web;
use tokio_util::sync::CancellationToken;

/// An empty folder of this test's own.
fn folder(test: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("beacon").join(test);
    if folder.exists() {
        fs::remove_dir_all(&folder).unwrap();
    }
    fs::create_dir_all(&folder).unwrap();
    folder
}

/// A probes.toml in `folder`: a beacon at a free port, with these key files.
fn configure(folder: &Path, keys: &str, beacon: &str) -> PathBuf {
    let text = format!(
        r#"
        [prober]
        environment = "test"
        datacenter = "dc1"
        [path]
        canary_zone = "canary.example."
        key_files = [{keys}]
        {beacon}
        [[cluster]]
        name = "c"
        datacenter = "dc1"
        roles = ["recursive"]
        [[cluster.resolver]]
        name = "ns1"
        address = "127.0.0.1:9"
        [[name]]
        id = "www"
        class = "external"
        qname = "www.example."
        qtype = "A"
        "#
    );
    let path = folder.join("probes.toml");
    fs::write(&path, text).unwrap();
    path
}

const BEACON: &str = "[beacon]\nlisten = \"192.0.2.1:53\"";

#[tokio::test(start_paused = true)]
async fn a_prober_serves_what_reached_its_beacon_and_takes_up_other_keys() {
    let folder = folder("reload");
    Key::create_file(&folder.join("old.key")).unwrap();
    Key::create_file(&folder.join("new.key")).unwrap();
    let keys = |name: &str| Arc::new(Keys::load(&[folder.join(name)]).unwrap().unwrap());
    let file = ConfigFile { path: configure(&folder, r#""old.key""#, BEACON), overrides: Overrides::default() };
    let mut estate = file.load().unwrap().estate;
    // As configured, but at an address that this machine has.
    estate.beacon.as_mut().unwrap().listen = "127.0.0.1:0".parse().unwrap();
    let beacon = Beacon::of(&estate, keys("old.key")).await.unwrap().unwrap();
    let daemon = Arc::new(Daemon::start(estate, Some(file)).with_beacon(beacon.handle()));
    let listener = web::listen("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let (http, shutdown) = (listener.local_addr().unwrap(), CancellationToken::new());
    let server = tokio::spawn(web::serve(listener, web::app(Arc::clone(&daemon)), shutdown.clone()));

    let read = async |key: &str| Reader::there(http, keys(key)).read().await;
    assert!(read("old.key").await.unwrap().is_empty());
    assert!(matches!(read("new.key").await.unwrap_err(), ReadError::Unauthorized));
    assert!(daemon.exporter().render().contains("dns_beacon_queries_total{"));

    configure(&folder, r#""new.key", "old.key""#, BEACON);
    daemon.reload().await.unwrap();
    assert!(read("old.key").await.is_ok() && read("new.key").await.is_ok(), "both while one replaces the other");

    configure(&folder, r#""absent.key""#, BEACON);
    let error = daemon.reload().await.unwrap_err().to_string();
    assert!(
        error.starts_with("the old configuration is still used: key file ") && error.contains("absent.key"),
        "{error}"
    );
    assert!(daemon.exporter().render().contains("last_reload_successful{environment=\"test\",vantage=\"dc1\"} 0"));
    assert!(read("new.key").await.is_ok());

    configure(&folder, r#""new.key""#, BEACON);
    daemon.reload().await.unwrap();
    assert!(matches!(read("old.key").await.unwrap_err(), ReadError::Unauthorized));
    shutdown.cancel();
    server.await.unwrap();
    daemon.stop().await;
}

fn fathom(arguments: &[&str], folder: &Path) -> Output {
    Command::new(env!("CARGO_BIN_EXE_fathom")).args(arguments).current_dir(folder).output().unwrap()
}

#[test]
fn the_command_says_what_it_lacks() {
    let folder = folder("command");
    let said = |output: Output| {
        let errors = String::from_utf8(output.stderr).unwrap();
        let error = errors.lines().find_map(|line| line.strip_prefix("fathom: ")).unwrap_or_default().to_owned();
        (output.status.code(), String::from_utf8(output.stdout).unwrap(), error)
    };
    configure(&folder, "", BEACON);
    let (code, _, error) = said(fathom(&["beacon"], &folder));
    let missing = "path.key_files is empty, and a beacon alone shares its key with its probers";
    assert_eq!((code, error), (Some(2), format!("{missing}; `fathom beacon --new-key FILE` makes one")));

    let (code, said_so, _) = said(fathom(&["beacon", "--new-key", "canary.key"], &folder));
    let made = "Made canary.key. Name it in path.key_files of every prober and of the beacon.\n";
    assert_eq!((code, said_so.as_str()), (Some(0), made));
    let (code, _, error) = said(fathom(&["beacon", "--new-key", "canary.key"], &folder));
    assert_eq!((code, error.as_str()), (Some(2), "key file canary.key: cannot be made: File exists (os error 17)"));

    configure(&folder, r#""canary.key""#, "");
    let (code, _, error) = said(fathom(&["beacon"], &folder));
    let missing =
        "probes.toml: no [beacon] that runs in datacenter dc1; give it one, or choose another with --datacenter";
    assert_eq!((code, error.as_str()), (Some(2), missing));

    // Nobody has this address: it is for documentation (RFC 5737).
    configure(&folder, r#""canary.key""#, BEACON);
    let (code, _, error) = said(fathom(&["beacon"], &folder));
    let refused = "the beacon cannot listen on 192.0.2.1:53 (UDP): Cannot assign requested address (os error 99)";
    assert_eq!((code, error.as_str()), (Some(2), refused));
}
