//! Many callers at once, with and without a remote.

#![expect(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "tests look at real repositories"
)]

use super::*;
use crate::store::testing::{draft, named, repository, tenant};
use applecart_core::ledger::LedgerView;
use applecart_core::model::Event;

fn writer(dir: &tempfile::TempDir) -> LedgerWriter {
    LedgerWriter::start(Ledger::open(dir.path(), "applecart/ledger").unwrap()).unwrap()
}

fn commits(dir: &tempfile::TempDir) -> usize {
    let ledger = Ledger::open(dir.path(), "applecart/ledger").unwrap();
    let mut walk = ledger.local.repo.revwalk().unwrap();
    walk.push_ref(&ledger.local.refname).unwrap();
    walk.count()
}

#[tokio::test(flavor = "multi_thread")]
async fn many_tenants_at_once_share_commits_and_keep_each_tenants_order() {
    let dir = repository();
    let writer = writer(&dir);
    let tasks: Vec<_> = (0..200)
        .map(|number| {
            let writer = writer.clone();
            tokio::spawn(async move {
                for minute in 0..3 {
                    let entry = draft(Event::Intended, minute, "run-1", None);
                    let records = writer.append(vec![named(number, entry)]).await.unwrap();
                    assert_eq!(records[0].seq, minute as u64 + 1);
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    let head = writer.close().await.unwrap().head;
    let view = Ledger::open(dir.path(), "applecart/ledger").unwrap().read().unwrap();
    assert_eq!(view.head, head);
    assert_eq!(view.tenants.len(), 200);
    assert!(view.tenants.values().all(|ledger| ledger.records.len() == 3));
    assert!(commits(&dir) < 300, "600 entries made {} commits", commits(&dir));
}

#[tokio::test]
async fn one_callers_bad_entry_does_not_fail_the_others() {
    let dir = repository();
    let writer = writer(&dir);
    let good = vec![(tenant(1), draft(Event::Intended, 0, "run-1", None))];
    let bad = vec![(tenant(2), draft(Event::Intended, 0, &"x".repeat(70_000), None))];
    let (first, second, third) =
        tokio::join!(writer.append(good.clone()), writer.append(bad), writer.append(good));
    assert_eq!(first.unwrap()[0].seq, 1);
    assert!(matches!(*second.unwrap_err(), LedgerError::Line { .. }));
    assert_eq!(third.unwrap()[0].seq, 2);
}

#[tokio::test]
async fn closing_writes_what_waits_and_refuses_what_comes_after() {
    let dir = repository();
    let writer = writer(&dir);
    let other = writer.clone();
    let entry = vec![(tenant(1), draft(Event::Intended, 0, "run-1", None))];
    let (appended, closed) = tokio::join!(writer.append(entry.clone()), other.clone().close());
    assert_eq!(appended.unwrap().len(), 1);
    assert!(closed.unwrap().head.is_some());
    assert!(matches!(*other.append(entry).await.unwrap_err(), LedgerError::Closed));
}

#[tokio::test]
async fn closing_an_unused_writer_makes_no_branch() {
    let dir = repository();
    assert_eq!(writer(&dir).close().await.unwrap().head, None);
}

/// A bare remote and a clone that has it as `origin`.
fn shared() -> (tempfile::TempDir, tempfile::TempDir) {
    let (hub, clone) = (tempfile::tempdir().unwrap(), repository());
    git2::Repository::init_bare(hub.path()).unwrap();
    let url = format!("file://{}", hub.path().display());
    git2::Repository::open(clone.path()).unwrap().remote("origin", &url).unwrap();
    (hub, clone)
}

fn open_shared(dir: &tempfile::TempDir) -> Ledger {
    Ledger::open_shared(dir.path(), "applecart/ledger").unwrap()
}

fn at_the_remote(hub: &tempfile::TempDir) -> LedgerView {
    Ledger::open(hub.path(), "applecart/ledger").unwrap().read().unwrap()
}

fn away(hub: &tempfile::TempDir, away: bool) {
    let (here, there) = (hub.path().join("HEAD"), hub.path().join("DAEH"));
    let (from, to) = if away { (here, there) } else { (there, here) };
    std::fs::rename(from, to).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_of_two_hundred_tenants_makes_few_pushes() {
    let (hub, clone) = shared();
    // The reflog of the remote has a line for every push.
    let bare = git2::Repository::open_bare(hub.path()).unwrap();
    bare.config().unwrap().set_bool("core.logAllRefUpdates", true).unwrap();
    let mut ledger = open_shared(&clone);
    ledger.begin().unwrap();
    let writer = LedgerWriter::start(ledger).unwrap();
    let intents: Vec<_> =
        (0..200).map(|number| named(number, draft(Event::Intended, 0, "run-1", None))).collect();
    let announced = writer.announce(intents).await.unwrap();
    assert_eq!(announced.len(), 200);
    assert_eq!(at_the_remote(&hub).tenants.len(), 200);
    let tasks: Vec<_> = (0..200)
        .map(|number| {
            let writer = writer.clone();
            tokio::spawn(async move {
                for (minute, event) in [(1, Event::Applied), (2, Event::Confirmed)] {
                    let entry = named(number, draft(event, minute, "run-1", None));
                    writer.append(vec![entry]).await.unwrap();
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    let closed = writer.close().await.unwrap();
    assert!(closed.unpushed.is_empty() && closed.error.is_none(), "{closed:?}");
    let view = at_the_remote(&hub);
    assert_eq!(view.head, closed.head);
    assert!(view.tenants.values().all(|chain| chain.records.len() == 3));
    let pushes = bare.reflog("refs/heads/applecart/ledger").unwrap().len();
    // The announcement, the end, and one for each half minute that the test may take.
    assert!(pushes <= 5, "{pushes} pushes");
}

#[tokio::test]
async fn outcomes_are_pushed_when_their_time_has_come() {
    let (hub, clone) = shared();
    let every = Duration::from_millis(50);
    let writer = LedgerWriter::start_pushing_every(open_shared(&clone), every).unwrap();
    let intent = named(1, draft(Event::Intended, 0, "run-1", None));
    writer.announce(vec![intent]).await.unwrap();
    let entry = named(1, draft(Event::Applied, 1, "run-1", None));
    writer.append(vec![entry]).await.unwrap();
    // Looks for a minute, and then says what is missing instead of hanging.
    let mut looks = 0;
    while at_the_remote(&hub).tenant(tenant(1)).records.len() < 2 {
        assert!(looks < 1200, "not pushed by itself");
        looks += 1;
        tokio::time::timeout(every, std::future::pending::<()>()).await.unwrap_err();
    }
    assert!(writer.close().await.unwrap().unpushed.is_empty());
}

#[tokio::test]
async fn an_intent_is_at_the_remote_however_it_is_appended() {
    let (hub, clone) = shared();
    let writer = LedgerWriter::start(open_shared(&clone)).unwrap();
    for minute in [0, 14] {
        let entry = named(1, draft(Event::Intended, minute, "run-1", None));
        writer.append(vec![entry]).await.unwrap();
    }
    assert_eq!(at_the_remote(&hub).tenant(tenant(1)).records.len(), 2);
}

#[tokio::test]
async fn what_cannot_be_pushed_by_the_end_is_handed_back_and_can_be_delivered_later() {
    let (hub, clone) = shared();
    let writer = LedgerWriter::start(open_shared(&clone)).unwrap();
    let intents = [1, 2].map(|number| named(number, draft(Event::Intended, 0, "run-1", None)));
    writer.announce(intents.to_vec()).await.unwrap();
    let pushed = named(1, draft(Event::Applied, 1, "run-1", None));
    writer.append(vec![pushed]).await.unwrap();
    // Takes the outcome above along.
    let more = named(2, draft(Event::Intended, 2, "run-1", None));
    writer.announce(vec![more]).await.unwrap();
    away(&hub, true);
    let left = named(2, draft(Event::Applied, 3, "run-1", None));
    writer.append(vec![left.clone()]).await.unwrap();
    let closed = writer.close().await.unwrap();
    assert_eq!(closed.unpushed, std::slice::from_ref(&left));
    assert_eq!(closed.error.unwrap().code(), "not-pushed");
    away(&hub, false);
    // Another clone takes the file; this one's branch has the entry, too, and adds no second one.
    let other = repository();
    let url = format!("file://{}", hub.path().display());
    git2::Repository::open(other.path()).unwrap().remote("origin", &url).unwrap();
    let delivered = open_shared(&other).deliver(&closed.unpushed).unwrap();
    assert_eq!((delivered.recorded, delivered.known), (1, 0));
    let view = open_shared(&clone).begin().unwrap();
    assert_eq!(view.head, at_the_remote(&hub).head);
    assert_eq!(view.tenant(tenant(2)).records.len(), 3);
}

#[tokio::test]
async fn what_somebody_took_off_this_clones_branch_is_brought_all_the_same() {
    let (hub, clone) = shared();
    let writer = LedgerWriter::start(open_shared(&clone)).unwrap();
    let intent = named(1, draft(Event::Intended, 0, "run-1", None));
    writer.announce(vec![intent]).await.unwrap();
    let entry = named(1, draft(Event::Applied, 1, "run-1", None));
    writer.append(vec![entry]).await.unwrap();
    let repo = git2::Repository::open(clone.path()).unwrap();
    repo.find_reference("refs/heads/applecart/ledger").unwrap().delete().unwrap();
    assert!(writer.close().await.unwrap().unpushed.is_empty());
    assert_eq!(at_the_remote(&hub).tenant(tenant(1)).records.len(), 2);
}

#[tokio::test]
async fn announcing_without_a_remote_gives_the_chain_as_well() {
    let dir = repository();
    let writer = writer(&dir);
    let intent = |run| named(1, draft(Event::Intended, 0, run, None));
    writer.append(vec![intent("run-1")]).await.unwrap();
    let announced = writer.announce(vec![intent("run-2")]).await.unwrap();
    assert_eq!(announced[0].record.seq, 2);
    assert_eq!(announced[0].chain.records.len(), 2);
}
