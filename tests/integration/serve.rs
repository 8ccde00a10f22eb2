//! The controller as a process: what it reads, uploads and shows, and how it stops.

mod attacks;
#[cfg(target_os = "linux")]
mod soak;

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use applecart_core::model::Kind;
use applecart_simulator::{Fault, FaultRule};
use serde_json::Value;

use crate::formats::fed;
use crate::interop::program;
use crate::notify::recorder::{Answers, Received, Recorder};
use crate::world::hub::{Clone, Hub};
use crate::world::{World, eventually};

/// A running controller.
pub(crate) struct Serve {
    child: Option<Child>,
    address: SocketAddr,
    log: Arc<Mutex<String>>,
}

/// An answer, as it came.
#[derive(Debug)]
pub(crate) struct Answer {
    status: u16,
    head: String,
    body: String,
}

impl Answer {
    fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines
            .into_iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
    }
}

impl Serve {
    /// Starts it on a free port, and waits until it listens.
    fn start(mut command: Command) -> Self {
        let mut child = command.stderr(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
        let log = Arc::new(Mutex::new(String::new()));
        let (its, stderr) = (Arc::clone(&log), child.stderr.take().unwrap());
        std::thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                its.lock().unwrap().push_str(&(line + "\n"));
            }
        });
        let told = || log.lock().unwrap().split("://").nth(1).map(str::to_owned);
        let started = Instant::now();
        let address = loop {
            if let Some(rest) = told() {
                break rest.split_whitespace().next().unwrap().parse().unwrap();
            }
            assert!(started.elapsed() < Duration::from_secs(30), "{}", log.lock().unwrap());
            assert!(child.try_wait().unwrap().is_none(), "{}", log.lock().unwrap());
            std::thread::sleep(Duration::from_millis(10));
        };
        Self { child: Some(child), address, log }
    }

    fn of(world: &World, more: &[&str]) -> Self {
        Self::start(world.command(&arguments(more)))
    }

    fn in_clone(clone: &Clone<'_>, more: &[&str]) -> Self {
        Self::start(clone.command(&arguments(more)))
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        stream
    }

    /// Sends these bytes, and reads until the connection ends.
    fn raw(&self, request: &[u8]) -> Answer {
        let mut stream = self.connect();
        // A server that refuses early may not read it all.
        let _ = stream.write_all(request);
        answer(stream)
    }

    fn ask(&self, method: &str, path: &str, headers: &[&str], body: &str) -> Answer {
        let mut head = format!("{method} {path} HTTP/1.1\r\nConnection: close\r\n");
        if !headers.iter().any(|line| line.to_lowercase().starts_with("host:")) {
            head.push_str(&format!("Host: {}\r\n", self.address));
        }
        for line in headers {
            head.push_str(&format!("{line}\r\n"));
        }
        self.raw(format!("{head}Content-Length: {}\r\n\r\n{body}", body.len()).as_bytes())
    }

    fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, &[], "")
    }

    fn json(&self, path: &str) -> Value {
        let answer = self.get(path);
        assert_eq!(answer.status, 200, "{answer:?}");
        serde_json::from_str(&answer.body).unwrap()
    }

    fn is_ready(&self) -> bool {
        self.get("/readyz").status == 200
    }

    /// The value of a metric that has no labels, or these.
    fn metric(&self, name: &str) -> f64 {
        let text = self.get("/metrics").body;
        let line = text
            .lines()
            .find(|line| line.strip_prefix(name).is_some_and(|rest| rest.starts_with(' ')));
        line.unwrap_or_else(|| panic!("{name} is not in:\n{text}"))
            .rsplit(' ')
            .next()
            .unwrap()
            .parse()
            .unwrap()
    }

    fn runs(&self) -> f64 {
        ["done", "partial", "failed"]
            .map(|outcome| {
                self.metric(&format!("applecart_reconcile_total{{outcome=\"{outcome}\"}}"))
            })
            .iter()
            .sum()
    }

    fn log(&self) -> String {
        self.log.lock().unwrap().clone()
    }

    fn signal(&self, name: &str) {
        let id = self.child.as_ref().unwrap().id().to_string();
        assert!(Command::new("kill").args([name, &id]).status().unwrap().success());
    }

    /// Waits for its end; gives its exit code, and how long that took.
    fn ended(mut self) -> (Option<i32>, Duration) {
        let asked = Instant::now();
        let status = self.child.take().unwrap().wait().unwrap();
        (status.code(), asked.elapsed())
    }

    /// Asks it to stop.
    fn stop(self) -> (Option<i32>, Duration) {
        self.signal("-TERM");
        self.ended()
    }
}

impl Drop for Serve {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn arguments<'a>(more: &[&'a str]) -> Vec<&'a str> {
    let mut all = vec!["serve", "--listen", "127.0.0.1:0"];
    if !more.contains(&"--interval") {
        all.extend(["--interval", "1s"]);
    }
    all.extend(more);
    all
}

fn answer(mut stream: TcpStream) -> Answer {
    let mut bytes = Vec::new();
    // A connection that is reset has said what it said.
    let _ = stream.read_to_end(&mut bytes);
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    let status = head.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or(0);
    Answer { status, head: head.to_owned(), body: body.to_owned() }
}

/// A fleet whose push renewal of contoso is merged, and a clone of it.
fn hub() -> Hub {
    let hub = Hub::new();
    hub.world.renewal("contoso");
    hub.world.git(&["push", "--quiet", &hub.url(), "main"]);
    hub
}

#[test]
fn it_observes_by_default_and_tells_what_the_commands_tell() {
    let hub = hub();
    let clone = hub.clone("clone", &[]);
    let serve = Serve::in_clone(&clone, &[]);
    assert!(serve.log().contains("uploads nothing"), "{}", serve.log());
    eventually("it has read", || serve.is_ready());
    let status = serve.json("/api/v1/status");
    let mut command = clone.run(&["status", "--format", "json"]).ends_with(0).json();
    command["tenants"][0]["readAt"] = status["tenants"][0]["readAt"].clone();
    assert_eq!(status["tenants"], command["tenants"]);
    assert_eq!(status["attention"], command["attention"]);
    assert_eq!(serve.json("/api/v1/attention")["attention"], status["attention"]);
    let history = serve.json("/api/v1/history?target=contoso/push");
    let command = clone.run(&["history", "contoso/push", "--format", "json"]).ends_with(0).json();
    assert_eq!(history["tokens"][0]["entries"], command["tokens"][0]["entries"]);
    for path in ["/", "/t/contoso/push"] {
        let page = serve.get(path);
        assert!(
            page.body.starts_with("<!DOCTYPE html>") && page.body.contains("contoso"),
            "{page:?}"
        );
        assert!(page.header("content-security-policy").unwrap().contains("script-src 'sha256-"));
    }
    let etag = serve.ask("HEAD", "/api/v1/status", &[], "").header("etag").unwrap().to_owned();
    let known = format!("If-None-Match: {etag}");
    let again = serve.ask("GET", "/api/v1/status", &[&known], "");
    assert!(again.status == 304 || again.header("etag") != Some(&*etag), "{again:?}");
    assert_eq!(serve.get("/t/contoso/vpp").status, 404);
    assert_eq!(serve.get("/t/contoso/push/nobody").status, 404);
    eventually("it has run again", || serve.runs() > 2.0);
    assert_eq!(hub.world.state().writes(), 0);
    assert_eq!(hub.world.state().counters().write_attempts, 0);
    assert_eq!(serve.stop().0, Some(0));
}

#[test]
fn promtool_finds_nothing_to_say_about_what_it_measures_and_rules_ask_for_nothing_else() {
    let hub = hub();
    let serve = Serve::in_clone(&hub.clone("clone", &[]), &[]);
    eventually("it has read", || serve.is_ready());
    let metrics = serve.get("/metrics");
    assert_eq!(
        metrics.header("content-type"),
        Some(applecart_core::outlets::metrics::CONTENT_TYPE)
    );
    assert!(metrics.body.contains("applecart_token_expiration_timestamp_seconds{"), "{metrics:?}");
    assert!(metrics.body.contains("applecart_reconcile_total{outcome=\"done\"} "), "{metrics:?}");
    crate::formats::names_fit(&metrics.body);
    let Some(promtool) = program("promtool", "APPLECART_PROMTOOL") else { return };
    let told = fed(&promtool, &["check", "metrics"], &metrics.body);
    assert_eq!(told, (true, String::new()), "{}", metrics.body);
}

#[test]
fn it_tells_each_step_once_and_says_who_cannot_be_told() {
    let (hub, recorder) = (Hub::without_ledger(), Recorder::new());
    let sinks =
        format!("notify:\n  - sink: hub\n    webhook: {{url: '{}/hook'}}\n", recorder.url());
    hub.world.write("applecart.yaml", &hub.world.policy(&sinks));
    hub.world.renewal("contoso");
    hub.world.git(&["push", "--quiet", &hub.url(), "main"]);
    hub.begin();
    let clone = hub.clone("clone", &[]);
    recorder.answer(Answers::Status(503));
    let serve = Serve::in_clone(&clone, &[]);
    eventually("it says so", || serve.get("/").body.contains("message to hub not delivered"));
    assert!(serve.is_ready(), "what was read is shown all the same");
    recorder.answer(Answers::Status(204));
    eventually("it is told", || !serve.get("/").body.contains("not delivered"));
    let told = recorder.take();
    let key = |one: &Received| one.body["id"].as_str().unwrap().to_owned();
    assert!(told.iter().all(|one| key(one) == key(&told[0])), "the same message each time");
    let runs = serve.runs();
    eventually("it goes on", || serve.runs() > runs + 2.0);
    assert_eq!(recorder.count(), 0, "and never again");
    assert_eq!(serve.stop().0, Some(0));
}

/// A fleet that tells a recorded webhook of its customers, whose certificates are critical.
fn told_of(customers: &[&str]) -> (Hub, Recorder) {
    let (hub, recorder) = (Hub::without_ledger(), Recorder::new());
    let sinks =
        format!("notify:\n  - sink: hub\n    webhook: {{url: '{}/hook'}}\n", recorder.url());
    hub.world.write("applecart.yaml", &hub.world.policy(&sinks));
    for name in customers {
        let certificate = hub.world.issue(None, 10);
        hub.world.live(name, Some(&certificate));
        hub.world.tenant(name, &certificate);
    }
    hub.world.commit("Customers");
    hub.world.git(&["push", "--quiet", &hub.url(), "main"]);
    hub.begin();
    (hub, recorder)
}

#[test]
fn that_git_is_away_is_told_at_the_sinks_once_and_then_that_it_is_back() {
    let (hub, recorder) = told_of(&["contoso"]);
    let clone = hub.clone("clone", &[]);
    let serve = Serve::in_clone(&clone, &[]);
    eventually("it has told", || recorder.count() == 1);
    recorder.take();
    let (here, away) = (hub.folder(), hub.world.path("away"));
    std::fs::rename(&here, &away).unwrap();
    eventually("it tells", || recorder.count() > 0);
    let runs = serve.runs();
    eventually("it tries again", || serve.runs() > runs + 1.0);
    std::fs::rename(&away, &here).unwrap();
    eventually("it tells again", || recorder.count() > 1);
    let runs = serve.runs();
    eventually("it goes on", || serve.runs() > runs + 1.0);
    let said = |one: &Received| {
        let code = &one.body["data"]["matters"][0]["matter"]["code"];
        format!("{} {}", one.body["type"].as_str().unwrap(), code.as_str().unwrap())
    };
    let told: Vec<String> = recorder.take().iter().map(said).collect();
    let wanted = ["raised base-unknown", "resolved base-unknown"];
    assert_eq!(told, wanted.map(|one| format!("dev.applecart.attention.{one}")));
}

#[test]
fn a_run_that_is_over_its_limit_finishes_and_records_the_delivery_under_way() {
    let (hub, recorder) = told_of(&["contoso", "fabrikam", "northwind", "tailspin"]);
    let clone = hub.clone("clone", &[]);
    recorder.answer(Answers::Slowly(Duration::from_secs(2)));
    let serve = Serve::in_clone(&clone, &["--limit", "3s"]);
    eventually("it ends the run", || serve.log().contains("(--limit) and was ended"));
    assert!(recorder.count() < 4, "it begins no further message");
    eventually("all are told", || recorder.count() >= 4);
    let runs = serve.runs();
    eventually("it goes on", || serve.runs() > runs + 1.0);
    let told = recorder.take();
    let keys: std::collections::BTreeSet<&str> =
        told.iter().map(|one| one.body["id"].as_str().unwrap()).collect();
    assert_eq!((told.len(), keys.len()), (4, 4), "nothing twice: {}", serve.log());
    assert_eq!(serve.stop().0, Some(0));
}

#[test]
fn asked_to_stop_while_it_tells_it_hands_back_what_it_has_not_begun() {
    let (hub, recorder) = told_of(&["contoso", "fabrikam", "northwind"]);
    let (clone, other) = (hub.clone("clone", &[]), hub.clone("other", &[]));
    recorder.answer(Answers::Held);
    let serve = Serve::in_clone(&clone, &[]);
    eventually("a message is under way", || recorder.count() == 1);
    serve.signal("-TERM");
    eventually("it was asked to stop", || serve.log().contains("Stopping: a message"));
    recorder.answer(Answers::Status(200));
    let (code, _) = serve.ended();
    assert_eq!(recorder.count(), 1, "it begins no further message");
    if code != Some(0) {
        eprintln!("this machine takes longer than the grace of a stop, so nothing was handed back");
        return;
    }
    // Not after the quarter of an hour that claims last, and each once.
    other.run(&["notify"]).ends_with(0).says("2 messages sent");
    let told = recorder.take();
    let keys: std::collections::BTreeSet<&str> =
        told.iter().map(|one| one.body["id"].as_str().unwrap()).collect();
    assert_eq!((told.len(), keys.len()), (3, 3));
    other.run(&["ledger", "verify"]).ends_with(0);
}

#[test]
fn it_uploads_what_is_merged_while_nobody_pulls() {
    let hub = hub();
    let clone = hub.clone("clone", &[]);
    let head = clone.git(&["rev-parse", "HEAD"]);
    let serve = Serve::in_clone(&clone, &["--mode", "apply"]);
    eventually("the first renewal is uploaded", || hub.world.uploads("contoso") == 1);
    hub.world.renewal("fabrikam");
    hub.world.git(&["push", "--quiet", &hub.url(), "main"]);
    eventually("the second one is, too", || hub.world.uploads("fabrikam") == 1);
    let merged = hub.world.git(&["rev-parse", "HEAD"]);
    eventually("it shows what is merged", || serve.json("/api/v1/status")["rev"] == *merged);
    assert_eq!(clone.git(&["rev-parse", "HEAD"]), head, "the clone stays where it was");
    assert_eq!(serve.metric("applecart_reconcile_total{outcome=\"failed\"}"), 0.0);
    assert_eq!(serve.stop().0, Some(0));
    clone.run(&["ledger", "verify"]).ends_with(0);
    assert_eq!(hub.world.uploads("contoso"), 1);
}

#[test]
fn another_branch_that_is_named_is_asked_for_at_the_remote_each_time() {
    let hub = Hub::new();
    hub.world.git(&["push", "--quiet", &hub.url(), "main:release"]);
    let clone = hub.clone("clone", &[]);
    let more = ["--mode", "apply", "--policy-rev", "origin/release"];
    let serve = Serve::in_clone(&clone, &more);
    eventually("it has read", || serve.is_ready());
    hub.world.renewal("contoso");
    hub.world.git(&["push", "--quiet", &hub.url(), "main"]);
    let runs = serve.runs();
    eventually("it goes on", || serve.runs() > runs + 2.0);
    assert_eq!(hub.world.uploads("contoso"), 0, "main is not what is in force");
    hub.world.git(&["push", "--quiet", &hub.url(), "main:release"]);
    eventually("it is uploaded", || hub.world.uploads("contoso") == 1);
    let tip = hub.world.git(&["rev-parse", "HEAD"]);
    eventually("it is shown", || serve.json("/api/v1/status")["rev"] == *tip);
    assert_eq!(serve.metric("applecart_reconcile_total{outcome=\"failed\"}"), 0.0);
}

#[test]
fn settings_that_were_merged_broken_are_told_at_their_line() {
    let hub = hub();
    let serve = Serve::in_clone(&hub.clone("clone", &[]), &["--mode", "apply"]);
    eventually("it has read", || serve.is_ready());
    let policy = std::fs::read_to_string(hub.world.repo().join("applecart.yaml")).unwrap();
    hub.world.write("applecart.yaml", &format!("{policy}wrong: here\n"));
    hub.world.commit("Break it");
    hub.world.git(&["push", "--quiet", &hub.url(), "main"]);
    let line = format!("applecart.yaml:{}:", policy.lines().count() + 1);
    eventually("it says where", || serve.get("/").body.contains(&line));
    assert!(serve.get("/").body.contains("contoso"), "what was read last stays");
    hub.world.write("applecart.yaml", &policy);
    hub.world.commit("Mend it");
    hub.world.git(&["push", "--quiet", &hub.url(), "main"]);
    eventually("it goes on", || !serve.get("/").body.contains(&line));
}

#[test]
fn a_push_that_a_webhook_tells_of_starts_a_run() {
    let hub = hub();
    let clone = hub.clone("clone", &[]);
    let mut command = clone.command(&arguments(&["--interval", "1h"]));
    command.env("APPLECART_WEBHOOK_SECRET", "a secret that is shared");
    let serve = Serve::start(command);
    eventually("it has read", || serve.is_ready());
    assert_eq!(serve.runs(), 1.0);
    let headers = ["X-Gitlab-Token: a secret that is shared", "X-Gitlab-Event: Push Hook"];
    assert_eq!(serve.ask("POST", "/hooks/gitlab", &headers, "{\"a\":1}").status, 202);
    assert_eq!(serve.ask("POST", "/hooks/gitlab", &headers, "{\"a\":1}").status, 200, "a replay");
    assert_eq!(serve.metric("applecart_webhook_wakes_total"), 1.0);
    // At most one run a minute, so it has not begun yet; asked to stop, it stops at once.
    assert_eq!(serve.runs(), 1.0);
    assert!(serve.stop().1 < Duration::from_secs(20), "not only after the minute");
}

#[test]
fn asked_to_stop_it_finishes_the_upload_under_way() {
    let hub = hub();
    let clone = hub.clone("clone", &[]);
    hub.world
        .state()
        .add_fault(FaultRule::always(Fault::Latency { milliseconds: 1500 }).on_method("PATCH"));
    let serve = Serve::in_clone(&clone, &["--mode", "apply"]);
    eventually("the request arrived", || patches(&hub.world) == 1);
    let (code, took) = serve.stop();
    assert_eq!(code, Some(0));
    assert!(took < Duration::from_secs(5), "{took:?}");
    assert_eq!(hub.world.uploads("contoso"), 1);
    let events: Vec<_> = hub.lines("contoso").iter().map(|line| line["event"].clone()).collect();
    assert_eq!(events[..2], ["intended", "applied"]);
    clone.run(&["ledger", "verify"]).ends_with(0);
}

#[test]
fn an_upload_that_hangs_is_left_to_the_next_run() {
    let hub = hub();
    let clone = hub.clone("clone", &[]);
    hub.world.state().add_fault(FaultRule::always(Fault::DoneThenHang).on_method("PATCH"));
    let serve = Serve::in_clone(&clone, &["--mode", "apply"]);
    eventually("the upload landed", || hub.world.uploads("contoso") == 1);
    let (code, took) = serve.stop();
    assert_eq!(code, Some(130));
    assert!(took < Duration::from_secs(5), "{took:?}");
    hub.world.state().clear_faults();
    clone.run(&["apply"]).ends_with(0);
    clone.run(&["ledger", "verify"]).ends_with(0);
    assert_eq!(hub.world.uploads("contoso"), 1, "never twice");
}

#[test]
fn a_second_signal_ends_it_at_once() {
    let hub = hub();
    let clone = hub.clone("clone", &[]);
    hub.world.state().add_fault(FaultRule::always(Fault::Hang).on_method("PATCH"));
    let serve = Serve::in_clone(&clone, &["--mode", "apply"]);
    eventually("the request arrived", || patches(&hub.world) == 1);
    serve.signal("-TERM");
    eventually("it has said so", || serve.log().contains("Once more ends at once"));
    let (code, took) = serve.stop();
    assert_eq!(code, Some(130));
    assert!(took < Duration::from_secs(4), "it does not wait for the request: {took:?}");
    hub.world.state().clear_faults();
}

#[test]
fn asked_to_stop_while_it_reads_it_leaves() {
    let world = World::new();
    world.renewal("contoso");
    world.state().add_fault(FaultRule::always(Fault::Hang));
    let serve = Serve::of(&world, &[]);
    eventually("it asks", || world.state().counters().requests > 0);
    let (code, took) = serve.stop();
    assert_eq!(code, Some(0));
    assert!(took < Duration::from_secs(20), "{took:?}");
    world.state().clear_faults();
}

#[test]
fn a_run_that_does_not_end_ends_the_controller() {
    let world = World::new();
    world.renewal("contoso");
    world.state().add_fault(FaultRule::always(Fault::Hang));
    let serve = Serve::of(&world, &["--limit", "1s"]);
    let log = Arc::clone(&serve.log);
    let (code, took) = serve.ended();
    assert_eq!(code, Some(1), "{}", log.lock().unwrap());
    assert!(took < Duration::from_secs(20), "{took:?}");
    eventually("it says why", || log.lock().unwrap().contains("a run took longer than 1s"));
    world.state().clear_faults();
}

#[test]
fn while_intune_does_not_answer_it_says_so_and_catches_up_once() {
    let hub = hub();
    let clone = hub.clone("clone", &[]);
    let serve = Serve::in_clone(&clone, &["--mode", "apply"]);
    eventually("it has uploaded", || hub.world.uploads("contoso") == 1);
    eventually("it is ready", || serve.is_ready());
    hub.world.state().add_fault(FaultRule::always(Fault::status(403)));
    eventually("it is not ready any more", || !serve.is_ready());
    let told = serve.get("/readyz").body;
    assert!(told.contains("(not read since: intune)"), "{told}");
    assert_eq!(serve.get("/livez").status, 200, "it lives, and needs no restart");
    let page = serve.get("/").body;
    assert!(page.contains("Intune has not been read since"), "{page}");
    assert!(serve.metric("applecart_reconcile_consecutive_failures") > 0.0);
    hub.world.renewal("fabrikam");
    hub.world.git(&["push", "--quiet", &hub.url(), "main"]);
    hub.world.state().clear_faults();
    eventually("it catches up", || hub.world.uploads("fabrikam") == 1 && serve.is_ready());
    assert!(!serve.get("/").body.contains("has not been read"));
    assert_eq!(serve.metric("applecart_reconcile_consecutive_failures"), 0.0);
    assert_eq!(hub.world.uploads("contoso"), 1);
}

#[test]
fn while_git_does_not_answer_it_keeps_what_it_read_and_says_so() {
    let hub = hub();
    let clone = hub.clone("clone", &[]);
    let serve = Serve::in_clone(&clone, &["--mode", "apply"]);
    eventually("it is ready", || serve.is_ready());
    let (here, away) = (hub.folder(), hub.world.path("away"));
    std::fs::rename(&here, &away).unwrap();
    eventually("it is not ready any more", || !serve.is_ready());
    let page = serve.get("/").body;
    assert!(page.contains("has not been read since") && page.contains("contoso"), "{page}");
    let before = hub.world.state().counters().requests;
    let runs = serve.runs();
    eventually("it tries again", || serve.runs() > runs + 1.0);
    assert_eq!(hub.world.state().counters().requests, before, "no base, no sign-in");
    std::fs::rename(&away, &here).unwrap();
    eventually("it is ready again", || serve.is_ready());
    assert!(!serve.get("/").body.contains("has not been read since"));
}

#[test]
fn two_beside_each_other_upload_once_and_neither_fails() {
    let hub = Hub::new();
    let names = ["adatum", "contoso", "fabrikam", "litware"];
    for name in names {
        hub.world.renewal_of(name, Kind::Push);
    }
    hub.world.git(&["push", "--quiet", &hub.url(), "main"]);
    let (one, two) = (hub.clone("one", &[]), hub.clone("two", &[]));
    hub.world.state().add_fault(FaultRule::always(Fault::Latency { milliseconds: 300 }));
    let both = [&one, &two].map(|clone| Serve::in_clone(clone, &["--mode", "apply"]));
    eventually("all is uploaded", || names.iter().all(|name| hub.world.uploads(name) > 0));
    let runs = both.each_ref().map(Serve::runs);
    for (serve, runs) in both.iter().zip(runs) {
        eventually("both go on", || serve.runs() > runs + 1.0);
        let failed = serve.metric("applecart_reconcile_total{outcome=\"failed\"}");
        assert_eq!(failed, 0.0, "{}", serve.log());
    }
    for name in names {
        assert_eq!(hub.world.uploads(name), 1, "{name}");
    }
    for serve in both {
        assert_eq!(serve.stop().0, Some(0));
    }
    one.run(&["ledger", "verify"]).ends_with(0);
}

#[test]
fn two_of_one_clone_take_turns() {
    let hub = hub();
    let clone = hub.clone("clone", &[]);
    hub.world.state().add_fault(
        FaultRule::always(Fault::Latency { milliseconds: 5000 }).on_method("PATCH").times(1),
    );
    let both = [(); 2].map(|()| Serve::in_clone(&clone, &["--mode", "apply"]));
    eventually("both have read", || both.iter().all(|serve| serve.runs() > 1.0));
    assert_eq!(hub.world.uploads("contoso"), 1);
    for serve in &both {
        let failed = serve.metric("applecart_reconcile_total{outcome=\"failed\"}");
        assert_eq!(failed, 0.0, "{}", serve.log());
    }
}

#[test]
fn what_would_tell_strangers_is_refused_at_the_start() {
    let world = World::new();
    world.commit("Start");
    let refused = |more: &[&str], token: Option<&str>, says: &str| {
        let mut command = world.command(&[&["serve"], more].concat());
        if let Some(token) = token {
            command.env("APPLECART_SERVE_TOKEN", token);
        }
        crate::world::finish(command).ends_with(64).says(says);
    };
    let open = ["--listen", "0.0.0.0:0"];
    refused(&open, None, "nothing would ask who they are");
    refused(&["--listen", "[::]:0", "--plain-http"], None, "nothing would ask who they are");
    refused(&open, Some("0123456789abcdef"), "would be readable on the way");
    refused(&open, Some("short"), "APPLECART_SERVE_TOKEN has fewer than 16 characters");
    refused(&["--rev", "main"], None, "works on what is merged");
    refused(&["--interval", "0s"], None, "shorter than a second");
    refused(&["--interval", "often"], None, "not a length of time");
    let proxy = |address| ["--trusted-proxy-auth", "X-Forwarded-User", "--trusted-proxy", address];
    refused(&proxy("evil.example"), None, "is not an address");
    refused(&proxy("0.0.0.0/0"), None, "holds addresses of strangers");
    refused(&[], Some(""), "APPLECART_SERVE_TOKEN is set to nothing");
    let mut command = world.command(&["serve"]);
    command.env("APPLECART_WEBHOOK_SECRET", "secret");
    crate::world::finish(command)
        .ends_with(64)
        .says("APPLECART_WEBHOOK_SECRET has fewer than 16 characters");
    let now = ["--now", "2026-11-20T10:00:00Z"];
    let mut command = world.command(&[&["serve"], &now[..]].concat());
    command.env("APPLECART_GRAPH_URL", "https://graph.example").env_remove("APPLECART_LOGIN_URL");
    crate::world::finish(command).ends_with(64).says("--now only works against a simulator");
}

#[test]
fn secrets_with_the_line_end_of_their_file_are_the_same_secrets() {
    let world = World::new();
    world.renewal("contoso");
    let mut command = world.command(&arguments(&[]));
    command.env("APPLECART_SERVE_TOKEN", "0123456789abcdef\n");
    command.env("APPLECART_WEBHOOK_SECRET", "fedcba9876543210\r\n");
    command.env("AZURE_CLIENT_SECRET", format!("{}\n", world.secret));
    let serve = Serve::start(command);
    eventually("it has read", || serve.is_ready());
    let given = |token: &str| format!("Authorization: Bearer {token}");
    assert_eq!(serve.ask("GET", "/metrics", &[&given("0123456789abcdef")], "").status, 200);
    assert_eq!(serve.ask("GET", "/metrics", &[&given("0123456789abcdee")], "").status, 401);
    let hook = ["X-Gitlab-Event: Push Hook", "X-Gitlab-Token: fedcba9876543210"];
    assert_eq!(serve.ask("POST", "/hooks/gitlab", &hook, "{}").status / 100, 2);
}

#[test]
fn the_log_says_of_each_run_that_went_wrong_why_and_of_no_other() {
    let world = World::new();
    world.renewal("contoso");
    let serve = Serve::of(&world, &[]);
    eventually("it has read", || serve.is_ready());
    assert!(!serve.log().contains("a run ended"), "{}", serve.log());
    drop(serve);
    let mut command = world.command(&arguments(&[]));
    command.env("AZURE_CLIENT_SECRET", "another-one");
    let serve = Serve::start(command);
    eventually("it says so", || serve.log().contains("a run ended: contoso: "));
    let log = serve.log();
    let line = log.lines().find(|line| line.contains("a run ended")).unwrap();
    assert!(line.contains("WARN") && line.contains("outcome=\"failed\""), "{line}");
    assert!(line.contains("secret") && !line.contains("another-one"), "{line}");
}

#[test]
fn without_a_secret_it_shows_what_is_known_and_what_to_do() {
    let world = World::new();
    world.renewal("contoso");
    let mut command = world.command(&arguments(&[]));
    command.env_remove("AZURE_CLIENT_SECRET");
    let serve = Serve::start(command);
    eventually("a run has ended", || serve.runs() > 0.0);
    assert!(!serve.is_ready());
    let page = serve.get("/");
    assert_eq!(page.status, 200, "{page:?}");
    for part in ["contoso", "AZURE_CLIENT_SECRET", "applecart doctor", "Intune has not been read"] {
        assert!(page.body.contains(part), "{part}: {}", page.body);
    }
}

#[test]
fn a_first_run_that_failed_says_so_with_its_reason_and_the_next_step() {
    let hub = hub();
    let clone = hub.clone("clone", &[]);
    std::fs::rename(hub.folder(), hub.world.path("away")).unwrap();
    let serve = Serve::in_clone(&clone, &[]);
    eventually("a run has ended", || serve.runs() > 0.0);
    let page = serve.get("/");
    let says = |text: &str| assert!(page.body.contains(text), "{text}: {}", page.body);
    ["contoso", "base-unknown", "has not been read since"].into_iter().for_each(says);
    assert!(!serve.is_ready());
    drop(serve);
    let world = World::new();
    world.write("applecart.yaml", "kind: Fleet\n");
    world.commit("Broken");
    let serve = Serve::of(&world, &[]);
    eventually("a run has ended", || serve.runs() > 0.0);
    let page = serve.get("/");
    assert_eq!(page.status, 503);
    let says = |text: &str| assert!(page.body.contains(text), "{text}: {}", page.body);
    ["The first run failed", "applecart.yaml:", "applecart doctor"].into_iter().for_each(says);
    assert!(!page.body.contains("going on"), "{}", page.body);
    assert_eq!(page.body.matches("No run has succeeded").count(), 1, "{}", page.body);
}

#[test]
fn it_answers_over_tls_with_the_certificate_it_is_given() {
    let world = World::new();
    world.renewal("contoso");
    let rcgen::CertifiedKey { cert, signing_key } =
        rcgen::generate_simple_self_signed(vec!["status.msp.example".to_owned()]).unwrap();
    let (certificate, key) = (world.path("tls.crt"), world.path("tls.key"));
    std::fs::write(&certificate, cert.pem()).unwrap();
    std::fs::write(&key, signing_key.serialize_pem()).unwrap();
    let files = ["--tls-cert", certificate.to_str().unwrap(), "--tls-key", key.to_str().unwrap()];
    let names = ["--host", "status.msp.example", "--listen", "0.0.0.0:0"];
    let mut command = world.command(&[&["serve"], &files[..], &names[..]].concat());
    command.env("APPLECART_SERVE_TOKEN", "0123456789abcdef");
    let serve = Serve::start(command);
    let root = reqwest::Certificate::from_pem(cert.pem().as_bytes()).unwrap();
    let to = SocketAddr::from(([127, 0, 0, 1], serve.address.port()));
    let client = reqwest::Client::builder()
        .no_proxy()
        .tls_certs_only([root])
        .resolve("status.msp.example", to)
        .build()
        .unwrap();
    let url = format!("https://status.msp.example:{}/metrics", to.port());
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let ask = |token: &str| {
        let asked = client.get(&url).bearer_auth(token);
        runtime.block_on(async { asked.send().await.unwrap().status().as_u16() })
    };
    assert_eq!(ask("0123456789abcdef"), 200);
    assert_eq!(ask("0123456789abcdeF"), 401);
    assert_eq!(serve.stop().0, Some(0));
}

fn patches(world: &World) -> usize {
    world.state().requests().iter().filter(|request| request.method == "PATCH").count()
}
