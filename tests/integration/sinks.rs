//! What sinks send, to a real SMTP server and to as much of the interfaces of chats and forges as they
//! need, and what a reader of another make finds in it.
//!
//! Without Python's aiosmtpd, or the published schema of cards, a test says so and passes, unless
//! APPLECART_REQUIRE_INTEROP is set, as `.ci/run` does.

mod forges;
pub(crate) mod mail;

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Arc;

use applecart_core::attention::{Cause, InGit, Matter, MatterTenant, Window};
use applecart_core::model::{Timestamp, TokenRef};
use applecart_core::outlets::event::{CloudEvent, MEDIA_TYPE};
use applecart_core::outlets::message::{Customer, Message, Step, TenantMatters, Told};
use applecart_core::outlets::{chat, words};
use applecart_io::outlets::Sink as _;
use applecart_io::outlets::chat::{ChatKind, ChatSink};
use applecart_io::outlets::http::Http;
use serde_json::Value;
use wiremock::matchers::{body_partial_json, method};
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::formats;
use crate::world::project;

/// What tries to be obeyed, in one name.
const HOSTILE: &str = "Ümlaut \"&\" <Co>\r\nBcc: x@evil.example\u{202e} <!channel> @everyone GH-12 [x](https://evil.example)";

const TENANT: &str = "00000000-0000-4000-8000-000000000001";

fn at() -> Timestamp {
    "2027-01-01T08:00:00Z".parse().unwrap()
}

fn customer() -> Customer {
    Customer {
        name: "contoso".into(),
        display_name: Some(HOSTILE.into()),
        tenant_id: Some(TENANT.parse().unwrap()),
        contacts: vec!["it@contoso.example".into(), "boss@contoso.example".into()],
        ..Customer::default()
    }
}

fn told(cause: Cause, step: Step) -> Told {
    let token = TokenRef { name: Some(HOSTILE.repeat(50)), ..TokenRef::push() };
    let matter = Matter {
        key: format!("{TENANT}/push/-/{}/2027-01-15", cause.code()),
        code: cause.code(),
        severity: cause.severity(),
        tenant: Some(MatterTenant {
            name: "contoso".into(),
            tenant_id: Some(TENANT.parse().unwrap()),
        }),
        token: Some(token),
        since: None,
        due: Some("2027-01-15T08:00:00Z".parse().unwrap()),
        message: format!("The certificate of {HOSTILE} expires."),
        next: "Open the renewal:".into(),
        command: Some("applecart renew contoso/push".into()),
        as_of: None,
        suspended: false,
        command_for_all: None,
        in_git: InGit::No,
        devices: None,
        is_remembered: false,
        window: Some(Window {
            due_from: "2026-12-01T08:00:00Z".parse().unwrap(),
            critical_from: "2027-01-01T08:00:00Z".parse().unwrap(),
        }),
    };
    Told { matter, step }
}

fn message(cause: Cause, step: Step) -> Message {
    Message::digest("hub", TenantMatters::new(customer(), &[told(cause, step)]), at()).unwrap()
}

/// The Python that has this module, or nothing after the reason was printed.
pub(crate) fn python(module: &str) -> Option<PathBuf> {
    let installed = project().join("target/ci-tools/bin/python");
    let found =
        [installed, "/usr/bin/python3".into(), "python3".into()].into_iter().find(|python| {
            Command::new(python)
                .args([
                    "-c",
                    &format!("import importlib.util as u; exit(u.find_spec('{module}') is None)"),
                ])
                .stderr(Stdio::null())
                .status()
                .is_ok_and(|status| status.success())
        });
    if found.is_none() {
        assert!(
            std::env::var_os("APPLECART_REQUIRE_INTEROP").is_none(),
            "Python's {module} is not installed, and APPLECART_REQUIRE_INTEROP is set"
        );
        println!("skipped: Python's {module} is not installed");
    }
    found
}

fn http() -> Arc<Http> {
    let _ = rustls::crypto::ring::default_provider().install_default();
    Arc::new(Http::new().unwrap())
}

#[test]
fn a_card_is_valid_by_its_published_schema() {
    let Some(python) = python("adaptive_cards") else { return };
    // The package brings Microsoft's schemas.
    let find = "import importlib.util as u; print(u.find_spec('adaptive_cards').submodule_search_locations[0] + '/schemas/schema-1.4.json')";
    let output = Command::new(python).args(["-c", find]).output().unwrap();
    let path = String::from_utf8(output.stdout).unwrap();
    let schema: Value = serde_json::from_slice(&std::fs::read(path.trim()).unwrap()).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let all: Vec<Told> = [Cause::Expired, Cause::RenewalDue, Cause::OutOfSync]
        .into_iter()
        .flat_map(|cause| [Step::Raised(1), Step::Resolved(1)].map(|step| told(cause, step)))
        .collect();
    let message = Message::digest("hub", TenantMatters::new(customer(), &all), at()).unwrap();
    let card = serde_json::to_value(chat::teams(&words::of_provider(&message))).unwrap();
    let card = &card["attachments"][0]["content"];
    let errors: Vec<String> = validator
        .iter_errors(card)
        .map(|error| format!("{error} at {}", error.instance_path()))
        .collect();
    assert!(errors.is_empty(), "{errors:?}");
    assert!(!validator.is_valid(
        &serde_json::json!({"type": "AdaptiveCard", "body": [{"type": "RichTextBlock"}]})
    ));
}

/// Reads what a webhook is sent as any receiver would, and says what it found.
const READ_EVENTS: &str = r#"
import json, sys
from cloudevents.core.bindings.http import HTTPMessage, from_http
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent
for line in sys.stdin:
    message = HTTPMessage(headers={"content-type": sys.argv[1]}, body=line.encode())
    event = from_http(message, JSONFormat(), CloudEvent)
    print(json.dumps([event.get_id(), event.get_type(), event.get_subject(), event.get_source(),
        event.get_time().isoformat(), event.get_specversion(), event.get_data()["title"]]))
"#;

#[test]
fn events_are_read_by_the_reader_of_cloudevents_itself() {
    let Some(python) = formats::python("cloudevents.core") else { return };
    let one = |step| message(Cause::Critical, step);
    let several: Vec<Told> =
        [Cause::Expired, Cause::RenewalDue].map(|cause| told(cause, Step::Raised(1))).into();
    let several = TenantMatters::new(customer(), &several);
    let Told { matter, step } = told(Cause::SinkFailing, Step::Raised(1));
    let of_fleet = Told { matter: Matter { tenant: None, ..matter }, step };
    let messages = [
        one(Step::Raised(1)),
        one(Step::Again(3, 1)),
        one(Step::Resolved(1)),
        Message::digest("hub", several, at()).unwrap(),
        Message::of_test("hub", &of_fleet, at()).unwrap(),
    ];
    let events = messages.map(|message| CloudEvent::of(&message));
    let lines: String =
        events.iter().map(|event| serde_json::to_string(event).unwrap() + "\n").collect();
    let (is_read, said) = formats::fed(&python, &["-c", READ_EVENTS, MEDIA_TYPE], &lines);
    assert!(is_read, "{said}");
    let read: Vec<Value> = said.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let own = |event: &CloudEvent| {
        let time = event.time.to_string().replace('Z', "+00:00");
        serde_json::json!([
            event.id,
            event.r#type,
            event.subject,
            event.source,
            time,
            "1.0",
            event.data.title
        ])
    };
    assert_eq!(read, events.iter().map(own).collect::<Vec<Value>>());
    // It is strict: what says not where it is from is none.
    let broken = lines.replacen("\"source\"", "\"origin\"", 1);
    assert!(!formats::fed(&python, &["-c", READ_EVENTS, MEDIA_TYPE], &broken).0);
}

#[tokio::test]
async fn chats_get_their_own_form_at_the_address_of_the_environment_only() {
    let server = MockServer::start().await;
    let host = server.address().to_string();
    let read = |url: String| move |_: &str| Some(url.clone());
    for (kind, shape) in [
        (ChatKind::Teams, serde_json::json!({"type": "message"})),
        (ChatKind::Slack, serde_json::json!({"mrkdwn": false, "link_names": false})),
    ] {
        server.reset().await;
        Mock::given(method("POST"))
            .and(body_partial_json(shape))
            .respond_with(ResponseTemplate::new(202))
            .expect(1)
            .mount(&server)
            .await;
        let sink =
            ChatSink::new(kind, "chat", &host, read(format!("{}/hook", server.uri())), http());
        sink.unwrap().deliver(&message(Cause::Critical, Step::Raised(1))).await.unwrap();
        let other = ChatSink::new(kind, "chat", "hooks.slack.com", read(server.uri()), http());
        let error = other.err().unwrap().to_string();
        assert!(error.contains("APPLECART_SINK_CHAT_URL"), "{error}");
        assert!(error.contains("not the one in applecart.yaml"), "{error}");
    }
}

#[tokio::test]
async fn a_redirect_is_not_followed_and_a_busy_receiver_says_how_long() {
    let server = MockServer::start().await;
    let host = server.address().to_string();
    let url = format!("{}/hook", server.uri());
    let sink =
        ChatSink::new(ChatKind::Slack, "chat", &host, move |_| Some(url.clone()), http()).unwrap();
    let away = ResponseTemplate::new(307).insert_header("location", "/elsewhere");
    Mock::given(method("POST")).respond_with(away).expect(1).mount(&server).await;
    let one = message(Cause::Critical, Step::Raised(1));
    let error = sink.deliver(&one).await.unwrap_err().to_string();
    assert_eq!(error, "127.0.0.1 refused it with status 307");
    server.reset().await;
    let busy = ResponseTemplate::new(429).insert_header("retry-after", "3");
    Mock::given(method("POST")).respond_with(busy).mount(&server).await;
    let error = format!("{:?}", sink.deliver(&one).await.unwrap_err());
    assert!(error.contains("Busy") && error.contains("Some(3s)"), "{error}");
}
