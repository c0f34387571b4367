//! Whether the machine was suspended while an answer was awaited.

use std::time::Duration;

use super::{Failure, STALL};

/// A moment, by how long the machine had been suspended until then since it booted.
///
/// The clock of deadlines stands still while the machine is suspended, and so does not show it; the network does not
/// wait, and an answer that came meanwhile is lost.
#[derive(Debug, Clone, Copy)]
pub struct Suspension(Duration);

impl Suspension {
    /// This moment.
    pub fn now() -> Self {
        Self(suspended())
    }

    /// What a failure means when the machine may have been suspended since: silence then means nothing.
    pub fn judge(self, failure: Failure) -> Failure {
        self.judge_at(suspended(), failure)
    }

    fn judge_at(self, suspended: Duration, failure: Failure) -> Failure {
        let meanwhile = suspended.saturating_sub(self.0);
        let missed = matches!(failure, Failure::Silence) && meanwhile > STALL;
        if missed { Failure::Stalled(meanwhile) } else { failure }
    }
}

/// How long the machine has been suspended since it booted: what lies between the clock that goes on meanwhile and the
/// one that does not.
#[cfg(target_os = "linux")]
fn suspended() -> Duration {
    use rustix::time::{ClockId, clock_gettime};
    let read = |clock| Duration::try_from(clock_gettime(clock)).unwrap_or_default();
    let monotonic = read(ClockId::Monotonic);
    read(ClockId::Boottime).saturating_sub(monotonic)
}

/// Elsewhere that cannot be told.
#[cfg(not(target_os = "linux"))]
const fn suspended() -> Duration {
    Duration::ZERO
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_over_a_suspension_means_nothing() {
        let before = Suspension(Duration::from_secs(100));
        let after =
            |millis, failure| before.judge_at(Duration::from_secs(100) + Duration::from_millis(millis), failure);
        assert!(matches!(after(0, Failure::Silence), Failure::Silence));
        assert!(matches!(after(500, Failure::Silence), Failure::Silence));
        assert!(matches!(after(501, Failure::Silence), Failure::Stalled(_)));
        let refused = || Failure::Unreachable(std::io::ErrorKind::ConnectionRefused.into());
        assert!(matches!(after(60_000, refused()), Failure::Unreachable(_)), "that was said, not concluded");
    }

    #[test]
    fn a_machine_that_runs_is_not_suspended() {
        assert!(matches!(Suspension::now().judge(Failure::Silence), Failure::Silence));
    }
}
