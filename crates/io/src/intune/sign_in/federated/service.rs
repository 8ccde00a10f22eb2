//! Asking a token service for a token: one request, once.

use std::sync::Arc;
use std::time::Duration;

use reqwest::Method;
use reqwest::header::HeaderValue;
use serde::Deserialize;
use url::Url;
use zeroize::{Zeroize as _, Zeroizing};

use super::super::super::client::Http;
use super::super::super::entra::SignInFault;
use super::super::super::jwt;
use super::super::super::reply::{Fault, Reply, Retry};
use super::super::super::scrub::Scrubber;
use super::super::super::transport::Request;
use applecart_core::model::{Problem, ProblemCode};

/// One request that is answered with a token.
pub(in crate::intune::sign_in) struct Service {
    /// How it is called in sentences.
    pub(super) name: &'static str,
    pub(super) method: Method,
    pub(super) url: Url,
    /// Clear text, to this machine or its host.
    pub(super) near: bool,
    pub(super) headers: Vec<(&'static str, Zeroizing<String>)>,
    /// Where the token is in the answer.
    pub(super) field: &'static str,
    /// What a person checks when it is refused.
    pub(super) hint: &'static str,
    /// Statuses that pass by themselves, beside 429 and 5xx.
    pub(super) passing: &'static [u16],
}

impl Service {
    /// Asks once; a failure says whether asking again may help.
    pub(super) async fn ask(&self, http: &Http) -> Result<Zeroizing<String>, SignInFault> {
        let mut request = Request::new(self.method.clone(), self.url.as_str(), self.near);
        let mut scrub = Scrubber::default();
        for (name, value) in &self.headers {
            scrub = scrub.holding(value.trim_start_matches("Bearer "));
            let unusable = |_| self.fault(ProblemCode::SignInFailed, "cannot be asked");
            let mut value = HeaderValue::from_str(value).map_err(unusable)?;
            value.set_sensitive(true);
            request = request.with(name, value);
        }
        let reply = http.send(request.accepting_json(), Duration::MAX, Arc::new(scrub)).await;
        self.judge(reply.map_err(|fault| self.unreachable(&fault))?)
    }

    fn judge(&self, mut reply: Reply) -> Result<Zeroizing<String>, SignInFault> {
        let status = reply.status;
        if status == 200 {
            let body = std::mem::take(&mut reply.body);
            return self.token(&Zeroizing::new(body)).ok_or_else(|| {
                let mut fault = self.fault(ProblemCode::BadAnswer, "answered without a token");
                fault.retry = Retry::Few;
                fault
            });
        }
        let said = Said::parse(&reply.body);
        let said =
            said.and_then(|said| reply.scrub.sentence(&said)).map(|said| format!(": {said}"));
        let said = said.unwrap_or_default();
        let passing = status == 429 || status >= 500 || self.passing.contains(&status);
        let mut fault = self.fault(
            if status == 429 { ProblemCode::Throttled } else { ProblemCode::SignInFailed },
            &format!("answered {status}{said}; {}", self.hint),
        );
        if passing {
            fault.retry = Retry::Later(reply.retry_after());
        }
        Err(fault)
    }

    fn token(&self, body: &[u8]) -> Option<Zeroizing<String>> {
        let mut body: serde_json::Map<String, serde_json::Value> =
            serde_json::from_slice(body).ok()?;
        let Some(serde_json::Value::String(mut text)) = body.remove(self.field) else {
            return None;
        };
        let token = jwt::is_token(&text).then(|| Zeroizing::new(text.clone()));
        text.zeroize();
        token
    }

    fn unreachable(&self, fault: &Fault) -> SignInFault {
        let (code, what) = match fault {
            Fault::NotSent { detail, .. } | Fault::Cut { detail, .. } => {
                (ProblemCode::Unreachable, format!("is not reachable: {detail}; {}", self.hint))
            }
            Fault::TimedOut { .. } => (ProblemCode::Timeout, "did not answer in time".to_owned()),
            Fault::BadAnswer { detail, .. } => (ProblemCode::BadAnswer, format!("sent {detail}")),
            Fault::SignIn(_) | Fault::Refused(_) => {
                (ProblemCode::SignInFailed, "refused".to_owned())
            }
        };
        let mut problem = self.fault(code, &what);
        // Who has no such endpoint on the machine has none a minute later either.
        problem.retry = if self.near { Retry::No } else { fault.retry() };
        problem
    }

    fn fault(&self, code: ProblemCode, what: &str) -> SignInFault {
        let problem = Problem::new(code, format!("{} {what}", self.name));
        SignInFault { problem, retry: Retry::No, number: None }
    }
}

/// What the services write into a refusal, in their several ways.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Said {
    message: String,
    error_description: String,
}

impl Said {
    fn parse(body: &[u8]) -> Option<String> {
        let Self { message, error_description } = serde_json::from_slice(body).ok()?;
        [message, error_description].into_iter().find(|text| !text.is_empty())
    }
}
