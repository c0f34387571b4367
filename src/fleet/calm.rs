//! Keeps questions apart that a circle of dnsmasq would turn into a storm.
//!
//! While dnsmasq waits for an answer and hears the same question again two seconds later or more, from whomever, it
//! forwards it once more. In a circle that repetition comes back to it as one, and goes round without end: five million
//! packets a minute were measured, set off by nothing but one name asked of two members. It gives up on a question after
//! forty seconds, but only when another one makes it look: a name repeated after a minute set off a storm too. So a name
//! that was not answered is not repeated in its cluster while anything fails there; names never asked before, which
//! tracing goes on asking, tell when that is over, and make dnsmasq look.

use std::collections::HashMap;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

use crate::estate::{DomainName, Label};
use crate::evidence::Software;
use crate::plan::Target;

/// Questions that follow each other this closely are no repetition: dnsmasq counts in whole seconds, and from two on.
const TOGETHER: Duration = Duration::from_millis(900);

/// After this time others have been asked, and dnsmasq has looked.
const FORGOTTEN: Duration = Duration::from_secs(2 * 60);

/// Names that wait for an answer, by cluster, name, and resolver; and when they were asked.
#[derive(Debug, Default)]
pub(super) struct Calm(Mutex<HashMap<(Label, DomainName, Label), Instant>>);

impl Calm {
    /// Whether this target may be asked now, of a resolver that fails or does not. If so, it counts as asked.
    pub(super) fn may_ask(&self, target: &Target, software: Software, fails: bool, now: Instant) -> bool {
        // Of a resolver that did not say yet what it is, it is remembered what it was asked.
        let matters = software.feeds_storms() || software == Software::Unknown;
        if !target.needs_recursion || target.name.question.qname.has_nonce() || !matters {
            return true;
        }
        let (cluster, name, resolver) = key(target);
        let mut waiting = self.0.lock();
        let repeats = waiting.iter().any(|((other, what, _), asked)| {
            let age = now.saturating_duration_since(*asked);
            *other == cluster && *what == name && age > TOGETHER && (fails || age < FORGOTTEN)
        });
        if repeats && software.feeds_storms() {
            return false;
        }
        waiting.insert((cluster, name, resolver), now);
        true
    }

    /// The target was answered: nobody behind it waits any more.
    pub(super) fn answered(&self, target: &Target) {
        self.0.lock().remove(&key(target));
    }
}

fn key(target: &Target) -> (Label, DomainName, Label) {
    (target.cluster.name.clone(), target.name.question.qname.clone(), target.resolver.name.clone())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Overrides, parse};
    use crate::plan::targets;

    const ESTATE: &str = r#"
[prober]
environment = "test"
datacenter = "dc1"

[[cluster]]
name = "c1"
datacenter = "dc1"
roles = ["recursive"]

[[cluster.resolver]]
name = "ns1"
address = "10.1.0.1"

[[cluster.resolver]]
name = "ns2"
address = "10.1.0.2"

[[name]]
id = "www"
class = "external"
qname = "www.example.com."
qtype = "A"

[[name]]
id = "cold"
class = "external"
qname = "{nonce}.example.com."
qtype = "A"
"#;

    #[tokio::test(start_paused = true)]
    async fn an_unanswered_name_is_not_repeated_in_its_cluster() {
        let loaded =
            parse(ESTATE, "probes.toml", &Overrides::default()).unwrap_or_else(|problems| panic!("{problems}"));
        let all = targets(&loaded.estate);
        let find = |resolver: &str, name: &str| {
            let wanted = |target: &&std::sync::Arc<Target>| {
                target.resolver.name.as_str() == resolver && target.name.id.as_str() == name
            };
            all.iter().find(wanted).cloned().expect("a target")
        };
        let (first, second, cold) = (find("ns1", "www"), find("ns2", "www"), find("ns1", "cold"));
        let (calm, start) = (Calm::default(), Instant::now());
        let dnsmasq = |target: &Target, fails, after| calm.may_ask(target, Software::Dnsmasq, fails, start + after);
        assert!(dnsmasq(&first, false, Duration::ZERO));
        assert!(dnsmasq(&second, false, Duration::from_millis(500)), "together with the first");
        let later = Duration::from_secs(5);
        assert!(!dnsmasq(&first, false, later) && !dnsmasq(&second, false, later));
        assert!(dnsmasq(&cold, true, later) && dnsmasq(&cold, true, later * 2), "never asked before");
        assert!(calm.may_ask(&first, Software::Bind, true, start + later), "a circle of BIND makes no storm");
        calm.answered(&first);
        assert!(!dnsmasq(&first, false, later), "the other still waits");
        calm.answered(&second);
        assert!(dnsmasq(&first, false, later));
        let long = Duration::from_secs(3600);
        assert!(!dnsmasq(&second, true, long), "as long as it fails");
        assert!(dnsmasq(&second, false, long));
    }
}
