//! `fathom tracer-config`: the lines that each resolver needs.

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{Ending, Global, UsageError, print};
use crate::estate::{Cluster, DomainName, Estate, Resolver};
use crate::tracer_config::{Software, files};

/// For which software and which resolvers.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// What the resolvers run
    #[arg(long)]
    software: Software,
    /// The resolvers of this cluster alone [default: all clusters this process probes]
    #[arg(long, value_name = "NAME")]
    cluster: Option<String>,
    /// The resolver of this name alone [default: all that have a tracer]
    #[arg(long, value_name = "NAME")]
    resolver: Option<String>,
    /// The folder on the resolver where its zone file will lie [default: as usual for the software]
    #[arg(long, value_name = "FOLDER")]
    zone_folder: Option<String>,
    /// Write files to DIR/CLUSTER/RESOLVER/ instead of printing them
    #[arg(long, value_name = "DIR")]
    output: Option<PathBuf>,
}

pub(super) fn run(args: &Args, global: &Global) -> Result<Ending, UsageError> {
    let estate = global.load()?.estate;
    let chosen = choose(&estate, args)?;
    let mut text = String::new();
    for (cluster, resolver, tracer) in chosen {
        for file in files(args.software, cluster, resolver, tracer, args.zone_folder.as_deref()) {
            if let Some(directory) = &args.output {
                let path = write(directory, cluster, resolver, file.name, &file.text)?;
                writeln!(text, "{}", path.display()).map_err(UsageError::of)?;
            } else {
                let Cluster { name, .. } = &**cluster;
                writeln!(text, "==> {name}/{}/{} <==\n{}", resolver.name, file.name, file.text)
                    .map_err(UsageError::of)?;
            }
        }
    }
    print(&text)
}

type Chosen<'a> = (&'a Arc<Cluster>, &'a Arc<Resolver>, &'a DomainName);

/// The resolvers that are meant, each with its tracer zone.
fn choose<'a>(estate: &'a Estate, args: &Args) -> Result<Vec<Chosen<'a>>, UsageError> {
    let of_cluster = |cluster: &&Arc<Cluster>| args.cluster.as_ref().is_none_or(|name| cluster.name.as_str() == name);
    let clusters: Vec<_> = estate.clusters.iter().filter(of_cluster).collect();
    if clusters.is_empty() {
        let known = list(estate.clusters.iter().map(|cluster| cluster.name.as_str()));
        let unknown = args.cluster.as_deref().unwrap_or_default();
        let message = format!("no cluster {unknown} among those that this process probes: {known}");
        return Err(UsageError(message + "; --datacenter chooses others"));
    }
    let all =
        clusters.into_iter().flat_map(|cluster| cluster.resolvers.iter().map(move |resolver| (cluster, resolver)));
    let all: Vec<_> = all.collect();
    let named = |resolver: &Resolver| args.resolver.as_ref().is_none_or(|name| resolver.name.as_str() == name);
    if !all.iter().any(|(_, resolver)| named(resolver)) {
        let known = list(all.iter().map(|(_, resolver)| resolver.name.as_str()));
        return Err(UsageError(format!(
            "no resolver {}: there are {known}",
            args.resolver.as_deref().unwrap_or_default()
        )));
    }
    let with_tracer = |(cluster, resolver): (&'a Arc<Cluster>, &'a Arc<Resolver>)| {
        Some((cluster, resolver, resolver.tracer.as_ref().filter(|_| named(resolver))?))
    };
    let chosen: Vec<_> = all.into_iter().filter_map(with_tracer).collect();
    if chosen.is_empty() {
        let message = "none of the resolvers has a tracer: that takes path.canary_zone, or a `tracer` of its own";
        return Err(UsageError(message.to_owned()));
    }
    Ok(chosen)
}

fn list<'a>(names: impl Iterator<Item = &'a str>) -> String {
    names.collect::<Vec<_>>().join(", ")
}

fn write(
    directory: &Path,
    cluster: &Cluster,
    resolver: &Resolver,
    name: &str,
    text: &str,
) -> Result<PathBuf, UsageError> {
    let folder = directory.join(cluster.name.as_str()).join(resolver.name.as_str());
    let path = folder.join(name);
    let written = fs::create_dir_all(&folder).and_then(|()| fs::write(&path, text));
    written.map_err(|error| UsageError(format!("cannot write {}: {error}", path.display())))?;
    Ok(path)
}
