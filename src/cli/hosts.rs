//! `fathom hosts`: the last verified addresses, for when nothing answers any more. From a running prober; or from the file
//! that it keeps, when it is down as well.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use clap::ValueEnum;

use super::{Ending, Global, UsageError, print};
use crate::break_glass::keep::{FILE_NAME, LARGEST, read};
use crate::break_glass::write::{Form, Wanted, write};
use crate::break_glass::{Book, collect};
use crate::fetch::{Bounds, get};
use crate::survey::address_of;
use crate::web::BREAK_GLASS_PATH;

/// How long a prober may take to answer, and how long the answer may be.
const BOUNDS: Bounds = Bounds { time: Duration::from_secs(10), body: LARGEST };

/// What is wanted, and of whom.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Only names of this class
    #[arg(long, value_name = "CLASS")]
    class: Option<String>,
    /// No answer that is older than this
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration, default_value = "7d")]
    max_age: Duration,
    /// Ask a running prober instead of reading its file
    #[arg(long, value_name = "http://IP:PORT", value_parser = address_of)]
    from: Option<SocketAddr>,
    /// Read this file of a prober, instead of the one in the configuration's `prober.state_dir`
    #[arg(long, value_name = "FILE", conflicts_with = "from")]
    file: Option<PathBuf>,
    /// How it is written
    #[arg(long, value_name = "FORMAT", default_value = "hosts")]
    format: Format,
}

/// How addresses are written.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Format {
    /// Lines for /etc/hosts.
    Hosts,
    /// local-data for Unbound.
    Unbound,
    /// A response policy zone for BIND.
    Bind,
    /// What the prober keeps, every resolver's answer.
    Json,
}

pub(super) fn run(global: &Global, args: &Args) -> Result<Ending, UsageError> {
    let book = book(global, args)?;
    if let Some(class) = &args.class
        && !book.classes().contains(&class.as_str())
    {
        let there_are = book.classes().join(", ");
        return Err(UsageError(format!("no name with addresses is of class {class}; there are: {there_are}")));
    }
    let now = SystemTime::now();
    let book = book.of_class(args.class.as_deref());
    let form = match args.format {
        Format::Hosts => Form::Hosts,
        Format::Unbound => Form::Unbound,
        Format::Bind => Form::Bind,
        Format::Json => {
            let book = book.no_older_than(args.max_age, now);
            let any = book.names.iter().any(|entry| !entry.answers.is_empty());
            return print(&book.to_json()).map(|_| ending(any));
        }
    };
    let written = write(&book, Wanted { form, max_age: args.max_age, now });
    print(&written.text)?;
    Ok(ending(written.names > 0))
}

/// Nothing to go on with is a failure, for scripts as well.
fn ending(any: bool) -> Ending {
    if any {
        Ending::Passed
    } else {
        tracing::warn!("There is no verified address among what was asked for.");
        Ending::Refused
    }
}

fn book(global: &Global, args: &Args) -> Result<Book, UsageError> {
    if let Some(address) = args.from {
        return fetch(address);
    }
    if let Some(file) = &args.file {
        return read(file).map_err(UsageError::of);
    }
    let (config, estate) = (global.config_file().path, global.load()?.estate);
    let Some(folder) = &estate.prober.state_dir else {
        let how = "so there is no file to read; a running prober can be asked with --from http://IP:PORT";
        return Err(UsageError(format!("{}: prober.state_dir is not given, {how}", config.display())));
    };
    let kept = read(&folder.join(FILE_NAME)).map_err(UsageError::of)?;
    // Whatever the configuration of this moment would not verify any more stays out, as in a prober.
    let verified = collect::book(&estate, &[], &kept, kept.written_at);
    Ok(Book { kept: kept.kept, ..verified })
}

fn fetch(address: SocketAddr) -> Result<Book, UsageError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let fetched = runtime.block_on(get(address, BREAK_GLASS_PATH, None, BOUNDS)).map_err(UsageError::of)?;
    let whence = format!("http://{address}{BREAK_GLASS_PATH}");
    if fetched.status.as_u16() != 200 {
        return Err(UsageError(format!("{whence} answers with status {}; is it a Fathom prober?", fetched.status)));
    }
    Book::read(&fetched.body).map_err(|error| UsageError(format!("{whence}: {error}")))
}
