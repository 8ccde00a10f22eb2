//! `notify` through the program: who is told, once, and what happens where anything fails between.

mod alertmanager;
mod forged;
pub(crate) mod recorder;
mod refused;
mod years;

use std::time::Duration;

use applecart_simulator::{Fault, FaultRule};
use serde_json::Value;

use crate::world::hub::{Clone, Hub};
use crate::world::{World, eventually, finish, tenant_id};
use recorder::{Answers, Recorder};

/// A fleet of two clones, whose webhook is recorded.
struct Told {
    hub: Hub,
    recorder: Recorder,
}

impl Told {
    fn new() -> Self {
        Self::with("")
    }

    fn with(more: &str) -> Self {
        let (hub, recorder) = (Hub::without_ledger(), Recorder::new());
        let sink = format!(
            "notify:\n  - sink: hub\n    webhook: {{url: '{}/hook'}}\n{more}",
            recorder.url()
        );
        hub.world.write("applecart.yaml", &hub.world.policy(&sink));
        hub.world.commit("Tell the hub");
        hub.world.git(&["push", "--quiet", &hub.url(), "main"]);
        hub.begin();
        Self { hub, recorder }
    }

    fn world(&self) -> &World {
        &self.hub.world
    }

    /// A customer whose certificate has so many days left, in Git and in Intune.
    fn customer(&self, name: &str, days: i64) {
        let certificate = self.world().issue(None, days);
        self.world().live(name, Some(&certificate));
        self.world().tenant(name, &certificate);
        self.publish();
    }

    fn publish(&self) {
        self.world().commit("Customers");
        self.world().git(&["push", "--quiet", &self.hub.url(), "main"]);
    }

    fn clone(&self, name: &str) -> Clone<'_> {
        self.hub.clone(name, &[])
    }

    /// What was told since it was asked last: `raised contoso critical`, sorted.
    fn told(&self) -> Vec<String> {
        let mut told: Vec<String> =
            self.recorder.take().iter().map(|one| said(&one.body)).collect();
        told.sort();
        told
    }
}

fn said(event: &Value) -> String {
    let name = event["data"]["tenant"]["name"].as_str().unwrap_or("fleet");
    let matters = event["data"]["matters"].as_array().unwrap();
    let codes: Vec<&str> =
        matters.iter().map(|one| one["matter"]["code"].as_str().unwrap()).collect();
    let word = event["type"].as_str().unwrap().rsplit('.').next().unwrap();
    format!("{word} {name} {}", codes.join("+"))
}

#[test]
fn each_step_is_told_once_however_often_and_wherever_it_runs() {
    let told = Told::new();
    told.customer("contoso", 10);
    told.customer("fabrikam", 200);
    let (one, two) = (told.clone("one"), told.clone("two"));
    one.run(&["notify"]).ends_with(0).says("1 message sent");
    assert_eq!(told.told(), ["raised contoso critical"]);
    one.run(&["notify"]).ends_with(0).says("0 messages sent");
    two.run(&["notify"]).ends_with(0).says("0 messages sent");
    assert_eq!(told.told(), [""; 0]);

    let renewed = told.world().issue(None, 300);
    told.world().live("contoso", Some(&renewed));
    told.world().tenant("contoso", &renewed);
    told.publish();
    two.git(&["pull", "--quiet"]);
    two.run(&["notify"]).ends_with(0);
    assert_eq!(told.told(), ["resolved contoso critical"]);
    one.git(&["pull", "--quiet"]);
    one.run(&["notify"]).ends_with(0);
    assert_eq!(told.told(), [""; 0]);
    let events: Vec<String> = told
        .hub
        .notes("contoso")
        .iter()
        .map(|line| format!("{} {}", line["event"], line["notice"]["step"]))
        .collect();
    assert_eq!(events.len(), 4, "a claim and an outcome each: {events:?}");
    one.run(&["ledger", "verify"]).ends_with(0);
}

#[test]
fn an_event_says_whose_it_is_what_happened_and_what_to_do() {
    let told = Told::new();
    told.customer("contoso", 10);
    told.clone("one").run(&["notify"]).ends_with(0);
    let sent = told.recorder.take().remove(0);
    assert_eq!(sent.header("content-type"), "application/cloudevents+json");
    assert_eq!(sent.header("idempotency-key"), sent.body["id"].as_str().unwrap());
    assert_eq!(sent.body["specversion"], "1.0");
    assert_eq!(sent.body["type"], "dev.applecart.attention.raised");
    assert_eq!(sent.body["data"]["tenant"]["tenantId"], tenant_id("contoso").to_string());
    let matter = &sent.body["data"]["matters"][0]["matter"];
    assert_eq!(sent.body["subject"], matter["key"]);
    assert!(matter["next"].as_str().unwrap().len() > 10, "{matter}");
    let schema = std::fs::read(crate::world::project().join("schema/event.schema.json")).unwrap();
    let schema: Value = serde_json::from_slice(&schema).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    assert!(validator.is_valid(&sent.body), "{}", sent.body);
}

#[test]
fn a_sink_that_is_down_is_told_all_of_it_later_and_the_run_ends_with_3() {
    let told = Told::new();
    told.customer("contoso", 10);
    let one = told.clone("one");
    told.recorder.answer(Answers::Status(503));
    one.run(&["notify"]).ends_with(3).says("not delivered").says("status 503");
    told.customer("fabrikam", 5);
    one.git(&["pull", "--quiet"]);
    one.run(&["notify"]).ends_with(3);
    told.recorder.take();
    told.recorder.answer(Answers::Status(200));
    one.run(&["notify"]).ends_with(0).says("2 messages sent");
    assert_eq!(told.told(), ["raised contoso critical", "raised fabrikam critical"]);
    one.run(&["notify"]).ends_with(0).says("0 messages sent");
}

#[test]
fn a_redirect_is_not_followed_and_a_refusal_is_told() {
    for status in [302, 400, 401, 404] {
        let told = Told::new();
        told.customer("contoso", 10);
        told.recorder.answer(Answers::Status(status));
        let one = told.clone("one");
        one.run(&["notify"]).ends_with(3).says(&format!("status {status}"));
        assert_eq!(told.recorder.take().len(), 1);
    }
}

#[test]
fn what_cannot_be_recorded_is_not_sent() {
    let told = Told::new();
    told.customer("contoso", 10);
    let one = told.clone("one");
    told.hub.protect("pre-receive");
    one.run(&["notify"]).ends_with(3);
    assert_eq!(told.told(), [""; 0]);
    std::fs::remove_file(told.hub.folder().join("hooks/pre-receive")).unwrap();
    one.run(&["notify"]).ends_with(0);
    assert_eq!(told.told(), ["raised contoso critical"]);
}

#[test]
fn where_the_remote_is_away_that_is_told_once_a_day_and_nothing_else() {
    let told = Told::new();
    told.customer("contoso", 10);
    let one = told.clone("one");
    let away = told.world().path("away");
    std::fs::rename(told.hub.folder(), &away).unwrap();
    one.run(&["notify"]).ends_with(3);
    one.run(&["notify"]).ends_with(3);
    let sent = told.told();
    assert_eq!(sent.len(), 1, "{sent:?}");
    assert_eq!(sent, ["raised fleet base-unknown"]);
    std::fs::rename(&away, told.hub.folder()).unwrap();
    one.run(&["notify"]).ends_with(0);
    assert_eq!(told.told(), ["raised contoso critical", "resolved fleet base-unknown"]);
    one.run(&["notify"]).ends_with(0);
    assert_eq!(told.told(), [""; 0]);
}

#[test]
fn nothing_is_resolved_by_a_tenant_that_does_not_answer() {
    let told = Told::new();
    told.customer("contoso", 10);
    let one = told.clone("one");
    one.run(&["notify"]).ends_with(0);
    told.recorder.take();
    let renewed = told.world().issue(None, 300);
    told.world().live("contoso", Some(&renewed));
    told.world().tenant("contoso", &renewed);
    told.publish();
    one.git(&["pull", "--quiet"]);
    let fault = FaultRule::always(Fault::Drop).for_tenant(tenant_id("contoso"));
    told.world().state().add_fault(fault);
    one.run(&["notify"]);
    let sent = told.told();
    assert!(sent.iter().all(|one| !one.contains("resolved")), "{sent:?}");
    told.world().state().clear_faults();
    one.run(&["notify"]).ends_with(0);
    let sent = told.told();
    assert!(sent.contains(&"resolved contoso critical".to_owned()), "{sent:?}");
}

#[test]
fn an_outage_raises_again_nothing_that_was_resolved_in_any_clone() {
    let told = Told::new();
    told.customer("contoso", 10);
    let one = told.clone("one");
    one.run(&["notify"]).ends_with(0);
    // In the portal: Git goes on saying the earlier date.
    let topic = told.world().issue(None, 300);
    let entry = std::fs::read_to_string(told.world().repo().join("tenants/contoso/tenant.yaml"));
    told.world().live("contoso", Some(&topic));
    told.world().tenant("contoso", &topic);
    told.publish();
    one.run(&["notify"]).ends_with(0);
    assert_eq!(told.told(), ["raised contoso critical", "resolved contoso critical"]);
    told.world().write("tenants/contoso/tenant.yaml", &entry.unwrap());
    told.publish();
    let fault = FaultRule::always(Fault::Drop).for_tenant(tenant_id("contoso"));
    told.world().state().add_fault(fault);
    for clone in [one, told.clone("fresh")] {
        clone.run(&["notify"]);
        let sent = told.told();
        assert!(!sent.iter().any(|one| one.contains("critical")), "{sent:?}");
        let metrics = clone.run(&["status", "--format", "prometheus"]).stdout;
        let critical = metrics.lines().find(|line| line.contains("code=\"critical\""));
        assert_eq!(critical, None);
    }
}

#[test]
fn a_tenant_file_that_is_broken_in_git_keeps_its_dates_in_metrics_and_calendar() {
    let told = Told::new();
    told.customer("contoso", 10);
    told.customer("fabrikam", 200);
    let one = told.clone("one");
    one.run(&["notify"]).ends_with(0);
    assert_eq!(told.told(), ["raised contoso critical"]);
    for text in ["pusch: {}\n", "a: [\n"] {
        let id = format!("tenantId: {}\n", tenant_id("contoso"));
        let id = if text.starts_with("pusch") { id } else { String::new() };
        told.world().write("tenants/contoso/tenant.yaml", &format!("{id}{text}"));
        told.publish();
        one.git(&["pull", "--quiet"]);
        for clone in [&one, &told.clone(&format!("fresh-{}", text.len()))] {
            let metrics = clone.run(&["status", "--format", "prometheus"]).stdout;
            let is_of = |line: &str| line.contains("tenant=\"contoso\"");
            let dated = "applecart_token_expiration_timestamp_seconds";
            let has = |text: &str| metrics.lines().any(|line| is_of(line) && line.contains(text));
            let knows = has(dated) && has("code=\"critical\"");
            assert!(knows || (id.is_empty() && clone.folder != one.folder), "{text}: {metrics}");
            let calendar = clone.run(&["status", "--format", "ics"]).stdout;
            assert_eq!(calendar.contains("Tenant contoso"), knows, "{calendar}");
            clone.run(&["notify"]).ends_with(3);
        }
        let sent = told.told();
        assert!(!sent.iter().any(|one| one.contains("critical")), "{sent:?}");
    }
}

#[test]
fn two_runs_at_once_tell_everything_once() {
    let told = Told::new();
    for name in ["contoso", "fabrikam", "northwind", "tailspin"] {
        told.customer(name, 10);
    }
    let clones = [told.clone("one"), told.clone("two"), told.clone("three")];
    let runs: Vec<_> = clones
        .iter()
        .map(|clone| {
            let mut command = clone.command(&["notify"]);
            std::thread::spawn(move || {
                command.stdout(std::process::Stdio::piped());
                finish(command)
            })
        })
        .collect();
    let codes: Vec<i32> = runs.into_iter().map(|run| run.join().unwrap().code).collect();
    // One that sees the claims of another says so.
    assert!(codes.contains(&0) && codes.iter().all(|code| [0, 6].contains(code)), "{codes:?}");
    let sent = told.told();
    assert_eq!(sent.len(), 4, "{sent:?}");
}

#[test]
fn a_run_that_was_killed_while_it_sent_is_made_up_for_with_the_same_key() {
    let told = Told::new();
    told.customer("contoso", 10);
    let one = told.clone("one");
    told.recorder.answer(Answers::Never);
    let mut child = one.command(&["notify"]).spawn().unwrap();
    eventually("the message is under way", || told.recorder.count() == 1);
    child.kill().unwrap();
    child.wait().unwrap();
    told.recorder.answer(Answers::Status(200));
    let first = told.recorder.take().remove(0).body["id"].clone();
    // Another clone cannot know that the run died, and waits for the end of its claim.
    let two = told.clone("two");
    two.run(&["notify"]).ends_with(6).says("0 messages sent").says("claimed 1 message since");
    one.run(&["notify"]).ends_with(0).says("1 message sent");
    two.run(&["notify"]).ends_with(0).says("0 messages sent");
    let again = told.recorder.take();
    assert_eq!(again.len(), 1);
    assert_eq!(again[0].body["id"], first);
    one.run(&["notify"]).ends_with(0).says("0 messages sent");
}

#[test]
fn a_run_that_was_killed_before_it_claimed_has_told_nobody() {
    let told = Told::new();
    told.customer("contoso", 10);
    let one = told.clone("one");
    let rule = FaultRule::always(Fault::Hang).for_tenant(tenant_id("contoso"));
    told.world().state().add_fault(rule);
    let mut child = one.command(&["notify"]).spawn().unwrap();
    std::thread::sleep(Duration::from_millis(500));
    child.kill().unwrap();
    child.wait().unwrap();
    told.world().state().clear_faults();
    assert_eq!(told.told(), [""; 0]);
    one.run(&["notify"]).ends_with(0);
    assert_eq!(told.told(), ["raised contoso critical"]);
}

#[test]
fn a_dry_run_shows_the_messages_and_leaves_no_trace() {
    let told = Told::new();
    told.customer("contoso", 10);
    let one = told.clone("one");
    let shown = one.run(&["notify", "--dry-run", "--format", "json"]).ends_with(0).json();
    assert_eq!(shown["messages"][0]["steps"][0], "raised-1");
    assert!(shown["messages"][0]["text"].as_str().unwrap().contains("Expires on"), "{shown}");
    one.run(&["notify", "--dry-run"]).ends_with(0).says("Nothing was sent or recorded");
    assert_eq!(told.told(), [""; 0]);
    one.run(&["notify"]).ends_with(0).says("1 message sent");
}

#[test]
fn a_test_message_goes_to_the_sink_that_is_named_and_is_recorded_nowhere() {
    let told = Told::new();
    told.customer("contoso", 10);
    let one = told.clone("one");
    one.run(&["notify", "--test", "hub"]).ends_with(0).says("took the test message");
    let [sent] = told.recorder.take().try_into().unwrap();
    assert_eq!(sent.body["type"], "dev.applecart.test");
    assert_eq!(sent.body["data"]["title"], "Test message to the sink hub");
    assert_eq!(sent.body["data"]["matters"], serde_json::json!([]));
    one.run(&["notify", "--test", "hubb"]).ends_with(64).says("no sink \"hubb\"");
    told.recorder.answer(Answers::Status(500));
    one.run(&["notify", "--test", "hub"]).ends_with(3).says("status 500");
}

#[test]
fn a_secret_that_is_missing_is_named_and_nothing_shows_one_that_is_there() {
    let told = Told::with(
        "    codes: [all]\n  - sink: signed\n    webhook: {url: 'http://127.0.0.1:9/x', auth: hmac}\n",
    );
    told.customer("contoso", 10);
    let one = told.clone("one");
    let run = one.run(&["notify", "--sink", "signed"]).ends_with(3);
    run.says("APPLECART_SINK_SIGNED_SECRET is not set");
    let doctor = one.run(&["doctor", "--format", "json"]).json();
    let checks = doctor["checks"].as_array().unwrap();
    let check = checks.iter().find(|check| check["area"] == "sinks").unwrap();
    assert_eq!(check["state"], "warning", "{check}");
    assert!(check["text"].as_str().unwrap().contains("APPLECART_SINK_SIGNED_SECRET"), "{check}");
    let mut command = one.command(&["notify", "--sink", "signed", "-v"]);
    let run = finish({
        command.env("APPLECART_SINK_SIGNED_SECRET", "a-secret-of-the-sink");
        command
    });
    assert!(!format!("{}{}", run.stdout, run.stderr).contains("a-secret-of-the-sink"));
}

#[test]
fn a_signed_webhook_is_signed_over_time_and_content() {
    let told = Told::new();
    let settings = std::fs::read_to_string(told.world().repo().join("applecart.yaml")).unwrap();
    told.world().write("applecart.yaml", &settings.replace("/hook'", "/hook', auth: hmac"));
    told.customer("contoso", 10);
    let one = told.clone("one");
    let mut command = one.command(&["notify"]);
    command.env("APPLECART_SINK_HUB_SECRET", "key");
    finish(command).ends_with(0);
    let sent = told.recorder.take().remove(0);
    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, b"key");
    let mut content = format!("{}.", sent.header("x-applecart-timestamp")).into_bytes();
    content.extend(&sent.raw);
    let digest = ring::hmac::sign(&key, &content);
    let digest: String = digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(sent.header("x-applecart-signature"), format!("sha256={digest}"));
}

#[test]
fn a_customer_that_left_git_is_told_as_no_longer_watched() {
    let told = Told::new();
    told.customer("contoso", 10);
    told.customer("fabrikam", 10);
    let one = told.clone("one");
    one.run(&["notify"]).ends_with(0);
    told.recorder.take();
    told.world().git(&["rm", "-r", "--quiet", "tenants/contoso"]);
    told.publish();
    // A branch that lacks a tenant says nothing about the fleet: the base does.
    one.git(&["rm", "-r", "--quiet", "tenants/fabrikam"]);
    one.commit("Not merged");
    one.run(&["notify"]);
    let sent = told.told();
    assert!(sent.contains(&"unwatched contoso critical".to_owned()), "{sent:?}");
    assert!(!sent.iter().any(|one| one.contains("fabrikam")), "{sent:?}");
}

#[test]
fn without_sinks_it_says_how_to_name_one() {
    let world = World::new();
    world.renewal("contoso");
    world.run(&["notify"]).ends_with(64).says("names nobody who is told");
}

/// `--now` asks about another day: what is told is never taken back.
#[test]
fn by_a_made_up_date_nobody_is_told_and_nothing_is_recorded() {
    let told = Told::new();
    told.customer("contoso", 100);
    let one = told.clone("one");
    let later = (chrono::Utc::now() + chrono::Duration::days(95)).to_rfc3339();
    for command in [&["notify"][..], &["notify", "--test", "hub"], &["ticket"], &["serve"]] {
        let mut command = one.command(&[command, &["--now", &later]].concat());
        command.env_remove("APPLECART_TEST_TELLS_BY_NOW");
        crate::world::finish(command)
            .ends_with(64)
            .says("--now asks about another day")
            .says("applecart notify --dry-run --now TIME");
    }
    assert_eq!(told.told(), [""; 0]);
    one.run(&["notify", "--dry-run", "--now", &later]).ends_with(0).says("would be sent");
}

/// Microsoft's answers are what shows that this machine's clock is right.
#[test]
fn a_clock_that_nothing_confirms_tells_only_that_intune_is_unreachable() {
    let told = Told::new();
    told.customer("contoso", 10);
    // The notes know the date, of a machine that could read it; this clone never read anything.
    told.clone("one").run(&["notify"]).ends_with(0);
    told.recorder.take();
    let two = told.clone("two");
    let unreachable = |arguments: &[&str]| {
        let mut command = two.command(arguments);
        command.env("APPLECART_GRAPH_URL", "http://127.0.0.1:9");
        command.env("APPLECART_LOGIN_URL", "http://127.0.0.1:9");
        crate::world::finish(command)
    };
    unreachable(&["notify"]).ends_with(3);
    assert_eq!(told.told(), ["raised contoso unreachable"]);
}

/// The day on which the client secret expires, or the variable gets lost, is no day on which nobody is told.
#[test]
fn without_a_valid_secret_what_expires_is_told_as_it_was_last_seen() {
    for (name, secret) in [("wrong", "another-one"), ("missing", "")] {
        let told = Told::new();
        told.customer("contoso", 10);
        let clone = told.clone("one");
        let run = |arguments: &[&str]| {
            let mut command = clone.command(arguments);
            command.env("AZURE_CLIENT_SECRET", secret);
            crate::world::finish(command)
        };
        run(&["notify"]).ends_with(8);
        let expected = ["raised contoso critical", "raised contoso sign-in-failed"];
        assert_eq!(told.told(), expected, "{name}");
        run(&["notify"]).ends_with(8);
        assert_eq!(told.told(), [""; 0], "{name}: once");
        let all = run(&["status"]).ends_with(8).says("contoso").says("applecart doctor").stdout;
        assert!(all.contains("Expires on") && all.contains("sign-in-failed"), "{all}");
        clone.run(&["notify"]).ends_with(0);
        assert_eq!(told.told(), ["resolved contoso sign-in-failed"], "{name}");
    }
}

/// Thirty customers are no thirty messages of one secret.
#[test]
fn a_sign_in_that_fails_for_all_tenants_is_one_message_and_over_once_one_is_read() {
    let told = Told::new();
    ["contoso", "fabrikam", "northwind"].into_iter().for_each(|name| told.customer(name, 300));
    let clone = told.clone("one");
    let wrong = |arguments: &[&str]| {
        let mut command = clone.command(arguments);
        command.env("AZURE_CLIENT_SECRET", "another-one");
        finish(command)
    };
    wrong(&["notify"]).ends_with(8);
    assert_eq!(told.told(), ["raised fleet sign-in-failed"]);
    wrong(&["status"]).ends_with(8).says("all 3 tenants").says("applecart doctor");
    // Another reason for which nothing can be read proves nothing.
    told.world().state().add_fault(FaultRule::always(Fault::Drop));
    clone.run(&["notify"]);
    let told_then = told.told();
    assert!(!told_then.iter().any(|one| one.starts_with("resolved")), "{told_then:?}");
    told.world().state().clear_faults();
    clone.run(&["notify"]).ends_with(0);
    let ends = told.told();
    assert_eq!(ends.iter().filter(|one| one.contains("sign-in-failed")).count(), 1, "{ends:?}");
    assert!(ends.contains(&"resolved fleet sign-in-failed".to_owned()), "{ends:?}");
}

/// Whoever may push the notes can write that a sink was told.
#[test]
fn a_forged_line_in_the_notes_silences_a_critical_matter_for_one_reminder() {
    let told = Told::new();
    told.customer("contoso", 10);
    let one = told.clone("one");
    // The line of a run whose messages went nowhere says that they arrived.
    let policy = told.world().repo().join("applecart.yaml");
    let settings = std::fs::read_to_string(&policy).unwrap();
    let elsewhere = Recorder::new();
    let forged = settings.replace(&told.recorder.url(), &elsewhere.url());
    let publish = |text: &str| {
        told.world().write("applecart.yaml", text);
        told.publish();
    };
    publish(&forged);
    one.run(&["notify"]).ends_with(0);
    publish(&settings);
    let day = |days: i64| (chrono::Utc::now() + chrono::Duration::days(days)).to_rfc3339();
    for days in 0..7 {
        one.run(&["notify", "--now", &day(days)]).ends_with(0);
        if told.recorder.count() > 0 {
            break;
        }
    }
    one.run(&["notify", "--now", &day(7)]).ends_with(0);
    assert_eq!(told.told(), ["again contoso critical"]);
}

#[test]
fn an_alert_that_was_told_without_a_record_ends_when_the_remote_is_back() {
    let alerts = Recorder::new();
    let sink = format!("  - sink: am\n    alertmanager: {{url: '{}'}}\n", alerts.url());
    let told = Told::with(&sink);
    told.customer("contoso", 10);
    let one = told.clone("one");
    let away = told.world().path("away");
    let blind = |alerts: &Recorder| {
        let all = alerts.take().into_iter().flat_map(|one| one.body.as_array().unwrap().clone());
        let ours = all.filter(|one| one["labels"]["code"].as_str().unwrap().ends_with("-unknown"));
        let ends = |one: Value| -> chrono::DateTime<chrono::Utc> {
            one["endsAt"].as_str().unwrap().parse().unwrap()
        };
        let ends: Vec<_> = ours.map(ends).collect();
        ends.into_iter().max()
    };
    std::fs::rename(told.hub.folder(), &away).unwrap();
    for _ in 0..2 {
        one.run(&["notify"]).ends_with(3);
        let left = blind(&alerts).unwrap() - chrono::Utc::now();
        assert!((1..=25).contains(&left.num_hours()), "{left}");
    }
    std::fs::rename(&away, told.hub.folder()).unwrap();
    one.run(&["notify"]).ends_with(0);
    assert!(blind(&alerts).unwrap() <= chrono::Utc::now());
    one.run(&["notify"]).ends_with(0);
    assert_eq!(blind(&alerts), None);
}

#[test]
fn no_name_of_a_customer_becomes_anything_but_text() {
    let told = Told::new();
    let certificate = told.world().issue(None, 10);
    told.world().live("contoso", Some(&certificate));
    let hostile =
        r#"displayName: "\"}],\"x\":[{<script>alert(1)</script> ##vso[task.complete] @everyone""#;
    let bytes = certificate.pem.as_bytes();
    told.world().tenant_with("contoso", &certificate, bytes, "", &format!("{hostile}\n"));
    told.publish();
    let one = told.clone("one");
    let shown = one.run(&["notify", "--dry-run"]).ends_with(0);
    assert!(!shown.stdout.lines().any(|line| line.starts_with("##vso[")), "{}", shown.stdout);
    one.run(&["notify"]).ends_with(0);
    let sent = told.recorder.take().remove(0);
    let name = sent.body["data"]["tenant"]["displayName"].as_str().unwrap();
    assert!(name.starts_with("\"}],\"x\":[{<script>"), "{name}");
    assert!(sent.headers.keys().all(|header| !header.contains("x-")), "{:?}", sent.headers);
}

/// Whoever owns one customer's folder has no say in what another one's message holds.
#[test]
fn a_message_holds_nothing_of_another_customer() {
    let told = Told::new();
    let names = ["contoso", "fabrikam", "northwind", "tailspin"];
    for name in names {
        told.customer(name, 10);
    }
    told.clone("one").run(&["notify"]).ends_with(0);
    let sent = told.recorder.take();
    assert_eq!(sent.len(), names.len());
    for one in sent {
        let own = one.body["data"]["tenant"]["name"].as_str().unwrap();
        let text = one.body.to_string();
        for other in names.iter().filter(|other| **other != own) {
            assert!(!text.contains(other), "{other} in {text}");
            assert!(!text.contains(&tenant_id(other).to_string()), "{other} in {text}");
        }
    }
}

#[test]
fn a_branch_that_a_pipeline_names_as_its_target_brings_no_sink() {
    let (told, other) = (Told::new(), Recorder::new());
    told.customer("contoso", 10);
    let clone = told.clone("one");
    clone.git(&["switch", "--quiet", "-c", "theirs"]);
    let settings = clone.folder.join("applecart.yaml");
    let text = std::fs::read_to_string(&settings).unwrap();
    std::fs::write(&settings, text.replace(&told.recorder.url(), &other.url())).unwrap();
    let author = ["-c", "user.name=Mallory", "-c", "user.email=mallory@msp.example"];
    clone.git(&[&author[..], &["commit", "--quiet", "-am", "Theirs"]].concat());
    clone.git(&["push", "--quiet", "origin", "theirs"]);
    clone.git(&["switch", "--quiet", "main"]);
    let mut command = clone.command(&["notify"]);
    command.env("CI_MERGE_REQUEST_TARGET_BRANCH_NAME", "theirs");
    finish(command).ends_with(0).says("1 message sent");
    assert_eq!(told.told(), ["raised contoso critical"]);
    assert_eq!(other.take().len(), 0);
}

#[test]
fn a_sink_that_hears_of_nobody_is_told_by_validate_and_by_doctor() {
    let told = Told::new();
    told.customer("contoso", 10);
    let world = told.world();
    let settings = |select: &str| {
        let sink = format!(
            "notify:\n  - sink: hub\n    slack: {{host: hooks.slack.com}}\n    select: ['{select}']\n"
        );
        world.write("applecart.yaml", &world.policy(&sink));
        told.publish();
    };
    settings("contosso");
    world
        .run(&["validate"])
        .ends_with(78)
        .says("`contosso` is no tenant of the fleet")
        .says("did you mean `contoso`");
    settings("ring=prod");
    world.run(&["validate"]).ends_with(0).says("no tenant is selected by `ring=prod`");
    world.run(&["doctor"]).says("the sink hub: No tenant is selected by `ring=prod`.");
}

#[test]
fn a_password_in_a_sinks_address_is_refused_and_shown_by_no_outlet() {
    let told = Told::new();
    told.customer("contoso", 10);
    let world = told.world();
    let sinks = [
        "webhook: {url: 'https://noc:hunter2@hooks.msp.example/'}",
        "webhook: {url: 'ftp://noc:hunter2@hooks.msp.example/'}",
        "webhook: {url: 'https://hooks.msp.example/?sig=hunter2'}",
        "alertmanager: {url: 'http://noc:hun/ter2@am.msp.example'}",
        "slack: {host: 'noc:hunter2@hooks.slack.com'}",
        "email: {server: 'noc:hunter2@smtp.msp.example:587', from: a@msp.example, to: [b@msp.example]}",
    ];
    for sink in sinks {
        let settings = format!("notify:\n  - sink: hub\n    {sink}\n");
        world.write("applecart.yaml", &world.policy(&settings));
        for format in ["human", "json", "github", "sarif"] {
            let run = world.run(&["validate", "--worktree", "--format", format]).ends_with(78);
            let shown = format!("{}{}", run.stdout, run.stderr);
            assert!(!shown.contains("ter2"), "{sink}: {shown}");
        }
    }
}
