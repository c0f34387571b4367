//! What a user may write in probes.toml: one type a table, one field a key. What the values mean, what they are when
//! they are not given and which of them fit together is decided in [`super::build`].

use serde::Deserialize;

use super::given::{Given, List};
use super::values::{
    AnswerText, ClusterChoice, Flag, Folder, FullAddress, Host4, Host6, Interval, JournalAge, JournalSize, KeyFile,
    Network, Patience, Pattern, Role, ServerAddress, Timeout, TracerChoice, Whole, ZoneName,
};
use crate::estate::{DomainName, Label, QueryClass, QueryType, Transport};
use crate::wire::Rcode;

/// Packets a second to one resolver.
pub(super) type ResolverRate = Whole<1, 100_000>;

/// A count of answers.
pub(super) type AnswerCount = Whole<0, 1000>;

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct FileSpec {
    pub(super) prober: Given<ProberSpec>,
    pub(super) defaults: Given<DefaultsSpec>,
    pub(super) path: Given<PathSpec>,
    pub(super) beacon: Given<BeaconSpec>,
    pub(super) cluster: Given<List<ClusterSpec>>,
    pub(super) name: Given<List<NameSpec>>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, expecting = "one table, headed [prober]")]
pub(super) struct ProberSpec {
    pub(super) environment: Given<Label>,
    pub(super) datacenter: Given<Label>,
    pub(super) listen: Given<FullAddress>,
    pub(super) clusters: Given<ClusterChoice>,
    pub(super) source_ipv4: Given<Host4>,
    pub(super) source_ipv6: Given<Host6>,
    pub(super) max_in_flight: Given<Whole<1, 1_000_000>>,
    pub(super) operator_token_file: Given<KeyFile>,
    pub(super) state_dir: Given<Folder>,
    pub(super) journal_max_age: Given<JournalAge>,
    pub(super) journal_max_size: Given<JournalSize>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, expecting = "one table, headed [defaults]")]
pub(super) struct DefaultsSpec {
    pub(super) interval: Given<Interval>,
    pub(super) timeout: Given<Timeout>,
    pub(super) patience: Given<Patience>,
    pub(super) transports: Given<List<Transport>>,
    pub(super) mixed_case: Given<Flag>,
    pub(super) packets_per_second: Given<ResolverRate>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, expecting = "one table, headed [path]")]
pub(super) struct PathSpec {
    pub(super) interval: Given<Interval>,
    pub(super) canary_zone: Given<ZoneName>,
    pub(super) cold_names: Given<List<DomainName>>,
    pub(super) min_independent_exits: Given<Whole<1, 1000>>,
    pub(super) packets_per_second: Given<ResolverRate>,
    pub(super) key_files: Given<List<KeyFile>>,
    pub(super) arrivals: Given<FullAddress>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, expecting = "one table, headed [beacon]")]
pub(super) struct BeaconSpec {
    pub(super) datacenter: Given<Label>,
    pub(super) listen: Given<FullAddress>,
    pub(super) name_servers: Given<List<ZoneName>>,
    pub(super) queries_per_second: Given<Whole<1, 1_000_000>>,
    pub(super) queries_per_second_per_prefix: Given<Whole<1, 1_000_000>>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, expecting = "a table headed [[cluster]]")]
pub(super) struct ClusterSpec {
    pub(super) name: Given<Label>,
    pub(super) datacenter: Given<Label>,
    pub(super) roles: Given<List<Role>>,
    pub(super) zones: Given<List<ZoneName>>,
    pub(super) upstreams: Given<List<ServerAddress>>,
    pub(super) packets_per_second: Given<ResolverRate>,
    pub(super) resolver: Given<List<ResolverSpec>>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, expecting = "a table headed [[cluster.resolver]]")]
pub(super) struct ResolverSpec {
    pub(super) name: Given<Label>,
    pub(super) address: Given<ServerAddress>,
    pub(super) tracer: Given<TracerChoice>,
    pub(super) packets_per_second: Given<ResolverRate>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, expecting = "a table headed [[name]]")]
pub(super) struct NameSpec {
    pub(super) id: Given<Label>,
    pub(super) class: Given<Label>,
    pub(super) qname: Given<DomainName>,
    pub(super) qtype: Given<QueryType>,
    pub(super) qclass: Given<QueryClass>,
    pub(super) recursion_desired: Given<Flag>,
    pub(super) checking_disabled: Given<Flag>,
    pub(super) dnssec_ok: Given<Flag>,
    pub(super) expect: Given<ExpectSpec>,
    pub(super) clusters: Given<List<Label>>,
    pub(super) interval: Given<Interval>,
    pub(super) timeout: Given<Timeout>,
    pub(super) patience: Given<Patience>,
    pub(super) transports: Given<List<Transport>>,
    pub(super) mixed_case: Given<Flag>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, expecting = "a table, such as { rcode = \"NOERROR\" }")]
pub(super) struct ExpectSpec {
    pub(super) rcode: Given<Rcode>,
    pub(super) authoritative: Given<Flag>,
    pub(super) authenticated: Given<Flag>,
    pub(super) answers: Given<List<AnswerText>>,
    pub(super) networks: Given<List<Network>>,
    pub(super) matches: Given<Pattern>,
    pub(super) min_answers: Given<AnswerCount>,
    pub(super) max_answers: Given<AnswerCount>,
    pub(super) min_ttl: Given<Whole<1, 2_147_483_647>>,
    pub(super) nodata: Given<Flag>,
}
