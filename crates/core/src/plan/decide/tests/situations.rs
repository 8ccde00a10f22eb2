//! The decision table in the words of an admin's year. Each row starts from equal worlds, or from
//! an ordinary renewal, changes one thing, and expects one thing.

use chrono::Duration;

use crate::fleet::{CheckWithApple, Desired, SyncStale};
use crate::model::{
    EntryBody, Event, FailureCode, Kind, LedgerEntry, Problem, ProblemCode, Reading, Resource,
    Revocation, Sha256,
};
use crate::plan::world::{
    NEXT_YEAR, OTHER_TOPIC, THIS_YEAR, TOPIC, World, at, live_vpp, tenant, vpp_entry,
};
use crate::plan::{Action, Expiry, Health, HealthReason, Reason, Sync};
use crate::rules::last_known::Remembered;

/// What happened, in which world, and what must follow for its first token.
struct Situation {
    what: &'static str,
    world: fn() -> World,
    change: fn(&mut World),
    sync: Sync,
    action: Action,
    reasons: &'static [Reason],
}

use Action as A;
use Reason as R;
use Sync as S;

macro_rules! situations {
    ($($what:literal: $world:expr, $change:expr => $sync:ident $action:ident [$($reason:ident),*];)+) => {
        const SITUATIONS: &[Situation] = &[$(Situation {
            what: $what,
            world: $world,
            change: $change,
            sync: S::$sync,
            action: A::$action,
            reasons: &[$(R::$reason),*],
        }),+];
    };
}

situations! {
    // Nothing happened.
    "the push certificate is the one in Git": World::equal, |_| {} => InSync None [];
    "the enrollment token is the one in Git": World::enrollment, |_| {} => InSync None [];
    "the VPP token is the one in Git": World::vpp, |_| {} => InSync None [];

    // Ordinary days.
    "a first push certificate": World::first_upload, |_| {} => OutOfSync Upload [];
    "an ordinary renewal of the push certificate": World::renewal, |_| {} => OutOfSync Upload [];
    "an ordinary renewal of the enrollment token": World::enrollment_renewal, |_| {} => OutOfSync Upload [];
    "an ordinary renewal of the VPP token": World::vpp_renewal, |_| {} => OutOfSync Upload [];
    "an enrollment token was downloaded again and is not uploaded yet": World::enrollment, |world| {
        new_file(world, "BB");
        world.entry().downloaded = Some(at("2026-11-22T10:00:00Z"));
    } => OutOfSync Upload [];
    "a VPP setting differs from Git": World::vpp, |world| {
        world.live_vpp(|live| live.automatically_update_apps = Some(false));
    } => OutOfSync Configure [];
    "an enrollment token has other scope tags than Git says": World::enrollment, |world| {
        world.entry().facts.role_scope_tag_ids = Some(vec!["7".into()]);
    } => OutOfSync Configure [];
    "scope tags stand in another order": World::vpp, |world| {
        world.entry().facts.role_scope_tag_ids = Some(vec!["7".into(), "0".into()]);
        world.live_vpp(|live| live.role_scope_tag_ids = Some(vec!["0".into(), "7".into()]));
    } => InSync None [];
    "a VPP token that Git permits to create": World::vpp, |world| {
        no_vpp_token(world);
        world.entry().create = true;
    } => OutOfSync Create [];
    "a VPP token to create, and the customer has not consented": World::vpp, |world| {
        no_vpp_token(world);
        world.entry().create = true;
        world.tenant.consent_data_sharing = false;
    } => Held Hold [ConsentMissing];
    "a first push certificate without an Apple Account": World::first_upload, |world| {
        world.entry().facts.apple_id = None;
    } => Held Hold [AppleIdMissing];
    "a renewal, and neither Git nor Intune knows the Apple Account": World::renewal, |world| {
        world.entry().facts.apple_id = Some(" ".into());
        world.live_push(|live| live.apple_id = Some(String::new()));
    } => Held Hold [AppleIdMissing];
    "a renewal, and only Intune knows the Apple Account": World::renewal, |world| {
        world.entry().facts.apple_id = None;
    } => OutOfSync Upload [];
    "an enrollment renewal without an Apple Account": World::enrollment_renewal, |world| {
        world.entry().facts.apple_id = None;
        world.live_enrollment(|live| live.apple_id = None);
    } => Held Hold [AppleIdMissing];
    "a VPP renewal names no Apple Account": World::vpp_renewal, |world| {
        world.entry().facts.apple_id = None;
        world.live_vpp(|live| live.apple_id = None);
    } => OutOfSync Upload [];
    "a VPP token to create without an Apple Account": World::vpp, |world| {
        no_vpp_token(world);
        world.entry().create = true;
        world.entry().facts.apple_id = None;
    } => Held Hold [AppleIdMissing];
    "an enrollment token that is watched has other scope tags": World::enrollment, |world| {
        world.entry().file = None;
        world.entry().facts.role_scope_tag_ids = Some(vec!["7".into()]);
    } => Watched None [];

    // The facts in the tenant file were edited wrongly after Intune had its file. No write follows; the
    // list of what needs a person tells it.
    "the tenant file says a later expiry of the certificate that Intune has": World::equal, |world| {
        world.entry().facts.expires = Some(at("2029-11-20T10:00:00Z"));
    } => InSync None [];
    "the tenant file says another organisation of the token that Intune has": World::vpp, |world| {
        world.entry().facts.organization = Some("Fabrikam".into());
    } => InSync None [];
    "the tenant file says another name of an enrollment token that Intune has": World::enrollment, |world| {
        world.entry().facts.name = Some("Fabrikam ABM".into());
    } => InSync None [];

    // Encrypted again: other sealed bytes, by the tenant file's word the same file.
    "the certificate in Git was encrypted again since a run opened it": World::equal, encrypted_again => Unverified Verify [];
    "the enrollment file in Git was encrypted again since a run opened it": World::enrollment, encrypted_again => Unverified Verify [];
    "the VPP file in Git was encrypted again since a run opened it": World::vpp, encrypted_again => Unverified Verify [];
    "the file was encrypted again, and a run has opened that one, too": World::equal, |world| {
        encrypted_again(world);
        world.recorded(Event::Verified, "AA", "run-1", "2026-11-21T11:00:00Z");
        name_bytes(world, NEW_BYTES);
    } => InSync None [];
    "the file was encrypted again, and then the first bytes came back": World::equal, |world| {
        world.entry().file.as_mut().unwrap().blob = OLD_BYTES.to_owned();
        name_bytes(world, OLD_BYTES);
        world.recorded(Event::Verified, "AA", "run-1", "2026-11-21T11:00:00Z");
        name_bytes(world, NEW_BYTES);
    } => InSync None [];
    "a file that is due was encrypted again after a run had announced it": World::renewal, |world| {
        world.recorded(Event::NotLanded, "AA", "run-1", "2026-11-21T11:00:00Z");
        encrypted_again(world);
    } => OutOfSync Upload [];

    // Whose request for Apple a certificate answers, where the tenant file states its key.
    "the certificate's key is the one of another tenant's request": World::renewal, |world| {
        world.entry().public_key = Some(Sha256::of(b"theirs"));
        asked_for(world, 2, "theirs");
    } => Held Hold [ForeignRequest];
    "a reviewed line says that the record of the other tenant's request is wrong": World::renewal, |world| {
        world.entry().public_key = Some(Sha256::of(b"theirs"));
        asked_for(world, 2, "theirs");
        world.allow("foreign-request", "99", "AA");
    } => OutOfSync Upload [];
    "the certificate's key is not the one of its own renewal's request": World::renewal, |world| {
        world.entry().public_key = Some(Sha256::of(b"another"));
        asked_for(world, 1, "ours");
    } => Held Hold [KeyMismatch];
    "the certificate answers its own renewal's request": World::renewal, |world| {
        world.entry().public_key = Some(Sha256::of(b"ours"));
        asked_for(world, 1, "ours");
        asked_for(world, 2, "theirs");
    } => OutOfSync Upload [];
    "requests are recorded, and the tenant file states no key": World::renewal, |world| {
        asked_for(world, 1, "ours");
        asked_for(world, 2, "theirs");
    } => OutOfSync Upload [];

    // The push certificate was moved to another Apple Account.
    "the account in Git is another one than in Intune, and no line names that": World::equal, |world| {
        world.live_push(|live| live.apple_id = Some("old@contoso.example".into()));
    } => InSync None [];
    "a line names the change of the account": World::equal, moved_account => OutOfSync Configure [];
    "a line names the change of the account, written in other letters": World::equal, |world| {
        moved_account(world);
        world.live_push(|live| live.apple_id = Some("MDM@contoso.example".into()));
    } => InSync None [];
    "a line names the change from another account than the one in Intune": World::equal, |world| {
        moved_account(world);
        world.live_push(|live| live.apple_id = Some("third@contoso.example".into()));
    } => InSync None [];
    "Intune names no account, and a line says so": World::equal, |world| {
        world.live_push(|live| live.apple_id = None);
        world.allow("apple-id-change", "absent", "mdm@contoso.example");
    } => OutOfSync Configure [];
    "a line names the change of the account, and the tenant is suspended": World::equal, |world| {
        moved_account(world);
        world.suspend("2026-12-31");
    } => Held Hold [Suspended];
    "a line names the change of the account, and the certificate expired": World::equal, |world| {
        moved_account(world);
        world.now = at("2027-11-21T00:00:00Z");
        world.entry().allow[0].until = "2028-01-01".parse().unwrap();
    } => Held Hold [Expired];
    "a line names the change of the account of a watched certificate": World::equal, |world| {
        moved_account(world);
        world.entry().file = None;
    } => Watched None [];
    "a renewal brings the account along": World::renewal, |world| {
        world.live_push(|live| live.apple_id = Some("old@contoso.example".into()));
    } => OutOfSync Upload [];

    // Somebody was in the portal.
    "the push certificate was renewed by hand": World::equal, |world| {
        world.live_push(|live| {
            live.serial = "BB".parse().unwrap();
            live.expires = at("2028-01-01T00:00:00Z");
        });
    } => Held Hold [RenewedOutsideGit];
    "the enrollment token was renewed by hand": World::enrollment, |world| {
        world.live_enrollment(|live| live.expires = Some(at("2028-01-01T00:00:00Z")));
    } => Held Hold [RenewedOutsideGit];
    "the VPP token was renewed by hand": World::vpp, |world| {
        world.live_vpp(|live| live.expires = Some(at("2028-01-01T00:00:00Z")));
    } => Held Hold [RenewedOutsideGit];
    "an older enrollment token was put back by hand": World::enrollment, |world| {
        world.live_enrollment(|live| live.expires = Some(at(THIS_YEAR)));
    } => Held Hold [ChangedOutsideGit];
    "an older VPP token was put back by hand": World::vpp, |world| {
        world.live_vpp(|live| live.expires = Some(at(THIS_YEAR)));
    } => Held Hold [ChangedOutsideGit];
    "the push certificate was removed by hand": World::equal, lost => Held Hold [Vanished, KeyMismatch];
    "a reviewed line brings back a lost certificate whose key Intune may have lost as well": World::equal, |world| {
        lost(world);
        world.allow("vanished", "absent", "AA");
    } => Held Hold [KeyMismatch];
    "no line vouches for a key that Intune can be asked for": World::equal, |world| {
        lost(world);
        world.allow("vanished", "absent", "AA");
        world.allow("key-mismatch", "absent", "AA");
    } => Held Hold [KeyMismatch];
    "Intune was read to ask for another key since it lost the certificate": World::equal, |world| {
        lost(world);
        asked_for(world, 1, "another");
        world.allow("vanished", "absent", "AA");
    } => Held Hold [KeyMismatch];
    "and a run wrote the loss down after that request was read": World::equal, |world| {
        lost(world);
        asked_for(world, 1, "another");
        world.recorded(Event::ChangedOutsideGit, "AA", "run-1", "2026-11-20T12:00:00Z").after = None;
        world.allow("vanished", "absent", "AA");
    } => Held Hold [KeyMismatch];
    "Intune still asks for the key of the certificate that it lost": World::equal, |world| {
        lost(world);
        asked_for(world, 1, "ours");
    } => Held Hold [Vanished];
    "and a reviewed line brings that certificate back": World::equal, |world| {
        lost(world);
        asked_for(world, 1, "ours");
        world.allow("vanished", "absent", "AA");
    } => OutOfSync Upload [];
    "a new certificate answers a request of before the loss": World::equal, |world| {
        world.forget();
        let line = world.recorded(Event::Confirmed, "99", "run-0", "2025-12-20T11:00:00Z");
        let before = line.after.clone();
        asked_for(world, 1, "ours").before = before;
        lost(world);
    } => Held Hold [KeyMismatch];
    "a new certificate answers the request of after the loss": World::equal, |world| {
        world.forget();
        world.recorded(Event::Confirmed, "99", "run-0", "2025-12-20T11:00:00Z");
        lost(world);
        asked_for(world, 1, "ours");
    } => OutOfSync Upload [];
    "a run took over the certificate that the open renewal is to follow": World::renewal, |world| {
        world.entry().public_key = Some(Sha256::of(b"another"));
        let live = world.live.push.present().unwrap().facts();
        asked_for(world, 1, "ours").before = Some(live.clone());
        world.recorded(Event::Adopted, "99", "run-1", "2026-11-20T12:00:00Z").after = Some(live);
    } => Held Hold [KeyMismatch];
    "the enrollment token was deleted in the portal": World::enrollment, |world| {
        world.live_enrollments().clear();
    } => Held Hold [Vanished];
    "the VPP token was deleted before its first file was uploaded": World::vpp, |world| {
        world.forget();
        world.live_vpps().clear();
    } => Held Hold [IdGone];
    "no enrollment token of that name was made in the portal yet": World::enrollment, |world| {
        world.forget();
        world.live_enrollments().clear();
        world.entry().token.id = None;
    } => Held Hold [CreateInPortal];
    "a VPP token that Git does not permit to create": World::vpp, no_vpp_token => Held Hold [CreateNotPermitted];
    "a VPP token to create for another location than the one that its owner has": World::vpp, |world| {
        to_create(world, "Lyon", Some("Lyon"));
    } => OutOfSync Create [];
    "a VPP token to create for another location, and Git does not have the other one": World::vpp, |world| {
        to_create(world, "Lyon", Some("Lyon"));
        world.tenant.vpp.truncate(1);
    } => OutOfSync Create [];
    "a VPP token to create for a location that Git does not tell, and its owner has one": World::vpp, |world| {
        to_create(world, "Lyon", None);
    } => Held Hold [CreateNotPermitted];
    "a VPP token to create for a location that Git does not tell, and Git does not have the other one": World::vpp, |world| {
        to_create(world, "Lyon", None);
        world.tenant.vpp.truncate(1);
    } => Held Hold [CreateNotPermitted];
    "a VPP token to create, and Intune does not tell the location of its owner's": World::vpp, |world| {
        to_create(world, "Lyon", Some("Lyon"));
        world.live_vpp(|live| live.location = None);
    } => Held Hold [CreateNotPermitted];
    "a VPP token to create for a location that another entry has": World::vpp, |world| {
        to_create(world, "Lyon", Some("London"));
    } => Held Hold [CreateNotPermitted];
    "a VPP token to create, and Intune has one of its name, of a location that Git does not tell": World::vpp, |world| {
        world.forget();
        to_create(world, "London", None);
        world.tenant.vpp.truncate(1);
    } => Held Hold [CreateNotPermitted];
    "a VPP token to create, and Intune has one of its location": World::vpp_renewal, |world| {
        world.forget();
        world.entry().token.id = None;
        world.entry().create = true;
    } => OutOfSync Upload [];
    "a VPP token that a run created has a renewal, and Git names neither its id nor its location": World::vpp_renewal, |world| {
        created_last_year(world);
        world.entry().facts.location = None;
    } => OutOfSync Upload [];
    "a VPP file whose entry has only the owner of the token in Intune": World::vpp_renewal, |world| {
        world.forget();
        world.entry().token.id = None;
        world.entry().token.name = Some("Lyon".into());
        world.entry().facts.location = None;
    } => Held Hold [CreateNotPermitted];

    "Create was pressed and uploaded in the portal, on a watched push certificate": World::equal, |world| {
        world.entry().file = None;
        world.live_push(|live| live.topic = OTHER_TOPIC.parse().unwrap());
    } => Watched None [];
    "Create was pressed and uploaded in the portal, over the certificate in Git": World::equal, |world| {
        world.recorded(Event::Confirmed, "AA", "run-0", "2026-11-20T11:00:00Z");
        world.live_push(|live| {
            live.topic = OTHER_TOPIC.parse().unwrap();
            live.expires = at("2028-01-01T00:00:00Z");
        });
    } => Held Hold [TopicChange, RenewedOutsideGit];
    "a fresh certificate brings back the topic that devices know, after review": World::renewal, |world| {
        world.recorded(Event::Confirmed, "99", "run-0", "2025-11-20T11:00:00Z");
        world.live_push(|live| live.topic = OTHER_TOPIC.parse().unwrap());
        world.allow("topic-change", OTHER_TOPIC, TOPIC);
    } => OutOfSync Upload [];
    "the push certificate was deleted and created again with another topic": World::first_upload, |world| {
        world.recorded(Event::Confirmed, "99", "run-0", "2025-11-20T11:00:00Z");
        world.entry().facts.topic = Some(OTHER_TOPIC.parse().unwrap());
    } => Held Hold [TopicChange];
    "Create was pressed in the portal, `topic:` follows Intune, and the created row is renewed": World::renewal, |world| {
        world.forget();
        world.recorded(Event::Observed, "99", "run-0", "2025-12-20T11:00:00Z");
        world.live_push(|live| live.topic = OTHER_TOPIC.parse().unwrap());
        world.entry().facts.topic = Some(OTHER_TOPIC.parse().unwrap());
    } => Held Hold [TopicChange];
    "the same, and a line gives up the topic that devices know": World::renewal, |world| {
        world.forget();
        world.recorded(Event::Observed, "99", "run-0", "2025-12-20T11:00:00Z");
        world.live_push(|live| live.topic = OTHER_TOPIC.parse().unwrap());
        world.entry().facts.topic = Some(OTHER_TOPIC.parse().unwrap());
        world.allow("topic-change", TOPIC, OTHER_TOPIC);
    } => OutOfSync Upload [];
    "a watched push certificate was deleted in the portal": World::first_upload, |world| {
        world.entry().file = None;
    } => Missing None [];

    // Mistakes in Git.
    "a watched push certificate gets its first file, last year's by mistake": World::unrecorded, |world| {
        world.entry().facts.serial = Some("99".parse().unwrap());
        world.entry().facts.expires = Some(at(THIS_YEAR));
    } => Held Hold [OlderThanLive];
    "a watched VPP token gets its first file, last year's by mistake": World::vpp, |world| {
        world.forget();
        world.entry().facts.expires = Some(at(THIS_YEAR));
    } => Held Hold [OlderThanLive];
    "a watched enrollment token gets its first file, last year's by mistake": World::enrollment, |world| {
        world.forget();
        world.entry().downloaded = Some(at("2025-12-20T10:00:00Z"));
    } => Held Hold [OlderThanLive];
    "an enrollment file of which nobody wrote down when it was downloaded": World::enrollment_renewal, |world| {
        world.entry().downloaded = None;
    } => Held Hold [AgeUnknown];
    "a renewal of the push certificate was reverted in Git": World::unrecorded, |world| {
        world.recorded(Event::Confirmed, "99", "run-0", "2025-12-20T10:00:00Z");
        world.recorded(Event::Confirmed, "AA", "run-1", "2026-11-20T10:00:00Z");
        new_file(world, "99");
        world.entry().facts.serial = Some("99".parse().unwrap());
        world.entry().facts.expires = Some(at(THIS_YEAR));
    } => Held Hold [RenewedOutsideGit];
    "a renewal of the VPP token was reverted in Git": World::vpp, |world| {
        world.forget();
        world.recorded(Event::Confirmed, "99", "run-0", "2025-12-20T10:00:00Z");
        world.recorded(Event::Confirmed, "AA", "run-1", "2026-11-20T10:00:00Z");
        new_file(world, "99");
        world.entry().facts.expires = Some(at(THIS_YEAR));
    } => Held Hold [RenewedOutsideGit];
    "a renewal of the enrollment token was reverted in Git": World::enrollment, |world| {
        world.forget();
        world.recorded(Event::Confirmed, "99", "run-0", "2025-12-20T10:00:00Z");
        world.recorded(Event::Confirmed, "AA", "run-1", "2026-11-20T10:00:00Z");
        new_file(world, "99");
        world.entry().downloaded = Some(at("2025-12-20T09:00:00Z"));
    } => Held Hold [RenewedOutsideGit];
    "the new push certificate was created, not renewed": World::renewal, |world| {
        world.entry().facts.topic = Some(OTHER_TOPIC.parse().unwrap());
    } => Held Hold [TopicChange];
    "the VPP token in Git is for another location than the live one": World::vpp_renewal, |world| {
        world.entry().facts.location = Some("Paris".into());
    } => Held Hold [WrongLocation];
    "the location has another name in Intune, and it is known by its id": World::vpp_renewal, |world| {
        world.seen_at("77");
        world.live_vpp(|live| live.location = Some("London HQ".into()));
    } => OutOfSync Upload [];
    "the same, and Git alone says the id": World::vpp_renewal, |world| {
        world.entry().location_id = Some("77".parse().unwrap());
        world.live_vpp(|live| live.location = Some("London HQ".into()));
    } => Held Hold [WrongLocation];
    "an edit gives the entry another location's id than its last file's": World::vpp_renewal, |world| {
        world.seen_at("77");
        world.entry().location_id = Some("78".parse().unwrap());
    } => Held Hold [WrongLocation];
    "an edit gives the entry another location's id than it had at first": World::vpp_renewal, |world| {
        world.first_location("77");
        world.entry().location_id = Some("78".parse().unwrap());
    } => Held Hold [WrongLocation];
    "a reviewed line lets the entry have another location's id": World::vpp_renewal, |world| {
        world.seen_at("77");
        world.entry().location_id = Some("78".parse().unwrap());
        world.allow("wrong-location", "77", "78");
    } => OutOfSync Upload [];
    "Apple called the file dead, and is asked again before the upload": World::vpp_renewal, |world| {
        world.refused_at_apple("dead-at-apple: Apple says that this token is not valid");
    } => OutOfSync Upload [];
    "Apple called the file dead, and is never asked again": World::vpp_renewal, |world| {
        world.refused_at_apple("dead-at-apple: Apple says that this token is not valid");
        world.policy.check_with_apple = CheckWithApple::Off;
    } => Held Hold [DeadAtApple];
    "the same, and Apple is never asked": World::vpp_renewal, |world| {
        world.seen_at("77");
        world.live_vpp(|live| live.location = Some("London HQ".into()));
        world.policy.check_with_apple = CheckWithApple::Off;
    } => Held Hold [WrongLocation];
    "two entries have a file for one location at Apple": World::vpp_renewal, |world| {
        world.entry().location_id = Some("77".parse().unwrap());
        let mut paris = vpp_entry("Paris", Some("vpp-2"), "BB", NEXT_YEAR);
        paris.location_id = Some("77".parse().unwrap());
        world.tenant.vpp.push(paris);
        world.live_vpps().push(live_vpp("Paris", "vpp-2", THIS_YEAR));
    } => Held Hold [Duplicate];
    "the location at Apple is another tenant's, by the base's history": World::vpp_renewal, |world| {
        world.entry().location_id = Some("77".parse().unwrap());
        let bound = crate::rules::bindings::Bound {
            value: tenant("fabrikam", 2).tenant_id,
            since: "2025-11-20T10:00:00Z".parse().unwrap(),
            commit: "c".into(),
        };
        world.history.add(crate::fleet::Owned::Location("77".parse().unwrap()), bound);
    } => Held Hold [WrongDestination];
    "London's file lies in Paris's slot": World::vpp, |world| {
        // London's entry was confirmed with this file; Git has moved it to Paris's entry.
        world.entry().file = None;
        world.entry().facts.expires = None;
        let paris = vpp_entry("Paris", Some("vpp-2"), "AA", NEXT_YEAR);
        world.tenant.vpp.insert(0, paris);
        world.live_vpps().push(live_vpp("Paris", "vpp-2", THIS_YEAR));
    } => Held Hold [WrongLocation];
    "London's file lies in Paris's slot as well": World::vpp_renewal, |world| {
        let paris = vpp_entry("Paris", Some("vpp-2"), "AA", NEXT_YEAR);
        world.tenant.vpp.push(paris);
        world.live_vpps().push(live_vpp("Paris", "vpp-2", THIS_YEAR));
    } => Held Hold [Duplicate];
    "the organisation has a new name at Apple": World::vpp_renewal, |world| {
        world.live_vpp(|live| live.organization = Some("Contoso".into()));
    } => Held Hold [OrganizationDiffers];
    "the organisation has a new name at Apple, and a review says so": World::vpp_renewal, |world| {
        world.live_vpp(|live| live.organization = Some("Contoso".into()));
        world.allow("organization-differs", "Contoso", "Contoso Ltd");
    } => OutOfSync Upload [];
    "a token file was moved to another tenant": World::vpp_renewal, |world| {
        let other = tenant("fabrikam", 2).tenant_id;
        world.recorded_for(other, Event::Confirmed, "AA", "run-0", "2026-11-20T10:00:00Z");
    } => Held Hold [WrongDestination];
    "a folder names another tenant since a merge": World::vpp_renewal, |world| {
        let bound = crate::rules::bindings::Bound {
            value: tenant("fabrikam", 2).tenant_id,
            since: "2025-11-20T10:00:00Z".parse().unwrap(),
            commit: "c".into(),
        };
        world.history.add(crate::fleet::Owned::Folder("contoso".into()), bound);
    } => Held Hold [WrongDestination];
    "two histories that were merged claim a file": World::vpp_renewal, |world| {
        let file = crate::fleet::Owned::File(Sha256::of(b"AA"));
        for value in [world.tenant.tenant_id, tenant("fabrikam", 2).tenant_id] {
            let since = "2026-11-20T10:00:00Z".parse().unwrap();
            let bound = crate::rules::bindings::Bound { value, since, commit: "c".into() };
            world.history.add(file.clone(), bound);
        }
        world.history.claims_of(file).settle(|_| |_: &str| false);
    } => Held Hold [WrongDestination];
    "a file waits on another tenant's branch": World::vpp_renewal, |world| {
        let bound = crate::rules::bindings::Bound {
            value: tenant("fabrikam", 2).tenant_id,
            since: "2026-11-20T10:00:00Z".parse().unwrap(),
            commit: "c".into(),
        };
        let file = crate::fleet::Owned::File(Sha256::of(b"AA"));
        world.history.add_open(file, bound, "origin/renew/fabrikam/vpp");
    } => Held Hold [WrongDestination];
    "an enrollment token file was moved to another tenant": World::enrollment_renewal, |world| {
        let other = tenant("fabrikam", 2).tenant_id;
        world.recorded_for(other, Event::Applied, "AA", "run-0", "2026-11-20T10:00:00Z");
    } => Held Hold [WrongDestination];
    "a tenant's folder was copied": World::vpp_renewal, |world| {
        let mut twin = world.tenant.clone();
        twin.name = "contoso-copy".parse().unwrap();
        world.others.push(Desired::Valid(twin));
    } => Held Hold [Duplicate];
    "a tenant's folder was renamed": World::vpp, |world| {
        let all = world.ledger.as_mut().unwrap().tenants.values_mut();
        for record in all.flat_map(|ledger| &mut ledger.records) {
            record.entry.name = "contoso-old".parse().unwrap();
        }
    } => InSync None [];
    "a lapsed VPP file": World::vpp_renewal, |world| {
        world.now = at(NEXT_YEAR);
    } => Held Hold [Expired];
    "an enrollment file that was downloaded over a year ago": World::enrollment_renewal, |world| {
        world.now = at("2027-11-21T11:00:00Z");
    } => Held Hold [Expired];

    // Apple and other MDMs.
    "the Managed Apple Account's password changed and the VPP token is dead": World::vpp, |world| {
        world.live_vpp(|live| live.state = "invalid".into());
    } => InSync None [];
    "a new VPP token after a password change ends in the same second": World::vpp, |world| {
        world.live_vpp(|live| live.state = "invalid".into());
        new_file(world, "BB");
    } => OutOfSync Upload [];
    "a dead VPP token that Git never uploaded": World::vpp, |world| {
        world.forget();
        world.live_vpp(|live| live.state = "invalid".into());
    } => OutOfSync Upload [];
    "a VPP token that was uploaded by hand and works": World::vpp, World::forget => Unverified Verify [];

    // The first file of a watched token, and its facts.
    "a first file of which the tenant file has the facts of the certificate in Intune": World::unrecorded, |_| {} => Unverified Verify [];
    "the ledger was lost, and a file is what Intune has": World::equal, World::forget => Unverified Verify [];
    "a file to verify in a suspended tenant": World::unrecorded, |world| {
        world.suspend("2026-12-31");
    } => Unverified Verify [];
    "a file to verify whose settings differ": World::vpp, |world| {
        world.forget();
        world.live_vpp(|live| live.automatically_update_apps = Some(false));
    } => Unverified Verify [];
    "a verified file whose settings differ": World::vpp, |world| {
        world.forget();
        world.recorded(Event::Verified, "AA", "run-0", "2026-11-20T11:00:00Z");
        world.live_vpp(|live| live.automatically_update_apps = Some(false));
    } => OutOfSync Configure [];
    "a verified file": World::unrecorded, |world| {
        world.recorded(Event::Verified, "AA", "run-0", "2026-11-20T11:00:00Z");
    } => InSync None [];
    "a verified certificate was renewed by hand": World::unrecorded, |world| {
        world.recorded(Event::Verified, "AA", "run-0", "2026-11-20T11:00:00Z");
        world.live_push(|live| {
            live.serial = "BB".parse().unwrap();
            live.expires = at("2028-01-01T00:00:00Z");
        });
    } => Held Hold [RenewedOutsideGit];
    "a verified certificate was removed by hand": World::unrecorded, |world| {
        world.recorded(Event::Verified, "AA", "run-0", "2026-11-20T11:00:00Z");
        world.live.push = Reading::Absent;
    } => Held Hold [Vanished, KeyMismatch];

    // Two administrators on one day.
    "the file of 10:00 was applied, and the one of 15:00 is merged": World::enrollment, |world| {
        world.forget();
        world.confirmed_download("AA", "2026-11-20T10:00:00Z", NEXT_YEAR);
        new_file(world, "BB");
        world.entry().downloaded = Some(at("2026-11-20T15:00:00Z"));
    } => OutOfSync Upload [];
    "the file of 15:00 was applied, and the one of 10:00 is merged": World::enrollment, |world| {
        world.forget();
        world.confirmed_download("BB", "2026-11-20T15:00:00Z", "2027-11-20T15:00:00Z");
        world.live_enrollment(|live| live.expires = Some(at("2027-11-20T15:00:00Z")));
    } => Held Hold [AgeUnknown];
    "the file of 15:00 was uploaded in the portal, and the one of 10:00 is merged": World::enrollment_renewal, |world| {
        world.live_enrollment(|live| live.expires = Some(at("2027-11-20T15:00:00Z")));
    } => Held Hold [AgeUnknown];
    "the file of 10:00 was uploaded in the portal, and the one of 15:00 is merged": World::enrollment_renewal, |world| {
        world.entry().downloaded = Some(at("2026-11-20T15:00:00Z"));
        world.live_enrollment(|live| live.expires = Some(at(NEXT_YEAR)));
    } => Held Hold [AgeUnknown];
    "of the file of 10:00 the ledger only infers that it was applied": World::enrollment, |world| {
        world.forget();
        world.confirmed_download("AA", "2026-11-20T10:00:00Z", NEXT_YEAR);
        world.inferred();
        new_file(world, "BB");
        world.entry().downloaded = Some(at("2026-11-20T15:00:00Z"));
    } => Held Hold [AgeUnknown];
    "a line of an older ledger does not say when its file was downloaded": World::enrollment, |world| {
        new_file(world, "BB");
        world.entry().downloaded = Some(at("2026-11-20T15:00:00Z"));
    } => Held Hold [AgeUnknown];
    "the file of 10:00 was applied, and somebody uploaded another one of that day since": World::enrollment, |world| {
        world.forget();
        world.confirmed_download("AA", "2026-11-20T10:00:00Z", NEXT_YEAR);
        world.live_enrollment(|live| live.expires = Some(at("2027-11-20T12:00:00Z")));
        new_file(world, "BB");
        world.entry().downloaded = Some(at("2026-11-20T15:00:00Z"));
    } => Held Hold [AgeUnknown];
    "the file of 10:00 comes back under a new date, and an earlier commit knows it": World::enrollment, |world| {
        older_file_again(world);
        world.downloads.add(Sha256::of(b"BB"), at("2026-11-20T10:00:00Z"));
    } => Held Hold [AgeUnknown];
    "last year's enrollment file comes back under a new date, and an earlier commit knows it": World::enrollment, |world| {
        older_file_again(world);
        world.downloads.add(Sha256::of(b"BB"), at("2026-06-20T10:00:00Z"));
    } => Held Hold [OlderThanLive];
    "the file of 10:00 comes back under a new date, and the ledger knows it": World::enrollment, |world| {
        older_file_again(world);
        let line = world.recorded(Event::NotLanded, "BB", "run-9", "2026-11-20T11:00:00Z");
        if let EntryBody::NotLanded { file: Some(file), .. } = &mut line.body {
            file.downloaded = Some(at("2026-11-20T10:00:00Z"));
        }
    } => Held Hold [AgeUnknown];
    "an enrollment file that nothing knew before has a new date": World::enrollment, older_file_again => OutOfSync Upload [];
    "an enrollment file is said to be downloaded tomorrow": World::enrollment_renewal, |world| {
        world.entry().downloaded = Some(at("2026-11-23T12:00:00Z"));
    } => Held Hold [NotYetValid];
    "an enrollment file was downloaded by a clock that is ten minutes ahead": World::enrollment_renewal, |world| {
        world.entry().downloaded = Some(at("2026-11-22T12:10:00Z"));
    } => OutOfSync Upload [];
    "Intune accepted an enrollment file and shows an expiry that does not fit its date": World::enrollment_renewal, |world| {
        sent(world, "2026-11-22T10:00:00Z", Some("2026-11-22T10:00:05Z"));
        world.live_enrollment(|live| live.expires = Some(at("2027-06-01T10:00:00Z")));
    } => Held Hold [AgeUnknown];
    "an enrollment file that Intune has from the portal is merged": World::enrollment, World::forget => Held Hold [AgeUnknown];
    "a confirmed enrollment file whose date in Git does not fit Intune's token": World::enrollment, |world| {
        world.entry().downloaded = Some(at("2026-10-20T10:00:00Z"));
    } => Held Hold [RenewedOutsideGit];
    "the enrollment token moved in Intune since it was recorded, and the file is newer": World::enrollment_renewal, |world| {
        world.live_enrollment(|live| live.expires = Some(at("2026-12-28T10:00:00Z")));
    } => OutOfSync Upload [];

    // Apple renames a location; a file of another location is uploaded.
    "Apple renamed the location of a token in sync": World::vpp, |world| {
        world.live_vpp(|live| live.location = Some("London HQ".into()));
    } => InSync None [];
    "Apple renamed the location, and a renewal is due": World::vpp_renewal, |world| {
        world.live_vpp(|live| live.location = Some("London HQ".into()));
    } => Held Hold [WrongLocation];
    "an upload landed under a new name of its location, which Git does not have": World::vpp, |world| {
        landed_in(world, "London HQ");
    } => Held Hold [Rejected];
    "an upload landed under a new name of its location, which Git has by now": World::vpp, |world| {
        landed_in(world, "London HQ");
        world.entry().facts.location = Some("London HQ".into());
    } => Unverified Verify [];
    "an upload landed under a new name, Git has it, and the file was verified": World::vpp, |world| {
        landed_in(world, "London HQ");
        world.entry().facts.location = Some("London HQ".into());
        world.recorded(Event::Verified, "AA", "run-2", "2026-11-21T10:00:00Z");
    } => InSync None [];
    "a wrong file was put right in the portal, and Git still has it": World::vpp, |world| {
        landed_in(world, "Paris");
        world.live_vpp(|live| {
            live.location = Some("London".into());
            live.expires = Some(at(THIS_YEAR));
        });
    } => Held Hold [Rejected];
    "the right file replaces the one of another location": World::vpp, |world| {
        landed_in(world, "Paris");
        new_file(world, "BB");
        world.entry().facts.expires = Some(at("2027-11-21T10:00:00Z"));
    } => Held Hold [WrongLocation];
    "the right file replaces the one of another location, and a review says so": World::vpp, |world| {
        landed_in(world, "Paris");
        new_file(world, "BB");
        world.entry().facts.expires = Some(at("2027-11-21T10:00:00Z"));
        world.allow("wrong-location", "Paris", "London");
    } => OutOfSync Upload [];

    "a file of another location landed, and Git names none": World::vpp, |world| {
        landed_in(world, "Paris");
        world.entry().facts.location = None;
    } => Held Hold [Rejected];
    "a file of another location showed only later, and Git names none": World::vpp, |world| {
        world.forget();
        world.live_vpp(|live| live.expires = Some(at(THIS_YEAR)));
        sent(world, "2026-11-20T09:59:00Z", Some("2026-11-20T10:00:00Z"));
        world.live_vpp(|live| {
            live.expires = Some(at(NEXT_YEAR));
            live.location = Some("Paris".into());
        });
        world.entry().facts.location = None;
    } => Held Hold [Rejected];
    "a second file follows the one of another location, and Git names none": World::vpp, |world| {
        followed_in(world, "Paris");
        world.entry().facts.location = None;
    } => Held Hold [WrongLocation];
    "the right file follows the one of another location, Git names none, and a review says so": World::vpp, |world| {
        followed_in(world, "Paris");
        world.entry().facts.location = None;
        world.allow("wrong-location", "Paris", "London");
    } => OutOfSync Upload [];
    "the right file replaces that of another token, which Intune calls a duplicate": World::vpp, |world| {
        followed_in(world, "Paris");
        duplicate_of(world, "Paris");
    } => Held Hold [WrongLocation];
    "the right file replaces that of another token, and a review says so": World::vpp, |world| {
        followed_in(world, "Paris");
        duplicate_of(world, "Paris");
        world.allow("wrong-location", "Paris", "London");
    } => OutOfSync Upload [];
    "the right file of a location that another token has as well, and a review says so": World::vpp, |world| {
        followed_in(world, "Paris");
        duplicate_of(world, "London");
        world.allow("wrong-location", "Paris", "London");
    } => Held Hold [DuplicateLocation];

    // The day of a download was mistyped, two days early.
    "an enrollment file was uploaded under too early a date": World::enrollment_renewal, dated_early => Held Hold [AgeUnknown];
    "an enrollment file was uploaded under too early a date, which Git has corrected": World::enrollment_renewal, |world| {
        dated_early(world);
        world.entry().downloaded = Some(at("2026-11-20T10:00:00Z"));
    } => InSync None [];
    "the corrected date of an enrollment file is on record": World::enrollment_renewal, |world| {
        dated_early(world);
        world.entry().downloaded = Some(at("2026-11-20T10:00:00Z"));
        world.confirmed_download("AA", "2026-11-20T10:00:00Z", NEXT_YEAR);
    } => InSync None [];
    "Git names a later date than the one at which an enrollment file was sent": World::enrollment_renewal, |world| {
        dated_early(world);
        world.entry().downloaded = Some(at("2026-11-20T11:00:00Z"));
    } => Held Hold [AgeUnknown];
    "Git corrects the date of an enrollment file, and another one came into Intune later": World::enrollment_renewal, |world| {
        dated_early(world);
        world.entry().downloaded = Some(at("2026-11-20T10:00:00Z"));
        world.live_enrollment(|live| live.last_modified = Some(at("2026-11-20T18:00:00Z")));
    } => Held Hold [AgeUnknown];
    "an enrollment file of too early a date is sent once more, as a review says": World::enrollment_renewal, |world| {
        dated_early(world);
        world.allow("age-unknown", NEXT_YEAR, &Sha256::of(b"AA").to_string());
    } => OutOfSync Upload [];
    "an enrollment file of too early a date was sent once more, which changed nothing": World::enrollment_renewal, |world| {
        dated_early(world);
        world.allow("age-unknown", NEXT_YEAR, &Sha256::of(b"AA").to_string());
        sent(world, "2026-11-21T10:00:00Z", Some("2026-11-21T10:01:00Z"));
    } => Held Hold [AgeUnknown];
    "an enrollment file was sent once more for nothing, and Git has corrected its date": World::enrollment_renewal, |world| {
        dated_early(world);
        sent(world, "2026-11-21T10:00:00Z", Some("2026-11-21T10:01:00Z"));
        world.recorded(Event::NotShown, "AA", "run-2", "2026-11-21T10:40:00Z");
        world.entry().downloaded = Some(at("2026-11-20T10:00:00Z"));
    } => InSync None [];

    // A token is deleted in the portal, and a run makes it again.
    "a line releases the VPP token that was deleted, and Git does not permit creating it": World::vpp, |world| {
        world.live_vpps().clear();
        world.allow("vanished", "absent", NEXT_YEAR);
    } => Held Hold [CreateNotPermitted];
    "a line releases the VPP token that was deleted, and Git permits creating it": World::vpp, |world| {
        world.live_vpps().clear();
        world.allow("vanished", "absent", NEXT_YEAR);
        world.entry().create = true;
    } => OutOfSync Create [];
    "a line releases it, and Intune has another token of its location": World::vpp, |world| {
        world.live_vpp(|live| live.id = "vpp-9".into());
        world.allow("vanished", "absent", NEXT_YEAR);
        world.entry().create = true;
    } => Held Hold [CreateNotPermitted];
    "a line releases an enrollment token that was deleted": World::enrollment, |world| {
        world.live_enrollments().clear();
        world.allow("vanished", "absent", &Sha256::of(b"AA").to_string());
    } => Held Hold [CreateInPortal];
    "a run made the token again, and Git names the old id": World::vpp, |world| {
        made_again_by_a_run(world, &[Event::Applied, Event::Confirmed]);
        world.live_vpp(|live| live.id = "vpp-9".into());
    } => InSync None [];
    "a run made it again, Git names the old id, and another entry looks like it": World::vpp, |world| {
        made_again_by_a_run(world, &[Event::Applied, Event::Confirmed]);
        world.live_vpp(|live| live.id = "vpp-9".into());
        world.tenant.vpp.push(vpp_entry("London", Some("vpp-8"), "LL", NEXT_YEAR));
    } => InSync None [];
    "a run made it again, Intune shows it, and the run died before it could record it": World::vpp, |world| {
        made_again_by_a_run(world, &[]);
        world.live_vpp(|live| live.id = "vpp-9".into());
    } => InSync None [];
    "a run made it again, and Intune does not show it yet": World::vpp, |world| {
        made_again_by_a_run(world, &[Event::Applied]);
        world.live_vpps().clear();
        world.now = at("2026-11-21T10:10:00Z");
    } => Progressing None [];
    "a run announced to make it again and died": World::vpp, |world| {
        made_again_by_a_run(world, &[]);
        world.live_vpps().clear();
    } => Held Hold [Vanished];
    "what a run had made again was deleted as well": World::vpp, |world| {
        made_again_by_a_run(world, &[Event::Applied, Event::Confirmed]);
        world.live_vpps().clear();
    } => Held Hold [Vanished];
    "the old token is back beside the one that a run made": World::vpp, |world| {
        made_again_by_a_run(world, &[Event::Applied, Event::Confirmed]);
        let mut back = live_vpp("London", "vpp-1", NEXT_YEAR);
        back.state = "duplicateLocationId".into();
        world.live_vpps().push(back);
        world.live_vpp(|live| live.id = "vpp-9".into());
    } => InSync None [];
    "the id of a deleted token was removed from Git, as the hold says": World::vpp_renewal, |world| {
        world.live_vpps().clear();
        world.entry().token.id = None;
    } => Held Hold [IdGone];
    "the id of a deleted token was removed from Git, and creating one is permitted": World::vpp_renewal, |world| {
        world.live_vpps().clear();
        world.entry().token.id = None;
        world.entry().create = true;
    } => OutOfSync Create [];
    "a token that a run created was deleted, and Git still permits creating it": World::vpp, |world| {
        created_last_year(world);
        world.live_vpps().clear();
    } => Held Hold [Vanished];

    // A token is deleted in the portal and created again.
    "a VPP token was created again, and Git names the old id": World::vpp_renewal, |world| {
        world.forget();
        world.live_vpp(|live| live.id = "vpp-9".into());
    } => Held Hold [IdGone];
    "a VPP token was created again, and the old id was removed from Git": World::vpp_renewal, |world| {
        world.live_vpp(|live| live.id = "vpp-9".into());
        world.entry().token.id = None;
    } => OutOfSync Upload [];
    "another VPP token of the customer is there, not one of the same location": World::vpp_renewal, |world| {
        world.live_vpp(|live| (live.id, live.location) = ("vpp-9".into(), Some("Paris".into())));
        world.entry().token.id = None;
    } => Held Hold [IdGone];
    "an enrollment token was created again, and Git names the old id": World::enrollment_renewal, |world| {
        world.forget();
        world.live_enrollment(|live| live.id = "dep-9".into());
    } => Held Hold [CreateInPortal];
    "an enrollment token was created again, and the old id was removed from Git": World::enrollment_renewal, |world| {
        world.live_enrollment(|live| live.id = "dep-9".into());
        world.entry().token.id = None;
    } => OutOfSync Upload [];
    "Apple revoked the push certificate that is to be uploaded": World::renewal, |world| {
        world.revoked_in_git(Revocation::Since(at("2026-11-20T00:00:00Z")));
    } => Held Hold [Revoked];
    "Apple revoked the first push certificate before it was uploaded": World::first_upload, |world| {
        world.revoked_in_git(Revocation::Since(at("2026-11-20T00:00:00Z")));
    } => Held Hold [Revoked];
    "Apple revoked the push certificate, and Intune has it already": World::equal, |world| {
        let since = Revocation::Since(at("2026-11-20T00:00:00Z"));
        world.live_push(|live| live.revocation = since.clone());
        world.revoked_in_git(since);
    } => InSync None [];
    "nobody knows whether Apple revoked the push certificate that is to be uploaded": World::renewal, |world| {
        world.revoked_in_git(Revocation::Unknown("no answer".into()));
    } => OutOfSync Upload [];
    "Apple revoked another push certificate than the one that is to be uploaded": World::renewal, |world| {
        let since = Revocation::Since(at("2026-11-20T00:00:00Z"));
        world.live.push_in_git = Some(("99".parse().unwrap(), since));
    } => OutOfSync Upload [];
    "another MDM holds the VPP token, and it is in sync": World::vpp, |world| {
        world.live_vpp(|live| live.state = "assignedToExternalMDM".into());
    } => InSync None [];
    "another MDM holds the VPP token that is to be renewed": World::vpp_renewal, |world| {
        world.live_vpp(|live| live.state = "assignedToExternalMDM".into());
    } => Held Hold [ExternalMdm];
    "another MDM holds the VPP token, and Git claims it": World::vpp_renewal, |world| {
        world.live_vpp(|live| live.state = "assignedToExternalMDM".into());
        world.entry().claim = true;
    } => OutOfSync Upload [];
    "two VPP tokens of one location": World::vpp_renewal, |world| {
        world.live_vpp(|live| live.state = "duplicateLocationId".into());
    } => Held Hold [DuplicateLocation];
    "Apple has new terms": World::enrollment, |world| {
        world.live_enrollment(|live| live.last_sync_error_code = 3);
    } => InSync None [];

    // Which token is meant.
    "two VPP tokens of one organisation end in the same second": World::vpp, |world| {
        world.tenant.vpp.push(vpp_entry("Paris", Some("vpp-2"), "PP", NEXT_YEAR));
        world.live_vpps().push(live_vpp("Paris", "vpp-2", NEXT_YEAR));
    } => InSync None [];
    "two live enrollment tokens have the name in Git": World::enrollment, |world| {
        world.entry().token.id = None;
        let mut twin = world.live_enrollments()[0].clone();
        twin.id = "dep-2".into();
        world.live_enrollments().push(twin);
        world.forget();
    } => Held Hold [Ambiguous];
    "two live enrollment tokens have the name in Git, and the ledger learnt the id": World::enrollment, |world| {
        world.entry().token.id = None;
        let mut twin = world.live_enrollments()[0].clone();
        twin.id = "dep-2".into();
        world.live_enrollments().push(twin);
    } => InSync None [];
    "two entries mean one live VPP token": World::vpp_renewal, |world| {
        let mut twin = vpp_entry("Londinium", Some("vpp-1"), "PP", NEXT_YEAR);
        twin.facts.location = Some("London".into());
        world.tenant.vpp.push(twin);
    } => Held Hold [Ambiguous];

    // Suspended.
    "a suspended tenant has a renewal due": World::vpp_renewal, |world| {
        world.suspend("2026-12-31");
    } => Held Hold [Suspended];
    "a suspended tenant's settings differ": World::vpp, |world| {
        world.suspend("2026-12-31");
        world.live_vpp(|live| live.automatically_update_apps = Some(false));
    } => Held Hold [Suspended];
    "a suspended tenant with nothing due": World::vpp, |world| {
        world.suspend("2026-12-31");
    } => InSync None [];
    "a suspension ended and its line is still there": World::enrollment_renewal, |world| {
        world.suspend("2026-11-21");
    } => Held Hold [SuspensionEnded];

    // Intune could not be read, or does not permit it.
    "the token does not permit reading VPP tokens": World::vpp_renewal, |world| {
        let problem = Problem::new(ProblemCode::Forbidden, "403").on(Resource::Vpp);
        world.live.vpp = Reading::Unknown(problem);
    } => Unobserved None [];
    "page 2 of the enrollment tokens failed": World::enrollment_renewal, |world| {
        let problem = Problem::new(ProblemCode::ServerError, "500").on(Resource::Enrollment);
        world.live.enrollment = Reading::Unknown(problem);
    } => Unobserved None [];
    "the tenant has no Intune licence": World::renewal, |world| {
        world.live.push = Reading::Unknown(Problem::new(ProblemCode::NoLicence, "no licence"));
    } => Unobserved None [];
    "the ledger branch was deleted on the remote": World::vpp_renewal, |world| {
        world.ledger = Err("ledger-lost".into());
    } => Unobserved None [];

    // Earlier runs.
    "a sending of a VPP token landed and was not recorded": World::vpp, |world| {
        world.forget();
        let line = world.recorded(Event::Intended, "AA", "run-1", "2026-11-22T11:50:00Z");
        line.before = Some(crate::model::Facts { expires: Some(at(THIS_YEAR)), ..Default::default() });
    } => InSync None [];
    "a sending of an enrollment token landed and was not recorded": World::enrollment_renewal, |world| {
        let line = world.recorded(Event::Intended, "AA", "run-1", "2026-11-22T11:50:00Z");
        line.before = Some(crate::model::Facts { expires: Some(at(THIS_YEAR)), ..Default::default() });
        world.live_enrollment(|live| {
            live.expires = Some(at("2027-11-20T12:00:00Z"));
            live.last_modified = Some(at("2026-11-22T11:51:00Z"));
        });
    } => InSync None [];
    "a run was killed before it sent, and an administrator uploaded a later file in the portal": World::enrollment_renewal, |world| {
        let line = world.recorded(Event::Intended, "AA", "run-1", "2026-11-22T11:00:00Z");
        line.before = Some(crate::model::Facts { expires: Some(at(THIS_YEAR)), ..Default::default() });
        world.live_enrollment(|live| {
            live.expires = Some(at("2027-11-22T11:05:00Z"));
            live.last_modified = Some(at("2026-11-22T11:05:00Z"));
        });
    } => Held Hold [OlderThanLive];
    "a run was killed before it sent, and an administrator uploaded another file of that day long after": World::enrollment_renewal, |world| {
        let line = world.recorded(Event::Intended, "AA", "run-1", "2026-11-20T11:00:00Z");
        line.before = Some(crate::model::Facts { expires: Some(at(THIS_YEAR)), ..Default::default() });
        world.live_enrollment(|live| {
            live.expires = Some(at("2027-11-20T15:00:00Z"));
            live.last_modified = Some(at("2026-11-20T15:00:00Z"));
        });
    } => Held Hold [AgeUnknown];
    "a VPP token was sent ten minutes ago and does not show yet": World::vpp_renewal, |world| {
        sent(world, "2026-11-22T11:30:00Z", Some("2026-11-22T11:50:00Z"));
    } => Progressing None [];
    "an enrollment token was sent ten minutes ago and does not show yet": World::enrollment_renewal, |world| {
        sent(world, "2026-11-22T11:30:00Z", Some("2026-11-22T11:50:00Z"));
    } => Progressing None [];
    "a VPP token was sent an hour ago and does not show": World::vpp_renewal, |world| {
        sent(world, "2026-11-22T10:50:00Z", Some("2026-11-22T11:00:00Z"));
    } => OutOfSync Upload [];
    // An intent is not a sending.
    "two runs were killed after they announced a push certificate": World::renewal, |world| {
        world.recorded(Event::Intended, "AA", "run-1", "2026-11-21T10:00:00Z");
        world.recorded(Event::Intended, "AA", "run-2", "2026-11-21T12:00:00Z");
    } => OutOfSync Upload [];
    "two runs were killed after they announced a VPP token": World::vpp_renewal, |world| {
        world.recorded(Event::Intended, "AA", "run-1", "2026-11-21T10:00:00Z");
        world.recorded(Event::Intended, "AA", "run-2", "2026-11-21T12:00:00Z");
    } => OutOfSync Upload [];
    "two runs were killed after they announced an enrollment token": World::enrollment_renewal, |world| {
        world.recorded(Event::Intended, "AA", "run-1", "2026-11-21T10:00:00Z");
        world.recorded(Event::Intended, "AA", "run-2", "2026-11-21T12:00:00Z");
    } => OutOfSync Upload [];
    "Graph answered two days with 503, and an hour later it is tried again": World::vpp_renewal, |world| {
        world.recorded(Event::NotLanded, "AA", "run-1", "2026-11-21T11:00:00Z");
        world.recorded(Event::NotLanded, "AA", "run-2", "2026-11-22T11:00:00Z");
    } => OutOfSync Upload [];
    "Graph answered with 503 for the second time half an hour ago": World::vpp_renewal, |world| {
        world.recorded(Event::NotLanded, "AA", "run-1", "2026-11-21T11:00:00Z");
        world.recorded(Event::NotLanded, "AA", "run-2", "2026-11-22T11:30:00Z");
    } => OutOfSync None [];
    "a person who corrected the cause tries at once": World::vpp_renewal, |world| {
        world.recorded(Event::NotLanded, "AA", "run-1", "2026-11-21T11:00:00Z");
        world.recorded(Event::NotLanded, "AA", "run-2", "2026-11-22T11:30:00Z");
        world.retry = true;
    } => OutOfSync Upload [];
    "an upload waits for a second administrator's approval": World::vpp_renewal, |world| {
        world.failed_at("AA", FailureCode::ApprovalRequired, "2026-11-22T11:50:00Z");
    } => OutOfSync None [];
    "an enrollment token failed ten times in a row, and is urgent every hour": World::enrollment_renewal, |world| {
        for _ in 0..10 {
            world.recorded(Event::NotLanded, "AA", "run-1", "2026-11-22T11:00:00Z");
        }
    } => OutOfSync Upload [];
    "the certificate expires before the wait would be over": World::renewal, |world| {
        world.live_push(|live| live.expires = at("2026-11-22T12:20:00Z"));
        for _ in 0..10 {
            world.recorded(Event::NotLanded, "AA", "run-1", "2026-11-22T11:50:00Z");
        }
    } => OutOfSync Upload [];
    "a VPP token was accepted once and does not show": World::vpp_renewal, |world| {
        world.recorded(Event::NotShown, "AA", "run-1", "2026-11-21T11:00:00Z");
    } => OutOfSync Upload [];
    "a VPP token was accepted a second time and does not show": World::vpp_renewal, |world| {
        world.recorded(Event::NotShown, "AA", "run-1", "2026-11-20T11:00:00Z");
        sent(world, "2026-11-21T10:50:00Z", Some("2026-11-21T11:00:00Z"));
    } => Held Hold [Rejected];
    "a VPP token that was given up as never visible shows after all": World::vpp_renewal, |world| {
        sent(world, "2026-11-20T10:00:00Z", Some("2026-11-20T10:00:00Z"));
        world.failed("AA", FailureCode::NeverVisible);
        world.live_vpp(|live| live.expires = Some(at(NEXT_YEAR)));
    } => InSync None [];
    "a push certificate was uploaded, and a gateway answered 400": World::renewal, |world| {
        sent(world, "2026-11-20T10:00:00Z", None);
        world.failed("AA", FailureCode::Rejected);
        world.live_push(|live| live.serial = "AA".parse().unwrap());
    } => InSync None [];
    "a run was killed, and somebody renewed in the portal": World::renewal, |world| {
        world.recorded(Event::Intended, "AA", "run-1", "2026-11-21T10:00:00Z");
        world.live_push(|live| {
            live.serial = "77".parse().unwrap();
            live.expires = at("2028-01-01T00:00:00Z");
        });
    } => Held Hold [OlderThanLive];
    "a VPP file landed in another location, and Git names that location now": World::vpp, |world| {
        world.failed("AA", FailureCode::WrongLocation);
        world.entry().facts.location = Some("Elsewhere".into());
        world.live_vpp(|live| live.location = Some("Elsewhere".into()));
    } => InSync None [];
    "a VPP token was sent twice and never showed": World::vpp_renewal, |world| {
        sent(world, "2026-11-22T08:50:00Z", Some("2026-11-22T09:00:00Z"));
        sent(world, "2026-11-22T09:50:00Z", Some("2026-11-22T10:00:00Z"));
    } => Held Hold [Rejected];
    "a run died between announcing and sending, and its lease runs": World::vpp_renewal, |world| {
        sent(world, "2026-11-22T11:50:00Z", None);
    } => Progressing None [];
    "a VPP token is being created, and its entry got another name": World::vpp, |world| {
        being_created(world);
        world.entry().token.name = Some("Bavaria".into());
    } => Progressing None [];
    "a VPP token is being created, and its entry got another name and another file": World::vpp, |world| {
        being_created(world);
        world.entry().token.name = Some("Bavaria".into());
        new_file(world, "BB");
    } => Progressing None [];
    "a VPP token is being created, and its entry got another name and file and names no location": World::vpp, |world| {
        being_created(world);
        world.entry().token.name = Some("Bavaria".into());
        world.entry().facts.location = None;
        new_file(world, "BB");
    } => Progressing None [];
    "a VPP token was created, does not show yet, and its entry got another name": World::vpp, |world| {
        being_created(world);
        let line = world.recorded(Event::Applied, "AA", "run-1", "2026-11-22T11:51:00Z");
        line.token.as_mut().unwrap().id = Some("vpp-9".into());
        world.dead_runs.insert("run-1".into());
        world.entry().token.name = Some("Bavaria".into());
    } => Progressing None [];
    "a VPP token is being created, and another one of another location is due": World::vpp, |world| {
        being_created(world);
        let created = world.entry().clone();
        world.entry().token.name = Some("Bavaria".into());
        world.entry().facts.location = Some("Bavaria".into());
        new_file(world, "BB");
        world.tenant.vpp.push(created);
    } => OutOfSync Create [];
    "a run that was to create a VPP token died long ago, and its entry got another name": World::vpp, |world| {
        being_created(world);
        world.now = at("2026-11-22T12:40:00Z");
        world.entry().token.name = Some("Bavaria".into());
    } => OutOfSync Create [];
    "a run of this clone died with a push certificate announced": World::renewal, |world| {
        sent(world, "2026-11-22T11:50:00Z", None);
        world.dead_runs.insert("run-1".into());
    } => OutOfSync Upload [];
    "Graph rejected the VPP token for good": World::vpp_renewal, |world| {
        sent(world, "2026-11-20T10:00:00Z", None);
        world.failed("AA", FailureCode::Rejected);
    } => Held Hold [Rejected];
    "Graph rejected the VPP token for good, and Git has another one now": World::vpp_renewal, |world| {
        sent(world, "2026-11-20T10:00:00Z", None);
        world.failed("AA", FailureCode::Rejected);
        new_file(world, "BB");
    } => OutOfSync Upload [];
    "a VPP token turned out to belong to another location": World::vpp_renewal, |world| {
        sent(world, "2026-11-20T10:00:00Z", None);
        world.failed("AA", FailureCode::WrongLocation);
    } => Held Hold [Rejected];
    "a VPP token of another location was taken out again in the portal": World::vpp_renewal, |world| {
        world.failed("AA", FailureCode::WrongLocation);
        world.live_vpp(|live| live.expires = Some(at(THIS_YEAR)));
    } => Held Hold [Rejected];
    "a second administrator did not approve": World::vpp_renewal, |world| {
        sent(world, "2026-11-20T10:00:00Z", None);
        world.failed("AA", FailureCode::ApprovalRequired);
    } => OutOfSync Upload [];
}

const OLD_BYTES: &str = "0000000000000000000000000000000000000001";
const NEW_BYTES: &str = "0000000000000000000000000000000000000002";

/// The newest line names the sealed bytes that its run opened.
fn name_bytes(world: &mut World, bytes: &str) {
    let ledger = world.ledger.as_mut().unwrap();
    let records = &mut ledger.tenants.get_mut(&world.tenant.tenant_id).unwrap().records;
    match &mut records.last_mut().unwrap().entry.body {
        EntryBody::Confirmed { file: Some(file), .. }
        | EntryBody::NotLanded { file: Some(file), .. }
        | EntryBody::Verified { file } => file.blob = Some(bytes.parse().unwrap()),
        other => panic!("{other:?}"),
    }
}

/// A run opened other sealed bytes than those that are in Git now.
fn encrypted_again(world: &mut World) {
    name_bytes(world, OLD_BYTES);
    world.entry().file.as_mut().unwrap().blob = NEW_BYTES.to_owned();
}

/// A request for Apple with this key was recorded for a tenant.
fn asked_for<'w>(world: &'w mut World, number: u8, key: &str) -> &'w mut LedgerEntry {
    let tenant_id = tenant("one", number).tenant_id;
    let at_text = "2026-11-20T09:00:00Z";
    let line = world.recorded_for(tenant_id, Event::RenewalOpened, "99", "run-0", at_text);
    let (csr, public_key_sha256) = ("request".to_owned(), Sha256::of(key.as_bytes()));
    line.body = EntryBody::RenewalOpened { csr, public_key_sha256 };
    line.before = None;
    line
}

/// Intune has no push certificate any more. The tenant file states the key of Git's.
fn lost(world: &mut World) {
    world.live.push = Reading::Absent;
    world.entry().public_key = Some(Sha256::of(b"ours"));
}

fn new_file(world: &mut World, label: &str) {
    let file = world.entry().file.as_mut().unwrap();
    file.sha256 = Sha256::of(label.as_bytes());
    file.blob = format!("blob-{label}");
}

/// The file of 15:00 was applied, and another one is said to be of two days later.
fn older_file_again(world: &mut World) {
    world.forget();
    world.confirmed_download("AA", "2026-11-20T15:00:00Z", "2027-11-20T15:00:00Z");
    world.live_enrollment(|live| live.expires = Some(at("2027-11-20T15:00:00Z")));
    new_file(world, "BB");
    world.entry().downloaded = Some(at("2026-11-22T10:00:00Z"));
}

/// The file was uploaded, and Intune has it in another location than the one in Git.
fn landed_in(world: &mut World, location: &str) {
    world.forget();
    world.recorded(Event::Confirmed, "99", "run-0", "2025-12-20T10:00:00Z");
    sent(world, "2026-11-20T09:59:00Z", Some("2026-11-20T10:00:00Z"));
    world.failed("AA", FailureCode::WrongLocation);
    world.live_vpp(|live| live.location = Some(location.into()));
}

/// The same, and Git has another file by now.
fn followed_in(world: &mut World, location: &str) {
    landed_in(world, location);
    new_file(world, "BB");
    world.entry().facts.expires = Some(at("2027-11-21T10:00:00Z"));
}

/// Intune has another token of this location, and says so of the first one.
fn duplicate_of(world: &mut World, location: &str) {
    world.live_vpps().push(live_vpp(location, "vpp-2", NEXT_YEAR));
    world.live_vpp(|live| live.state = "duplicateLocationId".into());
}

/// Intune has no token, and a run announced ten minutes ago that it makes the one in Git.
fn being_created(world: &mut World) {
    no_vpp_token(world);
    world.entry().create = true;
    sent(world, "2026-11-22T11:50:00Z", None);
}

/// Another entry, of the same owner, that Intune does not have yet.
fn to_create(world: &mut World, name: &str, location: Option<&str>) {
    let mut entry = vpp_entry(name, None, "LL", "2027-11-21T10:00:00Z");
    entry.create = true;
    entry.facts.location = location.map(str::to_owned);
    world.tenant.vpp.insert(0, entry);
}

/// A run uploaded the enrollment file on the day of its download, which Git names two days early.
fn dated_early(world: &mut World) {
    sent(world, "2026-11-20T10:30:00Z", Some("2026-11-20T10:31:00Z"));
    world.recorded(Event::OutcomeUnknown, "AA", "run-2", "2026-11-20T11:10:00Z");
    world.live_enrollment(|live| {
        live.expires = Some(at(NEXT_YEAR));
        live.last_modified = Some(at("2026-11-20T10:31:00Z"));
    });
    let early = at("2026-11-18T10:00:00Z");
    world.entry().downloaded = Some(early);
    world.downloads.add(Sha256::of(b"AA"), early);
}

/// The token was deleted in the portal, and a run made it again as vpp-9, up to these lines.
pub(super) fn made_again_by_a_run(world: &mut World, then: &[Event]) {
    let all = std::mem::take(world.live_vpps());
    world.entry().token.id = None;
    world.recorded(Event::Intended, "AA", "run-1", "2026-11-21T10:00:00Z");
    world.entry().token.id = Some("vpp-9".into());
    for event in then {
        world.recorded(*event, "AA", "run-1", "2026-11-21T10:01:00Z");
    }
    world.entry().token.id = Some("vpp-1".into());
    *world.live_vpps() = all;
}

/// A run created the token last year, and Git names no id and has a renewal by now.
fn created_last_year(world: &mut World) {
    world.forget();
    let all = std::mem::take(world.live_vpps());
    world.entry().token.id = None;
    world.recorded(Event::Intended, "99", "run-1", "2025-11-21T10:00:00Z");
    world.entry().token.id = Some("vpp-1".into());
    for event in [Event::Applied, Event::Confirmed] {
        world.recorded(event, "99", "run-1", "2025-11-21T10:01:00Z");
    }
    world.entry().token.id = None;
    world.entry().create = true;
    *world.live_vpps() = all;
}

fn no_vpp_token(world: &mut World) {
    world.forget();
    world.live_vpps().clear();
    world.entry().token.id = None;
}

fn sent(world: &mut World, intended: &str, applied: Option<&str>) {
    world.recorded(Event::Intended, "AA", "run-1", intended);
    if let Some(applied) = applied {
        let line = world.recorded(Event::Applied, "AA", "run-1", applied);
        line.after = None;
    }
}

/// Git has another account than Intune, and a reviewed line for that.
fn moved_account(world: &mut World) {
    world.live_push(|live| live.apple_id = Some("old@contoso.example".into()));
    world.allow("apple-id-change", "old@contoso.example", "mdm@contoso.example");
}

#[test]
fn every_situation_ends_as_its_sentence_says() {
    let mut wrong = Vec::new();
    for situation in SITUATIONS {
        let mut world = (situation.world)();
        (situation.change)(&mut world);
        let token = world.first();
        let found = (token.state.sync, token.action, token.state.reasons.as_slice());
        if found != (situation.sync, situation.action, situation.reasons) {
            wrong.push(format!("{}: {found:?}\n    {:?}", situation.what, token.state.details));
        }
        let writes = world.planned().due.iter().any(|due| due.token.token.kind == world.kind);
        if writes && !situation.action.writes() && world.kind != Kind::Vpp {
            wrong.push(format!("{}: something is written", situation.what));
        }
        if situation.action == A::Hold && token.state.details.is_empty() {
            wrong.push(format!("{}: a hold does not tell the way out", situation.what));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn sentences_are_told_once() {
    let mut sentences: Vec<&str> = SITUATIONS.iter().map(|situation| situation.what).collect();
    sentences.sort_unstable();
    sentences.dedup();
    assert_eq!(sentences.len(), SITUATIONS.len());
}

#[test]
fn every_hold_that_a_plan_can_tell_has_its_situation() {
    let seen = |reason: &Reason| {
        SITUATIONS.iter().any(|situation| situation.reasons.contains(reason))
            || *reason == R::RecipientMismatch
            // Only the opened file shows these two.
            || matches!(reason, R::WrongKind | R::BadFile)
            // A plan does not ask Apple.
            || matches!(reason, R::DeadAtApple | R::LocationUnproved)
            // Without its `allow` line no write is due that it could hold.
            || *reason == R::AppleIdChange
    };
    let missing: Vec<_> = Reason::ALL.iter().filter(|reason| !seen(reason)).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn a_vpp_token_is_healthy_only_where_intune_says_so() {
    let health = |state: &str| {
        let mut world = World::vpp();
        world.live_vpp(|live| live.state = state.into());
        world.first().state.health
    };
    assert_eq!(health("valid"), Health::Ok);
    assert_eq!(health("expired"), Health::Failing);
    for state in ["unknown", "", "somethingNew"] {
        assert_eq!(health(state), Health::Unknown, "{state}");
    }
}

#[test]
fn what_is_expired_by_its_date_is_told_once() {
    let mut world = World::vpp();
    world.live_vpp(|live| {
        live.state = "expired".into();
        live.expires = Some(at("2026-11-01T00:00:00Z"));
    });
    let state = world.first().state;
    assert_eq!((state.expiry, state.health_reasons), (Expiry::Expired, vec![]));
}

#[test]
fn what_is_wrong_with_a_token_in_sync_is_shown_beside() {
    let health = |start: fn() -> World, change: fn(&mut World)| {
        let mut world = start();
        change(&mut world);
        world.first().state.health_reasons
    };
    for (state, reason) in [
        ("invalid", HealthReason::TokenInvalid),
        ("assignedToExternalMDM", HealthReason::ExternalMdm),
        ("duplicateLocationId", HealthReason::DuplicateLocation),
        ("expired", HealthReason::TokenInvalid),
        ("unknown", HealthReason::StateUnknown),
        ("unknownFutureValue", HealthReason::StateUnknown),
    ] {
        let mut world = World::vpp();
        world.live_vpp(|live| live.state = state.into());
        assert_eq!(world.first().state.health_reasons, [reason]);
    }
    let revoked = health(World::renewal, |world| {
        world.live_push(|live| live.revocation = Revocation::Since(at("2026-11-20T00:00:00Z")));
    });
    assert_eq!(revoked, [HealthReason::Revoked]);
    for revocation in [Revocation::No, Revocation::NotAsked, Revocation::Unknown("why".into())] {
        let mut world = World::renewal();
        world.live_push(|live| live.revocation = revocation);
        assert_eq!(world.first().state.health, Health::Ok);
    }
    let terms = health(World::enrollment, |world| {
        world.live_enrollment(|live| live.last_sync_error_code = 3);
    });
    assert_eq!(terms, [HealthReason::TermsNotAccepted]);
    let other = health(World::enrollment, |world| {
        world.live_enrollment(|live| live.last_sync_error_code = 7);
    });
    assert_eq!(other, [HealthReason::SyncFailing]);
    let failed = |world: &mut World| {
        let long_ago = at("2026-01-01T00:00:00Z");
        world.live_vpp(|live| {
            live.last_sync_status = Some("failed".into());
            live.last_sync = Some(long_ago);
        });
    };
    let mut world = World::vpp();
    failed(&mut world);
    assert_eq!(
        world.first().state.health_reasons,
        [HealthReason::SyncFailing],
        "not stale as well"
    );
    // That a dead token does not sync is no other matter.
    world.live_vpp(|live| live.state = "invalid".into());
    assert_eq!(world.first().state.health_reasons, [HealthReason::TokenInvalid]);
}

#[test]
fn that_nobody_knows_of_a_certificate_in_git_is_told_where_intune_has_none_too() {
    let unknown = |of_list: Option<Revocation>| {
        let mut world = World::first_upload();
        if let Some(of_list) = of_list {
            world.revoked_in_git(of_list);
        }
        world.plan().revocation_unknown
    };
    let why = "Apple did not answer".to_owned();
    assert_eq!(unknown(Some(Revocation::Unknown(why.clone()))), Some(why));
    assert_eq!((unknown(Some(Revocation::No)), unknown(None)), (None, None));
}

#[test]
fn what_apple_called_dead_is_told_of_the_token_in_intune_and_of_no_other() {
    let health = |start: fn() -> World, died: &str, file: &str, change: fn(&mut World)| {
        let mut world = start();
        let dead = [(Sha256::of(file.as_bytes()), at(died))].into();
        let known = Remembered { dead, ..Remembered::default() };
        world.readings.insert(world.tenant.tenant_id, known);
        change(&mut world);
        let token = world.first();
        (token.state.health_reasons, token.state.details.concat())
    };
    let (yesterday, none) = ("2026-11-21T10:00:00Z", (Vec::new(), String::new()));
    let (reasons, details) = health(World::vpp, yesterday, "AA", |_| {});
    assert_eq!(reasons, [HealthReason::DeadAtApple]);
    assert!(details.contains("Apple said on 2026-11-21"), "{details}");
    assert_eq!(health(World::vpp, yesterday, "BB", |_| {}), none, "another file");
    assert_eq!(health(World::vpp, "2030-01-01T00:00:00Z", "AA", |_| {}), none, "another clock");
    // Intune has last year's file: of that nothing was said.
    assert_eq!(health(World::vpp_renewal, yesterday, "AA", |_| {}).0, []);
    let invalid = |world: &mut World| world.live_vpp(|live| live.state = "invalid".into());
    assert_eq!(health(World::vpp, yesterday, "AA", invalid).0, [HealthReason::TokenInvalid]);
}

#[test]
fn a_token_that_never_synced_is_stale_also_where_intune_does_not_say_since_when_it_has_it() {
    let health = |mut world: World, days: i64, is_recorded: bool| {
        if !is_recorded {
            world.forget();
        }
        // The run that first read the token recorded it two days ago.
        world.now = at("2026-11-20T11:00:00Z").plus(Duration::days(days) + Duration::minutes(1));
        if world.kind == Kind::Vpp {
            world.live_vpp(|live| (live.last_sync, live.last_modified) = (None, None));
        } else {
            world.live_enrollment(|live| {
                (live.last_successful_sync, live.last_modified) = (None, None);
            });
        }
        world.first().state.health_reasons
    };
    for start in [World::vpp, World::enrollment] {
        assert_eq!(health(start(), 2, true), []);
        assert_eq!(health(start(), 3, true), [HealthReason::SyncStale]);
        assert_eq!(health(start(), 40, false), [], "no run says how old it is");
    }
}

#[test]
fn how_old_a_sync_may_be_is_a_setting_of_each_kind() {
    let health = |kind: Kind, days: i64, synced: bool, within: i64| {
        let mut world = if kind == Kind::Vpp { World::vpp() } else { World::enrollment() };
        let within = Duration::days(within);
        world.policy.sync_stale = match kind {
            Kind::Vpp => SyncStale { vpp: within, ..SyncStale::default() },
            _ => SyncStale { enrollment: within, ..SyncStale::default() },
        };
        let at = world.now.plus(-Duration::days(days) - Duration::minutes(1));
        // A token that never synced is as old as it is in Intune.
        let sync = synced.then_some(at);
        if kind == Kind::Vpp {
            world.live_vpp(|live| (live.last_sync, live.last_modified) = (sync, Some(at)));
        } else {
            world.live_enrollment(|live| {
                (live.last_successful_sync, live.last_modified) = (sync, Some(at));
            });
        }
        world.first().state.health_reasons
    };
    let stale = [HealthReason::SyncStale];
    for kind in [Kind::Enrollment, Kind::Vpp] {
        for synced in [true, false] {
            assert_eq!(health(kind, 3, synced, 3), stale, "{kind} {synced}");
            assert_eq!(health(kind, 2, synced, 3), [], "{kind} {synced}");
            assert_eq!(health(kind, 3, synced, 5), [], "{kind} {synced}");
            assert_eq!(health(kind, 1, synced, 1), stale, "{kind} {synced}");
        }
    }
}
