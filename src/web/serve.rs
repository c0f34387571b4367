//! Connections, and their limits. A client may be slow, silent or malicious; it must not cost the others anything.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::ConnectInfo;
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use socket2::SockRef;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

/// Connections at a time; more wait to be accepted.
const MOST_CONNECTIONS: usize = 128;

/// A client has to send a request's head within this time, counted from the end of the last response.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);

/// A client that takes nothing of a response for so long is dropped by the kernel.
const STUCK_TIMEOUT: Duration = Duration::from_secs(30);

/// The longest head of a request, in bytes.
const LARGEST_HEAD: usize = 16 << 10;

/// How long responses under way may take once the process is to stop.
const GRACE: Duration = Duration::from_secs(1);

/// The pause after a connection could not be accepted, for want of descriptors for example.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// The address cannot be listened on.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address} (prober.listen): {error}{}", hint(error))]
pub struct ListenError {
    address: SocketAddr,
    error: io::Error,
}

fn hint(error: &io::Error) -> &'static str {
    const HINTS: [(io::ErrorKind, &str); 3] = [
        (io::ErrorKind::AddrInUse, "; another process, perhaps another fathom, listens there"),
        (io::ErrorKind::AddrNotAvailable, "; this machine has no such address"),
        (io::ErrorKind::PermissionDenied, "; ports below 1024 take CAP_NET_BIND_SERVICE"),
    ];
    HINTS.iter().find(|(kind, _)| *kind == error.kind()).map_or("", |(_, hint)| hint)
}

/// Listens for HTTP. Port 0 takes a free one.
pub async fn listen(address: SocketAddr) -> Result<TcpListener, ListenError> {
    TcpListener::bind(address).await.map_err(|error| ListenError { address, error })
}

/// Serves until `shutdown`; then gives responses under way a second to be finished.
///
/// # Panics
/// Never: the semaphore within is never closed.
pub async fn serve(listener: TcpListener, app: Router, shutdown: CancellationToken) {
    let seats = Arc::new(Semaphore::new(MOST_CONNECTIONS));
    let mut connections = JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        let accept = async {
            let seat = Arc::clone(&seats).acquire_owned().await.expect("never closed");
            (seat, listener.accept().await)
        };
        tokio::select! {
            () = shutdown.cancelled() => break,
            (seat, accepted) = accept => match accepted {
                Ok((stream, peer)) => {
                    let (app, shutdown) = (app.clone(), shutdown.clone());
                    connections.spawn(async move {
                        converse(stream, peer, app, shutdown).await;
                        drop(seat);
                    });
                }
                Err(error) => {
                    tracing::warn!("An HTTP connection could not be accepted: {error}");
                    sleep(ACCEPT_PAUSE).await;
                }
            },
        }
    }
    // New clients are turned away at once, not left waiting.
    drop(listener);
    drop(timeout(GRACE, async { while connections.join_next().await.is_some() {} }).await);
}

/// One connection, request after request, each with the address that it came from.
async fn converse(stream: TcpStream, peer: SocketAddr, app: Router, shutdown: CancellationToken) {
    let limited = SockRef::from(&stream).set_tcp_user_timeout(Some(STUCK_TIMEOUT));
    if let Err(error) = limited.and_then(|()| stream.set_nodelay(true)) {
        tracing::debug!("An HTTP connection could not be limited: {error}");
        return;
    }
    let app = TowerToHyperService::new(app);
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(ConnectInfo(peer));
        app.call(request)
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_header_size(LARGEST_HEAD)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = std::pin::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = shutdown.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!("An HTTP connection ended: {error}");
    }
}
