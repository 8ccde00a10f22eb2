//! Requests and answers as the rest of the simulator sees them, free of sockets.

use axum::body::{Body, Bytes};
use axum::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use axum::http::{Method, Response, StatusCode};
use serde_json::Value;

/// One request, read whole. A part of a `$batch` is one as well.
#[derive(Clone, Debug)]
pub(super) struct Call {
    pub(super) method: Method,
    /// Percent-decoded, without the query.
    pub(super) path: String,
    pub(super) query: Option<String>,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
    /// Whether it came inside a `$batch`.
    pub(super) part: bool,
}

impl Call {
    pub(super) fn header(&self, name: &HeaderName) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// The media type of the body, lower-cased, without parameters.
    pub(super) fn media_type(&self) -> Option<String> {
        let value = self.header(&header::CONTENT_TYPE)?;
        Some(value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase())
    }

    pub(super) fn bearer(&self) -> Option<&str> {
        let value = self.header(&header::AUTHORIZATION)?;
        let (scheme, token) = value.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
    }
}

/// What the body of an answer holds.
#[derive(Clone, Debug)]
pub(super) enum Content {
    Nothing,
    Json(Value),
    Text { media_type: &'static str, text: String },
    Bytes { media_type: &'static str, bytes: Vec<u8> },
}

#[derive(Clone, Debug)]
pub(super) struct Reply {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) content: Content,
}

impl Reply {
    pub(super) fn new(status: StatusCode, content: Content) -> Self {
        Self { status, headers: HeaderMap::new(), content }
    }

    pub(super) fn json(status: StatusCode, value: Value) -> Self {
        Self::new(status, Content::Json(value))
    }

    pub(super) fn empty(status: StatusCode) -> Self {
        Self::new(status, Content::Nothing)
    }

    /// Sets a header; a value that no header can hold is left out.
    #[must_use]
    pub(super) fn with(mut self, name: impl Into<HeaderName>, value: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.insert(name.into(), value);
        }
        self
    }
}

/// How an exchange ends.
#[derive(Clone, Debug)]
pub(super) enum Outcome {
    Reply(Reply),
    /// With an answer whose body breaks off.
    Truncated(Reply),
    /// With a closed connection and no answer.
    Dropped,
    /// With a reset connection and no answer.
    Reset,
}

/// The connection is to be closed without an answer.
#[derive(Debug, thiserror::Error)]
#[error("connection dropped on purpose")]
pub(super) struct Dropped {
    /// Abruptly, as a crashed peer or a firewall does it.
    pub(super) reset: bool,
}

impl Outcome {
    /// The status that was answered, if any was.
    pub(super) fn status(&self) -> Option<StatusCode> {
        match self {
            Self::Reply(reply) | Self::Truncated(reply) => Some(reply.status),
            Self::Dropped | Self::Reset => None,
        }
    }

    /// As hyper takes it: an error from the service closes the connection unanswered.
    pub(super) fn into_response(self) -> Result<Response<Body>, Dropped> {
        match self {
            Self::Reply(reply) => Ok(respond(reply, false)),
            Self::Truncated(reply) => Ok(respond(reply, true)),
            Self::Dropped => Err(Dropped { reset: false }),
            Self::Reset => Err(Dropped { reset: true }),
        }
    }
}

fn respond(reply: Reply, truncate: bool) -> Response<Body> {
    let Reply { status, mut headers, content } = reply;
    let (media_type, bytes) = match content {
        Content::Nothing => (None, Vec::new()),
        Content::Json(value) => (Some("application/json"), value.to_string().into_bytes()),
        Content::Text { media_type, text } => (Some(media_type), text.into_bytes()),
        Content::Bytes { media_type, bytes } => (Some(media_type), bytes),
    };
    if let Some(media_type) = media_type {
        headers.entry(header::CONTENT_TYPE).or_insert(HeaderValue::from_static(media_type));
    }
    let body = if truncate {
        // The full length is announced, so the client can tell that bytes are missing.
        headers.insert(header::CONTENT_LENGTH, HeaderValue::from(bytes.len()));
        let half = bytes.len() / 2;
        let kept = Bytes::from(bytes).slice(..half);
        let pieces = futures::stream::unfold(Some(kept), |kept| async {
            match kept {
                Some(kept) => Some((Ok(kept), None)),
                None => {
                    // Without a pause hyper fails before it has written headers and first half.
                    tokio::task::yield_now().await;
                    Some((Err(Dropped { reset: false }), None))
                }
            }
        });
        Body::from_stream(pieces)
    } else {
        Body::from(bytes)
    };
    let mut response = Response::new(body);
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    response
}

/// Undoes percent-encoding; what is not valid stays as it is.
pub(super) fn percent_decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some((&first, tail)) = rest.split_first() {
        let octet = match (first, tail) {
            (b'%', [high, low, after @ ..]) => {
                hex_digit(*high).zip(hex_digit(*low)).map(|(high, low)| (high << 4 | low, after))
            }
            _ => None,
        };
        let (octet, after) = octet.unwrap_or((first, tail));
        decoded.push(octet);
        rest = after;
    }
    String::from_utf8(decoded).unwrap_or_else(|_| text.to_owned())
}

fn hex_digit(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

/// The value of a query parameter, decoded.
pub(super) fn query_value(query: Option<&str>, name: &str) -> Option<String> {
    url::form_urlencoded::parse(query.unwrap_or_default().as_bytes())
        .find_map(|(key, value)| (key == name).then(|| value.into_owned()))
}
