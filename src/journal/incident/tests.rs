use std::time::UNIX_EPOCH;

use super::super::entry::{EdgeChange, Place};
use super::*;
use crate::graph::Method;

fn at(seconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_753_099_200 + seconds)
}

fn entry(seconds: u64, resolver: Option<&str>, event: Event) -> Entry {
    let place = resolver.map_or_else(|| Place::cluster("dc1", "c1"), |resolver| Place::resolver("dc1", "c1", resolver));
    Entry { id: i64::try_from(seconds).unwrap(), at: at(seconds), place, changes: 1, event }
}

fn outcome(seconds: u64, resolver: &str, class: &str, to: Outcome) -> Entry {
    let names = if to == Outcome::Ok { vec![] } else { vec![format!("{class}-1")] };
    let change = ClassChange {
        class: class.to_owned(),
        from: Some(Outcome::Ok),
        to,
        names,
        failing: u32::from(to != Outcome::Ok),
        of: 2,
        detail: String::new(),
    };
    entry(seconds, Some(resolver), Event::Outcome(change))
}

fn verdict(seconds: u64, resolver: &str, to: Verdict, confidence: Confidence) -> Entry {
    let sentence = format!("{resolver} is {}.", to.as_str());
    let change = VerdictChange { from: Verdict::Ok, to, confidence, sentence, evidence: vec![format!("at {seconds}")] };
    entry(seconds, Some(resolver), Event::Verdict(change))
}

fn state(seconds: u64, to: ClusterState) -> Entry {
    let change =
        ClusterChange { from: ClusterState::Healthy, to, exits: None, last_exit: None, sentence: String::new() };
    entry(seconds, None, Event::Cluster(change))
}

/// What becomes of entries: the incidents in the order of their numbers.
fn told(entries: &[Entry]) -> Vec<Incident> {
    let mut ledger = Ledger::default();
    let mut incidents = std::collections::BTreeMap::new();
    for entry in entries {
        if let Some(incident) = ledger.take(entry) {
            incidents.insert(incident.id, incident.clone());
        }
    }
    incidents.into_values().collect()
}

#[test]
fn the_incident_from_the_first_rebuild_to_the_fix_is_one() {
    use Confidence::{Confirmed, Suspected};
    let incidents = told(&[
        verdict(0, "ns1", Verdict::ForwardsToSibling, Confirmed),
        state(0, ClusterState::Latent),
        state(60, ClusterState::Fragile),
        outcome(120, "ns1", "external", Outcome::Servfail),
        outcome(121, "ns2", "external", Outcome::Timeout),
        outcome(122, "ns1", "database", Outcome::Servfail),
        verdict(123, "ns1", Verdict::RecursionFailing, Suspected),
        state(123, ClusterState::Outage),
        verdict(130, "ns1", Verdict::LoopSuspected, Suspected),
        verdict(133, "ns2", Verdict::LoopSuspected, Confirmed),
        outcome(300, "ns1", "external", Outcome::Ok),
        outcome(301, "ns1", "database", Outcome::Ok),
        outcome(302, "ns2", "external", Outcome::Ok),
        verdict(310, "ns1", Verdict::Ok, Confidence::None),
        verdict(311, "ns2", Verdict::Ok, Confidence::None),
        state(312, ClusterState::Healthy),
    ]);
    let [incident] = &incidents[..] else { panic!("{incidents:#?}") };
    assert_eq!((incident.started, incident.ended), (at(0), Some(at(312))));
    assert_eq!((incident.worst, incident.state), (ClusterState::Outage, ClusterState::Healthy));
    let cause = incident.cause.as_ref().unwrap();
    assert_eq!((cause.verdict, cause.confidence), (Verdict::LoopSuspected, Confirmed));
    assert_eq!(cause.resolvers, ["ns1", "ns2"]);
    assert_eq!(cause.evidence, ["at 133"], "that of the surer finding");
    let classes: Vec<(&str, SystemTime, Option<SystemTime>)> =
        incident.impact.iter().map(|class| (class.class.as_str(), class.since, class.until)).collect();
    assert_eq!(classes, [("database", at(122), Some(at(301))), ("external", at(120), Some(at(302)))]);
    assert_eq!(incident.impact[1].resolvers.len(), 2);
    assert_eq!(incident.resolvers(), ["ns1", "ns2"]);
    assert_eq!(incident.summary(), "c1 went into an outage; names failed: database, external. ns2 is loop_suspected.");
    assert_eq!(incident.duration(at(999)), Duration::from_secs(312));
}

#[test]
fn a_cause_that_changes_belongs_to_the_same_incident_and_recovery_does_not_replace_it() {
    let confirmed = Confidence::Confirmed;
    let incidents = told(&[
        verdict(0, "ns1", Verdict::LoopSuspected, confirmed),
        verdict(100, "ns1", Verdict::DeadEnd, confirmed),
        verdict(200, "ns1", Verdict::ForwardsToSibling, confirmed),
        verdict(300, "ns1", Verdict::Ok, Confidence::None),
    ]);
    assert_eq!(incidents.len(), 1);
    let cause = incidents[0].cause.as_ref().unwrap();
    assert_eq!((cause.verdict, cause.since), (Verdict::DeadEnd, at(100)));
    assert_eq!(incidents[0].ended, Some(at(300)));
}

#[test]
fn it_ends_with_the_last_thing_that_does_in_whatever_order_that_is_written() {
    let incidents = told(&[
        verdict(0, "ns1", Verdict::LoopSuspected, Confidence::Confirmed),
        outcome(10, "ns1", "external", Outcome::Servfail),
        outcome(60, "ns1", "external", Outcome::Ok),
        verdict(50, "ns1", Verdict::Ok, Confidence::Confirmed),
    ]);
    assert_eq!(incidents[0].ended, Some(at(60)));
}

#[test]
fn flapping_is_one_incident_and_what_comes_later_is_another() {
    let mut entries = Vec::new();
    for round in 0..10 {
        entries.push(outcome(round * 120, "ns1", "external", Outcome::Timeout));
        entries.push(outcome(round * 120 + 30, "ns1", "external", Outcome::Ok));
    }
    entries.push(outcome(3000, "ns1", "external", Outcome::Timeout));
    let incidents = told(&entries);
    assert_eq!(incidents.len(), 2);
    assert_eq!((incidents[0].reopened, incidents[0].ended), (9, Some(at(9 * 120 + 30))));
    assert!(incidents[1].is_open() && incidents[1].started == at(3000));
}

#[test]
fn one_cluster_says_nothing_of_another_and_what_is_no_trouble_opens_nothing() {
    let mut elsewhere = outcome(1, "ns1", "external", Outcome::Timeout);
    elsewhere.place = Place::resolver("dc2", "c2", "ns1");
    let edge = EdgeChange { from: "ns1".to_owned(), to: "ns2".to_owned(), method: Method::Tracer, present: true };
    let incidents = told(&[
        entry(0, Some("ns1"), Event::Edge(edge)),
        state(0, ClusterState::Healthy),
        state(0, ClusterState::Unknown),
        outcome(0, "ns1", "external", Outcome::InternalError),
        elsewhere,
        outcome(2, "ns1", "external", Outcome::Timeout),
    ]);
    let clusters: Vec<&str> = incidents.iter().map(|incident| incident.cluster.as_str()).collect();
    assert_eq!(clusters, ["c2", "c1"]);
}

#[test]
fn nothing_known_is_no_recovery_and_neither_is_the_probers_own_fault() {
    let incidents = told(&[
        outcome(0, "ns1", "external", Outcome::Timeout),
        verdict(1, "ns1", Verdict::DeadEnd, Confidence::Probable),
        outcome(10, "ns1", "external", Outcome::InternalError),
        verdict(11, "ns1", Verdict::Unknown, Confidence::None),
        state(12, ClusterState::Unknown),
    ]);
    assert!(incidents[0].is_open());
    assert_eq!(incidents[0].wrong.classes["ns1"]["external"], Outcome::Timeout);
}

#[test]
fn a_prober_that_starts_again_goes_on_with_what_is_open() {
    let mut first = Ledger::default();
    first.take(&outcome(0, "ns1", "external", Outcome::Timeout));
    let kept = serde_json::to_string(first.open("c1").unwrap()).unwrap();
    let mut second = Ledger::resume([serde_json::from_str(&kept).unwrap()], first.last_id());
    let ended = second.take(&outcome(500, "ns1", "external", Outcome::Ok)).unwrap();
    assert_eq!((ended.id, ended.ended), (1, Some(at(500))));
    let next = second.take(&outcome(5000, "ns1", "external", Outcome::Timeout)).unwrap();
    assert_eq!(next.id, 2);
}

#[test]
fn what_is_watched_no_longer_ends_with_that() {
    let mut ledger = Ledger::default();
    ledger.take(&outcome(0, "ns1", "external", Outcome::Timeout));
    ledger.take(&outcome(0, "ns2", "external", Outcome::Timeout));
    let changed = ledger.keep(at(50), |_, resolver, _| resolver != Some("ns1"));
    assert!(changed[0].is_open());
    assert!(ledger.keep(at(60), |_, resolver, _| resolver != Some("ns1")).is_empty());
    let changed = ledger.keep(at(70), |cluster, _, _| cluster != "c1");
    assert_eq!(changed[0].ended, Some(at(70)));
    assert_eq!(changed[0].impact[0].until, Some(at(70)));
}
