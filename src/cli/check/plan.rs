//! What a configuration makes necessary: questions, packets, series. Plain data, of which text and JSON are views.

use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

use crate::config::Loaded;
use crate::estate::{Cluster, Estate, Label, QueryClass, Transport};
use crate::metrics::{self, Kind};
use crate::plan::{Purpose, Target, packets_per_second, targets};

/// Everything that one process will do.
#[derive(Debug, Serialize)]
pub(super) struct Plan {
    pub(super) environment: String,
    pub(super) vantage: String,
    pub(super) clusters: Vec<ClusterPlan>,
    pub(super) tracing: Option<TracingPlan>,
    pub(super) beacon: Option<String>,
    /// Questions in all.
    pub(super) targets: usize,
    /// Packets a second to all resolvers together, while nothing is wrong; without tracing.
    pub(super) packets_per_second: f64,
    /// Probes that wait at once when nobody answers.
    pub(super) waiting_in_an_outage: usize,
    /// As many probes may wait at once.
    pub(super) max_in_flight: usize,
    pub(super) series: SeriesPlan,
}

/// One cluster, and what each of its resolvers is asked.
#[derive(Debug, Serialize)]
pub(super) struct ClusterPlan {
    pub(super) name: String,
    pub(super) datacenter: String,
    pub(super) authoritative: bool,
    pub(super) recursive: bool,
    pub(super) zones: Vec<String>,
    pub(super) upstreams: Vec<String>,
    pub(super) questions: Vec<Asked>,
    pub(super) resolvers: Vec<ResolverPlan>,
    /// About how many questions one trace of its paths takes while nothing is wrong.
    pub(super) questions_per_trace: usize,
}

/// One question that every resolver of a cluster is asked again and again.
#[derive(Debug, Serialize)]
pub(super) struct Asked {
    /// The name's id; nothing for what is asked beside the configured names.
    pub(super) id: Option<String>,
    pub(super) class: Option<String>,
    pub(super) qname: String,
    pub(super) qtype: &'static str,
    pub(super) qclass: &'static str,
    pub(super) recursion_desired: bool,
    pub(super) checking_disabled: bool,
    pub(super) dnssec_ok: bool,
    pub(super) transports: Vec<&'static str>,
    #[serde(rename = "interval_seconds", serialize_with = "as_seconds")]
    pub(super) interval: Duration,
    #[serde(rename = "timeout_seconds", serialize_with = "as_seconds")]
    pub(super) timeout: Duration,
}

/// What one resolver is sent.
#[derive(Debug, Serialize)]
pub(super) struct ResolverPlan {
    pub(super) name: String,
    pub(super) address: String,
    pub(super) tracer: Option<String>,
    /// Packets a second while nothing is wrong; without tracing.
    pub(super) packets_per_second: f64,
    /// The most packets a second, whatever happens.
    pub(super) budget: u32,
}

/// How paths are traced.
#[derive(Debug, Serialize)]
pub(super) struct TracingPlan {
    #[serde(rename = "interval_seconds", serialize_with = "as_seconds")]
    pub(super) interval: Duration,
    pub(super) canary_zone: Option<String>,
    pub(super) cold_names: Vec<String>,
    /// The most packets a second to all resolvers together.
    pub(super) packets_per_second: u32,
    pub(super) min_independent_exits: u32,
}

/// How many series Prometheus will store.
#[derive(Debug, Serialize)]
pub(super) struct SeriesPlan {
    /// When every name was asked and all is well.
    pub(super) healthy: usize,
    /// When everything that can be seen was seen.
    pub(super) most: usize,
    pub(super) families: Vec<FamilyPlan>,
}

/// The series of one metric.
#[derive(Debug, Serialize)]
pub(super) struct FamilyPlan {
    pub(super) name: &'static str,
    #[serde(rename = "type")]
    pub(super) kind: Kind,
    pub(super) healthy: usize,
    pub(super) most: usize,
}

fn as_seconds<S: serde::Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(duration.as_secs_f64())
}

impl Plan {
    pub(super) fn of(loaded: &Loaded) -> Self {
        let estate = &loaded.estate;
        let targets = targets(estate);
        let rates = packets_per_second(&targets);
        // Targets and rates come cluster by cluster.
        let of_clusters = targets.chunk_by(|one, two| one.cluster.name == two.cluster.name);
        let rates_of_clusters = rates.chunk_by(|one, two| one.0.name == two.0.name);
        let clusters = of_clusters.zip(rates_of_clusters).map(|(targets, rates)| of_cluster(targets, rates, estate));
        let waits = |target: &Arc<Target>| {
            let asking = &target.name.asking;
            (asking.patience.as_secs_f64() / asking.interval.as_secs_f64()).min(1.0)
        };
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a small positive number")]
        let waiting = targets.iter().map(waits).sum::<f64>().ceil() as usize;
        let recursive = estate.clusters.iter().any(|cluster| cluster.recursive);
        Self {
            environment: estate.environment.to_string(),
            vantage: estate.vantage.to_string(),
            clusters: clusters.collect(),
            tracing: recursive.then(|| TracingPlan {
                interval: estate.path.interval,
                canary_zone: estate.path.canary_zone.as_ref().map(ToString::to_string),
                cold_names: estate.path.cold_names.iter().map(ToString::to_string).collect(),
                packets_per_second: estate.path.packets_per_second,
                min_independent_exits: estate.path.min_independent_exits,
            }),
            beacon: estate.beacon.as_ref().map(|beacon| beacon.listen.to_string()),
            targets: targets.len(),
            packets_per_second: rates.iter().map(|(_, _, rate)| rate).sum(),
            waiting_in_an_outage: waiting,
            max_in_flight: estate.prober.max_in_flight,
            series: SeriesPlan::of(estate, &targets),
        }
    }
}

type Rates = [(Arc<Cluster>, Arc<crate::estate::Resolver>, f64)];

/// The plan of one cluster, of which these are all targets and all rates.
fn of_cluster(targets: &[Arc<Target>], rates: &Rates, estate: &Estate) -> ClusterPlan {
    let cluster = &targets[0].cluster;
    let of_first = targets.iter().take_while(|target| target.resolver.name == targets[0].resolver.name);
    let mut questions: Vec<Asked> = Vec::new();
    let mut last: Option<(Purpose, &Label)> = None;
    for target in of_first {
        if last == Some((target.purpose, &target.name.id))
            && let Some(question) = questions.last_mut()
        {
            question.transports.push(target.transport.as_str());
        } else {
            questions.push(asked(target));
            last = Some((target.purpose, &target.name.id));
        }
    }
    let resolvers = rates.iter().map(|(_, resolver, rate)| ResolverPlan {
        name: resolver.name.to_string(),
        address: resolver.address.to_string(),
        tracer: resolver.tracer.as_ref().map(ToString::to_string),
        packets_per_second: *rate,
        budget: resolver.packets_per_second,
    });
    ClusterPlan {
        name: cluster.name.to_string(),
        datacenter: cluster.datacenter.to_string(),
        authoritative: cluster.authoritative,
        recursive: cluster.recursive,
        zones: cluster.zones.iter().map(ToString::to_string).collect(),
        upstreams: cluster.upstreams.iter().map(ToString::to_string).collect(),
        questions,
        resolvers: resolvers.collect(),
        questions_per_trace: questions_per_trace(cluster, estate),
    }
}

fn asked(target: &Target) -> Asked {
    let (name, question) = (&target.name, &target.name.question);
    let configured = target.purpose == Purpose::Name;
    Asked {
        id: configured.then(|| name.id.to_string()),
        class: configured.then(|| name.class.to_string()),
        qname: question.qname.to_string(),
        qtype: question.qtype.as_str(),
        qclass: question.qclass.as_str(),
        recursion_desired: question.recursion_desired,
        checking_disabled: question.checking_disabled,
        dnssec_ok: question.dnssec_ok,
        transports: vec![target.transport.as_str()],
        interval: name.asking.interval,
        timeout: name.asking.timeout,
    }
}

/// Every resolver is asked for its own zone, for the tracer of everybody, for a name that no cache knows under every
/// parent, and for what its siblings were asked.
fn questions_per_trace(cluster: &Cluster, estate: &Estate) -> usize {
    let size = cluster.resolvers.len();
    let own = usize::from(!cluster.zones.is_empty());
    if !cluster.recursive {
        return size * own;
    }
    let tracers = cluster.resolvers.iter().filter(|resolver| resolver.tracer.is_some()).count();
    let parents = estate.path.cold_names.len() + usize::from(estate.path.canary_zone.is_some());
    let echoes = if parents == 0 { 0 } else { size.saturating_sub(1) };
    size * (own + tracers + parents + echoes)
}

impl Asked {
    /// `db1.int.example. A, no recursion, checking disabled, DNSSEC`.
    pub(super) fn in_words(&self) -> String {
        let chaos = self.qclass == QueryClass::Ch.as_str();
        let class = if chaos { " CH" } else { "" };
        let mut words = format!("{}{class} {}", self.qname, self.qtype);
        for (said, word) in [
            (!self.recursion_desired && !chaos, ", no recursion"),
            (self.checking_disabled, ", checking disabled"),
            (self.dnssec_ok, ", DNSSEC"),
        ] {
            if said {
                words.push_str(word);
            }
        }
        words
    }

    /// `udp tcp`.
    pub(super) fn over(&self) -> String {
        let order = |transport: &&str| Transport::ALL.iter().position(|known| known.as_str() == *transport);
        let mut transports = self.transports.clone();
        transports.sort_by_key(order);
        transports.join(" ")
    }
}

impl SeriesPlan {
    fn of(estate: &Estate, targets: &[Arc<Target>]) -> Self {
        let expected = metrics::expected(estate, targets);
        let families = expected.into_iter().map(|(family, series)| FamilyPlan {
            name: family.name,
            kind: family.kind,
            healthy: series.healthy,
            most: series.most,
        });
        let families: Vec<FamilyPlan> = families.collect();
        Self {
            healthy: families.iter().map(|family| family.healthy).sum(),
            most: families.iter().map(|family| family.most).sum(),
            families,
        }
    }
}
