//! Every decision, over clusters made up for it.

use super::*;
use crate::report::json::tests::{cluster, noon};

const MINUTE: Duration = Duration::from_secs(60);

/// Asked half a minute before noon, when the trace was; now it is half a minute later.
fn when() -> When {
    When { now: noon() + MINUTE / 2, asked: noon() - MINUTE / 2, interval: MINUTE }
}

fn words(cluster: &ClusterPaths, step: Step) -> Vec<String> {
    decide(cluster, step, when()).refusals.iter().map(ToString::to_string).collect()
}

#[test]
fn before_each_rebuild_of_the_incident() {
    let forwards = |who: &str, to: &str| format!("{who} forwards to its {to}: give it a way out of its own first");
    let cases: [(&str, usize, Vec<String>); 7] = [
        ("", 0, vec![]),
        ("12", 1, vec!["ns1 has no way out but through ns2".to_owned(), forwards("ns1", "sibling ns2")]),
        ("12", 2, vec![forwards("ns1", "sibling ns2")]),
        // What was built badly may be built again.
        ("12", 0, vec![]),
        (
            "12 23",
            3,
            vec![
                forwards("ns1", "siblings ns2 and ns3"),
                forwards("ns2", "sibling ns3"),
                "1 independent exit would be left without ns4, and path.min_independent_exits is 2".to_owned(),
            ],
        ),
        (
            "12 23 34",
            3,
            vec![
                "ns4 is the last exit: without it no query leaves the cluster".to_owned(),
                forwards("ns1", "siblings ns2, ns3 and ns4"),
                forwards("ns2", "siblings ns3 and ns4"),
                forwards("ns3", "sibling ns4"),
            ],
        ),
        ("44", 0, vec!["ns4 forwards to itself: mend it first".to_owned()]),
    ];
    for (pairs, place, expected) in cases {
        assert_eq!(words(&cluster(4, pairs, None), Step::Rebuild(place)), expected, "{pairs} {place}");
    }
}

#[test]
fn small_clusters_need_a_minimum_that_fits_them() {
    let mut two = cluster(2, "", None);
    let reason = "1 independent exit would be left without ns1, and path.min_independent_exits is 2";
    assert_eq!(words(&two, Step::Rebuild(0)), [reason]);
    two.min_independent_exits = 1;
    assert!(words(&two, Step::Rebuild(0)).is_empty());
    assert_eq!(words(&cluster(1, "", None), Step::Rebuild(0)), ["ns1 is the only resolver of the cluster"]);
}

#[test]
fn what_is_not_known_is_a_reason_to_refuse() {
    let mut hidden = cluster(4, "", None);
    hidden.resolvers[1].path_known = false;
    hidden.resolvers[2].path_known = false;
    let reason = "where ns2 and ns3 forward to cannot be seen; tracer zones would show it: see fathom tracer-config";
    assert_eq!(words(&hidden, Step::Rebuild(0)), [reason]);
    assert!(words(&hidden, Step::Rebuilt(0)).is_empty());
    assert_eq!(words(&hidden, Step::Done), [reason]);

    let mut unseen = cluster(4, "", None);
    unseen.resolvers[3].traced_at = None;
    assert_eq!(words(&unseen, Step::Rebuild(0)), ["nothing was traced yet"]);
    assert_eq!(words(&unseen, Step::Rebuilt(3)), ["nothing was traced yet"]);
    assert!(words(&unseen, Step::Rebuilt(0)).is_empty());

    let mut unjudged = cluster(4, "", None);
    unjudged.resolvers[3].verdict = Verdict::Unknown;
    assert_eq!(words(&unjudged, Step::Rebuild(0)), ["nothing is known of ns4 yet"]);

    let mut blind = cluster(4, "", None);
    blind.resolvers[3].verdict = Verdict::ProberFault;
    assert_eq!(words(&blind, Step::Rebuild(0)), ["the prober itself is at fault and sees nothing"]);
}

#[test]
fn old_evidence_does_not_count() {
    let healthy = cluster(4, "", None);
    let at = |now: Duration, asked: SystemTime, step| {
        let when = When { now: noon() + now, asked, interval: MINUTE };
        let decision = decide(&healthy, step, when);
        (decision.refusals.first().map(ToString::to_string), decision.awaits_trace())
    };
    assert_eq!(at(MINUTE * 2, noon(), Step::Rebuild(0)), (None, false));
    let old = "the last trace is 121 s old, and what is older than 120 s does not count";
    let late = Duration::from_secs(121);
    assert_eq!(at(late, noon(), Step::Rebuild(0)), (Some(old.to_owned()), false));
    let not_since = "no trace has begun and ended since this was asked; --wait gives it the time";
    for step in [Step::Rebuilt(0), Step::Done] {
        assert_eq!(at(late, noon(), step), (Some(not_since.to_owned()), true));
        assert_eq!(at(late, noon() - MINUTE, step), (None, false));
    }
}

#[test]
fn after_a_rebuild_the_resolver_is_an_exit_of_its_own() {
    assert!(words(&cluster(4, "", None), Step::Rebuilt(0)).is_empty());
    assert!(words(&cluster(4, "12", None), Step::Rebuilt(1)).is_empty(), "ns1 is another step");
    let badly = cluster(4, "12", None);
    let reason = "ns1 forwards to its sibling ns2: give it a way out of its own first";
    assert_eq!(words(&badly, Step::Rebuilt(0)), [reason]);
    assert_eq!(words(&badly, Step::Done), [reason]);
    let mut silent = cluster(4, "", None);
    (silent.resolvers[0].is_exit, silent.resolvers[0].resolves) = (false, false);
    assert_eq!(words(&silent, Step::Rebuilt(0)), ["ns1 gets no answers from outside by itself"]);
    for verdict in Verdict::ALL.into_iter().filter(|verdict| verdict.is_failing()) {
        let mut failing = cluster(4, "", None);
        failing.resolvers[0].verdict = verdict;
        let expected = format!("ns1 is not well ({}): ns1 is as it is", verdict.as_str());
        assert_eq!(words(&failing, Step::Rebuilt(0)), std::slice::from_ref(&expected));
        assert_eq!(words(&failing, Step::Rebuild(1)), [expected]);
    }
}

#[test]
fn where_nothing_is_resolved_from_outside_exits_do_not_matter() {
    let mut authoritative = cluster(2, "", None);
    authoritative.independent_exits = None;
    for resolver in &mut authoritative.resolvers {
        (resolver.is_exit, resolver.resolves, resolver.path_known) = (false, false, false);
    }
    for step in [Step::Rebuild(0), Step::Rebuilt(0), Step::Done] {
        assert!(words(&authoritative, step).is_empty(), "{step:?}");
    }
    authoritative.resolvers[1].verdict = Verdict::Down;
    assert_eq!(words(&authoritative, Step::Rebuild(0)), ["ns2 is not well (down): ns2 is as it is"]);
}
