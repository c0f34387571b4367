//! A bad line: carries DNS between an address of its own and a server, late or not at all.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpSocket, UdpSocket};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::network;

/// Queries after which a relay carries no more: no test needs so many, but a storm would.
const MOST_QUERIES: u64 = 20_000;

/// How bad the line is.
#[derive(Debug, Clone, Copy, Default)]
pub struct Weather {
    /// How many of a hundred datagrams are lost, in either direction. TCP loses nothing.
    pub loss_percent: u32,
    /// How long everything takes in either direction.
    pub delay: Duration,
}

/// A running relay; gone when dropped.
#[derive(Debug)]
pub struct Relay {
    queries: Arc<AtomicU64>,
    _tasks: JoinSet<()>,
}

impl Relay {
    /// Starts one between port 53 of `address`, which thereby exists, and port 53 of `server`.
    pub async fn start(address: IpAddr, server: IpAddr, weather: Weather) -> Self {
        network::add(address);
        let (own, server) = (SocketAddr::new(address, 53), SocketAddr::new(server, 53));
        let udp = Arc::new(UdpSocket::bind(own).await.expect("the relay's port"));
        let tcp = TcpListener::bind(own).await.expect("the relay's port");
        let queries = Arc::new(AtomicU64::new(0));
        let mut tasks = JoinSet::new();
        tasks.spawn(carry_datagrams(udp, server, weather, Arc::clone(&queries)));
        tasks.spawn(carry_streams(tcp, server, weather));
        Self { queries, _tasks: tasks }
    }

    /// How many datagrams came from the clients' side, lost ones too.
    pub fn queries(&self) -> u64 {
        self.queries.load(Ordering::Relaxed)
    }
}

impl Weather {
    fn loses_this_one(self) -> bool {
        rand::random_range(0..100) < self.loss_percent
    }
}

async fn carry_datagrams(udp: Arc<UdpSocket>, server: SocketAddr, weather: Weather, queries: Arc<AtomicU64>) {
    let mut tasks = JoinSet::new();
    let mut packet = vec![0; 65_535];
    while let Ok((length, client)) = udp.recv_from(&mut packet).await {
        let allowed = queries.fetch_add(1, Ordering::Relaxed) < MOST_QUERIES;
        if allowed && !weather.loses_this_one() {
            tasks.spawn(carry_one(Arc::clone(&udp), client, server, packet[..length].to_vec(), weather));
        }
        while tasks.try_join_next().is_some() {}
    }
}

/// One query there, and its answer back.
async fn carry_one(udp: Arc<UdpSocket>, client: SocketAddr, server: SocketAddr, query: Vec<u8>, weather: Weather) {
    sleep(weather.delay).await;
    let own = SocketAddr::new(udp.local_addr().expect("a bound socket").ip(), 0);
    let onward = UdpSocket::bind(own).await.expect("a socket");
    onward.connect(server).await.expect("a route");
    let mut answer = vec![0; 65_535];
    if onward.send(&query).await.is_err() {
        return;
    }
    let Ok(Ok(length)) = timeout(Duration::from_secs(30), onward.recv(&mut answer)).await else { return };
    if !weather.loses_this_one() {
        sleep(weather.delay).await;
        // A client that is gone does not want it any more.
        drop(udp.send_to(&answer[..length], client).await);
    }
}

async fn carry_streams(tcp: TcpListener, server: SocketAddr, weather: Weather) {
    let mut tasks = JoinSet::new();
    while let Ok((mut client, _)) = tcp.accept().await {
        tasks.spawn(async move {
            sleep(weather.delay * 2).await;
            let socket = TcpSocket::new_v4().expect("a socket");
            if let Ok(mut onward) = socket.connect(server).await {
                // Either side may hang up at any time.
                drop(copy_bidirectional(&mut client, &mut onward).await);
            }
        });
    }
}
