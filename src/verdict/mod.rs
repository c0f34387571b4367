//! What is wrong with a resolver or a cluster, and how sure that is.
//!
//! The sets are closed. A verdict is `unknown` until evidence beyond single packets says otherwise; [`rules`] is the
//! table from a [`situation`] to a verdict.

pub mod cluster;
pub mod rules;
pub mod situation;
pub mod steady;
pub mod words;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What is wrong with a resolver.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Nothing is known yet.
    #[default]
    Unknown,
    /// All is well.
    Ok,
    /// Everything works, but through another resolver of the estate.
    ForwardsToSibling,
    /// Part of a forwarding cycle that has a way out: works through luck.
    CycleWithExit,
    /// Part of a forwarding cycle without a way out; proven when `confirmed`.
    LoopSuspected,
    /// Forwards to something that does not answer.
    DeadEnd,
    /// Names outside its own zones fail; the cause is not known yet.
    RecursionFailing,
    /// Refuses recursion to this prober.
    RecursionRefused,
    /// No sibling is involved; the outside itself fails.
    UpstreamFailing,
    /// Answers only with checking disabled.
    DnssecFailing,
    /// Answers from cache what it can no longer refresh.
    StaleMasking,
    /// Fails for its own zones.
    AuthorityFailing,
    /// Answers, but wrongly.
    WrongAnswers,
    /// Loses packets.
    Lossy,
    /// Answers, but far slower than it used to.
    Slow,
    /// No packet comes back at all.
    Unreachable,
    /// The host says nobody listens.
    Down,
    /// The prober itself is at fault.
    ProberFault,
}

impl Verdict {
    /// Every verdict, in the order of metrics and tables.
    pub const ALL: [Self; 18] = [
        Self::Unknown,
        Self::Ok,
        Self::ForwardsToSibling,
        Self::CycleWithExit,
        Self::LoopSuspected,
        Self::DeadEnd,
        Self::RecursionFailing,
        Self::RecursionRefused,
        Self::UpstreamFailing,
        Self::DnssecFailing,
        Self::StaleMasking,
        Self::AuthorityFailing,
        Self::WrongAnswers,
        Self::Lossy,
        Self::Slow,
        Self::Unreachable,
        Self::Down,
        Self::ProberFault,
    ];

    /// Whether clients of the resolver are failed, now.
    pub const fn is_failing(self) -> bool {
        match self {
            Self::Unknown
            | Self::Ok
            | Self::ForwardsToSibling
            | Self::CycleWithExit
            | Self::Slow
            | Self::ProberFault => false,
            Self::LoopSuspected
            | Self::DeadEnd
            | Self::RecursionFailing
            | Self::RecursionRefused
            | Self::UpstreamFailing
            | Self::DnssecFailing
            | Self::StaleMasking
            | Self::AuthorityFailing
            | Self::WrongAnswers
            | Self::Lossy
            | Self::Unreachable
            | Self::Down => true,
        }
    }

    /// How much it says of its cluster: failing before latent before fine, sure before unsure.
    pub const fn gravity(self, confidence: Confidence) -> impl Ord {
        let latent = matches!(self, Self::ForwardsToSibling | Self::CycleWithExit | Self::Slow);
        let grave = self.is_failing() || matches!(self, Self::ProberFault);
        (grave, latent, matches!(self, Self::LoopSuspected), confidence)
    }

    /// The word used in labels, tables and JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Ok => "ok",
            Self::ForwardsToSibling => "forwards_to_sibling",
            Self::CycleWithExit => "cycle_with_exit",
            Self::LoopSuspected => "loop_suspected",
            Self::DeadEnd => "dead_end",
            Self::RecursionFailing => "recursion_failing",
            Self::RecursionRefused => "recursion_refused",
            Self::UpstreamFailing => "upstream_failing",
            Self::DnssecFailing => "dnssec_failing",
            Self::StaleMasking => "stale_masking",
            Self::AuthorityFailing => "authority_failing",
            Self::WrongAnswers => "wrong_answers",
            Self::Lossy => "lossy",
            Self::Slow => "slow",
            Self::Unreachable => "unreachable",
            Self::Down => "down",
            Self::ProberFault => "prober_fault",
        }
    }
}

/// How sure a verdict is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Confidence {
    /// Nothing is claimed.
    #[default]
    None,
    /// The pattern fits, and so does something else.
    Suspected,
    /// Independent indirect signals agree.
    Probable,
    /// A positive with its control was seen, twice or by two methods.
    Confirmed,
}

impl Confidence {
    /// Every confidence, weakest first.
    pub const ALL: [Self; 4] = [Self::None, Self::Suspected, Self::Probable, Self::Confirmed];

    /// The word used in tables and JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Suspected => "suspected",
            Self::Probable => "probable",
            Self::Confirmed => "confirmed",
        }
    }

    /// Its value in metrics: 0 none, 1 suspected, 2 probable, 3 confirmed.
    pub const fn level(self) -> u8 {
        self as u8
    }
}

/// The state of a cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ClusterState {
    /// Nothing is known yet.
    #[default]
    Unknown,
    /// Everything works, by independent ways.
    Healthy,
    /// Everything works, but some resolver forwards to a sibling, or too few independent exits are left.
    Latent,
    /// One independent exit is left.
    Fragile,
    /// No exit is left: only caches still answer.
    Critical,
    /// Every resolver fails for names outside the cluster's own zones.
    Outage,
    /// Some resolvers fail, or all of them with some names.
    Partial,
    /// The prober itself cannot see, or was never let in: every resolver refuses to resolve for it, and always has.
    Blind,
}

impl ClusterState {
    /// Every state, in the order of metrics and tables.
    pub const ALL: [Self; 8] = [
        Self::Unknown,
        Self::Healthy,
        Self::Latent,
        Self::Fragile,
        Self::Critical,
        Self::Outage,
        Self::Partial,
        Self::Blind,
    ];

    /// The word used in labels, tables and JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Healthy => "healthy",
            Self::Latent => "latent",
            Self::Fragile => "fragile",
            Self::Critical => "critical",
            Self::Outage => "outage",
            Self::Partial => "partial",
            Self::Blind => "blind",
        }
    }
}
