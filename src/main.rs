//! The `fathom` program.

use std::process::ExitCode;

fn main() -> ExitCode {
    fathom::cli::main()
}
