//! What is wrong with a resolver, and how sure that is.
//!
//! The set is closed. A verdict is `unknown` until evidence beyond single packets says otherwise.

/// What is wrong with a resolver.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
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
