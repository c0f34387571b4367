//! What was seen so far: looks are folded into it, and what is news comes out.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::SystemTime;

use super::cell::{Cell, CellKey, cells};
use super::look::{ChangeLook, JournalLook, Look};
use super::news::{Event, News};
use super::turn::{Turned, gather};
use crate::report::json::{ClusterPaths, PathEdge, ResolverPaths};
use crate::verdict::{ClusterState, Confidence, Verdict};

/// The most events that are kept; the oldest go first.
const MOST_EVENTS: usize = 2_000;

/// What was seen so far.
#[derive(Debug, Default)]
pub struct Model {
    look: Option<Look>,
    events: VecDeque<Event>,
    /// Events that were forgotten.
    forgotten: usize,
    clusters: BTreeMap<String, Known>,
    cells: BTreeMap<CellKey, (Cell, Turned)>,
    /// Why what is known is not renewed.
    lost: Option<String>,
    /// The last entry of the prober's journal that was seen.
    last_entry: Option<i64>,
}

/// What was last said of a cluster.
#[derive(Debug, Default)]
struct Known {
    state: ClusterState,
    exits: Option<usize>,
    last_exit: Option<String>,
    verdicts: BTreeMap<String, (Verdict, Confidence)>,
    edges: BTreeSet<(String, String)>,
}

impl Model {
    /// Takes a look, and returns what is news in it.
    pub fn fold(&mut self, look: Look) -> Vec<Event> {
        let mut news = Vec::new();
        if self.lost.take().is_some() {
            news.push(Event { at: look.now, news: News::Found });
        }
        for paths in &look.clusters {
            let known = self.clusters.entry(paths.cluster.clone()).or_default();
            news.extend(known.fold(paths, look.now));
        }
        let mut seen = BTreeSet::new();
        let mut turns = Vec::new();
        for (whose, cell) in look.resolvers.iter().flat_map(cells) {
            seen.insert(whose.clone());
            let before = self.cells.get(&whose).map(|(before, turned)| (before, *turned));
            let (turned, turn) = Turned::fold(before, &cell);
            turns.extend(turn.map(|turn| (whose.clone(), cell.clone(), turn)));
            self.cells.insert(whose, (cell, turned));
        }
        news.extend(gather(turns));
        news.extend(self.marks(&look.journal));
        // A reload may have taken away what was watched.
        self.cells.retain(|key, _| seen.contains(key));
        self.clusters.retain(|name, _| look.clusters.iter().any(|paths| paths.cluster == *name));
        self.look = Some(look);
        // Whatever was seen in one look is told in the order in which it happened.
        news.sort_by_key(|event| event.at);
        self.keep(&news);
        news
    }

    /// What is known cannot be renewed. Only the first time in a row is news.
    pub fn lose(&mut self, why: String, at: SystemTime) -> Vec<Event> {
        let is_new = self.lost.is_none();
        self.lost = Some(why.clone());
        let news = if is_new { vec![Event { at, news: News::Lost { why } }] } else { Vec::new() };
        self.keep(&news);
        news
    }

    /// Takes a mark that somebody made here.
    pub fn mark(&mut self, text: String, at: SystemTime) -> Event {
        let event = Event { at, news: News::Mark { text, by: None } };
        self.keep(std::slice::from_ref(&event));
        event
    }

    /// The last look, if there was one.
    pub fn look(&self) -> Option<&Look> {
        self.look.as_ref()
    }

    /// Why what is known is not renewed, if so.
    pub fn lost(&self) -> Option<&str> {
        self.lost.as_deref()
    }

    /// What happened, oldest first; and how much before that is forgotten.
    pub fn events(&self) -> (impl DoubleEndedIterator<Item = &Event>, usize) {
        (self.events.iter(), self.forgotten)
    }

    /// A cell of the matrix, and how it failed and recovered.
    pub fn cell(&self, key: &CellKey) -> Option<&(Cell, Turned)> {
        self.cells.get(key)
    }

    /// Every cell, resolver by resolver in the order of their names.
    pub fn cells(&self) -> impl Iterator<Item = (&CellKey, &Cell, &Turned)> {
        self.cells.iter().map(|(key, (cell, turned))| (key, cell, turned))
    }

    /// Whether every cluster is healthy and no name fails, by the last look.
    pub fn is_well(&self) -> bool {
        let Some(look) = self.look.as_ref().filter(|_| self.lost.is_none()) else { return false };
        let judged = |cluster: &&str| {
            look.clusters.iter().any(|paths| paths.cluster == **cluster && paths.state == ClusterState::Healthy)
        };
        let clusters = look.cluster_names();
        !clusters.is_empty() && clusters.iter().all(judged) && self.cells.values().all(|(cell, _)| cell.failing == 0)
    }

    /// Marks that were made since the last look, here or elsewhere. Those before the first look belong to another time.
    fn marks(&mut self, journal: &JournalLook) -> Vec<Event> {
        let newest = journal.changes.iter().map(|change| change.id).max().unwrap_or(0);
        let Some(last) = self.last_entry.replace(newest.max(self.last_entry.unwrap_or(0))) else { return Vec::new() };
        let mark = |change: &ChangeLook| {
            let text = change.text.clone().filter(|_| change.id > last)?;
            Some(Event { at: change.at, news: News::Mark { text, by: change.by.clone() } })
        };
        journal.changes.iter().filter_map(mark).collect()
    }

    fn keep(&mut self, news: &[Event]) {
        self.events.extend(news.iter().cloned());
        let over = self.events.len().saturating_sub(MOST_EVENTS);
        self.events.drain(..over);
        self.forgotten += over;
    }
}

impl Known {
    fn fold(&mut self, paths: &ClusterPaths, now: SystemTime) -> Vec<Event> {
        let mut news = self.verdicts(paths);
        news.extend(self.edges(paths).into_iter().map(|news| Event { at: now, news }));
        let state_is_new = std::mem::replace(&mut self.state, paths.state) != paths.state;
        let exits_are_new = std::mem::replace(&mut self.exits, paths.independent_exits) != paths.independent_exits;
        let last_is_new = self.last_exit != paths.last_exit;
        self.last_exit.clone_from(&paths.last_exit);
        if state_is_new || (exits_are_new || last_is_new) && paths.state != ClusterState::Unknown {
            let says_so =
                |event: &Event| matches!(&event.news, News::Verdict { sentence, .. } if *sentence == paths.sentence);
            let state = News::Cluster {
                cluster: paths.cluster.clone(),
                state: paths.state,
                exits: paths.independent_exits.map(|exits| (exits, paths.min_independent_exits)),
                sentence: if news.iter().any(says_so) { String::new() } else { paths.sentence.clone() },
            };
            news.push(Event { at: if state_is_new { paths.since } else { now }, news: state });
        }
        news
    }

    /// Steps from sibling to sibling that were seen twice and that no others explain, and those that are seen no more.
    fn edges(&mut self, paths: &ClusterPaths) -> Vec<News> {
        let news = |(from, to): &(String, String), forwards| News::Edge {
            cluster: paths.cluster.clone(),
            from: from.clone(),
            to: to.clone(),
            forwards,
        };
        let seen = |edge: &PathEdge| (edge.from.clone(), edge.to.clone());
        let all: BTreeSet<_> = paths.edges.iter().map(seen).collect();
        let direct: BTreeSet<_> = paths.edges.iter().filter(|edge| edge.direct && edge.twice).map(seen).collect();
        let gone: Vec<_> = self.edges.difference(&all).cloned().collect();
        let come: Vec<_> = direct.difference(&self.edges).cloned().collect();
        self.edges.retain(|edge| all.contains(edge));
        self.edges.extend(come.iter().cloned());
        gone.iter().map(|edge| news(edge, false)).chain(come.iter().map(|edge| news(edge, true))).collect()
    }

    /// Verdicts that changed; those of whom the same is said are told together. That somebody who was not judged yet is
    /// well is no news.
    fn verdicts(&mut self, paths: &ClusterPaths) -> Vec<Event> {
        let mut told: Vec<(&ResolverPaths, Vec<String>)> = Vec::new();
        for seen in &paths.resolvers {
            let now = (seen.verdict, seen.confidence);
            let before = self.verdicts.insert(seen.resolver.clone(), now).unwrap_or_default();
            if before == now || before.0 == Verdict::Unknown && matches!(now.0, Verdict::Ok | Verdict::Unknown) {
                continue;
            }
            let alike = |(other, _): &&mut (&ResolverPaths, Vec<String>)| {
                (other.verdict, other.confidence, &other.sentence) == (now.0, now.1, &seen.sentence)
            };
            match told.iter_mut().find(alike) {
                Some((_, resolvers)) => resolvers.push(seen.resolver.clone()),
                None => told.push((seen, vec![seen.resolver.clone()])),
            }
        }
        let event = |(seen, resolvers): (&ResolverPaths, Vec<String>)| Event {
            at: seen.since,
            news: News::Verdict {
                cluster: paths.cluster.clone(),
                resolvers,
                verdict: seen.verdict,
                confidence: seen.confidence,
                sentence: seen.sentence.clone(),
            },
        };
        told.into_iter().map(event).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::look::tests::look;
    use super::*;
    use crate::outcome::Outcome;
    use crate::report::json::tests::{cluster, noon};

    use Outcome::{LoopSuspected, Ok, Timeout};

    /// What is news in a look, without the date.
    fn told(model: &mut Model, look: Look) -> Vec<String> {
        model.fold(look).iter().map(|event| event.to_string()["2025-07-21T".len()..].to_owned()).collect()
    }

    #[test]
    fn a_failure_and_its_repair_are_told_with_the_times_of_the_probes() {
        let mut model = Model::default();
        let well = [(Ok, 0); 3];
        let first = "12:00:00Z c1 is healthy, independent exits: 2 (2 wanted). All is as it is.";
        assert_eq!(told(&mut model, look(1, &[well, well])), [first]);
        assert!(model.is_well());
        assert_eq!(told(&mut model, look(2, &[well, well])), [""; 0]);
        // The cold name fails at once, the cached ones when their time is over.
        let cold = [(Ok, 0), (Ok, 0), (Timeout, 3)];
        let first = "12:00:03Z c1 ns1: timeout for external (cold).";
        assert_eq!(told(&mut model, look(4, &[cold, well])), [first]);
        assert!(!model.is_well());
        let all = [(Timeout, 10), (Timeout, 9), (LoopSuspected, 8)];
        let both = ["12:00:08Z c1 ns1: loop_suspected for external (cold).", "12:00:09Z c1 ns1: timeout for external."];
        assert_eq!(told(&mut model, look(11, &[all, well])), both);
        let some = [(Timeout, 10), (Ok, 20), (Ok, 19)];
        assert_eq!(
            told(&mut model, look(21, &[some, well])),
            [
                "12:00:19Z c1 ns1: good again, after 16s: external (cold).",
                "12:00:20Z c1 ns1 external: first good answer after 11s, 1 of 2 names."
            ]
        );
        let repaired = [(Ok, 22), (Ok, 20), (Ok, 19)];
        let end = "12:00:22Z c1 ns1: good again, after 13s: external.";
        assert_eq!(told(&mut model, look(23, &[repaired, well])), [end]);
        let at = |after| Some(noon() + Duration::from_secs(after));
        let turned: Vec<&Turned> = model.cells().map(|(_, _, turned)| turned).collect();
        assert_eq!(*turned[0], Turned { failed_at: at(9), first_good_at: at(20), good_since: at(22) });
        assert_eq!(*turned[1], Turned { failed_at: at(3), first_good_at: at(19), good_since: at(19) });
        assert_eq!(*turned[2], Turned::default(), "ns2 never failed");
        assert!(model.is_well());
    }

    #[test]
    fn a_recovery_that_does_not_last_is_none() {
        let mut model = Model::default();
        let seen = |www, ftp| [[www, ftp, (Ok, 0)]];
        told(&mut model, look(1, &seen((Timeout, 1), (Timeout, 1))));
        told(&mut model, look(3, &seen((Timeout, 1), (Ok, 2))));
        let news = told(&mut model, look(5, &seen((Timeout, 1), (Timeout, 4))));
        assert_eq!(news, ["12:00:04Z c1 ns1: timeout for external."]);
        let news = told(&mut model, look(9, &seen((Ok, 8), (Ok, 7))));
        assert_eq!(news, ["12:00:08Z c1 ns1: good again, after 7s: external."]);
        let turned = *model.cells().next().unwrap().2;
        assert_eq!(turned.first_good_at, Some(noon() + Duration::from_secs(7)));
    }

    #[test]
    fn what_happens_to_many_at_once_is_told_once() {
        let mut model = Model::default();
        let (well, lost) = ([(Ok, 0); 3], [(Timeout, 3), (Timeout, 3), (Timeout, 2)]);
        told(&mut model, look(1, &[well, well, well]));
        let some = [(Timeout, 4), (Ok, 0), (Timeout, 3)];
        let news = told(&mut model, look(5, &[lost, some, lost]));
        let expected = [
            "12:00:02Z c1 ns1, ns3: timeout for external, external (cold).",
            "12:00:03Z c1 ns2: timeout for external (1 of 2), external (cold).",
        ];
        assert_eq!(news, expected);
        let news = told(&mut model, look(9, &[[(Ok, 7); 3], [(Ok, 6); 3], [(Ok, 8); 3]]));
        assert_eq!(news, ["12:00:08Z c1 ns1, ns2, ns3: good again, after 6s: external, external (cold)."]);
    }

    #[test]
    fn verdicts_edges_and_states_are_told_once() {
        let mut model = Model::default();
        let well = [[(Ok, 0); 3]; 3];
        told(&mut model, look(1, &well));
        let with =
            |after, pairs: &str, failing| Look { clusters: vec![cluster(3, pairs, failing)], ..look(after, &well) };
        let forwards = [
            "12:00:00Z c1 ns1: forwards_to_sibling (confirmed). ns1 is as it is.",
            "12:00:02Z c1 ns1 forwards to ns2.",
            "12:00:02Z c1 is healthy, independent exits: 2 (2 wanted). All is as it is.",
        ];
        assert_eq!(told(&mut model, with(2, "12", None)), forwards);
        assert_eq!(told(&mut model, with(3, "12", None)), [""; 0]);
        let mut ring = with(4, "12 21", Some(Verdict::LoopSuspected));
        ring.clusters[0].state = ClusterState::Outage;
        for seen in &mut ring.clusters[0].resolvers {
            seen.sentence = "All is as it is.".to_owned();
        }
        let outage = [
            "12:00:00Z c1 ns1, ns2, ns3: loop_suspected (confirmed). All is as it is.",
            "12:00:00Z c1 is outage, independent exits: 0 (2 wanted).",
            "12:00:04Z c1 ns2 forwards to ns1.",
        ];
        assert_eq!(told(&mut model, ring), outage);
        let news = told(&mut model, with(5, "", None));
        assert!(news.contains(&"12:00:05Z c1 ns1 forwards to ns2 no longer.".to_owned()), "{news:?}");
    }

    #[test]
    fn a_prober_that_is_lost_is_told_once_and_nothing_is_well_then() {
        let mut model = Model::default();
        told(&mut model, look(1, &[[(Ok, 0); 3]]));
        assert_eq!(model.lose("no answer".to_owned(), noon()).len(), 1);
        assert_eq!(model.lose("still none".to_owned(), noon()).len(), 0);
        assert_eq!((model.lost(), model.is_well()), (Some("still none"), false));
        assert_eq!(told(&mut model, look(9, &[[(Ok, 0); 3]])), ["12:00:09Z What is known is renewed again."]);
        assert!(model.is_well());
    }

    #[test]
    fn marks_of_the_journal_are_told_once_and_old_ones_not_at_all() {
        let mut model = Model::default();
        let change = |id, text: Option<&str>| ChangeLook {
            id,
            at: noon() + Duration::from_secs(id.unsigned_abs()),
            text: text.map(str::to_owned),
            by: text.map(|_| "alice".to_owned()),
        };
        let with = |after, changes| Look { journal: JournalLook { changes }, ..look(after, &[[(Ok, 0); 3]]) };
        told(&mut model, with(1, vec![change(1, Some("before"))]));
        let now = || {
            vec![
                change(4, Some("ns2 is done")),
                change(3, None),
                change(2, Some("ns1 is done")),
                change(1, Some("before")),
            ]
        };
        let marks = ["12:00:02Z Mark by alice: ns1 is done", "12:00:04Z Mark by alice: ns2 is done"];
        assert_eq!(told(&mut model, with(5, now())), marks);
        assert_eq!(told(&mut model, with(6, now())), [""; 0]);
        assert_eq!(told(&mut model, with(7, Vec::new())), [""; 0], "a prober that was started anew");
    }

    #[test]
    fn what_happened_is_bounded() {
        let mut model = Model::default();
        for n in 0..MOST_EVENTS + 5 {
            model.mark(format!("mark {n}"), noon());
        }
        let (events, forgotten) = model.events();
        assert_eq!((events.count(), forgotten), (MOST_EVENTS, 5));
    }
}
