//! Counts of durations by bucket.

use std::time::Duration;

/// Upper bounds of the buckets for answer times, in seconds.
///
/// Below 100 ms they tell a cache from a network; above, each separates the timers at which resolvers retry or give up,
/// so that a bucket names a cause: 1.2 s BIND's first retry, 1.5 s PowerDNS, 1.9 s Unbound, 4 s Knot, 10 s BIND.
pub const ANSWER_BOUNDS: [f64; 17] =
    [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 1.4, 1.7, 2.0, 4.5, 9.8, 10.3];

/// Upper bounds of the buckets for how late probes start, in seconds: a timer's grain, a busy machine, a stalled one.
pub const LAG_BOUNDS: [f64; 10] = [0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0];

/// A histogram over `N` buckets and the one beyond them.
#[derive(Debug, Clone, PartialEq)]
pub struct Histogram<const N: usize> {
    counts: [u64; N],
    count: u64,
    sum: f64,
}

impl<const N: usize> Default for Histogram<N> {
    fn default() -> Self {
        Self { counts: [0; N], count: 0, sum: 0.0 }
    }
}

impl<const N: usize> Histogram<N> {
    /// Counts one duration.
    pub fn observe(&mut self, bounds: &[f64; N], duration: Duration) {
        let seconds = duration.as_secs_f64();
        let bucket = bounds.partition_point(|bound| *bound < seconds);
        if let Some(count) = self.counts.get_mut(bucket) {
            *count += 1;
        }
        self.count += 1;
        self.sum += seconds;
    }

    /// How many durations were counted.
    pub const fn count(&self) -> u64 {
        self.count
    }

    /// Their sum, in seconds.
    pub const fn sum(&self) -> f64 {
        self.sum
    }

    /// For each bucket, how many durations were at or below its upper bound.
    pub fn cumulative(&self) -> impl Iterator<Item = u64> {
        self.counts.iter().scan(0, |total, count| {
            *total += count;
            Some(*total)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_on_a_bound_belongs_to_its_bucket_and_a_longer_one_to_none() {
        let mut histogram = Histogram::<2>::default();
        for millis in [500, 1000, 1001, 2000, 2001] {
            histogram.observe(&[1.0, 2.0], Duration::from_millis(millis));
        }
        assert_eq!(histogram.cumulative().collect::<Vec<_>>(), [2, 4]);
        assert_eq!(histogram.count(), 5);
        assert!((histogram.sum() - 6.502).abs() < 1e-9);
    }
}
