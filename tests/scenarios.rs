//! Every outcome, every fault and every stage of the incident, as a probe sees them, in virtual time.
//!
//! The shipped probes.toml runs against the embedded lab here. The lists are closed: a new outcome or fault does not
//! compile without a place in them, and does not pass without being seen.

#![expect(clippy::unwrap_used, reason = "a test may fail")]

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use fathom::config::{self, Overrides};
use fathom::estate::Estate;
use fathom::exchange::Contact;
use fathom::lab::{Fault, Incident, Lab, Node, Software, Stage};
use fathom::outcome::Outcome;
use fathom::plan::{self, Purpose, Target};
use fathom::probe::{self, Late, Observation};
use fathom::ttl_watch::TtlWatch;
use fathom::verdict::Verdict;
use fathom::wire::Rcode;

const CLUSTER: &str = "dc1-internal";

/// The shipped estate in a running lab.
struct World {
    lab: Lab,
    targets: Vec<Arc<Target>>,
}

/// One target that is asked again and again, as the daemon does.
struct Prober {
    target: Arc<Target>,
    contact: Arc<Contact>,
    ttl_watch: TtlWatch,
    verdict: Verdict,
}

async fn world() -> World {
    let text = include_str!("../probes.toml");
    let loaded = config::parse(text, "probes.toml", &Overrides::default()).unwrap();
    let (lab, estate): (Lab, Estate) = Lab::on_free_ports(&loaded.estate, Software::Bind).await.unwrap();
    let targets = plan::targets(&estate);
    World { lab, targets: targets.into_iter().filter(|target| target.purpose == Purpose::Name).collect() }
}

impl World {
    /// The first resolver.
    fn node(&self) -> &Node {
        self.lab.node_in(CLUSTER, "ns1").unwrap()
    }

    /// A probe of it; `name` may say over which transport: `db-primary/tcp`.
    fn prober(&self, name: &str) -> Prober {
        self.prober_of("ns1", name)
    }

    fn prober_of(&self, resolver: &str, name: &str) -> Prober {
        let (id, transport) = name.split_once('/').unwrap_or((name, "udp"));
        let wanted = |target: &&Arc<Target>| {
            (target.resolver.name.as_str(), target.name.id.as_str(), target.transport.as_str())
                == (resolver, id, transport)
        };
        Prober::new(self.targets.iter().find(wanted).unwrap())
    }
}

impl Prober {
    fn new(target: &Arc<Target>) -> Self {
        let contact = Arc::new(Contact::new(&target.resolver, None));
        Self { target: Arc::clone(target), contact, ttl_watch: TtlWatch::default(), verdict: Verdict::Unknown }
    }

    async fn ask(&mut self) -> (Observation, Option<Late>) {
        let verdict = self.verdict;
        probe::ask(&self.target, &self.contact, &mut self.ttl_watch, || verdict).await
    }

    async fn sees(&mut self) -> Outcome {
        self.ask().await.0.outcome
    }
}

//----------- The shipped file ------------------------------------------------

#[tokio::test(start_paused = true)]
async fn every_name_of_the_shipped_file_is_ok_in_the_lab() {
    let world = world().await;
    assert_eq!(world.targets.len(), 4 * 11, "four resolvers, ten names, one of them over TCP too");
    for target in &world.targets {
        let (seen, _) = Prober::new(target).ask().await;
        let (resolver, name) = (&target.resolver.name, &target.name.id);
        assert_eq!(seen.outcome, Outcome::Ok, "{resolver}, {name}: {}", seen.detail());
    }
}

//----------- Outcomes --------------------------------------------------------

/// Makes the lab show the outcome, and asks.
async fn scenario(outcome: Outcome) -> Outcome {
    let world = world().await;
    if let Some(fault) = Fault::provoking(outcome) {
        world.node().inject(fault).await;
    }
    let mut prober = match outcome {
        Outcome::NotAuthoritative => world.prober("db-primary"),
        Outcome::ConnectionFailed => world.prober("db-primary/tcp"),
        Outcome::LoopSuspected => {
            let prober = world.prober("external-cold");
            Prober { verdict: Verdict::LoopSuspected, ..prober }
        }
        Outcome::InternalError => {
            let prober = world.prober("external-cold");
            // An address that no machine has (RFC 5737): nothing can be sent from there.
            let nowhere: IpAddr = "192.0.2.1".parse().unwrap();
            let contact = Arc::new(Contact::new(&prober.target.resolver, Some(nowhere)));
            Prober { contact, ..prober }
        }
        Outcome::Ok
        | Outcome::Servfail
        | Outcome::Timeout
        | Outcome::Refused
        | Outcome::Nxdomain
        | Outcome::Nodata
        | Outcome::WrongAnswer
        | Outcome::Truncated
        | Outcome::BadRcode
        | Outcome::Malformed
        | Outcome::Stale
        | Outcome::Unreachable => world.prober("db-replica"),
    };
    prober.sees().await
}

#[tokio::test(start_paused = true)]
async fn every_outcome_has_its_words_its_fault_and_its_scenario() {
    for outcome in Outcome::ALL {
        assert!(outcome.help().len() > 20 && outcome.help().ends_with('.'), "{outcome}: {}", outcome.help());
        assert_eq!(scenario(outcome).await, outcome);
        let is_of_the_resolver = !matches!(outcome, Outcome::Ok | Outcome::InternalError);
        assert_eq!(Fault::provoking(outcome).is_some(), is_of_the_resolver, "{outcome}");
    }
}

//----------- Faults ----------------------------------------------------------

/// What a probe of a name outside the cluster's own zones sees under a fault, asked forty times, once a second.
fn expected(fault: Fault) -> &'static [Outcome] {
    match fault {
        Fault::Drop | Fault::WrongId | Fault::WrongQuestion => &[Outcome::Timeout],
        // A question for a name that is being fetched joins in, and its wait is what is left of ten seconds.
        Fault::BlackHole | Fault::Loop => &[Outcome::Servfail, Outcome::Timeout],
        Fault::Loss(_) => &[Outcome::Ok, Outcome::Timeout],
        Fault::Delay(_)
        | Fault::HalfMessage
        | Fault::NotAuthoritative
        | Fault::ForwardToSibling
        | Fault::RateLimit(_) => &[Outcome::Ok],
        Fault::Servfail | Fault::DeadEnd => &[Outcome::Servfail],
        Fault::Refused | Fault::RecursionRefused => &[Outcome::Refused],
        Fault::Nxdomain => &[Outcome::Nxdomain],
        Fault::Nodata => &[Outcome::Nodata],
        Fault::WrongAnswer => &[Outcome::WrongAnswer],
        Fault::Truncation => &[Outcome::Truncated],
        Fault::Garbage => &[Outcome::Malformed],
        // Until it is clear that the time to live stands still.
        Fault::StaleTtl => &[Outcome::Ok, Outcome::Stale],
        Fault::StaleError => &[Outcome::Stale],
        Fault::ClosedPort => &[Outcome::Unreachable],
        Fault::BadRcode => &[Outcome::BadRcode],
    }
}

#[tokio::test(start_paused = true)]
async fn every_fault_is_seen_for_what_it_is_and_healed() {
    for fault in Fault::ALL {
        let world = world().await;
        let mut prober = world.prober("db-replica");
        // A cache that counts down, so that one that does not is seen.
        for _ in 0..3 {
            assert_eq!(prober.sees().await, Outcome::Ok);
            tokio::time::advance(Duration::from_secs(2)).await;
        }
        world.node().restart();
        world.node().inject(fault).await;
        let mut seen = Vec::new();
        for _ in 0..40 {
            seen.push(prober.sees().await);
            tokio::time::advance(Duration::from_secs(2)).await;
        }
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen, expected(fault), "{fault}");
        world.node().heal().await.unwrap();
        tokio::time::advance(Duration::from_secs(60)).await;
        assert_eq!(world.prober("db-replica").sees().await, Outcome::Ok, "{fault}, healed");
    }
}

#[tokio::test(start_paused = true)]
async fn half_a_message_over_tcp_is_malformed() {
    let world = world().await;
    world.node().inject(Fault::HalfMessage).await;
    assert_eq!(world.prober("db-primary/tcp").sees().await, Outcome::Malformed);
    assert_eq!(world.prober("db-primary").sees().await, Outcome::Ok, "UDP works");
}

#[tokio::test(start_paused = true)]
async fn strangers_are_counted_and_a_delay_is_measured() {
    let world = world().await;
    world.node().inject(Fault::WrongId).await;
    let (seen, _) = world.prober("db-primary").ask().await;
    assert_eq!((seen.outcome, seen.strays.0), (Outcome::Timeout, [1, 0, 0]));
    world.node().heal().await.unwrap();
    world.node().inject(Fault::WrongQuestion).await;
    let (seen, _) = world.prober("db-primary").ask().await;
    assert_eq!((seen.outcome, seen.strays.0), (Outcome::Timeout, [0, 1, 0]));
    world.node().heal().await.unwrap();
    world.node().inject(Fault::Delay(Duration::from_millis(500))).await;
    let (seen, _) = world.prober("db-primary").ask().await;
    assert_eq!(seen.heard.unwrap().after.as_millis(), 500);
}

#[tokio::test(start_paused = true)]
async fn a_rate_limit_drops_some_and_sends_the_others_to_tcp() {
    let world = world().await;
    world.node().inject(Fault::RateLimit(2)).await;
    let mut seen = Vec::new();
    for _ in 0..8 {
        seen.push(world.prober("db-primary").sees().await);
        // A client that gave up has waited a second, in which two more answers are allowed.
        if seen.last() == Some(&Outcome::Timeout) {
            break;
        }
    }
    assert_eq!(seen.iter().filter(|outcome| **outcome == Outcome::Ok).count(), 2, "{seen:?}");
    assert_eq!(seen.last(), Some(&Outcome::Timeout), "{seen:?}");
    world.node().heal().await.unwrap();
    world.node().inject(Fault::RateLimit(0)).await;
    let mut over_tcp = 0;
    for _ in 0..4 {
        let (seen, _) = world.prober("db-primary").ask().await;
        over_tcp += usize::from(seen.heard.is_ok_and(|answer| answer.over == fathom::estate::Transport::Tcp));
    }
    assert_eq!(over_tcp, 2, "every second one");
}

#[tokio::test(start_paused = true)]
async fn a_fault_can_be_about_one_zone_alone() {
    let world = world().await;
    world.node().inject_under("example.org.", Fault::Servfail).await;
    assert_eq!(world.prober("external-cold").sees().await, Outcome::Servfail);
    assert_eq!(world.prober("external-cached").sees().await, Outcome::Ok);
}

//----------- The incident ----------------------------------------------------

/// What probes see at each of the four resolvers: of a cold name, and of a name in their own zone.
async fn cold_and_own(world: &World) -> Vec<(Outcome, Outcome)> {
    let mut seen = Vec::new();
    for resolver in ["ns1", "ns2", "ns3", "ns4"] {
        let cold = world.prober_of(resolver, "external-cold").sees().await;
        seen.push((cold, world.prober_of(resolver, "portal").sees().await));
    }
    seen
}

#[tokio::test(start_paused = true)]
async fn the_incident_looks_as_it_did_on_real_servers() {
    let world = world().await;
    let incident = Incident::of(&world.lab, CLUSTER).unwrap();
    for (stage, cold) in [
        (Stage::Healthy, Outcome::Ok),
        (Stage::FirstRebuilt, Outcome::Ok),
        (Stage::SecondRebuilt, Outcome::Ok),
        (Stage::LastExit, Outcome::Ok),
        (Stage::Loop, Outcome::Timeout),
        (Stage::DeadEnd, Outcome::Servfail),
        (Stage::BlackHole, Outcome::Timeout),
        (Stage::Healthy, Outcome::Ok),
    ] {
        incident.enter(stage);
        assert_eq!(cold_and_own(&world).await, [(cold, Outcome::Ok); 4], "{stage:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn loop_and_black_hole_answer_late_and_caches_fade() {
    for stage in [Stage::Loop, Stage::BlackHole] {
        let world = world().await;
        let incident = Incident::of(&world.lab, CLUSTER).unwrap();
        let mut cached = world.prober("external-cached");
        assert_eq!(cached.sees().await, Outcome::Ok);
        incident.enter(Stage::LastExit);
        assert_eq!(cached.sees().await, Outcome::Ok);
        incident.enter(stage);
        assert_eq!(cached.sees().await, Outcome::Ok, "still in the cache");
        let (seen, late) = world.prober("external-cold").ask().await;
        assert_eq!(seen.outcome, Outcome::Timeout, "{stage:?}");
        let late = late.unwrap().listen().await.unwrap();
        assert_eq!((late.rcode, late.after.as_millis() / 100), (Rcode::SERVFAIL, 100), "{stage:?}");
        tokio::time::advance(Duration::from_secs(20)).await;
        assert_eq!(cached.sees().await, Outcome::Timeout, "the cache has faded");
    }
}
