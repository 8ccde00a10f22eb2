//! Live Intune → tenant files: what is written, what is left alone, and what a person's text keeps.

use std::path::Path;

use applecart_core::model::Kind;
use applecart_simulator::{Customer, Fault, FaultRule, Tenant, seed_fleet};

use crate::world::{Run, World, in_days, tenant_id};

fn one<'a>(name: &'a str, id: &'a str) -> [&'a str; 4] {
    ["import", name, "--tenant-id", id]
}

fn import_one(world: &World, name: &str) -> Run {
    world.run(&one(name, &tenant_id(name).to_string()))
}

fn file(world: &World, name: &str) -> String {
    std::fs::read_to_string(world.repo().join(format!("tenants/{name}/tenant.yaml"))).unwrap()
}

fn folders(world: &World) -> Vec<String> {
    let Ok(all) = std::fs::read_dir(world.repo().join("tenants")) else { return Vec::new() };
    let mut names: Vec<String> =
        all.map(|one| one.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// Everything under `tenants/`, byte for byte.
fn everything(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut all = Vec::new();
    let Ok(members) = std::fs::read_dir(folder) else { return all };
    for member in members {
        let path = member.unwrap().path();
        if path.is_dir() {
            all.extend(everything(&path));
        } else {
            all.push((path.display().to_string(), std::fs::read(&path).unwrap()));
        }
    }
    all.sort();
    all
}

#[test]
fn what_is_imported_is_valid_and_leaves_nothing_to_do() {
    let mut world = World::new();
    world.live_of_all_kinds("contoso");
    world.change("contoso", |tenant| {
        tenant.vpp_tokens[0].country_or_region = "GB".to_owned();
        tenant.vpp_tokens[0].role_scope_tag_ids = vec!["0".to_owned(), "7".to_owned()];
    });
    world.key = String::new();
    let name = "Contoso: \"A\" & Söhne";
    let id = tenant_id("contoso").to_string();
    let run = [one("contoso", &id).as_slice(), &["--display-name", name]].concat();
    world.run(&run).ends_with(0).says("created contoso").says("1 created, 0 updated");
    let text = file(&world, "contoso");
    let read: serde_json::Value = serde_yaml::from_str(&text).unwrap();
    assert_eq!(read["displayName"], name);
    assert_eq!(read["enrollment"][0]["id"], "dep-contoso");
    assert_eq!(read["vpp"][0]["country"], "gb");
    assert_eq!(read["vpp"][0]["roleScopeTagIds"][1], "7");
    assert_eq!(read["vpp"][0]["automaticallyUpdateApps"].as_bool(), Some(false));
    let live = world.state().tenant(tenant_id("contoso")).unwrap();
    let push = live.apple_push_notification_certificate.unwrap();
    assert_eq!(read["push"]["topic"], push.topic_identifier);
    assert!(
        text.starts_with("# yaml-language-server: $schema=../../.applecart/tenant.schema.json")
    );

    world.run(&["validate", "--worktree"]).ends_with(0).says("0 errors, 0 warnings");
    world.commit("Import contoso");
    world.run(&["plan", "--detailed-exitcode"]).ends_with(0);
    let plan = world.run(&["plan", "--format", "json"]).ends_with(0).json();
    let syncs = plan["tenants"][0]["tokens"].as_array().unwrap();
    assert!(syncs.iter().all(|token| token["sync"] == "watched"), "{syncs:?}");
    assert!(syncs.iter().all(|token| token["warnings"].as_array().unwrap().is_empty()));
    assert_eq!(world.state().writes(), 0);
    world.run(&["import", "--update"]).ends_with(0).says("0 updated, 1 unchanged");
}

#[test]
fn a_list_of_thirty_tenants_is_imported_and_again_skipped() {
    let world = World::new();
    let mut list = "tenantId,name,displayName\r\n".to_owned();
    for (number, tenant) in seed_fleet(30, chrono::Utc::now()).into_iter().enumerate() {
        let (id, name) = (tenant.tenant_id, tenant.display_name.clone());
        list.push_str(&format!("{id},t{number:02},\"{name}, Ltd\"\r\n"));
        world.state().add_tenant(tenant).unwrap();
    }
    let path = world.path("customers.csv");
    std::fs::write(&path, &list).unwrap();
    let import = ["import", "--from", path.to_str().unwrap()];
    world.run(&import).ends_with(0).says("30 created");
    assert_eq!(folders(&world).len(), 30);
    world.run(&["validate", "--worktree"]).ends_with(0);
    world.commit("Import all");
    // Nothing is due, but some of the thirty expire within days, and that is no green plan.
    world.run(&["plan", "--detailed-exitcode"]).ends_with(2).says("nothing to upload");
    let before = everything(&world.repo().join("tenants"));
    world.run(&import).ends_with(0).says("0 created, 0 updated, 0 unchanged, 30 skipped");
    assert_eq!(everything(&world.repo().join("tenants")), before);

    let id = tenant_id("somebody");
    std::fs::write(&path, format!("name,tenantId\naux,{id}\n")).unwrap();
    world.run(&import).ends_with(4).says("Windows cannot have a folder aux");
    std::fs::write(&path, "name,tenantId\nContoso,x\n").unwrap();
    world.run(&import).ends_with(64).says("line 2: a tenant name is").says("a tenant id is a GUID");
}

fn partner(customers: Vec<Customer>) -> World {
    let world = World::new();
    let mut partner = Tenant::new(tenant_id("partner"));
    partner.customers = customers;
    partner.switches.page_size = Some(2);
    for app in &mut partner.apps {
        app.roles.push("Directory.Read.All".to_owned());
    }
    world.state().add_tenant(partner).unwrap();
    world
}

fn customer(id: &str, name: &str) -> Customer {
    Customer::new(tenant_id(id), name, &format!("{id}.onmicrosoft.com"))
}

#[test]
fn a_partners_customers_come_page_by_page_and_each_has_a_folder_of_its_own() {
    let world = partner(vec![
        customer("a", "Contoso"),
        customer("b", "CONTOSO"),
        customer("c", "Müller & Co."),
        customer("d", "Nothing Apple"),
        customer("e", "Known"),
    ]);
    for name in ["a", "b", "c", "e"] {
        world.live_of_all_kinds(name);
    }
    world.live("d", None);
    let id = tenant_id("e").to_string();
    world.run(&one("old-name", &id)).ends_with(0);
    let before = file(&world, "old-name");

    let partner_id = tenant_id("partner").to_string();
    let run = world.run(&["import", "--customers", &partner_id, "--format", "json"]);
    let report = run.ends_with(0).json();
    assert_eq!(report["summary"]["created"], 3, "{report:#}");
    assert_eq!(report["summary"]["skipped"], 2, "{report:#}");
    let group = |name: &str| tenant_id(name).to_string()[..8].to_owned();
    let mut expected = vec![
        format!("contoso-{}", group("a")),
        format!("contoso-{}", group("b")),
        "mueller-co".to_owned(),
        "old-name".to_owned(),
    ];
    expected.sort();
    assert_eq!(folders(&world), expected);
    let why = report["tenants"][0]["notes"][0]["detail"].as_str().unwrap();
    assert!(why.contains("several customers would be named contoso"), "{why}");
    assert_eq!(file(&world, "old-name"), before);
    world.run(&["validate", "--worktree"]).ends_with(0);
    let pages = world.state().requests();
    let pages = pages.iter().filter(|request| request.path == "/v1.0/contracts").count();
    assert_eq!(pages, 3);
}

#[test]
fn a_partner_that_cannot_be_listed_is_no_partner_without_customers() {
    let world = World::new();
    world.live("partner", None);
    let partner_id = tenant_id("partner").to_string();
    let import = ["import", "--customers", &partner_id];
    world.run(&import).ends_with(3).says("forbidden").says("Directory.Read.All");

    // Half a list is none.
    let world = partner((0..3).map(|n| customer(&format!("t{n}"), &format!("T{n}"))).collect());
    let elsewhere = FaultRule::always(Fault::NextLink { to: "https://evil.example/v1.0/x".into() });
    world.state().add_fault(elsewhere.on("*/contracts"));
    world.run(&import).ends_with(3).says("the next page is on another host");
    assert_eq!(folders(&world), [""; 0]);
}

/// A tenant beside, so that the fleet is not invalid as a whole.
fn another(world: &World) {
    let id = tenant_id("adatum");
    let text = format!("apiVersion: applecart/v1\nkind: Tenant\nname: adatum\ntenantId: {id}\n");
    world.write("tenants/adatum/tenant.yaml", &text);
}

#[test]
fn a_folder_that_is_there_stays_as_it_is() {
    let world = World::new();
    world.live_of_all_kinds("contoso");
    world.live_of_all_kinds("fabrikam");
    another(&world);
    world.write("tenants/contoso/tenant.yaml", "# mine\nname: nonsense\n");
    let before = everything(&world.repo().join("tenants"));
    import_one(&world, "contoso").ends_with(4).says("tenants/contoso is there already");
    assert_eq!(everything(&world.repo().join("tenants")), before);

    std::fs::remove_dir_all(world.repo().join("tenants/contoso")).unwrap();
    import_one(&world, "contoso").ends_with(0);
    let before = everything(&world.repo().join("tenants"));
    import_one(&world, "contoso").ends_with(4).says("--update brings its facts up to date");
    // Another tenant may not have its name, nor it another's.
    let id = tenant_id("fabrikam").to_string();
    let says = format!("it belongs to the tenant {}", tenant_id("contoso"));
    world.run(&one("contoso", &id)).ends_with(4).says(&says);
    let id = tenant_id("contoso").to_string();
    world.run(&one("another", &id)).ends_with(4).says("tenants/contoso is this tenant's folder");
    assert_eq!(everything(&world.repo().join("tenants")), before);
    world.run(&["import", "nobody", "--update"]).ends_with(64);
    world.run(&["import"]).ends_with(64);
}

/// contoso, written by hand, with facts that Intune no longer has.
fn by_hand(world: &World) -> String {
    world.live_of_all_kinds("contoso");
    let live = world.state().tenant(tenant_id("contoso")).unwrap();
    let push = live.apple_push_notification_certificate.unwrap();
    let text = format!(
        "# Call Ms Doe first.\r\napiVersion: applecart/v1\r\nkind: Tenant\r\nname: 'contoso'\r\ntenantId: {}\r\npush:\r\n    serial: '0{}' # as Intune, with a zero\r\n    appleId: MDM@Contoso.example   # the shared mailbox\r\n    topic: \"{}\" # never another\r\n    expires: 2020-01-01T00:00:00Z # old\r\nvpp: # one location\r\n- {{id: vpp-contoso, name: London, location: 'London', expires: \"2020-01-01T00:00:00Z\", automaticallyUpdateApps: true}}\r\n- {{name: Gone, id: gone}} # a token of last year\r\n",
        tenant_id("contoso"),
        push.certificate_serial_number,
        push.topic_identifier,
    );
    world.write("tenants/contoso/tenant.yaml", &text);
    world.commit("By hand");
    text
}

#[test]
fn an_update_changes_facts_and_not_one_other_byte() {
    let world = World::new();
    let before = by_hand(&world);
    let shown = world.run(&["import", "--update", "--dry-run"]).ends_with(0);
    let shown = shown.says("- expires: 2020-01-01T00:00:00Z # old").says("(nothing was written)");
    let _ = shown.says("vpp \"Gone\": Intune does not have it");
    assert_eq!(file(&world, "contoso"), before);
    assert_eq!(world.git(&["status", "--porcelain"]), "");

    let run = world.run(&["import", "--update", "contoso"]).ends_with(0);
    run.says("1 updated").says("enrollment \"ABM\": in Intune and not in the file");
    let after = file(&world, "contoso");
    let live = world.state().tenant(tenant_id("contoso")).unwrap();
    let at = |at: chrono::DateTime<chrono::Utc>| at.format("%Y-%m-%dT%H:%M:%SZ").to_string();
    let push = at(live.apple_push_notification_certificate.unwrap().expiration_date_time);
    let vpp = at(live.vpp_tokens[0].expiration_date_time);
    let dep = at(live.dep_onboarding_settings[0].token_expiration_date_time);
    let expected = before
        .replace("expires: 2020-01-01T00:00:00Z # old", &format!("expires: {push} # old"))
        .replace(
            "location: 'London', expires: \"2020-01-01T00:00:00Z\", automaticallyUpdateApps: true}",
            &format!("location: 'London', accountType: business, expires: \"{vpp}\", automaticallyUpdateApps: false}}"),
        )
        .replace("{id: vpp-contoso, name", "{id: vpp-contoso, appleId: vpp@contoso.example, organization: Contoso Ltd, name")
        .replace(
            "vpp: # one",
            &format!("enrollment:\r\n  - name: ABM\r\n    id: dep-contoso\r\n    expires: {dep}\r\nvpp: # one"
            ),
        );
    assert_eq!(after, expected);
    world.run(&["validate", "--worktree"]).ends_with(0);
    world.run(&["import", "--update", "contoso"]).ends_with(0).says("0 updated, 1 unchanged");
}

#[test]
fn a_topic_that_was_changed_in_the_portal_is_refused_and_what_else_changed_is_written() {
    let world = World::new();
    world.live_of_all_kinds("contoso");
    import_one(&world, "contoso").ends_with(0);
    world.commit("Adopt contoso");
    let other = world.issue(None, 300);
    world.change("contoso", |tenant| {
        tenant.apple_push_notification_certificate = Some(crate::world::pushed("contoso", &other));
    });
    let update = || world.run(&["import", "--update", "contoso"]);
    update().ends_with(4).says("The entry was left as it is").says("1 refused");
    world.change("contoso", |tenant| {
        tenant.vpp_tokens[0].apple_id = "other@contoso.example".to_owned();
    });
    update().ends_with(4).says("1 updated").says("The entry was left as it is");
}

/// contoso, whose certificate from Git is live and recorded, then renewed by hand.
fn renewed_by_hand() -> World {
    let world = World::new();
    let old = world.issue(None, 20);
    let in_git = world.issue(Some(&old.topic), 200);
    world.live("contoso", Some(&old));
    world.tenant("contoso", &in_git);
    world.commit("Renew contoso");
    world.run(&["apply"]).ends_with(0);
    let by_hand = world.issue(Some(&old.topic), 364);
    world.change("contoso", |tenant| {
        tenant.apple_push_notification_certificate =
            Some(crate::world::pushed("contoso", &by_hand));
    });
    world
}

#[test]
fn adopting_a_renewal_made_by_hand_clears_the_hold_and_is_recorded() {
    let world = renewed_by_hand();
    world.run(&["plan", "--detailed-exitcode"]).ends_with(2).says("renewed-outside-git");
    world.run(&["apply"]).ends_with(4);
    assert_eq!(world.events("contoso").last().unwrap(), "changed-outside-git");

    let run = world.run(&["import", "--update"]).ends_with(0);
    let run = run.says("Intune has another credential than push.pem.age (renewed-outside-git)");
    run.says("tenants/contoso/push.pem.age belongs to no token any more");
    let text = file(&world, "contoso");
    assert!(!text.contains("file:") && !text.contains("sha256"), "{text}");
    assert!(text.contains(&world.live_serial("contoso").unwrap()), "{text}");
    assert!(world.repo().join("tenants/contoso/push.pem.age").exists());
    world.commit("Adopt");
    world.run(&["plan", "--detailed-exitcode"]).ends_with(0);
    world.run(&["apply"]).ends_with(0).says("adopted");
    assert_eq!(world.events("contoso").last().unwrap(), "adopted");
    assert_eq!(world.uploads_of("contoso", Kind::Push), 1);
}

#[test]
fn an_adoption_is_recorded_although_no_run_saw_the_change() {
    let world = renewed_by_hand();
    world.run(&["import", "--update"]).ends_with(0);
    world.commit("Adopt");
    world.run(&["apply"]).ends_with(0).says("adopted");
    world.run(&["apply"]).ends_with(0);
    let events = world.events("contoso");
    assert_eq!(events.iter().filter(|event| *event == "adopted").count(), 1, "{events:?}");
}

#[test]
fn tokens_of_every_kind_are_adopted() {
    for kind in [Kind::Enrollment, Kind::Vpp] {
        let world = World::new();
        world.renewal_of("contoso", kind);
        world.run(&["apply"]).ends_with(0);
        // An enrollment file does not tell its expiry, so only that one is written.
        let updates = if kind == Kind::Vpp { "0 to update" } else { "1 to update" };
        world.run(&["import", "--update", "--dry-run"]).ends_with(0).says(updates);
        world.change("contoso", |tenant| match kind {
            Kind::Vpp => tenant.vpp_tokens[0].expiration_date_time = in_days(500),
            _ => tenant.dep_onboarding_settings[0].token_expiration_date_time = in_days(500),
        });
        world.run(&["plan"]).ends_with(0).says("renewed-outside-git");
        world.run(&["import", "--update"]).ends_with(0).says("is watched from now on");
        let text = file(&world, "contoso");
        for gone in ["file:", "sha256:", "downloaded:", "recipient:"] {
            assert!(!text.contains(gone), "{text}");
        }
        assert!(text.contains(&in_days(500).format("%Y-%m-%dT").to_string()), "{text}");
        world.commit("Adopt");
        world.run(&["plan", "--detailed-exitcode"]).ends_with(0);
    }
}

#[test]
fn nobody_is_asked_with_settings_that_may_be_anybodys() {
    let world = World::new();
    world.live_of_all_kinds("contoso");
    world.commit("Begin");
    world.git(&["remote", "add", "origin", "/nonexistent/fleet.git"]);
    import_one(&world, "contoso").ends_with(3).says("nothing was read from Intune");
    assert!(world.state().requests().is_empty());
    assert_eq!(folders(&world), [""; 0]);
}

#[test]
fn an_adopted_tokens_sealed_file_goes_when_that_is_asked_for() {
    let world = renewed_by_hand();
    let sealed = world.repo().join("tenants/contoso/push.pem.age");
    let update = ["import", "--update", "--remove-files"];
    world.run(&[update.as_slice(), &["--dry-run"]].concat()).ends_with(0);
    assert!(sealed.exists());
    world.run(&update).ends_with(0).says("was deleted");
    assert!(!sealed.exists());
    world.run(&["validate", "--worktree"]).ends_with(0);
}

#[test]
fn a_file_that_is_live_or_due_keeps_its_place() {
    let world = World::new();
    // Due: Git is newer than live.
    world.renewal("due");
    // Live: Git's file was applied.
    world.renewal("live");
    world.run(&["apply", "--select", "live"]).ends_with(0);
    let before = everything(&world.repo().join("tenants"));
    world.run(&["import", "--update"]).ends_with(0).says("0 updated, 2 unchanged");
    assert_eq!(everything(&world.repo().join("tenants")), before);
}

#[test]
fn what_cannot_be_read_is_left_out_and_told() {
    let world = World::new();
    world.live_of_all_kinds("contoso");
    let blind = || {
        let headers = std::collections::BTreeMap::new();
        let fault = Fault::Status { status: 403, retry_after: None, body: None, headers };
        FaultRule::always(fault).for_tenant(tenant_id("contoso")).on("*/vppTokens")
    };
    world.state().add_fault(blind());
    let id = tenant_id("contoso").to_string();
    let run = [one("contoso", &id).as_slice(), &["--format", "json"]].concat();
    let report = world.run(&run).ends_with(3).json();
    assert_eq!(report["tenants"][0]["unknown"], serde_json::json!(["vpp"]));
    assert_eq!(report["tenants"][0]["problems"][0]["code"], "forbidden");
    let text = file(&world, "contoso");
    assert!(text.contains("push:") && !text.contains("vpp:"), "{text}");
    world.commit("Import");

    // An update does not take unknown for gone either, and finds it once it can be read.
    world.run(&["import", "--update"]).ends_with(3).says("vpp unknown, left unchanged");
    assert_eq!(file(&world, "contoso"), text);
    world.state().clear_faults();
    world.run(&["import", "--update"]).ends_with(0).says("1 updated");
    let whole = file(&world, "contoso");
    assert!(whole.starts_with(&text), "only added to");
    world.state().add_fault(blind());
    let again = world.run(&["import", "--update"]).ends_with(3);
    assert!(!again.says("0 updated, 1 unchanged").stdout.contains("does not have it"));
    assert_eq!(file(&world, "contoso"), whole);
}

#[test]
fn one_tenant_that_fails_stops_no_other() {
    let world = World::new();
    world.live_of_all_kinds("contoso");
    world.live_of_all_kinds("fabrikam");
    let path = world.path("list.csv");
    let row = |name: &str| format!("{name},{}\n", tenant_id(name));
    let list = format!("name,tenantId\n{}{}{}", row("contoso"), row("nobody"), row("fabrikam"));
    std::fs::write(&path, list).unwrap();
    let import = ["import", "--from", path.to_str().unwrap()];
    world.run(&import).ends_with(3).says("failed nobody").says("2 created").says("1 failed");
    assert_eq!(folders(&world), ["contoso", "fabrikam"]);
    // Nobody at all could be signed in to.
    import_one(&world, "nobody").ends_with(8);
    assert_eq!(folders(&world), ["contoso", "fabrikam"]);
}

#[test]
fn what_would_be_invalid_is_not_written() {
    let world = World::new();
    world.live_of_all_kinds("contoso");
    import_one(&world, "contoso").ends_with(0);
    // A second tenant that shows the same push topic: one of them is wrong.
    let topic = {
        let live = world.state().tenant(tenant_id("contoso")).unwrap();
        live.apple_push_notification_certificate.unwrap().topic_identifier
    };
    world.live_of_all_kinds("fabrikam");
    world.change("fabrikam", |tenant| {
        let push = tenant.apple_push_notification_certificate.as_mut().unwrap();
        push.topic_identifier = topic.clone();
    });
    import_one(&world, "fabrikam").ends_with(4).says("this topic is also that of");
    assert_eq!(folders(&world), ["contoso"]);
    world.run(&["validate", "--worktree"]).ends_with(0);
}

#[test]
fn a_dry_run_writes_nothing_at_all() {
    let world = World::new();
    world.live_of_all_kinds("contoso");
    let id = tenant_id("contoso").to_string();
    let run = [one("contoso", &id).as_slice(), &["--dry-run"]].concat();
    world.run(&run).ends_with(0).says("to create contoso").says("(nothing was written)");
    assert_eq!(folders(&world), [""; 0]);
}

#[test]
fn a_snapshot_of_what_was_read_is_one_that_plan_takes() {
    let world = World::new();
    world.live_of_all_kinds("contoso");
    let folder = world.path("live");
    let id = tenant_id("contoso").to_string();
    let run = [one("contoso", &id).as_slice(), &["--live-out", folder.to_str().unwrap()]].concat();
    world.run(&run).ends_with(0);
    world.commit("Import");
    let snapshot = folder.join("contoso.json");
    let plan = ["plan", "--select", "contoso", "--live", snapshot.to_str().unwrap()];
    world.run(&[plan.as_slice(), &["--detailed-exitcode"]].concat()).ends_with(0);
}

#[cfg(unix)]
#[test]
fn nothing_is_written_through_a_link() {
    let world = World::new();
    world.live_of_all_kinds("contoso");
    let elsewhere = world.path("elsewhere");
    std::fs::create_dir_all(&elsewhere).unwrap();
    another(&world);
    std::os::unix::fs::symlink(&elsewhere, world.repo().join("tenants/contoso")).unwrap();
    import_one(&world, "contoso").ends_with(4).says("tenants/contoso is there already");
    assert_eq!(std::fs::read_dir(&elsewhere).unwrap().count(), 0);
}

#[test]
fn a_list_is_read_as_excel_saves_it_in_the_west_and_the_concluded_encoding_is_told() {
    let world = World::new();
    world.commit("Begin");
    let tenant = seed_fleet(1, chrono::Utc::now()).remove(0);
    let id = tenant.tenant_id;
    world.state().add_tenant(tenant).unwrap();
    let path = world.path("list.csv");
    let mut bytes = b"name;tenantId;displayName\r\n".to_vec();
    bytes.extend_from_slice(format!("contoso;{id};M").as_bytes());
    bytes.extend_from_slice(b"\xFCller\r\n");
    std::fs::write(&path, bytes).unwrap();
    let wrong = ["import", "--from", path.to_str().unwrap(), "--encoding", "utf-8"];
    world.run(&wrong).ends_with(64).says("not written in UTF-8");
    let run = world.run(&["import", "--from", path.to_str().unwrap()]).ends_with(0);
    run.says("was read as windows-1252");
    let file = std::fs::read_to_string(world.repo().join("tenants/contoso/tenant.yaml")).unwrap();
    assert!(file.contains("M\u{fc}ller"), "{file}");
}
