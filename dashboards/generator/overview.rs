//! *Overview*: is it DNS, where, since when.

use serde_json::Value;

use super::colours::{BAD, GOOD, LATENT, NEUTRAL, WARNING};
use super::panel::Panel;
use super::sheet::{Section, alerts, cluster_codes, cluster_words, sheet};

pub(crate) fn dashboard() -> Value {
    sheet(
        "fathom-overview",
        "Fathom / Overview",
        "The state of every cluster: who still has a way out, which classes of names fail, what is wrong now.",
        &[alerts()],
        vec![
            Section { title: "Now", panels: now() },
            Section { title: "Clusters", panels: clusters() },
            Section { title: "Names", panels: names() },
        ],
    )
}

fn now() -> Vec<Panel> {
    vec![
        Panel::number(
            "Clusters in trouble",
            "Clusters that any vantage sees in a state other than healthy or unknown.",
            "none",
            (4, 5),
        )
        .now(
            r#"count(max by (datacenter, cluster) (dns_cluster_state{@cluster,state!~"healthy|unknown"}) == 1) or vector(0)"#,
            "clusters",
        )
        .thresholds(GOOD, &[(1.0, BAD)]),
        Panel::number(
            "Fewest exits",
            "Independent exits of the cluster that has the fewest: resolvers that get answers from outside without the help \
             of a sibling. At one, touch nothing.",
            "none",
            (4, 5),
        )
        .now("min(cluster:dns_independent_exits:max{@agreed})", "exits")
        .thresholds(BAD, &[(1.0, WARNING), (2.0, GOOD)]),
        Panel::number(
            "Shortest runway",
            "If every exit died now, when the first cached name would be gone. Short times to live are normal; they matter once \
             few exits are left.",
            "s",
            (4, 5),
        )
        .now("min(dns_cluster_ttl_runway_seconds{@cluster})", "runway")
        .thresholds(NEUTRAL, &[]),
        Panel::number("Vantages", "Datacenters from which a prober reports.", "none", (4, 5))
            .now("count(count by (vantage) (fathom_build_info{@prober})) or vector(0)", "vantages")
            .thresholds(BAD, &[(1.0, GOOD)]),
        Panel::table("Last exits", "Resolvers without which their cluster has no way out. Do not touch them.", "none", (8, 5))
            .rows("max by (datacenter, cluster, resolver) (dns_resolver_is_last_exit{@resolver}) == 1")
            .columns(&[], &["Value"])
            .thresholds(BAD, &[]),
        Panel::table(
            "Verdicts other than ok",
            "What is wrong with a resolver as each vantage sees it. Confidence: 1 suspected, 2 probable, 3 confirmed.",
            "none",
            (12, 8),
        )
        .rows(
            r#"(dns_resolver_verdict{@resolver,verdict!="ok"} == 1)
            * ignoring (verdict) group_left () dns_resolver_verdict_confidence{@resolver}"#,
        )
        .columns(&[("Value", "confidence")], &["environment", "instance", "job"])
        .any_value(),
        Panel::table("Alerts", "What Prometheus fires at this moment, silenced and inhibited alerts included.", "none", (12, 8))
            .rows(
                r#"count by (alertname, severity, datacenter, cluster, resolver, class) (
                ALERTS{alertstate="firing",severity!="none",environment=~"$environment",cluster=~"$cluster|"})"#,
            )
            .columns(&[], &["Value"])
            .any_value(),
    ]
}

fn clusters() -> Vec<Panel> {
    vec![
        Panel::states(
            "State of each cluster",
            "Latent: all works, but some resolver forwards to a sibling. Fragile: one exit left. Critical: none, caches still \
             answer. Of several vantages the worst is shown.",
            (12, 8),
        )
        .query(&cluster_codes(), "{{cluster}}")
        .words(cluster_words()),
        Panel::lines(
            "Independent exits",
            "How many resolvers have a way out of their own. Each rebuild that takes one away brings the outage nearer, \
             long before anything fails.",
            "none",
            (12, 8),
        )
        .query("cluster:dns_independent_exits:max{@agreed}", "{{cluster}}")
        .query("cluster:dns_independent_exits:minimum{@agreed}", "{{cluster}} minimum")
        .stepped()
        .marks(BAD, &[(1.0, WARNING), (2.0, GOOD)]),
        Panel::lines(
            "Runway by class",
            "If every exit died now, when the first cached name of the class would be gone.",
            "s",
            (12, 8),
        )
        .query("min by (cluster, class) (dns_cluster_ttl_runway_seconds{@cluster})", "{{cluster}} {{class}}")
        .marks(BAD, &[(60.0, WARNING), (600.0, GOOD)]),
        Panel::lines(
            "Error budget burn",
            "Over one hour: how many times faster than sustainable the budget of the availability objective is spent. 1 \
             spends exactly all of it; at 14.4 a month's budget is gone in two days.",
            "none",
            (12, 8),
        )
        .query("cluster_class:dns_error_budget_burn:ratio_rate1h{@agreed}", "{{cluster}} {{class}}")
        .marks(GOOD, &[(1.0, WARNING), (14.4, BAD)]),
    ]
}

fn names() -> Vec<Panel> {
    vec![
        Panel::states(
            "Class by resolver",
            "Whether the last probe of every name of the class met its expectations. Of several vantages and names the worst is \
             shown.",
            (16, 14),
        )
        .query("min by (cluster, class, resolver) (dns_probe_success{@resolver})", "{{cluster}} {{resolver}} {{class}}")
        .yes_no("ok", "failing"),
        Panel::table(
            "Availability",
            "Share of probes of the last five minutes that succeeded; the prober's own faults are left out.",
            "percentunit",
            (8, 14),
        )
        .rows("min by (cluster, class) (cluster_class:dns_availability:ratio_rate5m{@agreed})")
        .columns(&[("Value", "availability")], &[])
        .thresholds(BAD, &[(0.99, WARNING), (0.999, LATENT), (0.9999, GOOD)])
        .override_field(
            "availability",
            "custom.cellOptions",
            &serde_json::json!({ "type": "gauge", "mode": "basic", "valueDisplayMode": "text" }),
        ),
    ]
}
