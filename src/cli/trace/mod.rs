//! `fathom trace`: who forwards to whom, once.

mod dot;
mod tree;

use super::survey::{self, Source};
use super::{Ending, Global, UsageError, print};
use crate::survey::cluster_of;
use crate::verdict::ClusterState;

/// What is shown, and how.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Only this cluster
    #[arg(long, value_name = "CLUSTER")]
    cluster: Option<String>,
    /// As JSON, as GET /api/v1/paths has it
    #[arg(long, conflicts_with = "dot")]
    json: bool,
    /// As a graph for Graphviz
    #[arg(long)]
    dot: bool,
    #[command(flatten)]
    from: Source,
}

pub(super) fn run(global: &Global, args: &Args) -> Result<Ending, UsageError> {
    let cluster = args.cluster.as_deref();
    let mut paths = survey::with(global, args.from, cluster, async |survey| survey.look().await)?;
    if let Some(wanted) = cluster {
        paths.clusters = vec![cluster_of(paths.clone(), wanted).map_err(UsageError::of)?];
    }
    let text = if args.json {
        paths.to_json()
    } else if args.dot {
        dot::draw(&paths)
    } else {
        paths.clusters.iter().map(tree::draw).collect::<Vec<_>>().join("\n")
    };
    print(&text)?;
    let healthy = paths.clusters.iter().all(|cluster| cluster.state == ClusterState::Healthy);
    Ok(if healthy && !paths.clusters.is_empty() { Ending::Passed } else { Ending::Refused })
}
