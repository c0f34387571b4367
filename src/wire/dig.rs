//! A reply in the form in which dig shows it, which is how those who know DNS read.

use std::fmt::{self, Write};

use hickory_proto::op::{Edns, Message, Query};
use hickory_proto::rr::rdata::opt::{EdnsCode, EdnsOption};

use super::{Rcode, Record, Reply, printable};

/// The longest text, in bytes, give or take a record: compression lets a short packet stand for a long one.
const LONGEST: usize = 16 << 10;

/// The message as dig shows it, without what dig knows beside it (server, time, size). Printable, however hostile.
/// Nothing for what is no DNS message.
pub fn dig(packet: &[u8]) -> Option<String> {
    let message = Message::from_vec(packet).ok()?;
    let mut text = String::new();
    // Writing to a String cannot fail.
    let _ = write_message(&mut text, packet, &message);
    Some(text)
}

fn write_message(text: &mut String, packet: &[u8], message: &Message) -> fmt::Result {
    let head = &message.metadata;
    let rcode = Rcode(u16::from(head.response_code));
    let opcode = format!("{:?}", head.op_code).to_ascii_uppercase();
    writeln!(text, ";; ->>HEADER<<- opcode: {opcode}, status: {rcode}, id: {}", head.id)?;
    let flags = [
        ("qr", packet.get(2).is_some_and(|byte| byte & 0x80 != 0)),
        ("aa", head.authoritative),
        ("tc", head.truncation),
        ("rd", head.recursion_desired),
        ("ra", head.recursion_available),
        ("ad", head.authentic_data),
        ("cd", head.checking_disabled),
    ];
    let count = |at: usize| packet.get(at..at + 2).map_or(0, |count| u16::from_be_bytes([count[0], count[1]]));
    text.push_str(";; flags:");
    for (flag, _) in flags.into_iter().filter(|(_, set)| *set) {
        write!(text, " {flag}")?;
    }
    let counts = [4, 6, 8, 10].map(count);
    writeln!(
        text,
        "; QUERY: {}, ANSWER: {}, AUTHORITY: {}, ADDITIONAL: {}",
        counts[0], counts[1], counts[2], counts[3]
    )?;
    if let Some(edns) = &message.edns {
        write_edns(text, edns, packet)?;
    }
    if !message.queries.is_empty() {
        text.push_str("\n;; QUESTION SECTION:\n");
        message.queries.iter().try_for_each(|query| write_question(text, query))?;
    }
    let sections =
        [("ANSWER", &message.answers), ("AUTHORITY", &message.authorities), ("ADDITIONAL", &message.additionals)];
    for (name, records) in sections.into_iter().filter(|(_, records)| !records.is_empty()) {
        writeln!(text, "\n;; {name} SECTION:")?;
        for record in records {
            if text.len() > LONGEST {
                return text.write_str("; more records are left out here\n");
            }
            write_record(text, &Record::from(record.clone()))?;
        }
    }
    Ok(())
}

fn write_edns(text: &mut String, edns: &Edns, packet: &[u8]) -> fmt::Result {
    let dnssec = if edns.flags().dnssec_ok { " do" } else { "" };
    text.push_str("\n;; OPT PSEUDOSECTION:\n");
    writeln!(text, "; EDNS: version: {}, flags:{dnssec}; udp: {}", edns.version(), edns.max_payload())?;
    if let Some(EdnsOption::NSID(_) | EdnsOption::Unknown(..)) = edns.option(EdnsCode::NSID)
        && let Some(nsid) = Reply::read_again(packet).and_then(|reply| reply.nsid)
    {
        writeln!(text, "; NSID: \"{nsid}\"")?;
    }
    for error in Reply::read_again(packet).into_iter().flat_map(|reply| reply.extended_errors) {
        writeln!(text, "; {error}")?;
    }
    Ok(())
}

fn write_question(text: &mut String, query: &Query) -> fmt::Result {
    let name = printable(query.name().to_ascii().as_bytes(), 255 * 4);
    writeln!(text, ";{name}\t{}\t{}", query.query_class(), query.query_type())
}

fn write_record(text: &mut String, record: &Record) -> fmt::Result {
    writeln!(text, "{record:#}")
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use hickory_proto::op::{MessageType, OpCode, ResponseCode};
    use hickory_proto::rr::rdata::TXT;
    use hickory_proto::rr::{Name, RData, Record as WireRecord, RecordType};

    use super::*;

    fn message(rcode: ResponseCode) -> Message {
        let mut message = Message::new(4711, MessageType::Response, OpCode::Query);
        message.metadata.response_code = rcode;
        message.metadata.recursion_desired = true;
        message.metadata.recursion_available = true;
        message.add_query(Query::query(Name::from_ascii("www.example.com.").unwrap(), RecordType::A));
        message
    }

    #[test]
    fn a_failure_reads_as_from_dig() {
        let mut failed = message(ResponseCode::ServFail);
        let mut edns = Edns::new();
        edns.set_max_payload(1232).set_dnssec_ok(true);
        edns.options_mut().insert(EdnsOption::Unknown(3, b"ns1".to_vec()));
        edns.options_mut().insert(EdnsOption::Unknown(15, b"\x00\x16no <way> out".to_vec()));
        failed.set_edns(edns);
        let expected = ";; ->>HEADER<<- opcode: QUERY, status: SERVFAIL, id: 4711\n\
            ;; flags: qr rd ra; QUERY: 1, ANSWER: 0, AUTHORITY: 0, ADDITIONAL: 1\n\
            \n;; OPT PSEUDOSECTION:\n; EDNS: version: 0, flags: do; udp: 1232\n; NSID: \"ns1\"\n\
            ; EDE 22 (No Reachable Authority): no <way> out\n\
            \n;; QUESTION SECTION:\n;www.example.com.\tIN\tA\n";
        assert_eq!(dig(&failed.to_vec().unwrap()).unwrap(), expected);
    }

    #[test]
    fn records_are_lines_of_a_zone_file_and_never_more_than_one_line() {
        let mut answered = message(ResponseCode::NoError);
        let owner = Name::from_ascii("www.example.com.").unwrap();
        let hostile = TXT::new(vec!["a\nb\x1b[31m<script>".to_owned()]);
        answered.add_answer(WireRecord::from_rdata(owner.clone(), 60, RData::A(Ipv4Addr::new(192, 0, 2, 1).into())));
        answered.add_answer(WireRecord::from_rdata(owner, 60, RData::TXT(hostile)));
        let text = dig(&answered.to_vec().unwrap()).unwrap();
        assert!(text.contains("\n;; ANSWER SECTION:\nwww.example.com.\t60\tIN\tA\t192.0.2.1\n"), "{text}");
        assert!(text.chars().all(|c| c == '\n' || c == '\t' || !c.is_control()), "{text:?}");
        assert_eq!(text.lines().filter(|line| line.starts_with("www.example.com.\t60")).count(), 2, "{text}");
    }

    #[test]
    fn a_packet_that_stands_for_a_long_text_is_cut() {
        // Every record points to the long name of the question, and takes sixteen bytes.
        let record = [0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, 1];
        let label = [&[60], [b'x'; 60].as_slice()].concat();
        let question = [label.repeat(4), vec![0, 0, 1, 0, 1]].concat();
        let packet = [vec![0, 0, 0x81, 0x80, 0, 1, 0, 200, 0, 0, 0, 0], question, record.repeat(200)].concat();
        let text = dig(&packet).unwrap();
        assert!(packet.len() < 4096 && text.len() < LONGEST + 1024, "{} and {}", packet.len(), text.len());
        assert!(text.ends_with("left out here\n"), "{text}");
    }

    #[test]
    fn what_is_no_message_has_no_text() {
        for packet in [&[][..], &[0; 5], &[0xff; 40]] {
            assert!(dig(packet).is_none());
        }
    }
}
