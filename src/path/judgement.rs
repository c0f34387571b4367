//! One cluster's evidence, what is believed and shown of it, and how that becomes a report. No I/O.

use std::sync::Arc;
use std::time::SystemTime;

use tokio::time::Instant;

use crate::estate::{Cluster, Label};
use crate::evidence::Evidence;
use crate::evidence::clues::clues;
use crate::evidence::weigh::situations;
use crate::graph::Graph;
use crate::report::{Assessment, ClusterReport};
use crate::verdict::cluster::{Members, state};
use crate::verdict::rules::judge;
use crate::verdict::situation::{Cold, Leads, Situation};
use crate::verdict::steady::Steady;
use crate::verdict::words::Scene;
use crate::verdict::{ClusterState, Confidence, Verdict};

/// What is known of one cluster and shown of it.
#[derive(Debug, Clone)]
pub(super) struct Judgement {
    cluster: Arc<Cluster>,
    names: Vec<Label>,
    min_exits: usize,
    /// Everything that was found.
    pub(super) evidence: Evidence,
    /// The prober itself cannot be trusted at this moment.
    pub(super) prober_at_fault: bool,
    members: Vec<Member>,
    state: (ClusterState, SystemTime),
    ever_resolved: bool,
    traced_at: Option<SystemTime>,
}

/// What is shown of one resolver.
#[derive(Debug, Clone, Copy)]
struct Member {
    steady: Steady,
    since: SystemTime,
    resolves: bool,
    traced_at: Option<SystemTime>,
}

impl Judgement {
    /// Nothing is known yet.
    pub(super) fn new(
        cluster: Arc<Cluster>,
        parents: usize,
        asks_outside: bool,
        min_exits: usize,
        at: SystemTime,
    ) -> Self {
        let size = cluster.resolvers.len();
        let member = Member { steady: Steady::default(), since: at, resolves: false, traced_at: None };
        Self {
            names: cluster.resolvers.iter().map(|resolver| resolver.name.clone()).collect(),
            evidence: Evidence::new(size, parents)
                .with_servers(cluster.servers())
                .with_names_from_outside(asks_outside),
            cluster,
            min_exits,
            prober_at_fault: false,
            members: vec![member; size],
            state: (ClusterState::Unknown, at),
            ever_resolved: false,
            traced_at: None,
        }
    }

    /// Judges in the middle of a round. Returns whether that changes what is shown.
    pub(super) fn glance(&mut self, now: Instant, at: SystemTime) -> bool {
        let shown = |judgement: &Self| {
            let members = judgement.members.iter().map(|member| (member.steady.shown(), member.resolves));
            (judgement.state, members.collect::<Vec<_>>())
        };
        let before = shown(self);
        self.judge(now, at, Steady::glance);
        before != shown(self)
    }

    /// A round of questions that began then is complete.
    pub(super) fn settle(&mut self, now: Instant, at: SystemTime, began: SystemTime) {
        self.traced_at = Some(began);
        for member in &mut self.members {
            member.traced_at = Some(began);
        }
        self.judge(now, at, Steady::settle);
    }

    /// A resolver was rebuilt or restarted.
    pub(super) fn rebuilt(&mut self, resolver: usize) {
        self.evidence.rebuilt(resolver);
    }

    /// Whether a resolver is shown, or seen, to fail.
    pub(super) fn fails(&self, now: Instant) -> bool {
        let graph = self.evidence.graph(now);
        let seen = situations(&self.evidence, &graph, self.prober_at_fault, now);
        let shown = self.members.iter().any(|member| member.steady.shown().0.is_failing());
        shown || seen.iter().any(|situation| judge(situation).0.is_failing())
    }

    /// Whether the next round should come soon: something is in doubt.
    pub(super) fn wavers(&self) -> bool {
        self.evidence.wants_another_look() || self.members.iter().any(|member| member.steady.wavers())
    }

    /// The places of resolvers that fail with names from outside, without a proven path that says why.
    pub(super) fn unexplained(&self, now: Instant) -> Vec<usize> {
        let graph = self.evidence.graph(now);
        let seen = situations(&self.evidence, &graph, self.prober_at_fault, now);
        let unexplained = |situation: &Situation| situation.cold.fails() && judge(situation).1 < Confidence::Confirmed;
        (0..seen.len()).filter(|resolver| unexplained(&seen[*resolver])).collect()
    }

    /// What cold names say of each resolver: fails at once, or late, or not; silence counts as late.
    pub(super) fn cold(&self, now: Instant) -> Vec<Cold> {
        let graph = self.evidence.graph(now);
        let late = |cold: Cold| if cold == Cold::Silent { Cold::FailsSlow } else { cold };
        let seen = situations(&self.evidence, &graph, self.prober_at_fault, now);
        seen.iter().map(|situation| late(situation.cold)).collect()
    }

    /// What may be shown now.
    pub(super) fn report(&self, now: Instant) -> ClusterReport {
        let graph = self.evidence.graph(now);
        let seen = situations(&self.evidence, &graph, self.prober_at_fault, now);
        let resolves = self.resolving();
        let last_exit = self.cluster.recursive.then(|| graph.last_exit(&resolves)).flatten();
        let exits = graph.independent_exits(&resolves);
        let scene = Scene { cluster: &self.cluster, graph: &graph };
        let assessments: Vec<Assessment> = (0..self.members.len())
            .map(|resolver| {
                let member = &self.members[resolver];
                let (verdict, confidence) = member.steady.shown();
                Assessment {
                    verdict,
                    confidence,
                    since: member.since,
                    sentence: scene.of_resolver(resolver, verdict, confidence, &seen[resolver]),
                    clues: clues(&self.evidence, &graph, resolver, verdict, &self.names, now),
                    resolves: member.resolves,
                    is_exit: self.cluster.recursive && graph.is_exit(resolver, &resolves),
                    path_known: seen[resolver].leads != Leads::Unknown,
                    traced_at: member.traced_at,
                }
            })
            .collect();
        let worst = worst(&assessments).map(|assessment| assessment.sentence.clone()).unwrap_or_default();
        let (state, since) = self.state;
        ClusterReport {
            cluster: Arc::clone(&self.cluster),
            state,
            since,
            sentence: scene.of_cluster(state, exits, last_exit, &worst),
            independent_exits: self.cluster.recursive.then_some(exits),
            last_exit,
            min_independent_exits: self.min_exits,
            graph,
            resolvers: assessments,
            traced_at: self.traced_at,
        }
    }

    fn judge(&mut self, now: Instant, at: SystemTime, show: fn(&mut Steady, Verdict, Confidence)) {
        let graph = self.evidence.graph(now);
        let seen = situations(&self.evidence, &graph, self.prober_at_fault, now);
        self.ever_resolved |= seen.iter().any(|situation| situation.cold.resolves());
        for (member, situation) in self.members.iter_mut().zip(&seen) {
            let (verdict, confidence) = judge(situation);
            let before = member.steady.shown();
            show(&mut member.steady, verdict, confidence);
            if member.steady.shown().0 != before.0 {
                member.since = at;
            }
            let shown = member.steady.shown().0;
            // Whoever is not there resolves nothing, whatever it answered before.
            let there = !matches!(shown, Verdict::Down | Verdict::Unreachable);
            // One failure alone takes no exit away.
            let lasts = !shown.is_failing() && verdict != Verdict::Unknown;
            member.resolves = there && (situation.cold.resolves() || (member.resolves && lasts));
        }
        let state = self.state(&graph);
        if state != self.state.0 {
            self.state = (state, at);
        }
    }

    fn resolving(&self) -> Vec<bool> {
        self.members.iter().map(|member| member.resolves).collect()
    }

    fn state(&self, graph: &Graph) -> ClusterState {
        let resolves = self.resolving();
        state(&Members {
            verdicts: self.members.iter().map(|member| member.steady.shown().0).collect(),
            exits: graph.independent_exits(&resolves),
            resolves,
            recursive: self.cluster.recursive,
            min_exits: self.min_exits,
            ever_resolved: self.ever_resolved,
            names_answered: self.evidence.known.iter().all(|known| {
                let configured = known.configured;
                configured.good > 0 && configured.servfail + configured.silent == 0
            }),
        })
    }
}

/// The resolver whose verdict says most. The first of equals, since that is where a reader begins.
fn worst(resolvers: &[Assessment]) -> Option<&Assessment> {
    resolvers.iter().rev().max_by_key(|assessment| assessment.verdict.gravity(assessment.confidence))
}
