//! What only the history shows.
#![expect(clippy::disallowed_methods, reason = "starts git for a shallow clone")]

use super::*;
use crate::store::branch::tests::{commit, replace};
use crate::store::testing::{draft, named, repository, sha, tenant};
use applecart_core::ledger::Verdict;
use applecart_core::model::Event;

const BRANCH: &str = "applecart/ledger";

fn written(dir: &tempfile::TempDir) -> Ledger {
    let mut ledger = Ledger::open(dir.path(), BRANCH).unwrap();
    for minute in 0..3 {
        let entry = draft(Event::Intended, minute, "run-1", Some(sha("a")));
        let entries = [named(1, entry.clone()), named(2, entry)];
        ledger.append(&entries).unwrap();
    }
    ledger
}

fn codes(ledger: &Ledger) -> Vec<&'static str> {
    verify(ledger, late()).unwrap().faults.iter().map(|fault| fault.code).collect()
}

#[test]
fn an_untouched_ledger_is_ok_and_counted() {
    let dir = repository();
    let report = verify(&written(&dir), late()).unwrap();
    assert_eq!(report.verdict, Verdict::Ok);
    assert_eq!((report.tenants, report.entries, report.commits), (2, 6, 3));
}

#[test]
fn no_ledger_is_ok() {
    let dir = repository();
    let report = verify(&Ledger::open(dir.path(), BRANCH).unwrap(), late()).unwrap();
    assert_eq!((report.verdict, report.head, report.commits), (Verdict::Ok, None, 0));
}

#[test]
fn lines_cut_off_the_end_leave_a_good_chain_but_not_a_good_history() {
    let dir = repository();
    let ledger = written(&dir);
    replace(&ledger, tenant(1), |text| {
        text.lines().take(2).map(|line| format!("{line}\n")).collect()
    });
    assert!(ledger.read().is_ok());
    let report = verify(&ledger, late()).unwrap();
    assert_eq!(report.verdict, Verdict::Broken);
    assert_eq!(report.faults.len(), 1);
    let fault = &report.faults[0];
    assert_eq!(fault.code, "not-append-only");
    assert_eq!(fault.file, Some(path_of(tenant(1))));
    assert_eq!(fault.commit, report.head);
}

#[test]
fn a_removed_file_is_found() {
    let dir = repository();
    let ledger = written(&dir);
    commit(&ledger, |root| root.remove("tenants").unwrap());
    assert_eq!(codes(&ledger), ["file-removed", "file-removed"]);
}

#[test]
fn a_folder_that_was_a_file_for_a_while_is_found() {
    let dir = repository();
    let ledger = written(&dir);
    let mut kept = None;
    commit(&ledger, |root| {
        kept = root.get("tenants").unwrap().map(|entry| entry.id());
        let blob = ledger.local.repo.blob(b"nothing").unwrap();
        root.insert("tenants", blob, 0o100_644).unwrap();
    });
    commit(&ledger, |root| {
        root.insert("tenants", kept.unwrap(), 0o040_000).unwrap();
    });
    assert_eq!(codes(&ledger), ["file-removed", "file-removed"]);
}

#[test]
fn a_change_that_was_taken_back_later_is_still_found() {
    let dir = repository();
    let ledger = written(&dir);
    let mut kept = String::new();
    replace(&ledger, tenant(1), |text| {
        kept = text.clone();
        text.lines().take(1).map(|line| format!("{line}\n")).collect()
    });
    replace(&ledger, tenant(1), |_| kept);
    assert_eq!(codes(&ledger), ["not-append-only"]);
}

#[test]
fn every_broken_file_is_reported_with_its_line() {
    let dir = repository();
    let ledger = written(&dir);
    for number in [1, 2] {
        replace(&ledger, tenant(number), |text| text.replacen("2027", "2028", 1));
    }
    let report = verify(&ledger, late()).unwrap();
    let chains: Vec<_> = report
        .faults
        .iter()
        .filter(|fault| fault.commit.is_none())
        .map(|fault| (fault.code, fault.line))
        .collect();
    assert_eq!(chains, [("broken-prev", Some(2)); 2]);
    assert_eq!((report.tenants, report.entries), (2, 0));
}

#[test]
fn a_shallow_clone_cannot_prove_the_history() {
    let dir = repository();
    written(&dir);
    let other = tempfile::tempdir().unwrap();
    let url = format!("file://{}", dir.path().display());
    let status = std::process::Command::new("git")
        .args(["clone", "--quiet", "--depth=1", "--branch", BRANCH, &url])
        .arg(other.path())
        .status()
        .unwrap();
    assert!(status.success());
    let ledger = Ledger::open(other.path(), BRANCH).unwrap();
    assert_eq!(codes(&ledger), ["history-incomplete"]);
}

#[test]
fn a_line_that_no_run_writes_is_found_in_a_chain_that_is_whole() {
    use applecart_core::ledger::testing::{at, draft, intent, sha};
    use applecart_core::model::{EntryBody, Event, LedgerEntry};
    let seen = |entry: LedgerEntry, now| {
        let dir = repository();
        let mut ledger = Ledger::open(dir.path(), BRANCH).unwrap();
        ledger.append(&[(tenant(1), entry)]).unwrap();
        verify(&ledger, now).unwrap()
    };
    let with_rev = |rev: &str| LedgerEntry {
        rev: Some(rev.to_owned()),
        ..draft(Event::Verified, 0, "run-1", Some(sha("a")))
    };
    for rev in ["zzz", "main", "", &"A".repeat(40), &"a".repeat(64)] {
        let report = seen(with_rev(rev), late());
        assert_eq!(report.verdict, Verdict::Broken, "{rev}");
        assert_eq!(report.faults[0].code, "ledger-line-broken");
        assert!(report.faults[0].message.contains("`rev`"), "{rev}");
    }
    let good = with_rev(&"a".repeat(40));
    assert_eq!(seen(good.clone(), late()).faults, []);
    // Eleven minutes before its own time, and ten.
    let report = seen(good.clone(), at(-11));
    assert!(report.faults[0].message.contains("in the future"), "{:?}", report.faults);
    assert_eq!(seen(good, at(-10)).faults, []);
    let leased = |minutes| {
        let mut entry = intent(0, "run-1", sha("a"));
        if let EntryBody::Intended { lease_until, .. } = &mut entry.body {
            *lease_until = at(minutes);
        }
        seen(entry, late())
    };
    assert_eq!(leased(15).faults, []);
    let report = leased(16);
    assert_eq!((report.verdict, report.faults[0].code), (Verdict::Broken, "ledger-line-broken"));
    assert!(report.faults[0].message.contains("15 minutes after its own time"), "{report:?}");
}

/// Later than every line of these tests.
fn late() -> applecart_core::model::Timestamp {
    applecart_core::model::Timestamp::from_unix(4_000_000_000).unwrap()
}
