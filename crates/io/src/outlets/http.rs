//! How sinks speak HTTP: once, to the host that the policy names, and to nobody that it redirects to.
#![expect(clippy::disallowed_types, reason = "the one place that talks HTTP to sinks")]

use std::error::Error as _;
use std::time::{Duration, SystemTime};

use applecart_core::outlets::letter::clipped;
use reqwest::header::{HeaderMap, RETRY_AFTER};
use reqwest::{Client, ClientBuilder, Method, StatusCode};
use url::Url;

use super::{DELIVERY, SinkError};
pub(crate) use crate::intune::is_loopback;

/// More of an answer that only acknowledges is not looked at.
const MAX_RECEIPT: usize = 64 << 10;
/// The longest answer that is read for what it says: a hundred issues of a forge at their longest.
const MAX_ANSWER: usize = 32 << 20;

/// A request. Not `Debug`: its address or its headers hold a secret.
pub struct Call {
    pub method: Method,
    pub url: Url,
    pub headers: HeaderMap,
    /// Empty where there is none.
    pub body: Vec<u8>,
}

/// The connections of a run, shared by its sinks.
pub struct Http {
    outside: Client,
    /// Past every proxy of the environment, for what is on this machine.
    direct: Client,
}

impl Http {
    pub fn new() -> Result<Self, SinkError> {
        let built = |builder: ClientBuilder| {
            let client = builder
                .user_agent(concat!("applecart/", env!("CARGO_PKG_VERSION")))
                .timeout(DELIVERY)
                // A redirect would carry the secret to a host that nobody named.
                .redirect(reqwest::redirect::Policy::none())
                .retry(reqwest::retry::never())
                .build();
            client.map_err(|error| unreachable_for("this machine's TLS", &error))
        };
        let outside = built(ClientBuilder::new().https_only(true))?;
        Ok(Self { outside, direct: built(ClientBuilder::new().no_proxy())? })
    }

    /// Sends it once, where a success says all.
    pub async fn send(&self, call: Call) -> Result<(), SinkError> {
        self.answer(call, MAX_RECEIPT).await.map(|_| ())
    }

    /// Sends it once; what comes back is the whole answer of a success.
    pub async fn ask(&self, call: Call) -> Result<Vec<u8>, SinkError> {
        let host = call.url.host_str().unwrap_or_default().to_owned();
        let why = || format!("its answer is longer than {} MB", MAX_ANSWER >> 20);
        let answer = self.answer(call, MAX_ANSWER).await?;
        answer.ok_or_else(|| SinkError::Unsendable { host, why: why() })
    }

    /// The answer of a success; `None` where it is longer than this. What it did is done.
    async fn answer(&self, call: Call, limit: usize) -> Result<Option<Vec<u8>>, SinkError> {
        let host = call.url.host_str().unwrap_or_default().to_owned();
        let client = if is_loopback(&call.url) { &self.direct } else { &self.outside };
        let mut request = client.request(call.method, call.url).headers(call.headers);
        if !call.body.is_empty() {
            request = request.body(call.body);
        }
        let failed = |error: reqwest::Error| match error.is_timeout() {
            true => SinkError::TimedOut { host: host.clone(), after: DELIVERY },
            false => unreachable_for(&host, &error),
        };
        let mut answer = request.send().await.map_err(failed)?;
        let status = answer.status();
        if status.is_success() {
            let mut body = Vec::new();
            while let Some(chunk) = answer.chunk().await.map_err(failed)? {
                if body.len() + chunk.len() > limit {
                    return Ok(None);
                }
                body.extend_from_slice(&chunk);
            }
            return Ok(Some(body));
        }
        let retry_after = retry_after(answer.headers());
        let status_code = status.as_u16();
        let is_busy = status.is_server_error()
            || [StatusCode::TOO_MANY_REQUESTS, StatusCode::REQUEST_TIMEOUT].contains(&status)
            // So says GitHub whoever asks too often.
            || (status == StatusCode::FORBIDDEN && retry_after.is_some());
        Err(match is_busy {
            true => SinkError::Busy { host, status: status_code, retry_after },
            // What it says may repeat what it was sent; the status says enough.
            false => SinkError::Refused { host, status: status_code, answer: None },
        })
    }
}

/// The deepest cause; the outer ones repeat the address.
fn unreachable_for(host: &str, error: &reqwest::Error) -> SinkError {
    let mut cause = error.source();
    while let Some(next) = cause.and_then(|cause| cause.source()) {
        cause = Some(next);
    }
    let why = cause.map(ToString::to_string).unwrap_or_else(|| "no connection".to_owned());
    let next = super::next_of_tls(&why).unwrap_or_default();
    SinkError::Unreachable { host: host.to_owned(), why: format!("{}{next}", clipped(&why, 200)) }
}

/// How long the receiver asks to be left alone: seconds, or a date.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = |name: &str| httpdate::parse_http_date(headers.get(name)?.to_str().ok()?).ok();
    let until = httpdate::parse_http_date(text).ok()?;
    // By the receiver's own clock, so that nobody's clock has to be right.
    let now: SystemTime = date("date")?;
    until.duration_since(now).ok()
}

/// The address of a sink that stands in the environment because it is the secret: of the host that
/// the policy names, and encrypted unless it is on this machine.
pub fn secret_url(
    variable: String,
    host: &str,
    read: impl Fn(&str) -> Option<String>,
) -> Result<Url, SinkError> {
    let Some(text) = read(&variable).filter(|text| !text.is_empty()) else {
        return Err(SinkError::NotConfigured { variable });
    };
    let Ok(url) = Url::parse(&text) else {
        return Err(SinkError::BadSecret { variable, why: "it is not a URL" });
    };
    let is_safe = url.scheme() == "https" || (url.scheme() == "http" && is_loopback(&url));
    let own = url.port().map_or_else(
        || url.host_str().unwrap_or_default().to_owned(),
        |port| format!("{}:{port}", url.host_str().unwrap_or_default()),
    );
    let why = if !is_safe {
        Some("it must begin with https://")
    } else if !url.username().is_empty() || url.password().is_some() {
        Some("it must not hold a user or a password")
    } else if !own.eq_ignore_ascii_case(host) {
        Some("its host is not the one in applecart.yaml")
    } else {
        None
    };
    match why {
        Some(why) => Err(SinkError::BadSecret { variable, why }),
        None => Ok(url),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_address_is_of_the_host_that_was_reviewed() {
        let url = |text: &'static str, host: &str| {
            secret_url("V".into(), host, |_| Some(text.to_owned()))
                .map(|_| ())
                .map_err(|error| error.to_string())
        };
        assert_eq!(url("https://hooks.slack.com/services/T/B/x", "hooks.slack.com"), Ok(()));
        assert_eq!(url("http://127.0.0.1:8080/x", "127.0.0.1:8080"), Ok(()));
        for (text, host, why) in [
            ("http://hooks.slack.com/x", "hooks.slack.com", "begin with https"),
            ("https://hooks.slack.com.evil.example/x", "hooks.slack.com", "host is not the one"),
            ("https://hooks.slack.com@evil.example/x", "hooks.slack.com", "user or a password"),
            ("https://hooks.slack.com:444/x", "hooks.slack.com", "host is not the one"),
            ("s3cret", "hooks.slack.com", "not a URL"),
            ("ftp://127.0.0.1/x", "127.0.0.1", "begin with https"),
        ] {
            let error = url(text, host).unwrap_err();
            assert!(error.contains(why) && !error.contains("s3cret"), "{text}: {error}");
        }
        let unset = secret_url("V".into(), "h", |_| None).unwrap_err().to_string();
        assert_eq!(unset, "the environment variable V is not set");
    }

    #[test]
    fn a_receiver_says_how_long_to_wait_in_seconds_or_as_a_date() {
        let headers = |list: &[(&'static str, &str)]| -> HeaderMap {
            list.iter()
                .map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()))
                .collect()
        };
        assert_eq!(retry_after(&headers(&[("retry-after", "7")])), Some(Duration::from_secs(7)));
        let date = [
            ("date", "Fri, 15 Jan 2027 08:00:00 GMT"),
            ("retry-after", "Fri, 15 Jan 2027 08:01:00 GMT"),
        ];
        assert_eq!(retry_after(&headers(&date)), Some(Duration::from_secs(60)));
        assert_eq!(retry_after(&headers(&[("retry-after", "soon")])), None);
    }
}
