//! What a good answer looks like: the `expect` of a name, checked against the facts of a reply.

use std::net::IpAddr;

use ipnet::IpNet;
use regex::Regex;

use crate::wire::{Rcode, Reply};

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

/// Record data in the one form in which two spellings of the same data are equal: lower case, single spaces, no quotes;
/// addresses in their shortest form.
pub fn canonical(rdata: &str) -> String {
    if let Ok(address) = rdata.trim().parse::<IpAddr>() {
        return address.to_string();
    }
    let unquoted: String = rdata.chars().filter(|c| *c != '"').collect();
    unquoted.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase()
}
