//! Tokens: who may ask Graph about one tenant, proved to Entra.
//!
//! `azure_identity` does the protocol and keeps the token until near its expiry. It gets no host
//! and no retries of its own: its requests leave through [`Exchange`], which sends them where
//! [`Endpoint`] says, and [`SignIn`] repeats them within the tenant's [`Budget`]. That holds for a
//! client secret and for every kind of assertion; only `azure-cli` asks a program instead.
//!
//! Rooms: `source` finds what proves to be the application, once a run; `certificate` signs an
//! assertion with the application's own key, `federated` fetches one that another service signs,
//! `azure_cli` asks `az`; `jwt` is the form of assertions; `error` says what is missing.

mod azure_cli;
mod certificate;
mod error;
mod federated;
mod source;

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

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
use super::reply::Retry;
use super::retry::Budget;
use super::scrub::Scrubber;
use super::transport;
use crate::seams::within;
use applecart_core::fleet::{Auth, Cloud};
use applecart_core::model::{Problem, ProblemCode, TenantId};

use azure_cli::{Cli, CliCredential};
pub use certificate::CertificateError;
pub use error::SignInError;
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

    /// A scrubber that knows the client secret, where there is one.
    pub(super) fn scrubber(&self) -> Scrubber {
        self.exchange.scrubber()
    }

    /// A token, from memory or from Entra.
    pub(super) async fn bearer(&self, budget: &Budget) -> Result<Bearer, Problem> {
        let mut state = self.state.lock().await;
        let mut attempt = 0;
        loop {
            attempt += 1;
            let scopes = [self.scope.as_str()];
            let asking = state.credential.get_token(&scopes, None);
            let clock = &*self.exchange.http.seams.clock;
            let fault = match within(clock, budget.left(), asking).await {
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
                },
            };
            let asked = match fault.retry {
                Retry::No => return Err(fault.problem),
                Retry::Few if attempt >= GARBLED_ATTEMPTS => return Err(fault.problem),
                Retry::Few => None,
                Retry::Later(asked) => asked,
            };
            if !budget.wait(attempt, asked).await {
                return Err(fault.problem);
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
    loopback: bool,
    proof: Proof,
    /// For whom an assertion of the application's own key is made.
    audience: String,
    application: Application,
    /// Why the last request failed. The library's errors lose the headers, and of an answer
    /// that is not JSON everything; so the reason is left here, and `SignIn` fetches it.
    fault: Mutex<Option<SignInFault>>,
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
            Proof::Secret(_) | Proof::Assertion(_) => None,
        }
    }

    fn scrubber(&self) -> Scrubber {
        match &self.proof {
            Proof::Secret(secret) => Scrubber::default().holding(secret.expose()),
            Proof::Assertion(_) | Proof::AzureCli(_) => Scrubber::default(),
        }
    }

    /// Leaves the reason of a failure; the error that is returned only says that there is one.
    fn leave(&self, fault: SignInFault) -> azure_core::Error {
        *self.fault.lock().unwrap_or_else(PoisonError::into_inner) = Some(fault);
        azure_core::Error::with_message(ErrorKind::Credential, "sign-in failed")
    }

    fn take_fault(&self) -> SignInFault {
        let mut fault = self.fault.lock().unwrap_or_else(PoisonError::into_inner);
        fault.take().unwrap_or_else(|| SignInFault {
            problem: Problem::new(
                ProblemCode::SignInFailed,
                "the sign-in failed for no reason given",
            ),
            retry: Retry::No,
        })
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
        let scrub = match &assertion {
            Some(assertion) => self.scrubber().holding(assertion),
            None => self.scrubber(),
        };
        const FORM: HeaderValue = HeaderValue::from_static("application/x-www-form-urlencoded");
        let post = transport::Request::new(Method::POST, &self.url, self.loopback)
            .with("content-type", FORM)
            .accepting_json();
        let post = transport::Request { body: Some(form), ..post };
        let outcome = self.http.send(post, std::time::Duration::MAX, Arc::new(scrub)).await;
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
