//! A closer look at enrollment tokens: urgency, age, and the key that a file is encrypted to.

use rcgen::{CertificateParams, DnType, KeyPair, SerialNumber};

use crate::fleet::Recipient;
use crate::model::{Event, Evidence, Sha256};
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
    // A file that nobody uploaded, and that is older than the token in Intune all the same.
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
fn within_a_day_of_the_download_it_is_unknown_which_file_is_newer() {
    let mut world = World::enrollment_renewal();
    for (expires, held) in [
        ("2027-11-19T09:59:59Z", None),
        ("2027-11-19T10:00:00Z", Some(Reason::AgeUnknown)),
        (NEXT_YEAR, Some(Reason::AgeUnknown)),
        ("2027-11-21T10:00:00Z", Some(Reason::AgeUnknown)),
        ("2027-11-21T10:00:01Z", Some(Reason::OlderThanLive)),
    ] {
        world.live_enrollment(|live| live.expires = Some(at(expires)));
        match held {
            Some(reason) => assert!(!world.expect_held(&[reason]).urgent, "{expires}"),
            None => assert!(world.expect_upload().urgent, "{expires}"),
        }
    }
}

#[test]
fn a_file_of_one_day_says_what_to_do_and_the_line_that_releases_it() {
    let mut world = World::enrollment_renewal();
    world.live_enrollment(|live| live.expires = Some(at(NEXT_YEAR)));
    let sha256 = world.entry().file.as_ref().unwrap().sha256.to_string();
    let detail = world.expect_held(&[Reason::AgeUnknown]).state.details.remove(0);
    assert!(detail.contains("`applecart import --update contoso`"), "{detail}");
    let line = format!("allow: [{{hold: age-unknown, from: \"{NEXT_YEAR}\", to: \"{sha256}\"");
    assert!(detail.contains(&line), "{detail}");
    world.allow("age-unknown", NEXT_YEAR, &sha256);
    let token = world.expect_upload();
    assert!(token.urgent);
    assert_eq!(token.allows, [Reason::AgeUnknown]);
}

#[test]
fn a_token_that_moved_since_it_was_recorded_is_told_and_recorded_and_holds_nothing() {
    let mut world = World::enrollment_renewal();
    world.live_enrollment(|live| live.expires = Some(at("2026-12-28T10:00:00Z")));
    let token = world.expect_upload();
    assert!(token.state.warnings.contains(&Warning::MovedOutsideGit), "{token:?}");
    assert_eq!(world.planned().notes[0].note, Note::ChangedOutsideGit);
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

/// A renewal that a run announced at 11:00 and, where `accepted`, sent.
fn announced(accepted: bool) -> World {
    let mut world = World::enrollment_renewal();
    world.now = at("2026-11-22T13:00:00Z");
    for event in [Event::Intended, Event::Applied].into_iter().take(1 + usize::from(accepted)) {
        let line = world.recorded(event, "AA", "run-1", "2026-11-22T11:00:00Z");
        line.before.clone_from(&line.after);
        line.before.as_mut().unwrap().expires = Some(at(THIS_YEAR));
        line.after.as_mut().unwrap().expires = None;
    }
    world
}

/// Whether Intune with this token proves that the sending landed, and on what evidence.
fn shown(world: &mut World, modified: &str, expires: &str) -> Option<Option<Evidence>> {
    world.live_enrollment(|live| {
        live.last_modified = Some(at(modified));
        live.expires = Some(at(expires));
    });
    world.planned().notes.into_iter().find_map(|noted| match noted.note {
        Note::Confirmed(evidence) => Some(evidence),
        _ => None,
    })
}

#[test]
fn an_accepted_renewal_shows_when_the_expiry_moved_or_intune_changed_it_at_that_time() {
    let mut world = announced(true);
    // Downloaded two days ago, so that Apple's token ends on NEXT_YEAR or within a day of it.
    for (modified, expires, is_shown) in [
        ("2025-12-20T10:30:00Z", NEXT_YEAR, true),
        ("2025-12-20T10:30:00Z", "2027-11-21T10:00:00Z", true),
        ("2025-12-20T10:30:00Z", "2027-11-21T10:00:01Z", false),
        ("2026-11-22T11:01:00Z", THIS_YEAR, false),
    ] {
        let evidence = shown(&mut world, modified, expires);
        assert_eq!(evidence, is_shown.then_some(None), "{modified} {expires}");
    }
    // Of a file without a date the time alone tells: ten minutes either way are clocks' business.
    world.entry().downloaded = None;
    for (modified, is_shown) in [
        ("2026-11-22T10:49:59Z", false),
        ("2026-11-22T10:50:00Z", true),
        ("2026-11-22T11:40:00Z", true),
        ("2026-11-22T11:40:01Z", false),
    ] {
        assert_eq!(shown(&mut world, modified, THIS_YEAR).is_some(), is_shown, "{modified}");
    }
}

#[test]
fn a_renewal_that_was_only_announced_shows_when_the_expiry_moved_at_that_time() {
    let mut world = announced(false);
    for (modified, expires, is_shown) in [
        ("2026-11-22T11:01:00Z", NEXT_YEAR, true),
        // Until the lease ended, Intune settled, and ten minutes for the clocks.
        ("2026-11-22T11:55:00Z", NEXT_YEAR, true),
        ("2026-11-22T11:55:01Z", NEXT_YEAR, false),
        ("2026-11-22T10:49:59Z", NEXT_YEAR, false),
        ("2026-11-22T11:01:00Z", THIS_YEAR, false),
        ("2026-11-22T11:01:00Z", "2027-11-22T11:00:00Z", false),
    ] {
        let evidence = shown(&mut world, modified, expires);
        assert_eq!(evidence, is_shown.then_some(Some(Evidence::Inferred)), "{modified} {expires}");
    }
}

#[test]
fn what_the_ledger_read_since_is_what_an_announced_renewal_has_to_differ_from() {
    let mut world = announced(false);
    world.recorded(Event::ChangedOutsideGit, "BB", "run-2", "2026-11-22T11:30:00Z");
    assert_eq!(shown(&mut world, "2026-11-22T11:01:00Z", NEXT_YEAR), None);
}

#[test]
fn an_inferred_confirmation_is_a_warning_until_another_one_follows() {
    let mut world = World::enrollment();
    assert_eq!(world.first().state.warnings, []);
    world.inferred();
    let token = world.expect(Sync::InSync, crate::plan::Action::None, &[]);
    assert_eq!(token.state.warnings, [Warning::EvidenceInferred]);
    assert!(token.state.details[0].contains("inferred"), "{:?}", token.state.details);
}

#[test]
fn a_file_of_too_early_a_date_is_told_the_date_to_write_and_that_is_all_it_needs() {
    let mut world = announced(true);
    world.recorded(Event::OutcomeUnknown, "AA", "run-2", "2026-11-22T11:50:00Z");
    world.live_enrollment(|live| {
        live.expires = Some(at("2027-11-22T10:50:00Z"));
        live.last_modified = Some(at("2026-11-22T11:00:00Z"));
    });
    world.downloads.add(Sha256::of(b"AA"), at("2026-11-20T10:00:00Z"));
    let token = world.expect_held(&[Reason::AgeUnknown]);
    assert!(!token.urgent);
    let detail = &token.state.details[0];
    assert!(detail.contains("`downloaded: 2026-11-22T10:50:00Z`"), "{detail}");
    assert!(!detail.contains("import --update"), "{detail}");
    world.entry().downloaded = Some(at("2026-11-22T10:50:00Z"));
    assert!(!world.expect(Sync::InSync, crate::plan::Action::None, &[]).urgent);
    let noted = world.planned().notes.remove(0);
    assert_eq!(noted.note, Note::Confirmed(None));
    assert_eq!(noted.file.unwrap().downloaded, Some(at("2026-11-22T10:50:00Z")));
}

#[test]
fn a_file_that_was_sent_over_itself_is_sent_no_third_time() {
    let mut world = announced(true);
    let now_there = at("2027-11-22T10:50:00Z");
    world.live_enrollment(|live| live.expires = Some(now_there));
    for event in [Event::Intended, Event::Applied] {
        world.recorded(event, "AA", "run-2", "2026-11-22T12:00:00Z");
    }
    world.recorded(Event::NotShown, "AA", "run-3", "2026-11-22T12:40:00Z");
    let digest = Sha256::of(b"AA").to_string();
    world.allow("age-unknown", "2027-11-22T10:50:00+00:00", &digest);
    let token = world.expect_held(&[Reason::AgeUnknown]);
    let detail = &token.state.details[0];
    assert!(detail.contains("again on 2026-11-22T12:00:00Z"), "{detail}");
    assert!(detail.contains("nothing has to be downloaded") && !token.urgent, "{detail}");
}

#[test]
fn an_enrollment_file_that_intune_never_changed_for_is_not_there() {
    // Two downloads of one day: the first is in Intune, and lines say that the second is.
    let mut world = World::enrollment();
    world.forget();
    world.confirmed_download("99", "2026-11-20T08:00:00Z", NEXT_YEAR);
    for event in [Event::Intended, Event::Applied, Event::Confirmed] {
        world.recorded(event, "AA", "run-9", "2026-11-20T16:30:00Z");
    }
    world.live_enrollment(|live| live.last_modified = Some(at("2026-11-20T12:00:00Z")));
    assert!(world.expect_upload().urgent);
    // Intune took it: it changed the token since, or its expiry moved with it.
    world.live_enrollment(|live| live.last_modified = Some(at("2026-11-20T16:31:00Z")));
    assert_eq!(world.first().state.sync, Sync::InSync);
}

#[test]
fn lines_from_before_the_download_keep_no_file_waiting() {
    let mut world = World::enrollment();
    world.forget();
    world.now = at("2026-11-20T17:40:00Z");
    world.policy.settle = chrono::Duration::days(7);
    world.entry().downloaded = Some(at("2026-11-20T16:00:00Z"));
    world.live_enrollment(|live| live.expires = Some(at(THIS_YEAR)));
    for event in [Event::Intended, Event::Applied] {
        world.recorded(event, "AA", "run-9", "2026-11-18T16:05:00Z");
    }
    let token = world.expect_upload();
    assert!(token.urgent && token.state.warnings.contains(&Warning::RecordDisproved), "{token:?}");
    let told = |text: &String| text.contains("before the file was downloaded");
    assert!(token.state.details.iter().any(told), "{token:?}");
    // Lines of a time at which the file was there keep it waiting, as those of a run do.
    world.entry().downloaded = Some(at("2026-11-18T16:00:00Z"));
    assert_eq!(world.first().state.sync, Sync::Progressing);
}

/// A second download of a day (AA), which no run sent, beside a first one (99) that a run sent and
/// saw; and lines of these events that say that the second one was sent, over last year's token.
fn forged(events: &[Event]) -> World {
    let mut world = World::enrollment();
    world.forget();
    world.now = at("2026-11-20T17:40:00Z");
    world.confirmed_download("99", "2026-11-20T08:00:00Z", NEXT_YEAR);
    for event in events {
        let line = world.recorded(*event, "AA", "run-9", "2026-11-20T16:05:00Z");
        line.before = line.after.clone();
        line.before.as_mut().unwrap().expires = Some(at(THIS_YEAR));
    }
    world.live_enrollment(|live| live.last_modified = Some(at("2026-11-20T15:59:00Z")));
    world
}

#[test]
fn lines_beside_a_genuine_upload_make_no_second_file_of_the_day_look_uploaded() {
    let mut world = forged(&[Event::Intended, Event::Applied, Event::Confirmed]);
    let token = world.expect_upload();
    assert!(token.urgent);
    assert!(token.state.warnings.contains(&Warning::RecordDisproved), "{token:?}");
    assert!(token.state.details.iter().any(|text| text.contains("Line 4")), "{token:?}");
    // So far apart no two right clocks are: Intune changed it after the first file was seen.
    world.live_enrollment(|live| live.last_modified = Some(at("2026-11-20T16:10:00Z")));
    assert_eq!(world.first().state.sync, Sync::InSync);
}

#[test]
fn an_accepted_second_file_of_the_day_is_not_shown_by_what_the_first_one_brought() {
    let world = forged(&[Event::Intended, Event::Applied]);
    world.expect_upload();
    let notes = world.planned().notes;
    assert!(!notes.iter().any(|noted| matches!(noted.note, Note::Confirmed(_))), "{notes:?}");
}

#[test]
fn what_was_seen_before_an_upload_is_no_proof_of_it_whoever_brought_it() {
    // Somebody renewed it in the portal, and a run saw that.
    let mut world = World::enrollment();
    world.forget();
    world.now = at("2026-11-20T17:40:00Z");
    world.recorded(Event::ChangedOutsideGit, "BB", "run-0", "2026-11-20T16:04:00Z");
    for event in [Event::Intended, Event::Applied, Event::Confirmed] {
        let line = world.recorded(event, "AA", "run-9", "2026-11-20T16:05:00Z");
        line.before = line.after.clone();
        line.before.as_mut().unwrap().expires = Some(at(THIS_YEAR));
    }
    world.live_enrollment(|live| live.last_modified = Some(at("2026-11-20T16:00:00Z")));
    let token = world.expect_held(&[Reason::AgeUnknown]);
    assert!(token.state.warnings.contains(&Warning::RecordDisproved), "{token:?}");
    // That it was this very file: sent over itself it changes no expiry.
    world.live_enrollment(|live| live.last_modified = Some(at("2026-11-20T16:05:30Z")));
    assert_eq!(world.first().state.sync, Sync::InSync);
}
