//! From the board, and from what was kept, to a [`Book`]: what the configuration of this moment still verifies.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::SystemTime;

use super::{AddressType, Book, Entry, FORM, LeftOut, MOST_ADDRESSES, MOST_ANSWERS, Proof, Verified, host_name};
use crate::board::TargetCell;
use crate::estate::{Estate, Name, QueryClass, QueryType};
use crate::plan::{Purpose, Target};
use crate::wire::{Rcode, Reply};

/// Every name of the estate that has addresses: what is on the board, else what was kept `before`, and the newer of both.
/// Nothing is taken over that the estate, as it is now, would not verify.
pub fn book(estate: &Estate, cells: &[Arc<TargetCell>], before: &Book, now: SystemTime) -> Book {
    let mut of_name: HashMap<&str, Vec<Verified>> = HashMap::new();
    for cell in cells {
        if let Some(verified) = verified(cell) {
            of_name.entry(cell.target().name.id.as_str()).or_default().push(verified);
        }
    }
    let mut kept: HashMap<&str, &Entry> = before.names.iter().map(|entry| (entry.name.as_str(), entry)).collect();
    let entry = |name: &Arc<Name>| {
        let qtype = address_type(name)?;
        let left_out = left_out(name);
        let mut answers = of_name.remove(name.id.as_str()).unwrap_or_default();
        let same = |old: &&Entry| old.qname == name.question.qname.as_str() && old.qtype == qtype;
        let old = kept.remove(name.id.as_str()).filter(same).map(|old| old.answers.as_slice()).unwrap_or_default();
        answers.extend(old.iter().filter(|answer| left_out.is_none() && still_holds(answer, name, estate)).cloned());
        Some(Entry {
            name: name.id.to_string(),
            class: name.class.to_string(),
            qname: name.question.qname.to_string(),
            qtype,
            left_out,
            answers: newest_of_each(answers),
        })
    };
    let mut names: Vec<Entry> = estate.names.iter().filter_map(entry).collect();
    bound(&mut names);
    Book {
        form: FORM,
        environment: estate.environment.to_string(),
        vantage: estate.vantage.to_string(),
        written_at: now,
        kept: String::new(),
        names,
    }
}

/// A book of nothing.
pub(super) fn empty(now: SystemTime) -> Book {
    let (environment, vantage, kept) = (String::new(), String::new(), String::new());
    Book { form: FORM, environment, vantage, written_at: now, kept, names: Vec::new() }
}

/// The type of addresses that the name has, if it has any.
fn address_type(name: &Name) -> Option<AddressType> {
    let question = &name.question;
    if question.qclass != QueryClass::In || name.expect.rcode != Rcode::NOERROR || name.expect.max_answers == Some(0) {
        return None;
    }
    if question.qtype == QueryType::A {
        Some(AddressType::A)
    } else if question.qtype == QueryType::Aaaa {
        Some(AddressType::Aaaa)
    } else {
        None
    }
}

fn left_out(name: &Name) -> Option<LeftOut> {
    let qname = &name.question.qname;
    if qname.has_nonce() {
        Some(LeftOut::Nonce)
    } else if host_name(qname).is_none() {
        Some(LeftOut::NotAHostName)
    } else if proof(name).is_none() {
        Some(LeftOut::Unverified)
    } else {
        None
    }
}

/// What verifies good answers of the name, if anything does.
fn proof(name: &Name) -> Option<Proof> {
    let expect = &name.expect;
    if !expect.answers.is_empty() {
        Some(Proof::Answers)
    } else if !expect.networks.is_empty() {
        Some(Proof::Networks)
    } else if expect.matches.is_some() {
        Some(Proof::Matches)
    } else if expect.authenticated == Some(true) && !name.question.checking_disabled {
        Some(Proof::Dnssec)
    } else {
        None
    }
}

/// What the target's last good reply says, as the target is asked and judged now: a reload may have changed both.
fn verified(cell: &TargetCell) -> Option<Verified> {
    let target: &Target = cell.target();
    let name = &target.name;
    if target.purpose != Purpose::Name || address_type(name).is_none() || left_out(name).is_some() {
        return None;
    }
    let good = cell.replies().good?;
    let reply = Reply::read_again(&good.packet)?;
    let question = &name.question;
    let holds = reply.is_about(&question.qname, question.qtype)
        && reply.rcode == name.expect.rcode
        && name.expect.mismatch(question.qtype, &reply).is_none();
    let mut addresses: Vec<IpAddr> =
        reply.answers_of(question.qtype.code()).filter_map(crate::wire::Record::address).collect();
    addresses.sort_unstable();
    addresses.dedup();
    (holds && (1..=MOST_ADDRESSES).contains(&addresses.len())).then_some(())?;
    Some(Verified {
        datacenter: target.cluster.datacenter.to_string(),
        cluster: target.cluster.name.to_string(),
        resolver: target.resolver.name.to_string(),
        address: target.resolver.address,
        at: good.at,
        proof: proof(name)?,
        addresses,
    })
}

/// Whether what was kept would be verified now.
fn still_holds(answer: &Verified, name: &Name, estate: &Estate) -> bool {
    let is_asked = estate.clusters.iter().any(|cluster| {
        cluster.name.as_str() == answer.cluster
            && name.clusters.contains(&cluster.name)
            && cluster
                .resolvers
                .iter()
                .any(|resolver| resolver.name.as_str() == answer.resolver && resolver.address == answer.address)
    });
    is_asked && proof(name) == Some(answer.proof) && name.expect.admits(&answer.addresses)
}

/// The newest answer of each resolver, over whatever transport it came.
fn newest_of_each(mut answers: Vec<Verified>) -> Vec<Verified> {
    answers.sort_by(|a, b| (&a.cluster, &a.resolver, b.at).cmp(&(&b.cluster, &b.resolver, a.at)));
    answers.dedup_by(|later, first| (&later.cluster, &later.resolver) == (&first.cluster, &first.resolver));
    answers
}

/// Drops the oldest answers where there are too many.
fn bound(names: &mut [Entry]) {
    let mut times: Vec<SystemTime> = names.iter().flat_map(|entry| &entry.answers).map(|answer| answer.at).collect();
    if times.len() <= MOST_ANSWERS {
        return;
    }
    times.sort_unstable_by(|a, b| b.cmp(a));
    let (oldest, mut room) = (times[MOST_ANSWERS - 1], MOST_ANSWERS);
    for entry in names {
        entry.answers.retain(|answer| {
            let stays = answer.at >= oldest && room > 0;
            room -= usize::from(stays);
            stays
        });
    }
}
