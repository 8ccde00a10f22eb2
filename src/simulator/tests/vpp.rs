use super::*;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

fn token(world: &World, organization: &str, location: &str) -> String {
    world.running.apple().vpp_token(&VppRequest {
        organization: organization.to_owned(),
        location: location.to_owned(),
        expires: "2028-01-01T00:00:00Z".parse().unwrap(),
    })
}

fn path() -> String {
    format!("{VPP}/vpp-1")
}

#[tokio::test]
async fn v1_knows_fewer_properties_than_beta() {
    let world = World::new(full_tenant()).await;
    let beta = world.get(&path()).await.json();
    let v1 = world.get(&path().replace("beta", "v1.0")).await.json();
    for name in ["displayName", "locationName", "roleScopeTagIds", "tokenActionResults"] {
        assert!(beta.get(name).is_some() && v1.get(name).is_none(), "{name}");
    }
    assert_eq!((&v1["state"], &v1["token"]), (&json!("valid"), &Value::Null));
    let body = json!({ "displayName": "x" });
    assert_eq!(world.patch(&path().replace("beta", "v1.0"), &body).await.status, 400);
}

#[tokio::test]
async fn a_renewal_shows_what_the_token_says_and_keeps_the_rest() {
    let world = World::new(full_tenant()).await;
    let token = token(&world, "Contoso Ltd", "London");
    let json = world.patch(&path(), &json!({ "token": token })).await.json();
    assert_eq!(json["expirationDateTime"], "2028-01-01T00:00:00Z");
    assert_eq!(json["organizationName"], "Contoso Ltd");
    assert_eq!((&json["locationName"], &json["displayName"]), (&json!("London"), &json!("London")));
    assert_eq!((&json["state"], &json["token"]), (&json!("valid"), &Value::Null));
    assert_eq!(world.state().uploads(world.id).len(), 1);
}

#[tokio::test]
async fn another_locations_token_moves_the_location_because_apple_says_so() {
    let world = World::new(full_tenant()).await;
    let token = token(&world, "Contoso", "Paris");
    let json = world.patch(&path(), &json!({ "token": token })).await.json();
    assert_eq!(json["locationName"], "Paris");
}

#[tokio::test]
async fn a_token_takes_the_tenants_encoding_and_no_other() {
    for encoding in [VppEncoding::Text, VppEncoding::Base64] {
        let mut tenant = full_tenant();
        tenant.switches.vpp_encoding = encoding;
        let world = World::new(tenant).await;
        let text = token(&world, "Contoso", "London");
        let twice = STANDARD.encode(&text);
        let (good, bad) = if encoding == VppEncoding::Text { (text, twice) } else { (twice, text) };
        assert_eq!(world.patch(&path(), &json!({ "token": bad })).await.status, 400);
        assert_eq!(world.patch(&path(), &json!({ "token": good })).await.status, 200);
    }
}

#[tokio::test]
async fn an_empty_token_is_refused_and_remembered() {
    let world = World::new(full_tenant()).await;
    assert_eq!(world.patch(&path(), &json!({ "token": "" })).await.status, 400);
    assert_eq!(world.state().violations()[0].what, "empty-token");
    assert_eq!(world.tenant(), full_tenant());
}

#[tokio::test]
async fn a_new_token_needs_a_file_and_gets_an_id() {
    let world = World::new(full_tenant()).await;
    assert_eq!(world.post(VPP, Some(&json!({ "displayName": "Paris" }))).await.status, 400);
    let body = json!({
        "@odata.type": "#microsoft.graph.vppToken", "displayName": "Paris", "countryOrRegion": "fr",
        "appleId": "vpp@contoso.example", "token": token(&world, "Contoso", "Paris"),
        "automaticallyUpdateApps": true, "vppTokenAccountType": "education",
    });
    let answer = world.post(VPP, Some(&body)).await;
    assert_eq!(answer.status, 201);
    let json = answer.json();
    assert_eq!((&json["locationName"], &json["countryOrRegion"]), (&json!("Paris"), &json!("fr")));
    let one = world.get(&format!("{VPP}/{}", json["id"].as_str().unwrap())).await.json();
    assert_eq!(one["vppTokenAccountType"], "education");
    assert_eq!(world.tenant().vpp_tokens.len(), 2);
}

#[tokio::test]
async fn a_sync_finds_out_that_a_token_ended() {
    let world = World::new(full_tenant()).await;
    let sync = format!("{}/syncLicenses", path());
    assert_eq!(world.post(&sync, None).await.json()["lastSyncStatus"], "completed");
    world.state().set_clock(Some(now() + chrono::Duration::days(21)));
    let json = world.post(&sync, None).await.json();
    assert_eq!((&json["state"], &json["lastSyncStatus"]), (&json!("expired"), &json!("failed")));
}

#[tokio::test]
async fn a_country_is_two_small_letters() {
    let world = World::new(full_tenant()).await;
    assert_eq!(world.patch(&path(), &json!({ "countryOrRegion": "GB" })).await.status, 400);
    assert_eq!(world.patch(&path(), &json!({ "countryOrRegion": "gb" })).await.status, 200);
}
