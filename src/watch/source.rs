//! Where looks come from: a prober of this process, or one that runs elsewhere.

use std::net::SocketAddr;
use std::time::{Duration, SystemTime};

use super::look::Look;
use crate::fetch::{Bounds, FetchError, get};
use crate::report::json::Unreadable;
use crate::survey::Own;

/// From one look to the next.
pub const PERIOD: Duration = Duration::from_secs(1);

/// How long a closer look of one's own lasts without being asked for again: it ends soon after the watching does.
const LEASE: Duration = Duration::from_secs(5);

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
    Prober(SocketAddr),
}

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
}

impl Source {
    /// What is known now. One's own probes go on at about one a second for as long as somebody looks.
    ///
    /// # Errors
    /// When a prober cannot be asked, or answers something else.
    pub async fn look(&self) -> Result<Look, SourceError> {
        match self {
            Self::Own(own) => {
                let snapshot = own.snapshot();
                for view in &snapshot.resolvers {
                    own.fleet().look_closer(&view.cluster, &view.resolver.name, LEASE);
                }
                let now = SystemTime::now();
                let until =
                    |cluster: &_, resolver: &_| own.fleet().looked_at_closely(cluster, resolver).map(|left| now + left);
                Ok(Look::of(&snapshot, until, now))
            }
            Self::Prober(address) => {
                let fetched = get(*address, STATUS, None, BOUNDS).await?;
                if fetched.status.as_u16() != 200 {
                    return Err(SourceError::Status(*address, fetched.status.as_u16()));
                }
                Look::read(&fetched.body).map_err(|error| SourceError::Unreadable(*address, error))
            }
        }
    }
}
