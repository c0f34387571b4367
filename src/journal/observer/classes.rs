//! What probes of each class of names see at each resolver, made of what probes of each name see.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::time::Instant;

use super::super::MOST_NAMES;
use super::super::entry::{ClassChange, Event, Place};
use super::super::incident::Ledger;
use super::super::paced::{Paced, Step};
use super::Draft;
use crate::board::TargetCell;
use crate::estate::{Label, Transport};
use crate::outcome::Outcome;
use crate::plan::{Purpose, Target};

/// A packet that is lost once is asked for again within this time, and is no trouble by itself.
const SETTLE: Duration = Duration::from_secs(2);

/// Cluster, resolver, class.
type Key = (Label, Label, Label);

/// Every class at every resolver.
#[derive(Debug)]
pub(super) struct Classes {
    /// What the last probe of each name saw; nothing before the first.
    names: BTreeMap<Key, BTreeMap<(Label, Transport), Option<Outcome>>>,
    shown: Paced<Key, Class>,
    /// The worst that was seen since the last line, of what is over again.
    between: HashMap<Key, (Class, SystemTime)>,
}

/// A class at one moment.
#[derive(Debug, Clone)]
struct Class {
    outcome: Outcome,
    failing: BTreeSet<String>,
    of: u32,
    detail: String,
}

impl PartialEq for Class {
    /// In other words is not another thing.
    fn eq(&self, other: &Self) -> bool {
        self.outcome == other.outcome && self.failing == other.failing
    }
}

impl Default for Classes {
    fn default() -> Self {
        Self { names: BTreeMap::new(), shown: Paced::new(SETTLE), between: HashMap::new() }
    }
}

impl Classes {
    /// Watches these targets and no others. What is known of those that stay stays.
    pub(super) fn adopt(&mut self, cells: &[Arc<TargetCell>]) {
        let mut names: BTreeMap<Key, BTreeMap<(Label, Transport), Option<Outcome>>> = BTreeMap::new();
        for target in cells.iter().map(|cell| cell.target()).filter(|target| target.purpose == Purpose::Name) {
            let (key, name) = (key_of(target), (target.name.id.clone(), target.transport));
            let known = self.names.get(&key).and_then(|names| names.get(&name)).copied().flatten();
            names.entry(key).or_default().insert(name, known);
        }
        self.names = names;
        let kept: HashSet<&Key> = self.names.keys().collect();
        self.shown.retain(|key| kept.contains(key));
        self.between.retain(|key, _| kept.contains(key));
    }

    /// What fails by the open incidents fails still, until it is seen that it does not.
    pub(super) fn recall(&mut self, ledger: &Ledger) {
        for incident in ledger.incidents() {
            for (resolver, classes) in &incident.wrong.classes {
                for (class, outcome) in classes {
                    let labels = (Label::parse(&incident.cluster), Label::parse(resolver), Label::parse(class));
                    let (Some(cluster), Some(resolver), Some(class)) = labels else { continue };
                    let names = incident.impact.iter().filter(|impact| impact.class == class.as_str());
                    let there =
                        names.flat_map(|impact| &impact.resolvers).filter(|at| at.resolver == resolver.as_str());
                    let failing = there.flat_map(|at| at.names.iter().cloned()).collect();
                    let known = Class { outcome: *outcome, failing, of: 0, detail: String::new() };
                    self.shown.begin((cluster, resolver, class), known);
                }
            }
        }
    }

    /// Whether names of this class are asked there.
    pub(super) fn watches(&self, cluster: &str, resolver: &str, class: &str) -> bool {
        let asked = |key: &Key| (key.0.as_str(), key.1.as_str(), key.2.as_str()) == (cluster, resolver, class);
        self.names.keys().any(asked)
    }

    /// A probe of a name saw this.
    pub(super) fn changed(&mut self, target: &Target, to: Outcome, detail: &str, now: Instant, at: SystemTime) {
        let key = key_of(target);
        let Some(names) = self.names.get_mut(&key) else { return };
        let Some(name) = names.get_mut(&(target.name.id.clone(), target.transport)) else { return };
        *name = Some(to);
        let all_seen = names.values().all(Option::is_some);
        let class = Class::of(names, detail);
        if class.outcome == Outcome::Ok && (!all_seen || self.shown.get(&key).is_none()) {
            // That it begins well is no news, and a class is well once all of its names are.
            if all_seen {
                self.shown.begin(key, class);
            }
            return;
        }
        if class.outcome != Outcome::Ok {
            self.between.insert(key.clone(), (class.clone(), at));
        }
        self.shown.set(key, class, now, at);
    }

    /// The lines whose time has come.
    pub(super) fn due(&mut self, now: Instant, all: bool, datacenters: &HashMap<&Label, &Label>) -> Vec<Draft> {
        let steps = self.shown.due(now, all);
        steps.iter().filter_map(|step| self.draft(step, datacenters)).collect()
    }

    fn draft(&mut self, step: &Step<Key, Class>, datacenters: &HashMap<&Label, &Label>) -> Option<Draft> {
        let between = self.between.remove(&step.key).map(|(class, _)| class);
        let (cluster, resolver, class) = &step.key;
        let from = step.from.as_ref();
        // What it went through and left again is all there is to say of it.
        let passed =
            between.filter(|_| step.to.outcome == Outcome::Ok && from.is_none_or(|f| f.outcome == Outcome::Ok));
        let told = passed.as_ref().unwrap_or(&step.to);
        let mut names: BTreeSet<&String> = told.failing.iter().collect();
        names.extend(from.iter().flat_map(|from| &from.failing));
        Some(Draft {
            at: step.at,
            place: Place::resolver(datacenters.get(cluster)?.as_str(), cluster.as_str(), resolver.as_str()),
            changes: step.changes,
            event: Event::Outcome(ClassChange {
                class: class.to_string(),
                from: from.map(|from| from.outcome),
                to: step.to.outcome,
                names: names.into_iter().take(MOST_NAMES).cloned().collect(),
                failing: u32::try_from(step.to.failing.len()).unwrap_or(u32::MAX),
                of: step.to.of,
                detail: told.detail.clone(),
            }),
        })
    }
}

impl Class {
    fn of(names: &BTreeMap<(Label, Transport), Option<Outcome>>, detail: &str) -> Self {
        let several = names.keys().any(|(_, transport)| *transport == Transport::Tcp);
        let word = |name: &Label, transport: Transport| match transport {
            Transport::Udp if several => format!("{name}/udp"),
            Transport::Udp => name.to_string(),
            Transport::Tcp => format!("{name}/tcp"),
        };
        let mut counts = [0_u32; Outcome::ALL.len()];
        let (mut failing, mut of) = (BTreeSet::new(), 0);
        for ((name, transport), outcome) in names {
            let Some(outcome) = outcome else { continue };
            of += 1;
            if *outcome != Outcome::Ok {
                counts[outcome.index()] += 1;
                failing.insert(word(name, *transport));
            }
        }
        // The prober's own fault comes last: any other failure says more.
        let own = std::mem::take(&mut counts[Outcome::InternalError.index()]);
        let worst = Outcome::ALL.into_iter().rev().max_by_key(|outcome| counts[outcome.index()]);
        let outcome = match worst {
            Some(worst) if counts[worst.index()] > 0 => worst,
            Some(_) | None if own > 0 => Outcome::InternalError,
            Some(_) | None => Outcome::Ok,
        };
        Self { outcome, failing, of, detail: detail.to_owned() }
    }
}

fn key_of(target: &Target) -> Key {
    (target.cluster.name.clone(), target.resolver.name.clone(), target.name.class.clone())
}
