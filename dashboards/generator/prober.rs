//! *Prober*: whether what is measured can be believed.

use serde_json::Value;

use super::colours::{BAD, GOOD, NEUTRAL, WARNING};
use super::panel::Panel;
use super::sheet::{Section, alerts, reloads, sheet};

pub(crate) fn dashboard() -> Value {
    sheet(
        "fathom-prober",
        "Fathom / Prober",
        "Whether the probers keep their schedule, have what they need, and can be believed.",
        &[alerts(), reloads()],
        vec![
            Section { title: "Schedule", panels: schedule() },
            Section { title: "Process", panels: process() },
            Section { title: "Journal", panels: journal() },
            Section { title: "Beacon", panels: beacon() },
        ],
    )
}

fn schedule() -> Vec<Panel> {
    vec![
        Panel::lines("Probes", "Finished probes a second.", "ops", (8, 8))
            .query("sum by (vantage, instance) (rate(dns_probe_results_total{@prober}[$__rate_interval]))", "{{vantage}} {{instance}}")
            .any_value(),
        Panel::stack("Skipped probes", "Probes that were due and not made, by reason. Measurements that are missing.", "ops", (8, 8))
            .query("sum by (vantage, reason) (rate(fathom_probes_skipped_total{@prober}[$__rate_interval]))", "{{vantage}} {{reason}}"),
        Panel::lines("Probes in flight", "Questions whose answer, in time or late, is being waited for: one socket each.", "none", (8, 8))
            .query("fathom_probes_in_flight{@prober}", "{{vantage}} {{instance}}")
            .any_value(),
        Panel::heatmap("How late probes start", "A healthy prober starts nearly all within some milliseconds.", (12, 8))
            .buckets("sum by (le) (increase(fathom_schedule_lag_seconds_bucket{@prober}[$__rate_interval]))"),
        Panel::lines("How late probes start, 99 of 100", "The 99th percentile.", "s", (12, 8))
            .query(
                "histogram_quantile(0.99, sum by (vantage, instance, le) (rate(fathom_schedule_lag_seconds_bucket{@prober}[$__rate_interval])))",
                "{{vantage}} {{instance}}",
            )
            .marks(GOOD, &[(0.1, WARNING), (1.0, BAD)]),
        Panel::lines("Probes that failed for the prober's own reasons", "Results `internal_error`: no socket, no descriptor. Never held against a resolver.", "ops", (12, 7))
            .query(r#"sum by (vantage, instance) (rate(dns_probe_results_total{@prober,result="internal_error"}[$__rate_interval]))"#, "{{vantage}} {{instance}}")
            .marks(GOOD, &[(0.01, WARNING)]),
        Panel::lines("Time a scrape takes", "As Prometheus sees it; beyond 5 s it gives up.", "s", (12, 7))
            .query(r#"scrape_duration_seconds{job="fathom"}"#, "{{instance}}")
            .marks(GOOD, &[(1.0, WARNING), (5.0, BAD)]),
    ]
}

fn process() -> Vec<Panel> {
    vec![
        Panel::lines("Processor", "Cores in use.", "none", (8, 7))
            .query("rate(process_cpu_seconds_total{@prober}[$__rate_interval])", "{{vantage}} {{instance}}")
            .any_value(),
        Panel::lines("Memory", "Resident, and all that is mapped.", "bytes", (8, 7))
            .query("process_resident_memory_bytes{@prober}", "{{vantage}} resident")
            .query("process_virtual_memory_bytes{@prober}", "{{vantage}} mapped")
            .any_value(),
        Panel::lines("Descriptors", "Open files and sockets, as a share of what is allowed.", "percentunit", (8, 7))
            .query("process_open_fds{@prober} / process_max_fds{@prober}", "{{vantage}} {{instance}}")
            .marks(GOOD, &[(0.7, WARNING), (0.9, BAD)]),
        Panel::table("Versions", "Every prober, its vantage and its version.", "none", (8, 6))
            .rows("max by (environment, vantage, instance, version) (fathom_build_info{@prober})")
            .columns(&[], &["Value"])
            .any_value(),
        Panel::number(
            "Configuration",
            "Whether the last attempt to load probes.toml succeeded; otherwise the one before it is used.",
            "none",
            (4, 6),
        )
        .now("min by (vantage) (fathom_config_last_reload_successful{@prober})", "{{vantage}}")
        .yes_no("loaded", "old one in use"),
        Panel::number("Age of the configuration", "Since probes.toml was last loaded with success.", "s", (4, 6))
            .now(
                "time() - min by (vantage) (fathom_config_last_reload_success_timestamp_seconds{@prober})",
                "{{vantage}}",
            )
            .thresholds(NEUTRAL, &[]),
        Panel::number("Age of the process", "Since the prober was started.", "s", (4, 6))
            .now("time() - min by (vantage) (process_start_time_seconds{@prober})", "{{vantage}}")
            .thresholds(NEUTRAL, &[]),
        Panel::number("Threads", "Of the operating system.", "none", (4, 6))
            .now("max by (vantage) (process_threads{@prober})", "{{vantage}}")
            .thresholds(NEUTRAL, &[]),
    ]
}

fn journal() -> Vec<Panel> {
    vec![
        Panel::stack("Entries", "What was written down, by kind. A burst is an incident, or something that flaps.", "ops", (12, 7))
            .query("sum by (vantage, kind) (rate(fathom_journal_entries_total{@prober}[$__rate_interval]))", "{{vantage}} {{kind}}"),
        Panel::number(
            "Outlives the process",
            "Whether the journal is on a disk that can be written; otherwise it is in memory, and lost when the prober stops.",
            "none",
            (4, 7),
        )
        .now("min by (vantage) (fathom_journal_on_disk{@prober})", "{{vantage}}")
        .yes_no("on disk", "in memory"),
        Panel::lines("Trouble", "Writes that failed and were tried again, and entries that were given up.", "ops", (4, 7))
            .query("rate(fathom_journal_writes_failed_total{@prober}[$__rate_interval])", "{{vantage}} failed")
            .query("rate(fathom_journal_entries_lost_total{@prober}[$__rate_interval])", "{{vantage}} lost")
            .marks(GOOD, &[(0.001, BAD)]),
        Panel::lines("Size", "Of the database, its write-ahead log included.", "bytes", (4, 7))
            .query("fathom_journal_size_bytes{@prober}", "{{vantage}} {{instance}}")
            .any_value(),
    ]
}

fn beacon() -> Vec<Panel> {
    vec![
        Panel::stack(
            "Queries to the beacon",
            "By result. `answered` and `zone` are resolvers at work; the others are strangers, or clocks that differ.",
            "ops",
            (24, 7),
        )
        .query(
            "sum by (vantage, result) (rate(dns_beacon_queries_total{@prober}[$__rate_interval]))",
            "{{vantage}} {{result}}",
        )
        .colour("answered", GOOD),
    ]
}
