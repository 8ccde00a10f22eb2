//! One token by its id, and the key of an enrollment token.

use serde_json::json;
use wiremock::matchers::{header, method, path};
use wiremock::{Mock, ResponseTemplate};

use super::super::super::testing::*;
use super::super::super::{Connector, KeyRequest};
use applecart_core::model::{LiveEnrollment, LiveVpp, Problem, ProblemCode, Reading, Resource};

const ID: &str = "39d1a707-0000-4000-8000-00000000000a";

fn key_request(id: &str) -> KeyRequest {
    KeyRequest { tenant_id: TENANT.parse().unwrap(), auth: auth(), id: id.to_owned() }
}

async fn enrollment(reader: &Connector, id: &str) -> Reading<LiveEnrollment> {
    reader.read_one_enrollment(TENANT.parse().unwrap(), &auth(), id).await
}

async fn vpp(reader: &Connector, id: &str) -> Reading<LiveVpp> {
    reader.read_one_vpp(TENANT.parse().unwrap(), &auth(), id).await
}

fn status(status: u16) -> ResponseTemplate {
    ResponseTemplate::new(status)
}

/// What all three reads say of this answer.
async fn problems(template: ResponseTemplate) -> [Option<Problem>; 3] {
    let server = graph().await;
    for at in
        [format!("{DEP}/{ID}"), format!("{DEP}/{ID}/getEncryptionPublicKey"), format!("{VPP}/{ID}")]
    {
        answer(&server, &at, template.clone()).await;
    }
    let connector = connector(&server.uri());
    [
        enrollment(&connector, ID).await.problem().cloned(),
        vpp(&connector, ID).await.problem().cloned(),
        connector.encryption_key(&key_request(ID)).await.problem().cloned(),
    ]
}

#[tokio::test]
async fn one_token_is_one_get() {
    let server = graph().await;
    for at in [DEP, VPP] {
        Mock::given(method("GET"))
            .and(path(format!("{at}/{ID}")))
            .and(header("prefer", "include-unknown-enum-members"))
            .respond_with(ok(
                json!({"id": ID.to_uppercase(), "tokenType": "dep", "state": "valid"}),
            ))
            .expect(1)
            .mount(&server)
            .await;
    }
    let connector = connector(&server.uri());
    assert_eq!(enrollment(&connector, ID).await.present().unwrap().id, ID.to_uppercase());
    assert_eq!(vpp(&connector, ID).await.present().unwrap().state, "valid");
    assert_eq!(connector.requests(), 3, "a sign-in and two reads");
}

#[tokio::test]
async fn the_key_is_read_as_it_is_and_never_made() {
    let server = graph().await;
    let pem = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n";
    Mock::given(method("GET"))
        .and(path(format!("{DEP}/{ID}/getEncryptionPublicKey")))
        .respond_with(ok(json!({"@odata.context": "x", "value": pem})))
        .expect(1)
        .mount(&server)
        .await;
    let connector = connector(&server.uri());
    let key = connector.encryption_key(&key_request(ID)).await;
    assert_eq!(key, Reading::Present(pem.to_owned()));
    assert_eq!(connector.requests(), 2);
}

#[tokio::test]
async fn a_token_is_absent_only_by_graphs_word_and_a_key_never() {
    let gone = status(404).set_body_json(graph_error("ResourceNotFound", "x"));
    let [enrollment, vpp, key] = problems(gone).await;
    assert_eq!((enrollment, vpp), (None, None));
    assert_eq!(key.unwrap().code, ProblemCode::BadAnswer);

    for other in [status(404), status(404).set_body_json(graph_error("BadRequest", "segment"))] {
        for problem in problems(other).await {
            assert_eq!(problem.unwrap().code, ProblemCode::BadAnswer);
        }
    }
}

#[tokio::test]
async fn absent_is_told_apart_from_unknown() {
    let server = graph().await;
    let gone = status(404).set_body_json(graph_error("ResourceNotFound", "x"));
    answer(&server, &format!("{VPP}/{ID}"), gone).await;
    // The pseudo-entry of Apple Configurator is no token.
    answer(&server, &format!("{DEP}/{ID}"), ok(json!({"id": ID, "tokenType": "none"}))).await;
    let connector = connector(&server.uri());
    assert_eq!(vpp(&connector, ID).await, Reading::Absent);
    assert_eq!(enrollment(&connector, ID).await, Reading::Absent);
}

#[tokio::test]
async fn failures_are_problems_of_their_resource() {
    for (code, expected) in [
        (403, ProblemCode::Forbidden),
        (400, ProblemCode::BadAnswer),
        (429, ProblemCode::Throttled),
        (401, ProblemCode::SignInFailed),
        (503, ProblemCode::ServerError),
    ] {
        let resources = [Resource::Enrollment, Resource::Vpp, Resource::Enrollment];
        for (problem, resource) in problems(status(code)).await.into_iter().zip(resources) {
            let problem = problem.unwrap();
            assert_eq!((problem.code, problem.resource), (expected, Some(resource)), "{code}");
            if code == 403 {
                let permission = problem.permission.unwrap();
                assert_eq!(permission, "DeviceManagementServiceConfig.Read.All");
            }
        }
    }
}

#[tokio::test]
async fn an_answer_about_something_else_is_a_bad_one() {
    for body in [
        "<html>MARKER</html>",
        "{}",
        "[]",
        "{\"value\":\" \"}",
        "{\"value\":null}",
        "{\"id\":\"another\",\"state\":\"valid\"}",
    ] {
        for problem in problems(status(200).set_body_string(body)).await {
            let problem = problem.unwrap();
            assert_eq!(problem.code, ProblemCode::BadAnswer, "{body}");
            assert!(!format!("{problem:?}").contains("MARKER"));
        }
    }
}

#[tokio::test]
async fn a_failure_of_the_server_is_asked_again() {
    let server = graph().await;
    let at = format!("{VPP}/{ID}");
    let body = json!({"id": ID, "state": "valid"});
    answers(&server, &at, vec![status(503), status(401), ok(body)]).await;
    assert!(vpp(&connector(&server.uri()), ID).await.present().is_some());
    assert_eq!(count(&server, &at).await, 3);
}

#[tokio::test]
async fn what_is_no_id_is_not_asked_for() {
    let connector = connector("http://127.0.0.1:1");
    for id in ["", "..", "a/generateEncryptionPublicKey", "a?b", "a%2Fb"] {
        for problem in [
            enrollment(&connector, id).await.problem(),
            vpp(&connector, id).await.problem(),
            connector.encryption_key(&key_request(id)).await.problem(),
        ] {
            assert_eq!(problem.unwrap().code, ProblemCode::InvalidFile, "{id:?}");
        }
    }
    assert_eq!(connector.requests(), 0);
}
