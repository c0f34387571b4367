//! Random letter case in questions (DNS 0x20), and which servers keep it.

use std::sync::atomic::{AtomicU8, Ordering};

/// What is known of one server's way with letter case, learned from its replies.
///
/// A forger who guesses ID and port must guess the case too, once the server has shown that it keeps it. A server that
/// suddenly changes case (it was replaced) is a stranger for one reply and learned anew with the next.
#[derive(Debug, Default)]
pub struct CaseMemory(AtomicU8);

const UNKNOWN: u8 = 0;
const KEEPS: u8 = 1;
const CHANGES: u8 = 2;

impl CaseMemory {
    /// Whether a reply may be taken that repeats its question letter for letter, or does not (`exact`); learns from it.
    pub fn admits(&self, exact: bool) -> bool {
        let before = self.0.load(Ordering::Relaxed);
        let after = match (before, exact) {
            (_, true) => KEEPS,
            (KEEPS, false) => UNKNOWN,
            (_, false) => CHANGES,
        };
        if before != after {
            self.0.store(after, Ordering::Relaxed);
        }
        exact || before != KEEPS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_keeps_case_is_held_to_it_and_a_replaced_one_is_learned_anew() {
        let memory = CaseMemory::default();
        assert!(memory.admits(false), "nothing is known yet");
        assert!(memory.admits(true));
        assert!(!memory.admits(false), "it keeps case, so this is a stranger");
        assert!(memory.admits(false), "or it was replaced: it is learned anew");
        assert!(memory.admits(false) && memory.admits(true));
    }
}
