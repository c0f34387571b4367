//! The plan as people read it, within 100 columns as long as names are of ordinary length.

use std::fmt::Write;

use humantime::format_duration;

use super::plan::{ClusterPlan, Plan};
use crate::config::Problem;

pub(super) fn plan(plan: &Plan, warnings: &[Problem]) -> String {
    let mut out = String::new();
    for warning in warnings {
        let _ = writeln!(out, "warning: {warning}\n");
    }
    let _ = writeln!(
        out,
        "No mistakes. {}, seen from {}: {}, {}, {}.",
        plan.environment,
        plan.vantage,
        count(plan.clusters.len(), "cluster"),
        count(plan.clusters.iter().map(|cluster| cluster.resolvers.len()).sum(), "resolver"),
        count(plan.targets, "question"),
    );
    for cluster in &plan.clusters {
        of_cluster(cluster, &mut out);
    }
    of_tracing(plan, &mut out);
    let _ = writeln!(
        out,
        "\nIn all {:.1} packets a second; when nobody answers, {} at once ({} may).",
        plan.packets_per_second,
        count_of(plan.waiting_in_an_outage, "probe waits", "probes wait"),
        plan.max_in_flight,
    );
    of_series(plan, &mut out);
    out
}

fn of_cluster(cluster: &ClusterPlan, out: &mut String) {
    let mut roles = Vec::new();
    if cluster.authoritative {
        let zones = cluster.zones.join(" ");
        roles.push(if zones.is_empty() { "authoritative".to_owned() } else { format!("authoritative for {zones}") });
    }
    if cluster.recursive {
        roles.push("recursive".to_owned());
    }
    let _ = writeln!(out, "\n{} in {}: {}.", cluster.name, cluster.datacenter, roles.join(", "));
    if !cluster.upstreams.is_empty() {
        let _ = writeln!(out, "May forward to {}.", cluster.upstreams.join(", "));
    }
    let mut resolvers = vec![["RESOLVER", "ADDRESS", "PACKETS/S", "BUDGET", "TRACER"].map(str::to_owned)];
    resolvers.extend(cluster.resolvers.iter().map(|resolver| {
        let tracer = resolver.tracer.clone().unwrap_or_else(|| "none".to_owned());
        let [rate, budget] = [format!("{:.2}", resolver.packets_per_second), resolver.budget.to_string()];
        [resolver.name.clone(), resolver.address.clone(), rate, budget, tracer]
    }));
    let mut questions = vec![["NAME", "CLASS", "EVERY", "OVER", "QUESTION"].map(str::to_owned)];
    questions.extend(cluster.questions.iter().map(|asked| {
        let [id, class] = [&asked.id, &asked.class].map(|word| word.clone().unwrap_or_else(|| "-".to_owned()));
        [id, class, format_duration(asked.interval).to_string(), asked.over(), asked.in_words()]
    }));
    out.push_str(&table(&resolvers));
    let _ = writeln!(out, "\n  Each is asked:");
    out.push_str(&table(&questions));
}

fn of_tracing(plan: &Plan, out: &mut String) {
    let Some(tracing) = &plan.tracing else { return };
    let _ = writeln!(
        out,
        "\nForwarding paths are traced every {}, with at most {} packets a second to all resolvers together:",
        format_duration(tracing.interval),
        tracing.packets_per_second,
    );
    for cluster in plan.clusters.iter().filter(|cluster| cluster.recursive) {
        let _ = writeln!(out, "  {}: about {} a trace", cluster.name, count(cluster.questions_per_trace, "question"));
    }
    let canary = tracing.canary_zone.as_ref().map(|zone| format!("names under {zone}"));
    for cold in tracing.cold_names.iter().chain(&canary) {
        let _ = writeln!(out, "  no cache knows {cold}");
    }
    if let Some(listen) = &plan.beacon {
        let _ = writeln!(out, "  the beacon runs in this process, at {listen}");
    }
}

fn of_series(plan: &Plan, out: &mut String) {
    let series = &plan.series;
    let _ =
        writeln!(out, "\nPrometheus will store {} series while all is well, {} at most:", series.healthy, series.most);
    let mut rows = vec![["METRIC", "HEALTHY", "AT MOST"].map(str::to_owned)];
    let (own, process): (Vec<_>, Vec<_>) =
        series.families.iter().partition(|family| !family.name.starts_with("process_"));
    rows.extend(own.iter().map(|family| [family.name.to_owned(), family.healthy.to_string(), family.most.to_string()]));
    let of_process = process.len().to_string();
    rows.push(["process_*".to_owned(), of_process.clone(), of_process]);
    out.push_str(&table(&rows));
}

fn count(number: usize, noun: &str) -> String {
    count_of(number, noun, &format!("{noun}s"))
}

fn count_of(number: usize, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}

/// Columns as wide as their widest cell, two spaces apart; numbers stand to the right.
fn table<const N: usize>(rows: &[[String; N]]) -> String {
    let mut out = String::new();
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or_default();
    let widths: [usize; N] = std::array::from_fn(width);
    let is_number = |column: usize| rows.len() > 1 && rows[1..].iter().all(|row| row[column].parse::<f64>().is_ok());
    let numbers: [bool; N] = std::array::from_fn(is_number);
    for row in rows {
        let mut line = String::new();
        for (column, cell) in row.iter().enumerate() {
            let width = widths[column];
            let _ = if numbers[column] { write!(line, "  {cell:>width$}") } else { write!(line, "  {cell:<width$}") };
        }
        let _ = writeln!(out, "{}", line.trim_end());
    }
    out
}
