//! Every row of the decision table and every hold class of the push certificate: equal worlds,
//! change one thing, expect one thing.

use crate::fleet::{Desired, Move, Owned};
use crate::model::{
    Event, Evidence, FailureCode, Kind, Problem, ProblemCode, Reading, Resource, Sha256,
};
use crate::plan::world::{NOW, OTHER_TOPIC, TOPIC, World, at, tenant};
use crate::plan::{Action, Closing, Expiry, Note, Observed, Reason, Sync, Warning};

// Row 1

#[test]
fn a_resource_that_could_not_be_read_is_unobserved_and_never_written() {
    let mut world = World::renewal();
    let problem = Problem::new(ProblemCode::Forbidden, "403").on(Resource::Push);
    world.live.push = Reading::Unknown(problem.clone());
    world.expect(Sync::Unobserved, Action::None, &[]);
    let plan = world.plan();
    assert_eq!(plan.tenants[0].observed, Observed::None);
    assert_eq!(plan.tenants[0].problems, [problem]);
}

#[test]
fn an_unreadable_ledger_makes_every_token_unobserved() {
    let mut world = World::renewal();
    world.ledger = Err("the chain is broken".into());
    world.expect(Sync::Unobserved, Action::None, &[]);
    assert_eq!(world.plan().tenants[0].problems[0].code, ProblemCode::LedgerUnknown);
}

#[test]
fn one_tenants_broken_record_makes_only_that_tenant_unobserved() {
    let mut world = World::renewal();
    let id = world.tenant.tenant_id;
    let broken = &mut world.ledger.as_mut().unwrap().broken;
    broken.insert(tenant("fabrikam", 2).tenant_id, "line 3".into());
    world.expect_upload();
    world.ledger.as_mut().unwrap().broken.insert(id, "line 4".into());
    world.expect(Sync::Unobserved, Action::None, &[]);
    let problems = world.plan().tenants.remove(0).problems;
    assert_eq!(problems[0].code, ProblemCode::LedgerUnknown);
    assert_eq!(problems[0].detail.as_deref(), Some("line 4"));
}

#[test]
fn an_invalid_folder_is_a_row_and_nothing_is_sent_for_it() {
    let mut world = World::renewal();
    let broken = Desired::Invalid {
        name: "contoso".into(),
        tenant_id: None,
        file: "tenants/contoso/tenant.yaml".into(),
        mistakes: Vec::new(),
    };
    world.others.push(broken);
    let plan = world.plan();
    assert_eq!(plan.tenants[0].problems[0].code, ProblemCode::InvalidFile);
    assert_eq!(plan.tenants[0].observed, Observed::None);
}

#[test]
fn an_unobserved_token_still_shows_the_expiry_that_was_last_seen() {
    let mut world = World::renewal();
    world.recorded(Event::Confirmed, "99", "run-1", "2026-11-01T10:00:00Z");
    world.live.push = Reading::Unknown(Problem::new(ProblemCode::Timeout, "no answer"));
    let token = world.expect(Sync::Unobserved, Action::None, &[]);
    assert_eq!(token.state.expires, Some(at("2026-12-20T10:00:00Z")));
    assert_eq!(token.state.expiry, Expiry::RenewalDue);
}

// Row 2

#[test]
fn a_token_without_a_file_is_tracked() {
    let mut world = World::renewal();
    world.entry().file = None;
    let token = world.expect(Sync::Watched, Action::None, &[]);
    assert_eq!(token.state.warnings, [Warning::FactsDiffer]);
}

#[test]
fn a_token_without_a_file_that_is_absent_is_missing() {
    let mut world = World::first_upload();
    world.entry().file = None;
    world.expect(Sync::Missing, Action::None, &[]);
}

#[test]
fn a_live_certificate_that_git_does_not_name_is_unmanaged() {
    let mut world = World::equal();
    world.tenant.push = None;
    world.expect(Sync::Unmanaged, Action::None, &[]);
}

#[test]
fn no_certificate_in_git_and_none_live_is_missing() {
    let mut world = World::first_upload();
    world.tenant.push = None;
    world.expect(Sync::Missing, Action::None, &[]);
}

#[test]
fn a_kind_that_is_not_watched_is_not_shown() {
    let mut world = World::equal();
    world.tenant.watch.remove(&Kind::Push);
    assert!(world.plan().tenants[0].tokens.is_empty());
}

#[test]
fn a_change_outside_git_is_adopted_when_its_file_leaves_the_tenant_file() {
    let mut world = World::renewal();
    world.entry().file = None;
    assert_eq!(world.planned().notes[0].note, Note::Observed);
    world.recorded(Event::ChangedOutsideGit, "99", "run-1", "2026-11-20T10:00:00Z");
    assert_eq!(world.planned().notes[0].note, Note::Adopted);
    world.recorded(Event::Adopted, "99", "run-2", "2026-11-21T10:00:00Z");
    assert!(world.planned().notes.is_empty(), "once");
}

#[test]
fn the_first_sight_of_a_watched_token_and_each_change_is_recorded_once() {
    let mut world = World::renewal();
    world.entry().file = None;
    let notes = |world: &World| {
        let notes = world.planned().notes.into_iter();
        notes.map(|noted| noted.note).collect::<Vec<Note>>()
    };
    assert_eq!(notes(&world), [Note::Observed], "first sight");
    world.recorded(Event::Observed, "99", "run-1", "2026-11-20T10:00:00Z");
    assert_eq!(notes(&world), [], "once");
    world.live_push(|live| live.serial = "77".parse().unwrap());
    assert_eq!(notes(&world), [Note::Observed], "a change");
    world.recorded(Event::Observed, "77", "run-2", "2026-11-21T10:00:00Z");
    assert_eq!(notes(&world), [], "once");
}

#[test]
fn a_renewal_by_hand_that_no_run_saw_is_adopted_all_the_same() {
    let mut world = World::renewal();
    world.entry().file = None;
    let live = world.live.push.present().unwrap().serial.to_string();
    world.recorded(Event::Confirmed, &live, "run-1", "2026-11-19T10:00:00Z");
    assert!(world.planned().notes.is_empty(), "live is what was confirmed");
    world.recorded(Event::Confirmed, "98", "run-2", "2026-11-20T10:00:00Z");
    assert_eq!(world.planned().notes[0].note, Note::Adopted);
    world.recorded(Event::Adopted, "99", "run-3", "2026-11-21T10:00:00Z");
    assert!(world.planned().notes.is_empty(), "once");
}

// Row 3

#[test]
fn an_upload_that_landed_unrecorded_is_in_sync_and_recorded() {
    let mut world = World::unrecorded();
    world.recorded(Event::Intended, "AA", "run-1", "2026-11-22T11:59:00Z");
    let token = world.expect(Sync::InSync, Action::None, &[]);
    assert_eq!(token.state.warnings, [Warning::UnrecordedUpload, Warning::EvidenceInferred]);
    assert_eq!(world.planned().notes[0].note, Note::Confirmed(Some(Evidence::Inferred)));
    world.recorded(Event::Applied, "AA", "run-1", "2026-11-22T11:59:30Z");
    let token = world.expect(Sync::InSync, Action::None, &[]);
    assert_eq!(token.state.warnings, [Warning::UnrecordedUpload]);
    assert_eq!(world.planned().notes[0].note, Note::Confirmed(None));
}

// Row 4

#[test]
fn a_digest_that_graph_rejected_for_good_is_not_sent_again() {
    let mut world = World::renewal();
    world.recorded(Event::Intended, "AA", "run-1", "2026-11-20T10:00:00Z");
    world.failed("AA", FailureCode::Rejected);
    world.expect_held(&[Reason::Rejected]);
}

#[test]
fn a_new_digest_is_sent_although_the_last_one_was_rejected() {
    let mut world = World::renewal();
    world.recorded(Event::Intended, "77", "run-1", "2026-11-20T10:00:00Z");
    world.failed("77", FailureCode::Rejected);
    world.expect_upload();
}

#[test]
fn a_rejected_digest_that_a_review_releases_is_sent() {
    let mut world = World::renewal();
    world.failed("AA", FailureCode::Rejected);
    world.allow("rejected", "99", "AA");
    assert_eq!(world.expect_upload().allows, [Reason::Rejected]);
}

#[test]
fn a_failure_for_lack_of_permission_is_tried_again() {
    for code in [
        FailureCode::NotPermitted,
        FailureCode::ApprovalRequired,
        FailureCode::Throttled,
        FailureCode::NotLanded,
        FailureCode::NotSent,
    ] {
        let mut world = World::renewal();
        world.recorded(Event::Intended, "AA", "run-1", "2026-11-20T10:00:00Z");
        world.failed("AA", code);
        world.expect_upload();
    }
}

#[test]
fn a_rejected_file_that_somebody_uploaded_by_hand_is_verified() {
    let mut world = World::unrecorded();
    world.failed("AA", FailureCode::Rejected);
    world.expect(Sync::Unverified, Action::Verify, &[]);
}

// Row 5

#[test]
fn another_live_run_is_waited_for() {
    let mut world = World::renewal();
    world.recorded(Event::Intended, "AA", "run-1", "2026-11-22T11:55:00Z");
    let token = world.expect(Sync::Progressing, Action::None, &[]);
    assert_eq!(token.state.warnings, [Warning::InProgressElsewhere]);
}

#[test]
fn another_live_run_is_waited_for_whatever_file_it_sends() {
    let mut world = World::renewal();
    world.recorded(Event::Intended, "77", "run-1", "2026-11-22T11:55:00Z");
    world.expect(Sync::Progressing, Action::None, &[]);
}

#[test]
fn the_lease_of_a_run_that_is_proved_dead_does_not_count() {
    let mut world = World::renewal();
    world.recorded(Event::Intended, "AA", "run-1", "2026-11-22T11:55:00Z");
    world.dead_runs.insert("run-1".into());
    let token = world.expect_upload();
    assert!(token.state.warnings.contains(&Warning::SentAgain));
}

#[test]
fn the_lease_of_another_run_counts_although_one_is_proved_dead() {
    let mut world = World::renewal();
    world.recorded(Event::Intended, "AA", "run-1", "2026-11-22T11:50:00Z");
    world.recorded(Event::Intended, "AA", "run-2", "2026-11-22T11:55:00Z");
    world.dead_runs.insert("run-1".into());
    world.expect(Sync::Progressing, Action::None, &[]);
}

#[test]
fn a_lease_that_ran_out_leaves_the_file_to_be_sent_once_more() {
    let mut world = World::renewal();
    world.recorded(Event::Intended, "AA", "run-1", "2026-11-22T11:30:00Z");
    let token = world.expect_upload();
    assert!(token.state.warnings.contains(&Warning::SentAgain));
}

#[test]
fn a_file_accepted_twice_that_never_showed_is_not_sent_a_third_time() {
    let mut world = World::renewal();
    world.recorded(Event::NotShown, "AA", "run-1", "2026-11-21T10:00:00Z");
    world.recorded(Event::Intended, "AA", "run-2", "2026-11-21T12:00:00Z");
    world.recorded(Event::Applied, "AA", "run-2", "2026-11-21T12:00:00Z");
    world.expect_held(&[Reason::Rejected]);
    let notes: Vec<Note> = world.planned().notes.into_iter().map(|noted| noted.note).collect();
    assert_eq!(notes, [Note::NeverVisible], "it finishes the sending by itself");
}

#[test]
fn what_became_of_an_announced_upload_is_recorded_by_what_intune_has() {
    let closings = |world: &World| {
        let notes = world.planned().notes.into_iter();
        notes.map(|noted| noted.note).collect::<Vec<Note>>()
    };
    let file = Sha256::of(b"AA").into();
    let mut killed = World::renewal();
    killed.recorded(Event::Intended, "AA", "run-1", "2026-11-21T10:00:00Z");
    assert_eq!(closings(&killed), [Note::Closed(Closing::NotLanded, file)]);

    let mut accepted = World::renewal();
    accepted.recorded(Event::Applied, "AA", "run-1", "2026-11-21T10:00:00Z");
    assert_eq!(closings(&accepted), [Note::Closed(Closing::NotShown, file)]);

    let mut third = World::renewal();
    third.recorded(Event::Applied, "AA", "run-1", "2026-11-21T10:00:00Z");
    third.live_push(|live| live.serial = "77".parse().unwrap());
    let unknown = [Note::Closed(Closing::OutcomeUnknown, file), Note::ChangedOutsideGit];
    assert_eq!(closings(&third), unknown);

    let mut replaced = World::renewal();
    replaced.recorded(Event::Applied, "77", "run-1", "2026-11-21T10:00:00Z");
    replaced.live_push(|live| live.serial = "77".parse().unwrap());
    let other = Sha256::of(b"77").into();
    assert_eq!(closings(&replaced), [Note::Closed(Closing::Shown, other)], "Git has moved on");
}

#[test]
fn an_announced_upload_that_was_never_made_is_not_called_uploaded() {
    let mut world = World::vpp_renewal();
    world.recorded(Event::Intended, "AA", "run-1", "2026-11-22T11:50:00Z");
    world.dead_runs.insert("run-1".into());
    let token = world.expect(Sync::Progressing, Action::None, &[]);
    let told = token.state.details.join(" ");
    assert!(told.starts_with("An upload was announced") && !told.contains("Uploaded"), "{told}");
}

#[test]
fn an_upload_that_failed_tells_why_and_when_it_is_tried_again() {
    let mut world = World::renewal();
    world.failed_at("AA", FailureCode::NotPermitted, "2026-11-22T11:58:00Z");
    let token = world.expect(Sync::OutOfSync, Action::None, &[]);
    assert_eq!(token.state.warnings, [Warning::RetryAfter]);
    assert_eq!(
        token.state.details,
        [
            "The last upload of this file, on 2026-11-22T11:58:00Z, did not arrive: no",
            "It is tried again by the first `applecart apply` after 2026-11-22T12:03:00Z; `applecart apply --retry` tries at once",
        ]
    );
    assert!(world.planned().due.is_empty(), "no new intent");
    assert_eq!(token.state.retry_after, Some("2026-11-22T12:03:00Z".parse().unwrap()));
}

#[test]
fn an_upload_that_waits_to_be_tried_again_is_due_all_the_same() {
    let mut world = World::renewal();
    assert!(world.plan().has_open_changes() && world.plan().waiting().next().is_none());
    world.failed_at("AA", FailureCode::NotPermitted, "2026-11-22T11:58:00Z");
    let plan = world.plan();
    assert!(plan.has_open_changes() && plan.waiting().count() == 1);
    // What is on its way is not: nothing is left to do but to look.
    let mut sent = World::renewal();
    sent.recorded(Event::Intended, "AA", "run-1", "2026-11-22T11:59:00Z");
    assert!(!sent.plan().has_open_changes());
}

// Row 6

#[test]
fn equal_worlds_need_nothing() {
    let world = World::equal();
    world.expect(Sync::InSync, Action::None, &[]);
    assert!(!world.plan().has_changes());
    assert!(world.planned().notes.is_empty());
}

#[test]
fn a_file_to_verify_is_no_change_and_no_write_and_counts_by_itself() {
    let world = World::unrecorded();
    let planned = world.planned();
    assert!(!planned.plan.has_changes());
    assert!(planned.due.is_empty() && planned.canaries.is_empty());
    let summary = planned.plan.summary;
    assert_eq!((summary.verifies, summary.uploads, summary.configures), (1, 0, 0));
    let [verify] = planned.verifies.as_slice() else { panic!("{planned:?}") };
    assert_eq!(verify.file.sha256, Sha256::of(b"AA"));
    assert_eq!(verify.live.serial, Some("AA".parse().unwrap()));
}

#[test]
fn a_suspended_tenant_in_sync_is_in_sync_and_its_expiry_is_shown() {
    let mut world = World::equal();
    world.suspend("2026-12-31");
    let token = world.expect(Sync::InSync, Action::None, &[]);
    assert_eq!(token.state.expiry, Expiry::Valid);
}

#[test]
fn a_certificate_in_sync_can_be_expired() {
    let mut world = World::equal();
    world.now = at("2028-01-01T00:00:00Z");
    let token = world.expect(Sync::InSync, Action::None, &[]);
    assert_eq!(token.state.expiry, Expiry::Expired);
}

// Row 7

#[test]
fn another_topic_is_held_whatever_else_is_right() {
    let mut world = World::renewal();
    world.entry().facts.topic = Some(OTHER_TOPIC.parse().unwrap());
    let token = world.expect_held(&[Reason::TopicChange]);
    assert!(
        token.state.details[0].contains("cut off every enrolled device"),
        "{:?}",
        token.state.details
    );
}

#[test]
fn a_topic_change_is_released_by_a_reviewed_line_and_nothing_else() {
    let mut world = World::renewal();
    world.entry().facts.topic = Some(OTHER_TOPIC.parse().unwrap());
    world.allow("topic-change", TOPIC, OTHER_TOPIC);
    assert_eq!(world.expect_upload().allows, [Reason::TopicChange]);
}

#[test]
fn an_allow_line_for_another_topic_releases_nothing_and_says_what_it_must_say() {
    let mut world = World::renewal();
    world.entry().facts.topic = Some(OTHER_TOPIC.parse().unwrap());
    world.allow("topic-change", "com.apple.mgmt.External.someone-else", OTHER_TOPIC);
    let token = world.expect_held(&[Reason::TopicChange]);
    assert!(
        token.state.details[1].contains(&format!("from: {TOPIC}")),
        "{:?}",
        token.state.details
    );
}

#[test]
fn an_allow_line_that_ended_releases_nothing() {
    let mut world = World::renewal();
    world.entry().facts.topic = Some(OTHER_TOPIC.parse().unwrap());
    world.allow("topic-change", TOPIC, OTHER_TOPIC);
    world.now = at("2027-01-01T00:00:00Z");
    world.live_push(|live| live.expires = at("2027-01-20T00:00:00Z"));
    world.expect_held(&[Reason::TopicChange]);
}

#[test]
fn all_reasons_are_told_and_the_topic_comes_first() {
    let mut world = World::renewal();
    world.entry().facts.topic = Some(OTHER_TOPIC.parse().unwrap());
    world.entry().facts.expires = Some(at("2026-11-01T00:00:00Z"));
    world.suspend("2026-12-31");
    world.expect_held(&[
        Reason::TopicChange,
        Reason::OlderThanLive,
        Reason::Expired,
        Reason::Suspended,
    ]);
}

#[test]
fn last_years_file_is_older_than_live() {
    let mut world = World::renewal();
    world.live_push(|live| live.expires = at("2028-01-01T00:00:00Z"));
    world.expect_held(&[Reason::OlderThanLive]);
}

#[test]
fn no_allow_line_moves_an_expiry_backwards() {
    let mut world = World::renewal();
    world.live_push(|live| live.expires = at("2028-01-01T00:00:00Z"));
    world.allow("older-than-live", "99", "AA");
    let token = world.expect_held(&[Reason::OlderThanLive]);
    assert!(token.state.details[1].contains("cannot be released"), "{:?}", token.state.details);
}

#[test]
fn a_renewal_by_hand_is_held_and_recorded() {
    let mut world = World::renewal();
    world.recorded(Event::Confirmed, "AA", "run-1", "2026-11-01T10:00:00Z");
    world.live_push(|live| live.expires = at("2028-01-01T00:00:00Z"));
    world.expect_held(&[Reason::RenewedOutsideGit]);
    assert_eq!(world.planned().notes[0].note, Note::ChangedOutsideGit);
}

#[test]
fn a_change_by_hand_to_something_not_later_is_held_and_can_be_released() {
    let mut world = World::renewal();
    world.recorded(Event::Confirmed, "AA", "run-1", "2026-11-01T10:00:00Z");
    world.expect_held(&[Reason::ChangedOutsideGit]);
    world.allow("changed-outside-git", "99", "AA");
    assert_eq!(world.expect_upload().allows, [Reason::ChangedOutsideGit]);
}

#[test]
fn a_git_revert_of_a_renewal_moves_nothing_backwards() {
    // 99 was confirmed, then AA was uploaded and confirmed; Git goes back to 99.
    let mut world = World::equal();
    world.recorded(Event::Confirmed, "99", "run-1", "2025-12-20T10:00:00Z");
    world.recorded(Event::Confirmed, "AA", "run-2", "2026-11-20T10:00:00Z");
    let entry = world.entry();
    entry.facts.serial = Some("99".parse().unwrap());
    entry.facts.expires = Some(at("2026-12-20T10:00:00Z"));
    entry.file.as_mut().unwrap().sha256 = Sha256::of(b"99");
    world.expect_held(&[Reason::RenewedOutsideGit]);
    assert!(world.planned().notes.is_empty(), "live is what was last recorded");
}

#[test]
fn a_confirmed_certificate_that_is_gone_is_held_as_vanished() {
    let mut world = World::first_upload();
    world.recorded(Event::Confirmed, "AA", "run-1", "2026-11-01T10:00:00Z");
    let told = world.expect_held(&[Reason::Vanished, Reason::KeyMismatch]).state.details.join(" ");
    assert!(!told.contains("allow: [{hold: vanished"), "{told}");
    assert!(told.contains("applecart renew contoso/push --restore"), "{told}");
    // Intune was read since, and asks for the key of this very certificate.
    world.entry().public_key = Some(crate::model::Sha256::of(b"A1"));
    asked_for(&mut world, "A1", "dana", "2026-11-10T10:00:00Z");
    let told = world.expect_held(&[Reason::Vanished]).state.details.join(" ");
    assert!(told.contains("allow: [{hold: vanished"), "{told}");
    world.allow("vanished", "absent", "AA");
    assert_eq!(world.expect_upload().allows, [Reason::Vanished]);
}

#[test]
fn another_topic_than_devices_know_is_held_although_the_certificate_is_gone() {
    let mut world = World::first_upload();
    world.recorded(Event::Confirmed, "99", "run-1", "2026-11-01T10:00:00Z");
    world.expect_upload();
    world.entry().facts.topic = Some(OTHER_TOPIC.parse().unwrap());
    let held = world.expect_held(&[Reason::TopicChange]);
    assert!(held.state.details[0].contains(TOPIC), "{:?}", held.state.details);
    world.allow("topic-change", "absent", OTHER_TOPIC);
    assert_eq!(world.expect_upload().allows, [Reason::TopicChange]);
}

#[test]
fn a_lapsed_file_is_never_uploaded() {
    let mut world = World::renewal();
    world.now = at("2027-11-20T10:00:00Z");
    world.expect_held(&[Reason::Expired]);
}

#[test]
fn a_first_upload_without_consent_is_held() {
    let mut world = World::first_upload();
    world.tenant.consent_data_sharing = false;
    world.expect_held(&[Reason::ConsentMissing]);
}

#[test]
fn an_upload_that_states_the_customers_consent_says_so() {
    let warnings = |world: &World| world.plan().tenants[0].tokens[0].state.warnings.clone();
    let mut world = World::first_upload();
    assert!(warnings(&world).contains(&Warning::GivesConsent), "{:?}", warnings(&world));
    world.live.consent = Reading::Present(true);
    assert!(!warnings(&world).contains(&Warning::GivesConsent));
    assert!(!warnings(&World::renewal()).contains(&Warning::GivesConsent));
}

#[test]
fn a_first_upload_needs_no_line_where_consent_was_given_live() {
    let mut world = World::first_upload();
    world.tenant.consent_data_sharing = false;
    world.live.consent = Reading::Present(true);
    world.expect_upload();
}

#[test]
fn unreadable_consent_is_no_consent() {
    let mut world = World::first_upload();
    world.tenant.consent_data_sharing = false;
    world.live.consent = Reading::Unknown(Problem::new(ProblemCode::ServerError, "503"));
    world.expect_held(&[Reason::ConsentMissing]);
}

#[test]
fn a_suspended_tenant_is_held_until_the_end_of_the_last_day() {
    let mut world = World::renewal();
    world.suspend("2026-11-22");
    world.now = at("2026-11-22T23:59:59Z");
    world.expect_held(&[Reason::Suspended]);
    world.now = at("2026-11-23T00:00:00Z");
    world.expect_held(&[Reason::SuspensionEnded]);
}

#[test]
fn the_same_tenant_id_twice_holds_every_one_of_them() {
    let mut world = World::renewal();
    let mut twin = tenant("fabrikam", 1);
    twin.push = None;
    world.others.push(Desired::Valid(twin));
    world.expect_held(&[Reason::Duplicate]);
}

#[test]
fn the_same_topic_in_two_tenants_holds_both() {
    let mut world = World::renewal();
    let mut other = tenant("fabrikam", 2);
    let mut entry = world.entry().clone();
    entry.file = None;
    other.push = Some(entry);
    world.others.push(Desired::Valid(other));
    world.expect_held(&[Reason::Duplicate]);
}

#[test]
fn a_certificate_that_went_to_another_customer_is_never_moved_because_it_needs_a_new_one() {
    let mut world = World::renewal();
    let other = tenant("fabrikam", 2).tenant_id;
    world.recorded_for(other, Event::Confirmed, "AA", "run-1", "2026-11-01T10:00:00Z");
    world.expect_held(&[Reason::WrongDestination]);
    let sha256 = Owned::File(Sha256::of(b"AA"));
    let topic = Owned::Topic(world.entry().topic().unwrap().clone());
    for of in [sha256, topic, Owned::Folder("contoso".into())] {
        world.policy.moves.push(Move {
            of,
            from: other,
            to: world.tenant.tenant_id,
            reason: "tenant migration".into(),
            until: chrono::NaiveDate::MAX,
        });
    }
    let token = world.expect_held(&[Reason::WrongDestination]);
    assert!(token.state.details[0].contains("renew it for tenant"), "{:?}", token.state.details);
}

// Row 8

#[test]
fn an_ordinary_renewal_is_uploaded() {
    let world = World::renewal();
    let token = world.expect_upload();
    assert_eq!(token.before.unwrap().serial, Some("99".parse().unwrap()));
    assert_eq!(token.after.unwrap().serial, Some("AA".parse().unwrap()));
    assert_eq!(token.state.warnings, [Warning::CsrUnknown]);
}

#[test]
fn a_first_upload_with_consent_is_uploaded() {
    let token = World::first_upload().expect_upload();
    assert_eq!(token.before, None);
}

#[test]
fn another_apple_account_is_a_warning_and_case_does_not_count() {
    let mut world = World::equal();
    world.live_push(|live| live.apple_id = Some("MDM@contoso.example".into()));
    assert!(world.first().state.warnings.is_empty());
    world.live_push(|live| live.apple_id = Some("someone@contoso.example".into()));
    let token = world.expect(Sync::InSync, Action::None, &[]);
    assert_eq!(token.state.warnings, [Warning::AppleIdDiffers]);
}

#[test]
fn the_digest_names_what_is_done_and_not_when() {
    let mut world = World::renewal();
    let digest = world.plan().digest;
    world.now = at(NOW).plus(chrono::Duration::hours(1));
    world.rev = "2222222222222222222222222222222222222222".into();
    assert_eq!(world.plan().digest, digest);
    world.live_push(|live| live.serial = "98".parse().unwrap());
    assert_ne!(world.plan().digest, digest);
}

/// Somebody recorded a request with this key.
fn asked_for<'w>(
    world: &'w mut World,
    label: &str,
    user: &str,
    at_text: &str,
) -> &'w mut crate::model::LedgerEntry {
    let line = world.recorded(Event::RenewalOpened, label, user, at_text);
    line.before = None;
    line.actor.user = Some(user.to_owned());
    line.body = crate::model::EntryBody::RenewalOpened {
        csr: "request".to_owned(),
        public_key_sha256: crate::model::Sha256::of(label.as_bytes()),
    };
    line
}

#[test]
fn two_open_requests_with_different_keys_hold_every_certificate_until_a_line_says_which() {
    let mut world = World::renewal();
    asked_for(&mut world, "A1", "dana", "2026-11-20T10:00:00Z");
    asked_for(&mut world, "A1", "dana", "2026-11-20T10:30:00Z");
    world.expect_upload();
    asked_for(&mut world, "A2", "mallory", "2026-11-20T11:00:00Z");
    let held = world.expect_held(&[Reason::KeyMismatch]);
    let told = held.state.details.join(" ");
    for word in ["dana", "mallory", "allow: [{hold: key-mismatch"] {
        assert!(told.contains(word), "{word}: {told}");
    }
    let from = world.live.push.present().unwrap().serial.to_string();
    let to = world.entry().facts.serial.as_ref().unwrap().to_string();
    world.allow("key-mismatch", &from, &to);
    assert_eq!(world.expect_upload().allows, [Reason::KeyMismatch]);
}

#[test]
fn a_recorded_request_that_no_vendor_signed_takes_no_warning_away() {
    let mut world = World::renewal();
    asked_for(&mut world, "A1", "mallory", "2026-11-20T10:00:00Z");
    let token = world.expect_upload();
    assert_eq!(token.state.warnings, [Warning::CsrUnknown]);
    let told = token.state.details.join(" ");
    assert!(
        told.contains("mallory, 2026-11-20") && told.contains("No vendor's signature"),
        "{told}"
    );
}

#[test]
fn a_further_record_ends_no_renewal_that_is_open() {
    let mut world = World::renewal();
    let live = world.live.push.present().unwrap().facts();
    world.entry().public_key = Some(Sha256::of(b"foreign"));
    asked_for(&mut world, "A1", "dana", "2026-11-20T10:00:00Z").before = Some(live);
    world.expect_held(&[Reason::KeyMismatch]);
    let another = crate::model::Facts { serial: Some("77".parse().unwrap()), ..Default::default() };
    asked_for(&mut world, "A2", "mallory", "2026-11-20T11:00:00Z").before = Some(another);
    world.expect_held(&[Reason::KeyMismatch]);
}

#[test]
fn a_due_certificate_does_not_go_while_the_notes_are_unknown_and_everything_else_does() {
    let mut world = World::renewal();
    let tenant = world.tenant.tenant_id;
    let view = world.ledger.as_mut().unwrap();
    view.broken_notes.insert(tenant, "file-removed: commit 1234 by mallory".to_owned());
    let plan = world.plan();
    let problem = &plan.tenants[0].problems[0];
    assert_eq!(problem.code, ProblemCode::NotesUnknown);
    assert!(problem.detail.as_deref().unwrap().contains("mallory"), "{problem:?}");
    assert_eq!(plan.summary.uploads, 0);
    assert_eq!(world.first().state.sync, Sync::Unobserved);
    assert!(world.planned().due.is_empty());

    // The whole branch is gone: the same for every tenant.
    let view = world.ledger.as_mut().unwrap();
    view.broken_notes.clear();
    view.lose_notes("ledger-lost: it no longer exists".to_owned());
    assert_eq!(world.plan().summary.uploads, 0);

    // What Intune has already is known all the same, and told.
    let mut equal = World::equal();
    equal.ledger.as_mut().unwrap().lose_notes("it no longer exists".to_owned());
    assert_eq!(equal.first().state.sync, World::equal().first().state.sync);
    assert_eq!(equal.plan().tenants[0].problems[0].code, ProblemCode::NotesUnknown);

    let mut vpp = World::vpp_renewal();
    vpp.ledger.as_mut().unwrap().lose_notes("it no longer exists".to_owned());
    assert_eq!(vpp.plan().summary.uploads, 1, "only certificates depend on notes");
}

#[test]
fn a_certificate_that_intune_accepted_and_does_not_show_is_not_sent_again_seconds_later() {
    let mut world = World::renewal();
    world.recorded(Event::Intended, "AA", "run-1", "2026-11-22T11:59:50Z");
    world.recorded(Event::Applied, "AA", "run-1", "2026-11-22T11:59:51Z").after = None;
    world.dead_runs.insert("run-1".into());
    let token = world.expect(Sync::OutOfSync, Action::None, &[]);
    assert!(token.state.warnings.contains(&Warning::RetryAfter));
    assert_eq!(token.state.retry_after, Some(at("2026-11-22T12:04:51Z")));
    // The same once a run has recorded that it does not show.
    world.recorded(Event::NotShown, "AA", "run-2", "2026-11-22T11:59:55Z");
    world.expect(Sync::OutOfSync, Action::None, &[]);
    world.retry = true;
    world.expect_upload();
    world.retry = false;
    world.now = at("2026-11-22T12:04:52Z");
    world.expect_upload();
}
