//! Is it validation that fails? Names that fail, asked again with checking disabled (CD).
//!
//! The control is the same question without CD: it must fail at the same moment, and again a little later, when nobody
//! remembers the first failure any more. Once is not enough: while a resolver recovers, one question may still wait for
//! what the other no longer needs.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::sleep;

use super::asker::{Heard, OneOff};
use super::finding::Finding;
use super::inquiry::Inquiry;
use crate::estate::{DomainName, QueryType};
use crate::wire::Rcode;

/// How long an answer is waited for. A validator that fails does so at once; so does one that does not validate succeed.
const PATIENCE: Duration = Duration::from_secs(3);

/// After how long a failure is not remembered any more, by the defaults of every resolver known.
const FORGOTTEN: Duration = Duration::from_millis(1500);

/// Asks each resolver for a name that fails there with SERVFAIL.
pub async fn run(inquiry: &Arc<Inquiry>, failing: Vec<(usize, DomainName, QueryType)>) {
    let mut tasks = JoinSet::new();
    for (resolver, qname, qtype) in failing {
        tasks.spawn(one(Arc::clone(inquiry), resolver, qname, qtype));
    }
    tasks.join_all().await;
}

async fn one(inquiry: Arc<Inquiry>, resolver: usize, qname: DomainName, qtype: QueryType) {
    let question = OneOff::new(qname.clone(), qtype, PATIENCE);
    let without = question.clone().unchecked();
    let (control, heard) = tokio::join!(inquiry.asker.ask(resolver, &question), inquiry.asker.ask(resolver, &without));
    let is = |heard: &Heard, rcode: Rcode| heard.reply().is_some_and(|reply| reply.rcode == rcode);
    let mut words = format!("asked {qname} {}: {}; with CD=1: {}", qtype.as_str(), control.words(), heard.words());
    let mut without_works = is(&control, Rcode::SERVFAIL) && is(&heard, Rcode::NOERROR);
    if without_works {
        sleep(FORGOTTEN).await;
        let again = inquiry.asker.ask(resolver, &question).await;
        without_works = is(&again, Rcode::SERVFAIL);
        words = format!("{words}; without CD again: {}", again.words());
    }
    inquiry.found(Finding::Unchecked { resolver, works: without_works, words });
}
