//! What holds for every write of an enrollment or VPP token.

use std::sync::atomic::Ordering;

use serde_json::{Value, json};
use wiremock::matchers::{method, path_regex};
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::super::super::testing::*;
use super::super::super::{ConnectorOptions, TokenText, VppChange, VppCreation};
use super::super::{IntuneWrite, WriteError};
use super::{status, writer};
use applecart_core::model::ProblemCode;

const ID: &str = "1ce97c24-0000-4000-8000-000000000001";
/// Two lines, as files have; each is a marker.
const TOKEN: &str = "MARKERFIRSTLINEOFTHETOKEN\nMARKERSECONDLINEOFTHETOKEN\n";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Call {
    UploadEnrollment,
    ConfigureEnrollment,
    SyncEnrollment,
    UpdateVpp,
    CreateVpp,
    SyncVpp,
}

use Call::{ConfigureEnrollment, CreateVpp, SyncEnrollment, SyncVpp, UpdateVpp, UploadEnrollment};

const ALL: [Call; 6] =
    [UploadEnrollment, ConfigureEnrollment, SyncEnrollment, UpdateVpp, CreateVpp, SyncVpp];

impl Call {
    fn is_sync(self) -> bool {
        matches!(self, SyncEnrollment | SyncVpp)
    }

    /// What this call sends: method and path.
    fn request(self) -> (&'static str, String) {
        match self {
            UploadEnrollment => ("POST", format!("{DEP}/{ID}/uploadDepToken")),
            ConfigureEnrollment => ("PATCH", format!("{DEP}/{ID}")),
            SyncEnrollment => ("POST", format!("{DEP}/{ID}/syncWithAppleDeviceEnrollmentProgram")),
            UpdateVpp => ("PATCH", format!("{VPP}/{ID}")),
            CreateVpp => ("POST", VPP.to_owned()),
            SyncVpp => ("POST", format!("{VPP}/{ID}/syncLicenses")),
        }
    }

    async fn send(self, writer: &IntuneWrite) -> Result<(), WriteError> {
        self.send_for(writer, ID).await
    }

    async fn send_for(self, writer: &IntuneWrite, id: &str) -> Result<(), WriteError> {
        match self {
            UploadEnrollment => writer.upload_enrollment(id, "abm@contoso.example", TOKEN).await,
            ConfigureEnrollment => {
                writer.configure_enrollment(id, &["0".to_owned()]).await.map(|_| ())
            }
            SyncEnrollment => writer.sync_enrollment(id).await.map(|_| ()),
            UpdateVpp => {
                let change = VppChange { token: Some(TokenText(TOKEN)), ..VppChange::default() };
                writer.update_vpp(id, &change).await.map(|_| ())
            }
            CreateVpp => {
                let creation = VppCreation {
                    display_name: "London",
                    apple_id: "vpp@contoso.example",
                    token: TokenText(TOKEN),
                    account_type: None,
                    country_or_region: None,
                    automatically_update_apps: false,
                    claim: false,
                    role_scope_tag_ids: None,
                };
                writer.create_vpp(&creation).await.map(|_| ())
            }
            SyncVpp => writer.sync_vpp(id).await.map(|_| ()),
        }
    }
}

/// The usual success of a call.
fn done(call: Call) -> ResponseTemplate {
    let object = json!({"id": ID, "state": "valid", "tokenType": "dep"});
    match call {
        UploadEnrollment | SyncEnrollment => status(204),
        CreateVpp => status(201).set_body_json(object),
        ConfigureEnrollment | UpdateVpp | SyncVpp => ok(object),
    }
}

/// The requests to Graph, whatever they were for.
async fn sent(server: &MockServer) -> Vec<(String, String)> {
    let all = server.received_requests().await.unwrap();
    all.iter()
        .filter(|request| request.url.path() != token_path())
        .map(|request| (request.method.to_string(), request.url.path().to_owned()))
        .collect()
}

/// A Graph that answers every request like this.
async fn graph_with(template: ResponseTemplate) -> MockServer {
    let server = graph().await;
    Mock::given(path_regex("^/beta/")).respond_with(template).mount(&server).await;
    server
}

/// The error of a call that is answered like this, and how many requests were sent.
async fn error(call: Call, template: ResponseTemplate) -> (WriteError, usize) {
    let server = graph_with(template).await;
    let error = call.send(&writer(&server.uri())).await.unwrap_err();
    let text = format!("{error} {error:?}");
    assert!(!text.contains("MARKER"), "{call:?}: {text}");
    (error, sent(&server).await.len())
}

#[tokio::test]
async fn a_call_is_one_request_of_its_documented_method_and_path() {
    for call in ALL {
        let server = graph_with(done(call)).await;
        call.send(&writer(&server.uri())).await.unwrap();
        let (method, path) = call.request();
        assert_eq!(sent(&server).await, [(method.to_owned(), path)], "{call:?}");
    }
}

#[tokio::test]
async fn a_sync_has_no_body_and_says_so() {
    for call in [SyncEnrollment, SyncVpp] {
        let server = graph_with(done(call)).await;
        call.send(&writer(&server.uri())).await.unwrap();
        let all = server.received_requests().await.unwrap();
        let sync = all.last().unwrap();
        assert!(sync.body.is_empty(), "{call:?}");
        assert_eq!(sync.headers.get("content-length").unwrap(), "0", "{call:?}");
        assert_eq!(sync.headers.get("content-type"), None, "{call:?}");
    }
}

#[tokio::test]
async fn what_is_no_id_is_refused_before_any_request() {
    let connector = connector("http://127.0.0.1:1");
    let writer = connector.writer(TENANT.parse().unwrap(), &auth()).unwrap();
    for call in ALL.into_iter().filter(|call| *call != CreateVpp) {
        for id in ["", " ", ".", "..", "../vppTokens", "a/revokeLicenses", "a?x", "a#x", "%2e%2e"] {
            let error = call.send_for(&writer, id).await.unwrap_err();
            assert!(matches!(error, WriteError::Refused { .. }), "{call:?} {id:?}: {error}");
        }
    }
    assert_eq!(connector.requests(), 0, "not even a sign-in");
}

#[tokio::test]
async fn an_odd_id_stays_one_encoded_segment() {
    for call in ALL.into_iter().filter(|call| *call != CreateVpp) {
        let server = graph_with(status(404)).await;
        call.send_for(&writer(&server.uri()), "a=b,c~1").await.unwrap_err();
        let (_, path) = call.request();
        let expected = path.replace(ID, "a%3Db%2Cc~1");
        assert_eq!(sent(&server).await[0].1, expected, "{call:?}");
    }
}

#[tokio::test]
async fn an_unknown_id_is_said_in_plain_words() {
    for call in ALL.into_iter().filter(|call| *call != CreateVpp) {
        let body = graph_error("ResourceNotFound", "An error has occurred");
        let (error, sent) = error(call, status(404).set_body_json(body)).await;
        let WriteError::Rejected { status: 404, code, request_id, detail } = error else {
            panic!("{call:?}: {error}")
        };
        assert_eq!(code.as_deref(), Some("ResourceNotFound"));
        assert_eq!(request_id.as_deref(), Some("11111111-aaaa"));
        let name = if call.request().1.starts_with(DEP) { "enrollment" } else { "VPP" };
        assert!(detail.contains(&format!("no {name} token with the id {ID}")), "{detail}");
        assert_eq!(sent, 1, "{call:?}");
    }
}

#[tokio::test]
async fn a_definite_refusal_is_told_once() {
    for call in ALL {
        for code in [400, 404, 405, 410, 412, 413, 415, 422] {
            let body = graph_error("BadRequest", "The token is void");
            let (error, sent) = error(call, status(code).set_body_json(body)).await;
            let WriteError::Rejected { status, detail, .. } = error else {
                panic!("{call:?} {code}: {error}")
            };
            assert_eq!((status, sent), (code, 1), "{call:?}");
            assert!(detail.contains("The token is void"), "{detail}");
        }
    }
}

#[tokio::test]
async fn a_missing_permission_is_named() {
    for call in ALL {
        let (error, sent) = error(call, status(403)).await;
        assert!(matches!(error, WriteError::NotPermitted { .. }), "{call:?}: {error}");
        let text = error.to_string();
        assert!(text.contains("DeviceManagementServiceConfig.ReadWrite.All"), "{text}");
        assert_eq!(sent, 1, "{call:?}");
    }
}

#[tokio::test]
async fn a_refused_token_is_replaced_once_and_the_call_is_then_carried_out_once() {
    for call in ALL {
        let (method_name, path) = call.request();
        let server = graph().await;
        answers(&server, &path, vec![status(401), done(call)]).await;
        call.send(&writer(&server.uri())).await.unwrap();
        assert_eq!(sent(&server).await, vec![(method_name.to_owned(), path); 2], "{call:?}");
        assert_eq!(count(&server, &token_path()).await, 2, "{call:?}");

        let (error, sent) = error(call, status(401)).await;
        let WriteError::NotSent { problem } = &error else { panic!("{call:?}: {error}") };
        assert_eq!(problem.code, ProblemCode::SignInFailed);
        assert!(!error.to_string().contains("permission"), "{error}");
        assert_eq!(sent, 2, "{call:?}");
    }
}

#[tokio::test]
async fn multi_admin_approval_is_recognised() {
    for call in ALL {
        for (code, name, message) in [
            (403, "ApprovalRequired", "x"),
            (
                400,
                "BadRequest",
                "Header x-msft-approval-justification is required, see 15 minutes later",
            ),
            (412, "BadRequest", "Approval Required. Ask again in 15 minutes"),
        ] {
            let answer = status(code).set_body_json(graph_error(name, message));
            let (error, sent) = error(call, answer).await;
            assert!(matches!(error, WriteError::ApprovalRequired { .. }), "{call:?}: {error}");
            assert_eq!(sent, 1);
        }
    }
}

#[tokio::test]
async fn what_may_have_happened_is_never_repeated() {
    for call in ALL {
        for code in [307, 408, 409, 500, 502, 503, 504] {
            let (error, sent) = error(call, status(code)).await;
            assert!(matches!(error, WriteError::OutcomeUnknown { .. }), "{call:?} {code}: {error}");
            assert_eq!(sent, 1, "{call:?} {code}");
        }
        let (address, seen) = raw_server(|_, _| None).await;
        let error = call.send(&writer(&address)).await.unwrap_err();
        assert!(matches!(error, WriteError::OutcomeUnknown { .. }), "{call:?}: {error}");
        assert_eq!(seen.load(Ordering::SeqCst), 1, "{call:?}");
    }
}

#[tokio::test]
async fn no_answer_in_time_is_an_unknown_outcome_of_one_request() {
    let server = graph_with(status(204).set_delay(std::time::Duration::from_secs(30))).await;
    let change = |options: &mut ConnectorOptions| {
        options.timeout = std::time::Duration::from_millis(200);
    };
    let connector = connector_with(&server.uri(), change);
    let writer = connector.writer(TENANT.parse().unwrap(), &auth()).unwrap();
    for (nth, call) in ALL.into_iter().enumerate() {
        let error = call.send(&writer).await.unwrap_err();
        assert!(matches!(error, WriteError::OutcomeUnknown { .. }), "{call:?}: {error}");
        assert_eq!(sent(&server).await.len(), nth + 1, "{call:?}");
    }
}

#[tokio::test]
async fn a_success_that_is_not_the_documented_one_is_an_unknown_outcome() {
    let another = json!({"id": "another", "state": "valid", "tokenType": "dep"}).to_string();
    let no_token = json!({"id": ID, "tokenType": "none"}).to_string();
    for call in [ConfigureEnrollment, UpdateVpp, CreateVpp] {
        for body in ["", "<html>MARKER</html>", "{}", "[]", "{\"id\":\"\"}", "{\"id\":\"1ce"] {
            let (error, sent) = error(call, status(200).set_body_string(body)).await;
            assert!(matches!(error, WriteError::OutcomeUnknown { .. }), "{call:?}: {error}");
            assert_eq!(sent, 1);
        }
    }
    for (call, body) in
        [(ConfigureEnrollment, &another), (UpdateVpp, &another), (ConfigureEnrollment, &no_token)]
    {
        let (error, _) = error(call, status(200).set_body_string(body)).await;
        assert!(matches!(error, WriteError::OutcomeUnknown { .. }), "{call:?}: {error}");
    }
    for body in ["<html>MARKER</html>", "{}", "{\"value\":\"MARKER\"}"] {
        let (error, _) = error(UploadEnrollment, status(200).set_body_string(body)).await;
        assert!(matches!(error, WriteError::OutcomeUnknown { .. }), "{body}: {error}");
    }
}

#[tokio::test]
async fn a_throttled_write_is_sent_again_and_a_throttled_sync_is_not() {
    for call in ALL {
        let (method_name, path) = call.request();
        let server = graph().await;
        let throttled = status(429).insert_header("retry-after", "0");
        answers(&server, &path, vec![throttled, done(call)]).await;
        call.send(&writer(&server.uri())).await.unwrap();
        let times = if call.is_sync() { 1 } else { 2 };
        assert_eq!(sent(&server).await, vec![(method_name.to_owned(), path); times], "{call:?}");
    }
    for call in ALL.into_iter().filter(|call| !call.is_sync()) {
        let (error, sent) = error(call, status(429)).await;
        assert!(matches!(error, WriteError::Throttled { .. }), "{call:?}: {error}");
        assert_eq!(sent, 8, "{call:?}");
    }
}

#[tokio::test]
async fn without_a_sign_in_nothing_is_sent() {
    let server = MockServer::start().await;
    let refused = json!({"error": "invalid_client", "error_codes": [7000222]});
    Mock::given(method("POST"))
        .respond_with(status(401).set_body_json(refused))
        .mount(&server)
        .await;
    for call in ALL {
        let error = call.send(&writer(&server.uri())).await.unwrap_err();
        assert!(matches!(error, WriteError::NotSent { .. }), "{call:?}: {error}");
    }
    assert_eq!(sent(&server).await, []);
}

#[tokio::test]
async fn after_the_end_of_the_run_nothing_is_sent() {
    let server = graph_with(status(204)).await;
    let change = |options: &mut ConnectorOptions| options.retry.run = std::time::Duration::ZERO;
    let connector = connector_with(&server.uri(), change);
    let writer = connector.writer(TENANT.parse().unwrap(), &auth()).unwrap();
    for call in ALL {
        let error = call.send(&writer).await.unwrap_err();
        assert!(matches!(error, WriteError::NotSent { .. }), "{call:?}: {error}");
    }
    assert_eq!(connector.requests(), 0);
}

#[tokio::test]
async fn no_reflected_secret_is_shown() {
    let quoted = Value::from(TOKEN).to_string();
    for call in [UploadEnrollment, UpdateVpp, CreateVpp] {
        for reflected in [
            TOKEN,
            "MARKERSECONDLINEOFTHETOKEN",
            "got MARKERFIRSTLINEO",
            r"\nMARKERSECONDLINEOFTHETOKEN\n",
            quoted.as_str(),
            &format!("Bearer {BEARER}"),
            SECRET,
        ] {
            let codes: &[u16] = if reflected == TOKEN { &[400, 404, 409, 500] } else { &[400] };
            for &code in codes {
                let body = graph_error("BadRequest", reflected);
                error(call, status(code).set_body_json(body)).await;
                let body = graph_error(reflected, "The token is void");
                error(call, status(code).set_body_json(body)).await;
                let body = graph_error("BadRequest", &json!({"Message": reflected}).to_string());
                error(call, status(code).set_body_json(body)).await;
            }
        }
    }
}
