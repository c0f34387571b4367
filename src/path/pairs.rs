//! Which tracers are asked where in one round. In a small cluster all of them; in a large one, where their number grows
//! with the square of its size, those that matter most and a part of the others, so that every round fits the budget.

use rand::seq::SliceRandom;

/// Pairs asked in one round at most: all of a cluster of fourteen.
const MOST: usize = 200;

/// What is known of one pair: asked at `from` for the tracer of `to`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Pair {
    pub from: usize,
    pub to: usize,
    /// It was seen to be an edge.
    pub edge: bool,
    /// It was asked since `from` was built.
    pub asked: bool,
}

/// The pairs of this round: everybody's own tracer, known edges, what was not asked yet, and by chance of all others.
pub(super) fn choose(mut pairs: Vec<Pair>) -> Vec<(usize, usize)> {
    if pairs.len() > MOST {
        pairs.shuffle(&mut rand::rng());
        pairs.sort_by_key(|pair| (pair.from != pair.to, !pair.edge, pair.asked));
        let own = pairs.iter().filter(|pair| pair.from == pair.to).count();
        // However many edges there are, others get their turn.
        let edges = pairs.iter().filter(|pair| pair.edge).count().min(MOST / 2);
        let others = pairs.split_off(own + edges);
        let rest = others.into_iter().filter(|pair| !pair.edge);
        pairs.extend(rest.take(MOST.saturating_sub(own + edges)));
    }
    pairs.into_iter().map(|pair| (pair.from, pair.to)).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn all(size: usize, edge: impl Fn(usize, usize) -> bool, asked: impl Fn(usize) -> bool) -> Vec<Pair> {
        let pairs = (0..size).flat_map(|from| (0..size).map(move |to| (from, to)));
        pairs.map(|(from, to)| Pair { from, to, edge: edge(from, to), asked: asked(from) }).collect()
    }

    #[test]
    fn a_small_cluster_is_asked_whole() {
        assert_eq!(choose(all(14, |_, _| false, |_| true)).len(), 196);
    }

    #[test]
    fn of_a_large_one_what_matters_is_asked_in_every_round_and_everything_in_time() {
        let pairs = all(40, |from, to| to == from + 1, |from| from != 7);
        let mut seen = HashSet::new();
        for _ in 0..400 {
            let round: HashSet<_> = choose(pairs.clone()).into_iter().collect();
            assert!(round.len() <= MOST, "{}", round.len());
            assert!(
                (0..40).all(|own| round.contains(&(own, own))) && (0..39).all(|from| round.contains(&(from, from + 1)))
            );
            assert!((0..40).all(|to| round.contains(&(7, to))), "a resolver that was rebuilt is asked for all");
            seen.extend(round);
        }
        assert_eq!(seen.len(), 1600);
    }

    #[test]
    fn many_edges_leave_room_for_others() {
        let round = choose(all(40, |from, to| to > from, |_| true));
        assert_eq!(round.len(), MOST);
        assert!(round.iter().any(|(from, to)| to < from), "new edges can still be found");
    }
}
