//! `fathom lab`: the embedded estate alone.

use std::fmt::Write;

use super::signals::Signals;
use super::{Ending, Global, UsageError, print};
use crate::config::{self, Overrides};
use crate::estate::Estate;
use crate::lab::{Fault, Incident, Lab, Node, Software, Stage};

/// The estate that is played where no configuration file is found.
const EMBEDDED: &str = include_str!("../../probes.toml");

/// What is played.
#[derive(Debug, clap::Args)]
#[command(after_help = "See --list-stages and --list-faults for what can happen.")]
pub(super) struct Args {
    /// Begin in this stage of the incident: 0 to 4, 4b or 4c
    #[arg(long, default_value = "0", value_parser = stage)]
    stage: Stage,
    /// The cluster that it happens to [default: the first one]
    #[arg(long, value_name = "NAME")]
    cluster: Option<String>,
    /// What the resolvers behave like: bind, bind-validating, unbound, pdns, knot or dnsmasq
    #[arg(long, default_value = "bind", value_parser = software)]
    software: Software,
    /// Make something go wrong with a resolver, such as ns1=servfail or ns2=loss=30; can be given again
    #[arg(long = "fault", value_name = "RESOLVER=FAULT", value_parser = fault)]
    faults: Vec<(String, Fault)>,
    /// Print the stages of the incident, and end
    #[arg(long)]
    list_stages: bool,
    /// Print everything that can be made to go wrong, and end
    #[arg(long)]
    list_faults: bool,
}

fn stage(word: &str) -> Result<Stage, String> {
    Stage::parse(word).ok_or_else(|| format!("allowed: {}", Stage::ALL.map(Stage::as_str).join(", ")))
}

fn software(word: &str) -> Result<Software, String> {
    Software::parse(word).ok_or_else(|| format!("allowed: {}", Software::ALL.map(Software::as_str).join(", ")))
}

fn fault(text: &str) -> Result<(String, Fault), String> {
    let (resolver, fault) = text.split_once('=').ok_or("allowed: RESOLVER=FAULT, such as ns1=servfail")?;
    let fault = fault.parse().map_err(|error: crate::lab::NoFault| error.to_string())?;
    Ok((resolver.to_owned(), fault))
}

pub(super) fn run(args: &Args, global: &Global) -> Result<Ending, UsageError> {
    if args.list_stages {
        return print(&table(&Stage::ALL.map(|stage| (stage.as_str().to_owned(), stage.help()))));
    }
    if args.list_faults {
        return print(&table(&Fault::ALL.map(|fault| (fault.to_string(), fault.help()))));
    }
    let estate = estate(global)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(play(args, &estate))
}

/// The configuration's estate, every datacenter of it; the embedded one where there is no file and none was asked for.
fn estate(global: &Global) -> Result<Estate, UsageError> {
    let mut file = global.config_file();
    file.overrides.all_clusters = true;
    if global.config.is_none() && !file.path.exists() {
        let overrides = Overrides { all_clusters: true, ..Overrides::default() };
        return Ok(config::parse(EMBEDDED, "the embedded probes.toml", &overrides)?.estate);
    }
    Ok(file.load()?.estate)
}

async fn play(args: &Args, estate: &Estate) -> Result<Ending, UsageError> {
    let mut stop = Signals::stop()?;
    let lab = Lab::from_estate(estate, args.software).await.map_err(UsageError::of)?;
    for (resolver, fault) in &args.faults {
        let node = lab.node(resolver).ok_or_else(|| unknown_resolver(&lab, resolver))?;
        node.inject(*fault).await;
    }
    if args.stage != Stage::Healthy {
        let cluster = args.cluster.clone().unwrap_or_else(|| estate.clusters[0].name.to_string());
        let incident = Incident::of(&lab, &cluster).ok_or_else(|| {
            let clusters = estate.clusters.iter().map(|cluster| cluster.name.as_str()).collect::<Vec<_>>().join(", ");
            UsageError(format!(
                "--cluster {cluster}: allowed is one with two recursive resolvers or more of: {clusters}"
            ))
        })?;
        incident.enter(args.stage);
    }
    print(&welcome(args, &lab))?;
    stop.next().await;
    Ok(Ending::Passed)
}

fn unknown_resolver(lab: &Lab, resolver: &str) -> UsageError {
    let known: Vec<&str> = lab.nodes().iter().map(Node::name).collect();
    UsageError(format!("--fault {resolver}: there is no such resolver; allowed: {}", known.join(", ")))
}

fn welcome(args: &Args, lab: &Lab) -> String {
    let mut out = String::new();
    for node in lab.nodes() {
        let forwarders: Vec<String> = node.forwarders().iter().map(ToString::to_string).collect();
        let way =
            if forwarders.is_empty() { "its own way out".to_owned() } else { format!("> {}", forwarders.join(", ")) };
        let (cluster, name, address) = (node.cluster(), node.name(), node.address());
        let _ = writeln!(out, "{cluster:<16} {name:<8} {address:<22} {:<16} {way}", node.software());
    }
    let first = lab.nodes()[0].address();
    let _ = writeln!(out, "\nStage {}: {}", args.stage.as_str(), args.stage.help());
    for (resolver, fault) in &args.faults {
        let _ = writeln!(out, "{resolver}: {}", fault.help());
    }
    let _ = writeln!(
        out,
        "Ask: dig @{} -p {} www.example.com   Watch: fathom run   Stop: Ctrl-C",
        first.ip(),
        first.port()
    );
    out
}

fn table<const N: usize>(rows: &[(String, &str); N]) -> String {
    let mut out = String::new();
    for (word, help) in rows {
        let _ = writeln!(out, "{word:<20} {help}");
    }
    out
}
