//! `fathom gate`: may this step of a rolling rebuild go ahead?

use std::time::Duration;

use serde::Serialize;

use super::survey::{self, Source};
use super::{Ending, Global, UsageError, print};
use crate::gate::{Refusal, Step, grounds};
use crate::report::json::ClusterPaths;
use crate::survey::{Answer, Asked};

/// What is asked.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The cluster
    #[arg(long, value_name = "CLUSTER")]
    cluster: String,
    /// This resolver is about to be rebuilt: may it?
    #[arg(long, value_name = "RESOLVER", conflicts_with = "rebuilt")]
    rebuild: Option<String>,
    /// This resolver was rebuilt: is it back, as an exit of its own? Without either, all of the cluster has to be well
    #[arg(long, value_name = "RESOLVER")]
    rebuilt: Option<String>,
    /// Keep looking for this long while the answer is no, such as 5m
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration, default_value = "0s")]
    wait: Duration,
    /// As JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    from: Source,
}

pub(super) fn run(global: &Global, args: &Args) -> Result<Ending, UsageError> {
    let asked = Asked { cluster: args.cluster.clone(), rebuild: args.rebuild.clone(), rebuilt: args.rebuilt.clone() };
    let wait = args.wait;
    let answer =
        survey::with(global, args.from, Some(&args.cluster), async move |survey| survey.gate(&asked, wait).await)?;
    print(&if args.json { json(&answer) } else { text(&answer) })?;
    Ok(if answer.decision.passes() { Ending::Passed } else { Ending::Refused })
}

/// One line with the weightiest reason; others below it.
fn text(answer: &Answer) -> String {
    let Answer { decision, step, cluster } = answer;
    let mut reasons = decision.refusals.iter();
    let Some(first) = reasons.next() else { return format!("passed: {}\n", grounds(cluster, *step)) };
    reasons.fold(format!("refused: {first}\n"), |text, also| text + &format!("   also: {also}\n"))
}

#[derive(Serialize)]
struct Json<'a> {
    passed: bool,
    /// Why, in a line.
    reason: String,
    cluster: &'a str,
    step: &'static str,
    resolver: Option<&'a str>,
    refusals: Vec<JsonRefusal<'a>>,
    paths: &'a ClusterPaths,
}

#[derive(Serialize)]
struct JsonRefusal<'a> {
    #[serde(flatten)]
    refusal: &'a Refusal,
    text: String,
}

fn json(answer: &Answer) -> String {
    let Answer { decision, step, cluster } = answer;
    let name = |place: usize| Some(cluster.resolvers[place].resolver.as_str());
    let (step, resolver) = match *step {
        Step::Rebuild(place) => ("rebuild", name(place)),
        Step::Rebuilt(place) => ("rebuilt", name(place)),
        Step::Done => ("done", None),
    };
    let refusals = decision.refusals.iter();
    let json = Json {
        passed: decision.passes(),
        reason: decision.refusals.first().map_or_else(|| grounds(cluster, answer.step), ToString::to_string),
        cluster: &cluster.cluster,
        step,
        resolver,
        refusals: refusals.map(|refusal| JsonRefusal { refusal, text: refusal.to_string() }).collect(),
        paths: cluster,
    };
    serde_json::to_string_pretty(&json).expect("plain data") + "\n"
}
