//! Authoritative data: one zone, and how a question finds its answer in it (RFC 1034, section 4.3.2; RFC 4592).

use std::collections::BTreeMap;

use hickory_proto::rr::rdata::SOA;
use hickory_proto::rr::{Name, RData, Record, RecordType};

/// Aliases followed within one zone before the answer is given as it is.
const MOST_ALIASES: usize = 8;

/// What DNSSEC makes of a zone's answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Security {
    /// Not signed.
    #[default]
    Insecure,
    /// Signed, and the chain of trust holds: validators set AD.
    Secure,
    /// Signed, and the chain of trust is broken: validators answer SERVFAIL, unless checking is disabled.
    Bogus,
}

/// One zone with its records. Names are compared without regard to case.
#[derive(Debug, Clone)]
pub struct Zone {
    apex: Name,
    serial: u32,
    /// Time to live of negative answers, in seconds (RFC 2308, section 5).
    negative_ttl: u32,
    security: Security,
    records: BTreeMap<Name, Vec<Record>>,
}

/// What a zone says to a question.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Found {
    /// Records, aliases first.
    Answers(Vec<Record>),
    /// The name exists without the type; with the SOA record.
    Nodata(Box<Record>),
    /// The name does not exist; with the SOA record.
    Nxdomain(Box<Record>),
}

impl Zone {
    /// An empty zone: SOA serial 1, negative answers kept for 5 s, not signed.
    ///
    /// # Panics
    /// When `apex` is not a domain name.
    pub fn new(apex: &str) -> Self {
        let apex = name(apex);
        Self { apex, serial: 1, negative_ttl: 5, security: Security::Insecure, records: BTreeMap::new() }
    }

    /// The zone with one more record: `data` as in a zone file. An owner that begins with `*.` is a wildcard.
    ///
    /// # Panics
    /// When `owner` is not a domain name or `data` cannot be read as `rtype`: both are written by the programmer.
    #[must_use]
    pub fn with(self, owner: &str, ttl: u32, rtype: &str, data: &str) -> Self {
        let rtype: RecordType = rtype.parse().expect("a record type");
        let data = RData::try_from_str(rtype, data).unwrap_or_else(|error| panic!("{owner} {rtype} {data}: {error}"));
        self.with_rdata(name(owner), ttl, data)
    }

    pub(super) fn with_rdata(mut self, owner: Name, ttl: u32, data: RData) -> Self {
        self.records.entry(owner.to_lowercase()).or_default().push(Record::from_rdata(owner, ttl, data));
        self
    }

    /// The zone with another serial.
    #[must_use]
    pub fn serial(mut self, serial: u32) -> Self {
        self.serial = serial;
        self
    }

    /// The zone whose negative answers live so many seconds.
    #[must_use]
    pub fn negative_ttl(mut self, seconds: u32) -> Self {
        self.negative_ttl = seconds;
        self
    }

    /// The zone, signed or not.
    #[must_use]
    pub fn secured(mut self, security: Security) -> Self {
        self.security = security;
        self
    }

    pub(super) fn security(&self) -> Security {
        self.security
    }

    pub(super) fn apex(&self) -> &Name {
        &self.apex
    }

    pub(super) fn set_serial(&mut self, serial: u32) {
        self.serial = serial;
    }

    pub(super) fn set_security(&mut self, security: Security) {
        self.security = security;
    }

    /// Whether the name lies in the zone.
    pub(super) fn holds(&self, qname: &Name) -> bool {
        self.apex.zone_of(qname)
    }

    /// The answer to a question about a name that the zone holds.
    pub(super) fn lookup(&self, qname: &Name, qtype: RecordType) -> Found {
        let mut answers = Vec::new();
        let mut at = qname.clone();
        for _ in 0..MOST_ALIASES {
            let Some(owned) = self.records_of(&at) else {
                if !answers.is_empty() {
                    break;
                }
                return if self.exists(&at) { Found::Nodata(self.soa()) } else { Found::Nxdomain(self.soa()) };
            };
            let matching = owned.iter().filter(|record| record.record_type() == qtype);
            answers.extend(matching.map(|record| owned_by(&at, record)));
            let alias = owned.iter().find(|record| record.record_type() == RecordType::CNAME);
            let Some((record, RData::CNAME(target))) = alias.map(|record| (record, &record.data)) else { break };
            if qtype == RecordType::CNAME {
                break;
            }
            answers.push(owned_by(&at, record));
            let target = target.0.clone();
            if !self.holds(&target) {
                break;
            }
            at = target;
        }
        if answers.is_empty() { Found::Nodata(self.soa()) } else { Found::Answers(answers) }
    }

    /// The records of a name, its own or a wildcard's.
    fn records_of(&self, qname: &Name) -> Option<Vec<Record>> {
        if *qname == self.apex {
            let mut records = self.records.get(&qname.to_lowercase()).cloned().unwrap_or_default();
            records.push(*self.soa());
            return Some(records);
        }
        if let Some(own) = self.records.get(&qname.to_lowercase()) {
            return Some(own.clone());
        }
        if self.exists(qname) {
            return None;
        }
        // The wildcard of the closest name that exists, and no other (RFC 4592, section 3.3.1).
        let mut encloser = qname.base_name();
        while !self.exists(&encloser) {
            encloser = encloser.base_name();
        }
        let wildcard = encloser.prepend_label("*").ok()?;
        self.records.get(&wildcard.to_lowercase()).cloned()
    }

    /// Whether the name has records, or names below it have.
    fn exists(&self, qname: &Name) -> bool {
        *qname == self.apex || self.records.keys().any(|owner| qname.zone_of(owner))
    }

    fn soa(&self) -> Box<Record> {
        let in_zone = |label| Name::from_ascii(label).and_then(|host: Name| host.append_domain(&self.apex));
        let host = |label| in_zone(label).unwrap_or_else(|_| self.apex.clone());
        let soa = SOA::new(host("ns1"), host("hostmaster"), self.serial, 3600, 600, 86400, self.negative_ttl);
        Box::new(Record::from_rdata(self.apex.clone(), self.negative_ttl, RData::SOA(soa)))
    }
}

/// The record under the name that was asked for, as a wildcard's answer has it.
fn owned_by(owner: &Name, record: &Record) -> Record {
    let mut record = record.clone();
    record.name = owner.clone();
    record
}

/// A name written by the programmer or checked before.
pub(super) fn name(text: &str) -> Name {
    let mut name = Name::from_ascii(text).unwrap_or_else(|error| panic!("{text} is not a domain name: {error}"));
    name.set_fqdn(true);
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    fn zone() -> Zone {
        Zone::new("int.example.")
            .serial(7)
            .with("db1.int.example.", 300, "A", "10.1.0.5")
            .with("deep.er.int.example.", 300, "A", "10.1.0.6")
            .with("www.int.example.", 60, "CNAME", "db1.int.example.")
            .with("*.wild.int.example.", 0, "A", "10.1.0.7")
    }

    fn texts(qname: &str, qtype: RecordType) -> Result<Vec<String>, &'static str> {
        match zone().lookup(&name(qname), qtype) {
            Found::Answers(records) => Ok(records.iter().map(|r| format!("{} {}", r.name, r.data)).collect()),
            Found::Nodata(_) => Err("nodata"),
            Found::Nxdomain(_) => Err("nxdomain"),
        }
    }

    #[test]
    fn a_zone_answers_as_rfc_1034_and_4592_say() {
        assert_eq!(texts("DB1.int.example.", RecordType::A), Ok(vec!["DB1.int.example. 10.1.0.5".to_owned()]));
        assert_eq!(texts("db1.int.example.", RecordType::AAAA), Err("nodata"));
        assert_eq!(texts("er.int.example.", RecordType::A), Err("nodata"), "an empty non-terminal exists");
        assert_eq!(texts("nobody.int.example.", RecordType::A), Err("nxdomain"));
        assert_eq!(texts("www.int.example.", RecordType::A).unwrap().len(), 2, "the alias and its target");
        assert_eq!(texts("a.b.wild.int.example.", RecordType::A).unwrap(), ["a.b.wild.int.example. 10.1.0.7"]);
        assert_eq!(texts("a.wild.int.example.", RecordType::TXT), Err("nodata"));
        assert!(texts("int.example.", RecordType::SOA).unwrap()[0].contains(" 7 "), "the serial");
    }
}
