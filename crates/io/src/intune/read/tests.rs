//! One fault per test, over a real socket.

use serde_json::json;
use wiremock::matchers::{body_string_contains, header, method, path, query_param};
use wiremock::{Mock, ResponseTemplate};

use super::super::testing::*;
use super::super::{ConnectorOptions, ReadRequest};
use applecart_core::model::{Kind, LiveTenant, Problem, ProblemCode, Reading, Resource};

async fn read_push(server: &wiremock::MockServer) -> LiveTenant {
    connector(&server.uri()).read(&request(&[Kind::Push])).await
}

/// The problem of the push certificate when it answers like this for ever.
async fn push_problem(template: ResponseTemplate) -> Problem {
    let server = graph().await;
    answer(&server, PUSH, template).await;
    let live = read_push(&server).await;
    no_secret(&live);
    live.push.problem().expect("unknown").clone()
}

fn no_secret(live: &LiveTenant) {
    let text = format!("{live:?}");
    assert!(!text.contains("MARKER"), "{text}");
}

fn status(status: u16) -> ResponseTemplate {
    ResponseTemplate::new(status)
}

fn part(id: &str, status: u16, body: &serde_json::Value) -> serde_json::Value {
    json!({"id": id, "status": status, "headers": {"Content-Type": "application/json"}, "body": body})
}

fn empty_page() -> serde_json::Value {
    json!({"value": []})
}

#[tokio::test]
async fn a_healthy_tenant_costs_one_sign_in_and_one_batch() {
    let server = graph().await;
    let vpp = json!({"value": [{"id": "v", "displayName": "London", "state": "valid"}]});
    let parts = [
        part("vpp", 200, &vpp),
        part("push", 200, &push_body()),
        part("enrollment", 200, &empty_page()),
    ];
    Mock::given(method("POST"))
        .and(path(BATCH))
        .and(header("prefer", "include-unknown-enum-members"))
        .and(header("authorization", &*format!("Bearer {BEARER}")))
        .and(body_string_contains("\"GET\""))
        .respond_with(
            ok(json!({"responses": parts})).insert_header("date", "Sun, 06 Nov 1994 08:49:37 GMT"),
        )
        .expect(2)
        .mount(&server)
        .await;
    let connector = connector(&server.uri());
    let live = connector.read(&request(&Kind::ALL)).await;
    assert_eq!(live.push.present().unwrap().serial.to_string(), "0B70AA");
    assert_eq!(live.vpp.present().unwrap()[0].display_name.as_deref(), Some("London"));
    assert_eq!(live.enrollment, Reading::Present(vec![]));
    assert_eq!(live.consent, Reading::NotAsked);
    assert!(live.clock_skew.unwrap() < -900_000_000, "Graph's clock shows 1994");
    assert_eq!(connector.requests(), 2);

    connector.read(&request(&Kind::ALL)).await;
    assert_eq!(connector.requests(), 3, "the token is kept");
}

#[tokio::test]
async fn the_token_is_asked_for_once() {
    let server = graph().await;
    answer(&server, PUSH, ok(push_body())).await;
    let connector = connector(&server.uri());
    for _ in 0..3 {
        connector.read(&request(&[Kind::Push])).await;
    }
    assert_eq!(count(&server, &token_path()).await, 1);
}

#[tokio::test]
async fn kinds_outside_watch_are_not_asked_for() {
    let server = graph().await;
    answer(&server, DEP, ok(empty_page())).await;
    let live = connector(&server.uri()).read(&request(&[Kind::Enrollment])).await;
    assert_eq!(live.push, Reading::NotAsked);
    assert_eq!(live.vpp, Reading::NotAsked);
    assert_eq!(live.enrollment, Reading::Present(vec![]));
}

#[tokio::test]
async fn nothing_watched_means_no_request() {
    let server = graph().await;
    let connector = connector(&server.uri());
    assert_eq!(connector.read(&request(&[])).await, LiveTenant::not_asked());
    assert_eq!(connector.requests(), 0);
}

#[tokio::test]
async fn a_push_certificate_is_absent_only_by_graphs_word() {
    let server = graph().await;
    let message =
        "{\"Message\":\"An error has occurred - Operation ID (for customer support): 1\"}";
    answer(&server, PUSH, status(404).set_body_json(graph_error("ResourceNotFound", message)))
        .await;
    assert_eq!(read_push(&server).await.push, Reading::Absent);
}

#[tokio::test]
async fn any_other_404_is_unknown() {
    let body = graph_error("BadRequest", "Resource not found for the segment 'x'.");
    let problem = push_problem(status(404).set_body_json(body)).await;
    assert_eq!(problem.code, ProblemCode::BadAnswer);
    assert_eq!(problem.request_id.as_deref(), Some("11111111-aaaa"));
    assert_eq!(push_problem(status(404)).await.code, ProblemCode::BadAnswer);
}

#[tokio::test]
async fn a_403_names_the_permission() {
    let body = graph_error("Forbidden", "Application is not authorized to perform this operation.");
    let problem = push_problem(status(403).set_body_json(body)).await;
    assert_eq!(problem.code, ProblemCode::Forbidden);
    assert_eq!(problem.resource, Some(Resource::Push));
    assert_eq!(problem.permission.as_deref(), Some("DeviceManagementServiceConfig.Read.All"));
    assert!(problem.detail.unwrap().contains("Application is not authorized"));
}

#[tokio::test]
async fn a_tenant_without_intune_is_told_apart() {
    let body = graph_error("BadRequest", "Request not applicable to target tenant.");
    let problem = push_problem(status(400).set_body_json(body)).await;
    assert_eq!(problem.code, ProblemCode::NoLicence);
    assert_eq!(problem.permission, None);
}

#[tokio::test]
async fn a_refused_token_is_replaced_once() {
    let server = graph().await;
    answers(&server, PUSH, vec![status(401), ok(push_body())]).await;
    assert!(read_push(&server).await.push.present().is_some());
    assert_eq!(count(&server, &token_path()).await, 2);
}

#[tokio::test]
async fn a_second_401_is_a_failed_sign_in() {
    let server = graph().await;
    answer(&server, PUSH, status(401)).await;
    let live = read_push(&server).await;
    assert_eq!(live.push.problem().unwrap().code, ProblemCode::SignInFailed);
    assert_eq!(count(&server, PUSH).await, 2);
}

#[tokio::test]
async fn a_batch_whose_token_was_refused_is_repeated_with_a_fresh_one() {
    let server = graph().await;
    let parts = [part("push", 200, &push_body()), part("vpp", 200, &empty_page())];
    answers(&server, BATCH, vec![status(401), ok(json!({"responses": parts}))]).await;
    let live = connector(&server.uri()).read(&request(&[Kind::Push, Kind::Vpp])).await;
    assert!(live.push.present().is_some());
    assert_eq!(count(&server, BATCH).await, 2);
}

#[tokio::test]
async fn a_429_is_waited_out_in_seconds() {
    let server = graph().await;
    let throttled = status(429).insert_header("retry-after", "1");
    answers(&server, PUSH, vec![throttled, ok(push_body())]).await;
    let begun = tokio::time::Instant::now();
    assert!(read_push(&server).await.push.present().is_some());
    assert!(begun.elapsed().as_millis() >= 1000);
}

#[tokio::test]
async fn a_429_with_a_date_is_waited_out_by_the_servers_clock() {
    let server = graph().await;
    let throttled = status(429)
        .insert_header("date", "Sun, 06 Nov 1994 08:49:36 GMT")
        .insert_header("retry-after", "Sun, 06 Nov 1994 08:49:37 GMT");
    answers(&server, PUSH, vec![throttled, ok(push_body())]).await;
    let begun = tokio::time::Instant::now();
    assert!(read_push(&server).await.push.present().is_some());
    assert!(begun.elapsed().as_millis() >= 1000);
}

#[tokio::test]
async fn a_429_without_a_time_ends_after_eight_attempts() {
    let server = graph().await;
    answer(&server, PUSH, status(429)).await;
    let live = read_push(&server).await;
    assert_eq!(live.push.problem().unwrap().code, ProblemCode::Throttled);
    assert_eq!(count(&server, PUSH).await, 8);
}

#[tokio::test]
async fn a_retry_after_beyond_the_budget_is_not_begun() {
    let problem = push_problem(status(429).insert_header("retry-after", "3600")).await;
    assert_eq!(problem.code, ProblemCode::Throttled);
}

#[tokio::test]
async fn failures_of_the_server_are_tried_again() {
    for failure in [500, 502, 503, 504] {
        let server = graph().await;
        answers(&server, PUSH, vec![status(failure), status(failure), ok(push_body())]).await;
        assert!(read_push(&server).await.push.present().is_some(), "{failure}");
    }
}

#[tokio::test]
async fn after_the_end_of_the_run_nothing_is_asked() {
    let server = graph().await;
    let change = |options: &mut ConnectorOptions| options.retry.run = std::time::Duration::ZERO;
    let connector = connector_with(&server.uri(), change);
    let live = connector.read(&request(&Kind::ALL)).await;
    let problem = live.vpp.problem().unwrap();
    assert_eq!(problem.code, ProblemCode::Timeout);
    assert!(problem.detail.as_deref().unwrap().contains("run again"));
    assert_eq!(connector.requests(), 0);
}

#[tokio::test]
async fn a_server_that_stays_down_is_reported() {
    assert_eq!(push_problem(status(503)).await.code, ProblemCode::ServerError);
}

#[tokio::test]
async fn a_server_that_hangs_is_a_timeout() {
    let server = graph().await;
    answer(&server, PUSH, ok(push_body()).set_delay(std::time::Duration::from_secs(30))).await;
    let change = |options: &mut ConnectorOptions| {
        options.timeout = std::time::Duration::from_millis(100);
        options.retry.attempts = 2;
    };
    let live = connector_with(&server.uri(), change).read(&request(&[Kind::Push])).await;
    assert_eq!(live.push.problem().unwrap().code, ProblemCode::Timeout);
    assert_eq!(count(&server, PUSH).await, 2);
}

#[tokio::test]
async fn a_dropped_connection_is_tried_again() {
    let respond = |_: &str, nth| (nth > 0).then(|| whole(&push_body().to_string()));
    let (address, seen) = raw_server(respond).await;
    let live = connector(&address).read(&request(&[Kind::Push])).await;
    assert!(live.push.present().is_some());
    assert_eq!(seen.load(std::sync::atomic::Ordering::SeqCst), 2);
}

#[tokio::test]
async fn a_body_that_breaks_off_is_tried_again_and_never_believed() {
    let respond =
        |_: &str, _| Some(whole(&push_body().to_string()).replace("length: ", "length: 9"));
    let (address, seen) = raw_server(respond).await;
    let live = connector(&address).read(&request(&[Kind::Push])).await;
    assert_eq!(live.push.problem().unwrap().code, ProblemCode::Unreachable);
    assert_eq!(seen.load(std::sync::atomic::Ordering::SeqCst), 8);
}

#[tokio::test]
async fn nobody_listening_is_unreachable() {
    let live = connector("http://127.0.0.1:1").read(&request(&Kind::ALL)).await;
    for problem in [live.push.problem(), live.enrollment.problem(), live.vpp.problem()] {
        assert_eq!(problem.unwrap().code, ProblemCode::Unreachable);
        assert_eq!(problem.unwrap().resource, None, "it is the whole tenant");
    }
}

#[tokio::test]
async fn json_that_is_none_is_asked_for_three_times() {
    let server = graph().await;
    answer(&server, PUSH, status(200).set_body_string("{\"topicIdentifier\":\"com.app")).await;
    let live = read_push(&server).await;
    assert_eq!(live.push.problem().unwrap().code, ProblemCode::BadAnswer);
    assert_eq!(count(&server, PUSH).await, 3);
}

#[tokio::test]
async fn html_and_wrong_json_are_bad_answers() {
    for body in
        ["<html>MARKER.BEARER</html>", "[]", "\"MARKER~SECRET\"", "null", "{\"id\":1}", "{}"]
    {
        let problem = push_problem(status(200).set_body_string(body)).await;
        assert_eq!(problem.code, ProblemCode::BadAnswer, "{body}");
    }
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let (other, seen) = raw_server(|_, _| None).await;
    let problem = push_problem(status(307).insert_header("location", other)).await;
    assert_eq!(problem.code, ProblemCode::BadAnswer);
    assert_eq!(seen.load(std::sync::atomic::Ordering::SeqCst), 0);
}

#[tokio::test]
async fn all_pages_are_read() {
    let server = graph().await;
    let next = format!("{}{VPP}?$skiptoken=2", server.uri());
    let first = json!({"value": [{"id": "1", "state": "valid"}], "@odata.nextLink": next});
    Mock::given(path(VPP))
        .and(query_param("$skiptoken", "2"))
        .respond_with(ok(json!({"value": [{"id": "2", "state": "valid"}]})))
        .mount(&server)
        .await;
    answer(&server, VPP, ok(first)).await;
    let live = connector(&server.uri()).read(&request(&[Kind::Vpp])).await;
    assert_eq!(live.vpp.present().unwrap().len(), 2);
}

#[tokio::test]
async fn a_collection_with_a_failed_page_is_unknown() {
    let server = graph().await;
    let next = format!("{}{VPP}?$skiptoken=2", server.uri());
    let first = json!({"value": [{"id": "1", "state": "valid"}], "@odata.nextLink": next});
    Mock::given(path(VPP))
        .and(query_param("$skiptoken", "2"))
        .respond_with(status(500))
        .mount(&server)
        .await;
    answer(&server, VPP, ok(first)).await;
    let live = connector(&server.uri()).read(&request(&[Kind::Vpp])).await;
    assert_eq!(live.vpp.problem().unwrap().code, ProblemCode::ServerError);
}

#[tokio::test]
async fn the_token_does_not_follow_a_page_to_another_host() {
    let (other, seen) = raw_server(|_, _| None).await;
    let server = graph().await;
    let link = json!({"value": [], "@odata.nextLink": format!("{other}{VPP}?$skiptoken=2")});
    answer(&server, VPP, ok(link)).await;
    let live = connector(&server.uri()).read(&request(&[Kind::Vpp])).await;
    assert_eq!(live.vpp.problem().unwrap().code, ProblemCode::BadAnswer);
    assert_eq!(seen.load(std::sync::atomic::Ordering::SeqCst), 0);
}

#[tokio::test]
async fn pages_in_a_circle_end() {
    let server = graph().await;
    let link = json!({"value": [], "@odata.nextLink": format!("{}{VPP}", server.uri())});
    answer(&server, VPP, ok(link)).await;
    let live = connector(&server.uri()).read(&request(&[Kind::Vpp])).await;
    assert_eq!(live.vpp.problem().unwrap().code, ProblemCode::BadAnswer);
    assert_eq!(count(&server, VPP).await, 1);
}

#[tokio::test]
async fn parts_of_a_batch_are_observed_by_themselves() {
    let server = graph().await;
    let parts = [
        part("push", 403, &graph_error("Forbidden", "no")),
        part("enrollment", 200, &empty_page()),
        part("vpp", 503, &json!(null)),
    ];
    answer(&server, BATCH, ok(json!({"responses": parts}))).await;
    answer(&server, VPP, ok(empty_page())).await;
    let live = connector(&server.uri()).read(&request(&Kind::ALL)).await;
    assert_eq!(live.push.problem().unwrap().code, ProblemCode::Forbidden);
    assert_eq!(live.enrollment, Reading::Present(vec![]));
    assert_eq!(live.vpp, Reading::Present(vec![]));
    assert_eq!(count(&server, PUSH).await, 0, "a refusal is not asked for again");
    assert_eq!(count(&server, VPP).await, 1, "a failure is, alone");
}

#[tokio::test]
async fn a_throttled_part_is_waited_out_alone() {
    let server = graph().await;
    let mut throttled = part("vpp", 429, &graph_error("TooManyRequests", "slow down"));
    throttled["headers"]["Retry-After"] = json!("1");
    let parts = [part("push", 200, &push_body()), throttled];
    answer(&server, BATCH, ok(json!({"responses": parts}))).await;
    answer(&server, VPP, ok(empty_page())).await;
    let begun = tokio::time::Instant::now();
    let live = connector(&server.uri()).read(&request(&[Kind::Push, Kind::Vpp])).await;
    assert!(begun.elapsed().as_millis() >= 1000);
    assert_eq!(live.vpp, Reading::Present(vec![]));
    assert_eq!(count(&server, BATCH).await, 1);
}

#[tokio::test]
async fn a_part_whose_token_was_refused_gets_a_fresh_one_alone() {
    let server = graph().await;
    let parts = [part("push", 401, &json!(null)), part("vpp", 200, &empty_page())];
    answer(&server, BATCH, ok(json!({"responses": parts}))).await;
    answers(&server, PUSH, vec![status(401), ok(push_body())]).await;
    let live = connector(&server.uri()).read(&request(&[Kind::Push, Kind::Vpp])).await;
    assert!(live.push.present().is_some());
    assert_eq!(count(&server, &token_path()).await, 2);
}

#[tokio::test]
async fn a_part_that_is_missing_is_asked_for_alone() {
    let server = graph().await;
    let twice = [part("vpp", 200, &empty_page()), part("vpp", 404, &json!(null))];
    answer(&server, BATCH, ok(json!({"responses": twice}))).await;
    answer(&server, PUSH, ok(push_body())).await;
    answer(&server, VPP, ok(empty_page())).await;
    let live = connector(&server.uri()).read(&request(&[Kind::Push, Kind::Vpp])).await;
    assert!(live.push.present().is_some());
    assert_eq!(live.vpp, Reading::Present(vec![]));
}

#[tokio::test]
async fn a_graph_without_batch_is_asked_with_gets_for_the_rest_of_the_run() {
    for missing in [404, 405, 501] {
        let server = graph().await;
        answer(&server, BATCH, status(missing)).await;
        answer(&server, PUSH, ok(push_body())).await;
        answer(&server, VPP, ok(empty_page())).await;
        let connector = connector(&server.uri());
        for _ in 0..2 {
            let live = connector.read(&request(&[Kind::Push, Kind::Vpp])).await;
            assert!(live.push.present().is_some() && live.vpp.present().is_some(), "{missing}");
        }
        assert_eq!(count(&server, BATCH).await, 1, "{missing}");
    }
}

#[tokio::test]
async fn a_garbled_or_refused_batch_falls_back_to_gets_for_that_tenant() {
    for bad in [status(200).set_body_string("<html>"), ok(json!({})), status(400), status(403)] {
        let server = graph().await;
        answer(&server, BATCH, bad).await;
        answer(&server, PUSH, ok(push_body())).await;
        answer(&server, VPP, ok(empty_page())).await;
        let live = connector(&server.uri()).read(&request(&[Kind::Push, Kind::Vpp])).await;
        assert!(live.push.present().is_some() && live.vpp.present().is_some());
    }
}

#[tokio::test]
async fn a_failing_batch_does_not_hide_resources_that_work() {
    let server = graph().await;
    answer(&server, BATCH, status(502)).await;
    answer(&server, PUSH, ok(push_body())).await;
    answer(&server, VPP, status(502)).await;
    let live = connector(&server.uri()).read(&request(&[Kind::Push, Kind::Vpp])).await;
    assert!(live.push.present().is_some());
    assert_eq!(live.vpp.problem().unwrap().code, ProblemCode::ServerError);
    assert_eq!(count(&server, BATCH).await, 3);
    assert_eq!(count(&server, VPP).await, 5, "eight attempts with those of the batch");
}

#[tokio::test]
async fn consent_is_read_only_where_there_is_no_push_certificate() {
    let absent = || status(404).set_body_json(graph_error("ResourceNotFound", "none"));
    for (consent, expected) in [
        (ok(json!({"granted": true})), Some(true)),
        (ok(json!({"granted": false})), Some(false)),
        (status(404), Some(false)),
        (status(403), None),
    ] {
        let server = graph().await;
        answer(&server, PUSH, absent()).await;
        answer(&server, CONSENT, consent).await;
        let request = ReadRequest { consent_if_push_absent: true, ..request(&[Kind::Push]) };
        let live = connector(&server.uri()).read(&request).await;
        assert_eq!(live.push, Reading::Absent);
        assert_eq!(live.consent.present().copied(), expected);
        if let Some(problem) = live.consent.problem() {
            assert_eq!(problem.resource, Some(Resource::Consent));
            let permission = problem.permission.as_deref();
            assert_eq!(permission, Some("DeviceManagementServiceConfig.ReadWrite.All"));
        }
    }
    let server = graph().await;
    answer(&server, PUSH, ok(push_body())).await;
    let request = ReadRequest { consent_if_push_absent: true, ..request(&[Kind::Push]) };
    let live = connector(&server.uri()).read(&request).await;
    assert_eq!(live.consent, Reading::NotAsked);
    assert_eq!(count(&server, CONSENT).await, 0);
}

#[tokio::test]
async fn what_the_server_reflects_is_not_shown() {
    let reflected = format!("you sent Bearer {BEARER} and {SECRET}");
    for code in [400, 403, 404, 409, 500] {
        let error = graph_error(&format!("x{BEARER}"), &reflected);
        let template = status(code)
            .insert_header("request-id", BEARER)
            .insert_header("retry-after", "3600")
            .set_body_json(error);
        let problem = push_problem(template).await;
        let id = problem.request_id.unwrap();
        assert!(!id.contains(BEARER), "the id that was sent along stands in for it: {id}");
    }
}

#[tokio::test]
async fn a_missing_client_secret_is_said_before_any_request() {
    let change = |options: &mut ConnectorOptions| options.client_secret = Box::new(|_| None);
    let connector = connector_with("http://127.0.0.1:1", change);
    let live = connector.read(&request(&[Kind::Push])).await;
    let problem = live.push.problem().unwrap();
    assert!(problem.detail.as_ref().unwrap().contains("AZURE_CLIENT_SECRET"));
    assert_eq!(live.vpp, Reading::NotAsked);
    assert_eq!(connector.requests(), 0);
}

/// Everything that is logged, at the most talkative level, by this room and what it uses.
#[derive(Clone, Default)]
struct Log(std::sync::Arc<std::sync::Mutex<Vec<u8>>>);

impl std::io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn the_log_shows_no_secret() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(move || writer.clone())
        .finish();
    let guard = tracing::subscriber::set_default(subscriber);
    // With a single subscriber alive, places that another test's thread meets first would be
    // judged by that thread alone, and stay silent here.
    let _second = tracing::Dispatch::new(tracing_subscriber::registry());
    tracing::callsite::rebuild_interest_cache();
    let server = graph().await;
    let reflected = graph_error("BadRequest", &format!("{BEARER} {SECRET}"));
    let link =
        json!({"value": [], "@odata.nextLink": format!("{}{VPP}?$skiptoken=MARKER", server.uri())});
    answers(
        &server,
        VPP,
        vec![
            ok(link),
            status(500).set_body_json(&reflected),
            status(400).set_body_json(&reflected),
        ],
    )
    .await;
    answer(&server, PUSH, status(401).set_body_json(&reflected)).await;
    let connector = connector(&server.uri());
    connector.read(&request(&[Kind::Vpp])).await;
    connector.read(&request(&[Kind::Push])).await;
    let writer = connector.writer(TENANT.parse().unwrap(), &auth()).unwrap();
    writer.upload_push("MARKER@contoso.example", "MARKERCERTIFICATE").await.unwrap_err();
    drop(guard);
    let text = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(text.contains("vppTokens"), "something was logged: {text}");
    let line = text.lines().find(|line| line.contains("MARKER"));
    assert_eq!(line, None);
}

#[tokio::test]
async fn a_part_of_a_batch_that_says_a_thing_twice_is_not_believed() {
    let server = graph().await;
    let body = push_body().to_string();
    let twice = body.replacen('{', "{\"topicIdentifier\":\"com.apple.mgmt.External.evil\",", 1);
    let parts = format!(
        "{{\"responses\":[{{\"id\":\"push\",\"status\":200,\"body\":{twice}}},{{\"id\":\"vpp\",\"status\":200,\"body\":{{\"value\":[]}}}}]}}"
    );
    answer(&server, BATCH, status(200).set_body_string(parts)).await;
    answer(&server, PUSH, status(200).set_body_string(twice)).await;
    let live = connector(&server.uri()).read(&request(&[Kind::Push, Kind::Vpp])).await;
    assert_eq!(live.push.problem().unwrap().code, ProblemCode::BadAnswer);
    assert_eq!(live.vpp, Reading::Present(Vec::new()), "the other part is as it was");
}

#[tokio::test]
async fn a_collection_of_more_than_intune_allows_ends_after_a_few_pages() {
    let fat: Vec<_> = (0..3_000)
        .map(|number| json!({"id": format!("{number}"), "state": "valid", "displayName": "y".repeat(900)}))
        .collect();
    let many: Vec<_> = (0..2_000).map(|number| json!({"id": format!("{number}")})).collect();
    for items in [fat, many] {
        let server = graph().await;
        let served = std::sync::atomic::AtomicUsize::new(0);
        let uri = server.uri();
        let page = move |_: &wiremock::Request| {
            let nth = served.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
            let next = format!("{uri}{VPP}?$skiptoken={nth}");
            ok(json!({"value": items, "@odata.nextLink": next}))
        };
        Mock::given(path(VPP)).respond_with(page).mount(&server).await;
        let live = connector(&server.uri()).read(&request(&[Kind::Vpp])).await;
        let problem = live.vpp.problem().unwrap();
        assert_eq!(problem.code, ProblemCode::BadAnswer);
        assert!(problem.detail.as_deref().unwrap().contains("more tokens than Intune allows"));
        assert!(count(&server, VPP).await < 8);
    }
}

#[tokio::test]
async fn a_page_of_nothing_but_empty_items_is_no_page() {
    let server = graph().await;
    let items = "{},".repeat(1_000_000);
    let body = format!("{{\"value\":[{}]}}", items.trim_end_matches(','));
    answer(&server, VPP, status(200).set_body_string(body)).await;
    let live = connector(&server.uri()).read(&request(&[Kind::Vpp])).await;
    assert_eq!(live.vpp.problem().unwrap().code, ProblemCode::BadAnswer);
}
