//! `[[name]]`: what is asked, and where.

use std::collections::BTreeMap;

use super::super::given::{At, Given};
use super::super::problem::{Place, Report};
use super::super::spec::{FileSpec, NameSpec};
use super::super::values::Flag;
use super::asking::{self, Defaults};
use super::clusters::{Clusters, unique};
use super::{expect, known_cluster};
use crate::estate::{Label, Name, QueryClass, QueryType, Question};

const ID: &str = "a word for the name, unique in the file";
const CLASS: &str = "why the name matters: external, internal, database, mpic, ct_log, or a word of your own";

/// Every name of the file that could be built.
pub(super) fn all(file: &FileSpec, defaults: &Defaults, clusters: &Clusters<'_>, report: &Report) -> Vec<Name> {
    if file.name.given().is_none_or(|list| list.is_empty()) && !matches!(file.name, Given::Wrong) {
        report.mistake(&Place::nowhere("name"), "missing", "at least one table headed [[name]]");
    }
    let mut seen: BTreeMap<&Label, &Place> = BTreeMap::new();
    let mut names = Vec::new();
    for spec in file.name.entries() {
        if let Some(id) = spec.id.given()
            && seen.insert(&id.value, &id.place).is_some()
        {
            report.mistake(&id.place, format!("found {} a second time", id.value), "an id of its own");
        }
        names.extend(name(spec, defaults, clusters, report));
    }
    names
}

fn name(spec: &At<NameSpec>, defaults: &Defaults, clusters: &Clusters<'_>, report: &Report) -> Option<Name> {
    let id = spec.id.required(report, &spec.place, "id", ID);
    let class = spec.class.required(report, &spec.place, "class", CLASS);
    let question = question(spec, report);
    let qtype = spec.qtype.value().unwrap_or(QueryType::A);
    let expect = expect::of_name(spec, qtype, report);
    let asking = asking::of_name(spec, &defaults.asking, report);
    let question = question?;
    let clusters = asked_in(spec, &question, clusters, report);
    Some(Name { id: id?.value, class: class?.value, question, expect, asking, clusters })
}

fn question(spec: &At<NameSpec>, report: &Report) -> Option<Question> {
    let qclass = spec.qclass.value().unwrap_or(QueryClass::In);
    let flag = |given: &Given<Flag>, otherwise| given.value().map_or(otherwise, |flag| flag.0);
    if qclass == QueryClass::Ch && !spec.qtype.given().is_some_and(|qtype| qtype.value == QueryType::Txt) {
        let place = spec.qtype.place_in(&spec.place, "qtype");
        let found = spec.qtype.value().unwrap_or(QueryType::A).as_str();
        report.mistake(&place, format!("found {found} with qclass = \"CH\""), "\"TXT\"");
    }
    let allowed = "the name to ask for, such as \"db1.int.example.\"";
    Some(Question {
        qname: spec.qname.required(report, &spec.place, "qname", allowed)?.value,
        qtype: spec.qtype.value().unwrap_or(QueryType::A),
        qclass,
        recursion_desired: flag(&spec.recursion_desired, qclass == QueryClass::In),
        checking_disabled: flag(&spec.checking_disabled, false),
        dnssec_ok: flag(&spec.dnssec_ok, false),
    })
}

/// The clusters that the name lists, or else those whose roles fit.
fn asked_in(spec: &At<NameSpec>, question: &Question, clusters: &Clusters<'_>, report: &Report) -> Vec<Label> {
    let known = clusters.names();
    if let Some(given) = spec.clusters.given() {
        if given.is_empty() {
            report.mistake(&given.place, "found an empty list", "names of clusters, or no such key");
        }
        for name in given.good() {
            known_cluster(name, &known, report);
        }
        return unique(&spec.clusters, Label::clone, report);
    }
    let fits = clusters.built.iter().filter(|built| built.cluster.fits(question));
    let fitting: Vec<Label> = fits.map(|built| built.cluster.name.clone()).collect();
    if fitting.is_empty() && clusters.is_whole() && !spec.clusters.is_present() {
        let wanted = if question.recursion_desired {
            "is recursive, or authoritative for it"
        } else {
            "is authoritative for it"
        };
        let place = spec.qname.given().map_or_else(|| spec.place.clone(), |at| at.place.clone());
        report.mistake(&place, format!("fits no cluster: none {wanted}"), "such a cluster, or clusters = [...]");
    }
    fitting
}
