//! The command line: one file a command. Results go to standard output, logs to standard error.

mod beacon;
mod check;
mod completions;
mod demo;
mod explain;
mod gate;
mod hosts;
mod incidents;
mod lab;
mod logs;
mod man;
mod mark;
mod metrics;
mod probe;
mod run;
mod signals;
mod survey;
mod trace;
mod tracer_config;
mod verdicts;
mod watch;

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand, ValueEnum};

use crate::config::{ConfigFile, Loaded, Overrides, Problems};
use logs::Logs;

/// Asks every DNS resolver directly, says what is wrong and why, and exports it to Prometheus.
#[derive(Debug, Parser)]
#[command(name = "fathom", version, max_term_width = 100, after_help = EXIT_CODES)]
pub struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

const EXIT_CODES: &str = "Exit codes: 0 healthy or passed, 1 unhealthy or refused, 2 wrong usage or configuration.";

/// Options of every command.
#[derive(Debug, clap::Args)]
pub struct Global {
    /// The configuration file [default: probes.toml, then /etc/fathom/probes.toml]
    #[arg(long, global = true, value_name = "FILE", env = "FATHOM_CONFIG")]
    pub config: Option<PathBuf>,
    /// The datacenter this process runs in, instead of `prober.datacenter`
    #[arg(long, global = true, value_name = "NAME", env = "FATHOM_DATACENTER")]
    pub datacenter: Option<String>,
    /// How log lines on standard error look
    #[arg(long, global = true, value_name = "FORMAT", default_value = "text")]
    pub log_format: LogFormat,
}

impl Global {
    /// Which file is the configuration, and what the command line says in place of it.
    pub fn config_file(&self) -> ConfigFile {
        const PLACES: [&str; 2] = ["probes.toml", "/etc/fathom/probes.toml"];
        let found = PLACES.into_iter().map(Path::new).find(|path| path.exists()).map(Path::to_owned);
        let path = self.config.clone().or(found).unwrap_or_else(|| PathBuf::from(PLACES[0]));
        ConfigFile { path, overrides: Overrides { datacenter: self.datacenter.clone(), all_clusters: false } }
    }

    /// The configuration, or every mistake in it. Warnings go to standard error.
    pub fn load(&self) -> Result<Loaded, UsageError> {
        let loaded = self.config_file().load()?;
        for warning in &loaded.warnings {
            tracing::warn!("{}", warning.in_one_line());
        }
        Ok(loaded)
    }
}

/// How log lines look.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Find every mistake in the configuration, then show what will be asked of whom
    Check(check::Args),
    /// Probe every resolver, and serve metrics and the status page, until told to stop
    Run,
    /// Run the canary zone's server alone, or make a key for it
    Beacon(beacon::Args),
    /// Ask once, and explain what came and what it means
    Probe(probe::Args),
    /// Show who forwards to whom, the ways out, and the circles
    Trace(trace::Args),
    /// Watch the repair: everything at one probe a second, and what changes
    Watch(watch::Args),
    /// Say whether this step of a rolling rebuild may go ahead
    Gate(gate::Args),
    /// Print the last verified addresses, for hosts files and servers, when nothing answers any more
    Hosts(hosts::Args),
    /// List the incidents of the journal
    Incidents(incidents::ListArgs),
    /// Tell one incident: cause, impact and timeline, also as Markdown for a post-mortem
    Incident(incidents::OneArgs),
    /// Write what you did or saw into the journal of a running prober, so that cause and effect can be read
    Mark(mark::Args),
    /// Play the estate: simulated resolvers at the addresses of the configuration, until told to stop
    Lab(lab::Args),
    /// Watch the incident happen: lab, prober and beacon in one process, in about a minute
    Demo(demo::Args),
    /// Print the lines that resolvers need for a tracer zone
    TracerConfig(tracer_config::Args),
    /// Print a completion script for a shell
    Completions(completions::Args),
    /// Print the manual page
    Man,
    /// Print every metric: name, type, labels, meaning
    Metrics(metrics::Args),
}

/// How a command ended, when it ended as it should.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// Healthy, passed, or simply done.
    Passed,
    /// Unhealthy, or refused.
    Refused,
}

/// A usage or configuration error, worded for a person.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct UsageError(pub String);

impl UsageError {
    /// An error that words itself.
    fn of(error: impl std::fmt::Display) -> Self {
        Self(error.to_string())
    }
}

impl From<Problems> for UsageError {
    fn from(problems: Problems) -> Self {
        Self(format!("the configuration cannot be used:\n{problems}"))
    }
}

impl From<io::Error> for UsageError {
    fn from(error: io::Error) -> Self {
        Self(error.to_string())
    }
}

/// Parses the command line, runs the command, and turns the result into an exit code.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let logs = Logs::start(cli.global.log_format);
    match run(cli, &logs) {
        Ok(Ending::Passed) => ExitCode::SUCCESS,
        Ok(Ending::Refused) => ExitCode::from(1),
        Err(UsageError(message)) => {
            // Nothing can be done about a standard error that is gone.
            drop(writeln!(io::stderr(), "fathom: {message}"));
            ExitCode::from(2)
        }
    }
}

fn run(cli: Cli, logs: &Logs) -> Result<Ending, UsageError> {
    match cli.command {
        Command::Check(args) => check::run(&cli.global, args),
        Command::Run => run::run(&cli.global),
        Command::Beacon(args) => beacon::run(&args, &cli.global),
        Command::Probe(args) => probe::run(&cli.global, &args),
        Command::Trace(args) => trace::run(&cli.global, &args),
        Command::Gate(args) => gate::run(&cli.global, &args),
        Command::Watch(args) => watch::run(&cli.global, &args, logs),
        Command::Hosts(args) => hosts::run(&cli.global, &args),
        Command::Incidents(args) => incidents::list(&cli.global, &args),
        Command::Incident(args) => incidents::one(&cli.global, &args),
        Command::Mark(args) => mark::run(&cli.global, &args),
        Command::TracerConfig(args) => tracer_config::run(&args, &cli.global),
        Command::Lab(args) => lab::run(&args, &cli.global),
        Command::Demo(args) => demo::run(&args),
        Command::Completions(args) => completions::run(&args),
        Command::Man => man::run(),
        Command::Metrics(args) => metrics::run(args),
    }
}

/// Writes a result to standard output. A reader who stopped reading, as `head` does, has all it wanted.
fn print(text: &str) -> Result<Ending, UsageError> {
    match io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(UsageError(format!("cannot write to standard output: {error}")))
        }
        _ => Ok(Ending::Passed),
    }
}
