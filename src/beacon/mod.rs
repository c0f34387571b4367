//! The beacon: the canary zone's authoritative server.
//!
//! It answers for names that a prober signed, and says in its answer what it saw of the question: from which address it
//! came, how often, with which flags. So a prober learns whether a resolver found a way out, and which. Strangers get
//! REFUSED, then nothing. It does as it is told in every case: there is no mode in which it loses, delays or breaks
//! anything.
//!
//! - `question` reads a message, `zone` says where its name lies, `respond` makes the reply: all pure;
//! - `limits` bounds what is sent, [`Arrivals`] remembers who came, [`Tally`] counts;
//! - `serve` is the sockets, and `feed` tells other processes who came.

mod arrivals;
mod feed;
mod limits;
mod question;
mod respond;
mod serve;
mod tally;
mod zone;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::SystemTime;

use hickory_proto::ProtoError;
use hickory_proto::op::{Edns, Message, ResponseCode};
use hickory_proto::rr::{DNSClass, RecordType};
use parking_lot::{Mutex, RwLock};
use tokio::net::{TcpListener, UdpSocket};
use tokio_util::sync::CancellationToken;

pub use arrivals::{Arrival, Arrivals, Cursor, NotACursor, Page};
pub(crate) use feed::PageText;
pub use feed::{PATH as ARRIVALS_PATH, ReadError, Reader, router};
pub use tally::{QueryResult, Tally};

use crate::canary::{BeaconId, BeaconSaw, Flag, Key, Keys, Nonce};
use crate::estate::{BeaconSettings, DomainName, Estate, Transport};
use limits::{Admission, Limits, Standing};
use question::{Question, Unreadable};
use respond::{COLD_TTL, Records, TRACER_TTL, about, bare, truncated};
use zone::{NameServer, Place, Zone};

/// The canary zone's server, listening but not answering yet.
#[derive(Debug)]
pub struct Beacon {
    udp: UdpSocket,
    tcp: TcpListener,
    address: SocketAddr,
    handle: BeaconHandle,
}

impl Beacon {
    /// Listens on the configured address, UDP and TCP. Port 0 takes a free one.
    pub async fn bind(settings: &BeaconSettings, zone: &DomainName, keys: Arc<Keys>) -> Result<Self, BindError> {
        let zone = zone_of(settings, zone)?;
        let (udp, tcp) = serve::bind(settings.listen).await?;
        let address = udp.local_addr().map_err(|error| BindError::Listen(settings.listen, "UDP", error))?;
        let id = BeaconId(rand::random());
        let state = State {
            records: Records::new(&zone)?,
            zone,
            keys: RwLock::new(keys),
            limits: Mutex::new(Limits::new(settings.queries_per_second, settings.queries_per_second_per_prefix)),
            arrivals: Arc::new(Arrivals::new(id)),
            tally: Arc::default(),
        };
        Ok(Self { udp, tcp, address, handle: BeaconHandle(Arc::new(state)) })
    }

    /// The beacon that this process is to run, listening; nothing when it is to run none.
    pub async fn of(estate: &Estate, keys: Arc<Keys>) -> Result<Option<Self>, BindError> {
        let (Some(settings), Some(zone)) = (&estate.beacon, &estate.path.canary_zone) else { return Ok(None) };
        Self::bind(settings, zone, keys).await.map(Some)
    }

    /// The zone it answers for.
    pub fn zone(&self) -> &DomainName {
        &self.handle.0.zone.name
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The door to what it saw, for as long as anybody wants it.
    pub fn handle(&self) -> BeaconHandle {
        self.handle.clone()
    }

    /// Answers until `shutdown`. Connections that are open then are closed.
    pub async fn run(self, shutdown: CancellationToken) {
        let state = &self.handle.0;
        tokio::select! {
            () = shutdown.cancelled() => {}
            () = serve::udp(&self.udp, state) => {}
            () = serve::tcp(&self.tcp, state) => {}
        }
    }
}

/// What others may see of a running beacon, and the keys they may change.
#[derive(Debug, Clone)]
pub struct BeaconHandle(Arc<State>);

impl BeaconHandle {
    /// Who came.
    pub fn arrivals(&self) -> Arc<Arrivals> {
        Arc::clone(&self.0.arrivals)
    }

    /// A reader of who came.
    pub fn reader(&self) -> Reader {
        Reader::here(self.arrivals())
    }

    /// What became of every message.
    pub fn tally(&self) -> Arc<Tally> {
        Arc::clone(&self.0.tally)
    }

    /// The keys in use.
    pub fn keys(&self) -> Arc<Keys> {
        Arc::clone(&self.0.keys.read())
    }

    /// Takes other keys into use, from the next question on.
    pub fn set_keys(&self, keys: Arc<Keys>) {
        *self.0.keys.write() = keys;
    }
}

/// What all questions share.
#[derive(Debug)]
struct State {
    zone: Zone,
    records: Records,
    keys: RwLock<Arc<Keys>>,
    limits: Mutex<Limits>,
    arrivals: Arc<Arrivals>,
    tally: Arc<Tally>,
}

impl State {
    /// The reply to one message, if there is to be one, and what became of it. Counts it.
    fn reply_to(&self, packet: &[u8], source: SocketAddr, over: Transport) -> (Option<Vec<u8>>, QueryResult) {
        let (reply, result) = self.decide(packet, source, over);
        self.tally.count(result);
        (reply, result)
    }

    fn decide(&self, packet: &[u8], source: SocketAddr, over: Transport) -> (Option<Vec<u8>>, QueryResult) {
        // Nobody can be answered at port 0.
        if source.port() == 0 {
            return (None, QueryResult::Ignored);
        }
        let question = match Question::read(packet) {
            Ok(question) => question,
            Err(Unreadable::Ignored) => return (None, QueryResult::Ignored),
            Err(Unreadable::Malformed(envelope)) => {
                let reply = || about(envelope, ResponseCode::FormErr);
                return self.to_stranger(source, over, QueryResult::Malformed, reply);
            }
            Err(Unreadable::NotImplemented(envelope)) => {
                let reply = || about(envelope, ResponseCode::NotImp);
                return self.to_stranger(source, over, QueryResult::NotImplemented, reply);
            }
        };
        if question.edns.as_ref().is_some_and(|edns| edns.version() > 0) {
            let reply = || bare(&question, ResponseCode::BADVERS);
            return self.to_stranger(source, over, QueryResult::Malformed, reply);
        }
        let refuse = |result| self.to_stranger(source, over, result, || bare(&question, ResponseCode::Refused));
        let in_zone = question.query.query_class() == DNSClass::IN;
        let Some(name) = question.name.as_ref().filter(|_| in_zone) else { return refuse(QueryResult::OutOfZone) };
        // There is nothing to transfer, and who asks is no resolver.
        if matches!(question.qtype(), RecordType::AXFR | RecordType::IXFR) {
            return refuse(QueryResult::OutOfZone);
        }
        let keys = Arc::clone(&self.keys.read());
        let (standing, result, reply) = match self.zone.place(name, &keys, SystemTime::now()) {
            Place::Outside => return refuse(QueryResult::OutOfZone),
            Place::Unsigned => return refuse(QueryResult::Unsigned),
            Place::Expired => return refuse(QueryResult::Expired),
            Place::Apex => (Standing::Resolver, QueryResult::Zone, self.records.of_apex(&question)),
            Place::Between => (Standing::Resolver, QueryResult::Zone, self.records.no_data(&question)),
            Place::NameServer(ip) => (Standing::Resolver, QueryResult::Zone, self.records.of_server(&question, ip)),
            Place::Cold(nonce, key) => {
                let reply = self.to_signed(&question, name, (nonce, key), (source, over), COLD_TTL);
                (Standing::Prober, QueryResult::Answered, reply)
            }
            Place::Tracer(nonce, key) => {
                let reply = self.to_signed(&question, name, (nonce, key), (source, over), TRACER_TTL);
                (Standing::Prober, QueryResult::Answered, reply)
            }
        };
        match self.limits.lock().admit(source.ip(), over, standing) {
            Admission::Answer => {
                let fits = |bytes: &Vec<u8>| over == Transport::Tcp || bytes.len() <= question.largest_datagram();
                (encode(&reply).filter(fits).or_else(|| encode(&truncated(&question))), result)
            }
            Admission::Truncated => (encode(&truncated(&question)), QueryResult::Limited),
            Admission::Silence => (None, QueryResult::Limited),
        }
    }

    /// Records the arrival, limits or not: it did arrive.
    fn to_signed(
        &self,
        question: &Question,
        name: &DomainName,
        (nonce, key): (Nonce, &Key),
        (source, over): (SocketAddr, Transport),
        ttl: u32,
    ) -> Message {
        let saw = BeaconSaw {
            source: source.ip().to_canonical(),
            port: source.port(),
            arrivals: 0,
            flags: question.flags.with(Flag::Tcp, over == Transport::Tcp),
            udp_payload: question.edns.as_ref().map(Edns::max_payload),
            options: question.option_codes(),
            beacon: self.arrivals.beacon(),
        };
        let qtype = question.qtype().into();
        let saw = self.arrivals.record(Arrival { at: SystemTime::now(), name: name.clone(), qtype, nonce, saw });
        self.records.of_signed(question, name, key, &saw, ttl)
    }

    fn to_stranger(
        &self,
        source: SocketAddr,
        over: Transport,
        result: QueryResult,
        reply: impl FnOnce() -> Message,
    ) -> (Option<Vec<u8>>, QueryResult) {
        match self.limits.lock().admit(source.ip(), over, Standing::Stranger) {
            Admission::Answer => (encode(&reply()), result),
            Admission::Truncated | Admission::Silence => (None, QueryResult::Limited),
        }
    }
}

/// Every reply is made of parts that were read from a message or checked at the start, so it fits one.
fn encode(reply: &Message) -> Option<Vec<u8>> {
    reply.to_vec().inspect_err(|error| tracing::error!(%error, "Beacon reply does not fit a message")).ok()
}

/// The zone with its servers. Of servers within the zone this process must know the address: that is the one it listens
/// on, so there can be one at most.
fn zone_of(settings: &BeaconSettings, name: &DomainName) -> Result<Zone, BindError> {
    let within = |server: &&DomainName| server.is_under(name);
    let ip = settings.listen.ip();
    match settings.name_servers.iter().filter(within).count() {
        _ if settings.name_servers.is_empty() => return Err(BindError::NoNameServers),
        1 if ip.is_unspecified() => return Err(BindError::NoAddress(name.clone(), ip)),
        0 | 1 => {}
        _ => return Err(BindError::ManyWithin(name.clone())),
    }
    let server = |server: &DomainName| NameServer {
        name: server.clone(),
        address: server.is_under(name).then(|| ip.to_canonical()),
    };
    Ok(Zone { name: name.clone(), servers: settings.name_servers.iter().map(server).collect() })
}

/// Why the beacon cannot start.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// The address cannot be listened on.
    #[error("the beacon cannot listen on {0} ({1}): {2}")]
    Listen(SocketAddr, &'static str, io::Error),
    /// The zone has no servers.
    #[error("beacon.name_servers is empty; a zone has at least one server")]
    NoNameServers,
    /// A server within the zone needs an address to be told.
    #[error(
        "a server of beacon.name_servers lies within {0}, but beacon.listen = {1} is no address that could be told; \
         listen on one address, or give the server a name outside {0}"
    )]
    NoAddress(DomainName, std::net::IpAddr),
    /// More servers within the zone than this process knows addresses of.
    #[error(
        "several servers of beacon.name_servers lie within {0}; a beacon knows no address but its own, so give them \
         names outside {0}"
    )]
    ManyWithin(DomainName),
    /// A name does not fit a message.
    #[error("the canary zone's records do not fit a DNS message: {0}")]
    Records(#[from] ProtoError),
}

#[cfg(test)]
mod tests;
