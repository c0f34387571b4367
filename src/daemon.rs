//! All of one prober process but its listener: what is probed, what is known, and how it goes over to another
//! configuration.

use std::fmt;
use std::sync::Arc;

use crate::beacon::BeaconHandle;
use crate::board::Board;
use crate::break_glass::keep::Keeper;
use crate::canary::{KeyError, Keys};
use crate::config::{ConfigFile, Loaded, Problem, Problems};
use crate::estate::Estate;
use crate::fleet::Fleet;
use crate::journal::entry::Configuration;
use crate::journal::{Journal, Settings};
use crate::metrics::Exporter;
use crate::notify;
use crate::operator::{Operator, Token, TokenError};
use crate::path::Tracing;
use crate::plan;
use tokio_util::task::AbortOnDropHandle;

/// A running prober.
#[derive(Debug)]
pub struct Daemon {
    board: Arc<Board>,
    fleet: Arc<Fleet>,
    exporter: Exporter,
    beacon: Option<BeaconHandle>,
    tracing: Option<Tracing>,
    operator: Operator,
    journal: Journal,
    break_glass: Arc<Keeper>,
    _keeping: AbortOnDropHandle<()>,
    file: Option<ConfigFile>,
    /// What this process was started with: what is listened on does not change while it runs.
    started_with: Arc<Estate>,
    reloading: tokio::sync::Mutex<()>,
}

/// What came of a reload.
#[derive(Debug)]
pub struct Reloaded {
    /// What works, but hardly as it was meant.
    pub warnings: Vec<Problem>,
    /// Keys whose new values take effect only when the process is started again.
    pub after_restart: Vec<&'static str>,
}

/// Why the old configuration is still used.
#[derive(Debug, thiserror::Error)]
pub enum NotReloaded {
    /// The new one is wrong; here is every mistake in it.
    #[error("the old configuration is still used, because the new one is wrong:\n{0}")]
    Wrong(Problems),
    /// The new one is right, but a key file that it names is not.
    #[error("the old configuration is still used: {0}")]
    Key(KeyError),
    /// The new one is right, but the operator token file that it names is not.
    #[error("the old configuration is still used: {0}")]
    Token(TokenError),
    /// There is no file to load again.
    #[error("this process was not started from a configuration file, so there is none to load again")]
    NoFile,
}

impl Daemon {
    /// Begins to probe. The estate was loaded from `file`, if from any. Has to be called within a runtime.
    pub fn start(estate: Estate, file: Option<ConfigFile>) -> Self {
        let estate = Arc::new(estate);
        let board = Board::new(&estate, &plan::targets(&estate));
        Self::start_on(Arc::new(board), estate, file)
    }

    /// The same on a board that somebody watches already, and so misses nothing. It holds the targets of the estate.
    pub fn start_on(board: Arc<Board>, estate: Arc<Estate>, file: Option<ConfigFile>) -> Self {
        // First of all, so that it misses nothing.
        let journal = Journal::start(&Settings::of(&estate.prober), &board, &estate);
        let fleet = Arc::new(Fleet::start(Arc::clone(&board), &estate));
        let break_glass = Arc::new(Keeper::open(estate.prober.state_dir.as_deref()));
        let keeping = tokio::spawn(Arc::clone(&break_glass).run(Arc::clone(&board)));
        let exporter = Exporter::new(Arc::clone(&board), Arc::clone(&fleet)).with_journal(journal.clone());
        Self {
            board,
            fleet,
            exporter,
            beacon: None,
            tracing: None,
            operator: Operator::default(),
            journal,
            break_glass,
            _keeping: AbortOnDropHandle::new(keeping),
            file,
            started_with: estate,
            reloading: tokio::sync::Mutex::default(),
        }
    }

    /// The same with the beacon that runs in this process.
    #[must_use]
    pub fn with_beacon(self, beacon: BeaconHandle) -> Self {
        Self { exporter: self.exporter.with_beacon(beacon.tally()), beacon: Some(beacon), ..self }
    }

    /// The same with the paths of every cluster traced; `keys` are those of this process. Has to be called within a
    /// runtime.
    #[must_use]
    pub fn with_tracing(self, keys: Option<Keys>) -> Self {
        let (board, fleet) = (Arc::clone(&self.board), Arc::clone(&self.fleet));
        let tracing = Tracing::start(self.beacon.clone(), board, fleet, &self.started_with, keys);
        Self { tracing: Some(tracing), ..self }
    }

    /// The same with a token that allows to change something, if there is one.
    #[must_use]
    pub fn with_operator(self, token: Option<Token>) -> Self {
        Self { operator: Operator::new(token), ..self }
    }

    /// Who may change something.
    pub fn operator(&self) -> &Operator {
        &self.operator
    }

    /// The last verified addresses.
    pub fn break_glass(&self) -> &Keeper {
        &self.break_glass
    }

    /// The beacon that runs in this process, if one does.
    pub fn beacon(&self) -> Option<&BeaconHandle> {
        self.beacon.as_ref()
    }

    /// What is known.
    pub fn board(&self) -> &Arc<Board> {
        &self.board
    }

    /// What has changed.
    pub fn journal(&self) -> &Journal {
        &self.journal
    }

    /// What is probed.
    pub fn fleet(&self) -> &Arc<Fleet> {
        &self.fleet
    }

    /// What Prometheus sees.
    pub fn exporter(&self) -> &Exporter {
        &self.exporter
    }

    /// Loads the configuration file again and goes over to it, or keeps what there is when it is wrong. One at a time;
    /// a second call waits and then loads the file as it is by then. The service manager is told of it.
    ///
    /// # Errors
    /// Every mistake in the file, or what is wrong with a file that it names.
    pub async fn reload(&self) -> Result<Reloaded, NotReloaded> {
        let _reloading = self.reloading.lock().await;
        notify::reloading().await;
        let result = self.load_again().await;
        let status = match result {
            Ok(_) => "The configuration was loaded again.",
            Err(_) => "The last reload failed, so the old configuration is still used: see the log.",
        };
        // Ready again it is in any case: a wrong configuration is told, and not used.
        notify::ready(status.to_owned()).await;
        result
    }

    async fn load_again(&self) -> Result<Reloaded, NotReloaded> {
        let file = self.file.clone().ok_or(NotReloaded::NoFile)?;
        // A disk may be slow; probes are timed on this thread.
        let loaded = tokio::task::spawn_blocking(move || load(&file)).await;
        let loaded = loaded.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()));
        self.exporter.note_reload(loaded.is_ok());
        if let Err(why) = &loaded {
            self.journal.configured(Configuration { loaded: false, detail: why.to_string() }, None).await;
        }
        let (loaded, keys, token) = loaded?;
        self.operator.set(token);
        if let (Some(beacon), Some(keys)) = (&self.beacon, &keys) {
            beacon.set_keys(Arc::new(keys.clone()));
        }
        let estate = Arc::new(loaded.estate);
        self.fleet.reload(&estate).await;
        if let Some(tracing) = &self.tracing {
            tracing.reload(&estate, keys);
        }
        let after_restart = [
            ("prober.listen", estate.prober.listen != self.started_with.prober.listen),
            ("prober.state_dir", estate.prober.state_dir != self.started_with.prober.state_dir),
            ("prober.journal_max_age", estate.prober.journal_max_age != self.started_with.prober.journal_max_age),
            ("prober.journal_max_size", estate.prober.journal_max_size != self.started_with.prober.journal_max_size),
            ("beacon", estate.beacon != self.started_with.beacon),
        ];
        let reloaded = Reloaded {
            warnings: loaded.warnings,
            after_restart: after_restart.into_iter().filter(|(_, changed)| *changed).map(|(key, _)| key).collect(),
        };
        let what = Configuration { loaded: true, detail: reloaded.to_string() };
        self.journal.configured(what, Some(estate)).await;
        Ok(reloaded)
    }

    /// Ends all probing, and writes the end of the journal.
    pub async fn stop(&self) {
        if let Some(tracing) = &self.tracing {
            tracing.stop();
        }
        self.fleet.stop().await;
        self.journal.stop().await;
        self.break_glass.save(&self.board, true).await;
    }
}

/// The configuration, and the keys and the token that it names. A key of this process' own stays what it is.
fn load(file: &ConfigFile) -> Result<(Loaded, Option<Keys>, Option<Token>), NotReloaded> {
    let loaded = file.load().map_err(NotReloaded::Wrong)?;
    let keys = Keys::load(&loaded.estate.path.key_files).map_err(NotReloaded::Key)?;
    let token = Token::of(&loaded.estate).map_err(NotReloaded::Token)?;
    Ok((loaded, keys, token))
}

impl fmt::Display for Reloaded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the configuration was loaded again")?;
        for key in &self.after_restart {
            write!(f, "\n{key} has changed, which takes effect when this process is started again")?;
        }
        for warning in &self.warnings {
            write!(f, "\nwarning: {warning}")?;
        }
        Ok(())
    }
}
