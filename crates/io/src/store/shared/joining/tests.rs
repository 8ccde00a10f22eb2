//! One ledger goes into another.

use super::*;
use crate::store::branch::tests::replace;
use crate::store::testing::{at, author, draft, named, repository, sha, tenant};
use applecart_core::model::Event;

fn written(dir: &tempfile::TempDir, branch: &str, run: &str, tenants: &[u32]) -> Ledger {
    let mut ledger = Ledger::open(dir.path(), branch).unwrap();
    for minute in 0..2 {
        let entries: Vec<_> = tenants
            .iter()
            .map(|&number| named(number, draft(Event::Intended, minute, run, Some(sha("a")))))
            .collect();
        ledger.append(&entries).unwrap();
    }
    ledger
}

fn text(ledger: &Ledger, number: u32) -> String {
    let tip = ledger.local.tip_of(&ledger.local.refname).unwrap().unwrap();
    let objects = ledger.local.objects(&ledger.local.repo);
    let blob = objects.files(tip).unwrap().tenants[&tenant(number)];
    String::from_utf8(objects.file(tenant(number), blob).unwrap()).unwrap()
}

fn join(ledger: &mut Ledger, rev: &str) -> Joined {
    ledger.join(rev, &author("dana"), at(100)).unwrap()
}

#[test]
fn a_tenant_that_this_ledger_lacks_is_copied_verbatim() {
    let dir = repository();
    let other = written(&dir, "other/ledger", "run-2", &[2]);
    let mut ledger = written(&dir, "applecart/ledger", "run-1", &[1]);
    let joined = join(&mut ledger, "refs/heads/other/ledger");
    assert_eq!((joined.copied, joined.restored, joined.kept), (1, 0, 0));
    assert_eq!(text(&ledger, 2), text(&other, 2));
    assert_eq!(join(&mut ledger, "refs/heads/other/ledger").copied, 0, "and only once");
}

#[test]
fn lines_that_were_cut_off_are_back() {
    let dir = repository();
    let mut ledger = written(&dir, "applecart/ledger", "run-1", &[1]);
    let (whole, head) = (text(&ledger, 1), ledger.head().unwrap().unwrap());
    replace(&ledger, tenant(1), |text| format!("{}\n", text.lines().next().unwrap()));
    let joined = join(&mut ledger, &head);
    assert_eq!((joined.copied, joined.restored, joined.kept), (0, 1, 0));
    assert_eq!(text(&ledger, 1), whole);
}

#[test]
fn lines_of_another_history_are_kept_as_text_and_bind_nothing() {
    let dir = repository();
    let other = written(&dir, "other/ledger", "run-2", &[1]);
    let mut ledger = written(&dir, "applecart/ledger", "run-1", &[1]);
    let before = text(&ledger, 1);
    for expected in [2, 0] {
        assert_eq!(join(&mut ledger, "refs/heads/other/ledger").kept, expected);
    }
    assert!(text(&ledger, 1).starts_with(&before), "nothing is rewritten");
    let view = ledger.read().unwrap();
    let kept: Vec<&str> = view.tenant(tenant(1)).records[2..]
        .iter()
        .map(|record| match &record.body {
            EntryBody::Joined { line } => line.as_str(),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(kept, text(&other, 1).lines().collect::<Vec<_>>());
    assert_eq!(view.tenant(tenant(1)).all_unfinished().len(), 1, "of run-1 alone");
}
