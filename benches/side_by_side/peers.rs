//! The others: the kernel's own floor, dnsperf, `blackbox_exporter`; and the server that all of them ask.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use http_body_util::{BodyExt, Empty};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use crate::support::{Server, address_exists};
use crate::usage::{self, Usage};

/// How many addresses the server listens on: to Fathom, so many resolvers.
pub(crate) const ADDRESSES: u8 = 10;

/// How long each contestant is measured.
pub(crate) const WINDOW: Duration = Duration::from_secs(10);

/// How long it runs before that.
const WARM_UP: Duration = Duration::from_secs(2);

const BLACKBOX: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 9115);

/// What one contestant did, and what it cost.
#[derive(Debug)]
pub(crate) struct Score {
    /// Probes a second.
    pub(crate) rate: f64,
    /// Microseconds of processor time a probe.
    pub(crate) cost: f64,
}

/// The address of the server numbered `place`.
pub(crate) fn address(place: u8) -> IpAddr {
    IpAddr::V4(Ipv4Addr::new(10, 2, 0, place + 1))
}

/// One NSD process on all addresses, with a zone in which every name exists.
pub(crate) async fn start_server(directory: &Path) -> Server {
    let mut addresses = String::new();
    for place in 0..ADDRESSES {
        address_exists(address(place));
        addresses += &format!("    ip-address: {}\n", address(place));
    }
    let conf = format!(
        r#"server:
{addresses}    username: ""
    chroot: ""
    zonesdir: "."
    database: ""
    zonelistfile: "zone.list"
    xfrdfile: ""
    pidfile: ""
    server-count: 1
    rrl-size: 1000
    rrl-ratelimit: 0
remote-control:
    control-enable: no
zone:
    name: "bench."
    zonefile: "bench.zone"
"#
    );
    let zone = "$TTL 60\n@ SOA ns hostmaster 1 3600 600 86400 60\n@ NS ns\nns A 192.0.2.1\n* A 192.0.2.2\n";
    let files = [("nsd.conf", conf), ("bench.zone", zone.to_owned())];
    let mut server = Server::start("nsd", &directory.join("nsd"), &files, "nsd", ["-d", "-c", "nsd.conf"]);
    server.answers_at(address(0), "ns.bench.").await;
    server
}

/// A datagram there and one back between two sockets of one thread: four system calls, below which nobody gets.
pub(crate) fn floor() -> Score {
    const EXCHANGES: u32 = 200_000;
    let socket = || UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a socket");
    let (one, other) = (socket(), socket());
    one.connect(other.local_addr().expect("bound")).expect("a route");
    other.connect(one.local_addr().expect("bound")).expect("a route");
    let (question, mut buffer) = ([0; 50], [0; 512]);
    let (before, started) = (usage::own_thread(), Instant::now());
    for _ in 0..EXCHANGES {
        one.send(&question).expect("loopback");
        other.recv(&mut buffer).expect("loopback");
        other.send(&question).expect("loopback");
        one.recv(&mut buffer).expect("loopback");
    }
    let cost = usage::own_thread().saturating_sub(before).as_secs_f64() / f64::from(EXCHANGES) * 1e6;
    Score { rate: f64::from(EXCHANGES) / started.elapsed().as_secs_f64(), cost }
}

/// dnsperf with one thread, at so many queries a second, or as fast as it can.
pub(crate) async fn dnsperf(directory: &Path, rate: Option<u32>) -> Score {
    let mut names = String::new();
    for number in 0..10_000 {
        names += &format!("n{number}.bench. A\n");
    }
    let seconds = (WARM_UP + WINDOW).as_secs() + 2;
    let server = address(0);
    let mut arguments = format!("-s {server} -d names -c 10 -q 100 -l {seconds}");
    if let Some(rate) = rate {
        arguments += &format!(" -Q {rate}");
    }
    let directory = directory.join("dnsperf");
    // What an earlier run said is not this one's.
    drop(std::fs::remove_dir_all(&directory));
    let mut dnsperf = Server::start("dnsperf", &directory, &[("names", names)], "dnsperf", arguments.split(' '));
    sleep(WARM_UP).await;
    let usage = Usage::of(dnsperf.id(), WINDOW).await;
    while dnsperf.is_running() {
        sleep(Duration::from_millis(50)).await;
    }
    let said = dnsperf.log();
    let rate = said.lines().find_map(|line| line.trim().strip_prefix("Queries per second:"));
    let rate = rate.unwrap_or_else(|| panic!("dnsperf says:\n{said}")).trim().parse().expect("a number");
    Score { rate, cost: usage.microseconds_each(rate) }
}

/// `blackbox_exporter`, asked over as many connections as it has processors to use, one probe after the other on each.
pub(crate) async fn blackbox(directory: &Path) -> Score {
    let conf = "modules: { dns: { prober: dns, timeout: 5s, dns: { query_name: x.bench, query_type: A, \
                transport_protocol: udp, preferred_ip_protocol: ip4 } } }\n";
    let arguments = ["--config.file=blackbox.yml", "--log.level=error", &format!("--web.listen-address={BLACKBOX}")];
    let files = [("blackbox.yml", conf.to_owned())];
    let directory = directory.join("blackbox");
    let exporter = Server::start("blackbox", &directory, &files, "prometheus-blackbox-exporter", arguments);
    let probes = Arc::new(AtomicU64::new(0));
    let mut drivers = JoinSet::new();
    for _ in 0..4 {
        drivers.spawn(scrape_on(Arc::clone(&probes)));
    }
    sleep(WARM_UP).await;
    let before = probes.load(Ordering::Relaxed);
    let usage = Usage::of(exporter.id(), WINDOW).await;
    #[expect(clippy::cast_precision_loss, reason = "some thousands")]
    let rate = (probes.load(Ordering::Relaxed) - before) as f64 / usage.elapsed.as_secs_f64();
    Score { rate, cost: usage.microseconds_each(rate) }
}

/// Scrapes the exporter without end over one connection, as Prometheus keeps one open.
async fn scrape_on(probes: Arc<AtomicU64>) {
    let stream = loop {
        match TcpStream::connect(BLACKBOX).await {
            Ok(stream) => break stream,
            Err(_) => sleep(Duration::from_millis(50)).await,
        }
    };
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.expect("HTTP");
    tokio::spawn(connection);
    let uri = format!("/probe?module=dns&target={}:53", address(0));
    loop {
        let request = Request::get(&uri).header("Host", BLACKBOX.to_string()).body(Empty::<Bytes>::new());
        let response = sender.send_request(request.expect("a request")).await.expect("a response");
        assert_eq!(response.status(), StatusCode::OK);
        let body = response.into_body().collect().await.expect("a body").to_bytes();
        assert!(body.windows(15).any(|window| window == b"probe_success 1"), "blackbox_exporter fails");
        probes.fetch_add(1, Ordering::Relaxed);
    }
}
