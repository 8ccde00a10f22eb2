//! Answers, what can go wrong with one request, and what a reader makes of it.
//!
//! Two questions, answered here and nowhere else: may a *read* be tried again, and which
//! [`Problem`] does it become when it may not. Writes judge by themselves, in `write`.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use reqwest::header::HeaderMap;

use super::retry::parse_retry_after;
use super::scrub::Scrubber;
use applecart_core::model::{Problem, ProblemCode, Resource, Timestamp};

/// An answer, or one part of a batch answer. Not `Debug`: a token answer holds a token.
#[derive(Clone)]
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
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
    pub(super) fn json<'a, T: serde::Deserialize<'a>>(&'a self) -> Result<T, Fault> {
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

/// Why a request brought no usable answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// A whole answer, and not a success.
    Refused(Refusal),
    /// No connection: nothing of the request was sent.
    NotSent {
        /// The cause for a person, without control characters and secrets.
        detail: String,
        /// Whether trying again is pointless.
        lasting: bool,
    },
    /// No answer in time; the request may have been carried out.
    TimedOut {
        /// The id that this program gave the request; Graph keeps it too.
        request_id: String,
    },
    /// The connection ended before the answer did; the request may have been carried out.
    Cut {
        /// The cause for a person, without control characters and secrets.
        detail: String,
        /// The id that this program gave the request; Graph keeps it too.
        request_id: String,
    },
    /// A success that is not what Graph documents.
    BadAnswer {
        /// What is wrong with it.
        detail: String,
        request_id: Option<String>,
    },
    /// There is no token to ask with.
    SignIn(Problem),
}

/// An answer that is not a success, reduced to what may be shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) status: u16,
    /// `error.code`; decisions rest on it.
    pub(super) code: Option<String>,
    /// The sentence in `error.message`; for people only.
    pub(super) sentence: Option<String>,
    pub(super) request_id: Option<String>,
    /// The `Retry-After` header, as a time to wait; `None` where it is missing or cannot be read.
    pub(super) retry_after: Option<Duration>,
    /// Whether multi admin approval stands in the way.
    pub(super) approval: bool,
    /// Whether it says no more than that it came too soon after the one before.
    pub(super) too_soon: bool,
    /// Whether the text is the one of a tenant without Intune.
    unlicensed: bool,
    /// Whether the token's time has not begun, by Graph's clock.
    too_early: bool,
}

/// Whether a read may be tried again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Retry {
    /// No: the answer would be the same.
    No,
    /// Yes, after the time Graph asked for.
    Later(Option<Duration>),
    /// A few times: a garbled answer may be an accident on the way, or may be all there is.
    Few,
}

impl Refusal {
    /// Reads an answer that is not a success.
    pub(super) fn of(reply: &Reply) -> Self {
        let error = ErrorBody::parse(&reply.body);
        let text = error.message.to_lowercase();
        let scrub: &Scrubber = &reply.scrub;
        let inner_id = error.request_id.as_deref().filter(|_| reply.header("request-id").is_none());
        let approval = matches!(reply.status, 400 | 403 | 412)
            && (reply.header("x-msft-approval-code").is_some()
                || error.code == "ApprovalRequired"
                || asks_for_approval(&text));
        Self {
            status: reply.status,
            code: scrub.word(&error.code),
            sentence: scrub.sentence(&error.message),
            request_id: inner_id.and_then(|id| scrub.word(id)).or_else(|| reply.request_id()),
            retry_after: reply.retry_after(),
            approval,
            too_soon: reply.status == 429
                || matches!(reply.status, 400 | 409)
                    && !approval
                    && (error.code == "TooManyRequests" || says_too_soon(&text)),
            unlicensed: matches!(reply.status, 400 | 403 | 404) && says_unlicensed(&text),
            too_early: reply.status == 401 && text.contains("not yet valid"),
        }
    }

    /// The answer in a sentence.
    pub(super) fn describe(&self) -> String {
        let mut text = format!("Graph answered {}", self.status);
        if let Some(code) = &self.code {
            text.push_str(&format!(" {code}"));
        }
        if let Some(sentence) = &self.sentence {
            text.push_str(&format!(": {sentence}"));
        }
        text
    }
}

/// The documented and the observed ways to say it differ in status and wording.
/// <https://learn.microsoft.com/en-us/intune/intune-service/fundamentals/multi-admin-approval>
fn asks_for_approval(text: &str) -> bool {
    ["x-msft-approval", "approval required", "approval is required", "multi admin approval"]
        .iter()
        .any(|phrase| text.contains(phrase))
}

/// How Intune words its limit of one sync in 15 minutes is not documented. Only a sync asks for
/// this, and nothing depends on a sync, so a text may decide.
fn says_too_soon(text: &str) -> bool {
    ["15 minutes", "fifteen minutes", "too soon", "too frequent", "already in progress"]
        .iter()
        .any(|phrase| text.contains(phrase))
}

/// "Request not applicable to target tenant" is what Intune answers where nobody licensed it.
/// Both readings of such an answer are unknown, so text may choose between them.
fn says_unlicensed(text: &str) -> bool {
    ["not applicable to target tenant", "licensed for intune", "intune license", "intune licence"]
        .iter()
        .any(|phrase| text.contains(phrase))
}

/// `{"error":{"code","message","innerError":{"request-id"}}}`, as far as it is there.
#[derive(Default)]
struct ErrorBody {
    code: String,
    message: String,
    request_id: Option<String>,
}

impl ErrorBody {
    fn parse(body: &[u8]) -> Self {
        let Ok(json) = serde_json::from_slice::<serde_json::Value>(body) else {
            return Self::default();
        };
        let text = |value: Option<&serde_json::Value>| {
            value.and_then(serde_json::Value::as_str).map(str::to_owned)
        };
        let error = json.get("error");
        let inner = error.and_then(|error| error.get("innerError").or(error.get("innererror")));
        Self {
            code: text(error.and_then(|error| error.get("code"))).unwrap_or_default(),
            message: text(error.and_then(|error| error.get("message"))).unwrap_or_default(),
            request_id: text(inner.and_then(|inner| inner.get("request-id"))),
        }
    }
}

impl Fault {
    /// Whether a read may be tried again.
    pub(super) fn retry(&self) -> Retry {
        match self {
            Self::Refused(refusal) => match refusal.status {
                429 | 500 | 502 | 503 | 504 => Retry::Later(refusal.retry_after),
                408 => Retry::Later(None),
                // Its time will come; a fresh token would begin later still.
                401 if refusal.too_early => Retry::Later(None),
                _ => Retry::No,
            },
            Self::NotSent { lasting: false, .. } | Self::TimedOut { .. } | Self::Cut { .. } => {
                Retry::Later(None)
            }
            Self::BadAnswer { .. } => Retry::Few,
            Self::NotSent { lasting: true, .. } | Self::SignIn(_) => Retry::No,
        }
    }

    /// Whether Graph says that the object is not there: a 404 alone may also be a wrong path or a
    /// tenant without Intune.
    pub(super) fn is_absent(&self) -> bool {
        matches!(self, Self::Refused(refusal)
            if refusal.status == 404 && refusal.code.as_deref() == Some("ResourceNotFound"))
    }

    /// Whether a fresh token may help: Graph looked at the token, refused it, and did nothing else
    /// (RFC 9110, section 15.5.2).
    pub(super) fn wants_fresh_token(&self) -> bool {
        matches!(self, Self::Refused(refusal) if refusal.status == 401 && !refusal.too_early)
    }

    /// The id of the request, where one left.
    pub(super) fn request_id(&self) -> Option<String> {
        match self {
            Self::Refused(refusal) => refusal.request_id.clone(),
            Self::TimedOut { request_id } | Self::Cut { request_id, .. } => {
                Some(request_id.clone())
            }
            Self::BadAnswer { request_id, .. } => request_id.clone(),
            Self::SignIn(problem) => problem.request_id.clone(),
            Self::NotSent { .. } => None,
        }
    }

    /// The HTTP status, where there is a whole answer.
    pub(super) fn status(&self) -> Option<u16> {
        match self {
            Self::Refused(refusal) => Some(refusal.status),
            _ => None,
        }
    }

    /// What the reader reports about `resource`, which needs `permission`.
    pub(super) fn problem(self, resource: Resource, permission: &str) -> Problem {
        let request_id = self.request_id();
        let (code, detail) = match self {
            Self::Refused(refusal) => return refused(refusal, permission).on(resource),
            Self::SignIn(problem) => return problem.on(resource),
            Self::NotSent { detail, .. } | Self::Cut { detail, .. } => {
                (ProblemCode::Unreachable, detail)
            }
            Self::TimedOut { .. } => {
                (ProblemCode::Timeout, "Graph did not answer in time".to_owned())
            }
            Self::BadAnswer { detail, .. } => (ProblemCode::BadAnswer, detail),
        };
        Problem { request_id, ..Problem::new(code, detail).on(resource) }
    }
}

/// What an answer that is not a success means for a call that needs `permission`.
pub(super) fn refused(refusal: Refusal, permission: &str) -> Problem {
    let code = match refusal.status {
        401 => ProblemCode::SignInFailed,
        _ if refusal.unlicensed => ProblemCode::NoLicence,
        403 => ProblemCode::Forbidden,
        408 => ProblemCode::Timeout,
        429 => ProblemCode::Throttled,
        500.. => ProblemCode::ServerError,
        _ => ProblemCode::BadAnswer,
    };
    let advice = match code {
        ProblemCode::NoLicence => "; the tenant needs an active Intune licence".to_owned(),
        ProblemCode::Forbidden => format!(
            "; grant the application permission {permission} and have the tenant's administrator consent to it"
        ),
        _ if (300..400).contains(&refusal.status) => "; redirects are not followed".to_owned(),
        _ if refusal.too_early => {
            "; by Graph's clock the token's time has not begun: try again in some minutes"
                .to_owned()
        }
        _ => String::new(),
    };
    Problem {
        permission: (code == ProblemCode::Forbidden).then(|| permission.to_owned()),
        detail: Some(format!("{}{advice}", refusal.describe())),
        request_id: refusal.request_id,
        ..Problem::new(code, String::new())
    }
}
