//! Arrivals over HTTP, for probers that share a beacon which runs in another process.
//!
//! `GET /api/v1/arrivals?since=CURSOR`. Requests are signed with a canary key and the time, answers with the same key and
//! the request, so that neither strangers read who asks what, nor anybody on the way tells tales. An answer can be read
//! by whoever can read the network; there is no secret in it.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderName, HeaderValue, Request, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use data_encoding::HEXLOWER;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Arrival, Arrivals, BeaconHandle, Cursor, Page};
use crate::canary::{BeaconId, BeaconSaw, Flags, Key, Keys, LABEL_LENGTH, Nonce, WINDOW};
use crate::estate::DomainName;
use crate::fetch::{Bounds, FetchError, Fetched, get as fetch};

/// Where arrivals are served.
pub const PATH: &str = "/api/v1/arrivals";

/// The header with an answer's signature.
static SIGNATURE: HeaderName = HeaderName::from_static("fathom-signature");

/// The word before time and signature in an Authorization header.
const SCHEME: &str = "Fathom";

/// How long a whole page may take, and how large it may be: a full one of the longest names has 600 kB.
const BOUNDS: Bounds = Bounds { time: Duration::from_secs(5), body: 2 << 20 };

//----------- Serving ---------------------------------------------------------

/// The routes that serve a beacon's arrivals to those who hold its keys.
pub fn router<S: Clone + Send + Sync + 'static>(beacon: BeaconHandle) -> Router<S> {
    Router::new().route(PATH, get(serve)).with_state(beacon)
}

async fn serve(State(beacon): State<BeaconHandle>, request: Request<axum::body::Body>) -> Response {
    let keys = beacon.keys();
    let target = request.uri().path_and_query().map_or(PATH, |target| target.as_str());
    let authorization = request.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let Some((key, signature)) = authorization.and_then(|text| verify(text, target, &keys, SystemTime::now())) else {
        let allowed = "sign the request with a key of path.key_files; clocks may be ten minutes apart\n";
        return (StatusCode::UNAUTHORIZED, [(header::WWW_AUTHENTICATE, SCHEME)], allowed).into_response();
    };
    let since = request.uri().query().and_then(|query| query.strip_prefix("since="));
    let cursor = match since.map(str::parse::<Cursor>).transpose() {
        Ok(cursor) => cursor,
        Err(error) => return (StatusCode::BAD_REQUEST, format!("since: {error}\n")).into_response(),
    };
    let body = serde_json::to_vec(&PageText::from(beacon.arrivals().since(cursor))).expect("plain data");
    let signed = HEXLOWER.encode(&key.sign(&answer_parts(&signature, &body)));
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("application/json")),
        (SIGNATURE.clone(), HeaderValue::from_str(&signed).expect("hexadecimal digits")),
    ];
    (headers, body).into_response()
}

/// The key that signed the request, and its signature, when one did, and lately.
fn verify<'k>(authorization: &str, target: &str, keys: &'k Keys, now: SystemTime) -> Option<(&'k Key, Vec<u8>)> {
    let (time, signature) = authorization.strip_prefix(SCHEME)?.strip_prefix(' ')?.split_once(' ')?;
    let signature = HEXLOWER.decode(signature.as_bytes()).ok().filter(|signature| signature.len() == 32)?;
    let key = keys.which_verifies(&request_parts(time, target), &signature)?;
    let signed_at: u64 = time.parse().ok()?;
    (signed_at.abs_diff(seconds(now)) <= WINDOW.as_secs()).then_some((key, signature))
}

fn request_parts<'a>(time: &'a str, target: &'a str) -> [&'a [u8]; 4] {
    [b"fathom request ", time.as_bytes(), b" ", target.as_bytes()]
}

fn answer_parts<'a>(request_signature: &'a [u8], body: &'a [u8]) -> [&'a [u8]; 3] {
    [b"fathom response ", request_signature, body]
}

fn seconds(now: SystemTime) -> u64 {
    now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

//----------- Reading ---------------------------------------------------------

/// Reads arrivals, wherever the beacon runs, each one once.
#[derive(Debug)]
pub struct Reader {
    beacon: Place,
    cursor: Option<Cursor>,
}

#[derive(Debug)]
enum Place {
    Here(Arc<Arrivals>),
    There { address: SocketAddr, keys: Arc<Keys> },
}

impl Reader {
    /// Of a beacon in this process.
    pub fn here(arrivals: Arc<Arrivals>) -> Self {
        Self { beacon: Place::Here(arrivals), cursor: None }
    }

    /// Of a beacon in the process whose HTTP server is at `address`.
    pub fn there(address: SocketAddr, keys: Arc<Keys>) -> Self {
        Self { beacon: Place::There { address, keys }, cursor: None }
    }

    /// The arrivals since the last call, oldest first; the first call begins two minutes ago. After an error the next
    /// call goes on where the last good one stopped.
    pub async fn read(&mut self) -> Result<Vec<Arrival>, ReadError> {
        let mut arrivals = Vec::new();
        // As many pages as there can be arrivals: a beacon that never ends a list is not believed for ever.
        for _ in 0..=Arrivals::CAPACITY / Arrivals::PAGE {
            let page = match &self.beacon {
                Place::Here(arrivals) => arrivals.since(self.cursor),
                Place::There { address, keys } => read_page(*address, keys, self.cursor).await?,
            };
            self.cursor = Some(page.next);
            let last = page.arrivals.len() < Arrivals::PAGE;
            arrivals.extend(page.arrivals);
            if last {
                break;
            }
        }
        Ok(arrivals)
    }
}

async fn read_page(address: SocketAddr, keys: &Keys, cursor: Option<Cursor>) -> Result<Page, ReadError> {
    let target = cursor.map_or_else(|| PATH.to_owned(), |cursor| format!("{PATH}?since={cursor}"));
    let time = seconds(SystemTime::now()).to_string();
    let signature = keys.signing().sign(&request_parts(&time, &target));
    let authorization = format!("{SCHEME} {time} {}", HEXLOWER.encode(&signature));
    let Fetched { status, headers, body } = fetch(address, &target, Some(&authorization), BOUNDS).await?;
    match status {
        StatusCode::OK => {}
        StatusCode::UNAUTHORIZED => return Err(ReadError::Unauthorized),
        other => return Err(ReadError::Status(other)),
    }
    let signed = headers.get(&SIGNATURE).and_then(|value| HEXLOWER.decode(value.as_bytes()).ok());
    let signed = signed.filter(|signed| keys.signing().verifies(&answer_parts(&signature, &body), signed));
    if signed.is_none() {
        return Err(ReadError::Unsigned);
    }
    let page: PageText = serde_json::from_slice(&body).map_err(|error| ReadError::Unreadable(error.to_string()))?;
    page.try_into()
}

/// Why arrivals could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// HTTP failed.
    #[error(transparent)]
    Fetch(#[from] FetchError),
    /// The request was not accepted.
    #[error("the beacon's process does not accept our signature: is the key the same, and are the clocks?")]
    Unauthorized,
    /// Another status than a good one.
    #[error("the beacon's process says {0} to a question for arrivals: does a beacon run in it?")]
    Status(StatusCode),
    /// The answer was not signed with the key of the request.
    #[error("the answer is not signed with our key")]
    Unsigned,
    /// The answer is signed, but of another version.
    #[error("the answer cannot be read: {0}")]
    Unreadable(String),
}

//----------- Text ------------------------------------------------------------

/// A page as JSON.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct PageText {
    next: String,
    arrivals: Vec<ArrivalText>,
}

/// An arrival as JSON.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
struct ArrivalText {
    /// Milliseconds since 1970.
    at: u64,
    name: String,
    qtype: u16,
    #[schema(value_type = String)]
    source: IpAddr,
    port: u16,
    arrivals: u32,
    flags: String,
    udp_payload: Option<u16>,
    options: Vec<u16>,
    beacon: String,
}

impl From<Page> for PageText {
    fn from(page: Page) -> Self {
        Self { next: page.next.to_string(), arrivals: page.arrivals.into_iter().map(Into::into).collect() }
    }
}

impl From<Arrival> for ArrivalText {
    fn from(Arrival { at, name, qtype, saw, .. }: Arrival) -> Self {
        let at = at.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
        Self {
            at: u64::try_from(at).unwrap_or(u64::MAX),
            name: name.to_string(),
            qtype,
            source: saw.source,
            port: saw.port,
            arrivals: saw.arrivals,
            flags: saw.flags.to_string(),
            udp_payload: saw.udp_payload,
            options: saw.options,
            beacon: saw.beacon.to_string(),
        }
    }
}

impl TryFrom<PageText> for Page {
    type Error = ReadError;

    fn try_from(page: PageText) -> Result<Self, ReadError> {
        let unreadable = |what: String| ReadError::Unreadable(what);
        let next = page.next.parse().map_err(|_| unreadable(format!("next: {}", page.next)))?;
        let read = |text: ArrivalText| {
            let name = text.name.clone();
            text.read().ok_or_else(|| unreadable(format!("the arrival of {name}")))
        };
        Ok(Self { next, arrivals: page.arrivals.into_iter().map(read).collect::<Result<_, _>>()? })
    }
}

impl ArrivalText {
    fn read(self) -> Option<Arrival> {
        Some(Arrival {
            at: UNIX_EPOCH.checked_add(Duration::from_millis(self.at))?,
            nonce: Nonce::read(self.name.as_bytes().get(..LABEL_LENGTH)?)?,
            name: DomainName::parse(&self.name)?,
            qtype: self.qtype,
            saw: BeaconSaw {
                source: self.source,
                port: self.port,
                arrivals: self.arrivals,
                flags: Flags::parse(&self.flags)?,
                udp_payload: self.udp_payload,
                options: self.options,
                beacon: self.beacon.parse::<BeaconId>().ok()?,
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use tokio::net::TcpListener;
    use tower::ServiceExt;

    use super::super::Beacon;
    use super::super::arrivals::tests::arrival;
    use super::*;
    use crate::estate::BeaconSettings;

    fn keys(byte: u8) -> Arc<Keys> {
        Arc::new(Keys::new(Key::new(&[byte; 32]).unwrap(), None))
    }

    async fn beacon() -> BeaconHandle {
        let name = |text: &str| DomainName::parse(text).unwrap();
        let settings = BeaconSettings {
            listen: "127.0.0.1:0".parse().unwrap(),
            name_servers: vec![name("ns.example.")],
            queries_per_second: 100,
            queries_per_second_per_prefix: 100,
        };
        Beacon::bind(&settings, &name("canary.example."), keys(1)).await.unwrap().handle()
    }

    fn full(target: u16) -> Arrival {
        let mut arrival = arrival(target);
        let label = arrival.nonce.label(&DomainName::parse("canary.example.").unwrap(), &keys(1));
        arrival.name = DomainName::parse(&format!("{label}.p.canary.example.")).unwrap();
        arrival.at = UNIX_EPOCH + Duration::from_millis(1_795_550_400_123);
        arrival.saw.flags = Flags::parse("rd,do,0x20").unwrap();
        arrival.saw.options = vec![3, 10];
        arrival.saw.udp_payload = Some(1232);
        arrival
    }

    #[tokio::test(start_paused = true)]
    async fn a_distant_prober_reads_what_a_near_one_does() {
        let beacon = beacon().await;
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = tokio::spawn(axum::serve(listener, router(beacon.clone())).into_future());
        let (mut near, mut far) = (beacon.reader(), Reader::there(address, keys(1)));
        assert!(far.read().await.unwrap().is_empty());
        for target in 0..3000 {
            beacon.arrivals().record(full(target));
        }
        let arrivals = far.read().await.unwrap();
        assert_eq!(arrivals.len(), 3000);
        assert_eq!(arrivals, near.read().await.unwrap());
        beacon.arrivals().record(full(9));
        assert_eq!(far.read().await.unwrap().iter().map(|arrival| arrival.nonce.target).collect::<Vec<_>>(), [9]);
        assert!(far.read().await.unwrap().is_empty());

        let stranger = Reader::there(address, keys(2)).read().await.unwrap_err().to_string();
        assert!(stranger.starts_with("the beacon's process does not accept our signature"), "{stranger}");
        server.abort();
        assert!(server.await.unwrap_err().is_cancelled());
        let gone = far.read().await.unwrap_err().to_string();
        assert!(gone.starts_with(&format!("http://{address}/api/v1/arrivals?since=")), "{gone}");
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_without_a_key_and_a_clock_is_told_anything() {
        let beacon = beacon().await;
        let now = seconds(SystemTime::now());
        let signed = |key: u8, time: u64, target: &str| {
            let time = time.to_string();
            let signature = keys(key).signing().sign(&request_parts(&time, target));
            format!("Fathom {time} {}", HEXLOWER.encode(&signature))
        };
        let good = signed(1, now, PATH);
        let since = format!("{PATH}?since=x");
        let cases = [
            (Some(good.clone()), PATH, 200),
            (Some(signed(1, now - 590, PATH)), PATH, 200),
            (Some(signed(1, now, &since)), &since, 400),
            (None, PATH, 401),
            (Some(signed(2, now, PATH)), PATH, 401),
            (Some(signed(1, now - 700, PATH)), PATH, 401),
            (Some(signed(1, now + 700, PATH)), PATH, 401),
            (Some(good.clone()), &since, 401),
            (Some(good[..good.len() - 2].to_owned()), PATH, 401),
            (Some(format!("Fathom {now} ")), PATH, 401),
            (Some("Basic YTpi".to_owned()), PATH, 401),
            (Some(String::new()), PATH, 401),
        ];
        for (authorization, target, status) in cases {
            let mut request = Request::get(target);
            if let Some(authorization) = &authorization {
                request = request.header(header::AUTHORIZATION, authorization);
            }
            let response = router(beacon.clone()).oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
            assert_eq!(response.status().as_u16(), status, "{authorization:?} {target}");
            assert_eq!(response.headers().contains_key(&SIGNATURE), status == 200);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_that_was_changed_on_the_way_is_not_believed() {
        let answer = |body: &'static str, signature: Option<&'static str>| {
            get(async move || match signature {
                Some(signature) => ([(SIGNATURE.clone(), signature)], body).into_response(),
                None => body.into_response(),
            })
        };
        let zeros = "0000000000000000000000000000000000000000000000000000000000000000";
        let body = r#"{"next":"00000001.0","arrivals":[]}"#;
        for signature in [None, Some(""), Some("xyz"), Some("00"), Some(zeros)] {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = listener.local_addr().unwrap();
            let app = Router::new().route(PATH, answer(body, signature));
            let server = tokio::spawn(axum::serve(listener, app).into_future());
            let error = Reader::there(address, keys(1)).read().await.unwrap_err();
            assert!(matches!(error, ReadError::Unsigned), "{signature:?}: {error}");
            server.abort();
        }
    }

    #[test]
    fn a_signed_page_of_another_version_is_an_error_not_a_panic() {
        let arrival = full(1);
        let page = PageText { next: "00000001.5".to_owned(), arrivals: vec![arrival.clone().into()] };
        let good = serde_json::to_string(&page).unwrap();
        let read = |text: &str| serde_json::from_str::<PageText>(text).ok().and_then(|page| Page::try_from(page).ok());
        assert_eq!(read(&good).map(|page| page.arrivals), Some(vec![arrival]));
        for (from, to) in
            [("rd,do", "xx"), ("00000001.5", "5"), (".p.canary", "..p"), ("\"qtype\":16", "\"qtype\":70000")]
        {
            let changed = good.replace(from, to);
            assert_ne!(changed, good);
            assert_eq!(read(&changed), None, "{changed}");
        }
    }
}
