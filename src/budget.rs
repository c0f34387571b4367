//! The most packets a second that one resolver is ever sent.

use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::{Instant, sleep};

/// A token bucket.
#[derive(Debug)]
pub struct Budget {
    packets_per_second: u32,
    /// Packets that it holds when it is full.
    burst: u32,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// Packets that may be sent at once; below zero after packets that had to be sent.
    tokens: f64,
    filled_at: Instant,
}

impl Budget {
    /// A full bucket that holds one second's worth of packets.
    pub fn new(packets_per_second: u32) -> Self {
        Self::with_burst(packets_per_second, packets_per_second)
    }

    /// A full bucket that holds `burst` packets: what may be sent at once after a quiet time.
    pub fn with_burst(packets_per_second: u32, burst: u32) -> Self {
        let state = State { tokens: f64::from(burst), filled_at: Instant::now() };
        Self { packets_per_second, burst, state: Mutex::new(state) }
    }

    /// Takes one packet, or says that there is none to take.
    pub fn try_take(&self) -> bool {
        self.try_take_leaving(0.0)
    }

    /// Takes one packet, but leaves this share of a full bucket (0 to 1) to those that matter more.
    pub fn try_take_leaving(&self, share: f64) -> bool {
        let mut state = self.refilled();
        let granted = state.tokens >= 1.0 + share * f64::from(self.packets_per_second);
        if granted {
            state.tokens -= 1.0;
        }
        granted
    }

    /// Takes one packet for something that can wait, and leaves half a second's worth to what cannot.
    pub fn try_take_spare(&self) -> bool {
        self.try_take_leaving(0.5)
    }

    /// Takes one packet, as soon as there is one.
    pub async fn take(&self) {
        while !self.try_take() {
            let missing = 1.0 - self.refilled().tokens;
            let rate = f64::from(self.packets_per_second.max(1));
            sleep(Duration::from_secs_f64((missing / rate).max(0.001))).await;
        }
    }

    /// Takes one packet that has to be sent all the same, such as the TCP question after a truncated answer: what is
    /// sent beyond the budget is missing later.
    pub fn take_in_advance(&self) {
        self.refilled().tokens -= 1.0;
    }

    /// Whether nothing was taken for so long that a new bucket would be the same.
    pub fn is_full(&self) -> bool {
        self.refilled().tokens >= f64::from(self.burst)
    }

    /// Whether there is none to take.
    pub fn is_used_up(&self) -> bool {
        self.refilled().tokens < 1.0
    }

    fn refilled(&self) -> parking_lot::MutexGuard<'_, State> {
        let mut state = self.state.lock();
        let now = Instant::now();
        let elapsed = now.saturating_duration_since(state.filled_at).as_secs_f64();
        let more = elapsed * f64::from(self.packets_per_second);
        state.tokens = (state.tokens + more).min(f64::from(self.burst));
        state.filled_at = now;
        state
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_second_refills_a_seconds_worth_and_debts_are_paid_first() {
        let budget = Budget::new(3);
        let granted = || (0..10).filter(|_| budget.try_take()).count();
        assert_eq!(granted(), 3);
        tokio::time::advance(Duration::from_secs(60)).await;
        assert_eq!(granted(), 3, "never more than a second's worth");
        budget.take_in_advance();
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!(granted(), 2, "what was taken in advance is missing later");
    }

    #[tokio::test(start_paused = true)]
    async fn what_can_wait_leaves_half_to_what_cannot() {
        let budget = Budget::new(10);
        assert_eq!((0..20).filter(|_| budget.try_take_spare()).count(), 5);
        assert_eq!((0..20).filter(|_| budget.try_take()).count(), 5);
    }

    #[tokio::test(start_paused = true)]
    async fn what_matters_less_leaves_room_for_what_matters_more() {
        let budget = Budget::new(20);
        assert!(budget.is_full());
        let granted = |share| (0..100).filter(|_| budget.try_take_leaving(share)).count();
        assert_eq!((granted(0.75), granted(0.25), granted(0.0)), (5, 10, 5));
        tokio::time::advance(Duration::from_millis(500)).await;
        assert_eq!(granted(0.75), 0, "the first half second belongs to the others");
        tokio::time::advance(Duration::from_millis(500)).await;
        assert!(budget.is_full());
    }
}
