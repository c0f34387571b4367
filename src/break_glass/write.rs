//! Last verified addresses as a hosts file, as lines for Unbound, as a response policy zone for BIND.

use std::collections::HashSet;
use std::fmt::Write;
use std::net::IpAddr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use humantime::{format_duration, format_rfc3339_seconds};

use super::choose::{Choice, choose};
use super::{Book, Entry, Verified};

/// How long clients may keep what servers answer from this, in seconds: not long, since it is not kept up to date.
const TTL: u32 = 60;

/// The forms in which addresses are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// A hosts file, as hosts(5) describes it.
    Hosts,
    /// `local-data` of Unbound.
    Unbound,
    /// A zone with a response policy (RPZ), for BIND and others.
    Bind,
}

impl Form {
    const fn comment(self) -> &'static str {
        match self {
            Self::Hosts | Self::Unbound => "#",
            Self::Bind => ";",
        }
    }

    /// How it is used.
    const fn usage(self) -> &'static [&'static str] {
        match self {
            Self::Hosts => {
                &["Append this to /etc/hosts. Take it out again when DNS is back: these addresses will change."]
            }
            Self::Unbound => &[
                "In unbound.conf: include: \"/etc/unbound/break-glass.conf\" (then: unbound-control reload).",
                "Take it out again when DNS is back: these addresses will change. Other types of these names are answered",
                "with nothing meanwhile.",
            ],
            Self::Bind => &[
                "In named.conf, within options: response-policy { zone \"break-glass\"; } qname-wait-recurse no break-dnssec yes;",
                "and beside them: zone \"break-glass\" { type primary; file \"break-glass.zone\"; }; (then: rndc reconfig).",
                "Take it out again when DNS is back: these addresses will change. Other types of these names are answered",
                "with nothing meanwhile.",
            ],
        }
    }

    fn preamble(self, book: &Book) -> String {
        match self {
            Self::Hosts => String::new(),
            Self::Unbound => "server:\n".to_owned(),
            Self::Bind => {
                let serial = book.written_at.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs() & 0xffff_ffff;
                format!("$TTL {TTL}\n@ SOA localhost. root.localhost. {serial} 3600 600 86400 {TTL}\n@ NS localhost.\n")
            }
        }
    }

    /// The line for one address of a name, which ends with its dot.
    fn line(self, qname: &str, qtype: &str, address: IpAddr) -> String {
        let relative = qname.trim_end_matches('.');
        match self {
            Self::Hosts => format!("{address}\t{relative}\n"),
            Self::Unbound => format!("    local-data: \"{qname} {TTL} IN {qtype} {address}\"\n"),
            Self::Bind => format!("{relative} {qtype} {address}\n"),
        }
    }
}

/// How the names of a book are written.
#[derive(Debug, Clone, Copy)]
pub struct Wanted {
    /// In which form.
    pub form: Form,
    /// How old an answer may be.
    pub max_age: Duration,
    /// The time by which ages are told.
    pub now: SystemTime,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// The text.
    pub text: String,
    /// How many names it holds addresses of.
    pub names: usize,
}

/// Writes the book: names with addresses first, each with age and origin, then what was left out, and why.
pub fn write(book: &Book, wanted: Wanted) -> Written {
    let Wanted { form, max_age, now } = wanted;
    let young = book.clone().no_older_than(max_age, now);
    let mut text = head(book, wanted);
    let (mut left_out, mut names, mut seen) = (Vec::new(), 0, HashSet::new());
    for (entry, all) in young.names.iter().zip(&book.names) {
        let Some(choice) = choose(entry, &book.vantage) else {
            left_out.push(why_not(all, now));
            continue;
        };
        if !seen.insert((&entry.qname, entry.qtype.as_str())) {
            left_out.push(format!("{} ({}): {} stands above", entry.qname, entry.name, entry.qtype.as_str()));
            continue;
        }
        names += 1;
        add(&mut text, form, entry, &choice, now);
    }
    if !left_out.is_empty() {
        comment(&mut text, form, "");
        comment(&mut text, form, "Left out:");
        for line in left_out {
            comment(&mut text, form, &format!("  {line}"));
        }
    }
    Written { text, names }
}

fn head(book: &Book, Wanted { form, max_age, now }: Wanted) -> String {
    let mut text = String::new();
    let written_at = format_rfc3339_seconds(book.written_at);
    let who = format!("Break glass: addresses that Fathom in {} ({}) last verified.", book.vantage, book.environment);
    comment(&mut text, form, &who);
    comment(
        &mut text,
        form,
        &format!(
            "As known at {written_at}, {}; none is older than {}.",
            ago(book.written_at, now),
            format_duration(max_age)
        ),
    );
    if !book.kept.is_empty() {
        comment(&mut text, form, &book.kept);
    }
    for line in form.usage() {
        comment(&mut text, form, line);
    }
    text + &form.preamble(book)
}

fn add(text: &mut String, form: Form, entry: &Entry, choice: &Choice<'_>, now: SystemTime) {
    let Choice { chosen, agree, others } = choice;
    comment(text, form, "");
    comment(text, form, &format!("{} ({}): {}, from {}", entry.name, entry.class, ago(chosen.at, now), origin(chosen)));
    comment(text, form, &format!("  {}; {}", chosen.proof.in_words(), agreement(*agree, entry.answers.len())));
    for other in others {
        let addresses = other.addresses.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
        comment(text, form, &format!("  differs: {addresses}, {}, from {}", ago(other.at, now), origin(other)));
    }
    for address in &chosen.addresses {
        *text += &form.line(&entry.qname, entry.qtype.as_str(), *address);
    }
}

fn comment(text: &mut String, form: Form, line: &str) {
    let space = if line.is_empty() { "" } else { " " };
    writeln!(text, "{}{space}{line}", form.comment()).expect("memory");
}

fn origin(answer: &Verified) -> String {
    format!("{} of {} ({})", answer.resolver, answer.cluster, answer.address)
}

fn agreement(agree: usize, all: usize) -> String {
    match (agree, all) {
        (_, 1) => "no other resolver has answered well".to_owned(),
        (agree, all) if agree == all => format!("all {all} resolvers that answered well agree"),
        (agree, all) => format!("{agree} of {all} resolvers agree"),
    }
}

fn why_not(entry: &Entry, now: SystemTime) -> String {
    let newest = entry.answers.iter().map(|answer| answer.at).max();
    let why = match (entry.left_out, newest) {
        (Some(left_out), _) => left_out.in_words().to_owned(),
        (None, Some(at)) => format!("last verified {}", ago(at, now)),
        (None, None) => "not verified yet".to_owned(),
    };
    format!("{} {} ({}): {why}", entry.qname, entry.qtype.as_str(), entry.name)
}

/// `12s ago`; or that this machine's clock is behind the one that wrote the time.
fn ago(at: SystemTime, now: SystemTime) -> String {
    match now.duration_since(at) {
        Ok(age) => format!("{} ago", format_duration(Duration::from_secs(age.as_secs()))),
        Err(_) => format!("at {}, which this machine's clock has yet to reach", format_rfc3339_seconds(at)),
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{book, second};
    use super::*;

    fn written(form: Form, max_age: u64) -> Written {
        write(&book(), Wanted { form, max_age: Duration::from_secs(max_age), now: second(130) })
    }

    #[test]
    fn a_hosts_file_says_how_old_everything_is_and_whence() {
        let expected = "\
# Break glass: addresses that Fathom in dc1 (production) last verified.
# As known at 2025-07-21T12:01:40Z, 30s ago; none is older than 7days.
# Kept in /var/lib/fathom/break-glass.json.
# Append this to /etc/hosts. Take it out again when DNS is back: these addresses will change.
#
# db (database): 1m 50s ago, from ns2 of c1 (192.0.2.53:53)
#   within the expected networks; all 2 resolvers that answered well agree
10.1.0.5\tdb1.int.example
#
# portal (internal): 1m 10s ago, from ns1 of c1 (192.0.2.53:53)
#   validated by DNSSEC (AD); 1 of 4 resolvers agree
#   differs: 2001:db8::3, 1m 20s ago, from ns2 of c1 (192.0.2.53:53)
#   differs: 2001:db8::4, 40s ago, from far of c1 (192.0.2.53:53)
2001:db8::1\tportal.int.example
2001:db8::2\tportal.int.example
#
# Left out:
#   wiki.int.example. A (wiki): not verified yet
#   _ldap.int.example. A (ldap): it cannot stand in a hosts file
";
        assert_eq!(written(Form::Hosts, 7 * 86_400), Written { text: expected.to_owned(), names: 2 });
    }

    #[test]
    fn what_is_too_old_is_left_out_and_said_to_be() {
        let Written { text, names } = written(Form::Hosts, 100);
        assert_eq!(names, 1);
        assert!(!text.contains("10.1.0.5"), "{text}");
        assert!(text.contains("#   db1.int.example. A (db): last verified 1m 50s ago\n"), "{text}");
        assert_eq!(written(Form::Bind, 10).names, 0);
    }

    #[test]
    fn a_name_that_is_configured_twice_is_written_once() {
        let mut book = book();
        book.names[2].qname = book.names[0].qname.clone();
        book.names[2].answers = book.names[0].answers.clone();
        let wanted = Wanted { form: Form::Hosts, max_age: Duration::from_secs(1000), now: second(130) };
        let Written { text, names } = write(&book, wanted);
        assert_eq!((names, text.matches("\n10.1.0.5\t").count()), (2, 1));
        assert!(text.contains("#   db1.int.example. (wiki): A stands above\n"), "{text}");
    }

    #[test]
    fn a_clock_that_was_set_back_is_said() {
        let wanted = Wanted { form: Form::Hosts, max_age: Duration::from_secs(60), now: second(0) };
        let Written { text, names } = write(&book(), wanted);
        assert_eq!(names, 2);
        assert!(text.contains("at 2025-07-21T12:00:20Z, which this machine's clock has yet to reach"), "{text}");
    }

    #[test]
    fn servers_get_lines_of_their_own() {
        let unbound = written(Form::Unbound, 1000).text;
        assert!(unbound.contains("\nserver:\n"), "{unbound}");
        assert!(unbound.contains("\n    local-data: \"db1.int.example. 60 IN A 10.1.0.5\"\n"), "{unbound}");
        let bind = written(Form::Bind, 1000).text;
        assert!(
            bind.contains("\n@ SOA localhost. root.localhost. 1753099300 3600 600 86400 60\n@ NS localhost.\n"),
            "{bind}"
        );
        assert!(bind.contains("\nportal.int.example AAAA 2001:db8::2\n"), "{bind}");
        let plain = |line: &&str| !line.is_empty() && !line.starts_with(';');
        assert!(bind.lines().filter(plain).all(|line| line.is_ascii() && !line.contains('#')), "{bind}");
    }
}
