//! What only the whole estate can be held to: packet budgets, sockets, addresses.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::super::problem::Report;
use super::super::spec::FileSpec;
use super::clusters::Clusters;
use crate::estate::{Estate, Label};
use crate::plan::{self, Target};

/// The share of a resolver's budget from which on tracing and confirming probes hardly find room.
const NEARLY_USED: f64 = 0.8;

pub(super) fn check(estate: &Estate, file: &FileSpec, clusters: &Clusters<'_>, report: &Report) {
    let targets = plan::targets(estate);
    check_budgets(&targets, clusters, report);
    check_sockets(estate, &targets, file, report);
    check_addresses(estate, file, report);
}

/// No resolver is planned to be sent more than its budget.
fn check_budgets(targets: &[Arc<Target>], clusters: &Clusters<'_>, report: &Report) {
    let mut of_resolver: BTreeMap<(&Label, &Label), Vec<&Target>> = BTreeMap::new();
    for target in targets {
        of_resolver.entry((&target.cluster.name, &target.resolver.name)).or_default().push(target);
    }
    for built in &clusters.built {
        for (resolver, place) in built.cluster.resolvers.iter().zip(&built.budget_places) {
            let asked = of_resolver.remove(&(&built.cluster.name, &resolver.name)).unwrap_or_default();
            let needed: f64 = asked.iter().map(|target| target.packets_per_second()).sum();
            let budget = f64::from(resolver.packets_per_second);
            if needed <= budget * NEARLY_USED {
                continue;
            }
            let sum = format!("{} = {needed:.1} packets a second", arithmetic(&asked));
            if needed > budget {
                report.mistake(
                    place,
                    format!("the names need {sum} of each resolver"),
                    format!("at most {budget} (packets_per_second)"),
                );
            } else {
                report.warning(
                    place,
                    format!("the names need {sum} of each resolver, of {budget}: little is left to find causes with"),
                );
            }
        }
    }
}

/// `12 / 10s + 3 / 1m`: how many questions at which intervals.
fn arithmetic(targets: &[&Target]) -> String {
    let mut counts: BTreeMap<_, usize> = BTreeMap::new();
    for target in targets {
        *counts.entry(target.name.asking.interval).or_default() += 1;
    }
    let terms =
        counts.iter().map(|(interval, count)| format!("{count} every {}", humantime::format_duration(*interval)));
    terms.collect::<Vec<_>>().join(" + ")
}

/// In an outage every probe waits for the whole of its patience.
fn check_sockets(estate: &Estate, targets: &[Arc<Target>], file: &FileSpec, report: &Report) {
    let waiting: f64 =
        targets.iter().map(|t| (t.name.asking.patience.as_secs_f64() * t.packets_per_second()).min(1.0)).sum();
    let prober = file.prober.or_empty("prober");
    #[expect(clippy::cast_precision_loss, reason = "at most a million")]
    if waiting > estate.prober.max_in_flight as f64 {
        let place = prober.max_in_flight.place_in(&prober.place, "max_in_flight");
        let most = estate.prober.max_in_flight;
        report.warning(&place, format!("in an outage of everything {waiting:.0} probes wait at once, and {most} may"));
    }
}

/// What listens and what is asked are different things.
fn check_addresses(estate: &Estate, file: &FileSpec, report: &Report) {
    let Some(beacon) = file.beacon.given() else { return };
    let Some(listen) = beacon.listen.given() else { return };
    if listen.0 == estate.prober.listen {
        report.mistake(
            &listen.place,
            format!("found {}, which is also prober.listen", listen.0),
            "an address or port of its own",
        );
    }
    for cluster in &estate.clusters {
        for resolver in cluster.resolvers.iter().filter(|resolver| resolver.address == listen.0) {
            let found = format!("found {}, which is resolver {} of {}", listen.0, resolver.name, cluster.name);
            report.mistake(&listen.place, found, "an address or port of its own");
        }
    }
}
