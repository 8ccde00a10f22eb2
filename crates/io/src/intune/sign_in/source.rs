//! What proves to be the application, made once for a run and shared by its tenants.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use zeroize::Zeroizing;

use super::super::client::Http;
use super::super::entra::SignInFault;
use super::azure_cli::Cli;
use super::certificate::Certificate;
use super::error::SignInError;
use super::federated::{self, Federated, Issuer};
use super::person::{AskPerson, Person};
use crate::seams::Clock;
use applecart_core::fleet::{Auth, CredentialKind};

/// Looks up an environment variable by name; only the program's outermost layer reads the
/// environment itself.
pub type Variables = Box<dyn Fn(&str) -> Option<String> + Send + Sync>;

/// A variable's value; one of nothing but blanks counts as unset.
pub(super) fn value(variables: &Variables, name: &str) -> Option<Zeroizing<String>> {
    let value = Zeroizing::new(variables(name)?);
    let trimmed = value.trim();
    (!trimmed.is_empty()).then(|| Zeroizing::new(trimmed.to_owned()))
}

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

    pub(in crate::intune) fn expose(&self) -> &str {
        &self.0
    }
}

/// Finds the client secret of an application, where there is one.
pub type ClientSecretSource = Box<dyn Fn(&Auth) -> Option<ClientSecret> + Send + Sync>;

/// A proof of being the application.
#[derive(Clone)]
pub(in crate::intune) enum Proof {
    Secret(ClientSecret),
    Assertion(Arc<Assertions>),
    /// No proof of its own: `az` has signed in.
    AzureCli(Arc<Cli>),
    /// A person at this terminal.
    Person(Arc<Person>),
}

/// Where signed statements come from.
pub(in crate::intune) enum Assertions {
    /// The application's own key, in a file.
    Certificate {
        /// The file, for sentences.
        path: PathBuf,
        certificate: Box<Certificate>,
    },
    /// A service that the application registration trusts.
    Federated(Box<Federated>),
}

impl Assertions {
    /// A statement that `client_id` signs in at `audience`.
    pub(super) async fn assertion(
        &self,
        client_id: &str,
        audience: &str,
        http: &Http,
    ) -> Result<Zeroizing<String>, SignInFault> {
        match self {
            Self::Certificate { path, certificate } => {
                let error = |error| SignInError::Certificate { path: path.clone(), error };
                let signed = certificate.assertion(client_id, audience, &http.seams);
                Ok(signed.map_err(error)?)
            }
            Self::Federated(federated) => federated.assertion(http).await,
        }
    }
}

/// All proofs of a run. Two profiles that need the same one get the same one.
pub(in crate::intune) struct Sources {
    client_secret: ClientSecretSource,
    variables: Variables,
    ask_person: Option<AskPerson>,
    clock: Arc<dyn Clock>,
    made: Mutex<Vec<(Key, Proof)>>,
}

/// What a proof depends on.
#[derive(PartialEq, Eq)]
struct Key {
    credential: CredentialKind,
    /// Whose certificate it is; the statements of others name no application.
    client_id: Option<String>,
    /// For whom others make their statements: it tells the clouds apart.
    exchange: Option<&'static str>,
}

impl Key {
    fn of(auth: &Auth) -> Self {
        let credential = auth.credential;
        let (client_id, exchange) = match credential {
            CredentialKind::ClientSecret | CredentialKind::ClientCertificate => {
                (Some(auth.client_id.clone()), None)
            }
            CredentialKind::WorkloadIdentity
            | CredentialKind::AzurePipelines
            | CredentialKind::AzureCli => (None, None),
            CredentialKind::Github | CredentialKind::ManagedIdentity => {
                (None, Some(federated::exchange(auth.cloud)))
            }
            CredentialKind::DeviceCode | CredentialKind::Browser => {
                (Some(auth.client_id.clone()), Some(federated::exchange(auth.cloud)))
            }
        };
        Self { credential, client_id, exchange }
    }
}

impl Sources {
    pub(in crate::intune) fn new(
        client_secret: ClientSecretSource,
        variables: Variables,
        ask_person: Option<AskPerson>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self { client_secret, variables, ask_person, clock, made: Mutex::default() }
    }

    /// What proves to be the application of `auth`, or what is missing. Sends nothing.
    pub(in crate::intune) fn proof(&self, auth: &Auth) -> Result<Proof, SignInError> {
        if auth.is_placeholder() {
            return Err(SignInError::Placeholder);
        }
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        let key = Key::of(auth);
        if let Some((_, proof)) = made.iter().find(|(known, _)| *known == key) {
            return Ok(proof.clone());
        }
        let proof = self.make(auth)?;
        made.push((key, proof.clone()));
        Ok(proof)
    }

    fn make(&self, auth: &Auth) -> Result<Proof, SignInError> {
        let (variables, exchange) = (&self.variables, federated::exchange(auth.cloud));
        let issuer: Issuer = match auth.credential {
            CredentialKind::ClientSecret => {
                let secret = (self.client_secret)(auth);
                let none = || SignInError::NoSecret { client_id: auth.client_id.clone() };
                return secret.map(Proof::Secret).ok_or_else(none);
            }
            CredentialKind::ClientCertificate => {
                return self.certificate(auth).map(|made| Proof::Assertion(Arc::new(made)));
            }
            CredentialKind::AzureCli => {
                return Cli::find(variables).map(|cli| Proof::AzureCli(Arc::new(cli)));
            }
            CredentialKind::DeviceCode | CredentialKind::Browser => {
                let ask = self.ask_person.clone();
                let ask = ask.ok_or(SignInError::NoPerson { credential: auth.credential })?;
                return Ok(Proof::Person(Arc::new(Person::new(auth.credential, ask))));
            }
            CredentialKind::WorkloadIdentity => federated::workload(variables)?,
            CredentialKind::Github => federated::github(variables, exchange)?,
            CredentialKind::AzurePipelines => federated::pipelines(variables)?,
            CredentialKind::ManagedIdentity => federated::managed_identity(variables, exchange)?,
        };
        let federated = Federated::new(issuer);
        Ok(Proof::Assertion(Arc::new(Assertions::Federated(Box::new(federated)))))
    }

    fn certificate(&self, auth: &Auth) -> Result<Assertions, SignInError> {
        let own = |name: &str| {
            value(&self.variables, &of_application(name, &auth.client_id))
                .or_else(|| value(&self.variables, name))
        };
        let path = own("AZURE_CLIENT_CERTIFICATE_PATH")
            .ok_or_else(|| SignInError::NoCertificate { client_id: auth.client_id.clone() })?;
        let password = own("AZURE_CLIENT_CERTIFICATE_PASSWORD").unwrap_or_default();
        let path = PathBuf::from(path.as_str());
        let certificate = Certificate::read(&path, &password)
            .and_then(|certificate| certificate.check(self.clock.now()).map(|()| certificate))
            .map_err(|error| SignInError::Certificate { path: path.clone(), error })?;
        Ok(Assertions::Certificate { path, certificate: Box::new(certificate) })
    }
}

/// The variable that holds for one application only, where a fleet signs in with several: the
/// name, an underscore, and the application's id in capitals with underscores for dashes.
pub fn of_application(name: &str, client_id: &str) -> String {
    let letters = client_id.chars();
    let id: String = letters
        .map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' })
        .collect();
    format!("{name}_{id}")
}
