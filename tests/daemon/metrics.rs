//! What a scrape holds, against the catalogue and against what happened.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use fathom::board::Board;
use fathom::estate::Estate;
use fathom::fleet::Fleet;
use fathom::graph::{Edge, Graph, Method};
use fathom::journal::{Journal, Settings};
use fathom::metrics::{CONSTANT_LABELS, Exporter, Kind, catalogue, expected, markdown};
use fathom::plan::targets;
use fathom::report::{Assessment, ClusterReport};
use fathom::verdict::{ClusterState, Confidence, Verdict};
use tokio::time::sleep;

use crate::estate::Plan;
use crate::responder::{Responder, Say};
use crate::start;

/// A sample's name, its labels, its value.
type Sample<'a> = (&'a str, BTreeMap<&'a str, &'a str>, f64);

fn journal(board: &Arc<Board>, estate: &Arc<Estate>) -> Journal {
    Journal::start(&Settings::of(&estate.prober), board, estate)
}

/// Reads a scrape. Good enough for label values without quotes and commas, as all of these are.
fn samples(scrape: &str) -> Vec<Sample<'_>> {
    scrape.lines().filter(|line| !line.starts_with('#')).map(sample).collect()
}

fn sample(line: &str) -> Sample<'_> {
    let (name, rest) = line.split_once('{').unwrap();
    let (labels, value) = rest.rsplit_once("} ").unwrap();
    let labels = labels.split(',').map(|pair| {
        let (name, value) = pair.split_once('=').unwrap();
        (name, value.trim_matches('"'))
    });
    (name, labels.collect(), value.parse().unwrap())
}

/// The value of the one series of this name with these labels among its own; nothing when there is none.
fn value(scrape: &str, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
    let fits = |sample: &Sample<'_>| sample.0 == name && labels.iter().all(|(k, v)| sample.1.get(k) == Some(v));
    let found: Vec<f64> = samples(scrape).into_iter().filter(fits).map(|sample| sample.2).collect();
    assert!(found.len() <= 1, "{name} {labels:?} is not one series");
    found.first().copied()
}

/// An estate in which everything that can be exported happens: answers, failures, late answers, serials.
async fn eventful() -> (Responder, Plan, Arc<Board>, Arc<Fleet>, Exporter) {
    let server = Responder::start(|asked| match asked.qname.as_str() {
        "n1.example." => Say::Servfail(Duration::ZERO),
        "n2.example." => Say::Servfail(Duration::from_secs(10)),
        _ => Say::Address(Duration::from_millis(20)),
    })
    .await;
    let mut plan = Plan::new(&[server.address, server.address], 3);
    plan.zones = vec!["int.example."];
    let (board, fleet) = start(&plan.estate());
    let fleet = Arc::new(fleet);
    let exporter = Exporter::new(Arc::clone(&board), Arc::clone(&fleet)).with_beacon(Arc::default());
    let exporter = exporter.with_journal(journal(&board, &plan.estate()));
    let sibling = Edge { from: 0, to: 1, method: Method::Tracer, twice: true, rtt: None };
    let accident = Edge { from: 1, to: 0, method: Method::Echo, twice: false, rtt: None };
    board.report(report(&plan.estate(), [sibling, accident]));
    sleep(Duration::from_secs(200)).await;
    (server, plan, board, fleet, exporter)
}

/// What tracing has to say of the first cluster, whose last resolver is its last exit.
pub(crate) fn report(estate: &Estate, edges: impl IntoIterator<Item = Edge>) -> Arc<ClusterReport> {
    let cluster = Arc::clone(&estate.clusters[0]);
    let size = cluster.resolvers.len();
    let at = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
    let assessment = |place| Assessment {
        verdict: Verdict::ForwardsToSibling,
        confidence: Confidence::Confirmed,
        since: at,
        sentence: String::new(),
        clues: Vec::new(),
        resolves: true,
        is_exit: place + 1 == size,
        path_known: true,
        traced_at: Some(at),
    };
    Arc::new(ClusterReport {
        state: ClusterState::Fragile,
        since: at,
        sentence: String::new(),
        independent_exits: Some(1),
        last_exit: Some(size - 1),
        min_independent_exits: 2,
        graph: Graph::new(size, edges),
        resolvers: (0..size).map(assessment).collect(),
        traced_at: Some(at),
        cluster,
    })
}

#[tokio::test(start_paused = true)]
async fn a_scrape_shows_what_tracing_found() {
    let (_server, _plan, _board, _fleet, exporter) = eventful().await;
    let scrape = exporter.render();
    let of = |name: &str, resolver: &str| value(&scrape, name, &[("resolver", resolver)]);
    assert_eq!((of("dns_resolver_is_exit", "r0"), of("dns_resolver_is_exit", "r1")), (Some(0.0), Some(1.0)));
    assert_eq!((of("dns_resolver_is_last_exit", "r0"), of("dns_resolver_is_last_exit", "r1")), (Some(0.0), Some(1.0)));
    assert_eq!(of("dns_resolver_verdict_confidence", "r0"), Some(3.0));
    assert_eq!(of("dns_path_traced_timestamp_seconds", "r0"), Some(1_700_000_000.0));
    assert_eq!(value(&scrape, "dns_cluster_independent_exits", &[("cluster", "c")]), Some(1.0));
    assert_eq!(value(&scrape, "dns_cluster_min_independent_exits", &[("cluster", "c")]), Some(2.0));
    let state = |word| value(&scrape, "dns_cluster_state", &[("state", word)]);
    assert_eq!((state("fragile"), state("healthy")), (Some(1.0), Some(0.0)));
    // What was seen once may be an accident.
    let edges: Vec<_> = samples(&scrape).into_iter().filter(|sample| sample.0 == "dns_path_edge").collect();
    assert_eq!(edges.len(), 1);
    assert_eq!((edges[0].1["from"], edges[0].1["to"], edges[0].1["evidence"]), ("r0", "r1", "tracer"));
    let runway = value(&scrape, "dns_cluster_ttl_runway_seconds", &[("class", "external")]);
    assert!(runway.is_some_and(|left| (0.0..=300.0).contains(&left)), "{runway:?}");
}

#[tokio::test(start_paused = true)]
async fn before_anything_was_traced_states_are_unknown_and_no_number_is_made_up() {
    let server = Responder::start(|_| Say::Address(Duration::from_millis(20))).await;
    let estate = Plan::new(&[server.address, server.address], 1).estate();
    let (board, fleet) = start(&estate);
    let exporter = Exporter::new(Arc::clone(&board), Arc::new(fleet));
    let shown = |scrape: &str, name: &str| samples(scrape).iter().filter(|sample| sample.0 == name).count();

    let scrape = exporter.render();
    for state in ClusterState::ALL {
        let holds = f64::from(u8::from(state == ClusterState::Unknown));
        assert_eq!(value(&scrape, "dns_cluster_state", &[("state", state.as_str())]), Some(holds), "{state:?}");
    }
    let unknown = [("resolver", "r0"), ("verdict", "unknown")];
    assert_eq!(value(&scrape, "dns_resolver_verdict", &unknown), Some(1.0));
    assert_eq!(value(&scrape, "dns_resolver_verdict_confidence", &[("resolver", "r0")]), Some(0.0));
    let numbers = [
        "dns_resolver_is_exit",
        "dns_resolver_is_last_exit",
        "dns_cluster_independent_exits",
        "dns_cluster_ttl_runway_seconds",
        "dns_path_edge",
        "dns_path_cycle",
        "dns_path_traced_timestamp_seconds",
    ];
    for name in numbers {
        assert_eq!(shown(&scrape, name), 0, "{name}");
    }

    let mut halfway = Arc::unwrap_or_clone(report(&estate, []));
    halfway.traced_at = None;
    board.report(Arc::new(halfway.clone()));
    let scrape = exporter.render();
    assert_eq!((shown(&scrape, "dns_cluster_independent_exits"), shown(&scrape, "dns_path_cycle")), (0, 0));

    // Where a step to a sibling could not have been seen, that there is none is no observation.
    halfway.traced_at = Some(SystemTime::UNIX_EPOCH);
    halfway.resolvers[1].path_known = false;
    board.report(Arc::new(halfway));
    let scrape = exporter.render();
    assert_eq!(value(&scrape, "dns_resolver_is_exit", &[("resolver", "r0")]), Some(0.0));
    assert_eq!(value(&scrape, "dns_resolver_is_exit", &[("resolver", "r1")]), None);
    assert_eq!(value(&scrape, "dns_path_cycle", &[]), Some(0.0));
}

#[tokio::test(start_paused = true)]
async fn a_circle_counts_once_every_step_of_it_was_seen_twice() {
    let server = Responder::start(|_| Say::Address(Duration::from_millis(20))).await;
    let estate = Plan::new(&[server.address, server.address], 1).estate();
    let (board, fleet) = start(&estate);
    let exporter = Exporter::new(Arc::clone(&board), Arc::new(fleet));
    let step = |from, to, twice| Edge { from, to, method: Method::Tracer, twice, rtt: None };
    for (back_twice, circle) in [(false, 0.0), (true, 1.0)] {
        board.report(report(&estate, [step(0, 1, true), step(1, 0, back_twice)]));
        assert_eq!(value(&exporter.render(), "dns_path_cycle", &[("cluster", "c")]), Some(circle));
    }
    board.report(report(&estate, []));
    let scrape = exporter.render();
    assert_eq!(value(&scrape, "dns_path_cycle", &[("cluster", "c")]), Some(0.0));
    assert!(!scrape.contains("dns_path_edge"), "what is mended is gone");
}

#[tokio::test(start_paused = true)]
async fn a_scrape_holds_the_catalogue_and_nothing_else() {
    let (_server, _plan, _board, _fleet, exporter) = eventful().await;
    let scrape = exporter.render();
    let about: BTreeSet<String> = scrape.lines().filter(|line| line.starts_with('#')).map(str::to_owned).collect();
    let expected = catalogue().flat_map(|family| {
        let kind = family.kind.as_str();
        [format!("# HELP {} {}", family.name, family.help), format!("# TYPE {} {kind}", family.name)]
    });
    assert_eq!(about, expected.collect());

    for (name, labels, _) in samples(&scrape) {
        let owner = |suffix: &str| catalogue().find(|family| name.strip_suffix(suffix) == Some(family.name));
        let suffixes = ["_bucket", "_sum", "_count"].into_iter();
        let histogram = suffixes.filter_map(owner).find(|family| family.kind == Kind::Histogram);
        let family = owner("").or(histogram).unwrap();
        let le = name.ends_with("_bucket").then_some("le");
        let wanted: BTreeSet<&str> = family.labels.iter().copied().chain(CONSTANT_LABELS).chain(le).collect();
        assert_eq!(labels.keys().copied().collect::<BTreeSet<_>>(), wanted, "{name}");
        assert_eq!((labels["environment"], labels["vantage"]), ("test", "dc1"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_healthy_scrape_has_as_many_series_as_were_planned() {
    let server = Responder::start(|_| Say::Address(Duration::from_millis(20))).await;
    let mut plan = Plan::new(&[server.address, server.address], 5);
    plan.zones = vec!["int.example.", "corp.example."];
    let estate = plan.estate();
    let (board, fleet) = start(&estate);
    let exporter = Exporter::new(Arc::clone(&board), Arc::new(fleet)).with_journal(journal(&board, &estate));
    board.report(report(&estate, []));
    sleep(Duration::from_secs(200)).await;
    let scrape = exporter.render();
    for (family, planned) in expected(&estate, &targets(&estate)) {
        let of_family = |name: &str| {
            let suffix = name.strip_prefix(family.name);
            suffix == Some("") || family.kind == Kind::Histogram && suffix.is_some_and(|suffix| suffix.starts_with('_'))
        };
        let seen = samples(&scrape).iter().filter(|sample| of_family(sample.0)).count();
        assert_eq!(seen, planned.healthy, "{}", family.name);
        assert!(planned.most >= planned.healthy, "{}", family.name);
    }
}

#[tokio::test(start_paused = true)]
async fn promtool_has_nothing_to_say() {
    let (_server, _plan, _board, _fleet, exporter) = eventful().await;
    let mut promtool = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("promtool of the Debian package prometheus; tests/run installs it");
    promtool.stdin.take().unwrap().write_all(exporter.render().as_bytes()).unwrap();
    let output = promtool.wait_with_output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    assert_eq!((output.status.success(), String::from_utf8(said).unwrap().as_str()), (true, ""));
}

#[tokio::test(start_paused = true)]
async fn a_scrape_tells_what_happened() {
    let (server, _plan, _board, _fleet, exporter) = eventful().await;
    let scrape = exporter.render();
    let probe = |name, id, result| {
        value(&scrape, name, &[("resolver", "r0"), ("name", id), ("transport", "udp"), ("result", result)])
    };
    let results = |id, result| probe("dns_probe_results_total", id, result);
    assert_eq!((results("n0", "ok"), results("n0", "servfail")), (Some(20.0), Some(0.0)));
    assert_eq!((results("n0", "nxdomain"), results("n0", "loop_suspected")), (None, Some(0.0)));
    assert_eq!((results("n1", "servfail"), results("n1", "ok")), (Some(20.0), Some(0.0)));
    assert!((19.0..=20.0).contains(&results("n2", "timeout").unwrap()));
    let of = |name, labels: &[(&str, &str)]| value(&scrape, name, &[&[("resolver", "r1")], labels].concat());
    assert_eq!(of("dns_probe_success", &[("name", "n0")]), Some(1.0));
    assert_eq!(of("dns_probe_success", &[("name", "n1")]), Some(0.0));
    let late = of("dns_probe_late_replies_total", &[("class", "external"), ("rcode", "SERVFAIL")]).unwrap();
    assert!((18.0..=20.0).contains(&late), "{late}");
    assert!(of("dns_probe_extended_errors_total", &[("info_code", "22")]).unwrap() >= 20.0);
    assert_eq!(of("dns_probe_answer_ttl_seconds", &[("name", "n0")]), Some(300.0));
    assert_eq!(of("dns_resolver_zone_serial", &[("zone", "int.example.")]), Some(2026.0));
    assert_eq!(of("dns_resolver_verdict", &[("verdict", "forwards_to_sibling")]), Some(1.0));
    assert_eq!(of("dns_resolver_verdict", &[("verdict", "loop_suspected")]), Some(0.0));
    let address = server.address.to_string();
    assert_eq!(of("dns_probe_info", &[("name", "n0"), ("qname", "n0.example."), ("address", &address)]), Some(1.0));
    // 20 answers of n0 at 20 ms, 20 failures of n1 at once, 18 to 20 late ones of n2 at 10 s.
    let bucket = |le| of("dns_probe_duration_seconds_bucket", &[("class", "external"), ("le", le)]).unwrap();
    assert_eq!((bucket("0.01"), bucket("0.025"), bucket("9.8"), bucket("10.3")), (20.0, 40.0, 40.0, 40.0 + late));
}

#[tokio::test(start_paused = true)]
async fn a_reload_drops_the_series_of_what_went_and_goes_on_counting_the_rest() {
    let (_server, mut plan, _board, fleet, exporter) = eventful().await;
    plan.resolvers.truncate(1);
    plan.names.truncate(1);
    plan.zones.clear();
    let edges = |scrape: &str| samples(scrape).iter().filter(|sample| sample.0 == "dns_path_edge").count();
    assert_eq!(edges(&exporter.render()), 1);
    fleet.reload(&plan.estate()).await;
    let scrape = exporter.render();
    assert_eq!(edges(&scrape), 0, "a path is gone with its end");
    for gone in ["resolver=\"r1\"", "name=\"n1\"", "name=\"n2\"", "zone=\""] {
        assert!(!scrape.contains(gone), "{gone}");
    }
    assert_eq!(value(&scrape, "dns_probe_results_total", &[("name", "n0"), ("result", "ok")]), Some(20.0));
    sleep(Duration::from_secs(100)).await;
    assert_eq!(value(&exporter.render(), "dns_probe_results_total", &[("name", "n0"), ("result", "ok")]), Some(30.0));
    assert_eq!(value(&scrape, "fathom_config_last_reload_successful", &[]), Some(1.0));
    exporter.note_reload(false);
    assert_eq!(value(&exporter.render(), "fathom_config_last_reload_successful", &[]), Some(0.0));
}

#[test]
fn the_documentation_is_the_catalogue() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/metrics.md");
    let written = std::fs::read_to_string(path).unwrap_or_default();
    assert_eq!(written, markdown(), "run: fathom metrics --markdown > docs/metrics.md");
}
