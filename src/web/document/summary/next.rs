//! What to do first, in a sentence, and the runbook that goes into detail.

use crate::report::json::{ClusterPaths, ResolverPaths};
use crate::verdict::{ClusterState, Verdict};

/// What the verdict that says most asks for.
pub(super) fn next(cluster: &ClusterPaths, worst: Option<&ResolverPaths>) -> (String, Option<&'static str>) {
    let Some(worst) = worst else { return ("Look at the resolvers one by one.".to_owned(), None) };
    let name = worst.resolver.as_str();
    if let (ClusterState::Fragile, Some(last)) = (cluster.state, &cluster.last_exit) {
        let others = format!("Do not touch {last}. Stop all rebuilds, and give {name} its own forwarders again.");
        return (others, Some("DNSLastExit"));
    }
    if worst.verdict.is_failing() && worst.resolves {
        let wait = format!("Wait until three rounds are good: {name} resolves again. Then look at what still fails.");
        return (wait, None);
    }
    let (sentence, runbook) = match worst.verdict {
        Verdict::LoopSuspected => (circle(cluster, name), "DNSForwardingLoop"),
        Verdict::DeadEnd => {
            (format!("Look where {name} forwards to, and give it a forwarder that answers."), "DNSDeadEnd")
        }
        Verdict::RecursionFailing => {
            (format!("Read the log of {name}, and look where it forwards to."), "DNSRecursionFailing")
        }
        Verdict::RecursionRefused => {
            (format!("Look at the access list of {name}, and whether recursion is on."), "DNSRecursionFailing")
        }
        Verdict::UpstreamFailing => (
            "Leave the resolvers alone; look at their upstreams, and at the way to them.".to_owned(),
            "DNSUpstreamFailing",
        ),
        Verdict::DnssecFailing => (
            format!("Look at the clock and the trust anchors of {name}, and at the signatures of the zone."),
            "DNSRecursionFailing",
        ),
        Verdict::StaleMasking => {
            (format!("Find out why {name} cannot refresh. Do not flush its cache."), "DNSStaleAnswers")
        }
        Verdict::AuthorityFailing => {
            (format!("Look whether {name} has loaded its zones, and which serials it has."), "DNSAuthorityFailing")
        }
        Verdict::WrongAnswers => {
            (format!("Ask the authority what it answers, and compare with {name}."), "DNSWrongAnswers")
        }
        Verdict::Lossy => {
            (format!("Look at rate limits and the receive queue of {name}, and at the network."), "DNSResolverLossy")
        }
        Verdict::Slow => (format!("Look at the load of {name}, and at its first forwarder."), "DNSResolverSlow"),
        Verdict::Unreachable => {
            (format!("Look whether the machine of {name} is up, and at the way to it."), "DNSResolverDown")
        }
        Verdict::Down => (format!("Start the server on {name}, and read why it ended."), "DNSResolverDown"),
        Verdict::ForwardsToSibling | Verdict::CycleWithExit => (
            format!("Stop all rebuilds in {}, and give {name} its own forwarders again.", cluster.cluster),
            "DNSForwardsToSibling",
        ),
        Verdict::ProberFault => {
            ("Look at the machine that this prober runs on; ask another prober.".to_owned(), "FathomProberBlind")
        }
        Verdict::Unknown | Verdict::Ok => (
            format!("Fewer than {} exits are left: find out where the others went.", cluster.min_independent_exits),
            "DNSExitsBelowMinimum",
        ),
    };
    (sentence, Some(runbook))
}

/// One way out mends a circle for all of its members.
fn circle(cluster: &ClusterPaths, name: &str) -> String {
    match cluster.circles.first() {
        Some(members) if members.len() > 1 => {
            format!("Give one of {} its own forwarders again; the others recover through it.", members.join(", "))
        }
        Some(_) | None => format!("Look where {name} forwards to, and give it its own forwarders again."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::json::tests::cluster;
    use crate::web::runbooks;

    #[test]
    fn every_verdict_has_a_next_step_and_a_runbook_that_exists() {
        for verdict in Verdict::ALL {
            let cluster = cluster(4, "12 23 34 41", Some(verdict));
            let (sentence, runbook) = next(&cluster, cluster.resolvers.first());
            assert!(sentence.ends_with('.'), "{sentence}");
            assert!(runbook.is_some_and(|name| runbooks::names().any(|known| known == name)), "{runbook:?}");
        }
    }

    #[test]
    fn what_resolves_again_is_waited_for() {
        let mut cluster = cluster(4, "12 23 34 41", Some(Verdict::LoopSuspected));
        cluster.resolvers[0].resolves = true;
        let (sentence, _) = next(&cluster, cluster.resolvers.first());
        assert!(sentence.starts_with("Wait until three rounds are good: ns1 resolves again."), "{sentence}");
    }

    #[test]
    fn the_last_exit_is_not_to_be_touched() {
        let mut cluster = cluster(4, "12 23 34", None);
        cluster.state = ClusterState::Fragile;
        let (sentence, runbook) = next(&cluster, cluster.resolvers.first());
        assert_eq!(sentence, "Do not touch ns4. Stop all rebuilds, and give ns1 its own forwarders again.");
        assert_eq!(runbook, Some("DNSLastExit"));
    }
}
