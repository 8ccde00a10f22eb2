use super::*;
use serde_json::json;

const BATCH: &str = "/beta/$batch";

fn get(id: &str, url: &str) -> Value {
    json!({ "id": id, "method": "GET", "url": url })
}

fn batch(requests: &[Value]) -> Value {
    json!({ "requests": requests })
}

/// The answer to the part with this id.
fn part(answer: &Answer, id: &str) -> Value {
    assert_eq!(answer.status, 200, "{}", answer.text);
    let json = answer.json();
    json["responses"].as_array().unwrap().iter().find(|it| it["id"] == id).unwrap().clone()
}

const PUSH_PART: &str = "/deviceManagement/applePushNotificationCertificate";
const VPP_PART: &str = "/deviceAppManagement/vppTokens";

#[tokio::test]
async fn parts_are_answered_as_if_they_had_come_alone() {
    let mut tenant = full_tenant();
    tenant.apple_push_notification_certificate = None;
    let world = World::new(tenant).await;
    let body = batch(&[
        get("1", PUSH_PART),
        get("2", "/deviceManagement/depOnboardingSettings?$top=100"),
        get("3", VPP_PART),
        get("4", "/nothing"),
    ]);
    for path in [BATCH, "/beta/%24batch"] {
        let answer = world.post(path, Some(&body)).await;
        assert_eq!(part(&answer, "1")["status"], 404);
        assert_eq!(part(&answer, "1")["body"]["error"]["code"], "ResourceNotFound");
        assert_eq!(part(&answer, "2")["body"]["value"][0]["id"], "dep-1");
        assert_eq!(part(&answer, "3")["body"]["value"][0]["displayName"], "London");
        assert_eq!(part(&answer, "3")["headers"]["Content-Type"], "application/json");
        assert_eq!(part(&answer, "4")["status"], 400);
    }
}

#[tokio::test]
async fn the_version_of_the_batch_is_the_version_of_its_parts() {
    let world = World::new(full_tenant()).await;
    let body = batch(&[get("a", VPP_PART), get("b", "/deviceManagement/depOnboardingSettings")]);
    let answer = world.post("/v1.0/$batch", Some(&body)).await;
    assert_eq!(part(&answer, "a")["body"]["value"][0].get("displayName"), None);
    assert_eq!(part(&answer, "b")["status"], 400);
}

#[tokio::test]
async fn answers_do_not_come_in_the_order_of_the_requests() {
    let world = World::new(full_tenant()).await;
    let body = batch(&[get("a", PUSH_PART), get("b", VPP_PART)]);
    let json = world.post(BATCH, Some(&body)).await.json();
    assert_eq!(json["responses"][0]["id"], "b");
}

#[tokio::test]
async fn a_malformed_batch_is_400_as_a_whole() {
    let world = World::new(full_tenant()).await;
    let many: Vec<_> = (0..21).map(|n| get(&n.to_string(), PUSH_PART)).collect();
    let typeless = json!({ "id": "1", "method": "PATCH", "url": VPP_PART, "body": {} });
    for body in [
        json!({}),
        batch(&[]),
        batch(&many),
        batch(&[get("1", PUSH_PART), get("1", PUSH_PART)]),
        batch(&[get("", PUSH_PART)]),
        batch(&[get("1", "https://graph.microsoft.com/beta/x")]),
        batch(&[get("1", "//elsewhere.example/x")]),
        batch(&[typeless]),
        batch(&[json!({ "id": "1", "method": "GET", "url": PUSH_PART, "dependsOn": ["2"] })]),
    ] {
        assert_eq!(world.post(BATCH, Some(&body)).await.status, 400, "{body}");
    }
    assert_eq!(world.call(Method::POST, BATCH, "made-up", Some(&batch(&many))).await.status, 401);
}

#[tokio::test]
async fn a_part_cannot_be_a_batch() {
    let world = World::new(full_tenant()).await;
    let answer = world.post(BATCH, Some(&batch(&[get("1", "/$batch")]))).await;
    assert_eq!(part(&answer, "1")["status"], 400);
}

#[tokio::test]
async fn what_depends_on_a_failure_is_424() {
    let world = World::new(Tenant::new(tenant_id(1))).await;
    let dependent = json!({ "id": "2", "method": "GET", "url": VPP_PART, "dependsOn": ["1"] });
    let answer = world.post(BATCH, Some(&batch(&[get("1", PUSH_PART), dependent]))).await;
    assert_eq!(part(&answer, "2")["status"], 424);
}

#[tokio::test]
async fn a_fault_strikes_one_part_and_leaves_the_others() {
    let world = World::new(full_tenant()).await;
    let fault = Fault::Throttle { retry_after: Some(RetryAfter::Seconds(3)) };
    world.state().add_fault(FaultRule::always(fault).on("*/vppTokens"));
    let answer = world.post(BATCH, Some(&batch(&[get("1", PUSH_PART), get("2", VPP_PART)]))).await;
    assert_eq!(part(&answer, "1")["status"], 200);
    assert_eq!(part(&answer, "2")["status"], 429);
    assert_eq!(part(&answer, "2")["headers"]["Retry-After"], "3");
}

#[tokio::test]
async fn a_tenant_can_be_without_batches() {
    for status in [404, 405, 501] {
        let mut tenant = full_tenant();
        tenant.switches.batch_status = Some(status);
        let world = World::new(tenant).await;
        let answer = world.post(BATCH, Some(&batch(&[get("1", PUSH_PART)]))).await;
        assert_eq!(answer.status, status);
        assert_eq!(world.get(PUSH).await.status, 200);
    }
}

#[tokio::test]
async fn a_write_in_a_batch_is_carried_out_and_counted() {
    let world = World::new(full_tenant()).await;
    let write = json!({
        "id": "1", "method": "PATCH", "url": format!("{VPP_PART}/vpp-1"),
        "headers": { "Content-Type": "application/json" }, "body": { "displayName": "Paris" },
    });
    let answer = world.post(BATCH, Some(&batch(&[write]))).await;
    assert_eq!(part(&answer, "1")["body"]["displayName"], "Paris");
    let counters = world.state().counters();
    assert_eq!((counters.batches, counters.write_attempts, counters.writes), (1, 1, 1));
}
