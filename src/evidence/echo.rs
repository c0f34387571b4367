//! Whose cache is on whose way? A name that resolved at one resolver is asked of all others from their cache alone
//! (RD=0). Needs no configuration anywhere, and works only while names resolve.
//!
//! Three controls: a name that nobody asked must be in no cache; a resolver's own name must be in its own; and of two
//! resolvers that have each other's names, neither is believed, since they may share a cache: unless both took as long to
//! answer as a resolver does that first waits for a forwarder in vain. Then they wait for each other, in a circle that has
//! a way out. Servers that pass RD=0 on to their upstream (dnsmasq, PowerDNS with forwarders) would speak for that
//! upstream's cache: they are not asked, and of a server whose software is unknown the sign stays weak.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::sleep;

use super::AT_ONCE;
use super::asker::OneOff;
use super::cold::Warmed;
use super::finding::{Finding, Sight};
use super::inquiry::Inquiry;
use super::software::Software;
use crate::canary::Kind;
use crate::estate::{DomainName, QueryType};
use crate::wire::Rcode;

/// How long an answer from a cache is waited for.
const PATIENCE: Duration = Duration::from_secs(2);

/// Between warming the caches and asking them, so that every server on the way has finished writing.
const SETTLE: Duration = Duration::from_millis(1100);

/// What one cache said.
#[derive(Debug, Clone)]
struct Look {
    cached: bool,
    words: String,
}

/// Asks all caches for the names that resolved.
pub async fn run(inquiry: &Arc<Inquiry>, warmed: Vec<Warmed>, software: &[Software]) {
    let owners: Vec<usize> = (0..inquiry.asker.len()).filter(|place| !software[*place].passes_on()).collect();
    if owners.is_empty() || warmed.is_empty() {
        return;
    }
    sleep(SETTLE).await;
    let mut tasks = JoinSet::new();
    for to in owners {
        tasks.spawn(column(Arc::clone(inquiry), to, warmed.clone()));
    }
    let columns: Vec<(usize, Vec<Look>)> = tasks.join_all().await.into_iter().flatten().collect();
    let place_of = |resolver: usize| warmed.iter().position(|warm| warm.resolver == resolver);
    let cached = |from: usize, to: usize| {
        let (_, looks) = columns.iter().find(|(owner, _)| *owner == to)?;
        Some(looks[place_of(from)?].cached)
    };
    let waited = |resolver: usize| place_of(resolver).is_some_and(|place| warmed[place].after >= AT_ONCE);
    for (to, looks) in &columns {
        for (warm, look) in warmed.iter().zip(looks).filter(|(warm, _)| warm.resolver != *to) {
            let (from, to) = (warm.resolver, *to);
            let unknown = software[to] == Software::Unknown;
            let (sight, weak) = match (look.cached, cached(to, from)) {
                (false, _) => (Sight::Miss, unknown),
                (true, Some(false)) => (Sight::Hit, unknown),
                (true, Some(true)) if !unknown && waited(from) && waited(to) => (Sight::Hit, true),
                (true, Some(true) | None) => (Sight::Unclear, true),
            };
            inquiry.found(Finding::Echo { from, to, sight, weak, words: look.words.clone() });
        }
    }
}

/// What the cache of one resolver says, or nothing where its controls fail.
async fn column(inquiry: Arc<Inquiry>, to: usize, warmed: Vec<Warmed>) -> Option<(usize, Vec<Look>)> {
    let own = warmed.iter().position(|warm| warm.resolver == to)?;
    let control = inquiry.parents.iter().find_map(|parent| inquiry.fresh_name(parent, Kind::Control, to));
    let (qname, qtype) = control?;
    if look(&inquiry, to, &qname, qtype).await?.cached {
        return None;
    }
    let mut looks = Vec::new();
    for warm in &warmed {
        looks.push(look(&inquiry, to, &warm.qname, warm.qtype).await?);
    }
    looks[own].cached.then_some((to, looks))
}

async fn look(inquiry: &Inquiry, to: usize, qname: &DomainName, qtype: QueryType) -> Option<Look> {
    // A validator keeps what it fetched for another validator, which asks with CD, from those who ask without.
    let one_off = OneOff::new(qname.clone(), qtype, PATIENCE).without_recursion().unchecked();
    let heard = inquiry.asker.ask(to, &one_off).await;
    let reply = heard.reply()?;
    let refused = reply.rcode != Rcode::NOERROR && reply.rcode != Rcode::NXDOMAIN;
    let cached = reply.rcode == Rcode::NXDOMAIN || reply.answers_of(qtype.code()).next().is_some();
    let words = format!("asked {qname} {} with RD=0, CD=1: {}", qtype.as_str(), heard.words());
    (!refused).then_some(Look { cached, words })
}
