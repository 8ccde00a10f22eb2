//! What a stranger, a web page and a replayed delivery can do to the controller: nothing.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::{Serve, answer, arguments};
use crate::world::{World, eventually};

const TOKEN: &str = "0123456789abcdef0123456789abcdef";
const SECRET: &str = "a secret that is shared";

struct Attacked {
    serve: Serve,
    world: World,
}

/// A controller that asks for a token, and has read one tenant.
fn attacked() -> Attacked {
    let world = World::new();
    world.renewal("contoso");
    let mut command = world.command(&arguments(&[]));
    command.env("APPLECART_SERVE_TOKEN", TOKEN).env("APPLECART_WEBHOOK_SECRET", SECRET);
    let serve = Serve::start(command);
    eventually("it has read", || serve.is_ready());
    Attacked { serve, world }
}

impl Attacked {
    fn with_token(&self, path: &str) -> super::Answer {
        self.serve.ask("GET", path, &[&format!("Authorization: Bearer {TOKEN}")], "")
    }

    /// Nothing was written, nothing told, and the loop goes on.
    fn is_unharmed(&self) {
        assert_eq!(self.world.state().counters().write_attempts, 0);
        let before = self.world.state().counters().requests;
        eventually("the loop goes on", || self.world.state().counters().requests > before);
        assert_eq!(self.with_token("/api/v1/status").status, 200);
        assert!(!self.serve.log().contains(TOKEN) && !self.serve.log().contains(SECRET));
    }
}

#[test]
fn a_wrong_or_missing_token_is_told_nothing() {
    let attacked = attacked();
    let paths = [
        "/",
        "/t/contoso/push",
        "/metrics",
        "/api/v1/status",
        "/api/v1/attention",
        "/api/v1/history",
        "/none",
    ];
    for path in paths {
        for headers in [
            &[][..],
            &["Authorization: Bearer 0123456789abcdef0123456789abcdeF"],
            &["Authorization: Bearer"],
            &["Authorization: Basic MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="],
            &["X-Forwarded-User: admin"],
        ] {
            let answer = attacked.serve.ask("GET", path, headers, "");
            assert_eq!(answer.status, 401, "{path} {headers:?}: {answer:?}");
            assert!(!answer.body.contains("contoso"), "{answer:?}");
            assert_eq!(answer.header("www-authenticate"), Some("Bearer realm=\"applecart\""));
        }
    }
    let query = attacked.serve.get(&format!("/api/v1/status?access_token={TOKEN}&token={TOKEN}"));
    assert_eq!(query.status, 401, "a token in an address would stand in logs");
    attacked.is_unharmed();
}

#[test]
fn a_rebound_name_and_another_sites_page_are_told_nothing() {
    let attacked = attacked();
    let token = format!("Authorization: Bearer {TOKEN}");
    for (line, status) in [
        ("Host: evil.example", 403),
        ("Host: localhost.evil.example:8080", 403),
        ("Origin: http://evil.example", 403),
        ("Origin: null", 403),
        ("Sec-Fetch-Site: cross-site", 403),
        ("Sec-Fetch-Site: same-site", 403),
        ("Host: localhost", 200),
        ("Sec-Fetch-Site: same-origin", 200),
    ] {
        let answer = attacked.serve.ask("GET", "/api/v1/status", &[&token, line], "");
        assert_eq!(answer.status, status, "{line}: {answer:?}");
        assert_eq!(answer.header("access-control-allow-origin"), None);
    }
    let absolute = format!(
        "GET http://evil.example/ HTTP/1.1\r\nHost: localhost\r\n{token}\r\nConnection: close\r\n\r\n"
    );
    assert_eq!(attacked.serve.raw(absolute.as_bytes()).status, 403);
    attacked.is_unharmed();
}

#[test]
fn every_answer_tells_browsers_to_keep_frame_and_guess_nothing() {
    let attacked = attacked();
    for path in ["/", "/api/v1/status", "/metrics", "/livez", "/none", "/t/../x"] {
        for answer in [attacked.with_token(path), attacked.serve.get(path)] {
            assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{path}");
            assert_eq!(answer.header("cache-control"), Some("no-store"), "{path}");
            assert_eq!(answer.header("x-frame-options"), Some("DENY"), "{path}");
            let policy = answer.header("content-security-policy").unwrap();
            assert!(policy.contains("default-src 'none'"), "{path}: {policy}");
            assert!(policy.contains("frame-ancestors 'none'"), "{path}: {policy}");
            assert_eq!(answer.header("server"), None);
        }
    }
    attacked.is_unharmed();
}

#[test]
fn no_method_writes_and_no_header_makes_one_that_does() {
    let attacked = attacked();
    let token = format!("Authorization: Bearer {TOKEN}");
    for method in ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "PROPFIND"] {
        for path in ["/", "/api/v1/status", "/api/v1/history", "/livez"] {
            let answer = attacked.serve.ask(method, path, &[&token], "{}");
            assert!([400, 405].contains(&answer.status), "{method} {path}: {answer:?}");
        }
    }
    for name in ["X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"] {
        let line = format!("{name}: DELETE");
        assert_eq!(attacked.serve.ask("GET", "/api/v1/status", &[&token, &line], "").status, 200);
    }
    assert_eq!(attacked.serve.ask("GET", "/hooks/github", &[&token], "").status, 405);
    attacked.is_unharmed();
}

#[test]
fn paths_lead_to_no_file_and_names_into_no_header() {
    let attacked = attacked();
    for path in [
        "/t/../../../../etc/passwd",
        "/t/..%2f..%2f..%2fetc/passwd",
        "/t/%2e%2e/%2e%2e/etc",
        "/t/contoso/../../x",
        "/t/contoso%00/push",
        "/t/contoso/push/..%2f..%2fapplecart.yaml",
        "/t/contoso/push/x%0d%0aSet-Cookie:%20a=b",
        "/t/%0d%0aSet-Cookie:%20a=b/push",
        "/t/--exec=x/push",
        "/t/%3Cscript%3Ealert(1)%3C%2Fscript%3E/push",
        "//evil.example/",
        "/api/v1/history?target=..%2f..%2fetc%2fpasswd",
        "/api/v1/history?target=--upload-pack%3Dx",
        "/api/v1/history?target=%0d%0aSet-Cookie:%20a=b",
        "/api/v1/status/",
        "/.git/config",
    ] {
        let answer = attacked.with_token(path);
        assert!([400, 404].contains(&answer.status), "{path}: {answer:?}");
        assert_eq!(answer.header("set-cookie"), None, "{path}");
        assert_eq!(answer.header("location"), None, "{path}");
        assert!(
            !answer.body.contains("root:") && !answer.body.contains("<script"),
            "{path}: {answer:?}"
        );
    }
    for path in ["/api/v1/history?other=x", "/api/v1/history?target=contoso&target=x"] {
        assert_eq!(attacked.with_token(path).status, 400, "{path}");
    }
    attacked.is_unharmed();
}

#[test]
fn a_delivery_wakes_once_and_only_with_the_secret() {
    let attacked = attacked();
    let send = |forge: &str, headers: &[&str], body: &str| {
        attacked.serve.ask("POST", &format!("/hooks/{forge}"), headers, body).status
    };
    let woken = || {
        let answer = attacked.with_token("/metrics");
        let line =
            answer.body.lines().find(|line| line.starts_with("applecart_webhook_wakes_total "));
        line.unwrap().rsplit(' ').next().unwrap().to_owned()
    };
    let push = "X-GitHub-Event: push";
    assert_eq!(send("github", &[push], "{}"), 401);
    assert_eq!(send("github", &[push, "X-Hub-Signature-256: sha256=00"], "{}"), 401);
    assert_eq!(send("gitlab", &["X-Gitlab-Event: Push Hook", "X-Gitlab-Token: wrong"], "{}"), 401);
    let basic = |text: &str| format!("Authorization: Basic {}", STANDARD.encode(text));
    assert_eq!(send("azure", &[&basic("a:wrong")], "{}"), 401);
    assert_eq!(send("azure", &[&format!("Authorization: Bearer {TOKEN}")], "{}"), 401);
    assert_eq!(send("other", &[push], "{}"), 404);
    assert_eq!(woken(), "0");
    assert_eq!(send("azure", &[&basic(&format!("a:{SECRET}"))], "{}"), 202);
    assert_eq!(send("azure", &[&basic(&format!("b:{SECRET}"))], "{}"), 200, "the same again");
    assert_eq!(woken(), "1");
    // What it says of a repository, a commit or a command is not read.
    let lies =
        "{\"repository\":{\"clone_url\":\"ext::sh -c touch% x\"},\"after\":\"--upload-pack=x\"}";
    assert_eq!(send("azure", &[&basic(&format!("a:{SECRET}"))], lies), 202);
    let large = format!("Content-Length: {}", 26 * 1024 * 1024);
    let head = format!(
        "POST /hooks/azure HTTP/1.1\r\nHost: localhost\r\n{}\r\n{large}\r\n\r\n",
        basic(&format!("a:{SECRET}"))
    );
    assert_eq!(attacked.serve.raw(head.as_bytes()).status, 413, "before any of it is read");
    attacked.is_unharmed();
}

#[test]
fn without_a_secret_no_delivery_is_heard() {
    let world = World::new();
    world.commit("Start");
    let serve = Serve::of(&world, &[]);
    let headers = ["X-Gitlab-Token: ", "X-Gitlab-Event: Push Hook"];
    assert_eq!(serve.ask("POST", "/hooks/gitlab", &headers, "{}").status, 404);
}

#[test]
fn a_large_head_is_refused() {
    let attacked = attacked();
    let line = format!("X-Large: {}", "x".repeat(40_000));
    assert_eq!(attacked.serve.ask("GET", "/livez", &[&line], "").status, 431);
    let many: Vec<String> = (0..500).map(|number| format!("X-{number}: x")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    assert_eq!(attacked.serve.ask("GET", "/livez", &many, "").status, 431);
    attacked.is_unharmed();
}

#[test]
fn a_client_that_sends_slowly_is_cut_off() {
    let attacked = attacked();
    let begun = Instant::now();
    let mut clients: Vec<TcpStream> = Vec::new();
    for start in ["", "GET /", "GET / HTTP/1.1\r\nHost: localhost\r\nX-Slow: "] {
        let mut client = attacked.serve.connect();
        client.write_all(start.as_bytes()).unwrap();
        clients.push(client);
    }
    let mut body = attacked.serve.connect();
    let auth = STANDARD.encode(format!("a:{SECRET}"));
    let head = format!(
        "POST /hooks/azure HTTP/1.1\r\nHost: localhost\r\nAuthorization: Basic {auth}\r\nContent-Length: 100\r\n\r\n{{"
    );
    body.write_all(head.as_bytes()).unwrap();
    attacked.is_unharmed();
    for client in clients {
        let answer = answer(client);
        assert!([0, 408].contains(&answer.status), "{answer:?}");
    }
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
    assert_eq!(answer(body).status, 408);
    assert!(begun.elapsed() < Duration::from_secs(30), "{:?}", begun.elapsed());
    attacked.is_unharmed();
}

#[test]
fn a_thousand_connections_leave_the_loop_alone() {
    let attacked = attacked();
    let mut clients: Vec<TcpStream> = (0..1000).map(|_| attacked.serve.connect()).collect();
    let before = attacked.world.state().counters().requests;
    eventually("the loop goes on", || attacked.world.state().counters().requests > before + 5);
    let mut refused = 0;
    for client in &mut clients {
        client.set_read_timeout(Some(Duration::from_millis(1))).unwrap();
        match client.read(&mut [0]) {
            Ok(0) => refused += 1,
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => refused += 1,
            _ => {}
        }
    }
    assert!(refused >= 700, "{refused} were closed");
    drop(clients);
    eventually("others are answered again", || attacked.with_token("/api/v1/status").status == 200);
    attacked.is_unharmed();
}
