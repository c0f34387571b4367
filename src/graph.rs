//! The forwarding graph of a cluster: who reaches whom, in which circles, and through whom out. Pure.
//!
//! An edge `i -> j` says that a question asked at `i` was answered by, or from the cache of, `j`: `i` forwards to `j`,
//! directly or through others. Nodes are the places of the cluster's resolvers.

use std::time::Duration;

use petgraph::algo::tarjan_scc;
use petgraph::graphmap::DiGraphMap;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Circles of up to so many members are ordered by trying every order there is.
const MOST_IN_EVERY_ORDER: usize = 6;

/// Longer than any answer of a tracer takes.
const UNTIMED: Duration = Duration::from_secs(60);

/// How an edge was seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// A tracer that `to` alone serves answered at `from`.
    Tracer,
    /// A name asked at `from` came out of the network at the address of `to`.
    Egress,
    /// A name asked at `from` was then in the cache of `to`.
    Echo,
    /// A name that failed at `from` was then in the failure cache of `to`.
    FailureEcho,
}

impl Method {
    /// Every method, strongest first.
    pub const ALL: [Self; 4] = [Self::Tracer, Self::Egress, Self::Echo, Self::FailureEcho];

    /// The word used in labels, tables and JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Tracer => "tracer",
            Self::Egress => "egress",
            Self::Echo => "echo",
            Self::FailureEcho => "failure_echo",
        }
    }
}

/// `from` forwards to `to`, directly or through others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Edge {
    /// Where the question was asked.
    pub from: usize,
    /// Who handled it.
    pub to: usize,
    /// The strongest way in which that was seen.
    pub method: Method,
    /// Seen twice, or in two ways: more than one accident.
    pub twice: bool,
    /// The shortest answer time of a tracer: with each hop more it grows.
    pub rtt: Option<Duration>,
}

/// Who reaches whom in one cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Graph {
    /// For each place, the first place that is the same server: one server may have several addresses.
    server: Vec<usize>,
    edges: Vec<Edge>,
    /// `closure[i][j]`: `i` reaches `j` over one edge or more.
    closure: Vec<Vec<bool>>,
    /// The strongly connected components, each sorted.
    components: Vec<Vec<usize>>,
}

impl Graph {
    /// The graph of `size` resolvers, each a server of its own, with these edges.
    pub fn new(size: usize, edges: impl IntoIterator<Item = Edge>) -> Self {
        Self::of_servers((0..size).collect(), edges)
    }

    /// The graph of resolvers of which some are the same server: `server` says for each place the first place that is.
    /// Edges between addresses of one server, and from or to places that do not exist, are left out.
    pub fn of_servers(server: Vec<usize>, edges: impl IntoIterator<Item = Edge>) -> Self {
        let size = server.len();
        let mut edges: Vec<Edge> = edges.into_iter().filter(|edge| edge.from < size && edge.to < size).collect();
        edges.retain(|edge| edge.from == edge.to || server[edge.from] != server[edge.to]);
        for edge in &mut edges {
            (edge.from, edge.to) = (server[edge.from], server[edge.to]);
        }
        let mut map = DiGraphMap::<usize, ()>::new();
        for node in &server {
            map.add_node(*node);
        }
        for edge in &edges {
            map.add_edge(edge.from, edge.to, ());
        }
        let mut components = tarjan_scc(&map);
        for members in &mut components {
            members.sort_unstable();
        }
        components.sort_unstable();
        let pairs: Vec<(usize, usize)> = edges.iter().map(|edge| (edge.from, edge.to)).collect();
        let closure = (0..size).map(|from| reachable(size, from, &pairs)).collect();
        Self { server, edges, closure, components }
    }

    /// How many resolvers there are.
    pub fn size(&self) -> usize {
        self.server.len()
    }

    /// Every edge that was seen.
    pub fn edges(&self) -> &[Edge] {
        &self.edges
    }

    /// Whether `from` forwards to `to`, directly or through others.
    pub fn reaches(&self, from: usize, to: usize) -> bool {
        self.closure[self.server[from]][self.server[to]]
    }

    /// The others that `from` forwards to, directly or through others.
    pub fn siblings_of(&self, from: usize) -> impl Iterator<Item = usize> + '_ {
        let from = self.server[from];
        (0..self.size()).filter(move |to| *to != from && self.closure[from][*to])
    }

    /// The circle that `node` is part of, itself included, in the order in which it most likely forwards.
    pub fn cycle_of(&self, node: usize) -> Option<Vec<usize>> {
        let members = self.component_of(node);
        (members.len() > 1 || self.reaches(node, node)).then(|| self.in_order(members))
    }

    /// Every circle, each in the order in which it most likely forwards, beginning with its first resolver.
    pub fn cycles(&self) -> Vec<Vec<usize>> {
        self.components.iter().filter_map(|members| self.cycle_of(members[0])).collect()
    }

    /// Whether every step around the circle of `node` was seen more than once or in more than one way.
    pub fn cycle_seen_twice(&self, node: usize) -> bool {
        let (node, members) = (self.server[node], self.component_of(node));
        let strong = self.pairs(|edge| edge.twice);
        let reach = reachable(self.size(), node, &strong);
        members.iter().all(|member| reach[*member] && reachable(self.size(), *member, &strong)[node])
    }

    /// Whether `from` is seen to forward to `to` over edges of this method alone.
    pub fn reaches_by(&self, from: usize, to: usize, method: Method) -> bool {
        reachable(self.size(), self.server[from], &self.pairs(|edge| edge.method == method))[self.server[to]]
    }

    /// The edges without those that others explain: `a -> c` is left out where `a -> b -> c` was seen. Inside a circle
    /// the steps in the order in which it most likely forwards.
    pub fn direct_edges(&self) -> Vec<Edge> {
        let mut direct: Vec<Edge> = Vec::new();
        for cycle in self.cycles() {
            let steps = cycle.iter().zip(cycle.iter().cycle().skip(1));
            direct.extend(steps.map(|(from, to)| self.edge_or_inferred(*from, *to)));
        }
        for from in &self.components {
            for to in &self.components {
                if from == to || !self.reaches(from[0], to[0]) {
                    continue;
                }
                let through = |middle: &Vec<usize>| {
                    middle != from && middle != to && self.reaches(from[0], middle[0]) && self.reaches(middle[0], to[0])
                };
                if !self.components.iter().any(through) {
                    let between = self.edges.iter().filter(|e| from.contains(&e.from) && to.contains(&e.to));
                    direct.extend(between.min_by_key(|edge| edge.rtt.unwrap_or(Duration::MAX)));
                }
            }
        }
        direct.sort_by_key(|edge| (edge.from, edge.to));
        direct
    }

    /// How many independent ways out there are: components that forward to nobody else and still resolve. A lower
    /// bound, since a resolver with a sibling and a way of its own hides the latter.
    pub fn independent_exits(&self, resolves: &[bool]) -> usize {
        self.sinks().filter(|members| self.any_resolves(members, resolves)).count()
    }

    /// Whether `node` gets answers from outside without the help of a sibling.
    pub fn is_exit(&self, node: usize, resolves: &[bool]) -> bool {
        resolves[node] && self.closure[self.server[node]].iter().all(|reached| !reached)
    }

    /// The one exit without which the cluster has no way out, of several resolvers.
    pub fn last_exit(&self, resolves: &[bool]) -> Option<usize> {
        let mut exits = (0..self.size()).filter(|node| self.is_exit(*node, resolves));
        let only = exits.next()?;
        let alone = exits.all(|other| self.server[other] == self.server[only]);
        (alone && self.components.len() > 1 && self.independent_exits(resolves) == 1).then_some(only)
    }

    /// Who would lose the way out if `node` were taken away, `node` itself left aside.
    pub fn stranded_without(&self, node: usize, resolves: &[bool]) -> Vec<usize> {
        let node = self.server[node];
        let direct: Vec<(usize, usize)> =
            self.direct_edges().iter().map(|e| (e.from, e.to)).filter(|(a, b)| *a != node && *b != node).collect();
        let sinks: Vec<&Vec<usize>> =
            self.sinks().filter(|members| **members != [node] && self.any_resolves(members, resolves)).collect();
        let saved = |from: usize| {
            let from = self.server[from];
            let reach = reachable(self.size(), from, &direct);
            sinks.iter().any(|members| members.contains(&from) || members.iter().any(|member| reach[*member]))
        };
        (0..self.size()).filter(|other| self.server[*other] != node && resolves[*other] && !saved(*other)).collect()
    }

    fn pairs(&self, wanted: impl Fn(&Edge) -> bool) -> Vec<(usize, usize)> {
        self.edges.iter().filter(|edge| wanted(edge)).map(|edge| (edge.from, edge.to)).collect()
    }

    /// Whether some address of some member resolves.
    fn any_resolves(&self, members: &[usize], resolves: &[bool]) -> bool {
        (0..self.size()).any(|place| resolves[place] && members.contains(&self.server[place]))
    }

    fn sinks(&self) -> impl Iterator<Item = &Vec<usize>> {
        let leaves = |members: &Vec<usize>| {
            (0..self.size()).any(|other| !members.contains(&other) && self.closure[members[0]][other])
        };
        self.components.iter().filter(move |members| !leaves(members))
    }

    fn component_of(&self, node: usize) -> &[usize] {
        let node = self.server[node];
        self.components.iter().find(|members| members.contains(&node)).map_or(&[], |members| members)
    }

    /// The members of a circle in the order whose steps take the least time in all. One answer that was late by chance
    /// matters little to the sum.
    fn in_order(&self, members: &[usize]) -> Vec<usize> {
        if members.len() > MOST_IN_EVERY_ORDER {
            return self.by_the_nearest(members);
        }
        // A step seen without a time, or not at all, is none that should be taken.
        let step = |from: usize, to: usize| {
            let seen = self.edges.iter().filter(|edge| edge.from == from && edge.to == to);
            seen.map(|edge| edge.rtt.unwrap_or(UNTIMED)).min().unwrap_or(2 * UNTIMED)
        };
        let length = |order: &Vec<usize>| {
            order.iter().zip(order.iter().cycle().skip(1)).map(|(from, to)| step(*from, *to)).sum::<Duration>()
        };
        let mut orders = vec![members[..1].to_vec()];
        for _ in 1..members.len() {
            let longer = |order: &Vec<usize>| {
                let next = members.iter().filter(|member| !order.contains(member));
                next.map(|member| [order.as_slice(), &[*member]].concat()).collect::<Vec<_>>()
            };
            orders = orders.iter().flat_map(longer).collect();
        }
        orders.into_iter().min_by_key(length).unwrap_or_default()
    }

    /// The members of a large circle, each followed by the one whose tracer answers it soonest.
    fn by_the_nearest(&self, members: &[usize]) -> Vec<usize> {
        let mut left: Vec<usize> = members.to_vec();
        let mut order = vec![left.remove(0)];
        while let Some(at) = order.last().copied().filter(|_| !left.is_empty()) {
            // Seen with a time comes before seen without, and that before not seen at all.
            let distance = |to: usize| {
                let seen = self.edges.iter().filter(|edge| edge.from == at && edge.to == to);
                seen.map(|edge| (0, edge.rtt.is_none(), edge.rtt)).min().unwrap_or((1, true, None))
            };
            let nearest = (0..left.len()).min_by_key(|place| distance(left[*place]));
            order.push(left.remove(nearest.unwrap_or(0)));
        }
        order
    }

    fn edge_or_inferred(&self, from: usize, to: usize) -> Edge {
        let seen = self.edges.iter().find(|edge| (edge.from, edge.to) == (from, to));
        // The order inside a circle is inferred, so a step of it need not have been seen by itself.
        seen.copied().unwrap_or(Edge { from, to, method: Method::Tracer, twice: false, rtt: None })
    }
}

/// What can be reached from `from` over one edge or more.
fn reachable(size: usize, from: usize, edges: &[(usize, usize)]) -> Vec<bool> {
    let mut reached = vec![false; size];
    let mut todo = vec![from];
    while let Some(node) = todo.pop() {
        for (_, to) in edges.iter().filter(|(start, _)| *start == node) {
            if !reached[*to] {
                reached[*to] = true;
                todo.push(*to);
            }
        }
    }
    reached
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A graph from pairs such as `"12 23"`, counted from one as the resolvers of the incident are.
    fn graph(size: usize, pairs: &str) -> Graph {
        let digit = |c: u8| usize::from(c - b'1');
        let edge = |pair: &str| Edge {
            from: digit(pair.as_bytes()[0]),
            to: digit(pair.as_bytes()[1]),
            method: Method::Tracer,
            twice: true,
            rtt: None,
        };
        Graph::new(size, pairs.split_whitespace().map(edge))
    }

    fn pairs(edges: &[Edge]) -> Vec<(usize, usize)> {
        edges.iter().map(|edge| (edge.from + 1, edge.to + 1)).collect()
    }

    #[test]
    fn the_incident_loses_an_exit_with_every_rebuild() {
        let all = [true; 4];
        let stages = [("", 4, None), ("12", 3, None), ("12 23", 2, None), ("12 23 34", 1, Some(3))];
        for (edges, exits, last) in stages {
            let graph = graph(4, edges);
            assert_eq!((graph.independent_exits(&all), graph.last_exit(&all)), (exits, last), "{edges}");
            assert!(graph.cycles().is_empty());
        }
        let ring = graph(4, "12 23 34 41");
        assert_eq!(ring.independent_exits(&[false; 4]), 0);
        assert_eq!(ring.cycles(), [[0, 1, 2, 3]]);
        assert!(ring.cycle_seen_twice(2));
    }

    #[test]
    fn edges_that_others_explain_are_left_out() {
        assert_eq!(pairs(&graph(4, "12 13 14 23 24 34").direct_edges()), [(1, 2), (2, 3), (3, 4)]);
        assert_eq!(pairs(&graph(4, "12 13 23 32").direct_edges()), [(1, 2), (2, 3), (3, 2)], "a tail into a ring");
    }

    #[test]
    fn a_resolver_that_forwards_to_itself_is_a_circle_of_one() {
        let graph = graph(2, "11");
        assert_eq!(graph.cycles(), [[0]]);
        assert_eq!(graph.siblings_of(0).count(), 0);
        assert!(!graph.is_exit(0, &[true, true]));
    }

    #[test]
    fn a_circle_is_told_in_the_order_of_its_answer_times() {
        let rtt = |from: usize, to: usize| Some(Duration::from_micros(100 * ((4 + from - to) % 4) as u64));
        let all = (0..4).flat_map(|from| (0..4).map(move |to| (from, to))).filter(|(from, to)| from != to);
        let edges = all.map(|(from, to)| Edge { from, to, method: Method::Tracer, twice: true, rtt: rtt(from, to) });
        assert_eq!(Graph::new(4, edges).cycles(), [[0, 3, 2, 1]], "1 > 4 > 3 > 2 > 1");
    }

    #[test]
    fn one_late_answer_does_not_change_the_order() {
        let rtt = |from: usize, to: usize| Duration::from_micros(100 * ((4 + to - from) % 4) as u64);
        let late = |from, to| if (from, to) == (0, 1) { Duration::from_micros(250) } else { rtt(from, to) };
        let all = (0..4).flat_map(|from| (0..4).map(move |to| (from, to))).filter(|(from, to)| from != to);
        let edge = |(from, to)| Edge { from, to, method: Method::Tracer, twice: true, rtt: Some(late(from, to)) };
        assert_eq!(Graph::new(4, all.map(edge)).cycles(), [[0, 1, 2, 3]], "1 > 2 > 3 > 4 > 1");
    }

    #[test]
    fn two_rings_and_a_tail_are_told_apart() {
        let graph = graph(5, "12 21 34 43 53");
        assert_eq!(graph.cycles(), [[0, 1], [2, 3]]);
        assert_eq!(graph.siblings_of(4).collect::<Vec<_>>(), [2, 3]);
        assert!(graph.cycle_of(4).is_none());
    }

    #[test]
    fn two_addresses_of_one_server_are_one_exit_and_no_circle() {
        let edge = |from, to| Edge { from, to, method: Method::Tracer, twice: true, rtt: None };
        // Places 1 and 2 are one server, which the resolver at place 0 forwards to over its second address.
        let graph = Graph::of_servers(vec![0, 1, 1], [edge(0, 2), edge(1, 2), edge(2, 1)]);
        assert_eq!((graph.independent_exits(&[true; 3]), graph.cycles().len()), (1, 0));
        assert!(graph.reaches(0, 1) && graph.reaches(0, 2));
        assert_eq!(graph.last_exit(&[true; 3]), Some(1));
        assert_eq!(graph.stranded_without(2, &[true; 3]), [0]);
    }

    #[test]
    fn who_is_stranded_when_a_resolver_is_taken_away() {
        let all = [true; 4];
        assert_eq!(graph(4, "12 23 34").stranded_without(3, &all), [0, 1, 2]);
        assert_eq!(graph(4, "12 23 34").stranded_without(1, &all), [0]);
        assert!(graph(4, "").stranded_without(0, &all).is_empty());
        assert_eq!(graph(3, "12 13 23").stranded_without(1, &[true; 3]), [0], "1 > 3 was explained by 1 > 2 > 3");
    }
}
