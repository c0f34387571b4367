//! What probing costs, side by side with the programs people know. Run by `benches/run`, which says how.

#![expect(clippy::print_stdout, reason = "a table is the result")]
#![expect(clippy::format_push_string, reason = "configuration files are short")]

mod peers;
mod prober;
#[path = "../../tests/support/mod.rs"]
mod support;
mod usage;

use std::fs;
use std::path::Path;
use std::time::Duration;

fn main() {
    support::raise_network();
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("side_by_side");
    // What an earlier run left behind.
    drop(fs::remove_dir_all(&directory));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let server = peers::start_server(&directory).await;
        println!("Load of the machine before: {}", load_average());
        cost_of_a_probe(&directory).await;
        cost_of_a_scrape(&directory).await;
        println!("\nLoad of the machine after: {}", load_average());
        server.terminate();
    });
    fs::remove_dir_all(&directory).expect("the bench's own directory");
}

/// Over one, five and fifteen minutes: a machine that does other work measures that work.
fn load_average() -> String {
    let averages = fs::read_to_string("/proc/loadavg").expect("the kernel's averages");
    averages.split(' ').take(3).collect::<Vec<_>>().join(" ")
}

async fn cost_of_a_probe(directory: &Path) {
    println!("Processor time of a probe. One NSD process answers all.\n");
    println!("| program | load | probes/s | µs/probe | of dnsperf | ok | round trip, mean | start lag, p99 |");
    println!("|---|---|--:|--:|--:|--:|--:|--:|");
    let row = |program, load, score: &peers::Score, of_peer: &peers::Score| {
        let ratio = score.cost / of_peer.cost;
        println!("| {program} | {load} | {:.0} | {:.1} | {ratio:.1} | | | |", score.rate, score.cost);
    };
    let fast = "as fast as it can";
    let peer = peers::dnsperf(directory, None).await;
    row("the kernel alone", fast, &peers::floor(), &peer);
    row("dnsperf", fast, &peer, &peer);
    // It brings a runtime of its own.
    let own = tokio::task::spawn_blocking(prober::saturate).await.expect("no panic");
    row("fathom, unscheduled", fast, &own, &peer);
    for (load, paced, targets, every) in [
        ("1,000/s", 1_000, 1_000, Duration::from_secs(1)),
        ("10,000/s", 10_000, 10_000, Duration::from_secs(1)),
        ("50,000/s", 50_000, 10_000, Duration::from_millis(200)),
    ] {
        let peer = peers::dnsperf(directory, Some(paced)).await;
        row("dnsperf", load, &peer, &peer);
        let fathom = prober::start(directory, targets, every).await;
        let own = prober::measure(&fathom).await;
        println!(
            "| fathom | {load} | {:.0} | {:.1} | {:.1} | {:.2} % | {:.0} µs | {} ms |",
            own.rate,
            own.cost,
            own.cost / peer.cost,
            own.ok,
            own.round_trip,
            own.lag,
        );
        fathom.stop();
    }
    let peer = peers::blackbox(directory).await;
    println!("| blackbox_exporter | as fast as it can | {:.0} | {:.1} | | | | |\n", peer.rate, peer.cost);
}

async fn cost_of_a_scrape(directory: &Path) {
    println!("A scrape, and what it does to measurements: 1,000 probes/s, without scrapes and with one a second.\n");
    println!(
        "| targets | series | MiB | scrape, median | slowest | round trip, mean | when scraped | lag, p99 | when scraped | \
         KiB/target |"
    );
    println!("|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|");
    let few = prober::start(directory, 10, Duration::from_secs(1)).await;
    let least_memory = prober::resident_kib(&few);
    few.stop();
    for targets in [100_u32, 1_000, 10_000] {
        let every = Duration::from_millis(u64::from(targets));
        let fathom = prober::start(directory, targets as usize, every).await;
        let memory = (prober::resident_kib(&fathom) - least_memory) / f64::from(targets - 10);
        let quiet = prober::measure(&fathom).await;
        let scraped = prober::measure_scraped(&fathom).await;
        #[expect(clippy::cast_precision_loss, reason = "megabytes")]
        let size = scraped.bytes as f64 / f64::from(1 << 20);
        println!(
            "| {targets} | {} | {size:.1} | {:.1} ms | {:.1} ms | {:.0} µs | {:.0} µs | {} ms | {} ms | {memory:.1} |",
            scraped.series,
            scraped.median,
            scraped.slowest,
            quiet.round_trip,
            scraped.meanwhile.round_trip,
            quiet.lag,
            scraped.meanwhile.lag,
        );
        fathom.stop();
    }
}
