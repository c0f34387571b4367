//! *Resolver*: everything that was seen of one server.

use fathom::outcome::Outcome;
use serde_json::Value;

use super::colours::{BAD, GOOD, GREEN, LATENT, NEUTRAL, WARNING, of_outcome};
use super::panel::Panel;
use super::sheet::{Section, alerts, sheet, verdict_codes, verdict_words};

pub(crate) fn dashboard() -> Value {
    sheet(
        "fathom-resolver",
        "Fathom / Resolver",
        "Everything that was seen of one resolver: choose it above.",
        &[alerts()],
        vec![
            Section { title: "What is wrong", panels: verdict() },
            Section { title: "What probes see", panels: outcomes() },
            Section { title: "How long it takes", panels: latency() },
            Section { title: "Who it is", panels: identity() },
            Section { title: "Forwarding paths", panels: paths() },
        ],
    )
}

fn verdict() -> Vec<Panel> {
    vec![
        Panel::states("Verdict", "What is wrong with the resolver, by all evidence.", (16, 6))
            .query(&verdict_codes(), "{{cluster}} {{resolver}}")
            .words(verdict_words()),
        Panel::number("Confidence", "How sure the verdict is: 1 suspected, 2 probable, 3 confirmed.", "none", (4, 6))
            .now("max by (resolver) (dns_resolver_verdict_confidence{@resolver})", "{{resolver}}")
            .any_value(),
        Panel::number(
            "Since last good answer",
            "Age of the last good answer of the name that waits longest.",
            "s",
            (4, 6),
        )
        .now("max(time() - dns_probe_last_success_timestamp_seconds{@resolver})", "age")
        .thresholds(GOOD, &[(30.0, WARNING), (120.0, BAD)]),
    ]
}

fn outcomes() -> Vec<Panel> {
    let by_result = Panel::stack("Outcomes", "Finished probes by result. Every probe has exactly one.", "ops", (12, 8))
        .query("sum by (result) (rate(dns_probe_results_total{@resolver}[$__rate_interval]))", "{{result}}");
    vec![
        coloured(by_result),
        Panel::states("Names", "Whether the last probe of each name met its expectations.", (12, 8))
            .query("min by (resolver, class, name) (dns_probe_success{@resolver})", "{{resolver}} {{class}} {{name}}")
            .yes_no("ok", "failing"),
        Panel::stack(
            "Late replies",
            "Answers that came after the timeout. SERVFAIL at about 10 s is BIND that gave up on a loop or a black hole; a client saw \
             a timeout.",
            "ops",
            (8, 7),
        )
        .query("sum by (class, rcode) (rate(dns_probe_late_replies_total{@resolver}[$__rate_interval]))", "{{class}} {{rcode}}"),
        Panel::stack(
            "Extended errors",
            "RFC 8914 codes in answers: 3 and 19 stale, 6 to 12 DNSSEC, 22 no reachable authority, 23 network error.",
            "ops",
            (8, 7),
        )
        .query("sum by (info_code) (rate(dns_probe_extended_errors_total{@resolver}[$__rate_interval]))", "{{info_code}}"),
        Panel::stack(
            "Packets that do not belong",
            "Wrong ID, wrong question, undecodable: a broken middlebox, or somebody who guesses.",
            "pps",
            (8, 7),
        )
        .query("sum by (reason) (rate(dns_probe_stray_packets_total{@resolver}[$__rate_interval]))", "{{reason}}"),
    ]
}

/// A stack of results in the colours of the outcomes.
pub(crate) fn coloured(panel: Panel) -> Panel {
    Outcome::ALL.iter().fold(panel, |panel, outcome| panel.colour(outcome.as_str(), of_outcome(*outcome)))
}

fn latency() -> Vec<Panel> {
    vec![
        Panel::heatmap(
            "Time to the answer",
            "Every probe answered within its patience. The steps are the timers of resolvers: 1.2 s BIND's first retry, 1.5 s PowerDNS, \
             1.9 s Unbound, 4 s Knot, 10 s BIND.",
            (12, 9),
        )
        .buckets("sum by (le) (increase(dns_probe_duration_seconds_bucket{@resolver}[$__rate_interval]))"),
        Panel::lines("Time to the answer, nine of ten", "The 90th percentile over ten minutes by class.", "s", (12, 9))
            .query("resolver_class:dns_probe_duration_seconds:p90_rate10m{@agreed,resolver=~\"$resolver\"}", "{{resolver}} {{class}}")
            .query(
                "resolver_class:dns_probe_duration_seconds:p90_median1d{@agreed,resolver=~\"$resolver\"}",
                "{{resolver}} {{class}}, past day",
            )
            .marks(GOOD, &[(0.1, LATENT), (1.0, WARNING)]),
    ]
}

fn identity() -> Vec<Panel> {
    vec![
        Panel::table("Identity", "Who answers at the address, in its own words. A change is a rebuild, or another server.", "none", (12, 6))
            .rows("max by (cluster, resolver, address, nsid, server_id, version) (dns_resolver_info{@resolver})")
            .columns(&[], &["Value"])
            .any_value(),
        Panel::lines("Zone serials", "SOA serials as the resolver has them. Lines that part are transfers that do not come.", "none", (12, 6))
            .query("max by (resolver, zone) (dns_resolver_zone_serial{@resolver})", "{{resolver}} {{zone}}")
            .stepped()
            .any_value(),
        Panel::table("What is asked", "Each probe: the question, where it goes, and whether recursion is desired.", "none", (12, 9))
            .rows(
                "max by (resolver, class, name, transport, address, qname, qtype, recursion_desired) (dns_probe_info{@resolver})",
            )
            .columns(&[], &["Value"])
            .any_value(),
        Panel::lines(
            "Time to live",
            "Smallest TTL in the last good answer. Falls to zero and starts again; one that stands still at 30 is a stale \
             answer.",
            "s",
            (12, 9),
        )
        .query("min by (resolver, name) (dns_probe_answer_ttl_seconds{@resolver})", "{{resolver}} {{name}}")
        .marks(WARNING, &[(30.0, GREEN)]),
    ]
}

fn paths() -> Vec<Panel> {
    vec![
        Panel::states("Way out", "Whether recursion leaves this resolver by itself, or through a sibling.", (8, 7))
            .query("max by (cluster, resolver) (dns_resolver_is_exit{@resolver})", "{{cluster}} {{resolver}}")
            .yes_no("exit", "no exit"),
        Panel::table("Forwards to", "Siblings that queries to this resolver come out at, directly or not, and how that is known.", "none", (8, 7))
            .rows(
                r#"max by (cluster, from, to, evidence) (dns_path_edge{@cluster,from=~"$resolver"} or dns_path_edge{@cluster,to=~"$resolver"})"#,
            )
            .columns(&[], &["Value"])
            .any_value(),
        Panel::lines("Age of the last trace", "How long ago the resolver's forwarding path was last traced completely.", "s", (8, 7))
            .query("time() - max by (cluster, resolver) (dns_path_traced_timestamp_seconds{@resolver} > 0)", "{{cluster}} {{resolver}}")
            .marks(NEUTRAL, &[(120.0, WARNING), (600.0, BAD)]),
    ]
}
