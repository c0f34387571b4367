//! A moment's state as metric families: what each metric of the catalogue is now.

use std::time::{SystemTime, UNIX_EPOCH};

use prometheus::proto;

use super::catalogue::{Kind, Metric};
use super::{Moment, paths};
use crate::beacon::{QueryResult, Tally};
use crate::board::{ResolverView, TargetState};
use crate::estate::Label;
use crate::histogram::{ANSWER_BOUNDS, Histogram, LAG_BOUNDS};
use crate::journal::entry::Kind as EntryKind;
use crate::outcome::Outcome;
use crate::plan::{Purpose, Target};
use crate::report::ClusterReport;
use crate::schedule::Skip;
use crate::verdict::{Confidence, Verdict};
use crate::wire::Stray;

/// The samples of one metric.
pub(super) struct Samples<'a> {
    labels: &'static [&'static str],
    constant: &'a [proto::LabelPair],
    metrics: Vec<proto::Metric>,
}

/// The family of one metric at this moment; empty while it has no series.
pub(super) fn family(metric: Metric, moment: &Moment, constant: &[proto::LabelPair]) -> proto::MetricFamily {
    family_of(metric, constant, |samples| fill(metric, moment, samples))
}

/// What a beacon without a prober around it has to show.
pub(super) fn beacon_families(tally: &Tally, constant: &[proto::LabelPair]) -> [proto::MetricFamily; 2] {
    [
        family_of(Metric::BeaconQueries, constant, |samples| beacon_queries(tally, samples)),
        family_of(Metric::BuildInfo, constant, build_info),
    ]
}

fn family_of(
    metric: Metric,
    constant: &[proto::LabelPair],
    fill: impl FnOnce(&mut Samples<'_>),
) -> proto::MetricFamily {
    let about = metric.family();
    let mut samples = Samples { labels: about.labels, constant, metrics: Vec::new() };
    fill(&mut samples);
    let mut family = proto::MetricFamily::default();
    family.set_name(about.name.to_owned());
    family.set_help(about.help.to_owned());
    family.set_field_type(match about.kind {
        Kind::Counter => proto::MetricType::COUNTER,
        Kind::Gauge => proto::MetricType::GAUGE,
        Kind::Histogram => proto::MetricType::HISTOGRAM,
    });
    family.set_metric(samples.metrics);
    family
}

fn fill(metric: Metric, moment: &Moment, samples: &mut Samples<'_>) {
    match metric {
        Metric::ProbeResults => names(moment, |target, state| results(target, state, samples)),
        Metric::ProbeSuccess => names(moment, |target, state| {
            if let Some(last) = state.last {
                samples.gauge(probe(target), yes(last.outcome == Outcome::Ok));
            }
        }),
        Metric::ProbeDuration => resolvers(moment, |r, who| {
            for ((class, transport), histogram) in &r.state.durations {
                samples.histogram(and(who, [class.as_str(), transport.as_str()]), histogram, &ANSWER_BOUNDS);
            }
        }),
        Metric::ProbeLateReplies => resolvers(moment, |r, who| {
            for ((class, rcode), count) in &r.state.late_replies {
                samples.counter(and(who, [class.as_str(), rcode]), *count);
            }
        }),
        Metric::ProbeStrayPackets => resolvers(moment, |r, who| {
            for (reason, count) in Stray::ALL.into_iter().zip(r.state.strays) {
                samples.counter(and(who, [reason.as_str()]), count);
            }
        }),
        Metric::ProbeLastSuccess => names(moment, |target, state| {
            if let Some(at) = state.last_success {
                samples.gauge(probe(target), seconds(at));
            }
        }),
        Metric::ProbeAnswerTtl => names(moment, |target, state| {
            if let Some(ttl) = state.answer_ttl {
                let [datacenter, cluster, resolver, _, name, transport] = probe(target);
                samples.gauge([datacenter, cluster, resolver, name, transport], ttl.into());
            }
        }),
        Metric::ProbeExtendedErrors => resolvers(moment, |r, who| {
            for (code, count) in &r.state.extended_errors {
                samples.counter(and(who, [&code.to_string()]), *count);
            }
        }),
        Metric::ProbeInfo => names(moment, |target, _| info(target, samples)),
        Metric::ResolverInfo => resolvers(moment, |r, who| {
            let told = |text: &Option<String>| text.clone().unwrap_or_default();
            let (nsid, server_id, version) = (told(&r.state.nsid), told(&r.state.server_id), told(&r.state.version));
            let address = r.resolver.address.to_string();
            samples.gauge(and(who, [&address, &nsid, &server_id, &version]), 1.0);
        }),
        Metric::ResolverZoneSerial => resolvers(moment, |r, who| {
            for (zone, serial) in &r.state.serials {
                samples.gauge(and(who, [zone.as_str()]), (*serial).into());
            }
        }),
        Metric::ResolverVerdict => resolvers(moment, |r, who| {
            for verdict in Verdict::ALL {
                samples.gauge(and(who, [verdict.as_str()]), yes(verdict == r.state.verdict));
            }
        }),
        Metric::ResolverVerdictConfidence => resolvers(moment, |r, who| {
            let confidence = paths::assessment(moment, r).map_or(Confidence::None, |assessed| assessed.confidence);
            samples.gauge(who, confidence.level().into());
        }),
        Metric::ResolverIsExit => reports(moment, samples, paths::is_exit),
        Metric::ResolverIsLastExit => reports(moment, samples, paths::is_last_exit),
        Metric::ClusterState => paths::states(moment, samples),
        Metric::ClusterIndependentExits => reports(moment, samples, paths::independent_exits),
        Metric::ClusterMinIndependentExits => paths::min_independent_exits(moment, samples),
        Metric::PathEdge => reports(moment, samples, paths::edges),
        Metric::PathCycle => reports(moment, samples, paths::cycle),
        Metric::PathTraced => reports(moment, samples, paths::traced),
        Metric::ClusterTtlRunway => paths::runway(moment, samples),
        Metric::BeaconQueries => {
            if let Some(tally) = &moment.beacon {
                beacon_queries(tally, samples);
            }
        }
        Metric::ScheduleLag => samples.histogram([], &moment.fleet.lag, &LAG_BOUNDS),
        Metric::ProbesInFlight => samples.gauge([], approximate(moment.fleet.in_flight as u64)),
        Metric::ProbesSkipped => {
            for (reason, count) in Skip::ALL.into_iter().zip(moment.fleet.skipped) {
                samples.counter([reason.as_str()], count);
            }
        }
        Metric::JournalEntries => journal(moment, |journal| {
            for (kind, count) in EntryKind::ALL.into_iter().zip(journal.entries) {
                samples.counter([kind.as_str()], count);
            }
        }),
        Metric::JournalWritesFailed => journal(moment, |journal| samples.counter([], journal.writes_failed)),
        Metric::JournalEntriesLost => journal(moment, |journal| samples.counter([], journal.entries_lost)),
        Metric::JournalSize => journal(moment, |journal| samples.gauge([], approximate(journal.size))),
        Metric::JournalOnDisk => journal(moment, |journal| samples.gauge([], yes(journal.on_disk))),
        Metric::BuildInfo => build_info(samples),
        Metric::ConfigReloadSuccessful => samples.gauge([], yes(moment.config.last_attempt_succeeded)),
        Metric::ConfigReloadTime => samples.gauge([], seconds(moment.config.loaded_at)),
    }
}

fn journal(moment: &Moment, show: impl FnMut(&crate::journal::Stats)) {
    moment.journal.iter().for_each(show);
}

fn beacon_queries(tally: &Tally, samples: &mut Samples<'_>) {
    for result in QueryResult::ALL {
        samples.counter([result.as_str()], tally.get(result));
    }
}

fn build_info(samples: &mut Samples<'_>) {
    samples.gauge([env!("CARGO_PKG_VERSION")], 1.0);
}

/// Visits every target whose outcomes are counted.
fn names(moment: &Moment, mut visit: impl FnMut(&Target, &TargetState)) {
    for (target, state) in &moment.board.targets {
        if target.purpose == Purpose::Name {
            visit(target, state);
        }
    }
}

/// Visits every resolver, with the labels that say which one it is.
fn resolvers(moment: &Moment, mut visit: impl FnMut(&ResolverView, [&str; 3])) {
    for view in &moment.board.resolvers {
        visit(view, [&view.datacenter, &view.cluster, &view.resolver.name].map(Label::as_str));
    }
}

/// Visits every cluster that was looked at.
fn reports(moment: &Moment, samples: &mut Samples<'_>, show: fn(&ClusterReport, &mut Samples<'_>)) {
    for report in &moment.board.reports {
        show(report, samples);
    }
}

/// The labels that say which target it is: datacenter, cluster, resolver, class, name, transport.
fn probe(target: &Target) -> [&str; 6] {
    [
        target.cluster.datacenter.as_str(),
        target.cluster.name.as_str(),
        target.resolver.name.as_str(),
        target.name.class.as_str(),
        target.name.id.as_str(),
        target.transport.as_str(),
    ]
}

fn results(target: &Target, state: &TargetState, samples: &mut Samples<'_>) {
    for outcome in Outcome::ALL {
        let count = state.results[outcome.index()];
        if count > 0 || outcome.counted_from_start() {
            samples.counter(and(probe(target), [outcome.as_str()]), count);
        }
    }
}

fn info(target: &Target, samples: &mut Samples<'_>) {
    let question = &target.name.question;
    let address = target.resolver.address.to_string();
    let desired = if question.recursion_desired { "true" } else { "false" };
    let asked = [&address, question.qname.as_str(), question.qtype.as_str(), desired];
    samples.gauge(and(probe(target), asked), 1.0);
}

/// More label values behind the first ones.
pub(super) fn and<'a, const N: usize, const M: usize>(
    first: [&'a str; N],
    more: [&'a str; M],
) -> impl Iterator<Item = &'a str> {
    first.into_iter().chain(more)
}

impl Samples<'_> {
    fn counter<'v>(&mut self, labels: impl IntoIterator<Item = &'v str>, count: u64) {
        let mut counter = proto::Counter::default();
        counter.set_value(approximate(count));
        self.push(labels, |metric| metric.set_counter(counter));
    }

    pub(super) fn gauge<'v>(&mut self, labels: impl IntoIterator<Item = &'v str>, value: f64) {
        let mut gauge = proto::Gauge::default();
        gauge.set_value(value);
        self.push(labels, |metric| metric.set_gauge(gauge));
    }

    fn histogram<'v, const N: usize>(
        &mut self,
        labels: impl IntoIterator<Item = &'v str>,
        counts: &Histogram<N>,
        bounds: &[f64; N],
    ) {
        let bucket = |(count, bound): (u64, f64)| {
            let mut bucket = proto::Bucket::default();
            bucket.set_upper_bound(bound);
            bucket.set_cumulative_count(count);
            bucket
        };
        let mut histogram = proto::Histogram::default();
        histogram.set_bucket(counts.cumulative().zip(*bounds).map(bucket).collect());
        histogram.set_sample_count(counts.count());
        histogram.set_sample_sum(counts.sum());
        self.push(labels, |metric| metric.set_histogram(histogram));
    }

    fn push<'v>(&mut self, values: impl IntoIterator<Item = &'v str>, set: impl FnOnce(&mut proto::Metric)) {
        let own = self.labels.iter().zip(values).map(|(name, value)| label(name, value));
        let pairs: Vec<_> = self.constant.iter().cloned().chain(own).collect();
        debug_assert_eq!(pairs.len(), self.constant.len() + self.labels.len(), "a value for every label");
        let mut metric = proto::Metric::from_label(pairs);
        set(&mut metric);
        self.metrics.push(metric);
    }
}

/// A label and its value.
pub(super) fn label(name: &str, value: &str) -> proto::LabelPair {
    let mut pair = proto::LabelPair::default();
    pair.set_name(name.to_owned());
    pair.set_value(value.to_owned());
    pair
}

pub(super) fn yes(is_so: bool) -> f64 {
    f64::from(u8::from(is_so))
}

/// Seconds since 1970; zero for a clock before that.
pub(super) fn seconds(time: SystemTime) -> f64 {
    time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64()
}

/// A count as Prometheus holds it: exact up to 2^53.
#[expect(clippy::cast_precision_loss, reason = "every value is a float to Prometheus")]
pub(super) const fn approximate(count: u64) -> f64 {
    count as f64
}
