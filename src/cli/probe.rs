//! `fathom probe`: ask once, and explain.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::sleep;

use super::explain::{self, Finding};
use super::{Ending, Global, UsageError, print};
use crate::estate::{Estate, Label};
use crate::exchange::Contact;
use crate::outcome::Outcome;
use crate::plan::{Purpose, Target, targets};
use crate::probe::ask;
use crate::ttl_watch::TtlWatch;
use crate::verdict::Verdict;

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
    /// As JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(global: &Global, args: &Args) -> Result<Ending, UsageError> {
    let estate = global.load()?.estate;
    let selected = select(&estate, args)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let findings = runtime.block_on(ask_all(&estate, selected));
    print(&if args.json { explain::json(&findings) } else { explain::text(&findings) })?;
    let all_ok = findings.iter().all(|finding| finding.seen.outcome == Outcome::Ok);
    Ok(if all_ok { Ending::Passed } else { Ending::Refused })
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

/// Asks every target once, all resolvers at the same time, and each within its packet budget.
async fn ask_all(estate: &Estate, targets: Vec<Arc<Target>>) -> Vec<Finding> {
    let mut next_start: BTreeMap<(Label, Label), (Arc<Contact>, Duration)> = BTreeMap::new();
    let mut asking = JoinSet::new();
    for (place, target) in targets.into_iter().enumerate() {
        let resolver = &target.resolver;
        let (contact, start) =
            next_start.entry((target.cluster.name.clone(), resolver.name.clone())).or_insert_with(|| {
                (Arc::new(Contact::new(resolver, estate.prober.source_for(resolver.address))), Duration::ZERO)
            });
        let (contact, wait) = (Arc::clone(contact), *start);
        *start += Duration::from_secs(1) / resolver.packets_per_second;
        asking.spawn(async move {
            sleep(wait).await;
            contact.budget().take_in_advance();
            let (seen, late) = ask(&target, &contact, &mut TtlWatch::default(), || Verdict::Unknown).await;
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
