//! When and how names are asked: `[defaults]`, and what a name says in their place.

use std::time::Duration;

use super::super::given::{At, Given, List};
use super::super::problem::Report;
use super::super::spec::{DefaultsSpec, NameSpec};
use super::super::values::{Flag, Interval, Patience, Timeout};
use crate::estate::{Asking, Transport};

/// What holds where nothing else is said.
pub(super) struct Defaults {
    pub(super) asking: Asking,
    /// Packets a second to one resolver.
    pub(super) packets_per_second: u32,
}

/// The keys that `[defaults]` and `[[name]]` share.
struct Keys<'a> {
    interval: &'a Given<Interval>,
    timeout: &'a Given<Timeout>,
    patience: &'a Given<Patience>,
    transports: &'a Given<List<Transport>>,
    mixed_case: &'a Given<Flag>,
}

pub(super) fn defaults(spec: &DefaultsSpec, report: &Report) -> Defaults {
    let built_in = Asking {
        interval: Duration::from_secs(10),
        timeout: Duration::from_secs(2),
        patience: Duration::from_secs(12),
        transports: vec![Transport::Udp],
        mixed_case: true,
    };
    let keys = Keys {
        interval: &spec.interval,
        timeout: &spec.timeout,
        patience: &spec.patience,
        transports: &spec.transports,
        mixed_case: &spec.mixed_case,
    };
    Defaults {
        asking: keys.over(&built_in, report),
        packets_per_second: spec.packets_per_second.value().map_or(50, |rate| rate.0),
    }
}

pub(super) fn of_name(spec: &NameSpec, defaults: &Asking, report: &Report) -> Asking {
    let keys = Keys {
        interval: &spec.interval,
        timeout: &spec.timeout,
        patience: &spec.patience,
        transports: &spec.transports,
        mixed_case: &spec.mixed_case,
    };
    keys.over(defaults, report)
}

impl Keys<'_> {
    /// What is said here, and what is said elsewhere for the rest.
    fn over(&self, elsewhere: &Asking, report: &Report) -> Asking {
        let asking = Asking {
            interval: self.interval.value().map_or(elsewhere.interval, |given| given.0),
            timeout: self.timeout.value().map_or(elsewhere.timeout, |given| given.0),
            patience: self.patience.value().map_or(elsewhere.patience, |given| given.0),
            transports: self
                .transports
                .given()
                .map_or_else(|| elsewhere.transports.clone(), |at| transports(at, report)),
            mixed_case: self.mixed_case.value().map_or(elsewhere.mixed_case, |given| given.0),
        };
        self.check_order(&asking, report);
        asking
    }

    /// Timeout within interval, patience no shorter than timeout. Noted where it was said; what was said elsewhere is
    /// noted there.
    fn check_order(&self, asking: &Asking, report: &Report) {
        let [interval, timeout, patience] =
            [asking.interval, asking.timeout, asking.patience].map(humantime::format_duration);
        if asking.timeout > asking.interval {
            if let Some(at) = self.timeout.given() {
                report.mistake(
                    &at.place,
                    format!("found {timeout}"),
                    format!("at most the interval, which is {interval}"),
                );
            } else if let Some(at) = self.interval.given() {
                report.mistake(
                    &at.place,
                    format!("found {interval}"),
                    format!("at least the timeout, which is {timeout}"),
                );
            }
        }
        if asking.patience < asking.timeout {
            if let Some(at) = self.patience.given() {
                report.mistake(
                    &at.place,
                    format!("found {patience}"),
                    format!("at least the timeout, which is {timeout}"),
                );
            } else if let Some(at) = self.timeout.given() {
                report.mistake(
                    &at.place,
                    format!("found {timeout}"),
                    format!("at most the patience, which is {patience}"),
                );
            }
        }
    }
}

fn transports(at: &At<List<Transport>>, report: &Report) -> Vec<Transport> {
    let mut transports: Vec<Transport> = Vec::new();
    if at.is_empty() {
        report.mistake(&at.place, "found an empty list", "\"udp\", \"tcp\" or both");
    }
    for transport in at.good() {
        if transports.contains(&transport.value) {
            report.mistake(&transport.place, format!("found \"{}\" twice", transport.as_str()), "once");
        } else {
            transports.push(transport.value);
        }
    }
    transports
}
