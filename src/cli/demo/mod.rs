//! `fathom demo`: lab, prober and beacon in one process, and the incident happening to them.

mod story;
mod table;

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::signals::Signals;
use super::{Ending, UsageError, print};
use crate::beacon::Beacon;
use crate::canary::Keys;
use crate::config::{self, Overrides};
use crate::daemon::Daemon;
use crate::estate::{Estate, Name};
use crate::lab::{Incident, Lab, Software};
use crate::operator::Token;
use crate::web;
use story::Story;

/// The estate it happens to.
const ESTATE: &str = include_str!("../../../probes.toml");

/// How often everything is asked, so that an incident of weeks fits into a minute.
const INTERVAL: Duration = Duration::from_secs(2);

/// How long a client waits here.
const TIMEOUT: Duration = Duration::from_secs(1);

/// From one trace of the cluster to the next.
const TRACE_INTERVAL: Duration = Duration::from_secs(3);

/// How it is shown.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Go through the incident as fast as real timers allow, print the table of stages, and end
    #[arg(long)]
    once: bool,
}

pub(super) fn run(args: &Args) -> Result<Ending, UsageError> {
    let estate = hurried(config::parse(ESTATE, "the embedded probes.toml", &Overrides::default())?.estate);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let result = runtime.block_on(show(estate, args.once));
    runtime.shutdown_timeout(Duration::from_millis(500));
    result
}

/// The same estate, asked more often.
fn hurried(mut estate: Estate) -> Estate {
    for name in &mut estate.names {
        let mut hurried = Name::clone(name);
        hurried.asking.interval = INTERVAL;
        hurried.asking.timeout = TIMEOUT;
        *name = Arc::new(hurried);
    }
    estate.path.interval = TRACE_INTERVAL;
    estate
}

async fn show(estate: Estate, once: bool) -> Result<Ending, UsageError> {
    let mut stop = Signals::stop()?;
    let listener = web::listen(estate.prober.listen).await.map_err(UsageError::of)?;
    let http = listener.local_addr()?;
    let lab = Lab::from_estate(&estate, Software::Bind).await.map_err(UsageError::of)?;
    let cluster = Arc::clone(&estate.clusters[0]);
    let incident = Incident::of(&lab, cluster.name.as_str()).expect("the embedded estate has four resolvers");
    let keys = Keys::for_this_process();
    let beacon = Beacon::of(&estate, Arc::new(keys.clone())).await.map_err(UsageError::of)?;

    let shutdown = CancellationToken::new();
    let (token, text) = Token::random();
    let mut daemon = Daemon::start(estate.clone(), None).with_operator(Some(token));
    if let Some(beacon) = beacon {
        daemon = daemon.with_beacon(beacon.handle());
        tokio::spawn(beacon.run(shutdown.clone()));
    }
    let daemon = Arc::new(daemon.with_tracing(Some(keys)));
    let server = tokio::spawn(web::serve(listener, web::app(Arc::clone(&daemon)), shutdown.clone()));

    if !once {
        print(&format!("To change something here, the operator's token is {text} (any name will do).\n"))?;
    }
    let mut story = Story::new(Arc::clone(daemon.board()), incident, cluster, http, once);
    let ending = tokio::select! {
        () = stop.next() => Ok(Ending::Passed),
        told = story.tell() => match told {
            Ok(()) if once => Ok(Ending::Passed),
            Ok(()) => linger(http, &mut stop).await,
            Err(error) => Err(error),
        },
    };
    shutdown.cancel();
    daemon.stop().await;
    // It ends within its own grace.
    drop(server.await);
    ending
}

/// Serves on, for those who want to look around.
async fn linger(http: std::net::SocketAddr, stop: &mut Signals) -> Result<Ending, UsageError> {
    print(&format!("\nStill probing: http://{http}/ and http://{http}/metrics. Ctrl-C ends it.\n"))?;
    stop.next().await;
    Ok(Ending::Passed)
}
