//! The state of the estate in plain words: is it DNS, where, since when, why, what next. Pure.

mod next;

use std::time::SystemTime;

use serde::Serialize;
use utoipa::ToSchema;

use super::ClusterStatus;
use crate::board::{Snapshot, TargetState};
use crate::outcome::Outcome;
use crate::plan::{Purpose, Target};
use crate::report::json::ResolverPaths;
use crate::rfc3339;
use crate::verdict::ClusterState;
use crate::web::time::{age, clock};
use next::next;

/// The answer to the first question.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::web) enum IsItDns {
    /// Nothing was seen yet, or the prober cannot see.
    Unknown,
    /// Everything that was asked is answered as it should be.
    No,
    /// Everything is answered, and will not be after one more mistake or a few.
    AtRisk,
    /// Names fail.
    Yes,
}

/// What somebody needs to know first.
#[derive(Debug, PartialEq, Serialize, ToSchema)]
pub(in crate::web) struct Summary {
    pub(in crate::web) is_it_dns: IsItDns,
    /// What, where, and since when.
    pub(in crate::web) sentence: String,
    /// Which cluster it speaks of.
    pub(in crate::web) cluster: Option<String>,
    #[serde(with = "rfc3339::option")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub(in crate::web) since: Option<SystemTime>,
    pub(in crate::web) why: Option<String>,
    pub(in crate::web) next: Option<String>,
    /// The runbook that goes into detail, under `/runbooks/`.
    pub(in crate::web) runbook: Option<&'static str>,
}

/// One cluster, with what its names last saw.
struct Scene<'a> {
    cluster: &'a ClusterStatus<'a>,
    /// The targets that failed, by the last probe; the prober's own faults are held against nobody.
    failing: Vec<(&'a Target, &'a TargetState)>,
    /// All that were probed.
    seen: Vec<&'a Target>,
}

/// The whole estate. The gravest cluster is spoken of, and others that are not well are counted.
pub(super) fn summary(snapshot: &Snapshot, clusters: &[ClusterStatus<'_>], now: SystemTime) -> Summary {
    let scenes: Vec<Scene<'_>> = clusters.iter().map(|cluster| Scene::of(snapshot, cluster)).collect();
    // The first of equals.
    let Some(gravest) = scenes.iter().rev().max_by_key(|scene| scene.gravity()) else { return nothing() };
    let others = scenes.iter().filter(|scene| scene.gravity() >= LATENT).count().saturating_sub(1);
    let mut summary = match gravest.gravity() {
        WELL => well(&scenes),
        UNKNOWN => nothing(),
        LATENT | FRAGILE => gravest.at_risk(now),
        BLIND => gravest.blind(now),
        _ => gravest.failing(now),
    };
    let also = match others {
        0 => return summary,
        1 => " Another cluster is not well either.".to_owned(),
        more => format!(" {more} other clusters are not well either."),
    };
    summary.sentence.push_str(&also);
    summary
}

/// How grave the state of a cluster is.
type Gravity = u8;
const WELL: Gravity = 0;
const UNKNOWN: Gravity = 1;
const LATENT: Gravity = 2;
const FRAGILE: Gravity = 3;
const BLIND: Gravity = 4;
const NAMES_FAIL: Gravity = 5;
const PARTIAL: Gravity = 6;
const CRITICAL: Gravity = 7;
const OUTAGE: Gravity = 8;

impl<'a> Scene<'a> {
    fn of(snapshot: &'a Snapshot, cluster: &'a ClusterStatus<'a>) -> Self {
        let own =
            |target: &Target| target.purpose == Purpose::Name && target.cluster.name.as_str() == cluster.paths.cluster;
        let probed = || {
            let targets = snapshot.targets.iter().filter(|(target, _)| own(target));
            targets.filter_map(|(target, state)| Some((&**target, state, state.last?.outcome)))
        };
        let failing = probed().filter(|(_, _, outcome)| !matches!(outcome, Outcome::Ok | Outcome::InternalError));
        Self {
            cluster,
            failing: failing.map(|(target, state, _)| (target, state)).collect(),
            seen: probed().map(|(target, ..)| target).collect(),
        }
    }

    fn gravity(&self) -> Gravity {
        let fails = !self.failing.is_empty();
        match self.cluster.paths.state {
            ClusterState::Outage => OUTAGE,
            ClusterState::Critical => CRITICAL,
            ClusterState::Partial => PARTIAL,
            ClusterState::Blind => BLIND,
            ClusterState::Fragile | ClusterState::Latent | ClusterState::Unknown | ClusterState::Healthy if fails => {
                NAMES_FAIL
            }
            ClusterState::Fragile => FRAGILE,
            ClusterState::Latent => LATENT,
            // Without tracing, answers are all there is to go by.
            ClusterState::Unknown if self.seen.is_empty() || self.cluster.paths.traced_at.is_some() => UNKNOWN,
            ClusterState::Unknown | ClusterState::Healthy => WELL,
        }
    }

    fn failing(&self, now: SystemTime) -> Summary {
        let paths = &self.cluster.paths;
        let judged = self.gravity() > NAMES_FAIL;
        let since = began(self.failing.iter().filter_map(|(_, state)| state.failing_since)).unwrap_or(paths.since);
        let what = if self.failing.is_empty() {
            format!("only names that are in a cache resolve in {}", paths.cluster)
        } else {
            format!("{} at {} of {}", self.what(), self.who(), paths.cluster)
        };
        let why = judged.then(|| paths.sentence.clone());
        let (next, runbook) = next(paths, self.worst());
        Summary {
            is_it_dns: IsItDns::Yes,
            sentence: format!("Yes, it is DNS: {what} since {}.", moment(since, now)),
            why: Some(why.unwrap_or_else(|| self.outcomes())),
            next: Some(if judged {
                next
            } else {
                "Look at the names: is it the record, or who answers it?".to_owned()
            }),
            runbook: if judged { runbook } else { Some("DNSClassFailing") },
            ..self.about(since)
        }
    }

    fn at_risk(&self, now: SystemTime) -> Summary {
        let paths = &self.cluster.paths;
        let exits = paths.independent_exits.unwrap_or(0);
        let left = if exits == 1 {
            "is 1 independent way out".to_owned()
        } else {
            format!("are {exits} independent ways out")
        };
        let (next, runbook) = next(paths, self.worst());
        Summary {
            is_it_dns: IsItDns::AtRisk,
            sentence: format!(
                "DNS answers, but is at risk: there {left} of {} left since {}, for {} resolvers.",
                paths.cluster,
                moment(paths.since, now),
                paths.resolvers.len()
            ),
            why: Some(paths.sentence.clone()),
            next: Some(next),
            runbook,
            ..self.about(paths.since)
        }
    }

    fn blind(&self, now: SystemTime) -> Summary {
        let paths = &self.cluster.paths;
        let (next, runbook) = next(paths, self.worst());
        Summary {
            is_it_dns: IsItDns::Unknown,
            sentence: format!(
                "Whether it is DNS is not known: Fathom cannot see {} since {}.",
                paths.cluster,
                moment(paths.since, now)
            ),
            why: Some(paths.sentence.clone()),
            next: Some(next),
            runbook,
            ..self.about(paths.since)
        }
    }

    fn about(&self, since: SystemTime) -> Summary {
        Summary { cluster: Some(self.cluster.paths.cluster.clone()), since: Some(since), ..nothing() }
    }

    fn worst(&self) -> Option<&ResolverPaths> {
        self.cluster.paths.resolvers.iter().rev().max_by_key(|resolver| resolver.verdict.gravity(resolver.confidence))
    }

    /// "names from outside (database and mpic) fail".
    fn what(&self) -> String {
        let outside = self.failing.iter().all(|(target, _)| target.needs_recursion);
        let inside = self.failing.iter().all(|(target, _)| !target.needs_recursion);
        let who: Vec<&str> = self.failing.iter().map(|(target, _)| target.resolver.name.as_str()).collect();
        let like = |target: &&&Target| {
            who.contains(&target.resolver.name.as_str())
                && (!outside || target.needs_recursion)
                && (!inside || !target.needs_recursion)
        };
        let some = if self.failing.len() < self.seen.iter().filter(like).count() { "some " } else { "" };
        let kind = if outside {
            "names from outside"
        } else if inside {
            "names of its own zones"
        } else {
            "names"
        };
        let mut classes: Vec<String> = Vec::new();
        for class in &self.cluster.classes {
            if self.failing.iter().any(|(target, _)| target.name.class.as_str() == *class) {
                classes.push((*class).to_owned());
            }
        }
        format!("{some}{kind} ({}) fail", listed(classes))
    }

    /// "all 4 resolvers", "2 of 4 resolvers (ns1 and ns2)".
    fn who(&self) -> String {
        let fails = |resolver: &&ResolverPaths| {
            self.failing.iter().any(|(target, _)| target.resolver.name.as_str() == resolver.resolver)
        };
        let all = &self.cluster.paths.resolvers;
        let failing: Vec<String> = all.iter().filter(fails).map(|resolver| resolver.resolver.clone()).collect();
        match failing.len() {
            1 if all.len() == 1 => "the one resolver".to_owned(),
            some if some == all.len() => format!("all {some} resolvers"),
            some if some <= 4 => format!("{some} of {} resolvers ({})", all.len(), listed(failing)),
            some => format!("{some} of {} resolvers", all.len()),
        }
    }

    /// What the names saw, where no verdict says why.
    fn outcomes(&self) -> String {
        let count = |outcome: Outcome| {
            self.failing.iter().filter(|(_, state)| state.last.is_some_and(|last| last.outcome == outcome)).count()
        };
        let counted = Outcome::ALL.into_iter().map(|outcome| (count(outcome), outcome)).filter(|(count, _)| *count > 0);
        let words = listed(counted.map(|(count, outcome)| format!("{count} {outcome}")).collect());
        let (failed, seen) = (self.failing.len(), self.seen.len());
        format!("No verdict says why yet. The last probes of {failed} of {seen} targets failed: {words}.")
    }
}

/// Since when a quarter of what fails now has been failing: one name that has failed for weeks is not the outage, and a
/// repair that has begun does not make it a new one.
fn began(failing_since: impl Iterator<Item = SystemTime>) -> Option<SystemTime> {
    let mut since: Vec<SystemTime> = failing_since.collect();
    since.sort_unstable();
    since.get(since.len().saturating_sub(1) / 4).copied()
}

fn well(scenes: &[Scene<'_>]) -> Summary {
    let targets: usize = scenes.iter().map(|scene| scene.seen.len()).sum();
    let resolvers: usize = scenes.iter().map(|scene| scene.cluster.paths.resolvers.len()).sum();
    let names =
        |count: usize, one: &str| if count == 1 { format!("the one {one}") } else { format!("all {count} {one}s") };
    let since = scenes
        .iter()
        .filter(|scene| scene.cluster.paths.traced_at.is_some())
        .map(|scene| scene.cluster.paths.since)
        .max();
    Summary {
        is_it_dns: IsItDns::No,
        sentence: format!(
            "No sign that it is DNS: {} at {} answer as expected.",
            names(targets, "target"),
            names(resolvers, "resolver")
        ),
        since,
        ..nothing()
    }
}

fn nothing() -> Summary {
    Summary {
        is_it_dns: IsItDns::Unknown,
        sentence: "Whether it is DNS is not known yet: too little was asked so far.".to_owned(),
        cluster: None,
        since: None,
        why: None,
        next: None,
        runbook: None,
    }
}

/// "12:03:07 UTC (5 min ago)", with its day when that is not today.
fn moment(at: SystemTime, now: SystemTime) -> String {
    format!("{} UTC ({} ago)", clock(at, now), age(at, now))
}

/// "a", "a and b", "a, b and c".
fn listed(mut words: Vec<String>) -> String {
    let Some(last) = words.pop() else { return String::new() };
    if words.is_empty() { last } else { format!("{} and {last}", words.join(", ")) }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;

    #[test]
    fn it_began_when_a_quarter_of_it_began() {
        let began = |minutes: &[u64]| {
            let since = began(minutes.iter().map(|minute| UNIX_EPOCH + Duration::from_secs(60 * minute)));
            since.map(|at| at.duration_since(UNIX_EPOCH).unwrap().as_secs() / 60)
        };
        assert_eq!(began(&[]), None);
        assert_eq!(began(&[7]), Some(7));
        assert_eq!(began(&[9, 7]), Some(7));
        assert_eq!(began(&[501, 500, 502, 1, 503, 504]), Some(500), "one that has failed for long is another matter");
    }
}
