//! Each issuer's exact request, what is kept, and what is said when it fails: over HTTP, through
//! the whole sign-in.

use serde_json::json;
use wiremock::matchers::{body_string_contains, header, method, path, query_param};
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::super::super::Connector;
use super::super::super::testing::*;
use super::super::testing::*;
use super::*;
use applecart_core::fleet::{Auth, CredentialKind};
use applecart_core::model::{Problem, ProblemCode};

const REQUEST: &str = "MARKER.REQUEST.TOKEN";
const SUBJECT: &str = "repo:octo/fleet:ref:refs/heads/main";

/// An Entra that takes exactly this assertion for this many tenants, and a Graph.
async fn entra(assertion: &str, tenants: std::ops::Range<u8>) -> MockServer {
    let server = MockServer::start().await;
    for tenant in tenants {
        Mock::given(method("POST"))
            .and(path(format!("/{}/oauth2/v2.0/token", tenant_id(tenant))))
            .and(body_string_contains(format!("client_assertion={assertion}&")))
            .and(body_string_contains(
                "client_assertion_type=urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer",
            ))
            .and(body_string_contains("client_id=2f6b1111-2222-3333-4444-555566667777"))
            .and(body_string_contains("grant_type=client_credentials"))
            .respond_with(ok(token_body(BEARER)))
            .expect(1)
            .mount(&server)
            .await;
    }
    answer(&server, PUSH, ok(push_body())).await;
    server
}

fn github_at(server: &MockServer) -> Vec<(&'static str, String)> {
    vec![
        ("ACTIONS_ID_TOKEN_REQUEST_URL", format!("{}/oidc?api-version=2.0", server.uri())),
        ("ACTIONS_ID_TOKEN_REQUEST_TOKEN", REQUEST.to_owned()),
    ]
}

fn connected(server: &MockServer, set: &[(&'static str, String)]) -> Connector {
    let set: Vec<(&str, &str)> = set.iter().map(|(name, value)| (*name, value.as_str())).collect();
    connector_of(&server.uri(), &set)
}

async fn is_read(connector: &Connector, auth: &Auth, tenant: u8) {
    let live = connector.read(&read_of(auth, tenant)).await;
    assert!(live.push.present().is_some(), "{live:?}");
}

/// What is said when a read fails.
async fn problem(connector: &Connector, auth: &Auth) -> Problem {
    let live = connector.read(&read_of(auth, 1)).await;
    let text = format!("{live:?}");
    assert!(!text.contains("MARKER"), "{text}");
    live.push.problem().unwrap_or_else(|| panic!("{text}")).clone()
}

#[tokio::test]
async fn github_is_asked_once_for_all_tenants() {
    let assertion = token(SUBJECT, 300);
    let server = entra(&assertion, 1..4).await;
    Mock::given(method("GET"))
        .and(path("/oidc"))
        .and(query_param("api-version", "2.0"))
        .and(query_param("audience", "api://AzureADTokenExchange"))
        .and(header("authorization", format!("Bearer {REQUEST}")))
        .respond_with(ok(json!({ "count": 1, "value": assertion })))
        .expect(1)
        .mount(&server)
        .await;
    let connector = connected(&server, &github_at(&server));
    let auth = auth_with(CredentialKind::Github);
    connector.check(&auth).unwrap();
    assert_eq!(connector.requests(), 0);
    let (one, two, three) = (read_of(&auth, 1), read_of(&auth, 2), read_of(&auth, 3));
    let all = tokio::join!(connector.read(&one), connector.read(&two), connector.read(&three));
    for live in [all.0, all.1, all.2] {
        assert!(live.push.present().is_some(), "{live:?}");
    }
    // From memory: Entra's mocks allow one sign-in a tenant.
    is_read(&connector, &auth, 1).await;
    let asked = server.received_requests().await.unwrap();
    let query = asked.iter().find(|request| request.url.path() == "/oidc").unwrap().url.query();
    assert_eq!(query, Some("api-version=2.0&audience=api%3A%2F%2FAzureADTokenExchange"));
}

#[tokio::test]
async fn an_assertion_about_to_end_is_asked_for_again() {
    let assertion = token(SUBJECT, 30);
    let server = entra(&assertion, 1..3).await;
    answer(&server, "/oidc", ok(json!({ "value": assertion }))).await;
    let connector = connected(&server, &github_at(&server));
    let auth = auth_with(CredentialKind::Github);
    is_read(&connector, &auth, 1).await;
    is_read(&connector, &auth, 2).await;
    assert_eq!(count(&server, "/oidc").await, 2);
}

#[tokio::test]
async fn every_cloud_has_its_own_audience_and_its_own_assertion() {
    let assertion = token(SUBJECT, 300);
    let server = entra(&assertion, 1..5).await;
    answer(&server, "/oidc", ok(json!({ "value": assertion }))).await;
    let connector = connected(&server, &github_at(&server));
    for (tenant, cloud) in
        [(1, Cloud::Public), (2, Cloud::Usgov), (3, Cloud::Dod), (4, Cloud::China)]
    {
        let auth = Auth { cloud, ..auth_with(CredentialKind::Github) };
        is_read(&connector, &auth, tenant).await;
    }
    let asked = server.received_requests().await.unwrap();
    let audiences: Vec<String> = asked
        .iter()
        .filter(|request| request.url.path() == "/oidc")
        .map(|request| {
            let mut pairs = request.url.query_pairs();
            pairs.find(|(name, _)| name == "audience").unwrap().1.into_owned()
        })
        .collect();
    let [public, government, china] =
        ["", "USGov", "China"].map(|suffix| format!("api://AzureADTokenExchange{suffix}"));
    assert_eq!(audiences, [public, government, china]);
}

#[tokio::test]
async fn a_refusing_github_is_explained_and_not_asked_again() {
    let server = MockServer::start().await;
    let refusal = json!({ "message": format!("no id-token permission for {REQUEST}") });
    answer(&server, "/oidc", ResponseTemplate::new(403).set_body_json(refusal)).await;
    let connector = connected(&server, &github_at(&server));
    let problem = problem(&connector, &auth_with(CredentialKind::Github)).await;
    assert_eq!(problem.code, ProblemCode::SignInFailed);
    assert!(problem.detail.unwrap().contains("permissions: id-token: write"));
    assert_eq!(connector.requests(), 1);
}

#[tokio::test]
async fn a_stumbling_github_is_asked_again() {
    let assertion = token(SUBJECT, 300);
    let server = entra(&assertion, 1..2).await;
    let good = ok(json!({ "value": assertion }));
    let garbled = ok(json!({ "value": "MARKER" }));
    answers(&server, "/oidc", vec![ResponseTemplate::new(503), garbled, good]).await;
    let connector = connected(&server, &github_at(&server));
    is_read(&connector, &auth_with(CredentialKind::Github), 1).await;

    let server = MockServer::start().await;
    answer(&server, "/oidc", ok(json!({ "value": "MARKER" }))).await;
    let connector = connected(&server, &github_at(&server));
    let problem = problem(&connector, &auth_with(CredentialKind::Github)).await;
    assert_eq!((problem.code, connector.requests()), (ProblemCode::BadAnswer, 3));
}

#[tokio::test]
async fn azure_pipelines_is_asked_for_the_service_connections_token() {
    let assertion = token("sc://contoso/fleet/applecart", 600);
    let server = entra(&assertion, 1..3).await;
    Mock::given(method("POST"))
        .and(path("/oidctoken"))
        .and(query_param("api-version", "7.1"))
        .and(query_param("serviceConnectionId", "9c1d"))
        .and(header("authorization", format!("Bearer {REQUEST}")))
        .and(header("content-length", "0"))
        .and(header("x-tfs-fedauthredirect", "Suppress"))
        .respond_with(ok(json!({ "oidcToken": assertion })))
        .expect(1)
        .mount(&server)
        .await;
    let mut set = vec![
        ("SYSTEM_OIDCREQUESTURI", format!("{}/oidctoken", server.uri())),
        ("SYSTEM_ACCESSTOKEN", REQUEST.to_owned()),
        ("AZURESUBSCRIPTION_SERVICE_CONNECTION_ID", "another".to_owned()),
        ("APPLECART_SERVICE_CONNECTION_ID", "9c1d".to_owned()),
    ];
    let auth = auth_with(CredentialKind::AzurePipelines);
    let connector = connected(&server, &set);
    is_read(&connector, &auth, 1).await;
    is_read(&connector, &auth, 2).await;

    set.truncate(3);
    connected(&server, &set).check(&auth).unwrap();
    for missing in [2, 1, 0] {
        let (name, _) = set.remove(missing);
        let error = connected(&server, &set).check(&auth).unwrap_err().to_string();
        assert!(error.contains(name), "{error}");
    }
}

#[tokio::test]
async fn the_service_connections_name_is_shown_when_azure_pipelines_refuses() {
    let server = MockServer::start().await;
    let refusal = json!({ "$id": "1", "message": "No service connection found with id 9c1d." });
    answer(&server, "/oidctoken", ResponseTemplate::new(404).set_body_json(refusal)).await;
    let set = [
        ("SYSTEM_OIDCREQUESTURI", format!("{}/oidctoken", server.uri())),
        ("SYSTEM_ACCESSTOKEN", REQUEST.to_owned()),
        ("APPLECART_SERVICE_CONNECTION_ID", "9c1d".to_owned()),
    ];
    let connector = connected(&server, &set);
    let problem = problem(&connector, &auth_with(CredentialKind::AzurePipelines)).await;
    assert_eq!(
        problem.detail.unwrap(),
        "Azure Pipelines' token service answered 404: No service connection found with id 9c1d; check the service connection's id and that this pipeline may use it"
    );
}

#[tokio::test]
async fn the_token_file_is_read_at_every_sign_in() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    #[expect(clippy::disallowed_methods, reason = "a file for the test")]
    let write = |text: &str| std::fs::write(&file, text).unwrap();
    let subject = "system:serviceaccount:applecart:applecart";
    let (old, new) = (token(subject, 3600), token(subject, 7200));
    let server = entra(&old, 1..2).await;
    let later = entra(&new, 2..3).await;
    let set = [
        ("AZURE_FEDERATED_TOKEN_FILE", file.display().to_string()),
        // Kubernetes sets these as well; the fleet names application and tenants.
        ("AZURE_TENANT_ID", tenant_id(9)),
        ("AZURE_CLIENT_ID", "another".to_owned()),
        ("AZURE_AUTHORITY_HOST", "https://MARKER.example".to_owned()),
    ];
    let auth = auth_with(CredentialKind::WorkloadIdentity);

    assert!(matches!(
        connected(&server, &set).check(&auth),
        Err(SignInError::TokenFile { kind: std::io::ErrorKind::NotFound, .. })
    ));
    write(&format!("{old}\n"));
    is_read(&connected(&server, &set), &auth, 1).await;
    let connector = connected(&later, &set);
    connector.check(&auth).unwrap();
    write(&new);
    is_read(&connector, &auth, 2).await;

    for bad in
        ["", "MARKER", &"a".repeat(jwt::MAX_BYTES), &format!("{}.b.c", "a".repeat(jwt::MAX_BYTES))]
    {
        write(bad);
        let detail = problem(&connector, &auth).await.detail.unwrap();
        assert!(detail.contains("does not hold a signed token"), "{detail}");
        let error = connected(&server, &set).check(&auth).unwrap_err();
        assert!(!format!("{error:?}").contains("MARKER"));
    }
}

#[tokio::test]
async fn a_managed_identitys_token_is_the_applications_assertion() {
    let assertion = token("principal-of-the-identity", 86_400);
    let server = entra(&assertion, 1..3).await;
    // https://learn.microsoft.com/en-us/azure/app-service/overview-managed-identity
    Mock::given(method("GET"))
        .and(path("/msi/token"))
        .and(query_param("api-version", "2019-08-01"))
        .and(query_param("resource", "api://AzureADTokenExchange"))
        .and(query_param("client_id", "the-identity"))
        .and(header("x-identity-header", REQUEST))
        .respond_with(ok(json!({
            "access_token": assertion,
            "expires_on": "1586984735",
            "resource": "api://AzureADTokenExchange",
            "token_type": "Bearer",
            "client_id": "the-identity",
        })))
        .expect(1)
        .mount(&server)
        .await;
    let set = [
        ("IDENTITY_ENDPOINT", format!("{}/msi/token", server.uri())),
        ("IDENTITY_HEADER", REQUEST.to_owned()),
        ("APPLECART_MANAGED_IDENTITY_CLIENT_ID", "the-identity".to_owned()),
        ("AZURE_CLIENT_ID", "another".to_owned()),
    ];
    let connector = connected(&server, &set);
    let auth = auth_with(CredentialKind::ManagedIdentity);
    is_read(&connector, &auth, 1).await;
    is_read(&connector, &auth, 2).await;
}

#[tokio::test]
async fn a_machine_without_that_identity_is_told_so() {
    let server = MockServer::start().await;
    // As recorded from the instance metadata service.
    let refusal = json!({ "error": "invalid_request", "error_description": "Identity not found" });
    answer(&server, "/msi/token", ResponseTemplate::new(400).set_body_json(refusal)).await;
    let set = [
        ("IDENTITY_ENDPOINT", format!("{}/msi/token", server.uri())),
        ("IDENTITY_HEADER", REQUEST.to_owned()),
    ];
    let auth = auth_with(CredentialKind::ManagedIdentity);
    let connector = connected(&server, &set);
    let detail = problem(&connector, &auth).await.detail.unwrap();
    assert!(detail.contains("answered 400: Identity not found"), "{detail}");
    assert!(detail.contains("APPLECART_MANAGED_IDENTITY_CLIENT_ID"), "{detail}");
    assert_eq!(connector.requests(), 1);

    let set = [("IDENTITY_ENDPOINT", "http://127.0.0.1:1/".to_owned()), set[1].clone()];
    let connector = connected(&server, &set);
    let problem = problem(&connector, &auth).await;
    assert_eq!((problem.code, connector.requests()), (ProblemCode::Unreachable, 1));
}

#[test]
fn on_a_virtual_machine_the_metadata_service_is_asked() {
    let issuer = managed_identity(&variables(&[]), "api://AzureADTokenExchange").unwrap();
    let Issuer::Service(service) = issuer else { panic!("a service") };
    assert_eq!(
        service.url.as_str(),
        "http://169.254.169.254/metadata/identity/oauth2/token?api-version=2018-02-01&resource=api%3A%2F%2FAzureADTokenExchange"
    );
    let headers: Vec<_> =
        service.headers.iter().map(|(name, text)| (*name, text.as_str())).collect();
    assert_eq!(headers, [("metadata", "true")]);
    assert!(service.near, "past every proxy");
}

#[test]
fn places_with_other_protocols_are_named() {
    let endpoint = ("IDENTITY_ENDPOINT", "http://127.0.0.1:1/");
    for (set, place) in [
        (vec![endpoint, ("IMDS_ENDPOINT", "x")], "Azure Arc"),
        (
            vec![endpoint, ("IDENTITY_HEADER", "x"), ("IDENTITY_SERVER_THUMBPRINT", "x")],
            "Service Fabric",
        ),
        (vec![("MSI_ENDPOINT", "x")], "Cloud Shell"),
    ] {
        let error = managed_identity(&variables(&set), "x").err().unwrap().to_string();
        assert!(error.contains(place), "{error}");
    }
}

#[test]
fn a_request_token_leaves_in_the_clear_only_to_this_machine() {
    for good in
        ["https://a.example/x?y=z", "http://127.0.0.1:1", "http://[::1]/", "http://169.254.1.1:80/"]
    {
        let (_, near) = address("X", good).unwrap();
        assert_eq!(near, good.starts_with("http:"), "{good}");
    }
    for bad in [
        "http://a.example",
        "http://10.0.0.1",
        "http://localhost.example",
        "ftp://127.0.0.1",
        "https://u:MARKER@a.example",
        "https://a.example#x",
        "MARKER",
        "",
    ] {
        let error = address("X", bad).unwrap_err();
        assert_eq!(error, SignInError::Address { variable: "X" });
    }
}
