//! Asking others: one fetch for all clients with the same question, on the timers of the software.
//!
//! A question that comes back to a resolver that is still fetching its answer joins that fetch. So rings close, in the
//! lab as on real servers: everybody waits for everybody, until the first timer fires.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hickory_proto::op::{Edns, Message, MessageType, OpCode, Query, ResponseCode};
use hickory_proto::rr::Name;
use rand::RngExt;
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, sleep, sleep_until, timeout_at};

use super::answer::Asked;
use super::findings::Findings;
use super::memory::{Failed, Fetch, FetchKey, Fetched};
use super::node::{Node, Policy};
use super::outside::Said;
use super::software::{Profile, WithoutRd};
use crate::transport::{Failure, Tcp, Udp};

/// Whom a fetch can ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Upstream {
    /// A forwarder.
    Forwarder(SocketAddr),
    /// The authorities, wherever they are.
    Authorities,
}

/// What came of one question to an upstream.
#[derive(Debug)]
enum Heard {
    Findings(Findings),
    NobodyListens,
    Silence,
}

/// What a fetch is about, and what it passes on of the client that started it.
#[derive(Debug, Clone)]
struct Errand {
    key: FetchKey,
    qname: Name,
    /// The client's EDNS, which a transparent forwarder relays.
    edns: Option<Edns>,
    again: Arc<Notify>,
}

impl Node {
    /// Joins the fetch that is under way for this question, or starts one, and waits for what comes of it.
    pub(super) async fn fetched(&self, asked: &Asked) -> Fetched {
        let mut result = self.join(asked)?;
        // A fetch that ended without a word died with its process.
        let fetched = result.wait_for(Option::is_some).await.ok()?;
        fetched.clone().flatten()
    }

    /// Nothing when the fetch has all the clients it serves.
    fn join(&self, asked: &Asked) -> Option<watch::Receiver<Option<Fetched>>> {
        let profile = self.0.software.profile();
        let cd = asked.checking_disabled() && profile.fetches_respect_cd;
        let key = (asked.key(), asked.recursion_desired(), cd);
        let client = (asked.from, asked.message.metadata.id);
        let mut memory = self.0.memory.lock();
        if let Some(fetch) = memory.fetches.get_mut(&key) {
            if fetch.clients.contains(&client) {
                // A retransmission: a transparent forwarder relays it again, others know it as a duplicate.
                fetch.again.notify_one();
                return None;
            }
            if fetch.clients.len() >= profile.clients_per_fetch {
                return None;
            }
            fetch.clients.push(client);
            return Some(fetch.result.clone());
        }
        let (sender, result) = watch::channel(None);
        let again = Arc::new(Notify::new());
        let fetch = Fetch { result: result.clone(), clients: vec![client], again: Arc::clone(&again) };
        memory.fetches.insert(key.clone(), fetch);
        let (node, life) = (self.clone(), memory.life.clone());
        let errand = Errand { key, qname: asked.qname().clone(), edns: asked.message.edns.clone(), again };
        let stop = self.0.surroundings.stop.clone();
        tokio::spawn(async move {
            let running = life.run_until_cancelled(node.run(&errand));
            if let Some(Some(fetched)) = stop.run_until_cancelled(running).await {
                node.0.memory.lock().fetches.remove(&errand.key);
                // Clients that went away need no answer.
                drop(sender.send(Some(fetched)));
            }
        });
        Some(result)
    }

    /// Runs a fetch to its end, and remembers what came of it.
    async fn run(&self, errand: &Errand) -> Fetched {
        let profile = self.0.software.profile();
        let found = self.pursue(errand, &profile).await;
        let (key, rd, cd) = &errand.key;
        let mut memory = self.0.memory.lock();
        let now = Instant::now();
        match found {
            Some(findings) if findings.is_answer() => {
                let findings = Arc::new(findings);
                // The answer to a question without RD is remembered as a packet, empty or not.
                if *rd || !findings.answers.is_empty() {
                    memory.store(key.clone(), &findings, self.0.surroundings.second());
                } else if let Some(lasting) = profile.remembers_failures_for {
                    let failed =
                        Failed { findings: Arc::clone(&findings), until: now + lasting, checking_disabled: *cd };
                    memory.remember_failure(key.clone(), failed, now);
                }
                Some(findings)
            }
            // A transparent forwarder relays errors, and has none of its own.
            found if profile.transparent => found.map(Arc::new),
            _ => {
                let mut findings = Findings::error(ResponseCode::ServFail);
                findings.extended_error = profile.failure_error;
                let findings = Arc::new(findings);
                if let Some(lasting) = profile.remembers_failures_for {
                    let failed =
                        Failed { findings: Arc::clone(&findings), until: now + lasting, checking_disabled: *cd };
                    memory.remember_failure(key.clone(), failed, now);
                }
                profile.answers_failures.then_some(findings)
            }
        }
    }

    /// Forwarders first, where there are any; then, where the policy allows it, the authorities.
    async fn pursue(&self, errand: &Errand, profile: &Profile) -> Option<Findings> {
        let deadline = Instant::now() + profile.gives_up_after;
        let (forwarders, policy) = self.forwarders_for(&errand.qname);
        let forwarders: Vec<Upstream> = forwarders.into_iter().map(Upstream::Forwarder).collect();
        if !forwarders.is_empty() {
            let tries = match policy {
                Policy::Only => profile.tries_per_server,
                Policy::First => profile.tries_when_first,
            };
            let found = self.ask_in_turn(errand, profile, &forwarders, tries, deadline).await;
            if policy == Policy::Only || found.as_ref().is_some_and(Findings::is_answer) {
                return found;
            }
        }
        self.ask_in_turn(errand, profile, &[Upstream::Authorities], profile.tries_per_server, deadline).await
    }

    /// Asks one upstream after the other, round and round, until one answers, all are given up, or time is up. An error
    /// of an upstream rules it out; the last one is returned when nothing better came.
    async fn ask_in_turn(
        &self,
        errand: &Errand,
        profile: &Profile,
        upstreams: &[Upstream],
        tries: usize,
        deadline: Instant,
    ) -> Option<Findings> {
        let mut left: Vec<(Upstream, usize)> = upstreams.iter().map(|upstream| (*upstream, tries)).collect();
        let mut last_error = None;
        for turn in 0.. {
            left.retain(|(upstream, tries)| *tries > 0 && !self.is_given_up(*upstream));
            if left.is_empty() || Instant::now() >= deadline {
                break;
            }
            let place = turn % left.len();
            let upstream = left[place].0;
            let asked_at = Instant::now();
            let until = deadline.min(asked_at + self.wait(profile, upstream, turn));
            match self.ask_upstream(errand, profile, upstream, until).await {
                Heard::Findings(findings) if findings.is_answer() => return Some(findings),
                Heard::Findings(error) => {
                    last_error = Some(error);
                    left[place].1 = 0;
                }
                Heard::NobodyListens if profile.heeds_icmp => left[place].1 = 0,
                Heard::NobodyListens | Heard::Silence => {
                    sleep_until(until).await;
                    self.note_timeout(profile, upstream, asked_at);
                    left[place].1 -= 1;
                }
            }
        }
        last_error
    }

    fn is_given_up(&self, upstream: Upstream) -> bool {
        match upstream {
            Upstream::Forwarder(server) => self.0.memory.lock().is_dead(server, Instant::now()),
            Upstream::Authorities => false,
        }
    }

    fn wait(&self, profile: &Profile, upstream: Upstream, turn: usize) -> Duration {
        let step = match upstream {
            Upstream::Forwarder(server) if profile.backs_off_per_server => {
                self.0.memory.lock().servers.get(&server).map_or(0, |state| state.timeouts)
            }
            Upstream::Forwarder(_) | Upstream::Authorities => turn,
        };
        Duration::from_millis(profile.waits[step.min(profile.waits.len() - 1)])
    }

    /// One timeout more of a server. Questions that waited at the same time count once.
    fn note_timeout(&self, profile: &Profile, upstream: Upstream, asked_at: Instant) {
        let (Some((most, lasting)), Upstream::Forwarder(server)) = (profile.dead_after, upstream) else { return };
        let (mut memory, now) = (self.0.memory.lock(), Instant::now());
        let state = memory.servers.entry(server).or_default();
        if state.last_timeout.is_none_or(|last| asked_at >= last) {
            state.last_timeout = Some(now);
            state.timeouts += 1;
            if state.timeouts >= most {
                state.timeouts = 0;
                state.dead_until = Some(now + lasting);
            }
        }
    }

    async fn ask_upstream(&self, errand: &Errand, profile: &Profile, upstream: Upstream, until: Instant) -> Heard {
        match upstream {
            Upstream::Forwarder(server) => {
                let heard = self.ask_server(errand, profile, server, true, until).await;
                if matches!(heard, Heard::Findings(_)) {
                    self.0.memory.lock().heard_from(server);
                }
                heard
            }
            Upstream::Authorities => {
                let ((qname, qtype), ..) = &errand.key;
                match timeout_at(until, self.0.surroundings.outside.ask(qname, *qtype)).await {
                    Ok(Said::Answer(findings)) => Heard::Findings(findings),
                    Ok(Said::Delegated(server)) => self.ask_server(errand, profile, server, false, until).await,
                    Ok(Said::Silence) | Err(_) => Heard::Silence,
                }
            }
        }
    }

    /// Asks a server over UDP, from the resolver's own address, and over TCP where the answer is truncated.
    async fn ask_server(
        &self,
        errand: &Errand,
        profile: &Profile,
        server: SocketAddr,
        forwarded: bool,
        until: Instant,
    ) -> Heard {
        sleep(self.0.surroundings.hop).await;
        let question = question(errand, profile, forwarded);
        let Ok(bytes) = question.to_vec() else { return Heard::Silence };
        if !self.0.traffic.may_send() {
            return Heard::Silence;
        }
        self.0.traffic.note_sent(server, errand.key.0.0.to_ascii());
        let accept = |packet: &[u8]| Message::from_vec(packet).ok().filter(|reply| belongs(reply, &question));
        match self.over_udp(errand, profile, server, &bytes, until, accept).await {
            Ok(reply) if reply.metadata.truncation => match self.over_tcp(server, &bytes, until, accept).await {
                Ok(reply) => Heard::Findings(findings(reply, profile)),
                Err(_) => Heard::Silence,
            },
            Ok(reply) => Heard::Findings(findings(reply, profile)),
            Err(Failure::Unreachable(_)) => Heard::NobodyListens,
            Err(_) => Heard::Silence,
        }
    }

    async fn over_udp(
        &self,
        errand: &Errand,
        profile: &Profile,
        server: SocketAddr,
        bytes: &[u8],
        until: Instant,
        accept: impl Fn(&[u8]) -> Option<Message>,
    ) -> Result<Message, Failure> {
        let mut udp = Udp::connect(server, self.source_for(server))?;
        udp.send(bytes).await?;
        if !profile.transparent {
            return udp.receive(until, accept).await;
        }
        loop {
            tokio::select! {
                received = udp.receive(until, &accept) => return received,
                () = errand.again.notified() => {}
            }
            // The client repeated its question: the same packet goes out once more, from the same port.
            if self.0.traffic.may_send() {
                udp.send(bytes).await?;
            }
        }
    }

    async fn over_tcp(
        &self,
        server: SocketAddr,
        bytes: &[u8],
        until: Instant,
        accept: impl Fn(&[u8]) -> Option<Message>,
    ) -> Result<Message, Failure> {
        let mut tcp = Tcp::connect(server, self.source_for(server), until).await?;
        tcp.send(bytes, until).await?;
        tcp.receive(until, accept).await
    }

    /// The resolver's own address, so that others see where a question really came from.
    fn source_for(&self, server: SocketAddr) -> Option<std::net::IpAddr> {
        let own = self.0.address.ip();
        (own.is_ipv4() == server.is_ipv4() && !own.is_unspecified()).then_some(own)
    }
}

fn question(errand: &Errand, profile: &Profile, forwarded: bool) -> Message {
    let ((_, qtype), rd, cd) = &errand.key;
    let mut qname = errand.qname.clone();
    if !profile.keeps_case {
        qname.randomize_label_case();
    }
    let mut message = Message::new(rand::rng().random(), MessageType::Query, OpCode::Query);
    message.metadata.recursion_desired = forwarded && (*rd || profile.without_rd != WithoutRd::Forwarded);
    message.metadata.checking_disabled = forwarded && (profile.validates || *cd);
    message.add_query(Query::query(qname, *qtype));
    if profile.transparent {
        message.edns.clone_from(&errand.edns);
    } else {
        let mut edns = Edns::new();
        edns.set_max_payload(1232).set_dnssec_ok(profile.validates);
        message.set_edns(edns);
    }
    message
}

/// Whether the reply repeats the question.
fn belongs(reply: &Message, question: &Message) -> bool {
    reply.metadata.message_type == MessageType::Response
        && reply.metadata.id == question.metadata.id
        && reply.queries == question.queries
}

fn findings(reply: Message, profile: &Profile) -> Findings {
    let mut findings = Findings::new(reply.metadata.response_code, reply.answers, reply.authorities);
    if profile.transparent
        && let Some(edns) = reply.edns
    {
        findings.passed_on = edns.options().options.iter().map(|(_, option)| option.clone()).collect();
    }
    findings
}
