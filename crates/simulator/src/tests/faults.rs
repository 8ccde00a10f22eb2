use super::*;
use serde_json::json;

async fn world(fault: Fault) -> (World, String) {
    let world = World::new(full_tenant()).await;
    let token = world.writer().await;
    world.state().add_fault(FaultRule::always(fault).on("/beta/*"));
    (world, token)
}

fn rename() -> (String, Value) {
    (format!("{VPP}/vpp-1"), json!({ "displayName": "Paris" }))
}

fn name(world: &World) -> String {
    world.tenant().vpp_tokens[0].display_name.clone()
}

#[tokio::test]
async fn a_status_can_bear_a_date_a_body_and_headers() {
    let date = "Sun, 10 Jan 2027 12:00:30 GMT";
    let (world, token) = world(Fault::Status {
        status: 503,
        retry_after: Some(RetryAfter::Text(date.to_owned())),
        body: Some(json!({ "error": { "code": "Mine" } })),
        headers: [("x-msft-approval-code".to_owned(), "77".to_owned())].into(),
    })
    .await;
    let answer = world.call(Method::GET, PUSH, &token, None).await;
    assert_eq!((answer.status, answer.code().as_str()), (503, "Mine"));
    assert_eq!(answer.headers["retry-after"], date);
    assert_eq!(answer.headers["x-msft-approval-code"], "77");
}

#[tokio::test]
async fn throttling_is_429_with_graphs_code() {
    let (world, token) = world(Fault::Throttle { retry_after: Some(RetryAfter::Seconds(2)) }).await;
    let answer = world.call(Method::GET, PUSH, &token, None).await;
    assert_eq!((answer.status, answer.code().as_str()), (429, "TooManyRequests"));
    assert_eq!(answer.headers["retry-after"], "2");
}

#[tokio::test]
async fn a_dropped_connection_has_no_answer_and_no_effect() {
    let (world, token) = world(Fault::Drop).await;
    let (path, body) = rename();
    let error = world.try_call(Method::PATCH, &path, &token, Some(&body)).await.unwrap_err();
    assert!(error.is_request(), "{error:?}");
    assert_eq!(name(&world), "London");
    let last = world.state().requests().pop().unwrap();
    assert_eq!((last.status, last.fault.as_deref()), (None, Some("drop")));
}

#[tokio::test]
async fn a_truncated_answer_has_good_headers_and_half_a_body() {
    let (world, token) = world(Fault::Truncate).await;
    let error = world.try_call(Method::GET, PUSH, &token, None).await.unwrap_err();
    assert!(error.is_body() || error.is_decode(), "{error:?}");
}

#[tokio::test]
async fn done_but_lost_is_done_and_has_no_answer() {
    let (world, token) = world(Fault::DoneButLost).await;
    let (path, body) = rename();
    assert!(world.try_call(Method::PATCH, &path, &token, Some(&body)).await.is_err());
    assert_eq!(name(&world), "Paris");
    assert_eq!(world.state().writes(), 1);
}

#[tokio::test]
async fn done_then_hang_is_done_and_waits_until_faults_are_cleared() {
    let (world, token) = world(Fault::DoneThenHang).await;
    let (path, body) = rename();
    let release = async {
        while world.state().writes() == 0 {
            tokio::task::yield_now().await;
        }
        world.state().clear_faults();
    };
    let call = world.try_call(Method::PATCH, &path, &token, Some(&body));
    let (answer, ()) = tokio::join!(call, release);
    assert!(answer.is_err());
    assert_eq!(name(&world), "Paris");
}

#[tokio::test]
async fn a_hanging_request_ends_when_the_simulator_stops() {
    let (world, token) = world(Fault::Hang).await;
    let url = format!("{}{PUSH}", world.running.url());
    let call = tokio::spawn(world.client.get(url).bearer_auth(token).send());
    while world.state().requests().last().is_none_or(|last| last.fault.is_none()) {
        tokio::task::yield_now().await;
    }
    world.running.stop().await;
    assert!(call.await.unwrap().is_err());
}

#[tokio::test]
async fn wrong_json_and_web_pages_come_with_200() {
    let (world, token) = world(Fault::WrongJson).await;
    let answer = world.call(Method::GET, PUSH, &token, None).await;
    assert!(answer.status == 200 && answer.json().is_array());
    world.state().clear_faults();
    world.state().add_fault(FaultRule::always(Fault::Html).on("/beta/*"));
    let answer = world.call(Method::GET, PUSH, &token, None).await;
    assert_eq!(
        (answer.status, answer.headers["content-type"].to_str().unwrap()),
        (200, "text/html")
    );
}

#[tokio::test]
async fn a_redirect_points_elsewhere() {
    let location = "https://elsewhere.example/".to_owned();
    let (world, token) = world(Fault::Redirect { location: location.clone() }).await;
    let answer = world.call(Method::GET, PUSH, &token, None).await;
    assert_eq!(
        (answer.status, answer.headers["location"].to_str().unwrap()),
        (307, location.as_str())
    );
}

#[tokio::test]
async fn a_next_link_can_point_elsewhere_or_to_itself() {
    let (world, token) = world(Fault::NextLink { to: "loop".to_owned() }).await;
    let json = world.call(Method::GET, VPP, &token, None).await.json();
    assert_eq!(json["@odata.nextLink"], json!(format!("{}{VPP}", world.running.url())));
    world.state().clear_faults();
    let elsewhere = Fault::NextLink { to: "https://elsewhere.example/".to_owned() };
    world.state().add_fault(FaultRule::always(elsewhere));
    let json = world.call(Method::GET, VPP, &token, None).await.json();
    assert_eq!(json["@odata.nextLink"], "https://elsewhere.example/");
}

#[tokio::test]
async fn a_second_page_can_fail_alone() {
    let mut tenant = full_tenant();
    tenant.switches.page_size = Some(1);
    tenant.vpp_tokens.push(Vpp::new("Paris", "Contoso", now()));
    let world = World::new(tenant).await;
    world.state().add_fault(FaultRule::always(Fault::status(503)).on(VPP).after(1).times(1));
    let next = world.get(VPP).await.json()["@odata.nextLink"].clone();
    let next = next.as_str().unwrap().replace(&world.running.url(), "");
    assert_eq!(world.get(&next).await.status, 503);
    assert_eq!(world.get(&next).await.json()["value"][0]["displayName"], "Paris");
}

#[tokio::test]
async fn latency_delays_and_then_answers() {
    let (world, token) = world(Fault::Latency { milliseconds: 60 }).await;
    let begin = tokio::time::Instant::now();
    assert_eq!(world.call(Method::GET, PUSH, &token, None).await.status, 200);
    assert!(begin.elapsed() >= Duration::from_millis(60));
}

#[tokio::test]
async fn a_fault_of_one_tenant_leaves_the_others_alone() {
    let world = World::new(full_tenant()).await;
    let rule = FaultRule::always(Fault::Throttle { retry_after: None }).for_tenant(tenant_id(2));
    world.state().add_fault(rule);
    assert_eq!(world.get(PUSH).await.status, 200);
}

#[tokio::test]
async fn a_drop_in_a_part_takes_the_whole_batch() {
    let world = World::new(full_tenant()).await;
    let token = world.writer().await;
    world.state().add_fault(FaultRule::always(Fault::Drop).on("*/vppTokens"));
    let body = json!({ "requests": [
        { "id": "1", "method": "GET", "url": "/deviceAppManagement/vppTokens" },
    ]});
    assert!(world.try_call(Method::POST, "/beta/$batch", &token, Some(&body)).await.is_err());
}

#[tokio::test]
async fn a_reset_connection_says_so() {
    let (world, token) = world(Fault::Reset).await;
    let error = world.try_call(Method::GET, PUSH, &token, None).await.unwrap_err();
    assert!(format!("{error:?}").contains("ConnectionReset"), "{error:?}");
}

#[tokio::test]
async fn an_expired_token_stays_expired_and_another_one_opens() {
    let world = World::new(full_tenant()).await;
    let token = world.writer().await;
    world.state().add_fault(FaultRule::always(Fault::ExpireToken).times(1));
    for _ in 0..2 {
        let answer = world.call(Method::GET, PUSH, &token, None).await;
        assert_eq!((answer.status, answer.code().as_str()), (401, "InvalidAuthenticationToken"));
    }
    let fresh = world.writer().await;
    assert_eq!(world.call(Method::GET, PUSH, &fresh, None).await.status, 200);
}
