//! What a good answer looks like: the `expect` of a name, checked against the facts of a reply.

use std::fmt;
use std::net::IpAddr;

use ipnet::IpNet;
use regex::Regex;

use crate::estate::QueryType;
use crate::wire::{Rcode, Record, Reply};

/// What is expected of an answer. Answers are the records of the type that was asked for; the aliases on the way to
/// them are not.
#[derive(Debug, Clone)]
pub struct Expect {
    /// The response code.
    pub rcode: Rcode,
    /// The AA bit, when it matters.
    pub authoritative: Option<bool>,
    /// The AD bit, when it matters.
    pub authenticated: Option<bool>,
    /// Exactly these answers, in any order, compared by [`canonical`]; empty: any.
    pub answers: Vec<String>,
    /// Every address answered lies in one of these; empty: any.
    pub networks: Vec<IpNet>,
    /// Every answer's text matches this, anywhere in it.
    pub matches: Option<Regex>,
    /// At least as many answers.
    pub min_answers: u16,
    /// At most as many answers; zero makes NODATA the expected answer.
    pub max_answers: Option<u16>,
    /// No answer with a smaller time to live, in seconds.
    pub min_ttl: Option<u32>,
}

impl Default for Expect {
    /// NOERROR with at least one answer.
    fn default() -> Self {
        Self {
            rcode: Rcode::NOERROR,
            authoritative: None,
            authenticated: None,
            answers: Vec::new(),
            networks: Vec::new(),
            matches: None,
            min_answers: 1,
            max_answers: None,
            min_ttl: None,
        }
    }
}

impl PartialEq for Expect {
    fn eq(&self, other: &Self) -> bool {
        let pattern = |expect: &Self| expect.matches.as_ref().map(|m| m.as_str().to_owned());
        (self.rcode, self.authoritative, self.authenticated) == (other.rcode, other.authoritative, other.authenticated)
            && (&self.answers, &self.networks, pattern(self)) == (&other.answers, &other.networks, pattern(other))
            && (self.min_answers, self.max_answers, self.min_ttl)
                == (other.min_answers, other.max_answers, other.min_ttl)
    }
}

impl fmt::Display for Expect {
    /// All of it in one line: `NOERROR, the AA bit, exactly 10.1.0.5`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.rcode)?;
        for (bit, wanted) in [("AA", self.authoritative), ("AD", self.authenticated)] {
            match wanted {
                Some(true) => write!(f, ", the {bit} bit")?,
                Some(false) => write!(f, ", no {bit} bit")?,
                None => {}
            }
        }
        match (self.answers.as_slice(), self.min_answers, self.max_answers) {
            ([_, ..], ..) => write!(f, ", exactly {}", self.answers.join(" and "))?,
            ([], _, Some(0)) => f.write_str(", no answer")?,
            ([], least, Some(most)) => write!(f, ", {least} to {most} answers")?,
            ([], least @ 2.., None) => write!(f, ", at least {least} answers")?,
            ([], 0 | 1, None) => {}
        }
        if !self.networks.is_empty() {
            let networks: Vec<String> = self.networks.iter().map(ToString::to_string).collect();
            write!(f, ", addresses in {}", networks.join(" or "))?;
        }
        if let Some(pattern) = &self.matches {
            write!(f, ", answers that match {}", pattern.as_str())?;
        }
        if let Some(least) = self.min_ttl {
            write!(f, ", a TTL of {least} s or more")?;
        }
        Ok(())
    }
}

/// Record data in the one form in which two spellings of the same data are equal: lower case, single spaces, no quotes;
/// addresses in their shortest form.
pub fn canonical(rdata: &str) -> String {
    if let Ok(address) = rdata.trim().parse::<IpAddr>() {
        return address.to_string();
    }
    let unquoted: String = rdata.chars().filter(|c| *c != '"').collect();
    unquoted.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase()
}

/// How an answer with the expected response code falls short.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mismatch {
    /// AA was expected and is missing.
    NotAuthoritative,
    /// AA was expected to be absent and is set.
    Authoritative,
    /// AD was expected and is missing.
    NotAuthenticated,
    /// AD was expected to be absent and is set.
    Authenticated,
    /// Fewer answers than expected; none at all is NODATA.
    TooFew {
        /// How many came.
        got: usize,
        /// How many were expected at least.
        least: u16,
    },
    /// More answers than expected.
    TooMany {
        /// How many came.
        got: usize,
        /// How many were expected at most.
        most: u16,
    },
    /// Other answers than the exact ones that were expected.
    OtherAnswers {
        /// What came, sorted.
        got: Vec<String>,
    },
    /// An address outside the expected networks.
    OutsideNetworks {
        /// The first such answer.
        got: String,
    },
    /// An answer that the pattern does not match.
    PatternFails {
        /// The first such answer.
        got: String,
    },
    /// A time to live below the expected minimum.
    SmallTtl {
        /// The smallest, in seconds.
        got: u32,
        /// What was expected at least, in seconds.
        least: u32,
    },
}

impl Expect {
    /// How the reply, whose response code is the expected one, falls short; nothing when it does not.
    pub fn mismatch(&self, qtype: QueryType, reply: &Reply) -> Option<Mismatch> {
        self.flags_mismatch(reply).or_else(|| {
            let answers: Vec<&Record> = reply.answers_of(qtype.code()).collect();
            self.count_mismatch(answers.len()).or_else(|| self.content_mismatch(&answers))
        })
    }

    /// Whether these addresses are what may be answered, as far as data is concerned.
    pub fn admits(&self, addresses: &[IpAddr]) -> bool {
        let texts: Vec<String> = addresses.iter().map(ToString::to_string).collect();
        let exact = |wanted: &[String]| {
            let sorted = |texts: &[String]| {
                let mut texts = texts.to_vec();
                texts.sort_unstable();
                texts
            };
            wanted.is_empty() || sorted(wanted) == sorted(&texts)
        };
        let inside = |address: &IpAddr| self.networks.iter().any(|network| network.contains(address));
        self.count_mismatch(addresses.len()).is_none()
            && exact(&self.answers)
            && (self.networks.is_empty() || addresses.iter().all(inside))
            && self.matches.as_ref().is_none_or(|pattern| texts.iter().all(|text| pattern.is_match(text)))
    }

    fn flags_mismatch(&self, reply: &Reply) -> Option<Mismatch> {
        let aa = match (self.authoritative, reply.authoritative) {
            (Some(true), false) => Some(Mismatch::NotAuthoritative),
            (Some(false), true) => Some(Mismatch::Authoritative),
            _ => None,
        };
        let ad = match (self.authenticated, reply.authenticated) {
            (Some(true), false) => Some(Mismatch::NotAuthenticated),
            (Some(false), true) => Some(Mismatch::Authenticated),
            _ => None,
        };
        aa.or(ad)
    }

    fn count_mismatch(&self, got: usize) -> Option<Mismatch> {
        if got < usize::from(self.min_answers) {
            return Some(Mismatch::TooFew { got, least: self.min_answers });
        }
        self.max_answers.filter(|most| got > usize::from(*most)).map(|most| Mismatch::TooMany { got, most })
    }

    fn content_mismatch(&self, answers: &[&Record]) -> Option<Mismatch> {
        if !self.answers.is_empty() {
            let mut got: Vec<String> = answers.iter().map(|record| canonical(&record.rdata())).collect();
            let mut wanted = self.answers.clone();
            got.sort_unstable();
            wanted.sort_unstable();
            if got != wanted {
                return Some(Mismatch::OtherAnswers { got });
            }
        }
        let inside = |address: IpAddr| self.networks.iter().any(|network| network.contains(&address));
        if !self.networks.is_empty()
            && let Some(record) = answers.iter().find(|record| !record.address().is_some_and(inside))
        {
            return Some(Mismatch::OutsideNetworks { got: record.rdata() });
        }
        if let Some(pattern) = &self.matches
            && let Some(got) = answers.iter().map(|record| record.rdata()).find(|rdata| !pattern.is_match(rdata))
        {
            return Some(Mismatch::PatternFails { got });
        }
        let smallest = answers.iter().map(|record| record.ttl()).min()?;
        self.min_ttl.filter(|least| smallest < *least).map(|least| Mismatch::SmallTtl { got: smallest, least })
    }
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotAuthoritative => f.write_str("the AA bit was expected and is missing"),
            Self::Authoritative => f.write_str("the AA bit was not expected and is set"),
            Self::NotAuthenticated => f.write_str("the AD bit was expected and is missing"),
            Self::Authenticated => f.write_str("the AD bit was not expected and is set"),
            Self::TooFew { got: 0, .. } => f.write_str("no record of the type asked for"),
            Self::TooFew { got, least } => write!(f, "{got} answers, at least {least} were expected"),
            Self::TooMany { got, most } => write!(f, "{got} answers, at most {most} were expected"),
            Self::OtherAnswers { got } => write!(f, "other answers than expected: {}", got.join(", ")),
            Self::OutsideNetworks { got } => write!(f, "{got} lies outside the expected networks"),
            Self::PatternFails { got } => write!(f, "{got} does not match the expected pattern"),
            Self::SmallTtl { got, least } => write!(f, "a TTL of {got} s, at least {least} s was expected"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_that_is_expected_is_told_in_one_line() {
        let networks = vec!["10.0.0.0/8".parse().unwrap(), "2001:db8::/32".parse().unwrap()];
        let expect = |change: fn(&mut Expect)| {
            let mut expect = Expect::default();
            change(&mut expect);
            expect.to_string()
        };
        assert_eq!(expect(|_| {}), "NOERROR");
        assert_eq!(
            expect(|e| e.answers = vec!["192.0.2.1".to_owned(), "192.0.2.2".to_owned()]),
            "NOERROR, exactly 192.0.2.1 and 192.0.2.2"
        );
        assert_eq!(expect(|e| (e.rcode, e.max_answers) = (Rcode::NXDOMAIN, Some(0))), "NXDOMAIN, no answer");
        assert_eq!(
            expect(|e| (e.min_answers, e.authenticated) = (2, Some(false))),
            "NOERROR, no AD bit, at least 2 answers"
        );
        let all = Expect {
            authoritative: Some(true),
            max_answers: Some(4),
            networks,
            matches: Some(Regex::new("^10").unwrap()),
            min_ttl: Some(60),
            ..Expect::default()
        };
        let text = "NOERROR, the AA bit, 1 to 4 answers, addresses in 10.0.0.0/8 or 2001:db8::/32, answers that match ^10, \
                    a TTL of 60 s or more";
        assert_eq!(all.to_string(), text);
    }
}
