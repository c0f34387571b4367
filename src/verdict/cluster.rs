//! The state of a cluster, from those of its resolvers. Pure.

use super::{ClusterState, Verdict};

/// What decides the state of a cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Members {
    /// The verdict shown of each resolver.
    pub verdicts: Vec<Verdict>,
    /// Whether each resolves names from outside.
    pub resolves: Vec<bool>,
    /// Whether it is meant to resolve such names at all.
    pub recursive: bool,
    /// Independent exits that are left.
    pub exits: usize,
    /// Fewer than this are too few.
    pub min_exits: usize,
    /// Configured names from outside that are still answered, from some cache.
    pub names_answered: bool,
    /// Some member resolved for this prober at some time.
    pub ever_resolved: bool,
}

/// What the members amount to.
pub fn state(members: &Members) -> ClusterState {
    let all = |wanted: fn(&Verdict) -> bool| members.verdicts.iter().all(wanted);
    let some = |wanted: fn(&Verdict) -> bool| members.verdicts.iter().any(wanted);
    let known = |verdict: &Verdict| *verdict != Verdict::Unknown;
    // Whoever was never let in does not know what those see who are. Who was let in once, and is not any more, may share
    // that with everybody.
    let shut_out = !members.ever_resolved && all(|verdict| *verdict == Verdict::RecursionRefused);
    if some(|verdict| *verdict == Verdict::ProberFault) || shut_out {
        ClusterState::Blind
    } else if !some(known) {
        ClusterState::Unknown
    } else if all(|verdict| verdict.is_failing()) && !(members.recursive && members.exits > 0) {
        let no_way_out = members.recursive && members.exits == 0;
        if no_way_out && members.names_answered { ClusterState::Critical } else { ClusterState::Outage }
    } else if some(|verdict| verdict.is_failing()) {
        ClusterState::Partial
    } else if !members.recursive || members.verdicts.len() == 1 {
        ClusterState::Healthy
    } else if members.exits == 0 {
        // Nothing fails yet that was looked at, and no exit is seen: too little is known.
        ClusterState::Unknown
    } else if members.exits == 1 {
        ClusterState::Fragile
    } else if members.exits < members.min_exits || some(|verdict| is_latent(*verdict)) {
        ClusterState::Latent
    } else {
        ClusterState::Healthy
    }
}

const fn is_latent(verdict: Verdict) -> bool {
    matches!(verdict, Verdict::ForwardsToSibling | Verdict::CycleWithExit)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn members(verdicts: [Verdict; 4], exits: usize) -> Members {
        let resolves = verdicts.iter().map(|verdict| !verdict.is_failing()).collect();
        Members {
            verdicts: verdicts.into(),
            resolves,
            recursive: true,
            exits,
            min_exits: 2,
            names_answered: false,
            ever_resolved: true,
        }
    }

    #[test]
    fn the_incident_stage_by_stage() {
        use Verdict::{DeadEnd, Down, ForwardsToSibling, LoopSuspected, Ok, Unknown};
        let stages = [
            ([Unknown; 4], 0, ClusterState::Unknown),
            ([Ok; 4], 4, ClusterState::Healthy),
            ([ForwardsToSibling, Ok, Ok, Ok], 3, ClusterState::Latent),
            ([ForwardsToSibling, ForwardsToSibling, Ok, Ok], 2, ClusterState::Latent),
            ([ForwardsToSibling, ForwardsToSibling, ForwardsToSibling, Ok], 1, ClusterState::Fragile),
            ([LoopSuspected; 4], 0, ClusterState::Outage),
            ([DeadEnd; 4], 0, ClusterState::Outage),
            ([Ok, Ok, Ok, Down], 3, ClusterState::Partial),
            // Some names fail everywhere, such as those of one dead authority, and the rest resolves.
            ([Verdict::UpstreamFailing; 4], 4, ClusterState::Partial),
            ([Verdict::ProberFault, Ok, Ok, Ok], 3, ClusterState::Blind),
        ];
        for (verdicts, exits, expected) in stages {
            assert_eq!(state(&members(verdicts, exits)), expected, "{verdicts:?}");
        }
        let refused = members([Verdict::RecursionRefused; 4], 0);
        assert_eq!(state(&refused), ClusterState::Outage, "it resolved before, and refuses now");
        let shut_out = Members { ever_resolved: false, ..refused };
        assert_eq!(state(&shut_out), ClusterState::Blind, "it never did");
        let masked = Members { names_answered: true, ..members([LoopSuspected; 4], 0) };
        assert_eq!(state(&masked), ClusterState::Critical, "only caches still answer");
    }
}
