//! What the tests of this room share: a Graph and an Entra on loopback, and markers for every
//! secret that passes through.
#![expect(clippy::disallowed_types, reason = "a server for tests")]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use wiremock::matchers::{method, path};
use wiremock::{Mock, MockServer, Request, Respond, ResponseTemplate};

use super::{ClientSecret, Connector, ConnectorOptions, Overrides, ReadRequest, RetryPolicy};
use applecart_core::fleet::{Auth, Cloud, CredentialKind};
use applecart_core::model::Kind;

pub(super) const TENANT: &str = "6d1f0c5e-8a34-4b7a-9a51-0d6c2f6f1b11";
pub(super) const SECRET: &str = "MARKER~SECRET";
pub(super) const BEARER: &str = "MARKER.BEARER";
pub(super) const PUSH: &str = "/beta/deviceManagement/applePushNotificationCertificate";
pub(super) const DEP: &str = "/beta/deviceManagement/depOnboardingSettings";
pub(super) const VPP: &str = "/beta/deviceAppManagement/vppTokens";
pub(super) const BATCH: &str = "/beta/$batch";
pub(super) const CONSENT: &str =
    "/beta/deviceManagement/dataSharingConsents/appleMDMPushCertificate";

pub(super) fn auth() -> Auth {
    Auth {
        client_id: "2f6b1111-2222-3333-4444-555566667777".to_owned(),
        reader_client_id: None,
        credential: CredentialKind::ClientSecret,
        cloud: Cloud::Public,
    }
}

/// A connector to `base` that waits next to nothing.
pub(super) fn connector(base: &str) -> Connector {
    connector_with(base, |_| ())
}

pub(super) fn connector_with(base: &str, change: impl FnOnce(&mut ConnectorOptions)) -> Connector {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let secret = Box::new(|_: &Auth| ClientSecret::new(format!("{SECRET}\n")));
    let mut options = ConnectorOptions::new(secret);
    options.overrides = Overrides::parse(Some(base), Some(base)).unwrap();
    options.retry = RetryPolicy {
        base: Duration::from_millis(1),
        max: Duration::from_millis(5),
        ..RetryPolicy::default()
    };
    change(&mut options);
    Connector::new(options).unwrap()
}

pub(super) fn request(kinds: &[Kind]) -> ReadRequest {
    ReadRequest {
        tenant_id: TENANT.parse().unwrap(),
        auth: auth(),
        watch: kinds.iter().copied().collect(),
        consent_if_push_absent: false,
    }
}

pub(super) fn token_path() -> String {
    format!("/{TENANT}/oauth2/v2.0/token")
}

pub(super) fn token_body(token: &str) -> Value {
    json!({"token_type": "Bearer", "expires_in": 3599, "access_token": token})
}

pub(super) fn push_body() -> Value {
    json!({
        "id": "drifts",
        "topicIdentifier": "com.apple.mgmt.External.6f1b",
        "certificateSerialNumber": "0B70AA",
        "expirationDateTime": "2027-11-20T10:11:12Z",
        "appleIdentifier": "mdm@contoso.example",
        "certificate": null,
    })
}

pub(super) fn graph_error(code: &str, message: &str) -> Value {
    json!({"error": {"code": code, "message": message, "innerError": {"request-id": "11111111-aaaa"}}})
}

/// A mock Entra that issues tokens; Graph is up to the test.
pub(super) async fn graph() -> MockServer {
    let server = MockServer::start().await;
    Mock::given(method("POST"))
        .and(path(token_path()))
        .respond_with(ResponseTemplate::new(200).set_body_json(token_body(BEARER)))
        .with_priority(10)
        .mount(&server)
        .await;
    server
}

pub(super) async fn answer(server: &MockServer, at: &str, template: ResponseTemplate) {
    Mock::given(path(at)).respond_with(template).mount(server).await;
}

/// Answers one after the other; the last one stays.
pub(super) async fn answers(server: &MockServer, at: &str, templates: Vec<ResponseTemplate>) {
    let next = AtomicUsize::new(0);
    let respond = move |_: &Request| {
        let at = next.fetch_add(1, Ordering::SeqCst).min(templates.len() - 1);
        templates[at].clone()
    };
    Mock::given(path(at)).respond_with(Script(respond)).mount(server).await;
}

struct Script<F>(F);

impl<F: Fn(&Request) -> ResponseTemplate + Send + Sync> Respond for Script<F> {
    fn respond(&self, request: &Request) -> ResponseTemplate {
        self.0(request)
    }
}

pub(super) fn ok(body: Value) -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_json(body)
}

/// How many requests came to a path.
pub(super) async fn count(server: &MockServer, at: &str) -> usize {
    let all = server.received_requests().await.unwrap();
    all.iter().filter(|request| request.url.path() == at).count()
}

/// A server that speaks HTTP badly on purpose: `respond` gives the bytes for a path, or `None`
/// to hang up. Returns its address and how many requests it saw that were not for a token.
pub(super) async fn raw_server(
    respond: fn(&str, usize) -> Option<String>,
) -> (String, Arc<AtomicUsize>) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let seen = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&seen);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let counter = Arc::clone(&counter);
            tokio::spawn(async move {
                let mut text = Vec::new();
                let mut buffer = [0; 4096];
                // The head is enough: what is sent here fits into one packet.
                while !text.windows(4).any(|end| end == b"\r\n\r\n") {
                    match stream.read(&mut buffer).await {
                        Ok(0) | Err(_) => return,
                        Ok(read) => text.extend_from_slice(&buffer[..read]),
                    }
                }
                let head = String::from_utf8_lossy(&text).into_owned();
                let path = head.split(' ').nth(1).unwrap_or_default();
                let reply = if path.ends_with("/token") {
                    Some(whole(&token_body(BEARER).to_string()))
                } else {
                    respond(path, counter.fetch_add(1, Ordering::SeqCst))
                };
                if let Some(reply) = reply {
                    let _ = stream.write_all(reply.as_bytes()).await;
                }
            });
        }
    });
    (address, seen)
}

/// A correct answer, after which the server hangs up.
pub(super) fn whole(body: &str) -> String {
    format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
}
