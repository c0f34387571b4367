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
mod tests {
    use super::*;
    use crate::report::json::tests::{cluster, noon};

    const MINUTE: Duration = Duration::from_secs(60);

    /// Asked half a minute before noon, when the trace was; now it is half a minute later.
    fn when() -> When {
        When { now: noon() + MINUTE / 2, asked: noon() - MINUTE / 2, interval: MINUTE }
    }

    fn words(cluster: &ClusterPaths, step: Step) -> Vec<String> {
        decide(cluster, step, when()).refusals.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn before_each_rebuild_of_the_incident() {
        let forwards = |who: &str, to: &str| format!("{who} forwards to its {to}: give it a way out of its own first");
        let cases: [(&str, usize, Vec<String>); 7] = [
            ("", 0, vec![]),
            ("12", 1, vec!["ns1 has no way out but through ns2".to_owned(), forwards("ns1", "sibling ns2")]),
            ("12", 2, vec![forwards("ns1", "sibling ns2")]),
            // What was built badly may be built again.
            ("12", 0, vec![]),
            (
                "12 23",
                3,
                vec![
                    forwards("ns1", "siblings ns2 and ns3"),
                    forwards("ns2", "sibling ns3"),
                    "1 independent exit would be left without ns4, and path.min_independent_exits is 2".to_owned(),
                ],
            ),
            (
                "12 23 34",
                3,
                vec![
                    "ns4 is the last exit: without it no query leaves the cluster".to_owned(),
                    forwards("ns1", "siblings ns2, ns3 and ns4"),
                    forwards("ns2", "siblings ns3 and ns4"),
                    forwards("ns3", "sibling ns4"),
                ],
            ),
            ("44", 0, vec!["ns4 forwards to itself: mend it first".to_owned()]),
        ];
        for (pairs, place, expected) in cases {
            assert_eq!(words(&cluster(4, pairs, None), Step::Rebuild(place)), expected, "{pairs} {place}");
        }
    }

    #[test]
    fn small_clusters_need_a_minimum_that_fits_them() {
        let mut two = cluster(2, "", None);
        let reason = "1 independent exit would be left without ns1, and path.min_independent_exits is 2";
        assert_eq!(words(&two, Step::Rebuild(0)), [reason]);
        two.min_independent_exits = 1;
        assert!(words(&two, Step::Rebuild(0)).is_empty());
        assert_eq!(words(&cluster(1, "", None), Step::Rebuild(0)), ["ns1 is the only resolver of the cluster"]);
    }

    #[test]
    fn what_is_not_known_is_a_reason_to_refuse() {
        let mut hidden = cluster(4, "", None);
        hidden.resolvers[1].path_known = false;
        hidden.resolvers[2].path_known = false;
        let reason =
            "where ns2 and ns3 forward to cannot be seen; tracer zones would show it: see fathom tracer-config";
        assert_eq!(words(&hidden, Step::Rebuild(0)), [reason]);
        assert!(words(&hidden, Step::Rebuilt(0)).is_empty());
        assert_eq!(words(&hidden, Step::Done), [reason]);

        let mut unseen = cluster(4, "", None);
        unseen.resolvers[3].traced_at = None;
        assert_eq!(words(&unseen, Step::Rebuild(0)), ["nothing was traced yet"]);
        assert_eq!(words(&unseen, Step::Rebuilt(3)), ["nothing was traced yet"]);
        assert!(words(&unseen, Step::Rebuilt(0)).is_empty());

        let mut unjudged = cluster(4, "", None);
        unjudged.resolvers[3].verdict = Verdict::Unknown;
        assert_eq!(words(&unjudged, Step::Rebuild(0)), ["nothing is known of ns4 yet"]);

        let mut blind = cluster(4, "", None);
        blind.resolvers[3].verdict = Verdict::ProberFault;
        assert_eq!(words(&blind, Step::Rebuild(0)), ["the prober itself is at fault and sees nothing"]);
    }

    #[test]
    fn old_evidence_does_not_count() {
        let healthy = cluster(4, "", None);
        let at = |now: Duration, asked: SystemTime, step| {
            let when = When { now: noon() + now, asked, interval: MINUTE };
            let decision = decide(&healthy, step, when);
            (decision.refusals.first().map(ToString::to_string), decision.awaits_trace())
        };
        assert_eq!(at(MINUTE * 2, noon(), Step::Rebuild(0)), (None, false));
        let old = "the last trace is 121 s old, and what is older than 120 s does not count";
        let late = Duration::from_secs(121);
        assert_eq!(at(late, noon(), Step::Rebuild(0)), (Some(old.to_owned()), false));
        let not_since = "no trace has begun and ended since this was asked; --wait gives it the time";
        for step in [Step::Rebuilt(0), Step::Done] {
            assert_eq!(at(late, noon(), step), (Some(not_since.to_owned()), true));
            assert_eq!(at(late, noon() - MINUTE, step), (None, false));
        }
    }

    #[test]
    fn after_a_rebuild_the_resolver_is_an_exit_of_its_own() {
        assert!(words(&cluster(4, "", None), Step::Rebuilt(0)).is_empty());
        assert!(words(&cluster(4, "12", None), Step::Rebuilt(1)).is_empty(), "ns1 is another step");
        let badly = cluster(4, "12", None);
        let reason = "ns1 forwards to its sibling ns2: give it a way out of its own first";
        assert_eq!(words(&badly, Step::Rebuilt(0)), [reason]);
        assert_eq!(words(&badly, Step::Done), [reason]);
        let mut silent = cluster(4, "", None);
        (silent.resolvers[0].is_exit, silent.resolvers[0].resolves) = (false, false);
        assert_eq!(words(&silent, Step::Rebuilt(0)), ["ns1 gets no answers from outside by itself"]);
        for verdict in Verdict::ALL.into_iter().filter(|verdict| verdict.is_failing()) {
            let mut failing = cluster(4, "", None);
            failing.resolvers[0].verdict = verdict;
            let expected = format!("ns1 is not well ({}): ns1 is as it is", verdict.as_str());
            assert_eq!(words(&failing, Step::Rebuilt(0)), std::slice::from_ref(&expected));
            assert_eq!(words(&failing, Step::Rebuild(1)), [expected]);
        }
    }

    #[test]
    fn where_nothing_is_resolved_from_outside_exits_do_not_matter() {
        let mut authoritative = cluster(2, "", None);
        authoritative.independent_exits = None;
        for resolver in &mut authoritative.resolvers {
            (resolver.is_exit, resolver.resolves, resolver.path_known) = (false, false, false);
        }
        for step in [Step::Rebuild(0), Step::Rebuilt(0), Step::Done] {
            assert!(words(&authoritative, step).is_empty(), "{step:?}");
        }
        authoritative.resolvers[1].verdict = Verdict::Down;
        assert_eq!(words(&authoritative, Step::Rebuild(0)), ["ns2 is not well (down): ns2 is as it is"]);
    }
}
