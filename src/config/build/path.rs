//! `[path]` and `[beacon]`.

use std::time::Duration;

use super::super::given::{At, Given};
use super::super::problem::Report;
use super::super::spec::{BeaconSpec, PathSpec};
use super::super::values::{KeyFile, ZoneName};
use super::clusters::unique;
use crate::estate::{BeaconSettings, DomainName, Label, PathTracing};

/// Two keys are valid while one takes the other's place.
const MOST_KEYS: usize = 2;

pub(super) fn tracing(spec: &At<PathSpec>, report: &Report) -> PathTracing {
    let canary_zone = spec.canary_zone.value().map(|zone| zone.0);
    if let (Some(zone), Some(at)) = (&canary_zone, spec.canary_zone.given())
        && zone.as_str() == "."
    {
        report.mistake(&at.place, "found the root", "a zone delegated to Fathom's beacon alone");
    }
    let cold_names = unique(&spec.cold_names, DomainName::clone, report);
    for name in spec.cold_names.entries() {
        if !name.has_nonce() {
            let allowed = format!("a name with {}, so that no cache knows it", DomainName::NONCE);
            report.mistake(&name.place, format!("found {}", name.value), allowed);
        } else if let Some(zone) = canary_zone.as_ref().filter(|zone| name.is_under(zone)) {
            let allowed = "a name whose authority is another one, so that both do not fail at once";
            report.mistake(&name.place, format!("found {} within path.canary_zone {zone}", name.value), allowed);
        }
    }
    let key_files = unique_keys(spec, report);
    if let Some(at) = spec.arrivals.given() {
        if canary_zone.is_none() && !spec.canary_zone.is_present() {
            report.mistake(&at.place, "found arrivals without path.canary_zone", "with a canary zone");
        }
        if key_files.is_empty() && !spec.key_files.is_present() {
            report.mistake(
                &at.place,
                "found arrivals without path.key_files",
                "with the key of the beacon, which answers nobody else",
            );
        }
        if at.0.port() == 0 || at.0.ip().is_unspecified() {
            report.mistake(&at.place, format!("found {}", at.0), "an address and a port that can be called");
        }
    }
    PathTracing {
        interval: spec.interval.value().map_or(Duration::from_secs(60), |given| given.0),
        canary_zone,
        cold_names,
        min_independent_exits: spec.min_independent_exits.value().map_or(2, |exits| exits.0),
        packets_per_second: spec.packets_per_second.value().map_or(20, |rate| rate.0),
        key_files,
        arrivals: spec.arrivals.value().map(|address| address.0),
    }
}

fn unique_keys(spec: &PathSpec, report: &Report) -> Vec<std::path::PathBuf> {
    let shown = unique(&spec.key_files, |file: &KeyFile| file.0.display().to_string(), report);
    if let Some(at) = spec.key_files.given()
        && shown.len() > MOST_KEYS
    {
        let found = format!("found {} files", shown.len());
        report.mistake(
            &at.place,
            found,
            format!("at most {MOST_KEYS}, the one that signs and the other that is accepted"),
        );
    }
    spec.key_files.entries().map(|file| file.0.clone()).collect()
}

/// The beacon's settings, and where it runs.
pub(super) struct Beacon {
    pub(super) settings: BeaconSettings,
    datacenter: Option<Label>,
}

impl Beacon {
    /// Whether the process with this vantage runs it.
    pub(super) fn runs_in(&self, vantage: &Label) -> bool {
        self.datacenter.as_ref().is_none_or(|datacenter| datacenter == vantage)
    }
}

pub(super) fn beacon(spec: &At<BeaconSpec>, canary: &Given<ZoneName>, report: &Report) -> Option<Beacon> {
    let listen =
        spec.listen.required(report, &spec.place, "listen", "an IP address with a port, such as \"192.0.2.53:53\"");
    if !canary.is_present() {
        report.mistake(&spec.place, "found a beacon without path.canary_zone", "with the zone that it is to serve");
    }
    let canary = canary.value()?.0;
    let mut name_servers = unique(&spec.name_servers, |name: &ZoneName| name.0.clone(), report);
    if let Some(at) = spec.name_servers.given()
        && at.is_empty()
    {
        report.mistake(&at.place, "found an empty list", "at least one name");
    }
    if !spec.name_servers.is_present() {
        name_servers.extend(DomainName::parse(&format!("ns1.{canary}")));
    }
    let rate = |given: Option<u32>, otherwise| given.unwrap_or(otherwise);
    Some(Beacon {
        settings: BeaconSettings {
            listen: listen?.0,
            name_servers,
            queries_per_second: rate(spec.queries_per_second.value().map(|rate| rate.0), 500),
            queries_per_second_per_prefix: rate(spec.queries_per_second_per_prefix.value().map(|rate| rate.0), 20),
        },
        datacenter: spec.datacenter.value(),
    })
}
