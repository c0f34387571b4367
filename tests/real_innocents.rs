//! What looks like a loop and is none. Fathom may be unsure of the cause, but must never claim a loop beyond suspicion.

#![expect(clippy::print_stdout, reason = "the test harness shows it")]

mod support;

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use fathom::verdict::{ClusterState, Confidence, Verdict};
use support::{Authority, CLOSED_PORT, Relay, Setup, Software, Told, Watched, Weather, World, cut_outside, isolated};
use tokio::time::{Instant, sleep};

const NODES: [&str; 3] = ["ns1", "ns2", "ns3"];

/// A verdict that is due. What is lost shows after twenty questions.
const LIMIT: Duration = Duration::from_secs(120);

/// Where nothing is to be said, how long it is listened whether something is said.
const QUIET: Duration = Duration::from_secs(30);

/// BIND that iterate, each for itself, healthy and watched.
async fn iterating(names: &[&str], setup: &Setup, told: Told) -> (World, Watched) {
    let mut world = World::new(names).await;
    for name in names {
        world.build(name, setup.clone()).await;
    }
    let watched = Watched::start(&world, names, told).await;
    watched.until_state(ClusterState::Healthy, LIMIT).await;
    (world, watched)
}

/// BIND that forward to the same upstream, healthy and watched.
async fn sharing(told: impl FnOnce(IpAddr) -> Told) -> (World, Watched) {
    let mut world = World::new(&["ns1", "ns2", "ns3", "upstream"]).await;
    world.build("upstream", Setup::new(Software::Bind)).await;
    let upstream = world.address("upstream");
    let told = told(upstream);
    for name in NODES {
        let mut setup = Setup::new(Software::Bind).forward_only(&[upstream]);
        setup.tracer = told.tracers;
        world.build(name, setup).await;
    }
    let watched = Watched::start(&world, &NODES, told).await;
    watched.until_state(ClusterState::Healthy, LIMIT).await;
    (world, watched)
}

/// Waits until all have one of these verdicts, keeps that line, and looks on for a while whether a loop is claimed.
async fn settles(watched: &Watched, case: &str, truth: &str, allowed: &[Verdict]) {
    let all = |report: &fathom::report::ClusterReport| {
        report.resolvers.iter().all(|seen| allowed.contains(&seen.verdict) && seen.confidence > Confidence::None)
    };
    let (_, after) = watched.until(truth, LIMIT, all).await;
    stays_innocent(watched).await;
    println!("{case}: after {after:.1?}\n{}", watched.in_words());
    watched.record(case, truth);
}

/// Time in which whoever is going to claim a loop has to do so.
async fn stays_innocent(watched: &Watched) {
    let end = Instant::now() + QUIET;
    while Instant::now() < end {
        assert!(watched.surest_loop() <= Confidence::Suspected, "{}", watched.in_words());
        sleep(Duration::from_millis(500)).await;
    }
}

#[test]
fn one_dead_external_authority() {
    isolated(async {
        let (mut world, watched) = iterating(&NODES, &Setup::new(Software::Bind), Told::every(5)).await;
        world.kill(Authority::Cold);
        let case = "one of two external authorities dead";
        settles(&watched, case, "upstream_failing", &[Verdict::UpstreamFailing]).await;
    });
}

#[test]
fn a_dead_shared_upstream() {
    isolated(async {
        let told = |upstream| Told { upstream: Some(upstream), ..Told::every(5) };
        let (mut world, watched) = sharing(told).await;
        world.stop("upstream");
        let case = "shared upstream, known to Fathom, not running";
        settles(&watched, case, "upstream_failing", &[Verdict::UpstreamFailing]).await;
    });
}

#[test]
fn a_shared_upstream_that_is_cut_off() {
    isolated(async {
        let (world, watched) = sharing(|_| Told::every(5)).await;
        world.cut("upstream");
        let case = "shared upstream, not known to Fathom, cut off";
        settles(&watched, case, "upstream_failing", &[Verdict::UpstreamFailing, Verdict::DeadEnd]).await;
    });
}

#[test]
fn a_shared_upstream_that_is_cut_off_with_tracers() {
    isolated(async {
        let (world, watched) = sharing(|_| Told { tracers: true, ..Told::every(5) }).await;
        world.cut("upstream");
        let case = "shared upstream, not known to Fathom, cut off, tracers";
        settles(&watched, case, "upstream_failing", &[Verdict::UpstreamFailing, Verdict::DeadEnd]).await;
    });
}

#[test]
fn all_of_the_outside_gone() {
    isolated(async {
        let (_world, watched) = iterating(&NODES, &Setup::new(Software::Bind), Told::every(5)).await;
        cut_outside();
        let case = "all upstream network gone, resolvers iterate";
        settles(&watched, case, "upstream_failing", &[Verdict::UpstreamFailing]).await;
    });
}

/// Healthy resolvers behind bad lines.
async fn behind(weather: Weather, case: &str, truth: &str, allowed: &[Verdict]) {
    let mut world = World::new(&NODES).await;
    let (mut relays, mut addresses) = (Vec::new(), Vec::new());
    for (name, host) in NODES.into_iter().zip(1..) {
        world.build(name, Setup::new(Software::Bind)).await;
        let address = IpAddr::V4(Ipv4Addr::new(10, 2, 0, host));
        relays.push(Relay::start(address, world.address(name), weather).await);
        addresses.push((name.to_owned(), address));
    }
    let watched = Watched::at(&world, &addresses, Told::every(5)).await;
    settles(&watched, case, truth, allowed).await;
}

#[test]
fn a_tenth_of_all_packets_lost() {
    isolated(async {
        let weather = Weather { loss_percent: 10, ..Weather::default() };
        // In either direction: of a hundred exchanges nineteen fail.
        behind(weather, "10 % packet loss", "lossy", &[Verdict::Ok, Verdict::Lossy]).await;
    });
}

#[test]
fn a_third_of_all_packets_lost() {
    isolated(async {
        let weather = Weather { loss_percent: 30, ..Weather::default() };
        behind(weather, "30 % packet loss", "lossy", &[Verdict::Lossy]).await;
    });
}

#[test]
fn half_a_second_of_delay() {
    isolated(async {
        let weather = Weather { delay: Duration::from_millis(250), ..Weather::default() };
        behind(weather, "500 ms of added delay", "ok", &[Verdict::Ok, Verdict::Slow]).await;
    });
}

async fn all_refuse(world: &mut World, refuse: bool) {
    for name in NODES {
        let mut setup = Setup::new(Software::Bind);
        setup.refuse_recursion = refuse;
        world.build(name, setup).await;
    }
}

#[test]
fn recursion_refused() {
    isolated(async {
        let mut world = World::new(&NODES).await;
        all_refuse(&mut world, true).await;
        let watched = Watched::start(&world, &NODES, Told::every(5)).await;
        let case = "recursion refused to the prober, from the start";
        settles(&watched, case, "recursion_refused", &[Verdict::RecursionRefused]).await;
        // What others see is not known.
        assert_eq!(watched.report().map(|report| report.state), Some(ClusterState::Blind), "{}", watched.in_words());
        all_refuse(&mut world, false).await;
        watched.until_state(ClusterState::Healthy, LIMIT).await;
        all_refuse(&mut world, true).await;
        watched.until_state(ClusterState::Outage, LIMIT).await;
        watched.record("recursion refused, after it was granted", "recursion_refused");
    });
}

#[test]
fn a_broken_chain_of_trust() {
    isolated(async {
        let told = Told { bogus_name: true, ..Told::every(5) };
        let (_world, watched) = iterating(&NODES, &Setup::new(Software::Bind).validating(), told).await;
        let case = "one configured name is bogus";
        settles(&watched, case, "dnssec_failing", &[Verdict::DnssecFailing]).await;
    });
}

#[test]
fn stale_answers_that_hide_an_outage() {
    isolated(async {
        let mut setup = Setup::new(Software::Bind);
        setup.serve_stale = true;
        let (_world, watched) = iterating(&NODES, &setup, Told::every(5)).await;
        cut_outside();
        let case = "serve-stale, all upstream network gone";
        settles(&watched, case, "upstream_failing", &[Verdict::UpstreamFailing, Verdict::StaleMasking]).await;
    });
}

#[test]
fn a_limited_rate_of_answers() {
    isolated(async {
        let mut setup = Setup::new(Software::Bind);
        setup.rate_limit = true;
        let mut world = World::new(&NODES).await;
        for name in NODES {
            world.build(name, setup.clone()).await;
        }
        let watched = Watched::start(&world, &NODES, Told::every(5)).await;
        let case = "response rate limiting, five a second";
        settles(&watched, case, "ok", &[Verdict::Ok, Verdict::Lossy]).await;
    });
}

#[test]
fn restarted_in_the_middle_of_an_experiment() {
    isolated(async {
        let (mut world, watched) = sharing(|_| Told::every(5)).await;
        world.cut("upstream");
        let failing = |report: &fathom::report::ClusterReport| report.resolvers.iter().all(|r| r.verdict.is_failing());
        watched.until("all fail", LIMIT, failing).await;
        // The echoes of failures are on their way: they take ten seconds.
        let upstream = world.address("upstream");
        for name in NODES {
            world.build(name, Setup::new(Software::Bind).forward_only(&[upstream])).await;
        }
        stays_innocent(&watched).await;
        world.mend("upstream");
        let (_, after) = watched.until_state(ClusterState::Healthy, Duration::from_secs(120)).await;
        println!("healthy {after:.1?} after the end of the outage");
        watched.record("all restarted in the middle of an experiment, then healthy", "ok");
    });
}

#[test]
fn one_of_four_down() {
    isolated(async {
        let names = ["ns1", "ns2", "ns3", "ns4"];
        let (mut world, watched) = iterating(&names, &Setup::new(Software::Bind), Told::every(5)).await;
        world.stop("ns4");
        let as_it_is = |report: &fathom::report::ClusterReport| {
            report.resolvers[3].verdict == Verdict::Down
                && report.resolvers[..3].iter().all(|seen| seen.verdict == Verdict::Ok)
        };
        watched.until("ns4 down alone", LIMIT, as_it_is).await;
        stays_innocent(&watched).await;
        watched.record("one resolver of four down", "down (ns4), the others ok");
    });
}

#[test]
fn a_forwarder_with_a_closed_port_beside_healthy_ones() {
    isolated(async {
        let (mut world, watched) = iterating(&NODES, &Setup::new(Software::Bind), Told::every(5)).await;
        world.build("ns1", Setup::new(Software::Bind).forward_only(&[CLOSED_PORT])).await;
        let as_it_is = |report: &fathom::report::ClusterReport| {
            report.resolvers[0].verdict == Verdict::DeadEnd
                && report.resolvers[1..].iter().all(|seen| seen.verdict == Verdict::Ok)
        };
        watched.until("ns1 a dead end alone", LIMIT, as_it_is).await;
        watched.record("one of three forwards to a closed port", "dead_end (ns1), the others ok");
    });
}
