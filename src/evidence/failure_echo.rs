//! Who handled a question that failed? Names that failed at one resolver, asked at once of another, twice.
//!
//! A resolver that has just failed on a question remembers that for a second (`servfail-ttl`). If it had handled the
//! failing question itself, it answers the first time as quickly as the second. If it had not, but something behind it
//! had, the first answer takes the way there and back, and only the second is quick: that comparison is the control.
//! If it never heard of the question, no quick answer comes at all.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::sleep;

use super::asker::{Heard, OneOff};
use super::finding::{Echoed, Finding};
use super::inquiry::{Inquiry, PATIENCE};
use super::software::Software;
use crate::canary::Kind;
use crate::wire::Rcode;

/// Names that are let fail at each resolver.
const NAMES: usize = 15;

/// Between two of them, so that the budgets of all resolvers suffice for the echoes.
const SPACING: Duration = Duration::from_millis(180);

/// Longer than any answer from a failure cache takes, and far shorter than it lives.
const QUICK: Duration = Duration::from_millis(300);

/// By how much a first answer has to be later than a second one to have come from behind: a good part of the shortest way
/// to another process and back.
const DETOUR: Duration = Duration::from_micros(25);

/// A question that fails faster than this has died on the spot, and its echo would tell nothing.
const INSTANT: Duration = Duration::from_millis(50);

/// One name's echo at one resolver.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sample {
    /// Two failures, after these times.
    Quick(Duration, Duration),
    /// No quick failure.
    None,
}

/// Lets names fail at each of these resolvers, and asks all of them for each.
pub async fn run(inquiry: &Arc<Inquiry>, resolvers: &[usize], software: &[Software]) {
    let software: Arc<[Software]> = software.into();
    let mut tasks = JoinSet::new();
    for from in resolvers {
        tasks.spawn(source(Arc::clone(inquiry), *from, Arc::clone(&software)));
    }
    tasks.join_all().await;
}

/// The echoes of names that fail at one resolver, at every resolver.
async fn source(inquiry: Arc<Inquiry>, from: usize, software: Arc<[Software]>) {
    let mut tasks = JoinSet::new();
    for _ in 0..NAMES {
        tasks.spawn(name(Arc::clone(&inquiry), from, Arc::clone(&software)));
        sleep(SPACING).await;
    }
    let samples: Vec<Vec<Sample>> = tasks.join_all().await.into_iter().flatten().collect();
    if samples.len() < NAMES / 2 {
        return;
    }
    // Its own failure cache tells only where failures with CD are kept apart: what is found there came back to it.
    let tells =
        |to: &usize| software[*to].remembers_failures() && (*to != from || software[from].remembers_unchecked_apart());
    for to in (0..inquiry.asker.len()).filter(tells) {
        let of_pair: Vec<Sample> = samples.iter().filter_map(|sample| sample.get(to).copied()).collect();
        let echo = judge(&of_pair);
        let words = format!("{} names that failed at it, asked twice: {}", of_pair.len(), in_words(&of_pair));
        inquiry.found(Finding::FailureEcho { from, to, echo, words });
    }
}

/// One name's echo at every resolver, or nothing when it did not fail slowly.
async fn name(inquiry: Arc<Inquiry>, from: usize, software: Arc<[Software]>) -> Option<Vec<Sample>> {
    let (qname, qtype) =
        inquiry.parents.iter().find_map(|parent| inquiry.fresh_name(parent, Kind::FailureEcho, from))?;
    let heard = inquiry.asker.ask(from, &OneOff::new(qname.clone(), qtype, PATIENCE)).await;
    match &heard {
        Heard::Reply(reply, after) if reply.rcode == Rcode::SERVFAIL && *after > INSTANT => {}
        Heard::Reply(..) | Heard::Silence | Heard::Nobody(_) | Heard::NotAsked => return None,
    }
    let mut samples = Vec::new();
    for to in 0..inquiry.asker.len() {
        let mut one_off = OneOff::new(qname.clone(), qtype, QUICK);
        one_off.question.checking_disabled = software[to].remembers_unchecked_apart();
        samples.push(twice(&inquiry, to, &one_off).await);
    }
    Some(samples)
}

async fn twice(inquiry: &Inquiry, to: usize, one_off: &OneOff) -> Sample {
    let mut times = [Duration::ZERO; 2];
    for time in &mut times {
        match inquiry.asker.ask_now(to, one_off).await {
            Heard::Reply(reply, after) if reply.rcode == Rcode::SERVFAIL => *time = after,
            Heard::Reply(..) | Heard::Silence | Heard::Nobody(_) | Heard::NotAsked => return Sample::None,
        }
    }
    Sample::Quick(times[0], times[1])
}

/// What the samples of one pair say. Where they do not agree, nothing: a busy machine delays now the one answer, now
/// the other.
fn judge(samples: &[Sample]) -> Echoed {
    let quick: Vec<bool> = samples
        .iter()
        .filter_map(|sample| match sample {
            Sample::Quick(first, second) => Some(*first > *second + DETOUR),
            Sample::None => None,
        })
        .collect();
    let detours = quick.iter().filter(|detour| **detour).count();
    if samples.len() < NAMES / 2 {
        Echoed::Unclear
    } else if quick.len() * 5 <= samples.len() {
        Echoed::Never
    } else if quick.len() * 5 < samples.len() * 4 {
        Echoed::Unclear
    } else if detours * 4 <= quick.len() {
        Echoed::Itself
    } else if detours * 4 >= quick.len() * 3 {
        Echoed::Behind
    } else {
        Echoed::Unclear
    }
}

fn in_words(samples: &[Sample]) -> String {
    let median = |which: fn(&Sample) -> Option<Duration>| {
        let mut times: Vec<Duration> = samples.iter().filter_map(which).collect();
        times.sort_unstable();
        times.get(times.len() / 2).map_or(0.0, |time| time.as_secs_f64() * 1000.0)
    };
    let first = median(|sample| if let Sample::Quick(first, _) = sample { Some(*first) } else { None });
    let second = median(|sample| if let Sample::Quick(_, second) = sample { Some(*second) } else { None });
    let quick = samples.iter().filter(|sample| **sample != Sample::None).count();
    format!("{quick} quick failures, median {first:.3} ms the first time and {second:.3} ms the second")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn samples(quick: usize, none: usize, first: u64, second: u64) -> Vec<Sample> {
        let micros = Duration::from_micros;
        let mut all = vec![Sample::Quick(micros(first), micros(second)); quick];
        all.extend(vec![Sample::None; none]);
        all
    }

    #[test]
    fn the_times_measured_with_real_servers_are_told_apart() {
        assert_eq!(judge(&samples(15, 0, 236, 43)), Echoed::Behind, "shared broken upstream");
        assert_eq!(judge(&samples(15, 0, 148, 68)), Echoed::Behind, "the same with PowerDNS");
        assert_eq!(judge(&samples(15, 0, 31, 24)), Echoed::Itself, "chain, seen from its head");
        assert_eq!(judge(&samples(15, 0, 24, 23)), Echoed::Itself, "ring");
        assert_eq!(judge(&samples(0, 15, 0, 0)), Echoed::Never, "terminal");
    }

    #[test]
    fn where_samples_disagree_nothing_is_said() {
        let mut mixed = samples(8, 0, 236, 43);
        mixed.extend(samples(7, 0, 24, 23));
        assert_eq!(judge(&mixed), Echoed::Unclear);
        assert_eq!(judge(&samples(8, 7, 24, 23)), Echoed::Unclear);
        assert_eq!(judge(&samples(3, 0, 24, 23)), Echoed::Unclear, "too few");
    }
}
