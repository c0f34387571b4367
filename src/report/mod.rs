//! What tracing says about a cluster, ready to be shown: states, sentences, edges and evidence.

pub mod json;

use std::sync::Arc;
use std::time::SystemTime;

use crate::estate::{Cluster, Label};
use crate::evidence::clues::Clue;
use crate::graph::{Edge, Graph};
use crate::verdict::{ClusterState, Confidence, Verdict};

/// A cluster at one moment. Resolvers are named by their places in it.
#[derive(Debug, Clone)]
pub struct ClusterReport {
    /// Which cluster.
    pub cluster: Arc<Cluster>,
    /// Its state.
    pub state: ClusterState,
    /// Since when it is in that state.
    pub since: SystemTime,
    /// The state in a sentence or two.
    pub sentence: String,
    /// How many independent ways out there are; nothing where the cluster is not meant to resolve names from outside.
    pub independent_exits: Option<usize>,
    /// The exit without which there is no way out.
    pub last_exit: Option<usize>,
    /// Fewer independent exits than this are too few.
    pub min_independent_exits: usize,
    /// Who forwards to whom.
    pub graph: Graph,
    /// Its resolvers, in the order of the cluster.
    pub resolvers: Vec<Assessment>,
    /// When the last complete round of questions began: all that is said here was asked for since then, or seen again.
    pub traced_at: Option<SystemTime>,
}

/// A resolver at one moment.
#[derive(Debug, Clone)]
pub struct Assessment {
    /// What is wrong with it.
    pub verdict: Verdict,
    /// How sure that is.
    pub confidence: Confidence,
    /// Since when that is so.
    pub since: SystemTime,
    /// The verdict in a sentence or two.
    pub sentence: String,
    /// The evidence, that for it first.
    pub clues: Vec<Clue>,
    /// It resolves names from outside.
    pub resolves: bool,
    /// It does so without the help of a sibling.
    pub is_exit: bool,
    /// It would have been seen if it forwarded to a sibling; without that, an exit is only assumed.
    pub path_known: bool,
    /// When the last complete round of questions to it began.
    pub traced_at: Option<SystemTime>,
}

impl ClusterReport {
    /// The name of the resolver at a place.
    pub fn name(&self, resolver: usize) -> &Label {
        &self.cluster.resolvers[resolver].name
    }

    /// The place of the resolver with this name.
    pub fn place(&self, name: &str) -> Option<usize> {
        self.cluster.resolvers.iter().position(|resolver| resolver.name.as_str() == name)
    }

    /// Edges between siblings, and whether each is a direct step or explained by others.
    pub fn edges(&self) -> Vec<(Edge, bool)> {
        let direct = self.graph.direct_edges();
        let seen = self.graph.edges().iter();
        seen.map(|edge| (*edge, direct.iter().any(|step| (step.from, step.to) == (edge.from, edge.to)))).collect()
    }

    /// "ns1 > ns2 > ns1", for every circle.
    pub fn circles(&self) -> Vec<String> {
        let in_words = |members: Vec<usize>| {
            let names = members.iter().chain(members.first()).map(|member| self.name(*member).as_str());
            names.collect::<Vec<_>>().join(" > ")
        };
        self.graph.cycles().into_iter().map(in_words).collect()
    }
}
