//! The table of stages: what every class of names saw at the end of each.

use std::collections::BTreeMap;
use std::fmt::Write;

use crate::board::Snapshot;
use crate::outcome::Outcome;
use crate::plan::Purpose;
use crate::report::ClusterReport;

/// One stage: its word, the cluster's state, its exits, and how many targets of each class saw which outcome last.
pub(super) struct Row {
    stage: &'static str,
    state: &'static str,
    exits: String,
    classes: BTreeMap<String, BTreeMap<Outcome, usize>>,
}

impl Row {
    pub(super) fn of(stage: &'static str, snapshot: &Snapshot, report: Option<&ClusterReport>) -> Self {
        let mut classes: BTreeMap<String, BTreeMap<Outcome, usize>> = BTreeMap::new();
        for (target, state) in &snapshot.targets {
            if let Some(last) = state.last.filter(|_| target.purpose == Purpose::Name) {
                *classes.entry(target.name.class.to_string()).or_default().entry(last.outcome).or_default() += 1;
            }
        }
        let exits = report.and_then(|report| report.independent_exits);
        Self {
            stage,
            state: report.map_or("-", |report| report.state.as_str()),
            exits: exits.map_or_else(|| "-".to_owned(), |exits| exits.to_string()),
            classes,
        }
    }

    /// The cells, each of one line or more.
    fn cells(&self, classes: &[String]) -> Vec<Vec<String>> {
        let fixed = [self.stage.to_owned(), self.state.to_owned(), self.exits.clone()];
        let outcomes = classes.iter().map(|class| {
            let seen = self.classes.get(class).into_iter().flatten();
            seen.map(|(outcome, targets)| format!("{outcome} {targets}")).collect()
        });
        fixed.into_iter().map(|text| vec![text]).chain(outcomes).collect()
    }
}

/// The table, a line for each outcome of a cell.
pub(super) fn render(rows: &[Row]) -> String {
    let mut classes: Vec<String> = rows.iter().flat_map(|row| row.classes.keys().cloned()).collect();
    classes.sort();
    classes.dedup();
    let head = ["stage", "cluster", "exits"].into_iter().map(str::to_owned).chain(classes.iter().cloned());
    let mut lines: Vec<Vec<Vec<String>>> = vec![head.map(|text| vec![text]).collect()];
    lines.extend(rows.iter().map(|row| row.cells(&classes)));
    let width = |column: usize| lines.iter().flat_map(|cells| &cells[column]).map(String::len).max().unwrap_or(0);
    let widths: Vec<usize> = (0..classes.len() + 3).map(width).collect();
    let mut out = String::new();
    for cells in &lines {
        let height = cells.iter().map(Vec::len).max().unwrap_or(0);
        for line in 0..height {
            let mut text = String::new();
            for (cell, width) in cells.iter().zip(&widths) {
                let _ = write!(text, "{:<width$}  ", cell.get(line).map_or("", String::as_str));
            }
            out.push_str(text.trim_end());
            out.push('\n');
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_outcome_of_a_cell_has_its_line() {
        let classes = BTreeMap::from([
            ("external".to_owned(), BTreeMap::from([(Outcome::Ok, 3), (Outcome::Timeout, 5)])),
            ("internal".to_owned(), BTreeMap::from([(Outcome::Ok, 8)])),
        ]);
        let row = Row { stage: "4", state: "outage", exits: "0".to_owned(), classes };
        let expected = "stage  cluster  exits  external   internal\n\
                        4      outage   0      ok 3       ok 8\n\
                        \x20                      timeout 5\n";
        assert_eq!(render(&[row]), expected);
    }
}
