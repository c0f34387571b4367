//! One resolver, and one name, in detail: with the last replies as they came.

use std::sync::Arc;
use std::time::SystemTime;

use serde::Serialize;
use utoipa::ToSchema;

use super::journal::{History, histories};
use super::{NameStatus, ResolverStatus};
use crate::board::{Snapshot, TargetCell};
use crate::daemon::Daemon;
use crate::estate::Name;
use crate::plan::Purpose;
use crate::report::json::{ClusterPaths, ResolverPaths};
use crate::rfc3339;

/// `/api/v1/resolvers/CLUSTER/RESOLVER`.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::web) struct ResolverDetail<'a> {
    pub(in crate::web) environment: &'a str,
    pub(in crate::web) vantage: &'a str,
    #[serde(with = "rfc3339")]
    #[schema(value_type = String, format = DateTime)]
    pub(in crate::web) now: SystemTime,
    #[serde(flatten)]
    pub(in crate::web) status: ResolverStatus<'a>,
    /// What tracing says of it, with the evidence. Nothing before it says something.
    pub(in crate::web) judged: Option<ResolverPaths>,
    /// Whether there is a token by which operators can change something.
    pub(in crate::web) operator_token: bool,
    /// All its probes.
    pub(in crate::web) history: Vec<History>,
}

/// `/api/v1/names/ID`.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::web) struct NameDetail<'a> {
    pub(in crate::web) environment: &'a str,
    pub(in crate::web) vantage: &'a str,
    #[serde(with = "rfc3339")]
    #[schema(value_type = String, format = DateTime)]
    pub(in crate::web) now: SystemTime,
    pub(in crate::web) name: &'a str,
    pub(in crate::web) class: &'a str,
    pub(in crate::web) qname: &'a str,
    pub(in crate::web) qtype: &'static str,
    pub(in crate::web) recursion_desired: bool,
    /// What is expected of an answer, in words.
    pub(in crate::web) expect: String,
    pub(in crate::web) interval_seconds: f64,
    pub(in crate::web) timeout_seconds: f64,
    /// Every resolver that is asked.
    pub(in crate::web) resolvers: Vec<Asked<'a>>,
    /// Probes of the name at all of them.
    pub(in crate::web) history: Vec<History>,
}

/// A name at one resolver.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::web) struct Asked<'a> {
    pub(in crate::web) cluster: &'a str,
    pub(in crate::web) resolver: &'a str,
    pub(in crate::web) address: String,
    #[serde(flatten)]
    pub(in crate::web) status: NameStatus<'a>,
}

/// A resolver of the estate, if there is one of this name.
pub(in crate::web) fn resolver<'a>(
    daemon: &Daemon,
    snapshot: &'a Snapshot,
    cells: &'a [Arc<TargetCell>],
    (cluster, resolver): (&str, &str),
    now: SystemTime,
) -> Option<ResolverDetail<'a>> {
    let view = snapshot
        .resolvers
        .iter()
        .find(|view| view.cluster.as_str() == cluster && view.resolver.name.as_str() == resolver)?;
    let names = names(cells).filter(|cell| {
        let target = cell.target();
        target.cluster.name == view.cluster && target.resolver.name == view.resolver.name
    });
    let report = snapshot.reports.iter().find(|report| report.cluster.name == view.cluster);
    let judged = report.and_then(|report| {
        let paths = ClusterPaths::of(report);
        paths.resolvers.into_iter().find(|judged| judged.resolver == resolver)
    });
    Some(ResolverDetail {
        environment: snapshot.estate.environment.as_str(),
        vantage: snapshot.estate.vantage.as_str(),
        now,
        status: ResolverStatus::of(daemon, view, names.map(|cell| NameStatus::in_detail(cell, now)).collect(), now),
        judged,
        operator_token: daemon.operator().has_token(),
        history: histories(|span| daemon.journal().history(cluster, resolver, None, span)),
    })
}

/// A name of the estate, if there is one with this id.
pub(in crate::web) fn name<'a>(
    daemon: &Daemon,
    snapshot: &'a Snapshot,
    cells: &'a [Arc<TargetCell>],
    id: &str,
    now: SystemTime,
) -> Option<NameDetail<'a>> {
    let name: &Name = snapshot.estate.names.iter().find(|name| name.id.as_str() == id)?;
    let asked = names(cells).filter(|cell| cell.target().name.id == name.id).map(|cell| Asked {
        cluster: cell.target().cluster.name.as_str(),
        resolver: cell.target().resolver.name.as_str(),
        address: cell.target().resolver.address.to_string(),
        status: NameStatus::in_detail(cell, now),
    });
    Some(NameDetail {
        environment: snapshot.estate.environment.as_str(),
        vantage: snapshot.estate.vantage.as_str(),
        now,
        name: name.id.as_str(),
        class: name.class.as_str(),
        qname: name.question.qname.as_str(),
        qtype: name.question.qtype.as_str(),
        recursion_desired: name.question.recursion_desired,
        expect: name.expect.to_string(),
        interval_seconds: name.asking.interval.as_secs_f64(),
        timeout_seconds: name.asking.timeout.as_secs_f64(),
        resolvers: asked.collect(),
        history: histories(|span| daemon.journal().history_of_name(id, span)),
    })
}

fn names(cells: &[Arc<TargetCell>]) -> impl Iterator<Item = &Arc<TargetCell>> {
    cells.iter().filter(|cell| cell.target().purpose == Purpose::Name)
}
