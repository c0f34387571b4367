//! What all dashboards share: variables, links, annotations, and how panels are laid out.

use fathom::verdict::{ClusterState, Verdict};
use serde_json::{Value, json};

use super::colours;
use super::panel::{Panel, filled};

/// A block of panels under a heading.
pub(crate) struct Section {
    /// The heading.
    pub(crate) title: &'static str,
    /// Left to right, then down.
    pub(crate) panels: Vec<Panel>,
}

/// The Prometheus that the reader chose.
pub(crate) fn datasource() -> Value {
    json!({ "type": "prometheus", "uid": "${datasource}" })
}

/// The Grafana dashboard.
pub(crate) fn sheet(uid: &str, title: &str, description: &str, annotations: &[Value], sections: Vec<Section>) -> Value {
    json!({
        "uid": uid,
        "title": title,
        "description": description,
        "tags": ["fathom", "dns"],
        "schemaVersion": 41,
        "version": 1,
        "editable": false,
        "graphTooltip": 1,
        "refresh": "10s",
        "time": { "from": "now-1h", "to": "now" },
        "timezone": "utc",
        "fiscalYearStartMonth": 0,
        "weekStart": "",
        "annotations": { "list": annotations },
        "links": [{
            "title": "Fathom", "type": "dashboards", "tags": ["fathom"], "asDropdown": false, "icon": "external link",
            "includeVars": true, "keepTime": true, "targetBlank": false, "tooltip": "Another view of the same choice", "url": "",
        }],
        "templating": { "list": variables() },
        "panels": laid_out(sections),
    })
}

/// Alerts as marks on the time axis of every panel.
pub(crate) fn alerts() -> Value {
    json!({
        "name": "Alerts", "enable": true, "hide": false, "iconColor": colours::BAD, "datasource": datasource(),
        "target": {
            "refId": "Anno", "interval": "10s",
            "expr": filled(r#"ALERTS{alertstate="firing",severity=~"critical|warning",environment=~"$environment",cluster=~"$cluster|"}"#),
        },
        "titleFormat": "{{alertname}}", "textFormat": "{{severity}} {{cluster}} {{resolver}}", "tagKeys": "severity",
    })
}

/// Loads of a new configuration as marks on the time axis.
pub(crate) fn reloads() -> Value {
    json!({
        "name": "Configuration", "enable": true, "hide": false, "iconColor": colours::SKY, "datasource": datasource(),
        "target": {
            "refId": "Anno", "interval": "60s",
            "expr": filled("fathom_config_last_reload_success_timestamp_seconds{@prober} * 1000"),
        },
        "titleFormat": "Configuration loaded", "textFormat": "{{vantage}}", "useValueForTime": "on",
    })
}

/// The state of each cluster as a number that [`cluster_words`] explains; of several vantages the worst.
pub(crate) fn cluster_codes() -> String {
    let terms = ClusterState::ALL
        .iter()
        .enumerate()
        .map(|(code, state)| format!(r#"{code} * dns_cluster_state{{@cluster,state="{}"}}"#, state.as_str()));
    format!("max by (datacenter, cluster) ({})", terms.collect::<Vec<_>>().join(" or "))
}

/// Words and colours for [`cluster_codes`].
pub(crate) fn cluster_words() -> impl Iterator<Item = (usize, String, &'static str)> {
    ClusterState::ALL.iter().enumerate().map(|(code, state)| (code, word(state.as_str()), colours::of_cluster(*state)))
}

/// The verdict on each resolver as a number that [`verdict_words`] explains; of several vantages the later in the list.
pub(crate) fn verdict_codes() -> String {
    let terms = Verdict::ALL
        .iter()
        .enumerate()
        .map(|(code, verdict)| format!(r#"{code} * dns_resolver_verdict{{@resolver,verdict="{}"}}"#, verdict.as_str()));
    format!("max by (cluster, resolver) ({})", terms.collect::<Vec<_>>().join(" or "))
}

/// Words and colours for [`verdict_codes`].
pub(crate) fn verdict_words() -> impl Iterator<Item = (usize, String, &'static str)> {
    Verdict::ALL.iter().enumerate().map(|(code, verdict)| (code, word(verdict.as_str()), colours::of_verdict(*verdict)))
}

fn word(label: &str) -> String {
    label.replace('_', " ")
}

fn variables() -> Vec<Value> {
    let mut all = vec![json!({
        "name": "datasource", "label": "Data source", "type": "datasource", "query": "prometheus", "hide": 0,
        "description": "The Prometheus that scrapes Fathom",
    })];
    let mut chosen: Vec<String> = Vec::new();
    for (name, description) in [
        ("environment", "Production, staging …"),
        ("vantage", "The datacenter from which a prober asks"),
        ("datacenter", "Where the resolvers stand"),
        ("cluster", "Resolvers that serve the same clients"),
        ("resolver", "One server at one address"),
    ] {
        let query = format!("label_values(dns_resolver_verdict{{{}}}, {name})", chosen.join(","));
        all.push(json!({
            "name": name, "label": name, "type": "query", "description": description, "datasource": datasource(),
            "definition": query, "query": { "query": query, "refId": name, "qryType": 1 },
            "multi": true, "includeAll": true, "allValue": ".+", "current": { "text": ["All"], "value": ["$__all"] },
            "refresh": 2, "sort": 1, "hide": 0, "options": [], "regex": "",
        }));
        chosen.push(format!(r#"{name}=~"${name}""#));
    }
    all
}

/// Panels from left to right in a grid of 24, as tall as the tallest of their line.
fn laid_out(sections: Vec<Section>) -> Vec<Value> {
    let mut placed = Vec::new();
    let mut y = 0;
    for section in sections {
        placed.push(json!({
            "type": "row", "title": section.title, "id": placed.len() + 1, "collapsed": false, "panels": [],
            "gridPos": { "x": 0, "y": y, "w": 24, "h": 1 },
        }));
        y += 1;
        let (mut x, mut tallest) = (0, 0);
        for panel in section.panels {
            if x + panel.width > 24 {
                (x, y, tallest) = (0, y + tallest, 0);
            }
            let (width, height) = (panel.width, panel.height);
            placed.push(panel.at(placed.len() + 1, x, y));
            (x, tallest) = (x + width, tallest.max(height));
        }
        y += tallest;
    }
    placed
}
