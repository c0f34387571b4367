//! What is wrong in a cluster at one moment.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::super::entry::{ClassChange, ClusterChange, Event, VerdictChange};
use crate::outcome::Outcome;
use crate::verdict::{ClusterState, Verdict};

/// What is wrong in a cluster at one moment. Nothing is when all of it is empty.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Wrong {
    /// Classes that fail: resolver, then class.
    pub classes: BTreeMap<String, BTreeMap<String, Outcome>>,
    /// Resolvers that are not as they should be.
    pub verdicts: BTreeMap<String, Verdict>,
    /// The state of the cluster, where it is not as it should be.
    pub state: Option<ClusterState>,
}

impl Wrong {
    /// Whether all is well.
    pub fn is_nothing(&self) -> bool {
        self.classes.is_empty() && self.verdicts.is_empty() && self.state.is_none()
    }

    /// Takes a change.
    pub(super) fn take(&mut self, resolver: Option<&str>, event: &Event) {
        let resolver = resolver.unwrap_or_default();
        match event {
            Event::Outcome(ClassChange { class, to, .. }) => {
                let classes = self.classes.entry(resolver.to_owned()).or_default();
                if *to == Outcome::Ok {
                    classes.remove(class);
                } else if *to != Outcome::InternalError {
                    // The prober's own fault says nothing of the resolver: what was wrong stays so.
                    classes.insert(class.clone(), *to);
                }
                self.classes.retain(|_, classes| !classes.is_empty());
            }
            // That nothing is known is no recovery.
            Event::Verdict(VerdictChange { to, .. }) => {
                if *to == Verdict::Ok {
                    self.verdicts.remove(resolver);
                } else if *to != Verdict::Unknown {
                    self.verdicts.insert(resolver.to_owned(), *to);
                }
            }
            Event::Cluster(ClusterChange { to, .. }) => {
                if *to == ClusterState::Healthy {
                    self.state = None;
                } else if *to != ClusterState::Unknown {
                    self.state = Some(*to);
                }
            }
            Event::Edge(_) | Event::Identity(_) | Event::Configuration(_) | Event::Prober(_) | Event::Mark(_) => {}
        }
    }

    /// Forgets what is watched no longer.
    pub(super) fn keep(&mut self, watched: impl Fn(&str, Option<&str>) -> bool) {
        for (resolver, classes) in &mut self.classes {
            classes.retain(|class, _| watched(resolver, Some(class)));
        }
        self.classes.retain(|_, classes| !classes.is_empty());
        self.verdicts.retain(|resolver, _| watched(resolver, None));
    }
}
