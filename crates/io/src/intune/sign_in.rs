//! Tokens: who may ask Graph about one tenant, proved to Entra.
//!
//! `azure_identity` does the protocol and keeps the token until near its expiry. It gets no host
//! and no retries of its own: its requests leave through [`Exchange`], which sends them where
//! [`Endpoint`] says, and [`SignIn`] repeats them within the tenant's [`Budget`]. That holds for a
//! client secret and for every kind of assertion; only `azure-cli` asks a program instead.
//!
//! People sign in with `person`, of which `azure_identity` has nothing: `oauth2` does that protocol,
//! and [`Exchange`] carries its requests, too.
//!
//! Rooms: `source` finds what proves to be the application, once a run; `certificate` signs an
//! assertion with the application's own key, `federated` fetches one that another service signs,
//! `azure_cli` asks `az`; `jwt` is the form of assertions; `error` says what is missing.

mod azure_cli;
mod certificate;
mod error;
mod federated;
mod person;
mod source;

use std::fmt;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use azure_core::Bytes;
use azure_core::cloud::CustomConfiguration;
use azure_core::credentials::{Secret, TokenCredential};
use azure_core::error::ErrorKind;
use azure_core::http::headers::Headers;
use azure_core::http::{
    AsyncRawResponse, Body, ClientMethodOptions, ClientOptions, HttpClient, Request, RetryOptions,
    StatusCode, Transport,
};
use azure_identity::{
    ClientAssertion, ClientAssertionCredential, ClientAssertionCredentialOptions,
    ClientSecretCredential, ClientSecretCredentialOptions,
};
use reqwest::Method;
use reqwest::header::HeaderValue;
use zeroize::Zeroizing;

use super::client::Http;
use super::endpoints::Endpoint;
use super::entra::{Application, SignInFault};
use super::jwt;
use super::reply::{Fault, Reply, Retry};
use super::retry::Budget;
use super::scrub::Scrubber;
use super::transport;
use crate::seams::within;
use applecart_core::fleet::{Auth, Cloud};
use applecart_core::model::{Problem, ProblemCode, TenantId};

use azure_cli::{Cli, CliCredential};
pub use certificate::CertificateError;
pub use error::SignInError;
use person::PersonCredential;
pub use person::{AskPerson, Asked};
use source::value;
pub use source::{ClientSecret, ClientSecretSource, Variables, of_application};
pub(super) use source::{Proof, Sources};

/// `azure_identity` insists on https and would read `AZURE_AUTHORITY_HOST`; it gets this name,
/// which nothing resolves, and [`Exchange`] puts the real address in its place.
const PLACEHOLDER: &str = "https://login.override.invalid";

/// A garbled token answer is asked for this often in all.
const GARBLED_ATTEMPTS: u32 = 3;

/// A bearer token. Has no `Debug` and no `Display`.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Bearer(Zeroizing<String>);

impl Bearer {
    /// The token itself, for the one header it goes into and for the scrubber.
    pub(super) fn expose(&self) -> &str {
        &self.0
    }
}

/// The sign-in of one application to one tenant.
pub(super) struct SignIn {
    auth: Auth,
    scope: String,
    exchange: Arc<Exchange>,
    state: tokio::sync::Mutex<State>,
}

struct State {
    credential: Arc<dyn TokenCredential>,
    issued: Option<Bearer>,
}

impl SignIn {
    pub(super) fn new(
        tenant: TenantId,
        auth: &Auth,
        proof: Proof,
        endpoint: &Endpoint,
        http: Arc<Http>,
    ) -> Result<Self, SignInError> {
        let url = endpoint.token(tenant);
        let exchange = Arc::new(Exchange {
            loopback: endpoint.is_loopback(&url),
            url,
            endpoint: endpoint.clone(),
            http,
            proof,
            audience: endpoint.audience(tenant),
            application: Application {
                tenant,
                client_id: auth.client_id.clone(),
                credential: auth.credential,
                cloud: auth.cloud,
                admin_consent: endpoint.admin_consent(tenant, &auth.client_id),
            },
            fault: Mutex::new(None),
            skew: OnceLock::new(),
        });
        let credential = exchange.credential()?;
        Ok(Self {
            auth: auth.clone(),
            scope: endpoint.scope().to_owned(),
            exchange,
            state: tokio::sync::Mutex::new(State { credential, issued: None }),
        })
    }

    /// Whether this is the sign-in that `auth` describes.
    pub(super) fn is_of(&self, auth: &Auth) -> bool {
        self.auth == *auth
    }

    /// Seconds by which Entra's clock is ahead; `None` when no answer of it said.
    pub(super) fn skew(&self) -> Option<i64> {
        self.exchange.skew.get().copied()
    }

    /// A scrubber that knows the client secret, where there is one.
    pub(super) fn scrubber(&self) -> Scrubber {
        self.exchange.scrubber()
    }

    /// A token, from memory or from Entra.
    pub(super) async fn bearer(&self, budget: &Budget) -> Result<Bearer, Problem> {
        self.token(budget).await.map_err(|fault| fault.problem)
    }

    /// The same, with what Entra answered where there is none.
    pub(super) async fn token(&self, budget: &Budget) -> Result<Bearer, SignInFault> {
        let mut state = self.state.lock().await;
        let mut attempt = 0;
        loop {
            attempt += 1;
            let scopes = [self.scope.as_str()];
            let asking = state.credential.get_token(&scopes, None);
            let clock = &*self.exchange.http.seams.clock;
            // A person takes their time, which is not the tenant's; their sign-in ends by itself.
            let begun = clock.elapsed();
            let is_person = matches!(self.exchange.proof, Proof::Person(_));
            let limit = if is_person { Duration::MAX } else { budget.left() };
            let asked = within(clock, limit, asking).await;
            if is_person {
                budget.give_back(clock.elapsed().saturating_sub(begun));
            }
            let fault = match asked {
                Some(Ok(token)) => {
                    let bearer = Bearer(Zeroizing::new(token.token.secret().to_owned()));
                    state.issued = Some(bearer.clone());
                    return Ok(bearer);
                }
                // The library's own error is not looked at: its text repeats Entra's.
                Some(Err(_)) => self.exchange.take_fault(),
                None => SignInFault {
                    problem: Problem::new(ProblemCode::Timeout, "Entra did not answer in time"),
                    retry: Retry::No,
                    number: None,
                },
            };
            let asked = match fault.retry {
                Retry::No => return Err(fault),
                Retry::Few if attempt >= GARBLED_ATTEMPTS => return Err(fault),
                Retry::Few => None,
                Retry::Later(asked) => asked,
            };
            if !budget.wait(attempt, asked).await {
                return Err(fault);
            }
        }
    }

    /// Forgets a token that Graph refused, unless another one has replaced it meanwhile.
    pub(super) async fn forget(&self, refused: &Bearer) {
        let mut state = self.state.lock().await;
        // The library has no way to drop a token, so a new credential takes the old one's place.
        if state.issued.as_ref() == Some(refused)
            && let Ok(credential) = self.exchange.credential()
        {
            *state = State { credential, issued: None };
        }
    }
}

/// What carries `azure_identity`'s requests.
struct Exchange {
    http: Arc<Http>,
    url: String,
    endpoint: Endpoint,
    loopback: bool,
    proof: Proof,
    /// For whom an assertion of the application's own key is made.
    audience: String,
    application: Application,
    /// Why the last request failed. The library's errors lose the headers, and of an answer
    /// that is not JSON everything; so the reason is left here, and `SignIn` fetches it.
    fault: Mutex<Option<SignInFault>>,
    /// What the first answer said of the clock: a refusal knows the time as well.
    skew: OnceLock<i64>,
}

impl Exchange {
    fn credential(self: &Arc<Self>) -> Result<Arc<dyn TokenCredential>, SignInError> {
        let (tenant, client_id) =
            (self.application.tenant.to_string(), &self.application.client_id);
        let client_options = self.client_options();
        let made = match &self.proof {
            Proof::Secret(secret) => ClientSecretCredential::new(
                &tenant,
                client_id.clone(),
                Secret::new(secret.expose().to_owned()),
                Some(ClientSecretCredentialOptions { client_options }),
            )
            .map(|credential| credential as Arc<dyn TokenCredential>),
            Proof::Assertion(_) => ClientAssertionCredential::new(
                tenant,
                client_id.clone(),
                Presented(Arc::clone(self)),
                Some(ClientAssertionCredentialOptions { client_options }),
            )
            .map(|credential| credential as Arc<dyn TokenCredential>),
            Proof::AzureCli(cli) => CliCredential::new(self, cli)
                .map(|credential| credential as Arc<dyn TokenCredential>),
            Proof::Person(person) => Ok(PersonCredential::new(self, person) as _),
        };
        made.map_err(|_| SignInError::ClientId { client_id: client_id.clone() })
    }

    fn client_options(self: &Arc<Self>) -> ClientOptions {
        let mut cloud = CustomConfiguration::default();
        cloud.authority_host = PLACEHOLDER.to_owned();
        let transport: Arc<dyn HttpClient> = Arc::clone(self) as _;
        ClientOptions {
            // Its own retries hide the cause and know nothing of the tenant's budget.
            retry: RetryOptions::none(),
            transport: Some(Transport::new(transport)),
            cloud: Some(Arc::new(cloud.into())),
            ..ClientOptions::default()
        }
    }

    fn tenant(&self) -> TenantId {
        self.application.tenant
    }

    fn cloud(&self) -> Cloud {
        self.application.cloud
    }

    fn cli(&self) -> Option<&Cli> {
        match &self.proof {
            Proof::AzureCli(cli) => Some(cli),
            Proof::Secret(_) | Proof::Assertion(_) | Proof::Person(_) => None,
        }
    }

    fn scrubber(&self) -> Scrubber {
        match &self.proof {
            Proof::Secret(secret) => Scrubber::default().holding(secret.expose()),
            Proof::Assertion(_) | Proof::AzureCli(_) | Proof::Person(_) => Scrubber::default(),
        }
    }

    /// Sends a form to Entra. Nothing secret in it is shown, should the answer repeat it.
    async fn post(&self, url: &str, form: Bytes) -> Result<Reply, Fault> {
        const SECRET: [&str; 5] =
            ["client_assertion", "refresh_token", "code", "code_verifier", "device_code"];
        const FORM: HeaderValue = HeaderValue::from_static("application/x-www-form-urlencoded");
        let scrub = url::form_urlencoded::parse(&form)
            .filter(|(name, _)| SECRET.contains(&&**name))
            .map(|(_, value)| Zeroizing::new(value.into_owned()))
            .fold(self.scrubber(), |scrub, secret| scrub.holding(&secret));
        let post = transport::Request::new(Method::POST, url, self.loopback)
            .with("content-type", FORM)
            .accepting_json();
        let post = transport::Request { body: Some(form), ..post };
        let reply = self.http.send(post, Duration::MAX, Arc::new(scrub)).await?;
        if let Some(skew) = reply.skew() {
            let _ = self.skew.set(skew);
        }
        Ok(reply)
    }

    /// Leaves the reason of a failure; the error that is returned only says that there is one.
    fn leave(&self, fault: SignInFault) -> azure_core::Error {
        *self.fault.lock().unwrap_or_else(PoisonError::into_inner) = Some(fault);
        azure_core::Error::with_message(ErrorKind::Credential, "sign-in failed")
    }

    fn take_fault(&self) -> SignInFault {
        self.fault_or(|| SignInFault::of_sign_in("the sign-in failed for no reason given"))
    }

    /// The reason that was left, where one was.
    fn fault_or(&self, otherwise: impl FnOnce() -> SignInFault) -> SignInFault {
        let mut fault = self.fault.lock().unwrap_or_else(PoisonError::into_inner);
        fault.take().unwrap_or_else(otherwise)
    }
}

impl fmt::Debug for Exchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Exchange").finish_non_exhaustive()
    }
}

/// Hands `azure_identity` the assertion that this sign-in presents.
#[derive(Debug)]
struct Presented(Arc<Exchange>);

#[async_trait::async_trait]
impl ClientAssertion for Presented {
    async fn secret(&self, _: Option<ClientMethodOptions<'_>>) -> azure_core::Result<String> {
        let exchange = &self.0;
        let Proof::Assertion(assertions) = &exchange.proof else {
            return Err(azure_core::Error::with_message(ErrorKind::Credential, "no assertion"));
        };
        let client_id = &exchange.application.client_id;
        match assertions.assertion(client_id, &exchange.audience, &exchange.http).await {
            Ok(assertion) => Ok(assertion.to_string()),
            Err(fault) => Err(exchange.leave(fault)),
        }
    }
}

#[async_trait::async_trait]
impl HttpClient for Exchange {
    async fn execute_request(&self, request: &Request) -> azure_core::Result<AsyncRawResponse> {
        let Body::Bytes(form) = request.body().clone() else {
            return Err(azure_core::Error::with_message(ErrorKind::Credential, "no form"));
        };
        let assertion = url::form_urlencoded::parse(&form)
            .find(|(name, _)| name == "client_assertion")
            .map(|(_, value)| Zeroizing::new(value.into_owned()));
        let presented = assertion.as_ref().and_then(|assertion| jwt::claims(assertion));
        let outcome = self.post(&self.url, form).await;
        match self.application.judge(outcome, presented.as_ref()) {
            Ok(reply) => {
                Ok(AsyncRawResponse::from_bytes(StatusCode::Ok, Headers::new(), reply.body))
            }
            Err(fault) => Err(self.leave(fault)),
        }
    }
}

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
