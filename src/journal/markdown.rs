//! An incident as Markdown: for a post-mortem, or for a status update. Pure.
//!
//! Whatever came from the network or from a person is written so that it stays text: it becomes no link, no markup and no
//! mention, wherever the document is pasted.

use std::fmt::Write;
use std::time::{Duration, SystemTime};

use humantime::{format_duration, format_rfc3339_seconds};

use super::entry::Event;
use super::incident::{Cause, Incident};
use super::is_unprintable;
use super::json::{OneIncident, ToldEntry};

impl OneIncident {
    /// The document.
    pub fn to_markdown(&self) -> String {
        let incident = &self.incident.incident;
        let mut text = format!(
            "# Incident {} in {}\n\n{}\n\n",
            incident.id,
            escaped(&incident.cluster),
            escaped(&self.incident.summary)
        );
        text += &facts(incident, self.now);
        text += "\n## Cause\n\n";
        text += &incident.cause.as_ref().map_or_else(|| "Not known.\n".to_owned(), cause);
        text += "\n## Impact\n\n";
        text += &impact(incident);
        text += "\n## Timeline\n\nAll times are UTC.\n\n| time | where | what |\n|---|---|---|\n";
        for told in self.timeline.iter().filter(|told| tells(told)) {
            text += &line(told);
        }
        text
    }
}

fn facts(incident: &Incident, now: SystemTime) -> String {
    let lasted = format_duration(whole_seconds(incident.duration(now)));
    let mut text = format!(
        "| | |\n|---|---|\n| Started | {} |\n| Ended | {} |\n| Duration | {lasted} |\n| Datacenter | {} |\n| Worst state | {} |\n",
        time(incident.started),
        incident.ended.map_or_else(|| "goes on".to_owned(), time),
        escaped(&incident.datacenter),
        incident.worst.as_str(),
    );
    if incident.reopened > 0 {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "| Seemed to be over | {} times |", incident.reopened);
    }
    text
}

fn cause(cause: &Cause) -> String {
    let mut text = format!(
        "`{}`, {}, at {}; found {}.\n\n{}\n",
        cause.verdict.as_str(),
        cause.confidence.as_str(),
        escaped(&cause.resolvers.join(", ")),
        time(cause.since),
        escaped(&cause.sentence)
    );
    if !cause.evidence.is_empty() {
        text += "\nEvidence:\n\n";
        text.extend(cause.evidence.iter().map(|evidence| format!("- {}\n", escaped(evidence))));
    }
    text
}

fn impact(incident: &Incident) -> String {
    if incident.impact.is_empty() {
        return "No name failed.\n".to_owned();
    }
    let mut text = "| class | from | until | where |\n|---|---|---|---|\n".to_owned();
    for class in &incident.impact {
        let resolvers = class
            .resolvers
            .iter()
            .map(|at| format!("{}: `{}` ({})", escaped(&at.resolver), at.outcome, escaped(&at.names.join(", "))));
        let until = class.until.map_or_else(|| "goes on".to_owned(), time);
        let places = resolvers.collect::<Vec<_>>().join("; ");
        // Writing to a string cannot fail.
        let _ = writeln!(text, "| {} | {} | {until} | {places} |", escaped(&class.class), time(class.since));
    }
    text
}

/// Whether an entry says something that the one before it did not: that one name more fails in the same way does not.
fn tells(told: &ToldEntry) -> bool {
    match &told.entry.event {
        Event::Outcome(change) => change.from != Some(change.to),
        Event::Verdict(_)
        | Event::Edge(_)
        | Event::Identity(_)
        | Event::Cluster(_)
        | Event::Configuration(_)
        | Event::Prober(_)
        | Event::Mark(_) => true,
    }
}

fn line(told: &ToldEntry) -> String {
    let (at, sentence) = (time(told.entry.at), escaped(&told.summary));
    match &told.entry.event {
        Event::Mark(_) => format!("| {at} | **mark** | **{sentence}** |\n"),
        Event::Outcome(_)
        | Event::Verdict(_)
        | Event::Edge(_)
        | Event::Identity(_)
        | Event::Cluster(_)
        | Event::Configuration(_)
        | Event::Prober(_) => format!("| {at} | {} | {sentence} |\n", escaped(&told.entry.place.to_string())),
    }
}

/// `2025-07-21 12:00:00Z`.
fn time(time: SystemTime) -> String {
    format_rfc3339_seconds(time).to_string().replace('T', " ")
}

const fn whole_seconds(duration: Duration) -> Duration {
    Duration::from_secs(duration.as_secs())
}

/// Text that stays text.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            // Hosts of documents make mentions of it, even behind a backslash.
            '@' => out.push_str("&#64;"),
            // Every other ASCII punctuation character may stand behind a backslash (CommonMark, section 2.4). These are
            // harmless wherever they stand in what is written here.
            ',' | ';' | '\'' | '"' | '(' | ')' | '%' | '?' | '!' => out.push(c),
            '-' | '/' | '=' | '+' if !out.is_empty() => out.push(c),
            // A dot makes a list of a number, and a link of "www"; a colon makes one of "https" before slashes.
            '.' if out.ends_with(|before: char| !before.is_ascii_digit() && !"wW".contains(before)) => out.push(c),
            '.' if out.contains(' ') && !out.ends_with(['w', 'W']) => out.push(c),
            ':' if chars.peek() != Some(&'/') => out.push(c),
            c if c.is_ascii_punctuation() => out.extend(['\\', c]),
            c if is_unprintable(c) => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use pulldown_cmark::{Event as Parsed, Options, Parser, Tag};

    use super::super::entry::{Entry, Mark, Place};
    use super::super::incident::{ClassImpact, ResolverImpact, Wrong};
    use super::*;
    use crate::outcome::Outcome;
    use crate::verdict::{ClusterState, Confidence, Verdict};

    const HOSTILE: [&str; 6] = [
        "<script>alert(1)</script> <img src=x>",
        "a | b | c \\| d",
        "[click](http://evil.example) ![x](y) www.evil.example https://evil.example",
        "# Heading **bold** `code` ~~x~~ _y_ &amp; \u{1b}[31m",
        "- list\n## break\n\n```",
        "\u{202e}reversed <mailto:a@b.example>",
    ];

    fn document(text: &str) -> OneIncident {
        let at = UNIX_EPOCH + Duration::from_secs(1_753_099_200);
        let incident = Incident {
            id: 3,
            datacenter: "dc1".to_owned(),
            cluster: "c1".to_owned(),
            started: at,
            ended: Some(at + Duration::from_millis(3_723_400)),
            reopened: 0,
            state: ClusterState::Healthy,
            worst: ClusterState::Outage,
            cause: Some(Cause {
                verdict: Verdict::LoopSuspected,
                confidence: Confidence::Confirmed,
                resolvers: vec!["ns1".to_owned(), "ns2".to_owned()],
                since: at,
                sentence: text.to_owned(),
                evidence: vec![text.to_owned()],
            }),
            impact: vec![ClassImpact {
                class: "external".to_owned(),
                since: at,
                until: None,
                resolvers: vec![ResolverImpact {
                    resolver: "ns1".to_owned(),
                    outcome: Outcome::Servfail,
                    names: vec!["www".to_owned()],
                }],
            }],
            wrong: Wrong::default(),
        };
        let mark = Event::Mark(Mark { text: text.to_owned(), by: text.to_owned() });
        let entry = Entry { id: 9, at, place: Place::PROBER, changes: 1, event: mark };
        OneIncident::new(at, incident, vec![entry])
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "all other events are text, or end what began")]
    /// What markup there is: headings, table cells, bold text, list items, links, HTML.
    fn shape(markdown: &str) -> [usize; 7] {
        let mut shape = [0; 7];
        let options = Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH;
        for event in Parser::new_ext(markdown, options) {
            let place = match event {
                Parsed::Start(Tag::Heading { .. }) => 0,
                Parsed::Start(Tag::TableCell) => 1,
                Parsed::Start(Tag::Strong) => 2,
                Parsed::Start(Tag::Item) => 3,
                Parsed::Start(Tag::Link { .. } | Tag::Image { .. } | Tag::Emphasis | Tag::Strikethrough) => 4,
                Parsed::Html(_) | Parsed::InlineHtml(_) | Parsed::HardBreak => 5,
                Parsed::Code(_) | Parsed::Start(Tag::CodeBlock(_) | Tag::BlockQuote(_)) => 6,
                _ => continue,
            };
            shape[place] += 1;
        }
        shape
    }

    #[test]
    fn whatever_a_text_holds_it_stays_text() {
        let plain = shape(&document("plain").to_markdown());
        assert_eq!(plain[4..6], [0, 0], "no links, no HTML");
        for hostile in HOSTILE {
            let markdown = document(hostile).to_markdown();
            assert_eq!(shape(&markdown), plain, "{markdown}");
            assert!(
                !markdown.contains("p://")
                    && !markdown.contains("s://")
                    && !markdown.contains("www.")
                    && !markdown.contains('@'),
                "{markdown}"
            );
            assert!(!markdown.chars().any(|c| c != '\n' && is_unprintable(c)), "{markdown:?}");
        }
    }

    #[test]
    fn it_says_what_a_post_mortem_needs() {
        let markdown = document("ns1 and ns2 forward in a circle.").to_markdown();
        for part in [
            "# Incident 3 in c1\n\nc1 went into an outage; names failed: external",
            "| Started | 2025-07-21 12:00:00Z |\n| Ended | 2025-07-21 13:02:03Z |\n| Duration | 1h 2m 3s |",
            "`loop_suspected`, confirmed, at ns1, ns2; found 2025-07-21 12:00:00Z.",
            "| external | 2025-07-21 12:00:00Z | goes on | ns1: `servfail` (www) |",
            "| 2025-07-21 12:00:00Z | **mark** | **ns1 and ns2 forward",
        ] {
            assert!(markdown.contains(part), "{part}\n{markdown}");
        }
    }
}
