//! What Entra's answers become, and that none of them shows the secret.

use serde_json::{Value, json};
use wiremock::matchers::{body_string_contains, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::super::IntuneRead;
use super::super::testing::*;
use crate::model::{Kind, Problem, ProblemCode};

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
        (7_000_112, ProblemCode::SignInFailed, "disabled"),
        (53003, ProblemCode::SignInFailed, "Conditional Access"),
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
