//! `az` as it was recorded, run by an executor that starts nothing.

use std::ffi::OsStr;
use std::process::{ExitStatus, Output};
use std::sync::Mutex as StdMutex;

use serde_json::json;

use super::super::super::client::Http;
use super::super::super::endpoints::Overrides;
use super::super::super::retry::{Budget, RetryPolicy};
use super::super::super::transport::Network;
use super::super::testing::{auth_with, now, token_of, variables};
use super::super::{Proof, SignIn};
use super::*;
use crate::seams::Seams;
use applecart_core::fleet::CredentialKind;

const TENANT: &str = "6d1f0c5e-8a34-4b7a-9a51-0d6c2f6f1b11";

#[derive(Debug)]
struct Az {
    code: i32,
    stdout: String,
    stderr: &'static str,
    asked: StdMutex<Vec<String>>,
}

#[async_trait::async_trait]
impl Executor for Az {
    async fn run(&self, _: &OsStr, arguments: &[&OsStr]) -> std::io::Result<Output> {
        let command = arguments.last().unwrap().to_string_lossy().into_owned();
        self.asked.lock().unwrap().push(command);
        #[cfg(unix)]
        let status: ExitStatus = std::os::unix::process::ExitStatusExt::from_raw(self.code << 8);
        #[cfg(windows)]
        let status: ExitStatus =
            std::os::windows::process::ExitStatusExt::from_raw(self.code.unsigned_abs());
        let stderr = self.stderr.as_bytes().to_vec();
        Ok(Output { status, stdout: self.stdout.as_bytes().to_vec(), stderr })
    }
}

fn printed(token: &str) -> String {
    // As `az account get-access-token` prints it since 2.54.
    json!({
        "accessToken": token,
        "expiresOn": "2026-11-22 12:00:00.000000",
        "expires_on": now().date_time().timestamp() + 3600,
        "subscription": "00000000-0000-0000-0000-000000000000",
        "tenant": TENANT,
        "tokenType": "Bearer",
    })
    .to_string()
}

/// Nothing is sent here.
fn http() -> Arc<Http> {
    let seams = Seams::default();
    let short = std::time::Duration::from_secs(1);
    let network = Network::new(short, Arc::clone(&seams.clock)).unwrap();
    Arc::new(Http::new(Arc::new(network), seams, short))
}

fn budget() -> Budget {
    let run = std::time::Duration::from_secs(600);
    Budget::start(RetryPolicy::default(), run, None, Seams::default())
}

fn sign_in(code: i32, stdout: String, stderr: &'static str) -> (SignIn, Arc<Az>) {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let az = Arc::new(Az { code, stdout, stderr, asked: StdMutex::default() });
    let cli = Cli { turn: Mutex::new(()), executor: Arc::clone(&az) as _ };
    let sign_in = SignIn::new(
        TENANT.parse().unwrap(),
        &auth_with(CredentialKind::AzureCli),
        Proof::AzureCli(Arc::new(cli)),
        &Overrides::default().endpoint(Cloud::Public),
        http(),
    );
    (sign_in.unwrap(), az)
}

async fn refusal(code: i32, stdout: String, stderr: &'static str) -> String {
    let (sign_in, _) = sign_in(code, stdout, stderr);
    let problem = sign_in.bearer(&budget()).await.err().unwrap();
    assert_eq!(problem.code, applecart_core::model::ProblemCode::SignInFailed);
    problem.detail.unwrap()
}

#[tokio::test]
async fn az_is_asked_once_for_the_tenants_own_token() {
    let token = token_of(&json!({ "tid": TENANT, "aud": "https://graph.microsoft.com" }));
    let (sign_in, az) = sign_in(0, printed(&token), "");
    let budget = budget();
    let first = sign_in.bearer(&budget).await.ok().unwrap();
    assert_eq!(first.expose(), token);
    assert!(sign_in.bearer(&budget).await.ok().unwrap() == first);
    let command = |asked: &[String]| asked[0].split_once("&& ").unwrap().1.to_owned();
    assert_eq!(
        command(&az.asked.lock().unwrap()),
        format!(
            "az account get-access-token -o json --scope https://graph.microsoft.com/.default --tenant {TENANT}"
        )
    );
    assert_eq!(az.asked.lock().unwrap().len(), 1);

    sign_in.forget(&first).await;
    assert!(sign_in.bearer(&budget).await.is_ok());
    assert_eq!(az.asked.lock().unwrap().len(), 2, "what Graph refused is not used again");
}

#[tokio::test]
async fn a_token_for_another_tenant_is_not_used() {
    let token = token_of(&json!({ "tid": "00000000-0000-4000-8000-000000000001" }));
    let detail = refusal(0, printed(&token), "").await;
    assert!(detail.starts_with("the Azure CLI's token is for another tenant; "), "{detail}");
    assert!(!detail.contains(&token));
    let detail = refusal(0, printed("a b"), "").await;
    assert!(detail.starts_with("the Azure CLI printed no usable token; "), "{detail}");
}

#[tokio::test]
async fn what_az_says_comes_with_the_line_that_helps() {
    let line = format!(
        "; sign in with: az cloud set --name AzureCloud && az login --tenant {TENANT} --allow-no-subscriptions"
    );
    for (code, stderr, says) in [
        (1, "ERROR: Please run 'az login' to setup account.\n", "is not signed in to this tenant"),
        (
            1,
            "ERROR: AADSTS50076: Due to a configuration change made by your administrator, you must use multi-factor authentication. Trace ID: 1\nInteractive authentication is needed. Please run:\naz logout\naz login --tenant x\n",
            "the Azure CLI has no token: ERROR: AADSTS50076: Due to a configuration change",
        ),
        (2, "", "no reason was given"),
    ] {
        let detail = refusal(code, String::new(), stderr).await;
        assert!(detail.starts_with(says) || detail.contains(says), "{detail}");
        assert!(detail.ends_with(&line), "{detail}");
    }
    let detail = refusal(127, String::new(), "/bin/sh: 1: az: not found").await;
    assert!(detail.contains("no `az` is on the PATH"), "{detail}");
}

#[test]
fn az_is_looked_for_on_the_path() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().display().to_string();
    let set = variables(&[("PATH", path.as_str())]);
    assert_eq!(Cli::find(&set).err(), Some(SignInError::NoAzureCli));
    let name = if cfg!(windows) { "az.cmd" } else { "az" };
    #[expect(clippy::disallowed_methods, reason = "a file for the test")]
    std::fs::write(folder.path().join(name), "").unwrap();
    assert!(Cli::find(&set).is_ok());
}
