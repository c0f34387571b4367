//! Fathom: the shipped program with so many targets, at so many probes a second.

use std::path::Path;
use std::time::Duration;

use tokio::time::{Instant, interval, sleep};

use crate::peers::{ADDRESSES, WINDOW, address};
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

/// As many probes may be under way at once as dnsperf has queries outstanding, where both go as fast as they can.
pub(crate) const SATURATED: usize = 100;

/// More than are ever under way.
pub(crate) const UNLIMITED: usize = 100_000;

/// Starts it with `targets` targets that are all asked once every `every`, as far as `in_flight` probes at once allow.
pub(crate) async fn start(directory: &Path, targets: usize, every: Duration, in_flight: usize) -> Fathom {
    let mut text = format!(
        r#"[prober]
environment = "bench"
datacenter = "dc1"
listen = "{LISTEN}"
max_in_flight = {in_flight}

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
    let fathom = Fathom::run(directory, &text).await;
    sleep(WARM_UP).await;
    fathom
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
