//! The push certificate and its consent: what is sent, what is never sent, and what the caller
//! learns of each answer. `every` asks the same of all writes.

mod every;

use std::sync::atomic::Ordering;

use serde_json::json;
use wiremock::matchers::{body_json, header, method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::super::testing::*;
use super::super::{ConnectorOptions, IntuneWrite};
use super::*;

const APPLE_ID: &str = "mdm@contoso.example";
const PEM: &str = "-----BEGIN CERTIFICATE-----\nMARKERCERTIFICATE\n-----END CERTIFICATE-----\n";
const GRANT: &str =
    "/beta/deviceManagement/dataSharingConsents/appleMDMPushCertificate/consentToDataSharing";

pub(super) fn writer(base: &str) -> IntuneWrite {
    connector(base).writer(TENANT.parse().unwrap(), &auth()).unwrap()
}

/// The error of an upload that is answered like this, and how many uploads were sent.
async fn upload_error(template: ResponseTemplate) -> (WriteError, usize) {
    let server = graph().await;
    answer(&server, PUSH, template).await;
    let error = writer(&server.uri()).upload_push(APPLE_ID, PEM).await.unwrap_err();
    let text = format!("{error} {error:?}");
    assert!(!text.contains("MARKER"), "{text}");
    (error, count(&server, PUSH).await)
}

pub(super) fn status(status: u16) -> ResponseTemplate {
    ResponseTemplate::new(status)
}

#[tokio::test]
async fn an_upload_sends_both_fields_and_returns_what_graph_shows() {
    let server = graph().await;
    Mock::given(method("PATCH"))
        .and(path(PUSH))
        .and(header("content-type", "application/json"))
        .and(body_json(json!({"appleIdentifier": APPLE_ID, "certificate": PEM})))
        .respond_with(ok(push_body()))
        .expect(1)
        .mount(&server)
        .await;
    let live = writer(&server.uri()).upload_push(APPLE_ID, PEM).await.unwrap();
    assert_eq!(live.serial.to_string(), "0B70AA");
}

#[tokio::test]
async fn nothing_empty_and_no_private_key_is_ever_sent() {
    let connector = connector("http://127.0.0.1:1");
    let writer = connector.writer(TENANT.parse().unwrap(), &auth()).unwrap();
    let key = format!("{PEM}-----BEGIN PRIVATE KEY-----\nMARKER\n-----END PRIVATE KEY-----");
    for (apple_id, certificate) in [
        ("", PEM),
        (" \t", PEM),
        ("\u{200b}", PEM),
        (APPLE_ID, ""),
        (APPLE_ID, " \r\n\u{0}"),
        (APPLE_ID, "===="),
        (APPLE_ID, "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----"),
        (APPLE_ID, "-----BEGIN CERTIFICATE----------END CERTIFICATE-----"),
        (APPLE_ID, key.as_str()),
    ] {
        let error = writer.upload_push(apple_id, certificate).await.unwrap_err();
        assert!(matches!(error, WriteError::Refused { .. }), "{error}");
        assert!(!error.to_string().contains("MARKER"));
    }
    assert_eq!(connector.requests(), 0, "not even a sign-in");
}

#[tokio::test]
async fn a_throttled_write_is_sent_again_after_the_time_asked_for() {
    let server = graph().await;
    let throttled = status(429).insert_header("retry-after", "1");
    answers(&server, PUSH, vec![throttled, ok(push_body())]).await;
    let begun = tokio::time::Instant::now();
    writer(&server.uri()).upload_push(APPLE_ID, PEM).await.unwrap();
    assert!(begun.elapsed().as_millis() >= 1000);
    assert_eq!(count(&server, PUSH).await, 2);
}

#[tokio::test]
async fn a_write_that_stays_throttled_ends() {
    let (error, sent) = upload_error(status(429)).await;
    assert!(matches!(error, WriteError::Throttled { .. }));
    assert_eq!(sent, 8);
}

#[tokio::test]
async fn a_failure_that_may_have_come_too_late_is_never_repeated() {
    for code in [301, 307, 408, 409, 500, 501, 502, 503, 504] {
        let (error, sent) = upload_error(status(code)).await;
        assert!(matches!(error, WriteError::OutcomeUnknown { .. }), "{code}: {error}");
        assert_eq!(sent, 1, "{code}");
    }
}

#[tokio::test]
async fn a_success_that_shows_no_certificate_is_an_unknown_outcome() {
    for body in ["", "<html>MARKER</html>", "{}", "[]", "{\"topicIdentifier\":\"com.apple.m"] {
        let (error, sent) = upload_error(status(200).set_body_string(body)).await;
        assert!(matches!(error, WriteError::OutcomeUnknown { .. }), "{body}: {error}");
        assert_eq!(sent, 1);
    }
    assert!(matches!(upload_error(status(204)).await.0, WriteError::OutcomeUnknown { .. }));
}

#[tokio::test]
async fn a_dropped_connection_is_an_unknown_outcome_of_one_request() {
    let (address, seen) = raw_server(|_, _| None).await;
    let error = writer(&address).upload_push(APPLE_ID, PEM).await.unwrap_err();
    assert!(matches!(error, WriteError::OutcomeUnknown { .. }), "{error}");
    assert_eq!(seen.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_an_unknown_outcome_of_one_request() {
    let respond = |_: &str, _| Some(whole("{}").replace("length: ", "length: 9"));
    let (address, seen) = raw_server(respond).await;
    let error = writer(&address).upload_push(APPLE_ID, PEM).await.unwrap_err();
    assert!(matches!(error, WriteError::OutcomeUnknown { .. }), "{error}");
    assert_eq!(seen.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_write_without_an_answer_in_time_is_an_unknown_outcome_of_one_request() {
    let server = graph().await;
    let slow = ok(push_body()).set_delay(std::time::Duration::from_secs(30));
    answer(&server, PUSH, slow).await;
    let change = |options: &mut ConnectorOptions| {
        options.timeout = std::time::Duration::from_millis(200);
    };
    let connector = connector_with(&server.uri(), change);
    let writer = connector.writer(TENANT.parse().unwrap(), &auth()).unwrap();
    let error = writer.upload_push(APPLE_ID, PEM).await.unwrap_err();
    assert!(matches!(error, WriteError::OutcomeUnknown { .. }), "{error}");
    assert_eq!(count(&server, PUSH).await, 1);
}

#[tokio::test]
async fn without_a_connection_or_a_sign_in_nothing_was_sent() {
    let error = writer("http://127.0.0.1:1").upload_push(APPLE_ID, PEM).await.unwrap_err();
    assert!(matches!(error, WriteError::NotSent { .. }), "{error}");

    let server = MockServer::start().await;
    let refused =
        json!({"error": "invalid_client", "error_codes": [7000222], "error_description": SECRET});
    answer(&server, &token_path(), status(401).set_body_json(refused)).await;
    let error = writer(&server.uri()).upload_push(APPLE_ID, PEM).await.unwrap_err();
    assert!(matches!(error, WriteError::NotSent { .. }), "{error}");
    assert!(error.to_string().contains("expired"), "{error}");
    assert_eq!(count(&server, PUSH).await, 0);
}

#[tokio::test]
async fn a_definite_refusal_carries_graphs_words_and_nothing_reflected() {
    let message =
        "{\"Message\":\"The certificate is not valid - Operation ID (for customer support): 1\"}";
    let (error, sent) =
        upload_error(status(400).set_body_json(graph_error("BadRequest", message))).await;
    let WriteError::Rejected { status: 400, code, request_id, detail } = error else {
        panic!("{error}")
    };
    assert_eq!(code.as_deref(), Some("BadRequest"));
    assert_eq!(request_id.as_deref(), Some("11111111-aaaa"));
    assert_eq!(detail, "Graph answered 400 BadRequest: The certificate is not valid");
    assert_eq!(sent, 1);

    for message in [format!("got Bearer {BEARER}"), format!("got {PEM}"), SECRET.to_owned()] {
        upload_error(status(400).set_body_json(graph_error("BadRequest", &message))).await;
    }
}

#[tokio::test]
async fn a_missing_permission_is_named() {
    let (error, sent) = upload_error(status(403)).await;
    let WriteError::NotPermitted { permission, .. } = &error else { panic!("{error}") };
    assert_eq!(*permission, "DeviceManagementServiceConfig.ReadWrite.All");
    assert!(error.to_string().contains(permission));
    assert_eq!(sent, 1);
}

#[tokio::test]
async fn multi_admin_approval_is_recognised_in_all_its_shapes() {
    let text = |code: u16, name: &str, message: &str| {
        status(code).set_body_json(graph_error(name, message))
    };
    for template in [
        text(403, "ApprovalRequired", "x"),
        text(
            400,
            "BadRequest",
            "Header x-msft-approval-justification is required to ask for approval",
        ),
        text(412, "BadRequest", "Approval Required. An approval request was made."),
        text(412, "BadRequest", "x").insert_header("x-msft-approval-code", "1"),
    ] {
        let (error, sent) = upload_error(template).await;
        assert!(matches!(error, WriteError::ApprovalRequired { .. }), "{error}");
        assert_eq!(sent, 1);
    }
    let (error, _) = upload_error(status(412)).await;
    assert!(matches!(error, WriteError::Rejected { status: 412, .. }), "{error}");
}

#[tokio::test]
async fn consent_is_granted_once_or_not_offered() {
    let server = graph().await;
    Mock::given(method("POST")).and(path(GRANT)).respond_with(status(204)).mount(&server).await;
    assert_eq!(writer(&server.uri()).consent().await, Ok(Consented::Granted));
    let all = server.received_requests().await.unwrap();
    let grants: Vec<_> = all.iter().filter(|request| request.url.path() == GRANT).collect();
    let [grant] = grants[..] else { panic!("{grants:?}") };
    assert!(grant.body.is_empty());
    assert_eq!(grant.headers.get("content-length").unwrap(), "0");
    assert_eq!(grant.headers.get("content-type"), None);

    let server = graph().await;
    answer(&server, GRANT, status(404)).await;
    assert_eq!(writer(&server.uri()).consent().await, Ok(Consented::NotOffered));

    let server = graph().await;
    answer(&server, GRANT, status(502)).await;
    let error = writer(&server.uri()).consent().await.unwrap_err();
    assert!(matches!(error, WriteError::OutcomeUnknown { .. }), "{error}");
    assert_eq!(count(&server, GRANT).await, 1);
}
