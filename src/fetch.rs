//! HTTP by address to other Fathom processes. No host name can be given, so none is ever looked up.

use std::net::SocketAddr;
use std::time::Duration;

use data_encoding::BASE64;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Bytes;
use hyper::header::{self, HeaderValue};
use hyper::{HeaderMap, Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::timeout;

/// What came back.
#[derive(Debug)]
pub struct Fetched {
    /// The status, good or bad.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The whole body.
    pub body: Bytes,
}

/// The bounds of one request.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// From the start of the connection to the last byte.
    pub time: Duration,
    /// The largest body that is read, in bytes.
    pub body: usize,
}

/// Gets `path`, which begins with a slash, from the server at `address`, over a connection of its own.
pub async fn get(
    address: SocketAddr,
    path: &str,
    authorization: Option<&str>,
    bounds: Bounds,
) -> Result<Fetched, FetchError> {
    fetch(address, &Asked { method: Method::GET, path, authorization, json: None }, bounds).await
}

/// Posts a JSON document to `path`, as [`get`] gets.
pub async fn post(
    address: SocketAddr,
    path: &str,
    authorization: Option<&str>,
    json: String,
    bounds: Bounds,
) -> Result<Fetched, FetchError> {
    fetch(address, &Asked { method: Method::POST, path, authorization, json: Some(json) }, bounds).await
}

/// The Authorization of HTTP Basic (RFC 7617) by which an operator of this name shows a token. A colon ends the name, so
/// none is left in it.
pub fn basic(name: &str, token: &str) -> String {
    format!("Basic {}", BASE64.encode(format!("{}:{token}", name.replace(':', " ")).as_bytes()))
}

/// One request.
struct Asked<'a> {
    method: Method,
    path: &'a str,
    authorization: Option<&'a str>,
    json: Option<String>,
}

async fn fetch(address: SocketAddr, asked: &Asked<'_>, bounds: Bounds) -> Result<Fetched, FetchError> {
    let failed = |why| FetchError { address, path: asked.path.to_owned(), why };
    let fetched = timeout(bounds.time, fetch_unbounded(address, asked, bounds.body)).await;
    fetched.unwrap_or(Err(Why::TooSlow(bounds.time))).map_err(failed)
}

async fn fetch_unbounded(address: SocketAddr, asked: &Asked<'_>, most: usize) -> Result<Fetched, Why> {
    let mut request =
        Request::builder().method(asked.method.clone()).uri(asked.path).header(header::HOST, address.to_string());
    if let Some(authorization) = asked.authorization {
        request = request.header(header::AUTHORIZATION, HeaderValue::from_str(authorization).map_err(Why::other)?);
    }
    if asked.json.is_some() {
        request = request.header(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    }
    let body = Full::new(Bytes::from(asked.json.clone().unwrap_or_default()));
    let request = request.body(body).map_err(Why::other)?;
    let stream = TcpStream::connect(address).await.map_err(Why::other)?;
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(Why::other)?;
    // Dropped with this future, and the connection with it.
    let mut driver = JoinSet::new();
    driver.spawn(connection);
    let response = sender.send_request(request).await.map_err(Why::other)?;
    let (parts, body) = response.into_parts();
    let body = Limited::new(body, most).collect().await.map_err(|error| Why::Failed(error.to_string()))?;
    Ok(Fetched { status: parts.status, headers: parts.headers, body: body.to_bytes() })
}

/// Why nothing was fetched.
#[derive(Debug, thiserror::Error)]
#[error("http://{address}{path}: {why}")]
pub struct FetchError {
    address: SocketAddr,
    path: String,
    why: Why,
}

#[derive(Debug, thiserror::Error)]
enum Why {
    #[error("no whole answer within {} ms", .0.as_millis())]
    TooSlow(Duration),
    #[error("{0}")]
    Failed(String),
}

impl Why {
    fn other(error: impl std::error::Error) -> Self {
        Self::Failed(error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    const BOUNDS: Bounds = Bounds { time: Duration::from_secs(3), body: 1000 };

    /// A server that says `answer` to whoever connects, then holds the connection; and what came of a request to it.
    async fn against(answer: &str) -> Result<Fetched, String> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let serve = async {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = vec![0; 1000];
            let length = stream.read(&mut request).await.unwrap();
            assert!(request[..length].starts_with(b"GET /x?y HTTP/1.1\r\n"));
            stream.write_all(answer.as_bytes()).await.unwrap();
            std::future::pending::<()>().await;
        };
        tokio::select! {
            () = serve => panic!("it holds the connection"),
            fetched = get(address, "/x?y", Some("Fathom 1 2"), BOUNDS) => {
                fetched.map_err(|error| error.to_string().replace(&address.to_string(), "SERVER"))
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_server_can_neither_stall_nor_flood_nor_confuse() {
        let good = against("HTTP/1.1 200 OK\r\nx-a: b\r\ncontent-length: 2\r\n\r\nhi").await.unwrap();
        assert_eq!(
            (good.status.as_u16(), &good.headers["x-a"], &good.body[..]),
            (200, &HeaderValue::from_static("b"), &b"hi"[..])
        );
        let bad = [
            ("", "http://SERVER/x?y: no whole answer within 3000 ms"),
            ("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nh", "http://SERVER/x?y: no whole answer within 3000 ms"),
            ("SSH-2.0-OpenSSH_9.2\r\n", "http://SERVER/x?y: invalid HTTP version parsed"),
        ];
        for (answer, error) in bad {
            assert_eq!(against(answer).await.unwrap_err(), error);
        }
        let flood = format!("HTTP/1.1 200 OK\r\ncontent-length: 2000\r\n\r\n{}", "x".repeat(2000));
        assert_eq!(against(&flood).await.unwrap_err(), "http://SERVER/x?y: length limit exceeded");
    }

    #[tokio::test]
    async fn nobody_there_is_said_at_once() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        drop(listener);
        let error = get(address, "/", None, BOUNDS).await.unwrap_err().to_string();
        assert_eq!(error, format!("http://{address}/: Connection refused (os error 111)"));
    }
}
