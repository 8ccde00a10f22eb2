//! `credential: azure-cli`: the person who is signed in with `az`, at a terminal.
//!
//! `az` keeps the accounts; one token is asked for per tenant and run. It may only be handed one
//! for that tenant: the token's own `tid` is compared.

use std::ffi::OsStr;
use std::io;
use std::process::{Command, Output};
use std::sync::Arc;

use azure_core::credentials::{AccessToken, TokenCredential, TokenRequestOptions};
use azure_core::time::{Duration, OffsetDateTime};
use azure_identity::{AzureCliCredential, AzureCliCredentialOptions, Executor};
use tokio::sync::Mutex;

use super::super::entra::{self, SignInFault};
use super::super::jwt;
use super::super::scrub::Scrubber;
use super::error::SignInError;
use super::{Exchange, Variables, value};
use crate::variables::keep_secrets;
use applecart_core::fleet::Cloud;
use applecart_core::model::TenantId;

/// `az` of one run.
pub(in crate::intune) struct Cli {
    /// `az` locks its cache of accounts; many at once only wait for each other.
    turn: Mutex<()>,
    /// What starts it.
    pub(super) executor: Arc<dyn Executor>,
}

/// Starts `az` as the library would, without the secrets of this program: it loads extensions out of the
/// user's folder.
#[derive(Debug)]
struct WithoutSecrets;

#[async_trait::async_trait]
impl Executor for WithoutSecrets {
    #[expect(clippy::disallowed_methods, reason = "the one place that starts the user's az")]
    async fn run(&self, program: &OsStr, arguments: &[&OsStr]) -> io::Result<Output> {
        let mut command = Command::new(program);
        command.args(arguments);
        keep_secrets(&mut command);
        tokio::process::Command::from(command).output().await
    }
}

impl Cli {
    /// Says whether there is an `az`.
    pub(super) fn find(variables: &Variables) -> Result<Self, SignInError> {
        let names: &[&str] = if cfg!(windows) { &["az.cmd", "az.exe", "az.bat"] } else { &["az"] };
        let path = value(variables, "PATH").ok_or(SignInError::NoAzureCli)?;
        let found = std::env::split_paths(path.as_str())
            .any(|folder| names.iter().any(|name| folder.join(name).is_file()));
        if !found {
            return Err(SignInError::NoAzureCli);
        }
        Ok(Self { turn: Mutex::new(()), executor: Arc::new(WithoutSecrets) })
    }
}

/// The sign-in of one tenant.
#[derive(Debug)]
pub(super) struct CliCredential {
    exchange: Arc<Exchange>,
    inner: Arc<AzureCliCredential>,
    held: Mutex<Option<AccessToken>>,
}

impl CliCredential {
    pub(super) fn new(exchange: &Arc<Exchange>, cli: &Cli) -> azure_core::Result<Arc<Self>> {
        let inner = AzureCliCredential::new(Some(AzureCliCredentialOptions {
            tenant_id: Some(exchange.tenant().to_string()),
            executor: Some(Arc::clone(&cli.executor)),
            ..AzureCliCredentialOptions::default()
        }))?;
        Ok(Arc::new(Self { exchange: Arc::clone(exchange), inner, held: Mutex::new(None) }))
    }
}

#[async_trait::async_trait]
impl TokenCredential for CliCredential {
    async fn get_token(
        &self,
        scopes: &[&str],
        options: Option<TokenRequestOptions<'_>>,
    ) -> azure_core::Result<AccessToken> {
        let mut held = self.held.lock().await;
        let soon = OffsetDateTime::now_utc() + Duration::minutes(5);
        if let Some(token) = held.as_ref().filter(|token| token.expires_on > soon) {
            return Ok(token.clone());
        }
        let asked = {
            let _turn = match self.exchange.cli() {
                Some(cli) => Some(cli.turn.lock().await),
                None => None,
            };
            self.inner.get_token(scopes, options).await
        };
        let (tenant, cloud) = (self.exchange.tenant(), self.exchange.cloud());
        let fault = match asked {
            Ok(token) => match check(token.token.secret(), tenant, cloud) {
                Ok(()) => {
                    *held = Some(token.clone());
                    return Ok(token);
                }
                Err(fault) => fault,
            },
            Err(error) => refused(&error.to_string(), tenant, cloud),
        };
        Err(self.exchange.leave(fault))
    }
}

fn failed(what: &str, tenant: TenantId, cloud: Cloud) -> SignInFault {
    let cloud = match cloud {
        Cloud::Public => "AzureCloud",
        Cloud::Usgov | Cloud::Dod => "AzureUSGovernment",
        Cloud::China => "AzureChinaCloud",
    };
    let detail = format!(
        "{what}; sign in with: az cloud set --name {cloud} && az login --tenant {tenant} --allow-no-subscriptions"
    );
    SignInFault::of_sign_in(detail)
}

/// Whether a token may go into a header, and is for this tenant.
fn check(token: &str, tenant: TenantId, cloud: Cloud) -> Result<(), SignInFault> {
    if token.is_empty() || !token.bytes().all(|c| c.is_ascii_graphic()) {
        return Err(failed("the Azure CLI printed no usable token", tenant, cloud));
    }
    if jwt::is_for_another(token, tenant) {
        return Err(failed("the Azure CLI's token is for another tenant", tenant, cloud));
    }
    Ok(())
}

/// What the library made of `az`'s exit: its standard error, between two sentences of its own.
fn refused(text: &str, tenant: TenantId, cloud: Cloud) -> SignInFault {
    let text = text.strip_prefix("AzureCliCredential authentication failed. ").unwrap_or(text);
    let text = text.split("To troubleshoot, visit").next().unwrap_or_default().trim();
    if text.contains("not found on PATH") {
        return SignInError::NoAzureCli.into();
    }
    let lower = text.to_lowercase();
    let what = if entra::aadsts(text).is_none() && lower.contains("az login") {
        "the Azure CLI is not signed in to this tenant".to_owned()
    } else {
        let said = Scrubber::default().sentence(text);
        let said = said.unwrap_or_else(|| "no reason was given".to_owned());
        format!("the Azure CLI has no token: {said}")
    };
    failed(&what, tenant, cloud)
}

#[cfg(test)]
mod tests;
