//! Does a resolver find its way out? A name never asked before, under every parent there is.
//!
//! The control is the second parent: one dead authority fails under its own names alone. Silence is controlled by a
//! second fresh name over TCP, since a lost packet looks the same.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

use super::asker::{Heard, OneOff};
use super::finding::{ColdSeen, Finding};
use super::inquiry::{Inquiry, PATIENCE, Parent, SOON};
use super::software::Software;
use crate::canary::{Answered, Kind, NotGenuine, read_answer};
use crate::estate::{DomainName, QueryType};
use crate::wire::{Rcode, Reply};

/// After how long silence is doubted, and TCP asked.
const DOUBT: Duration = Duration::from_secs(2);

/// A cold name that resolved: now it is in every cache on its way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warmed {
    /// Where it was asked.
    pub resolver: usize,
    /// What was asked.
    pub qname: DomainName,
    /// And its type.
    pub qtype: QueryType,
    /// How long the answer took.
    pub after: Duration,
}

/// Asks all resolvers, whose software this is, under every parent. Returns what resolved, one name for each resolver at
/// the most.
pub async fn run(inquiry: &Arc<Inquiry>, software: &[Software]) -> Vec<Warmed> {
    let mut tasks = JoinSet::new();
    for (resolver, software) in software.iter().enumerate() {
        for parent in 0..inquiry.parents.len() {
            // In a circle of such servers every question over TCP takes a process of each until they have no more.
            tasks.spawn(one(Arc::clone(inquiry), resolver, parent, !software.feeds_storms()));
        }
    }
    let mut warmed: Vec<Warmed> = tasks.join_all().await.into_iter().flatten().collect();
    warmed.sort_by_key(|warm| warm.resolver);
    warmed.dedup_by_key(|warm| warm.resolver);
    warmed
}

async fn one(inquiry: Arc<Inquiry>, resolver: usize, parent: usize, tcp: bool) -> Option<Warmed> {
    let (qname, qtype) = inquiry.fresh_name(&inquiry.parents[parent], Kind::Nonce, resolver)?;
    let one_off = OneOff::new(qname.clone(), qtype, PATIENCE);
    let asked = Instant::now();
    let asking = inquiry.asker.ask(resolver, &one_off);
    tokio::pin!(asking);
    let heard = if let Ok(heard) = timeout(DOUBT, &mut asking).await {
        heard
    } else {
        tokio::select! {
            heard = &mut asking => heard,
            answered = over_tcp(&inquiry, resolver, parent, tcp) => {
                if answered {
                    return None;
                }
                let words = format!("asked {qname} {}: no answer in {} ms", qtype.as_str(), SOON.as_millis());
                inquiry.found(Finding::Cold {
                    resolver,
                    parent,
                    qname: qname.clone(),
                    asked,
                    seen: ColdSeen::SilentSoFar,
                    words,
                });
                asking.await
            }
        }
    };
    let seen = judge(&inquiry, parent, &qname, &heard)?;
    let words = format!("asked {qname} {}: {}", qtype.as_str(), heard.words());
    egress(&inquiry, resolver, &qname, &heard, &words);
    inquiry.found(Finding::Cold { resolver, parent, qname: qname.clone(), asked, seen, words });
    let ColdSeen::Answered(after) = seen else { return None };
    Some(Warmed { resolver, qname, qtype, after })
}

/// Whether another fresh name is answered over TCP, where UDP was silent. Tells so at once, and the contrary only when
/// the first name has had its time.
async fn over_tcp(inquiry: &Inquiry, resolver: usize, parent: usize, tcp: bool) -> bool {
    let patience = SOON.saturating_sub(DOUBT);
    let (asked, silent) = (Instant::now(), sleep(patience));
    if tcp && let Some((qname, qtype)) = inquiry.fresh_name(&inquiry.parents[parent], Kind::Nonce, resolver) {
        let heard = inquiry.asker.ask(resolver, &OneOff::new(qname.clone(), qtype, patience).over_tcp()).await;
        if let Some(ColdSeen::Answered(_)) = judge(inquiry, parent, &qname, &heard) {
            let words = format!("asked {qname} {} over TCP, after silence over UDP: {}", qtype.as_str(), heard.words());
            inquiry.found(Finding::Cold { resolver, parent, qname, asked, seen: ColdSeen::OnlyOverTcp, words });
            return true;
        }
    }
    silent.await;
    false
}

/// What was heard means; nothing where it says nothing of the resolver.
fn judge(inquiry: &Inquiry, parent: usize, qname: &DomainName, heard: &Heard) -> Option<ColdSeen> {
    let (reply, after) = match heard {
        Heard::Reply(reply, after) => (reply, *after),
        Heard::Silence => return Some(ColdSeen::Silent),
        // Nobody there is what the question for its own answers is for.
        Heard::Nobody(_) | Heard::NotAsked => return None,
    };
    let of_error = |rcode: Rcode| match rcode {
        Rcode::REFUSED => ColdSeen::Refused,
        Rcode::NXDOMAIN => ColdSeen::Forged,
        _ => ColdSeen::Failed(after),
    };
    Some(match (&inquiry.parents[parent], &inquiry.nonces) {
        (Parent::Canary, Some(nonces)) => match read_answer(reply, qname, None, nonces.keys()) {
            Ok(Answered::Beacon(_)) => ColdSeen::Answered(after),
            Ok(Answered::Tracer) | Err(NotGenuine::Empty | NotGenuine::Forged(_)) => ColdSeen::Forged,
            Err(NotGenuine::Error(rcode)) => of_error(rcode),
        },
        (Parent::Canary | Parent::Other(_), _) => match reply.rcode {
            Rcode::NOERROR | Rcode::NXDOMAIN => ColdSeen::Answered(after),
            rcode => of_error(rcode),
        },
    })
}

/// Whose address the beacon saw, where it is one of the cluster's own: replicas that share an upstream, or a NAT, all
/// look alike there, and then nothing is found.
fn egress(inquiry: &Inquiry, from: usize, qname: &DomainName, heard: &Heard, words: &str) {
    let source = |reply: &Reply| match read_answer(reply, qname, None, inquiry.nonces.as_ref()?.keys()) {
        Ok(Answered::Beacon(Some(saw))) => Some(saw.source),
        _ => None,
    };
    let Some(source) = heard.reply().and_then(source) else { return };
    let mut members = (0..inquiry.asker.len()).filter(|place| inquiry.asker.resolver(*place).address.ip() == source);
    if let (Some(to), None) = (members.next(), members.next()) {
        inquiry.found(Finding::Egress { from, to, words: words.to_owned() });
    }
}
