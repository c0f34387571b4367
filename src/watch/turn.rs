//! How a cell fails and recovers while it is watched. Times are those of the probes themselves.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use super::cell::{Cell, CellKey, Degree};
use super::news::{Event, News};
use crate::outcome::Outcome;

/// How a cell failed and recovered.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Turned {
    /// When it last began to fail.
    pub failed_at: Option<SystemTime>,
    /// When, after all of its names had failed, the first good answer came.
    pub first_good_at: Option<SystemTime>,
    /// Since when none of its names fails any more.
    pub good_since: Option<SystemTime>,
}

/// What is new about a cell, and when that began.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Turn {
    /// It fails, or fails otherwise.
    Failing(SystemTime),
    /// After all of its names failed for so long, some are good.
    FirstGood(SystemTime, Duration),
    /// After so long, none of its names fails any more.
    GoodAgain(SystemTime, Duration),
}

impl Turned {
    /// Takes what a cell's names see now, after what they saw before.
    pub(super) fn fold(before: Option<(&Cell, Self)>, now: &Cell) -> (Self, Option<Turn>) {
        match before {
            Some((before, turned)) if before.degree() != Degree::None => turned.goes_on(before, now),
            Some((_, turned)) if now.degree() == Degree::None => (turned, None),
            None if now.degree() == Degree::None => (Self::default(), None),
            Some(_) | None => {
                let failed = Self { failed_at: Some(now.since), first_good_at: None, good_since: None };
                (failed, Some(Turn::Failing(now.since)))
            }
        }
    }

    /// The same for a cell that was failing before.
    fn goes_on(self, before: &Cell, now: &Cell) -> (Self, Option<Turn>) {
        let failed_for =
            |until: SystemTime| self.failed_at.and_then(|at| until.duration_since(at).ok()).unwrap_or_default();
        let all_failed = before.degree() == Degree::All;
        let first_good_at = self.first_good_at.or_else(|| now.first_good.filter(|_| all_failed));
        let is_otherwise = (before.degree(), before.outcome) != (now.degree(), now.outcome);
        let otherwise = is_otherwise.then_some(Turn::Failing(now.changed));
        match (now.degree(), now.first_good) {
            (Degree::None, _) => {
                let turned = Self { first_good_at, good_since: Some(now.since), ..self };
                (turned, Some(Turn::GoodAgain(now.since, failed_for(now.since))))
            }
            (Degree::Some, Some(at)) if all_failed && self.first_good_at.is_none() => {
                (Self { first_good_at, ..self }, Some(Turn::FirstGood(at, failed_for(at))))
            }
            (Degree::Some, _) => (self, otherwise),
            // What was good for a moment was not the end of it.
            (Degree::All, _) => (Self { first_good_at: None, ..self }, otherwise),
        }
    }
}

/// What many cells share.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Shared {
    Failing(Outcome),
    GoodAgain,
}

/// What is told of one resolver: the columns, when it began, and for how long it had failed.
#[derive(Debug, Clone)]
struct Part {
    columns: Vec<String>,
    at: SystemTime,
    after: Duration,
}

/// The turns of one look as news: what happened to many cells at once is told once.
pub(super) fn gather(turns: Vec<(CellKey, Cell, Turn)>) -> Vec<Event> {
    let mut news = Vec::new();
    let mut parts: BTreeMap<(String, Shared, String), Part> = BTreeMap::new();
    for (whose, cell, turn) in turns {
        let (shared, at, after) = match turn {
            Turn::FirstGood(at, after) => {
                let (good, asked) = (cell.asked - cell.failing, cell.asked);
                news.push(Event { at, news: News::FirstGood { whose, after, good, asked } });
                continue;
            }
            Turn::Failing(at) => (Shared::Failing(cell.outcome), at, Duration::ZERO),
            Turn::GoodAgain(at, after) => (Shared::GoodAgain, at, after),
        };
        let some = (cell.degree() == Degree::Some).then(|| format!(" ({} of {})", cell.failing, cell.asked));
        let column = format!("{}{}", whose.column, some.unwrap_or_default());
        let part = Part { columns: vec![column], at, after };
        parts
            .entry((whose.cluster, shared, whose.resolver))
            .and_modify(|known| known.join(&part, shared))
            .or_insert(part);
    }
    let mut told: Vec<(String, Shared, Vec<String>, Part)> = Vec::new();
    for ((cluster, shared, resolver), part) in parts {
        let alike = told.iter_mut().find(|(other, as_well, _, known)| {
            *other == cluster && *as_well == shared && known.columns == part.columns
        });
        match alike {
            Some((_, _, resolvers, known)) => {
                resolvers.push(resolver);
                known.join(&Part { columns: Vec::new(), ..part }, shared);
            }
            None => told.push((cluster, shared, vec![resolver], part)),
        }
    }
    news.extend(told.into_iter().map(|(cluster, shared, resolvers, Part { columns, at, after })| {
        let news = match shared {
            Shared::Failing(outcome) => News::Failing { cluster, resolvers, outcome, columns },
            Shared::GoodAgain => News::GoodAgain { cluster, resolvers, columns, after },
        };
        Event { at, news }
    }));
    news
}

impl Part {
    /// A failure begins with the first of those who fail, and is over with the last.
    fn join(&mut self, other: &Self, shared: Shared) {
        self.columns.extend(other.columns.iter().cloned());
        self.after = self.after.max(other.after);
        self.at = match shared {
            Shared::Failing(_) => self.at.min(other.at),
            Shared::GoodAgain => self.at.max(other.at),
        };
    }
}
