//! One message out over a fresh TCP connection, messages in until one is accepted (RFC 7766).

use std::io;
use std::net::{IpAddr, SocketAddr};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::{Instant, timeout_at};

use super::Failure;

/// After so many rejected messages the connection is given up: whoever sends them is not answering.
const MOST_REJECTED: u32 = 16;

/// A connection to one resolver, for one question.
#[derive(Debug)]
pub struct Tcp {
    stream: TcpStream,
    /// What has come of the current message, its length field included.
    partial: Vec<u8>,
    rejected: u32,
}

impl Tcp {
    /// Connects to `to`, from `from` where the source address matters, before the deadline.
    pub async fn connect(to: SocketAddr, from: Option<IpAddr>, deadline: Instant) -> Result<Self, Failure> {
        let open = || -> io::Result<TcpSocket> {
            let socket = if to.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
            if let Some(from) = from {
                socket.bind(SocketAddr::new(from, 0))?;
            }
            Ok(socket)
        };
        let socket = open().map_err(Failure::Local)?;
        match timeout_at(deadline, socket.connect(to)).await {
            Ok(Ok(stream)) => Ok(Self { stream, partial: Vec::new(), rejected: 0 }),
            Ok(Err(error)) => Err(of_connecting(error)),
            Err(_) => Err(Failure::at_deadline(deadline)),
        }
    }

    /// Sends the one question of this connection, in a single segment with its length (RFC 7766, section 8).
    ///
    /// # Panics
    /// When the message is longer than 65,535 bytes; a question is far shorter.
    pub async fn send(&mut self, message: &[u8], deadline: Instant) -> Result<(), Failure> {
        let length = u16::try_from(message.len()).expect("a question is far shorter than 65,536 bytes");
        let framed = [&length.to_be_bytes(), message].concat();
        match timeout_at(deadline, self.stream.write_all(&framed)).await {
            Ok(sent) => sent.map_err(Failure::ConnectionFailed),
            Err(_) => Err(Failure::at_deadline(deadline)),
        }
    }

    /// Hands every message to `accept` until it takes one, the connection ends, or the deadline passes. Can be called
    /// again with a later deadline: what has come of a message is kept.
    pub async fn receive<T>(
        &mut self,
        deadline: Instant,
        mut accept: impl FnMut(&[u8]) -> Option<T>,
    ) -> Result<T, Failure> {
        loop {
            match timeout_at(deadline, self.next_message()).await {
                Ok(Ok(message)) => {
                    if let Some(answer) = accept(&message) {
                        return Ok(answer);
                    }
                    self.rejected += 1;
                    if self.rejected >= MOST_REJECTED {
                        let why = io::Error::other(format!("{MOST_REJECTED} messages that answer nothing"));
                        return Err(Failure::ConnectionFailed(why));
                    }
                }
                Ok(Err(failure)) => return Err(failure),
                Err(_) => return Err(Failure::at_deadline(deadline)),
            }
        }
    }

    /// The next whole message. Safe to drop while it waits: what has come stays in `partial`, which never grows beyond
    /// one message.
    async fn next_message(&mut self) -> Result<Vec<u8>, Failure> {
        loop {
            let announced = match self.partial.first_chunk::<2>() {
                Some(length) => 2 + usize::from(u16::from_be_bytes(*length)),
                None => 2,
            };
            if self.partial.len() >= 2 && self.partial.len() == announced {
                let message = self.partial.split_off(2);
                self.partial.clear();
                return Ok(message);
            }
            let missing = u64::try_from(announced - self.partial.len()).expect("at most 65,537");
            let read = (&mut self.stream).take(missing).read_buf(&mut self.partial).await;
            match read {
                Ok(0) if self.partial.is_empty() => {
                    return Err(Failure::ConnectionFailed(io::ErrorKind::UnexpectedEof.into()));
                }
                Ok(0) => return Err(Failure::HalfMessage { got: self.partial.len(), announced }),
                Ok(_) => {}
                Err(error) => return Err(Failure::ConnectionFailed(error)),
            }
        }
    }
}

/// What an error while connecting means: a reset is TCP's own answer, the rest is the network's or ours.
fn of_connecting(error: io::Error) -> Failure {
    let by_tcp = matches!(
        error.kind(),
        io::ErrorKind::ConnectionRefused | io::ErrorKind::ConnectionReset | io::ErrorKind::TimedOut
    );
    if by_tcp { Failure::ConnectionFailed(error) } else { Failure::of_network(error) }
}
