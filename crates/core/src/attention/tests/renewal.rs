//! How a renewal goes on, from where it stands.

use super::*;

#[test]
fn a_token_whose_new_file_is_in_git_is_never_renewed_again() {
    for expires in ["2026-12-20T10:00:00Z", "2026-11-25T10:00:00Z", "2026-11-20T10:00:00Z"] {
        let mut world = renewed(expires);
        let due = world.plan();
        assert_eq!(due.tenants[0].tokens[0].action, Action::Upload);
        // What is planned is not what is in force: a pull request, or an older checkout.
        let proposed = Plan { policy_rev: Some("another".to_owned()), ..due.clone() };
        world.entry().facts.topic = Some(OTHER_TOPIC.parse().unwrap());
        let held = world.plan();
        assert_eq!(held.tenants[0].tokens[0].action, Action::Hold);
        for (plan, command, next) in [
            (&due, "applecart apply --select contoso", "The new file is reviewed and merged, and"),
            (
                &proposed,
                "applecart apply --select contoso",
                "The new file is in Git, not uploaded yet. Once it is reviewed and merged",
            ),
            (
                &held,
                "applecart plan --select contoso",
                "The new file is in Git, but it is held (topic-change).",
            ),
        ] {
            let attention = attention_of(&world, plan);
            let expiry =
                |one: &&Matter| ["expired", "critical", "renewal-due"].contains(&one.code.as_str());
            let matter = attention.matters.iter().find(expiry).unwrap();
            assert_eq!(matter.command.as_deref(), Some(command));
            assert!(matter.next.starts_with(next), "{}", matter.next);
            let all = |one: &Matter| one.command_for_all.clone().unwrap_or_default();
            assert!(attention.matters.iter().all(|one| !all(one).contains("renew")));
            for text in [
                report::plan_human(plan, &attention, false, 100),
                report::plan_markdown(plan, &attention, 60_000),
                report::plan_summary(plan, &attention),
            ] {
                assert!(!text.contains("applecart renew"), "{text}");
                assert!(!text.contains("expires within") && !text.contains("1 token expired"));
            }
        }
    }
}

#[test]
fn a_renewal_for_all_does_not_count_those_in_the_plan() {
    let mut fleet = every_cause();
    fleet.plan.tenants.clear();
    fleet.git.clear();
    for _ in 0..4 {
        fleet.add(Cause::Critical);
    }
    let token = &mut fleet.plan.tenants[0].tokens[0];
    token.action = Action::Upload;
    token.state.sync = Sync::OutOfSync;
    let text = report::plan_human(&fleet.plan, &fleet.list(), false, 100);
    let text = anstream::adapter::strip_str(&text).to_string();
    assert!(text.contains("critical, 1 token with the new file in Git: tenant-10 push"), "{text}");
    assert!(
        text.contains("critical, 3 tokens: tenant-11 push, tenant-12 push, tenant-13 push"),
        "{text}"
    );
    assert!(text.contains("3 tokens expire within"), "{text}");
}

#[test]
fn a_file_that_no_reading_showed_yet_is_not_renewed() {
    let mut world = renewed("2026-11-25T10:00:00Z");
    let mut plan = world.plan();
    let token = &mut plan.tenants[0].tokens[0];
    token.action = Action::None;
    for sync in [Sync::Progressing, Sync::Unobserved] {
        plan.tenants[0].tokens[0].state.sync = sync;
        let matters = attention_of(&world, &plan).matters;
        let critical = matters.iter().find(|one| one.code.as_str() == "critical").unwrap();
        assert_eq!(critical.command.as_deref(), Some("applecart plan --select contoso"), "{sync}");
    }
    // The ledger has it as confirmed: it is the one that expires.
    world.recorded(Event::Confirmed, "AA", "run-1", "2026-10-01T11:00:00Z");
    let matters = attention_of(&world, &plan).matters;
    let critical = matters.iter().find(|one| one.code.as_str() == "critical").unwrap();
    assert_eq!(critical.command.as_deref(), Some("applecart renew contoso/push"));
}

#[test]
fn a_command_for_all_keeps_the_selection_and_the_safety_limit() {
    let mut fleet = Fleet::empty();
    for _ in 0..3 {
        fleet.add(Cause::OutOfSync);
    }
    for tenant in &mut fleet.plan.tenants {
        tenant.tokens[0].action = Action::Upload;
    }
    fleet.plan.selection.select.clear();
    let for_all = |fleet: &Fleet| fleet.list().matters[0].command_for_all.clone();
    assert_eq!(for_all(&fleet).as_deref(), Some("applecart apply"));
    fleet.plan.selection.select = vec!["ring=pilot".into(), "name~a b".into()];
    assert_eq!(
        for_all(&fleet).as_deref(),
        Some("applecart apply --select ring=pilot --select \"name~a b\"")
    );
    // Of three tenants in ten, apply would refuse more than the policy's share.
    while fleet.git.len() < 11 {
        fleet.add(Cause::OutOfSync);
        fleet.plan.tenants.last_mut().unwrap().tokens[0].action = Action::Upload;
    }
    assert_eq!(for_all(&fleet), None);
}

/// The base has a new enrollment file, and the planned revision is as it was before that.
fn merged_elsewhere() -> World {
    let mut world = World::enrollment();
    world.entry().file = None;
    let mut newer = world.tenant.clone();
    let renewed = World::enrollment_renewal().entry().clone();
    newer.enrollment[0].file = renewed.file.clone();
    newer.enrollment[0].file.as_mut().unwrap().sha256 = Sha256::of(b"BB");
    newer.enrollment[0].downloaded = Some(at("2026-11-22T10:00:00Z"));
    world.base = Some(BaseWorld {
        tenants: vec![Desired::Valid(newer)],
        fork: Some(vec![Desired::Valid(world.tenant.clone())]),
        behind: ["contoso".to_owned()].into(),
        ..BaseWorld::default()
    });
    world
}

#[test]
fn a_clone_that_is_behind_is_not_calm_about_what_was_merged_since() {
    let mut world = merged_elsewhere();
    let listed = attention_of(&world, &world.plan());
    let told = codes(&listed.matters);
    assert!(told.contains(&"tenant-outdated") && told.contains(&"device-sync-down"), "{told:?}");
    assert!(!told.contains(&"file-withdrawn"), "this revision withdraws nothing: {told:?}");
    assert!(listed.is_critical());
    let down = listed.matters.iter().find(|one| one.code.as_str() == "device-sync-down").unwrap();
    assert!(down.next.contains("Do not download another one"), "{down:?}");
    let report = report::ApplyReport::new(&world.plan());
    assert_eq!(report.exits, [5], "the due upload is left undone");
    assert_eq!(report.summary.superseded, 1);
    // Once a run has seen it in Intune nothing waits, and the clone is behind all the same.
    world.recorded(Event::Confirmed, "BB", "run-1", "2026-11-22T11:00:00Z");
    let listed = attention_of(&world, &world.plan());
    let outdated =
        listed.matters.iter().find(|one| one.code.as_str() == "tenant-outdated").unwrap();
    assert_eq!(outdated.severity, Severity::Urgent);
    assert_eq!(report::ApplyReport::new(&world.plan()).exits, [0]);
}

#[test]
fn what_decides_nothing_makes_no_clone_outdated() {
    let mut world = merged_elsewhere();
    let mut newer = world.tenant.clone();
    newer.contacts = vec!["it@contoso.example".into()];
    world.base.as_mut().unwrap().tenants = vec![Desired::Valid(newer)];
    assert_eq!(world.plan().tenants[0].outdated, None);
}

#[test]
fn nobody_is_asked_to_try_what_no_reading_has_shown() {
    let with = |sync: Sync| {
        let mut fleet = Fleet::of(Cause::AwaitingConfirmation);
        fleet.plan.tenants[0].tokens[0].state.sync = sync;
        codes(&fleet.list().matters).contains(&"awaiting-confirmation")
    };
    assert!(with(Sync::InSync));
    for unseen in [Sync::Progressing, Sync::Unobserved] {
        assert!(!with(unseen), "{unseen}");
    }
}

#[test]
fn a_customer_without_the_number_that_tickets_need_is_told_of_when_a_renewal_is_due() {
    let mut fleet = Fleet::of(Cause::TicketUnmapped);
    let is_told = |fleet: &Fleet| codes(&fleet.list().matters).contains(&"ticket-unmapped");
    assert!(is_told(&fleet));
    let expiry = &mut fleet.plan.tenants[0].tokens[0].state.expiry;
    *expiry = Expiry::Valid;
    assert!(!is_told(&fleet), "no ticket is due");
    fleet.plan.tenants[0].tokens[0].state.expiry = Expiry::Expired;
    let Desired::Valid(tenant) = &mut fleet.git[0] else { panic!() };
    tenant.tickets.insert("halo".into(), "123".into());
    assert!(!is_told(&fleet), "it has its number");
    let Desired::Valid(tenant) = &mut fleet.git[0] else { panic!() };
    tenant.tickets.clear();
    fleet.tickets.as_mut().unwrap().require = false;
    assert!(!is_told(&fleet), "none is asked for");
}

#[test]
fn a_ticket_that_is_open_at_another_customers_number_is_told_of_until_it_is_moved() {
    let mut fleet = Fleet::of(Cause::TicketMoved);
    let told = |fleet: &Fleet| {
        let all = fleet.list().matters.into_iter();
        all.filter(|one| one.code.as_str() == "ticket-moved").collect::<Vec<_>>()
    };
    let [moved] = told(&fleet).try_into().unwrap();
    assert!(moved.message.contains("the customer number 7, and the tenant file has the number 8"));
    let name = moved.tenant.as_ref().unwrap().name.clone();
    assert_eq!(moved.command, Some(format!("applecart ticket link {name}/push NUMBER")));
    let Desired::Valid(tenant) = &mut fleet.git[0] else { panic!() };
    let id = tenant.tenant_id;
    tenant.tickets.insert("halo".into(), "7".into());
    assert!(told(&fleet).is_empty(), "the number is put back");
    let Desired::Valid(tenant) = &mut fleet.git[0] else { panic!() };
    tenant.tickets.clear();
    assert!(told(&fleet)[0].message.contains("the tenant file has none"));
    let now = fleet.plan.generated_at;
    let closed = ticketed(id, "noc", "closed-1", "7", now).at_place(2, Sha256::ZERO);
    fleet.ledger.told.get_mut(&id).unwrap().push(closed);
    assert!(told(&fleet).is_empty(), "a closed one is told nothing anyway");
}

#[test]
fn a_command_names_a_token_with_a_blank_in_its_name_as_one_word() {
    let mut fleet = Fleet::of(Cause::TicketMoved);
    let (id, now) = (fleet.plan.tenants[0].tenant_id.unwrap(), fleet.plan.generated_at);
    let mut line = ticketed(id, "noc", "opened-1", "7", now);
    line.token = Some(TokenRef { kind: Kind::Vpp, id: None, name: Some("Contoso HQ".into()) });
    fleet.ledger.told.insert(id, vec![line.at_place(1, Sha256::ZERO)]);
    let all = fleet.list().matters.into_iter();
    let moved = all.filter(|one| one.code.as_str() == "ticket-moved").collect::<Vec<_>>();
    let name = &moved[0].tenant.as_ref().unwrap().name;
    let command = format!("applecart ticket link \"{name}/Contoso HQ\" NUMBER");
    assert_eq!(moved[0].command, Some(command));
}

#[test]
fn an_open_ticket_with_the_number_of_another_customers_is_told_of() {
    let mut fleet = Fleet::of(Cause::TicketMoved);
    let told = |fleet: &Fleet| {
        let all = fleet.list().matters.into_iter();
        all.filter(|one| one.code.as_str() == "ticket-moved").collect::<Vec<_>>()
    };
    let (id, now) = (fleet.plan.tenants[0].tenant_id.unwrap(), fleet.plan.generated_at);
    let own = linked(id, "noc", "T1", "8", now).at_place(2, Sha256::ZERO);
    fleet.ledger.told.get_mut(&id).unwrap().push(own);
    assert!(told(&fleet).is_empty(), "it was moved");
    let other = crate::ledger::testing::tenant(99);
    let link = |sink: &str| vec![linked(other, sink, "T1", "9", now).at_place(1, Sha256::ZERO)];
    fleet.ledger.told.insert(other, link("another"));
    assert!(told(&fleet).is_empty(), "it is another ticket system's");
    fleet.ledger.told.insert(other, link("noc"));
    let [shared] = told(&fleet).try_into().unwrap();
    let said = format!("has the number T1, which a ticket of {other} has, too.");
    assert!(shared.message.contains(&said), "{}", shared.message);
    assert!(shared.command.unwrap().starts_with("applecart ticket link "));
}
