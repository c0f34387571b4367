//! Fathom itself, as a process, and what it exports.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::http;
use super::resolvers::INTERNAL_ZONE;
use super::server::Server;
use super::world::World;

/// Where tests let it listen, in a namespace of their own.
pub const LISTEN: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 9953);

/// How long anything that is waited for may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// A running `fathom run`.
#[derive(Debug)]
pub struct Fathom {
    server: Server,
    configuration: PathBuf,
}

impl Fathom {
    /// Starts it with this probes.toml, whose `prober.listen` has to be [`LISTEN`], and waits until it has probed
    /// everything once.
    pub async fn run(directory: &Path, probes: &str) -> Self {
        let directory = directory.join("fathom");
        let files = [("probes.toml", probes.to_owned())];
        let arguments = ["--config", "probes.toml", "run"];
        let server = Server::start("fathom", &directory, &files, env!("CARGO_BIN_EXE_fathom"), arguments);
        let mut fathom = Self { server, configuration: directory.join("probes.toml") };
        let deadline = Instant::now() + PATIENCE;
        while fathom.get("/-/ready").await.is_none_or(|(status, _)| status != 200) {
            assert!(fathom.server.is_running(), "fathom ended at once:\n{}", fathom.server.log());
            assert!(Instant::now() < deadline, "fathom is not ready:\n{}", fathom.server.log());
            sleep(Duration::from_millis(50)).await;
        }
        fathom
    }

    /// Its configuration file.
    pub fn configuration(&self) -> &Path {
        &self.configuration
    }

    /// Its process, for signals.
    pub fn server(&self) -> &Server {
        &self.server
    }

    /// Asks it to end, waits until it has, and says how long that took.
    ///
    /// # Panics
    /// When it ends with anything but success.
    pub fn stop(self) -> Duration {
        let asked = Instant::now();
        let status = self.server.terminate();
        assert!(status.success(), "fathom ended with {status}");
        asked.elapsed()
    }

    /// What it exports now.
    pub async fn metrics(&self) -> Metrics {
        let (status, body) = self.get("/metrics").await.expect("fathom listens");
        assert_eq!(status, 200, "{body}");
        Metrics::parse(&body)
    }

    /// Waits until what it exports is as wanted.
    ///
    /// # Panics
    /// When that takes more than a minute; `what` says what was waited for.
    pub async fn metrics_when(&self, what: &str, wanted: impl Fn(&Metrics) -> bool) -> Metrics {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let metrics = self.metrics().await;
            if wanted(&metrics) {
                return metrics;
            }
            assert!(Instant::now() < deadline, "waited in vain for {what}:\n{}", self.server.log());
            sleep(Duration::from_millis(100)).await;
        }
    }

    /// Status and body of a page, or nothing when nobody listens yet.
    pub async fn get(&self, path: &str) -> Option<(u16, String)> {
        http::get(LISTEN, path).await
    }
}

/// A probes.toml for these resolvers of a world, as one cluster that is authoritative for the internal zone: `defaults`
/// are the lines of that section, `names` whole `[[name]]` tables.
pub fn probes(world: &World, nodes: &[&str], defaults: &str, names: &str) -> String {
    let mut text = format!(
        r#"[prober]
environment = "test"
datacenter = "dc1"
listen = "{LISTEN}"

[defaults]
{defaults}

[[cluster]]
name = "dc1-internal"
datacenter = "dc1"
roles = ["authoritative", "recursive"]
zones = ["{INTERNAL_ZONE}"]
"#
    );
    for node in nodes {
        text += &format!("[[cluster.resolver]]\nname = \"{node}\"\naddress = \"{}\"\n", world.address(node));
    }
    text + names
}

/// A `[[name]]` table: `class` is its id too.
pub fn name(class: &str, qname: &str, expected: &str) -> String {
    format!(
        "[[name]]\nid = \"{class}\"\nclass = \"{class}\"\nqname = \"{qname}\"\nqtype = \"A\"\n\
         expect = {{ answers = [\"{expected}\"] }}\n"
    )
}

/// A scrape.
#[derive(Debug, Clone)]
pub struct Metrics {
    /// The text itself.
    pub text: String,
    samples: Vec<Sample>,
}

#[derive(Debug, Clone)]
struct Sample {
    name: String,
    labels: BTreeMap<String, String>,
    value: f64,
}

impl Metrics {
    fn parse(text: &str) -> Self {
        let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
        Self { text: text.to_owned(), samples: lines.map(Sample::parse).collect() }
    }

    /// How many series there are.
    pub fn len(&self) -> usize {
        self.samples.len()
    }

    /// The sum of all series of this name with these labels.
    pub fn sum(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        self.series(name, labels).map(|sample| sample.value).sum()
    }

    /// The sums of all series of this name with these labels, by the value of one more label.
    pub fn sum_by(&self, name: &str, labels: &[(&str, &str)], by: &str) -> BTreeMap<String, f64> {
        let mut sums = BTreeMap::new();
        for sample in self.series(name, labels) {
            *sums.entry(sample.labels.get(by).cloned().unwrap_or_default()).or_default() += sample.value;
        }
        sums
    }

    fn series<'a>(&'a self, name: &'a str, labels: &'a [(&str, &str)]) -> impl Iterator<Item = &'a Sample> {
        let fits =
            |sample: &&Sample| labels.iter().all(|(key, value)| sample.labels.get(*key).is_some_and(|v| v == value));
        self.samples.iter().filter(move |sample| sample.name == name).filter(fits)
    }
}

impl Sample {
    /// Label values in these tests hold nothing that is escaped, apart from what nobody looks for.
    fn parse(line: &str) -> Self {
        let (series, value) = line.rsplit_once(' ').expect("a sample");
        let (name, labels) = series.split_once('{').unwrap_or((series, ""));
        let pairs = labels.trim_end_matches('}').split("\",").filter_map(|pair| pair.split_once("=\""));
        let labels = pairs.map(|(key, value)| (key.to_owned(), value.trim_end_matches('"').to_owned())).collect();
        Self { name: name.to_owned(), labels, value: value.parse().expect("a number") }
    }
}
