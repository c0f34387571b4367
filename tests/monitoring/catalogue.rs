//! What queries may name: the catalogue of metrics, what the rules record, and a few series of Prometheus' own.

use std::collections::{BTreeMap, BTreeSet};

use fathom::metrics::{CONSTANT_LABELS, Kind, catalogue};
use promql_parser::label::{Labels, Matchers};
use promql_parser::parser::{Expr, LabelModifier, VectorSelector};
use promql_parser::util::{ExprVisitor, walk_expr};

use super::rules;

/// What Prometheus adds to every series that it scrapes.
const SCRAPED: [&str; 2] = ["instance", "job"];

/// Series of Prometheus' own.
const PROMETHEUS: [(&str, &[&str]); 3] = [
    ("up", &[]),
    ("scrape_duration_seconds", &[]),
    (
        "ALERTS",
        &[
            "alertname",
            "alertstate",
            "severity",
            "environment",
            "vantage",
            "datacenter",
            "cluster",
            "resolver",
            "class",
            "name",
            "zone",
            "verdict",
        ],
    ),
];

/// Every series that can be asked for, with the labels it may have.
pub(crate) fn known() -> BTreeMap<String, BTreeSet<String>> {
    let mut known = BTreeMap::new();
    let owned = |labels: &[&str]| labels.iter().map(|label| (*label).to_owned()).collect::<BTreeSet<_>>();
    for family in catalogue() {
        let mut labels = owned(family.labels);
        labels.extend(owned(&CONSTANT_LABELS));
        labels.extend(owned(&SCRAPED));
        if family.kind == Kind::Histogram {
            for ending in ["_sum", "_count"] {
                known.insert(format!("{}{ending}", family.name), labels.clone());
            }
            labels.insert("le".to_owned());
            known.insert(format!("{}_bucket", family.name), labels);
        } else {
            known.insert(family.name.to_owned(), labels);
        }
    }
    for (name, labels) in PROMETHEUS {
        let mut labels = owned(labels);
        labels.extend(owned(&CONSTANT_LABELS));
        labels.extend(owned(&SCRAPED));
        known.insert(name.to_owned(), labels);
    }
    for rule in rules::all().iter().filter(|rule| rule.record) {
        // A recorded series has the labels of the outermost aggregation; those of what it is made of are enough here.
        let series = Named::in_query(&rule.expr).series;
        let mut labels: BTreeSet<_> =
            series.iter().filter_map(|(name, _)| known.get(name)).flatten().cloned().collect();
        labels.extend(made_in(&rule.expr));
        known.insert(rule.name.clone(), labels);
    }
    known
}

/// What a query names.
#[derive(Debug, Default)]
pub(crate) struct Named {
    /// The series it asks for, each with the labels it chooses them by.
    pub(crate) series: Vec<(String, Vec<String>)>,
    /// Labels by which it aggregates or joins.
    grouped_by: BTreeSet<String>,
}

impl Named {
    /// # Panics
    /// When the query cannot be parsed.
    pub(crate) fn in_query(query: &str) -> Self {
        // Grafana fills this in.
        let query = query.replace("$__rate_interval", "1m");
        let expr = promql_parser::parser::parse(&query).unwrap_or_else(|error| panic!("{query}\n{error}"));
        let mut named = Self::default();
        walk_expr(&mut named, &expr).expect("a visitor that never fails");
        named
    }

    fn select(&mut self, selector: &VectorSelector) {
        let name = selector.name.clone().expect("a selector that names its series");
        let Matchers { matchers, or_matchers } = &selector.matchers;
        let labels = matchers.iter().chain(or_matchers.iter().flatten()).map(|matcher| matcher.name.clone()).collect();
        self.series.push((name, labels));
    }

    fn group(&mut self, labels: Option<&Labels>) {
        self.grouped_by.extend(labels.into_iter().flat_map(|labels| labels.labels.iter().cloned()));
    }
}

impl ExprVisitor for Named {
    type Error = std::convert::Infallible;

    fn pre_visit(&mut self, expr: &Expr) -> Result<bool, Self::Error> {
        if let Expr::VectorSelector(selector) = expr {
            self.select(selector);
        } else if let Expr::MatrixSelector(selector) = expr {
            self.select(&selector.vs);
        } else if let Expr::Aggregate(aggregate) = expr {
            self.group(aggregate.modifier.as_ref().map(LabelModifier::labels));
        } else if let Expr::Binary(binary) = expr
            && let Some(modifier) = &binary.modifier
        {
            self.group(modifier.matching.as_ref().map(LabelModifier::labels));
            self.group(modifier.card.labels());
        }
        Ok(true)
    }
}

/// Labels that `label_replace` makes in a query.
fn made_in(query: &str) -> impl Iterator<Item = String> {
    query.split("label_replace(").skip(1).filter_map(|rest| rest.split('"').nth(1)).map(str::to_owned)
}

/// Holds a query to [`known`]: every series exists and has every label by which it is chosen, and every label by which it
/// is grouped belongs to some of its series.
pub(crate) fn assert_known(place: &str, query: &str, known: &BTreeMap<String, BTreeSet<String>>) {
    let mut available = BTreeSet::new();
    let named = Named::in_query(query);
    for (name, labels) in named.series {
        let Some(has) = known.get(&name) else { panic!("{place}: there is no series {name}: {query}") };
        for label in labels {
            assert!(has.contains(&label), "{place}: {name} has no label {label}: {query}");
        }
        available.extend(has.iter().cloned());
    }
    available.extend(made_in(query));
    for label in named.grouped_by {
        assert!(available.contains(&label), "{place}: nothing here has the label {label}: {query}");
    }
}
