//! From a fault to the page, on the real thing: Prometheus and Alertmanager, two probers in two vantages, and the embedded
//! lab, whose cluster goes through the incident.
//!
//! The shipped rules and the shipped Alertmanager configuration are used. So that the test takes minutes, the prober asks
//! and Prometheus scrapes and evaluates every second, paths are traced every five, and waiting times are shorter: `for` up
//! to two minutes and `group_wait` are divided by ten, `keep_firing_for` by six, groups are sent every two seconds, and what
//! fails in a minute is judged by ten seconds. Nothing else is changed. The delays that it prints are to be read so.
//!
//! `PICTURES=docs/pictures` also draws the dashboards of the incident: see dashboards/draw/run, which has to have fetched what
//! it needs, since nothing can be fetched from where the test runs.

#![allow(clippy::print_stdout, reason = "the delays that were measured are shown with --nocapture")]

mod support;

use std::collections::BTreeSet;
use std::fmt::Write;
use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::extract::{Path as Route, State};
use axum::routing::post;
use axum::{Json, Router};
use fathom::config::{Overrides, load};
use fathom::lab::{Incident, Lab, Software, Stage};
use regex::{Captures, Regex};
use serde_json::Value;
use support::{Server, http, isolated};
use tokio::net::TcpListener;
use tokio::time::{Instant, sleep};

const CLUSTER: &str = "dc1-internal";
const VANTAGES: [(&str, &str); 2] = [("dc1", "127.0.0.1:9953"), ("dc2", "127.0.0.2:9953")];
const PROMETHEUS: &str = "127.0.0.1:9090";
const ALERTMANAGER: &str = "127.0.0.1:9093";
const WEBHOOKS: &str = "127.0.0.1:8080";

/// How long anything that is waited for may take.
const LIMIT: Duration = Duration::from_secs(120);

/// One alert of one notification.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Notice {
    at: Instant,
    receiver: String,
    alert: String,
    resolver: String,
    firing: bool,
    text: String,
    labels: String,
}

/// What the webhooks received, in order.
#[derive(Debug, Clone, Default)]
struct Received(Arc<Mutex<Vec<Notice>>>);

#[test]
fn the_incident_is_one_warning_after_the_other_then_one_page_that_names_the_cause() {
    isolated(async {
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("alerting");
        drop(fs::remove_dir_all(&folder));
        fs::create_dir_all(folder.join("rules")).expect("a folder");
        let received = Received::default();
        let _listener = listen(received.clone()).await;
        let _alertmanager = start_alertmanager(&folder);
        let _prometheus = start_prometheus(&folder);

        let files = VANTAGES.map(|(vantage, listen)| write_configuration(&folder, vantage, listen));
        let everything = Overrides { datacenter: None, all_clusters: true };
        let estate = load(&files[0], &everything).unwrap_or_else(|problems| panic!("{problems}")).estate;
        let lab = Lab::from_estate(&estate, Software::Bind).await.expect("the lab's addresses");
        let incident = Incident::of(&lab, CLUSTER).expect("a cluster that recurses");
        let _probers = files.map(|file| start_prober(&folder, &file));
        let began = Instant::now();
        value("count(dns_cluster_independent_exits == 4)", |both| both > 1.5).await;

        let first = enter(&incident, Stage::FirstRebuilt);
        let sibling = received.firing("DNSForwardsToSibling", "ns1", first).await;
        assert_eq!(sibling.receiver, "tickets");
        assert!(sibling.text.contains("ns1 reaches ns2"), "{}", sibling.text);
        value("min(dns_probe_success)", |worst| worst > 0.5).await;

        let second = enter(&incident, Stage::SecondRebuilt);
        received.firing("DNSForwardsToSibling", "ns2", second).await;

        let third = enter(&incident, Stage::LastExit);
        let last = received.firing("DNSLastExit", "", third).await;
        assert_eq!(last.receiver, "pager");
        for words in ["one way out left", "Last exit: ns4.", "to siblings: ns1 ns2 ns3."] {
            assert!(last.text.contains(words), "{}", last.text);
        }
        value("min(dns_probe_success)", |worst| worst > 0.5).await;

        let outage = enter(&incident, Stage::Loop);
        let page = received.firing("DNSForwardingLoop", "", outage).await;
        assert_eq!(page.receiver, "pager");
        for words in ["DNS outage in dc1-internal", "forwarding loop", "ns1 ns2 ns3 ns4"] {
            assert!(page.text.contains(words), "{}", page.text);
        }
        assert!(page.labels.contains(CLUSTER) && page.labels.contains("loop_suspected"), "{}", page.labels);
        // The symptoms are there, and stay silent: names of every class from outside fail everywhere.
        value(r#"count(ALERTS{alertstate="firing",alertname="DNSClassFailing"})"#, |classes| classes >= 2.0).await;
        value(r#"count(ALERTS{alertstate="firing",alertname="DNSRecursionFailing"})"#, |some| some >= 1.0).await;
        // Longer than every waiting time of Alertmanager here: what was to be sent was sent.
        sleep(Duration::from_secs(20)).await;

        draw(&folder, "overview", began);

        let fix = enter(&incident, Stage::Healthy);
        received.resolved("DNSForwardingLoop", "", fix).await;
        received.resolved("DNSLastExit", "", fix).await;
        for resolver in ["ns1", "ns2", "ns3", "ns4"] {
            received.resolved("DNSForwardsToSibling", resolver, fix).await;
        }
        sleep(Duration::from_secs(20)).await;

        let told = received.told();
        println!("{}", told.join("\n"));
        let pages: Vec<&str> = told.iter().filter_map(|line| line.strip_prefix("pager ")).collect();
        let wanted =
            ["DNSLastExit firing", "DNSForwardingLoop firing", "DNSForwardingLoop resolved", "DNSLastExit resolved"];
        assert_eq!(pages, wanted, "exactly one page at the last exit, one at the outage, and nothing else");
        let tickets: BTreeSet<&str> = told.iter().filter_map(|line| line.strip_prefix("tickets ")).collect();
        let siblings = ["ns1", "ns2", "ns3", "ns4"];
        let wanted = siblings.map(|ns| ["firing", "resolved"].map(|word| format!("DNSForwardsToSibling {ns} {word}")));
        assert_eq!(tickets, wanted.as_flattened().iter().map(String::as_str).collect(), "and no other ticket");
        assert!(received.all().iter().any(|notice| notice.receiver == "dead-mans-switch"), "the switch was heard");

        every_panel_has_data(began).await;
        for dashboard in ["resolver", "incident", "prober"] {
            draw(&folder, dashboard, began);
        }
    });
}

/// Takes the cluster to a stage, and says when.
fn enter(incident: &Incident, stage: Stage) -> Instant {
    incident.enter(stage);
    println!("stage {}: {}", stage.as_str(), stage.help());
    Instant::now()
}

impl Received {
    async fn firing(&self, alert: &str, resolver: &str, since: Instant) -> Notice {
        self.wait(alert, resolver, true, since).await
    }

    async fn resolved(&self, alert: &str, resolver: &str, since: Instant) -> Notice {
        self.wait(alert, resolver, false, since).await
    }

    /// Waits for a notification, and prints how long after the fault or the fix it came.
    async fn wait(&self, alert: &str, resolver: &str, firing: bool, since: Instant) -> Notice {
        let wanted = |notice: &&Notice| {
            notice.alert == alert && notice.resolver == resolver && notice.firing == firing && notice.at >= since
        };
        loop {
            if let Some(notice) = self.all().iter().find(wanted) {
                let word = if firing { "firing" } else { "resolved" };
                println!("  {alert} {resolver} {word} after {:.1} s", (notice.at - since).as_secs_f64());
                return notice.clone();
            }
            assert!(since.elapsed() < LIMIT, "no {alert} {resolver} (firing: {firing}) but {:#?}", self.told());
            sleep(Duration::from_millis(50)).await;
        }
    }

    fn all(&self) -> Vec<Notice> {
        self.0.lock().expect("nobody panics with it").clone()
    }

    /// Who was told what, without the dead man's switch and without repetitions.
    fn told(&self) -> Vec<String> {
        let mut told: Vec<String> = Vec::new();
        for notice in self.all().iter().filter(|notice| notice.receiver != "dead-mans-switch") {
            let word = if notice.firing { "firing" } else { "resolved" };
            let words = [&notice.receiver, &notice.alert, &notice.resolver, word];
            let line = words.into_iter().filter(|word| !word.is_empty()).map(ToString::to_string).collect::<Vec<_>>();
            let line = line.join(" ");
            // A group is told as a whole whenever something in it changes.
            if !told.contains(&line) || notice.receiver == "pager" {
                told.push(line);
            }
        }
        told
    }
}

/// Listens for what Alertmanager sends.
async fn listen(received: Received) -> tokio::task::JoinHandle<()> {
    let listener = TcpListener::bind(WEBHOOKS).await.expect("the webhooks' port");
    let app = Router::new().route("/{receiver}", post(take)).with_state(received);
    tokio::spawn(async move { axum::serve(listener, app).await.expect("serving never ends") })
}

async fn take(State(received): State<Received>, Route(hook): Route<String>, Json(message): Json<Value>) {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let alerts = message["alerts"].as_array().expect("alerts").iter();
    let notices = alerts.map(|alert| Notice {
        at: Instant::now(),
        receiver: hook.clone(),
        alert: text(&alert["labels"]["alertname"]),
        resolver: text(&alert["labels"]["resolver"]),
        firing: alert["status"] == "firing",
        text: format!("{} {}", text(&alert["annotations"]["summary"]), text(&alert["annotations"]["description"])),
        labels: alert["labels"].to_string(),
    });
    received.0.lock().expect("nobody panics with it").extend(notices);
}

/// The configuration of one prober: every cluster, every second, and traces every five.
fn write_configuration(folder: &Path, vantage: &str, listen: &str) -> PathBuf {
    let key = folder.join("canary.key");
    fs::write(&key, [7; 32]).expect("a key file");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).expect("its permissions");
    let arrivals = if vantage == "dc1" { String::new() } else { format!("arrivals = \"{}\"\n", VANTAGES[0].1) };
    let mut text = format!(
        r#"
[prober]
environment = "production"
datacenter = "{vantage}"
listen = "{listen}"
clusters = "all"

[defaults]
interval = "1s"
timeout = "900ms"
patience = "12s"

[path]
interval = "5s"
canary_zone = "canary.example.net."
cold_names = ["{{nonce}}.example.com.", "{{nonce}}.example.org."]
packets_per_second = 200
key_files = ["canary.key"]
{arrivals}
[beacon]
listen = "127.0.53.1:53"
datacenter = "dc1"
queries_per_second_per_prefix = 500

[[cluster]]
name = "{CLUSTER}"
datacenter = "dc1"
roles = ["authoritative", "recursive"]
zones = ["int.example."]
"#
    );
    for host in 1..=4 {
        let _ = write!(text, "[[cluster.resolver]]\nname = \"ns{host}\"\naddress = \"127.1.0.{host}\"\n");
    }
    for (id, class, qname, expect) in [
        ("portal", "internal", "portal.int.example.", "authoritative = true, answers = [\"10.1.0.5\"]"),
        ("db-replica", "database", "replica1.db-hosting.example.", "answers = [\"198.51.100.21\"]"),
        ("ct-log-oak", "ct_log", "oak.ct-log.example.", "min_answers = 1"),
        ("mpic-europe", "mpic", "europe.mpic.example.", "min_answers = 1"),
        ("external-cached", "external", "www.example.com.", "min_answers = 1"),
        ("external-cold", "external", "{nonce}.example.org.", "rcode = \"NXDOMAIN\""),
    ] {
        let desired = class != "internal";
        let _ = write!(
            text,
            "[[name]]\nid = \"{id}\"\nclass = \"{class}\"\nqname = \"{qname}\"\nqtype = \"A\"\n\
             recursion_desired = {desired}\nexpect = {{ {expect} }}\n"
        );
    }
    let file = folder.join(format!("{vantage}.toml"));
    fs::write(&file, text).expect("a configuration file");
    file
}

fn start_prober(folder: &Path, file: &Path) -> Server {
    let name = file.file_stem().and_then(|name| name.to_str()).expect("a plain name");
    let arguments = ["--config", file.to_str().expect("a plain path"), "run"];
    Server::start(name, &folder.join(name), &[], env!("CARGO_BIN_EXE_fathom"), arguments)
}

/// The same with shorter waiting times: see the head of this file.
fn hurried(text: &str) -> String {
    let keys = "for|keep_firing_for|interval|group_wait|group_interval|repeat_interval";
    let duration = Regex::new(&format!(r"(?m)^(\s*(?:{keys}): )(\d+)([sm])\b")).expect("a pattern");
    let shorter = duration.replace_all(text, |found: &Captures<'_>| {
        let seconds = found[2].parse::<u64>().expect("a number") * if &found[3] == "m" { 60 } else { 1 };
        let seconds = match found[1].trim() {
            "keep_firing_for:" => seconds.div_ceil(6),
            "group_interval:" => 2,
            _ if seconds <= 120 => seconds.div_ceil(10),
            _ => seconds,
        };
        format!("{}{seconds}s", &found[1])
    });
    shorter.replace("[1m]", "[10s]")
}

fn repository(path: &str) -> String {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    fs::read_to_string(&file).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn start_prometheus(folder: &Path) -> Server {
    for file in ["recording", "dns", "prober"] {
        let rules = hurried(&repository(&format!("alerts/{file}.yml")));
        fs::write(folder.join(format!("rules/{file}.yml")), rules).expect("a rules file");
    }
    let targets = VANTAGES.map(|(_, listen)| format!("'{listen}'")).join(", ");
    let configuration = format!(
        "global: {{ scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s }}\n\
         rule_files: ['{}/rules/*.yml']\n\
         alerting: {{ alertmanagers: [{{ static_configs: [{{ targets: ['{ALERTMANAGER}'] }}] }}] }}\n\
         scrape_configs: [{{ job_name: fathom, static_configs: [{{ targets: [{targets}] }}] }}]\n",
        folder.display()
    );
    let arguments = [
        "--config.file=prometheus.yml".to_owned(),
        "--storage.tsdb.path=data".to_owned(),
        format!("--web.listen-address={PROMETHEUS}"),
    ];
    let files = [("prometheus.yml", configuration)];
    Server::start("prometheus", &folder.join("prometheus"), &files, "prometheus", arguments)
}

fn start_alertmanager(folder: &Path) -> Server {
    let hooks = Regex::new(r"http://192\.0\.2\.\d+:8080").expect("a pattern");
    let shipped = hurried(&repository("deploy/alertmanager.yml"));
    let configuration =
        hooks.replace_all(&shipped, format!("http://{WEBHOOKS}")).replace("/alive", "/dead-mans-switch");
    let arguments = [
        "--config.file=alertmanager.yml".to_owned(),
        "--storage.path=data".to_owned(),
        format!("--web.listen-address={ALERTMANAGER}"),
        "--cluster.listen-address=".to_owned(),
    ];
    let files = [("alertmanager.yml", configuration)];
    Server::start("alertmanager", &folder.join("alertmanager"), &files, "prometheus-alertmanager", arguments)
}

/// Waits until an expression has one value that is as wanted.
async fn value(query: &str, wanted: impl Fn(f64) -> bool) {
    let began = Instant::now();
    loop {
        let answer = ask(&format!("query?query={}", encoded(query))).await;
        let found = answer.pointer("/data/result/0/value/1").and_then(Value::as_str).and_then(|text| text.parse().ok());
        if found.is_some_and(&wanted) {
            return;
        }
        assert!(began.elapsed() < LIMIT, "{query} is {found:?}");
        sleep(Duration::from_millis(100)).await;
    }
}

/// What Prometheus answers; nothing while it starts.
async fn ask(request: &str) -> Value {
    let server: SocketAddr = PROMETHEUS.parse().expect("an address");
    let answer = http::get(server, &format!("/api/v1/{request}")).await;
    answer.and_then(|(_, body)| serde_json::from_str(&body).ok()).unwrap_or_default()
}

fn encoded(query: &str) -> String {
    query
        .bytes()
        .map(|byte| if byte.is_ascii_alphanumeric() { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}

/// Runs every query of every dashboard over the time of the test.
async fn every_panel_has_data(began: Instant) {
    // What does not happen in this incident.
    let empty = ["Extended errors", "Probes that failed for the prober's own reasons"];
    let variable = Regex::new(r"\$[a-z]+").expect("a pattern");
    for file in ["overview", "resolver", "incident", "prober"] {
        let dashboard: Value = serde_json::from_str(&repository(&format!("dashboards/{file}.json"))).expect("JSON");
        for panel in dashboard["panels"].as_array().expect("panels") {
            let title = panel["title"].as_str().expect("a title");
            for target in panel["targets"].as_array().into_iter().flatten() {
                let query = target["expr"].as_str().expect("a query").replace("$__rate_interval", "10s");
                let query = variable.replace_all(&query, ".+").into_owned();
                let now =
                    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970").as_secs();
                let start = now - began.elapsed().as_secs();
                let answer =
                    ask(&format!("query_range?query={}&start={start}&end={now}&step=5", encoded(&query))).await;
                assert_eq!(answer["status"], "success", "{file}: {title}: {query}: {answer}");
                let series = answer["data"]["result"].as_array().map_or(0, Vec::len);
                assert!(
                    series > 0 || empty.contains(&title) || query.contains("p90_median1d"),
                    "{file}: {title}: no data: {query}"
                );
            }
        }
    }
}

/// Draws a dashboard as it is now, where somebody wants to look at it.
fn draw(folder: &Path, dashboard: &str, began: Instant) {
    let Some(pictures) = std::env::var_os("PICTURES") else { return };
    let pictures = Path::new(env!("CARGO_MANIFEST_DIR")).join(pictures);
    fs::create_dir_all(&pictures).expect("a folder");
    let span = began.elapsed().as_secs().to_string();
    let drawn = Command::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("dashboards/draw/run"))
        .args([&format!("http://{PROMETHEUS}"), dashboard, &span])
        .arg(pictures.join(format!("{dashboard}.png")))
        .current_dir(folder)
        .output()
        .expect("bash");
    assert!(drawn.status.success(), "{}", String::from_utf8_lossy(&drawn.stderr));
    println!("{}", String::from_utf8_lossy(&drawn.stdout));
}
