//! Pages and documents are compressed (gzip, RFC 9110, section 8.4.1.3) for whoever takes that: markup repeats itself,
//! and a link may be bad. They hold no secrets, so their length gives none away.

use std::io::Write;
use std::panic::resume_unwind;

use axum::body::{Body, Bytes, HttpBody, to_bytes};
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use flate2::Compression;
use flate2::write::GzEncoder;

/// Shorter ones fit a packet or two as they are.
const LEAST: u64 = 2048;

/// The kinds that are compressed. Metrics are not: whoever scrapes them sits nearby, and takes them every few seconds.
const KINDS: [&str; 4] = ["text/html", "text/css", "text/javascript", "application/json"];

/// Compresses what comes of a request, where that is worth it.
pub(super) async fn squeezed(request: Request, next: Next) -> Response {
    let takes_gzip = takes_gzip(request.headers());
    let mut response = next.run(request).await;
    if !is_worth_it(&response) {
        return response;
    }
    response.headers_mut().insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    if !takes_gzip {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    let Ok(whole) = to_bytes(body, usize::MAX).await else { return StatusCode::INTERNAL_SERVER_ERROR.into_response() };
    // It takes some milliseconds, and probes are timed on this thread.
    let small = tokio::task::spawn_blocking(move || gzip(&whole)).await;
    let small = small.unwrap_or_else(|panic| resume_unwind(panic.into_panic()));
    parts.headers.remove(header::CONTENT_LENGTH);
    parts.headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    Response::from_parts(parts, Body::from(small))
}

/// Long enough, of a kind that shrinks, and whole: streams have no length.
fn is_worth_it(response: &Response) -> bool {
    let kind = response.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let shrinks = KINDS.contains(&kind.split(';').next().unwrap_or_default());
    shrinks
        && response.body().size_hint().exact().is_some_and(|length| length >= LEAST)
        && !response.headers().contains_key(header::CONTENT_ENCODING)
}

fn takes_gzip(headers: &HeaderMap) -> bool {
    let codings = headers.get_all(header::ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    codings.flat_map(|codings| codings.split(',')).any(|coding| {
        let (name, weight) = coding.split_once(';').unwrap_or((coding, "q=1"));
        let refused = weight.trim().strip_prefix("q=").is_some_and(|q| q.trim().parse() == Ok(0.0_f32));
        name.trim().eq_ignore_ascii_case("gzip") && !refused
    })
}

fn gzip(whole: &Bytes) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(whole).expect("a Vec takes everything");
    encoder.finish().expect("a Vec takes everything")
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use axum::Router;
    use axum::middleware::from_fn;
    use axum::response::Html;
    use axum::routing::get;
    use flate2::read::GzDecoder;
    use tower::ServiceExt;

    use super::*;

    async fn answer(path: &str, takes: Option<&str>) -> (bool, Vec<u8>) {
        let long = || "<p>ok</p>".repeat(1000);
        let app = Router::new()
            .route("/long", get(async move || Html(long())))
            .route("/short", get(async || Html("<p>ok</p>")))
            .route("/metrics", get(async move || long()))
            .layer(from_fn(squeezed));
        let mut request = Request::get(path);
        if let Some(takes) = takes {
            request = request.header(header::ACCEPT_ENCODING, takes);
        }
        let response = app.oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
        let squeezed = response.headers().get(header::CONTENT_ENCODING).is_some_and(|coding| coding == "gzip");
        (squeezed, to_bytes(response.into_body(), usize::MAX).await.unwrap().to_vec())
    }

    #[tokio::test]
    async fn long_pages_are_compressed_for_those_who_take_that() {
        for takes in ["gzip", "br, GZIP;q=0.5", "deflate,gzip"] {
            let (squeezed, body) = answer("/long", Some(takes)).await;
            assert!(squeezed && body.len() < 200, "{takes}: {} bytes", body.len());
            let mut page = String::new();
            GzDecoder::new(body.as_slice()).read_to_string(&mut page).unwrap();
            assert_eq!(page, "<p>ok</p>".repeat(1000));
        }
    }

    #[tokio::test]
    async fn everything_else_comes_as_it_is() {
        let gzip = Some("gzip");
        for (path, takes) in
            [("/long", None), ("/long", Some("br")), ("/long", Some("gzip;q=0")), ("/short", gzip), ("/metrics", gzip)]
        {
            let (squeezed, body) = answer(path, takes).await;
            assert!(!squeezed && body.starts_with(b"<p>ok</p>"), "{path} {takes:?}");
        }
    }
}
