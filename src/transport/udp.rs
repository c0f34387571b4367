//! One datagram out, datagrams in until one is accepted.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};
use tokio::io::Interest;
use tokio::net::UdpSocket;
use tokio::time::{Instant, sleep_until, timeout_at};

use super::Failure;

/// The largest datagram that is read whole; what is longer is cut, and so cannot be decoded.
const LARGEST_DATAGRAM: usize = 4096;

/// After so many rejected datagrams the listener pauses, so that a flood of them costs next to no processor time.
const FLOOD: u32 = 64;

/// How long it pauses.
const FLOOD_PAUSE: Duration = Duration::from_millis(10);

/// A socket connected to one resolver, for one question.
#[derive(Debug)]
pub struct Udp {
    socket: UdpSocket,
    rejected: u32,
}

impl Udp {
    /// A fresh socket to `to`, from `from` where the source address matters. Sends nothing.
    pub fn connect(to: SocketAddr, from: Option<IpAddr>) -> Result<Self, Failure> {
        let open = || -> io::Result<Socket> {
            let socket = Socket::new(Domain::for_address(to), Type::DGRAM.nonblocking(), Some(Protocol::UDP))?;
            if let Some(from) = from {
                socket.bind(&SocketAddr::new(from, 0).into())?;
            }
            Ok(socket)
        };
        let socket = open().map_err(Failure::Local)?;
        socket.connect(&to.into()).map_err(Failure::of_network)?;
        let socket = UdpSocket::from_std(socket.into()).map_err(Failure::Local)?;
        Ok(Self { socket, rejected: 0 })
    }

    /// Sends the one question of this socket.
    pub async fn send(&self, message: &[u8]) -> Result<(), Failure> {
        self.socket.send(message).await.map(|_| ()).map_err(Failure::of_network)
    }

    /// Hands every datagram to `accept` until it takes one, an error is reported by the network, or the deadline passes.
    /// Can be called again with a later deadline.
    pub async fn receive<T>(
        &mut self,
        deadline: Instant,
        mut accept: impl FnMut(&[u8]) -> Option<T>,
    ) -> Result<T, Failure> {
        loop {
            let in_time = timeout_at(deadline, self.socket.ready(Interest::READABLE | Interest::ERROR)).await;
            match self.try_receive(&mut accept) {
                Ok(Some(answer)) => return Ok(answer),
                Ok(None) if Instant::now() >= deadline => return Err(Failure::at_deadline(deadline)),
                Ok(None) => self.pause_when_flooded(deadline).await,
                Err(error) if error.kind() != io::ErrorKind::WouldBlock => return Err(Failure::of_network(error)),
                // Only an empty socket makes the deadline final: an answer that waits there came in time.
                Err(_) if in_time.is_err() => return Err(Failure::at_deadline(deadline)),
                Err(_) => {}
            }
        }
    }

    /// Reads one datagram, if one is there, or the error that the network reported: an ICMP error alone makes a socket
    /// not readable, only faulty. The buffer lives on the stack of this call alone: thousands of probes that
    /// wait hold no buffer.
    fn try_receive<T>(&mut self, accept: &mut impl FnMut(&[u8]) -> Option<T>) -> io::Result<Option<T>> {
        let mut buffer = [0; LARGEST_DATAGRAM];
        let length = match self.socket.try_recv(&mut buffer) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return self.reported_error(),
            received => received?,
        };
        let accepted = accept(&buffer[..length]);
        if accepted.is_none() {
            self.rejected = self.rejected.saturating_add(1);
        }
        Ok(accepted)
    }

    fn reported_error<T>(&self) -> io::Result<Option<T>> {
        self.socket.try_io(Interest::ERROR, || match self.socket.take_error()? {
            Some(error) => Err(error),
            None => Err(io::ErrorKind::WouldBlock.into()),
        })
    }

    async fn pause_when_flooded(&self, deadline: Instant) {
        if self.rejected.is_multiple_of(FLOOD) {
            sleep_until(deadline.min(Instant::now() + FLOOD_PAUSE)).await;
        }
    }
}
