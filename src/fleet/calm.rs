//! Keeps questions apart that a circle of dnsmasq would turn into a storm.
//!
//! While dnsmasq waits for an answer and hears the same question again two seconds later or more, from whomever, it
//! forwards it once more. In a circle that repetition comes back to it as one, and goes round without end: five million
//! packets a minute were measured, set off by nothing but one name asked of two members. So a name that was not answered
//! is not repeated in its cluster until nobody can be waiting for it any more.

use std::collections::HashMap;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

use crate::estate::{DomainName, Label};
use crate::evidence::Software;
use crate::plan::Target;

/// Questions that follow each other this closely are no repetition: dnsmasq counts in whole seconds, and from two on.
const TOGETHER: Duration = Duration::from_millis(900);

/// dnsmasq forgets a question that is not answered after forty seconds.
const FORGOTTEN: Duration = Duration::from_secs(60);

/// Names that wait for an answer, by cluster, name, and resolver; and when they were asked.
#[derive(Debug, Default)]
pub(super) struct Calm(Mutex<HashMap<(Label, DomainName, Label), Instant>>);

impl Calm {
    /// Whether this target may be asked now. If so, it counts as asked.
    pub(super) fn may_ask(&self, target: &Target, software: Software, now: Instant) -> bool {
        // Of a resolver that did not say yet what it is, it is remembered what it was asked.
        let matters = software.feeds_storms() || software == Software::Unknown;
        if !target.needs_recursion || target.name.question.qname.has_nonce() || !matters {
            return true;
        }
        let (cluster, name, resolver) = key(target);
        let mut waiting = self.0.lock();
        waiting.retain(|_, asked| now.saturating_duration_since(*asked) < FORGOTTEN);
        let repeats = waiting.iter().any(|((other, what, _), asked)| {
            *other == cluster && *what == name && now.saturating_duration_since(*asked) > TOGETHER
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
