//! What lies where in the canary zone. Pure: names and time in, places out.

use std::net::IpAddr;
use std::time::SystemTime;

use crate::canary::{COLD_BRANCH, Key, Keys, LABEL_LENGTH, Nonce, Rejected, TRACER_BRANCH};
use crate::estate::DomainName;

/// The canary zone: its name and its servers.
#[derive(Debug)]
pub(super) struct Zone {
    pub(super) name: DomainName,
    pub(super) servers: Vec<NameServer>,
}

/// A server of the zone.
#[derive(Debug)]
pub(super) struct NameServer {
    pub(super) name: DomainName,
    /// Its address, when its name lies within the zone: nobody else can say.
    pub(super) address: Option<IpAddr>,
}

/// What a name is in this zone.
#[derive(Debug)]
pub(super) enum Place<'k> {
    /// The zone itself: SOA and NS.
    Apex,
    /// The name of a server that lies within the zone.
    NameServer(IpAddr),
    /// A name with others below it (RFC 8499: empty non-terminal), as resolvers ask for that minimise names.
    Between,
    /// `<nonce>.p.<canary>`, signed.
    Cold(Nonce, &'k Key),
    /// `<nonce>.<resolver>.t.<canary>`, signed.
    Tracer(Nonce, &'k Key),
    /// Within the zone, but not signed by a prober.
    Unsigned,
    /// Signed by a prober, but not now.
    Expired,
    /// Another zone's business.
    Outside,
}

impl Zone {
    /// Where `name` lies. Below `p.` and `t.` nothing is ever said not to exist: a resolver that has learned of one name
    /// that it does not exist would answer for its neighbours too (RFC 8020, RFC 8198).
    pub(super) fn place<'k>(&self, name: &DomainName, keys: &'k Keys, now: SystemTime) -> Place<'k> {
        if !name.is_under(&self.name) {
            return Place::Outside;
        }
        if let Some(server) = self.servers.iter().find(|server| server.name == *name) {
            return server.address.map_or(Place::Between, Place::NameServer);
        }
        let relative = name.as_str().strip_suffix(self.name.as_str()).unwrap_or_default();
        let labels: Vec<&str> = relative.split('.').filter(|label| !label.is_empty()).collect();
        let signed = |label: &str| Nonce::verify(label.as_bytes(), &self.name, keys, now);
        match labels.as_slice() {
            [] => Place::Apex,
            // `_`: some resolvers look for zone cuts with this label instead of the real one.
            ["_" | COLD_BRANCH | TRACER_BRANCH] | ["_", .., COLD_BRANCH | TRACER_BRANCH] => Place::Between,
            [label, COLD_BRANCH] => of_label(signed(label), Place::Cold),
            [label, _, .., TRACER_BRANCH] if label.len() == LABEL_LENGTH => of_label(signed(label), Place::Tracer),
            [.., TRACER_BRANCH] => Place::Between,
            _ if self.servers.iter().any(|server| server.name.is_under(name)) => Place::Between,
            _ => Place::Unsigned,
        }
    }
}

fn of_label<'k>(
    verified: Result<(Nonce, &'k Key), Rejected>,
    place: impl FnOnce(Nonce, &'k Key) -> Place<'k>,
) -> Place<'k> {
    match verified {
        Ok((nonce, key)) => place(nonce, key),
        Err(Rejected::NotANonce | Rejected::Forged) => Place::Unsigned,
        Err(Rejected::Expired) => Place::Expired,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use super::*;
    use crate::canary::{Kind, NonceFactory};

    #[test]
    fn every_name_has_its_place() {
        let name = |text: &str| DomainName::parse(text).unwrap();
        let keys = Arc::new(Keys::new(Key::new(&[1; 32]).unwrap(), None));
        let zone = Zone {
            name: name("c.example."),
            servers: vec![
                NameServer { name: name("ns1.dns.c.example."), address: Some("192.0.2.53".parse().unwrap()) },
                NameServer { name: name("ns.example."), address: None },
            ],
        };
        let factory = NonceFactory::new(Arc::clone(&keys), zone.name.clone());
        let nonce = factory.label(Kind::Nonce, 0);
        let zeros = "0".repeat(LABEL_LENGTH);
        let cases = [
            ("c.example.", "apex"),
            ("ns1.dns.c.example.", "server"),
            ("dns.c.example.", "between"),
            ("p.c.example.", "between"),
            ("t.c.example.", "between"),
            ("_.c.example.", "between"),
            ("_.p.c.example.", "between"),
            ("_.ns1.t.c.example.", "between"),
            ("ns1.t.c.example.", "between"),
            ("ns1.dc1.t.c.example.", "between"),
            ("NONCE.p.c.example.", "cold"),
            ("NONCE.ns1.t.c.example.", "tracer"),
            ("NONCE.ns1.dc1.t.c.example.", "tracer"),
            ("NONCE.t.c.example.", "between"),
            ("ZEROS.p.c.example.", "unsigned"),
            ("ZEROS.ns1.t.c.example.", "unsigned"),
            ("www.p.c.example.", "unsigned"),
            ("a.NONCE.p.c.example.", "unsigned"),
            ("NONCE.c.example.", "unsigned"),
            ("www.c.example.", "unsigned"),
            ("example.", "outside"),
            ("ns.example.", "outside"),
            ("NONCE.p.c.example.net.", "outside"),
            ("xc.example.", "outside"),
            (".", "outside"),
        ];
        let word = |place| match place {
            Place::Apex => "apex",
            Place::NameServer(_) => "server",
            Place::Between => "between",
            Place::Cold(..) => "cold",
            Place::Tracer(..) => "tracer",
            Place::Unsigned => "unsigned",
            Place::Expired => "expired",
            Place::Outside => "outside",
        };
        let place_of = |text: &str, now| {
            let text = text.replace("NONCE", &nonce).replace("ZEROS", &zeros);
            word(zone.place(&name(&text), &keys, now))
        };
        for (text, expected) in cases {
            assert_eq!(place_of(text, SystemTime::now()), expected, "{text}");
        }
        let tomorrow = SystemTime::now() + Duration::from_secs(86_400);
        assert_eq!(place_of("NONCE.p.c.example.", tomorrow), "expired");
        assert_eq!(place_of("NONCE.ns1.t.c.example.", tomorrow), "expired");
    }
}
