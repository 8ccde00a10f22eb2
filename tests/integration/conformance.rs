//! Everything that is said between the client and Graph must be in Microsoft's own metadata: every
//! request (method, path, body), and every answer that the simulator gives in Graph's place.
//!
//! A proxy stands between the two and writes down what passes.

mod metadata;

use std::sync::{Arc, Mutex};

use applecart_core::fleet::{Auth, Cloud, CredentialKind};
use applecart_core::model::{Kind, Reading, TenantId};
use applecart_io::intune::{
    ClientSecret, Connector, ConnectorOptions, Consented, KeyRequest, Overrides, ReadRequest,
    Synced, TokenText, VppChange, VppCreation,
};
use applecart_simulator::WRITER_CLIENT_ID;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::Response;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use metadata::{Metadata, Said};
use serde_json::Value;

use crate::world::{World, tenant_id};

/// What stands between the client and the simulator.
struct Proxy {
    /// The simulator.
    upstream: String,
    own: String,
    client: reqwest::Client,
    said: Mutex<Vec<Said>>,
}

impl Proxy {
    async fn start(upstream: String) -> Arc<Self> {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let own = format!("http://{}", listener.local_addr().unwrap());
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let proxy = Arc::new(Self { upstream, own, client, said: Mutex::default() });
        let router = axum::Router::new().fallback(pass).with_state(Arc::clone(&proxy));
        tokio::spawn(async { axum::serve(listener, router).await });
        proxy
    }

    fn connector(&self, secret: &str) -> Connector {
        let secret = secret.to_owned();
        let secret = Box::new(move |_: &Auth| ClientSecret::new(secret.clone()));
        let mut options = ConnectorOptions::new(secret);
        options.overrides = Overrides::parse(Some(&self.own), Some(&self.own)).unwrap();
        Connector::new(options).unwrap()
    }
}

async fn pass(State(proxy): State<Arc<Proxy>>, request: Request) -> Response<Body> {
    let (head, body) = request.into_parts();
    let body = to_bytes(body, usize::MAX).await.unwrap();
    let url = format!("{}{}", proxy.upstream, head.uri);
    let answer = proxy
        .client
        .request(head.method.clone(), url)
        .headers(head.headers)
        .body(body.clone())
        .send()
        .await
        .unwrap();
    let mut response = Response::builder().status(answer.status());
    let status = answer.status().as_u16();
    for (name, value) in answer.headers().iter().filter(|(name, _)| *name != "content-length") {
        response = response.header(name, value);
    }
    // Next links lead back here.
    let text = answer.text().await.unwrap().replace(&proxy.upstream, &proxy.own);
    let json = |bytes: &Bytes| serde_json::from_slice::<Value>(bytes).ok();
    let text = Bytes::from(text);
    if !head.uri.path().ends_with("/oauth2/v2.0/token") {
        proxy.said.lock().unwrap().push(Said {
            method: head.method.to_string(),
            path: head.uri.path().to_owned(),
            sent: json(&body),
            status,
            answered: json(&text),
        });
    }
    response.body(Body::from(text)).unwrap()
}

fn auth() -> Auth {
    Auth {
        client_id: WRITER_CLIENT_ID.to_owned(),
        reader_client_id: None,
        credential: CredentialKind::ClientSecret,
        cloud: Cloud::Public,
    }
}

fn request(tenant_id: TenantId, kinds: &[Kind]) -> ReadRequest {
    ReadRequest {
        tenant_id,
        auth: auth(),
        watch: kinds.iter().copied().collect(),
        consent_if_push_absent: true,
    }
}

#[track_caller]
fn known<T>(reading: &Reading<T>) -> &T {
    reading.present().unwrap_or_else(|| panic!("{:?}", reading.problem()))
}

/// Calls everything that the client can call, in one tenant.
async fn call_everything(world: &World, connector: &Connector) {
    let id = tenant_id("contoso");
    world.live_of_all_kinds("contoso");
    world.change("contoso", |tenant| {
        tenant.vpp_tokens.push(world.live_vpp("vpp-paris", "Paris", 20));
        tenant.switches.page_size = Some(1);
    });

    // The batch, pages, and the single reads.
    let live = connector.read(&request(id, &Kind::ALL)).await;
    known(&live.push);
    assert_eq!(known(&live.vpp).len(), 2, "both pages");
    for kind in Kind::ALL {
        connector.read(&request(id, &[kind])).await;
    }
    known(&connector.read_one_enrollment(id, &auth(), "dep-contoso").await);
    known(&connector.read_one_vpp(id, &auth(), "vpp-contoso").await);
    let key = KeyRequest { tenant_id: id, auth: auth(), id: "dep-contoso".to_owned() };
    known(&connector.encryption_key(&key).await);

    // A tenant without a certificate: the consent.
    world.live("fabrikam", None);
    let fabrikam = tenant_id("fabrikam");
    let none = connector.read(&request(fabrikam, &[Kind::Push])).await;
    assert_eq!(none.push, Reading::Absent);
    known(&none.consent);
    let writer = connector.writer(fabrikam, &auth()).unwrap();
    assert_eq!(writer.consent().await.unwrap(), Consented::Granted);
    let first = world.issue(None, 364);
    writer.upload_push("mdm@fabrikam.example", &first.pem).await.unwrap();

    // The writes.
    let writer = connector.writer(id, &auth()).unwrap();
    let file = STANDARD.encode(world.enrollment_file("contoso"));
    writer.upload_enrollment("dep-contoso", "abm@contoso.example", &file).await.unwrap();
    let tags = Some(vec!["0".to_owned(), "7".to_owned()]);
    writer.configure_enrollment("dep-contoso", tags.as_deref().unwrap()).await.unwrap();
    assert_eq!(writer.sync_enrollment("dep-contoso").await.unwrap(), Synced::Started);

    let renewed = world.vpp_file("London", 364);
    let change = VppChange {
        token: Some(TokenText(&renewed.text)),
        apple_id: Some("vpp@contoso.example"),
        claim: Some(true),
        display_name: Some("London renewed"),
        country_or_region: Some("gb"),
        automatically_update_apps: Some(true),
        role_scope_tag_ids: tags.as_deref(),
    };
    writer.update_vpp("vpp-contoso", &change).await.unwrap();
    let new = world.vpp_file("Berlin", 364);
    let creation = VppCreation {
        display_name: "Berlin",
        apple_id: "vpp@contoso.example",
        token: TokenText(&new.text),
        account_type: Some("business"),
        country_or_region: Some("de"),
        automatically_update_apps: true,
        claim: false,
        role_scope_tag_ids: tags.as_deref(),
    };
    let created = writer.create_vpp(&creation).await.unwrap();
    assert_eq!(writer.sync_vpp(&created.id).await.unwrap(), Synced::Started);
}

#[test]
fn every_request_and_every_answer_is_in_microsofts_metadata() {
    let Some(metadata) = Metadata::find() else { return };
    let world = World::new();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let said = runtime.block_on(async {
        let proxy = Proxy::start(world.url.clone()).await;
        call_everything(&world, &proxy.connector(&world.secret)).await;
        std::mem::take(&mut *proxy.said.lock().unwrap())
    });

    let mut wrong = Vec::new();
    let mut calls: Vec<String> = Vec::new();
    for said in said.iter().flat_map(Said::with_parts) {
        let complaints = metadata.complaints(&said);
        wrong
            .extend(complaints.iter().map(|text| format!("{} {}: {text}", said.method, said.path)));
        calls.push(said.template());
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));

    // Every call was made, so that none of them escapes the check.
    calls.sort();
    calls.dedup();
    assert_eq!(
        calls,
        [
            "GET /deviceAppManagement/vppTokens",
            "GET /deviceAppManagement/vppTokens/{vppToken-id}",
            "GET /deviceManagement/applePushNotificationCertificate",
            "GET /deviceManagement/dataSharingConsents/{dataSharingConsent-id}",
            "GET /deviceManagement/depOnboardingSettings",
            "GET /deviceManagement/depOnboardingSettings/{depOnboardingSetting-id}",
            "GET /deviceManagement/depOnboardingSettings/{depOnboardingSetting-id}/getEncryptionPublicKey()",
            "PATCH /deviceAppManagement/vppTokens/{vppToken-id}",
            "PATCH /deviceManagement/applePushNotificationCertificate",
            "PATCH /deviceManagement/depOnboardingSettings/{depOnboardingSetting-id}",
            "POST /deviceAppManagement/vppTokens",
            "POST /deviceAppManagement/vppTokens/{vppToken-id}/syncLicenses",
            "POST /deviceManagement/dataSharingConsents/{dataSharingConsent-id}/consentToDataSharing",
            "POST /deviceManagement/depOnboardingSettings/{depOnboardingSetting-id}/syncWithAppleDeviceEnrollmentProgram",
            "POST /deviceManagement/depOnboardingSettings/{depOnboardingSetting-id}/uploadDepToken",
        ]
    );
}
