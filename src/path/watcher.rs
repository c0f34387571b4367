//! Watches the paths of one cluster: rounds of questions in their time, at once when something changes, and closer while
//! something is wrong.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::sync::{broadcast, mpsc};
use tokio::task::JoinSet;
use tokio::time::{Instant, interval, sleep_until};

use super::judgement::Judgement;
use super::pairs::{Pair, choose};
use crate::beacon::Reader;
use crate::board::{Board, Change, ResolverState, TargetCell};
use crate::estate::{Cluster, DomainName, QueryType};
use crate::evidence::{
    Configured, Finding, Inquiry, Software, arrivals, cold, echo, failure_echo, own, tracer, unchecked, upstream,
};
use crate::exchange::Contact;
use crate::fleet::Fleet;
use crate::outcome::Outcome;
use crate::plan::Purpose;
use crate::verdict::situation::Cold;

/// The longest that a round is waited for. Answers that come later are still taken.
const ROUND: Duration = Duration::from_secs(6);

/// The shortest time between the starts of two rounds, whatever happens.
const SHORTEST_GAP: Duration = Duration::from_millis(1500);

/// Between rounds while something is in doubt.
const DOUBT_GAP: Duration = Duration::from_secs(2);

/// Between rounds while something fails: the first dozen, and then.
const FAILING_GAPS: (Duration, Duration) = (Duration::from_secs(5), Duration::from_secs(15));

/// Between rounds at most while somebody looks closer.
const CLOSER_GAP: Duration = Duration::from_secs(5);

/// Between rounds while something fails that every question might make worse.
const STORM_GAP: Duration = Duration::from_secs(60);

/// When in a round it is looked whether names have come to the beacon that are not answered yet: before they count as
/// failing.
const ARRIVALS_AT: Duration = Duration::from_millis(4200);

/// A cold name that came to the beacon more often than this is going round and round.
const MOST_ARRIVALS: u32 = 20;

/// Between two echoes of failures: each is a small burst of packets. The first holds where the last one told nothing, on a
/// machine too busy to measure.
const FAILURE_ECHO_GAPS: (Duration, Duration) = (Duration::from_secs(45), Duration::from_secs(5 * 60));

/// So many times in a row the first of these gaps holds; what they did not tell then, they hardly ever will.
const MOST_UNTOLD: u8 = 4;

/// How often the board is looked at.
const TICK: Duration = Duration::from_millis(500);

/// Watches one cluster.
#[derive(Debug)]
pub(super) struct Watcher {
    pub cluster: Arc<Cluster>,
    pub board: Arc<Board>,
    pub fleet: Arc<Fleet>,
    pub inquiry: Arc<Inquiry>,
    pub findings: mpsc::UnboundedReceiver<Finding>,
    /// The board's cells of each resolver.
    pub cells: Vec<Vec<Arc<TargetCell>>>,
    pub upstreams: Vec<(SocketAddr, Arc<Contact>)>,
    /// What the beacon saw, where there is one.
    pub reader: Option<Arc<tokio::sync::Mutex<Reader>>>,
    pub interval: Duration,
    pub judgement: Judgement,
}

/// What changes from round to round.
#[derive(Debug, Default)]
struct Course {
    identities: Vec<Identity>,
    /// Rounds in a row in which something failed.
    failing_rounds: u32,
    /// Rounds in a row after which something was in doubt.
    doubtful_rounds: u32,
    failure_echo_at: Option<Instant>,
    /// Echoes of failures in a row that did not tell what they could.
    untold_echoes: u8,
    /// How cold names failed when the last echoes of failures were asked for: another way is another fault.
    failing_how: Vec<Cold>,
    /// Something happened that calls for a round at once.
    hurry: bool,
    /// Questions of earlier rounds that may still be answered.
    lingering: JoinSet<()>,
}

/// Who a resolver says it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Identity {
    nsid: Option<String>,
    server_id: Option<String>,
    version: Option<String>,
}

impl Watcher {
    /// Runs until it is dropped.
    pub(super) async fn run(mut self) {
        let mut changes = self.board.changes();
        let mut course = Course { identities: vec![Identity::default(); self.cells.len()], ..Course::default() };
        self.identify().await;
        loop {
            let started = Instant::now();
            course.hurry = false;
            self.round(&mut course, &mut changes).await;
            self.rest(&mut course, &mut changes, started).await;
        }
    }

    /// Asks what software everybody is, before anything else: some of it has to be asked with care.
    async fn identify(&mut self) {
        let mut tasks = JoinSet::new();
        for resolver in 0..self.inquiry.asker.len() {
            let inquiry = Arc::clone(&self.inquiry);
            tasks.spawn(async move { (resolver, own::version(&inquiry, resolver).await) });
        }
        for (resolver, (version, software)) in tasks.join_all().await {
            if let Some(software) = software {
                self.judgement.evidence.known[resolver].software = software;
            }
            // Whoever asks it next has to know as well.
            if let (Some(version), Some(cell)) = (version, self.cells[resolver].first()) {
                cell.identified(&version);
            }
        }
    }

    /// One round of questions; late answers to earlier ones are taken on the way.
    async fn round(&mut self, course: &mut Course, changes: &mut broadcast::Receiver<Change>) {
        self.read_board(course);
        let began = SystemTime::now();
        let mut asking = self.ask();
        let mut tick = interval(TICK);
        let end = Instant::now() + ROUND;
        let (look_at, mut looked) = (Instant::now() + ARRIVALS_AT, self.reader.is_none());
        loop {
            tokio::select! {
                Some(finding) = self.findings.recv() => self.take(finding),
                done = asking.join_next() => if done.is_none() { break },
                _ = tick.tick() => self.read_board(course),
                change = changes.recv() => self.notice(change, course),
                () = sleep_until(look_at), if !looked => {
                    looked = true;
                    self.look_at_arrivals(&mut asking);
                }
                () = sleep_until(end) => break,
            }
        }
        course.lingering.spawn(async move { drop(asking.join_all().await) });
        if let Ok(finding) = self.findings.try_recv() {
            self.take(finding);
        }
        let (now, at) = (Instant::now(), SystemTime::now());
        self.judgement.settle(now, at, began);
        course.failing_rounds = if self.judgement.fails(now) { course.failing_rounds + 1 } else { 0 };
        course.doubtful_rounds = if self.judgement.wavers() { course.doubtful_rounds + 1 } else { 0 };
        self.publish();
        self.echo_failures(course, now);
    }

    /// Waits until the next round is due, or something calls for it.
    async fn rest(&mut self, course: &mut Course, changes: &mut broadcast::Receiver<Change>, started: Instant) {
        let mut tick = interval(TICK);
        loop {
            let gap = if course.hurry { SHORTEST_GAP.max(self.storm_gap(course)) } else { self.gap(course) };
            tokio::select! {
                Some(finding) = self.findings.recv() => self.take(finding),
                _ = tick.tick() => self.read_board(course),
                change = changes.recv() => self.notice(change, course),
                Some(_) = course.lingering.join_next() => {}
                () = sleep_until(started + gap) => return,
            }
        }
    }

    /// From the start of a round to that of the next.
    fn gap(&self, course: &Course) -> Duration {
        let gap = if course.failing_rounds > 12 {
            FAILING_GAPS.1
        } else if course.failing_rounds > 0 {
            FAILING_GAPS.0
        } else if self.judgement.wavers() {
            // What is still in doubt then, such as a way that is taken now and then, will be so for long.
            if course.doubtful_rounds > 6 { FAILING_GAPS.1 } else { DOUBT_GAP }
        } else {
            self.interval
        };
        let gap = if self.is_looked_at_closely() { gap.min(CLOSER_GAP) } else { gap };
        gap.min(self.interval).max(self.storm_gap(course))
    }

    /// Whether somebody looks closer at any of its resolvers: they want to see soon what has become of its paths, too.
    fn is_looked_at_closely(&self) -> bool {
        let mut resolvers = self.cluster.resolvers.iter();
        resolvers.any(|resolver| self.fleet.looked_at_closely(&self.cluster.name, &resolver.name).is_some())
    }

    /// A second round is needed to be sure; after that, there is no hurry.
    fn storm_gap(&self, course: &Course) -> Duration {
        let feeds_storms = self.judgement.evidence.known.iter().any(|known| {
            known.software.feeds_storms() || known.left_all_the_same().is_some_and(|noted| noted.value > MOST_ARRIVALS)
        });
        if feeds_storms && course.failing_rounds > 1 && self.judgement.fails(Instant::now()) {
            STORM_GAP
        } else {
            Duration::ZERO
        }
    }

    /// Sends the questions of a round on their way.
    fn ask(&self) -> JoinSet<()> {
        let inquiry = || Arc::clone(&self.inquiry);
        let mut asking = JoinSet::new();
        let (asks, zone) = (inquiry(), self.cluster.zones.first().cloned());
        let size = self.cells.len();
        asking.spawn(async move { own::run(&asks, zone.as_ref(), 0..size).await });
        if !self.cluster.recursive {
            return asking;
        }
        let pairs = choose(self.pairs());
        let asks = inquiry();
        asking.spawn(async move { tracer::run(&asks, &pairs).await });
        let (asks, software) =
            (inquiry(), self.judgement.evidence.known.iter().map(|known| known.software).collect::<Vec<_>>());
        asking.spawn(async move {
            let warmed = cold::run(&asks, &software).await;
            echo::run(&asks, warmed, &software).await;
        });
        let (asks, failing) = (inquiry(), self.failing_names());
        asking.spawn(async move { unchecked::run(&asks, failing).await });
        if self.judgement.fails(Instant::now()) {
            let (asks, upstreams) = (inquiry(), self.upstreams.clone());
            asking.spawn(async move { upstream::run(&asks, &upstreams).await });
        }
        asking
    }

    /// Every tracer at every resolver that is another server than its owner, or the owner itself.
    fn pairs(&self) -> Vec<Pair> {
        let (servers, graph) = (self.cluster.servers(), self.judgement.evidence.graph(Instant::now()));
        let edges: HashSet<(usize, usize)> = graph.edges().iter().map(|edge| (edge.from, edge.to)).collect();
        let size = self.cells.len();
        let pairs = (0..size).flat_map(|from| (0..size).map(move |to| (from, to)));
        let meant = |(from, to): &(usize, usize)| {
            self.cluster.resolvers[*to].tracer.is_some() && (from == to || servers[*from] != servers[*to])
        };
        let pair = |(from, to)| Pair {
            from,
            to,
            edge: edges.contains(&(servers[from], servers[to])),
            asked: self.judgement.evidence.known[from].row[to].is_some(),
        };
        pairs.filter(meant).map(pair).collect()
    }

    /// Somebody keeps silent: did the question leave?
    fn look_at_arrivals(&self, asking: &mut JoinSet<()>) {
        if let Some(reader) = &self.reader {
            let (inquiry, reader) = (Arc::clone(&self.inquiry), Arc::clone(reader));
            asking.spawn(async move { arrivals::run(&inquiry, &mut *reader.lock().await).await });
        }
    }

    /// For each resolver, one configured name that ends in SERVFAIL there.
    fn failing_names(&self) -> Vec<(usize, DomainName, QueryType)> {
        let failing = |cell: &&Arc<TargetCell>| {
            let fixed = !cell.target().name.question.qname.has_nonce();
            fixed && cell.target().needs_recursion && cell.last().is_some_and(|last| last.outcome == Outcome::Servfail)
        };
        let name = |(resolver, cells): (usize, &Vec<Arc<TargetCell>>)| {
            let question = &cells.iter().find(failing)?.target().name.question;
            Some((resolver, question.qname.clone(), question.qtype))
        };
        self.cells.iter().enumerate().filter_map(name).collect()
    }

    /// Takes a finding, and those that came with it.
    fn take(&mut self, finding: Finding) {
        let now = Instant::now();
        self.judgement.evidence.take(finding, now);
        while let Ok(finding) = self.findings.try_recv() {
            self.judgement.evidence.take(finding, now);
        }
        if self.judgement.glance(now, SystemTime::now()) {
            self.publish();
        }
    }

    /// Lets names fail on purpose, once it is clear that they do and no path says why.
    fn echo_failures(&self, course: &mut Course, now: Instant) {
        let failing_how = self.judgement.cold(now);
        let told = |at: Instant| self.judgement.evidence.failure_echo_told_since(at);
        let as_before = course.failing_how == failing_how;
        let untold = course.failure_echo_at.is_some_and(|at| as_before && !told(at));
        let gap = if untold && course.untold_echoes < MOST_UNTOLD { FAILURE_ECHO_GAPS.0 } else { FAILURE_ECHO_GAPS.1 };
        let recently = as_before && course.failure_echo_at.is_some_and(|at| now < at + gap);
        let known = &self.judgement.evidence.known;
        if recently || known.iter().any(|known| known.software.feeds_storms()) {
            return;
        }
        let mut unexplained = self.judgement.unexplained(now);
        unexplained.retain(|resolver| known[*resolver].software.remembers_failures());
        // Where a way is known to begin, it is its end that has to be found.
        let graph = self.judgement.evidence.graph(now);
        unexplained.sort_by_key(|resolver| graph.siblings_of(*resolver).count());
        if !unexplained.is_empty() {
            course.untold_echoes = if untold { course.untold_echoes.saturating_add(1) } else { 0 };
            course.failure_echo_at = Some(now);
            course.failing_how = failing_how;
            let inquiry = Arc::clone(&self.inquiry);
            let software = known.iter().map(|known| known.software).collect::<Vec<_>>();
            course.lingering.spawn(async move { failure_echo::run(&inquiry, &unexplained, &software).await });
        }
    }

    /// Reads what configured names say, and who everybody says they are.
    fn read_board(&mut self, course: &mut Course) {
        let mut faults = 0;
        for (resolver, cells) in self.cells.iter().enumerate() {
            let Some(state) = cells.first().map(|cell| cell.resolver_state()) else { continue };
            let last = |cell: &&Arc<TargetCell>| cell.last().map(|last| last.outcome);
            let at_fault = cells.iter().filter(|cell| last(cell) == Some(Outcome::InternalError)).count();
            faults += usize::from(at_fault * 2 > cells.len());
            self.judgement.evidence.known[resolver].configured = configured(cells, &state);
            if let Some(version) = &state.version {
                self.judgement.evidence.known[resolver].software = Software::of_version(version);
            }
            let now = Identity { nsid: state.nsid, server_id: state.server_id, version: state.version };
            let before = std::mem::replace(&mut course.identities[resolver], now.clone());
            if before.differs_from(&now) {
                self.judgement.rebuilt(resolver);
                course.hurry = true;
            }
        }
        self.judgement.prober_at_fault = faults > 0 && faults == self.cells.len();
    }

    /// A probe saw something else than the one before it.
    fn notice(&mut self, change: Result<Change, broadcast::error::RecvError>, course: &mut Course) {
        let Ok(change) = change else {
            course.hurry = true;
            return;
        };
        if change.target.cluster.name != self.cluster.name {
            return;
        }
        let failed = |outcome: Outcome| {
            matches!(outcome, Outcome::Servfail | Outcome::Timeout | Outcome::Unreachable | Outcome::ConnectionFailed)
        };
        if change.target.needs_recursion {
            course.hurry |= failed(change.to) || change.from.is_some_and(failed);
        } else if change.from.is_some_and(failed) && change.to == Outcome::Ok {
            // It was away, and is back: whoever came back may not be who went.
            let came_back = |resolver: &Arc<crate::estate::Resolver>| resolver.name == change.target.resolver.name;
            if let Some(resolver) = self.cluster.resolvers.iter().position(came_back) {
                self.judgement.rebuilt(resolver);
            }
            course.hurry = true;
        } else {
            course.hurry |= failed(change.to);
        }
    }

    fn publish(&self) {
        self.board.report(Arc::new(self.judgement.report(Instant::now())));
    }
}

impl Identity {
    /// Whether somebody else answers now: something that both say, they say differently.
    fn differs_from(&self, now: &Self) -> bool {
        let other = |before: &Option<String>, now: &Option<String>| before.is_some() && now.is_some() && before != now;
        other(&self.nsid, &now.nsid) || other(&self.server_id, &now.server_id) || other(&self.version, &now.version)
    }
}

/// What configured names say of a resolver.
fn configured(cells: &[Arc<TargetCell>], state: &ResolverState) -> Configured {
    let mut configured = Configured {
        loses_packets: state.own_answers.loss().is_some_and(|loss| (0.2..=0.8).contains(&loss)),
        ..Configured::default()
    };
    for cell in cells.iter().filter(|cell| cell.target().purpose == Purpose::Name) {
        let Some(last) = cell.last() else { continue };
        let from_outside = cell.target().needs_recursion;
        match last.outcome {
            Outcome::Ok if from_outside => configured.good += 1,
            Outcome::Servfail if from_outside => configured.servfail += 1,
            Outcome::Timeout if from_outside => configured.silent += 1,
            Outcome::LoopSuspected => configured.servfail += 1,
            Outcome::Stale => configured.stale += 1,
            Outcome::WrongAnswer => configured.wrong += 1,
            Outcome::Ok
            | Outcome::Servfail
            | Outcome::Timeout
            | Outcome::Refused
            | Outcome::Nxdomain
            | Outcome::Nodata
            | Outcome::NotAuthoritative
            | Outcome::Truncated
            | Outcome::BadRcode
            | Outcome::Malformed
            | Outcome::Unreachable
            | Outcome::ConnectionFailed
            | Outcome::InternalError => {}
        }
    }
    configured
}
