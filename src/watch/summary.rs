//! What there was to see, at the end: what changed when, the first good answers after failures, and the marks.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use humantime::format_rfc3339_seconds;

use super::cell::Column;
use super::model::Model;
use super::news::{News, spell};
use super::turn::{Turn, gather};

/// The most events that are written out.
const MOST: usize = 200;

/// The whole summary. `changes` says whether to write what changed, which is left out where every change was written when
/// it happened.
pub fn summary(model: &Model, began: SystemTime, ended: SystemTime, changes: bool) -> String {
    let mut out = format!("Watched for {}.\n", spell(ended.duration_since(began).unwrap_or_default()));
    states(model, &mut out);
    if changes {
        what_changed(model, &mut out);
    }
    first_good_answers(model, &mut out);
    marks(model, &mut out);
    out
}

fn states(model: &Model, out: &mut String) {
    if let Some(why) = model.lost() {
        let _ = writeln!(out, "What is known was not renewed at the end: {why}");
    }
    let Some(look) = model.look() else {
        let _ = writeln!(out, "Nothing was seen.");
        return;
    };
    for cluster in look.cluster_names() {
        match look.clusters.iter().find(|paths| paths.cluster == cluster) {
            Some(paths) => drop(writeln!(out, "{cluster} is {} at the end. {}", paths.state.as_str(), paths.sentence)),
            None => drop(writeln!(out, "{cluster} was not judged yet.")),
        }
    }
    let failing = model.cells().filter(|(_, cell, _)| cell.failing > 0);
    let failing = failing.map(|(whose, cell, _)| (whose.clone(), cell.clone(), Turn::Failing(cell.since)));
    for event in gather(failing.collect()) {
        let _ = writeln!(out, "  still failing: {}", event.news);
    }
}

fn what_changed(model: &Model, out: &mut String) {
    let (events, forgotten) = model.events();
    let events: Vec<_> = events.collect();
    let left_out = events.len().saturating_sub(MOST) + forgotten;
    if events.is_empty() {
        out.push_str("Nothing changed.\n");
        return;
    }
    out.push_str("What changed:\n");
    if left_out > 0 {
        let _ = writeln!(out, "  ({left_out} earlier changes are left out)");
    }
    for event in &events[events.len().saturating_sub(MOST)..] {
        let _ = writeln!(out, "  {event}");
    }
}

/// Resolvers whose names of one class answered again in the same second.
struct Recovery<'a> {
    who: Vec<&'a str>,
    first: SystemTime,
    /// For how long they had failed, at the most.
    after: Duration,
}

/// Where names failed and answered again, and how long after the last mark that was. What is alike to the second is told
/// once.
fn first_good_answers(model: &Model, out: &mut String) {
    let mut told: BTreeMap<(u64, u64, &str, &Column), Recovery<'_>> = BTreeMap::new();
    for (whose, _, turned) in model.cells() {
        let Some(good_since) = turned.good_since else { continue };
        let first = turned.first_good_at.unwrap_or(good_since);
        let after = turned.failed_at.and_then(|at| first.duration_since(at).ok()).unwrap_or_default();
        let key = (seconds(first), seconds(good_since), whose.cluster.as_str(), &whose.column);
        let recovery = told.entry(key).or_insert(Recovery { who: Vec::new(), first, after });
        recovery.who.push(&whose.resolver);
        recovery.after = after.max(recovery.after);
    }
    if !told.is_empty() {
        out.push_str("First good answers after a failure:\n");
    }
    for ((first_second, good_second, cluster, column), Recovery { who, first, after }) in told {
        let (at, who, after) = (format_rfc3339_seconds(first), who.join(", "), spell(after));
        let _ = write!(out, "  {at} {cluster} {who} {column}, after {after}");
        if good_second > first_second {
            let all = format_rfc3339_seconds(UNIX_EPOCH + Duration::from_secs(good_second));
            let _ = write!(out, "; all names since {all}");
        }
        if let Some((text, at)) = last_mark_before(model, first) {
            let _ = write!(out, "; {} after the mark \"{text}\"", spell(first.duration_since(at).unwrap_or_default()));
        }
        out.push('\n');
    }
}

fn seconds(at: SystemTime) -> u64 {
    at.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

fn last_mark_before(model: &Model, moment: SystemTime) -> Option<(&str, SystemTime)> {
    all_marks(model).rev().find(|(_, at)| *at <= moment)
}

fn marks(model: &Model, out: &mut String) {
    let mut marks = all_marks(model).peekable();
    if marks.peek().is_some() {
        out.push_str("Marks:\n");
    }
    for (text, at) in marks {
        let _ = writeln!(out, "  {} {text}", format_rfc3339_seconds(at));
    }
}

fn all_marks(model: &Model) -> impl DoubleEndedIterator<Item = (&str, SystemTime)> {
    let (events, _) = model.events();
    events.filter_map(|event| match &event.news {
        News::Mark { text, .. } => Some((text.as_str(), event.at)),
        News::Cluster { .. }
        | News::Verdict { .. }
        | News::Edge { .. }
        | News::Failing { .. }
        | News::FirstGood { .. }
        | News::GoodAgain { .. }
        | News::Lost { .. }
        | News::Found => None,
    })
}

#[cfg(test)]
mod tests {
    use super::super::look::tests::look;
    use super::*;
    use crate::outcome::Outcome::{Ok, Servfail};
    use crate::report::json::tests::noon;

    #[test]
    fn it_says_what_changed_when_and_what_came_of_the_marks() {
        let at = |after| noon() + Duration::from_secs(after);
        let mut model = Model::default();
        model.fold(look(1, &[[(Ok, 0); 3]]));
        model.fold(look(5, &[[(Servfail, 4), (Servfail, 3), (Servfail, 2)]]));
        model.mark("restored forwarders on ns1".to_owned(), at(10));
        model.fold(look(16, &[[(Servfail, 4), (Ok, 15), (Ok, 12)]]));
        model.fold(look(21, &[[(Ok, 20), (Ok, 15), (Ok, 12)]]));
        let expected = "\
Watched for 25s.
c1 is healthy at the end. All is as it is.
What changed:
  2025-07-21T12:00:00Z c1 is healthy, independent exits: 1 (2 wanted). All is as it is.
  2025-07-21T12:00:02Z c1 ns1: servfail for external, external (cold).
  2025-07-21T12:00:10Z Mark: restored forwarders on ns1
  2025-07-21T12:00:12Z c1 ns1: good again, after 10s: external (cold).
  2025-07-21T12:00:15Z c1 ns1 external: first good answer after 12s, 1 of 2 names.
  2025-07-21T12:00:20Z c1 ns1: good again, after 17s: external.
First good answers after a failure:
  2025-07-21T12:00:12Z c1 ns1 external (cold), after 10s; 2s after the mark \"restored forwarders on ns1\"
  2025-07-21T12:00:15Z c1 ns1 external, after 12s; all names since 2025-07-21T12:00:20Z; 5s after the mark \
\"restored forwarders on ns1\"
Marks:
  2025-07-21T12:00:10Z restored forwarders on ns1
";
        assert_eq!(summary(&model, at(0), at(25), true), expected);
        let short = summary(&model, at(0), at(25), false);
        assert!(!short.contains("What changed") && short.contains("First good answers"), "{short}");
    }

    #[test]
    fn it_says_what_still_fails_and_when_nothing_was_seen() {
        let mut model = Model::default();
        assert_eq!(summary(&model, noon(), noon(), true), "Watched for 0s.\nNothing was seen.\nNothing changed.\n");
        model.fold(look(1, &[[(Servfail, 0); 3]]));
        let text = summary(&model, noon(), noon(), false);
        assert!(text.contains("  still failing: c1 ns1: servfail for external, external (cold).\n"), "{text}");
    }
}
