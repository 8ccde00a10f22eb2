//! Downloads that must not become a renewal: each is refused with the consequence and the way out,
//! and leaves nothing behind.

use applecart_simulator::{Fault, FaultRule, PushRequest, SubjectKey, VppRequest};

use super::*;
use crate::world::in_days;

/// Runs the renewal, which must be refused and leave everything as it was; gives the message
/// without what differs from run to run.
#[track_caller]
fn refusal(hub: &Hub, clone: &Clone<'_>, token: &str, file: &Path) -> String {
    let before = state(hub, clone);
    let asked = run(clone, &["renew", token, "--file", text(file), "--push"]).ends_with(4);
    assert_eq!(state(hub, clone), before, "nothing was written");
    let message = asked.stderr.lines().skip_while(|line| !line.starts_with("error"));
    message.collect::<Vec<_>>().join("\n")
}

fn shown(message: &str) -> insta::internals::SettingsBindDropGuard {
    assert!(!message.contains("BEGIN"), "{message}");
    let mut settings = insta::Settings::clone_current();
    settings.add_filter(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", "DATE");
    settings.add_filter(
        r"com\.apple\.mgmt\.External\.[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}",
        "TOPIC",
    );
    settings.add_filter(r"--file \S+", "--file FILE");
    settings.set_prepend_module_to_snapshot(false);
    settings.bind_to_scope()
}

macro_rules! message {
    ($message:expr, @$snapshot:literal) => {
        let message = $message;
        let _guard = shown(&message);
        insta::assert_snapshot!(message, @$snapshot);
    };
}

#[test]
fn a_created_certificate_instead_of_a_renewed_one() {
    let hub = hub(&["contoso"]);
    let clone = admin(&hub, "admin");
    renewed(&hub, &clone, "contoso");
    let request = std::fs::read_to_string(hub.world.path("IntuneCSR-contoso.csr")).unwrap();
    let created = hub.world.simulator().apple().create(&request, Utc::now()).unwrap();
    let file = download(&hub.world, "created.pem", &created.pem);
    message!(refusal(&hub, &clone, "contoso/push", &file), @r#"error: nothing was written: topic-change"#);
}

#[test]
fn a_certificate_over_another_key() {
    let hub = hub(&["contoso"]);
    let clone = admin(&hub, "admin");
    renewed(&hub, &clone, "contoso");
    let other = hub.world.simulator().apple().issue(&PushRequest {
        topic: Some(topic(&hub.world, "contoso")),
        key: SubjectKey::Fresh,
        ..PushRequest::new(Utc::now())
    });
    let file = download(&hub.world, "other-key.pem", &other.unwrap().pem);
    message!(refusal(&hub, &clone, "contoso/push", &file), @r#"error: nothing was written: key-mismatch"#);
}

#[test]
fn another_organisation() {
    let hub = hub(&["contoso"]);
    let clone = admin(&hub, "admin");
    let text = hub.world.simulator().apple().vpp_token(&VppRequest {
        organization: "Fabrikam GmbH".to_owned(),
        location: "London".to_owned(),
        expires: in_days(300),
    });
    let file = download(&hub.world, "sToken.vpptoken", &text);
    message!(refusal(&hub, &clone, "contoso/London", &file), @r#"error: nothing was written: organization-differs"#);
}

#[test]
fn an_older_one_and_the_live_one_itself() {
    let hub = hub(&["contoso"]);
    let clone = admin(&hub, "admin");
    let older = hub.world.issue(Some(&topic(&hub.world, "contoso")), 5);
    let older = download(&hub.world, "older.pem", &older.pem);
    message!(refusal(&hub, &clone, "contoso/push", &older), @r#"error: nothing was written: older-than-live"#);

    let live = hub.world.issue(Some(&topic(&hub.world, "contoso")), 30);
    hub.world
        .state()
        .set_push(tenant_id("contoso"), Some(crate::world::pushed("contoso", &live)))
        .unwrap();
    let live = download(&hub.world, "live.pem", &live.pem);
    message!(refusal(&hub, &clone, "contoso/push", &live), @r#"error: nothing was written: same-as-live"#);
}

#[test]
fn another_tenants_certificate() {
    let hub = hub(&["contoso", "fabrikam"]);
    let clone = admin(&hub, "admin");
    let (file, _) = renewed(&hub, &clone, "fabrikam");
    message!(refusal(&hub, &clone, "contoso/push", &file), @r#"error: nothing was written: wrong-tenant, topic-change, wrong-destination
  next: Use the file for the tenant that it is for:
    applecart renew fabrikam --file FILE"#);
}

#[test]
fn another_tenants_enrollment_token() {
    let hub = hub(&["contoso", "fabrikam"]);
    let clone = admin(&hub, "admin");
    let file = enrollment(&hub, "fabrikam");
    message!(refusal(&hub, &clone, "contoso/ABM", &file), @r#"error: nothing was written: recipient-mismatch"#);
}

#[test]
fn another_slot() {
    let hub = hub(&["contoso"]);
    let clone = admin(&hub, "admin");
    let file = enrollment(&hub, "contoso");
    message!(refusal(&hub, &clone, "contoso/London", &file), @r#"error: nothing was written: wrong-kind"#);
}

#[test]
fn an_expired_one() {
    let hub = hub(&["contoso"]);
    let clone = admin(&hub, "admin");
    let expired = hub.world.issue(Some(&topic(&hub.world, "contoso")), -1);
    let file = download(&hub.world, "expired.pem", &expired.pem);
    message!(refusal(&hub, &clone, "contoso/push", &file), @r#"error: nothing was written: expired, older-than-live"#);
}

#[test]
fn something_else_entirely() {
    let hub = hub(&["contoso"]);
    let clone = admin(&hub, "admin");
    let file = download(&hub.world, "page.html", "<html>Sign in</html>");
    message!(refusal(&hub, &clone, "contoso/push", &file), @r#"error: nothing was written: wrong-kind"#);
}

#[test]
fn the_signing_request_itself() {
    let hub = hub(&["contoso"]);
    let clone = admin(&hub, "admin");
    renewed(&hub, &clone, "contoso");
    let file = hub.world.path("IntuneCSR-contoso.csr");
    message!(refusal(&hub, &clone, "contoso/push", &file), @"error: nothing was written: wrong-kind");
}

#[test]
fn an_enrollment_token_of_unknown_age() {
    let hub = hub(&["contoso"]);
    let clone = admin(&hub, "admin");
    let file = download(&hub.world, "renamed.p7m", &hub.world.enrollment_file("contoso"));
    message!(refusal(&hub, &clone, "contoso/ABM", &file), @"error: nothing was written: age-unknown");
    let now = Timestamp::new(Utc::now()).to_string();
    let arguments = ["renew", "contoso/ABM", "--file", text(&file), "--downloaded", &now];
    run(&clone, &arguments).ends_with(0).says(&format!("device sync is down since {now}"));
}

#[test]
fn a_first_vpp_token_is_no_renewal() {
    let hub = hub(&["contoso"]);
    let clone = admin(&hub, "admin");
    let file = download(&hub.world, "sToken.vpptoken", &hub.world.vpp_file("London", 364).text);
    hub.world.change("contoso", |tenant| tenant.vpp_tokens.clear());
    message!(refusal(&hub, &clone, "contoso/London", &file), @r#"error: nothing was written: not-live"#);
}

#[test]
fn a_certificate_that_was_deleted_in_intune_comes_back_with_the_topic_that_devices_know() {
    let hub = hub(&["contoso"]);
    let clone = admin(&hub, "admin");
    let (file, _) = renewed(&hub, &clone, "contoso");
    hub.world.state().set_push(tenant_id("contoso"), None).unwrap();
    // It answers a request of before the loss, and Intune may have lost the key with it.
    run(&clone, &["renew", "contoso/push", "--file", text(&file)])
        .ends_with(4)
        .says("key-mismatch")
        .says("applecart renew contoso/push --restore");
    // The command of the message: Intune still asks for the same key.
    let out = text(&hub.world.path("")).to_owned();
    run(&clone, &["renew", "contoso/push", "--restore", "--out", &out]).ends_with(0);
    run(&clone, &["renew", "contoso/push", "--restore", "--file", text(&file)])
        .ends_with(0)
        .says("Bring back the push certificate of contoso until")
        .says("the topic is the one that devices know");
}

#[test]
fn the_earlier_certificate_is_not_called_merged_once_intune_lost_it_and_its_file_stays() {
    let hub = hub(&["contoso"]);
    let clone = admin(&hub, "admin");
    let (file, _) = super::account::applied(&hub, &clone);
    let bring = ["renew", "contoso/push", "--file", text(&file), "--remove-download"];
    hub.world.state().set_push(tenant_id("contoso"), None).unwrap();
    run(&clone, &bring)
        .ends_with(4)
        .says("vanished")
        .says("applecart renew contoso/push --restore");
    assert!(file.exists());
    run(&clone, &["seal", text(&file), "contoso"]).ends_with(4).says("vanished");
}

#[test]
fn a_folder_that_belongs_to_another_tenant_is_told_before_the_download_and_refused_after_it() {
    let hub = hub(&["contoso", "fabrikam"]);
    let clone = admin(&hub, "admin");
    // The folders are exchanged, each with its own `tenantId`.
    for (from, to) in [("contoso", "x"), ("fabrikam", "contoso"), ("x", "fabrikam")] {
        clone.git(&["mv", &format!("tenants/{from}"), &format!("tenants/{to}")]);
    }
    for (name, earlier) in [("contoso", "fabrikam"), ("fabrikam", "contoso")] {
        let file = clone.folder.join(format!("tenants/{name}/tenant.yaml"));
        let text = std::fs::read_to_string(&file).unwrap();
        let text = text.replace(&format!("name: {earlier}\n"), &format!("name: {name}\n"));
        std::fs::write(&file, text).unwrap();
    }
    clone.git(&["commit", "--quiet", "--all", "--message", "Exchange two folders"]);
    clone.git(&["push", "--quiet", "origin", "HEAD:main"]);
    run(&clone, &["status", "--fail-on", "urgent"]).ends_with(9).says("wrong-destination");
    run(&clone, &["plan", "--detailed-exitcode"]).ends_with(2).says("moves: [{of: \"folder:");
    run(&clone, &["renew", "contoso/ABM"])
        .ends_with(4)
        .says("Download no new file before this is settled");
    let file = enrollment(&hub, "fabrikam");
    run(&clone, &["renew", "contoso/ABM", "--file", text(&file)])
        .ends_with(4)
        .says("wrong-destination");
}

#[test]
fn a_token_whose_id_is_gone_is_not_another_one_of_its_name() {
    let hub = hub(&["contoso"]);
    let clone = admin(&hub, "admin");
    let file = download(&hub.world, "sToken.vpptoken", &hub.world.vpp_file("London", 364).text);
    // Removed and made anew in the portal: `apply` would hold it (id-gone).
    hub.world.change("contoso", |tenant| tenant.vpp_tokens[0].id = "made-anew".to_owned());
    let message = refusal(&hub, &clone, "contoso/London", &file);
    assert!(message.contains("not-live"), "{message}");
    run(&clone, &["renew", "contoso/London", "--file", text(&file)])
        .ends_with(4)
        .says("correct `id`");
    run(&clone, &["renew", "contoso/London"])
        .ends_with(64)
        .says("Intune does not have contoso/London");
    // Graph's ids are the same in capitals.
    hub.world.change("contoso", |tenant| tenant.vpp_tokens[0].id = "VPP-Contoso".to_owned());
    run(&clone, &["renew", "contoso/London", "--file", text(&file)]).ends_with(0);
}

#[test]
fn a_refusal_is_machine_readable_too() {
    let hub = hub(&["contoso"]);
    let clone = admin(&hub, "admin");
    let expired = hub.world.issue(Some(&topic(&hub.world, "contoso")), -1);
    let file = download(&hub.world, "expired.pem", &expired.pem);
    let arguments = ["renew", "contoso/push", "--file", text(&file), "--format", "json"];
    let json = run(&clone, &arguments).ends_with(4).json();
    assert_eq!(json["renewals"][0]["status"], "refused");
    let reasons = json["renewals"][0]["reasons"].as_array().unwrap();
    assert!(reasons[0].as_str().unwrap().starts_with("expired: "), "{reasons:?}");
}

#[test]
fn what_cannot_be_read_is_not_taken_for_right() {
    let hub = hub(&["contoso"]);
    let clone = admin(&hub, "admin");
    let (file, _) = renewed(&hub, &clone, "contoso");
    let arguments = ["renew", "contoso/push", "--file", text(&file), "--push"];
    let before = state(&hub, &clone);
    hub.world
        .state()
        .add_fault(FaultRule::always(Fault::status(403)).for_tenant(tenant_id("contoso")));
    run(&clone, &arguments)
        .ends_with(3)
        .says("the file was not checked, because Intune of contoso could not be read");
    hub.world.state().clear_faults();
    assert_eq!(state(&hub, &clone), before);
    // The ledger alone knows whose key it has to be.
    hub.git(&["update-ref", "-d", "refs/heads/applecart/ledger"]);
    run(&clone, &arguments).ends_with(3).says("ledger-unknown");
    assert!(clone.git(&["for-each-ref", "refs/heads/renew"]).is_empty());
}
