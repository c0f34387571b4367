//! What `fathom tracer-config` writes, loaded into the real products as it stands.

mod support;

use std::fs;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use fathom::canary::{Answered, Keys, NonceFactory, read_answer, tracer_address};
use fathom::estate::{DomainName, Label, QueryClass, QueryType, Question, Resolver};
use fathom::transport::Udp;
use fathom::wire::{CaseMemory, QueryTemplate, Rcode, Reply};
use support::{Server, isolated};
use tokio::time::Instant;

const NS1: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const CANARY: &str = "canary.example.net.";

/// Whoever answers this has the tracer zone, or asks somebody who has.
const READY: &str = "ready.ns1.t.canary.example.net.";

const PROBES: &str = r#"
[prober]
environment = "test"
datacenter = "dc1"
[path]
canary_zone = "canary.example.net."
[[cluster]]
name = "dc1-internal"
datacenter = "dc1"
roles = ["recursive"]
[[cluster.resolver]]
name = "ns1"
address = "127.0.0.1"
[[cluster.resolver]]
name = "ns2"
address = "127.0.0.2"
[[name]]
id = "one"
class = "external"
qname = "www.example.com."
qtype = "A"
"#;

/// An empty folder of this test's own.
fn folder(test: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("tracer-config").join(test);
    if folder.exists() {
        fs::remove_dir_all(&folder).expect("what an earlier run left");
    }
    fs::create_dir_all(&folder).expect("a folder");
    folder
}

/// Has Fathom write the files of ns1 into `folder`, and returns where they are.
fn generate(software: &str, folder: &Path) -> PathBuf {
    let files = folder.join("dc1-internal/ns1");
    let probes = folder.join("probes.toml");
    fs::write(&probes, PROBES).expect("a configuration file");
    let status = Command::new(env!("CARGO_BIN_EXE_fathom"))
        .args(["tracer-config", "--software", software, "--resolver", "ns1", "--config"])
        .args([&probes, Path::new("--output"), folder, Path::new("--zone-folder"), &files])
        .status();
    assert!(status.expect("fathom").success());
    files
}

/// Asks as a prober asks for tracers: recursion desired, checking disabled.
async fn ask(server: IpAddr, name: &DomainName, qtype: QueryType) -> Reply {
    let question = Question {
        qname: name.clone(),
        qtype,
        qclass: QueryClass::In,
        recursion_desired: true,
        checking_disabled: true,
        dnssec_ok: false,
    };
    let asked = QueryTemplate::new(&question).fresh(true);
    let mut udp = Udp::connect(SocketAddr::new(server, 53), None).expect("a socket");
    udp.send(&asked.bytes).await.expect("it is sent");
    let deadline = Instant::now() + Duration::from_secs(5);
    let accept = |packet: &[u8]| Reply::decode(packet, &asked, &CaseMemory::default()).ok();
    udp.receive(deadline, accept).await.unwrap_or_else(|failure| panic!("{name} at {server}: {failure}"))
}

/// The tracer zone answers as its product was told to, and only that.
async fn answers_as_a_tracer(server: IpAddr) {
    let keys = Arc::new(Keys::for_this_process());
    let factory = NonceFactory::new(keys, DomainName::parse(CANARY).expect("a name"));
    let tracer = factory.tracer_zone("ns1").expect("a short name");
    let resolver = Resolver {
        name: Label::parse("ns1").expect("a word"),
        // Not the address that answers: what is recognised is the tracer's own.
        address: "192.0.2.1:53".parse().expect("an address"),
        tracer: Some(tracer.clone()),
        packets_per_second: 50,
    };
    for _ in 0..3 {
        let name = factory.tracer_name(&tracer, 0).expect("a short name");
        let reply = ask(server, &name, QueryType::A).await;
        assert_eq!(read_answer(&reply, &name, Some(&resolver), factory.keys()), Ok(Answered::Tracer), "{reply:?}");
        assert_eq!(reply.answers[0].address(), Some(IpAddr::V4(tracer_address(&tracer))));
        // PowerDNS makes one second of none.
        assert!(reply.smallest_ttl() <= Some(1), "nothing may be cached: {reply:?}");
    }
    for qtype in [QueryType::Aaaa, QueryType::Txt, QueryType::Ns] {
        let name = factory.tracer_name(&tracer, 0).expect("a short name");
        let reply = ask(server, &name, qtype).await;
        assert_eq!((reply.rcode, reply.answers.len()), (Rcode::NOERROR, 0), "{}: {reply:?}", qtype.as_str());
    }
}

/// Starts a product at 127.0.0.1 with one configuration file and waits until it answers.
async fn start(folder: &Path, file: &str, text: String, program: &str, arguments: &[&str]) -> Server {
    let mut server = Server::start(program, folder, &[(file, text)], program, arguments);
    server.answers_at(NS1, READY).await;
    server
}

#[test]
fn bind() {
    isolated(async {
        let folder = folder("bind");
        let lines = generate("bind", &folder).join("fathom-tracer.conf");
        let conf = format!(
            "options {{ directory \".\"; listen-on {{ {NS1}; }}; listen-on-v6 {{ none; }}; pid-file none; \
             session-keyfile none; lock-file none; forward only; forwarders {{ 203.0.113.1; }}; }};\n\
             controls {{ }};\ninclude \"{}\";\n",
            lines.display()
        );
        let _server = start(&folder, "named.conf", conf, "named", &["-g", "-4", "-c", "named.conf"]).await;
        answers_as_a_tracer(NS1).await;
    });
}

const UNBOUND: &str = "server:
    directory: \".\"
    chroot: \"\"
    username: \"\"
    pidfile: \"\"
    use-syslog: no
    do-ip6: no
    do-not-query-localhost: no
    module-config: \"iterator\"
    access-control: 127.0.0.0/8 allow
remote-control:
    control-enable: no
";

#[test]
fn unbound() {
    isolated(async {
        let folder = folder("unbound");
        let lines = generate("unbound", &folder).join("fathom-tracer.conf");
        let conf = format!(
            "{UNBOUND}server:\n    interface: {NS1}\nforward-zone:\n    name: \".\"\n    forward-addr: 203.0.113.1\n\
             include: \"{}\"\n",
            lines.display()
        );
        let _server = start(&folder, "unbound.conf", conf, "unbound", &["-d", "-c", "unbound.conf"]).await;
        answers_as_a_tracer(NS1).await;
    });
}

#[test]
fn pdns() {
    isolated(async {
        let folder = folder("pdns");
        let include = generate("pdns", &folder);
        fs::write(folder.join("own.zone"), "@ 60 IN SOA ns hm 1 2 3 4 5\n@ 60 IN NS ns\nns 60 IN A 192.0.2.9\n")
            .expect("a zone file");
        // A zone of its own, to see that the lines add to what is there.
        let conf = format!(
            "local-address={NS1}\nforward-zones-recurse=.=203.0.113.1\nauth-zones=own.example={}\nsocket-dir=.\n\
             security-poll-suffix=\ndisable-syslog=yes\nthreads=1\ninclude-dir={}\n",
            folder.join("own.zone").display(),
            include.display()
        );
        let arguments = &["--config-dir=.", "--daemon=no"];
        let _server = start(&folder, "recursor.conf", conf, "pdns_recursor", arguments).await;
        answers_as_a_tracer(NS1).await;
        let own = ask(NS1, &DomainName::parse("ns.own.example.").expect("a name"), QueryType::A).await;
        assert_eq!(own.answers[0].address(), Some("192.0.2.9".parse().expect("an address")));
    });
}

#[test]
fn knot() {
    isolated(async {
        let folder = folder("knot");
        let lines = generate("knot", &folder).join("fathom-tracer.conf");
        let conf = format!(
            "net.listen('{NS1}', 53)\nnet.ipv6 = false\ncache.size = 10 * MB\ntrust_anchors.remove('.')\n\
             modules.unload('priming')\ndofile('{}')\npolicy.add(policy.all(policy.FORWARD('203.0.113.1')))\n",
            lines.display()
        );
        let arguments = &["--noninteractive", "--config=kresd.conf", "."];
        let _server = start(&folder, "kresd.conf", conf, "kresd", arguments).await;
        answers_as_a_tracer(NS1).await;
    });
}

/// Options of a dnsmasq that listens at `address` and does nothing else.
fn dnsmasq_conf(address: IpAddr) -> String {
    format!(
        "listen-address={address}\nbind-interfaces\nno-resolv\nno-hosts\nuser=root\ngroup=root\npid-file=\nlog-facility=-\n"
    )
}

#[test]
fn dnsmasq() {
    isolated(async {
        let folder = folder("dnsmasq");
        let lines = generate("dnsmasq", &folder).join("fathom-tracer.conf");
        let conf = format!("{}server=203.0.113.1\nconf-file={}\n", dnsmasq_conf(NS1), lines.display());
        let arguments = &["--keep-in-foreground", "--conf-file=dnsmasq.conf"];
        let _server = start(&folder, "dnsmasq.conf", conf, "dnsmasq", arguments).await;
        answers_as_a_tracer(NS1).await;
    });
}

/// Why a tracer does not answer with the resolver's own address: a sibling that asks it would keep the answer to itself.
#[test]
fn rebinding_filters_let_a_tracer_pass_and_take_private_addresses_out() {
    isolated(async {
        let folder = folder("filters");
        let lines = generate("dnsmasq", &folder).join("fathom-tracer.conf");
        let private = DomainName::parse("private.example.").expect("a name");
        let conf = format!("{}address=/{private}/10.1.0.1\nconf-file={}\n", dnsmasq_conf(NS1), lines.display());
        let arguments = &["--keep-in-foreground", "--conf-file=dnsmasq.conf"];
        let _ns1 = start(&folder, "dnsmasq.conf", conf, "dnsmasq", arguments).await;

        let (by_dnsmasq, by_unbound) = (IpAddr::from([127, 0, 0, 2]), IpAddr::from([127, 0, 0, 3]));
        let filter = format!("{}server={NS1}\nstop-dns-rebind\n", dnsmasq_conf(by_dnsmasq));
        let own = folder.join("by-dnsmasq");
        let mut server = Server::start("by-dnsmasq", &own, &[("dnsmasq.conf", filter)], "dnsmasq", arguments);
        server.answers_at(by_dnsmasq, READY).await;
        // The addresses that Unbound's own example file names.
        let networks = ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16", "fd00::/8", "fe80::/10"];
        let networks: String = networks.map(|network| format!("    private-address: {network}\n")).concat();
        let filter = format!(
            "{UNBOUND}server:\n    interface: {by_unbound}\n{networks}forward-zone:\n    name: \".\"\n    \
             forward-addr: {NS1}\n"
        );
        let own = folder.join("by-unbound");
        let arguments = ["-d", "-c", "unbound.conf"];
        let mut unbound = Server::start("by-unbound", &own, &[("unbound.conf", filter)], "unbound", arguments);
        unbound.answers_at(by_unbound, READY).await;

        assert_eq!(ask(NS1, &private, QueryType::A).await.answers.len(), 1, "the control: it is there");
        for server in [by_dnsmasq, by_unbound] {
            answers_as_a_tracer(server).await;
            let reply = ask(server, &private, QueryType::A).await;
            assert_eq!(reply.answers.len(), 0, "{server} filters: {reply:?}");
        }
    });
}
