//! `fathom beacon`: the canary zone's server alone, and keys for it.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use axum::Router;
use axum::http::header::CONTENT_TYPE;
use axum::routing::get;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use super::{Ending, Global, UsageError, print};
use crate::beacon::{ARRIVALS_PATH, Beacon, BeaconHandle, router};
use crate::canary::{Key, Keys};
use crate::config::Loaded;
use crate::estate::Estate;
use crate::{metrics, web};

/// What to do.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Make a key file that its owner alone can read, and end
    #[arg(long, value_name = "FILE")]
    new_key: Option<PathBuf>,
    /// Serve arrivals and metrics here, instead of at `prober.listen`
    #[arg(long, value_name = "IP:PORT", conflicts_with = "new_key")]
    listen: Option<SocketAddr>,
}

pub(super) fn run(args: &Args, global: &Global) -> Result<Ending, UsageError> {
    if let Some(path) = &args.new_key {
        Key::create_file(path).map_err(UsageError::of)?;
        return print(&format!(
            "Made {0}. Name it in path.key_files of every prober and of the beacon.\n",
            path.display()
        ));
    }
    let Loaded { estate, .. } = global.load()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(serve(estate, args.listen, global))?;
    Ok(Ending::Passed)
}

async fn serve(estate: Estate, listen: Option<SocketAddr>, global: &Global) -> Result<(), UsageError> {
    let keys = Arc::new(keys_of(&estate)?);
    let Some(beacon) = Beacon::of(&estate, keys).await.map_err(UsageError::of)? else {
        let (file, vantage) = (global.config_file().path, &estate.vantage);
        let missing = format!("{}: no [beacon] that runs in datacenter {vantage}", file.display());
        return Err(UsageError(missing + "; give it one, or choose another with --datacenter"));
    };
    let http = listen.unwrap_or(estate.prober.listen);
    let listener = web::listen(http).await.map_err(UsageError::of)?;
    let (zone, dns, http) = (beacon.zone(), beacon.address(), listener.local_addr()?);
    tracing::info!("The beacon answers for {zone} at {dns}; http://{http}{ARRIVALS_PATH} and /metrics are served.");

    let (handle, stop) = (beacon.handle(), CancellationToken::new());
    let answering = tokio::spawn(beacon.run(stop.clone()));
    let app = app(&handle, Arc::new(estate));
    let serving = tokio::spawn(web::serve(listener, app, stop.clone()));
    until_stopped(&handle, global).await?;
    tracing::info!("The beacon was told to stop.");
    stop.cancel();
    let (answered, served) = tokio::join!(answering, serving);
    answered.and(served).map_err(UsageError::of)
}

fn app(beacon: &BeaconHandle, estate: Arc<Estate>) -> Router {
    let tally = beacon.tally();
    let scrape = async move || ([(CONTENT_TYPE, metrics::CONTENT_TYPE)], metrics::render_beacon(&estate, &tally));
    router(beacon.clone()).route("/metrics", get(scrape)).route("/-/healthy", get(async || "ok\n"))
}

/// Waits for SIGTERM or SIGINT; SIGHUP reads the key files anew.
async fn until_stopped(beacon: &BeaconHandle, global: &Global) -> Result<(), UsageError> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut hang_up = signal(SignalKind::hangup())?;
    loop {
        tokio::select! {
            _ = terminate.recv() => return Ok(()),
            _ = interrupt.recv() => return Ok(()),
            _ = hang_up.recv() => match global.load().and_then(|loaded| keys_of(&loaded.estate)) {
                Ok(keys) => {
                    beacon.set_keys(Arc::new(keys));
                    tracing::info!("The key files were read again.");
                }
                Err(UsageError(error)) => tracing::error!("The old keys are still used: {error}"),
            },
        }
    }
}

/// The keys that this beacon shares with probers. A random one, as a prober with a beacon of its own may have, would leave
/// it without anybody to answer.
fn keys_of(estate: &Estate) -> Result<Keys, UsageError> {
    let keys = Keys::load(&estate.path.key_files).map_err(UsageError::of)?;
    keys.ok_or_else(|| {
        let missing = "path.key_files is empty, and a beacon alone shares its key with its probers";
        UsageError(format!("{missing}; `fathom beacon --new-key FILE` makes one"))
    })
}
