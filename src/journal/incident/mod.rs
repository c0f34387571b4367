//! What belongs together: from the first thing that is wrong in a cluster until all is well again is one incident. Pure.
//!
//! An incident that ends and begins again within [`REOPENED_WITHIN`] is the same one. What its cause was taken for may
//! change; the timeline holds every step.

mod ledger;
mod wrong;

use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

pub use ledger::Ledger;
pub use wrong::Wrong;

use super::entry::{ClassChange, ClusterChange, Entry, Event, VerdictChange};
use crate::outcome::Outcome;
use crate::rfc3339;
use crate::verdict::{ClusterState, Confidence, Verdict};

/// Trouble within this time after the end of an incident is that incident again.
pub const REOPENED_WITHIN: Duration = Duration::from_secs(5 * 60);

/// One incident.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Incident {
    /// Its number: later ones are greater.
    pub id: i64,
    /// The datacenter of the cluster.
    pub datacenter: String,
    /// The cluster.
    pub cluster: String,
    /// When the first thing went wrong.
    #[serde(with = "rfc3339")]
    #[schema(value_type = String, format = DateTime)]
    pub started: SystemTime,
    /// Since when all is well again; nothing while it goes on.
    #[serde(with = "rfc3339::option")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub ended: Option<SystemTime>,
    /// How often it seemed to be over.
    pub reopened: u32,
    /// The state of the cluster now.
    pub state: ClusterState,
    /// Its worst state.
    pub worst: ClusterState,
    /// What caused it, as far as is known: the strongest finding, the latest of equals.
    pub cause: Option<Cause>,
    /// Which classes of names failed, and where.
    pub impact: Vec<ClassImpact>,
    /// What is wrong now: empty once it has ended.
    pub wrong: Wrong,
}

/// What an incident is put down to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Cause {
    /// The verdict.
    pub verdict: Verdict,
    /// How sure it is.
    pub confidence: Confidence,
    /// The resolvers that it was found at, sorted.
    pub resolvers: Vec<String>,
    /// When it was found.
    #[serde(with = "rfc3339")]
    #[schema(value_type = String, format = DateTime)]
    pub since: SystemTime,
    /// It in a sentence or two.
    pub sentence: String,
    /// The evidence.
    pub evidence: Vec<String>,
}

/// How an incident shows in one class of names.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ClassImpact {
    /// The class.
    pub class: String,
    /// When its first name failed.
    #[serde(with = "rfc3339")]
    #[schema(value_type = String, format = DateTime)]
    pub since: SystemTime,
    /// Since when none of its names fails any more; nothing while some do.
    #[serde(with = "rfc3339::option")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub until: Option<SystemTime>,
    /// Where, sorted by resolver.
    pub resolvers: Vec<ResolverImpact>,
}

/// How it shows in one class at one resolver.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ResolverImpact {
    /// The resolver.
    pub resolver: String,
    /// The last failure.
    pub outcome: Outcome,
    /// The names that failed, sorted; at most twenty.
    pub names: Vec<String>,
}

impl Incident {
    /// Whether it goes on.
    pub const fn is_open(&self) -> bool {
        self.ended.is_none()
    }

    /// From its start to its end, or to now.
    pub fn duration(&self, now: SystemTime) -> Duration {
        self.ended.unwrap_or(now).duration_since(self.started).unwrap_or_default()
    }

    /// The resolvers that took part, sorted.
    pub fn resolvers(&self) -> Vec<&str> {
        let hit = self.impact.iter().flat_map(|class| class.resolvers.iter().map(|at| at.resolver.as_str()));
        let blamed = self.cause.iter().flat_map(|cause| cause.resolvers.iter().map(String::as_str));
        let mut all: Vec<&str> = hit.chain(blamed).collect();
        all.sort_unstable();
        all.dedup();
        all
    }

    /// It in one sentence. Holds names of resolvers and classes alone, which are safe words, and the sentence about its
    /// cause.
    pub fn summary(&self) -> String {
        let classes = self.impact.iter().map(|class| class.class.as_str()).collect::<Vec<_>>().join(", ");
        let hit = if classes.is_empty() { "no name failed".to_owned() } else { format!("names failed: {classes}") };
        let cause = self.cause.as_ref().map(|cause| format!(" {}", cause.sentence)).unwrap_or_default();
        format!("{} {}; {hit}.{cause}", self.cluster, in_words(self.worst))
    }
}

//----------- The fold of one incident ----------------------------------------

impl Incident {
    fn begin(id: i64, entry: &Entry, cluster: &str) -> Self {
        Self {
            id,
            datacenter: entry.place.datacenter.clone().unwrap_or_default(),
            cluster: cluster.to_owned(),
            started: entry.at,
            ended: None,
            reopened: 0,
            state: ClusterState::Unknown,
            worst: ClusterState::Unknown,
            cause: None,
            impact: Vec::new(),
            wrong: Wrong::default(),
        }
    }

    /// The same after this entry, which `wrong` holds already.
    fn with(mut self, entry: &Entry) -> Self {
        // Entries are written once they are settled, so an earlier beginning may come later; a clock that was set back is
        // no earlier beginning.
        if entry.at < self.started && entry.at + super::AROUND > self.started {
            self.started = entry.at;
        }
        let resolver = entry.place.resolver.as_deref().unwrap_or_default();
        match &entry.event {
            Event::Outcome(change) => self.hit(resolver, change, entry.at),
            Event::Verdict(change) => self.blame(resolver, change, entry.at),
            Event::Cluster(ClusterChange { to, .. }) if *to != ClusterState::Unknown => {
                self.state = *to;
                if gravity(*to) > gravity(self.worst) {
                    self.worst = *to;
                }
            }
            Event::Cluster(_)
            | Event::Edge(_)
            | Event::Identity(_)
            | Event::Configuration(_)
            | Event::Prober(_)
            | Event::Mark(_) => {}
        }
        // Names fail before anybody says what state that is.
        if !self.impact.is_empty() && gravity(self.worst) < gravity(ClusterState::Partial) {
            self.worst = ClusterState::Partial;
        }
        self.settle(entry.at);
        self
    }

    /// Ends it where nothing is wrong any more, and each class that fails nowhere.
    fn settle(&mut self, at: SystemTime) {
        for class in &mut self.impact {
            let fails = self.wrong.classes.values().any(|classes| classes.contains_key(&class.class));
            class.until = if fails { None } else { class.until.or(Some(at)) };
        }
        // What ends it may have begun before something else that has ended already: the last of all counts.
        let last = self.impact.iter().filter_map(|class| class.until).fold(at, SystemTime::max);
        self.ended = if self.wrong.is_nothing() { self.ended.or(Some(last)) } else { None };
    }

    fn hit(&mut self, resolver: &str, change: &ClassChange, at: SystemTime) {
        if matches!(change.to, Outcome::Ok | Outcome::InternalError) {
            return;
        }
        let place = self.impact.iter().position(|class| class.class == change.class).unwrap_or_else(|| {
            let class = change.class.clone();
            self.impact.push(ClassImpact { class, since: at, until: None, resolvers: Vec::new() });
            self.impact.sort_by(|a, b| a.class.cmp(&b.class));
            self.impact.iter().position(|class| class.class == change.class).unwrap_or_default()
        });
        let class = &mut self.impact[place];
        class.since = class.since.min(at);
        if let Some(seen) = class.resolvers.iter_mut().find(|seen| seen.resolver == resolver) {
            seen.outcome = change.to;
            seen.names.extend(change.names.iter().cloned());
            seen.names.sort();
            seen.names.dedup();
            seen.names.truncate(super::MOST_NAMES);
        } else {
            let (resolver, names) = (resolver.to_owned(), change.names.clone());
            class.resolvers.push(ResolverImpact { resolver, outcome: change.to, names });
            class.resolvers.sort_by(|a, b| a.resolver.cmp(&b.resolver));
        }
    }

    fn blame(&mut self, resolver: &str, change: &VerdictChange, at: SystemTime) {
        if matches!(change.to, Verdict::Ok | Verdict::Unknown) {
            return;
        }
        if let Some(cause) = self.cause.as_mut().filter(|cause| cause.verdict == change.to) {
            if !cause.resolvers.iter().any(|known| known == resolver) {
                cause.resolvers.push(resolver.to_owned());
                cause.resolvers.sort();
            }
            if change.confidence > cause.confidence {
                cause.confidence = change.confidence;
                cause.sentence.clone_from(&change.sentence);
                cause.evidence.clone_from(&change.evidence);
            }
            return;
        }
        let before = self.cause.as_ref().map(|cause| weight(cause.verdict, cause.confidence));
        if before.is_none_or(|before| weight(change.to, change.confidence) >= before) {
            self.cause = Some(Cause {
                verdict: change.to,
                confidence: change.confidence,
                resolvers: vec![resolver.to_owned()],
                since: at,
                sentence: change.sentence.clone(),
                evidence: change.evidence.clone(),
            });
        }
    }
}

/// How much a verdict explains: a failure before what only weakens, a cause before its want, sure before unsure.
const fn weight(verdict: Verdict, confidence: Confidence) -> (bool, bool, u8) {
    let names_cause = !matches!(verdict, Verdict::RecursionFailing | Verdict::ProberFault);
    (verdict.is_failing(), names_cause, confidence.level())
}

/// How bad a state is.
const fn gravity(state: ClusterState) -> u8 {
    match state {
        ClusterState::Unknown => 0,
        ClusterState::Healthy => 1,
        ClusterState::Blind => 2,
        ClusterState::Latent => 3,
        ClusterState::Fragile => 4,
        ClusterState::Partial => 5,
        ClusterState::Critical => 6,
        ClusterState::Outage => 7,
    }
}

/// How a cluster came into a state: true while the incident goes on, and afterwards.
const fn in_words(state: ClusterState) -> &'static str {
    match state {
        ClusterState::Unknown => "got into trouble",
        ClusterState::Healthy => "was healthy",
        ClusterState::Latent => "lost some of its ways out",
        ClusterState::Fragile => "came down to its last way out",
        ClusterState::Critical => "lost every way out, and came to live on its caches",
        ClusterState::Outage => "went into an outage",
        ClusterState::Partial => "failed in part",
        ClusterState::Blind => "could not be seen by the prober",
    }
}

#[cfg(test)]
mod tests;
