//! `fathom check`: every mistake in the configuration; or what will be asked of whom, and what it costs.

mod json;
mod plan;
mod text;

use self::plan::Plan;
use super::{Ending, Global, UsageError, print};
use crate::canary::Keys;
use crate::config::Problem;
use crate::operator::Token;

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
            // Where the file is checked before it is rolled out, secrets are absent and ought to be.
            let name = file.path.display().to_string();
            if let Err(error) = Keys::load(&loaded.estate.path.key_files) {
                loaded.warnings.push(Problem::beyond_the_file(&name, "path.key_files", error.to_string()));
            }
            if let Err(error) = Token::of(&loaded.estate) {
                let key = "prober.operator_token_file";
                loaded.warnings.push(Problem::beyond_the_file(&name, key, error.to_string()));
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
