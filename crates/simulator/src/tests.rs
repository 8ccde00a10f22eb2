//! The simulator over real HTTP, one behaviour a test.
#![expect(clippy::disallowed_types, reason = "tests talk HTTP")]

mod apple;
mod approval;
mod batch;
mod conformance;
mod enrollment;
mod faults;
mod graph;
mod interop;
mod login;
mod push;
mod state;
mod vpp;

use std::path::Path;
use std::time::Duration;

use axum::http::Method;
use chrono::{DateTime, Utc};
use reqwest::Client;
use serde_json::Value;

use super::*;
use crate::words::TenantId;

pub(super) const PUSH: &str = "/beta/deviceManagement/applePushNotificationCertificate";
pub(super) const CSR: &str = "/beta/deviceManagement/applePushNotificationCertificate/downloadApplePushNotificationCertificateSigningRequest";
pub(super) const DEP: &str = "/beta/deviceManagement/depOnboardingSettings";
pub(super) const VPP: &str = "/beta/deviceAppManagement/vppTokens";

/// An answer, read whole.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: reqwest::header::HeaderMap,
    pub(super) text: String,
}

impl Answer {
    pub(super) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }

    pub(super) fn code(&self) -> String {
        self.json()["error"]["code"].as_str().unwrap_or_default().to_owned()
    }
}

/// A running simulator with one tenant, and a client.
pub(super) struct World {
    pub(super) running: Running,
    pub(super) client: Client,
    pub(super) id: TenantId,
}

pub(super) fn now() -> DateTime<Utc> {
    "2027-01-10T12:00:00Z".parse().unwrap()
}

pub(super) fn tenant_id(number: u8) -> TenantId {
    format!("6d1f0c5e-8a34-4b7a-9a51-0000000000{number:02x}").parse().unwrap()
}

pub(super) fn live_push() -> Push {
    Push {
        apple_identifier: "mdm@contoso.example".to_owned(),
        topic_identifier: "com.apple.mgmt.External.11111111-2222-4333-8444-555555555555".to_owned(),
        certificate_serial_number: "0B70AABBCCDDEEFF".to_owned(),
        expiration_date_time: now() + chrono::Duration::days(20),
        certificate_upload_failure_reason: None,
    }
}

/// A tenant with one token of each kind.
pub(super) fn full_tenant() -> Tenant {
    let soon = now() + chrono::Duration::days(20);
    let mut tenant = Tenant::new(tenant_id(1));
    tenant.apple_push_notification_certificate = Some(live_push());
    tenant.dep_onboarding_settings =
        vec![Enrollment { id: "dep-1".to_owned(), ..Enrollment::new("Contoso ABM", soon) }];
    tenant.vpp_tokens = vec![Vpp { id: "vpp-1".to_owned(), ..Vpp::new("London", "Contoso", soon) }];
    let customer: TenantId = "6d1f0c5e-8a34-4b7a-9a51-0d6c2f6f1b11".parse().unwrap();
    let fabrikam = Customer::new(customer, "Fabrikam", "fabrikam.onmicrosoft.com");
    tenant.customers = vec![Customer { id: "contract-1".to_owned(), ..fabrikam }];
    for app in &mut tenant.apps {
        app.roles.push("Directory.Read.All".to_owned());
    }
    tenant
}

pub(super) fn client() -> Client {
    // Another test may have been first.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Client::builder()
        .no_proxy()
        .timeout(Duration::from_secs(20))
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .unwrap()
}

impl World {
    pub(super) async fn new(tenant: Tenant) -> Self {
        Self::kept(tenant, None).await
    }

    pub(super) async fn kept(tenant: Tenant, folder: Option<&Path>) -> Self {
        let state = folder.map(Path::to_owned);
        let options = Options { now: Some(now()), state, ..Options::default() };
        let running = Simulator::start(options).await.unwrap();
        let id = tenant.tenant_id;
        running.state().add_tenant(tenant).unwrap();
        Self { running, client: client(), id }
    }

    pub(super) fn state(&self) -> &State {
        self.running.state()
    }

    pub(super) fn tenant(&self) -> Tenant {
        self.state().tenant(self.id).unwrap()
    }

    pub(super) async fn sign_in(&self, fields: &[(&str, &str)]) -> Answer {
        let url = format!("{}/{}/oauth2/v2.0/token", self.running.url(), self.id);
        read(self.client.post(url).form(fields).send().await.unwrap()).await
    }

    pub(super) async fn token(&self, client_id: &str, secret: &str) -> String {
        let answer = self
            .sign_in(&[
                ("client_id", client_id),
                ("client_secret", secret),
                ("scope", "https://graph.microsoft.com/.default"),
                ("grant_type", "client_credentials"),
            ])
            .await;
        answer.json()["access_token"].as_str().unwrap_or_else(|| panic!("{answer:?}")).to_owned()
    }

    pub(super) async fn writer(&self) -> String {
        self.token(WRITER_CLIENT_ID, WRITER_SECRET).await
    }

    pub(super) async fn reader(&self) -> String {
        self.token(READER_CLIENT_ID, READER_SECRET).await
    }

    pub(super) async fn try_call(
        &self,
        method: Method,
        path: &str,
        token: &str,
        body: Option<&Value>,
    ) -> Result<Answer, reqwest::Error> {
        let url = format!("{}{path}", self.running.url());
        let mut request = self.client.request(method, url).bearer_auth(token);
        if let Some(body) = body {
            request = request.json(body);
        }
        let response = request.send().await?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        Ok(Answer { status, headers, text: response.text().await? })
    }

    pub(super) async fn call(
        &self,
        method: Method,
        path: &str,
        token: &str,
        body: Option<&Value>,
    ) -> Answer {
        self.try_call(method, path, token, body).await.unwrap()
    }

    /// GET with the writer's permissions.
    pub(super) async fn get(&self, path: &str) -> Answer {
        self.call(Method::GET, path, &self.writer().await, None).await
    }

    pub(super) async fn patch(&self, path: &str, body: &Value) -> Answer {
        self.call(Method::PATCH, path, &self.writer().await, Some(body)).await
    }

    pub(super) async fn post(&self, path: &str, body: Option<&Value>) -> Answer {
        self.call(Method::POST, path, &self.writer().await, body).await
    }
}

pub(super) async fn read(response: reqwest::Response) -> Answer {
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    Answer { status, headers, text: response.text().await.unwrap() }
}
