//! Enrollment program tokens: bodies, what is refused, and Intune's limit on syncs.

use serde_json::json;
use wiremock::matchers::{body_json, header, method, path};
use wiremock::{Mock, ResponseTemplate};

use super::super::super::testing::*;
use super::super::tests::{status, writer};
use super::*;

const ID: &str = "39d1a707-0000-4000-8000-000000000001";
const APPLE_ID: &str = "abm@contoso.example";
const P7M: &str =
    "Content-Type: application/pkcs7-mime\r\n\r\nMARKERp7mFIRST\r\nMARKERp7mSECOND\r\n";

fn upload() -> String {
    format!("{DEP}/{ID}/uploadDepToken")
}

fn sync() -> String {
    format!("{DEP}/{ID}/syncWithAppleDeviceEnrollmentProgram")
}

fn tags(ids: &[&str]) -> Vec<String> {
    ids.iter().map(|id| (*id).to_owned()).collect()
}

#[tokio::test]
async fn an_upload_sends_the_text_with_its_line_breaks() {
    let server = graph().await;
    Mock::given(method("POST"))
        .and(path(upload()))
        .and(header("content-type", "application/json"))
        .and(body_json(json!({"appleId": APPLE_ID, "depToken": P7M})))
        .respond_with(status(204))
        .expect(1)
        .mount(&server)
        .await;
    assert_eq!(writer(&server.uri()).upload_enrollment(ID, APPLE_ID, P7M).await, Ok(()));
}

#[tokio::test]
async fn any_success_without_a_text_is_one() {
    for code in [200, 201, 202, 204] {
        let server = graph().await;
        answer(&server, &upload(), status(code).set_body_string(" \r\n")).await;
        let answer = writer(&server.uri()).upload_enrollment(ID, APPLE_ID, P7M).await;
        assert_eq!(answer, Ok(()), "{code}");
    }
}

#[tokio::test]
async fn nothing_blank_and_no_private_key_leaves() {
    let connector = connector("http://127.0.0.1:1");
    let writer = connector.writer(TENANT.parse().unwrap(), &auth()).unwrap();
    let key = "-----BEGIN PRIVATE KEY-----\nMARKER\n-----END PRIVATE KEY-----";
    for (apple_id, token) in
        [("", P7M), (" \u{200b}", P7M), (APPLE_ID, ""), (APPLE_ID, "\r\n"), (APPLE_ID, key)]
    {
        let error = writer.upload_enrollment(ID, apple_id, token).await.unwrap_err();
        assert!(matches!(error, WriteError::Refused { .. }), "{error}");
        assert!(!format!("{error} {error:?}").contains("MARKER"));
    }
    for tags in [tags(&[]), tags(&["0", " "])] {
        let error = writer.configure_enrollment(ID, &tags).await.unwrap_err();
        assert!(matches!(error, WriteError::Refused { .. }), "{error}");
    }
    assert_eq!(connector.requests(), 0, "not even a sign-in");
}

#[tokio::test]
async fn settings_are_changed_alone_and_come_back() {
    let server = graph().await;
    let shown = json!({"id": ID.to_uppercase(), "tokenName": "ABM", "tokenType": "dep", "roleScopeTagIds": ["0", "7"]});
    Mock::given(method("PATCH"))
        .and(path(format!("{DEP}/{ID}")))
        .and(body_json(json!({"roleScopeTagIds": ["0", "7"]})))
        .respond_with(ok(shown))
        .expect(1)
        .mount(&server)
        .await;
    let tags = tags(&["0", "7"]);
    let live = writer(&server.uri()).configure_enrollment(ID, &tags).await.unwrap();
    assert_eq!(live.role_scope_tag_ids, Some(tags));
}

async fn synced(template: ResponseTemplate) -> (Result<Synced, WriteError>, usize) {
    let server = graph().await;
    answer(&server, &sync(), template).await;
    let synced = writer(&server.uri()).sync_enrollment(ID).await;
    (synced, count(&server, &sync()).await)
}

#[tokio::test]
async fn a_sync_is_started_or_too_soon_after_one_request() {
    assert_eq!(synced(status(204)).await, (Ok(Synced::Started), 1));
    let throttled = status(429).insert_header("retry-after", "1");
    assert_eq!(synced(throttled).await, (Ok(Synced::TooSoon), 1));
    for (code, name, message) in [
        (400, "TooManyRequests", "x"),
        (400, "BadRequest", "A sync can be requested every 15 minutes"),
        (409, "Conflict", "{\"Message\":\"A sync is already in progress\"}"),
    ] {
        let answer = status(code).set_body_json(graph_error(name, message));
        assert_eq!(synced(answer).await, (Ok(Synced::TooSoon), 1), "{message}");
    }
}

#[tokio::test]
async fn another_refusal_of_a_sync_is_not_too_soon() {
    let body = graph_error("BadRequest", "The token has expired");
    let (error, _) = synced(status(400).set_body_json(body)).await;
    assert!(matches!(error, Err(WriteError::Rejected { status: 400, .. })), "{error:?}");
    for code in [403, 500] {
        let body = graph_error("TooManyRequests", "every 15 minutes");
        let (error, _) = synced(status(code).set_body_json(body)).await;
        assert!(error.is_err(), "{code}");
    }
}
