//! Verdicts, edges and states of clusters, from what tracing says.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::time::Instant;

use super::super::entry::{ClusterChange, EdgeChange, Event, Place, VerdictChange};
use super::super::incident::Ledger;
use super::super::paced::Paced;
use super::Draft;
use crate::estate::Label;
use crate::evidence::clues::Bearing;
use crate::graph::Method;
use crate::report::{Assessment, ClusterReport};
use crate::verdict::{ClusterState, Confidence, Verdict};

/// The most evidence that is written down with one verdict, and the longest piece in characters.
const MOST_EVIDENCE: (usize, usize) = (8, 400);

/// What tracing said, as far as it is written down.
#[derive(Debug)]
pub(super) struct Paths {
    verdicts: Paced<(Label, Label), Judged>,
    edges: Paced<(Label, Label, Label), Seen>,
    clusters: Paced<Label, Standing>,
    /// The last report of each cluster, so that the same one is not read twice.
    last: BTreeMap<Label, Arc<ClusterReport>>,
}

impl Default for Paths {
    fn default() -> Self {
        // What tracing says has been weighed already.
        let settle = Duration::ZERO;
        Self {
            verdicts: Paced::new(settle),
            edges: Paced::new(settle),
            clusters: Paced::new(settle),
            last: BTreeMap::new(),
        }
    }
}

#[derive(Debug, Clone)]
struct Judged {
    verdict: Verdict,
    confidence: Confidence,
    sentence: String,
    evidence: Vec<String>,
}

impl PartialEq for Judged {
    /// In other words is not another thing.
    fn eq(&self, other: &Self) -> bool {
        (self.verdict, self.confidence) == (other.verdict, other.confidence)
    }
}

#[derive(Debug, Clone, Copy)]
struct Seen {
    present: bool,
    method: Method,
}

impl PartialEq for Seen {
    /// Another way of seeing it is not another thing.
    fn eq(&self, other: &Self) -> bool {
        self.present == other.present
    }
}

#[derive(Debug, Clone)]
struct Standing {
    state: ClusterState,
    exits: Option<usize>,
    last_exit: Option<String>,
    sentence: String,
}

impl PartialEq for Standing {
    /// In other words is not another thing.
    fn eq(&self, other: &Self) -> bool {
        (self.state, self.exits, &self.last_exit) == (other.state, other.exits, &other.last_exit)
    }
}

impl Paths {
    /// What is wrong by the open incidents is so still, until it is seen that it is not.
    pub(super) fn recall(&mut self, ledger: &Ledger) {
        for incident in ledger.incidents() {
            let Some(cluster) = Label::parse(&incident.cluster) else { continue };
            for (resolver, verdict) in &incident.wrong.verdicts {
                let Some(resolver) = Label::parse(resolver) else { continue };
                let confidence = Confidence::None;
                let judged = Judged { verdict: *verdict, confidence, sentence: String::new(), evidence: Vec::new() };
                self.verdicts.begin((cluster.clone(), resolver), judged);
            }
            if let Some(state) = incident.wrong.state {
                let state = Standing { state, exits: None, last_exit: None, sentence: String::new() };
                self.clusters.begin(cluster, state);
            }
        }
    }

    /// Forgets what is watched no longer.
    pub(super) fn retain(&mut self, clusters: &HashSet<&Label>, resolvers: &HashSet<(&Label, &Label)>) {
        self.verdicts.retain(|(cluster, resolver)| resolvers.contains(&(cluster, resolver)));
        self.edges
            .retain(|(cluster, from, to)| resolvers.contains(&(cluster, from)) && resolvers.contains(&(cluster, to)));
        self.clusters.retain(|cluster| clusters.contains(cluster));
        self.last.retain(|cluster, _| clusters.contains(cluster));
    }

    /// Takes what tracing says of a cluster.
    pub(super) fn report(&mut self, report: &Arc<ClusterReport>, now: Instant, at: SystemTime) {
        let cluster = &report.cluster.name;
        let before = self.last.insert(cluster.clone(), Arc::clone(report));
        if before.is_some_and(|before| Arc::ptr_eq(&before, report)) {
            return;
        }
        for (resolver, seen) in report.cluster.resolvers.iter().zip(&report.resolvers) {
            self.judge((cluster.clone(), resolver.name.clone()), seen, now, at);
        }
        self.connect(report, now, at);
        let state = Standing {
            state: report.state,
            exits: report.independent_exits,
            last_exit: report.last_exit.map(|place| report.name(place).to_string()),
            sentence: report.sentence.clone(),
        };
        match (self.clusters.get(cluster).is_some(), report.state) {
            // That it begins well is no news, and that nothing is known yet neither.
            (false, ClusterState::Healthy) => self.clusters.begin(cluster.clone(), state),
            (_, ClusterState::Unknown) => {}
            (_, _) => self.clusters.set(cluster.clone(), state, now, at),
        }
    }

    fn judge(&mut self, key: (Label, Label), seen: &Assessment, now: Instant, at: SystemTime) {
        let for_it = seen.clues.iter().filter(|clue| clue.bearing == Bearing::For).take(MOST_EVIDENCE.0);
        let judged = Judged {
            verdict: seen.verdict,
            confidence: seen.confidence,
            sentence: seen.sentence.clone(),
            evidence: for_it.map(|clue| clue.text.chars().take(MOST_EVIDENCE.1).collect()).collect(),
        };
        match (self.verdicts.get(&key).is_some(), seen.verdict) {
            (false, Verdict::Ok) => self.verdicts.begin(key, judged),
            (_, Verdict::Unknown) => {}
            (_, _) => self.verdicts.set(key, judged, now, at),
        }
    }

    /// A direct step appears once it was seen twice; it is gone once nothing at all shows it.
    fn connect(&mut self, report: &ClusterReport, now: Instant, at: SystemTime) {
        let cluster = &report.cluster.name;
        let mut there = HashSet::new();
        for (edge, direct) in report.edges().into_iter().filter(|(edge, _)| edge.twice) {
            let key = (cluster.clone(), report.name(edge.from).clone(), report.name(edge.to).clone());
            there.insert(key.clone());
            if direct {
                self.edges.set(key, Seen { present: true, method: edge.method }, now, at);
            }
        }
        let known = self.edges.keys().filter(|key| key.0 == *cluster && !there.contains(*key));
        for key in known.cloned().collect::<Vec<_>>() {
            let method = self.edges.get(&key).map_or(Method::Tracer, |seen| seen.method);
            self.edges.set(key, Seen { present: false, method }, now, at);
        }
    }

    /// The lines whose time has come.
    pub(super) fn due(&mut self, now: Instant, all: bool, datacenters: &HashMap<&Label, &Label>) -> Vec<Draft> {
        let mut drafts = Vec::new();
        for step in self.edges.due(now, all) {
            let (cluster, from, to) = &step.key;
            let Some(datacenter) = datacenters.get(cluster) else { continue };
            drafts.push(Draft {
                at: step.at,
                place: Place::resolver(datacenter.as_str(), cluster.as_str(), from.as_str()),
                changes: step.changes,
                event: Event::Edge(EdgeChange {
                    from: from.to_string(),
                    to: to.to_string(),
                    method: step.to.method,
                    present: step.to.present,
                }),
            });
        }
        for step in self.verdicts.due(now, all) {
            let (cluster, resolver) = &step.key;
            let Some(datacenter) = datacenters.get(cluster) else { continue };
            drafts.push(Draft {
                at: step.at,
                place: Place::resolver(datacenter.as_str(), cluster.as_str(), resolver.as_str()),
                changes: step.changes,
                event: Event::Verdict(VerdictChange {
                    from: step.from.map(|from| from.verdict).unwrap_or_default(),
                    to: step.to.verdict,
                    confidence: step.to.confidence,
                    sentence: step.to.sentence,
                    evidence: step.to.evidence,
                }),
            });
        }
        for step in self.clusters.due(now, all) {
            let Some(datacenter) = datacenters.get(&step.key) else { continue };
            drafts.push(Draft {
                at: step.at,
                place: Place::cluster(datacenter.as_str(), step.key.as_str()),
                changes: step.changes,
                event: Event::Cluster(ClusterChange {
                    from: step.from.map(|from| from.state).unwrap_or_default(),
                    to: step.to.state,
                    exits: step.to.exits,
                    last_exit: step.to.last_exit,
                    sentence: step.to.sentence,
                }),
            });
        }
        drafts
    }
}
