//! What each software says about itself: CHAOS names (RFC 4892) and NSID (RFC 5001).

use hickory_proto::op::ResponseCode;
use hickory_proto::rr::rdata::TXT;
use hickory_proto::rr::{DNSClass, Name, RData, Record, RecordType};

use super::findings::Findings;
use super::software::Software;

/// The answer to a CHAOS question.
pub(super) fn chaos(software: Software, server: &str, qname: &Name, qtype: RecordType) -> Findings {
    let id = ["hostname.bind.", "id.server."];
    let version = ["version.bind.", "version.server."];
    let asked = qname.to_lowercase().to_ascii();
    let (says_hostname, says_id, says_version) = match software {
        Software::Bind | Software::BindValidating | Software::Unbound => (true, true, true),
        Software::Pdns => (false, true, true),
        Software::Dnsmasq => (false, false, true),
        Software::Knot => return Findings::error(ResponseCode::ServFail),
    };
    let text = if (asked == id[0] && says_hostname) || (asked == id[1] && says_id) {
        server
    } else if version.contains(&asked.as_str()) && says_version {
        software.version()
    } else {
        return Findings::error(ResponseCode::Refused);
    };
    if qtype != RecordType::TXT {
        return Findings::new(ResponseCode::NoError, Vec::new(), Vec::new());
    }
    let mut record = Record::from_rdata(qname.clone(), 0, RData::TXT(TXT::new(vec![text.to_owned()])));
    record.dns_class = DNSClass::CH;
    Findings::new(ResponseCode::NoError, vec![record], Vec::new())
}

/// Whether it names itself with every answer to who asks for it.
pub(super) const fn has_nsid(software: Software) -> bool {
    match software {
        Software::Bind | Software::BindValidating | Software::Pdns | Software::Knot => true,
        Software::Unbound | Software::Dnsmasq => false,
    }
}
