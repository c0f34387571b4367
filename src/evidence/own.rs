//! Does a resolver answer what it can answer without help? Its first zone's SOA, or else whatever it says of itself.
//!
//! The control against loss is a second question from a fresh port; against filters, the same over TCP.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;

use super::asker::{Heard, OneOff};
use super::finding::Finding;
use super::inquiry::Inquiry;
use super::software::Software;
use crate::estate::{DomainName, QueryType};
use crate::verdict::situation::{OverTcp, Own};
use crate::wire::{Rcode, Record};

/// How long its own answers are waited for.
const PATIENCE: Duration = Duration::from_secs(1);

/// Asks these resolvers; `zone` is one that they are authoritative for.
pub async fn run(inquiry: &Arc<Inquiry>, zone: Option<&DomainName>, resolvers: impl IntoIterator<Item = usize>) {
    let mut tasks = JoinSet::new();
    for resolver in resolvers {
        tasks.spawn(one(Arc::clone(inquiry), zone.cloned(), resolver));
    }
    tasks.join_all().await;
}

async fn one(inquiry: Arc<Inquiry>, zone: Option<DomainName>, resolver: usize) {
    let question = zone
        .as_ref()
        .map_or_else(about_itself, |zone| OneOff::new(zone.clone(), QueryType::Soa, PATIENCE).without_recursion());
    let mut heard = inquiry.asker.ask(resolver, &question).await;
    if heard == Heard::Silence {
        heard = inquiry.asker.ask(resolver, &question).await;
    }
    let Some(own) = judge(&heard, zone.is_some()) else { return };
    let mut words =
        format!("asked {} {}: {}", question.question.qname, question.question.qtype.as_str(), heard.words());
    let mut over_tcp = OverTcp::Unasked;
    if own != Own::Answers {
        let heard = inquiry.asker.ask(resolver, &question.clone().over_tcp()).await;
        over_tcp = match judge(&heard, zone.is_some()) {
            Some(Own::Answers) => OverTcp::Works,
            Some(_) => OverTcp::Fails,
            None => OverTcp::Unasked,
        };
        words = format!("{words}; over TCP: {}", heard.words());
    }
    inquiry.found(Finding::Own { resolver, own, over_tcp, words });
}

/// What it says its software is, and which that is; nothing where it does not say, not even by the way it refuses.
pub async fn version(inquiry: &Inquiry, resolver: usize) -> (Option<String>, Option<Software>) {
    let heard = inquiry.asker.ask(resolver, &about_itself()).await;
    let Some(reply) = heard.reply() else { return (None, None) };
    let version = reply.answers.first().map(Record::rdata);
    let software = version
        .as_deref()
        .map(Software::of_version)
        .or_else(|| Software::of_refusal(reply.rcode, &reply.extended_errors));
    (version, software)
}

/// A question that every server answers in some way without help.
fn about_itself() -> OneOff {
    let name = DomainName::parse("version.bind.").expect("a fixed name");
    OneOff::new(name, QueryType::Txt, PATIENCE).without_recursion().chaos()
}

/// A zone of its own has to be answered with authority; a question about itself in any way at all.
fn judge(heard: &Heard, of_zone: bool) -> Option<Own> {
    match heard {
        Heard::Reply(reply, _) if of_zone && !(reply.rcode == Rcode::NOERROR && reply.authoritative) => {
            Some(Own::Wrongly)
        }
        Heard::Reply(..) => Some(Own::Answers),
        Heard::Silence => Some(Own::Silent),
        Heard::Nobody(why) if why.contains("refused") => Some(Own::PortClosed),
        Heard::Nobody(_) => Some(Own::NoRoute),
        Heard::NotAsked => None,
    }
}
