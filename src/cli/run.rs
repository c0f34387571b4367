//! `fathom run`: the daemon.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{broadcast, watch};
use tokio_util::sync::CancellationToken;

use super::signals::Signals;
use super::{Ending, Global, UsageError};
use crate::beacon::Beacon;
use crate::board::{Board, Change};
use crate::canary::Keys;
use crate::config::ConfigFile;
use crate::daemon::Daemon;
use crate::estate::{Estate, Label};
use crate::operator::Token;
use crate::outcome::Outcome;
use crate::report::ClusterReport;
use crate::verdict::ClusterState;
use crate::{notify, plan, web};

/// How long whatever still runs at the end may take; all that matters has ended by then.
const LAST_GRACE: Duration = Duration::from_millis(500);

pub(super) fn run(global: &Global) -> Result<Ending, UsageError> {
    let file = global.config_file();
    let estate = global.load()?.estate;
    raise_descriptor_limit(&estate);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let result = runtime.block_on(probe_until_told_to_stop(estate, file));
    runtime.shutdown_timeout(LAST_GRACE);
    result
}

async fn probe_until_told_to_stop(estate: Estate, file: ConfigFile) -> Result<Ending, UsageError> {
    let mut stop = Signals::stop()?;
    let mut reload = signal(SignalKind::hangup())?;
    let listener = web::listen(estate.prober.listen).await.map_err(|error| UsageError(error.to_string()))?;
    let keys = Keys::of(&estate).map_err(UsageError::of)?;
    let token = Token::of(&estate).map_err(UsageError::of)?;
    let beacon = match &keys {
        Some(keys) => Beacon::of(&estate, Arc::new(keys.clone())).await.map_err(UsageError::of)?,
        None => None,
    };
    let resolvers: usize = estate.clusters.iter().map(|cluster| cluster.resolvers.len()).sum();
    tracing::info!(
        "Fathom {} watches {resolvers} resolvers of {} from {}; http://{}/ and /metrics are served.",
        env!("CARGO_PKG_VERSION"),
        estate.environment,
        estate.vantage,
        listener.local_addr()?
    );

    let shutdown = CancellationToken::new();
    let estate = Arc::new(estate);
    let board = Arc::new(Board::new(&estate, &plan::targets(&estate)));
    let changes = tokio::spawn(log_changes(board.changes()));
    let verdicts = tokio::spawn(log_verdicts(board.reports()));
    let mut daemon = Daemon::start_on(board, estate, Some(file)).with_operator(token);
    if let Some(beacon) = beacon {
        tracing::info!("The beacon answers for {} at {}.", beacon.zone(), beacon.address());
        daemon = daemon.with_beacon(beacon.handle());
        tokio::spawn(beacon.run(shutdown.clone()));
    }
    let daemon = Arc::new(daemon.with_tracing(keys));
    let server = tokio::spawn(web::serve(listener, web::app(Arc::clone(&daemon)), shutdown.clone()));
    notify::start_watchdog();
    notify::ready(format!("Watches {resolvers} resolvers.")).await;
    loop {
        tokio::select! {
            () = stop.next() => break,
            _ = reload.recv() => web::log_reload(&daemon.reload().await),
        }
    }
    tracing::info!("Fathom was told to stop.");
    notify::stopping().await;
    shutdown.cancel();
    daemon.stop().await;
    changes.abort();
    verdicts.abort();
    // It ends within its own grace.
    drop(server.await);
    Ok(Ending::Passed)
}

/// One line for every target that sees something else than before. First sights are news only when they are bad.
async fn log_changes(mut changes: broadcast::Receiver<Change>) {
    loop {
        match changes.recv().await {
            Ok(change) => log_change(&change),
            Err(broadcast::error::RecvError::Lagged(lost)) => {
                tracing::warn!("{lost} more changes came faster than they could be logged.");
            }
            Err(broadcast::error::RecvError::Closed) => return,
        }
    }
}

fn log_change(change: &Change) {
    let Change { target, from, to, detail } = change;
    let (cluster, resolver) = (target.cluster.name.as_str(), target.resolver.name.as_str());
    let (name, class, transport) = (target.name.id.as_str(), target.name.class.as_str(), target.transport.as_str());
    let before = from.map_or("not probed", Outcome::as_str);
    macro_rules! line {
        ($level:ident) => {
            tracing::$level!(
                cluster,
                resolver,
                class,
                name,
                transport,
                from = before,
                to = to.as_str(),
                "The result has changed: {detail}."
            )
        };
    }
    match (from, to) {
        (None, Outcome::Ok) => line!(debug),
        (_, Outcome::Ok) => line!(info),
        (_, _) => line!(warn),
    }
}

/// One line for every cluster whose state changes.
async fn log_verdicts(mut reports: watch::Receiver<Vec<Arc<ClusterReport>>>) {
    let mut known: HashMap<Label, ClusterState> = HashMap::new();
    while reports.changed().await.is_ok() {
        let now = reports.borrow_and_update().clone();
        for report in now {
            let before = known.insert(report.cluster.name.clone(), report.state).unwrap_or_default();
            let (cluster, state) = (report.cluster.name.as_str(), report.state.as_str());
            match report.state {
                same if same == before => {}
                ClusterState::Healthy | ClusterState::Unknown => {
                    tracing::info!(cluster, from = before.as_str(), to = state, "{}", report.sentence);
                }
                ClusterState::Latent
                | ClusterState::Fragile
                | ClusterState::Critical
                | ClusterState::Outage
                | ClusterState::Partial
                | ClusterState::Blind => {
                    tracing::warn!(cluster, from = before.as_str(), to = state, "{}", report.sentence);
                }
            }
        }
    }
}

/// Every probe in flight takes a descriptor, and what a shell or an init system grants at first is often 1024.
fn raise_descriptor_limit(estate: &Estate) {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    /// Beside probes: connections of HTTP, logs, and what the runtime needs.
    const OTHERS: u64 = 512;
    let wanted = estate.prober.max_in_flight as u64 + OTHERS;
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current.is_none_or(|current| current >= wanted) {
        return;
    }
    let possible = maximum.map_or(wanted, |maximum| maximum.min(wanted));
    let raised = setrlimit(Resource::Nofile, Rlimit { current: Some(possible), maximum });
    let granted = if raised.is_ok() { Some(possible) } else { current };
    if granted.is_some_and(|granted| granted < wanted) {
        tracing::warn!(
            "At most {} files may be open, and prober.max_in_flight = {} can need {wanted}; probes beyond that will end \
             as internal_error. Raise the limit (LimitNOFILE) or lower max_in_flight.",
            granted.unwrap_or_default(),
            estate.prober.max_in_flight
        );
    }
}
