//! The incident, on four BIND 9: each rebuilt replica forwards to the next one, until none of them has a way out.

#![expect(clippy::print_stdout, reason = "the test harness shows it when a test fails")]

mod support;

use std::collections::BTreeMap;
use std::time::Duration;

use hickory_proto::op::ResponseCode;
use support::{
    BLACK_HOLE, CLOSED_PORT, Fathom, INTERNAL, Metrics, RD, Setup, Software, World, ask, isolated, name, probes,
};

const NODES: [&str; 4] = ["ns1", "ns2", "ns3", "ns4"];

/// Classes whose names lie outside the resolvers' own zones.
const OUTSIDE: [&str; 3] = ["external", "mpic", "ct_log"];

/// Longer than BIND tries.
const PATIENCE: Duration = Duration::from_secs(12);

/// What becomes of names from the outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Answered,
    /// SERVFAIL at once.
    Servfail,
    /// SERVFAIL after ten seconds, for which no client waits.
    Silence,
}

#[test]
fn the_rolling_rebuild() {
    isolated(async {
        let mut world = World::new(&NODES).await;
        for node in NODES {
            world.build(node, Setup::new(Software::Bind)).await;
        }
        let fathom = Fathom::run(world.directory(), &configuration(&world)).await;
        let at = |node| world.address(node);
        let stages = [
            ("0", None, Fate::Answered),
            ("1", Some(("ns1", at("ns2"))), Fate::Answered),
            ("2", Some(("ns2", at("ns3"))), Fate::Answered),
            ("3", Some(("ns3", at("ns4"))), Fate::Answered),
            ("4", Some(("ns4", at("ns1"))), Fate::Silence),
            ("4b", Some(("ns4", CLOSED_PORT)), Fate::Servfail),
            ("4c", Some(("ns4", BLACK_HOLE)), Fate::Silence),
        ];
        for (stage, rebuild, fate) in stages {
            if let Some((node, forwarder)) = rebuild {
                world.build(node, Setup::new(Software::Bind).forward_only(&[forwarder])).await;
            }
            let late_before = late_servfails(&fathom.metrics().await);
            let counted = count_a_while(&fathom).await;
            println!("stage {stage}: {counted:?}");
            for node in NODES {
                assert_counted(&counted, node, fate, stage);
            }
            assert_seen_by_a_client(&world, fate, stage).await;
            if fate == Fate::Silence {
                let all_came = |now: &Metrics| late_servfails(now).iter().all(|(key, count)| *count > late_before[key]);
                fathom.metrics_when("late SERVFAILs", all_came).await;
            }
        }
        let took = fathom.stop();
        assert!(took < Duration::from_secs(2), "fathom took {took:?} to end");
    });
}

/// Results by resolver, class and outcome.
type Counted = BTreeMap<(&'static str, &'static str), BTreeMap<String, f64>>;

/// What Fathom counts during at least three probes of everything, none of which began before this was called.
async fn count_a_while(fathom: &Fathom) -> Counted {
    // Probes that are under way end within one more probe of the same target.
    let under_way = results(&fathom.metrics().await);
    let before = fathom.metrics_when("two more probes", |now| all_grew(&under_way, &results(now), 2.0)).await;
    let before = results(&before);
    let after = fathom.metrics_when("three more probes", |now| all_grew(&before, &results(now), 3.0)).await;
    let mut counted = results(&after);
    for (key, outcomes) in &mut counted {
        for (outcome, count) in outcomes.iter_mut() {
            *count -= before[key].get(outcome).copied().unwrap_or_default();
        }
        outcomes.retain(|_, count| *count > 0.0);
    }
    counted
}

fn results(metrics: &Metrics) -> Counted {
    let classes = OUTSIDE.into_iter().chain(["internal", "database"]);
    let pairs = NODES.into_iter().flat_map(|node| classes.clone().map(move |class| (node, class)));
    let by_outcome = |(node, class)| {
        let labels = [("resolver", node), ("class", class)];
        ((node, class), metrics.sum_by("dns_probe_results_total", &labels, "result"))
    };
    pairs.map(by_outcome).collect()
}

/// SERVFAILs that came after the timeout, by resolver and class of the outside.
fn late_servfails(metrics: &Metrics) -> BTreeMap<(&'static str, &'static str), f64> {
    let pairs = NODES.into_iter().flat_map(|node| OUTSIDE.map(|class| (node, class)));
    let count = |(node, class)| {
        let labels = [("resolver", node), ("class", class), ("rcode", "SERVFAIL")];
        ((node, class), metrics.sum("dns_probe_late_replies_total", &labels))
    };
    pairs.map(count).collect()
}

fn all_grew(before: &Counted, after: &Counted, by: f64) -> bool {
    let total = |counted: &Counted, key| counted[key].values().sum::<f64>();
    before.keys().all(|key| total(after, key) >= total(before, key) + by)
}

fn assert_counted(counted: &Counted, node: &'static str, fate: Fate, stage: &str) {
    for class in ["internal", "database"] {
        let outcomes: Vec<_> = counted[&(node, class)].keys().collect();
        assert_eq!(outcomes, ["ok"], "stage {stage}, {node}, {class}");
    }
    for class in OUTSIDE {
        let outcomes = &counted[&(node, class)];
        // Where a loop is suspected by now, failures are counted as such.
        let allowed: &[&str] = match fate {
            Fate::Answered => &["ok"],
            Fate::Servfail => &["servfail", "loop_suspected"],
            Fate::Silence => &["timeout", "loop_suspected"],
        };
        let as_expected = outcomes.keys().all(|outcome| allowed.contains(&outcome.as_str()));
        assert!(as_expected, "stage {stage}, {node}, {class}: {outcomes:?}");
    }
}

/// The control: what the servers really do, seen without Fathom; and that it heard what came too late for a client.
async fn assert_seen_by_a_client(world: &World, fate: Fate, stage: &str) {
    let asked = NODES.map(|node| {
        let name = format!("client-{stage}-{node}.w.example.com.");
        let address = world.address(node);
        (node, tokio::spawn(async move { ask(address, &name, RD, PATIENCE).await }))
    });
    for (node, answer) in asked {
        let answer = answer.await.expect("no panic").expect("an answer");
        let own = ask(world.address(node), INTERNAL.0, RD, PATIENCE).await.expect("an answer");
        println!(
            "stage {stage}: {node}: {} after {:?}, its own name after {:?}",
            answer.rcode(),
            answer.after,
            own.after
        );
        assert_eq!(own.rcode(), ResponseCode::NoError);
        let (rcode, least, most) = match fate {
            Fate::Answered => (ResponseCode::NoError, 0, 1_000),
            Fate::Servfail => (ResponseCode::ServFail, 0, 1_000),
            Fate::Silence => (ResponseCode::ServFail, 9_500, 11_000),
        };
        assert_eq!(answer.rcode(), rcode, "stage {stage}, {node}");
        assert!((least..most).contains(&answer.after.as_millis()), "stage {stage}, {node}: {:?}", answer.after);
    }
}

/// The configuration: names of all classes, those of the outside never asked before.
fn configuration(world: &World) -> String {
    let (internal, address) = INTERNAL;
    let names = [
        name("external", "{nonce}.w.example.com.", "198.51.100.2"),
        name("mpic", "{nonce}.w.mpic.example.", "198.51.100.2"),
        name("ct_log", "{nonce}.w.ctlog.example.", "198.51.100.2"),
        name("internal", internal, address),
        name("database", internal, address) + "recursion_desired = false\n",
    ];
    probes(world, &NODES, "interval = \"1s\"\ntimeout = \"1s\"\npatience = \"12s\"", &names.concat())
}
