//! `fathom probe`: ask once, and explain what came and what is wrong with who was asked.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::sleep;

use super::explain::{self, Finding};
use super::verdicts::Judged;
use super::{Ending, Global, UsageError, print};
use crate::canary::Keys;
use crate::estate::{Estate, Label};
use crate::exchange::Contact;
use crate::outcome::Outcome;
use crate::plan::{Purpose, Target, targets};
use crate::probe::ask;
use crate::report::ClusterReport;
use crate::survey::Own;
use crate::ttl_watch::TtlWatch;
use crate::verdict::Verdict;

/// The longest that a verdict is waited for. A failure without a proven cause has to be seen in two rounds, and a round
/// waits 5 s for those who are silent.
const VERDICT_PATIENCE: Duration = Duration::from_secs(15);

/// What to ask.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Only this resolver: NAME, or CLUSTER/NAME
    #[arg(long, value_name = "RESOLVER")]
    resolver: Option<String>,
    /// Only names of this class
    #[arg(long, value_name = "CLASS", conflicts_with = "name")]
    class: Option<String>,
    /// Only the name with this id
    #[arg(long, value_name = "ID")]
    name: Option<String>,
    /// Do not trace where resolvers forward to: no verdicts, but fewer questions and a quicker end
    #[arg(long)]
    no_trace: bool,
    /// As JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(global: &Global, args: &Args) -> Result<Ending, UsageError> {
    let estate = global.load()?.estate;
    let selected = select(&estate, args)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let (findings, judged) = runtime.block_on(ask_and_trace(estate, selected, !args.no_trace));
    print(&if args.json { explain::json(&findings, &judged) } else { explain::text(&findings, &judged) })?;
    let all_ok = findings.iter().all(|finding| finding.seen.outcome == Outcome::Ok);
    let none_fails = judged.iter().all(|judged| !judged.verdict().is_failing());
    Ok(if all_ok && none_fails { Ending::Passed } else { Ending::Refused })
}

/// Asks every target once and, meanwhile, looks at the clusters of those who are asked.
async fn ask_and_trace(mut estate: Estate, targets: Vec<Arc<Target>>, trace: bool) -> (Vec<Finding>, Vec<Judged>) {
    estate.clusters.retain(|cluster| targets.iter().any(|target| target.cluster.name == cluster.name));
    if !trace {
        return (ask_all(&estate, targets, None).await, Vec::new());
    }
    let mut resolvers: Vec<(Label, Label)> =
        targets.iter().map(|target| (target.cluster.name.clone(), target.resolver.name.clone())).collect();
    resolvers.dedup();
    // Without the keys of its beacon less can be seen, not nothing.
    let keys = Keys::of(&estate).unwrap_or_else(|error| {
        tracing::warn!("{error}; names of the canary zone are left out.");
        None
    });
    let look = Arc::new(Own::start(estate.clone(), keys).await);
    let judge = |reports: &[Arc<ClusterReport>]| -> Vec<Judged> {
        let find = |(cluster, resolver): &(Label, Label)| Judged::find(reports, cluster.as_str(), resolver.as_str());
        resolvers.iter().filter_map(find).collect()
    };
    let enough = |reports: &[Arc<ClusterReport>]| {
        let judged = judge(reports);
        judged.len() == resolvers.len() && judged.iter().all(Judged::is_known)
    };
    let (findings, ()) = tokio::join!(ask_all(&estate, targets, Some(&look)), look.until(enough, VERDICT_PATIENCE));
    // Late answers are listened for longer than most verdicts take, and by then more is known.
    (findings, judge(&look.reports()))
}

/// The targets that were asked for; words that fit nothing are mistakes, and the message says which words there are.
fn select(estate: &Estate, args: &Args) -> Result<Vec<Arc<Target>>, UsageError> {
    let mut targets = targets(estate);
    targets.retain(|target| target.purpose == Purpose::Name);
    let full_name = |target: &Target| format!("{}/{}", target.cluster.name, target.resolver.name);
    narrow(&mut targets, "resolver", args.resolver.as_deref(), |target, wanted| {
        let named = target.resolver.name.as_str() == wanted || full_name(target) == wanted;
        (named, full_name(target))
    })?;
    let label = |label: &Label, wanted: &str| (label.as_str() == wanted, label.to_string());
    narrow(&mut targets, "class", args.class.as_deref(), |target, wanted| label(&target.name.class, wanted))?;
    narrow(&mut targets, "name", args.name.as_deref(), |target, wanted| label(&target.name.id, wanted))?;
    Ok(targets)
}

fn narrow(
    targets: &mut Vec<Arc<Target>>,
    what: &str,
    wanted: Option<&str>,
    fits: impl Fn(&Target, &str) -> (bool, String),
) -> Result<(), UsageError> {
    let Some(wanted) = wanted else { return Ok(()) };
    let mut there_are: Vec<String> = Vec::new();
    targets.retain(|target| {
        let (fits, word) = fits(target, wanted);
        if there_are.last() != Some(&word) {
            there_are.push(word);
        }
        fits
    });
    if targets.is_empty() {
        there_are.sort_unstable();
        there_are.dedup();
        return Err(UsageError(format!("nothing is asked with {what} {wanted}; there are: {}", there_are.join(", "))));
    }
    Ok(())
}

/// Asks every target once, all resolvers at the same time, and each within its packet budget. What comes is evidence for
/// the look.
async fn ask_all(estate: &Estate, targets: Vec<Arc<Target>>, look: Option<&Arc<Own>>) -> Vec<Finding> {
    let mut next_start: BTreeMap<(Label, Label), (Arc<Contact>, Duration)> = BTreeMap::new();
    let mut asking = JoinSet::new();
    for (place, target) in targets.into_iter().enumerate() {
        let resolver = &target.resolver;
        let (contact, start) =
            next_start.entry((target.cluster.name.clone(), resolver.name.clone())).or_insert_with(|| {
                let shared = look.and_then(|look| look.fleet().contact(&target.cluster.name, &resolver.name));
                let alone = || Arc::new(Contact::new(resolver, estate.prober.source_for(resolver.address)));
                (shared.unwrap_or_else(alone), Duration::ZERO)
            });
        let (contact, wait, look) = (Arc::clone(contact), *start, look.cloned());
        *start += Duration::from_secs(1) / resolver.packets_per_second;
        asking.spawn(async move {
            sleep(wait).await;
            contact.budget().take_in_advance();
            let (seen, late) = ask(&target, &contact, &mut TtlWatch::default(), || Verdict::Unknown).await;
            if let Some(look) = look {
                look.note(&seen);
            }
            let late = match late {
                Some(late) => late.listen().await,
                None => None,
            };
            (place, Finding { seen, late })
        });
    }
    let mut findings = asking.join_all().await;
    findings.sort_unstable_by_key(|(place, _)| *place);
    findings.into_iter().map(|(_, finding)| finding).collect()
}
