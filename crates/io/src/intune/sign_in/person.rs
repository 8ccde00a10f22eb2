//! `credential: device-code` and `browser`: a person signs in, with the fleet's own application and
//! its delegated permissions.
//!
//! They sign in once, to their own directory. With what that leaves (a refresh token, in memory only)
//! Entra gives tokens for every tenant in which they may act, as a partner's administrator may in a
//! customer's by delegation (GDAP). Where a tenant asks for more, such as a second factor of its own,
//! they are asked again, for that tenant.

use std::sync::Arc;
use std::time::Duration;

use azure_core::credentials::{AccessToken, Secret, TokenCredential, TokenRequestOptions};
use azure_core::time::OffsetDateTime;
use futures::future::{BoxFuture, FutureExt as _};
use oauth2::basic::{BasicClient, BasicTokenResponse};
use oauth2::http::StatusCode;
use oauth2::{
    AsyncHttpClient, AuthType, AuthUrl, AuthorizationCode, ClientId, CsrfToken,
    DeviceAuthorizationUrl, EndpointNotSet, EndpointSet, HttpRequest, HttpResponse,
    PkceCodeChallenge, RedirectUrl, RefreshToken, RequestTokenError, Scope,
    StandardDeviceAuthorizationResponse, TokenResponse, TokenUrl,
};
use subtle::ConstantTimeEq as _;
use tokio::sync::Mutex;
use zeroize::Zeroizing;

use super::super::entra::{Application, SignInFault};
use super::super::jwt;
use super::super::reply::Retry;
use super::Exchange;
use crate::loopback::Loopback;
use crate::seams::within;
use applecart_core::fleet::CredentialKind;
use applecart_core::model::{Problem, ProblemCode, TenantId};

/// How long a person may take in a browser. A device code has a limit of its own, which is no longer.
const PATIENCE: Duration = Duration::from_secs(15 * 60);
/// The longest pause between two questions whether the code was entered.
const MAX_PAUSE: Duration = Duration::from_secs(30);
/// A token is used until so long before its end.
const SOON: Duration = Duration::from_secs(5 * 60);

/// What a person is asked to do.
#[derive(Clone, Copy, Debug)]
pub enum Asked<'a> {
    /// Open this page anywhere, and enter this code.
    DeviceCode { tenant: Option<TenantId>, page: &'a str, code: &'a str, limit: Duration },
    /// Open this page in a browser on this machine.
    Browser { tenant: Option<TenantId>, page: &'a str, limit: Duration },
}

/// Shows a person what to do. It must not wait for them.
pub type AskPerson = Arc<dyn Fn(&Asked<'_>) + Send + Sync>;

/// The person of one run, and one application.
pub(in crate::intune) struct Person {
    how: CredentialKind,
    ask: AskPerson,
    /// Locked while they are asked: one page at a time.
    signed_in: Mutex<SignedIn>,
}

#[derive(Default)]
struct SignedIn {
    /// What the latest sign-in left.
    refresh: Option<Arc<Zeroizing<String>>>,
    /// Why they are not asked again: they declined, or the application takes no people.
    ended: Option<Problem>,
}

impl Person {
    pub(super) fn new(how: CredentialKind, ask: AskPerson) -> Self {
        Self { how, ask, signed_in: Mutex::default() }
    }
}

/// Where a person signs in.
#[derive(Clone, Copy)]
enum Authority {
    /// Their own directory, whichever that is.
    Home,
    Tenant(TenantId),
}

impl Authority {
    fn tenant(self) -> Option<TenantId> {
        match self {
            Self::Home => None,
            Self::Tenant(tenant) => Some(tenant),
        }
    }
}

/// What a request is for, which decides how its answer is read.
#[derive(Clone, Copy)]
enum Wants {
    DeviceCode,
    Token,
}

/// No answer; whether to ask again is the library's decision.
#[derive(Debug, thiserror::Error)]
#[error("Entra did not answer")]
struct Unanswered;

/// Carries the library's requests. What it cannot use is explained here, where the answer is whole,
/// and left for `get_token`.
struct Carrier {
    exchange: Arc<Exchange>,
    wants: Wants,
}

impl<'c> AsyncHttpClient<'c> for Carrier {
    type Error = Unanswered;
    type Future = BoxFuture<'c, Result<HttpResponse, Unanswered>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        self.carry(request).boxed()
    }
}

impl Carrier {
    async fn carry(&self, request: HttpRequest) -> Result<HttpResponse, Unanswered> {
        let url = request.uri().to_string();
        let outcome = self.exchange.post(&url, request.into_body().into()).await;
        let reply = match (outcome, self.wants) {
            (Ok(reply), Wants::DeviceCode) if reply.status == 200 => reply,
            (Ok(reply), Wants::Token) if Application::is_pending(&reply) => reply,
            (outcome, _) => match self.exchange.application.judge(outcome, None) {
                Ok(reply) => reply,
                Err(fault) => {
                    let lasts = fault.retry == Retry::No;
                    // The text of the error is not used.
                    let _ = self.exchange.leave(fault);
                    // An error that lasts ends the questions; one that may pass does not.
                    return if lasts { Ok(refusal()) } else { Err(Unanswered) };
                }
            },
        };
        let mut answer = HttpResponse::new(reply.body);
        *answer.status_mut() = StatusCode::from_u16(reply.status).map_err(|_| Unanswered)?;
        Ok(answer)
    }
}

/// An answer that ends the library's questions.
fn refusal() -> HttpResponse {
    let mut refused = HttpResponse::new(br#"{"error":"invalid_request"}"#.to_vec());
    *refused.status_mut() = StatusCode::BAD_REQUEST;
    refused
}

type Client = BasicClient<EndpointSet, EndpointSet, EndpointNotSet, EndpointNotSet, EndpointSet>;

/// The sign-in of a person to one tenant.
#[derive(Debug)]
pub(super) struct PersonCredential {
    exchange: Arc<Exchange>,
    person: Arc<Person>,
    held: Mutex<Option<AccessToken>>,
}

impl std::fmt::Debug for Person {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Person").field("how", &self.how).finish_non_exhaustive()
    }
}

#[async_trait::async_trait]
impl TokenCredential for PersonCredential {
    async fn get_token(
        &self,
        scopes: &[&str],
        _: Option<TokenRequestOptions<'_>>,
    ) -> azure_core::Result<AccessToken> {
        let mut held = self.held.lock().await;
        let soon = OffsetDateTime::now_utc() + SOON;
        if let Some(token) = held.as_ref().filter(|token| token.expires_on > soon) {
            return Ok(token.clone());
        }
        match self.token(&scopes.join(" ")).await {
            Ok(token) => {
                *held = Some(token.clone());
                Ok(token)
            }
            Err(fault) => Err(self.exchange.leave(fault)),
        }
    }
}

impl PersonCredential {
    pub(super) fn new(exchange: &Arc<Exchange>, person: &Arc<Person>) -> Arc<Self> {
        let (exchange, person) = (Arc::clone(exchange), Arc::clone(person));
        Arc::new(Self { exchange, person, held: Mutex::new(None) })
    }

    /// A token for this tenant: silently where Entra lets it, else by asking the person.
    async fn token(&self, scope: &str) -> Result<AccessToken, SignInFault> {
        let known = self.person.signed_in.lock().await.refresh.clone();
        if let Some(refresh) = &known {
            match self.redeem(refresh, scope).await {
                Err(fault) if wants_person(&fault) => {}
                settled => return settled,
            }
        }
        let mut signed_in = self.person.signed_in.lock().await;
        // Another tenant's turn may have brought a new sign-in meanwhile.
        let newer = signed_in
            .refresh
            .clone()
            .filter(|newer| known.as_ref().is_none_or(|known| !Arc::ptr_eq(known, newer)));
        if let Some(refresh) = newer {
            match self.redeem(&refresh, scope).await {
                Err(fault) if wants_person(&fault) => {}
                settled => return settled,
            }
        }
        if let Some(problem) = &signed_in.ended {
            return Err(SignInFault { problem: problem.clone(), retry: Retry::No, number: None });
        }
        let tenant = Authority::Tenant(self.exchange.tenant());
        let authority = if signed_in.refresh.is_some() { tenant } else { Authority::Home };
        let asked = match self.ask(authority, scope).await {
            // A single-tenant application knows no other directory than its own.
            Err(SignInFault { number: Some(50194 | 50059), .. }) => self.ask(tenant, scope).await,
            asked => asked,
        };
        let answer = asked.inspect_err(|fault| {
            if is_for_all(fault) {
                signed_in.ended = Some(fault.problem.clone());
            }
        })?;
        if let Some(refresh) = answer.refresh_token() {
            let refresh = Arc::new(Zeroizing::new(refresh.secret().clone()));
            signed_in.refresh = Some(Arc::clone(&refresh));
            if authority.tenant().is_none() {
                drop(signed_in);
                return self.redeem(&refresh, scope).await;
            }
        }
        self.usable(&answer)
    }

    /// A token for this tenant by an earlier sign-in.
    async fn redeem(&self, refresh: &str, scope: &str) -> Result<AccessToken, SignInFault> {
        let client = self.client(Authority::Tenant(self.exchange.tenant()))?;
        let refresh = RefreshToken::new(refresh.to_owned());
        let http = self.carrier(Wants::Token);
        let asked = client
            .exchange_refresh_token(&refresh)
            .add_scope(Scope::new(scope.to_owned()))
            .request_async(&http)
            .await;
        self.usable(&asked.map_err(|error| self.fault(&error))?)
    }

    /// Asks the person.
    async fn ask(&self, at: Authority, scope: &str) -> Result<BasicTokenResponse, SignInFault> {
        let client = self.client(at)?;
        let scopes = ["openid", "profile", "offline_access", scope];
        let scopes = scopes.map(|one| Scope::new(one.to_owned()));
        match self.person.how {
            CredentialKind::Browser => self.in_browser(at, client, scopes).await,
            _ => self.with_code(at, &client, scopes).await,
        }
    }

    async fn with_code<const N: usize>(
        &self,
        at: Authority,
        client: &Client,
        scopes: [Scope; N],
    ) -> Result<BasicTokenResponse, SignInFault> {
        let http = self.carrier(Wants::DeviceCode);
        let asked = client.exchange_device_code().add_scopes(scopes).request_async(&http).await;
        let details: StandardDeviceAuthorizationResponse =
            asked.map_err(|error| self.fault(&error))?;
        let limit = details.expires_in().min(PATIENCE);
        (self.person.ask)(&Asked::DeviceCode {
            tenant: at.tenant(),
            page: details.verification_uri(),
            code: details.user_code().secret(),
            limit,
        });
        let clock = Arc::clone(&self.exchange.http.seams.clock);
        let times = Arc::clone(&clock);
        let http = self.carrier(Wants::Token);
        let asked = client
            .exchange_device_access_token(&details)
            .set_time_fn(move || times.now().date_time())
            .set_max_backoff_interval(MAX_PAUSE)
            .request_async(&http, |pause| clock.sleep(pause), Some(limit))
            .await;
        asked.map_err(|error| self.fault(&error))
    }

    async fn in_browser<const N: usize>(
        &self,
        at: Authority,
        client: Client,
        scopes: [Scope; N],
    ) -> Result<BasicTokenResponse, SignInFault> {
        let failed = |what: String| SignInFault::of_sign_in(what);
        let loopback = Loopback::bind(0).await.map_err(|error| {
            failed(format!(
                "no browser can come back to this machine, because nothing can listen on it ({error}); sign in with APPLECART_CREDENTIAL=device-code"
            ))
        })?;
        let redirect = RedirectUrl::new(loopback.url());
        let client = client.set_redirect_uri(redirect.map_err(|error| failed(error.to_string()))?);
        let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
        let (page, state) = client
            .authorize_url(CsrfToken::new_random)
            .add_scopes(scopes)
            .set_pkce_challenge(challenge)
            .add_extra_param("response_mode", "query")
            .url();
        let (tenant, limit) = (at.tenant(), PATIENCE);
        (self.person.ask)(&Asked::Browser { tenant, page: page.as_str(), limit });
        let clock = &*self.exchange.http.seams.clock;
        let code = within(clock, limit, self.come_back(loopback, &state)).await;
        let code = code.ok_or_else(|| {
            failed(format!("nobody signed in within {} minutes", limit.as_secs() / 60))
        })??;
        let http = self.carrier(Wants::Token);
        let asked = client
            .exchange_code(AuthorizationCode::new(code))
            .set_pkce_verifier(verifier)
            .request_async(&http)
            .await;
        asked.map_err(|error| self.fault(&error))
    }

    /// Waits for the browser to come back, and answers it once. Whoever does not know `state` did
    /// not come from the page that was shown, and is told nothing.
    async fn come_back(
        &self,
        mut loopback: Loopback,
        state: &CsrfToken,
    ) -> Result<String, SignInFault> {
        while let Some(visit) = loopback.next().await {
            let value = |name: &str| visit.query.get(name).map(String::as_str);
            let given = value("state").unwrap_or_default();
            let is_ours = bool::from(given.as_bytes().ct_eq(state.secret().as_bytes()));
            if !is_ours || visit.path != "/" {
                let what = "This is not the answer that was waited for.";
                visit.answer(404, "Not here", what).await;
                continue;
            }
            let Some(code) = value("code").map(str::to_owned) else {
                let error = value("error").unwrap_or_default();
                let description = value("error_description").unwrap_or_default();
                let fault = self.exchange.application.declined(error, description);
                let what = "You can close this page. The terminal says why, and what to do.";
                visit.answer(200, "Not signed in", what).await;
                return Err(fault);
            };
            let what = "You can close this page and go on in the terminal.";
            visit.answer(200, "Signed in to Applecart", what).await;
            return Ok(code);
        }
        Err(SignInFault::of_sign_in("the page for the browser ended before one came back"))
    }

    fn client(&self, authority: Authority) -> Result<Client, SignInFault> {
        let (endpoint, at) = (&self.exchange.endpoint, authority.tenant());
        let wrong = |_| SignInFault::of_sign_in("the address of the sign-in is not a URL");
        let client = BasicClient::new(ClientId::new(self.exchange.application.client_id.clone()))
            .set_auth_type(AuthType::RequestBody)
            .set_auth_uri(AuthUrl::new(endpoint.authorize(at)).map_err(wrong)?)
            .set_device_authorization_url(
                DeviceAuthorizationUrl::new(endpoint.device_code(at)).map_err(wrong)?,
            )
            .set_token_uri(TokenUrl::new(endpoint.token_of(at)).map_err(wrong)?);
        Ok(client)
    }

    fn carrier(&self, wants: Wants) -> Carrier {
        Carrier { exchange: Arc::clone(&self.exchange), wants }
    }

    /// The reason that was left, else that the person did not come in time.
    fn fault<E: oauth2::ErrorResponse>(
        &self,
        error: &RequestTokenError<Unanswered, E>,
    ) -> SignInFault {
        match error {
            RequestTokenError::ServerResponse(_) | RequestTokenError::Request(_) => {
                self.exchange.fault_or(|| {
                    SignInFault::of_sign_in(
                        "nobody entered the code in time; run the command again",
                    )
                })
            }
            RequestTokenError::Parse(..) | RequestTokenError::Other(_) => {
                let what = "the sign-in address gave an answer of another shape than Entra's; check APPLECART_LOGIN_URL and the proxy";
                self.exchange.fault_or(|| SignInFault {
                    problem: Problem::new(ProblemCode::BadAnswer, what),
                    retry: Retry::No,
                    number: None,
                })
            }
        }
    }

    /// The access token of an answer, where it is one for this tenant.
    fn usable(&self, answer: &BasicTokenResponse) -> Result<AccessToken, SignInFault> {
        let token = answer.access_token().secret();
        for_tenant(token, self.exchange.tenant())?;
        let life = answer.expires_in().unwrap_or(SOON);
        Ok(AccessToken::new(Secret::new(token.clone()), OffsetDateTime::now_utc() + life))
    }
}

/// Refuses a token of another tenant: what it reads would stand under this one's name.
fn for_tenant(token: &str, tenant: TenantId) -> Result<(), SignInFault> {
    if jwt::is_for_another(token, tenant) {
        let what = format!(
            "the person signed in to another tenant than {tenant}; sign in with an account that may act there"
        );
        return Err(SignInFault::of_sign_in(what));
    }
    Ok(())
}

/// Whether this refusal of a silent sign-in is one that a person can do something about: a second
/// factor, a password, a sign-in that ended.
/// <https://learn.microsoft.com/en-us/entra/identity-platform/reference-error-codes>
fn wants_person(fault: &SignInFault) -> bool {
    matches!(
        fault.number,
        Some(
            16000
                | 16001
                | 50058
                | 50072
                | 50074
                | 50076
                | 50078
                | 50079
                | 50097
                | 50125
                | 50132
                | 50133
                | 50144
                | 50158
                | 50173
                | 50187
                | 65002
                | 70008
                | 70043
                | 70044
                | 135_010
                | 530_034
                | 700_082
                | 700_084
                | 9_002_313
        )
    )
}

/// Whether no other tenant would let this person, or this application, in either: they are not asked
/// once for each.
fn is_for_all(fault: &SignInFault) -> bool {
    let of_tenant =
        matches!(fault.problem.code, ProblemCode::NoConsent | ProblemCode::TenantNotFound)
            || matches!(
                fault.number,
                Some(50020 | 90072 | 50105 | 53000..=53099 | 530_000..=530_999)
            );
    fault.retry == Retry::No && !of_tenant
}

#[cfg(test)]
mod tests;
