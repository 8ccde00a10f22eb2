//! The connector: made once for a run, it hands out the reader and, per tenant, the writer.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use zeroize::Zeroizing;

use super::client::Http;
use super::endpoints::Overrides;
use super::read::{self, IntuneRead, KeyRequest, ReadRequest, one};
use super::retry::RetryPolicy;
use super::session::Session;
use super::sign_in::{SignIn, SignInError, Sources, Variables};
use super::write::IntuneWrite;
use crate::fleet::Auth;
use crate::model::{
    LiveEnrollment, LiveTenant, LiveVpp, Problem, Reading, Resource, TenantId, Timestamp,
};

/// The secret of an application. Has no `Debug` and no `Display`, and is wiped when dropped.
#[derive(Clone)]
pub struct ClientSecret(Arc<Zeroizing<String>>);

impl ClientSecret {
    /// Takes a secret, without the line break that files and pipelines put behind it; `None`
    /// when nothing is left.
    pub fn new(text: String) -> Option<Self> {
        let text = Zeroizing::new(text);
        let trimmed = text.trim();
        (!trimmed.is_empty()).then(|| Self(Arc::new(Zeroizing::new(trimmed.to_owned()))))
    }

    pub(super) fn expose(&self) -> &str {
        &self.0
    }
}

/// Finds the client secret of an application, where there is one.
pub type ClientSecretSource = Box<dyn Fn(&Auth) -> Option<ClientSecret> + Send + Sync>;

/// What a [`Connector`] is made of.
pub struct ConnectorOptions {
    /// Addresses that replace the cloud's own.
    pub overrides: Overrides,
    /// Where client secrets come from; asked at the first sign-in to a tenant.
    pub client_secret: ClientSecretSource,
    /// Where the other kinds of credential are found: environment variables by name. Asked at
    /// the first sign-in with a kind.
    pub variables: Variables,
    /// The limits of retrying.
    pub retry: RetryPolicy,
    /// How long one request may take, its answer included.
    pub timeout: Duration,
    /// How long making a connection may take.
    pub connect_timeout: Duration,
    /// The real time: Graph's clock is measured against it, and assertions are dated by it.
    pub clock: fn() -> Timestamp,
}

impl ConnectorOptions {
    /// The cloud's own addresses and the usual limits.
    pub fn new(client_secret: ClientSecretSource, clock: fn() -> Timestamp) -> Self {
        Self {
            overrides: Overrides::default(),
            client_secret,
            variables: Box::new(|_| None),
            retry: RetryPolicy::default(),
            timeout: Duration::from_secs(60),
            connect_timeout: Duration::from_secs(10),
            clock,
        }
    }
}

/// Why there is no connector.
#[derive(Debug, thiserror::Error)]
pub enum ConnectorError {
    /// The program did not choose who does TLS.
    #[error("no TLS provider is installed in this process")]
    NoTlsProvider,
    /// The HTTP client cannot be made, mostly for want of root certificates.
    #[error(
        "the HTTPS client cannot be made; check the system's CA certificates and proxy settings"
    )]
    Client(#[source] reqwest::Error),
}

/// The connections and sign-ins of a run, shared by all tenants and safe to use from many tasks.
pub struct Connector {
    http: Arc<Http>,
    overrides: Overrides,
    sources: Sources,
    retry: RetryPolicy,
    sessions: Mutex<HashMap<TenantId, Vec<Arc<Session>>>>,
    /// Set once `$batch` turned out not to exist here.
    plain_gets: AtomicBool,
}

impl Connector {
    /// Makes a connector; contacts nobody.
    ///
    /// # Errors
    ///
    /// When the HTTPS client cannot be made.
    pub fn new(options: ConnectorOptions) -> Result<Self, ConnectorError> {
        // The client would panic without one.
        if rustls::crypto::CryptoProvider::get_default().is_none() {
            return Err(ConnectorError::NoTlsProvider);
        }
        let loopback = options.overrides.any_loopback();
        let http = Http::new(options.timeout, options.connect_timeout, options.clock, loopback)
            .map_err(ConnectorError::Client)?;
        Ok(Self {
            http: Arc::new(http),
            overrides: options.overrides,
            sources: Sources::new(options.client_secret, options.variables, options.clock),
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

    /// The writer of one tenant; contacts nobody yet.
    ///
    /// # Errors
    ///
    /// When a sign-in with `auth` cannot be tried.
    pub fn writer(&self, tenant: TenantId, auth: &Auth) -> Result<IntuneWrite, SignInError> {
        self.session(tenant, auth).map(IntuneWrite::new)
    }

    /// The session of a tenant, kept so that its token is asked for once.
    fn session(&self, tenant: TenantId, auth: &Auth) -> Result<Arc<Session>, SignInError> {
        let mut sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        let known = sessions.entry(tenant).or_default();
        if let Some(session) = known.iter().find(|session| session.sign_in.is_of(auth)) {
            return Ok(Arc::clone(session));
        }
        let endpoint = self.overrides.endpoint(auth.cloud);
        let proof = self.sources.proof(auth)?;
        let http = Arc::clone(&self.http);
        let sign_in = SignIn::new(tenant, auth, proof, &endpoint, Arc::clone(&http))?;
        let session = Arc::new(Session { endpoint, sign_in, http, retry: self.retry });
        known.push(Arc::clone(&session));
        Ok(session)
    }
}

impl fmt::Debug for Connector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connector").field("overrides", &self.overrides).finish_non_exhaustive()
    }
}

#[async_trait::async_trait]
impl IntuneRead for Connector {
    async fn read(&self, request: &ReadRequest) -> LiveTenant {
        match self.session(request.tenant_id, &request.auth) {
            Ok(session) => read::read(&session, request, &self.plain_gets).await,
            Err(error) => read::unknown(&error.into(), &request.watch),
        }
    }

    async fn encryption_key(&self, request: &KeyRequest) -> Reading<String> {
        match self.session(request.tenant_id, &request.auth) {
            Ok(session) => one::encryption_key(&session, &request.id).await,
            Err(error) => Reading::Unknown(Problem::from(error).on(Resource::Enrollment)),
        }
    }

    async fn read_one_enrollment(
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

    async fn read_one_vpp(&self, tenant: TenantId, auth: &Auth, id: &str) -> Reading<LiveVpp> {
        match self.session(tenant, auth) {
            Ok(session) => one::vpp(&session, id).await,
            Err(error) => Reading::Unknown(Problem::from(error).on(Resource::Vpp)),
        }
    }
}
