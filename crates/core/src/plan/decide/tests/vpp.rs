//! A closer look at VPP tokens: what is written beside the file, and what a review may release.

use crate::model::{Event, Facts, FailureCode, Kind, Sha256, TokenRef};
use crate::plan::world::{NEXT_YEAR, THIS_YEAR, World, at, vpp_entry};
use crate::plan::{Action, Note, Reason, Sync, Warning};

#[test]
fn a_renewal_carries_the_settings_that_differ_and_no_others() {
    let mut world = World::vpp_renewal();
    world.live_vpp(|live| live.automatically_update_apps = Some(false));
    world.expect_upload();
    let due = world.planned().due.remove(0);
    assert_eq!(due.settings().unwrap().automatically_update_apps, Some(true));
    assert_eq!(due.settings().unwrap().country_or_region, None);
    let after = due.after;
    assert_eq!(
        (after.automatically_update_apps, after.state.as_deref()),
        (Some(true), Some("valid"))
    );
}

#[test]
fn a_held_renewal_holds_its_settings_too() {
    let mut world = World::vpp_renewal();
    world.live_vpp(|live| {
        live.automatically_update_apps = Some(false);
        live.organization = Some("Fabrikam".into());
    });
    world.expect_held(&[Reason::OrganizationDiffers]);
}

#[test]
fn a_setting_that_git_leaves_out_is_intunes_business() {
    let mut world = World::vpp();
    world.entry().facts.automatically_update_apps = None;
    world.live_vpp(|live| live.automatically_update_apps = Some(false));
    assert!(!world.plan().has_changes());
}

#[test]
fn a_change_of_settings_leaves_the_credential_as_it_is() {
    let mut world = World::vpp();
    world.live_vpp(|live| live.country_or_region = Some("us".into()));
    let token = world.expect_configure();
    let (before, after) = (token.before.unwrap(), token.after.unwrap());
    assert_eq!(after.expires, before.expires);
    assert_eq!(after.country_or_region.as_deref(), Some("gb"));
}

#[test]
fn an_apple_account_that_differs_is_told_and_never_written_by_itself() {
    let mut world = World::vpp();
    world.live_vpp(|live| live.apple_id = Some("someone@contoso.example".into()));
    assert!(!world.plan().has_changes());
    assert_eq!(world.first().state.warnings, [Warning::AppleIdDiffers]);
    world.live_vpp(|live| live.apple_id = Some("VPP@Contoso.example".into()));
    assert_eq!(world.first().state.warnings, []);
}

#[test]
fn a_move_to_another_location_is_released_by_a_line_that_names_both() {
    let mut world = World::vpp_renewal();
    world.entry().facts.location = Some("Paris".into());
    world.allow("wrong-location", "Paris", "London");
    let token = world.expect_held(&[Reason::WrongLocation]);
    assert!(token.state.details[1].contains("from: London"), "{:?}", token.state.details);
    world.allow("wrong-location", "London", "Paris");
    // The first line still does not fit; one that fits is enough.
    assert_eq!(world.expect_upload().allows, [Reason::WrongLocation]);
}

#[test]
fn a_location_that_is_known_by_its_id_may_be_called_otherwise() {
    let mut world = World::vpp_renewal();
    world.seen_at("77");
    world.live_vpp(|live| live.location = Some("London HQ".into()));
    let token = world.expect_upload();
    assert!(token.state.warnings.contains(&Warning::LocationRenamed), "{:?}", token.state);
    // What is there after the upload is still called as Intune calls it.
    assert_eq!(token.after.unwrap().location.as_deref(), Some("London HQ"));
    world.live_vpp(|live| live.location = Some("London".into()));
    assert!(!world.expect_upload().state.warnings.contains(&Warning::LocationRenamed));
}

/// The pull request tells it although nothing is due.
#[test]
fn an_edit_of_a_location_is_told_while_intune_has_the_file() {
    let mut world = World::vpp();
    world.seen_at("77");
    world.entry().location_id = Some("78".parse().unwrap());
    let state = world.expect(Sync::InSync, Action::None, &[]).state;
    assert!(state.warnings.contains(&Warning::FactsDiffer), "{state:?}");
    assert!(state.details.iter().any(|told| told.contains("locationId: 78")), "{state:?}");
}

#[test]
fn an_older_token_put_back_by_hand_can_be_replaced_after_review() {
    let mut world = World::vpp();
    world.live_vpp(|live| live.expires = Some(at(THIS_YEAR)));
    assert_eq!(world.planned().notes[0].note, Note::ChangedOutsideGit);
    world.allow("changed-outside-git", "2026-12-20T10:00:00+00:00", NEXT_YEAR);
    assert_eq!(world.expect_upload().allows, [Reason::ChangedOutsideGit]);
}

#[test]
fn a_vanished_token_is_created_again_only_after_review() {
    let mut world = World::vpp();
    world.live_vpps().clear();
    world.expect_held(&[Reason::Vanished]);
    world.allow("vanished", "absent", NEXT_YEAR);
    world.expect_held(&[Reason::CreateNotPermitted]);
    world.entry().create = true;
    assert_eq!(world.expect_create().allows, [Reason::Vanished]);
}

#[test]
fn what_is_created_is_announced_without_the_id_of_what_is_gone() {
    let mut world = World::vpp();
    world.live_vpps().clear();
    world.allow("vanished", "absent", NEXT_YEAR);
    world.entry().create = true;
    assert_eq!(world.planned().due[0].token.token.id, None);
}

#[test]
fn an_entry_that_names_the_id_of_what_was_made_again_is_told_the_new_one() {
    let mut world = World::vpp();
    super::situations::made_again_by_a_run(&mut world, &[Event::Applied, Event::Confirmed]);
    world.live_vpp(|live| live.id = "vpp-9".into());
    let token = world.first();
    assert_eq!(token.state.id.as_deref(), Some("vpp-9"));
    assert_eq!(token.state.warnings, [Warning::FactsDiffer]);
    assert!(token.state.details[0].contains("`applecart import --update contoso`"), "{token:?}");
}

#[test]
fn a_file_that_is_being_uploaded_as_another_token_is_not_uploaded_beside_it() {
    // Another entry had the file a minute ago, with an id of its own, so nothing is being created.
    let beside = |serial: &str| {
        let mut world = World::vpp_renewal();
        world.expect_upload();
        let line = world.recorded(Event::Intended, serial, "run-1", "2026-11-22T11:59:00Z");
        let (id, name) = (Some("vpp-9".into()), Some("Paris".into()));
        line.token = Some(TokenRef { kind: Kind::Vpp, id, name });
        line.after.as_mut().unwrap().location = Some("Paris".into());
        world
    };
    let token = beside("AA").first();
    assert_eq!((token.state.sync, token.action), (Sync::Progressing, Action::None));
    beside("BB").expect_upload();
}

#[test]
fn an_upload_of_the_same_expiry_shows_by_its_state_and_time() {
    let mut world = World::vpp();
    world.live_vpp(|live| live.state = "invalid".into());
    world.entry().file.as_mut().unwrap().sha256 = Sha256::of(b"BB");
    let line = world.recorded(Event::Intended, "BB", "run-1", "2026-11-22T11:50:00Z");
    line.before = Some(Facts { expires: Some(at(NEXT_YEAR)), ..Facts::default() });
    let not_yet = world.first();
    assert_eq!(not_yet.state.sync, Sync::Progressing);
    world.live_vpp(|live| {
        live.state = "valid".into();
        live.last_modified = Some(at("2026-11-22T11:51:00Z"));
    });
    assert!(world.first().state.warnings.contains(&Warning::UnrecordedUpload));
    // A change from before the sending is not its doing, but for what clocks differ by.
    world.live_vpp(|live| live.last_modified = Some(at("2026-11-22T11:40:00Z")));
    assert!(world.first().state.warnings.contains(&Warning::UnrecordedUpload));
    world.live_vpp(|live| live.last_modified = Some(at("2026-11-22T11:39:59Z")));
    assert_eq!(world.first().state.sync, Sync::Progressing);
}

#[test]
fn a_sending_that_landed_in_another_location_is_no_success() {
    let mut world = World::vpp();
    world.forget();
    let line = world.recorded(Event::Intended, "AA", "run-1", "2026-11-22T11:50:00Z");
    line.before = Some(Facts { expires: Some(at(THIS_YEAR)), ..Facts::default() });
    world.live_vpp(|live| live.location = Some("Paris".into()));
    world.expect_held(&[Reason::Rejected]);
    assert_eq!(world.planned().notes[0].note, Note::WrongLocation);
}

#[test]
fn an_upload_in_another_location_is_told_with_both_readings_and_the_line_for_the_repair() {
    let mut world = World::vpp();
    world.forget();
    world.recorded(Event::Intended, "AA", "run-1", "2026-11-20T10:00:00Z");
    world.failed("AA", FailureCode::WrongLocation);
    world.live_vpp(|live| live.location = Some("London HQ".into()));
    let detail = world.expect_held(&[Reason::Rejected]).state.details.remove(0);
    for part in [
        "If Apple renamed the location, no licence is lost",
        "`applecart import --update contoso`",
        "devices of \"London\" lost their apps' licences",
        "allow: [{hold: wrong-location, from: \"London HQ\", to: \"London\"",
    ] {
        assert!(detail.contains(part), "{detail}");
    }
}

#[test]
fn a_location_that_apple_renamed_is_a_remark_on_a_token_in_sync() {
    let mut world = World::vpp();
    world.live_vpp(|live| live.location = Some("London HQ".into()));
    let token = world.first();
    assert_eq!(token.state.warnings, [Warning::FactsDiffer]);
    assert!(token.state.details[0].contains("\"London HQ\""), "{:?}", token.state.details);
}

#[test]
fn a_token_that_was_created_again_is_named_with_its_new_id_and_the_repair() {
    let mut world = World::vpp_renewal();
    world.forget();
    world.live_vpp(|live| live.id = "vpp-9".into());
    let detail = world.expect_held(&[Reason::IdGone]).state.details.remove(0);
    for part in ["vpp-1", "vpp-9", "\"London\"", "remove `id` from the entry"] {
        assert!(detail.contains(part), "{detail}");
    }
}

#[test]
fn a_token_that_landed_in_another_location_is_held_although_it_is_live() {
    let mut world = World::vpp();
    world.forget();
    world.recorded(Event::Intended, "AA", "run-1", "2026-11-20T10:00:00Z");
    world.failed("AA", FailureCode::WrongLocation);
    world.live_vpp(|live| live.location = Some("Paris".into()));
    world.expect_held(&[Reason::Rejected]);
}

#[test]
fn what_is_put_right_without_a_location_in_git_is_to_be_where_it_was_before() {
    let mut world = World::vpp();
    world.forget();
    world.recorded(Event::Intended, "AA", "run-1", "2026-11-20T10:00:00Z");
    world.failed("AA", FailureCode::WrongLocation);
    world.live_vpp(|live| live.location = Some("Paris".into()));
    world.entry().facts.location = None;
    let detail = world.expect_held(&[Reason::Rejected]).state.details.remove(0);
    assert!(detail.contains("devices of \"London\" lost their apps' licences"), "{detail}");
    let file = world.entry().file.as_mut().unwrap();
    file.sha256 = Sha256::of(b"BB");
    world.entry().facts.expires = Some(at("2027-11-21T10:00:00Z"));
    let detail = world.expect_held(&[Reason::WrongLocation]).state.details.remove(0);
    assert!(detail.contains("write `location: Paris` on the entry"), "{detail}");
    assert!(detail.contains("hold: wrong-location, from: \"Paris\", to: \"London\""), "{detail}");
    world.allow("wrong-location", "Paris", "London");
    world.expect_upload();
    assert_eq!(world.planned().due[0].after.location.as_deref(), Some("London"));
}

#[test]
fn a_token_that_may_be_another_locations_is_named_with_what_to_write() {
    let mut world = World::vpp();
    let mut oslo = vpp_entry("Oslo", None, "OO", NEXT_YEAR);
    (oslo.create, oslo.facts.location) = (true, None);
    world.tenant.vpp.insert(0, oslo);
    let detail = world.expect_held(&[Reason::CreateNotPermitted]).state.details.remove(0);
    for part in ["vpp-1", "write `location` on it", "the entry \"London\" names that token"] {
        assert!(detail.contains(part), "{detail}");
    }
    world.tenant.vpp.truncate(1);
    let detail = world.expect_held(&[Reason::CreateNotPermitted]).state.details.remove(0);
    assert!(detail.contains("if it is for the same, write that `id` on it"), "{detail}");
    world.entry().facts.location = Some("London".into());
    world.tenant.vpp.push(vpp_entry("London", Some("vpp-1"), "AA", NEXT_YEAR));
    let detail = world.expect_held(&[Reason::CreateNotPermitted]).state.details.remove(0);
    assert!(detail.contains("`applecart renew contoso/London --file FILE`"), "{detail}");
}
