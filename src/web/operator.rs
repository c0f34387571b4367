//! The guard of every request that changes something: the operator's token, and no other site's page.
//!
//! A handler that takes [`By`] before the body runs for operators alone, and learns who it was.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use axum::extract::{ConnectInfo, FromRequestParts};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use data_encoding::BASE64;

use super::Site;
use crate::operator::Refused;

/// The longest name that is recorded, in characters.
const LONGEST_NAME: usize = 64;

/// An operator, by the name that they gave: the user name of HTTP Basic (RFC 7617). It is cut to 64 printable characters,
/// and `operator` where none was given, as with a bearer token (RFC 6750).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct By(String);

impl By {
    /// The name.
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    fn named(name: &str) -> Self {
        let name: String = name.chars().filter(|c| !c.is_control()).take(LONGEST_NAME).collect();
        let name = name.trim();
        Self(if name.is_empty() { "operator" } else { name }.to_owned())
    }
}

impl FromRequestParts<Site> for By {
    type Rejection = Denied;

    async fn from_request_parts(parts: &mut Parts, site: &Site) -> Result<Self, Denied> {
        let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>();
        let from = peer.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |peer| peer.0.ip());
        if is_cross_site(&parts.headers) {
            return Err(Denied::CrossSite);
        }
        let operator = site.daemon.operator();
        let credentials = credentials(&parts.headers);
        if credentials.is_none() && operator.has_token() {
            return Err(Denied::NoCredentials);
        }
        let (by, token) = credentials.unwrap_or_else(|| (Self::named(""), String::new()));
        operator.admit(from, &token).map(|()| by).map_err(Denied::Refused)
    }
}

/// Whether a page of another site made the browser send this (Fetch Metadata; the Origin header of RFC 6454). Programs
/// send neither header.
fn is_cross_site(headers: &HeaderMap) -> bool {
    let text = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
    if text("sec-fetch-site").is_some_and(|site| site != "same-origin" && site != "none") {
        return true;
    }
    let host = text("host").unwrap_or_default();
    text("origin").is_some_and(|origin| origin.split_once("://").is_none_or(|(_, of)| of != host))
}

/// Who it is, and the token that they show.
fn credentials(headers: &HeaderMap) -> Option<(By, String)> {
    let (scheme, rest) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    let rest = rest.trim();
    if scheme.eq_ignore_ascii_case("bearer") {
        return Some((By::named(""), rest.to_owned()));
    }
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let pair = String::from_utf8(BASE64.decode(rest.as_bytes()).ok()?).ok()?;
    let (name, token) = pair.split_once(':')?;
    Some((By::named(name), token.to_owned()))
}

/// Why a request that would change something is not listened to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Denied {
    CrossSite,
    NoCredentials,
    Refused(Refused),
}

impl IntoResponse for Denied {
    fn into_response(self) -> Response {
        let challenge = [(header::WWW_AUTHENTICATE, "Basic realm=\"Fathom\", charset=\"UTF-8\"")];
        match self {
            Self::CrossSite => {
                (StatusCode::FORBIDDEN, "This was sent by a page of another site, and is refused.\n").into_response()
            }
            Self::NoCredentials => {
                let how = "This changes something, which takes the operator's token: as the password of HTTP Basic, with \
                           your name as the user, or as a bearer token.\n";
                (StatusCode::UNAUTHORIZED, challenge, how).into_response()
            }
            Self::Refused(Refused::NoToken) => {
                let how = "Nothing can be changed here, because this prober has no operator token. To allow it, name a \
                           file that holds one in prober.operator_token_file, and reload.\n";
                (StatusCode::FORBIDDEN, how).into_response()
            }
            Self::Refused(Refused::TooMany) => {
                let how = "Too many wrong tokens came from your address: wait some seconds.\n";
                (StatusCode::TOO_MANY_REQUESTS, [(header::RETRY_AFTER, "10")], how).into_response()
            }
            Self::Refused(Refused::Wrong) => {
                (StatusCode::UNAUTHORIZED, challenge, "That is not the operator's token.\n").into_response()
            }
        }
    }
}
