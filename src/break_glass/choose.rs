//! Which answer is written where resolvers differ: the freshest, those of the prober's own datacenter first.

use std::cmp::Reverse;

use super::{Entry, Verified};

/// What is written of one name.
#[derive(Debug)]
pub(super) struct Choice<'a> {
    /// The answer that is written.
    pub(super) chosen: &'a Verified,
    /// How many resolvers last answered the same, the chosen one included.
    pub(super) agree: usize,
    /// Other answers, each by whoever gave it last.
    pub(super) others: Vec<&'a Verified>,
}

/// The choice among the answers of a name; nothing when there is none.
pub(super) fn choose<'a>(entry: &'a Entry, vantage: &str) -> Option<Choice<'a>> {
    let mut answers: Vec<&Verified> = entry.answers.iter().collect();
    answers.sort_by_key(|answer| (answer.datacenter != vantage, Reverse(answer.at)));
    let chosen = *answers.first()?;
    let mut others: Vec<&Verified> = Vec::new();
    for answer in &answers {
        let is_known = |known: &Verified| known.addresses == answer.addresses;
        if !is_known(chosen) && !others.iter().any(|other| is_known(other)) {
            others.push(answer);
        }
    }
    let agree = answers.iter().filter(|answer| answer.addresses == chosen.addresses).count();
    Some(Choice { chosen, agree, others })
}
