//! A real Prometheus scrapes Fathom, and its own linter has nothing to say.

mod support;

use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr};
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::Value;
use support::{EXTERNAL, Fathom, LISTEN, Server, Setup, Software, World, http, isolated, name, probes};
use tokio::time::{Instant, sleep};

const PROMETHEUS: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 9090);

#[test]
fn prometheus_scrapes_it_and_promtool_is_silent() {
    isolated(async {
        let mut world = World::new(&["ns1", "ns2"]).await;
        world.build("ns1", Setup::new(Software::Bind)).await;
        let name = name("external", EXTERNAL, "198.51.100.1") + "transports = [\"udp\", \"tcp\"]\n";
        let defaults = "interval = \"1s\"\ntimeout = \"1s\"";
        let fathom = Fathom::run(world.directory(), &probes(&world, &["ns1", "ns2"], defaults, &name)).await;

        let metrics = fathom.metrics().await;
        assert_eq!(promtool_says(&metrics.text), "");

        let _prometheus = start_prometheus(&world);
        value_when(&fathom, "up", |up| up > 0.0).await;
        // ns2 does not run: what Prometheus stores tells the two apart.
        for (resolver, result) in [("ns1", "ok"), ("ns2", "unreachable")] {
            let query = format!("sum(dns_probe_results_total{{resolver=\"{resolver}\",result=\"{result}\"}})");
            value_when(&fathom, &query, |count| count >= 2.0).await;
        }
        // What Fathom says of itself belongs to the process that was started here.
        let started = value_when(&fathom, "time()-process_start_time_seconds", |age| age > 0.0).await;
        assert!(started < 120.0, "{started}");
        value_when(&fathom, "fathom_config_last_reload_successful", |successful| successful > 0.0).await;
    });
}

fn promtool_says(metrics: &str) -> String {
    let mut promtool = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("prometheus has to be installed: see tests/run");
    promtool.stdin.take().expect("a pipe").write_all(metrics.as_bytes()).expect("promtool reads");
    let output = promtool.wait_with_output().expect("promtool ends");
    assert!(output.status.success() || !output.stderr.is_empty() || !output.stdout.is_empty());
    String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned()
}

fn start_prometheus(world: &World) -> Server {
    let configuration = format!(
        "global: {{ scrape_interval: 1s }}\n\
         scrape_configs: [{{ job_name: fathom, static_configs: [{{ targets: ['{LISTEN}'] }}] }}]\n"
    );
    let arguments = [
        "--config.file=prometheus.yml".to_owned(),
        "--storage.tsdb.path=data".to_owned(),
        format!("--web.listen-address={PROMETHEUS}"),
    ];
    let files = [("prometheus.yml", configuration)];
    Server::start("prometheus", &world.directory().join("prometheus"), &files, "prometheus", arguments)
}

/// The value of an expression, when it is as wanted; until then its samples may not have come.
async fn value_when(fathom: &Fathom, query: &str, wanted: impl Fn(f64) -> bool) -> f64 {
    let deadline = Instant::now() + Duration::from_secs(60);
    let path = format!("/api/v1/query?query={}", query.replace('{', "%7B").replace('}', "%7D").replace('"', "%22"));
    loop {
        let answer = http::get(PROMETHEUS, &path).await.map(|(_, body)| body).unwrap_or_default();
        let value = serde_json::from_str::<Value>(&answer)
            .ok()
            .and_then(|answer| answer.pointer("/data/result/0/value/1")?.as_str()?.parse().ok());
        match value {
            Some(value) if wanted(value) => return value,
            seen => assert!(Instant::now() < deadline, "{query} is {seen:?}: {answer}\n{}", fathom.server().log()),
        }
        sleep(Duration::from_millis(100)).await;
    }
}
