//! Sensible record data where nobody said which.

use hickory_proto::rr::rdata::NULL;
use hickory_proto::rr::{RData, RecordType};
use regex::Regex;
use regex_syntax::hir::{Class, Hir, HirKind};

/// Variants from here on are data that nobody expects.
pub(super) const WRONG: u8 = 66;

/// Data of a type; other variants, other data. Addresses come from the documentation ranges (RFC 5737, RFC 3849), names
/// from the documentation domains (RFC 2606). Nothing for types that Fathom cannot ask for.
#[expect(clippy::wildcard_enum_match_arm, reason = "the codec knows many more types than Fathom asks for")]
pub(super) fn rdata(rtype: RecordType, variant: u8) -> Option<RData> {
    let n = variant;
    let text = match rtype {
        RecordType::A => format!("203.0.113.{n}"),
        RecordType::AAAA => format!("2001:db8::{n}"),
        RecordType::TXT => format!("\"sample {n}\""),
        RecordType::CNAME | RecordType::NS | RecordType::PTR => format!("host{n}.example.net."),
        RecordType::MX => format!("10 mail{n}.example.net."),
        RecordType::SRV => format!("0 5 443 host{n}.example.net."),
        RecordType::SOA => format!("ns{n}.example.net. hostmaster.example.net. {n} 3600 600 86400 5"),
        RecordType::CAA => format!("0 issue \"ca{n}.example.net\""),
        RecordType::HTTPS | RecordType::SVCB => format!("{n} host.example.net."),
        RecordType::NAPTR => format!("10 {n} \"s\" \"SIP+D2U\" \"\" _sip._udp.example.net."),
        RecordType::TLSA => format!("3 1 1 {n:02x}{n:02x}{n:02x}{n:02x}"),
        // The codec writes these two only with its cryptography, which nothing here needs.
        RecordType::DS | RecordType::DNSKEY => {
            let bytes = vec![0x01, 0x01, 13, n, n, n, n];
            return Some(RData::Unknown { code: rtype, rdata: NULL::with(bytes) });
        }
        _ => return None,
    };
    RData::try_from_str(rtype, &text).ok()
}

/// Data of a type whose text the pattern matches.
pub(super) fn matching(rtype: RecordType, pattern: &Regex) -> Option<RData> {
    let hir = regex_syntax::parse(pattern.as_str()).ok()?;
    let text = shortest(&hir)?;
    // The text is all of the data, or the name in it.
    let forms = [
        text.clone(),
        format!("\"{text}\""),
        format!("{text}."),
        format!("0 5 389 {text}."),
        format!("10 {text}."),
        format!("0 issue \"{text}\""),
    ];
    let data = forms.iter().filter_map(|form| RData::try_from_str(rtype, form).ok());
    data.into_iter().find(|data| pattern.is_match(&data.to_string()))
}

/// A short text that the expression matches; nothing for one that matches only bytes that are no text.
fn shortest(hir: &Hir) -> Option<String> {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => Some(String::new()),
        HirKind::Literal(literal) => String::from_utf8(literal.0.to_vec()).ok(),
        HirKind::Class(Class::Unicode(class)) => {
            // Printable, where the class has such a character: `.` begins with control characters.
            let in_class = |c: &char| class.ranges().iter().any(|range| (range.start()..=range.end()).contains(c));
            ('0'..='9').chain('a'..='z').chain('!'..='~').find(in_class).map(String::from)
        }
        HirKind::Class(Class::Bytes(_)) => None,
        HirKind::Repetition(repetition) => {
            let once = shortest(&repetition.sub)?;
            Some(once.repeat(usize::try_from(repetition.min).ok()?))
        }
        HirKind::Capture(capture) => shortest(&capture.sub),
        HirKind::Concat(parts) => parts.iter().map(shortest).collect(),
        HirKind::Alternation(ways) => ways.iter().find_map(shortest),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::estate::QueryType;

    #[test]
    fn there_is_data_for_every_type_that_can_be_asked_for() {
        for qtype in QueryType::ALL {
            let rtype = RecordType::from(qtype.code());
            assert_eq!(rdata(rtype, 1).map(|data| data.record_type()), Some(rtype), "{}", qtype.as_str());
            assert_ne!(rdata(rtype, 1), rdata(rtype, WRONG), "{}", qtype.as_str());
        }
    }

    #[test]
    fn data_is_made_to_match_a_pattern() {
        for (rtype, pattern) in [
            (RecordType::SRV, r"ldap[0-9]\.int\.example"),
            (RecordType::TXT, r"^v=spf1 .*-all$"),
            (RecordType::A, r"^198\.51\.100\.(1|2)\d$"),
            (RecordType::MX, r"mail\d{2}"),
        ] {
            let pattern = Regex::new(pattern).unwrap();
            assert!(pattern.is_match(&matching(rtype, &pattern).unwrap().to_string()), "{rtype} {pattern}");
        }
    }
}
