//! `/api/v1/status`: everything that is known at this moment, as JSON. Documented in docs/api.md.

use std::collections::BTreeMap;
use std::time::SystemTime;

use humantime::format_rfc3339_millis;
use serde::Serialize;

use crate::board::{ResolverView, Snapshot, TargetState};
use crate::daemon::Daemon;
use crate::outcome::Outcome;
use crate::plan::{Purpose, Target};
use crate::report::json::ClusterPaths;
use crate::runway;
use crate::schedule::Skip;

#[derive(Serialize)]
struct Status<'a> {
    version: &'static str,
    environment: &'a str,
    vantage: &'a str,
    now: String,
    ready: bool,
    config: Config,
    prober: Prober,
    clusters: Vec<ClusterPaths>,
    resolvers: Vec<ResolverStatus<'a>>,
}

#[derive(Serialize)]
struct Config {
    last_reload_successful: bool,
    loaded_at: String,
}

#[derive(Serialize)]
struct Prober {
    probes_in_flight: usize,
    probes_skipped: BTreeMap<&'static str, u64>,
}

#[derive(Serialize)]
struct ResolverStatus<'a> {
    datacenter: &'a str,
    cluster: &'a str,
    resolver: &'a str,
    address: String,
    nsid: Option<&'a str>,
    server_id: Option<&'a str>,
    version: Option<&'a str>,
    zone_serials: BTreeMap<&'a str, u32>,
    verdict: &'static str,
    names: Vec<NameStatus<'a>>,
}

#[derive(Serialize)]
struct NameStatus<'a> {
    name: &'a str,
    class: &'a str,
    transport: &'static str,
    qname: &'a str,
    qtype: &'static str,
    recursion_desired: bool,
    result: Option<&'static str>,
    since: Option<String>,
    last_probe: Option<String>,
    last_success: Option<String>,
    duration_seconds: Option<f64>,
    answer_ttl_seconds: Option<u32>,
    runway_seconds: Option<f64>,
    runway_method: Option<&'static str>,
    results: BTreeMap<&'static str, u64>,
}

/// The whole document.
pub(super) fn render(daemon: &Daemon) -> String {
    let snapshot = daemon.board().snapshot();
    let (config, fleet) = (daemon.exporter().config(), daemon.fleet().stats());
    let status = Status {
        version: env!("CARGO_PKG_VERSION"),
        environment: snapshot.estate.environment.as_str(),
        vantage: snapshot.estate.vantage.as_str(),
        now: text(SystemTime::now()),
        ready: daemon.board().is_ready(),
        config: Config { last_reload_successful: config.last_attempt_succeeded, loaded_at: text(config.loaded_at) },
        prober: Prober {
            probes_in_flight: fleet.in_flight,
            probes_skipped: Skip::ALL.into_iter().map(Skip::as_str).zip(fleet.skipped).collect(),
        },
        clusters: snapshot.reports.iter().map(|report| ClusterPaths::of(report)).collect(),
        resolvers: resolvers(&snapshot),
    };
    serde_json::to_string(&status).expect("plain data") + "\n"
}

/// Every resolver with its names. Targets come resolver by resolver, in the order of the resolvers.
fn resolvers(snapshot: &Snapshot) -> Vec<ResolverStatus<'_>> {
    let mut targets = snapshot.targets.iter().peekable();
    let mut resolvers = Vec::with_capacity(snapshot.resolvers.len());
    for view in &snapshot.resolvers {
        let mut names = Vec::new();
        let asks_it =
            |target: &Target| target.cluster.name == view.cluster && target.resolver.name == view.resolver.name;
        while let Some((target, state)) = targets.next_if(|(target, _)| asks_it(target)) {
            if target.purpose == Purpose::Name {
                names.push(name(target, state));
            }
        }
        resolvers.push(resolver(view, names));
    }
    resolvers
}

fn resolver<'a>(view: &'a ResolverView, names: Vec<NameStatus<'a>>) -> ResolverStatus<'a> {
    ResolverStatus {
        datacenter: view.datacenter.as_str(),
        cluster: view.cluster.as_str(),
        resolver: view.resolver.name.as_str(),
        address: view.resolver.address.to_string(),
        nsid: view.state.nsid.as_deref(),
        server_id: view.state.server_id.as_deref(),
        version: view.state.version.as_deref(),
        zone_serials: view.state.serials.iter().map(|(zone, serial)| (zone.as_str(), *serial)).collect(),
        verdict: view.state.verdict.as_str(),
        names,
    }
}

fn name<'a>(target: &'a Target, state: &TargetState) -> NameStatus<'a> {
    let question = &target.name.question;
    let runway = runway::of_name(target, state, SystemTime::now());
    let counts = Outcome::ALL.into_iter().map(|outcome| (outcome.as_str(), state.results[outcome.index()]));
    NameStatus {
        name: target.name.id.as_str(),
        class: target.name.class.as_str(),
        transport: target.transport.as_str(),
        qname: question.qname.as_str(),
        qtype: question.qtype.as_str(),
        recursion_desired: question.recursion_desired,
        result: state.last.map(|last| last.outcome.as_str()),
        since: state.last.map(|last| text(last.since)),
        last_probe: state.last.map(|last| text(last.at)),
        last_success: state.last_success.map(text),
        duration_seconds: state.last.and_then(|last| last.after).map(|after| after.as_secs_f64()),
        answer_ttl_seconds: state.answer_ttl,
        runway_seconds: runway.map(|runway| runway.left.as_secs_f64()),
        runway_method: runway.map(|runway| runway.method.as_str()),
        results: counts.filter(|(_, count)| *count > 0).collect(),
    }
}

fn text(time: SystemTime) -> String {
    format_rfc3339_millis(time).to_string()
}
