//! May this step of a rolling rebuild go ahead? A pure decision on what tracing says.
//!
//! A refusal is never silent about its reason, and what is not known is a reason to refuse.

use std::fmt;
use std::time::{Duration, SystemTime};

use serde::Serialize;

use crate::report::json::{ClusterPaths, ResolverPaths};
use crate::verdict::Verdict;

/// Whatever the interval, a trace of this age may be used: a round of questions that go unanswered takes its time.
const SHORTEST_AGE: Duration = Duration::from_secs(30);

/// The step that is asked about. Resolvers are named by their places in the cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// This resolver is about to be rebuilt.
    Rebuild(usize),
    /// This resolver was rebuilt.
    Rebuilt(usize),
    /// The whole cluster is as it should be.
    Done,
}

/// When the question is asked, by the clock of whoever traces.
#[derive(Debug, Clone, Copy)]
pub struct When {
    /// Now.
    pub now: SystemTime,
    /// When it was first asked: after a rebuild, only what was traced since then counts.
    pub asked: SystemTime,
    /// From one trace to the next. Before a rebuild, what is older than two of these does not count.
    pub interval: Duration,
}

/// The answer: every reason to refuse, the weightiest first. Without one, the step may go ahead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// Reasons to refuse.
    pub refusals: Vec<Refusal>,
}

/// A reason to refuse. Resolvers are named.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "reason", rename_all = "snake_case")]
pub enum Refusal {
    /// Nothing was traced yet.
    NeverTraced,
    /// What is known is too old.
    TracedTooLongAgo {
        /// How old it is, in whole seconds.
        seconds: u64,
        /// How old it may be, in whole seconds.
        allowed: u64,
    },
    /// Nothing was traced since the question was asked.
    NotTracedSince,
    /// The prober itself is at fault and sees nothing.
    Blind,
    /// The last exit is to be rebuilt.
    LastExit {
        /// Which one.
        resolver: String,
    },
    /// Others have their way out through the resolver that is to be rebuilt.
    Strands {
        /// The one that is to be rebuilt.
        resolver: String,
        /// Those that depend on it.
        stranded: Vec<String>,
    },
    /// There is nobody else to serve the clients meanwhile.
    Alone {
        /// Which one.
        resolver: String,
    },
    /// A resolver forwards to others of the cluster: an unfinished step.
    ForwardsToSibling {
        /// Which one.
        resolver: String,
        /// To whom, directly or through others.
        siblings: Vec<String>,
    },
    /// A resolver forwards back to itself.
    ForwardsToItself {
        /// Which one.
        resolver: String,
    },
    /// A resolver is not well.
    NotWell {
        /// Which one.
        resolver: String,
        /// What is wrong with it.
        verdict: Verdict,
        /// The same in a sentence.
        sentence: String,
    },
    /// Nothing is known of a resolver yet.
    NotJudged {
        /// Which one.
        resolver: String,
    },
    /// A resolver gets no answers from outside.
    NoExit {
        /// Which one.
        resolver: String,
    },
    /// It would not be seen if these forwarded to a sibling.
    PathUnknown {
        /// Which ones.
        resolvers: Vec<String>,
    },
    /// Too few independent exits would be left, or are.
    TooFewExits {
        /// How many.
        left: usize,
        /// The fewest that are enough.
        min: usize,
        /// The one that is to be rebuilt, if it is about one.
        without: Option<String>,
    },
}

/// Decides on a step of a cluster.
///
/// # Panics
/// When the step names a place that the cluster has not.
pub fn decide(cluster: &ClusterPaths, step: Step, when: When) -> Decision {
    let refusals = match untraced(cluster, step, when) {
        Some(refusal) => vec![refusal],
        None => match step {
            Step::Rebuild(place) => before(cluster, place),
            Step::Rebuilt(place) => after(cluster, &[place]),
            Step::Done => {
                let everybody: Vec<usize> = (0..cluster.resolvers.len()).collect();
                let mut refusals = after(cluster, &everybody);
                refusals.extend(too_few(cluster, None));
                refusals
            }
        },
    };
    Decision { refusals }
}

/// Why what is known may not be used, if so.
fn untraced(cluster: &ClusterPaths, step: Step, when: When) -> Option<Refusal> {
    let of = |place: usize| cluster.resolvers[place].traced_at;
    let traced = match step {
        Step::Rebuilt(place) => of(place),
        Step::Rebuild(_) | Step::Done => {
            let oldest = cluster.resolvers.iter().map(|resolver| resolver.traced_at).min().flatten();
            oldest.filter(|_| cluster.traced_at.is_some())
        }
    };
    let Some(traced) = traced else { return Some(Refusal::NeverTraced) };
    let blind = |resolver: &ResolverPaths| resolver.verdict == Verdict::ProberFault;
    if cluster.resolvers.iter().any(blind) {
        return Some(Refusal::Blind);
    }
    match step {
        Step::Rebuild(_) => {
            let age = when.now.duration_since(traced).unwrap_or_default();
            let allowed = (when.interval * 2).max(SHORTEST_AGE);
            (age > allowed).then_some(Refusal::TracedTooLongAgo { seconds: age.as_secs(), allowed: allowed.as_secs() })
        }
        Step::Rebuilt(_) | Step::Done => (traced <= when.asked).then_some(Refusal::NotTracedSince),
    }
}

/// Before a rebuild: what would be lost, then what earlier steps left unfinished. What is wrong with the resolver itself
/// is no reason: rebuilding it may be the cure.
fn before(cluster: &ClusterPaths, place: usize) -> Vec<Refusal> {
    let name = |place: usize| cluster.resolvers[place].resolver.clone();
    let others: Vec<usize> = (0..cluster.resolvers.len()).filter(|other| *other != place).collect();
    let mut refusals = Vec::new();
    if others.is_empty() {
        refusals.push(Refusal::Alone { resolver: name(place) });
    } else if cluster.independent_exits.is_some() {
        let graph = cluster.graph();
        let resolves: Vec<bool> = cluster.resolvers.iter().map(|resolver| resolver.resolves).collect();
        let last = graph.last_exit(&resolves) == Some(place);
        let stranded = graph.stranded_without(place, &resolves);
        if last {
            refusals.push(Refusal::LastExit { resolver: name(place) });
        } else if !stranded.is_empty() {
            let stranded = stranded.into_iter().map(name).collect();
            refusals.push(Refusal::Strands { resolver: name(place), stranded });
        }
    }
    let unfinished = others.iter().filter_map(|other| unwell(cluster, *other));
    refusals.extend(unfinished);
    if !refusals.iter().any(|refusal| matches!(refusal, Refusal::LastExit { .. } | Refusal::Alone { .. })) {
        refusals.extend(too_few(cluster, Some(place)));
    }
    refusals.extend(unknown(cluster, &others));
    refusals
}

/// After a rebuild: these have to be well, and exits of their own.
fn after(cluster: &ClusterPaths, places: &[usize]) -> Vec<Refusal> {
    let mut refusals: Vec<Refusal> = places.iter().filter_map(|place| unwell(cluster, *place)).collect();
    refusals.extend(unknown(cluster, places));
    refusals
}

/// What is wrong with a resolver.
fn unwell(cluster: &ClusterPaths, place: usize) -> Option<Refusal> {
    let seen = &cluster.resolvers[place];
    let resolver = seen.resolver.clone();
    let graph = cluster.graph();
    let siblings: Vec<String> =
        graph.siblings_of(place).map(|sibling| cluster.resolvers[sibling].resolver.clone()).collect();
    if !siblings.is_empty() {
        return Some(Refusal::ForwardsToSibling { resolver, siblings });
    }
    if graph.reaches(place, place) {
        return Some(Refusal::ForwardsToItself { resolver });
    }
    match seen.verdict {
        Verdict::Unknown => Some(Refusal::NotJudged { resolver }),
        Verdict::Ok | Verdict::Slow => {
            let lost = cluster.independent_exits.is_some() && !seen.is_exit;
            lost.then_some(Refusal::NoExit { resolver })
        }
        Verdict::ForwardsToSibling
        | Verdict::CycleWithExit
        | Verdict::LoopSuspected
        | Verdict::DeadEnd
        | Verdict::RecursionFailing
        | Verdict::RecursionRefused
        | Verdict::UpstreamFailing
        | Verdict::DnssecFailing
        | Verdict::StaleMasking
        | Verdict::AuthorityFailing
        | Verdict::WrongAnswers
        | Verdict::Lossy
        | Verdict::Unreachable
        | Verdict::Down
        | Verdict::ProberFault => {
            Some(Refusal::NotWell { resolver, verdict: seen.verdict, sentence: seen.sentence.clone() })
        }
    }
}

/// Those of which nobody can tell where they forward to.
fn unknown(cluster: &ClusterPaths, places: &[usize]) -> Option<Refusal> {
    cluster.independent_exits?;
    let seen = places.iter().map(|place| &cluster.resolvers[*place]);
    let resolvers: Vec<String> =
        seen.filter(|seen| seen.resolves && !seen.path_known).map(|seen| seen.resolver.clone()).collect();
    (!resolvers.is_empty()).then_some(Refusal::PathUnknown { resolvers })
}

/// Whether too few independent exits are left, without one of the resolvers if need be.
fn too_few(cluster: &ClusterPaths, without: Option<usize>) -> Option<Refusal> {
    cluster.independent_exits?;
    let resolves: Vec<bool> = cluster
        .resolvers
        .iter()
        .enumerate()
        .map(|(place, resolver)| resolver.resolves && Some(place) != without)
        .collect();
    let (left, min) = (cluster.graph().independent_exits(&resolves), cluster.min_independent_exits);
    let without = without.map(|place| cluster.resolvers[place].resolver.clone());
    (left < min).then_some(Refusal::TooFewExits { left, min, without })
}

impl Decision {
    /// Whether the step may go ahead.
    pub fn passes(&self) -> bool {
        self.refusals.is_empty()
    }

    /// The next trace will tell: what is missing is only that.
    pub fn awaits_trace(&self) -> bool {
        matches!(self.refusals[..], [Refusal::NeverTraced | Refusal::NotTracedSince])
    }
}

/// Why a step may go ahead, in a line.
pub fn grounds(cluster: &ClusterPaths, step: Step) -> String {
    let exits = |left: usize| match left {
        1 => "1 independent exit".to_owned(),
        left => format!("{left} independent exits"),
    };
    match (step, cluster.independent_exits) {
        (Step::Rebuild(place), Some(_)) => {
            let name = &cluster.resolvers[place].resolver;
            let others = |(other, resolver): (usize, &ResolverPaths)| resolver.resolves && other != place;
            let resolves: Vec<bool> = cluster.resolvers.iter().enumerate().map(others).collect();
            let left = exits(cluster.graph().independent_exits(&resolves));
            format!("{name} may be rebuilt: {left} stay meanwhile, and nobody forwards to a sibling")
        }
        (Step::Rebuild(place), None) => {
            format!("{} may be rebuilt: all others are well", cluster.resolvers[place].resolver)
        }
        (Step::Rebuilt(place), Some(_)) => {
            format!("{} is back: it is well, and an exit of its own", cluster.resolvers[place].resolver)
        }
        (Step::Rebuilt(place), None) => format!("{} is back, and well", cluster.resolvers[place].resolver),
        (Step::Done, Some(left)) => format!("all of {} are well, with {}", cluster.cluster, exits(left)),
        (Step::Done, None) => format!("all of {} are well", cluster.cluster),
    }
}

/// "ns1", "ns1 and ns2", "ns1, ns2 and ns3".
fn list(names: &[String]) -> String {
    match names {
        [] => String::new(),
        [only] => only.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NeverTraced => f.write_str("nothing was traced yet"),
            Self::TracedTooLongAgo { seconds, allowed } => {
                write!(f, "the last trace is {seconds} s old, and what is older than {allowed} s does not count")
            }
            Self::NotTracedSince => {
                f.write_str("no trace has begun and ended since this was asked; --wait gives it the time")
            }
            Self::Blind => f.write_str("the prober itself is at fault and sees nothing"),
            Self::LastExit { resolver } => {
                write!(f, "{resolver} is the last exit: without it no query leaves the cluster")
            }
            Self::Strands { resolver, stranded } => {
                let has = if stranded.len() == 1 { "has" } else { "have" };
                write!(f, "{} {has} no way out but through {resolver}", list(stranded))
            }
            Self::Alone { resolver } => write!(f, "{resolver} is the only resolver of the cluster"),
            Self::ForwardsToSibling { resolver, siblings } => write!(
                f,
                "{resolver} forwards to its sibling{} {}: give it a way out of its own first",
                if siblings.len() == 1 { "" } else { "s" },
                list(siblings)
            ),
            Self::ForwardsToItself { resolver } => write!(f, "{resolver} forwards to itself: mend it first"),
            Self::NotWell { resolver, verdict, sentence } => {
                write!(f, "{resolver} is not well ({}): {}", verdict.as_str(), sentence.trim_end_matches('.'))
            }
            Self::NotJudged { resolver } => write!(f, "nothing is known of {resolver} yet"),
            Self::NoExit { resolver } => write!(f, "{resolver} gets no answers from outside by itself"),
            Self::PathUnknown { resolvers } => write!(
                f,
                "where {} forward{} to cannot be seen; tracer zones would show it: see fathom tracer-config",
                list(resolvers),
                if resolvers.len() == 1 { "s" } else { "" }
            ),
            Self::TooFewExits { left, min, without } => {
                let exits = if *left == 1 { "exit" } else { "exits" };
                match without {
                    Some(without) => write!(f, "{left} independent {exits} would be left without {without}")?,
                    None => write!(f, "{left} independent {exits} left")?,
                }
                write!(f, ", and path.min_independent_exits is {min}")
            }
        }
    }
}

#[cfg(test)]
mod tests;
