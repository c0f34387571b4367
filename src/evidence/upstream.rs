//! Are the known upstreams well? Asked directly, past the resolvers.

use std::net::SocketAddr;
use std::sync::Arc;

use super::asker::{Heard, OneOff};
use super::finding::Finding;
use super::inquiry::{Inquiry, SOON};
use crate::canary::Kind;
use crate::exchange::Contact;
use crate::wire::Rcode;

/// Asks one upstream after the other for a cold name, until one resolves.
pub async fn run(inquiry: &Arc<Inquiry>, upstreams: &[(SocketAddr, Arc<Contact>)]) {
    let mut all = Vec::new();
    for (address, contact) in upstreams {
        let name = inquiry.parents.iter().find_map(|parent| inquiry.fresh_name(parent, Kind::Nonce, usize::MAX));
        let Some((qname, qtype)) = name else { return };
        let heard = inquiry.asker.ask_outside(*address, contact, &OneOff::new(qname.clone(), qtype, SOON)).await;
        if heard == Heard::NotAsked {
            return;
        }
        let works = heard.reply().is_some_and(|reply| matches!(reply.rcode, Rcode::NOERROR | Rcode::NXDOMAIN));
        all.push(format!("asked {address} directly for {qname} {}: {}", qtype.as_str(), heard.words()));
        if works {
            inquiry.found(Finding::Upstream { works, words: all.pop().unwrap_or_default() });
            return;
        }
    }
    if !all.is_empty() {
        inquiry.found(Finding::Upstream { works: false, words: all.join("; ") });
    }
}
