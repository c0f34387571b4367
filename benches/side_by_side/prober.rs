//! Fathom: the shipped program with so many targets, at so many probes a second.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use fathom::board::{Board, TargetCell};
use fathom::config::{self, Overrides};
use fathom::exchange::Contact;
use fathom::plan;
use fathom::probe::ask;
use fathom::ttl_watch::TtlWatch;
use tokio::task::JoinSet;
use tokio::time::{Instant, interval, sleep};

use crate::peers::{ADDRESSES, Score, WINDOW, address};
use crate::support::{Fathom, LISTEN, Metrics};
use crate::usage::{self, Usage};

/// How long it runs before it is measured.
const WARM_UP: Duration = Duration::from_secs(2);

/// What Fathom did in a window, and what it cost.
#[derive(Debug)]
pub(crate) struct Measured {
    /// Probes that ended, a second.
    pub(crate) rate: f64,
    /// Those of them that ended `ok`, in percent.
    pub(crate) ok: f64,
    /// Microseconds of processor time a probe.
    pub(crate) cost: f64,
    /// Mean of the measured round trips, in microseconds.
    pub(crate) round_trip: f64,
    /// Lateness of 99 of 100 probes, in milliseconds, at most: a bucket's bound.
    pub(crate) lag: f64,
}

/// Scrapes in a window.
#[derive(Debug)]
pub(crate) struct Scraped {
    /// The same window, scraped once a second.
    pub(crate) meanwhile: Measured,
    /// Series in a scrape.
    pub(crate) series: usize,
    /// Size of a scrape in bytes.
    pub(crate) bytes: usize,
    /// Half of the scrapes were faster, in milliseconds.
    pub(crate) median: f64,
    /// The slowest, in milliseconds.
    pub(crate) slowest: f64,
}

/// As many probes are under way at once as dnsperf has queries outstanding, where both go as fast as they can.
const UNDER_WAY: usize = 100;

/// Asks and records without pause, on two threads as the program does, but without its schedule.
///
/// # Panics
/// When called from a thread that runs asynchronous tasks.
pub(crate) fn saturate() -> Score {
    let text = configuration(10_000, Duration::from_secs(1));
    let estate = Arc::new(config::parse(&text, "probes.toml", &Overrides::default()).expect("a good file").estate);
    let board = Arc::new(Board::new(&estate, &plan::targets(&estate)));
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.expect("a runtime").block_on(async {
        let ended = Arc::new(AtomicU64::new(0));
        let mut tasks = JoinSet::new();
        let cells = board.cells();
        for share in cells.chunks(cells.len() / UNDER_WAY) {
            tasks.spawn(ask_without_pause(Arc::clone(&board), share.to_vec(), Arc::clone(&ended)));
        }
        sleep(WARM_UP).await;
        let before = ended.load(Ordering::Relaxed);
        let usage = Usage::of(std::process::id(), WINDOW).await;
        #[expect(clippy::cast_precision_loss, reason = "a million or so")]
        let rate = (ended.load(Ordering::Relaxed) - before) as f64 / usage.elapsed.as_secs_f64();
        Score { rate, cost: usage.microseconds_each(rate) }
    })
}

async fn ask_without_pause(board: Arc<Board>, cells: Vec<Arc<TargetCell>>, ended: Arc<AtomicU64>) {
    let contact = Arc::new(Contact::new(&cells[0].target().resolver, None));
    let mut ttl_watch = TtlWatch::default();
    loop {
        for cell in &cells {
            let (seen, _) = ask(cell.target(), &contact, &mut ttl_watch, || cell.verdict()).await;
            board.record(cell, &seen);
            ended.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// Starts the shipped program with `targets` targets that are all asked once every `every`.
pub(crate) async fn start(directory: &Path, targets: usize, every: Duration) -> Fathom {
    let fathom = Fathom::run(directory, &configuration(targets, every)).await;
    sleep(WARM_UP).await;
    fathom
}

fn configuration(targets: usize, every: Duration) -> String {
    let mut text = format!(
        r#"[prober]
environment = "bench"
datacenter = "dc1"
listen = "{LISTEN}"
max_in_flight = 100000

[defaults]
interval = "{every:?}"
timeout = "100ms"
patience = "100ms"
packets_per_second = 100000

[[cluster]]
name = "bench"
datacenter = "dc1"
roles = ["recursive"]
"#
    );
    for place in 0..ADDRESSES {
        text += &format!("[[cluster.resolver]]\nname = \"r{place}\"\naddress = \"{}\"\n", address(place));
    }
    for number in 0..targets / usize::from(ADDRESSES) {
        text += &format!(
            "[[name]]\nid = \"n{number}\"\nclass = \"external\"\nqname = \"{{nonce}}.bench.\"\nqtype = \"A\"\n"
        );
    }
    text
}

/// Resident memory in KiB.
pub(crate) fn resident_kib(fathom: &Fathom) -> f64 {
    usage::resident_kib(fathom.server().id())
}

/// Lets it run for a window.
pub(crate) async fn measure(fathom: &Fathom) -> Measured {
    let (before, started) = (fathom.metrics().await, Instant::now());
    let usage = Usage::of(fathom.server().id(), WINDOW).await;
    let elapsed = started.elapsed();
    compare(&before, &fathom.metrics().await, usage, elapsed)
}

/// Lets it run for a window while it is scraped once a second.
pub(crate) async fn measure_scraped(fathom: &Fathom) -> Scraped {
    let (before, started) = (fathom.metrics().await, Instant::now());
    let scrapes = async {
        let mut ticks = interval(Duration::from_secs(1));
        let mut took = Vec::new();
        while started.elapsed() < WINDOW {
            ticks.tick().await;
            let begun = Instant::now();
            fathom.get("/metrics").await.expect("a scrape");
            took.push(begun.elapsed().as_secs_f64() * 1e3);
        }
        took
    };
    let (usage, mut took) = tokio::join!(Usage::of(fathom.server().id(), WINDOW), scrapes);
    let elapsed = started.elapsed();
    let after = fathom.metrics().await;
    took.sort_by(f64::total_cmp);
    Scraped {
        meanwhile: compare(&before, &after, usage, elapsed),
        series: after.len(),
        bytes: after.text.len(),
        median: took[took.len() / 2],
        slowest: took[took.len() - 1],
    }
}

fn compare(before: &Metrics, after: &Metrics, usage: Usage, elapsed: Duration) -> Measured {
    let grown = |name: &str, labels: &[(&str, &str)]| after.sum(name, labels) - before.sum(name, labels);
    let probes = grown("dns_probe_results_total", &[]);
    let rate = probes / elapsed.as_secs_f64();
    Measured {
        rate,
        ok: grown("dns_probe_results_total", &[("result", "ok")]) / probes * 100.0,
        cost: usage.microseconds_each(rate),
        round_trip: grown("dns_probe_duration_seconds_sum", &[]) / grown("dns_probe_duration_seconds_count", &[]) * 1e6,
        lag: quantile(before, after, "fathom_schedule_lag_seconds", 0.99) * 1e3,
    }
}

/// The bound of the bucket in which the quantile lies.
fn quantile(before: &Metrics, after: &Metrics, histogram: &str, quantile: f64) -> f64 {
    let name = format!("{histogram}_bucket");
    let (before, after) = (before.sum_by(&name, &[], "le"), after.sum_by(&name, &[], "le"));
    let mut buckets: Vec<(f64, f64)> = after
        .iter()
        .map(|(bound, count)| (bound.parse().unwrap_or(f64::INFINITY), count - before.get(bound).unwrap_or(&0.0)))
        .collect();
    buckets.sort_by(|one, other| one.0.total_cmp(&other.0));
    let all = buckets.last().map_or(0.0, |last| last.1);
    buckets.iter().find(|(_, count)| *count >= quantile * all).map_or(f64::NAN, |(bound, _)| *bound)
}
