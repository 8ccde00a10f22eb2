//! Whoever may push the notes can break a customer's file and write what they like into it. That costs
//! this customer and is told; no other customer's messages depend on it.

use applecart_core::model::TenantId;
use serde_json::{Value, json};

use super::*;
use crate::world::forge::{NOTES, User};

/// Two customers with a critical certificate each, told of; then `fabrikam` gets worse.
fn told_of_two() -> Told {
    let told = Told::new();
    told.customer("contoso", 10);
    told.customer("fabrikam", 10);
    told.clone("first").run(&["notify"]).ends_with(0);
    assert_eq!(told.told(), ["raised contoso critical", "raised fabrikam critical"]);
    let expired = told.world().issue(None, -1);
    told.world().live("fabrikam", Some(&expired));
    told.world().tenant("fabrikam", &expired);
    told.publish();
    told
}

fn garbage() -> Value {
    json!({"event": "garbage"})
}

#[test]
fn a_broken_line_costs_its_own_customer_and_is_told() {
    let told = told_of_two();
    told.hub.append(User::Technician, NOTES, "contoso", &[garbage()]);
    let one = told.clone("one");
    one.run(&["notify"]).ends_with(3);
    let sent = told.told();
    assert!(sent.contains(&"raised fleet notes-unknown".to_owned()), "{sent:?}");
    assert!(sent.contains(&"raised fabrikam expired".to_owned()), "{sent:?}");
    assert!(!sent.iter().any(|one| one.contains("contoso")), "{sent:?}");
    one.run(&["notify"]).ends_with(3).says("0 messages sent");
    let status = one.run(&["status", "--fail-on", "notes-unknown"]).ends_with(3);
    status.says("no sink is told anything of contoso").says("applecart ledger verify");
}

#[test]
fn a_broken_line_among_those_of_the_fleet_keeps_no_customer_from_being_told() {
    let told = told_of_two();
    told.hub.append_to(User::Technician, NOTES, TenantId::FLEET, &[garbage()]);
    let one = told.clone("one");
    one.run(&["notify"]);
    let sent = told.told();
    assert!(sent.contains(&"raised fabrikam expired".to_owned()), "{sent:?}");
    assert!(sent.contains(&"raised fleet notes-unknown".to_owned()), "{sent:?}");
    one.run(&["notify"]);
    assert_eq!(told.told(), [""; 0], "once a day");
}

#[test]
fn a_line_about_another_customers_matter_ends_nothing_and_is_told() {
    let told = Told::new();
    told.customer("contoso", 10);
    told.customer("fabrikam", 200);
    told.clone("first").run(&["notify"]).ends_with(0);
    told.recorder.take();
    let mut line = told.hub.notes("contoso").pop().unwrap();
    line["name"] = json!("fabrikam");
    told.hub.append(User::Technician, NOTES, "fabrikam", &[line.clone()]);
    // Two files that begin with one line are both broken.
    line["run"] = line["clone"].clone();
    told.hub.append_to(User::Technician, NOTES, TenantId::FLEET, &[line]);
    let one = told.clone("one");
    for _ in 0..2 {
        one.run(&["notify"]);
    }
    let sent = told.told();
    assert_eq!(
        sent,
        ["raised fabrikam ledger-line-broken", "raised fleet ledger-line-broken"],
        "{}",
        one.run(&["status"]).stdout
    );
    one.run(&["status"]).says("tells of a matter that is not its tenant's");
}

#[test]
fn what_the_notes_tell_of_a_tenant_that_the_fleet_never_had_is_sent_to_nobody_and_is_told() {
    let told = Told::new();
    told.customer("contoso", 10);
    told.clone("first").run(&["notify"]).ends_with(0);
    told.recorder.take();
    let stranger: TenantId = "99999999-9999-4999-8999-999999999999".parse().unwrap();
    let own = told.hub.notes("contoso").pop().unwrap().to_string();
    let id = own.split("\"key\":\"").nth(1).and_then(|rest| rest.split('/').next()).unwrap();
    let line = serde_json::from_str(&own.replace(id, &stranger.to_string())).unwrap();
    told.hub.append_to(User::Technician, NOTES, stranger, &[line]);
    let one = told.clone("one");
    for _ in 0..2 {
        one.run(&["notify"]);
    }
    let sent = told.told();
    assert_eq!(sent, ["raised fleet ledger-line-broken"], "once, as the fleet's own");
    one.run(&["status"]).says("tells of a tenant that the fleet never had");
}
