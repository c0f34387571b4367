//! `/api/v1/status`: everything that is known at this moment. The status page is a view of it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::SystemTime;

use serde::Serialize;
use utoipa::ToSchema;

use super::journal::JournalStatus;
use super::runway::{Runway, runways as runways_of};
use super::summary::{Summary, summary};
use super::{Cell, NameStatus};
use crate::board::{ResolverView, Snapshot};
use crate::daemon::Daemon;
use crate::estate::{Cluster, Label};
use crate::plan::{Purpose, Target};
use crate::report::json::ClusterPaths;
use crate::rfc3339;
use crate::runway::{self, Shortest};
use crate::schedule::Skip;
use crate::web::look_closer::closely_until;

/// The whole document.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::web) struct Status<'a> {
    version: &'static str,
    pub(in crate::web) environment: &'a str,
    pub(in crate::web) vantage: &'a str,
    #[serde(with = "rfc3339")]
    #[schema(value_type = String, format = DateTime)]
    pub(in crate::web) now: SystemTime,
    pub(in crate::web) ready: bool,
    pub(in crate::web) summary: Summary,
    pub(in crate::web) config: Config,
    pub(in crate::web) journal: JournalStatus,
    prober: Prober,
    pub(in crate::web) clusters: Vec<ClusterStatus<'a>>,
    pub(in crate::web) resolvers: Vec<ResolverStatus<'a>>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(in crate::web) struct Config {
    pub(in crate::web) last_reload_successful: bool,
    #[serde(with = "rfc3339")]
    #[schema(value_type = String, format = DateTime)]
    pub(in crate::web) loaded_at: SystemTime,
    /// Whether there is a token by which operators can change something.
    pub(in crate::web) operator_token: bool,
}

#[derive(Debug, Serialize, ToSchema)]
struct Prober {
    probes_in_flight: usize,
    probes_skipped: BTreeMap<&'static str, u64>,
}

/// A cluster: what tracing says of it, and what is in its caches.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::web) struct ClusterStatus<'a> {
    #[serde(flatten)]
    pub(in crate::web) paths: ClusterPaths,
    /// The classes of the names that it is asked, in the order of the configuration.
    pub(in crate::web) classes: Vec<&'a str>,
    pub(in crate::web) runway: Vec<Runway>,
}

/// A resolver: who it says it is, and what it answers.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::web) struct ResolverStatus<'a> {
    pub(in crate::web) datacenter: &'a str,
    pub(in crate::web) cluster: &'a str,
    pub(in crate::web) resolver: &'a str,
    pub(in crate::web) address: String,
    pub(in crate::web) nsid: Option<&'a str>,
    pub(in crate::web) server_id: Option<&'a str>,
    pub(in crate::web) version: Option<&'a str>,
    pub(in crate::web) zone_serials: BTreeMap<&'a str, u32>,
    pub(in crate::web) verdict: &'static str,
    /// Until when its probes follow each other closely, if they do.
    #[serde(with = "rfc3339::option")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub(in crate::web) looked_at_closely_until: Option<SystemTime>,
    /// What the names of each class amount to.
    pub(in crate::web) classes: Vec<Cell<'a>>,
    pub(in crate::web) names: Vec<NameStatus<'a>>,
}

impl<'a> Status<'a> {
    pub(in crate::web) fn of(daemon: &Daemon, snapshot: &'a Snapshot, now: SystemTime) -> Self {
        let (config, fleet) = (daemon.exporter().config(), daemon.fleet().stats());
        let estate = &snapshot.estate;
        let runways = runway::of(snapshot, now);
        let cluster = |cluster: &'a Arc<Cluster>| ClusterStatus::of(snapshot, cluster, config.loaded_at, &runways);
        let clusters: Vec<ClusterStatus<'_>> = estate.clusters.iter().map(cluster).collect();
        Self {
            version: env!("CARGO_PKG_VERSION"),
            environment: estate.environment.as_str(),
            vantage: estate.vantage.as_str(),
            now,
            ready: daemon.board().is_ready(),
            summary: summary(snapshot, &clusters, now),
            config: Config {
                last_reload_successful: config.last_attempt_succeeded,
                loaded_at: config.loaded_at,
                operator_token: daemon.operator().has_token(),
            },
            journal: JournalStatus::of(daemon.journal(), now),
            prober: Prober {
                probes_in_flight: fleet.in_flight,
                probes_skipped: Skip::ALL.into_iter().map(Skip::as_str).zip(fleet.skipped).collect(),
            },
            clusters,
            resolvers: resolvers(daemon, snapshot, now),
        }
    }

    /// The resolvers of a cluster.
    pub(in crate::web) fn resolvers_of(&self, cluster: &str) -> impl Iterator<Item = &ResolverStatus<'a>> {
        self.resolvers.iter().filter(move |resolver| resolver.cluster == cluster)
    }
}

impl<'a> ClusterStatus<'a> {
    /// What is known of a cluster. What was not judged yet is unknown since the configuration was loaded.
    fn of(snapshot: &'a Snapshot, cluster: &'a Cluster, loaded_at: SystemTime, runways: &[Shortest]) -> Self {
        let report = snapshot.reports.iter().find(|report| report.cluster.name == cluster.name);
        let least = snapshot.estate.path.min_independent_exits as usize;
        Self {
            paths: report
                .map_or_else(|| ClusterPaths::unjudged(cluster, least, loaded_at), |report| ClusterPaths::of(report)),
            classes: classes(snapshot, &cluster.name),
            runway: runways_of(runways, &cluster.name),
        }
    }
}

impl<'a> ResolverStatus<'a> {
    pub(in crate::web) fn of(
        daemon: &Daemon,
        view: &'a ResolverView,
        names: Vec<NameStatus<'a>>,
        now: SystemTime,
    ) -> Self {
        let mut classes: Vec<&str> = Vec::new();
        for name in &names {
            if !classes.contains(&name.class) {
                classes.push(name.class);
            }
        }
        let cell = |class: &&'a str| {
            let names: Vec<&NameStatus<'a>> = names.iter().filter(|name| name.class == *class).collect();
            Cell::of(class, &names)
        };
        Self {
            datacenter: view.datacenter.as_str(),
            cluster: view.cluster.as_str(),
            resolver: view.resolver.name.as_str(),
            address: view.resolver.address.to_string(),
            nsid: view.state.nsid.as_deref(),
            server_id: view.state.server_id.as_deref(),
            version: view.state.version.as_deref(),
            zone_serials: view.state.serials.iter().map(|(zone, serial)| (zone.as_str(), *serial)).collect(),
            verdict: view.state.verdict.as_str(),
            looked_at_closely_until: closely_until(daemon, &view.cluster, &view.resolver.name, now),
            classes: classes.iter().map(cell).collect(),
            names,
        }
    }
}

/// Every resolver with its names. Targets come resolver by resolver, in the order of the resolvers.
fn resolvers<'a>(daemon: &Daemon, snapshot: &'a Snapshot, now: SystemTime) -> Vec<ResolverStatus<'a>> {
    let mut targets = snapshot.targets.iter().peekable();
    let mut resolvers = Vec::with_capacity(snapshot.resolvers.len());
    for view in &snapshot.resolvers {
        let mut names = Vec::new();
        let asks_it =
            |target: &Target| target.cluster.name == view.cluster && target.resolver.name == view.resolver.name;
        while let Some((target, state)) = targets.next_if(|(target, _)| asks_it(target)) {
            if target.purpose == Purpose::Name {
                names.push(NameStatus::of(target, state, now));
            }
        }
        resolvers.push(ResolverStatus::of(daemon, view, names, now));
    }
    resolvers
}

/// The classes of the names that a cluster is asked, in the order of the configuration.
pub(super) fn classes<'a>(snapshot: &'a Snapshot, cluster: &Label) -> Vec<&'a str> {
    let mut classes: Vec<&str> = Vec::new();
    for name in snapshot.estate.names.iter().filter(|name| name.clusters.contains(cluster)) {
        if !classes.contains(&name.class.as_str()) {
            classes.push(name.class.as_str());
        }
    }
    classes
}
