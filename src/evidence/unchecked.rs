//! Is it validation that fails? Names that fail, asked again with checking disabled (CD).
//!
//! The control is the same question without CD at the same moment: it must still fail.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;

use super::asker::{Heard, OneOff};
use super::finding::Finding;
use super::inquiry::Inquiry;
use crate::estate::{DomainName, QueryType};
use crate::wire::Rcode;

/// How long an answer is waited for. A validator that fails does so at once; so does one that does not validate succeed.
const PATIENCE: Duration = Duration::from_secs(3);

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
    let rcode = |heard: &Heard| heard.reply().map(|reply| reply.rcode);
    let unchecked_works = rcode(&control) == Some(Rcode::SERVFAIL) && rcode(&heard) == Some(Rcode::NOERROR);
    let words = format!("asked {qname} {}: {}; with CD=1: {}", qtype.as_str(), control.words(), heard.words());
    inquiry.found(Finding::Unchecked { resolver, works: unchecked_works, words });
}
