//! What a prober knows at one moment, as far as it is watched: from the board of this process, or read from what another
//! answers to `GET /api/v1/status`.

use std::time::{Duration, SystemTime};

use serde::{Deserialize, Deserializer};

use crate::board::{Snapshot, TargetState};
use crate::estate::{DomainName, Label};
use crate::outcome::Outcome;
use crate::plan::{Purpose, Target};
use crate::report::json::{ClusterPaths, Unreadable, check_clusters};
use crate::{rfc3339, runway};

/// The most names of one resolver that are read: all of them are folded once a second.
const MOST_NAMES: usize = 10_000;

/// What a prober knows at one moment.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Look {
    /// Which environment is watched.
    pub environment: String,
    /// From which datacenter.
    pub vantage: String,
    /// The moment, by the prober's clock, as all other times are.
    #[serde(with = "rfc3339")]
    pub now: SystemTime,
    /// Every cluster that was judged so far, in the order of the configuration.
    pub clusters: Vec<ClusterPaths>,
    /// Every resolver, cluster by cluster.
    pub resolvers: Vec<ResolverLook>,
    /// What its journal says lately.
    #[serde(default)]
    pub journal: JournalLook,
}

/// The last changes in a prober's journal.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
pub struct JournalLook {
    /// Newest first.
    pub changes: Vec<ChangeLook>,
}

/// A change in a prober's journal. All but marks are seen in other parts of a look.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct ChangeLook {
    /// Its number: later ones are greater.
    pub id: i64,
    /// When it was seen to begin.
    #[serde(with = "rfc3339")]
    pub at: SystemTime,
    /// Of a mark: what somebody did or saw.
    #[serde(default)]
    pub text: Option<String>,
    /// Of a mark: who says so.
    #[serde(default)]
    pub by: Option<String>,
}

/// A resolver.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct ResolverLook {
    /// Its cluster.
    pub cluster: String,
    /// Its name.
    pub resolver: String,
    /// Until when it is looked at closely.
    #[serde(default, with = "rfc3339::option")]
    pub looked_at_closely_until: Option<SystemTime>,
    /// What it is asked.
    pub names: Vec<NameLook>,
}

/// A name asked of a resolver over a transport.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct NameLook {
    /// Which name of the configuration.
    pub name: String,
    /// Why it matters.
    pub class: String,
    /// The name that is asked, perhaps with a `{nonce}`.
    pub qname: String,
    /// What the last probe saw.
    #[serde(deserialize_with = "outcome")]
    pub result: Option<Outcome>,
    /// When the first of the probes in a row with this result was sent.
    #[serde(with = "rfc3339::option")]
    pub since: Option<SystemTime>,
    /// When it is gone from the resolver's cache if it cannot be fetched again, in seconds.
    #[serde(default)]
    pub runway_seconds: Option<f64>,
}

impl Look {
    /// What the board of this process holds.
    pub fn of(snapshot: &Snapshot, closely: impl Fn(&Label, &Label) -> Option<SystemTime>, now: SystemTime) -> Self {
        let mut resolvers: Vec<ResolverLook> = snapshot
            .resolvers
            .iter()
            .map(|view| ResolverLook {
                cluster: view.cluster.to_string(),
                resolver: view.resolver.name.to_string(),
                looked_at_closely_until: closely(&view.cluster, &view.resolver.name),
                names: Vec::new(),
            })
            .collect();
        // Targets come resolver by resolver, in the order of the resolvers.
        let mut place = 0;
        for (target, state) in snapshot.targets.iter().filter(|(target, _)| target.purpose == Purpose::Name) {
            let asks = |resolver: &ResolverLook| {
                resolver.cluster == target.cluster.name.as_str() && resolver.resolver == target.resolver.name.as_str()
            };
            while resolvers.get(place).is_some_and(|resolver| !asks(resolver)) {
                place += 1;
            }
            if let Some(resolver) = resolvers.get_mut(place) {
                resolver.names.push(NameLook::of(target, state, now));
            }
        }
        Self {
            environment: snapshot.estate.environment.to_string(),
            vantage: snapshot.estate.vantage.to_string(),
            now,
            clusters: snapshot.reports.iter().map(|report| ClusterPaths::of(report)).collect(),
            resolvers,
            journal: JournalLook::default(),
        }
    }

    /// Reads what a prober answered, and holds it to what a prober could say.
    ///
    /// # Errors
    /// When it is no such document, or says what cannot be, or holds control characters, which could disguise what a
    /// terminal shows.
    pub fn read(body: &[u8]) -> Result<Self, Unreadable> {
        let look: Self = serde_json::from_slice(body)?;
        check_clusters(&look.clusters)?;
        let mut own = vec![look.environment.as_str(), &look.vantage];
        own.extend(
            look.journal.changes.iter().flat_map(|change| [&change.text, &change.by]).flatten().map(String::as_str),
        );
        for resolver in &look.resolvers {
            own.extend([resolver.cluster.as_str(), &resolver.resolver]);
            if resolver.names.len() > MOST_NAMES {
                let (name, names) = (&resolver.resolver, resolver.names.len());
                return Err(Unreadable::Nonsense(format!("{name:?} has {names} names, more than {MOST_NAMES}")));
            }
            for name in &resolver.names {
                own.extend([name.name.as_str(), &name.class, &name.qname]);
                if name.runway_seconds.is_some_and(|left| !(0.0..=1e10).contains(&left)) {
                    return Err(Unreadable::Nonsense(format!("runway_seconds is {:?}", name.runway_seconds)));
                }
            }
        }
        if own.iter().any(|text| text.chars().any(char::is_control)) {
            return Err(Unreadable::controls());
        }
        Ok(look)
    }

    /// The names of all clusters, in the order in which their resolvers come.
    pub fn cluster_names(&self) -> Vec<&str> {
        let mut names: Vec<&str> = Vec::new();
        for resolver in &self.resolvers {
            if !names.contains(&resolver.cluster.as_str()) {
                names.push(&resolver.cluster);
            }
        }
        names
    }

    /// Keeps one cluster only.
    pub fn keep(&mut self, cluster: &str) {
        self.clusters.retain(|paths| paths.cluster == cluster);
        self.resolvers.retain(|resolver| resolver.cluster == cluster);
    }

    /// For each class of a cluster with cached names: when the first of them is gone from the first cache.
    pub fn runway(&self, cluster: &str) -> Vec<(&str, Duration)> {
        let mut shortest: Vec<(&str, Duration)> = Vec::new();
        let names = self.resolvers.iter().filter(|resolver| resolver.cluster == cluster).flat_map(|r| &r.names);
        for (name, left) in names.filter_map(|name| Some((name, name.runway_seconds?))) {
            let left = Duration::try_from_secs_f64(left).unwrap_or_default();
            match shortest.iter_mut().find(|(class, _)| *class == name.class) {
                Some((_, least)) => *least = left.min(*least),
                None => shortest.push((&name.class, left)),
            }
        }
        shortest.sort_by_key(|(_, left)| *left);
        shortest
    }
}

impl NameLook {
    fn of(target: &Target, state: &TargetState, now: SystemTime) -> Self {
        Self {
            name: target.name.id.to_string(),
            class: target.name.class.to_string(),
            qname: target.name.question.qname.to_string(),
            result: state.last.map(|last| last.outcome),
            since: state.last.map(|last| last.since),
            runway_seconds: runway::of_name(target, state, now).map(|runway| runway.left.as_secs_f64()),
        }
    }

    /// Whether every probe asks a name never asked before, which no cache can answer.
    pub fn is_cold(&self) -> bool {
        self.qname.contains(DomainName::NONCE)
    }
}

/// An outcome by its word.
fn outcome<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Outcome>, D::Error> {
    let Some(word) = Option::<String>::deserialize(deserializer)? else { return Ok(None) };
    let known = Outcome::ALL.into_iter().find(|outcome| outcome.as_str() == word);
    known.map(Some).ok_or_else(|| serde::de::Error::custom(format!("there is no result {word:?}")))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::report::json::tests::{cluster, noon};

    /// At this many seconds after noon, a healthy cluster `c1` of `ns1`, `ns2` …; each is asked about the cached names
    /// `www` and `ftp` and the cold name `cold`, all external, which see these outcomes since these seconds.
    pub(in crate::watch) fn look(after: u64, seen: &[[(Outcome, u64); 3]]) -> Look {
        let name = |place: usize, (result, since): (Outcome, u64)| NameLook {
            name: ["www", "ftp", "cold"][place].to_owned(),
            class: "external".to_owned(),
            qname: ["www.example.", "ftp.example.", "{nonce}.example."][place].to_owned(),
            result: Some(result),
            since: Some(noon() + Duration::from_secs(since)),
            runway_seconds: (place < 2).then_some(60.0),
        };
        let resolver = |(place, seen): (usize, &[(Outcome, u64); 3])| ResolverLook {
            cluster: "c1".to_owned(),
            resolver: format!("ns{}", place + 1),
            looked_at_closely_until: None,
            names: seen.iter().enumerate().map(|(place, seen)| name(place, *seen)).collect(),
        };
        Look {
            environment: "test".to_owned(),
            vantage: "dc1".to_owned(),
            now: noon() + Duration::from_secs(after),
            clusters: vec![cluster(seen.len(), "", None)],
            resolvers: seen.iter().enumerate().map(resolver).collect(),
            journal: JournalLook::default(),
        }
    }

    const DOCUMENT: &str = r#"{"version": "0.1.0", "environment": "test", "vantage": "dc1",
        "now": "2025-07-21T12:00:00.000Z", "clusters": [], "resolvers": [{"datacenter": "dc1", "cluster": "c1",
        "resolver": "ns1", "verdict": "ok", "looked_at_closely_until": "2025-07-21T12:10:00Z", "names": [{"name": "www",
        "class": "external", "qname": "www.example.", "result": "ok", "since": "2025-07-21T11:00:00.000Z",
        "runway_seconds": 12.5}]}], "journal": {"kept": "in memory", "changes": [{"id": 7, "at": "2025-07-21T11:59:00Z",
        "kind": "mark", "text": "restored", "by": "alice"}, {"id": 6, "at": "2025-07-21T11:58:00Z", "kind": "edge"}]}}"#;

    #[test]
    fn a_probers_answer_is_read_and_keys_of_a_later_version_do_not_matter() {
        let look = Look::read(DOCUMENT.as_bytes()).unwrap();
        assert_eq!(look.now, noon());
        assert_eq!(look.resolvers[0].names[0].result, Some(Outcome::Ok));
        assert_eq!(look.resolvers[0].looked_at_closely_until, Some(noon() + Duration::from_secs(600)));
        assert_eq!(look.runway("c1"), [("external", Duration::from_millis(12_500))]);
        assert_eq!(look.journal.changes[0].by.as_deref(), Some("alice"));
    }

    #[test]
    fn nonsense_is_refused_with_a_sentence() {
        let cases = [
            ("\"result\": \"ok\"", "\"result\": \"fine\"", "there is no result \"fine\""),
            ("\"test\"", "\"te\\u001bst\"", "control characters"),
            ("www.example.", "www\\u0007", "control characters"),
            ("restored", "\\u001b[2J", "control characters"),
            ("12.5", "-1", "runway_seconds is Some(-1.0)"),
            ("\"clusters\": []", "\"clusters\": 3", "invalid type"),
            ("12:00:00.000Z", "noon", "timestamp"),
        ];
        for (good, bad, why) in cases {
            let error = Look::read(DOCUMENT.replace(good, bad).as_bytes()).unwrap_err().to_string();
            assert!(error.contains(why), "{error}");
        }
    }
}
