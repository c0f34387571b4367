//! The rolling rebuild that took every way out: its stages, and how a cluster gets from one to another.

use std::net::SocketAddr;

use super::Lab;
use super::node::{Node, Policy};

/// How far the rebuild has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Stage {
    /// Every resolver finds its own way.
    #[default]
    Healthy,
    /// The first resolver was rebuilt, and forwards to the second. Everything works.
    FirstRebuilt,
    /// So was the second, which forwards to the third. Everything works.
    SecondRebuilt,
    /// So was the third, which forwards to the last: the only one with a way out. Everything works.
    LastExit,
    /// So was the last, which forwards to the first: nobody has a way out.
    Loop,
    /// As the loop, but the last one forwards to a port where nobody listens.
    DeadEnd,
    /// As the loop, but the last one forwards to an address where nothing answers.
    BlackHole,
}

impl Stage {
    /// Every stage, in the order of the incident.
    pub const ALL: [Self; 7] = [
        Self::Healthy,
        Self::FirstRebuilt,
        Self::SecondRebuilt,
        Self::LastExit,
        Self::Loop,
        Self::DeadEnd,
        Self::BlackHole,
    ];

    /// The word used on the command line: 0 to 4, 4b, 4c.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Healthy => "0",
            Self::FirstRebuilt => "1",
            Self::SecondRebuilt => "2",
            Self::LastExit => "3",
            Self::Loop => "4",
            Self::DeadEnd => "4b",
            Self::BlackHole => "4c",
        }
    }

    /// The stage of a word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|stage| stage.as_str() == word)
    }

    /// One sentence for a person who watches.
    pub const fn help(self) -> &'static str {
        match self {
            Self::Healthy => "Every resolver finds its own way out.",
            Self::FirstRebuilt => "The first resolver was rebuilt and forwards to the second; everything still works.",
            Self::SecondRebuilt => "The second was rebuilt and forwards to the third; everything still works.",
            Self::LastExit => {
                "The third was rebuilt and forwards to the last, the only way out; everything still works."
            }
            Self::Loop => "The last was rebuilt and forwards to the first: a loop, nobody has a way out.",
            Self::DeadEnd => "The last was rebuilt and forwards to a closed port: a dead end for all.",
            Self::BlackHole => "The last was rebuilt and forwards into a black hole: a dead end for all.",
        }
    }
}

/// One cluster of a lab, on its way through the incident.
#[derive(Debug)]
pub struct Incident {
    nodes: Vec<Node>,
    /// The forwarders each one had before.
    before: Vec<Vec<SocketAddr>>,
    black_hole: SocketAddr,
    dead_end: SocketAddr,
}

impl Incident {
    /// The cluster as it is now, which is its stage 0. Nothing for a cluster with fewer than two recursive resolvers.
    pub fn of(lab: &Lab, cluster: &str) -> Option<Self> {
        let recursive = |node: &&Node| node.cluster() == cluster && node.0.setup.read().recursive;
        let nodes: Vec<Node> = lab.nodes().iter().filter(recursive).cloned().collect();
        let before = nodes.iter().map(Node::forwarders).collect();
        (nodes.len() >= 2).then(|| Self { nodes, before, black_hole: lab.black_hole(), dead_end: lab.dead_end() })
    }

    /// Goes to a stage, from any other. Resolvers that get a wrong forwarder are rebuilt, and forget everything; those
    /// that get their own back are only told so, as by a reload.
    pub fn enter(&self, stage: Stage) {
        for (place, node) in self.nodes.iter().enumerate() {
            let wanted = self.forwarders_at(stage, place);
            if node.forwarders() == wanted {
                continue;
            }
            if wanted == self.before[place] {
                node.set_forwarders(&wanted, Policy::Only);
            } else {
                node.rebuild(&wanted, Policy::Only);
            }
        }
    }

    /// Its resolvers, in the order in which they are rebuilt.
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    fn forwarders_at(&self, stage: Stage, place: usize) -> Vec<SocketAddr> {
        let last = self.nodes.len() - 1;
        let next = || vec![self.nodes[(place + 1) % self.nodes.len()].address()];
        let rebuilt = match stage {
            Stage::Healthy => 0,
            Stage::FirstRebuilt => 1,
            Stage::SecondRebuilt => 2,
            Stage::LastExit | Stage::Loop | Stage::DeadEnd | Stage::BlackHole => last,
        };
        if place < rebuilt.min(last) {
            return next();
        }
        if place < last {
            return self.before[place].clone();
        }
        match stage {
            Stage::Healthy | Stage::FirstRebuilt | Stage::SecondRebuilt | Stage::LastExit => self.before[last].clone(),
            Stage::Loop => next(),
            Stage::DeadEnd => vec![self.dead_end],
            Stage::BlackHole => vec![self.black_hole],
        }
    }
}
