//! From a commit to Intune and back to "nothing to upload", and everything that must stop on the way.

use applecart_simulator::{Consent, Fault, FaultRule, PortalUpload, PushRequest};

use crate::world::{World, eventually, pushed, tenant_id};

#[test]
fn a_renewal_is_uploaded_once_and_then_there_is_nothing_to_do() {
    let world = World::new();
    let (_, new) = world.renewal("contoso");
    world.run(&["plan", "--detailed-exitcode"]).ends_with(2).says("upload push");
    world.run(&["apply"]).ends_with(0).says("uploaded");
    assert_eq!(world.live_serial("contoso"), Some(new.serial));
    world.run(&["plan", "--detailed-exitcode"]).ends_with(0).says("nothing to upload");
    world.run(&["apply"]).ends_with(0).says("nothing to upload");
    assert_eq!(world.uploads("contoso"), 1);
    assert_eq!(world.events("contoso"), ["intended", "applied", "confirmed"]);
    world.run(&["ledger", "verify"]).ends_with(0);
}

#[test]
fn a_first_upload_consents_only_where_the_file_says_so() {
    let world = World::new();
    let first = world.issue(None, 364);
    world.live("contoso", None);
    world
        .state()
        .change(tenant_id("contoso"), |tenant| {
            tenant.data_sharing_consent = Consent { granted: false, ..Consent::default() };
            tenant.switches.require_consent = true;
            Ok::<_, applecart_simulator::StateError>(())
        })
        .unwrap();
    world.tenant("contoso", &first);
    world.commit("First certificate");
    world.run(&["apply"]).ends_with(4).says("consent-missing").says("consent: {dataSharing: true}");
    assert_eq!(world.uploads("contoso"), 0);

    world.tenant_with(
        "contoso",
        &first,
        first.pem.as_bytes(),
        "",
        "consent: {dataSharing: true}\n",
    );
    world.commit("The customer agreed");
    world.run(&["apply"]).ends_with(0).says("uploaded");
    assert_eq!(world.live_serial("contoso"), Some(first.serial));
    world.run(&["plan", "--detailed-exitcode"]).ends_with(0);
}

#[test]
fn another_topic_is_held_and_the_message_says_what_would_have_happened() {
    let world = World::new();
    let live = world.issue(None, 20);
    let created = world.issue(None, 364);
    world.live("contoso", Some(&live));
    world.tenant("contoso", &created);
    world.commit("Somebody pressed Create");
    world
        .run(&["apply"])
        .ends_with(4)
        .says("topic-change")
        .says("Uploading it would cut off every enrolled device");
    assert_eq!(world.live_serial("contoso"), Some(live.serial));
}

#[test]
fn a_topic_change_that_a_review_released_is_uploaded() {
    let world = World::new();
    let live = world.issue(None, 20);
    let created = world.issue(None, 364);
    world.live("contoso", Some(&live));
    let allow = format!(
        "  allow:\n    - hold: topic-change\n      from: {}\n      to: {}\n      reason: all devices are enrolled again\n      until: 2999-12-31\n",
        live.topic, created.topic
    );
    world.tenant_with("contoso", &created, created.pem.as_bytes(), &allow, "");
    world.commit("Reviewed");
    world.run(&["apply"]).ends_with(0).says("uploaded");
    assert_eq!(world.live_serial("contoso"), Some(created.serial));
}

#[test]
fn a_topic_that_only_the_opened_file_betrays_is_refused() {
    let world = World::new();
    let live = world.issue(None, 20);
    let stated = world.issue(Some(&live.topic), 364);
    let inside = world.issue(None, 364);
    world.live("contoso", Some(&live));
    world.tenant_with("contoso", &stated, inside.pem.as_bytes(), "", "");
    world.commit("The facts are of another file");
    world.run(&["apply"]).ends_with(4).says("topic-change").says("bad-file");
    assert_eq!(world.uploads("contoso"), 0);
    assert_eq!(world.events("contoso"), ["failed"], "a refused file is recorded, never announced");
}

#[test]
fn an_older_certificate_is_held() {
    let world = World::new();
    let live = world.issue(None, 300);
    let older = world.issue(Some(&live.topic), 100);
    world.live("contoso", Some(&live));
    world.tenant("contoso", &older);
    world.commit("Last year's file");
    world
        .run(&["apply"])
        .ends_with(4)
        .says("older-than-live")
        .says("would shorten the tenant's time");
    assert_eq!(world.uploads("contoso"), 0);
}

#[test]
fn an_expired_certificate_is_held() {
    let world = World::new();
    let live = world.issue(None, -10);
    let expired = world.issue(Some(&live.topic), -1);
    world.live("contoso", Some(&live));
    world.tenant("contoso", &expired);
    world.commit("Too late");
    world
        .run(&["apply"])
        .ends_with(4)
        .says("expired")
        .says("Expired certificates are never uploaded");
    assert_eq!(world.uploads("contoso"), 0);
}

#[test]
fn a_certificate_that_is_not_valid_yet_is_refused() {
    let world = World::new();
    let live = world.issue(None, 20);
    let tomorrow = chrono::Utc::now() + chrono::Duration::days(1);
    let apple = world.simulator().apple();
    let future = apple
        .issue(&PushRequest { topic: Some(live.topic.clone()), ..PushRequest::new(tomorrow) })
        .unwrap();
    world.live("contoso", Some(&live));
    world.tenant("contoso", &future);
    world.commit("Too early");
    world.run(&["apply"]).ends_with(4).says("not-yet-valid");
    assert_eq!(world.uploads("contoso"), 0);
}

#[test]
fn a_file_with_a_private_key_is_refused() {
    let world = World::new();
    let live = world.issue(None, 20);
    let new = world.issue(Some(&live.topic), 364);
    let both = new.pem_with_key().unwrap();
    world.live("contoso", Some(&live));
    world.tenant_with("contoso", &new, both.as_bytes(), "", "");
    world.commit("With its key");
    world
        .run(&["apply"])
        .ends_with(4)
        .says("private-key")
        .says("in Git everyone with read access would have it");
    assert_eq!(world.uploads("contoso"), 0);
}

#[test]
fn a_file_that_no_identity_opens_is_refused_and_the_others_go_on() {
    let mut world = World::new();
    world.renewal("contoso");
    let other = age::x25519::Identity::generate();
    world.recipient = other.to_public().to_string();
    world.key = age::secrecy::ExposeSecret::expose_secret(&other.to_string()).to_owned();
    world.renewal("fabrikam");
    world.run(&["apply"]).ends_with(4).says("no available identity opens it (1 tried)");
    assert_eq!((world.uploads("contoso"), world.uploads("fabrikam")), (0, 1));
}

#[test]
fn a_renewal_by_hand_is_held_recorded_and_not_overwritten() {
    let world = World::new();
    let (_, new) = world.renewal("contoso");
    world.run(&["apply"]).ends_with(0);
    let by_hand = world.issue(Some(&new.topic), 365);
    let upload = PortalUpload::Push {
        apple_identifier: "mdm@contoso.example".into(),
        certificate: by_hand.pem.clone(),
    };
    world.state().portal_upload(tenant_id("contoso"), &upload).unwrap();
    world.run(&["plan", "--detailed-exitcode"]).ends_with(2).says("renewed-outside-git");
    world.run(&["apply"]).ends_with(4).says("changed-outside-git");
    world.run(&["apply"]).ends_with(4);
    assert_eq!(world.live_serial("contoso"), Some(by_hand.serial));
    let events = world.events("contoso");
    assert_eq!(
        events,
        ["intended", "applied", "confirmed", "changed-outside-git"],
        "recorded once"
    );

    world.write(
        "tenants/contoso/tenant.yaml",
        &format!(
            "apiVersion: applecart/v1\nkind: Tenant\nname: contoso\ntenantId: {}\nwatch: [push]\npush: {{appleId: mdm@contoso.example}}\n",
            tenant_id("contoso")
        ),
    );
    world.commit("Adopt what was renewed by hand");
    world.run(&["apply"]).ends_with(0).says("adopted");
    world.run(&["plan", "--detailed-exitcode"]).ends_with(0);
    assert_eq!(world.events("contoso").last().map(String::as_str), Some("adopted"));
}

#[test]
fn live_that_moved_between_plan_and_write_stops_the_write() {
    let world = World::new();
    let (old, _) = world.renewal("contoso");
    world.run(&["plan", "--out", "../plan.json"]).ends_with(0);
    let by_hand = world.issue(Some(&old.topic), 30);
    let upload = PortalUpload::Push {
        apple_identifier: "mdm@contoso.example".into(),
        certificate: by_hand.pem,
    };
    world.state().portal_upload(tenant_id("contoso"), &upload).unwrap();
    world.run(&["apply", "../plan.json"]).ends_with(5).says("stale");
    assert_eq!(world.uploads("contoso"), 1, "the one by hand");
}

#[test]
fn a_reviewed_plan_is_applied_although_the_fleet_moved_on_elsewhere() {
    let world = World::new();
    world.renewal("contoso");
    world.run(&["plan", "--out", "../plan.json", "--select", "contoso"]).ends_with(0);
    world.write("README.md", "An unrelated change\n");
    world.commit("Unrelated");
    world.run(&["apply", "../plan.json"]).ends_with(0).says("uploaded");
}

#[test]
fn throttling_is_ridden_out() {
    let world = World::new();
    let (_, new) = world.renewal("contoso");
    world.state().add_fault(
        FaultRule::always(Fault::Throttle {
            retry_after: Some(applecart_simulator::RetryAfter::Seconds(0)),
        })
        .for_tenant(tenant_id("contoso"))
        .times(4),
    );
    world.run(&["apply"]).ends_with(0).says("uploaded");
    assert_eq!(world.live_serial("contoso"), Some(new.serial));
}

#[test]
fn a_rejected_upload_is_recorded_and_not_sent_again_by_the_next_run() {
    let world = World::new();
    world.renewal("contoso");
    world.state().add_fault(
        FaultRule::always(Fault::status(400)).for_tenant(tenant_id("contoso")).on_method("PATCH"),
    );
    world.run(&["apply"]).ends_with(3).says("failed");
    world.state().clear_faults();
    world.run(&["apply"]).ends_with(4).says("rejected");
    assert_eq!(world.uploads("contoso"), 0);
    assert_eq!(world.events("contoso"), ["intended", "failed"]);
}

#[test]
fn a_write_whose_answer_was_lost_is_found_by_reading() {
    let world = World::new();
    let (_, new) = world.renewal("contoso");
    world.state().add_fault(
        FaultRule::always(Fault::DoneButLost)
            .for_tenant(tenant_id("contoso"))
            .on_method("PATCH")
            .times(1),
    );
    world.run(&["apply"]).ends_with(0).says("uploaded");
    assert_eq!(world.live_serial("contoso"), Some(new.serial));
    assert_eq!(world.uploads("contoso"), 1);
    assert_eq!(world.events("contoso"), ["intended", "applied", "confirmed"]);
}

#[test]
fn a_refusal_of_what_was_done_all_the_same_is_found_by_reading() {
    let world = World::new();
    let (_, new) = world.renewal("contoso");
    let on_patch =
        |fault| FaultRule::always(fault).for_tenant(tenant_id("contoso")).on_method("PATCH");
    let busy = Fault::Throttle { retry_after: Some(applecart_simulator::RetryAfter::Seconds(5)) };
    world.state().add_fault(on_patch(busy).times(1));
    world.state().add_fault(on_patch(Fault::status(400)));
    let apply = world.spawn(&["apply"]);
    let is_asked = || world.state().requests().iter().any(|one| one.method == "PATCH");
    eventually("the first attempt", is_asked);
    // A gateway lets the second one through and refuses it in its own name.
    let live = pushed("contoso", &new);
    world.state().set_push(tenant_id("contoso"), Some(live)).unwrap();
    let output = apply.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(world.events("contoso"), ["intended", "applied", "confirmed"]);
}

#[test]
fn a_write_that_broke_and_did_not_land_is_tried_again() {
    let world = World::new();
    let (_, new) = world.renewal("contoso");
    world.state().add_fault(
        FaultRule::always(Fault::Drop).for_tenant(tenant_id("contoso")).on_method("PATCH").times(1),
    );
    world.run(&["apply"]).ends_with(3).says("did not arrive");
    assert_eq!(world.uploads("contoso"), 0);
    world.run(&["apply"]).ends_with(3).says("retry-after");
    world.run(&["apply", "--retry"]).ends_with(0).says("uploaded");
    assert_eq!(world.live_serial("contoso"), Some(new.serial));
    assert_eq!(
        world.events("contoso"),
        ["intended", "not-landed", "intended", "applied", "confirmed"]
    );
}

#[test]
fn a_tenant_that_fails_leaves_the_others_alone() {
    let world = World::new();
    let (_, new) = world.renewal("contoso");
    world.renewal("fabrikam");
    world.state().add_fault(
        FaultRule::always(Fault::status(503)).for_tenant(tenant_id("fabrikam")).on_method("PATCH"),
    );
    world.run(&["apply"]).ends_with(3);
    assert_eq!(world.live_serial("contoso"), Some(new.serial));
}

#[test]
fn too_many_uploads_need_the_digest_that_was_reviewed() {
    let world = World::new();
    for number in 0..10 {
        world.renewal(&format!("tenant-{number}"));
    }
    world.run(&["apply"]).ends_with(4).says("over the safety limit").says("--approve sha256:");
    world.run(&["apply", "--approve", "sha256:0000"]).ends_with(4);
    assert_eq!(world.state().writes(), 0);
    let digest = world.run(&["plan", "--format", "json"]).ends_with(0).json()["digest"]
        .as_str()
        .unwrap()
        .to_owned();
    let done = world.run(&["apply", "--approve", &digest, "--format", "json"]).ends_with(0).json();
    assert_eq!(done["summary"]["uploaded"], 10);
}

#[test]
fn small_steps_of_one_commit_count_together() {
    let world = World::new();
    for number in 0..10 {
        world.renewal(&format!("tenant-{number}"));
    }
    world
        .run(&["apply", "--select", "tenant-0", "--select", "tenant-1", "--select", "tenant-2"])
        .ends_with(0);
    world.run(&["apply", "--select", "tenant-3"]).ends_with(4).says("over the safety limit");
}

#[test]
fn planning_needs_no_key_and_sends_only_reads() {
    let mut world = World::new();
    world.renewal("contoso");
    world.key = String::new();
    world.secret = applecart_simulator::READER_SECRET.to_owned();
    let policy = world
        .policy("")
        .replace(applecart_simulator::WRITER_CLIENT_ID, applecart_simulator::READER_CLIENT_ID);
    world.write("applecart.yaml", &policy);
    world.commit("A reader");
    world.run(&["plan"]).ends_with(0).says("upload push");
    world.run(&["status"]).ends_with(0);
    assert_eq!(world.state().writes(), 0);
    assert!(world.state().violations().is_empty(), "{:?}", world.state().violations());
}

#[test]
fn a_frozen_clock_shows_next_year() {
    let world = World::new();
    let live = world.issue(None, 100);
    world.live("contoso", Some(&live));
    world.tenant("contoso", &live);
    world.commit("In sync");
    world.run(&["status", "--fail-within", "14d"]).ends_with(0);
    world
        .run(&["status", "--fail-within", "14d", "--now", "2999-01-01T00:00:00Z"])
        .ends_with(9)
        .says("expired");
    world.run(&["status", "--offline", "--fail-within", "200d"]).ends_with(9);
}

#[test]
fn a_schedule_fails_for_what_is_urgent_and_a_plan_is_not_green_beside_it() {
    let world = World::new();
    let live = world.issue(None, 30);
    world.live("contoso", Some(&live));
    world.tenant("contoso", &live);
    world.commit("In sync");
    // In sync, and due for renewal: worth a look, and no reason to wake anybody.
    let status = world.run(&["status", "--fail-on", "urgent"]).ends_with(0);
    status.says("renewal-due, 1 token: contoso push");
    let plan = world.run(&["plan", "--detailed-exitcode"]).ends_with(0);
    let plan = plan.says("nothing to upload, 1 verification · 1 token expires within 45 days:");
    assert!(plan.stdout.contains("\n  applecart renew --due 45d\n"), "{}", plan.stdout);
    world.run(&["status", "--fail-on", "missing,renewal-due"]).ends_with(9);
    world.run(&["status", "--fail-on", "soon"]).ends_with(64).says("`urgent` nor a code");
    // The same fleet four weeks later.
    let later = (live.not_after - chrono::Duration::days(2)).to_rfc3339();
    let at = |arguments: &[&str]| world.run(&[arguments, &["--now", &later]].concat());
    let status = at(&["status", "--fail-on", "urgent"]).ends_with(9);
    status.says("critical, 1 token: contoso push").says("applecart renew contoso/push");
    at(&["plan"]).ends_with(0);
    at(&["plan", "--detailed-exitcode"]).ends_with(2).says("1 token expires within 14 days:");
    let plan = at(&["plan", "--format", "json"]).ends_with(0).json();
    let status = at(&["status", "--format", "json"]).ends_with(0).json();
    assert_eq!(plan["attention"], status["attention"]);
    assert_eq!(plan["attention"][0]["code"], "critical");
}

#[test]
fn nothing_ever_sends_an_empty_certificate_or_a_delete() {
    let world = World::new();
    let live = world.issue(None, 20);
    world.live("contoso", Some(&live));
    for (bytes, name) in [(&b""[..], "empty"), (&b"\n \r\n"[..], "blank"), (&b"<html>"[..], "page")]
    {
        world.tenant_with("contoso", &world.issue(Some(&live.topic), 364), bytes, "", "");
        world.commit(name);
        world.run(&["apply"]).ends_with(4);
    }
    assert!(world.state().violations().is_empty());
    assert_eq!(world.live_serial("contoso"), Some(live.serial));
}
