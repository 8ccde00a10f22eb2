//! VPP tokens: bodies, and what is refused.

use serde_json::{Value, json};
use wiremock::matchers::{body_json, header, method, path};
use wiremock::{Mock, MockServer};

use super::super::super::testing::*;
use super::super::tests::{status, writer};
use super::*;

const ID: &str = "1ce97c24-0000-4000-8000-000000000001";
const TOKEN: &str = "eyJNQVJLRVI6dG9rZW4iOiJNQVJLRVI6dG9rZW4ifQ==\n";

fn shown() -> Value {
    json!({"id": ID, "displayName": "London", "state": "valid", "token": null, "lastAppCount": 3})
}

/// Expects exactly one request with exactly this body.
async fn expect(verb: &str, at: &str, body: Value, answer: u16) -> MockServer {
    let server = graph().await;
    Mock::given(method(verb))
        .and(path(at))
        .and(header("content-type", "application/json"))
        .and(body_json(body))
        .respond_with(status(answer).set_body_json(shown()))
        .expect(1)
        .mount(&server)
        .await;
    server
}

fn creation() -> VppCreation<'static> {
    VppCreation {
        display_name: "London",
        apple_id: "vpp@contoso.example",
        token: TokenText(TOKEN),
        account_type: Some("business"),
        country_or_region: Some("gb"),
        automatically_update_apps: true,
        claim: false,
        role_scope_tag_ids: None,
    }
}

#[tokio::test]
async fn a_change_sends_what_is_given_and_nothing_else() {
    let tags = ["0".to_owned(), "7".to_owned()];
    let none = VppChange::default();
    let cases = [
        (VppChange { token: Some(TokenText(TOKEN)), ..none }, json!({"token": TOKEN}), None),
        (VppChange { apple_id: Some("a@b"), ..none }, json!({"appleId": "a@b"}), None),
        (
            VppChange { claim: Some(true), ..none },
            json!({"claimTokenManagementFromExternalMdm": true}),
            Some(Setting::Claim),
        ),
        (
            VppChange { display_name: Some("Ł\u{1f34e}"), ..none },
            json!({"displayName": "Ł\u{1f34e}"}),
            Some(Setting::DisplayName),
        ),
        (
            VppChange { country_or_region: Some("gb"), ..none },
            json!({"countryOrRegion": "gb"}),
            Some(Setting::CountryOrRegion),
        ),
        (
            VppChange { automatically_update_apps: Some(false), ..none },
            json!({"automaticallyUpdateApps": false}),
            Some(Setting::AutomaticallyUpdateApps),
        ),
        (
            VppChange { role_scope_tag_ids: Some(&tags), ..none },
            json!({"roleScopeTagIds": ["0", "7"]}),
            Some(Setting::RoleScopeTagIds),
        ),
    ];
    for (change, body, setting) in cases {
        let server = expect("PATCH", &format!("{VPP}/{ID}"), body, 200).await;
        let live = writer(&server.uri()).update_vpp(ID, &change).await.unwrap();
        assert_eq!(live.display_name.as_deref(), Some("London"));
        assert_eq!(change.requested(), setting.into_iter().collect::<Vec<_>>());
    }
}

#[tokio::test]
async fn a_new_token_is_made_with_all_that_intune_asks_for() {
    let body = json!({
        "@odata.type": "#microsoft.graph.vppToken",
        "displayName": "London",
        "appleId": "vpp@contoso.example",
        "token": TOKEN,
        "vppTokenAccountType": "business",
        "countryOrRegion": "gb",
        "automaticallyUpdateApps": true,
        "claimTokenManagementFromExternalMdm": false,
        "dataSharingConsentGranted": true,
    });
    let server = expect("POST", VPP, body.clone(), 201).await;
    assert_eq!(writer(&server.uri()).create_vpp(&creation()).await.unwrap().id, ID);

    let mut body = body;
    let tags = ["7".to_owned()];
    body["roleScopeTagIds"] = json!(["7"]);
    let members = body.as_object_mut().unwrap();
    members.remove("vppTokenAccountType");
    members.remove("countryOrRegion");
    let server = expect("POST", VPP, body, 201).await;
    let creation = VppCreation {
        role_scope_tag_ids: Some(&tags),
        account_type: None,
        country_or_region: None,
        ..creation()
    };
    writer(&server.uri()).create_vpp(&creation).await.unwrap();
}

#[tokio::test]
async fn nothing_blank_and_no_private_key_leaves() {
    let connector = connector("http://127.0.0.1:1");
    let writer = connector.writer(TENANT.parse().unwrap(), &auth()).unwrap();
    let none = VppChange::default();
    let key = "-----BEGIN RSA PRIVATE KEY-----\nMARKER\n-----END RSA PRIVATE KEY-----";
    let blank_tag = [String::new()];
    for change in [
        none,
        VppChange { token: Some(TokenText("")), ..none },
        VppChange { token: Some(TokenText(" \n")), ..none },
        VppChange { token: Some(TokenText(key)), ..none },
        VppChange { token: Some(TokenText(TOKEN)), apple_id: Some(" "), ..none },
        VppChange { token: Some(TokenText(TOKEN)), display_name: Some(""), ..none },
        VppChange { country_or_region: Some(""), ..none },
        VppChange { role_scope_tag_ids: Some(&[]), ..none },
        VppChange { role_scope_tag_ids: Some(&blank_tag), ..none },
    ] {
        let error = writer.update_vpp(ID, &change).await.unwrap_err();
        assert!(matches!(error, WriteError::Refused { .. }), "{change:?}: {error}");
        assert!(!format!("{error} {error:?}").contains("MARKER"));
    }
    for creation in [
        VppCreation { token: TokenText(""), ..creation() },
        VppCreation { token: TokenText(key), ..creation() },
        VppCreation { apple_id: "", ..creation() },
        VppCreation { display_name: " ", ..creation() },
        VppCreation { account_type: Some(""), ..creation() },
        VppCreation { country_or_region: Some(""), ..creation() },
        VppCreation { role_scope_tag_ids: Some(&[]), ..creation() },
    ] {
        let error = writer.create_vpp(&creation).await.unwrap_err();
        assert!(matches!(error, WriteError::Refused { .. }), "{creation:?}: {error}");
    }
    assert_eq!(connector.requests(), 0, "not even a sign-in");
}

#[test]
fn debug_shows_no_token() {
    let change = VppChange { token: Some(TokenText(TOKEN)), ..VppChange::default() };
    let text = format!("{change:?} {change:#?} {:?} {:#?}", creation(), creation());
    assert!(!text.contains("eyJ"), "{text}");
    assert!(text.contains("London"));
}

#[tokio::test]
async fn a_sync_is_started_whatever_intune_says_with_it() {
    for body in ["", "{}", "<html>", &shown().to_string()] {
        let server = graph().await;
        let at = format!("{VPP}/{ID}/syncLicenses");
        answer(&server, &at, status(200).set_body_string(body)).await;
        assert_eq!(writer(&server.uri()).sync_vpp(ID).await, Ok(Synced::Started), "{body}");
    }
}

#[tokio::test]
async fn a_second_sync_too_soon_is_told_after_one_request() {
    let server = graph().await;
    let at = format!("{VPP}/{ID}/syncLicenses");
    answer(&server, &at, status(429).insert_header("retry-after", "1")).await;
    assert_eq!(writer(&server.uri()).sync_vpp(ID).await, Ok(Synced::TooSoon));
    assert_eq!(count(&server, &at).await, 1);
}
