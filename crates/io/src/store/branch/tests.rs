//! Reading: three answers, and nothing taken on trust.
#![expect(clippy::disallowed_methods, reason = "prepares repositories")]

use tempfile::TempDir;

use super::*;
use crate::store::Ledger;
use crate::store::testing::{draft, named, repository, sha, tenant};
use crate::store::tree::{FILE_MODE, FOLDER_MODE};
use applecart_core::model::Event;

const BRANCH: &str = "applecart/ledger";

fn written(dir: &TempDir) -> Ledger {
    let mut ledger = Ledger::open(dir.path(), BRANCH).unwrap();
    for minute in 0..3 {
        let entry = draft(Event::Intended, minute, "run-1", Some(sha("a")));
        ledger.append(&[(tenant(1), entry)]).unwrap();
    }
    ledger
}

/// Commits another tree to the branch, as somebody with Git could.
pub(crate) fn commit(ledger: &Ledger, change: impl FnOnce(&mut git2::TreeBuilder<'_>)) {
    let repo = Repository::open(ledger.local.repo.path()).unwrap();
    let parent = repo.find_reference(&ledger.local.refname).unwrap().peel_to_commit().unwrap();
    let mut root = repo.treebuilder(Some(&parent.tree().unwrap())).unwrap();
    change(&mut root);
    let tree = repo.find_tree(root.write().unwrap()).unwrap();
    let by = parent.author().to_owned();
    repo.commit(Some(&ledger.local.refname), &by, &by, "by hand", &tree, &[&parent]).unwrap();
}

/// Commits another text of a tenant's file.
pub(crate) fn replace(ledger: &Ledger, tenant: TenantId, change: impl FnOnce(String) -> String) {
    let repo = Repository::open(ledger.local.repo.path()).unwrap();
    let tip = ledger.local.objects(&repo).tip(&ledger.local.refname).unwrap().unwrap();
    let files = ledger.local.objects(&repo).files(tip).unwrap();
    let old = ledger.local.objects(&repo).file(tenant, files.tenants[&tenant]).unwrap();
    let new = repo.blob(change(String::from_utf8(old).unwrap()).as_bytes()).unwrap();
    put(ledger, &format!("{tenant}.jsonl"), new, FILE_MODE);
}

/// Commits an entry of `tenants/`.
pub(crate) fn put(ledger: &Ledger, name: &str, object: Oid, mode: i32) {
    let repo = Repository::open(ledger.local.repo.path()).unwrap();
    let tip = repo.find_reference(&ledger.local.refname).unwrap().peel_to_tree().unwrap();
    let old = repo.find_tree(tip.get_name("tenants").unwrap().id()).unwrap();
    let mut folder = repo.treebuilder(Some(&old)).unwrap();
    folder.insert(name, object, mode).unwrap();
    let folder = folder.write().unwrap();
    commit(ledger, |root| {
        root.insert("tenants", folder, FOLDER_MODE).unwrap();
    });
}

#[test]
fn no_branch_is_proved_absence() {
    let dir = repository();
    let ledger = Ledger::open(dir.path(), BRANCH).unwrap();
    assert_eq!(ledger.read().unwrap(), LedgerView::default());
    assert_eq!(ledger.head().unwrap(), None);
}

#[test]
fn reading_writes_nothing_into_the_git_directory() {
    let dir = repository();
    let list = || {
        let mut names: Vec<_> = std::fs::read_dir(dir.path().join(".git"))
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect();
        names.sort();
        names
    };
    let before = list();
    Ledger::open(dir.path(), BRANCH).unwrap().read().unwrap();
    assert_eq!(list(), before);
}

#[test]
fn a_folder_without_a_repository_is_an_error() {
    let dir = tempfile::tempdir().unwrap();
    assert!(matches!(Ledger::open(dir.path(), BRANCH), Err(LedgerError::Open(_))));
}

#[test]
fn a_name_that_no_branch_can_have_is_refused() {
    let dir = repository();
    for name in ["", "a b", "a..b", "../main", "-x", "HEAD", "a/", "a.lock", "@{u}"] {
        let error = Ledger::open(dir.path(), name).unwrap_err();
        assert!(matches!(error, LedgerError::BranchName { .. }), "{name:?}: {error}");
    }
}

#[test]
fn a_broken_chain_names_file_and_line() {
    let dir = repository();
    let ledger = written(&dir);
    replace(&ledger, tenant(1), |text| {
        text.lines().enumerate().filter(|(n, _)| *n != 1).map(|(_, l)| format!("{l}\n")).collect()
    });
    let view = ledger.read().unwrap();
    let text = &view.broken[&tenant(1)];
    assert!(text.contains("tenants/00000000-0000-4000-8000-000000000001.jsonl"), "{text}");
    assert!(text.contains("line 2: `seq` is 3, not 2"), "{text}");
    assert!(!view.tenants.contains_key(&tenant(1)), "nothing is known of it");
}

#[test]
fn one_tenants_broken_chain_leaves_the_others_readable_and_is_not_written_to() {
    let dir = repository();
    let mut ledger = written(&dir);
    let entry = |number, minute| named(number, draft(Event::Intended, minute, "run-1", None));
    ledger.append(&[entry(2, 0)]).unwrap();
    replace(&ledger, tenant(1), |text| text.replacen("2027", "2028", 1));
    let view = ledger.read().unwrap();
    assert_eq!(view.tenant(tenant(2)).records.len(), 1);
    assert_eq!(view.broken.keys().collect::<Vec<_>>(), [&tenant(1)]);
    let error = ledger.append(&[entry(1, 1), entry(2, 1)]).unwrap_err();
    assert_eq!(error.code(), "broken-prev");
    ledger.append(&[entry(2, 1)]).unwrap();
}

#[test]
fn anything_that_a_ledger_does_not_hold_is_refused() {
    let name = "6d1f0c5e-8a34-4b7a-9a51-0d6c2f6f1b11";
    for (file, mode) in [
        ("notes.txt".to_owned(), FILE_MODE),
        (format!("{name}.json"), FILE_MODE),
        (format!("{}.jsonl", name.to_uppercase()), FILE_MODE),
        (format!("{name}.jsonl"), 0o120_000),
        (format!("{name}.jsonl"), 0o100_755),
    ] {
        let dir = repository();
        let ledger = written(&dir);
        let blob = Repository::open(dir.path()).unwrap().blob(b"x\n").unwrap();
        put(&ledger, &file, blob, mode);
        let error = ledger.read().unwrap_err();
        assert!(matches!(&error, LedgerError::Shape { .. }), "{file} {mode:o}: {error}");
        assert!(error.to_string().contains(&file), "{error}");
        assert!(error.sentence().contains("`ledger.branch`"), "{error}");
        let of_notes = error.sentence_of_notes();
        assert!(of_notes.contains("`ledger.notes`"), "the setting of that branch: {of_notes}");
        assert!(!of_notes.contains("`ledger.branch`"), "{of_notes}");
    }
}

#[test]
fn a_branch_of_the_fleet_is_not_taken_for_a_ledger() {
    let dir = repository();
    let repo = Repository::open(dir.path()).unwrap();
    let parent = repo.head().unwrap().peel_to_commit().unwrap();
    let mut root = repo.treebuilder(None).unwrap();
    root.insert("applecart.yaml", repo.blob(b"kind: Fleet\n").unwrap(), FILE_MODE).unwrap();
    let tree = repo.find_tree(root.write().unwrap()).unwrap();
    let by = parent.author().to_owned();
    repo.commit(Some("HEAD"), &by, &by, "fleet", &tree, &[&parent]).unwrap();
    let mut ledger = Ledger::open(dir.path(), "main").unwrap();
    assert!(matches!(ledger.read(), Err(LedgerError::Shape { .. })));
    let entry = draft(Event::Intended, 0, "run-1", None);
    assert!(matches!(ledger.append(&[(tenant(1), entry)]), Err(LedgerError::Shape { .. })));
}

#[test]
fn a_file_copied_to_another_tenant_is_found() {
    let dir = repository();
    let ledger = written(&dir);
    let tip = ledger.local.repo.revparse_single(&format!("{BRANCH}:tenants")).unwrap();
    let blob = tip.as_tree().unwrap().iter().next().unwrap().id();
    put(&ledger, &format!("{}.jsonl", tenant(2)), blob, FILE_MODE);
    let view = ledger.read().unwrap();
    // Which of the two is the copy, the files do not tell.
    assert_eq!(view.broken.keys().collect::<Vec<_>>(), [&tenant(1), &tenant(2)]);
    assert!(view.tenants.is_empty());
    let mut fresh = Ledger::open(dir.path(), BRANCH).unwrap();
    fresh.read().unwrap();
    for number in [1, 2] {
        let entry = draft(Event::Intended, 9, "run-1", None);
        let error = fresh.append(&[(tenant(number), entry)]).unwrap_err();
        assert_eq!(error.code(), "other-tenant");
    }
}

#[test]
fn a_missing_object_is_an_error_not_absence() {
    let dir = repository();
    let ledger = written(&dir);
    let tip = ledger.local.seen.get().unwrap();
    let tree = ledger.local.repo.find_commit(tip).unwrap().tree().unwrap();
    let folder = ledger.local.repo.find_tree(tree.get_name("tenants").unwrap().id()).unwrap();
    let blob = folder.iter().next().unwrap().id().to_string();
    let (start, rest) = blob.split_at(2);
    std::fs::remove_file(dir.path().join(".git/objects").join(start).join(rest)).unwrap();
    let fresh = Ledger::open(dir.path(), BRANCH).unwrap();
    assert_eq!(fresh.read().unwrap_err().code(), "unreadable");
}

#[test]
fn a_damaged_reference_is_an_error_not_absence() {
    let dir = repository();
    written(&dir);
    std::fs::write(dir.path().join(".git/refs/heads/applecart/ledger"), "").unwrap();
    let fresh = Ledger::open(dir.path(), BRANCH).unwrap();
    assert_eq!(fresh.read().unwrap_err().code(), "unreadable");
}

#[test]
fn an_alias_of_another_branch_is_refused() {
    let dir = repository();
    let ledger = Ledger::open(dir.path(), BRANCH).unwrap();
    ledger
        .local
        .repo
        .reference_symbolic(&ledger.local.refname, "refs/heads/main", false, "alias")
        .unwrap();
    assert!(matches!(ledger.read(), Err(LedgerError::Symbolic { .. })));
}

#[test]
fn a_linked_worktree_shares_ledger_and_lock_folder() {
    let dir = repository();
    let ledger = written(&dir);
    let other = tempfile::tempdir().unwrap();
    let path = other.path().join("linked");
    ledger.local.repo.worktree("linked", &path, None).unwrap();
    let linked = Ledger::open(&path, BRANCH).unwrap();
    assert_eq!(linked.read().unwrap(), ledger.read().unwrap());
    let same = |path: &Path| std::fs::canonicalize(path).unwrap();
    assert_eq!(same(linked.common_dir()), same(ledger.common_dir()));
}
