//! The one current state: every observation is folded into it, everything shown is a view of its [`Snapshot`].

mod replies;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use parking_lot::{Mutex, RwLock};
use tokio::sync::{broadcast, watch};

use crate::estate::{DomainName, Estate, Label, Resolver, Transport};
use crate::evidence::Software;
use crate::exchange::Strays;
use crate::histogram::{ANSWER_BOUNDS, Histogram};
use crate::outcome::Outcome;
use crate::plan::{Purpose, Target, TargetKey};
use crate::probe::{LateReply, Observation};
use crate::report::ClusterReport;
use crate::verdict::{ClusterState, Verdict};
use crate::wire::Stray;

pub use replies::{KeptReply, LONGEST_KEPT, Replies};

/// The most different extended errors that one resolver can put into metrics: the codes come from the network.
pub(crate) const MOST_INFO_CODES: usize = 40;

/// Changes that a slow reader may fall behind before it loses the oldest.
const CHANGES_KEPT: usize = 4096;

/// What is known of one target. Small and flat: there may be many thousands.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct TargetState {
    /// Finished probes, by outcome.
    pub results: [u64; Outcome::ALL.len()],
    /// What the last probe saw, and since when probes see that.
    pub last: Option<Last>,
    /// When a probe was last `ok`.
    pub last_success: Option<SystemTime>,
    /// When the first of the probes that failed one after another asked, in whatever ways they failed; nothing while the
    /// last one was `ok`. The prober's own faults neither begin nor end this.
    pub failing_since: Option<SystemTime>,
    /// The smallest time to live of the last good answer, in seconds.
    pub answer_ttl: Option<u32>,
    /// What the resolver's cache last said of the name, where it can be asked.
    pub look: Option<Look>,
}

/// What the last probe saw.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Last {
    /// Its outcome.
    pub outcome: Outcome,
    /// When it asked.
    pub at: SystemTime,
    /// When the first of the probes in a row with this outcome asked.
    pub since: SystemTime,
    /// From question to answer, if one came in time.
    pub after: Option<Duration>,
}

/// What a cache said of a name when it was asked without recursion.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Look {
    /// When it was asked.
    pub at: SystemTime,
    /// For how many more seconds it may keep the name; nothing where it has it no longer.
    pub ttl: Option<u32>,
}

/// What is known of one resolver beyond its targets.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ResolverState {
    /// Answer times by class and transport, late answers included.
    pub durations: BTreeMap<(Label, Transport), Histogram<{ ANSWER_BOUNDS.len() }>>,
    /// Answers after the timeout and before the end of patience, by class and response code.
    pub late_replies: BTreeMap<(Label, &'static str), u64>,
    /// Packets that did not belong, by [`Stray`].
    pub strays: [u64; Stray::ALL.len()],
    /// Extended errors, by info code.
    pub extended_errors: BTreeMap<u16, u64>,
    /// The name it gives itself with every answer (RFC 5001).
    pub nsid: Option<String>,
    /// The name it gives itself when asked (RFC 4892).
    pub server_id: Option<String>,
    /// The software it says it is.
    pub version: Option<String>,
    /// The serial of each zone the cluster is authoritative for.
    pub serials: BTreeMap<DomainName, u32>,
    /// How its own answers over UDP came of late.
    pub own_answers: Window,
    /// What is wrong with it.
    pub verdict: Verdict,
}

/// Which of the last twenty questions were answered.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Window {
    answered: u32,
    length: u8,
}

impl Window {
    /// Questions that are remembered.
    const SIZE: u8 = 20;

    fn push(&mut self, answered: bool) {
        self.answered = (self.answered << 1 | u32::from(answered)) & ((1 << Self::SIZE) - 1);
        self.length = Self::SIZE.min(self.length + 1);
    }

    /// The share of answers that is missing, from 0 to 1, once there were enough questions to tell.
    pub fn loss(self) -> Option<f64> {
        let missing = f64::from(Self::SIZE) - f64::from(self.answered.count_ones());
        (self.length == Self::SIZE).then(|| missing / f64::from(Self::SIZE))
    }
}

/// A target whose probes see something else than before.
#[derive(Debug, Clone)]
pub struct Change {
    /// Which target.
    pub target: Arc<Target>,
    /// What its probes saw before; nothing before the first.
    pub from: Option<Outcome>,
    /// What the last one saw.
    pub to: Outcome,
    /// In words, what the last one saw.
    pub detail: String,
}

/// The state of one target, shared by the task that probes it and by those who read. After a reload a new cell goes on
/// with the state of the old one: what is recorded through either is not lost.
#[derive(Debug)]
pub struct TargetCell {
    target: Arc<Target>,
    state: Arc<Mutex<TargetState>>,
    replies: Arc<Mutex<Replies>>,
    resolver: Arc<ResolverCell>,
}

/// The state of one resolver.
#[derive(Debug)]
pub struct ResolverCell {
    cluster: Label,
    datacenter: Label,
    resolver: Arc<Resolver>,
    state: Arc<Mutex<ResolverState>>,
}

/// Everything at one moment.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// What is watched.
    pub estate: Arc<Estate>,
    /// Every target, resolver by resolver, with its state.
    pub targets: Vec<(Arc<Target>, TargetState)>,
    /// Every resolver, cluster by cluster, with its state.
    pub resolvers: Vec<ResolverView>,
    /// What tracing says of each cluster, as far as it has said something yet.
    pub reports: Vec<Arc<ClusterReport>>,
}

/// One resolver at one moment.
#[derive(Debug, Clone)]
pub struct ResolverView {
    /// Its cluster.
    pub cluster: Label,
    /// Where it stands.
    pub datacenter: Label,
    /// Which resolver.
    pub resolver: Arc<Resolver>,
    /// What is known of it.
    pub state: ResolverState,
}

/// The cells of one configuration.
#[derive(Debug)]
struct Sheet {
    estate: Arc<Estate>,
    targets: Vec<Arc<TargetCell>>,
    resolvers: Vec<Arc<ResolverCell>>,
}

/// The one current state.
#[derive(Debug)]
pub struct Board {
    sheet: RwLock<Sheet>,
    changes: broadcast::Sender<Change>,
    reports: watch::Sender<Vec<Arc<ClusterReport>>>,
}

impl Board {
    /// A board for an estate of which nothing is known yet.
    pub fn new(estate: &Arc<Estate>, targets: &[Arc<Target>]) -> Self {
        let sheet = Sheet::new(estate, targets, None);
        Self {
            sheet: RwLock::new(sheet),
            changes: broadcast::Sender::new(CHANGES_KEPT),
            reports: watch::Sender::new(Vec::new()),
        }
    }

    /// Goes over to another configuration: what stays keeps its state, what went is forgotten.
    pub fn replace(&self, estate: &Arc<Estate>, targets: &[Arc<Target>]) {
        let mut sheet = self.sheet.write();
        *sheet = Sheet::new(estate, targets, Some(&sheet));
        self.reports.send_modify(|reports| {
            reports.retain(|report| estate.clusters.iter().any(|cluster| *cluster == report.cluster));
        });
    }

    /// Takes what tracing says of a cluster. The verdicts count for probes from now on.
    pub fn report(&self, report: Arc<ClusterReport>) {
        let sheet = self.sheet.read();
        for (assessment, resolver) in report.resolvers.iter().zip(&report.cluster.resolvers) {
            let of_resolver =
                |cell: &&Arc<ResolverCell>| cell.cluster == report.cluster.name && cell.resolver.name == resolver.name;
            if let Some(cell) = sheet.resolvers.iter().find(of_resolver) {
                cell.state.lock().verdict = assessment.verdict;
            }
        }
        self.reports.send_modify(|reports| {
            reports.retain(|old| old.cluster.name != report.cluster.name);
            reports.push(report);
            reports.sort_by_key(|report| sheet.estate.clusters.iter().position(|c| c.name == report.cluster.name));
        });
    }

    /// What tracing says of each cluster, now and whenever it changes.
    pub fn reports(&self) -> watch::Receiver<Vec<Arc<ClusterReport>>> {
        self.reports.subscribe()
    }

    /// What is watched.
    pub fn estate(&self) -> Arc<Estate> {
        Arc::clone(&self.sheet.read().estate)
    }

    /// The cells, in the order of the targets.
    pub fn cells(&self) -> Vec<Arc<TargetCell>> {
        self.sheet.read().targets.clone()
    }

    /// Every change of an outcome from now on.
    pub fn changes(&self) -> broadcast::Receiver<Change> {
        self.changes.subscribe()
    }

    /// Takes what one probe saw, and says whether that is something else than the one before it saw.
    pub fn record(&self, cell: &TargetCell, seen: &Observation) -> bool {
        cell.resolver.state.lock().observe(&cell.target, seen);
        let before = cell.state.lock().observe(seen);
        if cell.target.purpose == Purpose::Name {
            cell.replies.lock().observe(seen);
        }
        let changed = before != Some(seen.outcome);
        if changed && cell.target.purpose == Purpose::Name {
            let change =
                Change { target: Arc::clone(&cell.target), from: before, to: seen.outcome, detail: seen.detail() };
            // Nobody has to listen.
            drop(self.changes.send(change));
        }
        changed && before.is_some()
    }

    /// Whether every name was asked at least once wherever it is to be asked.
    pub fn is_ready(&self) -> bool {
        let names = |cell: &&Arc<TargetCell>| cell.target.purpose == Purpose::Name;
        self.sheet.read().targets.iter().filter(names).all(|cell| cell.state.lock().last.is_some())
    }

    /// Who each resolver says it is: NSID, `id.server` and `version.bind`, by cluster and resolver.
    pub fn identities(&self) -> Vec<(Label, Label, [Option<String>; 3])> {
        let said = |cell: &Arc<ResolverCell>| {
            let state = cell.state.lock();
            let said = [state.nsid.clone(), state.server_id.clone(), state.version.clone()];
            (cell.cluster.clone(), cell.resolver.name.clone(), said)
        };
        self.sheet.read().resolvers.iter().map(said).collect()
    }

    /// Everything at this moment. Takes each lock for the time of a small copy.
    pub fn snapshot(&self) -> Snapshot {
        let sheet = self.sheet.read();
        let view = |cell: &Arc<ResolverCell>| ResolverView {
            cluster: cell.cluster.clone(),
            datacenter: cell.datacenter.clone(),
            resolver: Arc::clone(&cell.resolver),
            state: cell.state.lock().clone(),
        };
        Snapshot {
            estate: Arc::clone(&sheet.estate),
            targets: sheet.targets.iter().map(|cell| (Arc::clone(&cell.target), *cell.state.lock())).collect(),
            resolvers: sheet.resolvers.iter().map(view).collect(),
            reports: self.reports.borrow().clone(),
        }
    }
}

impl Snapshot {
    /// What tracing says of a cluster of the estate, by its name. Before it says anything a cluster is unknown.
    pub fn cluster_state(&self, name: &str) -> Option<(&Label, ClusterState)> {
        let cluster = self.estate.clusters.iter().find(|cluster| cluster.name.as_str() == name)?;
        let report = self.reports.iter().find(|report| report.cluster.name == cluster.name);
        Some((&cluster.name, report.map_or(ClusterState::Unknown, |report| report.state)))
    }
}

impl TargetCell {
    /// The target.
    pub fn target(&self) -> &Arc<Target> {
        &self.target
    }

    /// What its last probe saw.
    pub fn last(&self) -> Option<Last> {
        self.state.lock().last
    }

    /// What is known of it.
    pub fn state(&self) -> TargetState {
        *self.state.lock()
    }

    /// Its last replies, as they came. Kept for names alone.
    pub fn replies(&self) -> Replies {
        self.replies.lock().clone()
    }

    /// What is known of the resolver it asks.
    pub fn resolver_state(&self) -> ResolverState {
        self.resolver.state.lock().clone()
    }

    /// What software the resolver it asks is, as far as it said so.
    pub fn software(&self) -> Software {
        self.resolver.state.lock().version.as_deref().map(Software::of_version).unwrap_or_default()
    }

    /// Takes what the resolver it asks said its software is.
    pub fn identified(&self, version: &str) {
        self.resolver.state.lock().version.get_or_insert_with(|| short(version));
    }

    /// Takes what the resolver's cache said of the name.
    pub fn record_look(&self, look: Look) {
        self.state.lock().look = Some(look);
    }

    /// What is wrong at this moment with the resolver it asks.
    pub fn verdict(&self) -> Verdict {
        self.resolver.state.lock().verdict
    }

    /// Takes an answer that came after the timeout.
    pub fn record_late(&self, late: &LateReply) {
        self.resolver.state.lock().observe_late(late);
    }
}

impl Sheet {
    fn new(estate: &Arc<Estate>, targets: &[Arc<Target>], before: Option<&Self>) -> Self {
        let old_targets: HashMap<TargetKey, &Arc<TargetCell>> =
            before.iter().flat_map(|sheet| &sheet.targets).map(|cell| (cell.target.key(), cell)).collect();
        let old_resolvers: HashMap<(&Label, &Label), &Arc<ResolverCell>> = before
            .iter()
            .flat_map(|sheet| &sheet.resolvers)
            .map(|cell| ((&cell.cluster, &cell.resolver.name), cell))
            .collect();
        let mut sheet = Self { estate: Arc::clone(estate), targets: Vec::new(), resolvers: Vec::new() };
        let mut cells: HashMap<(Label, Label), Arc<ResolverCell>> = HashMap::new();
        for cluster in &estate.clusters {
            for resolver in &cluster.resolvers {
                let old = old_resolvers.get(&(&cluster.name, &resolver.name));
                let state = old.map(|old| Arc::clone(&old.state)).unwrap_or_default();
                state.lock().keep_for(estate, &cluster.name);
                let cell = Arc::new(ResolverCell {
                    cluster: cluster.name.clone(),
                    datacenter: cluster.datacenter.clone(),
                    resolver: Arc::clone(resolver),
                    state,
                });
                cells.insert((cluster.name.clone(), resolver.name.clone()), Arc::clone(&cell));
                sheet.resolvers.push(cell);
            }
        }
        sheet.targets.extend(targets.iter().filter_map(|target| {
            let resolver = cells.get(&(target.cluster.name.clone(), target.resolver.name.clone()))?;
            let old = old_targets.get(&target.key());
            let state = old.map(|old| Arc::clone(&old.state)).unwrap_or_default();
            let replies = old.map(|old| Arc::clone(&old.replies)).unwrap_or_default();
            let (target, resolver) = (Arc::clone(target), Arc::clone(resolver));
            Some(Arc::new(TargetCell { target, state, replies, resolver }))
        }));
        sheet
    }
}

impl TargetState {
    /// Folds in what a probe saw; returns what the one before it saw.
    fn observe(&mut self, seen: &Observation) -> Option<Outcome> {
        let before = self.last;
        self.results[seen.outcome.index()] += 1;
        let since = before.filter(|last| last.outcome == seen.outcome).map_or(seen.at, |last| last.since);
        let answer = seen.heard.as_ref().ok();
        self.last = Some(Last { outcome: seen.outcome, at: seen.at, since, after: answer.map(|answer| answer.after) });
        if !matches!(seen.outcome, Outcome::Ok | Outcome::InternalError) {
            self.failing_since.get_or_insert(seen.at);
        }
        if seen.outcome == Outcome::Ok {
            self.failing_since = None;
            self.last_success = Some(seen.at);
            self.answer_ttl = answer.and_then(|answer| answer.reply.smallest_ttl());
        }
        before.map(|last| last.outcome)
    }
}

impl ResolverState {
    fn observe(&mut self, target: &Target, seen: &Observation) {
        self.count_strays(seen.strays);
        if target.transport == Transport::Udp && !target.needs_recursion && seen.outcome != Outcome::InternalError {
            self.own_answers.push(seen.outcome != Outcome::Timeout);
        }
        let Ok(answer) = &seen.heard else { return };
        if target.purpose == Purpose::Name {
            self.observe_duration(target, answer.after);
        }
        for error in &answer.reply.extended_errors {
            if self.extended_errors.len() < MOST_INFO_CODES || self.extended_errors.contains_key(&error.code) {
                *self.extended_errors.entry(error.code).or_default() += 1;
            }
        }
        // Most answers repeat the name; only a new one is worth an allocation.
        if answer.reply.nsid.is_some() && self.nsid != answer.reply.nsid {
            self.nsid.clone_from(&answer.reply.nsid);
        }
        let records = || answer.reply.answers_of(target.name.question.qtype.code());
        let text = || records().next().map(|record| short(&record.rdata()));
        match target.purpose {
            Purpose::Name => {}
            Purpose::ServerId => self.server_id = text(),
            Purpose::Version => self.version = text(),
            Purpose::ZoneSerial => {
                if let Some(serial) = records().find_map(crate::wire::Record::serial) {
                    self.serials.insert(target.name.question.qname.clone(), serial);
                }
            }
        }
    }

    fn observe_late(&mut self, late: &LateReply) {
        self.count_strays(late.strays);
        if late.target.purpose == Purpose::Name {
            self.observe_duration(&late.target, late.after);
            *self.late_replies.entry((late.target.name.class.clone(), late.rcode.as_label())).or_default() += 1;
        }
    }

    fn observe_duration(&mut self, target: &Target, after: Duration) {
        let key = (target.name.class.clone(), target.transport);
        self.durations.entry(key).or_default().observe(&ANSWER_BOUNDS, after);
    }

    fn count_strays(&mut self, strays: Strays) {
        for (total, more) in self.strays.iter_mut().zip(strays.0) {
            *total += u64::from(more);
        }
    }

    /// Forgets what the estate no longer asks of the cluster.
    fn keep_for(&mut self, estate: &Estate, cluster: &Label) {
        let asked =
            |class: &Label| estate.names.iter().any(|name| name.class == *class && name.clusters.contains(cluster));
        let zones = estate.clusters.iter().filter(|c| c.name == *cluster).flat_map(|c| &c.zones).collect::<Vec<_>>();
        self.durations.retain(|(class, _), _| asked(class));
        self.late_replies.retain(|(class, _), _| asked(class));
        self.serials.retain(|zone, _| zones.contains(&zone));
    }
}

/// A server's own text, short enough for a label.
fn short(text: &str) -> String {
    text.chars().filter(|c| *c != '"').take(64).collect()
}
