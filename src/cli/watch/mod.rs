//! `fathom watch`: the repair as it goes, until told to stop.

mod terminal;

use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use ratatui::crossterm::event::Event as Input;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, interval, sleep};
use tokio_util::task::AbortOnDropHandle;

use super::logs::Logs;
use super::signals::Signals;
use super::survey::{self, Source as From};
use super::{Ending, Global, UsageError};
use crate::canary::Keys;
use crate::survey::Own;
use crate::watch::screen::{Action, Screen};
use crate::watch::source::{Lease, PERIOD, Prober, Source, SourceError};
use crate::watch::{Look, Model, summary};
use terminal::Canvas;

/// What is watched, and how it is shown.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Ends with 0 when every cluster is healthy and every name is answered as expected, else with 1."
)]
pub(super) struct Args {
    /// Only this cluster
    #[arg(long, value_name = "CLUSTER")]
    cluster: Option<String>,
    #[command(flatten)]
    from: From,
    /// With --from: the file that holds the operator's token, for marks and closer looks
    #[arg(long, value_name = "FILE", env = "FATHOM_TOKEN_FILE")]
    token_file: Option<PathBuf>,
    /// With --from: who makes the marks
    #[arg(long, value_name = "NAME", env = "USER", default_value = "operator", hide_env_values = true)]
    by: String,
    /// Write a line for each change instead of drawing; so it is where standard output is no terminal
    #[arg(long)]
    plain: bool,
    /// End after this time, such as 10m
    #[arg(long = "for", value_name = "TIME", value_parser = humantime::parse_duration)]
    at_most: Option<Duration>,
}

/// How it is shown.
enum Show {
    Lines,
    Canvas(Canvas),
}

/// What comes in from who looks.
#[derive(Debug)]
enum Seen {
    Look(Result<Look, SourceError>),
    /// Nobody looks closer, and why; or somebody does.
    Closer(Option<String>),
    /// What came of a mark.
    Marked(String, Result<(), String>),
}

pub(super) fn run(global: &Global, args: &Args, logs: &Logs) -> Result<Ending, UsageError> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let result = runtime.block_on(watch(global, args, logs));
    runtime.shutdown_timeout(Duration::from_millis(500));
    result
}

async fn watch(global: &Global, args: &Args, logs: &Logs) -> Result<Ending, UsageError> {
    let source = Arc::new(source(global, args).await?);
    let draws = !args.plain && io::stdout().is_terminal();
    let began = SystemTime::now();
    let mut model = Model::default();
    {
        let _held = draws.then(|| logs.hold());
        let mut show = if draws { Show::Canvas(Canvas::take()?) } else { Show::Lines };
        follow(&source, args, &mut model, &mut show).await?;
    }
    if let Source::Own(own) = &*source {
        own.stop().await;
    }
    tell(&summary(&model, began, SystemTime::now(), draws))?;
    Ok(if model.is_well() { Ending::Passed } else { Ending::Refused })
}

async fn source(global: &Global, args: &Args) -> Result<Source, UsageError> {
    if let Some(address) = args.from.from {
        let prober = Prober::new(address, args.cluster.as_deref(), args.token_file.as_deref(), &args.by);
        return Ok(Source::Prober(prober.map_err(UsageError::of)?));
    }
    let estate = survey::estate(global, args.cluster.as_deref())?;
    let keys = Keys::of(&estate).map_err(UsageError::of)?;
    Ok(Source::Own(Box::new(Own::start(estate, keys).await)))
}

/// Shows what is seen until somebody says that it is enough.
async fn follow(source: &Arc<Source>, args: &Args, model: &mut Model, show: &mut Show) -> Result<(), UsageError> {
    let mut stop = Signals::stop()?;
    let mut hangup = signal(SignalKind::hangup())?;
    let (sender, mut seen) = mpsc::channel(16);
    let _looking = AbortOnDropHandle::new(tokio::spawn(keep_looking(Arc::clone(source), sender.clone())));
    // The standard's word for it (no-color.org): any value but none.
    let colours = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    let mut screen = Screen { colours, ..Screen::default() };
    let end = async {
        match args.at_most {
            Some(time) => sleep(time).await,
            None => std::future::pending().await,
        }
    };
    tokio::pin!(end);
    loop {
        if let Show::Canvas(canvas) = show {
            canvas.draw(model, &mut screen)?;
        }
        tokio::select! {
            () = stop.next() => return Ok(()),
            _ = hangup.recv() => return Ok(()),
            () = &mut end => return Ok(()),
            Some(seen) = seen.recv() => {
                let news = take(seen, model, &mut screen)?;
                if let Show::Lines = show
                    && !tell(&news)?
                {
                    return Ok(());
                }
            }
            input = input(show) => match input.map(|input| press(&mut screen, &input)) {
                // Without its terminal there is nobody to look.
                None | Some(Some(Action::End)) => return Ok(()),
                Some(Some(Action::Mark(text))) => mark(source, text, model, &sender),
                Some(None) => {}
            },
        }
    }
}

/// What somebody does at the keyboard, where there is one.
async fn input(show: &mut Show) -> Option<Input> {
    match show {
        Show::Lines => std::future::pending().await,
        Show::Canvas(canvas) => canvas.next().await,
    }
}

fn press(screen: &mut Screen, input: &Input) -> Option<Action> {
    match input {
        Input::Key(key) => return screen.press(*key),
        Input::Paste(text) => screen.paste(text),
        Input::Resize(..) | Input::FocusGained | Input::FocusLost | Input::Mouse(_) => {}
    }
    None
}

/// Takes what came in; returns the news in lines.
fn take(seen: Seen, model: &mut Model, screen: &mut Screen) -> Result<String, UsageError> {
    let news = match seen {
        Seen::Look(Ok(look)) => model.fold(look),
        // Whoever cannot be reached from the start is a mistake, and not an event.
        Seen::Look(Err(error)) if model.look().is_none() => return Err(UsageError::of(error)),
        Seen::Look(Err(error)) => model.lose(error.to_string(), SystemTime::now()),
        Seen::Closer(why) => {
            let notice = why.map(|why| format!("~ Nobody looks closer: {why}"));
            let is_new = screen.not_closer != notice;
            screen.not_closer = notice;
            return Ok(screen.not_closer.clone().filter(|_| is_new).map(|notice| notice + "\n").unwrap_or_default());
        }
        // The next look has it, with the time and the name that stand in the journal.
        Seen::Marked(_, Ok(())) => {
            screen.notice = None;
            Vec::new()
        }
        Seen::Marked(text, Err(why)) => {
            screen.notice = Some(format!("! The mark \"{text}\" is not kept: {why}"));
            Vec::new()
        }
    };
    Ok(news.iter().map(|event| event.to_string() + "\n").collect())
}

/// Keeps a mark, here or at the prober that is asked.
fn mark(source: &Arc<Source>, text: String, model: &mut Model, seen: &mpsc::Sender<Seen>) {
    match &**source {
        Source::Own(_) => drop(model.mark(text, SystemTime::now())),
        Source::Prober(prober) => {
            let (prober, seen) = (prober.clone(), seen.clone());
            tokio::spawn(async move {
                let kept = prober.mark(&text).await;
                // Whoever ended meanwhile does not want to know.
                drop(seen.send(Seen::Marked(text, kept)).await);
            });
        }
    }
}

/// Looks once a second, for as long as anybody wants to know.
async fn keep_looking(source: Arc<Source>, seen: mpsc::Sender<Seen>) {
    let mut tick = interval(PERIOD);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut closer = Lease::default();
    loop {
        tick.tick().await;
        let look = source.look().await;
        if let (Source::Prober(prober), Ok(look)) = (&*source, &look)
            && closer.is_due()
            && seen.send(Seen::Closer(prober.look_closer(&look.cluster_names()).await.err())).await.is_err()
        {
            return;
        }
        if seen.send(Seen::Look(look)).await.is_err() {
            return;
        }
    }
}

/// Writes to standard output at once; says whether anybody still reads.
fn tell(text: &str) -> Result<bool, UsageError> {
    let mut out = io::stdout();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(false),
        Err(error) => Err(UsageError(format!("cannot write to standard output: {error}"))),
    }
}
