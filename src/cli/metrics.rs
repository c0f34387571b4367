//! `fathom metrics`: the catalogue of metrics, from the code that exports them.

use super::{Ending, UsageError, print};
use crate::metrics;

/// In which form.
#[derive(Debug, Clone, Copy, clap::Args)]
pub(super) struct Args {
    /// As a Markdown table, as in docs/metrics.md
    #[arg(long, conflicts_with = "json")]
    markdown: bool,
    /// As JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: Args) -> Result<Ending, UsageError> {
    print(&match args {
        Args { json: true, .. } => metrics::json(),
        Args { markdown: true, .. } => metrics::markdown(),
        Args { .. } => metrics::text(),
    })
}
