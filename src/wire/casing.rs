//! Random letter case in questions (DNS 0x20), and which servers keep it.

use std::sync::atomic::{AtomicU8, Ordering};

/// How a reply must repeat the letter case of its question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Casing {
    /// Letter for letter, or the reply is not ours.
    Exact,
    /// In any case: this server is known to change it, or nothing is known of it yet.
    Any,
}

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
    /// What to demand of the next reply.
    pub fn demand(&self) -> Casing {
        if self.0.load(Ordering::Relaxed) == KEEPS {
            Casing::Exact
        } else {
            Casing::Any
        }
    }

    /// Learns from a reply that carried the question; `exact` says whether letter for letter.
    pub fn learn(&self, exact: bool) {
        let before = self.0.load(Ordering::Relaxed);
        let after = match (before, exact) {
            (_, true) => KEEPS,
            (KEEPS, false) => UNKNOWN,
            (_, false) => CHANGES,
        };
        if before != after {
            self.0.store(after, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_keeps_case_is_held_to_it_and_a_replaced_one_is_learned_anew() {
        let memory = CaseMemory::default();
        assert_eq!(memory.demand(), Casing::Any);
        memory.learn(true);
        assert_eq!(memory.demand(), Casing::Exact);
        memory.learn(false);
        assert_eq!(memory.demand(), Casing::Any, "one stranger, then it is learned anew");
        memory.learn(false);
        assert_eq!(memory.demand(), Casing::Any);
        memory.learn(true);
        assert_eq!(memory.demand(), Casing::Exact);
    }
}
