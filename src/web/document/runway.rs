//! If every exit died now: when the first cached name of a class is gone.

use serde::Serialize;
use utoipa::ToSchema;

use crate::estate::Label;
use crate::runway::Shortest;

/// The shortest runway of a class in a cluster.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::web) struct Runway {
    pub(in crate::web) class: String,
    /// In seconds.
    pub(in crate::web) seconds: f64,
    /// Which name is gone first.
    pub(in crate::web) name: String,
    /// Out of the cache of which resolver.
    pub(in crate::web) resolver: String,
    /// How that is known.
    method: &'static str,
}

/// The runway of every class of the cluster that has one.
pub(super) fn runways(all: &[Shortest], cluster: &Label) -> Vec<Runway> {
    let of_cluster = all.iter().filter(|shortest| shortest.cluster.name == *cluster);
    let shown = |shortest: &Shortest| Runway {
        class: shortest.class.to_string(),
        seconds: shortest.runway.left.as_secs_f64(),
        name: shortest.name.to_string(),
        resolver: shortest.resolver.to_string(),
        method: shortest.runway.method.as_str(),
    };
    of_cluster.map(shown).collect()
}
