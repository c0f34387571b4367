//! The journal as JSON: what `GET /api/v1/incidents` and `GET /api/v1/events` answer and `fathom incidents` prints, and
//! what is read back from a running prober. Documented in docs/api.md.

use std::time::SystemTime;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Kept;
use super::entry::Entry;
use super::incident::Incident;
use crate::rfc3339;

/// An entry, in words as well.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ToldEntry {
    /// The entry.
    #[serde(flatten)]
    pub entry: Entry,
    /// It in a sentence or two.
    pub summary: String,
}

/// An incident, in words as well.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ToldIncident {
    /// The incident.
    #[serde(flatten)]
    pub incident: Incident,
    /// It in a sentence or two.
    pub summary: String,
}

/// `GET /api/v1/incidents`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Incidents {
    /// When this was made, by the clock of its writer.
    #[serde(with = "rfc3339")]
    #[schema(value_type = String, format = DateTime)]
    pub now: SystemTime,
    /// Where the journal is kept.
    pub kept: Kept,
    /// Incidents, newest first.
    pub incidents: Vec<ToldIncident>,
}

/// `GET /api/v1/incidents/ID`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct OneIncident {
    /// When this was made, by the clock of its writer.
    #[serde(with = "rfc3339")]
    #[schema(value_type = String, format = DateTime)]
    pub now: SystemTime,
    /// The incident.
    pub incident: ToldIncident,
    /// What happened in the cluster and to the prober from shortly before it until shortly after it.
    pub timeline: Vec<ToldEntry>,
}

impl From<Entry> for ToldEntry {
    fn from(entry: Entry) -> Self {
        Self { summary: entry.sentence(), entry }
    }
}

impl From<Incident> for ToldIncident {
    fn from(incident: Incident) -> Self {
        Self { summary: incident.summary(), incident }
    }
}

impl Incidents {
    /// Incidents, newest first.
    pub fn new(now: SystemTime, kept: Kept, incidents: Vec<Incident>) -> Self {
        Self { now, kept, incidents: incidents.into_iter().map(ToldIncident::from).collect() }
    }
}

impl OneIncident {
    /// An incident with its timeline.
    pub fn new(now: SystemTime, incident: Incident, timeline: Vec<Entry>) -> Self {
        let timeline = timeline.into_iter().map(ToldEntry::from).collect();
        Self { now, incident: incident.into(), timeline }
    }
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::super::entry::{ClusterChange, Event, Place};
    use super::*;
    use crate::verdict::ClusterState;

    #[test]
    fn what_is_answered_is_read_back() {
        let change = ClusterChange {
            from: ClusterState::Healthy,
            to: ClusterState::Latent,
            exits: Some(3),
            last_exit: None,
            sentence: "Three are left.".to_owned(),
        };
        let place = Place::cluster("dc1", "c1");
        let entry = Entry { id: 5, at: UNIX_EPOCH, place, changes: 1, event: Event::Cluster(change) };
        let told = ToldEntry::from(entry);
        let json = serde_json::to_value(&told).unwrap();
        assert_eq!((&json["sentence"], &json["kind"]), (&"Three are left.".into(), &"cluster".into()));
        assert!(json["summary"].as_str().unwrap().starts_with("The cluster's state is latent, before that healthy."));
        assert_eq!(serde_json::from_str::<ToldEntry>(&serde_json::to_string(&told).unwrap()).unwrap(), told);

        let mut ledger = super::super::incident::Ledger::default();
        let incident = ledger.take(&told.entry).unwrap().clone();
        let one = OneIncident::new(UNIX_EPOCH, incident.clone(), vec![told.entry]);
        assert_eq!(serde_json::from_str::<OneIncident>(&serde_json::to_string(&one).unwrap()).unwrap(), one);
        let kept = Kept::InMemory { why: "prober.state_dir is not given".to_owned() };
        let all = Incidents::new(UNIX_EPOCH, kept, vec![incident]);
        let json = serde_json::to_string(&all).unwrap();
        assert!(json.contains(r#""kept":{"in":"memory","why":"#), "{json}");
        assert_eq!(serde_json::from_str::<Incidents>(&json).unwrap(), all);
    }
}
