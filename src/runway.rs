//! Runway: when each name from outside would be gone from each cache, if every exit died now.
//!
//! Two things tell. The time to live of the last good answer says how long its cache may keep it. A look into the cache
//! itself, without recursion, says so without keeping the name warm, and finds out where a cache has dropped it. The
//! later observation counts. Answers past their time are not counted on: whether a resolver serves them, and for how long,
//! is its own business (RFC 8767). Other clients may renew a name at any moment while exits live; afterwards nobody can.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::board::{Snapshot, TargetState};
use crate::estate::{Cluster, Label};
use crate::outcome::Outcome;
use crate::plan::{Purpose, Target};

/// Two observations of the same record may differ by this much: times to live are whole seconds.
const TOLERANCE: Duration = Duration::from_secs(2);

/// How it is known when a name is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// Its cache was asked, without recursion.
    Cache,
    /// From the time to live of the last good answer: an estimate, where the cache cannot be asked or was asked earlier.
    Answer,
}

impl Method {
    /// Every method.
    pub const ALL: [Self; 2] = [Self::Cache, Self::Answer];

    /// The word used in JSON and on pages.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Cache => "cache",
            Self::Answer => "answer",
        }
    }
}

/// The runway of one name at one resolver.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Runway {
    /// When the name is gone.
    pub gone_at: SystemTime,
    /// From now until then; zero when it is gone.
    pub left: Duration,
    /// How that is known.
    pub method: Method,
}

/// The shortest runway of a class in a cluster.
#[derive(Debug, Clone)]
pub struct Shortest {
    /// The cluster.
    pub cluster: Arc<Cluster>,
    /// The class.
    pub class: Label,
    /// The name that is gone first.
    pub name: Label,
    /// The resolver at which it is.
    pub resolver: Label,
    /// When.
    pub runway: Runway,
}

/// For each cluster and class of names from outside, what is gone first; in the order of the configuration, then by class.
/// Classes of which nothing was ever answered well are missing.
pub fn of(snapshot: &Snapshot, now: SystemTime) -> Vec<Shortest> {
    let places: HashMap<&Label, usize> =
        snapshot.estate.clusters.iter().enumerate().map(|(place, cluster)| (&cluster.name, place)).collect();
    let mut shortest: BTreeMap<(usize, &Label), Shortest> = BTreeMap::new();
    for (target, state) in &snapshot.targets {
        let Some(runway) = of_name(target, state, now) else { continue };
        let Some(place) = places.get(&target.cluster.name) else { continue };
        let key = (*place, &target.name.class);
        if shortest.get(&key).is_none_or(|known| runway.gone_at < known.runway.gone_at) {
            let found = Shortest {
                cluster: Arc::clone(&target.cluster),
                class: target.name.class.clone(),
                name: target.name.id.clone(),
                resolver: target.resolver.name.clone(),
                runway,
            };
            shortest.insert(key, found);
        }
    }
    shortest.into_values().collect()
}

/// Whether the name comes from outside, and out of a cache as long as its time to live lasts.
pub fn is_cached(target: &Target) -> bool {
    target.purpose == Purpose::Name && target.needs_recursion && !target.name.question.qname.has_nonce()
}

/// The runway of one name at one resolver, once it was answered well; nothing for names that come from no cache.
pub fn of_name(target: &Target, state: &TargetState, now: SystemTime) -> Option<Runway> {
    if !is_cached(target) {
        return None;
    }
    let answered_at = state.last_success?;
    let by_answer = answered_at + Duration::from_secs(state.answer_ttl?.into());
    let by_cache = state.look.map(|look| (look.at, look.at + Duration::from_secs(look.ttl.unwrap_or(0).into())));
    let (gone_at, method) = match by_cache {
        Some((looked_at, gone_at)) if looked_at >= answered_at || are_close(gone_at, by_answer) => {
            (gone_at, Method::Cache)
        }
        Some(_) | None => (by_answer, Method::Answer),
    };
    // A cache that held the name would have answered it.
    let failing = state.last.filter(|last| matches!(last.outcome, Outcome::Servfail | Outcome::LoopSuspected));
    let gone_at = failing.map_or(gone_at, |last| gone_at.min(last.since));
    Some(Runway { gone_at, left: gone_at.duration_since(now).unwrap_or_default(), method })
}

fn are_close(one: SystemTime, other: SystemTime) -> bool {
    one.duration_since(other).unwrap_or_else(|error| error.duration()) <= TOLERANCE
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;
    use crate::board::{Last, Look};
    use crate::config::{self, Overrides};
    use crate::plan;

    const ESTATE: &str = include_str!("../probes.toml");

    fn second(seconds: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(1_753_099_200 + seconds)
    }

    fn target(id: &str) -> Arc<Target> {
        let estate = config::parse(ESTATE, "probes.toml", &Overrides::default()).unwrap().estate;
        plan::targets(&estate).into_iter().find(|target| target.name.id.as_str() == id).unwrap()
    }

    /// Answered well at `answered` with this TTL, and looked at, when that was, with this TTL.
    fn state(answered: u64, ttl: u32, look: Option<(u64, Option<u32>)>) -> TargetState {
        TargetState {
            last_success: Some(second(answered)),
            answer_ttl: Some(ttl),
            look: look.map(|(at, ttl)| Look { at: second(at), ttl }),
            ..TargetState::default()
        }
    }

    #[test]
    fn the_later_observation_counts_and_a_look_that_agrees_is_worth_more() {
        let target = target("external-cached");
        let cases = [
            ("no look", state(0, 300, None), (300, Method::Answer)),
            ("a later look", state(0, 300, Some((60, Some(100)))), (160, Method::Cache)),
            ("dropped from the cache", state(0, 300, Some((60, None))), (60, Method::Cache)),
            ("looked at, then renewed", state(100, 300, Some((60, Some(30)))), (400, Method::Answer)),
            ("looked at, then answered from the cache", state(100, 199, Some((60, Some(240)))), (300, Method::Cache)),
        ];
        for (what, state, (gone, method)) in cases {
            let runway = of_name(&target, &state, second(50)).unwrap();
            assert_eq!((runway.gone_at, runway.method), (second(gone), method), "{what}");
            assert_eq!(runway.left, Duration::from_secs(gone.saturating_sub(50)), "{what}");
        }
        assert_eq!(of_name(&target, &TargetState::default(), second(0)), None, "never answered well");
    }

    #[test]
    fn a_name_that_fails_is_gone() {
        let mut state = state(0, 300, None);
        let mut left = |outcome| {
            state.last = Some(Last { outcome, at: second(90), since: second(60), after: None });
            of_name(&target("external-cached"), &state, second(100)).unwrap().left.as_secs()
        };
        assert_eq!([Outcome::Servfail, Outcome::LoopSuspected].map(&mut left), [0, 0]);
        assert_eq!(left(Outcome::Timeout), 200, "a packet may be lost");
    }

    #[test]
    fn names_that_come_from_no_cache_have_none() {
        for id in ["portal", "db-primary", "external-cold"] {
            assert_eq!(of_name(&target(id), &state(0, 300, None), second(0)), None, "{id}");
        }
    }

    #[test]
    fn the_class_has_the_runway_of_its_name_that_is_gone_first() {
        let estate = Arc::new(config::parse(ESTATE, "probes.toml", &Overrides::default()).unwrap().estate);
        let ttl = |target: &Target| match (target.name.id.as_str(), target.resolver.name.as_str()) {
            ("ct-log-elm", "ns3") => 100,
            ("mpic-asia", _) => 250,
            _ => 300,
        };
        let targets = plan::targets(&estate).into_iter().map(|target| {
            let state = state(0, ttl(&target), None);
            (target, state)
        });
        let snapshot = Snapshot { targets: targets.collect(), estate, resolvers: Vec::new(), reports: Vec::new() };
        let shortest = of(&snapshot, second(40));
        let shown: Vec<_> =
            shortest.iter().map(|s| (s.class.as_str(), s.name.as_str(), s.runway.left.as_secs())).collect();
        let expected = [
            ("ct_log", "ct-log-elm", 60),
            ("database", "db-replica", 260),
            ("external", "external-cached", 260),
            ("mpic", "mpic-asia", 210),
        ];
        assert_eq!(shown, expected);
        assert_eq!(shortest[0].resolver.as_str(), "ns3");
    }
}
