//! One probe: ask, wait, classify. The same for the daemon and for the commands.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::time::Instant;

use crate::budget::Budget;
use crate::estate::{Resolver, Transport};
use crate::expect::Mismatch;
use crate::outcome::{Heard, Outcome, classify};
use crate::plan::Target;
use crate::transport::{Failure, Tcp, Udp};
use crate::ttl_watch::TtlWatch;
use crate::verdict::Verdict;
use crate::wire::{CaseMemory, Encoded, Rcode, Reply, Stray};

/// What all probes of one resolver share.
#[derive(Debug)]
pub struct Contact {
    source: Option<IpAddr>,
    case: CaseMemory,
    budget: Budget,
}

impl Contact {
    /// A resolver about which nothing has been learned yet, asked from `source` where that matters.
    pub fn new(resolver: &Resolver, source: Option<IpAddr>) -> Self {
        Self { source, case: CaseMemory::default(), budget: Budget::new(resolver.packets_per_second) }
    }

    /// What may be sent to it.
    pub fn budget(&self) -> &Budget {
        &self.budget
    }
}

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

/// A reply and how it came.
#[derive(Debug)]
pub struct Answer {
    /// What it says.
    pub reply: Reply,
    /// From sending the question to having the answer, TCP set-up included.
    pub after: Duration,
    /// What it came over; TCP also for UDP probes whose first answer was truncated.
    pub over: Transport,
}

/// Packets that came to a probe's socket and did not belong, by [`Stray`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Strays(pub [u32; Stray::ALL.len()]);

impl Strays {
    fn count(&mut self, stray: Stray) {
        let counter = &mut self.0[stray as usize];
        *counter = counter.saturating_add(1);
    }

    fn any(self, stray: Stray) -> bool {
        self.0[stray as usize] > 0
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
    let mut exchange =
        Exchange { asked, started: Instant::now(), line: Line::None, truncated: false, strays: Strays::default() };
    let reply = exchange.run(target, contact, deadline).await;
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

//----------- Exchange --------------------------------------------------------

/// One question on its way.
#[derive(Debug)]
struct Exchange {
    asked: Encoded,
    started: Instant,
    line: Line,
    /// A truncated answer came over UDP; the question went on over TCP.
    truncated: bool,
    strays: Strays,
}

/// What the question travels on.
#[derive(Debug)]
enum Line {
    None,
    Udp(Udp),
    Tcp(Tcp),
}

impl Exchange {
    async fn run(&mut self, target: &Target, contact: &Contact, deadline: Instant) -> Result<Reply, Failure> {
        let to = target.resolver.address;
        if target.transport == Transport::Udp {
            let udp = Udp::connect(to, contact.source)?;
            self.started = Instant::now();
            udp.send(&self.asked.bytes).await?;
            self.line = Line::Udp(udp);
            let reply = self.receive(contact, deadline).await?;
            if !reply.truncated {
                return Ok(reply);
            }
            self.truncated = true;
            contact.budget.take_in_advance();
        }
        // The UDP socket, if any, is closed only when TCP stands: its port cannot be taken in between.
        let mut tcp = Tcp::connect(to, contact.source, deadline).await?;
        tcp.send(&self.asked.bytes, deadline).await?;
        self.line = Line::Tcp(tcp);
        self.receive(contact, deadline).await
    }

    async fn receive(&mut self, contact: &Contact, deadline: Instant) -> Result<Reply, Failure> {
        let (asked, strays) = (&self.asked, &mut self.strays);
        let accept = |packet: &[u8]| match Reply::decode(packet, asked, &contact.case) {
            Ok(reply) => Some(reply),
            Err(stray) => {
                strays.count(stray);
                None
            }
        };
        match &mut self.line {
            Line::None => Err(Failure::Silence),
            Line::Udp(udp) => udp.receive(deadline, accept).await,
            Line::Tcp(tcp) => tcp.receive(deadline, accept).await,
        }
    }

    fn over(&self) -> Transport {
        match self.line {
            Line::None | Line::Udp(_) => Transport::Udp,
            Line::Tcp(_) => Transport::Tcp,
        }
    }
}
