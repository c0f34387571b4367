//! Who handled a question that failed? Names that failed at one resolver, asked at once of another, twice.
//!
//! A resolver that has just failed on a question remembers that for a second (`servfail-ttl`). If it had handled the
//! failing question itself, it answers the first time as quickly as the second. If it had not, but something behind it
//! had, the first answer takes the way there and back, and only the second is quick: that comparison is the control.
//! If it never heard of the question, no quick answer comes at all.
//!
//! Each name is asked again at one place only: a resolver that is asked turns to those behind it, and leaves there what
//! would look like the echo of the failure.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::sleep;

use super::asker::{Heard, OneOff};
use super::finding::{Echoed, Finding};
use super::inquiry::{Inquiry, PATIENCE};
use super::software::Software;
use crate::canary::Kind;
use crate::estate::{DomainName, QueryType};
use crate::wire::Rcode;

/// Names that are let fail at each resolver for each other one.
const NAMES: usize = 6;

/// And for itself: of those, some may be remembered the other way.
const NAMES_FOR_ITSELF: usize = 10;

/// Fewer than this tell nothing.
const FEWEST: usize = 5;

/// Between two of them, so that the budgets of all resolvers suffice for the echoes.
const SPACING: Duration = Duration::from_millis(75);

/// From a failure to the first echo: the servers behind the one that failed first fail a moment later.
const SETTLE: Duration = Duration::from_millis(30);

/// The most packets that all this may send.
const MOST_PACKETS: usize = 560;

/// Longer than any answer from a failure cache takes, and far shorter than it lives.
const QUICK: Duration = Duration::from_millis(300);

/// A first answer that is later than a second one by less than this came from the same place: a packet to another
/// process and back takes longer, even on one machine.
const SAME_PLACE: Duration = Duration::from_micros(35);

/// A first answer that is later than a second one by more than this took the way to another server and back.
const DETOUR: Duration = Duration::from_micros(50);

/// A question that fails faster than this has died on the spot, and its echo would tell nothing.
const INSTANT: Duration = Duration::from_millis(50);

/// One name's echo at one resolver.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sample {
    /// Two failures, after these times.
    Quick(Duration, Duration),
    /// No quick failure.
    None,
    /// A budget was used up: this says nothing.
    NotAsked,
}

/// Lets names fail at each of these resolvers, or at the first of them where they are too many, and asks all for each.
pub async fn run(inquiry: &Arc<Inquiry>, resolvers: &[usize], software: &[Software]) {
    let software: Arc<[Software]> = software.into();
    // A name, a question to wake the server, and two for the name.
    let packets_for_each = 4 * (NAMES * (inquiry.asker.len() - 1) + NAMES_FOR_ITSELF);
    let affordable = (MOST_PACKETS / packets_for_each).max(1);
    let mut tasks = JoinSet::new();
    for from in resolvers.iter().take(affordable) {
        let places = places(*from, &software);
        let takes = SPACING * u32::try_from(places.len()).unwrap_or(u32::MAX);
        tasks.spawn(source(Arc::clone(inquiry), *from, places, Arc::clone(&software)));
        // One after the other, so that their echoes do not meet.
        sleep(takes).await;
    }
    tasks.join_all().await;
}

/// Where each name that fails at `from` is asked again: wherever that tells something, in turn.
fn places(from: usize, software: &[Software]) -> Vec<usize> {
    let names = |to: usize| match (to == from, software[to]) {
        // Its own failure cache tells only where failures with CD are kept apart.
        (true, own) if own.remembers_unchecked_apart() => NAMES_FOR_ITSELF,
        (false, other) if other.remembers_failures() => NAMES,
        (true | false, _) => 0,
    };
    let turns = 0..NAMES.max(NAMES_FOR_ITSELF);
    turns.flat_map(|turn| (0..software.len()).filter(move |to| turn < names(*to))).collect()
}

/// The echoes of names that fail at one resolver, each at its place.
async fn source(inquiry: Arc<Inquiry>, from: usize, places: Vec<usize>, software: Arc<[Software]>) {
    let mut tasks = JoinSet::new();
    for to in places {
        tasks.spawn(name(Arc::clone(&inquiry), from, to));
        sleep(SPACING).await;
    }
    let samples: Vec<(usize, Sample)> = tasks.join_all().await.into_iter().flatten().collect();
    for to in 0..inquiry.asker.len() {
        let of_pair = samples.iter().filter(|(place, sample)| *place == to && *sample != Sample::NotAsked);
        let of_pair: Vec<Sample> = of_pair.map(|(_, sample)| *sample).collect();
        if of_pair.len() < FEWEST {
            continue;
        }
        let echo = believed(judge(&of_pair, to == from), software[to]);
        let words = format!("{} names that failed at it, asked twice: {}", of_pair.len(), in_words(&of_pair));
        inquiry.found(Finding::FailureEcho { from, to, echo, words });
    }
}

/// One name's echo at its place, or nothing when it did not fail slowly.
async fn name(inquiry: Arc<Inquiry>, from: usize, to: usize) -> Option<(usize, Sample)> {
    let (qname, qtype) =
        inquiry.parents.iter().find_map(|parent| inquiry.fresh_name(parent, Kind::FailureEcho, from))?;
    let heard = inquiry.asker.ask(from, &OneOff::new(qname.clone(), qtype, PATIENCE)).await;
    match &heard {
        Heard::Reply(reply, after) if reply.rcode == Rcode::SERVFAIL && *after > INSTANT => {}
        Heard::Reply(..) | Heard::Silence | Heard::Nobody(_) | Heard::NotAsked => return None,
    }
    sleep(SETTLE).await;
    let one_off = OneOff::new(qname, qtype, QUICK);
    // Others are asked without CD, which finds every failure they remember. The source is asked with CD, which does not
    // find what it remembers of the question it was asked itself, but what came back to it: BIND forwards with CD.
    Some((to, twice(&inquiry, to, &if to == from { one_off.unchecked() } else { one_off }).await))
}

/// A first question, for the root from its own memory, wakes the server, which would otherwise lend the first answer a
/// delay of its own. (Not one of the CHAOS class: BIND answers three of those a second, and no more.)
async fn twice(inquiry: &Inquiry, to: usize, one_off: &OneOff) -> Sample {
    let root = DomainName::parse(".").expect("a fixed name");
    inquiry.asker.ask_now(to, &OneOff::new(root, QueryType::Ns, QUICK).without_recursion()).await;
    let mut times = [Duration::ZERO; 2];
    for time in &mut times {
        match inquiry.asker.ask_now(to, one_off).await {
            Heard::Reply(reply, after) if reply.rcode == Rcode::SERVFAIL => *time = after,
            Heard::NotAsked => return Sample::NotAsked,
            Heard::Reply(..) | Heard::Silence | Heard::Nobody(_) => return Sample::None,
        }
    }
    Sample::Quick(times[0], times[1])
}

/// What is believed of that, of a server with this software: not all of them show by their times what is not so.
const fn believed(echo: Echoed, software: Software) -> Echoed {
    match echo {
        Echoed::Never if !software.never_forgets_failures() => Echoed::Unclear,
        Echoed::Behind if !software.shows_detours() => Echoed::Unclear,
        Echoed::Itself | Echoed::Behind | Echoed::Never | Echoed::Unclear => echo,
    }
}

/// What the samples of one pair say.
///
/// A busy machine makes answers later, never earlier; so it is the quick ones that are compared, and where even those of
/// the second answers are far apart, nothing is said. Of others either all names are remembered or none; `own` questions
/// that came back, with CD, may be forgotten over those that went out, without: whichever failed last is remembered.
fn judge(samples: &[Sample], own: bool) -> Echoed {
    let (first, second) = times(samples);
    let quick = first.len();
    let enough = if own { samples.len() * 3 / 10 } else { samples.len() * 4 / 5 };
    if samples.len() < FEWEST || (quick * 5 > samples.len() && quick < enough.max(1)) {
        return Echoed::Unclear;
    }
    let (Some(fastest), Some(usual)) = (second.first(), quartile(&second)) else { return Echoed::Never };
    if quick * 5 <= samples.len() {
        return Echoed::Never;
    }
    let later = quartile(&first).unwrap_or_default().saturating_sub(usual);
    if usual.saturating_sub(*fastest) > DETOUR {
        Echoed::Unclear
    } else if later <= SAME_PLACE {
        Echoed::Itself
    } else if later >= DETOUR {
        Echoed::Behind
    } else {
        Echoed::Unclear
    }
}

/// The times of first and of second answers, each sorted.
fn times(samples: &[Sample]) -> (Vec<Duration>, Vec<Duration>) {
    let quick = samples.iter().filter_map(|sample| match sample {
        Sample::Quick(first, second) => Some((*first, *second)),
        Sample::None | Sample::NotAsked => None,
    });
    let (mut first, mut second): (Vec<Duration>, Vec<Duration>) = quick.unzip();
    first.sort_unstable();
    second.sort_unstable();
    (first, second)
}

/// The time that a quarter of the answers stay below.
fn quartile(sorted: &[Duration]) -> Option<Duration> {
    sorted.get(sorted.len() / 4).copied()
}

fn in_words(samples: &[Sample]) -> String {
    let (first, second) = times(samples);
    let millis = |sorted: &[Duration]| quartile(sorted).unwrap_or_default().as_secs_f64() * 1000.0;
    if first.is_empty() {
        return "no quick failure".to_owned();
    }
    format!(
        "{} quick failures, the quicker ones within {:.3} ms the first time and {:.3} ms the second",
        first.len(),
        millis(&first),
        millis(&second)
    )
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
        assert_eq!(judge(&samples(10, 0, 236, 43), false), Echoed::Behind, "shared broken upstream");
        assert_eq!(judge(&samples(10, 0, 148, 68), false), Echoed::Behind, "the same with PowerDNS");
        assert_eq!(judge(&samples(10, 0, 31, 24), false), Echoed::Itself, "chain, seen from its head");
        assert_eq!(judge(&samples(10, 0, 24, 23), false), Echoed::Itself, "ring");
        assert_eq!(judge(&samples(0, 10, 0, 0), false), Echoed::Never, "terminal");
        let mut noisy = samples(4, 0, 26, 24);
        noisy.extend(samples(6, 0, 500, 40));
        assert_eq!(judge(&noisy, false), Echoed::Itself, "delays of a busy machine take nothing from the quick ones");
    }

    #[test]
    fn times_tell_no_more_than_the_software_lets_them() {
        assert_eq!(believed(Echoed::Behind, Software::Bind), Echoed::Behind);
        assert_eq!(believed(Echoed::Behind, Software::PowerDns), Echoed::Unclear, "its first answer takes long anyway");
        assert_eq!(believed(Echoed::Never, Software::PowerDns), Echoed::Never);
        assert_eq!(believed(Echoed::Never, Software::Unknown), Echoed::Unclear, "it may not remember failures at all");
        assert_eq!(believed(Echoed::Itself, Software::Unknown), Echoed::Itself);
    }

    #[test]
    fn every_name_is_asked_again_at_one_place_where_that_tells_something() {
        let software = [Software::Bind, Software::PowerDns, Software::Unbound, Software::Unknown];
        let count = |from: usize, to: usize| places(from, &software).iter().filter(|place| **place == to).count();
        assert_eq!([0, 1, 2, 3].map(|to| count(0, to)), [NAMES_FOR_ITSELF, NAMES, 0, NAMES]);
        assert_eq!([0, 1, 2, 3].map(|to| count(1, to)), [NAMES, 0, 0, NAMES]);
    }

    #[test]
    fn where_samples_disagree_nothing_is_said() {
        let mut busy = samples(2, 0, 24, 23);
        busy.extend(samples(8, 0, 300, 290));
        assert_eq!(judge(&busy, false), Echoed::Unclear, "a machine too busy to tell");
        assert_eq!(judge(&samples(5, 5, 24, 23), false), Echoed::Unclear);
        assert_eq!(judge(&samples(5, 5, 24, 23), true), Echoed::Itself, "half of its own questions, back with CD");
        assert_eq!(judge(&samples(5, 5, 230, 23), true), Echoed::Behind, "and half of those that ended further on");
        assert_eq!(judge(&samples(3, 0, 24, 23), false), Echoed::Unclear, "too few");
    }
}
