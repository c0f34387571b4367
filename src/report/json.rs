//! Reports as JSON: `GET /api/v1/paths`, read back by `fathom trace --from` and `fathom gate --from`. Documented in
//! docs/api.md.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Assessment, ClusterReport};
use crate::estate::{Cluster, Estate, Resolver};
use crate::evidence::clues::Bearing;
use crate::graph::{Edge, Graph, Method};
use crate::rfc3339;
use crate::verdict::{ClusterState, Confidence, Verdict};

/// The most resolvers of one cluster that are read back: what is drawn of them grows with their cube.
const MOST_RESOLVERS: usize = 256;

/// What tracing says at one moment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Paths {
    /// Which environment is watched.
    pub environment: String,
    /// From which datacenter.
    pub vantage: String,
    /// When this was written, by the clock of its writer, as all other times are.
    #[serde(with = "rfc3339")]
    #[schema(value_type = String, format = DateTime)]
    pub now: SystemTime,
    /// From the start of one trace to the start of the next while nothing is wrong, in seconds.
    pub interval_seconds: f64,
    /// Every cluster that was judged so far, in the order of the configuration.
    pub clusters: Vec<ClusterPaths>,
}

/// A cluster. Resolvers are named by their names.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ClusterPaths {
    /// Where it stands.
    pub datacenter: String,
    /// Its name.
    pub cluster: String,
    /// Its state.
    pub state: ClusterState,
    /// Since when.
    #[serde(with = "rfc3339")]
    #[schema(value_type = String, format = DateTime)]
    pub since: SystemTime,
    /// The state in a sentence or two.
    pub sentence: String,
    /// Independent ways out; nothing where it is not meant to resolve names from outside.
    pub independent_exits: Option<usize>,
    /// The exit without which there is no way out.
    pub last_exit: Option<String>,
    /// Fewer independent exits than this are too few.
    pub min_independent_exits: usize,
    /// The start of the last complete round of questions.
    #[serde(with = "rfc3339::option")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub traced_at: Option<SystemTime>,
    /// Who forwards to whom.
    pub edges: Vec<PathEdge>,
    /// The circles, each in the order in which it most likely forwards.
    pub circles: Vec<Vec<String>>,
    /// Its resolvers.
    pub resolvers: Vec<ResolverPaths>,
}

/// `from` forwards to `to`, directly or through others.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PathEdge {
    /// Where a question was asked.
    pub from: String,
    /// Who handled it.
    pub to: String,
    /// The strongest way in which that was seen.
    pub method: Method,
    /// Seen twice, or in two ways.
    pub twice: bool,
    /// No other edges explain it.
    pub direct: bool,
    /// The shortest answer time of a tracer, in seconds.
    pub rtt_seconds: Option<f64>,
}

/// A resolver.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ResolverPaths {
    /// Its name.
    pub resolver: String,
    /// Its address and port.
    pub address: String,
    /// What is wrong with it.
    pub verdict: Verdict,
    /// How sure that is.
    pub confidence: Confidence,
    /// Since when that is so.
    #[serde(with = "rfc3339")]
    #[schema(value_type = String, format = DateTime)]
    pub since: SystemTime,
    /// The verdict in a sentence or two.
    pub sentence: String,
    /// It resolves names from outside.
    pub resolves: bool,
    /// It does so without the help of a sibling.
    pub is_exit: bool,
    /// It would have been seen if it forwarded to a sibling.
    pub path_known: bool,
    /// The start of the last complete round of questions to it.
    #[serde(with = "rfc3339::option")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub traced_at: Option<SystemTime>,
    /// The evidence, that for the verdict first.
    pub clues: Vec<PathClue>,
}

/// One piece of evidence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PathClue {
    /// How it bears on the verdict.
    pub bearing: Bearing,
    /// What it is, with what was asked and what came.
    pub text: String,
}

//----------- Writing ---------------------------------------------------------

impl Paths {
    /// What these reports say.
    pub fn of(estate: &Estate, reports: &[Arc<ClusterReport>], now: SystemTime) -> Self {
        Self {
            environment: estate.environment.to_string(),
            vantage: estate.vantage.to_string(),
            now,
            interval_seconds: estate.path.interval.as_secs_f64(),
            clusters: reports.iter().map(|report| ClusterPaths::of(report)).collect(),
        }
    }

    /// As JSON, with a line end.
    ///
    /// # Panics
    /// Never: this is plain data.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("plain data") + "\n"
    }
}

impl ClusterPaths {
    /// What a report says.
    pub fn of(report: &ClusterReport) -> Self {
        let name = |place: usize| report.name(place).to_string();
        let edge = |(edge, direct): (Edge, bool)| PathEdge {
            from: name(edge.from),
            to: name(edge.to),
            method: edge.method,
            twice: edge.twice,
            direct,
            rtt_seconds: edge.rtt.map(|rtt| rtt.as_secs_f64()),
        };
        let resolvers = report.cluster.resolvers.iter().zip(&report.resolvers);
        Self {
            datacenter: report.cluster.datacenter.to_string(),
            cluster: report.cluster.name.to_string(),
            state: report.state,
            since: report.since,
            sentence: report.sentence.clone(),
            independent_exits: report.independent_exits,
            last_exit: report.last_exit.map(name),
            min_independent_exits: report.min_independent_exits,
            traced_at: report.traced_at,
            edges: report.edges().into_iter().map(edge).collect(),
            circles: report.graph.cycles().into_iter().map(|circle| circle.into_iter().map(name).collect()).collect(),
            resolvers: resolvers
                .map(|(resolver, seen)| ResolverPaths::of(resolver.name.as_str(), resolver.address.to_string(), seen))
                .collect(),
        }
    }

    /// What is said of a cluster that was not judged yet: nothing is known of it since then.
    pub fn unjudged(cluster: &Cluster, min_independent_exits: usize, since: SystemTime) -> Self {
        let resolver = |resolver: &Arc<Resolver>| ResolverPaths {
            resolver: resolver.name.to_string(),
            address: resolver.address.to_string(),
            verdict: Verdict::Unknown,
            confidence: Confidence::None,
            since,
            sentence: format!("Nothing is known of {} yet.", resolver.name),
            resolves: false,
            is_exit: false,
            path_known: false,
            traced_at: None,
            clues: Vec::new(),
        };
        Self {
            datacenter: cluster.datacenter.to_string(),
            cluster: cluster.name.to_string(),
            state: ClusterState::Unknown,
            since,
            sentence: "Its paths were not traced yet.".to_owned(),
            independent_exits: None,
            last_exit: None,
            min_independent_exits,
            traced_at: None,
            edges: Vec::new(),
            circles: Vec::new(),
            resolvers: cluster.resolvers.iter().map(resolver).collect(),
        }
    }

    /// The place of the resolver with this name.
    pub fn place(&self, name: &str) -> Option<usize> {
        self.resolvers.iter().position(|resolver| resolver.resolver == name)
    }

    /// Its edges as a graph over the places of its resolvers.
    pub fn graph(&self) -> Graph {
        let edge = |edge: &PathEdge| {
            Some(Edge {
                from: self.place(&edge.from)?,
                to: self.place(&edge.to)?,
                method: edge.method,
                twice: edge.twice,
                rtt: edge.rtt_seconds.and_then(|rtt| Duration::try_from_secs_f64(rtt).ok()),
            })
        };
        Graph::new(self.resolvers.len(), self.edges.iter().filter_map(edge))
    }
}

impl ResolverPaths {
    fn of(name: &str, address: String, seen: &Assessment) -> Self {
        let clue = |clue: &crate::evidence::clues::Clue| PathClue { bearing: clue.bearing, text: clue.text.clone() };
        Self {
            resolver: name.to_owned(),
            address,
            verdict: seen.verdict,
            confidence: seen.confidence,
            since: seen.since,
            sentence: seen.sentence.clone(),
            resolves: seen.resolves,
            is_exit: seen.is_exit,
            path_known: seen.path_known,
            traced_at: seen.traced_at,
            clues: seen.clues.iter().map(clue).collect(),
        }
    }
}

//----------- Reading back ----------------------------------------------------

/// Why a document cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Unreadable {
    /// It is no such document.
    #[error("not what this version of Fathom answers there: {0}")]
    Json(#[from] serde_json::Error),
    /// It says what cannot be.
    #[error("not to be trusted: {0}")]
    Nonsense(String),
}

impl Paths {
    /// Reads a document, and holds it to what a prober could say.
    ///
    /// # Errors
    /// When it is none, or names resolvers that it does not list, or holds control characters, which could disguise what
    /// a terminal shows.
    pub fn read(body: &[u8]) -> Result<Self, Unreadable> {
        let paths: Self = serde_json::from_slice(body)?;
        if !(0.0..=1e9).contains(&paths.interval_seconds) {
            return Err(Unreadable::Nonsense(format!("interval_seconds is {}", paths.interval_seconds)));
        }
        if [&paths.environment, &paths.vantage].into_iter().any(|text| text.chars().any(char::is_control)) {
            return Err(Unreadable::controls());
        }
        check_clusters(&paths.clusters)?;
        Ok(paths)
    }
}

/// Holds clusters that were read to what a prober could say.
///
/// # Errors
/// As [`Paths::read`] has them.
pub fn check_clusters(clusters: &[ClusterPaths]) -> Result<(), Unreadable> {
    if clusters.iter().flat_map(ClusterPaths::texts).any(|text| text.chars().any(char::is_control)) {
        return Err(Unreadable::controls());
    }
    clusters.iter().try_for_each(ClusterPaths::check)
}

impl Unreadable {
    /// Control characters could disguise what a terminal shows.
    pub(crate) fn controls() -> Self {
        Self::Nonsense("there are control characters in it".to_owned())
    }
}

impl ClusterPaths {
    fn texts(&self) -> impl Iterator<Item = &str> {
        let edges = self.edges.iter().flat_map(|edge| [&edge.from, &edge.to]);
        let resolvers = self.resolvers.iter().flat_map(|seen| {
            let clues = seen.clues.iter().map(|clue| &clue.text);
            [&seen.resolver, &seen.address, &seen.sentence].into_iter().chain(clues)
        });
        let own = [&self.datacenter, &self.cluster, &self.sentence];
        let others = self.circles.iter().flatten().chain(&self.last_exit);
        own.into_iter().chain(edges).chain(resolvers).chain(others).map(String::as_str)
    }

    fn check(&self) -> Result<(), Unreadable> {
        let nonsense = |what: String| Err(Unreadable::Nonsense(format!("cluster {}: {what}", self.cluster)));
        if self.resolvers.len() > MOST_RESOLVERS {
            return nonsense(format!("{} resolvers, more than {MOST_RESOLVERS}", self.resolvers.len()));
        }
        let known: HashSet<&str> = self.resolvers.iter().map(|seen| seen.resolver.as_str()).collect();
        if known.len() < self.resolvers.len() {
            return nonsense("two of its resolvers have the same name".to_owned());
        }
        let ends = self.edges.iter().flat_map(|edge| [&edge.from, &edge.to]);
        let named = ends.chain(self.circles.iter().flatten()).chain(&self.last_exit);
        for name in named {
            if !known.contains(name.as_str()) {
                return nonsense(format!("{name} is not among its resolvers"));
            }
        }
        let mut seen = HashSet::new();
        if let Some(twice) = self.edges.iter().find(|edge| !seen.insert((&edge.from, &edge.to))) {
            return nonsense(format!("it says twice where {} forwards to {}", twice.from, twice.to));
        }
        Ok(())
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;
    use crate::outcome::Outcome;

    /// Noon of some day.
    pub(crate) fn noon() -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(1_753_099_200)
    }

    /// A cluster of resolvers `ns1`, `ns2` … that forward as these pairs say (`"12 23"`), all of them traced at noon and
    /// resolving unless their verdict is a failure. Those that forward have a verdict that says so.
    pub(crate) fn cluster(size: usize, pairs: &str, failing: Option<Verdict>) -> ClusterPaths {
        let name = |place: usize| format!("ns{}", place + 1);
        let edge = |pair: &str| PathEdge {
            from: format!("ns{}", &pair[..1]),
            to: format!("ns{}", &pair[1..]),
            method: Method::Tracer,
            twice: true,
            direct: true,
            rtt_seconds: Some(0.001),
        };
        let member = |place: usize| ResolverPaths {
            resolver: name(place),
            address: format!("192.0.2.{}:53", place + 1),
            verdict: failing.unwrap_or(Verdict::Ok),
            confidence: Confidence::Confirmed,
            since: noon(),
            sentence: format!("{} is as it is.", name(place)),
            resolves: failing.is_none(),
            is_exit: false,
            path_known: true,
            traced_at: Some(noon()),
            clues: vec![PathClue { bearing: Bearing::For, text: "it said so".to_owned() }],
        };
        let mut cluster = ClusterPaths {
            datacenter: "dc1".to_owned(),
            cluster: "c1".to_owned(),
            state: ClusterState::Healthy,
            since: noon(),
            sentence: "All is as it is.".to_owned(),
            independent_exits: None,
            last_exit: None,
            min_independent_exits: 2,
            traced_at: Some(noon()),
            edges: pairs.split_whitespace().map(edge).collect(),
            circles: Vec::new(),
            resolvers: (0..size).map(member).collect(),
        };
        let graph = cluster.graph();
        let resolving = vec![failing.is_none(); size];
        cluster.independent_exits = Some(graph.independent_exits(&resolving));
        cluster.last_exit = graph.last_exit(&resolving).map(name);
        cluster.circles = graph.cycles().into_iter().map(|circle| circle.into_iter().map(name).collect()).collect();
        for (place, member) in cluster.resolvers.iter_mut().enumerate() {
            member.is_exit = graph.is_exit(place, &resolving);
            if failing.is_none() && graph.siblings_of(place).count() > 0 {
                member.verdict = Verdict::ForwardsToSibling;
            }
        }
        cluster
    }

    fn paths(clusters: Vec<ClusterPaths>) -> Paths {
        let (environment, vantage) = ("test".to_owned(), "dc1".to_owned());
        Paths { environment, vantage, now: noon(), interval_seconds: 60.0, clusters }
    }

    #[test]
    fn what_is_written_is_read_back() {
        let mut untraced = cluster(1, "", None);
        untraced.traced_at = None;
        let written = paths(vec![cluster(4, "12 23 34 41", Some(Verdict::LoopSuspected)), untraced]);
        let json = written.to_json();
        assert_eq!(Paths::read(json.as_bytes()).unwrap(), written);
        assert!(json.contains(r#""circles":[["ns1","ns2","ns3","ns4"]]"#), "{json}");
        assert!(json.contains(r#""traced_at":"2025-07-21T12:00:00.000Z""#), "{json}");
    }

    #[test]
    fn words_are_those_of_metrics_and_tables() {
        fn agrees<T: Copy + Serialize>(all: &[T], word: fn(T) -> &'static str) {
            for value in all {
                assert_eq!(serde_json::to_value(value).unwrap(), word(*value));
            }
        }
        agrees(&Verdict::ALL, Verdict::as_str);
        agrees(&Confidence::ALL, Confidence::as_str);
        agrees(&ClusterState::ALL, ClusterState::as_str);
        agrees(&Method::ALL, Method::as_str);
        agrees(&Outcome::ALL, Outcome::as_str);
        agrees(&[Bearing::For, Bearing::Against, Bearing::Aside], Bearing::as_str);
    }

    #[test]
    fn a_document_that_says_what_cannot_be_is_refused() {
        let read = |paths: Paths| Paths::read(paths.to_json().as_bytes()).unwrap_err().to_string();
        let bad = |change: fn(&mut ClusterPaths)| {
            let mut cluster = cluster(2, "12", None);
            change(&mut cluster);
            read(paths(vec![cluster]))
        };
        let cases = [
            (bad(|c| c.edges[0].to = "ns9".to_owned()), "cluster c1: ns9 is not among its resolvers"),
            (bad(|c| c.last_exit = Some("ns8".to_owned())), "cluster c1: ns8 is not among its resolvers"),
            (bad(|c| c.edges.push(c.edges[0].clone())), "cluster c1: it says twice where ns1 forwards to ns2"),
            (
                bad(|c| c.resolvers[1].resolver = "ns1".to_owned()),
                "cluster c1: two of its resolvers have the same name",
            ),
            (bad(|c| c.sentence = "\u{1b}[32mfine".to_owned()), "there are control characters in it"),
            (bad(|c| c.resolvers = vec![c.resolvers[0].clone(); 300]), "cluster c1: 300 resolvers, more than 256"),
            (read(Paths { interval_seconds: -1.0, ..paths(vec![]) }), "interval_seconds is -1"),
        ];
        for (error, expected) in cases {
            assert_eq!(error, format!("not to be trusted: {expected}"));
        }
        for body in ["", "<html>", "[]", "{\"now\": 3}"] {
            let error = Paths::read(body.as_bytes()).unwrap_err().to_string();
            assert!(error.starts_with("not what this version of Fathom answers there: "), "{error}");
        }
    }
}
