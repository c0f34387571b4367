//! How often what changes is written down: at once as a rule, and no more than once a minute what goes back and forth.
//!
//! A change is held until it has lasted for a moment, and until some time after the last one of the same thing, which
//! doubles from change to change. So a burst becomes a few lines, with the number of changes in each, and whatever the
//! network does the journal grows by no more than a line a minute for each thing that is watched.

use std::collections::{HashMap, HashSet};
use std::hash::Hash;
use std::time::{Duration, SystemTime};

use tokio::time::Instant;

/// The shortest time between two lines about the same thing.
const SHORTEST_GAP: Duration = Duration::from_secs(1);

/// The longest time that a change is held.
const LONGEST_GAP: Duration = Duration::from_secs(60);

/// After this time without a line, the next change is written at once again.
const CALM: Duration = Duration::from_secs(120);

/// What is watched, by key.
#[derive(Debug)]
pub(super) struct Paced<K, V> {
    settle: Duration,
    held: HashMap<K, Held<V>>,
    pending: HashSet<K>,
}

#[derive(Debug)]
struct Held<V> {
    /// What the last line said; nothing before the first.
    written: Option<V>,
    now: V,
    /// When it first became something else than what was written.
    changed: Option<(Instant, SystemTime)>,
    changes: u32,
    gap: Duration,
    last_line: Option<Instant>,
}

/// One line that is to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Step<K, V> {
    pub key: K,
    pub from: Option<V>,
    pub to: V,
    /// When the change began.
    pub at: SystemTime,
    /// How many changes it is.
    pub changes: u32,
}

impl<K: Clone + Eq + Hash + Ord, V: Clone + PartialEq> Paced<K, V> {
    /// Changes are held for `settle` at first.
    pub(super) fn new(settle: Duration) -> Self {
        Self { settle, held: HashMap::new(), pending: HashSet::new() }
    }

    /// Takes what is so without a line about it.
    pub(super) fn begin(&mut self, key: K, value: V) {
        let held = Held {
            written: Some(value.clone()),
            now: value,
            changed: None,
            changes: 0,
            gap: SHORTEST_GAP,
            last_line: None,
        };
        self.held.insert(key, held);
    }

    /// What is so now, as far as that is known.
    pub(super) fn get(&self, key: &K) -> Option<&V> {
        self.held.get(key).map(|held| &held.now)
    }

    /// Every key, in no order.
    pub(super) fn keys(&self) -> impl Iterator<Item = &K> {
        self.held.keys()
    }

    /// Takes what is so now.
    pub(super) fn set(&mut self, key: K, value: V, now: Instant, at: SystemTime) {
        let held = self.held.entry(key.clone()).or_insert_with(|| Held {
            written: None,
            now: value.clone(),
            changed: None,
            changes: 0,
            gap: SHORTEST_GAP,
            last_line: None,
        });
        if held.now == value && (held.changed.is_some() || held.written.is_some()) {
            // The words may have changed.
            held.now = value;
            return;
        }
        held.now = value;
        held.changes = held.changes.saturating_add(1);
        held.changed.get_or_insert((now, at));
        self.pending.insert(key);
    }

    /// Forgets what is watched no longer.
    pub(super) fn retain(&mut self, keep: impl Fn(&K) -> bool) {
        self.held.retain(|key, _| keep(key));
        self.pending.retain(|key| keep(key));
    }

    /// The lines whose time has come, in the order of their changes; with `all`, every one that is held.
    pub(super) fn due(&mut self, now: Instant, all: bool) -> Vec<Step<K, V>> {
        let settle = self.settle;
        let held = &mut self.held;
        let ready = |key: &K| {
            let held = held.get_mut(key)?;
            let (since, at) = held.changed?;
            let after_last = held.last_line.map_or(since, |last| last + held.gap);
            if !all && now < after_last.max(since + settle) {
                return None;
            }
            let calm = held.last_line.is_none_or(|last| now - last > CALM);
            held.gap = if calm { SHORTEST_GAP } else { (held.gap * 2).min(LONGEST_GAP) };
            held.last_line = Some(now);
            held.changed = None;
            let from = held.written.replace(held.now.clone());
            let changes = std::mem::take(&mut held.changes);
            Some(Step { key: key.clone(), from, to: held.now.clone(), at, changes })
        };
        let mut steps: Vec<Step<K, V>> = self.pending.iter().filter_map(ready).collect();
        for step in &steps {
            self.pending.remove(&step.key);
        }
        steps.sort_by(|a, b| (a.at, &a.key).cmp(&(b.at, &b.key)));
        steps
    }
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;

    /// Sets values at seconds, looks every second, and says what was written when.
    fn written(settle: u64, changes: &[(u64, char)], seconds: u64) -> Vec<(u64, Option<char>, char, u32)> {
        let start = Instant::now();
        let mut paced = Paced::new(Duration::from_secs(settle));
        paced.begin((), 'a');
        let mut lines = Vec::new();
        for second in 0..=seconds {
            let (now, at) = (start + Duration::from_secs(second), UNIX_EPOCH + Duration::from_secs(second));
            for (_, value) in changes.iter().filter(|(when, _)| *when == second) {
                paced.set((), *value, now, at);
            }
            lines.extend(paced.due(now, false).into_iter().map(|step| {
                assert!(step.at <= at);
                (second, step.from, step.to, step.changes)
            }));
        }
        lines
    }

    #[test]
    fn a_change_is_written_once_it_has_lasted() {
        assert_eq!(written(2, &[(5, 'b'), (6, 'b')], 60), [(7, Some('a'), 'b', 1)]);
        assert_eq!(written(0, &[(5, 'b')], 60), [(5, Some('a'), 'b', 1)]);
    }

    #[test]
    fn what_was_there_for_a_moment_is_one_line() {
        assert_eq!(written(2, &[(5, 'b'), (6, 'a')], 60), [(7, Some('a'), 'a', 2)]);
    }

    #[test]
    fn what_goes_back_and_forth_becomes_a_line_a_minute_that_counts() {
        let changes: Vec<(u64, char)> =
            (0..3600).map(|second| (second, if second % 2 == 0 { 'b' } else { 'a' })).collect();
        let lines = written(0, &changes, 3700);
        assert!((60..=70).contains(&lines.len()), "{}", lines.len());
        assert_eq!(lines.iter().map(|(.., changes)| changes).sum::<u32>(), 3600, "none is lost");
        assert_eq!(lines.last().unwrap().2, 'a', "and the last one says how it is");
    }

    #[test]
    fn after_a_calm_time_a_change_is_written_at_once_again() {
        let lines = written(0, &[(0, 'b'), (1, 'a'), (2, 'b'), (3, 'a'), (400, 'b'), (402, 'a')], 500);
        assert_eq!(lines.iter().rev().take(2).map(|line| line.0).collect::<Vec<_>>(), [402, 400]);
    }
}
