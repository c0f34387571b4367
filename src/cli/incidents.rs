//! `fathom incidents` and `fathom incident`: what happened, from the journal of a prober that runs or has died.

use std::net::SocketAddr;
use std::time::Duration;

use humantime::{format_duration, format_rfc3339_seconds};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Ending, Global, UsageError, print};
use crate::fetch::{Bounds, get};
use crate::journal::archive::Archive;
use crate::journal::is_unprintable;
use crate::journal::json::{Incidents, OneIncident, ToldIncident};
use crate::survey::address_of;

/// How long a prober may take to answer, and how long the answer may be.
const BOUNDS: Bounds = Bounds { time: Duration::from_secs(10), body: 64 << 20 };

/// Whose journal is read.
#[derive(Debug, Clone, Copy, clap::Args)]
struct Source {
    /// Ask a running prober instead of reading the journal in `prober.state_dir`
    #[arg(long, value_name = "http://IP:PORT", value_parser = address_of)]
    from: Option<SocketAddr>,
}

/// Which incidents.
#[derive(Debug, clap::Args)]
pub(super) struct ListArgs {
    /// The most incidents that are shown, newest first
    #[arg(long, value_name = "N", default_value = "50", value_parser = clap::value_parser!(u16).range(1..=1000))]
    limit: u16,
    /// As JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    source: Source,
}

/// Which incident, and how.
#[derive(Debug, clap::Args)]
pub(super) struct OneArgs {
    /// Its number, as `fathom incidents` shows it
    id: i64,
    /// As Markdown, for a post-mortem or a status update
    #[arg(long)]
    markdown: bool,
    /// As JSON
    #[arg(long, conflicts_with = "markdown")]
    json: bool,
    #[command(flatten)]
    source: Source,
}

pub(super) fn list(global: &Global, args: &ListArgs) -> Result<Ending, UsageError> {
    let limit = usize::from(args.limit);
    let incidents = match args.source.from {
        Some(address) => ask(address, &format!("/api/v1/incidents?limit={limit}"))?
            .ok_or_else(|| UsageError(format!("http://{address} keeps no journal; is it a Fathom prober?")))?,
        None => archive(global)?.incidents(limit).map_err(UsageError::of)?,
    };
    print(&if args.json { json(&incidents) } else { table(&incidents) })
}

pub(super) fn one(global: &Global, args: &OneArgs) -> Result<Ending, UsageError> {
    let id = args.id;
    let found: Option<OneIncident> = match args.source.from {
        Some(address) => ask(address, &format!("/api/v1/incidents/{id}"))?,
        None => archive(global)?.incident(id).map_err(UsageError::of)?,
    };
    let found = found.ok_or_else(|| UsageError(format!("there is no incident {id}; `fathom incidents` lists them")))?;
    print(&if args.json {
        json(&found)
    } else if args.markdown {
        found.to_markdown()
    } else {
        text(&found)
    })
}

/// The journal of the prober with this configuration.
fn archive(global: &Global) -> Result<Archive, UsageError> {
    let Some(state_dir) = global.load()?.estate.prober.state_dir else {
        return Err(UsageError(
            "prober.state_dir is not given, so the journal is in the memory of the running prober; ask it with \
             --from http://IP:PORT"
                .to_owned(),
        ));
    };
    Archive::open(&state_dir).map_err(UsageError::of)
}

/// What a prober answers; nothing where it knows no such thing.
fn ask<T: DeserializeOwned>(address: SocketAddr, path: &str) -> Result<Option<T>, UsageError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let fetched = runtime.block_on(get(address, path, None, BOUNDS));
    let fetched = fetched.map_err(|error| UsageError(format!("the prober cannot be asked: {error}")))?;
    match fetched.status.as_u16() {
        200 => serde_json::from_slice(&fetched.body).map(Some).map_err(|error| {
            UsageError(format!("http://{address}{path}: what came is not from this version of Fathom: {error}"))
        }),
        404 => Ok(None),
        status => Err(UsageError(format!("http://{address}{path} answers with status {status}"))),
    }
}

fn json<T: Serialize>(value: &T) -> String {
    serde_json::to_string_pretty(value).expect("plain data") + "\n"
}

/// One line an incident, newest first.
fn table(incidents: &Incidents) -> String {
    if incidents.incidents.is_empty() {
        return "No incident is recorded.\n".to_owned();
    }
    let mut text = format!(
        "{:>5}  {:20}  {:>12}  {:20}  {:9}  {:32}  {}\n",
        "id", "started", "lasted", "cluster", "worst", "cause", "classes"
    );
    for told in &incidents.incidents {
        let incident = &told.incident;
        let lasted = format_duration(Duration::from_secs(incident.duration(incidents.now).as_secs())).to_string();
        let lasted = if incident.is_open() { "open".to_owned() } else { lasted.replace(' ', "") };
        let cause = incident.cause.as_ref();
        let cause = cause.map(|cause| format!("{} ({})", cause.verdict.as_str(), cause.confidence.as_str()));
        let classes = incident.impact.iter().map(|class| class.class.as_str()).collect::<Vec<_>>().join(", ");
        let line = format!(
            "{:>5}  {:20}  {lasted:>12}  {:20}  {:9}  {:32}  {classes}",
            incident.id,
            format_rfc3339_seconds(incident.started).to_string(),
            incident.cluster,
            incident.worst.as_str(),
            cause.unwrap_or_else(|| "not known".to_owned()),
        );
        text += &shown(line.trim_end());
        text.push('\n');
    }
    text
}

/// The incident in words, then its timeline.
fn text(found: &OneIncident) -> String {
    let ToldIncident { incident, summary } = &found.incident;
    let lasted = format_duration(Duration::from_secs(incident.duration(found.now).as_secs()));
    let ended = match incident.ended {
        Some(ended) => format!("ended {} after {lasted}", format_rfc3339_seconds(ended)),
        None => format!("goes on since {lasted}"),
    };
    let started = format_rfc3339_seconds(incident.started);
    let mut text = format!("incident {} in {}: started {started}, {ended}\n", incident.id, incident.cluster);
    let mut add = |line: &str| text.extend([shown(line).as_str(), "\n"]);
    add(summary);
    for class in &incident.impact {
        for at in &class.resolvers {
            let line = format!("  {} at {}: {} ({})", class.class, at.resolver, at.outcome, at.names.join(", "));
            add(&line);
        }
    }
    for told in &found.timeline {
        let line = format!("{}  {:24}  {}", format_rfc3339_seconds(told.entry.at), told.entry.place, told.summary);
        add(&line);
    }
    text
}

/// What may be shown on a terminal: what came from the network or from a person cannot move its cursor.
fn shown(text: &str) -> String {
    text.chars().map(|c| if is_unprintable(c) { '\u{fffd}' } else { c }).collect()
}
