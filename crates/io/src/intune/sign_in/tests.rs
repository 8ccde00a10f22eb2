//! What Entra's answers become, and that none of them shows a secret or an assertion.

use serde_json::{Value, json};
use wiremock::matchers::{body_string_contains, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::super::testing::*;
use super::testing::*;
use super::*;
use applecart_core::fleet::CredentialKind;
use applecart_core::model::Kind;

/// The problem of a sign-in that is always answered like this, and how often it was asked.
async fn problem(template: ResponseTemplate) -> (Problem, usize) {
    let server = MockServer::start().await;
    answer(&server, &token_path(), template).await;
    let live = connector(&server.uri()).read(&request(&Kind::ALL)).await;
    let text = format!("{live:?}");
    assert!(!text.contains("MARKER"), "{text}");
    let problem = live.push.problem().unwrap().clone();
    assert_eq!(live.vpp.problem(), Some(&problem), "it is the whole tenant's");
    assert_eq!(problem.resource, None);
    (problem, count(&server, &token_path()).await)
}

fn entra(number: u64) -> Value {
    json!({
        "error": "invalid_client",
        "error_description": format!("AADSTS{number}: Sent {SECRET}. Trace ID: aaaa-1 Correlation ID: bbbb-2"),
        "error_codes": [number],
        "trace_id": "aaaa-1",
        "correlation_id": "bbbb-2",
    })
}

#[tokio::test]
async fn numbers_of_entra_decide() {
    for (number, code, says) in [
        (90002, ProblemCode::TenantNotFound, "tenantId"),
        (900_021, ProblemCode::TenantNotFound, "tenantId"),
        (900_023, ProblemCode::TenantNotFound, "tenantId"),
        (700_016, ProblemCode::NoConsent, "/adminconsent?client_id=2f6b1111"),
        (65001, ProblemCode::NoConsent, "/adminconsent?client_id=2f6b1111"),
        (7_000_229, ProblemCode::NoConsent, "/adminconsent?client_id=2f6b1111"),
        (650_052, ProblemCode::NoConsent, "/adminconsent?client_id=2f6b1111"),
        (7_000_215, ProblemCode::SignInFailed, "is wrong"),
        (7_000_222, ProblemCode::SignInFailed, "expired"),
        (7_000_216, ProblemCode::SignInFailed, "AZURE_CLIENT_SECRET"),
        (7_000_112, ProblemCode::NoConsent, "disabled"),
        (90094, ProblemCode::NoConsent, "/adminconsent?client_id=2f6b1111"),
        (50194, ProblemCode::SignInFailed, "single-tenant"),
        (53003, ProblemCode::SignInFailed, "Conditional Access"),
        (530_035, ProblemCode::SignInFailed, "Conditional Access"),
        (90072, ProblemCode::SignInFailed, "cloud"),
        (900_382, ProblemCode::SignInFailed, "another cloud than public"),
        (900_439, ProblemCode::SignInFailed, "another cloud than public"),
        (700_025, ProblemCode::SignInFailed, "public client"),
        (5_000_225, ProblemCode::SignInFailed, "blocked tenant"),
    ] {
        let template = ResponseTemplate::new(400).set_body_json(entra(number));
        let (problem, asked) = problem(template).await;
        assert_eq!(problem.code, code, "{number}");
        assert_eq!(problem.request_id.as_deref(), Some("aaaa-1"));
        let detail = problem.detail.unwrap();
        assert!(detail.contains(&format!("AADSTS{number}")) && detail.contains(says), "{detail}");
        assert_eq!(asked, 1, "{number} is no accident");
    }
}

#[tokio::test]
async fn an_unlisted_number_shows_entras_sentence() {
    let mut body = entra(7_000_014);
    body["error_description"] = json!("AADSTS7000014: The key is odd. Trace ID: aaaa-1");
    let (problem, _) = problem(ResponseTemplate::new(400).set_body_json(body)).await;
    assert_eq!(problem.code, ProblemCode::SignInFailed);
    let detail = problem.detail.unwrap();
    assert_eq!(detail, "Entra refused the sign-in (400): AADSTS7000014: The key is odd");

    let reflecting = ResponseTemplate::new(400).set_body_json(entra(7_000_014));
    let detail = self::problem(reflecting).await.0.detail.unwrap();
    assert_eq!(detail, "AADSTS7000014: Entra refused the sign-in (400): invalid_client");
}

#[tokio::test]
async fn the_number_is_also_found_in_the_text_alone() {
    let body = json!({"error": "unauthorized_client", "error_description": "AADSTS700016: no"});
    let (problem, _) = problem(ResponseTemplate::new(400).set_body_json(body)).await;
    assert_eq!(problem.code, ProblemCode::NoConsent);
}

#[tokio::test]
async fn an_address_that_is_not_entra_is_said_to_be_none() {
    let html = format!("<html>{SECRET} client_secret=MARKER%7ESECRET</html>");
    let (refused, asked) = problem(ResponseTemplate::new(404).set_body_string(html.clone())).await;
    assert_eq!((refused.code, asked), (ProblemCode::SignInFailed, 1));
    assert!(refused.detail.unwrap().contains("APPLECART_LOGIN_URL"));
    let (welcomed, asked) = problem(ResponseTemplate::new(200).set_body_string(html)).await;
    assert_eq!((welcomed.code, asked), (ProblemCode::BadAnswer, 3));
}

#[tokio::test]
async fn tokens_that_cannot_be_used_are_bad_answers() {
    for body in [
        json!({}),
        json!({"access_token": "", "expires_in": 3599}),
        json!({"access_token": "MARKER\nX: y", "expires_in": 3599}),
        json!({"access_token": "MARKER", "expires_in": "3599"}),
        json!({"access_token": "MARKER", "expires_in": i64::MAX}),
        json!({"access_token": "MARKER", "expires_in": -1}),
    ] {
        assert_eq!(problem(ok(body.clone())).await.0.code, ProblemCode::BadAnswer, "{body}");
    }
}

#[tokio::test]
async fn a_redirect_gets_no_secret() {
    let (other, seen) = raw_server(|_, _| None).await;
    let template = ResponseTemplate::new(307).insert_header("location", format!("{other}/x"));
    assert_eq!(problem(template).await.0.code, ProblemCode::BadAnswer);
    assert_eq!(seen.load(std::sync::atomic::Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a_throttled_or_failing_entra_is_asked_again() {
    for (status, code) in [(429, ProblemCode::Throttled), (503, ProblemCode::ServerError)] {
        assert_eq!(problem(ResponseTemplate::new(status)).await.1, 8);
        let server = MockServer::start().await;
        let fine = ok(token_body(BEARER));
        answers(&server, &token_path(), vec![ResponseTemplate::new(status), fine]).await;
        answer(&server, PUSH, ok(push_body())).await;
        let live = connector(&server.uri()).read(&request(&[Kind::Push])).await;
        assert!(live.push.present().is_some(), "{code}");
    }
}

#[tokio::test]
async fn a_retry_after_of_entra_is_waited_out() {
    let server = MockServer::start().await;
    let throttled = ResponseTemplate::new(429).insert_header("retry-after", "1");
    answers(&server, &token_path(), vec![throttled, ok(token_body(BEARER))]).await;
    answer(&server, PUSH, ok(push_body())).await;
    let begun = tokio::time::Instant::now();
    let live = connector(&server.uri()).read(&request(&[Kind::Push])).await;
    assert!(live.push.present().is_some());
    assert!(begun.elapsed().as_millis() >= 1000);
}

#[tokio::test]
async fn the_form_names_the_application_and_the_clouds_own_scope() {
    let server = MockServer::start().await;
    Mock::given(path(token_path()))
        .and(body_string_contains("grant_type=client_credentials"))
        .and(body_string_contains("client_id=2f6b1111-2222-3333-4444-555566667777"))
        .and(body_string_contains("client_secret=MARKER%7ESECRET&"))
        .and(body_string_contains("scope=https%3A%2F%2Fgraph.microsoft.com%2F.default"))
        .respond_with(ok(token_body(BEARER)))
        .expect(1)
        .mount(&server)
        .await;
    answer(&server, PUSH, ok(push_body())).await;
    let live = connector(&server.uri()).read(&request(&[Kind::Push])).await;
    assert!(live.push.present().is_some());
}

#[tokio::test]
async fn tenants_do_not_share_tokens() {
    let server = graph().await;
    answer(&server, PUSH, ok(push_body())).await;
    let connector = connector(&server.uri());
    let mut other = request(&[Kind::Push]);
    other.tenant_id = "00000000-0000-0000-0000-000000000002".parse().unwrap();
    assert!(connector.read(&request(&[Kind::Push])).await.push.present().is_some());
    let live = connector.read(&other).await;
    assert!(
        live.push.problem().unwrap().code.is_sign_in(),
        "its own address was asked, and is 404"
    );
    assert_eq!(count(&server, PUSH).await, 1);
}

/// The problem of a sign-in with an assertion that Entra answers like this; nothing of the
/// assertion may be in it.
async fn with_assertion(
    credential: CredentialKind,
    set: &[(&str, &str)],
    shown: &str,
    refusal: ResponseTemplate,
) -> String {
    let server = MockServer::start().await;
    let token_path = format!("/{}/oauth2/v2.0/token", tenant_id(1));
    answer(&server, &token_path, refusal).await;
    let oidc = format!("{}/oidc", server.uri());
    answer(&server, "/oidc", ok(json!({ "value": shown }))).await;
    let github = [
        ("ACTIONS_ID_TOKEN_REQUEST_URL", oidc.as_str()),
        ("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "MARKER.REQUEST"),
    ];
    let connector = connector_of(&server.uri(), &[set, &github].concat());
    let live = connector.read(&read_of(&auth_with(credential), 1)).await;
    let text = format!("{live:?} {connector:?}");
    let pieces = shown.split('.').chain(["MARKER"]);
    for piece in pieces {
        assert!(!text.contains(piece), "{piece} is in {text}");
    }
    assert_eq!(count(&server, &token_path).await, 1);
    let problem = live.push.problem().unwrap();
    assert_eq!(problem.code, ProblemCode::SignInFailed);
    assert_eq!(problem.request_id.as_deref(), Some("aaaa-1"));
    problem.detail.clone().unwrap()
}

/// As Entra words it; the text repeats what it was sent.
fn recorded(number: u64, text: &str) -> ResponseTemplate {
    ResponseTemplate::new(401).set_body_json(json!({
        "error": "invalid_client",
        "error_description": format!("AADSTS{number}: {text} Trace ID: aaaa-1 Correlation ID: bbbb-2 Timestamp: 2026-11-22 10:00:00Z"),
        "error_codes": [number],
        "timestamp": "2026-11-22 10:00:00Z",
        "trace_id": "aaaa-1",
        "correlation_id": "bbbb-2",
        "error_uri": format!("https://login.microsoftonline.com/error?code={number}"),
    }))
}

#[tokio::test]
async fn an_application_that_trusts_nobody_like_this_is_shown_what_was_presented() {
    let subject = "repo:octo@123456/fleet@456789:ref:refs/heads/main";
    let shown = token(subject, 300);
    for (number, part) in [
        (70021, "issuer, subject and audience"),
        (700_211, "the issuer"),
        (700_212, "the audience"),
        (700_213, "the subject"),
        (7_002_138, "the subject"),
    ] {
        let text = format!(
            "No matching federated identity record found for presented assertion subject '{subject}'. {shown}"
        );
        let detail =
            with_assertion(CredentialKind::Github, &[], &shown, recorded(number, &text)).await;
        assert!(
            detail.starts_with(&format!("AADSTS{number}: no federated credential")),
            "{detail}"
        );
        assert!(detail.contains(&format!("matches {part} of")), "{detail}");
        for claim in [
            format!("subject `{subject}`"),
            "issuer `https://token.actions.githubusercontent.com`".to_owned(),
            "audience `api://AzureADTokenExchange`".to_owned(),
            "repo:<owner>@<owner-id>/<repo>@<repo-id>".to_owned(),
        ] {
            assert!(detail.contains(&claim), "{detail}");
        }
    }
}

#[tokio::test]
async fn a_refused_assertion_is_explained_by_its_number() {
    let shown = token("x", 300);
    for (number, says) in [
        (700_024, "clock"),
        (50027, "cannot verify"),
        (50013, "cannot verify"),
        (700_027, "cannot verify"),
        (700_023, "APPLECART_LOGIN_URL"),
        (700_021, "clientId"),
        (700_236, "home tenant"),
        (700_226, "home tenant"),
        (7_000_216, "no assertion"),
    ] {
        let refusal = recorded(number, &format!("Sent {shown}."));
        let detail = with_assertion(CredentialKind::Github, &[], &shown, refusal).await;
        assert!(detail.contains(&format!("AADSTS{number}")) && detail.contains(says), "{detail}");
    }
    let refusal = recorded(7_000_014, &format!("It was {shown}. Odd."));
    let detail = with_assertion(CredentialKind::Github, &[], &shown, refusal).await;
    assert_eq!(detail, "AADSTS7000014: Entra refused the sign-in (401): invalid_client");
}

#[tokio::test]
async fn a_certificate_signs_for_the_tenants_own_cloud_and_once_a_tenant() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("login.pem");
    #[expect(clippy::disallowed_methods, reason = "a file for the test")]
    std::fs::write(&file, identity().certificate.clone() + &identity().key()).unwrap();
    let file = file.display().to_string();
    let server = MockServer::start().await;
    answer(&server, PUSH, ok(push_body())).await;
    for tenant in 1..3 {
        let path = format!("/{}/oauth2/v2.0/token", tenant_id(tenant));
        answer(&server, &path, ok(token_body(BEARER))).await;
    }
    let connector = connector_of(&server.uri(), &[("AZURE_CLIENT_CERTIFICATE_PATH", &file)]);
    let public = auth_with(CredentialKind::ClientCertificate);
    let government = Auth { cloud: Cloud::Usgov, client_id: "gcch".to_owned(), ..public.clone() };
    for (auth, tenant) in [(&public, 1), (&public, 1), (&government, 2), (&government, 2)] {
        let live = connector.read(&read_of(auth, tenant)).await;
        assert!(live.push.present().is_some(), "{live:?}");
    }
    let mut audiences = Vec::new();
    for request in server.received_requests().await.unwrap() {
        if !request.url.path().ends_with("/token") {
            continue;
        }
        let form: std::collections::HashMap<_, _> =
            url::form_urlencoded::parse(&request.body).into_owned().collect();
        let claims = jwt::claims(&form["client_assertion"]).unwrap();
        assert_eq!(claims.issuer.as_ref(), Some(&form["client_id"]));
        assert_eq!(claims.issuer, claims.subject);
        audiences.push((form["scope"].clone(), claims.audience.unwrap()));
    }
    let expected = [
        ("graph.microsoft.com", "login.microsoftonline.com", 1),
        ("graph.microsoft.us", "login.microsoftonline.us", 2),
    ];
    let expected = expected.map(|(graph, login, tenant)| {
        (
            format!("https://{graph}/.default"),
            format!("https://{login}/{}/oauth2/v2.0/token", tenant_id(tenant)),
        )
    });
    assert_eq!(audiences, expected);
}

#[tokio::test]
async fn an_unregistered_certificate_is_explained() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("login.pem");
    #[expect(clippy::disallowed_methods, reason = "a file for the test")]
    std::fs::write(&file, identity().certificate.clone() + &identity().key()).unwrap();
    let file = file.display().to_string();
    let set = [("AZURE_CLIENT_CERTIFICATE_PATH", file.as_str())];
    let reason = "The certificate with identifier used to sign the client assertion is not registered on application. [Reason - The key was not found., Thumbprint of key used by client: 'AB']";
    let refusal = recorded(700_027, reason);
    let detail = with_assertion(CredentialKind::ClientCertificate, &set, "none", refusal).await;
    assert!(detail.contains("AADSTS700027: the certificate is not registered"), "{detail}");
}

#[tokio::test]
async fn what_is_missing_is_said_without_a_request() {
    let connector = connector_of("http://127.0.0.1:1", &[]);
    for &credential in CredentialKind::ALL {
        let says = match credential {
            // The connector of this test has one.
            CredentialKind::ClientSecret => continue,
            CredentialKind::ClientCertificate => "AZURE_CLIENT_CERTIFICATE_PATH",
            CredentialKind::WorkloadIdentity => "AZURE_FEDERATED_TOKEN_FILE",
            CredentialKind::Github => "permissions: id-token: write",
            CredentialKind::AzurePipelines => "SYSTEM_OIDCREQUESTURI",
            // Only the machine knows whether it has one.
            CredentialKind::ManagedIdentity => continue,
            CredentialKind::AzureCli => "az login --tenant",
            CredentialKind::DeviceCode | CredentialKind::Browser => "needs a person at a terminal",
        };
        let auth = auth_with(credential);
        let error = connector.check(&auth).unwrap_err().to_string();
        assert!(error.contains(says), "{error}");
        let live = connector.read(&read_of(&auth, 1)).await;
        let problem = live.push.problem().unwrap();
        assert_eq!(
            (problem.code, problem.detail.as_ref()),
            (ProblemCode::SignInFailed, Some(&error))
        );
        assert!(connector.writer(TENANT.parse().unwrap(), &auth).is_err());
    }
    connector.check(&auth_with(CredentialKind::ManagedIdentity)).unwrap();
    assert_eq!(connector.requests(), 0);
}

#[test]
fn an_application_may_have_variables_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("own.pem").display().to_string();
    let name =
        of_application("AZURE_CLIENT_CERTIFICATE_PATH", "2f6b1111-2222-3333-4444-555566667777");
    assert_eq!(name, "AZURE_CLIENT_CERTIFICATE_PATH_2F6B1111_2222_3333_4444_555566667777");
    let set = [("AZURE_CLIENT_CERTIFICATE_PATH", "/nowhere/all.pem"), (&name, &file)];
    let connector = connector_of("http://127.0.0.1:1", &set);
    let own = auth_with(CredentialKind::ClientCertificate);
    assert!(connector.check(&own).unwrap_err().to_string().contains("own.pem"));
    let other = Auth { client_id: "other".to_owned(), ..own };
    assert!(connector.check(&other).unwrap_err().to_string().contains("all.pem"));
}

/// On the day on which a client secret expires, nobody else says what day it is.
#[tokio::test]
async fn a_refusal_of_entra_tells_the_time() {
    let date = "Sun, 06 Nov 1994 08:49:37 GMT";
    for template in [
        ResponseTemplate::new(401).set_body_json(entra(7_000_222)),
        ResponseTemplate::new(404),
        ok(json!({})),
    ] {
        let server = MockServer::start().await;
        answer(&server, &token_path(), template.insert_header("date", date)).await;
        let live = connector(&server.uri()).read(&request(&Kind::ALL)).await;
        assert!(live.push.problem().is_some());
        assert!(live.clock_skew.unwrap() < -900_000_000, "Entra's clock shows 1994");
    }
    let nobody = connector("http://127.0.0.1:1").read(&request(&Kind::ALL)).await;
    assert_eq!(nobody.clock_skew, None);
}
