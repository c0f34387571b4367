//! Break glass on the real things: what Fathom writes while all is well is read by the C library, by Unbound and by BIND when
//! the prober is dead and the outside is gone.

#![expect(clippy::print_stdout, reason = "the test harness shows it when a test fails")]

mod support;

use std::fs;
use std::net::IpAddr;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use hickory_proto::op::ResponseCode;
use support::{BLACK_HOLE, EXTERNAL, Fathom, INTERNAL, RD, Server, Setup, Software, World, ask, cut_outside, isolated};
use tokio::time::{Instant, sleep};

const PATIENCE: Duration = Duration::from_secs(2);

/// What each name resolves to.
const NAMES: [(&str, &str); 2] = [(EXTERNAL, "198.51.100.1"), INTERNAL];

#[test]
fn what_was_verified_serves_when_everything_is_down() {
    isolated(async {
        let mut world = World::new(&["ns1", "unbound", "bind"]).await;
        world.build("ns1", Setup::new(Software::Bind)).await;
        let fathom = Fathom::run(world.directory(), &configuration(&world)).await;
        let folder = fathom.configuration().parent().expect("a folder").to_owned();
        let file = folder.join("state/break-glass.json");
        let deadline = Instant::now() + Duration::from_secs(45);
        let keeps = |name: &str| fs::read_to_string(&file).is_ok_and(|text| text.contains(name));
        while !NAMES.iter().all(|(_, address)| keeps(address)) {
            assert!(Instant::now() < deadline, "nothing is kept:\n{}", fathom.server().log());
            sleep(Duration::from_millis(200)).await;
        }
        // Killed, not stopped: what is on disk is all there is.
        fathom.server().signal("KILL");
        drop(fathom);
        world.stop("ns1");
        cut_outside();

        let written = |format: &str| hosts(&folder, &["--format", format]);
        let text = written("hosts");
        println!("{text}");
        assert_eq!(hosts(&folder, &["--class", "database"]).matches('\t').count(), 1);
        the_c_library_reads(world.directory(), &text);

        unbound(&world, &written("unbound")).await;
        bind(&world, &written("bind")).await;
    });
}

/// What `fathom hosts` prints, in the folder of its configuration.
fn hosts(folder: &Path, arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_fathom")).arg("hosts").args(arguments).current_dir(folder).output();
    let output = output.expect("fathom");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("text")
}

/// In a mount namespace of its own, in which this is /etc/hosts.
fn the_c_library_reads(directory: &Path, text: &str) {
    let file = directory.join("hosts");
    fs::write(&file, text).expect("a hosts file");
    for (name, address) in NAMES {
        let script = r#"mount --bind "$1" /etc/hosts && getent -s files ahosts "$2""#;
        let output = Command::new("unshare")
            .args(["--mount", "sh", "-c", script, "sh"])
            .args([file.as_os_str(), name.trim_end_matches('.').as_ref()])
            .output()
            .expect("unshare");
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(said.starts_with(&format!("{address} ")), "{name}: {said}{}", String::from_utf8_lossy(&output.stderr));
    }
}

async fn unbound(world: &World, lines: &str) {
    let directory = world.directory().join("unbound");
    let conf = format!(
        "server:\n    interface: {address}\n    access-control: 0.0.0.0/0 allow\n    directory: \".\"\n    chroot: \"\"\n    \
         username: \"\"\n    pidfile: \"\"\n    use-syslog: no\n    do-ip6: no\n    module-config: \"iterator\"\n\
         remote-control:\n    control-enable: no\nforward-zone:\n    name: \".\"\n    forward-addr: {BLACK_HOLE}\n\
         include: \"break-glass.conf\"\n",
        address = world.address("unbound")
    );
    let files = [("unbound.conf", conf), ("break-glass.conf", lines.to_owned())];
    let mut server = Server::start("unbound", &directory, &files, "unbound", ["-d", "-c", "unbound.conf"]);
    check(&directory, "unbound-checkconf", &["unbound.conf"]);
    serves(world.address("unbound"), &mut server).await;
}

async fn bind(world: &World, zone: &str) {
    let directory = world.directory().join("bind");
    // As the zone's own head says.
    let conf = format!(
        "options {{ directory \".\"; listen-on {{ {address}; }}; listen-on-v6 {{ none; }}; query-source address {address};\n\
         recursion yes; allow-recursion {{ any; }}; allow-query-cache {{ any; }}; dnssec-validation no; forward only;\n\
         forwarders {{ {BLACK_HOLE}; }}; pid-file none; session-keyfile none; lock-file none;\n\
         response-policy {{ zone \"break-glass\"; }} qname-wait-recurse no break-dnssec yes; }};\n\
         controls {{ }};\nzone \"break-glass\" {{ type primary; file \"break-glass.zone\"; }};\n",
        address = world.address("bind")
    );
    let files = [("named.conf", conf), ("break-glass.zone", zone.to_owned())];
    let mut server = Server::start("bind", &directory, &files, "named", ["-g", "-4", "-n", "1", "-c", "named.conf"]);
    check(&directory, "named-checkconf", &["-z", "named.conf"]);
    check(&directory, "named-checkzone", &["break-glass", "break-glass.zone"]);
    serves(world.address("bind"), &mut server).await;
}

/// The program accepts what was written.
fn check(directory: &Path, program: &str, arguments: &[&str]) {
    let path = format!("{}:/usr/sbin:/sbin", std::env::var("PATH").unwrap_or_default());
    let output = Command::new(program).args(arguments).current_dir(directory).env("PATH", path).output();
    let output = output.expect("a program of tests/packages.txt");
    let said = [output.stdout, output.stderr].concat();
    assert!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&said));
}

/// Every name is answered at once, although its way out is a black hole; of no other type there is anything.
async fn serves(address: IpAddr, server: &mut Server) {
    server.answers_at(address, NAMES[0].0).await;
    for (name, expected) in NAMES {
        let answer = ask(address, name, RD, PATIENCE).await.expect("an answer");
        println!("{address} answers {name} after {:?}", answer.after);
        assert_eq!(answer.rcode(), ResponseCode::NoError);
        assert_eq!(answer.addresses(), [expected.parse::<IpAddr>().expect("an address")], "{name}");
        let ttl = answer.message.answers[0].ttl;
        assert!(ttl <= 60, "{name}: {ttl}");
    }
    let other = ask(address, "elsewhere.example.com.", RD, Duration::from_millis(500)).await;
    assert!(other.is_none_or(|answer| answer.addresses().is_empty()), "nothing else is made up");
}

fn configuration(world: &World) -> String {
    let mut text = support::probes(
        world,
        &["ns1"],
        "interval = \"1s\"\ntimeout = \"1s\"",
        &(support::name("external", EXTERNAL, NAMES[0].1) + &support::name("database", INTERNAL.0, INTERNAL.1)),
    );
    text.insert_str(text.find("\n[defaults]").expect("a section"), "state_dir = \"state\"\n");
    text
}
