//! From a request to its end: faults, routing between sign-in and Graph, the journal.

use std::sync::Arc;
use std::time::Duration;

use axum::http::StatusCode;
use axum::http::header::{self, HeaderName};
use serde_json::{Value, json};

use super::apple::service;
use super::fault::{Fault, RetryAfter, Struck};
use super::graph::{self, Failure, batch};
use super::journal::LoggedRequest;
use super::login;
use super::message::{Call, Content, Outcome, Reply};
use super::state::State;
use crate::words::{self, TenantId};

const PORTAL_PAGE: &str =
    "<!doctype html><html><head><title>Sign in</title></head><body>Guest network</body></html>";

#[derive(Debug)]
pub(super) struct Dispatcher {
    pub(super) state: Arc<State>,
    /// `http://127.0.0.1:<port>`, which `@odata.nextLink` and others begin with.
    pub(super) origin: String,
    /// Added to every request.
    pub(super) latency: Duration,
}

impl Dispatcher {
    /// Answers one request, or one part of a `$batch`, the control routes excepted.
    #[expect(clippy::disallowed_methods, reason = "latency is real time")]
    pub(super) async fn dispatch(&self, call: &Call) -> Outcome {
        let tenant = self.tenant(call);
        let Struck { wait, fault, clearance } =
            self.state.faults.strike(tenant, &call.method, &call.path);
        let wait =
            Duration::from_millis(wait) + if call.part { Duration::ZERO } else { self.latency };
        if !wait.is_zero() {
            tokio::time::sleep(wait).await;
        }
        let Some(fault) = fault else {
            let outcome = self.answer(call).await;
            self.log(call, tenant, outcome.status(), None);
            return outcome;
        };
        // Written before the answer is on its way, because a client that gives up takes the rest
        // of this future with it.
        match &fault {
            Fault::Hang => self.log(call, tenant, None, Some(&fault)),
            Fault::DoneButLost | Fault::DoneThenHang => {
                let outcome = self.answer(call).await;
                self.log(call, tenant, outcome.status(), Some(&fault));
            }
            _ => {
                let outcome = self.misbehave(call, &fault).await;
                self.log(call, tenant, outcome.status(), Some(&fault));
                return outcome;
            }
        }
        if matches!(fault, Fault::Hang | Fault::DoneThenHang) {
            self.state.faults.until_cleared(clearance).await;
        }
        Outcome::Dropped
    }

    async fn answer(&self, call: &Call) -> Outcome {
        if call.path.starts_with(service::PREFIX) {
            return Outcome::Reply(service::answer(&self.state, call));
        }
        if login::directory(&call.path).is_some() {
            return Outcome::Reply(login::answer(&self.state, call));
        }
        match batch::version(&call.path) {
            Some(version) => self.batch(call, version).await,
            None => Outcome::Reply(graph::answer(&self.state, &self.origin, call)),
        }
    }

    /// Answers a `$batch`. A part whose connection drops takes the whole with it.
    async fn batch(&self, outer: &Call, version: &str) -> Outcome {
        let parts = match batch::parts(&self.state, outer) {
            Ok(parts) => parts,
            Err(failure) => return Outcome::Reply(graph::refuse(&self.state, outer, &failure)),
        };
        let mut replies: Vec<(String, Reply)> = Vec::with_capacity(parts.len());
        let mut truncated = false;
        for part in parts {
            let id = part.id.clone();
            let has_failed = |(earlier, reply): &(String, Reply)| {
                part.depends_on.contains(earlier) && !reply.status.is_success()
            };
            let call = match replies.iter().any(has_failed) {
                true => Err(Failure::of_status(StatusCode::FAILED_DEPENDENCY)),
                false => part.call(outer, version),
            };
            let reply = match call {
                Err(failure) => graph::refuse(&self.state, outer, &failure),
                // Boxed: a dispatch may hold a batch, whose parts are dispatched.
                Ok(call) => match Box::pin(self.dispatch(&call)).await {
                    Outcome::Reply(reply) => reply,
                    Outcome::Truncated(reply) => {
                        truncated = true;
                        reply
                    }
                    gone @ (Outcome::Dropped | Outcome::Reset) => return gone,
                },
            };
            replies.push((id, reply));
        }
        let reply = batch::answer(&self.state, outer, replies);
        if truncated { Outcome::Truncated(reply) } else { Outcome::Reply(reply) }
    }

    async fn misbehave(&self, call: &Call, fault: &Fault) -> Outcome {
        let reply = match fault {
            Fault::Status { status, retry_after, body, headers } => {
                let mut reply = self.refusal(call, *status, retry_after.as_ref());
                if let Some(body) = body {
                    reply.content = Content::Json(body.clone());
                }
                for (name, value) in headers {
                    if let Ok(name) = HeaderName::from_bytes(name.as_bytes()) {
                        reply = reply.with(name, value);
                    }
                }
                reply
            }
            Fault::Throttle { retry_after } => self.refusal(call, 429, retry_after.as_ref()),
            Fault::WrongJson => {
                Reply::json(StatusCode::OK, json!(["not", { "what": "was asked" }]))
            }
            Fault::Html => Reply::new(
                StatusCode::OK,
                Content::Text { media_type: "text/html", text: PORTAL_PAGE.to_owned() },
            ),
            Fault::Redirect { location } => {
                Reply::empty(StatusCode::TEMPORARY_REDIRECT).with(header::LOCATION, location)
            }
            Fault::Truncate => match self.answer(call).await {
                Outcome::Reply(reply) => return Outcome::Truncated(reply),
                other => return other,
            },
            Fault::NextLink { to } => match self.answer(call).await {
                Outcome::Reply(reply) => self.pointed_on(call, reply, to),
                other => return other,
            },
            Fault::Drop | Fault::Hang | Fault::DoneButLost | Fault::DoneThenHang => {
                return Outcome::Dropped;
            }
            Fault::Reset => return Outcome::Reset,
            Fault::ExpireToken => {
                self.state.expire(call.bearer().unwrap_or_default());
                return self.answer(call).await;
            }
            Fault::Latency { .. } => return self.answer(call).await,
        };
        Outcome::Reply(reply)
    }

    fn refusal(&self, call: &Call, status: u16, retry_after: Option<&RetryAfter>) -> Reply {
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let reply = match login::directory(&call.path) {
            Some(_) => login::unavailable(&self.state, status),
            None => graph::refuse(&self.state, call, &Failure::of_status(status)),
        };
        match retry_after {
            Some(retry_after) => reply.with(header::RETRY_AFTER, &retry_after.header()),
            None => reply,
        }
    }

    /// The same answer; a collection's then points to a next page.
    fn pointed_on(&self, call: &Call, mut reply: Reply, to: &str) -> Reply {
        let link = match (to, &call.query) {
            ("loop", Some(query)) => format!("{}{}?{query}", self.origin, call.path),
            ("loop", None) => format!("{}{}", self.origin, call.path),
            (elsewhere, _) => elsewhere.to_owned(),
        };
        if let Content::Json(Value::Object(object)) = &mut reply.content
            && object.get("value").is_some_and(Value::is_array)
        {
            object.insert("@odata.nextLink".to_owned(), json!(link));
        }
        reply
    }

    /// The tenant a request is for, as far as it can be told before it is checked.
    fn tenant(&self, call: &Call) -> Option<TenantId> {
        match login::directory(&call.path) {
            Some(directory) => words::tenant_id(directory),
            None => self.state.granted(call.bearer()?).ok().map(|grant| grant.tenant),
        }
    }

    fn log(
        &self,
        call: &Call,
        tenant: Option<TenantId>,
        status: Option<StatusCode>,
        fault: Option<&Fault>,
    ) {
        self.state.journal.log(LoggedRequest {
            at: self.state.now(),
            tenant,
            method: call.method.to_string(),
            path: call.path.clone(),
            query: call.query.clone(),
            status: status.map(|status| status.as_u16()),
            fault: fault.map(|fault| fault.name().to_owned()),
            part: call.part,
        });
    }
}
