//! The beacon's sockets: datagrams, and connections that are few, short and never idle for long.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout_at};

use super::limits::Prefix;
use super::{BindError, QueryResult, State};
use crate::estate::Transport;

/// The largest message that is read. A question with every option there is takes a tenth of that.
const LARGEST_MESSAGE: usize = 4096;

/// The most connections at once.
const CONNECTIONS: usize = 64;

/// The most connections at once from one source prefix: one network cannot take them all.
pub(super) const CONNECTIONS_PER_PREFIX: usize = 16;

/// How long a connection may take for its next whole question (RFC 7766, section 6.2.3), and for taking its answer.
const IDLE: Duration = Duration::from_secs(5);

/// How long a connection may last.
const LIFETIME: Duration = Duration::from_secs(60);

/// How long to wait after an error that the next try might meet again, such as too many open files.
const PAUSE: Duration = Duration::from_millis(100);

/// How often to look for a port that is free for both.
const TRIES: u32 = 16;

/// Listens on the same port, UDP and TCP. For port 0 the system names one that is free for UDP; where it is taken for
/// TCP, another one is tried.
pub(super) async fn bind(address: SocketAddr) -> Result<(UdpSocket, TcpListener), BindError> {
    let mut tries = if address.port() == 0 { TRIES } else { 1 };
    loop {
        tries -= 1;
        let failed = |over| move |error| BindError::Listen(address, over, error);
        let udp = UdpSocket::bind(address).await.map_err(failed("UDP"))?;
        let named = udp.local_addr().map_err(failed("UDP"))?;
        match TcpListener::bind(named).await {
            Ok(tcp) => return Ok((udp, tcp)),
            Err(error) if tries == 0 => return Err(failed("TCP")(error)),
            Err(_) => {}
        }
    }
}

/// Answers datagrams for ever.
pub(super) async fn udp(socket: &UdpSocket, state: &State) {
    let mut buffer = [0; LARGEST_MESSAGE];
    loop {
        match socket.recv_from(&mut buffer).await {
            Ok((length, source)) => {
                let (reply, _) = state.reply_to(&buffer[..length], source, Transport::Udp);
                // When the send buffer is full, a reply is lost as the network might lose it; nobody waits for it.
                if let Some(reply) = reply
                    && let Err(error) = socket.try_send_to(&reply, source)
                {
                    tracing::debug!(%source, %error, "Beacon reply not sent");
                }
            }
            Err(error) => {
                tracing::debug!(%error, "Beacon socket error");
                sleep(PAUSE).await;
            }
        }
    }
}

/// Answers connections for ever.
pub(super) async fn tcp(listener: &TcpListener, state: &Arc<State>) {
    let open = Arc::new(Open::default());
    // Dropped with this future, and every connection with it.
    let mut connections = JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        match listener.accept().await {
            Ok((stream, source)) => {
                // Over the limit the connection is closed at once.
                if let Some(place) = Open::enter(&open, source) {
                    let state = Arc::clone(state);
                    connections.spawn(async move {
                        // How a connection ends is its client's business.
                        drop(converse(stream, source, &state).await);
                        drop(place);
                    });
                }
            }
            Err(error) => {
                tracing::debug!(%error, "Beacon connection not accepted");
                sleep(PAUSE).await;
            }
        }
    }
}

/// Questions in, replies out, until the client is a stranger, idle, or gone.
async fn converse(mut stream: TcpStream, source: SocketAddr, state: &State) -> io::Result<()> {
    let end = Instant::now() + LIFETIME;
    loop {
        let deadline = end.min(Instant::now() + IDLE);
        let question = timeout_at(deadline, next_message(&mut stream)).await??;
        let (reply, result) = state.reply_to(&question, source, Transport::Tcp);
        if let Some(message) = reply {
            let length = u16::try_from(message.len()).map_err(io::Error::other)?;
            let framed = [&length.to_be_bytes(), message.as_slice()].concat();
            timeout_at(end.min(Instant::now() + IDLE), stream.write_all(&framed)).await??;
        }
        if !matches!(result, QueryResult::Answered | QueryResult::Zone) {
            return stream.shutdown().await;
        }
    }
}

async fn next_message(stream: &mut TcpStream) -> io::Result<Vec<u8>> {
    let length = usize::from(stream.read_u16().await?);
    if length > LARGEST_MESSAGE {
        return Err(io::Error::other("longer than any question"));
    }
    let mut message = vec![0; length];
    stream.read_exact(&mut message).await?;
    Ok(message)
}

/// The connections that are open now, by source prefix.
#[derive(Debug, Default)]
struct Open(Mutex<HashMap<Prefix, usize>>);

/// One open connection.
struct Place {
    open: Arc<Open>,
    prefix: Prefix,
}

impl Open {
    /// A place for a connection from `source`, if one is left.
    fn enter(open: &Arc<Self>, source: SocketAddr) -> Option<Place> {
        let prefix = Prefix::of(source.ip());
        let mut counts = open.0.lock();
        if counts.values().sum::<usize>() >= CONNECTIONS {
            return None;
        }
        let count = counts.entry(prefix).or_default();
        if *count >= CONNECTIONS_PER_PREFIX {
            return None;
        }
        *count += 1;
        Some(Place { open: Arc::clone(open), prefix })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut counts = self.open.0.lock();
        if let Some(count) = counts.get_mut(&self.prefix) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&self.prefix);
            }
        }
    }
}
