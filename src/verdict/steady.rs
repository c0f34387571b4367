//! What is shown of a resolver does not follow every single round: one lost packet is not an outage, and one good
//! answer not its end. Pure.

use super::{Confidence, Verdict};

/// Rounds in a row that have to fail before a failure is shown that is not proven.
const BAD_ROUNDS: u8 = 2;

/// Rounds in a row that have to be good before a failure is over.
const GOOD_ROUNDS: u8 = 3;

/// The verdict that is shown, and how far the rounds since then speak for another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Steady {
    verdict: Verdict,
    confidence: Confidence,
    bad: u8,
    good: u8,
}

impl Steady {
    /// What is shown.
    pub const fn shown(&self) -> (Verdict, Confidence) {
        (self.verdict, self.confidence)
    }

    /// Something is in doubt: the last rounds say something else than what is shown, so the next one should come soon.
    pub const fn wavers(&self) -> bool {
        self.bad > 0 || self.good > 0
    }

    /// Takes what the evidence says in the middle of a round. Only what is proven is shown at once: a circle of
    /// forwarders without a way out, and paths to siblings while all is well. Whether a circle still has a way out is
    /// known when the round's names were answered, or were not.
    pub fn glance(&mut self, verdict: Verdict, confidence: Confidence) {
        let proven = confidence == Confidence::Confirmed;
        let worse = self.verdict.is_failing() && verdict.is_failing() && confidence > self.confidence;
        let path = verdict == Verdict::ForwardsToSibling && !self.verdict.is_failing();
        if (proven && (verdict == Verdict::LoopSuspected || path)) || worse {
            self.show(verdict, confidence);
        }
    }

    /// Takes what the evidence says at the end of a round.
    pub fn settle(&mut self, verdict: Verdict, confidence: Confidence) {
        self.glance(verdict, confidence);
        match (self.verdict.is_failing(), verdict.is_failing()) {
            // Nothing is known any more: what was shown is kept until something is.
            (_, false) if verdict == Verdict::Unknown => {}
            (false, true) => {
                self.bad += 1;
                if self.bad >= BAD_ROUNDS {
                    self.show(verdict, confidence);
                }
            }
            (true, false) => {
                self.good += 1;
                if self.good >= GOOD_ROUNDS {
                    self.show(verdict, confidence);
                }
            }
            // The same as before resets what spoke for another; a cause may still become another.
            (true, true) | (false, false) => self.show(verdict, confidence),
        }
    }

    fn show(&mut self, verdict: Verdict, confidence: Confidence) {
        *self = Self { verdict, confidence, bad: 0, good: 0 };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OK: (Verdict, Confidence) = (Verdict::Ok, Confidence::Confirmed);
    const DEAD: (Verdict, Confidence) = (Verdict::DeadEnd, Confidence::Probable);
    const LOOP: (Verdict, Confidence) = (Verdict::LoopSuspected, Confidence::Confirmed);

    /// What is shown after each round.
    fn shown(rounds: &[(Verdict, Confidence)]) -> Vec<Verdict> {
        let mut steady = Steady::default();
        rounds
            .iter()
            .map(|(verdict, confidence)| {
                steady.settle(*verdict, *confidence);
                steady.shown().0
            })
            .collect()
    }

    #[test]
    fn a_failure_is_shown_when_it_lasts_and_over_when_three_rounds_are_good() {
        use Verdict::{DeadEnd, Ok, Unknown};
        assert_eq!(shown(&[OK, DEAD, OK, DEAD, DEAD]), [Ok, Ok, Ok, Ok, DeadEnd], "failures count in a row");
        assert_eq!(shown(&[DEAD, DEAD, OK, OK, OK]), [Unknown, DeadEnd, DeadEnd, DeadEnd, Ok]);
    }

    #[test]
    fn a_proven_circle_is_shown_at_once() {
        let mut steady = Steady::default();
        steady.settle(OK.0, OK.1);
        steady.glance(DEAD.0, DEAD.1);
        assert_eq!(steady.shown(), OK);
        steady.glance(LOOP.0, LOOP.1);
        assert_eq!(steady.shown(), LOOP);
        steady.glance(OK.0, OK.1);
        assert_eq!(steady.shown(), LOOP, "its end has to be seen in whole rounds");
    }

    #[test]
    fn a_better_known_cause_replaces_one_that_is_only_suspected() {
        let mut steady = Steady::default();
        for _ in 0..2 {
            steady.settle(Verdict::RecursionFailing, Confidence::Suspected);
        }
        steady.glance(DEAD.0, DEAD.1);
        assert_eq!(steady.shown(), DEAD);
        steady.glance(Verdict::RecursionFailing, Confidence::Suspected);
        assert_eq!(steady.shown(), DEAD);
    }
}
