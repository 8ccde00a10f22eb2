use super::*;
use serde_json::json;

#[tokio::test]
async fn only_loopback_addresses_are_listened_on() {
    for address in ["0.0.0.0:0", "192.0.2.1:0", "[::]:0"] {
        let options = Options { listen: address.parse().unwrap(), ..Options::default() };
        let error = Simulator::start(options).await.unwrap_err();
        assert!(matches!(error, SimulatorError::NotLoopback(_)), "{address}");
    }
}

#[tokio::test]
async fn a_restart_goes_on_where_it_stopped() {
    let folder = tempfile::tempdir().unwrap();
    let world = World::kept(full_tenant(), Some(folder.path())).await;
    let request = world.get(CSR).await.json()["value"].clone();
    let path = format!("{VPP}/vpp-1");
    world.patch(&path, &json!({ "displayName": "Paris" })).await;
    world.call(Method::DELETE, &path, &world.writer().await, None).await;
    let World { running, client, id } = world;
    let before = running.state().tenant(id);
    running.stop().await;

    let state = Some(folder.path().to_owned());
    let options = Options { now: Some(now()), state, ..Options::default() };
    let world = World { running: Simulator::start(options).await.unwrap(), client, id };
    assert_eq!(world.state().tenant(id), before);
    assert_eq!(world.get(&path).await.json()["displayName"], "Paris");
    assert_eq!(world.get(CSR).await.json()["value"], request);
    // A refused DELETE was an attempt as well.
    let counters = world.state().counters();
    assert_eq!((counters.writes, counters.write_attempts, counters.violations), (1, 2, 1));
}

#[tokio::test]
async fn an_upload_in_the_portal_is_not_graphs() {
    let world = World::new(full_tenant()).await;
    let apple = world.running.apple();
    let push = apple.issue(&PushRequest::new(now())).unwrap();
    let token = apple.vpp_token(&VppRequest {
        organization: "Contoso".to_owned(),
        location: "London".to_owned(),
        expires: now() + chrono::Duration::days(365),
    });
    let uploads = [
        PortalUpload::Push { apple_identifier: "a@b.example".to_owned(), certificate: push.pem },
        PortalUpload::Enrollment { id: "dep-1".to_owned(), apple_identifier: "a".to_owned() },
        PortalUpload::Vpp { id: "vpp-1".to_owned(), token },
    ];
    for upload in &uploads {
        world.state().portal_upload(world.id, upload).unwrap();
    }
    let tenant = world.tenant();
    assert_eq!(tenant.apple_push_notification_certificate.unwrap().topic_identifier, push.topic);
    assert!(tenant.uploads.len() == 3 && tenant.uploads.iter().all(|it| it.via == Via::Portal));
    assert_eq!(world.state().counters().write_attempts, 0);
    let stray = PortalUpload::Vpp { id: "other".to_owned(), token: String::new() };
    assert!(world.state().portal_upload(world.id, &stray).is_err());
}

#[tokio::test]
async fn another_process_can_do_all_of_it_over_http() {
    let world = World::new(full_tenant()).await;
    let control = async |method: Method, path: &str, body: Option<Value>| {
        let answer = world.call(method, &format!("/_simulator/{path}"), "", body.as_ref()).await;
        assert!((200..300).contains(&answer.status), "{path}: {answer:?}");
        if answer.text.is_empty() { Value::Null } else { answer.json() }
    };
    let (get, post, delete) = (Method::GET, Method::POST, Method::DELETE);
    let id = tenant_id(7);
    control(post.clone(), "tenants", Some(json!({ "tenantId": id, "vppTokens": [{ "id": "v" }] })))
        .await;
    let issued =
        control(post.clone(), "apple/push", Some(json!({ "topic": "com.apple.mgmt.x" }))).await;
    let body = json!({
        "tenantId": id, "appleIdentifier": "a@b.example", "certificate": issued["certificate"],
    });
    control(post.clone(), "portal/push", Some(body)).await;
    let wanted = json!({ "organization": "O", "location": "L", "expires": "2028-01-01T00:00:00Z" });
    let token = control(post.clone(), "apple/vpp", Some(wanted)).await["token"].clone();
    let body = json!({ "tenantId": id, "id": "v", "token": token });
    control(post.clone(), "portal/vpp", Some(body)).await;

    let snapshot = control(get.clone(), &format!("snapshot/{id}"), None).await;
    assert_eq!(snapshot["applePushNotificationCertificate"]["topicIdentifier"], "com.apple.mgmt.x");
    assert_eq!(snapshot["vppTokens"][0]["locationName"], "L");
    let tenant = control(get.clone(), &format!("tenants/{id}"), None).await;
    assert_eq!(tenant["uploads"].as_array().unwrap().len(), 2);
    assert_eq!(control(get.clone(), "tenants", None).await.as_array().unwrap().len(), 2);

    control(post.clone(), "faults", Some(json!({ "fault": { "kind": "html" } }))).await;
    assert_eq!(control(get.clone(), "faults", None).await[0]["fault"]["kind"], "html");
    control(delete.clone(), "faults", None).await;
    assert_eq!(world.get(PUSH).await.status, 200);

    let requests = control(get.clone(), &format!("requests?tenant={}", world.id), None).await;
    assert_eq!(requests["requests"].as_array().unwrap().len(), 2);
    control(delete, "requests", None).await;
    control(post, "clock", Some(json!({ "now": "2030-01-01T00:00:00Z" }))).await;
    let state = control(get, "state", None).await;
    assert_eq!(
        (&state["counters"]["requests"], &state["now"]),
        (&json!(0), &json!("2030-01-01T00:00:00Z"))
    );
}

#[tokio::test]
async fn a_control_route_that_is_not_there_says_so() {
    let world = World::new(full_tenant()).await;
    assert_eq!(world.get("/_simulator/nothing").await.status, 404);
    assert_eq!(world.post("/_simulator/tenants", Some(&json!({ "typo": 1 }))).await.status, 400);
}

#[tokio::test]
async fn a_snapshot_holds_what_a_reader_could_learn() {
    let world = World::new(full_tenant()).await;
    let snapshot = world.state().snapshot(world.id).unwrap();
    assert!(snapshot["depOnboardingSettings"][0]["encryptionPublicKey"].is_string());
    assert_eq!(snapshot["vppTokens"][0]["displayName"], "London");
    assert_eq!(snapshot.get("pushSigningRequest"), None);
    let request = world.get(CSR).await.json()["value"].clone();
    assert_eq!(world.state().snapshot(world.id).unwrap()["pushSigningRequest"], request);
    world.state().set_push(world.id, None).unwrap();
    let snapshot = world.state().snapshot(world.id).unwrap();
    assert_eq!(snapshot["applePushNotificationCertificate"], Value::Null);
}

#[test]
fn a_made_up_fleet_is_the_same_every_time() {
    let fleet = seed_fleet(3000, now());
    assert_eq!(fleet, seed_fleet(3000, now()));
    let ids: std::collections::HashSet<_> = fleet.iter().map(|tenant| tenant.tenant_id).collect();
    assert_eq!(ids.len(), 3000);
    assert!(
        fleet.iter().all(|it| it.vpp_tokens.len() == 2 && it.dep_onboarding_settings.len() == 1)
    );
}

#[tokio::test]
async fn the_command_plants_its_seed_once_and_runs_until_told_to_stop() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("seed.json");
    let seed = Seed { tenants: vec![full_tenant()], fleet: 2, faults: Vec::new() };
    tokio::fs::write(&path, serde_json::to_vec(&seed).unwrap()).await.unwrap();
    let options = SimulateOptions {
        server: Options { state: Some(folder.path().join("state")), ..Options::default() },
        seed: Some(path),
        ..SimulateOptions::default()
    };
    run(options.clone(), async {}, |running| {
        assert_eq!(running.state().tenants().len(), 3);
        running.state().set_push(tenant_id(1), None).unwrap();
    })
    .await
    .unwrap();
    run(options, async {}, |running| {
        let tenant = running.state().tenant(tenant_id(1)).unwrap();
        assert_eq!(tenant.apple_push_notification_certificate, None);
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn no_time_is_too_strange_to_answer_at() {
    let world = World::new(full_tenant()).await;
    for time in ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "+200000-01-01T00:00:00Z"] {
        let body = json!({ "now": time });
        assert_eq!(world.post("/_simulator/clock", Some(&body)).await.status, 204);
        assert_eq!(world.get(PUSH).await.status, 200);
        let body = json!({ "notBefore": time });
        assert_eq!(world.post("/_simulator/apple/push", Some(&body)).await.status, 200);
    }
}

#[tokio::test]
async fn a_web_page_of_another_origin_is_not_answered() {
    let world = World::new(full_tenant()).await;
    let url = format!("{}/_simulator/tenants", world.running.url());
    for (name, value) in [
        ("host", "evil.example"),
        ("host", "evil.example:80"),
        ("host", "127.0.0.1.evil.example"),
        ("origin", "https://evil.example"),
        ("origin", "http://localhost.evil.example"),
        ("origin", "null"),
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
    ] {
        let asked = world.client.get(&url).header(name, value).send().await.unwrap();
        assert_eq!(asked.status(), 403, "{name}: {value}");
    }
    for (name, value) in
        [("host", "localhost:8080"), ("host", "[::1]:9"), ("origin", "http://127.0.0.1:1")]
    {
        let asked = world.client.get(&url).header(name, value).send().await.unwrap();
        assert_eq!(asked.status(), 200, "{name}: {value}");
    }
}

#[cfg(unix)]
#[tokio::test]
async fn the_state_is_its_owners_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let there = folder.path().join("there");
    std::fs::create_dir(&there).unwrap();
    for state in [there, folder.path().join("new")] {
        World::kept(full_tenant(), Some(&state)).await.running.stop().await;
        assert_eq!(std::fs::metadata(&state).unwrap().permissions().mode() & 0o777, 0o700);
    }
}
