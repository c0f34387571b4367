//! A cluster of real resolvers as Fathom's path tracing sees it, inside the test process.

use std::fmt::Display;
use std::fs;
use std::net::IpAddr;
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;
use std::time::Duration;

use fathom::beacon::Beacon;
use fathom::board::Board;
use fathom::canary::Keys;
use fathom::config::{Overrides, parse};
use fathom::estate::Estate;
use fathom::fleet::Fleet;
use fathom::path::Tracing;
use fathom::plan;
use fathom::report::ClusterReport;
use fathom::verdict::{ClusterState, Confidence, Verdict};
use parking_lot::Mutex;
use tokio::time::{Instant, timeout};
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::AbortOnDropHandle;

use super::moments::{self, Moments};
use super::outside::{BEACON, BROKEN, CANARY, COLD, EXTERNAL};
use super::resolvers::INTERNAL_ZONE;
use super::world::World;

/// Rounds in doubt are less far apart than this.
const CALM: Duration = Duration::from_secs(16);

/// Fathom at work on one cluster.
#[derive(Debug)]
pub struct Watched {
    board: Arc<Board>,
    pub fleet: Arc<Fleet>,
    claims: Arc<Mutex<Confidence>>,
    moments: Arc<Mutex<Moments>>,
    _listening: [AbortOnDropHandle<()>; 2],
    pub tracing: Tracing,
    _beacon: Option<DropGuard>,
}

/// What Fathom is told of the cluster.
#[derive(Debug, Clone, Copy)]
#[expect(clippy::struct_excessive_bools, reason = "independent switches, as in a configuration file")]
pub struct Told {
    /// Its resolvers have tracer zones, and there is a canary zone with its beacon.
    pub tracers: bool,
    /// From the start of one round to that of the next, in seconds, while all is well.
    pub interval: u64,
    /// An upstream that it may ask directly.
    pub upstream: Option<IpAddr>,
    /// Its resolvers are authoritative for the internal zone. Not every product sets AA, or answers without RD.
    pub authoritative: bool,
    /// The canary zone's beacon is that of another watcher of the same world.
    pub shares_beacon: bool,
    /// One of its names has a broken chain of trust.
    pub bogus_name: bool,
}

impl Told {
    /// Of resolvers without tracers, authoritative for the internal zone, with rounds so many seconds apart.
    pub const fn every(interval: u64) -> Self {
        Self { tracers: false, interval, upstream: None, authoritative: true, shares_beacon: false, bogus_name: false }
    }
}

impl Watched {
    /// Starts to watch these resolvers of the world, in this order, as cluster `c1` of `dc1`.
    pub async fn start(world: &World, names: &[&str], told: Told) -> Self {
        let addresses: Vec<(String, IpAddr)> =
            names.iter().map(|name| ((*name).to_owned(), world.address(name))).collect();
        Self::at(world, &addresses, told).await
    }

    /// The same, at other addresses than the resolvers' own, such as those of relays.
    pub async fn at(world: &World, resolvers: &[(String, IpAddr)], told: Told) -> Self {
        let estate = estate(resolvers, told, &key_file(world));
        let keys = Keys::load(&estate.path.key_files).expect("the key file");
        let beacon = match &keys {
            Some(keys) => Beacon::of(&estate, Arc::new(keys.clone())).await.expect("the beacon's port"),
            None => None,
        };
        Self::over(estate, keys, beacon)
    }

    /// Starts to watch an estate, on the runtime of the caller, with a beacon that listens already.
    pub fn over(estate: Estate, keys: Option<Keys>, beacon: Option<Beacon>) -> Self {
        let estate = Arc::new(estate);
        let handle = beacon.as_ref().map(Beacon::handle);
        let beacon = beacon.map(|beacon| {
            let shutdown = CancellationToken::new();
            tokio::spawn(beacon.run(shutdown.clone()));
            shutdown.drop_guard()
        });
        let board = Arc::new(Board::new(&estate, &plan::targets(&estate)));
        let fleet = Arc::new(Fleet::start(Arc::clone(&board), &estate));
        let tracing = Tracing::start(handle, Arc::clone(&board), Arc::clone(&fleet), &estate, keys);
        let claims = Arc::new(Mutex::new(Confidence::None));
        let moments = Arc::new(Mutex::new(Moments::default()));
        let listening = [
            tokio::spawn(note_claims(Arc::clone(&board), Arc::clone(&claims))),
            tokio::spawn(moments::note(Arc::clone(&board), Arc::clone(&moments))),
        ];
        let listening = listening.map(AbortOnDropHandle::new);
        Self { board, fleet, claims, moments, _listening: listening, tracing, _beacon: beacon }
    }

    /// From now on, what was seen first is noted anew.
    pub fn start_clock(&self) {
        *self.moments.lock() = Moments::default();
    }

    /// What was seen since then.
    pub fn moments(&self) -> Moments {
        *self.moments.lock()
    }

    /// What is known.
    pub fn board(&self) -> &Arc<Board> {
        &self.board
    }

    /// The most that was ever said of a loop since the start, by however little it was passing.
    pub fn surest_loop(&self) -> Confidence {
        *self.claims.lock()
    }

    /// From now on, another truth holds.
    pub fn forget_claims(&self) {
        *self.claims.lock() = Confidence::None;
    }

    /// Prints what is reported now as a line of the confusion matrix, next to the truth.
    ///
    /// # Panics
    /// When a loop was claimed above suspicion at any time, and there is none.
    pub fn record(&self, case: &str, truth: &str) {
        let report = self.report().expect("a report");
        let mut said: Vec<(String, Vec<&str>)> = Vec::new();
        for (place, seen) in report.resolvers.iter().enumerate() {
            let words = format!("{} {}", seen.verdict.as_str(), seen.confidence.as_str());
            match said.iter_mut().find(|(known, _)| *known == words) {
                Some((_, names)) => names.push(report.name(place).as_str()),
                None => said.push((words, vec![report.name(place).as_str()])),
            }
        }
        let said: Vec<String> =
            said.into_iter().map(|(words, names)| format!("{}: {words}", names.join(" "))).collect();
        println!("confusion | {case} | {truth} | {} | {} |", said.join("; "), report.state.as_str());
        let now = report.resolvers.iter().filter(|seen| seen.verdict == Verdict::LoopSuspected);
        let surest = now.map(|seen| seen.confidence).max().unwrap_or_default().max(self.surest_loop());
        let innocent = !truth.contains("loop");
        assert!(!innocent || surest <= Confidence::Suspected, "{case}: a loop was claimed\n{}", self.in_words());
    }

    /// What is reported now.
    pub fn report(&self) -> Option<Arc<ClusterReport>> {
        self.board.reports().borrow().first().cloned()
    }

    /// Waits for a report that is as wanted; says how long that took.
    ///
    /// # Panics
    /// When none is within the limit: says what was waited for, and what is reported instead.
    pub async fn until(
        &self,
        what: &str,
        limit: Duration,
        wanted: impl Fn(&ClusterReport) -> bool,
    ) -> (Arc<ClusterReport>, Duration) {
        let (started, mut reports) = (Instant::now(), self.board.reports());
        let waiting = async {
            loop {
                if let Some(report) = reports.borrow_and_update().first().filter(|report| wanted(report)) {
                    return Arc::clone(report);
                }
                reports.changed().await.expect("the board outlives this");
            }
        };
        let Ok(report) = timeout(limit, waiting).await else {
            panic!("waited {limit:?} in vain for {what}; instead:\n{}", self.in_words());
        };
        (report, started.elapsed())
    }

    /// Waits until nothing more is asked than is due: no report has come for longer than rounds in doubt are apart.
    pub async fn until_calm(&self) {
        let mut reports = self.board.reports();
        while timeout(CALM, reports.changed()).await.is_ok() {}
    }

    /// Waits until every resolver has this verdict, at least this sure.
    pub async fn until_all(&self, verdict: Verdict, confidence: Confidence, limit: Duration) -> Duration {
        let what = format!("{} {} everywhere", verdict.as_str(), confidence.as_str());
        let all = |report: &ClusterReport| {
            report.resolvers.iter().all(|seen| seen.verdict == verdict && seen.confidence >= confidence)
        };
        self.until(&what, limit, all).await.1
    }

    /// Waits until the cluster is in this state.
    pub async fn until_state(&self, state: ClusterState, limit: Duration) -> (Arc<ClusterReport>, Duration) {
        self.until(state.as_str(), limit, |report| report.state == state).await
    }

    /// The report as a person would read it, evidence included.
    pub fn in_words(&self) -> String {
        let Some(report) = self.report() else { return "no report yet".to_owned() };
        let mut text = format!(
            "{}: {} (exits {:?}, last {:?}, circles {:?})\n",
            report.state.as_str(),
            report.sentence,
            report.independent_exits,
            report.last_exit,
            report.circles()
        );
        for (place, seen) in report.resolvers.iter().enumerate() {
            text += &format!(
                "  {} {} {}: {}\n",
                report.name(place),
                seen.verdict.as_str(),
                seen.confidence.as_str(),
                seen.sentence
            );
            for clue in &seen.clues {
                text += &format!("    {} {}\n", clue.bearing.as_str(), clue.text);
            }
        }
        text
    }
}

/// Keeps the most that is said of a loop.
async fn note_claims(board: Arc<Board>, claims: Arc<Mutex<Confidence>>) {
    let mut reports = board.reports();
    loop {
        let seen: Vec<Arc<ClusterReport>> = reports.borrow_and_update().clone();
        let loops = seen.iter().flat_map(|report| &report.resolvers).filter(|r| r.verdict == Verdict::LoopSuspected);
        if let Some(surest) = loops.map(|resolver| resolver.confidence).max() {
            let mut claims = claims.lock();
            *claims = surest.max(*claims);
        }
        if reports.changed().await.is_err() {
            return;
        }
    }
}

/// What Fathom is told of these resolvers of the world, as probes.toml.
pub fn watched_toml(world: &World, names: &[&str], told: Told) -> String {
    let addresses: Vec<(String, IpAddr)> = names.iter().map(|name| ((*name).to_owned(), world.address(name))).collect();
    probes_toml(&addresses, told, &key_file(world))
}

/// The path of a file with a canary key.
fn key_file(world: &World) -> String {
    let key = world.directory().join("canary.key");
    fs::write(&key, [7; 32]).expect("a key file");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).expect("its permissions");
    key.display().to_string()
}

/// The estate that Fathom watches, from the configuration that a user would write.
pub(super) fn estate<A: Display>(resolvers: &[(String, A)], told: Told, key: &str) -> Estate {
    let loaded = parse(&probes_toml(resolvers, told, key), "probes.toml", &Overrides::default());
    loaded.unwrap_or_else(|problems| panic!("{problems}")).estate
}

/// The configuration: an internal name, an external one, and cold ones from outside.
fn probes_toml<A: Display>(resolvers: &[(String, A)], told: Told, key: &str) -> String {
    let mut text = format!(
        r#"[prober]
environment = "test"
datacenter = "dc1"
listen = "127.0.0.1:9953"

[defaults]
interval = "5s"
timeout = "2s"
patience = "12s"

[path]
interval = "{}s"
cold_names = ["{{nonce}}.{COLD}", "{{nonce}}.w.example.com."]
"#,
        told.interval
    );
    if told.tracers {
        text += &format!("canary_zone = \"{CANARY}\"\nkey_files = [\"{key}\"]\n");
        if !told.shares_beacon {
            text += &format!("\n[beacon]\nlisten = \"{BEACON}:53\"\nqueries_per_second_per_prefix = 200\n");
        }
    }
    text += "\n[[cluster]]\nname = \"c1\"\ndatacenter = \"dc1\"\npackets_per_second = 100\n";
    text += &if told.authoritative {
        format!("roles = [\"authoritative\", \"recursive\"]\nzones = [\"{INTERNAL_ZONE}\"]\n")
    } else {
        "roles = [\"recursive\"]\n".to_owned()
    };
    if let Some(upstream) = told.upstream {
        text += &format!("upstreams = [\"{upstream}\"]\n");
    }
    for (name, address) in resolvers {
        text += &format!("\n[[cluster.resolver]]\nname = \"{name}\"\naddress = \"{address}\"\n");
    }
    if told.authoritative {
        text += "\n[[name]]\nid = \"db1\"\nclass = \"database\"\nqname = \"db1.int.example.\"\nqtype = \"A\"\n";
        text += "recursion_desired = false\n";
    }
    let bogus = told.bogus_name.then_some(("bogus", BROKEN));
    for (id, qname) in [("www", EXTERNAL)].into_iter().chain(bogus) {
        text += &format!("\n[[name]]\nid = \"{id}\"\nclass = \"external\"\nqname = \"{qname}\"\nqtype = \"A\"\n");
    }
    text
}
