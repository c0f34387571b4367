//! Whose tracer is reached through whom? A fresh name below each resolver's tracer zone, asked at the others.
//!
//! Only the resolver itself serves its tracer zone; everybody else's answer comes from the beacon. So an answer with the
//! tracer's address proves a path, while all works and while nothing does. The control is a tracer that nobody serves:
//! where even that is answered, somebody answers everything, and nothing is proved. The name is fresh every time, since
//! a negative answer from better days would hide a path (a fixed name missed a ring that way).

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;

use super::asker::{Heard, OneOff};
use super::finding::{Finding, Sight};
use super::inquiry::Inquiry;
use crate::canary::{Answered, NonceFactory, NotGenuine, read_answer};
use crate::estate::{DomainName, QueryType, Resolver};
use crate::wire::Rcode;

/// How long a tracer is waited for. A path to a sibling takes milliseconds; what takes longer leads elsewhere.
const PATIENCE: Duration = Duration::from_secs(3);

/// The label that is no resolver's name: its tracer is answered by the beacon alone.
const NOBODY: &str = "zz--nobody";

/// Asks for the tracers of `to` at `from`, for every pair, and once more for each that was reached.
pub async fn run(inquiry: &Arc<Inquiry>, pairs: &[(usize, usize)]) {
    let mut rows: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (from, to) in pairs {
        rows.entry(*from).or_default().push(*to);
    }
    let mut tasks = JoinSet::new();
    for (from, tos) in rows {
        tasks.spawn(row(Arc::clone(inquiry), from, tos));
    }
    tasks.join_all().await;
}

/// All tracers asked at one resolver, with their control.
async fn row(inquiry: Arc<Inquiry>, from: usize, tos: Vec<usize>) {
    let mut tasks = JoinSet::new();
    for to in tos {
        tasks.spawn(ask(Arc::clone(&inquiry), from, to));
    }
    if let Some(words) = control(&inquiry, from).await {
        inquiry.found(Finding::Polluted { resolver: from, words });
        return;
    }
    for found in tasks.join_all().await.into_iter().flatten() {
        let hit = matches!(found, Finding::Tracer { sight: Sight::Hit, .. });
        let to = if let Finding::Tracer { to, .. } = &found { *to } else { from };
        inquiry.found(found);
        if hit && let Some(again) = ask(Arc::clone(&inquiry), from, to).await {
            inquiry.found(again);
        }
    }
}

async fn ask(inquiry: Arc<Inquiry>, from: usize, to: usize) -> Option<Finding> {
    let nonces = inquiry.nonces.as_ref()?;
    let owner = inquiry.asker.resolver(to);
    let qname = nonces.tracer_name(owner.tracer.as_ref()?, u16::try_from(to).unwrap_or(u16::MAX))?;
    let heard = inquiry.asker.ask(from, &question(qname.clone())).await;
    let sight = judge(&heard, &qname, owner, nonces);
    let rtt = if let Heard::Reply(_, after) = &heard { Some(*after) } else { None };
    let words = format!("asked {qname} A: {}", heard.words());
    Some(Finding::Tracer { from, to, sight, rtt, words })
}

/// What was asked and came, when a tracer that nobody serves has an address.
async fn control(inquiry: &Inquiry, from: usize) -> Option<String> {
    let nonces = inquiry.nonces.as_ref()?;
    let qname = nonces.tracer_name(&nonces.tracer_zone(NOBODY)?, u16::MAX)?;
    let heard = inquiry.asker.ask(from, &question(qname.clone())).await;
    let forged = matches!(
        read_answer(heard.reply()?, &qname, None, nonces.keys()),
        Ok(Answered::Tracer) | Err(NotGenuine::Forged(_))
    );
    forged.then(|| format!("asked {qname} A, which nobody serves: {}", heard.words()))
}

/// CD: a validator shall not hold the answer of an unsigned tracer zone against a signed parent.
fn question(qname: DomainName) -> OneOff {
    OneOff::new(qname, QueryType::A, PATIENCE).unchecked()
}

fn judge(heard: &Heard, qname: &DomainName, owner: &Resolver, nonces: &NonceFactory) -> Sight {
    let Some(reply) = heard.reply() else { return Sight::Unclear };
    match read_answer(reply, qname, Some(owner), nonces.keys()) {
        Ok(Answered::Tracer) => Sight::Hit,
        // Without a beacon, an authority says that there is no such name: that is not the resolver with the tracer either.
        Ok(Answered::Beacon(_)) | Err(NotGenuine::Empty | NotGenuine::Error(Rcode::NXDOMAIN)) => Sight::Miss,
        Err(NotGenuine::Error(_) | NotGenuine::Forged(_)) => Sight::Unclear,
    }
}
