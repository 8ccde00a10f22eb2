use super::*;
use serde_json::json;

#[tokio::test]
async fn without_a_known_access_token_nothing_opens() {
    let world = World::new(full_tenant()).await;
    let none = world.client.get(format!("{}{PUSH}", world.running.url())).send().await.unwrap();
    assert_eq!(read(none).await.status, 401);
    let answer = world.call(Method::GET, PUSH, "made-up", None).await;
    assert_eq!((answer.status, answer.code().as_str()), (401, "InvalidAuthenticationToken"));
}

#[tokio::test]
async fn an_access_token_ends_after_an_hour() {
    let world = World::new(full_tenant()).await;
    let token = world.writer().await;
    world.state().set_clock(Some(now() + chrono::Duration::seconds(3598)));
    assert_eq!(world.call(Method::GET, PUSH, &token, None).await.status, 200);
    world.state().set_clock(Some(now() + chrono::Duration::seconds(3599)));
    assert_eq!(world.call(Method::GET, PUSH, &token, None).await.status, 401);
}

#[tokio::test]
async fn an_access_token_reaches_its_own_tenant_only() {
    let world = World::new(full_tenant()).await;
    world.state().add_tenant(Tenant::new(tenant_id(2))).unwrap();
    let other = World { id: tenant_id(2), ..world };
    assert_eq!(other.get(PUSH).await.status, 404);
    assert_eq!(other.get(VPP).await.json()["value"], json!([]));
}

#[tokio::test]
async fn a_reader_reads_all_three_and_writes_nothing() {
    let world = World::new(full_tenant()).await;
    let token = world.reader().await;
    for path in [PUSH, DEP, VPP] {
        assert_eq!(world.call(Method::GET, path, &token, None).await.status, 200, "{path}");
    }
    let body = json!({ "appleIdentifier": "a", "certificate": "b" });
    let answer = world.call(Method::PATCH, PUSH, &token, Some(&body)).await;
    assert_eq!((answer.status, answer.code().as_str()), (403, "Forbidden"));
    assert!(answer.text.contains("DeviceManagementServiceConfig.ReadWrite.All"));
    // A GET that needs the right to write.
    assert_eq!(world.call(Method::GET, CSR, &token, None).await.status, 403);
    assert_eq!(world.state().counters().writes, 0);
}

#[tokio::test]
async fn configuration_permission_does_not_open_the_push_certificate() {
    let mut tenant = full_tenant();
    for app in &mut tenant.apps {
        app.roles = vec!["DeviceManagementConfiguration.ReadWrite.All".to_owned()];
    }
    let world = World::new(tenant).await;
    assert_eq!(world.get(PUSH).await.status, 403);
    assert_eq!(world.get(VPP).await.status, 200);
}

#[tokio::test]
async fn errors_bear_graphs_shape_and_headers() {
    let world = World::new(Tenant::new(tenant_id(1))).await;
    let token = world.writer().await;
    let request = world.client.get(format!("{}{PUSH}", world.running.url()));
    let request = request.bearer_auth(token).header("client-request-id", "my-id");
    let answer = read(request.send().await.unwrap()).await;
    let error = &answer.json()["error"];
    assert_eq!(error["code"], "ResourceNotFound");
    assert_eq!(error["innerError"]["client-request-id"], "my-id");
    assert_eq!(error["innerError"]["date"], "2027-01-10T12:00:00");
    assert_eq!(error["innerError"]["request-id"], answer.headers["request-id"].to_str().unwrap());
    assert_eq!(answer.headers["client-request-id"], "my-id");
    assert_eq!(answer.headers["date"], "Sun, 10 Jan 2027 12:00:00 GMT");
    assert!(answer.headers.contains_key("x-ms-ags-diagnostic"));
    // Intune's message is JSON again.
    let inner: Value = serde_json::from_str(error["message"].as_str().unwrap()).unwrap();
    assert!(
        inner["Message"].as_str().unwrap().contains(" - Operation ID (for customer support): ")
    );
}

#[tokio::test]
async fn unknown_paths_name_the_segment() {
    let world = World::new(full_tenant()).await;
    let cases = [
        ("/v1.0/deviceManagement/depOnboardingSettings", "depOnboardingSettings"),
        ("/beta/deviceManagement/nothing", "nothing"),
        ("/beta/users", "users"),
        (
            "/v1.0/deviceManagement/dataSharingConsents/appleMDMPushCertificate",
            "dataSharingConsents",
        ),
    ];
    for (path, segment) in cases {
        let answer = world.get(path).await;
        assert_eq!((answer.status, answer.code().as_str()), (400, "BadRequest"), "{path}");
        let wanted = format!("Resource not found for the segment '{segment}'.");
        assert_eq!(answer.json()["error"]["message"], json!(wanted));
    }
}

#[tokio::test]
async fn methods_that_are_not_there_are_405() {
    let world = World::new(full_tenant()).await;
    assert_eq!(world.post(PUSH, Some(&json!({}))).await.status, 405);
    assert_eq!(world.patch(DEP, &json!({})).await.status, 405);
}

#[tokio::test]
async fn deleting_is_refused_and_remembered() {
    let world = World::new(full_tenant()).await;
    let token = world.writer().await;
    for path in [PUSH.to_owned(), format!("{DEP}/dep-1"), format!("{VPP}/vpp-1")] {
        assert_eq!(world.call(Method::DELETE, &path, &token, None).await.status, 405);
    }
    let violations = world.state().violations();
    assert_eq!(violations.len(), 3);
    assert!(violations.iter().all(|it| it.what == "delete" && it.tenant == Some(world.id)));
    assert_eq!(world.tenant(), full_tenant());
}

#[tokio::test]
async fn taking_devices_or_licences_away_is_refused_and_remembered() {
    let world = World::new(full_tenant()).await;
    let body = json!({ "depToken": "x", "deviceSerialNumbers": [] });
    let path = format!("{DEP}/dep-1/releaseAppleDevices");
    assert_eq!(world.post(&path, Some(&body)).await.status, 403);
    assert_eq!(world.post(&format!("{VPP}/vpp-1/revokeLicenses"), None).await.status, 403);
    assert_eq!(world.state().counters().violations, 2);
}

#[tokio::test]
async fn bodies_are_read_strictly() {
    let world = World::new(full_tenant()).await;
    let path = format!("{VPP}/vpp-1");
    for body in [
        json!({ "nonsense": 1 }),
        json!({ "automaticallyUpdateApps": "true" }),
        json!({ "displayName": null }),
        json!({ "roleScopeTagIds": [1] }),
        json!({ "vppTokenAccountType": "family" }),
        json!({ "expirationDateTime": "2030-01-01T00:00:00Z" }),
        json!({}),
        json!([]),
    ] {
        assert_eq!(world.patch(&path, &body).await.status, 400, "{body}");
    }
    let url = format!("{}{path}", world.running.url());
    let token = world.writer().await;
    let send = |kind: Option<&'static str>| {
        let mut request =
            world.client.patch(&url).bearer_auth(&token).body("{\"displayName\":\"x\"}");
        if let Some(kind) = kind {
            request = request.header("content-type", kind);
        }
        async move { request.send().await.unwrap().status().as_u16() }
    };
    assert_eq!(send(None).await, 400);
    assert_eq!(send(Some("text/plain")).await, 415);
    assert_eq!(world.tenant(), full_tenant());
    assert_eq!(send(Some("application/json; charset=utf-8")).await, 200);
}

#[tokio::test]
async fn query_options_beyond_the_three_are_refused() {
    let world = World::new(full_tenant()).await;
    assert_eq!(world.get(&format!("{VPP}?$filter=state%20eq%20'valid'")).await.status, 400);
    let answer = world.get(&format!("{VPP}?$select=id,state")).await.json();
    assert_eq!(answer["value"], json!([{ "id": "vpp-1", "state": "valid" }]));
}

#[tokio::test]
async fn a_collection_comes_in_pages_where_the_tenant_has_them() {
    let mut tenant = full_tenant();
    tenant.vpp_tokens = (0..5).map(|n| Vpp::new(&format!("V{n}"), "Contoso", now())).collect();
    tenant.switches.page_size = Some(2);
    let world = World::new(tenant).await;
    let token = world.reader().await;
    let mut path = VPP.to_owned();
    let mut sizes = Vec::new();
    loop {
        let page = world.call(Method::GET, &path, &token, None).await.json();
        sizes.push(page["value"].as_array().unwrap().len());
        let Some(next) = page["@odata.nextLink"].as_str() else { break };
        path = next.strip_prefix(&world.running.url()).unwrap().to_owned();
    }
    assert_eq!(sizes, [2, 2, 1]);
}

#[tokio::test]
async fn customers_come_in_pages_to_whoever_may_read_the_directory() {
    let mut tenant = full_tenant();
    for number in 2..5 {
        let id: crate::TenantId =
            format!("6d1f0c5e-8a34-4b7a-9a51-0d6c2f6f1b1{number}").parse().unwrap();
        tenant.customers.push(Customer::new(id, "Contoso", "contoso.onmicrosoft.com"));
    }
    tenant.switches.page_size = Some(3);
    // Intune's licence has nothing to do with the directory.
    tenant.switches.unlicensed = true;
    let world = World::new(tenant.clone()).await;
    let first = world.get("/v1.0/contracts").await.json();
    assert_eq!(first["value"].as_array().unwrap().len(), 3);
    let link = first["@odata.nextLink"].as_str().unwrap();
    let path = link.split_once("/v1.0").unwrap().1;
    let last = world.get(&format!("/v1.0{path}")).await.json();
    assert_eq!(last["value"].as_array().unwrap().len(), 1);
    assert_eq!(last["@odata.nextLink"], Value::Null);
    assert_eq!(world.get("/beta/contracts").await.status, 400);

    for app in &mut tenant.apps {
        app.roles.retain(|role| !role.starts_with("Directory"));
    }
    let world = World::new(tenant).await;
    assert_eq!(world.get("/v1.0/contracts").await.status, 403);
}
