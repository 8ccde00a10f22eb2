//! The questions, one sentence a test.

use super::*;
use crate::fleet::Owned;
use crate::ledger::testing::{at, draft, failure, intent, sha, tenant, view_of, vpp};
use crate::model::{Facts, FailureCode, LedgerEntry, TokenRef};

fn ledger(drafts: Vec<LedgerEntry>) -> TenantLedger {
    TenantLedger::from_entries(drafts)
}

fn push() -> TokenRef {
    TokenRef::push()
}

fn topic(text: &str) -> Facts {
    let topic = format!("com.apple.mgmt.External.{text}").parse().unwrap();
    Facts { topic: Some(topic), ..Facts::default() }
}

#[test]
fn a_digest_is_confirmed_once_live_showed_it_whatever_came_later() {
    let ledger = ledger(vec![
        draft(Event::Confirmed, 0, "run-1", Some(sha("a"))),
        draft(Event::Confirmed, 1, "run-2", Some(sha("b"))),
    ]);
    assert!(ledger.proof(&push(), sha("a")).is_some());
    assert!(ledger.proof(&push(), sha("c")).is_none());
    assert!(ledger.proof(&vpp("London"), sha("a")).is_none());
    assert_eq!(ledger.last_confirmed(&push()).unwrap().sha256(), Some(sha("b")));
}

#[test]
fn the_customers_word_is_not_an_event_in_a_digests_life() {
    let ledger = ledger(vec![
        failure(0, "run-1", sha("a"), FailureCode::Rejected),
        draft(Event::Acknowledged, 2, "run-3", Some(sha("a"))),
    ]);
    assert!(ledger.definite_failure(&push(), sha("a")).is_some());
}

#[test]
fn only_a_failure_that_a_person_must_decide_on_is_definite() {
    for (code, definite) in [
        (FailureCode::Rejected, true),
        (FailureCode::NeverVisible, true),
        (FailureCode::WrongLocation, true),
        (FailureCode::NotPermitted, false),
        (FailureCode::ApprovalRequired, false),
        (FailureCode::Throttled, false),
        (FailureCode::NotLanded, false),
        (FailureCode::NotSent, false),
    ] {
        let ledger =
            ledger(vec![intent(0, "run-1", sha("a")), failure(1, "run-1", sha("a"), code)]);
        let found = ledger.definite_failure(&push(), sha("a")).is_some();
        assert_eq!(found, definite, "{code:?}");
        assert!(ledger.definite_failure(&push(), sha("b")).is_none());
    }
}

#[test]
fn a_definite_failure_ends_when_the_digest_is_intended_again() {
    let ledger = ledger(vec![
        failure(1, "run-1", sha("a"), FailureCode::Rejected),
        intent(60, "run-2", sha("a")),
    ]);
    assert!(ledger.definite_failure(&push(), sha("a")).is_none());
}

#[test]
fn a_released_digest_that_then_lacked_a_permission_is_tried_again() {
    let ledger = ledger(vec![
        failure(1, "run-1", sha("a"), FailureCode::Rejected),
        intent(60, "run-2", sha("a")),
        failure(61, "run-2", sha("a"), FailureCode::NotPermitted),
    ]);
    assert!(ledger.definite_failure(&push(), sha("a")).is_none());
}

#[test]
fn runs_that_stood_back_while_the_digest_was_rejected_do_not_undo_the_rejection() {
    let ledger = ledger(vec![
        intent(0, "run-1", sha("a")),
        intent(1, "run-2", sha("a")),
        intent(1, "run-3", sha("a")),
        failure(2, "run-1", sha("a"), FailureCode::Rejected),
        failure(3, "run-2", sha("a"), FailureCode::NotSent),
        failure(4, "run-3", sha("a"), FailureCode::NotSent),
    ]);
    assert_eq!(ledger.definite_failure(&push(), sha("a")).unwrap().seq, 4);
}

#[test]
fn the_earlier_unexpired_intent_of_another_run_wins() {
    let ledger = ledger(vec![intent(0, "run-1", sha("a")), intent(1, "run-2", sha("b"))]);
    let nobody = BTreeSet::new();
    let holder = ledger.holder(&push(), "run-2", at(2), &nobody, |_| false);
    assert_eq!(holder.unwrap().run(), "run-1");
    assert_eq!(ledger.holder(&push(), "run-1", at(2), &nobody, |_| false), None);
    assert_eq!(
        ledger.holder(&push(), "run-2", at(15), &nobody, |_| false),
        None,
        "the lease ran out"
    );
    let dead = BTreeSet::from(["run-1".to_owned()]);
    assert_eq!(ledger.holder(&push(), "run-2", at(2), &dead, |_| false), None, "the run is dead");
    assert_eq!(ledger.holder(&vpp("London"), "run-2", at(2), &nobody, |_| false), None);
    let outsider = ledger.holder(&push(), "run-3", at(2), &nobody, |_| false);
    assert_eq!(outsider.unwrap().run(), "run-1", "a run without an intent yet waits, too");
}

#[test]
fn an_old_sending_of_the_run_gives_its_new_one_no_precedence() {
    let ledger = ledger(vec![
        intent(0, "run-1", sha("a")),
        draft(Event::Applied, 1, "run-1", Some(sha("a"))),
        intent(40, "run-2", sha("a")),
        intent(41, "run-1", sha("a")),
    ]);
    let nobody = BTreeSet::new();
    assert_eq!(ledger.holder(&push(), "run-1", at(42), &nobody, |_| false).unwrap().run(), "run-2");
    assert_eq!(ledger.holder(&push(), "run-2", at(42), &nobody, |_| false), None);
}

#[test]
fn leases_are_the_unexpired_sendings_of_other_runs_in_all_tenants() {
    let view = LedgerView {
        tenants: BTreeMap::from([
            (tenant(1), ledger(vec![intent(0, "run-1", sha("a"))])),
            (tenant(2), ledger(vec![intent(10, "run-2", sha("b"))])),
            (tenant(3), ledger(vec![intent(10, "me", sha("c"))])),
        ]),
        ..LedgerView::default()
    };
    let leases = view.leases("me", at(16), &BTreeSet::new());
    let runs: Vec<_> = leases.iter().map(|(id, sending)| (*id, sending.run())).collect();
    assert_eq!(runs, [(tenant(2), "run-2")]);
}

#[test]
fn live_facts_are_those_last_accepted_or_seen_never_those_intended() {
    let facts = |event, minute, text| LedgerEntry {
        after: Some(topic(text)),
        ..draft(event, minute, "run-1", Some(sha("a")))
    };
    let ledger = ledger(vec![
        facts(Event::Confirmed, 0, "old"),
        facts(Event::ChangedOutsideGit, 1, "new"),
        draft(Event::Confirmed, 2, "run-1", Some(sha("a"))),
        facts(Event::Intended, 3, "wish"),
    ]);
    assert_eq!(ledger.last_live_facts(&push()), Some((&topic("new"), at(1))));
    assert_eq!(ledger.last_live_facts(&vpp("London")), None);
}

/// The facts of a push certificate with this serial number.
fn certificate(serial: &str) -> Facts {
    Facts { serial: Some(serial.parse().unwrap()), ..topic("same") }
}

/// A request with this key, read while Intune had this certificate.
fn request(minute: i64, key: &str, before: Option<&str>) -> LedgerEntry {
    let draft = draft(Event::RenewalOpened, minute, "run-1", Some(sha(key)));
    LedgerEntry { before: before.map(certificate), ..draft }
}

/// The key of the request that is open.
fn open_key(drafts: &[LedgerEntry]) -> Option<Sha256> {
    let ledger = ledger(drafts.to_vec());
    ledger.renewal_opened(&push(), None)?.request().map(|(_, key)| key)
}

#[test]
fn a_renewal_is_open_until_another_certificate_is_read_in_intune() {
    let read = |event, serial: &str| LedgerEntry {
        after: Some(certificate(serial)),
        ..draft(event, 4, "run-2", Some(sha("a")))
    };
    let mut drafts = vec![
        request(0, "k1", Some("11AA")),
        request(1, "k2", Some("11AA")),
        intent(2, "run-2", sha("a")),
    ];
    assert_eq!(open_key(&drafts), Some(sha("k2")));
    drafts.push(draft(Event::Applied, 3, "run-2", Some(sha("a"))));
    assert!(open_key(&drafts).is_some(), "no read has shown it yet");
    for event in [Event::Confirmed, Event::Verified, Event::ChangedOutsideGit, Event::Adopted] {
        let mut ended = drafts.clone();
        ended.push(read(event, "22BB"));
        assert_eq!(open_key(&ended), None, "{event}");
        ended.push(request(5, "k3", Some("22BB")));
        assert_eq!(open_key(&ended), Some(sha("k3")), "{event}");
    }
}

#[test]
fn a_change_that_a_run_wrote_down_after_the_request_was_read_does_not_end_it() {
    let written = |event, serial: Option<&str>| LedgerEntry {
        after: serial.map(certificate),
        ..draft(event, 4, "run-2", Some(sha("a")))
    };
    for (before, event) in [
        (None, Event::ChangedOutsideGit),
        (Some("22BB"), Event::ChangedOutsideGit),
        (Some("22BB"), Event::Adopted),
        (Some("22BB"), Event::Verified),
        (Some("22BB"), Event::Confirmed),
    ] {
        let drafts = [request(0, "k1", before), written(event, before)];
        assert_eq!(open_key(&drafts), Some(sha("k1")), "{event} {before:?}");
    }
    // That Intune lost its certificate answers nothing.
    let lost = [request(0, "k1", Some("22BB")), written(Event::ChangedOutsideGit, None)];
    assert_eq!(open_key(&lost), Some(sha("k1")));
}

#[test]
fn after_a_loss_only_a_request_that_was_read_without_a_certificate_tells_intunes_key() {
    let key = |drafts: &[LedgerEntry]| {
        let ledger = ledger(drafts.to_vec());
        ledger.request_without_certificate(&push())?.request().map(|(_, key)| key)
    };
    let seen = |minute| LedgerEntry {
        after: Some(certificate("11AA")),
        ..draft(Event::Observed, minute, "run-2", None)
    };
    let first = [request(0, "k0", None), seen(1)];
    assert_eq!(key(&first), None, "the request of the first certificate was answered by it");
    let mut drafts = vec![seen(1), request(2, "k1", Some("11AA"))];
    assert_eq!(key(&drafts), None);
    drafts.push(request(3, "k2", None));
    assert_eq!(key(&drafts), Some(sha("k2")));
}

#[test]
fn a_renewal_has_ended_where_live_is_another_certificate_than_when_it_was_opened() {
    let serial = |text: &str| Facts { serial: Some(text.parse().unwrap()), ..topic("same") };
    let opened =
        |before| LedgerEntry { before, ..draft(Event::RenewalOpened, 0, "run-1", Some(sha("k1"))) };
    let is_open = |before: Option<Facts>, live: Option<Facts>| {
        ledger(vec![opened(before)]).renewal_opened(&push(), live.as_ref()).is_some()
    };
    assert!(is_open(Some(serial("11AA")), Some(serial("11AA"))));
    assert!(!is_open(Some(serial("11AA")), Some(serial("22BB"))));
    // What is not known ends nothing.
    assert!(is_open(None, Some(serial("22BB"))));
    assert!(is_open(Some(serial("11AA")), None));
}

#[test]
fn a_change_outside_git_stands_until_it_is_confirmed_or_adopted() {
    let outside = draft(Event::ChangedOutsideGit, 0, "run-1", None);
    let alone = ledger(vec![outside.clone(), intent(1, "run-2", sha("a"))]);
    assert_eq!(alone.changed_outside_git_recorded(&push()).unwrap().seq, 1);
    for event in [Event::Confirmed, Event::Adopted] {
        let mended = ledger(vec![outside.clone(), draft(event, 1, "run-2", Some(sha("a")))]);
        assert_eq!(mended.changed_outside_git_recorded(&push()), None, "{event}");
    }
}

#[test]
fn the_id_learnt_last_for_a_name_is_known() {
    let with_id = |id: &str, minute| LedgerEntry {
        token: Some(TokenRef { id: Some(id.into()), ..vpp("London") }),
        ..draft(Event::Confirmed, minute, "run-1", None)
    };
    let unknown =
        LedgerEntry { token: Some(vpp("London")), ..draft(Event::Adopted, 9, "run-1", None) };
    let ledger = ledger(vec![with_id("1", 0), with_id("2", 1), unknown]);
    assert_eq!(ledger.known_id(Kind::Vpp, "London"), Some("2"));
    assert_eq!(ledger.known_id(Kind::Enrollment, "London"), None);
    assert_eq!(ledger.known_id(Kind::Vpp, "Paris"), None);
}

#[test]
fn notes_do_not_count_in_the_ledgers_own_chain() {
    let lines = || {
        vec![
            draft(Event::Intended, 0, "run-1", Some(sha("a"))),
            draft(Event::Applied, 1, "run-1", Some(sha("a"))),
        ]
    };
    let mut view = view_of(1, &lines());
    assert_eq!(view.tenant(tenant(1)).last_seq(), 2);
    // More notes than lines, or the highest place of all would be the ledger's anyway.
    let acknowledged = || draft(Event::Acknowledged, 9, "dana", Some(sha("a")));
    view.take_notes(view_of(1, &[acknowledged(), acknowledged(), acknowledged()]));
    assert_eq!(view.tenant(tenant(1)).records.last().map(|record| record.seq), Some(3));
    assert_eq!(view.tenant(tenant(1)).last_seq(), 2);
}

#[test]
fn a_digest_and_a_topic_are_bound_to_every_tenant_they_were_meant_for() {
    let about =
        |draft: LedgerEntry, text| ledger(vec![LedgerEntry { after: Some(topic(text)), ..draft }]);
    let view = LedgerView {
        tenants: BTreeMap::from([
            (tenant(1), about(intent(0, "run-1", sha("a")), "one")),
            (tenant(2), about(draft(Event::Applied, 0, "run-1", Some(sha("a"))), "two")),
            (tenant(3), about(draft(Event::ChangedOutsideGit, 0, "run-1", None), "two")),
            (tenant(4), ledger(vec![failure(0, "r", sha("a"), FailureCode::NotSent)])),
        ]),
        ..LedgerView::default()
    };
    let bindings = view.bindings();
    assert_eq!(bindings.of(&Owned::File(sha("a"))), &BTreeSet::from([tenant(1), tenant(2)]));
    assert_eq!(bindings.of(&Owned::File(sha("b"))), &BTreeSet::new());
    let two = topic("two").topic.unwrap();
    assert_eq!(bindings.of(&Owned::Topic(two)), &BTreeSet::from([tenant(2), tenant(3)]));
}

#[test]
fn a_wire_encoding_is_proved_by_an_applied_with_its_confirmed() {
    let applied = draft(Event::Applied, 0, "run-1", Some(sha("a"))).in_wire("pem");
    let view = |drafts| LedgerView {
        tenants: BTreeMap::from([(tenant(1), ledger(drafts))]),
        ..LedgerView::default()
    };
    let other = draft(Event::Confirmed, 1, "run-1", Some(sha("b")));
    let same = draft(Event::Confirmed, 1, "run-1", Some(sha("a")));
    assert!(!view(vec![applied.clone()]).is_wire_proved(Kind::Push, "pem"));
    assert!(!view(vec![applied.clone(), other]).is_wire_proved(Kind::Push, "pem"));
    let proved = view(vec![applied, same]);
    assert!(proved.is_wire_proved(Kind::Push, "pem"));
    assert!(!proved.is_wire_proved(Kind::Push, "base64-der"));
    assert!(!proved.is_wire_proved(Kind::Vpp, "pem"));
}

#[test]
fn tenants_intended_for_one_commit_are_counted_together() {
    let with_rev = |rev: &str| {
        ledger(vec![LedgerEntry { rev: Some(rev.into()), ..intent(0, "run-1", sha("a")) }])
    };
    let view = LedgerView {
        tenants: BTreeMap::from([(tenant(1), with_rev("aaa")), (tenant(2), with_rev("bbb"))]),
        ..LedgerView::default()
    };
    assert_eq!(view.intended_at("aaa"), BTreeSet::from([tenant(1)]));
}

#[test]
fn nobody_is_asked_to_confirm_an_upload_that_did_not_arrive_where_it_was_meant_to() {
    let sent = |minute, name| {
        let applied = draft(Event::Applied, minute + 1, "run-1", Some(sha(name)));
        [intent(minute, "run-1", sha(name)), applied]
    };
    let waits = |lines: Vec<LedgerEntry>| {
        ledger(lines).unacknowledged(&push()).map(|upload| upload.sha256())
    };
    let lines = || sent(0, "a").to_vec();
    assert_eq!(waits(lines()), Some(Some(sha("a"))));
    let wrong = failure(2, "run-1", sha("a"), FailureCode::WrongLocation);
    let verified = draft(Event::Verified, 3, "run-2", Some(sha("a")));
    assert_eq!(waits([lines(), vec![wrong.clone()]].concat()), None);
    // It is the right one, as the tenant file says by now.
    assert_eq!(waits([lines(), vec![wrong, verified]].concat()), Some(Some(sha("a"))));
    for lost in [
        failure(2, "run-1", sha("a"), FailureCode::NeverVisible),
        draft(Event::NotShown, 2, "run-2", Some(sha("a"))),
        draft(Event::OutcomeUnknown, 2, "run-2", Some(sha("a"))),
    ] {
        assert_eq!(waits([lines(), vec![lost.clone()]].concat()), None);
        let again = sent(40, "a").to_vec();
        assert_eq!(waits([lines(), vec![lost], again].concat()), Some(Some(sha("a"))));
    }
    // The one before is still in Intune.
    let confirmed = draft(Event::Confirmed, 2, "run-1", Some(sha("a")));
    let lost = draft(Event::NotShown, 80, "run-2", Some(sha("b")));
    let all = [lines(), vec![confirmed], sent(40, "b").to_vec(), vec![lost]].concat();
    assert_eq!(waits(all), Some(Some(sha("a"))));
}
