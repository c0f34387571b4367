//! `expect`: what a good answer looks like, and what in it cannot all be true at once.

use std::net::IpAddr;

use super::super::given::{At, Given};
use super::super::problem::Report;
use super::super::spec::{ExpectSpec, NameSpec};
use super::super::values::{AnswerText, Flag, Network};
use super::clusters::unique;
use crate::estate::QueryType;
use crate::expect::Expect;
use crate::wire::Rcode;

pub(super) fn of_name(name: &NameSpec, qtype: QueryType, report: &Report) -> Expect {
    let Some(spec) = name.expect.given() else { return Expect::default() };
    let flag = |given: &Given<Flag>| given.value().map(|flag| flag.0);
    let rcode = spec.rcode.value().unwrap_or(Rcode::NOERROR);
    let nodata = flag(&spec.nodata) == Some(true);
    let no_answers = nodata || rcode != Rcode::NOERROR;
    let count = |given: Option<u32>| given.and_then(|count| u16::try_from(count).ok());
    let max_answers = count(spec.max_answers.value().map(|count| count.0)).or_else(|| nodata.then_some(0));
    let least = u16::from(!no_answers && max_answers != Some(0));

    check_emptiness(spec, rcode, nodata, report);
    check_counts(spec, report);
    check_types(spec, qtype, report);
    check_answers(spec, report);
    check_validation(name, spec, report);
    Expect {
        rcode,
        authoritative: flag(&spec.authoritative),
        authenticated: flag(&spec.authenticated),
        answers: unique(&spec.answers, |answer: &AnswerText| answer.0.clone(), report),
        networks: unique(&spec.networks, |network: &Network| network.0, report),
        matches: spec.matches.value().map(|pattern| pattern.0),
        min_answers: count(spec.min_answers.value().map(|count| count.0)).unwrap_or(least),
        max_answers,
        min_ttl: spec.min_ttl.value().map(|ttl| ttl.0),
    }
}

/// Where no answer is expected, nothing can be expected of answers.
fn check_emptiness(spec: &At<ExpectSpec>, rcode: Rcode, nodata: bool, report: &Report) {
    let because = if nodata {
        "nodata = true".to_owned()
    } else if rcode != Rcode::NOERROR {
        format!("rcode = \"{rcode}\"")
    } else if spec.max_answers.value().is_some_and(|most| most.0 == 0) {
        "max_answers = 0".to_owned()
    } else {
        return;
    };
    if let (true, Some(at)) = (nodata, spec.rcode.given())
        && rcode != Rcode::NOERROR
    {
        report.mistake(&at.place, format!("found {rcode} with nodata = true, which is NOERROR"), "one of them");
    }
    let of_answers = [
        spec.answers.given().map(|at| &at.place),
        spec.networks.given().map(|at| &at.place),
        spec.matches.given().map(|at| &at.place),
        spec.min_answers.given().filter(|at| at.0 > 0).map(|at| &at.place),
        spec.max_answers.given().filter(|at| at.0 > 0).map(|at| &at.place),
        spec.min_ttl.given().map(|at| &at.place),
    ];
    for place in of_answers.into_iter().flatten() {
        report.mistake(place, format!("expects answers, and {because} expects none"), "one of them");
    }
}

fn check_counts(spec: &ExpectSpec, report: &Report) {
    let (least, most) = (spec.min_answers.given(), spec.max_answers.given());
    if let (Some(least), Some(most)) = (least, most)
        && least.0 > most.0
    {
        report.mistake(&least.place, format!("found {}", least.0), format!("at most max_answers, which is {}", most.0));
    }
    let Some(answers) = spec.answers.given() else { return };
    let listed = answers.good().count();
    if answers.is_empty() {
        report.mistake(&answers.place, "found an empty list", "at least one answer, or nodata = true");
    }
    let wrong = least.filter(|least| least.0 as usize > listed).map(|at| ("min_answers", at));
    let wrong = wrong.or_else(|| most.filter(|most| (most.0 as usize) < listed).map(|at| ("max_answers", at)));
    if let Some((key, at)) = wrong
        && answers.is_good()
        && at.0 > 0
    {
        report.mistake(
            &at.place,
            format!("found {}, and answers lists exactly {listed}", at.0),
            format!("answers without {key}"),
        );
    }
}

/// Addresses belong to A and AAAA.
fn check_types(spec: &ExpectSpec, qtype: QueryType, report: &Report) {
    let is_ipv4 = qtype == QueryType::A;
    if !is_ipv4 && qtype != QueryType::Aaaa {
        if let Some(at) = spec.networks.given() {
            report.mistake(
                &at.place,
                format!("answers to {} are no addresses", qtype.as_str()),
                "with qtype A or AAAA",
            );
        }
        return;
    }
    let wanted = if is_ipv4 { "an IPv4 address, as qtype is A" } else { "an IPv6 address, as qtype is AAAA" };
    for answer in spec.answers.entries() {
        if !answer.0.parse::<IpAddr>().is_ok_and(|ip| ip.is_ipv4() == is_ipv4) {
            report.mistake(&answer.place, format!("found \"{}\"", answer.0), wanted);
        }
    }
    for network in spec.networks.entries() {
        if network.0.network().is_ipv4() != is_ipv4 {
            let family = if is_ipv4 { "IPv4 networks, as qtype is A" } else { "IPv6 networks, as qtype is AAAA" };
            report.mistake(&network.place, format!("found {}", network.0), family);
        }
    }
}

/// The exact answers have to fit what else is expected of answers.
fn check_answers(spec: &ExpectSpec, report: &Report) {
    let networks: Vec<_> = spec.networks.entries().map(|at| at.0).collect();
    let networks_known = spec.networks.given().is_some_and(|list| list.is_good());
    for answer in spec.answers.entries() {
        if let (true, Ok(ip)) = (networks_known, answer.0.parse::<IpAddr>())
            && !networks.iter().any(|network| network.contains(&ip))
        {
            report.mistake(&answer.place, format!("found {ip}, which lies in none of networks"), "one of them");
        }
        if let Some(pattern) = spec.matches.given()
            && !pattern.0.is_match(&answer.0)
        {
            report.mistake(
                &answer.place,
                format!("found \"{}\", which the pattern in matches does not match", answer.0),
                "one of them",
            );
        }
    }
}

/// Only a validator that was told of DNSSEC sets AD (RFC 6840, section 5.8).
fn check_validation(name: &NameSpec, spec: &ExpectSpec, report: &Report) {
    let Some(at) = spec.authenticated.given().filter(|at| at.0) else { return };
    if !name.dnssec_ok.value().is_some_and(|flag| flag.0) {
        report.mistake(&at.place, "AD is only set in answers to questions with DO", "with dnssec_ok = true");
    }
    if name.checking_disabled.value().is_some_and(|flag| flag.0) {
        report.mistake(&at.place, "AD is not set where validation is switched off", "without checking_disabled = true");
    }
}
