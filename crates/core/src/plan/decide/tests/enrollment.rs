//! A closer look at enrollment tokens: urgency, age, and the key that a file is encrypted to.

use rcgen::{CertificateParams, DnType, KeyPair, SerialNumber};

use crate::fleet::Recipient;
use crate::model::Event;
use crate::plan::world::{NEXT_YEAR, THIS_YEAR, World, at};
use crate::plan::{Note, Reason, Sync, Warning};

/// Intune's public key, as `getEncryptionPublicKey` may give it.
fn intunes_key(serial: u8) -> String {
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, "Microsoft Intune");
    params.serial_number = Some(SerialNumber::from_slice(&[0x50, serial]));
    params.self_signed(&KeyPair::generate().unwrap()).unwrap().pem()
}

fn recipient(serial: &str) -> Option<Recipient> {
    Some(Recipient { issuer: "CN=Microsoft Intune".into(), serial: serial.parse().unwrap() })
}

#[test]
fn an_upload_is_urgent_and_says_since_when_devices_do_not_sync() {
    let token = World::enrollment_renewal().expect_upload();
    assert!(token.urgent);
    let first = &token.state.details[0];
    assert!(first.contains("device sync is down since 2026-11-20T10:00:00Z"), "{first}");
}

#[test]
fn a_held_new_file_is_just_as_urgent_and_an_old_one_is_not() {
    let mut world = World::enrollment_renewal();
    world.suspend("2026-12-31");
    assert!(world.expect_held(&[Reason::Suspended]).urgent);
    let mut world = World::enrollment();
    world.live_enrollment(|live| live.expires = Some(at("2028-01-01T00:00:00Z")));
    assert!(!world.expect_held(&[Reason::RenewedOutsideGit]).urgent);
    // A file that nobody uploaded, and that is older than the live token all the same.
    let mut world = World::enrollment_renewal();
    world.live_enrollment(|live| live.expires = Some(at("2028-01-01T00:00:00Z")));
    assert!(!world.expect_held(&[Reason::OlderThanLive]).urgent);
}

#[test]
fn no_other_kind_and_no_token_in_sync_is_urgent() {
    assert!(!World::renewal().first().urgent);
    assert!(!World::vpp_renewal().first().urgent);
    assert!(!World::enrollment().first().urgent);
    // Scope tags alone are no new file.
    let mut world = World::enrollment();
    world.entry().facts.role_scope_tag_ids = Some(vec!["7".into()]);
    assert!(!world.expect_configure().urgent);
}

#[test]
fn a_file_for_another_key_than_intunes_is_held() {
    let mut world = World::enrollment_renewal();
    world.live_enrollment(|live| live.encryption_public_key = Some(intunes_key(7)));
    world.entry().recipient = recipient("5007");
    assert_eq!(world.expect_upload().state.warnings, []);
    world.entry().recipient = recipient("5008");
    let token = world.expect_held(&[Reason::RecipientMismatch]);
    assert!(token.state.details.iter().any(|text| text.contains("number 5007")));
}

#[test]
fn a_key_that_cannot_be_compared_is_only_a_warning() {
    let mut world = World::enrollment_renewal();
    world.entry().recipient = recipient("5007");
    for key in [None, Some("not a key".to_owned())] {
        world.live_enrollment(|live| live.encryption_public_key = key.clone());
        assert_eq!(world.expect_upload().state.warnings, [Warning::RecipientUnverifiable]);
    }
    world.live_enrollment(|live| live.encryption_public_key = Some(intunes_key(7)));
    world.entry().recipient = None;
    assert_eq!(world.expect_upload().state.warnings, [Warning::RecipientUnverifiable]);
}

#[test]
fn a_day_between_apples_clock_and_the_files_name_is_no_difference() {
    let mut world = World::enrollment_renewal();
    world.live_enrollment(|live| live.expires = Some(at("2027-11-21T09:00:00Z")));
    world.expect_upload();
    world.live_enrollment(|live| live.expires = Some(at("2027-11-21T10:00:01Z")));
    world.expect_held(&[Reason::OlderThanLive]);
}

#[test]
fn an_unknown_age_is_released_by_a_line_that_names_the_live_expiry_and_the_digest() {
    let mut world = World::enrollment_renewal();
    world.entry().downloaded = None;
    let sha256 = world.entry().file.as_ref().unwrap().sha256.to_string();
    world.allow("age-unknown", THIS_YEAR, &sha256);
    assert_eq!(world.expect_upload().allows, [Reason::AgeUnknown]);
}

#[test]
fn the_expiry_in_the_tenant_file_is_not_what_an_upload_promises() {
    let mut world = World::enrollment_renewal();
    world.entry().facts.expires = Some(at(THIS_YEAR));
    let token = world.expect_upload();
    assert_eq!(token.after.unwrap().expires, None);
}

#[test]
fn a_renewal_shows_when_the_expiry_moved_or_intune_changed_it_within_the_settling_time() {
    let mut world = World::enrollment_renewal();
    let line = world.recorded(Event::Intended, "AA", "run-1", "2026-11-22T11:00:00Z");
    line.before.clone_from(&line.after);
    line.before.as_mut().unwrap().expires = Some(at(THIS_YEAR));
    world.expect_upload();
    for (modified, expires, sync) in [
        ("2026-11-22T11:01:00Z", THIS_YEAR, Sync::InSync),
        ("2026-11-22T10:59:00Z", THIS_YEAR, Sync::OutOfSync),
        // Somebody touched it later; that need not be this upload.
        ("2026-11-22T11:45:00Z", THIS_YEAR, Sync::OutOfSync),
        ("2025-12-20T10:30:00Z", NEXT_YEAR, Sync::InSync),
    ] {
        world.live_enrollment(|live| {
            live.last_modified = Some(at(modified));
            live.expires = Some(at(expires));
        });
        assert_eq!(world.first().state.sync, sync, "{modified} {expires}");
    }
    assert_eq!(world.planned().notes[0].note, Note::Confirmed);
}
