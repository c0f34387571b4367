//! The fleet in virtual time, against a real server on a loopback socket in the same runtime.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use fathom::board::Snapshot;
use fathom::outcome::Outcome;
use fathom::plan::Purpose;
use fathom::schedule::Skip;
use tokio::time::{Instant, advance, sleep};

use crate::estate::{INTERVAL, PATIENCE, Plan, TIMEOUT, label};
use crate::responder::{Asked, Responder, Say};
use crate::start;

const AT_ONCE: Say = Say::Address(Duration::ZERO);

/// Probes of names that ended with the outcome.
fn count(snapshot: &Snapshot, outcome: Outcome) -> u64 {
    let names = snapshot.targets.iter().filter(|(target, _)| target.purpose == Purpose::Name);
    names.map(|(_, state)| state.results[outcome.index()]).sum()
}

/// When each configured name was asked.
fn times_by_name(asked: &[Asked]) -> BTreeMap<&str, Vec<Instant>> {
    let mut times: BTreeMap<&str, Vec<Instant>> = BTreeMap::new();
    for asked in asked.iter().filter(|asked| asked.qname.ends_with(".example.")) {
        times.entry(&asked.qname).or_default().push(asked.at);
    }
    times
}

#[tokio::test(start_paused = true)]
async fn an_hour_is_exact_and_evenly_spread() {
    let server = Responder::start(|_| Say::Address(Duration::from_millis(20))).await;
    let started = Instant::now();
    let (board, fleet) = start(&Plan::new(&[server.address], 40).estate());
    sleep(Duration::from_secs(3600)).await;
    fleet.stop().await;

    let asked = server.asked();
    let times = times_by_name(&asked);
    assert_eq!(times.len(), 40);
    for (name, times) in &times {
        assert!(times.len().abs_diff(360) <= 1, "{name}: {} probes", times.len());
        let slot = |n: usize| INTERVAL * u32::try_from(n).unwrap();
        let first = times[0] - started;
        for (n, time) in times.iter().enumerate() {
            let offset = (*time - started).as_secs_f64() - slot(n).as_secs_f64() - first.as_secs_f64();
            assert!(offset.abs() <= 1.002, "{name}: probe {n} is {offset} s off its slot");
        }
    }
    let per_second = times.values().flatten().filter(|time| **time - started < INTERVAL);
    let mut seconds = [0_u32; 10];
    per_second.for_each(|time| seconds[usize::try_from((*time - started).as_secs()).unwrap()] += 1);
    assert!(seconds.iter().all(|n| (1..=8).contains(n)), "40 probes over ten seconds: {seconds:?}");

    let sent = times.values().map(Vec::len).sum::<usize>() as u64;
    assert!(count(&board.snapshot(), Outcome::Ok).abs_diff(sent) <= 1, "every probe counted once");
    let stats = fleet.stats();
    assert_eq!((stats.in_flight, stats.skipped), (0, [0; Skip::ALL.len()]));
    assert!(stats.lag.sum() / f64::from(u32::try_from(stats.lag.count()).unwrap()) < 0.002, "{:?}", stats.lag);
}

#[tokio::test(start_paused = true)]
async fn losses_are_counted_exactly_and_late_answers_are_evidence_only() {
    let mut n = 0_u32;
    let server = Responder::start(move |asked| {
        n += u32::from(asked.qname == "n0.example.");
        if n.is_multiple_of(100) { Say::Servfail(Duration::from_secs(10)) } else { AT_ONCE }
    })
    .await;
    let (board, fleet) = start(&Plan::new(&[server.address], 1).estate());
    sleep(Duration::from_secs(3600 * 3)).await;
    fleet.stop().await;
    let snapshot = board.snapshot();
    let timeouts = count(&snapshot, Outcome::Timeout);
    assert!(timeouts >= 10, "{timeouts}");
    assert_eq!(count(&snapshot, Outcome::Servfail), 0, "a late answer changes no outcome");
    let late = &snapshot.resolvers[0].state.late_replies;
    let key = (label("external"), "SERVFAIL");
    assert!(late[&key].abs_diff(timeouts) <= 1, "{late:?} of {timeouts}");
    let expected = server.asked().iter().filter(|asked| asked.qname == "n0.example.").count() / 100;
    assert!(timeouts.abs_diff(expected as u64) <= 1);
}

#[tokio::test(start_paused = true)]
async fn one_target_is_never_asked_twice_at_once_and_every_probe_has_its_own_port() {
    let server = Responder::start(|_| Say::Nothing).await;
    let mut plan = Plan::new(&[server.address], 3);
    plan.interval = Duration::from_secs(2);
    let (_board, fleet) = start(&plan.estate());
    fleet.look_closer(&label("c"), &label("r0"), Duration::from_secs(600));
    sleep(Duration::from_secs(600)).await;
    let in_flight = fleet.stats().in_flight;
    fleet.stop().await;
    let asked = server.asked();
    for (name, times) in times_by_name(&asked) {
        assert!(times.len() >= 200, "{name}: {}", times.len());
        assert!(times.windows(2).all(|pair| pair[1] - pair[0] >= TIMEOUT), "{name}: asked while still asking");
    }
    assert!(in_flight <= 3 * 8, "patience over interval, and the one being asked: {in_flight}");
    for (place, asked_at) in asked.iter().enumerate() {
        let open = asked[..place].iter().filter(|other| asked_at.at - other.at < PATIENCE.min(TIMEOUT));
        assert!(open.map(|other| other.port).all(|port| port != asked_at.port));
    }
}

#[tokio::test(start_paused = true)]
async fn a_change_is_confirmed_by_three_quick_probes() {
    let server = Responder::start(|_| AT_ONCE).await;
    let (board, fleet) = start(&Plan::new(&[server.address], 1).estate());
    sleep(Duration::from_secs(100)).await;
    assert_eq!(count(&board.snapshot(), Outcome::Ok), 10);
    server.say(|_| Say::Servfail(Duration::ZERO));
    let before = server.asked().len();
    sleep(Duration::from_secs(10)).await;
    let after = server.asked();
    let times = &times_by_name(&after[before..])["n0.example."];
    assert_eq!(times.len(), 4, "its own probe and three more");
    assert!(times.windows(2).all(|pair| pair[1] - pair[0] <= Duration::from_millis(1005)));
    assert_eq!(count(&board.snapshot(), Outcome::Servfail), 4);
    sleep(Duration::from_secs(100)).await;
    assert_eq!(count(&board.snapshot(), Outcome::Servfail), 14, "and then the usual rhythm");
    fleet.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_closer_look_begins_at_once_and_ends_by_itself() {
    let server = Responder::start(|_| AT_ONCE).await;
    let (board, fleet) = start(&Plan::new(&[server.address], 4).estate());
    sleep(Duration::from_secs(60)).await;
    assert!(!fleet.look_closer(&label("c"), &label("nobody"), INTERVAL));
    let before = server.asked().len();
    assert!(fleet.look_closer(&label("c"), &label("r0"), Duration::from_secs(30)));
    sleep(Duration::from_secs(31)).await;
    let during = server.asked();
    for (name, times) in times_by_name(&during[before..]) {
        assert!((30..=64).contains(&times.len()), "{name}: {} probes in 30 s", times.len());
    }
    sleep(Duration::from_secs(100)).await;
    for (name, times) in times_by_name(&server.asked()[during.len()..]) {
        assert!(times.len().abs_diff(10) <= 1, "{name}: {} probes in 100 s", times.len());
    }
    assert_eq!(
        count(&board.snapshot(), Outcome::Stale),
        0,
        "an authority's TTL may stand still, however often it is asked"
    );
}

#[tokio::test(start_paused = true)]
async fn the_packet_budget_is_never_exceeded_and_what_is_skipped_is_counted() {
    let server = Responder::start(|_| AT_ONCE).await;
    let mut plan = Plan::new(&[server.address], 100);
    plan.packets_per_second = 5;
    let (board, fleet) = start(&plan.estate());
    fleet.look_closer(&label("c"), &label("r0"), Duration::from_secs(600));
    sleep(Duration::from_secs(600)).await;
    fleet.stop().await;
    let asked = server.asked();
    for (place, first) in asked.iter().enumerate() {
        let within = asked[place..].iter().take_while(|asked| asked.at - first.at <= Duration::from_secs(10)).count();
        assert!(within <= 5 + 50 + 1, "{within} packets in ten seconds");
    }
    let skipped = fleet.stats().skipped[Skip::Budget as usize];
    let probed = count(&board.snapshot(), Outcome::Ok);
    assert!(skipped > 2500, "about half of 6000: {skipped}");
    assert!((probed + skipped).abs_diff(6000) <= 200, "every slot is probed or skipped: {probed} + {skipped}");
}

#[tokio::test(start_paused = true)]
async fn no_more_sockets_than_allowed_and_evidence_gives_way_to_probes() {
    let server = Responder::start(|_| Say::Nothing).await;
    let mut plan = Plan::new(&[server.address], 100);
    plan.max_in_flight = 10;
    let (board, fleet) = start(&plan.estate());
    for _ in 0..600 {
        sleep(Duration::from_millis(500)).await;
        assert!(fleet.stats().in_flight <= 10);
    }
    fleet.stop().await;
    assert_eq!(fleet.stats().in_flight, 0);
    let skipped = fleet.stats().skipped[Skip::InFlight as usize];
    let timeouts = count(&board.snapshot(), Outcome::Timeout);
    // 300 s, of which every probe takes two: ten seats give 1,500 at best, five of them 750.
    assert!((750..=1500).contains(&timeouts), "{timeouts} probes, {skipped} skipped");
    assert!(skipped > 1000, "{skipped}");
}

#[tokio::test(start_paused = true)]
async fn after_a_suspend_silence_is_the_probers_own_fault_and_there_is_no_burst() {
    let server = Responder::start(|_| Say::Nothing).await;
    let (board, fleet) = start(&Plan::new(&[server.address], 100).estate());
    sleep(Duration::from_secs(60)).await;
    let before = board.snapshot();
    let asked_before = server.asked().len();
    advance(Duration::from_secs(3600)).await;
    sleep(Duration::from_millis(900)).await;
    let burst = server.asked().len() - asked_before;
    assert!(burst <= 25, "two seconds' worth at most, not an hour's: {burst}");
    let after = board.snapshot();
    let own_fault = count(&after, Outcome::InternalError) - count(&before, Outcome::InternalError);
    assert!((15..=25).contains(&own_fault), "those that were in flight: {own_fault}");
    assert_eq!(count(&after, Outcome::Timeout), count(&before, Outcome::Timeout));
    assert!(fleet.stats().skipped[Skip::Overload as usize].abs_diff(36_000) < 200);
    sleep(Duration::from_secs(60)).await;
    let timeouts = count(&board.snapshot(), Outcome::Timeout) - count(&after, Outcome::Timeout);
    assert!((550..=900).contains(&timeouts), "and then it goes on: {timeouts}");
    fleet.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_reload_keeps_what_stays_and_forgets_what_went() {
    let server = Responder::start(|_| AT_ONCE).await;
    let mut plan = Plan::new(&[server.address, server.address], 3);
    let (board, fleet) = start(&plan.estate());
    sleep(Duration::from_secs(100)).await;
    let asked_before = server.asked();
    let old_rhythm = times_by_name(&asked_before)["n1.example."].clone();
    let contact = fleet.contact(&label("c"), &label("r0")).unwrap();

    plan.resolvers.truncate(1);
    plan.names = vec!["n1".to_owned(), "n9".to_owned()];
    fleet.reload(&plan.estate()).await;
    assert!(Arc::ptr_eq(&contact, &fleet.contact(&label("c"), &label("r0")).unwrap()));
    assert!(fleet.contact(&label("c"), &label("r1")).is_none());
    sleep(Duration::from_secs(100)).await;
    fleet.stop().await;

    let snapshot = board.snapshot();
    let keys: HashSet<_> = snapshot.targets.iter().map(|(target, _)| target.name.id.as_str().to_owned()).collect();
    assert_eq!(keys, HashSet::from(["n1", "n9", "id-server", "version-bind"].map(str::to_owned)));
    let results = |id: &str| {
        let (_, state) = snapshot.targets.iter().find(|(target, _)| target.name.id.as_str() == id).unwrap();
        state.results[Outcome::Ok.index()]
    };
    assert!(results("n1").abs_diff(20) <= 1, "its counter goes on: {}", results("n1"));
    assert!(results("n9").abs_diff(10) <= 1, "{}", results("n9"));

    let asked = server.asked();
    let times = times_by_name(&asked[asked_before.len()..]);
    assert_eq!(times.keys().copied().collect::<Vec<_>>(), ["n1.example.", "n9.example."]);
    let on_grid = |time: &Instant| {
        old_rhythm.iter().any(|old| {
            let off = (*time - *old).as_secs_f64() % INTERVAL.as_secs_f64();
            off.min(INTERVAL.as_secs_f64() - off) <= 1.01
        })
    };
    assert!(times["n1.example."].iter().all(on_grid), "its rhythm goes on");
}

#[tokio::test(start_paused = true)]
async fn a_changed_question_starts_afresh_and_keeps_its_counters() {
    let server = Responder::start(|_| AT_ONCE).await;
    let mut plan = Plan::new(&[server.address], 1);
    let (board, fleet) = start(&plan.estate());
    sleep(Duration::from_secs(100)).await;
    plan.interval = Duration::from_secs(5);
    fleet.reload(&plan.estate()).await;
    sleep(Duration::from_secs(100)).await;
    fleet.stop().await;
    let ok = count(&board.snapshot(), Outcome::Ok);
    assert!(ok.abs_diff(30) <= 1, "ten at the old interval, twenty at the new one: {ok}");
}

#[tokio::test(start_paused = true)]
async fn after_stop_nothing_is_asked_and_nothing_recorded() {
    let server = Responder::start(|_| Say::Nothing).await;
    let (board, fleet) = start(&Plan::new(&[server.address], 10).estate());
    sleep(Duration::from_secs(60)).await;
    assert!(board.is_ready() && fleet.stats().in_flight > 0);
    let stopping = Instant::now();
    fleet.stop().await;
    assert_eq!(Instant::now(), stopping, "at once");
    let (asked, seen) = (server.asked().len(), count(&board.snapshot(), Outcome::Timeout));
    sleep(Duration::from_secs(60)).await;
    assert_eq!((server.asked().len(), count(&board.snapshot(), Outcome::Timeout)), (asked, seen));
}
