//! How requests leave: each is sent once and answered whole. No meaning, no retries, no token.
#![expect(
    clippy::disallowed_types,
    reason = "the one place that talks HTTP to Microsoft and Apple"
)]

use std::error::Error as _;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use azure_core::Bytes;
use reqwest::header::{HeaderMap, HeaderValue};
use reqwest::{Client, ClientBuilder, Method};

use crate::seams::Clock;
use applecart_core::model::Timestamp;

/// All tokens that Intune allows a tenant, on one page, are half of this; more is not an answer of
/// Graph's. Several tenants are read at a time, and each may have one such answer in memory.
pub(crate) const MAX_BODY: usize = 8 << 20;

/// The header with the id that this program gives a request. Graph and Entra keep it.
pub(super) const REQUEST_ID: &str = "client-request-id";

/// One request. Not `Debug`: it holds a token, a secret or a credential.
pub struct Request {
    pub method: Method,
    pub url: String,
    pub headers: HeaderMap,
    pub body: Option<Bytes>,
    /// Whether it goes past every proxy, in clear text where the URL says so: to this machine or
    /// its host.
    pub direct: bool,
    /// How long it may take, its answer included.
    pub timeout: Duration,
    /// How many octets of an answer are read; a longer one is none.
    pub limit: usize,
}

impl Request {
    pub(crate) fn new(method: Method, url: impl Into<String>, direct: bool) -> Self {
        let (url, headers) = (url.into(), HeaderMap::new());
        let (timeout, limit) = (Duration::MAX, MAX_BODY);
        Self { method, url, headers, body: None, direct, timeout, limit }
    }

    #[must_use]
    pub(crate) fn with(mut self, name: &'static str, value: HeaderValue) -> Self {
        self.headers.insert(name, value);
        self
    }

    #[must_use]
    pub(crate) fn accepting_json(self) -> Self {
        self.with("accept", HeaderValue::from_static("application/json"))
    }
}

/// A whole answer, success or not. Not `Debug`: a token answer holds a token.
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    /// What could not be read of a refusal is left out: its status says enough.
    pub body: Vec<u8>,
    /// When the headers arrived.
    pub received: Timestamp,
}

/// Why there is no whole answer. Whether the request may have been carried out follows from it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoAnswer {
    /// It is no request at all.
    Unmade {
        cause: String,
    },
    /// No connection came about, so Intune has seen nothing of the request.
    NoConnection {
        cause: String,
    },
    TimedOut,
    /// The connection ended before the answer began.
    Silence {
        cause: String,
    },
    /// The connection ended before the answer did.
    BrokeOff,
    /// The answer has more octets than this.
    TooLarge {
        limit: usize,
    },
}

/// Carries requests to Graph, to Entra, to the services that sign assertions for it, and to Apple.
#[async_trait::async_trait]
pub trait Transport: Send + Sync {
    /// Sends a request, at most once.
    async fn send(&self, request: Request) -> Result<Answer, NoAnswer>;
}

/// Over the network. The connections are those of a run, shared by all tenants.
pub(crate) struct Network {
    outside: Client,
    direct: OnceLock<Client>,
    connect_timeout: Duration,
    clock: Arc<dyn Clock>,
}

impl Network {
    pub(crate) fn new(
        connect_timeout: Duration,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, reqwest::Error> {
        let outside = builder(connect_timeout).https_only(true).build()?;
        Ok(Self { outside, direct: OnceLock::new(), connect_timeout, clock })
    }

    /// A proxy from the environment must not see what is meant for this machine.
    fn direct(&self) -> Result<&Client, NoAnswer> {
        if let Some(client) = self.direct.get() {
            return Ok(client);
        }
        let built = builder(self.connect_timeout).no_proxy().build();
        let built = built.map_err(|error| NoAnswer::Unmade { cause: innermost(&error) })?;
        Ok(self.direct.get_or_init(|| built))
    }
}

#[async_trait::async_trait]
impl Transport for Network {
    async fn send(&self, request: Request) -> Result<Answer, NoAnswer> {
        let client = if request.direct { self.direct()? } else { &self.outside };
        let limit = request.limit;
        let id = request.headers.get(REQUEST_ID).and_then(|id| id.to_str().ok()).map(str::to_owned);
        let mut built = client.request(request.method, request.url).headers(request.headers);
        built = built.timeout(request.timeout);
        if let Some(body) = request.body {
            built = built.body(body);
        }
        let built = built.build().map_err(|error| no_answer(&error))?;
        let (method, path) = (built.method().clone(), built.url().path().to_owned());
        let answered = client.execute(built).await;
        let mut response = answered.map_err(|error| no_answer(&error))?;
        let received = self.clock.now();
        let status = response.status().as_u16();
        let headers = std::mem::take(response.headers_mut());
        tracing::debug!(%method, path, status, client_request_id = id, "answer");
        let body = match read_body(&mut response, limit).await {
            Ok(body) => body,
            Err(_) if !(200..300).contains(&status) => Vec::new(),
            Err(no_answer) => return Err(no_answer),
        };
        Ok(Answer { status, headers, body, received })
    }
}

fn builder(connect_timeout: Duration) -> ClientBuilder {
    ClientBuilder::new()
        .user_agent(concat!("applecart/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(connect_timeout)
        // A redirect would carry the token, or the certificate, to a host nobody named.
        .redirect(reqwest::redirect::Policy::none())
        // A write must leave here at most once, so repeating is decided in `retry` only.
        .retry(reqwest::retry::never())
        // HTTP/2 needs one connection; a simulator on HTTP/1.1 needs one a request.
        .pool_max_idle_per_host(1024)
        // Shorter than servers keep them: a connection that the server has just closed would
        // leave the outcome of a write unknown.
        .pool_idle_timeout(Duration::from_secs(30))
        // All tenants share one HTTP/2 connection; a dead one must not outlive a request.
        .http2_keep_alive_interval(Duration::from_secs(15))
        .http2_keep_alive_timeout(Duration::from_secs(10))
}

async fn read_body(response: &mut reqwest::Response, limit: usize) -> Result<Vec<u8>, NoAnswer> {
    let mut body = Vec::new();
    let cut = |error: reqwest::Error| match error.is_timeout() {
        true => NoAnswer::TimedOut,
        false => NoAnswer::BrokeOff,
    };
    // Counted after decompression, so that a small answer cannot become a large one.
    while let Some(chunk) = response.chunk().await.map_err(cut)? {
        if body.len() + chunk.len() > limit {
            return Err(NoAnswer::TooLarge { limit });
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

fn no_answer(error: &reqwest::Error) -> NoAnswer {
    let cause = innermost(error);
    if error.is_builder() {
        return NoAnswer::Unmade { cause };
    }
    // Asked before `is_timeout`: a connection that did not come about in time sent nothing.
    if error.is_connect() {
        return NoAnswer::NoConnection { cause };
    }
    if error.is_timeout() { NoAnswer::TimedOut } else { NoAnswer::Silence { cause } }
}

/// The deepest cause; the outer ones repeat the URL.
fn innermost(error: &reqwest::Error) -> String {
    let mut cause = error.source();
    while let Some(next) = cause.and_then(|cause| cause.source()) {
        cause = Some(next);
    }
    cause.map(ToString::to_string).unwrap_or_default()
}
