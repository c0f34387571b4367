//! `/api/v1/paths`: where resolvers forward to, and what that means, as JSON. Documented in docs/api.md.

use std::time::SystemTime;

use crate::daemon::Daemon;
use crate::report::json::Paths;

/// The whole document.
pub(super) fn render(daemon: &Daemon) -> String {
    let snapshot = daemon.board().snapshot();
    Paths::of(&snapshot.estate, &snapshot.reports, SystemTime::now()).to_json()
}
