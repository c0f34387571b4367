//! Everything Prometheus can scrape: one [`catalogue`], and one text made from the state of the moment.
//!
//! Nothing is counted here. The board and the fleet hold the counters, so a series exists exactly as long as what it is
//! about: what a reload removes is gone from the next scrape, what stays goes on counting.

mod catalogue;
mod families;
mod paths;
mod reference;
mod series;

use std::sync::Arc;
use std::time::SystemTime;

use parking_lot::Mutex;
use prometheus::process_collector::ProcessCollector;
use prometheus::proto::{LabelPair, MetricFamily};
use prometheus::{Registry, TextEncoder};

use crate::beacon::Tally;
use crate::board::{Board, Snapshot};
use crate::estate::Estate;
use crate::fleet::{Fleet, Stats};
use crate::journal::{self, Journal};

pub use catalogue::{CONSTANT_LABELS, Family, Kind, Metric, PROCESS, catalogue};
pub use reference::{json, markdown, text};
pub use series::{Series, expected};

/// The media type of what [`Exporter::render`] returns.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// How loading the configuration went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConfigStatus {
    /// The last attempt succeeded; when it did not, an older configuration is still used.
    pub last_attempt_succeeded: bool,
    /// When the configuration in use was loaded.
    pub loaded_at: SystemTime,
}

/// Everything that a scrape shows.
#[derive(Debug)]
struct Moment {
    board: Snapshot,
    fleet: Stats,
    config: ConfigStatus,
    beacon: Option<Arc<Tally>>,
    journal: Option<journal::Stats>,
}

/// Makes scrapes.
#[derive(Debug)]
pub struct Exporter {
    board: Arc<Board>,
    fleet: Arc<Fleet>,
    config: Mutex<ConfigStatus>,
    beacon: Option<Arc<Tally>>,
    journal: Option<Journal>,
    process: Registry,
}

impl Exporter {
    /// An exporter of what this board and this fleet hold, under a configuration loaded just now.
    ///
    /// # Panics
    /// Never: the one collector it registers is well formed.
    pub fn new(board: Arc<Board>, fleet: Arc<Fleet>) -> Self {
        let config = ConfigStatus { last_attempt_succeeded: true, loaded_at: SystemTime::now() };
        Self { board, fleet, config: Mutex::new(config), beacon: None, journal: None, process: process_registry() }
    }

    /// The same with what the beacon in this process counts.
    #[must_use]
    pub fn with_beacon(self, tally: Arc<Tally>) -> Self {
        Self { beacon: Some(tally), ..self }
    }

    /// The same with how the journal does.
    #[must_use]
    pub fn with_journal(self, journal: Journal) -> Self {
        Self { journal: Some(journal), ..self }
    }

    /// Notes that a new configuration was loaded, or could not be.
    pub fn note_reload(&self, succeeded: bool) {
        let mut config = self.config.lock();
        config.last_attempt_succeeded = succeeded;
        if succeeded {
            config.loaded_at = SystemTime::now();
        }
    }

    /// How loading the configuration went.
    pub fn config(&self) -> ConfigStatus {
        *self.config.lock()
    }

    /// The state of this moment as Prometheus reads it. Takes milliseconds for every ten thousand series: not for a
    /// thread that times probes.
    ///
    /// # Panics
    /// Never: every family is well formed, which a test holds for the whole catalogue.
    pub fn render(&self) -> String {
        let moment = Moment {
            board: self.board.snapshot(),
            fleet: self.fleet.stats(),
            config: self.config(),
            beacon: self.beacon.clone(),
            journal: self.journal.as_ref().map(Journal::stats),
        };
        let constant = constant_labels(&moment.board.estate);
        // One family at a time, so that a large estate is never held twice.
        let families = Metric::ALL.iter().map(|metric| families::family(*metric, &moment, &constant));
        encode(families, &self.process, &constant)
    }
}

/// What a beacon shows that runs alone: its own counters and its process.
///
/// # Panics
/// Never: every family is well formed.
pub fn render_beacon(estate: &Estate, tally: &Tally) -> String {
    let constant = constant_labels(estate);
    encode(families::beacon_families(tally, &constant).into_iter(), &process_registry(), &constant)
}

fn encode(families: impl Iterator<Item = MetricFamily>, process: &Registry, constant: &[LabelPair]) -> String {
    let mut text = String::new();
    let mut append = |family: MetricFamily| {
        if !family.get_metric().is_empty() {
            TextEncoder::new().encode_utf8(&[family], &mut text).expect("a well-formed family");
        }
    };
    families.for_each(&mut append);
    for mut family in process.gather() {
        family.mut_metric().iter_mut().for_each(|metric| metric.set_label(constant.to_vec()));
        append(family);
    }
    text
}

fn constant_labels(estate: &Estate) -> Vec<LabelPair> {
    let values = [&estate.environment, &estate.vantage];
    CONSTANT_LABELS.iter().zip(values).map(|(name, value)| families::label(name, value.as_str())).collect()
}

fn process_registry() -> Registry {
    let registry = Registry::new();
    registry.register(Box::new(ProcessCollector::for_self())).expect("one collector, registered once");
    registry
}
