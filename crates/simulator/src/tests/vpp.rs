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
async fn a_second_manual_sync_comes_too_early() {
    let world = World::new(full_tenant()).await;
    let sync = format!("{}/syncLicenses", path());
    assert_eq!(world.post(&sync, None).await.status, 200);
    assert_eq!(world.post(&sync, None).await.status, 429);
    world.state().set_clock(Some(now() + chrono::Duration::minutes(1)));
    assert_eq!(world.post(&sync, None).await.status, 200);
}

#[tokio::test]
async fn old_facts_show_until_the_lag_is_over() {
    let mut tenant = full_tenant();
    tenant.switches.vpp_lag_seconds = 60;
    tenant.vpp_tokens[0].state = "expired".to_owned();
    let world = World::new(tenant).await;
    let names =
        ["expirationDateTime", "lastModifiedDateTime", "state", "organizationName", "locationName"];
    let before = world.get(&path()).await.json();
    let body = json!({ "token": token(&world, "Contoso Ltd", "Paris") });
    let answered = world.patch(&path(), &body).await.json();
    let single = world.get(&path()).await.json();
    let listed = world.get(VPP).await.json()["value"][0].clone();
    for shown in [&answered, &single, &listed] {
        for name in names {
            assert_eq!(shown[name], before[name], "{name}");
        }
        assert_eq!(shown["lastSyncStatus"], "inProgress");
    }
    world.state().set_clock(Some(now() + chrono::Duration::minutes(1)));
    let after = world.get(&path()).await.json();
    for name in names {
        assert_ne!(after[name], before[name], "{name}");
    }
    assert_eq!((&after["state"], &after["lastSyncStatus"]), (&json!("valid"), &json!("completed")));
}

#[tokio::test]
async fn a_second_token_of_a_location_is_a_duplicate() {
    let world = World::new(full_tenant()).await;
    let body = json!({ "displayName": "Again", "token": token(&world, "Contoso", "London") });
    let created = world.post(VPP, Some(&body)).await.json();
    assert_eq!(created["state"], "duplicateLocationId");
    let id = created["id"].as_str().unwrap();
    let v1 = world.get(&format!("{}/{id}", VPP.replace("beta", "v1.0"))).await.json();
    assert_eq!(v1["state"], "unknown");
    // The first is as it was, and the second recovers with a location of its own.
    assert_eq!(world.get(&path()).await.json()["state"], "valid");
    let body = json!({ "token": token(&world, "Contoso", "Paris") });
    assert_eq!(world.patch(&format!("{VPP}/{id}"), &body).await.json()["state"], "valid");
}

#[tokio::test]
async fn a_token_that_another_mdm_has_must_be_claimed() {
    for answer in [HeldElsewhereAnswer::State, HeldElsewhereAnswer::Refuse] {
        let mut tenant = full_tenant();
        tenant.switches.held_elsewhere = answer;
        // An old claim is not one for ever.
        tenant.vpp_tokens[0].claim_token_management_from_external_mdm = true;
        let world = World::new(tenant).await;
        let held = json!({ "tenantId": world.id, "location": "London", "held": true });
        assert_eq!(world.post("/_simulator/apple/vpp-elsewhere", Some(&held)).await.status, 204);
        assert_eq!(world.get(&path()).await.json()["state"], "assignedToExternalMDM");

        let mut body = json!({ "token": token(&world, "Contoso", "London") });
        let unclaimed = world.patch(&path(), &body).await;
        if answer == HeldElsewhereAnswer::State {
            assert_eq!(unclaimed.json()["state"], "assignedToExternalMDM");
        } else {
            assert_eq!((unclaimed.status, unclaimed.code().as_str()), (400, "BadRequest"));
        }
        body["claimTokenManagementFromExternalMdm"] = json!(true);
        assert_eq!(world.patch(&path(), &body).await.json()["state"], "valid");
        body["claimTokenManagementFromExternalMdm"] = json!(false);
        assert_eq!(world.patch(&path(), &body).await.json()["state"], "valid");
    }
}

#[tokio::test]
async fn a_location_that_another_mdm_has_is_claimed_by_the_first_upload() {
    let world = World::new(full_tenant()).await;
    world.state().hold_elsewhere(world.id, "Paris", true).unwrap();
    let body = json!({
        "displayName": "Paris", "token": token(&world, "Contoso", "Paris"),
        "claimTokenManagementFromExternalMdm": true,
    });
    let created = world.post(VPP, Some(&body)).await;
    assert_eq!((created.status, &created.json()["state"]), (201, &json!("valid")));
    assert!(world.tenant().locations_held_elsewhere.is_empty());
}

#[tokio::test]
async fn a_changed_password_ends_a_token_but_not_its_expiry() {
    let world = World::new(full_tenant()).await;
    let old = token(&world, "Contoso", "London");
    world.patch(&path(), &json!({ "token": old })).await;
    let before = world.get(&path()).await.json();
    let body = json!({ "tenantId": world.id, "id": "vpp-1" });
    assert_eq!(world.post("/_simulator/apple/vpp-revoke", Some(&body)).await.status, 204);
    let after = world.get(&path()).await.json();
    assert_eq!((&after["state"], &after["lastSyncStatus"]), (&json!("invalid"), &json!("failed")));
    assert_eq!(after["expirationDateTime"], before["expirationDateTime"]);
    // The same file again does not help; a new one does.
    assert_eq!(world.patch(&path(), &json!({ "token": old })).await.json()["state"], "invalid");
    let new = token(&world, "Contoso", "London");
    assert_eq!(world.patch(&path(), &json!({ "token": new })).await.json()["state"], "valid");
    // A file that was revoked before anybody uploaded it.
    let unsent = token(&world, "Contoso", "London");
    let body = json!({ "tenantId": world.id, "token": unsent });
    assert_eq!(world.post("/_simulator/apple/vpp-revoke", Some(&body)).await.status, 204);
    assert_eq!(world.get(&path()).await.json()["state"], "valid");
    assert_eq!(world.patch(&path(), &json!({ "token": unsent })).await.json()["state"], "invalid");
}

#[tokio::test]
async fn a_lapsed_token_is_taken_and_expired() {
    let world = World::new(full_tenant()).await;
    world.state().set_clock(Some("2028-01-01T00:00:00Z".parse().unwrap()));
    let body = json!({ "token": token(&world, "Contoso", "London") });
    let json = world.patch(&path(), &body).await.json();
    assert_eq!((&json["state"], &json["lastSyncStatus"]), (&json!("expired"), &json!("failed")));
}

#[tokio::test]
async fn uploads_are_counted_by_the_file_whatever_the_encoding() {
    let mut digests = Vec::new();
    let text = Apple::open(None, now()).unwrap().vpp_token(&VppRequest {
        organization: "Contoso".to_owned(),
        location: "London".to_owned(),
        expires: "2028-01-01T00:00:00Z".parse().unwrap(),
    });
    for encoding in [VppEncoding::Text, VppEncoding::Base64] {
        let mut tenant = full_tenant();
        tenant.switches.vpp_encoding = encoding;
        let world = World::new(tenant).await;
        let twice = STANDARD.encode(&text);
        let sent = if encoding == VppEncoding::Text { &text } else { &twice };
        world.patch(&path(), &json!({ "token": sent })).await;
        let [upload] = world.state().uploads(world.id).try_into().unwrap();
        digests.push((upload.sha256, upload.file_sha256));
    }
    let file = applecart_core::model::Sha256::of(text.as_bytes()).to_string();
    assert!(digests.iter().all(|(_, found)| found.as_ref() == Some(&file)), "{digests:?}");
    assert_ne!(digests[0].0, digests[1].0);
}

#[tokio::test]
async fn a_country_is_two_small_letters() {
    let world = World::new(full_tenant()).await;
    assert_eq!(world.patch(&path(), &json!({ "countryOrRegion": "GB" })).await.status, 400);
    assert_eq!(world.patch(&path(), &json!({ "countryOrRegion": "gb" })).await.status, 200);
}
