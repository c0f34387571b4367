//! Verdicts in words, with the evidence for and against them.

use std::fmt::Write;
use std::sync::Arc;

use serde::Serialize;

use crate::estate::Resolver;
use crate::report::{Assessment, ClusterReport};
use crate::verdict::Verdict;

/// A resolver as tracing judges it.
#[derive(Debug, Clone)]
pub(super) struct Judged {
    report: Arc<ClusterReport>,
    place: usize,
}

impl Judged {
    /// The resolver of this name in a cluster that was traced.
    pub(super) fn find(reports: &[Arc<ClusterReport>], cluster: &str, resolver: &str) -> Option<Self> {
        let report = reports.iter().find(|report| report.cluster.name.as_str() == cluster)?;
        Some(Self { place: report.place(resolver)?, report: Arc::clone(report) })
    }

    /// Whether a round of questions was complete and enough came of it: a resolver that is to resolve names from outside
    /// was seen to do so, or fails.
    pub(super) fn is_known(&self) -> bool {
        let Assessment { verdict, resolves, traced_at, .. } = self.assessment();
        let enough = *resolves || verdict.is_failing() || !self.report.cluster.recursive;
        traced_at.is_some() && *verdict != Verdict::Unknown && enough
    }

    /// What is wrong with it.
    pub(super) fn verdict(&self) -> Verdict {
        self.assessment().verdict
    }

    fn assessment(&self) -> &Assessment {
        &self.report.resolvers[self.place]
    }

    fn resolver(&self) -> &Resolver {
        &self.report.cluster.resolvers[self.place]
    }
}

/// For a person: every resolver with its evidence, and after the last one of a cluster what that amounts to.
pub(super) fn text(judged: &[Judged]) -> String {
    let mut out = String::new();
    for (at, one) in judged.iter().enumerate() {
        let Assessment { verdict, confidence, sentence, clues, .. } = one.assessment();
        let (report, name) = (&one.report, one.resolver().name.as_str());
        let cluster = &report.cluster.name;
        let _ = writeln!(out, "\n{name} of {cluster}: {} ({})", verdict.as_str(), confidence.as_str());
        let _ = writeln!(out, "  {sentence}");
        for clue in clues {
            let _ = writeln!(out, "  {:<8} {}", clue.bearing.as_str(), clue.text);
        }
        if judged.get(at + 1).is_none_or(|next| next.report.cluster.name != *cluster) {
            let _ = writeln!(out, "\n{cluster}: {}\n  {}", report.state.as_str(), report.sentence);
        }
    }
    out
}

//----------- JSON ------------------------------------------------------------

/// A verdict for other programs.
#[derive(Debug, Serialize)]
pub(super) struct VerdictJson<'a> {
    datacenter: &'a str,
    cluster: &'a str,
    cluster_state: &'static str,
    resolver: &'a str,
    address: String,
    verdict: &'static str,
    confidence: &'static str,
    sentence: &'a str,
    is_exit: bool,
    path_known: bool,
    clues: Vec<ClueJson<'a>>,
}

#[derive(Debug, Serialize)]
struct ClueJson<'a> {
    bearing: &'static str,
    text: &'a str,
}

/// For other programs: one object a resolver.
pub(super) fn json(judged: &[Judged]) -> Vec<VerdictJson<'_>> {
    judged.iter().map(verdict_json).collect()
}

fn verdict_json(judged: &Judged) -> VerdictJson<'_> {
    let (report, assessment) = (&judged.report, judged.assessment());
    VerdictJson {
        datacenter: report.cluster.datacenter.as_str(),
        cluster: report.cluster.name.as_str(),
        cluster_state: report.state.as_str(),
        resolver: judged.resolver().name.as_str(),
        address: judged.resolver().address.to_string(),
        verdict: assessment.verdict.as_str(),
        confidence: assessment.confidence.as_str(),
        sentence: &assessment.sentence,
        is_exit: assessment.is_exit,
        path_known: assessment.path_known,
        clues: assessment
            .clues
            .iter()
            .map(|clue| ClueJson { bearing: clue.bearing.as_str(), text: &clue.text })
            .collect(),
    }
}
