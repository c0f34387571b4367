//! The plan, or the mistakes, for other programs.

use serde::Serialize;

use super::plan::Plan;
use crate::config::{Problem, Problems};

/// A mistake or a warning. Line and column count from 1, and are absent for what stands nowhere in the file.
#[derive(Debug, Serialize)]
struct Told<'p> {
    file: &'p str,
    line: Option<usize>,
    column: Option<usize>,
    key: &'p str,
    found: &'p str,
    allowed: Option<&'p str>,
}

#[derive(Debug, Serialize)]
struct Checked<'p> {
    mistakes: Vec<Told<'p>>,
    warnings: Vec<Told<'p>>,
    plan: Option<&'p Plan>,
}

pub(super) fn plan(plan: &Plan, warnings: &[Problem]) -> String {
    pretty(&Checked { mistakes: Vec::new(), warnings: told(warnings), plan: Some(plan) })
}

pub(super) fn mistakes(problems: &Problems) -> String {
    pretty(&Checked { mistakes: told(&problems.0), warnings: Vec::new(), plan: None })
}

fn told(problems: &[Problem]) -> Vec<Told<'_>> {
    problems.iter().map(Told::of).collect()
}

impl<'p> Told<'p> {
    fn of(problem: &'p Problem) -> Self {
        let (line, column) = problem.position.unzip();
        let Problem { file, key, found, allowed, .. } = problem;
        Self { file, line, column, key, found, allowed: allowed.as_deref() }
    }
}

fn pretty(checked: &Checked<'_>) -> String {
    serde_json::to_string_pretty(checked).expect("plain data") + "\n"
}
