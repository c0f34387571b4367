//! The program as a process: signals, reload, and a clean end.

mod support;

use std::fs;
use std::time::Duration;

use support::{Fathom, INTERNAL, Setup, Software, World, isolated, name, probes};

const RESULTS: &str = "dns_probe_results_total";
const SUCCESSFUL: &str = "fathom_config_last_reload_successful";

#[test]
fn it_reloads_on_sighup_and_ends_on_sigterm() {
    isolated(async {
        let mut world = World::new(&["ns1", "ns2"]).await;
        for node in ["ns1", "ns2"] {
            world.build(node, Setup::new(Software::Bind)).await;
        }
        let names = name("internal", INTERNAL.0, INTERNAL.1);
        let configuration = |nodes: &[&str]| probes(&world, nodes, "interval = \"1s\"\ntimeout = \"1s\"", &names);
        let fathom = Fathom::run(world.directory(), &configuration(&["ns1"])).await;
        let reload = |text: &str| {
            fs::write(fathom.configuration(), text).expect("the configuration file");
            fathom.server().signal("HUP");
        };
        let ok = |node| [("resolver", node), ("result", "ok")];

        // A bad file changes nothing, and is told.
        reload("[prober]\nenvironment = 1\n");
        fathom.metrics_when("the failed reload", |now| now.sum(SUCCESSFUL, &[]) < 0.5).await;
        let before = fathom.metrics().await.sum(RESULTS, &ok("ns1"));
        let still = |now: &support::Metrics| now.sum(RESULTS, &ok("ns1")) > before;
        fathom.metrics_when("probes after the failed reload", still).await;
        assert!(fathom.server().log().contains("environment"), "{}", fathom.server().log());

        // A good one adds what is new, and keeps the counters of what stays.
        reload(&configuration(&["ns1", "ns2"]));
        let metrics = fathom.metrics_when("the new resolver", |now| now.sum(RESULTS, &ok("ns2")) > 0.0).await;
        assert!(metrics.sum(SUCCESSFUL, &[]) > 0.5);
        assert!(metrics.sum(RESULTS, &ok("ns1")) > before);

        // And what went takes its series along.
        reload(&configuration(&["ns2"]));
        fathom.metrics_when("the end of the old series", |now| !now.text.contains("resolver=\"ns1\"")).await;

        let took = fathom.stop();
        assert!(took < Duration::from_secs(2), "{took:?}");
    });
}
