//! `fathom check`: every mistake in the configuration; or what will be asked of whom, and what it costs.

mod json;
mod plan;
mod text;

use self::plan::Plan;
use super::{Ending, Global, UsageError, print};
use crate::canary::Keys;
use crate::config::Problem;

/// In which form.
#[derive(Debug, Clone, Copy, clap::Args)]
pub(super) struct Args {
    /// As JSON, mistakes too
    #[arg(long)]
    json: bool,
}

pub(super) fn run(global: &Global, args: Args) -> Result<Ending, UsageError> {
    let file = global.config_file();
    match file.load() {
        Ok(mut loaded) => {
            // Where the file is checked before it is rolled out, keys are absent and ought to be.
            if let Err(error) = Keys::load(&loaded.estate.path.key_files) {
                let name = file.path.display().to_string();
                loaded.warnings.push(Problem::beyond_the_file(&name, "path.key_files", error.to_string()));
            }
            let plan = Plan::of(&loaded);
            print(&if args.json { json::plan(&plan, &loaded.warnings) } else { text::plan(&plan, &loaded.warnings) })
        }
        Err(problems) if args.json => {
            print(&json::mistakes(&problems))?;
            Err(UsageError("the configuration cannot be used; standard output says why".to_owned()))
        }
        Err(problems) => Err(problems.into()),
    }
}
