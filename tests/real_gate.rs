//! `fathom gate` and `fathom trace` as commands, in a rolling rebuild of four BIND, with and without a running prober.

#![expect(clippy::print_stdout, reason = "what the commands say is shown by the test harness")]

mod support;

use std::process::Command;
use std::time::Duration;

use support::{Fathom, Setup, Software, Told, World, isolated, watched_toml};
use tokio::time::{Instant, sleep};

const NODES: [&str; 4] = ["ns1", "ns2", "ns3", "ns4"];
const FROM: [&str; 2] = ["--from", "http://127.0.0.1:9953"];

/// The command line after `fathom`, how it ended, and what it said.
fn fathom(run: &Fathom, arguments: &[&str]) -> (Option<i32>, String) {
    let mut command = Command::new("timeout");
    command.args(["--kill-after=1", "180", env!("CARGO_BIN_EXE_fathom"), "--config"]).arg(run.configuration());
    let output = command.args(arguments).output().expect("it runs");
    let said = String::from_utf8(output.stdout).expect("text");
    let errors = String::from_utf8_lossy(&output.stderr);
    println!("$ fathom {}\n{said}{errors}exit code {:?}", arguments.join(" "), output.status.code());
    (output.status.code(), said)
}

fn gate(run: &Fathom, arguments: &[&str]) -> (Option<i32>, String) {
    fathom(run, &[&["gate", "--cluster", "c1"], arguments].concat())
}

/// Asks the running prober until the answer begins with these words.
async fn until(run: &Fathom, arguments: &[&str], words: &str) {
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        let (code, said) = gate(run, &[arguments, &FROM].concat());
        if said.starts_with(words) {
            assert_eq!(code, Some(1));
            return;
        }
        assert!(Instant::now() < deadline, "waited in vain for: {words}");
        sleep(Duration::from_secs(1)).await;
    }
}

#[test]
fn a_gate_before_and_after_each_rebuild() {
    isolated(async {
        let mut world = World::new(&NODES).await;
        for node in NODES {
            world.build(node, Setup::new(Software::Bind)).await;
        }
        let run =
            Fathom::run(world.directory(), &watched_toml(&world, &NODES, Told { tracers: true, ..Told::every(10) }))
                .await;

        let (code, _) = gate(&run, &["--rebuild", "ns1", "--wait", "1m", FROM[0], FROM[1]]);
        assert_eq!(code, Some(0));
        let (code, said) = gate(&run, &["--rebuild", "ns1", "--wait", "1m"]);
        assert_eq!(
            (code, said.as_str()),
            (
                Some(0),
                "passed: ns1 may be rebuilt: 3 independent exits stay meanwhile, and nobody forwards to a sibling\n"
            )
        );

        let next = world.address("ns2");
        world.build("ns1", Setup::new(Software::Bind).forward_only(&[next])).await;
        let sibling = "refused: ns1 forwards to its sibling ns2: give it a way out of its own first";
        until(&run, &["--rebuilt", "ns1"], sibling).await;
        until(&run, &["--rebuild", "ns3"], sibling).await;
        let (code, said) = gate(&run, &["--rebuild", "ns3"]);
        assert!(code == Some(1) && said.starts_with(sibling), "{said}");

        for (node, next) in [("ns2", "ns3"), ("ns3", "ns4")] {
            let next = world.address(next);
            world.build(node, Setup::new(Software::Bind).forward_only(&[next])).await;
        }
        let last = "refused: ns4 is the last exit: without it no query leaves the cluster";
        until(&run, &["--rebuild", "ns4"], last).await;
        let (code, said) = gate(&run, &["--rebuild", "ns4"]);
        assert!(code == Some(1) && said.starts_with(last), "{said}");
        let (code, tree) = fathom(&run, &["trace", FROM[0], FROM[1]]);
        assert_eq!(code, Some(1), "not healthy");
        assert!(tree.contains("\n  ns4: last exit, ok (confirmed)\n    ns3 forwards to ns4 ("), "{tree}");

        for node in ["ns1", "ns2", "ns3"] {
            world.build(node, Setup::new(Software::Bind)).await;
        }
        let (code, said) = gate(&run, &["--rebuilt", "ns1", "--wait", "2m", FROM[0], FROM[1]]);
        assert_eq!((code, said.as_str()), (Some(0), "passed: ns1 is back: it is well, and an exit of its own\n"));
        let (code, said) = gate(&run, &["--wait", "2m", FROM[0], FROM[1]]);
        assert_eq!((code, said.as_str()), (Some(0), "passed: all of c1 are well, with 4 independent exits\n"));
        assert_eq!(gate(&run, &["--rebuild", "ns1", "--from", "http://prober.example:9953"]).0, Some(2));
        assert_eq!(gate(&run, &["--rebuild", "ns9", FROM[0], FROM[1]]).0, Some(2));
    });
}
