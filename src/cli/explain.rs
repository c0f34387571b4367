//! A probe in words: what was asked, what came, what it means.

use std::fmt::Write;
use std::time::Duration;

use serde::Serialize;

use super::verdicts::{self, Judged, VerdictJson};
use crate::exchange::Answer;
use crate::outcome::Outcome;
use crate::plan::Target;
use crate::probe::{LateReply, Observation};
use crate::transport::Failure;

/// What one probe saw, and what came too late.
#[derive(Debug)]
pub(super) struct Finding {
    pub(super) seen: Observation,
    pub(super) late: Option<LateReply>,
}

/// For a person: resolver by resolver, three lines a probe, and a sentence on them all; then the verdicts.
pub(super) fn text(findings: &[Finding], judged: &[Judged]) -> String {
    let mut out = String::new();
    let mut resolver_before = None;
    for finding in findings {
        let target = &finding.seen.target;
        let resolver = (&target.cluster.name, &target.resolver.name);
        if resolver_before != Some(resolver) {
            resolver_before = Some(resolver);
            let _ = writeln!(out, "{} of {} at {}", resolver.1, resolver.0, target.resolver.address);
        }
        let _ = writeln!(out, "  {:<17} {}", finding.seen.outcome, asked(finding));
        let _ = writeln!(out, "  {:<17} {}", "", came(finding));
        if finding.seen.outcome != Outcome::Ok {
            let _ = writeln!(out, "  {:<17} {}", "", means(finding));
        }
    }
    out + &summary(findings) + "\n" + &verdicts::text(judged)
}

/// What was asked: the name's id and class, then the question.
fn asked(finding: &Finding) -> String {
    let target = &finding.seen.target;
    let question = &target.name.question;
    let recursion = if question.recursion_desired { "" } else { ", no recursion desired" };
    let (id, class, transport) = (&target.name.id, &target.name.class, target.transport.as_str());
    let (qname, qtype) = (finding.seen.asked.qname(), question.qtype.as_str());
    format!("{id} ({class}): {qname} {qtype} over {transport}{recursion}")
}

/// What came, in time or late.
fn came(finding: &Finding) -> String {
    let asking = &finding.seen.target.name.asking;
    match (&finding.seen.heard, &finding.late) {
        (Ok(answer), _) => answered(&finding.seen.target, answer),
        (Err(Failure::Silence), Some(late)) => format!(
            "nothing within {}; {} came after {}, when a client has long given up",
            seconds(asking.timeout),
            late.rcode,
            seconds(late.after)
        ),
        (Err(Failure::Silence), None) => format!("nothing, not even within {}", seconds(asking.patience)),
        (Err(failure), _) => failure.to_string(),
    }
}

fn answered(target: &Target, answer: &Answer) -> String {
    let reply = &answer.reply;
    let over = if answer.over == target.transport { "" } else { " over tcp, as the answer did not fit udp" };
    let flags = [
        (reply.authoritative, "authoritative"),
        (reply.authenticated, "validated"),
        (!reply.recursion_available && target.name.question.recursion_desired, "no recursion available"),
        (reply.truncated, "truncated"),
    ];
    let mut text = format!("{} after {}{over}", reply.rcode, milliseconds(answer.after));
    for (_, word) in flags.into_iter().filter(|(set, _)| *set) {
        let _ = write!(text, ", {word}");
    }
    for error in &reply.extended_errors {
        let _ = write!(text, ", {error}");
    }
    let records: Vec<String> = reply
        .answers_of(target.name.question.qtype.code())
        .map(|record| format!("{} (TTL {} s)", record.rdata(), record.ttl()))
        .collect();
    if !records.is_empty() {
        let _ = write!(text, ": {}", records.join(", "));
    }
    text
}

/// What it means: how it falls short, then what the outcome stands for.
fn means(finding: &Finding) -> String {
    let help = finding.seen.outcome.help();
    match &finding.seen.mismatch {
        Some(mismatch) => format!("{help} Here, {mismatch}."),
        None => help.to_owned(),
    }
}

fn summary(findings: &[Finding]) -> String {
    let failed = findings.iter().filter(|finding| finding.seen.outcome != Outcome::Ok).count();
    match (findings.len(), failed) {
        (0, _) => "Nothing is asked: no name of the configuration fits any cluster.".to_owned(),
        (1, 0) => "The probe was ok.".to_owned(),
        (1, _) => "The probe failed.".to_owned(),
        (all, 0) => format!("All {all} probes were ok."),
        (all, failed) => format!("{failed} of {all} probes failed."),
    }
}

fn milliseconds(duration: Duration) -> String {
    format!("{:.1} ms", duration.as_secs_f64() * 1000.0)
}

fn seconds(duration: Duration) -> String {
    format!("{} s", (duration.as_secs_f64() * 100.0).round() / 100.0)
}

//----------- JSON ------------------------------------------------------------

#[derive(Serialize)]
#[expect(clippy::struct_excessive_bools, reason = "they are the flag bits of the header")]
struct AnswerJson<'a> {
    rcode: String,
    duration_seconds: f64,
    transport: &'static str,
    authoritative: bool,
    truncated: bool,
    recursion_available: bool,
    authenticated: bool,
    answers: Vec<String>,
    authorities: Vec<String>,
    extended_errors: Vec<String>,
    nsid: Option<&'a str>,
}

#[derive(Serialize)]
struct LateJson {
    rcode: String,
    duration_seconds: f64,
}

#[derive(Serialize)]
struct FindingJson<'a> {
    datacenter: &'a str,
    cluster: &'a str,
    resolver: &'a str,
    address: String,
    name: &'a str,
    class: &'a str,
    transport: &'static str,
    qname: String,
    qtype: &'static str,
    recursion_desired: bool,
    result: &'static str,
    meaning: String,
    detail: String,
    answer: Option<AnswerJson<'a>>,
    late_answer: Option<LateJson>,
}

#[derive(Serialize)]
struct ProbeJson<'a> {
    probes: Vec<FindingJson<'a>>,
    verdicts: Vec<VerdictJson<'a>>,
}

/// For other programs: `probes`, one object each, and `verdicts`, one a resolver.
pub(super) fn json(findings: &[Finding], judged: &[Judged]) -> String {
    let document = ProbeJson { probes: findings.iter().map(finding_json).collect(), verdicts: verdicts::json(judged) };
    serde_json::to_string_pretty(&document).expect("plain data") + "\n"
}

fn finding_json(finding: &Finding) -> FindingJson<'_> {
    let target = &finding.seen.target;
    FindingJson {
        datacenter: target.cluster.datacenter.as_str(),
        cluster: target.cluster.name.as_str(),
        resolver: target.resolver.name.as_str(),
        address: target.resolver.address.to_string(),
        name: target.name.id.as_str(),
        class: target.name.class.as_str(),
        transport: target.transport.as_str(),
        qname: finding.seen.asked.qname(),
        qtype: target.name.question.qtype.as_str(),
        recursion_desired: target.name.question.recursion_desired,
        result: finding.seen.outcome.as_str(),
        meaning: means(finding),
        detail: came(finding),
        answer: finding.seen.heard.as_ref().ok().map(answer_json),
        late_answer: finding
            .late
            .as_ref()
            .map(|late| LateJson { rcode: late.rcode.to_string(), duration_seconds: late.after.as_secs_f64() }),
    }
}

fn answer_json(answer: &Answer) -> AnswerJson<'_> {
    let reply = &answer.reply;
    AnswerJson {
        rcode: reply.rcode.to_string(),
        duration_seconds: answer.after.as_secs_f64(),
        transport: answer.over.as_str(),
        authoritative: reply.authoritative,
        truncated: reply.truncated,
        recursion_available: reply.recursion_available,
        authenticated: reply.authenticated,
        answers: reply.answers.iter().map(ToString::to_string).collect(),
        authorities: reply.authorities.iter().map(ToString::to_string).collect(),
        extended_errors: reply.extended_errors.iter().map(ToString::to_string).collect(),
        nsid: reply.nsid.as_deref(),
    }
}
