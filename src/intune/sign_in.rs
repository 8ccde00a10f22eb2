//! Tokens: who may ask Graph about one tenant, proved to Entra.
//!
//! `azure_identity` does the protocol and keeps the token until near its expiry. It gets no host
//! and no retries of its own: its requests leave through [`Exchange`], which sends them where
//! [`Endpoint`] says, and [`SignIn`] repeats them within the tenant's [`Budget`].

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use azure_core::cloud::CustomConfiguration;
use azure_core::credentials::{Secret, TokenCredential};
use azure_core::error::ErrorKind;
use azure_core::http::headers::Headers;
use azure_core::http::{
    AsyncRawResponse, Body, ClientOptions, HttpClient, Request, RetryOptions, StatusCode, Transport,
};
use azure_identity::{ClientSecretCredential, ClientSecretCredentialOptions};
use zeroize::Zeroizing;

use super::client::Http;
use super::connector::ClientSecret;
use super::endpoints::Endpoint;
use super::entra::{Application, SignInFault};
use super::error::Retry;
use super::retry::Budget;
use super::scrub::Scrubber;
use crate::fleet::{Auth, CredentialKind};
use crate::model::{Problem, ProblemCode, TenantId};

/// `azure_identity` insists on https and would read `AZURE_AUTHORITY_HOST`; it gets this name,
/// which nothing resolves, and [`Exchange`] puts the real address in its place.
const PLACEHOLDER: &str = "https://login.override.invalid";

/// A garbled token answer is asked for this often in all.
const GARBLED_ATTEMPTS: u32 = 3;

/// Why a sign-in cannot even be tried.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignInError {
    /// This build cannot sign in that way.
    #[error("credential {credential} is not supported yet; use client-secret")]
    UnsupportedYet {
        /// The credential as applecart.yaml names it.
        credential: &'static str,
    },
    /// There is no client secret for the application.
    #[error("there is no client secret for application {client_id}; set AZURE_CLIENT_SECRET")]
    NoSecret {
        /// The application's id.
        client_id: String,
    },
    /// The client id is empty or otherwise unusable.
    #[error("clientId {client_id:?} in applecart.yaml is not an application id")]
    ClientId {
        /// The id.
        client_id: String,
    },
}

impl From<SignInError> for Problem {
    fn from(error: SignInError) -> Self {
        Self::new(ProblemCode::SignInFailed, error.to_string())
    }
}

/// Says whether this build can sign in with `auth` at all.
pub(super) fn supported(auth: &Auth) -> Result<(), SignInError> {
    let credential = match auth.credential {
        CredentialKind::ClientSecret => return Ok(()),
        CredentialKind::ClientCertificate => "client-certificate",
        CredentialKind::WorkloadIdentity => "workload-identity",
        CredentialKind::Github => "github",
        CredentialKind::AzurePipelines => "azure-pipelines",
        CredentialKind::ManagedIdentity => "managed-identity",
        CredentialKind::AzureCli => "azure-cli",
    };
    Err(SignInError::UnsupportedYet { credential })
}

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
    credential: Arc<ClientSecretCredential>,
    issued: Option<Bearer>,
}

impl SignIn {
    pub(super) fn new(
        tenant: TenantId,
        auth: &Auth,
        secret: ClientSecret,
        endpoint: &Endpoint,
        http: Arc<Http>,
    ) -> Result<Self, SignInError> {
        supported(auth)?;
        let url = endpoint.token(tenant);
        let exchange = Arc::new(Exchange {
            loopback: endpoint.is_loopback(&url),
            url,
            http,
            secret,
            application: Application {
                tenant,
                client_id: auth.client_id.clone(),
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

    /// A scrubber that knows the client secret.
    pub(super) fn scrubber(&self) -> Scrubber {
        Scrubber::default().holding(self.exchange.secret.expose())
    }

    /// A token, from memory or from Entra.
    pub(super) async fn bearer(&self, budget: &Budget) -> Result<Bearer, Problem> {
        let mut state = self.state.lock().await;
        let mut attempt = 0;
        loop {
            attempt += 1;
            let scopes = [self.scope.as_str()];
            let asking = state.credential.get_token(&scopes, None);
            let fault = match tokio::time::timeout(budget.left(), asking).await {
                Ok(Ok(token)) => {
                    let bearer = Bearer(Zeroizing::new(token.token.secret().to_owned()));
                    state.issued = Some(bearer.clone());
                    return Ok(bearer);
                }
                // The library's own error is not looked at: its text repeats Entra's.
                Ok(Err(_)) => self.exchange.take_fault(),
                Err(_) => SignInFault {
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
    secret: ClientSecret,
    application: Application,
    /// Why the last request failed. The library's errors lose the headers, and of an answer
    /// that is not JSON everything; so the reason is left here, and `SignIn` fetches it.
    fault: Mutex<Option<SignInFault>>,
}

impl Exchange {
    fn credential(self: &Arc<Self>) -> Result<Arc<ClientSecretCredential>, SignInError> {
        let mut cloud = CustomConfiguration::default();
        cloud.authority_host = PLACEHOLDER.to_owned();
        let transport: Arc<dyn HttpClient> = Arc::clone(self) as _;
        let client_options = ClientOptions {
            // Its own retries hide the cause and know nothing of the tenant's budget.
            retry: RetryOptions::none(),
            transport: Some(Transport::new(transport)),
            cloud: Some(Arc::new(cloud.into())),
            ..ClientOptions::default()
        };
        ClientSecretCredential::new(
            &self.application.tenant.to_string(),
            self.application.client_id.clone(),
            Secret::new(self.secret.expose().to_owned()),
            Some(ClientSecretCredentialOptions { client_options }),
        )
        .map_err(|_| SignInError::ClientId { client_id: self.application.client_id.clone() })
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

#[async_trait::async_trait]
impl HttpClient for Exchange {
    async fn execute_request(&self, request: &Request) -> azure_core::Result<AsyncRawResponse> {
        let failed = || azure_core::Error::with_message(ErrorKind::Credential, "sign-in failed");
        let Body::Bytes(form) = request.body().clone() else { return Err(failed()) };
        let post = self
            .http
            .request(reqwest::Method::POST, &self.url, self.loopback)
            .header("content-type", "application/x-www-form-urlencoded")
            .header("accept", "application/json")
            .body(form);
        let scrub = Scrubber::default().holding(self.secret.expose());
        let outcome = self.http.send(post, std::time::Duration::MAX, Arc::new(scrub)).await;
        match self.application.judge(outcome) {
            Ok(reply) => {
                Ok(AsyncRawResponse::from_bytes(StatusCode::Ok, Headers::new(), reply.body))
            }
            Err(fault) => {
                *self.fault.lock().unwrap_or_else(PoisonError::into_inner) = Some(fault);
                Err(failed())
            }
        }
    }
}

#[cfg(test)]
mod tests;
