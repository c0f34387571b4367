//! Adds what the board's counters have grown by to the bars of the moment.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::{BarRow, Counts, Series, Span};
use crate::board::TargetCell;
use crate::estate::{Label, Transport};
use crate::outcome::Outcome;
use crate::plan::Purpose;

type Key = (Label, Label, Label, Transport);

/// The bars that grow.
#[derive(Debug)]
pub(in crate::journal) struct Tally {
    ids: HashMap<Key, u32>,
    /// What each counter stood at: probes and failures.
    before: HashMap<u32, (u64, u64)>,
    /// The bar of the moment of each span.
    growing: Vec<BarRow>,
    /// Bars that are complete and not written yet.
    complete: Vec<BarRow>,
    /// Series that are not written yet.
    fresh: Vec<Series>,
    next_id: u32,
}

impl Tally {
    /// Goes on where another ended: with its series, and with the rows of bars that may still grow.
    pub(in crate::journal) fn resume(series: Vec<Series>, growing: Vec<BarRow>) -> Self {
        let next_id = series.iter().map(|series| series.id + 1).max().unwrap_or_default();
        let ids = series.into_iter().map(|s| ((s.cluster, s.resolver, s.name, s.transport), s.id)).collect();
        Self { ids, before: HashMap::new(), growing, complete: Vec::new(), fresh: Vec::new(), next_id }
    }

    /// Looks at the counters. `ran` is the time since the last look that the prober ran.
    pub(in crate::journal) fn look(&mut self, cells: &[Arc<TargetCell>], at: SystemTime, ran: Duration) {
        let renewed = self.turn_over(at);
        if renewed {
            // They are still watched: once in a while that is noted.
            self.fresh.clear();
        }
        for row in &mut self.growing {
            row.ran += ran;
        }
        for cell in cells.iter().filter(|cell| cell.target().purpose == Purpose::Name) {
            let target = cell.target();
            let key =
                (target.cluster.name.clone(), target.resolver.name.clone(), target.name.id.clone(), target.transport);
            let id = self.id_of(key, renewed);
            let results = cell.state().results;
            let probes = results.iter().sum::<u64>() - results[Outcome::InternalError.index()];
            let failed = probes - results[Outcome::Ok.index()];
            let before = self.before.insert(id, (probes, failed)).unwrap_or_default();
            // A target that went and came back counts from zero again.
            let before = if before.0 > probes || before.1 > failed { (0, 0) } else { before };
            let grown = |now: u64, before: u64| u32::try_from(now - before).unwrap_or(u32::MAX);
            let (probes, failed) = (grown(probes, before.0), grown(failed, before.1));
            if probes > 0 {
                self.growing.iter_mut().for_each(|row| row.counts.add(id, probes, failed));
            }
        }
    }

    /// What is to be written: series, and bars that have grown since.
    pub(in crate::journal) fn unwritten(&self) -> (Vec<Series>, Vec<BarRow>) {
        (self.fresh.clone(), self.complete.iter().chain(&self.growing).cloned().collect())
    }

    /// All that was unwritten before this look is written.
    pub(in crate::journal) fn written(&mut self, series: &[Series], bars: &[BarRow]) {
        self.fresh.retain(|fresh| !series.contains(fresh));
        self.complete.retain(|complete| !bars.contains(complete));
    }

    /// Begins new bars where their time has come. Says whether the longest was one of them.
    fn turn_over(&mut self, at: SystemTime) -> bool {
        let mut renewed = false;
        for span in Span::ALL {
            let start = span.start_of(at);
            if self.growing.iter().any(|row| row.span == span && row.start == start) {
                continue;
            }
            let ended = self.growing.extract_if(.., |row| row.span == span);
            self.complete.extend(ended);
            self.growing.push(BarRow { span, start, ran: Duration::ZERO, counts: Counts::default() });
            renewed |= span == Span::Quarter;
        }
        // A disk that cannot be written for long costs history, not memory.
        let surplus = self.complete.len().saturating_sub(super::BARS as usize * Span::ALL.len());
        self.complete.drain(..surplus);
        renewed
    }

    fn id_of(&mut self, key: Key, renewed: bool) -> u32 {
        let known = self.ids.get(&key).copied();
        let id = known.unwrap_or_else(|| {
            let id = self.next_id;
            self.next_id += 1;
            id
        });
        if known.is_none() || renewed {
            let (cluster, resolver, name, transport) = key.clone();
            self.fresh.push(Series { id, cluster, resolver, name, transport });
            self.ids.insert(key, id);
        }
        id
    }
}
