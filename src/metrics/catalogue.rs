//! Every metric: name, type, labels, meaning. The one table from which a scrape, `fathom metrics` and docs/metrics.md come.

use serde::Serialize;

/// Labels that every series carries beside its own.
pub const CONSTANT_LABELS: [&str; 2] = ["environment", "vantage"];

/// The Prometheus type of a metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Only ever grows, until the process restarts.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Counts by bucket, with their sum.
    Histogram,
}

impl Kind {
    /// The word used in `# TYPE` lines and tables.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

/// What there is to know about a metric without looking at its values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Family {
    /// Its name, with its unit.
    pub name: &'static str,
    /// Its type.
    #[serde(rename = "type")]
    pub kind: Kind,
    /// Its labels beside [`CONSTANT_LABELS`], in order.
    pub labels: &'static [&'static str],
    /// What it means: the `# HELP` line.
    pub help: &'static str,
    /// When its series exist.
    pub when: &'static str,
}

macro_rules! metrics {
    ($($variant:ident: $name:literal $kind:ident [$($label:literal),*] $help:literal; $when:literal)+) => {
        /// A metric of Fathom's own.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Metric { $(#[doc = $help] $variant),+ }

        impl Metric {
            /// Every metric, in the order of a scrape.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// What there is to know about it.
            pub const fn family(self) -> Family {
                match self {
                    $(Self::$variant => Family {
                        name: $name, kind: Kind::$kind, labels: &[$($label),*], help: $help, when: $when,
                    }),+
                }
            }
        }
    };
}

metrics! {
    ProbeResults: "dns_probe_results_total" Counter
        ["datacenter", "cluster", "resolver", "class", "name", "transport", "result"]
        "Finished probes by result; each is counted once.";
        "ok, servfail, timeout and loop_suspected from the start, others once seen"
    ProbeSuccess: "dns_probe_success" Gauge
        ["datacenter", "cluster", "resolver", "class", "name", "transport"]
        "Whether the last probe met every expectation in time (1) or not (0).";
        "after the first probe"
    ProbeDuration: "dns_probe_duration_seconds" Histogram
        ["datacenter", "cluster", "resolver", "class", "transport"]
        "Time from question to answer, of every probe answered within its patience.";
        "after the first answer of the class"
    ProbeLateReplies: "dns_probe_late_replies_total" Counter
        ["datacenter", "cluster", "resolver", "class", "rcode"]
        "Answers that came after the timeout and within patience; their probes count as timeout all the same.";
        "after the first late answer"
    ProbeStrayPackets: "dns_probe_stray_packets_total" Counter
        ["datacenter", "cluster", "resolver", "reason"]
        "Packets that came back and did not belong to the question, by reason.";
        "from the start"
    ProbeLastSuccess: "dns_probe_last_success_timestamp_seconds" Gauge
        ["datacenter", "cluster", "resolver", "class", "name", "transport"]
        "When the last successful probe was sent, in seconds since 1970.";
        "after the first successful probe"
    ProbeAnswerTtl: "dns_probe_answer_ttl_seconds" Gauge
        ["datacenter", "cluster", "resolver", "name", "transport"]
        "Smallest time to live in the last good answer.";
        "after the first successful probe whose answer has records"
    ProbeExtendedErrors: "dns_probe_extended_errors_total" Counter
        ["datacenter", "cluster", "resolver", "info_code"]
        "Extended DNS errors (RFC 8914) in answers, by INFO-CODE.";
        "after the first such error; at most 40 codes for each resolver"
    ProbeInfo: "dns_probe_info" Gauge
        ["datacenter", "cluster", "resolver", "class", "name", "transport", "address", "qname", "qtype",
         "recursion_desired"]
        "What is really asked, and where; always 1.";
        "from the start"
    ResolverInfo: "dns_resolver_info" Gauge
        ["datacenter", "cluster", "resolver", "address", "nsid", "server_id", "version"]
        "Who the resolver says it is (NSID, id.server, version.bind), at most 64 characters each; always 1.";
        "from the start; what is not known is empty"
    ResolverZoneSerial: "dns_resolver_zone_serial" Gauge
        ["datacenter", "cluster", "resolver", "zone"]
        "SOA serial of a zone that the cluster is authoritative for.";
        "after the first SOA answer"
    ResolverVerdict: "dns_resolver_verdict" Gauge
        ["datacenter", "cluster", "resolver", "verdict"]
        "What is wrong with the resolver: 1 for the one verdict that holds, 0 for the others.";
        "from the start"
    ResolverVerdictConfidence: "dns_resolver_verdict_confidence" Gauge
        ["datacenter", "cluster", "resolver"]
        "How sure the verdict is: 0 none, 1 suspected, 2 probable, 3 confirmed.";
        "from the start"
    ResolverIsExit: "dns_resolver_is_exit" Gauge
        ["datacenter", "cluster", "resolver"]
        "Whether recursion leaves by this resolver itself (1), or not or through a sibling (0).";
        "after the first trace of a recursive cluster, unless it resolves and a step to a sibling could not be seen"
    ResolverIsLastExit: "dns_resolver_is_last_exit" Gauge
        ["datacenter", "cluster", "resolver"]
        "Whether the cluster would have no way out without this resolver (1).";
        "after the first trace of a recursive cluster"
    ClusterState: "dns_cluster_state" Gauge
        ["datacenter", "cluster", "state"]
        "The state of the cluster: 1 for the one that holds, 0 for the others.";
        "from the start"
    ClusterIndependentExits: "dns_cluster_independent_exits" Gauge
        ["datacenter", "cluster"]
        "How many resolvers, or circles of them, get answers from outside without the help of another.";
        "after the first trace of a recursive cluster"
    ClusterMinIndependentExits: "dns_cluster_min_independent_exits" Gauge
        ["datacenter", "cluster"]
        "How many independent exits a recursive cluster has to have: `path.min_independent_exits`.";
        "from the start"
    ClusterTtlRunway: "dns_cluster_ttl_runway_seconds" Gauge
        ["datacenter", "cluster", "class"]
        "If every exit died now, when the first name of the class would be gone from a cache; stale answers do not count.";
        "after the first successful probe of a name without nonce that needs recursion"
    PathEdge: "dns_path_edge" Gauge
        ["datacenter", "cluster", "from", "to", "evidence"]
        "Resolver `from` forwards to `to`, directly or through others; seen twice or in two ways; always 1.";
        "while it is so"
    PathCycle: "dns_path_cycle" Gauge
        ["datacenter", "cluster"]
        "Whether resolvers of the cluster forward to each other in a circle (1), with a way out or without; every step seen twice or in two ways.";
        "after the first trace of the cluster"
    PathTraced: "dns_path_traced_timestamp_seconds" Gauge
        ["datacenter", "cluster", "resolver"]
        "When the last complete trace from this resolver ended, in seconds since 1970.";
        "after the first complete trace"
    BeaconQueries: "dns_beacon_queries_total" Counter
        ["result"]
        "Messages that reached the beacon, by what became of them; each is counted once.";
        "from the start, where a beacon runs"
    ScheduleLag: "fathom_schedule_lag_seconds" Histogram
        []
        "How much later than due probes started.";
        "from the start"
    ProbesInFlight: "fathom_probes_in_flight" Gauge
        []
        "Questions whose answer, in time or late, is being waited for.";
        "from the start"
    ProbesSkipped: "fathom_probes_skipped_total" Counter
        ["reason"]
        "Probes that were due and not made, for want of packet budget, of sockets, or of time, or lest a circle of dnsmasq makes a storm of them, by reason.";
        "from the start"
    JournalEntries: "fathom_journal_entries_total" Counter
        ["kind"]
        "Entries of the journal since the start, by kind.";
        "from the start"
    JournalWritesFailed: "fathom_journal_writes_failed_total" Counter
        []
        "Attempts to write the journal to the disk that failed; what was to be written is held and tried again.";
        "from the start"
    JournalEntriesLost: "fathom_journal_entries_lost_total" Counter
        []
        "Entries that were given up, the oldest first, because the disk could not be written for too long.";
        "from the start"
    JournalSize: "fathom_journal_size_bytes" Gauge
        []
        "Size of the journal on the disk, its write-ahead log included, or in memory.";
        "from the start"
    JournalOnDisk: "fathom_journal_on_disk" Gauge
        []
        "Whether what is recorded outlives this process: 1 on a disk that can be written, 0 in memory.";
        "from the start"
    BuildInfo: "fathom_build_info" Gauge
        ["version"]
        "The version of this program; always 1.";
        "from the start"
    ConfigReloadSuccessful: "fathom_config_last_reload_successful" Gauge
        []
        "Whether the last attempt to load the configuration succeeded (1), or the old one is still used (0).";
        "from the start"
    ConfigReloadTime: "fathom_config_last_reload_success_timestamp_seconds" Gauge
        []
        "When the configuration in use was loaded, in seconds since 1970.";
        "from the start"
}

/// Metrics of the process itself, as the `prometheus` crate exports them for every program.
pub const PROCESS: [Family; 7] = [
    process("process_cpu_seconds_total", Kind::Counter, "Total user and system CPU time spent in seconds."),
    process("process_open_fds", Kind::Gauge, "Number of open file descriptors."),
    process("process_max_fds", Kind::Gauge, "Maximum number of open file descriptors."),
    process("process_virtual_memory_bytes", Kind::Gauge, "Virtual memory size in bytes."),
    process("process_resident_memory_bytes", Kind::Gauge, "Resident memory size in bytes."),
    process("process_start_time_seconds", Kind::Gauge, "Start time of the process since unix epoch in seconds."),
    process("process_threads", Kind::Gauge, "Number of OS threads in the process."),
];

const fn process(name: &'static str, kind: Kind, help: &'static str) -> Family {
    Family { name, kind, labels: &[], help, when: "from the start, on Linux" }
}

/// Everything that a scrape can hold, in no order that matters.
pub fn catalogue() -> impl Iterator<Item = Family> {
    Metric::ALL.iter().map(|metric| metric.family()).chain(PROCESS)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn names_are_unique_and_tell_their_unit_and_type() {
        let mut seen = HashSet::new();
        for family in catalogue() {
            assert!(seen.insert(family.name), "{} is there twice", family.name);
            assert!(["dns_", "fathom_", "process_"].iter().any(|prefix| family.name.starts_with(prefix)));
            assert_eq!(family.kind == Kind::Counter, family.name.ends_with("_total"), "{}", family.name);
            assert!(family.kind != Kind::Histogram || family.name.ends_with("_seconds"), "{}", family.name);
            assert!(family.help.ends_with('.'), "{}", family.name);
            let labels: HashSet<_> = family.labels.iter().chain(&CONSTANT_LABELS).collect();
            assert_eq!(labels.len(), family.labels.len() + 2, "{}", family.name);
            assert!(!labels.contains(&"instance") && !labels.contains(&"job"), "Prometheus owns these");
        }
    }
}
