use super::*;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

const FILE: &str = "Content-Type: application/pkcs7-mime; name=\"smime.p7m\"\r\n\r\nMIAG\r\n";

fn action(name: &str) -> String {
    format!("{DEP}/dep-1/{name}")
}

fn upload(token: &str) -> Value {
    json!({ "appleId": "abm@contoso.example", "depToken": token })
}

#[tokio::test]
async fn settings_are_listed_with_their_count() {
    let world = World::new(full_tenant()).await;
    let json = world.get(DEP).await.json();
    assert_eq!(json["@odata.count"], 1);
    assert_eq!(json["value"][0]["tokenName"], "Contoso ABM");
    assert_eq!(json["value"][0]["tokenType"], "dep");
    assert_eq!(world.get(&format!("{DEP}/dep-1")).await.json()["id"], "dep-1");
    assert_eq!(world.get(&format!("{DEP}/other")).await.code(), "ResourceNotFound");
}

#[tokio::test]
async fn an_upload_is_204_and_moves_expiry_and_last_modified() {
    let world = World::new(full_tenant()).await;
    let answer = world.post(&action("uploadDepToken"), Some(&upload(&STANDARD.encode(FILE)))).await;
    assert_eq!((answer.status, answer.text.as_str()), (204, ""));
    let json = world.get(&format!("{DEP}/dep-1")).await.json();
    assert_eq!(json["tokenExpirationDateTime"], "2028-01-10T12:00:00Z");
    assert_eq!(json["lastModifiedDateTime"], "2027-01-10T12:00:00Z");
    assert_eq!(json["appleIdentifier"], "abm@contoso.example");
    assert_eq!(world.state().uploads(world.id).len(), 1);
}

#[tokio::test]
async fn an_upload_takes_the_tenants_encoding_and_no_other() {
    let encoded = STANDARD.encode(FILE);
    for (encoding, good, bad) in
        [(DepEncoding::Base64, encoded.as_str(), FILE), (DepEncoding::Text, FILE, encoded.as_str())]
    {
        let mut tenant = full_tenant();
        tenant.switches.dep_encoding = encoding;
        let world = World::new(tenant).await;
        let path = action("uploadDepToken");
        assert_eq!(world.post(&path, Some(&upload(bad))).await.status, 400);
        assert_eq!(world.post(&path, Some(&upload(good))).await.status, 204);
    }
}

#[tokio::test]
async fn an_upload_must_be_whole_and_for_a_known_setting() {
    let world = World::new(full_tenant()).await;
    let path = action("uploadDepToken");
    for body in [
        json!({}),
        json!({ "depToken": "x" }),
        json!({ "appleId": "", "depToken": "x" }),
        upload("x"),
    ] {
        assert_eq!(world.post(&path, Some(&body)).await.status, 400, "{body}");
    }
    let stray = path.replace("dep-1", "dep-2");
    assert_eq!(world.post(&stray, Some(&upload("x"))).await.status, 404);
    assert_eq!(world.tenant(), full_tenant());
}

#[tokio::test]
async fn a_sync_is_noted_and_succeeds_while_there_is_no_error() {
    let mut tenant = full_tenant();
    let broken = Enrollment {
        id: "dep-2".to_owned(),
        last_sync_error_code: 3,
        ..Enrollment::new("Broken", now() + chrono::Duration::days(9))
    };
    tenant.dep_onboarding_settings.push(broken);
    let world = World::new(tenant).await;
    let path = action("syncWithAppleDeviceEnrollmentProgram");
    assert_eq!(world.post(&path, None).await.status, 204);
    assert_eq!(world.post(&path.replace("dep-1", "dep-2"), None).await.status, 204);
    let settings = world.tenant().dep_onboarding_settings;
    assert_eq!(settings[0].last_successful_sync_date_time, now());
    assert_eq!(settings[1].last_sync_triggered_date_time, now());
    assert!(settings[1].last_successful_sync_date_time < now());
}

#[tokio::test]
async fn the_public_key_stays_until_another_is_generated() {
    let world = World::new(full_tenant()).await;
    let token = world.reader().await;
    let path = action("getEncryptionPublicKey");
    let key = async || world.call(Method::GET, &path, &token, None).await.json()["value"].clone();
    let one = key().await;
    assert!(one.as_str().unwrap().starts_with("-----BEGIN CERTIFICATE-----\n"));
    assert_eq!(one, key().await);
    // The reader may do this harm.
    let anew = action("generateEncryptionPublicKey");
    assert_eq!(world.call(Method::POST, &anew, &token, None).await.status, 200);
    assert_ne!(one, key().await);
    assert_eq!(world.state().violations()[0].what, "key-regenerated");
}

#[tokio::test]
async fn settings_that_may_be_changed_are() {
    let world = World::new(full_tenant()).await;
    let path = format!("{DEP}/dep-1");
    let answer = world.patch(&path, &json!({ "roleScopeTagIds": ["0", "7"] })).await;
    assert_eq!(answer.json()["roleScopeTagIds"], json!(["0", "7"]));
    assert_eq!(world.patch(&path, &json!({ "tokenExpirationDateTime": "x" })).await.status, 400);
}
