//! From evidence to the situation of each resolver. Pure.

use std::time::Duration;

use tokio::time::Instant;

use super::{AT_ONCE, ColdSeen, Configured, Echoed, Evidence, Known, Noted, Sight};
use crate::graph::Graph;
use crate::verdict::situation::{Cold, Company, Leads, OverTcp, Own, Proof, Situation, Upstream};

/// Questions that are not further apart than this were asked at the same time.
const TOGETHER: Duration = Duration::from_secs(1);

/// The situation of every resolver, in the order of the cluster.
pub fn situations(evidence: &Evidence, graph: &Graph, prober_at_fault: bool, now: Instant) -> Vec<Situation> {
    let of_known =
        |known| if evidence.asks_outside { cold(known, &evidence.parent_proved, now) } else { Cold::NotMeant };
    let cold: Vec<Cold> = evidence.known.iter().map(of_known).collect();
    let situation = |resolver: usize| {
        let known = &evidence.known[resolver];
        let (own, over_tcp) = own(known, now);
        let (leads, proof) = leads(evidence, graph, &cold, resolver, now);
        Situation {
            prober_at_fault,
            own,
            over_tcp,
            loses_packets: known.configured.loses_packets,
            cold: cold[resolver],
            arrives: known.left_all_the_same().is_some(),
            works_unchecked: known.configured.servfail > 0
                && known.unchecked.as_ref().and_then(|noted| noted.fresh(now)) == Some(true),
            leads,
            proof,
            upstream: match evidence.upstream.as_ref().and_then(|noted| noted.fresh(now)) {
                None => Upstream::Unasked,
                Some(true) => Upstream::Works,
                Some(false) => Upstream::Fails,
            },
            company: company(evidence, graph, &cold, resolver, now),
            stale: known.configured.stale > 0,
            wrong: known.configured.wrong > 0,
            slow: known.is_slow(),
            fast_failure_tells: known.software.fast_failure_tells(),
        }
    };
    (0..evidence.known.len()).map(situation).collect()
}

fn own(known: &Known, now: Instant) -> (Own, OverTcp) {
    known.own.as_ref().and_then(|noted| noted.fresh(now)).unwrap_or_default()
}

/// Nobody is there to answer: whatever is forwarded to it is lost.
fn is_gone(known: &Known, now: Instant) -> bool {
    matches!(own(known, now).0, Own::Silent | Own::PortClosed | Own::NoRoute)
}

/// What cold names say altogether.
///
/// With one parent alone, its authority may be what fails: then configured names are the second opinion, and while they
/// are answered, only the parent is at fault. Without any parent they are all there is.
///
/// A failure from before the resolver began to resolve again, under whatever parent, is not held against the authority of
/// its own: that has not been asked since.
fn cold(known: &Known, parent_proved: &[bool], now: Instant) -> Cold {
    let any_proved = parent_proved.contains(&true);
    let works_since = known.good_since.iter().flatten().min();
    let is_over =
        |noted: &Noted<ColdSeen>| noted.value.fails() && works_since.is_some_and(|since| noted.at + TOGETHER < *since);
    let seen: Vec<ColdSeen> = known
        .cold
        .iter()
        .zip(parent_proved)
        .filter_map(|(noted, proved)| Some((noted.as_ref().filter(|noted| !is_over(noted))?.fresh(now)?, *proved)))
        // Under a parent where nobody ever got a genuine answer, it is the parent that is not set up: while another one
        // was seen to answer, and for what looks forged, it counts for nothing.
        .filter(|(seen, proved)| *proved || !(any_proved || matches!(seen, ColdSeen::Forged)))
        .map(|(seen, _)| seen)
        .collect();
    let Configured { good, servfail, silent, .. } = known.configured;
    if seen.is_empty() {
        return match known.cold.len() {
            0 if good > 0 => Cold::Works,
            0 if servfail > 0 => Cold::FailsSlow,
            0 if silent > 0 => Cold::Silent,
            _ => Cold::Unknown,
        };
    }
    let any = |wanted: fn(&ColdSeen) -> bool| seen.iter().any(wanted);
    let answered = any(|seen| seen.is_good());
    let fails = any(|seen| seen.fails());
    if any(|seen| *seen == ColdSeen::Forged) {
        Cold::Forged
    } else if answered && !fails {
        Cold::Works
    } else if answered || (fails && known.cold.len() == 1 && good > 0) {
        Cold::OneParentFails
    } else if any(|seen| *seen == ColdSeen::Refused) {
        Cold::Refused
    } else if any(|seen| matches!(seen, ColdSeen::Failed(after) if *after >= AT_ONCE))
        || (known.software.fails_fast_later() && any(|seen| matches!(seen, ColdSeen::Failed(_))))
    {
        Cold::FailsSlow
    } else if any(|seen| matches!(seen, ColdSeen::Silent | ColdSeen::SilentSoFar)) {
        Cold::Silent
    } else {
        Cold::FailsFast
    }
}

/// Where the questions of a resolver go, and how well that is known.
fn leads(evidence: &Evidence, graph: &Graph, cold: &[Cold], resolver: usize, now: Instant) -> (Leads, Proof) {
    let proof = |direct: bool| if direct { Proof::Direct } else { Proof::Indirect };
    let seen_twice = graph.edges().iter().any(|edge| edge.from == resolver && edge.twice);
    // A circle with a member that resolves has a way out, so it explains no failure.
    let explains = |member: usize| {
        let circle = graph.cycle_of(member);
        circle.filter(|circle| !cold[resolver].fails() || circle.iter().all(|member| !cold[*member].resolves()))
    };
    if explains(resolver).is_some() {
        return (Leads::InCircle, proof(graph.cycle_seen_twice(resolver)));
    }
    let siblings: Vec<usize> = graph.siblings_of(resolver).collect();
    if let Some(member) = siblings.iter().find(|sibling| explains(**sibling).is_some()) {
        return (Leads::IntoCircle, proof(seen_twice && graph.cycle_seen_twice(*member)));
    }
    if siblings.is_empty() {
        return elsewhere(evidence, cold[resolver], resolver, now)
            .map_or((Leads::Unknown, Proof::Indirect), |p| (Leads::Elsewhere, p));
    }
    let end = siblings.iter().find_map(|sibling| {
        let leads_nowhere = cold[*sibling].fails() && graph.siblings_of(*sibling).next().is_none();
        let end = if leads_nowhere { elsewhere(evidence, cold[*sibling], *sibling, now) } else { None };
        end.or_else(|| is_gone(&evidence.known[*sibling], now).then_some(Proof::Direct))
    });
    match end.filter(|_| cold[resolver].fails()) {
        Some(known) => (Leads::ToDeadEnd, proof(seen_twice && known == Proof::Direct)),
        None => (Leads::ToSibling, proof(seen_twice)),
    }
}

/// Whether a path from the resolver to any sibling would have been seen, and how surely.
fn elsewhere(evidence: &Evidence, cold: Cold, resolver: usize, now: Instant) -> Option<Proof> {
    let known = &evidence.known[resolver];
    let server = &evidence.server;
    let others = || (0..evidence.known.len()).filter(|other| server[*other] != server[resolver]);
    let serves_tracer = |other: usize| {
        let tracer = evidence.known[other].tracer.as_ref();
        tracer.and_then(|noted| noted.fresh(now)) == Some(Sight::Hit)
    };
    let not_reached = |other: usize| {
        let row = known.row[other].as_ref().and_then(|noted| noted.fresh(now));
        matches!(row, Some(Sight::Miss | Sight::Unclear))
    };
    if others().next().is_some() && others().all(|other| serves_tracer(other) && not_reached(other)) {
        // To itself is where no tracer leads: only that it fails at once, or not at all, excludes that.
        let not_to_itself = !cold.fails() || (cold == Cold::FailsFast && known.software.fast_failure_tells());
        return Some(if not_to_itself { Proof::Direct } else { Proof::Indirect });
    }
    let in_no_cache = others().next().is_some()
        && others().all(|other| known.echo_missed[other].as_ref().is_some_and(|n| n.fresh(now).is_some()));
    let in_no_failure_cache = others().next().is_some()
        && others().all(|other| {
            let echo = known.failure_echo[other].as_ref().and_then(|noted| noted.fresh(now));
            matches!(echo, Some(Echoed::Never | Echoed::Behind))
        });
    let own_egress = known.own_egress.as_ref().is_some_and(|noted| noted.fresh(now).is_some());
    (in_no_cache || in_no_failure_cache || own_egress).then_some(Proof::Indirect)
}

fn company(evidence: &Evidence, graph: &Graph, cold: &[Cold], resolver: usize, now: Instant) -> Company {
    let mut others = (0..cold.len()).filter(|other| *other != resolver).peekable();
    if others.peek().is_none() {
        return Company::Unknown;
    }
    let others: Vec<usize> = others.collect();
    if others.iter().any(|other| cold[*other].resolves()) {
        Company::SomeResolve
    } else if others.iter().any(|other| !cold[*other].fails() && !is_gone(&evidence.known[*other], now)) {
        Company::Unknown
    } else if graph.edges().is_empty() && others.iter().any(|other| cold[*other].fails()) {
        Company::AllFailApart
    } else {
        Company::AllFail
    }
}
