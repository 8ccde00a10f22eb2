//! What customers are written, and by which name they are called.

use super::*;
use crate::fleet::Email;

/// A sink that writes to whom the customer names.
fn to_contacts() -> Receiver {
    Receiver::Email(Email {
        host: "smtp.msp.example".into(),
        port: 587,
        tls: Default::default(),
        from: "a@msp.example".into(),
        to: Vec::new(),
        reply_to: None,
        contacts: true,
    })
}

#[test]
fn a_message_calls_a_customer_what_the_fleet_calls_it_whatever_the_notes_say() {
    let mut scene = Scene::new();
    let mut other = scene.world.tenant.clone();
    other.name = "fabrikam".parse().unwrap();
    other.tenant_id = "99999999-9999-4999-8999-999999999999".parse().unwrap();
    let mut forged = scene.matter(Cause::Expired);
    let own = forged.tenant.clone().unwrap();
    forged.tenant = Some(MatterTenant { name: "fabrikam".into(), ..own.clone() });
    scene.matters.push(forged);
    scene.run();
    scene.matters.clear();
    let named = |scene: &Scene| {
        let plan = scene.plan();
        let due = due(&scene.input(&plan, "run"), &scene.sinks[0]);
        let message = &due[0].message;
        let matter = message.told()[0].matter.tenant.clone().unwrap().name;
        [message.customer().unwrap().name.clone(), matter]
    };
    scene.fleet.push(Desired::Valid(other.clone()));
    assert_eq!(named(&scene), ["contoso", "contoso"]);
    scene.fleet = vec![Desired::Valid(other)];
    let id = own.tenant_id.unwrap().to_string();
    assert_eq!(named(&scene), [id.clone(), id], "the name is another customer's");
}

#[test]
fn customers_hear_of_their_own_devices_and_of_nothing_else() {
    let mut scene = Scene::new();
    scene.sinks[0].codes = Codes::All;
    scene.sinks[0].receiver = to_contacts();
    scene.raise(Cause::Expired);
    scene.raise(Cause::LedgerLineBroken);
    let mut fleet = scene.matter(Cause::LedgerMoved);
    (fleet.key, fleet.tenant, fleet.token) = ("fleet/-/-/ledger-moved/-".into(), None, None);
    scene.matters.push(fleet);
    assert_eq!(scene.run(), NOTHING, "without contacts there is nobody to write to");
    scene.world.tenant.contacts = vec!["it@contoso.example".into()];
    scene.fleet = vec![Desired::Valid(scene.world.tenant.clone())];
    assert_eq!(scene.run(), ["hub: raised-1 expired"]);
}

/// A scene whose one sink writes to the customer, who is to be told that the push certificate expires.
fn of_customer() -> Scene {
    let mut scene = Scene::new();
    scene.sinks[0].receiver = to_contacts();
    scene.world.tenant.contacts = vec!["it@contoso.example".into()];
    scene.fleet = vec![Desired::Valid(scene.world.tenant.clone())];
    let expires = scene.plan().tenants[0].tokens[0].state.expires;
    scene.raise(Cause::Critical);
    scene.matters[0].due = expires;
    scene
}

/// The same after the customer was told.
fn told_customer() -> Scene {
    let mut scene = of_customer();
    assert_eq!(scene.run(), ["hub: raised-1 critical"]);
    scene.matters.clear();
    scene
}

#[test]
fn what_nobody_is_left_to_be_told_is_given_up_once_and_told_anew_to_who_comes_back() {
    let mut scene = of_customer();
    scene.down = vec!["hub"];
    assert_eq!(scene.run(), NOTHING);
    let (fleet, matters) = (scene.fleet.clone(), scene.matters.clone());
    scene.fleet.clear();
    scene.matters.clear();
    scene.down.clear();
    assert_eq!(scene.run(), ["hub: dropped raised-1 critical"]);
    assert_eq!(scene.run(), NOTHING);
    assert_eq!(memory::failing_since(&scene.told, "hub", |_, _| true), None);
    (scene.fleet, scene.matters) = (fleet, matters);
    assert_eq!(scene.run(), ["hub: raised-1 critical"]);
    assert_eq!(scene.run(), NOTHING);
}

#[test]
fn a_customer_is_told_of_a_renewal_only_where_intune_has_a_later_date() {
    let mut scene = told_customer();
    assert_eq!(scene.run(), NOTHING, "the settings call the same date calm");
    scene.world.live.push = Reading::Absent;
    assert_eq!(scene.run(), NOTHING, "it was deleted");
    scene.read_again();
    if let Reading::Present(push) = &mut scene.world.live.push {
        push.expires = push.expires.plus(Duration::days(365));
        push.topic = OTHER_TOPIC.parse().unwrap();
    }
    assert_eq!(scene.run(), NOTHING, "it is another topic's, and no device answers");
    let later = World::equal().live.push;
    if let (Reading::Present(push), Reading::Present(equal)) = (&mut scene.world.live.push, later) {
        push.topic = equal.topic;
    }
    assert_eq!(scene.run(), ["hub: resolved-1 critical"]);
    assert_eq!(scene.run(), NOTHING);
}

#[test]
fn who_is_no_customer_any_more_is_written_no_letter() {
    let mut scene = told_customer();
    scene.fleet.clear();
    assert_eq!(scene.run(), NOTHING);
}

#[test]
fn a_token_that_was_deleted_was_not_renewed() {
    let mut scene = Scene::new();
    scene.raise(Cause::Critical);
    scene.run();
    scene.matters.clear();
    scene.raise(Cause::Missing);
    scene.world.live.push = Reading::Absent;
    assert_eq!(scene.run(), ["hub: raised-1 missing"]);
    scene.matters.clear();
    scene.read_again();
    assert_eq!(scene.run(), ["hub: resolved-1 critical", "hub: resolved-1 missing"]);
}

#[test]
fn two_folders_with_one_tenant_id_have_no_contacts_that_anybody_could_trust() {
    let mut scene = Scene::new();
    scene.world.tenant.contacts = vec!["it@contoso.example".into()];
    let mut twin = scene.world.tenant.clone();
    twin.name = "fabrikam".parse().unwrap();
    twin.contacts = vec!["it@fabrikam.example".into()];
    scene.fleet = vec![Desired::Valid(scene.world.tenant.clone()), Desired::Valid(twin)];
    scene.raise(Cause::Expired);
    let plan = scene.plan();
    let input = scene.input(&plan, "run");
    let deliveries = due(&input, &scene.sinks[0]);
    assert!(deliveries[0].message.customer().unwrap().contacts.is_empty());
}

#[test]
fn what_was_told_of_a_customer_under_a_former_name_ends_where_it_is_known_by_that_name() {
    let mut scene = Scene::new();
    scene.raise(Cause::Expired);
    scene.run();
    let told = |scene: &Scene| {
        let plan = scene.plan();
        let messages = standing(&scene.input(&plan, "run"), &scene.sinks[0]);
        let said = messages.iter().map(|message| {
            let name = message.customer().unwrap().name.clone();
            format!("{name} {}", message.told()[0].step)
        });
        said.collect::<Vec<_>>()
    };
    assert_eq!(told(&scene), ["contoso raised-1"]);
    scene.world.tenant.name = "contoso-uk".parse().unwrap();
    scene.fleet = vec![Desired::Valid(scene.world.tenant.clone())];
    scene.matters.clear();
    scene.raise(Cause::Expired);
    assert_eq!(scene.run(), NOTHING, "it is the same matter");
    assert_eq!(told(&scene), ["contoso resolved-1", "contoso-uk raised-1"]);
}
