//! `fathom man`: the manual page, made from the same description as `--help`.

use clap::CommandFactory;

use super::{Cli, Ending, UsageError, print};

pub(super) fn run() -> Result<Ending, UsageError> {
    let mut page = Vec::new();
    clap_mangen::Man::new(Cli::command()).render(&mut page)?;
    print(&String::from_utf8_lossy(&page))
}
