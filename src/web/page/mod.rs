//! The status page: every cluster with its way out, every resolver with its verdict and by class, complete without
//! scripts, with nothing from anywhere else.

mod matrix;
mod paths;
mod safe;

use std::fmt::Write;
use std::time::SystemTime;

use crate::board::Snapshot;
use matrix::{cells, matrix, summary};
use safe::Safe;

/// Whether the page loads itself again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refresh {
    /// Every ten seconds.
    Soon,
    /// Not at all: who reads evidence shall not lose his place.
    Never,
}

const HEAD: &str = "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
<title>Fathom</title><link rel=\"stylesheet\" href=\"/style.css\">";

const FOOT: &str = "<p><a href=\"/metrics\">Metrics</a> · <a href=\"/api/v1/status\">JSON</a> · \
<a href=\"/runbooks\">Runbooks</a></p>\n</body></html>\n";

/// The whole page.
pub(super) fn render(snapshot: &Snapshot, refresh: Refresh, now: SystemTime) -> String {
    let estate = &snapshot.estate;
    let cells = cells(snapshot);
    let mut page = HEAD.to_owned();
    let other = match refresh {
        Refresh::Soon => {
            page.push_str("<meta http-equiv=\"refresh\" content=\"10\">");
            "Loaded again every 10 s. <a href=\"/?hold\">Hold it still</a>"
        }
        Refresh::Never => "Held still. <a href=\"/\">Follow</a>",
    };
    // Writing to a String cannot fail.
    let _ = write!(
        page,
        "</head><body>\n<h1>{}, seen from {}</h1>\n<p>{}</p>\n<p>{} · {other}</p>\n",
        Safe(estate.environment.as_str()),
        Safe(estate.vantage.as_str()),
        summary(&cells),
        humantime::format_rfc3339_seconds(now),
    );
    for cluster in &estate.clusters {
        let report = snapshot.reports.iter().find(|report| report.cluster.name == cluster.name);
        let _ = paths::cluster(&mut page, cluster, report.map(AsRef::as_ref), now);
        let _ = matrix(&mut page, snapshot, cluster, &cells);
        if let Some(report) = report {
            let _ = paths::resolvers(&mut page, report, now);
        }
    }
    page + FOOT
}
