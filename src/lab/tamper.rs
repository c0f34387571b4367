//! What faults make of an answer. Pure, but for chance and the count of a rate limit.

use std::sync::Arc;
use std::time::Duration;

use hickory_proto::op::{Edns, Message, ResponseCode};
use hickory_proto::rr::rdata::opt::EdnsOption;
use rand::RngExt;

use super::fault::Fault;
use super::findings::Findings;
use super::node::{Injected, Limited};
use super::sample;
use super::software::STALE_TTL;
use super::zone::name;
use crate::estate::Transport;

/// The faults that hit one question.
pub(super) type Faults = [Arc<Injected>];

fn each(faults: &Faults) -> impl Iterator<Item = Fault> {
    faults.iter().map(|injected| injected.fault)
}

/// Whether the question never arrives. TCP sends again what is lost, as long as anything comes through.
pub(super) fn loses(faults: &Faults, via: Transport) -> bool {
    each(faults).any(|fault| {
        if let Fault::Loss(percent) = fault {
            let comes_through = via == Transport::Tcp && percent < 100;
            !comes_through && rand::rng().random_ratio(u32::from(percent.min(100)), 100)
        } else {
            fault == Fault::Drop
        }
    })
}

/// How much later the answer comes.
pub(super) fn delay(faults: &Faults) -> Duration {
    each(faults).map(|fault| if let Fault::Delay(delay) = fault { delay } else { Duration::ZERO }).sum()
}

/// What is answered without a look at the question.
pub(super) fn instead(faults: &Faults) -> Option<Findings> {
    const ANSWERS: [(Fault, ResponseCode); 5] = [
        (Fault::Servfail, ResponseCode::ServFail),
        (Fault::Refused, ResponseCode::Refused),
        (Fault::Nxdomain, ResponseCode::NXDomain),
        (Fault::BadRcode, ResponseCode::NotImp),
        (Fault::Nodata, ResponseCode::NoError),
    ];
    let rcode = |fault| ANSWERS.iter().find(|(of, _)| *of == fault).map(|(_, rcode)| *rcode);
    each(faults).find_map(rcode).map(Findings::error)
}

/// Whether recursion is refused.
pub(super) fn refuses_recursion(faults: &Faults) -> bool {
    each(faults).any(|fault| fault == Fault::RecursionRefused)
}

/// Whether TCP is closed without an answer.
pub(super) fn closes_tcp(faults: &Faults) -> bool {
    each(faults).any(|fault| fault == Fault::Truncation)
}

/// Whether TCP is closed in the middle of the message.
pub(super) fn halves_messages(faults: &Faults) -> bool {
    each(faults).any(|fault| fault == Fault::HalfMessage)
}

/// Changes the answer; nothing is left of one that a rate limit drops.
pub(super) fn alter(faults: &Faults, mut message: Message, via: Transport) -> Option<Message> {
    let has = |wanted| each(faults).any(|fault| fault == wanted);
    if has(Fault::WrongAnswer) {
        for record in &mut message.answers {
            if let Some(data) = sample::rdata(record.record_type(), sample::WRONG) {
                record.data = data;
            }
        }
        message.answers.dedup();
    }
    if has(Fault::WrongId) {
        message.metadata.id ^= 0x5555;
    }
    if has(Fault::WrongQuestion) {
        message.queries.iter_mut().for_each(|query| query.name = name("another-question.invalid."));
    }
    if has(Fault::StaleTtl) && !message.metadata.authoritative {
        message.answers.iter_mut().for_each(|record| record.ttl = STALE_TTL);
    }
    if has(Fault::StaleError)
        && let Some(edns) = &mut message.edns
    {
        add_extended_error(edns, 3, "");
    }
    if has(Fault::NotAuthoritative) {
        message.metadata.authoritative = false;
    }
    if via == Transport::Udp {
        let limited = faults.iter().map(|injected| injected.limit()).find(|limited| *limited != Limited::Not);
        if limited == Some(Limited::Dropped) {
            return None;
        }
        if limited == Some(Limited::Truncated) || has(Fault::Truncation) {
            message = message.truncate();
        }
    }
    Some(message)
}

/// Changes the bytes of the answer: of garbage only the message ID is left, the rest promises more than there is.
pub(super) fn garble(faults: &Faults, bytes: &mut [u8]) {
    if each(faults).any(|fault| fault == Fault::Garbage) {
        bytes[2..].fill(0xff);
    }
}

/// Adds an extended error (RFC 8914) to the options of an answer.
pub(super) fn add_extended_error(edns: &mut Edns, code: u16, text: &str) {
    let bytes = [&code.to_be_bytes(), text.as_bytes()].concat();
    edns.options_mut().insert(EdnsOption::Unknown(15, bytes));
}
