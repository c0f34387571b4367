//! Whether the time to live of an answer stands still, as it does when a resolver serves what it can no longer refresh.

use std::time::Duration;

use tokio::time::Instant;

/// Samples in a row with one value that make it stand still.
const SAMPLES: u8 = 3;

/// Below this, two samples say nothing: a TTL counts in whole seconds.
const SHORTEST_GAP: Duration = Duration::from_millis(1500);

/// The times to live that one target's answers carried, boiled down to what the decision needs.
///
/// A cache counts down; an authority, and a resolver that does not cache, answer the full value every time. So a value
/// stands still only where an earlier one was seen to count down, and only when the samples are close enough together
/// that the cache should have counted down again: serve-stale answers 30 s over and over (RFC 8767, section 5).
#[derive(Debug, Clone, Default)]
pub struct TtlWatch {
    last: Option<(Instant, u32)>,
    counted_down: bool,
    same_in_a_row: u8,
}

impl TtlWatch {
    /// Takes the smallest TTL of an answer that is not authoritative, and says whether it stands still.
    pub fn stands_still(&mut self, now: Instant, ttl: u32) -> bool {
        let Some((before, last)) = self.last else {
            self.last = Some((now, ttl));
            return false;
        };
        let gap = now.saturating_duration_since(before);
        if gap < SHORTEST_GAP {
            return self.found() && ttl == last;
        }
        self.last = Some((now, ttl));
        let due_again = gap < Duration::from_secs(u64::from(last));
        if ttl == last && due_again {
            self.same_in_a_row = self.same_in_a_row.saturating_add(1);
        } else {
            self.same_in_a_row = 0;
            self.counted_down |= ttl < last;
        }
        self.found()
    }

    const fn found(&self) -> bool {
        self.counted_down && self.same_in_a_row >= SAMPLES - 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Feeds samples of (seconds since the start, TTL) and tells which were found to stand still.
    fn run(samples: &[(u64, u32)]) -> Vec<bool> {
        let start = Instant::now();
        let mut watch = TtlWatch::default();
        samples.iter().map(|(at, ttl)| watch.stands_still(start + Duration::from_secs(*at), *ttl)).collect()
    }

    #[test]
    fn serve_stale_stands_still_after_counting_down() {
        let seen = run(&[(0, 20), (10, 10), (20, 30), (30, 30), (40, 30), (50, 30)]);
        assert_eq!(seen, [false, false, false, false, true, true]);
    }

    #[test]
    fn a_cache_that_counts_down_and_refreshes_is_innocent() {
        assert!(run(&[(0, 30), (10, 20), (20, 10), (30, 30), (40, 20), (50, 10), (60, 30)]).iter().all(|still| !still));
    }

    #[test]
    fn an_answer_that_never_counted_down_is_not_cached_and_innocent() {
        assert!(run(&[(0, 300), (10, 300), (20, 300), (30, 300), (40, 300)]).iter().all(|still| !still));
    }

    #[test]
    fn quick_samples_between_slow_ones_convict_nobody() {
        let start = Instant::now();
        let mut watch = TtlWatch::default();
        let every_half_second = (0..100).map(|half| watch.stands_still(start + Duration::from_millis(500) * half, 300));
        assert!(every_half_second.collect::<Vec<_>>().iter().all(|still| !still));
    }

    #[test]
    fn probes_farther_apart_than_the_ttl_see_it_fresh_every_time() {
        assert!(run(&[(0, 20), (5, 15), (60, 20), (120, 20), (180, 20), (240, 20)]).iter().all(|still| !still));
    }

    #[test]
    fn it_ends_when_the_resolver_recovers() {
        let seen = run(&[(0, 20), (10, 10), (20, 30), (30, 30), (40, 30), (50, 60), (60, 50)]);
        assert_eq!(seen, [false, false, false, false, true, false, false]);
    }
}
