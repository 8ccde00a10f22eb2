//! What a reading finds, and when it is over.
#![expect(clippy::disallowed_types, reason = "tests look at real repositories")]

use super::*;
use crate::store::branch::tests::replace;
use crate::store::testing::{draft, named, repository, sha, tenant};
use applecart_core::model::{Event, Sha256};

fn today() -> NaiveDate {
    "2026-11-27".parse().unwrap()
}

fn proof(accepted: &[Accepted]) -> Proof<'_> {
    Proof { signed: None, accepted, today: today() }
}

fn open(dir: &tempfile::TempDir) -> Ledger {
    Ledger::open(dir.path(), "applecart/ledger").unwrap()
}

fn written(dir: &tempfile::TempDir) -> Ledger {
    let mut ledger = open(dir);
    for minute in 0..3 {
        let entry = draft(Event::Intended, minute, "run-1", Some(sha("a")));
        ledger.append(&[named(1, entry.clone()), named(2, entry)]).unwrap();
    }
    ledger
}

/// The tenants that a reading makes unknown.
fn unknown(dir: &tempfile::TempDir, accepted: &[Accepted]) -> Vec<TenantId> {
    let ledger = open(dir);
    let mut view = ledger.read().unwrap();
    ledger.prove(&mut view, proof(accepted)).unwrap();
    assert!(view.broken.keys().all(|tenant| !view.tenants.contains_key(tenant)));
    view.broken.into_keys().collect()
}

fn text_of(dir: &tempfile::TempDir) -> String {
    let ledger = open(dir);
    let tip = ledger.local.tip().unwrap().unwrap();
    let objects = ledger.local.objects(&ledger.local.repo);
    let blob = objects.files(tip).unwrap().tenants[&tenant(1)];
    String::from_utf8(objects.file(tenant(1), blob).unwrap()).unwrap()
}

fn cut(dir: &tempfile::TempDir) {
    replace(&open(dir), tenant(1), |text| format!("{}\n", text.lines().next().unwrap()));
}

#[test]
fn a_ledger_that_only_grew_is_known_and_checked_once() {
    let dir = repository();
    let ledger = written(&dir);
    assert_eq!(unknown(&dir, &[]), []);
    let checked = ledger.local.tip_of("refs/applecart/checked/applecart/ledger").unwrap();
    assert_eq!(checked, ledger.local.tip().unwrap());
}

#[test]
fn lines_that_were_cut_off_make_that_tenant_unknown_in_every_clone() {
    for has_seen_more in [true, false] {
        let dir = repository();
        written(&dir);
        if has_seen_more {
            assert_eq!(unknown(&dir, &[]), []);
        }
        cut(&dir);
        for _ in 0..2 {
            assert_eq!(unknown(&dir, &[]), [tenant(1)], "and it stays so");
        }
    }
}

#[test]
fn it_is_known_again_when_the_lines_are_back() {
    let dir = repository();
    written(&dir);
    let whole = text_of(&dir);
    cut(&dir);
    assert_eq!(unknown(&dir, &[]), [tenant(1)]);
    replace(&open(&dir), tenant(1), |_| whole);
    assert_eq!(unknown(&dir, &[]), []);
}

#[test]
fn it_is_known_again_while_the_policy_accepts_exactly_that_loss() {
    let dir = repository();
    written(&dir);
    let last = Sha256::of(text_of(&dir).lines().last().unwrap().as_bytes());
    cut(&dir);
    let accepted = |line, until: &str| Accepted {
        tenant: tenant(1),
        line,
        reason: "a colleague cleaned up".into(),
        by: "dana".into(),
        until: until.parse().unwrap(),
    };
    assert_eq!(unknown(&dir, &[accepted(last, "2026-11-27")]), []);
    assert_eq!(unknown(&dir, &[accepted(last, "2026-11-26")]), [tenant(1)], "it is over");
    assert_eq!(unknown(&dir, &[accepted(sha("other"), "2026-12-31")]), [tenant(1)]);
    let of_another = Accepted { tenant: tenant(2), ..accepted(last, "2026-12-31") };
    assert_eq!(unknown(&dir, &[of_another]), [tenant(1)]);
}

#[test]
fn a_removed_file_makes_its_tenant_unknown_and_no_other() {
    let dir = repository();
    let ledger = written(&dir);
    let repo = git2::Repository::open(dir.path()).unwrap();
    let tip = repo.find_reference("refs/heads/applecart/ledger").unwrap().peel_to_tree().unwrap();
    let folder = repo.find_tree(tip.get_name("tenants").unwrap().id()).unwrap();
    let mut folder = repo.treebuilder(Some(&folder)).unwrap();
    folder.remove(format!("{}.jsonl", tenant(2))).unwrap();
    let folder = folder.write().unwrap();
    crate::store::branch::tests::commit(&ledger, |root| {
        root.insert("tenants", folder, 0o040_000).unwrap();
    });
    assert_eq!(unknown(&dir, &[]), [tenant(2)]);
}

#[test]
fn notes_are_proved_too_and_tell_who_took_lines_away_and_how_they_come_back() {
    let dir = repository();
    written(&dir);
    let notes = || {
        let mut notes = open(&dir);
        notes.play(crate::store::Role::Notes { genesis: None });
        notes
    };
    let read = || {
        let notes = notes();
        let mut view = notes.read().unwrap();
        notes.prove(&mut view, proof(&[])).unwrap();
        view
    };
    assert!(read().broken.is_empty());
    cut(&dir);
    let view = read();
    let told = &view.broken[&tenant(1)];
    for word in ["not-append-only", "notes branch", "@", "no push certificate is uploaded"] {
        assert!(told.contains(word), "{word}: {told}");
    }
    let (_, command) = told.rsplit_once("`applecart ledger join --notes ").unwrap();
    let author = applecart_core::model::Author {
        run: "run-2".into(),
        clone: "clone".into(),
        actor: applecart_core::model::Actor::default(),
    };
    let now = "2026-11-27T10:00:00Z".parse().unwrap();
    let joined = notes().join(command.trim_end_matches('`'), &author, now).unwrap();
    assert_eq!(joined.restored, 1);
    assert!(read().broken.is_empty());
}

#[test]
fn a_line_is_traced_to_the_commit_that_brought_it() {
    let dir = repository();
    let ledger = written(&dir);
    let view = ledger.read().unwrap();
    let records = &view.tenants[&tenant(1)].records;
    let lines: Vec<_> = records
        .iter()
        .map(|record| applecart_core::ledger::Line::of(tenant(1), record).unwrap())
        .collect();
    let found = ledger.origins(&lines.iter().copied().collect()).unwrap();
    let newer: Vec<usize> = lines.iter().map(|line| found[line].newer).collect();
    assert_eq!(newer, [2, 1, 0]);
    assert!(found.values().all(|origin| origin.in_ledger));
    let tip = ledger.head().unwrap().unwrap();
    assert_eq!(found[&lines[2]].commit.id, tip);
}

#[test]
fn an_accepted_loss_hides_no_other_one_of_the_same_tenant() {
    let dir = repository();
    written(&dir);
    let last = Sha256::of(text_of(&dir).lines().last().unwrap().as_bytes());
    cut(&dir);
    let accepted = [accepted_at(last)];
    assert_eq!(unknown(&dir, &accepted), []);
    let mut ledger = open(&dir);
    let entry = draft(Event::Intended, 9, "run-2", Some(sha("b")));
    ledger.append(&[named(1, entry)]).unwrap();
    assert_eq!(unknown(&dir, &accepted), []);
    cut(&dir);
    assert_eq!(unknown(&dir, &accepted), [tenant(1)], "that is another loss");
}

fn accepted_at(line: Sha256) -> Accepted {
    Accepted {
        tenant: tenant(1),
        line,
        reason: "a colleague edited it".into(),
        by: "dana".into(),
        until: "2999-01-01".parse().unwrap(),
    }
}

#[test]
fn a_chain_that_breaks_is_known_again_by_the_entries_that_verify_names() {
    let dir = repository();
    written(&dir);
    replace(&open(&dir), tenant(1), |text| text.replacen("run-1", "run-9", 1));
    assert_eq!(unknown(&dir, &[]), [tenant(1)]);
    let late = "2030-01-01T00:00:00Z".parse().unwrap();
    let verify = |ledger: &Ledger| crate::store::verify(ledger, late).unwrap();
    let found = verify(&open(&dir));
    let codes: Vec<_> = found.faults.iter().map(|fault| fault.code).collect();
    assert_eq!(codes, ["broken-prev", "not-append-only"]);
    let lines = found.faults.iter().map(|fault| accepted_at(fault.accept.unwrap().line));
    let accepted: Vec<Accepted> = lines.collect();

    let mut ledger = open(&dir);
    ledger.accept(&accepted, today());
    let read = |ledger: &Ledger| {
        let mut view = ledger.read().unwrap();
        ledger.prove(&mut view, proof(&accepted)).unwrap();
        view
    };
    assert_eq!(read(&ledger).tenant(tenant(1)).records.len(), 3);
    let entry = draft(Event::Intended, 9, "run-2", Some(sha("b")));
    ledger.append(&[named(1, entry)]).unwrap();
    let mut again = open(&dir);
    again.accept(&accepted, today());
    assert_eq!(read(&again).tenant(tenant(1)).records.len(), 4, "and it goes on from there");
    assert_eq!(verify(&again).without(&accepted, today()).faults, []);
    again.accept(&accepted, "2999-01-02".parse().unwrap());
    assert_eq!(again.read().unwrap().broken.len(), 1, "it is over");
    let mut others = accepted.clone();
    others.iter_mut().for_each(|one| one.tenant = tenant(2));
    others.push(accepted_at(sha("other")));
    again.accept(&others, today());
    assert_eq!(again.read().unwrap().broken.len(), 1, "only the line that is named");
}
