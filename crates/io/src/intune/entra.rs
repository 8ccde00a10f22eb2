//! What an answer of Entra's token endpoint means, and what a person does about it.
//!
//! Entra names its errors by number (AADSTS…); the texts change, the numbers do not.
//! <https://learn.microsoft.com/en-us/entra/identity-platform/reference-error-codes>

mod advice;

use serde::Deserialize;

use super::jwt::Claims;
use super::reply::{Fault, Reply, Retry};
use super::scrub::Scrubber;
use applecart_core::fleet::{Cloud, CredentialKind};
use applecart_core::model::{Problem, ProblemCode, TenantId};

/// A day; Entra issues tokens for about an hour. A larger number would be an accident, or an
/// attempt to overflow the clock arithmetic of the token cache.
const MAX_LIFETIME: i64 = 24 * 60 * 60;

/// Who signs in where, for the sentences.
pub(super) struct Application {
    pub(super) tenant: TenantId,
    pub(super) client_id: String,
    pub(super) credential: CredentialKind,
    pub(super) cloud: Cloud,
    pub(super) admin_consent: String,
}

/// A sign-in that failed, and whether it may be tried again.
pub(super) struct SignInFault {
    pub(super) problem: Problem,
    pub(super) retry: Retry,
    /// Entra's own number of it (AADSTS…).
    pub(super) number: Option<u64>,
}

impl SignInFault {
    fn lasting(code: ProblemCode, detail: impl Into<String>) -> Self {
        Self { problem: Problem::new(code, detail), retry: Retry::No, number: None }
    }

    /// A failure that does not pass by itself and is nobody's answer.
    pub(super) fn of_sign_in(detail: impl Into<String>) -> Self {
        Self::lasting(ProblemCode::SignInFailed, detail)
    }
}

#[derive(Deserialize)]
struct TokenBody {
    access_token: String,
    expires_in: i64,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct ErrorBody {
    error: String,
    error_description: String,
    error_codes: Vec<u64>,
    trace_id: Option<String>,
    correlation_id: Option<String>,
}

impl Application {
    /// Passes an answer that holds a usable token, and explains any other. `presented` is what
    /// the assertion said that was sent, if one was.
    pub(super) fn judge(
        &self,
        outcome: Result<Reply, Fault>,
        presented: Option<&Claims>,
    ) -> Result<Reply, SignInFault> {
        let reply = outcome.map_err(|fault| self.transport(fault))?;
        match reply.status {
            200 => check_token(reply),
            400..=499 if reply.status != 429 => Err(self.refused(&reply, presented)),
            status => Err(self.unavailable(status, &reply)),
        }
    }

    fn transport(&self, fault: Fault) -> SignInFault {
        let retry = fault.retry();
        let request_id = fault.request_id();
        let (code, detail) = match fault {
            Fault::NotSent { detail, .. } | Fault::Cut { detail, .. } => {
                (ProblemCode::Unreachable, format!("Entra is not reachable: {detail}"))
            }
            Fault::BadAnswer { detail, .. } => (ProblemCode::BadAnswer, detail),
            Fault::TimedOut { .. } => {
                (ProblemCode::Timeout, "Entra did not answer the sign-in in time".to_owned())
            }
            Fault::SignIn(problem) => return SignInFault { problem, retry, number: None },
            Fault::Refused(refusal) => (ProblemCode::SignInFailed, refusal.describe()),
        };
        let problem = Problem { request_id, ..Problem::new(code, detail) };
        SignInFault { problem, retry, number: None }
    }

    /// 429, 5xx and redirects.
    fn unavailable(&self, status: u16, reply: &Reply) -> SignInFault {
        let (code, what) = match status {
            429 => (ProblemCode::Throttled, "Entra throttles the sign-ins"),
            500.. => (ProblemCode::ServerError, "Entra failed"),
            _ => (ProblemCode::BadAnswer, "the sign-in address answered with a redirect or less"),
        };
        let mut fault = SignInFault::lasting(code, format!("{what} (status {status})"));
        fault.problem.request_id = reply.request_id();
        if matches!(status, 429 | 500 | 502 | 503 | 504) {
            fault.retry = Retry::Later(reply.retry_after());
        }
        fault
    }

    fn refused(&self, reply: &Reply, presented: Option<&Claims>) -> SignInFault {
        let Ok(body) = serde_json::from_slice::<ErrorBody>(&reply.body) else {
            let mut fault = SignInFault::lasting(
                ProblemCode::SignInFailed,
                format!(
                    "the sign-in address answered {} without Entra's JSON; check APPLECART_LOGIN_URL and the proxy",
                    reply.status
                ),
            );
            fault.problem.request_id = reply.request_id();
            return fault;
        };
        let mut fault = self.explain(&body, presented, &reply.scrub, Some(reply.status));
        fault.problem.request_id = fault.problem.request_id.or_else(|| reply.request_id());
        if fault.number == Some(90033) || body.error == "temporarily_unavailable" {
            fault.problem.code = ProblemCode::ServerError;
            fault.retry = Retry::Later(reply.retry_after());
        }
        fault
    }

    /// What a browser brought back from the page where a person was to sign in.
    pub(super) fn declined(&self, error: &str, description: &str) -> SignInFault {
        let (error, error_description) = (error.to_owned(), description.to_owned());
        let body = ErrorBody { error, error_description, ..ErrorBody::default() };
        self.explain(&body, None, &Scrubber::default(), None)
    }

    fn explain(
        &self,
        body: &ErrorBody,
        presented: Option<&Claims>,
        scrub: &Scrubber,
        status: Option<u16>,
    ) -> SignInFault {
        let number = body.error_codes.first().copied().or_else(|| aadsts(&body.error_description));
        let (code, advice) = self.advice(number.unwrap_or_default(), presented);
        let said = advice.unwrap_or_else(|| {
            let said = scrub.sentence(&body.error_description);
            let said = said.or_else(|| scrub.word(&body.error));
            let said = said.unwrap_or_else(|| "no reason that can be shown".to_owned());
            let status = status.map(|status| format!(" ({status})")).unwrap_or_default();
            format!("Entra refused the sign-in{status}: {said}")
        });
        let detail = match number.map(|number| format!("AADSTS{number}")) {
            Some(number) if !said.contains(&number) => format!("{number}: {said}"),
            _ => said,
        };
        let id = body.trace_id.as_deref().or(body.correlation_id.as_deref());
        let mut fault = SignInFault::lasting(code, detail);
        fault.problem.request_id = id.and_then(|id| scrub.word(id));
        SignInFault { number, ..fault }
    }

    /// Whether an answer only says that the person has not entered the code yet.
    pub(super) fn is_pending(reply: &Reply) -> bool {
        let said = serde_json::from_slice::<ErrorBody>(&reply.body);
        reply.status == 400
            && said.is_ok_and(|body| {
                matches!(body.error.as_str(), "authorization_pending" | "slow_down")
            })
    }
}

/// The number in a text such as `AADSTS7000215: Invalid client secret provided.`
pub(super) fn aadsts(text: &str) -> Option<u64> {
    let digits = text.split_once("AADSTS")?.1;
    let end = digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
    digits.get(..end)?.parse().ok()
}

fn check_token(reply: Reply) -> Result<Reply, SignInFault> {
    let fits = serde_json::from_slice::<TokenBody>(&reply.body).is_ok_and(|token| {
        let token_text = zeroize::Zeroizing::new(token.access_token);
        !token_text.is_empty()
            && token_text.bytes().all(|c| c.is_ascii_graphic())
            && (0..=MAX_LIFETIME).contains(&token.expires_in)
    });
    if fits {
        return Ok(reply);
    }
    let detail = "the sign-in address answered 200 without a usable token; check APPLECART_LOGIN_URL and the proxy";
    let problem = Problem::new(ProblemCode::BadAnswer, detail);
    let problem = Problem { request_id: reply.request_id(), ..problem };
    Err(SignInFault { problem, retry: Retry::Few, number: None })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_is_found_in_the_text() {
        assert_eq!(aadsts("AADSTS7000215: Invalid"), Some(7_000_215));
        assert_eq!(aadsts("AADSTS"), None);
        assert_eq!(aadsts("invalid_client"), None);
    }
}
