//! The sockets of a simulated resolver: UDP and TCP on one port, questions in, answers out.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tokio::time::{sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use super::answer::Asked;
use super::node::Node;
use super::tamper;
use crate::estate::Transport;

/// Questions that may be under way at once, as BIND's recursive-clients; further ones are dropped.
const MOST_CLIENTS: usize = 1_000;

/// TCP connections that may be open at once; further ones are closed.
const MOST_CONNECTIONS: usize = 150;

/// A TCP connection is closed when no question comes for so long (RFC 7766, section 6.2.3).
const IDLE: Duration = Duration::from_secs(10);

/// How often a free UDP port is tried whose TCP port may be taken.
const MOST_TRIES: usize = 16;

/// The running listeners of one resolver.
#[derive(Debug)]
pub(super) struct Listeners {
    stop: CancellationToken,
    tasks: Vec<JoinHandle<()>>,
}

/// Bound sockets that nobody reads yet.
#[derive(Debug)]
pub(super) struct Ready {
    pub(super) address: SocketAddr,
    udp: UdpSocket,
    tcp: TcpListener,
}

impl Listeners {
    /// Binds UDP and TCP to the same port; with port 0 to one that is free for both.
    pub(super) async fn bind(address: SocketAddr) -> io::Result<(Self, Ready)> {
        let mut tries = 0;
        loop {
            let udp = UdpSocket::bind(address).await?;
            let bound = udp.local_addr()?;
            match TcpListener::bind(bound).await {
                Ok(tcp) => {
                    let listeners = Self { stop: CancellationToken::new(), tasks: Vec::new() };
                    return Ok((listeners, Ready { address: bound, udp, tcp }));
                }
                Err(error) if address.port() != 0 || tries == MOST_TRIES => return Err(error),
                Err(_) => tries += 1,
            }
        }
    }

    /// Serves until closed, or until the lab ends.
    pub(super) fn run(mut self, node: &Node, ready: Ready) -> Self {
        let lab = node.0.surroundings.stop.clone();
        self.stop = lab.child_token();
        let clients = Arc::new(Semaphore::new(MOST_CLIENTS));
        let udp = serve_udp(node.clone(), ready.udp, Arc::clone(&clients), self.stop.clone());
        let tcp = serve_tcp(node.clone(), ready.tcp, clients, self.stop.clone());
        self.tasks = vec![tokio::spawn(udp), tokio::spawn(tcp)];
        self
    }

    /// Stops serving; the port is free when this returns.
    pub(super) async fn close(self) {
        self.stop.cancel();
        for task in self.tasks {
            // A task that panicked has closed its socket as well.
            drop(task.await);
        }
    }
}

async fn serve_udp(node: Node, socket: UdpSocket, clients: Arc<Semaphore>, stop: CancellationToken) {
    let socket = Arc::new(socket);
    let mut buffer = [0; 4096];
    while let Some(received) = stop.run_until_cancelled(socket.recv_from(&mut buffer)).await {
        // An error is about an earlier answer that could not be delivered.
        let Ok((length, from)) = received else { continue };
        node.0.traffic.count_received();
        let Ok(permit) = Arc::clone(&clients).try_acquire_owned() else {
            node.0.traffic.count_dropped();
            continue;
        };
        let Some(asked) = Asked::decode(&buffer[..length], from, Transport::Udp) else { continue };
        let answering = answer_over_udp(node.clone(), asked, Arc::downgrade(&socket));
        let stop = stop.clone();
        tokio::spawn(async move {
            stop.run_until_cancelled(answering).await;
            drop(permit);
        });
    }
}

/// Holds the socket only while it sends, so that it is closed when its owner says so.
async fn answer_over_udp(node: Node, asked: Asked, socket: Weak<UdpSocket>) {
    let from = asked.from;
    let Some(answer) = node.answer(asked).await else { return };
    if let Some(socket) = socket.upgrade()
        && node.0.traffic.may_send()
    {
        // A client that is gone needs no answer.
        drop(socket.send_to(&answer, from).await);
    }
}

async fn serve_tcp(node: Node, listener: TcpListener, clients: Arc<Semaphore>, stop: CancellationToken) {
    let connections = Arc::new(Semaphore::new(MOST_CONNECTIONS));
    while let Some(accepted) = stop.run_until_cancelled(listener.accept()).await {
        let Ok((stream, from)) = accepted else {
            // No descriptor, most likely: others have to close theirs first.
            tokio::time::sleep(Duration::from_millis(10)).await;
            continue;
        };
        let Ok(permit) = Arc::clone(&connections).try_acquire_owned() else { continue };
        let (node, clients, stop) = (node.clone(), Arc::clone(&clients), stop.clone());
        tokio::spawn(async move {
            let serving = serve_connection(node, stream, from, clients);
            // The end of a connection is not worth a word, whatever its reason.
            drop(stop.run_until_cancelled(serving).await);
            drop(permit);
        });
    }
}

/// Answers one question after the other (RFC 7766), until the client goes or idles, or no answer is to be had.
async fn serve_connection(
    node: Node,
    mut stream: TcpStream,
    from: SocketAddr,
    clients: Arc<Semaphore>,
) -> io::Result<()> {
    loop {
        let Ok(length) = timeout(IDLE, stream.read_u16()).await else { return Ok(()) };
        let mut question = vec![0; usize::from(length?)];
        timeout(IDLE, stream.read_exact(&mut question)).await??;
        node.0.traffic.count_received();
        let Ok(_permit) = clients.try_acquire() else { return Ok(()) };
        let Some(asked) = Asked::decode(&question, from, Transport::Tcp) else { return Ok(()) };
        let (at, faults) = (asked.at, node.faults_for(asked.qname()));
        if tamper::closes_tcp(&faults) {
            return Ok(());
        }
        let closes_after = node.0.software.profile().tcp_closes_after.unwrap_or(Duration::from_secs(30));
        let Ok(Some(answer)) = timeout(closes_after, node.answer(asked)).await else {
            // Silence: the client waits for as long as the software keeps the connection.
            sleep_until(at + closes_after).await;
            return Ok(());
        };
        if !node.0.traffic.may_send() {
            return Ok(());
        }
        let length = u16::try_from(answer.len()).map_err(io::Error::other)?;
        let framed = [&length.to_be_bytes(), answer.as_slice()].concat();
        if tamper::halves_messages(&faults) {
            return stream.write_all(&framed[..framed.len() / 2]).await;
        }
        stream.write_all(&framed).await?;
    }
}
