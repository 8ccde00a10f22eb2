//! One ledger in several clones, with a real remote between them.
#![expect(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "tests look at real repositories"
)]

use std::collections::BTreeSet;

use git2::Repository;
use tempfile::TempDir;

use super::*;
use crate::store::branch::tests::{commit, replace};
use crate::store::testing::{NearHub, draft, intent, named, repository, sha, tenant};
use crate::store::verify;
use applecart_core::ledger::Verdict;
use applecart_core::model::{Event, TokenRef};

pub(super) const BRANCH: &str = "applecart/ledger";
const REFNAME: &str = "refs/heads/applecart/ledger";

/// A bare repository that several clones have as `origin`.
pub(in crate::store::shared) struct Hub {
    folder: TempDir,
}

impl Hub {
    pub(in crate::store::shared) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Repository::init_bare(folder.path()).unwrap();
        Self { folder }
    }

    pub(in crate::store::shared) fn clone(&self) -> Clone {
        let folder = repository();
        let url = format!("file://{}", self.folder.path().display());
        Repository::open(folder.path()).unwrap().remote("origin", &url).unwrap();
        Clone { folder }
    }

    pub(in crate::store::shared) fn bare(&self) -> Repository {
        Repository::open_bare(self.folder.path()).unwrap()
    }

    pub(in crate::store::shared) fn tip(&self) -> Option<Oid> {
        self.bare().find_reference(REFNAME).ok().and_then(|tip| tip.target())
    }

    /// The remote's ledger as somebody sees it who looks there.
    fn ledger(&self) -> Ledger {
        Ledger::open(self.folder.path(), BRANCH).unwrap()
    }

    pub(in crate::store::shared) fn runs(&self, number: u32) -> Vec<String> {
        runs(&self.ledger().read().unwrap(), number)
    }

    pub(in crate::store::shared) fn set(&self, tip: Option<Oid>) {
        match tip {
            Some(tip) => drop(self.bare().reference(REFNAME, tip, true, "test").unwrap()),
            None => self.bare().find_reference(REFNAME).unwrap().delete().unwrap(),
        }
    }

    /// Makes every run of `git` against the remote fail until the guard goes.
    fn away(&self) -> Away {
        let (here, there) = (self.folder.path().join("HEAD"), self.folder.path().join("DAEH"));
        std::fs::rename(&here, &there).unwrap();
        Away { here, there }
    }

    #[cfg(unix)]
    fn refuse(&self) -> std::path::PathBuf {
        use std::os::unix::fs::PermissionsExt as _;
        let hook = self.folder.path().join("hooks/pre-receive");
        std::fs::create_dir_all(hook.parent().unwrap()).unwrap();
        std::fs::write(&hook, "#!/bin/sh\necho 'this branch is protected' >&2\nexit 1\n").unwrap();
        std::fs::set_permissions(&hook, std::fs::Permissions::from_mode(0o755)).unwrap();
        hook
    }
}

struct Away {
    here: std::path::PathBuf,
    there: std::path::PathBuf,
}

impl Drop for Away {
    fn drop(&mut self) {
        std::fs::rename(&self.there, &self.here).unwrap();
    }
}

pub(in crate::store::shared) struct Clone {
    folder: TempDir,
}

impl Clone {
    pub(in crate::store::shared) fn shared(&self) -> Ledger {
        Ledger::open_shared(self.folder.path(), BRANCH).unwrap()
    }

    pub(in crate::store::shared) fn local(&self) -> Ledger {
        Ledger::open(self.folder.path(), BRANCH).unwrap()
    }

    pub(in crate::store::shared) fn repo(&self) -> Repository {
        Repository::open(self.folder.path()).unwrap()
    }

    /// Announces an entry through a handle of its own, as another run would.
    pub(in crate::store::shared) fn announce(&self, number: u32, run: &str) -> Vec<Announced> {
        self.shared().announce(&[entry(number, run)]).unwrap()
    }
}

pub(in crate::store::shared) fn entry(number: u32, run: &str) -> (TenantId, LedgerEntry) {
    named(number, intent(0, run, sha("a")))
}

fn outcome(number: u32, run: &str) -> (TenantId, LedgerEntry) {
    named(number, draft(Event::Applied, 1, run, Some(sha("a"))))
}

pub(in crate::store::shared) fn runs(view: &LedgerView, number: u32) -> Vec<String> {
    view.tenant(tenant(number)).records.iter().map(|record| record.run.clone()).collect()
}

#[test]
fn without_a_remote_it_is_the_local_branch() {
    let dir = repository();
    let mut ledger = Ledger::open_shared(dir.path(), BRANCH).unwrap();
    assert_eq!(ledger.asked_remote(), None);
    assert_eq!(ledger.begin().unwrap(), LedgerView::default());
    let announced = ledger.announce(&[entry(1, "run-1")]).unwrap();
    assert_eq!(announced[0].chain.records, [announced[0].record.clone()]);
    assert_eq!(ledger.read().unwrap().head, ledger.head().unwrap());
    assert_eq!(ledger.publish().unwrap_err().code(), "no-remote");
}

#[test]
fn several_remotes_of_which_none_is_named_are_a_question() {
    let hub = Hub::new();
    let clone = hub.clone();
    clone.repo().remote_rename("origin", "alpha").unwrap();
    clone.repo().remote("beta", "file:///nowhere").unwrap();
    let error = Ledger::open_shared(clone.folder.path(), BRANCH).unwrap_err();
    assert_eq!(error.code(), "which-remote");
    let text = error.to_string();
    assert!(text.contains("alpha, beta") && text.contains("git config branch."), "{text}");
    let mut config = clone.repo().config().unwrap();
    config.set_str("branch.applecart/ledger.remote", "alpha").unwrap();
    assert_eq!(clone.shared().asked_remote(), Some("alpha"));
}

#[test]
fn whether_it_may_follow_is_asked_again_of_what_another_clone_brought_first() {
    let hub = Hub::new();
    let (one, two) = (hub.clone(), hub.clone());
    one.announce(1, "run-1");
    let seen = std::cell::RefCell::new(Vec::new());
    let outcome = one.shared().deliver_where(&[entry(2, "run-2")], |view| {
        seen.borrow_mut().push(view.tenants.len());
        if seen.borrow().len() == 1 {
            two.announce(3, "run-3");
        }
        match view.tenants.contains_key(&tenant(3)) {
            true => Err(LedgerError::Closed),
            false => Ok(()),
        }
    });
    assert!(matches!(outcome, Err(LedgerError::Closed)));
    assert_eq!(*seen.borrow(), [1, 2]);
    let view = two.shared().read().unwrap();
    assert!(runs(&view, 2).is_empty(), "nothing was recorded");
}

#[test]
fn absence_is_proved_by_asking_and_writes_no_reference() {
    let hub = Hub::new();
    let clone = hub.clone();
    assert_eq!(clone.shared().read().unwrap(), LedgerView::default());
    assert_eq!(clone.repo().references().unwrap().count(), 1);
    assert_eq!(verify(&clone.shared(), late()).unwrap().head, None);
}

#[test]
fn a_remote_that_cannot_be_asked_is_unknown_whatever_this_clone_has() {
    let hub = Hub::new();
    let clone = hub.clone();
    let ask = || {
        let _away = hub.away();
        let error = clone.shared().read().unwrap_err();
        assert_eq!(error.code(), "unreachable");
        assert!(error.to_string().contains("git ls-remote origin"), "{error}");
        assert!(verify(&clone.shared(), late()).is_err());
        assert!(clone.shared().announce(&[entry(1, "run-2")]).is_err());
    };
    ask();
    clone.announce(1, "run-1");
    ask();
    assert_eq!(hub.runs(1), ["run-1"]);
    assert_eq!(runs(&clone.shared().read().unwrap(), 1), ["run-1"]);
}

#[test]
fn what_one_clone_announces_the_others_read() {
    let hub = Hub::new();
    let (one, two) = (hub.clone(), hub.clone());
    one.announce(1, "run-1");
    one.announce(2, "run-2");
    let view = two.shared().read().unwrap();
    assert_eq!(view.head, hub.tip().map(|tip| tip.to_string()));
    assert_eq!((runs(&view, 1), runs(&view, 2)), (vec!["run-1".into()], vec!["run-2".into()]));
    assert_eq!(two.local().head().unwrap(), None, "reading makes no local branch");
    let report = verify(&two.shared(), late()).unwrap();
    assert_eq!((report.verdict, report.remote.as_deref()), (Verdict::Ok, Some("origin")));
    assert_eq!(report.commits, 2);
}

#[test]
fn an_announcement_comes_back_with_the_chain_that_it_landed_in() {
    let hub = Hub::new();
    let (one, two) = (hub.clone(), hub.clone());
    let mut second = two.shared();
    second.begin().unwrap();
    one.announce(1, "run-1");
    // Two has not seen it yet; after landing it has to.
    let announced = second.announce(&[entry(1, "run-2")]).unwrap();
    let [Announced { record, chain, .. }] = announced.as_slice() else { panic!("{announced:?}") };
    assert_eq!((record.seq, chain.records.len()), (2, 2));
    let push = TokenRef::push();
    let now = crate::store::testing::at(1);
    let nobody = BTreeSet::new();
    assert_eq!(chain.holder(&push, "run-2", now, &nobody, |_| false).unwrap().run(), "run-1");
    assert!(chain.holder(&push, "run-1", now, &nobody, |_| false).is_none());
}

#[test]
fn two_first_pushes_of_two_roots_end_in_one_ledger() {
    let hub = Hub::new();
    let (one, two) = (hub.clone(), hub.clone());
    let (mut first, mut second) = (one.shared(), two.shared());
    assert_eq!(first.begin().unwrap().head, None);
    assert_eq!(second.begin().unwrap().head, None);
    first.announce(&[entry(1, "run-1")]).unwrap();
    let root = hub.tip().unwrap();
    second.announce(&[entry(1, "run-2"), entry(2, "run-2")]).unwrap();
    assert_eq!(hub.runs(1), ["run-1", "run-2"]);
    assert!(hub.bare().graph_descendant_of(hub.tip().unwrap(), root).unwrap());
    assert_eq!(verify(&hub.ledger(), late()).unwrap().faults, []);
}

#[test]
fn outcomes_are_in_this_clone_at_once_and_at_the_remote_with_the_next_push() {
    let hub = Hub::new();
    let clone = hub.clone();
    let mut ledger = clone.shared();
    ledger.announce(&[entry(1, "run-1")]).unwrap();
    ledger.append(&[outcome(1, "run-1")]).unwrap();
    assert_eq!(hub.runs(1).len(), 1);
    let view = clone.shared().read().unwrap();
    assert_eq!((view.tenant(tenant(1)).records.len(), view.unpushed), (2, 1));
    assert_eq!(view.head, hub.tip().map(|tip| tip.to_string()), "the remote's");
    ledger.announce(&[entry(2, "run-1")]).unwrap();
    assert_eq!(hub.runs(1).len(), 2);
    assert_eq!(clone.shared().read().unwrap().unpushed, 0);
}

#[test]
fn an_intent_that_cannot_be_pushed_leaves_no_trace() {
    let hub = Hub::new();
    let clone = hub.clone();
    clone.announce(1, "run-1");
    let before = clone.local().head().unwrap();
    let away = hub.away();
    let mut ledger = clone.shared();
    assert!(ledger.announce(&[entry(1, "run-2")]).is_err());
    drop(away);
    assert_eq!(clone.local().head().unwrap(), before);
    assert_eq!(runs(&clone.shared().begin().unwrap(), 1), ["run-1"]);
}

#[test]
fn the_first_outcome_of_all_makes_no_branch_that_only_this_clone_has() {
    let hub = Hub::new();
    let clone = hub.clone();
    let mut ledger = clone.shared();
    ledger.begin().unwrap();
    assert!(!ledger.has_ground().unwrap());
    ledger.announce(&[entry(1, "run-1")]).unwrap();
    assert!(ledger.has_ground().unwrap());
}

#[test]
fn a_dead_runs_outcomes_are_read_and_pushed_by_the_next_run_also_onto_a_moved_branch() {
    let hub = Hub::new();
    let (one, two) = (hub.clone(), hub.clone());
    let mut dying = one.shared();
    dying.announce(&[entry(1, "run-1")]).unwrap();
    dying.append(&[outcome(1, "run-1"), outcome(3, "run-1")]).unwrap();
    drop(dying);
    two.announce(1, "run-2");
    two.announce(2, "run-2");

    let seen = one.shared().read().unwrap();
    assert_eq!(runs(&seen, 1), ["run-1", "run-2", "run-1"]);
    assert_eq!((seen.unpushed, runs(&seen, 2).len()), (2, 1));
    assert_eq!(hub.runs(1).len(), 2, "reading pushes nothing");

    let begun = one.shared().begin().unwrap();
    assert_eq!((begun.unpushed, begun.head), (0, hub.tip().map(|tip| tip.to_string())));
    assert_eq!(begun.tenants, seen.tenants, "what was read is what was pushed");
    assert_eq!(hub.runs(1), ["run-1", "run-2", "run-1"]);
    assert_eq!(one.local().head().unwrap(), hub.tip().map(|tip| tip.to_string()));
    assert_eq!(verify(&hub.ledger(), late()).unwrap().faults, []);
    assert_eq!(one.shared().begin().unwrap().unpushed, 0, "and only once");
    assert_eq!(hub.runs(1).len(), 3);
}

#[test]
fn a_push_that_arrived_although_nobody_heard_of_it_is_not_repeated() {
    let hub = Hub::new();
    let clone = hub.clone();
    let mut ledger = clone.shared();
    ledger.announce(&[entry(1, "run-1")]).unwrap();
    ledger.append(&[outcome(1, "run-1")]).unwrap();
    // The remote has it, and this clone does not know: the answer was lost.
    let tip = ledger.local.tip_of(REFNAME).unwrap().unwrap();
    clone.repo().find_remote("origin").unwrap();
    let spec = format!("{tip}:{REFNAME}");
    let repo = crate::git::Repo::discover(clone.folder.path()).unwrap();
    crate::git::program::GitProgram::of(&repo).run(&["push", "-q", "--", "origin", &spec]).unwrap();
    hub.clone().announce(2, "run-2");
    ledger.land(&[], Twice::Append).unwrap();
    assert_eq!(hub.runs(1).len(), 2);
    assert_eq!(ledger.head().unwrap(), hub.tip().map(|tip| tip.to_string()));
}

#[test]
fn two_writers_of_one_clone_keep_each_others_outcomes() {
    let hub = Hub::new();
    let (one, other) = (hub.clone(), hub.clone());
    let mut first = one.shared();
    first.announce(&[entry(1, "run-1")]).unwrap();
    let mut second = one.shared();
    second.begin().unwrap();
    first.append(&[outcome(1, "run-1")]).unwrap();
    second.append(&[outcome(2, "run-2")]).unwrap();
    other.announce(3, "run-3");
    // The second moves the branch from under the first.
    second.announce(&[entry(2, "run-2")]).unwrap();
    first.append(&[outcome(4, "run-1")]).unwrap();
    first.land(&[], Twice::Append).unwrap();
    let counts: Vec<_> = (1..=4).map(|number| hub.runs(number).len()).collect();
    assert_eq!(counts, [2, 2, 1, 1]);
    assert_eq!(verify(&hub.ledger(), late()).unwrap().faults, []);
}

#[test]
fn a_branch_that_is_gone_at_the_remote_is_lost_and_not_absent() {
    let hub = Hub::new();
    let (writer, reader, fresh) = (hub.clone(), hub.clone(), hub.clone());
    writer.announce(1, "run-1");
    reader.shared().read().unwrap();
    let tip = hub.tip();
    hub.set(None);
    for clone in [&writer, &reader] {
        let error = clone.shared().read().unwrap_err();
        assert_eq!(error.code(), "ledger-lost");
        let next = format!("git push origin {}:{REFNAME}", tip.unwrap());
        assert!(error.to_string().contains(&next), "{error}");
        assert_eq!(
            clone.shared().announce(&[entry(1, "run-2")]).unwrap_err().code(),
            "ledger-lost"
        );
        let report = verify(&clone.shared(), late()).unwrap();
        assert_eq!(report.verdict, Verdict::Broken);
        assert_eq!((report.faults[0].code, report.entries), ("ledger-lost", 1));
    }
    // A clone that never saw it cannot know.
    assert_eq!(fresh.shared().read().unwrap().head, None);
    hub.set(tip);
    assert_eq!(runs(&reader.shared().read().unwrap(), 1), ["run-1"]);
}

#[test]
fn what_plain_git_fetched_is_remembered_too() {
    let hub = Hub::new();
    let (writer, cloned) = (hub.clone(), hub.clone());
    writer.announce(1, "run-1");
    let repo = crate::git::Repo::discover(cloned.folder.path()).unwrap();
    crate::git::program::GitProgram::of(&repo).run(&["fetch", "-q", "--", "origin"]).unwrap();
    let tip = hub.tip();
    hub.set(None);
    assert_eq!(cloned.shared().read().unwrap_err().code(), "ledger-lost");
    hub.set(tip);
    cloned.shared().read().unwrap();
}

#[test]
fn a_branch_that_was_rewritten_at_the_remote_stays_so_however_often_it_is_fetched() {
    let hub = Hub::new();
    let (writer, reader) = (hub.clone(), hub.clone());
    writer.announce(1, "run-1");
    let first = hub.tip();
    writer.announce(1, "run-2");
    let seen = hub.tip();
    reader.shared().read().unwrap();
    let git = |args: &[&str]| {
        let repo = crate::git::Repo::discover(reader.folder.path()).unwrap();
        crate::git::program::GitProgram::of(&repo).run(args).unwrap();
    };
    // Cut back, and then another line in the place of the one that is gone.
    hub.set(first);
    for _ in 0..2 {
        let error = reader.shared().read().unwrap_err();
        assert_eq!(error.code(), "ledger-behind");
        let text = error.to_string();
        assert!(text.contains(&seen.unwrap().to_string()), "{text}");
        git(&["fetch", "-q", "--", "origin"]);
    }
    hub.clone().announce(1, "run-3");
    for _ in 0..2 {
        assert_eq!(reader.shared().read().unwrap_err().code(), "ledger-rewritten");
        assert!(reader.shared().announce(&[entry(2, "run-4")]).is_err());
        git(&["fetch", "-q", "--", "origin"]);
    }
    let report = verify(&reader.shared(), late()).unwrap();
    assert_eq!((report.faults[0].code, report.entries), ("ledger-rewritten", 2));
    assert_eq!(hub.runs(1), ["run-1", "run-3"], "nothing was put back by itself");
    // The command that the sentence names accepts it.
    let found = hub.tip().unwrap().to_string();
    git(&["update-ref", "refs/applecart/seen/origin/applecart/ledger", &found]);
    assert_eq!(runs(&reader.shared().read().unwrap(), 1), ["run-1", "run-3"]);
}

#[test]
fn a_local_ledger_is_published_on_request_only() {
    let hub = Hub::new();
    let clone = hub.clone();
    clone.local().append(&[entry(1, "run-1")]).unwrap();
    let error = clone.shared().read().unwrap_err();
    assert_eq!(error.code(), "ledger-lost");
    assert!(error.to_string().contains("applecart ledger append --publish"), "{error}");
    assert!(clone.shared().announce(&[entry(1, "run-2")]).is_err());
    assert_eq!(hub.tip(), None);
    let tip = clone.shared().publish().unwrap();
    assert_eq!(tip, hub.tip().map(|tip| tip.to_string()));
    assert_eq!(runs(&clone.shared().read().unwrap(), 1), ["run-1"]);
}

#[test]
fn a_local_ledger_is_published_on_top_of_another_clones() {
    let hub = Hub::new();
    let (one, two) = (hub.clone(), hub.clone());
    for (clone, run) in [(&one, "run-1"), (&two, "run-2")] {
        clone.local().append(&[entry(1, run)]).unwrap();
        clone.shared().publish().unwrap();
    }
    assert_eq!(hub.runs(1), ["run-1", "run-2"]);
    assert_eq!(hub.clone().shared().publish().unwrap(), hub.tip().map(|tip| tip.to_string()));
}

#[test]
fn entries_that_are_handed_over_twice_are_recorded_once() {
    let hub = Hub::new();
    let (one, two) = (hub.clone(), hub.clone());
    let entries = [outcome(1, "run-1"), outcome(2, "run-1")];
    let first = one.shared().deliver(&entries).unwrap();
    assert_eq!((first.recorded, first.known), (2, 0));
    let more = [outcome(1, "run-1"), outcome(1, "run-9"), outcome(2, "run-1")];
    let second = two.shared().deliver(&more).unwrap();
    assert_eq!((second.recorded, second.known), (1, 2));
    assert_eq!(second.head, hub.tip().map(|tip| tip.to_string()));
    assert_eq!((hub.runs(1), hub.runs(2).len()), (vec!["run-1".into(), "run-9".into()], 1));
    let third = two.shared().deliver(&more).unwrap();
    assert_eq!((third.recorded, third.known), (0, 3));
}

#[test]
fn offline_shows_what_was_seen_and_recorded_and_writes_nothing() {
    let hub = Hub::new();
    let clone = hub.clone();
    let offline = || Ledger::open_offline(clone.folder.path(), BRANCH).unwrap();
    assert_eq!(offline().read().unwrap(), LedgerView::default());
    clone.announce(1, "run-1");
    hub.clone().announce(2, "run-2");
    let mut ledger = clone.shared();
    ledger.read().unwrap();
    ledger.append(&[outcome(1, "run-1")]).unwrap();
    let _away = hub.away();
    let view = offline().read().unwrap();
    assert_eq!((runs(&view, 1).len(), runs(&view, 2).len(), view.unpushed), (2, 1, 1));
    assert_eq!(offline().asked_remote(), None);
    assert_eq!(offline().append(&[outcome(1, "run-3")]).unwrap_err().code(), "offline");
    assert_eq!(verify(&offline(), late()).unwrap().verdict, Verdict::Ok);
}

#[test]
#[cfg(unix)]
fn a_push_that_the_remote_refuses_says_what_to_change_there() {
    let hub = Hub::new();
    let clone = hub.clone();
    hub.refuse();
    let error = clone.shared().announce(&[entry(1, "run-1")]).unwrap_err();
    assert_eq!(error.code(), "push-refused");
    let text = error.to_string();
    assert!(text.contains("this branch is protected"), "{text}");
    assert!(text.contains("Allow this user to push to refs/heads/applecart/ledger"), "{text}");
    assert_eq!((hub.tip(), clone.local().head().unwrap()), (None, None));
}

#[test]
fn a_lock_that_was_left_at_the_remote_is_named_with_its_place() {
    let hub = Hub::new();
    let clone = hub.clone();
    clone.shared().announce(&[entry(1, "run-1")]).unwrap();
    let lock = hub.folder.path().join("refs/heads/applecart/ledger.lock");
    std::fs::write(&lock, "").unwrap();
    let error = clone.shared().announce(&[entry(1, "run-2")]).unwrap_err();
    assert_eq!(error.code(), "locked");
    let text = error.to_string();
    assert!(text.contains("delete the file refs/heads/applecart/ledger.lock in that"), "{text}");
    assert!(!text.contains("Allow this user"), "{text}");
    std::fs::remove_file(lock).unwrap();
    clone.shared().announce(&[entry(1, "run-2")]).unwrap();
}

#[test]
fn entries_of_a_tenant_that_is_broken_over_there_are_kept_and_the_others_pushed() {
    let hub = Hub::new();
    let clone = hub.clone();
    let mut ledger = clone.shared();
    ledger.announce(&[entry(1, "run-1"), entry(2, "run-1")]).unwrap();
    ledger.append(&[outcome(1, "run-1"), outcome(2, "run-1")]).unwrap();
    let unpushed = ledger.local.tip_of(REFNAME).unwrap().unwrap();
    replace(&hub.ledger(), tenant(1), |text| text.replacen("2027", "2028", 1) + &text);
    let view = clone.shared().read().unwrap();
    assert_eq!(view.broken.keys().collect::<Vec<_>>(), [&tenant(1)]);
    assert_eq!(runs(&view, 2).len(), 2);
    ledger.land(&[], Twice::Append).unwrap();
    assert_eq!(hub.runs(2).len(), 2);
    let pending = [outcome(1, "run-1"), outcome(2, "run-1")];
    assert_eq!(ledger.missing(&pending).unwrap(), pending[..1]);
    let kept = format!("refs/applecart/kept/{unpushed}");
    assert_eq!(clone.repo().refname_to_id(&kept).unwrap(), unpushed);
}

#[test]
fn something_else_on_the_branch_over_there_stops_reading_and_writing() {
    let hub = Hub::new();
    let clone = hub.clone();
    clone.announce(1, "run-1");
    commit(&hub.ledger(), |root| {
        let blob = hub.bare().blob(b"x").unwrap();
        root.insert("notes.txt", blob, 0o100_644).unwrap();
    });
    assert_eq!(clone.shared().read().unwrap_err().code(), "unexpected-entry");
    assert_eq!(clone.shared().announce(&[entry(1, "r")]).unwrap_err().code(), "unexpected-entry");
}

#[test]
fn two_clones_of_a_hub_without_a_process_share_one_ledger() {
    let hub = NearHub::new(BRANCH);
    let (one, two) = (repository(), repository());
    let open = |clone: &TempDir| {
        let link = Some(Link::new(hub.of(clone.path()), BRANCH, true));
        Ledger { link, ..Ledger::open(clone.path(), BRANCH).unwrap() }
    };
    let (mut first, mut second) = (open(&one), open(&two));
    assert_eq!(first.begin().unwrap(), LedgerView::default());
    first.announce(&[entry(1, "run-1")]).unwrap();
    first.append(&[outcome(1, "run-1")]).unwrap();
    // The second lost the race for the first commit, and its entries go on top.
    second.announce(&[entry(1, "run-2")]).unwrap();
    assert_eq!(runs(&open(&two).read().unwrap(), 1), ["run-1", "run-2"]);
    hub.set_away(true);
    assert_eq!(open(&two).read().unwrap_err().code(), "unreachable");
    hub.set_away(false);
    assert_eq!(runs(&open(&one).begin().unwrap(), 1), ["run-1", "run-2", "run-1"]);
    let report = verify(&open(&two), late()).unwrap();
    assert_eq!((report.verdict, report.remote.as_deref()), (Verdict::Ok, Some("hub")));
}

/// Later than every line of these tests.
fn late() -> applecart_core::model::Timestamp {
    applecart_core::model::Timestamp::from_unix(4_000_000_000).unwrap()
}
