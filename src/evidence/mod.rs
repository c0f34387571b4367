//! What is known of a cluster beyond single probes: one file an experiment, each with its control.
//!
//! Experiments ask through an [`Inquiry`] and hand on [`Finding`]s; [`Evidence`] holds what is believed of them at this
//! moment, and [`weigh`] boils that down to the situation of each resolver. Nothing here decides a verdict.

pub mod arrivals;
mod asker;
pub mod cached;
pub mod clues;
pub mod cold;
pub mod echo;
pub mod failure_echo;
mod finding;
mod inquiry;
pub mod own;
mod reach;
mod software;
pub mod tracer;
pub mod unchecked;
pub mod upstream;
pub mod weigh;

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

pub use asker::{Asker, Heard, OneOff, in_millis};
pub use finding::{ColdSeen, Echoed, Finding, Findings, Sight};
pub use inquiry::{Inquiry, PATIENCE, Parent, SOON};
pub use reach::ReachLog;
pub use software::Software;

use crate::estate::DomainName;
use crate::graph::{Graph, Method};
use crate::verdict::situation::{OverTcp, Own};

/// How long a finding about a resolver is believed.
const LIFE: Duration = Duration::from_secs(10 * 60);

/// Names that came to the beacon that are kept for each resolver.
const ARRIVALS_KEPT: usize = 16;

/// A failure that came sooner than this came at once: no resolver's timer is that short.
const AT_ONCE: Duration = Duration::from_secs(1);

/// Times of good cold answers that are kept to tell slow from usual.
const TIMES_KEPT: usize = 50;

/// Something that was found, when, and in which words a person may check it.
#[derive(Debug, Clone)]
pub struct Noted<T> {
    /// What was found.
    pub value: T,
    /// When.
    pub at: Instant,
    /// What was asked and came.
    pub words: String,
}

/// What configured names say of a resolver: they may come from its cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Configured {
    /// Names from outside whose last probe was good.
    pub good: usize,
    /// Those that ended in SERVFAIL.
    pub servfail: usize,
    /// Those that ended in silence.
    pub silent: usize,
    /// Names that were answered from cache past their time.
    pub stale: usize,
    /// Names that were answered wrongly.
    pub wrong: usize,
    /// Of the answers that it gives without help, a part is missing, but far from all.
    pub loses_packets: bool,
}

/// What is known of one resolver.
#[derive(Debug, Clone, Default)]
pub struct Known {
    /// Its own answers.
    pub own: Option<Noted<(Own, OverTcp)>>,
    /// Cold names, by parent.
    pub cold: Vec<Option<Noted<ColdSeen>>>,
    /// When the first of the good ones in a row was asked, by parent; nothing where the last one was not good.
    good_since: Vec<Option<Instant>>,
    /// The names that these were.
    cold_names: Vec<Option<DomainName>>,
    /// Whether failing names work with checking disabled.
    pub unchecked: Option<Noted<bool>>,
    /// Its own tracer zone, asked at itself.
    pub tracer: Option<Noted<Sight>>,
    /// Where tracers asked at it led, by the place of the tracer's resolver.
    pub row: Vec<Option<Noted<Sight>>>,
    /// It answers what nobody serves.
    pub polluted: Option<Noted<()>>,
    /// Caches of others without its names, by their place.
    pub echo_missed: Vec<Option<Noted<()>>>,
    /// Echoes of its failures, by the place of the other.
    pub failure_echo: Vec<Option<Noted<Echoed>>>,
    /// Cold names that came to the beacon, and how often; the last few.
    arrived: VecDeque<(DomainName, Noted<u32>)>,
    /// The beacon saw its own address.
    pub own_egress: Option<Noted<()>>,
    /// What configured names say.
    pub configured: Configured,
    /// Its software.
    pub software: Software,
    /// Times of good cold answers, oldest first.
    times: VecDeque<Duration>,
}

/// Everything known of one cluster.
#[derive(Debug, Clone)]
pub struct Evidence {
    /// Of each resolver, in the order of the cluster.
    pub known: Vec<Known>,
    /// Of the known upstreams.
    pub upstream: Option<Noted<bool>>,
    /// Parents that were seen to answer somewhere: under the others, an answer that is not genuine is no wonder.
    parent_proved: Vec<bool>,
    /// For each resolver, the first place that is the same server.
    server: Vec<usize>,
    /// Names from outside are asked for, cold or configured.
    asks_outside: bool,
    reach: ReachLog,
}

impl Evidence {
    /// Nothing is known yet of so many resolvers, and names under so many parents.
    pub fn new(resolvers: usize, parents: usize) -> Self {
        let known = Known {
            cold: vec![None; parents],
            good_since: vec![None; parents],
            cold_names: vec![None; parents],
            row: vec![None; resolvers],
            echo_missed: vec![None; resolvers],
            failure_echo: vec![None; resolvers],
            ..Known::default()
        };
        Self {
            known: vec![known; resolvers],
            upstream: None,
            parent_proved: vec![false; parents],
            server: (0..resolvers).collect(),
            asks_outside: true,
            reach: ReachLog::default(),
        }
    }

    /// Tells which resolvers are addresses of the same server: for each, the first place that is.
    #[must_use]
    pub fn with_servers(self, server: Vec<usize>) -> Self {
        Self { server, ..self }
    }

    /// Tells whether names from outside are asked for at all; where they are not, nothing is held against anybody for it.
    #[must_use]
    pub fn with_names_from_outside(self, asks_outside: bool) -> Self {
        Self { asks_outside, ..self }
    }

    /// Takes what an experiment found. Places that do not exist are passed over.
    pub fn take(&mut self, finding: Finding, now: Instant) {
        match finding {
            Finding::Own { resolver, own, over_tcp, words } => {
                self.note(resolver, |known| known.own = Some(Noted { value: (own, over_tcp), at: now, words }));
            }
            Finding::Cold { resolver, parent, qname, asked, seen, words } => {
                self.take_cold(resolver, parent, qname, Noted { value: seen, at: asked, words });
            }
            Finding::Unchecked { resolver, works, words } => {
                self.note(resolver, |known| known.unchecked = Some(Noted { value: works, at: now, words }));
            }
            Finding::Tracer { from, to, sight, rtt, words } => self.take_tracer(from, to, sight, rtt, words, now),
            Finding::Polluted { resolver, words } => self.note(resolver, |known| {
                known.row.fill(None);
                known.polluted = Some(noted(words, now));
            }),
            Finding::Echo { from, to, sight, weak, words } => {
                let missed = (sight == Sight::Miss && !weak).then(|| noted(words.clone(), now));
                self.note(from, |known| set(&mut known.echo_missed, to, missed));
                match sight {
                    Sight::Hit => self.reach.seen((from, to), Method::Echo, None, weak, noted(words, now)),
                    Sight::Miss => self.reach.missed(from, to, now),
                    Sight::Unclear => {}
                }
            }
            Finding::FailureEcho { from, to, echo, words } => {
                if let Echoed::Never | Echoed::Behind = echo {
                    self.reach.no_failure_echo(from, Some(to));
                } else if echo == Echoed::Itself && !self.tracer_denies(from, to) {
                    self.reach.seen((from, to), Method::FailureEcho, None, true, noted(words.clone(), now));
                }
                self.note(from, |known| set(&mut known.failure_echo, to, Some(Noted { value: echo, at: now, words })));
            }
            Finding::Upstream { works, words } => self.upstream = Some(Noted { value: works, at: now, words }),
            Finding::Arrived { resolver, qname, times, words } => self.note(resolver, |known| {
                known.arrived.retain(|(name, _)| *name != qname);
                known.arrived.push_back((qname, Noted { value: times, at: now, words }));
                known.arrived.drain(..known.arrived.len().saturating_sub(ARRIVALS_KEPT));
            }),
            Finding::Egress { from, to, words } => {
                if from == to {
                    self.note(from, |known| known.own_egress = Some(noted(words, now)));
                } else {
                    self.reach.seen((from, to), Method::Egress, None, false, noted(words, now));
                    self.note(from, |known| known.own_egress = None);
                }
            }
        }
    }

    fn take_cold(&mut self, resolver: usize, parent: usize, qname: DomainName, noted: Noted<ColdSeen>) {
        if noted.value.is_good() {
            set(&mut self.parent_proved, parent, true);
        }
        // Whoever resolves has no failures to go by any more.
        if let ColdSeen::Answered(_) = noted.value {
            self.reach.no_failure_echo(resolver, None);
        }
        // A circle of such servers fails by their timers, not at once.
        let at_once = matches!(noted.value, ColdSeen::Failed(after) if after < AT_ONCE);
        if at_once && self.known.get(resolver).is_some_and(|known| known.software.fast_failure_tells()) {
            self.reach.no_failure_echo(resolver, None);
        }
        self.note(resolver, |known| {
            if let ColdSeen::Answered(after) = noted.value {
                known.times.push_back(after);
                known.times.drain(..known.times.len().saturating_sub(TIMES_KEPT));
            }
            if let Some(slot) = known.cold.get_mut(parent)
                && slot.as_ref().is_none_or(|before| before.at <= noted.at)
            {
                if let Some(since) = known.good_since.get_mut(parent) {
                    *since = noted.value.is_good().then(|| since.unwrap_or(noted.at));
                }
                *slot = Some(noted);
                set(&mut known.cold_names, parent, Some(qname));
            }
        });
    }

    fn take_tracer(
        &mut self,
        from: usize,
        to: usize,
        sight: Sight,
        rtt: Option<Duration>,
        words: String,
        now: Instant,
    ) {
        if from != to {
            match sight {
                Sight::Hit => self.reach.seen((from, to), Method::Tracer, rtt, false, noted(words.clone(), now)),
                Sight::Miss => self.reach.missed(from, to, now),
                Sight::Unclear if self.would_have_been_hit(from, to) => self.reach.failed(from, to),
                Sight::Unclear => {}
            }
        }
        self.note(from, |known| {
            let noted = Noted { value: sight, at: now, words };
            if from == to {
                known.tracer = Some(noted);
            } else {
                known.polluted = None;
                set(&mut known.row, to, Some(noted));
            }
        });
    }

    /// Whether a tracer would have shown the way that failures seem to show, and did not.
    fn tracer_denies(&self, from: usize, to: usize) -> bool {
        let row = self.known.get(from).and_then(|known| known.row.get(to)?.as_ref());
        from != to && row.is_some_and(|noted| noted.value != Sight::Hit) && self.would_have_been_hit(from, to)
    }

    /// Whether a tracer cannot fail while the way to its owner stands: the owner serves it, no packets are lost, and
    /// nobody in the cluster is software that gives up on a forwarder for a while.
    fn would_have_been_hit(&self, from: usize, to: usize) -> bool {
        let served = self.known.get(to).and_then(|known| known.tracer.as_ref());
        served.is_some_and(|noted| noted.value == Sight::Hit)
            && self.known.iter().all(|known| !known.software.gives_up_on_forwarders())
            && self.known.get(from).is_some_and(|known| !known.configured.loses_packets)
    }

    fn note(&mut self, resolver: usize, change: impl FnOnce(&mut Known)) {
        if let Some(known) = self.known.get_mut(resolver) {
            change(known);
        }
    }

    /// A resolver was rebuilt or restarted: what was known of it was known of another.
    pub fn rebuilt(&mut self, resolver: usize) {
        self.reach.forget_from(resolver);
        self.note(resolver, |known| {
            *known = Known {
                cold: vec![None; known.cold.len()],
                cold_names: vec![None; known.cold.len()],
                row: vec![None; known.row.len()],
                echo_missed: vec![None; known.echo_missed.len()],
                failure_echo: vec![None; known.failure_echo.len()],
                configured: known.configured,
                software: known.software,
                ..Known::default()
            }
        });
    }

    /// Whether the echoes of failures since then told what they can: of some way, one way or the other; and of nobody's
    /// questions it remained open whether they come back.
    pub fn failure_echo_told_since(&self, since: Instant) -> bool {
        let of = |known: &Known, place: usize| {
            known.failure_echo[place].as_ref().filter(|noted| noted.at >= since).map(|noted| noted.value)
        };
        let size = self.known.len();
        let told = |known: &Known| (0..size).any(|to| of(known, to).is_some_and(|echo| echo != Echoed::Unclear));
        let open = |(place, known): (usize, &Known)| of(known, place) == Some(Echoed::Unclear);
        self.known.iter().any(told) && !self.known.iter().enumerate().any(open)
    }

    /// Whether something was seen that ought to be looked at again soon.
    pub fn wants_another_look(&self) -> bool {
        self.reach.wants_another_look()
    }

    /// Edges from each resolver to each other that are believed at this moment.
    pub fn graph(&self, now: Instant) -> Graph {
        Graph::of_servers(self.server.clone(), self.reach.edges(now))
    }

    /// The words of the finding that best shows the edge.
    pub fn words_of(&self, from: usize, to: usize) -> Option<&str> {
        self.reach.words_of(from, to)
    }
}

fn noted(words: String, at: Instant) -> Noted<()> {
    Noted { value: (), at, words }
}

fn set<T>(list: &mut [T], place: usize, value: T) {
    if let Some(slot) = list.get_mut(place) {
        *slot = value;
    }
}

impl Known {
    /// What the beacon saw of a cold name that fails, if that came there all the same.
    pub fn left_all_the_same(&self) -> Option<&Noted<u32>> {
        let fails = |noted: &Noted<ColdSeen>| {
            matches!(noted.value, ColdSeen::Failed(_) | ColdSeen::Silent | ColdSeen::SilentSoFar)
        };
        let names = self.cold.iter().zip(&self.cold_names).filter(|(noted, _)| noted.as_ref().is_some_and(fails));
        let mut failing = names.filter_map(|(_, name)| name.as_ref());
        let arrived = |name: &DomainName| self.arrived.iter().find(|(arrived, _)| arrived == name);
        failing.find_map(arrived).map(|(_, noted)| noted)
    }

    /// Whether the last good cold answers took far longer than they used to.
    fn is_slow(&self) -> bool {
        const RECENT: usize = 3;
        let times: Vec<Duration> = self.times.iter().copied().collect();
        let Some((before, recent)) = times.split_last_chunk::<RECENT>().filter(|(before, _)| before.len() >= 5) else {
            return false;
        };
        let mut before = before.to_vec();
        before.sort_unstable();
        let usual = before[before.len() * 95 / 100];
        recent.iter().all(|time| *time > Duration::from_secs(1).max(usual * 3))
    }
}

impl<T: Copy> Noted<T> {
    /// The value, unless it is too old to be believed.
    fn fresh(&self, now: Instant) -> Option<T> {
        (now.saturating_duration_since(self.at) <= LIFE).then_some(self.value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cold(seen: ColdSeen, now: Instant) -> Finding {
        let qname = DomainName::parse("n.example.").unwrap();
        Finding::Cold { resolver: 0, parent: 0, qname, asked: now, seen, words: String::new() }
    }

    #[tokio::test(start_paused = true)]
    async fn the_first_answer_ends_what_failures_seemed_to_show() {
        let (mut evidence, now) = (Evidence::new(2, 1), Instant::now());
        evidence.take(cold(ColdSeen::Silent, now), now);
        evidence.take(Finding::FailureEcho { from: 0, to: 0, echo: Echoed::Itself, words: String::new() }, now);
        assert_eq!(evidence.graph(now).cycles(), [[0]]);
        evidence.take(cold(ColdSeen::Answered(Duration::from_millis(7)), now), now);
        assert!(evidence.graph(now).cycles().is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn an_arrival_counts_for_the_name_that_fails_alone() {
        let (mut evidence, now) = (Evidence::new(1, 1), Instant::now());
        for (name, counts) in [("other.example.", false), ("n.example.", true)] {
            let qname = DomainName::parse(name).unwrap();
            evidence.take(Finding::Arrived { resolver: 0, qname, times: 1, words: String::new() }, now);
            evidence.take(cold(ColdSeen::SilentSoFar, now), now);
            assert_eq!(evidence.known[0].left_all_the_same().is_some(), counts, "{name}");
        }
    }
}
