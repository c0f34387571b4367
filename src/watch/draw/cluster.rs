//! One cluster: its state, the matrix of its resolvers by classes, who forwards to whom, and who is good again.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::time::{Duration, SystemTime};

use ratatui::style::{Modifier, Style};
use ratatui::text::{Line, Span};

use super::text::{short, sign, style, wrap};
use crate::report::json::{ClusterPaths, PathEdge, ResolverPaths};
use crate::watch::cell::Column;
use crate::watch::news::{Weight, of_state, of_verdict};
use crate::watch::{Cell, CellKey, Look, Model, Turned};

/// Between two columns of the matrix.
const GAP: usize = 2;

/// A word of the matrix, and how much it matters.
type Word = (String, Weight);

/// What is drawn, and how.
#[derive(Debug, Clone, Copy)]
pub(super) struct View<'a> {
    pub(super) model: &'a Model,
    pub(super) look: &'a Look,
    pub(super) width: usize,
    /// Columns of the matrix that are left out, because those who look have moved on to the right.
    pub(super) right: usize,
    pub(super) colours: bool,
}

/// How much is said in each cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// How many names, since when, how sure.
    Full,
    /// The word alone.
    Short,
}

impl View<'_> {
    /// All lines of a cluster.
    pub(super) fn cluster(&self, cluster: &str) -> Vec<Line<'static>> {
        let paths = self.look.clusters.iter().find(|paths| paths.cluster == cluster);
        let mut lines = self.head(cluster, paths);
        lines.extend(self.matrix(cluster, paths));
        if let Some(paths) = paths {
            lines.extend(self.ways(paths));
        }
        lines
    }

    fn styled(&self, weight: Weight) -> Style {
        style(weight, self.colours)
    }

    /// The state, in facts and in a sentence.
    fn head(&self, cluster: &str, paths: Option<&ClusterPaths>) -> Vec<Line<'static>> {
        let Some(paths) = paths else {
            let text = format!("{cluster}: ~ not judged yet");
            return vec![Line::styled(text, self.styled(Weight::Warning))];
        };
        let weight = of_state(paths.state);
        let lasted = short(self.ago(paths.since));
        let mut text =
            format!("{cluster} ({}): {}{} for {lasted}", paths.datacenter, sign(weight), paths.state.as_str());
        if let Some(exits) = paths.independent_exits {
            let (all, wanted) = (paths.resolvers.len(), paths.min_independent_exits);
            let last = paths.last_exit.as_ref().map(|last| format!(", the last one {last}")).unwrap_or_default();
            // Writing to a String cannot fail.
            let _ = write!(text, " | exits {exits} of {all} ({wanted} wanted{last})");
        }
        let runway: Vec<String> =
            self.look.runway(cluster).iter().map(|(class, left)| format!("{class} {}", short(*left))).collect();
        if !runway.is_empty() {
            let _ = write!(text, " | runway {}", runway.join(", "));
        }
        let bold = self.styled(weight).add_modifier(Modifier::BOLD);
        let head = wrap(&text, self.width, 4).into_iter().map(|line| Line::styled(line, bold));
        head.chain(self.plain(&format!("  {}", paths.sentence))).collect()
    }

    /// A text behind two spaces, in as many lines as it takes.
    fn plain(&self, text: &str) -> impl Iterator<Item = Line<'static>> + use<> {
        wrap(text, self.width.saturating_sub(2).max(1), 2).into_iter().map(|line| Line::raw(format!("  {line}")))
    }

    fn ago(&self, at: SystemTime) -> Duration {
        self.look.now.duration_since(at).unwrap_or_default()
    }

    /// Resolvers by classes: cached names first, then cold ones. What does not fit goes shorter, then out on the right.
    fn matrix(&self, cluster: &str, paths: Option<&ClusterPaths>) -> Vec<Line<'static>> {
        let of_cluster = self.model.cells().filter(|(whose, ..)| whose.cluster == cluster);
        let columns: Vec<&Column> =
            of_cluster.map(|(whose, ..)| &whose.column).collect::<BTreeSet<_>>().into_iter().collect();
        let table = |form| self.table(cluster, paths, &columns, form);
        let fits = |table: &[Vec<Word>]| widths(table).iter().map(|width| width + GAP).sum::<usize>() <= self.width;
        let full = table(Form::Full);
        let rows = if fits(&full) { full } else { table(Form::Short) };
        let widths = widths(&rows);
        let hidden = self.right.min(widths.len().saturating_sub(2));
        let line = |(place, row): (usize, Vec<Word>)| {
            let kept = row.into_iter().zip(&widths).enumerate().filter(|(column, _)| *column == 0 || *column > hidden);
            let spans = kept.map(|(_, ((word, weight), width))| {
                let style =
                    if place == 0 { Style::new().add_modifier(Modifier::UNDERLINED) } else { self.styled(weight) };
                [Span::styled(word.clone(), style), Span::raw(" ".repeat(width + GAP - word.chars().count()))]
            });
            Line::from([Span::raw("  ")].into_iter().chain(spans.flatten()).collect::<Vec<_>>())
        };
        rows.into_iter().enumerate().map(line).collect()
    }

    fn table(&self, cluster: &str, paths: Option<&ClusterPaths>, columns: &[&Column], form: Form) -> Vec<Vec<Word>> {
        let head = ["resolver", "verdict", "way out"].map(str::to_owned);
        let head = head.into_iter().chain(columns.iter().map(ToString::to_string));
        let mut rows = vec![head.map(|word| (word, Weight::Plain)).collect()];
        for resolver in self.look.resolvers.iter().filter(|resolver| resolver.cluster == cluster) {
            let seen = paths.and_then(|paths| paths.resolvers.iter().find(|seen| seen.resolver == resolver.resolver));
            let mut row = vec![(resolver.resolver.clone(), Weight::Plain), verdict(seen, form), way_out(paths, seen)];
            row.extend(columns.iter().map(|column| {
                let (cluster, name) = (cluster.to_owned(), resolver.resolver.clone());
                let whose = CellKey { cluster, resolver: name, column: Column::clone(column) };
                self.model.cell(&whose).map_or_else(nothing, |seen| self.cell(seen, form))
            }));
            rows.push(row);
        }
        rows
    }

    fn cell(&self, (cell, turned): &(Cell, Turned), form: Form) -> Word {
        let weight = if cell.failing == 0 { Weight::Good } else { Weight::Bad };
        let word = format!("{}{}", sign(weight), cell.outcome);
        let good = cell.asked - cell.failing;
        let shown = if cell.failing > 0 { cell.failing } else { good };
        let lasted = match (cell.failing, turned.good_since) {
            (0, Some(since)) => format!(" again {}", short(self.ago(since))),
            (0, None) => String::new(),
            (_, _) => format!(" {}", short(self.ago(cell.since))),
        };
        let text = match form {
            Form::Full => format!("{word} {shown}/{}{lasted}", cell.asked),
            Form::Short => word,
        };
        (text, weight)
    }

    /// Who forwards to whom, and who has answered again since when.
    fn ways(&self, paths: &ClusterPaths) -> Vec<Line<'static>> {
        let step = |edge: &PathEdge| {
            let once = if edge.twice { "" } else { ", once" };
            format!("{} > {} ({}{once})", edge.from, edge.to, edge.method.as_str())
        };
        let steps: Vec<String> = paths.edges.iter().filter(|edge| edge.direct).map(step).collect();
        let circles = paths
            .circles
            .iter()
            .map(|circle| circle.iter().chain(circle.first()).map(String::as_str).collect::<Vec<_>>().join(" > "));
        let circles: Vec<String> = circles.collect();
        let again = self.good_again(&paths.cluster);
        let mut lines = Vec::new();
        for (what, items) in [("forwards", steps), ("circle", circles), ("good again", again)] {
            if !items.is_empty() {
                lines.extend(self.plain(&format!("{what}: {}", items.join(", "))));
            }
        }
        lines
    }

    /// Which classes are good again where, the latest first; and since when all of those are.
    fn good_again(&self, cluster: &str) -> Vec<String> {
        let mut columns: BTreeMap<&Column, (Duration, Vec<&str>)> = BTreeMap::new();
        for (whose, _, turned) in self.model.cells().filter(|(whose, ..)| whose.cluster == cluster) {
            if let Some(since) = turned.good_since {
                let lasted = self.ago(since);
                let (least, resolvers) = columns.entry(&whose.column).or_insert((lasted, Vec::new()));
                *least = lasted.min(*least);
                resolvers.push(&whose.resolver);
            }
        }
        let mut columns: Vec<_> = columns.into_iter().map(|(column, (lasted, who))| (lasted, column, who)).collect();
        columns.sort();
        let said = |(lasted, column, who): (Duration, &Column, Vec<&str>)| {
            format!("{column} for {} at {}", short(lasted), who.join(" "))
        };
        columns.into_iter().map(said).collect()
    }
}

/// Nothing is known there.
fn nothing() -> Word {
    ("-".to_owned(), Weight::Plain)
}

fn verdict(seen: Option<&ResolverPaths>, form: Form) -> Word {
    let Some(seen) = seen else { return nothing() };
    let weight = of_verdict(seen.verdict);
    let word = format!("{}{}", sign(weight), seen.verdict.as_str());
    let text = match form {
        Form::Full => format!("{word} ({})", seen.confidence.as_str()),
        Form::Short => word,
    };
    (text, weight)
}

/// Where names never asked before, which tracing asks, leave the cluster.
fn way_out(paths: Option<&ClusterPaths>, seen: Option<&ResolverPaths>) -> Word {
    let (Some(paths), Some(seen)) = (paths, seen) else { return nothing() };
    if paths.independent_exits.is_none() || seen.traced_at.is_none() {
        return nothing();
    }
    let via: Vec<&str> = paths
        .edges
        .iter()
        .filter(|edge| edge.direct && edge.from == seen.resolver)
        .map(|edge| edge.to.as_str())
        .collect();
    match (seen.is_exit, seen.path_known, seen.resolves) {
        (true, true, _) => ("its own".to_owned(), Weight::Good),
        (true, false, _) => ("its own?".to_owned(), Weight::Good),
        (false, _, true) if via.is_empty() => ("shared".to_owned(), Weight::Warning),
        (false, _, true) => (format!("~ {}", via.join(",")), Weight::Warning),
        (false, _, false) => ("! none".to_owned(), Weight::Bad),
    }
}

/// The width of each column.
fn widths(rows: &[Vec<Word>]) -> Vec<usize> {
    let columns = rows.first().map_or(0, Vec::len);
    let width = |column: usize| rows.iter().map(|row| row[column].0.chars().count()).max().unwrap_or(0);
    (0..columns).map(width).collect()
}
