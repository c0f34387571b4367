//! Everything beyond the estate: the authorities of the simulated Internet, each with its own health and distance.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hickory_proto::op::ResponseCode;
use hickory_proto::rr::{Name, RecordType};
use parking_lot::RwLock;
use tokio::time::sleep;

use super::findings::Findings;
use super::zone::{Security, Zone, name};

/// How the servers of a zone behave.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Authority {
    /// They answer.
    #[default]
    Alive,
    /// They do not: questions get lost.
    Dead,
    /// They answer SERVFAIL.
    Servfail,
    /// They answer REFUSED, as when the zone was never loaded.
    Refused,
}

/// The simulated Internet. What no zone holds does not exist (NXDOMAIN from the root).
#[derive(Debug, Clone)]
pub struct Outside(Arc<RwLock<World>>);

#[derive(Debug)]
struct World {
    root: Zone,
    cut: bool,
    places: Vec<Place>,
}

/// One zone of the outside, or a delegation to a real server.
#[derive(Debug)]
struct Place {
    zone: Zone,
    authority: Authority,
    latency: Duration,
    delegated_to: Option<SocketAddr>,
}

/// What the outside says to a question.
#[derive(Debug)]
pub(super) enum Said {
    Answer(Findings),
    /// Ask a real server.
    Delegated(SocketAddr),
    /// Nothing comes back.
    Silence,
}

impl Default for Outside {
    fn default() -> Self {
        let root = Zone::new(".").negative_ttl(5);
        Self(Arc::new(RwLock::new(World { root, cut: false, places: Vec::new() })))
    }
}

impl Outside {
    /// Puts a zone at `latency` from every resolver, in the place of one with the same apex.
    pub fn add(&self, zone: Zone, latency: Duration) {
        self.put(Place { zone, authority: Authority::Alive, latency, delegated_to: None });
    }

    /// Hands a zone to a real authoritative server, such as a beacon: resolvers ask it over UDP from their own address.
    pub fn delegate(&self, apex: &str, server: SocketAddr) {
        let place = Place {
            zone: Zone::new(apex),
            authority: Authority::Alive,
            latency: Duration::ZERO,
            delegated_to: Some(server),
        };
        self.put(place);
    }

    fn put(&self, place: Place) {
        let mut world = self.0.write();
        world.places.retain(|old| old.zone.apex() != place.zone.apex());
        world.places.push(place);
    }

    /// Changes how the servers of a zone behave. Says whether there is such a zone.
    pub fn set_authority(&self, apex: &str, authority: Authority) -> bool {
        self.change(apex, |place| place.authority = authority)
    }

    /// Signs a zone, or breaks its chain of trust. Says whether there is such a zone.
    pub fn set_security(&self, apex: &str, security: Security) -> bool {
        self.change(apex, |place| place.zone.set_security(security))
    }

    fn change(&self, apex: &str, change: impl FnOnce(&mut Place)) -> bool {
        let (apex, mut world) = (name(apex), self.0.write());
        world.places.iter_mut().find(|place| *place.zone.apex() == apex).map(change).is_some()
    }

    /// Cuts the whole outside off, or joins it again: what every resolver sees when the uplink of the site is gone.
    pub fn set_cut(&self, cut: bool) {
        self.0.write().cut = cut;
    }

    /// The apexes of all zones, delegated ones included.
    pub fn zones(&self) -> Vec<String> {
        self.0.read().places.iter().map(|place| place.zone.apex().to_ascii()).collect()
    }

    /// What DNSSEC makes of answers about a name.
    pub(super) fn security_of(&self, qname: &Name) -> Security {
        self.0.read().closest(qname).map_or(Security::Insecure, |place| place.zone.security())
    }

    /// Asks the authority for a name, and waits as long as it takes to answer.
    pub(super) async fn ask(&self, qname: &Name, qtype: RecordType) -> Said {
        let (latency, said) = self.0.read().say(qname, qtype);
        sleep(latency).await;
        said
    }
}

impl World {
    fn closest(&self, qname: &Name) -> Option<&Place> {
        let holding = self.places.iter().filter(|place| place.zone.holds(qname));
        holding.max_by_key(|place| place.zone.apex().num_labels())
    }

    fn say(&self, qname: &Name, qtype: RecordType) -> (Duration, Said) {
        if self.cut {
            return (Duration::ZERO, Said::Silence);
        }
        let Some(place) = self.closest(qname) else {
            return (Duration::ZERO, Said::Answer(Findings::from_zone(self.root.lookup(qname, qtype))));
        };
        let answer = || match place.delegated_to {
            Some(server) => Said::Delegated(server),
            None => Said::Answer(Findings::from_zone(place.zone.lookup(qname, qtype))),
        };
        let said = match place.authority {
            Authority::Alive => answer(),
            Authority::Dead => Said::Silence,
            Authority::Servfail => Said::Answer(Findings::error(ResponseCode::ServFail)),
            Authority::Refused => Said::Answer(Findings::error(ResponseCode::Refused)),
        };
        (place.latency, said)
    }
}
