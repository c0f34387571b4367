//! What a service manager such as systemd is told: `sd_notify(3)`. Without one, which is without `NOTIFY_SOCKET` and
//! `WATCHDOG_USEC` in the environment, nothing here does anything.

use std::time::Duration;

use sd_notify::NotifyState;
use tokio::time::{MissedTickBehavior, interval, timeout};

/// How long the service manager may take to accept a message. Whatever becomes of it, probing goes on.
const PATIENCE: Duration = Duration::from_secs(1);

/// It runs, from the start or after a reload; the sentence is shown by `systemctl status`.
pub(crate) async fn ready(status: String) {
    tell(move || sd_notify::notify(&[NotifyState::Ready, NotifyState::Status(&status)])).await;
}

/// It goes over to another configuration, until it is ready again.
pub(crate) async fn reloading() {
    tell(|| sd_notify::notify(&[NotifyState::Reloading, NotifyState::monotonic_usec_now()?])).await;
}

/// It ends.
pub(crate) async fn stopping() {
    tell(|| sd_notify::notify(&[NotifyState::Stopping])).await;
}

/// Tells a service manager that asked for it, twice in each of its periods, that the runtime still gets tasks done. It
/// does so from one of those tasks: a runtime that is stuck falls silent, and is started again by the manager.
pub(crate) fn start_watchdog() {
    // A period of nothing means no watchdog.
    let Some(half) = sd_notify::watchdog_enabled().map(|period| period / 2).filter(|half| !half.is_zero()) else {
        return;
    };
    tokio::spawn(async move {
        let mut ticks = interval(half);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            tell(|| sd_notify::notify(&[NotifyState::Watchdog])).await;
        }
    });
}

/// The socket may block when the manager is busy; probes are timed on the threads of the runtime, so it gets another.
async fn tell(message: impl FnOnce() -> std::io::Result<()> + Send + 'static) {
    match timeout(PATIENCE, tokio::task::spawn_blocking(message)).await {
        Ok(Ok(Ok(()))) => {}
        Ok(Ok(Err(error))) => tracing::warn!("The service manager (NOTIFY_SOCKET) cannot be told: {error}."),
        Ok(Err(error)) => tracing::warn!("The service manager (NOTIFY_SOCKET) was not told: {error}."),
        Err(_) => tracing::warn!("The service manager (NOTIFY_SOCKET) has not listened for a second."),
    }
}
