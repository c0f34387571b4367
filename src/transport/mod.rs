//! Bytes to an address, and bytes back until a deadline. Knows nothing of DNS.
//!
//! One question, one socket: a fresh source port every time, chosen by the kernel at random (RFC 6056), and a connected
//! socket, so that strangers' packets are dropped by the kernel and ICMP errors reach us. Nothing is ever sent twice.

mod suspension;
mod tcp;
mod udp;

use std::io;
use std::time::Duration;

use tokio::time::Instant;

pub use suspension::Suspension;
pub use tcp::Tcp;
pub use udp::Udp;

/// Why no answer was had.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The deadline passed.
    #[error("no answer in time")]
    Silence,
    /// The network said that nobody is there: ICMP, or no route.
    #[error("the network reports: {0}")]
    Unreachable(io::Error),
    /// TCP was refused, reset, or closed before the first byte of an answer.
    #[error("TCP failed: {0}")]
    ConnectionFailed(io::Error),
    /// TCP was closed in the middle of a message.
    #[error("TCP was closed after {got} of {announced} bytes")]
    HalfMessage {
        /// Bytes that came, the length field included.
        got: usize,
        /// Bytes that the length field announced, itself included; 2 when not even that was whole.
        announced: usize,
    },
    /// The prober's own fault: no descriptor, no local port, no permission to send.
    #[error("the prober itself failed: {0}")]
    Local(io::Error),
    /// The prober slept through the deadline, so silence means nothing.
    #[error("the prober was stalled for {} ms, so silence means nothing", .0.as_millis())]
    Stalled(Duration),
}

/// How much later than the deadline the prober may wake up and still believe in silence. A suspended or starved process
/// wakes far later; a healthy one within a few milliseconds.
const STALL: Duration = Duration::from_millis(500);

impl Failure {
    /// The deadline passed without an answer: silence, unless the prober itself was not there to hear.
    fn at_deadline(deadline: Instant) -> Self {
        let overslept = Instant::now().saturating_duration_since(deadline);
        if overslept > STALL { Self::Stalled(overslept) } else { Self::Silence }
    }

    /// What an error on a UDP socket, or before a TCP connection stands, means.
    fn of_network(error: io::Error) -> Self {
        let nobody_there = matches!(
            error.kind(),
            io::ErrorKind::ConnectionRefused
                | io::ErrorKind::HostUnreachable
                | io::ErrorKind::NetworkUnreachable
                | io::ErrorKind::ConnectionReset
        );
        if nobody_there { Self::Unreachable(error) } else { Self::Local(error) }
    }
}
