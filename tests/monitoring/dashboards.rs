//! Dashboards: made by their generator, asking only for what exists, and showing all of it.

use std::collections::{BTreeMap, BTreeSet};

use fathom::metrics::{Kind, catalogue};
use serde_json::Value;

use super::catalogue::{Named, assert_known, known};
use super::files::assert_generated;
use super::rules;

#[path = "../../dashboards/generator/mod.rs"]
mod generator;

/// Metrics that no dashboard shows, and why.
const NOT_SHOWN: [(&str, &str); 0] = [];

/// A query of a panel, a variable or an annotation.
fn queries(dashboard: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let panels = dashboard["panels"].as_array().expect("panels").iter();
    let asked = panels.flat_map(|panel| {
        let targets = panel["targets"].as_array().cloned().unwrap_or_default();
        targets.into_iter().map(move |target| (text(&panel["title"]), text(&target["expr"])))
    });
    let annotations = dashboard["annotations"]["list"].as_array().expect("annotations").iter();
    asked.chain(annotations.map(|a| (text(&a["name"]), text(&a["target"]["expr"])))).collect()
}

#[test]
fn the_files_are_what_the_generator_makes() {
    for (file, dashboard) in generator::all() {
        let text = serde_json::to_string_pretty(&dashboard).expect("JSON") + "\n";
        assert_generated(&format!("dashboards/{file}"), &text);
    }
}

#[test]
fn every_query_names_only_series_and_labels_that_exist() {
    let known = known();
    for (file, dashboard) in generator::all() {
        for (place, query) in queries(&dashboard) {
            assert_known(&format!("{file}: {place}"), &query, &known);
        }
    }
}

#[test]
fn every_metric_is_shown_somewhere() {
    let recorded: BTreeMap<_, _> =
        rules::all().into_iter().filter(|rule| rule.record).map(|rule| (rule.name, rule.expr)).collect();
    let mut open: Vec<_> =
        generator::all().iter().flat_map(|(_, board)| queries(board)).map(|(_, query)| query).collect();
    let mut shown = BTreeSet::new();
    while let Some(query) = open.pop() {
        for (name, _) in Named::in_query(&query).series {
            // What a recorded series is made of is shown by it.
            if shown.insert(name.clone())
                && let Some(expr) = recorded.get(&name)
            {
                open.push(expr.clone());
            }
        }
    }
    for family in catalogue() {
        let name =
            if family.kind == Kind::Histogram { format!("{}_bucket", family.name) } else { family.name.to_owned() };
        let excused = NOT_SHOWN.iter().any(|(excused, _)| *excused == family.name);
        assert!(shown.contains(&name) != excused, "{name}: shown, or excused with a reason, and not both");
    }
}

#[test]
fn every_panel_says_what_it_shows_in_which_unit_and_what_is_too_much() {
    for (file, dashboard) in generator::all() {
        let mut ids = BTreeSet::new();
        let mut titles = BTreeSet::new();
        let mut taken = BTreeSet::new();
        for panel in dashboard["panels"].as_array().expect("panels") {
            let title = panel["title"].as_str().expect("a title");
            assert!(ids.insert(panel["id"].as_u64().expect("an id")), "{file}: {title}: its id is taken");
            assert!(titles.insert(title), "{file}: two panels are called {title}");
            let at = |key: &str| panel["gridPos"][key].as_u64().expect("a place");
            for cell in (at("x")..at("x") + at("w")).flat_map(|x| (at("y")..at("y") + at("h")).map(move |y| (x, y))) {
                assert!(cell.0 < 24 && taken.insert(cell), "{file}: {title} lies on another panel, or beyond the edge");
            }
            if panel["type"] == "row" {
                continue;
            }
            let defaults = &panel["fieldConfig"]["defaults"];
            assert!(
                panel["description"].as_str().is_some_and(|text| text.ends_with('.')),
                "{file}: {title}: description"
            );
            assert!(defaults["unit"].is_string(), "{file}: {title}: unit");
            // Stacks and heatmaps show shares and densities: no value of theirs is too much by itself.
            let needs_bounds = panel["type"] != "heatmap" && defaults["custom"]["stacking"].is_null();
            assert!(!needs_bounds || defaults["thresholds"].is_object(), "{file}: {title}: thresholds");
            assert!(panel["targets"].as_array().is_some_and(|targets| !targets.is_empty()), "{file}: {title}: queries");
        }
    }
}

#[test]
fn dashboards_lead_to_each_other_and_keep_what_was_chosen() {
    let mut variables = BTreeSet::new();
    for (file, dashboard) in generator::all() {
        let link = &dashboard["links"][0];
        assert_eq!((&link["includeVars"], &link["keepTime"]), (&Value::Bool(true), &Value::Bool(true)), "{file}");
        let names: Vec<_> =
            dashboard["templating"]["list"].as_array().expect("variables").iter().map(|v| v["name"].clone()).collect();
        assert_eq!(names, ["datasource", "environment", "vantage", "datacenter", "cluster", "resolver"], "{file}");
        variables.insert(dashboard["templating"].to_string());
    }
    assert_eq!(variables.len(), 1, "the variables are the same everywhere");
}
