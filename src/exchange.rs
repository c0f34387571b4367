//! One question, once, to one resolver, and what comes back: the socket work under probes and experiments alike.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use tokio::time::Instant;

use crate::budget::Budget;
use crate::estate::{Resolver, Transport};
use crate::transport::{Failure, Suspension, Tcp, Udp};
use crate::wire::{CaseMemory, Encoded, Reply, Stray};

/// One question on its way to one resolver.
#[derive(Debug)]
pub struct Exchange {
    /// The question as it is sent.
    pub asked: Encoded,
    /// When it was sent.
    pub started: Instant,
    /// A truncated answer came over UDP; the question went on over TCP.
    pub truncated: bool,
    /// Packets that came and did not belong, since this was last emptied.
    pub strays: Strays,
    line: Line,
    /// When this began, in a clock that knows of suspensions.
    begun: Suspension,
}

/// What the question travels on.
#[derive(Debug)]
enum Line {
    None,
    Udp(Udp),
    Tcp(Tcp),
}

/// What all questions to one resolver share.
#[derive(Debug)]
pub struct Contact {
    source: Option<IpAddr>,
    case: CaseMemory,
    budget: Budget,
}

impl Contact {
    /// A resolver about which nothing has been learned yet, asked from `source` where that matters.
    pub fn new(resolver: &Resolver, source: Option<IpAddr>) -> Self {
        Self::with_rate(resolver.packets_per_second, source)
    }

    /// Any server about which nothing has been learned yet, asked at most so many packets a second.
    pub fn with_rate(packets_per_second: u32, source: Option<IpAddr>) -> Self {
        Self { source, case: CaseMemory::default(), budget: Budget::new(packets_per_second) }
    }

    /// What may be sent to it.
    pub fn budget(&self) -> &Budget {
        &self.budget
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

    /// Whether any packet was rejected for this reason.
    pub fn any(self, stray: Stray) -> bool {
        self.0[stray as usize] > 0
    }
}

impl Exchange {
    /// A question that is not on its way yet.
    pub fn new(asked: Encoded) -> Self {
        Self {
            asked,
            started: Instant::now(),
            truncated: false,
            strays: Strays::default(),
            line: Line::None,
            begun: Suspension::now(),
        }
    }

    /// Sends the question, once, and waits for the answer until the deadline.
    pub async fn run(
        &mut self,
        to: SocketAddr,
        transport: Transport,
        contact: &Contact,
        deadline: Instant,
    ) -> Result<Reply, Failure> {
        if transport == Transport::Udp {
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
        let judge = |failure| self.begun.judge(failure);
        let mut tcp = Tcp::connect(to, contact.source, deadline).await.map_err(judge)?;
        tcp.send(&self.asked.bytes, deadline).await.map_err(judge)?;
        self.line = Line::Tcp(tcp);
        self.receive(contact, deadline).await
    }

    /// Waits on for the answer, until a later deadline.
    pub async fn receive(&mut self, contact: &Contact, deadline: Instant) -> Result<Reply, Failure> {
        let (asked, strays) = (&self.asked, &mut self.strays);
        let accept = |packet: &[u8]| match Reply::decode(packet, asked, &contact.case) {
            Ok(reply) => Some(reply),
            Err(stray) => {
                strays.count(stray);
                None
            }
        };
        let received = match &mut self.line {
            Line::None => Err(Failure::Silence),
            Line::Udp(udp) => udp.receive(deadline, accept).await,
            Line::Tcp(tcp) => tcp.receive(deadline, accept).await,
        };
        received.map_err(|failure| self.begun.judge(failure))
    }

    /// What the question travels on at last.
    pub fn over(&self) -> Transport {
        match self.line {
            Line::None | Line::Udp(_) => Transport::Udp,
            Line::Tcp(_) => Transport::Tcp,
        }
    }
}
