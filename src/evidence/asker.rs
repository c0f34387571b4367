//! One-off questions to the resolvers of one cluster, within the packet budgets.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::budget::Budget;
use crate::estate::{DomainName, QueryClass, QueryType, Question, Resolver, Transport};
use crate::exchange::{Contact, Exchange};
use crate::transport::Failure;
use crate::wire::{QueryTemplate, Reply};

/// Asks the resolvers of one cluster.
#[derive(Debug, Clone)]
pub struct Asker {
    members: Vec<(Arc<Resolver>, Arc<Contact>)>,
    budget: Arc<Budget>,
}

/// One question, asked once.
#[derive(Debug, Clone)]
pub struct OneOff {
    /// What is asked.
    pub question: Question,
    /// How it travels.
    pub over: Transport,
    /// How long an answer is waited for.
    pub patience: Duration,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq)]
pub enum Heard {
    /// An answer, so long after the question.
    Reply(Box<Reply>, Duration),
    /// Nothing, for as long as it was waited for.
    Silence,
    /// The host or the network says that nobody is there.
    Nobody(String),
    /// It was not asked: a budget is used up, or the prober has no socket. Says nothing of the resolver.
    NotAsked,
}

impl OneOff {
    /// A question over UDP with RD set.
    pub fn new(qname: DomainName, qtype: QueryType, patience: Duration) -> Self {
        let question = Question {
            qname,
            qtype,
            qclass: QueryClass::In,
            recursion_desired: true,
            checking_disabled: false,
            dnssec_ok: false,
        };
        Self { question, over: Transport::Udp, patience }
    }

    /// Over TCP.
    #[must_use]
    pub fn over_tcp(mut self) -> Self {
        self.over = Transport::Tcp;
        self
    }

    /// With CD set: a validator shall not validate.
    #[must_use]
    pub fn unchecked(mut self) -> Self {
        self.question.checking_disabled = true;
        self
    }

    /// With RD clear: from the cache or its own zones alone.
    #[must_use]
    pub fn without_recursion(mut self) -> Self {
        self.question.recursion_desired = false;
        self
    }

    /// Of the CHAOS class: about the server itself.
    #[must_use]
    pub fn chaos(mut self) -> Self {
        self.question.qclass = QueryClass::Ch;
        self
    }
}

impl Heard {
    /// The reply, if there is one.
    pub fn reply(&self) -> Option<&Reply> {
        if let Self::Reply(reply, _) = self { Some(reply) } else { None }
    }

    /// In a few words, for people.
    pub fn words(&self) -> String {
        match self {
            Self::Reply(reply, after) => {
                let answer = reply.answers.first().map(|record| format!(" {}", record.rdata()));
                let error = reply.extended_errors.first().map(|error| format!(", {error}"));
                format!(
                    "{}{} after {}{}",
                    reply.rcode,
                    answer.unwrap_or_default(),
                    in_millis(*after),
                    error.unwrap_or_default()
                )
            }
            Self::Silence => "no answer".to_owned(),
            Self::Nobody(why) => why.clone(),
            Self::NotAsked => "not asked".to_owned(),
        }
    }
}

/// A time in milliseconds, with as many decimals as it deserves.
pub fn in_millis(duration: Duration) -> String {
    let millis = duration.as_secs_f64() * 1000.0;
    if millis < 10.0 { format!("{millis:.1} ms") } else { format!("{millis:.0} ms") }
}

impl Asker {
    /// Asks these resolvers; `budget` is what all tracing together may send.
    pub fn new(members: Vec<(Arc<Resolver>, Arc<Contact>)>, budget: Arc<Budget>) -> Self {
        Self { members, budget }
    }

    /// How many resolvers there are.
    pub fn len(&self) -> usize {
        self.members.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// One of them.
    pub fn resolver(&self, place: usize) -> &Arc<Resolver> {
        &self.members[place].0
    }

    /// Asks once, as soon as the budgets allow. Nothing is ever sent twice: whoever wants to ask again asks for another
    /// name.
    pub async fn ask(&self, place: usize, one_off: &OneOff) -> Heard {
        let (resolver, contact) = &self.members[place];
        self.budget.take().await;
        contact.budget().take().await;
        exchange(resolver.address, contact, one_off).await
    }

    /// Asks at once, or not at all where a budget does not allow it: for questions that mean something only now.
    pub async fn ask_now(&self, place: usize, one_off: &OneOff) -> Heard {
        let (resolver, contact) = &self.members[place];
        if !self.budget.try_take() || !contact.budget().try_take() {
            return Heard::NotAsked;
        }
        exchange(resolver.address, contact, one_off).await
    }

    /// Asks at once, or not at all where that would leave less than half a second's worth of a budget to others: for
    /// questions that can wait for another time.
    pub async fn ask_spare(&self, place: usize, one_off: &OneOff) -> Heard {
        let (resolver, contact) = &self.members[place];
        if !self.budget.try_take_spare() || !contact.budget().try_take_spare() {
            return Heard::NotAsked;
        }
        exchange(resolver.address, contact, one_off).await
    }

    /// Asks a server outside the estate, from the source address that questions to the first resolver have.
    pub async fn ask_outside(&self, address: SocketAddr, contact: &Contact, one_off: &OneOff) -> Heard {
        self.budget.take().await;
        exchange(address, contact, one_off).await
    }
}

async fn exchange(to: SocketAddr, contact: &Contact, one_off: &OneOff) -> Heard {
    let mut exchange = Exchange::new(QueryTemplate::new(&one_off.question).fresh(false));
    let deadline = Instant::now() + one_off.patience;
    match exchange.run(to, one_off.over, contact, deadline).await {
        Ok(reply) => Heard::Reply(Box::new(reply), exchange.started.elapsed()),
        Err(Failure::Silence) => Heard::Silence,
        Err(Failure::Local(_) | Failure::Stalled(_)) => Heard::NotAsked,
        Err(failure @ (Failure::Unreachable(_) | Failure::ConnectionFailed(_) | Failure::HalfMessage { .. })) => {
            Heard::Nobody(failure.to_string())
        }
    }
}
