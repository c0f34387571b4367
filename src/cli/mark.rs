//! `fathom mark`: writes what a person did or saw into the journal of a running prober.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use super::{Ending, Global, UsageError, print};
use crate::fetch::{Bounds, basic, post};
use crate::journal::json::ToldEntry;
use crate::journal::{LONGEST_MARK, mark_text};
use crate::operator::Token;
use crate::survey::address_of;

/// How long the prober may take to answer, and how long the answer may be.
const BOUNDS: Bounds = Bounds { time: Duration::from_secs(10), body: 64 << 10 };

/// What is marked.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// What was done or seen, such as "restored forwarders on ns2"
    #[arg(value_parser = text)]
    text: String,
    /// Who says so
    #[arg(long, value_name = "NAME", env = "USER", default_value = "operator", hide_env_values = true)]
    by: String,
    /// The running prober, instead of the one that listens on `prober.listen`
    #[arg(long, value_name = "http://IP:PORT", value_parser = address_of)]
    from: Option<SocketAddr>,
    /// The file with the operator's token, instead of `prober.operator_token_file`
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
}

fn text(text: &str) -> Result<String, String> {
    mark_text(text)
        .map(str::to_owned)
        .ok_or_else(|| format!("allowed are 1 to {LONGEST_MARK} printable characters in one line"))
}

pub(super) fn run(global: &Global, args: &Args) -> Result<Ending, UsageError> {
    let (address, token_file) = match (args.from, &args.token_file) {
        (Some(address), Some(file)) => (address, file.clone()),
        (from, file) => {
            let prober = global.load()?.estate.prober;
            let file = file.clone().or(prober.operator_token_file).ok_or_else(|| {
                UsageError(
                    "a mark takes the operator's token: name its file in prober.operator_token_file, or with --token-file"
                        .to_owned(),
                )
            })?;
            (from.map_or_else(|| reachable(prober.listen), Ok)?, file)
        }
    };
    let (_, token) = Token::read(&token_file).map_err(UsageError::of)?;
    let body = serde_json::json!({ "text": args.text }).to_string();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let answer = runtime.block_on(post(address, "/api/v1/marks", Some(&basic(&args.by, &token)), body, BOUNDS));
    let answer = answer.map_err(|error| UsageError(format!("the prober cannot be asked: {error}")))?;
    if answer.status.as_u16() != 201 {
        let why = String::from_utf8_lossy(&answer.body);
        let why: String = why.trim().chars().filter(|c| !c.is_control()).take(400).collect();
        return Err(UsageError(format!("http://{address}/api/v1/marks answers with {}: {why}", answer.status)));
    }
    let told: ToldEntry = serde_json::from_slice(&answer.body).map_err(|error| {
        UsageError(format!("http://{address}: what came is not from this version of Fathom: {error}"))
    })?;
    print(&format!("marked at {}\n", humantime::format_rfc3339_seconds(told.entry.at)))
}

/// An address that is listened on, as one that can be asked.
fn reachable(mut listen: SocketAddr) -> Result<SocketAddr, UsageError> {
    if listen.port() == 0 {
        return Err(UsageError("prober.listen has port 0, so where it listens is not known: use --from".to_owned()));
    }
    if listen.ip().is_unspecified() {
        let loopback = if listen.is_ipv4() { IpAddr::from(Ipv4Addr::LOCALHOST) } else { Ipv6Addr::LOCALHOST.into() };
        listen.set_ip(loopback);
    }
    Ok(listen)
}
