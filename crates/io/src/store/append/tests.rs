//! Appending, alone and against others, in real repositories.

use std::path::{Path, PathBuf};

use proptest::prelude::*;
use tempfile::TempDir;

use super::*;
use crate::store::Ledger;
use crate::store::testing::{
    arbitrary_draft, at, draft, intent, named, repository, sha, tenant, vpp,
};
use applecart_core::model::Event;

const BRANCH: &str = "applecart/ledger";

fn ledger(dir: &TempDir) -> Ledger {
    Ledger::open(dir.path(), BRANCH).unwrap()
}

fn entry(number: u32, minute: i64) -> (TenantId, LedgerEntry) {
    named(number, draft(Event::Intended, minute, "run-1", Some(sha("a"))))
}

fn lock_file(dir: &TempDir) -> PathBuf {
    dir.path().join(".git/refs/heads/applecart/ledger.lock")
}

#[test]
fn what_was_appended_is_read_back() {
    let dir = repository();
    let mut ledger = ledger(&dir);
    let drafts = [entry(1, 0), entry(2, 1), entry(1, 2)];
    let records = ledger.append(&drafts).unwrap();
    assert_eq!(records.iter().map(|record| record.seq).collect::<Vec<_>>(), [1, 1, 2]);
    assert_eq!(records.iter().map(|record| record.at).collect::<Vec<_>>(), [at(0), at(1), at(2)]);
    let view = ledger.read().unwrap();
    assert_eq!(view.tenant(tenant(1)).records, [records[0].clone(), records[2].clone()]);
    assert_eq!(view.tenant(tenant(2)).records, [records[1].clone()]);
    assert_eq!(view.head, ledger.head().unwrap());

    let more = ledger.append(&[entry(2, 3)]).unwrap();
    assert_eq!(more[0].seq, 2);
    assert_eq!(super::super::verify(&ledger, late()).unwrap().faults, []);
}

#[test]
fn one_append_is_one_commit_with_the_entries_time_on_top_of_the_last() {
    let dir = repository();
    let mut ledger = ledger(&dir);
    ledger.append(&[entry(1, 0)]).unwrap();
    let first = ledger.local.seen.get().unwrap();
    ledger.append(&[entry(1, 5), entry(2, 4)]).unwrap();
    let tip = ledger.local.repo.find_commit(ledger.local.seen.get().unwrap()).unwrap();
    assert_eq!(tip.parent_ids().collect::<Vec<_>>(), [first]);
    assert_eq!(tip.time().seconds(), at(5).date_time().timestamp());
    assert_eq!(tip.summary().unwrap(), Some("2 entries for 2 tenants"));
    let root = ledger.local.repo.find_commit(first).unwrap();
    assert_eq!(root.parent_count(), 0, "the branch shares no history with the fleet");
    assert!(root.tree().unwrap().get_name("README.md").is_some());
}

#[test]
fn one_entry_given_for_two_tenants_is_refused_because_it_would_read_as_a_copied_file() {
    let dir = repository();
    let mut ledger = ledger(&dir);
    let entry = draft(Event::Intended, 0, "run-1", Some(sha("a")));
    let both = [(tenant(1), entry.clone()), (tenant(2), entry.clone())];
    assert!(matches!(ledger.append(&both), Err(LedgerError::SameStart { .. })));
    ledger.append(&both[..1]).unwrap();
    assert!(matches!(ledger.append(&both[1..]), Err(LedgerError::SameStart { .. })));
    assert_eq!(ledger.read().unwrap().tenants.len(), 1);
}

#[test]
fn nothing_to_append_makes_no_commit() {
    let dir = repository();
    let mut ledger = ledger(&dir);
    assert_eq!(ledger.append(&[]).unwrap(), []);
    assert_eq!(ledger.head().unwrap(), None);
}

#[test]
fn the_author_is_the_git_user_where_there_is_one() {
    let dir = repository();
    let mut config = git2::Repository::open(dir.path()).unwrap().config().unwrap();
    config.set_str("user.name", "Dana").unwrap();
    config.set_str("user.email", "dana@example.com").unwrap();
    let author = |minute| {
        let mut ledger = ledger(&dir);
        ledger.append(&[entry(1, minute)]).unwrap();
        let tip = ledger.local.repo.find_commit(ledger.local.seen.get().unwrap()).unwrap();
        tip.author().email().unwrap().to_owned()
    };
    assert_eq!(author(0), "dana@example.com");
    config.set_str("user.name", "<>").unwrap();
    assert_eq!(author(1), "applecart@localhost");
}

#[test]
fn the_writing_handle_flushes_and_the_users_settings_stay() {
    let dir = repository();
    let mut ledger = ledger(&dir);
    ledger.append(&[entry(1, 0)]).unwrap();
    let writing = ledger.local.durable.get().unwrap().config().unwrap();
    assert!(writing.get_bool("core.fsyncObjectFiles").unwrap());
    let own = git2::Config::open(&dir.path().join(".git/config")).unwrap();
    assert!(own.get_bool("core.fsyncObjectFiles").is_err());
}

#[test]
fn head_index_and_worktree_are_not_touched() {
    let dir = repository();
    std::fs::write(dir.path().join("staged.txt"), "staged").unwrap();
    let repo = git2::Repository::open(dir.path()).unwrap();
    let mut index = repo.index().unwrap();
    index.add_path(Path::new("staged.txt")).unwrap();
    index.write().unwrap();
    std::fs::write(dir.path().join("staged.txt"), "edited").unwrap();
    let look = || {
        let read = |name: &str| std::fs::read(dir.path().join(name)).unwrap();
        let mut names: Vec<_> = std::fs::read_dir(dir.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect();
        names.sort();
        (
            read(".git/HEAD"),
            read(".git/index"),
            read(".git/refs/heads/main"),
            read("staged.txt"),
            names,
        )
    };
    let before = look();
    ledger(&dir).append(&[entry(1, 0)]).unwrap();
    assert_eq!(look(), before);
}

#[test]
fn eight_writers_at_once_lose_no_line_and_break_no_chain() {
    let dir = repository();
    std::thread::scope(|scope| {
        for writer in 0..8u32 {
            let dir = &dir;
            scope.spawn(move || {
                let mut ledger = ledger(dir);
                for minute in 0..6 {
                    let run = format!("run-{writer}");
                    let shared = draft(Event::Intended, minute, &run, Some(sha("a")));
                    let entries = [(tenant(0), shared), entry(100 + writer, minute)];
                    let records = ledger.append(&entries).unwrap();
                    assert_eq!(records[1].seq, minute as u64 + 1);
                }
            });
        }
    });
    let ledger = ledger(&dir);
    let view = ledger.read().unwrap();
    assert_eq!(view.tenants.len(), 9);
    assert_eq!(view.tenant(tenant(0)).records.len(), 48);
    for writer in 0..8u32 {
        let run = format!("run-{writer}");
        let own: Vec<_> =
            view.tenant(tenant(0)).records.iter().filter(|record| record.run == run).collect();
        assert_eq!(own.len(), 6);
        assert!(own.is_sorted_by_key(|record| record.at));
    }
    let report = super::super::verify(&ledger, late()).unwrap();
    assert_eq!(report.faults, []);
    assert_eq!(report.commits, 48);
}

#[test]
fn an_append_that_lost_the_race_goes_on_top_of_the_winner() {
    let dir = repository();
    let (mut one, mut two) = (ledger(&dir), ledger(&dir));
    one.append(&[entry(1, 0)]).unwrap();
    two.append(&[entry(1, 1)]).unwrap();
    one.append(&[entry(1, 2)]).unwrap();
    assert_eq!(two.read().unwrap().tenant(tenant(1)).records.len(), 3);
}

#[test]
fn a_branch_locked_by_another_git_process_is_waited_for() {
    let dir = repository();
    let mut ledger = ledger(&dir);
    ledger.append(&[entry(1, 0)]).unwrap();
    std::fs::write(lock_file(&dir), "").unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            std::thread::sleep(Duration::from_millis(300));
            std::fs::remove_file(lock_file(&dir)).unwrap();
        });
        ledger.append(&[entry(1, 1)]).unwrap();
    });
    assert_eq!(ledger.read().unwrap().tenant(tenant(1)).records.len(), 2);
}

#[cfg(unix)]
#[test]
fn the_lock_file_that_a_killed_append_left_does_not_stop_the_next_one() {
    let dir = repository();
    let mut ledger = ledger(&dir);
    ledger.append(&[entry(1, 0)]).unwrap();
    let turn_file = dir.path().join(".git/applecart/append.lock");
    let asked = Turn::ask(&turn_file, &lock_file(&dir), Duration::ZERO).unwrap();
    let Asked::Ours(mut killed) = asked else { panic!("not ours") };
    std::fs::write(lock_file(&dir), "").unwrap();
    killed.note(&lock_file(&dir)).unwrap();
    drop(killed);
    ledger.local.lock_wait = Duration::ZERO;
    ledger.append(&[entry(1, 1)]).unwrap();
    assert!(!lock_file(&dir).exists());
}

#[test]
fn a_lock_that_stays_is_an_error_that_names_the_file() {
    let dir = repository();
    let mut ledger = ledger(&dir);
    ledger.append(&[entry(1, 0)]).unwrap();
    std::fs::write(lock_file(&dir), "").unwrap();
    ledger.local.lock_wait = Duration::from_millis(100);
    let error = ledger.append(&[entry(1, 1)]).unwrap_err();
    assert!(matches!(&error, LedgerError::Locked { .. }), "{error:?}");
    assert!(error.to_string().contains("refs/heads/applecart/ledger.lock"), "{error}");
    std::fs::remove_file(lock_file(&dir)).unwrap();
    ledger.append(&[entry(1, 1)]).unwrap();
}

#[test]
fn a_failed_append_leaves_the_branch_as_it_was() {
    let dir = repository();
    let mut ledger = ledger(&dir);
    ledger.append(&[entry(1, 0)]).unwrap();
    let head = ledger.head().unwrap();
    let long = draft(Event::Intended, 1, &"x".repeat(70_000), None);
    let error = ledger.append(&[entry(2, 1), (tenant(1), long)]).unwrap_err();
    assert!(error.is_of_one_tenant(), "{error}");
    assert_eq!(ledger.head().unwrap(), head);
    assert_eq!(ledger.read().unwrap().tenants.len(), 1);
}

#[test]
fn a_broken_chain_is_not_written_over_but_other_tenants_are_written() {
    let dir = repository();
    let mut first = ledger(&dir);
    first.append(&[entry(1, 0), entry(2, 0)]).unwrap();
    super::super::branch::tests::replace(&first, tenant(1), |text| {
        text.replace("run-1", "run-9") + "x"
    });
    let mut ledger = ledger(&dir);
    let error = ledger.append(&[entry(1, 1)]).unwrap_err();
    assert!(matches!(error, LedgerError::Broken { .. }), "{error:?}");
    ledger.append(&[entry(2, 1)]).unwrap();
}

#[test]
fn a_branch_that_disappears_or_is_rewritten_is_not_started_anew() {
    let dir = repository();
    let mut ledger = ledger(&dir);
    ledger.append(&[entry(1, 0)]).unwrap();
    let first = ledger.local.seen.get().unwrap();
    ledger.append(&[entry(1, 1)]).unwrap();
    let second = ledger.local.seen.get().unwrap();
    let repo = git2::Repository::open(dir.path()).unwrap();

    repo.reference("refs/heads/applecart/ledger", first, true, "rewind").unwrap();
    assert!(matches!(ledger.append(&[entry(1, 2)]), Err(LedgerError::Rewritten { .. })));
    assert!(matches!(ledger.read(), Err(LedgerError::Rewritten { .. })));
    assert_eq!(super::super::verify(&ledger, late()).unwrap().faults[0].code, "ledger-rewritten");

    repo.find_reference("refs/heads/applecart/ledger").unwrap().delete().unwrap();
    let error = ledger.append(&[entry(1, 2)]).unwrap_err();
    assert!(matches!(error, LedgerError::Lost { .. }), "{error:?}");
    assert!(error.to_string().contains(&second.to_string()), "{error}");
}

#[test]
fn a_branch_in_the_way_of_the_name_is_an_error() {
    let dir = repository();
    let repo = git2::Repository::open(dir.path()).unwrap();
    let head = repo.head().unwrap().peel_to_commit().unwrap();
    repo.branch("applecart", &head, false).unwrap();
    let error = ledger(&dir).append(&[entry(1, 0)]).unwrap_err();
    assert!(matches!(error, LedgerError::Write { .. }), "{error:?}");
}

#[test]
fn a_ledger_works_after_git_has_packed_everything() {
    let dir = repository();
    ledger(&dir).append(&[entry(1, 0)]).unwrap();
    let status = std::process::Command::new("git")
        .args(["-C", dir.path().to_str().unwrap(), "gc", "--quiet", "--prune=now"])
        .status()
        .unwrap();
    assert!(status.success());
    assert!(!dir.path().join(".git/refs/heads/applecart/ledger").exists());
    let mut ledger = ledger(&dir);
    ledger.append(&[entry(1, 1)]).unwrap();
    assert_eq!(ledger.read().unwrap().tenant(tenant(1)).records.len(), 2);
}

#[test]
fn git_itself_finds_nothing_wrong_with_the_repository() {
    let dir = repository();
    let mut ledger = ledger(&dir);
    ledger.append(&[entry(1, 0), (tenant(2), intent(0, "run-1", sha("b")))]).unwrap();
    ledger.append(&[entry(1, 1)]).unwrap();
    let output = std::process::Command::new("git")
        .args(["-C", dir.path().to_str().unwrap(), "fsck", "--strict"])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn a_single_entry_says_what_happened() {
    let drafts = [(tenant(1), draft(Event::Applied, 0, "run-1", None))];
    assert_eq!(message(&drafts), "applied push for contoso\n\nApplecart-Run: run-1\n");
}

#[test]
fn several_entries_are_counted_and_each_run_is_named_once() {
    let drafts = [
        (tenant(1), draft(Event::Intended, 0, "run-2", None)),
        (tenant(2), draft(Event::Intended, 0, "run-1", None)),
        (tenant(2), draft(Event::Intended, 0, "run-1", None)),
    ];
    let text = message(&drafts);
    assert_eq!(text, "3 entries for 2 tenants\n\nApplecart-Run: run-1\nApplecart-Run: run-2\n");
}

#[test]
fn a_name_cannot_forge_a_trailer_or_fill_the_line() {
    let name = format!("x\nSigned-off-by: {}", "y".repeat(500));
    let run = "r\nApplecart-Run: forged";
    let drafts = [(
        tenant(1),
        LedgerEntry { token: Some(vpp(&name)), ..draft(Event::Applied, 0, run, None) },
    )];
    let text = message(&drafts);
    assert_eq!(text.lines().count(), 3, "{text}");
    assert!(text.lines().all(|line| line.chars().count() < 200));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, failure_persistence: None, ..Default::default() })]

    #[test]
    fn any_entries_in_any_batching_are_read_back(
        batches in prop::collection::vec(
            prop::collection::vec((0u32..3, arbitrary_draft()), 0..4),
            1..5,
        ),
    ) {
        let dir = repository();
        let mut ledger = ledger(&dir);
        let mut expected: BTreeMap<TenantId, Vec<Record>> = BTreeMap::new();
        for batch in batches {
            let batch: Vec<_> =
                batch.into_iter().map(|(number, draft)| named(number, draft)).collect();
            let records = ledger.append(&batch).unwrap();
            prop_assert_eq!(records.len(), batch.len());
            for ((tenant, draft), record) in batch.into_iter().zip(records) {
                prop_assert_eq!(&record.entry, &draft);
                expected.entry(tenant).or_default().push(record);
            }
        }
        let view = Ledger::open(dir.path(), BRANCH).unwrap().read().unwrap();
        let found: BTreeMap<_, _> =
            view.tenants.into_iter().map(|(tenant, ledger)| (tenant, ledger.records)).collect();
        prop_assert_eq!(found, expected);
        // Arbitrary lines need not make sense together; that the chain is whole is what is tried.
        let mut faults = super::super::verify(&ledger, late()).unwrap().faults;
        faults.retain(|fault| fault.code != "ledger-line-broken");
        prop_assert_eq!(faults, vec![]);
    }
}

/// Later than every line of these tests.
fn late() -> applecart_core::model::Timestamp {
    applecart_core::model::Timestamp::from_unix(4_000_000_000).unwrap()
}
