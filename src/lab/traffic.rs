//! What a simulated resolver receives and sends, counted, and never more than its share.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;
use tokio::time::Instant;

use crate::budget::Budget;

/// The most packets a second that one resolver sends, answers and forwarded questions together. A ring of transparent
/// forwarders would otherwise turn one repeated question into a storm.
pub const PACKETS_PER_SECOND: u32 = 2_000;

/// Questions to upstream servers that are kept for tests to look at.
const MOST_KEPT: usize = 4_096;

/// A question that a resolver sent to an upstream server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sent {
    /// When.
    pub at: Instant,
    /// To whom.
    pub to: SocketAddr,
    /// The name, in lower case.
    pub qname: String,
}

#[derive(Debug)]
pub(super) struct Traffic {
    budget: Budget,
    received: AtomicU64,
    dropped: AtomicU64,
    sent: Mutex<VecDeque<Sent>>,
}

impl Default for Traffic {
    fn default() -> Self {
        Self {
            budget: Budget::new(PACKETS_PER_SECOND),
            received: AtomicU64::new(0),
            dropped: AtomicU64::new(0),
            sent: Mutex::new(VecDeque::new()),
        }
    }
}

impl Traffic {
    pub(super) fn count_received(&self) {
        self.received.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn count_dropped(&self) {
        self.dropped.fetch_add(1, Ordering::Relaxed);
    }

    /// Whether one more packet may be sent; if not, it is dropped and counted.
    pub(super) fn may_send(&self) -> bool {
        let granted = self.budget.try_take();
        if !granted {
            self.count_dropped();
        }
        granted
    }

    pub(super) fn note_sent(&self, to: SocketAddr, qname: String) {
        let mut sent = self.sent.lock();
        if sent.len() == MOST_KEPT {
            sent.pop_front();
        }
        sent.push_back(Sent { at: Instant::now(), to, qname });
    }

    pub(super) fn sent(&self) -> Vec<Sent> {
        self.sent.lock().iter().cloned().collect()
    }

    pub(super) fn received(&self) -> u64 {
        self.received.load(Ordering::Relaxed)
    }

    pub(super) fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }
}
