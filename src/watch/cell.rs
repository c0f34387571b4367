//! One cell of the matrix: what the names of one class see at one resolver, cached names and cold ones apart.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::SystemTime;

use super::look::{NameLook, ResolverLook};
use crate::outcome::Outcome;

/// A column of the matrix.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Column {
    /// Names never asked before, which no cache can answer.
    pub cold: bool,
    /// The class of names.
    pub class: String,
}

/// Which cell: the names of one column at one resolver.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct CellKey {
    /// The cluster.
    pub cluster: String,
    /// The resolver.
    pub resolver: String,
    /// The names.
    pub column: Column,
}

/// How many of the names fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Degree {
    /// None of those that were asked.
    None,
    /// Some.
    Some,
    /// All that were asked.
    All,
}

/// What the last probes of a cell's names saw.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cell {
    /// Names that were asked.
    pub asked: usize,
    /// Names whose last probe was not `ok`.
    pub failing: usize,
    /// What most of those see.
    pub outcome: Outcome,
    /// When the first of those that fail began to fail; where none does, when the last one became good.
    pub since: SystemTime,
    /// When the first of those that are good became so.
    pub first_good: Option<SystemTime>,
    /// When the last of them began to see what it sees.
    pub changed: SystemTime,
}

impl Cell {
    /// What these names see; nothing before the first was asked.
    pub fn of<'a>(names: impl Iterator<Item = &'a NameLook>) -> Option<Self> {
        let (mut good, mut failing) = (Vec::new(), Vec::new());
        let mut outcomes: BTreeMap<Outcome, usize> = BTreeMap::new();
        for (result, since) in names.filter_map(|name| Some((name.result?, name.since?))) {
            if result == Outcome::Ok {
                good.push(since);
            } else {
                failing.push(since);
                *outcomes.entry(result).or_default() += 1;
            }
        }
        let most = outcomes.into_iter().rev().max_by_key(|(_, count)| *count);
        let since = failing.iter().min().or_else(|| good.iter().max()).copied()?;
        Some(Self {
            asked: good.len() + failing.len(),
            failing: failing.len(),
            outcome: most.map_or(Outcome::Ok, |(outcome, _)| outcome),
            since,
            changed: failing.iter().chain(&good).max().copied()?,
            first_good: good.into_iter().min(),
        })
    }

    /// How many of the names fail.
    pub const fn degree(&self) -> Degree {
        match self.failing {
            0 => Degree::None,
            failing if failing == self.asked => Degree::All,
            _ => Degree::Some,
        }
    }
}

impl Column {
    /// Which column a name belongs to.
    pub fn of(name: &NameLook) -> Self {
        Self { cold: name.is_cold(), class: name.class.clone() }
    }
}

impl fmt::Display for Column {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.class, if self.cold { " (cold)" } else { "" })
    }
}

impl fmt::Display for CellKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.cluster, self.resolver, self.column)
    }
}

/// The cells of one resolver.
pub(super) fn cells(resolver: &ResolverLook) -> impl Iterator<Item = (CellKey, Cell)> {
    let columns: BTreeSet<Column> = resolver.names.iter().map(Column::of).collect();
    columns.into_iter().filter_map(|column| {
        let cell = Cell::of(resolver.names.iter().filter(|name| Column::of(name) == column))?;
        Some((CellKey { cluster: resolver.cluster.clone(), resolver: resolver.resolver.clone(), column }, cell))
    })
}
