//! Colours that people with any form of colour vision tell apart (Okabe and Ito), and what they mean.
//!
//! Colour is never the only carrier: every state is also written out.

use fathom::outcome::Outcome;
use fathom::verdict::{ClusterState, Verdict};

/// As it should be.
pub(crate) const GOOD: &str = "#0072B2";
/// Works, and needs attention.
pub(crate) const LATENT: &str = "#F0E442";
/// Works in part, or not for long.
pub(crate) const WARNING: &str = "#E69F00";
/// Broken.
pub(crate) const BAD: &str = "#D55E00";
/// Not known, or the prober's own matter.
pub(crate) const NEUTRAL: &str = "#8C8C8C";
/// Other things that have to be told apart.
pub(crate) const SKY: &str = "#56B4E9";
pub(crate) const GREEN: &str = "#009E73";
pub(crate) const PURPLE: &str = "#CC79A7";

/// The colour of an outcome in a stack of all of them.
pub(crate) const fn of_outcome(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Ok => GOOD,
        Outcome::Servfail | Outcome::BadRcode => BAD,
        Outcome::Timeout | Outcome::Truncated => WARNING,
        Outcome::LoopSuspected => PURPLE,
        Outcome::Refused | Outcome::NotAuthoritative => LATENT,
        Outcome::Nxdomain | Outcome::Nodata | Outcome::WrongAnswer => SKY,
        Outcome::Stale | Outcome::Malformed => GREEN,
        Outcome::Unreachable | Outcome::ConnectionFailed => "#000000",
        Outcome::InternalError => NEUTRAL,
    }
}

/// The colour of a verdict.
pub(crate) const fn of_verdict(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Unknown | Verdict::ProberFault => NEUTRAL,
        Verdict::Ok => GOOD,
        Verdict::ForwardsToSibling | Verdict::CycleWithExit => LATENT,
        Verdict::Slow | Verdict::Lossy | Verdict::StaleMasking | Verdict::WrongAnswers => WARNING,
        Verdict::LoopSuspected => PURPLE,
        Verdict::DeadEnd
        | Verdict::RecursionFailing
        | Verdict::RecursionRefused
        | Verdict::UpstreamFailing
        | Verdict::DnssecFailing
        | Verdict::AuthorityFailing
        | Verdict::Unreachable
        | Verdict::Down => BAD,
    }
}

/// The colour of a cluster's state.
pub(crate) const fn of_cluster(state: ClusterState) -> &'static str {
    match state {
        ClusterState::Unknown | ClusterState::Blind => NEUTRAL,
        ClusterState::Healthy => GOOD,
        ClusterState::Latent => LATENT,
        ClusterState::Fragile | ClusterState::Partial => WARNING,
        ClusterState::Critical | ClusterState::Outage => BAD,
    }
}
