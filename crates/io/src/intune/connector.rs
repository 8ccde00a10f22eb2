//! The connector: made once for a run, it hands out the reader and, per tenant, the writer.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::client::Http;
use super::discovery;
use super::endpoints::Overrides;
use super::jwt;
use super::read::customers::{self, Customers};
use super::read::{self, KeyRequest, ReadRequest, one};
use super::retry::{RetryPolicy, Run};
use super::session::Session;
use super::sign_in::{AskPerson, ClientSecretSource, SignIn, SignInError, Sources, Variables};
use super::transport::{Network, Transport};
use super::turn::Turn;
use super::write::IntuneWrite;
use crate::seams::Seams;
use applecart_core::fleet::Auth;
use applecart_core::model::{
    LiveEnrollment, LiveTenant, LiveVpp, Problem, Reading, Resource, TenantId,
};

/// What a [`Connector`] is made of.
pub struct ConnectorOptions {
    /// Addresses that replace the cloud's own.
    pub overrides: Overrides,
    /// Where client secrets come from; asked at the first sign-in to a tenant.
    pub client_secret: ClientSecretSource,
    /// Where the other kinds of credential are found: environment variables by name. Asked at
    /// the first sign-in with a kind.
    pub variables: Variables,
    /// Shows a person where to sign in; `None` where nobody is there.
    pub ask_person: Option<AskPerson>,
    pub retry: RetryPolicy,
    /// How requests leave: over the network where `None`.
    pub transport: Option<Arc<dyn Transport>>,
    /// How long one request may take, its answer included.
    pub timeout: Duration,
    /// How long making a connection may take.
    pub connect_timeout: Duration,
    /// The real time, even under `--now`: Graph's clock is compared with it, and assertions are
    /// dated by it.
    pub seams: Seams,
}

impl ConnectorOptions {
    /// The cloud's own addresses and the usual limits.
    pub fn new(client_secret: ClientSecretSource) -> Self {
        Self {
            overrides: Overrides::default(),
            client_secret,
            variables: Box::new(|_| None),
            ask_person: None,
            retry: RetryPolicy::default(),
            transport: None,
            timeout: Duration::from_secs(60),
            connect_timeout: Duration::from_secs(10),
            seams: Seams::default(),
        }
    }
}

/// What a token permits; `None` where it is not in a form that says so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Granted {
    pub permissions: Option<Vec<String>>,
}

/// Why there is no token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotGranted {
    pub problem: Problem,
    /// Entra's own number of it (AADSTS…).
    pub number: Option<u64>,
}

/// Why there is no connector.
#[derive(Debug, thiserror::Error)]
pub enum ConnectorError {
    #[error("no TLS provider is installed in this process")]
    NoTlsProvider,
    #[error(
        "the HTTPS client cannot be made; check the system's CA certificates and proxy settings"
    )]
    Client(#[source] reqwest::Error),
}

/// How many tenants' sign-ins are kept. A token is asked for once where a tenant is read and then
/// written to, or read again; with a token of 2 KiB, those of 10,000 tenants that are read once
/// would take more room than the plan.
const KEPT: usize = 512;

#[derive(Default)]
struct Sessions {
    of: HashMap<TenantId, Vec<Arc<Session>>>,
    /// The tenants, in the order of their first sign-in.
    order: VecDeque<TenantId>,
}

impl Sessions {
    /// The kept sessions of a tenant; the oldest tenant's make room for a new one's. Whoever is
    /// using those goes on with them.
    fn of(&mut self, tenant: TenantId) -> &mut Vec<Arc<Session>> {
        if !self.of.contains_key(&tenant) {
            if self.order.len() >= KEPT
                && let Some(oldest) = self.order.pop_front()
            {
                self.of.remove(&oldest);
            }
            self.order.push_back(tenant);
        }
        self.of.entry(tenant).or_default()
    }
}

/// The connections and sign-ins of a run, shared by all tenants and safe to use from many tasks.
pub struct Connector {
    http: Arc<Http>,
    overrides: Overrides,
    sources: Sources,
    retry: RetryPolicy,
    run: Run,
    sessions: Mutex<Sessions>,
    /// Set once `$batch` turned out not to exist here.
    plain_gets: AtomicBool,
}

impl Connector {
    /// Makes a connector; contacts nothing.
    ///
    /// # Errors
    ///
    /// When the HTTPS client cannot be made.
    pub fn new(options: ConnectorOptions) -> Result<Self, ConnectorError> {
        let seams = options.seams;
        let transport = match options.transport {
            Some(transport) => transport,
            None => {
                // The client would panic without one.
                if rustls::crypto::CryptoProvider::get_default().is_none() {
                    return Err(ConnectorError::NoTlsProvider);
                }
                let network = Network::new(options.connect_timeout, Arc::clone(&seams.clock));
                Arc::new(network.map_err(ConnectorError::Client)?)
            }
        };
        Ok(Self {
            run: Run::start(&*seams.clock),
            sources: Sources::new(
                options.client_secret,
                options.variables,
                options.ask_person,
                Arc::clone(&seams.clock),
            ),
            http: Arc::new(Http::new(transport, seams, options.timeout)),
            overrides: options.overrides,
            retry: options.retry,
            sessions: Mutex::default(),
            plain_gets: AtomicBool::new(false),
        })
    }

    /// How many requests were sent so far, sign-ins included.
    pub fn requests(&self) -> u64 {
        self.http.sent()
    }

    /// Says, without a request, whether a sign-in with `auth` can be tried.
    ///
    /// # Errors
    ///
    /// When what proves to be the application is missing or unusable: a variable, a file, `az`.
    /// The texts say what to set.
    pub fn check(&self, auth: &Auth) -> Result<(), SignInError> {
        self.sources.proof(auth).map(|_| ())
    }

    /// The writer of one tenant; contacts nothing yet.
    ///
    /// # Errors
    ///
    /// When a sign-in with `auth` cannot be tried.
    pub fn writer(&self, tenant: TenantId, auth: &Auth) -> Result<IntuneWrite, SignInError> {
        self.session(tenant, auth).map(IntuneWrite::new)
    }

    /// What the token for a tenant says that it permits. Asks for one where none is held.
    ///
    /// # Errors
    ///
    /// When there is none, with Entra's own number.
    pub async fn granted(&self, tenant: TenantId, auth: &Auth) -> Result<Granted, NotGranted> {
        let session = self.session(tenant, auth);
        let session =
            session.map_err(|error| NotGranted { problem: error.into(), number: None })?;
        let visit = session.visit();
        let asked = session.sign_in.token(&visit.budget).await;
        let bearer =
            asked.map_err(|fault| NotGranted { problem: fault.problem, number: fault.number })?;
        let claims = jwt::claims(bearer.expose());
        Ok(Granted { permissions: claims.map(|claims| claims.permissions) })
    }

    /// Forgets the tokens of a tenant, so that the next one shows a consent that was given meanwhile.
    /// Who has signed in stays.
    pub fn forget(&self, tenant: TenantId) {
        let mut sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        sessions.of.remove(&tenant);
        sessions.order.retain(|known| *known != tenant);
    }

    /// The tenant that a domain belongs to, as Entra tells everybody.
    ///
    /// # Errors
    ///
    /// When Entra knows no such tenant, or did not answer.
    pub async fn tenant_of_domain(&self, domain: &str, auth: &Auth) -> Result<TenantId, Problem> {
        let endpoint = self.overrides.endpoint(auth.cloud);
        discovery::tenant(&self.http, &endpoint, domain).await
    }

    /// Seconds by which Microsoft's clock is ahead, for a run that cannot sign in and so hears of no time
    /// otherwise; `None` where Entra does not answer.
    pub async fn clock_skew(&self, tenant: TenantId, auth: &Auth) -> Option<i64> {
        discovery::skew(&self.http, &self.overrides.endpoint(auth.cloud), tenant).await
    }

    /// Lists the customers of a partner tenant.
    ///
    /// # Errors
    ///
    /// When the list could not be read to its end: part of it is worth nothing.
    pub async fn customers(&self, partner: TenantId, auth: &Auth) -> Result<Customers, Problem> {
        customers::customers(&*self.session(partner, auth)?).await
    }

    /// Reads a tenant that has a place among those that are read at once; it leaves the place to
    /// the next one where it has to wait. As [`read`](Self::read) otherwise.
    pub async fn read_in_turn(&self, request: &ReadRequest, turn: Turn) -> LiveTenant {
        let turn = Arc::new(turn);
        let read = self.read_as(request, Some(Arc::clone(&turn)));
        turn.watch(&*self.http.seams.clock, read).await
    }

    async fn read_as(&self, request: &ReadRequest, turn: Option<Arc<Turn>>) -> LiveTenant {
        match self.session(request.tenant_id, &request.auth) {
            Ok(session) => read::read(&session.visit_in(turn), request, &self.plain_gets).await,
            Err(error) => read::unknown(&error.into(), &request.watch),
        }
    }

    /// The session of a tenant, kept for a while so that its token is asked for once.
    fn session(&self, tenant: TenantId, auth: &Auth) -> Result<Arc<Session>, SignInError> {
        let mut sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        let known = sessions.of(tenant);
        if let Some(session) = known.iter().find(|session| session.sign_in.is_of(auth)) {
            return Ok(Arc::clone(session));
        }
        let endpoint = self.overrides.endpoint(auth.cloud);
        let proof = self.sources.proof(auth)?;
        let http = Arc::clone(&self.http);
        let sign_in = SignIn::new(tenant, auth, proof, &endpoint, Arc::clone(&http))?;
        let session =
            Arc::new(Session { endpoint, sign_in, http, retry: self.retry, run: self.run });
        known.push(Arc::clone(&session));
        Ok(session)
    }
}

impl fmt::Debug for Connector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connector").field("overrides", &self.overrides).finish_non_exhaustive()
    }
}

/// What is read of one tenant. What cannot be read is unknown, with its problem.
impl Connector {
    pub async fn read(&self, request: &ReadRequest) -> LiveTenant {
        self.read_as(request, None).await
    }

    /// Reads the public key that Apple encrypts an enrollment token to: PEM, base64 of DER or
    /// base64 of PEM, as Graph gives it. Present or unknown, for every token has one; reading it
    /// makes none.
    pub async fn encryption_key(&self, request: &KeyRequest) -> Reading<String> {
        match self.session(request.tenant_id, &request.auth) {
            Ok(session) => one::encryption_key(&session, &request.id).await,
            Err(error) => Reading::Unknown(Problem::from(error).on(Resource::Enrollment)),
        }
    }

    /// Reads Intune's request for Apple (CSR) for the push certificate, as Graph gives it. Needs the write
    /// role, and may make a key pair where there is none yet: only what opens a renewal asks.
    pub async fn push_signing_request(&self, tenant: TenantId, auth: &Auth) -> Reading<String> {
        match self.session(tenant, auth) {
            Ok(session) => one::push_signing_request(&session).await,
            Err(error) => Reading::Unknown(Problem::from(error).on(Resource::Push)),
        }
    }

    /// Reads one enrollment token with one request, as after a write to it.
    pub async fn read_one_enrollment(
        &self,
        tenant: TenantId,
        auth: &Auth,
        id: &str,
    ) -> Reading<LiveEnrollment> {
        match self.session(tenant, auth) {
            Ok(session) => one::enrollment(&session, id).await,
            Err(error) => Reading::Unknown(Problem::from(error).on(Resource::Enrollment)),
        }
    }

    /// Reads one VPP token with one request, as after a write to it.
    pub async fn read_one_vpp(&self, tenant: TenantId, auth: &Auth, id: &str) -> Reading<LiveVpp> {
        match self.session(tenant, auth) {
            Ok(session) => one::vpp(&session, id).await,
            Err(error) => Reading::Unknown(Problem::from(error).on(Resource::Vpp)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{auth, connector};
    use super::*;

    #[test]
    fn the_latest_sign_ins_are_kept_and_no_more() {
        let connector = connector("http://127.0.0.1:1");
        let tenant = |number: usize| -> TenantId {
            format!("6d1f0c5e-8a34-4b7a-9a51-{number:012}").parse().unwrap()
        };
        let session = |number| connector.session(tenant(number), &auth()).unwrap();
        let (first, second) = (session(0), session(1));
        assert!(Arc::ptr_eq(&first, &session(0)), "its token is asked for once");
        for number in 2..=KEPT {
            session(number);
        }
        assert!(Arc::ptr_eq(&second, &session(1)));
        assert!(!Arc::ptr_eq(&first, &session(0)), "the oldest made room");
        assert_eq!(connector.sessions.lock().unwrap().of.len(), KEPT);
    }
}
