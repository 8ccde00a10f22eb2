//! Graph for one tenant: the token on every request, and the retries of reads.
//!
//! A [`Session`] is made for one tenant id and cannot change it; the token it holds opens no
//! other tenant. A [`Visit`] is one read or one write of that tenant: its requests share one
//! [`Budget`] of time.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use azure_core::Bytes;
use reqwest::Method;
use reqwest::header::HeaderValue;

use super::client::Http;
use super::endpoints::Endpoint;
use super::reply::{Fault, Reply, Retry};
use super::retry::{Budget, RetryPolicy, Run};
use super::sign_in::{Bearer, SignIn};
use super::transport::Request;
use super::turn::Turn;
use applecart_core::model::{Problem, ProblemCode};

/// A success with a garbled body is asked for this often in all.
const GARBLED_ATTEMPTS: u32 = 3;

/// Everything needed to ask Graph about one tenant.
pub(super) struct Session {
    pub(super) endpoint: Endpoint,
    pub(super) sign_in: SignIn,
    pub(super) http: Arc<Http>,
    pub(super) retry: RetryPolicy,
    pub(super) run: Run,
}

/// One request, as often as it may be sent.
pub(super) struct Ask<'a> {
    pub(super) method: Method,
    pub(super) url: String,
    pub(super) body: Option<Bytes>,
    /// What of the body must never be shown, should the answer repeat it.
    pub(super) secret: Option<&'a str>,
    /// How often it is sent at most where Graph is at fault but does not throttle.
    pub(super) attempts: u32,
}

impl Ask<'_> {
    pub(super) fn get(url: String) -> Self {
        Self { method: Method::GET, url, body: None, secret: None, attempts: u32::MAX }
    }
}

/// What is known before the first request: the answer that a batch already brought.
#[derive(Clone, Default)]
pub(super) struct Start {
    pub(super) answer: Option<Result<Reply, Fault>>,
    /// How often the question was asked for that answer.
    pub(super) attempts: u32,
}

/// The end of an unsuccessful question.
pub(super) struct Failure {
    pub(super) fault: Fault,
    pub(super) attempts: u32,
}

/// One read or one write of a tenant.
pub(super) struct Visit<'s> {
    session: &'s Session,
    pub(super) budget: Budget,
    skew: OnceLock<i64>,
}

impl Session {
    pub(super) fn visit(&self) -> Visit<'_> {
        self.visit_in(None)
    }

    /// A visit that has a place among the tenants that are read at once.
    pub(super) fn visit_in(&self, turn: Option<Arc<Turn>>) -> Visit<'_> {
        let left = self.run.left(self.retry, &*self.http.seams.clock);
        let budget = Budget::start(self.retry, left, turn, self.http.seams.clone());
        Visit { session: self, budget, skew: OnceLock::new() }
    }
}

impl Visit<'_> {
    /// The address of a beta resource.
    pub(super) fn beta(&self, path: &str) -> String {
        self.session.endpoint.beta(path)
    }

    /// `link`, when it stays in this Graph.
    pub(super) fn own_link(&self, link: &str) -> Option<String> {
        self.session.endpoint.own_link(link)
    }

    /// Seconds by which Microsoft's clock is ahead, by Graph's answer or else by Entra's; `None` when no
    /// answer said.
    pub(super) fn skew(&self) -> Option<i64> {
        self.skew.get().copied().or_else(|| self.session.sign_in.skew())
    }

    /// Signs in, so that a failure of the sign-in is seen before any resource is asked for. Nobody
    /// signs in, and nothing is asked or sent, when the run is over.
    pub(super) async fn sign_in(&self) -> Result<Bearer, Problem> {
        let Session { run, retry, http, .. } = self.session;
        if run.left(*retry, &*http.seams.clock).is_zero() {
            let minutes = retry.run.as_secs() / 60;
            let detail = format!(
                "not read: the run had reached its limit of {minutes} minutes. Look at the problems of the other tenants, then run again, or for fewer tenants with --select"
            );
            return Err(Problem::new(ProblemCode::Timeout, detail));
        }
        self.session.sign_in.bearer(&self.budget).await
    }

    /// Sends a request once. The answer is a success, or it is a [`Fault`].
    pub(super) async fn once(&self, ask: &Ask<'_>, left: Duration) -> Result<Reply, Fault> {
        let bearer = self.sign_in().await.map_err(Fault::SignIn)?;
        let unusable = |_| {
            let detail = "the token is not one that a header can carry";
            Fault::SignIn(Problem::new(ProblemCode::SignInFailed, detail))
        };
        let header = zeroize::Zeroizing::new(format!("Bearer {}", bearer.expose()));
        let mut header = HeaderValue::from_str(&header).map_err(unusable)?;
        header.set_sensitive(true);
        let loopback = self.session.endpoint.is_loopback(&ask.url);
        let mut request = Request::new(ask.method.clone(), &ask.url, loopback)
            .with("authorization", header)
            .with("prefer", HeaderValue::from_static("include-unknown-enum-members"))
            .accepting_json();
        if let Some(body) = &ask.body {
            request = request.with("content-type", HeaderValue::from_static("application/json"));
            request.body = Some(body.clone());
        } else if ask.method != Method::GET {
            // Said, where there is no body: some servers and proxies refuse a POST that does not
            // (411). RFC 9110, section 8.6.
            request = request.with("content-length", HeaderValue::from_static("0"));
        }
        let scrub = self.session.sign_in.scrubber().holding(bearer.expose());
        let scrub = scrub.holding_credential(ask.secret.unwrap_or_default());
        let reply = self.session.http.send(request, left, Arc::new(scrub)).await?;
        if let Some(skew) = reply.skew() {
            // The first answer counts; a later one may have waited in a queue.
            let _ = self.skew.set(skew);
        }
        let outcome = reply.judge();
        if outcome.as_ref().is_err_and(Fault::wants_fresh_token) {
            self.session.sign_in.forget(&bearer).await;
        }
        outcome
    }

    /// Asks until there is an answer that `parse` accepts, or trying again is no use.
    pub(super) async fn ask<T>(
        &self,
        ask: &Ask<'_>,
        start: Start,
        parse: impl Fn(&Reply) -> Result<T, Fault>,
    ) -> Result<T, Failure> {
        let Start { mut answer, attempts } = start;
        let mut attempt = attempts.saturating_sub(u32::from(answer.is_some()));
        let (mut garbled, mut signed_in_again) = (0, false);
        loop {
            attempt += 1;
            let outcome = match answer.take() {
                Some(answer) => answer,
                None => self.once(ask, self.budget.left()).await,
            };
            let fault = match outcome.and_then(|reply| parse(&reply)) {
                Ok(value) => return Ok(value),
                Err(fault) => fault,
            };
            if fault.wants_fresh_token() {
                if signed_in_again {
                    return Err(Failure { fault: refused_twice(fault), attempts: attempt });
                }
                // `once` has dropped the token, so the next attempt carries a new one.
                signed_in_again = true;
                continue;
            }
            let asked = match fault.retry() {
                Retry::No => return Err(Failure { fault, attempts: attempt }),
                Retry::Few => {
                    garbled += 1;
                    if garbled >= GARBLED_ATTEMPTS {
                        return Err(Failure { fault, attempts: attempt });
                    }
                    None
                }
                Retry::Later(asked) => asked,
            };
            let spent = attempt >= ask.attempts && fault.status() != Some(429);
            if spent || !self.budget.wait(attempt, asked).await {
                return Err(Failure { fault, attempts: attempt });
            }
        }
    }
}

/// A fresh token was refused as well: it is the sign-in that does not fit this Graph.
pub(super) fn refused_twice(fault: Fault) -> Fault {
    let Fault::Refused(refusal) = fault else { return fault };
    let detail = format!(
        "{}; a fresh token was refused too, so check that cloud and APPLECART_GRAPH_URL belong together",
        refusal.describe()
    );
    let problem = Problem::new(ProblemCode::SignInFailed, detail);
    Fault::SignIn(Problem { request_id: refusal.request_id, ..problem })
}
