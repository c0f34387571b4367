//! The incident, told stage by stage as the prober sees it.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::time::{Instant, sleep};

use super::super::{UsageError, print};
use super::table::{self, Row};
use crate::board::{Board, Snapshot};
use crate::estate::Cluster;
use crate::lab::{Incident, Stage};
use crate::outcome::Outcome;
use crate::plan::Purpose;
use crate::report::ClusterReport;
use crate::verdict::{ClusterState, Confidence, Verdict};

/// How often the board is looked at.
const GLANCE: Duration = Duration::from_millis(100);

/// The longest line, in characters.
const LINE: usize = 100;

/// One stage of the story.
struct Chapter {
    word: &'static str,
    stage: Stage,
    /// What happens to whom.
    happens: &'static str,
    /// What to see when it is over.
    until: fn(&Scene<'_>) -> bool,
    /// It is over after this time, seen or not.
    at_most: Duration,
}

/// What there is to see at one moment.
struct Scene<'a> {
    snapshot: &'a Snapshot,
    report: Option<&'a ClusterReport>,
}

const CHAPTERS: [Chapter; 6] = [
    Chapter {
        word: "0",
        stage: Stage::Healthy,
        happens: "Four resolvers, each with its own way out. All is well.",
        until: |scene| scene.all_ok() && scene.exits(4) && scene.is_healthy(),
        at_most: Duration::from_secs(10),
    },
    Chapter {
        word: "1",
        stage: Stage::FirstRebuilt,
        happens: "ns1 is rebuilt. A set-up flag gives it ns2 as its forwarder. Every lookup still works.",
        until: |scene| scene.exits(3),
        at_most: Duration::from_secs(10),
    },
    Chapter {
        word: "2",
        stage: Stage::SecondRebuilt,
        happens: "ns2 is rebuilt the same way, and forwards to ns3. Every lookup still works.",
        until: |scene| scene.exits(2),
        at_most: Duration::from_secs(10),
    },
    Chapter {
        word: "3",
        stage: Stage::LastExit,
        happens: "ns3 is rebuilt, and forwards to ns4: the last way out. Every lookup still works.",
        until: |scene| scene.exits(1),
        at_most: Duration::from_secs(10),
    },
    Chapter {
        word: "4",
        stage: Stage::Loop,
        happens: "ns4 is rebuilt, and forwards to ns1. The circle is closed: only caches answer, until they run out.",
        until: |scene| scene.all_outside_loops(),
        at_most: Duration::from_secs(26),
    },
    Chapter {
        word: "fix",
        stage: Stage::Healthy,
        happens: "Somebody gives the four their own way out back.",
        until: |scene| scene.all_ok() && scene.exits(4) && scene.is_healthy(),
        at_most: Duration::from_secs(25),
    },
];

/// The teller.
pub(super) struct Story {
    board: Arc<Board>,
    incident: Incident,
    cluster: Arc<Cluster>,
    http: SocketAddr,
    started: Instant,
    /// The least time for a chapter, so that people can follow.
    at_least: Duration,
    told: Told,
}

/// What was said last, so that only news is told.
#[derive(Default)]
struct Told {
    state: Option<ClusterState>,
    exits: Option<usize>,
    verdicts: Vec<(Verdict, Confidence)>,
    outcomes: BTreeSet<(String, Outcome)>,
    /// When the chapter began: what was asked before is not its news.
    since: Option<SystemTime>,
}

impl Story {
    pub(super) fn new(
        board: Arc<Board>,
        incident: Incident,
        cluster: Arc<Cluster>,
        http: SocketAddr,
        once: bool,
    ) -> Self {
        let at_least = if once { Duration::from_secs(2) } else { Duration::from_secs(6) };
        Self { board, incident, cluster, http, started: Instant::now(), at_least, told: Told::default() }
    }

    /// Tells it from the first chapter to the last, and ends with the table.
    pub(super) async fn tell(&mut self) -> Result<(), UsageError> {
        self.say(&format!(
            "Fathom watches {} (simulated, on loopback). Meanwhile: curl http://{}/metrics",
            self.cluster.name, self.http
        ))?;
        let mut rows = Vec::new();
        for chapter in &CHAPTERS {
            rows.push(self.tell_chapter(chapter).await?);
        }
        print(&format!("\n{}", table::render(&rows)))?;
        Ok(())
    }

    async fn tell_chapter(&mut self, chapter: &Chapter) -> Result<Row, UsageError> {
        print(&format!("\nStage {}  {}\n", chapter.word, chapter.happens))?;
        self.incident.enter(chapter.stage);
        self.told.outcomes.clear();
        self.told.since = Some(SystemTime::now());
        let began = Instant::now();
        let mut board_is_fresh = false;
        loop {
            sleep(GLANCE).await;
            let snapshot = self.board.snapshot();
            let report = snapshot.reports.iter().find(|report| report.cluster.name == self.cluster.name).cloned();
            self.tell_news(&snapshot, report.as_deref())?;
            let scene = Scene { snapshot: &snapshot, report: report.as_deref() };
            // What was seen before this stage proves nothing about it: every name has to be asked once more.
            board_is_fresh |= began.elapsed() >= super::INTERVAL + super::TIMEOUT;
            let over = board_is_fresh && began.elapsed() >= self.at_least && (chapter.until)(&scene);
            if over || began.elapsed() >= chapter.at_most {
                return Ok(Row::of(chapter.word, &snapshot, report.as_deref()));
            }
        }
    }

    /// What changed since the last look: verdicts, the cluster's state, and the first of each kind of outcome.
    fn tell_news(&mut self, snapshot: &Snapshot, report: Option<&ClusterReport>) -> Result<(), UsageError> {
        let mut news = Vec::new();
        for (target, state) in &snapshot.targets {
            let Some(last) = state.last.filter(|_| target.purpose == Purpose::Name) else { continue };
            let class = target.name.class.to_string();
            let is_of_this_chapter = self.told.since.is_none_or(|since| last.at >= since);
            if is_of_this_chapter && last.outcome != Outcome::Ok && self.told.outcomes.insert((class, last.outcome)) {
                let (resolver, name) = (&target.resolver.name, &target.name.id);
                news.push(format!("{resolver} sees {} for {name} ({})", last.outcome, target.name.class));
            }
        }
        if let Some(report) = report {
            news.extend(self.told.of_report(report));
        }
        news.iter().try_for_each(|line| self.say(line))
    }

    fn say(&self, line: &str) -> Result<(), UsageError> {
        let time = format!("  {:>5.1} s  ", self.started.elapsed().as_secs_f32());
        print(&wrapped(&time, line)).map(|_| ())
    }
}

/// The text after its head, in lines of a readable length that begin below one another.
fn wrapped(head: &str, text: &str) -> String {
    let mut out = head.to_owned();
    let mut column = head.len();
    for (place, word) in text.split(' ').enumerate() {
        if place > 0 && column + 1 + word.len() > LINE {
            out.push('\n');
            out.push_str(&" ".repeat(head.len()));
            column = head.len();
        } else if place > 0 {
            out.push(' ');
            column += 1;
        }
        out.push_str(word);
        column += word.len();
    }
    out + "\n"
}

impl Told {
    /// Verdicts and the cluster's state, where they changed. What is said of several at once is said once.
    fn of_report(&mut self, report: &ClusterReport) -> Vec<String> {
        self.verdicts.resize(report.resolvers.len(), (Verdict::Unknown, Confidence::None));
        let mut said: Vec<(String, Vec<&str>, &str)> = Vec::new();
        for (place, assessment) in report.resolvers.iter().enumerate() {
            let verdict = (assessment.verdict, assessment.confidence);
            if std::mem::replace(&mut self.verdicts[place], verdict) == verdict {
                continue;
            }
            let words = format!("{} ({})", assessment.verdict.as_str(), assessment.confidence.as_str());
            let (name, sentence) = (report.name(place).as_str(), assessment.sentence.as_str());
            match said.iter_mut().find(|(of, _, saying)| *of == words && *saying == sentence) {
                Some((_, names, _)) => names.push(name),
                None => said.push((words, vec![name], sentence)),
            }
        }
        let mut news: Vec<String> =
            said.iter().map(|(words, names, sentence)| format!("{} {words}: {sentence}", names.join(", "))).collect();
        let state_is_new = self.state.replace(report.state) != Some(report.state);
        let exits_are_new = std::mem::replace(&mut self.exits, report.independent_exits) != report.independent_exits;
        if (state_is_new || exits_are_new) && report.state != ClusterState::Unknown {
            let (cluster, state) = (&report.cluster.name, report.state.as_str());
            let is_said = said.iter().any(|(_, _, sentence)| *sentence == report.sentence);
            let sentence = if is_said { String::new() } else { format!(" {}", report.sentence) };
            let exits = report.independent_exits.map_or(String::new(), |exits| format!(", exits left: {exits}"));
            news.push(format!("{cluster} is {state}{exits}.{sentence}"));
        }
        news
    }
}

impl Scene<'_> {
    fn outcomes(&self) -> impl Iterator<Item = (bool, Option<Outcome>)> {
        let names = self.snapshot.targets.iter().filter(|(target, _)| target.purpose == Purpose::Name);
        names.map(|(target, state)| (target.needs_recursion, state.last.map(|last| last.outcome)))
    }

    fn all_ok(&self) -> bool {
        self.outcomes().all(|(_, outcome)| outcome == Some(Outcome::Ok))
    }

    /// Every name from outside fails at every resolver, and is known to fail for the loop.
    fn all_outside_loops(&self) -> bool {
        let mut outside = self.outcomes().filter(|(outside, _)| *outside);
        outside.all(|(_, outcome)| outcome == Some(Outcome::LoopSuspected))
    }

    fn is_healthy(&self) -> bool {
        self.report.is_some_and(|report| report.state == ClusterState::Healthy)
    }

    fn exits(&self, wanted: usize) -> bool {
        self.report.is_some_and(|report| report.independent_exits == Some(wanted))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_lines_go_on_below_their_text() {
        let text = wrapped("  1.0 s  ", &"word ".repeat(30));
        assert!(text.lines().all(|line| line.len() <= LINE) && text.lines().count() == 2, "{text}");
        assert!(text.lines().nth(1).is_some_and(|line| line.starts_with("         word")), "{text}");
    }
}
