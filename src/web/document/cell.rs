//! A cell of the matrix: all names of one class at one resolver.

use std::cmp::Reverse;
use std::time::SystemTime;

use serde::Serialize;
use utoipa::ToSchema;

use super::NameStatus;
use crate::outcome::Outcome;
use crate::rfc3339;

/// What the last probes of one class at one resolver amount to.
#[derive(Debug, PartialEq, Serialize, ToSchema)]
pub(in crate::web) struct Cell<'a> {
    pub(in crate::web) class: &'a str,
    /// The outcome of most probes that failed; `ok` when all are; nothing before the first probe.
    pub(in crate::web) outcome: Option<Outcome>,
    /// How many targets saw that.
    pub(in crate::web) count: usize,
    /// Of how many.
    pub(in crate::web) targets: usize,
    /// Since when: the first of those that fail so, the last of those that went well.
    #[serde(with = "rfc3339::option")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub(in crate::web) since: Option<SystemTime>,
    /// When a name of the class was last answered as it should be.
    #[serde(with = "rfc3339::option")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub(in crate::web) last_success: Option<SystemTime>,
}

impl<'a> Cell<'a> {
    /// The names of one class.
    pub(super) fn of(class: &'a str, names: &[&NameStatus<'a>]) -> Self {
        let count = |outcome: Outcome| names.iter().filter(|name| name.result == Some(outcome)).count();
        // What the prober did to itself says less than anything else that failed, and all else more than `ok`.
        let weight = |outcome: &Outcome| (*outcome != Outcome::Ok, *outcome != Outcome::InternalError, count(*outcome));
        let seen = Outcome::ALL.into_iter().filter(|outcome| count(*outcome) > 0);
        let outcome = seen.max_by_key(|outcome| (weight(outcome), Reverse(outcome.index())));
        let since = names.iter().filter(|name| name.result == outcome).filter_map(|name| name.since);
        Self {
            class,
            outcome,
            count: outcome.map_or(0, count),
            targets: names.len(),
            since: if outcome == Some(Outcome::Ok) { since.max() } else { since.min() },
            last_success: names.iter().filter_map(|name| name.last_success).max(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;

    fn at(second: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(second)
    }

    fn name(result: Option<Outcome>, since: u64) -> NameStatus<'static> {
        NameStatus {
            name: "n",
            class: "c",
            transport: "udp",
            qname: "n.",
            qtype: "A",
            recursion_desired: true,
            result,
            since: result.map(|_| at(since)),
            last_probe: None,
            last_success: Some(at(since + 1)),
            duration_seconds: None,
            answer_ttl_seconds: None,
            runway_seconds: None,
            runway_method: None,
            results: BTreeMap::new(),
            replies: None,
        }
    }

    fn cell(names: &[(Option<Outcome>, u64)]) -> (Option<Outcome>, usize, Option<SystemTime>) {
        let names: Vec<NameStatus<'_>> = names.iter().map(|(result, since)| name(*result, *since)).collect();
        let cell = Cell::of("c", &names.iter().collect::<Vec<_>>());
        (cell.outcome, cell.count, cell.since)
    }

    #[test]
    fn a_cell_says_what_fails_most_and_since_when() {
        use Outcome::{InternalError, Ok, Servfail, Timeout};
        let cases = [
            (vec![(None, 0)], (None, 0, None)),
            (vec![(Some(Ok), 3), (Some(Ok), 7), (None, 0)], (Some(Ok), 2, Some(at(7)))),
            (
                vec![(Some(Ok), 1), (Some(Ok), 1), (Some(Timeout), 9), (Some(Timeout), 5)],
                (Some(Timeout), 2, Some(at(5))),
            ),
            (vec![(Some(Timeout), 9), (Some(Servfail), 5)], (Some(Servfail), 1, Some(at(5)))),
            (
                vec![(Some(InternalError), 1), (Some(InternalError), 1), (Some(Servfail), 5)],
                (Some(Servfail), 1, Some(at(5))),
            ),
            (vec![(Some(InternalError), 1), (Some(Ok), 5)], (Some(InternalError), 1, Some(at(1)))),
        ];
        for (names, expected) in cases {
            assert_eq!(cell(&names), expected, "{names:?}");
        }
    }
}
