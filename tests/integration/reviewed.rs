//! A plan file from review to apply: what of it still holds, and what it must not bring along.

use applecart_simulator::PortalUpload;
use serde_json::Value;

use crate::world::{World, tenant_id};

const FILE: &str = "../plan.json";

/// A world with a due renewal, and the reviewed plan of it.
fn reviewed() -> World {
    let world = World::new();
    world.renewal("contoso");
    world.run(&["plan", "--out", FILE]).ends_with(0);
    world
}

fn plan(world: &World) -> Value {
    let text = std::fs::read_to_string(world.path("plan.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

fn edit(world: &World, change: impl FnOnce(&mut Value)) {
    let mut plan = plan(world);
    change(&mut plan);
    std::fs::write(world.path("plan.json"), plan.to_string()).unwrap();
}

#[test]
fn writes_that_became_due_since_the_review_are_left_out_and_told() {
    let world = reviewed();
    let (old, _) = world.renewal("fabrikam");
    let done = world.run(&["apply", FILE, "--format", "json"]).ends_with(0).json();
    assert_eq!(
        (&done["summary"]["uploaded"], &done["summary"]["notReviewed"]),
        (&1.into(), &1.into())
    );
    let left = &done["results"].as_array().unwrap()[1];
    assert_eq!((&left["tenant"], &left["result"]), (&"fabrikam".into(), &"not-reviewed".into()));
    assert_eq!(done["planDigest"], plan(&world)["digest"]);
    assert_eq!(world.live_serial("fabrikam"), Some(old.serial));
    assert!(world.events("fabrikam").is_empty(), "nothing was announced");
    world.run(&["apply"]).ends_with(0).says("fabrikam push uploaded");
}

#[test]
fn a_person_sees_what_was_left_out_and_what_to_do() {
    let world = reviewed();
    world.renewal("fabrikam");
    world
        .run(&["apply", FILE])
        .ends_with(0)
        .says("not-reviewed")
        .says("plan again, and have that reviewed")
        .says("1 not in the reviewed plan");
}

#[test]
fn what_was_reviewed_and_changed_is_stale_and_says_where() {
    let world = reviewed();
    world.renewal("fabrikam");
    world.write("tenants/contoso/notes.txt", "Changed\n");
    world.commit("Something in the folder");
    world
        .run(&["apply", FILE])
        .ends_with(5)
        .says("the folder of contoso changed")
        .says("make a new plan");
    assert_eq!(world.state().writes(), 0, "nor anything else of the plan");
}

#[test]
fn settings_that_judge_no_write_make_no_plan_stale() {
    let world = reviewed();
    let policy = world.policy("expiry: {renewBefore: 50d}\n");
    world.write("applecart.yaml", &format!("# reminded later\n{policy}"));
    world.commit("Another date for reports");
    world.run(&["apply", FILE]).ends_with(0).says("contoso push uploaded");
}

#[test]
fn what_was_uploaded_by_hand_since_then_is_stale() {
    let world = World::new();
    let (_, new) = world.renewal("contoso");
    world.run(&["plan", "--out", FILE]).ends_with(0);
    let upload =
        PortalUpload::Push { apple_identifier: "mdm@contoso.example".into(), certificate: new.pem };
    world.state().portal_upload(tenant_id("contoso"), &upload).unwrap();
    world.run(&["apply", FILE]).ends_with(5).says("contoso: push in Intune changed");
}

#[test]
fn another_policy_is_stale() {
    let world = reviewed();
    world.write("applecart.yaml", &world.policy("safety: {maxTenants: 10}\n"));
    world.commit("Another policy");
    world.run(&["apply", FILE]).ends_with(5).says("the policy");
}

#[test]
fn a_plan_of_yesterday_and_one_of_tomorrow_are_stale() {
    let world = World::new();
    world.renewal("contoso");
    let hours = |hours: i64| (chrono::Utc::now() + chrono::Duration::hours(hours)).to_rfc3339();
    for (offset, said) in [(-25, "more than 24 hours ago"), (2, "a clock is wrong")] {
        world.run(&["plan", "--out", FILE, "--now", &hours(offset)]).ends_with(0);
        world.run(&["apply", FILE]).ends_with(5).says(said);
    }
    assert_eq!(world.state().writes(), 0);
}

#[test]
fn an_edited_plan_file_is_refused() {
    let world = reviewed();
    let before = world.state().requests().len();
    edit(&world, |plan| plan["tenants"][0]["tokens"][0]["after"]["appleId"] = "me@evil".into());
    world.run(&["apply", FILE]).ends_with(64).says("it was edited or damaged");
    assert_eq!(world.state().requests().len(), before, "refused before anything was read");
    assert_eq!(world.state().writes(), 0);
}

#[test]
fn a_file_cannot_make_more_happen_than_is_due() {
    let world = World::new();
    let live = world.issue(None, 300);
    world.live("contoso", Some(&live));
    world.tenant("contoso", &live);
    world.commit("In sync");
    world.run(&["plan", "--out", FILE]).ends_with(0);
    // A forged write with the right digest: it is not what follows from Git and live.
    let other = World::new();
    other.renewal("contoso");
    other.run(&["plan", "--out", FILE]).ends_with(0);
    let forged = plan(&other);
    edit(&world, |plan| {
        plan["tenants"][0]["tokens"] = forged["tenants"][0]["tokens"].clone();
        plan["digest"] = forged["digest"].clone();
    });
    world.run(&["apply", FILE]).ends_with(5);
    assert_eq!(world.state().writes(), 0);
}

#[test]
fn a_plan_of_the_worktree_is_never_applied() {
    let world = World::new();
    world.renewal("contoso");
    world.run(&["plan", "--worktree", "--out", FILE]).ends_with(0);
    world.run(&["apply", FILE]).ends_with(64).says("made from the worktree");
}

#[test]
fn the_reviewed_digest_approves_what_is_left_of_the_plan() {
    let world = World::new();
    for number in 0..10 {
        world.renewal(&format!("tenant-{number}"));
    }
    world.run(&["plan", "--out", FILE]).ends_with(0);
    let digest = plan(&world)["digest"].as_str().unwrap().to_owned();
    // One more is due by now, and is neither applied nor part of what was approved.
    world.renewal("tenant-late");
    // And one more is held, so that the digest of what is left is not the reviewed one.
    let live = world.issue(None, 300);
    world.live("tenant-held", Some(&live));
    world.tenant("tenant-held", &world.issue(Some(&live.topic), 100));
    world.commit("Last year's file");
    world.run(&["apply", FILE]).ends_with(4).says("over the safety limit");
    world.run(&["apply", FILE, "--approve", "sha256:0000"]).ends_with(4);
    let approved = ["apply", FILE, "--approve", &digest, "--format", "json"];
    // The held one is neither in the reviewed plan nor green.
    let done = world.run(&approved).ends_with(4).json();
    assert_ne!(done["planDigest"], digest.as_str());
    assert_eq!(
        (&done["summary"]["uploaded"], &done["summary"]["notReviewed"]),
        (&10.into(), &1.into())
    );
}

#[test]
fn small_plans_of_one_commit_count_together() {
    let world = World::new();
    for number in 0..10 {
        world.renewal(&format!("tenant-{number}"));
    }
    let few = ["--select", "tenant-0", "--select", "tenant-1", "--select", "tenant-2"];
    world.run(&[&["plan", "--out", FILE], &few[..]].concat()).ends_with(0);
    world.run(&["apply", FILE]).ends_with(0);
    world.run(&["plan", "--out", FILE, "--select", "tenant-3"]).ends_with(0);
    world.run(&["apply", FILE]).ends_with(4).says("over the safety limit");
}
