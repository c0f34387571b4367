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
use crate::estate::{DomainName, QueryType};
use crate::wire::Rcode;

/// Names that are let fail at each resolver.
const NAMES: u32 = 10;

/// Between two of them, so that the budgets of all resolvers suffice for the echoes.
const SPACING: Duration = Duration::from_millis(200);

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
    let packets_for_each = NAMES as usize * (1 + 3 * inquiry.asker.len());
    let affordable = (MOST_PACKETS / packets_for_each).max(1);
    let mut tasks = JoinSet::new();
    for from in resolvers.iter().take(affordable) {
        tasks.spawn(source(Arc::clone(inquiry), *from, Arc::clone(&software)));
        // One after the other, so that their echoes do not meet.
        sleep(SPACING * NAMES).await;
    }
    tasks.join_all().await;
}

/// The echoes of names that fail at one resolver, at every resolver.
async fn source(inquiry: Arc<Inquiry>, from: usize, software: Arc<[Software]>) {
    let mut tasks = JoinSet::new();
    for _ in 0..NAMES {
        tasks.spawn(name(Arc::clone(&inquiry), from));
        sleep(SPACING).await;
    }
    let samples: Vec<Vec<Sample>> = tasks.join_all().await.into_iter().flatten().collect();
    if samples.len() < NAMES as usize / 2 {
        return;
    }
    // Its own failure cache tells only where failures with CD are kept apart.
    let tells =
        |to: &usize| software[*to].remembers_failures() && (*to != from || software[from].remembers_unchecked_apart());
    for to in (0..inquiry.asker.len()).filter(tells) {
        let of_pair: Vec<Sample> =
            samples.iter().map(|sample| sample[to]).filter(|sample| *sample != Sample::NotAsked).collect();
        let echo = believed(judge(&of_pair, to == from), software[to]);
        let words = format!("{} names that failed at it, asked twice: {}", of_pair.len(), in_words(&of_pair));
        inquiry.found(Finding::FailureEcho { from, to, echo, words });
    }
}

/// One name's echo at every resolver, or nothing when it did not fail slowly.
async fn name(inquiry: Arc<Inquiry>, from: usize) -> Option<Vec<Sample>> {
    let (qname, qtype) =
        inquiry.parents.iter().find_map(|parent| inquiry.fresh_name(parent, Kind::FailureEcho, from))?;
    let heard = inquiry.asker.ask(from, &OneOff::new(qname.clone(), qtype, PATIENCE)).await;
    match &heard {
        Heard::Reply(reply, after) if reply.rcode == Rcode::SERVFAIL && *after > INSTANT => {}
        Heard::Reply(..) | Heard::Silence | Heard::Nobody(_) | Heard::NotAsked => return None,
    }
    sleep(SETTLE).await;
    let mut samples = Vec::new();
    for to in 0..inquiry.asker.len() {
        let one_off = OneOff::new(qname.clone(), qtype, QUICK);
        // Others are asked without CD, which finds every failure they remember. The source is asked with CD, which does
        // not find what it remembers of the question it was asked itself, but what came back to it: BIND forwards with CD.
        samples.push(twice(&inquiry, to, &if to == from { one_off.unchecked() } else { one_off }).await);
    }
    Some(samples)
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
    if samples.len() < NAMES as usize / 2 || (quick * 5 > samples.len() && quick < enough.max(1)) {
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
