//! What `fathom trace` and `fathom gate` share: a running prober's knowledge, or a tracing of their own.

use std::net::SocketAddr;

use super::{Global, UsageError};
use crate::canary::Keys;
use crate::estate::Estate;
use crate::survey::{Own, Survey, SurveyError, address_of};

/// Whom to ask.
#[derive(Debug, Clone, Copy, clap::Args)]
pub(super) struct Source {
    /// Ask a running prober instead of probing and tracing oneself
    #[arg(long, value_name = "http://IP:PORT", value_parser = address_of)]
    pub(super) from: Option<SocketAddr>,
}

/// What the configuration says is watched: all of it, or only this cluster.
pub(super) fn estate(global: &Global, cluster: Option<&str>) -> Result<Estate, UsageError> {
    let mut estate = global.load()?.estate;
    if let Some(wanted) = cluster {
        let there_are = estate.clusters.iter().map(|cluster| cluster.name.as_str()).collect::<Vec<_>>().join(", ");
        estate.clusters.retain(|cluster| cluster.name.as_str() == wanted);
        if estate.clusters.is_empty() {
            return Err(UsageError(format!(
                "this process probes no cluster {wanted}; there are: {there_are}. With --datacenter, or \
                 prober.clusters = \"all\", others are probed"
            )));
        }
    }
    Ok(estate)
}

/// Lets `ask` ask the prober; or, without one, traces the clusters of the configuration, or only that one, until two rounds
/// are complete, and lets `ask` ask about that.
pub(super) fn with<T>(
    global: &Global,
    from: Source,
    cluster: Option<&str>,
    ask: impl AsyncFnOnce(&Survey) -> Result<T, SurveyError>,
) -> Result<T, UsageError> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let Some(address) = from.from else {
        let estate = estate(global, cluster)?;
        let keys = Keys::of(&estate).map_err(UsageError::of)?;
        return runtime.block_on(async {
            let own = Own::start(estate, keys).await;
            own.first_rounds().await;
            let survey = Survey::Own(Box::new(own));
            let answer = ask(&survey).await.map_err(UsageError::of);
            if let Survey::Own(own) = survey {
                own.stop().await;
            }
            answer
        });
    };
    runtime.block_on(ask(&Survey::Prober(address))).map_err(UsageError::of)
}
