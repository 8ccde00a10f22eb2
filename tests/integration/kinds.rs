//! Enrollment and VPP tokens on the whole way: first upload, renewal, settings, creation; and what
//! must stop.

use applecart_core::model::{Kind, Sha256, Timestamp};
use applecart_simulator::{Fault, FaultRule, Vpp};

use chrono::{Duration, Utc};

use crate::world::{VppFile, World, in_days, tenant_id};

const KINDS: [Kind; 3] = [Kind::Push, Kind::Enrollment, Kind::Vpp];

#[test]
fn a_renewal_of_every_kind_is_uploaded_once_and_then_there_is_nothing_to_do() {
    for kind in KINDS {
        let world = World::new();
        world.renewal_of("contoso", kind);
        world.run(&["plan", "--detailed-exitcode"]).ends_with(2).says(&format!("upload {kind}"));
        world.run(&["apply"]).ends_with(0).says("uploaded");
        assert!(world.live_until("contoso", kind).unwrap() > in_days(300), "{kind}");
        world.run(&["plan", "--detailed-exitcode"]).ends_with(0).says("nothing to upload");
        world.run(&["apply"]).ends_with(0).says("nothing to upload");
        assert_eq!(world.uploads_of("contoso", kind), 1, "{kind}");
        assert_eq!(world.events("contoso"), ["intended", "applied", "confirmed"], "{kind}");
        world.run(&["ledger", "verify"]).ends_with(0);
        assert_eq!(world.state().violations(), []);
    }
}

#[test]
fn the_file_that_was_reviewed_is_the_file_that_arrives() {
    for kind in [Kind::Enrollment, Kind::Vpp] {
        let world = World::new();
        world.renewal_of("contoso", kind);
        let planned = world.run(&["plan", "--format", "json"]).ends_with(0).json();
        let sha256 = planned["tenants"][0]["tokens"][0]["sha256"].as_str().unwrap().to_owned();
        world.run(&["apply"]).ends_with(0);
        assert_eq!(world.uploaded_digests(), [sha256], "{kind}");
    }
}

#[test]
fn an_enrollment_upload_is_urgent_in_plan_and_markdown() {
    let world = World::new();
    world.renewal_of("contoso", Kind::Enrollment);
    world.run(&["plan"]).ends_with(0).says("urgent").says("device sync is down since");
    world.run(&["plan", "--format", "markdown"]).ends_with(0).says("device sync is down since");
}

#[test]
fn an_older_enrollment_file_does_not_come_back_under_a_new_date() {
    let world = World::new();
    world.renewal_of("contoso", Kind::Enrollment);
    let (older, newer) = (world.enrollment_file("contoso"), world.enrollment_file("contoso"));
    // Merged, and never applied: only Git's history knows when it was downloaded.
    world.tokens("contoso").enrollment(&older, "").commit();
    world.tokens("contoso").enrollment(&newer, "").commit();
    world.run(&["apply"]).ends_with(0);
    let dated = |at: chrono::DateTime<chrono::Utc>| {
        world.tokens("contoso").enrollment(&older, "").commit();
        let file = world.repo().join("tenants/contoso/tenant.yaml");
        let text = std::fs::read_to_string(&file).unwrap();
        let at = applecart_core::model::Timestamp::new(at);
        let line = |line: &str| match line.trim().starts_with("downloaded:") {
            true => format!("    downloaded: {at}\n"),
            false => format!("{line}\n"),
        };
        std::fs::write(&file, text.lines().map(line).collect::<String>()).unwrap();
        world.commit("Renew it");
    };
    dated(chrono::Utc::now() + chrono::Duration::minutes(5));
    world.run(&["validate"]).ends_with(0);
    world.run(&["apply"]).ends_with(4).says("age-unknown").says("that is the time that counts");
    dated(chrono::Utc::now() + chrono::Duration::days(2));
    world.run(&["validate"]).ends_with(78).says("`downloaded` is in the future");
    world.run(&["apply"]).ends_with(4).says("not-yet-valid");
    assert_eq!(world.uploads_of("contoso", Kind::Enrollment), 1);
}

#[test]
fn an_enrollment_file_of_the_future_is_not_sealed() {
    let world = World::new();
    world.renewal_of("contoso", Kind::Enrollment);
    let file = world.repo().join("token.p7m");
    std::fs::write(&file, world.enrollment_file("contoso")).unwrap();
    let tomorrow = applecart_core::model::Timestamp::new(in_days(1)).to_string();
    let file = file.to_str().unwrap();
    world
        .run(&["seal", file, "contoso/ABM", "--downloaded", &tomorrow])
        .ends_with(4)
        .says("not-yet-valid");
}

#[test]
fn after_an_enrollment_upload_the_devices_sync_again() {
    let world = World::new();
    world.renewal_of("contoso", Kind::Enrollment);
    world.run(&["apply"]).ends_with(0);
    let tenant = world.state().tenant(tenant_id("contoso")).unwrap();
    let setting = &tenant.dep_onboarding_settings[0];
    assert_eq!(setting.last_sync_error_code, 0);
    assert!(setting.last_successful_sync_date_time > in_days(-1));
}

#[test]
fn a_vpp_token_is_created_where_git_and_the_customer_permit_it() {
    let world = World::new();
    world.live_of_all_kinds("contoso");
    world.change("contoso", |tenant| tenant.vpp_tokens.clear());
    let file = world.vpp_file("London", 364);
    let entry = |more: &str, head: &str| {
        world.tokens("contoso").head(head).vpp("London", None, &file, more).commit();
    };
    entry("", "");
    world.run(&["apply"]).ends_with(4).says("create-not-permitted").says("create: true");
    entry("    create: true\n", "");
    world.run(&["apply"]).ends_with(4).says("consent-missing");
    assert_eq!(world.uploads_of("contoso", Kind::Vpp), 0);
    entry("    create: true\n    country: gb\n", "consent: {dataSharing: true}\n");
    world.run(&["apply"]).ends_with(0).says("created");
    let tenant = world.state().tenant(tenant_id("contoso")).unwrap();
    let vpp = &tenant.vpp_tokens[0];
    assert_eq!((vpp.display_name.as_str(), vpp.location_name.as_str()), ("London", "London"));
    assert_eq!(vpp.country_or_region, "gb");
    world.run(&["plan", "--detailed-exitcode"]).ends_with(0).says("nothing to upload");
    // The ledger learnt the id: another name in Git's neighbour does not confuse it.
    let shown = world.run(&["ledger", "show", "--format", "json"]).json();
    assert_eq!(shown["entries"][2]["token"]["id"], vpp.id.as_str());
}

#[test]
fn settings_are_changed_without_the_file_and_without_a_key() {
    let world = World::new();
    world.live_of_all_kinds("contoso");
    let file = world.vpp_file("London", 364);
    let entry = |more: &str| {
        world.tokens("contoso").vpp("London", Some("vpp-contoso"), &file, more).commit();
    };
    entry("");
    world.run(&["apply"]).ends_with(0);
    entry("    automaticallyUpdateApps: true\n    roleScopeTagIds: ['7', '0']\n");
    world.run(&["plan", "--detailed-exitcode"]).ends_with(2).says("configure vpp");
    let mut command = world.command(&["apply"]);
    command.env_remove("SOPS_AGE_KEY");
    crate::world::finish(command).ends_with(0).says("configured");
    let vpp = world.state().tenant(tenant_id("contoso")).unwrap().vpp_tokens.remove(0);
    assert!(vpp.automatically_update_apps);
    assert_eq!(vpp.role_scope_tag_ids, ["7", "0"]);
    assert_eq!(world.uploads_of("contoso", Kind::Vpp), 1);
    world.run(&["plan", "--detailed-exitcode"]).ends_with(0).says("nothing to upload");
    world.run(&["ledger", "verify"]).ends_with(0);
    // No file was sent, so no line says that one was.
    let shown = world.run(&["ledger", "show", "--format", "json"]).json();
    let lines = shown["entries"].as_array().unwrap();
    assert_eq!(world.events("contoso")[3..], ["intended", "applied"]);
    assert!(lines[3..].iter().all(|line| line["sha256"].is_null() && line["wire"].is_null()));
}

#[test]
fn live_that_moved_between_the_plan_and_the_write_is_not_written_over() {
    for kind in KINDS {
        let world = World::new();
        world.renewal_of("contoso", kind);
        // Plan (and the public key of an enrollment token), then the re-check is slow.
        let reads = if kind == Kind::Enrollment { 2 } else { 1 };
        let rule = FaultRule::always(Fault::Latency { milliseconds: 1500 })
            .for_tenant(tenant_id("contoso"))
            .on_method("GET")
            .after(reads);
        world.state().add_fault(rule);
        let child = world.spawn(&["apply"]);
        crate::world::eventually("the write is announced", || {
            world.git(&["for-each-ref", "refs/heads/applecart/ledger"]).contains("ledger")
        });
        world.change("contoso", |tenant| {
            let later = in_days(700);
            if let Some(push) = &mut tenant.apple_push_notification_certificate {
                push.certificate_serial_number = "00FF00FF00FF00FF".to_owned();
                push.expiration_date_time = later;
            }
            tenant.dep_onboarding_settings[0].token_expiration_date_time = later;
            tenant.vpp_tokens[0].expiration_date_time = later;
        });
        let output = child.wait_with_output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        assert_eq!(output.status.code(), Some(5), "{kind}: {text}");
        assert!(text.contains("Intune changed since the plan was made"), "{kind}: {text}");
        assert_eq!(world.uploads_of("contoso", kind), 0, "{kind}");
        assert_eq!(world.events("contoso"), ["intended", "failed"], "{kind}");
    }
}

#[test]
fn the_scope_tags_of_an_enrollment_token_are_changed() {
    let world = World::new();
    world.live_of_all_kinds("contoso");
    let file = world.enrollment_file("contoso");
    world.tokens("contoso").enrollment(&file, "    roleScopeTagIds: ['7']\n").commit();
    world.run(&["apply"]).ends_with(0).says("uploaded");
    let tags = || {
        let tenant = world.state().tenant(tenant_id("contoso")).unwrap();
        tenant.dep_onboarding_settings[0].role_scope_tag_ids.clone()
    };
    assert_eq!(tags(), ["7"]);
    world.run(&["plan", "--detailed-exitcode"]).ends_with(0);
    world.tokens("contoso").enrollment(&file, "    roleScopeTagIds: ['8']\n").commit();
    world.run(&["apply"]).ends_with(0).says("configured");
    assert_eq!(tags(), ["8"]);
    world.run(&["plan", "--detailed-exitcode"]).ends_with(0);
}

/// contoso has two VPP tokens; London's entry holds a file that Apple made for Lyon.
fn lyons_file_in_londons_entry(world: &World) {
    world.live_of_all_kinds("contoso");
    world.change("contoso", |tenant| {
        tenant.vpp_tokens.push(world.live_vpp("vpp-paris", "Paris", 20));
    });
    world
        .tokens("contoso")
        .vpp("London", Some("vpp-contoso"), &world.vpp_file("Lyon", 364), "")
        .vpp("Paris", Some("vpp-paris"), &world.vpp_file("Paris", 364), "")
        .commit();
}

#[test]
fn a_token_for_another_location_stops_its_tenant_and_proves_the_encoding() {
    let world = World::new();
    lyons_file_in_londons_entry(&world);
    world
        .run(&["apply"])
        .ends_with(3)
        .says("names the location \"Lyon\" for the uploaded token, not \"London\"")
        .says("not-started");
    assert_eq!(world.uploads_of("contoso", Kind::Vpp), 1);
    // The next run sends the other one, and this one no second time.
    world.run(&["apply"]).ends_with(4).says("rejected");
    assert_eq!(world.uploads_of("contoso", Kind::Vpp), 2);
}

#[test]
fn a_token_for_another_location_stops_its_tenant_where_the_encoding_is_proved() {
    let world = World::new();
    world.renewal_of("adatum", Kind::Vpp);
    world.run(&["apply"]).ends_with(0);
    lyons_file_in_londons_entry(&world);
    world.run(&["apply"]).ends_with(3).says("not uploaded, because");
    assert_eq!(world.uploads_of("contoso", Kind::Vpp), 1);
}

#[test]
fn an_enrollment_file_for_another_key_is_refused_before_anything_is_sent() {
    let world = World::new();
    world.live_of_all_kinds("contoso");
    world.live_of_all_kinds("fabrikam");
    let theirs = world.enrollment_file("fabrikam");
    world.tokens("contoso").enrollment(&theirs, "").commit();
    world.run(&["apply"]).ends_with(4).says("encrypted to a key that Intune does not have");
    assert_eq!(world.uploads_of("contoso", Kind::Enrollment), 0);
    assert_eq!(world.events("contoso"), ["failed"], "the refusal is on record, no announcement");
}

#[test]
fn a_vpp_file_that_is_not_the_reviewed_one_is_refused() {
    let world = World::new();
    world.live_of_all_kinds("contoso");
    // The tenant file states another expiry than the file has.
    let file = VppFile { expires: in_days(364), ..world.vpp_file("London", 300) };
    world.tokens("contoso").vpp("London", Some("vpp-contoso"), &file, "").commit();
    let run = world.run(&["apply", "--wait", "5s"]).ends_with(4);
    run.says("bad-file").says("the tenant file says");
    assert_eq!(world.uploads_of("contoso", Kind::Vpp), 0);
}

#[test]
fn another_mdm_keeps_its_vpp_token_until_git_claims_it() {
    let world = World::new();
    world.live_of_all_kinds("contoso");
    let file = world.vpp_file("London", 364);
    world.state().hold_elsewhere(tenant_id("contoso"), "London", true).unwrap();
    let entry = |more: &str| {
        world.tokens("contoso").vpp("London", Some("vpp-contoso"), &file, more).commit();
    };
    entry("");
    world.run(&["apply"]).ends_with(4).says("external-mdm").says("claim: true");
    assert_eq!(world.uploads_of("contoso", Kind::Vpp), 0);
    entry("    claim: true\n");
    world.run(&["apply"]).ends_with(0).says("uploaded");
    let vpp: Vpp = world.state().tenant(tenant_id("contoso")).unwrap().vpp_tokens.remove(0);
    assert_eq!(vpp.state, "valid");
    world.run(&["plan", "--detailed-exitcode"]).ends_with(0);
}

#[test]
fn one_token_proves_the_encoding_before_the_others_are_sent() {
    let world = World::new();
    for name in ["adatum", "contoso", "fabrikam"] {
        world.renewal_of(name, Kind::Vpp);
    }
    world.run(&["plan"]).ends_with(0).says("canary-pending");
    world.run(&["apply"]).ends_with(0);
    for name in ["adatum", "contoso", "fabrikam"] {
        assert_eq!(world.events(name), ["intended", "applied", "confirmed"]);
        assert_eq!(world.uploads_of(name, Kind::Vpp), 1);
    }
    // The first was confirmed before the others were announced.
    let lowest = ["adatum", "contoso", "fabrikam"].map(|name| tenant_id(name).to_string());
    let lowest = lowest.iter().min().unwrap();
    let files = |commit: &str| world.git(&["ls-tree", "-r", "--name-only", commit]);
    let commits = world.git(&["rev-list", "--reverse", "applecart/ledger"]);
    let alone: Vec<&str> =
        commits.lines().filter(|commit| files(commit).matches(".jsonl").count() == 1).collect();
    assert_eq!(alone.len(), 3, "intended, applied and confirmed of one tenant");
    assert!(files(alone[0]).contains(lowest.as_str()));
}

#[test]
fn a_wrong_encoding_costs_two_tenants_and_is_corrected_in_the_policy() {
    let world = World::new();
    let names = ["adatum", "contoso", "fabrikam"];
    for name in names {
        world.renewal_of(name, Kind::Vpp);
        world.switch(name, |switches| {
            switches.vpp_encoding = applecart_simulator::VppEncoding::Base64;
        });
    }
    let sent = || names.iter().map(|name| world.events(name).len()).filter(|len| *len > 0).count();
    world.run(&["apply"]).ends_with(3).says("canary-pending").says("Look at that refusal");
    assert_eq!(sent(), 1);
    world.run(&["apply"]).ends_with(4).says("canary-pending").says("after");
    assert_eq!(sent(), 1, "the second customer's file waits until a person could look");
    let settled = "ledger: {settle: 1s}\n";
    world.write("applecart.yaml", &world.policy(settled));
    world.commit("Wait no longer");
    std::thread::sleep(std::time::Duration::from_secs(1));
    world.run(&["apply"]).ends_with(3).says("canary-failed").says("change `wire`");
    assert_eq!(sent(), 2);
    world.run(&["apply"]).ends_with(3).says("canary-failed");
    assert_eq!(sent(), 2, "nothing more is sent in the encoding that failed");
    world.write("applecart.yaml", &world.policy("wire: {vppToken: base64}\n"));
    world.commit("Another encoding");
    // The tokens that failed stay held; the other goes.
    world.run(&["apply"]).ends_with(4).says("uploaded").says("rejected");
    assert_eq!(sent(), 3);
}

#[test]
fn a_setting_that_intune_changes_by_itself_is_told() {
    let world = World::new();
    world.renewal_of("contoso", Kind::Vpp);
    // Between the plan and the write nothing moves; the write itself moves a setting.
    let rule = FaultRule::always(Fault::Latency { milliseconds: 1500 })
        .for_tenant(tenant_id("contoso"))
        .on_method("POST")
        .on("*/syncLicenses");
    world.state().add_fault(rule);
    let child = world.spawn(&["apply"]);
    crate::world::eventually("the upload landed", || world.uploads_of("contoso", Kind::Vpp) == 1);
    world.change("contoso", |tenant| tenant.vpp_tokens[0].country_or_region = "fr".to_owned());
    let output = child.wait_with_output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let flat = text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert_eq!(output.status.code(), Some(3), "{text}");
    assert!(flat.contains("Intune changed countryOrRegion from us to fr"), "{text}");
}

#[test]
fn a_second_administrators_approval_is_told_apart_from_a_refusal() {
    let world = World::new();
    world.renewal_of("contoso", Kind::Vpp);
    world.switch("contoso", |switches| {
        switches.approval = Some(applecart_simulator::ApprovalPolicy::Seen);
    });
    world.run(&["apply"]).ends_with(3).says("approval required").says("second administrator");
    world.run(&["plan"]).ends_with(0).says("retry-after").says("approval required");
    world.run(&["plan", "--detailed-exitcode"]).ends_with(2).says("waits to be tried again");
    world.switch("contoso", |switches| switches.approval = None);
    world.run(&["apply"]).ends_with(3).says("retry-after").says("--retry");
    world.run(&["apply", "--retry"]).ends_with(0).says("uploaded");
}

#[test]
fn a_vpp_token_that_was_deleted_is_made_again_once_and_its_old_id_gives_way() {
    let world = World::new();
    world.live_of_all_kinds("contoso");
    let file = world.vpp_file("London", 364);
    let sha256 = Sha256::of(file.text.as_bytes());
    let allow = format!(
        "    allow: [{{hold: vanished, from: absent, to: {sha256}, reason: agreed, until: {}}}]\n",
        in_days(30).format("%F")
    );
    let entry = |more: &str| {
        let head = "consent: {dataSharing: true}\n";
        world.tokens("contoso").head(head).vpp("London", Some("vpp-contoso"), &file, more).commit();
    };
    entry("");
    world.run(&["apply"]).ends_with(0).says("uploaded");
    // The notes have a chain of their own, and say nothing of what another run has sent since.
    world.run(&["acknowledge", "contoso"]).ends_with(0);
    world.change("contoso", |tenant| tenant.vpp_tokens.clear());
    entry(&allow);
    world.run(&["apply"]).ends_with(4).says("create-not-permitted").says("create: true");
    entry(&format!("    create: true\n{allow}"));
    world.run(&["status", "--fail-on", "urgent"]).ends_with(9).says("missing, 1 token");
    world.run(&["apply"]).ends_with(0).says("created");
    for hours in [0, 2, 4] {
        let now = Timestamp::new(Utc::now() + Duration::hours(hours)).to_string();
        world.run(&["apply", "--now", &now]).ends_with(0).says("nothing to upload");
        let tenant = world.state().tenant(tenant_id("contoso")).unwrap();
        assert_eq!(tenant.vpp_tokens.len(), 1, "after {hours} hours");
    }
    world.run(&["plan"]).ends_with(0).says("facts-differ").says("import --update contoso");
    let made = world.state().tenant(tenant_id("contoso")).unwrap().vpp_tokens[0].id.clone();
    world.run(&["import", "--update", "contoso"]).ends_with(0);
    let file = std::fs::read_to_string(world.repo().join("tenants/contoso/tenant.yaml")).unwrap();
    assert!(file.contains(&format!("id: {made}")), "{file}");
}

#[test]
fn an_id_that_is_gone_is_ended_by_what_its_hold_says() {
    let world = World::new();
    world.live_of_all_kinds("contoso");
    let watched = format!(
        "apiVersion: applecart/v1\nkind: Tenant\nname: contoso\ntenantId: {}\nwatch: [vpp]\nvpp:\n  - name: London\n    id: vpp-contoso\n",
        tenant_id("contoso")
    );
    world.write("tenants/contoso/tenant.yaml", &watched);
    world.commit("watch");
    world.run(&["apply"]).ends_with(0);
    world.change("contoso", |tenant| tenant.vpp_tokens.clear());
    let file = world.vpp_file("London", 364);
    let entry = |id: Option<&str>, more: &str| {
        let head = "consent: {dataSharing: true}\n";
        world.tokens("contoso").head(head).vpp("London", id, &file, more).commit();
    };
    entry(Some("vpp-contoso"), "");
    world.run(&["apply"]).ends_with(4).says("id-gone").says("remove `id` and write `create: true`");
    entry(None, "");
    world.run(&["apply"]).ends_with(4).says("id-gone").says("write `create: true`");
    entry(None, "    create: true\n");
    world.run(&["apply"]).ends_with(0).says("created");
    world.run(&["plan", "--detailed-exitcode"]).ends_with(0).says("nothing to upload");
}

#[test]
fn an_enrollment_token_that_was_deleted_stops_nobody_else() {
    let world = World::new();
    world.renewal_of("contoso", Kind::Enrollment);
    world.run(&["apply"]).ends_with(0);
    let file = std::fs::read_to_string(world.repo().join("tenants/contoso/tenant.yaml")).unwrap();
    let sha256 = file.lines().find_map(|line| line.trim().strip_prefix("sha256: ")).unwrap();
    world.change("contoso", |tenant| tenant.dep_onboarding_settings.clear());
    world.run(&["plan"]).says("vanished").says("creates enrollment tokens only in its portal");
    let allow = format!(
        "{file}    allow: [{{hold: vanished, from: absent, to: {sha256}, reason: agreed, until: {}}}]\n",
        in_days(30).format("%F")
    );
    world.write("tenants/contoso/tenant.yaml", &allow);
    world.commit("allow");
    world.renewal_of("fabrikam", Kind::Push);
    world.run(&["status", "--fail-on", "urgent"]).ends_with(9).says("create-in-portal");
    world.run(&["apply"]).ends_with(4).says("create-in-portal");
    assert_eq!(world.uploads_of("fabrikam", Kind::Push), 1);
}
