//! Whose cache is on whose way? A name that resolved at one resolver is asked of all others from their cache alone
//! (RD=0). Needs no configuration anywhere, and works only while names resolve.
//!
//! Three controls: a name that nobody asked must be in no cache; a resolver's own name must be in its own; and of two
//! resolvers that have each other's names, neither is believed, since they may share a cache behind them. Servers that
//! pass RD=0 on to their upstream (dnsmasq, PowerDNS with forwarders) would speak for that upstream's cache: they are
//! not asked, and of a server whose software is unknown the sign stays weak.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::sleep;

use super::asker::OneOff;
use super::cold::Warmed;
use super::finding::Finding;
use super::inquiry::Inquiry;
use super::software::Software;
use crate::canary::Kind;
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
    let cached = |from: usize, to: usize| {
        let place = warmed.iter().position(|warm| warm.resolver == from)?;
        columns.iter().find(|(owner, _)| *owner == to).map(|(_, looks)| looks[place].cached)
    };
    for (to, looks) in &columns {
        for (warm, look) in warmed.iter().zip(looks).filter(|(warm, _)| warm.resolver != *to) {
            let (from, to) = (warm.resolver, *to);
            let both_ways = cached(to, from) != Some(false);
            if look.cached && both_ways {
                continue;
            }
            let weak = software[to] == Software::Unknown;
            inquiry.found(Finding::Echo { from, to, hit: look.cached, weak, words: look.words.clone() });
        }
    }
}

/// What the cache of one resolver says, or nothing where its controls fail.
async fn column(inquiry: Arc<Inquiry>, to: usize, warmed: Vec<Warmed>) -> Option<(usize, Vec<Look>)> {
    let own = warmed.iter().position(|warm| warm.resolver == to)?;
    let control = inquiry.parents.iter().find_map(|parent| inquiry.fresh_name(parent, Kind::Control, to));
    let (qname, qtype) = control?;
    if look(&inquiry, to, &Warmed { resolver: to, qname, qtype }).await?.cached {
        return None;
    }
    let mut looks = Vec::new();
    for warm in &warmed {
        looks.push(look(&inquiry, to, warm).await?);
    }
    looks[own].cached.then_some((to, looks))
}

async fn look(inquiry: &Inquiry, to: usize, warm: &Warmed) -> Option<Look> {
    // A validator keeps what it fetched for another validator, which asks with CD, from those who ask without.
    let one_off = OneOff::new(warm.qname.clone(), warm.qtype, PATIENCE).without_recursion().unchecked();
    let heard = inquiry.asker.ask(to, &one_off).await;
    let reply = heard.reply()?;
    let refused = reply.rcode != Rcode::NOERROR && reply.rcode != Rcode::NXDOMAIN;
    let cached = reply.rcode == Rcode::NXDOMAIN || reply.answers_of(warm.qtype.code()).next().is_some();
    let words = format!("asked {} {} with RD=0, CD=1: {}", warm.qname, warm.qtype.as_str(), heard.words());
    (!refused).then_some(Look { cached, words })
}
