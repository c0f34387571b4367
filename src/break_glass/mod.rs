//! Break glass: the last verified addresses of names, for the time when nothing answers any more.
//!
//! Verified is what met an expectation of its data: `expect.answers`, `networks` or `matches`, or what the resolver validated
//! by DNSSEC where `expect.authenticated` asks for that. Anything else is left out, and it is said that it is.
//!
//! [`collect`] takes addresses from the board, [`keep`] keeps them on disk for a process that is started when everything is
//! down, [`mod@write`] writes them for hosts files and servers.

mod choose;
pub mod collect;
pub mod keep;
pub mod write;

use std::collections::HashSet;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::estate::{DomainName, Label};
use crate::rfc3339;

/// How old an answer may be, unless somebody says otherwise.
pub const MAX_AGE: Duration = Duration::from_secs(7 * 86_400);

/// The most answers that are kept in all: the newest.
pub const MOST_ANSWERS: usize = 20_000;

/// The most addresses of one answer. A longer one is not kept.
pub const MOST_ADDRESSES: usize = 64;

/// The version of the document's form.
const FORM: u32 = 1;

/// Every name with addresses, and what was last verified of it: the file on disk, and `GET /api/v1/break-glass`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Book {
    /// The version of this form.
    pub form: u32,
    /// Which environment is watched.
    pub environment: String,
    /// From which datacenter: answers of its own clusters come first.
    pub vantage: String,
    /// When this was written, by the clock of its writer, as all other times are.
    #[serde(with = "rfc3339")]
    #[schema(value_type = String, format = DateTime)]
    pub written_at: SystemTime,
    /// In words, where this is kept for the time after a restart, or why it is not.
    pub kept: String,
    /// Every name whose type is A or AAAA, in the order of the configuration.
    pub names: Vec<Entry>,
}

/// One name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = VerifiedName)]
pub struct Entry {
    /// Its name in the configuration.
    pub name: String,
    /// Its class.
    pub class: String,
    /// What is asked.
    pub qname: String,
    /// Of which type.
    pub qtype: AddressType,
    /// Why no answer of it is kept, where that is so by its configuration.
    pub left_out: Option<LeftOut>,
    /// What was last verified, resolver by resolver.
    pub answers: Vec<Verified>,
}

/// What one resolver last answered that was verified.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Verified {
    /// Where the resolver stands.
    pub datacenter: String,
    /// Its cluster.
    pub cluster: String,
    /// Its name.
    pub resolver: String,
    /// Its address and port.
    #[schema(value_type = String)]
    pub address: SocketAddr,
    /// When it was asked.
    #[serde(with = "rfc3339")]
    #[schema(value_type = String, format = DateTime)]
    pub at: SystemTime,
    /// How the answer was verified.
    pub proof: Proof,
    /// The addresses, sorted.
    #[schema(value_type = Vec<String>)]
    pub addresses: Vec<IpAddr>,
}

/// A type of addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum AddressType {
    /// IPv4.
    A,
    /// IPv6.
    Aaaa,
}

/// How an answer was verified.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Proof {
    /// It is exactly what `expect.answers` says.
    Answers,
    /// Every address lies in `expect.networks`.
    Networks,
    /// Every address matches `expect.matches`.
    Matches,
    /// The resolver validated it by DNSSEC (the AD bit), as `expect.authenticated` demands.
    Dnssec,
}

/// Why a name is left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum LeftOut {
    /// It is another one with every probe.
    Nonce,
    /// It cannot stand in a hosts file: a wildcard, an underscore.
    NotAHostName,
    /// Nothing verifies its answers.
    Unverified,
}

impl AddressType {
    /// The mnemonic, as in a zone file.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::A => "A",
            Self::Aaaa => "AAAA",
        }
    }

    const fn is_of(self, address: &IpAddr) -> bool {
        match self {
            Self::A => address.is_ipv4(),
            Self::Aaaa => address.is_ipv6(),
        }
    }
}

impl Proof {
    /// In words, for people.
    pub const fn in_words(self) -> &'static str {
        match self {
            Self::Answers => "exactly as expected",
            Self::Networks => "within the expected networks",
            Self::Matches => "as the expected pattern",
            Self::Dnssec => "validated by DNSSEC (AD)",
        }
    }
}

impl LeftOut {
    /// In words, for people.
    pub const fn in_words(self) -> &'static str {
        match self {
            Self::Nonce => "it is another name with every probe",
            Self::NotAHostName => "it cannot stand in a hosts file",
            Self::Unverified => {
                "nothing verifies its answers: give it expect.answers, networks, matches or authenticated = true"
            }
        }
    }
}

/// Why a document cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Unreadable {
    /// It is no such document.
    #[error("not what this version of Fathom writes: {0}")]
    Json(#[from] serde_json::Error),
    /// It says what cannot be.
    #[error("not to be trusted: {0}")]
    Nonsense(String),
}

impl Book {
    /// As JSON, with a line end.
    ///
    /// # Panics
    /// Never: this is plain data.
    pub fn to_json(&self) -> String {
        serde_json::to_string_pretty(self).expect("plain data") + "\n"
    }

    /// Reads a document, and holds it to what a prober could say: its texts end up in hosts files and in servers.
    ///
    /// # Errors
    /// When it is none, or holds words, names or addresses that could not come from a configuration.
    pub fn read(body: &[u8]) -> Result<Self, Unreadable> {
        let book: Self = serde_json::from_slice(body)?;
        let nonsense = |what: String| Err(Unreadable::Nonsense(what));
        if book.form != FORM {
            return nonsense(format!("its form is {}, and this version knows {FORM} alone", book.form));
        }
        if book.names.iter().map(|entry| entry.answers.len()).sum::<usize>() > MOST_ANSWERS {
            return nonsense(format!("it holds more than {MOST_ANSWERS} answers"));
        }
        let words = book.names.iter().flat_map(Entry::words).chain([book.environment.as_str(), &book.vantage]);
        if let Some(word) = words.into_iter().find(|word| Label::parse(word).is_none()) {
            return nonsense(format!("{word:?} is no word of a configuration"));
        }
        if book.kept.chars().any(char::is_control) {
            return nonsense("there are control characters in it".to_owned());
        }
        let mut seen = HashSet::new();
        for entry in &book.names {
            if !seen.insert(&entry.name) {
                return nonsense(format!("it lists {} twice", entry.name));
            }
            entry.check().map_err(Unreadable::Nonsense)?;
        }
        Ok(book)
    }

    /// The same with the names of one class alone.
    #[must_use]
    pub fn of_class(mut self, class: Option<&str>) -> Self {
        self.names.retain(|entry| class.is_none_or(|class| entry.class == class));
        self
    }

    /// The same without answers that are older than this.
    #[must_use]
    pub fn no_older_than(mut self, max_age: Duration, now: SystemTime) -> Self {
        let young =
            |answer: &Verified| now.duration_since(answer.at).is_ok_and(|age| age <= max_age) || answer.at > now;
        for entry in &mut self.names {
            entry.answers.retain(young);
        }
        self
    }

    /// The classes of its names, each once, in their order.
    pub fn classes(&self) -> Vec<&str> {
        let mut classes: Vec<&str> = Vec::new();
        for entry in &self.names {
            if !classes.contains(&entry.class.as_str()) {
                classes.push(&entry.class);
            }
        }
        classes
    }
}

impl Entry {
    fn words(&self) -> impl Iterator<Item = &str> {
        let of_answers = self.answers.iter().flat_map(|answer| [&answer.datacenter, &answer.cluster, &answer.resolver]);
        [&self.name, &self.class].into_iter().chain(of_answers).map(String::as_str)
    }

    fn check(&self) -> Result<(), String> {
        let name = &self.name;
        let known = DomainName::parse(&self.qname).filter(|qname| qname.as_str() == self.qname);
        let Some(qname) = known else { return Err(format!("{name}: {:?} is no domain name", self.qname)) };
        if self.answers.is_empty() {
            return Ok(());
        }
        if host_name(&qname).is_none() {
            return Err(format!("{name}: {qname} cannot stand in a hosts file"));
        }
        for answer in &self.answers {
            let fits = (1..=MOST_ADDRESSES).contains(&answer.addresses.len())
                && answer.addresses.iter().all(|address| self.qtype.is_of(address));
            if !fits {
                return Err(format!(
                    "{name}: what {} answered are no {} records",
                    answer.resolver,
                    self.qtype.as_str()
                ));
            }
        }
        Ok(())
    }
}

/// The name as it stands in a hosts file, without the final dot, where it can: labels of letters, digits and inner hyphens
/// (RFC 1123, section 2.1).
fn host_name(qname: &DomainName) -> Option<&str> {
    let name = qname.as_str().strip_suffix('.')?;
    let label_fits = |label: &str| {
        !label.is_empty()
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    name.split('.').all(label_fits).then_some(name)
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;

    /// So many seconds after some noon.
    pub(super) fn second(seconds: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(1_753_099_200 + seconds)
    }

    pub(super) fn answer(resolver: &str, at: u64, addresses: &[&str]) -> Verified {
        Verified {
            datacenter: "dc1".to_owned(),
            cluster: "c1".to_owned(),
            resolver: resolver.to_owned(),
            address: "192.0.2.53:53".parse().unwrap(),
            at: second(at),
            proof: Proof::Networks,
            addresses: addresses.iter().map(|address| address.parse().unwrap()).collect(),
        }
    }

    /// A name on which resolvers agree, one on which they do not, one that was never answered, and one that is left out.
    pub(super) fn book() -> Book {
        let entry = |name: &str, qname: &str, qtype, left_out, answers| Entry {
            name: name.to_owned(),
            class: if name == "db" { "database" } else { "internal" }.to_owned(),
            qname: qname.to_owned(),
            qtype,
            left_out,
            answers,
        };
        let db = vec![answer("ns1", 10, &["10.1.0.5"]), answer("ns2", 20, &["10.1.0.5"])];
        let mut portal = vec![
            answer("ns1", 60, &["2001:db8::1", "2001:db8::2"]),
            answer("ns2", 50, &["2001:db8::3"]),
            answer("ns3", 40, &["2001:db8::3"]),
            answer("far", 90, &["2001:db8::4"]),
        ];
        portal[3].datacenter = "dc2".to_owned();
        portal[0].proof = Proof::Dnssec;
        Book {
            form: FORM,
            environment: "production".to_owned(),
            vantage: "dc1".to_owned(),
            written_at: second(100),
            kept: "Kept in /var/lib/fathom/break-glass.json.".to_owned(),
            names: vec![
                entry("db", "db1.int.example.", AddressType::A, None, db),
                entry("portal", "portal.int.example.", AddressType::Aaaa, None, portal),
                entry("wiki", "wiki.int.example.", AddressType::A, None, Vec::new()),
                entry("ldap", "_ldap.int.example.", AddressType::A, Some(LeftOut::NotAHostName), Vec::new()),
            ],
        }
    }

    #[test]
    fn what_is_written_is_read_back() {
        assert_eq!(Book::read(book().to_json().as_bytes()).unwrap(), book());
    }

    #[test]
    fn what_could_not_come_from_a_prober_is_refused() {
        type Change = fn(&mut Book);
        let bad = |change: Change| {
            let mut book = book();
            change(&mut book);
            Book::read(book.to_json().as_bytes()).unwrap_err().to_string()
        };
        let cases: [(Change, &str); 9] = [
            (|b| b.form = 2, "its form is 2, and this version knows 1 alone"),
            (
                |b| b.names[0].name = "db\n6.6.6.6 bank".to_owned(),
                "\"db\\n6.6.6.6 bank\" is no word of a configuration",
            ),
            (|b| b.names[0].answers[0].resolver = "ns 1".to_owned(), "\"ns 1\" is no word of a configuration"),
            (
                |b| b.names[0].qname = "db1.int.example. 1.2.3.4".to_owned(),
                "db: \"db1.int.example. 1.2.3.4\" is no domain name",
            ),
            (|b| b.names[0].qname = "*.int.example.".to_owned(), "db: *.int.example. cannot stand in a hosts file"),
            (|b| b.names[0].qtype = AddressType::Aaaa, "db: what ns1 answered are no AAAA records"),
            (|b| b.names[0].answers[1].addresses.clear(), "db: what ns2 answered are no A records"),
            (|b| b.names[1].name = "db".to_owned(), "it lists db twice"),
            (|b| b.kept = "Kept.\n6.6.6.6 bank".to_owned(), "there are control characters in it"),
        ];
        for (change, expected) in cases {
            assert_eq!(bad(change), format!("not to be trusted: {expected}"));
        }
        for body in ["", "[]", "{}", "<html>"] {
            let error = Book::read(body.as_bytes()).unwrap_err().to_string();
            assert!(error.starts_with("not what this version of Fathom writes: "), "{error}");
        }
    }

    #[test]
    fn names_that_hosts_files_can_hold() {
        let is_one = |name: &str| host_name(&DomainName::parse(name).unwrap()).is_some();
        for good in ["db1.int.example.", "a.", "9-lives.example.", "xn--mnchen-3ya.example."] {
            assert!(is_one(good), "{good}");
        }
        for bad in
            [".", "*.example.", "_ldap._tcp.example.", "0/26.2.0.192.in-addr.arpa.", "-a.example.", "a-.example."]
        {
            assert!(!is_one(bad), "{bad}");
        }
    }
}
