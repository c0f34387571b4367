//! The forwarding graph as text: every way out, and below it those whose questions leave there.

use std::collections::BTreeSet;

use crate::graph::{Edge, Graph};
use crate::report::json::{ClusterPaths, ResolverPaths};

/// One cluster.
pub(super) fn draw(cluster: &ClusterPaths) -> String {
    let mut tree =
        Tree { cluster, direct: cluster.graph().direct_edges(), shown: BTreeSet::new(), text: String::new() };
    tree.line(
        0,
        &format!("{} ({}): {}. {}", cluster.cluster, cluster.datacenter, cluster.state.as_str(), cluster.sentence),
    );
    tree.counts();
    tree.ways(&cluster.graph());
    tree.coverage();
    tree.text
}

struct Tree<'a> {
    cluster: &'a ClusterPaths,
    direct: Vec<Edge>,
    /// Resolvers that have their line already.
    shown: BTreeSet<usize>,
    text: String,
}

impl Tree<'_> {
    fn line(&mut self, depth: usize, text: &str) {
        self.text += &"  ".repeat(depth);
        self.text += text;
        self.text.push('\n');
    }

    fn counts(&mut self) {
        let (resolvers, min) = (self.cluster.resolvers.len(), self.cluster.min_independent_exits);
        if let Some(exits) = self.cluster.independent_exits {
            let last =
                self.cluster.last_exit.as_ref().map(|last| format!("; the last one is {last}")).unwrap_or_default();
            self.line(1, &format!("independent exits: {exits}, of {resolvers} resolvers; {min} are wanted{last}"));
        }
        for circle in &self.cluster.circles {
            let names = circle.iter().chain(circle.first()).map(String::as_str).collect::<Vec<_>>().join(" > ");
            self.line(1, &format!("circle: {names}"));
        }
    }

    /// Begins where questions end: at those who forward to nobody, then at circles.
    fn ways(&mut self, graph: &Graph) {
        let everybody = || 0..self.cluster.resolvers.len();
        let ends: Vec<usize> = everybody().filter(|place| graph.siblings_of(*place).next().is_none()).collect();
        let in_circles: Vec<usize> = graph.cycles().into_iter().flatten().collect();
        for place in ends.into_iter().chain(in_circles) {
            if !self.shown.contains(&place) {
                self.branch(1, place, "");
            }
        }
    }

    /// A resolver, and below it those that forward to it. Each is written out once.
    fn branch(&mut self, depth: usize, place: usize, how: &str) {
        let seen = &self.cluster.resolvers[place];
        if !self.shown.insert(place) {
            let again = format!("{}{how} (see above)", seen.resolver);
            self.line(depth, &again);
            return;
        }
        let line = format!("{}{how}: {}", seen.resolver, self.words(seen));
        self.line(depth, &line);
        let into: Vec<Edge> =
            self.direct.iter().filter(|edge| edge.to == place && edge.from != place).copied().collect();
        for edge in into {
            let method = edge.method.as_str();
            let twice = if edge.twice { "" } else { ", once" };
            let how = format!(" forwards to {} ({method}{twice})", self.cluster.resolvers[place].resolver);
            self.branch(depth + 1, edge.from, &how);
        }
    }

    fn words(&self, seen: &ResolverPaths) -> String {
        let exit = if self.cluster.last_exit.as_ref() == Some(&seen.resolver) {
            "last exit, "
        } else if seen.is_exit && seen.path_known {
            "exit, "
        } else if seen.is_exit {
            "exit as far as can be seen, "
        } else {
            ""
        };
        format!("{exit}{} ({})", seen.verdict.as_str(), seen.confidence.as_str())
    }

    /// Where nothing would tell.
    fn coverage(&mut self) {
        let unseen = self.cluster.resolvers.iter().filter(|seen| !seen.path_known).map(|seen| seen.resolver.as_str());
        let unseen: Vec<&str> = unseen.collect();
        if self.cluster.independent_exits.is_some() && !unseen.is_empty() {
            let names = unseen.join(", ");
            self.line(
                1,
                &format!("not seen: where {names} would forward to. Tracer zones show it: fathom tracer-config"),
            );
        }
        if self.cluster.traced_at.is_none() {
            self.line(1, "no round of questions is complete yet");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::json::tests::cluster;
    use crate::verdict::Verdict;

    #[test]
    fn a_chain_hangs_below_its_exit() {
        let mut chain = cluster(4, "12 23", None);
        chain.resolvers[3].path_known = false;
        let expected = "\
c1 (dc1): healthy. All is as it is.
  independent exits: 2, of 4 resolvers; 2 are wanted
  ns3: exit, ok (confirmed)
    ns2 forwards to ns3 (tracer): forwards_to_sibling (confirmed)
      ns1 forwards to ns2 (tracer): forwards_to_sibling (confirmed)
  ns4: exit as far as can be seen, ok (confirmed)
  not seen: where ns4 would forward to. Tracer zones show it: fathom tracer-config
";
        assert_eq!(draw(&chain), expected);
    }

    #[test]
    fn a_ring_is_written_once_around() {
        let expected = "\
c1 (dc1): healthy. All is as it is.
  independent exits: 0, of 3 resolvers; 2 are wanted
  circle: ns1 > ns2 > ns1
  ns1: loop_suspected (confirmed)
    ns2 forwards to ns1 (tracer): loop_suspected (confirmed)
      ns1 forwards to ns2 (tracer) (see above)
    ns3 forwards to ns1 (tracer): loop_suspected (confirmed)
";
        assert_eq!(draw(&cluster(3, "12 21 31", Some(Verdict::LoopSuspected))), expected);
    }

    #[test]
    fn whatever_the_graph_everybody_has_a_line() {
        for pairs in ["", "11", "12 13 23", "12 21", "12 23 31", "12 21 34 43", "12 23 24 34 42", "33 13 23"] {
            let text = draw(&cluster(4, pairs, None));
            for name in ["ns1", "ns2", "ns3", "ns4"] {
                assert_eq!(
                    text.lines().filter(|line| line.trim().starts_with(name) && !line.contains("see above")).count(),
                    1,
                    "{pairs}\n{text}"
                );
            }
        }
    }
}
