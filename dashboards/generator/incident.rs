//! *Incident*: what changed when, everything on one time axis.

use serde_json::Value;

use super::colours::{BAD, GOOD, WARNING};
use super::panel::Panel;
use super::resolver::coloured;
use super::sheet::{Section, alerts, cluster_codes, cluster_words, reloads, sheet, verdict_codes, verdict_words};

/// Every panel is as wide as the page, so that one moment stands in one column.
const WIDE: u32 = 24;

pub(crate) fn dashboard() -> Value {
    sheet(
        "fathom-incident",
        "Fathom / Incident",
        "What changed when: choose a cluster and a time, and read from top to bottom.",
        &[alerts(), reloads()],
        vec![Section { title: "Cause", panels: cause() }, Section { title: "Effect", panels: effect() }],
    )
}

fn cause() -> Vec<Panel> {
    vec![
        Panel::states("State of each cluster", "Of several vantages the worst is shown.", (WIDE, 5))
            .query(&cluster_codes(), "{{cluster}}")
            .words(cluster_words()),
        Panel::states("Verdicts", "What is wrong with each resolver, by all evidence.", (WIDE, 8))
            .query(&verdict_codes(), "{{cluster}} {{resolver}}")
            .words(verdict_words()),
        Panel::states(
            "Who forwards to whom",
            "A bar while queries to the first resolver come out at the second. The first bar that appears is the first mistake.",
            (WIDE, 8),
        )
        .query("max by (cluster, from, to) (dns_path_edge{@cluster})", "{{cluster}} {{from}} → {{to}}")
        .words([(1, "forwards".to_owned(), WARNING)]),
        Panel::states("Cycle", "Whether some resolvers of the cluster forward to each other in a ring.", (WIDE, 4))
            .query("max by (cluster) (dns_path_cycle{@cluster})", "{{cluster}}")
            .words([(0, "none".to_owned(), GOOD), (1, "cycle".to_owned(), BAD)]),
        Panel::lines("Independent exits", "At one, the next mistake is the outage.", "none", (WIDE, 6))
            .query("cluster:dns_independent_exits:max{@agreed}", "{{cluster}}")
            .query("cluster:dns_independent_exits:minimum{@agreed}", "{{cluster}} minimum")
            .stepped()
            .marks(BAD, &[(1.0, WARNING), (2.0, GOOD)]),
        Panel::states("Ways out", "Which resolvers have a way out of their own.", (WIDE, 6))
            .query("max by (cluster, resolver) (dns_resolver_is_exit{@resolver})", "{{cluster}} {{resolver}}")
            .yes_no("exit", "no exit"),
    ]
}

fn effect() -> Vec<Panel> {
    let results =
        Panel::stack("Outcomes other than ok", "Finished probes by result, without the good ones.", "ops", (WIDE, 7))
            .query(
                r#"sum by (result) (rate(dns_probe_results_total{@resolver,result!="ok"}[$__rate_interval]))"#,
                "{{result}}",
            );
    vec![
        coloured(results),
        Panel::lines(
            "Names that fail",
            "Share of the cluster's probes of each name that failed within a minute, of several vantages the worst. External \
             names fade as caches run out; names of its own zones stay.",
            "percentunit",
            (WIDE, 8),
        )
        .query(
            "max by (cluster, class, name) (vantage_cluster_name:dns_probe_failures:ratio_rate1m{@cluster}) > 0",
            "{{cluster}} {{class}} {{name}}",
        )
        .marks(GOOD, &[(0.5, BAD)]),
        Panel::lines("Vantages that see a class fail", "Of the vantages that ask the cluster, the share that sees most probes fail.", "percentunit", (WIDE, 6))
            .query("cluster_class:dns_vantages_failing:ratio{@agreed}", "{{cluster}} {{class}}")
            .stepped()
            .marks(GOOD, &[(0.5, BAD)]),
        Panel::stack("Late replies", "Answers after the timeout: what a patient resolver says that its clients no longer hear.", "ops", (WIDE, 6))
            .query("sum by (class, rcode) (rate(dns_probe_late_replies_total{@resolver}[$__rate_interval]))", "{{class}} {{rcode}}"),
    ]
}
