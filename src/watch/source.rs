//! Where looks come from: a prober of this process, or one that runs elsewhere.

use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, SystemTime};

use serde_json::json;
use tokio::time::Instant;

use super::look::Look;
use crate::fetch::{Bounds, FetchError, Fetched, basic, get, post};
use crate::operator::{Token, TokenError};
use crate::report::json::Unreadable;
use crate::survey::Own;

/// From one look to the next.
pub const PERIOD: Duration = Duration::from_secs(1);

/// How long a closer look lasts without being asked for again: it ends soon after the watching does.
const LEASE: Duration = Duration::from_secs(30);

/// A prober that runs is asked for it this often: somebody else's clock counts, and a request may be lost.
const RENEWAL: Duration = Duration::from_secs(10);

/// Where a prober says what it knows.
const STATUS: &str = "/api/v1/status";

/// How long a prober may take to answer, and how long the answer may be.
const BOUNDS: Bounds = Bounds { time: Duration::from_secs(5), body: 64 << 20 };

/// Who looks.
#[derive(Debug)]
pub enum Source {
    /// This process.
    Own(Box<Own>),
    /// A prober that runs.
    Prober(Prober),
}

/// A prober that runs.
#[derive(Debug, Clone)]
pub struct Prober {
    address: SocketAddr,
    /// The only cluster to look at.
    cluster: Option<String>,
    /// By which it listens to marks and the like.
    authorization: Option<String>,
}

/// When a closer look has to be asked for again.
#[derive(Debug, Default)]
pub struct Lease(Option<Instant>);

/// Why there is nothing to see.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// The prober cannot be reached.
    #[error("the prober cannot be asked: {0}")]
    Fetch(#[from] FetchError),
    /// It answers with another status than 200.
    #[error("http://{0}{STATUS} answers with status {1}; is it a Fathom prober?")]
    Status(SocketAddr, u16),
    /// What it answers is no status.
    #[error("http://{0}{STATUS}: what came is {1}")]
    Unreadable(SocketAddr, Unreadable),
    /// There is no such cluster there.
    #[error("there is no cluster {wanted} there; there are: {there_are}")]
    NoCluster {
        /// What was asked for.
        wanted: String,
        /// What there is.
        there_are: String,
    },
}

impl Source {
    /// What is known now. One's own probes go on at about one a second for as long as somebody looks.
    ///
    /// # Errors
    /// When a prober cannot be asked, or answers something else.
    pub async fn look(&self) -> Result<Look, SourceError> {
        match self {
            Self::Own(own) => Ok(look_closely(own)),
            Self::Prober(prober) => prober.look().await,
        }
    }
}

/// What is known here, and a closer look at all of it.
fn look_closely(own: &Own) -> Look {
    let (snapshot, now) = (own.snapshot(), SystemTime::now());
    for view in &snapshot.resolvers {
        own.fleet().look_closer(&view.cluster, &view.resolver.name, LEASE);
    }
    Look::of(&snapshot, |cluster, resolver| Some(now + own.fleet().looked_at_closely(cluster, resolver)?), now)
}

impl Prober {
    /// A prober at an address, of which one cluster or all of them are of interest. The file holds its operator's token;
    /// `by` is who shows it.
    ///
    /// # Errors
    /// When the file will not do.
    pub fn new(
        address: SocketAddr,
        cluster: Option<&str>,
        token_file: Option<&Path>,
        by: &str,
    ) -> Result<Self, TokenError> {
        let token = token_file.map(Token::read).transpose()?;
        let authorization = token.map(|(_, text)| basic(by, &text));
        Ok(Self { address, cluster: cluster.map(str::to_owned), authorization })
    }

    async fn look(&self) -> Result<Look, SourceError> {
        let fetched = get(self.address, STATUS, None, BOUNDS).await?;
        if fetched.status.as_u16() != 200 {
            return Err(SourceError::Status(self.address, fetched.status.as_u16()));
        }
        let mut look = Look::read(&fetched.body).map_err(|error| SourceError::Unreadable(self.address, error))?;
        if let Some(wanted) = &self.cluster {
            let there_are = look.cluster_names().join(", ");
            look.keep(wanted);
            if look.resolvers.is_empty() {
                return Err(SourceError::NoCluster { wanted: wanted.clone(), there_are });
            }
        }
        Ok(look)
    }

    /// Asks for a closer look at every resolver of these clusters, for half a minute.
    ///
    /// # Errors
    /// In words, why nobody looks closer.
    pub async fn look_closer(&self, clusters: &[&str]) -> Result<(), String> {
        let lease = format!("{}s", LEASE.as_secs());
        for cluster in clusters {
            self.tell("/api/v1/look-closer", &json!({ "cluster": cluster, "for": lease })).await?;
        }
        Ok(())
    }

    /// Leaves a mark there.
    ///
    /// # Errors
    /// In words, why it is not kept.
    pub async fn mark(&self, text: &str) -> Result<(), String> {
        self.tell("/api/v1/marks", &json!({ "text": text })).await
    }

    async fn tell(&self, path: &str, what: &serde_json::Value) -> Result<(), String> {
        let Some(authorization) = &self.authorization else {
            return Err("it takes the operator's token: --token-file names the file that holds it".to_owned());
        };
        let told = post(self.address, path, Some(authorization), what.to_string(), BOUNDS).await;
        let Fetched { status, body, .. } = told.map_err(|error| error.to_string())?;
        if status.is_success() {
            return Ok(());
        }
        // What it says about it, in one line that disturbs no terminal.
        let said: String =
            String::from_utf8_lossy(&body).chars().map(|c| if c.is_control() { ' ' } else { c }).take(300).collect();
        Err(format!("http://{}{path} answers with status {}: {}", self.address, status.as_u16(), said.trim()))
    }
}

impl Lease {
    /// Whether it is time. If so, it counts as asked for.
    pub fn is_due(&mut self) -> bool {
        let now = Instant::now();
        let due = self.0.is_none_or(|asked| now >= asked + RENEWAL);
        if due {
            self.0 = Some(now);
        }
        due
    }
}
