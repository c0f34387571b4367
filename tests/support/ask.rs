//! Plain questions, independent of Fathom's own code: the tests' second opinion.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use hickory_proto::op::{Message, MessageType, OpCode, Query, ResponseCode};
use hickory_proto::rr::{Name, RData, Record, RecordType};
use tokio::net::UdpSocket;
use tokio::time::{Instant, timeout};

/// An answer over UDP, and how long it took.
#[derive(Debug)]
pub struct Answer {
    /// The whole message.
    pub message: Message,
    /// From the question to the answer.
    pub after: Duration,
}

impl Answer {
    /// The response code.
    pub fn rcode(&self) -> ResponseCode {
        self.message.metadata.response_code
    }

    /// The IPv4 addresses in the answer section.
    pub fn addresses(&self) -> Vec<IpAddr> {
        let address = |record: &Record| {
            if let RData::A(address) = record.data { Some(IpAddr::V4(address.0)) } else { None }
        };
        self.message.answers.iter().filter_map(address).collect()
    }
}

/// The bits of a question.
#[derive(Debug, Clone, Copy, Default)]
pub struct Flags {
    /// RD.
    pub recursion_desired: bool,
    /// CD.
    pub checking_disabled: bool,
}

/// As a stub resolver asks.
pub const RD: Flags = Flags { recursion_desired: true, checking_disabled: false };

/// As one that validates by itself.
pub const RD_CD: Flags = Flags { recursion_desired: true, checking_disabled: true };

/// Only what the server has.
pub const NO_RD: Flags = Flags { recursion_desired: false, checking_disabled: false };

/// Asks the server at port 53 of `address` for the IPv4 addresses of `name`, once, and waits no longer than `patience`.
pub async fn ask(address: IpAddr, name: &str, flags: Flags, patience: Duration) -> Option<Answer> {
    ask_at(SocketAddr::new(address, 53), name, flags, patience).await
}

/// The same, for servers that listen elsewhere.
pub async fn ask_at(server: SocketAddr, name: &str, flags: Flags, patience: Duration) -> Option<Answer> {
    let started = Instant::now();
    let bytes = raw(server, &question(name, flags), patience).await?;
    let message = Message::from_vec(&bytes).expect("a DNS message");
    Some(Answer { message, after: started.elapsed() })
}

/// Sends `question` once and returns the first datagram that comes back.
async fn raw(server: SocketAddr, question: &[u8], patience: Duration) -> Option<Vec<u8>> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).await.expect("a socket");
    socket.connect(server).await.expect("a route");
    socket.send(question).await.ok()?;
    let mut answer = vec![0; 4096];
    let length = timeout(patience, socket.recv(&mut answer)).await.ok()?.ok()?;
    answer.truncate(length);
    Some(answer)
}

fn question(name: &str, flags: Flags) -> Vec<u8> {
    let mut message = Message::new(rand::random(), MessageType::Query, OpCode::Query);
    message.metadata.recursion_desired = flags.recursion_desired;
    message.metadata.checking_disabled = flags.checking_disabled;
    message.add_query(Query::query(Name::from_ascii(name).expect("a domain name"), RecordType::A));
    message.to_vec().expect("a question that fits")
}
