//! What tracing says: a cluster's state and ways out, and each resolver's verdict with its evidence.

use std::fmt::{self, Write};
use std::time::{Duration, SystemTime};

use humantime::{format_duration, format_rfc3339_seconds};

use super::safe::Safe;
use crate::estate::Cluster;
use crate::evidence::clues::Bearing;
use crate::report::{Assessment, ClusterReport};
use crate::verdict::{ClusterState, Verdict};

/// The head of a cluster: its state, in a sentence and in facts.
pub(super) fn cluster(
    page: &mut String,
    cluster: &Cluster,
    report: Option<&ClusterReport>,
    now: SystemTime,
) -> fmt::Result {
    let state = report.map_or(ClusterState::Unknown, |report| report.state);
    let class = state_class(state);
    let name = Safe(cluster.name.as_str());
    writeln!(page, "<h2>{name} <span class=\"{class}\">{}</span></h2>", state.as_str())?;
    let Some(report) = report else {
        page.push_str("<p>Its paths were not traced yet.</p>\n");
        return Ok(());
    };
    writeln!(page, "<p>{}</p>\n<dl>", Safe(&report.sentence))?;
    fact(page, "since", &moment(report.since, now))?;
    if let Some(exits) = report.independent_exits {
        let least = report.min_independent_exits;
        fact(page, "independent exits", &format!("{exits} (at least {least} are wanted)"))?;
        fact(page, "exits", &names(report, |place| report.resolvers[place].is_exit))?;
        fact(page, "last exit", report.last_exit.map_or("–", |place| report.name(place).as_str()))?;
        fact(page, "steps", &or_dash(&steps(report)))?;
        fact(page, "circles", &or_dash(&report.circles()))?;
    }
    fact(page, "traced", &report.traced_at.map_or_else(|| "not yet".to_owned(), |at| moment(at, now)))?;
    page.push_str("</dl>\n");
    Ok(())
}

/// Every resolver: its verdict in a sentence, and the evidence for and against.
pub(super) fn resolvers(page: &mut String, report: &ClusterReport, now: SystemTime) -> fmt::Result {
    for (resolver, assessed) in report.cluster.resolvers.iter().zip(&report.resolvers) {
        let Assessment { verdict, confidence, .. } = assessed;
        writeln!(
            page,
            "<h3>{} <span class=\"{}\">{}</span> {}, since {}</h3>\n<p>{}</p>",
            Safe(resolver.name.as_str()),
            verdict_class(*verdict),
            verdict.as_str(),
            confidence.as_str(),
            moment(assessed.since, now),
            Safe(&assessed.sentence)
        )?;
        if assessed.clues.is_empty() {
            continue;
        }
        let count = |bearing| assessed.clues.iter().filter(|clue| clue.bearing == bearing).count();
        let (supports, contradicts) = (count(Bearing::For), count(Bearing::Against));
        writeln!(page, "<details><summary>Evidence: {supports} for, {contradicts} against</summary><ul>")?;
        for clue in &assessed.clues {
            writeln!(page, "<li>{}: {}", clue.bearing.as_str(), Safe(&clue.text))?;
        }
        page.push_str("</ul></details>\n");
    }
    Ok(())
}

fn fact(page: &mut String, what: &str, value: &str) -> fmt::Result {
    writeln!(page, "<dt>{what}<dd>{}", Safe(value))
}

/// The steps from sibling to sibling that others do not explain, each with how it was seen.
fn steps(report: &ClusterReport) -> Vec<String> {
    let step = |edge: crate::graph::Edge| {
        let once = if edge.twice { "" } else { ", once" };
        format!("{} > {} ({}{once})", report.name(edge.from), report.name(edge.to), edge.method.as_str())
    };
    report.edges().into_iter().filter(|(_, direct)| *direct).map(|(edge, _)| step(edge)).collect()
}

fn names(report: &ClusterReport, wanted: impl Fn(usize) -> bool) -> String {
    let places = (0..report.resolvers.len()).filter(|place| wanted(*place));
    or_dash(&places.map(|place| report.name(place).to_string()).collect::<Vec<_>>())
}

fn or_dash(items: &[String]) -> String {
    if items.is_empty() { "–".to_owned() } else { items.join(", ") }
}

/// A moment, and how long ago that is.
fn moment(at: SystemTime, now: SystemTime) -> String {
    let ago = Duration::from_secs(now.duration_since(at).unwrap_or_default().as_secs());
    format!("{} ({} ago)", format_rfc3339_seconds(at), format_duration(ago))
}

const fn state_class(state: ClusterState) -> &'static str {
    match state {
        ClusterState::Unknown | ClusterState::Healthy => "word",
        ClusterState::Latent | ClusterState::Blind => "word warn",
        ClusterState::Fragile | ClusterState::Critical | ClusterState::Outage | ClusterState::Partial => "word bad",
    }
}

const fn verdict_class(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Unknown | Verdict::Ok => "word",
        Verdict::ForwardsToSibling | Verdict::CycleWithExit | Verdict::Slow | Verdict::ProberFault => "word warn",
        Verdict::LoopSuspected
        | Verdict::DeadEnd
        | Verdict::RecursionFailing
        | Verdict::RecursionRefused
        | Verdict::UpstreamFailing
        | Verdict::DnssecFailing
        | Verdict::StaleMasking
        | Verdict::AuthorityFailing
        | Verdict::WrongAnswers
        | Verdict::Lossy
        | Verdict::Unreachable
        | Verdict::Down => "word bad",
    }
}
