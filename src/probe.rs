//! One probe: ask, wait, classify. The same for the daemon and for the commands.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::time::Instant;

use crate::exchange::{Answer, Contact, Exchange, Strays};
use crate::expect::Mismatch;
use crate::outcome::{Heard, Outcome, classify};
use crate::plan::Target;
use crate::transport::Failure;
use crate::ttl_watch::TtlWatch;
use crate::verdict::Verdict;
use crate::wire::{Encoded, Rcode, Stray};

/// What one probe saw: the one thing the rest of the program learns of the network from.
#[derive(Debug)]
pub struct Observation {
    /// What was asked of whom.
    pub target: Arc<Target>,
    /// The question as it was sent.
    pub asked: Encoded,
    /// When it was sent.
    pub at: SystemTime,
    /// What it amounts to.
    pub outcome: Outcome,
    /// How the answer fell short, where that is the reason.
    pub mismatch: Option<Mismatch>,
    /// The answer in time, or why there is none.
    pub heard: Result<Answer, Failure>,
    /// Packets that did not belong.
    pub strays: Strays,
}

impl Observation {
    /// In a few words, what was seen.
    pub fn detail(&self) -> String {
        match (&self.heard, &self.mismatch) {
            (Err(failure), _) => failure.to_string(),
            (Ok(_), Some(mismatch)) => mismatch.to_string(),
            (Ok(answer), None) => {
                let errors = answer.reply.extended_errors.iter().map(|error| format!(", {error}"));
                format!("{} after {} ms{}", answer.reply.rcode, answer.after.as_millis(), errors.collect::<String>())
            }
        }
    }
}

/// What is still to be listened for after a probe that ended in silence.
#[derive(Debug)]
pub struct Late {
    exchange: Exchange,
    target: Arc<Target>,
    contact: Arc<Contact>,
}

/// An answer after the timeout and before the end of patience.
#[derive(Debug)]
pub struct LateReply {
    /// The probe it belongs to.
    pub target: Arc<Target>,
    /// Its response code.
    pub rcode: Rcode,
    /// From sending the question to having the answer.
    pub after: Duration,
    /// Packets that came meanwhile and did not belong.
    pub strays: Strays,
}

/// Asks once and waits no longer than the target's timeout. The outcome is final; a late answer, if the second part of
/// the result is worth listening to, changes nothing about it.
///
/// `verdict` is asked when the outcome is decided: what is known of the resolver at that moment.
pub async fn ask(
    target: &Arc<Target>,
    contact: &Arc<Contact>,
    ttl_watch: &mut TtlWatch,
    verdict: impl FnOnce() -> Verdict,
) -> (Observation, Option<Late>) {
    let asked = target.template.fresh(target.name.asking.mixed_case);
    let at = SystemTime::now();
    let deadline = Instant::now() + target.name.asking.timeout;
    let mut exchange = Exchange::new(asked);
    let reply = exchange.run(target.resolver.address, target.transport, contact, deadline).await;
    let after = exchange.started.elapsed();

    let ttl_stands_still = reply.as_ref().is_ok_and(|reply| {
        let ttl = reply.smallest_ttl().filter(|_| !reply.authoritative && !target.name.question.qname.has_nonce());
        ttl.is_some_and(|ttl| ttl_watch.stands_still(Instant::now(), ttl))
    });
    let heard = Heard {
        reply: reply.as_ref(),
        truncated: exchange.truncated,
        undecodable: exchange.strays.any(Stray::Undecodable),
        ttl_stands_still,
        recursion: target.needs_recursion.then(verdict),
    };
    let (outcome, mismatch) = classify(&target.name, heard);
    let observation = Observation {
        target: Arc::clone(target),
        asked: exchange.asked.clone(),
        at,
        outcome,
        mismatch,
        heard: reply.map(|reply| Answer { reply, after, over: exchange.over() }),
        strays: exchange.strays,
    };
    exchange.strays = Strays::default();
    let silent = matches!(observation.heard, Err(Failure::Silence)) && !exchange.truncated;
    let patient = target.name.asking.patience > target.name.asking.timeout;
    let late = (silent && patient).then(|| Late { exchange, target: Arc::clone(target), contact: Arc::clone(contact) });
    (observation, late)
}

impl Late {
    /// Waits for the late answer until the end of the target's patience.
    pub async fn listen(mut self) -> Option<LateReply> {
        let deadline = self.exchange.started + self.target.name.asking.patience;
        let reply = self.exchange.receive(&self.contact, deadline).await.ok()?;
        let after = self.exchange.started.elapsed();
        Some(LateReply { target: self.target, rcode: reply.rcode, after, strays: self.exchange.strays })
    }
}
