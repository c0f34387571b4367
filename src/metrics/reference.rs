//! The catalogue for people and for other programs: `fathom metrics`, and docs/metrics.md.

use std::fmt::Write;

use serde::Serialize;

use super::catalogue::{CONSTANT_LABELS, Family, catalogue};

/// The catalogue for a terminal.
pub fn text() -> String {
    let mut out = format!("Every series also carries {}.\n", CONSTANT_LABELS.join(" and "));
    for family in catalogue() {
        let _ = writeln!(out, "\n{} ({})\n  {}", family.name, family.kind.as_str(), family.help);
        if !family.labels.is_empty() {
            let _ = writeln!(out, "  labels: {}", family.labels.join(", "));
        }
        let _ = writeln!(out, "  exists: {}", family.when);
    }
    out
}

/// The catalogue as docs/metrics.md holds it.
pub fn markdown() -> String {
    let mut out = format!(
        "# Metrics\n\nMade by `fathom metrics --markdown`; a test holds it to the code.\n\n\
         Every series also carries `{}`, from the configuration. `process_*` are those of every Prometheus client.\n\n\
         | metric | type | labels | meaning | exists |\n|---|---|---|---|---|\n",
        CONSTANT_LABELS.join("` and `")
    );
    for Family { name, kind, labels, help, when } in catalogue() {
        let labels: Vec<String> = labels.iter().map(|label| format!("`{label}`")).collect();
        let _ = writeln!(out, "| `{name}` | {} | {} | {help} | {when} |", kind.as_str(), labels.join(", "));
    }
    out
}

/// The catalogue for other programs: an object with `constant_labels` and `metrics`.
///
/// # Panics
/// Never: it is plain data.
pub fn json() -> String {
    #[derive(Serialize)]
    struct Catalogue {
        constant_labels: [&'static str; 2],
        metrics: Vec<Family>,
    }
    let catalogue = Catalogue { constant_labels: CONSTANT_LABELS, metrics: catalogue().collect() };
    serde_json::to_string_pretty(&catalogue).expect("plain data") + "\n"
}
