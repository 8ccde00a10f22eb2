//! A Graph that was not written for Applecart: twenty tenants, each with its own trouble, and
//! nothing but the two URLs and the client secret in the environment.

use serde_json::{Value, json};
use wiremock::matchers::{method, path, path_regex};
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

use crate::world::{Run, World, tenant_id};

/// Which tenant a request is for: the bearer token names it.
fn tenant_of(request: &Request) -> String {
    let bearer = request.headers.get("authorization").and_then(|value| value.to_str().ok());
    bearer.unwrap_or_default().trim_start_matches("Bearer ").to_owned()
}

fn name(number: usize) -> String {
    format!("tenant-{number:02}")
}

fn error(status: u16, code: &str) -> ResponseTemplate {
    let body = json!({"error": {"code": code, "message": "no", "innerError": {"request-id": "11111111-2222-4333-8444-555555555555"}}});
    ResponseTemplate::new(status).set_body_json(body)
}

fn certificate() -> Value {
    json!({
        "id": "x", "appleIdentifier": "mdm@example.invalid",
        "topicIdentifier": "com.apple.mgmt.External.5d0c5a0e-0000-4000-8000-000000000000",
        "certificateSerialNumber": "0B70A3F2C1D4E5F6",
        "expirationDateTime": "2099-01-01T00:00:00Z", "lastModifiedDateTime": "2026-01-01T00:00:00.1234567Z",
        "certificateUploadStatus": null, "certificateUploadFailureReason": null, "certificate": null,
        "somethingNew": {"nobody": "knows"}
    })
}

/// What the push certificate's resource answers to each tenant.
fn push(request: &Request, earlier: usize) -> ResponseTemplate {
    match tenant_of(request).as_str() {
        "tenant-13" => error(404, "ResourceNotFound"),
        "tenant-14" => error(500, "InternalServerError").insert_header("Retry-After", "0"),
        "tenant-15" => error(403, "Forbidden"),
        "tenant-17" if earlier < 2 => {
            error(429, "TooManyRequests").insert_header("Retry-After", "0")
        }
        "tenant-18" => error(404, "BadRequest"),
        _ => ResponseTemplate::new(200).set_body_json(certificate()),
    }
}

struct Graph {
    world: World,
    _runtime: tokio::runtime::Runtime,
    server: MockServer,
}

impl Graph {
    fn start() -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let server = runtime.block_on(async {
            let server = MockServer::start().await;
            let sign_in = |request: &Request| {
                let id = request.url.path().split('/').nth(1).unwrap_or_default().to_owned();
                let name = (1..=20).map(name).find(|name| tenant_id(name).to_string() == id).unwrap();
                if name == "tenant-16" {
                    return ResponseTemplate::new(400).set_body_json(json!({
                        "error": "invalid_request", "error_description": "AADSTS90002: Tenant not found.",
                        "error_codes": [90002], "trace_id": "t", "correlation_id": "c"
                    }));
                }
                ResponseTemplate::new(200)
                    .set_body_json(json!({"token_type": "Bearer", "expires_in": 3599, "access_token": name}))
            };
            Mock::given(method("POST")).and(path_regex("/oauth2/v2.0/token$")).respond_with(sign_in).mount(&server).await;
            let throttled = std::sync::atomic::AtomicUsize::new(0);
            let answer = move |request: &Request| {
                let ours = tenant_of(request) == "tenant-17";
                let earlier = throttled.fetch_add(usize::from(ours), std::sync::atomic::Ordering::Relaxed);
                push(request, earlier)
            };
            Mock::given(method("GET"))
                .and(path("/beta/deviceManagement/applePushNotificationCertificate"))
                .respond_with(answer)
                .mount(&server)
                .await;
            let vpp = |request: &Request| match tenant_of(request).as_str() {
                "tenant-19" if request.url.query().is_some() => error(503, "ServiceUnavailable").insert_header("Retry-After", "0"),
                "tenant-19" => ResponseTemplate::new(200).set_body_json(json!({
                    "value": [], "@odata.nextLink": format!("http://{}/beta/deviceAppManagement/vppTokens?$skiptoken=2", request.headers.get("host").unwrap().to_str().unwrap())
                })),
                _ => ResponseTemplate::new(200).set_body_json(json!({"value": []})),
            };
            Mock::given(method("GET")).and(path("/beta/deviceAppManagement/vppTokens")).respond_with(vpp).mount(&server).await;
            Mock::given(method("GET"))
                .and(path("/beta/deviceManagement/depOnboardingSettings"))
                .respond_with(ResponseTemplate::new(200).set_body_json(json!({"value": []})))
                .mount(&server)
                .await;
            server
        });
        let mut world = World::new();
        world.url = server.uri();
        world.secret = "not-the-simulators".to_owned();
        for number in 1..=20 {
            let name = name(number);
            let text = format!(
                "apiVersion: applecart/v1\nkind: Tenant\nname: {name}\ntenantId: {}\npush: {{appleId: mdm@example.invalid}}\n",
                tenant_id(&name)
            );
            world.write(&format!("tenants/{name}/tenant.yaml"), &text);
        }
        world.commit("Twenty tenants");
        Self { world, _runtime: runtime, server }
    }

    fn plan(&self) -> Run {
        self.world.run(&["plan", "--format", "json"])
    }
}

#[test]
fn every_tenant_has_a_result_of_its_own() {
    let graph = Graph::start();
    let plan = graph.plan().ends_with(3).json();
    let tenants = plan["tenants"].as_array().unwrap();
    assert_eq!(tenants.len(), 20);
    let push_of = |number: usize| {
        let tenant = tenants.iter().find(|tenant| tenant["name"] == name(number)).unwrap();
        let token = tenant["tokens"]
            .as_array()
            .unwrap()
            .iter()
            .find(|token| token["kind"] == "push")
            .unwrap();
        let codes: Vec<&str> = tenant["problems"]
            .as_array()
            .unwrap()
            .iter()
            .map(|problem| problem["code"].as_str().unwrap())
            .collect();
        (
            token["sync"].as_str().unwrap().to_owned(),
            tenant["observed"].as_str().unwrap().to_owned(),
            codes.join(","),
        )
    };
    let row = |sync: &str, observed: &str, codes: &str| {
        (sync.to_owned(), observed.to_owned(), codes.to_owned())
    };
    for number in (1..=12).chain([17, 20]) {
        assert_eq!(push_of(number), row("watched", "complete", ""), "tenant {number}");
    }
    assert_eq!(push_of(13), row("missing", "complete", ""));
    assert_eq!(push_of(14), row("unobserved", "partial", "server-error"));
    assert_eq!(push_of(15), row("unobserved", "partial", "forbidden"));
    assert_eq!(push_of(16), row("unobserved", "none", "tenant-not-found"));
    assert_eq!(push_of(18), row("unobserved", "partial", "bad-answer"));
    assert_eq!(push_of(19), row("watched", "partial", "server-error"));
    assert_eq!(plan["summary"]["unobserved"], 5);
    let permission = tenants.iter().find(|tenant| tenant["name"] == name(15)).unwrap()["problems"]
        [0]["permission"]
        .clone();
    assert_eq!(permission, "DeviceManagementServiceConfig.Read.All");
}

#[test]
fn an_unreadable_tenant_is_nowhere_called_deleted_or_in_sync() {
    let graph = Graph::start();
    for arguments in [&["plan"][..], &["status"], &["plan", "--format", "markdown"]] {
        let run = graph.world.run(arguments).ends_with(3);
        for line in run.stdout.lines().filter(|line| {
            ["tenant-14", "tenant-15", "tenant-16"].iter().any(|name| line.contains(name))
        }) {
            for lie in ["in-sync", "missing", "deleted", "removed", "vanished"] {
                assert!(!line.contains(lie), "{lie}: {line}");
            }
        }
    }
}

#[test]
fn nothing_but_reads_and_sign_ins_is_sent() {
    let graph = Graph::start();
    let _ = graph.plan();
    let requests = graph._runtime.block_on(graph.server.received_requests()).unwrap();
    for request in requests {
        let path = request.url.path();
        assert!(
            request.method.as_str() == "GET" || path.ends_with("/token") || path == "/beta/$batch",
            "{} {path}",
            request.method
        );
        let body = String::from_utf8_lossy(&request.body);
        if path == "/beta/$batch" {
            assert!(
                !["POST", "PATCH", "PUT", "DELETE"]
                    .iter()
                    .any(|verb| body.contains(&format!("\"{verb}\""))),
                "{body}"
            );
        }
    }
}

#[test]
fn nobody_can_sign_in_anywhere_is_its_own_exit_code() {
    let mut world = World::new();
    world.live("contoso", None);
    world.tenant("contoso", &world.issue(None, 300));
    world.commit("One tenant");
    world.secret = "wrong".to_owned();
    world.run(&["plan"]).ends_with(8).says("AADSTS7000215");
    world.secret = String::new();
    world.run(&["plan"]).ends_with(8).says("AZURE_CLIENT_SECRET");
}
