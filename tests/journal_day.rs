//! A day of a journal at its worst: a thousand targets, all of which go back and forth without end. In virtual time.

#![expect(clippy::unwrap_used, reason = "a test fails where it unwraps")]

#[path = "daemon/estate.rs"]
mod estate;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use fathom::board::Board;
use fathom::fleet::Fleet;
use fathom::journal::clock::Clock;
use fathom::journal::history::Span;
use fathom::journal::store::{FILE_NAME, Limits, Reading, open_to_read};
use fathom::journal::{Journal, Settings};
use fathom::plan;
use peak_alloc::PeakAlloc;
use tokio::net::UdpSocket;
use tokio::time::{Instant, sleep};

use estate::Plan;

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// The bound of the file in this test: far less than a day writes.
const MAX_SIZE: u64 = 2 << 20;

const RESOLVERS: usize = 5;
const NAMES: usize = 200;
const INTERVAL: Duration = Duration::from_secs(60 * 60);

/// A server that fails in every second hour, and refuses whatever is no address.
async fn serve(socket: UdpSocket) {
    let started = Instant::now();
    let mut buffer = [0; 512];
    loop {
        let (length, from) = socket.recv_from(&mut buffer).await.unwrap();
        let end = 12 + buffer[12..length].iter().position(|byte| *byte == 0).unwrap() + 5;
        let is_address = buffer[end - 4..end] == [0, 1, 0, 1];
        let fails = (started.elapsed().as_secs() / INTERVAL.as_secs()) % 2 == 1;
        let mut reply = buffer[..end].to_vec();
        let rcode = if is_address && fails { 2 } else { u8::from(!is_address) * 5 };
        reply[2..12].copy_from_slice(&[0x81, 0x80 | rcode, 0, 1, 0, u8::from(rcode == 0), 0, 0, 0, 0]);
        if rcode == 0 {
            reply.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 1, 44, 0, 4, 192, 0, 2, 1]);
        }
        // The asker may have closed its port by now.
        drop(socket.send_to(&reply, from).await);
    }
}

#[tokio::test(start_paused = true)]
async fn a_day_at_a_thousand_targets_that_flap_stays_within_its_bounds() {
    // In memory where the system has such a folder: a day of virtual time waits for thousands of real disk flushes.
    let shared_memory = PathBuf::from("/dev/shm");
    let folder = if shared_memory.is_dir() { shared_memory } else { PathBuf::from(env!("CARGO_TARGET_TMPDIR")) };
    let state_dir = folder.join(format!("fathom-journal-day-{}", std::process::id()));
    drop(std::fs::remove_dir_all(&state_dir));
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let mut plan = Plan::new(&[socket.local_addr().unwrap(); RESOLVERS], NAMES);
    plan.interval = INTERVAL;
    tokio::spawn(serve(socket));
    let estate = plan.estate();
    let board = Arc::new(Board::new(&estate, &plan::targets(&estate)));
    let limits = Limits { max_age: Duration::from_secs(90 * 86_400), max_size: MAX_SIZE };
    let settings = Settings { state_dir: Some(state_dir.clone()), limits, clock: Clock::of_runtime() };
    let journal = Journal::start(&settings, &board, &estate);
    let fleet = Fleet::start(Arc::clone(&board), &estate);

    let (mut settled, mut largest, mut most) = (0, 0, 0);
    for hour in 1..=24 {
        sleep(Duration::from_secs(3600)).await;
        let memory = MEMORY.current_usage();
        largest = largest.max(journal.stats().size);
        // By then every name of every resolver has failed once, and everything that is kept in memory is there.
        if hour == 3 {
            settled = memory;
        }
        most = most.max(memory);
    }
    fleet.stop().await;
    // Whatever is held back is written by then.
    sleep(Duration::from_secs(130)).await;
    let written: u64 = journal.stats().entries.iter().sum();
    // Five things are watched, each of which may make a line a minute.
    let bound = RESOLVERS as u64 * 24 * 60;
    println!("{written} entries of at most {bound}; file {largest} bytes at most; memory {settled} then {most} bytes");
    assert!((bound / 4..=bound + 100).contains(&written), "{written}");
    assert!(largest <= MAX_SIZE + (6 << 20), "{largest} bytes");
    assert!(most < settled + (16 << 20), "memory grew from {settled} to {most} bytes");
    assert_eq!(journal.stats().entries_lost + journal.stats().writes_failed, 0);

    let database = open_to_read(&state_dir).unwrap();
    let kept = Reading::of(&database).after(0, usize::MAX).unwrap();
    assert_eq!(kept.last().unwrap().id, journal.last_id(), "the newest are kept");
    assert!(kept.windows(2).all(|pair| pair[0].id + 1 == pair[1].id), "and none between");
    let incidents = journal.incidents(1000);
    assert!(incidents.len() <= 25, "an hour each: {}", incidents.len());
    let bars = journal.history("c", "r3", Some("n7"), Span::Day);
    let (probes, failed) = bars.iter().fold((0, 0), |sum, bar| (sum.0 + bar.probes, sum.1 + bar.failed));
    assert!(probes >= 24 && failed * 3 > probes && failed < probes, "{failed} of {probes}");
    assert!(bars.iter().all(|bar| bar.ran), "it ran all day");
    let rows: i64 = database.query_row("SELECT count(*) FROM bars", [], |row| row.get(0)).unwrap();
    assert!(rows <= 3 * 62, "{rows} rows of bars");
    assert!(state_dir.join(FILE_NAME).exists());
    std::fs::remove_dir_all(state_dir).unwrap();
}
