//! What a revision changes about the fleet: equal worlds, change one thing, expect one thing.

use crate::attention::Attention;
use crate::fleet::{Desired, Tenant, load_policy};
use crate::model::{Kind, Sha256};
use crate::plan::world::{World, policy, push_entry, tenant};
use crate::plan::{RecipientsChange, RemovedTenant, ResealedTenant, Selection, Withdrawal};
use crate::sealed::{Addressees, Key};

fn other(name: &str, number: u8) -> Desired {
    let mut other = tenant(name, number);
    let topic = format!("com.apple.mgmt.External.{number}");
    other.push = Some(push_entry(&format!("{number:02}"), &topic, "2027-01-01T00:00:00Z"));
    Desired::Valid(other)
}

/// The base is equal to the planned revision, which has two tenants.
fn world() -> World {
    let mut world = World::equal();
    world.others.push(other("fabrikam", 2));
    world.reviewed();
    world.selection = Selection::default();
    world
}

fn new(world: &World) -> Vec<String> {
    let tenants = world.plan().tenants;
    tenants.into_iter().filter(|one| one.new_destination).map(|one| one.name).collect()
}

#[test]
fn equal_revisions_change_nothing() {
    let plan = world().plan();
    assert!(!plan.policy_changed);
    assert_eq!((plan.recipients_changed, plan.removed_tenants), (None, Vec::new()));
    assert!(new(&world()).is_empty());
}

#[test]
fn a_tenant_that_the_base_does_not_have_is_a_new_destination() {
    let mut world = world();
    world.others.push(other("tailspin", 3));
    assert_eq!(new(&world), ["tailspin"]);
}

#[test]
fn where_the_planned_revision_is_its_own_base_nothing_is_new() {
    let mut world = world();
    world.base = None;
    assert!(new(&world).is_empty());
}

#[test]
fn another_name_is_no_new_destination_and_removes_nobody() {
    let mut world = world();
    world.tenant.name = "contoso-ltd".parse().unwrap();
    assert!(new(&world).is_empty());
    assert!(world.plan().removed_tenants.is_empty());
}

#[test]
fn another_tenant_id_in_the_same_folder_is_a_new_destination_and_the_old_one_is_removed() {
    let mut world = world();
    let before = world.tenant.tenant_id;
    world.tenant.tenant_id = tenant("contoso", 7).tenant_id;
    assert_eq!(new(&world), ["contoso"]);
    let removed = world.plan().removed_tenants;
    assert_eq!(removed.len(), 1);
    assert_eq!(removed[0].tenant_id, Some(before));
}

#[test]
fn a_tenant_that_only_the_base_has_is_told_with_its_tokens() {
    let mut world = world();
    world.others.clear();
    let gone = RemovedTenant {
        name: "fabrikam".into(),
        tenant_id: Some(tenant("fabrikam", 2).tenant_id),
        tokens: Some(1),
    };
    assert_eq!(world.plan().removed_tenants, [gone]);
    world.selection = Selection::parse(&["contoso".to_owned()]).unwrap();
    assert!(world.plan().removed_tenants.is_empty(), "nobody asked");
}

#[test]
fn a_tenant_that_the_base_got_since_the_fork_was_not_removed() {
    let mut world = world();
    world.others.clear();
    let fork = vec![Desired::Valid(world.tenant.clone())];
    world.base.as_mut().unwrap().fork = Some(fork);
    assert!(world.plan().removed_tenants.is_empty());
}

#[test]
fn a_folder_that_broke_was_not_removed() {
    let mut world = world();
    let broken = |name: &str| Desired::Invalid {
        name: name.into(),
        tenant_id: None,
        file: format!("tenants/{name}/tenant.yaml"),
        mistakes: Vec::new(),
    };
    world.others = vec![broken("fabrikam")];
    assert!(world.plan().removed_tenants.is_empty());
    world.others = vec![broken("northwind")];
    assert_eq!(world.plan().removed_tenants[0].name, "fabrikam");
}

#[test]
fn other_recipients_are_named() {
    let mut world = world();
    world.policy.recipients = vec!["age1old".into(), "age1both".into()];
    let mut proposed = policy();
    proposed.recipients = vec!["age1both".into(), "age1new".into()];
    world.base.as_mut().unwrap().proposed = Some(proposed);
    let plan = world.plan();
    assert!(plan.policy_changed);
    let change =
        RecipientsChange { added: vec!["age1new".into()], removed: vec!["age1old".into()] };
    assert_eq!(plan.recipients_changed, Some(change));
}

#[test]
fn other_settings_with_the_same_recipients_are_no_change_of_recipients() {
    let mut world = world();
    let mut proposed = policy();
    proposed.max_tenants = 10_000;
    world.base.as_mut().unwrap().proposed = Some(proposed);
    let plan = world.plan();
    assert!(plan.policy_changed);
    assert_eq!(plan.recipients_changed, None);
}

#[test]
fn a_file_that_is_other_bytes_with_the_same_content_was_sealed_again() {
    let mut world = world();
    let sealed = |world: &mut World| {
        world.entry().file.as_mut().unwrap().blob = "f".repeat(40);
    };
    sealed(&mut world);
    let resealed = vec![ResealedTenant { name: "contoso".into(), files: 1 }];
    assert_eq!(world.plan().resealed_tenants, resealed);
    world.selection = Selection::parse(&["fabrikam".to_owned()]).unwrap();
    assert!(world.plan().resealed_tenants.is_empty(), "nobody asked");
}

#[test]
fn a_file_with_another_content_was_renewed_and_not_sealed_again() {
    let mut world = world();
    let file = world.entry().file.as_mut().unwrap();
    file.blob = "f".repeat(40);
    file.sha256 = Sha256::of(b"another");
    assert!(world.plan().resealed_tenants.is_empty());
}

#[test]
fn what_the_base_sealed_again_since_the_fork_is_not_this_revisions_doing() {
    let mut world = world();
    let fork = vec![Desired::Valid(world.tenant.clone())];
    let base = world.base.as_mut().unwrap();
    base.fork = Some(fork);
    let Some(Desired::Valid(there)) = base.tenants.iter_mut().find(|one| one.name() == "contoso")
    else {
        panic!("the base has contoso")
    };
    there.push.as_mut().unwrap().file.as_mut().unwrap().blob = "f".repeat(40);
    assert!(world.plan().resealed_tenants.is_empty());
}

/// The push file's bytes show these recipients, as SOPS names them.
fn shown(world: &mut World, recipients: &[&str]) {
    let keys = recipients.iter().map(|one| Key::of(one)).collect();
    let shown = Addressees { keys, names_all: true, ..Addressees::default() };
    world.entry().file.as_mut().unwrap().shown = Some(shown);
}

#[test]
fn a_file_for_somebody_who_is_not_listed_stands_at_the_top_of_the_plan() {
    let mut world = world();
    world.policy.recipients = vec!["age1fleet".to_owned()];
    shown(&mut world, &["age1fleet"]);
    assert!(world.plan().sealed_to_others.is_empty());
    shown(&mut world, &["age1east"]);
    let plan = world.plan();
    let [found] = &plan.sealed_to_others[..] else { panic!("{:?}", plan.sealed_to_others) };
    assert_eq!((found.name.as_str(), found.file.as_str()), ("contoso", "push.pem.age"));
    let text = crate::report::plan_markdown(&plan, &Attention::default(), 60_000);
    assert!(text.contains("it is encrypted to age1east, which is not listed"), "{text}");
    world.selection = Selection::parse(&["fabrikam".to_owned()]).unwrap();
    assert!(world.plan().sealed_to_others.is_empty(), "nobody asked");
}

#[test]
fn a_revision_that_changes_the_list_and_the_files_is_compared_with_its_own_list() {
    let mut world = world();
    world.policy.recipients = vec!["age1fleet".to_owned()];
    shown(&mut world, &["age1east"]);
    let mut proposed = policy();
    proposed.recipients = vec!["age1east".to_owned()];
    world.base.as_mut().unwrap().proposed = Some(proposed);
    assert!(world.plan().sealed_to_others.is_empty());
}

fn withdrawn(world: &World) -> Vec<Withdrawal> {
    let tenants = world.plan().tenants;
    tenants.into_iter().flat_map(|one| one.withdrawn).map(|one| one.what).collect()
}

#[test]
fn a_revision_that_watches_less_says_so() {
    assert_eq!(withdrawn(&world()), []);
    let mut kind = world();
    kind.tenant.watch.remove(&Kind::Push);
    assert_eq!(withdrawn(&kind), [Withdrawal::Kind]);
    let mut entry = world();
    entry.tenant.push = None;
    assert_eq!(withdrawn(&entry), [Withdrawal::Entry]);
    let mut file = world();
    file.entry().file = None;
    assert_eq!(withdrawn(&file), [Withdrawal::File]);
}

/// Contoso is told of at two sinks, one of which selects by a label, and has a contact and a number.
fn told_world() -> World {
    let mut world = World::equal();
    let sinks = "notify:
  - {sink: chat, slack: {host: a.example}, select: [ring=prod]}
  - {sink: team, teams: {host: b.example}, select: ['contoso,ring=prod', fabrikam]}
";
    let fleet = include_str!(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../tests/data/valid/fleet-whole.yaml"
    ));
    let text = format!("{fleet}{sinks}");
    world.policy.notify = load_policy(Some(text.as_bytes())).0.unwrap().notify;
    world.tenant.labels = [("ring".to_owned(), "prod".to_owned())].into();
    world.tenant.contacts = vec!["it@contoso.example".into()];
    world.tenant.tickets = [("halo".to_owned(), "1".to_owned())].into();
    world.tenant.display_name = Some("Contoso Ltd".into());
    let mut fabrikam = tenant("fabrikam", 2);
    fabrikam.tickets = [("halo".to_owned(), "2".to_owned())].into();
    fabrikam.display_name = Some("Fabrikam".into());
    world.others.push(Desired::Valid(fabrikam));
    world.reviewed();
    world.selection = Selection::default();
    world
}

#[test]
fn a_tenant_file_by_which_fewer_are_told_or_others_says_who() {
    assert_eq!(told_world().plan().told_less_then, [""; 0]);
    type Change = fn(&mut Tenant);
    let cases: [(Change, &str); 9] = [
        (
            |it| it.labels.clear(),
            "no sink is told of it any more: no longer selected by `chat`, `team`",
        ),
        (
            |it| it.contacts = vec!["it@evil.example".into()],
            "contacts it@contoso.example → it@evil.example",
        ),
        (
            |it| it.contacts.push("b@evil.example".into()),
            "contacts it@contoso.example → it@contoso.example, b@evil.example",
        ),
        (|it| it.contacts.clear(), "contacts it@contoso.example → nobody"),
        (
            |it| drop(it.tickets.insert("halo".into(), "2".into())),
            "number in halo 1 → 2, which is also the number of fabrikam",
        ),
        (|it| drop(it.tickets.insert("halo".into(), "3".into())), "number in halo 1 → 3"),
        (|it| it.tickets.clear(), "number in halo 1 → none"),
        (|it| it.display_name = Some("Fabrikam".into()), "it is called Fabrikam as fabrikam is"),
        (|it| it.name = "contoso-ltd".parse().unwrap(), "no longer selected by `team`"),
    ];
    for (change, told) in cases {
        let mut world = told_world();
        change(&mut world.tenant);
        let told = format!("{} ({told})", world.tenant.name);
        assert_eq!(world.plan().told_less_then, [told]);
    }
}

#[test]
fn what_the_base_alone_has_changed_ends_no_alarm() {
    let mut world = told_world();
    world.tenant.tickets = [("halo".to_owned(), "3".to_owned())].into();
    assert_eq!(world.plan().told_less_then.len(), 1);
    world.base.as_mut().unwrap().behind.insert(world.tenant.name.to_string());
    assert_eq!(world.plan().told_less_then, [""; 0], "the clone is behind, and merges nothing");
}

#[test]
fn a_tenant_file_by_which_more_are_told_is_not_reported_as_less() {
    let mut world = told_world();
    let with = world.tenant.clone();
    world.tenant.contacts.clear();
    world.tenant.tickets.clear();
    world.tenant.labels.clear();
    world.reviewed();
    world.tenant = with;
    assert_eq!(world.plan().told_less_then, [""; 0]);
}

#[test]
fn a_new_tenant_with_anothers_number_says_so_and_a_selection_hides_no_label_that_goes() {
    let mut world = told_world();
    let mut copied = tenant("tailspin", 3);
    copied.tickets = [("halo".to_owned(), "1".to_owned())].into();
    world.others.push(Desired::Valid(copied));
    let told = "tailspin (number in halo 1, which is also the number of contoso)";
    assert_eq!(world.plan().told_less_then, [told]);
    world.others.pop();
    world.tenant.labels.clear();
    world.selection = Selection::parse(&["ring=prod".to_owned()]).unwrap();
    assert_eq!(world.plan().told_less_then.len(), 1);
    world.selection = Selection::parse(&["fabrikam".to_owned()]).unwrap();
    assert_eq!(world.plan().told_less_then, [""; 0], "nobody asked");
}
