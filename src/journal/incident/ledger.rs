//! The incidents that go on, and how entries make them.

use std::collections::BTreeMap;
use std::time::SystemTime;

use super::super::entry::Entry;
use super::{Incident, REOPENED_WITHIN, Wrong};

/// The incidents that go on, and those that may be reopened: one a cluster at most.
#[derive(Debug, Clone, Default)]
pub struct Ledger {
    of_cluster: BTreeMap<String, Incident>,
    last_id: i64,
}

impl Ledger {
    /// A ledger that goes on where another ended; `last_id` is the greatest number given so far.
    pub fn resume(incidents: impl IntoIterator<Item = Incident>, last_id: i64) -> Self {
        let mut of_cluster: BTreeMap<String, Incident> = BTreeMap::new();
        for incident in incidents {
            let newer = of_cluster.get(&incident.cluster).is_none_or(|known| known.id < incident.id);
            if newer {
                of_cluster.insert(incident.cluster.clone(), incident);
            }
        }
        Self { of_cluster, last_id }
    }

    /// The greatest number given so far.
    pub const fn last_id(&self) -> i64 {
        self.last_id
    }

    /// The incidents it holds, open or over for a short while.
    pub fn incidents(&self) -> impl Iterator<Item = &Incident> {
        self.of_cluster.values()
    }

    /// The incident of a cluster that goes on.
    pub fn open(&self, cluster: &str) -> Option<&Incident> {
        self.of_cluster.get(cluster).filter(|incident| incident.is_open())
    }

    /// Takes an entry; returns the incident that it changes.
    pub fn take(&mut self, entry: &Entry) -> Option<&Incident> {
        let cluster = entry.place.cluster.as_deref()?;
        let resolver = entry.place.resolver.as_deref();
        let known = self.of_cluster.get(cluster);
        let mut wrong = known.map(|incident| incident.wrong.clone()).unwrap_or_default();
        wrong.take(resolver, &entry.event);
        let incident = match known {
            Some(incident) if incident.is_open() => incident.clone(),
            _ if wrong.is_nothing() => return None,
            Some(incident) if incident.ended.is_some_and(|ended| entry.at <= ended + REOPENED_WITHIN) => {
                Incident { ended: None, reopened: incident.reopened + 1, ..incident.clone() }
            }
            Some(_) | None => {
                self.last_id += 1;
                Incident::begin(self.last_id, entry, cluster)
            }
        };
        let incident = Incident { wrong, ..incident }.with(entry);
        self.of_cluster.insert(cluster.to_owned(), incident);
        self.of_cluster.get(cluster)
    }

    /// Goes over to what is watched from now on; incidents of which nothing is left end. `watched` is asked for a cluster,
    /// and for a resolver and a class in it. Returns those that changed.
    pub fn keep(
        &mut self,
        at: SystemTime,
        watched: impl Fn(&str, Option<&str>, Option<&str>) -> bool,
    ) -> Vec<Incident> {
        let mut changed = Vec::new();
        for (cluster, incident) in self.of_cluster.iter_mut().filter(|(_, incident)| incident.is_open()) {
            let before = incident.wrong.clone();
            if watched(cluster, None, None) {
                incident.wrong.keep(|resolver, class| watched(cluster, Some(resolver), class));
            } else {
                incident.wrong = Wrong::default();
            }
            if incident.wrong != before {
                incident.settle(at);
                changed.push(incident.clone());
            }
        }
        changed
    }
}
