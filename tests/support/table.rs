//! A stage of the incident as a line of a table, the same for every replay.

use fathom::graph::Method;
use fathom::report::ClusterReport;

use super::outside::COLD;

/// What Fathom says of a cluster at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Who was seen to forward to whom, directly or through others: `1>2 1>3`, by their places.
    pub edges: String,
    /// The verdict of each resolver, in its word.
    pub verdicts: Vec<&'static str>,
    /// Independent exits.
    pub exits: usize,
    /// The last one, by its name.
    pub last_exit: Option<String>,
    /// The state of the cluster.
    pub state: &'static str,
}

impl Line {
    /// The line of this report.
    pub fn of(report: &ClusterReport) -> Self {
        let mut edges: Vec<(usize, usize)> = report.graph.edges().iter().map(|e| (e.from + 1, e.to + 1)).collect();
        // In a circle, what comes back to itself may be seen too.
        edges.retain(|(from, to)| from != to);
        edges.sort_unstable();
        Self {
            edges: in_words(&edges),
            verdicts: report.resolvers.iter().map(|seen| seen.verdict.as_str()).collect(),
            exits: report.independent_exits.unwrap_or_default(),
            last_exit: report.last_exit.map(|place| report.name(place).to_string()),
            state: report.state.as_str(),
        }
    }

    /// What is to be said at a stage of the incident in which the first so many of four forward to the next one; `end` is
    /// what is said of all when no exit is left.
    pub fn due(forwarding: usize, end: Option<&'static str>) -> Self {
        let pairs = (1..=forwarding).flat_map(|from| (from + 1..=forwarding + 1).map(move |to| (from, to)));
        let verdict = |place: usize| if place < forwarding { "forwards_to_sibling" } else { "ok" };
        let (exits, state) = match (end, forwarding) {
            (Some("cycle_with_exit"), _) | (None, 3) => (1, "fragile"),
            (Some(_), _) => (0, "outage"),
            (None, 0) => (4, "healthy"),
            (None, _) => (4 - forwarding, "latent"),
        };
        let everybody = || (1..=4).flat_map(|from| (1..=4).map(move |to| (from, to))).filter(|(from, to)| from != to);
        let circle = matches!(end, Some("loop_suspected" | "cycle_with_exit"));
        let pairs: Vec<(usize, usize)> = if circle { everybody().collect() } else { pairs.collect() };
        Self {
            edges: in_words(&pairs),
            verdicts: (0..4).map(|place| end.unwrap_or_else(|| verdict(place))).collect(),
            exits,
            last_exit: (forwarding == 3 && end.is_none()).then(|| "ns4".to_owned()),
            state,
        }
    }

    /// Whether the other says the same of everything but the edges, which not every method shows all of.
    pub fn says_as(&self, other: &Self) -> bool {
        Self { edges: String::new(), ..self.clone() } == Self { edges: String::new(), ..other.clone() }
    }
}

fn in_words(edges: &[(usize, usize)]) -> String {
    let words: Vec<String> = edges.iter().map(|(from, to)| format!("{from}>{to}")).collect();
    words.join(" ")
}

/// The head of the table.
pub const HEAD: &str = "\
| stage | a cold name at ns1 | seen to forward | by | ns1 | ns2 | ns3 | ns4 | exits | last exit | cluster |
|---|---|---|---|---|---|---|---|---|---|---|";

/// A line of it.
pub fn line(stage: &str, report: &ClusterReport) -> String {
    let seen = Line::of(report);
    let verdicts: Vec<String> =
        report.resolvers.iter().map(|seen| format!("{} {}", seen.verdict.as_str(), seen.confidence.as_str())).collect();
    let cells = [
        stage.to_owned(),
        cold_name(report),
        or_dash(if seen.edges.split(' ').count() == 12 { "all 12 pairs".to_owned() } else { seen.edges }),
        or_dash(methods(report)),
        verdicts.join(" | "),
        seen.exits.to_string(),
        or_dash(seen.last_exit.unwrap_or_default()),
        seen.state.to_owned(),
    ];
    format!("| {} |", cells.join(" | "))
}

/// Whether such a name fails at the first resolver within a second.
pub fn fails_at_once(report: &ClusterReport) -> bool {
    let came = cold_name(report);
    let millis = came.strip_prefix("SERVFAIL after ").and_then(|rest| rest.strip_suffix(" ms"));
    millis.and_then(|millis| millis.parse::<f64>().ok()).is_some_and(|millis| millis < 1000.0)
}

/// What came of a name never asked before, from the evidence about the first resolver.
fn cold_name(report: &ClusterReport) -> String {
    let of_cold = |text: &&str| text.contains(COLD) && text.contains("never asked before");
    let text = report.resolvers[0].clues.iter().map(|clue| clue.text.as_str()).find(of_cold);
    let came = text.and_then(|text| text.split_once(" A: ")).map(|(_, came)| came.split(" (").next().unwrap_or(came));
    or_dash(came.unwrap_or_default().replace("198.51.100.2 ", ""))
}

fn methods(report: &ClusterReport) -> String {
    let used = |method: &Method| report.graph.edges().iter().any(|edge| edge.method == *method);
    let used: Vec<&str> = Method::ALL.into_iter().filter(used).map(Method::as_str).collect();
    used.join(", ")
}

fn or_dash(text: String) -> String {
    if text.is_empty() { "–".to_owned() } else { text }
}
