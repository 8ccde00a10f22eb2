//! VPP tokens of several locations of one customer, whose files look the same.

use applecart_core::model::Kind;

use crate::world::{VppFile, World, in_days, tenant_id};

const CONSENT: &str = "consent: {dataSharing: true}\n";
const FILE: &str = "tenants/contoso/tenant.yaml";

/// The entry names no location: what is there then is what the file says by itself.
fn without_location(world: &World) {
    let path = world.repo().join(FILE);
    let text = std::fs::read_to_string(&path).unwrap();
    let kept: String =
        text.split_inclusive('\n').filter(|line| !line.starts_with("    location:")).collect();
    world.write(FILE, &kept);
    world.commit("Without location");
}

fn locations(world: &World) -> Vec<String> {
    let tenant = world.state().tenant(tenant_id("contoso")).unwrap();
    tenant.vpp_tokens.into_iter().map(|one| one.location_name).collect()
}

/// The line that moves a token from one location to another.
fn moved(from: &str, to: &str) -> String {
    let until = in_days(10).format("%F");
    format!(
        "    allow: [{{hold: wrong-location, from: {from}, to: {to}, reason: the wrong file is replaced, until: {until}}}]\n"
    )
}

#[test]
fn a_file_of_another_location_stays_held_although_the_entry_names_none() {
    let world = World::new();
    world.live_of_all_kinds("contoso");
    let londons = |file: &VppFile, more: &str| {
        world.tokens("contoso").vpp("London", Some("vpp-contoso"), file, more).commit();
        without_location(&world);
    };
    londons(&world.vpp_file("Lyon", 364), "");
    world.run(&["apply"]).ends_with(3).says("devices of \"London\" lost their apps' licences");
    for _ in 0..2 {
        world.run(&["status", "--fail-on", "urgent"]).ends_with(9).says("rejected");
        world.run(&["plan", "--detailed-exitcode"]).ends_with(2).says("held vpp London");
        world.run(&["apply"]).ends_with(4).says("1 hold");
    }
    world.run(&["acknowledge", "contoso/London"]).ends_with(4);
    // Lyon's next file is no repair either, and London's is one with the printed line.
    londons(&world.vpp_file("Lyon", 365), "");
    world.run(&["apply"]).ends_with(4).says("wrong-location");
    londons(&world.vpp_file("Lyon", 365), &moved("Lyon", "London"));
    world.run(&["apply"]).ends_with(3).says("names the location \"Lyon\"");
    londons(&world.vpp_file("London", 366), &moved("Lyon", "London"));
    world.run(&["apply"]).ends_with(0).says("uploaded");
    assert_eq!(locations(&world), ["London"]);
    world.run(&["plan", "--detailed-exitcode"]).ends_with(0).says("nothing to upload");
}

#[test]
fn the_location_that_intune_has_ends_the_hold_once_git_names_it() {
    let world = World::new();
    world.live_of_all_kinds("contoso");
    let file = world.vpp_file("London HQ", 364);
    world.tokens("contoso").vpp("London", Some("vpp-contoso"), &file, "").commit();
    without_location(&world);
    world.run(&["apply"]).ends_with(3).says("If Apple renamed the location, no licence is lost");
    world.run(&["import", "--update", "contoso"]).ends_with(0).says("do not merge this");
    let text = std::fs::read_to_string(world.repo().join(FILE)).unwrap();
    assert!(text.contains("    location: London HQ\n"), "{text}");
    world.commit("Follow Apple's name");
    world.run(&["apply"]).ends_with(0).says("verified");
    world.run(&["plan", "--detailed-exitcode"]).ends_with(0).says("nothing to upload");
}

#[test]
fn a_token_for_another_location_of_one_owner_is_made_and_takes_nothing_over() {
    let world = World::new();
    world.live_of_all_kinds("contoso");
    let oslo = world.vpp_file("Oslo", 364);
    let create = "    create: true\n    country: gb\n";
    let tokens = || world.tokens("contoso").head(CONSENT);
    tokens().vpp("Oslo", None, &oslo, create).commit();
    without_location(&world);
    world
        .run(&["apply"])
        .ends_with(4)
        .says("create-not-permitted")
        .says("write `location` on it, as Apple names it")
        .says("write that `id` on it");
    world.run(&["status", "--fail-on", "urgent"]).ends_with(9);
    assert_eq!(
        (locations(&world), world.uploads_of("contoso", Kind::Vpp)),
        (vec!["London".into()], 0)
    );
    // With its location it is another one, whether Git has the first one or not.
    tokens().vpp("Oslo", None, &oslo, create).commit();
    world.run(&["plan"]).ends_with(0).says("create vpp Oslo");
    let london = world.vpp_file("London", 364);
    tokens()
        .vpp("London", Some("vpp-contoso"), &london, "")
        .vpp("Oslo", None, &oslo, create)
        .commit();
    world.run(&["apply"]).ends_with(0).says("created").says("uploaded");
    assert_eq!(locations(&world), ["London", "Oslo"]);
    world.run(&["plan", "--detailed-exitcode"]).ends_with(0).says("nothing to upload");
}

#[test]
fn the_right_file_and_its_line_undo_a_wrong_upload_that_made_a_duplicate() {
    let world = World::new();
    world.live_of_all_kinds("contoso");
    world.change("contoso", |tenant| {
        tenant.vpp_tokens.push(world.live_vpp("vpp-paris", "Paris", 20));
    });
    let paris = |file: &VppFile, more: &str| {
        world.tokens("contoso").vpp("Paris", Some("vpp-paris"), file, more).commit();
    };
    paris(&world.vpp_file("London", 364), "");
    world.run(&["apply"]).ends_with(3).says("devices of \"Paris\" lost");
    world
        .run(&["status", "--fail-on", "urgent"])
        .ends_with(9)
        .says("duplicate-location")
        .says("remove none");
    let right = world.vpp_file("Paris", 365);
    paris(&right, "");
    world.run(&["apply"]).ends_with(4).says("wrong-location");
    paris(&right, &moved("London", "Paris"));
    world.run(&["apply"]).ends_with(0).says("uploaded");
    assert_eq!(locations(&world), ["London", "Paris"]);
    world.run(&["plan", "--detailed-exitcode"]).ends_with(0).says("nothing to upload");
}
