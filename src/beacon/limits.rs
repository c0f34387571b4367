//! How much the beacon answers, to whom.
//!
//! The source address of a datagram proves nothing. So limits are kept per source prefix and in all, what can be forged
//! leaves room for what cannot, and whoever is over the limit without being obviously a stranger is sent to TCP, where
//! an address has to be one's own.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use tokio::time::Instant;

use crate::budget::Budget;
use crate::estate::Transport;

/// The most prefixes that are remembered. One that was silent for a second needs no memory.
const PREFIXES: usize = 4096;

/// The memory is swept no more often than this, so that a flood of forged sources costs little.
const SWEEP_INTERVAL: Duration = Duration::from_secs(1);

/// Who asks, as far as the question shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// A holder of the keys made the name.
    Prober,
    /// A question that any resolver on the way to a signed name asks.
    Resolver,
    /// Anything else.
    Stranger,
}

impl Standing {
    /// The share of every bucket that is left to those who matter more.
    const fn leaves(self) -> f64 {
        match self {
            Self::Prober => 0.0,
            Self::Resolver => 0.25,
            Self::Stranger => 0.75,
        }
    }
}

/// What may be sent back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Admission {
    /// An answer.
    Answer,
    /// A truncated answer, no longer than the question: come back over TCP.
    Truncated,
    /// Nothing.
    Silence,
}

/// The limits and how much of them is used.
#[derive(Debug)]
pub(super) struct Limits {
    in_all: Budget,
    per_prefix: u32,
    prefixes: HashMap<Prefix, Visitor>,
    swept_at: Instant,
}

#[derive(Debug)]
struct Visitor {
    budget: Budget,
    /// Every other question over the limit is answered truncated.
    next_is_truncated: bool,
}

impl Limits {
    pub(super) fn new(in_all: u32, per_prefix: u32) -> Self {
        let in_all = Budget::new(in_all);
        Self { in_all, per_prefix, prefixes: HashMap::new(), swept_at: Instant::now() }
    }

    /// What may be sent back to `source` now.
    pub(super) fn admit(&mut self, source: IpAddr, over: Transport, standing: Standing) -> Admission {
        // Over TCP an address is its owner's, and the number of connections is bounded; only strangers are held to the
        // limit of their prefix there.
        let proven = over == Transport::Tcp && standing != Standing::Stranger;
        if proven || self.within_prefix(source, standing) {
            return if self.in_all.try_take_leaving(standing.leaves()) {
                Admission::Answer
            } else {
                Admission::Silence
            };
        }
        let truncated = over == Transport::Udp
            && standing != Standing::Stranger
            && self.is_turn_for_truncated(source)
            && self.in_all.try_take_leaving(Standing::Stranger.leaves());
        if truncated { Admission::Truncated } else { Admission::Silence }
    }

    /// Takes from the prefix's own bucket. When no more prefixes can be remembered, only probers are let in.
    fn within_prefix(&mut self, source: IpAddr, standing: Standing) -> bool {
        let prefix = Prefix::of(source);
        if self.prefixes.len() >= PREFIXES && !self.prefixes.contains_key(&prefix) {
            self.sweep();
            if self.prefixes.len() >= PREFIXES {
                return standing == Standing::Prober;
            }
        }
        let per_prefix = self.per_prefix;
        let new = || Visitor { budget: Budget::new(per_prefix), next_is_truncated: true };
        self.prefixes.entry(prefix).or_insert_with(new).budget.try_take_leaving(standing.leaves())
    }

    fn is_turn_for_truncated(&mut self, source: IpAddr) -> bool {
        self.prefixes.get_mut(&Prefix::of(source)).is_some_and(|visitor| {
            let turn = visitor.next_is_truncated;
            visitor.next_is_truncated = !turn;
            turn
        })
    }

    fn sweep(&mut self) {
        if self.swept_at.elapsed() >= SWEEP_INTERVAL {
            self.swept_at = Instant::now();
            self.prefixes.retain(|_, visitor| !visitor.budget.is_full());
        }
    }
}

/// The network that an address is taken to share its limits with: /24, and /56 for IPv6.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Prefix(IpAddr);

impl Prefix {
    pub(super) fn of(address: IpAddr) -> Self {
        Self(match address.to_canonical() {
            IpAddr::V4(ip) => IpAddr::V4(Ipv4Addr::from_bits(ip.to_bits() & (u32::MAX << 8))),
            IpAddr::V6(ip) => IpAddr::V6(Ipv6Addr::from_bits(ip.to_bits() & (u128::MAX << 72))),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    /// How many of `questions` are answered, truncated, and left without an answer.
    fn ask(limits: &mut Limits, source: &str, over: Transport, standing: Standing, questions: usize) -> [usize; 3] {
        let admissions: Vec<_> = (0..questions).map(|_| limits.admit(ip(source), over, standing)).collect();
        [Admission::Answer, Admission::Truncated, Admission::Silence]
            .map(|what| admissions.iter().filter(|admission| **admission == what).count())
    }

    #[tokio::test(start_paused = true)]
    async fn strangers_are_silenced_long_before_resolvers_and_probers() {
        let mut limits = Limits::new(500, 20);
        assert_eq!(ask(&mut limits, "192.0.2.1", Transport::Udp, Standing::Stranger, 100), [5, 0, 95]);
        assert_eq!(ask(&mut limits, "192.0.2.2", Transport::Udp, Standing::Resolver, 100), [10, 45, 45]);
        assert_eq!(ask(&mut limits, "192.0.2.3", Transport::Udp, Standing::Prober, 100), [5, 48, 47]);
        assert_eq!(ask(&mut limits, "192.0.2.3", Transport::Tcp, Standing::Prober, 100), [100, 0, 0]);
        assert_eq!(ask(&mut limits, "192.0.2.3", Transport::Tcp, Standing::Stranger, 100), [0, 0, 100]);
        assert_eq!(ask(&mut limits, "192.0.3.1", Transport::Udp, Standing::Prober, 20), [20, 0, 0], "another prefix");
    }

    #[tokio::test(start_paused = true)]
    async fn forged_sources_use_up_neither_the_probers_share_nor_memory() {
        let mut limits = Limits::new(1000, 20);
        let mut answered = 0;
        for host in 0..100_000_u32 {
            let source = IpAddr::V4(Ipv4Addr::from_bits(0x0a00_0000 + (host << 8)));
            answered += usize::from(limits.admit(source, Transport::Udp, Standing::Stranger) == Admission::Answer);
        }
        assert_eq!(answered, 250, "a quarter of the limit in all");
        assert!(limits.prefixes.len() <= PREFIXES);
        assert_eq!(ask(&mut limits, "192.0.2.1", Transport::Udp, Standing::Prober, 1000), [750, 0, 250]);
        tokio::time::advance(Duration::from_secs(2)).await;
        assert_eq!(ask(&mut limits, "198.51.100.1", Transport::Udp, Standing::Stranger, 9), [5, 0, 4]);
        assert_eq!(limits.prefixes.len(), 1, "the silent were forgotten");
    }

    #[test]
    fn prefixes_are_networks() {
        let same = |one, two| Prefix::of(ip(one)) == Prefix::of(ip(two));
        assert!(same("192.0.2.1", "192.0.2.255") && !same("192.0.2.1", "192.0.3.1"));
        assert!(same("2001:db8:0:ff::1", "2001:db8:0:0::2") && !same("2001:db8:0:100::1", "2001:db8::1"));
        assert!(same("::ffff:192.0.2.1", "192.0.2.9"));
    }
}
