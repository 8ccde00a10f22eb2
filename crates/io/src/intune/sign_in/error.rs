//! Why a sign-in cannot even be tried. Nothing here repeats a secret.

use std::io;
use std::path::PathBuf;

use super::certificate::CertificateError;
use applecart_core::model::{Problem, ProblemCode};

/// Why a sign-in cannot even be tried.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignInError {
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
    /// There is no certificate for the application.
    #[error(
        "there is no certificate for application {client_id}; set AZURE_CLIENT_CERTIFICATE_PATH to a PEM or PKCS#12 file that holds the certificate and its private key"
    )]
    NoCertificate {
        /// The application's id.
        client_id: String,
    },
    /// The certificate cannot be used.
    #[error("the certificate in {} cannot be used: {error}", path.display())]
    Certificate {
        /// The file.
        path: PathBuf,
        /// Why not.
        error: CertificateError,
    },
    /// `credential: workload-identity`, and no token file.
    #[error(
        "credential workload-identity needs AZURE_FEDERATED_TOKEN_FILE, which the workload identity webhook of Kubernetes sets; check the pod's label azure.workload.identity/use and its service account"
    )]
    NoTokenFile,
    /// The token file cannot be read.
    #[error("the file in AZURE_FEDERATED_TOKEN_FILE ({}) cannot be read: {kind}", path.display())]
    TokenFile {
        /// The file.
        path: PathBuf,
        /// What kind of failure.
        kind: io::ErrorKind,
    },
    /// The token file holds something else.
    #[error(
        "the file in AZURE_FEDERATED_TOKEN_FILE ({}) does not hold a signed token (JWT)", path.display()
    )]
    TokenFileContent {
        /// The file.
        path: PathBuf,
    },
    /// `credential: github`, and not in a job that may ask for a token.
    #[error(
        "credential github needs {variable}, which GitHub Actions sets only in jobs with `permissions: id-token: write`; add it to the workflow (pull requests from forks never get it)"
    )]
    NoGithub {
        /// The variable that is not set.
        variable: &'static str,
    },
    /// `credential: azure-pipelines`, and a variable is missing.
    #[error("credential azure-pipelines needs {variable}; {how}")]
    NoPipelines {
        /// The variable that is not set.
        variable: &'static str,
        /// Who sets it.
        how: &'static str,
    },
    /// An address of a token service is not https.
    #[error(
        "{variable} does not hold an https address; http is allowed only to this machine and its host (loopback and link-local)"
    )]
    Address {
        /// The variable.
        variable: &'static str,
    },
    /// A value that goes into a request cannot.
    #[error("{variable} holds characters that no request can carry")]
    Value {
        /// The variable.
        variable: &'static str,
    },
    /// A managed identity in a place whose protocol is not spoken here.
    #[error(
        "credential managed-identity works on virtual machines, App Service, Functions and Container Apps, not on {place}; use {instead}"
    )]
    ManagedIdentity {
        /// Where this seems to be.
        place: &'static str,
        /// What to use there.
        instead: &'static str,
    },
    /// There is no Azure CLI.
    #[error(
        "credential azure-cli needs the Azure CLI, and no `az` is on the PATH; install it, then run az login --tenant <tenantId> --allow-no-subscriptions for each tenant"
    )]
    NoAzureCli,
}

impl From<SignInError> for Problem {
    fn from(error: SignInError) -> Self {
        Self::new(ProblemCode::SignInFailed, error.to_string())
    }
}
