//! The Grafana dashboards, made from the closed sets of the program: a new outcome, verdict or cluster state is a new colour
//! here, and the compiler asks for it.
//!
//! `UPDATE=1 cargo test --test monitoring` writes the JSON files next to this folder; without it, that test holds them to
//! what is here.

mod colours;
mod incident;
mod overview;
mod panel;
mod prober;
mod resolver;
mod sheet;

use serde_json::Value;

/// Every dashboard, with the name of its file.
pub(crate) fn all() -> [(&'static str, Value); 4] {
    [
        ("overview.json", overview::dashboard()),
        ("resolver.json", resolver::dashboard()),
        ("incident.json", incident::dashboard()),
        ("prober.json", prober::dashboard()),
    ]
}
