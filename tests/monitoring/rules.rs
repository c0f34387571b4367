//! Rules: right for promtool, true to the catalogue, complete, and each with its runbook.

use std::collections::{BTreeMap, BTreeSet};

use fathom::verdict::Verdict;
use fathom::web::runbooks;
use yaml_rust2::Yaml;

use super::catalogue::{assert_known, known};
use super::files::{list, read, run, yaml};

/// One rule of alerts/.
#[derive(Debug)]
pub(crate) struct Rule {
    pub(crate) record: bool,
    pub(crate) name: String,
    pub(crate) expr: String,
    labels: BTreeMap<String, String>,
    annotations: BTreeMap<String, String>,
}

/// Every rule, recording rules first.
pub(crate) fn all() -> Vec<Rule> {
    let files = ["alerts/recording.yml", "alerts/dns.yml", "alerts/prober.yml"];
    let mut rules = Vec::new();
    for document in files.iter().flat_map(|file| yaml(file)) {
        for group in document["groups"].as_vec().expect("groups") {
            rules.extend(group["rules"].as_vec().expect("rules").iter().map(Rule::read));
        }
    }
    rules
}

fn alerts() -> impl Iterator<Item = Rule> {
    all().into_iter().filter(|rule| !rule.record)
}

impl Rule {
    fn read(yaml: &Yaml) -> Self {
        let record = yaml["record"].as_str();
        let name = record.or_else(|| yaml["alert"].as_str()).expect("a name").to_owned();
        let expr = yaml["expr"].as_str().expect("an expression").to_owned();
        let map = |key: &str| {
            let hash = yaml[key].as_hash().cloned().unwrap_or_default();
            hash.into_iter().filter_map(|(key, value)| Some((key.into_string()?, value.into_string()?))).collect()
        };
        Self { record: record.is_some(), name, expr, labels: map("labels"), annotations: map("annotations") }
    }
}

#[test]
fn promtool_accepts_the_rules_and_their_tests_pass() {
    let files = list("alerts", ".yml");
    let mut arguments = vec!["check", "rules"];
    arguments.extend(files.iter().map(String::as_str));
    run("promtool", &arguments);
    // One process a file: promtool itself does one test after the other.
    let tests = list("alerts/tests", ".yml");
    std::thread::scope(|scope| {
        for file in &tests {
            scope.spawn(move || run("promtool", &["test", "rules", file]));
        }
    });
}

#[test]
fn every_alert_has_a_unit_test_in_which_it_fires_one_in_which_it_does_not() {
    let mut fires = BTreeMap::<(String, String), usize>::new();
    let mut silent = BTreeSet::new();
    for document in list("alerts/tests", ".yml").iter().flat_map(|file| yaml(file)) {
        for test in document["tests"].as_vec().expect("tests") {
            for check in test["alert_rule_test"].as_vec().expect("checks") {
                let alert = check["alertname"].as_str().expect("a name").to_owned();
                let expected = check["exp_alerts"].as_vec().expect("a list");
                if expected.is_empty() {
                    silent.insert(alert.clone());
                }
                for one in expected {
                    let severity = one["exp_labels"]["severity"].as_str().expect("a severity").to_owned();
                    *fires.entry((alert.clone(), severity)).or_default() += 1;
                }
            }
        }
    }
    for rule in alerts() {
        let key = (rule.name.clone(), rule.labels["severity"].clone());
        assert!(fires.contains_key(&key), "no unit test shows {key:?} firing");
        assert!(
            silent.contains(&rule.name) || rule.name == "FathomWatchdog",
            "no unit test shows {} silent",
            rule.name
        );
    }
}

#[test]
fn rules_name_only_series_and_labels_that_exist() {
    let known = known();
    for rule in all() {
        assert_known(&rule.name, &rule.expr, &known);
        // Annotations ask, too: between `query (printf "…"` and the quote, with %s for labels.
        for text in rule.annotations.values() {
            for query in text.split("query (printf \"").skip(1).filter_map(|rest| rest.split('"').next()) {
                assert_known(&rule.name, &query.replace("%s", "x"), &known);
            }
        }
    }
}

#[test]
fn every_alert_says_how_severe_it_is_what_is_wrong_and_what_to_do() {
    let mut identities = BTreeSet::new();
    for rule in alerts() {
        let severity = rule.labels["severity"].as_str();
        assert!(["critical", "warning", "none"].contains(&severity), "{}: {severity}", rule.name);
        assert!(identities.insert((rule.name.clone(), severity.to_owned())), "{} {severity} is there twice", rule.name);
        for annotation in ["summary", "description", "runbook_url"] {
            assert!(
                rule.annotations.get(annotation).is_some_and(|text| !text.is_empty()),
                "{}: {annotation}",
                rule.name
            );
        }
        let runbook = &rule.annotations["runbook_url"];
        assert!(runbook.starts_with("http://") && runbook.ends_with(&format!("/runbooks/{}", rule.name)), "{runbook}");
    }
}

#[test]
fn every_alert_has_a_runbook_and_every_runbook_an_alert() {
    let names: BTreeSet<_> = alerts().map(|rule| rule.name).collect();
    let served: BTreeSet<_> = runbooks::names().map(str::to_owned).collect();
    assert_eq!(served, names, "src/web/runbooks.rs lists them");
    let files: BTreeSet<_> =
        list("docs/runbooks", ".md").iter().map(|file| file["docs/runbooks/".len()..].replace(".md", "")).collect();
    assert_eq!(files, names);
    for name in names {
        let text = read(&format!("docs/runbooks/{name}.md"));
        assert!(text.starts_with(&format!("# {name}\n\nSeverity: ")), "{name}");
        let headings: Vec<_> = text.lines().filter_map(|line| line.strip_prefix("## ")).collect();
        let wanted =
            ["What it means", "How bad it is", "First commands", "How to fix it", "How to know that it is fixed"];
        assert_eq!(headings, wanted, "{name}");
        let commands = text.split("```\n").nth(1).unwrap_or_default();
        assert!(commands.lines().count() >= 3, "{name}: three commands");
    }
}

#[test]
fn every_verdict_that_needs_somebody_is_alerted_on() {
    let text: String = alerts().map(|rule| rule.expr).collect();
    for verdict in Verdict::ALL {
        let alerted = text.contains(verdict.as_str());
        match verdict {
            // Nothing to do, or nothing known.
            Verdict::Ok | Verdict::Unknown => {}
            // DNSResolverSlow compares the histogram with its past, also where the prober was just started.
            Verdict::Slow => assert!(!alerted),
            Verdict::ForwardsToSibling
            | Verdict::CycleWithExit
            | Verdict::LoopSuspected
            | Verdict::DeadEnd
            | Verdict::RecursionFailing
            | Verdict::RecursionRefused
            | Verdict::UpstreamFailing
            | Verdict::DnssecFailing
            | Verdict::StaleMasking
            | Verdict::AuthorityFailing
            | Verdict::WrongAnswers
            | Verdict::Lossy
            | Verdict::Unreachable
            | Verdict::Down
            | Verdict::ProberFault => assert!(alerted, "no alert looks at {}", verdict.as_str()),
        }
    }
}
