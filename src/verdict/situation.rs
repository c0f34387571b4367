//! What is known of one resolver, boiled down to what decides its verdict. Small closed enums, so that a test can go
//! through every situation there is.

/// What it says to questions that it answers without help: its own zones, or who it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub enum Own {
    /// Not asked yet.
    #[default]
    Unknown,
    /// As it should.
    Answers,
    /// Another response code, or without the AA bit.
    Wrongly,
    /// Nothing.
    Silent,
    /// The host says that nobody listens.
    PortClosed,
    /// The network says that there is no way.
    NoRoute,
}

impl Own {
    /// Every value.
    pub const ALL: [Self; 6] =
        [Self::Unknown, Self::Answers, Self::Wrongly, Self::Silent, Self::PortClosed, Self::NoRoute];
}

/// Whether the same works over TCP, asked when UDP fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub enum OverTcp {
    /// Not asked.
    #[default]
    Unasked,
    /// An answer came.
    Works,
    /// None did.
    Fails,
}

impl OverTcp {
    /// Every value.
    pub const ALL: [Self; 3] = [Self::Unasked, Self::Works, Self::Fails];
}

/// What it says to names from outside that were never asked before, so that no cache can help.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub enum Cold {
    /// Not asked yet.
    #[default]
    Unknown,
    /// It is not asked for such names: it answers for its own zones alone.
    NotMeant,
    /// They resolve.
    Works,
    /// They resolve under one parent and fail under another.
    OneParentFails,
    /// It refuses to resolve for this prober.
    Refused,
    /// The answers are not the ones that were given outside.
    Forged,
    /// SERVFAIL, at once.
    FailsFast,
    /// SERVFAIL, after its own timers ran out.
    FailsSlow,
    /// Nothing for as long as anybody would wait.
    Silent,
}

impl Cold {
    /// Every value.
    pub const ALL: [Self; 9] = [
        Self::Unknown,
        Self::NotMeant,
        Self::Works,
        Self::OneParentFails,
        Self::Refused,
        Self::Forged,
        Self::FailsFast,
        Self::FailsSlow,
        Self::Silent,
    ];

    /// Whether cold names fail altogether.
    pub const fn fails(self) -> bool {
        matches!(self, Self::FailsFast | Self::FailsSlow | Self::Silent)
    }

    /// Whether there is a way out: some cold name resolved.
    pub const fn resolves(self) -> bool {
        matches!(self, Self::Works | Self::OneParentFails)
    }
}

/// Where its questions go, as far as siblings are concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub enum Leads {
    /// Nothing tells.
    #[default]
    Unknown,
    /// To no sibling: there would have been a sign of it.
    Elsewhere,
    /// To a sibling, and on from there to some way out or to where nothing tells.
    ToSibling,
    /// Back to itself, directly or through others.
    InCircle,
    /// Into a circle of others.
    IntoCircle,
    /// To a sibling that itself leads elsewhere, to something that does not answer.
    ToDeadEnd,
}

impl Leads {
    /// Every value.
    pub const ALL: [Self; 6] =
        [Self::Unknown, Self::Elsewhere, Self::ToSibling, Self::InCircle, Self::IntoCircle, Self::ToDeadEnd];
}

/// How well a path is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub enum Proof {
    /// Seen once, or by comparing answer times.
    #[default]
    Indirect,
    /// Seen twice with its control, or in two ways.
    Direct,
}

impl Proof {
    /// Every value.
    pub const ALL: [Self; 2] = [Self::Indirect, Self::Direct];
}

/// What the known upstreams say when they are asked directly.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub enum Upstream {
    /// None is known, or none was asked.
    #[default]
    Unasked,
    /// At least one resolves.
    Works,
    /// None does.
    Fails,
}

impl Upstream {
    /// Every value.
    pub const ALL: [Self; 3] = [Self::Unasked, Self::Works, Self::Fails];
}

/// How the other resolvers of the cluster fare with cold names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub enum Company {
    /// There are none, or nothing is known of them.
    #[default]
    Unknown,
    /// Some of them resolve.
    SomeResolve,
    /// All of them fail, and some lead to a sibling.
    AllFail,
    /// All of them fail, and none is seen to lead to a sibling, this one included.
    AllFailApart,
}

impl Company {
    /// Every value.
    pub const ALL: [Self; 4] = [Self::Unknown, Self::SomeResolve, Self::AllFail, Self::AllFailApart];
}

/// Everything that decides one resolver's verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a sign of its own, and all combinations occur")]
pub struct Situation {
    /// The prober itself cannot be trusted at this moment.
    pub prober_at_fault: bool,
    /// Questions that it answers without help.
    pub own: Own,
    /// The same over TCP.
    pub over_tcp: OverTcp,
    /// A part of its UDP answers is missing, of the kind that it gives without help.
    pub loses_packets: bool,
    /// Cold names.
    pub cold: Cold,
    /// Cold names that fail come to their authority all the same.
    pub arrives: bool,
    /// Names that fail are answered with checking disabled.
    pub works_unchecked: bool,
    /// Where its questions go.
    pub leads: Leads,
    /// How well that is known.
    pub proof: Proof,
    /// Known upstreams, asked directly.
    pub upstream: Upstream,
    /// The other resolvers of the cluster.
    pub company: Company,
    /// Configured names are answered from cache past their time.
    pub stale: bool,
    /// Configured names are answered wrongly.
    pub wrong: bool,
    /// Cold names take far longer than they used to.
    pub slow: bool,
    /// It is software for which failing at once means that what it forwards to refused, failed, or is not there.
    pub fast_failure_tells: bool,
}
