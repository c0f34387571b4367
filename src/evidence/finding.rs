//! What an experiment found: the only thing that experiments hand on.

use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::estate::DomainName;
use crate::verdict::situation::{OverTcp, Own};

/// One finding about one or two resolvers of a cluster, by their places in it, with the question and the answer in words.
#[derive(Debug, Clone, PartialEq)]
pub enum Finding {
    /// What a resolver says to questions that it answers without help.
    Own {
        /// Which resolver.
        resolver: usize,
        /// Over UDP.
        own: Own,
        /// Over TCP, when UDP failed.
        over_tcp: OverTcp,
        /// What was asked and came.
        words: String,
    },
    /// What came of a name never asked before.
    Cold {
        /// Which resolver.
        resolver: usize,
        /// Under which parent: its place among those of the inquiry.
        parent: usize,
        /// The name.
        qname: DomainName,
        /// When it was asked: an answer to an older question says nothing against one to a newer.
        asked: Instant,
        /// What came.
        seen: ColdSeen,
        /// What was asked and came.
        words: String,
    },
    /// Whether names that fail are answered with checking disabled.
    Unchecked {
        /// Which resolver.
        resolver: usize,
        /// They are.
        works: bool,
        /// What was asked and came.
        words: String,
    },
    /// Whether the tracer of one resolver was reached through another, or through itself.
    Tracer {
        /// Where it was asked.
        from: usize,
        /// Whose tracer.
        to: usize,
        /// What came.
        sight: Sight,
        /// How long the answer took.
        rtt: Option<Duration>,
        /// What was asked and came.
        words: String,
    },
    /// A tracer that nobody serves was answered all the same: tracers asked there prove nothing.
    Polluted {
        /// Which resolver.
        resolver: usize,
        /// What was asked and came.
        words: String,
    },
    /// Whether a name asked at one resolver was then in the cache of another.
    Echo {
        /// Where it was asked.
        from: usize,
        /// Whose cache.
        to: usize,
        /// What was found there; unclear where either has the other's names and nothing tells why.
        sight: Sight,
        /// The cache's owner is not known to answer from its cache alone.
        weak: bool,
        /// What was asked and came.
        words: String,
    },
    /// Whether names that failed at one resolver were then in the failure cache of another, or of itself.
    FailureEcho {
        /// Where they failed.
        from: usize,
        /// Whose failure cache.
        to: usize,
        /// What the answer times say.
        echo: Echoed,
        /// What was asked and came.
        words: String,
    },
    /// A cold name asked at a resolver came to the beacon.
    Arrived {
        /// Which resolver.
        resolver: usize,
        /// The name.
        qname: DomainName,
        /// How often it came.
        times: u32,
        /// What came, and from whom.
        words: String,
    },
    /// A known upstream, asked directly.
    Upstream {
        /// It resolves.
        works: bool,
        /// What was asked and came.
        words: String,
    },
    /// A name asked at one resolver came to the beacon from the address of another, or of itself.
    Egress {
        /// Where it was asked.
        from: usize,
        /// Whose address the beacon saw.
        to: usize,
        /// What was asked and came.
        words: String,
    },
}

/// What came of a cold name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ColdSeen {
    /// It resolved.
    Answered(Duration),
    /// An error code, after this time.
    Failed(Duration),
    /// REFUSED.
    Refused,
    /// An answer that was not given outside.
    Forged,
    /// Nothing, for longer than a working resolver takes; it is still being waited for.
    SilentSoFar,
    /// Nothing, for as long as anybody would wait.
    Silent,
    /// Nothing over UDP, but an answer over TCP: packets are lost.
    OnlyOverTcp,
}

impl ColdSeen {
    /// Whether the resolver found no answer, though it tried.
    pub const fn fails(self) -> bool {
        match self {
            Self::Failed(_) | Self::SilentSoFar | Self::Silent => true,
            Self::Answered(_) | Self::Refused | Self::Forged | Self::OnlyOverTcp => false,
        }
    }

    /// Whether the resolver found the answer.
    pub const fn is_good(self) -> bool {
        matches!(self, Self::Answered(_) | Self::OnlyOverTcp)
    }
}

/// Whether a way was seen to lead to another resolver.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sight {
    /// That resolver answered what it alone serves, or its cache had what was asked elsewhere.
    Hit,
    /// The outside answered in its stead, or its cache had nothing: the way does not lead there.
    Miss,
    /// This says nothing.
    Unclear,
}

/// What the times of two answers from a failure cache say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Echoed {
    /// The first answer came as quickly as the second: it had handled the failing question itself.
    Itself,
    /// The first answer took longer than the second: something behind it had.
    Behind,
    /// No quick answer at all: it never heard of the question.
    Never,
    /// The times do not tell.
    Unclear,
}

/// Where findings go.
pub type Findings = mpsc::UnboundedSender<Finding>;
