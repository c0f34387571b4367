//! What changed from one look to the next, in words.

use std::fmt;
use std::time::{Duration, SystemTime};

use humantime::{format_duration, format_rfc3339_seconds};

use super::cell::CellKey;
use crate::outcome::Outcome;
use crate::verdict::{ClusterState, Confidence, Verdict};

/// Something that changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// When, by the clock of whoever saw it.
    pub at: SystemTime,
    /// What.
    pub news: News,
}

/// What changed. Clusters and resolvers are named by their names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum News {
    /// A cluster has another state, or another number of exits.
    Cluster {
        /// Which.
        cluster: String,
        /// Its state now.
        state: ClusterState,
        /// Independent exits now, and how many are wanted; nothing where it has no need of any.
        exits: Option<(usize, usize)>,
        /// The state in words; empty where a verdict of the same look says the same.
        sentence: String,
    },
    /// Resolvers are judged differently, and alike.
    Verdict {
        /// The cluster.
        cluster: String,
        /// The resolvers.
        resolvers: Vec<String>,
        /// What is wrong with them now.
        verdict: Verdict,
        /// How sure that is.
        confidence: Confidence,
        /// The verdict in words.
        sentence: String,
    },
    /// A resolver forwards to another, or does so no longer.
    Edge {
        /// The cluster.
        cluster: String,
        /// Who forwards.
        from: String,
        /// To whom.
        to: String,
        /// Whether it does.
        forwards: bool,
    },
    /// Names of some classes fail at some resolvers, or fail otherwise.
    Failing {
        /// The cluster.
        cluster: String,
        /// The resolvers.
        resolvers: Vec<String>,
        /// What most of the names see.
        outcome: Outcome,
        /// The classes, and how many of their names where it is not all of them.
        columns: Vec<String>,
    },
    /// After all names of a class failed at a resolver, some are good.
    FirstGood {
        /// Where.
        whose: CellKey,
        /// For how long all or some had failed.
        after: Duration,
        /// Names that are good.
        good: usize,
        /// Of so many.
        asked: usize,
    },
    /// Names of some classes fail no longer at some resolvers.
    GoodAgain {
        /// The cluster.
        cluster: String,
        /// The resolvers.
        resolvers: Vec<String>,
        /// The classes.
        columns: Vec<String>,
        /// For how long some had failed, at the most.
        after: Duration,
    },
    /// Somebody did something, and said what.
    Mark {
        /// What.
        text: String,
        /// Who, where that is known.
        by: Option<String>,
    },
    /// The prober that is asked does not answer.
    Lost {
        /// Why.
        why: String,
    },
    /// It answers again.
    Found,
}

/// How much a piece of news matters to who looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weight {
    /// Something fails.
    Bad,
    /// Something may fail, or is not known.
    Warning,
    /// Something is well, or well again.
    Good,
    /// Neither.
    Plain,
}

impl News {
    /// How much it matters.
    pub const fn weight(&self) -> Weight {
        match self {
            Self::Cluster { state, .. } => of_state(*state),
            Self::Verdict { verdict, .. } => of_verdict(*verdict),
            Self::Edge { forwards: true, .. } => Weight::Warning,
            Self::Edge { forwards: false, .. } | Self::FirstGood { .. } | Self::GoodAgain { .. } => Weight::Good,
            Self::Failing { .. } | Self::Lost { .. } => Weight::Bad,
            Self::Mark { .. } | Self::Found => Weight::Plain,
        }
    }
}

/// How a cluster's state matters.
pub(super) const fn of_state(state: ClusterState) -> Weight {
    match state {
        ClusterState::Healthy => Weight::Good,
        ClusterState::Unknown | ClusterState::Latent | ClusterState::Blind => Weight::Warning,
        ClusterState::Fragile | ClusterState::Critical | ClusterState::Outage | ClusterState::Partial => Weight::Bad,
    }
}

/// How a verdict matters.
pub(super) const fn of_verdict(verdict: Verdict) -> Weight {
    if verdict.is_failing() {
        Weight::Bad
    } else if matches!(verdict, Verdict::Ok) {
        Weight::Good
    } else {
        Weight::Warning
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", format_rfc3339_seconds(self.at), self.news)
    }
}

impl fmt::Display for News {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cluster { cluster, state, exits, sentence } => {
                write!(f, "{cluster} is {}", state.as_str())?;
                if let Some((exits, wanted)) = exits {
                    write!(f, ", independent exits: {exits} ({wanted} wanted)")?;
                }
                if sentence.is_empty() { f.write_str(".") } else { write!(f, ". {sentence}") }
            }
            Self::Verdict { cluster, resolvers, verdict, confidence, sentence } => {
                let (verdict, confidence) = (verdict.as_str(), confidence.as_str());
                write!(f, "{cluster} {}: {verdict} ({confidence}). {sentence}", resolvers.join(", "))
            }
            Self::Edge { cluster, from, to, forwards: true } => write!(f, "{cluster} {from} forwards to {to}."),
            Self::Edge { cluster, from, to, forwards: false } => {
                write!(f, "{cluster} {from} forwards to {to} no longer.")
            }
            Self::Failing { cluster, resolvers, outcome, columns } => {
                write!(f, "{cluster} {}: {outcome} for {}.", resolvers.join(", "), columns.join(", "))
            }
            Self::FirstGood { whose, after, good, asked } => {
                let names = names(*asked);
                write!(f, "{whose}: first good answer after {}, {good} of {asked} {names}.", spell(*after))
            }
            Self::GoodAgain { cluster, resolvers, columns, after } => {
                let (resolvers, after, columns) = (resolvers.join(", "), spell(*after), columns.join(", "));
                write!(f, "{cluster} {resolvers}: good again, after {after}: {columns}.")
            }
            Self::Mark { text, by: None } => write!(f, "Mark: {text}"),
            Self::Mark { text, by: Some(by) } => write!(f, "Mark by {by}: {text}"),
            Self::Lost { why } => write!(f, "What is known is not renewed: {why}"),
            Self::Found => f.write_str("What is known is renewed again."),
        }
    }
}

const fn names(count: usize) -> &'static str {
    if count == 1 { "name" } else { "names" }
}

/// A time in whole seconds, as people write it.
pub(super) fn spell(time: Duration) -> String {
    format_duration(Duration::from_secs(time.as_secs())).to_string()
}
