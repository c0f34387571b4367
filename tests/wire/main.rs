//! Replies are hostile input: whatever comes, the decoder neither panics nor hangs nor takes more memory than is stated.

#![expect(clippy::unwrap_used, reason = "a test fails where it unwraps")]

mod packets;

use std::cell::Cell;
use std::sync::Mutex;

use fathom::estate::QueryType;
use fathom::expect::{Expect, canonical};
use fathom::wire::{CaseMemory, Encoded, Rcode, Reply, Stray};
use peak_alloc::PeakAlloc;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use tokio::time::Instant;

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// Held by every test here: memory can only be measured while nothing else runs.
static ALONE: Mutex<()> = Mutex::new(());

/// Decodes a packet and does with the reply all that the program does with replies.
fn look_at(packet: &[u8], question: &Encoded) -> Result<(), Stray> {
    let reply = Reply::decode(packet, question, &CaseMemory::default())?;
    let expect = Expect {
        rcode: Rcode(reply.rcode.0),
        answers: vec![canonical("192.0.2.1")],
        networks: vec!["192.0.2.0/24".parse().unwrap()],
        matches: Some(regex::Regex::new("^192").unwrap()),
        ..Expect::default()
    };
    for qtype in QueryType::ALL {
        drop(expect.mismatch(*qtype, &reply).map(|mismatch| mismatch.to_string()));
    }
    for record in reply.answers.iter().chain(&reply.authorities) {
        let printable = |c: char| c.is_ascii_graphic() || c == ' ';
        assert!(record.to_string().chars().all(printable), "{record}");
        let _ = (record.ttl(), record.address(), record.serial());
    }
    assert!(reply.extended_errors.len() <= 8);
    let texts = reply.extended_errors.iter().map(|error| &error.text).chain(&reply.nsid);
    texts.for_each(|text| assert!(text.len() <= 64 && text.chars().all(|c| c.is_ascii_graphic() || c == ' ')));
    assert_eq!(*reply.packet, packet[..]);
    Ok(())
}

#[test]
fn a_good_reply_is_read() {
    let _alone = ALONE.lock().unwrap();
    let question = packets::question();
    assert_eq!(look_at(&packets::good(&question), &question), Ok(()));
}

#[test]
fn no_packet_does_harm() {
    let _alone = ALONE.lock().unwrap();
    let question = packets::question();
    let random = proptest::collection::vec(any::<u8>(), 0..4096);
    let random_answers = (proptest::collection::vec(any::<u8>(), 12..4096), Just(question.id()));
    let random_answers = random_answers.prop_map(|(mut packet, id)| {
        packet[..2].copy_from_slice(&id.to_be_bytes());
        packet
    });
    let read = Cell::new(0_u32);
    let try_all = |packets: BoxedStrategy<Vec<u8>>| {
        let look = |packet: Vec<u8>| {
            read.set(read.get() + u32::from(look_at(&packet, &question).is_ok()));
            Ok(())
        };
        let config = Config { cases: 3000, failure_persistence: None, ..Config::default() };
        TestRunner::new(config).run(&packets, look).unwrap();
    };
    try_all(random.boxed());
    try_all(random_answers.boxed());
    try_all(packets::damaged(&question).boxed());
    try_all(packets::assembled(&question, 4096).boxed());
    try_all(packets::assembled(&question, 65_535).boxed());
    let read = read.get();
    assert!(read > 2000, "many of them pass for a reply, or this test tries nothing: {read}");
}

#[test]
fn the_worst_message_takes_bounded_memory_and_time() {
    let _alone = ALONE.lock().unwrap();
    let question = packets::question();
    for bomb in packets::bombs(&question) {
        let before = MEMORY.current_usage();
        MEMORY.reset_peak_usage();
        let started = Instant::now();
        let reply = Reply::decode(&bomb, &question, &CaseMemory::default());
        let (took, peak) = (started.elapsed(), MEMORY.peak_usage() - before);
        println!("{} bytes: {peak} bytes of memory, {took:?}, read: {}", bomb.len(), reply.is_ok());
        assert!(peak < 8 << 20, "{peak} bytes for a message of {}", bomb.len());
        assert!(took.as_secs() < 5, "milliseconds, on a machine that is not busy: {took:?}");
    }
}
