//! What tracing says now, for commands that end: from a running prober, or from a tracing of one's own.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::beacon::Beacon;
use crate::board::{Board, Snapshot};
use crate::canary::Keys;
use crate::estate::{DomainName, Estate};
use crate::fetch::{Bounds, FetchError, get};
use crate::fleet::Fleet;
use crate::gate::{Decision, Step, When, decide};
use crate::path::Tracing;
use crate::plan;
use crate::probe::Observation;
use crate::report::ClusterReport;
use crate::report::json::{ClusterPaths, Paths, Unreadable};

/// Where a prober serves what it knows of paths.
const PATH: &str = "/api/v1/paths";

/// How long a prober may take to answer, and how long the answer may be.
const BOUNDS: Bounds = Bounds { time: Duration::from_secs(5), body: 16 << 20 };

/// The most time from one round of one's own to the next: somebody waits.
const HASTE: Duration = Duration::from_secs(2);

/// How long the first two rounds of one's own are waited for.
const FIRST_ROUNDS: Duration = Duration::from_secs(20);

/// How often it is looked whether something has changed.
const GLANCE: Duration = Duration::from_millis(500);

/// Somebody who traces.
#[derive(Debug)]
pub enum Survey {
    /// A prober that runs, at this address.
    Prober(SocketAddr),
    /// This process itself.
    Own(Box<Own>),
}

/// Tracing of one's own, which ends when this is dropped.
#[derive(Debug)]
pub struct Own {
    estate: Arc<Estate>,
    board: Arc<Board>,
    fleet: Arc<Fleet>,
    tracing: Tracing,
    _beacon: Option<DropGuard>,
}

/// Why nothing can be said.
#[derive(Debug, thiserror::Error)]
pub enum SurveyError {
    /// The prober cannot be reached.
    #[error("the prober cannot be asked: {0}")]
    Fetch(#[from] FetchError),
    /// It answers with another status than 200.
    #[error("http://{0}{PATH} answers with status {1}; is it a Fathom prober?")]
    Status(SocketAddr, u16),
    /// What it answers is no report.
    #[error("http://{0}{PATH}: what came is {1}")]
    Unreadable(SocketAddr, Unreadable),
    /// There is no such cluster there.
    #[error("there is no cluster {wanted} there; there are: {there_are}")]
    NoCluster {
        /// What was asked for.
        wanted: String,
        /// What there is.
        there_are: String,
    },
    /// There is no such resolver in the cluster.
    #[error("there is no resolver {wanted} in cluster {cluster}; there are: {there_are}")]
    NoResolver {
        /// In which cluster.
        cluster: String,
        /// What was asked for.
        wanted: String,
        /// What there is.
        there_are: String,
    },
}

/// A step of a cluster, by names.
#[derive(Debug, Clone)]
pub struct Asked {
    /// The cluster.
    pub cluster: String,
    /// A resolver that is about to be rebuilt.
    pub rebuild: Option<String>,
    /// A resolver that was rebuilt.
    pub rebuilt: Option<String>,
}

/// What came of a question: the decision and what it rests on.
#[derive(Debug)]
pub struct Answer {
    /// The decision.
    pub decision: Decision,
    /// The step, with resolvers by their places in the cluster.
    pub step: Step,
    /// The cluster.
    pub cluster: ClusterPaths,
}

/// The address in `http://IP:PORT`.
///
/// # Errors
/// What is wrong with the text, and what is allowed.
pub fn address_of(url: &str) -> Result<SocketAddr, String> {
    const ALLOWED: &str = "allowed is http://IP:PORT, such as http://127.0.0.1:9953 or http://[::1]:9953";
    let rest = url.strip_prefix("http://").ok_or_else(|| ALLOWED.to_owned())?;
    let rest = rest.strip_suffix('/').unwrap_or(rest);
    let host = rest.rsplit_once(':').map_or(rest, |(host, _)| host);
    let is_a_name = host.chars().any(|c| c.is_ascii_alphabetic()) && DomainName::parse(host).is_some();
    match rest.parse::<SocketAddr>() {
        Ok(address) if address.port() > 0 => Ok(address),
        Err(_) if is_a_name => {
            let why = "a host name takes DNS to find, and Fathom has to work when DNS does not";
            Err(format!("{why}; {ALLOWED}"))
        }
        Err(_) if rest.trim_matches(['[', ']']).parse::<IpAddr>().is_ok() => {
            Err(format!("the port is missing; {ALLOWED}"))
        }
        Ok(_) | Err(_) => Err(ALLOWED.to_owned()),
    }
}

impl Own {
    /// Begins to trace the clusters of the estate, and to probe them as the daemon does. Has to be called within a
    /// runtime. The beacon runs here if it can. Where its port is taken, another process runs it: with the same keys if
    /// they come from files; a key of its own tells nothing to others, and names of the canary zone are left out.
    pub async fn start(mut estate: Estate, mut keys: Option<Keys>) -> Self {
        estate.path.interval = estate.path.interval.min(HASTE);
        let beacon = match keys.clone() {
            Some(keys) => Beacon::of(&estate, Arc::new(keys)).await,
            None => Ok(None),
        };
        if let Err(error) = &beacon {
            tracing::info!("{error}; another process seems to run the beacon.");
            keys = keys.filter(|_| !estate.path.key_files.is_empty());
        }
        let beacon = beacon.ok().flatten();
        let handle = beacon.as_ref().map(Beacon::handle);
        let beacon = beacon.map(|beacon| {
            let shutdown = CancellationToken::new();
            tokio::spawn(beacon.run(shutdown.clone()));
            shutdown.drop_guard()
        });
        let estate = Arc::new(estate);
        let board = Arc::new(Board::new(&estate, &plan::targets(&estate)));
        let fleet = Arc::new(Fleet::start(Arc::clone(&board), &estate));
        let tracing = Tracing::start(handle, Arc::clone(&board), Arc::clone(&fleet), &estate, keys);
        Self { estate, board, fleet, tracing, _beacon: beacon }
    }

    /// Waits until every cluster went through two rounds of questions, or for twenty seconds.
    pub async fn first_rounds(&self) {
        let mut reports = self.board.reports();
        let waiting = async {
            let clusters = self.estate.clusters.len();
            let mut first = vec![None; clusters];
            loop {
                let now = reports.borrow_and_update().clone();
                let mut twice = now.len() == clusters;
                for (first, report) in first.iter_mut().zip(&now) {
                    if first.is_none() {
                        *first = report.traced_at;
                    }
                    twice &= first.is_some() && report.traced_at != *first;
                }
                if twice || reports.changed().await.is_err() {
                    return;
                }
            }
        };
        // What is missing then is said by those who look.
        drop(timeout(FIRST_ROUNDS, waiting).await);
    }

    /// What probes of a resolver share: whoever asks beside this spends from the same budget.
    pub fn fleet(&self) -> &Fleet {
        &self.fleet
    }

    /// Everything that is known at this moment.
    pub fn snapshot(&self) -> Snapshot {
        self.board.snapshot()
    }

    /// Takes what a probe beside this saw, as evidence like any other.
    pub fn note(&self, seen: &Observation) {
        let key = seen.target.key();
        if let Some(cell) = self.board.cells().iter().find(|cell| cell.target().key() == key) {
            self.board.record(cell, seen);
        }
    }

    /// Waits until the reports are `enough`, or for as long as `patience`.
    pub async fn until(&self, enough: impl Fn(&[Arc<ClusterReport>]) -> bool, patience: Duration) {
        let mut reports = self.board.reports();
        // Either way what is known then is known.
        drop(timeout(patience, reports.wait_for(|reports| enough(reports))).await);
    }

    /// What is known of each cluster by now.
    pub fn reports(&self) -> Vec<Arc<ClusterReport>> {
        self.board.reports().borrow().clone()
    }

    /// Ends all questions.
    pub async fn stop(&self) {
        self.tracing.stop();
        self.fleet.stop().await;
    }
}

impl Survey {
    /// What is known now.
    ///
    /// # Errors
    /// When a prober cannot be asked, or answers something else.
    pub async fn look(&self) -> Result<Paths, SurveyError> {
        match self {
            Self::Own(own) => Ok(Paths::of(&own.estate, &own.board.reports().borrow(), SystemTime::now())),
            Self::Prober(address) => {
                let fetched = get(*address, PATH, None, BOUNDS).await?;
                if fetched.status.as_u16() != 200 {
                    return Err(SurveyError::Status(*address, fetched.status.as_u16()));
                }
                Paths::read(&fetched.body).map_err(|error| SurveyError::Unreadable(*address, error))
            }
        }
    }

    /// Asks whether a step may go ahead, and keeps asking while it may not, until `wait` is over. What only the next trace
    /// can tell is waited for in any case.
    ///
    /// # Errors
    /// When there is no such cluster or resolver, or a prober cannot be asked to the end.
    pub async fn gate(&self, asked: &Asked, wait: Duration) -> Result<Answer, SurveyError> {
        let started = Instant::now();
        let mut asked_at = None;
        loop {
            let result = self.look().await.and_then(|paths| {
                let asked_at = *asked_at.get_or_insert(paths.now);
                let interval = Duration::from_secs_f64(paths.interval_seconds);
                answer(paths, asked, asked_at).map(|answer| (answer, interval))
            });
            let goes_on = match &result {
                Ok((answer, _)) if answer.decision.passes() => false,
                Ok((answer, interval)) if answer.decision.awaits_trace() => {
                    started.elapsed() < wait.max(*interval + Duration::from_secs(10))
                }
                Err(SurveyError::NoResolver { .. }) => false,
                Ok(_) | Err(_) => started.elapsed() < wait,
            };
            if !goes_on {
                return result.map(|(answer, _)| answer);
            }
            sleep(GLANCE).await;
        }
    }
}

fn answer(paths: Paths, asked: &Asked, asked_at: SystemTime) -> Result<Answer, SurveyError> {
    let when = When { now: paths.now, asked: asked_at, interval: Duration::from_secs_f64(paths.interval_seconds) };
    let cluster = cluster_of(paths, &asked.cluster)?;
    let place = |name: &String| {
        cluster.place(name).ok_or_else(|| SurveyError::NoResolver {
            cluster: asked.cluster.clone(),
            wanted: name.clone(),
            there_are: cluster.resolvers.iter().map(|seen| seen.resolver.as_str()).collect::<Vec<_>>().join(", "),
        })
    };
    let step = match (&asked.rebuild, &asked.rebuilt) {
        (Some(name), _) => Step::Rebuild(place(name)?),
        (None, Some(name)) => Step::Rebuilt(place(name)?),
        (None, None) => Step::Done,
    };
    let decision = decide(&cluster, step, when);
    Ok(Answer { decision, step, cluster })
}

/// The cluster of that name.
///
/// # Errors
/// When there is none.
pub fn cluster_of(paths: Paths, wanted: &str) -> Result<ClusterPaths, SurveyError> {
    let there_are = paths.clusters.iter().map(|cluster| cluster.cluster.as_str()).collect::<Vec<_>>().join(", ");
    let found = paths.clusters.into_iter().find(|cluster| cluster.cluster == wanted);
    let there_are = if there_are.is_empty() { "none that was judged yet".to_owned() } else { there_are };
    found.ok_or_else(|| SurveyError::NoCluster { wanted: wanted.to_owned(), there_are })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn probers_are_named_by_address_alone() {
        assert_eq!(address_of("http://127.0.0.1:9953/").unwrap().to_string(), "127.0.0.1:9953");
        assert_eq!(address_of("http://[::1]:9953").unwrap().to_string(), "[::1]:9953");
        let allowed = "allowed is http://IP:PORT, such as http://127.0.0.1:9953 or http://[::1]:9953";
        let name = "a host name takes DNS to find, and Fathom has to work when DNS does not; ";
        for (url, why) in [
            ("http://fathom.example:9953", name),
            ("http://localhost", name),
            ("http://192.0.2.1", "the port is missing; "),
            ("http://[::1]", "the port is missing; "),
            ("http://192.0.2.1:0", ""),
            ("http://192.0.2.1:9953/api", ""),
            ("https://192.0.2.1:9953", ""),
            ("192.0.2.1:9953", ""),
            ("", ""),
        ] {
            assert_eq!(address_of(url).unwrap_err(), format!("{why}{allowed}"), "{url}");
        }
    }
}
