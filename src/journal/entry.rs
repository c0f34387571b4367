//! What the journal holds: one entry for one change, with its time, its place and what was seen.

use std::fmt::{self, Write};
use std::time::SystemTime;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::graph::Method;
use crate::outcome::Outcome;
use crate::rfc3339;
use crate::verdict::{ClusterState, Confidence, Verdict};

/// One change.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Entry {
    /// Its number: later ones are greater.
    pub id: i64,
    /// When it was seen to begin.
    #[serde(with = "rfc3339")]
    #[schema(value_type = String, format = DateTime)]
    pub at: SystemTime,
    /// Where it is; nothing where it concerns the prober.
    #[serde(flatten)]
    pub place: Place,
    /// How many changes this is: more than one where something goes back and forth faster than it is written down.
    pub changes: u32,
    /// What has changed.
    #[serde(flatten)]
    pub event: Event,
}

/// What an entry is about: the prober itself, a cluster, or a resolver in it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
pub struct Place {
    /// The datacenter of the cluster.
    pub datacenter: Option<String>,
    /// The cluster.
    pub cluster: Option<String>,
    /// The resolver.
    pub resolver: Option<String>,
}

/// What has changed. Closed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Event {
    /// What probes of one class of names see at one resolver.
    Outcome(ClassChange),
    /// What is wrong with a resolver, and how sure that is.
    Verdict(VerdictChange),
    /// A resolver forwards to another, or does so no longer. Seen twice, or in two ways.
    Edge(EdgeChange),
    /// A resolver gives itself another name or says it is other software: it was rebuilt, or another one answers.
    Identity(IdentityChange),
    /// The state of a cluster.
    Cluster(ClusterChange),
    /// The configuration was loaded again, or could not be.
    Configuration(Configuration),
    /// The prober itself.
    Prober(ProberChange),
    /// What a person did or saw.
    Mark(Mark),
}

/// The outcome of a class is `ok` when all its names are, else the failure that most of them show.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ClassChange {
    /// The class.
    pub class: String,
    /// Its outcome before; nothing before its first probe. Where it is that of now, this was in between.
    pub from: Option<Outcome>,
    /// Its outcome now.
    pub to: Outcome,
    /// The names that are not `ok` now, or were not until now; at most twenty.
    pub names: Vec<String>,
    /// How many names are not `ok` now.
    pub failing: u32,
    /// How many names of the class were asked.
    pub of: u32,
    /// In words, what the last probe that changed saw.
    pub detail: String,
}

/// What is wrong with a resolver.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct VerdictChange {
    /// The verdict before.
    pub from: Verdict,
    /// The verdict now.
    pub to: Verdict,
    /// How sure it is.
    pub confidence: Confidence,
    /// The verdict in a sentence or two.
    pub sentence: String,
    /// The evidence for it, at most eight pieces.
    pub evidence: Vec<String>,
}

/// Whether one resolver forwards to another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct EdgeChange {
    /// Where questions were asked.
    pub from: String,
    /// Who handled them.
    pub to: String,
    /// How that was seen, while it was.
    pub method: Method,
    /// Whether it is so now.
    pub present: bool,
}

/// Who a resolver says it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct IdentityChange {
    /// What it was asked.
    pub of: Identity,
    /// What it said before.
    pub from: String,
    /// What it says now.
    pub to: String,
}

/// The ways in which a resolver says who it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Identity {
    /// The name it gives with every answer (RFC 5001).
    Nsid,
    /// The name it gives when asked, `id.server` (RFC 4892).
    ServerId,
    /// The software it says it is, `version.bind`.
    Version,
}

/// The state of a cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ClusterChange {
    /// The state before.
    pub from: ClusterState,
    /// The state now.
    pub to: ClusterState,
    /// Independent ways out that are left; nothing where the cluster is not meant to resolve names from outside.
    pub exits: Option<usize>,
    /// The exit without which there is no way out.
    pub last_exit: Option<String>,
    /// The state in a sentence or two.
    pub sentence: String,
}

/// What came of loading the configuration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Configuration {
    /// Whether the new one is used from now on.
    pub loaded: bool,
    /// What was said about it, at most 2000 characters.
    pub detail: String,
}

/// The prober's own coming and going.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ProberChange {
    /// Whether it starts or stops.
    pub state: ProberState,
    /// Its version.
    pub version: String,
    /// At a start: until when the one before it is known to have run.
    #[serde(with = "rfc3339::option")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub ran_until: Option<SystemTime>,
}

/// Whether the prober starts or stops.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ProberState {
    /// It begins to probe.
    Started,
    /// It was told to stop, and has.
    Stopped,
}

/// What a person did or saw.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Mark {
    /// In their words: 1 to 500 printable characters.
    pub text: String,
    /// Who says so.
    pub by: String,
}

/// The kinds of entries, for labels and filters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// [`Event::Outcome`].
    Outcome,
    /// [`Event::Verdict`].
    Verdict,
    /// [`Event::Edge`].
    Edge,
    /// [`Event::Identity`].
    Identity,
    /// [`Event::Cluster`].
    Cluster,
    /// [`Event::Configuration`].
    Configuration,
    /// [`Event::Prober`].
    Prober,
    /// [`Event::Mark`].
    Mark,
}

impl Kind {
    /// Every kind, in the order of metrics and tables.
    pub const ALL: [Self; 8] = [
        Self::Outcome,
        Self::Verdict,
        Self::Edge,
        Self::Identity,
        Self::Cluster,
        Self::Configuration,
        Self::Prober,
        Self::Mark,
    ];

    /// The word used in labels, tables and JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Outcome => "outcome",
            Self::Verdict => "verdict",
            Self::Edge => "edge",
            Self::Identity => "identity",
            Self::Cluster => "cluster",
            Self::Configuration => "configuration",
            Self::Prober => "prober",
            Self::Mark => "mark",
        }
    }
}

impl Event {
    /// Of which kind it is.
    pub const fn kind(&self) -> Kind {
        match self {
            Self::Outcome(_) => Kind::Outcome,
            Self::Verdict(_) => Kind::Verdict,
            Self::Edge(_) => Kind::Edge,
            Self::Identity(_) => Kind::Identity,
            Self::Cluster(_) => Kind::Cluster,
            Self::Configuration(_) => Kind::Configuration,
            Self::Prober(_) => Kind::Prober,
            Self::Mark(_) => Kind::Mark,
        }
    }
}

impl Identity {
    /// Every way, in the order of tables.
    pub const ALL: [Self; 3] = [Self::Nsid, Self::ServerId, Self::Version];

    /// What the field calls it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Nsid => "NSID",
            Self::ServerId => "id.server",
            Self::Version => "version.bind",
        }
    }
}

impl Place {
    /// The prober itself.
    pub const PROBER: Self = Self { datacenter: None, cluster: None, resolver: None };

    /// A cluster.
    pub fn cluster(datacenter: &str, cluster: &str) -> Self {
        Self { datacenter: Some(datacenter.to_owned()), cluster: Some(cluster.to_owned()), resolver: None }
    }

    /// A resolver in a cluster.
    pub fn resolver(datacenter: &str, cluster: &str, resolver: &str) -> Self {
        Self { resolver: Some(resolver.to_owned()), ..Self::cluster(datacenter, cluster) }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.cluster, &self.resolver) {
            (Some(cluster), Some(resolver)) => write!(f, "{cluster}/{resolver}"),
            (Some(cluster), None) => f.write_str(cluster),
            (None, _) => f.write_str("prober"),
        }
    }
}

//----------- In words --------------------------------------------------------

impl Entry {
    /// The entry in a sentence or two. Holds text that came from the network or from a person: escape it.
    pub fn sentence(&self) -> String {
        let mut text = self.event.sentence(self.place.resolver.as_deref().unwrap_or("the resolver"));
        if self.changes > 1 {
            // Writing to a string cannot fail.
            let _ = write!(text, " It changed {} times meanwhile.", self.changes);
        }
        text
    }
}

impl Event {
    fn sentence(&self, resolver: &str) -> String {
        match self {
            Self::Outcome(change) => change.sentence(resolver),
            Self::Verdict(change) => change.sentence(resolver),
            Self::Edge(EdgeChange { from, to, method, present }) => {
                let how = method.as_str();
                if *present {
                    format!("{from} forwards to {to} (seen by {how}).")
                } else {
                    format!("{from} no longer forwards to {to}.")
                }
            }
            Self::Identity(IdentityChange { of, from, to }) => {
                format!("{resolver} says it is \"{to}\" ({}), no longer \"{from}\".", of.as_str())
            }
            Self::Cluster(ClusterChange { from, to, sentence, .. }) => {
                let news = *from != ClusterState::Unknown && from != to;
                let before = if news { format!(", before that {}", from.as_str()) } else { String::new() };
                format!("The cluster's state is {}{before}. {sentence}", to.as_str())
            }
            Self::Configuration(Configuration { loaded: true, .. }) => "The configuration was loaded again.".to_owned(),
            Self::Configuration(Configuration { loaded: false, detail }) => {
                let first = detail.lines().next().unwrap_or_default();
                format!("The configuration could not be loaded again: {first}")
            }
            Self::Prober(change) => change.sentence(),
            Self::Mark(Mark { text, by }) => format!("{by}: {text}"),
        }
    }
}

impl ClassChange {
    fn sentence(&self, resolver: &str) -> String {
        let Self { class, to, failing, of, detail, .. } = self;
        let names = listed(&self.names);
        match (self.from, *to) {
            (Some(Outcome::Ok), Outcome::Ok) => {
                format!("{class} names of {resolver} failed for a moment and are ok again.")
            }
            (Some(from), Outcome::Ok) => format!("{class} names of {resolver} are ok again, after {from} ({names})."),
            (None, Outcome::Ok) => format!("{class} names of {resolver} are ok."),
            (_, _) => format!("{failing} of {of} {class} names of {resolver} end in {to} ({names}): {detail}."),
        }
    }
}

impl VerdictChange {
    fn sentence(&self, resolver: &str) -> String {
        let Self { from, to, confidence, sentence, .. } = self;
        let sure = if *confidence == Confidence::None { String::new() } else { format!(" ({})", confidence.as_str()) };
        let news = *from != Verdict::Unknown && from != to;
        let before = if news { format!(", before that {}", from.as_str()) } else { String::new() };
        format!("The verdict on {resolver} is {}{sure}{before}. {sentence}", to.as_str())
    }
}

impl ProberChange {
    fn sentence(&self) -> String {
        let version = &self.version;
        match (self.state, self.ran_until) {
            (ProberState::Stopped, _) => "The prober was stopped.".to_owned(),
            (ProberState::Started, None) => format!("The prober was started (Fathom {version})."),
            (ProberState::Started, Some(until)) => format!(
                "The prober was started (Fathom {version}). Nothing was recorded since {}.",
                humantime::format_rfc3339_seconds(until)
            ),
        }
    }
}

/// The first few, and how many more there are.
fn listed(names: &[String]) -> String {
    const SHOWN: usize = 5;
    let mut text = names.iter().take(SHOWN).map(String::as_str).collect::<Vec<_>>().join(", ");
    if names.len() > SHOWN {
        // Writing to a string cannot fail.
        let _ = write!(text, " and {} more", names.len() - SHOWN);
    }
    text
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;

    fn entry(place: Place, event: Event) -> Entry {
        Entry { id: 7, at: UNIX_EPOCH + Duration::from_secs(1_753_099_200), place, changes: 1, event }
    }

    #[test]
    fn what_is_written_is_read_back_and_says_its_kind() {
        let ns1 = || Place::resolver("dc1", "c1", "ns1");
        let events = [
            Event::Outcome(ClassChange {
                class: "external".to_owned(),
                from: Some(Outcome::Ok),
                to: Outcome::LoopSuspected,
                names: vec!["www".to_owned()],
                failing: 1,
                of: 2,
                detail: "SERVFAIL after 2 ms".to_owned(),
            }),
            Event::Verdict(VerdictChange {
                from: Verdict::Ok,
                to: Verdict::LoopSuspected,
                confidence: Confidence::Confirmed,
                sentence: "It goes round.".to_owned(),
                evidence: vec!["its tracer came back".to_owned()],
            }),
            Event::Edge(EdgeChange {
                from: "ns1".to_owned(),
                to: "ns2".to_owned(),
                method: Method::FailureEcho,
                present: true,
            }),
            Event::Identity(IdentityChange { of: Identity::Nsid, from: "a\"".to_owned(), to: "\u{1b}[2J".to_owned() }),
            Event::Cluster(ClusterChange {
                from: ClusterState::Healthy,
                to: ClusterState::Outage,
                exits: Some(0),
                last_exit: None,
                sentence: "All fail.".to_owned(),
            }),
            Event::Configuration(Configuration { loaded: false, detail: "bad\nworse".to_owned() }),
            Event::Prober(ProberChange {
                state: ProberState::Started,
                version: "1".to_owned(),
                ran_until: Some(UNIX_EPOCH),
            }),
            Event::Mark(Mark { text: "restored".to_owned(), by: "ada".to_owned() }),
        ];
        for (event, kind) in events.into_iter().zip(Kind::ALL) {
            assert_eq!(event.kind(), kind);
            let written = entry(ns1(), event);
            let json = serde_json::to_value(&written).unwrap();
            assert_eq!(json["kind"], kind.as_str());
            assert_eq!(json["resolver"], "ns1");
            assert_eq!(serde_json::from_value::<Entry>(json).unwrap(), written);
            assert!(!written.sentence().is_empty());
        }
    }

    #[test]
    fn words_are_those_of_metrics_and_tables() {
        for outcome in Outcome::ALL {
            assert_eq!(serde_json::to_value(outcome).unwrap(), outcome.as_str());
        }
    }

    #[test]
    fn an_outcome_says_how_many_names_and_which() {
        let change = |from, to, failing| {
            Event::Outcome(ClassChange {
                class: "ct_log".to_owned(),
                from,
                to,
                names: (0..7).map(|n| format!("n{n}")).collect(),
                failing,
                of: 9,
                detail: "nothing came".to_owned(),
            })
        };
        let mut broken = entry(Place::resolver("dc1", "c1", "ns1"), change(Some(Outcome::Ok), Outcome::Timeout, 7));
        assert_eq!(
            broken.sentence(),
            "7 of 9 ct_log names of ns1 end in timeout (n0, n1, n2, n3, n4 and 2 more): nothing came."
        );
        broken.changes = 4;
        assert!(broken.sentence().ends_with("It changed 4 times meanwhile."));
        let again = entry(Place::resolver("dc1", "c1", "ns1"), change(Some(Outcome::Timeout), Outcome::Ok, 0));
        assert!(again.sentence().starts_with("ct_log names of ns1 are ok again, after timeout"));
    }
}
