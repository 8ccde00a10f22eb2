//! A ledger with a beginning: what is missing is lost, and what begins otherwise is foreign.

use super::super::super::error::LedgerError;
use super::super::super::proof::Proof;
use super::super::tests::{Clone, Hub, entry, runs};
use super::*;

fn rooted(mut ledger: Ledger, genesis: &str) -> Ledger {
    ledger.play(Role::Ledger { genesis: Some(genesis.to_owned()) });
    ledger
}

fn replacing() -> Create {
    Create::Replacing { reason: "the server burnt down".to_owned() }
}

/// A hub with a ledger that has an entry, and its genesis.
fn begun() -> (Hub, Clone, String) {
    let hub = Hub::new();
    let clone = hub.clone();
    let genesis = clone.shared().create(&Create::Missing).unwrap().genesis;
    clone.announce(1, "run-1");
    (hub, clone, genesis)
}

#[test]
fn a_ledger_begins_with_a_commit_that_no_other_fleet_has() {
    let (one, two) = (Hub::new(), Hub::new());
    let begin = |hub: &Hub| hub.clone().shared().create(&Create::Missing).unwrap();
    let (first, second) = (begin(&one), begin(&two));
    assert!(!first.existed);
    assert_ne!(first.genesis, second.genesis);
    assert_eq!(one.tip().unwrap().to_string(), first.genesis, "it is at the remote");
}

#[test]
fn an_existing_ledger_is_taken_as_it_is() {
    let (hub, clone, genesis) = begun();
    let tip = hub.tip();
    for ledger in [clone.shared(), hub.clone().shared()] {
        let mut ledger = ledger;
        let again = ledger.create(&Create::Missing).unwrap();
        assert_eq!(again, Begun { genesis: genesis.clone(), existed: true });
    }
    assert_eq!(hub.tip(), tip);
}

#[test]
fn a_ledger_with_a_genesis_that_is_gone_is_lost_also_in_a_fresh_clone() {
    let (hub, _, genesis) = begun();
    hub.set(None);
    let fresh = hub.clone();
    let error = rooted(fresh.shared(), &genesis).read().unwrap_err();
    assert!(matches!(error, LedgerError::Missing { .. }), "{error}");
    assert_eq!(error.code(), "ledger-lost");
    let text = error.to_string();
    assert!(text.contains("git push origin applecart/ledger"), "{text}");
    assert!(text.contains("applecart ledger create --replace"), "{text}");
    assert!(rooted(fresh.shared(), &genesis).announce(&[entry(1, "run-2")]).is_err());
    assert_eq!(hub.tip(), None, "nothing was begun by itself");
}

#[test]
fn a_ledger_with_another_root_is_foreign() {
    let (hub, clone, _) = begun();
    let (_, _, other) = begun();
    for ledger in [clone.shared(), hub.clone().shared()] {
        let mut ledger = rooted(ledger, &other);
        let error = ledger.read().unwrap_err();
        assert_eq!(error.code(), "ledger-foreign", "{error}");
        assert!(ledger.announce(&[entry(1, "run-2")]).is_err());
    }
    assert_eq!(hub.runs(1), ["run-1"]);
}

#[test]
fn a_clone_that_has_checked_one_beginning_takes_no_other_for_it() {
    let (_hub, clone, genesis) = begun();
    let (_, _, other) = begun();
    let ledger = rooted(clone.shared(), &genesis);
    let mut view = ledger.read().unwrap();
    let today = "2026-11-27".parse().unwrap();
    ledger.prove(&mut view, Proof { signed: None, accepted: &[], today }).unwrap();
    let checked = format!("refs/applecart/checked/{genesis}/applecart/ledger");
    assert_eq!(ledger.local.tip_of(&checked).unwrap().unwrap().to_string(), view.head.unwrap());
    let error = rooted(clone.shared(), &other).read().unwrap_err();
    assert_eq!(error.code(), "ledger-foreign", "{error}");
    clone.announce(1, "run-2");
    assert!(rooted(clone.shared(), &genesis).read().is_ok(), "what goes on from it is ours");
}

#[test]
fn a_ledger_without_a_remote_is_missed_by_its_genesis_too() {
    let (_, clone, genesis) = begun();
    let alone = crate::store::testing::repository();
    let open = || rooted(Ledger::open(alone.path(), "applecart/ledger").unwrap(), &genesis);
    assert_eq!(open().read().unwrap_err().code(), "ledger-lost");
    assert!(open().append(&[entry(1, "run-2")]).is_err());
    assert!(rooted(clone.local(), &genesis).read().is_ok());
}

#[test]
fn a_lost_ledger_is_replaced_on_request_and_the_old_one_counts_no_more() {
    let (hub, clone, genesis) = begun();
    let witness = hub.clone();
    witness.shared().read().unwrap();
    hub.set(None);
    let fresh = hub.clone();
    let new = rooted(fresh.shared(), &genesis).create(&replacing()).unwrap();
    let bare = hub.bare();
    let commit = bare.find_commit(hub.tip().unwrap()).unwrap();
    let message = commit.message().unwrap();
    assert!(message.contains(&genesis) && message.contains("burnt down"), "{message}");
    // Clones that have seen the old one follow the policy's new genesis, and bring nothing of it.
    for old in [clone, witness] {
        let mut ledger = rooted(old.shared(), &new.genesis);
        assert_eq!(runs(&ledger.read().unwrap(), 1), Vec::<String>::new());
        ledger.announce(&[entry(2, "run-2")]).unwrap();
    }
    assert_eq!(hub.runs(2), ["run-2", "run-2"]);
    assert_eq!(hub.runs(1), Vec::<String>::new());
}

#[test]
fn a_branch_in_the_place_of_a_new_ledger_is_never_overwritten() {
    let (hub, clone, _) = begun();
    let tip = hub.tip();
    let error = clone.shared().create(&replacing()).unwrap_err();
    assert_eq!(error.code(), "branch-in-the-way");
    assert_eq!(hub.tip(), tip);
}

#[test]
fn a_branch_whose_name_leaves_no_room_is_named() {
    let (hub, clone, genesis) = begun();
    let tip = hub.tip().unwrap();
    hub.set(None);
    hub.bare().reference("refs/heads/applecart", tip, false, "test").unwrap();
    let error = rooted(hub.clone().shared(), &genesis).read().unwrap_err();
    assert_eq!(error.code(), "branch-in-the-way");
    assert!(error.to_string().contains("a branch applecart is in the way"), "{error}");
    assert!(rooted(clone.shared(), &genesis).read().is_err());
}

fn noting(clone: &Clone, genesis: Option<&str>) -> Ledger {
    let mut notes = clone.shared();
    notes.play(Role::Notes { genesis: genesis.map(str::to_owned) });
    notes
}

#[test]
fn notes_that_the_remote_had_are_lost_and_never_absent() {
    let (hub, clone, genesis) = begun();
    noting(&clone, None).read().unwrap();
    let fresh = hub.clone();
    hub.set(None);
    let seen = noting(&clone, None).read().unwrap_err();
    assert!(matches!(seen, LedgerError::LostThere { .. }), "{seen}");
    let told = seen.sentence_of_notes();
    assert!(told.contains("Bring it back: `git push origin"), "{told}");
    assert!(told.contains("no push certificate is uploaded"), "{told}");
    assert!(noting(&clone, None).announce(&[entry(1, "run-2")]).is_err());
    // A clone that never saw them knows by the policy.
    let missing = noting(&fresh, Some(&genesis)).read().unwrap_err();
    assert!(missing.sentence_of_notes().contains("--replace-notes REASON"), "{missing}");
}

#[test]
fn notes_that_were_set_back_or_begun_again_are_unknown() {
    let (hub, clone, genesis) = begun();
    noting(&clone, None).read().unwrap();
    let tip = hub.tip().unwrap();
    hub.set(Some(git2::Oid::from_str(&genesis).unwrap()));
    let behind = noting(&clone, None).read().unwrap_err();
    assert!(behind.sentence_of_notes().contains("is behind"), "{behind}");
    hub.set(Some(tip));
    assert_eq!(runs(&noting(&clone, None).read().unwrap(), 1), ["run-1"]);
    let (other, _, other_genesis) = begun();
    assert!(noting(&other.clone(), Some(&other_genesis)).read().is_ok());
    let foreign = noting(&other.clone(), Some(&genesis)).read().unwrap_err();
    assert!(foreign.sentence_of_notes().contains("ledger.notesGenesis"), "{foreign}");
}

#[test]
fn a_fleet_without_notes_has_none_and_the_first_renewal_begins_them() {
    let hub = Hub::new();
    let clone = hub.clone();
    assert_eq!(noting(&clone, None).read().unwrap().head, None);
    noting(&clone, None).announce(&[entry(1, "run-1")]).unwrap();
    assert_eq!(hub.runs(1), ["run-1"]);
}
