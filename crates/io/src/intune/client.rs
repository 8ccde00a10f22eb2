//! One HTTP request to Microsoft, sent once, and its answer: no meaning, no retries, no token.
#![expect(clippy::disallowed_types, reason = "the one place that talks HTTP to Microsoft")]

use std::error::Error as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime};

use reqwest::header::{HeaderMap, HeaderValue};
use reqwest::{Client, ClientBuilder, RequestBuilder};

use super::error::{Fault, Refusal};
use super::retry::parse_retry_after;
use super::scrub::Scrubber;
use applecart_core::model::Timestamp;

/// A full page of any of the three resources is far smaller; more is not an answer of Graph's.
const MAX_BODY: usize = 16 << 20;

/// The connections of a run, shared by all tenants.
pub(super) struct Http {
    outside: Client,
    loopback: Client,
    near: OnceLock<Client>,
    connect_timeout: Duration,
    timeout: Duration,
    clock: fn() -> Timestamp,
    sent: AtomicU64,
}

impl Http {
    pub(super) fn new(
        timeout: Duration,
        connect_timeout: Duration,
        clock: fn() -> Timestamp,
        loopback: bool,
    ) -> Result<Self, reqwest::Error> {
        let outside = builder(connect_timeout).https_only(true).build()?;
        // A proxy from the environment must not see what is meant for this machine.
        let on_this_machine =
            if loopback { builder(connect_timeout).no_proxy().build()? } else { outside.clone() };
        Ok(Self {
            outside,
            loopback: on_this_machine,
            near: OnceLock::new(),
            connect_timeout,
            timeout,
            clock,
            sent: AtomicU64::new(0),
        })
    }

    /// How many requests were sent so far.
    pub(super) fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    /// Begins a request; `loopback` says that its host is on this machine.
    pub(super) fn request(
        &self,
        method: reqwest::Method,
        url: &str,
        loopback: bool,
    ) -> RequestBuilder {
        let client = if loopback { &self.loopback } else { &self.outside };
        client.request(method, url)
    }

    /// Begins a request to the machine or the host under it, in clear text and past every proxy:
    /// where a pipeline's agent or Azure's metadata service answers.
    pub(super) fn request_near(
        &self,
        method: reqwest::Method,
        url: &str,
    ) -> Result<RequestBuilder, Fault> {
        if let Some(client) = self.near.get() {
            return Ok(client.request(method, url));
        }
        let built = builder(self.connect_timeout).no_proxy().build().map_err(|_| {
            let detail = "the HTTP client for this machine cannot be made".to_owned();
            Fault::NotSent { detail, lasting: true }
        })?;
        Ok(self.near.get_or_init(|| built).request(method, url))
    }

    /// Sends a request once and reads its whole answer, success or not.
    pub(super) async fn send(
        &self,
        request: RequestBuilder,
        left: Duration,
        scrub: Arc<Scrubber>,
    ) -> Result<Reply, Fault> {
        let id = uuid::Uuid::new_v4().to_string();
        let request = request
            .header("client-request-id", &id)
            .timeout(self.timeout.min(left).max(Duration::from_millis(1)))
            .build_split();
        let (client, request) = (request.0, request.1.map_err(|error| fault(&error, &scrub, &id))?);
        let (method, path) = (request.method().clone(), request.url().path().to_owned());
        self.sent.fetch_add(1, Ordering::Relaxed);
        let mut response =
            client.execute(request).await.map_err(|error| fault(&error, &scrub, &id))?;
        let received = (self.clock)();
        let status = response.status().as_u16();
        let headers = std::mem::take(response.headers_mut());
        tracing::debug!(%method, path, status, client_request_id = id, "answer");
        let body = match read_body(&mut response).await {
            Ok(body) => body,
            // The status of a refusal says enough; its text is only for people.
            Err(_) if !(200..300).contains(&status) => Vec::new(),
            Err(BodyFault::TooLarge) => {
                let detail = format!("an answer of more than {} MiB", MAX_BODY >> 20);
                return Err(Fault::BadAnswer { detail, request_id: Some(id) });
            }
            Err(BodyFault::Cut(error)) if error.is_timeout() => {
                return Err(Fault::TimedOut { request_id: id });
            }
            Err(BodyFault::Cut(_)) => {
                let detail = "the answer broke off before its end".to_owned();
                return Err(Fault::Cut { detail, request_id: id });
            }
        };
        Ok(Reply { status, headers, body, received, scrub, client_request_id: id.into() })
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

enum BodyFault {
    TooLarge,
    Cut(reqwest::Error),
}

async fn read_body(response: &mut reqwest::Response) -> Result<Vec<u8>, BodyFault> {
    let mut body = Vec::new();
    // Counted after decompression, so that a small answer cannot become a large one.
    while let Some(chunk) = response.chunk().await.map_err(BodyFault::Cut)? {
        if body.len() + chunk.len() > MAX_BODY {
            return Err(BodyFault::TooLarge);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// What a failed exchange says about whether the request left.
fn fault(error: &reqwest::Error, scrub: &Scrubber, id: &str) -> Fault {
    let cause = innermost(error);
    let shown = scrub.sentence(&cause).unwrap_or_else(|| "no cause was given".to_owned());
    if error.is_builder() {
        return Fault::NotSent {
            detail: format!("the request cannot be made: {shown}"),
            lasting: true,
        };
    }
    // Asked before `is_timeout`: a connection that did not come about in time sent nothing.
    if error.is_connect() {
        let lasting = cause.contains("invalid peer certificate");
        return Fault::NotSent { detail: format!("no connection: {shown}"), lasting };
    }
    if error.is_timeout() {
        return Fault::TimedOut { request_id: id.to_owned() };
    }
    Fault::Cut {
        detail: format!("the connection ended without an answer: {shown}"),
        request_id: id.to_owned(),
    }
}

/// The deepest cause; the outer ones repeat the URL.
fn innermost(error: &reqwest::Error) -> String {
    let mut cause = error.source();
    while let Some(next) = cause.and_then(|cause| cause.source()) {
        cause = Some(next);
    }
    cause.map(ToString::to_string).unwrap_or_default()
}

/// An answer, or one part of a batch answer. Not `Debug`: a token answer holds a token.
#[derive(Clone)]
pub(super) struct Reply {
    /// The HTTP status.
    pub(super) status: u16,
    /// The headers.
    pub(super) headers: HeaderMap<HeaderValue>,
    /// The whole body.
    pub(super) body: Vec<u8>,
    /// When the headers arrived, by the local clock.
    pub(super) received: Timestamp,
    /// Knows what was sent and must not be shown.
    pub(super) scrub: Arc<Scrubber>,
    /// The id that this program gave the request.
    pub(super) client_request_id: Arc<str>,
}

impl Reply {
    /// A header that is text.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// The id under which Microsoft's support finds the request: Graph's, else Entra's, else the
    /// one that this program sent along, which Graph and Entra keep as well.
    pub(super) fn request_id(&self) -> Option<String> {
        ["request-id", "x-ms-request-id"]
            .into_iter()
            .find_map(|name| self.header(name).and_then(|id| self.scrub.word(id)))
            .or_else(|| Some(self.client_request_id.to_string()))
    }

    fn date(&self) -> Option<SystemTime> {
        httpdate::parse_http_date(self.header("date")?).ok()
    }

    /// How long to wait before asking again.
    pub(super) fn retry_after(&self) -> Option<Duration> {
        let now = SystemTime::from(self.received.date_time());
        parse_retry_after(self.header("retry-after")?, self.date(), now)
    }

    /// Seconds by which the server's clock is ahead of the local one.
    pub(super) fn skew(&self) -> Option<i64> {
        let theirs = Timestamp::new(self.date()?.into());
        Some(theirs.since(self.received).num_seconds())
    }

    /// The same answer, when it is a success.
    pub(super) fn judge(self) -> Result<Self, Fault> {
        if (200..300).contains(&self.status) {
            Ok(self)
        } else {
            Err(Fault::Refused(Refusal::of(&self)))
        }
    }

    /// The body as JSON of the expected shape.
    pub(super) fn json<T: serde::de::DeserializeOwned>(&self) -> Result<T, Fault> {
        serde_json::from_slice(&self.body).map_err(|error| Fault::BadAnswer {
            // The kind and the place; serde's own text would repeat the input.
            detail: format!(
                "Graph answered {} with {} at line {} column {}",
                self.status,
                match error.classify() {
                    serde_json::error::Category::Data => "JSON of an unexpected shape,",
                    serde_json::error::Category::Eof => "JSON that breaks off",
                    _ => "something that is not JSON,",
                },
                error.line(),
                error.column(),
            ),
            request_id: self.request_id(),
        })
    }
}

#[cfg(test)]
mod tests;
