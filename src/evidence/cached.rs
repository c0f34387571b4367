//! What is in a cache? A configured name is asked without recursion, so that the answer comes from the cache or not at all.
//! Its time to live counts down exactly, and asking does not keep the name warm.

use std::time::Duration;

use super::asker::{Asker, Heard, OneOff};
use super::software::Software;
use crate::estate::{Question, Transport};
use crate::wire::Rcode;

/// How long an answer from a cache is waited for.
const PATIENCE: Duration = Duration::from_secs(2);

/// What a cache said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cached {
    /// It has the name, for so many seconds.
    For(u32),
    /// It has not, or what it has is past its time.
    Not,
    /// It does not say: no answer, or a refusal.
    Untold,
    /// There was no packet to spare for the question.
    NotAsked,
}

/// Whether the software answers without recursion from its own cache alone. Others pass the question on, whose answer then
/// tells of another cache; PowerDNS also keeps an empty answer and gives it to its clients. So a resolver that does not say
/// what it is cannot be asked.
pub const fn can_be_asked(software: Software) -> bool {
    match software {
        Software::Bind | Software::Unbound => true,
        Software::Unknown | Software::Knot | Software::PowerDns | Software::Dnsmasq => false,
    }
}

/// Asks the cache of one resolver, if the budgets have something to spare.
pub async fn look(asker: &Asker, resolver: usize, question: &Question) -> Cached {
    let question = Question { recursion_desired: false, ..question.clone() };
    let qtype = question.qtype.code();
    match asker.ask_spare(resolver, &OneOff { question, over: Transport::Udp, patience: PATIENCE }).await {
        Heard::NotAsked => Cached::NotAsked,
        Heard::Silence | Heard::Nobody(_) => Cached::Untold,
        Heard::Reply(reply, _) if reply.rcode != Rcode::NOERROR => Cached::Untold,
        Heard::Reply(reply, _) => {
            let whole = reply.answers_of(qtype).next().is_some();
            let fresh = !reply.extended_errors.iter().any(crate::wire::ExtendedError::is_stale);
            reply.smallest_ttl().filter(|_| whole && fresh).map_or(Cached::Not, Cached::For)
        }
    }
}
