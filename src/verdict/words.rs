//! Verdicts in sentences that a tired person understands. Pure.

use super::situation::{Cold, Leads, Situation};
use super::{ClusterState, Confidence, Verdict};
use crate::estate::{Cluster, DomainName, Label};
use crate::graph::Graph;

/// What the sentences speak of.
#[derive(Debug, Clone, Copy)]
pub struct Scene<'a> {
    /// The cluster.
    pub cluster: &'a Cluster,
    /// Who forwards to whom.
    pub graph: &'a Graph,
}

impl Scene<'_> {
    fn name(&self, resolver: usize) -> &Label {
        &self.cluster.resolvers[resolver].name
    }

    /// "ns1, ns2 and ns3".
    fn list(&self, resolvers: &[usize]) -> String {
        and(resolvers.iter().map(|resolver| self.name(*resolver).to_string()).collect())
    }

    /// "ns1 > ns2 > ns1".
    fn circle(&self, members: &[usize]) -> String {
        let names: Vec<String> = members.iter().map(|member| self.name(*member).to_string()).collect();
        format!("{} > {}", names.join(" > "), names[0])
    }

    /// The circle that a resolver is in or leads into.
    fn circle_of(&self, resolver: usize) -> Option<Vec<usize>> {
        let mut ahead = std::iter::once(resolver).chain(self.graph.siblings_of(resolver));
        ahead.find_map(|member| self.graph.cycle_of(member))
    }

    /// The first sibling on a resolver's way, and those behind it.
    fn way(&self, resolver: usize) -> String {
        let direct = self.graph.direct_edges().into_iter().filter(|edge| edge.from == resolver).map(|edge| edge.to);
        let direct: Vec<usize> = direct.collect();
        let behind: Vec<usize> = self.graph.siblings_of(resolver).filter(|to| !direct.contains(to)).collect();
        match (direct.is_empty(), behind.is_empty()) {
            (true, _) => self.list(&behind),
            (false, true) => self.list(&direct),
            (false, false) => format!("{}, and through it to {}", self.list(&direct), self.list(&behind)),
        }
    }

    /// Which names fail, and which do not.
    fn impact(&self) -> String {
        let zones = and(self.cluster.zones.iter().map(DomainName::to_string).collect());
        if zones.is_empty() {
            "Names that are in no cache fail.".to_owned()
        } else {
            format!("Names outside {zones} fail; names inside answer.")
        }
    }

    /// One sentence or two about a resolver.
    pub fn of_resolver(&self, resolver: usize, verdict: Verdict, confidence: Confidence, seen: &Situation) -> String {
        let name = self.name(resolver);
        match verdict {
            Verdict::Unknown => format!("Nothing is known of {name} yet."),
            Verdict::Ok if !seen.cold.resolves() => format!("{name} answers."),
            Verdict::Ok if seen.leads == Leads::Unknown => {
                format!("{name} resolves; nothing tells whether it has a way out of its own.")
            }
            Verdict::Ok => format!("{name} resolves, and has a way out of its own."),
            Verdict::ForwardsToSibling => {
                format!("{name} forwards to {}. Everything works, but it has lost its own way out.", self.way(resolver))
            }
            Verdict::CycleWithExit => match self.circle_of(resolver) {
                Some(members) => format!(
                    "{} forward in a circle ({}) that still has a way out: it works through luck.",
                    self.list(&members),
                    self.circle(&members)
                ),
                None => format!("{name} forwards into a circle that still has a way out: it works through luck."),
            },
            // Only part of the way back: one good round may be luck.
            Verdict::LoopSuspected | Verdict::DeadEnd | Verdict::RecursionFailing if seen.cold == Cold::Works => {
                format!("{name} resolves again. It counts as {} until three rounds are good.", verdict.as_str())
            }
            Verdict::LoopSuspected => self.of_loop(resolver, confidence),
            Verdict::DeadEnd if seen.leads == Leads::ToDeadEnd => {
                format!("{name} forwards to {}, where the way ends. {}", self.way(resolver), self.impact())
            }
            Verdict::DeadEnd => {
                // No tracer tells a way to itself from one to nowhere, and both fail by the same timers.
                let how = if seen.cold == Cold::FailsFast {
                    "refuses, fails or is not there"
                } else {
                    "does not answer, or to itself"
                };
                format!("{name} forwards to something that {how}. {}", self.impact())
            }
            Verdict::RecursionFailing => format!("{name} does not resolve; why is not known yet. {}", self.impact()),
            Verdict::RecursionRefused => {
                format!("{name} refuses to resolve for this prober: an access list, or recursion is off.")
            }
            Verdict::UpstreamFailing if seen.cold == Cold::OneParentFails => {
                format!("{name} resolves, but not under every parent: the authority of some names outside fails.")
            }
            Verdict::UpstreamFailing => {
                format!(
                    "{name} does not resolve, and no sibling is on its way: what lies outside fails. {}",
                    self.impact()
                )
            }
            Verdict::DnssecFailing if seen.cold.resolves() => {
                format!("{name} resolves, but some names only with checking disabled: their chain of trust is broken.")
            }
            Verdict::DnssecFailing => {
                format!("{name} answers only with checking disabled: validation fails (keys, signatures or the clock).")
            }
            Verdict::StaleMasking => {
                format!(
                    "{name} serves from its cache what it can no longer refresh: an outage that clients do not see yet."
                )
            }
            Verdict::AuthorityFailing => format!("{name} does not answer for its own zones as it should."),
            Verdict::WrongAnswers => format!("{name} answers, but not what was given outside."),
            Verdict::Lossy => format!("Packets from or to {name} are lost."),
            Verdict::Slow => format!("{name} resolves, but takes far longer than it used to."),
            Verdict::Unreachable => format!("Nothing comes back from {name}, neither over UDP nor over TCP."),
            Verdict::Down => format!("Nobody listens at {name}: the host is up, the server is not."),
            Verdict::ProberFault => "The prober itself cannot see: nothing is said of the resolvers.".to_owned(),
        }
    }

    fn of_loop(&self, resolver: usize, confidence: Confidence) -> String {
        let name = self.name(resolver);
        let datacenter = &self.cluster.datacenter;
        let Some(members) = self.circle_of(resolver).filter(|_| confidence > Confidence::Suspected) else {
            return format!(
                "{name} fails as in a circle of forwarders, while what lies outside is well. A dead end is not excluded. {}",
                self.impact()
            );
        };
        let likely = if confidence == Confidence::Confirmed { "" } else { "most likely " };
        let (circle, impact) = (self.circle(&members), self.impact());
        if !members.contains(&resolver) {
            format!("{name} {likely}forwards into a circle ({circle}); no query leaves {datacenter}. {impact}")
        } else if members.len() == 1 {
            format!("{name} {likely}forwards to itself; its queries never leave {datacenter}. {impact}")
        } else {
            let who = self.list(&members);
            format!("{who} {likely}forward in a circle ({circle}); no query leaves {datacenter}. {impact}")
        }
    }

    /// One sentence or two about the cluster. `worst` is the sentence about the resolver whose verdict says most.
    pub fn of_cluster(&self, state: ClusterState, exits: usize, last_exit: Option<usize>, worst: &str) -> String {
        let size = self.cluster.resolvers.len();
        match state {
            ClusterState::Unknown => format!("Nothing is known of {} yet.", self.cluster.name),
            ClusterState::Healthy if self.cluster.recursive && size > 1 => {
                format!("All {size} resolvers answer, and {exits} have a way out of their own.")
            }
            ClusterState::Healthy => format!("All {size} resolvers answer."),
            ClusterState::Latent => format!("{worst} {exits} of {size} independent exits are left."),
            ClusterState::Fragile => match last_exit {
                Some(last) => {
                    let last = self.name(last);
                    format!(
                        "{last} is the last exit: without it no name from outside resolves. Do not touch {last}. {worst}"
                    )
                }
                None => format!("One exit is left. {worst}"),
            },
            ClusterState::Critical => format!("No exit is left: only caches still answer. {worst}"),
            ClusterState::Blind => format!("{worst} What clients see is not known."),
            ClusterState::Outage | ClusterState::Partial => worst.to_owned(),
        }
    }
}

/// "a", "a and b", "a, b and c".
fn and(mut words: Vec<String>) -> String {
    let Some(last) = words.pop() else { return String::new() };
    if words.is_empty() { last } else { format!("{} and {last}", words.join(", ")) }
}
