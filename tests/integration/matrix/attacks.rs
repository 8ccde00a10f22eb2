//! What each of them tries, with the real program against a forge that knows their rights.

use applecart_core::model::{Kind, Timestamp};
use serde_json::{Value, json};

use crate::world::forge::{LEDGER, NOTES, User, every_object, stated};
use crate::world::hub::Hub;
use crate::world::{Run, in_days, pushed, tenant_id};

/// A tenant for each kind, with a merged renewal that nobody has applied.
const DUE: [(&str, Kind); 3] =
    [("adatum", Kind::Push), ("contoso", Kind::Enrollment), ("fabrikam", Kind::Vpp)];

fn due() -> Hub {
    let hub = Hub::new();
    for (tenant, kind) in DUE {
        hub.world.renewal_of(tenant, kind);
    }
    hub.merge_world();
    hub.grant();
    hub
}

/// What the pipeline does in a fresh clone, as it does on a hosted runner.
fn applies(hub: &Hub) -> Run {
    let clone = hub.clone("pipeline", &[]);
    let run = clone.run_as(User::Pipeline, &["apply"]);
    std::fs::remove_dir_all(&clone.folder).unwrap();
    run
}

fn audits(hub: &Hub) -> Run {
    let clone = hub.clone("auditor", &[]);
    let run = clone.run_as(User::Reader, &["audit"]);
    std::fs::remove_dir_all(&clone.folder).unwrap();
    run
}

fn uploads(hub: &Hub) -> [usize; 3] {
    DUE.map(|(tenant, kind)| hub.world.uploads_of(tenant, kind))
}

/// The events that a run writes of an upload and its end.
const EVENTS: [&str; 11] = [
    "observed",
    "intended",
    "applied",
    "confirmed",
    "verified",
    "failed",
    "not-landed",
    "not-shown",
    "outcome-unknown",
    "changed-outside-git",
    "adopted",
];

#[test]
fn whoever_may_only_read_causes_hides_delays_and_redirects_nothing() {
    let hub = due();
    let refs = hub.git(&["for-each-ref"]);
    let reader = hub.clone("reader", &[]);
    // With the writer's secret and the key of the fleet, which nobody has who may only read.
    reader.run_as(User::Reader, &["apply"]).ends_with(3).says("reader may not push");
    assert_eq!((uploads(&hub), hub.world.state().writes()), ([0; 3], 0));
    let out = hub.world.path("");
    reader.run_as(User::Reader, &["renew", "adatum/push", "--out", out.to_str().unwrap()]);
    assert_ne!(reader.run_as(User::Reader, &["acknowledge", "adatum"]).code, 0);
    std::fs::write(reader.folder.join("applecart.yaml"), "mine").unwrap();
    reader.commit("Mine");
    for branch in ["main", LEDGER, NOTES, "renew/adatum/push"] {
        assert!(!reader.pushes(User::Reader, &format!("HEAD:refs/heads/{branch}")), "{branch}");
    }
    assert_eq!(hub.git(&["for-each-ref"]), refs);
    applies(&hub).ends_with(0);
    assert_eq!(uploads(&hub), [1; 3]);
    audits(&hub).ends_with(0);
}

#[test]
fn what_everybody_may_clone_holds_no_secret() {
    let hub = due();
    applies(&hub).ends_with(0);
    let technician = hub.clone("technician", &[]);
    technician.git(&["config", "user.name", "Dana"]);
    technician.git(&["config", "user.email", "dana@msp.example"]);
    for (tenant, _) in DUE {
        technician.run_as(User::Technician, &["acknowledge", tenant]).ends_with(0);
    }
    // Another day than the live one: the same second of the same location is the same credential.
    let file = hub.world.vpp_file("London", 365).text;
    let path = hub.world.path("sToken.vpptoken");
    std::fs::write(&path, &file).unwrap();
    let renew = ["renew", "fabrikam/London", "--file", path.to_str().unwrap(), "--push"];
    technician.run_as(User::Technician, &renew).ends_with(0);
    let objects = every_object(&hub);
    let holds = |text: &str| objects.windows(text.len()).any(|part| part == text.as_bytes());
    assert!(holds("AGE ENCRYPTED FILE"), "the sealed files are in it");
    assert!(!holds(&hub.world.key) && !holds(&hub.world.secret));
    // Any piece of the token that was sealed and proposed here.
    for piece in file.as_bytes().chunks(24).filter(|piece| piece.len() == 24) {
        assert!(!holds(std::str::from_utf8(piece).unwrap()));
    }
    for (name, kind) in DUE {
        let sent = hub.world.state().uploads(tenant_id(name));
        assert!(!sent.is_empty(), "{name} {kind}");
    }
}

#[test]
fn notes_decide_nothing_whatever_they_say() {
    let hub = due();
    for (tenant, kind) in DUE {
        let lines: Vec<Value> = EVENTS.map(|event| hub.line(event, tenant, kind)).to_vec();
        hub.append(User::Technician, NOTES, tenant, &lines);
    }
    for _ in 0..2 {
        applies(&hub).ends_with(0);
        assert_eq!(uploads(&hub), [1; 3]);
    }

    // Nor do they answer what an audit finds.
    by_hand(&hub, "adatum", 365);
    applies(&hub);
    audits(&hub).ends_with(7).says("live-change-without-upload");
    let lines: Vec<Value> = EVENTS.map(|event| hub.line(event, "adatum", Kind::Push)).to_vec();
    hub.append(User::Technician, NOTES, "adatum", &lines);
    audits(&hub).ends_with(7).says("live-change-without-upload");
}

/// Somebody uploads another certificate of the same topic in Intune's portal.
fn by_hand(hub: &Hub, tenant: &str, days: i64) {
    let topic = stated(hub, tenant, "topic");
    let certificate = hub.world.issue(Some(&topic), days);
    hub.world.change(tenant, |live| {
        live.apple_push_notification_certificate = Some(pushed(tenant, &certificate));
    });
}

#[test]
fn a_forged_announcement_delays_by_minutes_and_a_pipeline_says_so() {
    // Until the year 9999: it has no effect.
    let hub = due();
    for (tenant, kind) in DUE {
        let mut line = hub.line("intended", tenant, kind);
        line["leaseUntil"] = json!("9999-12-31T23:59:59Z");
        hub.append(User::Deputy, LEDGER, tenant, &[line]);
    }
    let clone = hub.clone("clone", &[]);
    let plan = clone.run(&["plan", "--detailed-exitcode"]);
    plan.ends_with(2).says("ledger-line-broken, 3 tenants").says("3 uploads");
    applies(&hub).says("ledger-line-broken");
    assert_eq!(uploads(&hub), [1; 3]);

    // Within bounds: the run waits for the other one and does not end as done.
    let hub = due();
    for (tenant, kind) in DUE {
        hub.append(User::Deputy, LEDGER, tenant, &[hub.line("intended", tenant, kind)]);
    }
    applies(&hub).ends_with(6).says("may still write until");
    assert_eq!(uploads(&hub), [0; 3]);
}

/// The lines that no run writes are no reason to wait, and nobody ticks the record that has one.
#[test]
fn an_announcement_that_no_run_writes_delays_nothing_and_doctor_ticks_no_such_record() {
    for (field, value) in [
        ("leaseUntil", "9999-12-31T23:59:59Z"),
        ("rev", "refs/heads/main"),
        ("at", "9999-12-31T23:59:59Z"),
    ] {
        let hub = due();
        for (tenant, kind) in DUE {
            let mut line = hub.line("intended", tenant, kind);
            line[field] = json!(value);
            hub.append(User::Deputy, LEDGER, tenant, &[line]);
        }
        let clone = hub.clone("clone", &[]);
        let status = clone.run(&["status", "--fail-on", "ledger-line-broken"]).ends_with(9);
        status.says("ledger-line-broken");
        let found = clone.run(&["doctor", "--format", "json"]).json();
        let checks = found["checks"].as_array().unwrap();
        let ledger = checks.iter().find(|check| check["area"] == "ledger").unwrap();
        assert_eq!(ledger["state"], "warning", "{field}: {ledger}");
        assert!(ledger["text"].as_str().unwrap().contains("ledger-line-broken"), "{ledger}");
        applies(&hub).ends_with(0).says("ledger-line-broken");
        assert_eq!(uploads(&hub), [1; 3], "{field}");
    }
}

/// Lines of these events, of every due renewal.
fn forge(hub: &Hub, events: &[&str]) {
    if events.is_empty() {
        return;
    }
    for (tenant, kind) in DUE {
        let lines: Vec<Value> = events.iter().map(|event| hub.line(event, tenant, kind)).collect();
        hub.append(User::Deputy, LEDGER, tenant, &lines);
    }
}

/// Lines of an upload that never happened: either it happens all the same, or the run says why not.
#[test]
fn a_forged_end_of_an_upload_hides_none() {
    for (events, code, says) in [
        (&["confirmed"][..], 0, "ledger-line-broken"),
        // Only a sending tells which enrollment file Intune has, so there the line has no effect.
        (&["verified"], 4, "ledger-line-broken"),
        (&["intended", "applied", "confirmed"], 4, "changed-outside-git"),
        (&["intended", "applied"], 6, "may still write until"),
        (&["failed"], 4, "rejected"),
        (&["observed", "adopted"], 0, "uploaded"),
        (&["changed-outside-git"], 0, "uploaded"),
        (&["intended", "not-landed"], 0, "uploaded"),
    ] {
        let hub = due();
        forge(&hub, events);
        let run = applies(&hub);
        assert_eq!(run.code, code, "{events:?}: {run:?}");
        run.says(says);
        let expected = match (events, code) {
            (&["verified"], _) => [0, 1, 0],
            (_, 0) => [1; 3],
            _ => [0; 3],
        };
        assert_eq!(uploads(&hub), expected, "{events:?}");
    }
}

/// Intune shows of an enrollment file only when its token expires, and when it was changed.
#[test]
fn lines_forged_beside_a_genuine_upload_hide_no_second_file_of_the_day() {
    for events in [&["intended", "applied", "confirmed"][..], &["intended", "applied"]] {
        let hub = Hub::new();
        hub.world.renewal_of("contoso", Kind::Enrollment);
        hub.merge_world();
        applies(&hub).ends_with(0);
        let before = json!(Timestamp::new(in_days(20)));
        let after = json!(hub.world.live_until("contoso", Kind::Enrollment).map(Timestamp::new));
        // Each download has an expiry of its own, to the second.
        std::thread::sleep(std::time::Duration::from_millis(1100));
        hub.world.renew("contoso", Kind::Enrollment);
        hub.merge_world();
        hub.grant();
        let lines: Vec<Value> = events
            .iter()
            .map(|event| {
                let mut line = hub.line(event, "contoso", Kind::Enrollment);
                (line["before"]["expires"], line["after"]["expires"]) =
                    (before.clone(), after.clone());
                line
            })
            .collect();
        hub.append(User::Deputy, LEDGER, "contoso", &lines);
        let plan = hub.clone("reader", &[]).run(&["plan", "--detailed-exitcode"]);
        let plan = plan.says("device-sync-down");
        if events.len() == 3 {
            plan.ends_with(2).says("record-disproved");
            applies(&hub).ends_with(0).says("uploaded");
            assert_eq!(hub.world.uploads_of("contoso", Kind::Enrollment), 2);
        } else {
            // It waits as long as Intune may take to show it, and takes nothing for shown.
            applies(&hub);
            let is_confirmed =
                |line: &Value| line["event"] == "confirmed" && line["sha256"] == lines[0]["sha256"];
            assert!(!hub.lines("contoso").iter().any(is_confirmed));
        }
    }
}

/// Lines that say that an upload which happened did not.
#[test]
fn a_forged_failure_repeats_no_upload() {
    for events in [
        &["not-landed"][..],
        &["not-shown"],
        &["failed"],
        &["intended", "not-landed"],
        &["outcome-unknown"],
        &["changed-outside-git"],
        &["intended", "applied", "not-shown"],
    ] {
        let hub = due();
        applies(&hub).ends_with(0);
        forge(&hub, events);
        applies(&hub).ends_with(0);
        assert_eq!(uploads(&hub), [1; 3], "{events:?}");
        // Nor does it overwrite what an administrator did since then.
        by_hand(&hub, "adatum", 200);
        for more in [&[][..], &["adopted"]] {
            forge(&hub, more);
            let run = applies(&hub);
            assert_ne!(run.code, 0, "{events:?}, {more:?}: {run:?}");
            assert_eq!(uploads(&hub), [1; 3], "{events:?}, {more:?}");
        }
    }
}

#[test]
fn a_forged_line_sends_no_file_to_another_tenant() {
    let hub = due();
    // Adatum's file and topic, in the record of contoso, as if they had always been there.
    let mut lines =
        ["intended", "applied", "confirmed"].map(|event| hub.line(event, "adatum", Kind::Push));
    for line in &mut lines {
        line["name"] = json!("contoso");
    }
    hub.append(User::Deputy, LEDGER, "contoso", &lines);
    applies(&hub).ends_with(4).says("wrong-destination");
    assert_eq!(hub.world.uploads_of("contoso", Kind::Push), 0);
    assert_eq!(uploads(&hub)[0], 0, "held, and told");
}

/// Whoever may write the record can say that the base took a change over; the base says whether it did.
#[test]
fn a_forged_adoption_answers_no_plan_and_no_audit() {
    let hub = due();
    applies(&hub).ends_with(0);
    by_hand(&hub, "adatum", 365);
    applies(&hub).ends_with(4);
    audits(&hub).ends_with(7).says("live-change-without-upload");
    hub.append(User::Deputy, LEDGER, "adatum", &[hub.line("adopted", "adatum", Kind::Push)]);
    audits(&hub).ends_with(7).says("adopted-without-review");
    applies(&hub).ends_with(4).says("outside-git");
}

/// Lines that say that devices know a topic which nobody reviewed.
#[test]
fn a_forged_topic_is_advised_to_nobody() {
    let theirs = "com.apple.mgmt.External.ffffffff-1f65-4613-b6b8-88b85782e716";
    for (events, code) in
        [(&["adopted"][..], 7), (&["confirmed"], 0), (&["intended", "applied", "confirmed"], 0)]
    {
        let hub = due();
        applies(&hub).ends_with(0);
        let lines: Vec<Value> = events
            .iter()
            .map(|event| {
                let mut line = hub.line(event, "adatum", Kind::Push);
                line["after"]["topic"] = json!(theirs);
                line
            })
            .collect();
        hub.append(User::Deputy, LEDGER, "adatum", &lines);
        audits(&hub).ends_with(code);
        let plan = hub.clone("reader", &[]).run(&["plan"]);
        assert!(!plan.stdout.contains("devices know this topic"), "{events:?}: {plan:?}");
        plan.says("It is unknown which push topic the enrolled devices know").says(theirs);
    }
}

#[test]
fn an_open_pull_request_changes_nothing_that_apply_does() {
    let hub = due();
    let author = hub.clone("author", &[]);
    let path = author.folder.join("tenants/adatum/tenant.yaml");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, format!("{text}suspend: {{reason: mine, until: 2099-01-01}}\n")).unwrap();
    let policy = author.folder.join("applecart.yaml");
    let text = std::fs::read_to_string(&policy).unwrap();
    std::fs::write(&policy, format!("{text}safety: {{maxTenants: 0}}\n")).unwrap();
    author.git(&["rm", "-r", "--quiet", "tenants/contoso"]);
    author.commit("Please");
    for branch in
        ["pr/1", "renew/adatum/push-2099-01-01", "renew/contoso/enrollment-abm-2099-01-01"]
    {
        assert!(author.pushes(User::Author, &format!("HEAD:refs/heads/{branch}")), "{branch}");
    }
    for branch in ["main", LEDGER, NOTES] {
        assert!(!author.pushes(User::Author, &format!("HEAD:refs/heads/{branch}")), "{branch}");
    }
    // Not their own clone either, whatever it is told to be the base.
    author.run_as(User::Author, &["apply"]).ends_with(7);
    assert_eq!(hub.world.state().writes(), 0);
    applies(&hub).ends_with(0);
    assert_eq!(uploads(&hub), [1; 3]);
}
