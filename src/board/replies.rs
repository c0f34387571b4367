//! The last reply and the last good one of a target, kept as they came: for those who look into a failure, and for the
//! time when nothing answers any more.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::outcome::Outcome;
use crate::probe::Observation;

/// The longest packet that is kept, in bytes. Longer ones are rare, and there may be many thousands of targets.
pub const LONGEST_KEPT: usize = 4096;

/// A reply as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptReply {
    /// When its question was sent.
    pub at: SystemTime,
    /// What the probe amounted to.
    pub outcome: Outcome,
    /// From the question to the reply.
    pub after: Duration,
    /// The message, at most [`LONGEST_KEPT`] bytes. It has been decoded once and belongs to the target's question.
    pub packet: Arc<[u8]>,
}

/// What is kept of one target's replies.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Replies {
    /// The last reply that came in time.
    pub last: Option<KeptReply>,
    /// The last reply that was `ok`.
    pub good: Option<KeptReply>,
}

impl Replies {
    /// Keeps what came, unless it is too long.
    pub(super) fn observe(&mut self, seen: &Observation) {
        let Ok(answer) = &seen.heard else { return };
        let packet = Arc::clone(&answer.reply.packet);
        let kept = KeptReply { at: seen.at, outcome: seen.outcome, after: answer.after, packet };
        let kept = (kept.packet.len() <= LONGEST_KEPT).then_some(kept);
        if seen.outcome == Outcome::Ok {
            self.good.clone_from(&kept);
        }
        self.last = kept;
    }
}
