//! Why a sign-in cannot even be tried. Nothing here repeats a secret.

use std::io;
use std::path::PathBuf;

use super::certificate::CertificateError;
use applecart_core::fleet::CredentialKind;
use applecart_core::model::{Problem, ProblemCode};

/// Why a sign-in cannot even be tried.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignInError {
    #[error("there is no client secret for application {client_id}; set AZURE_CLIENT_SECRET")]
    NoSecret { client_id: String },
    #[error(
        "`clientId` in applecart.yaml is still the placeholder that `applecart init` writes, so nothing can sign in"
    )]
    Placeholder,
    #[error("clientId {client_id:?} in applecart.yaml is not an application id")]
    ClientId { client_id: String },
    #[error(
        "there is no certificate for application {client_id}; set AZURE_CLIENT_CERTIFICATE_PATH to a PEM or PKCS#12 file that holds the certificate and its private key"
    )]
    NoCertificate { client_id: String },
    #[error("the certificate in {} cannot be used: {error}", path.display())]
    Certificate { path: PathBuf, error: CertificateError },
    #[error(
        "credential workload-identity needs AZURE_FEDERATED_TOKEN_FILE, which the workload identity webhook of Kubernetes sets; check the pod's label azure.workload.identity/use and its service account"
    )]
    NoTokenFile,
    #[error("the file in AZURE_FEDERATED_TOKEN_FILE ({}) cannot be read: {kind}", path.display())]
    TokenFile {
        path: PathBuf,
        /// What kind of failure.
        kind: io::ErrorKind,
    },
    #[error(
        "the file in AZURE_FEDERATED_TOKEN_FILE ({}) does not hold a signed token (JWT)", path.display()
    )]
    TokenFileContent { path: PathBuf },
    #[error(
        "credential github needs {variable}, which GitHub Actions sets only in jobs with `permissions: id-token: write`; add it to the workflow (pull requests from forks never get it)"
    )]
    NoGithub {
        /// The variable that is not set.
        variable: &'static str,
    },
    #[error("credential azure-pipelines needs {variable}; {how}")]
    NoPipelines {
        /// The variable that is not set.
        variable: &'static str,
        how: &'static str,
    },
    #[error(
        "{variable} does not hold an https address; http is allowed only to this machine and its host (loopback and link-local)"
    )]
    Address { variable: &'static str },
    #[error("{variable} holds characters that no request can carry")]
    Value { variable: &'static str },
    #[error(
        "credential managed-identity works on virtual machines, App Service, Functions and Container Apps, not on {place}; use {instead}"
    )]
    ManagedIdentity {
        /// Where this seems to be.
        place: &'static str,
        /// What to use there.
        instead: &'static str,
    },
    #[error(
        "credential azure-cli needs the Azure CLI, and no `az` is on the PATH; install it, then run az login --tenant <tenantId> --allow-no-subscriptions for each tenant"
    )]
    NoAzureCli,
    #[error(
        "credential {credential} needs a person at a terminal, and nobody can be asked here (standard input and standard error have to be a terminal, and CI must not be set)"
    )]
    NoPerson { credential: CredentialKind },
}

impl From<SignInError> for Problem {
    fn from(error: SignInError) -> Self {
        Self::new(ProblemCode::SignInFailed, error.to_string())
    }
}
