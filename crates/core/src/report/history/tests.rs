use std::sync::Arc;

use super::*;
use crate::fleet::{Desired, Entry, EntryKind, FileBytes, Folder, Source, load_tenants};
use crate::ledger::TenantLedger;
use crate::model::{
    Actor, Author, EntryBody, FailureCode, LedgerEntry, SignatureFormat, TokenRef, Verification,
};

const TENANT: &str = "6d1f0c5e-8a34-4b7a-9a51-0d6c2f6f1b11";

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn sha(file: &str) -> Sha256 {
    Sha256::of(file.as_bytes())
}

fn commit(id: char, day: &str, author: &str, message: &str) -> Commit {
    let person = Person { name: author.to_owned(), email: format!("{author}@msp.example") };
    Commit {
        id: id.to_string().repeat(40),
        author: person.clone(),
        authored: at(&format!("{day}T09:00:00Z")),
        committer: person,
        committed: at(&format!("{day}T09:00:00Z")),
        message: message.to_owned(),
        signature: None,
    }
}

/// A tenant's folder whose file has these lines after its head.
fn folder(name: &str, lines: &str) -> Option<Arc<Desired>> {
    let text = format!(
        "apiVersion: applecart/v1\nkind: Tenant\nname: {name}\ndisplayName: Contoso & Söhne\ntenantId: {TENANT}\n{lines}"
    );
    let entry = |path: &str| Entry {
        path: path.to_owned(),
        kind: EntryKind::Blob,
        id: Sha256::of(lines.as_bytes()).to_string(),
        size: Some(900),
    };
    let folder = Folder {
        name: name.to_owned(),
        tree: "t".to_owned(),
        tenant_file: Some(FileBytes::Read(text.into_bytes())),
        entries: vec![entry("a.age"), entry("b.age"), entry("push.pem.age")],
        overfull: None,
    };
    let source = Source { tenants: vec![folder], ..Source::default() };
    let desired = load_tenants(&source, None).0.remove(0);
    assert!(desired.valid().is_some(), "{desired:?}");
    Some(Arc::new(desired))
}

fn push(name: &str, file: &str, serial: &str, expires: &str) -> Option<Arc<Desired>> {
    folder(
        name,
        &format!(
            "watch: [push]\npush:\n  appleId: mdm@contoso.example\n  topic: com.apple.mgmt.External.1\n  serial: {serial}\n  expires: {expires}\n  file: push.pem.age\n  sha256: {}\n",
            sha(file)
        ),
    )
}

fn version(commit: Commit, before: Option<Arc<Desired>>, after: Option<Arc<Desired>>) -> Version {
    Version {
        commit,
        via: None,
        folder: "contoso".to_owned(),
        renamed_from: None,
        renamed_to: None,
        cut_off: false,
        before,
        after,
    }
}

fn ledger(entries: &[(Event, &str, Option<&str>, Option<&str>)]) -> TenantLedger {
    let author = Author {
        run: "run-7".into(),
        clone: "clone".into(),
        actor: Actor {
            pipeline: Some("https://ci.example/7".into()),
            user: Some("dana".into()),
            host: None,
        },
    };
    let records = entries.iter().enumerate().map(|(index, (event, when, file, expires))| {
        let name = "contoso".parse().unwrap();
        let mut body = crate::ledger::testing::body(*event, at(when), file.map(sha));
        match &mut body {
            EntryBody::Failed { cause, .. } => {
                *cause = Cause {
                    code: FailureCode::Throttled,
                    status: Some(429),
                    request_id: Some("r-1".into()),
                    detail: None,
                };
            }
            EntryBody::Acknowledged { by, note, .. } => {
                *by = Some("Kim <kim@contoso.example>".to_owned());
                *note = Some("iPad enrolled".to_owned());
            }
            _ => {}
        }
        let entry = LedgerEntry {
            rev: Some("c".repeat(40)),
            after: expires.map(|expires| Facts { expires: Some(at(expires)), ..Facts::default() }),
            ..LedgerEntry::new(at(when), name, TokenRef::push(), &author, body)
        };
        entry.at_place(index as u64 + 1, Sha256::ZERO)
    });
    TenantLedger { records: records.collect(), ..TenantLedger::default() }
}

/// A year of a push certificate: added, uploaded, renewed by a merged branch, changed by hand.
fn year(period: Period) -> History {
    let old = || push("contoso", "old", "1A", "2026-03-01T00:00:00Z");
    let new = || push("contoso", "new", "2B", "2027-02-20T00:00:00Z");
    let merge = commit(
        'c',
        "2026-02-21",
        "lee",
        "Merge pull request #12 from contoso/renew\n\nApproved-by: Kim <kim@msp.example>",
    );
    let mut written = commit('b', "2026-02-20", "dana", "Renew the push certificate");
    written.signature = Some(Signature {
        format: SignatureFormat::Ssh,
        key: Some("SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU".into()),
        verified: Verification::Unknown,
    });
    let branch = Version { via: Some(merge.clone()), ..version(written, old(), new()) };
    let versions = vec![
        version(merge, old(), new()),
        branch,
        version(commit('a', "2025-03-01", "dana", "First certificate (#3)"), None, old()),
    ];
    let ledger = ledger(&[
        (Event::Intended, "2025-03-01T10:00:00Z", Some("old"), Some("2026-03-01T00:00:00Z")),
        (Event::Applied, "2025-03-01T10:00:05Z", Some("old"), Some("2026-03-01T00:00:00Z")),
        (Event::Confirmed, "2025-03-01T10:00:09Z", Some("old"), Some("2026-03-01T00:00:00Z")),
        (Event::Acknowledged, "2025-03-02T08:00:00Z", Some("old"), None),
        (Event::Intended, "2026-02-21T10:00:00Z", Some("new"), Some("2027-02-20T00:00:00Z")),
        (Event::Failed, "2026-02-21T10:00:02Z", Some("new"), None),
        (Event::Intended, "2026-02-22T10:00:00Z", Some("new"), Some("2027-02-20T00:00:00Z")),
        (Event::Applied, "2026-02-22T10:00:02Z", Some("new"), Some("2027-02-20T00:00:00Z")),
        (Event::Confirmed, "2026-02-22T10:00:09Z", Some("new"), Some("2027-02-20T00:00:00Z")),
        (Event::ChangedOutsideGit, "2026-06-01T10:00:00Z", None, Some("2027-05-30T00:00:00Z")),
    ]);
    let past = TenantPast {
        told: Vec::new(),
        name: "contoso".to_owned(),
        versions,
        ledgers: vec![(TENANT.parse().unwrap(), &ledger)],
        ledger_problem: None,
    };
    let now = at("2026-08-01T00:00:00Z");
    let heading = Heading {
        rev: "c".repeat(40),
        now,
        cut_off: false,
        ledger_head: Some("d".repeat(40)),
        ledger_problem: None,
    };
    let mut history = History::new(heading, period, tokens_of(&past, period, now));
    history.applecart = "0.0.0".to_owned();
    history
}

#[test]
fn a_year_as_text() {
    let history = year(Period { at: Some(at("2026-03-03T23:59:59Z")), ..Period::default() });
    let text = anstream::adapter::strip_str(&history_human(&history, false, 100)).to_string();
    insta::assert_snapshot!("year_human", text);
    insta::assert_snapshot!("year_markdown", history_markdown(&history));
    insta::assert_snapshot!("year_csv", history_csv(&history));
}

#[test]
fn a_year_as_a_page() {
    let page = history_html(&year(Period::default()));
    let (head, body) = page.split_once("<body").unwrap();
    assert!(!head.contains("<script") && !head.contains("script-src"), "{head}");
    // Each element on a line.
    insta::assert_snapshot!("year_html", format!("<body{body}").replace("><", ">\n<"));
}

#[test]
fn the_credential_in_force_has_its_whole_way() {
    let force = |day: &str| {
        let period = Period { at: Some(at(&format!("{day}T12:00:00Z"))), ..Period::default() };
        year(period).tokens.remove(0).in_force
    };
    let march = force("2026-03-03");
    assert_eq!((march.state, march.sha256), (ForceState::Confirmed, Some(sha("new"))));
    assert_eq!(march.brought_in.unwrap().author.name, "dana");
    assert_eq!(march.merge.unwrap().author.name, "lee");
    assert_eq!(march.review.unwrap().number, 12);
    // The sending that landed, not the one that failed.
    assert_eq!(march.reached.unwrap().at, at("2026-02-22T10:00:02Z"));
    assert_eq!(march.desired, march.sha256);
    // Merged, and not uploaded yet: the old one is in force, the new one is wanted.
    let between = force("2026-02-21");
    assert_eq!((between.sha256, between.desired), (Some(sha("old")), Some(sha("new"))));
    assert_eq!((between.state, between.lapsed), (ForceState::Confirmed, Some(false)));
    assert_eq!(between.review.unwrap().number, 3);
    let summer = force("2026-07-01");
    assert_eq!((summer.state, summer.sha256), (ForceState::OutsideGit, None));
    assert_eq!(summer.reached.unwrap().at, at("2026-06-01T10:00:00Z"));
    assert_eq!(force("2028-01-01").lapsed, Some(true));
    assert_eq!(force("2024-01-01").state, ForceState::NotRecorded);
}

#[test]
fn an_adoption_is_a_change_outside_git_that_is_counted_once() {
    let token = year(Period::default()).tokens.remove(0);
    let with = |events: &[Event]| {
        let mut token = token.clone();
        let entry = token.entries.pop().unwrap();
        token.entries = events
            .iter()
            .map(|&event| TimelineEntry { event: event.into(), ..entry.clone() })
            .collect();
        outside(&token)
    };
    use Event::{Adopted, ChangedOutsideGit, Confirmed, Observed};
    assert_eq!(outside(&token), 1);
    for (events, expected) in [
        (&[ChangedOutsideGit, Adopted][..], 1),
        (&[Adopted], 1),
        (&[ChangedOutsideGit, Adopted, Adopted], 2),
        (&[ChangedOutsideGit, Confirmed, Adopted], 2),
        (&[ChangedOutsideGit, ChangedOutsideGit], 2),
        (&[Confirmed], 0),
        (&[Observed], 0),
        (&[Observed, Observed], 1),
        (&[Observed, Observed, Adopted], 1),
    ] {
        assert_eq!(with(events), expected, "{events:?}");
    }
}

#[test]
fn between_the_last_sight_and_a_change_outside_git_nobody_knows() {
    let force = |day: &str| {
        let period = Period { at: Some(at(&format!("{day}T12:00:00Z"))), ..Period::default() };
        year(period).tokens.remove(0).in_force
    };
    // The other certificate expires on 2027-05-30, so that it cannot have been there much sooner.
    assert_eq!(force("2026-05-20").state, ForceState::Confirmed);
    let may = force("2026-05-31");
    assert_eq!((may.state, may.sha256), (ForceState::Uncertain, Some(sha("new"))));
    let replaced = may.replaced.unwrap();
    assert_eq!(replaced.seen.at, at("2026-06-01T10:00:00Z"));
    assert_eq!(replaced.last_known, at("2026-02-22T10:00:09Z"));
    let history = year(Period { at: Some(at("2026-05-31T12:00:00Z")), ..Period::default() });
    for text in [history_human(&history, false, 300), history_html(&history)] {
        assert!(text.contains("uncertain: it was changed outside Git"), "{text}");
        assert!(
            text.contains("another one (expires 2027-05-30T00:00:00Z) was first seen 2026-06-01")
        );
        assert!(!text.contains("in Intune, as a read showed"), "{text}");
    }
}

/// One token's ledger alone, as `in_force` sees it.
fn force_of(entries: &[(Event, &str, Option<&str>, Option<&str>)], day: &str) -> InForce {
    let ledger = ledger(entries);
    let past = TenantPast {
        told: Vec::new(),
        name: "contoso".to_owned(),
        versions: Vec::new(),
        ledgers: vec![(TENANT.parse().unwrap(), &ledger)],
        ledger_problem: None,
    };
    let period = Period { at: Some(at(&format!("{day}T12:00:00Z"))), ..Period::default() };
    tokens_of(&past, period, at("2027-01-01T00:00:00Z")).remove(0).in_force
}

#[test]
fn what_was_sent_and_never_seen_was_not_in_force() {
    let mut lines = ledger(&[
        (Event::Applied, "2026-01-01T10:00:00Z", Some("old"), None),
        (Event::Confirmed, "2026-01-01T10:00:05Z", Some("old"), None),
        (Event::Applied, "2026-02-01T10:00:00Z", Some("new"), None),
        (Event::Failed, "2026-02-02T10:00:00Z", Some("new"), None),
    ]);
    let force = |lines: &TenantLedger| {
        let past = TenantPast {
            told: Vec::new(),
            name: "contoso".to_owned(),
            versions: Vec::new(),
            ledgers: vec![(TENANT.parse().unwrap(), lines)],
            ledger_problem: None,
        };
        let history = tokens_of(&past, Period::default(), at("2027-01-01T00:00:00Z")).remove(0);
        let bars =
            picture::picture(&history, None).into_string().matches("<title>in Intune").count();
        (history.in_force.state, history.in_force.sha256, bars)
    };
    assert_eq!(force(&lines), (ForceState::Applied, Some(sha("new")), 2));
    if let EntryBody::Failed { cause, .. } = &mut lines.records[3].entry.body {
        cause.code = FailureCode::NeverVisible;
    }
    assert_eq!(force(&lines), (ForceState::Confirmed, Some(sha("old")), 1));
}

#[test]
fn what_was_adopted_was_there_since_it_was_seen_first() {
    let lines = [
        (Event::Confirmed, "2026-01-01T10:00:00Z", Some("old"), None),
        (Event::ChangedOutsideGit, "2026-02-01T10:00:00Z", None, None),
        (Event::Adopted, "2026-02-05T10:00:00Z", None, None),
    ];
    let adopted = force_of(&lines, "2026-03-03");
    assert_eq!(adopted.state, ForceState::Adopted);
    assert_eq!(adopted.reached.unwrap().at, at("2026-02-01T10:00:00Z"));
}

#[test]
fn what_a_run_saw_of_a_watched_token_was_in_force() {
    let lines = [
        (Event::Observed, "2026-01-01T10:00:00Z", None, Some("2026-12-01T00:00:00Z")),
        (Event::Observed, "2026-11-01T10:00:00Z", None, Some("2027-10-30T00:00:00Z")),
    ];
    let before = force_of(&lines, "2025-12-01");
    assert_eq!(before.state, ForceState::NotRecorded);
    let seen = force_of(&lines, "2026-03-03");
    assert_eq!((seen.state, seen.sha256), (ForceState::Observed, None));
    assert_eq!(seen.facts.unwrap().expires, Some(at("2026-12-01T00:00:00Z")));
    assert_eq!(seen.reached.unwrap().at, at("2026-01-01T10:00:00Z"));
    // The second one expires on 2027-10-30, so that it may have been there for two days.
    let between = force_of(&lines, "2026-10-31");
    assert_eq!(between.state, ForceState::Uncertain);
    assert_eq!(between.replaced.unwrap().seen.at, at("2026-11-01T10:00:00Z"));
    assert_eq!(force_of(&lines, "2026-11-02").state, ForceState::Observed);
}

#[test]
fn a_branch_that_was_not_merged_then_was_not_wanted() {
    let period = Period { at: Some(at("2026-02-20T12:00:00Z")), ..Period::default() };
    let force = year(period).tokens.remove(0).in_force;
    assert_eq!(force.desired, Some(sha("old")));
}

fn vpp(entries: &[(&str, Option<&str>, &str)]) -> Option<Arc<Desired>> {
    let mut lines = "watch: [vpp]\nvpp:\n".to_owned();
    for (name, id, file) in entries {
        let id = id.map(|id| format!("    id: {id}\n")).unwrap_or_default();
        lines.push_str(&format!(
            "  - name: {name}\n{id}    organization: Contoso\n    location: {file}\n    expires: 2030-01-01T00:00:00Z\n    file: {file}.age\n    sha256: {}\n",
            sha(file)
        ));
    }
    folder("contoso", &lines)
}

fn timelines(versions: Vec<Version>) -> Vec<(Option<String>, Option<String>, Vec<Happening>)> {
    let past = TenantPast {
        told: Vec::new(),
        name: "contoso".to_owned(),
        versions,
        ledgers: Vec::new(),
        ledger_problem: None,
    };
    tokens_of(&past, Period::default(), at("2027-01-01T00:00:00Z"))
        .into_iter()
        .map(|token| {
            let events = token.entries.iter().map(|entry| entry.event).collect();
            (token.name, token.id, events)
        })
        .collect()
}

#[test]
fn a_name_that_another_token_took_does_not_mix_their_timelines() {
    let (one, two) =
        ("1ce97c24-0000-4000-8000-000000000001", "1ce97c24-0000-4000-8000-000000000002");
    let before = || vpp(&[("London", None, "a")]);
    let both = || vpp(&[("London", Some(two), "b"), ("Paris", Some(one), "a")]);
    let seen = timelines(vec![
        version(commit('b', "2026-01-02", "dana", "Paris, and a new London"), before(), both()),
        version(commit('a', "2026-01-01", "dana", "First"), None, before()),
    ]);
    let text = |text: &str| Some(text.to_owned());
    assert_eq!(
        seen,
        [
            (text("London"), text(two), vec![GitEvent::Added.into()]),
            (text("Paris"), text(one), vec![GitEvent::Added.into(), GitEvent::Edited.into()]),
        ]
    );
}

#[test]
fn a_token_that_went_and_one_that_only_the_ledger_knows_are_shown() {
    let ledger = ledger(&[(Event::ChangedOutsideGit, "2026-01-02T00:00:00Z", None, None)]);
    let tracked = vpp(&[("London", None, "a")]);
    let nothing = folder("contoso", "watch: [vpp]\n");
    let past = TenantPast {
        told: Vec::new(),
        name: "contoso".to_owned(),
        versions: vec![
            version(commit('b', "2026-01-02", "dana", "Gone"), tracked.clone(), nothing),
            version(commit('a', "2026-01-01", "dana", "First"), None, tracked),
        ],
        ledgers: vec![(TENANT.parse().unwrap(), &ledger)],
        ledger_problem: None,
    };
    let tokens = tokens_of(&past, Period::default(), at("2027-01-01T00:00:00Z"));
    let seen: Vec<_> = tokens.iter().map(|one| (one.kind, one.in_git, one.entries.len())).collect();
    assert_eq!(seen, [(Kind::Push, false, 1), (Kind::Vpp, false, 2)]);
    assert_eq!(tokens[1].entries[1].event, GitEvent::Removed.into());
    assert_eq!(tokens[1].entries[1].sha256, Some(sha("a")));
}

#[test]
fn no_text_of_a_page_is_markup() {
    assert_eq!(
        maud::Render::render(&crate::report::page::Word("<a href=\"x\">'&\u{202e}")).into_string(),
        "&lt;a href=&quot;x&quot;&gt;'&amp;\\u{202e}"
    );
}
