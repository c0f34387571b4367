//! Who was seen to reach whom, for as long as that can be believed.
//!
//! A positive has a control behind it, so it is believed at once and for long. Its absence is believed only when it is
//! clean (the outside answered in the sibling's stead) and repeated: with several forwarders, one answer may well come
//! past the sibling. An edge that went and came back, with no rebuild in between, is such a way: it has to be missed more
//! often to go again. A failure or silence says nothing at all.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;

use super::Noted;
use crate::graph::{Edge, Method};

/// How long a tracer's positive is believed without being seen again.
const TRACER_LIFE: Duration = Duration::from_secs(5 * 60);

/// How long an echo from a cache is: caches are only rarely as well placed as to show an edge again, so it stays until the
/// resolver was rebuilt, or shows the contrary.
const CACHE_LIFE: Duration = Duration::from_secs(24 * 60 * 60);

/// How long an echo of failures is: it is asked for again sooner, while names fail.
const FAILURE_LIFE: Duration = Duration::from_secs(8 * 60);

/// Clean misses in a row that end an edge.
const MISSES: u8 = 3;

/// The same for one that comes and goes: each time it comes back, four times as many, up to this.
const MOST_MISSES: u8 = 48;

/// For how long it is remembered that an edge went.
const GONE_LIFE: Duration = Duration::from_secs(60 * 60);

/// Failures in a row that end a tracer's edge, where a failure can be held against it.
const FAILURES: u8 = 5;

/// What was seen of one edge by one method.
#[derive(Debug, Clone)]
struct Sighting {
    last: Instant,
    seen: u32,
    misses: u8,
    /// Clean misses in a row that end it.
    enough: u8,
    failures: u8,
    rtt: Option<Duration>,
    /// More than one accident cannot be excluded, however often it is seen.
    weak: bool,
    /// What was asked and came the last time.
    words: String,
}

/// Everything seen of a cluster's edges.
#[derive(Debug, Clone, Default)]
pub struct ReachLog {
    sightings: BTreeMap<(usize, usize, Method), Sighting>,
    /// Edges that misses ended: when, and how many it took.
    gone: BTreeMap<(usize, usize), (Instant, u8)>,
}

impl ReachLog {
    /// `from` was seen to reach `to`. A `weak` sign stays indirect however often it is seen.
    pub fn seen(&mut self, edge: (usize, usize), method: Method, rtt: Option<Duration>, weak: bool, note: Noted<()>) {
        let enough = match self.gone.get(&edge) {
            Some((at, took)) if note.at.saturating_duration_since(*at) <= GONE_LIFE => {
                took.saturating_mul(4).min(MOST_MISSES)
            }
            Some(_) | None => MISSES,
        };
        let fresh =
            Sighting { last: note.at, seen: 0, misses: 0, enough, failures: 0, rtt: None, weak, words: String::new() };
        let sighting = self.sightings.entry((edge.0, edge.1, method)).or_insert(fresh);
        sighting.last = note.at;
        sighting.words = note.words;
        sighting.seen = sighting.seen.saturating_add(1);
        sighting.misses = 0;
        sighting.failures = 0;
        sighting.weak = weak;
        sighting.rtt = [sighting.rtt, rtt].into_iter().flatten().min();
    }

    /// A clean answer came past `to`. Ends what any method has seen once it was repeated.
    pub fn missed(&mut self, from: usize, to: usize, now: Instant) {
        for method in Method::ALL {
            if let Some(sighting) = self.sightings.get_mut(&(from, to, method)) {
                sighting.misses += 1;
                let enough = sighting.enough;
                if sighting.misses >= enough {
                    self.sightings.remove(&(from, to, method));
                    self.gone.insert((from, to), (now, enough));
                }
            }
        }
    }

    /// A tracer failed, at a resolver and on a way that would not have let it fail if it still led to `to`.
    pub fn failed(&mut self, from: usize, to: usize) {
        let edge = (from, to, Method::Tracer);
        if let Some(sighting) = self.sightings.get_mut(&edge) {
            sighting.failures += 1;
            if sighting.failures >= FAILURES {
                self.sightings.remove(&edge);
            }
        }
    }

    /// What failures seemed to show of the ways from `from`, to `to` or to anybody, is not so, or not any more.
    pub fn no_failure_echo(&mut self, from: usize, to: Option<usize>) {
        let meant = |edge: usize| to.is_none_or(|to| to == edge);
        self.sightings
            .retain(|(start, end, method), _| !(*method == Method::FailureEcho && *start == from && meant(*end)));
    }

    /// `resolver` was rebuilt or restarted: where it forwards to has to be seen anew.
    pub fn forget_from(&mut self, resolver: usize) {
        self.sightings.retain(|(from, _, _), _| *from != resolver);
        self.gone.retain(|(from, _), _| *from != resolver);
    }

    /// Whether an edge was seen and is waiting to be seen a second time, or in doubt after a miss.
    pub fn wants_another_look(&self) -> bool {
        self.sightings.values().any(|sighting| (sighting.seen < 2 && !sighting.weak) || sighting.misses > 0)
    }

    /// What was asked and came when the edge was last seen by its strongest method.
    pub fn words_of(&self, from: usize, to: usize) -> Option<&str> {
        let of_edge = self.sightings.range((from, to, Method::Tracer)..=(from, to, Method::FailureEcho));
        of_edge.map(|(_, sighting)| sighting.words.as_str()).next()
    }

    /// The edges that are believed at this moment, one for each pair, by its strongest method.
    pub fn edges(&self, now: Instant) -> Vec<Edge> {
        let mut edges: BTreeMap<(usize, usize), Edge> = BTreeMap::new();
        for ((from, to, method), sighting) in &self.sightings {
            let life = match method {
                Method::Tracer | Method::Egress => TRACER_LIFE,
                Method::Echo => CACHE_LIFE,
                Method::FailureEcho => FAILURE_LIFE,
            };
            if now.saturating_duration_since(sighting.last) > life {
                continue;
            }
            let twice = sighting.seen >= 2 && !sighting.weak;
            edges
                .entry((*from, *to))
                // A second method is a second look.
                .and_modify(|edge| edge.twice = true)
                .or_insert(Edge { from: *from, to: *to, method: *method, twice, rtt: sighting.rtt });
        }
        edges.into_values().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn see(log: &mut ReachLog, edge: (usize, usize), method: Method, weak: bool) {
        log.seen(edge, method, None, weak, Noted { value: (), at: Instant::now(), words: String::new() });
    }

    #[tokio::test(start_paused = true)]
    async fn a_positive_lives_long_and_only_repeated_clean_misses_end_it() {
        let mut log = ReachLog::default();
        see(&mut log, (0, 1), Method::Tracer, false);
        assert!(!log.edges(Instant::now())[0].twice && log.wants_another_look());
        see(&mut log, (0, 1), Method::Tracer, false);
        assert!(log.edges(Instant::now())[0].twice && !log.wants_another_look());
        log.missed(0, 1, Instant::now());
        log.missed(0, 1, Instant::now());
        see(&mut log, (0, 1), Method::Tracer, false);
        log.missed(0, 1, Instant::now());
        assert_eq!(log.edges(Instant::now()).len(), 1, "misses count only in a row");
        tokio::time::advance(TRACER_LIFE + Duration::from_secs(1)).await;
        assert!(log.edges(Instant::now()).is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn three_misses_in_a_row_or_a_rebuild_end_an_edge() {
        let mut log = ReachLog::default();
        see(&mut log, (0, 1), Method::Echo, false);
        see(&mut log, (2, 1), Method::Echo, false);
        (0..3).for_each(|_| log.missed(0, 1, Instant::now()));
        assert_eq!(log.edges(Instant::now()).len(), 1);
        log.forget_from(2);
        assert!(log.edges(Instant::now()).is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn an_edge_that_comes_and_goes_stays_longer_each_time() {
        let mut log = ReachLog::default();
        let misses = |log: &mut ReachLog| {
            see(log, (0, 1), Method::Tracer, false);
            let mut misses = 0;
            while !log.edges(Instant::now()).is_empty() {
                log.missed(0, 1, Instant::now());
                misses += 1;
            }
            misses
        };
        assert_eq!([0; 4].map(|_| misses(&mut log)), [3, 12, 48, 48]);
        log.forget_from(0);
        assert_eq!(misses(&mut log), 3, "a rebuild is a new beginning");
        tokio::time::advance(GONE_LIFE + Duration::from_secs(1)).await;
        assert_eq!(misses(&mut log), 3, "long ago");
    }

    #[tokio::test(start_paused = true)]
    async fn two_methods_make_an_edge_sure_and_a_weak_one_alone_never_does() {
        let mut log = ReachLog::default();
        (0..5).for_each(|_| see(&mut log, (0, 1), Method::FailureEcho, true));
        assert!(!log.edges(Instant::now())[0].twice);
        see(&mut log, (0, 1), Method::Tracer, false);
        let edges = log.edges(Instant::now());
        assert_eq!((edges.len(), edges[0].method, edges[0].twice), (1, Method::Tracer, true));
    }
}
