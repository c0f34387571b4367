//! Did names that failed leave all the same? What the beacon saw of them.
//!
//! A question that got out is in no circle without a way out, and at no dead end: what fails is the way back, or what is
//! made of the answer. Nothing is learned from a name that did not arrive: it may have been lost anywhere.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use tokio::time::timeout;

use super::finding::Finding;
use super::inquiry::Inquiry;
use crate::beacon::{Arrival, Reader};
use crate::canary::Kind;
use crate::estate::DomainName;

/// How long the beacon's process is waited for, where it is another one.
const PATIENCE: Duration = Duration::from_secs(2);

/// What came of one name: how often, and from whom.
#[derive(Debug)]
struct Seen {
    resolver: usize,
    times: u32,
    sources: Vec<IpAddr>,
}

/// Reads what arrived since the last time, and tells it for each name that did. A beacon that cannot be
/// reached is nothing that was found: the resolvers are no part of that.
pub async fn run(inquiry: &Inquiry, reader: &mut Reader) {
    let Some(nonces) = &inquiry.nonces else { return };
    match timeout(PATIENCE, reader.read()).await {
        Ok(Ok(arrivals)) => {
            for finding in judge(&arrivals, nonces.prober(), inquiry.asker.len()) {
                inquiry.found(finding);
            }
        }
        Ok(Err(error)) => tracing::debug!(%error, "The beacon's arrivals could not be read."),
        Err(_) => tracing::debug!("The beacon's arrivals could not be read in time."),
    }
}

fn judge(arrivals: &[Arrival], prober: u16, resolvers: usize) -> Vec<Finding> {
    let mut seen: BTreeMap<&DomainName, Seen> = BTreeMap::new();
    let own = |arrival: &&Arrival| arrival.nonce.prober == prober && arrival.nonce.kind == Kind::Nonce;
    for arrival in arrivals.iter().filter(own) {
        let resolver = usize::from(arrival.nonce.target);
        let of_name = seen.entry(&arrival.name).or_insert(Seen { resolver, times: 0, sources: Vec::new() });
        of_name.times = of_name.times.max(arrival.saw.arrivals);
        if !of_name.sources.contains(&arrival.saw.source) {
            of_name.sources.push(arrival.saw.source);
        }
    }
    let finding = |(qname, Seen { resolver, times, sources }): (&DomainName, Seen)| {
        let sources: Vec<String> = sources.iter().take(4).map(IpAddr::to_string).collect();
        let words = format!("{qname} came from {}, up to {times} times", sources.join(" and "));
        Finding::Arrived { resolver, qname: qname.clone(), times, words }
    };
    seen.into_iter().filter(|(_, seen)| seen.resolver < resolvers).map(finding).collect()
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;
    use crate::canary::{BeaconId, BeaconSaw, Flags, Nonce};

    fn arrival(prober: u16, kind: Kind, target: u16, times: u32, source: [u8; 4]) -> Arrival {
        Arrival {
            at: SystemTime::UNIX_EPOCH,
            name: DomainName::parse("n.p.canary.example.").unwrap(),
            qtype: 16,
            nonce: Nonce::new(kind, prober, target, SystemTime::UNIX_EPOCH),
            saw: BeaconSaw {
                source: source.into(),
                port: 5353,
                arrivals: times,
                flags: Flags::default(),
                udp_payload: None,
                options: Vec::new(),
                beacon: BeaconId(1),
            },
        }
    }

    #[test]
    fn own_names_are_told_and_those_of_others_passed_over() {
        let arrivals = [
            arrival(7, Kind::Nonce, 1, 1, [10, 0, 0, 1]),
            arrival(7, Kind::Nonce, 1, 3, [10, 0, 0, 2]),
            arrival(7, Kind::Tracer, 2, 1, [10, 0, 0, 1]),
            arrival(8, Kind::Nonce, 0, 1, [10, 0, 0, 1]),
            arrival(7, Kind::Nonce, 9, 1, [10, 0, 0, 1]),
        ];
        let qname = DomainName::parse("n.p.canary.example.").unwrap();
        let words = "n.p.canary.example. came from 10.0.0.1 and 10.0.0.2, up to 3 times".to_owned();
        assert_eq!(judge(&arrivals, 7, 4), [Finding::Arrived { resolver: 1, qname, times: 3, words }]);
    }
}
