//! The evidence for and against a verdict, in words a person can check: the names asked and the answers.

use serde::{Deserialize, Serialize};
use tokio::time::Instant;
use utoipa::ToSchema;

use super::{ColdSeen, Configured, Echoed, Evidence, Known, Noted, Sight};
use crate::estate::Label;
use crate::graph::Graph;
use crate::verdict::Verdict;
use crate::verdict::situation::{OverTcp, Own};

/// How a clue bears on the verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Bearing {
    /// It speaks for it.
    For,
    /// It speaks against it.
    Against,
    /// It was looked at and does not decide.
    Aside,
}

impl Bearing {
    /// The word used in JSON and in front of the clue.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::For => "for",
            Self::Against => "against",
            Self::Aside => "aside",
        }
    }
}

/// One piece of evidence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Clue {
    /// How it bears on the verdict.
    pub bearing: Bearing,
    /// What it is, with what was asked and what came.
    pub text: String,
}

/// Verdicts that say that names from outside fail.
const FAILING: &[Verdict] = &[
    Verdict::LoopSuspected,
    Verdict::DeadEnd,
    Verdict::RecursionFailing,
    Verdict::RecursionRefused,
    Verdict::UpstreamFailing,
    Verdict::DnssecFailing,
    Verdict::StaleMasking,
    Verdict::Lossy,
    Verdict::Down,
    Verdict::Unreachable,
    Verdict::WrongAnswers,
];

/// Verdicts that say that names from outside resolve.
const RESOLVING: &[Verdict] = &[Verdict::Ok, Verdict::ForwardsToSibling, Verdict::CycleWithExit, Verdict::Slow];

/// Verdicts that rest on a path to a sibling.
const FORWARDING: &[Verdict] = &[Verdict::ForwardsToSibling, Verdict::CycleWithExit, Verdict::LoopSuspected];

/// Verdicts that a step to a sibling speaks for: a dead end may lie behind it.
const THROUGH_SIBLING: &[Verdict] =
    &[Verdict::ForwardsToSibling, Verdict::CycleWithExit, Verdict::LoopSuspected, Verdict::DeadEnd];

/// Verdicts that say that nobody is there.
const GONE: &[Verdict] = &[Verdict::Down, Verdict::Unreachable, Verdict::Lossy];

/// What is known of a resolver, sorted by how it bears on the verdict: for, against, aside.
pub fn clues(
    evidence: &Evidence,
    graph: &Graph,
    resolver: usize,
    verdict: Verdict,
    names: &[Label],
    now: Instant,
) -> Vec<Clue> {
    let mut clues = Clues { verdict, now, all: Vec::new() };
    clues.of_answers(&evidence.known[resolver]);
    clues.of_paths(evidence, graph, resolver, names);
    clues.of_causes(evidence, resolver, names);
    clues.all.sort_by_key(|clue| clue.bearing as u8);
    clues.all
}

/// Clues as they come together.
struct Clues {
    verdict: Verdict,
    now: Instant,
    all: Vec<Clue>,
}

impl Clues {
    fn add(&mut self, supports: &[Verdict], contradicts: &[Verdict], text: String) {
        let bearing = if supports.contains(&self.verdict) {
            Bearing::For
        } else if contradicts.contains(&self.verdict) {
            Bearing::Against
        } else {
            Bearing::Aside
        };
        self.all.push(Clue { bearing, text });
    }

    fn said<T>(&mut self, supports: &[Verdict], contradicts: &[Verdict], what: &str, noted: &Noted<T>) {
        let ago = self.now.saturating_duration_since(noted.at).as_secs();
        self.add(supports, contradicts, format!("{what}: {} ({ago} s ago)", noted.words));
    }

    /// What it answers: for itself, to names never asked before, to configured names.
    fn of_answers(&mut self, known: &Known) {
        if let Some(noted) = &known.own {
            let (supports, contradicts): (&[Verdict], &[Verdict]) = match noted.value {
                (Own::Answers, _) => (&[], GONE),
                (Own::Wrongly, _) => (&[Verdict::AuthorityFailing], &[Verdict::Ok]),
                (_, OverTcp::Works) => (&[Verdict::Lossy], RESOLVING),
                (_, OverTcp::Unasked | OverTcp::Fails) => (GONE, RESOLVING),
            };
            self.said(supports, contradicts, "its own answers", noted);
        }
        for noted in known.cold.iter().flatten() {
            let (supports, contradicts): (&[Verdict], &[Verdict]) = match noted.value {
                ColdSeen::Answered(_) => (RESOLVING, FAILING),
                ColdSeen::OnlyOverTcp => (&[Verdict::Lossy], &[]),
                ColdSeen::Refused => (&[Verdict::RecursionRefused], RESOLVING),
                ColdSeen::Forged => (&[Verdict::WrongAnswers], &[Verdict::Ok]),
                ColdSeen::Failed(_) | ColdSeen::Silent | ColdSeen::SilentSoFar => (FAILING, RESOLVING),
            };
            self.said(supports, contradicts, "a name never asked before", noted);
        }
        let Configured { stale, wrong, loses_packets, .. } = known.configured;
        if stale > 0 {
            let text = format!("{stale} configured names are answered from cache past their time");
            self.add(&[Verdict::StaleMasking], &[Verdict::Ok], text);
        }
        if wrong > 0 {
            let text = format!("{wrong} configured names are answered wrongly");
            self.add(&[Verdict::WrongAnswers], &[Verdict::Ok], text);
        }
        if loses_packets {
            let text = "of its own answers over UDP, between a fifth and four fifths are missing".to_owned();
            self.add(&[Verdict::Lossy], &[Verdict::Ok], text);
        }
    }

    /// Where its questions go.
    fn of_paths(&mut self, evidence: &Evidence, graph: &Graph, resolver: usize, names: &[Label]) {
        let known = &evidence.known[resolver];
        for edge in graph.edges() {
            let words = evidence.words_of(edge.from, edge.to).unwrap_or_default();
            if edge.from == resolver {
                let what = format!("its way leads to {} ({}): {words}", names[edge.to], edge.method.as_str());
                self.add(THROUGH_SIBLING, &[Verdict::Ok, Verdict::UpstreamFailing], what);
            } else if edge.to == resolver && graph.reaches(resolver, edge.from) {
                let what = format!("the way of {} leads back to it: {words}", names[edge.from]);
                self.add(&[Verdict::LoopSuspected, Verdict::CycleWithExit], &[], what);
            }
        }
        for (to, noted) in known.row.iter().enumerate() {
            let Some(noted) = noted.as_ref().filter(|_| !graph.reaches(resolver, to)) else { continue };
            let what = format!("the tracer of {} was not reached", names[to]);
            match noted.value {
                Sight::Miss => self.said(&[Verdict::Ok], FORWARDING, &what, noted),
                Sight::Unclear => self.said(&[Verdict::DeadEnd, Verdict::UpstreamFailing], &[], &what, noted),
                Sight::Hit => {}
            }
        }
        for (to, noted) in known.echo_missed.iter().enumerate() {
            let Some(noted) = noted.as_ref().filter(|_| !graph.reaches(resolver, to)) else { continue };
            self.said(&[Verdict::Ok], FORWARDING, &format!("its name was not in the cache of {}", names[to]), noted);
        }
        if let Some(noted) = &known.polluted {
            self.said(&[Verdict::WrongAnswers], FORWARDING, "it answers for a tracer that nobody serves", noted);
        }
        if let Some(noted) = &known.own_egress {
            self.said(&[Verdict::Ok], &[Verdict::ForwardsToSibling], "the beacon saw its own address", noted);
        }
    }

    /// What was asked to tell one cause from another.
    fn of_causes(&mut self, evidence: &Evidence, resolver: usize, names: &[Label]) {
        let known = &evidence.known[resolver];
        for (to, noted) in known.failure_echo.iter().enumerate() {
            let Some(noted) = noted else { continue };
            let (supports, contradicts): (&[Verdict], &[Verdict]) = match noted.value {
                Echoed::Itself => (FORWARDING, &[Verdict::DeadEnd]),
                Echoed::Never => (&[Verdict::DeadEnd], &[]),
                Echoed::Behind => (&[Verdict::DeadEnd, Verdict::UpstreamFailing], &[]),
                Echoed::Unclear => (&[], &[]),
            };
            // That nothing of it comes back says that the circle, if it is one, is none of its own alone.
            let supports = if to == resolver && noted.value != Echoed::Itself { &[] } else { supports };
            self.said(supports, contradicts, &format!("failure cache of {}", names[to]), noted);
        }
        if let Some(noted) = known.left_all_the_same() {
            let contradicts: &[Verdict] = &[Verdict::LoopSuspected, Verdict::DeadEnd];
            self.said(&[Verdict::UpstreamFailing, Verdict::CycleWithExit], contradicts, "what the beacon saw", noted);
        }
        if let Some(noted) = &known.unchecked {
            let dnssec: &[Verdict] = &[Verdict::DnssecFailing];
            let (supports, contradicts): (&[Verdict], &[Verdict]) =
                if noted.value { (dnssec, &[]) } else { (&[], dnssec) };
            self.said(supports, contradicts, "validation", noted);
        }
        if let Some(noted) = &evidence.upstream {
            let fails: &[Verdict] = &[Verdict::UpstreamFailing];
            let works: &[Verdict] = &[Verdict::LoopSuspected, Verdict::DeadEnd];
            let (supports, contradicts) = if noted.value { (works, fails) } else { (fails, works) };
            self.said(supports, contradicts, "known upstreams", noted);
        }
    }
}
