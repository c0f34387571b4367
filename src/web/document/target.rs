//! One name at one resolver.

use std::collections::BTreeMap;
use std::time::SystemTime;

use humantime::format_rfc3339_seconds;
use serde::Serialize;
use utoipa::ToSchema;

use crate::board::{KeptReply, Replies, TargetCell, TargetState};
use crate::outcome::Outcome;
use crate::plan::Target;
use crate::rfc3339;
use crate::runway;
use crate::wire;

/// What is known of one name at one resolver, asked over one transport.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::web) struct NameStatus<'a> {
    pub(in crate::web) name: &'a str,
    pub(in crate::web) class: &'a str,
    pub(in crate::web) transport: &'static str,
    pub(in crate::web) qname: &'a str,
    pub(in crate::web) qtype: &'static str,
    pub(in crate::web) recursion_desired: bool,
    pub(in crate::web) result: Option<Outcome>,
    #[serde(with = "rfc3339::option")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub(in crate::web) since: Option<SystemTime>,
    #[serde(with = "rfc3339::option")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub(in crate::web) last_probe: Option<SystemTime>,
    #[serde(with = "rfc3339::option")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub(in crate::web) last_success: Option<SystemTime>,
    pub(in crate::web) duration_seconds: Option<f64>,
    pub(in crate::web) answer_ttl_seconds: Option<u32>,
    pub(in crate::web) runway_seconds: Option<f64>,
    pub(in crate::web) runway_method: Option<&'static str>,
    pub(in crate::web) results: BTreeMap<&'static str, u64>,
    /// The last replies; left out where a document holds many names.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub(in crate::web) replies: Option<LastReplies>,
}

/// What is kept of the replies to one name at one resolver.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::web) struct LastReplies {
    /// The last reply that came in time.
    pub(in crate::web) last_reply: Option<Shown>,
    /// The last one that was `ok`, where that is another one.
    pub(in crate::web) last_good_reply: Option<Shown>,
}

/// A reply as dig would show it.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::web) struct Shown {
    /// When its question was sent.
    #[serde(with = "rfc3339")]
    #[schema(value_type = String, format = DateTime)]
    pub(in crate::web) at: SystemTime,
    pub(in crate::web) result: Outcome,
    pub(in crate::web) text: String,
}

impl<'a> NameStatus<'a> {
    pub(super) fn of(target: &'a Target, state: &TargetState, now: SystemTime) -> Self {
        let runway = runway::of_name(target, state, now);
        let question = &target.name.question;
        let counts = Outcome::ALL.into_iter().map(|outcome| (outcome.as_str(), state.results[outcome.index()]));
        Self {
            name: target.name.id.as_str(),
            class: target.name.class.as_str(),
            transport: target.transport.as_str(),
            qname: question.qname.as_str(),
            qtype: question.qtype.as_str(),
            recursion_desired: question.recursion_desired,
            result: state.last.map(|last| last.outcome),
            since: state.last.map(|last| last.since),
            last_probe: state.last.map(|last| last.at),
            last_success: state.last_success,
            duration_seconds: state.last.and_then(|last| last.after).map(|after| after.as_secs_f64()),
            answer_ttl_seconds: state.answer_ttl,
            runway_seconds: runway.map(|runway| runway.left.as_secs_f64()),
            runway_method: runway.map(|runway| runway.method.as_str()),
            results: counts.filter(|(_, count)| *count > 0).collect(),
            replies: None,
        }
    }

    /// The same with the last replies.
    pub(super) fn in_detail(cell: &'a TargetCell, now: SystemTime) -> Self {
        let target = cell.target();
        let Replies { last, good } = cell.replies();
        let good = good.filter(|good| last.as_ref() != Some(good));
        let shown = |reply: KeptReply| Shown::of(target, &reply);
        let replies = LastReplies { last_reply: last.and_then(shown), last_good_reply: good.and_then(shown) };
        Self { replies: Some(replies), ..Self::of(target, &cell.state(), now) }
    }
}

impl Shown {
    fn of(target: &Target, reply: &KeptReply) -> Option<Self> {
        let (address, port) = (target.resolver.address.ip(), target.resolver.address.port());
        let text = format!(
            "{}\n;; Query time: {} msec\n;; SERVER: {address}#{port} ({})\n;; WHEN: {}\n;; MSG SIZE  rcvd: {}\n",
            wire::dig(&reply.packet)?,
            reply.after.as_millis(),
            target.transport.as_str().to_ascii_uppercase(),
            format_rfc3339_seconds(reply.at),
            reply.packet.len()
        );
        Some(Self { at: reply.at, result: reply.outcome, text })
    }
}
