//! Assertions that another service signs: Kubernetes, GitHub Actions, Azure Pipelines, and Entra
//! itself for a managed identity. The application registration names whom it trusts, by issuer,
//! subject and audience.
//!
//! One assertion serves all tenants of a run: it says who asks, not about which tenant.
//! <https://learn.microsoft.com/en-us/entra/workload-id/workload-identity-federation>

mod service;

use std::path::PathBuf;

use chrono::Duration;
use reqwest::Method;
use tokio::sync::Mutex;
use url::{Host, Url};
use zeroize::Zeroizing;

use super::super::client::Http;
use super::super::entra::SignInFault;
use super::super::jwt;
use super::super::reply::Retry;
use super::error::SignInError;
use super::{Variables, value};
use applecart_core::fleet::Cloud;
use applecart_core::model::Timestamp;
use service::Service;

/// An assertion is fetched again so long before it expires: sign-ins that wait in a retry must not
/// present one that has expired meanwhile. GitHub's live for five minutes.
const MARGIN: Duration = Duration::seconds(60);

/// The audience that Entra expects of an assertion made for it, in each cloud.
/// <https://learn.microsoft.com/en-us/entra/workload-id/workload-identity-federation-config-app-trust-managed-identity>
pub(super) fn exchange(cloud: Cloud) -> &'static str {
    match cloud {
        Cloud::Public => "api://AzureADTokenExchange",
        Cloud::Usgov | Cloud::Dod => "api://AzureADTokenExchangeUSGov",
        Cloud::China => "api://AzureADTokenExchangeChina",
    }
}

/// Who signs the assertion.
pub(super) enum Issuer {
    /// A file that Kubernetes keeps fresh.
    File(PathBuf),
    /// A token service over HTTP.
    Service(Service),
}

/// An assertion of another service, kept until shortly before it expires.
pub(in crate::intune) struct Federated {
    issuer: Issuer,
    held: Mutex<Option<Held>>,
}

struct Held {
    assertion: Zeroizing<String>,
    until: Timestamp,
}

impl Federated {
    pub(super) fn new(issuer: Issuer) -> Self {
        Self { issuer, held: Mutex::new(None) }
    }

    /// The assertion, from memory or from its issuer. Tenants that ask together wait for one.
    pub(super) async fn assertion(&self, http: &Http) -> Result<Zeroizing<String>, SignInFault> {
        let service = match &self.issuer {
            Issuer::File(path) => return Ok(read(path)?),
            Issuer::Service(service) => service,
        };
        let mut held = self.held.lock().await;
        let now = http.seams.clock.now();
        if let Some(held) = held.as_ref().filter(|held| now < held.until) {
            return Ok(held.assertion.clone());
        }
        let assertion = service.ask(http).await?;
        let expires = jwt::claims(&assertion).and_then(|claims| claims.expires);
        *held = expires
            .map(|expires| Held { assertion: assertion.clone(), until: expires.plus(-MARGIN) });
        Ok(assertion)
    }
}

/// `credential: workload-identity`. The file is read at every sign-in: Kubernetes replaces it.
pub(super) fn workload(variables: &Variables) -> Result<Issuer, SignInError> {
    let path = value(variables, "AZURE_FEDERATED_TOKEN_FILE").ok_or(SignInError::NoTokenFile)?;
    let path = PathBuf::from(path.as_str());
    read(&path)?;
    Ok(Issuer::File(path))
}

fn read(path: &std::path::Path) -> Result<Zeroizing<String>, SignInError> {
    let failed = |error: std::io::Error| SignInError::TokenFile {
        path: path.to_owned(),
        kind: error.kind(),
    };
    let other = || SignInError::TokenFileContent { path: path.to_owned() };
    // One byte more than allowed comes of a larger file, which no token is.
    let text = crate::files::read(path, jwt::MAX_BYTES as u64).map_err(failed)?;
    let text = std::str::from_utf8(&text).map_err(|_| other())?.trim();
    if !jwt::is_token(text) {
        return Err(other());
    }
    Ok(Zeroizing::new(text.to_owned()))
}

/// Asks GitHub Actions for an OIDC token (`credential: github`); the job needs `id-token: write`.
/// <https://docs.github.com/en/actions/reference/security/oidc>
pub(super) fn github(variables: &Variables, exchange: &str) -> Result<Issuer, SignInError> {
    const URL: &str = "ACTIONS_ID_TOKEN_REQUEST_URL";
    const TOKEN: &str = "ACTIONS_ID_TOKEN_REQUEST_TOKEN";
    let missing = |variable| SignInError::NoGithub { variable };
    let url = value(variables, URL).ok_or_else(|| missing(URL))?;
    let token = value(variables, TOKEN).ok_or_else(|| missing(TOKEN))?;
    let (mut url, near) = address(URL, &url)?;
    url.query_pairs_mut().append_pair("audience", exchange);
    Ok(Issuer::Service(Service {
        name: "GitHub's token service",
        method: Method::GET,
        url,
        near,
        headers: vec![("authorization", bearer(TOKEN, &token)?)],
        field: "value",
        hint: "check `permissions: id-token: write` in the workflow",
        passing: &[],
    }))
}

/// Asks Azure Pipelines for an OIDC token of the service connection (`credential:
/// azure-pipelines`).
/// <https://learn.microsoft.com/en-us/rest/api/azure/devops/distributedtask/oidctoken/create>
pub(super) fn pipelines(variables: &Variables) -> Result<Issuer, SignInError> {
    const URL: &str = "SYSTEM_OIDCREQUESTURI";
    const TOKEN: &str = "SYSTEM_ACCESSTOKEN";
    const CONNECTION: &str = "AZURESUBSCRIPTION_SERVICE_CONNECTION_ID";
    const OWN: &str = "APPLECART_SERVICE_CONNECTION_ID";
    let missing = |variable, how| SignInError::NoPipelines { variable, how };
    let url = value(variables, URL).ok_or_else(|| {
        missing(URL, "Azure Pipelines sets it in every job; outside of Azure Pipelines use another credential")
    })?;
    let token = value(variables, TOKEN).ok_or_else(|| {
        missing(TOKEN, "hand it to the step: env: SYSTEM_ACCESSTOKEN: $(System.AccessToken)")
    })?;
    let connection =
        value(variables, OWN).or_else(|| value(variables, CONNECTION)).ok_or_else(|| {
            missing(
                "APPLECART_SERVICE_CONNECTION_ID or AZURESUBSCRIPTION_SERVICE_CONNECTION_ID",
                "the tasks AzureCLI@2 and AzurePowerShell@5 set the latter; elsewhere set the former to the id of the service connection (its page's resourceId)",
            )
        })?;
    let (mut url, near) = address(URL, &url)?;
    url.query_pairs_mut()
        .append_pair("api-version", "7.1")
        .append_pair("serviceConnectionId", &connection);
    Ok(Issuer::Service(Service {
        name: "Azure Pipelines' token service",
        method: Method::POST,
        url,
        near,
        headers: vec![
            ("authorization", bearer(TOKEN, &token)?),
            ("content-length", Zeroizing::new("0".to_owned())),
            // Otherwise a refusal is a redirect to a page for people.
            ("x-tfs-fedauthredirect", Zeroizing::new("Suppress".to_owned())),
        ],
        field: "oidcToken",
        hint: "check the service connection's id and that this pipeline may use it",
        passing: &[],
    }))
}

/// `credential: managed-identity`: a token of the machine's identity, made for Entra itself, is
/// the assertion of the application. So the identity is in the application's own tenant, and the
/// application in all of the customers'.
pub(super) fn managed_identity(
    variables: &Variables,
    exchange: &str,
) -> Result<Issuer, SignInError> {
    const ENDPOINT: &str = "IDENTITY_ENDPOINT";
    const HEADER: &str = "IDENTITY_HEADER";
    let set = |name| value(variables, name);
    let elsewhere = |place, instead| Err(SignInError::ManagedIdentity { place, instead });
    let app_service = match (set(ENDPOINT), set(HEADER)) {
        (Some(_), Some(_)) if set("IDENTITY_SERVER_THUMBPRINT").is_some() => {
            return elsewhere("Service Fabric", "client-certificate");
        }
        (Some(_), None) if set("IMDS_ENDPOINT").is_some() => {
            return elsewhere("Azure Arc", "client-certificate");
        }
        (None, _) if set("MSI_ENDPOINT").is_some() => {
            return elsewhere("Cloud Shell and Azure Machine Learning", "azure-cli");
        }
        (Some(endpoint), Some(header)) => Some((endpoint, header)),
        _ => None,
    };
    let (mut url, version, header) = match app_service {
        // App Service and Functions name the address and a secret header in variables:
        // https://learn.microsoft.com/en-us/azure/app-service/overview-managed-identity
        Some((endpoint, header)) => {
            (address(ENDPOINT, &endpoint)?.0, "2019-08-01", Some(sendable(HEADER, &header)?))
        }
        // A virtual machine asks the metadata service (IMDS) at its fixed address:
        // https://learn.microsoft.com/en-us/entra/identity/managed-identities-azure-resources/how-to-use-vm-token
        None => (address("IMDS", IMDS)?.0, "2018-02-01", None),
    };
    url.query_pairs_mut().append_pair("api-version", version).append_pair("resource", exchange);
    if let Some(id) = set(IDENTITY) {
        url.query_pairs_mut().append_pair("client_id", &id);
    }
    let mut headers = vec![("metadata", Zeroizing::new("true".to_owned()))];
    headers.extend(header.map(|header| ("x-identity-header", header)));
    Ok(Issuer::Service(Service {
        name: "the managed identity's endpoint",
        method: Method::GET,
        near: url.scheme() == "http",
        url,
        headers,
        field: "access_token",
        hint: "check that the machine has a managed identity, and APPLECART_MANAGED_IDENTITY_CLIENT_ID where it has several or a user-assigned one",
        // While the metadata service updates itself.
        passing: &[404, 410],
    }))
}

/// Azure's instance metadata service, the same on every virtual machine.
const IMDS: &str = "http://169.254.169.254/metadata/identity/oauth2/token";

/// Which of a machine's identities. Not AZURE_CLIENT_ID: many tools read that as the application
/// to sign in as, which is clientId in applecart.yaml here, and another id.
const IDENTITY: &str = "APPLECART_MANAGED_IDENTITY_CLIENT_ID";

/// An address to which a credential goes: https, or clear text that leaves this machine no
/// further than to its host. Says whether it is the latter.
fn address(variable: &'static str, text: &str) -> Result<(Url, bool), SignInError> {
    let wrong = || SignInError::Address { variable };
    let url = Url::parse(text.trim()).map_err(|_| wrong())?;
    let near = match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback() || address.is_link_local(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => return Err(wrong()),
    };
    let bare = url.username().is_empty() && url.password().is_none() && url.fragment().is_none();
    match url.scheme() {
        "https" if bare => Ok((url, false)),
        "http" if bare && near => Ok((url, true)),
        _ => Err(wrong()),
    }
}

fn bearer(variable: &'static str, token: &str) -> Result<Zeroizing<String>, SignInError> {
    sendable(variable, &Zeroizing::new(format!("Bearer {token}")))
}

fn sendable(variable: &'static str, text: &str) -> Result<Zeroizing<String>, SignInError> {
    reqwest::header::HeaderValue::from_str(text).map_err(|_| SignInError::Value { variable })?;
    Ok(Zeroizing::new(text.to_owned()))
}

impl From<SignInError> for SignInFault {
    fn from(error: SignInError) -> Self {
        Self { problem: error.into(), retry: Retry::No, number: None }
    }
}

#[cfg(test)]
mod tests;
