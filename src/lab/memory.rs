//! What a resolver process remembers, all of it lost when it restarts: answers, failures, dead servers, running fetches.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;

use hickory_proto::rr::{Name, RecordType};
use tokio::sync::{Notify, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::findings::Findings;

/// Entries of each kind before old ones make room.
const MOST_ENTRIES: usize = 10_000;

/// A question as caches see it.
pub(super) type Key = (Name, RecordType);

/// A question as running fetches see it: with RD, and with CD where the software tells them apart.
pub(super) type FetchKey = (Key, bool, bool);

/// What came of a fetch: findings, or silence for ever.
pub(super) type Fetched = Option<Arc<Findings>>;

#[derive(Debug, Default)]
pub(super) struct Memory {
    pub(super) answers: HashMap<Key, Stored>,
    pub(super) failures: HashMap<Key, Failed>,
    pub(super) servers: HashMap<SocketAddr, ServerState>,
    pub(super) fetches: HashMap<FetchKey, Fetch>,
    /// Cancelled when the process restarts: its fetches die with it.
    pub(super) life: CancellationToken,
}

/// A cached answer.
///
/// Times are whole seconds of one clock that all resolvers of a lab share, as real caches have it: what is passed on from
/// one cache to the next ends at the same second everywhere, and no circle of caches can keep it alive.
#[derive(Debug)]
pub(super) struct Stored {
    findings: Findings,
    at: u64,
    expires: u64,
    /// Until then the stale answer is given without another try to refresh it.
    stale_until: Option<Instant>,
}

/// A remembered failure, or what the packet cache holds.
#[derive(Debug)]
pub(super) struct Failed {
    pub(super) findings: Arc<Findings>,
    pub(super) until: Instant,
    /// Whether the question that failed had CD set.
    pub(super) checking_disabled: bool,
}

/// What is known of one upstream server.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct ServerState {
    pub(super) timeouts: usize,
    pub(super) dead_until: Option<Instant>,
    pub(super) last_timeout: Option<Instant>,
}

/// A fetch that runs, and who waits for it.
#[derive(Debug)]
pub(super) struct Fetch {
    pub(super) result: watch::Receiver<Option<Fetched>>,
    /// Clients that wait, each by its address and message ID.
    pub(super) clients: Vec<(SocketAddr, u16)>,
    /// Tells a transparent forwarder that a client asked again.
    pub(super) again: Arc<Notify>,
}

impl Memory {
    /// The answer, its time to live counted down, if it is not past it.
    pub(super) fn fresh(&self, key: &Key, second: u64) -> Option<Findings> {
        let stored = self.answers.get(key).filter(|stored| second < stored.expires)?;
        Some(stored.findings.aged(u32::try_from(second.saturating_sub(stored.at)).unwrap_or(u32::MAX)))
    }

    /// The answer, whatever its age.
    pub(super) fn stale(&self, key: &Key) -> Option<Findings> {
        self.answers.get(key).map(|stored| stored.findings.clone())
    }

    /// Whether the stale answer is to be given at once, because refreshing it failed a moment ago.
    pub(super) fn is_within_stale_window(&self, key: &Key, now: Instant) -> bool {
        self.answers.get(key).and_then(|stored| stored.stale_until).is_some_and(|until| now < until)
    }

    pub(super) fn open_stale_window(&mut self, key: &Key, until: Instant) {
        if let Some(stored) = self.answers.get_mut(key) {
            stored.stale_until = Some(until);
        }
    }

    pub(super) fn store(&mut self, key: Key, findings: &Findings, second: u64) {
        let ttl = u64::from(findings.ttl());
        if ttl == 0 {
            return;
        }
        if self.answers.len() >= MOST_ENTRIES {
            self.answers.retain(|_, stored| second < stored.expires);
        }
        if self.answers.len() < MOST_ENTRIES {
            let stored = Stored { findings: findings.clone(), at: second, expires: second + ttl, stale_until: None };
            self.answers.insert(key, stored);
        }
    }

    pub(super) fn remember_failure(&mut self, key: Key, failed: Failed, now: Instant) {
        if self.failures.len() >= MOST_ENTRIES {
            self.failures.retain(|_, failed| failed.until > now);
        }
        if self.failures.len() < MOST_ENTRIES {
            self.failures.insert(key, failed);
        }
    }

    /// Whether the server is given up for now.
    pub(super) fn is_dead(&self, server: SocketAddr, now: Instant) -> bool {
        self.servers.get(&server).and_then(|state| state.dead_until).is_some_and(|until| now < until)
    }

    pub(super) fn heard_from(&mut self, server: SocketAddr) {
        self.servers.remove(&server);
    }
}
