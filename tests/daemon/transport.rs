//! How questions travel: UDP, TCP after a truncated answer, IPv6, source addresses, and what the network says.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use fathom::estate::Transport;
use fathom::exchange::Contact;
use fathom::outcome::Outcome;
use fathom::plan::{Purpose, Target, targets};
use fathom::probe::{Observation, ask};
use fathom::transport::Failure;
use fathom::ttl_watch::TtlWatch;
use fathom::verdict::Verdict;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::time::{Instant, advance, sleep};

use crate::estate::{Plan, TIMEOUT};
use crate::responder::{Responder, Say};

/// What TCP does once it was asked.
#[derive(Debug, Clone, Copy)]
enum Tcp {
    Answers,
    ClosesAtOnce,
    ClosesInTheMiddle,
    SaysNothing,
}

fn target(address: SocketAddr, transport: Transport) -> Arc<Target> {
    let mut targets = targets(&Plan::new(&[address], 1).estate());
    targets.retain(|target| target.purpose == Purpose::Name);
    Arc::new(Target { transport, ..Target::clone(&targets[0]) })
}

async fn probe_from(source: Option<IpAddr>, target: &Arc<Target>) -> Observation {
    let contact = Arc::new(Contact::new(&target.resolver, source));
    ask(target, &contact, &mut TtlWatch::default(), || Verdict::Unknown).await.0
}

async fn probe(target: &Arc<Target>) -> Observation {
    probe_from(None, target).await
}

/// UDP that answers TC, if at all, and TCP on the same port.
async fn truncating(tcp: Option<Tcp>) -> SocketAddr {
    // A port that is free for UDP may be taken for TCP, by a connection of another test.
    let (udp, listener) = loop {
        let udp = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        if let Ok(listener) = TcpListener::bind(udp.local_addr().unwrap()).await {
            break (udp, listener);
        }
    };
    let address = udp.local_addr().unwrap();
    tokio::spawn(async move {
        let mut buffer = [0; 512];
        loop {
            let (length, from) = udp.recv_from(&mut buffer).await.unwrap();
            let mut reply = buffer[..length].to_vec();
            reply[2..4].copy_from_slice(&[0x83, 0x80]);
            udp.send_to(&reply, from).await.unwrap();
        }
    });
    if let Some(tcp) = tcp {
        tokio::spawn(async move {
            loop {
                serve_tcp(listener.accept().await.unwrap().0, tcp).await;
            }
        });
    }
    address
}

/// Answers NODATA, or what the case asks for; the connection is kept for as long as the client keeps it.
async fn serve_tcp(mut stream: TcpStream, how: Tcp) {
    let length = stream.read_u16().await.unwrap();
    let mut message = vec![0; usize::from(length)];
    stream.read_exact(&mut message).await.unwrap();
    message[2..4].copy_from_slice(&[0x81, 0x80]);
    let framed = [length.to_be_bytes().as_slice(), &message].concat();
    match how {
        Tcp::Answers => stream.write_all(&framed).await.unwrap(),
        Tcp::ClosesAtOnce => return,
        Tcp::ClosesInTheMiddle => return stream.write_all(&framed[..20]).await.unwrap(),
        Tcp::SaysNothing => {}
    }
    let _closed_by_the_client = stream.read_u8().await;
}

#[tokio::test(start_paused = true)]
async fn a_truncated_answer_is_asked_for_again_over_tcp_within_the_same_deadline() {
    for (tcp, outcome, after) in [
        (Some(Tcp::Answers), Outcome::Nodata, Duration::ZERO),
        (Some(Tcp::ClosesAtOnce), Outcome::Truncated, Duration::ZERO),
        (Some(Tcp::ClosesInTheMiddle), Outcome::Truncated, Duration::ZERO),
        (Some(Tcp::SaysNothing), Outcome::Truncated, TIMEOUT),
        (None, Outcome::Truncated, Duration::ZERO),
    ] {
        let started = Instant::now();
        let seen = probe(&target(truncating(tcp).await, Transport::Udp)).await;
        assert_eq!(seen.outcome, outcome, "{tcp:?}: {:?}", seen.heard);
        assert!(started.elapsed() <= after + Duration::from_millis(2), "{tcp:?}: {:?}", started.elapsed());
        if let Ok(answer) = seen.heard {
            assert_eq!(answer.over, Transport::Tcp);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn tcp_alone_fails_in_its_own_ways() {
    for (tcp, outcome) in [
        (Some(Tcp::Answers), Outcome::Nodata),
        (Some(Tcp::ClosesAtOnce), Outcome::ConnectionFailed),
        (Some(Tcp::ClosesInTheMiddle), Outcome::Malformed),
        (Some(Tcp::SaysNothing), Outcome::Timeout),
        (None, Outcome::ConnectionFailed),
    ] {
        let seen = probe(&target(truncating(tcp).await, Transport::Tcp)).await;
        assert_eq!(seen.outcome, outcome, "{tcp:?}: {:?}", seen.heard);
    }
}

#[tokio::test(start_paused = true)]
async fn a_closed_port_is_unreachable_at_once() {
    for host in ["127.0.0.1", "[::1]"] {
        let closed = UdpSocket::bind(format!("{host}:0")).await.unwrap().local_addr().unwrap();
        let started = Instant::now();
        let seen = probe(&target(closed, Transport::Udp)).await;
        assert_eq!(seen.outcome, Outcome::Unreachable, "{:?}", seen.heard);
        assert!(started.elapsed() <= Duration::from_millis(2), "{:?}", started.elapsed());
    }
}

#[tokio::test(start_paused = true)]
async fn ipv6_is_asked_like_ipv4() {
    let udp = UdpSocket::bind("[::1]:0").await.unwrap();
    let target = target(udp.local_addr().unwrap(), Transport::Udp);
    tokio::spawn(async move {
        let mut buffer = [0; 512];
        let (length, from) = udp.recv_from(&mut buffer).await.unwrap();
        buffer[2..4].copy_from_slice(&[0x81, 0x83]);
        udp.send_to(&buffer[..length], from).await.unwrap();
    });
    assert_eq!(probe(&target).await.outcome, Outcome::Nxdomain);
}

#[tokio::test(start_paused = true)]
async fn the_source_address_is_the_configured_one_or_the_probers_own_fault() {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let asked = target(socket.local_addr().unwrap(), Transport::Udp);
    let task = tokio::spawn({
        let asked = Arc::clone(&asked);
        async move { probe_from(Some("127.0.0.2".parse().unwrap()), &asked).await }
    });
    let (_, from) = socket.recv_from(&mut [0; 512]).await.unwrap();
    assert_eq!(from.ip(), "127.0.0.2".parse::<IpAddr>().unwrap());
    drop(task);

    for transport in [Transport::Udp, Transport::Tcp] {
        let asked = target(socket.local_addr().unwrap(), transport);
        let seen = probe_from(Some("192.0.2.1".parse().unwrap()), &asked).await;
        assert_eq!(seen.outcome, Outcome::InternalError, "{:?}", seen.heard);
    }
}

#[tokio::test(start_paused = true)]
async fn strangers_end_no_probe_and_are_counted() {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let target = target(socket.local_addr().unwrap(), Transport::Udp);
    let seen = tokio::spawn(async move { probe(&target).await });
    let mut buffer = [0; 512];
    let (length, from) = socket.recv_from(&mut buffer).await.unwrap();
    let mut reply = buffer[..length].to_vec();
    reply[2..4].copy_from_slice(&[0x81, 0x83]);
    let with = |change: fn(&mut Vec<u8>)| {
        let mut packet = reply.clone();
        change(&mut packet);
        packet
    };
    let strangers =
        [with(|p| p[0] ^= 1), with(|p| p[14] ^= 1), with(|p| p.truncate(5)), with(|p| p[1] ^= 1), vec![0xff; 5000]];
    for stranger in strangers {
        socket.send_to(&stranger, from).await.unwrap();
    }
    socket.send_to(&reply, from).await.unwrap();
    let seen = seen.await.unwrap();
    assert_eq!((seen.outcome, seen.strays.0), (Outcome::Nxdomain, [2, 1, 2]));
}

#[tokio::test(start_paused = true)]
async fn a_flood_of_strangers_keeps_neither_the_deadline_nor_the_answer_away() {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let target = target(socket.local_addr().unwrap(), Transport::Udp);
    let seen = tokio::spawn(async move { probe(&target).await });
    let (_, from) = socket.recv_from(&mut [0; 512]).await.unwrap();
    for _ in 0..1000 {
        // Their socket may be full, or closed at the deadline.
        drop(socket.try_send_to(&[0; 40], from));
        sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(seen.await.unwrap().outcome, Outcome::Timeout);
}

#[tokio::test(start_paused = true)]
async fn a_stalled_prober_blames_nobody() {
    let server = Responder::start(|_| Say::Nothing).await;
    let asked = target(server.address, Transport::Udp);
    let seen = tokio::spawn(async move { probe(&asked).await });
    sleep(Duration::from_millis(100)).await;
    advance(TIMEOUT + Duration::from_secs(1)).await;
    let seen = seen.await.unwrap();
    assert_eq!(seen.outcome, Outcome::InternalError);
    assert!(matches!(seen.heard, Err(Failure::Stalled(_))), "{:?}", seen.heard);
}
